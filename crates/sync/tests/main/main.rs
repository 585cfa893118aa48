//! The flow on real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "helpers of tests, where a panic is a failed test"
)]

mod adopt;
mod attack;
mod cells;
mod cuts;
mod cuts_target;
mod drift;
mod fault;
mod flow;
mod footprint;
mod hands;
mod kindness;
mod living;
mod mutate;
mod pair;
mod passes;
mod random;
mod render;
mod review;
mod thin;
mod torture;

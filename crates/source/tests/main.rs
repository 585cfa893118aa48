//! The clinic's side against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, where a panic is a failed test"
)]

mod large;
mod server;
mod thin;
mod tls;

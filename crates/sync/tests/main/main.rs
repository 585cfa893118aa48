//! The flow on real servers.

mod attack;
mod fault;
mod flow;
mod pair;
mod render;
mod torture;

//! The flow on real servers.

mod fault;
mod flow;
mod pair;
mod render;
mod torture;

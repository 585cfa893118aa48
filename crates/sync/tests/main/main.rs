//! The flow on real servers.

mod attack;
mod drift;
mod fault;
mod flow;
mod pair;
mod render;
mod torture;

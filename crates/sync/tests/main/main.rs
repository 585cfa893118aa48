//! The flow on real servers.

mod flow;
mod pair;

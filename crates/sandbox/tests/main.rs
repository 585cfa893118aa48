//! The sandbox against real servers.

mod testing;

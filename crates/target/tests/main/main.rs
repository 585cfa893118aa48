//! The PostgreSQL side against real servers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

mod between;
mod citus;
mod row_hash;
mod sites;
mod tls;

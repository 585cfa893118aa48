//! The clinic's side against real servers.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is a failed test")]

mod server;
mod tls;

//! The sandbox against real servers.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod live;
mod testing;
#[cfg(unix)]
mod up_and_down;

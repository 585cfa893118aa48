//! The audit log from outside.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

mod mutations;

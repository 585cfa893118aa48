//! The program from outside: exit code, standard output and standard error together, on real servers where one is
//! needed.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, where a panic is a failed test"
)]

mod bench;
#[cfg(target_os = "linux")]
mod book;
mod browser;
mod canary;
mod dbt;
mod documents;
mod examples;
mod export;
mod files;
mod generate;
mod guard;
mod hours;
mod interrupt;
mod known;
mod notify;
mod offline;
#[cfg(target_os = "linux")]
mod packaging;
mod readers;
mod refusals;
mod runs;
mod serve;
mod sites;
mod source;
mod troubles;
mod watch;

//! Hash-chained audit log and run records.
//!
//! The ledger is given its paths and its times; it reads no clock, no environment and no home folder. Nothing in it
//! has a place for a value of a row, a key or a secret.

mod chain;
mod entry;
mod error;
pub mod private;
mod run;
mod store;

pub use chain::{Anchor, ChainVerdict, Fault, FaultKind, Head};
pub use entry::{Database, Entry, Phase, Record, TableCounts};
pub use error::LedgerError;
pub use run::{RunRecord, RunStore};
pub use store::AuditLog;

//! The flow: preflight, plan, extract, stage, validate, publish, verify.
//!
//! It prints nothing and reads no settings: it is given values and emits events. Begin at [`sync`].

mod adopt;
mod beside;
mod cutter;
mod differences;
mod error;
mod event;
mod extract;
mod link;
mod planner;
mod pump;
mod report;
mod runner;
mod schedule;
mod settings;
mod shape;
mod staging;
mod thin;
mod tombstones;
mod verify;

pub use error::SyncError;
pub use event::{Border, Event, Listener};
pub use link::{LinkMode, LinkReport, LinkWish, measure_link};
pub use report::{
    HeldReport, HoursReport, LaterReport, LooksReport, Mode, PlanReport, PlannedReport, SkippedReport,
    SourceReport, StatementBucket, StatementTimes, SyncReport, TableOutcome, TableReport, VerifiedTable,
    VerifyReport,
};
pub use runner::{RunInfo, plan, sync};
pub use settings::{ProofWish, SyncSettings, TableChoice};
pub use verify::verify;

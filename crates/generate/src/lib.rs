//! Puts the synthetic practice into the demo database, and refuses anything else.
//!
//! Begin at [`plan()`]: it connects, judges the database and says what would be written; [`Plan::run`] writes exactly
//! that. Nothing below this crate can reach a MySQL server, and there is no name of a database to give.

mod error;
mod plan;
mod report;
mod runner;

pub use error::GenerateError;
pub use plan::{GenerateSettings, Plan, plan};
pub use report::{DemoTarget, GenerateReport, TableReport};
pub use runner::{Event, Listener, RunInfo};

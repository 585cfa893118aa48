//! Puts the synthetic practice into the demo database or into files, and refuses anything else.
//!
//! Begin at [`plan()`]: it connects, judges the database and says what would be written; [`Plan::run`] writes exactly
//! that. [`plan_files()`] is its twin for files. Nothing below this crate can reach a MySQL server, and there is no name of a database to give.

mod anomalies;
mod encoder;
mod error;
mod explain;
mod files;
mod plan;
mod quality;
mod queue;
mod report;
mod runner;

pub use anomalies::{Anomaly, Condition, Kind, ListFile};
pub use bicuspid_files::{FilesError, Form};
pub use bicuspid_target::Spread;
pub use error::GenerateError;
pub use explain::{Explained, LifeRow, TableCount, explain};
pub use files::{FilePlan, FileSettings, Shard, plan_files};
pub use plan::{GenerateSettings, Plan, plan, tables_sql};
pub use quality::{Extent, Figure, QualityReport, QualityRow, Verdict, measure};
pub use report::{DemoTarget, GenerateReport, KindCount, Place, TableReport};
pub use runner::{Event, Listener, RunInfo};

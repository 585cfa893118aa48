//! What a generation wrote, in the names of the interface contract.

use std::path::PathBuf;
use std::time::Duration;

use bicuspid_model::Value;
use bicuspid_practice::{Practice, PracticeError, Settings, Summary};
use serde::Serialize;

/// The database that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoTarget {
    /// Name, as the server reports it.
    pub database: String,
    /// Host, or the folder of its socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Identifier of the cluster.
    pub system_identifier: String,
}

/// Where rows were written, by the name of its field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Into the demo database.
    Target(DemoTarget),
    /// Into files of a folder.
    Dir(PathBuf),
}

/// A table that was filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Name in `raw`.
    pub name: String,
    /// Rows; after a run, as the server counts them once they are committed.
    pub rows: u64,
    /// Digest of the rows whatever their order, 32 hexadecimal digits: the same settings give the same everywhere.
    pub digest: String,
}

/// A generation, planned or done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerateReport {
    /// Where to.
    #[serde(flatten)]
    pub place: Place,
    /// Patients on file.
    pub patients: u32,
    /// Seed.
    pub seed: u64,
    /// First day of the history, `YYYY-MM-DD`.
    pub start_date: String,
    /// The as-of date, `YYYY-MM-DD`.
    pub end_date: String,
    /// Tables that the practice fills, in the order of their names.
    pub tables: Vec<TableReport>,
    /// Tables of Open Dental that are there and empty; files have none.
    pub tables_empty: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Rows of an earlier generation that were replaced.
    pub rows_replaced: u64,
    /// Seconds from begin to end.
    pub seconds: f64,
}

impl GenerateReport {
    pub(crate) fn new(place: Place, settings: &Settings, summary: &Summary, took: Duration) -> Self {
        let tables = summary
            .tables
            .iter()
            .map(|t| TableReport {
                name: t.table.to_owned(),
                rows: t.rows,
                digest: format!("{:032x}", t.digest),
            })
            .collect();
        Self {
            place,
            patients: settings.patients,
            seed: settings.seed,
            start_date: settings.start_date.to_string(),
            end_date: settings.end_date.to_string(),
            tables,
            tables_empty: 0,
            rows: summary.rows(),
            rows_replaced: 0,
            seconds: took.as_secs_f64(),
        }
    }
}

/// Lets a practice happen and keeps no row.
pub(crate) fn summarise(practice: Practice) -> Result<Summary, PracticeError> {
    practice.run(&mut |_: &'static str, _: &[Value]| Ok(()))
}

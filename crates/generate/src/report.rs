//! What a generation wrote, in the names of the interface contract.

use std::path::PathBuf;
use std::time::Duration;

use bicuspid_practice::{Settings, Summary};
use serde::Serialize;

use crate::anomalies::{Anomaly, Condition, Kind, counts_by_kind};

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

/// Planted anomalies of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// How many there are.
    pub count: u64,
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
    /// `clean`, or `messy` with planted anomalies.
    pub condition: &'static str,
    /// What was planted, by kind; nothing in a clean practice.
    pub anomalies: Vec<KindCount>,
    /// Each of them, by table, in the order of the rows.
    #[serde(skip)]
    pub listed: Vec<Anomaly>,
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
            condition: Condition::Clean.name(),
            anomalies: Vec::new(),
            listed: Vec::new(),
            tables,
            tables_empty: 0,
            rows: summary.rows(),
            rows_replaced: 0,
            seconds: took.as_secs_f64(),
        }
    }

    /// The same with what was planted in it.
    pub(crate) fn with_anomalies(mut self, condition: Condition, mut listed: Vec<Anomaly>) -> Self {
        self.condition = condition.name();
        if condition == Condition::Messy {
            let counts = counts_by_kind(&listed);
            self.anomalies = counts.into_iter().map(|(kind, count)| KindCount { kind, count }).collect();
        }
        // Rows of several tables come mixed.
        listed.sort_by_key(|anomaly| (anomaly.table, anomaly.ordinal));
        self.listed = listed;
        self
    }
}

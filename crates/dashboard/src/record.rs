//! A run as its record tells it. Records of older versions lack fields; they are read all the same.

use bicuspid_ledger::RunRecord;
use serde::Deserialize;

use crate::figures::{between, length};

/// A run, ready to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// What the ledger keeps.
    pub(crate) record: RunRecord,
    /// What the command itself reported, as far as it is known here.
    pub(crate) told: Told,
}

/// The fields of a report that pages show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    pub(crate) tables: Vec<RunTable>,
    pub(crate) source: Option<RunSource>,
    pub(crate) seconds: Option<f64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) errors: Vec<RunTrouble>,
    pub(crate) equal: Option<bool>,
    pub(crate) patients: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) start_date: Option<String>,
    pub(crate) end_date: Option<String>,
}

/// One table of a run, whatever the command.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunTable {
    pub(crate) name: String,
    pub(crate) mode: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) rows: Option<u64>,
    pub(crate) rows_source: u64,
    pub(crate) rows_target: u64,
    pub(crate) rows_read: u64,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) equal: Option<bool>,
    pub(crate) missing: u64,
    pub(crate) extra: u64,
    pub(crate) different: u64,
    /// Seconds after the begin of the run at which it was begun; not kept by older versions.
    pub(crate) began_seconds: Option<f64>,
    /// Seconds that it took.
    pub(crate) seconds: Option<f64>,
    pub(crate) held: Option<RunHeld>,
    pub(crate) converted: Vec<RunConverted>,
}

/// Why a table was held.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunHeld {
    pub(crate) rule: String,
    pub(crate) detail: String,
    pub(crate) remedy: String,
}

/// Values that were replaced.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunConverted {
    pub(crate) column: String,
    pub(crate) rule: String,
    pub(crate) count: u64,
}

/// What the source was asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunSource {
    pub(crate) statements: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) busy_seconds: f64,
    pub(crate) statement_ms: RunTimes,
}

/// Times of statements.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunTimes {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    /// Statements that took at most so many milliseconds and more than the line before says; not kept by older versions.
    pub(crate) histogram: Vec<RunBucket>,
}

/// One bar of the distribution.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunBucket {
    pub(crate) up_to_ms: f64,
    pub(crate) statements: u64,
}

/// A trouble of a run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunTrouble {
    pub(crate) code: String,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) state: String,
    pub(crate) hint: String,
}

impl Run {
    /// `clinic`, or `clinic/north` of a site.
    pub(crate) fn place(&self) -> String {
        match &self.record.site {
            Some(site) => format!("{}/{site}", self.record.environment),
            None => self.record.environment.clone(),
        }
    }

    /// Reads what a record says. A report that is none leaves the run without details.
    pub(crate) fn new(record: RunRecord) -> Self {
        let told = serde_json::from_value(record.report.clone()).unwrap_or_default();
        Self { record, told }
    }

    /// The outcome in a word; a run that never ended was killed or still goes on.
    pub(crate) fn outcome(&self) -> &str {
        self.record.outcome.as_deref().unwrap_or("no end known")
    }

    /// How long it took, seconds.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let finished = self.record.finished_at.as_deref();
        self.told.seconds.or_else(|| between(&self.record.started_at, finished?))
    }

    /// Rows that were read.
    pub(crate) fn rows_read(&self) -> u64 {
        self.told.source.as_ref().map_or_else(|| self.sum(|table| table.rows_read), |source| source.rows)
    }

    /// Rows that were inserted; a generation writes every row that it reports.
    pub(crate) fn inserted(&self) -> u64 {
        self.sum(|table| table.inserted + table.rows.unwrap_or_default())
    }

    /// Rows that were changed.
    pub(crate) fn updated(&self) -> u64 {
        self.sum(|table| table.updated)
    }

    /// Rows that were deleted.
    pub(crate) fn deleted(&self) -> u64 {
        self.sum(|table| table.deleted)
    }

    /// Tables that a rule kept back.
    pub(crate) fn held(&self) -> impl Iterator<Item = (&RunTable, &RunHeld)> {
        self.told.tables.iter().filter_map(|table| Some((table, table.held.as_ref()?)))
    }

    /// How many tables had this outcome.
    pub(crate) fn tables_with(&self, outcome: &str) -> u64 {
        let of: Vec<&RunTable> =
            self.told.tables.iter().filter(|table| table.outcome.as_deref() == Some(outcome)).collect();
        length(&of)
    }

    /// Whether the source was read by it: then its account was judged and its session was read-only.
    pub(crate) fn read_the_source(&self) -> bool {
        self.told.source.is_some()
    }

    fn sum(&self, of: impl Fn(&RunTable) -> u64) -> u64 {
        self.told.tables.iter().map(of).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub(crate) fn run(report: Value) -> Run {
        Run::new(RunRecord {
            run_id: "20260302T211405Z-0a1b2c3d4e5f".into(),
            version: "0.1.0".into(),
            command: "sync".into(),
            environment: "clinic".into(),
            site: None,
            started_at: "2026-03-02T21:14:05Z".into(),
            finished_at: Some("2026-03-02T21:15:05Z".into()),
            outcome: Some("done".into()),
            exit_code: Some(0),
            audit_head: None,
            report,
        })
    }

    #[test]
    fn old_and_strange_reports_are_read() {
        let old = run(json!({"tables": [
            {"name": "patient", "mode": "first", "outcome": "published", "rows_source": 5, "rows_target": 5, "rows_read": 6,
             "inserted": 5, "updated": 1, "deleted": 2, "held": null, "converted": []}],
            "source": {"statements": 3, "rows": 6, "bytes": 60, "statement_ms": {"p50": 1.0, "p99": 2.0, "max": 3.0}}}));
        assert_eq!((old.rows_read(), old.inserted(), old.updated(), old.deleted()), (6, 5, 1, 2));
        assert_eq!(old.seconds(), Some(60.0));
        assert_eq!(old.tables_with("published"), 1);
        assert!(old.told.source.as_ref().unwrap().statement_ms.histogram.is_empty() && old.read_the_source());
        let generated =
            run(json!({"tables": [{"name": "patient", "rows": 7, "digest": "x"}], "seconds": 0.5}));
        assert_eq!((generated.inserted(), generated.seconds()), (7, Some(0.5)));
        for strange in [Value::Null, json!([]), json!({"tables": 3})] {
            assert!(run(strange).told.tables.is_empty());
        }
    }
}

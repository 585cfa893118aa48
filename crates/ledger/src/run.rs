//! Run records: one JSON file for each run, for `status`, `audit` and the dashboard.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chain::Head;
use crate::error::LedgerError;
use crate::private;

/// What is kept of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The run.
    pub run_id: String,
    /// Version of Bicuspid.
    pub version: String,
    /// The command.
    pub command: String,
    /// Name of the environment.
    pub environment: String,
    /// Name of the site, if it is one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended; `None` while it runs, or after a crash.
    pub finished_at: Option<String>,
    /// Outcome, as in the command's own report.
    pub outcome: Option<String>,
    /// Exit code.
    pub exit_code: Option<u8>,
    /// The head of the audit log after the run's last entry: an anchor.
    pub audit_head: Option<Head>,
    /// The command's own report: tables, counts, times; no values.
    pub report: serde_json::Value,
}

/// The folder of the run records.
#[derive(Debug, Clone)]
pub struct RunStore {
    dir: PathBuf,
}

impl RunStore {
    /// Opens the folder, or makes it, for its owner alone.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let dir = dir.into();
        private::create_dir(&dir).map_err(LedgerError::file("create", &dir))?;
        Ok(Self { dir })
    }

    /// Looks at a folder and makes nothing: one that is missing cannot be listed.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Writes a record as a whole, over an earlier one of the same run.
    pub fn save(&self, record: &RunRecord) -> Result<(), LedgerError> {
        let path = self.path(&record.run_id)?;
        let mut text =
            serde_json::to_vec_pretty(record).map_err(|_| LedgerError::Record { path: path.clone() })?;
        text.push(b'\n');
        private::replace(&path, &text).map_err(LedgerError::file("write", &path))
    }

    /// Reads a record, `None` if there is no such run.
    pub fn load(&self, run_id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let path = self.path(run_id)?;
        match fs::read(&path) {
            Ok(bytes) => parse(&bytes, &path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::file("read", &path)(error)),
        }
    }

    /// All runs, by the time they began, newest first; those that cannot be read are left out and counted.
    pub fn list(&self) -> Result<(Vec<RunRecord>, usize), LedgerError> {
        let failed = || LedgerError::file("list", &self.dir);
        let (mut records, mut unreadable) = (Vec::new(), 0);
        for item in fs::read_dir(&self.dir).map_err(failed())? {
            let path = item.map_err(failed())?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let record = fs::read(&path).ok().and_then(|bytes| parse(&bytes, &path).ok());
            match record {
                Some(record) => records.push(record),
                None => unreadable += 1,
            }
        }
        records.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
        Ok((records, unreadable))
    }

    fn path(&self, run_id: &str) -> Result<PathBuf, LedgerError> {
        let fits = (1..=64).contains(&run_id.len())
            && run_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits { Ok(self.dir.join(format!("{run_id}.json"))) } else { Err(LedgerError::RunId) }
    }
}

fn parse(bytes: &[u8], path: &Path) -> Result<RunRecord, LedgerError> {
    serde_json::from_slice(bytes).map_err(|_| LedgerError::Record { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run_id: &str, started_at: &str) -> RunRecord {
        RunRecord {
            run_id: run_id.into(),
            version: "0.1.0".into(),
            command: "sync".into(),
            environment: "test".into(),
            site: None,
            started_at: started_at.into(),
            finished_at: None,
            outcome: None,
            exit_code: None,
            audit_head: None,
            report: serde_json::json!({"tables": []}),
        }
    }

    #[test]
    fn records_come_back_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = RunStore::open(dir.path().join("runs")).unwrap();
        let (old, new) = (record("a-1", "2026-01-01T00:00:00Z"), record("b-2", "2026-02-01T00:00:00Z"));
        store.save(&new).unwrap();
        store.save(&old).unwrap();
        let finished = RunRecord { outcome: Some("done".into()), exit_code: Some(0), ..old.clone() };
        store.save(&finished).unwrap();
        fs::write(dir.path().join("runs/c-3.json"), "{").unwrap();
        assert_eq!(store.list().unwrap(), (vec![new, finished.clone()], 1));
        assert_eq!(store.load("a-1").unwrap(), Some(finished));
        assert_eq!(store.load("z").unwrap(), None);
        assert!(matches!(store.load("c-3"), Err(LedgerError::Record { .. })));
    }

    #[test]
    fn a_run_id_cannot_leave_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let store = RunStore::open(dir.path()).unwrap();
        for id in ["", "../x", "a/b", "a\\b", "a.b", "C:", "é", &"a".repeat(65)] {
            assert!(matches!(store.load(id), Err(LedgerError::RunId)), "{id}");
        }
    }
}

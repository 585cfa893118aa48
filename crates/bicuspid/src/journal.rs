//! Tells the audit log what is about to be done, and afterwards what was done.
//!
//! The intent is on the disk before anything is opened for writing; if it cannot be written, nothing else is. An
//! intent without a result is a run that was killed.

use std::path::{Path, PathBuf};

use bicuspid_ledger::{AuditLog, Database, Entry, Head, Phase, RunRecord, RunStore, TableCounts};
use bicuspid_model::Endpoint;
use bicuspid_model::trouble::reason_of_io;
use bicuspid_target::{AuditHead, ServerFacts};
use ring::digest::{Context, SHA256};
use serde_json::Value;

use crate::printer::Printer;
use crate::report::{Ended, Outcome, Report, Stop};
use crate::run_id::RunId;
use crate::settings::{ProcessEnvironment, Settings};
use crate::{clock, reports};

/// Name of the audit log in the state folder.
pub(crate) const LOG: &str = "audit.jsonl";
/// Name of the folder of run records in the state folder.
pub(crate) const RUNS: &str = "runs";
/// The actions that write into no database, whatever becomes of them.
pub(crate) const READS_ONLY: [&str; 2] = ["verify", "export"];
/// The same with leave to write what differs: a run that was killed may have.
const MAY_REPAIR: &str = "verify --repair";

/// The log of one run.
pub(crate) struct Journal {
    log: AuditLog,
    runs: RunStore,
    /// The state folder, for the report.
    state: PathBuf,
    entry: Entry,
    record: RunRecord,
    /// Who keeps the log.
    keeper: String,
    /// Whether the end has been written.
    closed: bool,
}

impl Journal {
    /// Opens the log for a run. Nothing is written yet.
    pub(crate) fn open(
        command: &'static str,
        run: &RunId,
        settings: &Settings,
        process: &ProcessEnvironment,
    ) -> Result<Self, Stop> {
        settings.state_dir.ensure()?;
        let log = AuditLog::open(settings.state_dir.path().join(LOG))?;
        let runs = RunStore::open(settings.state_dir.path().join(RUNS))?;
        let entry = Entry {
            at: run.began,
            run_id: run.text.clone(),
            phase: Phase::Intent,
            user: user(process),
            machine: machine(process),
            environment: settings.environment,
            site: settings.site.clone(),
            source: None,
            target: None,
            action: command.to_owned(),
            outcome: None,
            tables: Vec::new(),
        };
        let record = RunRecord {
            run_id: run.text.clone(),
            version: crate::cli::VERSION.to_owned(),
            command: command.to_owned(),
            environment: settings.environment.name().to_owned(),
            site: settings.site.as_ref().map(ToString::to_string),
            started_at: clock::rfc3339(run.began),
            finished_at: None,
            outcome: None,
            exit_code: None,
            audit_head: None,
            report: Value::Null,
        };
        let keeper = keeper(settings.state_dir.path(), process);
        let state = settings.state_dir.path().to_owned();
        Ok(Self { log, runs, state, entry, record, keeper, closed: false })
    }

    /// Notes, before the intent, that a proof may write.
    pub(crate) fn may_repair(&mut self) {
        MAY_REPAIR.clone_into(&mut self.entry.action);
    }

    /// Notes which source is meant.
    pub(crate) fn source(&mut self, at: &Endpoint) {
        self.entry.source = Some(Database {
            place: at.host.to_string(),
            name: at.database.to_string(),
            account: at.user.clone(),
            system_identifier: None,
            oid: None,
        });
    }

    /// Notes which target is meant, as the settings name it.
    pub(crate) fn target(&mut self, at: &Endpoint) {
        self.entry.target = Some(Database {
            place: at.host.to_string(),
            name: at.database.to_string(),
            account: at.user.clone(),
            system_identifier: None,
            oid: None,
        });
    }

    /// Notes which target answered.
    pub(crate) fn found(&mut self, facts: &ServerFacts) {
        if let Some(target) = &mut self.entry.target {
            target.name.clone_from(&facts.database);
            target.account.clone_from(&facts.user);
            target.system_identifier = Some(facts.system_identifier);
            target.oid = Some(facts.oid);
        }
    }

    /// Writes the intent, and returns the head of the log for anchoring it in the database that is written.
    pub(crate) fn intend(&mut self) -> Result<AuditHead, Stop> {
        self.runs.save(&self.record)?;
        let Head { log, sequence, hash } = self.log.append(&self.entry)?;
        Ok(AuditHead { keeper: self.keeper.clone(), log, sequence, hash })
    }

    /// Writes how it ended. What cannot be written is a trouble of its own, added to the others.
    pub(crate) fn close(mut self, ended: Ended) -> Ended {
        self.closed = true;
        let (mut report, is_stop) = match ended {
            Ok(report) => (report, false),
            Err(Stop(report)) => (*report, true),
        };
        if let Err(Stop(trouble)) = self.write_end(&report) {
            for trouble in trouble.troubles() {
                report.add(trouble.clone());
            }
        }
        if is_stop { Err(Stop(Box::new(report))) } else { Ok(report) }
    }

    fn write_end(&mut self, report: &Report) -> Result<(), Stop> {
        let outcome = report.outcome();
        self.entry.at = clock::now();
        self.entry.phase = if outcome == Outcome::Refused { Phase::Refusal } else { Phase::Result };
        let codes: Vec<&str> = report.troubles().iter().map(|trouble| trouble.code.as_str()).collect();
        let codes = if codes.is_empty() { String::new() } else { format!(": {}", codes.join(", ")) };
        self.entry.outcome = Some(format!("{}{codes}", outcome.name()));
        let json = report.json(&self.record.command, Some(&self.record.environment));
        self.entry.tables = table_counts(&json);
        let head = self.log.append(&self.entry)?;
        self.record.finished_at = Some(clock::rfc3339(self.entry.at));
        self.record.outcome = Some(outcome.name().to_owned());
        self.record.exit_code = Some(outcome.exit_code());
        self.record.audit_head = Some(head);
        self.record.report = json;
        self.runs.save(&self.record)?;
        // The run is what it is without a page about it, which can be made again from the record.
        if let Err(error) = reports::write(&self.state, &self.record) {
            Printer::note(&format!("The report of the run could not be written: {}", reason_of_io(&error)));
        }
        Ok(())
    }
}

impl Drop for Journal {
    /// A run that was dropped was interrupted: everything else is closed.
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        let mut report = Report::new();
        report.add(crate::interrupt::trouble());
        if let Err(Stop(report)) = self.write_end(&report) {
            for trouble in report.troubles() {
                Printer::note(&format!("the audit log does not know of the interruption: {}", trouble.why));
            }
        }
    }
}

/// A digest of machine and folder: heads that were anchored by the same keeper must be of the log that is there.
pub(crate) fn keeper(folder: &Path, process: &ProcessEnvironment) -> String {
    // A folder that is gone had the name that it would have.
    let named = || Some(folder.parent()?.join(".").canonicalize().ok()?.join(folder.file_name()?));
    let folder = folder.canonicalize().ok().or_else(named).unwrap_or_else(|| folder.to_owned());
    let mut context = Context::new(&SHA256);
    context.update(machine(process).as_bytes());
    context.update(b"\0");
    context.update(folder.as_os_str().as_encoded_bytes());
    let digest = context.finish();
    let half = digest.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

/// The tables of a report that were read or written, in rows; what a repair wrote is told in a list of its own.
fn table_counts(report: &Value) -> Vec<TableCounts> {
    let count = |table: &Value, names: &[&str]| {
        names.iter().find_map(|name| table.get(*name).and_then(Value::as_u64)).unwrap_or(0)
    };
    let mut list: Vec<TableCounts> = Vec::new();
    for table in ["tables", "repaired"].into_iter().filter_map(|list| report.get(list)?.as_array()).flatten()
    {
        let counts = TableCounts {
            table: table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            read: count(table, &["rows_read", "rows_source"]),
            // A generation writes every row that it reports.
            inserted: count(table, &["inserted", "rows"]),
            updated: count(table, &["updated"]),
            deleted: count(table, &["deleted"]),
        };
        match list.iter_mut().find(|earlier| earlier.table == counts.table) {
            Some(earlier) => {
                earlier.read += counts.read;
                earlier.inserted += counts.inserted;
                earlier.updated += counts.updated;
                earlier.deleted += counts.deleted;
            }
            None => list.push(counts),
        }
    }
    list.retain(|counts| counts.read + counts.inserted + counts.updated + counts.deleted > 0);
    list
}

/// The user of the operating system: the number is the system's word, the name the environment's.
#[cfg(unix)]
fn user(process: &ProcessEnvironment) -> String {
    let name = process.user().unwrap_or("unnamed");
    format!("{name} (uid {})", rustix::process::geteuid().as_raw())
}

/// The user of the operating system, as the environment names it.
#[cfg(not(unix))]
fn user(process: &ProcessEnvironment) -> String {
    process.user().unwrap_or("unnamed").to_owned()
}

#[cfg(unix)]
fn machine(_process: &ProcessEnvironment) -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn machine(process: &ProcessEnvironment) -> String {
    process.machine().unwrap_or("unnamed").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_folder_that_is_gone_keeps_its_keeper() {
        let process = ProcessEnvironment::default();
        let dir = tempfile::tempdir().unwrap();
        let (state, other) = (dir.path().join("state"), dir.path().join("other"));
        std::fs::create_dir(&state).unwrap();
        let there = keeper(&state, &process);
        std::fs::remove_dir(&state).unwrap();
        assert_eq!(keeper(&state, &process), there);
        assert_ne!(keeper(&other, &process), there);
    }

    #[test]
    fn counts_come_from_the_report_whatever_the_command() {
        let sync = json!({"tables": [
            {"name": "a", "rows_source": 5, "rows_read": 9, "inserted": 1, "updated": 2, "deleted": 3},
            {"name": "b", "rows_source": 0, "rows_read": 0, "inserted": 0, "updated": 0, "deleted": 0},
        ]});
        let counts = table_counts(&sync);
        assert_eq!(counts.len(), 1, "a table that was not touched is not told");
        assert_eq!((counts[0].read, counts[0].inserted, counts[0].updated, counts[0].deleted), (9, 1, 2, 3));
        let verify = json!({"tables": [{"name": "a", "rows_source": 5, "equal": true}]});
        assert_eq!(table_counts(&verify)[0].read, 5);
        let repair = json!({"tables": [{"name": "a", "rows_source": 5, "equal": true}], "repaired": [
            {"name": "a", "rows_source": 5, "rows_read": 6, "inserted": 1, "updated": 0, "deleted": 2}]});
        let counts = &table_counts(&repair)[0];
        assert_eq!((counts.read, counts.inserted, counts.updated, counts.deleted), (11, 1, 0, 2));
        let generate = json!({"tables": [{"name": "a", "rows": 7, "digest": ""}]});
        assert_eq!(table_counts(&generate)[0].inserted, 7);
        assert!(table_counts(&json!({})).is_empty());
    }
}

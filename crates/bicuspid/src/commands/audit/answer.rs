//! The question of an emergency: did anything go to the wrong place, and what is to be done now?
//!
//! Answered from the record alone: it must be possible when no server can be reached.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_guard::Identity;
use bicuspid_ledger::{Phase, Record};
use bicuspid_model::Environment;
use serde::Serialize;

use crate::journal::READS_ONLY;

/// What the record says of one database that was written, or may have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Touched {
    /// The environment as which it was written.
    pub(super) environment: String,
    /// Name that the server reported.
    pub(super) database: String,
    /// Host and port.
    pub(super) place: String,
    /// System identifier of the cluster.
    pub(super) system_identifier: String,
    /// Oid of the database.
    pub(super) oid: u32,
    /// Runs that began to write.
    pub(super) runs: u64,
    /// Runs that never said how they ended: killed, or still at work.
    pub(super) unfinished: u64,
    /// Rows inserted, updated and deleted.
    pub(super) rows_written: u64,
    /// When the first of the runs began.
    pub(super) first_at: String,
    /// When the last entry was made.
    pub(super) last_at: String,
    /// What this machine knows of it.
    pub(super) standing: Standing,
}

/// What this machine knows of a database that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// It is the one that is enrolled for that environment.
    Right,
    /// It was known once, or was written from another folder: another one, or none, is known now.
    NotKnownNow,
    /// It is known as a database of another environment, or was written for two.
    OtherEnvironment,
}

impl Standing {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Right => "the one that is enrolled for this environment",
            Self::NotKnownNow => "NOT the one that this machine knows now",
            Self::OtherEnvironment => "belongs to ANOTHER ENVIRONMENT",
        }
    }
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// `no`, `look` (at least one database is not as it should be), or `damaged` (the record cannot be relied upon).
    pub(super) wrong_place: &'static str,
    /// Every database that was written or may have been.
    pub(super) databases: Vec<Touched>,
    /// Runs that were refused before anything was opened for writing.
    pub(super) refused: u64,
    /// What to do now, in this order.
    pub(super) steps: Vec<String>,
}

/// Answers from the record and from what this machine knows.
pub(super) fn answer(records: &[Record], known: &[Identity], is_whole: bool) -> Answer {
    let mut databases: BTreeMap<(String, String, u32), Touched> = BTreeMap::new();
    let mut refused = 0;
    let run = |record: &Record| (record.log.clone(), record.run_id.clone());
    let of_phases = |phases: &[Phase]| -> BTreeSet<(String, String)> {
        records.iter().filter(|record| phases.contains(&record.phase)).map(run).collect()
    };
    let begun = of_phases(&[Phase::Intent]);
    let ended = of_phases(&[Phase::Result, Phase::Refusal]);
    for record in records {
        let run = run(record);
        if record.phase == Phase::Refusal && !begun.contains(&run) {
            refused += 1;
            continue;
        }
        let Some(target) = record
            .target
            .as_ref()
            .filter(|_| !READS_ONLY.contains(&record.action.as_str()) || rows(record) > 0)
        else {
            continue;
        };
        // A database that never said who it is was never opened for writing.
        let (Some(system_identifier), Some(oid)) = (target.system_identifier, target.oid) else { continue };
        if !begun.contains(&run) {
            continue;
        }
        let key = (record.environment.clone(), system_identifier.to_string(), oid);
        let written = databases.entry(key).or_insert_with(|| Touched {
            environment: record.environment.clone(),
            database: target.name.clone(),
            place: target.place.clone(),
            system_identifier: system_identifier.to_string(),
            oid,
            runs: 0,
            unfinished: 0,
            rows_written: 0,
            first_at: record.at.clone(),
            last_at: record.at.clone(),
            standing: Standing::NotKnownNow,
        });
        written.last_at.clone_from(&record.at);
        written.rows_written += rows(record);
        if record.phase == Phase::Intent {
            written.runs += 1;
            if !ended.contains(&run) {
                written.unfinished += 1;
            }
        }
    }
    let all: Vec<(String, String, u32)> = databases.keys().cloned().collect();
    for ((environment, system_identifier, oid), written) in &mut databases {
        let is_same = |identity: &&Identity| {
            identity.system_identifier.to_string() == *system_identifier && identity.oid == *oid
        };
        let of_this = |identity: &Identity| Environment::named(environment) == Some(identity.environment);
        let as_two = all.iter().any(|(e, s, o)| e != environment && s == system_identifier && o == oid);
        let mut same = known.iter().filter(is_same);
        written.standing = match same.next() {
            _ if as_two => Standing::OtherEnvironment,
            None => Standing::NotKnownNow,
            Some(identity) if of_this(identity) => Standing::Right,
            Some(_) => Standing::OtherEnvironment,
        };
    }
    let databases: Vec<Touched> = databases.into_values().collect();
    let is_right = databases.iter().all(|written| written.standing == Standing::Right);
    let wrong_place = match (is_whole, is_right) {
        (false, _) => "damaged",
        (true, true) => "no",
        (true, false) => "look",
    };
    Answer { wrong_place, steps: steps(wrong_place, &databases), databases, refused }
}

fn rows(record: &Record) -> u64 {
    record.tables.iter().map(|table| table.inserted + table.updated + table.deleted).sum()
}

/// What to do, the most urgent first.
fn steps(wrong_place: &str, databases: &[Touched]) -> Vec<String> {
    let mut steps = Vec::new();
    let unfinished: Vec<&Touched> = databases.iter().filter(|written| written.unfinished > 0).collect();
    if wrong_place == "damaged" {
        steps.push(
            "keep audit.jsonl and audit.head as they are, and find out who changed them; `bicuspid audit --verify` \
             compares them with the databases"
                .to_owned(),
        );
        steps.push(
            "ask each database itself: `select started_at, outcome, record from bicuspid.run order by 1` lists the runs \
             that it took"
                .to_owned(),
        );
    }
    if wrong_place != "no" {
        steps.push("stop what runs: Ctrl-C rolls back what is not committed; stop schedules, too".to_owned());
        steps.push(
            "take the account's right to log in to the database concerned: `alter role ... nologin`"
                .to_owned(),
        );
        steps.push(
            "look at it before you change it: `select * from bicuspid.identity` says for which environment it was \
             enrolled; schema `raw` holds what was written, `_loaded_at` says when each row was, and \
             `bicuspid.generation` which rows are synthetic"
                .to_owned(),
        );
        steps.push(
            "if rows must go: nothing outside schemas `raw` and `bicuspid` was written, so restore these two from the \
             backup before the first of the runs, or drop them where they were not there before"
                .to_owned(),
        );
        steps.push(
            "if real patients' data reached people who may not see it, tell whoever answers for privacy in the clinic \
             now; the time until you do counts"
                .to_owned(),
        );
        steps.push(
            "afterwards `bicuspid check --env all` says whether the settings point where they should"
                .to_owned(),
        );
    }
    for written in unfinished {
        steps.push(format!(
            "a run on {} did not say how it ended; what it had not committed was rolled back. {} says what is there",
            written.database,
            if written.environment == Environment::Demo.name() {
                "`bicuspid status --env demo`".to_owned()
            } else {
                format!("`bicuspid verify --env {}`", written.environment)
            }
        ));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_ledger::{AuditLog, Database, Entry, TableCounts};
    use time::macros::datetime;

    fn entry(run: &str, environment: Environment, oid: Option<u32>, phase: Phase) -> Entry {
        Entry {
            at: datetime!(2026-03-02 21:14:05 UTC),
            run_id: run.to_owned(),
            phase,
            user: "dana".to_owned(),
            machine: "front-desk".to_owned(),
            environment,
            site: None,
            source: None,
            target: Some(Database {
                place: "db:5432".to_owned(),
                name: "opendental_analytics".to_owned(),
                account: "writer".to_owned(),
                system_identifier: oid.map(|_| 7),
                oid,
            }),
            action: "sync".to_owned(),
            outcome: None,
            tables: if phase == Phase::Result {
                vec![TableCounts {
                    table: "patient".to_owned(),
                    read: 9,
                    inserted: 3,
                    updated: 2,
                    deleted: 1,
                }]
            } else {
                Vec::new()
            },
        }
    }

    fn answered(entries: &[Entry], known: &[Identity]) -> Answer {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path().join("audit.jsonl")).unwrap();
        for entry in entries {
            log.append(entry).unwrap();
        }
        answer(&AuditLog::verify(log.path(), &[]).unwrap().records, known, true)
    }

    fn known(environment: Environment, oid: u32) -> Identity {
        Identity {
            environment,
            database: "opendental_analytics".to_owned(),
            system_identifier: 7,
            oid,
            site: None,
        }
    }

    use Environment::{Clinic, Test};
    use Phase::{Intent, Refusal, Result};

    #[test]
    fn nothing_went_wrong_where_every_database_is_the_known_one() {
        let run = |id| [entry(id, Clinic, Some(1), Intent), entry(id, Clinic, Some(1), Result)];
        let answer = answered(&[run("a"), run("b")].concat(), &[known(Clinic, 1)]);
        assert_eq!((answer.wrong_place, answer.databases.len()), ("no", 1));
        let database = &answer.databases[0];
        assert_eq!((database.runs, database.unfinished, database.rows_written), (2, 0, 12));
        assert_eq!(database.standing, Standing::Right);
        assert!(answer.steps.is_empty(), "{:?}", answer.steps);
    }

    #[test]
    fn a_database_that_is_not_the_known_one_is_told_with_steps() {
        let run = [entry("a", Clinic, Some(1), Intent), entry("a", Clinic, Some(1), Result)];
        for (known, standing) in [
            (vec![], Standing::NotKnownNow),
            (vec![known(Clinic, 2)], Standing::NotKnownNow),
            (vec![known(Test, 1)], Standing::OtherEnvironment),
        ] {
            let answer = answered(&run, &known);
            assert_eq!((answer.wrong_place, answer.databases[0].standing), ("look", standing));
            assert!(answer.steps[0].contains("stop"), "{:?}", answer.steps);
        }
        // One database for two environments cannot be right for both.
        let two =
            [&run[..], &[entry("b", Test, Some(1), Intent), entry("b", Test, Some(1), Result)]].concat();
        let answer = answered(&two, &[known(Clinic, 1)]);
        assert!(answer.databases.iter().all(|written| written.standing == Standing::OtherEnvironment));
    }

    #[test]
    fn what_was_refused_wrote_nothing_and_what_was_killed_may_have() {
        let refused = answered(&[entry("a", Clinic, Some(9), Refusal)], &[]);
        assert_eq!((refused.wrong_place, refused.refused, refused.databases.len()), ("no", 1, 0));
        let unreached = answered(&[entry("a", Clinic, None, Result)], &[]);
        assert_eq!((unreached.wrong_place, unreached.databases.len()), ("no", 0));
        let killed = answered(&[entry("a", Clinic, Some(1), Intent)], &[known(Clinic, 1)]);
        assert_eq!((killed.wrong_place, killed.databases[0].unfinished), ("no", 1));
        assert!(killed.steps[0].contains("`bicuspid verify --env clinic`"), "{:?}", killed.steps);
        // A proof writes nothing, but one that may repair does.
        for (action, count) in [("verify", 0), ("verify --repair", 1)] {
            let entry = Entry { action: action.to_owned(), ..entry("a", Clinic, Some(1), Intent) };
            let killed = answered(&[entry], &[known(Clinic, 1)]);
            assert_eq!((killed.databases.len(), killed.steps.len()), (count, count), "{action}");
        }
        // Refused inside the writing transaction: it had begun, and wrote nothing that stayed.
        let late = [entry("a", Clinic, Some(1), Intent), entry("a", Clinic, Some(1), Refusal)];
        let answer = answered(&late, &[known(Clinic, 1)]);
        assert_eq!((answer.databases[0].runs, answer.databases[0].unfinished), (1, 0));
    }

    #[test]
    fn a_damaged_record_does_not_acquit() {
        let answer = answer(&[], &[], false);
        assert_eq!(answer.wrong_place, "damaged");
        assert!(answer.steps[1].contains("bicuspid.run"), "{:?}", answer.steps);
    }
}

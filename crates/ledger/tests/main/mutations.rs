//! Every single change of a log is found: each byte, each line, each place where it can be cut.

use std::fs;
use std::path::Path;

use bicuspid_ledger::{AuditLog, Database, Entry, Phase, TableCounts};
use bicuspid_model::Environment;
use time::macros::datetime;

fn entry(run: &str, phase: Phase) -> Entry {
    Entry {
        at: datetime!(2026-03-02 21:14:05 UTC),
        run_id: run.to_owned(),
        phase,
        user: "dana \u{fffd} (uid 7)".to_owned(),
        machine: "front-desk".to_owned(),
        environment: Environment::Clinic,
        site: None,
        source: None,
        target: Some(Database {
            place: "localhost:5432".to_owned(),
            name: "opendental_analytics".to_owned(),
            account: "analytics_user".to_owned(),
            system_identifier: Some(7),
            oid: None,
        }),
        action: "sync".to_owned(),
        outcome: (phase == Phase::Result).then(|| "done".to_owned()),
        tables: vec![TableCounts {
            table: "patient".to_owned(),
            read: 4,
            inserted: 3,
            updated: 2,
            deleted: 1,
        }],
    }
}

struct Log {
    _dir: tempfile::TempDir,
    file: AuditLog,
    bytes: Vec<u8>,
}

fn log() -> Log {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("audit.jsonl")).unwrap();
    for run in ["r-1", "r-2"] {
        log.append(&entry(run, Phase::Intent)).unwrap();
        log.append(&entry(run, Phase::Result)).unwrap();
    }
    let bytes = fs::read(log.path()).unwrap();
    Log { _dir: dir, file: log, bytes }
}

impl Log {
    /// Whether the log is found to be damaged with these bytes in its place.
    fn is_found(&self, bytes: &[u8]) -> bool {
        let path: &Path = self.file.path();
        fs::write(path, bytes).unwrap();
        !AuditLog::verify(path, &[]).unwrap().is_whole()
    }

    fn lines(&self) -> Vec<&[u8]> {
        self.bytes.split_inclusive(|&byte| byte == b'\n').collect()
    }
}

#[test]
fn a_log_as_it_was_written_is_whole() {
    let log = log();
    assert!(!log.is_found(&log.bytes));
}

#[test]
fn every_changed_lost_or_added_byte_is_found() {
    let log = log();
    let mut tried = 0;
    for place in 0..log.bytes.len() {
        let old = log.bytes[place];
        for new in [old ^ 0x01, old ^ 0x20, b'0', b' ', b'\n', 0xff] {
            if new != old {
                let mut bytes = log.bytes.clone();
                bytes[place] = new;
                assert!(log.is_found(&bytes), "byte {place}: {old} became {new}");
                tried += 1;
            }
        }
        let mut lost = log.bytes.clone();
        lost.remove(place);
        assert!(log.is_found(&lost), "byte {place} was lost");
        let mut added = log.bytes.clone();
        added.insert(place, b' ');
        assert!(log.is_found(&added), "a blank was added at {place}");
        tried += 2;
    }
    assert!(tried > 8_000, "{tried}");
}

#[test]
fn every_place_where_it_can_be_cut_is_found() {
    let log = log();
    for length in 0..log.bytes.len() {
        assert!(log.is_found(&log.bytes[..length]), "cut to {length} bytes");
    }
}

#[test]
fn every_lost_doubled_or_exchanged_line_is_found() {
    let log = log();
    let lines = log.lines();
    for i in 0..lines.len() {
        let mut lost = lines.clone();
        lost.remove(i);
        assert!(log.is_found(&lost.concat()), "line {i} was lost");
        for j in 0..=lines.len() {
            let mut doubled = lines.clone();
            doubled.insert(j, lines[i]);
            assert!(log.is_found(&doubled.concat()), "line {i} was doubled at {j}");
        }
        for j in i + 1..lines.len() {
            let mut exchanged = lines.clone();
            exchanged.swap(i, j);
            assert!(log.is_found(&exchanged.concat()), "lines {i} and {j} changed places");
        }
    }
}

#[test]
fn a_line_of_another_log_is_found_in_every_place() {
    let (log, other) = (self::log(), self::log());
    let lines = log.lines();
    for (i, line) in other.lines().into_iter().enumerate() {
        let mut replaced = lines.clone();
        replaced[i] = line;
        assert!(log.is_found(&replaced.concat()), "line {i}");
    }
    assert!(log.is_found(&other.bytes), "the whole log was replaced");
}

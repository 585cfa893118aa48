//! The log's file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::chain::{self, Anchor, ChainVerdict, Head};
use crate::entry::{Entry, NO_HASH, Phase, Record};
use crate::error::LedgerError;
use crate::private;

/// An append-only, hash-chained log, one entry a line. Several runs may append to it; each entry is written under the
/// file's lock and is on the disk when [`AuditLog::append`] returns.
#[derive(Debug, Clone)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    /// Opens a log, or makes it, for its owner alone. What is in it is not judged here: a damaged log goes on, and
    /// [`AuditLog::verify`] tells of it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let path = path.into();
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            private::create_dir(parent).map_err(LedgerError::file("create", parent))?;
        }
        private::open_append(&path).map_err(LedgerError::file("open", &path))?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an entry and returns the new head, for anchoring elsewhere.
    ///
    /// A last line that a crash tore is kept, and an entry of its own says that the log went on after it.
    pub fn append(&self, entry: &Entry) -> Result<Head, LedgerError> {
        let failed = LedgerError::file("append to", &self.path);
        let written = (|| {
            let mut file = private::open_append(&self.path)?;
            file.lock()?;
            let tail = Tail::read(&mut file)?;
            let mut text = String::new();
            let mut last = tail.recent.first().cloned();
            if tail.is_torn {
                text.push('\n');
                let recovered = Entry {
                    phase: Phase::Recovered,
                    source: None,
                    target: None,
                    outcome: None,
                    tables: Vec::new(),
                    action: "continue after a torn line".to_owned(),
                    ..entry.clone()
                };
                last = Some(push(&mut text, &recovered, last.as_ref())?);
            }
            let record = push(&mut text, entry, last.as_ref())?;
            // One write: another process sees the lines whole or not at all.
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
            let head = chain::head_of(&record);
            // Under the same lock. A crash before it leaves a head of a moment ago, which the log still holds. If the
            // log does not hold the head that was left, entries were lost: the head stays, so that this goes on being
            // told however much is appended.
            if read_head(&self.path)?.is_none_or(|beside| tail.holds(&beside)) {
                private::replace(&head_path(&self.path), &serde_json::to_vec(&head)?)?;
            }
            Ok(head)
        })();
        written.map_err(failed)
    }

    /// Whether there is a log, or was: its file, or the head beside it.
    #[must_use]
    pub fn is_known(path: &Path) -> bool {
        path.exists() || head_path(path).exists()
    }

    /// Reads and judges a whole log, against the head beside it and those that were kept elsewhere; a log that is not
    /// there is empty.
    pub fn verify(path: &Path, anchors: &[Anchor]) -> Result<ChainVerdict, LedgerError> {
        // Before the log itself: whoever appends writes the log first.
        let beside = read_head(path).map_err(LedgerError::file("read", &head_path(path)))?;
        let anchors: Vec<Anchor> = beside.into_iter().chain(anchors.iter().cloned()).collect();
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => {
                file.lock_shared().map_err(LedgerError::file("lock", path))?;
                file.read_to_end(&mut bytes).map_err(LedgerError::file("read", path))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(LedgerError::file("open", path)(error)),
        }
        Ok(chain::judge(&bytes).with_anchors(&anchors))
    }
}

/// Where the last head is kept beside the log: against a tail that is lost by accident. Whoever means harm cuts both,
/// which is what anchors in other places are for.
fn head_path(log: &Path) -> PathBuf {
    log.with_extension("head")
}

/// The head beside a log. One that cannot be understood vouches for nothing and accuses nobody.
fn read_head(log: &Path) -> std::io::Result<Option<Head>> {
    match std::fs::read(head_path(log)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds an entry to the text that is to be written.
fn push(text: &mut String, entry: &Entry, last: Option<&Record>) -> std::io::Result<Record> {
    let record = match last {
        Some(last) => Record::new(entry, &last.log, last.sequence.saturating_add(1), &last.hash),
        None => Record::new(entry, &random_name()?, 1, NO_HASH),
    };
    text.push_str(&serde_json::to_string(&record)?);
    text.push('\n');
    Ok(record)
}

/// A name for a new log.
fn random_name() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the system gave no random bytes"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Entries at the end of a log that are looked at: as many as one append writes, and the one before them.
const RECENT: usize = 3;

/// The end of a log's file.
struct Tail {
    /// The last lines that are entries, the very last first.
    recent: Vec<Record>,
    /// Whether the file ends in the middle of a line.
    is_torn: bool,
}

impl Tail {
    /// Reads backwards until enough entries are in hand.
    fn read(file: &mut File) -> std::io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut window = 64 * 1024_u64;
        loop {
            let from = length.saturating_sub(window);
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            (&*file).take(length - from).read_to_end(&mut bytes)?;
            let is_torn = bytes.last().is_some_and(|&byte| byte != b'\n');
            let text = String::from_utf8_lossy(&bytes);
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let entries = whole.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
            let recent: Vec<Record> = entries.take(RECENT).collect();
            if recent.len() == RECENT || from == 0 {
                return Ok(Self { recent, is_torn });
            }
            window = window.saturating_mul(4);
        }
    }

    fn holds(&self, head: &Head) -> bool {
        self.recent.iter().any(|record| chain::head_of(record) == *head)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bicuspid_model::Environment;
    use time::macros::datetime;

    use super::*;
    use crate::chain::{Fault, FaultKind};
    use crate::entry::{Database, TableCounts};

    fn entry(action: &str) -> Entry {
        Entry {
            at: datetime!(2026-03-02 21:14:05.5 -08:00),
            run_id: "r-1".into(),
            phase: Phase::Intent,
            user: "dana".into(),
            machine: "front-desk".into(),
            environment: Environment::Clinic,
            site: None,
            source: None,
            target: Some(Database {
                place: "localhost:5432".into(),
                name: "opendental_analytics".into(),
                account: "analytics_user".into(),
                system_identifier: Some(7),
                oid: Some(16_388),
            }),
            action: action.into(),
            outcome: None,
            tables: vec![TableCounts {
                table: "patient".into(),
                read: 4,
                inserted: 3,
                updated: 2,
                deleted: 1,
            }],
        }
    }

    /// A log of five entries, its folder and its heads.
    fn log() -> (tempfile::TempDir, AuditLog, Vec<Head>) {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path().join("state/audit.jsonl")).unwrap();
        let heads = (0..5).map(|i| log.append(&entry(&format!("step {i}"))).unwrap()).collect();
        (dir, log, heads)
    }

    fn faults(log: &AuditLog, anchors: &[Anchor]) -> Vec<Fault> {
        AuditLog::verify(log.path(), anchors).unwrap().faults
    }

    fn edit(log: &AuditLog, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines: Vec<String> =
            fs::read_to_string(log.path()).unwrap().lines().map(ToOwned::to_owned).collect();
        change(&mut lines);
        fs::write(log.path(), lines.join("\n") + "\n").unwrap();
    }

    #[test]
    fn a_log_that_nobody_touched_is_whole() {
        let (_dir, log, heads) = log();
        let verdict = AuditLog::verify(log.path(), &heads).unwrap();
        assert!(verdict.is_whole(), "{:?}", verdict.faults);
        assert_eq!(verdict.head(), heads.last().cloned());
        assert_eq!(verdict.records[4].sequence, 5);
        assert_eq!(verdict.records[0].at, "2026-03-03T05:14:05.5Z");
        assert_eq!(verdict.records[0].log.len(), 32);
        assert_ne!(private::is_private(log.path()).unwrap(), Some(false));
        let again = AuditLog::open(log.path()).unwrap();
        assert_eq!(again.append(&entry("more")).unwrap().sequence, 6);
        assert!(faults(&log, &heads).is_empty());
    }

    #[test]
    fn a_missing_log_is_empty_and_anchors_tell_that_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        assert!(AuditLog::verify(&path, &[]).unwrap().is_whole());
        let (_dir, _log, heads) = log();
        let verdict = AuditLog::verify(&path, &heads[4..]).unwrap();
        assert_eq!(verdict.faults, [Fault { line: 0, kind: FaultKind::CutOff }]);
        assert_eq!(verdict.faults[0].to_string(), "it is empty or gone, but entries were written once");
    }

    #[test]
    fn every_kind_of_tampering_is_found_at_its_line() {
        use FaultKind::{Altered, CutOff, OutOfPlace, Replaced, Unreadable};
        type Change = fn(&mut Vec<String>);
        let cases: [(Change, Vec<(usize, FaultKind)>); 9] = [
            (|l| l[2] = l[2].replace("\"inserted\":3", "\"inserted\":4"), vec![(3, Altered)]),
            (|l| l[2] = l[2].replace("step 2", "step 9"), vec![(3, Altered)]),
            (|l| l[2] = l[2].replace("\"outcome\":null", "\"outcome\":\"\""), vec![(3, Altered)]),
            (|l| drop(l.remove(2)), vec![(3, OutOfPlace)]),
            (|l| l.swap(1, 2), vec![(2, OutOfPlace), (3, OutOfPlace), (4, OutOfPlace)]),
            (|l| l.insert(2, l[1].clone()), vec![(3, OutOfPlace)]),
            (|l| l[2] = "{}".into(), vec![(3, Unreadable), (4, OutOfPlace)]),
            (|l| drop(l.remove(0)), vec![(1, OutOfPlace)]),
            (|l| l.truncate(3), vec![(3, CutOff)]),
        ];
        for (i, (change, expected)) in cases.into_iter().enumerate() {
            let (_dir, log, heads) = log();
            edit(&log, change);
            let mut found: Vec<(usize, FaultKind)> =
                faults(&log, &heads[4..]).into_iter().map(|fault| (fault.line, fault.kind)).collect();
            found.dedup();
            assert_eq!(found, expected, "case {i}");
            // A damaged log goes on: the tool is never stopped by it.
            log.append(&entry("after")).unwrap();
            assert!(!faults(&log, &heads[4..]).is_empty(), "case {i}");
        }
        // A log made anew from the start is consistent in itself; the head beside it tells, and if that was made anew
        // too, an anchor elsewhere.
        for keeps_head in [true, false] {
            let (_dir, log, heads) = log();
            fs::remove_file(log.path()).unwrap();
            if !keeps_head {
                fs::remove_file(head_path(log.path())).unwrap();
            }
            for i in 0..5 {
                log.append(&entry(&format!("step {i}"))).unwrap();
            }
            assert_eq!(faults(&log, &[]).is_empty(), !keeps_head);
            assert_eq!(faults(&log, &heads[4..]), [Fault { line: 5, kind: Replaced }]);
        }
    }

    #[test]
    fn a_lost_tail_goes_on_being_told() {
        let (_dir, log, _heads) = log();
        edit(&log, |lines| lines.truncate(3));
        assert_eq!(faults(&log, &[]), [Fault { line: 3, kind: FaultKind::CutOff }]);
        for _ in 0..4 {
            log.append(&entry("after")).unwrap();
            let told = faults(&log, &[]);
            assert!(
                matches!(told[..], [Fault { kind: FaultKind::CutOff | FaultKind::Replaced, .. }]),
                "{told:?}"
            );
        }
        // A crash between the log and its head leaves an older head, and nothing is wrong.
        let (_dir, log, _heads) = self::log();
        let older = fs::read(head_path(log.path())).unwrap();
        log.append(&entry("more")).unwrap();
        fs::write(head_path(log.path()), older).unwrap();
        assert!(faults(&log, &[]).is_empty());
        assert_eq!(log.append(&entry("still more")).unwrap(), read_head(log.path()).unwrap().unwrap());
    }

    #[test]
    fn a_torn_line_is_kept_and_accounted_for() {
        let (_dir, log, heads) = log();
        let mut text = fs::read_to_string(log.path()).unwrap();
        text.push_str("{\"version\":1,\"log\":\"abc");
        fs::write(log.path(), &text).unwrap();
        let verdict = AuditLog::verify(log.path(), &heads).unwrap();
        assert!(verdict.is_whole());
        assert_eq!(verdict.torn_lines, [6]);
        let head = log.append(&entry("after")).unwrap();
        assert_eq!(head.sequence, 7);
        let verdict = AuditLog::verify(log.path(), &heads).unwrap();
        assert!(verdict.is_whole(), "{:?}", verdict.faults);
        assert_eq!((verdict.torn_lines, verdict.records[5].phase), (vec![6], Phase::Recovered));
        assert!(fs::read_to_string(log.path()).unwrap().starts_with(&text));
    }

    #[test]
    fn entries_longer_than_the_window_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path().join("audit.jsonl")).unwrap();
        let mut wide = entry("wide");
        wide.tables = vec![wide.tables[0].clone(); 4_000];
        log.append(&wide).unwrap();
        assert_eq!(log.append(&wide).unwrap().sequence, 2);
        assert!(faults(&log, &[]).is_empty());
    }

    #[test]
    fn writers_at_the_same_time_make_one_chain() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path().join("audit.jsonl")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10).for_each(|_| drop(log.append(&entry("x")).unwrap())));
            }
        });
        let verdict = AuditLog::verify(log.path(), &[]).unwrap();
        assert!(verdict.is_whole(), "{:?}", verdict.faults);
        assert_eq!(verdict.records.len(), 40);
    }
}

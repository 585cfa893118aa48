//! Whether a log is whole: every entry unaltered, in its place, and none missing.
//!
//! A chain shows edits, insertions, deletions in the middle and reordering. It cannot show that its tail was cut off
//! or that the whole file was replaced; for that its head is kept elsewhere as well (in the target, in run records)
//! and compared here as an [`Anchor`].

use std::fmt;

use crate::entry::{NO_HASH, Phase, Record, VERSION};

/// The end of a chain: its last entry's place and hash. Kept elsewhere, it anchors the chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// Name of the log.
    pub log: String,
    /// Place of its last entry.
    pub sequence: u64,
    /// Hash of its last entry.
    pub hash: String,
}

/// A head that was kept elsewhere.
pub type Anchor = Head;

/// One fault of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line of the file, from 1; 0 where there is none.
    pub line: usize,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It is not an entry.
    Unreadable,
    /// Its fields are not those that were hashed.
    Altered,
    /// It does not follow the entry before: entries are missing, were inserted or have changed places.
    OutOfPlace,
    /// It belongs to another log.
    OtherLog,
    /// The log ends before an entry that is anchored elsewhere.
    CutOff,
    /// The entry in an anchored place is another one.
    Replaced,
}

impl FaultKind {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "audit::unreadable",
            Self::Altered => "audit::altered",
            Self::OutOfPlace => "audit::out_of_place",
            Self::OtherLog => "audit::other_log",
            Self::CutOff => "audit::cut_off",
            Self::Replaced => "audit::replaced",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::Unreadable => "is not an entry",
            FaultKind::Altered => "was altered",
            FaultKind::OutOfPlace => "does not follow the entry before it",
            FaultKind::OtherLog => "belongs to another log",
            FaultKind::CutOff if self.line == 0 => {
                return write!(f, "it is empty or gone, but entries were written once");
            }
            FaultKind::CutOff => "is the last, but later entries were written once",
            FaultKind::Replaced => "is not the entry that was written there",
        };
        write!(f, "line {} {what}", self.line)
    }
}

/// What was found in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainVerdict {
    /// The entries that could be read, in the order of the file.
    pub records: Vec<Record>,
    /// Everything that is wrong; empty: the chain is whole.
    pub faults: Vec<Fault>,
    /// Lines that a crash tore and that the log itself accounts for, and a torn end that it has not met yet.
    pub torn_lines: Vec<usize>,
}

impl ChainVerdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// The end of the chain, `None` for an empty log.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.records.last().map(head_of)
    }

    /// Compares the log with heads that were kept elsewhere. Each kind of fault is told once, at the first place that it
    /// shows.
    #[must_use]
    pub fn with_anchors(mut self, anchors: &[Anchor]) -> Self {
        let mut places: Vec<(u64, FaultKind, usize)> = Vec::new();
        for anchor in anchors {
            let found = self.records.iter().zip(1..).find(|(record, _)| record.sequence == anchor.sequence);
            match found {
                Some((record, _)) if record.hash == anchor.hash && record.log == anchor.log => {}
                Some((_, place)) => places.push((anchor.sequence, FaultKind::Replaced, place)),
                None => places.push((anchor.sequence, FaultKind::CutOff, self.records.len())),
            }
        }
        places.sort_by_key(|(sequence, ..)| *sequence);
        for kind in [FaultKind::Replaced, FaultKind::CutOff] {
            if let Some((.., line)) = places.iter().find(|(_, found, _)| *found == kind) {
                self.faults.push(Fault { line: *line, kind });
            }
        }
        self
    }
}

pub(crate) fn head_of(record: &Record) -> Head {
    Head { log: record.log.clone(), sequence: record.sequence, hash: record.hash.clone() }
}

/// Judges the bytes of a log.
pub(crate) fn judge(bytes: &[u8]) -> ChainVerdict {
    let mut verdict = ChainVerdict { records: Vec::new(), faults: Vec::new(), torn_lines: Vec::new() };
    let mut unreadable: Option<usize> = None;
    for (line, content) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
        let record = content
            .strip_suffix(b"\n")
            .and_then(|content| serde_json::from_slice::<Record>(content).ok())
            .filter(|record| record.version == VERSION);
        let Some(record) = record else {
            if let Some(earlier) = unreadable.replace(line) {
                verdict.faults.push(Fault { line: earlier, kind: FaultKind::Unreadable });
            }
            continue;
        };
        if let Some(torn) = unreadable.take() {
            if record.phase == Phase::Recovered {
                verdict.torn_lines.push(torn);
            } else {
                verdict.faults.push(Fault { line: torn, kind: FaultKind::Unreadable });
            }
        }
        // The same fields in other bytes are an edit too: what is hashed is what the fields say, not how.
        if record.hash != record.compute_hash() || !is_as_written(&record, content) {
            verdict.faults.push(Fault { line, kind: FaultKind::Altered });
        }
        let (log, sequence, hash) = verdict.records.last().map_or_else(
            || (record.log.as_str(), 0, NO_HASH),
            |last| (last.log.as_str(), last.sequence, last.hash.as_str()),
        );
        if record.log != log {
            verdict.faults.push(Fault { line, kind: FaultKind::OtherLog });
        } else if record.previous != hash || Some(record.sequence) != sequence.checked_add(1) {
            verdict.faults.push(Fault { line, kind: FaultKind::OutOfPlace });
        }
        verdict.records.push(record);
    }
    // A crash tears the last line before its end; with an end it is somebody's doing.
    match unreadable {
        Some(line) if !bytes.ends_with(b"\n") => verdict.torn_lines.push(line),
        Some(line) => verdict.faults.push(Fault { line, kind: FaultKind::Unreadable }),
        None => {}
    }
    verdict
}

/// Whether a line holds an entry in the very bytes in which it is written.
fn is_as_written(record: &Record, content: &[u8]) -> bool {
    let written = serde_json::to_string(record).unwrap_or_default();
    content.strip_suffix(b"\n") == Some(written.as_bytes())
}

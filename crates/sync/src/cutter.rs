//! Where one chunk ends and the next begins.

use bicuspid_model::{Batch, Fingerprint, FingerprintKey, KeyBound};
use bicuspid_source::{Engine, SourceError};
use bicuspid_target::ChunkState;

use crate::error::SyncError;
use crate::shape::Shaped;

/// Bytes of a chunk at which it is cut.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Cuts rows into chunks as they come.
#[derive(Debug)]
pub(crate) struct Cutter {
    key: FingerprintKey,
    walk: Vec<usize>,
    rows_max: u64,
    /// Whether a chunk ends where a statement ended. Without snapshots only the rows of one statement are of one moment.
    by_statement: bool,
    open: Fingerprint,
    open_bytes: usize,
    /// Key of the last row of the statement before.
    last: Option<KeyBound>,
    rows: u64,
    bytes: usize,
    is_past: bool,
    done: Vec<ChunkState>,
}

impl Cutter {
    pub(crate) fn new(key: &FingerprintKey, shaped: &Shaped) -> Self {
        let by_statement = matches!(shaped.found.engine, Engine::TableLock(_));
        Self::over(*key, shaped.walk.positions(), shaped.chunk_rows, by_statement)
    }

    fn over(key: FingerprintKey, walk: &[usize], rows_max: u64, by_statement: bool) -> Self {
        Self {
            key,
            walk: walk.to_vec(),
            rows_max,
            by_statement,
            open: Fingerprint::default(),
            open_bytes: 0,
            last: None,
            rows: 0,
            bytes: 0,
            is_past: false,
            done: Vec::new(),
        }
    }

    /// Adds the rows of one statement.
    pub(crate) fn add(&mut self, batch: &Batch) -> Result<Fingerprint, SyncError> {
        let key_of =
            |row: &[u8]| KeyBound::of_row(row, &self.walk).ok_or(SourceError::Protocol { what: "a key" });
        let last = if self.walk.is_empty() { None } else { batch.last().map(key_of).transpose()? };
        if self.by_statement && self.open.rows > 0 && !batch.is_empty() && self.last.is_some() {
            let upper = self.last.take();
            self.cut(upper);
        }
        let mut piece = Fingerprint::default();
        for row in batch.rows() {
            self.is_past = self.is_past || self.rows >= self.rows_max || self.bytes >= CHUNK_BYTES;
            let hash = self.key.hash(row);
            piece.add(hash);
            self.open.add(hash);
            self.open_bytes += row.len();
            self.rows += 1;
            self.bytes += row.len();
            if !self.walk.is_empty() && (self.open.rows >= self.rows_max || self.open_bytes >= CHUNK_BYTES) {
                let upper =
                    KeyBound::of_row(row, &self.walk).ok_or(SourceError::Protocol { what: "a key" })?;
                self.cut(Some(upper));
            }
        }
        if last.is_some() {
            self.last = last;
        }
        Ok(piece)
    }

    /// Whether rows came after as many as a chunk holds. Rows of one chunk that was cut before never do that.
    pub(crate) const fn is_past_a_cut(&self) -> bool {
        self.is_past
    }

    fn cut(&mut self, upper: Option<KeyBound>) {
        self.done.push(ChunkState { upper, fingerprint: std::mem::take(&mut self.open) });
        self.open_bytes = 0;
    }

    /// Ends the range at `upper`. A chunk that is empty gives its range to the one after it.
    pub(crate) fn end(mut self, upper: Option<KeyBound>) -> Vec<ChunkState> {
        if self.open.rows > 0 || upper.is_none() {
            self.cut(upper);
        } else if let Some(last) = self.done.last_mut() {
            last.upper = upper;
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FingerprintKey = FingerprintKey::new([1; 16]);

    fn cutter(walk: &[usize], by_statement: bool) -> Cutter {
        Cutter::over(KEY, walk, 8192, by_statement)
    }

    #[test]
    fn without_snapshots_a_chunk_ends_with_its_statement() {
        let mut cutter = cutter(&[0], true);
        cutter.add(&rows(0..100)).unwrap();
        cutter.add(&rows(100..300)).unwrap();
        cutter.add(&rows(0..0)).unwrap();
        assert!(!cutter.is_past_a_cut());
        let chunks = cutter.end(None);
        assert_eq!(chunks.iter().map(|c| c.fingerprint.rows).collect::<Vec<_>>(), [100, 200]);
        assert_eq!(chunks[0].upper, KeyBound::of_row(rows(99..100).last().unwrap(), &[0]));
        assert!(chunks[1].upper.is_none());
    }

    fn rows(range: std::ops::Range<i64>) -> Batch {
        let mut batch = Batch::new();
        for i in range {
            batch.begin_row(1);
            batch.int8(i);
            assert!(batch.end_row());
        }
        batch
    }

    #[test]
    fn chunks_are_cut_by_rows_and_cover_everything() {
        let mut cutter = cutter(&[0], false);
        let all = rows(0..20_000);
        let total = cutter.add(&all).unwrap();
        let chunks = cutter.end(None);
        assert_eq!(chunks.iter().map(|c| c.fingerprint.rows).collect::<Vec<_>>(), [8192, 8192, 3616]);
        assert!(chunks[2].upper.is_none());
        let mut sum = Fingerprint::default();
        for chunk in &chunks {
            sum.merge(chunk.fingerprint);
        }
        assert_eq!(sum, total);
        let last_key = KeyBound::of_row(all.rows().nth(8191).unwrap(), &[0]).unwrap();
        assert_eq!(chunks[0].upper, Some(last_key));
    }

    #[test]
    fn rows_of_one_chunk_never_go_past_a_cut() {
        let mut cutter = cutter(&[0], false);
        cutter.add(&rows(0..8192)).unwrap();
        assert!(!cutter.is_past_a_cut(), "a chunk that is just full is one chunk");
        cutter.add(&rows(8192..8193)).unwrap();
        assert!(cutter.is_past_a_cut());
        cutter.add(&rows(8193..16384)).unwrap();
        assert!(cutter.is_past_a_cut());
    }

    #[test]
    fn an_empty_range_leaves_no_chunk_but_the_last() {
        let upper = KeyBound::of_row(rows(7..8).last().unwrap(), &[0]);
        assert!(cutter(&[0], false).end(upper).is_empty());
        assert_eq!(cutter(&[0], false).end(None).len(), 1);
    }
}

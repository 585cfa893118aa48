//! Where one chunk ends and the next begins.

use bicuspid_model::{Batch, Fingerprint, FingerprintKey, KeyBound, ServerHash, ServerSum};
use bicuspid_source::{Engine, SourceError};
use bicuspid_target::{ChunkState, Marks};

use crate::error::SyncError;
use crate::shape::Shaped;

/// Bytes of a chunk at which it is cut.
pub(crate) const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bytes up to which small chunks are joined where a statement locks its table: less than one brings at the kind pace.
const JOINED_BYTES_LOCKING: usize = 96 * 1024;

/// Cuts rows into chunks as they come.
#[derive(Debug, Clone)]
pub(crate) struct Cutter {
    key: FingerprintKey,
    walk: Vec<usize>,
    rows_max: u64,
    /// Whether a chunk ends where a statement ended. Without snapshots only the rows of one statement are of one moment.
    by_statement: bool,
    open: Fingerprint,
    /// What the server's hashes of the open chunk add up to; `None` if a row came without one.
    open_server: Option<ServerSum>,
    /// By which recipe the server hashes rows, if it is asked to.
    recipe: Option<u64>,
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
        let recipe = shaped.thin.as_ref().map(|thin| thin.recipe);
        let cutter = Self::over(*key, shaped.walk.positions(), shaped.chunk_rows, is_locking(shaped));
        Self { recipe, ..cutter }
    }

    fn over(key: FingerprintKey, walk: &[usize], rows_max: u64, by_statement: bool) -> Self {
        Self {
            key,
            walk: walk.to_vec(),
            rows_max,
            by_statement,
            open: Fingerprint::default(),
            open_server: Some(ServerSum::default()),
            recipe: None,
            open_bytes: 0,
            last: None,
            rows: 0,
            bytes: 0,
            is_past: false,
            done: Vec::new(),
        }
    }

    /// Adds the rows of one statement, with the server's own hashes of them if there are any.
    pub(crate) fn add(
        &mut self,
        batch: &Batch,
        hashes: Option<&[ServerSum]>,
    ) -> Result<Fingerprint, SyncError> {
        let key_of =
            |row: &[u8]| KeyBound::of_row(row, &self.walk).ok_or(SourceError::Protocol { what: "a key" });
        let last = if self.walk.is_empty() { None } else { batch.last().map(key_of).transpose()? };
        if self.by_statement && self.open.rows > 0 && !batch.is_empty() && self.last.is_some() {
            let upper = self.last.take();
            self.cut(upper);
        }
        let mut piece = Fingerprint::default();
        let mut hashes = hashes.unwrap_or_default().iter();
        for row in batch.rows() {
            self.is_past = self.is_past || self.rows >= self.rows_max || self.bytes >= CHUNK_BYTES;
            let hash = self.key.hash(row);
            piece.add(hash);
            self.open.add(hash);
            self.open_server = self.open_server.zip(hashes.next()).map(|(sum, row)| sum.with(*row));
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
        let sum = self.open_server.replace(ServerSum::default());
        let server = self.server_hash(sum);
        let marks = Marks { server, cells: None };
        self.done.push(ChunkState { upper, fingerprint: std::mem::take(&mut self.open), marks });
        self.open_bytes = 0;
    }

    /// A sum of the server's hashes, with the recipe by which it made them.
    pub(crate) fn server_hash(&self, sum: Option<ServerSum>) -> Option<ServerHash> {
        self.recipe.zip(sum).map(|(recipe, sum)| ServerHash { recipe, sum })
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

/// The chunks of a table that was compared, in key order. Small neighbours that did not change become one: else the end
/// of a busy log would leave chunks of a few rows behind it, run after run.
#[derive(Debug)]
pub(crate) struct Recut {
    chunks: Vec<ChunkState>,
    rows_max: u64,
    bytes_max: usize,
    /// Bytes of the last chunk, if another may join it.
    joinable: Option<usize>,
}

impl Recut {
    pub(crate) fn new(shaped: &Shaped) -> Self {
        Self::up_to(shaped.chunk_rows, is_locking(shaped))
    }

    const fn up_to(rows_max: u64, is_locking: bool) -> Self {
        // Without snapshots a chunk should be read by one statement, at the kind pace too.
        let bytes_max = if is_locking { JOINED_BYTES_LOCKING } else { CHUNK_BYTES / 2 };
        Self { chunks: Vec::new(), rows_max, bytes_max, joinable: None }
    }

    /// Adds a chunk that is as it was, with the bytes of its rows if they were read.
    pub(crate) fn keep(&mut self, chunk: ChunkState, bytes: Option<usize>) {
        let joined = self.joinable.zip(bytes).map(|(before, now)| before + now);
        if let (Some(last), Some(joined)) = (self.chunks.last_mut(), joined)
            && joined <= self.bytes_max
            && last.fingerprint.rows + chunk.fingerprint.rows <= self.rows_max
        {
            last.upper = chunk.upper;
            last.fingerprint.merge(chunk.fingerprint);
            last.marks = last.marks.with(chunk.marks);
            self.joinable = Some(joined);
        } else {
            self.chunks.push(chunk);
            self.joinable = bytes;
        }
    }

    /// Adds what became of the rows up to `upper`. If that is nothing the chunk before reaches up to there, so that no
    /// border is lost that the next run would read from.
    pub(crate) fn put(&mut self, chunks: Vec<ChunkState>, upper: Option<&KeyBound>) {
        self.joinable = None;
        self.chunks.extend(chunks);
        if let Some(last) = self.chunks.last_mut()
            && last.upper.as_ref() != upper
        {
            last.upper = upper.cloned();
        }
    }

    pub(crate) fn end(self) -> Vec<ChunkState> {
        self.chunks
    }
}

fn is_locking(shaped: &Shaped) -> bool {
    matches!(shaped.found.engine, Engine::TableLock(_))
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
        cutter.add(&rows(0..100), None).unwrap();
        cutter.add(&rows(100..300), None).unwrap();
        cutter.add(&rows(0..0), None).unwrap();
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
        let total = cutter.add(&all, None).unwrap();
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
        cutter.add(&rows(0..8192), None).unwrap();
        assert!(!cutter.is_past_a_cut(), "a chunk that is just full is one chunk");
        cutter.add(&rows(8192..8193), None).unwrap();
        assert!(cutter.is_past_a_cut());
        cutter.add(&rows(8193..16384), None).unwrap();
        assert!(cutter.is_past_a_cut());
    }

    #[test]
    fn an_empty_range_leaves_no_chunk_but_the_last() {
        let upper = KeyBound::of_row(rows(7..8).last().unwrap(), &[0]);
        assert!(cutter(&[0], false).end(upper).is_empty());
        assert_eq!(cutter(&[0], false).end(None).len(), 1);
    }

    fn chunk(upper: Option<i64>, rows: u64) -> ChunkState {
        let fingerprint = Fingerprint { rows, sum: rows.into() };
        ChunkState { upper: upper.and_then(bound), fingerprint, marks: Marks::default() }
    }

    fn bound(key: i64) -> Option<KeyBound> {
        KeyBound::of_row(rows(key..key + 1).last().unwrap(), &[0])
    }

    #[test]
    fn small_neighbours_that_did_not_change_become_one() {
        let mut recut = Recut::up_to(8192, true);
        for upper in [10, 20, 30] {
            recut.keep(chunk(Some(upper), 10), Some(40 * 1024));
        }
        // Not read, changed, not read, too many rows.
        recut.keep(chunk(Some(40), 10), None);
        recut.put(vec![chunk(Some(45), 5), chunk(Some(50), 5)], bound(50).as_ref());
        recut.keep(chunk(Some(60), 10), Some(1));
        recut.keep(chunk(Some(9000), 8190), Some(1));
        recut.keep(chunk(None, 2), Some(1));
        let rows: Vec<_> = recut.chunks.iter().map(|c| c.fingerprint.rows).collect();
        assert_eq!(rows, [20, 10, 10, 5, 5, 10, 8192]);
        let uppers = [Some(20), Some(30), Some(40), Some(45), Some(50), Some(60), None];
        assert!(recut.chunks.iter().zip(uppers).all(|(c, upper)| c.upper == upper.and_then(bound)));
        let sum: u128 = recut.end().iter().map(|c| c.fingerprint.sum).sum();
        assert_eq!(sum, 8252);
    }

    #[test]
    fn the_chunk_before_an_emptied_one_reaches_up_to_its_end() {
        let mut recut = Recut::up_to(8192, false);
        recut.put(Vec::new(), bound(10).as_ref());
        recut.keep(chunk(Some(20), 10), Some(1));
        recut.put(Vec::new(), bound(30).as_ref());
        recut.keep(chunk(None, 10), Some(1));
        assert_eq!(recut.end(), [chunk(Some(30), 10), chunk(None, 10)]);
    }
}

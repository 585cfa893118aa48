//! Reading one table: rows to the staging queue, fingerprints of chunks, and what changed.

use std::collections::BTreeSet;

use bicuspid_model::{Batch, Fingerprint, FingerprintKey, KeyBound};
use bicuspid_source::{Conversions, Engine, Source, SourceError, Walk};
use bicuspid_target::{ChangedRange, ChunkState, Converted, RowHashes};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::error::SyncError;
use crate::event::{Event, Listener};
use crate::shape::Shaped;
use crate::staging::Staging;

/// Bytes of a chunk at which it is cut.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a piece of a table that is read by one statement.
const PIECE_BYTES: usize = 512 * 1024;

/// Which of the recorded chunks are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of them, which proves the table.
    All,
    /// Those at these places; the others are taken to be as they were.
    Some(BTreeSet<usize>),
}

impl Selection {
    fn takes(&self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(places) => places.contains(&place),
        }
    }
}

/// What was read of a table.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    /// Chunks as they are now.
    pub(crate) chunks: Vec<ChunkState>,
    /// Ranges whose rows were sent to staging, if only changed ones were.
    pub(crate) changed: Vec<ChangedRange>,
    /// Rows that arrived from the source.
    pub(crate) rows_read: u64,
    /// Values that were replaced in what was read.
    pub(crate) converted: Vec<Converted>,
    /// Rows that the source counted before and after, where it could.
    pub(crate) counted: Option<(u64, u64)>,
    /// Hashes of the rows that went to a first load.
    pub(crate) hashes: Option<RowHashes>,
}

impl Extracted {
    /// Fingerprint of the whole table.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut all = Fingerprint::default();
        for chunk in &self.chunks {
            all.merge(chunk.fingerprint);
        }
        all
    }

    /// Whether the number of rows read agrees with what the source counted. On a table that locks, the count may move
    /// while it is read; then it must lie where the movement can have left it.
    pub(crate) fn count_agrees(&self) -> bool {
        let rows = self.fingerprint().rows;
        self.counted.is_none_or(|(before, after)| {
            let moved = before.abs_diff(after);
            (before.min(after).saturating_sub(moved)..=before.max(after) + moved).contains(&rows)
        })
    }
}

/// Cuts rows into chunks as they come.
#[derive(Debug)]
struct Cutter {
    key: FingerprintKey,
    walk: Vec<usize>,
    rows_max: u64,
    open: Fingerprint,
    open_bytes: usize,
    done: Vec<ChunkState>,
}

impl Cutter {
    fn new(key: &FingerprintKey, walk: &[usize], rows_max: u64) -> Self {
        let walk = walk.to_vec();
        Self { key: *key, walk, rows_max, open: Fingerprint::default(), open_bytes: 0, done: Vec::new() }
    }

    fn add(&mut self, batch: &Batch) -> Result<Fingerprint, SyncError> {
        let mut piece = Fingerprint::default();
        for row in batch.rows() {
            let hash = self.key.hash(row);
            piece.add(hash);
            self.open.add(hash);
            self.open_bytes += row.len();
            if !self.walk.is_empty() && (self.open.rows >= self.rows_max || self.open_bytes >= CHUNK_BYTES) {
                let upper =
                    KeyBound::of_row(row, &self.walk).ok_or(SourceError::Protocol { what: "a key" })?;
                self.cut(Some(upper));
            }
        }
        Ok(piece)
    }

    /// Whether rows came after a chunk was full. Rows of one chunk that was cut before never do that.
    fn is_past_a_cut(&self) -> bool {
        self.done.len() > 1 || (self.done.len() == 1 && self.open.rows > 0)
    }

    fn cut(&mut self, upper: Option<KeyBound>) {
        self.done.push(ChunkState { upper, fingerprint: std::mem::take(&mut self.open) });
        self.open_bytes = 0;
    }

    /// Ends the range at `upper`. A chunk that is empty gives its range to the one after it.
    fn end(mut self, upper: Option<KeyBound>) -> Vec<ChunkState> {
        if self.open.rows > 0 || upper.is_none() {
            self.cut(upper);
        } else if let Some(last) = self.done.last_mut() {
            last.upper = upper;
        }
        self.done
    }
}

/// Counts the rows of a table, where that costs the clinic nothing or is needed for the proof.
async fn count(source: &mut Source, shaped: &Shaped) -> Result<Option<u64>, SyncError> {
    Ok(source.count(&shaped.table.name).await?)
}

/// Where all rows of a table pass on their way to staging.
#[derive(Debug)]
struct Tally {
    cutter: Cutter,
    hashes: Option<RowHashes>,
    staging: Option<Staging>,
}

impl Tally {
    fn add(&mut self, batch: Batch) -> Result<(), SyncError> {
        self.cutter.add(&batch)?;
        if let Some(hashes) = &mut self.hashes {
            hashes.add(&batch);
        }
        self.staging.as_ref().map_or(Ok(()), |staging| staging.push(batch.into_bytes()))
    }
}

/// A tally on a thread of its own: the next rows are read and decoded beside it. Dropping it ends the thread.
#[derive(Debug)]
struct Tallier {
    rows: mpsc::Sender<Batch>,
    thread: JoinSet<Result<Tally, SyncError>>,
}

impl Tallier {
    fn start(mut tally: Tally) -> Self {
        // One piece waits while another is hashed: there is no more memory in it than in the queue behind.
        let (rows, mut arriving) = mpsc::channel(1);
        let mut thread = JoinSet::new();
        thread.spawn_blocking(move || {
            while let Some(batch) = arriving.blocking_recv() {
                tally.add(batch)?;
            }
            Ok(tally)
        });
        Self { rows, thread }
    }

    /// Hands rows over, between two statements; `false` if they are not taken any more, which [`Self::end`] explains.
    async fn add(&self, batch: Batch) -> bool {
        self.rows.send(batch).await.is_ok()
    }

    async fn end(self) -> Result<Tally, SyncError> {
        let Self { rows, mut thread } = self;
        drop(rows);
        match thread.join_next().await {
            Some(Ok(outcome)) => outcome,
            // Nobody ends the thread but the drop of its queue, and it does not panic.
            Some(Err(_)) | None => Err(SyncError::Pump),
        }
    }
}

/// Reads all rows, adds them to `hashes` as they arrive, sends them to staging, and closes it after the last one.
pub(crate) async fn everything(
    source: &mut Source,
    shaped: &Shaped,
    key: &FingerprintKey,
    staging: Option<&Staging>,
    hashes: Option<RowHashes>,
    listener: Listener<'_>,
) -> Result<Extracted, SyncError> {
    source.enter(&shaped.found.engine).await?;
    let before = match shaped.found.engine {
        // The snapshot stays as it is: its rows are counted while the target is busy with the last ones.
        Engine::Snapshot => None,
        Engine::TableLock(_) => count(source, shaped).await?,
    };
    let mut extracted = Extracted::default();
    let cutter = Cutter::new(key, shaped.walk.positions(), shaped.chunk_rows);
    let mut tally = Tally { cutter, hashes, staging: staging.cloned() };
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk);
    let mut tell = |batch: &Batch| {
        let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        extracted.rows_read += rows;
        listener(Event::Rows { rows, bytes: u64::try_from(batch.bytes().len()).unwrap_or(u64::MAX) });
    };
    match &shaped.walk {
        Walk::Keyset(_) => {
            let tallier = Tallier::start(tally);
            loop {
                let piece = reader.next(None).await?;
                tell(&piece.batch);
                if !tallier.add(piece.batch).await || piece.is_last {
                    break;
                }
                if let Some(staging) = staging {
                    staging.room().await;
                }
            }
            tally = tallier.end().await?;
        }
        // The rows are those of one statement, which must not wait for anything.
        Walk::Whole => {
            let mut fault = None;
            reader
                .whole(PIECE_BYTES, |batch| {
                    tell(&batch);
                    fault = tally.add(batch).err();
                    fault.is_none()
                })
                .await?;
            if let Some(error) = fault {
                return Err(error);
            }
        }
    }
    if let Some(staging) = staging {
        staging.close();
    }
    extracted.converted = converted(shaped, reader.conversions());
    extracted.chunks = tally.cutter.end(None);
    extracted.hashes = tally.hashes;
    let before = match shaped.found.engine {
        Engine::Snapshot => count(source, shaped).await?,
        Engine::TableLock(_) => before,
    };
    finish(source, shaped, before, &mut extracted).await?;
    Ok(extracted)
}

/// Reads chunks and compares them with their fingerprints; the rows of those that differ go to staging, if there is one.
pub(crate) async fn differences(
    source: &mut Source,
    shaped: &Shaped,
    key: &FingerprintKey,
    recorded: &[ChunkState],
    selection: &Selection,
    staging: Option<&Staging>,
    listener: Listener<'_>,
) -> Result<Extracted, SyncError> {
    source.enter(&shaped.found.engine).await?;
    // Counting an InnoDB table reads an index to its end, which is what reading a part is to save.
    let before = match (selection, &shaped.found.engine) {
        (Selection::Some(_), Engine::Snapshot) => None,
        _ => count(source, shaped).await?,
    };
    let mut extracted = Extracted::default();
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk);
    let mut lower: Option<KeyBound> = None;
    for (i, chunk) in recorded.iter().enumerate() {
        // The last recorded chunk is open: what was added behind it belongs to it and is cut anew.
        let upper = if i + 1 == recorded.len() { None } else { chunk.upper.clone() };
        if !selection.takes(i) {
            extracted.chunks.push(chunk.clone());
            lower = upper;
            continue;
        }
        reader.seek(lower.clone());
        let mut cutter = Cutter::new(key, shaped.walk.positions(), shaped.chunk_rows);
        let mut now = Fingerprint::default();
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        let mut differs = false;
        loop {
            let piece = reader.next(upper.as_ref()).await?;
            let read = cutter.add(&piece.batch)?;
            now.merge(read);
            extracted.rows_read += read.rows;
            let bytes = u64::try_from(piece.batch.bytes().len()).unwrap_or(u64::MAX);
            listener(Event::Rows { rows: read.rows, bytes });
            if staging.is_some() && !piece.batch.is_empty() {
                waiting.push(piece.batch.into_bytes());
            }
            // More rows than were recorded, or more bytes than a chunk holds: it differs for sure, and need not be
            // kept in memory to the end.
            let has_grown = now.rows > chunk.fingerprint.rows || cutter.is_past_a_cut();
            differs = differs || has_grown || (piece.is_last && now != chunk.fingerprint);
            if let (true, Some(staging)) = (differs, staging) {
                for rows in waiting.drain(..) {
                    staging.push(rows)?;
                }
            }
            if piece.is_last {
                break;
            }
        }
        if differs {
            extracted.changed.push(ChangedRange { after: lower, up_to: upper.clone(), expected: now });
            extracted.chunks.extend(cutter.end(upper.clone()));
            widen_over_empty(&mut extracted.chunks, upper.as_ref());
        } else {
            extracted.chunks.push(ChunkState { upper: upper.clone(), fingerprint: now });
        }
        lower = upper;
    }
    extracted.converted = converted(shaped, reader.conversions());
    finish(source, shaped, before, &mut extracted).await?;
    Ok(extracted)
}

/// After a range that is now empty the chunk before it reaches up to its end, so that no border is lost that the
/// next run would read from.
fn widen_over_empty(chunks: &mut [ChunkState], upper: Option<&KeyBound>) {
    if let Some(last) = chunks.last_mut()
        && last.upper.as_ref() != upper
    {
        last.upper = upper.cloned();
    }
}

async fn finish(
    source: &mut Source,
    shaped: &Shaped,
    before: Option<u64>,
    extracted: &mut Extracted,
) -> Result<(), SyncError> {
    // In a snapshot the count cannot have moved, and counting reads an index to its end.
    let after = match (&shaped.found.engine, before) {
        (Engine::TableLock(_), Some(_)) => count(source, shaped).await?,
        _ => before,
    };
    extracted.counted = before.zip(after);
    source.must_still_be(&shaped.found).await?;
    source.leave().await?;
    Ok(())
}

fn converted(shaped: &Shaped, conversions: &[Conversions]) -> Vec<Converted> {
    let columns = shaped.table.columns.iter().zip(conversions);
    columns
        .flat_map(|(column, counts)| {
            counts.rules().into_iter().filter(|(_, count)| *count > 0).map(|(rule, count)| Converted {
                column: column.name.to_string(),
                rule: rule.to_owned(),
                count,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FingerprintKey = FingerprintKey::new([1; 16]);

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
        let mut cutter = Cutter::new(&KEY, &[0], 8192);
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
        let mut cutter = Cutter::new(&KEY, &[0], 8192);
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
        assert!(Cutter::new(&KEY, &[0], 8192).end(upper).is_empty());
        assert_eq!(Cutter::new(&KEY, &[0], 8192).end(None).len(), 1);
    }

    #[test]
    fn counts_may_move_as_far_as_they_moved() {
        let with = |before, after, rows| Extracted {
            chunks: vec![ChunkState { upper: None, fingerprint: Fingerprint { rows, sum: 0 } }],
            counted: Some((before, after)),
            ..Extracted::default()
        };
        assert!(with(100, 100, 100).count_agrees());
        assert!(!with(100, 100, 99).count_agrees());
        assert!(!with(100, 100, 101).count_agrees());
        assert!(with(100, 103, 101).count_agrees());
        assert!(!with(100, 103, 107).count_agrees());
    }
}

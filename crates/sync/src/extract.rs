//! Reading one table: rows to the staging queue, fingerprints of chunks, and what changed.

use std::collections::BTreeSet;

use bicuspid_model::{Batch, Fingerprint, FingerprintKey, KeyBound};
use bicuspid_source::{Conversions, Engine, Piece, Source, Walk};
use bicuspid_target::{ChangedRange, ChunkState, Converted, RowHashes};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cutter::Cutter;
use crate::error::SyncError;
use crate::event::{Event, Listener};
use crate::shape::Shaped;
use crate::staging::Staging;

/// How often a chunk that changed is read again, at most, until two reads of it agree.
const REREADS_MAX: u32 = 5;
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
    let cutter = Cutter::new(key, shaped);
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
        let mut cutter = Cutter::new(key, shaped);
        let mut read = Read::default();
        let mut has_grown = false;
        loop {
            let piece = reader.next(upper.as_ref()).await?;
            let is_last = piece.is_last;
            read.take(piece, &mut cutter, &mut extracted.rows_read, listener)?;
            // More rows than were recorded, or more bytes than a chunk holds: it differs for sure, and need not be
            // kept in memory to the end.
            has_grown = has_grown || read.now.rows > chunk.fingerprint.rows || cutter.is_past_a_cut();
            if has_grown || staging.is_none() {
                read.send(staging)?;
            }
            if is_last {
                break;
            }
        }
        // Between its statements somebody may have worked on. Two reads that agree show what it was between them.
        let is_torn = matches!(shaped.found.engine, Engine::TableLock(_)) && read.statements > 1;
        let mut is_restless = false;
        if is_torn && !has_grown && read.now != chunk.fingerprint {
            is_restless = true;
            for _ in 0..REREADS_MAX {
                let mut again = Read::default();
                let mut recut = Cutter::new(key, shaped);
                reader.seek(lower.clone());
                loop {
                    let piece = reader.next(upper.as_ref()).await?;
                    let is_last = piece.is_last;
                    again.take(piece, &mut recut, &mut extracted.rows_read, listener)?;
                    if is_last {
                        break;
                    }
                }
                let agrees = again.now == read.now;
                (read, cutter) = (again, recut);
                if agrees {
                    is_restless = false;
                    break;
                }
            }
        }
        if read.now == chunk.fingerprint {
            extracted.chunks.push(ChunkState { upper: upper.clone(), fingerprint: read.now });
        } else {
            read.send(staging)?;
            let (after, up_to) = (lower, upper.clone());
            extracted.changed.push(ChangedRange { after, up_to, expected: read.now });
            // Where no two reads agree the rows of each statement become a chunk of their own.
            if has_grown || is_restless || read.now.rows == 0 || cutter.is_past_a_cut() {
                extracted.chunks.extend(cutter.end(upper.clone()));
                widen_over_empty(&mut extracted.chunks, upper.as_ref());
            } else {
                extracted.chunks.push(ChunkState { upper: upper.clone(), fingerprint: read.now });
            }
        }
        lower = upper;
    }
    extracted.converted = converted(shaped, reader.conversions());
    finish(source, shaped, before, &mut extracted).await?;
    Ok(extracted)
}

/// The rows of one chunk, as they were read.
#[derive(Debug, Default)]
struct Read {
    now: Fingerprint,
    statements: u32,
    waiting: Vec<Vec<u8>>,
}

impl Read {
    fn take(
        &mut self,
        piece: Piece,
        cutter: &mut Cutter,
        rows_read: &mut u64,
        listener: Listener<'_>,
    ) -> Result<(), SyncError> {
        let read = cutter.add(&piece.batch)?;
        self.now.merge(read);
        self.statements += 1;
        *rows_read += read.rows;
        let bytes = u64::try_from(piece.batch.bytes().len()).unwrap_or(u64::MAX);
        listener(Event::Rows { rows: read.rows, bytes });
        if !piece.batch.is_empty() {
            self.waiting.push(piece.batch.into_bytes());
        }
        Ok(())
    }

    /// Sends to staging what waits, or forgets it if there is none.
    fn send(&mut self, staging: Option<&Staging>) -> Result<(), SyncError> {
        for rows in self.waiting.drain(..) {
            if let Some(staging) = staging {
                staging.push(rows)?;
            }
        }
        Ok(())
    }
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

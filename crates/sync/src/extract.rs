//! Reading one table: rows to the staging queue, fingerprints of chunks, and what changed.

use bicuspid_model::{Fingerprint, FingerprintKey};
use bicuspid_source::{Conversions, Engine, Piece, Source, Walk};
use bicuspid_target::{ChangedRange, ChunkState, Converted, Marks, RowHashes};

use crate::beside::Beside;
use crate::cutter::Cutter;
use crate::error::SyncError;
use crate::event::{Event, Listener};
use crate::shape::Shaped;
use crate::staging::Staging;
use crate::thin::Asked;

/// Bytes of a piece of a table that is read by one statement.
const PIECE_BYTES: usize = 512 * 1024;

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
    /// Hashes of the rows that were sent to staging.
    pub(crate) hashes: Option<RowHashes>,
    /// Marks of unchanged chunks that had others, by the recorded chunks' places.
    pub(crate) marks: Vec<(usize, Marks)>,
    /// What the server was asked about by its own hashes.
    pub(crate) asked: Asked,
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

    /// Counts rows that arrived, and says so.
    pub(crate) fn tell(&mut self, rows: usize, bytes: usize, listener: Listener<'_>) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.rows_read += rows;
        listener(Event::Rows { rows, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) });
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
pub(crate) async fn count(source: &mut Source, shaped: &Shaped) -> Result<Option<u64>, SyncError> {
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
    fn add(&mut self, piece: Piece) -> Result<(), SyncError> {
        let Piece { batch, hashes, .. } = piece;
        self.cutter.add(&batch, hashes.as_deref())?;
        if let Some(hashes) = &mut self.hashes {
            hashes.add(&batch);
        }
        self.staging.as_ref().map_or(Ok(()), |staging| staging.push(batch.into_bytes()))
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
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk).hashing(shaped.row_hash());
    match &shaped.walk {
        Walk::Keyset(_) => {
            tally.staging = staging.map(Staging::patient);
            let beside = Beside::start(tally, Tally::add);
            loop {
                let piece = reader.next(None).await?;
                extracted.tell(piece.batch.len(), piece.batch.bytes().len(), listener);
                let is_last = piece.is_last;
                if !beside.give(piece).await || is_last {
                    break;
                }
            }
            tally = beside.end().await?;
        }
        // The rows are those of one statement, which must not wait for anything.
        Walk::Whole => {
            let mut fault = None;
            reader
                .whole(PIECE_BYTES, |batch| {
                    extracted.tell(batch.len(), batch.bytes().len(), listener);
                    fault = tally.add(Piece { batch, is_last: false, hashes: None }).err();
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

pub(crate) async fn finish(
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

pub(crate) fn converted(shaped: &Shaped, conversions: &[Conversions]) -> Vec<Converted> {
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
            chunks: vec![ChunkState {
                upper: None,
                fingerprint: Fingerprint { rows, sum: 0 },
                marks: Marks::default(),
            }],
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

//! What `deletedobject` tells: rows that Open Dental's program deleted since the last run.
//!
//! Only a few kinds of objects leave a tombstone, and nobody else who deletes leaves one. It is a hint where to look first,
//! as a stamp is: a chunk that it names is read, and says itself what is gone.

use std::collections::BTreeMap;

use bicuspid_guard::NextNumbers;
use bicuspid_model::{Batch, KeyBound, SourceType};
use bicuspid_opendental::{TOMBSTONES, deleted_from};
use bicuspid_source::Source;

use crate::error::SyncError;
use crate::planner::Planned;
use crate::report::Mode;
use crate::shape::Shaped;

/// Tombstones that are looked at in one run; those of a large clean-up are left to the proofs.
const TOMBSTONES_MAX: u64 = 1000;

/// Keys of rows that were deleted, by the name of their table in small letters.
pub(crate) type Deleted = BTreeMap<&'static str, Vec<i128>>;

/// Reads the tombstones that were not there at the last run, if a table is read in part that may have one. `known` are
/// the next numbers that the source had then.
pub(crate) async fn deleted(
    source: &mut Source,
    tables: &[Planned],
    known: &NextNumbers,
) -> Result<Deleted, SyncError> {
    let is_wanted = |p: &Planned| {
        matches!(p.mode, Mode::Tail | Mode::Stamp)
            && deleted_from().any(|table| p.shaped.found.name.as_str().eq_ignore_ascii_case(table))
    };
    let stones = tables.iter().find(|p| p.shaped.found.name.as_str().eq_ignore_ascii_case(TOMBSTONES));
    let Some(shaped) = stones.map(|p| &p.shaped).filter(|_| tables.iter().any(is_wanted)) else {
        return Ok(Deleted::new());
    };
    let known = known.get(shaped.found.name.as_str()).and_then(|next| before(shaped, *next));
    let (Some(after), Some(kind), Some(object)) =
        (known, position(shaped, "ObjectType"), position(shaped, "ObjectNum"))
    else {
        return Ok(Deleted::new());
    };
    source.enter(&shaped.found.engine).await?;
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk);
    reader.seek(Some(after), 0);
    let mut found = Deleted::new();
    let mut rows = 0;
    while rows < TOMBSTONES_MAX {
        let piece = reader.next(None).await?;
        for row in piece.batch.rows() {
            rows += 1;
            let number = |at: usize| shaped.whole_number(at, &KeyBound::of_row(row, &[at])?);
            let (Some(kind), Some(object)) = (number(kind), number(object)) else { continue };
            if let Some(table) = bicuspid_opendental::deleted_table(kind) {
                found.entry(table).or_default().push(object);
            }
        }
        if piece.is_last {
            break;
        }
    }
    source.leave().await?;
    Ok(found)
}

/// The key before the next number, if the table is walked by a number that fits.
fn before(shaped: &Shaped, next: u64) -> Option<KeyBound> {
    let [key] = shaped.walk.positions() else { return None };
    let SourceType::BigInt { unsigned: false } = shaped.table.columns.get(*key)?.source else { return None };
    let mut batch = Batch::new();
    batch.begin_row(1);
    batch.int8(i64::try_from(next.checked_sub(1)?).ok()?);
    batch.end_row().then(|| KeyBound::of_row(batch.last()?, &[0])).flatten()
}

fn position(shaped: &Shaped, name: &str) -> Option<usize> {
    shaped.table.columns.iter().position(|c| c.name.as_str() == name && !c.withheld)
}

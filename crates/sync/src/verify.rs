//! The proof: both sides are read again, and canonical rows are compared.
//!
//! Nothing that was recorded is trusted. Where a key orders alike on both servers, the table is compared range by
//! range while it is read; elsewhere rows are sorted into buckets by a hash of their key (of the whole row, if there is
//! none), and buckets that differ are read a second time. Memory is bounded either way.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bicuspid_model::row::fields;
use bicuspid_model::{Batch, Fingerprint, FingerprintKey, KeyBound, Table};
use bicuspid_source::{Source, SourceError, Walk};
use bicuspid_target::{Analytics, CopyOut, HeldState, KeyRange, TargetError};

use crate::error::SyncError;
use crate::event::{Event, Listener};
use crate::planner::Plan;
use crate::report::{Mode, SourceReport, TableOutcome, VerifiedTable, VerifyReport};
use crate::settings::{ProofWish, SyncSettings};
use crate::shape::Shaped;

/// Rows of a range that are compared at once.
const RANGE_ROWS: usize = 16 * 1024;
/// Bytes of rows that are read at once.
const READ_BYTES: usize = 1024 * 1024;
/// Buckets of a table without a common order, a power of two.
const BUCKETS: usize = 1 << 15;
/// Rows of differing buckets that are compared in one further pass.
const PASS_ROWS: u64 = 500_000;

/// How two sets of rows differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Difference {
    missing: u64,
    extra: u64,
    different: u64,
}

/// Proves the copy. Both sides are read, neither is written.
pub async fn verify(
    mut source: Source,
    look: &Analytics,
    settings: &SyncSettings,
    listener: Listener<'_>,
) -> Result<VerifyReport, SyncError> {
    let began = Instant::now();
    // Every table is compared whole, whatever a run would read of it.
    let settings = &SyncSettings { proof: ProofWish::Full, ..settings.clone() };
    let plan = Plan::make(&mut source, look, settings).await?;
    let key = look.proof_settings().await?.key;
    listener(Event::Planned {
        tables: plan.tables.len(),
        rows: plan.tables.iter().map(|p| p.shaped.found.rows_estimate).sum(),
    });
    if let Some(hours) = plan.hours_report(settings.pace) {
        listener(Event::Hours(hours));
    }
    let mut tables = Vec::with_capacity(plan.tables.len());
    let mut troubles = Vec::new();
    for planned in &plan.tables {
        let shaped = &planned.shaped;
        let name = shaped.found.name.to_string();
        listener(Event::TableBegun {
            name: name.clone(),
            mode: planned.mode,
            rows_estimate: shaped.found.rows_estimate,
        });
        let is_loaded = planned.mode != Mode::First && planned.added.is_empty() && planned.widened.is_empty();
        let mut compared = one_table(&mut source, look, shaped, &key, is_loaded, listener).await;
        let mut cuts = 0;
        while matches!(&compared, Err(SyncError::Source(e)) if source.may_begin_again(e, cuts)) {
            cuts += 1;
            look.end_view().await?;
            source.leave().await?;
            compared = one_table(&mut source, look, shaped, &key, is_loaded, listener).await;
        }
        let compared = match compared {
            Ok(compared) => compared,
            Err(error) => {
                let of_table = match &error {
                    SyncError::Source(error) => error.is_of_table(),
                    SyncError::Target(error) => error.is_of_table(),
                    _ => false,
                };
                if !of_table {
                    return Err(error);
                }
                look.end_view().await?;
                source.leave().await?;
                let trouble = error.trouble();
                let held = HeldState {
                    rule: trouble.code.clone(),
                    detail: trouble.why.clone(),
                    remedy: trouble.hint.clone(),
                };
                troubles.push(trouble);
                Compared { held: Some(held), ..Compared::default() }
            }
        };
        let equal = compared.held.is_none() && compared.difference == Difference::default();
        let outcome = if equal { TableOutcome::Unchanged } else { TableOutcome::Held };
        listener(Event::TableDone { name: name.clone(), outcome });
        tables.push(VerifiedTable {
            name,
            equal,
            rows_source: compared.rows_source,
            rows_target: compared.rows_target,
            missing: compared.difference.missing,
            extra: compared.difference.extra,
            different: compared.difference.different,
            proved_at: look.now().await?,
            withheld: shaped.withheld.iter().map(|(c, why)| format!("{c} ({why})")).collect(),
            held: compared.held,
        });
    }
    for one in &plan.held {
        tables.push(VerifiedTable {
            name: one.name.to_string(),
            equal: false,
            rows_source: 0,
            rows_target: 0,
            missing: 0,
            extra: 0,
            different: 0,
            proved_at: look.now().await?,
            withheld: Vec::new(),
            held: Some(one.held.clone()),
        });
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let meter = source.close().await;
    Ok(VerifyReport {
        equal: tables.iter().all(|t| t.equal),
        tables,
        source: SourceReport::from(&meter),
        seconds: began.elapsed().as_secs_f64(),
        troubles,
    })
}

#[derive(Debug, Default)]
struct Compared {
    rows_source: u64,
    rows_target: u64,
    difference: Difference,
    held: Option<HeldState>,
}

async fn one_table(
    source: &mut Source,
    look: &Analytics,
    shaped: &Shaped,
    key: &FingerprintKey,
    is_loaded: bool,
    listener: Listener<'_>,
) -> Result<Compared, SyncError> {
    source.enter(&shaped.found.engine).await?;
    look.begin_view().await?;
    let compared = if !is_loaded {
        not_loaded(source, shaped, listener).await?
    } else if shaped.goes_by_ranges() && !shaped.table.primary_key.is_empty() {
        // Only a primary key keeps NULLs out of the target: a row without a key lies in no range.
        by_ranges(source, look, shaped, key, listener).await?
    } else {
        by_buckets(source, look, shaped, key, listener).await?
    };
    look.end_view().await?;
    source.leave().await?;
    Ok(compared)
}

/// A table that the target does not have in this shape: every row of it is missing.
async fn not_loaded(
    source: &mut Source,
    shaped: &Shaped,
    listener: Listener<'_>,
) -> Result<Compared, SyncError> {
    let rows = source.count(&shaped.table.name).await?.unwrap_or(shaped.found.rows_estimate);
    listener(Event::Rows { rows, bytes: 0 });
    let held = HeldState {
        rule: "verify::not_loaded".into(),
        detail: "the target does not have the table, or not with these columns".into(),
        remedy: "run `bicuspid sync`".into(),
    };
    Ok(Compared {
        rows_source: rows,
        difference: Difference { missing: rows, ..Difference::default() },
        held: Some(held),
        ..Compared::default()
    })
}

/// Hash of a row's key and hash of the row.
type Hashed = (u128, u128);

fn hashed(row: &[u8], key_positions: &[usize], key: &FingerprintKey) -> Hashed {
    let whole = key.hash(row);
    if key_positions.is_empty() {
        return (whole, whole);
    }
    let mut bytes = Vec::with_capacity(32);
    let all: Vec<Option<&[u8]>> = fields(row).collect();
    for &position in key_positions {
        let field = all.get(position).copied().flatten().unwrap_or_default();
        bytes.extend_from_slice(&u64::try_from(field.len()).unwrap_or_default().to_be_bytes());
        bytes.extend_from_slice(field);
    }
    (key.hash(&bytes), whole)
}

async fn by_ranges(
    source: &mut Source,
    look: &Analytics,
    shaped: &Shaped,
    key: &FingerprintKey,
    listener: Listener<'_>,
) -> Result<Compared, SyncError> {
    let walk = shaped.walk.positions();
    let names = &shaped.table.primary_key;
    let mut compared = Compared::default();
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk);
    let mut lower: Option<KeyBound> = None;
    loop {
        let mut ours: Vec<Hashed> = Vec::new();
        let mut upper = None;
        let mut is_last = false;
        let mut bytes = 0_usize;
        while ours.len() < RANGE_ROWS && bytes < 8 * READ_BYTES && !is_last {
            let piece = reader.next(None).await?;
            is_last = piece.is_last;
            bytes += piece.batch.bytes().len();
            ours.extend(piece.batch.rows().map(|row| hashed(row, names, key)));
            if let Some(last) = piece.batch.last() {
                upper = KeyBound::of_row(last, walk);
            }
            tell(listener, &piece.batch);
        }
        // The last range is open: what only the target has behind the last key must be seen.
        let up_to = if is_last { None } else { upper.clone() };
        let range = KeyRange { walk, after: lower.as_ref(), up_to: up_to.as_ref() };
        let rows = look.read(&shaped.table, Some(range)).await?;
        let mut rows = rows.ok_or(TargetError::Protocol { what: "a key range" })?;
        let mut theirs: Vec<Hashed> = Vec::with_capacity(ours.len());
        compared.rows_source += u64::try_from(ours.len()).unwrap_or_default();
        let mut sieve = Sieve::default();
        while let Some(batch) = rows.next(READ_BYTES).await? {
            compared.rows_target += u64::try_from(batch.len()).unwrap_or_default();
            for row in batch.rows() {
                let row = hashed(row, names, key);
                if theirs.len() < ours.len() + 8 * RANGE_ROWS || sieve.keeps(&ours, row) {
                    theirs.push(row);
                }
            }
        }
        let surplus = sieve.surplus;
        let difference = difference(ours, theirs, !names.is_empty());
        compared.difference.missing += difference.missing;
        compared.difference.extra += difference.extra + surplus;
        compared.difference.different += difference.different;
        if is_last {
            return Ok(compared);
        }
        lower = upper;
    }
}

/// Where the target has far more rows in a range than the source, only those that may have a partner are kept.
#[derive(Debug, Default)]
struct Sieve {
    /// For each row of the source, and for each key of it, how many partners are still wanted.
    wanted: Option<(HashMap<Hashed, u64>, HashMap<u128, u64>)>,
    surplus: u64,
}

impl Sieve {
    fn keeps(&mut self, ours: &[Hashed], row: Hashed) -> bool {
        let (rows, keys) = self.wanted.get_or_insert_with(|| {
            let (mut rows, mut keys) = (HashMap::new(), HashMap::new());
            for row in ours {
                *rows.entry(*row).or_default() += 1;
                *keys.entry(row.0).or_default() += 1;
            }
            (rows, keys)
        });
        let take = |wanted: Option<&mut u64>| match wanted {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        // Both have their own count: an equal row may come after a different one of the same key.
        if take(rows.get_mut(&row)) || take(keys.get_mut(&row.0)) {
            return true;
        }
        self.surplus += 1;
        false
    }
}

fn tell(listener: Listener<'_>, batch: &Batch) {
    listener(Event::Rows {
        rows: u64::try_from(batch.len()).unwrap_or_default(),
        bytes: u64::try_from(batch.bytes().len()).unwrap_or_default(),
    });
}

/// Compares two sets of rows. Without keys they are bags: a row that differs is one missing and one extra.
fn difference(mut ours: Vec<Hashed>, mut theirs: Vec<Hashed>, keyed: bool) -> Difference {
    ours.sort_unstable();
    theirs.sort_unstable();
    let same_row = |row: &Hashed| *row;
    let (ours, theirs) = without_pairs(ours, theirs, same_row);
    let count = |rows: &[Hashed]| u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if !keyed {
        return Difference { missing: count(&ours), extra: count(&theirs), different: 0 };
    }
    // Equal rows are gone first, so that a second row of a key cannot take the place of the right one.
    let left = count(&ours);
    let same_key = |row: &Hashed| row.0;
    let (missing, extra) = without_pairs(ours, theirs, same_key);
    let missing = count(&missing);
    Difference { missing, extra: count(&extra), different: left - missing }
}

/// What is left of two sorted lists after each row of the one that is like a row of the other went with it.
fn without_pairs<K: Ord>(
    ours: Vec<Hashed>,
    theirs: Vec<Hashed>,
    like: impl Fn(&Hashed) -> K,
) -> (Vec<Hashed>, Vec<Hashed>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut a, mut b) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return (left, right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => like(ours).cmp(&like(theirs)),
        };
        match order {
            Ordering::Less => left.extend(a.next()),
            Ordering::Greater => right.extend(b.next()),
            Ordering::Equal => {
                a.next();
                b.next();
            }
        }
    }
}

fn bucket(hash: u128) -> usize {
    usize::try_from(hash & (u128::try_from(BUCKETS - 1).unwrap_or_default())).unwrap_or_default()
}

async fn by_buckets(
    source: &mut Source,
    look: &Analytics,
    shaped: &Shaped,
    key: &FingerprintKey,
    listener: Listener<'_>,
) -> Result<Compared, SyncError> {
    let positions = &shaped.table.primary_key;
    let mut ours = vec![Fingerprint::default(); BUCKETS];
    let mut theirs = ours.clone();
    let add = |buckets: &mut Vec<Fingerprint>, row: &[u8]| {
        let (of_key, of_row) = hashed(row, positions, key);
        if let Some(bucket) = buckets.get_mut(bucket(of_key)) {
            bucket.add(of_row);
        }
    };
    read_source(source, shaped, listener, |row| add(&mut ours, row)).await?;
    read_target(look, &shaped.table, |row| add(&mut theirs, row)).await?;
    let total = |buckets: &[Fingerprint]| buckets.iter().map(|b| b.rows).sum();
    let mut compared =
        Compared { rows_source: total(&ours), rows_target: total(&theirs), ..Compared::default() };
    let mut differing: Vec<usize> = Vec::new();
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        if a != b {
            differing.push(i);
        }
    }
    // Buckets that differ are read again, as many at a time as fit in memory.
    let mut begin = 0;
    while begin < differing.len() {
        let mut pass: HashSet<usize> = HashSet::new();
        let mut rows = 0;
        while let Some(&i) = differing.get(begin) {
            let of = |b: &[Fingerprint]| b.get(i).map_or(0, |f| f.rows);
            rows += of(&ours) + of(&theirs);
            if !pass.is_empty() && rows > PASS_ROWS {
                break;
            }
            pass.insert(i);
            begin += 1;
        }
        let (mut left, mut right): (Vec<Hashed>, Vec<Hashed>) = (Vec::new(), Vec::new());
        let keep = |rows: &mut Vec<Hashed>, row: &[u8]| {
            let hashed = hashed(row, positions, key);
            if pass.contains(&bucket(hashed.0)) {
                rows.push(hashed);
            }
        };
        let quiet: Listener<'_> = &|_| {};
        read_source(source, shaped, quiet, |row| keep(&mut left, row)).await?;
        read_target(look, &shaped.table, |row| keep(&mut right, row)).await?;
        let difference = difference(left, right, !positions.is_empty());
        compared.difference.missing += difference.missing;
        compared.difference.extra += difference.extra;
        compared.difference.different += difference.different;
    }
    Ok(compared)
}

async fn read_source(
    source: &mut Source,
    shaped: &Shaped,
    listener: Listener<'_>,
    mut each: impl FnMut(&[u8]),
) -> Result<(), SourceError> {
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk);
    let mut all = |batch: &Batch| {
        batch.rows().for_each(&mut each);
        tell(listener, batch);
    };
    if shaped.walk == Walk::Whole {
        return reader
            .whole(READ_BYTES, |batch| {
                all(&batch);
                true
            })
            .await;
    }
    loop {
        let piece = reader.next(None).await?;
        all(&piece.batch);
        if piece.is_last {
            return Ok(());
        }
    }
}

async fn read_target(look: &Analytics, table: &Table, mut each: impl FnMut(&[u8])) -> Result<(), SyncError> {
    let rows: Option<CopyOut> = look.read(table, None).await?;
    let mut rows = rows.ok_or(TargetError::Protocol { what: "a table" })?;
    while let Some(batch) = rows.next(READ_BYTES).await? {
        batch.rows().for_each(&mut each);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted_by_kind() {
        let found = |ours: &[Hashed], theirs: &[Hashed], keyed| {
            let d = difference(ours.to_vec(), theirs.to_vec(), keyed);
            (d.missing, d.extra, d.different)
        };
        let rows = [(1, 10), (2, 20), (3, 30)];
        assert_eq!(found(&rows, &rows, true), (0, 0, 0));
        assert_eq!(found(&rows, &rows[1..], true), (1, 0, 0));
        assert_eq!(found(&rows[..2], &rows, true), (0, 1, 0));
        assert_eq!(found(&rows, &[(1, 10), (2, 21), (3, 30)], true), (0, 0, 1));
        assert_eq!(found(&rows, &[(1, 30), (2, 20), (3, 10)], true), (0, 0, 2), "two rows swapped");
        assert_eq!(found(&[(7, 7), (7, 7), (8, 8)], &[(7, 7), (9, 9)], false), (2, 1, 0), "bags count");
        assert_eq!(found(&[(5, 1)], &[(4, 1)], true), (1, 1, 0));
        assert_eq!(found(&[(5, 9)], &[(5, 1), (5, 9)], true), (0, 1, 0), "a key that came twice");
    }
}

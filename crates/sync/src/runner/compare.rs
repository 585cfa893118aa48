//! Comparing a table that was loaded before: which of it is read, and what of it is staged.

use std::collections::BTreeSet;
use std::time::Instant;

use bicuspid_model::Fingerprint;
use bicuspid_source::{Edited, Walk};
use bicuspid_target::{ChunkState, PassRecord, RowHashes, Scope, Staged};

use super::{Done, Flow, Prepared, check, converted, nothing, passed, record, report};
use crate::differences::{Selection, differences};
use crate::error::SyncError;
use crate::extract::{self, Extracted};
use crate::planner::Planned;
use crate::pump::Pump;
use crate::report::{Mode, TableOutcome};
use crate::schedule;
use crate::shape::Shaped;

/// Rows stamped since the last run up to which their chunks are looked up; more of them are found by a proof. It is one
/// statement, which must not hold its lock for long.
const EDITED_KEYS_MAX: u64 = 1000;

impl Flow<'_> {
    /// Reads a table that was loaded before, whole or in part, and stages what differs.
    pub(super) async fn compare<'p>(&mut self, planned: &'p Planned) -> Result<Done<'p>, SyncError> {
        let shaped = &planned.shaped;
        // Nothing may lie in an open transaction for as long as a comparison can take.
        self.writer.settle().await?;
        let before = planned.state.as_ref().map(|s| s.fingerprint).unwrap_or_default();
        let chunks = match self.lone_chunks.remove(shaped.table.name.in_target().as_str()) {
            Some(only) => vec![only],
            None => self.writer.look().chunks(&shaped.table.name).await?,
        };
        // Chunks that do not make up the table prove nothing.
        let is_provable = planned.mode != Mode::Full && !chunks.is_empty() && sum(&chunks) == before;
        let began = Instant::now();
        self.source.enter(&shaped.found.engine).await?;
        let latest = self.source.latest_stamp(&shaped.found).await?;
        let mut mode = planned.mode;
        if is_provable && matches!(mode, Mode::Tail | Mode::Stamp) {
            let selection = self.likely(planned, &chunks).await?;
            let is_part = selection != Selection::All;
            let (extracted, staged) = self.stage_differences(planned, &chunks, &selection).await?;
            // A count that does not fit tells of rows that came or went elsewhere: then all of it is read after all.
            if !is_part || extracted.count_agrees() {
                let scope = ranges(shaped, &extracted);
                mode = if is_part { mode } else { Mode::Proof };
                let pass = passed(self.clock, planned, mode, began, latest);
                return self.compared(planned, pass, mode, extracted, staged, scope);
            }
        }
        if mode != Mode::Full {
            mode = Mode::Proof;
        }
        let (extracted, staged, scope) = match &shaped.walk {
            Walk::Keyset(_) if is_provable && shaped.goes_by_ranges() => {
                let (extracted, staged) = self.stage_differences(planned, &chunks, &Selection::All).await?;
                let scope = ranges(shaped, &extracted);
                (extracted, staged, scope)
            }
            walk if is_provable => {
                // A changed range cannot be asked of the target by this key: if anything changed, all of it travels.
                let (source, key, listener) = (&mut self.source, &self.key, self.listener);
                let extracted = match walk {
                    Walk::Keyset(_) => {
                        let all = &Selection::All;
                        differences(source, shaped, key, &chunks, all, None, listener).await?
                    }
                    Walk::Whole => extract::everything(source, shaped, key, None, None, listener).await?,
                };
                if before == extracted.fingerprint() {
                    (extracted, None, Scope::Whole)
                } else {
                    let (mut again, staged) = self.stage_everything(planned).await?;
                    again.rows_read += extracted.rows_read;
                    (again, Some(staged), Scope::Whole)
                }
            }
            _ => {
                let (extracted, staged) = self.stage_everything(planned).await?;
                (extracted, Some(staged), Scope::Whole)
            }
        };
        let pass = passed(self.clock, planned, mode, began, latest);
        self.compared(planned, pass, mode, extracted, staged, scope)
    }

    /// Notes what a comparison found.
    fn compared<'p>(
        &mut self,
        planned: &'p Planned,
        pass: PassRecord,
        mode: Mode,
        mut extracted: Extracted,
        staged: Option<Staged>,
        scope: Scope,
    ) -> Result<Done<'p>, SyncError> {
        check(planned, &extracted, self.settings)?;
        let pass = PassRecord { by_hash: extracted.asked.equal > 0, ..pass };
        // Filled in when the run is published.
        let mut report = report(planned, mode, &extracted, &nothing(&planned.shaped.table.name));
        if pass.by_hash {
            report.converted = converted(planned, &extracted, &pass);
        }
        if let Some(staged) = staged {
            self.reports.push(report);
            let record = record(planned, &extracted, pass);
            let hashes = extracted.hashes.take();
            Ok(Done::Prepared(Box::new(Prepared { planned, staged, hashes, scope, record })))
        } else {
            report.outcome = TableOutcome::Unchanged;
            self.reports.push(report);
            Ok(Done::Unchanged(pass, extracted.marks))
        }
    }

    /// The chunks in which something new is likely: the last one, and those of rows whose stamp moved or of which a
    /// tombstone tells.
    async fn likely(&mut self, planned: &Planned, chunks: &[ChunkState]) -> Result<Selection, SyncError> {
        let shaped = &planned.shaped;
        let mut places: BTreeSet<usize> = chunks.len().checked_sub(1).into_iter().collect();
        let Some(key) = schedule::stamp_key(shaped) else { return Ok(Selection::Some(places)) };
        let name = shaped.found.name.as_str().to_lowercase();
        let mut keys = self.deleted.get(name.as_str()).cloned().unwrap_or_default();
        if let Some(since) = planned.since {
            let (found, table) = (&shaped.found, &shaped.table);
            match self.source.edited_since(found, table, key, since, EDITED_KEYS_MAX).await? {
                Edited::TooMany => return Ok(Selection::All),
                Edited::Keys(edited) => {
                    let edited: Option<Vec<i128>> =
                        edited.iter().map(|bound| shaped.whole_number(key, bound)).collect();
                    let Some(edited) = edited else { return Ok(Selection::All) };
                    keys.extend(edited);
                }
            }
        }
        if !keys.is_empty() {
            let borders = chunks.iter().filter_map(|chunk| chunk.upper.as_ref());
            let borders: Option<Vec<i128>> = borders.map(|bound| shaped.whole_number(key, bound)).collect();
            let Some(borders) = borders else { return Ok(Selection::All) };
            places.extend(keys.iter().map(|key| borders.partition_point(|border| border < key)));
        }
        Ok(Selection::Some(places))
    }

    async fn stage_everything(&mut self, planned: &Planned) -> Result<(Extracted, Staged), SyncError> {
        let shaped = &planned.shaped;
        let staging = self.staging()?;
        let mut pump = Pump::start(&staging, self.writer.stage(&shaped.table).await?);
        let (source, listener) = (&mut self.source, self.listener);
        let hashes = RowHashes::of(&shaped.table, &self.key);
        let reading = extract::everything(source, shaped, &self.key, Some(&staging), hashes, listener);
        let (extracted, target) = tokio::try_join!(reading, pump.end())?;
        let staged = self.writer.staged(target, &shaped.table).await?;
        Ok((extracted, staged))
    }

    /// Opens a staging table on the target only when the first changed row comes: most tables have none.
    async fn stage_differences(
        &mut self,
        planned: &Planned,
        chunks: &[ChunkState],
        selection: &Selection,
    ) -> Result<(Extracted, Option<Staged>), SyncError> {
        let shaped = &planned.shaped;
        let staging = self.staging()?;
        let writer = &mut self.writer;
        let reading = async {
            let extracted = differences(
                &mut self.source,
                shaped,
                &self.key,
                chunks,
                selection,
                Some(&staging),
                self.listener,
            )
            .await;
            staging.close();
            extracted
        };
        let writing = async {
            if !staging.arrives().await {
                return Ok(None);
            }
            let target = Pump::start(&staging, writer.stage(&shaped.table).await?).end().await?;
            Ok::<_, SyncError>(Some(target))
        };
        let (extracted, target) = tokio::try_join!(reading, writing)?;
        let staged = match target {
            Some(target) => Some(self.writer.staged(target, &shaped.table).await?),
            // Rows were deleted and none came: there is something to do, with nothing staged.
            None if !extracted.changed.is_empty() => {
                let target = self.writer.stage(&shaped.table).await?;
                Some(self.writer.staged(target, &shaped.table).await?)
            }
            None => None,
        };
        Ok((extracted, staged))
    }
}

fn sum(chunks: &[ChunkState]) -> Fingerprint {
    let mut all = Fingerprint::default();
    for chunk in chunks {
        all.merge(chunk.fingerprint);
    }
    all
}

/// The ranges that changed, by the walk of the table.
fn ranges(shaped: &Shaped, extracted: &Extracted) -> Scope {
    Scope::Ranges { walk: shaped.walk.positions().to_vec(), ranges: extracted.changed.clone() }
}

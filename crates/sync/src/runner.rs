//! One run: plan, first loads table by table, differences of the others, and one transaction that makes them visible.

mod compare;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bicuspid_guard::NextNumbers;
use bicuspid_model::{DateTime, FingerprintKey, TableName};
use bicuspid_source::{Engine, Pace, Source, SourceClock, SourceError};
use bicuspid_target::{
    Applied, Change, ChunkState, Converted, HeldBack, HeldState, Marks, PassRecord, Publication, RowHashes,
    RunRecord, Scope, Staged, TableRecord, TableState, TargetError, Unchanged, Writer,
};

use crate::error::SyncError;
use crate::event::{Border, Event, Listener};
use crate::extract::{self, Extracted};
use crate::planner::{Plan, Planned, PlannedHeld};
use crate::pump::Pump;
use crate::report::{Mode, PlanReport, SourceReport, SyncReport, TableOutcome, TableReport};
use crate::schedule;
use crate::settings::{SyncSettings, TableChoice, names};
use crate::staging::{self, Staging};
use crate::tombstones::{self, Deleted};

/// Fewest rows that a table must have lost for the shrink guard to hold it: small tables breathe.
const SHRINK_ROWS_MIN: u64 = 10;

/// Rows of a first load for which the small ones before it do not wait.
const LARGE_ROWS: u64 = 100_000;

/// Least memory for rows on their way at full pace, where the source waits for a server that stalls for a moment.
const FULL_STAGING_BYTES: usize = 8 * 1024 * 1024;

/// How often a table is read again whose rows and counts did not agree because it was being written.
const COUNT_RETRIES: u32 = 2;

/// Names a run.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Identifier, unique for ever.
    pub run_id: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
}

/// Says what a run would do. Reads catalogs, writes nothing.
pub async fn plan(
    source: &mut Source,
    look: &bicuspid_target::Analytics,
    settings: &SyncSettings,
) -> Result<PlanReport, SyncError> {
    Ok(Plan::make(source, look, settings).await?.report(settings.pace))
}

/// Copies the source into the target.
///
/// First loads are committed table by table (small ones some at a time), or all of them with the run under `atomic`; changes of tables that were
/// there before become visible together, in one transaction. A table that a rule holds keeps its old rows.
///
/// # Cancellation
/// Dropping the future closes both connections; PostgreSQL rolls back what was not committed.
pub async fn sync(
    mut source: Source,
    mut writer: Writer,
    settings: &SyncSettings,
    run: &RunInfo,
    listener: Listener<'_>,
) -> Result<SyncReport, SyncError> {
    let began = Instant::now();
    staging::clean(&settings.staging_dir);
    let plan = Plan::make(&mut source, writer.look(), settings).await?;
    let key = writer.look().proof_settings().await?.key;
    listener(Event::Planned {
        tables: plan.tables.len(),
        rows: plan.tables.iter().map(|p| p.shaped.found.rows_estimate).sum(),
    });
    let quiet_hours = plan.hours_report(settings.pace);
    if let Some(hours) = &quiet_hours {
        listener(Event::Hours(hours.clone()));
    }
    listener(Event::Border(Border::Planned));
    writer.expect_tables(&plan.never_loaded(), settings.choice == TableChoice::ThisRun).await?;
    let late = plan.tables.iter().filter(|planned| planned.later.is_some());
    let put_off = late.map(|planned| planned.shaped.found.name.to_string()).collect();
    let mut tables: Vec<Planned> = plan.tables;
    // What nobody has yet comes first: it is visible as soon as it is loaded.
    tables.sort_by_key(|p| p.mode != Mode::First);
    let mut flow = Flow {
        source,
        writer,
        settings,
        key,
        clock: plan.clock,
        deleted: Deleted::new(),
        lone_chunks: BTreeMap::new(),
        run,
        listener,
        reports: Vec::new(),
        troubles: Vec::new(),
    };
    flow.writer.set_atomic(settings.atomic);
    flow.lone_chunks = flow.writer.look().lone_chunks().await?;
    flow.deleted = flow.tombstones(&tables, &plan.numbers_known).await?;
    let mut prepared = Vec::new();
    let mut unchanged = Vec::new();
    for planned in &tables {
        let name = planned.shaped.found.name.to_string();
        listener(Event::TableBegun {
            name: name.clone(),
            mode: planned.mode,
            rows_estimate: planned.shaped.found.rows_estimate,
        });
        let began_table = began.elapsed();
        let mut outcome = flow.table(planned).await;
        let (mut again, mut cuts) = (COUNT_RETRIES, 0);
        loop {
            match &outcome {
                Err(error) if again > 0 && is_moving(planned, error) => again -= 1,
                Err(SyncError::Source(error)) if flow.source.may_begin_again(error, cuts) => cuts += 1,
                _ => break,
            }
            flow.source.leave().await?;
            flow.writer.abandon().await?;
            outcome = flow.table(planned).await;
        }
        let outcome = match outcome {
            Ok(Done::Prepared(change)) => {
                listener(Event::Border(Border::Staged));
                prepared.push(change);
                TableOutcome::Published
            }
            Ok(Done::Unchanged(pass, marks)) => {
                unchanged.push(Unchanged { table: planned.shaped.table.name.clone(), pass, marks });
                TableOutcome::Unchanged
            }
            Ok(Done::Published) => TableOutcome::Published,
            Err(error) => match flow.hold(planned, error).await {
                Ok(held) => held,
                Err(error) => return Err(flow.make_room(error).await),
            },
        };
        flow.timed(&name, began_table, began.elapsed());
        listener(Event::TableDone { name, outcome });
    }
    flow.publish(prepared, unchanged, &plan.held, plan.numbers).await?;
    let Flow { source, writer, mut reports, troubles, .. } = flow;
    drop(writer);
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    let meter = source.close().await;
    Ok(SyncReport {
        run_id: run.run_id.clone(),
        tables: reports,
        skipped: plan.skipped,
        link: plan.link,
        quiet_hours,
        put_off,
        source: SourceReport::from(&meter),
        seconds: began.elapsed().as_secs_f64(),
        troubles,
    })
}

/// What became of a table before the run is published.
enum Done<'a> {
    Published,
    /// With the marks of chunks that had others.
    Unchanged(PassRecord, Vec<(usize, Marks)>),
    Prepared(Box<Prepared<'a>>),
}

/// A changed table, staged.
struct Prepared<'a> {
    planned: &'a Planned,
    staged: Staged,
    hashes: Option<RowHashes>,
    scope: Scope,
    record: TableRecord,
}

struct Flow<'s> {
    source: Source,
    writer: Writer,
    settings: &'s SyncSettings,
    key: FingerprintKey,
    /// The source's clock from before anything was read.
    clock: SourceClock,
    /// Rows of which a tombstone tells.
    deleted: Deleted,
    /// The chunks of tables that have but one, until they are compared.
    lone_chunks: BTreeMap<String, ChunkState>,
    run: &'s RunInfo,
    listener: Listener<'s>,
    reports: Vec<TableReport>,
    troubles: Vec<bicuspid_model::Trouble>,
}

impl Flow<'_> {
    fn staging(&self) -> Result<Staging, SyncError> {
        let (dir, memory) = (&self.settings.staging_dir, self.settings.staging_memory_bytes);
        match self.settings.pace {
            Pace::Kind => Staging::new(memory, dir, false),
            Pace::Full => {
                let least = FULL_STAGING_BYTES / self.settings.runs_beside.max(1);
                Staging::new(memory.max(least), dir, true)
            }
        }
    }

    /// Rows of which a tombstone tells. A hint is not worth a run: where it cannot be read, there is none.
    async fn tombstones(&mut self, tables: &[Planned], known: &NextNumbers) -> Result<Deleted, SyncError> {
        match tombstones::deleted(&mut self.source, tables, known).await {
            Err(SyncError::Source(error))
                if error.is_of_table() || self.source.may_begin_again(&error, 0) =>
            {
                self.source.leave().await?;
                Ok(Deleted::new())
            }
            deleted => deleted,
        }
    }

    async fn table<'p>(&mut self, planned: &'p Planned) -> Result<Done<'p>, SyncError> {
        match planned.mode {
            // Boxed: they are much larger than the rest of a run.
            Mode::First => Box::pin(self.first_load(planned)).await,
            Mode::Tail | Mode::Stamp | Mode::Proof | Mode::Full => Box::pin(self.compare(planned)).await,
        }
    }

    /// Reads a table that the target does not have, straight into it.
    async fn first_load<'p>(&mut self, planned: &'p Planned) -> Result<Done<'p>, SyncError> {
        let shaped = &planned.shaped;
        let staging = self.staging()?;
        if shaped.found.rows_estimate >= LARGE_ROWS {
            self.writer.settle().await?;
        }
        let began = Instant::now();
        let (source, writer, listener) = (&mut self.source, &mut self.writer, self.listener);
        let entering = async {
            source.enter(&shaped.found.engine).await?;
            Ok::<_, SyncError>(source.latest_stamp(&shaped.found).await?)
        };
        // Neither is cut short by the other's trouble: a statement that nobody waits for any more would cost its
        // connection.
        let (load, latest) = tokio::join!(writer.first_load(&shaped.table), entering);
        let (load, latest) = (load?, latest?);
        listener(Event::Border(Border::LoadBegun));
        let mut pump = Pump::start(&staging, load);
        let hashes = RowHashes::of(&shaped.table, &self.key);
        let reading = extract::everything(source, shaped, &self.key, Some(&staging), hashes, listener);
        // The key is built while the source counts what was read.
        let writing = async {
            let filled = writer.filled(pump.end().await?, &shaped.table).await?;
            listener(Event::Border(Border::LoadFilled));
            Ok(filled)
        };
        let (extracted, filled) = tokio::try_join!(reading, writing)?;
        let pass = passed(self.clock, planned, Mode::First, began, latest);
        let record = record(planned, &extracted, pass);
        check(planned, &extracted, self.settings)?;
        let hashes = extracted.hashes.as_ref();
        let proved = filled.prove(extracted.fingerprint(), hashes, &self.key).await?;
        let applied = proved.publish(&record, &self.run.run_id, &source.facts().server).await?;
        (self.listener)(Event::Border(Border::LoadPublished));
        self.reports.push(report(planned, Mode::First, &extracted, &applied));
        Ok(Done::Published)
    }

    /// Notes in the report of a table when it was begun and done, counted from the begin of the run.
    fn timed(&mut self, name: &str, began: Duration, done: Duration) {
        let thousandth = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
        if let Some(report) = self.reports.iter_mut().find(|report| report.name == name) {
            report.began_seconds = Some(thousandth(began));
            report.seconds = Some(thousandth(done.saturating_sub(began)));
        }
    }

    /// Keeps a table back, or ends the run if the trouble is not of the table alone.
    async fn hold(&mut self, planned: &Planned, error: SyncError) -> Result<TableOutcome, SyncError> {
        let of_table = match &error {
            SyncError::Source(error) => error.is_of_table(),
            SyncError::Target(error) => error.is_of_table(),
            _ => false,
        };
        if !of_table {
            return Err(error);
        }
        self.source.leave().await?;
        self.writer.abandon().await?;
        let trouble = error.trouble();
        let held = HeldState {
            rule: trouble.code.clone(),
            detail: trouble.why.clone(),
            remedy: trouble.hint.clone(),
        };
        self.troubles.push(trouble);
        let name = &planned.shaped.found.name;
        self.reports.retain(|r| r.name != name.as_str());
        self.reports.push(held_report(name, planned.mode, planned.state.as_ref(), held));
        Ok(TableOutcome::Held)
    }

    /// Ends a run that makes room for the people on an overloaded server: first loads that are complete and wait for
    /// others to be committed with them are kept.
    async fn make_room(&mut self, error: SyncError) -> SyncError {
        if matches!(error, SyncError::Source(SourceError::Overloaded { .. })) {
            // What cannot be committed is rolled back, and loaded again by the next run.
            let _ = self.writer.settle().await;
        }
        error
    }

    /// Makes the run visible.
    async fn publish(
        &mut self,
        prepared: Vec<Box<Prepared<'_>>>,
        unchanged: Vec<Unchanged>,
        held: &[PlannedHeld],
        numbers: NextNumbers,
    ) -> Result<(), SyncError> {
        self.source.end_reading().await;
        for one in held {
            self.reports.push(held_report(&one.name, one.mode, one.state.as_ref(), one.held.clone()));
        }
        (self.listener)(Event::Publishing { changed: prepared.len() });
        (self.listener)(Event::Border(Border::BeforePublish));
        let names: Vec<(TableName, HeldState)> = self
            .reports
            .iter()
            .filter_map(|r| Some((TableName::new(r.name.clone()).ok()?, r.held.clone()?)))
            .collect();
        let before: BTreeMap<String, u64> = prepared
            .iter()
            .filter_map(|p| {
                let rows = p.planned.state.as_ref()?.fingerprint.rows;
                Some((p.planned.shaped.table.name.to_string(), rows))
            })
            .collect();
        let publication = Publication {
            changes: prepared
                .into_iter()
                .map(|p| Change {
                    table: &p.planned.shaped.table,
                    staged: p.staged,
                    hashes: p.hashes,
                    scope: p.scope,
                    added: p.planned.added.clone(),
                    relaxed: p.planned.relaxed.clone(),
                    widened: p.planned.widened.clone(),
                    adoption: p.planned.adoption.clone().map(|(adoption, _)| adoption),
                    stamp: schedule::stamp_name(&p.planned.shaped).cloned(),
                    record: p.record,
                })
                .collect(),
            unchanged,
            server: self.source.facts().server.clone(),
            numbers,
            held: names.iter().map(|(table, held)| HeldBack { table, held: held.clone() }).collect(),
        };
        let any_held = !publication.held.is_empty();
        let run = RunRecord {
            run_id: self.run.run_id.clone(),
            started_at: self.run.started_at.clone(),
            outcome: if any_held { "held" } else { "done" }.to_owned(),
            record: serde_json::Value::Null,
        };
        let reports = &mut self.reports;
        let meter = SourceReport::from(self.source.meter());
        let applied = self
            .writer
            .publish(publication, &self.key, &run, |applied| {
                fill_in(reports, applied, &before);
                serde_json::json!({ "tables": &*reports, "source": meter })
            })
            .await?;
        for one in applied.iter().filter_map(|a| a.held.as_ref().map(|h| (a, h))) {
            self.troubles.push(bicuspid_model::Trouble {
                code: one.1.rule.clone(),
                side: bicuspid_model::Side::Target,
                class: bicuspid_model::Class::Held,
                what: format!("table {} was not published", one.0.table),
                why: one.1.detail.clone(),
                state: "its old rows stay; the other tables were published".into(),
                hint: one.1.remedy.clone(),
            });
        }
        (self.listener)(Event::Border(Border::Published));
        // All is committed: what fails from here on must not make the run look as if it were not.
        if let Some(role) = &self.settings.reader_role
            && let Err(error) = self.writer.grant_reader(role).await
        {
            self.troubles.push(error.trouble());
        }
        // The session that they belong to ends with the run.
        let _ = self.writer.drop_stages().await;
        Ok(())
    }
}

fn nothing(table: &TableName) -> Applied {
    Applied { table: table.clone(), inserted: 0, updated: 0, deleted: 0, unstamped: 0, held: None }
}

/// Puts what became of the changed tables into their reports. One that was held after all has the rows that it had
/// `before`, and its old values.
fn fill_in(reports: &mut [TableReport], applied: &[Applied], before: &BTreeMap<String, u64>) {
    for one in applied {
        if let Some(report) = reports.iter_mut().find(|r| r.name == one.table.as_str()) {
            (report.inserted, report.updated, report.deleted) = (one.inserted, one.updated, one.deleted);
            if let Some(held) = &one.held {
                report.outcome = TableOutcome::Held;
                report.held = Some(held.clone());
                report.rows_target = before.get(one.table.as_str()).copied().unwrap_or_default();
                report.converted.clear();
            } else if one.inserted + one.updated + one.deleted == 0 {
                report.outcome = TableOutcome::Unchanged;
            }
        }
    }
}

/// What is remembered of a pass that ends now.
fn passed(
    clock: SourceClock,
    planned: &Planned,
    mode: Mode,
    began: Instant,
    latest: Option<DateTime>,
) -> PassRecord {
    PassRecord {
        whole: !matches!(mode, Mode::Tail | Mode::Stamp),
        by_hash: false,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        // Behind a pass that did not look for edits there may be some that were stamped before it.
        stamp: if mode == Mode::Tail { None } else { schedule::mark(&planned.shaped, latest, clock) },
    }
}

fn record(planned: &Planned, extracted: &Extracted, pass: PassRecord) -> TableRecord {
    TableRecord {
        source_name: planned.shaped.found.name.clone(),
        shape: planned.shaped.signature(),
        walk: planned.shaped.walk_names(),
        chunks: extracted.chunks.clone(),
        converted: converted(planned, extracted, &pass),
        pass,
    }
}

/// Values that are replaced in the table, as far as is known.
fn converted(planned: &Planned, extracted: &Extracted, pass: &PassRecord) -> Vec<Converted> {
    match &planned.state {
        // A part of the table says nothing of the values replaced in the rest.
        Some(state) if !pass.whole || pass.by_hash => state.converted.clone(),
        _ => extracted.converted.clone(),
    }
}

/// Whether rows and counts disagree in a table without snapshots. As many rows may have come as went while it was read:
/// then the counts agree with each other and not with the rows, and reading it again tells whether that was so.
fn is_moving(planned: &Planned, error: &SyncError) -> bool {
    matches!(planned.shaped.found.engine, Engine::TableLock(_))
        && matches!(error, SyncError::Target(TargetError::Held { rule: "row_count", .. }))
}

/// The rules of a table, before anything of it becomes visible.
fn check(planned: &Planned, extracted: &Extracted, settings: &SyncSettings) -> Result<(), SyncError> {
    let table = planned.shaped.found.name.to_string();
    let rows = extracted.fingerprint().rows;
    if !extracted.count_agrees() {
        let (before, after) = extracted.counted.unwrap_or_default();
        return Err(TargetError::Held {
            table,
            rule: "row_count",
            detail: format!("{rows} rows arrived, the source counted {before} before and {after} after"),
        }
        .into());
    }
    let adopted = planned.adoption.as_ref().map(|(_, rows)| *rows);
    if let Some(before) = planned.state.as_ref().map(|s| s.fingerprint.rows).or(adopted) {
        let lost = before.saturating_sub(rows);
        let share = |n: u64| f64::from(u32::try_from(n.min(u64::from(u32::MAX))).unwrap_or(u32::MAX));
        let accepted = names(&settings.accept_shrink, planned.shaped.found.name.as_str());
        // A table that is suddenly empty is held whatever share of its rows a table may lose.
        let is_too_much = rows == 0 || share(lost) > share(before) * settings.shrink_share;
        if !accepted && lost >= SHRINK_ROWS_MIN && is_too_much {
            return Err(TargetError::Held {
                table,
                rule: "shrink",
                detail: format!("it had {before} rows and now has {rows}"),
            }
            .into());
        }
    }
    Ok(())
}

fn report(planned: &Planned, mode: Mode, extracted: &Extracted, applied: &Applied) -> TableReport {
    let rows = extracted.fingerprint().rows;
    TableReport {
        name: planned.shaped.found.name.to_string(),
        mode,
        outcome: TableOutcome::Published,
        rows_source: rows,
        rows_target: rows,
        rows_read: extracted.rows_read,
        chunks_asked: extracted.asked.chunks,
        chunks_equal: extracted.asked.equal,
        inserted: applied.inserted,
        updated: applied.updated,
        deleted: applied.deleted,
        held: None,
        converted: extracted.converted.clone(),
        began_seconds: None,
        seconds: None,
    }
}

fn held_report(name: &TableName, mode: Mode, state: Option<&TableState>, held: HeldState) -> TableReport {
    TableReport {
        name: name.to_string(),
        mode,
        outcome: TableOutcome::Held,
        rows_source: 0,
        rows_target: state.map_or(0, |s| s.fingerprint.rows),
        rows_read: 0,
        chunks_asked: 0,
        chunks_equal: 0,
        inserted: 0,
        updated: 0,
        deleted: 0,
        held: Some(held),
        converted: Vec::new(),
        began_seconds: None,
        seconds: None,
    }
}

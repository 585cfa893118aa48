//! The practice as files: one for each table that it fills, and a manifest beside them.
//!
//! The history of a location is one sequence of events, and locations come one after the other, on one thread whatever is
//! asked for; further threads encode, compress and write, each for tables of its own. A shard of a group lets its own
//! locations happen and no others. Where there are fewer locations than shards, it lets the whole history happen and keeps
//! its share of every table's rows: the first shard the first rows, the last the last. Either way the shards in their
//! order are the whole, row for row. The bytes of every file are the same whatever the number of threads. Memory holds one
//! location, and what a few batches and one row group for each table need, however many locations there are.

mod shard;
mod writer;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use bicuspid_files::{FORMAT, FileRecord, Folder, Form, Manifest};
use bicuspid_model::{Batch, Table};
use bicuspid_practice::{Settings, Summary};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::anomalies::{Anomaly, Condition, Made, Source, counts_by_kind};
use crate::encoder;
use crate::error::GenerateError;
use crate::plan::stock_tables;
use crate::quality;
use crate::report::{GenerateReport, Place};
use crate::runner::{Event, Listener, count};
use serde::{Deserialize, Serialize};
pub use shard::Shard;
use shard::Share;
use writer::Files;

/// Full batches that may wait for a writing thread.
const BATCHES_WAITING_MAX: usize = 8;

/// Everything that files are made from.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// The practice.
    pub practice: Settings,
    /// Whether its database is tidy.
    pub condition: Condition,
    /// Where to.
    pub dir: PathBuf,
    /// Form of the files.
    pub form: Form,
    /// Share of the practice.
    pub shard: Shard,
    /// Threads in all; with one, the simulation's own does everything.
    pub threads: NonZeroUsize,
}

/// What the files of a manifest were made from: the same origin and version give the same files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// `1/1`, or the share of the practice that this is.
    shard: String,
    /// Patients of all locations.
    patients: u32,
    /// Locations of the practice.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    locations: u32,
    /// The first and the last of them that are in these files, by the number of their clinics; nothing where the shards
    /// share the rows of every table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clinics: Option<(u32, u32)>,
    seed: u64,
    start_date: String,
    end_date: String,
    /// `clean`, or `messy` with planted anomalies.
    #[serde(default = "clean")]
    condition: String,
    /// Anomalies in these rows, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    planted: BTreeMap<String, u64>,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_one(number: &u32) -> bool {
    *number == 1
}

fn clean() -> String {
    Condition::Clean.name().to_owned()
}

/// Files that may be written, and are not yet.
#[derive(Debug)]
pub struct FilePlan {
    settings: FileSettings,
    /// What happens: the locations of the shard, or all of them.
    source: Source,
    tables: Vec<Table>,
    folder: Folder<Origin>,
}

/// Checks the settings and looks at the folder: a file that no manifest there accounts for is not replaced. Writes
/// nothing.
pub fn plan_files(settings: FileSettings) -> Result<FilePlan, GenerateError> {
    let all = Source::new(settings.practice, settings.condition)?;
    let source = match settings.locations() {
        Some(locations) => all.of_locations(&locations),
        None => all,
    };
    let folder = Folder::inspect(&settings.dir, &settings.shard.suffix())?;
    Ok(FilePlan { source, tables: stock_tables()?, folder, settings })
}

impl FileSettings {
    /// The locations that happen, and all rows of them; `None` if everything happens and the rows are shared.
    fn locations(&self) -> Option<Range<u32>> {
        self.shard.locations(self.practice.locations)
    }
}

impl FilePlan {
    /// Rows of an earlier generation that would be replaced.
    #[must_use]
    pub fn rows_present(&self) -> u64 {
        self.folder.before().map_or(0, |before| before.rows)
    }

    /// Lets happen what [`Self::run`] would, and keeps nothing: the counts that it writes.
    pub async fn rehearse(&self) -> Result<GenerateReport, GenerateError> {
        let began = Instant::now();
        let source = self.source;
        let Made { summary, mut anomalies } = tokio::task::spawn_blocking(move || source.summarise())
            .await
            .map_err(|_| GenerateError::Stopped)??;
        let place = Place::Dir(self.settings.dir.clone());
        let mut report = GenerateReport::new(place, &self.settings.practice, &summary, began.elapsed());
        if self.settings.locations().is_none() {
            for table in &mut report.tables {
                let (from, to) = self.settings.shard.range(table.rows);
                anomalies.retain(|a| a.table != table.name || (from..to).contains(&a.ordinal));
                table.rows = to - from;
                // Known only to whoever sees the rows.
                table.digest = String::new();
            }
            report.rows = report.tables.iter().map(|table| table.rows).sum();
        }
        Ok(report.with_anomalies(self.settings.condition, anomalies))
    }

    /// Writes the files, all of them or none.
    ///
    /// Dropping the future leaves the folder's own files as they were.
    pub async fn run(self, version: &str, listener: &Listener<'_>) -> Result<GenerateReport, GenerateError> {
        let began = Instant::now();
        let Self { settings, source, tables, folder } = self;
        let (events, mut heard) = unbounded_channel();
        let work = Work { settings: settings.clone(), source, tables, folder, version: version.to_owned() };
        let working = tokio::task::spawn_blocking(move || work.write(&events));
        while let Some(event) = heard.recv().await {
            listener(event);
        }
        let written = working.await.map_err(|_| GenerateError::Stopped)??;
        let place = Place::Dir(settings.dir);
        let mut report = GenerateReport::new(place, &settings.practice, &written.summary, began.elapsed());
        report.rows_replaced = written.rows_replaced;
        for table in &mut report.tables {
            if let Some(file) = written.manifest.tables.iter().find(|file| file.name == table.name) {
                (table.rows, table.digest) = (file.rows, file.digest.clone().unwrap_or_default());
            }
        }
        report.rows = written.manifest.rows;
        Ok(report.with_anomalies(settings.condition, written.anomalies))
    }
}

/// What the writing thread is given.
struct Work {
    settings: FileSettings,
    source: Source,
    tables: Vec<Table>,
    folder: Folder<Origin>,
    version: String,
}

struct Written {
    summary: Summary,
    anomalies: Vec<Anomaly>,
    manifest: Manifest<Origin>,
    rows_replaced: u64,
}

/// What a writing thread is told.
enum Order {
    Rows(usize, Batch),
    /// The table has a file, even if no row of it belongs to this share of the rows.
    Exists(usize),
}

impl Work {
    fn write(self, events: &UnboundedSender<Event>) -> Result<Written, GenerateError> {
        let unfinished = Arc::new(self.folder.begin()?);
        let shares = self.shares(events)?;
        let tell = |event| events.send(event).map_err(|_| GenerateError::Stopped);
        tell(Event::Begun)?;
        let lanes = self.settings.threads.get() - 1;
        let files = || Files::new(&self.tables, &unfinished, &self.settings);
        let mut share = Share::new(shares, &self.tables);
        let (made, records) = if lanes == 0 {
            let mut files = files();
            let made = self.simulate(&mut share, &tell, &mut |order| files.take(order))?;
            (made, files.finish()?)
        } else {
            std::thread::scope(|scope| {
                let (mut senders, mut writers) = (Vec::new(), Vec::new());
                for _ in 0..lanes {
                    let (sender, orders) = sync_channel::<Order>(BATCHES_WAITING_MAX);
                    let mut files = files();
                    senders.push(sender);
                    writers.push(scope.spawn(move || {
                        orders.into_iter().try_for_each(|order| files.take(order))?;
                        files.finish()
                    }));
                }
                let made = self.simulate(&mut share, &tell, &mut |order| send(&senders, order));
                drop(senders);
                // A writer's own trouble says more than that nobody took its rows any more.
                let mut records = Vec::new();
                for writer in writers {
                    records.extend(writer.join().map_err(|_| GenerateError::Stopped)??);
                }
                Ok::<_, GenerateError>((made?, records))
            })?
        };
        tell(Event::Publishing)?;
        let Made { summary, mut anomalies } = made;
        anomalies.retain(|anomaly| {
            let position = self.tables.iter().position(|t| t.name.as_str() == anomaly.table);
            position.is_some_and(|at| share.holds(at, anomaly.ordinal))
        });
        let manifest = self.manifest(&summary, &anomalies, &share, records)?;
        let rows_replaced = self.folder.before().map_or(0, |before| before.rows);
        self.folder.publish(&unfinished, manifest.clone())?;
        Ok(Written { summary, anomalies, manifest, rows_replaced })
    }

    /// The practice happens, and the rows of this share go where they are written.
    fn simulate(
        &self,
        share: &mut Share,
        tell: &dyn Fn(Event) -> Result<(), GenerateError>,
        order: &mut dyn FnMut(Order) -> Result<(), GenerateError>,
    ) -> Result<Made, GenerateError> {
        let mut deliver = |position, batch: Batch| {
            tell(Event::Rows { rows: count(batch.len()), bytes: count(batch.bytes().len()) })?;
            order(Order::Rows(position, batch))
        };
        let made =
            encoder::simulate(self.source, &self.tables, &mut |at, row| share.keeps(at, row), &mut deliver)?;
        for table in made.summary.tables.iter().filter(|t| t.rows > 0) {
            if let Some(position) = self.tables.iter().position(|t| t.name.as_str() == table.table) {
                order(Order::Exists(position))?;
            }
        }
        Ok(made)
    }

    /// The rows of each table that belong to this shard; `None` for all that happen. How many there are is known when
    /// they have all happened, so they happen twice.
    fn shares(&self, events: &UnboundedSender<Event>) -> Result<Option<Vec<(u64, u64)>>, GenerateError> {
        if self.settings.locations().is_some() {
            return Ok(None);
        }
        events.send(Event::Counting).map_err(|_| GenerateError::Stopped)?;
        let whole = self.source.summarise()?.summary;
        let rows: BTreeMap<&str, u64> = whole.tables.iter().map(|t| (t.table, t.rows)).collect();
        let range = |table: &Table| {
            self.settings.shard.range(rows.get(table.name.as_str()).copied().unwrap_or_default())
        };
        Ok(Some(self.tables.iter().map(range).collect()))
    }

    fn manifest(
        &self,
        summary: &Summary,
        anomalies: &[Anomaly],
        share: &Share,
        mut tables: Vec<FileRecord>,
    ) -> Result<Manifest<Origin>, GenerateError> {
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let references = quality::references(&self.tables);
        let locations = self.settings.locations();
        let all_happened = locations.is_none() || self.settings.shard.is_whole();
        for record in &mut tables {
            let whole =
                summary.tables.iter().find(|t| t.table == record.name).ok_or(GenerateError::Stopped)?;
            let position = self.tables.iter().position(|t| t.name.as_str() == record.name);
            let (expected, digest) = match position.and_then(|at| share.kept(at)) {
                Some(kept) => kept,
                None => (whole.rows, whole.digest),
            };
            // Nobody knows what locations hold that did not happen here.
            record.rows_of_all_shards = all_happened.then_some(whole.rows);
            record.digest = Some(format!("{digest:032x}"));
            let of_table = references.iter().filter(|r| r.table.as_str() == record.name);
            record.references =
                of_table.map(|r| (r.column.to_string(), format!("{}.{}", r.to_table, r.to_column))).collect();
            if record.rows != expected {
                return Err(GenerateError::Unfit {
                    table: record.name.clone(),
                    what: "the number of rows in its file".to_owned(),
                });
            }
        }
        let practice = &self.settings.practice;
        Ok(Manifest {
            format: FORMAT,
            made_by: "bicuspid generate: no patient in these files is real".to_owned(),
            version: self.version.clone(),
            output: self.settings.form.name().to_owned(),
            about: Origin {
                shard: self.settings.shard.named(),
                patients: practice.patients,
                locations: practice.locations,
                clinics: locations.filter(|_| practice.locations > 1).map(|of| (of.start + 1, of.end)),
                seed: practice.seed,
                start_date: practice.start_date.to_string(),
                end_date: practice.end_date.to_string(),
                condition: self.settings.condition.name().to_owned(),
                planted: planted(self.settings.condition, anomalies),
            },
            rows: tables.iter().map(|t| t.rows).sum(),
            tables,
            replaced: Vec::new(),
        })
    }
}

/// How many anomalies of each kind there are; nothing for a clean practice.
fn planted(condition: Condition, anomalies: &[Anomaly]) -> BTreeMap<String, u64> {
    match condition {
        Condition::Clean => BTreeMap::new(),
        Condition::Messy => counts_by_kind(anomalies)
            .into_iter()
            .map(|(kind, count)| (kind.name().to_owned(), count))
            .collect(),
    }
}

/// Every table has one writing thread, so that its rows stay in order.
fn send(senders: &[SyncSender<Order>], order: Order) -> Result<(), GenerateError> {
    let (Order::Rows(position, _) | Order::Exists(position)) = order;
    let lane = position.checked_rem(senders.len()).and_then(|lane| senders.get(lane));
    lane.ok_or(GenerateError::Stopped)?.send(order).map_err(|_| GenerateError::Stopped)
}

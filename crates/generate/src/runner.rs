//! The run: the practice happens on a thread of its own, and its rows stream into one transaction.
//!
//! The practice hands out rows of all tables mixed. They are kept neither in files nor in memory until their table's
//! turn comes: each table has one batch that fills up, full batches wait in a queue, and whenever the server is free it
//! gets all that waits for the table with the most, in one `COPY`, all inside the same transaction. Memory is one batch
//! per table and the queue, whatever the size of the practice; and the simulation and the server work at the same time,
//! from the moment at which the server begins to make tables. Files would be written and read once more for nothing, and
//! a simulation per table would be paid again for each.

use std::collections::BTreeMap;
use std::time::Instant;

use bicuspid_model::{Batch, FingerprintKey, Table};
use bicuspid_practice::{Preset, Receivables, Settings};
use bicuspid_target::{GeneratedTable, Generation};
use tokio::sync::mpsc;

use crate::anomalies::{Anomaly, Condition, Made, Source, counts_by_kind};
use crate::encoder;
use crate::error::GenerateError;
use crate::plan::Plan;
use crate::queue::{Full, Queue};
use crate::report::{GenerateReport, Place};

/// Full batches between the simulation and the queue.
const BATCHES_BETWEEN_MAX: usize = 8;

/// What is given to a run from outside: it draws no names and no chance, and reads no clock for its records.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Identifier of the run.
    pub run_id: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// Version of the program.
    pub tool_version: String,
    /// Sixteen random bytes, which become the key of the row hash if the database has none yet.
    pub key: FingerprintKey,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The rows of a shard are counted first.
    Counting,
    /// Rows will be written: the database is locked, judged again inside the transaction, and its tables are empty
    /// there; or the folder is there and nobody else writes it.
    Begun,
    /// Rows were taken, which nobody sees yet.
    Rows {
        /// Rows.
        rows: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Every row is there; tables that are new get their keys.
    Keys,
    /// Every row is there; they are read back and compared before the commit.
    Proving,
    /// Every file is whole; they take the place of the old ones.
    Publishing,
}

/// Hears events; it cannot fail a run.
pub type Listener<'a> = dyn Fn(Event) + Send + Sync + 'a;

impl Plan {
    /// Writes the practice, all of it or nothing.
    ///
    /// Dropping the future leaves the database as it was: the connection ends with its transaction open.
    pub async fn run(self, info: RunInfo, listener: &Listener<'_>) -> Result<GenerateReport, GenerateError> {
        let began = Instant::now();
        let target = self.target();
        let Self { demo, source, condition, settings, user, tables, .. } = self;
        // The practice happens whatever the server does meanwhile; it waits where its rows wait.
        let (sender, mut batches) = mpsc::channel(BATCHES_BETWEEN_MAX);
        let simulated = tables.clone();
        let simulation = tokio::task::spawn_blocking(move || simulate(source, &simulated, &sender));
        let mut queue = Queue::new(tables.len());
        let beginning = Box::pin(demo.into_writer(tables, &user, &info.key, &info.tool_version));
        let mut writer = queue.filled_during(&mut batches, beginning).await?;
        listener(Event::Begun);
        let mut loaded = Ok(());
        while let Some((position, rows)) = queue.next(&mut batches).await {
            loaded = writer.load(position, &rows).await;
            if loaded.is_err() {
                break;
            }
            let sum = |of: fn(&Batch) -> usize| count(rows.iter().map(of).sum());
            listener(Event::Rows { rows: sum(Batch::len), bytes: sum(|batch| batch.bytes().len()) });
        }
        // A simulation whose rows nobody takes any more ends at the next full batch.
        drop(batches);
        let made = simulation.await.map_err(|_| GenerateError::Stopped);
        loaded?;
        let Made { summary, anomalies } = made??;
        listener(Event::Keys);
        writer.add_keys().await?;
        listener(Event::Proving);
        let generated =
            summary.tables.iter().map(|t| GeneratedTable::new(t.table, t.rows, t.digest)).collect();
        let published = writer
            .publish(Generation {
                run_id: info.run_id,
                started_at: info.started_at,
                patients: settings.patients,
                seed: settings.seed,
                start_date: settings.start_date,
                end_date: settings.end_date,
                settings: named(&settings, condition, &anomalies),
                tool_version: info.tool_version,
                tables: generated,
            })
            .await?;
        let mut report = GenerateReport::new(Place::Target(target), &settings, &summary, began.elapsed())
            .with_anomalies(condition, anomalies);
        // What is told is what the server counts, not what was meant to be there.
        for table in &mut report.tables {
            table.rows = published.rows.get(&table.name).copied().unwrap_or_default();
        }
        report.rows = published.rows.values().sum();
        report.rows_replaced = published.replaced;
        report.tables_empty = count(published.rows.values().filter(|rows| **rows == 0).count());
        Ok(report)
    }
}

/// The settings that have no column of their own in the ledger.
fn named(settings: &Settings, condition: Condition, anomalies: &[Anomaly]) -> BTreeMap<String, String> {
    let receivables = match settings.receivables {
        Receivables::Healthy => "healthy",
        Receivables::Typical => "typical",
        Receivables::Neglected => "neglected",
    };
    let preset = match settings.preset {
        Preset::Dbt => "dbt",
        Preset::Stock => "stock",
    };
    let mut named: BTreeMap<String, String> = [
        ("locations", settings.locations.to_string().as_str()),
        ("receivables", receivables),
        ("preset", preset),
        ("condition", condition.name()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if condition == Condition::Messy {
        let planted = counts_by_kind(anomalies);
        named.extend(planted.iter().map(|(kind, count)| (kind.in_ledger(), count.to_string())));
    }
    named
}

fn simulate(source: Source, tables: &[Table], sender: &mpsc::Sender<Full>) -> Result<Made, GenerateError> {
    let mut deliver =
        |position, batch| sender.blocking_send((position, batch)).map_err(|_| GenerateError::Stopped);
    encoder::simulate(source, tables, &mut |_, _| true, &mut deliver)
}

pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

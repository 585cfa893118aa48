//! The run: the practice happens on a thread of its own, and its rows stream into one transaction.
//!
//! The practice hands out rows of all tables mixed. They are kept neither in files nor in memory until their table's
//! turn comes: each table has one batch that fills up, and a full batch is sent by a `COPY` of its own, whichever table
//! it is of, all inside the same transaction. A `COPY` costs a few round trips, a batch a thousand rows; memory is one
//! batch per table and a few on their way, whatever the size of the practice; and the simulation and the server work at
//! the same time. Files would be written and read once more for nothing, and a simulation per table would be paid again
//! for each.

use std::collections::HashMap;
use std::time::Instant;

use bicuspid_model::{Batch, FingerprintKey, Table, Value, codec};
use bicuspid_practice::{Practice, RowSink, SinkError, Summary};
use bicuspid_target::{GeneratedTable, Generation};
use tokio::sync::mpsc;

use crate::error::GenerateError;
use crate::plan::Plan;
use crate::report::GenerateReport;

/// Bytes of rows after which a batch is sent.
const BATCH_BYTES: usize = 256 * 1024;
/// Full batches that may wait for the server.
const BATCHES_WAITING_MAX: usize = 8;

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
    /// The database is locked, judged again inside the transaction, and its tables are empty there.
    Begun,
    /// The server took rows, which nobody sees yet.
    Rows {
        /// Rows.
        rows: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Every row is there; they are read back and compared before the commit.
    Proving,
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
        let Self { demo, practice, settings, user, tables, .. } = self;
        let mut writer = demo.into_writer(tables.clone(), &user, &info.key, &info.tool_version).await?;
        listener(Event::Begun);
        let (sender, mut batches) = mpsc::channel(BATCHES_WAITING_MAX);
        let simulation = tokio::task::spawn_blocking(move || simulate(practice, tables, sender));
        let mut loaded = Ok(());
        while let Some((position, batch)) = batches.recv().await {
            loaded = writer.load(position, &batch).await;
            if loaded.is_err() {
                break;
            }
            listener(Event::Rows { rows: count(batch.len()), bytes: count(batch.bytes().len()) });
        }
        // A simulation whose rows nobody takes any more ends at the next full batch.
        drop(batches);
        let summary = simulation.await.map_err(|_| GenerateError::Stopped);
        loaded?;
        let summary = summary??;
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
                tool_version: info.tool_version,
                tables: generated,
            })
            .await?;
        let mut report = GenerateReport::new(target, &settings, &summary, began.elapsed());
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

/// A full batch and the position of its table.
type Sent = (usize, Batch);

fn simulate(
    practice: Practice,
    tables: Vec<Table>,
    sender: mpsc::Sender<Sent>,
) -> Result<Summary, GenerateError> {
    let mut encoder = Encoder::new(tables, sender);
    let outcome = practice.run(&mut encoder);
    if let Some(unfit) = encoder.unfit.take() {
        return Err(unfit);
    }
    let summary = outcome?;
    encoder.flush()?;
    Ok(summary)
}

/// Turns rows into canonical rows, a batch for each table.
struct Encoder {
    positions: HashMap<String, usize>,
    slots: Vec<(Table, Batch)>,
    sender: mpsc::Sender<Sent>,
    /// What the practice's own error can only repeat in words.
    unfit: Option<GenerateError>,
}

impl Encoder {
    fn new(tables: Vec<Table>, sender: mpsc::Sender<Sent>) -> Self {
        let positions = tables.iter().enumerate().map(|(i, t)| (t.name.to_string(), i)).collect();
        let slots = tables.into_iter().map(|table| (table, Batch::new())).collect();
        Self { positions, slots, sender, unfit: None }
    }

    fn encode(&mut self, name: &'static str, row: &[Value]) -> Result<(), GenerateError> {
        let unfit = |what: &str| GenerateError::Unfit { table: name.to_owned(), what: what.to_owned() };
        let position = *self.positions.get(name).ok_or_else(|| unfit("the table itself"))?;
        let (table, batch) = self.slots.get_mut(position).ok_or_else(|| unfit("the table itself"))?;
        if table.columns.len() != row.len() {
            return Err(unfit("the number of columns"));
        }
        batch.begin_row(u16::try_from(row.len()).map_err(|_| unfit("the number of columns"))?);
        for (column, value) in table.columns.iter().zip(row) {
            // A column that is withheld from copies holds nothing here either.
            let value = if column.withheld { &Value::Null } else { value };
            codec::encode(batch, column.target, value).map_err(|_| unfit(column.name.as_str()))?;
        }
        if !batch.end_row() {
            return Err(unfit("the size of the row"));
        }
        if batch.bytes().len() >= BATCH_BYTES {
            let full = std::mem::take(batch);
            self.sender.blocking_send((position, full)).map_err(|_| GenerateError::Stopped)?;
        }
        Ok(())
    }

    fn flush(self) -> Result<(), GenerateError> {
        for (position, (_, batch)) in self.slots.into_iter().enumerate() {
            if !batch.is_empty() {
                self.sender.blocking_send((position, batch)).map_err(|_| GenerateError::Stopped)?;
            }
        }
        Ok(())
    }
}

impl RowSink for Encoder {
    fn row(&mut self, table: &'static str, row: &[Value]) -> Result<(), SinkError> {
        self.encode(table, row).map_err(|error| {
            let told = SinkError::new(error.to_string());
            self.unfit = Some(error);
            told
        })
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

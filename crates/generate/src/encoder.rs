//! Rows of the practice turned into canonical rows, a batch for each table.

use std::collections::HashMap;

use bicuspid_model::{Batch, Table, Value, codec};
use bicuspid_practice::{RowSink, SinkError};

use crate::anomalies::{Made, Source};
use crate::error::GenerateError;

/// Bytes of rows after which a batch is handed on.
const BATCH_BYTES: usize = 256 * 1024;

/// Runs the practice; hands full batches on with the position of their table, and the rest at the end.
///
/// `keeps` decides for each row, by the position of its table, whether it is encoded at all.
pub(crate) fn simulate(
    source: Source,
    tables: &[Table],
    keeps: &mut Keeps<'_>,
    deliver: &mut Deliver<'_>,
) -> Result<Made, GenerateError> {
    let mut encoder = Encoder::new(tables, keeps, deliver);
    let outcome = source.run(&mut encoder);
    if let Some(broken) = encoder.broken.take() {
        return Err(broken);
    }
    let made = outcome?;
    encoder.flush()?;
    Ok(made)
}

/// Decides whether a row is wanted.
pub(crate) type Keeps<'a> = dyn FnMut(usize, &[Value]) -> bool + 'a;

/// Takes a full batch of the table at a position.
pub(crate) type Deliver<'a> = dyn FnMut(usize, Batch) -> Result<(), GenerateError> + 'a;

struct Encoder<'a, 'k, 'd> {
    positions: HashMap<&'a str, usize>,
    tables: &'a [Table],
    batches: Vec<Batch>,
    keeps: &'a mut Keeps<'k>,
    deliver: &'a mut Deliver<'d>,
    /// What the practice's own error could only repeat in words.
    broken: Option<GenerateError>,
}

impl<'a, 'k, 'd> Encoder<'a, 'k, 'd> {
    fn new(tables: &'a [Table], keeps: &'a mut Keeps<'k>, deliver: &'a mut Deliver<'d>) -> Self {
        let positions = tables.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
        let batches = tables.iter().map(|_| Batch::new()).collect();
        Self { positions, tables, batches, keeps, deliver, broken: None }
    }

    fn encode(&mut self, name: &'static str, row: &[Value]) -> Result<(), GenerateError> {
        let unfit = |what: &str| GenerateError::Unfit { table: name.to_owned(), what: what.to_owned() };
        let position = *self.positions.get(name).ok_or_else(|| unfit("the table itself"))?;
        if !(self.keeps)(position, row) {
            return Ok(());
        }
        let table = self.tables.get(position).ok_or_else(|| unfit("the table itself"))?;
        let batch = self.batches.get_mut(position).ok_or_else(|| unfit("the table itself"))?;
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
            (self.deliver)(position, full)?;
        }
        Ok(())
    }

    fn flush(self) -> Result<(), GenerateError> {
        for (position, batch) in self.batches.into_iter().enumerate() {
            if !batch.is_empty() {
                (self.deliver)(position, batch)?;
            }
        }
        Ok(())
    }
}

impl RowSink for Encoder<'_, '_, '_> {
    fn row(&mut self, table: &'static str, row: &[Value]) -> Result<(), SinkError> {
        self.encode(table, row).map_err(|error| {
            let told = SinkError::new(error.to_string());
            self.broken = Some(error);
            told
        })
    }
}

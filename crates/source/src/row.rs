//! What is asked of each row of a table, and what becomes of the answer.

use bicuspid_guard::{RowHash, Selected};
use bicuspid_model::{Batch, Column, SourceType, Table};
use sqlx::mysql::MySqlRow;

use crate::connect::cell;
use crate::decode::{self, Conversions};
use crate::discover::FoundTable;
use crate::error::SourceError;

/// What is asked of each row: the columns that are copied, and beside a text that the server turns into UTF-8 its stored
/// bytes; last the server's hash of the row, if it is wanted.
pub(crate) fn select_of<'a>(table: &'a Table, hash: Option<&'a RowHash>) -> Vec<Selected<'a>> {
    let mut select = Vec::with_capacity(table.columns.len() + 1);
    for column in table.columns.iter().filter(|c| !c.withheld) {
        if needs_server(column) {
            select.push(Selected::Utf8(&column.name));
        }
        select.push(Selected::Column(&column.name));
    }
    select.extend(hash.map(Selected::Hash));
    select
}

/// Places, among the cells of a row as it is asked for, of those whose type holds more than 64 KiB.
pub(crate) fn large_cells(found: &FoundTable, table: &Table) -> Vec<usize> {
    const LARGE: [&str; 5] = ["mediumtext", "longtext", "mediumblob", "longblob", "json"];
    let mut at = 0;
    let mut large = Vec::new();
    for (column, found) in table.columns.iter().zip(&found.columns).filter(|(c, _)| !c.withheld) {
        let type_text = found.type_text.to_ascii_lowercase();
        let cells = if needs_server(column) { 2 } else { 1 };
        if column.source == SourceType::Spatial || LARGE.iter().any(|large| type_text.starts_with(large)) {
            large.extend(at..at + cells);
        }
        at += cells;
    }
    large
}

fn needs_server(column: &Column) -> bool {
    matches!(&column.source, SourceType::Text(charset) | SourceType::Choice(charset) if charset.needs_server())
}

/// The cells of a row, one after the other, in the order in which they were asked for.
pub(crate) trait Cells<'r> {
    /// The bytes of the next one, `None` for NULL.
    fn next(&mut self) -> Result<Option<&'r [u8]>, SourceError>;
}

/// Those of a row as the driver has it.
pub(crate) struct DriverCells<'r> {
    row: &'r MySqlRow,
    at: usize,
}

impl<'r> DriverCells<'r> {
    pub(crate) const fn of(row: &'r MySqlRow) -> Self {
        Self { row, at: 0 }
    }
}

impl<'r> Cells<'r> for DriverCells<'r> {
    #[expect(clippy::inline_always, reason = "called for each cell, from more than one place; see `cell`")]
    #[inline(always)]
    fn next(&mut self) -> Result<Option<&'r [u8]>, SourceError> {
        self.at += 1;
        cell(self.row, self.at - 1)
    }
}

/// Writes the copied columns of a row into a batch. The cells behind them are left to the caller.
pub(crate) fn decode_row<'r>(
    batch: &mut Batch,
    table: &Table,
    cells: &mut impl Cells<'r>,
    conversions: &mut [Conversions],
) -> Result<(), SourceError> {
    let misfit = |column: &Column, rule: decode::Misfit| SourceError::Misfit {
        table: table.name.to_string(),
        column: column.name.to_string(),
        rule: rule.rule(),
    };
    let count = u16::try_from(table.columns.len()).map_err(|_| SourceError::Protocol { what: "a row" })?;
    batch.begin_row(count);
    for (column, counts) in table.columns.iter().zip(conversions) {
        if column.withheld {
            batch.null();
            continue;
        }
        let value = cells.next()?;
        let stored = if needs_server(column) { cells.next()? } else { None };
        match value {
            None => batch.null(),
            Some(bytes) => {
                decode::field(batch, column, bytes, stored, counts).map_err(|rule| misfit(column, rule))?;
            }
        }
    }
    if batch.end_row() {
        Ok(())
    } else {
        Err(SourceError::Protocol { what: "more than 4 GiB of rows at once" })
    }
}

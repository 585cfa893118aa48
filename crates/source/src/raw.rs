//! Rows as they came: the cells of the answer, kept without a look at what they mean.
//!
//! Where most rows are as they were the last time, what costs is not reading them but making canonical rows of them.
//! The bytes of a cell and the type of its column decide its canonical form, so that rows whose cells are the same are
//! the same rows, and need not be decoded to be known.

use std::sync::Arc;

use bicuspid_model::row::fields;
use bicuspid_model::{Batch, KeyBound, ServerSum, Table};
use sqlx::mysql::MySqlRow;

use crate::connect::cell;
use crate::decode::Conversions;
use crate::error::SourceError;
use crate::row::{Cells, decode_row};
use crate::thin;

/// Everything in this library that the canonical form of a cell depends on. Part of the key by which rows are hashed as
/// they came: another version decodes them all once.
pub const FORM: &str = concat!("cells/1 ", env!("CARGO_PKG_VERSION"));

/// Rows of one statement, as they came.
#[derive(Debug, Clone)]
pub struct RawRows {
    /// Laid out as canonical rows are: the number of cells, then length and bytes of each.
    cells: Batch,
    table: Arc<Table>,
    /// Columns that name a row: a value of theirs must not be replaced.
    keys: Arc<[usize]>,
    /// Whether the server's own hash of each row comes behind its columns.
    is_hashed: bool,
}

/// Canonical rows, and what was found on the way to them.
#[derive(Debug)]
pub struct DecodedRows {
    /// The rows.
    pub batch: Batch,
    /// The server's own hash of each row, if it was asked for and every row has one.
    pub hashes: Option<Vec<ServerSum>>,
    /// Values that were replaced, one entry for each column.
    pub conversions: Vec<Conversions>,
}

impl RawRows {
    pub(crate) const fn new(cells: Batch, table: Arc<Table>, keys: Arc<[usize]>, is_hashed: bool) -> Self {
        Self { cells, table, keys, is_hashed }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Bytes of all cells, and four for the length of each.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells.bytes().len()
    }

    /// The bytes of each row, to be hashed.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.cells.rows()
    }

    /// The canonical rows.
    ///
    /// # Errors
    /// [`SourceError::Misfit`] for a value that has no exact form, [`SourceError::Key`] if one that names a row was
    /// replaced.
    pub fn decode(&self) -> Result<DecodedRows, SourceError> {
        let mut decoded = DecodedRows {
            batch: Batch::new(),
            hashes: self.is_hashed.then(Vec::new),
            conversions: vec![Conversions::default(); self.table.columns.len()],
        };
        for row in self.cells.rows() {
            let mut cells = KeptCells(fields(row));
            decode_row(&mut decoded.batch, &self.table, &mut cells, &mut decoded.conversions)?;
            if decoded.hashes.is_some() {
                thin::add_hash(&mut decoded.hashes, cells.next()?)?;
            }
        }
        let mut keys = self.keys.iter().filter_map(|&i| decoded.conversions.get(i));
        if keys.any(|c| !c.is_empty()) {
            return Err(SourceError::Key { table: self.table.name.to_string() });
        }
        Ok(decoded)
    }
}

/// The cells of a row that was kept.
struct KeptCells<I>(I);

impl<'r, I: Iterator<Item = Option<&'r [u8]>>> Cells<'r> for KeptCells<I> {
    #[inline]
    fn next(&mut self) -> Result<Option<&'r [u8]>, SourceError> {
        self.0.next().ok_or(SourceError::Protocol { what: "a row" })
    }
}

/// The key of a row that was kept as it came; `None` if it cannot name the row.
pub(crate) fn key_of(row: &[u8], table: &Table, walk: &[usize]) -> Result<Option<KeyBound>, SourceError> {
    let mut batch = Batch::new();
    let mut conversions = vec![Conversions::default(); table.columns.len()];
    decode_row(&mut batch, table, &mut KeptCells(fields(row)), &mut conversions)?;
    let is_replaced = walk.iter().filter_map(|&i| conversions.get(i)).any(|c| !c.is_empty());
    Ok(batch.last().filter(|_| !is_replaced).and_then(|row| KeyBound::of_row(row, walk)))
}

/// Keeps the cells of a row.
pub(crate) fn keep_row(cells: &mut Batch, row: &MySqlRow) -> Result<(), SourceError> {
    let too_much = || SourceError::Protocol { what: "more than 4 GiB of rows at once" };
    let count = sqlx::Row::len(row);
    cells.begin_row(u16::try_from(count).map_err(|_| SourceError::Protocol { what: "a row" })?);
    for i in 0..count {
        match cell(row, i)? {
            None => cells.null(),
            Some(bytes) if cells.raw(bytes) => {}
            Some(_) => return Err(too_much()),
        }
    }
    if cells.end_row() { Ok(()) } else { Err(too_much()) }
}

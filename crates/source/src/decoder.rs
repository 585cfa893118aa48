//! The rows of one statement become canonical rows, or are kept as they came: beside the reading, if they are many.
//!
//! The time for which a statement holds its lock is the time until its last row has arrived. Whoever receives rows does
//! nothing else meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bicuspid_model::{Batch, Table};
use sqlx::mysql::MySqlRow;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::connect::cell;
use crate::decode::Conversions;
use crate::error::SourceError;
use crate::raw::{DecodedRows, keep_row};
use crate::row::{Cells as _, DriverCells, decode_row};
use crate::thin;

/// Rows that are handed over at once, and up to which they are decoded after the last of them.
const ROWS_AT_ONCE: usize = 256;
/// Bytes of rows of one statement after which no more are taken. The number of rows that it asks for goes by those before
/// it, and does not know of a thousand images behind ten thousand empty cells.
pub(crate) const STATEMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What becomes of the rows of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Canonical rows, with the server's own hash of each if it comes behind the columns.
    Canonical {
        /// Whether it does.
        is_hashed: bool,
    },
    /// Their cells are kept in the batch as they came ([`crate::RawRows`]).
    AsTheyCame,
}

impl Form {
    fn into(self, batch: Batch, table: &Table) -> DecodedRows {
        DecodedRows {
            batch,
            hashes: (self == Self::Canonical { is_hashed: true }).then(Vec::new),
            conversions: vec![Conversions::default(); table.columns.len()],
        }
    }

    fn add(self, decoded: &mut DecodedRows, table: &Table, rows: &[MySqlRow]) -> Result<(), SourceError> {
        rows.iter().try_for_each(|row| {
            let Self::Canonical { .. } = self else { return keep_row(&mut decoded.batch, row) };
            let mut cells = DriverCells::of(row);
            decode_row(&mut decoded.batch, table, &mut cells, &mut decoded.conversions)?;
            if decoded.hashes.is_some() {
                thin::add_hash(&mut decoded.hashes, cells.next()?)?;
            }
            Ok(())
        })
    }
}

/// Takes rows as they arrive.
pub(crate) struct Decoder {
    table: Arc<Table>,
    form: Form,
    /// Bytes and rows that are likely to come.
    likely: (usize, usize),
    /// Places of the cells that may be larger than any other row.
    large: Arc<[usize]>,
    /// Bytes of those so far.
    large_bytes: usize,
    waiting: Vec<MySqlRow>,
    beside: Option<Beside>,
}

/// A thread that decodes.
struct Beside {
    rows: UnboundedSender<Vec<MySqlRow>>,
    /// Bytes of what was decoded.
    bytes: Arc<AtomicUsize>,
    decoded: JoinHandle<Result<DecodedRows, SourceError>>,
}

impl Decoder {
    pub(crate) fn new(table: &Arc<Table>, form: Form, likely: (usize, usize), large: &Arc<[usize]>) -> Self {
        Self {
            table: Arc::clone(table),
            form,
            likely,
            large: Arc::clone(large),
            large_bytes: 0,
            waiting: Vec::new(),
            beside: None,
        }
    }

    /// Takes a row; whether there is room for more. A row that cannot be decoded is told of at the end.
    pub(crate) fn take(&mut self, row: MySqlRow) -> bool {
        let large = self.large.iter().filter_map(|&at| cell(&row, at).ok().flatten());
        self.large_bytes += large.map(<[u8]>::len).sum::<usize>();
        self.waiting.push(row);
        if self.waiting.len() >= ROWS_AT_ONCE {
            self.hand_over();
        }
        let decoded = self.beside.as_ref().map_or(0, |beside| beside.bytes.load(Ordering::Relaxed));
        self.large_bytes.max(decoded) < STATEMENT_BYTES_MAX
    }

    /// Lets the thread decode what waits.
    fn hand_over(&mut self) {
        let (table, form, (bytes, rows)) = (&self.table, self.form, self.likely);
        let beside = self.beside.get_or_insert_with(|| {
            let batch = Batch::with_room(bytes, rows);
            let (rows, mut arriving) = unbounded_channel::<Vec<MySqlRow>>();
            let table = Arc::clone(table);
            let bytes = Arc::new(AtomicUsize::new(0));
            let so_far = Arc::clone(&bytes);
            let decoded = tokio::task::spawn_blocking(move || {
                let mut decoded = form.into(batch, &table);
                while let Some(rows) = arriving.blocking_recv() {
                    form.add(&mut decoded, &table, &rows)?;
                    so_far.store(decoded.batch.bytes().len(), Ordering::Relaxed);
                }
                Ok(decoded)
            });
            Beside { rows, bytes, decoded }
        });
        let full = std::mem::replace(&mut self.waiting, Vec::with_capacity(ROWS_AT_ONCE));
        // If nobody takes them any more, the end says why.
        let _ = beside.rows.send(full);
    }

    /// All rows, after the last one.
    pub(crate) async fn end(self) -> Result<DecodedRows, SourceError> {
        let Self { table, form, waiting, beside, .. } = self;
        let Some(Beside { rows, decoded, .. }) = beside else {
            let mut decoded = form.into(Batch::new(), &table);
            form.add(&mut decoded, &table, &waiting)?;
            return Ok(decoded);
        };
        let _ = rows.send(waiting);
        drop(rows);
        // It does not panic, and ends when the rows do.
        decoded.await.map_err(|_| SourceError::Protocol { what: "rows" })?
    }
}

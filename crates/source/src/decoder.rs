//! The rows of one statement become canonical rows: beside the reading, if they are many.
//!
//! The time for which a statement holds its lock is the time until its last row has arrived. Whoever receives rows does
//! nothing else meanwhile.

use std::sync::Arc;

use bicuspid_model::{Batch, ServerSum, Table};
use sqlx::mysql::MySqlRow;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::decode::Conversions;
use crate::error::SourceError;
use crate::row::decode_row;
use crate::thin;

/// Rows that are handed over at once, and up to which they are decoded after the last of them.
const ROWS_AT_ONCE: usize = 256;

/// Canonical rows.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The rows.
    pub(crate) batch: Batch,
    /// Values that were replaced, one entry for each column.
    pub(crate) conversions: Vec<Conversions>,
    /// The server's own hash of each row, if it was asked for and every row has one.
    pub(crate) hashes: Option<Vec<ServerSum>>,
}

impl Decoded {
    fn add(&mut self, table: &Table, rows: &[MySqlRow]) -> Result<(), SourceError> {
        rows.iter().try_for_each(|row| {
            let behind = decode_row(&mut self.batch, table, row, &mut self.conversions)?;
            if let Some(list) = &mut self.hashes {
                match thin::row_hash(row, behind)? {
                    Some(hash) => list.push(hash),
                    // One row without a hash, and there is no sum.
                    None => self.hashes = None,
                }
            }
            Ok(())
        })
    }
}

/// Takes rows as they arrive.
pub(crate) struct Decoder {
    table: Arc<Table>,
    /// Whether the server's own hash of each row comes behind its columns.
    is_hashed: bool,
    waiting: Vec<MySqlRow>,
    beside: Option<Beside>,
}

/// A thread that decodes. What waits for it is bounded by the statement, which asks for no more than fits into memory.
struct Beside {
    rows: UnboundedSender<Vec<MySqlRow>>,
    decoded: JoinHandle<Result<Decoded, SourceError>>,
}

impl Decoder {
    pub(crate) fn new(table: &Arc<Table>, is_hashed: bool) -> Self {
        Self { table: Arc::clone(table), is_hashed, waiting: Vec::new(), beside: None }
    }

    fn nothing(table: &Table, is_hashed: bool) -> Decoded {
        let conversions = vec![Conversions::default(); table.columns.len()];
        Decoded { batch: Batch::new(), conversions, hashes: is_hashed.then(Vec::new) }
    }

    /// Takes a row. A row that cannot be decoded is told of at the end.
    pub(crate) fn take(&mut self, row: MySqlRow) {
        self.waiting.push(row);
        if self.waiting.len() < ROWS_AT_ONCE {
            return;
        }
        let (table, is_hashed) = (&self.table, self.is_hashed);
        let beside = self.beside.get_or_insert_with(|| {
            let (rows, mut arriving) = unbounded_channel::<Vec<MySqlRow>>();
            let table = Arc::clone(table);
            let decoded = tokio::task::spawn_blocking(move || {
                let mut decoded = Self::nothing(&table, is_hashed);
                while let Some(rows) = arriving.blocking_recv() {
                    decoded.add(&table, &rows)?;
                }
                Ok(decoded)
            });
            Beside { rows, decoded }
        });
        let full = std::mem::replace(&mut self.waiting, Vec::with_capacity(ROWS_AT_ONCE));
        // If nobody takes them any more, the end says why.
        let _ = beside.rows.send(full);
    }

    /// All rows, after the last one.
    pub(crate) async fn end(self) -> Result<Decoded, SourceError> {
        let Self { table, is_hashed, waiting, beside } = self;
        let Some(Beside { rows, decoded }) = beside else {
            let mut decoded = Self::nothing(&table, is_hashed);
            decoded.add(&table, &waiting)?;
            return Ok(decoded);
        };
        let _ = rows.send(waiting);
        drop(rows);
        // It does not panic, and ends when the rows do.
        decoded.await.map_err(|_| SourceError::Protocol { what: "rows" })?
    }
}

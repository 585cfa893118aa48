//! The first load of one table: rows go in and come back piece by piece, so that the proof runs beside the reading of
//! the source and finds the pages still in memory.

use std::sync::Arc;

use bicuspid_model::{Fingerprint, FingerprintKey, Table};
use tokio_postgres::Client;

use crate::copy::{CopyIn, CopyOut, table_fault};
use crate::ddl;
use crate::error::TargetError;

/// Bytes of rows held while they are read back.
const READ_BACK_BYTES: usize = 256 * 1024;

/// Something that takes canonical rows on a task of its own.
pub trait Intake: Send + 'static {
    /// Sends canonical rows, whole ones.
    fn send(&mut self, rows: &[u8]) -> impl Future<Output = Result<(), TargetError>> + Send;
}

/// The first load of one table, filling. It borrows nothing, so that another task can feed it; dropping it unfinished
/// makes the server undo the rows that are on their way, and the transaction undoes the others.
pub struct FirstLoad {
    client: Arc<Client>,
    table: Table,
    key: FingerprintKey,
    copy: CopyIn,
    /// Bytes that were sent since rows were last read back.
    sent: usize,
    rows: u64,
    back: Back,
}

/// What came back so far.
struct Back {
    found: Fingerprint,
    /// Place of the last row that was read back, as the server writes it.
    up_to: Option<String>,
    /// Bytes of rows after which they are read back, if the server finds rows by their place without reading the table
    /// from its beginning.
    piece_bytes: Option<usize>,
}

impl std::fmt::Debug for FirstLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstLoad").field("table", &self.table.name).finish_non_exhaustive()
    }
}

/// Rows of a first load that are in their table and were read back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    /// Rows that the server says it took.
    pub(crate) rows: u64,
    /// Fingerprint of the rows that came back.
    pub(crate) found: Fingerprint,
}

impl FirstLoad {
    /// Opens the stream into an empty table. `piece_bytes` is `None` for a server that cannot scan a range of places.
    pub(crate) async fn begin(
        client: &Arc<Client>,
        table: &Table,
        key: &FingerprintKey,
        piece_bytes: Option<usize>,
    ) -> Result<Self, TargetError> {
        let copy = CopyIn::begin(client, &ddl::raw(table), table).await?;
        let back = Back { found: Fingerprint::default(), up_to: None, piece_bytes };
        Ok(Self { client: Arc::clone(client), table: table.clone(), key: *key, copy, sent: 0, rows: 0, back })
    }

    /// Ends the rows, and reads back what was not.
    pub(crate) async fn end(mut self) -> Result<Loaded, TargetError> {
        self.rows += self.copy.finish().await?;
        self.back.read(&self.client, &self.table, &self.key).await?;
        Ok(Loaded { rows: self.rows, found: self.back.found })
    }
}

impl Intake for FirstLoad {
    async fn send(&mut self, rows: &[u8]) -> Result<(), TargetError> {
        self.copy.send(rows).await?;
        self.sent += rows.len();
        if self.back.piece_bytes.is_some_and(|bytes| self.sent >= bytes) {
            self.rows += self.copy.finish().await?;
            self.back.read(&self.client, &self.table, &self.key).await?;
            self.back.mark(&self.client, &self.table).await?;
            self.copy = CopyIn::begin(&self.client, &ddl::raw(&self.table), &self.table).await?;
            self.sent = 0;
        }
        Ok(())
    }
}

impl Back {
    fn condition(&self) -> String {
        self.up_to.as_ref().map(|place| format!("ctid > '{place}'::tid")).unwrap_or_default()
    }

    async fn read(
        &mut self,
        client: &Client,
        table: &Table,
        key: &FingerprintKey,
    ) -> Result<(), TargetError> {
        self.found.merge(read_back(client, table, &self.condition(), key).await?);
        Ok(())
    }

    /// Remembers where the rows end. A table that was made in this transaction grows at its end only; if a row went
    /// elsewhere all the same, the sum would tell, and the whole table is read again.
    async fn mark(&mut self, client: &Client, table: &Table) -> Result<(), TargetError> {
        let condition = self.condition();
        let filter = if condition.is_empty() { condition } else { format!(" WHERE {condition}") };
        let sql = format!("SELECT max(ctid)::text FROM {}{filter}", ddl::raw(table));
        let fault = |e: tokio_postgres::Error| table_fault(&e, "read", table.name.as_str());
        let row = client.query_one(&sql, &[]).await.map_err(fault)?;
        if let Some(place) = row.try_get::<_, Option<String>>(0).map_err(fault)? {
            self.up_to = Some(place);
        }
        Ok(())
    }
}

/// The fingerprint of the rows that a condition picks ("" for all), as the server returns them.
pub(crate) async fn read_back(
    client: &Client,
    table: &Table,
    condition: &str,
    key: &FingerprintKey,
) -> Result<Fingerprint, TargetError> {
    let mut rows = CopyOut::begin(client, table, condition).await?;
    let mut found = Fingerprint::default();
    while let Some(batch) = rows.next(READ_BACK_BYTES).await? {
        for row in batch.rows() {
            found.add(key.hash(row));
        }
        // Rows that are there already never make this task wait; it must not keep the sockets of others unheard.
        tokio::task::yield_now().await;
    }
    Ok(found)
}

//! The first load of one table: all its rows in one stream, into a table that nobody else can see, and the proof that
//! they are there as they were read.

use std::fmt::Write as _;

use bicuspid_model::{Fingerprint, FingerprintKey, Table};

use crate::copy::{CopyIn, CopyOut, table_fault};
use crate::error::TargetError;
use crate::link::Link;
use crate::row_hash::{Found, RowHashes};

/// Bytes of rows held while they are read back.
const READ_BACK_BYTES: usize = 256 * 1024;

/// Something that takes canonical rows on a task of its own.
pub trait Intake: Send + 'static {
    /// Sends canonical rows, whole ones.
    fn send(&mut self, rows: &[u8]) -> impl Future<Output = Result<(), TargetError>> + Send;
}

/// The first load of one table, filling. It borrows nothing, so that another task can feed it; dropping it unfinished
/// makes the server undo the whole stream.
pub struct FirstLoad {
    copy: CopyIn,
    table: String,
}

impl std::fmt::Debug for FirstLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstLoad").field("table", &self.table).finish_non_exhaustive()
    }
}

impl FirstLoad {
    /// Opens the stream into an empty table.
    pub(crate) async fn begin(link: &Link, table: &Table) -> Result<Self, TargetError> {
        let copy = CopyIn::begin(&link.client, &link.schemas().table(table), table).await?;
        Ok(Self { copy, table: table.name.to_string() })
    }

    /// Ends the rows; the number of those that the server took.
    pub(crate) async fn end(mut self) -> Result<u64, TargetError> {
        self.copy.finish().await
    }
}

impl Intake for FirstLoad {
    async fn send(&mut self, rows: &[u8]) -> Result<(), TargetError> {
        self.copy.send(rows).await
    }
}

/// Asks the server for the hashes of a table's rows, of each part that a condition picks ("" for all), and compares;
/// whether they agree. A server that cannot answer (a function that it lacks, a stack or memory too small) has not agreed:
/// the transaction stays usable. The savepoint lies within the table's own, and goes with it.
pub(crate) async fn agrees(
    link: &Link,
    table: &Table,
    expected: &RowHashes,
    conditions: &[&str],
) -> Result<bool, TargetError> {
    link.run("SAVEPOINT row_hash", "begin to prove a table").await?;
    let mut found = Found::default();
    for condition in conditions {
        let mut sql = format!("{} FROM {}", expected.sql(), link.schemas().table(table));
        if !condition.is_empty() {
            let _ = write!(sql, " WHERE {condition}");
        }
        let answer = match link.client.query_one(&sql, &[&expected.seed()]).await {
            Ok(row) => row,
            Err(error) if error.code().is_some_and(|state| is_of_statement(state.code())) => {
                link.run("ROLLBACK TO SAVEPOINT row_hash", "prove a table").await?;
                return Ok(false);
            }
            Err(error) => return Err(table_fault(&error, "prove", table.name.as_str())),
        };
        let unreadable = |_| TargetError::Protocol { what: "the hashes of rows" };
        found.add(answer.try_get(0).map_err(unreadable)?, answer.try_get(1).map_err(unreadable)?);
    }
    Ok(expected.are(&found))
}

/// Errors of the statement or of one of its values: not supported, data exceptions, syntax and access, resources,
/// limits. What remains (the connection, a shutdown, somebody who cancels) is not for this table to get round.
pub(crate) fn is_of_statement(state: &str) -> bool {
    ["0A", "22", "42", "53", "54"].iter().any(|class| state.starts_with(class))
}

/// The fingerprint of the rows that a condition picks ("" for all), as the server returns them.
pub(crate) async fn read_back(
    link: &Link,
    table: &Table,
    condition: &str,
    key: &FingerprintKey,
) -> Result<Fingerprint, TargetError> {
    let mut rows = CopyOut::begin(link, table, condition).await?;
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

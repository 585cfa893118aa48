//! `COPY` in the binary format, both ways.

use std::pin::Pin;

use bicuspid_model::row::{COPY_HEADER, COPY_TRAILER, row_length};
use bicuspid_model::{Batch, Table};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_postgres::{CopyInSink, CopyOutStream, Statement};

use crate::ddl;
use crate::error::{TargetError, of_driver};
use crate::link::Link;
use crate::session::{Session, Watch};

/// Bytes of one `CopyData` message: large enough that messages cost nothing, small enough to keep memory flat.
const MESSAGE_BYTES: usize = 256 * 1024;

/// Rows on their way into a table. Dropping it unfinished makes the server undo the whole `COPY`.
pub(crate) struct CopyIn {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    table: String,
    pending: BytesMut,
    watch: Watch,
    /// Whether everything was sent, the trailer too.
    sealed: bool,
}

impl CopyIn {
    pub(crate) async fn begin(client: &Session, into: &str, table: &Table) -> Result<Self, TargetError> {
        let fault = |e: tokio_postgres::Error| load_fault(&e, table.name.as_str());
        let statement = client.prepare(&ddl::copy_in(into, table)).await.map_err(fault)?;
        Self::begin_prepared(client, &statement, table).await
    }

    /// The same with a statement that the server knows already.
    pub(crate) async fn begin_prepared(
        client: &Session,
        statement: &Statement,
        table: &Table,
    ) -> Result<Self, TargetError> {
        let sink = client.copy_in(statement).await.map_err(|e| load_fault(&e, table.name.as_str()))?;
        let mut pending = BytesMut::with_capacity(MESSAGE_BYTES + 4096);
        pending.extend_from_slice(COPY_HEADER);
        Ok(Self {
            sink: Box::pin(sink),
            table: table.name.to_string(),
            pending,
            watch: client.watch(),
            sealed: false,
        })
    }

    /// Sends canonical rows.
    pub(crate) async fn send(&mut self, rows: &[u8]) -> Result<(), TargetError> {
        let mut rest = rows;
        while !rest.is_empty() {
            let room = MESSAGE_BYTES.saturating_sub(self.pending.len()).max(1);
            let (part, after) = rest.split_at(room.min(rest.len()));
            self.pending.extend_from_slice(part);
            rest = after;
            if self.pending.len() >= MESSAGE_BYTES {
                let message = self.pending.split().freeze();
                self.watch.over(self.sink.send(message)).await.map_err(|e| load_fault(&e, &self.table))?;
                self.pending.reserve(MESSAGE_BYTES);
            }
        }
        Ok(())
    }

    /// Sends whatever was not sent yet: there will be no more rows. The server may work on them until
    /// [`Self::finish`] asks what became of them.
    pub(crate) async fn seal(&mut self) -> Result<(), TargetError> {
        if !self.sealed {
            self.sealed = true;
            self.pending.extend_from_slice(&COPY_TRAILER);
            let message = self.pending.split().freeze();
            self.watch.over(self.sink.send(message)).await.map_err(|e| load_fault(&e, &self.table))?;
        }
        Ok(())
    }

    /// Ends the stream; the number of rows that the server took.
    pub(crate) async fn finish(&mut self) -> Result<u64, TargetError> {
        self.seal().await?;
        self.watch.over(self.sink.as_mut().finish()).await.map_err(|e| load_fault(&e, &self.table))
    }
}

/// A rule of the table that a row broke holds the table; the server's detail, which quotes the row, is not kept.
pub(crate) fn load_fault(error: &tokio_postgres::Error, table: &str) -> TargetError {
    let held = |rule, detail: &str| TargetError::Held { table: table.into(), rule, detail: detail.into() };
    match error.code().map(tokio_postgres::error::SqlState::code) {
        Some("23502") => held("not_null", "a row holds NULL in a column that the target has as NOT NULL"),
        Some("23505") => held("key_unique", "two rows have the same key"),
        Some("23514" | "23P01" | "23503") => {
            held("constraint", "a row breaks a constraint that was added on the target")
        }
        Some("428C9") => {
            held("computed", "a column of the source is one that the target computes or counts by itself")
        }
        Some("42P07") => held("name_taken", "an index or something else in the schema has that name already"),
        Some("54000" | "54001" | "54011") => {
            held("postgres_limit", "a row or a key of it is larger than PostgreSQL can hold")
        }
        // A data exception (class 22): an index over an expression that cannot be computed for a row, a character that
        // the database's encoding lacks.
        Some(code) if code.starts_with("22") => {
            held("value_refused", "PostgreSQL refuses a value, or an index or rule added on the target does")
        }
        _ => table_fault(error, "load", table),
    }
}

/// A lock that was not granted is trouble of the table.
pub(crate) fn table_fault(error: &tokio_postgres::Error, action: &str, table: &str) -> TargetError {
    match of_driver(error, &format!("{action} table {table}")) {
        TargetError::TableLocked { .. } => TargetError::TableLocked { table: table.into() },
        other => other,
    }
}

/// Rows on their way out of a table.
pub struct CopyOut {
    stream: Pin<Box<CopyOutStream>>,
    table: String,
    watch: Watch,
    buffer: BytesMut,
    began: bool,
    ended: bool,
}

impl std::fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyOut").field("table", &self.table).finish_non_exhaustive()
    }
}

impl CopyOut {
    pub(crate) async fn begin(link: &Link, table: &Table, condition: &str) -> Result<Self, TargetError> {
        let stream = link
            .client
            .copy_out(&ddl::copy_out(link.schemas(), table, condition))
            .await
            .map_err(|e| table_fault(&e, "read", table.name.as_str()))?;
        Ok(Self {
            stream: Box::pin(stream),
            table: table.name.to_string(),
            watch: link.client.watch(),
            buffer: BytesMut::new(),
            began: false,
            ended: false,
        })
    }

    /// The next rows, about `bytes_max` bytes of them (at least one row); `None` after the last.
    pub async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, TargetError> {
        let unreadable = || TargetError::Protocol { what: "rows of a COPY" };
        while !self.ended && self.buffer.len() < bytes_max.max(1) {
            match self.watch.over(self.stream.next()).await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(e)) => return Err(table_fault(&e, "read", &self.table)),
                None => self.ended = true,
            }
        }
        if !self.began {
            if !self.buffer.starts_with(COPY_HEADER) {
                return Err(unreadable());
            }
            self.buffer.advance(COPY_HEADER.len());
            self.began = true;
        }
        loop {
            let mut end = 0_usize;
            while let Some(length) = self.buffer.get(end..).and_then(row_length) {
                end += length;
            }
            if end > 0 {
                let rows = self.buffer.split_to(end).to_vec();
                return Batch::from_bytes(rows).map(Some).ok_or_else(unreadable);
            }
            if self.ended {
                // Only the trailer may be left: a stream cut short must never look like its end.
                return if self.buffer.as_ref() == COPY_TRAILER { Ok(None) } else { Err(unreadable()) };
            }
            match self.watch.over(self.stream.next()).await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(e)) => return Err(table_fault(&e, "read", &self.table)),
                None => self.ended = true,
            }
        }
    }
}

//! The one way to write the demo database: a whole practice becomes visible in one transaction, or nothing does.

use std::collections::BTreeMap;

use bicuspid_model::{Batch, Column, Fingerprint, FingerprintKey, Table, TargetType};
use tokio_postgres::Statement;

use super::inspect::{self, Depth};
use super::proof::{self, Filled};
use super::record::{self, Generation, hex};
use super::{Demo, DemoState, place};
use crate::analytics::take_run_lock;
use crate::copy::{CopyIn, load_fault};
use crate::ddl;
use crate::error::TargetError;
use crate::row_hash::RowHashes;
use crate::state::{self, RunRecord};

/// The writer of one generation. It holds the database's advisory lock until it is dropped; dropped before
/// [`DemoWriter::publish`], it leaves the database as it was, since the connection ends with its transaction open.
#[derive(Debug)]
pub struct DemoWriter {
    demo: Demo,
    tables: Vec<Table>,
    /// What was sent to each table.
    sent: Vec<Fingerprint>,
    /// The same as the server can tell it by itself, where it can.
    hashes: Vec<Option<RowHashes>>,
    /// What was there before.
    before: DemoState,
    key: FingerprintKey,
    has_keys: bool,
    /// How rows go into each table, once they did.
    statements: Vec<Option<Statement>>,
    /// The rows that the server is at work on.
    open: Option<Open>,
}

/// Rows that were sent, and whose arrival the server has not confirmed yet.
struct Open {
    copy: CopyIn,
    position: usize,
    rows: usize,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Rows from which a table gets statistics at once. The server's own housekeeping makes better ones within minutes, of
/// all columns; in between, whoever joins the large tables needs to know how their keys lie.
const ANALYSED_ROWS_MIN: u64 = 5000;
/// How closely it looks then: enough for the choice of a join, in a tenth of the time.
const ANALYSE: &str = "SET default_statistics_target = 10";

/// What a generation left behind, as the server counts it after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Rows by table, empty tables too.
    pub rows: BTreeMap<String, u64>,
    /// Rows of earlier generations that were replaced.
    pub replaced: u64,
}

impl Demo {
    /// Takes the lock, begins the one transaction, and judges everything again inside it: the identity, the objects of
    /// `raw`, and every row that is there. Then empties the tables, and makes those that are missing.
    ///
    /// Tables are emptied with `DELETE`: readers go on seeing the old rows until the commit, which `TRUNCATE` would
    /// deny them, and views keep their tables.
    ///
    /// `user` is the configured account; `key` becomes the key of the row hash if the database has none yet.
    pub async fn into_writer(
        self,
        tables: Vec<Table>,
        user: &str,
        key: &FingerprintKey,
        tool_version: &str,
    ) -> Result<DemoWriter, TargetError> {
        take_run_lock(&self.link).await?;
        self.link.run("BEGIN", "begin to write").await?;
        self.judge(user, None).await?;
        record::enrol(&self.link, &self.facts, key, tool_version).await?;
        let proof = state::proof_settings(&self.link).await?;
        if proof.algorithm != bicuspid_model::fingerprint::ALGORITHM {
            return Err(TargetError::Protocol { what: "the algorithm of the row hash" });
        }
        // Looked at once to know what is there to be locked, and again when nobody can write any more.
        let seen = inspect::inspect(&self.link, &tables, Depth::Counts).await?;
        let present = |table: &&Table| seen.tables.contains_key(table.name.in_target().as_str());
        let names = inspect::quoted(tables.iter().filter(present));
        if !names.is_empty() {
            let lock = format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE");
            self.link.run(&lock, "lock the tables of raw").await?;
        }
        let before = inspect::inspect(&self.link, &tables, Depth::Fingerprints).await?;
        let mut statements = String::new();
        for table in &tables {
            match before.tables.get(table.name.in_target().as_str()) {
                None => {
                    statements.push_str(&ddl::create(self.link.schemas(), table));
                    statements.push(';');
                }
                Some(0) => {}
                Some(_) => {
                    statements.push_str("DELETE FROM ");
                    statements.push_str(&place(table));
                    statements.push(';');
                }
            }
        }
        self.link.run(&statements, "empty the tables of raw and make those that are missing").await?;
        let sent = vec![Fingerprint::default(); tables.len()];
        let statements = vec![None; tables.len()];
        let key = proof.key;
        let hashes = tables.iter().map(|table| RowHashes::of_narrow(table, holds_keys, &key)).collect();
        let (demo, has_keys, open) = (self, false, None);
        Ok(DemoWriter { demo, tables, sent, hashes, before, key, has_keys, statements, open })
    }
}

impl DemoWriter {
    /// The tables, in the order in which they were given.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Loads canonical rows into the table at a position of [`Self::tables`], all batches in one `COPY`. A table may be
    /// loaded in many pieces, mixed with those of others, all inside the transaction.
    ///
    /// It returns when the rows are on their way; what became of them is known with the next rows, or with
    /// [`Self::add_keys`].
    pub async fn load(&mut self, position: usize, batches: &[Batch]) -> Result<(), TargetError> {
        let unknown = || TargetError::Protocol { what: "a table of the generation" };
        let table = self.tables.get(position).ok_or_else(unknown)?;
        let sent = self.sent.get_mut(position).ok_or_else(unknown)?;
        let hashes = self.hashes.get_mut(position).ok_or_else(unknown)?;
        let statement = self.statements.get_mut(position).ok_or_else(unknown)?;
        let client = &self.demo.link.client;
        let begin = async {
            if statement.is_none() {
                let text = ddl::copy_in(&place(table), table);
                let fault = |e: tokio_postgres::Error| load_fault(&e, table.name.as_str());
                *statement = Some(client.prepare(&text).await.map_err(fault)?);
            }
            let statement = statement.as_ref().ok_or_else(unknown)?;
            CopyIn::begin_prepared(client, statement, table).await
        };
        // The end of the rows before and the beginning of these travel together.
        let (before, copy) = tokio::join!(end(&self.tables, self.open.take()), begin);
        before?;
        let mut copy = copy?;
        let mut rows = 0;
        for batch in batches {
            copy.send(batch.bytes()).await?;
            // While the server is at work on them.
            for row in batch.rows() {
                sent.add(self.key.hash(row));
            }
            if let Some(hashes) = hashes {
                hashes.add(batch);
            }
            rows += batch.len();
        }
        copy.seal().await?;
        self.open = Some(Open { copy, position, rows });
        Ok(())
    }

    /// Proves that every filled table holds what was sent, as a first load is proved, writes the ledger, commits, and counts once more what the server then shows.
    ///
    /// [`Self::add_keys`] comes before. `generation` says what was to be written; its counts must be those that were sent.
    pub async fn publish(self, mut generation: Generation) -> Result<Published, TargetError> {
        let link = &self.demo.link;
        if !self.has_keys {
            return Err(TargetError::Protocol { what: "the keys of the generation" });
        }
        let sent: u64 = self.sent.iter().map(|sent| sent.rows).sum();
        if sent != generation.rows() {
            return Err(TargetError::Protocol { what: "the tables of the generation" });
        }
        for (table, sent) in self.tables.iter().zip(&self.sent) {
            let name = table.name.in_target();
            let recorded = generation.tables.iter_mut().find(|t| t.name == name.as_str());
            if recorded.as_ref().map_or(0, |t| t.rows) != sent.rows {
                return Err(differs(table, "the practice counted other rows than it handed out"));
            }
            if let Some(recorded) = recorded {
                recorded.row_sum = hex(sent.sum);
            }
        }
        proof::prove(link, &self.filled(), &self.key).await?;
        let states: Vec<(&Table, Fingerprint)> = self.tables.iter().zip(self.sent.iter().copied()).collect();
        record::tables(link, &states, &generation.run_id).await?;
        record::append(link, &generation).await?;
        let record = serde_json::json!({
            "command": "generate", "patients": generation.patients, "rows": generation.rows(),
            "replaced": self.before.rows(),
        });
        let run = RunRecord {
            run_id: generation.run_id.clone(),
            started_at: generation.started_at.clone(),
            outcome: "done".to_owned(),
            record,
        };
        state::record_run(link, &run).await?;
        link.run("COMMIT", "commit").await?;
        self.tidy().await;
        let names: Vec<String> = self.tables.iter().map(|t| t.name.in_target().to_string()).collect();
        // The rows are published: whatever goes wrong from here on must not say that they are not.
        let rows = inspect::count(link, names.iter()).await.map_err(|_| TargetError::Lost)?;
        Ok(Published { rows, replaced: self.before.rows() })
    }

    /// The tables that rows were sent to.
    fn filled(&self) -> Vec<Filled<'_>> {
        let all = self.tables.iter().zip(&self.sent).zip(&self.hashes);
        all.filter(|((_, sent), _)| sent.rows > 0)
            .map(|((table, sent), hashes)| Filled { table, sent: *sent, hashes: hashes.as_ref() })
            .collect()
    }

    /// Rows of a table before, `None` if it did not exist.
    fn rows_before(&self, table: &Table) -> Option<u64> {
        self.before.tables.get(table.name.in_target().as_str()).copied()
    }

    /// Gives the tables that were made in this run their keys: after the rows, which is faster than with them.
    pub async fn add_keys(&mut self) -> Result<(), TargetError> {
        end(&self.tables, self.open.take()).await?;
        self.has_keys = true;
        let link = &self.demo.link;
        let mut of_empty = String::new();
        for (table, sent) in self.tables.iter().zip(&self.sent) {
            match ddl::primary_key(link.schemas(), table) {
                Some(sql) if self.rows_before(table).is_none() && sent.rows == 0 => {
                    of_empty.push_str(&sql);
                    of_empty.push(';');
                }
                Some(sql) if self.rows_before(table).is_none() => {
                    link.client.batch_execute(&sql).await.map_err(|e| load_fault(&e, table.name.as_str()))?;
                }
                _ => {}
            }
        }
        link.run(&of_empty, "give empty tables their keys").await
    }

    /// Gives whoever queries next statistics, and the room of the old rows back. What is published does not depend on
    /// it: the server's own housekeeping would come to it later.
    async fn tidy(&self) {
        let client = &self.demo.link.client;
        let replaced = self.tables.iter().filter(|t| self.rows_before(t).is_some_and(|rows| rows > 0));
        let replaced = inspect::quoted(replaced);
        if !replaced.is_empty() {
            let _ = client.batch_execute(&format!("VACUUM {replaced}")).await;
        }
        let large = self.tables.iter().zip(&self.sent).filter(|(_, sent)| sent.rows >= ANALYSED_ROWS_MIN);
        let named: Vec<String> = large.filter_map(|(table, _)| analysed(table)).collect();
        if !named.is_empty() && client.batch_execute(ANALYSE).await.is_ok() {
            let _ = client.batch_execute(&format!("ANALYZE {}", named.join(", "))).await;
        }
    }
}

/// Waits until the server has taken rows.
async fn end(tables: &[Table], open: Option<Open>) -> Result<(), TargetError> {
    let Some(mut open) = open else { return Ok(()) };
    let taken = open.copy.finish().await?;
    match tables.get(open.position) {
        Some(table) if u64::try_from(open.rows).ok() != Some(taken) => {
            Err(differs(table, "the server took another number of rows than were sent"))
        }
        _ => Ok(()),
    }
}

/// Whether a column holds keys, which a practice counts from 1 and of which it has no billions.
fn holds_keys(column: &Column) -> bool {
    column.name.as_str().ends_with("Num")
}

/// A table with the columns that joins and ranges go over: whole numbers that may be keys, days and times. A list of
/// columns leaves the table on the server's own list of those that are due.
fn analysed(table: &Table) -> Option<String> {
    let columns = table
        .columns
        .iter()
        .filter(|c| matches!(c.target, TargetType::Int8 | TargetType::Date | TargetType::Timestamp))
        .map(|c| c.name.postgres().to_string());
    let columns: Vec<String> = columns.collect();
    (!columns.is_empty()).then(|| format!("{} ({})", place(table), columns.join(", ")))
}

pub(super) fn differs(table: &Table, detail: &'static str) -> TargetError {
    TargetError::DemoUnproved { table: table.name.to_string(), detail }
}

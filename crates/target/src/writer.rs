//! The one way to write an analytics database: what is proved becomes visible, in one transaction, or nothing does.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bicuspid_guard::{NextNumbers, SourceServer};
use bicuspid_model::{ColumnName, Fingerprint, FingerprintKey, Table, TableName};

use crate::analytics::Analytics;
use crate::change::{Applied, Change, Staged, Staging, expect, statement};
use crate::copy::{CopyIn, load_fault};
use crate::ddl;
use crate::error::{TargetError, of_driver};
use crate::expected;
use crate::first_load::{FirstLoad, agrees, read_back};
use crate::identity::{self, Identity};
use crate::link::Link;
use crate::passes::{self, Noted, PassRecord};
use crate::row_hash::RowHashes;
use crate::state::{self, HeldState, Marks, RunRecord, TableRecord};
use crate::surroundings;

/// First loads that are committed together at most.
const GROUP_TABLES: u32 = 64;
/// Rows of first loads at which they are committed.
const GROUP_ROWS: u64 = 100_000;

/// The writer of one run. It holds the database's advisory lock until it is dropped.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts of one session")]
pub struct Writer {
    analytics: Analytics,
    identity: Identity,
    /// A transaction is open: it holds first loads that are not committed yet.
    open: bool,
    /// First loads stay in one transaction until the run is published.
    atomic: bool,
    /// A savepoint of a table that is not done stands inside that transaction.
    marked: bool,
    /// Tables and rows of the first loads in the open transaction.
    pending: (u32, u64),
    stages: u32,
    /// The state has every table that this version keeps.
    prepared: bool,
    /// The server that is read is known to the database, or will be with what is open.
    knows_server: bool,
}

/// A table that was compared, in whole or in part, and found unchanged.
#[derive(Debug)]
pub struct Unchanged {
    /// Name on the source.
    pub table: TableName,
    /// The pass that found it so.
    pub pass: PassRecord,
    /// Marks of chunks that had none, or none that can be used any more, by the places of the chunks.
    pub marks: Vec<(usize, Marks)>,
}

/// A table that a rule kept back.
#[derive(Debug)]
pub struct HeldBack<'a> {
    /// Name on the source.
    pub table: &'a TableName,
    /// Why.
    pub held: HeldState,
}

/// Everything that one run makes visible.
#[derive(Debug)]
pub struct Publication<'a> {
    /// Tables with differences.
    pub changes: Vec<Change<'a>>,
    /// Tables without differences.
    pub unchanged: Vec<Unchanged>,
    /// Tables kept back.
    pub held: Vec<HeldBack<'a>>,
    /// The server that all of it was read from. It is remembered if none is yet.
    pub server: SourceServer,
    /// The next numbers of its tables when the run began.
    pub numbers: NextNumbers,
}

impl Writer {
    pub(crate) fn new(analytics: Analytics, identity: Identity) -> Self {
        Self {
            analytics,
            identity,
            open: false,
            atomic: false,
            marked: false,
            pending: (0, 0),
            stages: 0,
            prepared: false,
            knows_server: false,
        }
    }

    /// The same database, for looking.
    #[must_use]
    pub const fn look(&self) -> &Analytics {
        &self.analytics
    }

    const fn link(&self) -> &Link {
        &self.analytics.link
    }

    /// Chooses whether first loads become visible by and by (the default) or all together with the run.
    pub const fn set_atomic(&mut self, atomic: bool) {
        self.atomic = atomic;
    }

    /// Begins a writing transaction, or goes on with the open one after undoing what an abandoned step left in it, and
    /// proves the identity inside it.
    async fn begin(&mut self) -> Result<(), TargetError> {
        if self.open {
            self.abandon().await?;
        } else {
            // Told before it is sent, here and below: a future that is dropped while it waits for the answer has sent
            // the statement all the same.
            self.open = true;
            self.link().run("BEGIN", "begin to write").await?;
        }
        identity::prove(self.link(), &self.identity).await?;
        if !self.prepared {
            passes::prepare(self.link()).await?;
            self.prepared = true;
        }
        Ok(())
    }

    /// Remembers, before any row is read, which tables are to be loaded for the first time, so that a first load that does
    /// not come to its end shows as what it is. `is_selection` tells that there may be others beside them. Nothing is
    /// written if it is known already: a run in which nothing changed leaves no trace here.
    pub async fn expect_tables(
        &mut self,
        tables: &[TableName],
        is_selection: bool,
    ) -> Result<(), TargetError> {
        let known = expected::read(self.link()).await?;
        let mut names: BTreeSet<String> = tables.iter().map(|table| table.in_target().to_string()).collect();
        if is_selection {
            names.extend(known.iter().cloned());
        }
        if names == known {
            return Ok(());
        }
        self.begin().await?;
        expected::record(self.link(), &names).await?;
        self.commit().await
    }

    async fn commit(&mut self) -> Result<(), TargetError> {
        self.open = false;
        self.pending = (0, 0);
        // To the COMMIT of a transaction that has failed the server answers ROLLBACK, and no error: a statement before
        // it, in the same message, is refused then, and nothing is taken for committed that is not.
        self.link().run("SELECT 1; COMMIT", "commit").await
    }

    /// Ends a first load. Small ones are committed some at a time, because each commit waits for the disk.
    async fn end_table(&mut self, rows: u64) -> Result<(), TargetError> {
        self.unmark().await?;
        self.pending = (self.pending.0 + 1, self.pending.1 + rows);
        if !self.atomic && (self.pending.0 >= GROUP_TABLES || self.pending.1 >= GROUP_ROWS) {
            self.commit().await?;
        }
        Ok(())
    }

    /// Commits the first loads that are done, so that they do not wait for something long.
    pub async fn settle(&mut self) -> Result<(), TargetError> {
        if self.open && !self.atomic {
            self.abandon().await?;
            self.commit().await?;
        }
        Ok(())
    }

    /// Marks the point of the transaction to which a table that is held goes back.
    async fn mark(&mut self) -> Result<(), TargetError> {
        if self.open {
            self.marked = true;
            self.link().run("SAVEPOINT first_load", "begin a table").await?;
        }
        Ok(())
    }

    async fn unmark(&mut self) -> Result<(), TargetError> {
        if self.marked {
            self.marked = false;
            self.link().run("RELEASE SAVEPOINT first_load", "end a table").await?;
        }
        Ok(())
    }

    /// Takes an unfinished table back.
    pub async fn abandon(&mut self) -> Result<(), TargetError> {
        if self.marked {
            self.link().run("ROLLBACK TO SAVEPOINT first_load", "take a table back").await?;
            self.unmark().await?;
        }
        Ok(())
    }

    /// Begins the first load of a table: it is made and filled in one transaction, so that nobody sees it before
    /// [`ProvedLoad::publish`].
    pub async fn first_load(&mut self, table: &Table) -> Result<FirstLoad, TargetError> {
        self.begin().await?;
        self.mark().await?;
        self.link().client.batch_execute(&ddl::create(self.link().schemas(), table)).await.map_err(|e| {
            match load_fault(&e, table.name.as_str()) {
                held @ TargetError::Held { .. } => held,
                _ => of_driver(&e, &format!("create table {}", table.name.in_target())),
            }
        })?;
        FirstLoad::begin(self.link(), table).await
    }

    /// Ends the rows of a first load, and builds the key.
    pub async fn filled<'a>(
        &'a mut self,
        load: FirstLoad,
        table: &'a Table,
    ) -> Result<FilledLoad<'a>, TargetError> {
        let rows = load.end().await?;
        if let Some(sql) = ddl::primary_key(self.link().schemas(), table) {
            statement(self.link(), &sql, table).await?;
        }
        Ok(FilledLoad { writer: self, table, rows })
    }

    /// Opens a staging table for the changed rows of a table.
    pub async fn stage(&mut self, table: &Table) -> Result<Staging, TargetError> {
        self.settle().await?;
        self.mark().await?;
        self.stages += 1;
        let name = format!("bicuspid_stage_{}", self.stages);
        let create = format!("CREATE TEMPORARY TABLE {name} ({})", ddl::definitions(table));
        self.link().run(&create, "create a staging table (TEMPORARY on the database is needed)").await?;
        let copy = CopyIn::begin(&self.link().client, &format!("pg_temp.{name}"), table).await?;
        Ok(Staging { copy, name })
    }

    /// Ends the staging of a table, and gives its rows their key.
    pub async fn staged(&mut self, mut staging: Staging, table: &Table) -> Result<Staged, TargetError> {
        let rows = staging.copy.finish().await?;
        let name = staging.name;
        let key: Vec<String> = table.key_columns().map(|c| c.name.postgres().to_string()).collect();
        if !key.is_empty() {
            let sql = format!("ALTER TABLE pg_temp.{name} ADD PRIMARY KEY ({})", key.join(", "));
            self.link().client.batch_execute(&sql).await.map_err(|e| load_fault(&e, table.name.as_str()))?;
        }
        // How many rows there are and how their keys lie is all that the merge's plans ask for; with all columns it takes as
        // long as the merge.
        let first = table.columns.first().map(|c| c.name.postgres().to_string());
        let known = if key.is_empty() { first.into_iter().collect() } else { key };
        let analyze = format!("ANALYZE pg_temp.{name} ({})", known.join(", "));
        self.link().run(&analyze, "analyse a staging table").await?;
        self.unmark().await?;
        Ok(Staged { name, rows })
    }

    /// Makes a run visible: all changed tables, the state of all of them and the record of the run in one
    /// transaction. A table whose rows are not afterwards what was read from the source is taken back alone and
    /// reported as held.
    pub async fn publish(
        &mut self,
        publication: Publication<'_>,
        key: &FingerprintKey,
        run: &RunRecord,
        finish: impl FnOnce(&[Applied]) -> serde_json::Value + Send,
    ) -> Result<Vec<Applied>, TargetError> {
        self.begin().await?;
        let mut applied = Vec::with_capacity(publication.changes.len());
        for change in publication.changes {
            self.link().run("SAVEPOINT one_table", "begin a table").await?;
            let outcome = match change.apply(self.link(), key).await {
                Ok(outcome) => outcome,
                Err(error) if error.is_of_table() => {
                    self.link().run("ROLLBACK TO SAVEPOINT one_table", "take a table back").await?;
                    let trouble = error.trouble();
                    let held = HeldState { rule: trouble.code, detail: trouble.why, remedy: trouble.hint };
                    state::record_held(self.link(), &change.table.name, &held).await?;
                    Applied {
                        table: change.table.name.clone(),
                        inserted: 0,
                        updated: 0,
                        deleted: 0,
                        unstamped: 0,
                        held: Some(held),
                    }
                }
                Err(error) => return Err(error),
            };
            if outcome.held.is_none() {
                let changed = outcome.inserted + outcome.updated + outcome.deleted > 0
                    || !change.added.is_empty()
                    || !change.widened.is_empty()
                    || change.adoption.is_some();
                state::record_table(self.link(), &change.table.name, &change.record, &run.run_id, changed)
                    .await?;
                let edits = if change.stamp.is_some() { outcome.updated } else { 0 };
                let (table, pass) = (&change.table.name, &change.record.pass);
                let noted = Noted { table, pass, edits, edits_unstamped: outcome.unstamped };
                passes::record(self.link(), &[noted]).await?;
                if !changed {
                    // The rows were what they should be; only the cut of the chunks is new.
                    state::record_chunks(self.link(), &change.table.name, &change.record).await?;
                }
            }
            applied.push(outcome);
        }
        state::record_unchanged(self.link(), &publication.unchanged, &run.run_id).await?;
        for one in publication.held {
            state::record_held(self.link(), one.table, &one.held).await?;
        }
        self.remember(&publication.server).await?;
        state::record_next_numbers(self.link(), &publication.numbers).await?;
        let mut run = RunRecord { record: finish(&applied), ..run.clone() };
        if applied.iter().any(|one| one.held.is_some()) {
            "held".clone_into(&mut run.outcome);
        }
        state::record_run(self.link(), &run).await?;
        surroundings::judge(self.link()).await?;
        self.commit().await?;
        Ok(applied)
    }

    /// Remembers the server that is read, if none is remembered yet.
    async fn remember(&self, server: &SourceServer) -> Result<(), TargetError> {
        if !self.knows_server && state::source_server(self.link()).await?.is_none() {
            state::record_source_server(self.link(), server).await?;
        }
        Ok(())
    }

    /// Gives the memory and disk of staging tables back.
    pub async fn drop_stages(&mut self) -> Result<(), TargetError> {
        self.settle().await?;
        for n in 1..=self.stages {
            self.link()
                .run(&format!("DROP TABLE IF EXISTS pg_temp.bicuspid_stage_{n}"), "drop a staging table")
                .await?;
        }
        self.stages = 0;
        Ok(())
    }

    /// Lets a role read what is in the copy now and what will be made there. Relations of the schema that this account may
    /// not give away are their owners' affair.
    ///
    /// # Errors
    /// [`TargetError::Reader`], whatever the trouble is: what was published stays so, whoever may read it.
    pub async fn grant_reader(&mut self, role: &str) -> Result<(), TargetError> {
        self.try_grant_reader(role).await.map_err(|error| match error {
            reader @ TargetError::Reader { .. } => reader,
            other => TargetError::Reader { role: role.to_owned(), detail: other.trouble().why },
        })
    }

    async fn try_grant_reader(&mut self, name: &str) -> Result<(), TargetError> {
        self.settle().await?;
        let unfit = |detail: &str| TargetError::Reader { role: name.to_owned(), detail: detail.to_owned() };
        let role =
            ColumnName::new(name).map_err(|_| unfit("no role can have such a name"))?.postgres().to_string();
        let fault = |e: tokio_postgres::Error| of_driver(&e, "grant SELECT to the reader role");
        let link = self.link();
        let known = "SELECT 1 FROM pg_roles WHERE rolname = $1";
        if link.client.query_opt(known, &[&name]).await.map_err(fault)?.is_none() {
            return Err(unfit("the target has no such role"));
        }
        let ours = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c \
                    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 \
                    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                    AND has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION') ORDER BY 1";
        let rows = link.client.query(ours, &[&link.schemas().raw_name()]).await.map_err(fault)?;
        let names =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>().map_err(fault)?;
        let raw = link.sql("{raw}");
        let mut sql = format!(
            "GRANT USAGE ON SCHEMA {raw} TO {role}; \
             ALTER DEFAULT PRIVILEGES IN SCHEMA {raw} GRANT SELECT ON TABLES TO {role}"
        );
        if !names.is_empty() {
            let _ = write!(sql, "; GRANT SELECT ON {} TO {role}", names.join(", "));
        }
        link.run(&sql, "grant SELECT to the reader role").await
    }
}

/// The first load of one table, filled and not yet proved.
#[derive(Debug)]
pub struct FilledLoad<'a> {
    writer: &'a mut Writer,
    table: &'a Table,
    rows: u64,
}

/// What showed that the rows of a first load are those that were read from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The server found the same sum of row hashes.
    RowHashes,
    /// The rows came back and had the same fingerprint.
    ReadBack,
}

/// The first load of one table, whose rows are what was read from the source.
#[derive(Debug)]
pub struct ProvedLoad<'a> {
    load: FilledLoad<'a>,
    expected: Fingerprint,
    proof: Proof,
}

impl<'a> FilledLoad<'a> {
    /// Rows that the server took.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Compares the table with what was read from the source: by `hashes`, if there are any, which the server computes
    /// for itself. If they do not agree, for whatever reason, all rows are read back, and their fingerprint alone
    /// decides whether the table is held.
    pub async fn prove(
        self,
        expected: Fingerprint,
        hashes: Option<&RowHashes>,
        key: &FingerprintKey,
    ) -> Result<ProvedLoad<'a>, TargetError> {
        let link = self.writer.link();
        let mut proof = Proof::ReadBack;
        if let Some(hashes) = hashes
            && self.rows == expected.rows
            && hashes.rows() == expected.rows
            && agrees(link, self.table, hashes, &[""]).await?
        {
            proof = Proof::RowHashes;
        } else {
            expect(self.table, expected, read_back(link, self.table, "", key).await?)?;
        }
        Ok(ProvedLoad { load: self, expected, proof })
    }
}

impl ProvedLoad<'_> {
    /// What showed it.
    #[must_use]
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// Records the table, and commits it, by itself or with others. `record` must have the fingerprint that was proved.
    ///
    /// The server that it was read from is remembered with it if none is yet: a run that stops after its first tables
    /// must not be ended by one that reads another server.
    pub async fn publish(
        self,
        record: &TableRecord,
        run_id: &str,
        server: &SourceServer,
    ) -> Result<Applied, TargetError> {
        let FilledLoad { writer, table, .. } = self.load;
        expect(table, self.expected, record.fingerprint())?;
        state::record_table(writer.link(), &table.name, record, run_id, true).await?;
        let noted = Noted { table: &table.name, pass: &record.pass, edits: 0, edits_unstamped: 0 };
        passes::record(writer.link(), &[noted]).await?;
        writer.remember(server).await?;
        writer.end_table(self.expected.rows).await?;
        // Not before: a table that is taken back takes what was written with it along.
        writer.knows_server = true;
        Ok(Applied {
            table: table.name.clone(),
            inserted: self.expected.rows,
            updated: 0,
            deleted: 0,
            unstamped: 0,
            held: None,
        })
    }
}

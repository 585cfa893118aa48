//! The one way to write an analytics database: what is proved becomes visible, in one transaction, or nothing does.

use bicuspid_guard::{NextNumbers, SourceServer};
use bicuspid_model::{ColumnName, Fingerprint, FingerprintKey, KeyBound, Table, TableName};

use crate::adoption::{self, Adoption};
use crate::analytics::{Analytics, KeyRange};
use crate::copy::{CopyIn, load_fault};
use crate::ddl;
use crate::error::{TargetError, of_driver};
use crate::first_load::{FirstLoad, Intake, agrees, read_back};
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
#[expect(clippy::struct_excessive_bools, reason = "four independent facts of one session")]
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
}

/// Rows of a changed table, staged in the session where nobody else can see them.
#[derive(Debug)]
pub struct Staged {
    /// Name of the temporary table.
    name: String,
    rows: u64,
}

impl Staged {
    /// Rows that were staged.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}

/// Rows on their way into a staging table. It borrows nothing, so that another task can feed it; dropping it unfinished
/// makes the server undo the whole stream.
pub struct Staging {
    copy: CopyIn,
    name: String,
}

impl std::fmt::Debug for Staging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staging").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Intake for Staging {
    async fn send(&mut self, rows: &[u8]) -> Result<(), TargetError> {
        self.copy.send(rows).await
    }
}

/// A range of keys whose rows changed, and what they must be afterwards.
#[derive(Debug, Clone)]
pub struct ChangedRange {
    /// Lower end, not included.
    pub after: Option<KeyBound>,
    /// Upper end, included.
    pub up_to: Option<KeyBound>,
    /// Fingerprint of the rows read from the source.
    pub expected: Fingerprint,
}

/// Which rows of a table the staged ones replace.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Those in these ranges of the walk.
    Ranges {
        /// Positions of the walk's columns.
        walk: Vec<usize>,
        /// Ranges.
        ranges: Vec<ChangedRange>,
    },
    /// All of them.
    Whole,
}

/// A table whose staged rows are to become visible.
#[derive(Debug)]
pub struct Change<'a> {
    /// Table.
    pub table: &'a Table,
    /// Staged rows.
    pub staged: Staged,
    /// What they replace.
    pub scope: Scope,
    /// Columns to add first, which the source has gained.
    pub added: Vec<ColumnName>,
    /// Columns that may hold NULL from now on: the source lets them, or has lost them.
    pub relaxed: Vec<ColumnName>,
    /// Columns whose type the source has widened.
    pub widened: Vec<ColumnName>,
    /// What it lacks, if another tool made it and it is taken over.
    pub adoption: Option<Adoption>,
    /// Its edit stamp, if it has one: edits that did not move it are counted.
    pub stamp: Option<ColumnName>,
    /// What is remembered afterwards; its fingerprint is what the whole table must have.
    pub record: TableRecord,
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

/// What became of one changed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Name on the source.
    pub table: TableName,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Of the rows updated, those whose edit stamp had not moved forward; none in a table without one.
    pub unstamped: u64,
    /// Why it was held after all: its rows on the target were not what was read from the source.
    pub held: Option<HeldState>,
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

    async fn commit(&mut self) -> Result<(), TargetError> {
        self.open = false;
        self.pending = (0, 0);
        self.link().run("COMMIT", "commit").await
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
        self.link().client.batch_execute(&ddl::create(table)).await.map_err(|e| {
            match load_fault(&e, table.name.as_str()) {
                held @ TargetError::Held { .. } => held,
                _ => of_driver(&e, &format!("create table {}", table.name.in_target())),
            }
        })?;
        FirstLoad::begin(&self.link().client, table).await
    }

    /// Ends the rows of a first load, and builds the key.
    pub async fn filled<'a>(
        &'a mut self,
        load: FirstLoad,
        table: &'a Table,
    ) -> Result<FilledLoad<'a>, TargetError> {
        let rows = load.end().await?;
        if let Some(sql) = ddl::primary_key(table) {
            self.table_statement(&sql, table).await?;
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
        self.link().run(&format!("ANALYZE pg_temp.{name}"), "analyse a staging table").await?;
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
            let outcome = match self.apply(&change, key).await {
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
        if state::source_server(self.link()).await?.is_none() {
            state::record_source_server(self.link(), &publication.server).await?;
        }
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

    async fn apply(&self, change: &Change<'_>, key: &FingerprintKey) -> Result<Applied, TargetError> {
        let table = change.table;
        if let Some(sql) = change.adoption.as_ref().and_then(|a| adoption::before(table, a)) {
            self.table_statement(&sql, table).await?;
        }
        for name in &change.widened {
            if let Some(column) = table.columns.iter().find(|c| c.name == *name) {
                let (raw, target) = (ddl::raw(table), column.target);
                let sql = format!("ALTER TABLE {raw} ALTER COLUMN {} TYPE {target}", name.postgres());
                self.table_statement(&sql, table).await?;
            }
        }
        for name in &change.added {
            if let Some(column) = table.columns.iter().find(|c| c.name == *name) {
                let sql = format!(
                    "ALTER TABLE {} ADD COLUMN {} {}",
                    ddl::raw(table),
                    name.postgres(),
                    column.target
                );
                self.table_statement(&sql, table).await?;
            }
        }
        for name in &change.relaxed {
            let sql =
                format!("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", ddl::raw(table), name.postgres());
            self.table_statement(&sql, table).await?;
        }
        let mut applied = Applied {
            table: table.name.clone(),
            inserted: 0,
            updated: 0,
            deleted: 0,
            unstamped: 0,
            held: None,
        };
        match &change.scope {
            Scope::Whole => {
                self.merge(change, "true", "true", &mut applied).await?;
                let found = read_back(&self.link().client, table, "", key).await?;
                expect(table, change.record.fingerprint(), found)?;
            }
            Scope::Ranges { walk, ranges } => {
                for range in ranges {
                    let bounds = KeyRange { walk, after: range.after.as_ref(), up_to: range.up_to.as_ref() };
                    let condition = |prefix: &str| {
                        let unwritable = TargetError::Protocol { what: "a recorded chunk border" };
                        bounds
                            .condition(table, prefix)
                            .map(|c| if c.is_empty() { "true".to_owned() } else { c })
                            .ok_or(unwritable)
                    };
                    self.merge(change, &condition("t.")?, &condition("s.")?, &mut applied).await?;
                    let found = read_back(&self.link().client, table, &condition("")?, key).await?;
                    expect(table, range.expected, found)?;
                }
            }
        }
        if let Some(adopted) = &change.adoption {
            if let Some(sql) = adoption::after(table, adopted) {
                self.table_statement(&sql, table).await?;
            }
            adoption::record(self.link(), table, adopted).await?;
        }
        Ok(applied)
    }

    /// Inserts, updates what really differs, and deletes, in the part of the table that the conditions pick.
    async fn merge(
        &self,
        change: &Change<'_>,
        of_target: &str,
        of_staged: &str,
        applied: &mut Applied,
    ) -> Result<(), TargetError> {
        let table = change.table;
        let (raw, staged) = (ddl::raw(table), format!("pg_temp.{}", change.staged.name));
        let columns = ddl::columns(table, "");
        if table.primary_key.is_empty() {
            return self.merge_bag(change, of_target, of_staged, applied).await;
        }
        let same_key: Vec<String> =
            table.key_columns().map(|c| format!("s.{0} = t.{0}", c.name.postgres())).collect();
        let same_key = same_key.join(" AND ");
        let delete = format!(
            "DELETE FROM {raw} AS t WHERE {of_target} AND NOT EXISTS (SELECT 1 FROM {staged} AS s WHERE {same_key})"
        );
        applied.deleted += self.table_statement(&delete, table).await?;
        // The key's columns too: keys that are equal may still differ in their bytes, as 0 and -0 do.
        let set: Vec<String> =
            table.columns.iter().map(|c| format!("{0} = s.{0}", c.name.postgres())).collect();
        // Compared by image: equality of values would take -0 for 0, and json has none.
        let update = format!(
            "UPDATE {raw} AS t SET {}, {} = now() FROM {staged} AS s WHERE {same_key} AND {of_staged} \
             AND record_image_ne(ROW({}), ROW({}))",
            set.join(", "),
            ddl::LOADED_AT,
            ddl::images(table, "t."),
            ddl::images(table, "s."),
        );
        if let Some(stamp) = &change.stamp {
            let count = format!(
                "SELECT count(*) FROM {raw} AS t JOIN {staged} AS s ON {same_key} WHERE {of_staged} \
                 AND record_image_ne(ROW({}), ROW({})) AND NOT coalesce(s.{stamp} > t.{stamp}, false)",
                ddl::images(table, "t."),
                ddl::images(table, "s."),
                stamp = stamp.postgres(),
            );
            let counted = self.link().client.query_one(&count, &[]).await.and_then(|row| row.try_get(0));
            let counted: i64 = counted.map_err(|e| load_fault(&e, table.name.as_str()))?;
            applied.unstamped += u64::try_from(counted).unwrap_or_default();
        }
        applied.updated += self.table_statement(&update, table).await?;
        let insert = format!(
            "INSERT INTO {raw} ({columns}) SELECT {columns} FROM {staged} AS s WHERE {of_staged} \
             AND NOT EXISTS (SELECT 1 FROM {raw} AS t WHERE {same_key})"
        );
        applied.inserted += self.table_statement(&insert, table).await?;
        Ok(())
    }

    /// The same without a key, where nothing says which row became which: of each row as many copies are deleted or
    /// inserted as there are too many or too few. Rows are alike if their binary form is, as `COPY` would send it.
    async fn merge_bag(
        &self,
        change: &Change<'_>,
        of_target: &str,
        of_staged: &str,
        applied: &mut Applied,
    ) -> Result<(), TargetError> {
        let table = change.table;
        let (raw, staged) = (ddl::raw(table), format!("pg_temp.{}", change.staged.name));
        let image = |prefix: &str| format!("record_send(ROW({}))", ddl::images(table, prefix));
        let numbered = |from: &str, name: &str, condition: &str| {
            let image = image(&format!("{name}."));
            format!(
                "(SELECT {name}.ctid AS place, {image} AS image, row_number() OVER (PARTITION BY {image}) AS nth \
                 FROM {from} AS {name} WHERE {condition}) AS numbered"
            )
        };
        let counted = |from: &str, name: &str, condition: &str| {
            let image = image(&format!("{name}."));
            format!(
                "(SELECT {image} AS image, count(*) AS copies FROM {from} AS {name} WHERE {condition} GROUP BY 1) \
                 AS counted"
            )
        };
        let surplus = "counted.image = numbered.image WHERE numbered.nth > coalesce(counted.copies, 0)";
        let delete = format!(
            "DELETE FROM {raw} AS d USING {} LEFT JOIN {} ON {surplus} AND d.ctid = numbered.place",
            numbered(&raw, "t", of_target),
            counted(&staged, "s", of_staged),
        );
        applied.deleted += self.table_statement(&delete, table).await?;
        let insert = format!(
            "INSERT INTO {raw} ({}) SELECT {} FROM {staged} AS i JOIN {} ON i.ctid = numbered.place LEFT JOIN {} ON {surplus}",
            ddl::columns(table, ""),
            ddl::columns(table, "i."),
            numbered(&staged, "s", of_staged),
            counted(&raw, "t", of_target),
        );
        applied.inserted += self.table_statement(&insert, table).await?;
        Ok(())
    }

    async fn table_statement(&self, sql: &str, table: &Table) -> Result<u64, TargetError> {
        self.link().client.execute(sql, &[]).await.map_err(|e| load_fault(&e, table.name.as_str()))
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

    /// Lets a role read what is in `raw` now and what will be made there.
    pub async fn grant_reader(&mut self, role: &str) -> Result<(), TargetError> {
        self.settle().await?;
        let role = ColumnName::new(role).map_err(|_| TargetError::Protocol { what: "reader_role" })?;
        let role = role.postgres();
        let sql = format!(
            "GRANT USAGE ON SCHEMA raw TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA raw TO {role}; \
             ALTER DEFAULT PRIVILEGES IN SCHEMA raw GRANT SELECT ON TABLES TO {role}"
        );
        self.link().run(&sql, "grant SELECT to the reader role").await
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
            && agrees(link, self.table, hashes).await?
        {
            proof = Proof::RowHashes;
        } else {
            expect(self.table, expected, read_back(&link.client, self.table, "", key).await?)?;
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
    pub async fn publish(self, record: &TableRecord, run_id: &str) -> Result<Applied, TargetError> {
        let FilledLoad { writer, table, .. } = self.load;
        expect(table, self.expected, record.fingerprint())?;
        state::record_table(writer.link(), &table.name, record, run_id, true).await?;
        let noted = Noted { table: &table.name, pass: &record.pass, edits: 0, edits_unstamped: 0 };
        passes::record(writer.link(), &[noted]).await?;
        writer.end_table(self.expected.rows).await?;
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

fn expect(table: &Table, expected: Fingerprint, found: Fingerprint) -> Result<(), TargetError> {
    if expected == found {
        return Ok(());
    }
    let detail = if expected.rows == found.rows {
        format!("{} rows arrived, and some of them are not what was read from the source", found.rows)
    } else {
        format!("the target holds {} rows where {} were read from the source", found.rows, expected.rows)
    };
    Err(TargetError::Held { table: table.name.to_string(), rule: "fingerprint", detail })
}

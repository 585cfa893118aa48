//! The analytics database: what may be asked of it, and the one way to write it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bicuspid_guard::identity::Reported;
use bicuspid_guard::{NextNumbers, SourceServer};
use bicuspid_model::{
    ColumnName, Endpoint, Environment, FingerprintKey, SiteName, Table, TableName, TargetType,
};

use crate::adoption;
use crate::citus;
use crate::copy::CopyOut;
use crate::ddl;
use crate::error::{TargetError, of_driver, of_state};
use crate::expected;
use crate::identity::{self, Headroom, Identity, STATE_VERSION, ServerFacts};
use crate::link::Link;
use crate::listing::{self, ListedTable};
use crate::row_hash::lookup3;
use crate::schemas::Schemas;
use crate::state::{self, AuditHead, ChunkState, ProofSettings, TableState};
use crate::surroundings;

/// Tables that one statement looks into: each is locked to be looked into, and a server has room for 64 locks a session
/// (`max_locks_per_transaction`) before it takes from the others' share.
const EMPTIED_AT_ONCE: usize = 50;

/// The advisory lock that keeps two runs on one database apart; the number is "bicuspid" read as bytes. That of a site is
/// `hashtextextended('<site>', <this>)`, as the server would say it.
pub(crate) const RUN_LOCK: i64 = 0x6269_6375_7370_6964;

/// The number of the lock of a copy: runs on two sites of one database do not meet.
fn run_lock(schemas: &Schemas) -> i64 {
    let of_site =
        |site: &SiteName| lookup3::bytes(site.as_str().as_bytes(), RUN_LOCK.cast_unsigned()).cast_signed();
    schemas.site().map_or(RUN_LOCK, of_site)
}

/// How often the lock of the run is tried for.
const LOCK_ATTEMPTS: u32 = 20;
/// Time between two attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// A connection to an analytics database that can look and enrol, and cannot write data.
#[derive(Debug)]
pub struct Analytics {
    pub(crate) link: Link,
    facts: ServerFacts,
}

/// A column of a table in `raw`, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetColumn {
    /// Name.
    pub name: ColumnName,
    /// Type as `format_type` prints it, comparable with the text of a [`bicuspid_model::TargetType`].
    pub type_text: String,
    /// Whether it is NOT NULL.
    pub not_null: bool,
    /// Whether the server fills it where a row says nothing of it: it counts, is computed or has a default.
    pub filled: bool,
    /// Whether a view hangs on it, which forbids to change its type.
    pub viewed: bool,
}

/// A table of `raw` that another tool made, as far as taking it over needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTable {
    /// Whether it says when a row was written, in a column of our name.
    pub has_loaded_at: bool,
    /// Names of the primary key's columns, in key order; empty if there is none.
    pub primary_key: Vec<String>,
    /// Rows that it holds; 0 if it is not ours to alter.
    pub rows: u64,
    /// Whether our account owns it, which altering it needs.
    pub is_owned: bool,
}

impl Analytics {
    /// Connects and asks the server what it is. `schemas` says which copy of the database is meant, if it holds several.
    pub async fn connect(endpoint: &Endpoint, schemas: &Schemas) -> Result<Self, TargetError> {
        let link = Link::connect(endpoint).await?.with_schemas(schemas.clone());
        let facts = identity::facts(&link).await?;
        Ok(Self { link, facts })
    }

    /// Connects with a session in which the server itself refuses to write, for whoever only looks.
    pub async fn connect_to_read(endpoint: &Endpoint, schemas: &Schemas) -> Result<Self, TargetError> {
        let look = Self::connect(endpoint, schemas).await?;
        look.link.refuse_to_write().await?;
        Ok(look)
    }

    /// Connects; after this time without an answer, instead of a minute, the server is asked whether it is still at
    /// work for us.
    pub async fn connect_with(
        endpoint: &Endpoint,
        schemas: &Schemas,
        quiet: Duration,
    ) -> Result<Self, TargetError> {
        let link = Link::connect_with(endpoint, quiet).await?.with_schemas(schemas.clone());
        let facts = identity::facts(&link).await?;
        Ok(Self { link, facts })
    }

    /// Which copy of the database is meant.
    #[must_use]
    pub const fn schemas(&self) -> &Schemas {
        self.link.schemas()
    }

    /// What the server says of itself.
    #[must_use]
    pub const fn facts(&self) -> &ServerFacts {
        &self.facts
    }

    /// Anchors this head of the audit log in the transaction that publishes the run.
    pub fn anchor(&mut self, head: AuditHead) {
        self.link.set_anchor(head);
    }

    /// The heads of audit logs that were anchored with runs, oldest first; those of every machine that wrote here.
    pub async fn audit_heads(&self) -> Result<Vec<AuditHead>, TargetError> {
        state::audit_heads(&self.link).await
    }

    /// The identity written in the database, `None` if it was never enrolled.
    pub async fn enrolled(&self) -> Result<Option<Identity>, TargetError> {
        identity::enrolled(&self.link).await
    }

    /// Refuses a copy on which something hangs that could take its rows elsewhere or change them on the way: a trigger,
    /// a rule, a view or foreign table in a table's place; and a server that cannot distribute the copy, or a schema that
    /// is not distributed, where it is to be. A database that was never enrolled holds no copy yet.
    pub async fn inspect(&self) -> Result<(), TargetError> {
        citus::judge_server(&self.link).await?;
        if identity::has_state_table(&self.link, "table_state").await? {
            surroundings::judge(&self.link).await?;
        }
        Ok(())
    }

    /// How many sessions the server and the account have, and how many they can have.
    pub async fn headroom(&self) -> Result<Headroom, TargetError> {
        identity::headroom(&self.link).await
    }

    /// Publications of the database, by name: each may send rows to other servers.
    pub async fn publications(&self) -> Result<Vec<String>, TargetError> {
        surroundings::publications(&self.link).await
    }

    /// What the server reports at this moment, with the marker that the database holds now.
    pub async fn reported(&self) -> Result<Reported, TargetError> {
        identity::reported(&self.link).await
    }

    /// Writes the identity, the state's tables and the proof settings. Refuses a database that is already enrolled
    /// as anything else.
    pub async fn enrol(
        &self,
        environment: Environment,
        key: FingerprintKey,
        type_policy: &str,
        tool_version: &str,
    ) -> Result<Identity, TargetError> {
        let action = "enrol the database (CREATE on it is needed)";
        let fault = |e: tokio_postgres::Error| of_state(&e, action);
        let identity = self.facts.identity(environment, self.link.schemas().site());
        if let Some(found) = identity::enrolled(&self.link).await? {
            bicuspid_guard::identity::compare(&identity, &found)?;
            return Ok(identity);
        }
        self.link.run("BEGIN", action).await?;
        let written = async {
            self.link.run_on_state(&self.link.sql(ddl::STATE_SCHEMA), action).await?;
            citus::spread(&self.link).await?;
            self.link.run_on_state(&self.link.sql(ddl::RAW_SCHEMA), action).await?;
            citus::judge(&self.link).await?;
            // The marker of a copy that is alone names no site: older versions know no such column.
            let sql = self.link.sql(if identity.site.is_some() {
                "INSERT INTO {state}.identity (environment, database_name, system_identifier, database_oid, \
                 tool_version, state_version, site) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            } else {
                "INSERT INTO {state}.identity (environment, database_name, system_identifier, database_oid, \
                 tool_version, state_version) SELECT $1, $2, $3, $4, $5, $6 WHERE $7::text IS NULL"
            });
            self.link
                .client
                .execute(
                    sql.as_str(),
                    &[
                        &environment.name(),
                        &identity.database,
                        &identity.system_identifier.to_string(),
                        &i64::from(identity.oid),
                        &tool_version,
                        &STATE_VERSION,
                        &identity.site.as_ref().map(SiteName::as_str),
                    ],
                )
                .await
                .map_err(fault)?;
            self.link
                .client
                .execute(
                    self.link
                        .sql(
                            "INSERT INTO {state}.proof_key (algorithm, key, type_policy) VALUES ($1, $2, $3)",
                        )
                        .as_str(),
                    &[&bicuspid_model::fingerprint::ALGORITHM, &&key.bytes()[..], &type_policy],
                )
                .await
                .map_err(fault)?;
            Ok::<(), TargetError>(())
        }
        .await;
        match written {
            Ok(()) => {
                self.link.run("COMMIT", action).await?;
                Ok(identity)
            }
            Err(error) => {
                self.link.run("ROLLBACK", action).await?;
                Err(error)
            }
        }
    }

    /// The key of the row hash and the type policy.
    pub async fn proof_settings(&self) -> Result<ProofSettings, TargetError> {
        state::proof_settings(&self.link).await
    }

    /// The server that the copy is made from, `None` before anything of it was published.
    pub async fn source_server(&self) -> Result<Option<SourceServer>, TargetError> {
        state::source_server(&self.link).await
    }

    /// The servers that the copies of other sites of this database are made from, as far as the account may read of them.
    pub async fn sources_of_other_sites(&self) -> Result<Vec<(SiteName, SourceServer)>, TargetError> {
        state::sources_of_other_sites(&self.link).await
    }

    /// The next numbers of the source's tables at the last run; none before the first.
    pub async fn next_numbers(&self) -> Result<NextNumbers, TargetError> {
        state::next_numbers(&self.link).await
    }

    /// Remembers a server as the one that the copy is made from, because a person said so; its numbers may be any.
    pub async fn accept_source(&self, expected: &Identity, server: &SourceServer) -> Result<(), TargetError> {
        let action = "write which server the copy is made from";
        self.link.run("BEGIN", action).await?;
        let written = async {
            identity::prove(&self.link, expected).await?;
            state::record_source_server(&self.link, server).await?;
            state::record_next_numbers(&self.link, &NextNumbers::new()).await
        }
        .await;
        self.link.run(if written.is_ok() { "COMMIT" } else { "ROLLBACK" }, action).await?;
        written
    }

    /// Every table that was published.
    pub async fn tables(&self) -> Result<Vec<TableState>, TargetError> {
        state::tables(&self.link).await
    }

    /// Names on the target of tables that runs set out to load and that were never published: more than none, and a first
    /// load is not finished.
    pub async fn expected(&self) -> Result<BTreeSet<String>, TargetError> {
        expected::read(&self.link).await
    }

    /// What `raw` really has of the tables that we keep.
    pub async fn listing(&self) -> Result<Vec<ListedTable>, TargetError> {
        listing::tables(&self.link).await
    }

    /// The chunks of a table as they were published.
    pub async fn chunks(&self, table: &TableName) -> Result<Vec<ChunkState>, TargetError> {
        state::chunks(&self.link, table.in_target().as_str()).await
    }

    /// The chunk of each table that has no other, by the names of the tables on the target: most tables are small, and
    /// asking about each by itself would take longer than reading it.
    pub async fn lone_chunks(&self) -> Result<BTreeMap<String, ChunkState>, TargetError> {
        state::lone_chunks(&self.link).await
    }

    /// The columns of everything in `raw`, without `_loaded_at`, by its name there: a view or an index takes a name just
    /// as a table does.
    pub async fn columns(&self) -> Result<BTreeMap<String, Vec<TargetColumn>>, TargetError> {
        columns(&self.link).await
    }

    /// What taking over `raw.table` needs to know of it.
    pub async fn foreign_table(&self, table: &TableName) -> Result<ForeignTable, TargetError> {
        let fault = |e: tokio_postgres::Error| of_driver(&e, "look at a table that is to be taken over");
        let name = table.in_target();
        let row = self
            .link
            .client
            .query_one(
                "SELECT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = $2 \
                 AND NOT a.attisdropped), \
                 ARRAY(SELECT a.attname::text FROM pg_constraint k \
                 CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS u (num, nth) \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.num \
                 WHERE k.conrelid = c.oid AND k.contype = 'p' ORDER BY u.nth), \
                 pg_has_role(c.relowner, 'USAGE') \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $3 AND c.relname = $1",
                &[&name.as_str(), &ddl::LOADED_AT, &self.link.schemas().raw_name()],
            )
            .await
            .map_err(fault)?;
        let is_owned: bool = row.try_get(2).map_err(fault)?;
        let mut rows: i64 = 0;
        if is_owned {
            let count = format!("SELECT count(*) FROM {}.{}", self.link.sql("{raw}"), name.postgres());
            let counted = self.link.client.query_one(&count, &[]).await;
            rows = counted.and_then(|row| row.try_get(0)).map_err(fault)?;
        }
        Ok(ForeignTable {
            is_owned,
            has_loaded_at: row.try_get(0).map_err(fault)?,
            primary_key: row.try_get(1).map_err(fault)?,
            rows: u64::try_from(rows).unwrap_or_default(),
        })
    }

    /// Types of columns that were kept when their tables were taken over, by `table.column`.
    pub async fn kept_types(&self) -> Result<BTreeMap<String, TargetType>, TargetError> {
        adoption::kept_types(&self.link).await
    }

    /// Which of these tables of `raw` hold no row. One that is locked by somebody else is taken to hold some.
    pub async fn emptied(&self, tables: &[TableName]) -> Result<BTreeSet<TableName>, TargetError> {
        let mut emptied = BTreeSet::new();
        for some in tables.chunks(EMPTIED_AT_ONCE) {
            match self.emptied_at_once(some).await {
                Ok(found) => emptied.extend(found),
                Err(TargetError::TableLocked { .. }) => {
                    for one in some {
                        match self.emptied_at_once(std::slice::from_ref(one)).await {
                            Ok(found) => emptied.extend(found),
                            Err(TargetError::TableLocked { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(emptied)
    }

    async fn emptied_at_once(&self, tables: &[TableName]) -> Result<Vec<TableName>, TargetError> {
        let raw = self.link.sql("{raw}");
        let asked: Vec<String> = tables
            .iter()
            .enumerate()
            .map(|(i, table)| {
                let table = table.in_target();
                format!("SELECT {i}::bigint WHERE NOT EXISTS (SELECT 1 FROM {raw}.{})", table.postgres())
            })
            .collect();
        let action = "look into tables";
        let rows = self.link.client.query(&asked.join(" UNION ALL "), &[]).await;
        let places = rows.map_err(|e| of_driver(&e, action))?.into_iter().map(|row| row.try_get::<_, i64>(0));
        let places: Vec<i64> = places.collect::<Result<_, _>>().map_err(|e| of_driver(&e, action))?;
        let place = |place: i64| tables.get(usize::try_from(place).ok()?).cloned();
        Ok(places.into_iter().filter_map(place).collect())
    }

    /// The server's clock, RFC 3339 UTC.
    pub async fn now(&self) -> Result<String, TargetError> {
        self.link
            .client
            .query_one(
                "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
                &[],
            )
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|e| of_driver(&e, "ask for the time"))
    }

    /// Begins a view of one moment of the database, for reading it as a whole.
    pub async fn begin_view(&self) -> Result<(), TargetError> {
        self.link.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "begin to read").await
    }

    /// Ends the view.
    pub async fn end_view(&self) -> Result<(), TargetError> {
        self.link.run("COMMIT", "end to read").await
    }

    /// Reads a table, or of it the rows above `after` up to and including `up_to`. `Ok(None)` if its key orders
    /// differently on the two servers, so that a range cannot be asked for.
    pub async fn read(
        &self,
        table: &Table,
        range: Option<KeyRange<'_>>,
    ) -> Result<Option<CopyOut>, TargetError> {
        let condition = match range {
            None => String::new(),
            Some(range) => match range.condition(table, "") {
                Some(condition) => condition,
                None => return Ok(None),
            },
        };
        CopyOut::begin(&self.link, table, &condition).await.map(Some)
    }

    /// Takes the lock of the run and turns into the writer, after the identity was proved.
    pub async fn into_writer(self, expected: Identity) -> Result<crate::writer::Writer, TargetError> {
        identity::prove(&self.link, &expected).await?;
        surroundings::judge(&self.link).await?;
        take_run_lock(&self.link).await?;
        Ok(crate::writer::Writer::new(self, expected))
    }
}

/// Takes the lock that keeps two runs on one database apart; the connection holds it until it ends.
///
/// # Errors
/// [`TargetError::Locked`] if another run still holds it after a few attempts.
pub(crate) async fn take_run_lock(link: &Link) -> Result<(), TargetError> {
    // The server needs a moment to notice that a killed run is gone; a living one is told apart by its patience.
    for attempt in 0..LOCK_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        let locked: bool = link
            .client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&run_lock(link.schemas())])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|e| of_driver(&e, "take the lock of the run"))?;
        if locked {
            return Ok(());
        }
    }
    Err(TargetError::Locked { by: holder(link).await? })
}

/// Who holds the lock of the run, in words; of another role's sessions the server does not tell everything.
async fn holder(link: &Link) -> Result<Option<String>, TargetError> {
    let action = "ask who holds the lock of the run";
    let row = link
        .client
        .query_opt(
            "SELECT concat_ws(', ', 'process ' || l.pid || ' of the server', \
             '`' || nullif(regexp_replace(a.application_name, '[^ -~]|`', '?', 'g'), '') || '`', \
             'role ' || a.usename, 'from ' || coalesce(host(a.client_addr), \
             CASE WHEN a.backend_start IS NOT NULL THEN 'a socket of its machine' END), \
             'connected since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', \
             'last heard of at ' || to_char(greatest(a.state_change, a.query_start) AT TIME ZONE 'UTC', \
             'YYYY-MM-DD HH24:MI:SS') || ' UTC') \
             FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (l.classid::bigint << 32) | l.objid::bigint = $1",
            &[&run_lock(link.schemas())],
        )
        .await
        .map_err(|e| of_driver(&e, action))?;
    row.map(|row| row.try_get(0)).transpose().map_err(|e| of_driver(&e, action))
}

/// Rows above `after` up to and including `up_to`, by the walk of a table.
#[derive(Debug, Clone, Copy)]
pub struct KeyRange<'a> {
    /// Positions of the walk's columns in the table.
    pub walk: &'a [usize],
    /// Lower end, not included.
    pub after: Option<&'a bicuspid_model::KeyBound>,
    /// Upper end, included.
    pub up_to: Option<&'a bicuspid_model::KeyBound>,
}

impl KeyRange<'_> {
    pub(crate) fn condition(&self, table: &Table, prefix: &str) -> Option<String> {
        let key: Vec<_> = self.walk.iter().map(|&i| table.columns.get(i)).collect::<Option<_>>()?;
        ddl::range(&key, prefix, self.after, self.up_to)
    }
}

async fn columns(link: &Link) -> Result<BTreeMap<String, Vec<TargetColumn>>, TargetError> {
    let rows = link
        .client
        .query(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
             EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_rewrite'::regclass \
             AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum), \
             c.relname::text, a.atthasdef OR a.attidentity <> '' \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             WHERE n.nspname = $1 ORDER BY c.relname, a.attnum",
            &[&link.schemas().raw_name()],
        )
        .await
        .map_err(|e| of_driver(&e, "read the columns of the tables"))?;
    let unreadable = || TargetError::Protocol { what: "the columns of a table" };
    let mut tables: BTreeMap<String, Vec<TargetColumn>> = BTreeMap::new();
    for row in &rows {
        let columns = tables.entry(row.try_get(4).map_err(|_| unreadable())?).or_default();
        let name: String = row.try_get(0).map_err(|_| unreadable())?;
        if name == ddl::LOADED_AT {
            continue;
        }
        columns.push(TargetColumn {
            name: ColumnName::new(name).map_err(|_| unreadable())?,
            type_text: row.try_get(1).map_err(|_| unreadable())?,
            not_null: row.try_get(2).map_err(|_| unreadable())?,
            viewed: row.try_get(3).map_err(|_| unreadable())?,
            filled: row.try_get(5).map_err(|_| unreadable())?,
        });
    }
    Ok(tables)
}

//! What is in the demo database, and whether a generation may write over it.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_model::{Fingerprint, FingerprintKey, Table, TableName};

use super::place;
use super::record::{self, Generation};
use crate::copy::CopyOut;
use crate::ddl::LOADED_AT;
use crate::error::{TargetError, of_driver};
use crate::link::Link;
use crate::state;

/// Bytes of rows held while a table is read.
const READ_BYTES: usize = 1024 * 1024;
/// Tables counted by one statement.
const COUNTED_TOGETHER: usize = 100;
/// Findings that a refusal tells; more would hide the first.
const TOLD_MAX: usize = 5;
/// The tables of `raw` that hold no rows of a practice.
const STATUS_TABLES: [&str; 2] = ["etl_load_status", "etl_transform_status"];

/// How closely the rows are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Their number.
    Counts,
    /// Each of them, by fingerprint.
    Fingerprints,
}

/// What a generation would write over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoState {
    /// Rows of the tables that are there, by name in `raw`. A table that is not in the map does not exist yet.
    pub tables: BTreeMap<String, u64>,
    /// The generation that wrote them, `None` before the first.
    pub generation: Option<Generation>,
}

impl DemoState {
    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().sum()
    }
}

/// Everything beside plain tables and views that could take rows elsewhere, bring rows in, change them on the way, or
/// carry a delete into tables of others.
const FINDINGS: &str = "
WITH ours AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relrowsecurity, n.nspname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('raw', 'bicuspid')
)
SELECT 'foreign_table', name FROM ours WHERE relkind = 'f'
UNION ALL
SELECT 'trigger', name FROM ours JOIN pg_trigger t ON t.tgrelid = ours.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'rule', name FROM ours JOIN pg_rewrite r ON r.ev_class = ours.oid WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'inheritance', name FROM ours JOIN pg_inherits i ON ours.oid IN (i.inhrelid, i.inhparent)
UNION ALL
SELECT 'partitioned_table', name FROM ours WHERE relkind = 'p'
UNION ALL
SELECT 'materialized_view', name FROM ours WHERE relkind = 'm'
UNION ALL
SELECT 'row_security', name FROM ours WHERE relrowsecurity
UNION ALL
SELECT 'foreign_key', name FROM ours JOIN pg_constraint k ON ours.oid IN (k.conrelid, k.confrelid)
WHERE k.contype = 'f' AND ours.nspname = 'raw'
UNION ALL
SELECT 'check_constraint', name FROM ours JOIN pg_constraint k ON ours.oid = k.conrelid
WHERE k.contype = 'c' AND ours.nspname = 'raw'
UNION ALL
SELECT 'publication', pubname::text FROM pg_publication
UNION ALL
SELECT 'subscription', subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database()
ORDER BY 1, 2";

const RELATIONS: &str = "SELECT c.relname::text, c.relkind::text, has_table_privilege(c.oid, 'SELECT') FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'raw' ORDER BY 1";

const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
     coalesce(pg_get_expr(d.adbin, d.adrelid), '') \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
     WHERE n.nspname = 'raw' AND c.relkind = 'r' ORDER BY c.relname, a.attnum";

const KEYS: &str = "SELECT c.relname::text, array_agg(a.attname::text ORDER BY k.place) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_constraint p ON p.conrelid = c.oid AND p.contype = 'p' \
     CROSS JOIN LATERAL unnest(p.conkey) WITH ORDINALITY AS k (number, place) \
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number \
     WHERE n.nspname = 'raw' GROUP BY c.relname";

/// Looks, and refuses what must not be written over.
pub(super) async fn inspect(link: &Link, tables: &[Table], depth: Depth) -> Result<DemoState, TargetError> {
    refuse_findings(link).await?;
    let ours: BTreeMap<String, &Table> =
        tables.iter().map(|table| (table.name.in_target().to_string(), table)).collect();
    let (present, strangers) = relations(link, &ours).await?;
    compare_shapes(link, &ours, &present).await?;
    let counts = count(link, present.iter().chain(&strangers)).await?;
    let generation = record::latest(link).await?;
    let mut unaccounted = Vec::new();
    for (name, rows) in &counts {
        let accounted = generation.as_ref().and_then(|g| g.table(name)).filter(|_| ours.contains_key(name));
        let expected = accounted.map_or(0, |table| table.rows);
        if *rows != expected {
            unaccounted.push(format!("{} holds {rows} rows, {expected} were generated", shown(name)));
        }
    }
    refuse("unaccounted_rows", unaccounted)?;
    if depth == Depth::Fingerprints
        && let Some(generation) = &generation
    {
        compare_rows(link, &ours, &counts, generation).await?;
    }
    let tables = counts.into_iter().filter(|(name, _)| ours.contains_key(name)).collect();
    Ok(DemoState { tables, generation })
}

async fn refuse_findings(link: &Link) -> Result<(), TargetError> {
    let rows =
        link.client.query(FINDINGS, &[]).await.map_err(|e| of_driver(&e, "look at the demo database"))?;
    let mut first: Option<String> = None;
    let mut told = Vec::new();
    for row in &rows {
        let kind: String = row.try_get(0).map_err(|_| unreadable())?;
        let name: String = row.try_get(1).map_err(|_| unreadable())?;
        told.push(format!("{} {}", kind.replace('_', " "), shown(&name)));
        first.get_or_insert(kind);
    }
    let rule = match first.as_deref() {
        Some("foreign_table") => "foreign_table",
        Some("trigger") => "trigger",
        Some("rule") => "rule",
        Some("foreign_key") => "foreign_key",
        Some("publication") => "publication",
        Some("subscription") => "subscription",
        _ => "unexpected_object",
    };
    told.dedup();
    refuse(rule, told)
}

/// The tables of ours that are there, and the tables of others.
async fn relations(
    link: &Link,
    ours: &BTreeMap<String, &Table>,
) -> Result<(BTreeSet<String>, BTreeSet<String>), TargetError> {
    let rows =
        link.client.query(RELATIONS, &[]).await.map_err(|e| of_driver(&e, "list the tables of raw"))?;
    let (mut present, mut strangers) = (BTreeSet::new(), BTreeSet::new());
    let (mut taken, mut closed) = (Vec::new(), Vec::new());
    for row in &rows {
        let name: String = row.try_get(0).map_err(|_| unreadable())?;
        let kind: String = row.try_get(1).map_err(|_| unreadable())?;
        let may_count: bool = row.try_get(2).map_err(|_| unreadable())?;
        match (ours.contains_key(&name), kind.as_str()) {
            (_, "r") if !may_count => closed.push(format!("the account may not count {}", shown(&name))),
            (true, "r") => {
                present.insert(name);
            }
            (true, _) => taken.push(format!("{} is not a table", shown(&name))),
            (false, "r") if !STATUS_TABLES.contains(&name.as_str()) => {
                strangers.insert(name);
            }
            _ => {}
        }
    }
    refuse("shape", taken)?;
    refuse("unaccounted_rows", closed)?;
    Ok((present, strangers))
}

/// A column as the server describes it: name, type, whether it is NOT NULL, default.
type Described = (String, String, bool, String);

async fn compare_shapes(
    link: &Link,
    ours: &BTreeMap<String, &Table>,
    present: &BTreeSet<String>,
) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_driver(&e, "read the columns of raw");
    let mut columns: BTreeMap<String, Vec<Described>> = BTreeMap::new();
    for row in link.client.query(COLUMNS, &[]).await.map_err(fault)? {
        let text = |i: usize| row.try_get::<_, String>(i).map_err(|_| unreadable());
        let not_null = row.try_get(3).map_err(|_| unreadable())?;
        columns.entry(text(0)?).or_default().push((text(1)?, text(2)?, not_null, text(4)?));
    }
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in link.client.query(KEYS, &[]).await.map_err(fault)? {
        keys.insert(row.try_get(0).map_err(|_| unreadable())?, row.try_get(1).map_err(|_| unreadable())?);
    }
    let mut other = Vec::new();
    for (name, table) in ours.iter().filter(|(name, _)| present.contains(*name)) {
        let key: Vec<String> = table.key_columns().map(|c| c.name.to_string()).collect();
        let found = (columns.remove(name).unwrap_or_default(), keys.remove(name).unwrap_or_default());
        if found != (described(table), key) {
            other.push(format!("{} has other columns, types, defaults or key", shown(name)));
        }
    }
    refuse("shape", other)
}

/// The columns that the table has when we made it.
fn described(table: &Table) -> Vec<Described> {
    let mut list: Vec<Described> = table
        .columns
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let not_null = !c.nullable || table.primary_key.contains(&i);
            (c.name.to_string(), c.target.to_string(), not_null, String::new())
        })
        .collect();
    list.push((LOADED_AT.to_owned(), "timestamp with time zone".to_owned(), true, "now()".to_owned()));
    list
}

/// Counts the rows of tables in `raw`.
pub(super) async fn count(
    link: &Link,
    names: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, u64>, TargetError> {
    let names: Vec<&String> = names.collect();
    let mut counts = BTreeMap::new();
    for part in names.chunks(COUNTED_TOGETHER) {
        let mut selects = Vec::with_capacity(part.len());
        for (i, name) in part.iter().enumerate() {
            let table = TableName::new(name.as_str()).map_err(|_| unreadable())?;
            selects.push(format!("SELECT {i}::bigint, count(*) FROM raw.{}", table.postgres()));
        }
        let rows = link
            .client
            .query(&selects.join(" UNION ALL "), &[])
            .await
            .map_err(|e| of_driver(&e, "count the rows of raw"))?;
        for row in &rows {
            let number = |i: usize| row.try_get::<_, i64>(i).map_err(|_| unreadable());
            let place = usize::try_from(number(0)?).map_err(|_| unreadable())?;
            let rows = u64::try_from(number(1)?).map_err(|_| unreadable())?;
            let name = part.get(place).ok_or_else(unreadable)?;
            counts.insert((*name).clone(), rows);
        }
    }
    Ok(counts)
}

async fn compare_rows(
    link: &Link,
    ours: &BTreeMap<String, &Table>,
    counts: &BTreeMap<String, u64>,
    generation: &Generation,
) -> Result<(), TargetError> {
    let proof = state::proof_settings(link).await?;
    let mut unaccounted = Vec::new();
    for recorded in generation.tables.iter().filter(|t| counts.contains_key(&t.name)) {
        let Some(table) = ours.get(&recorded.name) else { continue };
        let found = fingerprint(link, table, &proof.key).await?;
        if found != recorded.fingerprint() {
            unaccounted.push(format!("{} holds rows that were not generated", shown(&recorded.name)));
        }
    }
    refuse("unaccounted_rows", unaccounted)
}

/// The fingerprint of a table, from what the server returns by `COPY`.
pub(super) async fn fingerprint(
    link: &Link,
    table: &Table,
    key: &FingerprintKey,
) -> Result<Fingerprint, TargetError> {
    let mut rows = CopyOut::begin(link, table, "").await?;
    let mut found = Fingerprint::default();
    while let Some(batch) = rows.next(READ_BYTES).await? {
        for row in batch.rows() {
            found.add(key.hash(row));
        }
    }
    Ok(found)
}

/// A name for a message; it comes from the server and may hold anything.
pub(crate) fn shown(name: &str) -> String {
    format!("`{}`", name.escape_debug())
}

fn refuse(rule: &'static str, mut findings: Vec<String>) -> Result<(), TargetError> {
    if findings.is_empty() {
        return Ok(());
    }
    if let Some(more) = findings.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        findings.truncate(TOLD_MAX);
        findings.push(format!("and {more} more"));
    }
    Err(TargetError::DemoUnfit { rule, detail: findings.join("; ") })
}

fn unreadable() -> TargetError {
    TargetError::Protocol { what: "the catalogue of the demo database" }
}

/// The tables of ours that are there, quoted, for a statement that names them all.
pub(super) fn quoted<'a>(tables: impl Iterator<Item = &'a Table>) -> String {
    tables.map(place).collect::<Vec<_>>().join(", ")
}

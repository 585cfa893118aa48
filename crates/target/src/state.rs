//! What is kept in schema `bicuspid` beside the data, committed with it.

use std::collections::BTreeMap;

use bicuspid_guard::{NextNumbers, SourceServer};
use bicuspid_model::{
    ColumnName, Fingerprint, FingerprintKey, KeyBound, ServerHash, ServerSum, SiteName, TableName,
};
use serde::{Deserialize, Serialize};

use crate::ddl;
use crate::error::{TargetError, of_state};
use crate::identity::has_state_table;
use crate::link::Link;
use crate::passes::{self, Noted, PassRecord, PassState};
use crate::schemas::Schemas;
use crate::writer::Unchanged;

/// A chunk as it was published: the rows above the chunk before, up to and including `upper`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkState {
    /// Key of its last row; `None` for the last chunk, which has no upper end.
    pub upper: Option<KeyBound>,
    /// Fingerprint of its rows.
    pub fingerprint: Fingerprint,
    /// Other hashes of them.
    pub marks: Marks,
}

/// Hashes of the rows of a chunk beside its fingerprint, by which a later pass may know them with less work. None of them
/// proves anything by itself: each was made of the very rows that have the fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The server's own hash of them, if it was asked for by the statement that read them.
    pub server: Option<ServerHash>,
    /// The sum of hashes of the rows as they came, before they were decoded, if nothing in them had to be replaced.
    pub cells: Option<u128>,
}

impl Marks {
    /// These, and where one is missing the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { server: self.server.or(other.server), cells: self.cells.or(other.cells) }
    }

    /// The marks of the rows of both, as far as both have them.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let server = match (self.server, other.server) {
            (Some(a), Some(b)) if a.recipe == b.recipe => Some(ServerHash { sum: a.sum.with(b.sum), ..a }),
            _ => None,
        };
        Self { server, cells: self.cells.zip(other.cells).map(|(a, b)| a.wrapping_add(b)) }
    }
}

/// Values of a column that were replaced, as counted when the table was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converted {
    /// Column.
    pub column: String,
    /// Rule, such as `invalid_date`.
    pub rule: String,
    /// Values.
    pub count: u64,
}

/// Why a table was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldState {
    /// Rule, such as `validate::row_count`.
    pub rule: String,
    /// Why, in counts.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// A table as it was last published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableState {
    /// Name on the target.
    pub name: String,
    /// Its columns and types in one text, by which a change of shape is noticed.
    pub shape: String,
    /// Columns by which chunks are cut.
    pub walk: Vec<String>,
    /// Fingerprint of all rows.
    pub fingerprint: Fingerprint,
    /// When it was last compared with the source, RFC 3339 UTC.
    pub last_checked_at: String,
    /// When a row was last written, RFC 3339 UTC.
    pub last_changed_at: String,
    /// When all of it was last proved equal to the source, RFC 3339 UTC.
    pub proved_at: String,
    /// Seconds since then, by the target's clock.
    pub proof_age_seconds: i64,
    /// What is known of the passes over it.
    pub pass: PassState,
    /// Values that were replaced.
    pub converted: Vec<Converted>,
    /// Why it is held, if it is.
    pub held: Option<HeldState>,
}

/// What is to be remembered of a table that is published.
#[derive(Debug, Clone)]
pub struct TableRecord {
    /// Name on the source.
    pub source_name: TableName,
    /// See [`TableState::shape`].
    pub shape: String,
    /// Columns by which chunks are cut.
    pub walk: Vec<ColumnName>,
    /// Chunks in key order.
    pub chunks: Vec<ChunkState>,
    /// Values that were replaced.
    pub converted: Vec<Converted>,
    /// The pass that found all this.
    pub pass: PassRecord,
}

impl TableRecord {
    /// Fingerprint of all rows.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut all = Fingerprint::default();
        for chunk in &self.chunks {
            all.merge(chunk.fingerprint);
        }
        all
    }
}

/// A finished run, as it is kept.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// Identifier of the run.
    pub run_id: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// `done`, `held`, ...
    pub outcome: String,
    /// Counts per table and the like; never values.
    pub record: serde_json::Value,
}

/// The head of a machine's audit log, kept in the database beside the record of a run: what was written to the log
/// before it can no longer be changed there in silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Which machine and folder keeps the log, as a digest.
    pub keeper: String,
    /// Name of the log.
    pub log: String,
    /// Place of its last entry.
    pub sequence: u64,
    /// Hash of its last entry.
    pub hash: String,
}

/// The key of the row hash and the type policy, fixed at enrolment.
#[derive(Debug, Clone)]
pub struct ProofSettings {
    /// Algorithm, see [`bicuspid_model::fingerprint::ALGORITHM`].
    pub algorithm: String,
    /// Key.
    pub key: FingerprintKey,
    /// Type policy by name.
    pub type_policy: String,
}

fn unreadable() -> TargetError {
    TargetError::Protocol { what: "the state in schema bicuspid" }
}

fn count(v: i64) -> Result<u64, TargetError> {
    u64::try_from(v).map_err(|_| unreadable())
}

fn sum(bytes: &[u8]) -> Result<u128, TargetError> {
    bytes.try_into().map(u128::from_be_bytes).map_err(|_| unreadable())
}

pub(crate) async fn proof_settings(link: &Link) -> Result<ProofSettings, TargetError> {
    let row = link
        .client
        .query_one(link.sql("SELECT algorithm, key, type_policy FROM {state}.proof_key").as_str(), &[])
        .await
        .map_err(|e| of_state(&e, "read the proof settings"))?;
    let key: Vec<u8> = row.try_get(1).map_err(|_| unreadable())?;
    Ok(ProofSettings {
        algorithm: row.try_get(0).map_err(|_| unreadable())?,
        key: FingerprintKey::new(key.try_into().map_err(|_| unreadable())?),
        type_policy: row.try_get(2).map_err(|_| unreadable())?,
    })
}

const RFC3339: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'";

pub(crate) async fn tables(link: &Link) -> Result<Vec<TableState>, TargetError> {
    let sql = format!(
        "SELECT table_name, shape, walk, row_count, row_sum, \
         to_char(last_checked_at AT TIME ZONE 'UTC', {RFC3339}), \
         to_char(last_changed_at AT TIME ZONE 'UTC', {RFC3339}), \
         to_char(proved_at AT TIME ZONE 'UTC', {RFC3339}), converted::text, held::text, \
         extract(epoch FROM now() - proved_at)::bigint \
         FROM {} ORDER BY table_name",
        link.sql("{state}.table_state")
    );
    let rows =
        link.client.query(&sql, &[]).await.map_err(|e| of_state(&e, "read the state of the tables"))?;
    let mut passes = passes::read(link).await?;
    rows.iter()
        .map(|row| {
            let text = |i: usize| row.try_get::<_, String>(i).map_err(|_| unreadable());
            let held: Option<String> = row.try_get(9).map_err(|_| unreadable())?;
            Ok(TableState {
                name: text(0)?,
                shape: text(1)?,
                walk: row.try_get(2).map_err(|_| unreadable())?,
                fingerprint: Fingerprint {
                    rows: count(row.try_get(3).map_err(|_| unreadable())?)?,
                    sum: sum(row.try_get(4).map_err(|_| unreadable())?)?,
                },
                last_checked_at: text(5)?,
                last_changed_at: text(6)?,
                proved_at: text(7)?,
                proof_age_seconds: row.try_get(10).map_err(|_| unreadable())?,
                pass: passes.remove(&text(0)?).unwrap_or_default(),
                converted: serde_json::from_str(&text(8)?).map_err(|_| unreadable())?,
                held: held.map(|h| serde_json::from_str(&h)).transpose().map_err(|_| unreadable())?,
            })
        })
        .collect()
}

pub(crate) async fn chunks(link: &Link, table: &str) -> Result<Vec<ChunkState>, TargetError> {
    Ok(numbered_chunks(link, table).await?.into_values().collect())
}

async fn numbered_chunks(link: &Link, table: &str) -> Result<BTreeMap<i32, ChunkState>, TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "read the chunks of a table");
    let sql = format!("{} WHERE table_name = $1", chunks_sql(link).await?);
    let chunks = link.client.known(&sql).await.map_err(fault)?;
    let rows = link.client.query(&chunks, &[&table]).await.map_err(fault)?;
    rows.iter().map(|row| Ok((row.try_get(3).map_err(|_| unreadable())?, chunk(row)?))).collect()
}

/// The chunk of each table that has no other, by the names of the tables.
pub(crate) async fn lone_chunks(link: &Link) -> Result<BTreeMap<String, ChunkState>, TargetError> {
    let sql = format!(
        "{} WHERE table_name IN (SELECT table_name FROM {} GROUP BY table_name HAVING count(*) = 1)",
        chunks_sql(link).await?,
        link.sql("{state}.chunk")
    );
    let rows =
        link.client.query(&sql, &[]).await.map_err(|e| of_state(&e, "read the chunks of small tables"))?;
    rows.iter().map(|row| Ok((row.try_get(7).map_err(|_| unreadable())?, chunk(row)?))).collect()
}

async fn chunks_sql(link: &Link) -> Result<String, TargetError> {
    let marks = if link.keeps_marks().await? {
        "server_sum, server_recipe, cell_sum"
    } else {
        "NULL::bytea, NULL::bytea, NULL::bytea"
    };
    Ok(format!(
        "SELECT upper_key, row_count, row_sum, ordinal, {marks}, table_name FROM {}",
        link.sql("{state}.chunk")
    ))
}

fn chunk(row: &tokio_postgres::Row) -> Result<ChunkState, TargetError> {
    let upper: Option<Vec<u8>> = row.try_get(0).map_err(|_| unreadable())?;
    let server =
        server_hash(row.try_get(4).map_err(|_| unreadable())?, row.try_get(5).map_err(|_| unreadable())?);
    let cells: Option<&[u8]> = row.try_get(6).map_err(|_| unreadable())?;
    Ok(ChunkState {
        upper: upper.map(|u| KeyBound::from_bytes(u).ok_or_else(unreadable)).transpose()?,
        fingerprint: Fingerprint {
            rows: count(row.try_get(1).map_err(|_| unreadable())?)?,
            sum: sum(row.try_get(2).map_err(|_| unreadable())?)?,
        },
        marks: Marks { server, cells: cells.and_then(|b| b.try_into().ok()).map(u128::from_be_bytes) },
    })
}

/// What is no hash is as good as none: the rows are read then.
fn server_hash(sum: Option<&[u8]>, recipe: Option<&[u8]>) -> Option<ServerHash> {
    let recipe = u64::from_be_bytes(recipe?.try_into().ok()?);
    Some(ServerHash { recipe, sum: ServerSum::from_bytes(sum?.try_into().ok()?) })
}

/// Writes the record of a table whose rows were written in the same transaction.
pub(crate) async fn record_table(
    link: &Link,
    table: &TableName,
    record: &TableRecord,
    run_id: &str,
    changed: bool,
) -> Result<(), TargetError> {
    let action = "write the state of a table";
    let fault = |e: tokio_postgres::Error| of_state(&e, action);
    let name = table.in_target();
    let name = name.as_str();
    let fingerprint = record.fingerprint();
    let walk: Vec<&str> = record.walk.iter().map(ColumnName::as_str).collect();
    let rows = i64::try_from(fingerprint.rows).map_err(|_| unreadable())?;
    let converted = serde_json::to_string(&record.converted).map_err(|_| unreadable())?;
    let state = link
        .known(
            "INSERT INTO {state}.table_state AS t (table_name, source_name, shape, walk, row_count, row_sum, \
             last_checked_at, last_changed_at, proved_at, run_id, converted, held) \
             VALUES ($1, $2, $3, $4, $5, $6, now(), now(), now(), $7, $8::text::jsonb, NULL) \
             ON CONFLICT (table_name) DO UPDATE SET source_name = excluded.source_name, shape = excluded.shape, \
             walk = excluded.walk, row_count = excluded.row_count, row_sum = excluded.row_sum, \
             last_checked_at = now(), proved_at = CASE WHEN $10 THEN now() ELSE t.proved_at END, \
             run_id = excluded.run_id, \
             last_changed_at = CASE WHEN $9 THEN now() ELSE t.last_changed_at END, \
             converted = excluded.converted, held = NULL",
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            &state,
            &[
                &name,
                &record.source_name.as_str(),
                &record.shape,
                &walk,
                &rows,
                &&fingerprint.sum_bytes()[..],
                &run_id,
                &converted,
                &changed,
                &record.pass.whole,
            ],
        )
        .await
        .map_err(fault)?;
    if changed {
        write_chunks(link, name, &record.chunks).await?;
    }
    let key = record.walk.first().map(ColumnName::as_str);
    let status = link
        .known(
            "INSERT INTO {raw}.etl_load_status AS s (table_name, primary_column_name, rows_loaded, load_status, \
             _loaded_at, last_loaded) \
             VALUES ($1, $2, least($3::bigint, 2147483647)::integer, 'success', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC') \
             ON CONFLICT (table_name) DO UPDATE SET primary_column_name = excluded.primary_column_name, \
             rows_loaded = excluded.rows_loaded, load_status = 'success', _loaded_at = excluded._loaded_at, \
             last_loaded = CASE WHEN $4 THEN excluded.last_loaded ELSE s.last_loaded END",
        )
        .await
        .map_err(fault)?;
    link.client.execute(&status, &[&name, &key, &rows, &changed]).await.map_err(fault)?;
    Ok(())
}

/// Remembers that tables were compared, in whole or in part, and found unchanged. No row of them is touched.
pub(crate) async fn record_unchanged(
    link: &Link,
    tables: &[Unchanged],
    run_id: &str,
) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "write the state of unchanged tables");
    let names: Vec<String> = tables.iter().map(|t| t.table.in_target().to_string()).collect();
    let whole: Vec<bool> = tables.iter().map(|t| t.pass.whole).collect();
    link.client
        .execute(
            link.sql(
                "UPDATE {state}.table_state AS t SET last_checked_at = now(), \
             proved_at = CASE WHEN u.whole THEN now() ELSE t.proved_at END, run_id = $3, held = NULL \
             FROM unnest($1::text[], $2::boolean[]) AS u (name, whole) WHERE t.table_name = u.name",
            )
            .as_str(),
            &[&names, &whole, &run_id],
        )
        .await
        .map_err(fault)?;
    let noted: Vec<Noted<'_>> = tables
        .iter()
        .map(|t| Noted { table: &t.table, pass: &t.pass, edits: 0, edits_unstamped: 0 })
        .collect();
    passes::record(link, &noted).await?;
    write_marks(link, tables).await?;
    link.client
        .execute(
            link.sql("UPDATE {raw}.etl_load_status SET load_status = 'success', _loaded_at = now() AT TIME ZONE 'UTC' \
             WHERE table_name = ANY ($1)").as_str(),
            &[&names],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

/// Marks of chunks, as they are stored: the server's sums, their recipes, the sums of cells.
type MarkColumns = (Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>);

fn mark_columns<'a>(marks: impl Iterator<Item = &'a Marks> + Clone) -> MarkColumns {
    (
        marks.clone().map(|m| m.server.map(|h| h.sum.to_bytes().to_vec())).collect(),
        marks.clone().map(|m| m.server.map(|h| h.recipe.to_be_bytes().to_vec())).collect(),
        marks.map(|m| m.cells.map(|sum| sum.to_be_bytes().to_vec())).collect(),
    )
}

/// Writes the marks of chunks that were read and found unchanged, each once.
async fn write_marks(link: &Link, tables: &[Unchanged]) -> Result<(), TargetError> {
    let fresh = tables.iter().flat_map(|t| t.marks.iter().map(|(place, marks)| (&t.table, *place, marks)));
    let fresh: Vec<_> = fresh.collect();
    for piece in fresh.chunks(1000) {
        let names: Vec<String> = piece.iter().map(|(t, _, _)| t.in_target().to_string()).collect();
        // Chunks are counted from one there.
        let ordinals = piece.iter().map(|(_, place, _)| i32::try_from(place + 1));
        let ordinals = ordinals.collect::<Result<Vec<_>, _>>().map_err(|_| unreadable())?;
        let (sums, recipes, cells) = mark_columns(piece.iter().map(|(_, _, marks)| *marks));
        link.client
            .execute(
                link.sql(
                    "UPDATE {state}.chunk AS c SET server_sum = m.s, server_recipe = m.r, cell_sum = m.c \
                 FROM unnest($1::text[], $2::integer[], $3::bytea[], $4::bytea[], $5::bytea[]) \
                 AS m (t, n, s, r, c) WHERE c.table_name = m.t AND c.ordinal = m.n",
                )
                .as_str(),
                &[&names, &ordinals, &sums, &recipes, &cells],
            )
            .await
            .map_err(|e| of_state(&e, "write the marks of chunks"))?;
    }
    Ok(())
}

/// Writes the cut of the chunks anew where the rows themselves did not change.
pub(crate) async fn record_chunks(
    link: &Link,
    table: &TableName,
    record: &TableRecord,
) -> Result<(), TargetError> {
    write_chunks(link, table.in_target().as_str(), &record.chunks).await
}

/// Writes the chunks that are not recorded as they are: of a long table most stay.
async fn write_chunks(link: &Link, name: &str, chunks: &[ChunkState]) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "write the chunks of a table");
    let mut recorded = numbered_chunks(link, name).await?;
    let mut fresh = Vec::new();
    for (ordinal, chunk) in (1_i32..).zip(chunks) {
        if recorded.get(&ordinal) == Some(chunk) {
            recorded.remove(&ordinal);
        } else {
            fresh.push((ordinal, chunk));
        }
    }
    let stale: Vec<i32> = recorded.into_keys().collect();
    if !stale.is_empty() {
        let sql = link.sql("DELETE FROM {state}.chunk WHERE table_name = $1 AND ordinal = ANY ($2)");
        link.client.execute(sql.as_str(), &[&name, &stale]).await.map_err(fault)?;
    }
    // A thousand at a time: one statement each would cost a round trip each.
    for piece in fresh.chunks(1000) {
        let ordinals: Vec<i32> = piece.iter().map(|(ordinal, _)| *ordinal).collect();
        let uppers: Vec<Option<&[u8]>> =
            piece.iter().map(|(_, c)| c.upper.as_ref().map(KeyBound::as_bytes)).collect();
        let counts: Vec<i64> = piece
            .iter()
            .map(|(_, c)| i64::try_from(c.fingerprint.rows))
            .collect::<Result<_, _>>()
            .map_err(|_| unreadable())?;
        let sums: Vec<Vec<u8>> = piece.iter().map(|(_, c)| c.fingerprint.sum_bytes().to_vec()).collect();
        let (hashes, recipes, cells) = mark_columns(piece.iter().map(|(_, c)| &c.marks));
        let insert = link
            .known(
                "INSERT INTO {state}.chunk (table_name, ordinal, upper_key, row_count, row_sum, server_sum, \
                 server_recipe, cell_sum) SELECT $1, c.n, c.u, c.r, c.s, c.h, c.e, c.c FROM \
                 unnest($2::integer[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[], \
                 $8::bytea[]) AS c (n, u, r, s, h, e, c)",
            )
            .await
            .map_err(fault)?;
        link.client
            .execute(&insert, &[&name, &ordinals, &uppers, &counts, &sums, &hashes, &recipes, &cells])
            .await
            .map_err(fault)?;
    }
    Ok(())
}

/// Remembers why a table is held; its data and its proof stay as they were.
pub(crate) async fn record_held(link: &Link, table: &TableName, held: &HeldState) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "write why a table is held");
    let name = table.in_target();
    let name = name.as_str();
    let text = serde_json::to_string(held).map_err(|_| unreadable())?;
    link.client
        .execute(
            link.sql("UPDATE {state}.table_state SET held = $2::text::jsonb WHERE table_name = $1").as_str(),
            &[&name, &text],
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            link.sql(
                "INSERT INTO {raw}.etl_load_status (table_name, load_status) VALUES ($1, 'failed') \
             ON CONFLICT (table_name) DO UPDATE SET load_status = 'failed'",
            )
            .as_str(),
            &[&name],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

/// The server that the copy is made from, `None` before anything of it was published.
pub(crate) async fn source_server(link: &Link) -> Result<Option<SourceServer>, TargetError> {
    if !has_state_table(link, "source_server").await? {
        return Ok(None);
    }
    source_server_in(link, link.schemas()).await
}

async fn source_server_in(link: &Link, schemas: &Schemas) -> Result<Option<SourceServer>, TargetError> {
    let sql =
        schemas.fill("SELECT server_uuid, machine, data_folder, database_name FROM {state}.source_server");
    let row = link
        .client
        .query_opt(sql.as_str(), &[])
        .await
        .map_err(|e| of_state(&e, "read which server the copy is made from"))?;
    row.map(|row| {
        Ok(SourceServer {
            uuid: row.try_get(0)?,
            machine: row.try_get(1)?,
            data_folder: row.try_get(2)?,
            database: row.try_get(3)?,
        })
    })
    .transpose()
    .map_err(|_: tokio_postgres::Error| unreadable())
}

/// State schemas beside ours whose source the account may read.
const OTHER_STATES: &str = "SELECT n.nspname::text FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid \
     WHERE n.nspname LIKE 'bicuspid\\_%' AND n.nspname <> $1 AND c.relname = 'source_server' AND c.relkind = 'r' \
     AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1";

/// The servers that the copies of other sites of the database are made from.
pub(crate) async fn sources_of_other_sites(
    link: &Link,
) -> Result<Vec<(SiteName, SourceServer)>, TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "read which servers the other sites are made from");
    let found = link.client.query(OTHER_STATES, &[&link.schemas().state_name()]).await.map_err(fault)?;
    let mut others = Vec::new();
    for row in &found {
        let schema: String = row.try_get(0).map_err(fault)?;
        let named = schema.strip_prefix("bicuspid_").map(SiteName::new);
        // Whatever else has such a name is no site of ours.
        let Some(Ok(site)) = named else { continue };
        if let Some(server) = source_server_in(link, &Schemas::of(Some(&site))).await? {
            others.push((site, server));
        }
    }
    Ok(others)
}

/// Remembers the server that the copy is made from, in place of another if there is one.
pub(crate) async fn record_source_server(link: &Link, server: &SourceServer) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "write which server the copy is made from");
    link.client.batch_execute(&link.sql(ddl::SOURCE_SERVER)).await.map_err(fault)?;
    link.client
        .execute(
            link.sql("INSERT INTO {state}.source_server AS s (server_uuid, machine, data_folder, database_name) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (only_one) DO UPDATE SET server_uuid = excluded.server_uuid, machine = excluded.machine, \
             data_folder = excluded.data_folder, database_name = excluded.database_name, known_since = now()").as_str(),
            &[&server.uuid, &server.machine, &server.data_folder, &server.database],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

/// The next numbers of the tables of the source at the last run; none before the first.
pub(crate) async fn next_numbers(link: &Link) -> Result<NextNumbers, TargetError> {
    if !has_state_table(link, "source_maximum").await? {
        return Ok(NextNumbers::new());
    }
    let rows = link
        .client
        .query(link.sql("SELECT table_name, auto_increment FROM {state}.source_maximum").as_str(), &[])
        .await
        .map_err(|e| of_state(&e, "read the numbers of the source"))?;
    rows.iter()
        .map(|row| {
            let next: i64 = row.try_get(1).map_err(|_| unreadable())?;
            Ok((row.try_get(0).map_err(|_| unreadable())?, count(next)?))
        })
        .collect()
}

/// Remembers the next numbers of the source's tables in the place of all that was remembered.
pub(crate) async fn record_next_numbers(link: &Link, numbers: &NextNumbers) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "write the numbers of the source");
    link.client.batch_execute(&link.sql(ddl::SOURCE_MAXIMUM)).await.map_err(fault)?;
    let names: Vec<&str> = numbers.keys().map(String::as_str).collect();
    let next = numbers.values().map(|next| i64::try_from(*next)).collect::<Result<Vec<i64>, _>>();
    link.client
        .execute(
            link.sql("DELETE FROM {state}.source_maximum WHERE table_name <> ALL ($1)").as_str(),
            &[&names],
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            link.sql(
                "INSERT INTO {state}.source_maximum AS m (table_name, auto_increment) \
             SELECT * FROM unnest($1::text[], $2::bigint[]) \
             ON CONFLICT (table_name) DO UPDATE SET auto_increment = excluded.auto_increment \
             WHERE m.auto_increment <> excluded.auto_increment",
            )
            .as_str(),
            &[&names, &next.map_err(|_| unreadable())?],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

/// Writes the record of a run, the last act before its commit.
pub(crate) async fn record_run(link: &Link, run: &RunRecord) -> Result<(), TargetError> {
    let mut record = run.record.clone();
    if let (Some(head), Some(fields)) = (link.anchor(), record.as_object_mut()) {
        fields.insert("audit_head".to_owned(), serde_json::to_value(head).map_err(|_| unreadable())?);
    }
    let record = serde_json::to_string(&record).map_err(|_| unreadable())?;
    link.client
        .execute(
            link.sql("INSERT INTO {state}.run (run_id, started_at, finished_at, outcome, record) \
             VALUES ($1, $2::text::timestamptz, now(), $3, $4::text::jsonb) \
             ON CONFLICT (run_id) DO UPDATE SET finished_at = now(), outcome = excluded.outcome, record = excluded.record").as_str(),
            &[&run.run_id, &run.started_at, &run.outcome, &record],
        )
        .await
        .map_err(|e| of_state(&e, "write the record of the run"))?;
    Ok(())
}

/// The heads of audit logs that were anchored with runs, oldest first.
pub(crate) async fn audit_heads(link: &Link) -> Result<Vec<AuditHead>, TargetError> {
    if !has_state_table(link, "run").await? {
        return Ok(Vec::new());
    }
    let rows = link
        .client
        .query(
            link.sql("SELECT (record -> 'audit_head')::text FROM {state}.run WHERE record ? 'audit_head' ORDER BY finished_at").as_str(),
            &[],
        )
        .await
        .map_err(|e| of_state(&e, "read the records of the runs"))?;
    rows.iter()
        .map(|row| {
            let head: String = row.try_get(0).map_err(|_| unreadable())?;
            serde_json::from_str(&head).map_err(|_| unreadable())
        })
        .collect()
}

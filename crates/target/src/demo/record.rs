//! The generation ledger: which generation wrote which rows, kept beside them and committed with them.

use std::collections::BTreeMap;

use bicuspid_model::fingerprint::ALGORITHM;
use bicuspid_model::{Date, Environment, Fingerprint, FingerprintKey, Table};
use serde::{Deserialize, Serialize};

use crate::ddl;
use crate::error::{TargetError, of_driver};
use crate::identity::{STATE_VERSION, ServerFacts, has_state_table};
use crate::link::Link;

/// The type policy of generated tables, as it is recorded.
const TYPE_POLICY: &str = "dbt";

/// The ledger's table. Rows are only ever added.
const LEDGER: &str = "
CREATE TABLE IF NOT EXISTS bicuspid.generation (
    ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL UNIQUE,
    generated_at timestamptz NOT NULL DEFAULT now(),
    patients bigint NOT NULL,
    seed numeric(20) NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    tool_version text NOT NULL,
    row_count bigint NOT NULL,
    tables jsonb NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}'
);
ALTER TABLE bicuspid.generation ADD COLUMN IF NOT EXISTS settings jsonb NOT NULL DEFAULT '{}'";

/// One generation: what it was made from, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Identifier of the run.
    pub run_id: String,
    /// When the run began, RFC 3339 UTC.
    pub started_at: String,
    /// Patients on file.
    pub patients: u32,
    /// Seed.
    pub seed: u64,
    /// First day of the history.
    pub start_date: Date,
    /// The as-of date.
    pub end_date: Date,
    /// Further settings of the practice, by name; ledgers of older versions have none.
    pub settings: BTreeMap<String, String>,
    /// Version of the program.
    pub tool_version: String,
    /// Tables that were filled, in the order of their names.
    pub tables: Vec<GeneratedTable>,
}

impl Generation {
    /// What was written into a table.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&GeneratedTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// A table that a generation filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratedTable {
    /// Name in `raw`.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Digest of the rows as the practice made them, 32 hexadecimal digits: the same on every server.
    pub digest: String,
    /// Sum of the keyed hashes of the rows as the server returns them, 32 hexadecimal digits. Set by the writer.
    #[serde(default)]
    pub(super) row_sum: String,
}

impl GeneratedTable {
    /// A table with its rows and the digest that the practice gives.
    #[must_use]
    pub fn new(name: &str, rows: u64, digest: u128) -> Self {
        Self { name: name.to_owned(), rows, digest: hex(digest), row_sum: String::new() }
    }

    /// The fingerprint that the table must have. A sum that cannot be read equals no table.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        match u128::from_str_radix(&self.row_sum, 16) {
            Ok(sum) => Fingerprint { rows: self.rows, sum },
            Err(_) => Fingerprint { rows: u64::MAX, sum: 0 },
        }
    }
}

/// 32 hexadecimal digits.
pub(super) fn hex(sum: u128) -> String {
    format!("{sum:032x}")
}

fn unreadable() -> TargetError {
    TargetError::Protocol { what: "the generation ledger" }
}

fn stored(count: u64) -> Result<i64, TargetError> {
    i64::try_from(count).map_err(|_| unreadable())
}

/// The last generation, `None` before the first.
pub(super) async fn latest(link: &Link) -> Result<Option<Generation>, TargetError> {
    let fault = |e: tokio_postgres::Error| of_driver(&e, "read the generation ledger");
    if !has_state_table(link, "generation").await? {
        return Ok(None);
    }
    let row = link
        .client
        .query_opt(
            "SELECT run_id, to_char(generated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), patients, \
             seed::text, start_date::text, end_date::text, tool_version, tables::text, \
             coalesce(to_jsonb(g) ->> 'settings', '{}') FROM bicuspid.generation g ORDER BY ordinal DESC LIMIT 1",
            &[],
        )
        .await
        .map_err(fault)?;
    let Some(row) = row else { return Ok(None) };
    let text = |i: usize| row.try_get::<_, String>(i).map_err(|_| unreadable());
    let patients: i64 = row.try_get(2).map_err(|_| unreadable())?;
    Ok(Some(Generation {
        run_id: text(0)?,
        started_at: text(1)?,
        patients: u32::try_from(patients).map_err(|_| unreadable())?,
        seed: text(3)?.parse().map_err(|_| unreadable())?,
        start_date: Date::parse(&text(4)?).ok_or_else(unreadable)?,
        end_date: Date::parse(&text(5)?).ok_or_else(unreadable)?,
        settings: serde_json::from_str(&text(8)?).map_err(|_| unreadable())?,
        tool_version: text(6)?,
        tables: serde_json::from_str(&text(7)?).map_err(|_| unreadable())?,
    }))
}

/// Adds a generation to the ledger.
pub(super) async fn append(link: &Link, generation: &Generation) -> Result<(), TargetError> {
    let tables = serde_json::to_string(&generation.tables).map_err(|_| unreadable())?;
    let settings = serde_json::to_string(&generation.settings).map_err(|_| unreadable())?;
    link.client
        .execute(
            "INSERT INTO bicuspid.generation (run_id, patients, seed, start_date, end_date, tool_version, row_count, \
             tables, settings) VALUES ($1, $2, $3::text::numeric, $4::text::date, $5::text::date, $6, $7, \
             $8::text::jsonb, $9::text::jsonb)",
            &[
                &generation.run_id,
                &i64::from(generation.patients),
                &generation.seed.to_string(),
                &generation.start_date.to_string(),
                &generation.end_date.to_string(),
                &generation.tool_version,
                &stored(generation.rows())?,
                &tables,
                &settings,
            ],
        )
        .await
        .map_err(|e| of_driver(&e, "write the generation ledger"))?;
    Ok(())
}

/// Makes the state's tables, and writes the marker and the proof settings of a database that has none. Those that are
/// there stay as they are.
pub(super) async fn enrol(
    link: &Link,
    facts: &ServerFacts,
    key: &FingerprintKey,
    tool_version: &str,
) -> Result<(), TargetError> {
    for (sql, action) in [
        (ddl::STATE_SCHEMA, "make schema bicuspid (CREATE on the database is needed)"),
        (ddl::RAW_SCHEMA, "make schema raw (CREATE on the database is needed)"),
        (LEDGER, "make the generation ledger"),
    ] {
        link.run(&link.sql(sql), action).await?;
    }
    let fault = |e: tokio_postgres::Error| of_driver(&e, "enrol the demo database");
    link.client
        .execute(
            "INSERT INTO bicuspid.identity (environment, database_name, system_identifier, database_oid, tool_version, \
             state_version) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            &[
                &Environment::Demo.name(),
                &facts.database,
                &facts.system_identifier.to_string(),
                &i64::from(facts.oid),
                &tool_version,
                &STATE_VERSION,
            ],
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            "INSERT INTO bicuspid.proof_key (algorithm, key, type_policy) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[&ALGORITHM, &&key.bytes()[..], &TYPE_POLICY],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

/// Writes the state of all tables at once, as `status` and the pipelines behind `raw.etl_load_status` read it.
pub(super) async fn tables(
    link: &Link,
    tables: &[(&Table, Fingerprint)],
    run_id: &str,
) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_driver(&e, "write the state of the tables");
    let names: Vec<String> = tables.iter().map(|(t, _)| t.name.in_target().to_string()).collect();
    let shapes: Vec<String> = tables.iter().map(|(t, _)| shape(t)).collect();
    let keys: Vec<Option<String>> =
        tables.iter().map(|(t, _)| t.key_columns().next().map(|c| c.name.to_string())).collect();
    let counts: Vec<i64> = tables.iter().map(|(_, f)| stored(f.rows)).collect::<Result<_, _>>()?;
    let sums: Vec<Vec<u8>> = tables.iter().map(|(_, f)| f.sum_bytes().to_vec()).collect();
    link.client
        .execute(
            "INSERT INTO bicuspid.table_state (table_name, source_name, shape, walk, row_count, row_sum, \
             last_checked_at, last_changed_at, proved_at, run_id) \
             SELECT t.name, t.name, t.shape, array_remove(ARRAY[t.key], NULL), t.rows, t.sum, now(), now(), now(), $6 \
             FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[]) AS t (name, shape, key, rows, sum) \
             ON CONFLICT (table_name) DO UPDATE SET shape = excluded.shape, walk = excluded.walk, \
             row_count = excluded.row_count, row_sum = excluded.row_sum, last_checked_at = now(), \
             last_changed_at = now(), proved_at = now(), run_id = excluded.run_id, held = NULL",
            &[&names, &shapes, &keys, &counts, &sums, &run_id],
        )
        .await
        .map_err(fault)?;
    link.client
        .execute("DELETE FROM bicuspid.chunk WHERE table_name = ANY ($1)", &[&names])
        .await
        .map_err(fault)?;
    link.client
        .execute(
            "INSERT INTO bicuspid.chunk (table_name, ordinal, upper_key, row_count, row_sum) \
             SELECT t.name, 0, NULL, t.rows, t.sum FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS t (name, rows, sum)",
            &[&names, &counts, &sums],
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            "INSERT INTO raw.etl_load_status (table_name, primary_column_name, rows_loaded, load_status, _loaded_at, \
             last_loaded) \
             SELECT t.name, t.key, least(t.rows, 2147483647)::integer, 'success', now() AT TIME ZONE 'UTC', \
             now() AT TIME ZONE 'UTC' FROM unnest($1::text[], $2::text[], $3::bigint[]) AS t (name, key, rows) \
             ON CONFLICT (table_name) DO UPDATE SET primary_column_name = excluded.primary_column_name, \
             rows_loaded = excluded.rows_loaded, load_status = 'success', _loaded_at = excluded._loaded_at, \
             last_loaded = excluded.last_loaded",
            &[&names, &keys, &counts],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

/// Columns and types in one text.
fn shape(table: &Table) -> String {
    let lines: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let null = if c.nullable { "" } else { " not null" };
            format!("{:?} generated -> {}{null}", c.name.as_str(), c.target)
        })
        .collect();
    lines.join("\n")
}

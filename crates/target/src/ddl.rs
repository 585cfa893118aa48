//! Texts of statements, made of identifiers, types and key literals alone. `{raw}` and `{state}` in a constant stand for
//! the schemas of the copy, which [`Schemas::fill`] puts there.

use std::fmt::Write as _;

use bicuspid_model::key::KeyBound;
use bicuspid_model::{Column, Table, TargetType, Value, codec};

use crate::schemas::Schemas;

/// The column that says when a row was last written.
pub(crate) const LOADED_AT: &str = "_loaded_at";

/// Everything between servers and people that Bicuspid keeps beside the data.
pub(crate) const STATE_SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS {state};
CREATE TABLE IF NOT EXISTS {state}.identity (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    environment text NOT NULL,
    database_name text NOT NULL,
    system_identifier text NOT NULL,
    database_oid bigint NOT NULL,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    tool_version text NOT NULL,
    state_version integer NOT NULL,
    site text
);
CREATE TABLE IF NOT EXISTS {state}.proof_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    algorithm text NOT NULL,
    key bytea NOT NULL,
    type_policy text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {state}.table_state (
    table_name text PRIMARY KEY,
    source_name text NOT NULL,
    shape text NOT NULL,
    walk text[] NOT NULL,
    row_count bigint NOT NULL,
    row_sum bytea NOT NULL,
    last_checked_at timestamptz NOT NULL,
    last_changed_at timestamptz NOT NULL,
    proved_at timestamptz NOT NULL,
    run_id text NOT NULL,
    converted jsonb NOT NULL DEFAULT '[]',
    held jsonb
);
CREATE TABLE IF NOT EXISTS {state}.chunk (
    table_name text NOT NULL REFERENCES {state}.table_state ON DELETE CASCADE,
    ordinal integer NOT NULL,
    upper_key bytea,
    row_count bigint NOT NULL,
    row_sum bytea NOT NULL,
    server_sum bytea,
    server_recipe bytea,
    cell_sum bytea,
    PRIMARY KEY (table_name, ordinal)
);
CREATE TABLE IF NOT EXISTS {state}.run (
    run_id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL,
    record jsonb NOT NULL
);
REVOKE ALL ON SCHEMA {state} FROM PUBLIC;
";

/// What is known of the passes over each table. Apart from the others, because it was added to them later.
pub(crate) const TABLE_PASS: &str = "
CREATE TABLE IF NOT EXISTS {state}.table_pass (
    table_name text PRIMARY KEY REFERENCES {state}.table_state ON DELETE CASCADE,
    proof_ms bigint,
    stamp_column text,
    stamp_seen timestamp,
    clock_here timestamp,
    clock_utc timestamp,
    edits bigint NOT NULL DEFAULT 0,
    edits_unstamped bigint NOT NULL DEFAULT 0,
    by_hash boolean NOT NULL DEFAULT false,
    rows_read_at timestamptz
)";

/// What copies begun by older versions lack: marks of each chunk, and what they were used for.
pub(crate) const MARKS: &str = "
ALTER TABLE {state}.chunk ADD COLUMN IF NOT EXISTS server_sum bytea,
    ADD COLUMN IF NOT EXISTS server_recipe bytea,
    ADD COLUMN IF NOT EXISTS cell_sum bytea;
ALTER TABLE {state}.table_pass ADD COLUMN IF NOT EXISTS by_hash boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS rows_read_at timestamptz";

/// Types of columns that were kept when their table was taken over.
pub(crate) const KEPT_TYPE: &str = "
CREATE TABLE IF NOT EXISTS {state}.kept_type (
    table_name text NOT NULL,
    column_name text NOT NULL,
    type text NOT NULL,
    PRIMARY KEY (table_name, column_name)
)";

/// The server that the copy is made from. Apart from the others, because it was added to them later.
pub(crate) const SOURCE_SERVER: &str = "
CREATE TABLE IF NOT EXISTS {state}.source_server (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    server_uuid text,
    machine text NOT NULL,
    data_folder text NOT NULL,
    database_name text NOT NULL,
    known_since timestamptz NOT NULL DEFAULT now()
)";

/// The next numbers of the tables of the source at the last run, apart for the same reason.
pub(crate) const SOURCE_MAXIMUM: &str = "
CREATE TABLE IF NOT EXISTS {state}.source_maximum (
    table_name text PRIMARY KEY,
    auto_increment bigint NOT NULL
)";

/// Tables whose first load was begun, by which `status` says how far it is; apart for the same reason.
pub(crate) const EXPECTED_TABLE: &str = "
CREATE TABLE IF NOT EXISTS {state}.expected_table (
    table_name text PRIMARY KEY
)";

/// What dbt projects over Open Dental read and write beside the data: the load status that we keep, and the
/// transform status that their hooks fill.
pub(crate) const RAW_SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS {raw};
CREATE TABLE IF NOT EXISTS {raw}.etl_load_status (
    id serial PRIMARY KEY,
    table_name varchar(255) NOT NULL UNIQUE,
    last_primary_value varchar(255),
    primary_column_name varchar(255),
    rows_loaded integer DEFAULT 0,
    load_status varchar(50) DEFAULT 'pending',
    _loaded_at timestamp,
    last_loaded timestamp
);
CREATE TABLE IF NOT EXISTS {raw}.etl_transform_status (
    id serial PRIMARY KEY,
    table_name varchar(255) NOT NULL UNIQUE,
    last_transformed timestamp,
    last_primary_value varchar(255),
    primary_column_name varchar(255),
    rows_transformed integer DEFAULT 0,
    transform_status varchar(50) DEFAULT 'pending',
    _transformed_at timestamp
);
";

/// The column names, quoted, in the order of the canonical row.
pub(crate) fn columns(table: &Table, prefix: &str) -> String {
    let mut list = String::new();
    for (i, column) in table.columns.iter().enumerate() {
        let _ = write!(list, "{}{prefix}{}", if i == 0 { "" } else { ", " }, column.name.postgres());
    }
    list
}

/// The same as expressions that can be compared by image with columns of the copy's own types: a text that another tool
/// made has another type.
pub(crate) fn images(table: &Table, prefix: &str) -> String {
    let item = |column: &Column| {
        let cast = if column.target == TargetType::Text { "::text" } else { "" };
        format!("{prefix}{}{cast}", column.name.postgres())
    };
    table.columns.iter().map(item).collect::<Vec<_>>().join(", ")
}

fn column(column: &Column, in_key: bool) -> String {
    let null = if column.nullable && !in_key { "" } else { " NOT NULL" };
    format!("{} {}{null}", column.name.postgres(), column.target)
}

/// The definitions of the table's columns, without `_loaded_at`.
pub(crate) fn definitions(table: &Table) -> String {
    let list: Vec<String> =
        table.columns.iter().enumerate().map(|(i, c)| column(c, table.primary_key.contains(&i))).collect();
    list.join(", ")
}

/// `CREATE TABLE` in the schema of the rows; the key comes after the rows.
pub(crate) fn create(schemas: &Schemas, table: &Table) -> String {
    format!(
        "CREATE TABLE {} ({}, {LOADED_AT} timestamptz NOT NULL DEFAULT now())",
        schemas.table(table),
        definitions(table)
    )
}

/// `ALTER TABLE ... ADD PRIMARY KEY`, `None` for a table without one.
pub(crate) fn primary_key(schemas: &Schemas, table: &Table) -> Option<String> {
    let columns: Vec<String> = table.key_columns().map(|c| c.name.postgres().to_string()).collect();
    (!columns.is_empty())
        .then(|| format!("ALTER TABLE {} ADD PRIMARY KEY ({})", schemas.table(table), columns.join(", ")))
}

/// `COPY ... FROM STDIN` into a table with these columns.
pub(crate) fn copy_in(into: &str, table: &Table) -> String {
    format!("COPY {into} ({}) FROM STDIN (FORMAT binary)", columns(table, ""))
}

/// `COPY (...) TO STDOUT` of the rows that a condition picks ("" for all).
pub(crate) fn copy_out(schemas: &Schemas, table: &Table, condition: &str) -> String {
    let filter = if condition.is_empty() { String::new() } else { format!(" WHERE {condition}") };
    format!(
        "COPY (SELECT {} FROM {}{filter}) TO STDOUT (FORMAT binary)",
        columns(table, ""),
        schemas.table(table)
    )
}

/// A literal of the types in which source and target order keys alike, `None` for any other.
fn literal(target: TargetType, field: &[u8]) -> Option<String> {
    Some(match (target, codec::decode(target, field)?) {
        (TargetType::Int2 | TargetType::Int4 | TargetType::Int8, Value::Int(v)) => format!("'{v}'::{target}"),
        (TargetType::Numeric { .. }, Value::Decimal(v)) => format!("'{v}'::numeric"),
        (TargetType::Date, Value::Date(v)) => format!("'{v}'::date"),
        (TargetType::Timestamp, Value::DateTime(v)) => format!("'{v}'::timestamp"),
        (TargetType::Bytea, Value::Bytes(v)) => {
            let mut text = String::from("'\\x");
            for byte in v {
                let _ = write!(text, "{byte:02x}");
            }
            text.push_str("'::bytea");
            text
        }
        _ => return None,
    })
}

/// `prefix.key > after AND prefix.key <= up_to` as row comparisons over the key columns. `None` if a bound cannot be
/// written.
pub(crate) fn range(
    key: &[&Column],
    prefix: &str,
    after: Option<&KeyBound>,
    up_to: Option<&KeyBound>,
) -> Option<String> {
    let names: Vec<String> = key.iter().map(|c| format!("{prefix}{}", c.name.postgres())).collect();
    let side = |bound: &KeyBound, operator: &str| -> Option<String> {
        let literals =
            key.iter().zip(bound.fields()).map(|(c, f)| literal(c.target, f)).collect::<Option<Vec<_>>>()?;
        (literals.len() == key.len())
            .then(|| format!("({}) {operator} ({})", names.join(", "), literals.join(", ")))
    };
    let mut parts = Vec::new();
    if let Some(after) = after {
        parts.push(side(after, ">")?);
    }
    if let Some(up_to) = up_to {
        parts.push(side(up_to, "<=")?);
    }
    Some(parts.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::{Batch, ColumnName, SourceType, TableName};

    fn table() -> Table {
        let column = |name: &str, source: SourceType, nullable| Column {
            name: ColumnName::new(name).unwrap(),
            target: TargetType::of(&source),
            source,
            nullable,
            withheld: false,
        };
        Table {
            name: TableName::new("Odd \"table\"").unwrap(),
            columns: vec![
                column("A", SourceType::BigInt { unsigned: false }, false),
                column("b\"c", SourceType::Date, true),
                column("Note", SourceType::Text(bicuspid_model::Charset::Utf8), false),
            ],
            primary_key: vec![1, 0],
        }
    }

    #[test]
    fn names_are_quoted_and_keys_are_not_null() {
        assert_eq!(
            create(&Schemas::alone(), &table()),
            "CREATE TABLE \"raw\".\"odd \"\"table\"\"\" (\"A\" bigint NOT NULL, \"b\"\"c\" date NOT NULL, \"Note\" text NOT \
             NULL, _loaded_at timestamptz NOT NULL DEFAULT now())"
        );
        assert_eq!(
            primary_key(&Schemas::alone(), &table()).unwrap(),
            "ALTER TABLE \"raw\".\"odd \"\"table\"\"\" ADD PRIMARY KEY (\"b\"\"c\", \"A\")"
        );
    }

    #[test]
    fn ranges_are_row_comparisons_of_safe_literals() {
        let table = table();
        let mut batch = Batch::new();
        batch.begin_row(3);
        batch.int8(-7);
        batch.date(bicuspid_model::Date::from_ymd(2024, 2, 29).unwrap());
        assert!(batch.raw(b"x'; --"));
        assert!(batch.end_row());
        let key: Vec<&Column> = table.key_columns().collect();
        let bound = KeyBound::of_row(batch.bytes(), &table.primary_key).unwrap();
        assert_eq!(
            range(&key, "t.", None, Some(&bound)).unwrap(),
            "(t.\"b\"\"c\", t.\"A\") <= ('2024-02-29'::date, '-7'::bigint)"
        );
        assert_eq!(range(&key, "t.", None, None).unwrap(), "");
        let text_key = [&table.columns[2]];
        let text = KeyBound::of_row(batch.bytes(), &[2]).unwrap();
        assert_eq!(
            range(&text_key, "", Some(&text), None),
            None,
            "texts order differently on the two servers"
        );
    }
}

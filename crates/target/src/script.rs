//! The tables of a practice as a script for psql, for files that are loaded without Bicuspid.

use std::fmt::Write as _;

use bicuspid_model::{Column, Table, TargetType};

use crate::ddl;
use crate::schemas::Schemas;

/// The column by which rows of one patient are kept together.
const PATIENT: &str = "PatNum";
/// The table with which the others are co-located.
const PATIENTS: &str = "patient";

/// How the tables of a script are spread over servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// Not at all: plain PostgreSQL.
    #[default]
    None,
    /// On Citus: the rows of a patient are on one server, whatever table they are in, and tables without a patient are on
    /// all of them.
    ByPatient,
}

/// Statements that make these tables in schema `raw`, empty, with their keys, in one transaction. There is no `_loaded_at`:
/// the tables have the columns of generated files and no others.
///
/// Citus takes a key only if it holds the column by which a table is spread, so there `PatNum` is added to the keys that
/// lack it. The functions are those of Citus 10 and later, as its documentation describes them; none was there to run them.
#[must_use]
pub fn tables_script(tables: &[Table], spread: Spread) -> String {
    let schemas = Schemas::alone();
    let mut script = format!("BEGIN;\nCREATE SCHEMA IF NOT EXISTS \"{}\";\n", schemas.raw_name());
    for table in tables {
        let _ = writeln!(script, "CREATE TABLE {} ({});", schemas.table(table), ddl::definitions(table));
        let mut key: Vec<&Column> = table.key_columns().collect();
        let patient = table.columns.iter().find(|column| is_patient(column));
        if let (Spread::ByPatient, Some(patient)) = (spread, patient)
            && !key.is_empty()
            && !key.iter().any(|column| is_patient(column))
        {
            key.push(patient);
        }
        if !key.is_empty() {
            let names: Vec<String> = key.iter().map(|column| column.name.postgres().to_string()).collect();
            let _ = writeln!(
                script,
                "ALTER TABLE {} ADD PRIMARY KEY ({});",
                schemas.table(table),
                names.join(", ")
            );
        }
    }
    if spread == Spread::ByPatient {
        distribute(&mut script, &schemas, tables);
    }
    script.push_str("COMMIT;\n");
    script
}

/// The patients first: what is co-located with a table needs it to be distributed.
fn distribute(script: &mut String, schemas: &Schemas, tables: &[Table]) {
    let quoted = |table: &Table| schemas.table(table).replace('\'', "''");
    let patients = tables.iter().find(|table| table.name.as_str() == PATIENTS);
    let others = tables.iter().filter(|table| table.name.as_str() != PATIENTS);
    for table in patients.into_iter().chain(others) {
        let name = quoted(table);
        let _ = match patients {
            _ if !table.columns.iter().any(is_patient) => {
                writeln!(script, "SELECT create_reference_table('{name}');")
            }
            Some(patients) if patients.name != table.name => writeln!(
                script,
                "SELECT create_distributed_table('{name}', '{PATIENT}', colocate_with => '{}');",
                quoted(patients)
            ),
            _ => writeln!(script, "SELECT create_distributed_table('{name}', '{PATIENT}');"),
        };
    }
}

/// Tables can be co-located by columns of one type alone.
fn is_patient(column: &Column) -> bool {
    column.name.as_str() == PATIENT && column.target == TargetType::Int8
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::{ColumnName, SourceType, TableName};

    fn table(name: &str, columns: &[&str], primary_key: Vec<usize>) -> Table {
        let column = |name: &&str| Column {
            name: ColumnName::new(*name).unwrap(),
            target: TargetType::Int8,
            source: SourceType::BigInt { unsigned: false },
            nullable: true,
            withheld: false,
        };
        Table {
            name: TableName::new(name).unwrap(),
            columns: columns.iter().map(column).collect(),
            primary_key,
        }
    }

    #[test]
    fn keys_hold_the_column_by_which_a_table_is_spread() {
        let tables = [
            table("carrier", &["CarrierNum"], vec![0]),
            table("patient", &["PatNum"], vec![0]),
            table("it's", &["PatNum", "Num"], vec![1]),
            table("bag", &["PatNum"], vec![]),
        ];
        assert_eq!(
            tables_script(&tables, Spread::ByPatient),
            "BEGIN;\n\
             CREATE SCHEMA IF NOT EXISTS \"raw\";\n\
             CREATE TABLE \"raw\".\"carrier\" (\"CarrierNum\" bigint NOT NULL);\n\
             ALTER TABLE \"raw\".\"carrier\" ADD PRIMARY KEY (\"CarrierNum\");\n\
             CREATE TABLE \"raw\".\"patient\" (\"PatNum\" bigint NOT NULL);\n\
             ALTER TABLE \"raw\".\"patient\" ADD PRIMARY KEY (\"PatNum\");\n\
             CREATE TABLE \"raw\".\"it's\" (\"PatNum\" bigint, \"Num\" bigint NOT NULL);\n\
             ALTER TABLE \"raw\".\"it's\" ADD PRIMARY KEY (\"Num\", \"PatNum\");\n\
             CREATE TABLE \"raw\".\"bag\" (\"PatNum\" bigint);\n\
             SELECT create_distributed_table('\"raw\".\"patient\"', 'PatNum');\n\
             SELECT create_reference_table('\"raw\".\"carrier\"');\n\
             SELECT create_distributed_table('\"raw\".\"it''s\"', 'PatNum', colocate_with => '\"raw\".\"patient\"');\n\
             SELECT create_distributed_table('\"raw\".\"bag\"', 'PatNum', colocate_with => '\"raw\".\"patient\"');\n\
             COMMIT;\n"
        );
        let plain = tables_script(&tables, Spread::None);
        assert!(plain.contains("\"it's\" ADD PRIMARY KEY (\"Num\");") && !plain.contains("SELECT"));
    }
}

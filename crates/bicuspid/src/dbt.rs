//! The tables of `raw` as dbt wants them described: a sources.yml with freshness and with tests that hold.
//!
//! A test fails hard where the valve itself answers for it, and warns where only the clinic's own data can: orphans are
//! ordinary in a database that knows no foreign keys. Everything is of dbt's own; no package and no macro is needed.

mod sites;
mod words;

use std::fmt::Write as _;

use bicuspid_opendental::{TypePolicy, facts, is_secret, model_table};
use bicuspid_target::{ListedColumn, ListedTable};

use crate::cli::VERSION;
use crate::settings::Config;

pub(crate) use sites::{OfSite, describe as describe_sites, views};

/// The beginning of every file that is written, by which one that is not ours is known.
pub(crate) const MARK: &str = "# Written by `bicuspid dbt sources`";

/// Name of the column that says when a row was written.
const LOADED_AT: &str = "_loaded_at";

/// The table that says when each table was last checked.
const LOAD_STATUS: &str = "etl_load_status";
/// The table that dbt's own hooks fill.
const TRANSFORM_STATUS: &str = "etl_transform_status";

/// Columns of the status tables, as `sync` and `generate` make them; a test compares them with a database.
const STATUS: [(&str, &[(&str, &str)]); 2] = [
    (
        LOAD_STATUS,
        &[
            ("id", "integer"),
            ("table_name", "character varying(255)"),
            ("last_primary_value", "character varying(255)"),
            ("primary_column_name", "character varying(255)"),
            ("rows_loaded", "integer"),
            ("load_status", "character varying(50)"),
            (LOADED_AT, "timestamp without time zone"),
            ("last_loaded", "timestamp without time zone"),
        ],
    ),
    (
        TRANSFORM_STATUS,
        &[
            ("id", "integer"),
            ("table_name", "character varying(255)"),
            ("last_transformed", "timestamp without time zone"),
            ("last_primary_value", "character varying(255)"),
            ("primary_column_name", "character varying(255)"),
            ("rows_transformed", "integer"),
            ("transform_status", "character varying(50)"),
            ("_transformed_at", "timestamp without time zone"),
        ],
    ),
];

/// A text for dbt, and what is in it.
#[derive(Debug)]
pub(crate) struct Sources {
    /// The file.
    pub(crate) text: String,
    /// Tables that are described.
    pub(crate) tables: usize,
    /// Tests that are asked for.
    pub(crate) tests: usize,
    /// Tables and columns with names that dbt would take for something else.
    pub(crate) left_out: Vec<String>,
}

/// Open Dental's tables as a copy under these settings has them.
pub(crate) fn stock_tables(config: &Config) -> Vec<ListedTable> {
    let stock = facts().tables().iter().filter(|table| table.stock);
    let copied = stock.filter(|table| {
        let is_named = |name: &String| name.eq_ignore_ascii_case(table.name);
        config.tables_included.as_ref().is_none_or(|names| names.iter().any(is_named))
            && !config.tables_excluded.iter().any(is_named)
    });
    let mut tables: Vec<ListedTable> = copied.filter_map(|table| stock_table(table.name, config)).collect();
    for (name, columns) in STATUS {
        let column = |(name, type_text): &(&str, &str)| ListedColumn {
            name: (*name).to_owned(),
            type_text: (*type_text).to_owned(),
        };
        tables.push(ListedTable {
            name: name.to_owned(),
            columns: columns.iter().map(column).collect(),
            primary_key: vec!["id".to_owned()],
        });
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

fn stock_table(name: &str, config: &Config) -> Option<ListedTable> {
    let table = model_table(name, config.type_policy)?;
    let column = |column: &bicuspid_model::Column| {
        let path = format!("{name}.{}", column.name.as_str());
        let chosen = config.column_types.iter().find(|(chosen, _)| chosen.eq_ignore_ascii_case(&path));
        let target = chosen.map_or(column.target, |(_, target)| *target);
        ListedColumn { name: column.name.to_string(), type_text: target.to_string() }
    };
    let mut columns: Vec<ListedColumn> = table.columns.iter().map(column).collect();
    columns
        .push(ListedColumn { name: LOADED_AT.to_owned(), type_text: "timestamp with time zone".to_owned() });
    Some(ListedTable {
        name: table.name.to_string(),
        columns,
        primary_key: table.key_columns().map(|column| column.name.to_string()).collect(),
    })
}

/// Describes the tables as a source of this name. `of` says for people where the tables were looked up.
pub(crate) fn describe(tables: &[ListedTable], name: &str, schema: &str, of: &str) -> Sources {
    let mut left_out = Vec::new();
    let speakable: Vec<ListedTable> =
        tables.iter().filter_map(|table| speakable(table, &mut left_out)).collect();
    let mut file = File { text: String::new(), tests: 0, source: name, schema, tables: &speakable };
    file.mark(of);
    file.line(0, "version: 2");
    file.line(0, "sources:");
    file.source();
    for table in &speakable {
        file.table(table);
    }
    Sources { text: file.text, tables: speakable.len(), tests: file.tests, left_out }
}

/// The table without columns whose names dbt cannot carry: it quotes them without escaping, and reads `{{` as a
/// template.
fn speakable(table: &ListedTable, left_out: &mut Vec<String>) -> Option<ListedTable> {
    let can_be_said = |name: &str| {
        !name.contains(['"', '\'', '\\']) && !["{{", "{%", "{#"].iter().any(|mark| name.contains(mark))
    };
    if !can_be_said(&table.name) {
        left_out.push(table.name.clone());
        return None;
    }
    let mut table = table.clone();
    table.columns.retain(|column| {
        let is_said = can_be_said(&column.name);
        if !is_said {
            left_out.push(format!("{}.{}", table.name, column.name));
        }
        is_said
    });
    if !table.primary_key.iter().all(|name| can_be_said(name)) {
        table.primary_key.clear();
    }
    Some(table)
}

/// A file that is being written.
struct File<'a> {
    text: String,
    tests: usize,
    source: &'a str,
    schema: &'a str,
    tables: &'a [ListedTable],
}

impl File<'_> {
    fn line(&mut self, indent: usize, text: &str) {
        // A String takes everything.
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    fn mark(&mut self, of: &str) {
        self.line(0, &format!("{MARK} {VERSION} {of}."));
        self.line(0, "# Write it anew when tables come or go; what is changed here by hand is lost then.");
        self.line(
            0,
            "# dbt 1.10.6 or later: freshness by query, and arguments of tests under a name of their own.",
        );
    }

    /// What holds of all tables of a source; they come below.
    fn source(&mut self) {
        let (name, schema) = (quoted(self.source), quoted(self.schema));
        self.line(2, &format!("- name: {name}"));
        self.line(4, &format!("schema: {schema}"));
        self.line(4, &format!("description: {}", quoted(words::SOURCE)));
        self.line(4, "loader: \"bicuspid\"");
        self.line(4, "quoting: {schema: true, identifier: true}");
        self.line(4, "config:");
        self.line(6, "freshness:");
        self.line(8, "warn_after: {count: 26, period: hour}");
        self.line(8, "error_after: {count: 50, period: hour}");
        // A table that did not change is as fresh as its last comparison with the source, not as its last row.
        let query = format!(
            "select coalesce(max(_loaded_at), timestamp '1970-01-01') from {}.{LOAD_STATUS} \
             where table_name = '{{{{ this.identifier }}}}'",
            self.schema
        );
        self.line(6, &format!("loaded_at_query: {}", quoted(&query)));
        self.line(4, "tables:");
    }

    fn table(&mut self, table: &ListedTable) {
        self.line(6, &format!("- name: {}", quoted(&table.name)));
        self.line(8, &format!("description: {}", quoted(&words::table(&table.name))));
        if is_status(&table.name) {
            self.line(8, "config: {freshness: null}");
        }
        if table.primary_key.len() > 1 {
            let columns: Vec<String> = table.primary_key.iter().map(|name| format!("\"{name}\"")).collect();
            self.line(8, "data_tests:");
            self.line(10, "- unique:");
            // A row is an expression like any other to dbt's own test.
            self.line(
                14,
                &format!("arguments: {{column_name: {}}}", quoted(&format!("row({})", columns.join(", ")))),
            );
            self.tests += 1;
        }
        self.line(8, "columns:");
        for column in &table.columns {
            self.column(table, column);
        }
    }

    fn column(&mut self, table: &ListedTable, column: &ListedColumn) {
        self.line(10, &format!("- name: {}", quoted(&column.name)));
        self.line(12, "quote: true");
        self.line(12, &format!("data_type: {}", quoted(&column.type_text)));
        let description = words::column(&table.name, &column.name, &column.type_text);
        if !description.is_empty() {
            self.line(12, &format!("description: {}", quoted(&description)));
        }
        let mut tests = Vec::new();
        let is_key = table.primary_key.contains(&column.name);
        let is_name = is_status(&table.name) && column.name == "table_name";
        if (is_key && table.primary_key.len() == 1) || is_name {
            tests.push("unique".to_owned());
        }
        if is_key || is_name || (column.name == LOADED_AT && !is_status(&table.name)) {
            tests.push("not_null".to_owned());
        }
        if table.name == LOAD_STATUS && column.name == "load_status" {
            // It warns as long as a table is held.
            tests.push(
                "accepted_values: {arguments: {values: [success]}, config: {severity: warn}}".to_owned(),
            );
        }
        if let Some((parent, key)) = self.parent(table, column) {
            let arguments = format!(
                "{{to: {}, field: {}}}",
                quoted(&format!("source('{}', '{parent}')", self.source)),
                quoted(&format!("\"{key}\""))
            );
            let none = quoted(&format!("\"{}\" <> 0", column.name));
            tests.push(format!(
                "relationships: {{arguments: {arguments}, config: {{severity: warn, where: {none}}}}}"
            ));
        }
        if tests.is_empty() {
            return;
        }
        self.line(12, "data_tests:");
        self.tests += tests.len();
        for test in tests {
            self.line(14, &format!("- {test}"));
        }
    }

    /// The table and column that a column points to, if both are described and can be compared.
    fn parent(&self, table: &ListedTable, column: &ListedColumn) -> Option<(&str, &str)> {
        if is_secret(&table.name, &column.name) {
            return None;
        }
        let to = facts().table(&table.name)?.column(&column.name)?.references?;
        let parent = self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(to.table))?;
        let key = parent.columns.iter().find(|column| column.name.eq_ignore_ascii_case(to.column))?;
        let are_numbers = [column, key].iter().all(|column| is_number(&column.type_text));
        are_numbers.then_some((&parent.name, &key.name))
    }
}

fn is_status(table: &str) -> bool {
    [LOAD_STATUS, TRANSFORM_STATUS].contains(&table)
}

fn is_number(type_text: &str) -> bool {
    matches!(type_text, "smallint" | "integer" | "bigint") || type_text.starts_with("numeric")
}

/// A text in double quotes, as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // What YAML counts as no letter may not stand there as it is.
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The words for a type policy.
pub(crate) fn policy_words(policy: TypePolicy) -> String {
    format!("of Open Dental's tables under type policy `{}`", policy.name())
}

#[cfg(test)]
mod tests;

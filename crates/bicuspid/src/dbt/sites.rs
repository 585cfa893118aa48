//! Several sites as one: a source for each of them, and for every table a view over all with a column that says the site.
//!
//! The views are made so that PostgreSQL looks into one site's table alone when a query names the site: each branch of the
//! `UNION ALL` has the site as a constant, and every column has one type in all branches, without which the planner could
//! not take the branches apart. Columns are named one by one: what a later run adds to a table changes no view.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bicuspid_model::SiteName;
use bicuspid_model::site::raw_schema;
use bicuspid_target::{ListedColumn, ListedTable};

use super::{File, LOADED_AT, MARK, Sources, is_status, quoted, speakable, words};
use crate::cli::VERSION;

/// Name of the column that says the site.
const SITE: &str = "site";

/// The tables of one site.
pub(crate) type OfSite = (SiteName, Vec<ListedTable>);

/// A view over all sites, before it is known how relations are named.
struct Union {
    table: String,
    columns: Vec<Shared>,
    /// Columns of the key, if all sites have the same.
    key: Vec<String>,
    /// The sites that have the table.
    sites: Vec<SiteName>,
}

/// A column of such a view.
struct Shared {
    name: String,
    type_text: String,
    /// What each site has under that name, by site.
    types: BTreeMap<SiteName, String>,
}

/// What describes several sites to dbt.
pub(crate) struct Group {
    /// A source for each site, and the views with their tests.
    pub(crate) sources: Sources,
    /// The views as models: names of files and their texts.
    pub(crate) models: Vec<(String, String)>,
}

/// Sources `<name>_<site>`, and for each table a model `<name>_<table>`.
pub(crate) fn describe(sites: &[OfSite], name: &str, of: &str) -> Group {
    let mut left_out = Vec::new();
    let sites = spoken(sites, &mut left_out);
    let mut file = File { text: String::new(), tests: 0, source: name, schema: "", tables: &[] };
    file.mark(of);
    file.line(0, "version: 2");
    file.line(0, "sources:");
    let mut tables_of_all = 0;
    for (site, tables) in &sites {
        let (source, schema) = (source_of(name, site), raw_schema(Some(site)));
        let mut one = File { text: String::new(), tests: 0, source: &source, schema: &schema, tables: &[] };
        one.source();
        for table in tables {
            let freshness = if is_status(&table.name) { ", config: {freshness: null}" } else { "" };
            one.line(6, &format!("- {{name: {}{freshness}}}", quoted(&table.name)));
        }
        file.text.push_str(&one.text);
        tables_of_all += tables.len();
    }
    let unions = unions(&sites);
    file.line(0, "models:");
    let mut models = Vec::new();
    for union in &unions {
        file.model(name, union);
        let relation =
            |site: &SiteName| format!("{{{{ source('{}', '{}') }}}}", source_of(name, site), union.table);
        let text = format!(
            "-- {}\n{{{{ config(materialized='view') }}}}\n\n{}\n",
            &MARK.trim_start_matches("# "),
            union.query(relation)
        );
        models.push((format!("{name}_{}.sql", union.table), text));
    }
    let sources = Sources { text: file.text, tables: tables_of_all, tests: file.tests, left_out };
    Group { sources, models }
}

/// The views as SQL for those without dbt: one transaction that makes them in a schema of their own.
pub(crate) fn views(sites: &[OfSite], schema: &str) -> (String, usize) {
    let sites = spoken(sites, &mut Vec::new());
    let unions = unions(&sites);
    let mut sql = format!(
        "-- {} {VERSION}: every table of all sites, with the site in a column of its own.\n\
         -- Made anew when sites, tables or columns come; a view on which others hang is not dropped, and all stays as it was.\n\
         BEGIN;\nCREATE SCHEMA IF NOT EXISTS \"{schema}\";\n",
        MARK.trim_start_matches("# ")
    );
    for union in &unions {
        let view = format!("\"{schema}\".{}", name_of(&union.table));
        let relation = |site: &SiteName| format!("\"{}\".{}", raw_schema(Some(site)), name_of(&union.table));
        let _ =
            writeln!(sql, "DROP VIEW IF EXISTS {view};\nCREATE VIEW {view} AS\n{};", union.query(relation));
    }
    sql.push_str("COMMIT;\n");
    (sql, unions.len())
}

/// Name of a site's source in dbt.
fn source_of(name: &str, site: &SiteName) -> String {
    format!("{name}_{site}")
}

fn name_of(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The sites without tables and columns whose names dbt cannot carry.
fn spoken(sites: &[OfSite], left_out: &mut Vec<String>) -> Vec<OfSite> {
    let mut spoken = Vec::new();
    for (site, tables) in sites {
        let mut out = Vec::new();
        let tables = tables.iter().filter_map(|table| speakable(table, &mut out)).collect();
        left_out.extend(out.into_iter().map(|name| format!("{site}: {name}")));
        spoken.push((site.clone(), tables));
    }
    spoken
}

/// One view for each table that any site has. The tables of dbt's own hooks are no data.
fn unions(sites: &[OfSite]) -> Vec<Union> {
    let names: BTreeSet<&str> = sites
        .iter()
        .flat_map(|(_, tables)| tables)
        .map(|table| table.name.as_str())
        .filter(|name| !is_status(name))
        .collect();
    names.into_iter().map(|name| union(sites, name)).collect()
}

fn union(sites: &[OfSite], name: &str) -> Union {
    let with: Vec<(&SiteName, &ListedTable)> = sites
        .iter()
        .filter_map(|(site, tables)| Some((site, tables.iter().find(|table| table.name == name)?)))
        .collect();
    let mut columns: Vec<Shared> = Vec::new();
    for (site, table) in &with {
        for ListedColumn { name, type_text } in &table.columns {
            match columns.iter_mut().find(|column| column.name == *name) {
                Some(column) => {
                    column.type_text = common(&column.type_text, type_text);
                    column.types.insert((*site).clone(), type_text.clone());
                }
                None => columns.push(Shared {
                    name: name.clone(),
                    type_text: type_text.clone(),
                    types: BTreeMap::from([((*site).clone(), type_text.clone())]),
                }),
            }
        }
    }
    // A column of the clinic's own that has this very name would make two.
    columns.retain(|column| column.name != SITE);
    let keys: BTreeSet<&Vec<String>> = with.iter().map(|(_, table)| &table.primary_key).collect();
    let key = match keys.into_iter().collect::<Vec<_>>()[..] {
        [key] => key.clone(),
        _ => Vec::new(),
    };
    Union {
        table: name.to_owned(),
        columns,
        key,
        sites: with.iter().map(|(site, _)| (*site).clone()).collect(),
    }
}

/// The type of a column that two sites have: the wider of two whole numbers, and text where they have nothing else in
/// common.
fn common(a: &str, b: &str) -> String {
    const WHOLE: [&str; 3] = ["smallint", "integer", "bigint"];
    let rank = |name: &str| WHOLE.iter().position(|whole| *whole == name);
    match (rank(a), rank(b)) {
        _ if a == b => a.to_owned(),
        (Some(x), Some(y)) => (if x > y { a } else { b }).to_owned(),
        _ => "text".to_owned(),
    }
}

impl Union {
    /// The branches, each with the site as a constant and every column in its place and type.
    fn query(&self, relation: impl Fn(&SiteName) -> String) -> String {
        let branch = |site: &SiteName| {
            let mut columns = vec![format!("'{site}'::text AS {SITE}")];
            columns.extend(self.columns.iter().map(|column| column.of(site)));
            format!("SELECT {}\nFROM {}", columns.join(", "), relation(site))
        };
        self.sites.iter().map(branch).collect::<Vec<_>>().join("\nUNION ALL\n")
    }
}

impl Shared {
    /// The column as one site's branch has it.
    fn of(&self, site: &SiteName) -> String {
        let name = name_of(&self.name);
        match self.types.get(site) {
            Some(own) if *own == self.type_text => name,
            Some(_) => format!("{name}::{} AS {name}", self.type_text),
            None => format!("NULL::{} AS {name}", self.type_text),
        }
    }
}

impl File<'_> {
    /// A view over all sites, with what holds of it.
    fn model(&mut self, name: &str, union: &Union) {
        self.line(2, &format!("- name: {}", quoted(&format!("{name}_{}", union.table))));
        self.line(
            4,
            &format!("description: {}", quoted(&format!("{} Of all sites.", words::table(&union.table)))),
        );
        if !union.key.is_empty() {
            let key: Vec<String> = union.key.iter().map(|name| name_of(name)).collect();
            self.line(4, "data_tests:");
            self.line(6, "- unique:");
            let row = format!("row({SITE}, {})", key.join(", "));
            self.line(10, &format!("arguments: {{column_name: {}}}", quoted(&row)));
            self.tests += 1;
        }
        self.line(4, "columns:");
        self.line(6, &format!("- {{name: \"{SITE}\", data_type: \"text\", data_tests: [not_null]}}"));
        self.tests += 1;
        for column in &union.columns {
            let described = words::column(&union.table, &column.name, &column.type_text);
            let words = if described.is_empty() || column.name == LOADED_AT {
                String::new()
            } else {
                format!(", description: {}", quoted(&described))
            };
            self.line(
                6,
                &format!(
                    "- {{name: {}, quote: true, data_type: {}{words}}}",
                    quoted(&column.name),
                    quoted(&column.type_text)
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, columns: &[(&str, &str)]) -> ListedTable {
        let column = |(name, type_text): &(&str, &str)| ListedColumn {
            name: (*name).to_owned(),
            type_text: (*type_text).to_owned(),
        };
        ListedTable {
            name: name.to_owned(),
            columns: columns.iter().map(column).collect(),
            primary_key: vec!["A".to_owned()],
        }
    }

    fn sites() -> Vec<OfSite> {
        let site = |name, tables| (SiteName::new(name).unwrap(), tables);
        vec![
            site(
                "a",
                vec![
                    table("t", &[("A", "bigint"), ("n", "smallint"), ("x", "date")]),
                    table("own", &[("A", "bigint")]),
                ],
            ),
            site(
                "b",
                vec![table("t", &[("A", "bigint"), ("n", "integer"), ("new", "text"), ("x", "boolean")])],
            ),
        ]
    }

    #[test]
    fn every_branch_has_the_same_columns_of_the_same_types() {
        let unions = unions(&sites());
        assert_eq!(unions.iter().map(|union| union.table.as_str()).collect::<Vec<_>>(), ["own", "t"]);
        assert_eq!(
            unions[1].query(|site| format!("of_{site}")),
            "SELECT 'a'::text AS site, \"A\", \"n\"::integer AS \"n\", \"x\"::text AS \"x\", NULL::text AS \"new\"\nFROM of_a\n\
             UNION ALL\n\
             SELECT 'b'::text AS site, \"A\", \"n\", \"x\"::text AS \"x\", \"new\"\nFROM of_b"
        );
        assert_eq!(unions[0].query(ToString::to_string), "SELECT 'a'::text AS site, \"A\"\nFROM a");
    }

    #[test]
    fn a_group_has_a_source_for_each_site_and_a_model_for_each_table() {
        let group = describe(&sites(), "od", "of a test");
        assert!(group.sources.text.contains("- name: \"od_a\"\n    schema: \"raw_a\"\n"));
        assert!(group.sources.text.contains("from raw_b.etl_load_status"));
        let names: Vec<&str> = group.models.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["od_own.sql", "od_t.sql"]);
        assert!(group.models[1].1.contains("FROM {{ source('od_b', 't') }}"), "{}", group.models[1].1);
        assert!(group.sources.text.contains("row(site, \\\"A\\\")"));
    }
}

//! Every key leads somewhere, and every cell fits its column.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_model::{SourceType, Value};
use bicuspid_opendental::facts;

use super::{Made, made};

#[test]
fn every_reference_resolves() {
    let checked = resolve(made());
    assert!(checked > 50_000, "{checked}");
}

/// Follows every key that leads to another row; how many there are.
pub(super) fn resolve(made: &Made) -> usize {
    let mut keys: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
    let mut checked = 0;
    for table in made.tables.keys() {
        for column in &facts().table(table).unwrap().columns {
            let Some(to) = column.references else { continue };
            if !matches!(column.source, SourceType::BigInt { .. }) {
                continue;
            }
            let there = keys
                .entry((to.table, to.column))
                .or_insert_with(|| made.rows(to.table).map(|row| row.int(to.column)).collect());
            for row in made.rows(table) {
                let key = row.int(column.name);
                assert!(key == 0 || there.contains(&key), "{table}.{} = {key} -> {}", column.name, to.table);
                checked += usize::from(key != 0);
            }
        }
    }
    checked
}

#[test]
fn definitions_are_of_the_right_list() {
    let made = made();
    let lists: BTreeMap<i64, i64> =
        made.rows("definition").map(|r| (r.int("DefNum"), r.int("Category"))).collect();
    let categories = facts().enumeration("DefCat").unwrap();
    for table in made.tables.keys() {
        for column in &facts().table(table).unwrap().columns {
            let Some(category) = column.definition_category else { continue };
            let category: i64 = categories.stored(category).unwrap().parse().unwrap();
            for row in made.rows(table) {
                let num = row.int(column.name);
                assert!(num == 0 || lists[&num] == category, "{table}.{} = {num}", column.name);
            }
        }
    }
}

/// Checks the keys of every table.
pub(super) fn are_unique(made: &Made) {
    for (table, rows) in &made.tables {
        let facts = facts().table(table).unwrap();
        let key = facts.key().unwrap().name;
        let keys: BTreeSet<i64> = made.rows(table).map(|r| r.int(key)).collect();
        assert_eq!(keys.len(), rows.len(), "{table}");
        assert!(!keys.contains(&0), "{table}");
        assert!(rows.iter().all(|row| row.len() == facts.columns.len()), "{table}");
    }
}

#[test]
fn keys_are_unique_and_rows_as_wide_as_their_table() {
    let made = made();
    are_unique(made);
    for table in bicuspid_practice::tables().filter(|t| *t != "clinic") {
        assert!(made.tables.contains_key(table), "{table}");
    }
    assert!(!made.tables.contains_key("clinic"));
}

#[test]
fn every_cell_fits_its_column() {
    let made = made();
    for (table, rows) in &made.tables {
        for (position, column) in facts().table(table).unwrap().columns.iter().enumerate() {
            let inside = column.column_type.split(['(', ')']).nth(1).and_then(|n| n.parse::<usize>().ok());
            for row in rows {
                let fits = match (&row[position], &column.source) {
                    (Value::Int(v), SourceType::TinyInt { unsigned }) => {
                        if *unsigned {
                            (0..256).contains(v)
                        } else {
                            (-128..128).contains(v)
                        }
                    }
                    (Value::Int(v), SourceType::SmallInt { unsigned }) => {
                        if *unsigned {
                            (0..65_536).contains(v)
                        } else {
                            (-32_768..32_768).contains(v)
                        }
                    }
                    (Value::Int(v), SourceType::Int { .. }) => i32::try_from(*v).is_ok(),
                    (Value::Float(v), SourceType::Float | SourceType::Double) => v.is_finite(),
                    (Value::DateTime(v), SourceType::DateTime) => v.micros() % 1_000_000 == 0,
                    (Value::DateTime(v), SourceType::Timestamp) => {
                        v.micros() % 1_000_000 == 0 && v.date().ymd().0 >= 1971
                    }
                    (Value::Int(_), SourceType::BigInt { .. })
                    | (Value::Date(_), SourceType::Date)
                    | (Value::Time(_), SourceType::Time) => true,
                    (Value::Text(v), SourceType::Text(_)) => {
                        inside.is_none_or(|max| v.chars().count() <= max)
                    }
                    _ => false,
                };
                assert!(fits, "{table}.{}: {:?}", column.name, row[position]);
                // What is read as a boolean must be one.
                if let (Value::Int(v), true) = (&row[position], column.flag || column.dbt_boolean) {
                    assert!(matches!(v, 0 | 1), "{table}.{} = {v}", column.name);
                }
                if let (Value::Int(v), Some(name)) = (&row[position], column.enumeration) {
                    let known = facts().enumeration(name).unwrap().member(&v.to_string()).is_some();
                    assert!(known || *v == 0, "{table}.{} = {v} of {name}", column.name);
                }
            }
        }
    }
}

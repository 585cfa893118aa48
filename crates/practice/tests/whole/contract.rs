//! What the public analytics project over Open Dental asks of the raw tables, rule by rule.

mod exceptions;
mod rules;
mod special;

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_model::{Date, Value};
use bicuspid_opendental::facts;
use bicuspid_practice::{Practice, Settings, SinkError};

use self::rules::{Kept, Rule, Rules, Test};
use super::{Made, long, made};

/// Rows of a table as a rule looks at them.
struct Looked<'a> {
    made: &'a Made,
    rules: &'a Rules,
    table: &'static str,
    rows: Vec<&'a [Value]>,
}

impl<'a> Looked<'a> {
    /// The rows of a table that are looked at.
    fn new(made: &'a Made, rules: &'a Rules, table: &'static str) -> Self {
        let mut looked = Self { made, rules, table, rows: Vec::new() };
        let rows = made.tables.get(table).into_iter().flatten().map(Vec::as_slice);
        looked.rows = match rules.kept(table) {
            Some(kept) => {
                let position = looked.position(kept.column);
                let end = made.settings.end_date;
                rows.filter(|row| kept.takes(day(&row[position]), end)).collect()
            }
            None => rows.collect(),
        };
        looked
    }

    fn position(&self, column: &str) -> usize {
        let columns = &facts().table(self.table).unwrap().columns;
        columns.iter().position(|c| c.name == column).unwrap_or_else(|| panic!("{}.{column}", self.table))
    }

    /// Rows that break a rule.
    fn broken(&self, test: &Test) -> usize {
        let end = self.made.settings.end_date;
        let count = |column: &str, bad: &dyn Fn(&Value) -> bool| {
            let position = self.position(column);
            self.rows.iter().filter(|row| bad(&row[position])).count()
        };
        match test {
            Test::Columns(columns) => {
                let known = &facts().table(self.table).unwrap().columns;
                columns.iter().filter(|column| !known.iter().any(|k| k.name == **column)).count()
            }
            Test::Filled(columns) => columns.iter().map(|column| count(column, &empty)).sum(),
            Test::Unique(columns) => {
                let positions: Vec<usize> = columns.iter().map(|c| self.position(c)).collect();
                let mut seen = BTreeSet::new();
                let cells = |row: &&[Value]| -> Option<Vec<String>> {
                    positions.iter().map(|p| (!empty(&row[*p])).then(|| format!("{:?}", row[*p]))).collect()
                };
                // 0 in a column that points somewhere is none.
                self.rows
                    .iter()
                    .filter_map(cells)
                    .filter(|cells| cells != &["Int(0)"] && !seen.insert(cells.clone()))
                    .count()
            }
            Test::Refers { column, table, to, when } => {
                let position = facts().table(table).unwrap().position(to).unwrap();
                // A row that is not kept is not there.
                let target = Looked::new(self.made, self.rules, table);
                let there: BTreeSet<i64> = target.rows.iter().filter_map(|row| int(&row[position])).collect();
                let from = self.position(column);
                let applies = |row: &[Value]| {
                    when.is_none_or(|(other, value)| int(&row[self.position(other)]) == Some(value))
                };
                let lost = |row: &&&[Value]| {
                    int(&row[from]).is_some_and(|key| key != 0 && !there.contains(&key)) && applies(row)
                };
                self.rows.iter().filter(lost).count()
            }
            Test::OneOf { column, values, when } => {
                let position = self.position(column);
                let applies = |row: &[Value]| {
                    when.is_none_or(|(other, value)| int(&row[self.position(other)]) == Some(value))
                };
                let out = |row: &&&[Value]| {
                    let value = &row[position];
                    !empty(value) && !values.contains(&plain(value).as_str()) && applies(row)
                };
                self.rows.iter().filter(out).count()
            }
            Test::Within { column, low, high } => {
                count(column, &|v| number(v).is_some_and(|n| !(*low..=*high).contains(&n)))
            }
            Test::From { column, from } => count(column, &|v| day(v).is_some_and(|d| d < *from)),
            Test::Past { column } => count(column, &|v| day(v).is_some_and(|d| d >= end)),
            Test::Compare { left, operator, right } => {
                let (left, right) = (self.position(left), self.position(right));
                let bad = |row: &&&[Value]| match (order(&row[left]), order(&row[right])) {
                    (Some(l), Some(r)) => match *operator {
                        ">=" => l < r,
                        "<=" => l > r,
                        _ => l == r,
                    },
                    _ => false,
                };
                self.rows.iter().filter(bad).count()
            }
            Test::Length { column, low, high } => {
                count(column, &|v| !empty(v) && !(*low..=*high).contains(&plain(v).chars().count()))
            }
            Test::Rows { .. } => 0,
        }
    }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(*v),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(v) => plain(&Value::Int(*v)).parse().ok(),
        Value::Float(v) => Some(*v),
        _ => None,
    }
}

/// The day of a date or a moment, `None` where it is unset.
fn day(value: &Value) -> Option<Date> {
    let date = match value {
        Value::Date(v) => *v,
        Value::DateTime(v) => v.date(),
        _ => return None,
    };
    (date.ymd().0 > 1).then_some(date)
}

/// A number by which dates, moments, times and keys are compared; `None` where they are unset.
fn order(value: &Value) -> Option<i64> {
    match value {
        Value::Date(v) => (v.ymd().0 > 1).then(|| v.midnight().micros()),
        Value::DateTime(v) => (v.date().ymd().0 > 1).then(|| v.micros()),
        Value::Int(v) => (*v != 0).then_some(*v),
        Value::Time(v) => Some(*v),
        _ => None,
    }
}

/// Whether a cell says nothing: no date, or a blank text.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(v) => v.trim().is_empty(),
        Value::Date(_) | Value::DateTime(_) => day(value).is_none(),
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Int(v) => v.to_string(),
        Value::Float(v) => v.to_string(),
        Value::Text(v) => v.to_string(),
        _ => String::new(),
    }
}

/// Broken rules of one kind, each with how many rows break it.
fn broken(made: &Made, warnings: bool) -> BTreeMap<String, usize> {
    let rules = Rules::read();
    let mut broken = BTreeMap::new();
    for (table, own) in &rules.tables {
        let looked = Looked::new(made, &rules, table);
        for Rule { warning, text, test } in own.iter().filter(|r| r.warning == warnings) {
            let rows = looked.broken(test);
            assert_eq!(*warning, warnings);
            if rows > 0 {
                broken.insert(format!("{table}: {text}"), rows);
            }
        }
    }
    broken
}

#[test]
fn rules_are_read_whole() {
    let rules = Rules::read();
    assert_eq!(rules.tables.len(), 91);
    let all = || rules.tables.values().flatten();
    let (errors, warnings) = (all().filter(|r| !r.warning).count(), all().filter(|r| r.warning).count());
    assert!(errors > 400 && warnings > 180, "{errors} {warnings}");
    for table in rules.tables.keys() {
        assert!(facts().table(table).is_some_and(|t| t.dbt), "{table}");
    }
}

#[test]
fn every_table_that_data_can_fill_has_rows() {
    let made = made();
    for table in Rules::read().tables.keys() {
        let rows = made.rows(table).count();
        assert_eq!(rows == 0, exceptions::EMPTY.iter().any(|(name, _)| name == table), "{table}: {rows}");
    }
}

#[test]
fn no_error_rule_is_broken() {
    let mut broken = broken(made(), false);
    broken.retain(|rule, _| exceptions::reason(rule).is_none());
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn warnings_are_those_that_cannot_be_avoided() {
    let broken = broken(made(), true);
    let surprising: Vec<_> = broken.iter().filter(|(rule, _)| exceptions::reason(rule).is_none()).collect();
    assert!(surprising.is_empty(), "{surprising:#?}");
    for (rule, _) in exceptions::WARNINGS {
        assert!(broken.contains_key(*rule), "holds by now, and need not be excepted: {rule}");
    }
}

#[test]
fn a_broken_row_is_noticed() {
    let mut broken_practice =
        Made { settings: made().settings, summary: made().summary.clone(), tables: BTreeMap::new() };
    let mut row = made().tables["allergy"][0].clone();
    let position = |column| facts().table("allergy").unwrap().position(column).unwrap();
    row[position("PatNum")] = Value::Int(999_999);
    row[position("DateTStamp")] = Value::Date(Date::from_days(-730_119));
    broken_practice.tables.insert("allergy", vec![row.clone(), row]);
    let found: Vec<String> =
        broken(&broken_practice, false).into_keys().filter(|r| r.starts_with("allergy:")).collect();
    for expected in ["key AllergyNum", "filled DateTStamp", "refers PatNum", "refers AllergyDefNum"] {
        assert!(found.iter().any(|rule| rule.contains(expected)), "{expected}: {found:?}");
    }
}

/// Row counts hold at the size that they are meant for. Only counted, not kept.
#[test]
fn a_practice_of_five_thousand_has_rows_within_bounds() {
    if !long() {
        return;
    }
    let as_of = made().settings.end_date;
    let usual = Settings::new(5000, 1, as_of);
    for settings in [usual, Settings { start_date: Date::from_ymd(2023, 1, 1).unwrap(), ..usual }] {
        of_five_thousand(settings);
    }
}

fn of_five_thousand(settings: Settings) {
    let as_of = settings.end_date;
    let rules = Rules::read();
    let places: BTreeMap<&str, (Kept, usize)> = rules
        .tables
        .keys()
        .filter_map(|table| {
            let kept = rules.kept(table)?;
            Some((*table, (kept, facts().table(table)?.position(kept.column)?)))
        })
        .collect();
    let mut kept: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut distinct: BTreeMap<(&'static str, usize), (u64, Option<Value>)> = BTreeMap::new();
    let mut sink = |table: &'static str, row: &[Value]| -> Result<(), SinkError> {
        if places.get(table).is_none_or(|(kept, position)| kept.takes(day(&row[*position]), as_of)) {
            *kept.entry(table).or_default() += 1;
        }
        for (position, value) in row.iter().enumerate() {
            let seen = distinct.entry((table, position)).or_insert((1, None));
            match &seen.1 {
                None => seen.1 = Some(value.clone()),
                Some(first) if first != value => seen.0 = 2,
                Some(_) => {}
            }
        }
        Ok(())
    };
    let summary = Practice::new(settings).unwrap().run(&mut sink).unwrap();
    let rows = |table: &str| kept.get(table).copied().unwrap_or_default();
    for (table, own) in &rules.tables {
        for rule in own {
            if let Test::Rows { low, high } = rule.test {
                let rows = rows(table);
                let within = (low..=high).contains(&rows);
                let excepted = exceptions::reason(&format!("{table}: {}", rule.text)).is_some();
                assert!(within || (rule.warning && excepted), "{table}: {rows}");
            }
        }
    }
    let mut filled: Vec<(u64, &str)> =
        summary.tables.iter().filter(|t| t.rows > 0).map(|t| (t.rows, t.table)).collect();
    filled.sort_unstable();
    assert!(filled.len() >= 130, "{}", filled.len());
    assert!(filled[filled.len() / 2].0 >= 50, "{:?}", filled[filled.len() / 2]);
    let small: Vec<&str> = filled.iter().filter(|(rows, _)| *rows < 10).map(|(_, table)| *table).collect();
    for table in &small {
        assert!(exceptions::SMALL.iter().any(|(names, _)| names.contains(table)), "{table} has few rows");
    }
    // Columns that are read and never differ, for whoever asks.
    for (table, own) in &rules.tables {
        let columns: Vec<&str> = own
            .iter()
            .filter_map(|rule| if let Test::Columns(columns) = &rule.test { Some(columns) } else { None })
            .flatten()
            .copied()
            .filter(|column| {
                let position = facts().table(table).unwrap().position(column).unwrap();
                distinct.get(&(*table, position)).is_some_and(|(values, _)| *values == 1)
            })
            .collect();
        println!("constant in {table}: {}", columns.join(" "));
    }
}

//! The rules as they stand in the file.

use std::collections::BTreeMap;

use bicuspid_model::Date;

const FILE: &str = include_str!("../../contract/rules.txt");

/// What a rule asks.
pub(super) enum Test {
    Columns(Vec<&'static str>),
    Filled(Vec<&'static str>),
    Unique(Vec<&'static str>),
    Refers { column: &'static str, table: &'static str, to: &'static str, when: Option<(&'static str, i64)> },
    OneOf { column: &'static str, values: Vec<&'static str>, when: Option<(&'static str, i64)> },
    Within { column: &'static str, low: f64, high: f64 },
    From { column: &'static str, from: Date },
    Past { column: &'static str },
    Compare { left: &'static str, operator: &'static str, right: &'static str },
    Length { column: &'static str, low: usize, high: usize },
    Rows { low: u64, high: u64 },
}

/// A rule of a table.
pub(super) struct Rule {
    pub(super) warning: bool,
    pub(super) text: &'static str,
    pub(super) test: Test,
}

/// Every rule, by table.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) tables: BTreeMap<&'static str, Vec<Rule>>,
    kept: BTreeMap<&'static str, Kept>,
}

/// Which rows of a table are looked at.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// The column of the date.
    pub(super) column: &'static str,
    from: Date,
    /// Whether rows after the as-of date are left out.
    to_today: bool,
}

impl Kept {
    pub(super) fn takes(self, day: Option<Date>, today: Date) -> bool {
        day.is_some_and(|day| day >= self.from && (!self.to_today || day <= today))
    }
}

impl Rules {
    pub(super) fn read() -> Self {
        let mut read = Self::default();
        let mut table = "";
        for line in FILE.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                table = name.trim_end_matches(']');
                read.tables.insert(table, Vec::new());
                continue;
            }
            let (warning, text) = line.strip_prefix("? ").map_or((false, line), |rest| (true, rest));
            let words: Vec<&'static str> = text.split(' ').collect();
            if let ["kept", column, "from", from, to @ ..] = words.as_slice() {
                let to_today = to == ["to", "today"];
                read.kept.insert(table, Kept { column, from: date(from).unwrap(), to_today });
                continue;
            }
            let asked = test(&words, text).unwrap_or_else(|| panic!("{table}: {line}"));
            read.tables.get_mut(table).unwrap().push(Rule { warning, text, test: asked });
        }
        read
    }

    /// Which rows of a table are looked at, if not all.
    pub(super) fn kept(&self, table: &str) -> Option<Kept> {
        self.kept.get(table).copied()
    }
}

fn test(words: &[&'static str], text: &'static str) -> Option<Test> {
    Some(match words {
        ["columns", columns @ ..] => Test::Columns(columns.to_vec()),
        ["filled", columns @ ..] => Test::Filled(columns.to_vec()),
        ["worded", column] => Test::Filled(vec![column]),
        ["key" | "unique", column] => Test::Unique(vec![column]),
        ["unique", columns @ ..] => Test::Unique(columns.to_vec()),
        ["refers", column, target, rest @ ..] => {
            let (table, to) = target.split_once('.')?;
            Test::Refers { column, table, to, when: when(rest)? }
        }
        ["one-of", ..] => {
            let (head, values) = text.split_once(':')?;
            let head: Vec<&'static str> = head.split(' ').collect();
            let values = values.split('|').map(str::trim).collect();
            Test::OneOf { column: head.get(1)?, values, when: when(head.get(2..)?)? }
        }
        ["positive", column] => Test::Within { column, low: 1.0, high: f64::MAX },
        ["at-least", column, low] => Test::Within { column, low: low.parse().ok()?, high: f64::MAX },
        ["within", column, low, high] => {
            Test::Within { column, low: low.parse().ok()?, high: high.parse().ok()? }
        }
        ["from", column, from] => Test::From { column, from: date(from)? },
        ["past", column] => Test::Past { column },
        ["compare", left, operator, right] => Test::Compare { left, operator, right },
        ["length", column, low, high] => {
            Test::Length { column, low: low.parse().ok()?, high: high.parse().ok()? }
        }
        ["rows", low, high] => Test::Rows { low: low.parse().ok()?, high: high.parse().ok()? },
        _ => return None,
    })
}

/// The condition of a rule; the outer `None` if it cannot be read.
#[expect(clippy::option_option, reason = "a rule without a condition is not a rule that cannot be read")]
fn when(words: &[&'static str]) -> Option<Option<(&'static str, i64)>> {
    match words {
        [] => Some(None),
        ["when", column, value] => Some(Some((column, value.parse().ok()?))),
        _ => None,
    }
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    Date::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

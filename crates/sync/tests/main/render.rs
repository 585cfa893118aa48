//! The oracle: each server writes its own values out as text, and a rule of this module, which shares nothing with
//! the codecs under test, says what the one text means to the other.

use std::fmt::Write as _;

use crate::pair::Pair;

/// How the values of a column are written out on both servers and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Numbers without a fraction or with a fixed one: the same digits.
    Plain,
    /// Numbers with a floating point: the same bits, read from all the digits that each server gives.
    Float,
    /// Dates: the same day, or NULL where there is no such day.
    Day,
    /// Dates with a time: likewise; a fraction of zeros is not written.
    Moment,
    /// Times, negative and over a day.
    Span,
    /// Texts: the same UTF-8.
    Text,
    /// Bytes as they are stored.
    Bytes,
    /// Bit fields of this width.
    Bits(usize),
}

impl Rule {
    /// The clinic's own rendering of a column, given its quoted name.
    fn clinic(self, column: &str) -> String {
        match self {
            Self::Plain | Self::Day | Self::Moment | Self::Span => format!("CAST({column} AS CHAR)"),
            Self::Float => format!("CAST(CAST({column} AS DOUBLE) AS CHAR)"),
            Self::Text => format!("HEX(CONVERT({column} USING utf8mb4))"),
            Self::Bytes => format!("HEX({column})"),
            Self::Bits(_) => format!("BIN({column} + 0)"),
        }
    }

    /// The target's own rendering.
    fn target(self, column: &str) -> String {
        match self {
            Self::Bits(1) => format!("{column}::int::text"),
            Self::Plain | Self::Day | Self::Moment | Self::Span | Self::Bits(_) => format!("{column}::text"),
            Self::Float => format!("{column}::float8::text"),
            Self::Text => format!("upper(encode(convert_to({column}, 'UTF8'), 'hex'))"),
            Self::Bytes => format!("upper(encode({column}, 'hex'))"),
        }
    }

    /// What the target must show for what the clinic shows.
    fn translate(self, clinic: &str) -> Option<String> {
        match self {
            Self::Day | Self::Moment => exists(clinic).then(|| without_zero_fraction(clinic)),
            Self::Span => Some(without_zero_fraction(clinic)),
            Self::Float => Some(bits(clinic)),
            Self::Bits(width) => Some(format!("{clinic:0>width$}")),
            // PostgreSQL's text holds no NUL.
            Self::Text => Some(
                clinic
                    .as_bytes()
                    .chunks(2)
                    .map(|b| str::from_utf8(b).unwrap())
                    .fold(String::new(), |text, byte| text + if byte == "00" { "EFBFBD" } else { byte }),
            ),
            Self::Plain | Self::Bytes => Some(clinic.to_owned()),
        }
    }

    fn normal(self, target: &str) -> String {
        if self == Self::Float { bits(target) } else { target.to_owned() }
    }
}

fn bits(number: &str) -> String {
    format!("{:016x}", number.parse::<f64>().unwrap().to_bits())
}

fn without_zero_fraction(time: &str) -> String {
    match time.split_once('.') {
        None => time.to_owned(),
        Some((seconds, fraction)) => match fraction.trim_end_matches('0') {
            "" => seconds.to_owned(),
            kept => format!("{seconds}.{kept}"),
        },
    }
}

/// Whether there is such a day, by the calendar as it hangs on the wall.
fn exists(date: &str) -> bool {
    let number = |range: std::ops::Range<usize>| date[range].parse::<u32>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let is_leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    let days = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    year > 0 && (1..=12).contains(&month) && (1..=days[month as usize - 1]).contains(&day)
}

/// A name in the clinic's quotes.
pub(crate) fn ticks(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A name in the target's quotes.
pub(crate) fn quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

type Rendered = Vec<Vec<Option<String>>>;

/// Reads a table on both servers and compares it value by value, as a bag of rows.
pub(crate) fn assert_same(pair: &Pair, table: &str, columns: &[(&str, Rule)]) {
    let list = |render: &dyn Fn(&str, Rule) -> String| {
        let mut list = String::new();
        for (i, (name, rule)) in columns.iter().enumerate() {
            let _ = write!(list, "{}{}", if i == 0 { "" } else { ", " }, render(name, *rule));
        }
        list
    };
    let sql = format!("SELECT {} FROM {}", list(&|name, rule| rule.clinic(&ticks(name))), ticks(table));
    let clinic = pair.clinic.query(&sql);
    let mut expected: Rendered = clinic
        .into_iter()
        .map(|row| {
            let cells = row.into_iter().zip(columns);
            cells
                .map(|(cell, (_, rule))| {
                    cell.and_then(|bytes| rule.translate(str::from_utf8(&bytes).expect("plain text")))
                })
                .collect()
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM raw.{}",
        list(&|name, rule| rule.target(&quotes(name))),
        quotes(&table.to_lowercase())
    );
    let target = pair.target.query(&sql);
    let mut found: Rendered = target
        .into_iter()
        .map(|row| {
            let cells = row.into_iter().zip(columns);
            cells.map(|(cell, (_, rule))| cell.map(|text| rule.normal(&text))).collect()
        })
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(expected.len(), found.len(), "rows of {table}");
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found, "a row of {table}, columns {columns:?}");
    }
}

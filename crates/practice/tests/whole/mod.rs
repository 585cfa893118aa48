mod books;
mod contract;
mod figures;
mod group;
mod history;
mod identity;
mod references;
mod repeat;
mod rules;
mod statistics;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bicuspid_model::{Date, DateTime, Value};
use bicuspid_opendental::facts;
use bicuspid_practice::{Practice, Settings, SinkError, Summary};

/// Every row of a practice, by table.
pub(crate) struct Made {
    pub(crate) settings: Settings,
    pub(crate) summary: Summary,
    pub(crate) tables: BTreeMap<&'static str, Vec<Vec<Value>>>,
}

/// One row, its cells by name.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    table: &'static str,
    row: &'a [Value],
}

impl Made {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::of(settings, Practice::new(settings).unwrap())
    }

    /// What that practice makes, which is one of these settings.
    pub(crate) fn of(settings: Settings, practice: Practice) -> Self {
        let mut tables: BTreeMap<&'static str, Vec<Vec<Value>>> = BTreeMap::new();
        let mut sink = |table: &'static str, row: &[Value]| -> Result<(), SinkError> {
            tables.entry(table).or_default().push(row.to_vec());
            Ok(())
        };
        let summary = practice.run(&mut sink).unwrap();
        Self { settings, summary, tables }
    }

    pub(crate) fn rows(&self, table: &'static str) -> impl Iterator<Item = Cells<'_>> {
        self.tables.get(table).into_iter().flatten().map(move |row| Cells { table, row })
    }

    /// Rows by their key.
    pub(crate) fn by_key(&self, table: &'static str) -> BTreeMap<i64, Cells<'_>> {
        let key = facts().table(table).unwrap().key().unwrap().name;
        self.rows(table).map(|row| (row.int(key), row)).collect()
    }
}

impl<'a> Cells<'a> {
    pub(crate) fn cell(&self, column: &str) -> &'a Value {
        let table = facts().table(self.table).unwrap();
        &self.row[table.columns.iter().position(|c| c.name == column).unwrap_or_else(|| panic!("{column}"))]
    }

    pub(crate) fn int(&self, column: &str) -> i64 {
        match self.cell(column) {
            Value::Int(v) => *v,
            other => panic!("{column}: {other:?}"),
        }
    }

    /// Money in cents; it must be a whole number of them.
    pub(crate) fn cents(&self, column: &str) -> i64 {
        let Value::Float(v) = self.cell(column) else { panic!("{column}") };
        let text = format!("{v:.2}");
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), v.to_bits(), "{}.{column}: {v}", self.table);
        text.replace('.', "").parse().unwrap()
    }

    pub(crate) fn text(&self, column: &str) -> &'a str {
        match self.cell(column) {
            Value::Text(v) => v,
            other => panic!("{column}: {other:?}"),
        }
    }

    /// A date, `None` where it is unset.
    pub(crate) fn date(&self, column: &str) -> Option<Date> {
        let date = match self.cell(column) {
            Value::Date(v) => *v,
            Value::DateTime(v) => v.date(),
            other => panic!("{column}: {other:?}"),
        };
        (date.ymd().0 > 1).then_some(date)
    }

    pub(crate) fn time(&self, column: &str) -> DateTime {
        match self.cell(column) {
            Value::DateTime(v) => *v,
            other => panic!("{column}: {other:?}"),
        }
    }
}

/// Whether the sizes are asked for that take long.
#[expect(
    clippy::disallowed_methods,
    reason = "whether to run long is asked of the process, as everywhere in tests"
)]
pub(crate) fn long() -> bool {
    std::env::var_os("BICUSPID_LONG").is_some_and(|value| value == "1")
}

/// A practice of 600 patients over three years that the tests share.
pub(crate) fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| Made::new(Settings::new(600, 20, Date::from_ymd(2026, 3, 2).unwrap())))
}

//! Known dirt: the untidiness of real databases, planted at stated rates and told row by row.
//!
//! The history stays what it is. Between the simulation and whoever writes its rows, a few rows are changed in one
//! column, and a few patients are entered twice. Whether a row is hit hangs on the seed, the kind of dirt and the row's
//! own key, so locations, shards and threads change nothing, and a clean practice of the same seed differs in the planted
//! rows alone.
//! No row has more than one anomaly, and none touches money: the books of a messy practice balance.

mod kinds;
mod list;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use bicuspid_model::{Date, FingerprintKey, Value};
use bicuspid_opendental::{TableFacts, facts};
use bicuspid_practice::{Practice, PracticeError, RowSink, Settings, SinkError, Summary, row_digest};
use serde::Serialize;

use kinds::{Change, RULES, Rule};
pub use kinds::{Condition, Kind};
pub use list::ListFile;
pub(crate) use list::counts_by_kind;

/// Rates are told in this many rows.
const RATE_OF: u128 = 10_000;

/// One planted anomaly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anomaly {
    /// What kind it is of.
    pub kind: Kind,
    /// Table in `raw`.
    pub table: &'static str,
    /// Column of the table's key.
    pub key_column: &'static str,
    /// Key of the row.
    pub key: i64,
    /// The column that was changed; `None` for a row that should not be there at all.
    pub column: Option<&'static str>,
    /// What the column holds; for a row too many, the key of the row that it repeats.
    pub planted: serde_json::Value,
    /// What a clean row holds there; for a row too many, nothing.
    pub clean: serde_json::Value,
    /// Which of the table's rows it is, counted from 0, in the order in which they are written.
    #[serde(skip)]
    pub(crate) ordinal: u64,
}

/// A practice with its anomalies, if it is to have any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    practice: Practice,
    settings: Settings,
    condition: Condition,
}

/// What a source made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Rows and digests by table, of the rows as they were handed out.
    pub(crate) summary: Summary,
    /// In the order in which the rows were handed out.
    pub(crate) anomalies: Vec<Anomaly>,
}

impl Source {
    pub(crate) fn new(settings: Settings, condition: Condition) -> Result<Self, PracticeError> {
        Ok(Self { practice: Practice::new(settings)?, settings, condition })
    }

    /// The same of these locations and no others, counted from 0.
    pub(crate) fn of_locations(self, locations: &Range<u32>) -> Self {
        Self { practice: self.practice.of_locations(locations), ..self }
    }

    /// Lets the practice happen.
    pub(crate) fn run(self, sink: &mut dyn RowSink) -> Result<Made, PracticeError> {
        if self.condition == Condition::Clean {
            return Ok(Made { summary: self.practice.run(sink)?, anomalies: Vec::new() });
        }
        let mut planter = Planter::new(self.settings, sink);
        let mut summary = Summary { tables: Vec::new() };
        for location in self.practice.locations() {
            planter.come_to(location);
            summary.add(self.practice.of_locations(&(location..location + 1)).run(&mut planter)?);
        }
        for table in &mut summary.tables {
            if let Some(change) = planter.changes.get(table.table) {
                table.rows += change.rows;
                table.digest = table.digest.wrapping_add(change.digest);
            }
        }
        Ok(Made { summary, anomalies: planter.anomalies })
    }

    /// Lets the practice happen and keeps no row.
    pub(crate) fn summarise(self) -> Result<Made, PracticeError> {
        self.run(&mut |_: &'static str, _: &[Value]| Ok(()))
    }
}

/// A row that may be hit.
pub(crate) struct Row<'r> {
    facts: &'static TableFacts,
    values: &'r [Value],
    /// The as-of date.
    end_date: Date,
    /// A number that is the row's own.
    number: u64,
}

impl Row<'_> {
    fn value(&self, column: &str) -> Option<&Value> {
        self.values.get(self.facts.position(column)?)
    }
}

/// What planting changed in the summary of a table.
#[derive(Default)]
struct Difference {
    rows: u64,
    digest: u128,
}

/// Where the rows of a table that may be hit stand.
struct Bed {
    facts: &'static TableFacts,
    rules: Vec<(u64, &'static Rule)>,
    key: usize,
    /// Rows handed out so far.
    rows: u64,
}

/// Stands between the practice and the sink.
struct Planter<'s> {
    sink: &'s mut dyn RowSink,
    beds: HashMap<&'static str, Bed>,
    chance: FingerprintKey,
    settings: Settings,
    /// The location whose rows come.
    location: u32,
    /// The number there that the next patient who is entered twice gets; it follows those of everybody else.
    next_patient: i64,
    changes: BTreeMap<&'static str, Difference>,
    anomalies: Vec<Anomaly>,
}

impl<'s> Planter<'s> {
    fn new(settings: Settings, sink: &'s mut dyn RowSink) -> Self {
        let mut beds: HashMap<&'static str, Bed> = HashMap::new();
        for (number, rule) in (0_u64..).zip(RULES) {
            let Some(facts) = facts().table(rule.table) else { continue };
            let key = facts.columns.iter().position(|column| column.primary_key).unwrap_or_default();
            let bed =
                beds.entry(rule.table).or_insert_with(|| Bed { facts, rules: Vec::new(), key, rows: 0 });
            bed.rules.push((number, rule));
        }
        let mut chance = *b"planted anomaly.";
        for (byte, of_seed) in chance.iter_mut().zip(settings.seed.to_le_bytes()) {
            *byte ^= of_seed;
        }
        Self {
            sink,
            beds,
            chance: FingerprintKey::new(chance),
            settings,
            location: 0,
            next_patient: 1,
            changes: BTreeMap::new(),
            anomalies: Vec::new(),
        }
    }

    /// The rows of a location follow.
    fn come_to(&mut self, location: u32) {
        self.location = location;
        self.next_patient = i64::from(self.settings.patients_at(location)) + 1;
    }

    /// The first rule that hits the row, and what it makes of it.
    fn hit(&self, bed: &Bed, values: &[Value]) -> Option<(&'static Rule, i64, Change)> {
        let Some(Value::Int(key)) = values.get(bed.key) else { return None };
        bed.rules.iter().find_map(|(number, rule)| {
            let mut bytes = [0; 16];
            let (of_rule, of_row) = bytes.split_at_mut(8);
            of_rule.copy_from_slice(&number.to_le_bytes());
            of_row.copy_from_slice(&key.to_le_bytes());
            let drawn = self.chance.hash(&bytes);
            if drawn % RATE_OF >= u128::from(rule.per_10_000) {
                return None;
            }
            let number = u64::try_from((drawn / RATE_OF) & u128::from(u64::MAX)).unwrap_or_default();
            let row = Row { facts: bed.facts, values, end_date: self.settings.end_date, number };
            (rule.plant)(&row).map(|change| (*rule, *key, change))
        })
    }

    fn plant(
        &mut self,
        table: &'static str,
        values: &[Value],
        (rule, key, change): (&'static Rule, i64, Change),
    ) -> Result<(), SinkError> {
        let Some(bed) = self.beds.get_mut(table) else { return self.sink.row(table, values) };
        let difference = self.changes.entry(table).or_default();
        let key_column = bed.facts.columns.get(bed.key).map_or("", |column| column.name);
        let mut anomaly = Anomaly {
            kind: rule.kind,
            table,
            key_column,
            key,
            column: None,
            planted: key.into(),
            clean: serde_json::Value::Null,
            ordinal: bed.rows,
        };
        let mut changed = values.to_vec();
        match change {
            Change::Cell(value) => {
                let position = bed.facts.position(rule.column).unwrap_or_default();
                anomaly.column = Some(rule.column);
                anomaly.planted = list::shown(&value);
                if let Some(cell) = changed.get_mut(position) {
                    anomaly.clean = list::shown(&std::mem::replace(cell, value));
                }
                difference.digest = difference.digest.wrapping_sub(row_digest(values));
            }
            Change::Twice(cells) => {
                self.sink.row(table, values)?;
                anomaly.ordinal += 1;
                bed.rows += 1;
                difference.rows += 1;
                anomaly.key = self.settings.key_at(self.location, self.next_patient);
                self.next_patient += 1;
                let own = [(bed.facts.columns.get(bed.key).map_or("", |c| c.name), Value::Int(anomaly.key))];
                let account = [("Guarantor", Value::Int(anomaly.key))];
                for (column, value) in own.into_iter().chain(account).chain(cells) {
                    if let Some(cell) = bed.facts.position(column).and_then(|at| changed.get_mut(at)) {
                        *cell = value;
                    }
                }
            }
        }
        difference.digest = difference.digest.wrapping_add(row_digest(&changed));
        bed.rows += 1;
        self.anomalies.push(anomaly);
        self.sink.row(table, &changed)
    }
}

impl RowSink for Planter<'_> {
    fn row(&mut self, table: &'static str, row: &[Value]) -> Result<(), SinkError> {
        let hit = self.beds.get(table).and_then(|bed| self.hit(bed, row));
        if let Some(hit) = hit {
            return self.plant(table, row, hit);
        }
        if let Some(bed) = self.beds.get_mut(table) {
            bed.rows += 1;
        }
        self.sink.row(table, row)
    }
}

//! What a day at the office changes: the same history looked at in the morning and in the evening.

use std::collections::{BTreeMap, HashMap};

use bicuspid_model::{DateTime, Value};
use bicuspid_opendental::{TableFacts, facts};
use bicuspid_practice::{Practice, PracticeError, Settings, SinkError, living_tables, row_digest};

/// A change of one row.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) table: &'static TableFacts,
    pub(crate) key: i64,
    pub(crate) what: What,
}

/// What happens to the row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// It is made, with these values.
    Insert(Vec<Value>),
    /// These cells of it change.
    Edit {
        /// Positions of columns, and what they hold now.
        cells: Vec<(usize, Value)>,
        /// Whether the row's stamp moves too.
        stamped: bool,
    },
    /// It goes.
    Delete,
}

/// Digests of the rows of a practice, by table and key.
type Seen = HashMap<&'static str, HashMap<i64, u128>>;
/// Rows of a practice, by table and key.
type RowsOf = HashMap<&'static str, BTreeMap<i64, Vec<Value>>>;

/// The days after the as-of date, one after the other.
#[derive(Debug)]
pub(crate) struct Days {
    practice: Practice,
    settings: Settings,
    /// Days that have passed since the as-of date.
    passed: i32,
    /// The rows as they stand on that morning; none before the first look.
    seen: Option<Seen>,
}

impl Days {
    /// The days of a practice, after so many that have passed.
    pub(crate) fn new(settings: Settings, passed: i32) -> Result<Self, PracticeError> {
        Ok(Self { practice: Practice::new(settings)?, settings, passed, seen: None })
    }

    /// Lets one more day pass, and says what it changes, in the order in which it happens.
    pub(crate) fn pass(&mut self) -> Result<Vec<Change>, PracticeError> {
        let mut before = match self.seen.take() {
            Some(seen) => seen,
            None => self.look(self.passed, |_, _, _, _| ())?,
        };
        let (mut made, mut edited) = (RowsOf::new(), RowsOf::new());
        let after = self.look(self.passed + 1, |table, key, digest, row| {
            let rows = match before.get_mut(table.name).and_then(|rows| rows.remove(&key)) {
                Some(was) if was == digest => return,
                Some(_) => &mut edited,
                None => &mut made,
            };
            rows.entry(table.name).or_default().insert(key, row.to_vec());
        })?;
        // Whatever is left of the morning is gone in the evening.
        let mut changes = Vec::new();
        for (name, rows) in before {
            let Some(table) = facts().table(name) else { continue };
            changes.extend(rows.into_keys().map(|key| Change { table, key, what: What::Delete }));
        }
        self.look(self.passed, |table, key, _, old| {
            let Some(new) = edited.get(table.name).and_then(|rows| rows.get(&key)) else { return };
            changes.extend(edit(table, old, new).map(|what| Change { table, key, what }));
        })?;
        for (name, rows) in &mut made {
            let Some(table) = facts().table(name) else { continue };
            let rows = std::mem::take(rows).into_iter();
            changes.extend(rows.map(|(key, row)| Change { table, key, what: What::Insert(row) }));
        }
        let morning = self.settings.end_date.plus_days(self.passed).midnight();
        in_order(&mut changes, &edited, morning);
        self.seen = Some(after);
        self.passed += 1;
        Ok(changes)
    }

    /// Looks at every row as it stands so many days after the as-of date.
    fn look(
        &self,
        days: i32,
        mut see: impl FnMut(&'static TableFacts, i64, u128, &[Value]),
    ) -> Result<Seen, PracticeError> {
        let tables: HashMap<&str, (&'static TableFacts, usize)> = living_tables()
            .filter_map(|name| {
                let table = facts().table(name)?;
                Some((name, (table, table.columns.iter().position(|c| c.primary_key)?)))
            })
            .collect();
        let mut seen = Seen::new();
        let mut sink = |name: &'static str, row: &[Value]| -> Result<(), SinkError> {
            let Some((table, position)) = tables.get(name) else { return Ok(()) };
            let Some(Value::Int(key)) = row.get(*position) else {
                return Err(SinkError::new("a key that is no number"));
            };
            let digest = row_digest(row);
            seen.entry(name).or_default().insert(*key, digest);
            see(table, *key, digest, row);
            Ok(())
        };
        self.practice.days_later(days)?.run(&mut sink)?;
        Ok(seen)
    }
}

/// The edit that makes one row of another, unless only a stamp moved.
fn edit(table: &TableFacts, old: &[Value], new: &[Value]) -> Option<What> {
    let differ = |position: &usize| old.get(*position) != new.get(*position);
    let (stamps, others): (Vec<usize>, Vec<usize>) = (0..table.columns.len())
        .filter(differ)
        .partition(|position| table.columns.get(*position).is_some_and(|c| c.on_update));
    let cells: Vec<_> = others.iter().filter_map(|p| Some((*p, new.get(*p)?.clone()))).collect();
    (!cells.is_empty()).then_some(What::Edit { cells, stamped: !stamps.is_empty() })
}

/// Puts changes into the order in which they happen: by the moment that the row tells of, and never before the rows of
/// the day that it refers to.
fn in_order(changes: &mut Vec<Change>, edited: &RowsOf, morning: DateTime) {
    let places: HashMap<(&str, i64), usize> =
        changes.iter().enumerate().map(|(i, change)| ((change.table.name, change.key), i)).collect();
    let rows: Vec<Option<&[Value]>> = changes
        .iter()
        .map(|change| match &change.what {
            What::Insert(row) => Some(row.as_slice()),
            What::Edit { .. } => {
                edited.get(change.table.name).and_then(|rows| rows.get(&change.key)).map(Vec::as_slice)
            }
            What::Delete => None,
        })
        .collect();
    let mut order = Order { changes, rows: &rows, places: &places, morning, known: vec![None; rows.len()] };
    let mut keyed: Vec<_> = (0..rows.len()).map(|place| (order.of(place, 0), place)).collect();
    keyed.sort_by_key(|(when, place)| {
        (*when, changes.get(*place).map(|change| (change.table.name, change.key)))
    });
    let mut sorted: Vec<Option<Change>> = std::mem::take(changes).into_iter().map(Some).collect();
    changes.extend(keyed.iter().filter_map(|(_, place)| sorted.get_mut(*place).and_then(Option::take)));
}

/// When something happens: its moment, and how many rows of the same moment come before it.
type When = (DateTime, u32);

/// Most rows that are followed from one to the next; a ring of references ends there.
const FOLLOWED_MAX: u32 = 8;

struct Order<'c> {
    changes: &'c [Change],
    rows: &'c [Option<&'c [Value]>],
    places: &'c HashMap<(&'static str, i64), usize>,
    morning: DateTime,
    known: Vec<Option<When>>,
}

impl Order<'_> {
    fn of(&mut self, place: usize, followed: u32) -> When {
        if let Some(Some(when)) = self.known.get(place) {
            return *when;
        }
        // What goes, goes when the day is over, after whatever pointed to it has changed.
        let evening = self.morning.plus_seconds(24 * 3600);
        let (Some(change), Some(Some(row))) = (self.changes.get(place), self.rows.get(place).copied()) else {
            return (evening, 0);
        };
        let mut when = (moment(change.table, row, self.morning), 0);
        if followed < FOLLOWED_MAX {
            for (column, value) in change.table.columns.iter().zip(row) {
                let (Some(to), Value::Int(key)) = (column.references, value) else { continue };
                let Some(next) = self.places.get(&(to.table, *key)).copied().filter(|p| *p != place) else {
                    continue;
                };
                let made = self.changes.get(next).is_some_and(|c| matches!(c.what, What::Insert(_)));
                if made {
                    let (at, depth) = self.of(next, followed + 1);
                    when = when.max((at, depth + 1));
                }
            }
            if let Some(known) = self.known.get_mut(place) {
                *known = Some(when);
            }
        }
        when
    }
}

/// The moment of the day that a row tells of: that of its stamp, or the latest one that it holds; the morning if it holds
/// none, so that it comes with what it refers to.
fn moment(table: &TableFacts, row: &[Value], morning: DateTime) -> DateTime {
    let evening = morning.plus_seconds(24 * 3600);
    let within = |value: &Value| match value {
        Value::DateTime(at) if (morning..evening).contains(at) => Some(*at),
        _ => None,
    };
    let stamps = table.columns.iter().zip(row).filter(|(column, _)| column.on_update);
    let stamp = stamps.filter_map(|(_, value)| within(value)).max();
    stamp.or_else(|| row.iter().filter_map(within).max()).unwrap_or(morning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::Date;
    use std::collections::BTreeSet;

    const DAYS: i32 = 12;

    fn days(passed: i32) -> Days {
        Days::new(Settings::new(40, 3, Date::from_ymd(2026, 3, 2).unwrap()), passed).unwrap()
    }

    #[test]
    fn days_make_the_same_practice_as_the_history_does() {
        let mut days = days(0);
        let mut held: RowsOf = RowsOf::new();
        days.look(0, |table, key, _, row| _ = held.entry(table.name).or_default().insert(key, row.to_vec()))
            .unwrap();
        let mut kinds = BTreeSet::new();
        for _ in 0..DAYS {
            for Change { table, key, what } in days.pass().unwrap() {
                let rows = held.entry(table.name).or_default();
                kinds.insert(match what {
                    What::Insert(row) => {
                        assert!(rows.insert(key, row).is_none(), "{} {key}", table.name);
                        0
                    }
                    What::Edit { cells, .. } => {
                        let row = rows.get_mut(&key).unwrap();
                        for (position, value) in cells {
                            assert_ne!(row[position], value);
                            row[position] = value;
                        }
                        1
                    }
                    What::Delete => {
                        rows.remove(&key).unwrap();
                        2
                    }
                });
            }
        }
        assert!(kinds.is_superset(&[0, 1].into()), "{kinds:?}");
        let mut compared = 0;
        days.look(DAYS, |table, key, _, row| {
            let kept = &held[table.name][&key];
            for (position, column) in table.columns.iter().enumerate().filter(|(_, c)| !c.on_update) {
                assert_eq!(kept[position], row[position], "{}.{} {key}", table.name, column.name);
            }
            compared += 1;
        })
        .unwrap();
        assert_eq!(compared, held.values().map(BTreeMap::len).sum::<usize>());
    }

    #[test]
    fn a_day_is_the_same_whenever_it_is_looked_at() {
        let mut first = days(0);
        for _ in 0..4 {
            first.pass().unwrap();
        }
        let told = |changes: Vec<Change>| -> Vec<_> {
            changes.into_iter().map(|change| (change.table.name, change.key, change.what)).collect()
        };
        let later = told(days(4).pass().unwrap());
        assert_eq!(told(first.pass().unwrap()), later);
        assert!(!later.is_empty());
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let mut days = days(0);
        let mut checked = 0;
        for _ in 0..DAYS {
            let changes = days.pass().unwrap();
            let mut made: BTreeMap<(&str, i64), usize> = BTreeMap::new();
            for (i, change) in changes.iter().enumerate() {
                if matches!(change.what, What::Insert(_)) {
                    made.insert((change.table.name, change.key), i);
                }
            }
            for (i, change) in changes.iter().enumerate() {
                let What::Insert(row) = &change.what else { continue };
                for (column, value) in change.table.columns.iter().zip(row) {
                    let (Some(to), Value::Int(key)) = (column.references, value) else { continue };
                    if let Some(place) = made.get(&(to.table, *key)).filter(|place| **place != i) {
                        assert!(place < &i, "{}.{} -> {}", change.table.name, column.name, to.table);
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 20, "{checked}");
    }
}

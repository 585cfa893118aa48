//! The lists that an office keeps in the program: what its people choose from, and the program's own settings.
//!
//! They are text files beside this one. `[table] Column, Column` names a table and the columns that its lines give,
//! separated by `|`; columns that are not named, and cells that are left empty, keep the program's own idea of empty. A
//! line `+table cells` adds one row to another table that was named before. Lines under `@dbt` or `@stock` belong to that
//! preset alone, those under `@all` to every one. In a cell, `<` is the key of the row last added to the table that the
//! column points to, a procedure code stands for its key, the name of a member for its number, and `@day` and `@time` for
//! the day on which the program was set up.

use bicuspid_model::{DateTime, SourceType, Value};
use bicuspid_opendental::{ColumnFacts, facts};

use crate::arena::Key as _;
use crate::codes;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::settings::Preset;

const FILES: &[&str] = &[
    include_str!("lists/definitions.txt"),
    include_str!("lists/desk.txt"),
    include_str!("lists/program.txt"),
    include_str!("lists/clinical.txt"),
    include_str!("lists/money.txt"),
    include_str!("lists/stores.txt"),
];

/// Columns that the lines of a table give.
struct Head {
    rows: Rows,
    table: &'static str,
    columns: Vec<&'static ColumnFacts>,
    /// Key of the row last added.
    last: i64,
    /// Whether the lines give the key themselves.
    keyed: bool,
}

/// Hands out every list.
pub(crate) fn emit(out: &mut Emitter<'_>, stamp: DateTime, preset: Preset) -> Result<(), PracticeError> {
    FILES.iter().try_for_each(|file| emit_file(file, out, stamp, preset))
}

fn emit_file(
    file: &'static str,
    out: &mut Emitter<'_>,
    stamp: DateTime,
    preset: Preset,
) -> Result<(), PracticeError> {
    let mut heads: Vec<Head> = Vec::new();
    let mut current = 0;
    let mut applies = true;
    let mut order = Order::default();
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('@') {
            applies = match name {
                "dbt" => preset == Preset::Dbt,
                "stock" => preset == Preset::Stock,
                _ => true,
            };
        } else if let Some((table, columns)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            current = heads.len();
            applies = true;
            heads.push(Head::new(table, columns)?);
        } else if applies {
            let (at, cells) = match line.strip_prefix('+').and_then(|rest| rest.split_once(' ')) {
                Some((table, cells)) => {
                    let at = heads.iter().position(|h| h.table == table);
                    (at.ok_or(PracticeError::Fault("list"))?, cells)
                }
                None => (current, line),
            };
            let values = values(&heads, at, cells, stamp)?;
            let head = heads.get_mut(at).ok_or(PracticeError::Fault("list"))?;
            let place = order.place(head, &values);
            head.last = head.add(out, stamp, values, place)?;
        }
    }
    Ok(())
}

/// The place of each definition in its list.
#[derive(Default)]
struct Order {
    list: Option<i64>,
    place: i64,
}

impl Order {
    fn place(&mut self, head: &Head, values: &[Option<Value>]) -> Option<i64> {
        if head.table != "definition" {
            return None;
        }
        let list = match values.get(1) {
            Some(Some(Value::Int(list))) => Some(*list),
            _ => None,
        };
        // Behind those that the history itself uses.
        self.place = if self.list == list { self.place + 1 } else { 20 };
        self.list = list;
        Some(self.place)
    }
}

impl Head {
    fn new(name: &'static str, columns: &'static str) -> Result<Self, PracticeError> {
        let rows = Rows::named(name).ok_or(PracticeError::Fault(name))?;
        let table = facts().table(name).ok_or(PracticeError::Fault(name))?;
        let columns: Vec<&ColumnFacts> = columns
            .split(',')
            .map(|column| table.column(column.trim()).ok_or(PracticeError::Fault(column)))
            .collect::<Result<_, _>>()?;
        let keyed = columns.iter().any(|c| c.primary_key);
        Ok(Self { rows, table: table.name, columns, last: 0, keyed })
    }

    fn add(
        &self,
        out: &mut Emitter<'_>,
        stamp: DateTime,
        values: Vec<Option<Value>>,
        place: Option<i64>,
    ) -> Result<i64, PracticeError> {
        let key = match values.first() {
            Some(Some(Value::Int(key))) => *key,
            _ => 0,
        };
        let fill = |row: &mut crate::emit::Row<'_>| {
            for (column, value) in self.columns.iter().zip(values) {
                if let Some(value) = value {
                    row.set(column.name, value);
                }
            }
            if let Some(place) = place {
                row.set("ItemOrder", place);
            }
        };
        if self.keyed {
            out.row(self.rows, stamp, fill)?;
            Ok(key)
        } else {
            out.add(self.rows, stamp, fill)
        }
    }
}

/// The cells of a line; `None` for those that are empty.
fn values(
    heads: &[Head],
    at: usize,
    cells: &'static str,
    stamp: DateTime,
) -> Result<Vec<Option<Value>>, PracticeError> {
    let head = heads.get(at).ok_or(PracticeError::Fault("list"))?;
    let cells: Vec<&'static str> = cells.split('|').map(str::trim).collect();
    if cells.len() != head.columns.len() {
        return Err(PracticeError::Fault(head.table));
    }
    let value = |(column, cell): (&&'static ColumnFacts, &'static str)| {
        if cell.is_empty() {
            return Ok(None);
        }
        let last = |table: &str| heads.iter().find(|h| h.table == table).map_or(0, |h| h.last);
        value(column, cell, stamp, last).map(Some).ok_or(PracticeError::Fault(column.name))
    };
    head.columns.iter().zip(cells).map(value).collect()
}

fn value(
    column: &ColumnFacts,
    cell: &'static str,
    stamp: DateTime,
    last: impl Fn(&str) -> i64,
) -> Option<Value> {
    match &column.source {
        SourceType::Text(_) => {
            let member = column.enumeration.and_then(|name| facts().enumeration(name));
            Some(Value::from(member.and_then(|m| m.stored(cell)).unwrap_or(cell)))
        }
        SourceType::Float | SourceType::Double => cell.parse().ok().map(Value::Float),
        SourceType::Date => (cell == "@day").then(|| stamp.date().into()),
        SourceType::DateTime | SourceType::Timestamp => (cell == "@time").then(|| stamp.into()),
        SourceType::Time => {
            let (hour, minute) = cell.split_once(':')?;
            let minutes = hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?;
            Some(Value::Time(minutes * 60_000_000))
        }
        _ => {
            let to = column.references.map(|r| r.table);
            let number = match to {
                Some(table) if cell == "<" => Some(last(table)),
                Some("procedurecode") => Some(codes::find(cell).0.num()).filter(|n| *n > 0),
                _ => None,
            };
            let member = || facts().enumeration(column.enumeration?)?.stored(cell)?.parse().ok();
            number.or_else(|| cell.parse().ok()).or_else(member).map(Value::Int)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::Date;
    use std::collections::BTreeMap;

    type Taken = BTreeMap<&'static str, Vec<Vec<Value>>>;

    fn taken(preset: Preset) -> Taken {
        let mut rows = Taken::new();
        let mut sink = |table: &'static str, row: &[Value]| -> Result<(), crate::SinkError> {
            rows.entry(table).or_default().push(row.to_vec());
            Ok(())
        };
        let mut out = Emitter::new(crate::group::tests::only(), &mut sink).unwrap();
        emit(&mut out, Date::from_ymd(2023, 1, 2).unwrap().midnight(), preset).unwrap();
        rows
    }

    fn cell<'r>(table: &str, row: &'r [Value], column: &str) -> &'r Value {
        &row[facts().table(table).unwrap().position(column).unwrap()]
    }

    #[test]
    fn lists_are_read_whole() {
        let rows = taken(Preset::Dbt);
        assert!(rows.len() > 50, "{}", rows.len());
        let item = &rows["autocodeitem"][1];
        assert_eq!(*cell("autocodeitem", item, "AutoCodeNum"), Value::Int(1));
        assert_eq!(*cell("autocodeitem", item, "CodeNum"), Value::Int(codes_num("D2150")));
        let condition = &rows["autocodecond"][4];
        assert_eq!(*cell("autocodecond", condition, "AutoCodeItemNum"), Value::Int(4));
        assert_eq!(*cell("autocodecond", condition, "Cond"), Value::Int(4));
        let view = &rows["apptview"][0];
        assert_eq!(*cell("apptview", view, "OnlySchedAfterTime"), Value::Time(7 * 3_600_000_000));
    }

    fn codes_num(code: &str) -> i64 {
        codes::find(code).0.num()
    }

    #[test]
    fn presets_differ_where_they_must_and_nowhere_else() {
        let (dbt, stock) = (taken(Preset::Dbt), taken(Preset::Stock));
        for (table, rows) in &dbt {
            let same = !["definition", "appointmenttype"].contains(table);
            assert_eq!(rows == &stock[table], same, "{table}");
        }
        let named = |rows: &Taken| {
            rows["appointmenttype"]
                .iter()
                .any(|row| *cell("appointmenttype", row, "AppointmentTypeName") == Value::from("4BWX"))
        };
        assert!(named(&dbt) && !named(&stock));
    }

    #[test]
    fn a_line_that_does_not_fit_is_a_fault() {
        let stamp = Date::from_ymd(2023, 1, 2).unwrap().midnight();
        for file in [
            "[letter] Description\nA | B\n",
            "[nothing] Description\nA\n",
            "[letter] Nothing\nA\n",
            "[account] AcctType\nMisspelt\n",
            "[letter] Description\n+account A\n",
        ] {
            let mut sink = |_: &'static str, _: &[Value]| -> Result<(), crate::SinkError> { Ok(()) };
            let mut out = Emitter::new(crate::group::tests::only(), &mut sink).unwrap();
            assert!(
                matches!(emit_file(file, &mut out, stamp, Preset::Dbt), Err(PracticeError::Fault(_))),
                "{file}"
            );
        }
    }
}

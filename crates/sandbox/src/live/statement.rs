//! Changes as statements, as a front desk's program sends them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bicuspid_model::Value;
use bicuspid_opendental::{ColumnFacts, TableFacts};

use super::day::{Change, What};

/// Patients that were merged into others.
#[derive(Debug, Default, Clone)]
pub(crate) struct Merged(BTreeMap<i64, i64>);

impl Merged {
    pub(crate) fn new(pairs: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Merges one patient into another.
    pub(crate) fn merge(&mut self, from: i64, into: i64) {
        self.0.insert(from, into);
    }

    pub(crate) fn pairs(&self) -> Vec<(i64, i64)> {
        self.0.iter().map(|(from, into)| (*from, *into)).collect()
    }

    /// Whether the patient is there only as what remained of a merge.
    pub(crate) fn is_merged(&self, patient: i64) -> bool {
        self.0.contains_key(&patient)
    }

    /// Who the patient is by now.
    pub(crate) fn now(&self, patient: i64) -> i64 {
        let mut patient = patient;
        // Nobody is merged into somebody who was merged away, so this ends.
        while let Some(into) = self.0.get(&patient) {
            patient = *into;
        }
        patient
    }
}

/// Whether a column names a patient whom the row is about, and so is rewritten when patients are merged.
pub(crate) fn names_patient(column: &ColumnFacts) -> bool {
    !column.primary_key && column.references.is_some_and(|to| to.table == "patient")
}

/// The statement for a change; `None` if there is nothing left to change.
pub(crate) fn text(change: &Change, merged: &Merged) -> Option<String> {
    let table = change.table;
    let key = table.key()?.name;
    let name = table.name;
    let value = |column: &ColumnFacts, value: &Value| match value {
        Value::Int(patient) if names_patient(column) => Value::Int(merged.now(*patient)),
        other => other.clone(),
    };
    let mut text = String::new();
    match &change.what {
        What::Insert(row) => {
            // The server stamps the row itself.
            let cells: Vec<_> = table.columns.iter().zip(row).filter(|(c, _)| !c.on_update).collect();
            let names: Vec<String> = cells.iter().map(|(column, _)| format!("`{}`", column.name)).collect();
            _ = write!(text, "INSERT INTO `{name}` ({}) VALUES (", names.join(", "));
            for (i, (column, cell)) in cells.into_iter().enumerate() {
                text.push_str(if i > 0 { ", " } else { "" });
                literal(&value(column, cell), &mut text);
            }
            text.push(')');
        }
        What::Edit { .. } if name == "patient" && merged.is_merged(change.key) => return None,
        What::Edit { cells, stamped } => {
            _ = write!(text, "UPDATE `{name}` SET ");
            for (i, (position, cell)) in cells.iter().enumerate() {
                let column = table.columns.get(*position)?;
                _ = write!(text, "{}`{}` = ", if i > 0 { ", " } else { "" }, column.name);
                literal(&value(column, cell), &mut text);
            }
            if !stamped {
                text.push_str(&pinned(table));
            }
            _ = write!(text, " WHERE `{key}` = {}", change.key);
        }
        What::Delete => _ = write!(text, "DELETE FROM `{name}` WHERE `{key}` = {}", change.key),
    }
    Some(text)
}

/// Assignments that keep the server from stamping a row.
pub(crate) fn pinned(table: &TableFacts) -> String {
    let mut text = String::new();
    for column in table.columns.iter().filter(|c| c.on_update) {
        _ = write!(text, ", `{0}` = `{0}`", column.name);
    }
    text
}

/// A value as a literal, under an SQL mode that escapes with backslashes.
fn literal(value: &Value, text: &mut String) {
    // Writing to a string cannot fail.
    _ = match value {
        Value::Null => write!(text, "NULL"),
        Value::Int(v) => write!(text, "{v}"),
        Value::UInt(v) => write!(text, "{v}"),
        Value::Float(v) => write!(text, "{v:e}"),
        Value::Decimal(v) => write!(text, "{v}"),
        Value::Date(v) => write!(text, "'{v}'"),
        Value::DateTime(v) => write!(text, "'{v}'"),
        Value::Time(v) => {
            let (sign, micros) = (if *v < 0 { "-" } else { "" }, v.unsigned_abs());
            let seconds = micros / 1_000_000;
            let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            write!(text, "'{sign}{hours:02}:{minutes:02}:{seconds:02}.{:06}'", micros % 1_000_000)
        }
        Value::Text(v) => {
            text.push('\'');
            for character in v.chars() {
                if matches!(character, '\'' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            write!(text, "'")
        }
        Value::Bytes(v) => {
            text.push_str("X'");
            for byte in v {
                _ = write!(text, "{byte:02X}");
            }
            write!(text, "'")
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_opendental::facts;

    fn edit(table: &str, column: &str, value: Value, stamped: bool) -> Change {
        let table = facts().table(table).unwrap();
        let cells = vec![(table.position(column).unwrap(), value)];
        Change { table, key: 7, what: What::Edit { cells, stamped } }
    }

    #[test]
    fn an_edit_pins_the_stamp_or_lets_it_move() {
        let none = Merged::default();
        let remark = edit("commlog", "Note", Value::text("it's \\ so"), true);
        assert_eq!(
            text(&remark, &none).unwrap(),
            "UPDATE `commlog` SET `Note` = 'it\\'s \\\\ so' WHERE `CommlogNum` = 7"
        );
        let remark = edit("commlog", "Note", Value::text("so"), false);
        assert_eq!(
            text(&remark, &none).unwrap(),
            "UPDATE `commlog` SET `Note` = 'so', `DateTStamp` = `DateTStamp` WHERE `CommlogNum` = 7"
        );
    }

    #[test]
    fn rows_of_merged_patients_are_about_the_other_one() {
        let merged = Merged::new([(3, 5), (5, 9)]);
        assert_eq!((merged.now(3), merged.now(5), merged.now(4)), (9, 9, 4));
        let moved = edit("commlog", "PatNum", Value::Int(3), true);
        assert!(text(&moved, &merged).unwrap().contains("`PatNum` = 9"));
        let mut gone = edit("patient", "EstBalance", Value::Float(1.0), true);
        assert!(text(&gone, &merged).is_some());
        gone.key = 3;
        assert_eq!(text(&gone, &merged), None);
    }

    #[test]
    fn the_server_stamps_what_is_made() {
        let table = facts().table("toothinitial").unwrap();
        let row = vec![Value::Int(1); table.columns.len()];
        let made = text(&Change { table, key: 1, what: What::Insert(row) }, &Merged::default()).unwrap();
        assert!(made.starts_with("INSERT INTO `toothinitial` (`ToothInitialNum`, "), "{made}");
        assert!(!made.contains("SecDateTEdit"));
    }
}

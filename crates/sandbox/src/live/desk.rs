//! What happens at a desk beside the history: slips of the hand and of programs, which leave no trace where one is looked
//! for.

use bicuspid_opendental::{Reference, TableFacts, facts};

use super::chance::Chance;
use super::statement::{names_patient, pinned};

/// Columns with remarks, which other programs write into without a stamp.
const REMARKS: &[(&str, &str)] = &[
    ("appointment", "Note"),
    ("claimproc", "Remarks"),
    ("commlog", "Note"),
    ("patient", "AddrNote"),
    ("payment", "PayNote"),
    ("procedurelog", "BillingNote"),
    // Tables without a stamp.
    ("histappointment", "Note"),
    ("procnote", "Note"),
];

/// Tables of which entries made by mistake are taken out for good.
const DELETED: &[&str] = &["commlog", "toothinitial", "smsfrommobile", "statementprod"];

/// Somebody of the patients that follow `from`, or the first of all.
fn near(table: &TableFacts, key: &str, from: u64, condition: &str) -> String {
    let name = table.name;
    format!(
        "(SELECT `{key}` FROM `{name}` WHERE `{key}` >= {from} AND {condition} ORDER BY `{key}` LIMIT 1) UNION ALL \
         (SELECT `{key}` FROM `{name}` WHERE {condition} ORDER BY `{key}` LIMIT 1) LIMIT 1"
    )
}

/// Something that a desk does, in two steps: rows are chosen by asking, then changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slip {
    /// A remark that leaves the stamp where it was.
    Remark {
        /// Place in [`REMARKS`].
        place: usize,
    },
    /// A row that is deleted.
    Delete {
        /// Place in [`DELETED`].
        place: usize,
    },
    /// Many rows edited by one statement.
    Bulk {
        /// Which of the three.
        place: usize,
    },
    /// Two records of one patient that become one.
    Merge,
}

impl Slip {
    pub(crate) fn remark(chance: &mut Chance) -> Self {
        Self::Remark { place: chance.below_len(REMARKS.len()) }
    }

    pub(crate) fn delete(chance: &mut Chance) -> Self {
        Self::Delete { place: chance.below_len(DELETED.len()) }
    }

    pub(crate) fn bulk(chance: &mut Chance) -> Self {
        Self::Bulk { place: chance.below_len(3) }
    }

    /// The table that it is about.
    pub(crate) fn table(&self) -> &'static str {
        match self {
            Self::Remark { place } => REMARKS.get(*place).map_or("", |(table, _)| table),
            Self::Delete { place } => DELETED.get(*place).copied().unwrap_or_default(),
            Self::Bulk { place } => {
                ["fee", "appointment", "patient"].get(*place).copied().unwrap_or_default()
            }
            Self::Merge => "patient",
        }
    }

    /// The question whose answer, the keys of rows, says what is changed; `most` is the highest key of the table.
    pub(crate) fn question(&self, most: u64, chance: &mut Chance) -> Option<String> {
        let table = facts().table(self.table())?;
        let key = table.key()?.name;
        // Mostly something of late.
        let from =
            if chance.below(4) > 0 { most / 4 * 3 + chance.below(most / 4 + 1) } else { chance.below(most) };
        match self {
            Self::Remark { .. } | Self::Delete { .. } => Some(near(table, key, from, "TRUE")),
            Self::Bulk { .. } => None,
            // One record with a guarantor, so that no family loses its own, and a second one beside it.
            Self::Merge => Some(format!(
                "{}; {}",
                near(table, key, chance.below(most), "`PatStatus` = 0 AND `Guarantor` <> `PatNum`"),
                near(table, key, chance.below(most), "`PatStatus` = 0 AND `Guarantor` = `PatNum`"),
            )),
        }
    }

    /// The statements, by the answer to the question; the last one counts. `number` tells this slip from others.
    pub(crate) fn statements(&self, keys: &[i64], number: u64, chance: &mut Chance) -> Option<Vec<String>> {
        let table = facts().table(self.table())?;
        let (name, key) = (table.name, table.key()?.name);
        match (self, keys) {
            (Self::Remark { place }, [row, ..]) => {
                let (_, column) = REMARKS.get(*place)?;
                let pinned = pinned(table);
                Some(vec![format!(
                    "UPDATE `{name}` SET `{column}` = 'Looked at, {number}.'{pinned} WHERE `{key}` = {row}"
                )])
            }
            (Self::Delete { .. }, [row, ..]) => {
                let to = Reference { table: name, column: key };
                let forget = |(other, column): (&str, &str)| {
                    format!("UPDATE `{other}` SET `{column}` = 0 WHERE `{column}` = {row}")
                };
                let mut statements: Vec<String> = references(to).map(forget).collect();
                statements.push(format!("DELETE FROM `{name}` WHERE `{key}` = {row}"));
                Some(statements)
            }
            (Self::Bulk { place }, _) => Some(vec![match place {
                0 => format!(
                    "UPDATE `fee` SET `Amount` = `Amount` + 1 WHERE `FeeSched` = {} AND `CodeNum` % 3 = {}",
                    1 + chance.below(5),
                    chance.below(3)
                ),
                1 => format!(
                    "UPDATE `appointment` SET `Note` = 'New door code from today, {number}.' WHERE `AptStatus` = 1"
                ),
                _ => format!(
                    "UPDATE `patient` SET `PreferRecallMethod` = (`PreferRecallMethod` + 1) % 6 WHERE `PatNum` % 4 = {}",
                    chance.below(4)
                ),
            }]),
            (Self::Merge, [from, into]) => {
                let mut statements: Vec<String> = patients()
                    .map(|(table, column)| {
                        format!("UPDATE `{table}` SET `{column}` = {into} WHERE `{column}` = {from}")
                    })
                    .collect();
                // What remains of the record is archived, on an account of its own.
                statements.push(format!(
                    "UPDATE `patient` SET `PatStatus` = {ARCHIVED}, `Guarantor` = `PatNum`, `EstBalance` = 0 \
                     WHERE `PatNum` = {from}"
                ));
                Some(statements)
            }
            _ => None,
        }
    }
}

/// `PatientStatus` of a record that nobody is to use any more.
const ARCHIVED: u8 = 3;

/// Columns of the tables that the practice fills which name the patient whom a row is about.
fn patients() -> impl Iterator<Item = (&'static str, &'static str)> {
    columns().filter(|(_, column)| names_patient(column)).map(|(table, column)| (table, column.name))
}

/// Columns of the tables that the practice fills which point to another one.
fn references(to: Reference) -> impl Iterator<Item = (&'static str, &'static str)> {
    let points = move |column: &bicuspid_opendental::ColumnFacts| column.references == Some(to);
    columns().filter(move |(_, column)| points(column)).map(|(table, column)| (table, column.name))
}

fn columns() -> impl Iterator<Item = (&'static str, &'static bicuspid_opendental::ColumnFacts)> {
    bicuspid_practice::tables()
        .filter_map(|name| facts().table(name))
        .flat_map(|table| table.columns.iter().map(|column| (table.name, column)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_opendental::enums::PatientStatus;
    use bicuspid_opendental::stamp_column;
    use bicuspid_practice::living_tables;

    #[test]
    fn slips_name_what_is_there() {
        for (table, column) in REMARKS {
            let table = facts().table(table).unwrap();
            assert!(table.column(column).is_some(), "{}.{column}", table.name);
            assert!(living_tables().any(|living| living == table.name), "{}", table.name);
        }
        assert!(REMARKS.iter().any(|(table, _)| stamp_column(table).is_none()));
        assert!(DELETED.iter().all(|name| living_tables().any(|living| living == *name)));
        assert_eq!(i64::from(ARCHIVED), PatientStatus::Archived.stored());
    }

    #[test]
    fn a_merge_rewrites_many_tables() {
        let tables: Vec<_> = patients().collect();
        assert!(tables.len() > 60, "{}", tables.len());
        for known in [("procedurelog", "PatNum"), ("inssub", "Subscriber"), ("patient", "Guarantor")] {
            assert!(tables.contains(&known), "{known:?}");
        }
        assert!(!tables.contains(&("patientnote", "PatNum")), "one row a patient");
    }

    #[test]
    fn what_pointed_to_a_deleted_row_points_nowhere() {
        let statements = Slip::Delete { place: 0 }.statements(&[4], 1, &mut Chance::new(1, 1)).unwrap();
        assert!(statements.iter().any(|s| s.starts_with("UPDATE `smsfrommobile`")), "{statements:?}");
        assert_eq!(statements.last().unwrap(), "DELETE FROM `commlog` WHERE `CommlogNum` = 4");
    }
}

//! Which tables there are, and in what form they were proved.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_model::{Column, Fingerprint, SourceType, Table, TableName, TargetType};
use bicuspid_opendental::event_date;
use bicuspid_target::{Analytics, ListedTable, TableState, TargetColumn};

use crate::ExportSettings;
use crate::error::ExportError;

/// A table as it will be exported.
#[derive(Debug, Clone)]
pub(crate) struct Exported {
    /// Columns in the order in which rows were hashed.
    pub(crate) table: Table,
    /// What its rows must add up to.
    pub(crate) fingerprint: Fingerprint,
    /// Position of the date by whose year it is parted.
    pub(crate) by: Option<usize>,
    /// Columns that the source does not have, so that nothing is proved of them.
    pub(crate) left_out: Vec<String>,
}

/// The tables that were asked for, in the order of their names.
pub(crate) async fn exported(
    look: &Analytics,
    settings: &ExportSettings,
) -> Result<Vec<Exported>, ExportError> {
    let mut states = look.tables().await?;
    if let Some(wanted) = &settings.tables {
        let has = |name: &&String| states.iter().any(|state| state.name == **name);
        if let Some(missing) = wanted.iter().find(|name| !has(name)) {
            return Err(ExportError::NoSuchTable { name: missing.clone() });
        }
        states.retain(|state| wanted.contains(&state.name));
    }
    if states.is_empty() {
        return Err(ExportError::NothingThere);
    }
    let columns = look.columns().await?;
    let listed: BTreeMap<String, ListedTable> =
        look.listing().await?.into_iter().map(|table| (table.name.clone(), table)).collect();
    states.iter().map(|state| one(state, &columns, &listed, settings.by_year)).collect()
}

fn one(
    state: &TableState,
    columns: &BTreeMap<String, Vec<TargetColumn>>,
    listed: &BTreeMap<String, ListedTable>,
    by_year: bool,
) -> Result<Exported, ExportError> {
    let altered = || ExportError::Columns { table: state.name.clone() };
    let (Some(columns), Some(listed), Ok(name)) =
        (columns.get(&state.name), listed.get(&state.name), TableName::new(state.name.clone()))
    else {
        return Err(altered());
    };
    let ordered = as_hashed(&state.shape, columns).ok_or_else(altered)?;
    let is_more = |column: &&TargetColumn| !ordered.iter().any(|one| one.name == column.name);
    let left_out = columns.iter().filter(is_more).map(|column| column.name.to_string()).collect();
    let columns = ordered
        .into_iter()
        .map(|column| {
            let target = TargetType::parse(&column.type_text).ok_or_else(|| ExportError::Type {
                table: state.name.clone(),
                column: column.name.to_string(),
                found: column.type_text.clone(),
            })?;
            Ok(Column {
                name: column.name.clone(),
                // Of no concern to whoever reads the copy.
                source: SourceType::Binary,
                target,
                nullable: !column.not_null,
                withheld: false,
            })
        })
        .collect::<Result<Vec<_>, ExportError>>()?;
    let place = |name: &str| columns.iter().position(|column: &Column| column.name.as_str() == name);
    let primary_key = listed.primary_key.iter().filter_map(|name| place(name)).collect();
    let by = event_date(&state.name).filter(|_| by_year).and_then(place).filter(|_| place("year").is_none());
    let dated = |at: &usize| {
        let target = columns.get(*at).map(|column| column.target);
        matches!(target, Some(TargetType::Date | TargetType::Timestamp))
    };
    let by = by.filter(dated);
    Ok(Exported { table: Table { name, columns, primary_key }, fingerprint: state.fingerprint, by, left_out })
}

/// The columns in the order in which the table's rows were hashed, which is that of the source and not always the
/// target's. The shape has a line for each, which begins with the quoted name (`sync/shape.rs`). Columns that only the
/// target has, because the source dropped them or somebody added them, were not hashed. `None` if one is not there.
fn as_hashed<'c>(shape: &str, columns: &'c [TargetColumn]) -> Option<Vec<&'c TargetColumn>> {
    let by_line: BTreeMap<String, &TargetColumn> =
        columns.iter().map(|column| (format!("{:?} ", column.name.as_str()), column)).collect();
    let found: Vec<&TargetColumn> = shape
        .lines()
        .filter(|line| line.starts_with('"'))
        .map(|line| {
            by_line.iter().find(|(start, _)| line.starts_with(start.as_str())).map(|(_, column)| *column)
        })
        .collect::<Option<_>>()?;
    let named: BTreeSet<&str> = found.iter().map(|column| column.name.as_str()).collect();
    (named.len() == found.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::ColumnName;

    fn column(name: &str) -> TargetColumn {
        TargetColumn {
            name: ColumnName::new(name).unwrap(),
            type_text: "bigint".to_owned(),
            not_null: true,
            viewed: false,
            filled: false,
        }
    }

    #[test]
    fn columns_stand_as_they_were_hashed() {
        // Added to the target later than on the source, where it stands first; and names that begin alike.
        let columns = [column("Num"), column("Num 2"), column("odd \"one\"")];
        let shape = "\"odd \\\"one\\\"\" int(11) -> integer\n\"Num 2\" int(11) -> integer not null\n\
                     \"Num\" bigint(20) -> bigint not null\nkey \"Num\"";
        let names = |found: Vec<&TargetColumn>| found.iter().map(|c| c.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(as_hashed(shape, &columns).unwrap()), ["odd \"one\"", "Num 2", "Num"]);
        assert!(as_hashed(shape, &columns[..2]).is_none());
        assert_eq!(names(as_hashed("\"Num\" bigint(20) -> bigint", &columns).unwrap()), ["Num"]);
        assert!(as_hashed("\"Num\" a\n\"Num\" b\n\"Num 2\" c", &columns).is_none());
    }
}

//! What follows from the facts for a whole table.

use bicuspid_model::{Column, ColumnName, SourceType, Table, TableName};

use crate::facts::facts;
use crate::secrets::is_secret;
use crate::types::{TypePolicy, target_type};

/// The column that the server stamps at every change of a row, to the second, in its own time zone.
///
/// A stamp says that a row changed, never that it did not: imports and restores set it back, and a delete leaves none.
#[must_use]
pub fn stamp_column(table: &str) -> Option<&'static str> {
    let columns = &facts().table(table)?.columns;
    columns.iter().find(|c| c.on_update && matches!(c.name, "SecDateTEdit" | "DateTStamp")).map(|c| c.name)
}

/// The table as the discovery of an Open Dental server gives it, `None` if Open Dental has no such table.
///
/// In the target a column may hold NULL if the source allows it, if it holds dates (zero dates arrive as NULL), or if
/// it is withheld.
#[must_use]
pub fn model_table(name: &str, policy: TypePolicy) -> Option<Table> {
    let table = facts().table(name)?;
    let columns = table
        .columns
        .iter()
        .map(|c| {
            let withheld = is_secret(table.name, c.name);
            let dated = matches!(c.source, SourceType::Date | SourceType::DateTime | SourceType::Timestamp);
            Some(Column {
                name: ColumnName::new(c.name).ok()?,
                source: c.source.clone(),
                target: target_type(table.name, c.name, &c.source, policy),
                nullable: c.nullable || dated || withheld,
                withheld,
            })
        })
        .collect::<Option<_>>()?;
    let primary_key =
        table.columns.iter().enumerate().filter(|(_, c)| c.primary_key).map(|(i, _)| i).collect();
    Some(Table { name: TableName::new(table.name).ok()?, columns, primary_key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::TargetType;

    #[test]
    fn stamps() {
        assert_eq!(stamp_column("patient"), Some("DateTStamp"));
        assert_eq!(stamp_column("Claim"), Some("SecDateTEdit"));
        assert_eq!(stamp_column("definition"), None);
        assert_eq!(stamp_column("claimtracking"), None);
        assert_eq!(stamp_column("nothing"), None);
        let stamped = facts().tables().iter().filter(|t| stamp_column(t.name).is_some()).count();
        assert_eq!(stamped, 68);
    }

    #[test]
    fn every_table_has_a_model() {
        for table in facts().tables() {
            let model = model_table(table.name, TypePolicy::Dbt).unwrap();
            assert_eq!(model.columns.len(), table.columns.len());
            assert_eq!(model.key_columns().count(), usize::from(table.stock));
        }
        assert!(model_table("nothing", TypePolicy::Dbt).is_none());
    }

    #[test]
    fn dates_and_secrets_may_be_null() {
        let model = model_table("USEROD", TypePolicy::Dbt).unwrap();
        assert_eq!(model.name.as_str(), "userod");
        let column = |name: &str| model.columns.iter().find(|c| c.name.as_str() == name).unwrap();
        assert!(column("DateTFail").nullable);
        assert!(column("BadgeId").withheld && column("BadgeId").nullable);
        assert!(!column("UserNum").nullable);
        assert!(!column("TaskListInBox").nullable && !column("TaskListInBox").withheld);
        assert_eq!(column("IsHidden").target, TargetType::Bool);
        assert_eq!(model.primary_key, [0]);
    }
}

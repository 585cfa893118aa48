//! Open Dental's part of the type rules: which small integers are flags, which times are times of day.

use bicuspid_model::{SourceType, TargetType};

use crate::facts::facts;

/// How Open Dental's small integers and times arrive in the target; recorded at the first load and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TypePolicy {
    /// The types that the dbt project over Open Dental was written for.
    #[default]
    Dbt,
    /// Every `tinyint` a `smallint`, as its own rows hold 0 and 1.
    Numeric,
}

impl TypePolicy {
    /// The name in settings and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dbt => "dbt",
            Self::Numeric => "numeric",
        }
    }

    /// The policy of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Dbt, Self::Numeric].into_iter().find(|p| p.name() == name)
    }
}

/// Tables whose `time` columns are signed durations, although the dbt project calls them times of day: a correction of
/// -12:30 there is a real value, and no time of day.
const SIGNED_TIMES: [&str; 1] = ["timeadjust"];

/// The type that a column has in the target.
///
/// It depends on names, the source's type and the policy, never on data. Under [`TypePolicy::Dbt`]: what the dbt
/// project reads as boolean or time of day becomes that (the latter only where Open Dental keeps the value within a
/// day); in the other tables of Open Dental a flag is a boolean. Everything else, and every table or column that is not
/// known, follows [`TargetType::of`].
#[must_use]
pub fn target_type(table: &str, column: &str, source: &SourceType, policy: TypePolicy) -> TargetType {
    let general = TargetType::of(source);
    if policy == TypePolicy::Numeric {
        return general;
    }
    let Some(table) = facts().table(table) else { return general };
    let Some(column) = table.column(column) else { return general };
    match source {
        SourceType::TinyInt { .. } if column.dbt_boolean || (!table.dbt && column.flag) => TargetType::Bool,
        SourceType::Time if column.dbt_time && !SIGNED_TIMES.contains(&table.name) => TargetType::Time,
        _ => general,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(table: &str, column: &str, policy: TypePolicy) -> TargetType {
        let facts = facts().table(table).unwrap().column(column).unwrap();
        target_type(table, column, &facts.source, policy)
    }

    #[test]
    fn what_dbt_reads_as_boolean_is_boolean() {
        assert_eq!(of("appointment", "Priority", TypePolicy::Dbt), TargetType::Bool);
        assert_eq!(of("Patient", "premed", TypePolicy::Dbt), TargetType::Bool);
        assert_eq!(of("appointment", "AptStatus", TypePolicy::Dbt), TargetType::Int2);
        // A flag of a table that dbt reads, which dbt reads as a number.
        assert_eq!(of("claim", "EmployRelated", TypePolicy::Dbt), TargetType::Int2);
    }

    #[test]
    fn elsewhere_flags_are_boolean() {
        assert_eq!(of("account", "Inactive", TypePolicy::Dbt), TargetType::Bool);
        assert_eq!(of("account", "AcctType", TypePolicy::Dbt), TargetType::Int2);
    }

    #[test]
    fn times_within_a_day_are_times() {
        assert_eq!(of("schedule", "StartTime", TypePolicy::Dbt), TargetType::Time);
        assert_eq!(of("timeadjust", "RegHours", TypePolicy::Dbt), TargetType::Interval);
        assert_eq!(of("clockevent", "OTimeHours", TypePolicy::Dbt), TargetType::Interval);
        assert_eq!(of("schedule", "StartTime", TypePolicy::Numeric), TargetType::Interval);
    }

    #[test]
    fn numeric_knows_no_boolean() {
        for table in facts().tables() {
            for column in &table.columns {
                assert_ne!(
                    target_type(table.name, column.name, &column.source, TypePolicy::Numeric),
                    TargetType::Bool
                );
            }
        }
    }

    #[test]
    fn unknown_tables_columns_and_types_follow_the_general_rule() {
        let tiny = SourceType::TinyInt { unsigned: false };
        assert_eq!(target_type("mine", "IsHidden", &tiny, TypePolicy::Dbt), TargetType::Int2);
        assert_eq!(target_type("patient", "IsNew", &tiny, TypePolicy::Dbt), TargetType::Int2);
        // A server on which the column has another type.
        let int = SourceType::Int { unsigned: false };
        assert_eq!(target_type("patient", "Premed", &int, TypePolicy::Dbt), TargetType::Int4);
    }

    #[test]
    fn every_choice_is_one_that_the_target_can_take() {
        for table in facts().tables() {
            for column in &table.columns {
                let target = target_type(table.name, column.name, &column.source, TypePolicy::Dbt);
                assert!(target.takes(&column.source), "{}.{}", table.name, column.name);
            }
        }
    }

    #[test]
    fn names() {
        assert_eq!(TypePolicy::named("dbt"), Some(TypePolicy::Dbt));
        assert_eq!(TypePolicy::named("numeric"), Some(TypePolicy::Numeric));
        assert_eq!(TypePolicy::named("Dbt"), None);
    }
}

//! By which columns a table is read, one range after the other.

use bicuspid_model::source_type::Charset;
use bicuspid_model::{Column, SourceType, Table};

use crate::discover::{FoundTable, key_cast};

/// By which columns a table is walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Walk {
    /// Positions of the columns of a unique key, in key order.
    Keyset(Vec<usize>),
    /// There is no such key: the table is read by one statement.
    Whole,
}

impl Walk {
    /// The primary key if its order can be asked for, else the shortest unique key whose can.
    #[must_use]
    pub fn of(found: &FoundTable, table: &Table) -> Self {
        let walkable = |key: &&Vec<usize>| {
            !key.is_empty()
                && key.iter().all(|&i| {
                    table
                        .columns
                        .get(i)
                        .is_some_and(|c| !c.withheld && key_cast(&c.source).is_some() && decodable_key(c))
                })
        };
        if walkable(&&found.primary_key) && !found.primary_is_prefix {
            return Self::Keyset(found.primary_key.clone());
        }
        let nullable =
            |key: &&Vec<usize>| key.iter().any(|&i| found.columns.get(i).is_none_or(|c| c.nullable));
        let shortest = found
            .unique_keys
            .iter()
            .map(|(_, key)| key)
            .filter(walkable)
            .filter(|k| !nullable(k))
            .min_by_key(|k| k.len());
        shortest.map_or(Self::Whole, |key| Self::Keyset(key.clone()))
    }

    /// The columns, empty for [`Walk::Whole`].
    #[must_use]
    pub fn positions(&self) -> &[usize] {
        match self {
            Self::Keyset(positions) => positions,
            Self::Whole => &[],
        }
    }

    /// Whether source and target order the key alike, so that a range means the same rows on both.
    #[must_use]
    pub fn orders_alike(&self, table: &Table) -> bool {
        let alike = |i: &usize| {
            table.columns.get(*i).is_some_and(|c| {
                matches!(
                    c.source,
                    SourceType::TinyInt { .. }
                        | SourceType::SmallInt { .. }
                        | SourceType::MediumInt { .. }
                        | SourceType::Int { .. }
                        | SourceType::BigInt { .. }
                        | SourceType::Year
                        | SourceType::Decimal { .. }
                        | SourceType::Date
                        | SourceType::DateTime
                        | SourceType::Binary
                ) && c.target != bicuspid_model::TargetType::Bool
            })
        };
        match self {
            Self::Keyset(positions) => positions.iter().all(alike),
            Self::Whole => false,
        }
    }
}

/// Whether a key field of the canonical row brings the key back exactly.
fn decodable_key(column: &Column) -> bool {
    match &column.source {
        SourceType::Text(charset) => *charset == Charset::Utf8 || *charset == Charset::Latin1,
        _ => true,
    }
}

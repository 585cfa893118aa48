//! Tables and columns as discovered, with the type each column has in the target.

use crate::ident::{ColumnName, TableName};
use crate::source_type::SourceType;
use crate::target_type::TargetType;

/// A column that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name, in its exact case on both sides.
    pub name: ColumnName,
    /// Type on the source.
    pub source: SourceType,
    /// Type on the target.
    pub target: TargetType,
    /// Whether the target column may hold NULL.
    pub nullable: bool,
    /// A column that is not copied (a secret, or excluded by the configuration): it arrives as NULL, and it is never
    /// asked of the source.
    pub withheld: bool,
}

/// A table that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name on the source, in its exact case. On the target it is [`TableName::in_target`].
    pub name: TableName,
    /// Columns in the order of the source. The canonical row has one field for each.
    pub columns: Vec<Column>,
    /// Positions in `columns` of the primary key, in key order. Empty: the table has no key and is compared as a bag.
    pub primary_key: Vec<usize>,
}

impl Table {
    /// The columns of the primary key, in key order.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.primary_key.iter().filter_map(|&i| self.columns.get(i))
    }
}

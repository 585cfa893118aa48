//! What an export did.

use serde::Serialize;

/// An export.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportReport {
    /// Where the files are.
    pub dir: String,
    /// Database that they were read from.
    pub database: String,
    /// The moment that they show, RFC 3339 UTC.
    pub as_of: String,
    /// Rows of all tables.
    pub rows: u64,
    /// The tables.
    pub tables: Vec<ExportedTable>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// A table in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedTable {
    /// Name.
    pub name: String,
    /// Rows in the files, as many as were proved.
    pub rows_read: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// The column by whose year it is parted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parted_by: Option<String>,
    /// Columns that only the target has, so that nothing is proved of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

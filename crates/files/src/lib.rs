//! Rows as files: CSV and Parquet, and the folder that holds them.
//!
//! Rows come in their canonical form and leave with the types of `raw`. Files are written out of sight and moved into
//! their places when all of them are whole; what a folder holds already is replaced only where a manifest accounts for it,
//! byte for byte. This crate knows neither where rows come from nor whether they are of people or made up.

mod csv;
mod dataset;
mod error;
mod folder;
mod manifest;
mod parquet;
mod table_file;

pub use dataset::Dataset;
pub use error::FilesError;
pub use folder::{Folder, Unfinished};
pub use manifest::{FORMAT, FileRecord, Manifest};
pub use table_file::TableFile;

/// The form of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Parquet, compressed with Snappy.
    Parquet,
}

impl Form {
    /// The name, which is also how the files' names end.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

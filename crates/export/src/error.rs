//! What can go wrong while the copy is exported.

use bicuspid_files::FilesError;
use bicuspid_model::{Class, Side, Trouble};
use bicuspid_target::TargetError;

/// Why nothing was exported. The copy is as it was, and so are files of an earlier export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// There is no copy, or no table of that name in it.
    #[error("the copy has no table {name}")]
    NoSuchTable {
        /// Name as given.
        name: String,
    },
    /// There is no copy yet.
    #[error("there is nothing to export")]
    NothingThere,
    /// A column has a type that the copy never makes.
    #[error("column {column} of table {table} has the type {found}")]
    Type {
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// The type as the server prints it.
        found: String,
    },
    /// The columns of the table are not those that were proved.
    #[error("the columns of table {table} are not those that were copied")]
    Columns {
        /// Table.
        table: String,
    },
    /// The rows are not those that were proved.
    #[error("table {table} is not as it was proved")]
    NotAsProved {
        /// Table.
        table: String,
        /// Rows that were read.
        rows: u64,
        /// Rows that were proved.
        rows_proved: u64,
    },
    /// A thread ended before its work was done.
    #[error("a thread of the export ended before its time")]
    Stopped,
}

impl ExportError {
    /// The trouble as a person should read it.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let not_whole = "no file was written; files of an earlier export are unchanged";
        let (code, side, class, why, hint) = match self {
            Self::Target(error) => return Trouble { state: not_whole.to_owned(), ..error.trouble() },
            Self::Files(error) => return error.trouble(),
            Self::NoSuchTable { .. } => (
                "export::no_such_table",
                Side::Local,
                Class::Usage,
                "it is neither copied nor held there".to_owned(),
                "`bicuspid status` lists the tables; leave out --tables to export all of them",
            ),
            Self::NothingThere => (
                "export::nothing_there",
                Side::Target,
                Class::Usage,
                "nothing was copied into the database yet".to_owned(),
                "run `bicuspid sync` first",
            ),
            Self::Type { .. } => (
                "export::type",
                Side::Target,
                Class::Failed,
                "the copy has no such type, so somebody altered the column".to_owned(),
                "name the other tables with --tables, or give the column the type that `bicuspid plan` names",
            ),
            Self::Columns { .. } => (
                "export::columns",
                Side::Target,
                Class::Failed,
                "somebody altered the table since it was copied".to_owned(),
                "run `bicuspid sync`, which says what it found and what to do",
            ),
            Self::NotAsProved { rows, rows_proved, .. } => (
                "export::not_as_proved",
                Side::Target,
                Class::Held,
                format!(
                    "{rows} rows were read and {rows_proved} were proved, or some hold other values: somebody else \
                     wrote into the table"
                ),
                "run `bicuspid verify --repair`, and export again",
            ),
            Self::Stopped => (
                "export::stopped",
                Side::Local,
                Class::Local,
                "this is a fault of Bicuspid".to_owned(),
                "run again; if it happens again, please report it",
            ),
        };
        Trouble {
            code: code.to_owned(),
            side,
            class,
            what: self.to_string(),
            why,
            state: not_whole.to_owned(),
            hint: hint.to_owned(),
        }
    }
}

//! What can go wrong with files of the ledger.

use std::io;
use std::path::{Path, PathBuf};

use bicuspid_model::{Class, Side, Trouble};

/// An error of the ledger. None of them touches a database.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file or folder could not be read or written.
    #[error("could not {act} {}", path.display())]
    File {
        /// What was tried, such as "append to".
        act: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A run record is not one.
    #[error("{} is not a run record of this version", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
    },
    /// A run id that cannot be a file's name.
    #[error("a run id has 1 to 64 letters, digits and hyphens")]
    RunId,
}

impl LedgerError {
    pub(crate) fn file(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { act, path, source }
    }

    /// The error as it is told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let (code, why, hint) = match self {
            Self::File { source, .. } => (
                "ledger::file",
                source.to_string(),
                "the state folder must be writable by this user and have room; `--state-dir` names another",
            ),
            Self::Record { .. } => (
                "ledger::record",
                "it is damaged, or another version wrote it".to_owned(),
                "move the file away; run records are not needed for correctness",
            ),
            Self::RunId => (
                "ledger::run_id",
                "it could leave the folder of the run records".to_owned(),
                "give the id as `bicuspid audit` prints it",
            ),
        };
        Trouble {
            code: code.to_owned(),
            side: Side::Local,
            class: Class::Local,
            what: self.to_string(),
            why,
            state: "no database was touched by this error".to_owned(),
            hint: hint.to_owned(),
        }
    }
}

//! What can go wrong with files.

use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};

/// Why no file was written. Those that were there before are as they were.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder could not be used.
    #[error("the folder could not {action}")]
    Folder {
        /// What was tried, as in "could not be made".
        action: &'static str,
        /// Why not.
        cause: std::io::Error,
    },
    /// The path that was given for a folder is something else.
    #[error("the path of --dir is no folder")]
    NotAFolder,
    /// A file that no manifest of the folder accounts for stands where one would be written.
    #[error("{file} in the folder is not what an earlier run wrote")]
    NotOurs {
        /// Its name.
        file: String,
    },
    /// Another run writes into the folder.
    #[error("another run is writing into the folder")]
    FolderLocked,
    /// A table's file could not be written.
    #[error("the file of table {table} could not be written")]
    File {
        /// Table.
        table: String,
        /// Why not.
        cause: std::io::Error,
    },
}

impl FilesError {
    /// The trouble as a person should read it.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let (code, class, why, hint) = match self {
            Self::Folder { cause, .. } | Self::File { cause, .. } => (
                "files::write",
                Class::Local,
                reason_of_io(cause),
                "check the path of --dir, its rights and the room on its disk",
            ),
            Self::NotAFolder => (
                "files::no_folder",
                Class::Usage,
                "there is a file, or a part of the path is one".to_owned(),
                "name a folder that is empty, not there yet, or holds what an earlier run wrote",
            ),
            Self::NotOurs { .. } => (
                "files::not_ours",
                Class::Refused,
                "no manifest in the folder accounts for its bytes, so it may be somebody's work".to_owned(),
                "name another folder, or move the file away",
            ),
            Self::FolderLocked => (
                "files::locked",
                Class::Locked,
                "it holds the lock there".to_owned(),
                "wait for it, or name another folder",
            ),
        };
        Trouble {
            code: code.to_owned(),
            side: Side::Local,
            class,
            what: self.to_string(),
            why,
            state: "files that were there before are unchanged".to_owned(),
            hint: hint.to_owned(),
        }
    }
}

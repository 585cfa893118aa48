//! What can end a run.

use bicuspid_model::{Class, Side, Trouble};
use bicuspid_source::SourceError;
use bicuspid_target::TargetError;

/// An error that ends a run. What was not committed is rolled back.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The source's side.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The target's side.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The staging folder could not be used.
    #[error("the staging folder could not be used")]
    Staging(#[source] std::io::Error),
    /// A staged part was not what was put there.
    #[error("a staged part could not be read back")]
    StagingDamaged,
    /// The task that sends rows ended without a word.
    #[error("the task that sends rows to the target ended")]
    Pump,
    /// A table named on the command line does not exist.
    #[error("the source has no table {name}")]
    NoSuchTable {
        /// Name as given.
        name: String,
        /// The nearest name that exists.
        nearest: Option<String>,
    },
    /// Source and target are the same database.
    #[error("source and target are the same")]
    SameDatabase,
    /// The target's fingerprints were made by another algorithm.
    #[error("the target was proved with the algorithm {found}, this program knows {known}")]
    Algorithm {
        /// Found.
        found: String,
        /// Known.
        known: String,
    },
    /// The type policy differs from the one of the first load.
    #[error("the target was loaded under the type policy {found}, the settings say {wanted}")]
    Policy {
        /// Found.
        found: String,
        /// Wanted.
        wanted: String,
    },
}

impl SyncError {
    /// The error as told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let (code, class, why, hint): (&str, Class, String, String) = match self {
            Self::Source(error) => return error.trouble(),
            Self::Target(error) => return error.trouble(),
            Self::Staging(cause) => (
                "staging::disk",
                Class::Local,
                match cause.kind() {
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                        "the disk is full".into()
                    }
                    kind => kind.to_string(),
                },
                "make room, or set staging_dir in bicuspid.toml to a folder on a disk with room".into(),
            ),
            Self::StagingDamaged => (
                "staging::damaged",
                Class::Local,
                "its seal did not match: the file was changed or the disk is failing".into(),
                "check the disk of the staging folder and run again".into(),
            ),
            Self::Pump => (
                "sync::pump",
                Class::Local,
                "this is a fault of Bicuspid".into(),
                "run again; if it happens again, please report it".into(),
            ),
            Self::NoSuchTable { nearest, .. } => (
                "plan::no_such_table",
                Class::Usage,
                "no table of that name is visible to the account".into(),
                nearest.as_ref().map_or_else(
                    || "`bicuspid plan` lists the tables".to_owned(),
                    |nearest| format!("did you mean `{nearest}`?"),
                ),
            ),
            Self::SameDatabase => (
                "identity::same_database",
                Class::Refused,
                "one server and database was given for both sides".into(),
                "check the source and target variables".into(),
            ),
            Self::Algorithm { .. } => (
                "proof::algorithm",
                Class::Refused,
                "fingerprints of two algorithms cannot be compared".into(),
                "use the version of Bicuspid that made the copy".into(),
            ),
            Self::Policy { .. } => (
                "plan::type_policy",
                Class::Usage,
                "the policy is fixed at the first load, because dbt's views depend on the types".into(),
                "set type_policy in bicuspid.toml back".into(),
            ),
        };
        Trouble {
            code: code.to_owned(),
            side: Side::Local,
            class,
            what: self.to_string(),
            why,
            state: "what was not committed was rolled back; `raw` shows the last published state".into(),
            hint,
        }
    }
}

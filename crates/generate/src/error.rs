//! What can go wrong while the practice is put into the demo database.

use bicuspid_files::FilesError;
use bicuspid_guard::{DEMO_DATABASE, Refusal};
use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};
use bicuspid_practice::PracticeError;
use bicuspid_target::TargetError;

/// Why nothing was generated. The database is as it was, or, if the connection was lost at the very end, whole and new.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The demo database.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The practice.
    #[error(transparent)]
    Practice(#[from] PracticeError),
    /// The simulation made a value that its column cannot hold, or a row of a table that is not Open Dental's.
    #[error("the practice made a row that table {table} cannot hold")]
    Unfit {
        /// Table.
        table: String,
        /// Column, or what else does not fit.
        what: String,
    },
    /// The files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Something that is no list of anomalies stands where one would be written.
    #[error("the file of --anomalies is something else")]
    NotAList,
    /// The list of anomalies could not be read or written.
    #[error("the list of anomalies could not be written")]
    List {
        /// Why not.
        cause: std::io::Error,
    },
    /// There is no generation that could be measured or told of.
    #[error("the demo database holds no generation")]
    NothingThere,
    /// Nobody in the demo database has that number.
    #[error("the demo database has no patient of that number")]
    Nobody,
    /// Another generation was written while this one was measured.
    #[error("the rows were replaced while they were measured")]
    Replaced,
    /// The thread of the simulation ended before its work was done.
    #[error("the simulation ended before its time")]
    Stopped,
}

impl GenerateError {
    /// The trouble as a person should read it.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let trouble = match self {
            Self::Target(error) => of_target(error),
            Self::Practice(error) => error.trouble(),
            Self::Unfit { what, .. } => fault("generate::unfit", self, what),
            Self::Stopped => fault("generate::stopped", self, "its thread is gone"),
            Self::NothingThere => Trouble {
                side: Side::Demo,
                ..self.of_files(
                    "generate::nothing_there",
                    Class::Usage,
                    "its ledger is empty",
                    "run `bicuspid generate --patients N` first",
                )
            },
            Self::Nobody => Trouble {
                side: Side::Demo,
                ..self.of_files(
                    "generate::nobody",
                    Class::Usage,
                    "patients are numbered from 1 in the order in which their files were opened",
                    "name a PatNum of raw.patient",
                )
            },
            Self::Replaced => Trouble {
                side: Side::Demo,
                ..self.of_files(
                    "generate::replaced",
                    Class::Failed,
                    "another run committed in between",
                    "run it again",
                )
            },
            Self::Files(error) => error.trouble(),
            Self::NotAList => self.of_files(
                "files::not_ours",
                Class::Refused,
                "a file of that name is there, and it may be somebody's work",
                "name another file, or move it away",
            ),
            Self::List { cause } => self.of_files(
                "files::write",
                Class::Local,
                &reason_of_io(cause),
                "check the path of --anomalies, its rights and the room on its disk",
            ),
        };
        let state = match self {
            Self::Files(_) => "no database was connected to; files that were there before are unchanged",
            // A connection that ends at the commit leaves its outcome to the server.
            Self::Target(TargetError::Lost) => {
                "the demo database shows all of the old rows or all of the new ones; no other was connected to"
            }
            _ => "the demo database is as it was; no other was connected to",
        };
        Trouble { state: state.to_owned(), ..trouble }
    }
}

impl GenerateError {
    fn of_files(&self, code: &str, class: Class, why: &str, hint: &str) -> Trouble {
        Trouble {
            code: code.to_owned(),
            side: Side::Local,
            class,
            what: self.to_string(),
            why: why.to_owned(),
            state: String::new(),
            hint: hint.to_owned(),
        }
    }
}

fn fault(code: &str, error: &GenerateError, why: &str) -> Trouble {
    Trouble {
        code: code.to_owned(),
        side: Side::Local,
        class: Class::Local,
        what: error.to_string(),
        why: why.to_owned(),
        state: String::new(),
        hint: "this is a fault in Bicuspid; please report it with the settings: the same seed shows it again"
            .to_owned(),
    }
}

/// The target's troubles in the words of the demo: its variables, its commands, its one name.
fn of_target(error: &TargetError) -> Trouble {
    let mut trouble = error.trouble();
    if trouble.side == Side::Target {
        trouble.side = Side::Demo;
    }
    trouble.hint = trouble
        .hint
        .replace("TARGET_DB_", "DEMO_POSTGRES_")
        .replace("`bicuspid grants`", "`bicuspid grants --env demo`")
        .replace("`bicuspid status`", "`bicuspid status --env demo`");
    match error {
        TargetError::Database { .. } => {
            trouble.what = format!("the server has no database {DEMO_DATABASE}");
            "Bicuspid never creates a database; `bicuspid grants --env demo` prints the statements that make it, for an \
             administrator to run"
                .clone_into(&mut trouble.hint);
        }
        // Nothing is published table by table here: what would hold one table elsewhere stops all of it.
        TargetError::Held { .. } => trouble.class = Class::Failed,
        TargetError::TableLocked { .. } => {
            trouble.class = Class::Failed;
            "a table of the demo database is locked by another session".clone_into(&mut trouble.what);
        }
        TargetError::Refused(Refusal::Identity(_)) => {
            "check host and port; a database that was enrolled for something else, or restored from a copy, is never \
             written. If the demo database was dropped and made anew on purpose, run `bicuspid enroll --env demo`"
                .clone_into(&mut trouble.hint);
        }
        _ => {}
    }
    trouble
}

//! What can go wrong on the target's side.

use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};
use tokio_postgres::error::SqlState;

/// An error of the target. It never holds a value, a secret, or the server's own text.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The server could not be reached.
    #[error("the target at {host} could not be reached")]
    Unreachable {
        /// Host and port.
        host: String,
        /// In a few words, why.
        reason: String,
    },
    /// The TLS handshake did not succeed, or no authority could be loaded.
    #[error("no trusted TLS connection to the target at {host}")]
    Tls {
        /// Host and port.
        host: String,
        /// The reason, in our own words.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The file of the private authority could not be used.
    #[error("the authority's file {} could not be used", path.display())]
    AuthorityFile {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        why: String,
    },
    /// The server refused the account or its password.
    #[error("the target refused the account {user}")]
    Login {
        /// Account.
        user: String,
    },
    /// The database does not exist.
    #[error("the target has no database {database}")]
    Database {
        /// Database.
        database: String,
    },
    /// The password file could not be read.
    #[error("the password file of the target could not be read")]
    PasswordFile(#[source] std::io::Error),
    /// The account lacks a right that is needed.
    #[error("the target account may not {action}")]
    Denied {
        /// What was to be done.
        action: String,
    },
    /// The database was never enrolled.
    #[error("the database {database} is not enrolled")]
    NotEnrolled {
        /// Database.
        database: String,
    },
    /// The state in schema `bicuspid` was written by a version that this one does not know.
    #[error("the state in schema bicuspid has version {found}, this program knows version {known}")]
    StateVersion {
        /// Version found.
        found: i32,
        /// Version known.
        known: i32,
    },
    /// Another run holds the lock of this database.
    #[error("another run holds the lock of this database")]
    Locked {
        /// Who, as far as the server tells.
        by: Option<String>,
    },
    /// A rule held a table before it became visible.
    #[error("table {table} was held by {rule}")]
    Held {
        /// Table.
        table: String,
        /// Rule, such as `key_unique`.
        rule: &'static str,
        /// Why, in counts.
        detail: String,
    },
    /// The connection ended.
    #[error("the connection to the target ended")]
    Lost,
    /// The target's disk is full or another of its limits was reached.
    #[error("the target ran out of room")]
    Full,
    /// A lock on the target was not granted in time.
    #[error("table {table} is locked by another session of the target")]
    TableLocked {
        /// Table.
        table: String,
    },
    /// A lock on the load status or on schema `bicuspid` was not granted in time.
    #[error("the load status or the state of the copy is locked by another session of the target")]
    StateLocked,
    /// The copy was published, and the role that is to read it was not let in.
    #[error("the role {role} was not let read the copy")]
    Reader {
        /// Role.
        role: String,
        /// Why.
        detail: String,
    },
    /// The server reported an error that Bicuspid does not know.
    #[error("the target reported SQLSTATE {code} at: {action}")]
    Server {
        /// SQLSTATE.
        code: String,
        /// What was being done.
        action: String,
    },
    /// The guard refused the database.
    #[error(transparent)]
    Refused(#[from] bicuspid_guard::Refusal),
    /// Something in the way of the copy could take rows elsewhere, or change them on the way.
    #[error("the target holds something that could lead the copy elsewhere")]
    Unfit {
        /// Rule, such as `trigger`.
        rule: &'static str,
        /// What was found, by the names of objects.
        detail: String,
    },
    /// The copy is to be distributed over a cluster, and is not or cannot be.
    #[error("the copy cannot be distributed by site, as bicuspid.toml asks")]
    Undistributed {
        /// Rule, such as `no_citus`.
        rule: &'static str,
        /// What was found.
        detail: String,
        /// What to do about it.
        remedy: String,
    },
    /// The account's sessions may not write.
    #[error("the target account may not write: its sessions are read-only")]
    ReadOnly,
    /// The demo database holds something that synthetic rows must not meet.
    #[error("the demo database is not one that may be filled")]
    DemoUnfit {
        /// Rule, such as `foreign_table`.
        rule: &'static str,
        /// What was found, by the names of objects and by counts.
        detail: String,
    },
    /// The rows of a generated table are not what they must be, so nothing was committed.
    #[error("table {table} of the demo database could not be proved")]
    DemoUnproved {
        /// Table.
        table: String,
        /// Why.
        detail: &'static str,
    },
    /// The server sent something that is not of the protocol or of the shape asked for.
    #[error("the target sent an answer that could not be read: {what}")]
    Protocol {
        /// What was being read.
        what: &'static str,
    },
}

impl TargetError {
    /// Whether the trouble is of one table, so that the others can go on.
    #[must_use]
    pub const fn is_of_table(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::TableLocked { .. })
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Unreachable { .. } => "target::unreachable".into(),
            Self::Tls { .. } => "target::tls".into(),
            Self::AuthorityFile { .. } => "target::authority_file".into(),
            Self::Login { .. } => "target::login".into(),
            Self::Database { .. } => "target::database".into(),
            Self::PasswordFile(_) => "target::password_file".into(),
            Self::Denied { .. } => "target::denied".into(),
            Self::NotEnrolled { .. } => "identity::not_enrolled".into(),
            Self::StateVersion { .. } => "target::state_version".into(),
            Self::Locked { .. } => "target::locked".into(),
            Self::Held { rule, .. } => format!("validate::{rule}"),
            Self::Lost => "target::lost".into(),
            Self::Full => "target::full".into(),
            Self::TableLocked { .. } => "target::table_locked".into(),
            Self::StateLocked => "target::state_locked".into(),
            Self::Reader { .. } => "target::reader_role".into(),
            Self::Server { .. } => "target::server".into(),
            Self::Refused(refusal) => refusal.code().into(),
            Self::Unfit { rule, .. } | Self::Undistributed { rule, .. } => format!("target::{rule}"),
            Self::ReadOnly => "target::read_only".into(),
            Self::DemoUnfit { rule, .. } => format!("demo::{rule}"),
            Self::DemoUnproved { .. } => "demo::unproved".into(),
            Self::Protocol { .. } => "target::protocol".into(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::PasswordFile(_) | Self::AuthorityFile { .. } => Class::Usage,
            Self::Refused(refusal) => refusal.trouble().class,
            // A server that cannot be trusted to be the right one is refused, whatever the reason.
            Self::Tls { .. }
            | Self::NotEnrolled { .. }
            | Self::StateVersion { .. }
            | Self::Unfit { .. }
            | Self::Undistributed { .. }
            | Self::DemoUnfit { .. } => Class::Refused,
            Self::Locked { .. } => Class::Locked,
            Self::Held { .. } | Self::TableLocked { .. } | Self::Reader { .. } => Class::Held,
            _ => Class::Failed,
        }
    }

    /// The error as told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        if let Self::Refused(refusal) = self {
            return refusal.trouble();
        }
        let class = self.class();
        let (why, hint): (String, String) = match self {
            Self::Unreachable { reason, .. } => (
                reason.clone(),
                "check TARGET_DB_HOST and TARGET_DB_PORT, and that PostgreSQL listens there".into(),
            ),
            Self::Tls { reason, remedy, .. } => (reason.clone(), (*remedy).into()),
            Self::AuthorityFile { why, .. } => (why.clone(), crate::tls::AUTHORITY_REMEDY.into()),
            Self::Login { .. } => (
                "the role does not exist, the password is not the one the server knows, or pg_hba.conf has no line for it".into(),
                "check TARGET_DB_USER and TARGET_DB_PASSWORD; `bicuspid grants` prints the role to create".into(),
            ),
            Self::Database { .. } => (
                "it does not exist on this server".into(),
                "check TARGET_DB_NAME; `bicuspid grants` prints how to create it; Bicuspid never creates a database".into(),
            ),
            Self::PasswordFile(cause) => (
                reason_of_io(cause),
                "check the path in TARGET_DB_PASSWORD_FILE and who may read it".into(),
            ),
            Self::Denied { .. } => (
                "the role lacks the right".into(),
                "`bicuspid grants` prints the statements that give it".into(),
            ),
            Self::NotEnrolled { .. } => (
                "it holds no identity of Bicuspid".into(),
                "run `bicuspid enroll`, or let the first `bicuspid sync` offer it".into(),
            ),
            Self::StateVersion { .. } => {
                ("another version of Bicuspid wrote it".into(), "use the version that wrote it, or a newer one".into())
            }
            Self::Locked { by } => (
                by.as_ref().map_or_else(
                    || "a run of Bicuspid was at work on it until just now".into(),
                    |who| format!("a run of Bicuspid is at work on it: {who}"),
                ),
                "wait until it is done; `bicuspid status` on the machine where it runs shows its progress"
                    .into(),
            ),
            Self::Held { table, rule, detail } => (detail.clone(), held_hint(rule, table)),
            Self::Lost => (
                "the server closed the connection or the network failed or fell silent".into(),
                "run again; a run begins where the data says it must".into(),
            ),
            Self::Full => ("its disk or memory is full".into(), "make room on the target's server and run again".into()),
            Self::TableLocked { .. } => (
                "a session of the target held a lock on it for longer than Bicuspid waits".into(),
                "end long transactions on `raw` (a dashboard, a dbt run) and run again".into(),
            ),
            Self::StateLocked => (
                "a session of the target held a lock on it for longer than Bicuspid waits".into(),
                "end long transactions on `raw.etl_load_status` and on schema `bicuspid`, and run again".into(),
            ),
            Self::Reader { detail, .. } => (
                detail.clone(),
                "check reader_role in bicuspid.toml; `bicuspid grants` prints the role to create".into(),
            ),
            Self::Server { code, .. } => {
                (format!("SQLSTATE {code}"), "look the code up in the PostgreSQL manual, appendix A".into())
            }
            // Told by the guard itself, above.
            Self::Refused(_) => (String::new(), String::new()),
            Self::Unfit { rule, detail } => (detail.clone(), unfit_hint(rule).into()),
            Self::Undistributed { detail, remedy, .. } => (detail.clone(), remedy.clone()),
            Self::ReadOnly => (
                "the server is a standby, or somebody set default_transaction_read_only for the role or the database"
                    .into(),
                "point the target to the primary server, or ask the administrator why it was set".into(),
            ),
            Self::DemoUnfit { rule, detail } => (detail.clone(), demo_hint(rule).into()),
            Self::DemoUnproved { detail, .. } => {
                ((*detail).to_owned(), "run it again; if it stays, please report it with the seed".into())
            }
            Self::Protocol { what } => {
                ((*what).to_owned(), "this is a fault in Bicuspid; please report it".into())
            }
        };
        Trouble {
            code: self.code(),
            side: Side::Target,
            class,
            what: self.to_string(),
            why,
            state: match self {
                Self::Tls { .. } => "neither the password nor a statement was sent".into(),
                Self::Reader { .. } => "the run was published; rights are as they were".into(),
                _ => "what was not committed was rolled back; `raw` shows the last published state".into(),
            },
            hint,
        }
    }
}

/// What to do about a table that a rule holds.
fn held_hint(rule: &str, table: &str) -> String {
    match rule {
        "shrink" => format!("if the rows are meant to be gone, run again with --accept-shrink {table}"),
        "alter_refused" | "computed" => format!(
            "undo what was changed by hand on the table of `{table}` in the copy (its owner, its columns, what hangs on \
             them), or drop it there and let it be loaded anew"
        ),
        _ => "run again; if it stays, look at the table on the source".into(),
    }
}

/// What to do about an object that stands in the way of a copy.
fn unfit_hint(rule: &str) -> &'static str {
    match rule {
        "not_a_table" => {
            "move it to another schema; the tables of a copy are plain tables, which the first sync makes"
        }
        _ => {
            "drop it, or hang it on a view or table of your own in another schema; views and indexes on the tables of \
             a copy are no trouble"
        }
    }
}

/// What to do about an object that a generation must not meet.
fn demo_hint(rule: &str) -> &'static str {
    match rule {
        "unaccounted_rows" => {
            "look where these rows come from; what is not synthetic belongs elsewhere, and what is can be dropped with \
             its table"
        }
        "publication" | "subscription" => {
            "the demo database neither sends rows to others nor takes rows from them: drop it there"
        }
        "shape" => "drop the tables named above, or what stands in their place; the next run makes them anew",
        _ => "schema `raw` holds plain tables and views alone: drop the object, or move it to another schema",
    }
}

/// Turns a driver's error into ours; `action` says what was being done, in words without values.
pub(crate) fn of_driver(error: &tokio_postgres::Error, action: &str) -> TargetError {
    let Some(code) = error.code() else {
        let of_network =
            std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        return if error.is_closed() || of_network {
            TargetError::Lost
        } else {
            TargetError::Protocol { what: "an answer of the server" }
        };
    };
    let action = action.to_owned();
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return TargetError::Denied { action };
    }
    if *code == SqlState::LOCK_NOT_AVAILABLE {
        return TargetError::TableLocked { table: action };
    }
    match code.code() {
        "25006" => TargetError::ReadOnly,
        "57P01" | "57P02" | "57P03" => TargetError::Lost,
        c if c.starts_with("08") => TargetError::Lost,
        c if c.starts_with("53") => TargetError::Full,
        c => TargetError::Server { code: c.to_owned(), action },
    }
}

/// The same of a statement about the state in schema `bicuspid` or the load status: a lock on them keeps the whole run
/// back, not one table of it.
pub(crate) fn of_state(error: &tokio_postgres::Error, action: &str) -> TargetError {
    match of_driver(error, action) {
        TargetError::TableLocked { .. } => TargetError::StateLocked,
        other => other,
    }
}

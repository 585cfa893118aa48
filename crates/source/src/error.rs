//! What can go wrong on the source's side.

use std::path::PathBuf;
use std::time::Duration;

use bicuspid_guard::Refusal;
use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};

use crate::tls;

/// An error of the source. It never holds a value, a secret, or the server's own text.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The server could not be reached.
    #[error("the source at {host} could not be reached")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
    /// The TLS handshake did not succeed.
    #[error("no trusted TLS connection to the source at {host}")]
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
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The server refused the account or its password.
    #[error("the source refused the account {user}")]
    Login {
        /// Account.
        user: String,
    },
    /// The database does not exist, or the account may not see it.
    #[error("the source has no database {database} for this account")]
    Database {
        /// Database.
        database: String,
    },
    /// The server has no room for another connection.
    #[error("the source takes no more connections")]
    Busy,
    /// The server was in trouble and did not recover, so that the run made room.
    #[error("the source is overloaded, and the run made room")]
    Overloaded {
        /// The sign of it.
        why: String,
        /// How long it was left alone before.
        waited: Duration,
    },
    /// The account, the session or a statement is not safe.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A session setting did not take.
    #[error("the session setting {variable} did not take")]
    Setting {
        /// Variable that was read back.
        variable: String,
    },
    /// The password file could not be read.
    #[error("the password file of the source could not be read")]
    PasswordFile(#[source] std::io::Error),
    /// A statement passed the session's time limit, and the server ended it.
    #[error("a statement on table {table} passed the time limit")]
    TimeLimit {
        /// Table, or what was asked for.
        table: String,
    },
    /// Another session kept the table locked for longer than the session waits.
    #[error("table {table} stayed locked for longer than Bicuspid waits")]
    LockWait {
        /// Table, or what was asked for.
        table: String,
    },
    /// Somebody ended a statement with `KILL QUERY`.
    #[error("a statement on table {table} was ended by somebody on the server")]
    Killed {
        /// Table, or what was asked for.
        table: String,
    },
    /// The table was dropped or altered while it was read.
    #[error("table {table} changed its shape while it was read")]
    Drifted {
        /// Table.
        table: String,
    },
    /// The account may not read the table or one of its columns.
    #[error("the account may not read table {table}")]
    Denied {
        /// Table.
        table: String,
    },
    /// The server could not read its own files of the table, as after a crash under MyISAM.
    #[error("the source could not read its files of table {table}")]
    Damaged {
        /// Table.
        table: String,
    },
    /// A value has no exact form in the target.
    #[error("column {column} of table {table} holds a value without an exact form: {rule}")]
    Misfit {
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// Rule that it broke.
        rule: &'static str,
    },
    /// A key was NULL or had to be changed, so that it cannot name its row.
    #[error("a key of table {table} cannot be kept exactly")]
    Key {
        /// Table.
        table: String,
    },
    /// The connection ended.
    #[error("the connection to the source ended while {table} was read")]
    Lost {
        /// Table, or what was asked for.
        table: String,
    },
    /// The connection ended, and with it what had been read of a table: in a snapshot, or by a single statement.
    #[error("the connection to the source ended while {table} was read")]
    Cut {
        /// Table.
        table: String,
    },
    /// The server reported an error that Bicuspid does not know.
    #[error("the source reported error {code} while {table} was read")]
    Server {
        /// Number of the error.
        code: u16,
        /// Table, or what was asked for.
        table: String,
    },
    /// The server sent something that is not of the protocol or of the shape asked for.
    #[error("the source sent an answer that could not be read: {what}")]
    Protocol {
        /// What was being read.
        what: &'static str,
    },
}

impl SourceError {
    /// Whether the trouble is of one table, so that the others can go on.
    #[must_use]
    pub const fn is_of_table(&self) -> bool {
        matches!(
            self,
            Self::TimeLimit { .. }
                | Self::LockWait { .. }
                | Self::Killed { .. }
                | Self::Drifted { .. }
                | Self::Denied { .. }
                | Self::Damaged { .. }
                | Self::Misfit { .. }
                | Self::Key { .. }
        )
    }

    /// Whether nothing more can be asked over the connection on which it was met.
    pub(crate) const fn ends_connection(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Protocol { .. })
    }

    /// Whether a server that is being started again may answer otherwise soon.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. } => cause.kind() != std::io::ErrorKind::PermissionDenied,
            Self::Busy | Self::Lost { .. } => true,
            _ => false,
        }
    }

    /// The same where the end of the connection took more with it than one statement.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Lost { table } => Self::Cut { table },
            other => other,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Unreachable { .. } => "source::unreachable".into(),
            Self::Tls { .. } => "source::tls".into(),
            Self::AuthorityFile { .. } => "source::authority_file".into(),
            Self::Login { .. } => "source::login".into(),
            Self::Database { .. } => "source::database".into(),
            Self::Busy => "source::busy".into(),
            Self::Overloaded { .. } => "source::overloaded".into(),
            Self::Refused(refusal) => refusal.code().to_owned(),
            Self::Setting { .. } => "source::setting".into(),
            Self::PasswordFile(_) => "source::password_file".into(),
            Self::TimeLimit { .. } => "source::time_limit".into(),
            Self::LockWait { .. } => "source::lock_wait".into(),
            Self::Killed { .. } => "source::killed".into(),
            Self::Drifted { .. } => "source::drifted".into(),
            Self::Denied { .. } => "source::denied".into(),
            Self::Damaged { .. } => "source::damaged".into(),
            Self::Misfit { rule, .. } => format!("validate::{rule}"),
            Self::Key { .. } => "validate::key".into(),
            Self::Lost { .. } | Self::Cut { .. } => "source::lost".into(),
            Self::Server { .. } => "source::server".into(),
            Self::Protocol { .. } => "source::protocol".into(),
        }
    }

    /// The error as told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        if let Self::Refused(refusal) = self {
            return refusal.trouble();
        }
        let class = match self {
            Self::PasswordFile(_) | Self::AuthorityFile { .. } => Class::Usage,
            // A server that cannot be trusted to be the clinic's is refused, whatever the reason.
            Self::Setting { .. } | Self::Tls { .. } => Class::Refused,
            error if error.is_of_table() => Class::Held,
            _ => Class::Failed,
        };
        let (why, hint): (String, &str) = match self {
            Self::Unreachable { cause, .. } => (
                reason_of_io(cause),
                "check SOURCE_DB_HOST and SOURCE_DB_PORT, and that the server listens there and no firewall is between",
            ),
            Self::Tls { reason, remedy, .. } => (reason.clone(), remedy),
            Self::AuthorityFile { why, .. } => (why.clone(), tls::AUTHORITY_REMEDY),
            Self::Login { .. } => (
                "the account does not exist for this client's address, or the password is not the one the server knows".into(),
                "check SOURCE_DB_READONLY_USER and SOURCE_DB_READONLY_PASSWORD; `bicuspid grants` prints the account to ask the administrator for",
            ),
            Self::Database { .. } => (
                "it does not exist, or the account holds no privilege on it".into(),
                "check SOURCE_DB_NAME; `bicuspid grants` prints the grant to ask the administrator for",
            ),
            Self::Busy => (
                "the server or the account is at its limit of connections".into(),
                "try again later; Bicuspid itself uses one connection",
            ),
            Self::Overloaded { why, waited } => (
                format!("{why}; nothing was read for {} s, and it stayed so", waited.as_secs()),
                "run again when the server is calmer: the run goes on where this one stopped. What counts as overloaded is set by threads_critical, lock_waits_critical, answer_critical_ms and critical_wait_seconds in bicuspid.toml",
            ),
            Self::Setting { variable } => (
                format!("`{variable}` was set and read back, and the server answered with another value"),
                "a server or proxy that ignores session settings cannot be read safely; connect to the server itself",
            ),
            Self::PasswordFile(cause) => {
                (reason_of_io(cause), "check the path in SOURCE_DB_READONLY_PASSWORD_FILE and who may read it")
            }
            Self::TimeLimit { .. } => (
                "the server is busy, or the table is wider than was estimated".into(),
                "run again in a quiet hour; nothing of the table was loaded",
            ),
            Self::LockWait { .. } => (
                "somebody alters, repairs or locks it, or waits to".into(),
                "run again when they are done; Bicuspid does not queue up where the front desk waits too",
            ),
            Self::Killed { .. } => (
                "KILL QUERY, perhaps by the clinic's administrator; the rest of the run was gentler".into(),
                "ask who ended it and why, and run again in a quiet hour",
            ),
            Self::Drifted { .. } => {
                ("it was altered or dropped by somebody else meanwhile".into(), "run again; the new shape will be planned. If it has a row filter in bicuspid.toml, look at the filter's columns")
            }
            Self::Denied { .. } => (
                "SELECT on it is not granted to the account".into(),
                "grant SELECT on the table, or exclude it in bicuspid.toml",
            ),
            Self::Damaged { .. } => (
                "the server calls the table crashed, or a read of its files failed".into(),
                "let the server's administrator check the table with CHECK TABLE, and look at the disk",
            ),
            Self::Misfit { column, rule, .. } => (
                format!("column `{column}` broke the rule `{rule}`"),
                "choose another type for the column in bicuspid.toml, or exclude the column",
            ),
            Self::Key { .. } => (
                "a key column holds NULL, a date that does not exist, or characters that had to be replaced".into(),
                "repair the row in the clinic's program, or exclude the table in bicuspid.toml",
            ),
            Self::Lost { .. } | Self::Cut { .. } => (
                "the server closed the connection or the network failed, and new connections met the same end".into(),
                "run again; a run begins where the data says it must",
            ),
            Self::Server { code, .. } => {
                (format!("error {code} of MySQL or MariaDB"), "look the number up in the server's manual")
            }
            Self::Protocol { what } => {
                ((*what).to_owned(), "this is a fault in Bicuspid or in a proxy between; please report it")
            }
            Self::Refused(_) => (String::new(), ""),
        };
        let state = if matches!(self, Self::Tls { .. } | Self::AuthorityFile { .. }) {
            "neither the password nor a statement was sent"
        } else if matches!(self, Self::Overloaded { .. }) {
            "nothing was changed on the source; tables of a first load that were complete are kept, all others show the last published state"
        } else {
            "nothing was changed on the source; the target still shows the last published state"
        };
        Trouble {
            code: self.code(),
            side: Side::Source,
            class,
            what: self.to_string(),
            why,
            state: state.into(),
            hint: hint.into(),
        }
    }
}

/// Turns a driver's error into ours. `what` names the table or the thing asked for.
pub(crate) fn of_driver(error: &sqlx::Error, what: &str) -> SourceError {
    let table = what.to_owned();
    match error {
        sqlx::Error::Database(database) => {
            let number = database
                .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                .map_or(0, sqlx::mysql::MySqlDatabaseError::number);
            // Numbers: MySQL 8.0 error reference; 1969 is MariaDB's statement time limit, 4031 MySQL's idle limit.
            match number {
                1969 | 3024 => SourceError::TimeLimit { table },
                1205 => SourceError::LockWait { table },
                1317 => SourceError::Killed { table },
                1146 | 1054 | 1412 | 1051 | 1176 | 1615 => SourceError::Drifted { table },
                1142 | 1143 | 1370 => SourceError::Denied { table },
                1016 | 1017 | 1030 | 1032..=1035 | 1194 | 1195 | 1712 | 1812 | 1814 | 1877 | 1932 => {
                    SourceError::Damaged { table }
                }
                1040 | 1203 | 1226 => SourceError::Busy,
                1053 | 1927 | 4031 => SourceError::Lost { table },
                code => SourceError::Server { code, table },
            }
        }
        sqlx::Error::Io(_) => SourceError::Lost { table },
        _ => SourceError::Protocol { what: "an answer of the server" },
    }
}

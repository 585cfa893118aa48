//! One connection to the clinic: no pool, no second host, no socket that was not asked for.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::time::Duration;

use bicuspid_guard::session::{self, SessionLimits, SessionStatement};
use bicuspid_guard::{Catalog, Flavour, GrantVerdict, ReadStatement, SourceServer, builder, judge_grants};
use bicuspid_model::{DatabaseName, Endpoint, Host, Password, Tls, Value};
use futures_util::StreamExt as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Executor as _, MySql, Row as _,
    ValueRef as _,
};

use crate::error::{SourceError, of_driver};
use crate::extract::SourceOptions;
use crate::tls;

/// Statements that the driver and the server keep prepared. It is never reached: a statement that is pushed out is
/// closed by a packet that the server does not answer, and the next packet then waits for the network's delayed
/// acknowledgement (40 ms on Linux, because the driver leaves Nagle's algorithm on). The connection is renewed before
/// that, which gives the server its memory back as well.
const PREPARED_MAX: usize = 600;
/// Prepared statements at which the connection is renewed between two tables.
const PREPARED_RENEW: usize = 300;

/// Time until a connection attempt is given up.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What the server says of itself and of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Host and port that were asked for.
    pub host: String,
    /// Flavour and version.
    pub flavour: Flavour,
    /// Version as the server prints it.
    pub version: String,
    /// What the server says of itself, by which it is known again.
    pub server: SourceServer,
    /// Database that is read.
    pub database: String,
    /// Account as the server matched it, such as `readonly_user@%`.
    pub account: String,
    /// The server's time zone: `SYSTEM` stands for that of its machine.
    pub time_zone: String,
    /// Time zone of the server's machine.
    pub system_time_zone: String,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Protocol and cipher of the encryption, as the server names them; empty if it does not.
    pub cipher: String,
    /// Whether the server stores names of databases in small letters, as on Windows.
    pub folds_names: bool,
    /// Whether the session is read-only, as read back; `None` if the server is too old to know such sessions.
    pub read_only: Option<bool>,
    /// What the account may do, in the server's words, one grant each.
    pub grants: Vec<String>,
}

impl SourceFacts {
    /// Whether the account can do no more than read this database.
    #[must_use]
    pub fn judge(&self, source: &DatabaseName) -> GrantVerdict {
        let folded = DatabaseName::new(source.as_str().to_lowercase());
        match folded {
            // In the name of the settings any letter may be a capital; in the grants none is.
            Ok(folded) if self.folds_names => judge_grants(&self.grants, &folded),
            _ => judge_grants(&self.grants, source),
        }
    }
}

/// A connection whose session is read-only, bounded and known.
pub(crate) struct Wire {
    /// `None` once it was hung up.
    connection: Option<MySqlConnection>,
    pub(crate) flavour: Flavour,
    pub(crate) database: DatabaseName,
    /// Hashes of the statements that are prepared on this connection.
    prepared: HashSet<u64>,
    /// An answer was not read to its end, because whoever waited for it went away, it did not come, or the connection
    /// ended. What comes next on the connection could be taken for the answer to another question: it must not be used
    /// again.
    interrupted: bool,
    /// See [`SourceOptions::patience`].
    patience: Duration,
}

impl Wire {
    /// Connects and prepares the session; every setting is read back and compared.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        options: &SourceOptions,
    ) -> Result<(Self, SourceFacts), SourceError> {
        let connecting = self::options(endpoint)?;
        let connecting = tokio::time::timeout(CONNECT_MAX.min(options.patience), connecting.connect());
        let connection = match connecting.await {
            Ok(connected) => connected.map_err(|e| connect_fault(&e, endpoint))?,
            Err(_) => {
                return Err(SourceError::Unreachable {
                    host: endpoint.host.to_string(),
                    cause: std::io::ErrorKind::TimedOut.into(),
                });
            }
        };
        // Until the version is known the flavour stands for nothing; the first statement asks for it.
        let unknown = Flavour { mariadb: false, major: 0, minor: 0, patch: 0 };
        let mut wire = Self {
            connection: Some(connection),
            flavour: unknown,
            database: endpoint.database.clone(),
            prepared: HashSet::new(),
            interrupted: false,
            patience: options.patience,
        };
        let facts = wire.prepare(endpoint, &options.limits).await?;
        Ok((wire, facts))
    }

    async fn prepare(
        &mut self,
        endpoint: &Endpoint,
        limits: &SessionLimits,
    ) -> Result<SourceFacts, SourceError> {
        let version = self.texts(&builder::version()?, "the version").await?;
        let version = version.into_iter().flatten().next().flatten().unwrap_or_default();
        self.flavour = Flavour::parse(&version)?;
        let mut kept = Vec::new();
        for statement in session::session_statements(self.flavour, limits) {
            match self.command(&statement).await {
                Ok(()) => kept.push(statement),
                Err(_) if statement.is_optional() => {}
                Err(error) => return Err(error),
            }
        }
        let found = self.texts(&session::read_back(&kept)?, "the session").await?;
        session::compare(&kept, found.first().map(Vec::as_slice).unwrap_or_default())?;
        let names = builder::session_fact_names(self.flavour);
        let row = self.texts(&builder::session_facts(self.flavour)?, "the session").await?;
        let row = row.into_iter().next().unwrap_or_default();
        let fact = |name: &str| {
            names
                .iter()
                .position(|n| *n == name)
                .and_then(|i| row.get(i).cloned())
                .flatten()
                .unwrap_or_default()
        };
        let cipher = self.texts(&builder::cipher()?, "the session").await?;
        let cipher = |name: &str| {
            let row = cipher.iter().find(|row| row.first().and_then(Option::as_deref) == Some(name));
            row.and_then(|row| row.get(1).cloned().flatten()).unwrap_or_default()
        };
        let cipher = format!("{} {}", cipher("Ssl_version"), cipher("Ssl_cipher")).trim().to_owned();
        let grants = self.texts(&builder::show_grants()?, "the grants").await?;
        let folds_names = fact("lower_case_table_names") == "1";
        let database = fact("connection_database");
        let server = SourceServer {
            uuid: Some(fact("server_uuid")).filter(|uuid| !uuid.is_empty()),
            machine: fact("hostname"),
            data_folder: fact("datadir"),
            database: if folds_names { database.to_lowercase() } else { database.clone() },
        };
        Ok(SourceFacts {
            server,
            host: endpoint.host.to_string(),
            flavour: self.flavour,
            version,
            database,
            account: fact("connection_account"),
            time_zone: limits
                .time_zone
                .as_ref()
                .map_or_else(|| fact("global_time_zone"), |z| z.as_str().to_owned()),
            system_time_zone: fact("system_time_zone"),
            tls: endpoint.tls != Tls::Off,
            cipher,
            folds_names,
            read_only: self
                .flavour
                .has_read_only()
                .then(|| matches!(fact("session_read_only").as_str(), "1" | "ON")),
            grants: grants.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect(),
        })
    }

    /// Whether so much is prepared that a new connection should follow.
    pub(crate) fn is_worn(&self) -> bool {
        self.prepared.len() >= PREPARED_RENEW
    }

    /// Whether the connection may hold the rest of an answer that nobody read.
    pub(crate) const fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Sends one of the fixed statements that are not SELECTs.
    pub(crate) async fn command(&mut self, statement: &SessionStatement) -> Result<(), SourceError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a constant of the guard; old servers cannot prepare it"
        )]
        let query = sqlx::raw_sql(AssertSqlSafe(statement.sql().to_owned()));
        let lost = || SourceError::Lost { table: "the session".to_owned() };
        self.begin_answer()?;
        let connection = self.connection.as_mut().ok_or_else(lost)?;
        let done =
            tokio::time::timeout(self.patience, query.execute(connection)).await.map_err(|_| lost())?;
        let done = done.map_err(|e| of_driver(&e, "the session"));
        self.interrupted = done.as_ref().is_err_and(SourceError::ends_connection);
        done.map(|_| ())
    }

    /// The connection counts as interrupted until the answer is complete: a future that is dropped meanwhile has no
    /// other way to say so.
    fn begin_answer(&mut self) -> Result<(), SourceError> {
        if self.interrupted {
            return Err(SourceError::Protocol { what: "the rest of an interrupted answer" });
        }
        self.interrupted = true;
        Ok(())
    }

    /// Sends a reading statement by the prepared protocol and hands each row over as it arrives.
    pub(crate) async fn send(
        &mut self,
        statement: &ReadStatement,
        what: &str,
        mut each: impl FnMut(MySqlRow) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let each = |row| each(row).map(|()| ControlFlow::Continue(()));
        self.send_until(statement, what, each).await.map(|_| ())
    }

    /// The same for as long as more rows are wanted; whether all of them came. If not, the connection was hung up: a
    /// server that finds nobody at the other end gives its locks back, and needs not send the rest first.
    ///
    /// **Invariant:** this is the only way in which a statement with a table in it leaves the program, and it takes
    /// nothing but what the guard sealed.
    pub(crate) async fn send_until(
        &mut self,
        statement: &ReadStatement,
        what: &str,
        mut each: impl FnMut(MySqlRow) -> Result<ControlFlow<()>, SourceError>,
    ) -> Result<bool, SourceError> {
        let mut hasher = DefaultHasher::new();
        statement.sql().hash(&mut hasher);
        self.prepared.insert(hasher.finish());
        #[expect(clippy::disallowed_methods, reason = "the single way out, for sealed statements alone")]
        let mut query = sqlx::query(AssertSqlSafe(statement.sql().to_owned()));
        for value in statement.params() {
            query = match value {
                Value::Null => query.bind(None::<i64>),
                Value::Int(v) => query.bind(*v),
                Value::UInt(v) => query.bind(*v),
                Value::Float(v) => query.bind(*v),
                Value::Decimal(v) => query.bind(v.clone()),
                Value::Text(v) => query.bind(v.clone().into_owned()),
                Value::Bytes(v) => query.bind(v.clone()),
                Value::Date(v) => query.bind(v.to_string()),
                Value::DateTime(v) => query.bind(v.to_string()),
                Value::Time(v) => query.bind(time_text(*v)),
            };
        }
        let lost = || SourceError::Lost { table: what.to_owned() };
        self.begin_answer()?;
        let connection = self.connection.as_mut().ok_or_else(lost)?;
        let drain = async {
            // `fetch` would be one more layer for each row to pass.
            let mut rows = connection.fetch_many(query);
            let mut outcome = Ok(true);
            while let Some(step) = rows.next().await {
                let row = match step {
                    Ok(Either::Right(row)) => row,
                    // How many there were, behind the last.
                    Ok(Either::Left(_)) => continue,
                    Err(error) => return (Err(of_driver(&error, what)), true),
                };
                // After a row that cannot be used the rest is still drained: the table's lock is held until it is.
                if outcome.is_ok() {
                    match each(row) {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => return (Ok(false), true),
                        Err(error) => outcome = Err(error),
                    }
                }
            }
            (outcome, false)
        };
        let (answer, is_of_server) =
            tokio::time::timeout(self.patience, drain).await.unwrap_or_else(|_| (Err(lost()), true));
        if matches!(answer, Ok(false)) {
            // It stays marked as interrupted.
            self.connection = None;
            return answer;
        }
        // What we could not make sense of came to its end.
        self.interrupted = is_of_server && answer.as_ref().is_err_and(SourceError::ends_connection);
        answer
    }

    /// Sends a reading statement and collects its rows as texts.
    pub(crate) async fn texts(
        &mut self,
        statement: &ReadStatement,
        what: &'static str,
    ) -> Result<Vec<Vec<Option<String>>>, SourceError> {
        let mut rows = Vec::new();
        self.send(statement, what, |row| {
            let cells = (0..row.len()).map(|i| {
                cell(&row, i)?
                    .map(|bytes| String::from_utf8(bytes.to_vec()))
                    .transpose()
                    .map_err(|_| SourceError::Protocol { what })
            });
            rows.push(cells.collect::<Result<_, _>>()?);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Asks the catalog.
    pub(crate) async fn catalog(&mut self, what: Catalog) -> Result<Vec<Vec<Option<String>>>, SourceError> {
        let statement = builder::catalog(what, &self.database.clone())?;
        self.texts(&statement, "the catalog").await
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        // The rows are in hand; a server that does not answer the goodbye is no trouble of ours.
        if let Some(connection) = self.connection {
            let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
        }
    }
}

/// The bytes of a cell as they came, `None` for NULL. The driver itself calls a zero date NULL, so it is asked only
/// about cells that have no bytes: it is also what costs most about a cell.
#[expect(
    clippy::inline_always,
    reason = "called for each cell; what it returns is then not written to memory and back"
)]
#[inline(always)]
pub(crate) fn cell(row: &MySqlRow, i: usize) -> Result<Option<&[u8]>, SourceError> {
    let unreadable = |_| SourceError::Protocol { what: "a cell" };
    match <&[u8] as sqlx::Decode<MySql>>::decode(row.try_get_raw(i).map_err(unreadable)?) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) if row.try_get_raw(i).map_err(unreadable)?.is_null() => Ok(None),
        Err(_) => Err(SourceError::Protocol { what: "a cell" }),
    }
}

/// A `time` as servers read it: `-838:59:59.000000`.
fn time_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    format!(
        "{sign}{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        micros % 1_000_000
    )
}

fn options(endpoint: &Endpoint) -> Result<MySqlConnectOptions, SourceError> {
    // Nothing of the session is left to the driver: it would add a mode that changes what `||` means and a time zone
    // that changes what a timestamp shows.
    let mut options = MySqlConnectOptions::new()
        .username(&endpoint.user)
        .database(endpoint.database.as_str())
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .enable_cleartext_plugin(false)
        .statement_cache_capacity(PREPARED_MAX)
        .disable_statement_logging();
    match &endpoint.host {
        Host::Tcp { host, port } => options = options.host(host).port(*port),
        #[cfg(unix)]
        Host::Socket { path, .. } => options = options.socket(path),
        #[cfg(not(unix))]
        Host::Socket { .. } => {
            return Err(SourceError::Unreachable {
                host: endpoint.host.to_string(),
                cause: std::io::ErrorKind::Unsupported.into(),
            });
        }
    }
    match &endpoint.password {
        Password::None => {}
        Password::Given(secret) => options = options.password(secret.reveal()),
        Password::File(path) => {
            let text = std::fs::read_to_string(path).map_err(SourceError::PasswordFile)?;
            options = options.password(text.trim_end_matches(['\r', '\n']));
        }
    }
    Ok(match &endpoint.tls {
        Tls::Off => options.ssl_mode(MySqlSslMode::Disabled),
        Tls::Require => options.ssl_mode(MySqlSslMode::VerifyIdentity),
        Tls::Ca(path) => {
            let authority = tls::authority(path)?;
            options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca_from_pem(authority)
        }
    })
}

fn connect_fault(error: &sqlx::Error, endpoint: &Endpoint) -> SourceError {
    let host = endpoint.host.to_string();
    if let Some(fault) = tls::fault(error, &host) {
        return fault;
    }
    match error {
        sqlx::Error::Database(database) => {
            let number = database
                .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                .map_or(0, sqlx::mysql::MySqlDatabaseError::number);
            match number {
                1045 | 1698 | 1862 | 3118 => SourceError::Login { user: endpoint.user.clone() },
                1044 | 1049 => SourceError::Database { database: endpoint.database.to_string() },
                1040 | 1203 | 1226 => SourceError::Busy,
                1129 | 1130 => {
                    SourceError::Unreachable { host, cause: std::io::ErrorKind::PermissionDenied.into() }
                }
                // On its way down, or not up yet.
                1053 | 1077 | 1079 => {
                    SourceError::Unreachable { host, cause: std::io::ErrorKind::ConnectionRefused.into() }
                }
                code => SourceError::Server { code, table: "the connection".into() },
            }
        }
        sqlx::Error::Io(cause) => SourceError::Unreachable { host, cause: cause.kind().into() },
        _ => SourceError::Protocol { what: "the server's greeting" },
    }
}

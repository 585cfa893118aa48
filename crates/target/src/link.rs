//! One connection to a PostgreSQL server: settings from fields alone, TLS verified, a session that is known.
//!
//! No `PG*` variable, service file or password file is read: the driver knows none of them, and the connection is
//! described by fields, never by a connection string that could smuggle a host or a database in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bicuspid_model::{Endpoint, Host, Password, Tls};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{TargetError, of_driver, of_state};
use crate::identity::has_state_column;
use crate::schemas::Schemas;
use crate::session::{QUIET, Session};
use crate::state::AuditHead;
use crate::tls;

/// Time until a connection attempt is given up.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The session of every connection: values mean the same on every server, nothing resolves through a search path,
/// and no statement waits for a lock for long (a waiting DDL would stop every later reader). The server's limits for
/// idle sessions do not hold: a session is idle for as long as the source is read (not every version knows each limit).
/// No statement of ours runs long enough to be worth compiling. A key is sorted in memory up to a size that a server of
/// this decade can spare; where it may use more, that stays.
const SESSION: &str = "SET search_path = pg_catalog; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; \
     SET IntervalStyle = 'postgres'; SET standard_conforming_strings = on; SET lock_timeout = '5s'; \
     SET statement_timeout = 0; SET row_security = off; SET default_transaction_isolation = 'read committed'; \
     SET client_min_messages = 'error'; SET synchronous_commit = on; \
     SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', \
     'idle_session_timeout', 'transaction_timeout'); \
     SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'jit'; \
     SELECT set_config(name, '256MB', false) FROM pg_settings \
     WHERE name = 'maintenance_work_mem' AND setting::bigint < 262144";

/// Makes the server look once a second whether we are still there while it works on a long statement: it must not go
/// on for a run that was stopped, with its locks and the lock of the run in hand.
const NOTICE: &str = "SELECT set_config(name, '1000', false) FROM pg_settings \
     WHERE name = 'client_connection_check_interval'";

/// A connection and the task that drives it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: Arc<Session>,
    driver: JoinHandle<()>,
    host: String,
    user: String,
    tls: bool,
    /// What is written with the record of a run.
    anchor: Option<AuditHead>,
    /// Where the copy is. That of the demo is at its constants: nothing there says otherwise.
    schemas: Schemas,
    /// The state was seen to have columns for the server's own hashes, which older ones lack.
    keeps_marks: AtomicBool,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Connects and sets the session up.
    pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Self, TargetError> {
        Self::connect_with(endpoint, QUIET).await
    }

    /// The same; after this time of silence the server is asked whether it is still at work for us.
    pub(crate) async fn connect_with(endpoint: &Endpoint, quiet: Duration) -> Result<Self, TargetError> {
        // The driver's own limit ends with the socket's handshake: a tunnel or pooler may take the connection and
        // never answer on it.
        tokio::time::timeout(CONNECT_MAX, Self::connect_patiently(endpoint, quiet)).await.unwrap_or_else(
            |_| {
                Err(TargetError::Unreachable {
                    host: endpoint.host.to_string(),
                    reason: "it took the connection and did not answer on it".into(),
                })
            },
        )
    }

    async fn connect_patiently(endpoint: &Endpoint, quiet: Duration) -> Result<Self, TargetError> {
        let (client, driver) = open(endpoint).await?;
        let client = Session::new(client, driver.abort_handle(), endpoint, quiet)
            .await
            .map_err(|e| of_driver(&e, "set the session up"))?;
        let link = Self {
            client: Arc::new(client),
            driver,
            host: endpoint.host.to_string(),
            user: endpoint.user.clone(),
            tls: endpoint.tls != Tls::Off,
            anchor: None,
            schemas: Schemas::alone(),
            keeps_marks: AtomicBool::new(false),
        };
        link.run(SESSION, "set the session up").await?;
        // Servers before version 14 have no such setting and those on Windows refuse it; they notice later.
        let _ = link.run(NOTICE, "set the session up").await;
        Ok(link)
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The account that was asked for.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether the state has columns for the marks of chunks.
    pub(crate) async fn keeps_marks(&self) -> Result<bool, TargetError> {
        if !self.keeps_marks.load(Ordering::Relaxed) {
            self.keeps_marks.store(has_state_column(self, "chunk", "cell_sum").await?, Ordering::Relaxed);
        }
        Ok(self.keeps_marks.load(Ordering::Relaxed))
    }

    /// Where the copy is.
    pub(crate) const fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// Says where the copy is, before anything of it is asked for.
    #[must_use]
    pub(crate) fn with_schemas(mut self, schemas: Schemas) -> Self {
        self.schemas = schemas;
        self
    }

    /// A statement with the schemas of the copy in the places that the constant has for them.
    pub(crate) fn sql(&self, constant: &'static str) -> String {
        self.schemas.fill(constant)
    }

    /// The same as a statement that the server remembers: for those that are asked for each table of a run.
    pub(crate) async fn known(&self, constant: &'static str) -> Result<Statement, tokio_postgres::Error> {
        self.client.known(&self.sql(constant)).await
    }

    /// The head of the audit log that is to be anchored with the record of a run.
    pub(crate) const fn anchor(&self) -> Option<&AuditHead> {
        self.anchor.as_ref()
    }

    /// Keeps the head of the audit log for the record of the run.
    pub(crate) fn set_anchor(&mut self, head: AuditHead) {
        self.anchor = Some(head);
    }

    /// Whether the connection is encrypted.
    pub(crate) const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Makes every later transaction of the session one that the server lets write nothing.
    pub(crate) async fn refuse_to_write(&self) -> Result<(), TargetError> {
        self.run("SET default_transaction_read_only = on", "make the session read-only").await
    }

    /// Runs fixed statements about the state in schema `bicuspid`.
    pub(crate) async fn run_on_state(&self, sql: &str, action: &str) -> Result<(), TargetError> {
        self.client.batch_execute(sql).await.map_err(|e| of_state(&e, action))
    }

    /// Runs fixed statements.
    pub(crate) async fn run(&self, sql: &str, action: &str) -> Result<(), TargetError> {
        self.client.batch_execute(sql).await.map_err(|e| of_driver(&e, action))
    }
}

/// Connects; the session is as the server makes it.
pub(crate) async fn open(endpoint: &Endpoint) -> Result<(Client, JoinHandle<()>), TargetError> {
    let config = config(endpoint)?;
    let fault = |e: &tokio_postgres::Error| connect_fault(e, endpoint);
    if endpoint.tls == Tls::Off {
        let (client, connection) = config.connect(NoTls).await.map_err(|e| fault(&e))?;
        Ok((client, drive(connection)))
    } else {
        let connector = MakeRustlsConnect::new(tls::config(endpoint)?);
        let (client, connection) = config.connect(connector).await.map_err(|e| fault(&e))?;
        Ok((client, drive(connection)))
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver's task; the link keeps its handle and ends it")]
fn drive<S, T>(connection: tokio_postgres::Connection<S, T>) -> JoinHandle<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // The end of the connection reaches whoever waits for an answer; there is nobody else to tell.
        let _ = connection.await;
    })
}

fn config(endpoint: &Endpoint) -> Result<Config, TargetError> {
    let mut config = Config::new();
    match &endpoint.host {
        Host::Tcp { host, port } => {
            config.host(host).port(*port);
        }
        #[cfg(unix)]
        Host::Socket { path, port } => {
            config.host_path(path).port(*port);
        }
        #[cfg(not(unix))]
        Host::Socket { .. } => {
            return Err(TargetError::Unreachable {
                host: endpoint.host.to_string(),
                reason: "unix sockets do not exist on this system".into(),
            });
        }
    }
    config
        .dbname(endpoint.database.as_str())
        .user(&endpoint.user)
        .application_name("bicuspid")
        .connect_timeout(CONNECT_MAX)
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(Duration::from_mins(1))
        .ssl_mode(if endpoint.tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
    match &endpoint.password {
        Password::None => {}
        Password::Given(secret) => {
            config.password(secret.reveal());
        }
        Password::File(path) => {
            let text = std::fs::read_to_string(path).map_err(TargetError::PasswordFile)?;
            config.password(text.trim_end_matches(['\r', '\n']));
        }
    }
    Ok(config)
}

fn connect_fault(error: &tokio_postgres::Error, endpoint: &Endpoint) -> TargetError {
    let host = endpoint.host.to_string();
    if let Some(code) = error.code() {
        return match code {
            c if *c == SqlState::INVALID_PASSWORD || *c == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                TargetError::Login { user: endpoint.user.clone() }
            }
            c if *c == SqlState::INVALID_CATALOG_NAME => {
                TargetError::Database { database: endpoint.database.to_string() }
            }
            c if *c == SqlState::INSUFFICIENT_PRIVILEGE => {
                TargetError::Denied { action: format!("connect to the database {}", endpoint.database) }
            }
            c => TargetError::Server { code: c.code().to_owned(), action: "connect".into() },
        };
    }
    if let Some(fault) = tls::fault(error, &host) {
        return fault;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return TargetError::Unreachable { host, reason: bicuspid_model::trouble::reason_of_io(io) };
        }
        cause = inner.source();
    }
    let text = error.to_string();
    if text.contains("password") || text.contains("auth") {
        return TargetError::Login { user: endpoint.user.clone() };
    }
    TargetError::Unreachable { host, reason: "no answer in time".into() }
}

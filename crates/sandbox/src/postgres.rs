//! A private PostgreSQL server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::account::Account;
use crate::error::{SandboxError, Server};
use crate::home::Home;
use crate::launch::{Started, Tether, end};
use crate::process::{Process, Signal, wait_until};
use crate::program::PostgresPrograms;
use crate::{blocking, port};

/// Administrator of the server. Reachable over the socket only.
pub(crate) const ADMIN: &str = "postgres";

const READY_LIMIT: Duration = Duration::from_mins(1);
const PORT_ATTEMPTS_MAX: u32 = 5;

/// Who may log in, and how; read from top to bottom.
const LOGINS: &str = "local all postgres trust\n\
                      local all all scram-sha-256\n\
                      host all postgres all reject\n\
                      host all all 127.0.0.1/32 scram-sha-256\n";

/// How a private PostgreSQL server is set up.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Whether a commit reaches the disk, as `initdb` leaves it; tests do without.
    pub durable: bool,
    /// More settings for the server, such as `log_statement=all`.
    pub settings: Vec<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { durable: true, settings: Vec::new() }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) home: Home,
    pub(crate) started: Started,
    pub(crate) port: u16,
}

/// How a server ends when it need not come back: at once, but its shared memory is freed.
pub(crate) const END: Signal = Signal::Quit;

/// Prepares the data directory of a server that was never started.
pub(crate) fn prepare(home: &Home, options: &PostgresOptions, account: Account) -> Result<(), SandboxError> {
    let programs = PostgresPrograms::find()?;
    home.create(account)?;
    let data = home.data();
    let mut command = home.command(&programs.initdb, account);
    command.arg("-D").arg(&data).arg(format!("--username={ADMIN}"));
    command.args(["--encoding=UTF8", "--locale=C"]);
    // The server is told to read rules of our own instead.
    command.args(["--auth-local=trust", "--auth-host=reject"]);
    if !options.durable {
        command.arg("--no-sync");
    }
    home.prepare(Server::Postgres, &command, account)?;
    account.write_file(&logins_file(home), LOGINS)?;
    home.mark_data(account)
}

/// Starts the server, on a free port where none is given, and waits until it accepts connections. `written_down` is
/// called as soon as the process exists.
pub(crate) fn start(
    home: &Home,
    options: &PostgresOptions,
    account: Account,
    tether: Tether,
    port: Option<u16>,
    mut written_down: impl FnMut(&Process) -> Result<(), SandboxError>,
) -> Result<Postgres, SandboxError> {
    let programs = PostgresPrograms::find()?;
    let mut attempt = 1;
    loop {
        let port = port.map_or_else(port::free, Ok)?;
        let command = command(&programs, home, options, account, port);
        let outcome = home.start(Server::Postgres, &command, account, tether, END).and_then(|started| {
            written_down(&started.process)?;
            let server = Postgres { home: home.clone(), started, port };
            match server.wait_ready() {
                Ok(()) => Ok(server),
                Err(error) => {
                    server.started.abandon();
                    Err(error)
                }
            }
        });
        match outcome {
            Err(SandboxError::Ended { log, .. }) if port::was_taken(&log) && attempt < PORT_ATTEMPTS_MAX => {
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

fn command(
    programs: &PostgresPrograms,
    home: &Home,
    options: &PostgresOptions,
    account: Account,
    port: u16,
) -> Command {
    let mut command = home.command(&programs.server, account);
    command.arg("-D").arg(home.data());
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", quoted(&home.sockets)),
        "unix_socket_permissions=0700".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
    ];
    settings.push(format!("hba_file={}", logins_file(home).display()));
    if !options.durable {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    for setting in settings.iter().chain(&options.settings) {
        command.arg("-c").arg(setting);
    }
    command
}

fn logins_file(home: &Home) -> PathBuf {
    home.path.join("pg_hba.conf")
}

/// A folder as one element of a list of folders, in which commas and spaces part the elements.
fn quoted(folder: &Path) -> String {
    format!("\"{}\"", folder.to_string_lossy().replace('"', "\"\""))
}

impl Postgres {
    fn wait_ready(&self) -> Result<(), SandboxError> {
        let server = Server::Postgres;
        let mut ready = false;
        wait_until(READY_LIMIT, || {
            ready = run_each(&self.home, self.port, ADMIN, "answer", &["SELECT 1".to_owned()]).is_ok();
            ready || !self.started.process.lives()
        });
        if ready {
            return Ok(());
        }
        if self.started.process.lives() {
            end(server, &self.started.process, END)?;
            return Err(SandboxError::TooSlow {
                server,
                action: "accept connections",
                limit_seconds: READY_LIMIT.as_secs(),
            });
        }
        Err(SandboxError::Ended { server, log: self.home.log_tail() })
    }
}

/// Runs statements one after the other, each by itself, over one connection of the administrator.
pub(crate) fn run_each(
    home: &Home,
    port: u16,
    database: &str,
    action: &str,
    statements: &[String],
) -> Result<(), SandboxError> {
    blocking::wait(|| async {
        let outcome = with_client(home, port, database, async |client| {
            for statement in statements {
                client.batch_execute(statement).await?;
            }
            Ok(())
        });
        outcome.await.map_err(|error| failed(action, &error))
    })
}

/// Runs statements as the administrator and returns the rows of all results, each cell as the server writes it.
pub(crate) async fn rows(
    home: &Home,
    port: u16,
    database: &str,
    statements: &str,
) -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
    let messages =
        with_client(home, port, database, async |client| client.simple_query(statements).await).await?;
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect())
            }
            _ => None,
        })
        .collect())
}

async fn with_client<T>(
    home: &Home,
    port: u16,
    database: &str,
    work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
) -> Result<T, tokio_postgres::Error> {
    let mut config = Config::new();
    config.port(port).user(ADMIN).dbname(database).application_name("bicuspid-sandbox");
    #[cfg(unix)]
    config.host_path(&home.sockets);
    // Elsewhere the port alone leads to it.
    #[cfg(not(unix))]
    let _ = home;
    let (client, mut connection) = config.connect(NoTls).await?;
    let mut work = std::pin::pin!(work(&client));
    tokio::select! {
        biased;
        outcome = &mut work => outcome,
        ended = &mut connection => match ended {
            Err(error) => Err(error),
            // The server said good-bye; the work learns of it by itself.
            Ok(()) => work.await,
        },
    }
}

fn failed(action: &str, error: &tokio_postgres::Error) -> SandboxError {
    let code = error.code().map_or("connection", |state| state.code()).to_owned();
    SandboxError::Statement { server: Server::Postgres, action: action.to_owned(), code }
}

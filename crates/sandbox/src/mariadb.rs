//! A private MariaDB (or MySQL) server, set up like a clinic's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};

use bicuspid_model::DatabaseName;
use bicuspid_opendental::Engine;

use crate::account::Account;
use crate::error::{SandboxError, Server};
use crate::home::Home;
use crate::launch::{Started, Tether, end};
use crate::process::{Process, Signal, wait_until};
use crate::program::MariaDbPrograms;
use crate::{blocking, port};

/// Administrator of the server. Reachable over the socket only.
pub(crate) const ADMIN: &str = "root";

const READY_LIMIT: Duration = Duration::from_mins(1);
const PORT_ATTEMPTS_MAX: u32 = 5;

/// Removes every account but the administrator's before the server accepts its first connection: the installer
/// makes `root` without a password for TCP too.
const INIT: &str = "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys' AND NOT (User = 'root' AND Host = 'localhost');\n\
                    FLUSH PRIVILEGES;\n";

/// How a private MariaDB server is set up.
#[derive(Debug, Clone)]
pub struct MariaDbOptions {
    /// Default storage engine.
    pub engine: Engine,
    /// `sql_mode` of the server; empty, as on Open Dental's servers, accepts zero and impossible dates.
    pub sql_mode: String,
    /// Time zone of the server process, such as `America/Los_Angeles`.
    pub time_zone: String,
    /// Whether a commit reaches the disk; tests do without.
    pub durable: bool,
    /// The server program, where it is not the one that is found first: another MariaDB or a MySQL.
    pub program: Option<PathBuf>,
    /// More arguments for the server, such as `--lower-case-table-names=1`.
    pub arguments: Vec<String>,
}

impl Default for MariaDbOptions {
    fn default() -> Self {
        Self {
            engine: Engine::MyIsam,
            sql_mode: String::new(),
            time_zone: "UTC".to_owned(),
            durable: true,
            program: None,
            arguments: Vec::new(),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct MariaDb {
    pub(crate) home: Home,
    pub(crate) started: Started,
    pub(crate) port: u16,
}

/// How a server ends when it need not come back: at once.
pub(crate) const END: Signal = Signal::Kill;

/// Prepares the data directory of a server that was never started.
pub(crate) fn prepare(home: &Home, options: &MariaDbOptions, account: Account) -> Result<(), SandboxError> {
    let programs = MariaDbPrograms::find(options.program.as_deref())?;
    home.create(account)?;
    let mut command = home.command(programs.install.as_deref().unwrap_or(&programs.server), account);
    command.arg("--no-defaults");
    if let Some(base) = &programs.base {
        command.arg(argument("--basedir=", base));
    }
    command.arg(argument("--datadir=", &home.data())).arg("--loose-innodb-log-file-size=32M");
    // Not the system's: another server that starts meanwhile removes what it takes for leftovers there. By the
    // environment, because the script breaks other options at their spaces.
    command.env("TMPDIR", home.temporary());
    if programs.install.is_some() {
        command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
    } else {
        command.arg("--initialize-insecure");
    }
    command.args(options.arguments.iter().filter(|argument| argument.contains("lower-case-table-names")));
    home.prepare(Server::MariaDb, &command, account)?;
    if programs.install.is_some() {
        account.write_file(&init_file(home), INIT)?;
    }
    home.mark_data(account)
}

/// Starts the server, on a free port where none is given, and waits until it accepts connections. `written_down` is
/// called as soon as the process exists.
pub(crate) fn start(
    home: &Home,
    options: &MariaDbOptions,
    account: Account,
    tether: Tether,
    port: Option<u16>,
    mut written_down: impl FnMut(&Process) -> Result<(), SandboxError>,
) -> Result<MariaDb, SandboxError> {
    let programs = MariaDbPrograms::find(options.program.as_deref())?;
    let mut attempt = 1;
    loop {
        let port = port.map_or_else(port::free, Ok)?;
        let command = command(&programs, home, options, account, port);
        let outcome = home.start(Server::MariaDb, &command, account, tether, END).and_then(|started| {
            written_down(&started.process)?;
            let server = MariaDb { home: home.clone(), started, port };
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
    programs: &MariaDbPrograms,
    home: &Home,
    options: &MariaDbOptions,
    account: Account,
    port: u16,
) -> Command {
    let mut command = home.command(&programs.server, account);
    command.arg("--no-defaults");
    if let Some(base) = &programs.base {
        command.arg(argument("--basedir=", base));
    }
    command.arg(argument("--datadir=", &home.data()));
    command.arg(argument("--socket=", &socket(home)));
    command.arg(argument("--pid-file=", &home.path.join("mariadb.pid")));
    command.arg(argument("--secure-file-priv=", &home.load()));
    command.arg(argument("--tmpdir=", &home.temporary()));
    if programs.install.is_some() {
        command.arg(argument("--init-file=", &init_file(home)));
    }
    command.arg("--bind-address=127.0.0.1").arg(format!("--port={port}"));
    command.arg(format!("--default-storage-engine={}", options.engine.name()));
    command.arg(format!("--sql-mode={}", options.sql_mode));
    command.args([
        "--character-set-server=utf8mb3",
        "--collation-server=utf8mb3_general_ci",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--performance-schema=OFF",
        "--key-buffer-size=64M",
        "--innodb-buffer-pool-size=64M",
        "--max-allowed-packet=64M",
        "--max-connections=100",
        "--table-open-cache=1000",
        "--loose-innodb-log-file-size=32M",
        "--loose-mysqlx=OFF",
    ]);
    if !options.durable {
        command.args([
            // Written but not forced to the disk: a killed server keeps what it committed.
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-doublewrite=0",
            "--loose-debug-no-sync",
            "--loose-sync-frm=OFF",
            "--loose-innodb-flush-method=nosync",
        ]);
    }
    command.args(&options.arguments).env("TZ", &options.time_zone);
    command
}

fn argument(name: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(name);
    argument.push(path);
    argument
}

/// What the server runs at its start.
pub(crate) fn init_file(home: &Home) -> PathBuf {
    home.path.join("init.sql")
}

/// The socket file of the server in this home.
pub(crate) fn socket(home: &Home) -> PathBuf {
    home.sockets.join("mysqld.sock")
}

impl MariaDb {
    /// Runs statements as the administrator, any number of them.
    pub(crate) fn run(&self, action: &str, statements: &str) -> Result<(), SandboxError> {
        let statements = [statements.to_owned()];
        run_each(&self.home, action, &statements)
    }

    fn wait_ready(&self) -> Result<(), SandboxError> {
        let server = Server::MariaDb;
        let mut ready = false;
        wait_until(READY_LIMIT, || {
            ready = socket(&self.home).exists() && self.run("answer", "SELECT 1").is_ok();
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

/// Runs statements one after the other over one connection of the administrator.
pub(crate) fn run_each(home: &Home, action: &str, statements: &[String]) -> Result<(), SandboxError> {
    let failed = |error: &sqlx::Error| failed(action, error);
    blocking::wait(|| async {
        let mut connection = connect(home).await.map_err(|error| failed(&error))?;
        for statement in statements {
            raw(&mut connection, statement).await.map_err(|error| failed(&error))?;
        }
        connection.close().await.map_err(|error| failed(&error))
    })
}

/// Rows of a result, each cell as the server writes it, `NULL` as none.
pub(crate) type TextRows = Vec<Vec<Option<Vec<u8>>>>;

/// Runs statements as the administrator and returns the rows of all results.
pub(crate) async fn rows(home: &Home, statements: &str) -> Result<TextRows, sqlx::Error> {
    let mut connection = connect(home).await?;
    let rows = raw(&mut connection, statements).await?;
    connection.close().await?;
    Ok(rows)
}

async fn connect(home: &Home) -> Result<MySqlConnection, sqlx::Error> {
    let options = MySqlConnectOptions::new()
        .socket(socket(home))
        .username(ADMIN)
        .ssl_mode(MySqlSslMode::Disabled)
        .charset("utf8mb4")
        // The session keeps the server's own SQL mode and time zone: values must arrive as a clinic's would.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    // The driver's handshake adds IGNORE_SPACE.
    raw(&mut connection, "SET SESSION sql_mode = @@GLOBAL.sql_mode").await?;
    Ok(connection)
}

#[expect(clippy::disallowed_methods, reason = "the sandbox writes to servers that it started itself")]
async fn raw(connection: &mut MySqlConnection, statements: &str) -> Result<TextRows, sqlx::Error> {
    let rows = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|i| Ok(row.try_get_unchecked::<Option<&[u8]>, _>(i)?.map(<[u8]>::to_vec)))
                .collect()
        })
        .collect()
}

/// Opens a connection of the administrator to a database, after the server has shown that it is the one that lives here.
pub(crate) async fn open(home: &Home, database: &DatabaseName) -> Result<MySqlConnection, SandboxError> {
    let action = "open a database";
    let mut connection = connect(home).await.map_err(|error| failed(action, &error))?;
    let answer = raw(&mut connection, "SELECT @@datadir").await.map_err(|error| failed(action, &error))?;
    let told = answer.into_iter().flatten().flatten().next().unwrap_or_default();
    if Path::new(&*String::from_utf8_lossy(&told)) != home.data() {
        return Err(SandboxError::OtherServer { home: home.path.clone() });
    }
    let choose = format!("USE {}", database.mysql());
    raw(&mut connection, &choose).await.map_err(|error| failed(action, &error))?;
    Ok(connection)
}

/// Reads all rows of a statement by the binary protocol and does nothing with them; their number.
#[expect(clippy::disallowed_methods, reason = "a server that the sandbox started itself")]
pub(crate) async fn drain(connection: &mut MySqlConnection, statement: &str) -> Result<u64, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch(connection);
    rows.try_fold(0, async |rows, _| Ok(rows + 1)).await
}

/// Runs one statement and returns the number of rows that it found to change.
#[expect(clippy::disallowed_methods, reason = "the sandbox writes to servers that it started itself")]
pub(crate) async fn change(connection: &mut MySqlConnection, statement: &str) -> Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Asks for numbers: the first cell of each row of each result.
pub(crate) async fn numbers(
    connection: &mut MySqlConnection,
    statements: &str,
) -> Result<Vec<i64>, sqlx::Error> {
    let rows = raw(connection, statements).await?;
    let first = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
    Ok(first.filter_map(|cell| String::from_utf8(cell).ok()?.parse().ok()).collect())
}

/// Whether a row of that key is there already.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    code(error) == "1062"
}

/// The number of a server's error, or what else stood in the way. The message itself may quote values.
pub(crate) fn code(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
            .map_or_else(|| "database".to_owned(), |error| error.number().to_string()),
        _ => "connection".to_owned(),
    }
}

pub(crate) fn failed(action: &str, error: &sqlx::Error) -> SandboxError {
    SandboxError::Statement { server: Server::MariaDb, action: action.to_owned(), code: code(error) }
}

//! Private servers for tests: one pair per test program, one database per test.
//!
//! A server starts when it is first asked for and ends with the test program, however that ends: a shell that is
//! the server's parent waits on a pipe that only this process holds open. Everything here panics on trouble, since
//! a test without its servers has nothing to say.
//!
//! ```no_run
//! use bicuspid_sandbox::testing;
//!
//! let clinic = testing::servers().mariadb_database("types");
//! clinic.admin("CREATE TABLE t (id BIGINT PRIMARY KEY); INSERT INTO t VALUES (1)");
//! assert_eq!(clinic.query("SELECT id FROM t"), [[Some(b"1".to_vec())]]);
//! // `clinic.endpoint` holds an account that may only read.
//! ```

#[cfg(feature = "certificates")]
mod certificates;
mod mariadb_server;
mod postgres_server;
mod proxy;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[cfg(feature = "certificates")]
pub use certificates::{Authority, ServerCertificate};
pub use mariadb_server::{MariaDbDatabase, MariaDbServer};
pub use postgres_server::{PostgresDatabase, PostgresServer};
pub use proxy::Proxy;

use crate::account::Account;
use crate::error::SandboxError;
use crate::home::Home;
use crate::mariadb::MariaDbOptions;
use crate::postgres::PostgresOptions;
use crate::process::{self, Process, Signal};
use crate::secret;

/// Longest wait for a killed process to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(30);

/// The servers of this test program.
#[derive(Debug, Default)]
pub struct TestServers {
    mariadb: OnceLock<MariaDbServer>,
    postgres: OnceLock<PostgresServer>,
}

/// The servers that all tests of this program share; each starts when it is first used.
pub fn servers() -> &'static TestServers {
    static SERVERS: OnceLock<TestServers> = OnceLock::new();
    SERVERS.get_or_init(TestServers::default)
}

impl TestServers {
    /// The shared MariaDB server, set up like a clinic's but not durable, in UTC.
    ///
    /// `BICUSPID_TEST_MYSQLD` may name another MariaDB or MySQL server program.
    pub fn mariadb(&self) -> &MariaDbServer {
        self.mariadb.get_or_init(|| MariaDbServer::start(test_options()))
    }

    /// The shared PostgreSQL server, not durable.
    pub fn postgres(&self) -> &PostgresServer {
        self.postgres
            .get_or_init(|| PostgresServer::start(PostgresOptions { durable: false, settings: Vec::new() }))
    }

    /// Makes an empty database on the shared MariaDB server with a read-only account of its own.
    #[must_use]
    pub fn mariadb_database(&self, prefix: &str) -> MariaDbDatabase {
        self.mariadb().database(prefix)
    }

    /// Runs statements as the administrator of the shared MariaDB server.
    pub fn mariadb_admin(&self, statements: &str) {
        self.mariadb().admin(statements);
    }

    /// Asks the shared MariaDB server as its administrator; each cell is the text the server writes.
    #[must_use]
    pub fn mariadb_query(&self, statements: &str) -> Vec<Vec<Option<Vec<u8>>>> {
        self.mariadb().query(statements)
    }

    /// Makes a database on the shared PostgreSQL server, as `bicuspid grants` lays it out, with a role of its own.
    #[must_use]
    pub fn postgres_database(&self, prefix: &str) -> PostgresDatabase {
        self.postgres().database(prefix)
    }

    /// Runs statements as the administrator of the shared PostgreSQL server.
    pub fn postgres_admin(&self, database: &str, statements: &str) {
        self.postgres().admin(database, statements);
    }

    /// Asks the shared PostgreSQL server as its administrator; each cell is the text the server writes.
    #[must_use]
    pub fn postgres_query(&self, database: &str, statements: &str) -> Vec<Vec<Option<String>>> {
        self.postgres().query(database, statements)
    }
}

/// The options of the shared MariaDB server; a test that needs others starts from these.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test run says here which server program to test against")]
pub fn test_options() -> MariaDbOptions {
    MariaDbOptions {
        durable: false,
        program: std::env::var_os("BICUSPID_TEST_MYSQLD").filter(|p| !p.is_empty()).map(PathBuf::from),
        ..MariaDbOptions::default()
    }
}

/// Whether the long tests are wanted, with the sizes that the project promises: `./test --long`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test run says here how thorough it is to be")]
pub fn long() -> bool {
    std::env::var_os("BICUSPID_LONG").is_some_and(|value| value == "1")
}

/// Whether the process lives; a zombie does not.
#[must_use]
pub fn process_lives(pid: u32) -> bool {
    process::observe(pid).is_some()
}

/// Kills a process of the test's own making as a power cut would, and waits until it is gone or a zombie.
///
/// # Panics
/// If it has not gone half a minute later.
pub fn kill_process(pid: u32) {
    if let Some(process) = Process::of(pid) {
        process.signal(Signal::Kill);
        assert!(process.wait_gone(GONE_LIMIT), "process {pid} did not die");
    }
}

/// Asks again and again, with short rests, until the answer is yes; says whether it was before the limit.
pub fn wait_until(limit: Duration, condition: impl FnMut() -> bool) -> bool {
    process::wait_until(limit, condition)
}

/// A folder for one server of this test program, which the server's account can reach.
fn test_home(name: &str, account: Account) -> Result<Home, SandboxError> {
    let usual = std::env::temp_dir();
    let root = if account.can_enter(&usual) { usual } else { PathBuf::from("/tmp") };
    test_home_under(&root, name)
}

/// The same in a folder that the caller chose.
fn test_home_under(root: &Path, name: &str) -> Result<Home, SandboxError> {
    let token = secret::random()?;
    let short: String = token.chars().take(12).collect();
    Ok(Home::plan(root.join(format!("bicuspid-test-{short}-{name}")), &token, &PathBuf::from("/tmp")))
}

/// A number that no other call of this program gets.
fn next_number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

//! A private PostgreSQL server for tests.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test without its server has nothing to say"
)]

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bicuspid_model::{DatabaseName, Endpoint, Host, Password, Secret, Tls};

#[cfg(feature = "certificates")]
use super::certificates::{self, ServerCertificate};
use super::{GONE_LIMIT, next_number, test_home, test_home_under, wait_until};
use crate::account::Account;
use crate::error::{SandboxError, Server};
use crate::home::Home;
use crate::launch::Tether;
use crate::postgres::{self, Postgres, PostgresOptions};
use crate::process::{Process, Signal};
use crate::{accounts, blocking, secret};

/// A private PostgreSQL server that ends when this value is dropped, or with the test program.
#[derive(Debug)]
pub struct PostgresServer {
    home: Home,
    options: PostgresOptions,
    account: Account,
    port: u16,
    running: Mutex<Option<Postgres>>,
}

/// A database of its own on a test server, laid out as `bicuspid grants` lays out a target.
#[derive(Debug)]
pub struct PostgresDatabase {
    /// The database and its role, over TCP.
    pub endpoint: Endpoint,
    home: Home,
    port: u16,
}

impl PostgresServer {
    /// Starts a server with these options.
    #[must_use]
    pub fn start(options: PostgresOptions) -> Self {
        Self::try_start(options)
            .expect("a private PostgreSQL server for the test; `./test` installs what it needs")
    }

    fn try_start(options: PostgresOptions) -> Result<Self, SandboxError> {
        let account = Account::of_servers()?;
        let home = test_home("postgres", account)?;
        Self::start_in(home, options, account, |_| ())
    }

    /// Starts a server whose files are under `root`, such as a folder on another disk.
    #[must_use]
    pub fn start_under(root: &Path, options: PostgresOptions) -> Self {
        Account::of_servers()
            .and_then(|account| Self::start_in(test_home_under(root, "postgres")?, options, account, |_| ()))
            .expect("a private PostgreSQL server in the folder named")
    }

    /// Starts a server that encrypts with this certificate; clients may still ask for plain text.
    #[cfg(feature = "certificates")]
    #[must_use]
    pub fn start_encrypted(mut options: PostgresOptions, certificate: &ServerCertificate) -> Self {
        let account = Account::of_servers().expect("an account for the server");
        let home = test_home("postgres", account).expect("a folder for the server");
        options.settings.extend([
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", certificates::certificate_file(&home).display()),
            format!("ssl_key_file={}", certificates::key_file(&home).display()),
        ]);
        Self::start_in(home, options, account, |home| certificate.write(home, account))
            .expect("a private PostgreSQL server that encrypts")
    }

    /// Changes the certificate of a server that encrypts, and returns when new connections see it.
    #[cfg(feature = "certificates")]
    pub fn present(&self, certificate: &ServerCertificate) {
        certificate.write(&self.home, self.account);
        let loaded = || self.query("postgres", "SELECT pg_conf_load_time()");
        let before = loaded();
        self.admin("postgres", "SELECT pg_reload_conf()");
        assert!(wait_until(GONE_LIMIT, || loaded() != before), "the server did not reload its settings");
    }

    /// Starts a server in this home; `furnish` puts into it what its options name.
    fn start_in(
        home: Home,
        options: PostgresOptions,
        account: Account,
        furnish: impl FnOnce(&Home),
    ) -> Result<Self, SandboxError> {
        let started = postgres::prepare(&home, &options, account)
            .map(|()| furnish(&home))
            .and_then(|()| postgres::start(&home, &options, account, Tether::Kept, None, |_| Ok(())));
        match started {
            Ok(server) => {
                Ok(Self { home, options, account, port: server.port, running: Mutex::new(Some(server)) })
            }
            Err(error) => {
                home.remove()?;
                Err(error)
            }
        }
    }

    /// The folder of the server's socket, over which its administrator `postgres` logs in without a password.
    #[must_use]
    pub fn socket_folder(&self) -> PathBuf {
        self.home.sockets.clone()
    }

    /// The server's port on 127.0.0.1, which also names its socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id of the running server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid
    }

    /// Runs statements in a database as the administrator, all of them in one implicit transaction.
    pub fn admin(&self, database: &str, statements: &str) {
        let _ = self.query(database, statements);
    }

    /// Runs statements as the administrator and returns the rows of all results, each cell as the server writes it.
    #[must_use]
    pub fn query(&self, database: &str, statements: &str) -> Vec<Vec<Option<String>>> {
        query(&self.home, self.port, database, statements)
    }

    /// Makes a database `<prefix>_<number>`, its schemas and a role of its own that may use nothing else.
    #[must_use]
    pub fn database(&self, prefix: &str) -> PostgresDatabase {
        let number = next_number();
        self.named_database(&format!("{prefix}_{number}"), &format!("writer_{number}"))
    }

    /// The same with names that the caller chooses, such as `opendental_demo`.
    #[must_use]
    pub fn named_database(&self, database: &str, user: &str) -> PostgresDatabase {
        let password = secret::random().expect("random bytes");
        let name = DatabaseName::new(database).expect("a short name");
        for statement in accounts::target(&name, user, &password).expect("plain names") {
            self.admin(&statement.database, &statement.sql);
        }
        let endpoint = Endpoint {
            host: Host::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port: self.port },
            database: name,
            user: user.to_owned(),
            password: Password::Given(Secret::new(password)),
            tls: Tls::Off,
        };
        PostgresDatabase { endpoint, home: self.home.clone(), port: self.port }
    }

    /// Kills the server's first process as a power cut would; the others notice and end too.
    pub fn kill(&self) {
        let process = self.process();
        process.signal(Signal::Kill);
        assert!(process.wait_gone(GONE_LIMIT), "the server did not die");
    }

    /// Stops the server's first process: nobody new gets in until [`Self::resume`]; open connections go on.
    pub fn pause(&self) {
        self.process().signal(Signal::Stop);
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.process().signal(Signal::Continue);
    }

    /// Starts a killed server again, on the same data and the same port.
    pub fn restart(&self) {
        let mut running = self.running.lock().expect("no test panicked in here");
        let server = running.take().expect("the server was started");
        server.started.abandon();
        let port = Some(server.port);
        // Children of the killed server hold its shared memory until they have noticed, and no other is started before.
        let mut again = None;
        let _ = wait_until(GONE_LIMIT, || {
            let (home, options) = (&server.home, &self.options);
            let started = postgres::start(home, options, self.account, Tether::Kept, port, |_| Ok(()));
            again.insert(started).is_ok()
        });
        let again = again.expect("one attempt");
        *running = Some(again.expect("the server starts again"));
    }

    /// Keeps a copy of the files of a killed server, beside them.
    #[cfg(unix)]
    pub fn keep_files(&self) {
        self.copy_files(&self.home.data(), &self.kept());
    }

    /// Puts the files of a killed server back to what they were when they were kept.
    #[cfg(unix)]
    pub fn put_files_back(&self) {
        std::fs::remove_dir_all(self.home.data()).expect("the files of the server");
        self.copy_files(&self.kept(), &self.home.data());
    }

    #[cfg(unix)]
    fn kept(&self) -> PathBuf {
        self.home.path.join("kept")
    }

    #[cfg(unix)]
    fn copy_files(&self, from: &std::path::Path, to: &std::path::Path) {
        let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(copied.is_ok_and(|status| status.success()), "the files of {} were not copied", self.port);
    }

    fn process(&self) -> Process {
        let running = self.running.lock().expect("no test panicked in here");
        running.as_ref().expect("the server was started").started.process.clone()
    }
}

impl PostgresDatabase {
    /// Name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.endpoint.database.as_str()
    }

    /// Runs statements in this database as the administrator, all of them in one implicit transaction.
    pub fn admin(&self, statements: &str) {
        let _ = self.query(statements);
    }

    /// Asks in this database as the administrator; each cell is the text the server writes.
    #[must_use]
    pub fn query(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        query(&self.home, self.port, self.name(), statements)
    }

    /// The same database and role over the socket.
    #[must_use]
    pub fn socket_endpoint(&self) -> Endpoint {
        let host = Host::Socket { path: self.home.sockets.clone(), port: self.port };
        Endpoint { host, ..self.endpoint.clone() }
    }
}

fn query(home: &Home, port: u16, database: &str, statements: &str) -> Vec<Vec<Option<String>>> {
    let outcome = blocking::wait(|| async { Ok(postgres::rows(home, port, database, statements).await) });
    match outcome.expect("a thread") {
        Ok(rows) => rows,
        Err(error) => {
            let detail = error.as_db_error().map(ToString::to_string).unwrap_or_default();
            panic!("{} refused a test's statements: {error} {detail}\n{statements}", Server::Postgres.name())
        }
    }
}

//! A private MariaDB server for tests.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test without its server has nothing to say"
)]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Mutex;

use bicuspid_model::{DatabaseName, Endpoint, Host, Password, Secret, Tls};
use bicuspid_opendental::Engine;
use bicuspid_practice::Settings;

#[cfg(feature = "certificates")]
use super::certificates::{self, ServerCertificate};
use super::{GONE_LIMIT, next_number, test_home};
use crate::account::Account;
use crate::error::{SandboxError, Server};
use crate::home::Home;
use crate::launch::Tether;
use crate::live::{Live, Progress};
use crate::mariadb::{self, MariaDb, MariaDbOptions, TextRows};
use crate::process::{Process, Signal};
use crate::{accounts, blocking, schema, secret};

/// A private MariaDB server that ends when this value is dropped, or with the test program.
#[derive(Debug)]
pub struct MariaDbServer {
    home: Home,
    options: MariaDbOptions,
    account: Account,
    port: u16,
    running: Mutex<Option<MariaDb>>,
}

/// A database of its own on a test server, and an account that may only read it.
#[derive(Debug)]
pub struct MariaDbDatabase {
    /// The database, and the read-only account, over TCP.
    pub endpoint: Endpoint,
    home: Home,
}

impl MariaDbServer {
    /// Starts a server with these options.
    #[must_use]
    pub fn start(options: MariaDbOptions) -> Self {
        Self::try_start(options)
            .expect("a private MariaDB server for the test; `./test` installs what it needs")
    }

    fn try_start(options: MariaDbOptions) -> Result<Self, SandboxError> {
        let account = Account::of_servers()?;
        let home = test_home("mariadb", account)?;
        Self::start_in(home, options, account, |_| ())
    }

    /// Starts a server that encrypts with this certificate; clients may still ask for plain text.
    #[cfg(feature = "certificates")]
    #[must_use]
    pub fn start_encrypted(mut options: MariaDbOptions, certificate: &ServerCertificate) -> Self {
        let account = Account::of_servers().expect("an account for the server");
        let home = test_home("mariadb", account).expect("a folder for the server");
        options.arguments.extend([
            format!("--ssl-cert={}", certificates::certificate_file(&home).display()),
            format!("--ssl-key={}", certificates::key_file(&home).display()),
        ]);
        Self::start_in(home, options, account, |home| certificate.write(home, account))
            .expect("a private MariaDB server that encrypts")
    }

    /// Changes the certificate of a server that encrypts; new connections see it.
    #[cfg(feature = "certificates")]
    pub fn present(&self, certificate: &ServerCertificate) {
        certificate.write(&self.home, self.account);
        let version = self.query("SELECT LOWER(VERSION())");
        let is_mariadb = version.iter().flatten().flatten().any(|v| v.windows(7).any(|w| w == b"mariadb"));
        self.admin(if is_mariadb { "FLUSH SSL" } else { "ALTER INSTANCE RELOAD TLS" });
    }

    /// Starts a server in this home; `furnish` puts into it what its options name.
    fn start_in(
        home: Home,
        options: MariaDbOptions,
        account: Account,
        furnish: impl FnOnce(&Home),
    ) -> Result<Self, SandboxError> {
        let started = mariadb::prepare(&home, &options, account)
            .map(|()| furnish(&home))
            .and_then(|()| mariadb::start(&home, &options, account, Tether::Kept, None, |_| Ok(())));
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

    /// The server's socket file, over which its administrator `root` logs in without a password.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        mariadb::socket(&self.home)
    }

    /// The server's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id of the running server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid
    }

    /// Runs statements as the administrator. No database is selected unless one of them is `USE`.
    pub fn admin(&self, statements: &str) {
        let _ = self.query(statements);
    }

    /// Runs statements as the administrator and returns the rows of all results, each cell as the server writes it.
    /// The session keeps the server's own SQL mode and time zone; text arrives as utf8mb4, binary columns as they are.
    #[must_use]
    pub fn query(&self, statements: &str) -> TextRows {
        query(&self.home, statements)
    }

    /// Makes an empty database `<prefix>_<number>` with a read-only account of its own.
    #[must_use]
    pub fn database(&self, prefix: &str) -> MariaDbDatabase {
        let number = next_number();
        let database = format!("{prefix}_{number}");
        let user = format!("reader_{number}");
        let password = secret::random().expect("random bytes");
        let name = DatabaseName::new(&database).expect("a short prefix");
        self.admin(&format!("CREATE DATABASE {}", name.mysql()));
        make_reader(&self.home, &name, &user, "127.0.0.1", &password);
        let endpoint = Endpoint {
            host: Host::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port: self.port },
            database: name,
            user,
            password: Password::Given(Secret::new(password)),
            tls: Tls::Off,
        };
        MariaDbDatabase { endpoint, home: self.home.clone() }
    }

    /// Kills the server as a power cut would, and waits until it is gone.
    pub fn kill(&self) {
        let process = self.process();
        process.signal(Signal::Kill);
        assert!(process.wait_gone(GONE_LIMIT), "the server did not die");
    }

    /// Stops the server in its tracks: connections stay open, nothing is answered, until [`Self::resume`].
    pub fn pause(&self) {
        self.process().signal(Signal::Stop);
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.process().signal(Signal::Continue);
    }

    /// Starts a killed server again, on the same data and the same port, with the accounts that it had.
    pub fn restart(&self) {
        // Every start removes all accounts but the administrator's, the tests' own among them.
        let init = mariadb::init_file(&self.home);
        if init.exists() {
            std::fs::write(init, "").expect("the file that the server starts with");
        }
        let mut running = self.running.lock().expect("no test panicked in here");
        let server = running.take().expect("the server was started");
        server.started.abandon();
        let port = Some(server.port);
        let again = mariadb::start(&server.home, &self.options, self.account, Tether::Kept, port, |_| Ok(()));
        *running = Some(again.expect("the server starts again"));
    }

    fn process(&self) -> Process {
        let running = self.running.lock().expect("no test panicked in here");
        running.as_ref().expect("the server was started").started.process.clone()
    }
}

impl MariaDbDatabase {
    /// Name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.endpoint.database.as_str()
    }

    /// Runs statements in this database as the administrator.
    pub fn admin(&self, statements: &str) {
        let _ = self.query(statements);
    }

    /// Asks in this database as the administrator; each cell is the text the server writes.
    #[must_use]
    pub fn query(&self, statements: &str) -> TextRows {
        query(&self.home, &format!("USE {}; {statements}", self.endpoint.database.mysql()))
    }

    /// Makes Open Dental's tables in the database and fills them with a practice; returns the number of rows.
    #[expect(clippy::must_use_candidate, reason = "most tests only want the rows")]
    pub fn fill(&self, engine: Engine, settings: Settings) -> u64 {
        let database = &self.endpoint.database;
        Account::of_servers()
            .and_then(|account| {
                schema::create_tables(&self.home, database, engine)?;
                schema::fill(&self.home, account, database, settings)
            })
            .expect("the practice in the database")
    }

    /// Reads a whole table by the binary protocol and does nothing with its rows, which is as fast as anybody can; the
    /// number of rows, and how long it took without connecting.
    #[must_use]
    pub fn drain(&self, table: &str) -> (u64, std::time::Duration) {
        let statement = format!("SELECT * FROM `{table}`");
        let drained = blocking::wait(|| async {
            let mut connection = mariadb::open(&self.home, &self.endpoint.database).await?;
            let began = std::time::Instant::now();
            let rows = mariadb::drain(&mut connection, &statement).await;
            Ok((rows.expect("a table"), began.elapsed()))
        });
        drained.expect("a drained table")
    }

    /// Front-desk work in a database that was filled with the practice of these settings.
    pub async fn live(&self, settings: Settings) -> Live {
        let live = Live::open(&self.home, &self.endpoint.database, settings, Progress::default()).await;
        live.expect("front-desk work in the database")
    }

    /// The same database and account over the socket. The account is made for this once more, for `localhost`.
    #[must_use]
    pub fn socket_endpoint(&self) -> Endpoint {
        let Password::Given(password) = &self.endpoint.password else { return self.endpoint.clone() };
        make_reader(&self.home, &self.endpoint.database, &self.endpoint.user, "localhost", password.reveal());
        Endpoint {
            host: Host::Socket { path: mariadb::socket(&self.home), port: 0 },
            ..self.endpoint.clone()
        }
    }
}

fn make_reader(home: &Home, database: &DatabaseName, user: &str, host: &str, password: &str) {
    accounts::source(database, user, host, password)
        .and_then(|statements| mariadb::run_each(home, "make an account", &statements))
        .expect("the reader's account");
}

fn query(home: &Home, statements: &str) -> TextRows {
    let outcome = blocking::wait(|| async { Ok(mariadb::rows(home, statements).await) });
    match outcome.expect("a thread") {
        Ok(rows) => rows,
        Err(error) => panic!("{} refused a test's statements: {error}\n{statements}", Server::MariaDb.name()),
    }
}

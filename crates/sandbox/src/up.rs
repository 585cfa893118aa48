//! Brings a sandbox up: both servers, their databases and accounts, the clinic's rows, the environment files.

use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Mutex;

use bicuspid_model::{DatabaseName, Date};
use bicuspid_opendental::Engine;
use bicuspid_practice::Settings;

use crate::account::Account;
use crate::down::end_servers;
use crate::env_file::{self, Login};
use crate::error::{SandboxError, Server};
use crate::folder::{Folder, PracticeRecord, Record, SITES, TOML_MARK};
use crate::home::make_folder;
use crate::info::{ClinicDatabases, ClinicInfo, PostgresDatabases, PostgresInfo, SandboxInfo, SiteInfo};
use crate::launch::Tether;
use crate::mariadb::{self, MariaDb, MariaDbOptions};
use crate::postgres::{self, Postgres, PostgresOptions};
use crate::process::{Process, write_private};
use crate::{accounts, schema, secret};

/// Database of the clinic.
pub(crate) const CLINIC: &str = "opendental";
/// Database of the test server.
const CLINIC_TEST: &str = "test_opendental";
/// Target of the clinic.
const ANALYTICS: &str = "opendental_analytics";
/// Target of the test server.
const ANALYTICS_TEST: &str = "test_opendental_analytics";
/// The demo database.
const DEMO: &str = "opendental_demo";
/// Where the accounts of MariaDB come from.
const LOOPBACK: &str = "127.0.0.1";

/// What a sandbox is to be like.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// Folder: empty, not there yet, or that of a sandbox that is down.
    pub dir: PathBuf,
    /// Patients of the clinic; 0 makes the tables and no rows.
    pub patients: u32,
    /// Seed of the clinic's practice. The test database gets the practice of the next seed, so that a mix-up shows.
    pub seed: u64,
    /// Practices beside the clinic, each with a database and a seed of its own, to be copied as sites.
    pub sites: u32,
    /// The day on which all practices are shown.
    pub as_of: Date,
    /// Storage engine of the clinic's tables.
    pub engine: Engine,
    /// Whether commits on the PostgreSQL server reach the disk, as on real ones; tests do without.
    pub durable: bool,
}

/// What has been done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A server accepts connections.
    Started(Server),
    /// The tables of a MariaDB database are there.
    Tables {
        /// Database.
        database: String,
        /// Number of tables.
        tables: usize,
    },
    /// The rows of a MariaDB database are there.
    Rows {
        /// Database.
        database: String,
        /// Number of rows.
        rows: u64,
    },
    /// The databases and accounts of a server are there.
    Accounts(Server),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(server) => write!(f, "{} is up", server.name()),
            Self::Tables { database, tables } => write!(f, "{tables} tables made in `{database}`"),
            Self::Rows { database, rows } => write!(f, "{rows} rows put into `{database}`"),
            Self::Accounts(server) => write!(f, "accounts made on {}", server.name()),
        }
    }
}

/// Passwords of the accounts, which go into the environment files and nowhere else.
struct Passwords {
    /// One for each site.
    sites: Vec<String>,
    reader: String,
    reader_test: String,
    analytics: String,
    analytics_test: String,
    demo: String,
}

/// Brings a sandbox up and leaves it running. What an earlier sandbox of the folder left behind is cleaned first.
///
/// If it fails, everything it made is removed again; if it is killed, `down` or the next `up` does that.
pub fn up(options: &UpOptions, progress: &(dyn Fn(Step) + Sync)) -> Result<SandboxInfo, SandboxError> {
    let account = Account::of_servers()?;
    let folder = Folder::make(&options.dir, account)?;
    if let Some(record) = folder.record()? {
        if folder.info_file().exists() && both_live(&record) {
            return Err(SandboxError::AlreadyUp { dir: folder.path.clone() });
        }
        end_servers(&record)?;
        folder.clear()?;
    }
    let outcome = bring_up(&folder, options, account, progress);
    if outcome.is_err() {
        // The first error is the one to tell; what cannot be removed now, `down` will find by the record.
        let _ = folder.record().and_then(|record| match record {
            Some(record) => end_servers(&record).and_then(|()| folder.clear()),
            None => Ok(()),
        });
    }
    outcome
}

fn both_live(record: &Record) -> bool {
    [&record.mariadb, &record.postgres]
        .iter()
        .all(|server| server.process.as_ref().is_some_and(Process::lives))
}

fn bring_up(
    folder: &Folder,
    options: &UpOptions,
    account: Account,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<SandboxInfo, SandboxError> {
    let record = Mutex::new(folder.plan(account)?);
    make_folder(&folder.state(), 0o700)?;
    let passwords = Passwords::random(options.sites)?;
    let (clinic, target) = std::thread::scope(|scope| {
        let clinic = scope.spawn(|| clinic(folder, &record, options, account, &passwords, progress));
        let target = postgres_side(folder, &record, options, account, &passwords, progress);
        (clinic.join().unwrap_or(Err(SandboxError::Thread)), target)
    });
    let (clinic, target) = (clinic?, target?);
    write_env_files(folder, clinic.port, target.port, &passwords)?;
    let info = info(folder, &clinic, &target, &passwords);
    let path = folder.info_file();
    let text =
        serde_json::to_string_pretty(&info).map_err(|_| SandboxError::Record { path: path.clone() })?;
    write_private(&path, &text)?;
    Ok(info)
}

/// Changes the record and writes it down at once.
fn write_down(
    folder: &Folder,
    record: &Mutex<Record>,
    change: impl FnOnce(&mut Record),
) -> Result<(), SandboxError> {
    let mut record = record.lock().map_err(|_| SandboxError::Thread)?;
    change(&mut record);
    folder.write_record(&record)
}

fn clinic(
    folder: &Folder,
    record: &Mutex<Record>,
    options: &UpOptions,
    account: Account,
    passwords: &Passwords,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<MariaDb, SandboxError> {
    let home = record.lock().map_err(|_| SandboxError::Thread)?.mariadb.home.clone();
    let settings =
        MariaDbOptions { engine: options.engine, durable: options.durable, ..MariaDbOptions::default() };
    mariadb::prepare(&home, &settings, account)?;
    let server = mariadb::start(&home, &settings, account, Tether::Free, None, |process| {
        write_down(folder, record, |record| record.mariadb.process = Some(process.clone()))
    })?;
    progress(Step::Started(Server::MariaDb));
    let mut sides = vec![
        (CLINIC.to_owned(), "readonly_user".to_owned(), &passwords.reader, options.seed),
        (
            CLINIC_TEST.to_owned(),
            "test_readonly_user".to_owned(),
            &passwords.reader_test,
            options.seed.wrapping_add(1),
        ),
    ];
    sides.extend(sites(passwords).map(|site| {
        let seed = options.seed.wrapping_add(1 + u64::from(site.number));
        (site.database, site.user, site.password, seed)
    }));
    for (database, user, password, seed) in sides {
        let name = database_name(&database)?;
        let tables = schema::create(&home, &name, options.engine)?;
        progress(Step::Tables { database: database.clone(), tables });
        let rows = match options.patients {
            0 => 0,
            patients => schema::fill(&home, account, &name, Settings::new(patients, seed, options.as_of))?,
        };
        let is_clinic = database == CLINIC;
        progress(Step::Rows { database, rows });
        if is_clinic {
            let practice = PracticeRecord::new(options.patients, seed, options.as_of);
            write_down(folder, record, |record| record.practice = Some(practice))?;
        }
        let statements = accounts::source(&name, &user, LOOPBACK, password)?;
        mariadb::run_each(&home, "make a read-only account", &statements)?;
    }
    progress(Step::Accounts(Server::MariaDb));
    Ok(server)
}

fn postgres_side(
    folder: &Folder,
    record: &Mutex<Record>,
    options: &UpOptions,
    account: Account,
    passwords: &Passwords,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<Postgres, SandboxError> {
    let home = record.lock().map_err(|_| SandboxError::Thread)?.postgres.home.clone();
    let settings = PostgresOptions { durable: options.durable, settings: Vec::new() };
    postgres::prepare(&home, &settings, account)?;
    let server = postgres::start(&home, &settings, account, Tether::Free, None, |process| {
        write_down(folder, record, |record| record.postgres.process = Some(process.clone()))
    })?;
    progress(Step::Started(Server::Postgres));
    let sides = [
        (ANALYTICS, "analytics_user", &passwords.analytics),
        (ANALYTICS_TEST, "test_analytics_user", &passwords.analytics_test),
        (DEMO, "demo_user", &passwords.demo),
    ];
    for (database, user, password) in sides {
        for statement in accounts::target(&database_name(database)?, user, password)? {
            postgres::run_each(&home, server.port, &statement.database, "make a database", &[statement.sql])?;
        }
    }
    progress(Step::Accounts(Server::Postgres));
    Ok(server)
}

fn database_name(name: &str) -> Result<DatabaseName, SandboxError> {
    DatabaseName::new(name).map_err(|_| SandboxError::Record { path: PathBuf::from(name) })
}

impl Passwords {
    fn random(sites: u32) -> Result<Self, SandboxError> {
        Ok(Self {
            sites: (0..sites).map(|_| secret::random()).collect::<Result<_, _>>()?,
            reader: secret::random()?,
            reader_test: secret::random()?,
            analytics: secret::random()?,
            analytics_test: secret::random()?,
            demo: secret::random()?,
        })
    }
}

fn write_env_files(
    folder: &Folder,
    clinic: u16,
    target: u16,
    passwords: &Passwords,
) -> Result<(), SandboxError> {
    let (files, state) = (folder.env_files(), folder.state());
    env_file::write_pair(
        &files.clinic,
        &state,
        "",
        &login(clinic, CLINIC, "readonly_user", &passwords.reader),
        &login(target, ANALYTICS, "analytics_user", &passwords.analytics),
    )?;
    env_file::write_pair(
        &files.test,
        &state,
        "TEST_",
        &login(clinic, CLINIC_TEST, "test_readonly_user", &passwords.reader_test),
        &login(target, ANALYTICS_TEST, "test_analytics_user", &passwords.analytics_test),
    )?;
    env_file::write_demo(&files.demo, &state, &login(target, DEMO, "demo_user", &passwords.demo))?;
    if passwords.sites.is_empty() {
        return Ok(());
    }
    // All sites go into one database, each into schemas of its own.
    make_folder(&folder.sites(), 0o700)?;
    let mut toml = format!("{TOML_MARK}: practices that are copied beside one another.\n");
    for site in sites(passwords) {
        env_file::write_pair(
            &folder.site_file(&site.name),
            &state,
            "",
            &login(clinic, &site.database, &site.user, site.password),
            &login(target, ANALYTICS, "analytics_user", &passwords.analytics),
        )?;
        let file = format!("{SITES}/{}.env", site.name);
        // Writing to a text cannot fail.
        let _ = write!(toml, "\n[sites.{}]\nenv_file = \"{file}\"\n", site.name);
    }
    write_private(&folder.toml_file(), &toml)
}

/// One practice beside the clinic.
struct SiteDatabase<'a> {
    number: u32,
    name: String,
    database: String,
    user: String,
    password: &'a String,
}

fn sites(passwords: &Passwords) -> impl Iterator<Item = SiteDatabase<'_>> {
    (1..).zip(&passwords.sites).map(|(number, password)| SiteDatabase {
        number,
        name: format!("site{number}"),
        database: format!("{CLINIC}_site{number}"),
        user: format!("site{number}_readonly"),
        password,
    })
}

fn login<'a>(port: u16, database: &'a str, user: &'a str, password: &'a str) -> Login<'a> {
    Login { port, database, user, password }
}

fn info(folder: &Folder, clinic: &MariaDb, target: &Postgres, passwords: &Passwords) -> SandboxInfo {
    SandboxInfo {
        dir: folder.path.clone(),
        clinic: ClinicInfo {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: clinic.port,
            socket: mariadb::socket(&clinic.home),
            pid: clinic.started.process.pid,
            admin_user: mariadb::ADMIN.to_owned(),
            databases: ClinicDatabases { clinic: CLINIC.to_owned(), test: CLINIC_TEST.to_owned() },
        },
        postgres: PostgresInfo {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: target.port,
            socket_dir: target.home.sockets.clone(),
            pid: target.started.process.pid,
            admin_user: postgres::ADMIN.to_owned(),
            databases: PostgresDatabases {
                clinic: ANALYTICS.to_owned(),
                test: ANALYTICS_TEST.to_owned(),
                demo: DEMO.to_owned(),
            },
        },
        env_files: folder.env_files(),
        sites: sites(passwords)
            .map(|site| SiteInfo {
                env_file: folder.site_file(&site.name),
                site: site.name,
                database: site.database,
            })
            .collect(),
    }
}

//! Rows and megabytes a second: the raw limits of both servers, then extract, load and the whole flow.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bicuspid_model::Endpoint;
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer, PostgresDatabase, PostgresServer};
use bicuspid_source::Pace;

use crate::data;
use crate::pairs::{self, Fault};

/// Both servers, a database on each, and the limits of both.
pub(crate) struct Bench {
    pub(crate) mariadb: MariaDbServer,
    pub(crate) clinic: MariaDbDatabase,
    /// Both servers are reached by their sockets, as the limits are: what a network costs is in neither.
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    pub(crate) postgres: PostgresServer,
    pub(crate) target: PostgresDatabase,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
}

/// What is measured of the tables and engines, if not all of them.
#[derive(Debug, Default)]
pub(crate) struct Only {
    pub(crate) table: Option<String>,
    pub(crate) engine: Option<String>,
}

impl Only {
    fn wants(only: Option<&String>, name: &str) -> bool {
        only.is_none_or(|only| only.eq_ignore_ascii_case(name))
    }
}

pub(crate) fn measure(long: bool, only: &Only) -> Result<(), Fault> {
    let bench = Bench::start()?;
    let (wide, narrow) = if long { (1_000_000, 5_000_000) } else { (200_000, 1_000_000) };
    for engine in ["InnoDB", "MyISAM"].into_iter().filter(|name| Only::wants(only.engine.as_ref(), name)) {
        println!("rates, pace full, {engine}, PostgreSQL durable; medians of 3");
        println!(
            "{:<8} {:<26} {:>9} {:>12} {:>8} {:>7}",
            "table", "what", "seconds", "rows/s", "MB/s", "ratio"
        );
        if Only::wants(only.table.as_ref(), "wide") {
            data::wide(&bench.clinic, wide, engine);
            bench.table("wide", wide)?;
        }
        if Only::wants(only.table.as_ref(), "narrow") {
            data::narrow(&bench.clinic, narrow, engine);
            bench.table("narrow", narrow)?;
        }
    }
    println!("ratio: of the slower limit; MB: of the canonical rows");
    Ok(())
}

impl Bench {
    pub(crate) fn start() -> Result<Self, Fault> {
        let mariadb = MariaDbServer::start(testing::test_options());
        let postgres = PostgresServer::start(PostgresOptions { durable: true, settings: Vec::new() });
        let (clinic, target) = (mariadb.database("bench"), postgres.database("bench"));
        Ok(Self {
            from: clinic.socket_endpoint(),
            to: target.socket_endpoint(),
            clinic,
            target,
            mariadb,
            postgres,
            folder: tempfile::tempdir()?,
            runtime: tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?,
        })
    }

    fn table(&self, table: &str, rows: u64) -> Result<(), Fault> {
        let file = self.folder.path().join(format!("{table}.copy"));
        // Made first, so that there are bytes to copy: those of the table as it arrives.
        self.sync(table)?;
        self.copy_out(table, &file)?;
        let bytes = std::fs::metadata(&file)?.len();
        let mut drains = Vec::new();
        let mut copies = Vec::new();
        let mut extracts = Vec::new();
        let mut loads = Vec::new();
        let mut syncs = Vec::new();
        // Interleaved: what slows the machine down for a while slows every line down.
        for _ in 0..3 {
            drains.push(self.drain(table)?);
            copies.push(self.copy_in(table, &file)?);
            extracts.push(self.runtime.block_on(pairs::extract(&self.from, table, Pace::Full))?.2);
            self.target.admin(&format!("DROP TABLE IF EXISTS raw.{table}"));
            let load = pairs::load(&self.from, &self.to, table, &file);
            loads.push(self.runtime.block_on(load)?);
            syncs.push(self.sync(table)?);
        }
        let (drain, copy) = (pairs::median(drains), pairs::median(copies));
        let limit = drain.max(copy);
        let line = |what: &str, took: Duration| {
            let seconds = took.as_secs_f64();
            println!(
                "{table:<8} {what:<26} {seconds:>9.2} {:>12.0} {:>8.0} {:>7.2}",
                pairs::number(rows) / seconds,
                pairs::number(bytes) / 1e6 / seconds,
                limit.as_secs_f64() / seconds
            );
        };
        line("limit: mariadb client", drain);
        line("limit: psql COPY", copy);
        line("extract only", pairs::median(extracts));
        line("load only, key, proved", pairs::median(loads));
        line("whole sync, proved", pairs::median(syncs));
        Ok(())
    }

    pub(crate) fn drain(&self, table: &str) -> Result<Duration, Fault> {
        let began = Instant::now();
        let status = Command::new("mariadb")
            .args(["--no-defaults", "--quick", "--skip-column-names", "--batch", "-u", "root", "-S"])
            .arg(self.mariadb.socket())
            .arg("-e")
            .arg(format!("SELECT * FROM {}.{table}", self.clinic.name()))
            .stdout(Stdio::null())
            .status()?;
        if status.success() { Ok(began.elapsed()) } else { Err("the mariadb client failed".into()) }
    }

    pub(crate) fn psql(&self, sql: &str) -> Command {
        let mut psql = self.psql_reading();
        psql.args(["-c", sql]);
        psql
    }

    /// The same with what it is to do on its standard input.
    pub(crate) fn psql_reading(&self) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", self.target.name(), "-p"])
            .arg(self.postgres.port().to_string())
            .arg("-h")
            .arg(self.postgres.socket_folder());
        psql
    }

    pub(crate) fn copy_out(&self, table: &str, file: &std::path::Path) -> Result<(), Fault> {
        // A table of the same columns, without the one that says when a row was written.
        self.target.admin(&format!(
            "DROP TABLE IF EXISTS public.shape_{table}; CREATE TABLE public.shape_{table} (LIKE raw.{table});
             ALTER TABLE public.shape_{table} DROP COLUMN _loaded_at"
        ));
        let columns = self.target.query(&format!(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
             WHERE attrelid = 'public.shape_{table}'::regclass AND attnum > 0 AND NOT attisdropped"
        ));
        let columns = columns.into_iter().flatten().flatten().next().ok_or("no columns")?;
        let sql = format!("COPY (SELECT {columns} FROM raw.{table}) TO STDOUT (FORMAT binary)");
        let status = self.psql(&sql).stdout(File::create(file)?).status()?;
        if status.success() { Ok(()) } else { Err("psql could not copy out".into()) }
    }

    /// `COPY` of the same bytes into an empty table of the same shape, created in the same transaction or not: as a
    /// person would, without.
    pub(crate) fn copy_in(&self, table: &str, file: &std::path::Path) -> Result<Duration, Fault> {
        self.target.admin(&format!("CREATE TABLE public.limit_{table} (LIKE public.shape_{table})"));
        let began = Instant::now();
        let sql = format!("COPY public.limit_{table} FROM STDIN (FORMAT binary)");
        let status = self.psql(&sql).stdin(File::open(file)?).status()?;
        let took = began.elapsed();
        self.target.admin(&format!("DROP TABLE public.limit_{table}"));
        if status.success() { Ok(took) } else { Err("psql could not copy in".into()) }
    }

    pub(crate) fn sync(&self, table: &str) -> Result<Duration, Fault> {
        self.target.admin(&format!("DROP TABLE IF EXISTS raw.{table}"));
        let began = Instant::now();
        self.runtime.block_on(pairs::sync(&self.from, &self.to, &[table], Pace::Full, self.folder.path()))?;
        Ok(began.elapsed())
    }
}

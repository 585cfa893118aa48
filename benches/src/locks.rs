//! What a front desk feels on MyISAM while it is read at the kind pace: the tool's own figure, and a writer that
//! updates single rows of the very table from outside. A clinic's server has its disk for itself, or should: whether
//! somebody waited for us, or for a disk on which another server writes, is told by what had to be fetched from it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer, PostgresServer};
use bicuspid_source::Pace;

use crate::data;
use crate::desk::Desk;
use crate::disk;
use crate::host::{self, Taken};
use crate::pairs::{self, Fault};

/// A clinic whose tables are read, and written to meanwhile.
struct Clinic {
    server: MariaDbServer,
    database: MariaDbDatabase,
    runtime: tokio::runtime::Runtime,
}

/// What was felt while something went on.
struct Felt {
    /// Each statement of the writer.
    writer: Vec<Duration>,
    /// KiB that the clinic's server had to fetch from a disk, where the system says so.
    fetched: Option<u64>,
    taken: Option<Taken>,
}

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let server = MariaDbServer::start(testing::test_options());
    let clinic = Clinic {
        database: server.database("locks"),
        server,
        runtime: tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?,
    };
    let (wide, narrow) = if long { (1_000_000, 5_000_000) } else { (200_000, 500_000) };
    data::wide(&clinic.database, wide, "MyISAM");
    data::narrow(&clinic.database, narrow, "MyISAM");
    println!("locks, pace kind, MyISAM; milliseconds");
    let options = || PostgresOptions { durable: true, settings: Vec::new() };
    match disk::in_memory() {
        Some(memory) => {
            println!(
                "the clinic's files have the disk to themselves; those of PostgreSQL and of the staging are in memory"
            );
            let staging = tempfile::tempdir_in(&memory)?;
            clinic.copies(&PostgresServer::start_under(&memory, options()), staging.path())?;
        }
        None => println!("there is no room in memory for PostgreSQL, so the clinic's disk is shared with it"),
    }
    println!("the clinic's files, those of PostgreSQL and of the staging are on one disk");
    let staging = tempfile::tempdir()?;
    clinic.copies(&PostgresServer::start(options()), staging.path())
}

impl Clinic {
    /// First copies of both tables into that server.
    fn copies(&self, postgres: &PostgresServer, staging: &Path) -> Result<(), Fault> {
        let target = postgres.database("locks");
        println!(
            "{:<8} {:<38} {:>8} {:>8} {:>8} {:>9}",
            "table", "who says so", "p50", "p99", "max", "count"
        );
        for table in ["wide", "narrow"] {
            let quiet = self.feel(table, &mut || {
                std::thread::sleep(Duration::from_secs(2));
                Ok(())
            })?;
            line(table, "a writer, nobody reading", &quiet.writer);
            let mut report = None;
            let felt = self.feel(table, &mut || {
                let tables = [table];
                let run =
                    pairs::sync(&self.database.endpoint, &target.endpoint, &tables, Pace::Kind, staging);
                report = Some(self.runtime.block_on(run)?);
                Ok(())
            })?;
            let report = report.ok_or("no sync was run")?;
            let own = &report.source.statement_ms;
            println!(
                "{table:<8} {:<38} {:>8.2} {:>8.2} {:>8.2} {:>9}",
                "statements, the tool's figure", own.p50, own.p99, own.max, report.source.statements
            );
            line(table, "a writer, while it reads", &felt.writer);
            match felt.fetched {
                Some(kib) => {
                    println!("{table:<8} {:<38} {kib:>8} KiB", "fetched by its server from the disk");
                }
                None => println!("{table:<8} what its server fetches from the disk is not known here"),
            }
            print_taken(table, felt.taken);
            println!("{table:<8} {:<38} {:>8.1} seconds", "whole sync", report.seconds);
        }
        Ok(())
    }

    /// Updates a row every 20 ms by a connection that is held open while something goes on.
    fn feel(&self, table: &str, work: &mut dyn FnMut() -> Result<(), Fault>) -> Result<Felt, Fault> {
        let stop = AtomicBool::new(false);
        let column = if table == "wide" { "c6" } else { "FKey" };
        let mut desk = Desk::open(&self.server, self.database.name())?;
        let fetched = || disk::fetched(self.server.pid());
        let before = fetched();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut waits = Vec::new();
                let mut n = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    n = (n * 7919 + 13) % 100_000;
                    let began = Instant::now();
                    desk.run(&format!("UPDATE {table} SET {column} = {column} + 1 WHERE id = {}", n + 1))?;
                    waits.push(began.elapsed());
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok::<_, std::io::Error>(waits)
            });
            let host = scope.spawn(|| host::watch(&stop));
            let done = work();
            stop.store(true, Ordering::Relaxed);
            let writer = writer.join().map_err(|_| "the writer failed")??;
            let taken = host.join().map_err(|_| "the watcher failed")?;
            let fetched = fetched().zip(before).map(|(now, before)| now.saturating_sub(before) >> 10);
            done.map(|()| Felt { writer, fetched, taken })
        })
    }
}

fn line(table: &str, who: &str, waits: &[Duration]) {
    let mut took = waits.to_vec();
    took.sort();
    let at = |share: usize| {
        let i = (took.len() * share / 1000).min(took.len().saturating_sub(1));
        took.get(i).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
    };
    println!("{table:<8} {who:<38} {:>8.2} {:>8.2} {:>8.2} {:>9}", at(500), at(990), at(1000), took.len());
}

/// A line that says how far the figures above it can be the machine's and not anybody's on it.
fn print_taken(table: &str, taken: Option<Taken>) {
    match taken {
        Some(taken) => println!(
            "{table:<8} {:<38} {:>8} {:>8} {:>8} {:>9}",
            "taken by the machine's host",
            "",
            "",
            taken.longest_ms,
            format!("{} ms", taken.all_ms)
        ),
        None => println!("{table:<8} what the machine's host takes is not known here"),
    }
}

//! What a front desk feels on MyISAM while it is read at the kind pace: the tool's own figure, and a writer that
//! updates single rows of the very table from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbServer, PostgresServer};
use bicuspid_source::Pace;

use crate::data;
use crate::desk::Desk;
use crate::host::{self, Taken};
use crate::pairs::{self, Fault};

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let mariadb = MariaDbServer::start(testing::test_options());
    let postgres = PostgresServer::start(PostgresOptions { durable: true, settings: Vec::new() });
    let (clinic, target) = (mariadb.database("locks"), postgres.database("locks"));
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?;
    let (wide, narrow) = if long { (1_000_000, 5_000_000) } else { (200_000, 500_000) };
    data::wide(&clinic, wide, "MyISAM");
    data::narrow(&clinic, narrow, "MyISAM");
    println!("locks, pace kind, MyISAM; milliseconds");
    println!("{:<8} {:<28} {:>8} {:>8} {:>8} {:>9}", "table", "who says so", "p50", "p99", "max", "count");
    for table in ["wide", "narrow"] {
        let desk =
            |work: &mut dyn FnMut() -> Result<(), Fault>| probe_while(&mariadb, clinic.name(), table, work);
        let (quiet, taken) = desk(&mut || {
            std::thread::sleep(Duration::from_secs(2));
            Ok(())
        })?;
        print_probe(table, "a writer, nobody reading", quiet);
        print_taken(table, taken);
        let mut report = None;
        let (probe, taken) = desk(&mut || {
            let tables = [table];
            let run = pairs::sync(&clinic.endpoint, &target.endpoint, &tables, Pace::Kind, folder.path());
            report = Some(runtime.block_on(run)?);
            Ok(())
        })?;
        let report = report.ok_or("no sync was run")?;
        let own = &report.source.statement_ms;
        println!(
            "{table:<8} {:<28} {:>8.2} {:>8.2} {:>8.2} {:>9}",
            "statements, the tool's figure", own.p50, own.p99, own.max, report.source.statements
        );
        print_probe(table, "a writer, while it reads", probe);
        print_taken(table, taken);
        println!("{table:<8} {:<28} {:>8.1} seconds", "whole sync", report.seconds);
    }
    Ok(())
}

fn print_probe(table: &str, who: &str, mut waits: Vec<Duration>) {
    waits.sort();
    let at = |share: usize| {
        let i = (waits.len() * share / 1000).min(waits.len().saturating_sub(1));
        waits.get(i).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
    };
    println!("{table:<8} {who:<28} {:>8.2} {:>8.2} {:>8.2} {:>9}", at(500), at(990), at(1000), waits.len());
}

/// A line that says how far the figures above it can be the machine's and not anybody's on it.
fn print_taken(table: &str, taken: Option<Taken>) {
    match taken {
        Some(taken) => println!(
            "{table:<8} {:<28} {:>8} {:>8} {:>8} {:>9}",
            "taken by the machine's host",
            "",
            "",
            taken.longest_ms,
            format!("{} ms", taken.all_ms)
        ),
        None => println!("{table:<8} what the machine's host takes is not known here"),
    }
}

/// Updates a row every 20 ms by a connection that is held open, and keeps how long each took.
fn probe_while(
    server: &MariaDbServer,
    database: &str,
    table: &str,
    work: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<(Vec<Duration>, Option<Taken>), Fault> {
    let stop = AtomicBool::new(false);
    let column = if table == "wide" { "c6" } else { "FKey" };
    let mut desk = Desk::open(server, database)?;
    std::thread::scope(|scope| {
        let prober = scope.spawn(|| {
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
        let watcher = scope.spawn(|| host::watch(&stop));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        let waits = prober.join().map_err(|_| "the writer failed")??;
        let taken = watcher.join().map_err(|_| "the watcher failed")?;
        done.map(|()| (waits, taken))
    })
}

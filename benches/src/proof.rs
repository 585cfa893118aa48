//! What proving costs: a whole pass over an unchanged table beside draining it by the binary protocol with nothing else
//! done, and a run over a whole clinic in which nothing changed.

use std::time::Duration;

use bicuspid_model::{Date, Endpoint};
use bicuspid_opendental::Engine;
use bicuspid_practice::Settings;
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer, PostgresDatabase, PostgresServer};
use bicuspid_source::Pace;
use bicuspid_sync::{SyncReport, TableOutcome};

use crate::data;
use crate::pairs::{self, Fault};

struct Bench {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

/// A clinic and its copy, both reached by their sockets.
struct Ends {
    from: Endpoint,
    to: Endpoint,
}

impl Ends {
    fn of(clinic: &MariaDbDatabase, target: &PostgresDatabase) -> Self {
        Self { from: clinic.socket_endpoint(), to: target.socket_endpoint() }
    }
}

/// Both servers, and what a run needs.
fn start() -> Result<(MariaDbServer, PostgresServer, Bench), Fault> {
    let mariadb = MariaDbServer::start(testing::test_options());
    let postgres = PostgresServer::start(PostgresOptions { durable: true, settings: Vec::new() });
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?;
    Ok((mariadb, postgres, Bench { folder: tempfile::tempdir()?, runtime }))
}

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let (mariadb, postgres, bench) = start()?;
    let rows = if long { 1_000_000 } else { 200_000 };
    println!("proof of an unchanged table, 60 columns, pace full; medians of 3");
    println!("{:<8} {:<34} {:>9} {:>7}", "engine", "what", "seconds", "ratio");
    for engine in ["InnoDB", "MyISAM"] {
        let (clinic, target) = (mariadb.database("proof"), postgres.database("proof"));
        data::wide(&clinic, rows, engine);
        let ends = Ends::of(&clinic, &target);
        bench.sync(&ends, &["wide"], Pace::Full)?;
        let written = written(&target)?;
        let first = bench.sync(&ends, &["wide"], Pace::Full)?;
        unchanged(&first)?;
        let (mut drains, mut proofs, mut last) = (Vec::new(), Vec::new(), None);
        for _ in 0..3 {
            let (drained, took) = clinic.drain("wide");
            if drained != rows {
                return Err(format!("{drained} rows were drained of {rows}").into());
            }
            drains.push(took);
            let report = bench.sync(&ends, &["wide"], Pace::Full)?;
            proofs.push(Duration::from_secs_f64(report.seconds));
            last = Some(report);
        }
        unchanged(last.as_ref().ok_or("no run")?)?;
        let (drain, proof) = (pairs::median(drains), pairs::median(proofs));
        let line = |what: &str, took: Duration| {
            let ratio = took.as_secs_f64() / drain.as_secs_f64();
            println!("{engine:<8} {what:<34} {:>9.2} {ratio:>7.2}", took.as_secs_f64());
        };
        line("drain, binary protocol", drain);
        line("first pass, every row decoded", Duration::from_secs_f64(first.seconds));
        line("later pass, rows known as they came", proof);
        println!("{engine:<8} rows written in raw: {}", self::written(&target)? - written);
    }
    println!("ratio: of the drain, which knows no keys, no chunks and no types");
    Ok(())
}

/// A whole practice, copied and then compared while nothing changes. Its long size is that of a clinic with 20 million
/// rows.
pub(crate) fn clinic(long: bool) -> Result<(), Fault> {
    let (mariadb, postgres, bench) = start()?;
    let patients = if long { 50_000 } else { 500 };
    let (clinic, target) = (mariadb.database("quiet"), postgres.database("quiet"));
    let as_of = Date::from_ymd(2026, 3, 2).ok_or("a day")?;
    let rows = clinic.fill(Engine::MyIsam, Settings::new(patients, 3, as_of));
    let ends = Ends::of(&clinic, &target);
    println!("a practice of {rows} rows in the whole schema, MyISAM");
    println!(
        "{:<22} {:>8} {:>11} {:>9} {:>9} {:>11} {:>7} {:>7} {:>8} {:>8}",
        "run, pace",
        "seconds",
        "rows read",
        "rows/s",
        "source s",
        "statements",
        "p50 ms",
        "p99 ms",
        "max ms",
        "written"
    );
    let line = |what: &str, pace: Pace, is_first: bool| {
        let before = written(&target)?;
        let report = bench.sync(&ends, &[], pace)?;
        if !is_first {
            unchanged(&report)?;
        }
        let source = &report.source;
        let read = f64::from(u32::try_from(source.rows)?);
        println!(
            "{what:<22} {:>8.1} {:>11} {:>9.0} {:>9.1} {:>11} {:>7.2} {:>7.2} {:>8.2} {:>8}",
            report.seconds,
            source.rows,
            read / report.seconds,
            source.busy_seconds,
            source.statements,
            source.statement_ms.p50,
            source.statement_ms.p99,
            source.statement_ms.max,
            written(&target)? - before
        );
        Ok::<_, Fault>(())
    };
    line("first copy, full", Pace::Full, true)?;
    line("nothing changed, full", Pace::Full, false)?;
    line("nothing changed, kind", Pace::Kind, false)
}

impl Bench {
    fn sync(&self, ends: &Ends, tables: &[&str], pace: Pace) -> Result<SyncReport, Fault> {
        self.runtime.block_on(pairs::sync(&ends.from, &ends.to, tables, pace, self.folder.path()))
    }
}

fn unchanged(report: &SyncReport) -> Result<(), Fault> {
    let changed = report.tables.iter().find(|t| t.outcome != TableOutcome::Unchanged);
    changed.map_or(Ok(()), |t| Err(format!("{} is {:?}", t.name, t.outcome).into()))
}

/// Rows that anybody ever wrote in the copy, by the server's own statistics.
fn written(target: &PostgresDatabase) -> Result<i64, Fault> {
    let sql = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text FROM pg_stat_user_tables \
               WHERE schemaname = 'raw' AND relname NOT LIKE 'etl\\_%'";
    let cell = target.query(sql).into_iter().flatten().flatten().next().ok_or("no statistics")?;
    Ok(cell.parse()?)
}

//! The synthetic practice: rows made and thrown away, and rows in PostgreSQL beside `COPY` of the same bytes from files
//! into the same tables with the same keys.

use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bicuspid_generate::{Condition, Event, GenerateSettings, RunInfo, plan};
use bicuspid_model::{Date, FingerprintKey, Value};
use bicuspid_practice::{Practice, Settings};
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{PostgresDatabase, PostgresServer};
use bicuspid_target::DemoEndpoint;

use crate::pairs::{self, Fault};

/// The database that `generate` knows by name.
const DEMO: &str = "opendental_demo";

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let patients = if long { 5000 } else { 1000 };
    let as_of = Date::from_ymd(2026, 11, 1).ok_or("no such day")?;
    let start_date = Date::from_ymd(2023, 1, 1).ok_or("no such day")?;
    let settings = Settings { start_date, ..Settings::new(patients, 1, as_of) };
    println!("generate, {patients} patients, PostgreSQL durable; medians of 3");
    println!("{:<34} {:>9} {:>12} {:>7}", "what", "seconds", "rows/s", "ratio");

    let mut counted = Vec::new();
    let mut rows = 0;
    for _ in 0..3 {
        let began = Instant::now();
        rows = Practice::new(settings)?.run(&mut |_: &'static str, _: &[Value]| Ok(()))?.rows();
        counted.push(began.elapsed());
    }
    let line = |what: &str, took: Duration, limit: Duration| {
        let seconds = took.as_secs_f64();
        let rate = pairs::number(rows) / seconds;
        println!("{what:<34} {seconds:>9.2} {rate:>12.0} {:>7.2}", limit.as_secs_f64() / seconds);
    };
    let counted = pairs::median(counted);
    line("rows made and thrown away", counted, counted);

    let server = PostgresServer::start(PostgresOptions { durable: true, settings: Vec::new() });
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?;
    let (mut empty, mut copies, mut runs) = (Vec::new(), Vec::new(), Vec::new());
    let mut steps: Vec<Vec<Duration>> = vec![Vec::new(); STEPS.len()];
    for turn in 0..3 {
        let database = server.named_database(DEMO, &format!("demo_user_{turn}"));
        let ends = runtime.block_on(generated(&database, settings, turn))?;
        let mut before = Duration::ZERO;
        for (step, end) in steps.iter_mut().zip(&ends) {
            step.push(end.saturating_sub(before));
            before = *end;
        }
        runs.push(before);
        let bench = Bench { server: &server, folder: folder.path() };
        let tables = filled(&database);
        bench.copy_out(&tables)?;
        copies.push(bench.copy_in(&tables)?);
        empty.push(bench.make(&database)?);
        // Not dropped: a file system takes its time over new files after many were deleted.
        server.admin("postgres", &format!("ALTER DATABASE {DEMO} RENAME TO turn_{turn}"));
    }
    let (empty, copy) = (pairs::median(empty), pairs::median(copies));
    line("limit: psql COPY and keys, one session", copy, copy);
    line("the same, all tables made before", copy + empty, copy);
    line("generate: simulated, loaded, proved", pairs::median(runs), copy);
    for (what, took) in STEPS.iter().zip(steps) {
        println!("  {what:<32} {:>9.2}", pairs::median(took).as_secs_f64());
    }
    println!(
        "ratio: of COPY; rows/s of all {rows} rows; proved: the server hashes every row before the commit"
    );
    Ok(())
}

/// The parts of a run, in order.
const STEPS: [&str; 4] = ["judged, tables made", "rows", "keys", "proved, published, counted"];

/// When each of [`STEPS`] ended, counted from the beginning.
async fn generated(
    database: &PostgresDatabase,
    practice: Settings,
    turn: u32,
) -> Result<[Duration; STEPS.len()], Fault> {
    let at = database.socket_endpoint();
    let endpoint = DemoEndpoint { host: at.host, user: at.user, password: at.password, tls: at.tls };
    let began = Instant::now();
    let plan = plan(GenerateSettings { practice, condition: Condition::Clean, endpoint, known: None })
        .await
        .map_err(|e| e.to_string())?;
    let info = RunInfo {
        run_id: format!("bench-{turn}"),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        tool_version: "bench".to_owned(),
        key: FingerprintKey::new([7; 16]),
    };
    let ends = Mutex::new([Duration::ZERO; STEPS.len()]);
    let ended = |step: usize| {
        if let Some(end) = ends.lock().ok().as_mut().and_then(|ends| ends.get_mut(step)) {
            *end = began.elapsed();
        }
    };
    let listener = |event| match event {
        Event::Begun => ended(0),
        Event::Keys => ended(1),
        Event::Proving => ended(2),
        _ => {}
    };
    plan.run(info, &listener).await.map_err(|e| e.to_string())?;
    ended(3);
    ends.into_inner().map_err(|_| "a clock was lost".into())
}

struct Bench<'b> {
    server: &'b PostgresServer,
    folder: &'b std::path::Path,
}

/// A table with its columns, in a list, and its key.
struct Filled {
    name: String,
    columns: String,
    key: String,
}

/// The tables that hold rows.
fn filled(database: &PostgresDatabase) -> Vec<Filled> {
    let rows = database.query(
        "SELECT s.table_name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), \
         (SELECT pg_get_constraintdef(p.oid) FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype = 'p') \
         FROM bicuspid.table_state s JOIN pg_class c ON c.oid = ('raw.' || quote_ident(s.table_name))::regclass \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> '_loaded_at' \
         WHERE s.row_count > 0 GROUP BY c.oid, s.table_name ORDER BY 1",
    );
    let filled = rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter();
        let (name, columns, key) = (cells.next()??, cells.next()??, cells.next()??);
        Some(Filled { name, columns, key })
    });
    filled.collect()
}

impl Bench<'_> {
    fn psql(&self, sql: &str) -> Result<(), Fault> {
        let status = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", DEMO, "-p"])
            .arg(self.server.port().to_string())
            .arg("-h")
            .arg(self.server.socket_folder())
            .args(sql.split('\n').flat_map(|line| ["-c", line]))
            .status()?;
        if status.success() { Ok(()) } else { Err("psql failed".into()) }
    }

    fn file(&self, table: &Filled) -> String {
        self.folder.join(&table.name).display().to_string()
    }

    /// The bytes of every filled table, and the same tables, empty and without a key.
    fn copy_out(&self, tables: &[Filled]) -> Result<(), Fault> {
        let each = tables.iter().map(|t| {
            format!(
                "\\copy (SELECT {1} FROM raw.\"{0}\") TO '{2}' (FORMAT binary)\n\
                 CREATE TABLE public.\"{0}\" (LIKE raw.\"{0}\" INCLUDING DEFAULTS)",
                t.name,
                t.columns,
                self.file(t)
            )
        });
        self.psql(&each.collect::<Vec<_>>().join("\n"))
    }

    /// How long it takes to make all tables, empty ones too, in one transaction.
    fn make(&self, database: &PostgresDatabase) -> Result<Duration, Fault> {
        let tables = database.query("SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'r'");
        let names = tables.iter().filter_map(|row| row.first()?.as_ref());
        let each =
            names.map(|name| format!("CREATE TABLE empty.{name} (LIKE raw.{name} INCLUDING DEFAULTS)"));
        let steps: Vec<String> = ["CREATE SCHEMA empty".to_owned(), "BEGIN".to_owned()]
            .into_iter()
            .chain(each)
            .chain(["COMMIT".to_owned()])
            .collect();
        let began = Instant::now();
        self.psql(&steps.join("\n"))?;
        Ok(began.elapsed())
    }

    /// One session, one transaction, then the keys: what `generate` does with rows that were there before.
    fn copy_in(&self, tables: &[Filled]) -> Result<Duration, Fault> {
        let copy = |t: &Filled| {
            format!("\\copy public.\"{0}\" ({1}) FROM '{2}' (FORMAT binary)", t.name, t.columns, self.file(t))
        };
        let key = |t: &Filled| format!("ALTER TABLE public.\"{0}\" ADD {1}", t.name, t.key);
        let steps: Vec<String> = ["BEGIN".to_owned()]
            .into_iter()
            .chain(tables.iter().map(copy))
            .chain(tables.iter().map(key))
            .chain(["COMMIT".to_owned()])
            .collect();
        let began = Instant::now();
        self.psql(&steps.join("\n"))?;
        Ok(began.elapsed())
    }
}

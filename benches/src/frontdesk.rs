//! How long a front desk ever waits because of a copy: short inserts and updates over the busiest MyISAM tables, 50 a
//! second, each timed from the moment at which it was due, so that waiting in line counts. Alone, while Bicuspid reads at
//! either pace, and while other programs do. A copy runs elsewhere than the clinic's server does, as a rule: whatever copies
//! has the lowest priority here, PostgreSQL too, so that what is measured is waiting for the server and not for a processor.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bicuspid_model::{Endpoint, Host, Password};
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer, PostgresDatabase, PostgresServer};
use bicuspid_source::Pace;

use crate::data;
use crate::desk::Desk;
use crate::disk;
use crate::host::{self, Taken};
use crate::pairs::{self, Fault};

/// Time between two statements of the desk.
const PERIOD: Duration = Duration::from_millis(20);
/// What a client over a slow link takes, in bytes a second.
const SLOW_RATE: u64 = 20_000_000;
/// The tables that are written and copied.
const TABLES: [&str; 2] = ["wide", "narrow"];

struct Bench {
    mariadb: MariaDbServer,
    clinic: MariaDbDatabase,
    postgres: PostgresServer,
    target: PostgresDatabase,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    wide: u64,
    narrow: u64,
    /// Shortest time that each is measured for: what is done sooner is done again.
    least: Duration,
}

type Work<'a> = &'a mut (dyn FnMut() -> Result<(), Fault> + Send);

/// How long one statement took from the moment at which it was due.
struct Wait {
    took: Duration,
    /// What the machine's host had taken when it was due.
    taken_before: Option<u64>,
}

/// What the desk felt.
struct Felt {
    waits: Vec<Wait>,
    seconds: f64,
    rounds: u32,
    taken: Option<Taken>,
}

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let mariadb = MariaDbServer::start(testing::test_options());
    let options = PostgresOptions { durable: true, settings: Vec::new() };
    // As at a clinic, whose server's disk is its own.
    let memory = disk::in_memory();
    let (postgres, folder) = match &memory {
        Some(memory) => (PostgresServer::start_under(memory, options), tempfile::tempdir_in(memory)?),
        None => (PostgresServer::start(options), tempfile::tempdir()?),
    };
    let (wide, narrow, least) = if long { (1_000_000, 5_000_000, 20) } else { (200_000, 1_000_000, 10) };
    let bench = Bench {
        clinic: mariadb.database("desk"),
        target: postgres.database("desk"),
        mariadb,
        postgres,
        folder,
        runtime: tokio::runtime::Builder::new_multi_thread()
            .event_interval(1)
            .on_thread_start(|| {
                host::yield_thread();
            })
            .enable_all()
            .build()?,
        wide,
        narrow,
        least: Duration::from_secs(least),
    };
    let is_yielding = host::yield_process(bench.postgres.pid());
    println!(
        "whatever copies, and PostgreSQL: {}",
        if is_yielding { "lowest priority" } else { "the same priority as the desk and its server" }
    );
    println!(
        "files of PostgreSQL and of the staging: {}",
        if memory.is_some() { "in memory" } else { "on the disk of the clinic's files" }
    );
    data::wide(&bench.clinic, wide, "MyISAM");
    data::narrow(&bench.clinic, narrow, "MyISAM");
    println!(
        "front desk, 50 statements a second over {wide} rows of 60 and {narrow} rows of 10 columns, MyISAM; milliseconds"
    );
    println!(
        "{:<40} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>8} {:>9}",
        "meanwhile",
        "seconds",
        "rows/s",
        "p50",
        "p99",
        "p99.9",
        "max",
        "count",
        "left out",
        "max all",
        "host took"
    );
    bench.line("nothing", 0, &mut || {
        std::thread::sleep(bench.least);
        Ok(())
    })?;
    for pace in [Pace::Kind, Pace::Full] {
        bench.own(pace)?;
    }
    bench.others()?;
    println!(
        "left out: statements during which the machine's host gave a processor to somebody else; max all: with those"
    );
    println!("host took: longest time in which the machine's host gave one processor to somebody else");
    Ok(())
}

impl Bench {
    /// Bicuspid itself, over TCP as at a clinic.
    fn own(&self, pace: Pace) -> Result<(), Fault> {
        let (from, to) = (&self.clinic.endpoint, self.target.socket_endpoint());
        let rows = self.wide + self.narrow;
        let sync = || {
            let run = pairs::sync(from, &to, &TABLES, pace, self.folder.path());
            self.runtime.block_on(run).map(|_| ())
        };
        let name = |what: &str| format!("bicuspid, pace {}: {what}", pace.name());
        self.line(&name("first copy"), rows, &mut || {
            self.target.admin("DROP TABLE IF EXISTS raw.wide, raw.narrow");
            sync()
        })?;
        self.line(&name("next run, all proved"), rows, &mut || sync())?;
        self.line(&name("verify"), rows, &mut || {
            let run = pairs::verify(from, &to, &TABLES, pace, self.folder.path());
            self.runtime.block_on(run).map(|_| ())
        })
    }

    /// What else people copy a clinic with.
    fn others(&self) -> Result<(), Fault> {
        let rows = self.wide + self.narrow;
        match ["mariadb-dump", "mysqldump"].into_iter().find(|name| is_there(name)) {
            None => println!("{:<40} absent", "mariadb-dump"),
            Some(dump) => {
                for (name, flags) in [("", &[][..]), (" --single-transaction", &["--single-transaction"])] {
                    self.line(&format!("{dump}{name}"), rows, &mut || {
                        let mut command = Command::new(dump);
                        command.arg("--no-defaults").args(flags).args(["-u", "root", "-S"]);
                        command.arg(self.mariadb.socket()).arg(self.clinic.name());
                        succeeded(command.stdout(Stdio::null()))
                    })?;
                }
            }
        }
        if is_there("pgloader") {
            self.line("pgloader", rows, &mut || self.pgloader())?;
        } else {
            println!("{:<40} absent", "pgloader");
        }
        self.line("SELECT, client as fast as it can", rows, &mut || self.stream(u64::MAX))?;
        self.line("SELECT, client at 20 MB/s", rows, &mut || self.stream(SLOW_RATE))
    }

    /// Measures the desk beside some work, and prints what it felt.
    fn line(&self, what: &str, rows: u64, work: Work<'_>) -> Result<(), Fault> {
        let Felt { waits: all, seconds, rounds, taken } = self.beside(work)?;
        // The host's clock ticks late: what it took shows when the next statement is due.
        let next = all.iter().skip(1).map(|wait| wait.taken_before);
        let undisturbed = all.iter().zip(next).filter(|(wait, next)| wait.taken_before == *next);
        let mut waits: Vec<Duration> = undisturbed.map(|(wait, _)| wait.took).collect();
        waits.sort();
        let longest = all.iter().map(|wait| wait.took).max().unwrap_or_default();
        let at = |share: usize| {
            let i = (waits.len() * share / 1000).min(waits.len().saturating_sub(1));
            waits.get(i).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
        };
        let rate = pairs::number(rows) * f64::from(rounds) / seconds;
        println!(
            "{what:<40} {:>8.1} {rate:>10.0} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>7} {:>8} {:>8.2} {:>9}",
            seconds / f64::from(rounds),
            at(500),
            at(990),
            at(999),
            at(1000),
            waits.len(),
            all.len() - waits.len(),
            longest.as_secs_f64() * 1000.0,
            taken.map_or("?".to_owned(), |taken| taken.longest_ms.to_string())
        );
        Ok(())
    }

    fn beside(&self, work: Work<'_>) -> Result<Felt, Fault> {
        let stop = AtomicBool::new(false);
        let mut desk = Desk::open(&self.mariadb, self.clinic.name())?;
        // As Open Dental sets it: columns that are not named take their type's own default.
        desk.run("SET sql_mode = ''")?;
        let next = self.clinic.query("SELECT MAX(id) + 1 FROM wide UNION ALL SELECT MAX(id) + 1 FROM narrow");
        let mut next = next
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|text| String::from_utf8(text).ok()?.parse().ok());
        let (mut wide, mut narrow): (u64, u64) = next.next().zip(next.next()).ok_or("no keys")?;
        let began = Instant::now();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut waits = Vec::new();
                let (mut random, mut due) = (1_u64, Instant::now());
                while !stop.load(Ordering::Relaxed) {
                    due += PERIOD;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let taken_before = host::taken_ticks();
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let (of_wide, of_narrow) =
                        (1 + (random >> 33) % self.wide, 1 + (random >> 33) % self.narrow);
                    let statement = match waits.len() % 4 {
                        0 => format!("UPDATE wide SET c6 = c6 + 1 WHERE id = {of_wide}"),
                        1 => {
                            narrow += 1;
                            format!("INSERT INTO narrow (id, LogText) VALUES ({narrow}, 'moved')")
                        }
                        2 => format!("UPDATE narrow SET FKey = FKey + 1 WHERE id = {of_narrow}"),
                        _ => {
                            wide += 1;
                            format!("INSERT INTO wide (id, c4) VALUES ({wide}, 'note')")
                        }
                    };
                    desk.run(&statement)?;
                    waits.push(Wait { took: due.elapsed(), taken_before });
                }
                Ok::<_, std::io::Error>(waits)
            });
            let watcher = scope.spawn(|| host::watch(&stop));
            let copier = scope.spawn(|| {
                let (mut rounds, mut done) = (0, Ok(()));
                host::yield_thread();
                while done.is_ok() && (rounds == 0 || began.elapsed() < self.least) {
                    done = work();
                    rounds += 1;
                }
                (rounds, done)
            });
            let (rounds, done) = copier.join().map_err(|_| "the copy failed")?;
            let seconds = began.elapsed().as_secs_f64();
            stop.store(true, Ordering::Relaxed);
            let waits = writer.join().map_err(|_| "the writer failed")??;
            let taken = watcher.join().map_err(|_| "the watcher failed")?;
            done.map(|()| Felt { waits, seconds, rounds, taken })
        })
    }

    /// Every row of both tables by one statement each, read at this rate.
    fn stream(&self, bytes_per_second: u64) -> Result<(), Fault> {
        for table in TABLES {
            let mut client = Command::new("mariadb")
                .args(["--no-defaults", "--quick", "--skip-column-names", "--batch", "-u", "root", "-S"])
                .arg(self.mariadb.socket())
                .args(["-e", &format!("SELECT * FROM {}.{table}", self.clinic.name())])
                .stdout(Stdio::piped())
                .spawn()?;
            let mut rows = client.stdout.take().ok_or("no pipe from the client")?;
            let (mut buffer, mut bytes, began) = (vec![0; 64 * 1024], 0_u64, Instant::now());
            loop {
                let read = rows.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                bytes += u64::try_from(read)?;
                let due = Duration::from_micros(bytes.saturating_mul(1_000_000) / bytes_per_second);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
            if !client.wait()?.success() {
                return Err("the mariadb client failed".into());
            }
        }
        Ok(())
    }

    fn pgloader(&self) -> Result<(), Fault> {
        let from = url("mysql", &self.clinic.endpoint);
        let folder = self.postgres.socket_folder();
        let to = format!(
            "pgsql://postgres@unix:{}:{}/{}",
            folder.display(),
            self.postgres.port(),
            self.target.name()
        );
        self.target.admin(&format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.clinic.name()));
        succeeded(Command::new("pgloader").args([from, to]).stdout(Stdio::null()))
    }
}

/// The password of a throw-away server, gone with it in a minute, is all that is ever passed like this.
pub(crate) fn url(scheme: &str, endpoint: &Endpoint) -> String {
    let (host, port) = match &endpoint.host {
        Host::Tcp { host, port } => (host.clone(), *port),
        Host::Socket { path, port } => (path.display().to_string(), *port),
    };
    let password = match &endpoint.password {
        Password::Given(secret) => secret.reveal(),
        Password::None | Password::File(_) => "",
    };
    format!("{scheme}://{}:{password}@{host}:{port}/{}", endpoint.user, endpoint.database)
}

/// Whether there is such a program.
pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

pub(crate) fn succeeded(command: &mut Command) -> Result<(), Fault> {
    let status = command.stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{} failed", command.get_program().display()).into()) }
}

//! Whole runs beside the limits of the machine, an unguarded pipeline and what else people copy a clinic with, and what
//! each costs: a wide table copied first, with some of it changed, with nothing changed, and proved; three hundred tiny
//! tables.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bicuspid_model::row::{COPY_HEADER, COPY_TRAILER};
use bicuspid_source::Pace;

use crate::data;
use crate::frontdesk::url;
use crate::pairs::{self, Fault};
use crate::peers::{self, Peer};
use crate::rates::Bench;
use crate::values;
use crate::wires::Wires;

/// Tables of ten rows.
const TINY: usize = 300;

/// How long another program may take.
const PEER_MAX: Duration = Duration::from_mins(5);

/// Processor time of the three who take part, in seconds, and memory of the one who copies.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    own: f64,
    mariadb: f64,
    postgres: f64,
    peak_mib: f64,
    /// Megabytes from the source and to the target, where they went over the loopback.
    wires: Option<(f64, f64)>,
}

/// How both servers are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Sockets,
    Tcp,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Sockets => "sockets",
            Self::Tcp => "TCP",
        }
    }
}

struct Speed {
    bench: Bench,
    /// The slower of both limits, of the table that is measured.
    limit: Duration,
    /// A Python with the libraries among the peers.
    python: Option<String>,
}

pub(crate) fn measure(long: bool, python: Option<String>) -> Result<(), Fault> {
    let rows = if long { 1_000_000 } else { 200_000 };
    let mut speed = Speed { bench: Bench::start()?, limit: Duration::ZERO, python };
    println!(
        "speed, {rows} rows of 60 columns, {} of 10, InnoDB, PostgreSQL durable; processor time in seconds",
        5 * rows
    );
    println!(
        "{:<40} {:>8} {:>7} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8}",
        "what", "seconds", "limits", "own", "mariadb", "postgres", "peak MiB", "MB from", "MB to"
    );
    speed.wide(rows)?;
    speed.narrow(5 * rows)?;
    speed.tiny()?;
    println!(
        "limits: seconds by those of the slower limit (tiny tables: of both ends together); own: of the process that copies; \
         of 3: the middle one of three in turns"
    );
    println!("MB: on the wires of source and target, of what reached both over TCP");
    Ok(())
}

impl Speed {
    /// What each end takes for a table by itself, and the simplest pipeline between them.
    fn limits(&mut self, table: &str) -> Result<(), Fault> {
        let file = self.bench.folder.path().join(format!("{table}.copy"));
        self.bench.sync(table)?;
        self.bench.copy_out(table, &file)?;
        let (drain, copy) = (self.bench.drain(table)?, self.bench.copy_in(table, &file)?);
        self.limit = drain.max(copy);
        for (what, limit) in [("mariadb client", drain), ("psql COPY", copy)] {
            let cost = Cost { seconds: limit.as_secs_f64(), ..Cost::default() };
            self.print(&format!("{table}, limit: {what}"), cost);
        }
        for way in [Way::Sockets, Way::Tcp] {
            let (mut bare, mut own) = (Vec::new(), Vec::new());
            // In turns: what slows the machine down for a while slows both down.
            for _ in 0..3 {
                bare.push(self.cost(|| self.unguarded(table, way))?);
                self.bench.target.admin(&format!("DROP TABLE IF EXISTS raw.{table}"));
                own.push(self.cost(|| self.sync_by(way, Pace::Full, &[table]))?);
            }
            let by = way.name();
            self.print(&format!("{table}, {by}: unguarded pipeline (of 3)"), middle(bare));
            self.print(&format!("{table}, {by}: first copy (of 3)"), middle(own));
        }
        Ok(())
    }

    /// A first copy at the kind pace; at the full one it was made beside the limits, and is still there.
    fn copy_again(&self, table: &str, pace: Pace) -> Result<(), Fault> {
        if pace == Pace::Full {
            return Ok(());
        }
        self.bench.target.admin(&format!("DROP TABLE IF EXISTS raw.{table}"));
        self.line(&format!("{table}, pace {}: first copy", pace.name()), || self.sync(pace, &[table]))
    }

    fn narrow(&mut self, rows: u64) -> Result<(), Fault> {
        data::narrow(&self.bench.clinic, rows, "InnoDB");
        self.limits("narrow")?;
        for pace in [Pace::Full, Pace::Kind] {
            self.copy_again("narrow", pace)?;
            self.line(&format!("narrow, pace {}: nothing changed", pace.name()), || {
                self.sync(pace, &["narrow"])
            })?;
        }
        Ok(())
    }

    fn wide(&mut self, rows: u64) -> Result<(), Fault> {
        data::wide(&self.bench.clinic, rows, "InnoDB");
        self.limits("wide")?;
        for pace in [Pace::Full, Pace::Kind] {
            let name = |what: &str| format!("wide, pace {}: {what}", pace.name());
            self.copy_again("wide", pace)?;
            for (share, every) in [("0.1 %", 1000), ("1 %", 100), ("10 %", 10)] {
                self.bench.clinic.admin(&format!("UPDATE wide SET c6 = c6 + 1 WHERE id MOD {every} = 3"));
                self.line(&name(&format!("{share} changed")), || self.sync(pace, &["wide"]))?;
            }
            self.line(&name("nothing changed"), || self.sync(pace, &["wide"]))?;
            self.line(&name("verify"), || {
                let (from, to) = (&self.bench.from, &self.bench.to);
                let run = pairs::verify(from, to, &["wide"], pace, self.bench.folder.path());
                if self.bench.runtime.block_on(run)?.equal { Ok(()) } else { Err("not equal".into()) }
            })?;
        }
        self.over_tcp()?;
        self.peers()
    }

    /// Bicuspid as the peers are run: by the network, which says what went over it.
    fn over_tcp(&self) -> Result<(), Fault> {
        self.bench.target.admin("DROP TABLE IF EXISTS raw.wide");
        for what in ["first copy", "nothing changed"] {
            let before = Wires::now(&self.bench);
            let cost = self.cost(|| self.sync_by(Way::Tcp, Pace::Full, &["wide"]))?;
            let wires = Wires::now(&self.bench).zip(before).map(|(now, before)| now.since(before));
            self.print(&format!("wide, pace full, TCP: {what}"), Cost { wires, ..cost });
        }
        Ok(())
    }

    /// As many statements as there are tables, and all of Bicuspid's.
    fn tiny(&mut self) -> Result<(), Fault> {
        let names: Vec<String> = (0..TINY).map(|i| format!("tiny_{i:03}")).collect();
        for name in &names {
            self.bench.clinic.admin(&format!(
                "CREATE TABLE {name} (id BIGINT PRIMARY KEY, a INT, b VARCHAR(40), c DATETIME) ENGINE=MyISAM;
                 INSERT INTO {name} SELECT seq, seq, CONCAT('b', seq), '2026-01-05 10:00:00' FROM seq_1_to_10"
            ));
        }
        let bare: Vec<String> = names.iter().map(|name| format!("SELECT * FROM {name}")).collect();
        let began = Instant::now();
        let status = Command::new("mariadb")
            .args(["--no-defaults", "--quick", "--batch", "-u", "root", "-S"])
            .arg(self.bench.mariadb.socket())
            .arg(self.bench.clinic.name())
            .args(["-e", &bare.join(";")])
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err("the mariadb client failed".into());
        }
        let read = began.elapsed();
        self.print(
            &format!("{TINY} tiny tables: bare SELECTs"),
            Cost { seconds: read.as_secs_f64(), ..Cost::default() },
        );
        let began = Instant::now();
        self.bare_loads(&names)?;
        let loaded = began.elapsed();
        self.limit = read + loaded;
        let cost = Cost { seconds: loaded.as_secs_f64(), ..Cost::default() };
        self.print(&format!("{TINY} tiny tables: bare CREATE, COPY, key"), cost);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for pace in [Pace::Full, Pace::Kind] {
            let name = |what: &str| format!("{TINY} tiny tables, pace {}: {what}", pace.name());
            let drops: Vec<String> = names.iter().map(|name| format!("raw.{name}")).collect();
            self.bench.target.admin(&format!("DROP TABLE IF EXISTS {}", drops.join(", ")));
            self.line(&name("first copy"), || self.sync(pace, &names))?;
            self.line(&name("nothing changed"), || self.sync(pace, &names))?;
        }
        Ok(())
    }

    /// The same tables made on the target by one connection in one transaction, with nothing looked at.
    fn bare_loads(&self, names: &[String]) -> Result<(), Fault> {
        use std::io::Write as _;
        let mut psql = self.bench.psql("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare").spawn()?;
        if !psql.wait()?.success() {
            return Err("psql could not make a schema".into());
        }
        let mut psql = self.bench.psql_reading().stdin(Stdio::piped()).spawn()?;
        let mut to = psql.stdin.take().ok_or("no pipe to psql")?;
        writeln!(to, "BEGIN;")?;
        for name in names {
            writeln!(
                to,
                "CREATE TABLE bare.{name} (id bigint, a int, b text, c timestamp, at timestamptz DEFAULT now());"
            )?;
            writeln!(to, "COPY bare.{name} (id, a, b, c) FROM STDIN;")?;
            (1..=10).try_for_each(|i| writeln!(to, "{i}\t{i}\tb{i}\t2026-01-05 10:00:00"))?;
            writeln!(to, "\\.")?;
            writeln!(to, "ALTER TABLE bare.{name} ADD PRIMARY KEY (id);")?;
        }
        writeln!(to, "COMMIT;")?;
        drop(to);
        if psql.wait()?.success() { Ok(()) } else { Err("psql could not load the tables".into()) }
    }

    fn sync(&self, pace: Pace, tables: &[&str]) -> Result<(), Fault> {
        self.sync_by(Way::Sockets, pace, tables)
    }

    fn sync_by(&self, way: Way, pace: Pace, tables: &[&str]) -> Result<(), Fault> {
        let (from, to) = match way {
            Way::Sockets => (&self.bench.from, &self.bench.to),
            Way::Tcp => (&self.bench.clinic.endpoint, &self.bench.target.endpoint),
        };
        self.bench.runtime.block_on(pairs::sync(from, to, tables, pace, self.bench.folder.path()))?;
        Ok(())
    }

    /// Rows drained by the binary protocol and handed to `COPY` as they are: nothing staged, checked, hashed or keyed.
    fn unguarded(&self, table: &str, way: Way) -> Result<(), Fault> {
        self.bench.target.admin(&format!(
            "DROP TABLE IF EXISTS public.bare_{table}; CREATE TABLE public.bare_{table} (LIKE public.shape_{table});
             ALTER TABLE public.bare_{table} OWNER TO \"{}\"",
            self.bench.target.endpoint.user
        ));
        let sql = format!("COPY public.bare_{table} FROM STDIN (FORMAT binary)");
        let mut psql = self.bench.psql(&sql);
        let from = match way {
            Way::Sockets => &self.bench.from,
            Way::Tcp => {
                // It says more than the socket's arguments, and overrides them.
                psql.args(["-d", &url("postgresql", &self.bench.target.endpoint)]);
                &self.bench.clinic.endpoint
            }
        };
        let mut psql = psql.stdin(Stdio::piped()).spawn()?;
        let mut rows = psql.stdin.take().ok_or("no pipe to psql")?;
        let (pieces, arriving) = mpsc::sync_channel::<Vec<u8>>(4);
        let writer = std::thread::spawn(move || {
            use std::io::Write as _;
            rows.write_all(COPY_HEADER)?;
            arriving.iter().try_for_each(|piece| rows.write_all(&piece))?;
            rows.write_all(&COPY_TRAILER)
        });
        let read = pairs::each(from, table, |piece| pieces.send(piece).is_ok());
        self.bench.runtime.block_on(read)?;
        drop(pieces);
        writer.join().map_err(|_| "the writer failed")??;
        if psql.wait()?.success() { Ok(()) } else { Err("psql could not copy in".into()) }
    }

    /// Other programs and libraries, as their manuals tell to use them; one that is absent or fails is told. Each copies the
    /// wide table, timed, and on servers of its own one of odd values; both copies are compared with the source's values.
    fn peers(&self) -> Result<(), Fault> {
        let odd = Self { bench: Bench::start()?, limit: self.limit, python: self.python.clone() };
        data::odd(&odd.bench.clinic);
        self.sync(Pace::Full, &["wide"])?;
        odd.sync(Pace::Full, &["odd"])?;
        for (timed, of_odd) in self.all_peers("wide").into_iter().zip(odd.all_peers("odd")) {
            let Peer { name, command, table: theirs } = timed;
            let (Some(command), Some(of_odd_command)) = (command, of_odd.command) else {
                println!("{name:<40} absent");
                continue;
            };
            let (end, cost) = self.watched(command)?;
            self.print(&format!("{name}{end}"), cost);
            let wide = values::compare(&self.bench, "wide", &theirs)?;
            let (end, _) = odd.watched(of_odd_command)?;
            println!(
                "  values: wide {wide}; odd{end} {}",
                values::compare(&odd.bench, "odd", &of_odd.table)?
            );
        }
        Ok(())
    }

    fn all_peers(&self, table: &str) -> [Peer; 5] {
        let (from, to) = (&self.bench.clinic.endpoint, &self.bench.target.endpoint);
        let clinic = self.bench.clinic.name();
        self.bench.target.admin(&format!(
            "CREATE SCHEMA IF NOT EXISTS peers AUTHORIZATION \"{0}\"; CREATE SCHEMA IF NOT EXISTS \"{clinic}\" AUTHORIZATION \"{0}\"",
            to.user,
        ));
        peers::all(from, to, (clinic, table), self.python.as_deref(), self.bench.folder.path())
    }

    /// Runs another program, and what it costs.
    fn watched(&self, mut command: Command) -> Result<(&'static str, Cost), Fault> {
        let (before, wires, began) = (self.servers(), Wires::now(&self.bench), Instant::now());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let (end, own, peak_mib) = watched(child)?;
        let seconds = began.elapsed().as_secs_f64();
        let after = self.servers();
        let cost = Cost {
            seconds,
            own,
            mariadb: after.0 - before.0,
            postgres: after.1 - before.1,
            peak_mib,
            wires: Wires::now(&self.bench).zip(wires).map(|(now, before)| now.since(before)),
        };
        Ok((end, cost))
    }

    /// Processor time of both servers so far. PostgreSQL adds that of a session when the session has ended.
    fn servers(&self) -> (f64, f64) {
        (processor(self.bench.mariadb.pid()), processor(self.bench.postgres.pid()))
    }

    fn line(&self, what: &str, work: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        let cost = self.cost(work)?;
        self.print(what, cost);
        Ok(())
    }

    /// What work of this process costs.
    fn cost(&self, work: impl FnOnce() -> Result<(), Fault>) -> Result<Cost, Fault> {
        let (own, servers, began) = (processor(std::process::id()), self.servers(), Instant::now());
        work()?;
        let seconds = began.elapsed().as_secs_f64();
        let after = self.servers();
        Ok(Cost {
            seconds,
            own: processor(std::process::id()) - own,
            mariadb: after.0 - servers.0,
            postgres: after.1 - servers.1,
            peak_mib: peak_mib(std::process::id()),
            wires: None,
        })
    }

    fn print(&self, what: &str, cost: Cost) {
        let Cost { seconds, own, mariadb, postgres, peak_mib, wires } = cost;
        let [source, target] = wires.map_or(["-".to_owned(), "-".to_owned()], |(source, target)| {
            [source, target].map(|megabytes| format!("{megabytes:.1}"))
        });
        println!(
            "{what:<40} {seconds:>8.2} {:>7.2} {own:>8.2} {mariadb:>8.2} {postgres:>9.2} {peak_mib:>9.1} {source:>8} {target:>8}",
            seconds / self.limit.as_secs_f64()
        );
    }
}

/// The one that took neither the shortest nor the longest.
fn middle(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// Waits for a program, as long as anybody would; how it ended if it did not succeed, its processor time and its peak of
/// memory as last seen.
fn watched(mut child: Child) -> Result<(&'static str, f64, f64), Fault> {
    let (mut own, mut peak) = (0.0, 0.0);
    let began = Instant::now();
    loop {
        (own, peak) = (processor(child.id()).max(own), peak_mib(child.id()).max(peak));
        if let Some(status) = child.try_wait()? {
            return Ok((if status.success() { "" } else { " (it ended in an error)" }, own, peak));
        }
        if began.elapsed() > PEER_MAX {
            child.kill()?;
            child.wait()?;
            return Ok((" (cut off)", own, peak));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Seconds of processor time of a process and of its children that have ended; 0 where the system does not say.
fn processor(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks =
        after_name.split_ascii_whitespace().skip(11).take(4).filter_map(|word| word.parse::<u32>().ok());
    f64::from(ticks.sum::<u32>()) / 100.0
}

fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u32>().ok());
    f64::from(kib.unwrap_or_default()) / 1024.0
}

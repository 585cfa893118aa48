//! Peak memory of a whole sync, by table size: each in a process of its own.

use std::process::Command;
use std::time::Instant;

use bicuspid_model::{DatabaseName, Endpoint, Host, Password, Secret, Tls};
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbServer, PostgresServer};
use bicuspid_source::Pace;

use crate::data;
use crate::pairs::{self, Fault};

/// First argument of the process that is measured.
pub(crate) const CHILD: &str = "memory-of-one-sync";
/// Every table there is.
pub(crate) const ALL: &str = "*";
/// No copy, but what one would do.
pub(crate) const PLAN: &str = "?";

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let sizes: &[u64] = if long { &[2_000_000, 20_000_000] } else { &[200_000, 2_000_000] };
    println!("memory of a whole sync, pace full, narrow table");
    println!("{:>12} {:<12} {:>9} {:>10}", "rows", "run", "peak MiB", "seconds");
    for &rows in sizes {
        let mariadb = MariaDbServer::start(testing::test_options());
        let postgres = PostgresServer::start(PostgresOptions { durable: false, settings: Vec::new() });
        let (clinic, target) = (mariadb.database("memory"), postgres.database("memory"));
        data::narrow(&clinic, rows, "MyISAM");
        for run in ["first copy", "first pass", "later pass"] {
            let Measured { peak_mib, seconds } = measured(&clinic.endpoint, &target.endpoint, "narrow")?;
            println!("{rows:>12} {run:<12} {peak_mib:>9.1} {seconds:>10.1}");
        }
    }
    Ok(())
}

/// What a process of its own took.
pub(crate) struct Measured {
    pub(crate) peak_mib: f64,
    pub(crate) seconds: f64,
}

/// Does something in a process of its own: copies the table named, or [`ALL`], or says what a copy would do ([`PLAN`]).
pub(crate) fn measured(clinic: &Endpoint, target: &Endpoint, what: &str) -> Result<Measured, Fault> {
    let output = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .arg(packed(clinic))
        .arg(packed(target))
        .arg(what)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(text.into_owned().into());
    }
    let mut numbers = text.split_whitespace();
    let kib: u32 = numbers.next().unwrap_or_default().parse()?;
    Ok(Measured { peak_mib: f64::from(kib) / 1024.0, seconds: numbers.next().unwrap_or_default().parse()? })
}

/// The measured process: one piece of work, then its own high-water mark.
pub(crate) fn child(clinic: &str, target: &str, what: &str) -> Result<(), Fault> {
    let (clinic, target) = (unpacked(clinic)?, unpacked(target)?);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?;
    let began = Instant::now();
    let seconds = if what == PLAN {
        runtime.block_on(pairs::plan(&clinic, &target, folder.path()))?;
        began.elapsed().as_secs_f64()
    } else {
        let tables: &[&str] = if what == ALL { &[] } else { &[what] };
        runtime.block_on(pairs::sync(&clinic, &target, tables, Pace::Full, folder.path()))?.seconds
    };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM on this system")?;
    let kib = peak.trim().trim_end_matches("kB").trim();
    println!("{kib} {seconds:.3}");
    Ok(())
}

/// The password of a throw-away server, gone with it in a minute, is all that is ever passed like this.
fn packed(endpoint: &Endpoint) -> String {
    let (host, port) = match &endpoint.host {
        Host::Tcp { host, port } => (host.clone(), *port),
        Host::Socket { path, port } => (path.display().to_string(), *port),
    };
    let password = match &endpoint.password {
        Password::Given(secret) => secret.reveal(),
        Password::None | Password::File(_) => "",
    };
    format!("{host}\n{port}\n{}\n{}\n{password}", endpoint.database, endpoint.user)
}

fn unpacked(text: &str) -> Result<Endpoint, Fault> {
    let mut parts = text.split('\n');
    let mut next = || parts.next().ok_or("an endpoint is incomplete");
    let (host, port) = (next()?, next()?.parse()?);
    Ok(Endpoint {
        host: Host::new(host, port),
        database: DatabaseName::new(next()?)?,
        user: next()?.to_owned(),
        password: Password::Given(Secret::new(next()?)),
        tls: Tls::Off,
    })
}

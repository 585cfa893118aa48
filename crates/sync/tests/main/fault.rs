//! Killed at every border and at random moments: `raw` shows the old state or the new one, never a mix, and the next
//! run completes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bicuspid_model::{DatabaseName, Endpoint, Environment, FingerprintKey, Host, Password, Secret, Tls};
use bicuspid_sandbox::testing;
use bicuspid_source::{Pace, Source, SourceOptions};
use bicuspid_sync::{Border, Event, RunInfo, SyncError, SyncSettings};
use bicuspid_target::{Analytics, Schemas};

use crate::pair::Pair;

const BORDERS: [Border; 7] = [
    Border::Planned,
    Border::LoadBegun,
    Border::LoadFilled,
    Border::LoadPublished,
    Border::Staged,
    Border::BeforePublish,
    Border::Published,
];

const TABLES: &str = "
CREATE TABLE ledger (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, note VARCHAR(50)) ENGINE=MyISAM;
CREATE TABLE splits (a INT NOT NULL, b INT NOT NULL, v INT NOT NULL, PRIMARY KEY (a, b)) ENGINE=InnoDB;
CREATE TABLE names (name VARCHAR(30) NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=MyISAM;
CREATE TABLE bag (v INT) ENGINE=MyISAM;
INSERT INTO ledger (v, note) SELECT seq, CONCAT('note ', seq) FROM seq_1_to_30000;
INSERT INTO splits SELECT seq MOD 5, seq, seq FROM seq_1_to_5000;
INSERT INTO names SELECT CONCAT('n', seq), seq FROM seq_1_to_300;
INSERT INTO bag SELECT seq MOD 10 FROM seq_1_to_100;
";

const NAMES: [&str; 4] = ["ledger", "splits", "names", "bag"];

/// A splitmix64 step: moments that differ, the same in every test run.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn packed(endpoint: &Endpoint) -> String {
    let Host::Tcp { host, port } = &endpoint.host else { panic!("a TCP endpoint") };
    let Password::Given(password) = &endpoint.password else { panic!("a password") };
    format!("{host}|{port}|{}|{}|{}", endpoint.database, endpoint.user, password.reveal())
}

fn unpacked(text: &str) -> Endpoint {
    let parts: Vec<&str> = text.splitn(5, '|').collect();
    Endpoint {
        host: Host::new(parts[0], parts[1].parse().unwrap()),
        database: DatabaseName::new(parts[2]).unwrap(),
        user: parts[3].into(),
        password: Password::Given(Secret::new(parts[4])),
        tls: Tls::Off,
    }
}

#[expect(clippy::disallowed_methods, reason = "how the killed process learns what to do")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The process that is killed: one run, which stops for ever at the border it was told. It is no test by itself.
#[test]
#[ignore = "started by the other tests of this module"]
fn killed_process() {
    let (Some(clinic), Some(target)) = (told("FAULT_CLINIC"), told("FAULT_TARGET")) else { return };
    let border = told("FAULT_BORDER").unwrap_or_default();
    let staging = told("FAULT_STAGING").unwrap();
    let listener = move |event: Event| {
        if let Event::Border(at) = event
            && format!("{at:?}") == border
        {
            println!("\nreached {border}");
            loop {
                std::thread::park();
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let look = Analytics::connect(&unpacked(&target), &Schemas::alone()).await.unwrap();
        let key = FingerprintKey::new([42; 16]);
        let identity = look.enrol(Environment::Test, key, "dbt", "0.0.0-test").await.unwrap();
        let writer = look.into_writer(identity).await.unwrap();
        let options = SourceOptions { pace: Pace::Full, ..SourceOptions::default() };
        let source = Source::connect(&unpacked(&clinic), options).await.unwrap();
        let mut settings = SyncSettings::new(Environment::Test, staging.into(), "0.0.0-test");
        settings.staging_memory_bytes = 100_000;
        let run = RunInfo { run_id: "killed".into(), started_at: "2026-01-01T00:00:00Z".into() };
        bicuspid_sync::sync(source, writer, &settings, &run, &listener).await.unwrap();
    });
    println!("\nreached the end");
}

struct Victim {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
    _staging: tempfile::TempDir,
}

impl Victim {
    fn start(pair: &Pair, border: &str) -> Self {
        let staging = tempfile::tempdir().unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fault::killed_process", "--ignored", "--nocapture"])
            .env("FAULT_CLINIC", packed(&pair.clinic.endpoint))
            .env("FAULT_TARGET", packed(&pair.target.endpoint))
            .env("FAULT_STAGING", staging.path())
            .env("FAULT_BORDER", border)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers, _staging: staging }
    }

    /// Waits for the border, or for the end of a run that does not cross it; whether it was reached.
    fn wait(&mut self) -> bool {
        let mut line = String::new();
        while self.answers.read_line(&mut line).unwrap() > 0 {
            if line.starts_with("reached the end") {
                return false;
            }
            if line.starts_with("reached") {
                return true;
            }
            line.clear();
        }
        panic!("the run that was to be killed failed by itself");
    }

    /// SIGKILL, or what comes nearest on other systems.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Number and sum of hashes of the rows of each table, `None` where there is no table; without `_loaded_at`, which says
/// when and not what.
fn digests(pair: &Pair) -> Vec<Option<String>> {
    NAMES
        .iter()
        .map(|name| {
            let exists = pair.cell(&format!("SELECT to_regclass('raw.{name}')::text"));
            exists.map(|_| {
                let sql = format!(
                    "SELECT count(*) || ' ' || coalesce(sum(hashtextextended((to_jsonb(t) - '_loaded_at')::text, 0)), 0) \
                     FROM raw.{name} AS t"
                );
                pair.cell(&sql).unwrap()
            })
        })
        .collect()
}

/// A run after a crash: the server may need a moment to notice that the killed process is gone.
fn complete(pair: &Pair) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match pair.try_sync() {
            Ok(report) => {
                assert!(!report.any_held(), "{:?}", report.troubles);
                return;
            }
            Err(SyncError::Target(bicuspid_target::TargetError::Locked { .. }))
                if Instant::now() < deadline => {}
            Err(error) => panic!("the run after the crash failed: {error:?}"),
        }
    }
}

fn fresh(prefix: &str) -> Pair {
    let pair = Pair::new(prefix);
    pair.clinic.admin(TABLES);
    pair
}

/// What is visible of a first load is whole tables.
fn check_first(pair: &Pair, label: &str) {
    let seen = digests(pair);
    complete(pair);
    let whole = digests(pair);
    for ((seen, whole), name) in seen.iter().zip(&whole).zip(NAMES) {
        assert!(seen.is_none() || seen == whole, "{label}: {name} was visible in part");
    }
    let verify = pair.verify();
    assert!(verify.equal, "{label}: {:?}", verify.tables);
}

/// Changes the clinic in a way of its own each time.
fn disturb(pair: &Pair, seed: &mut u64) {
    let n = 2 + next(seed) % 50;
    pair.clinic.admin(&format!(
        "UPDATE ledger SET v = v + 1 WHERE id MOD {n} = 0;
         DELETE FROM ledger WHERE id MOD 997 = {n};
         INSERT INTO ledger (v, note) SELECT seq, 'late' FROM seq_1_to_{n};
         UPDATE splits SET v = v + {n} WHERE b MOD {n} = 1;
         INSERT INTO names VALUES (CONCAT('late ', UUID()), 1);
         INSERT INTO bag VALUES ({n});"
    ));
}

/// What is visible of a later run is the old state of every table, or the new state of every table.
fn check_later(pair: &Pair, before: &[Option<String>], label: &str) -> bool {
    let seen = digests(pair);
    complete(pair);
    let after = digests(pair);
    assert_ne!(before, after, "{label}: nothing was to be done");
    assert!(seen == before || seen == after, "{label}: a mix of old and new was visible");
    seen == after
}

#[test]
fn killed_at_every_border() {
    for border in BORDERS {
        let label = format!("{border:?}");
        let pair = fresh("border");
        let mut victim = Victim::start(&pair, &label);
        let reached = victim.wait();
        assert_eq!(reached, border != Border::Staged, "{label}: a first load stages nothing");
        victim.kill();
        check_first(&pair, &label);

        let mut seed = 7;
        disturb(&pair, &mut seed);
        let before = digests(&pair);
        let mut victim = Victim::start(&pair, &label);
        let reached = victim.wait();
        let of_first_loads = matches!(border, Border::LoadBegun | Border::LoadFilled | Border::LoadPublished);
        assert_eq!(reached, !of_first_loads, "{label}");
        victim.kill();
        let is_new = check_later(&pair, &before, &label);
        assert_eq!(is_new, border == Border::Published || !reached, "{label}");
        let verify = pair.verify();
        assert!(verify.equal, "{label}: {:?}", verify.tables);
    }
}

#[test]
fn killed_at_random_moments() {
    let times = if testing::long() { 60 } else { 12 };
    let mut seed = 20_260_101;
    let pair = fresh("random");
    // How long a run takes here and now, to spread the moments over it.
    let began = Instant::now();
    Victim::start(&pair, "none").wait();
    let takes = u64::try_from(began.elapsed().as_millis()).unwrap().max(50);
    complete(&pair);
    let (mut old, mut new) = (0, 0);
    for i in 0..times {
        let moment = next(&mut seed) % (takes * 12 / 10);
        let label = format!("moment {i}, {moment} ms");
        if i % 3 == 0 {
            let pair = fresh("random");
            let victim = Victim::start(&pair, "none");
            std::thread::sleep(Duration::from_millis(moment));
            victim.kill();
            check_first(&pair, &label);
        } else {
            disturb(&pair, &mut seed);
            let before = digests(&pair);
            let victim = Victim::start(&pair, "none");
            std::thread::sleep(Duration::from_millis(moment));
            victim.kill();
            if check_later(&pair, &before, &label) {
                new += 1;
            } else {
                old += 1;
            }
        }
    }
    println!("{times} kills: {old} later runs left the old state, {new} the new one");
    let verify = pair.verify();
    assert!(verify.equal, "{:?}", verify.tables);
}

#[test]
fn a_server_that_dies_leaves_the_old_state() {
    for side in ["source", "target"] {
        let (source_server, target_server) = (
            testing::MariaDbServer::start(testing::test_options()),
            testing::PostgresServer::start(bicuspid_sandbox::PostgresOptions {
                durable: false,
                settings: Vec::new(),
            }),
        );
        let mut pair = Pair::over(source_server.database("dies"), "unused");
        pair.target = target_server.database("dies");
        pair.clinic.admin(TABLES);
        pair.sync();
        let before = digests(&pair);
        let mut seed = 99;
        disturb(&pair, &mut seed);
        let mut victim = Victim::start(&pair, "Staged");
        assert!(victim.wait());
        if side == "source" {
            // What MyISAM holds in memory alone would be lost with the server.
            pair.clinic.admin("FLUSH TABLES");
            source_server.kill();
            let error = pair.try_sync().unwrap_err();
            assert!(
                matches!(
                    error,
                    SyncError::Source(_) | SyncError::Target(bicuspid_target::TargetError::Locked { .. })
                ),
                "{error:?}"
            );
            victim.kill();
            source_server.restart();
            // The accounts' tables are not durable either: the account is made once more.
            let Password::Given(password) = &pair.clinic.endpoint.password else { panic!("a password") };
            let (user, password) = (&pair.clinic.endpoint.user, password.reveal());
            pair.clinic.admin(&format!(
                "CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY '{password}';
                 GRANT SELECT, SHOW VIEW ON `{}`.* TO '{user}'@'%'",
                pair.clinic.name().replace('_', "\\_")
            ));
        } else {
            target_server.kill();
            assert!(pair.try_sync().is_err());
            victim.kill();
            target_server.restart();
        }
        assert!(!check_later(&pair, &before, side));
        let verify = pair.verify();
        assert!(verify.equal, "{side}: {:?}", verify.tables);
    }
}

/// A first load that stops when some tables are visible says whose they are: the next run must not add another clinic's.
#[test]
fn a_first_load_that_stopped_midway_is_not_ended_by_another_server() {
    let mut pair = Pair::new("midway");
    // The first is large enough to be committed by itself.
    pair.clinic.admin(
        "CREATE TABLE a (id INT NOT NULL PRIMARY KEY) ENGINE=MyISAM; INSERT INTO a SELECT seq FROM seq_1_to_100000;
         CREATE TABLE b (id INT NOT NULL PRIMARY KEY, v VARCHAR(200)) ENGINE=MyISAM; INSERT INTO b SELECT seq, REPEAT('x', 200) FROM seq_1_to_100000;",
    );
    let begun = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&begun);
    pair.watch = Some(Box::new(move |event| {
        if matches!(event, Event::Border(Border::LoadBegun)) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }));
    pair.block_on(async {
        let second = async {
            while begun.load(Ordering::SeqCst) < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = second => {}
            run = pair.syncing() => panic!("the run ended: {run:?}"),
        }
    });
    pair.watch = None;
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.a").as_deref(), Some("100000"));
    assert_eq!(pair.cell("SELECT to_regclass('raw.b')::text"), None);
    let known = pair.block_on(async {
        let look = Analytics::connect(&pair.target.endpoint, &Schemas::alone()).await.unwrap();
        look.source_server().await.unwrap()
    });
    assert!(known.is_some());

    let other = testing::servers().mariadb_database("stranger");
    other.admin("CREATE TABLE a (id INT NOT NULL PRIMARY KEY) ENGINE=MyISAM; INSERT INTO a VALUES (-1)");
    let right = std::mem::replace(&mut pair.clinic, other);
    let trouble = pair.try_sync().unwrap_err().trouble();
    assert_eq!(trouble.code, "identity::source_server", "{trouble:?}");
    pair.clinic = right;
    complete(&pair);
    assert!(pair.verify().equal);
}

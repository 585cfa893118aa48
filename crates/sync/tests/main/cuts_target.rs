//! The target's side fails: a server that is killed while rows arrive or become visible, a network that is cut or falls
//! silent, a disk that is full, a database that was put back to an older state. `raw` holds the old state of every table
//! or the new one, and the next run is exact.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bicuspid_model::Class;
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, PostgresServer, Proxy};
use bicuspid_sync::{Border, Event, SyncError, TableOutcome};
use bicuspid_target::TargetError;

use crate::pair::{Pair, table};

const TABLES: &str = "
CREATE TABLE ledger (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, note VARCHAR(50)) ENGINE=MyISAM;
CREATE TABLE splits (a INT NOT NULL, b INT NOT NULL, v INT NOT NULL, PRIMARY KEY (a, b)) ENGINE=InnoDB;
CREATE TABLE bag (v INT) ENGINE=MyISAM;
INSERT INTO ledger (v, note) SELECT seq, CONCAT('note ', seq) FROM seq_1_to_20000;
INSERT INTO splits SELECT seq MOD 5, seq, seq FROM seq_1_to_5000;
INSERT INTO bag SELECT seq MOD 10 FROM seq_1_to_100;
";

const CHANGES: &str =
    "UPDATE ledger SET v = v + 1 WHERE id MOD 7 = 0; UPDATE splits SET v = v + 1 WHERE b MOD 7 = 0;
    INSERT INTO bag VALUES (1), (RAND() * 1000);";

const NAMES: [&str; 3] = ["ledger", "splits", "bag"];

fn server() -> PostgresServer {
    PostgresServer::start(PostgresOptions { durable: false, settings: Vec::new() })
}

/// Rows of each table that readers see, as number and sum of hashes; `None` where there is no table.
fn seen(pair: &Pair) -> Vec<Option<String>> {
    let digest = |name: &&str| {
        pair.cell(&format!("SELECT to_regclass('raw.{name}')::text"))?;
        pair.cell(&format!(
            "SELECT count(*) || ' ' || coalesce(sum(hashtextextended((to_jsonb(t) - '_loaded_at')::text, 0)), 0) \
             FROM raw.{name} AS t"
        ))
    };
    NAMES.iter().map(digest).collect()
}

fn exact(pair: &Pair, label: &str) {
    let verify = pair.verify();
    assert!(verify.equal, "{label}: {:?}", verify.tables);
}

/// The next run. The server may need a moment to notice that the one before is gone.
fn next_run(pair: &Pair, label: &str) {
    let mut run = Err(SyncError::SameDatabase);
    testing::wait_until(Duration::from_mins(1), || {
        run = pair.try_sync();
        !matches!(run, Err(SyncError::Target(TargetError::Locked { .. })))
    });
    let run = run.unwrap_or_else(|error| panic!("{label}: {error:?}"));
    assert!(!run.any_held(), "{label}: {:?}", run.troubles);
    exact(pair, label);
}

fn fails(pair: &Pair, label: &str) {
    let trouble = pair.try_sync().unwrap_err().trouble();
    assert_eq!(trouble.class, Class::Failed, "{label}: {trouble:?}");
    assert!(trouble.code.starts_with("target::"), "{label}: {trouble:?}");
}

/// Does something once, when an event comes for the first time.
fn once(
    pair: &mut Pair,
    when: impl Fn(&Event) -> bool + Send + Sync + 'static,
    act: impl Fn() + Send + Sync + 'static,
) {
    let done = AtomicBool::new(false);
    pair.watch = Some(Box::new(move |event| {
        if when(event) && !done.swap(true, Ordering::Relaxed) {
            act();
        }
    }));
}

#[test]
fn a_target_that_is_killed_while_rows_arrive_or_become_visible() {
    let server = Arc::new(server());
    let mut pair = Pair::new("target_dies");
    pair.target = server.database("dies");
    pair.clinic.admin(TABLES);
    // In the middle of a first load.
    let dying = Arc::clone(&server);
    once(&mut pair, |event| matches!(event, Event::Rows { rows, .. } if *rows > 500), move || dying.kill());
    fails(&pair, "mid-load");
    pair.watch = None;
    server.restart();
    for digest in seen(&pair).into_iter().flatten() {
        assert!(!digest.starts_with("0 "), "a table in part");
    }
    next_run(&pair, "after a first load");
    // In the middle of staged differences.
    pair.clinic.admin(CHANGES);
    let before = seen(&pair);
    let dying = Arc::clone(&server);
    once(&mut pair, |event| matches!(event, Event::Border(Border::Staged)), move || dying.kill());
    fails(&pair, "mid-stage");
    pair.watch = None;
    server.restart();
    assert_eq!(seen(&pair), before);
    next_run(&pair, "after staging");
    // Inside the transaction that makes the run visible: it is made to wait for a lock, with its rows written.
    pair.clinic.admin(CHANGES);
    let before = seen(&pair);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let waits = || {
                pair.target.query(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'bicuspid' AND wait_event_type = 'Lock'",
                )
            };
            let locked = scope.spawn(|| {
                // Ends with the server.
                let _ = std::panic::catch_unwind(|| {
                    pair.target.admin("LOCK TABLE raw.etl_load_status IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)");
                });
            });
            assert!(testing::wait_until(Duration::from_secs(30), || !waits().is_empty()), "nobody waited");
            server.kill();
            locked.join().unwrap();
        });
        fails(&pair, "mid-publish");
    });
    server.restart();
    assert_eq!(seen(&pair), before);
    next_run(&pair, "after publishing");
}

#[test]
fn a_cut_connection_to_the_target_ends_the_run_and_nothing_else() {
    let mut pair = Pair::new("target_cut");
    pair.clinic.admin(TABLES);
    let direct = pair.target.endpoint.clone();
    let proxy = Proxy::before(&direct);
    pair.target.endpoint = proxy.endpoint();
    pair.sync();
    let total = proxy.passed();
    pair.clinic.admin(CHANGES);
    let before = proxy.passed();
    pair.sync();
    let later = proxy.passed() - before;
    let times = if testing::long() { 100 } else { 5 };
    let (mut old, mut new) = (0, 0);
    for i in 0..times {
        pair.clinic.admin(CHANGES);
        let before = seen(&pair);
        // A run counts what it connects with as well: it is cut anywhere, the commit's answer included.
        let bytes = 1 + later * (i + 1) / (times + 1);
        proxy.cut_after(bytes);
        let label = format!("cut after {bytes} of {later} bytes");
        let ended = pair.try_sync();
        proxy.heal();
        let after = seen(&pair);
        next_run(&pair, &label);
        if after == before {
            old += 1;
            assert!(ended.is_err(), "{label}");
        } else {
            new += 1;
            assert_eq!(after, seen(&pair), "{label}: a mix of old and new");
        }
        if let Err(error) = ended {
            assert_eq!(error.trouble().class, Class::Failed, "{label}: {error:?}");
        }
    }
    println!("{times} cuts: {old} left the old state, {new} the new one; a first load was {total} bytes");
    assert!(old > 0);
}

/// A connection that falls silent is told from a statement that takes long: the server is asked by a second one.
#[test]
fn a_silent_target_is_given_up_and_a_slow_one_is_not() {
    let mut pair = Pair::new("target_stalls");
    pair.clinic.admin(TABLES);
    let direct = pair.target.endpoint.clone();
    pair.quiet = Some(Duration::from_millis(300));
    pair.sync();
    for (label, parted) in [("a forgotten connection", false), ("a parted network", true)] {
        for when in [Border::Planned, Border::BeforePublish] {
            let proxy = Arc::new(Proxy::before(&direct));
            pair.target.endpoint = proxy.endpoint();
            pair.clinic.admin(CHANGES);
            let before = seen(&pair);
            let stalled = Arc::clone(&proxy);
            once(
                &mut pair,
                move |event| *event == Event::Border(when),
                move || {
                    if parted { stalled.stall() } else { stalled.stall_standing() }
                },
            );
            let error = pair.try_sync().unwrap_err();
            assert_eq!(error.trouble().code, "target::lost", "{label}: {error:?}");
            pair.watch = None;
            proxy.heal();
            pair.target.endpoint = direct.clone();
            assert_eq!(seen(&pair), before, "{label}");
            next_run(&pair, label);
        }
    }
    // Ten times the silence after which it is asked, and at work all the time: it waits for a lock.
    pair.clinic.admin(CHANGES);
    let database = pair.target.name().to_owned();
    once(
        &mut pair,
        |event| *event == Event::Border(Border::BeforePublish),
        move || {
            let name = database.clone();
            std::thread::spawn(move || {
                let lock = "LOCK TABLE raw.etl_load_status IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)";
                testing::servers().postgres_admin(&name, lock);
            });
            let held = "SELECT 1::text FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                    AND relation = 'raw.etl_load_status'::regclass";
            let is_held = || !testing::servers().postgres_query(&database, held).is_empty();
            assert!(testing::wait_until(Duration::from_secs(20), is_held));
        },
    );
    let run = pair.sync();
    assert_eq!(table(&run, "ledger").outcome, TableOutcome::Published);
    exact(&pair, "a slow target");
}

/// A small disk for one database; it is taken away with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where only the system's administrator could make one.
    fn new(folder: &Path) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=40m,mode=0777", "tmpfs"])
            .arg(folder)
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_of_the_target_leaves_the_old_state() {
    let folder = tempfile::Builder::new().prefix("bicuspid-disk-").tempdir_in("/tmp").unwrap();
    let Some(_disk) = SmallDisk::new(folder.path()) else {
        println!("NOT TESTED: a full disk needs the right to mount a small one");
        return;
    };
    let space = folder.path().join("space");
    std::fs::create_dir(&space).unwrap();
    let server = server();
    let owner = std::process::Command::new("chown")
        .arg("--reference")
        .arg(server.socket_folder())
        .arg(&space)
        .status();
    assert!(owner.unwrap().success());
    let mut pair = Pair::new("full");
    pair.target = server.database("full");
    server.admin("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", space.display()));
    server.admin("postgres", &format!("ALTER DATABASE {} SET TABLESPACE small", pair.target.name()));
    pair.clinic.admin(TABLES);
    pair.sync();
    let before = seen(&pair);
    // A first load that does not fit.
    pair.clinic.admin(
        "CREATE TABLE wide (id INT PRIMARY KEY, v VARCHAR(3000)) ENGINE=MyISAM;
         INSERT INTO wide SELECT seq, REPEAT(SHA2(seq, 512), 10) FROM seq_1_to_50000",
    );
    let error = pair.try_sync().unwrap_err();
    assert_eq!(error.trouble().code, "target::full", "{error:?}");
    assert_eq!(pair.cell("SELECT to_regclass('raw.wide')::text"), None);
    assert_eq!(seen(&pair), before);
    // Differences that do not fit.
    pair.clinic.admin("DROP TABLE wide; UPDATE ledger SET v = v + 1; UPDATE splits SET v = v + 1");
    std::fs::write(folder.path().join("ballast"), vec![0; 64 * 1024 * 1024]).unwrap_err();
    let error = pair.try_sync().unwrap_err();
    assert_eq!(error.trouble().code, "target::full", "{error:?}");
    assert_eq!(seen(&pair), before);
    std::fs::remove_file(folder.path().join("ballast")).unwrap();
    next_run(&pair, "with room again");
}

/// The files of the server are put back to what they were before the last runs: by a restored backup, or because a
/// standby took over that had not heard of them.
#[test]
#[cfg(unix)]
fn a_target_that_was_put_back_is_brought_up_to_date() {
    let server = server();
    let mut pair = Pair::new("put_back");
    pair.target = server.database("put_back");
    pair.clinic.admin(TABLES);
    pair.sync();
    server.kill();
    server.keep_files();
    server.restart();
    let before = seen(&pair);
    pair.clinic.admin(CHANGES);
    pair.clinic
        .admin("CREATE TABLE more (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO more VALUES (1), (2)");
    next_run(&pair, "forward");
    assert_ne!(seen(&pair), before);
    server.kill();
    server.put_files_back();
    server.restart();
    assert_eq!(seen(&pair), before);
    assert_eq!(pair.cell("SELECT to_regclass('raw.more')::text"), None);
    pair.clinic.admin(CHANGES);
    next_run(&pair, "after it was put back");
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.more").unwrap(), "2");
    // What was recorded and what is there agree: nothing is left to be done.
    let run = pair.sync();
    assert!(run.tables.iter().all(|t| t.outcome == TableOutcome::Unchanged));
}

/// The second run says who is in its way, and leaves.
#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let mut pair = Pair::new("locked");
    pair.clinic.admin(TABLES);
    let mut second = Pair::new("locked");
    second.target.endpoint = pair.target.endpoint.clone();
    let second = Arc::new(std::sync::Mutex::new(second));
    let (said, other) = (Arc::new(std::sync::Mutex::new(None)), Arc::clone(&second));
    let told = Arc::clone(&said);
    once(
        &mut pair,
        |event| matches!(event, Event::Border(Border::Planned)),
        move || {
            let other = Arc::clone(&other);
            let trouble = std::thread::spawn(move || other.lock().unwrap().try_sync().unwrap_err().trouble());
            *told.lock().unwrap() = Some(trouble.join().unwrap());
        },
    );
    pair.sync();
    let trouble = said.lock().unwrap().take().unwrap();
    assert_eq!((trouble.code.as_str(), trouble.class), ("target::locked", Class::Locked));
    for part in ["process ", "`bicuspid`", "role writer_", "from 127.0.0.1", "connected since 20", " UTC"] {
        assert!(trouble.why.contains(part), "{part}: {}", trouble.why);
    }
}

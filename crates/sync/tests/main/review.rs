//! Faults that a hostile reader looked for: each test failed before what it holds was put right.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bicuspid_model::{Class, Column, Host, Table, TargetType};
use bicuspid_sandbox::testing;
use bicuspid_source::{FoundTable, Source, Walk};
use bicuspid_sync::{Event, Mode, TableOutcome};
use bicuspid_target::{Analytics, Schemas, TargetError};

use crate::pair::{Pair, difference, table, verified};

fn plain(found: &FoundTable) -> Table {
    let column = |c: &bicuspid_source::FoundColumn| {
        let source = c.source.clone().unwrap();
        let target = TargetType::of(&source);
        Column { name: c.name.clone(), source, target, nullable: c.nullable, withheld: false }
    };
    Table {
        name: found.name.clone(),
        columns: found.columns.iter().map(column).collect(),
        primary_key: found.primary_key.clone(),
    }
}

/// Lets the other side of a socket get on with its work, this many times.
async fn yields(times: u32) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Two tables of one shape: an answer about the one must never pass for an answer about the other.
#[test]
fn a_read_that_was_dropped_leaves_no_answer_for_the_next() {
    let pair = Pair::new("dropped");
    pair.clinic.admin(
        "CREATE TABLE a (id INT NOT NULL PRIMARY KEY, v VARCHAR(2000) NOT NULL) ENGINE=MyISAM;
         CREATE TABLE b LIKE a; CREATE TABLE c LIKE a; ALTER TABLE c ENGINE=InnoDB;
         INSERT INTO a SELECT seq, REPEAT('a', 2000) FROM seq_1_to_500;
         INSERT INTO b SELECT seq + 1000000, REPEAT('b', 2000) FROM seq_1_to_500;
         INSERT INTO c SELECT seq + 2000000, REPEAT('c', 2000) FROM seq_1_to_500",
    );
    pair.block_on(async {
        let mut source = Source::connect(&pair.clinic.endpoint, pair.options.clone()).await.unwrap();
        let found = source.discover().await.unwrap().tables;
        let tables: Vec<(&FoundTable, Table)> = found.iter().map(|f| (f, plain(f))).collect();
        let mut dropped = 0;
        for round in 0..120_u32 {
            let (one, next) = (round as usize % 3, (round as usize + 1) % 3);
            let (found, table) = &tables[one];
            let walk = Walk::of(found, table);
            source.enter(&found.engine).await.unwrap();
            {
                let mut reader = source.reader(found, table, &walk);
                let reading = async { while !reader.next(None).await.unwrap().is_last {} };
                tokio::select! {
                    biased;
                    () = async { pin!(yields(round * 7)).await } => dropped += 1,
                    () = reading => {}
                }
            }
            source.leave().await.unwrap();
            let (found, table) = &tables[next];
            let walk = Walk::of(found, table);
            source.enter(&found.engine).await.unwrap();
            let mut reader = source.reader(found, table, &walk);
            let (mut rows, mut is_last) = (0, false);
            while !is_last {
                let piece = reader.next(None).await.unwrap();
                is_last = piece.is_last;
                rows += piece.batch.len();
                let letter = found.name.as_str().as_bytes()[0];
                assert!(piece.batch.rows().all(|row| row.last() == Some(&letter)), "{}", found.name);
            }
            assert_eq!(rows, 500, "{} after {round}", found.name);
            source.leave().await.unwrap();
        }
        assert!(dropped > 20, "{dropped} reads were dropped");
    });
}

/// The target refuses rows while the source still sends them: the table is held and the others go on.
#[test]
fn rows_that_the_target_refuses_on_the_way_hold_their_table_alone() {
    let pair = Pair::new("refused");
    let columns: Vec<String> = (0..1300).map(|i| format!("c{i} BIGINT NOT NULL DEFAULT {i}")).collect();
    for i in 0..6 {
        pair.clinic.admin(&format!(
            "CREATE TABLE wide{i} (id INT NOT NULL PRIMARY KEY, {}) ENGINE=MyISAM; INSERT INTO wide{i} (id) SELECT seq FROM seq_1_to_400;
             CREATE TABLE z{i} (id INT NOT NULL PRIMARY KEY, v VARCHAR(5000)) ENGINE=MyISAM; INSERT INTO z{i} SELECT seq, REPEAT('{i}', 5000) FROM seq_1_to_{}",
            columns.join(", "),
            900 + i
        ));
    }
    let run = pair.sync();
    for i in 0..6_u64 {
        let wide = table(&run, &format!("wide{i}"));
        assert_eq!(wide.held.as_ref().unwrap().rule, "validate::postgres_limit");
        let other = table(&run, &format!("z{i}"));
        assert_eq!((other.outcome, other.inserted), (TableOutcome::Published, 900 + i));
    }
    let verify = pair.verify();
    assert!((0..6).all(|i| verified(&verify, &format!("z{i}")).equal));
}

/// Without a primary key nothing on the target keeps a NULL out of the columns by which the table is walked.
#[test]
fn a_row_without_a_walk_key_is_seen_by_the_proof() {
    let pair = Pair::new("nullwalk");
    pair.clinic.admin(
        "CREATE TABLE t (d DATETIME NOT NULL, v INT NOT NULL, UNIQUE (d));
         INSERT INTO t SELECT '2024-01-01' + INTERVAL seq SECOND, seq FROM seq_1_to_40000",
    );
    assert!(!pair.sync().any_held());
    assert!(pair.verify().equal);
    pair.target.admin("INSERT INTO raw.t (d, v) VALUES (NULL, 1)");
    assert_eq!(difference(&pair.verify(), "t"), (0, 1, 0));
}

/// What an index over an expression cannot compute is trouble of one table, not of the run.
#[test]
fn a_value_that_the_target_refuses_holds_its_table_alone() {
    let pair = Pair::new("value");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (2, 2);
         CREATE TABLE u (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO u VALUES (1, 1)",
    );
    assert!(!pair.sync().any_held());
    pair.target.admin("CREATE INDEX shares ON raw.t ((100 / v))");
    pair.clinic.admin("UPDATE t SET v = 0 WHERE id = 1; UPDATE u SET v = 7");
    let run = pair.sync();
    assert_eq!(table(&run, "t").held.as_ref().unwrap().rule, "validate::value_refused");
    assert_eq!(pair.cell("SELECT v::text FROM raw.t WHERE id = 1").unwrap(), "1");
    assert_eq!(pair.cell("SELECT v::text FROM raw.u").unwrap(), "7", "the other table was published");
    let outcome = format!("SELECT outcome FROM bicuspid.run WHERE run_id = '{}'", run.run_id);
    assert_eq!(pair.cell(&outcome).unwrap(), "held", "the record of the run says so too");
}

/// Nothing is open on the target while a table is only compared.
#[test]
fn a_comparison_holds_no_transaction_open() {
    let mut pair = Pair::new("open");
    pair.clinic.admin("CREATE TABLE t (id INT NOT NULL PRIMARY KEY); INSERT INTO t VALUES (1)");
    pair.sync();
    pair.clinic.admin("CREATE TABLE fresh (id INT NOT NULL PRIMARY KEY); INSERT INTO fresh VALUES (1)");
    let database = pair.target.endpoint.database.to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let rows = AtomicU32::new(0);
    pair.watch = Some(Box::new(move |event| {
        if matches!(event, Event::Rows { .. }) && rows.fetch_add(1, Ordering::Relaxed) == 1 {
            let sql = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'bicuspid' \
                       AND datname = current_database() AND state = 'idle in transaction'";
            let found = testing::servers().postgres_query(&database, sql);
            noted.lock().unwrap().push(found[0][0].clone().unwrap());
        }
    }));
    pair.sync();
    assert_eq!(*seen.lock().unwrap(), ["0"]);
}

/// A tunnel or pooler that takes connections and never answers must not hang a run for ever.
#[test]
fn a_target_that_never_answers_is_given_up() {
    let pair = Pair::new("mute");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut endpoint = pair.target.endpoint.clone();
    endpoint.host = Host::new("127.0.0.1", listener.local_addr().unwrap().port());
    let limit = std::time::Duration::from_mins(1);
    let connected = pair.block_on(async {
        tokio::time::timeout(limit, Analytics::connect(&endpoint, &Schemas::alone())).await
    });
    assert!(matches!(connected, Ok(Err(TargetError::Unreachable { .. }))));
}

/// Holds locks on the target in a session of its own until it is dropped.
struct Blocker<'a>(&'a Pair, std::process::Child);

impl<'a> Blocker<'a> {
    fn new(pair: &'a Pair, statement: &str) -> Self {
        let database = pair.target.endpoint.database.to_string();
        let servers = testing::servers();
        let script = format!("BEGIN; {statement}; SELECT pg_sleep(600);");
        let child = std::process::Command::new("psql")
            .args(["-X", "-q", "-h"])
            .arg(servers.postgres().socket_folder())
            .args([
                "-p",
                &servers.postgres().port().to_string(),
                "-U",
                "postgres",
                "-d",
                &database,
                "-c",
                &script,
            ])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        assert!(testing::wait_until(LIMIT, || sleeping(pair, "psql") == 1), "the other session has its lock");
        Self(pair, child)
    }
}

impl Drop for Blocker<'_> {
    fn drop(&mut self) {
        let sql = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql' AND wait_event = 'PgSleep'";
        let ended = testing::servers().postgres_query(self.0.target.endpoint.database.as_str(), sql);
        assert_eq!(ended.len(), 1);
        self.1.wait().unwrap();
    }
}

const LIMIT: Duration = Duration::from_secs(20);

/// Sessions of a program that sleep in the target's database.
fn sleeping(pair: &Pair, program: &str) -> usize {
    let sql = format!(
        "SELECT 1::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{program}' \
         AND wait_event = 'PgSleep'"
    );
    testing::servers().postgres_query(pair.target.endpoint.database.as_str(), &sql).len()
}

#[test]
fn a_lock_on_the_state_stops_the_run_and_one_on_a_table_holds_the_table() {
    let pair = Pair::new("locks");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1);
         CREATE TABLE u (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO u VALUES (1, 1)",
    );
    pair.sync();
    pair.clinic.admin("UPDATE t SET v = 2; UPDATE u SET v = 2");
    {
        let _held = Blocker::new(&pair, "SELECT 1 FROM raw.etl_load_status FOR UPDATE");
        let trouble = pair.try_sync().unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class), ("target::state_locked", Class::Failed));
        assert_eq!(pair.cell("SELECT v::text FROM raw.u").unwrap(), "1", "nothing was published");
    }
    // A table that is new would be held alone if the lock were one on it.
    pair.clinic.admin("CREATE TABLE fresh (id INT NOT NULL PRIMARY KEY); INSERT INTO fresh VALUES (1)");
    for lock in ["bicuspid.table_pass IN SHARE MODE", "bicuspid.identity IN ACCESS EXCLUSIVE MODE"] {
        let _held = Blocker::new(&pair, &format!("LOCK TABLE {lock}"));
        let trouble = pair.try_sync().unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class), ("target::state_locked", Class::Failed), "{lock}");
        assert_eq!(pair.cell("SELECT to_regclass('raw.fresh')::text"), None, "{lock}");
    }
    {
        let _held = Blocker::new(&pair, "LOCK TABLE raw.t IN ACCESS EXCLUSIVE MODE");
        let run = pair.sync();
        assert_eq!(table(&run, "t").held.as_ref().unwrap().rule, "target::table_locked");
        assert_eq!(pair.cell("SELECT v::text FROM raw.u").unwrap(), "2", "the other table was published");
        let verify = pair.verify();
        assert!(!verified(&verify, "t").equal && verified(&verify, "u").equal);
    }
    pair.sync();
    assert!(pair.verify().equal);
}

/// A run that is stopped while the server works on a long statement leaves nothing at work behind it.
#[test]
fn a_stopped_run_gives_the_target_back() {
    let pair = Pair::new("stopped");
    pair.clinic.admin("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1)");
    pair.sync();
    pair.target
        .admin("ALTER TABLE raw.t ADD CONSTRAINT dawdle CHECK (pg_sleep(300)::text IS NOT NULL) NOT VALID");
    pair.clinic.admin("UPDATE t SET v = 2");
    pair.block_on(async {
        let stuck = async {
            while !tokio::task::block_in_place(|| sleeping(&pair, "bicuspid") == 1) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            run = pair.syncing() => panic!("the run ended: {run:?}"),
            () = stuck => {}
        }
    });
    assert!(
        testing::wait_until(LIMIT, || sleeping(&pair, "bicuspid") == 0),
        "the server is still at work for nobody"
    );
    pair.target.admin("ALTER TABLE raw.t DROP CONSTRAINT dawdle");
    assert_eq!(table(&pair.sync(), "t").updated, 1);
}

/// A table whose files are broken is held; a clinic with one such table is copied all the same.
#[test]
fn a_damaged_table_is_held_alone() {
    let pair = Pair::new("damaged");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(300)) ENGINE=MyISAM; INSERT INTO t SELECT seq, REPEAT('x', 300) FROM seq_1_to_3000;
         CREATE TABLE u (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=MyISAM; INSERT INTO u VALUES (1, 1)",
    );
    pair.sync();
    pair.clinic.admin("UPDATE u SET v = 2; FLUSH TABLES");
    let folder = pair.clinic.query("SELECT @@datadir")[0][0].clone().unwrap();
    let folder = std::path::PathBuf::from(String::from_utf8(folder).unwrap());
    let data = folder.join(pair.clinic.name()).join("t.MYD");
    let mut bytes = std::fs::read(&data).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xee);
    std::fs::write(&data, bytes).unwrap();
    let run = pair.sync();
    assert_eq!(table(&run, "t").held.as_ref().unwrap().rule, "source::damaged");
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.t").unwrap(), "3000");
    assert_eq!(table(&run, "u").updated, 1);
    let verify = pair.verify();
    assert!(!verified(&verify, "t").equal && verified(&verify, "u").equal);
}

/// A statement that the server ends because it took too long is no end of the table's rows: the table is held as it was.
#[test]
fn a_table_that_cannot_be_read_in_time_is_held_alone() {
    let mut pair = Pair::new("slow");
    pair.clinic.admin(
        "CREATE TABLE t (v VARCHAR(300)) ENGINE=InnoDB; INSERT INTO t SELECT REPEAT('x', 300) FROM seq_1_to_60000;
         CREATE TABLE u (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB; INSERT INTO u VALUES (1, 1)",
    );
    pair.sync();
    pair.clinic.admin("DELETE FROM t LIMIT 1; UPDATE u SET v = 2");
    pair.options.limits.statement_ms = 20;
    let run = pair.sync();
    assert_eq!(table(&run, "t").held.as_ref().unwrap().rule, "source::time_limit");
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.t").unwrap(), "60000");
    assert_eq!(table(&run, "u").updated, 1);
    pair.options.limits = bicuspid_guard::session::SessionLimits::default();
    let run = pair.sync();
    assert_eq!((table(&run, "t").deleted, &table(&run, "t").held), (1, &None));
    assert!(verified(&pair.verify(), "t").equal);
}

/// Fingerprints of rows that are gone prove nothing: a table that was emptied on the target is filled again.
#[test]
fn a_table_that_was_emptied_on_the_target_is_filled_again() {
    let pair = Pair::new("emptied");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO t SELECT seq, seq FROM seq_1_to_100;
         CREATE TABLE none (id INT NOT NULL PRIMARY KEY)",
    );
    pair.sync();
    for emptied in ["TRUNCATE raw.t", "DELETE FROM raw.t"] {
        pair.target.admin(emptied);
        let run = pair.sync();
        assert_eq!((table(&run, "t").mode, table(&run, "t").inserted), (Mode::Full, 100), "{emptied}");
        assert_eq!(table(&run, "none").outcome, TableOutcome::Unchanged);
        assert!(pair.verify().equal);
    }
    assert_eq!(table(&pair.sync(), "t").mode, Mode::Proof);
}

/// The front desk deletes as many rows as it adds while a table without snapshots is read.
#[test]
fn a_table_that_moved_while_it_was_read_is_read_again() {
    let mut pair = Pair::new("moving");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=MyISAM; INSERT INTO t SELECT seq, seq FROM seq_1_to_20000",
    );
    let name = pair.clinic.name().to_owned();
    let begun = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&begun);
    let moved = AtomicU32::new(0);
    pair.watch = Some(Box::new(move |event| match event {
        Event::TableBegun { .. } => {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Event::Rows { .. } => {
            let run = seen.load(Ordering::Relaxed);
            if moved.swap(run, Ordering::Relaxed) < run {
                let from = 20_000 - run * 50;
                testing::servers().mariadb_admin(&format!(
                    "DELETE FROM `{name}`.t WHERE id > {from}; INSERT INTO `{name}`.t SELECT -seq - {from}, seq FROM `{name}`.seq_1_to_50"
                ));
            }
        }
        _ => {}
    }));
    for mode in [Mode::First, Mode::Proof] {
        let run = pair.sync();
        assert_eq!((table(&run, "t").mode, table(&run, "t").outcome), (mode, TableOutcome::Published));
        assert_eq!(table(&run, "t").rows_source, 20_000);
        assert_eq!(run.tables.iter().filter(|t| t.name == "t").count(), 1);
        assert!(pair.verify().equal);
    }
}

/// A table that cannot be walked by a key is read at once, and where that locks it, it must be small.
#[test]
fn a_large_table_without_a_key_is_not_locked_for_the_clinic() {
    let mut pair = Pair::new("keyless");
    for (name, engine) in [("locks", "MyISAM"), ("shares", "InnoDB")] {
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} (v VARCHAR(200)) ENGINE={engine}; INSERT INTO {name} SELECT REPEAT('x', 200) FROM seq_1_to_500"
        ));
    }
    pair.settings.keyless_bytes_max = 10_000;
    let run = pair.sync();
    let rule = |name: &str| table(&run, name).held.as_ref().map(|held| held.rule.clone());
    assert_eq!(rule("locks").as_deref(), Some("plan::keyless_too_large"));
    assert_eq!((rule("shares"), table(&run, "shares").rows_target), (None, 500));
    pair.settings.keyless_bytes_max = 1_000_000;
    assert_eq!(table(&pair.sync(), "locks").rows_target, 500);
}

/// The clinic's program alters tables when it is upgraded; a table that was read must not stand in its way.
#[test]
fn a_table_that_was_read_may_be_altered_while_others_are_read() {
    let mut pair = Pair::new("metadata");
    for name in ["one", "two"] {
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB; INSERT INTO {name} SELECT seq FROM seq_1_to_50"
        ));
    }
    let database = pair.clinic.name().to_owned();
    let begun: Mutex<Vec<String>> = Mutex::default();
    let altered = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&altered);
    pair.watch = Some(Box::new(move |event| match event {
        Event::TableBegun { name, .. } => begun.lock().unwrap().push(name.clone()),
        Event::Rows { .. } => {
            let begun = begun.lock().unwrap();
            if let [first, _second] = begun.as_slice() {
                // Fails after a second if anybody holds the table.
                let sql = format!(
                    "SET STATEMENT lock_wait_timeout = 1 FOR ALTER TABLE {database}.{first} COMMENT = 'upgraded'"
                );
                testing::servers().mariadb_admin(&sql);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        _ => {}
    }));
    let run = pair.sync();
    assert_eq!((table(&run, "one").rows_target, table(&run, "two").rows_target), (50, 50));
    assert_ne!(altered.load(Ordering::Relaxed), 0, "a second table was read in the same run");
}

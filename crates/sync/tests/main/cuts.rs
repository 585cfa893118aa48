//! The source's side fails: connections that are killed, cut or fall silent, a server that dies and comes back, people
//! who end our statements or alter tables under them. Whatever happens, `raw` holds what a table was or what it is, and
//! the next run is exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bicuspid_model::Class;
use bicuspid_sandbox::MariaDbOptions;
use bicuspid_sandbox::testing::{self, MariaDbServer, Proxy};
use bicuspid_source::{Renewal, SourceError};
use bicuspid_sync::{Event, SyncError, TableOutcome};

use crate::pair::{Pair, table};

/// A table of each kind of walk and engine.
const TABLES: &str = "
CREATE TABLE ledger (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, note VARCHAR(50)) ENGINE=MyISAM;
CREATE TABLE splits (a INT NOT NULL, b INT NOT NULL, v INT NOT NULL, PRIMARY KEY (a, b)) ENGINE=InnoDB;
CREATE TABLE names (name VARCHAR(30) NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=MyISAM;
CREATE TABLE bag (v INT, note VARCHAR(50)) ENGINE=MyISAM;
INSERT INTO ledger (v, note) SELECT seq, CONCAT('note ', seq) FROM seq_1_to_20000;
INSERT INTO splits SELECT seq MOD 5, seq, seq FROM seq_1_to_5000;
INSERT INTO names SELECT CONCAT('n', seq), seq FROM seq_1_to_300;
INSERT INTO bag SELECT seq MOD 10, CONCAT('note ', seq) FROM seq_1_to_20000;
";

const CHANGES: &str =
    "UPDATE ledger SET v = v + 1 WHERE id MOD 7 = 0; UPDATE splits SET v = v + 1 WHERE b MOD 7 = 0;
    INSERT INTO names VALUES (UUID(), 1); INSERT INTO bag VALUES (1, UUID());";

fn fresh(prefix: &str) -> Pair {
    let pair = Pair::new(prefix);
    pair.clinic.admin(TABLES);
    pair
}

fn exact(pair: &Pair, label: &str) {
    let verify = pair.verify();
    assert!(verify.equal, "{label}: {:?}", verify.tables);
}

/// Ends every connection of the reader of this database, as an administrator would.
fn kill_connections(user: &str) -> usize {
    let ids = testing::servers()
        .mariadb_query(&format!("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{user}'"));
    let ids: Vec<String> =
        ids.into_iter().flatten().flatten().map(|id| String::from_utf8(id).unwrap()).collect();
    for id in &ids {
        testing::servers().mariadb_admin(&format!("KILL CONNECTION {id}"));
    }
    ids.len()
}

/// What is done once for each table, when its first rows have come.
fn at_first_rows(pair: &mut Pair, act: impl Fn(&str) + Send + Sync + 'static) {
    let begun: std::sync::Mutex<Option<String>> = std::sync::Mutex::default();
    pair.watch = Some(Box::new(move |event| match event {
        Event::TableBegun { name, .. } => *begun.lock().unwrap() = Some(name.clone()),
        Event::Rows { .. } => {
            let name = begun.lock().unwrap().take();
            if let Some(name) = name {
                act(&name);
            }
        }
        _ => {}
    }));
}

#[test]
fn a_killed_connection_is_followed_by_another() {
    let mut pair = fresh("killed");
    let user = pair.clinic.endpoint.user.clone();
    let killed = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&killed);
    at_first_rows(&mut pair, move |_| {
        assert_eq!(kill_connections(&user), 1, "one connection at a time");
        count.fetch_add(1, Ordering::Relaxed);
    });
    for (round, changes) in ["", CHANGES].into_iter().enumerate() {
        if round > 0 {
            pair.clinic.admin(changes);
        }
        let run = pair.sync();
        assert!(!run.any_held(), "{:?}", run.troubles);
        for name in ["ledger", "splits", "names", "bag"] {
            assert_eq!(table(&run, name).outcome, TableOutcome::Published, "{name}");
        }
        assert_eq!(killed.swap(0, Ordering::Relaxed), 4, "a connection was killed in every table");
    }
    // The proof goes on as well.
    assert!(pair.verify_watched().equal);
    assert_eq!(killed.load(Ordering::Relaxed), 4);
    pair.watch = None;
    exact(&pair, "after the kills");
}

/// Whoever kills every connection ends the run, and keeps what was published before.
#[test]
fn connections_that_are_killed_again_and_again_end_the_run() {
    let mut pair = fresh("insisting");
    pair.sync();
    pair.clinic.admin(CHANGES);
    let before = pair.marks("ledger");
    let user = pair.clinic.endpoint.user.clone();
    let kills = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&kills);
    pair.watch = Some(Box::new(move |event| {
        if matches!(event, Event::Rows { .. }) {
            kill_connections(&user);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let error = pair.try_sync().unwrap_err();
    let trouble = error.trouble();
    assert_eq!((trouble.code.as_str(), trouble.class), ("source::lost", Class::Failed), "{error:?}");
    assert!(kills.load(Ordering::Relaxed) < 100, "it gave up");
    assert_eq!(pair.marks("ledger"), before);
    pair.watch = None;
    assert!(!pair.sync().any_held());
    exact(&pair, "after the kills");
}

/// Somebody on the server ends a statement: that table is held, the others go on, gentler than before.
#[test]
fn a_killed_query_holds_its_table_alone() {
    let mut pair = fresh("query");
    pair.sync();
    pair.clinic.admin(CHANGES);
    let before = pair.marks("ledger");
    // A statement that waits is one that can be met at work.
    pair.options.limits.lock_wait_s = 60;
    let (user, name) = (pair.clinic.endpoint.user.clone(), pair.clinic.name().to_owned());
    let run = std::thread::scope(|scope| {
        let locker = scope.spawn(|| {
            // The lock goes with the session, and the session with the last of its statements.
            let ended = format!(
                "LOCK TABLES {name}.ledger WRITE;
                 BEGIN NOT ATOMIC
                   DECLARE found BIGINT DEFAULT NULL;
                   DECLARE tries INT DEFAULT 0;
                   WHILE found IS NULL AND tries < 6000 DO
                     SET found = (SELECT MAX(ID) FROM information_schema.PROCESSLIST
                       WHERE USER = '{user}' AND STATE LIKE '%lock%' AND INFO LIKE '%ledger%');
                     SET tries = tries + 1;
                     DO SLEEP(0.01);
                   END WHILE;
                   EXECUTE IMMEDIATE CONCAT('KILL QUERY ', found);
                 END;
                 UNLOCK TABLES"
            );
            testing::servers().mariadb_admin(&ended);
        });
        let run = pair.sync();
        locker.join().unwrap();
        run
    });
    let held = table(&run, "ledger").held.clone().unwrap();
    assert_eq!(held.rule, "source::killed", "{held:?}");
    assert!(held.remedy.contains("who ended it"), "{held:?}");
    for name in ["splits", "names", "bag"] {
        assert_eq!(table(&run, name).outcome, TableOutcome::Published, "{name}");
    }
    assert_eq!(pair.marks("ledger"), before);
    assert!(!pair.sync().any_held());
    exact(&pair, "after the kill");
}

/// An answer that is broken off in the middle is an error, never the end of the table.
#[test]
fn an_answer_that_ends_early_is_no_short_table() {
    let mut pair = Pair::new("early");
    pair.clinic.admin(
        "CREATE TABLE bag (v INT, note VARCHAR(2000)) ENGINE=MyISAM;
         INSERT INTO bag SELECT seq, REPEAT('x', 2000) FROM seq_1_to_12000",
    );
    // More than the buffers between the server and us hold.
    pair.settings.keyless_bytes_max = 100_000_000;
    let direct = pair.clinic.endpoint.clone();
    let user = direct.user.clone();
    for (kill, rule) in [("QUERY", Some("source::killed")), ("CONNECTION", None)] {
        let spoil = Proxy::before(&direct);
        pair.clinic.endpoint = spoil.endpoint();
        let begun = Arc::new(AtomicU32::new(0));
        let run = std::thread::scope(|scope| {
            scope.spawn(|| {
                // The server is stopped in the middle of its rows, and then its statement is ended.
                testing::wait_until(Duration::from_secs(20), || spoil.is_stalled());
                let sending = format!(
                    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{user}' AND INFO LIKE '%bag%'"
                );
                let mut ids = Vec::new();
                testing::wait_until(Duration::from_secs(20), || {
                    ids = testing::servers().mariadb_query(&sending);
                    !ids.is_empty()
                });
                let id = String::from_utf8(ids[0][0].clone().unwrap()).unwrap();
                testing::servers().mariadb_admin(&format!("KILL {kill} {id}"));
                begun.fetch_add(1, Ordering::Relaxed);
                spoil.heal();
            });
            spoil.stall_after(2_000_000);
            pair.sync()
        });
        assert_eq!(begun.load(Ordering::Relaxed), 1, "{kill}");
        assert_eq!(
            table(&run, "bag").held.as_ref().map(|h| h.rule.as_str()),
            rule,
            "{kill}: {:?}",
            run.troubles
        );
        pair.clinic.endpoint = direct.clone();
        if rule.is_some() {
            assert_eq!(pair.cell("SELECT to_regclass('raw.bag')::text"), None, "nothing of it is there");
            assert!(!pair.sync().any_held());
        }
        exact(&pair, kill);
        pair.target.admin("DROP TABLE raw.bag; DELETE FROM bicuspid.table_state");
    }
}

/// A server that dies in the middle of a table and is started again: the run goes on where it can, or ends when it has
/// waited for long enough.
#[test]
fn a_server_that_dies_and_comes_back() {
    let server = Arc::new(MariaDbServer::start(MariaDbOptions { durable: true, ..testing::test_options() }));
    let mut pair = Pair::over(server.database("dies"), "dies");
    pair.clinic.admin(TABLES);
    pair.clinic.admin("FLUSH TABLES");
    pair.options.renewal = Renewal { within: Duration::from_mins(1), tries: 2 };
    let dying = Arc::clone(&server);
    at_first_rows(&mut pair, move |name| {
        if name == "ledger" || name == "splits" {
            dying.kill();
            let again = Arc::clone(&dying);
            std::thread::spawn(move || again.restart());
        }
    });
    let run = pair.sync();
    assert!(!run.any_held(), "{:?}", run.troubles);
    pair.watch = None;
    exact(&pair, "restarted");

    pair.clinic.admin(CHANGES);
    pair.clinic.admin("FLUSH TABLES");
    let before = pair.marks("ledger");
    pair.options.renewal.within = Duration::from_millis(500);
    let dying = Arc::clone(&server);
    at_first_rows(&mut pair, move |name| {
        if name == "ledger" {
            dying.kill();
        }
    });
    let error = pair.try_sync().unwrap_err();
    assert_eq!(error.trouble().code, "source::unreachable", "{error:?}");
    assert_eq!(error.trouble().class, Class::Failed);
    assert_eq!(pair.marks("ledger"), before);
    server.restart();
    pair.watch = None;
    pair.options.renewal = Renewal::default();
    let run = pair.sync();
    assert!(!run.any_held(), "{:?}", run.troubles);
    exact(&pair, "after the next run");
}

/// The cable is cut after so many bytes, wherever that is.
#[test]
fn a_cut_connection_is_followed_by_another() {
    let mut pair = fresh("cut");
    let direct = pair.clinic.endpoint.clone();
    // How much a run sends and receives, to spread the cuts over it.
    let proxy = Proxy::before(&direct);
    pair.clinic.endpoint = proxy.endpoint();
    pair.sync();
    let total = proxy.passed();
    let times = if testing::long() { 200 } else { 5 };
    let mut renewed = 0;
    for i in 0..times {
        pair.clinic.admin(CHANGES);
        let before = proxy.taken();
        // From the greeting to beyond the end.
        let bytes = 1 + total * i / times;
        proxy.cut_after(bytes);
        let label = format!("cut after {bytes} of {total} bytes");
        match pair.try_sync() {
            Ok(run) => {
                assert!(!run.any_held(), "{label}: {:?}", run.troubles);
                renewed += usize::from(proxy.taken() > before + 1);
            }
            // A first connection is not tried again: what it meets is told at once.
            Err(error) => {
                let trouble = error.trouble();
                assert_eq!(trouble.class, Class::Failed, "{label}: {error:?}");
                assert!(bytes < 20_000, "{label}: {error:?}");
                assert!(!pair.sync().any_held());
            }
        }
        proxy.heal();
        exact(&pair, &label);
    }
    assert!(renewed > usize::try_from(times).unwrap() / 2, "{renewed} runs went on after the cut");
}

/// Packets that do not arrive for a while are waited for; those that never do end the run, by our own limits.
#[test]
fn a_stalled_network_ends_in_a_new_connection_or_in_time() {
    let mut pair = fresh("stalled");
    pair.sync();
    let direct = pair.clinic.endpoint.clone();
    let proxy = Proxy::before(&direct);
    pair.clinic.endpoint = proxy.endpoint();
    // It comes back while it is waited for.
    pair.clinic.admin(CHANGES);
    let stalls = AtomicU64::new(0);
    std::thread::scope(|scope| {
        proxy.stall_after(300_000);
        scope.spawn(|| {
            if testing::wait_until(Duration::from_secs(20), || proxy.is_stalled()) {
                stalls.fetch_add(1, Ordering::Relaxed);
                proxy.heal();
            }
        });
        assert!(!pair.sync().any_held());
    });
    assert_eq!((stalls.load(Ordering::Relaxed), proxy.taken()), (1, 1));
    exact(&pair, "a short stall");
    // This connection never comes back, another one does: a firewall that forgot it.
    pair.clinic.admin(CHANGES);
    pair.options.patience = Duration::from_secs(2);
    let before = proxy.taken();
    let spoilt = Arc::new(Proxy::before(&direct));
    pair.clinic.endpoint = spoilt.endpoint();
    let forgets = Arc::clone(&spoilt);
    at_first_rows(&mut pair, move |name| {
        if name == "ledger" || name == "splits" {
            forgets.stall_standing();
        }
    });
    let run = pair.sync();
    assert!(!run.any_held(), "{:?}", run.troubles);
    assert_eq!((spoilt.taken(), proxy.taken()), (3, before));
    spoilt.heal();
    pair.watch = None;
    exact(&pair, "a forgotten connection");
    // Nothing comes back any more: the network is parted.
    pair.clinic.admin(CHANGES);
    pair.options.renewal = Renewal { within: Duration::from_secs(1), tries: 2 };
    let marks = pair.marks("ledger");
    spoilt.stall_after(300_000);
    let error = pair.try_sync().unwrap_err();
    assert!(matches!(error, SyncError::Source(SourceError::Unreachable { .. })), "{error:?}");
    assert_eq!(pair.marks("ledger"), marks);
    spoilt.heal();
    assert!(!pair.sync().any_held());
    exact(&pair, "the network is whole again");
}

/// Tables that are altered, repaired, emptied of a column or dropped between two statements of one run.
#[test]
fn tables_that_change_under_the_reader() {
    for (change, engine) in [
        ("ALTER TABLE t MODIFY v VARCHAR(4) NOT NULL", "MyISAM"),
        ("ALTER TABLE t MODIFY note VARCHAR(50) CHARACTER SET utf8mb4", "MyISAM"),
        ("ALTER TABLE t DROP COLUMN note", "MyISAM"),
        ("ALTER TABLE t ADD COLUMN more INT", "MyISAM"),
        ("DROP TABLE t", "MyISAM"),
        ("RENAME TABLE t TO u", "MyISAM"),
        ("ALTER TABLE t DROP COLUMN note", "InnoDB"),
        ("DROP TABLE t", "InnoDB"),
        ("ALTER TABLE t MODIFY note VARCHAR(50) CHARACTER SET utf8mb4", "InnoDB"),
        ("ALTER TABLE t ADD COLUMN more INT", "InnoDB"),
        // Its place is taken by one that looks like it, with rows that the snapshot does not show.
        ("CREATE TABLE u LIKE t; INSERT INTO u SELECT * FROM t; RENAME TABLE t TO was, u TO t", "InnoDB"),
        ("RENAME TABLE t TO was, like_it TO t", "InnoDB"),
    ] {
        let label = format!("{change} under {engine}");
        let mut pair = Pair::new("altered");
        // Numbers whose four bytes are four digits as well, and letters that are two bytes in UTF-8.
        pair.clinic.admin(&format!(
            "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL, note VARCHAR(50) CHARACTER SET latin1) ENGINE={engine};
             CREATE TABLE other (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB; INSERT INTO other VALUES (1);
             CREATE TABLE like_it LIKE t;
             INSERT INTO t SELECT seq, 1000 + seq MOD 9000, CONCAT('ä', seq) FROM seq_1_to_20000"
        ));
        pair.settings.tables_excluded.insert("like_it".to_owned());
        // Stamps of files are of seconds.
        std::thread::sleep(Duration::from_millis(1_100));
        pair.clinic.admin("FLUSH TABLES");
        pair.sync();
        let before = pair.marks("t");
        pair.clinic.admin("UPDATE t SET v = v + 1; INSERT INTO other VALUES (2)");
        let name = pair.clinic.name().to_owned();
        at_first_rows(&mut pair, move |of| {
            if of == "t" {
                // It need not wait for us: between two statements nothing is kept from anybody, in a snapshot either.
                let change = format!("USE {name}; SET lock_wait_timeout = 2; {change}");
                testing::servers().mariadb_admin(&change);
            }
        });
        let run = pair.sync();
        let held = table(&run, "t").held.clone();
        assert_eq!(held.map(|h| h.rule), Some("source::drifted".to_owned()), "{label}: {:?}", run.troubles);
        assert_eq!(table(&run, "other").inserted, 1, "{label}");
        assert_eq!(pair.marks("t"), before, "{label}");
        pair.watch = None;
        pair.sync();
    }
}

/// A table that waits for its turn in the snapshot is rebuilt: its old rows are gone (error 1412), its columns are the same.
#[test]
fn a_table_that_is_rebuilt_after_the_snapshot_began() {
    let mut pair = Pair::new("rebuilt");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB;
         CREATE TABLE other (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB; INSERT INTO other VALUES (1);
         INSERT INTO t SELECT seq, seq FROM seq_1_to_20000",
    );
    pair.sync();
    let before = pair.marks("t");
    pair.clinic.admin("UPDATE t SET v = v + 1; INSERT INTO other VALUES (2)");
    let name = pair.clinic.name().to_owned();
    at_first_rows(&mut pair, move |of| {
        if of == "other" {
            testing::servers().mariadb_admin(&format!("ALTER TABLE {name}.t FORCE"));
        }
    });
    let run = pair.sync();
    let held = table(&run, "t").held.clone();
    assert_eq!(held.map(|h| h.rule), Some("source::drifted".to_owned()), "{:?}", run.troubles);
    assert_eq!(table(&run, "other").inserted, 1);
    assert_eq!(pair.marks("t"), before);
    pair.watch = None;
    assert_eq!(table(&pair.sync(), "t").updated, 20_000);
    exact(&pair, "rebuilt");
}

/// A repair rewrites the table's files between two statements, and changes no row.
#[test]
fn a_table_that_is_repaired_while_it_is_read() {
    let mut pair = fresh("repaired");
    let name = pair.clinic.name().to_owned();
    at_first_rows(&mut pair, move |of| {
        if of == "ledger" || of == "names" {
            testing::servers().mariadb_admin(&format!("REPAIR TABLE {name}.{of}"));
        }
    });
    assert!(!pair.sync().any_held());
    pair.watch = None;
    exact(&pair, "repaired");
}

//! The source changes its shape, or was never of one that fits: what can follow follows, the rest is held by a rule
//! that says why, its old rows stay, and the other tables are published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bicuspid_model::{Endpoint, Password, Secret};
use bicuspid_sandbox::testing;
use bicuspid_sync::{Border, Event, Mode, SyncReport, TableOutcome};

use crate::pair::{Pair, difference, table, verified};
use crate::render::Rule::{Day, Plain, Text};
use crate::render::{assert_same, ticks};

/// Rules by which tables were held, by name.
fn held(report: &SyncReport) -> Vec<(&str, &str)> {
    report.tables.iter().filter_map(|t| Some((t.name.as_str(), t.held.as_ref()?.rule.as_str()))).collect()
}

fn counts(report: &SyncReport, name: &str) -> (u64, u64, u64) {
    let table = table(report, name);
    (table.inserted, table.updated, table.deleted)
}

/// A table `t` of 300 rows, and another that changes with every call of [`touch`].
fn pair(prefix: &str) -> Pair {
    let pair = Pair::new(prefix);
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL, w VARCHAR(10) NOT NULL, d DATE) DEFAULT CHARSET=utf8mb4;
         INSERT INTO t SELECT seq, seq, 'x', '2024-01-01' FROM seq_1_to_300;
         CREATE TABLE other (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO other VALUES (1, 0);",
    );
    assert!(!pair.sync().any_held());
    pair
}

fn touch(pair: &Pair) {
    pair.clinic.admin("UPDATE other SET v = v + 1");
}

/// The other table was published although `t` was held.
fn others_went_on(pair: &Pair, run: &SyncReport) {
    assert_eq!(counts(run, "other"), (0, 1, 0));
    assert_same(pair, "other", &[("id", Plain), ("v", Plain)]);
}

#[test]
fn a_column_comes_and_another_goes() {
    let pair = pair("columns");
    pair.target
        .admin("CREATE SCHEMA marts; CREATE VIEW marts.seen AS SELECT id, v, w, d FROM raw.t WHERE v > 0");
    pair.clinic
        .admin("ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 7 AFTER v, ADD COLUMN `Empty` VARCHAR(5)");
    let verify = pair.verify();
    assert!(!verified(&verify, "t").equal, "the proof does not call a table equal that lacks a column");
    let run = pair.sync();
    assert!(held(&run).is_empty(), "{:#?}", run.troubles);
    assert_eq!(counts(&run, "t"), (0, 300, 0), "the rows that were there have the new column filled");
    assert_same(
        &pair,
        "t",
        &[("id", Plain), ("v", Plain), ("n", Plain), ("w", Text), ("Empty", Text), ("d", Day)],
    );
    assert_eq!(pair.cell("SELECT count(*)::text FROM marts.seen").unwrap(), "300", "the view still stands");
    assert!(pair.verify().equal);
    assert_eq!(table(&pair.sync(), "t").mode, Mode::Proof, "and the next run is an ordinary one");

    // A column that holds nothing yet is there all the same.
    pair.clinic.admin("ALTER TABLE t ADD COLUMN later DATE");
    assert_eq!(counts(&pair.sync(), "t"), (0, 0, 0));
    assert_eq!(pair.cell("SELECT count(later)::text FROM raw.t").unwrap(), "0");
    assert_eq!(table(&pair.sync(), "t").mode, Mode::Proof);

    pair.clinic.admin("ALTER TABLE t DROP COLUMN w; INSERT INTO t (id, v) VALUES (1000, 1); UPDATE t SET v = -1 WHERE id = 5");
    let run = pair.sync();
    assert!(held(&run).is_empty(), "{:#?}", run.troubles);
    assert_eq!(counts(&run, "t"), (1, 1, 0));
    assert_eq!(pair.cell("SELECT count(w)::text FROM raw.t").unwrap(), "300", "what it held is kept");
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.t WHERE w IS NULL").unwrap(), "1");
    assert_eq!(pair.cell("SELECT count(*)::text FROM marts.seen").unwrap(), "300");
    assert!(pair.verify().equal);
    assert_eq!(table(&pair.sync(), "t").outcome, TableOutcome::Unchanged);
}

#[test]
fn types_and_nulls() {
    let pair = pair("types");
    // Without a change for the target: a longer text, a column that may hold NULL, another order of columns.
    pair.clinic.admin("ALTER TABLE t MODIFY w VARCHAR(200), MODIFY v INT NULL FIRST; UPDATE t SET v = NULL, w = NULL WHERE id = 9");
    let run = pair.sync();
    assert!(held(&run).is_empty(), "{:#?}", run.troubles);
    assert_eq!(counts(&run, "t"), (0, 1, 0));
    assert!(pair.verify().equal);
    assert_same(&pair, "t", &[("id", Plain), ("v", Plain), ("w", Text), ("d", Day)]);

    for change in ["MODIFY v VARCHAR(20)", "MODIFY v DECIMAL(12,2)"] {
        let before = pair.marks("t");
        pair.clinic.admin(&format!("ALTER TABLE t {change}; UPDATE t SET v = v + 1"));
        touch(&pair);
        let run = pair.sync();
        assert_eq!(held(&run), [("t", "drift::type")], "{change}");
        others_went_on(&pair, &run);
        assert_eq!(pair.marks("t"), before, "its old rows stay");
        assert_eq!(table(&run, "t").rows_target, 300);
        assert!(!verified(&pair.verify(), "t").equal);
        let status = "SELECT load_status FROM raw.etl_load_status WHERE table_name = 't'";
        assert_eq!(pair.cell(status).unwrap(), "failed");
    }
    // Back again, it goes on by itself.
    pair.clinic.admin("ALTER TABLE t MODIFY v INT");
    let run = pair.sync();
    assert!(held(&run).is_empty());
    assert_eq!(counts(&run, "t"), (0, 299, 0));
    assert!(pair.verify().equal);
}

#[test]
fn a_type_that_grows_is_widened_unless_a_view_hangs_on_it() {
    let pair = pair("widen");
    let column = "SELECT data_type FROM information_schema.columns \
                  WHERE table_schema = 'raw' AND table_name = 't' AND column_name = 'v'";
    pair.clinic.admin("ALTER TABLE t MODIFY v BIGINT NOT NULL; UPDATE t SET v = 5000000000 WHERE id = 9");
    assert!(!verified(&pair.verify(), "t").equal);
    let run = pair.sync();
    assert!(held(&run).is_empty(), "{:#?}", run.troubles);
    assert_eq!(counts(&run, "t"), (0, 1, 0));
    assert_eq!(pair.cell(column).as_deref(), Some("bigint"));
    assert_same(&pair, "t", &[("id", Plain), ("v", Plain), ("w", Text), ("d", Day)]);
    assert!(pair.verify().equal);

    pair.target.admin("CREATE SCHEMA marts; CREATE VIEW marts.seen AS SELECT v FROM raw.t");
    pair.clinic.admin("ALTER TABLE t MODIFY v BIGINT UNSIGNED NOT NULL; UPDATE t SET v = v + 1");
    touch(&pair);
    let run = pair.sync();
    assert_eq!(held(&run), [("t", "drift::type")]);
    let remedy = &table(&run, "t").held.as_ref().unwrap().remedy;
    assert!(remedy.contains("views"), "{remedy}");
    others_went_on(&pair, &run);
    pair.target.admin("DROP VIEW marts.seen");
    assert!(held(&pair.sync()).is_empty());
    assert!(pair.verify().equal);
}

#[test]
fn keys_that_change() {
    let pair = pair("rekeyed");
    for change in [
        "DROP PRIMARY KEY, ADD PRIMARY KEY (id, v)",
        "DROP PRIMARY KEY, ADD PRIMARY KEY (v, id)",
        "DROP PRIMARY KEY",
    ] {
        let before = pair.marks("t");
        pair.clinic.admin(&format!("ALTER TABLE t {change}; UPDATE t SET w = CONCAT(w, 'y')"));
        touch(&pair);
        let run = pair.sync();
        assert_eq!(held(&run), [("t", "drift::key")], "{change}");
        others_went_on(&pair, &run);
        assert_eq!(pair.marks("t"), before);
    }
    pair.clinic.admin("ALTER TABLE t ADD PRIMARY KEY (id)");
    assert_eq!(counts(&pair.sync(), "t"), (0, 300, 0));
    // A key of dates: their columns may hold NULL by their type, and not by their key.
    pair.clinic.admin(
        "CREATE TABLE days (d DATE NOT NULL, m DATETIME NOT NULL, v INT, PRIMARY KEY (d, m)); INSERT INTO days SELECT '2024-01-01' + INTERVAL seq DAY, '2024-01-01', 1 FROM seq_1_to_100",
    );
    pair.sync();
    pair.clinic
        .admin("UPDATE days SET v = 2 WHERE d = '2024-01-05'; DELETE FROM days WHERE d = '2024-01-06'");
    let run = pair.sync();
    assert!(held(&run).is_empty(), "{:#?}", run.troubles);
    assert_eq!(counts(&run, "days"), (0, 1, 1));
    // A key that is no day cannot name its row.
    pair.clinic.admin("INSERT INTO days VALUES ('0000-00-00', '2024-01-01', 1)");
    let run = pair.sync();
    assert_eq!(held(&run).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["days"]);
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.days").unwrap(), "99");
}

#[test]
fn tables_come_and_go() {
    let mut pair = pair("tables");
    pair.clinic.admin("CREATE TABLE fresh (id INT PRIMARY KEY); INSERT INTO fresh VALUES (1); DROP TABLE t");
    touch(&pair);
    let run = pair.sync();
    assert_eq!(held(&run), [("t", "drift::table_gone")], "it is not forgotten in silence");
    assert_eq!(table(&run, "t").rows_target, 300);
    others_went_on(&pair, &run);
    assert_eq!((table(&run, "fresh").mode, counts(&run, "fresh")), (Mode::First, (1, 0, 0)));
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.t").unwrap(), "300");
    let verify = pair.verify();
    assert!(!verify.equal && verified(&verify, "t").held.is_some() && verified(&verify, "fresh").equal);

    pair.clinic.admin("CREATE VIEW t AS SELECT 1 AS id");
    let run = pair.sync();
    assert!(table(&run, "t").held.as_ref().unwrap().detail.contains("view"));
    pair.settings.tables_excluded.insert("T".into());
    assert!(!pair.sync().any_held(), "an excluded table is nobody's concern");
    pair.settings.tables_excluded.clear();
    pair.target.admin("DROP TABLE raw.t");
    assert!(!pair.sync().any_held(), "nor one that was dropped on both sides");

    // Back at the source under its name in other letters: a first load.
    pair.clinic
        .admin("DROP VIEW t; CREATE TABLE `T` (id INT PRIMARY KEY, v INT); INSERT INTO `T` VALUES (1, 1)");
    let run = pair.sync();
    assert_eq!((table(&run, "T").mode, counts(&run, "T")), (Mode::First, (1, 0, 0)));
    pair.clinic.admin("RENAME TABLE `T` TO t");
    assert_eq!(table(&pair.sync(), "t").outcome, TableOutcome::Unchanged);
    pair.clinic.admin("UPDATE t SET v = 2; RENAME TABLE t TO `tT`; RENAME TABLE `tT` TO `T`");
    assert_eq!(counts(&pair.sync(), "T"), (0, 1, 0));
    // Two at once: neither is taken for the other.
    pair.clinic.admin("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 5)");
    let mut names =
        pair.sync().tables.iter().filter(|t| t.held.is_some()).map(|t| t.name.clone()).collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["T", "t"]);
    assert_eq!(pair.cell("SELECT v::text FROM raw.t").unwrap(), "2");
}

#[test]
fn rows_that_vanish() {
    let mut pair = pair("shrink");
    pair.clinic.admin("DELETE FROM t WHERE id <= 30");
    assert_eq!(counts(&pair.sync(), "t"), (0, 0, 30), "a tenth may go");
    for loss in ["DELETE FROM t WHERE id <= 60", "DELETE FROM t"] {
        pair.clinic.admin(loss);
        touch(&pair);
        let run = pair.sync();
        assert_eq!(held(&run), [("t", "validate::shrink")], "{loss}");
        others_went_on(&pair, &run);
        assert_eq!(pair.cell("SELECT count(*)::text FROM raw.t").unwrap(), "270");
        assert_eq!(difference(&pair.verify(), "t").1, if loss.ends_with('t') { 270 } else { 30 });
    }
    pair.settings.accept_shrink.insert("T".into());
    let run = pair.sync();
    assert_eq!((held(&run), counts(&run, "t")), (vec![], (0, 0, 270)));
    assert!(pair.verify().equal);
    pair.settings.accept_shrink.clear();
    assert!(!pair.sync().any_held());
}

#[test]
fn a_table_that_is_suddenly_empty_is_held_whatever_may_be_lost() {
    let mut pair = Pair::new("empty");
    pair.settings.shrink_share = 1.0;
    for (name, engine) in
        [("locks", "MyISAM"), ("versions", "InnoDB"), ("bag", "MyISAM"), ("small", "MyISAM")]
    {
        let key = if name == "bag" { "" } else { " PRIMARY KEY" };
        let rows = if name == "small" { 9 } else { 10 };
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} (id INT NOT NULL{key}, v INT) ENGINE={engine};
             INSERT INTO {name} SELECT seq, seq FROM seq_1_to_{rows}"
        ));
    }
    pair.sync();
    let before: Vec<_> = ["locks", "versions", "bag"].map(|name| pair.marks(name)).into();
    for empty in ["TRUNCATE", "DELETE FROM"] {
        for name in ["locks", "versions", "bag", "small"] {
            pair.clinic.admin(&format!("{empty} {name}"));
        }
        for full in [false, true] {
            pair.settings.full = full;
            let run = pair.sync();
            let rules = [
                ("bag", "validate::shrink"),
                ("locks", "validate::shrink"),
                ("versions", "validate::shrink"),
            ];
            assert_eq!(held(&run), rules, "{empty}");
            assert!(table(&run, "locks").held.as_ref().unwrap().remedy.contains("--accept-shrink locks"));
        }
        let after: Vec<_> = ["locks", "versions", "bag"].map(|name| pair.marks(name)).into();
        assert_eq!(before, after, "{empty}");
        assert_eq!(pair.cell("SELECT count(*)::text FROM raw.small").unwrap(), "0", "small tables breathe");
    }
    pair.settings.full = false;
    // The account may not read it any more, while it is empty and after it was filled again: never an empty table.
    let (user, database) = (pair.clinic.endpoint.user.clone(), pair.clinic.name().replace('_', "\\_"));
    testing::servers().mariadb_admin(&format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}@'127.0.0.1';
         GRANT SELECT ON `{}`.locks TO {user}@'127.0.0.1'; GRANT SELECT ON `{}`.small TO {user}@'127.0.0.1'",
        pair.clinic.name(),
        pair.clinic.name()
    ));
    let run = pair.sync();
    let rules =
        [("bag", "drift::table_gone"), ("locks", "validate::shrink"), ("versions", "drift::table_gone")];
    assert_eq!(held(&run), rules);
    testing::servers().mariadb_admin(&format!("GRANT SELECT ON `{database}`.* TO {user}@'127.0.0.1'"));
    pair.settings.accept_shrink.extend(["locks".to_owned(), "bag".to_owned()]);
    let run = pair.sync();
    assert_eq!(held(&run), [("versions", "validate::shrink")], "only what was named");
    assert_eq!((table(&run, "locks").deleted, table(&run, "bag").deleted), (10, 10));
}

#[test]
fn what_does_not_fit_is_held_and_the_rest_arrives() {
    let pair = Pair::new("unfit");
    pair.target.admin(&format!(
        "SET ROLE {0}; CREATE SCHEMA IF NOT EXISTS raw; CREATE TABLE raw.theirs (id int); INSERT INTO raw.theirs VALUES (42); \
         CREATE VIEW raw.their_view AS SELECT 1 AS id; CREATE SEQUENCE raw.their_sequence",
        pair.target.endpoint.user
    ));
    let wide: Vec<String> = (0..1400).map(|i| format!("c{i} BIGINT NOT NULL DEFAULT {i}")).collect();
    let wider: Vec<String> = (0..1700).map(|i| format!("c{i} TINYINT")).collect();
    let long = "l".repeat(64);
    pair.clinic.admin(&format!(
        "CREATE TABLE theirs (id INT PRIMARY KEY); CREATE TABLE their_view (id INT PRIMARY KEY); CREATE TABLE their_sequence (id INT PRIMARY KEY);
         CREATE TABLE etl_load_status (id INT PRIMARY KEY);
         CREATE TABLE good (id INT PRIMARY KEY, v INT); INSERT INTO good VALUES (1, 1); CREATE TABLE good_pkey (id INT PRIMARY KEY, v INT); INSERT INTO good_pkey VALUES (1, 1), (2, 2);
         CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, Premed TINYINT UNSIGNED NOT NULL); INSERT INTO patient VALUES (1, 0), (2, 1), (3, 2);
         CREATE TABLE system_name (id INT PRIMARY KEY, ctid INT); CREATE TABLE our_name (id INT PRIMARY KEY, _loaded_at INT);
         CREATE TABLE control (id INT PRIMARY KEY, {} INT); CREATE TABLE {long} (id INT PRIMARY KEY); CREATE TABLE long_column (id INT PRIMARY KEY, {long} INT);
         CREATE TABLE wide ({}) ENGINE=MyISAM; INSERT INTO wide () VALUES (); CREATE TABLE wider ({}) ENGINE=MyISAM;
         CREATE TABLE long_key (k VARBINARY(3000) NOT NULL PRIMARY KEY) ENGINE=InnoDB;
         INSERT INTO long_key SELECT GROUP_CONCAT(UNHEX(SHA2(seq, 512)) ORDER BY seq SEPARATOR '') FROM seq_1_to_46;
         CREATE TABLE damaged (id INT PRIMARY KEY) ENGINE=MEMORY; CREATE VIEW a_view AS SELECT 1 AS x; CREATE SEQUENCE numbers",
        ticks("a\u{1}b"),
        wide.join(", "),
        wider.join(", "),
    ));
    let run = pair.sync();
    let mut expected = vec![
        ("theirs", "plan::not_ours"),
        ("their_view", "plan::not_ours"),
        ("their_sequence", "plan::not_ours"),
        ("etl_load_status", "plan::not_ours"),
        ("good_pkey", "validate::name_taken"),
        ("patient", "validate::not_boolean"),
        ("system_name", "plan::name_taken"),
        ("our_name", "plan::name_taken"),
        ("control", "plan::name_unsafe"),
        (&long, "plan::name_too_long"),
        ("long_column", "plan::name_too_long"),
        ("wide", "validate::postgres_limit"),
        ("wider", "plan::too_many_columns"),
        ("long_key", "validate::postgres_limit"),
    ];
    expected.sort_unstable();
    let mut found = held(&run);
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_same(&pair, "good", &[("id", Plain), ("v", Plain)]);
    let skipped: Vec<&str> = run.skipped.iter().map(|s| s.name.as_str()).collect();
    for name in ["damaged", "a_view", "numbers"] {
        assert!(skipped.contains(&name), "{name} is listed: {skipped:?}");
    }
    assert_eq!(
        pair.cell("SELECT id::text FROM raw.theirs").unwrap(),
        "42",
        "what is not ours is not touched"
    );
    let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'r'";
    assert_eq!(
        pair.cell(tables).unwrap(),
        "etl_load_status etl_transform_status good theirs",
        "nothing half-made stays"
    );
    // Mended at the source, it comes with the next run.
    pair.clinic.admin("UPDATE patient SET Premed = 1 WHERE Premed = 2");
    let run = pair.sync();
    assert_eq!((table(&run, "patient").mode, counts(&run, "patient")), (Mode::First, (3, 0, 0)));
}

/// Tables of `raw` that another session sees.
const VISIBLE: &str = "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'r' AND relname LIKE 'a_'";

#[test]
fn first_loads_together_or_one_by_one() {
    for atomic in [false, true] {
        let mut pair = Pair::new("atomic");
        pair.settings.atomic = atomic;
        pair.clinic.admin(
            "CREATE TABLE a1 (id INT PRIMARY KEY); INSERT INTO a1 VALUES (1); CREATE TABLE a2 (id INT PRIMARY KEY, v VARCHAR(9)); INSERT INTO a2 VALUES (1, 'x'), (2, NULL);
             CREATE TABLE a3 (v INT); INSERT INTO a3 VALUES (1), (1); CREATE TABLE a4 (k DATE PRIMARY KEY); INSERT INTO a4 VALUES ('0000-00-00');
             CREATE TABLE a5 (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO a5 VALUES (1);
             CREATE TABLE a6 (id INT PRIMARY KEY); INSERT INTO a6 SELECT seq FROM seq_1_to_100000;",
        );
        let database = pair.target.name().to_owned();
        let (loads, seen_before, seen_after) =
            (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (of_loads, before, after) =
            (Arc::clone(&loads), Arc::clone(&seen_before), Arc::clone(&seen_after));
        pair.watch = Some(Box::new(move |event| {
            let seen = || {
                let rows = testing::servers().postgres_query(&database, VISIBLE);
                rows[0][0].as_ref().unwrap().parse::<u32>().unwrap()
            };
            match event {
                Event::Border(Border::LoadFilled) => {
                    // Nothing is seen of a table before it is done; small ones may come some at a time.
                    let done = if atomic { 0 } else { of_loads.load(Ordering::SeqCst) };
                    let seen = seen();
                    assert!(seen <= done, "{seen} tables are visible, {done} are done");
                }
                Event::Border(Border::LoadPublished) => {
                    of_loads.fetch_add(1, Ordering::SeqCst);
                }
                Event::Border(Border::BeforePublish) => before.store(seen(), Ordering::SeqCst),
                Event::Border(Border::Published) => after.store(seen(), Ordering::SeqCst),
                _ => {}
            }
        }));
        let run = pair.sync();
        assert_eq!(held(&run).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a4"]);
        let all = (
            loads.load(Ordering::SeqCst),
            seen_before.load(Ordering::SeqCst),
            seen_after.load(Ordering::SeqCst),
        );
        // The large one let nobody wait: it and those before it were there before the run was published.
        assert_eq!(all, (5, if atomic { 0 } else { 4 }, 5), "atomic: {atomic}");
        pair.watch = None;
        assert_eq!(held(&pair.sync()).len(), 1);
        assert_same(&pair, "a2", &[("id", Plain), ("v", Text)]);
        // The held one, mended, comes beside changes of the others, under either setting.
        pair.clinic.admin("UPDATE a4 SET k = '2024-01-01'; INSERT INTO a1 VALUES (2); DELETE FROM a3 LIMIT 1; UPDATE a2 SET v = '' WHERE id = 2");
        let run = pair.sync();
        assert!(held(&run).is_empty(), "{:#?}", run.troubles);
        assert_eq!(
            [
                counts(&run, "a1"),
                counts(&run, "a2"),
                counts(&run, "a3"),
                counts(&run, "a4"),
                counts(&run, "a5")
            ],
            [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (0, 0, 0)]
        );
        assert!(pair.verify().equal);
    }
}

#[test]
fn an_account_that_sees_a_part() {
    let mut pair = pair("part");
    pair.clinic.admin(
        "CREATE TABLE secret_column (id INT PRIMARY KEY, a INT, hidden INT, b INT); INSERT INTO secret_column VALUES (1, 2, 3, 4);
         CREATE TABLE no_column (id INT PRIMARY KEY); CREATE TABLE unseen (id INT PRIMARY KEY);",
    );
    let database = pair.clinic.name().to_owned();
    testing::servers().mariadb_admin(&format!(
        "CREATE USER part_reader@'127.0.0.1' IDENTIFIED BY 'part-reader'; GRANT SELECT ON `{database}`.t TO part_reader@'127.0.0.1';
         GRANT SELECT (id, a, b) ON `{database}`.secret_column TO part_reader@'127.0.0.1'; GRANT SHOW VIEW ON `{database}`.no_column TO part_reader@'127.0.0.1'"
    ));
    pair.clinic.endpoint = Endpoint {
        user: "part_reader".into(),
        password: Password::Given(Secret::new("part-reader".to_owned())),
        ..pair.clinic.endpoint.clone()
    };
    let run = pair.sync();
    assert_eq!(held(&run), [("other", "drift::table_gone")], "a grant that was taken back is noticed");
    assert_eq!(table(&run, "t").outcome, TableOutcome::Unchanged);
    assert!(
        run.skipped.iter().any(|s| s.name == "no_column" && s.why.contains("no column")),
        "{:?}",
        run.skipped
    );
    assert_same(&pair, "secret_column", &[("id", Plain), ("a", Plain), ("b", Plain)]);
    let columns = "SELECT count(*)::text FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = 'secret_column'";
    assert_eq!(pair.cell(columns).unwrap(), "4", "three columns and the time of loading");
}

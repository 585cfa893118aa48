//! Passes over a part of a table: what they find, what they cannot find, and that the next proof finds it.

use std::time::Duration;

use bicuspid_sync::{Mode, ProofWish, TableOutcome};

use crate::pair::{Pair, difference, table};

/// A keyed table with an indexed stamp, in both engines, with several chunks.
fn stamped(engine: &str) -> Pair {
    let mut pair = Pair::new("passes");
    pair.clinic.admin(&format!(
        "CREATE TABLE visit (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL,
         edited TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY by_edit (edited)) ENGINE={engine};
         INSERT INTO visit (v, edited) SELECT seq, '2026-01-05 10:00:00' FROM seq_1_to_40000;"
    ));
    pair.sync();
    pair.settings.proof = ProofWish::None;
    pair
}

#[test]
fn edits_are_found_by_their_stamp_and_new_rows_at_the_end() {
    for engine in ["MyISAM", "InnoDB"] {
        let pair = stamped(engine);
        pair.clinic.admin(
            "UPDATE visit SET v = -1 WHERE id IN (3, 20000); INSERT INTO visit (v) VALUES (7), (8), (9);",
        );
        let run = pair.sync();
        let visit = table(&run, "visit");
        assert_eq!((visit.mode, visit.outcome), (Mode::Stamp, TableOutcome::Published), "{engine}");
        assert_eq!((visit.inserted, visit.updated, visit.deleted), (3, 2, 0), "{engine}");
        assert!(visit.rows_read < 3 * 8192, "{engine}: {} rows read", visit.rows_read);
        assert!(pair.verify().equal, "{engine}");

        let again = pair.sync();
        assert_eq!(table(&again, "visit").outcome, TableOutcome::Unchanged, "{engine}");
        assert_eq!(table(&again, "visit").mode, Mode::Stamp, "{engine}");
    }
}

#[test]
fn an_edit_without_a_moved_stamp_waits_for_the_proof_and_costs_the_stamps_trust() {
    let mut pair = stamped("MyISAM");
    pair.clinic.admin(
        "UPDATE visit SET v = -1, edited = edited WHERE id = 100; UPDATE visit SET v = -2 WHERE id = 30000;",
    );
    let run = pair.sync();
    assert_eq!(table(&run, "visit").updated, 1);
    assert_eq!(difference(&pair.verify(), "visit"), (0, 0, 1));
    let proved = |pair: &Pair| {
        pair.cell(
            "SELECT (proved_at = last_checked_at)::text FROM bicuspid.table_state WHERE table_name = 'visit'",
        )
    };
    assert_eq!(proved(&pair).as_deref(), Some("false"), "a part proves nothing of the whole");

    pair.settings.proof = ProofWish::Due;
    let run = pair.sync();
    assert_eq!((table(&run, "visit").mode, table(&run, "visit").updated), (Mode::Proof, 1));
    assert!(pair.verify().equal);
    assert_eq!(proved(&pair).as_deref(), Some("true"));
    let edits = "SELECT edits || ' ' || edits_unstamped FROM bicuspid.table_pass WHERE table_name = 'visit'";
    assert_eq!(pair.cell(edits).as_deref(), Some("2 1"));
}

#[test]
fn a_deleted_row_is_missed_by_the_count_and_found_by_a_proof_in_the_same_run() {
    let pair = stamped("MyISAM");
    pair.clinic.admin("DELETE FROM visit WHERE id = 12345");
    let run = pair.sync();
    let visit = table(&run, "visit");
    assert_eq!((visit.mode, visit.deleted), (Mode::Proof, 1));
    assert!(pair.verify().equal);

    // InnoDB does not know how many rows it has without reading them.
    let mut pair = stamped("InnoDB");
    pair.clinic.admin("DELETE FROM visit WHERE id = 12345");
    assert_eq!(table(&pair.sync(), "visit").mode, Mode::Stamp);
    assert_eq!(difference(&pair.verify(), "visit"), (0, 1, 0));
    pair.settings.proof = ProofWish::Due;
    assert_eq!(table(&pair.sync(), "visit").deleted, 1);
    assert!(pair.verify().equal);
}

#[test]
fn more_edits_than_are_looked_up_one_by_one_are_found_by_a_proof() {
    let pair = stamped("MyISAM");
    pair.clinic.admin("UPDATE visit SET v = -v WHERE id % 20 = 0");
    let run = pair.sync();
    assert_eq!((table(&run, "visit").mode, table(&run, "visit").updated), (Mode::Proof, 2000));
    assert!(pair.verify().equal);
}

#[test]
fn an_index_that_the_server_ignores_keeps_nothing_back() {
    let pair = stamped("MyISAM");
    pair.clinic
        .admin("ALTER TABLE visit ALTER INDEX by_edit IGNORED; UPDATE visit SET v = -1 WHERE id = 100");
    let run = pair.sync();
    assert!(!run.any_held(), "{:#?}", run.troubles);
    assert_eq!((table(&run, "visit").mode, table(&run, "visit").updated), (Mode::Proof, 1));
    assert!(pair.verify().equal);
}

#[test]
fn a_stamp_in_the_future_hides_nothing_and_a_clock_that_went_back_is_not_believed() {
    let pair = stamped("MyISAM");
    pair.clinic.admin("UPDATE visit SET edited = '2037-01-01 00:00:00' WHERE id = 5");
    assert_eq!(table(&pair.sync(), "visit").updated, 1);
    pair.clinic.admin("UPDATE visit SET v = -6 WHERE id = 6");
    let run = pair.sync();
    assert_eq!((table(&run, "visit").mode, table(&run, "visit").updated), (Mode::Stamp, 1));
    assert!(pair.verify().equal);

    // As if the last run had seen a clock an hour ahead of today's.
    pair.target.admin(
        "UPDATE bicuspid.table_pass SET stamp_seen = stamp_seen + interval '1 hour', \
         clock_here = clock_here + interval '1 hour', clock_utc = clock_utc + interval '1 hour'",
    );
    let plan = pair.plan();
    assert!(
        plan.tables.is_empty() && plan.skipped.iter().any(|s| s.why.contains("clock went back")),
        "{plan:?}"
    );
}

#[test]
fn the_hour_that_comes_twice_in_autumn_is_read_twice() {
    let pair = stamped("MyISAM");
    // The last run was in the first of the two hours: local time was an hour further ahead of UTC than now.
    pair.target.admin(
        "UPDATE bicuspid.table_pass SET clock_utc = clock_utc - interval '30 minutes', \
         clock_here = clock_here + interval '30 minutes', stamp_seen = clock_here + interval '30 minutes'",
    );
    pair.clinic.admin("UPDATE visit SET v = -6 WHERE id = 6");
    let run = pair.sync();
    assert_eq!((table(&run, "visit").mode, table(&run, "visit").updated), (Mode::Stamp, 1));
    assert!(pair.verify().equal);
}

#[test]
fn a_table_without_a_stamp_is_read_at_its_end() {
    let mut pair = Pair::new("tail");
    pair.clinic.admin(
        "CREATE TABLE log (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL) ENGINE=MyISAM;
         CREATE TABLE bag (v INT NOT NULL) ENGINE=InnoDB;
         INSERT INTO log (v) SELECT seq FROM seq_1_to_30000;
         INSERT INTO bag VALUES (1);",
    );
    pair.sync();
    pair.settings.proof = ProofWish::None;
    pair.clinic.admin("INSERT INTO log (v) SELECT seq FROM seq_1_to_9000; INSERT INTO bag VALUES (2);");
    let run = pair.sync();
    let log = table(&run, "log");
    assert_eq!((log.mode, log.inserted, log.updated), (Mode::Tail, 9000, 0));
    assert!(log.rows_read <= 9000 + 8192, "{} rows read", log.rows_read);
    let bag = run.skipped.iter().find(|s| s.name == "bag").map(|s| s.why.as_str());
    assert!(bag.is_some_and(|why| why.contains("can only be read whole")), "{bag:?}");
    assert_eq!(difference(&pair.verify(), "log"), (0, 0, 0));

    pair.clinic.admin("UPDATE log SET v = 0 WHERE id = 1");
    assert_eq!(table(&pair.sync(), "log").outcome, TableOutcome::Unchanged);
    pair.settings.proof = ProofWish::Full;
    let run = pair.sync();
    assert_eq!((table(&run, "log").mode, table(&run, "log").updated), (Mode::Proof, 1));
    assert!(pair.verify().equal);
}

#[test]
fn large_tables_take_turns_within_the_budget() {
    let mut pair = Pair::new("turns");
    for name in ["a", "b", "c"] {
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL) ENGINE=MyISAM;
             INSERT INTO {name} (v) SELECT seq FROM seq_1_to_100"
        ));
    }
    pair.sync();
    let took = |ms: u32| pair.target.admin(&format!("UPDATE bicuspid.table_pass SET proof_ms = {ms}"));
    let aged = |name: &str, hours: u32| {
        pair.target.admin(&format!(
            "UPDATE bicuspid.table_state SET proved_at = now() - interval '{hours} hours' WHERE table_name = '{name}'"
        ));
    };
    took(60_000);
    for (name, hours) in [("a", 1), ("b", 3), ("c", 2)] {
        aged(name, hours);
    }
    let mode = |pair: &Pair, name: &str| {
        pair.plan().tables.iter().find(|t| t.name == name).map(|t| (t.mode, t.why.clone())).unwrap()
    };
    let modes = |pair: &Pair| ["a", "b", "c"].map(|name| mode(pair, name).0);
    assert_eq!(modes(&pair), [Mode::Tail, Mode::Proof, Mode::Proof], "two minutes are enough for two");
    aged("a", 24);
    assert_eq!(modes(&pair), [Mode::Proof, Mode::Proof, Mode::Tail], "the oldest comes first");
    pair.settings.proof_budget = Duration::ZERO;
    assert_eq!(modes(&pair), [Mode::Proof, Mode::Tail, Mode::Tail], "a proof that is too old is always due");
    assert!(mode(&pair, "a").1.contains("older than it may be"), "{:?}", mode(&pair, "a"));
    took(200);
    assert_eq!(modes(&pair), [Mode::Proof; 3], "small tables are always proved");
    pair.settings.proof = ProofWish::None;
    assert_eq!(modes(&pair), [Mode::Tail; 3]);
}

#[test]
fn a_deleted_row_that_left_a_tombstone_is_found_without_a_proof() {
    let mut pair = Pair::new("passes");
    pair.clinic.admin(
        "CREATE TABLE appointment (AptNum BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB;
         CREATE TABLE deletedobject (DeletedObjectNum BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
           ObjectNum BIGINT NOT NULL, ObjectType INT NOT NULL) ENGINE=InnoDB;
         INSERT INTO appointment (v) SELECT seq FROM seq_1_to_40000;
         INSERT INTO deletedobject (ObjectNum, ObjectType) VALUES (77777, 0), (77778, 3);",
    );
    pair.sync();
    pair.settings.proof = ProofWish::None;
    // One leaves a tombstone, one does not, and one tombstone is of another kind.
    pair.clinic.admin(
        "DELETE FROM appointment WHERE AptNum IN (12345, 30000);
         INSERT INTO deletedobject (ObjectNum, ObjectType) VALUES (12345, 0), (30000, 2);",
    );
    let run = pair.sync();
    let appointment = table(&run, "appointment");
    assert_eq!((appointment.mode, appointment.deleted), (Mode::Tail, 1));
    assert!(appointment.rows_read < 2 * 8192 + 1000, "{}", appointment.rows_read);
    assert_eq!(difference(&pair.verify(), "appointment"), (0, 1, 0));
    assert_eq!(table(&pair.sync(), "appointment").outcome, TableOutcome::Unchanged);
    pair.settings.proof = ProofWish::Due;
    assert_eq!(table(&pair.sync(), "appointment").deleted, 1);
    assert!(pair.verify().equal);
}

#[test]
fn many_changed_rows_in_many_parts_are_merged_and_proved_by_the_servers_hashes() {
    // A key, an index that is no primary key, and no key at all.
    for (engine, key) in
        [("MyISAM", "PRIMARY KEY (id)"), ("InnoDB", "UNIQUE KEY (id)"), ("InnoDB", "KEY (v)")]
    {
        let mut pair = Pair::new("many");
        pair.settings.chunk_rows = 500;
        pair.clinic.admin(&format!(
            "CREATE TABLE many (id BIGINT NOT NULL, v INT NOT NULL, note VARCHAR(40), d DOUBLE, {key}) ENGINE={engine};
             INSERT INTO many SELECT seq * 2, seq, IF(seq % 3 = 0, NULL, CONCAT('n', seq)), seq / 7 FROM seq_1_to_20000"
        ));
        pair.sync();
        let old = pair.cell("SELECT max(_loaded_at)::text FROM raw.many").unwrap();
        // Parts that changed lie between parts that did not, and some of them follow each other.
        pair.clinic.admin(
            "UPDATE many SET v = -v, note = 'new' WHERE id DIV 4000 IN (1, 2, 5, 9) AND id % 10 <> 0;
             DELETE FROM many WHERE id BETWEEN 20001 AND 20100 OR id > 39990;
             INSERT INTO many VALUES (30001, 0, 'odd', -0.0), (50000, 1, NULL, NULL)",
        );
        let run = pair.sync();
        let many = table(&run, "many");
        assert_eq!(many.outcome, TableOutcome::Published, "{key}");
        let (inserted, updated, deleted) = (many.inserted, many.updated, many.deleted);
        // Without a primary key an edit is a row gone and a row come.
        let (edits, gone, come) = (6_356, 55, 2);
        let expected =
            if key.starts_with("PRIMARY") { (come, edits, gone) } else { (come + edits, 0, gone + edits) };
        assert_eq!((inserted, updated, deleted), expected, "{key}");
        assert!(pair.verify().equal, "{key}");
        let kept = format!("SELECT count(*)::text FROM raw.many WHERE _loaded_at <= '{old}'");
        assert_eq!(
            pair.cell(&kept).as_deref(),
            Some("13589"),
            "{key}: what did not change is not written anew"
        );
        assert_eq!(table(&pair.sync(), "many").outcome, TableOutcome::Unchanged, "{key}");
    }
}

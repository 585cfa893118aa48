//! First load, second run, changes, and the proof.

use std::time::Duration;

use bicuspid_sandbox::testing;
use bicuspid_sync::{Mode, TableOutcome};

use crate::pair::{Pair, difference, table};

const TABLES: &str = "
CREATE TABLE patient (PatNum BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, LName VARCHAR(100), Birthdate DATE NOT NULL,
    Balance DOUBLE NOT NULL, DateTStamp TIMESTAMP NOT NULL) ENGINE=MyISAM DEFAULT CHARSET=utf8mb3;
CREATE TABLE place (a INT NOT NULL, b VARCHAR(20) NOT NULL, v INT, PRIMARY KEY (a, b)) ENGINE=InnoDB;
CREATE TABLE pairs (a INT NOT NULL, b INT NOT NULL, v INT, PRIMARY KEY (a, b)) ENGINE=InnoDB;
CREATE TABLE bag (v INT, w VARCHAR(10)) ENGINE=MyISAM;
CREATE TABLE nothing (id INT PRIMARY KEY) ENGINE=MyISAM;
CREATE VIEW glimpse AS SELECT PatNum FROM patient;
INSERT INTO patient (LName, Birthdate, Balance, DateTStamp)
    SELECT CONCAT('name ', seq), '1980-05-06' + INTERVAL seq DAY, seq / 4, '2024-01-02 03:04:05' FROM seq_1_to_20000;
INSERT INTO place SELECT seq MOD 7, CONCAT('k', seq), seq FROM seq_1_to_500;
INSERT INTO pairs SELECT seq MOD 7, seq, seq FROM seq_1_to_20000;
INSERT INTO bag VALUES (1, 'a'), (1, 'a'), (2, NULL), (2, '');
";

fn pair(prefix: &str) -> Pair {
    let pair = Pair::new(prefix);
    pair.clinic.admin(TABLES);
    pair
}

#[test]
fn the_first_run_copies_and_the_second_writes_nothing() {
    let pair = pair("flow");
    let first = pair.sync();
    assert!(!first.any_held(), "{:?}", first.troubles);
    for (name, rows) in [("patient", 20_000), ("place", 500), ("pairs", 20_000), ("bag", 4), ("nothing", 0)] {
        let table = table(&first, name);
        assert_eq!((table.mode, table.outcome), (Mode::First, TableOutcome::Published), "{name}");
        assert_eq!((table.rows_source, table.rows_target, table.inserted), (rows, rows, rows), "{name}");
    }
    assert!(first.skipped.iter().any(|s| s.name == "glimpse" && s.why.contains("view")));
    assert_eq!(pair.cell("SELECT sum(\"Balance\")::text FROM raw.patient").unwrap(), "50002500");
    let status = "SELECT rows_loaded::text FROM raw.etl_load_status WHERE table_name = 'patient' AND load_status = 'success'";
    assert_eq!(pair.cell(status).unwrap(), "20000");

    let names = ["patient", "place", "pairs", "bag", "nothing"];
    let before: Vec<_> = names.map(|n| pair.marks(n)).into();
    let second = pair.sync();
    for name in names {
        let table = table(&second, name);
        assert_eq!((table.mode, table.outcome), (Mode::Proof, TableOutcome::Unchanged), "{name}");
        assert_eq!((table.inserted, table.updated, table.deleted), (0, 0, 0), "{name}");
    }
    let after: Vec<_> = names.map(|n| pair.marks(n)).into();
    assert!(before == after, "a row of a data table was written");
    let verify = pair.verify();
    assert!(verify.equal, "{:?}", verify.tables);
}

#[test]
fn a_first_load_is_proved_by_the_server_alone() {
    let pair = pair("proof");
    pair.sync();
    // One scan for the hashes; rows that came back would be a second one. There is no key to build.
    let scans = || pair.cell("SELECT seq_scan::text FROM pg_stat_user_tables WHERE relname = 'bag'");
    testing::wait_until(Duration::from_secs(30), || scans().is_some_and(|scans| scans != "0"));
    assert_eq!(scans().as_deref(), Some("1"));
}

#[test]
fn a_row_that_changes_on_its_way_holds_its_table() {
    let pair = pair("on_its_way");
    // When the key is built the rows are there, and nothing is proved yet.
    pair.target.admin(
        "CREATE FUNCTION public.deed() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
             IF to_regclass('raw.pairs') IS NOT NULL THEN
                 UPDATE raw.pairs SET v = v + 1 WHERE b = 4711;
             END IF;
         END$$;
         CREATE EVENT TRIGGER deed ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION public.deed()",
    );
    let run = pair.sync();
    let held = table(&run, "pairs").held.clone().unwrap();
    assert_eq!(held.rule, "validate::fingerprint");
    assert_eq!(pair.cell("SELECT to_regclass('raw.pairs')::text"), None);
    assert_eq!(table(&run, "patient").outcome, TableOutcome::Published);
    pair.target.admin("DROP EVENT TRIGGER deed");
    let run = pair.sync();
    assert!(!run.any_held(), "{:?}", run.troubles);
    assert!(pair.verify().equal);
}

#[test]
fn changes_arrive_and_nothing_else_is_written() {
    let pair = pair("change");
    pair.sync();
    let untouched = pair.marks("patient");
    // The stamps are pinned: nothing but the rows themselves tells that they changed.
    pair.clinic.admin(
        "UPDATE patient SET LName = 'other', DateTStamp = DateTStamp WHERE PatNum = 17;
         DELETE FROM patient WHERE PatNum IN (9000, 20000);
         INSERT INTO patient (LName, Birthdate, Balance, DateTStamp) VALUES ('new', '2020-01-01', -0.0, '2024-01-02 03:04:05');
         UPDATE place SET v = NULL WHERE b = 'k77';
         DELETE FROM pairs WHERE b BETWEEN 100 AND 104;
         INSERT INTO bag VALUES (1, 'a');",
    );
    let verify = pair.verify();
    assert!(!verify.equal);
    assert_eq!(difference(&verify, "patient"), (1, 2, 1));
    assert_eq!(difference(&verify, "place"), (0, 0, 1));
    assert_eq!(difference(&verify, "pairs"), (0, 5, 0));
    assert_eq!(difference(&verify, "bag"), (1, 0, 0));
    assert_eq!(difference(&verify, "nothing"), (0, 0, 0));

    let run = pair.sync();
    assert!(!run.any_held(), "{:?}", run.troubles);
    let counts = |name: &str| {
        let t = table(&run, name);
        (t.inserted, t.updated, t.deleted)
    };
    assert_eq!(counts("patient"), (1, 1, 2));
    assert_eq!(counts("place"), (0, 1, 0));
    assert_eq!(counts("pairs"), (0, 0, 5));
    assert_eq!(counts("nothing"), (0, 0, 0));
    let verify = pair.verify();
    assert!(verify.equal, "{:?}", verify.tables);
    let still = pair.marks("patient").into_iter().filter(|row| untouched.contains(row)).count();
    assert_eq!(still, 20_000 - 3, "rows that did not change were not written");

    let again = pair.sync();
    assert!(again.tables.iter().all(|t| t.outcome == TableOutcome::Unchanged));
}

#[test]
fn verify_sees_what_was_done_to_the_target() {
    let pair = pair("attack");
    pair.sync();
    pair.target.admin(
        "UPDATE raw.patient SET \"Balance\" = \"Balance\" + 1e-9 WHERE \"PatNum\" = 5;
         DELETE FROM raw.patient WHERE \"PatNum\" = 6;
         INSERT INTO raw.patient (\"PatNum\", \"LName\", \"Birthdate\", \"Balance\", \"DateTStamp\")
             VALUES (-1, 'x', '2020-01-01', 0, '2020-01-01'), (99999, 'x', '2020-01-01', 0, '2020-01-01');
         UPDATE raw.bag SET w = '' WHERE w IS NULL;
         UPDATE raw.place SET b = 'K77' WHERE b = 'k77';
         UPDATE raw.pairs SET v = CASE b WHEN 8 THEN 9 ELSE 8 END WHERE b IN (8, 9)",
    );
    let verify = pair.verify();
    assert_eq!(difference(&verify, "patient"), (1, 2, 1));
    assert_eq!(difference(&verify, "bag"), (1, 1, 0));
    assert_eq!(difference(&verify, "place"), (1, 1, 0));
    assert_eq!(difference(&verify, "pairs"), (0, 0, 2));
    assert_eq!(difference(&verify, "nothing"), (0, 0, 0));
}

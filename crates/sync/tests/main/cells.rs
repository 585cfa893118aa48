//! Rows that came as they came the last time are known without being decoded, and nothing is missed for it.

use bicuspid_sync::{LinkWish, Mode, SyncReport, TableOutcome};

use crate::pair::{Pair, table};

const ENGINES: [&str; 2] = ["MyISAM", "InnoDB"];

/// A table of some chunks in this engine; the rows of the fifth thousand have a date that does not exist.
fn visits(engine: &str) -> Pair {
    let mut pair = Pair::new("cells");
    pair.clinic.admin(&format!(
        "CREATE TABLE visit (id BIGINT NOT NULL PRIMARY KEY, a VARCHAR(30), b VARCHAR(30) NOT NULL, f FLOAT,
         d DATE NOT NULL, t TIME, flag TINYINT UNSIGNED NOT NULL, photo BLOB, price DECIMAL(10,2),
         edited TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP) \
         ENGINE={engine} DEFAULT CHARSET=latin1;
         SET sql_mode = '';
         INSERT INTO visit SELECT seq, IF(seq % 7 = 0, NULL, CONCAT('a', seq)), CONCAT('b', seq), seq / 3,
         IF(seq BETWEEN 4001 AND 5000, '0000-00-00', '2026-01-05'), SEC_TO_TIME(seq), seq % 2, CONCAT('p', seq),
         seq / 100, '2026-01-05 10:00:00' FROM seq_1_to_10000;"
    ));
    pair.settings.chunk_rows = 1000;
    pair.settings.link = LinkWish::Fat;
    pair
}

/// The chunks with their rows and whether they have a hash of the rows as they came.
fn known(pair: &Pair) -> Vec<(u64, bool)> {
    let sql = "SELECT row_count::text, (cell_sum IS NOT NULL)::text FROM bicuspid.chunk ORDER BY ordinal";
    let row = |row: Vec<Option<String>>| {
        (row[0].as_deref().unwrap().parse().unwrap(), row[1].as_deref() == Some("true"))
    };
    pair.target.query(sql).into_iter().map(row).collect()
}

fn outcome(run: &SyncReport) -> (Mode, TableOutcome, u64) {
    let visit = table(run, "visit");
    (visit.mode, visit.outcome, visit.rows_read)
}

#[test]
fn rows_are_decoded_once_and_known_afterwards() {
    for engine in ENGINES {
        let pair = visits(engine);
        let first = pair.sync();
        let replaced = table(&first, "visit").converted.clone();
        assert_eq!(replaced.iter().map(|c| c.count).collect::<Vec<_>>(), [1000], "{engine}");
        assert!(
            known(&pair).iter().all(|(_, is_known)| !is_known),
            "{engine}: a first load compares nothing"
        );

        let before = pair.marks("visit");
        let proof = pair.sync();
        assert_eq!(outcome(&proof), (Mode::Proof, TableOutcome::Unchanged, 10_000), "{engine}");
        assert_eq!(pair.marks("visit"), before, "{engine}: no row is written");
        let chunks = known(&pair);
        let unknown: u64 = chunks.iter().filter(|(_, is_known)| !is_known).map(|(rows, _)| rows).sum();
        assert!(unknown >= 1000, "{engine}: rows with replaced values are decoded each time");
        assert!(chunks.iter().any(|(_, is_known)| *is_known), "{engine}: {chunks:?}");

        // Fingerprints that are false, and yet add up, are not looked at where the rows came as they did.
        let known_places: Vec<usize> = (0..chunks.len()).filter(|&i| chunks[i].1).collect();
        let (one, two) = (known_places[0] + 1, known_places[1] + 1);
        let swap = format!(
            "UPDATE bicuspid.chunk AS c SET row_sum = o.row_sum FROM bicuspid.chunk AS o \
             WHERE (c.ordinal, o.ordinal) IN (({one}, {two}), ({two}, {one}))"
        );
        let sums = || pair.target.query("SELECT row_sum::text FROM bicuspid.chunk ORDER BY ordinal");
        let right = sums();
        let _ = pair.target.query(&swap);
        let wrong = sums();
        let run = pair.sync();
        assert_eq!(outcome(&run), (Mode::Proof, TableOutcome::Unchanged, 10_000), "{engine}");
        assert_eq!(
            table(&run, "visit").converted,
            replaced,
            "{engine}: what is replaced is counted in every pass"
        );

        assert_ne!(wrong, right, "{engine}");
        assert_eq!(sums(), wrong, "{engine}");

        // Without the hash of the rows as they came they are, and the target's own rows show that nothing differs.
        let _ = pair.target.query("UPDATE bicuspid.chunk SET cell_sum = NULL");
        let run = pair.sync();
        let visit = table(&run, "visit");
        assert_eq!((visit.inserted, visit.updated, visit.deleted), (0, 0, 0), "{engine}");
        assert_ne!(sums(), wrong, "{engine}: what was recorded is put right");
        assert_eq!(pair.marks("visit"), before, "{engine}");
        assert_eq!(outcome(&pair.sync()).1, TableOutcome::Unchanged, "{engine}");
        assert!(pair.verify().equal, "{engine}");
    }
}

#[test]
fn every_change_of_a_cell_is_found() {
    for engine in ENGINES {
        let pair = visits(engine);
        pair.sync();
        pair.sync();
        for (what, change, counts) in [
            ("a text", "UPDATE visit SET a = 'other', edited = edited WHERE id = 10", (0, 1, 0)),
            ("NULL made empty", "UPDATE visit SET a = '', edited = edited WHERE id = 7", (0, 1, 0)),
            ("empty made NULL", "UPDATE visit SET a = NULL, edited = edited WHERE id = 7", (0, 1, 0)),
            ("a blank", "UPDATE visit SET b = CONCAT(b, ' '), edited = edited WHERE id = 11", (0, 1, 0)),
            ("a flag", "UPDATE visit SET flag = 1 - flag, edited = edited WHERE id = 12", (0, 1, 0)),
            ("a cent", "UPDATE visit SET price = price + 0.01, edited = edited WHERE id = 13", (0, 1, 0)),
            ("a second", "UPDATE visit SET t = ADDTIME(t, 1), edited = edited WHERE id = 14", (0, 1, 0)),
            (
                "a letter moved",
                "UPDATE visit SET a = CONCAT(a, 'b'), b = SUBSTRING(b, 2), edited = edited WHERE id = 15",
                (0, 1, 0),
            ),
            (
                "two rows exchanged",
                "UPDATE visit SET a = CONCAT('a', 33 - id), edited = edited WHERE id IN (16, 17)",
                (0, 2, 0),
            ),
            ("the stamp alone", "UPDATE visit SET edited = '2026-01-05 10:00:01' WHERE id = 18", (0, 1, 0)),
            ("a key", "UPDATE visit SET id = 99999, edited = edited WHERE id = 19", (1, 0, 1)),
            (
                "a row more and one less",
                "DELETE FROM visit WHERE id = 20; INSERT INTO visit (id, b, d, flag) \
              VALUES (100000, 'b', '2026-01-05', 0)",
                (1, 0, 1),
            ),
            ("the last row", "DELETE FROM visit WHERE id = 100000", (0, 0, 1)),
            (
                "all of a chunk",
                "UPDATE visit SET b = 'same', edited = edited WHERE id BETWEEN 7001 AND 8500",
                (0, 1500, 0),
            ),
        ] {
            pair.clinic.admin(change);
            let run = pair.sync();
            let visit = table(&run, "visit");
            assert_eq!(visit.outcome, TableOutcome::Published, "{engine}: {what}");
            assert_eq!((visit.inserted, visit.updated, visit.deleted), counts, "{engine}: {what}");
            assert_eq!(outcome(&pair.sync()).1, TableOutcome::Unchanged, "{engine}: {what}");
        }
        assert!(pair.verify().equal, "{engine}");
    }
}

#[test]
fn values_that_become_or_cease_to_be_replaceable_are_counted() {
    for engine in ENGINES {
        let pair = visits(engine);
        pair.sync();
        pair.sync();
        let counted = |run: &SyncReport| table(run, "visit").converted.iter().map(|c| c.count).sum::<u64>();
        pair.clinic.admin("SET sql_mode = ''; UPDATE visit SET d = '0000-00-00' WHERE id = 9000");
        // A chunk that was read twice to be of one moment counts twice.
        assert!(counted(&pair.sync()) >= 1001, "{engine}");
        assert_eq!(counted(&pair.sync()), 1001, "{engine}");
        pair.clinic
            .admin("SET sql_mode = ''; UPDATE visit SET d = '2026-02-01' WHERE id BETWEEN 4001 AND 5000");
        pair.sync();
        assert_eq!(counted(&pair.sync()), 1, "{engine}");
        assert!(pair.verify().equal, "{engine}");
    }
}

#[test]
fn a_hash_of_another_form_is_as_good_as_none() {
    for engine in ENGINES {
        let pair = visits(engine);
        pair.sync();
        pair.sync();
        // The bytes of no row change, and what they stand for might.
        pair.clinic.admin("ALTER TABLE visit MODIFY flag TINYINT NOT NULL");
        assert_eq!(outcome(&pair.sync()).0, Mode::Full, "{engine}");
        assert!(known(&pair).iter().all(|(_, is_known)| !is_known), "{engine}");
        pair.sync();
        let sums = || pair.target.query("SELECT cell_sum::text FROM bicuspid.chunk ORDER BY ordinal");
        let before = sums();
        // As another version of the program would have made it.
        let _ = pair.target.query(
            "UPDATE bicuspid.chunk SET cell_sum = decode(repeat('ab', 16), 'hex') WHERE cell_sum IS NOT NULL",
        );
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 10_000), "{engine}");
        assert_eq!(sums(), before, "{engine}: it was written anew");
        assert!(pair.verify().equal, "{engine}");
    }
}

/// How people mend letters that were stored in the wrong character set: no byte changes, and every letter does.
#[test]
fn letters_that_change_without_a_byte_are_found() {
    for (engine, link) in [
        ("MyISAM", LinkWish::Fat),
        ("InnoDB", LinkWish::Fat),
        ("MyISAM", LinkWish::Thin),
        ("InnoDB", LinkWish::Thin),
    ] {
        let mut pair = Pair::new("letters");
        pair.settings.link = link;
        pair.clinic.admin(&format!(
            "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(50) CHARACTER SET latin1 NOT NULL) ENGINE={engine};
             INSERT INTO t SELECT seq, CONVERT(UNHEX('C3A9') USING latin1) FROM seq_1_to_3000"
        ));
        let letters = || pair.cell("SELECT string_agg(DISTINCT \"v\", '|') FROM raw.t").unwrap();
        for _ in 0..3 {
            pair.sync();
        }
        assert_eq!(letters(), "\u{c3}\u{a9}", "{engine} {link:?}");
        pair.clinic.admin(
            "ALTER TABLE t MODIFY v VARBINARY(50) NOT NULL;
             ALTER TABLE t MODIFY v VARCHAR(50) CHARACTER SET utf8mb4 NOT NULL",
        );
        let run = pair.sync();
        assert_eq!(table(&run, "t").updated, 3_000, "{engine} {link:?}");
        assert_eq!(letters(), "\u{e9}", "{engine} {link:?}");
        assert!(pair.verify().equal, "{engine} {link:?}");
        assert_eq!(outcome_of(&pair.sync()), TableOutcome::Unchanged, "{engine} {link:?}");
    }
}

fn outcome_of(run: &SyncReport) -> TableOutcome {
    table(run, "t").outcome
}

//! Somebody alters the target by hand: the copy becomes what the source is again, or is held by a rule that says why.

use bicuspid_sync::{Mode, ProofWish, TableOutcome};

use crate::pair::{Pair, table};

const TABLES: &str = "
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v BIGINT NOT NULL, w VARCHAR(10)) ENGINE=MyISAM;
INSERT INTO t SELECT seq, seq + 5000000000, CONCAT('w', seq) FROM seq_1_to_300;
CREATE TABLE bag (v INT, w INT) ENGINE=MyISAM; INSERT INTO bag SELECT seq MOD 7, seq FROM seq_1_to_50;
CREATE TABLE other (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=MyISAM; INSERT INTO other VALUES (1, 0);
";

fn pair(prefix: &str) -> Pair {
    let pair = Pair::new(prefix);
    pair.clinic.admin(TABLES);
    assert!(!pair.sync().any_held());
    pair
}

/// A column that is gone from the target is filled in every row, although nothing changed at the source.
#[test]
fn a_column_that_was_dropped_or_narrowed_on_the_target_is_filled_again() {
    for hand in [
        "ALTER TABLE raw.t DROP COLUMN w; ALTER TABLE raw.bag DROP COLUMN w",
        "ALTER TABLE raw.t RENAME COLUMN w TO x; ALTER TABLE raw.bag RENAME COLUMN w TO x",
        "ALTER TABLE raw.t ALTER COLUMN v TYPE integer USING (v % 100)::integer; ALTER TABLE raw.bag DROP COLUMN v",
    ] {
        // With proofs that are due, and with none: then a pass reads but a part of a table.
        for proof in [ProofWish::Due, ProofWish::None] {
            let mut pair = pair("dropped");
            pair.settings.proof = proof;
            pair.target.admin(hand);
            pair.clinic.admin("UPDATE other SET v = v + 1");
            assert!(!pair.verify().equal, "{hand}");
            let run = pair.sync();
            assert!(!run.any_held(), "{hand}: {:#?}", run.troubles);
            for name in ["t", "bag"] {
                assert_eq!(table(&run, name).mode, Mode::Full, "{hand}: {name}");
            }
            assert_eq!(table(&run, "t").updated, 300, "{hand}");
            let wrong = "SELECT count(*)::text FROM raw.t WHERE v IS DISTINCT FROM id + 5000000000 OR w IS DISTINCT FROM 'w' || id";
            assert_eq!(pair.cell(wrong).as_deref(), Some("0"), "{hand}");
            let verify = pair.verify();
            assert!(verify.equal, "{hand}: {:?}", verify.tables);
            let run = pair.sync();
            assert!(run.tables.iter().all(|t| t.outcome == TableOutcome::Unchanged && t.mode != Mode::Full));
        }
    }
}

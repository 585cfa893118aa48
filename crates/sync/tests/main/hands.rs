//! Somebody alters the target by hand: the copy becomes what the source is again, or is held by a rule that says why.

use bicuspid_model::Class;
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

/// A column of the target's own that the server fills by itself stays as it is.
#[test]
fn a_column_that_the_target_fills_by_itself_is_left_alone() {
    for keyed in [true, false] {
        let pair = pair("filled");
        let name = if keyed { "t" } else { "bag" };
        pair.target.admin(&format!(
            "ALTER TABLE raw.{name} ADD sk bigint GENERATED ALWAYS AS IDENTITY, ADD batch integer NOT NULL DEFAULT 7,
             ADD twice bigint NOT NULL GENERATED ALWAYS AS (v * 2) STORED, ADD mine text NOT NULL DEFAULT ''; ALTER TABLE raw.{name} ALTER mine DROP DEFAULT"
        ));
        pair.clinic.admin(
            "UPDATE t SET w = 'new' WHERE id = 3; INSERT INTO t VALUES (301, 1, 'x'); INSERT INTO bag VALUES (1, 1)",
        );
        let run = pair.sync();
        assert!(!run.any_held(), "{name}: {:#?}", run.troubles);
        assert!(pair.verify().equal);
        let own =
            format!("SELECT count(*)::text FROM raw.{name} WHERE sk IS NULL OR batch <> 7 OR twice <> v * 2");
        assert_eq!(pair.cell(&own).as_deref(), Some("0"));
        let mine = format!("SELECT count(*)::text FROM raw.{name} WHERE mine IS NULL");
        assert_eq!(pair.cell(&mine).as_deref(), Some("1"), "what nobody fills may be NULL");
    }
}

/// The same of a table that another tool made, which counts its rows.
#[test]
fn a_table_that_counts_its_rows_is_taken_over() {
    let mut pair = Pair::new("counted");
    pair.clinic.admin(TABLES);
    pair.target.admin(&format!(
        "CREATE SCHEMA IF NOT EXISTS raw; ALTER SCHEMA raw OWNER TO \"{0}\";
         CREATE TABLE raw.t (sk bigint GENERATED ALWAYS AS IDENTITY, id integer, v bigint, w text, mine text NOT NULL);
         ALTER TABLE raw.t OWNER TO \"{0}\"; INSERT INTO raw.t (id, v, w, mine) VALUES (1, 1, 'old', ''), (-1, 1, 'gone', '')",
        pair.target.endpoint.user
    ));
    pair.settings.adopt = true;
    let run = pair.sync();
    assert!(!run.any_held(), "{:#?}", run.tables);
    assert_eq!((table(&run, "t").inserted, table(&run, "t").updated, table(&run, "t").deleted), (299, 1, 1));
    assert!(pair.verify().equal);
}

/// What PostgreSQL does not let be done to a table holds the table, not the run.
#[test]
fn a_table_that_cannot_be_altered_is_held_alone() {
    for (hand, rule) in [
        // It would have to be filled again, and belongs to somebody else now.
        ("ALTER TABLE raw.t DROP COLUMN w; ALTER TABLE raw.t OWNER TO postgres", "validate::alter_refused"),
        // A key of another shape: its columns cannot lose their NOT NULL.
        (
            "ALTER TABLE raw.t ADD site integer NOT NULL DEFAULT 1; ALTER TABLE raw.t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, site); \
             ALTER TABLE raw.t ALTER site DROP DEFAULT",
            "validate::alter_refused",
        ),
        (
            "ALTER TABLE raw.t DROP COLUMN w; ALTER TABLE raw.t ADD w text GENERATED ALWAYS AS ('w') STORED",
            "validate::computed",
        ),
    ] {
        let pair = pair("refused");
        let role = &pair.target.endpoint.user;
        pair.target.admin(&format!("{hand}; GRANT ALL ON raw.t TO \"{role}\""));
        pair.clinic.admin("UPDATE t SET w = 'new' WHERE id = 3; UPDATE other SET v = v + 1");
        let run = pair.sync();
        let held = table(&run, "t").held.as_ref().unwrap();
        assert_eq!(held.rule, rule, "{hand}");
        assert!(held.remedy.contains("by hand"), "{}", held.remedy);
        assert_eq!(table(&run, "other").updated, 1, "{hand}");
        assert_eq!(pair.cell("SELECT v::text FROM raw.other").as_deref(), Some("1"));
        let failed = "SELECT load_status FROM raw.etl_load_status WHERE table_name = 't'";
        assert_eq!(pair.cell(failed).as_deref(), Some("failed"), "{hand}");
    }
}

/// The reader's rights come after the run was published: whatever is wrong with them, the report tells what is there.
#[test]
fn a_reader_that_cannot_be_let_in_does_not_undo_the_run() {
    let mut pair = pair("reader");
    let role = format!("{}_reader", pair.target.endpoint.user);
    pair.settings.reader_role = Some(format!("{role}x"));
    pair.clinic.admin("UPDATE other SET v = v + 1");
    let run = pair.sync();
    let trouble = run.troubles.first().unwrap();
    assert_eq!((trouble.code.as_str(), trouble.class), ("target::reader_role", Class::Held));
    assert!(trouble.why.contains("no such role"), "{}", trouble.why);
    assert_eq!((run.troubles.len(), run.tables.len(), table(&run, "other").updated), (1, 3, 1));

    // Somebody else's tables in the schema are not ours to give away.
    pair.target.admin(&format!(
        "CREATE ROLE {role}; CREATE TABLE raw.theirs (id int); CREATE VIEW raw.their_view AS SELECT 1 AS id"
    ));
    pair.settings.reader_role = Some(role.clone());
    pair.clinic.admin("UPDATE other SET v = v + 1; CREATE TABLE late (id INT PRIMARY KEY)");
    let run = pair.sync();
    assert!(run.troubles.is_empty(), "{:?}", run.troubles);
    let may = |name: &str| {
        pair.cell(&format!("SELECT has_table_privilege('{role}', 'raw.{name}', 'SELECT')::text"))
    };
    for name in ["t", "bag", "other", "late", "etl_load_status"] {
        assert_eq!(may(name).as_deref(), Some("true"), "{name}");
    }
    for name in ["theirs", "their_view"] {
        assert_eq!(may(name).as_deref(), Some("false"), "{name}");
    }
    pair.target.admin(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// A table that is held as it is published keeps its old rows, and the report says how many these are.
#[test]
fn a_table_that_is_held_at_the_end_is_told_with_the_rows_that_it_has() {
    let pair = pair("told");
    pair.clinic.admin("ALTER TABLE t ADD d DATE NOT NULL DEFAULT '2024-01-01'");
    assert!(!pair.sync().any_held());
    pair.target.admin("ALTER TABLE raw.t ADD CONSTRAINT few CHECK (id < 400)");
    pair.clinic.admin(
        "SET sql_mode = ''; INSERT INTO t SELECT seq, seq, 'late', '0000-00-00' FROM seq_1001_to_1040; UPDATE other SET v = v + 1",
    );
    let run = pair.sync();
    let held = table(&run, "t");
    assert_eq!(held.held.as_ref().unwrap().rule, "validate::constraint");
    assert_eq!((held.rows_target, held.inserted), (300, 0));
    assert!(held.converted.is_empty(), "{:?}", held.converted);
    let recorded = format!(
        "SELECT t ->> 'rows_target' FROM bicuspid.run, jsonb_array_elements(record -> 'tables') AS t \
         WHERE run_id = '{}' AND t ->> 'name' = 't'",
        run.run_id
    );
    assert_eq!(pair.cell(&recorded).as_deref(), Some("300"));
    assert_eq!(table(&run, "other").updated, 1);
    pair.target.admin("ALTER TABLE raw.t DROP CONSTRAINT few");
    let run = pair.sync();
    assert_eq!((table(&run, "t").rows_target, table(&run, "t").converted.len()), (340, 1));
}

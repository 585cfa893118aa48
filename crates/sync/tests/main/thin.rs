//! Runs over a thin link: what the server shows unchanged by its own hashes is not read, and what changed is found.

use bicuspid_sandbox::testing::Proxy;
use bicuspid_source::Pace;
use bicuspid_sync::{LinkMode, LinkWish, Mode, SyncReport, TableOutcome};

use crate::pair::{Pair, table};

const ENGINES: [&str; 2] = ["MyISAM", "InnoDB"];

/// A table of some chunks, in this engine, with columns whose edits are easily missed.
fn thin(engine: &str) -> Pair {
    let mut pair = Pair::new("thin");
    pair.clinic.admin(&format!(
        "CREATE TABLE visit (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(30), b VARCHAR(30) NOT NULL,
         f FLOAT, d DATE NOT NULL, note TEXT,
         edited TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY by_edit (edited)) \
         ENGINE={engine} DEFAULT CHARSET=latin1;
         SET sql_mode = '';
         INSERT INTO visit (a, b, f, d, note, edited) SELECT IF(seq % 7 = 0, NULL, CONCAT('a', seq)), CONCAT('b', seq),
         seq / 3, IF(seq % 50 = 0, '0000-00-00', '2026-01-05'), REPEAT('n', seq % 90), '2026-01-05 10:00:00'
         FROM seq_1_to_20000;"
    ));
    pair.settings.chunk_rows = 1000;
    pair.settings.link = LinkWish::Thin;
    pair
}

/// Chunks of `visit` that have a hash of the server's, and all of them.
fn hashed(pair: &Pair) -> String {
    let sql = "SELECT count(server_sum) || ' of ' || count(*) FROM bicuspid.chunk WHERE table_name = 'visit'";
    pair.cell(sql).unwrap()
}

/// Transaction of every chunk of `visit`: it moves if the chunk's record is written.
fn chunk_marks(pair: &Pair) -> Vec<Vec<Option<String>>> {
    pair.target.query("SELECT ordinal::text, xmin::text FROM bicuspid.chunk ORDER BY table_name, ordinal")
}

fn outcome(run: &SyncReport) -> (Mode, TableOutcome, u64) {
    let visit = table(run, "visit");
    (visit.mode, visit.outcome, visit.rows_read)
}

#[test]
fn what_did_not_change_is_asked_about_and_not_read() {
    for engine in ENGINES {
        let pair = thin(engine);
        let first = pair.sync();
        assert_eq!(first.link.mode, LinkMode::Thin);
        assert_eq!(first.link.why, "asked for");
        let visit = table(&first, "visit");
        assert_eq!((visit.chunks_asked, visit.chunks_equal), (0, 0), "{engine}: nothing is known yet");
        let replaced = visit.converted.clone();
        assert_eq!(replaced.len(), 1, "{engine}: dates that do not exist");
        let (all, before, records) = (hashed(&pair), pair.marks("visit"), chunk_marks(&pair));

        let run = pair.sync();
        assert_eq!(outcome(&run), (Mode::Proof, TableOutcome::Unchanged, 0), "{engine}");
        let visit = table(&run, "visit");
        let chunks = u64::try_from(records.len()).unwrap();
        assert_eq!((visit.chunks_asked, visit.chunks_equal), (chunks, chunks), "{engine}");
        assert_eq!(all, format!("{chunks} of {chunks}"), "{engine}: a first load records its hashes");
        assert_eq!((run.source.bytes, run.source.rows_hashed), (0, 20_000), "{engine}");
        assert!(run.source.statements <= chunks + 1, "{engine}: {} statements", run.source.statements);
        assert_eq!(visit.converted, replaced, "{engine}: what was replaced is remembered");
        assert_eq!(visit.rows_source, 20_000, "{engine}");
        assert_eq!(
            (pair.marks("visit"), chunk_marks(&pair)),
            (before, records),
            "{engine}: nothing is written"
        );
        let proof = |pair: &Pair| {
            pair.cell(
                "SELECT (proved_at = last_checked_at) || ' ' || by_hash || ' ' || (rows_read_at < proved_at) \
                 FROM bicuspid.table_state JOIN bicuspid.table_pass USING (table_name)",
            )
        };
        assert_eq!(proof(&pair).as_deref(), Some("true true true"), "{engine}: who says so is kept");
        assert!(pair.verify().equal, "{engine}");
    }
}

#[test]
fn a_copy_that_was_read_over_a_fat_link_gets_its_hashes_once() {
    for engine in ENGINES {
        let mut pair = thin(engine);
        pair.settings.link = LinkWish::Fat;
        let first = pair.sync();
        assert_eq!((first.link.mode, first.link.bytes_per_second), (LinkMode::Fat, None));
        assert!(hashed(&pair).starts_with("0 of "), "{engine}: {}", hashed(&pair));
        let before = pair.marks("visit");
        pair.settings.link = LinkWish::Thin;
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 20_000), "{engine}");
        assert!(!hashed(&pair).starts_with("0 of "), "{engine}");
        let hashes =
            || pair.target.query("SELECT server_sum, server_recipe FROM bicuspid.chunk ORDER BY ordinal");
        let records = hashes();
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 0), "{engine}");

        // Runs over a fat link leave the hashes of what they found unchanged alone.
        pair.settings.link = LinkWish::Fat;
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 20_000), "{engine}");
        let sql = "SELECT by_hash::text FROM bicuspid.table_pass";
        assert_eq!(pair.cell(sql).as_deref(), Some("false"), "{engine}: its rows were read");
        pair.settings.link = LinkWish::Thin;
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 0), "{engine}");
        assert_eq!((pair.marks("visit"), hashes()), (before, records), "{engine}");
    }
}

#[test]
fn every_kind_of_change_is_found_and_little_else_is_read() {
    for engine in ENGINES {
        let pair = thin(engine);
        pair.sync();
        for (what, change, counts) in [
            ("a pinned stamp", "SET a = 'other', edited = edited WHERE id = 10000", (0, 1, 0)),
            ("NULL made empty", "SET a = '', edited = edited WHERE id = 7000", (0, 1, 0)),
            ("a blank", "SET b = CONCAT(b, ' '), edited = edited WHERE id = 7001", (0, 1, 0)),
            ("a capital", "SET b = UPPER(b), edited = edited WHERE id = 7002", (0, 1, 0)),
            ("an accent", "SET b = REPLACE(b, 'b', X'DF'), edited = edited WHERE id = 7003", (0, 1, 0)),
            (
                "the last bit of a float",
                "SET f = f * (1 + 1.2e-7), edited = edited WHERE id = 7004",
                (0, 1, 0),
            ),
            (
                "a letter moved",
                "SET a = CONCAT(a, 'x'), b = SUBSTRING(b, 2), edited = edited WHERE id = 7006",
                (0, 1, 0),
            ),
            (
                "two rows exchanged",
                "SET a = CONCAT('a', 20003 - id), edited = edited WHERE id IN (10001, 10002)",
                (0, 2, 0),
            ),
            ("a key", "SET id = 999999, edited = edited WHERE id = 12000", (1, 0, 1)),
        ] {
            pair.clinic.admin(&format!("UPDATE visit {change}"));
            let run = pair.sync();
            let visit = table(&run, "visit");
            assert_eq!(visit.outcome, TableOutcome::Published, "{engine}: {what}");
            assert_eq!((visit.inserted, visit.updated, visit.deleted), counts, "{engine}: {what}");
            assert!(visit.rows_read < 4000, "{engine}: {what}: {} rows read", visit.rows_read);
            assert!(visit.chunks_equal > 0, "{engine}: {what}");
        }
        assert!(pair.verify().equal, "{engine}");
        pair.clinic.admin(
            "DELETE FROM visit WHERE id IN (1, 5000, 20000) OR id BETWEEN 9000 AND 9100;
             INSERT INTO visit (a, b, d) SELECT seq, seq, '2026-02-01' FROM seq_1_to_3000",
        );
        let run = pair.sync();
        let visit = table(&run, "visit");
        assert_eq!((visit.inserted, visit.updated, visit.deleted), (3000, 0, 104), "{engine}");
        assert!(pair.verify().equal, "{engine}");
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 0), "{engine}");
    }
}

#[test]
fn a_hash_that_cannot_be_used_leads_to_reading_and_to_nothing_else() {
    for engine in ENGINES {
        let pair = thin(engine);
        pair.sync();
        let before = pair.marks("visit");
        for (what, sql, all) in [
            ("another recipe", "UPDATE bicuspid.chunk SET server_recipe = '\\x0123456789abcdef'", true),
            (
                "a false sum",
                "UPDATE bicuspid.chunk SET server_sum = decode(repeat('00', 16), 'hex') WHERE ordinal = 3",
                false,
            ),
            ("no sum", "UPDATE bicuspid.chunk SET server_sum = '\\x00' WHERE ordinal = 2", false),
            (
                "no hash",
                "UPDATE bicuspid.chunk SET server_sum = NULL, server_recipe = NULL WHERE ordinal = 1",
                false,
            ),
        ] {
            let _ = pair.target.query(sql);
            let (mode, told, rows) = outcome(&pair.sync());
            assert_eq!((mode, told), (Mode::Proof, TableOutcome::Unchanged), "{engine}: {what}");
            assert!(if all { rows == 20_000 } else { rows > 0 && rows < 4000 }, "{engine}: {what}: {rows}");
            assert_eq!(outcome(&pair.sync()).2, 0, "{engine}: {what}: it was recorded anew");
            assert_eq!(pair.marks("visit"), before, "{engine}: {what}");
        }
        // A sum that is false does not hide a change of the rows, and one of the columns is another recipe.
        pair.clinic.admin("ALTER TABLE visit ADD COLUMN more INT NOT NULL DEFAULT 3");
        assert_eq!(outcome(&pair.sync()), (Mode::Full, TableOutcome::Published, 20_000), "{engine}");
        assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 0), "{engine}");
        assert!(pair.verify().equal, "{engine}");
    }
}

#[test]
fn a_copy_of_an_older_version_learns_to_keep_hashes() {
    let mut pair = thin("MyISAM");
    pair.settings.link = LinkWish::Fat;
    pair.sync();
    let _ = pair.target.query(
        "ALTER TABLE bicuspid.chunk DROP COLUMN server_sum, DROP COLUMN server_recipe, DROP COLUMN cell_sum",
    );
    let _ =
        pair.target.query("ALTER TABLE bicuspid.table_pass DROP COLUMN by_hash, DROP COLUMN rows_read_at");
    let plan = pair.plan();
    assert_eq!(plan.tables.len(), 1);
    pair.settings.link = LinkWish::Thin;
    assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 20_000));
    assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 0));
}

#[test]
fn secrets_are_not_hashed_and_a_table_without_a_key_is_read() {
    let mut pair = Pair::new("thin_odd");
    pair.clinic.admin(
        "CREATE TABLE userod (UserNum BIGINT PRIMARY KEY, UserName VARCHAR(20), Password VARCHAR(200)) ENGINE=InnoDB;
         INSERT INTO userod VALUES (1, 'anna', 'secret'), (2, 'bert', 'secret');
         CREATE TABLE bag (v INT) ENGINE=MyISAM; INSERT INTO bag VALUES (1), (1), (2)",
    );
    pair.settings.link = LinkWish::Thin;
    pair.sync();
    let plan = pair.plan();
    let why = |name: &str| plan.tables.iter().find(|t| t.name == name).unwrap().why.clone();
    assert!(why("userod").ends_with("; by the server's own hashes first"), "{}", why("userod"));
    assert!(
        why("bag").ends_with("; without the server's hashes: it has no key to walk by"),
        "{}",
        why("bag")
    );
    pair.clinic.admin("UPDATE userod SET Password = 'another'");
    let run = pair.sync();
    let users = table(&run, "userod");
    assert_eq!((users.outcome, users.rows_read), (TableOutcome::Unchanged, 0), "a secret takes no part");
    assert_eq!(table(&run, "bag").rows_read, 3);
    pair.clinic.admin("UPDATE userod SET UserName = 'Anna' WHERE UserNum = 1; DELETE FROM bag LIMIT 1");
    let run = pair.sync();
    assert_eq!((table(&run, "userod").updated, table(&run, "bag").deleted), (1, 1));
    assert!(pair.verify().equal);
}

#[test]
fn a_link_that_is_slower_than_the_server_hashes_is_taken_for_thin() {
    let mut pair = thin("MyISAM");
    pair.settings.link = LinkWish::Auto;
    pair.options.pace = Pace::Kind;
    let proxy = Proxy::before(&pair.clinic.endpoint);
    proxy.limit(2_000_000);
    pair.clinic.endpoint = proxy.endpoint();
    let plan = pair.plan();
    assert_eq!(plan.link.mode, LinkMode::Thin, "{:?}", plan.link);
    assert!(plan.link.bytes_per_second.unwrap() <= 2_000_000, "{:?}", plan.link);
    assert!(plan.link.why.starts_with("the link carries less than"), "{:?}", plan.link);
    pair.sync();
    let before = proxy.passed();
    assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 0));
    let asked = proxy.passed() - before;
    pair.settings.link = LinkWish::Fat;
    let before = proxy.passed();
    assert_eq!(outcome(&pair.sync()), (Mode::Proof, TableOutcome::Unchanged, 20_000));
    let read = proxy.passed() - before;
    // The measurement of the link is most of what passed the first time.
    assert!(asked < 600_000 && read > 2 * asked, "{asked} bytes asked, {read} read");
}

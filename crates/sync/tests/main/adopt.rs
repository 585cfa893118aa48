//! A `raw` that another tool made: taken over when that is asked for, with its types, its views and what was right in
//! it; held otherwise.

use bicuspid_sync::{Mode, SyncReport, TableOutcome};

use crate::pair::{Pair, table};
use crate::render::Rule::{Moment, Plain, Text};
use crate::render::assert_same;

fn held(report: &SyncReport) -> Vec<(&str, &str)> {
    report.tables.iter().filter_map(|t| Some((t.name.as_str(), t.held.as_ref()?.rule.as_str()))).collect()
}

/// Gives the table to the account of the copy.
fn give(pair: &Pair) {
    pair.target.admin(&format!("ALTER TABLE raw.patient OWNER TO \"{}\"", pair.target.endpoint.user));
}

/// A clinic's table, and the target's as a loader by timestamps left it: other types, no key, edits missed, a row that
/// was deleted long ago.
fn pair(target: &str) -> Pair {
    let pair = Pair::new("adopt");
    pair.clinic.admin(
        "CREATE TABLE Patient (PatNum BIGINT NOT NULL PRIMARY KEY, LName VARCHAR(100), Kind TINYINT NOT NULL,
         Balance DECIMAL(10,2), Seen DATETIME, Note TEXT) DEFAULT CHARSET=utf8mb4;
         INSERT INTO Patient SELECT seq, CONCAT('n', seq), seq MOD 3, seq / 4, '2025-03-01 10:00:00', NULL FROM seq_1_to_500;",
    );
    pair.target.admin(target);
    give(&pair);
    pair.target.admin(
        "INSERT INTO raw.patient SELECT n, 'n' || n, n % 3, n / 4.0, '2025-03-01 10:00:00' FROM generate_series(1, 480) AS n;
         UPDATE raw.patient SET \"LName\" = 'old' WHERE \"PatNum\" <= 7;
         INSERT INTO raw.patient VALUES (9000, 'gone', 0, NULL, NULL);
         CREATE SCHEMA marts; CREATE VIEW marts.seen AS SELECT \"PatNum\", \"LName\" FROM raw.patient;",
    );
    pair
}

const FOREIGN: &str = "CREATE SCHEMA IF NOT EXISTS raw; CREATE TABLE raw.patient (\"PatNum\" bigint, \"LName\" varchar(255), \"Kind\" integer NOT NULL, \
                       \"Balance\" numeric, \"Seen\" timestamp, \"Batch\" integer NOT NULL DEFAULT 1)";

#[test]
fn a_table_of_another_tool_is_taken_over_as_it_is() {
    let mut pair = pair(FOREIGN);
    let run = pair.sync();
    assert_eq!(held(&run), [("Patient", "plan::not_ours")]);
    assert!(table(&run, "Patient").held.as_ref().unwrap().remedy.contains("--adopt"));
    assert_eq!(
        pair.cell("SELECT count(*)::text FROM raw.patient").as_deref(),
        Some("481"),
        "nothing was touched"
    );

    pair.settings.adopt = true;
    let run = pair.sync();
    assert!(held(&run).is_empty(), "{:#?}", run.troubles);
    let patient = table(&run, "Patient");
    assert_eq!(patient.mode, Mode::Full);
    assert_eq!(
        (patient.inserted, patient.updated, patient.deleted),
        (20, 480, 1),
        "numbers of 4.0 are 1.00, and so on"
    );
    let types = "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) FROM pg_attribute \
                 WHERE attrelid = 'raw.patient'::regclass AND attnum > 0";
    assert_eq!(
        pair.cell(types).as_deref(),
        Some(
            "bigint,character varying(255),integer,numeric,timestamp without time zone,integer,timestamp with time zone,text"
        )
    );
    let columns = [
        ("PatNum", Plain),
        ("LName", Text),
        ("Kind", Plain),
        ("Balance", Plain),
        ("Seen", Moment),
        ("Note", Text),
    ];
    assert_same(&pair, "Patient", &columns);
    assert!(pair.verify().equal);
    assert_eq!(pair.cell("SELECT count(*)::text FROM marts.seen").as_deref(), Some("500"));
    let key =
        "SELECT count(*)::text FROM pg_constraint WHERE conrelid = 'raw.patient'::regclass AND contype = 'p'";
    assert_eq!(pair.cell(key).as_deref(), Some("1"));

    // From now on it is a table like any other, without being asked again.
    pair.settings.adopt = false;
    let marks = pair.marks("patient");
    let run = pair.sync();
    assert_eq!(
        (table(&run, "Patient").mode, table(&run, "Patient").outcome),
        (Mode::Proof, TableOutcome::Unchanged)
    );
    assert_eq!(pair.marks("patient"), marks);
    pair.clinic.admin("UPDATE Patient SET Kind = 100 WHERE PatNum = 3; DELETE FROM Patient WHERE PatNum = 4");
    let run = pair.sync();
    assert_eq!((table(&run, "Patient").updated, table(&run, "Patient").deleted), (1, 1));
    assert!(pair.verify().equal);
}

#[test]
fn what_cannot_hold_the_values_is_not_taken_over() {
    for (change, why) in [
        ("ALTER TABLE raw.patient ALTER \"Kind\" TYPE smallint, ALTER \"PatNum\" TYPE integer", "is integer"),
        ("ALTER TABLE raw.patient ALTER \"Seen\" TYPE timestamptz", "timestamp with time zone"),
        ("ALTER TABLE raw.patient ADD PRIMARY KEY (\"LName\")", "primary key"),
        ("ALTER TABLE raw.patient OWNER TO postgres", "another account"),
    ] {
        let mut pair = pair(FOREIGN);
        let unique = "UPDATE raw.patient SET \"LName\" = 'm' || \"PatNum\"";
        pair.target.admin(&format!("DROP VIEW marts.seen; {unique}; {change}"));
        pair.settings.adopt = true;
        let run = pair.sync();
        assert_eq!(held(&run), [("Patient", "adopt::unfit")], "{change}");
        let detail = &table(&run, "Patient").held.as_ref().unwrap().detail;
        assert!(detail.contains(why), "{detail}");
    }
}

#[test]
fn a_table_with_two_rows_of_one_key_or_far_more_rows_is_held() {
    let mut twice = pair(FOREIGN);
    twice.settings.adopt = true;
    twice.target.admin("INSERT INTO raw.patient VALUES (5, 'twice', 0, NULL, NULL)");
    let run = twice.sync();
    assert_eq!(held(&run).len(), 1, "{run:#?}");
    assert_eq!(
        twice.cell("SELECT count(*)::text FROM raw.patient").as_deref(),
        Some("482"),
        "nothing was touched"
    );

    let mut more = pair(FOREIGN);
    more.settings.adopt = true;
    more.target
        .admin("INSERT INTO raw.patient SELECT n, 'x', 0, NULL, NULL FROM generate_series(1000, 2000) AS n");
    assert_eq!(held(&more.sync()), [("Patient", "validate::shrink")]);
    more.settings.accept_shrink.insert("Patient".into());
    assert!(held(&more.sync()).is_empty());
    assert!(more.verify().equal);
}

//! The proof is attacked on both sides: it names the tables and counts the rows exactly, is silent otherwise, and the
//! next run mends exactly what was broken.

use std::collections::BTreeMap;

use bicuspid_model::TargetType;
use bicuspid_sync::{TableOutcome, VerifyReport};

use crate::pair::{Pair, table};

/// Missing, extra and different rows of each table that is not equal.
fn differences(report: &VerifyReport) -> BTreeMap<&str, (u64, u64, u64)> {
    for table in &report.tables {
        let counts = (table.missing, table.extra, table.different);
        assert_eq!(table.equal, counts == (0, 0, 0) && table.held.is_none(), "{}", table.name);
        assert_eq!(
            table.rows_source + table.extra,
            table.rows_target + table.missing,
            "{}: the counts add up",
            table.name
        );
    }
    let differing = report.tables.iter().filter(|t| !t.equal);
    differing.map(|t| (t.name.as_str(), (t.missing, t.extra, t.different))).collect()
}

/// Attacks the target; the proof must say exactly this, and a full run must mend exactly this.
fn attack_target(pair: &mut Pair, sql: &str, expected: &[(&str, (u64, u64, u64))]) {
    pair.target.admin(sql);
    let verify = pair.verify();
    assert_eq!(differences(&verify), expected.iter().copied().collect(), "after {sql}");
    pair.settings.full = true;
    let run = pair.sync();
    pair.settings.full = false;
    assert!(!run.any_held(), "after {sql}: {:#?}", run.troubles);
    for one in &run.tables {
        let (missing, extra, different) = expected
            .iter()
            .find(|(name, _)| *name == one.name)
            .map(|(_, counts)| *counts)
            .unwrap_or_default();
        assert_eq!(
            (one.inserted, one.deleted, one.updated),
            (missing, extra, different),
            "{} after {sql}",
            one.name
        );
    }
    assert!(pair.verify().equal, "after {sql} and a run");
}

/// Attacks the source: the proof must say this, the next plain run must bring it over, and then there is silence.
fn attack_source(pair: &Pair, sql: &str, expected: &[(&str, (u64, u64, u64))]) {
    pair.clinic.admin(sql);
    let verify = pair.verify();
    assert_eq!(differences(&verify), expected.iter().copied().collect(), "after {sql}");
    let run = pair.sync();
    assert!(!run.any_held(), "after {sql}: {:#?}", run.troubles);
    for one in &run.tables {
        let counts = expected.iter().find(|(name, _)| *name == one.name).map(|(_, counts)| *counts);
        let (missing, extra, different) = counts.unwrap_or_default();
        assert_eq!(
            (one.inserted, one.deleted, one.updated),
            (missing, extra, different),
            "{} after {sql}",
            one.name
        );
        let outcome = if counts.is_some() { TableOutcome::Published } else { TableOutcome::Unchanged };
        assert_eq!(one.outcome, outcome, "{} after {sql}", one.name);
    }
    assert!(pair.verify().equal, "after {sql} and a run");
    let again = pair.sync();
    assert!(again.tables.iter().all(|t| t.outcome == TableOutcome::Unchanged), "after {sql} and two runs");
}

/// Even keys only, so that there is room between them; three chunks of 8,192 rows, the last one short.
fn keyed(prefix: &str) -> Pair {
    let pair = Pair::new(prefix);
    pair.clinic.admin(
        "CREATE TABLE plain (id INT NOT NULL PRIMARY KEY, v INT, s VARCHAR(9), t TIMESTAMP NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
         INSERT INTO plain SELECT seq * 2, seq, 'x', '2024-01-01' FROM seq_1_to_17000;
         CREATE TABLE duo (a INT NOT NULL, b DATE NOT NULL, v INT, s VARCHAR(9), PRIMARY KEY (a, b)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
         INSERT INTO duo SELECT seq DIV 100 * 2, '2024-01-01' + INTERVAL seq MOD 100 * 2 DAY, seq, NULL FROM seq_0_to_8999;
         CREATE TABLE words (k VARCHAR(20) NOT NULL PRIMARY KEY, v INT, s VARCHAR(9)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
         INSERT INTO words SELECT CONCAT('k', seq * 2), seq, '' FROM seq_1_to_500;
         CREATE TABLE bag (v INT, s VARCHAR(9)) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4;
         INSERT INTO bag SELECT seq DIV 3, IF(seq MOD 3, 'x', NULL) FROM seq_1_to_600; INSERT INTO bag VALUES (NULL, NULL), (NULL, NULL);
         CREATE TABLE counted (n INT NOT NULL UNIQUE, v INT) ENGINE=InnoDB;
         INSERT INTO counted SELECT seq * 2, seq FROM seq_1_to_17000;
         CREATE TABLE silent (id INT PRIMARY KEY, v INT) ENGINE=MyISAM; INSERT INTO silent SELECT seq, seq FROM seq_1_to_100;",
    );
    let first = pair.sync();
    assert!(!first.any_held(), "{:#?}", first.troubles);
    assert!(pair.verify().equal);
    let chunks = "SELECT count(*)::text FROM bicuspid.chunk WHERE table_name = 'plain'";
    assert_eq!(pair.cell(chunks).unwrap(), "3", "the borders are where the positions below expect them");
    // From the begin a chunk without snapshots would end with its statement, wherever that was.
    pair.clinic.admin("ALTER TABLE plain ENGINE=MyISAM");
    pair
}

/// Keys of the first and last row, and of those at the borders of chunks.
const IDS: &str = "2, 4, 16382, 16384, 16386, 32766, 32768, 32770, 33998, 34000";

#[test]
fn rows_of_the_target() {
    let mut pair = keyed("attack_target");
    let pair = &mut pair;
    let one = |name, counts| [(name, counts)];
    // Values, at many places at once and at single ones.
    attack_target(
        pair,
        &format!("UPDATE raw.plain SET v = v # 1 WHERE id IN ({IDS})"),
        &one("plain", (0, 0, 10)),
    );
    attack_target(
        pair,
        "UPDATE raw.plain SET t = t + interval '1 microsecond' WHERE id = 16384",
        &one("plain", (0, 0, 1)),
    );
    // Everything else about them, all tables but one at once.
    attack_target(
        pair,
        &format!(
            "DELETE FROM raw.plain WHERE id IN ({IDS}); DELETE FROM raw.duo WHERE v IN (0, 8191, 8192, 8999);
             DELETE FROM raw.words WHERE v IN (1, 500); DELETE FROM raw.bag WHERE ctid IN (SELECT ctid FROM raw.bag WHERE v IS NULL OR v = 7 LIMIT 3);
             DELETE FROM raw.counted WHERE n IN ({IDS})"
        ),
        &[
            ("plain", (10, 0, 0)),
            ("duo", (4, 0, 0)),
            ("words", (2, 0, 0)),
            ("bag", (3, 0, 0)),
            ("counted", (10, 0, 0)),
        ],
    );
    attack_target(
        pair,
        "INSERT INTO raw.plain (id, v, s, t) SELECT k, 1, 'x', '2024-01-01' FROM unnest(ARRAY[-2147483648, 1, 16383, 16385, 33999, 34001, 2147483647]) k;
         INSERT INTO raw.duo (a, b) VALUES (-1, '2024-01-01'), (0, '2023-12-31'), (0, '2024-01-02'), (178, '9999-12-31'), (179, '0001-01-01');
         INSERT INTO raw.words (k, v, s) VALUES ('', 1, ''), ('K2', 1, ''), ('k2 ', 1, ''), ('zz', 1, '');
         INSERT INTO raw.bag (v, s) VALUES (7, 'x'), (NULL, NULL), (NULL, '');
         INSERT INTO raw.counted (n, v) VALUES (1, 1), (2, 1), (16385, 0), (34001, 0)",
        &[
            ("plain", (0, 7, 0)),
            ("duo", (0, 5, 0)),
            ("words", (0, 4, 0)),
            ("bag", (0, 3, 0)),
            ("counted", (0, 4, 0)),
        ],
    );
    // Two rows swapped: the first and the last, and two neighbours across a border.
    attack_target(
        pair,
        "UPDATE raw.plain SET v = CASE id WHEN 2 THEN 17000 WHEN 34000 THEN 1 WHEN 16384 THEN 8193 ELSE 8192 END WHERE id IN (2, 34000, 16384, 16386);
         UPDATE raw.duo SET v = 8999 - v WHERE v IN (0, 8999);
         UPDATE raw.words SET v = 3 - v WHERE v IN (1, 2);
         UPDATE raw.counted SET v = CASE n WHEN 2 THEN 17000 ELSE 1 END WHERE n IN (2, 34000)",
        &[("plain", (0, 0, 4)), ("duo", (0, 0, 2)), ("words", (0, 0, 2)), ("counted", (2, 2, 0))],
    );
    // Empty for NULL, NULL for empty, a space behind, another case, in values and in keys.
    attack_target(
        pair,
        "UPDATE raw.plain SET s = NULL WHERE id = 2; UPDATE raw.plain SET s = 'x ' WHERE id = 34000; UPDATE raw.plain SET s = 'X' WHERE id = 16384;
         UPDATE raw.duo SET s = '' WHERE v = 8191;
         UPDATE raw.words SET s = NULL WHERE v = 1; UPDATE raw.words SET k = 'K1000' WHERE k = 'k1000'; UPDATE raw.words SET k = 'k500 ' WHERE k = 'k500';
         UPDATE raw.bag SET s = '' WHERE v = 7 AND s IS NULL; UPDATE raw.bag SET v = 8 WHERE v = 9 AND s = 'x'",
        &[("plain", (0, 0, 3)), ("duo", (0, 0, 1)), ("words", (2, 2, 1)), ("bag", (3, 3, 0))],
    );
    // What is no difference: order, the time of loading, a column of somebody else's, an index.
    attack_target(
        pair,
        "UPDATE raw.plain SET v = v WHERE id < 5000; UPDATE raw.bag SET _loaded_at = '2000-01-01';
         ALTER TABLE raw.duo ADD COLUMN theirs text DEFAULT 'x'; CREATE INDEX ON raw.words (s)",
        &[],
    );
}

#[test]
fn rows_of_the_source() {
    let pair = keyed("attack_source");
    let pair = &pair;
    // The stamps stay as they are: nothing but the rows tells.
    attack_source(
        pair,
        &format!(
            "UPDATE plain SET v = v ^ 1, t = t WHERE id IN ({IDS}); UPDATE duo SET v = v ^ 1 WHERE v IN (0, 8999);
             UPDATE words SET v = 0 WHERE v IN (1, 500); UPDATE bag SET s = '' WHERE v = 7 AND s IS NULL; UPDATE counted SET v = v ^ 1 WHERE n IN ({IDS})"
        ),
        &[
            ("plain", (0, 0, 10)),
            ("duo", (0, 0, 2)),
            ("words", (0, 0, 2)),
            ("bag", (1, 1, 0)),
            ("counted", (10, 10, 0)),
        ],
    );
    attack_source(
        pair,
        &format!(
            "DELETE FROM plain WHERE id IN ({IDS}); DELETE FROM duo WHERE a = 100; DELETE FROM words WHERE k IN ('k2', 'k1000');
             DELETE FROM bag WHERE v = 8 AND s = 'x' LIMIT 1; DELETE FROM counted WHERE n IN ({IDS})"
        ),
        &[
            ("plain", (0, 10, 0)),
            ("duo", (0, 100, 0)),
            ("words", (0, 2, 0)),
            ("bag", (0, 1, 0)),
            ("counted", (0, 10, 0)),
        ],
    );
    attack_source(
        pair,
        "INSERT INTO plain VALUES (-2147483648, 0, NULL, '2024-01-01'), (16383, 0, '', '2024-01-01'), (16384, 0, '', '2024-01-01'), (2147483647, 0, '', '2024-01-01');
         INSERT INTO duo VALUES (-5, '2024-01-01', 1, ''), (100, '2024-01-01', 1, ''), (500, '0001-01-01', 1, '');
         INSERT INTO words VALUES ('', 0, ''), ('k2', 1, NULL), ('zz', 0, ''); INSERT INTO bag VALUES (7, 'x'), (NULL, NULL), (NULL, '');
         INSERT INTO counted VALUES (1, 1), (16385, 1), (32769, 1), (34001, 1)",
        &[
            ("plain", (4, 0, 0)),
            ("duo", (3, 0, 0)),
            ("words", (3, 0, 0)),
            ("bag", (3, 0, 0)),
            ("counted", (4, 0, 0)),
        ],
    );
    // Keys that move: a row goes from one end of the table to the other; a key changes its case alone.
    attack_source(
        pair,
        "UPDATE plain SET id = 2147483646, t = t WHERE id = 6; UPDATE plain SET id = -7, t = t WHERE id = 33990;
         UPDATE words SET k = 'K10' WHERE k = 'k10'; UPDATE words SET k = 'k12 ' WHERE k = 'k12'; UPDATE counted SET n = 40001 WHERE n = 8",
        &[("plain", (2, 2, 0)), ("words", (2, 2, 0)), ("counted", (1, 1, 0))],
    );
    attack_source(
        pair,
        "UPDATE words SET s = NULL WHERE v = 7; UPDATE words SET s = ' ' WHERE v = 8; UPDATE plain SET s = 'X', t = t WHERE id = 8; UPDATE plain SET s = '', t = t WHERE id = 10",
        &[("plain", (0, 0, 2)), ("words", (0, 0, 2))],
    );
}

/// Every type: name and definition at the source, a value, and the smallest change on either side.
const TYPES: &[(&str, &str, &str, &str, &str)] = &[
    ("tiny", "TINYINT", "127", "tiny - 1", "tiny - 1"),
    ("small_u", "SMALLINT UNSIGNED", "65535", "small_u - 1", "small_u # 1"),
    ("medium", "MEDIUMINT", "-8388608", "medium + 1", "medium + 1"),
    ("whole", "INT", "0", "NULL", "NULL"),
    ("big", "BIGINT", "9223372036854775807", "big - 1", "big # 1"),
    ("big_u", "BIGINT UNSIGNED", "18446744073709551615", "big_u - 1", "big_u - 1"),
    ("year_", "YEAR", "2024", "2023", "2023"),
    ("float_", "FLOAT", "0.1", "0.10000001", "float_ + 1e-8"),
    ("zero_", "FLOAT", "0", "1e-45", "'-0'"),
    ("double_", "DOUBLE", "0.1", "0.1 + 2e-17", "double_ + 1.3877787807814457e-17"),
    ("nought", "DOUBLE", "0", "5e-310", "'-0'"),
    ("money", "DECIMAL(10,2)", "0.00", "0.01", "0.01"),
    ("long_", "DECIMAL(65,30)", "1", "long_ + 0.000000000000000000000000000001", "long_ + 1e-30"),
    ("day_", "DATE", "'2024-02-29'", "'2024-03-01'", "day_ + 1"),
    (
        "moment",
        "DATETIME(6)",
        "'2024-01-01'",
        "'2024-01-01 00:00:00.000001'",
        "moment + interval '1 microsecond'",
    ),
    (
        "stamp",
        "TIMESTAMP(6) NULL",
        "'2024-01-01'",
        "'2024-01-01 00:00:00.000001'",
        "stamp - interval '1 microsecond'",
    ),
    ("span", "TIME(6)", "'24:00:00'", "'23:59:59.999999'", "interval '1 day'"),
    ("span_2", "TIME(6)", "'720:00:00'", "'-720:00:00'", "interval '1 month'"),
    ("clock", "TIME", "'00:00:00'", "'24:00:00'", "time '24:00:00'"),
    ("letter", "CHAR(5)", "'a'", "'A'", "letter || ' '"),
    ("word", "VARCHAR(50)", "'é'", "'e\u{301}'", "'e\u{301}'"),
    ("padded", "VARCHAR(50)", "'a'", "'a '", "'a '"),
    ("empty_", "VARCHAR(50)", "''", "NULL", "NULL"),
    ("null_", "TEXT", "NULL", "''", "''"),
    ("novel", "LONGTEXT", "REPEAT('x', 70000)", "CONCAT(REPEAT('x', 69999), 'y')", "left(novel, 69999)"),
    ("old", "VARCHAR(50) CHARACTER SET latin1", "'é'", "'É'", "'É'"),
    ("choice", "ENUM('a', 'A ', 'b')", "'a'", "'b'", "'A'"),
    ("set_", "SET('a', 'b')", "'a,b'", "'b'", "'b,a'"),
    ("bits", "BIT(9)", "b'1'", "b'0'", "set_bit(bits, 0, 1)"),
    ("bits_2", "BIT(9)", "b'1'", "b'100000001'", "B'1'"),
    ("flag", "BIT(1)", "1", "0", "NOT flag"),
    ("octets", "BINARY(8)", "'a'", "UNHEX('6100000000000001')", "set_bit(octets, 63, 1)"),
    ("bytes_", "BLOB", "UNHEX('0000')", "UNHEX('000000')", "set_bit(bytes_, 15, 1)"),
    (
        "place",
        "POINT",
        "ST_GeomFromText('POINT(1 2)')",
        "ST_GeomFromText('POINT(1 2)', 4326)",
        "set_bit(place, 0, 1)",
    ),
    (
        "uuid_",
        "UUID",
        "'123e4567-e89b-12d3-a456-426655440000'",
        "'123e4567-e89b-12d3-a456-426655440001'",
        "upper(uuid_)",
    ),
    ("net", "INET6", "'::1'", "'::2'", "'0::1'"),
];

#[test]
fn one_bit_of_every_type() {
    let mut pair = Pair::new("bits");
    pair.settings.column_types.insert("every.clock".into(), TargetType::Time);
    pair.settings.column_types.insert("bare.clock".into(), TargetType::Time);
    let definitions: Vec<String> = TYPES.iter().map(|t| format!("{} {}", t.0, t.1)).collect();
    let values: Vec<&str> = TYPES.iter().map(|t| t.2).collect();
    let (definitions, values) = (definitions.join(", "), values.join(", "));
    let count = u64::try_from(TYPES.len()).unwrap();
    pair.clinic.admin(&format!(
        "CREATE TABLE every (id INT NOT NULL PRIMARY KEY, {definitions}) DEFAULT CHARSET=utf8mb4;
         INSERT INTO every SELECT seq, {values} FROM seq_0_to_{count};
         CREATE TABLE bare ({definitions}) DEFAULT CHARSET=utf8mb4;
         INSERT INTO bare SELECT {values} FROM seq_0_to_{count};"
    ));
    let first = pair.sync();
    assert!(!first.any_held(), "{:#?}", first.troubles);
    assert!(pair.verify().equal);
    // Row n is attacked in column n alone; one row is left in peace. In the bag all rows were alike.
    let both: Vec<String> = TYPES
        .iter()
        .enumerate()
        .map(|(n, t)| {
            format!(
                "UPDATE raw.every SET {0} = {1} WHERE id = {n}; \
                 UPDATE raw.bare SET {0} = {1} WHERE ctid = (SELECT max(ctid) FROM raw.bare WHERE xmin <> pg_current_xact_id()::xid)",
                t.0, t.4
            )
        })
        .collect();
    attack_target(&mut pair, &both.join("; "), &[("every", (0, 0, count)), ("bare", (count, count, 0))]);
    for (n, (name, _, _, _, change)) in TYPES.iter().enumerate() {
        // Each change by itself is one, so none of the above hid behind another.
        let sql = format!("UPDATE raw.every SET {name} = {change} WHERE id = {n}");
        pair.target.admin(&sql);
        assert_eq!(differences(&pair.verify()), [("every", (0, 0, 1))].into(), "{sql}");
        let undo = format!(
            "UPDATE raw.every AS t SET {name} = s.{name} FROM raw.every AS s WHERE t.id = {n} AND s.id = {count}"
        );
        pair.target.admin(&undo);
    }
    assert!(pair.verify().equal);
    let source: Vec<String> = TYPES
        .iter()
        .enumerate()
        .map(|(n, t)| format!("UPDATE every SET {} = {} WHERE id = {n}", t.0, t.3))
        .collect();
    attack_source(&pair, &source.join("; "), &[("every", (0, 0, count))]);
    attack_source(&pair, "UPDATE bare SET big = 5 LIMIT 1", &[("bare", (1, 1, 0))]);
    attack_source(&pair, "INSERT INTO bare SELECT * FROM bare LIMIT 3", &[("bare", (3, 0, 0))]);
}

#[test]
fn keys_that_are_equal_and_not_the_same() {
    let mut pair = Pair::new("same_keys");
    pair.clinic.admin(
        "CREATE TABLE by_double (k DOUBLE NOT NULL PRIMARY KEY, v INT); INSERT INTO by_double VALUES (0, 1), (1.5, 2);
         CREATE TABLE by_span (k TIME NOT NULL PRIMARY KEY, v INT); INSERT INTO by_span VALUES ('24:00:00', 1), ('-00:00:01', 2);
         CREATE TABLE by_day (k DATE NOT NULL PRIMARY KEY, v INT); INSERT INTO by_day VALUES ('2024-01-01', 1), ('0001-01-01', 2);
         CREATE TABLE by_address (k INET6 NOT NULL PRIMARY KEY, n INT NOT NULL UNIQUE, v INT) ENGINE=InnoDB;
         INSERT INTO by_address SELECT CONCAT('::', HEX(seq)), seq, seq FROM seq_1_to_17000;",
    );
    pair.sync();
    pair.target.admin(
        "UPDATE raw.by_double SET k = '-0' WHERE k = 0; UPDATE raw.by_span SET k = interval '1 day' WHERE k = interval '24:00:00'",
    );
    // The proof knows keys by their bytes; the run finds the row by its key and mends it in place.
    let verify = pair.verify();
    assert_eq!(differences(&verify), [("by_double", (1, 1, 0)), ("by_span", (1, 1, 0))].into());
    pair.settings.full = true;
    let run = pair.sync();
    pair.settings.full = false;
    for one in &run.tables {
        let expected = u64::from(["by_double", "by_span"].contains(&one.name.as_str()));
        assert_eq!((one.inserted, one.updated, one.deleted), (0, expected, 0), "{}", one.name);
    }
    assert!(pair.verify().equal);
    // A row keeps its key and moves far along the other one, by which the table is read.
    attack_source(
        &pair,
        "UPDATE by_address SET n = 30000 WHERE k = '::a'; UPDATE by_day SET v = 3 WHERE k = '0001-01-01'",
        &[("by_address", (0, 0, 1)), ("by_day", (0, 0, 1))],
    );
}

#[test]
fn a_key_that_came_twice() {
    let mut pair = Pair::new("twice");
    pair.clinic.admin(
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO t SELECT seq, seq FROM seq_1_to_50;
         CREATE TABLE few (id INT NOT NULL PRIMARY KEY, v INT); INSERT INTO few VALUES (1, 1), (100000, 2), (300000, 3), (400000, 4);",
    );
    pair.sync();
    pair.target.admin(
        "ALTER TABLE raw.t DROP CONSTRAINT t_pkey; INSERT INTO raw.t (id, v) VALUES (7, 7), (8, 0), (9, -5)",
    );
    assert_eq!(differences(&pair.verify()), [("t", (0, 3, 0))].into());
    pair.target.admin("UPDATE raw.t SET v = 1 WHERE id IN (10, 11); DELETE FROM raw.t WHERE id = 12");
    assert_eq!(differences(&pair.verify()), [("t", (1, 3, 2))].into());
    pair.target.admin("TRUNCATE raw.t");
    assert_eq!(differences(&pair.verify()), [("t", (50, 0, 0))].into());
    // Far more rows than the source has, the right ones last: every count still holds.
    pair.target.admin(
        "TRUNCATE raw.t; INSERT INTO raw.t (id, v) SELECT n, n FROM generate_series(1, 50) n;
         TRUNCATE raw.few; INSERT INTO raw.few (id, v) SELECT n, 0 FROM generate_series(2, 140000) n WHERE n <> 100000;
         INSERT INTO raw.few (id, v) VALUES (300000, 3), (1, 1), (100000, 7)",
    );
    assert_eq!(differences(&pair.verify()), [("few", (1, 139_998, 1))].into());
    pair.settings.full = true;
    let run = pair.sync();
    let few = table(&run, "few");
    assert_eq!((few.inserted, few.deleted, few.updated), (1, 139_998, 1));
    assert!(pair.verify().equal);
}

#[test]
fn the_state_is_attacked() {
    let pair = keyed("attack_state");
    for sql in [
        "DELETE FROM bicuspid.chunk",
        "DELETE FROM bicuspid.chunk WHERE ordinal = 1",
        "UPDATE bicuspid.chunk SET upper_key = NULL WHERE ordinal = 0",
        "UPDATE bicuspid.chunk SET row_count = row_count + 1 WHERE ordinal = 0",
        "UPDATE bicuspid.table_state SET row_count = 0",
        "UPDATE bicuspid.table_state SET row_sum = decode(repeat('ab', 16), 'hex')",
    ] {
        pair.target.admin(sql);
        let run = pair.sync();
        assert!(!run.any_held(), "after {sql}: {:#?}", run.troubles);
        for one in &run.tables {
            assert_eq!((one.inserted, one.updated, one.deleted), (0, 0, 0), "{} after {sql}", one.name);
            assert!(one.rows_source >= 100, "{} after {sql}: {} rows", one.name, one.rows_source);
        }
        assert!(pair.verify().equal);
    }
    // And it was mended: what changes now is seen.
    attack_source(
        &pair,
        "UPDATE plain SET v = -1, t = t WHERE id IN (2, 16384, 34000); UPDATE silent SET v = -1 WHERE id = 100",
        &[("plain", (0, 0, 3)), ("silent", (0, 0, 1))],
    );
}

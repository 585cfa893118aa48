//! The server's own hash of a row: it tells rows apart exactly where their values differ, whatever their types, and its
//! sums are those of the rows.

use std::collections::HashMap;

use bicuspid_guard::{Filter, RowHash};
use bicuspid_model::{Column, KeyBound, ServerSum, Table, TargetType};
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer};
use bicuspid_source::{FoundTable, Pace, RangeSum, Source, SourceOptions, Walk};

/// Columns of every type, and literals for each that differ in as little as can be.
const COLUMNS: [(&str, &str, &[&str]); 42] = [
    ("ti", "TINYINT", &["0", "-0", "1", "-1", "127", "-128", "NULL"]),
    ("tu", "TINYINT UNSIGNED NOT NULL", &["0", "5", "255"]),
    ("si", "SMALLINT", &["0", "-32768", "NULL"]),
    ("mi", "MEDIUMINT UNSIGNED", &["1", "16777215", "NULL"]),
    ("zf", "INT(8) ZEROFILL", &["7", "70", "NULL"]),
    ("bi", "BIGINT", &["0", "9223372036854775807", "-9223372036854775808", "NULL"]),
    ("bu", "BIGINT UNSIGNED NOT NULL", &["0", "18446744073709551615", "18446744073709551614"]),
    ("ye", "YEAR", &["0", "1901", "2024", "NULL"]),
    (
        "fl",
        "FLOAT",
        &["0e0", "-0e0", "1.1e0", "1.10000014e0", "16777216", "3.4028235e38", "1e-45", "1.17549e-38", "NULL"],
    ),
    ("fm", "FLOAT(10,2) NOT NULL", &["0e0", "-0e0", "123456.78", "123456.79", "0.01"]),
    (
        "db",
        "DOUBLE",
        &[
            "0e0",
            "-0e0",
            "1e-1",
            "0.10000000000000002e0",
            "123456789.12345678e0",
            "123456789.12345679e0",
            "1.7976931348623157e308",
            "4.9e-324",
            "9007199254740993e0",
            "9007199254740994e0",
            "NULL",
        ],
    ),
    ("dm", "DOUBLE(16,3) NOT NULL", &["0", "0.001", "1234567890123.456", "1234567890123.457"]),
    ("de", "DECIMAL(30,6)", &["0", "1", "1.000001", "-1", "123456789012345678901234.000001", "NULL"]),
    (
        "da",
        "DATE NOT NULL",
        &["'0000-00-00'", "'2024-00-00'", "'2024-02-31'", "'2024-02-29'", "'0001-01-01'"],
    ),
    ("dn", "DATE", &["'2024-02-29'", "'2024-03-01'", "NULL"]),
    ("dt", "DATETIME", &["'2024-02-29 23:59:59'", "'2024-02-29 23:59:58'", "'0000-00-00'", "NULL"]),
    ("d6", "DATETIME(6)", &["'2024-02-29 23:59:59.000001'", "'2024-02-29 23:59:59'", "NULL"]),
    ("ts", "TIMESTAMP(3) NULL", &["'2024-07-01 12:00:00'", "'2024-07-01 12:00:00.001'", "NULL"]),
    ("tm", "TIME", &["'00:00:00'", "'-00:00:01'", "'00:00:01'", "'838:59:59'", "'-838:59:59'", "NULL"]),
    ("t6", "TIME(6) NOT NULL", &["'00:00:00'", "'00:00:00.000001'", "'-00:00:00.000001'"]),
    ("ch", "CHAR(6) CHARACTER SET latin1", &["''", "'a'", "'A'", "'\u{e4}'", "'1:'", "'-'", "NULL"]),
    ("v1", "VARCHAR(9) CHARACTER SET latin1", &["''", "'a'", "'a '", "'A'", "'\u{e1}'", "X'81'", "NULL"]),
    (
        "v2",
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &[
            "''",
            "'a'",
            "'a '",
            "' a'",
            "'A'",
            "'\u{e1}'",
            "'a\u{301}'",
            "X'61'",
            "X'6100'",
            "'\u{1f9b7}'",
            "NULL",
        ],
    ),
    (
        "v3",
        "VARCHAR(20) CHARACTER SET utf8mb3 NOT NULL",
        &["''", "'ab'", "'abc'", "'c'", "'1:a'", "'-'", "','"],
    ),
    ("v4", "VARCHAR(20) NOT NULL", &["''", "'c'", "'bc'", "'abc'", "'0:'", "'-'", "','"]),
    ("v5", "VARCHAR(20)", &["''", "'c'", "'bc'", "'0:'", "'NULL'", "'-'", "NULL"]),
    ("v6", "VARCHAR(20) CHARACTER SET cp1251", &["''", "'\u{439}'", "'\u{438}'", "X'98'", "'?'", "NULL"]),
    ("v7", "VARCHAR(20) CHARACTER SET utf16", &["''", "'a'", "'A'", "'\u{1f9b7}'", "NULL"]),
    (
        "tx",
        "TEXT",
        &["''", "'\\n'", "'\\r\\n'", "REPEAT('x', 5000)", "CONCAT(REPEAT('x', 4999), 'y')", "NULL"],
    ),
    ("lt", "LONGTEXT CHARACTER SET latin1 NOT NULL", &["''", "REPEAT('x', 100000)", "REPEAT('x', 100001)"]),
    ("en", "ENUM('a','b','\u{e4}','') CHARACTER SET latin1", &["'a'", "'b'", "'\u{e4}'", "''", "NULL"]),
    ("se", "SET('x','y','x y') NOT NULL", &["''", "'x'", "'x,y'", "'x y'", "'y,x y'"]),
    ("b4", "BINARY(4)", &["''", "X'00'", "X'20'", "X'00000001'", "NULL"]),
    ("vb", "VARBINARY(20) NOT NULL", &["''", "X'00'", "X'0000'", "X'20'", "X'2C'", "X'2D'", "X'FF'"]),
    ("bl", "BLOB", &["''", "X'00'", "X'FF00'", "X'00FF'", "NULL"]),
    ("b1", "BIT(1)", &["b'0'", "b'1'", "NULL"]),
    ("b9", "BIT(64) NOT NULL", &["0", "1", "18446744073709551615", "9223372036854775808", "44"]),
    ("js", "JSON", &["'{}'", "'{\"a\":1}'", "'{\"a\": 1}'", "'null'", "NULL"]),
    (
        "ge",
        "GEOMETRY",
        &["POINT(1,2)", "POINT(1,2.0000000000000004)", "ST_GeomFromText('POINT(1 2)', 7)", "NULL"],
    ),
    (
        "uu",
        "UUID",
        &["'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'", "NULL"],
    ),
    ("i4", "INET4", &["'0.0.0.0'", "'10.0.0.1'", "NULL"]),
    ("i6", "INET6 NOT NULL", &["'::'", "'::1'", "'::ffff:10.0.0.1'"]),
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

pub(crate) fn shape(found: &FoundTable) -> Table {
    let columns = found.columns.iter().map(|c| {
        let source = c.source.clone().unwrap();
        let target = TargetType::of(&source);
        Column { name: c.name.clone(), source, target, nullable: c.nullable, withheld: false }
    });
    Table { name: found.name.clone(), columns: columns.collect(), primary_key: found.primary_key.clone() }
}

pub(crate) async fn open(database: &MariaDbDatabase, options: SourceOptions) -> (Source, FoundTable, Table) {
    let mut source = Source::connect(&database.endpoint, options).await.unwrap();
    let found = source.discover().await.unwrap().tables.into_iter().next().unwrap();
    let table = shape(&found);
    source.enter(&found.engine).await.unwrap();
    (source, found, table)
}

/// Rows of literals: one of first choices, each that differs from it in one value, and some drawn at random.
fn rows_of_literals() -> Vec<Vec<&'static str>> {
    let base: Vec<&str> = COLUMNS.iter().map(|(_, _, pool)| pool[0]).collect();
    let mut rows = vec![base.clone(), base.clone()];
    for (i, (_, _, pool)) in COLUMNS.iter().enumerate() {
        for literal in *pool {
            let mut row = base.clone();
            row[i] = literal;
            rows.push(row);
        }
    }
    let mut dice = Dice(7);
    for _ in 0..600 {
        let mut row = base.clone();
        // Few columns at a time, so that equal rows come too.
        for _ in 0..=dice.roll(3) {
            let i = dice.roll(COLUMNS.len());
            row[i] = COLUMNS[i].2[dice.roll(COLUMNS[i].2.len())];
        }
        rows.push(row);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_value_changes_the_hash_and_nothing_else_does() {
    let database = testing::servers().mariadb_database("hash_types");
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind, _)| format!("{name} {kind}")).collect();
    let literals = rows_of_literals();
    let values: Vec<String> =
        literals.iter().enumerate().map(|(i, row)| format!("({i}, {})", row.join(", "))).collect();
    database.admin(&format!(
        "SET NAMES utf8mb4; SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = '+00:00';
         CREATE TABLE t (id INT NOT NULL PRIMARY KEY, {}) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4; INSERT INTO t VALUES {}",
        columns.join(", "),
        values.join(",\n")
    ));
    let (mut source, found, table) = open(&database, SourceOptions::default()).await;
    let walk = Walk::of(&found, &table);
    // The key is left out: the rows are to be told apart by everything else.
    let hash = RowHash::of(&table.columns[1..]).unwrap();
    let mut reader = source.reader(&found, &table, &walk).hashing(Some(&hash));
    let mut read = Vec::new();
    loop {
        let piece = reader.next(None).await.unwrap();
        let hashes = piece.hashes.unwrap();
        assert_eq!(hashes.len(), piece.batch.len());
        // The number of fields, and the key.
        read.extend(piece.batch.rows().map(|row| row[2 + 4 + 4..].to_vec()).zip(hashes));
        if piece.is_last {
            break;
        }
    }
    assert_eq!(read.len(), literals.len());
    let mut of_hash: HashMap<(u64, u64), (&[u8], usize)> = HashMap::new();
    let mut of_literals: HashMap<&[&str], ServerSum> = HashMap::new();
    for (i, (row, hash)) in read.iter().enumerate() {
        let (first, at) = of_hash.entry((hash.high, hash.low)).or_insert((row, i));
        assert_eq!(
            first, row,
            "rows {at} and {i} differ and have one hash: {:?} {:?}",
            literals[*at], literals[i]
        );
        let same = of_literals.entry(&literals[i]).or_insert(*hash);
        assert_eq!(same, hash, "a row has two hashes: {:?}", literals[i]);
    }
    assert!(of_literals.len() < literals.len(), "no two rows were equal");
    // What is read as the same (dates that do not exist, bytes that are no characters) may be told apart, no more.
    let different: std::collections::HashSet<&[u8]> = read.iter().map(|(row, _)| row.as_slice()).collect();
    assert!(different.len() > 400, "{}", different.len());
    assert!(of_hash.len() >= different.len() && of_hash.len() <= of_literals.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_server_cannot_join_has_no_hash_and_no_sum() {
    let mut options = testing::test_options();
    options.arguments.push("--max-allowed-packet=1M".to_owned());
    let server = MariaDbServer::start(options);
    let database = server.database("hash_long");
    database.admin(
        "CREATE TABLE t (id INT PRIMARY KEY, a LONGBLOB, b LONGBLOB, c LONGBLOB) ENGINE=InnoDB;
         INSERT INTO t VALUES (1, 'x', 'y', 'z');
         INSERT INTO t VALUES (2, REPEAT('a', 400000), REPEAT('b', 400000), REPEAT('c', 400000))",
    );
    let (mut source, found, table) = open(&database, SourceOptions::default()).await;
    let walk = Walk::of(&found, &table);
    let hash = RowHash::of(&table.columns).unwrap();
    let mut reader = source.reader(&found, &table, &walk).hashing(Some(&hash));
    let mut unhashed = 0;
    loop {
        let piece = reader.next(None).await.unwrap();
        unhashed += usize::from(piece.hashes.is_none());
        if piece.is_last {
            break;
        }
    }
    assert_eq!(unhashed, 1, "the server joins no more than max_allowed_packet");
    assert_eq!(reader.sum(None, None, 2).await.unwrap(), None);
    let one = KeyBound::of_row(&[0, 1, 0, 0, 0, 4, 0, 0, 0, 1], &[0]).unwrap();
    assert!(reader.sum(None, Some(&one), 1).await.unwrap().is_some());
}

/// Reads a table with its hashes, one batch for each statement.
async fn read_all(
    source: &mut Source,
    found: &FoundTable,
    table: &Table,
    walk: &Walk,
    hash: &RowHash,
) -> Vec<(KeyBound, ServerSum)> {
    let mut reader = source.reader(found, table, walk).hashing(Some(hash));
    let mut rows = Vec::new();
    loop {
        let piece = reader.next(None).await.unwrap();
        let keys = piece.batch.rows().map(|row| KeyBound::of_row(row, walk.positions()).unwrap());
        rows.extend(keys.zip(piece.hashes.unwrap()));
        if piece.is_last {
            return rows;
        }
    }
}

fn sum_of(rows: &[(KeyBound, ServerSum)]) -> RangeSum {
    let mut all = RangeSum::default();
    for (_, hash) in rows {
        all.rows += 1;
        all.sum.merge(*hash);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sum_of_a_range_is_that_of_the_rows_that_were_read() {
    let servers = testing::servers();
    for (name, engine, key, rows) in [
        ("int", "InnoDB", "id BIGINT NOT NULL, PRIMARY KEY (id)", "seq"),
        ("int_m", "MyISAM", "id BIGINT NOT NULL, PRIMARY KEY (id)", "seq"),
        ("two", "InnoDB", "a SMALLINT NOT NULL, b INT NOT NULL, PRIMARY KEY (a, b)", "seq DIV 100, seq"),
        ("text", "MyISAM", "k VARCHAR(20) NOT NULL, PRIMARY KEY (k)", "CONCAT(CHAR(97 + seq % 26), seq)"),
    ] {
        let database = servers.mariadb_database(&format!("hash_sum_{name}"));
        database.admin(&format!(
            "CREATE TABLE t (v VARCHAR(300), ClinicNum INT NOT NULL, {key}) ENGINE={engine};
             INSERT INTO t SELECT REPEAT('w', seq % 300), seq % 5, {rows} FROM seq_1_to_4000"
        ));
        for filter in [None, Some("ClinicNum = 3 OR ClinicNum = 4")] {
            for pace in [Pace::Kind, Pace::Full] {
                let mut options = SourceOptions { pace, ..SourceOptions::default() };
                if let Some(filter) = filter {
                    options.filters.insert("t".to_owned(), Filter::parse(filter).unwrap());
                }
                let (mut source, found, table) = open(&database, options).await;
                let walk = Walk::of(&found, &table);
                let hash = RowHash::of(&table.columns).unwrap();
                let rows = read_all(&mut source, &found, &table, &walk, &hash).await;
                let count = if filter.is_some() { 1600 } else { 4000 };
                assert_eq!(rows.len(), count, "{name}");
                let mut reader = source.reader(&found, &table, &walk).hashing(Some(&hash));
                for (from, to) in [(0_usize, 10), (10, 1500), (1500, count), (0, count), (700, 701)] {
                    let after = from.checked_sub(1).map(|i| rows[i].0.clone());
                    let up_to = (to < count).then(|| &rows[to - 1].0);
                    let expected = sum_of(&rows[from..to]);
                    let found = reader.sum(after.clone(), up_to, expected.rows).await.unwrap();
                    assert_eq!(found, Some(expected), "{name} {engine} {pace:?} {filter:?} {from} {to}");
                    let fewer = reader.sum(after.clone(), up_to, expected.rows - 1).await.unwrap();
                    assert_eq!(fewer, None, "there are more rows than there should be");
                    let more = reader.sum(after, up_to, expected.rows + 5).await.unwrap();
                    assert_eq!(more, Some(expected), "how many there are is found, not believed");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_measured_and_is_fast_on_one_machine() {
    let database = testing::servers().mariadb_database("link");
    let mut source = Source::connect(&database.endpoint, SourceOptions::default()).await.unwrap();
    let speed = source.measure_link().await.unwrap();
    assert!(speed.bytes_per_second > 0 && !speed.round_trip.is_zero(), "{speed:?}");
    assert_eq!(source.meter().statements, 0, "no table was read");
}

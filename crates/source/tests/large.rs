//! Rows that are not like those before them, keys that are not what they seem, and rows that come between two statements.

use std::sync::atomic::{AtomicBool, Ordering};

use bicuspid_guard::Filter;
use bicuspid_model::{KeyBound, Value};
use bicuspid_sandbox::testing;
use bicuspid_source::{Pace, SourceOptions, Walk};

use crate::thin::{open, shape};

/// Bytes that one statement may bring, and those of one of its rows.
const STATEMENT_BYTES: usize = 16 * 1024 * 1024;

/// The numbers in the first column of rows.
fn numbers(batch: &bicuspid_model::Batch, table: &bicuspid_model::Table) -> Vec<i64> {
    let key = |row| KeyBound::of_row(row, &[0]).unwrap().values(table.columns.iter().take(1)).unwrap();
    let number = |row| match key(row).remove(0) {
        Value::Int(number) => number,
        other => panic!("{other:?}"),
    };
    batch.rows().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_behind_rows_that_have_none_do_not_come_all_at_once() {
    for (engine, cell, wide) in [
        ("MyISAM", "LONGTEXT NOT NULL", 1_500_000),
        ("InnoDB", "LONGTEXT NOT NULL", 1_500_000),
        // Not one of them is large by itself.
        (
            "MyISAM",
            "VARCHAR(16000) CHARACTER SET latin1 NOT NULL, w VARCHAR(16000) CHARACTER SET latin1 NOT NULL DEFAULT REPEAT('y', 16000)",
            16_000,
        ),
    ] {
        let images: usize = if wide > 100_000 { 80 } else { 6_000 };
        let database = testing::servers().mariadb_database("large");
        database.admin(&format!(
            "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, note {cell}) ENGINE={engine};
             INSERT INTO t (id, note) SELECT seq, '' FROM seq_1_to_30000;
             INSERT INTO t (id, note) SELECT 30000 + seq, REPEAT('x', {wide}) FROM seq_1_to_{images};
             INSERT INTO t (id, note) SELECT 50000 + seq, '' FROM seq_1_to_1000"
        ));
        if wide < 100_000 {
            database.admin("UPDATE t SET w = '' WHERE id <= 30000");
        }
        let options = SourceOptions { pace: Pace::Full, ..SourceOptions::default() };
        let (mut source, found, table) = open(&database, options).await;
        let walk = Walk::of(&found, &table);
        for as_they_came in [false, true] {
            let label = format!("{engine} {wide} {as_they_came}");
            let mut reader = source.reader(&found, &table, &walk);
            let (mut ids, mut most_rows) = (Vec::new(), 0);
            loop {
                let (bytes, rows, is_last) = if as_they_came {
                    let piece = reader.next_raw(None).await.unwrap();
                    let decoded = piece.rows.decode().unwrap();
                    ids.extend(numbers(&decoded.batch, &table));
                    (decoded.batch.bytes().len(), decoded.batch.len(), piece.is_last)
                } else {
                    let piece = reader.next(None).await.unwrap();
                    ids.extend(numbers(&piece.batch, &table));
                    (piece.batch.bytes().len(), piece.batch.len(), piece.is_last)
                };
                // Rows that are not large are looked at some hundreds at a time, beside the reading.
                let room = if wide > 100_000 { STATEMENT_BYTES + 2 * wide } else { 2 * STATEMENT_BYTES };
                assert!(bytes <= room + 64 * rows, "{label}: {bytes} bytes at once");
                most_rows = most_rows.max(rows);
                if is_last {
                    break;
                }
            }
            let all = database.query("SELECT id FROM t ORDER BY id");
            let all: Vec<i64> = all
                .iter()
                .map(|row| std::str::from_utf8(row[0].as_ref().unwrap()).unwrap().parse().unwrap())
                .collect();
            assert_eq!(ids, all, "{label}");
            assert!(most_rows >= 1_000, "{label}: {most_rows} rows at once where they are narrow");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_the_beginnings_of_values_is_not_walked() {
    let database = testing::servers().mariadb_database("prefix");
    database.admin(
        "CREATE TABLE t (path VARCHAR(300) NOT NULL, v INT NOT NULL, PRIMARY KEY (path(9)), UNIQUE (v)) ENGINE=MyISAM",
    );
    let (_, found, table) = open(&database, SourceOptions::default()).await;
    assert!(found.primary_is_prefix);
    assert_eq!(Walk::of(&found, &table), Walk::Keyset(vec![1]), "the other key gives an order");
    database.admin("ALTER TABLE t DROP INDEX v");
    let (_, found, table) = open(&database, SourceOptions::default()).await;
    assert_eq!(Walk::of(&found, &table), Walk::Whole);
    database.admin("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (path)");
    let (_, found, _) = open(&database, SourceOptions::default()).await;
    assert_eq!(Walk::of(&found, &shape(&found)), Walk::Keyset(vec![0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_into_a_filtered_window_costs_no_other_its_place() {
    let database = testing::servers().mariadb_database("window");
    database.admin(
        "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=MyISAM;
         INSERT INTO t SELECT 1000 * seq, 1 FROM seq_1_to_20000",
    );
    let mut options = SourceOptions::default();
    options.filters.insert("t".to_owned(), Filter::parse("v = 1").unwrap());
    let (mut source, found, table) = open(&database, options).await;
    let walk = Walk::of(&found, &table);
    let done = AtomicBool::new(false);
    let mut ids = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // New rows all over the table, as numbers drawn at random would lie.
            for turn in 1..900 {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                database.admin(&format!(
                    "INSERT INTO t SELECT 1000 * (1 + (seq * 89 + {turn} * 7) % 20000) + {turn}, 1 FROM seq_1_to_200"
                ));
            }
        });
        let reading = async {
            let mut reader = source.reader(&found, &table, &walk);
            loop {
                let piece = reader.next(None).await.unwrap();
                ids.extend(numbers(&piece.batch, &table));
                if piece.is_last {
                    break;
                }
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(reading));
        done.store(true, Ordering::SeqCst);
    });
    let old: Vec<i64> = ids.iter().copied().filter(|id| id % 1000 == 0).collect();
    assert!(ids.len() > old.len(), "nothing came while it was read");
    let lacking: Vec<i64> =
        (1..=20_000).map(|seq| 1000 * seq).filter(|id| old.binary_search(id).is_err()).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
    assert_eq!(old.len(), 20_000);
}

use bicuspid_model::{Batch, ColumnName, SourceType, TableName};

use super::*;

#[test]
fn hashes_are_those_of_a_server() {
    // PostgreSQL 15 on amd64: `SELECT hashtextextended('' COLLATE "C", 0)` and so on.
    for (text, seed, hash) in [
        ("", 0, -6_939_563_903_564_495_251),
        ("", 77, -1_368_670_251_987_650_551),
        ("abcdefgh", -5, -5_255_458_987_635_023_751),
        ("abcdefghi", 9, -6_399_084_382_976_924_243),
        ("abcdefghijk", 9, -949_000_841_576_880_991),
        ("abcdefghijkl", 9, 1_774_178_803_264_785_410),
        ("grün, 25 bytes in all 123", 4711, 8_679_780_755_629_597_735_i64),
    ] {
        assert_eq!(lookup3::bytes(text.as_bytes(), i64::cast_unsigned(seed)), hash.cast_unsigned(), "{text}");
    }
    // Side by side, whichever of them has no seed.
    let words = [
        (0, 0, 4_154_612_158_245_552_303),
        (u32::MAX, 4711, 2_680_678_629_745_458_417),
        (
            lookup3::fold(-4_711_000_000_000),
            1_234_567_890_123,
            (-8_780_430_442_759_720_042_i64).cast_unsigned(),
        ),
        (lookup3::fold(i64::MAX), u64::MAX, 6_110_074_166_949_006_181),
    ];
    let hashes = words.map(|(_, _, hash)| hash);
    assert_eq!(lookup3::words(words.map(|(value, _, _)| value), words.map(|(_, seed, _)| seed)), hashes);
    for (value, seed, hash) in words {
        assert_eq!(lookup3::words([value], [seed]), [hash]);
    }
    assert_eq!(
        lookup3::floats([-0.0, -1.5, -f64::NAN, f64::from(0.1_f32), 0.0], [42, 42, 42, 42, 0]),
        [
            42,
            (-5_437_363_008_778_930_637_i64).cast_unsigned(),
            (-4_570_345_281_452_345_396_i64).cast_unsigned(),
            4_906_899_486_223_959_186,
            0
        ]
    );
}

fn table(columns: &[(&str, TargetType, bool)]) -> Table {
    let column = |&(name, target, nullable): &(&str, TargetType, bool)| Column {
        name: ColumnName::new(name).unwrap(),
        source: SourceType::Double,
        target,
        nullable,
        withheld: false,
    };
    Table {
        name: TableName::new("Odd").unwrap(),
        columns: columns.iter().map(column).collect(),
        primary_key: Vec::new(),
    }
}

const KEY: FingerprintKey = FingerprintKey::new([7; 16]);

#[test]
fn the_statement_is_a_chain_without_the_seed() {
    let table = table(&[("a", TargetType::Int8, false), ("b\"c", TargetType::Text, true)]);
    assert_eq!(
        RowHashes::of(&table, &KEY).unwrap().sql(),
        "SELECT count(*), sum(hashint4extended(CASE WHEN \"b\"\"c\" IS NULL THEN 1 ELSE 0 END, \
         hashtextextended(coalesce(\"b\"\"c\", '') COLLATE \"C\", hashint8extended(\"a\" >> 32, \
         hashint8extended(\"a\", $1)))))::text"
    );
}

#[test]
fn a_number_that_is_not_narrow_proves_nothing() {
    let table = table(&[("a", TargetType::Int8, false), ("b", TargetType::Int8, true)]);
    let of = |value: i64| {
        let mut batch = Batch::new();
        batch.begin_row(2);
        batch.int8(value);
        batch.null();
        assert!(batch.end_row());
        let mut hashes = RowHashes::of_narrow(&table, |_| true, &KEY).unwrap();
        hashes.add(&batch);
        let sum = hashes.sum.to_string();
        hashes.are(&Found::of(1, Some(&sum)))
    };
    assert!(of(i64::from(i32::MAX)) && of(i64::from(i32::MIN)));
    assert!(!of(i64::from(i32::MAX) + 1) && !of(i64::from(i32::MIN) - 1));
    assert_eq!(
        RowHashes::of_narrow(&table, |_| true, &KEY).unwrap().sql(),
        "SELECT count(*), sum(hashint4extended(CASE WHEN \"b\" IS NULL THEN 1 ELSE 0 END, \
         hashint4extended(coalesce(\"b\", '0'::bigint)::integer, hashint4extended(\"a\"::integer, $1))))::text"
    );
}

#[test]
fn a_row_of_another_form_proves_nothing() {
    let table = table(&[("a", TargetType::Int4, false), ("b", TargetType::Text, true)]);
    let sums = |write: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        write(&mut batch);
        assert!(batch.end_row());
        let mut hashes = RowHashes::of(&table, &KEY).unwrap();
        hashes.add(&batch);
        let sum = hashes.sum.to_string();
        hashes.are(&Found::of(1, Some(&sum)))
    };
    assert!(sums(&|row| {
        row.begin_row(2);
        row.int4(1);
        row.null();
    }));
    assert!(!sums(&|row| {
        row.begin_row(1);
        row.int4(1);
    }));
    assert!(!sums(&|row| {
        row.begin_row(2);
        row.int8(1);
        row.null();
    }));
    assert!(!sums(&|row| {
        row.begin_row(2);
        row.null();
        row.null();
    }));
    assert!(!sums(&|row| {
        row.begin_row(3);
        row.int4(1);
        row.null();
        row.null();
    }));
}

#[test]
fn rows_and_sum_must_both_agree() {
    let none = RowHashes::of(&table(&[("a", TargetType::Int4, false)]), &KEY).unwrap();
    assert!(none.are(&Found::of(0, None)));
    assert!(!none.are(&Found::of(1, Some("0"))));
    assert!(!none.are(&Found::of(0, Some("1"))));
    assert!(!none.are(&Found::of(0, Some("x"))));
    assert!(!none.are(&Found::of(-1, None)));
}

#[test]
fn a_chain_has_an_end() {
    let wide = |columns: usize| {
        let names: Vec<String> = (0..columns).map(|i| format!("c{i}")).collect();
        let columns: Vec<_> = names.iter().map(|name| (name.as_str(), TargetType::Int4, false)).collect();
        RowHashes::of(&table(&columns), &KEY).is_some()
    };
    assert!(!wide(0));
    assert!(wide(LINKS_MAX));
    assert!(!wide(LINKS_MAX + 1));
}

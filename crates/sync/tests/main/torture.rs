//! Every type at its limits, every odd name, every kind of key: copied, rendered by both servers, compared.

use std::collections::BTreeMap;
use std::time::Duration;

use bicuspid_sandbox::testing::{self, MariaDbServer};
use bicuspid_sync::{SyncReport, TableOutcome};

use crate::pair::{Pair, table};
use crate::render::Rule::{Bits, Bytes, Day, Float, Moment, Plain, Span, Text};
use crate::render::{Rule, assert_same, ticks};

/// A first run that holds nothing, a second that finds nothing to do, and a proof that says equal.
fn copied(pair: &Pair) -> SyncReport {
    let first = pair.sync();
    assert!(!first.any_held(), "{:#?}", first.troubles);
    let second = pair.sync();
    for table in &second.tables {
        assert_eq!(table.outcome, TableOutcome::Unchanged, "{}", table.name);
    }
    let verify = pair.verify();
    assert!(verify.equal, "{:#?}", verify.tables.iter().filter(|t| !t.equal).collect::<Vec<_>>());
    first
}

/// What was replaced in a table: column and rule, with the count.
fn converted(report: &SyncReport, name: &str) -> BTreeMap<(String, String), u64> {
    table(report, name).converted.iter().map(|c| ((c.column.clone(), c.rule.clone()), c.count)).collect()
}

fn counts(expected: &[(&str, &str, u64)]) -> BTreeMap<(String, String), u64> {
    expected.iter().map(|(column, rule, count)| (((*column).into(), (*rule).into()), *count)).collect()
}

/// Makes a table with one column of a type and a row for each literal, and NULL.
fn one_type(pair: &Pair, name: &str, definition: &str, literals: &[&str]) {
    let rows: Vec<String> = literals.iter().enumerate().map(|(i, v)| format!("({i}, {v})")).collect();
    pair.clinic.admin(&format!(
        "CREATE TABLE {0} (id INT NOT NULL PRIMARY KEY, v {definition}) DEFAULT CHARSET=utf8mb4; \
         INSERT INTO {0} VALUES {1}, (-1, NULL)",
        ticks(name),
        rows.join(", ")
    ));
}

#[test]
fn numbers() {
    let pair = Pair::new("numbers");
    let mut tables: Vec<(String, Rule)> = Vec::new();
    let mut make = |name: &str, definition: &str, literals: &[&str], rule: Rule| {
        one_type(&pair, name, definition, literals);
        tables.push((name.to_owned(), rule));
    };
    make("tiny", "TINYINT", &["-128", "127", "0", "1", "-1"], Plain);
    make("tiny_u", "TINYINT UNSIGNED", &["0", "255", "128"], Plain);
    make("tiny_1", "TINYINT(1)", &["-128", "127", "0", "1", "2"], Plain);
    make("tiny_z", "TINYINT(3) ZEROFILL", &["0", "255", "7"], Rule::Float);
    make("small", "SMALLINT", &["-32768", "32767", "0"], Plain);
    make("small_u", "SMALLINT UNSIGNED", &["0", "65535", "32768"], Plain);
    make("medium", "MEDIUMINT", &["-8388608", "8388607", "0"], Plain);
    make("medium_u", "MEDIUMINT UNSIGNED", &["0", "16777215", "8388608"], Plain);
    make("whole", "INT", &["-2147483648", "2147483647", "0"], Plain);
    make("whole_u", "INT UNSIGNED", &["0", "4294967295", "2147483648"], Plain);
    make("big", "BIGINT", &["-9223372036854775808", "9223372036854775807", "0", "-1"], Plain);
    make(
        "big_u",
        "BIGINT UNSIGNED",
        &["0", "18446744073709551615", "9223372036854775808", "10000", "1"],
        Plain,
    );
    make("age", "YEAR", &["0", "1901", "2155", "2024", "1970"], Rule::Float);
    make(
        "floats",
        "FLOAT",
        &["0", "3.402823466e38", "-3.402823466e38", "1.175494351e-38", "1e-45", "-1e-45", "0.1", "16777217"],
        Float,
    );
    make("floats_2", "FLOAT(7,2)", &["12345.67", "-0.01", "99999.99"], Float);
    make(
        "doubles",
        "DOUBLE",
        &[
            "0",
            "-1e-300 * 1e-300",
            "1.7976931348623157e308",
            "-1.7976931348623157e308",
            "2.2250738585072014e-308",
            "2.2250738585072011e-308",
            "POW(2, -537) * POW(2, -537)",
            "-POW(2, -537) * POW(2, -537)",
            "0.1",
            "-1.5",
            "9007199254740993",
            "1e22",
            "123456789.123456789",
        ],
        Float,
    );
    make("doubles_2", "DOUBLE(20,4) UNSIGNED", &["0", "1234567890123456.5", "0.0001"], Float);
    let nines = "9".repeat(35);
    let most = format!("{nines}.{}", "9".repeat(30));
    let least = format!("-{most}");
    make(
        "decimals",
        "DECIMAL(65,30)",
        &[
            &most,
            &least,
            "0",
            "-0.000000000000000000000000000001",
            "0.000000000000000000000000000001",
            "10000",
            "-100000000",
            "0.1",
            "9999.0001",
        ],
        Plain,
    );
    make("decimals_38", "DECIMAL(65,38)", &["0", "-1.00000000000000000000000000000000000001"], Plain);
    make("decimals_0", "DECIMAL(65,0)", &[&"9".repeat(65), "-1", "0"], Plain);
    make("decimals_1", "DECIMAL(1,1)", &["0.9", "-0.9", "0.0"], Plain);
    make("money", "DECIMAL(10,2) UNSIGNED", &["99999999.99", "0.00", "0.50"], Plain);
    for width in [1_usize, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64] {
        let ones = format!("b'{}'", "1".repeat(width));
        let left = format!("b'1{}'", "0".repeat(width - 1));
        make(&format!("bit_{width}"), &format!("BIT({width})"), &["0", "1", &ones, &left], Bits(width));
    }
    let first = copied(&pair);
    for (name, rule) in &tables {
        assert_same(&pair, name, &[("id", Plain), ("v", *rule)]);
        assert!(converted(&first, name).is_empty(), "{name}");
    }
    // The servers themselves: what was planted is really there.
    assert_eq!(
        pair.cell("SELECT count(*)::text FROM raw.doubles WHERE abs(v) = 5e-324::float8").unwrap(),
        "2"
    );
    assert_eq!(
        pair.cell("SELECT string_agg(v::text, ' ' ORDER BY id) FROM raw.age").unwrap(),
        "0 1901 2155 2024 1970"
    );
    assert_eq!(pair.cell("SELECT v::text FROM raw.big_u WHERE id = 1").unwrap(), "18446744073709551615");
    assert_eq!(pair.cell("SELECT v::text FROM raw.decimals WHERE id = 1").unwrap(), least);
}

#[test]
fn dates_and_times() {
    let pair = Pair::new("calendar");
    pair.clinic.admin(
        "SET sql_mode = 'ALLOW_INVALID_DATES';
         CREATE TABLE days (id INT PRIMARY KEY, v DATE NOT NULL, w DATE);
         INSERT INTO days VALUES (1, '0000-00-00', NULL), (2, '2024-00-00', '2024-05-00'), (3, '2024-02-31', '2024-02-30'),
            (4, '0001-01-01', '0001-01-01'), (5, '9999-12-31', '9999-12-31'), (6, '0000-05-06', '0000-01-01'),
            (7, '2024-02-29', '2023-02-29'), (8, '1900-02-28', '1900-02-29'), (9, '1582-10-10', '1582-10-15'),
            (10, '2000-02-29', '1999-12-31'), (11, '1000-01-01', '2024-04-31');
         CREATE TABLE moments (id INT PRIMARY KEY, v0 DATETIME NOT NULL, v6 DATETIME(6), v3 DATETIME(3));
         INSERT INTO moments VALUES (1, '0000-00-00 00:00:00', '0000-00-00 00:00:00.000001', NULL),
            (2, '2024-00-00 01:02:03', '2024-02-31 23:59:59.999999', '2024-02-31 00:00:00'),
            (3, '0001-01-01 00:00:00', '0001-01-01 00:00:00.000001', '0001-01-01 00:00:00.001'),
            (4, '9999-12-31 23:59:59', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999'),
            (5, '2024-03-10 02:30:00', '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00.100'),
            (6, '0000-03-04 05:06:07', '0000-03-04 05:06:07.5', '2024-11-03 01:30:00');
         SET time_zone = '+00:00';
         CREATE TABLE stamps (id INT PRIMARY KEY, v0 TIMESTAMP NULL, v6 TIMESTAMP(6) NULL, z TIMESTAMP NOT NULL DEFAULT 0);
         INSERT INTO stamps VALUES (1, '1970-01-01 00:00:01', '1970-01-01 00:00:01.000001', 0),
            (2, '2038-01-19 03:14:07', '2038-01-19 03:14:07.999999', '2024-02-03 04:05:06'),
            (3, NULL, '0000-00-00 00:00:00', 0);
         CREATE TABLE spans (id INT PRIMARY KEY, v0 TIME, v6 TIME(6), v1 TIME(1));
         INSERT INTO spans VALUES (1, '-838:59:59', '-838:59:59.999999', '-838:59:59.9'), (2, '838:59:59', '838:59:59.999999', NULL),
            (3, '00:00:00', '-00:00:00.000001', '00:00:00.1'), (4, '24:00:00', '23:59:59.999999', '100:00:00'),
            (5, '-00:00:01', '00:00:00.000001', '-24:00:00'), (6, NULL, NULL, '-00:00:00.5');",
    );
    let first = copied(&pair);
    assert_same(&pair, "days", &[("id", Plain), ("v", Day), ("w", Day)]);
    assert_same(&pair, "moments", &[("id", Plain), ("v0", Moment), ("v6", Moment), ("v3", Moment)]);
    assert_same(&pair, "stamps", &[("id", Plain), ("v0", Moment), ("v6", Moment), ("z", Moment)]);
    assert_same(&pair, "spans", &[("id", Plain), ("v0", Span), ("v6", Span), ("v1", Span)]);
    assert_eq!(
        converted(&first, "days"),
        counts(&[("v", "invalid_date", 4), ("w", "invalid_date", 6)]),
        "each day that does not exist is counted, and no other"
    );
    assert_eq!(
        converted(&first, "moments"),
        counts(&[("v0", "invalid_date", 3), ("v6", "invalid_date", 3), ("v3", "invalid_date", 1)])
    );
    assert_eq!(converted(&first, "stamps"), counts(&[("v6", "invalid_date", 1), ("z", "invalid_date", 2)]));
    assert!(converted(&first, "spans").is_empty());
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.days WHERE v = '0001-01-01'").unwrap(), "1");
    assert_eq!(pair.cell("SELECT v6::text FROM raw.spans WHERE id = 1").unwrap(), "-838:59:59.999999");
    let days = "SELECT count(*)::text FROM raw.spans WHERE extract(day FROM v0) <> 0";
    assert_eq!(pair.cell(days).unwrap(), "0", "no length of a day is assumed");
    // The count is kept beside the data, too.
    let kept = "SELECT converted::text FROM bicuspid.table_state WHERE table_name = 'stamps'";
    assert!(pair.cell(kept).unwrap().contains("invalid_date"));
}

#[test]
fn the_clinics_clock() {
    let options = testing::test_options();
    let options = bicuspid_sandbox::MariaDbOptions { time_zone: "America/Los_Angeles".into(), ..options };
    let server = MariaDbServer::start(options);
    let pair = Pair::over(server.database("clock"), "clock");
    // Both hours of the autumn night, the spring gap, summer and winter, written as moments in UTC.
    pair.clinic.admin(
        "SET time_zone = '+00:00';
         CREATE TABLE stamps (id INT PRIMARY KEY, v TIMESTAMP(6) NOT NULL, w DATETIME(6) NOT NULL);
         INSERT INTO stamps VALUES
            (1, '2024-11-03 08:30:00', '2024-11-03 01:30:00'), (2, '2024-11-03 09:30:00', '2024-11-03 01:30:00'),
            (3, '2024-03-10 09:59:59.999999', '2024-03-10 01:59:59.999999'), (4, '2024-03-10 10:00:00', '2024-03-10 03:00:00'),
            (5, '2024-07-01 12:00:00', '2024-07-01 05:00:00'), (6, '2024-01-01 00:00:00', '2023-12-31 16:00:00'),
            (7, '1970-01-01 08:00:01', '1970-01-01 00:00:01'), (8, '2038-01-19 03:14:07', '2038-01-18 19:14:07');
         CREATE TABLE keyed_by_stamp (t TIMESTAMP NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB;
         INSERT INTO keyed_by_stamp VALUES ('2024-11-03 08:30:00', 1), ('2024-11-03 08:31:00', 2), ('2024-07-01 12:00:00', 3);",
    );
    copied(&pair);
    // The clinic's own session shows its local time; the datetime beside it was written out by hand.
    assert_same(&pair, "stamps", &[("id", Plain), ("v", Moment), ("w", Moment)]);
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.stamps WHERE v = w").unwrap(), "8");
    assert_same(&pair, "keyed_by_stamp", &[("t", Moment), ("v", Plain)]);
    // Two moments that the clinic's clock shows alike are two keys there and one here: held, not merged.
    pair.clinic
        .admin("SET time_zone = '+00:00'; INSERT INTO keyed_by_stamp VALUES ('2024-11-03 09:30:00', 4)");
    let run = pair.sync();
    let held = table(&run, "keyed_by_stamp").held.as_ref().expect("held");
    assert_eq!(held.rule, "validate::key_unique");
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.keyed_by_stamp").unwrap(), "3", "its old rows stay");
}

#[test]
fn texts_in_every_character_set() {
    let pair = Pair::new("texts");
    let bytes: Vec<String> = (0..256).map(|b| format!("({b}, _latin1 x'{b:02x}')")).collect();
    pair.clinic.admin(&format!(
        "CREATE TABLE western (id INT PRIMARY KEY, v VARCHAR(10) CHARACTER SET latin1);
         INSERT INTO western VALUES {}",
        bytes.join(", ")
    ));
    pair.clinic.admin(
        "CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET ascii);
         INSERT INTO plain VALUES (1, 'abc?'), (2, ''), (3, 'tab\\tnew\\nquote''\"\\\\');
         CREATE TABLE chinese (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET gbk, w TEXT CHARACTER SET gb2312,
            x VARCHAR(10) CHARACTER SET big5, y VARCHAR(10) CHARACTER SET sjis, z VARCHAR(10) CHARACTER SET euckr);
         INSERT INTO chinese VALUES (1, '牙齿?', '牙', '牙', '歯', '치'), (2, '', '?', '??', 'ｱ', ''), (3, NULL, NULL, NULL, NULL, NULL);
         CREATE TABLE wide (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET ucs2, w VARCHAR(20) CHARACTER SET utf16,
            x VARCHAR(20) CHARACTER SET utf32, y VARCHAR(20) CHARACTER SET utf16le);
         INSERT INTO wide VALUES (1, 'é?牙㼁', '😀?㼁', '😀?', '😀?㼁'), (2, '', '', '', ''), (3, NULL, NULL, NULL, NULL), (4, '㼿', '㼿', '㼿', '㼿');
         CREATE TABLE modern (id INT PRIMARY KEY, a VARCHAR(100) CHARACTER SET utf8mb3, b VARCHAR(100) CHARACTER SET utf8mb4,
            c CHAR(10) CHARACTER SET utf8mb4, d TINYTEXT, e TEXT, f MEDIUMTEXT, g LONGTEXT) DEFAULT CHARSET=utf8mb4;
         INSERT INTO modern VALUES (1, 'é牙', '😀é', 'ab  ', '', ' ', '  x ', 'end\\n'),
            (2, '', '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
            (4, 'tab\\t', 'line\\nfeed\\r\\n', 'a\\\\b', '''\"`', '%_', '\\\\N', '\\\\.'),
            (5, 'trail  ', ' lead', '  x', '👨‍👩‍👧‍👦', 'e\u{301}', '\u{feff}bom', '\u{fffd}'),
            (6, 'x', REPEAT('😀', 100), REPEAT('é', 10), REPEAT('é', 127), REPEAT('z', 65535), REPEAT('牙', 50000), REPEAT('a', 1000000));
         CREATE TABLE nuls (id INT PRIMARY KEY, v VARCHAR(20), w TEXT CHARACTER SET latin1, x VARCHAR(5) CHARACTER SET ucs2) DEFAULT CHARSET=utf8mb4;
         INSERT INTO nuls VALUES (1, CONCAT('a', CHAR(0), 'b'), CHAR(0), CONVERT(CHAR(0) USING ucs2)), (2, CONCAT(CHAR(0), CHAR(0)), 'no', 'no'), (3, 'no', NULL, NULL);
         CREATE TABLE choices (id INT PRIMARY KEY, e ENUM('a', '', 'it''s', 'x,y', '\"q\"', ' é ', '\\\\', '1') CHARACTER SET utf8mb4,
            s SET('a', 'it''s', 'b c', '牙', '') CHARACTER SET utf8mb4, l ENUM('é', 'b') CHARACTER SET latin1, c ENUM('я', 'b') CHARACTER SET cp1251);
         INSERT IGNORE INTO choices VALUES (1, 'a', 'a,b c', 'é', 'я'), (2, '', '', 'b', 'b'), (3, 'it''s', 'it''s,牙', NULL, NULL), (4, 'x,y', '', 'b', 'я'),
            (5, '\"q\"', NULL, 'é', 'b'), (6, ' é ', '牙', 'é', 'b'), (7, '\\\\', 'a', 'é', 'b'), (8, '1', 'a', 'é', 'b'), (9, 0, 0, 0, 0), (10, 'nonsense', 'nonsense', 'zzz', 'zzz');",
    );
    let first = copied(&pair);
    assert_same(&pair, "western", &[("id", Plain), ("v", Text)]);
    assert_eq!(converted(&first, "western"), counts(&[("v", "nul_character", 1)]));
    let euro = "SELECT v FROM raw.western WHERE id = 128";
    assert_eq!(pair.cell(euro).unwrap(), "€", "latin1 is Windows-1252 here");
    assert_eq!(pair.cell("SELECT ascii(v)::text FROM raw.western WHERE id = 129").unwrap(), "129");
    assert_same(&pair, "plain", &[("id", Plain), ("v", Text)]);
    let chinese = ["v", "w", "x", "y", "z"].map(|name| (name, Text));
    assert_same(&pair, "chinese", &chinese);
    assert_same(&pair, "wide", &[("id", Plain), ("v", Text), ("w", Text), ("x", Text), ("y", Text)]);
    assert_same(&pair, "modern", &["a", "b", "c", "d", "e", "f", "g"].map(|name| (name, Text)));
    assert_same(&pair, "choices", &[("id", Plain), ("e", Text), ("s", Text), ("l", Text), ("c", Text)]);
    for name in ["plain", "chinese", "wide", "modern", "choices"] {
        assert!(converted(&first, name).is_empty(), "{name}");
    }
    let nuls = pair.target.query("SELECT v, w, x FROM raw.nuls ORDER BY id");
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(
        nuls,
        [
            vec![text("a\u{fffd}b"), text("\u{fffd}"), text("\u{fffd}")],
            vec![text("\u{fffd}\u{fffd}"), text("no"), text("no")],
            vec![text("no"), None, None],
        ]
    );
    assert_eq!(
        converted(&first, "nuls"),
        counts(&[("v", "nul_character", 2), ("w", "nul_character", 1), ("x", "nul_character", 1)])
    );
}

#[test]
fn texts_of_one_byte_each() {
    let pair = Pair::new("single");
    for (set, name) in [
        ("cp1251", "cyrillic"),
        ("latin2", "central"),
        ("koi8r", "koi"),
        ("cp1250", "windows"),
        ("greek", "greek"),
        ("hebrew", "hebrew"),
        ("cp850", "dos"),
        ("latin5", "turkish"),
        ("cp1257", "baltic"),
        ("tis620", "thai"),
    ] {
        let bytes: Vec<String> = (0..256).map(|b| format!("({b}, _{set} x'{b:02x}')")).collect();
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(10) CHARACTER SET {set}); INSERT INTO {name} VALUES {}, \
             (300, '???'), (301, ''), (302, NULL), (303, _{set} x'3f983f')",
            bytes.join(", ")
        ));
    }
    let first = copied(&pair);
    for name in
        ["cyrillic", "central", "koi", "windows", "greek", "hebrew", "dos", "turkish", "baltic", "thai"]
    {
        let sql = format!("SELECT HEX(v), HEX(CONVERT(v USING utf8mb4)) FROM {name} ORDER BY id");
        let (mut undefined, mut expected) = (0, Vec::new());
        for row in pair.clinic.query(&sql) {
            let (Some(stored), Some(text)) = (&row[0], &row[1]) else {
                expected.push(None);
                continue;
            };
            let text = String::from_utf8(unhex(text)).unwrap();
            let shown = || text.chars().zip(unhex(stored));
            // The server shows `?` for a code that its character set leaves undefined.
            let lost = |(c, byte): (char, u8)| c == '?' && byte != b'?';
            undefined += u64::from(shown().any(lost));
            let mended = shown().map(|pair| if lost(pair) || pair.0 == '\0' { '\u{fffd}' } else { pair.0 });
            expected.push(Some(mended.collect::<String>()));
        }
        let sql = format!("SELECT v FROM raw.{name} ORDER BY id");
        let found: Vec<_> = pair.target.query(&sql).into_iter().map(|mut row| row.remove(0)).collect();
        assert_eq!(found, expected, "{name}");
        let mut count = counts(&[("v", "nul_character", 1), ("v", "invalid_character", undefined)]);
        count.retain(|_, n| *n > 0);
        assert_eq!(converted(&first, name), count, "{name}");
    }
    assert_eq!(pair.cell("SELECT v FROM raw.cyrillic WHERE id = 303").unwrap(), "?\u{fffd}?");
    assert_eq!(pair.cell("SELECT v FROM raw.cyrillic WHERE id = 300").unwrap(), "???");
}

/// Bytes in a hexadecimal text.
fn unhex(text: &[u8]) -> Vec<u8> {
    let digit = |b: u8| u8::try_from(char::from(b).to_digit(16).unwrap()).unwrap();
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Puts the rows of one table under the definition of another of the same layout, as old repairs and file copies do:
/// MyISAM keeps definition and rows in files of their own.
fn planted(pair: &Pair, name: &str, definition: &str, twin: &str, literals: &[String]) {
    let rows: Vec<String> = literals.iter().enumerate().map(|(i, v)| format!("({i}, {v})")).collect();
    pair.clinic.admin(&format!(
        "CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, v {definition}) ENGINE=MyISAM;
         CREATE TABLE {name}_twin (id INT NOT NULL PRIMARY KEY, v {twin}) ENGINE=MyISAM;
         INSERT INTO {name}_twin VALUES {}; FLUSH TABLES",
        rows.join(", ")
    ));
    let folder = pair.clinic.query("SELECT @@datadir").remove(0).remove(0).unwrap();
    let folder = std::path::PathBuf::from(String::from_utf8(folder).unwrap()).join(pair.clinic.name());
    for kind in ["MYD", "MYI"] {
        let bytes = std::fs::read(folder.join(format!("{name}_twin.{kind}"))).unwrap();
        // Written in place, so that the file stays its owner's.
        std::fs::write(folder.join(format!("{name}.{kind}")), bytes).unwrap();
    }
    pair.clinic.admin(&format!("FLUSH TABLES; DROP TABLE {name}_twin"));
}

fn planted_text(pair: &Pair, name: &str, character_set: &str, width: usize, values: &[&str]) {
    let literals: Vec<String> = values.iter().map(|v| format!("x'{v}'")).collect();
    let definition = format!("VARCHAR(20) CHARACTER SET {character_set}");
    planted(pair, name, &definition, &format!("VARBINARY({})", 20 * width), &literals);
}

#[test]
fn floating_points_bit_for_bit() {
    let pair = Pair::new("floating");
    // No statement of MariaDB stores infinities and their kin, but files of other servers may hold them. A -0 that lies
    // in a file is told to every client as 0, in numbers as in text, so 0 is what there is to be copied.
    let doubles: [u64; 7] = [1 << 63, 0, 1, (1 << 63) + 1, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff8_0000_dead_beef];
    let floats: [u32; 7] = [1 << 31, 0, 1, (1 << 31) + 1, 0x7f80 << 16, 0xff80 << 16, 0x7fc0_beef];
    planted(&pair, "doubles", "DOUBLE", "BIGINT UNSIGNED", &doubles.map(|v| v.to_string()));
    planted(&pair, "floats", "FLOAT", "INT UNSIGNED", &floats.map(|v| v.to_string()));
    copied(&pair);
    let bits = |sql: &str| -> Vec<String> {
        pair.target.query(sql).into_iter().map(|mut row| row.remove(0).unwrap()).collect()
    };
    let found = bits("SELECT encode(float8send(v), 'hex') FROM raw.doubles ORDER BY id");
    assert_eq!(found, doubles.map(|v| format!("{:016x}", if v == 1 << 63 { 0 } else { v })));
    let found = bits("SELECT encode(float4send(v), 'hex') FROM raw.floats ORDER BY id");
    assert_eq!(found, floats.map(|v| format!("{:08x}", if v == 1 << 31 { 0 } else { v })));
}

#[test]
fn bytes_that_are_not_of_their_character_set() {
    let pair = Pair::new("planted");
    // Cut short, overlong, a surrogate, beyond Unicode, a lone continuation; and two that are sound.
    let values = ["61ff62", "e9", "c080", "eda080", "f4908080", "80", "e78999", "3f"];
    planted_text(&pair, "modern", "utf8mb4", 4, &values);
    planted_text(&pair, "older", "utf8mb3", 3, &values);
    planted_text(&pair, "plain", "ascii", 1, &["618062", "ff", "3f80", "61"]);
    // Lone halves of pairs, beside real question marks and characters that hold a question mark's byte.
    planted_text(&pair, "two_bytes", "ucs2", 2, &["0061d800", "3f41d800003f", "dc003f3f", "003f", "3f41"]);
    planted_text(&pair, "pairs", "utf16", 4, &["0061d800", "3f41d800003f", "dc003f3f", "d83dde00", "d83dde"]);
    planted_text(
        &pair,
        "four_bytes",
        "utf32",
        4,
        &["0000006100110000", "0000d8000000003f", "0000003f", "0001f600"],
    );
    let first = copied(&pair);
    let texts = |name: &str| -> Vec<String> {
        let rows = pair.target.query(&format!("SELECT v FROM raw.{name} ORDER BY id"));
        rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
    };
    let bad = '\u{fffd}';
    for name in ["modern", "older"] {
        let expected: Vec<String> =
            values.iter().map(|v| String::from_utf8_lossy(&unhex(v.as_bytes())).into_owned()).collect();
        assert_eq!(texts(name), expected, "{name}");
        assert_eq!(converted(&first, name), counts(&[("v", "invalid_character", 6)]), "{name}");
    }
    assert_eq!(texts("plain"), [format!("a{bad}b"), format!("{bad}"), format!("?{bad}"), "a".into()]);
    assert_eq!(converted(&first, "plain"), counts(&[("v", "invalid_character", 3)]));
    let halves = [format!("a{bad}"), format!("㽁{bad}?"), format!("{bad}㼿")];
    assert_eq!(texts("two_bytes"), [&halves[..], &["?".into(), "㽁".into()]].concat());
    assert_eq!(converted(&first, "two_bytes"), counts(&[("v", "invalid_character", 3)]));
    assert_eq!(texts("pairs"), [&halves[..], &["😀".into(), format!("{bad}{bad}")]].concat());
    assert_eq!(converted(&first, "pairs"), counts(&[("v", "invalid_character", 4)]));
    assert_eq!(texts("four_bytes"), [format!("a{bad}"), format!("{bad}?"), "?".into(), "😀".into()]);
    assert_eq!(converted(&first, "four_bytes"), counts(&[("v", "invalid_character", 2)]));
}

#[test]
fn bytes_and_shapes() {
    let pair = Pair::new("bytes");
    let every = (0..=255_u8).fold(String::new(), |text, b| text + &format!("{b:02x}"));
    pair.clinic.admin(&format!(
        "CREATE TABLE raws (id INT PRIMARY KEY, a BINARY(8), b VARBINARY(300), c TINYBLOB, d BLOB, e MEDIUMBLOB, f LONGBLOB);
         INSERT INTO raws VALUES (1, 'ab', x'{every}', x'00', x'{every}{every}', '', x'ff'), (2, '', '', '', '', '', ''),
            (3, NULL, NULL, NULL, NULL, NULL, NULL), (4, 'ab      ', 'x ', ' ', REPEAT(x'00ff5c27', 1000), REPEAT(x'ff', 300000), REPEAT(x'0d0a00', 500000));
         CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY, p POINT, l LINESTRING, y POLYGON, m MULTIPOINT, c GEOMETRYCOLLECTION);
         INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), ST_GeomFromText('POINT(-0.1 1e300)'),
            ST_GeomFromText('LINESTRING(0 0,1 1,2 2)'), ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1))'),
            ST_GeomFromText('MULTIPOINT(1 1,2 2)'), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')),
            (2, NULL, NULL, NULL, NULL, NULL, NULL);
         CREATE TABLE documents (id INT PRIMARY KEY, j JSON);
         INSERT INTO documents VALUES (1, '{{ \"b\" : 1,\"a\":[1.0, 2e2, \"\\\\u0000\"] , \"b\":2}}'), (2, 'null'), (3, NULL), (4, '\"\"');
         CREATE TABLE modern_types (id INT PRIMARY KEY, u UUID, i INET6, j INET4);
         INSERT INTO modern_types VALUES (1, '123e4567-e89b-12d3-a456-426655440000', '2001:db8::ff00:42:8329', '192.0.2.1'),
            (2, '00000000-0000-0000-0000-000000000000', '::', '0.0.0.0'), (3, NULL, NULL, NULL), (4, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '::ffff:1.2.3.4', '255.255.255.255');
         CREATE TABLE made (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a * 2) VIRTUAL, s VARCHAR(20) GENERATED ALWAYS AS (CONCAT('<', a, '>')) STORED,
            hidden INT INVISIBLE DEFAULT 7) DEFAULT CHARSET=utf8mb4;
         INSERT INTO made (id, a) VALUES (1, 21), (2, NULL);
         CREATE TABLE packed (id INT PRIMARY KEY, v TEXT COMPRESSED) DEFAULT CHARSET=utf8mb4; INSERT INTO packed VALUES (1, REPEAT('ab', 5000)), (2, '');"
    ));
    let first = copied(&pair);
    assert!(first.tables.iter().all(|t| t.converted.is_empty()));
    assert_same(&pair, "raws", &["a", "b", "c", "d", "e", "f"].map(|name| (name, Bytes)));
    assert_same(&pair, "shapes", &["g", "p", "l", "y", "m", "c"].map(|name| (name, Bytes)));
    assert_same(&pair, "documents", &[("id", Plain), ("j", Text)]);
    assert_same(&pair, "modern_types", &[("u", Plain), ("i", Plain), ("j", Plain)]);
    assert_same(&pair, "made", &[("id", Plain), ("a", Plain), ("v", Plain), ("s", Text), ("hidden", Plain)]);
    assert_same(&pair, "packed", &[("id", Plain), ("v", Text)]);
}

/// A table for each kind of key: name, type, value of the row `seq`, and how it is compared.
fn kinds_of_key() -> Vec<(&'static str, &'static str, String, Rule)> {
    let text = "CONVERT(CONCAT(CHAR(97 + seq * 7 MOD 26), IF(seq MOD 2, 'É', 'o'), LPAD(seq, 6, 'x'), IF(seq MOD 3, '-', '_')) USING utf8mb4)";
    let padded = format!("CONCAT({text}, REPEAT(' ', seq MOD 3))");
    let own = |value: &str| value.to_owned();
    vec![
        (
            "k_random",
            "BIGINT",
            own(
                "CAST(CAST(CONV(LEFT(MD5(seq), 16), 16, 10) AS DECIMAL(30)) - 9223372036854775808 AS SIGNED)",
            ),
            Plain,
        ),
        ("k_unsigned", "BIGINT UNSIGNED", own("18446744073709551615 - seq * 3"), Plain),
        ("k_random_u", "BIGINT UNSIGNED", own("CONV(LEFT(MD5(seq), 16), 16, 10)"), Plain),
        ("k_negative", "INT", own("CAST(seq AS SIGNED) - 75"), Plain),
        ("k_date", "DATE", own("'0001-01-01' + INTERVAL seq * 700 DAY"), Day),
        ("k_moment", "DATETIME(6)", own("'1999-12-31 23:59:59.999920' + INTERVAL seq MICROSECOND"), Moment),
        ("k_second", "DATETIME", own("'1999-12-31 23:59:00' + INTERVAL seq SECOND"), Moment),
        ("k_time", "TIME(3)", own("SEC_TO_TIME((CAST(seq AS SIGNED) - 70) * 1234.567)"), Span),
        ("k_timestamp", "TIMESTAMP(3)", own("'2024-01-01' + INTERVAL seq * 1500 MICROSECOND"), Moment),
        ("k_year", "YEAR", own("IF(seq = 1, 0, 1900 + seq)"), Float),
        (
            "k_decimal",
            "DECIMAL(65,30)",
            own("(CAST(seq AS SIGNED) - 70) * 0.000000000000000000000000000001"),
            Plain,
        ),
        ("k_decimal_2", "DECIMAL(20,4)", own("(CAST(seq AS SIGNED) - 70) * 123456789.1234"), Plain),
        (
            "k_double",
            "DOUBLE",
            own("(CAST(seq AS SIGNED) - 70) / 7e0 * POW(10, CAST(seq AS SIGNED) - 70)"),
            Float,
        ),
        ("k_float", "FLOAT", own("(CAST(seq AS SIGNED) - 70) / 7"), Float),
        ("k_bit", "BIT(64)", own("18446744073709551615 - seq * 12345"), Bits(64)),
        ("k_bit_9", "BIT(9)", own("seq"), Bits(9)),
        ("k_binary", "BINARY(16)", own("UNHEX(MD5(seq))"), Bytes),
        (
            "k_varbinary",
            "VARBINARY(30)",
            own("CONCAT(LEFT(UNHEX(MD5(seq)), 1 + seq MOD 3), UNHEX(IF(seq MOD 2, '00', '')), seq)"),
            Bytes,
        ),
        ("k_ci", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", own(text), Text),
        ("k_unicode", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", own(text), Text),
        (
            "k_nopad",
            "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_nopad_ci",
            padded.clone(),
            Text,
        ),
        ("k_bin", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", padded.clone(), Text),
        ("k_mb3", "VARCHAR(40) CHARACTER SET utf8mb3", padded, Text),
        ("k_char", "CHAR(40) CHARACTER SET latin1", format!("CONCAT({text}, '€')"), Text),
        ("k_german", "VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_german2_ci", own(text), Text),
        ("k_cyrillic", "VARCHAR(40) CHARACTER SET cp1251", own("CONCAT('я', seq)"), Text),
        ("k_ascii", "VARCHAR(40) CHARACTER SET ascii", own("CONCAT('k', seq)"), Text),
        (
            "k_emoji",
            "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
            own("CONCAT('😀', seq, '\\\\''')"),
            Text,
        ),
        (
            "k_uuid",
            "UUID",
            own("INSERT(INSERT(INSERT(INSERT(MD5(seq), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')"),
            Plain,
        ),
        ("k_inet", "INET6", own("CONCAT('2001:db8::', HEX(seq))"), Plain),
        ("k_enum", "ENUM('z', 'a', 'M', '0', '')", own("1 + seq MOD 5"), Text),
    ]
}

#[test]
fn keys_of_every_kind() {
    let mut pair = Pair::new("keys");
    // Every statement takes longer than this: after the first the pages have a row or two.
    pair.options.lock_aim = Duration::from_nanos(1);
    let rows = 150;
    let kinds = kinds_of_key();
    let engines: &[&str] = if testing::long() { &["MyISAM", "InnoDB", "Aria"] } else { &["InnoDB"] };
    for engine in engines {
        for (name, definition, value, _) in &kinds {
            pair.clinic.admin(&format!(
                "CREATE TABLE {name}_{engine} (k {definition} NOT NULL PRIMARY KEY, v INT) ENGINE={engine}; \
                 INSERT IGNORE INTO {name}_{engine} SELECT {value}, seq FROM seq_1_to_{rows}"
            ));
        }
    }
    pair.clinic.admin(&format!(
        "CREATE TABLE c_mixed (a VARCHAR(10) COLLATE utf8mb4_general_ci NOT NULL, b DATE NOT NULL, c BIGINT UNSIGNED NOT NULL, v INT, PRIMARY KEY (c, a, b)) DEFAULT CHARSET=utf8mb4;
         INSERT INTO c_mixed SELECT CONCAT('k', seq MOD 5), '2024-01-01' + INTERVAL seq MOD 11 DAY, seq MOD 3, seq FROM seq_1_to_{rows};
         CREATE TABLE c_ints (a INT NOT NULL, b SMALLINT UNSIGNED NOT NULL, c DATETIME(6) NOT NULL, v INT, PRIMARY KEY (b, a, c)) ENGINE=InnoDB;
         INSERT INTO c_ints SELECT CAST(seq MOD 5 AS SIGNED) - 2, seq MOD 7, '2024-01-01 00:00:00.5' + INTERVAL seq MICROSECOND, seq FROM seq_1_to_{rows};
         CREATE TABLE all_key (a INT NOT NULL, b VARBINARY(9) NOT NULL, PRIMARY KEY (a, b));
         INSERT INTO all_key SELECT seq MOD 9, seq FROM seq_1_to_{rows};
         CREATE TABLE unique_only (a INT NOT NULL, b VARCHAR(9) CHARACTER SET latin1 NOT NULL, v INT, w INT NOT NULL, UNIQUE (v), UNIQUE (a, b)) ENGINE=InnoDB;
         INSERT INTO unique_only SELECT seq MOD 9, seq, IF(seq MOD 2, NULL, seq), 1 FROM seq_1_to_{rows};
         CREATE TABLE unique_int (w INT NOT NULL UNIQUE, v INT); INSERT INTO unique_int SELECT seq, seq FROM seq_1_to_{rows};
         CREATE TABLE prefix_key (t VARCHAR(300) CHARACTER SET utf8mb4 NOT NULL, v INT, PRIMARY KEY (t(7))); INSERT INTO prefix_key SELECT CONCAT(LPAD(seq, 7, '0'), REPEAT('x', seq MOD 200)), seq FROM seq_1_to_{rows};
         CREATE TABLE no_key (a INT, b VARCHAR(10), c DOUBLE) DEFAULT CHARSET=utf8mb4; INSERT INTO no_key SELECT seq MOD 10, IF(seq MOD 3, 'x', NULL), '-0' FROM seq_1_to_{rows};
         CREATE TABLE one_row (a INT PRIMARY KEY, b INT); INSERT INTO one_row VALUES (1, NULL);
         CREATE TABLE no_row (a INT PRIMARY KEY, b INT); CREATE TABLE no_row_no_key (a INT);"
    ));
    let first = copied(&pair);
    assert!(first.tables.iter().all(|t| t.converted.is_empty()));
    for engine in engines {
        for (name, _, _, rule) in &kinds {
            let name = format!("{name}_{engine}");
            assert_same(&pair, &name, &[("k", *rule), ("v", Plain)]);
            let of_table = table(&first, &name);
            let least = if name.starts_with("k_enum") { 5 } else { 100 };
            assert!(of_table.rows_source >= least, "{name} has {} rows", of_table.rows_source);
            assert_eq!(of_table.rows_source, of_table.rows_read, "{name}: no row is read twice");
        }
    }
    assert_same(&pair, "c_mixed", &[("a", Text), ("b", Day), ("c", Plain), ("v", Plain)]);
    assert_same(&pair, "c_ints", &[("a", Plain), ("b", Plain), ("c", Moment), ("v", Plain)]);
    assert_same(&pair, "all_key", &[("a", Plain), ("b", Bytes)]);
    assert_same(&pair, "unique_only", &[("a", Plain), ("b", Text), ("v", Plain), ("w", Plain)]);
    assert_same(&pair, "unique_int", &[("w", Plain), ("v", Plain)]);
    assert_same(&pair, "prefix_key", &[("t", Text), ("v", Plain)]);
    assert_same(&pair, "no_key", &[("a", Plain), ("b", Text), ("c", Float)]);
    for name in ["one_row", "no_row"] {
        assert_same(&pair, name, &[("a", Plain), ("b", Plain)]);
    }
    assert_same(&pair, "no_row_no_key", &[("a", Plain)]);
    let keys = "SELECT count(*)::text FROM pg_constraint WHERE contype = 'p' AND connamespace = 'raw'::regnamespace \
                AND conrelid::regclass::text NOT LIKE '%etl_%'";
    let keyed = first.tables.len() - ["unique_only", "unique_int", "no_key", "no_row_no_key"].len();
    assert_eq!(pair.cell(keys).unwrap(), keyed.to_string(), "every key arrived");
}

#[test]
fn names_of_every_kind() {
    let pair = Pair::new("names");
    let odd = [
        "select",
        "Order",
        "two words",
        "it's",
        "say \"x\"",
        "back`tick",
        "back\\slash",
        "# hash",
        "-- dash",
        "100%",
        "größe",
        "牙",
        "a.b",
        "/*! x */",
        "semi;colon",
        "{x}",
        "$1",
        "@var",
        "?",
        ":name",
        "tab\there",
        "line\nbreak",
        " lead",
        "1",
        "xmin_",
        "key",
    ];
    let beside = |i: usize| odd[(i + 1) % odd.len()];
    for (i, name) in odd.iter().enumerate() {
        pair.clinic.admin(&format!(
            "CREATE TABLE {t} ({t} INT NOT NULL, {d} VARCHAR(20) CHARACTER SET utf8mb4, PRIMARY KEY ({t})); \
             INSERT INTO {t} VALUES ({i}, 'x'), (-1, NULL)",
            t = ticks(name),
            d = ticks(beside(i))
        ));
    }
    let report = copied(&pair);
    assert_eq!(report.tables.len(), odd.len());
    for (i, name) in odd.iter().enumerate() {
        assert_same(&pair, name, &[(name, Plain), (beside(i), Text)]);
        let t = ticks(name);
        pair.clinic.admin(&format!("UPDATE {t} SET {} = 'y' WHERE {t} = -1", ticks(beside(i))));
    }
    let run = pair.sync();
    assert!(!run.any_held(), "{:#?}", run.troubles);
    assert!(run.tables.iter().all(|t| (t.inserted, t.updated, t.deleted) == (0, 1, 0)));
    assert!(pair.verify().equal);
}

//! Random rows over every type, from seeds that are always the same: copied, changed at random, copied again, and
//! compared value by value each time.

use std::fmt::Write as _;

use bicuspid_sandbox::testing;
use bicuspid_sync::TableOutcome;

use crate::pair::{Pair, table};
use crate::render::Rule::{Bits, Bytes, Day, Float, Moment, Plain, Span, Text};
use crate::render::{Rule, assert_same};

/// Numbers from a seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// An integer of up to `bits` bits: as often small as large, and often at its limit.
    fn integer(&mut self, bits: u32, signed: bool) -> String {
        let kept =
            if self.below(4) == 0 { 1 + u32::try_from(self.below(u64::from(bits))).unwrap() } else { bits };
        let value = match self.below(6) {
            0 => u64::MAX,
            1 => 1 << (bits - 1),
            2 => 0,
            _ => self.next(),
        } >> (64 - kept);
        if signed {
            let shift = 64 - bits;
            let value = i64::from_le_bytes((value << shift).to_le_bytes()) >> shift;
            value.to_string()
        } else {
            value.to_string()
        }
    }

    fn digits(&mut self, most: u64) -> String {
        (0..self.below(most + 1)).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap())).collect()
    }

    fn decimal(&mut self, whole: u64, fraction: u64) -> String {
        let sign = if self.below(2) == 0 { "-" } else { "" };
        format!("{sign}0{}.{}0", self.digits(whole), self.digits(fraction))
    }

    fn double(&mut self) -> String {
        loop {
            let value = f64::from_bits(if self.below(3) == 0 { self.next() >> 12 } else { self.next() });
            // MariaDB tells -0 as 0, and stores no infinities.
            if value.is_finite() && value != 0.0 {
                return format!("{value:e}");
            }
        }
    }

    /// A day that may not exist.
    fn day(&mut self) -> String {
        let year = [0, 1, 999, 1582, 1900, 2000, 2023, 2024, 9999][usize::try_from(self.below(9)).unwrap()];
        format!("{year:04}-{:02}-{:02}", self.below(13), self.below(32))
    }

    fn clock(&mut self) -> String {
        let fraction = [0, 1, 999_999, 500_000, 120][usize::try_from(self.below(5)).unwrap()];
        format!("{:02}:{:02}:{:02}.{fraction:06}", self.below(24), self.below(60), self.below(60))
    }

    fn bytes(&mut self, most: u64) -> String {
        let mut text = String::from("x'");
        for _ in 0..self.below(most + 1) {
            let _ = write!(text, "{:02x}", self.below(256));
        }
        text + "'"
    }

    /// A text of characters that have been trouble to somebody.
    fn text(&mut self, alphabet: &str, most: u64) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let end = u64::try_from(alphabet.len()).unwrap();
        let text: String =
            (0..self.below(most + 1)).map(|_| alphabet[usize::try_from(self.below(end)).unwrap()]).collect();
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    }
}

const PLAIN: &str = "aA bB'\"\\\t\n\r%_;,NULL\u{7f}?0";
const WESTERN: &str = "aé€ÿ?ß 'x\\\u{81}";
const WORLD: &str = "aé牙😀\u{301}\u{feff}\u{fffd}\u{200d} ?\\'Яש\u{10ffff}";

/// Name, definition and rule of each column.
const COLUMNS: [(&str, &str, Rule); 27] = [
    ("tiny", "TINYINT", Plain),
    ("tiny_u", "TINYINT UNSIGNED", Plain),
    ("small", "SMALLINT", Plain),
    ("medium_u", "MEDIUMINT UNSIGNED", Plain),
    ("whole", "INT", Plain),
    ("whole_u", "INT UNSIGNED", Plain),
    ("big", "BIGINT", Plain),
    ("big_u", "BIGINT UNSIGNED", Plain),
    ("money", "DECIMAL(10,2)", Plain),
    ("exact", "DECIMAL(65,30)", Plain),
    ("double_", "DOUBLE", Float),
    ("float_", "FLOAT", Float),
    ("day_", "DATE", Day),
    ("moment", "DATETIME(6)", Moment),
    ("second_", "DATETIME", Moment),
    ("span", "TIME(6)", Span),
    ("year_", "YEAR", Float),
    ("plain", "VARCHAR(60) CHARACTER SET utf8mb4", Text),
    ("fixed", "CHAR(20) CHARACTER SET utf8mb4", Text),
    ("western", "TEXT CHARACTER SET latin1", Text),
    ("cyrillic", "VARCHAR(60) CHARACTER SET cp1251", Text),
    ("world", "LONGTEXT CHARACTER SET utf8mb4", Text),
    ("wide", "VARCHAR(60) CHARACTER SET utf16", Text),
    ("octets", "BINARY(12)", Bytes),
    ("bytes_", "BLOB", Bytes),
    ("bits", "BIT(37)", Bits(37)),
    ("choice", "SET('a', 'B', 'ü', 'x y')", Text),
];

fn value(dice: &mut Dice, name: &str) -> String {
    if dice.below(9) == 0 {
        return "NULL".into();
    }
    match name {
        "tiny" => dice.integer(8, true),
        "tiny_u" => dice.integer(8, false),
        "small" => dice.integer(16, true),
        "medium_u" => dice.integer(24, false),
        "whole" => dice.integer(32, true),
        "whole_u" => dice.integer(32, false),
        "big" => dice.integer(64, true),
        "big_u" => dice.integer(64, false),
        "money" => dice.decimal(7, 2),
        "exact" => dice.decimal(34, 29),
        "double_" => dice.double(),
        "float_" => format!("{}e{}", dice.decimal(1, 7), dice.below(60)),
        "day_" => format!("'{}'", dice.day()),
        "moment" | "second_" => format!("'{} {}'", dice.day(), dice.clock()),
        "span" => {
            let (sign, days) = (if dice.below(2) == 0 { "-" } else { "" }, dice.below(34));
            format!("'{sign}{days} {}'", dice.clock())
        }
        "year_" => (1901 + dice.below(255)).to_string(),
        "plain" | "fixed" => dice.text(PLAIN, 20),
        "western" => dice.text(WESTERN, 40),
        "cyrillic" => dice.text("aЯё№? '", 30),
        "wide" => dice.text(WORLD, 30),
        "octets" => dice.bytes(12),
        "bytes_" => dice.bytes(300),
        "bits" => (dice.next() >> 27).to_string(),
        "choice" => dice.below(16).to_string(),
        _ => dice.text(WORLD, 300),
    }
}

fn rows(dice: &mut Dice, keys: impl Iterator<Item = i64>) -> Vec<String> {
    keys.map(|key| {
        let values: Vec<String> = COLUMNS.iter().map(|(name, ..)| value(dice, name)).collect();
        format!("({key}, {})", values.join(", "))
    })
    .collect()
}

#[test]
fn random_rows_again_and_again() {
    let (seeds, count) = if testing::long() { (40, 3000) } else { (2, 250) };
    for seed in 0..seeds {
        let dice = &mut Dice(seed);
        let mut pair = Pair::new("random");
        // Nearly all of it goes over the disk.
        pair.settings.staging_memory_bytes = 1000;
        let definitions: Vec<String> =
            COLUMNS.iter().map(|(name, definition, _)| format!("{name} {definition}")).collect();
        let definitions = definitions.join(", ");
        pair.clinic.admin(&format!(
            "CREATE TABLE keyed (id BIGINT NOT NULL PRIMARY KEY, {definitions}) DEFAULT CHARSET=utf8mb4;
             CREATE TABLE bag (id BIGINT, {definitions}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;"
        ));
        let settings = "SET sql_mode = 'ALLOW_INVALID_DATES'";
        for some in rows(dice, 0..count).chunks(100) {
            let some = some.join(", ");
            pair.clinic.admin(&format!(
                "{settings}; INSERT INTO keyed VALUES {some}; INSERT INTO bag VALUES {some}"
            ));
        }
        let mut columns = vec![("id", Plain)];
        columns.extend(COLUMNS.iter().map(|(name, _, rule)| (*name, *rule)));
        for round in 0..3 {
            let run = pair.sync();
            assert!(!run.any_held(), "seed {seed}, round {round}: {:#?}", run.troubles);
            for name in ["keyed", "bag"] {
                assert_eq!(table(&run, name).outcome, TableOutcome::Published, "seed {seed}, round {round}");
                assert_same(&pair, name, &columns);
            }
            assert!(pair.verify().equal, "seed {seed}, round {round}");
            let mut changes = String::from(settings);
            for name in ["keyed", "bag"] {
                for _ in 0..8 {
                    let column = COLUMNS[usize::try_from(dice.below(27)).unwrap()].0;
                    let (value, id) = (value(dice, column), dice.below(u64::try_from(count).unwrap()));
                    let _ = write!(changes, "; UPDATE {name} SET {column} = {value} WHERE id = {id}");
                }
                let gone = dice.below(u64::try_from(count).unwrap());
                let first = i64::try_from(dice.next() >> 2).unwrap();
                let more = rows(dice, first..first + 3).join(", ");
                let _ = write!(
                    changes,
                    "; DELETE FROM {name} WHERE id = {gone}; INSERT INTO {name} VALUES {more}"
                );
            }
            pair.clinic.admin(&changes);
        }
    }
}

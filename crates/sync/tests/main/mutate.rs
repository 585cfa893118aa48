//! Tables that change in every way a clinic's do, round after round, from seeds that are always the same. After a run
//! that looked at parts `verify` must say exactly what an independent comparison says; after a run with proofs both
//! sides must be equal.

use std::collections::BTreeMap;

use bicuspid_sandbox::testing;
use bicuspid_sync::{LinkWish, ProofWish, SyncReport};

use crate::pair::{Pair, verified};
use crate::random::Dice;

/// The kinds of tables, one of each engine: an edit stamp with an index, none, a composite key, keys of 64 random bits,
/// keys of text, and no key at all.
const KINDS: [(&str, &str, &[&str]); 6] = [
    (
        "patient",
        "PatNum BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, Guarantor BIGINT NOT NULL DEFAULT 0, LName VARCHAR(40), \
         DateTStamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY (DateTStamp)",
        &["PatNum"],
    ),
    (
        "securitylog",
        "LogNum BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, Guarantor BIGINT NOT NULL DEFAULT 0, LName VARCHAR(40)",
        &["LogNum"],
    ),
    (
        "link",
        "A INT NOT NULL, B INT NOT NULL, Guarantor BIGINT NOT NULL DEFAULT 0, LName VARCHAR(40), PRIMARY KEY (A, B)",
        &["A", "B"],
    ),
    (
        "ext",
        "K BIGINT UNSIGNED NOT NULL PRIMARY KEY, Guarantor BIGINT NOT NULL DEFAULT 0, LName VARCHAR(40)",
        &["K"],
    ),
    (
        "code",
        "Name VARCHAR(30) NOT NULL PRIMARY KEY, Guarantor BIGINT NOT NULL DEFAULT 0, LName VARCHAR(40)",
        &["Name"],
    ),
    ("bag", "Guarantor BIGINT NOT NULL DEFAULT 0, LName VARCHAR(40)", &[]),
];

const ENGINES: [&str; 2] = ["MyISAM", "InnoDB"];

/// A clinic of every kind of table in both engines, and what a busy office does to it.
struct Office {
    dice: Dice,
    /// Rows that a table has at the begin.
    rows: u64,
    /// Columns that were added to a table and may be dropped again.
    added: BTreeMap<String, Vec<String>>,
    columns_made: u32,
}

fn tables() -> Vec<(String, usize)> {
    let each = |engine: &&str| {
        let suffix = engine.to_lowercase();
        KINDS.iter().enumerate().map(move |(i, kind)| (format!("{}_{suffix}", kind.0), i)).collect::<Vec<_>>()
    };
    ENGINES.iter().flat_map(each).collect()
}

impl Office {
    fn open(seed: u64, rows: u64, pair: &Pair) -> Self {
        let mut office = Self { dice: Dice(seed), rows, added: BTreeMap::new(), columns_made: 0 };
        for (i, (name, kind)) in tables().iter().enumerate() {
            let engine = ENGINES[i / KINDS.len()];
            let mut sql =
                format!("CREATE TABLE {name} ({}) ENGINE={engine} DEFAULT CHARSET=utf8mb4;", KINDS[*kind].1);
            sql.push_str(&office.insert(name, *kind, rows));
            pair.clinic.admin(&sql);
        }
        office
    }

    /// So many new rows, at keys that nobody has or that nobody minds.
    fn insert(&mut self, name: &str, kind: usize, rows: u64) -> String {
        let mut values = Vec::new();
        for _ in 0..rows {
            let (guarantor, word) = (self.dice.below(40), self.word());
            values.push(match KINDS[kind].0 {
                "link" => {
                    format!("({}, {}, {guarantor}, {word})", self.dice.below(60), self.dice.below(1_000_000))
                }
                "ext" => format!("({}, {guarantor}, {word})", self.dice.next()),
                "code" => {
                    let letters =
                        ["D", "d", "É", "e", "_", "z"][usize::try_from(self.dice.below(6)).unwrap()];
                    format!("('{letters}{}', {guarantor}, {word})", self.dice.below(1_000_000))
                }
                _ => format!("({guarantor}, {word})"),
            });
        }
        let columns = match KINDS[kind].0 {
            "link" => "A, B, Guarantor, LName",
            "ext" => "K, Guarantor, LName",
            "code" => "Name, Guarantor, LName",
            _ => "Guarantor, LName",
        };
        format!("INSERT IGNORE INTO {name} ({columns}) VALUES {};", values.join(", "))
    }

    fn word(&mut self) -> String {
        match self.dice.below(5) {
            0 => "NULL".into(),
            1 => "''".into(),
            _ => format!("'w{}'", self.dice.below(1000)),
        }
    }

    /// A condition that picks a few rows.
    fn some(&mut self) -> String {
        format!("Guarantor = {} LIMIT {}", self.dice.below(40), 1 + self.dice.below(5))
    }

    /// One change of one table, or of all as when two patients are merged.
    fn change(&mut self) -> String {
        let all = tables();
        let (name, kind) =
            all[usize::try_from(self.dice.below(all.len().try_into().unwrap())).unwrap()].clone();
        let stamped = KINDS[kind].0 == "patient";
        let (word, some) = (self.word(), self.some());
        match self.dice.below(15) {
            0..=2 => {
                let rows = 1 + self.dice.below(4);
                self.insert(&name, kind, rows)
            }
            5 if stamped => {
                format!("UPDATE {name} SET LName = {word}, DateTStamp = DateTStamp WHERE {some};")
            }
            6 if stamped => {
                let days = self.dice.below(400);
                format!(
                    "UPDATE {name} SET LName = {word}, DateTStamp = NOW() - INTERVAL {days} DAY WHERE {some};"
                )
            }
            // The clock of whoever writes jumps: forward by hours, or back by a day.
            7 if stamped => {
                let jump = [7200, -86_400, 30][usize::try_from(self.dice.below(3)).unwrap()];
                format!(
                    "SET timestamp = UNIX_TIMESTAMP() + {jump}; UPDATE {name} SET LName = {word} WHERE {some}; \
                     SET timestamp = DEFAULT;"
                )
            }
            3..=7 => format!("UPDATE {name} SET LName = {word} WHERE {some};"),
            8 | 9 => format!("DELETE FROM {name} WHERE {some};"),
            // Somebody moves a row to another key.
            10 => match KINDS[kind].2 {
                [] => format!("UPDATE {name} SET Guarantor = Guarantor + 1 WHERE {some};"),
                ["Name"] => format!("UPDATE IGNORE {name} SET Name = CONCAT(Name, 'x') WHERE {some};"),
                [.., last] => format!("UPDATE IGNORE {name} SET {last} = {last} + 1000003 WHERE {some};"),
            },
            // Two patients are merged: one key is rewritten wherever it stands, stamps pinned here and there.
            11 => {
                let (from, to) = (self.dice.below(40), self.dice.below(40));
                let pinned = if self.dice.below(2) == 0 { ", DateTStamp = DateTStamp" } else { "" };
                tables().iter().fold(String::new(), |sql, (name, kind)| {
                    let pinned = if KINDS[*kind].0 == "patient" { pinned } else { "" };
                    sql + &format!("UPDATE {name} SET Guarantor = {to}{pinned} WHERE Guarantor = {from};")
                })
            }
            12 => {
                let rows = self.rows / 2 + self.dice.below(self.rows);
                format!("TRUNCATE TABLE {name};{}", self.insert(&name, kind, rows))
            }
            13 => {
                let rows = self.rows / 3;
                self.insert(&name, kind, rows)
            }
            _ => self.alter(&name),
        }
    }

    /// The program behind the database was upgraded.
    fn alter(&mut self, name: &str) -> String {
        let added = self.added.entry(name.to_owned()).or_default();
        match self.dice.below(5) {
            0 if !added.is_empty() => {
                let gone =
                    added.remove(usize::try_from(self.dice.below(added.len().try_into().unwrap())).unwrap());
                format!("ALTER TABLE {name} DROP COLUMN {gone};")
            }
            1 => format!("ALTER TABLE {name} MODIFY LName VARCHAR({});", 40 + self.dice.below(60)),
            2 => format!("OPTIMIZE TABLE {name};"),
            _ => {
                self.columns_made += 1;
                let column = format!("Extra{}", self.columns_made);
                added.push(column.clone());
                format!("ALTER TABLE {name} ADD COLUMN {column} INT NOT NULL DEFAULT {};", self.dice.below(9))
            }
        }
    }

    /// The rows of a table on either side, each as the text that its own server writes, in one order.
    fn rows_of(&self, pair: &Pair, name: &str, kind: usize) -> (Vec<String>, Vec<String>) {
        let mut columns: Vec<String> = KINDS[kind]
            .2
            .iter()
            .map(ToString::to_string)
            .chain(["Guarantor".into(), "LName".into()])
            .collect();
        if KINDS[kind].0 == "patient" {
            columns.push("DateTStamp".into());
        }
        columns.extend(self.added.get(name).into_iter().flatten().cloned());
        let clinic: Vec<String> =
            columns.iter().map(|c| format!("COALESCE(HEX(CAST({c} AS CHAR)), '-')")).collect();
        let target: Vec<String> = columns
            .iter()
            .map(|c| format!("coalesce(upper(encode(convert_to(\"{c}\"::text, 'UTF8'), 'hex')), '-')"))
            .collect();
        let clinic = pair.clinic.query(&format!("SELECT CONCAT_WS('|', {}) FROM {name}", clinic.join(", ")));
        let target =
            pair.target.query(&format!("SELECT concat_ws('|', {}) FROM raw.{name}", target.join(", ")));
        let mut clinic: Vec<String> =
            clinic.into_iter().map(|row| String::from_utf8(row[0].clone().unwrap()).unwrap()).collect();
        let mut target: Vec<String> = target.into_iter().map(|row| row[0].clone().unwrap()).collect();
        clinic.sort_unstable();
        target.sort_unstable();
        (clinic, target)
    }

    /// `verify` and the servers' own texts must agree of every table; returns whether all are equal.
    fn judge(&self, pair: &Pair, context: &str) -> bool {
        let verify = pair.verify();
        for (name, kind) in tables() {
            let (clinic, target) = self.rows_of(pair, &name, kind);
            let told = verified(&verify, &name);
            assert_eq!(told.equal, clinic == target, "{context}: {name}: {told:?}");
            assert_eq!(told.rows_source, u64::try_from(clinic.len()).unwrap(), "{context}: {name}");
            assert_eq!(told.rows_target, u64::try_from(target.len()).unwrap(), "{context}: {name}");
        }
        verify.equal
    }
}

fn nothing_held(run: &SyncReport, context: &str) {
    assert!(!run.any_held(), "{context}: {:#?}", run.troubles);
}

#[test]
fn whatever_the_office_does_the_copy_is_exact() {
    let (seeds, rounds, rows) = if testing::long() { (2, 150, 300) } else { (1, 12, 60) };
    for seed in 0..seeds {
        let mut pair = Pair::new("mutate");
        pair.settings.chunk_rows = 16;
        pair.settings.accept_shrink = tables().into_iter().map(|(name, _)| name).collect();
        let mut office = Office::open(seed, rows, &pair);
        nothing_held(&pair.sync(), "the first load");
        let (mut behind, mut unread) = (0, 0);
        for round in 0..rounds {
            let context = format!("seed {seed}, round {round}");
            let changes: String = (0..=office.dice.below(10)).map(|_| office.change()).collect();
            pair.clinic.admin(&changes);
            // Two runs of three go over a thin link.
            pair.settings.link = if round % 3 == 2 { LinkWish::Fat } else { LinkWish::Thin };
            if office.dice.below(2) == 0 {
                pair.settings.proof = ProofWish::None;
                nothing_held(&pair.sync(), &context);
                behind += u32::from(!office.judge(&pair, &context));
            }
            pair.settings.proof = ProofWish::Due;
            let run = pair.sync();
            nothing_held(&run, &context);
            unread += run.tables.iter().map(|table| table.chunks_equal).sum::<u64>();
            assert!(office.judge(&pair, &context), "{context}: not equal after a run with proofs");
        }
        // Otherwise the comparison had nothing to find, and the proofs nothing to do.
        assert!(behind > 0, "seed {seed}: no run without proofs was behind");
        assert!(unread > 100, "seed {seed}: the server's hashes saved the reading of {unread} chunks");
    }
}

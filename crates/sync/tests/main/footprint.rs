//! What runs leave in the source's own status counters: no sort, no temporary table and no scan that the rows of a keyed
//! table are to blame for.

use std::collections::BTreeMap;
use std::time::Duration;

use bicuspid_sandbox::testing::{self, MariaDbServer};
use bicuspid_sync::{LinkWish, ProofWish, SyncSettings};

use crate::pair::Pair;

/// Counters of what reading in the order of an index does not do. `Handler_read_rnd_next` counts rows of scans,
/// `Handler_read_rnd` those fetched after a sort.
const COUNTERS: [&str; 12] = [
    "Created_tmp_disk_tables",
    "Created_tmp_files",
    "Created_tmp_tables",
    "Handler_read_rnd",
    "Handler_read_rnd_next",
    "Select_full_join",
    "Select_full_range_join",
    "Select_range_check",
    "Select_scan",
    "Sort_merge_passes",
    "Sort_rows",
    "Sort_scan",
];

/// A pass that asks for sums of hashes. Each is made of a derived table of one chunk, in memory.
const SUMS: &str = "sums of hashes";
/// What such derived tables add to.
const OF_SUMS: [&str; 3] = ["Created_tmp_tables", "Handler_read_rnd_next", "Select_scan"];

/// What a kind of run is told.
type Change = fn(&mut SyncSettings);

type Counters = BTreeMap<String, i64>;

fn counters(server: &MariaDbServer) -> Counters {
    let names: Vec<String> = COUNTERS.iter().map(|name| format!("'{name}'")).collect();
    let sql = format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({})", names.join(", "));
    let text = |cell: &Option<Vec<u8>>| String::from_utf8(cell.clone().unwrap()).unwrap();
    server.query(&sql).iter().map(|row| (text(&row[0]), text(&row[1]).parse().unwrap())).collect()
}

/// What something adds to the counters, without what asking for them adds.
fn added(server: &MariaDbServer, work: impl FnOnce()) -> Counters {
    let asking = counters(server);
    let before = counters(server);
    work();
    let after = counters(server);
    before.iter().map(|(name, value)| (name.clone(), after[name] - value - (value - asking[name]))).collect()
}

/// Tables of many kinds of keys with so many rows each.
fn tables(pair: &Pair, engine: &str, rows: u64) {
    let stamp = "edited TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY by_edit (edited)";
    for (name, columns, values) in [
        ("plain", "id BIGINT PRIMARY KEY, v INT, note VARCHAR(300)", "seq, seq, REPEAT('x', seq MOD 300)"),
        ("pair", "a INT, b SMALLINT, v INT, PRIMARY KEY (a, b)", "seq DIV 100, seq MOD 100, seq"),
        ("latin", "k VARCHAR(40) CHARACTER SET latin1 PRIMARY KEY, v INT", "CONCAT('k', seq), seq"),
        ("name", "k VARCHAR(40) PRIMARY KEY, v INT", "CONCAT('k', seq), seq"),
        ("day", "k DATE, n INT, PRIMARY KEY (k, n)", "'2020-01-01' + INTERVAL seq MOD 90 DAY, seq"),
        ("only", "k BIGINT UNSIGNED NOT NULL, v INT, UNIQUE KEY (k)", "seq, seq"),
        ("visit", &format!("id BIGINT PRIMARY KEY, v INT, {stamp}"), "seq, seq, '2026-01-05 10:00:00'"),
    ] {
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} ({columns}) ENGINE={engine} DEFAULT CHARSET=utf8mb3;
             INSERT INTO {name} SELECT {values} FROM seq_1_to_{rows};"
        ));
    }
}

fn edit(pair: &Pair) {
    pair.clinic.admin(
        "UPDATE visit SET v = -1 WHERE id = 7; UPDATE plain SET v = -1 WHERE id = 9; DELETE FROM name WHERE k = 'k5'",
    );
}

/// Everything that reads, with what it adds to the counters.
fn footprint(server: &MariaDbServer, engine: &str, rows: u64) -> Vec<(&'static str, Counters)> {
    let mut pair = Pair::over(server.database("footprint"), "footprint");
    // One look at the server's status a run, however long it takes.
    pair.options.load.look_every = Duration::from_hours(1);
    tables(&pair, engine, rows);
    let mut found = vec![("first loads", added(server, || drop(pair.sync())))];
    let kinds: [(&str, Change); 5] = [
        ("proofs", |told| told.proof = ProofWish::Full),
        ("stamps and tails", |told| told.proof = ProofWish::None),
        ("every row", |told| told.full = true),
        ("rows and hashes", |told| {
            (told.full, told.proof, told.link) = (false, ProofWish::Full, LinkWish::Thin);
        }),
        (SUMS, |_| ()),
    ];
    for (name, change) in kinds {
        edit(&pair);
        change(&mut pair.settings);
        found.push((name, added(server, || assert!(!pair.sync().any_held()))));
    }
    found.push(("verify", added(server, || assert!(pair.verify().equal))));
    found
}

#[test]
fn runs_sort_nothing_and_scan_no_keyed_table() {
    let server = MariaDbServer::start(testing::test_options());
    // Catalogs and status are scans, sorts and temporary tables of the server's own: the same ones, however many rows
    // there are.
    let mut grown = Vec::new();
    for engine in ["MyISAM", "InnoDB"] {
        let few = footprint(&server, engine, 40);
        let many = footprint(&server, engine, 9000);
        for ((name, few), (_, many)) in few.iter().zip(&many) {
            for (counter, value) in many.iter().filter(|(counter, value)| **value > few[*counter]) {
                let of_sums = *name == SUMS && OF_SUMS.contains(&counter.as_str());
                // InnoDB counts the rows of a snapshot by reading an index of the table or all of it; nobody waits for it.
                let of_count = engine == "InnoDB" && counter == "Handler_read_rnd_next";
                if !of_sums && !of_count {
                    grown.push(format!("{engine}, {name}: {counter} {value}, not {}", few[counter]));
                }
            }
            assert_eq!(many["Select_full_join"] + many["Created_tmp_files"], 0, "{engine}, {name}");
        }
    }
    assert_eq!(grown, Vec::<String>::new(), "counters that grow with the rows");
}

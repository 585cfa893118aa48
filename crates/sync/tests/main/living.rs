//! Copies of a clinic at work: what a run shows was so at some moment of the run, and when the clinic rests, one more run
//! makes both sides equal.

use std::sync::atomic::{AtomicBool, Ordering};

use bicuspid_model::Date;
use bicuspid_sandbox::{Engine, PracticeSettings, testing};
use bicuspid_sync::{ProofWish, SyncReport};

use crate::pair::{Pair, table};

/// Tables that a rule held, but for those that moved too fast to be counted.
fn held(run: &SyncReport) -> Vec<(&str, &str)> {
    let held = run.tables.iter().filter_map(|t| Some((t.name.as_str(), t.held.as_ref()?.rule.as_str())));
    held.filter(|(_, rule)| *rule != "validate::row_count").collect()
}

#[test]
fn the_front_desk_works_on_and_the_copy_follows() {
    let (rounds, patients, engines): (u32, u32, &[Engine]) = if testing::long() {
        (25, 300, &[Engine::MyIsam, Engine::InnoDb])
    } else {
        (2, 20, &[Engine::MyIsam])
    };
    let day = |year, month| Date::from_ymd(year, month, 2).unwrap();
    let practice =
        PracticeSettings { start_date: day(2026, 1), ..PracticeSettings::new(patients, 7, day(2026, 3)) };
    for &engine in engines {
        let mut pair = Pair::new("living");
        // Merges and deletes may take much of a small table, and slips all of one.
        pair.settings.shrink_share = 1.0;
        pair.settings.accept_shrink =
            ["commlog", "toothinitial", "smsfrommobile", "statementprod"].map(str::to_owned).into();
        pair.settings.chunk_rows = 64;
        pair.clinic.fill(engine, practice);
        assert_eq!(held(&pair.sync()), []);
        let mut changed = 0;
        let live = pair.block_on(async {
            let mut live = pair.clinic.live(practice).await;
            for _ in 0..40 {
                live.step().await.unwrap();
            }
            live
        });
        let mut live = live;
        for round in 0..rounds {
            pair.settings.proof = if round % 2 == 0 { ProofWish::None } else { ProofWish::Due };
            let stop = AtomicBool::new(false);
            let run = pair.block_on(async {
                let desk = async {
                    while !stop.load(Ordering::Relaxed) {
                        live.step().await.unwrap();
                    }
                };
                let copying = async {
                    let run = pair.syncing().await;
                    stop.store(true, Ordering::Relaxed);
                    run
                };
                tokio::join!(copying, desk).0.unwrap()
            });
            assert_eq!(held(&run), [], "{engine:?}, round {round}: {:#?}", run.troubles);
            changed += run.tables.iter().map(|t| t.inserted + t.updated + t.deleted).sum::<u64>();
            if round % 2 == 1 {
                // The clinic has closed for the day.
                let run = pair.sync();
                assert!(!run.any_held(), "{engine:?}, round {round}: {:#?}", run.troubles);
                let verify = pair.verify();
                let unequal: Vec<_> = verify.tables.iter().filter(|t| !t.equal).collect();
                assert!(unequal.is_empty(), "{engine:?}, round {round}: {unequal:#?}");
            }
        }
        let counts = live.counts();
        assert!(changed > 0 && counts.rows > changed / 4, "{engine:?}: {changed} rows followed {counts:?}");
    }
}

/// Runs `copy` while `change` is made again and again by the clinic.
fn while_changing<T>(pair: &Pair, change: &str, copy: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                pair.clinic.admin(change);
            }
        });
        let copied = copy();
        stop.store(true, Ordering::Relaxed);
        copied
    })
}

fn number(pair: &Pair, sql: &str) -> i64 {
    pair.cell(sql).unwrap().parse().unwrap()
}

fn clinics_number(pair: &Pair, sql: &str) -> i64 {
    String::from_utf8(pair.clinic.query(sql)[0][0].clone().unwrap()).unwrap().parse().unwrap()
}

#[test]
fn a_chunk_is_of_one_moment() {
    // Chunks of the target in which rows of two moments stand beside each other. A key is the last four bytes of a border.
    let torn = "SELECT count(*)::text FROM (
        SELECT c.ordinal FROM raw.pulse AS p CROSS JOIN LATERAL (
            SELECT min(k.ordinal) AS ordinal FROM bicuspid.chunk AS k WHERE k.table_name = 'pulse' AND (k.upper_key IS NULL
            OR ('x' || encode(substr(k.upper_key, length(k.upper_key) - 3), 'hex'))::bit(32)::int >= p.id)
        ) AS c GROUP BY c.ordinal HAVING min(p.v) <> max(p.v)
    ) AS torn";
    for pause in ["DO SLEEP(0)", "DO SLEEP(0.03)"] {
        let pair = Pair::new("moment");
        pair.clinic.admin(
            "CREATE TABLE pulse (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=MyISAM;
             INSERT INTO pulse SELECT seq, 0 FROM seq_1_to_500;",
        );
        let beat = format!("UPDATE pulse SET v = v + 1; {pause}");
        for round in 0..6 {
            let before = clinics_number(&pair, "SELECT MIN(v) FROM pulse");
            let run = while_changing(&pair, &beat, || pair.sync());
            let after = clinics_number(&pair, "SELECT MAX(v) FROM pulse");
            assert!(!run.any_held(), "{:#?}", run.troubles);
            let (low, high) = (
                number(&pair, "SELECT min(v) FROM raw.pulse"),
                number(&pair, "SELECT max(v) FROM raw.pulse"),
            );
            assert!(
                before <= low && high <= after,
                "{low} to {high} was not true between {before} and {after}"
            );
            assert_eq!(number(&pair, torn), 0, "round {round}, {pause}: rows of two moments in one chunk");
            assert!(round == 0 || table(&run, "pulse").updated > 0, "nothing happened meanwhile");
        }
    }
}

#[test]
fn tables_with_snapshots_are_all_of_one_moment() {
    let mut pair = Pair::new("snapshot");
    pair.settings.chunk_rows = 500;
    pair.clinic.admin(
        "CREATE TABLE payment (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL) ENGINE=InnoDB;
         CREATE TABLE paysplit (id INT NOT NULL PRIMARY KEY, amount INT NOT NULL) ENGINE=InnoDB;
         INSERT INTO payment SELECT seq, 0 FROM seq_1_to_5000; INSERT INTO paysplit SELECT seq, 0 FROM seq_1_to_5000;",
    );
    pair.sync();
    let pay = "START TRANSACTION; UPDATE payment SET amount = amount + 1 WHERE id % 50 = 0; \
               UPDATE paysplit SET amount = amount + 1 WHERE id % 50 = 1; COMMIT";
    let mut seen = 0;
    for _ in 0..8 {
        let run = while_changing(&pair, pay, || pair.sync());
        assert!(!run.any_held(), "{:#?}", run.troubles);
        let of = |name: &str| number(&pair, &format!("SELECT sum(amount) FROM raw.{name}"));
        assert_eq!(of("payment"), of("paysplit"), "two tables of two moments");
        assert!(of("payment") >= seen);
        seen = of("payment");
        assert!(table(&run, "payment").updated > 0, "nothing happened meanwhile");
    }
}

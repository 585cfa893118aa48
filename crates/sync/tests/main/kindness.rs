//! Business hours, and room for the people on a server that is overloaded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bicuspid_model::{Class, QuietHours};
use bicuspid_sandbox::testing::{self, MariaDbServer};
use bicuspid_source::{LoadLimits, Pace};
use bicuspid_sync::{Event, Mode, PlannedReport, TableOutcome};

use crate::pair::{Pair, table};

const LIMIT: Duration = Duration::from_mins(1);

/// Sets the clinic's business hours for plan, run and source.
fn set_hours(pair: &mut Pair, lines: &[&str]) {
    let hours = QuietHours::parse(lines.iter().copied()).unwrap();
    pair.settings.quiet_hours = Some(hours.clone());
    pair.options.quiet_hours = Some(hours);
}

/// A table that is quickly read, one whose proof is said to take ten seconds, and their copies.
fn clinic() -> Pair {
    let mut pair = Pair::new("hours");
    pair.clinic.admin(
        "CREATE TABLE small (id BIGINT PRIMARY KEY, v INT) ENGINE=MyISAM;
         INSERT INTO small SELECT seq, seq FROM seq_1_to_10;
         CREATE TABLE big (id BIGINT PRIMARY KEY, v INT) ENGINE=MyISAM;
         INSERT INTO big SELECT seq, seq FROM seq_1_to_20000;",
    );
    pair.options.pace = Pace::Full;
    pair.settings.pace = Pace::Full;
    pair.sync();
    pair.target.admin("UPDATE bicuspid.table_pass SET proof_ms = 10000 WHERE table_name = 'big'");
    pair
}

fn planned<'a>(tables: &'a [PlannedReport], name: &str) -> &'a PlannedReport {
    tables.iter().find(|t| t.name == name).unwrap()
}

/// Days from today's begin on by the clinic's clock, as the setting names them.
fn day(pair: &Pair, ahead: u32) -> (String, String) {
    let sql = format!(
        "SELECT LOWER(DATE_FORMAT(NOW() + INTERVAL {ahead} DAY, '%a')), CURDATE() + INTERVAL {ahead} DAY"
    );
    let row = pair.clinic.query(&sql).remove(0);
    let text = |i: usize| String::from_utf8(row[i].clone().unwrap()).unwrap();
    (text(0), text(1))
}

#[test]
fn inside_business_hours_a_proof_that_can_wait_waits() {
    let mut pair = clinic();
    pair.clinic.admin(
        "UPDATE big SET v = -1 WHERE id = 5; INSERT INTO big VALUES (20001, 7); UPDATE small SET v = 0;
         CREATE TABLE new (id BIGINT PRIMARY KEY, note VARCHAR(2000)) ENGINE=MyISAM;
         INSERT INTO new SELECT seq, REPEAT('x', 2000) FROM seq_1_to_8000",
    );
    let plan = pair.plan();
    let big = planned(&plan.tables, "big");
    assert_eq!((big.mode, big.slowly, big.later.is_none()), (Mode::Proof, false, true));
    let new = planned(&plan.tables, "new").seconds_estimate;
    assert!(plan.quiet_hours.is_none());

    // Today and tomorrow, so that midnight may pass meanwhile.
    let ((today, _), (tomorrow, _), (_, ends)) = (day(&pair, 0), day(&pair, 1), day(&pair, 2));
    set_hours(&mut pair, &[&format!("{today},{tomorrow} 00:00-24:00")]);
    let plan = pair.plan();
    let hours = plan.quiet_hours.clone().unwrap();
    assert_eq!((hours.inside, hours.changes_at), (true, Some(format!("{ends} 00:00"))));
    let big = planned(&plan.tables, "big");
    assert_eq!((big.mode, big.slowly), (Mode::Tail, false), "{}", big.why);
    let later = big.later.clone().unwrap();
    assert_eq!((later.mode, later.from), (Mode::Proof, format!("{ends} 00:00")));
    assert!((later.seconds_estimate - 10.0).abs() < 0.01, "{}", later.seconds_estimate);
    let small = planned(&plan.tables, "small");
    assert_eq!((small.mode, small.slowly, small.later.is_none()), (Mode::Proof, false, true));
    let slow = planned(&plan.tables, "new");
    assert_eq!((slow.mode, slow.slowly), (Mode::First, true));
    assert!(slow.seconds_estimate > 4.0 * new, "{} s at night, {} s by day", new, slow.seconds_estimate);

    let run = pair.sync();
    assert_eq!(run.put_off, ["big"]);
    assert_eq!((table(&run, "big").mode, table(&run, "big").inserted), (Mode::Tail, 1));
    assert_eq!(table(&run, "small").updated, 10);
    assert_eq!((table(&run, "new").mode, table(&run, "new").rows_target), (Mode::First, 8000));
    assert!(
        pair.events.lock().unwrap().iter().any(|event| matches!(event, Event::Hours(hours) if hours.inside))
    );
    // 16 MB in statements of at most 128 KiB, though the full pace was asked for.
    assert!(run.source.statements > 100, "{}", run.source.statements);
    assert!(run.source.rested_seconds > 0.0);

    // What the pass did not look for is found when the hours are over.
    let (other, _) = day(&pair, 3);
    set_hours(&mut pair, &[&format!("{other} 00:00-24:00")]);
    let plan = pair.plan();
    assert!(!plan.quiet_hours.as_ref().unwrap().inside);
    let run = pair.sync();
    assert_eq!((table(&run, "big").mode, table(&run, "big").updated), (Mode::Proof, 1));
    assert!(run.put_off.is_empty());
    assert!(pair.verify().equal);
}

#[test]
fn a_proof_does_not_wait_for_ever() {
    let mut pair = clinic();
    let (today, tomorrow) = (day(&pair, 0).0, day(&pair, 1).0);
    let day_by_day = format!("{today},{tomorrow} 00:00-24:00");
    for (hours, age) in [
        // There is no end to wait for.
        ("daily 00:00-24:00", Duration::from_hours(23)),
        // It is seven times as old as it may be.
        (day_by_day.as_str(), Duration::ZERO),
    ] {
        set_hours(&mut pair, &[hours]);
        pair.settings.proof_age_max = age;
        let plan = pair.plan();
        let big = planned(&plan.tables, "big");
        assert_eq!((big.mode, big.slowly, big.later.is_none()), (Mode::Proof, true, true), "{hours}");
    }
    // Neither does one that a person asks for.
    pair.settings.proof_age_max = Duration::from_hours(23);
    pair.settings.full = true;
    let plan = pair.plan();
    let big = planned(&plan.tables, "big");
    assert_eq!((big.mode, big.slowly, big.later.is_none()), (Mode::Full, true, true));
}

#[test]
fn hours_are_those_of_the_clinics_clock() {
    let mut pair = clinic();
    let here = pair.clinic.query("SELECT HOUR(UTC_TIMESTAMP()) + 0").remove(0).remove(0).unwrap();
    let hour: u32 = String::from_utf8(here).unwrap().parse().unwrap();
    // Two hours, so that one may pass meanwhile.
    set_hours(&mut pair, &[&format!("daily {:02}:00-{:02}:00", hour, (hour + 2) % 24)]);
    for (zone, is_inside) in [("+00:00", true), ("+06:00", false), ("-06:00", false)] {
        pair.options.limits.time_zone = Some(bicuspid_guard::session::TimeZone::new(zone).unwrap());
        assert_eq!(pair.plan().quiet_hours.unwrap().inside, is_inside, "{zone}");
    }
}

/// A front desk that stands still: somebody holds a table, and sessions wait for it.
struct PileUp {
    server: Arc<MariaDbServer>,
    threads: Vec<JoinHandle<()>>,
}

impl PileUp {
    fn of(server: &Arc<MariaDbServer>, table: &str, sessions: u64) -> Self {
        server.admin("SET GLOBAL max_error_count = 64");
        let mut threads = Vec::new();
        let mut start = |sql: String| {
            let server = Arc::clone(server);
            threads.push(std::thread::spawn(move || server.admin(&sql)));
        };
        start(format!(
            "LOCK TABLES {table} WRITE;
             BEGIN NOT ATOMIC WHILE @@GLOBAL.max_error_count = 64 DO DO SLEEP(0.01); END WHILE; END;
             UNLOCK TABLES"
        ));
        let running = || {
            let rows = server.query("SHOW GLOBAL STATUS LIKE 'Threads_running'");
            let text = String::from_utf8(rows[0][1].clone().unwrap()).unwrap();
            text.parse::<u64>().unwrap()
        };
        let held = || {
            let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'";
            server.query(sql)[0][0].as_deref() != Some(b"0")
        };
        assert!(testing::wait_until(LIMIT, held));
        for _ in 0..sessions {
            start(format!("UPDATE {table} SET v = v + 1 LIMIT 1"));
        }
        assert!(testing::wait_until(LIMIT, || running() > sessions));
        Self { server: Arc::clone(server), threads }
    }

    fn end(self) {
        self.server.admin("SET GLOBAL max_error_count = 65");
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

/// A clinic on a server of its own, whose load is looked at before and after each statement.
fn loaded(tables: &[&str]) -> (Arc<MariaDbServer>, Pair) {
    let server = Arc::new(MariaDbServer::start(testing::test_options()));
    let mut pair = Pair::over(server.database("load"), "load");
    pair.clinic.admin(
        "CREATE TABLE desk (id BIGINT PRIMARY KEY, v INT) ENGINE=MyISAM; INSERT INTO desk VALUES (1, 1)",
    );
    for (i, name) in tables.iter().enumerate() {
        pair.clinic.admin(&format!(
            "CREATE TABLE {name} (id BIGINT PRIMARY KEY, v INT) ENGINE=MyISAM;
             INSERT INTO {name} SELECT seq, seq FROM seq_1_to_{}",
            1000 * (i + 1)
        ));
    }
    pair.settings.tables_excluded.insert("desk".to_owned());
    pair.options.load = LoadLimits {
        look_every: Duration::ZERO,
        threads_busy: 4,
        threads_critical: 6,
        critical_wait: Duration::ZERO,
        // The machine that tests run on may be slow by itself.
        answer_busy: Duration::from_mins(1),
        answer_critical: Duration::from_mins(2),
        ..LoadLimits::default()
    };
    (server, pair)
}

/// Lets a pile-up begin at the first event of a kind.
fn pile_up_at(
    pair: &mut Pair,
    server: &Arc<MariaDbServer>,
    is_time: impl Fn(&Event) -> bool + Send + Sync + 'static,
) -> Arc<Mutex<Option<PileUp>>> {
    let pile: Arc<Mutex<Option<PileUp>>> = Arc::default();
    let (kept, begun) = (Arc::clone(&pile), AtomicBool::new(false));
    let (server, desk) = (Arc::clone(server), format!("{}.desk", pair.clinic.name()));
    pair.watch = Some(Box::new(move |event| {
        if is_time(event) && !begun.swap(true, Ordering::Relaxed) {
            *kept.lock().unwrap() = Some(PileUp::of(&server, &desk, 8));
        }
    }));
    pile
}

#[test]
fn a_run_on_an_overloaded_server_stops_and_the_next_one_goes_on() {
    let done = |name: &'static str| move |event: &Event| matches!(event, Event::TableDone { name: done, .. } if done == name);
    let (server, mut pair) = loaded(&["a", "b", "c"]);
    let pile = pile_up_at(&mut pair, &server, done("b"));
    let error = pair.try_sync().unwrap_err();
    let trouble = error.trouble();
    assert_eq!((trouble.code.as_str(), trouble.class), ("source::overloaded", Class::Failed), "{error:?}");
    assert_eq!(trouble.class.exit_code(), 4);
    assert!(trouble.why.contains("threads are at work, more than 6"), "{}", trouble.why);
    let tables = |pair: &Pair| {
        let sql = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class \
                   WHERE relnamespace = 'raw'::regnamespace AND relkind = 'r' AND relname !~ '^etl_'";
        pair.cell(sql)
    };
    assert_eq!(
        tables(&pair).as_deref(),
        Some("a,b"),
        "complete first loads are kept, and no other table is there"
    );
    // It is asked again before anything is read.
    assert_eq!(pair.try_sync().unwrap_err().trouble().code, "source::overloaded");
    pile.lock().unwrap().take().unwrap().end();
    pair.watch = None;
    let run = pair.sync();
    assert_eq!((table(&run, "a").mode, table(&run, "a").outcome), (Mode::Proof, TableOutcome::Unchanged));
    assert_eq!((table(&run, "c").mode, table(&run, "c").rows_target), (Mode::First, 3000));
    assert!(pair.verify().equal);

    // Changes that were staged before the run stopped are not published.
    pair.clinic.admin("UPDATE a SET v = v + 1; UPDATE c SET v = v + 1; DELETE FROM b WHERE id = 3");
    let before = ["a", "b", "c"].map(|name| pair.marks(name));
    let pile = pile_up_at(&mut pair, &server, done("a"));
    assert_eq!(pair.try_sync().unwrap_err().trouble().code, "source::overloaded");
    assert_eq!(["a", "b", "c"].map(|name| pair.marks(name)), before);
    pile.lock().unwrap().take().unwrap().end();
    pair.watch = None;
    let run = pair.sync();
    assert_eq!(
        (table(&run, "a").updated, table(&run, "b").deleted, table(&run, "c").updated),
        (1000, 1, 3000)
    );
    assert!(pair.verify().equal);
}

#[test]
fn a_first_load_stops_in_the_middle_of_a_table() {
    let (server, mut pair) = loaded(&["a", "b", "c"]);
    let rows = Mutex::new(0);
    let pile = pile_up_at(&mut pair, &server, move |event| {
        let mut rows = rows.lock().unwrap();
        *rows += if let Event::Rows { rows, .. } = event { *rows } else { 0 };
        // Some of c, and not all of it.
        *rows > 3000
    });
    assert_eq!(pair.try_sync().unwrap_err().trouble().code, "source::overloaded");
    assert_eq!(pair.cell("SELECT to_regclass('raw.c')::text"), None);
    assert_eq!(pair.cell("SELECT count(*)::text FROM raw.b").as_deref(), Some("2000"));
    pile.lock().unwrap().take().unwrap().end();
    pair.watch = None;
    assert_eq!(table(&pair.sync(), "c").mode, Mode::First);
    assert!(pair.verify().equal);
}

#[test]
fn a_busy_server_is_left_alone_for_longer_and_read_all_the_same() {
    let (server, mut pair) = loaded(&["a", "b"]);
    pair.options.load.threads_critical = 100;
    let calm = pair.sync();
    assert_eq!((calm.source.looks.busy, calm.source.looks.critical), (0, 0), "{:?}", calm.source);
    assert!(calm.source.rested_seconds.abs() < f64::EPSILON, "the full pace has no pauses");
    let pile = PileUp::of(&server, &format!("{}.desk", pair.clinic.name()), 8);
    let busy = pair.sync();
    pile.end();
    assert_eq!(busy.source.looks.busy, busy.source.looks.all, "{:?}", busy.source);
    assert!(busy.source.rested_seconds > 0.0, "{:?}", busy.source);
    assert!(!busy.any_held());
    assert!(pair.verify().equal);
}

#[test]
fn a_server_that_recovers_in_time_is_waited_for() {
    let (server, mut pair) = loaded(&["a", "b"]);
    pair.options.load.critical_wait = Duration::from_mins(5);
    let pile = PileUp::of(&server, &format!("{}.desk", pair.clinic.name()), 8);
    let asked = || {
        let rows = server.query("SHOW GLOBAL STATUS LIKE 'Com_show_status'");
        String::from_utf8(rows[0][1].clone().unwrap()).unwrap().parse::<u64>().unwrap()
    };
    let before = asked();
    let run = std::thread::scope(|scope| {
        let run = scope.spawn(|| pair.sync());
        // Each of our own questions counts as well.
        let mut ours = 0;
        let waits = testing::wait_until(LIMIT, || {
            ours += 1;
            asked() >= before + ours + 3
        });
        assert!(waits);
        pile.end();
        run.join().unwrap()
    });
    assert!(run.source.looks.critical >= 2, "{:?}", run.source);
    assert!(run.source.rested_seconds > 0.0);
    assert!(pair.verify().equal);
}

#[test]
fn a_table_that_somebody_locks_is_held_and_the_others_go_on() {
    let (server, mut pair) = loaded(&["a", "b"]);
    pair.options.load = LoadLimits::default();
    pair.sync();
    pair.clinic.admin("UPDATE a SET v = v + 1 WHERE id < 10; UPDATE b SET v = v + 1 WHERE id < 10");
    let before = pair.marks("b");
    let pile = PileUp::of(&server, &format!("{}.b", pair.clinic.name()), 1);
    let run = pair.sync();
    pile.end();
    assert_eq!(table(&run, "a").updated, 9);
    assert_eq!(table(&run, "b").held.as_ref().unwrap().rule, "source::lock_wait");
    assert_eq!(pair.marks("b"), before);
    // The one who waited edited a row more.
    let run = pair.sync();
    assert_eq!(table(&run, "b").outcome, TableOutcome::Published);
    assert!(pair.verify().equal);
}

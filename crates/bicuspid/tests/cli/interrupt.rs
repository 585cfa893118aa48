//! Runs that are interrupted, killed, or meet another run.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};

use crate::bench::Bench;

pub(crate) const MANY: &str =
    "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, Note VARCHAR(200)) ENGINE=MyISAM;
    INSERT INTO patient SELECT seq, REPEAT('x', 100) FROM seq_1_to_200000";

/// Starts a run and waits until it reads.
fn reading(bench: &Bench) -> Child {
    begun(bench, &["sync", "--env", "test"], "Reading")
}

/// Starts a run and waits until it says so.
pub(crate) fn begun(bench: &Bench, args: &[&str], says: &str) -> Child {
    let mut child = bench.command(args).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(says) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the run ended before it began");
    }
    // The rest of its words go on to be read by the test.
    child.stderr = Some(lines.into_inner());
    child
}

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn an_interrupt_rolls_back_and_says_so() {
    let (bench, source, target) = Bench::fresh();
    source.admin(MANY);
    for name in ["INT", "TERM"] {
        let child = reading(&bench);
        signal(&child, name);
        let ran = bench.ended(child);
        assert_eq!(ran.code, 130, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("interrupted[bicuspid::interrupted]"), "{}", ran.stderr);
        assert!(ran.stderr.contains("rolled back"), "{}", ran.stderr);
        let loaded = target.query("SELECT 1 FROM pg_class WHERE relname = 'patient'");
        assert!(loaded.is_empty(), "nothing of the table is there");
    }
    let audit = bench.json(&["audit"]);
    let told: Vec<_> =
        audit["entries"].as_array().unwrap().iter().map(|entry| entry["outcome"].as_str()).collect();
    let interrupted = Some("interrupted: bicuspid::interrupted");
    assert_eq!(told, [None, interrupted, None, interrupted]);
    let staging = bench.path("state/staging");
    assert!(std::fs::read_dir(staging).map_or(0, Iterator::count) == 0, "no staging file stays");
}

#[test]
fn a_second_run_waits_for_nobody() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(MANY);
    let child = reading(&bench);
    signal(&child, "STOP");
    bench.snapshot("locked", &bench.run(&["sync", "--env", "test"]));
    signal(&child, "CONT");
    assert_eq!(bench.ended(child).code, 0);
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
}

#[test]
fn a_first_load_that_did_not_end_is_told_and_so_is_a_run_at_work() {
    let (bench, source, target) = Bench::fresh();
    source.admin(MANY);
    source.admin(
        "CREATE TABLE appointment (AptNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO appointment VALUES (1)",
    );
    let status = || bench.json(&["status", "--env", "test"]);
    assert_eq!(status()["first_load"], serde_json::json!([]), "nothing was begun");
    let child = reading(&bench);
    // What is small is there before what is large.
    while target
        .query("SELECT 1 FROM pg_tables WHERE schemaname = 'raw' AND tablename = 'appointment'")
        .is_empty()
    {}
    signal(&child, "STOP");
    let expected = serde_json::json!([{ "env": "test", "tables": 2, "loaded": 1 }]);
    let told = status();
    assert_eq!(told["first_load"], expected, "{told}");
    let running = &told["running"][0];
    assert_eq!((running["command"].as_str(), running["environment"].as_str()), (Some("sync"), Some("test")));
    let text = bench.run(&["status", "--env", "test"]).stdout;
    assert!(text.contains("test: a sync is at work since "), "{text}");
    let unfinished =
        "test: first load unfinished: 1 of 2 tables are there (missing: patient); the next sync goes on";
    assert!(text.contains(unfinished), "{text}");
    signal(&child, "KILL");
    assert_eq!(bench.ended(child).code, -1);
    assert_eq!(status()["first_load"], expected, "it is remembered in the database");
    let sync = ["sync", "--env", "test"];
    let limit = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while bench.json(&sync)["exit_code"] != 0 {
        assert!(std::time::Instant::now() < limit, "the lock was never given back");
    }
    assert_eq!(status()["first_load"], serde_json::json!([]));
}

#[test]
fn a_killed_run_leaves_an_intent_without_a_result() {
    let (bench, source, target) = Bench::fresh();
    source.admin(MANY);
    let child = reading(&bench);
    signal(&child, "KILL");
    assert_eq!(bench.ended(child).code, -1);
    let audit = bench.json(&["audit"]);
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
    assert_eq!(audit["entries"][0]["phase"], "intent");
    // The server notices that nobody is there any more when it next sends or waits.
    let limit = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while bench.json(&["sync", "--env", "test", "--tables", "patient"])["exit_code"] != 0 {
        assert!(std::time::Instant::now() < limit, "the lock was never given back");
    }
    assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("200000"));
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
}

#[test]
fn a_killed_repair_may_have_written_and_a_killed_proof_has_not() {
    let (bench, source, target) = Bench::fresh();
    source.admin(MANY);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    target.admin("DELETE FROM raw.patient WHERE \"PatNum\" % 2 = 0");
    let (proof, repair) = (["verify", "--env", "test"], ["verify", "--env", "test", "--repair"]);
    for (args, unfinished) in [(&proof[..], 0), (&repair, 1)] {
        let child = begun(&bench, args, "Reading");
        signal(&child, "KILL");
        assert_eq!(bench.ended(child).code, -1);
        let audit = bench.json(&["audit"]);
        let written = &audit["answer"]["databases"][0];
        assert_eq!(
            (&written["runs"], &written["unfinished"]),
            (&(1 + unfinished).into(), &unfinished.into())
        );
        assert_eq!(audit["answer"]["steps"].as_array().unwrap().len(), unfinished);
    }
    let limit = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while bench.json(&repair)["exit_code"] != 0 {
        assert!(std::time::Instant::now() < limit, "the lock was never given back");
    }
    // What a repair wrote is written, in rows.
    assert_eq!(bench.json(&["audit"])["answer"]["databases"][0]["rows_written"], 300_000);
}

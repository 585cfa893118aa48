//! Runs that follow each other in one process.

use serde_json::Value;

use crate::bench::{Bench, Ran};

/// The lines of standard output, each an object.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

#[test]
fn each_run_is_a_line_and_the_last_is_of_the_watch() {
    let (bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (1), (2)",
    );
    let ran =
        bench.run(&["watch", "--env", "test", "--every", "1s", "--jitter", "1s", "--runs", "3", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told = lines(&ran);
    let commands: Vec<&str> = told.iter().map(|line| line["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["sync", "sync", "sync", "watch"]);
    assert_eq!(told[0]["tables"][0]["inserted"], 2);
    assert_eq!(
        (&told[1]["outcome"], &told[1]["tables"][0]["outcome"]),
        (&"done".into(), &"unchanged".into())
    );
    assert_eq!((&told[3]["runs"], &told[3]["runs_done"]), (&3.into(), &3.into()));
    assert_ne!(told[0]["run_id"], told[1]["run_id"]);
    let runs = target.query("SELECT count(*)::text, count(DISTINCT run_id)::text FROM bicuspid.run");
    assert_eq!(runs[0], [Some("3".to_owned()), Some("3".to_owned())]);
    // In plain words it is a line a run, and nothing else.
    let ran = bench.run(&["watch", "--env", "test", "--every", "1s", "--runs", "2"]);
    let plain: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(plain.len(), 2, "{plain:?}");
    assert!(plain[1].ends_with(
        "done, exit code 0; 0 tables published, 1 unchanged, 0 held; 0 rows inserted, 0 updated, 0 deleted"
    ));
    assert_eq!(bench.json(&["audit"])["exit_code"], 0);
}

#[test]
fn a_held_table_is_told_and_the_watch_goes_on() {
    let (bench, source, target) = Bench::fresh();
    source.admin("CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient SELECT seq FROM seq_1_to_50");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    source.admin("DELETE FROM patient WHERE PatNum > 10");
    let ran = bench.run(&["watch", "--env", "test", "--every", "1s", "--runs", "2", "--json"]);
    assert_eq!(ran.code, 1, "that of the last run");
    let told = lines(&ran);
    assert_eq!(told.iter().map(|line| line["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["held"; 3]);
    assert_eq!((&told[2]["runs"], &told[2]["runs_done"]), (&2.into(), &0.into()));
    assert_eq!(ran.stderr.matches("held[validate::shrink]").count(), 2, "{}", ran.stderr);
    assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("50"));
}

#[test]
fn a_server_that_is_not_there_is_tried_again() {
    let (bench, _source, _target) = Bench::fresh();
    bench.edit(".env_test", "TEST_TARGET_DB_PORT", "1");
    let ran = bench.run(&["watch", "--env", "test", "--every", "1s", "--runs", "2", "--json"]);
    assert_eq!(ran.code, 4);
    let told = lines(&ran);
    assert_eq!(told.len(), 3);
    assert_eq!((&told[2]["runs"], &told[2]["runs_done"]), (&2.into(), &0.into()));
}

#[test]
fn a_refusal_at_the_beginning_ends_the_watch() {
    let (mut bench, source, target) = Bench::fresh();
    source.admin("CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM");
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "");
    let clinic = ["watch", "--env", "clinic", "--every", "1s"];
    // Production, and nobody to ask: there is no run at all.
    let ran = bench.run(&[&clinic[..], &["--json"]].concat());
    let told = lines(&ran);
    assert_eq!((ran.code, told.len()), (3, 1));
    assert_eq!(told[0]["errors"][0]["code"], "consent::unattended");
    let ran = bench.run(&[&clinic[..], &["--confirm", "another", "--json"]].concat());
    let told = lines(&ran);
    assert_eq!((ran.code, told.len()), (3, 2), "one run, and the end");
    assert_eq!(told[1]["errors"][0]["code"], "consent::other_database");
    let written =
        "SELECT 1 FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'raw')";
    assert!(target.query(written).is_empty());
    // The name of the database is consent to every run.
    let ran = bench.run(&[&clinic[..], &["--runs", "2", "--confirm", target.name()]].concat());
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 2), "{}", ran.stderr);
    assert_eq!(bench.json(&["watch", "--env", "test", "--every", "5s", "--jitter", "6s"])["exit_code"], 2);
    assert_eq!(bench.json(&["watch", "--env", "test", "--every", "0s"])["exit_code"], 2);
}

#[cfg(unix)]
mod signals {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Child, ChildStdout};

    use super::*;
    use crate::interrupt::{MANY, begun, signal};

    struct Watch {
        child: Child,
        lines: BufReader<ChildStdout>,
    }

    impl Watch {
        fn start(bench: &Bench, every: &str) -> Self {
            let mut child =
                bench.command(&["watch", "--env", "test", "--every", every, "--json"]).spawn().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap());
            Self { child, lines }
        }

        fn next(&mut self) -> Value {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"))
        }

        /// What it says after a signal, and its exit code.
        fn stop(mut self, name: &str) -> (Value, Option<i32>) {
            signal(&self.child, name);
            let mut rest = String::new();
            self.lines.read_to_string(&mut rest).unwrap();
            let last = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
            (last, self.child.wait().unwrap().code())
        }
    }

    #[test]
    fn what_is_new_arrives_by_itself() {
        let (bench, source, target) = Bench::fresh();
        source.admin(
            "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (1)",
        );
        let mut watch = Watch::start(&bench, "1s");
        assert_eq!(watch.next()["tables"][0]["inserted"], 1);
        source.admin("INSERT INTO patient VALUES (2), (3)");
        while watch.next()["tables"][0]["inserted"] != 2 {}
        assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("3"));
        let (last, _) = watch.stop("TERM");
        assert_eq!(last["command"], "watch");
        assert!(last["runs"].as_u64().unwrap() >= 2);
    }

    #[test]
    fn a_signal_ends_a_wait_at_once() {
        let (bench, source, _target) = Bench::fresh();
        source.admin("CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM");
        for name in ["INT", "TERM"] {
            // The next run is a day away: that it ends at all is the test.
            let mut watch = Watch::start(&bench, "1d");
            assert_eq!(watch.next()["outcome"], "done");
            let (last, code) = watch.stop(name);
            assert_eq!((&last["command"], &last["runs"], code), (&"watch".into(), &1.into(), Some(0)));
        }
    }

    #[test]
    fn a_signal_during_a_run_rolls_it_back() {
        let (bench, source, target) = Bench::fresh();
        source.admin(MANY);
        let child = begun(&bench, &["watch", "--env", "test", "--every", "1d"], "Reading");
        signal(&child, "TERM");
        let ran = bench.ended(child);
        assert_eq!(ran.code, 130, "{}", ran.stderr);
        assert!(target.query("SELECT 1 FROM pg_class WHERE relname = 'patient'").is_empty());
        let audit = bench.json(&["audit"]);
        assert_eq!(audit["entries"][1]["outcome"], "interrupted: bicuspid::interrupted");
    }

    #[test]
    fn another_run_is_waited_out() {
        let (bench, source, target) = Bench::fresh();
        source.admin(MANY);
        let other = begun(&bench, &["sync", "--env", "test"], "Reading");
        signal(&other, "STOP");
        let mut watch = Watch::start(&bench, "1s");
        assert_eq!(watch.next()["exit_code"], 6);
        signal(&other, "CONT");
        assert_eq!(bench.ended(other).code, 0);
        while watch.next()["exit_code"] != 0 {}
        watch.stop("TERM");
        assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("200000"));
    }
}

//! What is refused for safety, each with the permitted neighbour beside it.

use bicuspid_sandbox::testing;

use crate::bench::Bench;

const TABLE: &str =
    "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (1), (2)";

/// Whether the target holds anything that Bicuspid writes.
fn is_untouched(target: &testing::PostgresDatabase) -> bool {
    target
        .query("SELECT 1 FROM pg_class WHERE relnamespace IN ('raw'::regnamespace, 'bicuspid'::regnamespace)")
        .is_empty()
}

#[test]
fn production_asks_and_a_pipe_is_no_answer() {
    let source = testing::servers().mariadb_database("clinic");
    let target = testing::servers().postgres_database("analytics");
    source.admin(TABLE);
    let mut bench = Bench::new();
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "");
    bench.snapshot("consent_unattended", &bench.run(&["sync", "--env", "clinic"]));
    let piped = bench.run_with_input(&["sync", "--env", "clinic"], "yes\n");
    assert_eq!(piped.code, 3, "{}", piped.stderr);
    bench.snapshot("consent_other_name", &bench.run(&["sync", "--env", "clinic", "--confirm", "opendental"]));
    assert_eq!(bench.run(&["enroll", "--env", "clinic"]).code, 3);
    assert!(is_untouched(&target));
    // What only reads does not ask.
    assert_eq!(bench.run(&["plan", "--env", "clinic"]).code, 0);
    assert_eq!(bench.run(&["check", "--env", "clinic"]).code, 0);
    assert_eq!(bench.run(&["sync", "--env", "clinic", "--confirm", target.name()]).code, 0);
    assert!(!is_untouched(&target));
    // A repair writes too.
    target.admin("DELETE FROM raw.patient");
    let repair = ["verify", "--env", "clinic", "--repair"];
    assert_eq!(bench.json(&repair)["errors"][0]["code"], "consent::unattended");
    assert!(target.query("SELECT 1 FROM raw.patient").is_empty());
    let repaired = bench.json(&[&repair[..], &["--confirm", target.name()]].concat());
    assert_eq!(repaired["errors"].as_array().map_or(0, Vec::len), 0, "{repaired}");
    assert!(!target.query("SELECT 1 FROM raw.patient").is_empty());
}

/// `script` gives a program a terminal of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_person_answers_on_a_terminal() {
    if std::process::Command::new("script").arg("--version").output().is_err() {
        eprintln!("NOT RUN: consent on a terminal (needs `script` of util-linux)");
        return;
    }
    let source = testing::servers().mariadb_database("clinic");
    let target = testing::servers().postgres_database("analytics");
    source.admin(TABLE);
    let mut bench = Bench::new();
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "");
    for (answer, code) in [("y\n", 3), ("no\n", 3), ("yes please\n", 3), ("yes\n", 0)] {
        assert!(is_untouched(&target));
        let ran = bench.run_on_terminal(&["sync", "--env", "clinic"], answer);
        assert_eq!(ran.code, code, "{answer}: {}", ran.stdout);
        assert!(ran.stdout.contains("Continue? (yes/no)"), "{}", ran.stdout);
        assert!(ran.stdout.contains("real patients, production"), "{}", ran.stdout);
    }
    assert!(!is_untouched(&target));
}

#[test]
fn development_asks_for_what_destroys() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    for flags in [&["--full"][..], &["--accept-shrink", "patient"]] {
        let args = [&["sync", "--env", "test"], flags].concat();
        assert_eq!(bench.json(&args)["errors"][0]["code"], "consent::unattended", "{flags:?}");
        let confirmed = [&args[..], &["--confirm", target.name()]].concat();
        assert_eq!(bench.run(&confirmed).code, 0, "{flags:?}");
    }
}

#[test]
fn an_account_that_may_write_is_refused_before_anything_is_read() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    let user = &source.endpoint.user;
    testing::servers().mariadb_admin(&format!("GRANT INSERT ON {}.* TO '{user}'@'127.0.0.1'", source.name()));
    bench.snapshot("grants_too_much", &bench.run(&["check", "--env", "test"]));
    for command in ["plan", "sync"] {
        let json = bench.json(&[command, "--env", "test"]);
        assert_eq!(
            (&json["exit_code"], &json["errors"][0]["side"]),
            (&3.into(), &"source".into()),
            "{command}"
        );
    }
    assert!(is_untouched(&target));
    testing::servers()
        .mariadb_admin(&format!("REVOKE INSERT ON {}.* FROM '{user}'@'127.0.0.1'", source.name()));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn a_copy_that_cannot_be_distributed_as_asked_is_not_made() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    bench.write("bicuspid.toml", "distribute_by = \"site\"\n");
    for command in ["check", "sync", "enroll"] {
        let json = bench.json(&[command, "--env", "test"]);
        assert_eq!((&json["exit_code"], &json["errors"][0]["code"]), (&3.into(), &"target::no_citus".into()));
    }
    bench.snapshot("distribute_without_citus", &bench.run(&["sync", "--env", "test"]));
    assert!(is_untouched(&target));
    bench.write("bicuspid.toml", "");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    // A copy that is there is not written any more either, if it is to be elsewhere.
    bench.write("bicuspid.toml", "distribute_by = \"site\"\n");
    source.admin("INSERT INTO patient VALUES (3)");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 3);
    assert_eq!(target.query("SELECT count(*) FROM raw.patient"), [[Some("2".to_owned())]]);
}

#[test]
fn another_database_in_the_place_of_a_known_one_is_refused() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    let (name, user) = (target.name(), &target.endpoint.user);
    // Dropped and made anew: the name and the address are right, the database is not.
    let admin = |database: &str, sql: &str| testing::servers().postgres_admin(database, sql);
    admin("postgres", &format!("ALTER DATABASE {name} RENAME TO {name}_old"));
    admin("postgres", &format!("CREATE DATABASE {name}"));
    admin("postgres", &format!("GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {name} TO {user}"));
    let ran = bench.run(&["sync", "--env", "test"]);
    bench.snapshot("identity_replaced", &ran);
    for command in ["check", "plan", "verify", "status"] {
        assert_eq!(bench.run(&[command, "--env", "test"]).code, 3, "{command}");
    }
    assert!(
        testing::servers()
            .postgres_query(name, "SELECT 1 FROM pg_namespace WHERE nspname = 'raw'")
            .is_empty()
    );
    // A person may say that this is meant, and must say it.
    assert_eq!(bench.run(&["enroll", "--env", "test"]).code, 3);
    assert_eq!(bench.run(&["enroll", "--env", "test", "--confirm", name]).code, 0);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn a_database_of_another_environment_is_refused() {
    let source = testing::servers().mariadb_database("clinic");
    let target = testing::servers().postgres_database("analytics");
    source.admin(TABLE);
    let mut bench = Bench::new();
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "ENVIRONMENT=development\n");
    bench.env_file(".env_test", "TEST_", &source.endpoint, &target.endpoint, "");
    assert_eq!(bench.run(&["enroll", "--env", "clinic"]).code, 0);
    bench.snapshot("identity_environment", &bench.run(&["sync", "--env", "test"]));
    bench.snapshot(
        "identity_environment_enroll",
        &bench.run(&["enroll", "--env", "test", "--confirm", target.name()]),
    );
    assert_eq!(bench.run(&["sync", "--env", "clinic"]).code, 0);
}

#[test]
fn a_changed_audit_log_is_told_and_stops_nothing() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(TABLE);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(bench.run(&["audit", "--verify"]).code, 0);
    let log = bench.read("state/audit.jsonl");
    bench.private("state/audit.jsonl", &log.replacen("\"inserted\":2", "\"inserted\":1", 1));
    let json = bench.json(&["audit", "--verify"]);
    assert_eq!((&json["exit_code"], &json["errors"][0]["code"]), (&1.into(), &"audit::altered".into()));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

/// Whoever may write in the state folder can cut the log and everything beside it alike; the database was told as well.
#[test]
fn a_log_that_is_cut_or_replaced_with_all_beside_it_is_found_by_the_head_in_the_target() {
    let worked = || {
        let (bench, source, target) = Bench::fresh();
        source.admin(TABLE);
        for row in 3..6 {
            assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
            source.admin(&format!("INSERT INTO patient VALUES ({row})"));
        }
        (bench, source, target)
    };
    let (bench, _source, _target) = worked();
    let (stranger, _other_source, _other_target) = worked();
    let whole = bench.read("state/audit.jsonl");
    assert_eq!(whole.lines().count(), 6);
    let strangers = stranger.read("state/audit.jsonl");
    // What could tell of it on this machine goes, too.
    let forge = |log: &str| {
        let _ = std::fs::remove_file(bench.path("state/audit.head"));
        let _ = std::fs::remove_dir_all(bench.path("state/runs"));
        bench.private("state/audit.jsonl", log);
    };
    let lines = |text: &str, count: usize| text.split_inclusive('\n').take(count).collect::<String>();
    for (log, code, line) in [
        (whole.clone(), "", 0),
        (lines(&whole, 5), "", 0),
        (lines(&whole, 4), "audit::cut_off", 4),
        (lines(&whole, 2), "audit::cut_off", 2),
        (String::new(), "audit::cut_off", 0),
        (strangers.clone(), "audit::replaced", 1),
        (lines(&strangers, 5), "audit::replaced", 1),
    ] {
        forge(&log);
        assert_eq!(bench.json(&["audit"])["exit_code"], 0, "nothing here can tell");
        let told = bench.json(&["audit", "--verify"]);
        let verdict = &told["logs"][0];
        if code.is_empty() {
            assert_eq!((&told["exit_code"], &verdict["whole"]), (&0.into(), &true.into()), "{told}");
        } else {
            assert_eq!((&told["exit_code"], &told["errors"][0]["code"]), (&1.into(), &code.into()), "{told}");
            let fault = &verdict["faults"][0];
            assert_eq!((&fault["line"], &fault["code"]), (&line.into(), &code.into()), "{told}");
            let why = told["errors"][0]["why"].as_str().unwrap();
            let place = if line == 0 { "gone".to_owned() } else { format!("line {line} ") };
            assert!(why.contains(&place), "{why}");
        }
    }
    // The whole folder is gone: the settings still lead to the database, and that remembers.
    std::fs::remove_dir_all(bench.path("state")).unwrap();
    let told = bench.json(&["audit", "--verify"]);
    assert_eq!(
        (&told["exit_code"], &told["errors"][0]["code"]),
        (&1.into(), &"audit::cut_off".into()),
        "{told}"
    );
    assert!(!bench.path("state").exists(), "looking makes no folder");
}

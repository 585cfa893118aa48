//! Whole runs on real servers.

use bicuspid_sandbox::testing;

use crate::bench::Bench;

const PATIENTS: &str = "CREATE TABLE Patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(100), Birthdate DATE) ENGINE=MyISAM;
    INSERT INTO Patient VALUES (1, 'Canary-Alpha', '1980-02-29'), (2, 'Canary-Beta', '1990-01-01'), (3, '', NULL);
    CREATE TABLE appointment (AptNum BIGINT PRIMARY KEY, Note TEXT) ENGINE=MyISAM;
    INSERT INTO appointment VALUES (1, 'x');
    CREATE TABLE tempthings (a INT PRIMARY KEY)";

#[test]
fn a_copy_is_made_kept_and_proved() {
    let (bench, source, target) = Bench::fresh();
    source.admin(PATIENTS);
    bench.snapshot("check_fresh", &bench.run(&["check", "--env", "test"]));
    assert!(!bench.path("state").exists(), "check writes nothing here");
    bench.snapshot("plan_first", &bench.run(&["plan", "--env", "test"]));
    bench.snapshot("sync_first", &bench.run(&["sync", "--env", "test"]));
    bench.snapshot("sync_unchanged", &bench.run(&["sync", "--env", "test"]));
    bench.snapshot("verify_equal", &bench.run(&["verify", "--env", "test"]));
    bench.snapshot("status", &bench.run(&["status", "--env", "test"]));
    assert_eq!(
        target.query("SELECT \"PatNum\"::text, \"LName\" FROM raw.patient ORDER BY 1")[0],
        [Some("1".to_owned()), Some("Canary-Alpha".to_owned())]
    );
    source.admin(
        "UPDATE Patient SET LName = 'Canary-Gamma' WHERE PatNum = 2; DELETE FROM Patient WHERE PatNum = 3;
        INSERT INTO Patient VALUES (4, 'Canary-Delta', '0000-00-00')",
    );
    bench.snapshot("verify_differs", &bench.run(&["verify", "--env", "test"]));
    let ran = bench.run(&["sync", "--env", "test", "--accept-shrink", "patient", "--confirm", target.name()]);
    bench.snapshot("sync_changed", &ran);
    bench.snapshot("check_known", &bench.run(&["check", "--env", "test"]));
    bench.snapshot("audit", &bench.run(&["audit"]));
    for value in ["Canary", "1980-02-29"] {
        for name in ["state/audit.jsonl", "state/known_databases.json"] {
            assert!(!bench.read(name).contains(value), "{value} in {name}");
        }
    }
}

#[test]
fn tables_that_were_never_loaded_are_remembered_until_they_are_there() {
    let (bench, source, target) = Bench::fresh();
    source.admin(PATIENTS);
    let first_load = || bench.json(&["status", "--env", "test"])["first_load"].clone();
    let written = || target.query("SELECT table_name, xmin::text FROM bicuspid.expected_table ORDER BY 1");
    let some = ["sync", "--env", "test", "--tables", "appointment"];
    assert_eq!(bench.run(&some).code, 0);
    assert_eq!(first_load(), serde_json::json!([]), "what was asked for is there");
    target.admin("INSERT INTO bicuspid.expected_table VALUES ('patient'), ('dropped')");
    let (before, expected) = (written(), serde_json::json!([{ "env": "test", "tables": 3, "loaded": 1 }]));
    assert_eq!((before.len(), first_load()), (3, expected.clone()));
    assert_eq!(bench.run(&some).code, 0);
    assert_eq!((written(), first_load()), (before, expected), "a run for some tables says nothing of others");
    source.admin("CREATE TABLE PATIENT (a INT PRIMARY KEY) ENGINE=MyISAM");
    let held = bench.json(&["sync", "--env", "test"]);
    assert_eq!(held["errors"][0]["code"], "plan::name_taken", "{held}");
    let one_of_two = serde_json::json!([{ "env": "test", "tables": 2, "loaded": 1 }]);
    assert_eq!(first_load(), one_of_two, "a table that a rule holds is not there");
    source.admin("DROP TABLE PATIENT");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    let after = written();
    assert_eq!(first_load(), serde_json::json!([]));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(written(), after, "nothing is awaited, and nothing is written");
}

#[test]
fn a_thin_link_is_told_of() {
    let (bench, source, _) = Bench::fresh();
    source.admin(PATIENTS);
    let told = |args: &[&str]| {
        let ran = bench.run(args);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        ran.stdout.lines().find(|line| line.starts_with("link ")).unwrap().to_owned()
    };
    let thin = ["sync", "--env", "test", "--link", "thin"];
    let first = told(&thin);
    assert!(
        first.ends_with(": the rows were read with the source's hashes, for later runs to ask about"),
        "{first}"
    );
    let second = told(&thin);
    assert!(
        second.ends_with(": asked about 2 chunks (4 rows hashed by the source), of which 2 did not change and were not read"),
        "{second}"
    );
    let run = bench.json(&thin);
    assert_eq!((run["source"]["rows"].as_u64(), run["source"]["rows_hashed"].as_u64()), (Some(0), Some(4)));
    let wrong = bench.run(&["sync", "--env", "test", "--link", "slim"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("thin") && wrong.stderr.contains("fat"), "{}", wrong.stderr);
}

#[test]
fn json_has_the_promised_fields() {
    let (bench, source, target) = Bench::fresh();
    source.admin(PATIENTS);
    let check = bench.json(&["check", "--env", "test"]);
    for field in ["name", "side", "verdict", "detail", "remedy"] {
        assert!(check["checks"][0].get(field).is_some(), "{field}");
    }
    let plan = bench.json(&["plan", "--env", "test"]);
    assert_eq!(plan["tables"].as_array().unwrap().len(), 2);
    for field in ["name", "mode", "why", "rows_estimate", "seconds_estimate"] {
        assert!(plan["tables"][0].get(field).is_some(), "{field}");
    }
    assert_eq!(plan["skipped"][0]["name"], "tempthings");
    let sync = bench.json(&["sync", "--env", "test"]);
    assert_eq!((sync["command"].as_str(), sync["env"].as_str()), (Some("sync"), Some("test")));
    assert_eq!(sync["outcome"], "done");
    let patient = sync["tables"].as_array().unwrap().iter().find(|table| table["name"] == "Patient").unwrap();
    assert_eq!((patient["mode"].as_str(), patient["outcome"].as_str()), (Some("first"), Some("published")));
    for field in ["rows_source", "rows_target", "rows_read", "inserted"] {
        assert_eq!(patient[field], 3, "{field}");
    }
    assert_eq!((&patient["updated"], &patient["held"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(sync["source"]["rows"], 4);
    for field in ["p50", "p99", "max"] {
        assert!(sync["source"]["statement_ms"][field].is_number(), "{field}");
    }
    assert!(sync["seconds"].is_number());
    if cfg!(target_os = "linux") {
        assert!(sync["peak_memory_bytes"].as_u64().unwrap() > 1024 * 1024);
    }
    let run_id = sync["run_id"].as_str().unwrap();
    assert!(bench.path(&format!("state/runs/{run_id}.json")).exists());
    let verify = bench.json(&["verify", "--env", "test", "--tables", "patient"]);
    assert_eq!((&verify["equal"], verify["tables"].as_array().unwrap().len()), (&true.into(), 1));
    target.admin("UPDATE raw.patient SET \"LName\" = 'other' WHERE \"PatNum\" = 1");
    let verify = bench.json(&["verify", "--env", "test"]);
    assert_eq!((verify["outcome"].as_str(), &verify["exit_code"]), (Some("differences"), &1.into()));
    let patient =
        verify["tables"].as_array().unwrap().iter().find(|table| table["name"] == "Patient").unwrap();
    assert_eq!(
        (&patient["missing"], &patient["extra"], &patient["different"]),
        (&0.into(), &0.into(), &1.into())
    );
    assert!(patient["proved_at"].as_str().unwrap().ends_with('Z'));
    target.admin("DELETE FROM raw.patient WHERE \"PatNum\" = 2");
    let repair = bench.json(&["verify", "--env", "test", "--repair"]);
    assert_eq!((repair["outcome"].as_str(), &repair["equal"]), (Some("done"), &true.into()), "{repair}");
    let repaired = &repair["repaired"][0];
    assert_eq!(
        (&repaired["name"], &repaired["inserted"], &repaired["updated"], &repaired["deleted"]),
        (&"Patient".into(), &1.into(), &1.into(), &0.into())
    );
    let unneeded = bench.json(&["verify", "--env", "test", "--repair"]);
    assert_eq!((&unneeded["equal"], unneeded.get("repaired")), (&true.into(), None));
    let status = bench.json(&["status", "--env", "test"]);
    for field in [
        "name",
        "rows",
        "last_checked_at",
        "last_changed_at",
        "proved_at",
        "next_due_at",
        "stamp_trust",
        "state",
        "held",
    ] {
        assert!(status["tables"][0].get(field).is_some(), "{field}");
    }
    let audit = bench.json(&["audit", "--verify"]);
    assert_eq!(audit["logs"][0]["whole"], true);
}

#[test]
fn names_are_told_when_a_table_is_not_there() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(PATIENTS);
    bench.snapshot("sync_no_such_table", &bench.run(&["sync", "--env", "test", "--tables", "patients"]));
}

#[test]
fn the_demo_database_shows_what_was_generated_and_nothing_else() {
    let bench = Bench::new();
    let demo = testing::servers().postgres().named_database("opendental_demo", "demo_user");
    let bicuspid_model::Host::Tcp { host, port } = &demo.endpoint.host else { panic!() };
    let bicuspid_model::Password::Given(secret) = &demo.endpoint.password else { panic!() };
    let text = format!(
        "DEMO_POSTGRES_HOST={host}\nDEMO_POSTGRES_PORT={port}\nDEMO_POSTGRES_USER=demo_user\n\
         DEMO_POSTGRES_PASSWORD={}\nBICUSPID_STATE_DIR=state\n",
        secret.reveal()
    );
    bench.private(".env_demo", &text);
    let json = bench.json(&["check", "--env", "demo"]);
    assert_eq!(json["outcome"], "done", "{json}");
    assert!(json["checks"].as_array().unwrap().iter().all(|check| check["side"] == "demo"));
    let status = bench.json(&["status", "--env", "demo"]);
    assert_eq!(status["tables"].as_array().unwrap().len(), 0);
    let generated = bench.json(&["generate", "--patients", "20", "--end-date", "2026-01-05", "--yes"]);
    assert_eq!(generated["outcome"], "done", "{generated}");
    let status = bench.json(&["status", "--env", "demo"]);
    let shown = status["tables"].as_array().unwrap();
    let patients = shown.iter().find(|table| table["name"] == "patient").unwrap();
    assert!(patients["rows"].as_u64().unwrap() >= 20, "{patients}");
    // What no generation accounts for is told of.
    demo.admin("DELETE FROM raw.patient WHERE \"PatNum\" = (SELECT max(\"PatNum\") FROM raw.patient)");
    let json = bench.json(&["check", "--env", "demo"]);
    assert_eq!((json["outcome"].as_str(), &json["exit_code"]), (Some("refused"), &3.into()), "{json}");
}

#[test]
fn a_sandbox_at_work() {
    let bench = Bench::new();
    let up = bench.json(&["sandbox", "up", "--dir", "box", "--patients", "20"]);
    assert_eq!(up["exit_code"], 0, "{up}");
    let live = bench.json(&["sandbox", "live", "--dir", "box", "--seconds", "3"]);
    assert_eq!((&live["command"], &live["outcome"]), (&"sandbox live".into(), &"done".into()), "{live}");
    let kinds = ["inserts", "edits_stamped", "edits_unstamped", "deletes", "merges", "bulk_edits"];
    let counts: Vec<u64> = kinds.iter().map(|kind| live[kind].as_u64().unwrap()).collect();
    assert!(counts.iter().sum::<u64>() > 0, "{live}");
    let down = bench.json(&["sandbox", "down", "--dir", "box"]);
    assert_eq!(down["exit_code"], 0);
    assert!(!bench.path("box").exists());
}

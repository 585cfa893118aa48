//! The clinic's business hours from outside.

use crate::bench::Bench;

const TABLES: &str = "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, v INT) ENGINE=MyISAM;
    INSERT INTO patient VALUES (1, 1), (2, 2);
    CREATE TABLE document (DocNum BIGINT PRIMARY KEY, Note VARCHAR(2000)) ENGINE=MyISAM;
    INSERT INTO document SELECT seq, REPEAT('x', 2000) FROM seq_1_to_8000";

#[test]
fn a_plan_says_what_is_read_slowly_and_now_overrides() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(TABLES);
    let plan = bench.json(&["plan", "--env", "test"]);
    assert_eq!(plan["quiet_hours"], serde_json::Value::Null);
    bench.write("bicuspid.toml", "quiet_hours = [\"daily 00:00-24:00\"]\n");
    let plan = bench.json(&["plan", "--env", "test"]);
    assert_eq!(
        (&plan["quiet_hours"]["hours"], &plan["quiet_hours"]["inside"], &plan["quiet_hours"]["changes_at"]),
        (&"daily 00:00-24:00".into(), &true.into(), &serde_json::Value::Null)
    );
    let slowly = |plan: &serde_json::Value| -> Vec<(String, bool)> {
        let tables = plan["tables"].as_array().unwrap().iter();
        tables.map(|t| (t["name"].as_str().unwrap().to_owned(), t["slowly"].as_bool().unwrap())).collect()
    };
    let table = |name: &str, slowly| (name.to_owned(), slowly);
    assert_eq!(slowly(&plan), [table("patient", false), table("document", true)]);
    let ran = bench.run(&["plan", "--env", "test"]);
    assert!(ran.stdout.contains("now, slowly"), "{}", ran.stdout);
    assert!(ran.stdout.contains("inside business hours (daily 00:00-24:00); it is 2"), "{}", ran.stdout);
    let plan = bench.json(&["plan", "--env", "test", "--now"]);
    assert_eq!(plan["quiet_hours"], serde_json::Value::Null);
    assert_eq!(slowly(&plan), [table("patient", false), table("document", false)]);

    let ran = bench.run(&["sync", "--env", "test", "--tables", "patient"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("large tables are read slowly (--now overrides)"), "{}", ran.stderr);
    let sync = bench.json(&["sync", "--env", "test", "--now"]);
    assert_eq!((&sync["outcome"], &sync["quiet_hours"]), (&"done".into(), &serde_json::Value::Null));
    assert!(sync["source"]["looks"]["all"].as_u64().unwrap() > 0);
    assert_eq!(sync["put_off"].as_array().unwrap().len(), 0);
    let verify = bench.json(&["verify", "--env", "test", "--tables", "patient"]);
    assert_eq!(verify["equal"], true);
}

#[test]
fn in_production_now_needs_consent() {
    let (mut bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (1)",
    );
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "");
    bench.write("bicuspid.toml", "quiet_hours = [\"daily 00:00-24:00\"]\n");
    let code = |json: &serde_json::Value| (json["exit_code"].clone(), json["errors"][0]["code"].clone());
    let unattended = (3.into(), "consent::unattended".into());
    assert_eq!(code(&bench.json(&["sync", "--env", "clinic", "--now"])), unattended);
    let sync = bench.json(&["sync", "--env", "clinic", "--now", "--confirm", target.name()]);
    assert_eq!(sync["outcome"], "done", "{sync}");
    // To read slowly nobody needs to be asked.
    assert_eq!(bench.json(&["verify", "--env", "clinic"])["equal"], true);
    assert_eq!(code(&bench.json(&["verify", "--env", "clinic", "--now"])), unattended);
    let other = bench.json(&["verify", "--env", "clinic", "--now", "--confirm", "other"]);
    assert_eq!(code(&other), (3.into(), "consent::other_database".into()));
    let verify = bench.json(&["verify", "--env", "clinic", "--now", "--confirm", target.name()]);
    assert_eq!(verify["equal"], true, "{verify}");
    // Without business hours there is nothing to disregard.
    bench.write("bicuspid.toml", "");
    assert_eq!(bench.json(&["verify", "--env", "clinic", "--now"])["equal"], true);
}

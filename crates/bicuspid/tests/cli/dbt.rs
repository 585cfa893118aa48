//! What dbt is told about a copy, and what dbt itself says to it.

use std::path::Path;
use std::process::Command;

use bicuspid_model::{Endpoint, Host, Password};
use serde_json::Value;

use crate::bench::Bench;

/// Names dbt's program, such as that of a virtual environment with dbt-core and dbt-postgres.
const DBT: &str = "BICUSPID_TEST_DBT";

/// Two tables of Open Dental, one that points to the other, one of the clinic's own with a key of two columns.
const TABLES: &str = "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, Guarantor BIGINT NOT NULL, Birthdate DATE) ENGINE=MyISAM;
    INSERT INTO patient VALUES (1, 1, NULL), (2, 1, '0000-00-00'), (3, 0, NULL);
    CREATE TABLE appointment (AptNum BIGINT PRIMARY KEY, PatNum BIGINT NOT NULL, ProvNum BIGINT) ENGINE=MyISAM;
    INSERT INTO appointment VALUES (1, 2, 9);
    CREATE TABLE ownpairs (A INT, `b c` INT, PRIMARY KEY (`b c`, A)) ENGINE=MyISAM;
    INSERT INTO ownpairs VALUES (1, 1), (1, 2), (2, 1)";

fn synced() -> (Bench, bicuspid_sandbox::testing::MariaDbDatabase, bicuspid_sandbox::testing::PostgresDatabase)
{
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLES);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    (bench, source, target)
}

/// The part of a text that describes a table.
fn table<'a>(text: &'a str, name: &str) -> &'a str {
    let table = text.split(&format!("      - name: \"{name}\"\n")).nth(1).unwrap();
    table.split("\n      - name: ").next().unwrap()
}

#[test]
fn a_target_is_described_as_it_is() {
    let (bench, source, _target) = synced();
    let json = bench.json(&["dbt", "sources", "--env", "test"]);
    assert_eq!((json["command"].as_str(), json["env"].as_str()), (Some("dbt sources"), Some("test")));
    assert_eq!(json["tables"], 5, "three of the source, and two of the load");
    let text = json["text"].as_str().unwrap();
    assert!(table(text, "patient").contains("{to: \"source('opendental', 'patient')\""), "{text}");
    assert!(!table(text, "appointment").contains("'provider'"), "providers are not in this copy");
    let pairs = table(text, "ownpairs");
    assert!(
        pairs.contains(
            r#"- unique:
              arguments: {column_name: "row(\"b c\", \"A\")"}"#
        ),
        "{pairs}"
    );
    assert_eq!(pairs.matches("- not_null").count(), 3, "both columns of the key, and the time of loading");
    // Without a database the tables of the load are described alike.
    let stock = bench.json(&["dbt", "sources", "--tables", "etl_load_status,etl_transform_status,patient"]);
    let stock = stock["text"].as_str().unwrap();
    for name in ["etl_load_status", "etl_transform_status"] {
        assert_eq!(table(text, name).trim_end(), table(stock, name).trim_end());
    }
    // A table that is gone from the source stays in the copy, and what is new is found.
    source.admin("DROP TABLE appointment; CREATE TABLE claim (ClaimNum BIGINT PRIMARY KEY, PatNum BIGINT) ENGINE=MyISAM");
    bench.run(&["sync", "--env", "test"]);
    let json = bench.json(&["dbt", "sources", "--env", "test"]);
    assert!(table(json["text"].as_str().unwrap(), "claim").contains("'patient'"));
    assert_eq!(json["tables"], 6);
}

#[test]
fn a_file_of_somebody_else_is_kept() {
    let bench = Bench::new();
    let args = ["dbt", "sources", "--tables", "patient", "--output", "sources.yml"];
    assert_eq!(bench.run(&args).code, 0);
    let first = bench.read("sources.yml");
    assert!(first.starts_with("# Written by `bicuspid dbt sources` "));
    assert_eq!(bench.run(&args).code, 0, "its own file is written anew");
    bench.write("sources.yml", "version: 2\n");
    let json = bench.json(&args);
    assert_eq!((&json["errors"][0]["code"], &json["exit_code"]), (&"dbt::not_ours".into(), &2.into()));
    assert_eq!(bench.read("sources.yml"), "version: 2\n");
    assert_eq!(
        bench.json(&["dbt", "sources", "--tables", "patiend"])["errors"][0]["code"],
        "dbt::unknown_table"
    );
    assert_eq!(bench.json(&["dbt", "sources", "--name", "a'b"])["exit_code"], 2);
}

#[test]
fn a_target_without_a_copy_has_nothing_to_describe() {
    let (bench, _source, _target) = Bench::fresh();
    let json = bench.json(&["dbt", "sources", "--env", "test"]);
    assert_eq!((&json["errors"][0]["code"], &json["exit_code"]), (&"dbt::nothing_there".into(), &2.into()));
}

/// A dbt project with the sources of a target.
struct Project<'a> {
    bench: &'a Bench,
    dbt: std::ffi::OsString,
}

impl<'a> Project<'a> {
    /// `None`, and loudly, where no dbt is named.
    fn of(bench: &'a Bench, target: &Endpoint) -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            clippy::print_stderr,
            reason = "a test that needs a program finds it by the environment, and says so if it does not"
        )]
        let Some(dbt) = std::env::var_os(DBT).filter(|program| !program.is_empty()) else {
            eprintln!("NOT RUN: {DBT} names no dbt; what dbt says to sources.yml was not asked");
            return None;
        };
        let (Host::Tcp { host, port }, Password::Given(secret)) = (&target.host, &target.password) else {
            panic!("a test over TCP with a password")
        };
        std::fs::create_dir_all(bench.path("project/models")).unwrap();
        bench.write(
            "project/dbt_project.yml",
            "name: check\nversion: '1.0'\nconfig-version: 2\nprofile: check\nmodel-paths: [models]\n",
        );
        bench.write(
            "project/profiles.yml",
            &format!(
                "check:\n  target: it\n  outputs:\n    it: {{type: postgres, host: {host}, port: {port}, user: {}, \
                 password: \"{}\", dbname: {}, schema: public, threads: 2}}\n",
                target.user,
                secret.reveal(),
                target.database
            ),
        );
        Some(Self { bench, dbt })
    }

    /// Runs dbt, and counts the statuses in the results that it writes.
    fn run(&self, args: &[&str], results: &str) -> Vec<(String, String)> {
        let folder = self.bench.path("project");
        let ran = Command::new(&self.dbt)
            .args(args)
            .current_dir(&folder)
            .env("DBT_PROFILES_DIR", &folder)
            .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let results = read(&folder.join("target").join(results)).unwrap_or_else(|| panic!("{said}"));
        let results = results["results"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        results.map(|result| (text(&result["unique_id"]), text(&result["status"]))).collect()
    }
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[test]
fn dbt_finds_the_copy_fresh_and_sound_and_would_say_if_it_were_not() {
    let (bench, source, target) = synced();
    let Some(project) = Project::of(&bench, &target.endpoint) else { return };
    let output = "project/models/sources.yml";
    assert_eq!(bench.run(&["dbt", "sources", "--env", "test", "--output", output]).code, 0);
    let of = |results: &[(String, String)], status: &str| -> Vec<String> {
        results.iter().filter(|(_, found)| found == status).map(|(id, _)| id.clone()).collect()
    };
    let tests = project.run(&["test"], "run_results.json");
    assert_eq!((of(&tests, "pass").len(), tests.len()), (21, 21), "{tests:?}");
    let fresh = project.run(&["source", "freshness"], "sources.json");
    assert_eq!((of(&fresh, "pass").len(), fresh.len()), (3, 3), "{fresh:?}");

    // Two slips of the clinic are warnings; what somebody does to the copy is an error; a table not checked is stale.
    source.admin("UPDATE appointment SET PatNum = 77; UPDATE patient SET Guarantor = 78 WHERE PatNum = 2");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    target.admin(
        "ALTER TABLE raw.patient DROP CONSTRAINT patient_pkey; INSERT INTO raw.patient SELECT * FROM raw.patient LIMIT 1;
         ALTER TABLE raw.ownpairs DROP CONSTRAINT ownpairs_pkey; INSERT INTO raw.ownpairs SELECT * FROM raw.ownpairs LIMIT 1;
         UPDATE raw.etl_load_status SET _loaded_at = _loaded_at - interval '3 days', load_status = 'failed' \
         WHERE table_name = 'appointment'",
    );
    let tests = project.run(&["test"], "run_results.json");
    assert_eq!(
        (of(&tests, "warn").len(), of(&tests, "fail").len(), of(&tests, "pass").len()),
        (3, 2, 16),
        "{tests:?}"
    );
    assert!(of(&tests, "fail").iter().all(|id| id.contains("unique")));
    let fresh = project.run(&["source", "freshness"], "sources.json");
    assert_eq!(of(&fresh, "error"), ["source.check.opendental.appointment"], "{fresh:?}");
}

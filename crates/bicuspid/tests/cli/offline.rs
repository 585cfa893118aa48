//! What needs no server: usage, settings, templates, accounts.

use crate::bench::Bench;

/// Settings of a clinic that nobody could reach: the port is never open.
const NOWHERE: &str = "SOURCE_DB_HOST=127.0.0.1\nSOURCE_DB_PORT=1\nSOURCE_DB_NAME=opendental\n\
                       SOURCE_DB_READONLY_USER=readonly_user\nSOURCE_DB_READONLY_PASSWORD=hunter2\n\
                       TARGET_DB_HOST=127.0.0.1\nTARGET_DB_PORT=2\nTARGET_DB_NAME=opendental_analytics\n\
                       TARGET_DB_USER=analytics_user\nTARGET_DB_PASSWORD=hunter2\n";

fn snapshot(bench: &Bench, name: &str, args: &[&str]) {
    let ran = bench.run(args);
    assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"));
    bench.snapshot(name, &ran);
}

#[test]
fn wrong_usage() {
    let bench = Bench::new();
    snapshot(&bench, "usage_no_command", &[]);
    snapshot(&bench, "usage_unknown_command", &["snyc", "--env", "clinic"]);
    snapshot(&bench, "usage_unknown_flag", &["sync", "--env", "clinic", "--tabels", "patient"]);
    snapshot(&bench, "usage_no_environment", &["sync"]);
    snapshot(&bench, "usage_environment_without_source", &["sync", "--env", "demo"]);
    snapshot(&bench, "usage_password", &["check", "--env", "clinic", "--db-password=hunter2"]);
    snapshot(&bench, "usage_json", &["sync", "--env", "hunter2", "--json"]);
}

/// An answer that all is well would be about nothing.
#[test]
fn nothing_that_is_set_up_is_not_safe() {
    let bench = Bench::new();
    snapshot(&bench, "check_all_of_nothing", &["check", "--env", "all"]);
    for command in ["check", "status"] {
        let json = bench.json(&[command, "--env", "all"]);
        assert_eq!(
            (&json["exit_code"], &json["errors"][0]["code"]),
            (&2.into(), &"settings::nothing".into()),
            "{command}: {json}"
        );
        assert_eq!(json["errors"].as_array().unwrap().len(), 1, "{command}");
    }
}

#[test]
fn a_folder_without_a_sandbox_does_not_come_to_life() {
    let bench = Bench::new();
    bench.write("thesis.txt", "years of work");
    let json = bench.json(&["sandbox", "live", "--dir", "."]);
    assert_eq!((&json["exit_code"], &json["errors"][0]["code"]), (&2.into(), &"sandbox::no_sandbox".into()));
    let json = bench.json(&["sandbox", "live", "--dir", "nowhere", "--seconds", "1"]);
    assert_eq!((&json["exit_code"], &json["errors"][0]["code"]), (&2.into(), &"sandbox::no_sandbox".into()));
    assert_eq!(bench.read("thesis.txt"), "years of work");
}

#[test]
fn templates_are_written_once() {
    let bench = Bench::new();
    snapshot(&bench, "init", &["init"]);
    bench.private(".env_test", "# mine\n");
    snapshot(&bench, "init_again", &["init"]);
    assert_eq!(bench.read(".env_test"), "# mine\n");
    assert_eq!(bench.read(".gitignore"), ".env_*\n");
    #[cfg(unix)]
    for name in [".env_clinic", ".env_demo", "bicuspid.toml"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(bench.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    snapshot(&bench, "template_not_filled_in", &["check", "--env", "clinic"]);
}

#[test]
fn accounts_are_printed_without_a_server() {
    let bench = Bench::new();
    snapshot(&bench, "grants_test", &["grants", "--env", "test", "--from", "10.0.0.5"]);
    snapshot(&bench, "grants_demo", &["grants", "--env", "demo"]);
    bench.private(".env_clinic", NOWHERE);
    bench.edit(".env_clinic", "SOURCE_DB_NAME", "open_dental");
    bench.write("bicuspid.toml", "reader_role = \"dbt\"\n");
    snapshot(&bench, "grants_clinic", &["grants", "--env", "clinic"]);
    let json = bench.json(&["grants", "--env", "clinic"]);
    assert_eq!(json["source"].as_array().unwrap().len(), 3);
    assert_eq!(json["target"][0]["database"], "postgres");
    let demo = NOWHERE.replace("opendental_analytics", "opendental_demo");
    bench.private(".env_clinic", &demo);
    let json = bench.json(&["grants", "--env", "clinic"]);
    assert_eq!(
        (&json["exit_code"], &json["errors"][0]["code"]),
        (&3.into(), &"settings::demo_database".into()),
        "no account is prepared that could fill the demo's database with real rows"
    );
}

#[test]
fn copies_of_a_cluster_are_distributed_by_site_and_files_by_patient() {
    let bench = Bench::new();
    bench.write("bicuspid.toml", "distribute_by = \"site\"\n");
    let json = bench.json(&["grants", "--env", "clinic"]);
    let sql: Vec<&str> =
        json["target"].as_array().unwrap().iter().map(|s| s["sql"].as_str().unwrap()).collect();
    assert!(sql.contains(&"SELECT citus_schema_distribute('raw')"), "{sql:?}");
    let demo = bench.json(&["grants", "--env", "demo"]);
    assert!(!demo.to_string().contains("citus"), "the demo is never distributed");
    bench.write("bicuspid.toml", "distribute_by = \"patient\"\n");
    snapshot(&bench, "settings_by_patient", &["plan", "--env", "clinic"]);
    let alone = bench.json(&["generate", "--patients", "5", "--distribute-by", "patient"]);
    assert_eq!((&alone["exit_code"], &alone["errors"][0]["code"]), (&2.into(), &"usage::conflict".into()));
    let script = bench.json(&["generate", "--tables-sql", "--distribute-by", "patient"]);
    let script = script["sql"].as_str().unwrap();
    assert_eq!(script.matches("CREATE TABLE").count(), script.matches("SELECT create_").count());
    assert!(script.contains("create_reference_table('\"raw\".\"carrier\"')"));
    let plain = bench.run(&["generate", "--tables-sql"]).stdout;
    assert!(plain.starts_with("BEGIN;\n") && plain.ends_with("COMMIT;\n") && !plain.contains("SELECT"));
}

#[test]
fn settings_that_are_wrong() {
    let bench = Bench::new();
    snapshot(&bench, "settings_none", &["plan", "--env", "clinic"]);
    snapshot(&bench, "settings_file_missing", &["plan", "--env", "clinic", "--env-file", "nowhere.env"]);
    std::fs::create_dir(bench.path("folder.env")).unwrap();
    snapshot(&bench, "settings_file_unreadable", &["plan", "--env", "clinic", "--env-file", "folder.env"]);
    bench.private(".env_clinic", &format!("{NOWHERE}SOURCE_DB_PASSWORT=hunter2\n"));
    snapshot(&bench, "settings_unknown", &["plan", "--env", "clinic"]);
    bench.private(".env_clinic", &format!("{NOWHERE}OPENDENTAL_SOURCE_PASSWORD=hunter22\n"));
    snapshot(&bench, "settings_conflict", &["plan", "--env", "clinic"]);
    bench.private(".env_clinic", &format!("{NOWHERE}ENVIRONMENT=test\n"));
    snapshot(&bench, "settings_other_environment", &["plan", "--env", "clinic"]);
    bench.private(".env_clinic", NOWHERE);
    bench.edit(".env_clinic", "TARGET_DB_HOST", "db.example.com");
    let text = bench.read(".env_clinic");
    bench.private(".env_clinic", &format!("{text}TARGET_DB_TLS=off\n"));
    snapshot(&bench, "settings_plain_text", &["plan", "--env", "clinic"]);
    bench.private(".env_demo", "DEMO_POSTGRES_HOST=localhost\nSOURCE_DB_HOST=clinic\n");
    snapshot(&bench, "settings_source_in_demo", &["check", "--env", "demo"]);
    bench.private(".env_demo", "DEMO_POSTGRES_HOST=localhost\nDEMO_POSTGRES_DB=opendental_analytics\n");
    snapshot(&bench, "settings_other_demo", &["check", "--env", "demo"]);
    bench.private(".env_clinic", NOWHERE);
    bench.write("bicuspid.toml", "tables_excluded = []\nlock_aim = 5\n");
    snapshot(&bench, "config_unknown", &["plan", "--env", "clinic"]);
    bench.write("bicuspid.toml", "lock_aim_ms = 0\n");
    snapshot(&bench, "config_value", &["plan", "--env", "clinic"]);
}

#[cfg(unix)]
#[test]
fn a_file_with_a_password_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.private(".env_clinic", NOWHERE);
    std::fs::set_permissions(bench.path(".env_clinic"), std::fs::Permissions::from_mode(0o644)).unwrap();
    snapshot(&bench, "settings_readable_by_others", &["plan", "--env", "clinic"]);
    // The same of a file of its own, wherever it is named.
    let twin = NOWHERE
        .replace("SOURCE_DB_READONLY_PASSWORD=hunter2", "SOURCE_DB_READONLY_PASSWORD_FILE=db.password");
    assert_ne!(twin, NOWHERE);
    bench.private(".env_clinic", &twin);
    bench.private("db.password", "hunter2\n");
    let code = || bench.json(&["plan", "--env", "clinic"])["errors"][0]["code"].clone();
    assert_eq!(code(), "target::unreachable");
    std::fs::set_permissions(bench.path("db.password"), std::fs::Permissions::from_mode(0o640)).unwrap();
    snapshot(&bench, "settings_password_file_readable_by_others", &["plan", "--env", "clinic"]);
}

#[test]
fn the_process_environment_is_a_layer() {
    let bench = Bench::new();
    bench.private(".env_clinic", NOWHERE);
    let ran = |name: &str, value: &str| {
        let output = bench.command(&["plan", "--env", "clinic", "--json"]).env(name, value).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (json["errors"][0]["code"].as_str().unwrap().to_owned(), output.status.code().unwrap())
    };
    // The same value twice is no contradiction: the next trouble is the server that is not there.
    assert_eq!(ran("SOURCE_DB_HOST", "127.0.0.1"), ("target::unreachable".to_owned(), 4));
    assert_eq!(ran("SOURCE_DB_HOST", "10.0.0.1"), ("settings::conflict".to_owned(), 3));
    assert_eq!(ran("OPENDENTAL_SOURCE_DB", "other"), ("settings::conflict".to_owned(), 3));
    assert_eq!(ran("ETL_ENVIRONMENT", "test"), ("settings::environment".to_owned(), 3));
    assert_eq!(ran("ENVIRONMENT", "development"), ("target::unreachable".to_owned(), 4));
    assert_eq!(ran("PGHOST", "10.0.0.1"), ("target::unreachable".to_owned(), 4));
}

#[test]
fn nothing_is_there_yet() {
    let bench = Bench::new();
    bench.private(".env_clinic", NOWHERE);
    snapshot(&bench, "check_nobody_there", &["check", "--env", "clinic"]);
    snapshot(&bench, "check_all", &["check", "--env", "all"]);
    let json = bench.json(&["audit", "--state-dir", "state"]);
    assert_eq!(json["entries"].as_array().unwrap().len(), 0);
    assert!(!bench.path("state").exists(), "looking makes no folder");
    let same = NOWHERE
        .replace("TARGET_DB_HOST=127.0.0.1\nTARGET_DB_PORT=2", "TARGET_DB_HOST=localhost\nTARGET_DB_PORT=1");
    bench.private(".env_clinic", &same);
    snapshot(&bench, "same_server", &["plan", "--env", "clinic"]);
}

#[test]
fn shells_are_helped() {
    let ran = Bench::new().run(&["completions", "bash"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("--accept-shrink"));
}

/// The guided set-up asks on a terminal, and nowhere else.
#[cfg(target_os = "linux")]
#[test]
fn init_asks_which_environment_is_meant() {
    if std::process::Command::new("script").arg("--version").output().is_err() {
        eprintln!("NOT RUN: a question on a terminal (needs `script` of util-linux)");
        return;
    }
    for (typed, code, files) in [
        ("demo\n", 0, &[".env_demo", ".gitignore", "bicuspid.toml"][..]),
        ("1\n", 0, &[".env_clinic", ".gitignore", "bicuspid.toml"]),
        ("4\n", 0, &[".env_clinic", ".env_demo", ".env_test", ".gitignore", "bicuspid.toml"]),
        ("production\n", 2, &[]),
    ] {
        let bench = Bench::new();
        let ran = bench.run_on_terminal(&["init"], typed);
        assert_eq!(ran.code, code, "{}", ran.stdout);
        assert!(ran.stdout.contains("Which of the databases do you set up?"), "{}", ran.stdout);
        let mut found: Vec<String> = std::fs::read_dir(bench.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, files, "{typed}");
    }
}

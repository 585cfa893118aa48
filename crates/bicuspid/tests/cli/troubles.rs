//! What goes wrong on servers and disks: a clear message, the next step, the right exit code, nothing changed.

use bicuspid_sandbox::testing;

use crate::bench::Bench;

const TABLE: &str =
    "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (1), (2)";

#[test]
fn wrong_hosts_passwords_and_databases() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(TABLE);
    let clean = bench.read(".env_test");
    for (name, variable, value) in [
        ("source_password_wrong", "TEST_SOURCE_DB_READONLY_PASSWORD", "nonsense"),
        ("source_database_wrong", "TEST_SOURCE_DB_NAME", "nowhere"),
        ("source_host_wrong", "TEST_SOURCE_DB_PORT", "1"),
        ("target_password_wrong", "TEST_TARGET_DB_PASSWORD", "nonsense"),
        ("target_database_wrong", "TEST_TARGET_DB_NAME", "nowhere"),
        ("target_host_wrong", "TEST_TARGET_DB_PORT", "1"),
    ] {
        bench.private(".env_test", &clean);
        bench.edit(".env_test", variable, value);
        let ran = bench.run(&["sync", "--env", "test"]);
        assert_eq!(ran.code, 4, "{name}: {}", ran.stderr);
        bench.snapshot(name, &ran);
    }
    bench.private(".env_test", &clean);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn a_password_file_is_read_for_each_connection() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(TABLE);
    let text = bench.read(".env_test");
    let password =
        text.lines().find_map(|line| line.strip_prefix("TEST_SOURCE_DB_READONLY_PASSWORD=")).unwrap();
    bench.private("password.txt", &format!("{password}\n"));
    bench.private(
        ".env_test",
        &text.replace(
            &format!("TEST_SOURCE_DB_READONLY_PASSWORD={password}"),
            "TEST_SOURCE_DB_READONLY_PASSWORD_FILE=password.txt",
        ),
    );
    assert_eq!(bench.run(&["plan", "--env", "test"]).code, 0);
    std::fs::remove_file(bench.path("password.txt")).unwrap();
    bench.snapshot("password_file_missing", &bench.run(&["plan", "--env", "test"]));
}

#[test]
fn a_target_without_the_right_to_create() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    let user = &target.endpoint.user;
    target.admin("DROP SCHEMA raw; DROP SCHEMA bicuspid");
    target.admin(&format!("REVOKE CREATE ON DATABASE {} FROM {user}", target.name()));
    let ran = bench.run(&["sync", "--env", "test"]);
    bench.snapshot("target_no_create", &ran);
    assert_eq!(ran.code, 4);
    assert!(target.query("SELECT 1 FROM pg_namespace WHERE nspname IN ('raw', 'bicuspid')").is_empty());
    target.admin(&format!("GRANT CREATE ON DATABASE {} TO {user}", target.name()));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn a_reader_role_that_does_not_exist_costs_no_report() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    bench.write("bicuspid.toml", "reader_role = \"misspelt\"\n");
    let json = bench.json(&["sync", "--env", "test"]);
    assert_eq!((&json["exit_code"], &json["errors"][0]["code"]), (&1.into(), &"target::reader_role".into()));
    assert_eq!(
        (&json["tables"][0]["name"], &json["tables"][0]["rows_target"]),
        (&"patient".into(), &2.into())
    );
    assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("2"));
}

#[test]
fn a_state_folder_that_cannot_be_used() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    bench.write("state", "a file in its place");
    let json = bench.json(&["sync", "--env", "test"]);
    assert_eq!(
        (&json["exit_code"], &json["errors"][0]["code"]),
        (&5.into(), &"state::folder".into()),
        "{json}"
    );
    assert!(target.query("SELECT 1 FROM pg_class WHERE relnamespace = 'raw'::regnamespace").is_empty());
}

/// A file system of its own with next to no room, which root can make on Linux.
#[cfg(target_os = "linux")]
#[test]
fn a_full_staging_disk() {
    let (bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE wide (id INT PRIMARY KEY, body LONGBLOB) ENGINE=MyISAM;
         INSERT INTO wide SELECT 1, GROUP_CONCAT(RANDOM_BYTES(1024) SEPARATOR '') FROM seq_1_to_1000;
         INSERT INTO wide SELECT id + 1, CONCAT(body, REVERSE(body)) FROM wide;
         INSERT INTO wide SELECT id + 2, body FROM wide",
    );
    let disk = bench.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "bicuspid-test"])
        .arg(&disk)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("NOT RUN: a full staging disk (only root can make one here)");
        return;
    }
    bench.write("bicuspid.toml", "staging_dir = \"disk\"\nstaging_memory_mb = 1\n");
    let ran = bench.run(&["sync", "--env", "test"]);
    let unmounted = std::process::Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success());
    bench.snapshot("staging_full", &ran);
    assert_eq!(ran.code, 5);
    assert!(
        target
            .query("SELECT 1 FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relname = 'wide'")
            .is_empty()
    );
    bench.write("bicuspid.toml", "staging_memory_mb = 1\n");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0, "with room it goes through");
}

#[test]
fn a_table_that_loses_its_rows_is_held() {
    let (bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient SELECT seq FROM seq_1_to_100",
    );
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    source.admin("DELETE FROM patient WHERE PatNum > 5");
    let held = bench.run(&["sync", "--env", "test"]);
    bench.snapshot("held_shrink", &held);
    assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("100"));
    let json = bench.json(&["sync", "--env", "test"]);
    assert_eq!((json["outcome"].as_str(), &json["exit_code"]), (Some("held"), &1.into()));
    assert!(json["tables"][0]["held"]["rule"].is_string());
    assert_eq!(bench.json(&["status", "--env", "test"])["tables"][0]["state"], "held");
    let name = target.name().to_owned();
    assert_eq!(
        bench.run(&["sync", "--env", "test", "--accept-shrink", "patient", "--confirm", &name]).code,
        0
    );
    assert_eq!(target.query("SELECT count(*)::text FROM raw.patient")[0][0].as_deref(), Some("5"));
}

#[test]
fn a_superuser_is_warned_of() {
    let source = testing::servers().mariadb_database("clinic");
    let target = testing::servers().postgres_database("analytics");
    target.admin(&format!("ALTER ROLE {} SUPERUSER", target.endpoint.user));
    source.admin(TABLE);
    let bench = Bench::with(&source.endpoint, &target.endpoint);
    let json = bench.json(&["check", "--env", "test"]);
    let privileges = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "privileges" && check["side"] == "target")
        .unwrap();
    assert_eq!((privileges["verdict"].as_str(), &json["exit_code"]), (Some("warn"), &0.into()));
}

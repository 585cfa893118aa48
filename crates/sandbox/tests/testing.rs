//! The servers that tests use.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bicuspid_model::{Host, Password};
use bicuspid_sandbox::testing;

#[test]
fn mariadb_is_set_up_like_a_clinic() {
    let servers = testing::servers();
    let seen = servers.mariadb_query(
        "SELECT @@sql_mode, @@default_storage_engine, @@character_set_server, @@log_bin, @@performance_schema, \
         @@system_time_zone, @@skip_name_resolve",
    );
    let expected = ["", "MyISAM", "utf8mb3", "0", "0", "UTC", "1"];
    assert_eq!(seen, [expected.map(|cell| Some(cell.as_bytes().to_vec())).to_vec()]);
}

#[test]
fn results_are_the_servers_own_text() {
    let clinic = testing::servers().mariadb_database("text");
    clinic.admin(
        "CREATE TABLE t (id INT PRIMARY KEY, d DATE, b BLOB, s VARCHAR(20), z TIME(6)); \
         INSERT INTO t VALUES (1, '2024-02-31', 0x00FF0A, NULL, '-838:59:59'), (2, '0000-00-00', '', '', NULL)",
    );
    let cell = |bytes: &[u8]| Some(bytes.to_vec());
    assert_eq!(
        clinic.query("SELECT * FROM t ORDER BY id"),
        [
            vec![cell(b"1"), cell(b"0000-00-00"), cell(b"\0\xFF\n"), None, cell(b"-838:59:59.000000")],
            vec![cell(b"2"), cell(b"0000-00-00"), cell(b""), cell(b""), None],
        ]
    );
}

#[test]
fn the_clinics_account_reads_its_database_and_no_more() {
    let clinic = testing::servers().mariadb_database("reader");
    let other = testing::servers().mariadb_database("other");
    clinic.admin("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (7)");
    other.admin("CREATE TABLE t (id INT PRIMARY KEY)");
    assert_eq!(as_reader(&clinic, "SELECT id FROM t"), Ok("7".to_owned()));
    for denied in [
        "INSERT INTO t VALUES (8)".to_owned(),
        "DELETE FROM t".to_owned(),
        "DROP TABLE t".to_owned(),
        "LOCK TABLES t READ".to_owned(),
        "CREATE TABLE u (id INT)".to_owned(),
        format!("SELECT id FROM {}.t", other.name()),
        "SELECT User FROM mysql.user".to_owned(),
        "SELECT LOAD_FILE('/etc/passwd') IS NOT NULL OR 1 / (SELECT COUNT(*) FROM mysql.db)".to_owned(),
    ] {
        let error = as_reader(&clinic, &denied).unwrap_err();
        assert!(error.contains("denied"), "{denied}: {error}");
    }
}

#[test]
fn administrators_cannot_log_in_over_tcp() {
    let servers = testing::servers();
    let port = servers.mariadb().port();
    let output = mariadb_client(&format!("127.0.0.1 -P{port}"), "root", "", "SELECT 1");
    let error = output.unwrap_err();
    assert!(error.contains("1698") || error.contains("1045") || error.contains("1130"), "{error}");
    let postgres = servers.postgres();
    let output = Command::new("psql")
        .args([
            "-w",
            "-h",
            "127.0.0.1",
            "-p",
            &postgres.port().to_string(),
            "-U",
            "postgres",
            "-c",
            "SELECT 1",
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("pg_hba.conf rejects"), "{output:?}");
}

#[test]
fn postgres_databases_are_laid_out_and_owned() {
    let target = testing::servers().postgres_database("layout");
    let user = target.endpoint.user.as_str();
    assert_eq!(
        target.query(
            "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname IN ('raw', 'bicuspid') ORDER BY 1"
        ),
        [["bicuspid", user].map(|s| Some(s.to_owned())), ["raw", user].map(|s| Some(s.to_owned()))]
    );
    assert_eq!(
        target.query("SELECT NULL, 1.50::numeric, ''"),
        [[None, Some("1.50".to_owned()), Some(String::new())]]
    );
    let stranger = testing::servers().postgres_database("stranger");
    assert_eq!(
        target.query(&format!(
            "SELECT has_database_privilege('{}', '{}', 'CONNECT')",
            stranger.endpoint.user,
            target.name()
        )),
        [[Some("f".to_owned())]]
    );
}

#[test]
fn helpers_work_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(testing::servers().mariadb_query("SELECT 1"), [[Some(b"1".to_vec())]]);
        assert_eq!(testing::servers().postgres_query("postgres", "SELECT 1"), [[Some("1".to_owned())]]);
    });
}

#[test]
fn a_server_can_be_killed_and_restarted_with_its_data() {
    let options = testing::test_options();
    let server = testing::MariaDbServer::start(bicuspid_sandbox::MariaDbOptions {
        time_zone: "America/Los_Angeles".into(),
        sql_mode: "STRICT_ALL_TABLES".into(),
        ..options
    });
    let clinic = server.database("again");
    clinic.admin("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO t VALUES (1)");
    let before = server.pid();
    server.kill();
    server.restart();
    assert_ne!(server.pid(), before);
    assert_eq!(
        clinic.query("SELECT id, @@sql_mode FROM t"),
        [[Some(b"1".to_vec()), Some(b"STRICT_ALL_TABLES".to_vec())]]
    );
    // Summer and winter differ by the zone's daylight saving time.
    assert_eq!(
        clinic.query("SELECT FROM_UNIXTIME(1720000000), FROM_UNIXTIME(1735000000)"),
        [[Some(b"2024-07-03 02:46:40".to_vec()), Some(b"2024-12-23 16:26:40".to_vec())]]
    );
    let socket = server.socket();
    drop(server);
    assert!(!socket.exists() && !socket.parent().unwrap().exists(), "nothing is left of a dropped server");
}

#[test]
fn a_postgres_server_can_be_killed_and_restarted_with_its_data() {
    let server =
        testing::PostgresServer::start(bicuspid_sandbox::PostgresOptions { durable: true, settings: vec![] });
    let target = server.database("again");
    target.admin("CREATE TABLE raw.t AS SELECT 5 AS id");
    server.kill();
    server.restart();
    assert_eq!(target.query("SELECT id FROM raw.t"), [[Some("5".to_owned())]]);
    let folder = server.socket_folder();
    drop(server);
    assert!(!folder.exists());
}

/// Not a test of its own: what [`servers_end_with_a_killed_test_program`] runs and kills.
#[test]
#[ignore = "started by another test"]
fn start_servers_and_wait() {
    let servers = testing::servers();
    let (mariadb, postgres) = (servers.mariadb(), servers.postgres());
    println!("{} {}", mariadb.pid(), mariadb.socket().display());
    println!("{} {}", postgres.pid(), postgres.socket_folder().display());
    println!("ready");
    // Until the pipe closes, which it does not before this process is killed.
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn servers_end_with_a_killed_test_program() {
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "testing::start_servers_and_wait", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    let started: Vec<(u32, PathBuf)> = lines
        .take_while(|line| line != "ready")
        .filter_map(|line| {
            let (pid, path) = line.split_once(' ')?;
            Some((pid.parse().ok()?, PathBuf::from(path)))
        })
        .collect();
    assert_eq!(started.len(), 2);
    assert!(started.iter().all(|(pid, path)| testing::process_lives(*pid) && path.exists()));
    program.kill().unwrap();
    program.wait().unwrap();
    let gone = || started.iter().all(|(pid, path)| !testing::process_lives(*pid) && !path.exists());
    assert!(testing::wait_until(Duration::from_secs(30), gone));
}

/// Asks with the read-only account of the database, by the server's own client.
fn as_reader(clinic: &testing::MariaDbDatabase, statement: &str) -> Result<String, String> {
    let Host::Tcp { host, port } = &clinic.endpoint.host else { panic!("tests use TCP") };
    let Password::Given(password) = &clinic.endpoint.password else { panic!("tests have passwords") };
    let place = format!("{host} -P{port} -D{}", clinic.name());
    mariadb_client(&place, &clinic.endpoint.user, password.reveal(), statement)
}

fn mariadb_client(place: &str, user: &str, password: &str, statement: &str) -> Result<String, String> {
    let output = Command::new("mariadb")
        .args(["--no-defaults", "--batch", "--skip-column-names", "-u", user, "-h"])
        .args(place.split(' '))
        .arg("-e")
        .arg(statement)
        .env("MYSQL_PWD", password)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

//! A sandbox from `up` to `down`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bicuspid_model::{Date, Value};
use bicuspid_practice::{Practice, Settings, SinkError};
use bicuspid_sandbox::testing::{kill_process, process_lives, wait_until};
use bicuspid_sandbox::{Engine, SandboxError, SandboxInfo, UpOptions, down, up};

fn options(dir: &Path, patients: u32) -> UpOptions {
    UpOptions {
        dir: dir.to_owned(),
        patients,
        seed: 7,
        sites: 0,
        as_of: Date::from_ymd(2026, 3, 2).unwrap(),
        engine: Engine::MyIsam,
        durable: false,
    }
}

fn up_quietly(options: &UpOptions) -> Result<SandboxInfo, SandboxError> {
    up(options, &|_| {})
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Takes the sandbox down even if the test panics.
struct Taken<'a>(&'a Path);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let _ = down(self.0);
    }
}

fn client(program: &str, arguments: &[&str], password: &str) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .env("MYSQL_PWD", password)
        .env("PGPASSWORD", password)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn clinic(info: &SandboxInfo, statement: &str) -> String {
    let socket = info.clinic.socket.to_str().unwrap();
    client("mariadb", &["--no-defaults", "-S", socket, "-u", "root", "-BN", "-e", statement], "").unwrap()
}

fn value<'t>(file: &'t str, name: &str) -> &'t str {
    file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap()
}

#[test]
fn a_sandbox_is_whole_and_goes_without_a_trace() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("a folder's name");
    let info = up_quietly(&UpOptions { sites: 1, ..options(&dir, 0) }).unwrap();
    let _taken = Taken(&dir);

    // What is reported is what is there.
    let written: SandboxInfo =
        serde_json::from_str(&std::fs::read_to_string(dir.join("sandbox.json")).unwrap()).unwrap();
    assert_eq!(written, info);
    assert!(process_lives(info.clinic.pid) && process_lives(info.postgres.pid));

    // Secrets and sockets are the owner's.
    for file in [&info.env_files.clinic, &info.env_files.test, &info.env_files.demo] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(info.clinic.socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&info.postgres.socket_dir), 0o700);
    assert_eq!(mode(&dir) & 0o066, 0);

    // Administrators log in over the sockets.
    let tables = clinic(
        &info,
        "SELECT table_schema, COUNT(*) FROM information_schema.tables WHERE table_schema LIKE '%opendental' AND \
         engine = 'MyISAM' GROUP BY 1 ORDER BY 1",
    );
    let expected = bicuspid_opendental::facts().tables().len();
    assert_eq!(tables, format!("opendental\t{expected}\ntest_opendental\t{expected}"));
    let socket_dir = info.postgres.socket_dir.to_str().unwrap();
    let port = info.postgres.port.to_string();
    let databases = client(
        "psql",
        &[
            "-h",
            socket_dir,
            "-p",
            &port,
            "-U",
            "postgres",
            "-AtXc",
            "SELECT datname FROM pg_database ORDER BY 1",
        ],
        "",
    );
    let databases = databases.unwrap();
    let databases: BTreeSet<_> = databases.lines().collect();
    for database in ["opendental_analytics", "test_opendental_analytics", "opendental_demo"] {
        assert!(databases.contains(database), "{databases:?}");
    }

    // The accounts of the environment files do what they are for, and no more.
    let file = std::fs::read_to_string(&info.env_files.clinic).unwrap();
    assert_eq!(value(&file, "ENVIRONMENT"), "development");
    let state = dir.canonicalize().unwrap().join("state");
    assert_eq!(value(&file, "BICUSPID_STATE_DIR"), format!("\"{}\"", state.display()));
    let read = |statement: &str| {
        client(
            "mariadb",
            &[
                "--no-defaults",
                "-h",
                value(&file, "SOURCE_DB_HOST"),
                "-P",
                value(&file, "SOURCE_DB_PORT"),
                "-u",
                value(&file, "SOURCE_DB_READONLY_USER"),
                "-BN",
                "-e",
                statement,
                value(&file, "SOURCE_DB_NAME"),
            ],
            value(&file, "SOURCE_DB_READONLY_PASSWORD"),
        )
    };
    assert_eq!(read("SELECT COUNT(*) FROM patient"), Ok("0".to_owned()));
    assert!(read("INSERT INTO zipcode (ZipCodeNum) VALUES (1)").unwrap_err().contains("denied"));
    assert!(read("SELECT COUNT(*) FROM test_opendental.patient").unwrap_err().contains("denied"));
    let demo = std::fs::read_to_string(&info.env_files.demo).unwrap();
    let write = |database: &str, statement: &str| {
        let url = format!(
            "host={} port={} user={} dbname={database}",
            value(&demo, "DEMO_POSTGRES_HOST"),
            value(&demo, "DEMO_POSTGRES_PORT"),
            value(&demo, "DEMO_POSTGRES_USER")
        );
        client("psql", &["-AtXqc", statement, &url], value(&demo, "DEMO_POSTGRES_PASSWORD"))
    };
    assert_eq!(
        write("opendental_demo", "CREATE TABLE raw.t AS SELECT 3 AS n; SELECT n FROM raw.t"),
        Ok("3".to_owned())
    );
    assert!(write("opendental_analytics", "SELECT 1").unwrap_err().contains("CONNECT"));

    // A site has a database and an account of its own, and is listed where the program looks.
    let [site] = &info.sites[..] else { panic!("{:?}", info.sites) };
    assert_eq!((site.site.as_str(), site.database.as_str()), ("site1", "opendental_site1"));
    assert_eq!(mode(&site.env_file), 0o600);
    let of_site = std::fs::read_to_string(&site.env_file).unwrap();
    assert_eq!(value(&of_site, "SOURCE_DB_READONLY_USER"), "site1_readonly");
    assert_ne!(value(&of_site, "SOURCE_DB_READONLY_PASSWORD"), value(&file, "SOURCE_DB_READONLY_PASSWORD"));
    let toml = std::fs::read_to_string(dir.join("bicuspid.toml")).unwrap();
    assert!(toml.ends_with("[sites.site1]\nenv_file = \"sites/site1.env\"\n"), "{toml}");

    // A second `up` does not disturb the first.
    assert!(matches!(up_quietly(&options(&dir, 0)), Err(SandboxError::AlreadyUp { .. })));
    assert!(process_lives(info.clinic.pid));

    down(&dir).unwrap();
    assert!(!dir.exists());
    assert!(!process_lives(info.clinic.pid) && !process_lives(info.postgres.pid));
    assert!(std::net::TcpStream::connect(("127.0.0.1", info.clinic.port)).is_err());
    assert!(matches!(down(&dir), Err(SandboxError::NoSandbox { .. })));
}

#[test]
fn the_schema_is_that_of_the_facts() {
    let root = tempfile::tempdir().unwrap();
    let info = up_quietly(&options(root.path(), 0)).unwrap();
    let _taken = Taken(root.path());
    let columns = clinic(
        &info,
        "SELECT table_name, column_name, column_type, is_nullable, extra LIKE '%on update%' \
         FROM information_schema.columns WHERE table_schema = 'opendental'",
    );
    let seen: BTreeSet<String> = columns.lines().map(str::to_owned).collect();
    let mut expected = BTreeSet::new();
    for table in bicuspid_opendental::facts().tables() {
        for column in &table.columns {
            let nullable = if column.nullable { "YES" } else { "NO" };
            let (name, kind, stamp) = (column.name, column.column_type, u8::from(column.on_update));
            expected.insert(format!("{}\t{name}\t{kind}\t{nullable}\t{stamp}", table.name));
        }
    }
    let missing: Vec<_> = expected.difference(&seen).collect();
    let extra: Vec<_> = seen.difference(&expected).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
    let indexes = clinic(
        &info,
        "SELECT COUNT(DISTINCT table_name, index_name) FROM information_schema.statistics \
         WHERE table_schema = 'opendental' AND index_name <> 'PRIMARY'",
    );
    let expected: usize = bicuspid_opendental::facts().tables().iter().map(|table| table.indexes.len()).sum();
    assert_eq!(indexes, expected.to_string());
}

#[test]
fn what_a_crash_leaves_behind_is_cleaned() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("sandbox");
    let first = up_quietly(&options(&dir, 0)).unwrap();
    let _taken = Taken(&dir);

    // `up` was killed before the sandbox was whole: both servers live on.
    std::fs::remove_file(dir.join("sandbox.json")).unwrap();
    let second = up_quietly(&options(&dir, 0)).unwrap();
    assert!(!process_lives(first.clinic.pid) && !process_lives(first.postgres.pid));

    // It was killed even before it had written the processes down.
    let record = dir.join("servers.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["mariadb"]["process"] = serde_json::Value::Null;
    json["postgres"]["process"] = serde_json::Value::Null;
    std::fs::write(&record, json.to_string()).unwrap();
    let third = up_quietly(&options(&dir, 0)).unwrap();
    assert!(!process_lives(second.clinic.pid) && !process_lives(second.postgres.pid));

    // One server died: the sandbox is not up any more.
    kill_process(third.clinic.pid);
    let fourth = up_quietly(&options(&dir, 0)).unwrap();
    assert!(!process_lives(third.postgres.pid) && process_lives(fourth.clinic.pid));
    // Somebody was killed while writing these.
    for unfinished in [".env_test.new", "sandbox.json.new", "servers.json.new"] {
        std::fs::write(dir.join(unfinished), "half a").unwrap();
    }
    down(&dir).unwrap();
    assert!(!process_lives(fourth.clinic.pid) && !process_lives(fourth.postgres.pid) && !dir.exists());
}

#[test]
fn processes_of_others_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("sandbox");
    let info = up_quietly(&options(&dir, 0)).unwrap();
    let _taken = Taken(&dir);
    let record = dir.join("servers.json");
    let text = std::fs::read_to_string(&record).unwrap();

    // The token of the data directory is another's: nothing is ended and nothing is removed.
    let home = info.clinic.socket.parent().unwrap();
    let token = home.join("data/bicuspid-sandbox.token");
    let ours = std::fs::read_to_string(&token).unwrap();
    std::fs::write(&token, "another's").unwrap();
    assert!(matches!(down(&dir), Err(SandboxError::NotOurs { pid, .. }) if pid == info.clinic.pid));
    assert!(process_lives(info.clinic.pid) && process_lives(info.postgres.pid));
    std::fs::write(&token, ours).unwrap();

    // The id belongs to another process by now: that one lives on.
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mariadb = json["mariadb"]["process"].clone();
    json["mariadb"]["process"]["pid"] = stranger.id().into();
    std::fs::write(&record, json.to_string()).unwrap();
    kill_process(info.clinic.pid);
    down(&dir).unwrap();
    assert!(process_lives(stranger.id()));
    assert_eq!(mariadb["pid"], info.clinic.pid);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_folder_with_other_files_is_refused() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("thesis.txt"), "years of work").unwrap();
    assert!(matches!(up_quietly(&options(root.path(), 0)), Err(SandboxError::NotEmpty { .. })));
    assert!(matches!(down(root.path()), Err(SandboxError::NoSandbox { .. })));
    let left: Vec<_> =
        std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}

#[test]
fn long_folder_names_and_folders_out_of_reach_work() {
    let root = tempfile::tempdir().unwrap();
    // The servers' account cannot pass through this folder if we are root.
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let dir = root.path().join("n".repeat(120));
    let info = up_quietly(&options(&dir, 0)).unwrap();
    let _taken = Taken(&dir);
    assert_eq!(clinic(&info, "SELECT 1"), "1");
    let sockets = [info.clinic.socket.parent().unwrap().to_owned(), info.postgres.socket_dir.clone()];
    for folder in &sockets {
        assert_eq!(mode(folder), 0o700);
    }
    std::fs::write(dir.join("note.txt"), "mine").unwrap();
    down(&dir).unwrap();
    assert!(sockets.iter().all(|folder| !folder.exists()));
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["note.txt"], "what no sandbox made stays");
}

#[test]
fn the_clinic_holds_the_practice_as_it_was_simulated() {
    let root = tempfile::tempdir().unwrap();
    let options = UpOptions { engine: Engine::InnoDb, ..options(root.path(), 25) };
    let info = up_quietly(&options).unwrap();
    let _taken = Taken(root.path());
    for (database, seed) in [("opendental", options.seed), ("test_opendental", options.seed + 1)] {
        let facts = bicuspid_opendental::facts().table("patient").unwrap();
        let columns = ["PatNum", "LName", "Birthdate", "EstBalance", "DateTStamp"];
        let mut patients = BTreeMap::new();
        let mut sink = |table: &'static str, row: &[Value]| -> Result<(), SinkError> {
            if table == "patient" {
                let cells = columns.map(|column| match &row[facts.position(column).unwrap()] {
                    Value::Int(v) => v.to_string(),
                    Value::Float(v) => v.to_string(),
                    Value::Text(v) => v.to_string(),
                    Value::Date(v) => v.to_string(),
                    Value::DateTime(v) => v.to_string(),
                    other => panic!("{other:?}"),
                });
                patients.insert(cells[0].parse::<i64>().unwrap(), cells.join("\t"));
            }
            Ok(())
        };
        let practice = Practice::new(Settings::new(options.patients, seed, options.as_of)).unwrap();
        let summary = practice.run(&mut sink).unwrap();
        let expected: Vec<String> = patients.into_values().collect();
        let read = format!("SELECT {} FROM {database}.patient ORDER BY PatNum", columns.join(", "));
        assert_eq!(clinic(&info, &read).lines().collect::<Vec<_>>(), expected);
        for table in &summary.tables {
            let read = format!("SELECT COUNT(*) FROM {database}.{}", table.table);
            assert_eq!(clinic(&info, &read), table.rows.to_string(), "{}", table.table);
        }
        let read = format!(
            "SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = '{database}'"
        );
        assert_eq!(clinic(&info, &read), "InnoDB");
    }
}

/// Not a test of its own: what [`a_killed_up_leaves_nothing_that_down_cannot_clean`] runs and kills.
#[test]
#[ignore = "started by another test"]
fn bring_up_a_sandbox() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).unwrap();
    up_quietly(&options(Path::new(dir.trim_end()), 5)).unwrap();
}

#[test]
fn a_killed_up_leaves_nothing_that_down_cannot_clean() {
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    for (i, sign) in [
        "servers.json",
        "mariadb/data/ibdata1",
        "postgres/data/base",
        "mariadb/server.pid",
        "postgres/server.pid",
        "mariadb/mysqld.sock",
        "mariadb/data/opendental/patient.frm",
        "mariadb/load/opendental.patient",
        ".env_clinic",
    ]
    .into_iter()
    .enumerate()
    {
        let dir = root.path().join(format!("sandbox{i}"));
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "up_and_down::bring_up_a_sandbox", "--ignored"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(program.stdin.take().unwrap(), "{}", dir.display()).unwrap();
        let mut ended = false;
        wait_until(Duration::from_mins(2), || {
            ended = program.try_wait().unwrap().is_some();
            ended || dir.join(sign).exists()
        });
        program.kill().unwrap();
        program.wait().unwrap();
        match down(&dir) {
            Ok(()) | Err(SandboxError::NoSandbox { .. }) => {}
            Err(error) => panic!("{sign}: {error:?}"),
        }
        assert!(!dir.exists(), "{sign}");
        assert!(wait_until(Duration::from_secs(30), || processes_naming(&dir).is_empty()), "{sign}");
    }
}

/// Processes whose arguments name the folder.
fn processes_naming(dir: &Path) -> Vec<String> {
    let from_proc = std::fs::read_dir("/proc").map(|entries| {
        let lines = entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect::<Vec<_>>()
    });
    let all = from_proc.unwrap_or_else(|_| {
        let output = Command::new("ps").args(["-axww", "-o", "args="]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    });
    let dir = dir.to_str().unwrap();
    all.into_iter().filter(|line| line.contains(dir)).collect()
}

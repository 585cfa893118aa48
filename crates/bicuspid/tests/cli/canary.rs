//! Canaries: values that stand in every column and secrets that stand in every setting, searched for in every byte that
//! the program writes outside the target.

use std::path::Path;

use bicuspid_model::{Host, Password};
use bicuspid_sandbox::testing::{self, PostgresDatabase};

use crate::bench::{Bench, Ran};
use crate::generate::Demo;
use crate::serve::{PAGES, Pages};

/// Values of rows, one for each kind of column; nothing else in the test looks like them.
const TEXT: &str = "Canaria-Serinus";
const NOTE: &str = "canary note, long enough to be taken for a paragraph: Serinus canaria domestica";
const NUMBER: i64 = 739_184_625_017_384_926;
const KEY: i64 = 58_203_917_464_182;
const AMOUNT: &str = "73918.46257";
const DOUBLE: &str = "0.0739184625";
const DAY: &str = "1937-11-23";
const MOMENT: &str = "1941-02-17 03:14:15.926535";
const TIME: &str = "613:47:19";
const SECRET: &str = "Kanarienvogel-Hash";

/// The clinic: one table of every kind of column, one that will be held, one with the practice's own secrets.
fn clinic() -> String {
    format!(
        "SET SESSION sql_mode = '';
         CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(100), Note TEXT, Pic BLOB, Num BIGINT, Fee DECIMAL(14,5),
           Ratio DOUBLE, Birth DATE, Seen DATETIME(6), Stay TIME, Kind ENUM('{TEXT}-enum', 'b'), J JSON, Flags SET('{TEXT}-set'),
           Fixed CHAR(40), Bin VARBINARY(60)) ENGINE=MyISAM;
         INSERT INTO patient VALUES ({KEY}, '{TEXT}', '{NOTE}', '{TEXT}-blob', {NUMBER}, {AMOUNT}, {DOUBLE}, '{DAY}', '{MOMENT}', '{TIME}',
           '{TEXT}-enum', '{{\"k\": \"{TEXT}-json\"}}', '{TEXT}-set', '{TEXT}-fixed', '{TEXT}-bin'),
           ({KEY} + 1, '{TEXT}\0nul', '{NOTE}', NULL, {NUMBER} + 1, NULL, NULL, '0000-00-00', NULL, NULL, 'b', NULL, NULL, NULL, NULL);
         CREATE TABLE word (Name VARCHAR(60) PRIMARY KEY, Value VARCHAR(60)) ENGINE=InnoDB;
         INSERT INTO word VALUES ('{TEXT}-key', '{TEXT}-value'), ('{NOTE}', 'x');
         CREATE TABLE userod (UserNum BIGINT PRIMARY KEY, UserName VARCHAR(255), Password VARCHAR(255), PasswordSalt VARCHAR(255)) ENGINE=MyISAM;
         INSERT INTO userod VALUES (1, '{TEXT}', '{SECRET}', '{SECRET}');
         CREATE TABLE pile (id INT PRIMARY KEY, body MEDIUMBLOB) ENGINE=MyISAM"
    )
}

/// What must be nowhere, in the forms in which it could leak.
fn canaries(secrets: &[String]) -> Vec<Vec<u8>> {
    let mut list: Vec<Vec<u8>> = Vec::new();
    for text in [TEXT, "Serinus canaria", AMOUNT, DOUBLE, DAY, "1941-02-17", TIME, SECRET]
        .into_iter()
        .chain(secrets.iter().map(String::as_str))
    {
        let bytes = text.as_bytes();
        list.push(bytes.to_vec());
        list.push(bytes.iter().fold(String::new(), |hex, b| hex + &format!("{b:02x}")).into_bytes());
        // As base64 writes the text from its first byte on.
        list.push(base64(bytes.get(..bytes.len() / 3 * 3).unwrap()));
    }
    for number in [NUMBER, NUMBER + 1, KEY, KEY + 1] {
        list.push(number.to_string().into_bytes());
        list.push(number.to_be_bytes().to_vec());
        list.push(number.to_le_bytes().to_vec());
    }
    list
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sixes = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, &byte| bits << 8 | usize::from(byte));
        [18, 12, 6, 0].map(|shift| LETTERS[bits >> shift & 63])
    };
    bytes.chunks_exact(3).flat_map(sixes).collect()
}

/// One letter for each byte: the library's search for texts is quick even where the tests are not.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Every file below a folder but the settings, which hold secrets because a person put them there.
fn files(folder: &Path, list: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, list);
        } else if !name.starts_with(".env_") && !name.ends_with(".password") {
            list.push(path);
        }
    }
}

struct Cage {
    bench: Bench,
    canaries: Vec<Vec<u8>>,
}

impl Cage {
    fn search(&self, bytes: &[u8], place: &str) {
        let text = latin(bytes);
        for canary in &self.canaries {
            assert!(!text.contains(&latin(canary)), "{:?} is in {place}", String::from_utf8_lossy(canary));
        }
    }

    /// Everything that the program wrote so far, and what this run showed.
    fn search_all(&self, ran: &Ran, what: &str) {
        self.search(ran.stdout.as_bytes(), &format!("the output of {what}"));
        self.search(ran.stderr.as_bytes(), &format!("the messages of {what}"));
        let mut list = Vec::new();
        files(&self.bench.path(""), &mut list);
        for path in list {
            self.search(
                &std::fs::read(&path).unwrap_or_default(),
                &format!("{} after {what}", path.display()),
            );
        }
    }

    /// Runs plainly, with `--json`, and on a terminal with its progress bars; all of it is searched.
    fn run(&self, args: &[&str], code: i32) -> Ran {
        let mut last = None;
        let json = [args, &["--json"]].concat();
        for args in [args, &json] {
            let ran = self.bench.run(args);
            assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
            self.search_all(&ran, &format!("{args:?}"));
            last = Some(ran);
        }
        #[cfg(target_os = "linux")]
        self.search_all(&self.bench.run_on_terminal(args, "no\n"), &format!("{args:?} on a terminal"));
        last.unwrap()
    }
}

fn password(database: &PostgresDatabase) -> String {
    let Password::Given(secret) = &database.endpoint.password else { panic!("a test with a password") };
    secret.reveal().to_owned()
}

/// A folder whose passwords are canaries too, one of them in a file of its own.
fn cage() -> (Cage, testing::MariaDbDatabase, PostgresDatabase) {
    let (bench, source, target) = Bench::fresh();
    source.admin(&clinic());
    let Password::Given(secret) = &source.endpoint.password else { panic!("a test with a password") };
    let secrets = [secret.reveal().to_owned(), password(&target)];
    bench.private("target.password", &format!("{}\n", secrets[1]));
    let text = bench.read(".env_test");
    bench.private(
        ".env_test",
        &text.replace(
            &format!("TEST_TARGET_DB_PASSWORD={}", secrets[1]),
            "TEST_TARGET_DB_PASSWORD_FILE=target.password",
        ),
    );
    let canaries = canaries(&secrets);
    (Cage { bench, canaries }, source, target)
}

#[test]
fn the_search_finds_what_is_there() {
    let cage = Cage { bench: Bench::new(), canaries: canaries(&["hunter2".to_owned()]) };
    let clean = Ran { code: 0, stdout: String::new(), stderr: String::new() };
    cage.search_all(&clean, "nothing");
    for leak in [format!("x{KEY}y"), NOTE.to_owned(), "hunter2".to_owned(), "Q2FuYXJpYS1TZXJpbnVz".to_owned()]
    {
        cage.bench.write("leak", &leak);
        let found =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cage.search_all(&clean, "a leak")));
        assert!(found.is_err(), "{leak}");
    }
}

#[test]
fn no_value_and_no_secret_leaves_for_anywhere_but_the_target() {
    let (cage, source, target) = cage();
    let name = target.name().to_owned();
    cage.run(&["check", "--env", "test"], 0);
    cage.run(&["plan", "--env", "test"], 0);
    cage.run(&["grants", "--env", "test"], 0);
    cage.run(&["sync", "--env", "test"], 0);
    let there = target.query(&format!("SELECT count(*) FROM raw.patient WHERE \"LName\" = '{TEXT}'"));
    assert_eq!(there, [[Some("1".to_owned())]], "the canaries did arrive");
    assert_eq!(target.query("SELECT \"Password\" FROM raw.userod"), [[None]]);
    cage.run(&["verify", "--env", "test"], 0);
    cage.run(&["status", "--env", "test"], 0);
    cage.run(&["enroll", "--env", "test"], 0);

    cage.run(&["report", "--no-open"], 0);
    cage.run(&["status", "--env", "test", "--metrics", "metrics"], 0);
    let pages = Pages::of(&cage.bench, &["--env", "test"]);
    for path in PAGES {
        let page = pages.page(path);
        assert!(page.contains("test") || path == "/practice", "{path} has something to show");
        cage.search(page.as_bytes(), path);
    }
    drop(pages);

    // Differences of every kind, seen by verify and written by sync.
    source.admin(&format!(
        "UPDATE patient SET Note = '{NOTE} again' WHERE PatNum = {KEY};
         INSERT INTO word SELECT CONCAT('{TEXT}-', seq), '{TEXT}' FROM seq_1_to_40; DELETE FROM word WHERE Value = 'x'"
    ));
    cage.run(&["verify", "--env", "test"], 1);
    let sync = ["sync", "--env", "test"];
    cage.run(&sync, 0);
    source.admin(&format!("DELETE FROM word WHERE Value = '{TEXT}'"));
    cage.run(&sync, 1);
    cage.run(&[&sync[..], &["--accept-shrink", "word", "--confirm", &name]].concat(), 0);
    cage.run(&[&sync[..], &["--full", "--confirm", "other"]].concat(), 3);

    // The target's own messages quote rows: a key that is taken, a rule that a row breaks, a type that is too narrow.
    for (make, undo) in [
        (
            format!("ALTER TABLE raw.patient ADD CONSTRAINT c CHECK (\"LName\" <> '{TEXT}-refused')"),
            "ALTER TABLE raw.patient DROP CONSTRAINT c".to_owned(),
        ),
        (
            "CREATE UNIQUE INDEX one ON raw.patient ((\"Birth\" IS NULL))".to_owned(),
            "DROP INDEX raw.one".to_owned(),
        ),
    ] {
        target.admin(&make);
        source.admin(&format!(
            "INSERT INTO patient (PatNum, LName, Num) VALUES ({KEY} + 2, '{TEXT}-refused', {NUMBER})"
        ));
        let ran = cage.bench.run(&sync);
        assert_ne!(ran.code, 0, "{make}: {}", ran.stdout);
        cage.search_all(&ran, &make);
        let ran = cage.bench.run(&[&sync[..], &["--json"]].concat());
        cage.search_all(&ran, &make);
        target.admin(&undo);
        cage.run(&sync, 0);
        source.admin(&format!("DELETE FROM patient WHERE PatNum = {KEY} + 2"));
        cage.run(&sync, 0);
    }

    // Accounts that are refused, databases that are not there, a database that is another one.
    let settings = cage.bench.read(".env_test");
    for (variable, value) in [
        ("TEST_SOURCE_DB_READONLY_PASSWORD", "nonsense"),
        ("TEST_SOURCE_DB_NAME", "nowhere"),
        ("TEST_SOURCE_DB_PORT", "1"),
        ("TEST_TARGET_DB_NAME", "nowhere"),
        ("TEST_TARGET_DB_PORT", "1"),
        ("TEST_TARGET_DB_USER", "nobody"),
        ("TEST_TARGET_DB_PASSWORD_FILE", "missing.password"),
        ("TEST_SOURCE_DB_HOST", "a,b"),
    ] {
        cage.bench.edit(".env_test", variable, value);
        for command in ["check", "sync"] {
            let ran = cage.bench.run(&[command, "--env", "test"]);
            assert_ne!(ran.code, 0, "{variable}");
            cage.search_all(&ran, variable);
        }
        cage.bench.private(".env_test", &settings);
    }
    // A line that cannot be read may be a password.
    let Password::Given(secret) = &source.endpoint.password else { panic!() };
    for line in [
        secret.reveal().to_owned(),
        format!("X='{}", secret.reveal()),
        format!("TEST_SOURCE_DB_PASWORD={}", secret.reveal()),
    ] {
        cage.bench.private(".env_test", &format!("{settings}{line}\n"));
        cage.run(&["check", "--env", "test"], 2);
    }
    cage.bench.private(".env_test", &settings);
    target.admin("UPDATE bicuspid.identity SET database_oid = 1");
    cage.run(&["sync", "--env", "test"], 3);
    cage.run(&["audit"], 0);
    cage.run(&["audit", "--verify"], 0);
}

#[test]
fn the_demo_shows_no_row_of_a_stranger_and_no_password() {
    let server = testing::servers().postgres();
    let demo = server.named_database("canary_demo", "canary_user");
    let Host::Tcp { port, .. } = &demo.endpoint.host else { panic!("a test over TCP") };
    let bench = Bench::new();
    let secret = password(&demo);
    let cage = Cage { bench, canaries: canaries(std::slice::from_ref(&secret)) };
    // Its password is a canary, and it has the wrong name on purpose: the database is a constant.
    cage.bench.private(
        ".env_demo",
        &format!(
            "DEMO_POSTGRES_HOST=127.0.0.1\nDEMO_POSTGRES_PORT={port}\nDEMO_POSTGRES_USER=canary_user\n\
             DEMO_POSTGRES_PASSWORD={secret}\nBICUSPID_STATE_DIR=state\n"
        ),
    );
    for command in [
        &["check", "--env", "demo"][..],
        &["generate", "--patients", "20", "--yes"],
        &["status", "--env", "demo"],
    ] {
        let ran = cage.bench.run(command);
        cage.search_all(&ran, &format!("{command:?}"));
    }
    let generate = ["generate", "--patients", "20", "--yes", "--password-stdin", "--db-user", "canary_user"];
    let ran = cage.bench.run_with_input(&generate, &format!("{secret}\n"));
    cage.search_all(&ran, "a password on standard input");
    cage.run(&["audit"], 0);
}

/// A practice that is really written: nobody's password is in anything but the settings, however it was given.
#[test]
fn a_generation_shows_no_password_of_anybody() {
    let demo = Demo::new();
    let secret = demo.password().to_owned();
    // What a shell of the clinic may hold besides; it has no say here, and none of it is told.
    let around = [
        ("SOURCE_DB_READONLY_PASSWORD", "Canaria-of-the-clinic"),
        ("OPENDENTAL_SOURCE_PASSWORD", "Canaria-of-the-clinic"),
        ("TARGET_DB_PASSWORD", "Canaria-of-the-copy"),
        ("TEST_TARGET_DB_PASSWORD", "Canaria-of-the-test"),
        ("PGPASSWORD", "Canaria-of-another-client"),
        ("MYSQL_PWD", "Canaria-of-a-third"),
    ];
    let secrets: Vec<String> =
        around.iter().map(|(_, value)| (*value).to_owned()).chain([secret.clone()]).collect();
    let cage = Cage { bench: Bench::new(), canaries: canaries(&secrets) };
    let inside = demo.env_file();
    cage.bench.private(".env_demo", &inside);
    let generate = ["generate", "--patients", "20", "--end-date", "2026-01-05", "--yes"];
    let patients = || demo.cell("SELECT count(*) FROM raw.patient");
    cage.run(&["enroll", "--env", "demo"], 0);
    cage.run(&generate, 0);
    assert_eq!(patients().as_deref(), Some("20"), "it did write");
    for command in [
        &["generate", "--check", "--report", "quality.html"][..],
        &["generate", "--explain", "patient", "7"],
        &["check", "--env", "demo"],
        &["status", "--env", "demo"],
        &["grants", "--env", "demo"],
    ] {
        cage.run(command, 0);
    }
    assert!(cage.bench.path("quality.html").exists());
    // Each way in which the password may come, with the others' around.
    let bare = inside.replace(&format!("DEMO_POSTGRES_PASSWORD={secret}\n"), "");
    assert_ne!(bare, inside);
    cage.bench.private("demo.password", &format!("{secret}\n"));
    cage.bench.private("stranger.password", "Canaria-of-the-copy\n");
    for (settings, more, input, code) in [
        (inside.clone(), &[][..], "", 0),
        (format!("{bare}DEMO_POSTGRES_PASSWORD_FILE=demo.password\n"), &[], "", 0),
        (bare.clone(), &["--password-stdin"], secret.as_str(), 0),
        (bare.clone(), &["--password-stdin"], "Canaria-of-the-copy", 4),
        (format!("{bare}DEMO_POSTGRES_PASSWORD_FILE=stranger.password\n"), &[], "", 4),
        (format!("{inside}{secret}\n"), &[], "", 2),
    ] {
        cage.bench.private(".env_demo", &settings);
        for json in [&[][..], &["--json"]] {
            let args = [&generate[..], more, json].concat();
            let mut command = cage.bench.command(&args);
            command.envs(around).stdin(std::process::Stdio::piped());
            let mut child = command.spawn().unwrap();
            // A program that does not read closes its end; that is no failure of the test.
            let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
            let ran = cage.bench.ended(child);
            assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
            cage.search_all(&ran, &format!("{args:?}"));
        }
    }
    assert_eq!(patients().as_deref(), Some("20"));
    cage.bench.private(".env_demo", &inside);
    cage.run(&["audit"], 0);
    cage.run(&["audit", "--verify"], 0);
}

/// A run that is killed while rows wait on disk leaves noise.
#[cfg(target_os = "linux")]
#[test]
fn what_a_killed_run_leaves_on_disk_is_noise() {
    use std::time::Duration;
    let (cage, source, target) = cage();
    source.admin(&format!("INSERT INTO pile SELECT seq, REPEAT('{NOTE} ', 60 + seq % 5) FROM seq_1_to_6000"));
    cage.bench.write("bicuspid.toml", "staging_memory_mb = 1\n");
    let mut child = cage.bench.command(&["sync", "--env", "test"]).spawn().unwrap();
    let pid = child.id();
    let limit = Duration::from_mins(1);
    let mut backend = String::new();
    // The server stops taking rows in the middle of a table, so that they must wait on this side.
    let caught = testing::wait_until(limit, || {
        let rows = testing::servers().postgres_query(
            "postgres",
            &format!(
                "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'COPY%pile%'",
                target.name()
            ),
        );
        backend = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        !backend.is_empty()
    });
    assert!(caught, "the table was never loaded");
    let signal = |name: &str, pid: &str| {
        assert!(std::process::Command::new("kill").args(["-s", name, pid]).status().unwrap().success());
    };
    signal("STOP", &backend);
    let staged = || {
        let mut list = Vec::new();
        files(&cage.bench.path("state/staging"), &mut list);
        list.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum::<u64>()
    };
    let spilled = testing::wait_until(limit, || staged() > 100_000);
    // What others can see of the process while it works.
    for name in ["cmdline", "environ", "comm"] {
        // The second is closed even to the user's own other programs.
        cage.search(&std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default(), name);
    }
    signal("KILL", &pid.to_string());
    child.wait().unwrap();
    signal("CONT", &backend);
    assert!(spilled, "nothing was spilled");
    assert!(staged() > 100_000, "the files are still there");
    let killed = Ran { code: -1, stdout: String::new(), stderr: String::new() };
    cage.search_all(&killed, "a kill");
    let ran = cage.bench.run(&["audit"]);
    cage.search_all(&ran, "audit after a kill");
    assert!(ran.stdout.contains("a run on"), "{}", ran.stdout);
    assert_eq!(cage.bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(staged(), 0, "the leftovers are gone");
}

/// A program that crashes leaves no image of its memory, even where the system is told to keep one.
#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_image_of_the_memory() {
    use std::os::unix::process::ExitStatusExt as _;
    let bench = Bench::new();
    // A server that takes connections and never answers holds the program while the signal is on its way.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    bench.private(
        ".env_demo",
        &format!("DEMO_POSTGRES_HOST=127.0.0.1\nDEMO_POSTGRES_PORT={port}\nDEMO_POSTGRES_USER=u\nDEMO_POSTGRES_PASSWORD=hunter2\nBICUSPID_STATE_DIR=state\n"),
    );
    let crash = |command: &str| {
        let script = format!("ulimit -c unlimited; exec {command}");
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &script]).current_dir(bench.path(""));
        shell.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = shell.spawn().unwrap();
        let mut held = None;
        if command.starts_with("sleep") {
            // Its name changes when the shell has become it.
            let comm = format!("/proc/{}/comm", child.id());
            assert!(testing::wait_until(std::time::Duration::from_secs(30), || {
                std::fs::read_to_string(&comm).is_ok_and(|name| name.trim() == "sleep")
            }));
        } else {
            // Kept open until the program is gone.
            held = Some(silent.accept().unwrap());
        }
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "ABRT", &pid]).status().unwrap().success());
        let status = child.wait().unwrap();
        drop(held);
        status
    };
    if !crash("sleep 60").core_dumped() {
        eprintln!("NOT RUN: no image after a crash (this system keeps none of any program)");
        return;
    }
    let status = crash(&format!("{} check --env demo", env!("CARGO_BIN_EXE_bicuspid")));
    assert!(!status.core_dumped(), "{status}");
    assert_eq!(status.signal(), Some(6), "it did crash");
}

//! The demo: filled by `generate`, asked for, refused to everything else, and made of the same tables as a copy.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bicuspid_model::{Host, Password};
use bicuspid_opendental::{Engine, facts, mysql_ddl};
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, PostgresDatabase, PostgresServer};

use crate::bench::Bench;

/// A server of its own, for the demo database has one name and other tests have one too.
static SERVER: OnceLock<PostgresServer> = OnceLock::new();
static TURN: Mutex<u32> = Mutex::new(0);

/// The demo's database on a server of its own, made anew, and a folder with its settings.
pub(crate) struct Demo {
    pub(crate) bench: Bench,
    pub(crate) database: PostgresDatabase,
    _turn: MutexGuard<'static, u32>,
}

impl Demo {
    pub(crate) fn new() -> Self {
        let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        *turn += 1;
        let server = SERVER
            .get_or_init(|| PostgresServer::start(PostgresOptions { durable: false, settings: Vec::new() }));
        server.admin("postgres", "DROP DATABASE IF EXISTS opendental_demo WITH (FORCE)");
        let database = server.named_database("opendental_demo", &format!("demo_user_{turn}"));
        let bench = Bench::new();
        let demo = Self { bench, database, _turn: turn };
        demo.bench.private(".env_demo", &demo.env_file());
        demo
    }

    pub(crate) fn env_file(&self) -> String {
        let Host::Tcp { host, port } = &self.database.endpoint.host else { panic!("a test over TCP") };
        format!(
            "DEMO_POSTGRES_HOST={host}\nDEMO_POSTGRES_PORT={port}\nDEMO_POSTGRES_USER={}\n\
             DEMO_POSTGRES_PASSWORD={}\nBICUSPID_STATE_DIR=state\n",
            self.database.endpoint.user,
            self.password()
        )
    }

    pub(crate) fn password(&self) -> &str {
        let Password::Given(secret) = &self.database.endpoint.password else {
            panic!("a test with a password")
        };
        secret.reveal()
    }

    pub(crate) fn cell(&self, sql: &str) -> Option<String> {
        self.database.query(sql).into_iter().next().and_then(|row| row.into_iter().next()).flatten()
    }

    /// Whether nothing of ours is there.
    fn is_untouched(&self) -> bool {
        self.database
            .query("SELECT 1 FROM pg_class WHERE relnamespace IN ('raw'::regnamespace, 'bicuspid'::regnamespace)")
            .is_empty()
    }
}

const GENERATE: [&str; 7] = ["generate", "--patients", "20", "--seed", "3", "--end-date", "2026-01-05"];

#[test]
fn it_asks_and_says_where_its_settings_come_from() {
    let demo = Demo::new();
    let bench = &demo.bench;
    let unattended = bench.run(&GENERATE);
    assert_eq!(unattended.code, 3, "{}", unattended.stderr);
    assert!(unattended.stderr.contains("refused[consent::unattended]"), "{}", unattended.stderr);
    assert_eq!(bench.run_with_input(&GENERATE, "yes\n").code, 3, "a pipe is no answer");
    let dry = bench.json(&[&GENERATE[..], &["--dry-run"]].concat());
    assert!(demo.is_untouched());
    let done = bench.run(&[&GENERATE[..], &["--yes"]].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let Host::Tcp { port, .. } = &demo.database.endpoint.host else { panic!() };
    let user = &demo.database.endpoint.user;
    let cluster = demo.cell("SELECT system_identifier FROM pg_control_system()").unwrap();
    let oid = demo.cell("SELECT oid FROM pg_database WHERE datname = current_database()").unwrap();
    for told in [
        "Loading configuration from .env_demo",
        "Environment demo: fake patients only",
        "Target database: opendental_demo\n",
        &format!("  host 127.0.0.1, port {port}, user {user}\n"),
        &format!(", cluster {cluster}, database oid {oid}\n"),
    ] {
        assert!(done.stderr.contains(told), "{}", done.stderr);
    }
    assert!(done.stdout.contains("No other database was connected to"), "{}", done.stdout);
    assert_eq!(demo.cell("SELECT count(*) FROM raw.patient").unwrap(), "20");
    // A person may answer, with yes in full.
    #[cfg(target_os = "linux")]
    {
        assert_eq!(bench.run_on_terminal(&GENERATE, "y\n").code, 3);
        assert_eq!(bench.run_on_terminal(&GENERATE, "yes\n").code, 0);
        assert_eq!(demo.cell("SELECT count(*) FROM bicuspid.generation").unwrap(), "2");
    }
    let again = bench.json(&[&GENERATE[..], &["--yes"]].concat());
    for field in ["target", "patients", "seed", "start_date", "end_date", "tables", "rows"] {
        assert_eq!(again[field], dry[field], "{field}");
    }
    assert_eq!(again["rows_replaced"], dry["rows"]);
    assert_eq!((&dry["dry_run"], &again["start_date"]), (&true.into(), &"2023-01-05".into()));
    assert_eq!(again["target"]["database"], "opendental_demo");
}

#[test]
fn flags_override_the_file_and_no_flag_names_another_database() {
    let demo = Demo::new();
    let bench = &demo.bench;
    bench.edit(".env_demo", "DEMO_POSTGRES_PASSWORD", "not-the-password");
    bench.edit(".env_demo", "DEMO_POSTGRES_PORT", "1");
    bench.edit(".env_demo", "DEMO_POSTGRES_USER", "nobody");
    let Host::Tcp { port, .. } = &demo.database.endpoint.host else { panic!() };
    let port = port.to_string();
    let user = demo.database.endpoint.user.as_str();
    let flags = ["--db-host", "127.0.0.1", "--db-port", &port, "--db-user", user, "--yes"];
    let wrong = [&GENERATE[..], &flags].concat();
    assert_eq!(bench.json(&wrong)["errors"][0]["code"], "target::login");
    let right = [&wrong[..], &["--password-stdin", "--db-name", "opendental_demo"]].concat();
    let empty = bench.run_with_input(&right, "\n");
    assert_eq!(empty.code, 2, "{}", empty.stderr);
    let done = bench.run_with_input(&right, &format!("{}\n", demo.password()));
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stderr.contains(demo.password()) && !done.stdout.contains(demo.password()));
    for name in
        ["opendental_analytics", "Opendental_demo", "opendental_demo ", "", "host=x dbname=opendental_demo"]
    {
        let refused = bench.json(&[&GENERATE[..], &["--yes", "--db-name", name]].concat());
        assert_eq!(refused["errors"][0]["code"], "identity::demo_name", "{name}");
        assert_eq!(refused["exit_code"], 3, "{name}");
    }
    // A host of another machine is reached with TLS or not at all, although the file's own host was this one.
    let far = bench.json(&[&GENERATE[..], &["--yes", "--db-host", "demo.invalid"]].concat());
    assert_eq!(far["exit_code"], 4, "{far}");
}

#[test]
fn variables_of_others_have_no_say() {
    let demo = Demo::new();
    let bench = &demo.bench;
    for (line, code) in [
        ("POSTGRES_ANALYTICS_HOST=127.0.0.1", "settings::foreign_key"),
        ("SOURCE_DB_HOST=127.0.0.1", "settings::foreign_key"),
        ("DEMO_POSTGRES_DB=opendental_analytics", "settings::demo_database"),
    ] {
        bench.private(".env_demo", &format!("{}{line}\n", demo.env_file()));
        let refused = bench.json(&[&GENERATE[..], &["--yes"]].concat());
        assert_eq!(
            (&refused["errors"][0]["code"], &refused["exit_code"]),
            (&code.into(), &3.into()),
            "{line}"
        );
    }
    assert!(demo.is_untouched());
    bench.private(".env_demo", &format!("{}DEMO_POSTGRES_DB=opendental_demo\n", demo.env_file()));
    let mut command = bench.command(&[&GENERATE[..], &["--yes"]].concat());
    // Nothing listens there; whoever obeyed these would fail.
    for (name, value) in [
        ("PGHOST", "pg.invalid"),
        ("PGPORT", "1"),
        ("PGDATABASE", "opendental_analytics"),
        ("PGUSER", "postgres"),
        ("PGSERVICE", "clinic"),
        ("PGPASSFILE", "/nowhere"),
        ("PGOPTIONS", "-c default_transaction_read_only=on"),
        ("DATABASE_URL", "postgres://pg.invalid/opendental_analytics"),
        ("POSTGRES_ANALYTICS_HOST", "pg.invalid"),
        ("TARGET_DB_NAME", "opendental_analytics"),
        ("ETL_ENVIRONMENT", "clinic"),
        ("ENVIRONMENT", "production"),
    ] {
        command.env(name, value);
    }
    let done = bench.ended(command.spawn().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("ignored, for they have no say over the demo"), "{}", done.stderr);
    assert!(done.stderr.contains("POSTGRES_ANALYTICS_HOST"), "{}", done.stderr);
    assert_eq!(demo.cell("SELECT count(*) FROM raw.patient").unwrap(), "20");
}

#[cfg(unix)]
#[test]
fn an_interrupt_or_a_kill_leaves_nothing_and_the_next_run_goes_on() {
    use std::io::{BufRead as _, BufReader};
    let demo = Demo::new();
    for name in ["INT", "KILL"] {
        let many = ["generate", "--patients", "5000", "--end-date", "2026-01-05", "--yes"];
        let mut child = demo.bench.command(&many).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Writing") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the run ended before it wrote anything");
        }
        child.stderr = Some(lines.into_inner());
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
        let ran = demo.bench.ended(child);
        assert_eq!(ran.code, if name == "INT" { 130 } else { -1 }, "{}", ran.stderr);
        // The server notices by itself, and rolls back.
        assert!(demo.is_untouched());
    }
    assert_eq!(demo.bench.run(&[&GENERATE[..], &["--yes"]].concat()).code, 0);
    assert_eq!(demo.cell("SELECT count(*) FROM raw.patient").unwrap(), "20");
}

#[test]
fn no_other_database_of_the_server_is_connected_to() {
    let demo = Demo::new();
    let server = SERVER.get().unwrap();
    let user = &demo.database.endpoint.user;
    for name in ["opendental_analytics", user] {
        server.admin("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        server.admin("postgres", &format!("CREATE DATABASE {name} OWNER {user}"));
    }
    let sessions = format!(
        "SELECT datname, sessions FROM pg_stat_database WHERE datname IN ('opendental_analytics', '{user}') ORDER BY 1"
    );
    assert_eq!(demo.bench.run(&[&GENERATE[..], &["--yes"]].concat()).code, 0);
    let counted = |name: &str| vec![Some(name.to_owned()), Some("0".to_owned())];
    assert_eq!(server.query("postgres", &sessions), [counted(user), counted("opendental_analytics")]);
    // The figure can tell: one connection is one session, once the server has counted it.
    server.admin("opendental_analytics", "SELECT 1");
    let told = testing::wait_until(std::time::Duration::from_secs(30), || {
        server.query("postgres", &sessions).last().and_then(|row| row[1].clone()) == Some("1".to_owned())
    });
    assert!(told);
}

#[test]
fn what_this_machine_remembers_is_compared() {
    let demo = Demo::new();
    let bench = &demo.bench;
    assert_eq!(bench.run(&[&GENERATE[..], &["--yes"]].concat()).code, 0);
    let audit = bench.json(&["audit"]);
    let entries = audit["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "intent and result: {audit}");
    let known = bench.read("state/known_databases.json");
    assert!(known.contains("\"environment\": \"demo\"") && known.contains("opendental_demo"), "{known}");
    // Another database of the same name at the same place.
    let oid = demo.cell("SELECT oid FROM pg_database WHERE datname = current_database()").unwrap();
    bench.private("state/known_databases.json", &known.replace(&format!("\"oid\": {oid}"), "\"oid\": 1"));
    let refused = bench.json(&[&GENERATE[..], &["--yes"]].concat());
    assert_eq!((&refused["errors"][0]["code"], &refused["exit_code"]), (&"identity::oid".into(), &3.into()));
    assert_eq!(demo.cell("SELECT count(*) FROM bicuspid.generation").unwrap(), "1");
}

#[test]
fn the_practice_is_measured_after_a_run_and_at_any_time() {
    let demo = Demo::new();
    let bench = &demo.bench;
    let nothing = bench.run(&["generate", "--check"]);
    assert_eq!(nothing.code, 2, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("error[generate::nothing_there]"), "{}", nothing.stderr);
    let done = bench.run(&[&GENERATE[..], &["--yes", "--report", "quality.html"]].concat());
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("Quality: ") && done.stdout.contains(" rules, "), "{}", done.stdout);
    let page = bench.read("quality.html");
    assert!(
        page.contains("20 patients") && page.contains("<td>M17-splits</td>") && page.contains("<td>P4</td>")
    );
    let verdict = |told: &serde_json::Value| {
        let rows = told["quality"].as_array().unwrap();
        rows.iter().find(|row| row["id"] == "X1").unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    let checked = bench.json(&["generate", "--check"]);
    assert_eq!((verdict(&checked).as_str(), &checked["patients"]), ("holds", &20.into()), "{checked}");
    assert!(checked["quality"].as_array().unwrap().len() > 100);
    // A rule that is broken is told by the exit code.
    demo.database.admin("UPDATE raw.patient SET \"HmPhone\" = '(503)222-1234' WHERE \"PatNum\" = 7");
    let found = bench.run(&["generate", "--check"]);
    assert_eq!(found.code, 1, "{}", found.stderr);
    assert!(
        found.stdout.contains("X1 Telephone numbers that somebody could have: patient 1 of "),
        "{}",
        found.stdout
    );
    assert_eq!(verdict(&bench.json(&["generate", "--check"])), "broken");
    assert!(!found.stdout.contains("222-1234") && !found.stderr.contains("222-1234"));
    // A page of somebody else is not overwritten.
    bench.write("mine.html", "<!DOCTYPE html><p>mine");
    let refused = bench.run(&["generate", "--check", "--report", "mine.html"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert_eq!(bench.read("mine.html"), "<!DOCTYPE html><p>mine");
}

#[test]
fn a_life_is_told() {
    let demo = Demo::new();
    let bench = &demo.bench;
    assert_eq!(bench.run(&[&GENERATE[..], &["--yes"]].concat()).code, 0);
    let told = bench.run(&["generate", "--explain", "patient", "7"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    for word in ["Born: ", "File opened: ", "Patient 7 (nobody real) left ", "patient 7"] {
        assert!(told.stdout.contains(word), "{word}: {}", told.stdout);
    }
    let json = bench.json(&["generate", "--explain", "patient", "7"]);
    assert_eq!(json["patient"], 7);
    assert!(json["events"].as_array().unwrap().len() > 2);
    assert_eq!(bench.run(&["generate", "--explain", "patient", "999"]).code, 2);
    assert_eq!(bench.run(&["generate", "--explain", "claim", "7"]).code, 2);
}

/// Everything that defines the tables of `raw`, one line for each column and each key.
fn definitions(database: &PostgresDatabase) -> Vec<String> {
    database
        .query(
            "SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable, column_default, \
             character_maximum_length, numeric_precision, numeric_scale, datetime_precision, interval_type) \
             FROM information_schema.columns WHERE table_schema = 'raw' AND column_name <> 'id' \
             UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, contype, pg_get_constraintdef(oid)) \
             FROM pg_constraint WHERE connamespace = 'raw'::regnamespace \
             UNION ALL SELECT concat_ws(' ', schemaname, tablename, indexname, indexdef) \
             FROM pg_indexes WHERE schemaname = 'raw' ORDER BY 1",
        )
        .into_iter()
        .map(|row| row[0].clone().unwrap())
        .collect()
}

#[test]
fn a_generated_database_has_the_same_tables_as_a_copy() {
    let demo = Demo::new();
    let source = testing::servers().mariadb_database("stock");
    let mut statements = "SET SESSION sql_mode = '';".to_owned();
    for table in facts().tables().iter().filter(|table| table.stock) {
        statements.push_str(&mysql_ddl(table, Engine::MyIsam));
        statements.push(';');
    }
    source.admin(&statements);
    let target = testing::servers().postgres_database("copy");
    let copied = Bench::with(&source.endpoint, &target.endpoint).run(&["sync", "--env", "test"]);
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    assert_eq!(demo.bench.run(&[&GENERATE[..], &["--yes"]].concat()).code, 0);
    let (copied, generated) = (definitions(&target), definitions(&demo.database));
    assert!(copied.len() > 5_000, "{}", copied.len());
    for (copied, generated) in copied.iter().zip(&generated) {
        assert_eq!(copied, generated);
    }
    assert_eq!(copied.len(), generated.len());
}

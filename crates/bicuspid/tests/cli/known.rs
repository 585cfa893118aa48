//! Known databases: whatever stands in the place of the right one is refused with exit 3, and the right one passes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bicuspid_model::{Endpoint, Host, Password};
use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbServer, PostgresDatabase, PostgresServer};
use serde_json::Value;

use crate::bench::Bench;

const TABLE: &str =
    "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (1), (2)";

const GENERATE: [&str; 6] = ["generate", "--patients", "20", "--end-date", "2026-01-05", "--yes"];

/// A second server, whose databases have names that tests choose.
fn other_server() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(|| PostgresServer::start(PostgresOptions { durable: false, settings: Vec::new() }))
}

/// The tests that use the one name of the demo database take turns on that server.
static DEMO: Mutex<()> = Mutex::new(());

fn demo_turn() -> std::sync::MutexGuard<'static, ()> {
    let turn = DEMO.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    other_server().admin("postgres", "DROP DATABASE IF EXISTS opendental_demo WITH (FORCE)");
    turn
}

/// A tunnel: one port here, which leads to a port that may change.
struct Tunnel {
    port: u16,
    to: Arc<AtomicU16>,
}

impl Tunnel {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let tunnel = Self { port: listener.local_addr().unwrap().port(), to: Arc::new(AtomicU16::new(port)) };
        let to = Arc::clone(&tunnel.to);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))) else { continue };
                for (mut from, mut into) in
                    [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    std::thread::spawn(move || {
                        let mut bytes = [0_u8; 8192];
                        while let Ok(n @ 1..) = from.read(&mut bytes) {
                            if into.write_all(&bytes[..n]).is_err() {
                                break;
                            }
                        }
                        let _ = into.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        tunnel
    }

    fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }
}

fn port(endpoint: &Endpoint) -> u16 {
    let Host::Tcp { port, .. } = &endpoint.host else { panic!("a test over TCP") };
    *port
}

fn secret(endpoint: &Endpoint) -> String {
    let Password::Given(secret) = &endpoint.password else { panic!("a test with a password") };
    secret.reveal().to_owned()
}

/// The first code and the exit code.
fn told(json: &Value) -> (String, i64) {
    (json["errors"][0]["code"].as_str().unwrap_or_default().to_owned(), json["exit_code"].as_i64().unwrap())
}

fn is_empty(database: &PostgresDatabase) -> bool {
    database
        .query("SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('raw', 'bicuspid')")
        .is_empty()
}

fn demo_env_file(endpoint: &Endpoint) -> String {
    format!(
        "DEMO_POSTGRES_HOST=127.0.0.1\nDEMO_POSTGRES_PORT={}\nDEMO_POSTGRES_USER={}\nDEMO_POSTGRES_PASSWORD={}\n\
         BICUSPID_STATE_DIR=state\n",
        port(endpoint),
        endpoint.user,
        secret(endpoint)
    )
}

#[test]
fn a_swapped_tunnel_is_noticed() {
    let source = testing::servers().mariadb_database("clinic");
    source.admin(TABLE);
    let right = testing::servers().postgres_database("tunnel");
    // The same name, account and password on another server: all that settings can say is the same.
    let wrong = other_server().named_database(right.name(), &right.endpoint.user);
    other_server().admin(
        "postgres",
        &format!("ALTER ROLE {} PASSWORD '{}'", right.endpoint.user, secret(&right.endpoint)),
    );
    let tunnel = Tunnel::to(port(&right.endpoint));
    let through = Endpoint { host: Host::new("127.0.0.1", tunnel.port), ..right.endpoint.clone() };
    let bench = Bench::with(&source.endpoint, &through);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    tunnel.lead_to(port(&wrong.endpoint));
    // Whether its oid happens to be the same is chance; the cluster is another one.
    let check = bench.run(&["check", "--env", "test"]);
    assert!(check.stdout.contains("cluster identifier: expected"), "{}", check.stdout);
    assert!(check.stderr.contains("refused[identity::cluster]"), "{}", check.stderr);
    for command in ["sync", "check", "plan", "verify", "status"] {
        let json = bench.json(&[command, "--env", "test"]);
        assert_eq!(told(&json), ("identity::cluster".to_owned(), 3), "{command}");
    }
    assert_eq!(
        bench.json(&["enroll", "--env", "test"])["exit_code"],
        3,
        "a person must say that it is meant"
    );
    assert!(is_empty(&wrong));
    tunnel.lead_to(port(&right.endpoint));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn another_server_behind_the_sources_address_is_not_copied() {
    let right = testing::servers().mariadb_database("clinic");
    right.admin(TABLE);
    // The same database, account and password, with other patients: all that settings can say is the same.
    let other = MariaDbServer::start(testing::test_options());
    let (name, user, password) = (right.name(), &right.endpoint.user, secret(&right.endpoint));
    let pattern = name.replace('_', "\\_");
    other.admin(&format!(
        "CREATE DATABASE {name}; CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{password}';
         GRANT SELECT ON `{pattern}`.* TO {user}@'127.0.0.1'; USE {name};
         CREATE TABLE patient (PatNum BIGINT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO patient VALUES (3)"
    ));
    let target = testing::servers().postgres_database("source_tunnel");
    let tunnel = Tunnel::to(port(&right.endpoint));
    let through = Endpoint { host: Host::new("127.0.0.1", tunnel.port), ..right.endpoint.clone() };
    let bench = Bench::with(&through, &target.endpoint);
    let patients = || target.query("SELECT string_agg(\"PatNum\"::text, ',' ORDER BY 1) FROM raw.patient");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    tunnel.lead_to(other.port());
    for command in ["sync", "check", "plan", "verify"] {
        let json = bench.json(&[command, "--env", "test"]);
        assert_eq!(told(&json), ("identity::source_server".to_owned(), 3), "{command}");
    }
    assert_eq!(patients()[0][0].as_deref(), Some("1,2"));
    let unsaid = bench.json(&["enroll", "--env", "test"]);
    assert_eq!(told(&unsaid), ("consent::unattended".to_owned(), 3), "a person must say that it is meant");
    // Back at the right one nothing has to be said.
    tunnel.lead_to(port(&right.endpoint));
    assert_eq!(bench.json(&["enroll", "--env", "test"])["written"], false);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    // The clinic moved, and a person says so.
    tunnel.lead_to(other.port());
    assert_eq!(bench.json(&["enroll", "--env", "test", "--confirm", target.name()])["written"], true);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(patients()[0][0].as_deref(), Some("3"));
    tunnel.lead_to(port(&right.endpoint));
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])).1, 3, "now the old one is the stranger");
}

#[test]
fn a_restored_backup_is_not_copied_before_a_person_says_so() {
    let (bench, source, target) = Bench::fresh();
    let backup: String = ["patient", "claim", "procedurelog", "payment"]
        .map(|name| {
            format!(
                "DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (id BIGINT AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM;
                 INSERT INTO {name} VALUES (1), (2);"
            )
        })
        .concat();
    source.admin(&backup);
    let rows = |name: &str| {
        target.query(&format!("SELECT string_agg(id::text, ',' ORDER BY id) FROM raw.{name}"))[0][0]
            .clone()
            .unwrap()
    };
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    for name in ["patient", "claim", "procedurelog"] {
        source.admin(&format!("INSERT INTO {name} VALUES (NULL), (NULL)"));
    }
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    // Two tables that were emptied and filled again are an ordinary day.
    source.admin("TRUNCATE patient; INSERT INTO patient VALUES (NULL), (NULL); TRUNCATE claim; INSERT INTO claim VALUES (9)");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!((rows("patient"), rows("procedurelog")), ("1,2".to_owned(), "1,2,3,4".to_owned()));
    source.admin("INSERT INTO patient VALUES (NULL), (NULL)");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    source.admin(&backup);
    for command in ["sync", "check", "plan", "verify"] {
        let json = bench.json(&[command, "--env", "test"]);
        assert_eq!(told(&json), ("source::went_back".to_owned(), 3), "{command}");
    }
    assert_eq!((rows("patient"), rows("claim")), ("1,2,3,4".to_owned(), "9".to_owned()));
    let text = bench.run(&["sync", "--env", "test"]).stderr;
    assert!(text.contains("the next numbers of 3 tables are lower"), "{text}");
    assert!(text.contains("`bicuspid enroll --env test` accepts it"), "{text}");
    let unsaid = bench.json(&["enroll", "--env", "test"]);
    assert_eq!(told(&unsaid), ("consent::unattended".to_owned(), 3), "a person must say that it is meant");
    assert_eq!(bench.json(&["enroll", "--env", "test", "--confirm", target.name()])["written"], true);
    assert_eq!(bench.json(&["enroll", "--env", "test"])["written"], false);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!((rows("patient"), rows("claim")), ("1,2".to_owned(), "1,2".to_owned()));
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
}

#[test]
fn a_swapped_tunnel_of_the_demo_is_noticed() {
    let _turn = demo_turn();
    let right = other_server().named_database("opendental_demo", "tunnel_demo");
    let third = PostgresServer::start(PostgresOptions { durable: false, settings: Vec::new() });
    let wrong = third.named_database("opendental_demo", "tunnel_demo");
    third.admin("postgres", &format!("ALTER ROLE tunnel_demo PASSWORD '{}'", secret(&right.endpoint)));
    let tunnel = Tunnel::to(port(&right.endpoint));
    let bench = Bench::new();
    let through = Endpoint { host: Host::new("127.0.0.1", tunnel.port), ..right.endpoint.clone() };
    bench.private(".env_demo", &demo_env_file(&through));
    assert_eq!(bench.run(&GENERATE).code, 0);
    tunnel.lead_to(port(&wrong.endpoint));
    assert_eq!(told(&bench.json(&GENERATE)), ("identity::cluster".to_owned(), 3));
    assert!(is_empty(&wrong));
    tunnel.lead_to(port(&right.endpoint));
    assert_eq!(bench.run(&GENERATE).code, 0);
}

#[test]
fn a_copied_or_renamed_database_is_refused_wherever_it_is_met() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    let name = target.name();
    let admin = |sql: &str| testing::servers().postgres_admin("postgres", sql);
    let copy = format!("{name}_copy");
    admin(&format!("CREATE DATABASE {copy} TEMPLATE {name}"));
    admin(&format!("GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {copy} TO {}", target.endpoint.user));
    bench.edit(".env_test", "TEST_TARGET_DB_NAME", &copy);
    // This machine never met that name; the marker that came along gives it away. So it does on a fresh machine.
    for state in ["state", "another_machine"] {
        for command in [&["sync"][..], &["enroll", "--confirm", &copy]] {
            let json = bench.json(&[command, &["--env", "test", "--state-dir", state]].concat());
            assert_eq!(told(&json).1, 3, "{command:?}: {json}");
            let why = json["errors"][0]["why"].as_str().unwrap();
            assert!(
                why.contains("database oid: expected") && why.contains("database name: expected"),
                "{why}"
            );
        }
    }
    let runs = "SELECT count(*) FROM bicuspid.run";
    assert_eq!(testing::servers().postgres_query(&copy, runs), [[Some("1".to_owned())]]);
    // The copy takes the name of the first one: the same name in the same place, and not the same database.
    admin(&format!("ALTER DATABASE {name} RENAME TO {name}_old"));
    admin(&format!("ALTER DATABASE {copy} RENAME TO {name}"));
    bench.edit(".env_test", "TEST_TARGET_DB_NAME", name);
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])), ("identity::oid".to_owned(), 3));
    // The first one under another name.
    bench.edit(".env_test", "TEST_TARGET_DB_NAME", &format!("{name}_old"));
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])), ("identity::name".to_owned(), 3));
    admin(&format!("DROP DATABASE {name}"));
    admin(&format!("ALTER DATABASE {name}_old RENAME TO {name}"));
    bench.edit(".env_test", "TEST_TARGET_DB_NAME", name);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn real_data_under_the_name_of_the_demo_is_refused() {
    let _turn = demo_turn();
    let server = other_server();
    let source = testing::servers().mariadb_database("clinic");
    source.admin(TABLE);
    let copy = server.named_database("real_rows", "real_writer");
    let mut bench = Bench::new();
    bench.env_file(".env_clinic", "", &source.endpoint, &copy.endpoint, "ENVIRONMENT=development\n");
    bench.private(".env_demo", &demo_env_file(&copy.endpoint));
    assert_eq!(bench.run(&["sync", "--env", "clinic"]).code, 0);
    server.admin("postgres", "ALTER DATABASE real_rows RENAME TO opendental_demo");
    for flags in [&["--yes"][..], &["--yes", "--dry-run"]] {
        let json = bench.json(&[&GENERATE[..5], flags].concat());
        assert_eq!(told(&json), ("identity::environment".to_owned(), 3), "{flags:?}");
    }
    let enrol = ["enroll", "--env", "demo", "--confirm", "opendental_demo"];
    assert_eq!(told(&bench.json(&enrol)), ("identity::environment".to_owned(), 3));
    // Without its marker, or restored by somebody else's tool: the rows themselves speak.
    server.admin("opendental_demo", "DROP SCHEMA bicuspid CASCADE");
    let demo_codes: Vec<(String, i64)> = [&GENERATE[..], &enrol].map(|args| told(&bench.json(args))).into();
    for (code, exit) in demo_codes {
        // Its patient table has one column: it is not of the demo's shape even before its rows are counted.
        assert!(code == "demo::shape" || code == "demo::unaccounted_rows", "{code}");
        assert_eq!(exit, 3);
    }
    let rows = server.query("opendental_demo", "SELECT count(*) FROM raw.patient");
    assert_eq!(rows, [[Some("2".to_owned())]]);
}

#[test]
fn a_database_that_lost_its_marker_stays_what_this_machine_knows() {
    let source = testing::servers().mariadb_database("clinic");
    let target = testing::servers().postgres_database("analytics");
    source.admin(TABLE);
    let mut bench = Bench::new();
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "ENVIRONMENT=development\n");
    bench.env_file(".env_test", "TEST_", &source.endpoint, &target.endpoint, "");
    assert_eq!(bench.run(&["sync", "--env", "clinic"]).code, 0);
    target.admin("DROP SCHEMA bicuspid CASCADE; DROP SCHEMA raw CASCADE");
    for command in [&["sync"][..], &["enroll", "--confirm", target.name()]] {
        let json = bench.json(&[command, &["--env", "test"]].concat());
        assert_eq!(told(&json), ("identity::environment".to_owned(), 3), "{command:?}");
    }
    assert!(is_empty(&target));
    // For the clinic it is the known database without its marker, which a person may enrol again.
    assert_eq!(told(&bench.json(&["sync", "--env", "clinic"])), ("identity::marker".to_owned(), 3));
    assert_eq!(bench.json(&["enroll", "--env", "clinic"])["exit_code"], 0);
    assert_eq!(bench.run(&["sync", "--env", "clinic"]).code, 0);
}

#[test]
fn a_name_is_a_name_and_nothing_else() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    let name = target.name();
    let percent = name.replace('_', "%5f");
    let pieces = format!("host=127.0.0.1 dbname={name}");
    let address = format!("postgres://127.0.0.1/{name}");
    for other in [
        name.to_uppercase().as_str(),
        &format!("'{name} '"),
        &format!("' {name}'"),
        &format!("\"{name}\" "),
        &percent,
        &pieces,
        &address,
        &format!("{name};postgres"),
        &format!("{name},postgres"),
        &format!("{name}?host=elsewhere"),
        &format!("{name} options=-csearch_path=public"),
    ] {
        bench.edit(".env_test", "TEST_TARGET_DB_NAME", other);
        let expected = if other.trim() == format!("\"{name}\"") {
            (String::new(), 0)
        } else {
            ("target::database".to_owned(), 4)
        };
        assert_eq!(told(&bench.json(&["plan", "--env", "test"])), expected, "{other}");
    }
    for other in [format!("{name}\0"), format!("{name}\u{7}"), "x".repeat(65)] {
        bench.edit(".env_test", "TEST_TARGET_DB_NAME", &other);
        assert_eq!(told(&bench.json(&["plan", "--env", "test"])).1, 2, "{other:?}");
    }
    for other in ["127.0.0.1,10.0.0.1", "127.0.0.1:5432,10.0.0.1", "host=127.0.0.1", "postgres://127.0.0.1"] {
        bench.edit(".env_test", "TEST_TARGET_DB_NAME", name);
        bench.edit(".env_test", "TEST_TARGET_DB_HOST", other);
        assert_eq!(
            told(&bench.json(&["plan", "--env", "test"])),
            ("settings::value".to_owned(), 2),
            "{other}"
        );
    }
    bench.edit(".env_test", "TEST_TARGET_DB_HOST", "127.0.0.1");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn variables_and_files_of_other_clients_have_no_say() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    let password = secret(&target.endpoint);
    bench.private(".pgpass", &format!("*:*:*:*:{password}\n"));
    bench.private(".pg_service.conf", "[clinic]\nhost=pg.invalid\ndbname=other\n");
    bench.private(".my.cnf", "[client]\nhost=my.invalid\nuser=root\n");
    let run = || {
        let mut command = bench.command(&["sync", "--env", "test", "--json"]);
        let home = bench.path(".pgpass");
        for (name, value) in [
            ("PGHOST", "pg.invalid"),
            ("PGHOSTADDR", "192.0.2.1"),
            ("PGPORT", "1"),
            ("PGDATABASE", "postgres"),
            ("PGUSER", "postgres"),
            ("PGPASSWORD", password.as_str()),
            ("PGPASSFILE", home.to_str().unwrap()),
            ("PGSERVICE", "clinic"),
            ("PGOPTIONS", "-c search_path=public -c role=postgres"),
            ("PGSSLMODE", "disable"),
            ("PGTARGETSESSIONATTRS", "read-only"),
            ("PGAPPNAME", "somebody"),
            ("MYSQL_HOST", "my.invalid"),
            ("MYSQL_PWD", "nonsense"),
            ("DATABASE_URL", "postgres://pg.invalid/other"),
        ] {
            command.env(name, value);
        }
        serde_json::from_slice::<Value>(&command.output().unwrap().stdout).unwrap()
    };
    // The right password stands in .pgpass and PGPASSWORD alone.
    bench.edit(".env_test", "TEST_TARGET_DB_PASSWORD", "not-the-password");
    assert_eq!(told(&run()), ("target::login".to_owned(), 4));
    bench.edit(".env_test", "TEST_TARGET_DB_PASSWORD", &password);
    assert_eq!(told(&run()), (String::new(), 0));
}

#[test]
fn defaults_of_a_role_change_nothing_or_are_refused() {
    let (bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, Birth DATE, Fee DOUBLE, At TIME, Pic BLOB) ENGINE=MyISAM;
         INSERT INTO patient VALUES (1, '2020-02-03', 0.1, '12:34:56', x'00ff'), (2, NULL, 1e-7, '-1:00:00', NULL)",
    );
    let user = &target.endpoint.user;
    target.admin(&format!(
        "CREATE SCHEMA lure; CREATE TABLE lure.identity (environment text); GRANT ALL ON SCHEMA lure TO {user};
         ALTER ROLE {user} SET search_path = lure, public; ALTER ROLE {user} SET DateStyle = 'SQL, DMY';
         ALTER ROLE {user} SET IntervalStyle = 'iso_8601'; ALTER ROLE {user} SET TimeZone = 'Asia/Kolkata';
         ALTER ROLE {user} SET extra_float_digits = 0; ALTER ROLE {user} SET bytea_output = 'escape';
         ALTER ROLE {user} SET client_encoding = 'LATIN1'; ALTER ROLE {user} SET standard_conforming_strings = off;
         ALTER ROLE {user} SET row_security = on; ALTER ROLE {user} SET default_transaction_isolation = 'serializable';
         ALTER DATABASE {} SET search_path = lure",
        target.name()
    ));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
    let lured = target.query("SELECT count(*) FROM pg_class WHERE relnamespace = 'lure'::regnamespace");
    assert_eq!(lured, [[Some("1".to_owned())]]);
    // Another role assumed at login: its rights would count, not those that were looked at.
    target.admin(&format!(
        "CREATE ROLE boss_{user}; GRANT boss_{user} TO {user}; ALTER ROLE {user} SET role = boss_{user}"
    ));
    for command in ["sync", "check", "plan", "status"] {
        assert_eq!(
            told(&bench.json(&[command, "--env", "test"])),
            ("identity::user".to_owned(), 3),
            "{command}"
        );
    }
    target.admin(&format!("ALTER ROLE {user} RESET role"));
    // A role whose sessions may only read was made so on purpose.
    source.admin("INSERT INTO patient VALUES (3, NULL, 0, NULL, NULL)");
    target.admin(&format!("ALTER ROLE {user} SET default_transaction_read_only = on"));
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])), ("target::read_only".to_owned(), 4));
    target.admin(&format!("ALTER ROLE {user} RESET default_transaction_read_only"));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(target.query("SELECT count(*) FROM raw.patient"), [[Some("3".to_owned())]]);
}

#[test]
fn what_hangs_on_the_copy_and_leads_elsewhere_is_refused() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    // What people hang on a copy that leads nowhere: views, indexes, triggers on tables of their own.
    target.admin(
        "CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
         CREATE SCHEMA mart; CREATE VIEW mart.patients AS SELECT * FROM raw.patient; CREATE TABLE mart.spill (p bigint);
         CREATE FUNCTION mart.spill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE INDEX ON raw.patient (_loaded_at); ALTER TABLE raw.patient ADD CHECK (\"PatNum\" > 0); CREATE TABLE raw.notes (v text);
         CREATE TRIGGER mine AFTER INSERT ON raw.notes FOR EACH ROW EXECUTE FUNCTION mart.spill()",
    );
    source.admin("INSERT INTO patient VALUES (3)");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    source.admin("INSERT INTO patient VALUES (4)");
    for (make, undo, code) in [
        (
            "CREATE TRIGGER spill AFTER INSERT ON raw.patient FOR EACH ROW EXECUTE FUNCTION mart.spill()",
            "DROP TRIGGER spill ON raw.patient",
            "target::trigger",
        ),
        (
            "CREATE TRIGGER spill AFTER INSERT ON bicuspid.run FOR EACH ROW EXECUTE FUNCTION mart.spill()",
            "DROP TRIGGER spill ON bicuspid.run",
            "target::trigger",
        ),
        (
            "CREATE TRIGGER spill AFTER UPDATE ON raw.etl_load_status FOR EACH ROW EXECUTE FUNCTION mart.spill()",
            "DROP TRIGGER spill ON raw.etl_load_status",
            "target::trigger",
        ),
        (
            "CREATE RULE spill AS ON INSERT TO raw.patient DO ALSO INSERT INTO mart.spill VALUES (NEW.\"PatNum\")",
            "DROP RULE spill ON raw.patient",
            "target::rule",
        ),
        (
            "CREATE FUNCTION mart.tell(bigint) RETURNS boolean LANGUAGE sql AS 'INSERT INTO mart.spill VALUES ($1) RETURNING true';
             ALTER TABLE raw.patient ADD CONSTRAINT tell CHECK (mart.tell(\"PatNum\"))",
            "ALTER TABLE raw.patient DROP CONSTRAINT tell; DROP FUNCTION mart.tell(bigint)",
            "target::function",
        ),
        ("CREATE TABLE mart.heir () INHERITS (raw.patient)", "DROP TABLE mart.heir", "target::inheritance"),
        (
            "CREATE TABLE mart.mine (p bigint REFERENCES raw.patient ON DELETE CASCADE)",
            "DROP TABLE mart.mine",
            "target::foreign_key",
        ),
        (
            "ALTER TABLE raw.patient SET SCHEMA mart; CREATE VIEW raw.patient AS SELECT * FROM mart.patient",
            "DROP VIEW raw.patient; ALTER TABLE mart.patient SET SCHEMA raw",
            "target::not_a_table",
        ),
        (
            "ALTER TABLE raw.patient SET SCHEMA mart; CREATE FOREIGN TABLE raw.patient (\"PatNum\" bigint) SERVER far",
            "DROP FOREIGN TABLE raw.patient; ALTER TABLE mart.patient SET SCHEMA raw",
            "target::not_a_table",
        ),
    ] {
        target.admin(make);
        for command in ["sync", "check"] {
            assert_eq!(
                told(&bench.json(&[command, "--env", "test"])),
                (code.to_owned(), 3),
                "{command}: {make}"
            );
        }
        target.admin(undo);
        assert_eq!(bench.json(&["check", "--env", "test"])["exit_code"], 0, "{undo}");
    }
    assert_eq!(target.query("SELECT count(*) FROM raw.patient"), [[Some("3".to_owned())]]);
    // A plain foreign key carries nothing on, and a publication may be meant: it is told of.
    target.admin(
        "CREATE TABLE mart.mine (p bigint REFERENCES raw.patient); CREATE PUBLICATION replica FOR ALL TABLES",
    );
    let check = bench.json(&["check", "--env", "test"]);
    let objects =
        check["checks"].as_array().unwrap().iter().find(|check| check["name"] == "objects").unwrap();
    assert_eq!((objects["verdict"].as_str(), &check["exit_code"]), (Some("warn"), &0.into()));
    assert!(objects["detail"].as_str().unwrap().contains("replica"));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(target.query("SELECT count(*) FROM raw.patient"), [[Some("4".to_owned())]]);
}

#[test]
fn a_view_in_the_place_of_a_new_table_is_not_written() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    target.admin("CREATE TABLE public.elsewhere (\"PatNum\" bigint PRIMARY KEY); CREATE VIEW raw.patient AS SELECT * FROM public.elsewhere");
    target.admin(&format!("GRANT ALL ON public.elsewhere, raw.patient TO {}", target.endpoint.user));
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])), ("plan::not_ours".to_owned(), 1));
    assert_eq!(target.query("SELECT count(*) FROM public.elsewhere"), [[Some("0".to_owned())]]);
    target.admin("DROP VIEW raw.patient");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn something_else_than_postgresql_at_the_targets_place() {
    let (bench, source, _target) = Bench::fresh();
    source.admin(TABLE);
    bench.edit(".env_test", "TEST_TARGET_DB_PORT", &port(&source.endpoint).to_string());
    // The source's own place: one port cannot speak both protocols.
    for command in ["sync", "enroll", "plan", "check", "verify"] {
        let json = bench.json(&[command, "--env", "test"]);
        assert_eq!(told(&json), ("identity::same_server".to_owned(), 3), "{command}");
    }
    bench.edit(".env_test", "TEST_TARGET_DB_HOST", "127.0.0.2");
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])).1, 3, "another name of the same place");
    // The same server behind another port.
    let tunnel = Tunnel::to(port(&source.endpoint));
    bench.edit(".env_test", "TEST_TARGET_DB_HOST", "127.0.0.1");
    bench.edit(".env_test", "TEST_TARGET_DB_PORT", &tunnel.port.to_string());
    assert_eq!(told(&bench.json(&["sync", "--env", "test"])).1, 4);
}

#[test]
fn the_demo_is_enrolled_again_after_it_was_made_anew() {
    let _turn = demo_turn();
    let server = other_server();
    let demo = server.named_database("opendental_demo", "anew_demo");
    let bench = Bench::new();
    bench.private(".env_demo", &demo_env_file(&demo.endpoint));
    // A new database needs no question: nothing is replaced.
    assert_eq!(bench.json(&["enroll", "--env", "demo"])["written"], true);
    assert_eq!(bench.json(&["enroll", "--env", "demo"])["written"], false);
    assert_eq!(bench.run(&GENERATE).code, 0);
    server.admin("postgres", "DROP DATABASE opendental_demo WITH (FORCE)");
    server.admin("postgres", "CREATE DATABASE opendental_demo OWNER anew_demo");
    let refused = bench.run(&GENERATE);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("`bicuspid enroll --env demo`"), "{}", refused.stderr);
    assert_eq!(told(&bench.json(&["enroll", "--env", "demo"])), ("consent::unattended".to_owned(), 3));
    let named = |name: &str| told(&bench.json(&["enroll", "--env", "demo", "--confirm", name]));
    assert_eq!(named("opendental_analytics"), ("consent::other_database".to_owned(), 3));
    assert!(is_empty(&demo));
    assert_eq!(named("opendental_demo"), (String::new(), 0));
    assert_eq!(bench.run(&GENERATE).code, 0);
    assert_eq!(demo.query("SELECT count(*) FROM raw.patient"), [[Some("20".to_owned())]]);
    // Rows that no generation wrote cannot be enrolled away.
    server.admin("postgres", "DROP DATABASE opendental_demo WITH (FORCE)");
    server.admin("postgres", "CREATE DATABASE opendental_demo OWNER anew_demo");
    demo.admin("CREATE SCHEMA raw AUTHORIZATION anew_demo; CREATE TABLE raw.notes AS SELECT 'a real name' AS v; GRANT SELECT ON raw.notes TO PUBLIC");
    assert_eq!(named("opendental_demo"), ("demo::unaccounted_rows".to_owned(), 3));
}

#[test]
fn a_superuser_is_warned_of_where_it_writes() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    let user = &target.endpoint.user;
    let warning = "warning: the account is a superuser";
    target.admin(&format!("ALTER ROLE {user} SUPERUSER"));
    assert!(bench.run(&["sync", "--env", "test"]).stderr.contains(warning));
    target.admin(&format!("ALTER ROLE {user} NOSUPERUSER CREATEROLE; GRANT pg_read_server_files TO {user}"));
    assert!(!bench.run(&["sync", "--env", "test"]).stderr.contains(warning));
    let privileges = || {
        let check = bench.json(&["check", "--env", "test"]);
        let of_target = |check: &&Value| check["name"] == "privileges" && check["side"] == "target";
        check["checks"].as_array().unwrap().iter().find(of_target).unwrap().clone()
    };
    let told = privileges();
    assert_eq!(told["verdict"], "warn");
    assert!(told["detail"].as_str().unwrap().contains("CREATEROLE, pg_read_server_files"), "{told}");
    target.admin(&format!("ALTER ROLE {user} NOCREATEROLE; REVOKE pg_read_server_files FROM {user}"));
    assert_eq!(privileges()["verdict"], "ok");
}

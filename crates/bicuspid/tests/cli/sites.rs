//! Several practices in one call: each wholly by itself, whatever becomes of the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bicuspid_model::{Date, Endpoint, Host};
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer, PostgresDatabase};
use bicuspid_sandbox::{Engine, PracticeSettings as Settings};
use serde_json::Value;

use crate::bench::Bench;

/// A few rows of two tables.
const ROWS: &str = "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(40)) ENGINE=MyISAM;
    INSERT INTO patient SELECT seq, REPEAT('x', seq MOD 30) FROM seq_1_to_500;
    CREATE TABLE appointment (AptNum BIGINT PRIMARY KEY, PatNum BIGINT) ENGINE=MyISAM;
    INSERT INTO appointment SELECT seq, seq FROM seq_1_to_90";

/// Sites of `--env test`, each with a database of its own, and one target for all.
struct Sites {
    bench: Bench,
    sources: BTreeMap<String, MariaDbDatabase>,
    target: PostgresDatabase,
}

impl Sites {
    fn new(names: &[&str]) -> Self {
        let target = testing::servers().postgres_database("group");
        let mut sites = Self { bench: Bench::new(), sources: BTreeMap::new(), target };
        for name in names {
            let source = testing::servers().mariadb_database("clinic");
            source.admin(ROWS);
            sites.add(name, source);
        }
        sites.list(names);
        sites
    }

    fn add(&mut self, name: &str, source: MariaDbDatabase) {
        self.bench.env_file(&file(name), "TEST_", &source.endpoint, &self.target.endpoint, "");
        self.sources.insert(name.to_owned(), source);
    }

    fn list(&self, names: &[&str]) {
        let site = |name: &&str| format!("[sites.{name}]\nenv_file = \"{}\"\n", file(name));
        self.bench.write("bicuspid.toml", &names.iter().map(site).collect::<String>());
    }

    fn sync(&self, sites: &str) -> Value {
        self.bench.json(&["sync", "--env", "test", "--site", sites, "--parallel", "2"])
    }

    /// Rows of a table in a schema, as the administrator counts them; `None` where there is no such table.
    fn rows(&self, schema: &str, table: &str) -> Option<u64> {
        rows(&self.target, schema, table)
    }
}

fn file(site: &str) -> String {
    format!("{site}.env")
}

fn rows(target: &PostgresDatabase, schema: &str, table: &str) -> Option<u64> {
    let exists = target
        .query(&format!("SELECT 1 FROM pg_tables WHERE schemaname = '{schema}' AND tablename = '{table}'"));
    if exists.is_empty() {
        return None;
    }
    target.query(&format!("SELECT count(*) FROM {schema}.\"{table}\""))[0][0].as_ref()?.parse().ok()
}

fn site<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["sites"].as_array().unwrap().iter().find(|site| site["site"] == name).unwrap()
}

fn code(site: &Value) -> &str {
    site["errors"][0]["code"].as_str().unwrap_or_default()
}

#[test]
fn each_site_has_schemas_records_and_an_exit_code_of_its_own() {
    let sites = Sites::new(&["north", "south"]);
    sites.sources["south"].admin("INSERT INTO patient VALUES (7000, 'south')");
    let json = sites.sync("all");
    assert_eq!((&json["outcome"], &json["exit_code"]), (&"done".into(), &0.into()), "{json}");
    assert_eq!(sites.rows("raw_north", "patient"), Some(500));
    assert_eq!(sites.rows("raw_south", "patient"), Some(501));
    assert_eq!(sites.rows("raw", "patient"), None, "the schema of a copy alone is not touched");
    assert_eq!(sites.rows("raw_north", "etl_load_status"), Some(2));
    assert_eq!(sites.rows("bicuspid_south", "run"), Some(1));
    let marked = sites.target.query("SELECT site, environment FROM bicuspid_north.identity");
    assert_eq!(marked, [[Some("north".to_owned()), Some("test".to_owned())]]);
    let (north, south) = (site(&json, "north"), site(&json, "south"));
    assert_ne!(north["run_id"], south["run_id"]);
    for (name, one) in [("north", north), ("south", south)] {
        assert_eq!((&one["outcome"], &one["exit_code"]), (&"done".into(), &0.into()));
        assert_eq!(one["tables"].as_array().unwrap().len(), 2);
        assert!(one["source"]["statements"].as_u64().unwrap() > 0);
        let record = sites.bench.read(&format!("state/runs/{}.json", one["run_id"].as_str().unwrap()));
        let record: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["site"], name);
    }
    assert!(json["peak_memory_bytes"].is_u64() || !cfg!(target_os = "linux"));
    let audit = sites.bench.json(&["audit", "--env", "test", "--site", "north,south"]);
    let lines = audit["entries"].as_array().unwrap();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines.iter().filter(|line| line["site"] == "north").count(), 2);
    let vouched = sites.bench.json(&["audit", "--env", "test", "--site", "all", "--verify"]);
    assert_eq!((&vouched["exit_code"], &vouched["logs"][0]["whole"]), (&0.into(), &true.into()));
    assert!(
        vouched["logs"][0]["anchors"].as_u64().unwrap() >= 4,
        "two of the runs, two of the targets: {vouched}"
    );
    // What was copied is looked at, proved and told site by site.
    sites.sources["north"].admin("UPDATE patient SET LName = 'changed' WHERE PatNum = 3");
    let verified = sites.bench.json(&["verify", "--env", "test", "--site", "south,north", "--parallel", "2"]);
    assert_eq!((&verified["outcome"], &verified["exit_code"]), (&"differences".into(), &1.into()));
    assert_eq!(
        (&site(&verified, "south")["equal"], &site(&verified, "north")["equal"]),
        (&true.into(), &false.into())
    );
    let status = sites.bench.json(&["status", "--env", "test", "--site", "north"]);
    assert_eq!(status["sites"].as_array().unwrap().len(), 1);
    assert_eq!(site(&status, "north")["tables"][1]["rows"], 500);
    assert_eq!(site(&status, "north")["first_load"], serde_json::json!([]));
    sites.target.admin("INSERT INTO bicuspid_north.expected_table VALUES ('claim')");
    let status = sites.bench.json(&["status", "--env", "test", "--site", "all"]);
    let unfinished = serde_json::json!([{ "env": "test", "tables": 3, "loaded": 2 }]);
    assert_eq!(site(&status, "north")["first_load"], unfinished);
    assert_eq!(site(&status, "south")["first_load"], serde_json::json!([]));
    let planned = sites.bench.json(&["plan", "--env", "test", "--site", "all"]);
    assert_eq!(site(&planned, "south")["tables"].as_array().unwrap().len(), 2);
    let checked = sites.bench.json(&["check", "--env", "test", "--site", "all"]);
    assert_eq!(checked["exit_code"], 0, "{checked}");
    assert!(site(&checked, "north")["checks"].as_array().unwrap().len() > 5);
    // A copy alone in the same database is another thing.
    sites.bench.private(".env_test", &sites.bench.read("north.env"));
    assert_eq!(sites.bench.json(&["sync", "--env", "test"])["exit_code"], 0);
    assert_eq!(sites.rows("raw", "patient"), Some(500));
}

#[test]
fn the_source_of_one_practice_never_fills_the_schema_of_another() {
    let mut sites = Sites::new(&["north", "south"]);
    assert_eq!(sites.sync("all")["exit_code"], 0);
    let before = sites.target.query("SELECT * FROM raw_south.patient ORDER BY 1");
    sites.sources["north"].admin("INSERT INTO patient VALUES (9000, 'of the north')");
    // Swapped files: both copies know where they come from.
    let (north, south) = (sites.bench.read("north.env"), sites.bench.read("south.env"));
    sites.bench.private("north.env", &south);
    sites.bench.private("south.env", &north);
    let json = sites.sync("all");
    assert_eq!(json["exit_code"], 3);
    for name in ["north", "south"] {
        assert_eq!(code(site(&json, name)), "identity::source_server");
    }
    assert_eq!(sites.target.query("SELECT * FROM raw_south.patient ORDER BY 1"), before);
    sites.bench.private("north.env", &north);
    sites.bench.private("south.env", &south);
    // A third site with the file of the first, spelled otherwise: it has no copy yet that could know.
    sites.bench.private("west.env", &north.replace("HOST=127.0.0.1", "HOST=localhost"));
    sites.list(&["north", "south", "west"]);
    let json = sites.sync("west");
    assert_eq!((json["exit_code"].as_i64(), code(site(&json, "west"))), (Some(3), "identity::shared_source"));
    assert!(json["errors"][0]["why"].as_str().unwrap().contains("site north"), "{json}");
    assert!(json["errors"][0]["hint"].as_str().unwrap().contains("`bicuspid enroll --env test --site west`"));
    assert_eq!(sites.rows("raw_west", "patient"), None);
    // In one call both are told before anything is read, and the third goes on.
    let json = sites.sync("all");
    assert_eq!(json["exit_code"], 2);
    assert_eq!(code(site(&json, "north")), "sites::same_source");
    assert_eq!(code(site(&json, "west")), "sites::same_source");
    assert_eq!(site(&json, "south")["exit_code"], 0);
    assert_eq!(sites.rows("raw_north", "patient"), Some(500), "the new row of the north was not read");
    // A person may know better: two servers can call themselves the same.
    let enrolled =
        sites.bench.json(&["enroll", "--env", "test", "--site", "west", "--confirm", sites.target.name()]);
    assert_eq!(enrolled["exit_code"], 0, "{enrolled}");
    assert_eq!(sites.sync("west")["exit_code"], 0);
    assert_eq!(sites.rows("raw_west", "patient"), Some(501));
    // The state of one site under the name of another.
    let source = testing::servers().mariadb_database("clinic");
    source.admin(ROWS);
    sites.add("east", source);
    sites.list(&["north", "south", "east"]);
    sites.target.admin(
        "ALTER SCHEMA raw_south RENAME TO raw_east; ALTER SCHEMA bicuspid_south RENAME TO bicuspid_east",
    );
    let json = sites.sync("east");
    assert_eq!(
        (json["exit_code"].as_i64(), code(site(&json, "east"))),
        (Some(3), "identity::site"),
        "{json}"
    );
}

#[test]
fn what_is_wrong_with_one_site_or_with_the_list_is_told() {
    let sites = Sites::new(&["north", "south"]);
    for (args, code) in [
        (&["--site", "nort"][..], "sites::unknown"),
        (&["--site", ""], "usage::value"),
        (&["--site", "north,,south"], "usage::value"),
        (&["--site", "north,north"], "sites::twice"),
        (&["--site", "all,north"], "sites::twice"),
        (&["--site", "all", "--parallel", "0"], "usage::value"),
        (&["--site", "all", "--env-file", "north.env"], "usage::conflict"),
        (&["--parallel", "2"], "usage::missing"),
    ] {
        let json = sites.bench.json(&[&["sync", "--env", "test"], args].concat());
        assert_eq!(
            (&json["errors"][0]["code"], &json["exit_code"]),
            (&code.into(), &2.into()),
            "{args:?}: {json}"
        );
    }
    let near = sites.bench.json(&["sync", "--env", "test", "--site", "nort"]);
    assert_eq!(near["errors"][0]["hint"], "did you mean `north`?");
    for args in [["sync", "--env", "demo"], ["check", "--env", "demo"], ["status", "--env", "all"]] {
        let json = sites.bench.json(&[&args[..], &["--site", "all"]].concat());
        assert_eq!(json["exit_code"], 2, "{args:?}");
    }
    // A file that is missing, or that others may read, is the affair of its site.
    std::fs::remove_file(sites.bench.path("north.env")).unwrap();
    let json = sites.sync("all");
    assert_eq!((json["exit_code"].as_i64(), code(site(&json, "north"))), (Some(2), "settings::unreadable"));
    assert_eq!(site(&json, "south")["exit_code"], 0);
    sites.list(&[]);
    assert_eq!(code(&sites.sync("all")), "sites::none");
}

/// The one that may write, and the one whose server is down.
const REFUSED: usize = 2;
const DOWN: usize = 4;

/// 50 practices on two servers, or a few small ones; one account may write, one server is down.
#[test]
fn all_that_can_be_copied_is_copied_in_one_call() {
    let (count, parallel) = if testing::long() { (50, 8) } else { (8, 3) };
    let servers =
        [MariaDbServer::start(testing::test_options()), MariaDbServer::start(testing::test_options())];
    let target = testing::servers().postgres_database("group");
    let mut bench = Bench::new();
    let mut toml = String::new();
    let mut sources = Vec::new();
    for n in 0..count {
        let source = servers[n % 2].database("clinic");
        if testing::long() {
            let as_of = Date::from_ymd(2026, 3, 2).unwrap();
            source.fill(Engine::MyIsam, Settings::new(200, u64::try_from(n).unwrap(), as_of));
        } else {
            source.admin(ROWS);
            source.admin(&format!("DELETE FROM patient WHERE PatNum > {}", 400 + n));
        }
        let mut endpoint = source.endpoint.clone();
        if n == REFUSED {
            let (user, database) = (&endpoint.user, endpoint.database.mysql());
            servers[n % 2].admin(&format!("GRANT INSERT ON {database}.* TO '{user}'@'127.0.0.1'"));
        }
        if n == DOWN {
            endpoint = Endpoint { host: nobody(), ..endpoint };
        }
        bench.env_file(&format!("s{n}.env"), "TEST_", &endpoint, &target.endpoint, "");
        writeln!(toml, "[sites.s{n}]\nenv_file = \"s{n}.env\"").unwrap();
        sources.push(source);
    }
    bench.write("bicuspid.toml", &toml);
    for server in &servers {
        server.admin("FLUSH STATUS");
    }
    let began = std::time::Instant::now();
    let (ended, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    let json = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                let mut open = sessions(&target);
                if open.len() > parallel {
                    // The server takes a moment to see that a session was closed; the next site may be there already.
                    std::thread::sleep(Duration::from_millis(500));
                    let still = sessions(&target);
                    open.retain(|session| still.contains(session));
                }
                most.fetch_max(open.len(), Ordering::SeqCst);
            }
        });
        let json =
            bench.json(&["sync", "--env", "test", "--site", "all", "--parallel", &parallel.to_string()]);
        ended.store(true, Ordering::SeqCst);
        json
    });
    // Two are told, each with its own reason, and all others are done.
    assert_eq!(json["exit_code"], 3, "{}", json["errors"]);
    let of = |n: usize| site(&json, &format!("s{n}")).clone();
    assert_eq!((&of(REFUSED)["exit_code"], code(&of(REFUSED))), (&3.into(), "grants::beyond_reading"));
    assert_eq!((&of(DOWN)["exit_code"], code(&of(DOWN))), (&4.into(), "source::unreachable"));
    let done = json["sites"].as_array().unwrap().iter().filter(|site| site["exit_code"] == 0).count();
    assert_eq!((done, json["sites"].as_array().unwrap().len()), (count - 2, count));
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
    // Nothing wrong anywhere, by the administrators' own count.
    let mut compared = 0;
    for (n, source) in sources.iter().enumerate() {
        let schemas = target
            .query(&format!("SELECT 1 FROM pg_tables WHERE schemaname IN ('raw_s{n}', 'bicuspid_s{n}')"));
        if n == REFUSED || n == DOWN {
            assert!(schemas.is_empty(), "s{n} has tables");
            continue;
        }
        compared += compare(n, source, &target);
    }
    assert!(compared >= (count - 2) * if testing::long() { 400 } else { 2 }, "{compared} tables");
    assert_eq!(rows(&target, "raw", "patient"), None);
    // As many sessions as sites at a time, and the administrator's.
    assert!(most.load(Ordering::SeqCst) <= parallel, "{most:?} sessions on PostgreSQL");
    for server in &servers {
        let used = server.query("SHOW GLOBAL STATUS LIKE 'Max_used_connections'");
        let used: usize = String::from_utf8(used[0][1].clone().unwrap()).unwrap().parse().unwrap();
        assert!(used <= parallel + 1, "{used} sessions on MariaDB");
    }
    // Not more than some at a time need, however many sites there are.
    let memory = json["peak_memory_bytes"].as_u64().unwrap_or_default();
    let most_memory = (64 + 16 * u64::try_from(parallel).unwrap()) << 20;
    assert!(memory <= most_memory, "{memory} bytes");
    println!("memory {memory:?} sessions {most:?} seconds {}", began.elapsed().as_secs());
}

/// The process numbers of Bicuspid's sessions in a database.
fn sessions(target: &PostgresDatabase) -> Vec<String> {
    let rows = target.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'bicuspid' AND datname = current_database()",
    );
    rows.into_iter().filter_map(|row| row.into_iter().next()?).collect()
}

/// Compares the rows of every table; the number of tables.
fn compare(n: usize, source: &MariaDbDatabase, target: &PostgresDatabase) -> usize {
    let text = |cell: &Option<Vec<u8>>| String::from_utf8(cell.clone().unwrap()).unwrap();
    let kept = target.query(&format!("SELECT tablename FROM pg_tables WHERE schemaname = 'raw_s{n}'"));
    let is_kept = |name: &str| kept.iter().any(|row| row[0].as_deref() == Some(name));
    let mut tables = source.query("SHOW TABLES");
    // What tools left behind is not copied, by its name.
    tables.retain(|row| {
        let name = text(&row[0]);
        is_kept(&name) || !(name.starts_with("temp") || name.starts_with("tmp"))
    });
    let counts: Vec<String> =
        tables.iter().map(|row| format!("SELECT '{0}', COUNT(*) FROM `{0}`", text(&row[0]))).collect();
    let counted = source.query(&counts.join(" UNION ALL "));
    let on_source: BTreeMap<String, u64> =
        counted.iter().map(|row| (text(&row[0]), text(&row[1]).parse().unwrap())).collect();
    let counts: Vec<String> =
        on_source.keys().map(|name| format!("SELECT '{name}', count(*) FROM raw_s{n}.\"{name}\"")).collect();
    let on_target: BTreeMap<String, u64> = target
        .query(&counts.join(" UNION ALL "))
        .iter()
        .map(|row| (row[0].clone().unwrap(), row[1].as_ref().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(on_source, on_target, "s{n}");
    on_source.len()
}

/// A place where no server listens.
fn nobody() -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    Host::Tcp { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() }
}

/// What dbt and those without it are told about several sites, and what PostgreSQL makes of it.
#[test]
fn a_view_over_all_sites_looks_into_one_of_them_alone() {
    let sites = Sites::new(&["north", "south"]);
    sites.sources["south"].admin(
        "ALTER TABLE patient ADD COLUMN Own INT NULL AFTER PatNum;
        CREATE TABLE ownnotes (NoteNum BIGINT PRIMARY KEY) ENGINE=MyISAM",
    );
    assert_eq!(sites.sync("all")["exit_code"], 0);
    let json = sites.bench.json(&["dbt", "sources", "--env", "test", "--site", "all", "--views", "raw_all"]);
    assert_eq!(json["views"], 3, "{json}");
    let sql = json["text"].as_str().unwrap();
    sites.target.admin(sql);
    let count = |condition: &str| {
        sites.target.query(&format!("SELECT count(*) FROM raw_all.patient WHERE {condition}"))[0][0]
            .clone()
            .unwrap()
    };
    assert_eq!((count("true"), count("site = 'north'")), ("1000".to_owned(), "500".to_owned()));
    let plan = |query: &str| {
        let rows = sites.target.query(&format!("EXPLAIN (COSTS OFF) {query}"));
        rows.into_iter().map(|row| row[0].clone().unwrap()).collect::<Vec<_>>().join("\n")
    };
    let one = plan("SELECT * FROM raw_all.patient WHERE site = 'south' AND \"PatNum\" = 7");
    // One index of one site: nothing of the other is in the plan, not even as a branch that is never run.
    assert!(one.contains("patient_pkey") && !one.contains("Append") && !one.contains("One-Time"), "{one}");
    let whole = plan("SELECT * FROM raw_all.patient");
    assert_eq!(whole.matches("Scan on patient").count(), 2, "{whole}");
    let verbose = plan("SELECT * FROM raw_all.patient WHERE site IN ('north')").replace(' ', "");
    assert_eq!(verbose.matches("Scanonpatient").count(), 1, "{verbose}");
    let joined = plan(
        "SELECT * FROM raw_all.appointment a JOIN raw_all.patient p USING (site, \"PatNum\") WHERE site = 'north'",
    );
    assert_eq!(
        joined.matches("on patient").count() + joined.matches("on appointment").count(),
        2,
        "{joined}"
    );
    // A column that a site lacks is NULL there; a table that it lacks has no branch.
    assert_eq!(sites.rows("raw_all", "ownnotes"), None, "a view is no table");
    let lacking =
        sites.target.query("SELECT count(*) FROM raw_all.patient WHERE site = 'north' AND \"Own\" IS NULL");
    assert_eq!(lacking[0][0].as_deref(), Some("500"));
    // Later runs go on under the views, new columns and all.
    sites.sources["north"]
        .admin("ALTER TABLE patient ADD COLUMN Later DATE NULL; DELETE FROM patient WHERE PatNum <= 9");
    assert_eq!(sites.sync("all")["exit_code"], 0);
    assert_eq!(count("site = 'north'"), "491");
    let again = sites.bench.json(&["dbt", "sources", "--env", "test", "--site", "all", "--views", "raw_all"]);
    sites.target.admin(again["text"].as_str().unwrap());
    assert_eq!(sites.target.query("SELECT \"Later\" FROM raw_all.patient LIMIT 1").len(), 1);
    // For dbt: a source for each site and a model for each table, in files of ours.
    let models =
        sites.bench.json(&["dbt", "sources", "--env", "test", "--site", "all", "--models", "models"]);
    assert_eq!((&models["models"], &models["exit_code"]), (&3.into(), &0.into()), "{models}");
    let text = sites.bench.read("models/opendental_patient.sql");
    assert!(text.contains("FROM {{ source('opendental_south', 'patient') }}"), "{text}");
    assert!(text.contains("NULL::integer AS \"Own\""), "{text}");
    assert!(sites.bench.read("models/sources.yml").contains("schema: \"raw_south\""));
    sites.bench.write("models/opendental_patient.sql", "select 1");
    let kept = sites.bench.json(&["dbt", "sources", "--env", "test", "--site", "all", "--models", "models"]);
    assert_eq!((&kept["errors"][0]["code"], &kept["exit_code"]), (&"dbt::not_ours".into(), &2.into()));
    // One site is described as a copy alone is, with its own schema.
    let one = sites.bench.json(&["dbt", "sources", "--env", "test", "--site", "south"]);
    assert!(one["text"].as_str().unwrap().contains("schema: \"raw_south\""));
    assert!(one["text"].as_str().unwrap().contains("relationships"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_every_site_and_each_tells_so() {
    let sites = Sites::new(&["north", "south", "west"]);
    for name in ["north", "south"] {
        sites.sources[name].admin("DROP TABLE patient");
        sites.sources[name].admin(crate::interrupt::MANY);
    }
    let args = ["sync", "--env", "test", "--site", "all", "--parallel", "2"];
    let child = crate::interrupt::begun(&sites.bench, &args, "[north] Reading");
    crate::interrupt::signal(&child, "INT");
    let ran = sites.bench.ended(child);
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.stdout.contains("test: 3 sites: 3 interrupted"), "{}", ran.stdout);
    assert_eq!(sites.rows("raw_west", "patient"), None, "it was not begun");
    let audit = sites.bench.json(&["audit", "--env", "test", "--site", "north"]);
    let told: Vec<&Value> =
        audit["entries"].as_array().unwrap().iter().map(|entry| &entry["outcome"]).collect();
    assert_eq!(told, [&Value::Null, &"interrupted: bicuspid::interrupted".into()]);
    assert_eq!(sites.sync("all")["exit_code"], 0);
    assert_eq!(sites.rows("raw_north", "patient"), Some(200_000));
}

#[cfg(unix)]
#[test]
fn a_run_on_one_site_locks_that_site_alone() {
    let sites = Sites::new(&["north", "south"]);
    sites.sources["north"].admin("DROP TABLE patient");
    sites.sources["north"].admin(crate::interrupt::MANY);
    let args = ["sync", "--env", "test", "--site", "north"];
    let child = crate::interrupt::begun(&sites.bench, &args, "[north] Reading");
    crate::interrupt::signal(&child, "STOP");
    let json = sites.sync("all");
    crate::interrupt::signal(&child, "CONT");
    assert_eq!(json["exit_code"], 6, "{json}");
    assert_eq!(
        (&site(&json, "north")["exit_code"], &site(&json, "south")["exit_code"]),
        (&6.into(), &0.into())
    );
    assert_eq!(sites.bench.ended(child).code, 0);
}

/// In production a person is asked once, and a flag answers for those whose database it names.
#[cfg(target_os = "linux")]
#[test]
fn consent_is_asked_once_for_all_and_a_flag_names_each_database() {
    let mut sites = Sites::new(&[]);
    let other = testing::servers().postgres_database("other");
    let mut list = String::new();
    for (name, target) in [("north", &sites.target), ("south", &sites.target), ("west", &other)] {
        let source = testing::servers().mariadb_database("clinic");
        source.admin(ROWS);
        sites.bench.env_file(&file(name), "", &source.endpoint, &target.endpoint, "");
        write!(list, "[sites.{name}]\nenv_file = \"{}\"\n", file(name)).unwrap();
        sites.sources.insert(name.to_owned(), source);
    }
    sites.bench.write("bicuspid.toml", &list);
    let args = ["sync", "--env", "clinic", "--site", "all"];
    let unattended = sites.bench.json(&args);
    assert_eq!(unattended["exit_code"], 3);
    assert!(unattended["sites"].as_array().unwrap().iter().all(|site| code(site) == "consent::unattended"));
    assert_eq!(sites.rows("raw_north", "patient"), None);
    let declined = sites.bench.run_on_terminal(&args, "no\n");
    assert_eq!(declined.code, 3, "{}", declined.stdout);
    let asked = format!("  north: database {}", sites.target.name());
    assert!(declined.stdout.contains(&asked) && declined.stdout.contains("3 sites:"), "{}", declined.stdout);
    assert_eq!(declined.stdout.matches("Continue?").count(), 1);
    let confirmed = sites.bench.json(&[&args[..], &["--confirm", sites.target.name()]].concat());
    assert_eq!(confirmed["exit_code"], 3);
    assert_eq!(code(site(&confirmed, "west")), "consent::other_database");
    assert_eq!(site(&confirmed, "south")["exit_code"], 0);
    assert_eq!((sites.rows("raw_north", "patient"), rows(&other, "raw_west", "patient")), (Some(500), None));
    let answered = sites.bench.run_on_terminal(&args, "yes\n");
    assert_eq!(answered.code, 0, "{}", answered.stdout);
    assert_eq!(rows(&other, "raw_west", "patient"), Some(500));
}

#[test]
fn a_watch_goes_round_all_sites_and_accounts_are_printed_once_for_what_they_share() {
    let sites = Sites::new(&["north", "south"]);
    let args = [
        "watch",
        "--env",
        "test",
        "--site",
        "all",
        "--parallel",
        "2",
        "--every",
        "1s",
        "--runs",
        "2",
        "--json",
    ];
    let ran = sites.bench.run(&args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "two rounds, and the watch");
    for line in &lines[..2] {
        assert_eq!((line["sites"].as_array().unwrap().len(), &line["exit_code"]), (2, &0.into()));
    }
    assert_eq!((&lines[2]["command"], &lines[2]["runs_done"]), (&"watch".into(), &2.into()));
    let json = sites.bench.json(&["grants", "--env", "test", "--site", "all"]);
    let sql: Vec<&str> =
        json["target"].as_array().unwrap().iter().map(|one| one["sql"].as_str().unwrap()).collect();
    for (start, count) in [("CREATE ROLE", 1), ("CREATE DATABASE", 1), ("CREATE SCHEMA", 4)] {
        assert_eq!(sql.iter().filter(|sql| sql.starts_with(start)).count(), count, "{sql:?}");
    }
    assert!(site(&json, "south")["source"][1].as_str().unwrap().starts_with("GRANT SELECT"));
    let several = sites.bench.json(&["serve", "--env", "test", "--site", "all"]);
    assert_eq!(several["errors"][0]["code"], "sites::one");
}

#[test]
fn the_files_of_each_site_have_folders_of_their_own() {
    let sites = Sites::new(&["north", "south"]);
    sites.sources["south"].admin("INSERT INTO patient VALUES (7000, 'south')");
    assert_eq!(sites.sync("all")["exit_code"], 0);
    let export = |name| {
        let args = ["export", "--env", "test", "--site", name, "--output", "parquet", "--dir", "out"];
        sites.bench.json(&args)
    };
    let (north, south) = (export("north"), export("south"));
    assert_eq!((&north["rows"], &south["rows"]), (&590.into(), &591.into()), "{north}");
    for name in ["north", "south"] {
        assert!(sites.bench.path(&format!("out/patient/site={name}/part-0.parquet")).is_file());
        let manifest: Value =
            serde_json::from_str(&sites.bench.read(&format!("out/manifest-{name}.json"))).unwrap();
        assert_eq!(manifest["site"], name);
    }
    assert_eq!(export("north")["exit_code"], 0, "the files of the other are no stranger's");
}

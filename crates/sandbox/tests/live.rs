//! Front-desk work: each kind of change does what it says, and the clinic's database stays sensible.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bicuspid_model::{Date, SourceType};
use bicuspid_opendental::{TableFacts, facts};
use bicuspid_practice::{Practice, Settings, SinkError};
use bicuspid_sandbox::testing::{MariaDbDatabase, kill_process, servers, wait_until};
use bicuspid_sandbox::{Engine, Kind, Live, Played, SandboxError, UpOptions, down, live, up};

/// A small practice with a short history, so that all of it can be looked at again and again.
fn settings() -> Settings {
    let day = |month| Date::from_ymd(2026, month, 2).unwrap();
    Settings { start_date: day(1), ..Settings::new(30, 5, day(3)) }
}

fn clinic(engine: Engine) -> MariaDbDatabase {
    let database = servers().mariadb_database("live");
    assert!(database.fill(engine, settings()) > 3_000);
    database
}

fn texts(database: &MariaDbDatabase, statement: &str) -> Vec<Vec<String>> {
    let text = |cell: Option<Vec<u8>>| String::from_utf8_lossy(&cell.unwrap_or_default()).into_owned();
    database.query(statement).into_iter().map(|row| row.into_iter().map(text).collect()).collect()
}

fn filled() -> impl Iterator<Item = &'static TableFacts> {
    bicuspid_practice::tables().map(|name| facts().table(name).unwrap())
}

/// A row as it stands: a digest of what a person can see in it, and its stamps.
type Seen = BTreeMap<(&'static str, String), (String, String)>;

fn look(database: &MariaDbDatabase) -> Seen {
    let mut tables = BTreeMap::new();
    let mut statements = Vec::new();
    for table in filled() {
        let (stamps, others): (Vec<_>, Vec<_>) = table.columns.iter().partition(|c| c.on_update);
        let list = |columns: &[&bicuspid_opendental::ColumnFacts]| {
            let names: Vec<String> = columns.iter().map(|c| format!("COALESCE(`{}`, '')", c.name)).collect();
            if names.is_empty() { "''".to_owned() } else { format!("CONCAT_WS('|', {})", names.join(", ")) }
        };
        let (key, name) = (table.key().unwrap().name, table.name);
        tables.insert(name.to_owned(), name);
        statements.push(format!(
            "SELECT '{name}', `{key}`, MD5({}), {} FROM `{name}`",
            list(&others),
            list(&stamps)
        ));
    }
    let mut seen = Seen::new();
    for row in texts(database, &statements.join("; ")) {
        let [name, key, digest, stamp] = row.try_into().unwrap();
        seen.insert((*tables.get(&name).unwrap(), key), (digest, stamp));
    }
    seen
}

/// What differs between two looks: rows that are new, that are gone, and that were edited with their stamp before and
/// after.
#[derive(Debug, Default, PartialEq)]
struct Difference {
    new: Vec<&'static str>,
    gone: Vec<&'static str>,
    edited: Vec<(&'static str, String, String)>,
}

fn difference(before: &Seen, after: &Seen) -> Difference {
    let mut found = Difference::default();
    for (key, (digest, stamp)) in after {
        match before.get(key) {
            None => found.new.push(key.0),
            Some((was, then)) if was != digest => found.edited.push((key.0, then.clone(), stamp.clone())),
            Some((_, then)) => assert_eq!(then, stamp, "a stamp moved by itself: {key:?}"),
        }
    }
    found.gone.extend(before.keys().filter(|key| !after.contains_key(key)).map(|key| key.0));
    found
}

/// Lets one thing of a kind happen, and says what that changed in the whole database.
async fn happens(database: &MariaDbDatabase, live: &mut Live, kind: Kind) -> (Played, Difference, String) {
    let mut before = look(database);
    loop {
        let clock = texts(database, "SELECT NOW()").remove(0).remove(0);
        let played = match kind {
            Kind::Insert | Kind::EditStamped => live.step().await.unwrap(),
            _ => live.play(kind).await.unwrap().unwrap(),
        };
        let after = look(database);
        if played.kind == kind {
            return (played, difference(&before, &after), clock);
        }
        before = after;
    }
}

async fn each_kind_changes_what_it_says(engine: Engine) {
    let database = clinic(engine);
    let mut desk = database.live(settings()).await;
    // The morning of the first day: claims, check-ups and balances wait.
    assert_eq!(desk.play(Kind::Insert).await.unwrap().unwrap().kind, Kind::Insert);

    let (played, found, _) = happens(&database, &mut desk, Kind::Insert).await;
    assert_eq!(found, Difference { new: vec![played.table], ..Difference::default() });
    assert_eq!(played.rows, 1);

    let (played, found, clock) = happens(&database, &mut desk, Kind::EditStamped).await;
    let [(table, then, stamp)] = found.edited.as_slice() else { panic!("{found:?}") };
    assert!(found.new.is_empty() && found.gone.is_empty());
    assert_eq!((*table, played.rows), (played.table, 1));
    assert!(then < stamp && *stamp >= clock, "{then} {stamp} {clock}");

    let mut stamps = BTreeSet::new();
    for _ in 0..6 {
        let (played, found, _) = happens(&database, &mut desk, Kind::EditUnstamped).await;
        let [(table, then, stamp)] = found.edited.as_slice() else { panic!("{found:?}") };
        assert!(found.new.is_empty() && found.gone.is_empty());
        assert_eq!((*table, played.rows, then), (played.table, 1, stamp));
        stamps.insert(!stamp.is_empty());
    }
    assert!(stamps.contains(&true), "no row with a stamp was edited");

    for _ in 0..3 {
        let (played, found, _) = happens(&database, &mut desk, Kind::Delete).await;
        assert_eq!(found.gone, [played.table]);
        assert!(found.new.is_empty());
        assert!(found.edited.iter().all(|(table, ..)| points_to(table, played.table)), "{found:?}");
    }

    for _ in 0..3 {
        let (played, found, clock) = happens(&database, &mut desk, Kind::BulkEdit).await;
        assert!(found.new.is_empty() && found.gone.is_empty());
        assert_eq!(u64::try_from(found.edited.len()).unwrap(), played.rows);
        assert!(played.rows > 2, "{played:?}");
        assert!(found.edited.iter().all(|(table, ..)| *table == played.table));
        let stamps: BTreeSet<_> = found.edited.iter().map(|(.., stamp)| stamp).collect();
        assert_eq!(stamps.len(), 1, "one second: {stamps:?}");
        assert!(stamps.into_iter().all(|stamp| *stamp >= clock));
    }

    let (played, found, _) = happens(&database, &mut desk, Kind::Merge).await;
    assert!(found.new.is_empty() && found.gone.is_empty());
    let tables: BTreeSet<_> = found.edited.iter().map(|(table, ..)| *table).collect();
    assert!(tables.len() > 8 && tables.contains("procedurelog"), "{tables:?}");
    assert!(u64::try_from(found.edited.len()).unwrap() <= played.rows);
    let [(from, into)] = desk.progress().merged[..] else { panic!("{:?}", desk.progress()) };
    let shown = texts(&database, &format!("SELECT PatStatus, Guarantor FROM patient WHERE PatNum = {from}"));
    assert_eq!(shown, [["3".to_owned(), from.to_string()]]);
    // And nothing that comes later is about the record that was merged away.
    for _ in 0..150 {
        desk.step().await.unwrap();
    }
    for table in ["procedurelog", "appointment", "commlog", "claim", "paysplit", "patplan"] {
        let count = |patient: i64| format!("SELECT COUNT(*) FROM `{table}` WHERE PatNum = {patient}");
        assert_eq!(texts(&database, &count(from)), [["0"]], "{table}");
        assert_ne!(from, into);
    }

    let counts = desk.counts();
    assert!(counts.inserts > 50 && counts.edits_stamped > 1 && counts.edits_unstamped > 6, "{counts:?}");
    assert!(counts.deletes >= 3 && counts.merges >= 1 && counts.bulk_edits >= 3, "{counts:?}");
    assert!(counts.rows > counts.inserts);
    desk.finish_day().await.unwrap();
    assert_sensible(&database);
}

fn points_to(from: &str, to: &str) -> bool {
    let columns = &facts().table(from).unwrap().columns;
    columns.iter().any(|c| c.references.is_some_and(|reference| reference.table == to))
}

/// Every key that a row holds leads somewhere.
fn assert_sensible(database: &MariaDbDatabase) {
    let mut statements = Vec::new();
    for table in filled() {
        for column in &table.columns {
            let Some(to) = column.references.filter(|_| matches!(column.source, SourceType::BigInt { .. }))
            else {
                continue;
            };
            let (name, column, there, key) = (table.name, column.name, to.table, to.column);
            statements.push(format!(
                "SELECT '{name}.{column} -> {there}', COUNT(*), COALESCE(SUM(r.`{key}` IS NULL), 0) FROM `{name}` t \
                 LEFT JOIN `{there}` r ON r.`{key}` = t.`{column}` WHERE t.`{column}` <> 0"
            ));
        }
    }
    let mut checked = 0;
    for row in texts(database, &statements.join("; ")) {
        let [reference, rows, lost] = row.try_into().unwrap();
        assert_eq!(lost, "0", "{reference}");
        checked += rows.parse::<u64>().unwrap();
    }
    assert!(checked > 3_000, "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_changes_what_it_says_on_myisam() {
    each_kind_changes_what_it_says(Engine::MyIsam).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_changes_what_it_says_on_innodb() {
    each_kind_changes_what_it_says(Engine::InnoDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_does_the_same() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let database = clinic(Engine::MyIsam);
        let mut desk = database.live(settings()).await;
        let mut played = Vec::new();
        for _ in 0..250 {
            played.push(desk.step().await.unwrap());
        }
        let unstamped: Vec<_> = look(&database).into_iter().map(|(key, (digest, _))| (key, digest)).collect();
        told.push((played, unstamped, desk.progress().clone()));
    }
    assert!(told[0].2.days > 0, "{:?}", told[0].2);
    assert_eq!(told[0], told[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_slips_the_clinic_is_what_the_simulation_says() {
    let database = clinic(Engine::InnoDb);
    let mut desk = database.live(settings()).await;
    while desk.progress().days < 6 {
        desk.play(Kind::Insert).await.unwrap();
    }
    desk.finish_day().await.unwrap();
    let days = desk.progress().days + 1;
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    let mut sink = |table: &'static str, _: &[bicuspid_model::Value]| -> Result<(), SinkError> {
        *expected.entry(table).or_default() += 1;
        Ok(())
    };
    Practice::new(settings()).unwrap().days_later(days).unwrap().run(&mut sink).unwrap();
    let counts: Vec<String> = bicuspid_practice::living_tables()
        .map(|table| format!("SELECT '{table}', COUNT(*) FROM `{table}`"))
        .collect();
    for row in texts(&database, &counts.join("; ")) {
        let expected = expected.get(row[0].as_str()).copied().unwrap_or_default().to_string();
        assert_eq!(row[1], expected, "{}", row[0]);
    }
    assert_sensible(&database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_in_another_task_can_be_stopped_anywhere() {
    let database = clinic(Engine::MyIsam);
    let mut desk = database.live(settings()).await;
    let (told, mut steps) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let rate = NonZeroU32::new(1000).unwrap();
        desk.keep_on(rate, |progress| {
            let _ = told.send(progress.steps);
            Ok(())
        })
        .await
    });
    for _ in 0..40 {
        steps.recv().await.unwrap();
    }
    tasks.abort_all();
    assert!(tasks.join_next().await.unwrap().unwrap_err().is_cancelled());
    assert_sensible_rows(&database);
}

/// A desk that is stopped in the middle of a day leaves whole rows.
fn assert_sensible_rows(database: &MariaDbDatabase) {
    let broken =
        "SELECT COUNT(*) FROM procedurelog p LEFT JOIN patient t USING (PatNum) WHERE t.PatNum IS NULL";
    assert_eq!(texts(database, broken), [["0"]]);
}

/// Takes the sandbox down even if the test panics.
struct Taken<'a>(&'a Path);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let _ = down(self.0);
    }
}

fn options(dir: &Path, patients: u32) -> UpOptions {
    let Settings { seed, end_date, .. } = settings();
    UpOptions {
        dir: dir.to_owned(),
        patients,
        seed,
        sites: 0,
        as_of: end_date,
        engine: Engine::MyIsam,
        durable: false,
    }
}

fn asked(socket: &Path, statement: &str) -> String {
    let output = std::process::Command::new("mariadb")
        .args(["--no-defaults", "-uroot", "-BN", "-e", statement, "-S"])
        .arg(socket)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_lives_on_from_where_it_was_left() {
    let rate = NonZeroU32::new(1000).unwrap();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("sandbox");
    let info = up(&options(&dir, 25), &|_| {}).unwrap();
    let _taken = Taken(&dir);
    let logged = |database: &str| {
        let count = asked(&info.clinic.socket, &format!("SELECT COUNT(*) FROM {database}.securitylog"));
        count.parse::<u64>().unwrap()
    };
    let (clinic, test) = (logged("opendental"), logged("test_opendental"));
    let until = |rows: u64| {
        let socket = info.clinic.socket.clone();
        async move {
            let reached = move || {
                let count = asked(&socket, "SELECT COUNT(*) FROM opendental.securitylog");
                count.parse::<u64>().unwrap() >= rows
            };
            let waited = tokio::task::spawn_blocking(move || wait_until(Duration::from_mins(2), reached));
            assert!(waited.await.unwrap());
        }
    };
    let first = live(&dir, rate, until(clinic + 8)).await.unwrap();
    assert!(first.inserts >= 8, "{first:?}");

    // While somebody plays, nobody else does.
    let second = Box::pin(live(&dir, rate, async {
        assert!(matches!(live(&dir, rate, std::future::ready(())).await, Err(SandboxError::Busy { .. })));
        until(clinic + 16).await;
    }));
    let second = second.await.unwrap();
    assert!(second.inserts >= 8, "{second:?}");
    assert_eq!(logged("test_opendental"), test, "the other database is left alone");
    let keys = asked(
        &info.clinic.socket,
        "SELECT MAX(SecurityLogNum) = COUNT(*) AND COUNT(DISTINCT SecurityLogNum) = COUNT(*) FROM opendental.securitylog",
    );
    assert_eq!(keys, "1", "the history has no hole and nothing twice");

    // The token of the data directory is another's: nothing is sent.
    let token = info.clinic.socket.parent().unwrap().join("data/bicuspid-sandbox.token");
    let ours = std::fs::read_to_string(&token).unwrap();
    std::fs::write(&token, "another's").unwrap();
    let before = logged("opendental");
    assert!(matches!(live(&dir, rate, std::future::pending()).await, Err(SandboxError::NotOurs { .. })));
    assert_eq!(logged("opendental"), before);
    std::fs::write(&token, ours).unwrap();

    // The server dies under it.
    let pid = info.clinic.pid;
    let ended = live(&dir, rate, async move {
        tokio::task::spawn_blocking(move || kill_process(pid)).await.unwrap();
        std::future::pending::<()>().await;
    });
    assert!(matches!(ended.await, Err(SandboxError::NotUp { .. })));
    assert!(matches!(live(&dir, rate, std::future::pending()).await, Err(SandboxError::NotUp { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_sandbox_with_patients_lives() {
    let rate = NonZeroU32::new(50).unwrap();
    let root = tempfile::tempdir().unwrap();
    let stranger = root.path().join("stranger");
    std::fs::create_dir(&stranger).unwrap();
    let refused = live(&stranger, rate, std::future::pending()).await;
    assert!(matches!(refused, Err(SandboxError::NoSandbox { .. })));
    assert_eq!(std::fs::read_dir(&stranger).unwrap().count(), 0);
    let dir = root.path().join("sandbox");
    up(&options(&dir, 0), &|_| {}).unwrap();
    let _taken = Taken(&dir);
    assert!(matches!(live(&dir, rate, std::future::pending()).await, Err(SandboxError::NoPractice { .. })));
}

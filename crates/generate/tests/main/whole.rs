//! What a generation leaves behind.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bicuspid_generate::{Event, Place};
use bicuspid_model::{FingerprintKey, Host, Value};
use bicuspid_practice::{Practice, Summary};

use crate::demo::{DemoDatabase, practice};

fn summary(patients: u32, seed: u64) -> Summary {
    let mut nobody = |_: &'static str, _: &[Value]| Ok(());
    Practice::new(practice(patients, seed)).unwrap().run(&mut nobody).unwrap()
}

/// Rows of every table of `raw`, counted by the server.
fn counts(demo: &DemoDatabase) -> BTreeMap<String, u64> {
    let names = demo.database.query(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE nspname = 'raw' AND relkind = 'r' AND relname NOT LIKE 'etl\\_%' ORDER BY 1",
    );
    let names: Vec<String> = names.into_iter().map(|row| row[0].clone().unwrap()).collect();
    let selects: Vec<String> =
        names.iter().map(|name| format!("SELECT '{name}', count(*) FROM raw.\"{name}\"")).collect();
    demo.database
        .query(&selects.join(" UNION ALL "))
        .into_iter()
        .map(|row| (row[0].clone().unwrap(), row[1].as_ref().unwrap().parse().unwrap()))
        .collect()
}

#[test]
fn the_practice_arrives_whole_and_a_second_one_replaces_it() {
    let demo = DemoDatabase::new();
    let plan = demo.plan(demo.settings(60, 5)).unwrap();
    assert!(plan.state().tables.is_empty() && plan.state().generation.is_none());
    let rehearsed = demo.rehearse(&plan);
    assert!(counts(&demo).is_empty(), "a rehearsal writes nothing");
    let report = demo.run(plan).unwrap();

    let expected = summary(60, 5);
    let told: Vec<(String, u64, String)> =
        report.tables.iter().map(|t| (t.name.clone(), t.rows, t.digest.clone())).collect();
    let made: Vec<(String, u64, String)> =
        expected.tables.iter().map(|t| (t.table.to_owned(), t.rows, format!("{:032x}", t.digest))).collect();
    assert_eq!(told, made);
    assert_eq!(report.tables, rehearsed.tables, "the dry run is the run");
    assert_eq!(report.tables_empty, rehearsed.tables_empty);
    assert_eq!((report.rows, report.rows_replaced), (expected.rows(), 0));
    let Place::Target(target) = &report.place else { panic!("a database") };
    assert_eq!(target.database, "opendental_demo");
    let Host::Tcp { host, port } = &demo.database.endpoint.host else { panic!() };
    assert_eq!((&target.host, target.port), (host, *port));

    let server = counts(&demo);
    for table in &expected.tables {
        assert_eq!(server[table.table], table.rows, "{}", table.table);
    }
    assert_eq!(server.values().sum::<u64>(), expected.rows(), "all other tables are empty");
    let stock = bicuspid_opendental::facts().tables().iter().filter(|t| t.stock).count();
    assert_eq!(server.len(), stock);
    assert_eq!(server["patient"], 60);
    let filled = expected.tables.iter().filter(|t| t.rows > 0).count();
    assert_eq!(report.tables_empty, u64::try_from(stock - filled).unwrap());

    let keys = "SELECT count(*) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
                WHERE k.contype = 'p' AND k.connamespace = 'raw'::regnamespace AND c.relname NOT LIKE 'etl%'";
    assert_eq!(demo.cell(keys).unwrap(), stock.to_string());
    let status =
        "SELECT count(*) FROM raw.etl_load_status WHERE load_status = 'success' AND last_loaded IS NOT NULL";
    assert_eq!(demo.cell(status).unwrap(), stock.to_string());
    let loaded = "SELECT rows_loaded || ' ' || primary_column_name FROM raw.etl_load_status WHERE table_name = 'patient'";
    assert_eq!(demo.cell(loaded).unwrap(), "60 PatNum");
    assert_eq!(demo.cell("SELECT count(*) FROM raw.etl_transform_status").unwrap(), "0");
    assert_eq!(
        demo.cell("SELECT environment || ' ' || database_name FROM bicuspid.identity").unwrap(),
        "demo opendental_demo"
    );
    let ledger = "SELECT run_id || ' ' || patients || ' ' || seed || ' ' || start_date || ' ' || end_date || ' ' || \
                  tool_version || ' ' || row_count FROM bicuspid.generation";
    let line = format!("run-1 60 5 2023-03-02 2026-03-02 0.0.0-test {}", expected.rows());
    assert_eq!(demo.cell(ledger).unwrap(), line);

    // Every row can be traced to the generation that wrote it.
    let strangers = "SELECT count(*) FROM raw.procedurelog WHERE \"_loaded_at\" NOT IN (SELECT generated_at FROM bicuspid.generation)";
    assert_eq!(demo.cell(strangers).unwrap(), "0");

    // Something of a person's own hangs on the rows.
    demo.admin(
        "CREATE SCHEMA mart; CREATE VIEW mart.patients AS SELECT count(*) AS n, min(\"_loaded_at\") AS at FROM raw.patient;
         CREATE VIEW raw.glimpse AS SELECT \"PatNum\" FROM raw.patient;
         CREATE INDEX mine ON raw.patient (\"LName\");",
    );
    let oid = demo.cell("SELECT 'raw.patient'::regclass::oid");
    let again = demo.generate(70, 6).unwrap();
    let expected = summary(70, 6);
    assert_eq!((again.rows, again.rows_replaced), (expected.rows(), report.rows));
    let server = counts(&demo);
    assert_eq!(server.values().sum::<u64>(), expected.rows());
    assert_eq!(demo.cell("SELECT n FROM mart.patients").unwrap(), "70");
    assert_eq!(demo.cell("SELECT count(*) FROM raw.glimpse").unwrap(), "70");
    assert_eq!(demo.cell("SELECT 'raw.patient'::regclass::oid"), oid, "the table itself was kept");
    assert_eq!(demo.cell("SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'").unwrap(), "1");
    assert_eq!(demo.cell("SELECT count(*) FROM bicuspid.generation").unwrap(), "2");
    assert_eq!(demo.cell("SELECT count(DISTINCT xmin::text) FROM raw.patient").unwrap(), "1");

    // The same settings give the same rows again.
    let third = demo.generate(60, 5).unwrap();
    assert_eq!(third.tables, report.tables);
}

#[test]
fn readers_see_the_old_rows_until_the_new_ones_are_whole() {
    let demo = DemoDatabase::new();
    demo.generate(30, 1).unwrap();
    let plan = demo.plan(demo.settings(40, 2)).unwrap();
    let seen = Mutex::new(Vec::new());
    let report = demo.run_heard(plan, &|event| {
        if !matches!(event, Event::Rows { .. }) {
            // Another session, which neither waits nor sees a table empty or half full.
            let rows = demo.database.query("SELECT count(*) FROM raw.patient");
            seen.lock().unwrap().push((event, rows[0][0].clone().unwrap()));
            // Whoever would write into a table after its rows were judged has to wait.
            let locks = demo.database.query(
                "SELECT count(*) FROM pg_locks WHERE mode = 'ShareRowExclusiveLock' AND granted \
                 AND relation IN ('raw.patient'::regclass, 'raw.instructor'::regclass)",
            );
            assert_eq!(locks, [[Some("2".to_owned())]]);
        }
    });
    assert_eq!(report.unwrap().patients, 40);
    let seen = seen.into_inner().unwrap();
    let thirty = || "30".to_owned();
    assert_eq!(seen, [(Event::Begun, thirty()), (Event::Keys, thirty()), (Event::Proving, thirty())]);
    assert_eq!(demo.cell("SELECT count(*) FROM raw.patient").unwrap(), "40");
}

#[test]
fn a_long_reader_does_not_stop_a_generation() {
    let demo = DemoDatabase::new();
    demo.generate(30, 1).unwrap();
    let plan = demo.plan(demo.settings(40, 2)).unwrap();
    let (told, ready) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let endpoint = demo.database.endpoint.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let look = bicuspid_target::Analytics::connect(&endpoint, &bicuspid_target::Schemas::alone())
                    .await
                    .unwrap();
                look.begin_view().await.unwrap();
                let patient =
                    bicuspid_opendental::model_table("patient", bicuspid_opendental::TypePolicy::Dbt);
                let rows = look.read(&patient.unwrap(), None).await.unwrap();
                told.send(()).unwrap();
                let _ = held.recv();
                drop(rows);
            });
        });
        ready.recv().unwrap();
        // A long reader is no hindrance, and none to it.
        assert_eq!(demo.run(plan).unwrap().patients, 40);
        drop(release);
    });
}

#[test]
fn a_run_that_is_dropped_leaves_everything_as_it_was() {
    let demo = DemoDatabase::new();
    let first = demo.generate(30, 1).unwrap();
    let before = demo.database.query("SELECT xmin::text, * FROM raw.patient ORDER BY \"PatNum\"");
    let plan = demo.plan(demo.settings(40, 2)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = runtime.block_on(async {
        let info = bicuspid_generate::RunInfo {
            run_id: "dropped".into(),
            started_at: "2026-01-01T00:00:00Z".into(),
            tool_version: "0.0.0-test".into(),
            key: FingerprintKey::new([7; 16]),
        };
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let listener = move |event| {
            let _ = told.send(event);
        };
        tokio::select! {
            _ = plan.run(info, &listener) => panic!("it was to be dropped while it writes"),
            seen = async {
                loop {
                    if let Some(Event::Rows { rows, .. }) = heard.recv().await { break rows }
                }
            } => seen,
        }
    });
    assert!(seen > 0);
    drop(runtime);
    assert_eq!(demo.database.query("SELECT xmin::text, * FROM raw.patient ORDER BY \"PatNum\""), before);
    assert_eq!(counts(&demo).values().sum::<u64>(), first.rows);
    assert_eq!(demo.cell("SELECT count(*) FROM bicuspid.generation").unwrap(), "1");
    // And the lock is free again.
    assert_eq!(demo.generate(40, 2).unwrap().rows_replaced, first.rows);
}

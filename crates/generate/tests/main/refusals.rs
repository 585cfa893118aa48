//! Every refusal, beside the allowed neighbour.

use bicuspid_generate::GenerateSettings;
use bicuspid_guard::Identity;
use bicuspid_sandbox::testing;

use crate::demo::DemoDatabase;

#[test]
fn what_does_not_belong_into_raw_is_refused_and_passes_once_it_is_gone() {
    let demo = DemoDatabase::new();
    demo.admin("CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
        CREATE FUNCTION public.spill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
    // Tables of others are no trouble as long as they are empty, and can be seen to be.
    demo.admin("CREATE TABLE raw.notes (v text)");
    assert_eq!(demo.refusal(demo.settings(30, 1)).0, "demo::unaccounted_rows");
    demo.admin("GRANT SELECT ON raw.notes TO PUBLIC");
    demo.generate(30, 1).unwrap();
    for (make, undo, code, named) in [
        (
            "CREATE FOREIGN TABLE raw.far (v int) SERVER elsewhere",
            "DROP FOREIGN TABLE raw.far",
            "demo::foreign_table",
            "far",
        ),
        (
            "CREATE TRIGGER spill AFTER INSERT ON raw.patient FOR EACH ROW EXECUTE FUNCTION public.spill()",
            "DROP TRIGGER spill ON raw.patient",
            "demo::trigger",
            "patient",
        ),
        (
            "CREATE RULE hush AS ON INSERT TO raw.claim DO INSTEAD NOTHING",
            "DROP RULE hush ON raw.claim",
            "demo::rule",
            "claim",
        ),
        (
            "CREATE TABLE public.mine (p bigint REFERENCES raw.patient ON DELETE CASCADE)",
            "DROP TABLE public.mine",
            "demo::foreign_key",
            "patient",
        ),
        (
            "CREATE TABLE public.child () INHERITS (raw.patient)",
            "DROP TABLE public.child",
            "demo::unexpected_object",
            "patient",
        ),
        (
            "CREATE MATERIALIZED VIEW raw.kept AS SELECT 1 AS v",
            "DROP MATERIALIZED VIEW raw.kept",
            "demo::unexpected_object",
            "kept",
        ),
        (
            "ALTER TABLE raw.patient ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE raw.patient DISABLE ROW LEVEL SECURITY",
            "demo::unexpected_object",
            "patient",
        ),
        (
            "ALTER TABLE raw.claim ADD COLUMN mine int",
            "ALTER TABLE raw.claim DROP COLUMN mine",
            "demo::shape",
            "claim",
        ),
        (
            "ALTER TABLE raw.fee ALTER COLUMN \"Amount\" SET DEFAULT 5",
            "ALTER TABLE raw.fee ALTER COLUMN \"Amount\" DROP DEFAULT",
            "demo::shape",
            "fee",
        ),
        (
            "CREATE PUBLICATION everything FOR ALL TABLES",
            "DROP PUBLICATION everything",
            "demo::publication",
            "everything",
        ),
        (
            "CREATE SUBSCRIPTION real_rows CONNECTION 'host=clinic.invalid' PUBLICATION copy \
             WITH (connect = false, slot_name = NONE)",
            "DROP SUBSCRIPTION real_rows",
            "demo::subscription",
            "real_rows",
        ),
        (
            "INSERT INTO raw.notes VALUES ('a real name')",
            "DELETE FROM raw.notes",
            "demo::unaccounted_rows",
            "notes",
        ),
        (
            "INSERT INTO raw.instructor (\"InstructorNum\", \"LName\", \"FName\", \"Suffix\") VALUES (1, '', '', '')",
            "DELETE FROM raw.instructor",
            "demo::unaccounted_rows",
            "instructor",
        ),
    ] {
        demo.admin(make);
        let (found, why) = demo.refusal(demo.settings(30, 2));
        assert_eq!(found, code, "{make}: {why}");
        assert!(why.contains(&format!("`{named}`")), "{make}: {why}");
        assert!(!why.contains("a real name"));
        demo.admin(undo);
        assert!(demo.plan(demo.settings(30, 2)).is_ok(), "{undo}");
    }
}

#[test]
fn one_changed_value_is_noticed_inside_the_transaction() {
    let demo = DemoDatabase::new();
    demo.generate(30, 1).unwrap();
    // As many rows as before, so that counting alone would not tell.
    demo.admin("UPDATE raw.patient SET \"LName\" = 'Somebody Real' WHERE \"PatNum\" = (SELECT min(\"PatNum\") FROM raw.patient)");
    let plan = demo.plan(demo.settings(30, 2)).unwrap();
    let trouble = demo.run(plan).unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("demo::unaccounted_rows", 3));
    assert!(trouble.why.contains("`patient`") && !trouble.why.contains("Somebody"), "{}", trouble.why);
    assert_eq!(demo.cell("SELECT count(*) FROM raw.patient WHERE \"LName\" = 'Somebody Real'").unwrap(), "1");
    assert_eq!(demo.cell("SELECT count(*) FROM bicuspid.generation").unwrap(), "1");
}

#[test]
fn a_database_of_another_environment_or_a_copy_is_refused() {
    let demo = DemoDatabase::new();
    demo.generate(30, 1).unwrap();
    for (change, undo, code) in [
        ("environment = 'clinic'", "environment = 'demo'", "identity::environment"),
        ("environment = 'test'", "environment = 'demo'", "identity::environment"),
        ("database_oid = database_oid + 1", "database_oid = database_oid - 1", "identity::oid"),
        (
            "system_identifier = '1' || system_identifier",
            "system_identifier = substr(system_identifier, 2)",
            "identity::cluster",
        ),
        ("database_name = 'opendental_analytics'", "database_name = 'opendental_demo'", "identity::name"),
    ] {
        if code == "identity::cluster" {
            // Nineteen digits and one more do not fit into the identifier's 64 bits.
            demo.admin("UPDATE bicuspid.identity SET system_identifier = '1'");
        } else {
            demo.admin(&format!("UPDATE bicuspid.identity SET {change}"));
        }
        let (found, why) = demo.refusal(demo.settings(30, 2));
        assert_eq!(found, code, "{why}");
        if code == "identity::cluster" {
            demo.admin(
                "UPDATE bicuspid.identity SET system_identifier = (SELECT system_identifier::text FROM pg_control_system())",
            );
        } else {
            demo.admin(&format!("UPDATE bicuspid.identity SET {undo}"));
        }
        assert!(demo.plan(demo.settings(30, 2)).is_ok(), "{change}");
    }
    let known = demo.identity();
    let with = |known| GenerateSettings { known: Some(known), ..demo.settings(30, 2) };
    assert!(demo.plan(with(known.clone())).is_ok());
    let (code, _) = demo.refusal(with(Identity { oid: known.oid + 1, ..known }));
    assert_eq!(code, "identity::oid");
}

#[test]
fn a_marker_that_changes_after_the_plan_is_noticed_inside_the_transaction() {
    let demo = DemoDatabase::new();
    demo.generate(30, 1).unwrap();
    let plan = demo.plan(demo.settings(30, 2)).unwrap();
    demo.admin("UPDATE bicuspid.identity SET environment = 'clinic'");
    let trouble = demo.run(plan).unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("identity::environment", 3));
    assert_eq!(demo.cell("SELECT count(*) FROM bicuspid.generation").unwrap(), "1");
}

#[test]
fn a_database_that_is_missing_is_not_made() {
    let demo = DemoDatabase::new();
    testing::servers().postgres_admin("postgres", "DROP DATABASE opendental_demo");
    let trouble = demo.plan(demo.settings(30, 1)).map(|_| ()).unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("target::database", 4));
    assert!(trouble.what.contains("opendental_demo"), "{}", trouble.what);
    assert!(trouble.hint.contains("`bicuspid grants --env demo`"), "{}", trouble.hint);
    let databases = testing::servers()
        .postgres_query("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'opendental_demo'");
    assert_eq!(databases, [[Some("0".to_owned())]]);
}

#[test]
fn two_runs_do_not_meet() {
    let demo = DemoDatabase::new();
    let plan = demo.plan(demo.settings(30, 1)).unwrap();
    let number = demo.number();
    // The lock that every run of Bicuspid takes, held by somebody else.
    let (told, ready) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let endpoint = demo.database.endpoint.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let look = bicuspid_target::Analytics::connect(&endpoint, &bicuspid_target::Schemas::alone())
                .await
                .unwrap();
            let expected = look
                .enrol(
                    bicuspid_model::Environment::Demo,
                    bicuspid_model::FingerprintKey::new([1; 16]),
                    "dbt",
                    "0",
                )
                .await
                .unwrap();
            let writer = look.into_writer(expected).await.unwrap();
            told.send(()).unwrap();
            let _ = held.recv();
            drop(writer);
        });
    });
    ready.recv().unwrap();
    let trouble = demo.run(plan).unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("target::locked", 6), "turn {number}");
    drop(release);
    other.join().unwrap();
    demo.generate(30, 1).unwrap();
}

//! What changes between the check and the write: noticed inside the writing transaction, and nothing is committed.

use std::collections::BTreeMap;

use bicuspid_guard::SourceServer;
use bicuspid_guard::identity::Identity;
use bicuspid_model::{
    Column, ColumnName, Environment, Fingerprint, FingerprintKey, SourceType, Table, TableName, TargetType,
};
use bicuspid_sandbox::testing::{self, PostgresDatabase};
use bicuspid_target::{
    Analytics, AuditHead, ChunkState, Marks, PassRecord, Publication, RunRecord, Schemas, TableRecord,
    TargetError, Writer,
};

struct Run {
    database: PostgresDatabase,
    runtime: tokio::runtime::Runtime,
    writer: Writer,
}

/// A database that was enrolled and proved, with a writer that has not begun to write.
fn proved() -> Run {
    let database = testing::servers().postgres_database("between");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let writer = runtime.block_on(async {
        let mut look = Analytics::connect(&database.endpoint, &Schemas::alone()).await.unwrap();
        let key = FingerprintKey::new([1; 16]);
        let identity = look.enrol(Environment::Test, key, "dbt", "0").await.unwrap();
        let (keeper, log, hash) = ("k".to_owned(), "l".to_owned(), "h".to_owned());
        look.anchor(AuditHead { keeper, log, sequence: 3, hash });
        look.into_writer(identity).await.unwrap()
    });
    Run { database, runtime, writer }
}

pub(crate) fn clinic() -> SourceServer {
    SourceServer {
        uuid: None,
        machine: "front".to_owned(),
        data_folder: "/data".to_owned(),
        database: "opendental".to_owned(),
    }
}

impl Run {
    fn publish(&mut self) -> Result<(), TargetError> {
        let record = RunRecord {
            run_id: "r-1".to_owned(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            outcome: "done".to_owned(),
            record: serde_json::Value::Null,
        };
        let key = FingerprintKey::new([1; 16]);
        let publishing = self.writer.publish(
            Publication {
                changes: Vec::new(),
                unchanged: Vec::new(),
                held: Vec::new(),
                server: clinic(),
                numbers: BTreeMap::new(),
            },
            &key,
            &record,
            |_| serde_json::json!({ "tables": [] }),
        );
        self.runtime.block_on(publishing).map(|_| ())
    }

    fn runs(&self) -> Option<String> {
        self.database.query("SELECT count(*) FROM bicuspid.run")[0][0].clone()
    }
}

#[test]
fn what_was_proved_is_published_and_the_head_of_the_log_with_it() {
    let mut run = proved();
    run.publish().unwrap();
    let heads = run.runtime.block_on(run.writer.look().audit_heads()).unwrap();
    assert_eq!(heads.len(), 1);
    assert_eq!((heads[0].sequence, heads[0].hash.as_str()), (3, "h"));
}

#[test]
fn an_identity_that_changes_after_the_check_stops_the_transaction() {
    for (change, code) in [
        ("UPDATE bicuspid.identity SET environment = 'clinic'", "identity::environment"),
        ("UPDATE bicuspid.identity SET database_name = 'opendental_analytics'", "identity::name"),
        ("UPDATE bicuspid.identity SET system_identifier = '1'", "identity::cluster"),
        ("UPDATE bicuspid.identity SET database_oid = database_oid + 1", "identity::oid"),
        ("DELETE FROM bicuspid.identity", "identity::marker"),
        ("DROP TABLE bicuspid.identity", "identity::marker"),
        ("UPDATE bicuspid.identity SET state_version = 2", "target::state_version"),
    ] {
        let mut run = proved();
        run.database.admin(change);
        let trouble = run.publish().unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), (code, 3), "{change}");
        assert_eq!(run.runs().unwrap(), "0", "{change}");
    }
}

#[test]
fn another_database_gets_neither_a_writer_nor_a_new_source() {
    let run = proved();
    run.runtime.block_on(async {
        let connect = async || Analytics::connect(&run.database.endpoint, &Schemas::alone()).await.unwrap();
        let look = connect().await;
        let identity = look.enrolled().await.unwrap().unwrap();
        let other = Identity { oid: identity.oid + 1, ..identity.clone() };
        let refused = look.accept_source(&other, &clinic()).await.unwrap_err();
        assert_eq!(refused.trouble().code, "identity::oid");
        assert_eq!(look.source_server().await.unwrap(), None);
        look.accept_source(&identity, &clinic()).await.unwrap();
        assert_eq!(look.source_server().await.unwrap(), Some(clinic()));

        // Before the lock of the run is asked for, which the writer holds.
        let refused = look.into_writer(other).await.unwrap_err();
        assert_eq!(refused.trouble().code, "identity::oid");
        run.database.admin("CREATE TABLE public.heir () INHERITS (bicuspid.run)");
        let refused = connect().await.into_writer(identity).await.unwrap_err();
        assert!(matches!(refused, TargetError::Unfit { .. }), "{refused:?}");
    });
}

#[test]
fn a_database_cannot_be_renamed_dropped_or_replaced_under_a_writer() {
    let mut run = proved();
    let name = run.database.name().to_owned();
    for sql in [format!("ALTER DATABASE {name} RENAME TO {name}_old"), format!("DROP DATABASE {name}")] {
        // The server itself keeps a database as it is while somebody is connected to it.
        let tried = std::panic::catch_unwind(|| testing::servers().postgres_admin("postgres", &sql));
        assert!(tried.is_err(), "{sql}");
    }
    run.publish().unwrap();
    // Whoever does it by force ends the connection first.
    let mut run = proved();
    let name = run.database.name();
    testing::servers().postgres_admin("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
    testing::servers().postgres_admin("postgres", &format!("CREATE DATABASE {name}"));
    assert_eq!(run.publish().unwrap_err().code(), "target::lost");
    assert!(run.database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'bicuspid'").is_empty());
}

#[test]
fn a_trigger_that_appears_after_the_check_stops_the_transaction() {
    for make in [
        "CREATE TRIGGER spill AFTER INSERT ON bicuspid.run FOR EACH ROW EXECUTE FUNCTION public.spill()",
        "CREATE RULE spill AS ON DELETE TO bicuspid.run DO ALSO NOTIFY spilled",
        "CREATE TABLE public.heir () INHERITS (bicuspid.run)",
    ] {
        let mut run = proved();
        run.database.admin(
            "CREATE FUNCTION public.spill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        );
        run.database.admin(make);
        let error = run.publish().unwrap_err();
        assert!(matches!(error, TargetError::Unfit { .. }), "{make}: {error:?}");
        assert_eq!(error.trouble().class.exit_code(), 3);
        // The writer is gone with its transaction; nothing of it stayed.
        drop(run.writer);
        let rows = run.database.query("SELECT count(*) FROM ONLY bicuspid.run");
        assert_eq!(rows[0][0].as_deref(), Some("0"), "{make}");
    }
}

#[test]
fn a_second_identity_has_no_room() {
    let run = proved();
    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run.database
            .admin("INSERT INTO bicuspid.identity SELECT false, 'clinic', 'x', '1', 1, now(), '0', 1");
    }));
    assert!(tried.is_err(), "the table holds one row at most");
    // Nor may another environment be written over the first.
    let error = run.runtime.block_on(async {
        let look = Analytics::connect(&run.database.endpoint, &Schemas::alone()).await.unwrap();
        look.enrol(Environment::Clinic, FingerprintKey::new([2; 16]), "dbt", "0").await.unwrap_err()
    });
    assert_eq!((error.code().as_str(), error.trouble().class.exit_code()), ("identity::environment", 3));
}

/// A commit to which the server would answer ROLLBACK, and no error, must not pass for one.
#[test]
fn a_transaction_that_failed_is_not_taken_for_committed() {
    let mut run = proved();
    let table = Table {
        name: TableName::new("small").unwrap(),
        columns: vec![Column {
            name: ColumnName::new("id").unwrap(),
            source: SourceType::Double,
            target: TargetType::Int4,
            nullable: false,
            withheld: false,
        }],
        primary_key: vec![0],
    };
    let (runtime, writer, key) = (&run.runtime, &mut run.writer, FingerprintKey::new([1; 16]));
    runtime.block_on(async {
        let load = writer.first_load(&table).await.unwrap();
        let filled = writer.filled(load, &table).await.unwrap();
        let proved = filled.prove(Fingerprint::default(), None, &key).await.unwrap();
        let fingerprint = Fingerprint::default();
        let record = TableRecord {
            source_name: table.name.clone(),
            shape: String::new(),
            walk: Vec::new(),
            chunks: vec![ChunkState { upper: None, fingerprint, marks: Marks::default() }],
            converted: Vec::new(),
            pass: PassRecord { whole: true, ..PassRecord::default() },
        };
        proved.publish(&record, "r-1", &clinic()).await.unwrap();
    });
    // It is small, and waits for others to be committed with it; what comes next fails in the same transaction.
    run.database.admin(&format!("REVOKE ALL ON bicuspid.run FROM \"{}\"", run.database.endpoint.user));
    assert_eq!(run.publish().unwrap_err().code(), "target::denied");
    let settled = run.runtime.block_on(run.writer.settle());
    assert_eq!(run.database.query("SELECT to_regclass('raw.small')::text")[0][0], None);
    assert!(matches!(settled, Err(TargetError::Server { .. })), "{settled:?}");
}

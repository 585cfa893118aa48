//! The copies of several sites in one database: each has its own schemas, marker and lock.

use bicuspid_model::{Environment, FingerprintKey, SiteName};
use bicuspid_sandbox::testing::{self, PostgresDatabase};
use bicuspid_target::{Analytics, Schemas, TargetError};

fn schemas(name: &str) -> Schemas {
    Schemas::of(Some(&SiteName::new(name).unwrap()))
}

async fn enrolled(database: &PostgresDatabase, schemas: &Schemas) -> Analytics {
    let look = Analytics::connect(&database.endpoint, schemas).await.unwrap();
    look.enrol(Environment::Test, FingerprintKey::new([1; 16]), "dbt", "0").await.unwrap();
    look
}

#[tokio::test]
async fn sites_share_a_database_and_nothing_else() {
    let database = testing::servers().postgres_database("sites");
    let all = [Schemas::alone(), schemas("a"), schemas("b_2")];
    let mut writers = Vec::new();
    for one in &all {
        let look = enrolled(&database, one).await;
        let identity = look.enrolled().await.unwrap().unwrap();
        assert_eq!(identity.site.as_ref(), one.site());
        // None waits for another, and each lock is the one that is documented.
        writers.push(look.into_writer(identity).await.unwrap());
    }
    let locks = database.query(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1",
    );
    let documented = database.query(
        "SELECT n FROM (SELECT 7091308444370626916::bigint AS n UNION ALL \
         SELECT hashtextextended(site, 7091308444370626916) FROM unnest(ARRAY['a', 'b_2']) AS site) AS s ORDER BY 1",
    );
    assert_eq!(locks, documented);
    let again = enrolled(&database, &all[1]).await;
    let identity = again.enrolled().await.unwrap().unwrap();
    assert!(matches!(again.into_writer(identity).await, Err(TargetError::Locked { .. })));
    let schemas =
        database.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(raw|bicuspid)' ORDER BY 1");
    let schemas: Vec<&str> = schemas.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(schemas, ["bicuspid", "bicuspid_a", "bicuspid_b_2", "raw", "raw_a", "raw_b_2"]);
}

#[tokio::test]
async fn the_marker_of_one_site_is_not_that_of_another() {
    let database = testing::servers().postgres_database("sites");
    let look = enrolled(&database, &schemas("a")).await;
    let of_a = look.enrolled().await.unwrap().unwrap();
    database.admin("ALTER SCHEMA bicuspid_a RENAME TO bicuspid_b");
    let moved = Analytics::connect(&database.endpoint, &schemas("b")).await.unwrap();
    let of_b = moved.facts().identity(Environment::Test, moved.schemas().site());
    let refused = moved.into_writer(of_b).await.unwrap_err();
    assert_eq!(refused.trouble().code, "identity::site");
    let moved = Analytics::connect(&database.endpoint, &schemas("b")).await.unwrap();
    assert!(moved.into_writer(of_a).await.is_ok(), "what it says it is would do");
}

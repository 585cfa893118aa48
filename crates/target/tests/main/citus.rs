//! Copies that are to be distributed. Citus is not there to be run: its catalogue and what its `CREATE SCHEMA` does are
//! imitated, so that what is shown is what Bicuspid asks for and what it makes of the answers, no more.

use bicuspid_model::{Environment, FingerprintKey, SiteName};
use bicuspid_sandbox::testing::{self, PostgresDatabase};
use bicuspid_target::{Analytics, Identity, Schemas, TargetError};

/// An entry for the extension, its catalogue of schemas, and a schema that becomes distributed if the session says so.
const IN_PLACE_OF_CITUS: &str = "
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
VALUES (99999, 'citus', 10, 11, false, '12.1-1');
CREATE TABLE pg_catalog.pg_dist_schema (schemaid oid PRIMARY KEY, colocationid int NOT NULL);
GRANT SELECT ON pg_catalog.pg_dist_schema TO PUBLIC;
CREATE FUNCTION public.spread() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('citus.enable_schema_based_sharding', true) = 'on' THEN
        INSERT INTO pg_catalog.pg_dist_schema
        SELECT objid, 1 FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE SCHEMA';
    END IF;
END $$;
CREATE EVENT TRIGGER spread ON ddl_command_end EXECUTE FUNCTION public.spread()";

fn distributed(site: &str) -> Schemas {
    Schemas::of(Some(&SiteName::new(site).unwrap())).distributed(true)
}

async fn enrol(database: &PostgresDatabase, schemas: &Schemas) -> Result<Identity, TargetError> {
    let look = Analytics::connect(&database.endpoint, schemas).await?;
    look.enrol(Environment::Test, FingerprintKey::new([1; 16]), "dbt", "0").await
}

fn schemas_of(database: &PostgresDatabase, like: &str) -> Vec<String> {
    let rows =
        database.query(&format!("SELECT nspname FROM pg_namespace WHERE nspname ~ '{like}' ORDER BY 1"));
    rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
}

#[tokio::test]
async fn plain_postgres_cannot_distribute_a_copy() {
    let database = testing::servers().postgres_database("citus");
    let trouble = enrol(&database, &distributed("north")).await.unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("target::no_citus", 3));
    assert_eq!(schemas_of(&database, "north"), Vec::<String>::new());
    let look = Analytics::connect(&database.endpoint, &distributed("north")).await.unwrap();
    assert_eq!(look.inspect().await.unwrap_err().trouble().code, "target::no_citus");
}

#[tokio::test]
async fn an_old_citus_cannot_either() {
    let database = testing::servers().postgres_database("citus");
    database.admin(IN_PLACE_OF_CITUS);
    database.admin(
        "SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '11.3-1' WHERE oid = 99999",
    );
    assert_eq!(enrol(&database, &distributed("a")).await.unwrap_err().trouble().code, "target::old_citus");
}

#[tokio::test]
async fn the_rows_of_a_site_are_distributed_and_its_state_is_not() {
    let database = testing::servers().postgres_database("citus");
    database.admin(IN_PLACE_OF_CITUS);
    let identity = enrol(&database, &distributed("north")).await.unwrap();
    let spread = "SELECT n.nspname FROM pg_dist_schema d JOIN pg_namespace n ON n.oid = d.schemaid";
    assert_eq!(database.query(spread), [[Some("raw_north".to_owned())]]);
    assert_eq!(schemas_of(&database, "north"), ["bicuspid_north", "raw_north"]);
    let look = Analytics::connect(&database.endpoint, &distributed("north")).await.unwrap();
    look.inspect().await.unwrap();
    look.into_writer(identity.clone()).await.unwrap();
    // Somebody took it back; the next run says so before it writes.
    database.admin("DELETE FROM pg_catalog.pg_dist_schema");
    let look = Analytics::connect(&database.endpoint, &distributed("north")).await.unwrap();
    let trouble = look.into_writer(identity).await.unwrap_err().trouble();
    assert_eq!(trouble.code, "target::not_distributed");
    assert!(trouble.hint.contains("SELECT citus_schema_distribute('raw_north')"), "{}", trouble.hint);
}

#[tokio::test]
async fn a_schema_that_is_there_already_is_not_taken_for_a_distributed_one() {
    let database = testing::servers().postgres_database("citus");
    database.admin(IN_PLACE_OF_CITUS);
    database.admin("CREATE SCHEMA raw_south");
    database.admin(&format!("ALTER SCHEMA raw_south OWNER TO \"{}\"", database.endpoint.user));
    let trouble = enrol(&database, &distributed("south")).await.unwrap_err().trouble();
    assert_eq!(trouble.code, "target::not_distributed");
    assert_eq!(schemas_of(&database, "south"), ["raw_south"], "nothing of the state is left");
    // Without the setting it is a copy like any other.
    let plain = Schemas::of(Some(&SiteName::new("south").unwrap()));
    enrol(&database, &plain).await.unwrap();
}

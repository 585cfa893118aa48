//! The clinic's database: Open Dental's whole schema, and the rows of a synthetic practice.

use bicuspid_model::{DatabaseName, Value};
use bicuspid_opendental::{Engine, facts, mysql_ddl};
use bicuspid_practice::{Practice, Settings, SinkError};

use crate::account::Account;
use crate::error::SandboxError;
use crate::home::Home;
use crate::load::BulkLoad;
use crate::mariadb;

/// Makes the database and all tables of Open Dental; returns how many.
pub(crate) fn create(home: &Home, database: &DatabaseName, engine: Engine) -> Result<usize, SandboxError> {
    let name = database.mysql();
    let make = format!("CREATE DATABASE {name} CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci");
    mariadb::run_each(home, "make a database", &[make])?;
    create_tables(home, database, engine)
}

/// Makes all tables of Open Dental in a database that is there; returns how many.
pub(crate) fn create_tables(
    home: &Home,
    database: &DatabaseName,
    engine: Engine,
) -> Result<usize, SandboxError> {
    let mut statements = vec![format!("USE {}", database.mysql())];
    let tables = facts().tables();
    statements.extend(tables.iter().map(|table| mysql_ddl(table, engine)));
    mariadb::run_each(home, "make the tables", &statements)?;
    Ok(tables.len())
}

/// Fills the tables with a practice; returns the number of rows.
pub(crate) fn fill(
    home: &Home,
    account: Account,
    database: &DatabaseName,
    settings: Settings,
) -> Result<u64, SandboxError> {
    let mut load = BulkLoad::new(home, account, database);
    let mut trouble = None;
    let mut sink = |table: &'static str, row: &[Value]| {
        load.row(table, row).map_err(|error| SinkError::new(trouble.insert(error).to_string()))
    };
    let outcome = Practice::new(settings).and_then(|practice| practice.run(&mut sink));
    match (outcome, trouble) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(SandboxError::Practice(error)),
        (Ok(_), None) => load.finish(),
    }
}

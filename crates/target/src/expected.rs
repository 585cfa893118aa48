//! Tables that a run set out to load for the first time: a first load that was broken off says what it lacks.

use std::collections::BTreeSet;

use crate::ddl;
use crate::error::{TargetError, of_state};
use crate::identity::has_state_table;
use crate::link::Link;

fn unreadable() -> TargetError {
    TargetError::Protocol { what: "the tables that are to be loaded" }
}

/// Names of tables that runs set out to load and that were never published.
pub(crate) async fn read(link: &Link) -> Result<BTreeSet<String>, TargetError> {
    if !has_state_table(link, "expected_table").await? {
        return Ok(BTreeSet::new());
    }
    let sql = link.sql(
        "SELECT table_name FROM {state}.expected_table AS e WHERE NOT EXISTS \
         (SELECT 1 FROM {state}.table_state AS t WHERE t.table_name = e.table_name)",
    );
    let rows = link
        .client
        .query(sql.as_str(), &[])
        .await
        .map_err(|e| of_state(&e, "read which tables are to be loaded"))?;
    rows.iter().map(|row| row.try_get(0).map_err(|_| unreadable())).collect()
}

/// Remembers the tables that are to be loaded in the place of all that was remembered.
pub(crate) async fn record(link: &Link, names: &BTreeSet<String>) -> Result<(), TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "write which tables are to be loaded");
    link.client.batch_execute(&link.sql(ddl::EXPECTED_TABLE)).await.map_err(fault)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    link.client
        .execute(
            link.sql("DELETE FROM {state}.expected_table WHERE table_name <> ALL ($1)").as_str(),
            &[&names],
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            link.sql(
                "INSERT INTO {state}.expected_table (table_name) SELECT * FROM unnest($1::text[]) \
                 ON CONFLICT DO NOTHING",
            )
            .as_str(),
            &[&names],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

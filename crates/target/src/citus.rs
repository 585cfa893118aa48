//! Copies on a Citus cluster: the schema of a copy's rows is kept whole on one of its servers.
//!
//! Citus 12 calls that schema-based sharding. A schema that is made while `citus.enable_schema_based_sharding` is on has an
//! entry in `pg_dist_schema`, and so has one that was given to `citus_schema_distribute`; tables made in it are co-located
//! with each other, without a distribution column, so that keys stay Open Dental's. The state stays where it is made: it is
//! small, and it is asked for by the coordinator alone.
//!
//! Names of functions, catalogue and setting are those of Citus 12.0's own SQL. No Citus was there to run it on.

use crate::error::{TargetError, of_driver};
use crate::link::Link;

/// The first version that can keep a schema on one server.
const MAJOR: u32 = 12;

/// Makes schemas of this transaction distributed ones.
const SPREAD: &str = "SET LOCAL citus.enable_schema_based_sharding TO on";

/// Refuses a server that cannot distribute schemas, if the copy is to be distributed.
pub(crate) async fn judge_server(link: &Link) -> Result<(), TargetError> {
    if !link.schemas().is_distributed() {
        return Ok(());
    }
    let fault = |e: tokio_postgres::Error| of_driver(&e, "ask for the extension citus");
    let row = link
        .client
        .query_opt("SELECT extversion FROM pg_extension WHERE extname = 'citus'", &[])
        .await
        .map_err(fault)?;
    let version: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(fault)?;
    match version {
        None => Err(TargetError::Undistributed {
            rule: "no_citus",
            detail: "the extension citus is not in this database".into(),
            remedy: "take `distribute_by` out of bicuspid.toml, or let an administrator make the extension (Citus 12 or \
                     later)"
                .into(),
        }),
        Some(version) if major(&version).is_none_or(|major| major < MAJOR) => {
            Err(TargetError::Undistributed {
                rule: "old_citus",
                detail: "its Citus is older than 12 and cannot keep a schema on one server".into(),
                remedy: "update the extension, or take `distribute_by` out of bicuspid.toml".into(),
            })
        }
        Some(_) => Ok(()),
    }
}

fn major(version: &str) -> Option<u32> {
    version.split(['.', '-']).next()?.parse().ok()
}

/// Makes what this transaction creates from now on distributed, if the copy is.
pub(crate) async fn spread(link: &Link) -> Result<(), TargetError> {
    if link.schemas().is_distributed() {
        judge_server(link).await?;
        link.run(SPREAD, "make the schema of the rows a distributed one").await?;
    }
    Ok(())
}

/// Refuses a copy whose schema is not distributed although it is to be.
pub(crate) async fn judge(link: &Link) -> Result<(), TargetError> {
    if !link.schemas().is_distributed() {
        return Ok(());
    }
    judge_server(link).await?;
    let raw = link.schemas().raw_name();
    let fault = |e: tokio_postgres::Error| of_driver(&e, "ask which schemas are distributed");
    let found = link
        .client
        .query_opt(
            "SELECT 1 FROM pg_dist_schema d JOIN pg_namespace n ON n.oid = d.schemaid WHERE n.nspname = $1",
            &[&raw],
        )
        .await
        .map_err(fault)?;
    match found {
        Some(_) => Ok(()),
        None => Err(TargetError::Undistributed {
            rule: "not_distributed",
            detail: format!("schema {raw} is there and is not a distributed one"),
            remedy: format!(
                "let an administrator run `SELECT citus_schema_distribute('{raw}')`, or take `distribute_by` out of \
                 bicuspid.toml"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_of_the_extension_begin_with_a_number() {
        assert_eq!(["12.1-1", "11.3-1", "8.0", "13"].map(major), [12, 11, 8, 13].map(Some));
        assert_eq!(["", "x.1"].map(major), [None, None]);
    }
}

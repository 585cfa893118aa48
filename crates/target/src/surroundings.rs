//! What hangs on the tables of a copy, and could take its rows elsewhere or change them on the way.
//!
//! Looked at before a run writes, and again as the last act inside its publishing transaction. That is late enough:
//! whoever makes a trigger, a rule, a foreign key or an heir of a table needs a lock on it that a transaction which has
//! written to the table does not let go of before it ends. So what is not there at the end was not there when rows
//! were written.

use crate::citus;
use crate::demo::shown;
use crate::error::{TargetError, of_driver, of_state};
use crate::link::Link;

/// Findings that a refusal tells; more would hide the first.
const TOLD_MAX: usize = 5;

/// The state's own tables, the load status, and every table of `raw` that was published. Other tables of `raw` are not
/// written, and what hangs on them is their owner's affair.
const FINDINGS: &str = "
WITH ours AS (
    SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, n.nspname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind NOT IN ('i', 'I', 'S', 't', 'c') AND (n.nspname = $1 OR n.nspname = $2 AND (
        c.relname = 'etl_load_status' OR c.relname IN (SELECT table_name FROM {state}.table_state)))
)
SELECT 'not_a_table', name FROM ours WHERE relkind <> 'r'
UNION ALL
SELECT 'trigger', name FROM ours JOIN pg_trigger t ON t.tgrelid = ours.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'rule', name FROM ours JOIN pg_rewrite r ON r.ev_class = ours.oid WHERE ours.relkind = 'r'
UNION ALL
SELECT 'inheritance', name FROM ours JOIN pg_inherits i ON ours.oid IN (i.inhrelid, i.inhparent)
UNION ALL
SELECT 'foreign_key', name FROM ours JOIN pg_constraint k ON ours.oid = k.confrelid
WHERE k.contype = 'f' AND ours.nspname = $2 AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
UNION ALL
SELECT 'function', name FROM ours JOIN pg_constraint k ON k.conrelid = ours.oid
JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_proc'::regclass
JOIN pg_proc p ON p.oid = d.refobjid AND p.provolatile = 'v'
UNION ALL
SELECT 'function', name FROM ours JOIN pg_attrdef a ON a.adrelid = ours.oid
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_proc'::regclass
JOIN pg_proc p ON p.oid = d.refobjid AND p.provolatile = 'v'
ORDER BY 1, 2";

/// Refuses what could lead the copy elsewhere, and a copy that is not where it is to be kept.
pub(crate) async fn judge(link: &Link) -> Result<(), TargetError> {
    citus::judge(link).await?;
    let rows = link
        .client
        .query(link.sql(FINDINGS).as_str(), &[&link.schemas().state_name(), &link.schemas().raw_name()])
        .await
        .map_err(|e| of_state(&e, "look at what hangs on the tables of the copy"))?;
    let unreadable = |_| TargetError::Protocol { what: "the catalogue of the target" };
    let mut rule = None;
    let mut told = Vec::new();
    for row in &rows {
        let kind: String = row.try_get(0).map_err(unreadable)?;
        let name: String = row.try_get(1).map_err(unreadable)?;
        let (code, words) = match kind.as_str() {
            "not_a_table" => ("not_a_table", "something that is not a plain table in the place of"),
            "trigger" => ("trigger", "a trigger on"),
            "rule" => ("rule", "a rule on"),
            "function" => ("function", "a constraint or default that calls a function that may write, on"),
            "inheritance" => ("inheritance", "a parent or an heir of"),
            _ => ("foreign_key", "a foreign key that carries changes on from"),
        };
        rule.get_or_insert(code);
        told.push(format!("{words} {}", shown(&name)));
    }
    let Some(rule) = rule else { return Ok(()) };
    told.dedup();
    if let Some(more) = told.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        told.truncate(TOLD_MAX);
        told.push(format!("and {more} more"));
    }
    Err(TargetError::Unfit { rule, detail: told.join("; ") })
}

/// Publications of the database, by name: each may send rows to other servers.
pub(crate) async fn publications(link: &Link) -> Result<Vec<String>, TargetError> {
    let fault = |e: tokio_postgres::Error| of_driver(&e, "list the publications");
    let rows =
        link.client.query("SELECT pubname::text FROM pg_publication ORDER BY 1", &[]).await.map_err(fault)?;
    rows.iter().map(|row| row.try_get(0).map_err(fault)).collect()
}

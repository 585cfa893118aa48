//! What is remembered of the passes over a table: how long a whole one takes, up to which edit stamp it was read, and
//! how often a row changed without its stamp.

use std::collections::BTreeMap;

use bicuspid_model::{DateTime, TableName};

use crate::ddl;
use crate::error::{TargetError, of_driver};
use crate::identity::has_state_table;
use crate::link::Link;

/// Up to which edit stamp a table was read, and what the source's clock said at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampMark {
    /// The stamp's column.
    pub column: String,
    /// Rows edited since the pass have this stamp or a later one. Local time of the source.
    pub seen: DateTime,
    /// The source's clock before the pass, local time.
    pub clock_here: DateTime,
    /// The same moment in UTC.
    pub clock_utc: DateTime,
}

/// What is known of the passes over a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassState {
    /// Milliseconds of the last pass that read all of it, `None` if none was timed.
    pub proof_ms: Option<u64>,
    /// See [`StampMark`].
    pub stamp: Option<StampMark>,
    /// Rows that were found edited, in a table with an edit stamp.
    pub edits: u64,
    /// Those of them whose stamp had not moved forward.
    pub edits_unstamped: u64,
}

/// What one pass found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassRecord {
    /// Whether all of the table was read, which proves it.
    pub whole: bool,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// Where the next pass over edited rows begins.
    pub stamp: Option<StampMark>,
}

fn unreadable() -> TargetError {
    TargetError::Protocol { what: "the passes in schema bicuspid" }
}

/// Makes the table, which copies begun by older versions lack.
pub(crate) async fn prepare(link: &Link) -> Result<(), TargetError> {
    if has_state_table(link, "table_pass").await? {
        return Ok(());
    }
    link.run(ddl::TABLE_PASS, "make bicuspid.table_pass").await
}

/// What is known of the passes over each table, by its name on the target.
pub(crate) async fn read(link: &Link) -> Result<BTreeMap<String, PassState>, TargetError> {
    if !has_state_table(link, "table_pass").await? {
        return Ok(BTreeMap::new());
    }
    let rows = link
        .client
        .query(
            "SELECT table_name, proof_ms, stamp_column, to_char(stamp_seen, 'YYYY-MM-DD HH24:MI:SS'), \
             to_char(clock_here, 'YYYY-MM-DD HH24:MI:SS'), to_char(clock_utc, 'YYYY-MM-DD HH24:MI:SS'), \
             edits, edits_unstamped FROM bicuspid.table_pass",
            &[],
        )
        .await
        .map_err(|e| of_driver(&e, "read the passes over the tables"))?;
    rows.iter()
        .map(|row| {
            let text = |i: usize| row.try_get::<_, Option<String>>(i).map_err(|_| unreadable());
            let number = |i: usize| -> Result<Option<u64>, TargetError> {
                let value: Option<i64> = row.try_get(i).map_err(|_| unreadable())?;
                value.map(u64::try_from).transpose().map_err(|_| unreadable())
            };
            let moment = |i: usize| -> Result<Option<DateTime>, TargetError> {
                text(i)?.map(|t| DateTime::parse(&t).ok_or_else(unreadable)).transpose()
            };
            let stamp = match (text(2)?, moment(3)?, moment(4)?, moment(5)?) {
                (Some(column), Some(seen), Some(clock_here), Some(clock_utc)) => {
                    Some(StampMark { column, seen, clock_here, clock_utc })
                }
                _ => None,
            };
            let state = PassState {
                proof_ms: number(1)?,
                stamp,
                edits: number(6)?.unwrap_or_default(),
                edits_unstamped: number(7)?.unwrap_or_default(),
            };
            Ok((text(0)?.ok_or_else(unreadable)?, state))
        })
        .collect()
}

/// A pass to be remembered, with the edits that it found.
pub(crate) struct Noted<'a> {
    pub(crate) table: &'a TableName,
    pub(crate) pass: &'a PassRecord,
    pub(crate) edits: u64,
    pub(crate) edits_unstamped: u64,
}

/// Remembers passes, by one statement: there may be one of each table.
pub(crate) async fn record(link: &Link, noted: &[Noted<'_>]) -> Result<(), TargetError> {
    let signed = |n: u64| i64::try_from(n).map_err(|_| unreadable());
    let each = |of: fn(&StampMark) -> String| -> Vec<Option<String>> {
        noted.iter().map(|n| n.pass.stamp.as_ref().map(of)).collect()
    };
    let names: Vec<String> = noted.iter().map(|n| n.table.in_target().to_string()).collect();
    let whole_ms: Vec<Option<i64>> = noted
        .iter()
        .map(|n| n.pass.whole.then(|| signed(n.pass.took_ms)).transpose())
        .collect::<Result<_, _>>()?;
    let edits: Vec<i64> = noted.iter().map(|n| signed(n.edits)).collect::<Result<_, _>>()?;
    let unstamped: Vec<i64> = noted.iter().map(|n| signed(n.edits_unstamped)).collect::<Result<_, _>>()?;
    link.client
        .execute(
            "INSERT INTO bicuspid.table_pass AS p (table_name, proof_ms, stamp_column, stamp_seen, clock_here, \
             clock_utc, edits, edits_unstamped) \
             SELECT n, ms, c, seen::timestamp, here::timestamp, utc::timestamp, e, u FROM unnest($1::text[], \
             $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[]) \
             AS noted (n, ms, c, seen, here, utc, e, u) \
             ON CONFLICT (table_name) DO UPDATE SET proof_ms = coalesce(excluded.proof_ms, p.proof_ms), \
             stamp_column = excluded.stamp_column, stamp_seen = excluded.stamp_seen, \
             clock_here = excluded.clock_here, clock_utc = excluded.clock_utc, \
             edits = p.edits + excluded.edits, edits_unstamped = p.edits_unstamped + excluded.edits_unstamped",
            &[
                &names,
                &whole_ms,
                &each(|mark| mark.column.clone()),
                &each(|mark| mark.seen.to_string()),
                &each(|mark| mark.clock_here.to_string()),
                &each(|mark| mark.clock_utc.to_string()),
                &edits,
                &unstamped,
            ],
        )
        .await
        .map_err(|e| of_driver(&e, "write the passes over the tables"))?;
    Ok(())
}

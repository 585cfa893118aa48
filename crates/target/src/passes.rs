//! What is remembered of the passes over a table: how long a whole one takes, up to which edit stamp it was read, and
//! how often a row changed without its stamp.

use std::collections::BTreeMap;

use bicuspid_model::{DateTime, TableName};

use crate::ddl;
use crate::error::{TargetError, of_state};
use crate::identity::{has_state_column, has_state_table};
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
    /// Whether the last pass over all of it let the server's own hashes stand for rows.
    pub by_hash: bool,
    /// When all of its rows were last read, RFC 3339 UTC; `None` if that was before it was kept.
    pub rows_read_at: Option<String>,
}

/// What one pass found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassRecord {
    /// Whether every chunk of the table was looked at, which proves it.
    pub whole: bool,
    /// Whether the server's own hash stood for the rows of some of them.
    pub by_hash: bool,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// Where the next pass over edited rows begins.
    pub stamp: Option<StampMark>,
}

fn unreadable() -> TargetError {
    TargetError::Protocol { what: "the passes in schema bicuspid" }
}

/// Makes the table and the columns that copies begun by older versions lack.
pub(crate) async fn prepare(link: &Link) -> Result<(), TargetError> {
    if !has_state_table(link, "table_pass").await? {
        link.run_on_state(&link.sql(ddl::TABLE_PASS), "make a table of the state").await?;
    }
    let keeps_marks = link.keeps_marks().await? && has_state_column(link, "table_pass", "by_hash").await?;
    if !keeps_marks {
        link.run_on_state(&link.sql(ddl::MARKS), "add columns to schema bicuspid").await?;
    }
    Ok(())
}

/// What is known of the passes over each table, by its name on the target.
pub(crate) async fn read(link: &Link) -> Result<BTreeMap<String, PassState>, TargetError> {
    if !has_state_table(link, "table_pass").await? {
        return Ok(BTreeMap::new());
    }
    let rows = link
        .client
        .query(
            link.sql(
                "SELECT table_name, proof_ms, stamp_column, to_char(stamp_seen, 'YYYY-MM-DD HH24:MI:SS'), \
             to_char(clock_here, 'YYYY-MM-DD HH24:MI:SS'), to_char(clock_utc, 'YYYY-MM-DD HH24:MI:SS'), \
             edits, edits_unstamped, coalesce((to_jsonb(p) ->> 'by_hash')::boolean, false), \
             to_char((to_jsonb(p) ->> 'rows_read_at')::timestamptz AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM {state}.table_pass AS p",
            )
            .as_str(),
            &[],
        )
        .await
        .map_err(|e| of_state(&e, "read the passes over the tables"))?;
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
                by_hash: row.try_get(8).map_err(|_| unreadable())?,
                rows_read_at: text(9)?,
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
    let by_hash: Vec<Option<bool>> = noted.iter().map(|n| n.pass.whole.then_some(n.pass.by_hash)).collect();
    let edits: Vec<i64> = noted.iter().map(|n| signed(n.edits)).collect::<Result<_, _>>()?;
    let unstamped: Vec<i64> = noted.iter().map(|n| signed(n.edits_unstamped)).collect::<Result<_, _>>()?;
    let fault = |e: tokio_postgres::Error| of_state(&e, "write the passes over the tables");
    let insert = link
        .known(
            "INSERT INTO {state}.table_pass AS p (table_name, proof_ms, stamp_column, stamp_seen, clock_here, \
             clock_utc, edits, edits_unstamped, by_hash, rows_read_at) \
             SELECT n, ms, c, seen::timestamp, here::timestamp, utc::timestamp, e, u, coalesce(h, false), \
             CASE WHEN NOT h THEN now() END FROM unnest($1::text[], \
             $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], \
             $9::boolean[]) AS noted (n, ms, c, seen, here, utc, e, u, h) \
             ON CONFLICT (table_name) DO UPDATE SET proof_ms = coalesce(excluded.proof_ms, p.proof_ms), \
             stamp_column = excluded.stamp_column, stamp_seen = excluded.stamp_seen, \
             clock_here = excluded.clock_here, clock_utc = excluded.clock_utc, \
             edits = p.edits + excluded.edits, edits_unstamped = p.edits_unstamped + excluded.edits_unstamped, \
             by_hash = CASE WHEN excluded.proof_ms IS NULL THEN p.by_hash ELSE excluded.by_hash END, \
             rows_read_at = coalesce(excluded.rows_read_at, p.rows_read_at)",
        )
        .await
        .map_err(fault)?;
    link.client
        .execute(
            &insert,
            &[
                &names,
                &whole_ms,
                &each(|mark| mark.column.clone()),
                &each(|mark| mark.seen.to_string()),
                &each(|mark| mark.clock_here.to_string()),
                &each(|mark| mark.clock_utc.to_string()),
                &edits,
                &unstamped,
                &by_hash,
            ],
        )
        .await
        .map_err(fault)?;
    Ok(())
}

//! What edit stamps tell: the server's clock, the latest stamp of a table, and the rows edited since a moment.
//!
//! A stamp says that a row was edited, never that it was not. What is found here chooses where to look first; it proves
//! nothing.

use std::time::{Duration, Instant};

use bicuspid_guard::ReadStatement;
use bicuspid_guard::stamps::{self, StampQuery};
use bicuspid_model::{Batch, DateTime, KeyBound, Table};

use crate::decode::Conversions;
use crate::discover::{FoundTable, Stamp};
use crate::error::SourceError;
use crate::extract::Source;
use crate::hours::Hours;
use crate::pace::Pace;
use crate::row::{DriverCells, decode_row};

/// The source's clock at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceClock {
    /// Local time of the session, by which rows are stamped.
    pub here: DateTime,
    /// The same moment in UTC.
    pub utc: DateTime,
}

impl SourceClock {
    /// Seconds by which local time is ahead of UTC.
    #[must_use]
    pub const fn offset_seconds(&self) -> i64 {
        self.here.seconds_since(self.utc)
    }
}

/// The rows that were stamped since a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// Their keys.
    Keys(Vec<KeyBound>),
    /// More than were asked for, or it cannot be told.
    TooMany,
}

impl Source {
    /// Asks the server for the time.
    pub async fn clock(&mut self) -> Result<SourceClock, SourceError> {
        let unreadable = || SourceError::Protocol { what: "the server's clock" };
        let rows = self.wire.texts(&stamps::clock()?, "the clock").await?;
        let asked_at = Instant::now();
        let row = rows.into_iter().next().ok_or_else(unreadable)?;
        let moment = |i: usize| row.get(i).and_then(Option::as_deref).and_then(DateTime::parse);
        let (Some(here), Some(utc)) = (moment(0), moment(1)) else { return Err(unreadable()) };
        if let Some(hours) = &self.options.quiet_hours {
            self.hours = Some(Hours::new(hours.clone(), here, asked_at));
        }
        Ok(SourceClock { here, utc })
    }

    /// The latest stamp of a table, in the session's local time; `None` if it has no stamp to ask for, no row, or a
    /// stamp that is no date.
    pub async fn latest_stamp(&mut self, found: &FoundTable) -> Result<Option<DateTime>, SourceError> {
        let Some(stamp) = &found.stamp else { return Ok(None) };
        let statement = stamps::latest(&self.stamp_query(found, stamp)?.borrowed())?;
        let began = Instant::now();
        let mut latest = None;
        let what = found.name.as_str();
        let asked = self
            .wire
            .send(&statement, what, |row| {
                let text = crate::connect::cell(&row, 0)?;
                latest = text.and_then(|t| std::str::from_utf8(t).ok()).and_then(DateTime::parse);
                Ok(())
            })
            .await;
        self.took(1, 0, began.elapsed()).await?;
        match asked {
            // An index that the server was told to ignore. If it is the table that is gone, reading it will tell.
            Err(SourceError::Drifted { .. }) => Ok(None),
            asked => asked.map(|()| latest),
        }
    }

    /// The keys of the rows that were stamped at or after `since`, of which there may be `max`. The table's key is the
    /// one column at `key`.
    pub async fn edited_since(
        &mut self,
        found: &FoundTable,
        table: &Table,
        key: usize,
        since: DateTime,
        max: u64,
    ) -> Result<Edited, SourceError> {
        let fault = || SourceError::Key { table: table.name.to_string() };
        let stamp = found.stamp.as_ref().ok_or_else(fault)?;
        let column = table.columns.get(key).ok_or_else(fault)?.clone();
        let query = self.stamp_query(found, stamp)?;
        let limit = max.saturating_add(1);
        let statement: ReadStatement =
            stamps::edited_since(&query.borrowed(), &column.name, &since.to_string(), limit)?;
        let keys = Table { name: table.name.clone(), columns: vec![column], primary_key: vec![0] };
        let mut conversions = [Conversions::default()];
        let mut batch = Batch::new();
        let began = Instant::now();
        let asked = self
            .wire
            .send(&statement, keys.name.as_str(), |row| {
                decode_row(&mut batch, &keys, &mut DriverCells::of(&row), &mut conversions)
            })
            .await;
        match asked {
            // See `latest_stamp`.
            Err(SourceError::Drifted { .. }) => return Ok(Edited::TooMany),
            asked => asked?,
        }
        let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        self.took(rows, u64::try_from(batch.bytes().len()).unwrap_or(u64::MAX), began.elapsed()).await?;
        if conversions.iter().any(|c| !c.is_empty()) {
            return Err(fault());
        }
        if rows > max {
            return Ok(Edited::TooMany);
        }
        let bounds = batch.rows().map(|row| KeyBound::of_row(row, &[0])).collect::<Option<_>>();
        bounds.map(Edited::Keys).ok_or_else(fault)
    }

    fn stamp_query(&self, found: &FoundTable, stamp: &Stamp) -> Result<OwnedQuery, SourceError> {
        let column = found.columns.get(stamp.column);
        let column = column.ok_or_else(|| SourceError::Drifted { table: found.name.to_string() })?;
        Ok(OwnedQuery {
            database: self.wire.database.clone(),
            table: found.name.clone(),
            stamp: column.name.clone(),
            index: stamp.index.clone(),
        })
    }

    /// Counts a statement, and leaves the server alone for as long as it took.
    async fn took(&mut self, rows: u64, bytes: u64, elapsed: Duration) -> Result<(), SourceError> {
        self.meter.add(rows, bytes, elapsed);
        if self.options.pace == Pace::Kind || self.is_quiet().await? {
            self.sleep(elapsed).await;
        }
        Ok(())
    }
}

/// A stamp query that does not borrow from the source that sends it.
struct OwnedQuery {
    database: bicuspid_model::DatabaseName,
    table: bicuspid_model::TableName,
    stamp: bicuspid_model::ColumnName,
    index: bicuspid_model::IndexName,
}

impl OwnedQuery {
    const fn borrowed(&self) -> StampQuery<'_> {
        StampQuery { database: &self.database, table: &self.table, stamp: &self.stamp, index: &self.index }
    }
}

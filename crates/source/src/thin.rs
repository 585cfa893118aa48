//! Reading over a thin link: how fast it is, and sums of row hashes that the server makes, so that rows which did not
//! change need not travel.

use std::time::{Duration, Instant};

use bicuspid_guard::{ReadStatement, RowHash, server_hash};
use bicuspid_model::{KeyBound, ServerSum};
use sqlx::mysql::MySqlRow;

use crate::connect::cell;
use crate::error::SourceError;
use crate::extract::{Reader, Source};
use crate::pace::Pacer;
use crate::walk::Walk;

/// Short questions by which the round trip is measured, after one that prepares them.
const ROUND_TRIPS: usize = 3;
/// Time of the first answer of known size from which on it is not asked for again.
const SLOW: Duration = Duration::from_secs(1);

/// What was measured of the way to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSpeed {
    /// Time of the shortest question and its answer.
    pub round_trip: Duration,
    /// Bytes that arrive in a second.
    pub bytes_per_second: u64,
}

/// What the server says of the rows of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RangeSum {
    /// How many there are.
    pub rows: u64,
    /// Sum of their hashes.
    pub sum: ServerSum,
}

impl Source {
    /// Measures the link by a few short questions and some generated text; no table is touched. From now on the round
    /// trip is not taken for time in which the server was at work.
    pub async fn measure_link(&mut self) -> Result<LinkSpeed, SourceError> {
        let (nothing, text) = (server_hash::nothing()?, server_hash::generated_text()?);
        self.timed(&nothing).await?;
        let mut round_trip = Duration::MAX;
        for _ in 0..ROUND_TRIPS {
            round_trip = round_trip.min(self.timed(&nothing).await?);
        }
        // The first time the statement travels too, and the connection learns how much it may have on the way.
        let mut took = self.timed(&text).await?;
        if took < SLOW {
            took = Duration::MAX;
            for _ in 0..ROUND_TRIPS {
                took = took.min(self.timed(&text).await?);
            }
        }
        self.round_trip = round_trip;
        let micros = took.saturating_sub(round_trip).as_micros().max(1);
        let per_second = u128::from(server_hash::GENERATED_BYTES) * 1_000_000 / micros;
        Ok(LinkSpeed { round_trip, bytes_per_second: u64::try_from(per_second).unwrap_or(u64::MAX) })
    }

    async fn timed(&mut self, statement: &ReadStatement) -> Result<Duration, SourceError> {
        let began = Instant::now();
        self.wire.send(statement, "the link", |_| Ok(())).await?;
        Ok(began.elapsed())
    }

    /// The time of a statement without that of its way there and back.
    pub(crate) fn at_work(&self, elapsed: Duration) -> Duration {
        elapsed.saturating_sub(self.round_trip)
    }
}

impl<'a> Reader<'a> {
    /// Asks the server for its hash of every row that is read from now on.
    #[must_use]
    pub const fn hashing(mut self, hash: Option<&'a RowHash>) -> Self {
        self.hash = hash;
        self
    }

    /// Rows that the next question for a sum may be about, for it to be answered by one statement.
    pub fn rows_asked_at_once(&mut self) -> u64 {
        self.asking().rows().saturating_sub(1)
    }

    /// Asks the server for the sum of its hashes of the rows after `after` up to and including `up_to`, or to the end,
    /// of which there should be `rows`. `None`: there are more, one of them cannot be hashed, or it would take longer
    /// than a statement may.
    pub async fn sum(
        &mut self,
        after: Option<KeyBound>,
        up_to: Option<&KeyBound>,
        rows: u64,
    ) -> Result<Option<RangeSum>, SourceError> {
        let (Walk::Keyset(positions), Some(hash)) = (self.walk, self.hash) else {
            return Err(SourceError::Protocol { what: "a sum without a key or a hash" });
        };
        let mut found = RangeSum::default();
        self.after = after;
        loop {
            let limit = self.asking().rows();
            let left = rows.saturating_sub(found.rows);
            // Where all of them fit into one statement their end need not be looked for.
            let end = if left < limit && self.filter.is_none() {
                None
            } else {
                self.window_end(positions, limit, up_to).await?
            };
            let up_to = end.as_ref().or(up_to);
            let build = |query: &bicuspid_guard::ChunkQuery<'_>| server_hash::chunk_sums(query, hash);
            let statement = self.statement(positions, limit, up_to, &[], build)?;
            let began = Instant::now();
            let answer = match self.source.sums(&statement, self.table.name.as_str()).await {
                Ok(answer) => answer,
                Err(SourceError::TimeLimit { .. }) => {
                    self.asked(limit, limit, began.elapsed()).await?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            self.asked(limit, answer.rows, began.elapsed()).await?;
            found.rows += answer.rows;
            found.sum.merge(answer.sum);
            let is_cut = end.is_none() && answer.rows >= limit;
            if answer.hashed != answer.rows || found.rows > rows || is_cut {
                return Ok(None);
            }
            match end {
                None => return Ok(Some(found)),
                Some(end) => self.after = Some(end),
            }
        }
    }

    fn asking(&mut self) -> &mut Pacer {
        let pacer = &self.pacer;
        self.asking.get_or_insert_with(|| pacer.for_sums())
    }

    /// Counts a question, learns from it, and leaves the server alone for a while.
    async fn asked(&mut self, limit: u64, rows: u64, elapsed: Duration) -> Result<(), SourceError> {
        self.source.meter.asked(rows, elapsed);
        let at_work = self.source.at_work(elapsed);
        self.asking().learn_sums(limit, rows, at_work);
        self.rest(elapsed).await
    }
}

/// The answer to a question for sums.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    rows: u64,
    /// Rows that have a hash.
    hashed: u64,
    sum: ServerSum,
}

impl Source {
    /// Asks for sums; again, over a new connection, where the old one ended and no snapshot went with it.
    async fn sums(&mut self, statement: &ReadStatement, table: &str) -> Result<Sums, SourceError> {
        let mut tries = 0;
        loop {
            let mut sums = None;
            let asked = self
                .wire
                .send(statement, table, |row| {
                    let rows = number(&row, 0)?;
                    let sum = ServerSum { high: half(&row, 2)?, low: half(&row, 3)? };
                    sums = Some(Sums { rows, hashed: number(&row, 1)?, sum });
                    Ok(())
                })
                .await;
            match asked {
                Ok(()) => return sums.ok_or_else(unreadable),
                Err(error) => {
                    self.note(&error);
                    self.recover(error, &mut tries).await?;
                }
            }
        }
    }
}

fn unreadable() -> SourceError {
    SourceError::Protocol { what: "sums of row hashes" }
}

fn number(row: &MySqlRow, i: usize) -> Result<u64, SourceError> {
    let bytes = cell(row, i)?.ok_or_else(unreadable)?;
    Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| unreadable())?))
}

/// The exact decimal sum of halves, of which what 64 bits hold counts; NULL is the sum of nothing.
fn half(row: &MySqlRow, i: usize) -> Result<u64, SourceError> {
    let Some(bytes) = cell(row, i)? else { return Ok(0) };
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    let whole: u128 = text.parse().map_err(|_| unreadable())?;
    u64::try_from(whole & u128::from(u64::MAX)).map_err(|_| unreadable())
}

/// Adds the server's hash of a row to those of the others. One row without a hash, and there is no sum.
pub(crate) fn add_hash(hashes: &mut Option<Vec<ServerSum>>, cell: Option<&[u8]>) -> Result<(), SourceError> {
    match (hashes.as_mut(), cell) {
        (Some(hashes), Some(bytes)) => {
            let hash = bytes.try_into().map_err(|_| SourceError::Protocol { what: "the hash of a row" })?;
            hashes.push(ServerSum::of_row(hash));
        }
        _ => *hashes = None,
    }
    Ok(())
}

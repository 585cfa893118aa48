//! Reading tables: one short statement after the other, each drained to memory at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bicuspid_guard::session::{self, SessionLimits};
use bicuspid_guard::{
    ChunkQuery, Filter, KeyPart, ReadStatement, Refusal, RowHash, Selected, SourceServer, builder,
};
use bicuspid_model::{
    Batch, Column, Endpoint, IndexName, KeyBound, QuietHours, ServerSum, SourceType, Table, TableName, Value,
};

use crate::connect::{SourceFacts, Wire, cell};
use crate::decode::Conversions;
use crate::decoder::{Decoder, Form};
use crate::discover::{self, Discovered, Engine, FoundTable, key_cast};
use crate::error::SourceError;
use crate::hours::Hours;
use crate::load::{LoadLimits, Overslept, Watch};
use crate::meter::Meter;
use crate::pace::{Pace, Pacer};
use crate::raw::{self, RawRows};
use crate::renewal::{Renewal, judged};
use crate::row::{DriverCells, decode_row, large_cells, select_of};
use crate::walk::Walk;

/// Age at which a snapshot is given up for a new one, so that the server can clean up old row versions.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_mins(2);

/// How a source is read.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// What the session sets upon itself.
    pub limits: SessionLimits,
    /// Pauses between statements.
    pub pace: Pace,
    /// How long one statement should take at most.
    pub lock_aim: Duration,
    /// The clinic's business hours, by its own clock, in which no pace is quicker than the kind one and large tables are
    /// read at a tenth of the time. `None` if there are none, or if a person wishes to disregard them.
    pub quiet_hours: Option<QuietHours>,
    /// When the server counts as busy, and when as in trouble.
    pub load: LoadLimits,
    /// Which rows of a table are read, by the table's name in small letters; of the others, all are.
    pub filters: BTreeMap<String, Filter>,
    /// What is done when the connection ends.
    pub renewal: Renewal,
    /// Longest wait for an answer to be complete, beyond what the server allows a statement: a server or network that
    /// fell silent ends the connection instead of hanging the run.
    pub patience: Duration,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            limits: SessionLimits::default(),
            pace: Pace::Kind,
            lock_aim: Duration::from_millis(10),
            quiet_hours: None,
            load: LoadLimits::default(),
            filters: BTreeMap::new(),
            renewal: Renewal::default(),
            patience: Duration::from_secs(70),
        }
    }
}

/// A clinic's server, to be read. It has no method that takes a statement and none that writes.
pub struct Source {
    pub(crate) endpoint: Endpoint,
    pub(crate) wire: Wire,
    pub(crate) facts: SourceFacts,
    pub(crate) options: SourceOptions,
    pub(crate) meter: Meter,
    /// When the snapshot was begun that the connection holds, if it holds one.
    pub(crate) snapshot: Option<Instant>,
    /// Time that a question and its answer are on their way, as last measured.
    pub(crate) round_trip: Duration,
    /// When the server's status was last looked at.
    pub(crate) looked_at: Option<Instant>,
    pub(crate) watch: Watch,
    pub(crate) overslept: Overslept,
    /// The business hours with the clinic's clock, once it was asked for the time.
    pub(crate) hours: Option<Hours>,
    /// How often somebody ended a statement of ours.
    kills: u32,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Rows of one statement.
#[derive(Debug)]
pub struct Piece {
    /// The rows, in key order.
    pub batch: Batch,
    /// Whether nothing is left in the range that was asked for.
    pub is_last: bool,
    /// The server's hash of each row, if it was asked for and every row has one.
    pub hashes: Option<Vec<ServerSum>>,
}

/// Rows of one statement, as they came.
#[derive(Debug)]
pub struct RawPiece {
    /// The rows, in key order.
    pub rows: RawRows,
    /// Whether nothing is left in the range that was asked for.
    pub is_last: bool,
}

/// What one statement brought.
struct Rows {
    batch: Batch,
    /// See [`Piece::hashes`].
    hashes: Option<Vec<ServerSum>>,
    elapsed: Duration,
    /// They were too large to take all that the statement asked for.
    is_cut: bool,
}

impl Source {
    /// Connects as [`Source::connect`] does, and says what was found whatever the account may do; no table is read.
    pub async fn inspect(endpoint: &Endpoint, options: &SourceOptions) -> Result<SourceFacts, SourceError> {
        let (wire, facts) = Wire::open(endpoint, options).await?;
        wire.close().await;
        Ok(facts)
    }

    /// Connects, makes the session read-only and bounded, reads everything back, and judges the grants of the account.
    ///
    /// # Errors
    /// [`SourceError::Refused`] if the account may do more than read this one database, whoever it is: there is no
    /// way to a `Source` around it.
    pub async fn connect(endpoint: &Endpoint, options: SourceOptions) -> Result<Self, SourceError> {
        let (wire, facts) = judged(endpoint, &options).await?;
        Ok(Self {
            endpoint: endpoint.clone(),
            wire,
            facts,
            options,
            meter: Meter::default(),
            snapshot: None,
            round_trip: Duration::ZERO,
            looked_at: None,
            watch: Watch::default(),
            overslept: Overslept::default(),
            hours: None,
            kills: 0,
        })
    }

    /// What the server says of itself.
    #[must_use]
    pub const fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    /// Refuses the server if it is another one than this.
    pub fn must_be(&self, known: &SourceServer) -> Result<(), SourceError> {
        Ok(known.compare(&self.facts.server)?)
    }

    /// What was asked so far, and how long it took.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Asks the catalog what the database holds.
    pub async fn discover(&mut self) -> Result<Discovered, SourceError> {
        let mut tries = 0;
        loop {
            match discover::discover(&mut self.wire).await {
                Err(error) => self.recover(error, &mut tries).await?,
                discovered => return discovered,
            }
        }
    }

    /// Tables whose rows are filtered, by their names in small letters.
    pub fn filtered(&self) -> impl Iterator<Item = &str> {
        self.options.filters.keys().map(String::as_str)
    }

    fn filter(&self, table: &TableName) -> Option<&Filter> {
        self.options.filters.get(&table.as_str().to_lowercase())
    }

    /// Counts the rows of a table: at once on MyISAM, inside the snapshot and by reading an index on InnoDB. `None`
    /// if the server's time limit came first, and for a table with a filter: counting would look at every row of it in
    /// one statement.
    pub async fn count(&mut self, table: &TableName) -> Result<Option<u64>, SourceError> {
        if self.filter(table).is_some() {
            return Ok(None);
        }
        let statement = builder::count(&self.wire.database.clone(), table, None)?;
        match self.counted(&statement, table).await {
            Ok(count) => Ok(Some(count)),
            Err(SourceError::TimeLimit { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn counted(&mut self, statement: &ReadStatement, table: &TableName) -> Result<u64, SourceError> {
        let unreadable = || SourceError::Protocol { what: "a count" };
        let mut tries = 0;
        loop {
            let mut count = None;
            let counted = self
                .wire
                .send(statement, table.as_str(), |row| {
                    let bytes = cell(&row, 0)?.ok_or_else(unreadable)?;
                    count = Some(u64::from_le_bytes(bytes.try_into().map_err(|_| unreadable())?));
                    Ok(())
                })
                .await;
            match counted {
                Ok(()) => return count.ok_or_else(unreadable),
                Err(error) => {
                    self.note(&error);
                    self.recover(error, &mut tries).await?;
                }
            }
        }
    }

    /// Makes sure that the table still has the columns that it was found with: the bytes of rows that were read after
    /// somebody altered it may mean something else, and yet make sense. One that was read in a snapshot must be the same
    /// table: of another that took its name the snapshot shows the rows that it had before.
    pub async fn must_still_be(&mut self, found: &FoundTable) -> Result<(), SourceError> {
        let mut tries = 0;
        loop {
            match self.is_still(found).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(SourceError::Drifted { table: found.name.to_string() }),
                Err(error) => self.recover(error, &mut tries).await?,
            }
        }
    }

    async fn is_still(&mut self, found: &FoundTable) -> Result<bool, SourceError> {
        if discover::columns(&mut self.wire, &found.name).await? != found.columns {
            return Ok(false);
        }
        Ok(found.engine != Engine::Snapshot
            || discover::made_at(&mut self.wire, &found.name).await?.as_ref() == Some(&found.made_at))
    }

    /// Prepares to read a table of this engine, on a new connection if the old one has prepared many statements: InnoDB tables are read in a snapshot, others outside of any
    /// transaction, so that no metadata lock outlives a statement.
    pub async fn enter(&mut self, engine: &Engine) -> Result<(), SourceError> {
        let mut tries = 0;
        loop {
            if self.wire.is_worn() || self.wire.is_interrupted() {
                self.renew().await?;
            }
            match self.prepare(engine).await {
                Err(error) => {
                    // No table is open: what the connection took with it is begun anew.
                    self.snapshot = None;
                    self.recover(error, &mut tries).await?;
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn prepare(&mut self, engine: &Engine) -> Result<(), SourceError> {
        self.look_around().await?;
        let young = self.snapshot.is_some_and(|at| at.elapsed() < SNAPSHOT_AGE_MAX);
        match engine {
            Engine::Snapshot if young => {}
            Engine::Snapshot => {
                self.end_snapshot().await?;
                self.wire.command(&session::begin_snapshot(self.facts.flavour)).await?;
                self.snapshot = Some(Instant::now());
                self.wire.command(&session::savepoint()).await?;
            }
            Engine::TableLock(_) => self.end_snapshot().await?,
        }
        Ok(())
    }

    /// Gives the metadata lock of the table back and keeps the snapshot. A connection on which a read was cut short
    /// is given up, and the snapshot and the lock with it.
    pub async fn leave(&mut self) -> Result<(), SourceError> {
        if self.wire.is_interrupted() {
            return self.renew().await;
        }
        match self.give_back().await {
            // The rows are in hand, and the locks went with the connection.
            Err(SourceError::Lost { .. }) => self.renew().await,
            left => left,
        }
    }

    /// Gives metadata locks back that the snapshot's transaction holds, and keeps the snapshot. A table that somebody
    /// rebuilds then is not in the snapshot any more, which the server says (1412).
    async fn give_back(&mut self) -> Result<(), SourceError> {
        if self.snapshot.is_some() {
            self.wire.command(&session::rollback_to_savepoint()).await?;
        }
        Ok(())
    }

    /// Ends the snapshot when nothing more will be read, so that the server keeps no old rows for it. One that cannot be
    /// ended ends with the connection.
    pub async fn end_reading(&mut self) {
        let _ = self.end_snapshot().await;
    }

    pub(crate) async fn end_snapshot(&mut self) -> Result<(), SourceError> {
        if self.snapshot.take().is_some() {
            self.wire.command(&session::end()).await?;
        }
        Ok(())
    }

    /// Begins to read a table.
    pub fn reader<'a>(&'a mut self, found: &FoundTable, table: &Table, walk: &'a Walk) -> Reader<'a> {
        let pacer =
            Pacer::new(self.options.pace, self.options.lock_aim, found.row_bytes_estimate).after(self.kills);
        let filter = self.filter(&table.name).cloned();
        Reader {
            source: self,
            filter,
            table: Arc::new(table.clone()),
            walk,
            pacer,
            hash: None,
            asking: None,
            index: found.index_of(walk.positions()),
            large: large_cells(found, table).into(),
            conversions: vec![Conversions::default(); table.columns.len()],
            after: None,
            expected: 0,
        }
    }

    /// Ends the session.
    pub async fn close(mut self) -> Meter {
        self.end_reading().await;
        let meter = self.meter.clone();
        self.wire.close().await;
        meter
    }

    /// The rows of a statement that stands for itself, of which so many bytes and rows are likely, and the time it took. Where there is no snapshot to be lost it
    /// is sent again over a new connection if the old one ended before the last row had come.
    ///
    /// If the rows are too large no more are taken. Where the statement holds a lock meanwhile the connection is given up
    /// for it; a snapshot would be lost with that, and the rest is received and forgotten.
    async fn rows(
        &mut self,
        statement: &ReadStatement,
        table: &Arc<Table>,
        form: Form,
        (likely, large): ((usize, usize), &Arc<[usize]>),
        conversions: &mut [Conversions],
    ) -> Result<Rows, SourceError> {
        let mut tries = 0;
        loop {
            let mut decoder = Decoder::new(table, form, likely, large);
            let (mut is_cut, is_locked) = (false, self.snapshot.is_none());
            let began = Instant::now();
            let read = self
                .wire
                .send_until(statement, table.name.as_str(), |row| {
                    is_cut = is_cut || !decoder.take(row);
                    Ok(if is_cut && is_locked { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })
                .await;
            match read {
                Ok(is_whole) => {
                    let elapsed = began.elapsed();
                    let rows = decoder.end().await?;
                    if !is_whole {
                        self.renew().await?;
                    }
                    for (counts, more) in conversions.iter_mut().zip(rows.conversions) {
                        counts.merge(more);
                    }
                    return Ok(Rows { batch: rows.batch, hashes: rows.hashes, elapsed, is_cut });
                }
                Err(error) => {
                    self.note(&error);
                    self.recover(error, &mut tries).await?;
                }
            }
        }
    }

    /// Remembers that somebody ended a statement of ours: what follows is gentler.
    pub(crate) fn note(&mut self, error: &SourceError) {
        if matches!(error, SourceError::Killed { .. }) {
            self.kills += 1;
        }
    }
}

/// A walk through one table.
pub struct Reader<'a> {
    pub(crate) source: &'a mut Source,
    pub(crate) filter: Option<Filter>,
    pub(crate) table: Arc<Table>,
    pub(crate) walk: &'a Walk,
    pub(crate) pacer: Pacer,
    /// The server's hash of a row, if it is asked for with every row.
    pub(crate) hash: Option<&'a RowHash>,
    /// Sizes of the statements that ask for sums of hashes, once there was one.
    pub(crate) asking: Option<Pacer>,
    /// The index of the walk's key.
    index: Option<IndexName>,
    /// Places of the cells that may be larger than a statement may bring.
    large: Arc<[usize]>,
    conversions: Vec<Conversions>,
    pub(crate) after: Option<KeyBound>,
    /// Rows that the range which is read should still have; 0 if that is not known.
    expected: u64,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("table", &self.table.name).finish_non_exhaustive()
    }
}

impl Reader<'_> {
    /// Begins after this key instead of at the first row, or after the last row that was read. `expected` is how many
    /// rows there should be up to the end of the range: if they just fill a statement, it asks for some more, so that
    /// it shows whether there are more, and no empty statement must follow.
    pub fn seek(&mut self, after: Option<KeyBound>, expected: u64) {
        self.after = after;
        self.expected = expected;
    }

    /// Values that were replaced so far, one entry for each column.
    #[must_use]
    pub fn conversions(&self) -> &[Conversions] {
        &self.conversions
    }

    /// Reads the next rows up to and including `up_to`, or to the end, by the key of the walk. After the last piece of
    /// a range the next call goes on behind the last row; [`Reader::seek`] says otherwise.
    pub async fn next(&mut self, up_to: Option<&KeyBound>) -> Result<Piece, SourceError> {
        let (rows, is_last) = self.step(up_to, Form::Canonical { is_hashed: self.hash.is_some() }).await?;
        Ok(Piece { batch: rows.batch, is_last, hashes: rows.hashes })
    }

    /// The same, with the rows as they came. What is replaced in them is counted where they are decoded.
    pub async fn next_raw(&mut self, up_to: Option<&KeyBound>) -> Result<RawPiece, SourceError> {
        let (rows, is_last) = self.step(up_to, Form::AsTheyCame).await?;
        Ok(RawPiece { rows: self.raw(rows.batch), is_last })
    }

    fn raw(&self, cells: Batch) -> RawRows {
        let keys = self.walk.positions().iter().chain(&self.table.primary_key).copied().collect();
        RawRows::new(cells, Arc::clone(&self.table), keys, self.hash.is_some())
    }

    /// The rows of the next statement that brings any, and whether nothing is left.
    async fn step(&mut self, up_to: Option<&KeyBound>, form: Form) -> Result<(Rows, bool), SourceError> {
        let Walk::Keyset(positions) = self.walk else {
            return Err(SourceError::Protocol { what: "a walk without a key" });
        };
        loop {
            let limit = self.pacer.rows_past(self.expected);
            // With a filter, a statement looks at the rows up to a key that was found before.
            let end = match &self.filter {
                Some(_) => self.window_end(positions, limit, up_to).await?,
                None => None,
            };
            let statement = self.statement(
                positions,
                limit,
                end.as_ref().or(up_to),
                &select_of(&self.table, self.hash),
                builder::chunk,
            )?;
            let likely = (self.pacer.room(limit), usize::try_from(limit).unwrap_or_default());
            let (table, likely) = (&self.table, (likely, &self.large));
            let read = self.source.rows(&statement, table, form, likely, &mut self.conversions).await?;
            let rows = u64::try_from(read.batch.len()).unwrap_or(u64::MAX);
            // There may be more behind the last of them, up to the end of the window too: it was looked for before, and
            // rows may have come into it.
            let is_full = read.is_cut || rows >= limit;
            let looked_at = if end.is_some() && !read.is_cut { limit } else { rows };
            self.learn(looked_at, read.batch.bytes().len(), read.elapsed);
            self.check_keys(positions)?;
            self.expected = self.expected.saturating_sub(rows);
            let is_last = end.is_none() && !is_full;
            if let Some(end) = end.filter(|_| !is_full) {
                self.after = Some(end);
            } else if let Some(row) = read.batch.last() {
                let key = match form {
                    Form::Canonical { .. } => KeyBound::of_row(row, positions),
                    Form::AsTheyCame => raw::key_of(row, &self.table, positions)?,
                };
                self.after = Some(key.ok_or_else(|| self.key_fault())?);
            }
            self.rest(read.elapsed).await?;
            if is_last || !read.batch.is_empty() {
                return Ok((read, is_last));
            }
        }
    }

    /// The key of the last of the next `limit` rows, filtered or not; `None` if there are fewer.
    pub(crate) async fn window_end(
        &mut self,
        positions: &[usize],
        limit: u64,
        up_to: Option<&KeyBound>,
    ) -> Result<Option<KeyBound>, SourceError> {
        let columns = positions.iter().map(|&i| self.table.columns.get(i).cloned());
        let columns: Vec<Column> = columns.collect::<Option<_>>().ok_or_else(|| self.key_fault())?;
        let places: Vec<usize> = (0..columns.len()).collect();
        let key = Arc::new(Table { name: self.table.name.clone(), columns, primary_key: places.clone() });
        let statement =
            self.statement(positions, limit, up_to, &select_of(&key, None), builder::chunk_end)?;
        let mut conversions = vec![Conversions::default(); places.len()];
        let Rows { batch, elapsed, .. } = self
            .source
            .rows(
                &statement,
                &key,
                Form::Canonical { is_hashed: false },
                ((0, 0), &Arc::default()),
                &mut conversions,
            )
            .await?;
        self.rest(elapsed).await?;
        if conversions.iter().any(|c| !c.is_empty()) {
            return Err(self.key_fault());
        }
        batch.last().map(|row| KeyBound::of_row(row, &places).ok_or_else(|| self.key_fault())).transpose()
    }

    /// A statement over the rows between the last one that was read and `up_to`.
    pub(crate) fn statement(
        &self,
        positions: &[usize],
        limit: u64,
        up_to: Option<&KeyBound>,
        select: &[Selected<'_>],
        build: impl FnOnce(&ChunkQuery<'_>) -> Result<ReadStatement, Refusal>,
    ) -> Result<ReadStatement, SourceError> {
        let key = self.key_parts(positions)?;
        let after = self.after.as_ref().map(|k| self.bound(k, positions)).transpose()?;
        let up_to = up_to.map(|k| self.bound(k, positions)).transpose()?;
        Ok(build(&ChunkQuery {
            database: &self.source.wire.database,
            table: &self.table.name,
            select,
            key: &key,
            index: self.index.as_ref(),
            after: after.as_deref(),
            up_to: up_to.as_deref(),
            limit,
            filter: self.filter.as_ref(),
        })?)
    }

    /// Reads all rows by one statement and hands them over in pieces of about `bytes_max` bytes as they arrive. `each`
    /// returns whether it wants more; the statement is drained in any case, so that its lock is given back.
    pub async fn whole(
        &mut self,
        bytes_max: usize,
        mut each: impl FnMut(Batch) -> bool,
    ) -> Result<(), SourceError> {
        let database = self.source.wire.database.clone();
        let statement =
            builder::whole(&database, &self.table.name, &select_of(&self.table, None), self.filter.as_ref())?;
        let mut batch = Batch::new();
        let (mut rows, mut bytes, mut wanted) = (0_u64, 0_usize, true);
        let (table, conversions) = (&self.table, &mut self.conversions);
        let began = Instant::now();
        let read = self
            .source
            .wire
            .send(&statement, table.name.as_str(), |row| {
                rows += 1;
                if wanted {
                    decode_row(&mut batch, table, &mut DriverCells::of(&row), conversions)?;
                    if batch.bytes().len() >= bytes_max {
                        bytes += batch.bytes().len();
                        wanted = each(std::mem::take(&mut batch));
                    }
                }
                Ok(())
            })
            .await;
        let elapsed = began.elapsed();
        if let Err(error) = read {
            self.source.note(&error);
            // Pieces were handed over already.
            return Err(error.cut());
        }
        bytes += batch.bytes().len();
        if wanted && !batch.is_empty() {
            each(batch);
        }
        self.learn(rows, bytes, elapsed);
        let keys = self.table.primary_key.clone();
        self.check_keys(&keys)?;
        self.rest(elapsed).await
    }

    fn learn(&mut self, rows: u64, bytes: usize, elapsed: Duration) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.source.meter.add(rows, bytes, elapsed);
        self.pacer.learn(rows, bytes, self.source.at_work(elapsed));
    }

    /// Leaves the server alone for a while, and looks how it fares.
    pub(crate) async fn rest(&mut self, elapsed: Duration) -> Result<(), SourceError> {
        let worked = self.source.at_work(elapsed);
        // Not even the right to alter the table is kept from anybody while nothing is read.
        if let Err(error) = self.source.give_back().await {
            self.source.recover(error, &mut 0).await?;
        }
        let is_quiet = self.source.is_quiet().await?;
        if let Err(error) = self.source.look_around().await {
            // The rows are in hand.
            self.source.recover(error, &mut 0).await?;
        }
        let strain = self.source.watch.strain();
        self.pacer.mind(is_quiet, strain, worked);
        if let Some(asking) = &mut self.asking {
            asking.mind(is_quiet, strain, worked);
        }
        if let Some(pause) = self.pacer.pause(worked) {
            self.source.sleep(pause).await;
        }
        Ok(())
    }

    pub(crate) fn key_fault(&self) -> SourceError {
        SourceError::Key { table: self.table.name.to_string() }
    }

    fn key_parts(&self, positions: &[usize]) -> Result<Vec<KeyPart<'_>>, SourceError> {
        positions
            .iter()
            .map(|&i| {
                let column = self.table.columns.get(i)?;
                let cast = key_cast(&column.source)?.for_server(self.source.facts.flavour);
                Some(KeyPart { column: &column.name, cast })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.key_fault())
    }

    fn bound(&self, key: &KeyBound, positions: &[usize]) -> Result<Vec<Value>, SourceError> {
        let columns: Vec<&Column> = positions.iter().filter_map(|&i| self.table.columns.get(i)).collect();
        let values = key.values(columns.iter().copied()).ok_or_else(|| self.key_fault())?;
        columns
            .iter()
            .zip(values)
            .map(|(column, value)| match (&column.source, value) {
                // Kept as a decimal on the target, a number to the source.
                (SourceType::BigInt { unsigned: true }, Value::Decimal(text)) => {
                    text.parse().ok().map(Value::UInt)
                }
                (_, value) => Some(value),
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.key_fault())
    }

    /// A key that was replaced on the way does not name its row any more.
    fn check_keys(&self, positions: &[usize]) -> Result<(), SourceError> {
        let keys = positions.iter().chain(&self.table.primary_key);
        let mut replaced = keys.filter_map(|&i| self.conversions.get(i));
        if replaced.any(|c| !c.is_empty()) { Err(self.key_fault()) } else { Ok(()) }
    }
}

//! Comparing a table with the fingerprints of its chunks, and what of it changed.

use std::collections::BTreeSet;

use bicuspid_model::{Batch, Fingerprint, FingerprintKey, KeyBound, ServerSum};
use bicuspid_source::{Conversions, DecodedRows, Engine, RawPiece, RawRows, Reader, Source};
use bicuspid_target::{ChangedRange, ChunkState, Marks, RowHashes};

use crate::beside::Beside;
use crate::cutter::{CHUNK_BYTES, Cutter, Recut};
use crate::error::SyncError;
use crate::event::{Event, Listener};
use crate::extract::{Extracted, converted, count, finish};
use crate::shape::Shaped;
use crate::staging::Staging;
use crate::thin::Asker;

/// How often a chunk that changed is read again, at most, until two reads of it agree.
const REREADS_MAX: u32 = 5;

/// Which of the recorded chunks are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of them, which proves the table.
    All,
    /// Those at these places; the others are taken to be as they were.
    Some(BTreeSet<usize>),
}

impl Selection {
    fn takes(&self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(places) => places.contains(&place),
        }
    }

    /// The chunks from this place on that follow each other and are read, and whether they go to the end.
    fn run<'c>(&self, recorded: &'c [ChunkState], from: usize) -> (&'c [ChunkState], bool) {
        let end = match self {
            Self::All => recorded.len(),
            Self::Some(_) => {
                (from..recorded.len()).find(|place| !self.takes(*place)).unwrap_or(recorded.len())
            }
        };
        (recorded.get(from..end).unwrap_or_default(), end == recorded.len())
    }
}

/// Reads chunks and compares them with their fingerprints; the rows of those that differ go to staging, if there is one.
/// The rows of a chunk are hashed while the next ones are read: first as they came, and decoded only if that hash is not
/// the one that they had when they were last decoded. Over a thin link the server is asked for its own hash of
/// a chunk first, and the rows of one that it shows unchanged are not read.
pub(crate) async fn differences(
    source: &mut Source,
    shaped: &Shaped,
    key: &FingerprintKey,
    recorded: &[ChunkState],
    selection: &Selection,
    staging: Option<&Staging>,
    listener: Listener<'_>,
) -> Result<Extracted, SyncError> {
    source.enter(&shaped.found.engine).await?;
    // Counting an InnoDB table reads an index to its end, which is what reading a part is to save.
    let before = match (selection, &shaped.found.engine) {
        (Selection::Some(_), Engine::Snapshot) => None,
        _ => count(source, shaped).await?,
    };
    let mut extracted = Extracted::default();
    let cell_key = shaped.thin.is_none().then(|| shaped.cell_key(key, source.facts()));
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk).hashing(shaped.row_hash());
    let mut asker = shaped.thin.as_ref().map(Asker::new);
    let mut unread = BTreeSet::new();
    let places = Places { recorded, last: recorded.len().saturating_sub(1) };
    let judge = Judge {
        recorded: recorded.iter().map(Recorded::of).collect(),
        cell_key,
        blank: Cutter::new(key, shaped),
        is_locking: matches!(shaped.found.engine, Engine::TableLock(_)),
        outlet: Outlet {
            staging: staging.map(Staging::patient),
            hashes: staging.and_then(|_| RowHashes::of(&shaped.table, key)),
        },
        open: None,
        verdicts: Vec::new(),
        conversions: vec![Conversions::default(); shaped.table.columns.len()],
    };
    let beside = Beside::start(judge, Judge::add);
    'chunks: for place in (0..recorded.len()).filter(|&place| selection.takes(place)) {
        if let Some(asker) = &mut asker {
            let (chunks, is_end) = selection.run(recorded, place);
            if asker.is_unchanged(&mut reader, chunks, places.lower(place), is_end).await? {
                listener(Event::Hashed { rows: places.rows(place) });
                unread.insert(place);
                continue;
            }
        }
        reader.seek(places.lower(place), places.rows(place));
        loop {
            let piece = reader.next_raw(places.upper(place)).await?;
            extracted.tell(piece.rows.len(), piece.rows.size(), listener);
            let is_last = piece.is_last;
            if !beside.give((place, piece)).await {
                break 'chunks;
            }
            if is_last {
                break;
            }
        }
    }
    let mut judge = beside.end().await?;
    // What is read again is staged by this task.
    judge.outlet.staging = staging.cloned();
    let mut verdicts = std::mem::take(&mut judge.verdicts).into_iter();
    let mut cut_anew = Recut::new(shaped);
    for (place, chunk) in recorded.iter().enumerate() {
        let verdict = if selection.takes(place) && !unread.contains(&place) {
            verdicts.next().ok_or(SyncError::Pump)?
        } else {
            Verdict::Same { bytes: None, marks: Marks::default() }
        };
        let verdict = match verdict {
            Verdict::Torn(read) => {
                again(&mut reader, &mut judge, &places, place, read, &mut extracted, listener).await?
            }
            verdict => verdict,
        };
        let upper = places.upper(place);
        match verdict {
            Verdict::Changed { expected, marks, cut } => {
                let (after, up_to) = (places.lower(place), upper.cloned());
                extracted.changed.push(ChangedRange { after, up_to, expected });
                let whole = || vec![ChunkState { upper: upper.cloned(), fingerprint: expected, marks }];
                cut_anew.put(cut.map_or_else(whole, |cut| cut.end(upper.cloned())), upper);
            }
            Verdict::Same { bytes, marks } => {
                // The same rows have the same hashes, by whatever recipe they were made.
                let marks = marks.or(chunk.marks);
                if marks != chunk.marks {
                    extracted.marks.push((place, marks));
                }
                let fingerprint = chunk.fingerprint;
                cut_anew.keep(ChunkState { upper: upper.cloned(), fingerprint, marks }, bytes);
            }
            // Those were read again.
            Verdict::Torn(_) => return Err(SyncError::Pump),
        }
    }
    extracted.chunks = cut_anew.end();
    extracted.hashes = judge.outlet.hashes.take();
    extracted.asked = asker.as_ref().map(Asker::asked).unwrap_or_default();
    merge(&mut judge.conversions, reader.conversions());
    extracted.converted = converted(shaped, &judge.conversions);
    finish(source, shaped, before, &mut extracted).await?;
    Ok(extracted)
}

/// Where the recorded chunks lie.
struct Places<'a> {
    recorded: &'a [ChunkState],
    last: usize,
}

impl Places<'_> {
    fn lower(&self, place: usize) -> Option<KeyBound> {
        self.recorded.get(place.checked_sub(1)?)?.upper.clone()
    }

    fn rows(&self, place: usize) -> u64 {
        self.recorded.get(place).map_or(0, |chunk| chunk.fingerprint.rows)
    }

    /// The last recorded chunk is open: what was added behind it belongs to it and is cut anew.
    fn upper(&self, place: usize) -> Option<&KeyBound> {
        if place == self.last { None } else { self.recorded.get(place)?.upper.as_ref() }
    }
}

fn merge(conversions: &mut [Conversions], more: &[Conversions]) {
    for (counts, more) in conversions.iter_mut().zip(more) {
        counts.merge(*more);
    }
}

/// What is known of a chunk that is read again.
#[derive(Debug, Clone, Copy, Default)]
struct Recorded {
    fingerprint: Fingerprint,
    /// The fingerprint of its rows as they came, if there is one.
    as_they_came: Option<Fingerprint>,
}

impl Recorded {
    fn of(chunk: &ChunkState) -> Self {
        let fingerprint = chunk.fingerprint;
        let as_they_came = chunk.marks.cells.map(|sum| Fingerprint { rows: fingerprint.rows, sum });
        Self { fingerprint, as_they_came }
    }
}

/// What a chunk turned out to be.
#[derive(Debug)]
enum Verdict {
    /// As it was recorded.
    Same {
        /// Bytes of its rows, if they were read.
        bytes: Option<usize>,
        /// Other hashes of them, as far as they were made.
        marks: Marks,
    },
    /// Not as it was recorded; its rows went to staging.
    Changed {
        expected: Fingerprint,
        /// Other hashes of its rows, as far as they were made.
        marks: Marks,
        /// The chunks that it becomes, unless it stays one.
        cut: Option<Box<Cutter>>,
    },
    /// Not as it was recorded, but read by several statements between which somebody may have worked. Its rows were
    /// dropped.
    Torn(Fingerprint),
}

/// Where the rows of changed chunks go.
#[derive(Debug)]
struct Outlet {
    staging: Option<Staging>,
    /// Hashes of all rows that went there.
    hashes: Option<RowHashes>,
}

impl Outlet {
    /// Sends what waits. Rows are hashed before anybody else has them.
    fn send(&mut self, waiting: &mut Vec<Batch>) -> Result<(), SyncError> {
        for rows in waiting.drain(..) {
            if let Some(hashes) = &mut self.hashes {
                hashes.add(&rows);
            }
            if let Some(staging) = &self.staging {
                staging.push(rows.into_bytes())?;
            }
        }
        Ok(())
    }
}

/// Hashes chunks and compares them with what was recorded.
#[derive(Debug)]
struct Judge {
    recorded: Vec<Recorded>,
    /// By which rows are hashed as they came. Not over a thin link: what is read there changed, or lacks a hash.
    cell_key: Option<FingerprintKey>,
    blank: Cutter,
    is_locking: bool,
    outlet: Outlet,
    open: Option<Read>,
    /// One for each chunk that was read, in their order.
    verdicts: Vec<Verdict>,
    /// Values that were replaced in rows that were decoded.
    conversions: Vec<Conversions>,
}

impl Judge {
    fn add(&mut self, (place, piece): (usize, RawPiece)) -> Result<(), SyncError> {
        let recorded = self.recorded.get(place).copied().unwrap_or_default();
        let mut read = self.open.take().unwrap_or_else(|| Read::new(&self.blank, self.cell_key.is_some()));
        let is_last = piece.is_last;
        read.keep(piece.rows, self.cell_key.as_ref());
        if !is_last {
            if read.must_be_decoded(recorded) {
                read.decode(recorded.fingerprint, &mut self.outlet, &mut self.conversions)?;
            }
            self.open = Some(read);
            return Ok(());
        }
        if read.is_as_it_came(recorded) {
            self.verdicts.push(Verdict::Same { bytes: Some(read.raw_bytes), marks: Marks::default() });
            return Ok(());
        }
        read.decode(recorded.fingerprint, &mut self.outlet, &mut self.conversions)?;
        let verdict = if read.now == recorded.fingerprint {
            read.same()
        } else if self.is_locking && read.statements > 1 && !read.has_grown {
            Verdict::Torn(read.now)
        } else {
            read.changed(&mut self.outlet, false)?
        };
        self.verdicts.push(verdict);
        Ok(())
    }
}

/// Reads a chunk anew until two reads agree: between them it was what they show. Where no two do, the rows of each
/// statement become a chunk of their own.
async fn again(
    reader: &mut Reader<'_>,
    judge: &mut Judge,
    places: &Places<'_>,
    place: usize,
    mut before: Fingerprint,
    extracted: &mut Extracted,
    listener: Listener<'_>,
) -> Result<Verdict, SyncError> {
    let recorded = judge.recorded.get(place).copied().unwrap_or_default().fingerprint;
    let mut tries = 0;
    loop {
        let mut read = Read::new(&judge.blank, false);
        reader.seek(places.lower(place), places.rows(place));
        loop {
            let piece = reader.next(places.upper(place)).await?;
            extracted.tell(piece.batch.len(), piece.batch.bytes().len(), listener);
            read.take(piece.batch, piece.hashes, recorded, &mut judge.outlet)?;
            if piece.is_last {
                break;
            }
        }
        tries += 1;
        if read.now == recorded {
            return Ok(read.same());
        }
        let agrees = read.now == before;
        if agrees || read.has_grown || tries == REREADS_MAX {
            return read.changed(&mut judge.outlet, !agrees);
        }
        before = read.now;
    }
}

/// The rows of one chunk, as they were read.
#[derive(Debug)]
struct Read {
    /// Rows that were not decoded yet.
    undecoded: Vec<RawRows>,
    /// The fingerprint of all rows as they came, if it is made.
    as_they_came: Option<Fingerprint>,
    /// Bytes of all rows as they came.
    raw_bytes: usize,
    /// Whether a value was replaced in a row that was decoded.
    has_conversions: bool,
    /// What follows is of the rows that were decoded.
    now: Fingerprint,
    /// What the server's own hashes of them add up to; `None` if a row came without one.
    server: Option<ServerSum>,
    bytes: usize,
    statements: u32,
    waiting: Vec<Batch>,
    cutter: Cutter,
    has_grown: bool,
}

impl Read {
    fn new(blank: &Cutter, is_hashed_raw: bool) -> Self {
        Self {
            undecoded: Vec::new(),
            as_they_came: is_hashed_raw.then(Fingerprint::default),
            raw_bytes: 0,
            has_conversions: false,
            now: Fingerprint::default(),
            server: Some(ServerSum::default()),
            bytes: 0,
            statements: 0,
            waiting: Vec::new(),
            cutter: blank.clone(),
            has_grown: false,
        }
    }

    /// Takes rows as they came.
    fn keep(&mut self, rows: RawRows, key: Option<&FingerprintKey>) {
        if let (Some(all), Some(key)) = (&mut self.as_they_came, key) {
            rows.rows().for_each(|row| all.add(key.hash(row)));
        }
        self.raw_bytes += rows.size();
        self.undecoded.push(rows);
    }

    /// Whether the rows differ for sure from those that were recorded, or cannot be known undecoded. They should not
    /// wait in memory for the last of them then.
    fn must_be_decoded(&self, recorded: Recorded) -> bool {
        let both = self.as_they_came.zip(recorded.as_they_came);
        both.is_none_or(|(now, before)| now.rows > before.rows) || self.raw_bytes > CHUNK_BYTES
    }

    /// Whether all rows came as they did when they were last decoded.
    fn is_as_it_came(&self, recorded: Recorded) -> bool {
        recorded.as_they_came.is_some() && recorded.as_they_came == self.as_they_came
    }

    /// Decodes what was not yet.
    fn decode(
        &mut self,
        recorded: Fingerprint,
        outlet: &mut Outlet,
        conversions: &mut [Conversions],
    ) -> Result<(), SyncError> {
        for rows in std::mem::take(&mut self.undecoded) {
            let DecodedRows { batch, hashes, conversions: more } = rows.decode()?;
            self.has_conversions = self.has_conversions || more.iter().any(|counts| !counts.is_empty());
            merge(conversions, &more);
            self.take(batch, hashes, recorded, outlet)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        batch: Batch,
        hashes: Option<Vec<ServerSum>>,
        recorded: Fingerprint,
        outlet: &mut Outlet,
    ) -> Result<(), SyncError> {
        self.now.merge(self.cutter.add(&batch, hashes.as_deref())?);
        self.server = self.server.zip(hashes).map(|(sum, rows)| rows.into_iter().fold(sum, ServerSum::with));
        self.bytes += batch.bytes().len();
        self.statements += 1;
        if outlet.staging.is_some() && !batch.is_empty() {
            self.waiting.push(batch);
        }
        // More rows than were recorded, or more bytes than a chunk holds: it differs for sure, and need not be kept in
        // memory to the end.
        self.has_grown = self.has_grown || self.now.rows > recorded.rows || self.cutter.is_past_a_cut();
        if self.has_grown { outlet.send(&mut self.waiting) } else { Ok(()) }
    }

    /// Hashes of the rows beside their fingerprint.
    fn marks(&self) -> Marks {
        // Rows with replaced values are decoded in every pass, so that these are counted.
        let cells = self.as_they_came.filter(|_| !self.has_conversions).map(|all| all.sum);
        Marks { server: self.cutter.server_hash(self.server), cells }
    }

    fn same(&self) -> Verdict {
        Verdict::Same { bytes: Some(self.bytes), marks: self.marks() }
    }

    fn changed(mut self, outlet: &mut Outlet, is_restless: bool) -> Result<Verdict, SyncError> {
        outlet.send(&mut self.waiting)?;
        let is_cut = self.has_grown || is_restless || self.now.rows == 0 || self.cutter.is_past_a_cut();
        let marks = self.marks();
        Ok(Verdict::Changed { expected: self.now, marks, cut: is_cut.then(|| Box::new(self.cutter)) })
    }
}

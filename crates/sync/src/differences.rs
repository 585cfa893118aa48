//! Comparing a table with the fingerprints of its chunks, and what of it changed.

use std::collections::BTreeSet;

use bicuspid_model::{Fingerprint, FingerprintKey, KeyBound, ServerHash, ServerSum};
use bicuspid_source::{Engine, Piece, Reader, Source};
use bicuspid_target::{ChangedRange, ChunkState};

use crate::beside::Beside;
use crate::cutter::{Cutter, Recut};
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
/// The rows of a chunk are hashed while the next ones are read. Over a thin link the server is asked for its own hash of
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
    let mut reader = source.reader(&shaped.found, &shaped.table, &shaped.walk).hashing(shaped.row_hash());
    let mut asker = shaped.thin.as_ref().map(Asker::new);
    let mut unread = BTreeSet::new();
    let places = Places { recorded, last: recorded.len().saturating_sub(1) };
    let judge = Judge {
        recorded: recorded.iter().map(|chunk| chunk.fingerprint).collect(),
        blank: Cutter::new(key, shaped),
        is_locking: matches!(shaped.found.engine, Engine::TableLock(_)),
        staging: staging.cloned(),
        open: None,
        verdicts: Vec::new(),
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
            let piece = reader.next(places.upper(place)).await?;
            extracted.tell(&piece.batch, listener);
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
    let mut verdicts = std::mem::take(&mut judge.verdicts).into_iter();
    let mut cut_anew = Recut::new(shaped);
    for (place, chunk) in recorded.iter().enumerate() {
        let verdict = if selection.takes(place) && !unread.contains(&place) {
            verdicts.next().ok_or(SyncError::Pump)?
        } else {
            Verdict::Same { bytes: None, server: None }
        };
        let verdict = match verdict {
            Verdict::Torn(read) => {
                again(&mut reader, &judge, &places, place, read, &mut extracted, listener).await?
            }
            verdict => verdict,
        };
        let upper = places.upper(place);
        match verdict {
            Verdict::Changed { expected, server, cut } => {
                let (after, up_to) = (places.lower(place), upper.cloned());
                extracted.changed.push(ChangedRange { after, up_to, expected });
                let whole = || vec![ChunkState { upper: upper.cloned(), fingerprint: expected, server }];
                cut_anew.put(cut.map_or_else(whole, |cut| cut.end(upper.cloned())), upper);
            }
            Verdict::Same { bytes, server } => {
                if let Some(hash) = server.filter(|hash| chunk.server != Some(*hash)) {
                    extracted.server_hashes.push((place, hash));
                }
                // The same rows have the same hash, by whatever recipe it was made.
                let server = server.or(chunk.server);
                let fingerprint = chunk.fingerprint;
                cut_anew.keep(ChunkState { upper: upper.cloned(), fingerprint, server }, bytes);
            }
            // Those were read again.
            Verdict::Torn(_) => return Err(SyncError::Pump),
        }
    }
    extracted.chunks = cut_anew.end();
    extracted.asked = asker.as_ref().map(Asker::asked).unwrap_or_default();
    extracted.converted = converted(shaped, reader.conversions());
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

/// What a chunk turned out to be.
#[derive(Debug)]
enum Verdict {
    /// As it was recorded.
    Same {
        /// Bytes of its rows, if they were read.
        bytes: Option<usize>,
        /// The server's own hash of them, if they came with one.
        server: Option<ServerHash>,
    },
    /// Not as it was recorded; its rows went to staging.
    Changed {
        expected: Fingerprint,
        /// The server's own hash of its rows, if they came with one.
        server: Option<ServerHash>,
        /// The chunks that it becomes, unless it stays one.
        cut: Option<Box<Cutter>>,
    },
    /// Not as it was recorded, but read by several statements between which somebody may have worked. Its rows were
    /// dropped.
    Torn(Fingerprint),
}

/// Hashes chunks and compares them with what was recorded.
#[derive(Debug)]
struct Judge {
    recorded: Vec<Fingerprint>,
    blank: Cutter,
    is_locking: bool,
    staging: Option<Staging>,
    open: Option<Read>,
    /// One for each chunk that was read, in their order.
    verdicts: Vec<Verdict>,
}

impl Judge {
    fn add(&mut self, (place, piece): (usize, Piece)) -> Result<(), SyncError> {
        let recorded = self.recorded.get(place).copied().unwrap_or_default();
        let mut read = self.open.take().unwrap_or_else(|| Read::new(&self.blank));
        let is_last = piece.is_last;
        read.take(piece, recorded, self.staging.as_ref())?;
        if !is_last {
            self.open = Some(read);
            return Ok(());
        }
        let verdict = if read.now == recorded {
            read.same()
        } else if self.is_locking && read.statements > 1 && !read.has_grown {
            Verdict::Torn(read.now)
        } else {
            read.changed(self.staging.as_ref(), false)?
        };
        self.verdicts.push(verdict);
        Ok(())
    }
}

/// Reads a chunk anew until two reads agree: between them it was what they show. Where no two do, the rows of each
/// statement become a chunk of their own.
async fn again(
    reader: &mut Reader<'_>,
    judge: &Judge,
    places: &Places<'_>,
    place: usize,
    mut before: Fingerprint,
    extracted: &mut Extracted,
    listener: Listener<'_>,
) -> Result<Verdict, SyncError> {
    let recorded = judge.recorded.get(place).copied().unwrap_or_default();
    let mut tries = 0;
    loop {
        let mut read = Read::new(&judge.blank);
        reader.seek(places.lower(place), places.rows(place));
        loop {
            let piece = reader.next(places.upper(place)).await?;
            extracted.tell(&piece.batch, listener);
            let is_last = piece.is_last;
            read.take(piece, recorded, judge.staging.as_ref())?;
            if is_last {
                break;
            }
        }
        tries += 1;
        if read.now == recorded {
            return Ok(read.same());
        }
        let agrees = read.now == before;
        if agrees || read.has_grown || tries == REREADS_MAX {
            return read.changed(judge.staging.as_ref(), !agrees);
        }
        before = read.now;
    }
}

/// The rows of one chunk, as they were read.
#[derive(Debug)]
struct Read {
    now: Fingerprint,
    /// What the server's own hashes of them add up to; `None` if a row came without one.
    server: Option<ServerSum>,
    bytes: usize,
    statements: u32,
    waiting: Vec<Vec<u8>>,
    cutter: Cutter,
    has_grown: bool,
}

impl Read {
    fn new(blank: &Cutter) -> Self {
        let cutter = blank.clone();
        let (now, server) = (Fingerprint::default(), Some(ServerSum::default()));
        Self { now, server, bytes: 0, statements: 0, waiting: Vec::new(), cutter, has_grown: false }
    }

    fn take(
        &mut self,
        piece: Piece,
        recorded: Fingerprint,
        staging: Option<&Staging>,
    ) -> Result<(), SyncError> {
        let Piece { batch, hashes, .. } = piece;
        self.now.merge(self.cutter.add(&batch, hashes.as_deref())?);
        self.server = self.server.zip(hashes).map(|(sum, rows)| rows.into_iter().fold(sum, ServerSum::with));
        self.bytes += batch.bytes().len();
        self.statements += 1;
        if staging.is_some() && !batch.is_empty() {
            self.waiting.push(batch.into_bytes());
        }
        // More rows than were recorded, or more bytes than a chunk holds: it differs for sure, and need not be kept in
        // memory to the end.
        self.has_grown = self.has_grown || self.now.rows > recorded.rows || self.cutter.is_past_a_cut();
        if self.has_grown { self.send(staging) } else { Ok(()) }
    }

    /// Sends to staging what waits.
    fn send(&mut self, staging: Option<&Staging>) -> Result<(), SyncError> {
        for rows in self.waiting.drain(..) {
            if let Some(staging) = staging {
                staging.push(rows)?;
            }
        }
        Ok(())
    }

    fn same(&self) -> Verdict {
        Verdict::Same { bytes: Some(self.bytes), server: self.cutter.server_hash(self.server) }
    }

    fn changed(mut self, staging: Option<&Staging>, is_restless: bool) -> Result<Verdict, SyncError> {
        self.send(staging)?;
        let is_cut = self.has_grown || is_restless || self.now.rows == 0 || self.cutter.is_past_a_cut();
        let server = self.cutter.server_hash(self.server);
        Ok(Verdict::Changed { expected: self.now, server, cut: is_cut.then(|| Box::new(self.cutter)) })
    }
}

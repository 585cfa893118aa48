//! Rows on their way from the source to the target: a queue in memory that spills to disk.
//!
//! A statement is never held back by a slow target, for its lock would be held too. Between statements a reader that may wait
//! waits for room ([`Staging::patient`]), but not for a target that stands still, and never for longer in all than it has
//! read: its snapshot is open at most twice as long as reading takes. What does not fit in memory goes to
//! a file, compressed and sealed with AES-256-GCM under a key that exists only in this process: after a crash the file
//! is noise. The file has no name that tells anything, is readable by its owner alone, and is removed when the queue
//! is dropped; leftovers of a crash are removed at the next start.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;

use crate::error::SyncError;

/// How a leftover is recognised.
const SUFFIX: &str = ".bicuspid-staging";
/// Largest sealed part, a guard against reading nonsense.
const PART_BYTES_MAX: usize = 1 << 31;

/// How long a target may take nothing before nobody waits for it any more.
const STILL_MAX: Duration = Duration::from_millis(250);
/// How long one part is waited with: the session on the source is idle meanwhile, and some servers end those that are for
/// long.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A queue of canonical rows with one writer and one reader.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    inner: Arc<Mutex<Inner>>,
    arrived: Arc<Notify>,
    left: Arc<Condvar>,
    /// Whether whoever pushes waits for room.
    is_patient: bool,
}

#[derive(Debug)]
struct Inner {
    memory: VecDeque<Vec<u8>>,
    memory_bytes: usize,
    memory_bytes_max: usize,
    may_wait: bool,
    began: Instant,
    /// Time that was waited for room so far.
    waited: Duration,
    /// Rows that were taken out, in the parts in which they were pushed.
    taken: u64,
    /// What `taken` was when the target was found to stand still.
    still_at: Option<u64>,
    spill: Spill,
    closed: bool,
    spilled_bytes: u64,
}

impl Inner {
    fn has_room(&self, bytes: usize) -> bool {
        // Once something is on disk everything after it goes there, so that the order stays.
        self.spill.is_empty() && self.memory_bytes + bytes <= self.memory_bytes_max
    }

    /// Whether waiting for room may help, and is not too much.
    fn is_worth_waiting(&self, bytes: usize) -> bool {
        self.may_wait
            && bytes <= self.memory_bytes_max
            && self.still_at != Some(self.taken)
            && self.waited * 2 < self.began.elapsed()
    }
}

impl Staging {
    /// A queue that keeps up to `memory_bytes_max` in memory and the rest in `dir`. `may_wait` says whether
    /// [`Staging::patient`] makes a difference.
    pub(crate) fn new(memory_bytes_max: usize, dir: &Path, may_wait: bool) -> Result<Self, SyncError> {
        let inner = Inner {
            memory: VecDeque::new(),
            memory_bytes: 0,
            memory_bytes_max,
            may_wait,
            began: Instant::now(),
            waited: Duration::ZERO,
            taken: 0,
            still_at: None,
            spill: Spill::new(dir)?,
            closed: false,
            spilled_bytes: 0,
        };
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
            arrived: Arc::new(Notify::new()),
            left: Arc::new(Condvar::new()),
            is_patient: false,
        })
    }

    /// The same queue for a thread of its own, whose rows are in hand and hold no lock: [`Self::push`] then waits for room
    /// as long as the target takes rows. A reader that is quicker than the target need not go over the disk.
    pub(crate) fn patient(&self) -> Self {
        Self { is_patient: true, ..self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows. It waits only for a reader that is patient.
    pub(crate) fn push(&self, rows: Vec<u8>) -> Result<(), SyncError> {
        if rows.is_empty() {
            return Ok(());
        }
        {
            let mut inner = self.lock();
            if self.is_patient {
                inner = self.wait_for_room(inner, rows.len());
            }
            if inner.has_room(rows.len()) {
                inner.memory_bytes += rows.len();
                inner.memory.push_back(rows);
            } else {
                inner.spilled_bytes += u64::try_from(rows.len()).unwrap_or(u64::MAX);
                inner.spill.push(&rows)?;
            }
        }
        self.arrived.notify_one();
        Ok(())
    }

    fn wait_for_room<'a>(&self, mut inner: MutexGuard<'a, Inner>, bytes: usize) -> MutexGuard<'a, Inner> {
        let until = Instant::now() + WAIT_MAX;
        while !inner.has_room(bytes) && inner.is_worth_waiting(bytes) && Instant::now() < until {
            let (taken, began) = (inner.taken, Instant::now());
            let woken = self.left.wait_timeout_while(inner, STILL_MAX, |inner| inner.taken == taken);
            inner = woken.unwrap_or_else(PoisonError::into_inner).0;
            inner.waited += began.elapsed();
            if inner.taken == taken {
                inner.still_at = Some(taken);
            }
        }
        inner
    }

    /// Says that no more rows come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Waits for the first rows without taking them; whether there are any.
    pub(crate) async fn arrives(&self) -> bool {
        loop {
            {
                let inner = self.lock();
                if !inner.memory.is_empty() || !inner.spill.is_empty() {
                    return true;
                }
                if inner.closed {
                    return false;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// The next rows; `None` when the queue is closed and empty.
    pub(crate) async fn pop(&self) -> Result<Option<Vec<u8>>, SyncError> {
        loop {
            {
                let mut inner = self.lock();
                let rows = match inner.memory.pop_front() {
                    Some(rows) => {
                        inner.memory_bytes -= rows.len();
                        Some(rows)
                    }
                    None => inner.spill.pop()?,
                };
                if rows.is_some() {
                    inner.taken += 1;
                    self.left.notify_one();
                    return Ok(rows);
                }
                if inner.closed {
                    return Ok(None);
                }
            }
            self.arrived.notified().await;
        }
    }
}

/// Sealed parts in a file, first in first out.
struct Spill {
    dir: PathBuf,
    file: Option<(File, PathBuf)>,
    key: LessSafeKey,
    written: u64,
    read: u64,
    parts: u64,
    parts_read: u64,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Spill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spill").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some((file, path)) = self.file.take() {
            drop(file);
            // If it cannot be removed it is noise, and the next start tries again.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Spill {
    fn new(dir: &Path) -> Result<Self, SyncError> {
        let mut key = [0_u8; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| SyncError::StagingDamaged)?;
        let unbound = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| SyncError::StagingDamaged)?;
        Ok(Self {
            dir: dir.to_owned(),
            file: None,
            key: LessSafeKey::new(unbound),
            written: 0,
            read: 0,
            parts: 0,
            parts_read: 0,
            buffer: Vec::new(),
        })
    }

    const fn is_empty(&self) -> bool {
        self.parts_read == self.parts
    }

    /// The number of the part is its nonce: the key is new for each queue, so no nonce is used twice.
    fn nonce(part: u64) -> Nonce {
        let mut bytes = [0_u8; NONCE_LEN];
        if let Some(low) = bytes.get_mut(4..) {
            low.copy_from_slice(&part.to_be_bytes());
        }
        Nonce::assume_unique_for_key(bytes)
    }

    fn open(&mut self) -> Result<&mut File, SyncError> {
        if self.file.is_none() {
            std::fs::create_dir_all(&self.dir).map_err(SyncError::Staging)?;
            let mut name = [0_u8; 8];
            SystemRandom::new().fill(&mut name).map_err(|_| SyncError::StagingDamaged)?;
            let path = self.dir.join(format!("{:016x}{SUFFIX}", u64::from_be_bytes(name)));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&path).map_err(SyncError::Staging)?;
            self.file = Some((file, path));
        }
        self.file.as_mut().map(|(file, _)| file).ok_or(SyncError::StagingDamaged)
    }

    fn push(&mut self, rows: &[u8]) -> Result<(), SyncError> {
        let mut sealed = lz4_flex::compress_prepend_size(rows);
        self.key
            .seal_in_place_append_tag(Self::nonce(self.parts), Aad::empty(), &mut sealed)
            .map_err(|_| SyncError::StagingDamaged)?;
        let length = u32::try_from(sealed.len()).map_err(|_| SyncError::StagingDamaged)?;
        let written = self.written;
        let file = self.open()?;
        file.seek(SeekFrom::Start(written)).map_err(SyncError::Staging)?;
        file.write_all(&length.to_be_bytes()).map_err(SyncError::Staging)?;
        file.write_all(&sealed).map_err(SyncError::Staging)?;
        self.written += 4 + u64::from(length);
        self.parts += 1;
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<Vec<u8>>, SyncError> {
        if self.is_empty() {
            return Ok(None);
        }
        let (read, part) = (self.read, self.parts_read);
        let mut buffer = std::mem::take(&mut self.buffer);
        let file = self.open()?;
        file.seek(SeekFrom::Start(read)).map_err(SyncError::Staging)?;
        let mut length = [0_u8; 4];
        file.read_exact(&mut length).map_err(SyncError::Staging)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > PART_BYTES_MAX {
            return Err(SyncError::StagingDamaged);
        }
        buffer.resize(length, 0);
        file.read_exact(&mut buffer).map_err(SyncError::Staging)?;
        let plain = self
            .key
            .open_in_place(Self::nonce(part), Aad::empty(), &mut buffer)
            .map_err(|_| SyncError::StagingDamaged)?;
        let rows = lz4_flex::decompress_size_prepended(plain).map_err(|_| SyncError::StagingDamaged)?;
        self.buffer = buffer;
        self.read += 4 + u64::try_from(length).unwrap_or_default();
        self.parts_read += 1;
        if self.is_empty() {
            // Room is given back as soon as the reader has caught up.
            let file = self.open()?;
            file.set_len(0).map_err(SyncError::Staging)?;
            (self.written, self.read) = (0, 0);
        }
        Ok(Some(rows))
    }
}

/// Removes what a crash left behind. Another run cannot be at work: it would hold the target's lock.
pub(crate) fn clean(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            // Noise that cannot be removed harms nobody.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn order_stays_whatever_goes_to_disk() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::new(1000, dir.path(), false).unwrap();
        let part = |i: u32| vec![u8::try_from(i % 251).unwrap(); 90 + usize::try_from(i % 7).unwrap()];
        block_on(async {
            for i in 0..50 {
                staging.push(part(i)).unwrap();
            }
            for i in 0..30 {
                assert_eq!(staging.pop().await.unwrap(), Some(part(i)));
            }
            for i in 50..60 {
                staging.push(part(i)).unwrap();
            }
            staging.close();
            for i in 30..60 {
                assert_eq!(staging.pop().await.unwrap(), Some(part(i)));
            }
            assert_eq!(staging.pop().await.unwrap(), None);
        });
        let spilled = staging.lock().spilled_bytes;
        assert!(spilled > 3000, "{spilled}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(staging);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing stays behind");
    }

    /// A queue of 1,000 bytes of which 600 are taken, a reader that is about to add as many, and what comes of it.
    fn beside<T>(staging: &Staging, target: impl FnOnce() -> T) -> (T, Duration) {
        let reader = staging.patient();
        std::thread::scope(|scope| {
            let began = Instant::now();
            let pushed = scope.spawn(move || {
                reader.push(vec![2; 600]).unwrap();
                began.elapsed()
            });
            (target(), pushed.join().unwrap())
        })
    }

    fn full(dir: &Path, may_wait: bool) -> Staging {
        let staging = Staging::new(1000, dir, may_wait).unwrap();
        // As if it had read for a minute.
        staging.lock().began -= Duration::from_mins(1);
        staging.push(vec![1; 600]).unwrap();
        staging
    }

    #[test]
    fn a_patient_reader_waits_for_a_target_that_takes_rows() {
        let dir = tempfile::tempdir().unwrap();
        let staging = full(dir.path(), true);
        let pause = Duration::from_millis(50);
        let (rows, waited) = beside(&staging, || {
            std::thread::sleep(pause);
            block_on(staging.pop()).unwrap().unwrap()
        });
        assert_eq!(rows, [1; 600]);
        assert!(waited >= pause, "{waited:?}");
        assert_eq!(staging.lock().spilled_bytes, 0);
        assert_eq!(block_on(staging.pop()).unwrap().unwrap(), [2; 600]);
        // What is on the disk is waited for as well: else all that comes behind it would go there.
        let staging = full(dir.path(), true);
        staging.push(vec![3; 600]).unwrap();
        let (rows, _) = beside(&staging, || {
            [(); 2].map(|()| {
                std::thread::sleep(pause);
                block_on(staging.pop()).unwrap().unwrap()
            })
        });
        assert_eq!(rows, [[1; 600], [3; 600]]);
        assert_eq!(staging.lock().spilled_bytes, 600, "only what nobody waited with");
        staging.close();
        assert!(block_on(staging.arrives()));
        assert_eq!(block_on(staging.pop()).unwrap().unwrap(), [2; 600]);
        assert!(!block_on(staging.arrives()));
    }

    #[test]
    fn nobody_waits_long_for_a_target_that_stands_still() {
        let dir = tempfile::tempdir().unwrap();
        let staging = full(dir.path(), true);
        let ((), waited) = beside(&staging, || ());
        assert!(waited >= STILL_MAX, "{waited:?}");
        assert_eq!(staging.lock().spilled_bytes, 600);
        let waited = staging.lock().waited;
        beside(&staging, || ());
        assert_eq!(staging.lock().waited, waited, "it was waited for once");
        block_on(staging.pop()).unwrap();
        beside(&staging, || ());
        assert!(staging.lock().waited >= waited + STILL_MAX, "and again since it took something");
    }

    #[test]
    fn no_reader_waits_for_longer_than_it_has_read() {
        let dir = tempfile::tempdir().unwrap();
        let waited = |staging: &Staging| {
            beside(staging, || ());
            let inner = staging.lock();
            (inner.waited, inner.spilled_bytes)
        };
        assert_eq!(waited(&full(dir.path(), false)), (Duration::ZERO, 600), "a kind one never");
        let staging = full(dir.path(), true);
        staging.lock().waited = Duration::from_secs(31);
        assert_eq!(waited(&staging), (Duration::from_secs(31), 600));
        // What can never fit is not waited for.
        let staging = full(dir.path(), true);
        staging.patient().push(vec![2; 1001]).unwrap();
        assert_eq!(staging.lock().waited, Duration::ZERO);
        // Nor does a statement wait, whose lock would be held.
        let staging = full(dir.path(), true);
        staging.push(vec![2; 600]).unwrap();
        let inner = staging.lock();
        assert_eq!((inner.waited, inner.spilled_bytes), (Duration::ZERO, 600));
    }

    #[test]
    fn what_is_on_disk_tells_nothing_and_cannot_be_changed() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::new(0, dir.path(), false).unwrap();
        let secret = b"patient 4711 owes 12 dollars".repeat(10);
        staging.push(secret.clone()).unwrap();
        let path = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|w| w == b"patient"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(block_on(staging.pop()), Err(SyncError::StagingDamaged)));
    }

    #[test]
    fn leftovers_of_a_crash_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(format!("00{SUFFIX}")), b"noise").unwrap();
        std::fs::write(dir.path().join("other"), b"not ours").unwrap();
        clean(dir.path());
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["other"]);
    }
}

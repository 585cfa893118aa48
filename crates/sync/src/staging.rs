//! Rows on their way from the source to the target: a queue in memory that spills to disk.
//!
//! The source is never held back by a slow target, for its lock would be held too. What does not fit in memory goes to
//! a file, compressed and sealed with AES-256-GCM under a key that exists only in this process: after a crash the file
//! is noise. The file has no name that tells anything, is readable by its owner alone, and is removed when the queue
//! is dropped; leftovers of a crash are removed at the next start.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;

use crate::error::SyncError;

/// How a leftover is recognised.
const SUFFIX: &str = ".bicuspid-staging";
/// Largest sealed part, a guard against reading nonsense.
const PART_BYTES_MAX: usize = 1 << 31;

/// How long a quick reader waits for a slow target before its rows go to the disk.
const ROOM_WAIT_MAX: Duration = Duration::from_millis(250);

/// A queue of canonical rows with one writer and one reader.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    inner: Arc<Mutex<Inner>>,
    arrived: Arc<Notify>,
    left: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    memory: VecDeque<Vec<u8>>,
    memory_bytes: usize,
    memory_bytes_max: usize,
    waits: bool,
    spill: Spill,
    closed: bool,
    spilled_bytes: u64,
}

impl Staging {
    /// A queue that keeps up to `memory_bytes_max` in memory and the rest in `dir`. `waits` says whether
    /// [`Staging::room`] waits for a slower target.
    pub(crate) fn new(memory_bytes_max: usize, dir: &Path, waits: bool) -> Result<Self, SyncError> {
        let inner = Inner {
            memory: VecDeque::new(),
            memory_bytes: 0,
            memory_bytes_max,
            waits,
            spill: Spill::new(dir)?,
            closed: false,
            spilled_bytes: 0,
        };
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
            arrived: Arc::new(Notify::new()),
            left: Arc::new(Notify::new()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows; never waits.
    pub(crate) fn push(&self, rows: Vec<u8>) -> Result<(), SyncError> {
        if rows.is_empty() {
            return Ok(());
        }
        {
            let mut inner = self.lock();
            // Once something is on disk everything after it goes there, so that the order stays.
            if inner.spill.is_empty() && inner.memory_bytes + rows.len() <= inner.memory_bytes_max {
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

    /// Waits a moment for room in memory. Only between statements, when no lock is held on the source: a reader that
    /// is quicker than the target then need not go over the disk. A target that stands still does not hold it up.
    pub(crate) async fn room(&self) {
        let roomy = async {
            while {
                let inner = self.lock();
                inner.waits && inner.spill.is_empty() && inner.memory_bytes * 2 > inner.memory_bytes_max
            } {
                self.left.notified().await;
            }
        };
        // After that long the rows go to the disk instead.
        let _ = tokio::time::timeout(ROOM_WAIT_MAX, roomy).await;
    }

    /// The next rows; `None` when the queue is closed and empty.
    pub(crate) async fn pop(&self) -> Result<Option<Vec<u8>>, SyncError> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(rows) = inner.memory.pop_front() {
                    inner.memory_bytes -= rows.len();
                    self.left.notify_one();
                    return Ok(Some(rows));
                }
                if let Some(rows) = inner.spill.pop()? {
                    return Ok(Some(rows));
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

    async fn is_ready<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready())).await
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

    #[test]
    fn a_reader_that_may_wait_waits_for_room_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let full = |waits| {
            let staging = Staging::new(1000, dir.path(), waits).unwrap();
            staging.push(vec![1; 600]).unwrap();
            staging
        };
        block_on(async {
            full(false).room().await;
            let staging = full(true);
            let mut room = std::pin::pin!(staging.room());
            assert!(!is_ready(&mut room).await);
            assert_eq!(staging.pop().await.unwrap().unwrap().len(), 600);
            assert!(is_ready(&mut room).await);
            // What is on the disk already makes waiting useless.
            staging.push(vec![1; 1001]).unwrap();
            assert!(is_ready(&mut std::pin::pin!(staging.room())).await);
            assert!(staging.arrives().await);
            staging.pop().await.unwrap();
            staging.close();
            assert!(!staging.arrives().await);
        });
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

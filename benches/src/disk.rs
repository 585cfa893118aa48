//! What a disk itself makes everybody on it wait for: a plain write that is only to reach the page cache can stand still
//! while the file system commits what another program has synced. A server's statement that writes does the same.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// What a second server and its log need for the largest tables of a measurement, in KiB.
const ROOM_KIB: u64 = 6 << 20;
/// Bytes of the file that is written to.
const FILE_BYTES: u64 = 16 << 20;
/// Bytes of one write, a page.
const PAGE: u64 = 4096;
/// Time between two writes: the longest wait that can be overlooked.
const PERIOD: Duration = Duration::from_millis(5);

/// When something began that had to wait, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

impl Wait {
    /// Whether both waited at one time.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.began < other.began + other.took && other.began < self.began + self.took
    }
}

/// Writes a page of a file of its own again and again, into the page cache and no further, until it is told to stop.
pub(crate) fn watch(folder: &Path, stop: &AtomicBool) -> std::io::Result<Vec<Wait>> {
    let path = folder.join("watched");
    let mut file = File::create(&path)?;
    let page = vec![7; usize::try_from(PAGE).unwrap_or(1)];
    // Filled first: a table's update writes to pages that have their place on the disk.
    (0..FILE_BYTES / PAGE).try_for_each(|_| file.write_all(&page))?;
    let mut waits = Vec::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n = (n * 7919 + 13) % (FILE_BYTES / PAGE);
        let began = Instant::now();
        file.seek(SeekFrom::Start(n * PAGE))?;
        file.write_all(&page)?;
        waits.push(Wait { began, took: began.elapsed() });
        std::thread::sleep(PERIOD);
    }
    drop(file);
    fs::remove_file(path)?;
    Ok(waits)
}

/// A folder whose files are on no disk, if there is one with enough room.
pub(crate) fn in_memory() -> Option<PathBuf> {
    let output = Command::new("df").args(["-P", "-k", MEMORY]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // The fourth word of the second line is what is available (POSIX, df -P).
    let free: u64 = text.lines().nth(1)?.split_ascii_whitespace().nth(3)?.parse().ok()?;
    (free >= ROOM_KIB).then(|| PathBuf::from(MEMORY))
}

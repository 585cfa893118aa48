//! Whether somebody waited for a disk: a table that was in memory a moment ago may have been given up by the system, and
//! what is read again then waits behind whatever else is being written there.

use std::path::PathBuf;
use std::process::Command;

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// What a second server and its log need for the largest tables of a measurement, in KiB.
const ROOM_KIB: u64 = 6 << 20;

/// Bytes that a process had to fetch from a disk so far (proc(5), `read_bytes`); `None` where the system does not say.
pub(crate) fn fetched(pid: u32) -> Option<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("read_bytes:"))?.trim().parse().ok()
}

/// A folder whose files are on no disk, if there is one with enough room.
pub(crate) fn in_memory() -> Option<PathBuf> {
    let output = Command::new("df").args(["-P", "-k", MEMORY]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // The fourth word of the second line is what is available (POSIX, df -P).
    let free: u64 = text.lines().nth(1)?.split_ascii_whitespace().nth(3)?.parse().ok()?;
    (free >= ROOM_KIB).then(|| PathBuf::from(MEMORY))
}

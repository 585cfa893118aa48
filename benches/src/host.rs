//! What the machine underneath takes away: a virtual processor that its host lets wait stops everybody on it, and no
//! program inside can tell that from a slow statement. And what the machine is told to do last.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Milliseconds in a tick of `/proc/stat`: `USER_HZ` is 100 on every Linux (proc(5)).
const TICK_MS: u64 = 10;

/// How often the counters are looked at. A host that shares processors by quota does it in periods of 100 ms (Linux,
/// `sched-bwc`), so what it takes comes in blocks that are longer than this.
const STEP: Duration = Duration::from_millis(10);

/// Processor time taken by the host while something else went on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    /// Milliseconds in all, over all processors.
    pub(crate) all_ms: u64,
    /// Milliseconds of the longest block on one processor.
    pub(crate) longest_ms: u64,
}

/// Watches until it is told to stop; `None` where the system does not say.
pub(crate) fn watch(stop: &AtomicBool) -> Option<Taken> {
    let mut before = stolen_ticks()?;
    let mut taken = Taken::default();
    let mut blocks = vec![0; before.len()];
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        let now = stolen_ticks()?;
        for ((block, before), now) in blocks.iter_mut().zip(&before).zip(&now) {
            let ms = now.saturating_sub(*before) * TICK_MS;
            taken.all_ms += ms;
            // Ticks that follow each other without a pause are one block.
            *block = if ms == 0 { 0 } else { *block + ms };
            taken.longest_ms = taken.longest_ms.max(*block);
        }
        before = now;
    }
    Some(taken)
}

/// Ticks that the host took so far, over all processors; `None` where the system does not say.
pub(crate) fn taken_ticks() -> Option<u64> {
    stolen_ticks().map(|ticks| ticks.iter().sum())
}

/// The eighth figure of each `cpuN` line: "involuntary wait", in ticks.
fn stolen_ticks() -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let of_one = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?;
        let is_one = name.strip_prefix("cpu").is_some_and(|n| !n.is_empty());
        if is_one { words.nth(7)?.parse().ok() } else { None }
    };
    let ticks: Vec<u64> = stat.lines().filter_map(of_one).collect();
    if ticks.is_empty() { None } else { Some(ticks) }
}

/// Gives this thread, and all that it starts from now on, the lowest priority; whether it has it now.
pub(crate) fn yield_thread() -> bool {
    let thread = std::fs::read_link("/proc/thread-self").ok();
    let id = thread.as_ref().and_then(|path| path.file_name()?.to_str()?.parse().ok());
    id.is_some_and(yield_process)
}

/// Gives a process the lowest priority, and all that it starts from now on.
pub(crate) fn yield_process(id: u32) -> bool {
    let mut renice = Command::new("renice");
    renice.args(["-n", "19", "-p", &id.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    renice.status().is_ok_and(|status| status.success())
}

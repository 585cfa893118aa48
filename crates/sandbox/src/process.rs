//! Server processes: started so that they can be found again, ended only if they are ours.
//!
//! **Invariant:** no signal is sent to a process unless its id, its start time and the token in its data
//! directory are those that were written down when it was started.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;

/// A process as written down when it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Process id.
    pub(crate) pid: u32,
    /// When it started, as the system tells it; two processes of the same id differ in this.
    pub(crate) started: String,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// At once, without its consent.
    Kill,
    /// PostgreSQL's immediate shutdown, which still frees its shared memory.
    Quit,
    /// Stopped where it is, until [`Signal::Continue`].
    Stop,
    /// Set going again.
    Continue,
}

impl Signal {
    /// The name that `kill` knows it by.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// What the system says of a living process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// When it started.
    pub(crate) started: String,
    /// Its program and arguments.
    pub(crate) command: String,
}

/// What the system says of the process, or none if it is dead, a zombie included.
#[cfg(target_os = "linux")]
pub(crate) fn observe(pid: u32) -> Option<Observed> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything, brackets too (proc(5)).
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    // Field 22 of the line; the state just read is field 3.
    let ticks = fields.nth(18)?;
    // Ticks count from the start of the machine, so they are told apart by the machine's run.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let command = std::fs::read(folder.join("cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(Observed { started: format!("{} {ticks}", boot.trim()), command })
}

/// What the system says of the process, or none if it is dead, a zombie included.
#[cfg(not(target_os = "linux"))]
pub(crate) fn observe(pid: u32) -> Option<Observed> {
    let ask = |field: &str| {
        let output = std::process::Command::new("ps")
            .args(["-ww", "-o", field, "-p", &pid.to_string()])
            .env("LC_ALL", "C")
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    if ask("stat=")?.starts_with('Z') {
        return None;
    }
    Some(Observed { started: ask("lstart=")?, command: ask("args=")? })
}

impl Process {
    /// The process of that id, if it lives.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started: observe(pid)?.started })
    }

    /// Whether it still lives: the same id, started at the same time.
    pub(crate) fn lives(&self) -> bool {
        observe(self.pid).is_some_and(|seen| seen.started == self.started)
    }

    /// Sends a signal, if the process still lives.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: Signal) {
        use rustix::process::{Pid, Signal as Number, kill_process};
        let number = match signal {
            Signal::Kill => Number::KILL,
            Signal::Quit => Number::QUIT,
            Signal::Stop => Number::STOP,
            Signal::Continue => Number::CONT,
        };
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.lives()) {
            // It may have ended by itself in between, which is what was wanted.
            let _ = kill_process(pid, number);
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn signal(&self, _signal: Signal) {}

    /// Waits until it is gone; says whether it went within the limit.
    pub(crate) fn wait_gone(&self, limit: Duration) -> bool {
        wait_until(limit, || !self.lives())
    }
}

/// Asks again and again, with short rests, until the answer is yes or the limit is over.
pub(crate) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    let mut rest = Duration::from_millis(2);
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(rest);
        rest = (rest * 2).min(Duration::from_millis(50));
    }
}

/// The process id in a file that holds nothing else but perhaps more lines.
pub(crate) fn read_pid(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok()
}

/// The name of a file while it is written.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut fresh = path.to_owned();
    fresh.as_mut_os_string().push(".new");
    fresh
}

/// Writes a file so that it is there whole or not at all, for the owner's eyes only.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), SandboxError> {
    use std::io::Write as _;
    let fresh = unfinished(path);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&fresh).and_then(|mut file| file.write_all(content.as_bytes()));
    written.and_then(|()| std::fs::rename(&fresh, path)).map_err(SandboxError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_lives_and_is_described() {
        let ours = Process::of(std::process::id()).unwrap();
        assert!(ours.lives());
        let seen = observe(ours.pid).unwrap();
        assert!(seen.command.contains("bicuspid_sandbox"), "{}", seen.command);
        let earlier = Process { started: "long ago".into(), ..ours };
        assert!(!earlier.lives(), "the same id with another start time is another process");
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        assert!(wait_until(Duration::from_secs(10), || observe(pid).is_none()));
        child.wait().unwrap();
    }

    #[test]
    fn a_signal_to_another_start_time_is_not_sent() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let real = Process::of(child.id()).unwrap();
        Process { started: "long ago".into(), ..real.clone() }.signal(Signal::Kill);
        assert!(real.lives());
        real.signal(Signal::Kill);
        assert!(real.wait_gone(Duration::from_secs(10)));
        child.wait().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_the_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_private(&path, "one").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

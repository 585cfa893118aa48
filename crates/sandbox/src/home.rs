//! The folder in which one server lives.
//!
//! ```text
//! HOME/            0700, of the account that runs the server
//!   token          who made it; nothing is removed or signalled without it
//!   data/          the server's data directory, with the same token in it
//!   load/          files that the server may read in bulk
//!   tmp/           the server's own temporary files
//!   log            what the server says
//!   server.pid     written before the server accepts anything
//! SOCKETS/         HOME itself, or a short folder elsewhere where HOME's path is too long for a socket
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::SandboxError;
use crate::process::{self, Process, read_pid};

/// File that says which sandbox a folder belongs to.
const TOKEN: &str = "token";
/// The same inside a data directory, under a name that no server uses.
const DATA_TOKEN: &str = "bicuspid-sandbox.token";
/// Longest path of a unix socket that every system takes: macOS has 104 bytes, the last one a NUL.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// Longest name of a socket file that either server makes: `.s.PGSQL.65535.lock`.
const SOCKET_NAME_BYTES_MAX: usize = 20;
/// Longest wait for a folder to hold still while it is removed.
const REMOVE_LIMIT: Duration = Duration::from_secs(5);
/// Most lines of a log that an error carries.
const LOG_LINES_MAX: usize = 8;

/// The folders of one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Home {
    /// The folder itself.
    pub(crate) path: PathBuf,
    /// The folder of the sockets.
    pub(crate) sockets: PathBuf,
    /// Token of the sandbox.
    token: String,
}

impl Home {
    /// Plans the folders without making anything; `path` must not exist yet.
    pub(crate) fn plan(path: PathBuf, token: &str, short_root: &Path) -> Self {
        let length = path.as_os_str().len() + 1 + SOCKET_NAME_BYTES_MAX;
        let sockets = if length <= SOCKET_PATH_BYTES_MAX {
            path.clone()
        } else {
            let name: String = token.chars().take(8).collect();
            let end = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            short_root.join(format!("bicuspid-{name}-{end}"))
        };
        Self { path, sockets, token: token.to_owned() }
    }

    /// Makes the folders and gives them to the account.
    pub(crate) fn create(&self, account: Account) -> Result<(), SandboxError> {
        let inner = [self.load(), self.temporary()];
        let mut folders = vec![self.path.as_path()];
        if self.sockets != self.path {
            folders.push(&self.sockets);
        }
        for folder in &folders {
            make_folder(folder, 0o700)?;
            account.write_file(&folder.join(TOKEN), &self.token)?;
        }
        for folder in &inner {
            make_folder(folder, 0o700)?;
        }
        folders
            .into_iter()
            .chain(inner.iter().map(PathBuf::as_path))
            .try_for_each(|folder| account.own(folder))
    }

    /// The server's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Where files for bulk loading go.
    pub(crate) fn load(&self) -> PathBuf {
        self.path.join("load")
    }

    /// Where the server's temporary files go.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(crate) fn pid_file(&self) -> PathBuf {
        self.path.join("server.pid")
    }

    /// Marks the prepared data directory as ours.
    pub(crate) fn mark_data(&self, account: Account) -> Result<(), SandboxError> {
        account.write_file(&self.data().join(DATA_TOKEN), &self.token)
    }

    /// The last lines of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        last_lines(&String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()))
    }

    /// Finds the server that runs here and is ours: by the process written down, or, if we died before we could
    /// write it down, by the one that its starter wrote and whose arguments name this data directory.
    pub(crate) fn living(&self, written_down: Option<&Process>) -> Result<Option<Process>, SandboxError> {
        let process = match written_down {
            Some(process) => Some(process.clone()).filter(Process::lives),
            None => read_pid(&self.pid_file()).and_then(Process::of),
        };
        let Some(process) = process else { return Ok(None) };
        let data = self.data();
        let ours =
            process::observe(process.pid).is_some_and(|seen| seen.command.contains(&*data.to_string_lossy()));
        if !ours {
            return Ok(None);
        }
        let token = std::fs::read_to_string(data.join(DATA_TOKEN)).unwrap_or_default();
        if token != self.token {
            return Err(SandboxError::NotOurs { pid: process.pid, home: self.path.clone() });
        }
        Ok(Some(process))
    }

    /// Removes the folders, if they carry our token or are empty.
    pub(crate) fn remove(&self) -> Result<(), SandboxError> {
        let mut outcome = Ok(());
        // A preparation that was just cut off may still have a last file to write.
        process::wait_until(REMOVE_LIMIT, || {
            outcome = self.try_remove();
            outcome.is_ok()
        });
        outcome
    }

    fn try_remove(&self) -> Result<(), SandboxError> {
        for folder in [&self.sockets, &self.path] {
            let token = std::fs::read_to_string(folder.join(TOKEN)).unwrap_or_default();
            let removed = if token == self.token {
                // The token goes last, so that an interrupted removal can be taken up again.
                remove_except(folder, TOKEN).and_then(|()| std::fs::remove_dir_all(folder))
            } else {
                std::fs::remove_dir(folder)
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(SandboxError::file("remove", folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Removes what is in a folder, but for one file.
fn remove_except(folder: &Path, kept: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == kept {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes one folder with exactly this mode.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), SandboxError> {
    std::fs::create_dir(path).map_err(SandboxError::file("make", path))?;
    set_mode(path, mode)
}

/// Sets the mode of a file or folder.
#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), SandboxError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(SandboxError::file("protect", path))
}

#[cfg(not(unix))]
pub(crate) fn set_mode(_path: &Path, _mode: u32) -> Result<(), SandboxError> {
    Err(SandboxError::Unsupported)
}

/// The last lines of a text in one.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(LOG_LINES_MAX);
    lines.get(from..).unwrap_or_default().join("; ")
}

//! The folder in which one server lives, and how that server is started there.
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

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::{SandboxError, Server};
use crate::process::{self, Process, Signal, read_pid};

/// File that says which sandbox a folder belongs to.
const TOKEN: &str = "token";
/// The same inside a data directory, under a name that no server uses.
const DATA_TOKEN: &str = "bicuspid-sandbox.token";
/// Longest path of a unix socket that every system takes: macOS has 104 bytes, the last one a NUL.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// Longest name of a socket file that either server makes: `.s.PGSQL.65535.lock`.
const SOCKET_NAME_BYTES_MAX: usize = 20;
/// Longest wait for a process that was told to end.
const END_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a folder to hold still while it is removed.
const REMOVE_LIMIT: Duration = Duration::from_secs(5);
/// Most lines of a log that an error carries.
const LOG_LINES_MAX: usize = 8;

/// Variables that would make a server or its preparation read somebody else's settings.
const FOREIGN_VARIABLES: &[&str] = &[
    "MYSQL_HOME",
    "MYSQL_GROUP_SUFFIX",
    "MYSQL_HOST",
    "MYSQL_PWD",
    "MYSQL_TCP_PORT",
    "MYSQL_UNIX_PORT",
    "PGDATA",
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGPORT",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGTZ",
    "PGUSER",
    "UMASK",
    "UMASK_DIR",
];

/// Starts the server in the background and returns; the server outlives us.
const START_FREE: &str = r#"
home=$1; shift
"$@" </dev/null >>"$home/log" 2>&1 &
echo "$!" >"$home/server.pid"
"#;

/// Starts the server and stays with it until our end of the pipe closes, which it does however we end; then ends
/// the server and removes its folders. It is the server's parent, so the process id cannot be another's.
const START_KEPT: &str = r#"
home=$1 sockets=$2 signal=$3; shift 3
"$@" </dev/null >>"$home/log" 2>&1 &
server=$!
trap '' HUP INT QUIT TERM
echo "$server" >"$home/server.pid"
echo started
exec >/dev/null 2>&1
order=
read -r order
kill -s "$signal" "$server"
kill -s CONT "$server"
wait "$server"
[ "$order" = leave ] && exit 0
[ "$sockets" = "$home" ] || rm -rf "$sockets"
cd / && rm -rf "$home"
"#;

/// Runs a program to its end; if our end of the pipe closes before, which it does however we end, kills the program
/// and everything that it started: all of it is in the process group of this shell.
const RUN_KEPT: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
work=$!
{ read -r order <&3; kill -s KILL 0; } >/dev/null 2>&1 &
watch=$!
wait "$work"
code=$?
kill "$watch"
exit "$code"
"#;

/// Whether a server may outlive the process that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tether {
    /// It may: `down` ends it.
    Free,
    /// It may not: it ends with us, whatever ends us.
    Kept,
}

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

/// A server that was started.
#[derive(Debug)]
pub(crate) struct Started {
    /// Its process.
    pub(crate) process: Process,
    /// The shell that ends it with us.
    keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    shell: Child,
    /// Closing it is the order to end the server.
    orders: Option<ChildStdin>,
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

    fn pid_file(&self) -> PathBuf {
        self.path.join("server.pid")
    }

    /// Marks the prepared data directory as ours.
    pub(crate) fn mark_data(&self, account: Account) -> Result<(), SandboxError> {
        account.write_file(&self.data().join(DATA_TOKEN), &self.token)
    }

    /// A command that runs in the folder, under the account, with nobody else's settings.
    pub(crate) fn command(&self, program: &Path, account: Account) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path).env("LC_ALL", "C").stdin(Stdio::null());
        for variable in FOREIGN_VARIABLES {
            command.env_remove(variable);
        }
        account.run(&mut command);
        command
    }

    /// Runs a program that prepares the data directory. It ends with us, whatever ends us.
    pub(crate) fn prepare(
        &self,
        server: Server,
        program: &Command,
        account: Account,
    ) -> Result<(), SandboxError> {
        let mut shell = self.shell(RUN_KEPT, program, &[], account);
        let spawn = |source| SandboxError::Spawn { program: PathBuf::from(program.get_program()), source };
        let spawned = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(spawn)?;
        // Held until the program has ended: `wait_with_output` alone would close it at once.
        let tether = child.stdin.take();
        let output = child.wait_with_output().map_err(spawn)?;
        drop(tether);
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(SandboxError::Prepare { server, log: last_lines(&String::from_utf8_lossy(&said)) })
    }

    /// A shell that runs the script with these arguments, followed by a program and its own.
    fn shell(&self, script: &str, program: &Command, arguments: &[&OsStr], account: Account) -> Command {
        let mut shell = self.command(Path::new("/bin/sh"), account);
        shell.args(["-c", script, "sh"]).args(arguments);
        shell.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        // Not the terminal's foreground group: Ctrl-C is for us, not for the servers.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        shell
    }

    /// Starts a server program here.
    pub(crate) fn start(
        &self,
        server: Server,
        program: &Command,
        account: Account,
        tether: Tether,
        end: Signal,
    ) -> Result<Started, SandboxError> {
        let (home, sockets) = (self.path.as_os_str(), self.sockets.as_os_str());
        let mut shell = match tether {
            Tether::Free => self.shell(START_FREE, program, &[home], account),
            Tether::Kept => {
                self.shell(START_KEPT, program, &[home, sockets, OsStr::new(end.name())], account)
            }
        };
        let spawn = |source| SandboxError::Spawn { program: PathBuf::from(program.get_program()), source };
        let keeper = match tether {
            Tether::Free => {
                shell.status().map_err(spawn)?;
                None
            }
            Tether::Kept => {
                let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(spawn)?;
                let orders = child.stdin.take();
                if let Some(stdout) = child.stdout.take() {
                    let mut line = String::new();
                    // Whether the line came is seen below, by the process id that was written before it.
                    let _ = BufReader::new(stdout).read_line(&mut line);
                }
                Some(Keeper { shell: child, orders })
            }
        };
        if let Some(process) = read_pid(&self.pid_file()).and_then(Process::of) {
            return Ok(Started { process, keeper });
        }
        if let Some(keeper) = keeper {
            keeper.leave();
        }
        Err(SandboxError::Ended { server, log: self.log_tail() })
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

impl Started {
    /// Ends the server, if it has not ended yet, and keeps its folders, so that it can be started again.
    pub(crate) fn abandon(self) {
        if let Some(keeper) = self.keeper {
            keeper.leave();
        }
    }
}

impl Keeper {
    /// Ends the server but not its folders.
    fn leave(mut self) {
        if let Some(mut orders) = self.orders.take() {
            // If the keeper is gone already there is nobody to tell.
            let _ = orders.write_all(b"leave\n");
        }
        let _ = self.shell.wait();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It removes the folders before it ends, so nothing is left once we return.
        let _ = self.shell.wait();
    }
}

/// Ends a process and waits until it is gone, with force at the end of the limit.
pub(crate) fn end(server: Server, process: &Process, signal: Signal) -> Result<(), SandboxError> {
    process.signal(signal);
    process.signal(Signal::Continue);
    if process.wait_gone(END_LIMIT) {
        return Ok(());
    }
    process.signal(Signal::Kill);
    if process.wait_gone(END_LIMIT) {
        return Ok(());
    }
    Err(SandboxError::TooSlow { server, action: "end", limit_seconds: 2 * END_LIMIT.as_secs() })
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

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(LOG_LINES_MAX);
    lines.get(from..).unwrap_or_default().join("; ")
}

//! Starts programs in a server's home so that they end when they should: servers with `down` or with us, preparations
//! always with us.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::account::Account;
use crate::error::{SandboxError, Server};
use crate::home::{Home, last_lines};
use crate::process::{Process, Signal, read_pid};

/// Longest wait for a process that was told to end.
const END_LIMIT: Duration = Duration::from_secs(30);

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

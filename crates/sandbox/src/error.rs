//! What can go wrong with private servers.

use std::io;
use std::path::PathBuf;

use bicuspid_model::{Class, Side, Trouble};

/// Which of the two servers an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    /// The clinic's side: MariaDB, or MySQL where a test names its binary.
    MariaDb,
    /// The analytics and demo side.
    Postgres,
}

impl Server {
    /// The name people know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "MariaDB",
            Self::Postgres => "PostgreSQL",
        }
    }

    const fn side(self) -> Side {
        match self {
            Self::MariaDb => Side::Source,
            Self::Postgres => Side::Target,
        }
    }
}

/// Why a sandbox could not be brought up or taken down.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// This system has no unix sockets and signals as the sandbox needs them.
    #[error("the sandbox runs on Linux, macOS and other Unix systems only")]
    Unsupported,
    /// A server program is not installed, or not where such programs are kept.
    #[error("`{program}` of {} was not found", server.name())]
    ProgramMissing {
        /// Server it belongs to.
        server: Server,
        /// Name of the program looked for.
        program: &'static str,
    },
    /// Both servers refuse to run as root, and no account that they could use exists.
    #[error("neither server runs as root, and this system has no account `nobody` to run them")]
    NoServerAccount,
    /// A file or folder could not be made, read, written or removed.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was tried, such as `write`.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("could not start {}", program.display())]
    Spawn {
        /// Program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something that no sandbox made.
    #[error("{} is not empty and is not a sandbox", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// Another `up`, `down` or `live` is at work on the folder.
    #[error("another `sandbox` command is at work in {}", dir.display())]
    Busy {
        /// The folder.
        dir: PathBuf,
    },
    /// The sandbox is up already.
    #[error("a sandbox is already up in {}", dir.display())]
    AlreadyUp {
        /// The folder.
        dir: PathBuf,
    },
    /// There is no sandbox in the folder.
    #[error("there is no sandbox in {}", dir.display())]
    NoSandbox {
        /// The folder.
        dir: PathBuf,
    },
    /// The sandbox's servers do not run.
    #[error("the sandbox in {} is not up", dir.display())]
    NotUp {
        /// The folder.
        dir: PathBuf,
    },
    /// The clinic's database was made without rows, so nothing can go on in it.
    #[error("the clinic of the sandbox in {} has no patients", dir.display())]
    NoPractice {
        /// The folder.
        dir: PathBuf,
    },
    /// Whoever answers on the sandbox's socket is another server.
    #[error("another server answers on the socket in {}", home.display())]
    OtherServer {
        /// Folder of the server.
        home: PathBuf,
    },
    /// A record that the sandbox keeps in its folder does not read as one.
    #[error("{} is damaged", path.display())]
    Record {
        /// The file.
        path: PathBuf,
    },
    /// A process looks like ours, but the token of its data directory says otherwise; it is left alone.
    #[error("process {pid} runs in {} but the token there is not ours", home.display())]
    NotOurs {
        /// Process id.
        pid: u32,
        /// Folder of the server.
        home: PathBuf,
    },
    /// The data directory could not be prepared.
    #[error("{} could not prepare its data directory: {log}", server.name())]
    Prepare {
        /// Server.
        server: Server,
        /// Last lines of what its own program said; before any data or account exists.
        log: String,
    },
    /// The server ended before it accepted a connection.
    #[error("{} ended while starting: {log}", server.name())]
    Ended {
        /// Server.
        server: Server,
        /// Last lines of its log; before any data or account exists.
        log: String,
    },
    /// The server did not accept a connection in time, or a process did not end in time.
    #[error("{} did not {action} within {limit_seconds} s", server.name())]
    TooSlow {
        /// Server.
        server: Server,
        /// `accept connections` or `end`.
        action: &'static str,
        /// The limit.
        limit_seconds: u64,
    },
    /// A statement of ours failed. Neither its text nor the server's message is kept: they may hold a password.
    #[error("{} refused to {action} ({code})", server.name())]
    Statement {
        /// Server.
        server: Server,
        /// What the statement was for.
        action: String,
        /// The server's error code, or `connection`.
        code: String,
    },
    /// The practice could not be simulated as asked for.
    #[error("the practice could not be made")]
    Practice(#[source] bicuspid_practice::PracticeError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// A worker thread of ours died.
    #[error("a thread of the sandbox ended unexpectedly")]
    Thread,
}

impl SandboxError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// The trouble as told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        if let Self::Practice(error) = self {
            return error.trouble();
        }
        let (code, side, class) = self.verdict();
        let why = match self {
            Self::File { source, .. } | Self::Spawn { source, .. } => source.to_string(),
            Self::Prepare { log, .. } | Self::Ended { log, .. } => log.clone(),
            _ => self.to_string(),
        };
        let what = match self {
            Self::Prepare { server, .. } => format!("{} could not prepare its data directory", server.name()),
            Self::Ended { server, .. } => format!("{} ended while starting", server.name()),
            _ => self.to_string(),
        };
        Trouble {
            code: format!("sandbox::{code}"),
            side,
            class,
            what,
            why,
            state: "no server but the sandbox's own was touched".to_owned(),
            hint: self.hint(),
        }
    }

    const fn verdict(&self) -> (&'static str, Side, Class) {
        match self {
            Self::Unsupported => ("unsupported", Side::Local, Class::Usage),
            Self::ProgramMissing { .. } => ("program_missing", Side::Local, Class::Usage),
            Self::NoServerAccount => ("no_server_account", Side::Local, Class::Usage),
            Self::File { .. } => ("file", Side::Local, Class::Local),
            Self::Spawn { .. } => ("spawn", Side::Local, Class::Local),
            Self::NotEmpty { .. } => ("not_empty", Side::Local, Class::Usage),
            Self::Busy { .. } => ("busy", Side::Local, Class::Locked),
            Self::AlreadyUp { .. } => ("already_up", Side::Local, Class::Usage),
            Self::NoSandbox { .. } => ("no_sandbox", Side::Local, Class::Usage),
            Self::NotUp { .. } => ("not_up", Side::Local, Class::Usage),
            Self::NoPractice { .. } => ("no_practice", Side::Local, Class::Usage),
            Self::OtherServer { .. } => ("other_server", Side::Local, Class::Refused),
            Self::Record { .. } => ("record", Side::Local, Class::Local),
            Self::NotOurs { .. } => ("not_ours", Side::Local, Class::Refused),
            Self::Prepare { server, .. } => ("prepare", server.side(), Class::Failed),
            Self::Ended { server, .. } => ("ended", server.side(), Class::Failed),
            Self::TooSlow { server, .. } => ("too_slow", server.side(), Class::Failed),
            Self::Statement { server, .. } => ("statement", server.side(), Class::Failed),
            Self::Practice(_) => ("practice", Side::Local, Class::Usage),
            Self::Random => ("random", Side::Local, Class::Local),
            Self::Thread => ("thread", Side::Local, Class::Local),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Unsupported => "point an env file at servers of your own; nothing else needs the sandbox".into(),
            Self::ProgramMissing { server: Server::MariaDb, .. } => {
                "install MariaDB's server (Debian: mariadb-server-core and mariadb-client-core; Homebrew: mariadb)".into()
            }
            Self::ProgramMissing { server: Server::Postgres, .. } => {
                "install PostgreSQL's server (Debian: postgresql; Homebrew: postgresql@17)".into()
            }
            Self::NoServerAccount => "run it as an ordinary user".into(),
            Self::NotEmpty { .. } => "name an empty folder, or one that does not exist yet".into(),
            Self::Busy { .. } => "wait for it to end".into(),
            Self::AlreadyUp { dir } | Self::Record { path: dir } => {
                format!("run `bicuspid sandbox down --dir {}` first", dir.display())
            }
            Self::NoSandbox { dir } => format!("`bicuspid sandbox up --dir {}` makes one", dir.display()),
            Self::NotUp { dir } => format!("`bicuspid sandbox up --dir {}` starts it", dir.display()),
            Self::NoPractice { dir } => format!(
                "take it down and make one with patients: `bicuspid sandbox up --dir {} --patients 300`",
                dir.display()
            ),
            Self::OtherServer { home } => format!("see who runs a server in {}", home.display()),
            Self::NotOurs { pid, .. } => format!("look at process {pid}, and end it yourself if it is yours"),
            Self::File { .. } | Self::Spawn { .. } => "see that the folder's disk has room and can be written".into(),
            Self::Prepare { .. } | Self::Ended { .. } | Self::TooSlow { .. } => {
                "try again in another folder; if it stays, the server program itself may be damaged".into()
            }
            Self::Statement { .. } | Self::Practice(_) | Self::Random | Self::Thread => {
                "this is a fault in Bicuspid; please report it with the code above".into()
            }
        }
    }
}

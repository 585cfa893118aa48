//! Trouble told to a person: what happened, why, the state of the data, what to do next.

use std::fmt;

/// Which side a trouble belongs to: the first question of whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The MySQL or MariaDB server that is read.
    Source,
    /// The PostgreSQL server that is written.
    Target,
    /// The demo database.
    Demo,
    /// This machine, its files and settings, or Bicuspid itself.
    Local,
}

impl Side {
    /// The name used in JSON and text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Demo => "demo",
            Self::Local => "local",
        }
    }
}

/// What kind of end a trouble leads to; each has one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Done, but tables are held or differ; nothing wrong was written. Exit 1.
    Held,
    /// Usage or configuration. Exit 2.
    Usage,
    /// Refused for safety. Exit 3.
    Refused,
    /// A server could not be reached, or failed. Exit 4.
    Failed,
    /// Local trouble, or a fault of Bicuspid. Exit 5.
    Local,
    /// Another run holds the lock. Exit 6.
    Locked,
    /// Interrupted by the person. Exit 130.
    Interrupted,
}

impl Class {
    /// The documented exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Held => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::Local => 5,
            Self::Locked => 6,
            Self::Interrupted => 130,
        }
    }
}

/// An input or output error in a few words. The operating system's own text may hold names and paths, and is not used.
#[must_use]
pub fn reason_of_io(cause: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match cause.kind() {
        ErrorKind::NotFound => "there is no such file or socket".into(),
        ErrorKind::PermissionDenied => "access was not allowed".into(),
        ErrorKind::TimedOut => "no answer came in time".into(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full".into(),
        kind => match kind.to_string().as_str() {
            // What a failed look-up of a host's name is called; the kind itself cannot be named yet.
            "uncategorized error" | "other error" => "the host's name could not be found".into(),
            known => known.to_owned(),
        },
    }
}

/// One trouble, complete enough to act on without a log. No field ever holds a cell value, a key or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Stable code, such as `grants::write`.
    pub code: String,
    /// Side it belongs to.
    pub side: Side,
    /// Class, which decides heading and exit code.
    pub class: Class,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// State of the data now.
    pub state: String,
    /// What to do next; where possible the exact command.
    pub hint: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code, self.what, self.why)
    }
}

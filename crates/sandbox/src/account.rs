//! The account of the operating system under which the servers run.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::error::SandboxError;

/// The account that runs a server: ourselves, or an unprivileged one if we are root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever we are.
    Ourselves,
    /// An unprivileged account; both servers refuse root.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no root here"))]
    Other {
        /// User id.
        user: u32,
        /// Group id.
        group: u32,
    },
}

impl Account {
    /// Decides who runs the servers.
    ///
    /// Root hands them to `nobody`, never to `mysql` or `postgres`: those accounts own the files of real
    /// servers, and a sandbox must not be able to touch these even by mistake.
    #[cfg(unix)]
    pub(crate) fn of_servers() -> Result<Self, SandboxError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let id = |flag| {
            let output = Command::new("id").args([flag, "nobody"]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        match (id("-u"), id("-g")) {
            (Some(user), Some(group)) if user != 0 => Ok(Self::Other { user, group }),
            _ => Err(SandboxError::NoServerAccount),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn of_servers() -> Result<Self, SandboxError> {
        Err(SandboxError::Unsupported)
    }

    /// Makes the command run under this account.
    #[cfg(unix)]
    pub(crate) fn run(self, command: &mut Command) {
        use std::os::unix::process::CommandExt as _;
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn run(self, _command: &mut Command) {}

    /// Gives a folder to this account.
    #[cfg(unix)]
    pub(crate) fn own(self, folder: &Path) -> Result<(), SandboxError> {
        match self {
            Self::Ourselves => Ok(()),
            // Not through a link that somebody put in its place.
            Self::Other { user, group } => std::os::unix::fs::lchown(folder, Some(user), Some(group))
                .map_err(SandboxError::file("hand over", folder)),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn own(self, _folder: &Path) -> Result<(), SandboxError> {
        Err(SandboxError::Unsupported)
    }

    /// Makes a new file that this account can read. Folders of this account may hold what it likes, links too, so
    /// nothing that exists is opened.
    pub(crate) fn make_file(self, path: &Path) -> Result<File, SandboxError> {
        let made = File::options().write(true).create_new(true).open(path);
        let file = made.map_err(SandboxError::file("make", path))?;
        #[cfg(unix)]
        if let Self::Other { user, group } = self {
            std::os::unix::fs::fchown(&file, Some(user), Some(group))
                .map_err(SandboxError::file("hand over", path))?;
        }
        Ok(file)
    }

    /// Makes a new file with this content.
    pub(crate) fn write_file(self, path: &Path, content: &str) -> Result<(), SandboxError> {
        self.make_file(path)?.write_all(content.as_bytes()).map_err(SandboxError::file("write", path))
    }

    /// Whether this account can enter the folder; asked of the system, which knows more than mode bits.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        if self == Self::Ourselves {
            return true;
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "cd -- \"$0\""]).arg(folder).stderr(std::process::Stdio::null());
        self.run(&mut command);
        command.status().is_ok_and(|status| status.success())
    }
}

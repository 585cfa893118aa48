//! The sandbox's folder: its files, its lock, and the record by which `down` finds what `up` started.
//!
//! ```text
//! DIR/                 0700; 0711 when root made it, since the servers' account must pass through
//!   mariadb/           0700, home of the MariaDB server (or elsewhere, where its account cannot reach DIR)
//!   postgres/          0700, home of the PostgreSQL server (likewise)
//!   state/             0700, Bicuspid's own state for these env files
//!   .env_clinic  .env_test  .env_demo     0600
//!   sites/             0700, environment files of practices beside the clinic
//!   bicuspid.toml      0600, which lists them
//!   sandbox.json       written last: the sandbox is whole
//!   servers.json       0600, what was started; written before it is started
//!   live.json          0600, how far front-desk work has gone on
//!   sandbox.lock       held while `up` or `down` is at work
//!   live.lock          held while `live` is at work
//! ```

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bicuspid_model::Date;
use bicuspid_practice::Settings;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::SandboxError;
use crate::home::{Home, set_mode};
use crate::info::EnvFiles;
use crate::live::Progress;
use crate::process::{Process, unfinished, write_private};
use crate::secret;

/// Folders in which a server's home may lie if its account cannot reach the sandbox's own folder. Short, and on disk
/// where there is a choice.
const ROOTS_ELSEWHERE: &[&str] = &["/var/tmp", "/tmp"];
/// Folder for sockets whose path would be too long elsewhere.
const SHORT_ROOT: &str = "/tmp";
/// How often the lock of a folder is tried for, and the time between two attempts.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Folder of the sites' environment files.
pub(crate) const SITES: &str = "sites";
/// The beginning of a bicuspid.toml that a sandbox wrote.
pub(crate) const TOML_MARK: &str = "# Written by `bicuspid sandbox up`";

/// The folder, locked.
pub(crate) struct Folder {
    /// Absolute path.
    pub(crate) path: PathBuf,
    _lock: File,
}

/// What was started, or is about to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) mariadb: ServerRecord,
    pub(crate) postgres: ServerRecord,
    /// What the clinic was filled with, once it is.
    #[serde(default)]
    pub(crate) practice: Option<PracticeRecord>,
}

/// The practice of the clinic's database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PracticeRecord {
    patients: u32,
    seed: u64,
    as_of: String,
}

impl PracticeRecord {
    pub(crate) fn new(patients: u32, seed: u64, as_of: Date) -> Self {
        Self { patients, seed, as_of: as_of.to_string() }
    }

    /// The settings of the practice, if there is one.
    pub(crate) fn settings(&self) -> Option<Settings> {
        let as_of = Date::parse(&self.as_of).filter(|_| self.patients > 0)?;
        Some(Settings::new(self.patients, self.seed, as_of))
    }
}

/// The folder while somebody plays front-desk work in it. The sandbox itself is not locked: `down` may end it.
pub(crate) struct Desk {
    file: PathBuf,
    _lock: File,
}

impl Desk {
    /// How far the work has gone.
    pub(crate) fn progress(&self) -> Result<Progress, SandboxError> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|_| SandboxError::Record { path: self.file.clone() })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Progress::default()),
            Err(error) => Err(SandboxError::file("read", &self.file)(error)),
        }
    }

    /// Writes down how far it has gone.
    pub(crate) fn remember(&self, progress: &Progress) -> Result<(), SandboxError> {
        let text =
            serde_json::to_string(progress).map_err(|_| SandboxError::Record { path: self.file.clone() })?;
        write_private(&self.file, &text)
    }
}

/// One server of the record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerRecord {
    pub(crate) home: Home,
    pub(crate) process: Option<Process>,
}

impl Folder {
    /// Makes the folder if need be, and locks it. A folder that holds anything but a sandbox is refused.
    pub(crate) fn make(dir: &Path, account: Account) -> Result<Self, SandboxError> {
        std::fs::create_dir_all(dir).map_err(SandboxError::file("make", dir))?;
        let path = dir.canonicalize().map_err(SandboxError::file("find", dir))?;
        let ours = [Self::record_file(&path), Self::lock_file(&path)].iter().any(|file| file.exists());
        let mut entries = std::fs::read_dir(&path).map_err(SandboxError::file("read", &path))?;
        if !ours && entries.next().is_some() {
            return Err(SandboxError::NotEmpty { dir: path });
        }
        // The servers' account has to pass through to its own folders, which it alone can read.
        set_mode(&path, if account == Account::Ourselves { 0o700 } else { 0o711 })?;
        Self::lock(path)
    }

    /// Opens and locks the folder of an existing sandbox.
    pub(crate) fn open(dir: &Path) -> Result<Self, SandboxError> {
        let path = dir.canonicalize().map_err(|_| SandboxError::NoSandbox { dir: dir.to_owned() })?;
        if !Self::lock_file(&path).exists() {
            return Err(SandboxError::NoSandbox { dir: path });
        }
        Self::lock(path)
    }

    fn lock(path: PathBuf) -> Result<Self, SandboxError> {
        let lock = Self::take(&Self::lock_file(&path), &path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Hands the folder on to somebody who works at the clinic's desk.
    pub(crate) fn into_desk(self) -> Result<Desk, SandboxError> {
        let lock = Self::take(&Self::desk_lock(&self.path), &self.path)?;
        Ok(Desk { file: Self::desk_file(&self.path), _lock: lock })
    }

    /// Takes a lock of the folder at `path`.
    fn take(file: &Path, path: &Path) -> Result<File, SandboxError> {
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(file)
            .map_err(SandboxError::file("open", file))?;
        for attempt in 1.. {
            match lock.try_lock() {
                Ok(()) => break,
                // A program that was killed while it started a server may live on for a moment in that child.
                Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => return Err(SandboxError::Busy { dir: path.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(SandboxError::file("lock", file)(error)),
            }
        }
        Ok(lock)
    }

    /// Plans the homes of both servers and writes them down, before anything is made.
    pub(crate) fn plan(&self, account: Account) -> Result<Record, SandboxError> {
        let token = secret::random()?;
        let home = |name: &str| {
            let elsewhere = ROOTS_ELSEWHERE.iter().map(Path::new).find(|root| account.can_enter(root));
            let path = match elsewhere {
                Some(root) if !account.can_enter(&self.path) => {
                    let short: String = token.chars().take(12).collect();
                    root.join(format!("bicuspid-{short}-{name}"))
                }
                _ => self.path.join(name),
            };
            ServerRecord { home: Home::plan(path, &token, Path::new(SHORT_ROOT)), process: None }
        };
        let record = Record { mariadb: home("mariadb"), postgres: home("postgres"), practice: None };
        self.write_record(&record)?;
        Ok(record)
    }

    /// What was started here, if anything was.
    pub(crate) fn record(&self) -> Result<Option<Record>, SandboxError> {
        let path = Self::record_file(&self.path);
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| SandboxError::Record { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SandboxError::file("read", path)(error)),
        }
    }

    pub(crate) fn write_record(&self, record: &Record) -> Result<(), SandboxError> {
        let path = Self::record_file(&self.path);
        let text =
            serde_json::to_string_pretty(record).map_err(|_| SandboxError::Record { path: path.clone() })?;
        write_private(&path, &text)
    }

    pub(crate) fn env_files(&self) -> EnvFiles {
        let file = |name: &str| self.path.join(name);
        EnvFiles { clinic: file(".env_clinic"), test: file(".env_test"), demo: file(".env_demo") }
    }

    pub(crate) fn sites(&self) -> PathBuf {
        self.path.join(SITES)
    }

    pub(crate) fn site_file(&self, site: &str) -> PathBuf {
        self.sites().join(format!("{site}.env"))
    }

    pub(crate) fn toml_file(&self) -> PathBuf {
        self.path.join("bicuspid.toml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    pub(crate) fn info_file(&self) -> PathBuf {
        self.path.join("sandbox.json")
    }

    fn record_file(path: &Path) -> PathBuf {
        path.join("servers.json")
    }

    fn desk_file(path: &Path) -> PathBuf {
        path.join("live.json")
    }

    fn desk_lock(path: &Path) -> PathBuf {
        path.join("live.lock")
    }

    fn lock_file(path: &Path) -> PathBuf {
        path.join("sandbox.lock")
    }

    /// Removes the sandbox's own files, the record last, so that an interruption can be picked up again.
    pub(crate) fn clear(&self) -> Result<(), SandboxError> {
        let EnvFiles { clinic, test, demo } = self.env_files();
        let (desk, desk_lock) = (Self::desk_file(&self.path), Self::desk_lock(&self.path));
        let record = Self::record_file(&self.path);
        // A program that was killed while it wrote one leaves it under another name.
        let unfinished_record = unfinished(&record);
        for file in
            [self.info_file(), clinic, test, demo, desk, desk_lock].into_iter().flat_map(with_unfinished)
        {
            forget(std::fs::remove_file(&file), &file)?;
        }
        forget(std::fs::remove_dir_all(self.state()), &self.state())?;
        forget(std::fs::remove_dir_all(self.sites()), &self.sites())?;
        let toml = self.toml_file();
        let unfinished_toml = unfinished(&toml);
        forget(std::fs::remove_file(&unfinished_toml), &unfinished_toml)?;
        // One that somebody wrote is kept.
        if std::fs::read(&toml).is_ok_and(|text| text.starts_with(TOML_MARK.as_bytes())) {
            forget(std::fs::remove_file(&toml), &toml)?;
        }
        forget(std::fs::remove_file(&unfinished_record), &unfinished_record)?;
        forget(std::fs::remove_file(&record), &record)
    }

    /// Removes the lock, and the folder if nothing else is in it.
    pub(crate) fn vanish(self) -> Result<(), SandboxError> {
        let lock = Self::lock_file(&self.path);
        forget(std::fs::remove_file(&lock), &lock)?;
        match std::fs::remove_dir(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => forget(removed, &self.path),
        }
    }
}

fn with_unfinished(file: PathBuf) -> [PathBuf; 2] {
    [unfinished(&file), file]
}

/// A removal of something that is not there has reached its end.
fn forget(removed: std::io::Result<()>, path: &Path) -> Result<(), SandboxError> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SandboxError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

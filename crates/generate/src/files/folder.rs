//! The folder: what may be replaced in it, and how files take the place of others.
//!
//! Files are written into a folder of their own inside and moved out when all of them are whole. The manifest goes
//! first, with the records of the old files beside the new, so that a run that is killed in between leaves nothing that
//! the next one could not account for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bicuspid_ledger::private;

use super::Shard;
use super::manifest::{FileRecord, Manifest};
use crate::error::GenerateError;

/// Where files are written before they are whole, by shard.
const UNFINISHED: &str = ".unfinished";
const LOCK: &str = "lock";

/// A folder that may be written, as far as a look can tell.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    shard: Shard,
    /// What an earlier generation of the same shard left.
    before: Option<Manifest>,
}

impl Folder {
    /// Looks; writes nothing. Refuses to replace what no manifest accounts for.
    pub(super) fn inspect(path: &Path, shard: Shard) -> Result<Self, GenerateError> {
        let fault = |cause| GenerateError::Folder { action: "be read", cause };
        let folder = Self { path: path.to_owned(), shard, before: None };
        let manifest = folder.manifest();
        let before = match Manifest::read(&path.join(&manifest)) {
            Ok(before) => before,
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                return Err(GenerateError::NotOurs { file: manifest });
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => {
                return Err(GenerateError::NotAFolder);
            }
            Err(cause) => return Err(fault(cause)),
        };
        if path.exists() && !path.is_dir() {
            return Err(GenerateError::NotAFolder);
        }
        if let Some(before) = &before {
            for record in before.tables.iter().chain(&before.replaced) {
                folder.refuse_strangers(Some(before), &record.file)?;
            }
        }
        Ok(Self { before, ..folder })
    }

    /// What is there and would be replaced.
    pub(super) fn before(&self) -> Option<&Manifest> {
        self.before.as_ref()
    }

    /// The name of a table's file.
    pub(super) fn file(&self, table: &str, extension: &str) -> String {
        format!("{table}{}.{extension}", self.shard.suffix())
    }

    fn manifest(&self) -> String {
        format!("manifest{}.json", self.shard.suffix())
    }

    fn unfinished(&self) -> PathBuf {
        self.path.join(format!("{UNFINISHED}{}", self.shard.suffix()))
    }

    fn refuse_strangers(&self, before: Option<&Manifest>, name: &str) -> Result<(), GenerateError> {
        let fault = |cause| GenerateError::Folder { action: "be read", cause };
        // Names come out of a file: nothing but a name may be one.
        let plain = !name.contains(['/', '\\']) && name != ".." && !name.is_empty();
        if plain && !self.path.join(name).exists() {
            return Ok(());
        }
        let ours = match before {
            Some(before) if plain => before.accounts_for(&self.path, name).map_err(fault)?,
            _ => false,
        };
        if ours { Ok(()) } else { Err(GenerateError::NotOurs { file: name.escape_debug().to_string() }) }
    }

    /// Makes the folder and the place inside it where files are written; another run that is at it is found out.
    pub(super) fn begin(&self) -> Result<Unfinished, GenerateError> {
        let fault = |cause| GenerateError::Folder { action: "be made", cause };
        let place = self.unfinished();
        private::create_dir(&place).map_err(fault)?;
        let lock = private::open_append(&place.join(LOCK)).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(GenerateError::FolderLocked),
            Err(fs::TryLockError::Error(cause)) => return Err(fault(cause)),
        }
        // Left by a run that was killed.
        for entry in fs::read_dir(&place).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            if entry.file_name() != LOCK {
                fs::remove_file(entry.path()).map_err(fault)?;
            }
        }
        Ok(Unfinished { place, _lock: lock })
    }

    /// Puts the files in the place of the old ones.
    pub(super) fn publish(
        &self,
        unfinished: &Unfinished,
        mut manifest: Manifest,
    ) -> Result<(), GenerateError> {
        let fault = |cause| GenerateError::Folder { action: "be written", cause };
        for record in &manifest.tables {
            self.refuse_strangers(self.before.as_ref(), &record.file)?;
        }
        let old: Vec<FileRecord> = match &self.before {
            Some(before) => before.tables.iter().chain(&before.replaced).cloned().collect(),
            None => Vec::new(),
        };
        let path = self.path.join(self.manifest());
        manifest.replaced.clone_from(&old);
        let between = manifest.text().map_err(fault)?;
        private::replace(&path, &between).map_err(fault)?;
        let mut new = BTreeSet::new();
        for record in &manifest.tables {
            fs::rename(unfinished.place.join(&record.file), self.path.join(&record.file)).map_err(fault)?;
            new.insert(record.file.as_str());
        }
        for record in old.iter().filter(|record| !new.contains(record.file.as_str())) {
            match fs::remove_file(self.path.join(&record.file)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(fault(cause)),
                _ => {}
            }
        }
        manifest.replaced.clear();
        private::replace(&path, &manifest.text().map_err(fault)?).map_err(fault)
    }
}

/// The place where files are written before they are whole. It is gone once this is dropped.
#[derive(Debug)]
pub(super) struct Unfinished {
    place: PathBuf,
    _lock: File,
}

impl Unfinished {
    /// Creates a file, for its owner alone.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        private::open_append(&self.place.join(name))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What stays behind is removed by the next run.
        let _ = fs::remove_dir_all(&self.place);
    }
}

//! The folder: what may be replaced in it, and how files take the place of others.
//!
//! Files are written into a folder of their own inside and moved out when all of them are whole. The manifest goes
//! first, with the records of the old files beside the new, so that a run that is killed in between leaves nothing that
//! the next one could not account for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use bicuspid_ledger::private;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::FilesError;
use crate::manifest::{FileRecord, Manifest};

/// Where files are written before they are whole, by label.
const UNFINISHED: &str = ".unfinished";
const LOCK: &str = "lock";

/// A folder that may be written, as far as a look can tell.
#[derive(Debug, Clone)]
pub struct Folder<A> {
    path: PathBuf,
    /// What the manifest's name has in addition, so that several runs share the folder; often nothing.
    label: String,
    /// What an earlier run of the same label left.
    before: Option<Manifest<A>>,
}

impl<A: Clone + Serialize + DeserializeOwned> Folder<A> {
    /// Looks; writes nothing. Refuses to replace what no manifest accounts for.
    pub fn inspect(path: &Path, label: &str) -> Result<Self, FilesError> {
        let fault = |cause| FilesError::Folder { action: "be read", cause };
        let folder = Self { path: path.to_owned(), label: label.to_owned(), before: None };
        let manifest = folder.manifest();
        let before = match Manifest::read(&path.join(&manifest)) {
            Ok(before) => before,
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                return Err(FilesError::NotOurs { file: manifest });
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => {
                return Err(FilesError::NotAFolder);
            }
            Err(cause) => return Err(fault(cause)),
        };
        if path.exists() && !path.is_dir() {
            return Err(FilesError::NotAFolder);
        }
        if let Some(before) = &before {
            for record in before.tables.iter().chain(&before.replaced) {
                folder.refuse_strangers(Some(before), &record.file)?;
            }
        }
        Ok(Self { before, ..folder })
    }

    /// What is there and would be replaced.
    #[must_use]
    pub const fn before(&self) -> Option<&Manifest<A>> {
        self.before.as_ref()
    }

    fn manifest(&self) -> String {
        format!("manifest{}.json", self.label)
    }

    fn unfinished(&self) -> PathBuf {
        self.path.join(format!("{UNFINISHED}{}", self.label))
    }

    fn refuse_strangers(&self, before: Option<&Manifest<A>>, name: &str) -> Result<(), FilesError> {
        let fault = |cause| FilesError::Folder { action: "be read", cause };
        let plain = is_inside(name);
        if plain && !self.path.join(name).exists() {
            return Ok(());
        }
        let ours = match before {
            Some(before) if plain => before.accounts_for(&self.path, name).map_err(fault)?,
            _ => false,
        };
        if ours { Ok(()) } else { Err(FilesError::NotOurs { file: name.escape_debug().to_string() }) }
    }

    /// Makes the folder and the place inside it where files are written; another run that is at it is found out.
    pub fn begin(&self) -> Result<Unfinished, FilesError> {
        let fault = |cause| FilesError::Folder { action: "be made", cause };
        let place = self.unfinished();
        private::create_dir(&place).map_err(fault)?;
        let lock = private::open_append(&place.join(LOCK)).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(FilesError::FolderLocked),
            Err(fs::TryLockError::Error(cause)) => return Err(fault(cause)),
        }
        // Left by a run that was killed.
        for entry in fs::read_dir(&place).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            if entry.file_type().map_err(fault)?.is_dir() {
                fs::remove_dir_all(entry.path()).map_err(fault)?;
            } else if entry.file_name() != LOCK {
                fs::remove_file(entry.path()).map_err(fault)?;
            }
        }
        Ok(Unfinished { place, _lock: lock })
    }

    /// Puts the files in the place of the old ones.
    pub fn publish(&self, unfinished: &Unfinished, mut manifest: Manifest<A>) -> Result<(), FilesError> {
        let fault = |cause| FilesError::Folder { action: "be written", cause };
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
            let to = self.path.join(&record.file);
            if let Some(parent) = to.parent() {
                private::create_dir(parent).map_err(fault)?;
            }
            fs::rename(unfinished.place.join(&record.file), to).map_err(fault)?;
            new.insert(record.file.as_str());
        }
        for record in old.iter().filter(|record| !new.contains(record.file.as_str())) {
            let path = self.path.join(&record.file);
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(fault(cause)),
                _ => {}
            }
            // Folders that held nothing else; one that is not empty stays.
            for above in path.ancestors().skip(1).take_while(|above| *above != self.path) {
                if fs::remove_dir(above).is_err() {
                    break;
                }
            }
        }
        manifest.replaced.clear();
        private::replace(&path, &manifest.text().map_err(fault)?).map_err(fault)
    }
}

/// Whether a path that came out of a file leads nowhere but into the folder.
fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains('\\')
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The place where files are written before they are whole. It is gone once this is dropped.
#[derive(Debug)]
pub struct Unfinished {
    place: PathBuf,
    _lock: File,
}

impl Unfinished {
    /// Creates a file, for its owner alone, with the folders above it.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let path = self.place.join(name);
        if let Some(parent) = path.parent() {
            private::create_dir(parent)?;
        }
        private::open_append(&path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What stays behind is removed by the next run.
        let _ = fs::remove_dir_all(&self.place);
    }
}

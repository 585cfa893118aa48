//! The manifest beside the files: what they were made from and what is in them. It is also the only leave to replace
//! them: a file that no manifest accounts for, byte for byte, is somebody's own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Version of the manifest's own form.
pub const FORMAT: u32 = 1;
/// Bytes of a file read at a time.
const READ_BYTES: usize = 256 * 1024;
/// Largest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a run wrote into a folder, and in `about` what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<A> {
    /// [`FORMAT`].
    pub format: u32,
    /// Which command wrote it, and whether anybody in it is real.
    pub made_by: String,
    /// Version of the program.
    pub version: String,
    /// `csv` or `parquet`.
    pub output: String,
    /// What it was made from.
    #[serde(flatten)]
    pub about: A,
    /// Rows of all files.
    pub rows: u64,
    /// The files.
    pub tables: Vec<FileRecord>,
    /// Files of the run before, while they are being replaced: a run that was killed leaves some of either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<FileRecord>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Table.
    pub name: String,
    /// Path in the folder, with `/` between its parts.
    pub file: String,
    /// Rows in this file.
    pub rows: u64,
    /// Rows of the table in all shards together, where one shard knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_of_all_shards: Option<u64>,
    /// Digest of the rows in this file. Those of all shards add up, modulo 2^128, to the digest of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Columns of the table's key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Columns that hold keys of other tables, or 0 for none: for whoever wants to prove that they resolve.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, String>,
}

impl<A: Serialize + DeserializeOwned> Manifest<A> {
    /// Reads a manifest; `None` if there is none, an error if what is there is none of ours.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text)?;
        match serde_json::from_slice::<Self>(&text) {
            Ok(manifest) if manifest.format == FORMAT => Ok(Some(manifest)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    pub(crate) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Whether the file of that name is one that this run wrote, and still what it wrote.
    pub(crate) fn accounts_for(&self, folder: &Path, name: &str) -> io::Result<bool> {
        let records: Vec<&FileRecord> =
            self.tables.iter().chain(&self.replaced).filter(|r| r.file == name).collect();
        if records.is_empty() {
            return Ok(false);
        }
        let (bytes, sha256) = measure(&folder.join(name))?;
        Ok(records.iter().any(|r| r.bytes == bytes && r.sha256 == sha256))
    }
}

/// Bytes and SHA-256 of a file.
fn measure(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut context, mut length) = (Context::new(&SHA256), 0);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        context.update(part);
        length += u64::try_from(read).unwrap_or_default();
    }
    Ok((length, hexadecimal(context.finish().as_ref())))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

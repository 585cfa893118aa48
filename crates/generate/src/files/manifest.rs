//! The manifest beside the files: what they were made from and what is in them. It is also the only leave to replace
//! them: a file that no manifest accounts for, byte for byte, is somebody's own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::anomalies::Condition;

/// Version of the manifest's own form.
pub(super) const FORMAT: u32 = 1;
/// Bytes of a file read at a time.
const READ_BYTES: usize = 256 * 1024;
/// Largest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a generation wrote into a folder. The same settings and version give the same manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) made_by: String,
    pub(super) version: String,
    /// `csv` or `parquet`.
    pub(super) output: String,
    /// `1/1`, or the share of the rows that this is.
    pub(super) shard: String,
    pub(super) patients: u32,
    pub(super) seed: u64,
    pub(super) start_date: String,
    pub(super) end_date: String,
    /// `clean`, or `messy` with planted anomalies.
    #[serde(default = "clean")]
    pub(super) condition: String,
    /// Anomalies in these rows, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) planted: BTreeMap<String, u64>,
    pub(super) rows: u64,
    pub(super) tables: Vec<FileRecord>,
    /// Files of the generation before, while they are being replaced: a run that was killed leaves some of either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) replaced: Vec<FileRecord>,
}

fn clean() -> String {
    Condition::Clean.name().to_owned()
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// Table.
    pub(super) name: String,
    pub(super) file: String,
    /// Rows in this file.
    pub(super) rows: u64,
    /// Rows of the table in all shards together.
    pub(super) rows_of_all_shards: u64,
    /// Digest of the rows in this file. Those of all shards add up, modulo 2^128, to the digest of the whole.
    pub(super) digest: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Manifest {
    /// Reads a manifest; `None` if there is none, an error if what is there is none of ours.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
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

    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Whether the file of that name is one that this generation wrote, and still what it wrote.
    pub(super) fn accounts_for(&self, folder: &Path, name: &str) -> io::Result<bool> {
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

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

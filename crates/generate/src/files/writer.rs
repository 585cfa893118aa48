//! The files that one thread writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use bicuspid_model::{Batch, Table};
use ring::digest::{Context, SHA256};

use super::folder::{Folder, Unfinished};
use super::manifest::{FileRecord, hexadecimal};
use super::parquet::ParquetFile;
use super::{Form, Order, csv};
use crate::error::GenerateError;

/// Bytes that are gathered before the file is written.
const BUFFER_BYTES: usize = 256 * 1024;

/// The files of some tables, opened when their first row comes.
pub(super) struct Files<'w> {
    tables: &'w [Table],
    folder: &'w Folder,
    unfinished: Arc<Unfinished>,
    form: Form,
    open: BTreeMap<usize, OpenFile>,
}

struct OpenFile {
    name: String,
    rows: u64,
    writer: Writer,
}

enum Writer {
    Csv(Box<Measured>),
    Parquet(Box<ParquetFile<Measured>>),
}

impl<'w> Files<'w> {
    pub(super) fn new(
        tables: &'w [Table],
        folder: &'w Folder,
        unfinished: &Arc<Unfinished>,
        form: Form,
    ) -> Self {
        Self { tables, folder, unfinished: Arc::clone(unfinished), form, open: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, order: Order) -> Result<(), GenerateError> {
        let (position, batch) = match order {
            Order::Rows(position, batch) => (position, batch),
            Order::Exists(position) => (position, Batch::new()),
        };
        let table = self.tables.get(position).ok_or(GenerateError::Stopped)?;
        if !self.open.contains_key(&position) {
            let name = self.folder.file(table.name.as_str(), self.form.name());
            let out = measured(self.unfinished.create(&name).map_err(|e| broken(table, e))?);
            let writer = match self.form {
                Form::Csv => {
                    let mut out = out;
                    csv::head(table, &mut out).map_err(|e| broken(table, e))?;
                    Writer::Csv(Box::new(out))
                }
                Form::Parquet => Writer::Parquet(Box::new(
                    ParquetFile::begin(table, out).map_err(|e| unwritten(table, e))?,
                )),
            };
            self.open.insert(position, OpenFile { name, rows: 0, writer });
        }
        let Some(file) = self.open.get_mut(&position) else { return Ok(()) };
        file.rows += u64::try_from(batch.len()).unwrap_or_default();
        match &mut file.writer {
            Writer::Csv(out) => csv::rows(table, &batch, out).map_err(|e| broken(table, e)),
            Writer::Parquet(parquet) => parquet.rows(&batch).map_err(|e| unwritten(table, e)),
        }
    }

    /// Ends every file; what is in them, but for the digests of their rows.
    pub(super) fn finish(self) -> Result<Vec<FileRecord>, GenerateError> {
        let mut records = Vec::new();
        for (position, file) in self.open {
            let table = self.tables.get(position).ok_or(GenerateError::Stopped)?;
            let out = match file.writer {
                Writer::Csv(out) => *out,
                Writer::Parquet(parquet) => parquet.finish().map_err(|e| unwritten(table, e))?,
            };
            let (bytes, sha256) = end(out).map_err(|e| broken(table, e))?;
            records.push(FileRecord {
                name: table.name.to_string(),
                file: file.name,
                rows: file.rows,
                rows_of_all_shards: 0,
                digest: String::new(),
                bytes,
                sha256,
            });
        }
        Ok(records)
    }
}

fn broken(table: &Table, cause: io::Error) -> GenerateError {
    GenerateError::File { table: table.name.to_string(), cause }
}

fn unwritten(table: &Table, error: ::parquet::errors::ParquetError) -> GenerateError {
    let cause = match error {
        ::parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(_) => io::ErrorKind::InvalidData.into(),
        },
        _ => io::ErrorKind::InvalidData.into(),
    };
    broken(table, cause)
}

/// A file whose bytes are counted and hashed on their way.
struct Hashed {
    file: File,
    context: Context,
    bytes: u64,
}

type Measured = BufWriter<Hashed>;

fn measured(file: File) -> Measured {
    BufWriter::with_capacity(BUFFER_BYTES, Hashed { file, context: Context::new(&SHA256), bytes: 0 })
}

/// Ends the file; its bytes and their SHA-256.
fn end(out: Measured) -> io::Result<(u64, String)> {
    let hashed = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    hashed.file.sync_all()?;
    Ok((hashed.bytes, hexadecimal(hashed.context.finish().as_ref())))
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.context.update(bytes.get(..written).unwrap_or_default());
        self.bytes += u64::try_from(written).unwrap_or_default();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

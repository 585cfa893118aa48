//! One file of a table, written as its rows come.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use bicuspid_model::{Batch, Table};
use ring::digest::{Context, SHA256};

use crate::error::FilesError;
use crate::folder::Unfinished;
use crate::manifest::{FileRecord, hexadecimal};
use crate::parquet::ParquetFile;
use crate::{Form, csv};

/// Bytes that are gathered before the file is written.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file of a table that is being written.
pub struct TableFile {
    name: String,
    rows: u64,
    writer: Writer,
}

enum Writer {
    Csv(Box<Measured>),
    Parquet(Box<ParquetFile<Measured>>),
}

impl TableFile {
    /// Begins the file of that name.
    pub fn begin(
        table: &Table,
        unfinished: &Unfinished,
        name: String,
        form: Form,
    ) -> Result<Self, FilesError> {
        let mut out = measured(unfinished.create(&name).map_err(|e| broken(table, e))?);
        let writer = match form {
            Form::Csv => {
                csv::head(table, &mut out).map_err(|e| broken(table, e))?;
                Writer::Csv(Box::new(out))
            }
            Form::Parquet => {
                Writer::Parquet(Box::new(ParquetFile::begin(table, out).map_err(|e| unwritten(table, e))?))
            }
        };
        Ok(Self { name, rows: 0, writer })
    }

    /// Writes rows, or keeps them until there are enough to be written together.
    pub fn rows(&mut self, table: &Table, batch: &Batch) -> Result<(), FilesError> {
        self.rows += u64::try_from(batch.len()).unwrap_or_default();
        match &mut self.writer {
            Writer::Csv(out) => csv::rows(table, batch, out).map_err(|e| broken(table, e)),
            Writer::Parquet(parquet) => parquet.rows(batch).map_err(|e| unwritten(table, e)),
        }
    }

    /// Bytes of rows that wait in memory.
    pub(crate) fn waiting_bytes(&self) -> usize {
        match &self.writer {
            Writer::Csv(_) => 0,
            Writer::Parquet(parquet) => parquet.waiting_bytes(),
        }
    }

    /// Writes rows that wait.
    pub(crate) fn flush(&mut self, table: &Table) -> Result<(), FilesError> {
        match &mut self.writer {
            Writer::Csv(_) => Ok(()),
            Writer::Parquet(parquet) => parquet.flush().map_err(|e| unwritten(table, e)),
        }
    }

    /// Ends the file, and says what is in it, but for the digest of its rows.
    pub fn finish(self, table: &Table) -> Result<FileRecord, FilesError> {
        let out = match self.writer {
            Writer::Csv(out) => *out,
            Writer::Parquet(parquet) => parquet.finish().map_err(|e| unwritten(table, e))?,
        };
        let (bytes, sha256) = end(out).map_err(|e| broken(table, e))?;
        Ok(FileRecord {
            name: table.name.to_string(),
            file: self.name,
            rows: self.rows,
            rows_of_all_shards: None,
            digest: None,
            bytes,
            sha256,
            key: table.key_columns().map(|column| column.name.to_string()).collect(),
            references: BTreeMap::new(),
        })
    }
}

fn broken(table: &Table, cause: io::Error) -> FilesError {
    FilesError::File { table: table.name.to_string(), cause }
}

fn unwritten(table: &Table, error: ::parquet::errors::ParquetError) -> FilesError {
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

//! The copy as Parquet files.
//!
//! What is exported is one moment of the target: all tables are read in one read-only transaction, which is to say as one
//! run of `sync` left them. Every row is hashed on its way, and the sum is compared with the fingerprint that was
//! committed with the table, so that a table is exported as it was proved, or not at all. The clinic is not asked
//! anything: this crate cannot reach a source.
//!
//! The files hold patients. They belong to whoever runs the program, and nobody else may read them.

mod error;
mod report;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bicuspid_files::{Dataset, FORMAT, FileRecord, FilesError, Folder, Form, Manifest, Unfinished};
use bicuspid_model::{Batch, Fingerprint, FingerprintKey};
use bicuspid_target::Analytics;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

pub use error::ExportError;
pub use report::{ExportReport, ExportedTable};
use tables::{Exported, exported};

/// Bytes of rows that are read at once.
const READ_BYTES: usize = 1024 * 1024;
/// Batches that may wait for the disk.
const BATCHES_WAITING_MAX: usize = 4;
/// Stands first in every manifest, for whoever finds the folder.
const MADE_BY: &str = "bicuspid export: these files hold patients";

/// What is exported, and where to.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// Environment by name.
    pub environment: String,
    /// The site, if the copy is that of one of several: its files have a folder of their own in that of each table.
    pub site: Option<String>,
    /// Where to.
    pub dir: PathBuf,
    /// Only these tables, in small letters; all if `None`.
    pub tables: Option<Vec<String>>,
    /// Whether tables of events are parted by year.
    pub by_year: bool,
    /// Version of the program.
    pub version: String,
}

/// What the files of a manifest were made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    database: String,
    system_identifier: String,
    /// The moment that the files show, RFC 3339 UTC.
    as_of: String,
}

/// What an export says while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Tables and rows that will be read.
    Begun {
        /// Tables.
        tables: usize,
        /// Rows.
        rows: u64,
    },
    /// Rows were read.
    Rows {
        /// Rows since the last event of this kind.
        rows: u64,
    },
}

/// Listens to events.
pub type Listener<'a> = &'a (dyn Fn(Event) + Send + Sync);

/// Files that may be written, and are not yet.
#[derive(Debug)]
pub struct ExportPlan {
    settings: ExportSettings,
    folder: Folder<Origin>,
}

impl ExportPlan {
    /// Looks at the folder: a file that no manifest there accounts for is not replaced. Writes nothing.
    pub fn make(settings: ExportSettings) -> Result<Self, ExportError> {
        let label = settings.site.as_ref().map(|site| format!("-{site}")).unwrap_or_default();
        let folder = Folder::inspect(&settings.dir, &label)?;
        Ok(Self { settings, folder })
    }

    /// Rows of an earlier export that would be replaced.
    #[must_use]
    pub fn rows_present(&self) -> u64 {
        self.folder.before().map_or(0, |before| before.rows)
    }

    /// Writes the files, all of them or none.
    pub async fn run(self, look: &Analytics, listener: Listener<'_>) -> Result<ExportReport, ExportError> {
        let began = Instant::now();
        let unfinished = Arc::new(self.folder.begin()?);
        look.begin_view().await?;
        let as_of = look.now().await?;
        let tables = exported(look, &self.settings).await?;
        let key = look.proof_settings().await?.key;
        listener(Event::Begun {
            tables: tables.len(),
            rows: tables.iter().map(|t| t.fingerprint.rows).sum(),
        });
        let (mut files, mut told) = (Vec::new(), Vec::with_capacity(tables.len()));
        for table in tables {
            let parted_by = table.by.and_then(|by| table.table.columns.get(by)).map(|c| c.name.to_string());
            let records =
                one_table(look, &unfinished, table.clone(), place(&table, &self.settings), &key, listener)
                    .await?;
            told.push(ExportedTable {
                name: table.table.name.to_string(),
                rows_read: records.iter().map(|r| r.rows).sum(),
                bytes: records.iter().map(|r| r.bytes).sum(),
                files: u64::try_from(records.len()).unwrap_or(u64::MAX),
                parted_by,
                left_out: table.left_out,
            });
            files.extend(records);
        }
        look.end_view().await?;
        let facts = look.facts();
        let manifest = Manifest {
            format: FORMAT,
            made_by: MADE_BY.to_owned(),
            version: self.settings.version,
            output: Form::Parquet.name().to_owned(),
            about: Origin {
                environment: self.settings.environment,
                site: self.settings.site,
                database: facts.database.clone(),
                system_identifier: facts.system_identifier.to_string(),
                as_of: as_of.clone(),
            },
            rows: files.iter().map(|r| r.rows).sum(),
            tables: files,
            replaced: Vec::new(),
        };
        let rows = manifest.rows;
        self.folder.publish(&unfinished, manifest)?;
        Ok(ExportReport {
            dir: self.settings.dir.display().to_string(),
            database: facts.database.clone(),
            as_of,
            rows,
            tables: told,
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

/// The folder of a table's files.
fn place(table: &Exported, settings: &ExportSettings) -> String {
    let name = &table.table.name;
    settings.site.as_ref().map_or_else(|| name.to_string(), |site| format!("{name}/site={site}"))
}

/// Reads a table and lets a thread of its own write it.
async fn one_table(
    look: &Analytics,
    unfinished: &Arc<Unfinished>,
    exported: Exported,
    place: String,
    key: &FingerprintKey,
    listener: Listener<'_>,
) -> Result<Vec<FileRecord>, ExportError> {
    let (table, expected) = (exported.table.clone(), exported.fingerprint);
    let Some(mut rows) = look.read(&table, None).await? else {
        return Err(ExportError::Stopped);
    };
    let (sender, writing) = writer(unfinished, exported, place);
    let mut found = Fingerprint::default();
    while let Some(batch) = rows.next(READ_BYTES).await? {
        let key = *key;
        // Hashing is work, and others wait on this thread.
        let (batch, hashed) = tokio::task::spawn_blocking(move || {
            let mut hashed = Fingerprint::default();
            batch.rows().for_each(|row| hashed.add(key.hash(row)));
            (batch, hashed)
        })
        .await
        .map_err(|_| ExportError::Stopped)?;
        found.merge(hashed);
        listener(Event::Rows { rows: u64::try_from(batch.len()).unwrap_or_default() });
        if sender.send(batch).await.is_err() {
            break;
        }
    }
    drop(sender);
    // The writer's own trouble says more than that it took no more rows.
    let records = writing.await.map_err(|_| ExportError::Stopped)??;
    if found != expected {
        return Err(ExportError::NotAsProved {
            table: table.name.to_string(),
            rows: found.rows,
            rows_proved: expected.rows,
        });
    }
    Ok(records)
}

fn writer(
    unfinished: &Arc<Unfinished>,
    exported: Exported,
    place: String,
) -> (Sender<Batch>, JoinHandle<Result<Vec<FileRecord>, FilesError>>) {
    let (sender, mut batches) = channel::<Batch>(BATCHES_WAITING_MAX);
    let unfinished = Arc::clone(unfinished);
    let writing = tokio::task::spawn_blocking(move || {
        let mut files = Dataset::new(&exported.table, place, exported.by);
        while let Some(batch) = batches.blocking_recv() {
            files.rows(&unfinished, &batch)?;
        }
        files.finish(&unfinished)
    });
    (sender, writing)
}

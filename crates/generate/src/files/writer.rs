//! The files that one thread writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bicuspid_files::{FileRecord, TableFile, Unfinished};
use bicuspid_model::{Batch, Table};

use super::{FileSettings, Order};
use crate::error::GenerateError;

/// The files of some tables, opened when their first row comes.
pub(super) struct Files<'w> {
    tables: &'w [Table],
    unfinished: Arc<Unfinished>,
    settings: &'w FileSettings,
    open: BTreeMap<usize, TableFile>,
}

impl<'w> Files<'w> {
    pub(super) fn new(tables: &'w [Table], unfinished: &Arc<Unfinished>, settings: &'w FileSettings) -> Self {
        Self { tables, unfinished: Arc::clone(unfinished), settings, open: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, order: Order) -> Result<(), GenerateError> {
        let (position, batch) = match order {
            Order::Rows(position, batch) => (position, batch),
            Order::Exists(position) => (position, Batch::new()),
        };
        let table = self.tables.get(position).ok_or(GenerateError::Stopped)?;
        if !self.open.contains_key(&position) {
            let FileSettings { shard, form, .. } = self.settings;
            let name = format!("{}{}.{}", table.name, shard.suffix(), form.name());
            self.open.insert(position, TableFile::begin(table, &self.unfinished, name, *form)?);
        }
        let Some(file) = self.open.get_mut(&position) else { return Ok(()) };
        Ok(file.rows(table, &batch)?)
    }

    /// Ends every file; what is in them, but for the digests of their rows.
    pub(super) fn finish(self) -> Result<Vec<FileRecord>, GenerateError> {
        let mut records = Vec::new();
        for (position, file) in self.open {
            let table = self.tables.get(position).ok_or(GenerateError::Stopped)?;
            records.push(file.finish(table)?);
        }
        Ok(records)
    }
}

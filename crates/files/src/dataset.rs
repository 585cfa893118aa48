//! A table as several files, one for each year of a date, in folders that engines know by their names (`year=2024`).

use std::collections::BTreeMap;

use bicuspid_model::row::fields;
use bicuspid_model::{Batch, Table, Value, codec};

use crate::Form;
use crate::error::FilesError;
use crate::folder::Unfinished;
use crate::manifest::FileRecord;
use crate::table_file::TableFile;

/// Most files of a table that are open at once; a year beyond them begins another part later.
const OPEN_MAX: usize = 64;
/// Bytes of rows that wait in memory for all files of a table together.
const WAITING_BYTES_MAX: usize = 48 * 1024 * 1024;
/// What the usual engines read as NULL in the name of a folder.
const NO_YEAR: &str = "__HIVE_DEFAULT_PARTITION__";

/// The files of one table while they are written.
pub struct Dataset<'t> {
    table: &'t Table,
    /// Folder of the table.
    prefix: String,
    /// Position of the date by whose year rows are parted.
    by: Option<usize>,
    open: BTreeMap<Option<i32>, TableFile>,
    /// Parts of each year so far.
    parts: BTreeMap<Option<i32>, u32>,
    finished: Vec<FileRecord>,
}

impl<'t> Dataset<'t> {
    /// The files of a table below `prefix`, parted by the year in the column at position `by`, if there is one.
    #[must_use]
    pub const fn new(table: &'t Table, prefix: String, by: Option<usize>) -> Self {
        Self { table, prefix, by, open: BTreeMap::new(), parts: BTreeMap::new(), finished: Vec::new() }
    }

    /// Writes rows to the files of their years. Memory stays bounded however many years there are.
    pub fn rows(&mut self, unfinished: &Unfinished, batch: &Batch) -> Result<(), FilesError> {
        let Some(by) = self.by else {
            return self.take(unfinished, None, batch);
        };
        let mut by_year: BTreeMap<Option<i32>, Batch> = BTreeMap::new();
        for row in batch.rows() {
            copy(row, by_year.entry(self.year(by, row)).or_default()).ok_or_else(|| self.too_large())?;
        }
        by_year.into_iter().try_for_each(|(year, batch)| self.take(unfinished, year, &batch))
    }

    fn year(&self, by: usize, row: &[u8]) -> Option<i32> {
        let target = self.table.columns.get(by)?.target;
        match codec::decode(target, fields(row).nth(by).flatten()?)? {
            Value::Date(day) => Some(day.ymd().0),
            Value::DateTime(moment) => Some(moment.date().ymd().0),
            _ => None,
        }
    }

    fn take(&mut self, unfinished: &Unfinished, year: Option<i32>, batch: &Batch) -> Result<(), FilesError> {
        if !self.open.contains_key(&year) {
            if self.open.len() >= OPEN_MAX
                && let Some((_, one)) = self.open.pop_first()
            {
                self.finished.push(one.finish(self.table)?);
            }
            let name = self.next_name(year);
            self.open.insert(year, TableFile::begin(self.table, unfinished, name, Form::Parquet)?);
        }
        if let Some(file) = self.open.get_mut(&year) {
            file.rows(self.table, batch)?;
        }
        if self.open.values().map(TableFile::waiting_bytes).sum::<usize>() > WAITING_BYTES_MAX
            && let Some(fullest) = self.open.values_mut().max_by_key(|file| file.waiting_bytes())
        {
            fullest.flush(self.table)?;
        }
        Ok(())
    }

    fn too_large(&self) -> FilesError {
        FilesError::File { table: self.table.name.to_string(), cause: std::io::ErrorKind::InvalidData.into() }
    }

    fn next_name(&mut self, year: Option<i32>) -> String {
        let part = self.parts.entry(year).or_default();
        let name = match (self.by, year) {
            (None, _) => format!("{}/part-{part}.parquet", self.prefix),
            (Some(_), Some(year)) => format!("{}/year={year}/part-{part}.parquet", self.prefix),
            (Some(_), None) => format!("{}/year={NO_YEAR}/part-{part}.parquet", self.prefix),
        };
        *part += 1;
        name
    }

    /// Ends every file; a table without rows has one file all the same, so that readers know its columns.
    pub fn finish(mut self, unfinished: &Unfinished) -> Result<Vec<FileRecord>, FilesError> {
        if self.parts.is_empty() {
            self.take(unfinished, None, &Batch::new())?;
        }
        for (_, file) in std::mem::take(&mut self.open) {
            self.finished.push(file.finish(self.table)?);
        }
        self.finished.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(self.finished)
    }
}

/// Copies a row into a batch.
fn copy(row: &[u8], into: &mut Batch) -> Option<()> {
    into.begin_row(u16::try_from(fields(row).count()).ok()?);
    let mut whole = true;
    for field in fields(row) {
        match field {
            Some(field) => whole &= into.raw(field),
            None => into.null(),
        }
    }
    (whole && into.end_row()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::manifest::{FORMAT, Manifest};
    use bicuspid_model::{Column, ColumnName, Date, SourceType, TableName, TargetType};
    use std::path::Path;

    fn table() -> Table {
        let column = |name: &str, target| Column {
            name: ColumnName::new(name).unwrap(),
            source: SourceType::Date,
            target,
            nullable: true,
            withheld: false,
        };
        Table {
            name: TableName::new("visit").unwrap(),
            columns: vec![column("Num", TargetType::Int8), column("Day", TargetType::Date)],
            primary_key: vec![0],
        }
    }

    fn batch(rows: &[(i64, Option<i32>)]) -> Batch {
        let mut batch = Batch::new();
        for (num, year) in rows {
            batch.begin_row(2);
            batch.int8(*num);
            match year {
                Some(year) => batch.date(Date::from_ymd(*year, 7, 1).unwrap()),
                None => batch.null(),
            }
            assert!(batch.end_row());
        }
        batch
    }

    fn publish(dir: &Path, rows: &[(i64, Option<i32>)]) -> Vec<(String, u64)> {
        let table = table();
        let folder = Folder::<()>::inspect(dir, "").unwrap();
        let unfinished = folder.begin().unwrap();
        let mut dataset = Dataset::new(&table, "visit".to_owned(), Some(1));
        for some in rows.chunks(3) {
            dataset.rows(&unfinished, &batch(some)).unwrap();
        }
        let tables = dataset.finish(&unfinished).unwrap();
        let manifest = Manifest {
            format: FORMAT,
            made_by: "a test".to_owned(),
            version: "1".to_owned(),
            output: "parquet".to_owned(),
            about: (),
            rows: tables.iter().map(|t| t.rows).sum(),
            tables: tables.clone(),
            replaced: Vec::new(),
        };
        folder.publish(&unfinished, manifest).unwrap();
        tables.into_iter().map(|t| (t.file, t.rows)).collect()
    }

    #[test]
    fn rows_go_to_the_folders_of_their_years() {
        let dir = tempfile::tempdir().unwrap();
        let files =
            publish(dir.path(), &[(1, Some(2024)), (2, None), (3, Some(2023)), (4, Some(2024)), (5, None)]);
        let named = |name: &str, rows| (format!("visit/year={name}/part-0.parquet"), rows);
        assert_eq!(files, [named("2023", 1), named("2024", 2), named(NO_YEAR, 2)]);
        for (file, _) in &files {
            assert!(dir.path().join(file).is_file(), "{file}");
        }
        // What is no longer there goes, and its folder with it.
        let files = publish(dir.path(), &[(1, Some(2024))]);
        assert_eq!(files, [named("2024", 1)]);
        assert!(!dir.path().join("visit/year=2023").exists());
        assert!(dir.path().join("visit/year=2024/part-0.parquet").is_file());
    }

    #[test]
    fn many_years_are_many_parts_and_no_row_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let rows: Vec<(i64, Option<i32>)> =
            (0..1000).map(|i| (i, Some(1900 + i32::try_from(i % 200).unwrap()))).collect();
        let files = publish(dir.path(), &rows);
        assert_eq!(files.iter().map(|(_, rows)| rows).sum::<u64>(), 1000);
        assert!(files.len() > 200, "{}", files.len());
        let years: std::collections::BTreeSet<&str> =
            files.iter().filter_map(|(f, _)| f.split('/').nth(1)).collect();
        assert_eq!(years.len(), 200);
    }

    #[test]
    fn a_table_without_rows_has_a_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(publish(dir.path(), &[]), [(format!("visit/year={NO_YEAR}/part-0.parquet"), 0)]);
    }

    #[test]
    fn a_strangers_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        publish(dir.path(), &[(1, Some(2024))]);
        std::fs::write(dir.path().join("visit/year=2024/part-0.parquet"), "mine").unwrap();
        let refused = Folder::<()>::inspect(dir.path(), "").unwrap_err();
        assert_eq!(refused.trouble().code, "files::not_ours");
    }
}

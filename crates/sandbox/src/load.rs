//! Puts rows into a database of the private MariaDB server in bulk, and makes sure that they arrived as given.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use bicuspid_model::{DatabaseName, Value};

use crate::account::Account;
use crate::blocking;
use crate::error::{SandboxError, Server};
use crate::home::Home;
use crate::mariadb;

/// Rows on their way into one database: a file per table, which the server then reads by itself.
pub(crate) struct BulkLoad<'a> {
    home: &'a Home,
    account: Account,
    database: &'a DatabaseName,
    files: BTreeMap<&'static str, TableFile>,
    line: Vec<u8>,
}

struct TableFile {
    path: PathBuf,
    writer: BufWriter<File>,
    rows: u64,
}

impl<'a> BulkLoad<'a> {
    pub(crate) fn new(home: &'a Home, account: Account, database: &'a DatabaseName) -> Self {
        Self { home, account, database, files: BTreeMap::new(), line: Vec::new() }
    }

    /// Takes one row: a value for each column of the table, in order.
    pub(crate) fn row(&mut self, table: &'static str, row: &[Value]) -> Result<(), SandboxError> {
        let file = match self.files.entry(table) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(TableFile::new(self.home, self.account, self.database, table)?)
            }
        };
        self.line.clear();
        for (i, value) in row.iter().enumerate() {
            if i > 0 {
                self.line.push(b'\t');
            }
            encode(value, &mut self.line);
        }
        self.line.push(b'\n');
        file.writer.write_all(&self.line).map_err(SandboxError::file("write", &file.path))?;
        file.rows += 1;
        Ok(())
    }

    /// Has the server read the files; returns the number of rows. A row that the server changed or dropped is an error.
    pub(crate) fn finish(self) -> Result<u64, SandboxError> {
        let mut total = 0;
        for (table, mut file) in self.files {
            file.writer.flush().map_err(SandboxError::file("write", &file.path))?;
            let failed = |code: &str| SandboxError::Statement {
                server: Server::MariaDb,
                action: format!("fill the table `{table}`"),
                code: code.to_owned(),
            };
            let (place, path) = (self.database.mysql(), literal(&file.path));
            let statements = format!(
                "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = @@GLOBAL.time_zone; \
                 LOAD DATA INFILE {path} INTO TABLE {place}.`{table}` CHARACTER SET binary; \
                 SELECT @@warning_count; SELECT COUNT(*) FROM {place}.`{table}`"
            );
            let answer = blocking::wait(|| async {
                mariadb::rows(self.home, &statements).await.map_err(|error| failed(&mariadb::code(&error)))
            })?;
            let expected = [b"0".to_vec(), file.rows.to_string().into_bytes()];
            if !answer.iter().flatten().flatten().eq(&expected) {
                return Err(failed("rows changed on their way"));
            }
            std::fs::remove_file(&file.path).map_err(SandboxError::file("remove", &file.path))?;
            total += file.rows;
        }
        Ok(total)
    }
}

impl TableFile {
    fn new(
        home: &Home,
        account: Account,
        database: &DatabaseName,
        table: &str,
    ) -> Result<Self, SandboxError> {
        let path = home.load().join(format!("{}.{table}", database.as_str()));
        let file = account.make_file(&path)?;
        Ok(Self { path, writer: BufWriter::with_capacity(1 << 16, file), rows: 0 })
    }
}

/// A path as a literal, under an SQL mode that escapes with backslashes.
fn literal(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\\', "\\\\").replace('\'', "\\'"))
}

/// One field as `LOAD DATA` reads it without further clauses (MariaDB manual, "LOAD DATA INFILE": fields end in a tab,
/// lines in a newline, escapes begin with a backslash).
fn encode(value: &Value, line: &mut Vec<u8>) {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Null => write!(text, "\\N"),
        Value::Int(v) => write!(text, "{v}"),
        Value::UInt(v) => write!(text, "{v}"),
        Value::Float(v) => write!(text, "{v:e}"),
        Value::Decimal(v) => write!(text, "{v}"),
        Value::Date(v) => write!(text, "{v}"),
        Value::DateTime(v) => write!(text, "{v}"),
        Value::Time(v) => {
            let (sign, micros) = (if *v < 0 { "-" } else { "" }, v.unsigned_abs());
            let seconds = micros / 1_000_000;
            let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            write!(text, "{sign}{h:02}:{m:02}:{s:02}.{:06}", micros % 1_000_000)
        }
        Value::Text(v) => return escape(v.as_bytes(), line),
        Value::Bytes(v) => return escape(v, line),
    };
    line.extend_from_slice(text.as_bytes());
}

fn escape(bytes: &[u8], line: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'\\' | b'\t' | b'\n' => line.extend_from_slice(&[b'\\', byte]),
            0 => line.extend_from_slice(b"\\0"),
            _ => line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped() {
        let mut line = Vec::new();
        for value in [Value::Null, Value::text("a\tb\\N\n"), Value::Bytes(vec![0, 0xFF]), Value::Float(-0.1)]
        {
            encode(&value, &mut line);
            line.push(b'|');
        }
        assert_eq!(line, b"\\N|a\\\tb\\\\N\\\n|\\0\xFF|-1e-1|");
    }

    #[test]
    fn times_may_be_negative_and_long() {
        let mut line = Vec::new();
        encode(&Value::Time(-(838 * 3_600 + 59 * 60 + 59) * 1_000_000), &mut line);
        assert_eq!(line, b"-838:59:59.000000");
    }
}

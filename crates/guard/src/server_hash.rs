//! A hash of each row that the server makes itself, so that over a thin link rows need not travel to be compared.
//!
//! The hash is the first half of SHA-256 over one binary string in which every value ends by itself:
//!
//! | type | in the string |
//! |---|---|
//! | whole numbers, `decimal`, dates and times, `year` | their text, which the server writes in one way, and a comma |
//! | `float`, `double` | multiplied by one as a double, whose shortest text brings back every bit, and a comma |
//! | `bit` | the number, and a comma |
//! | texts, `enum`, `set`, binary strings | their length in bytes, a colon, the bytes as they are stored |
//! | `json`, `uuid`, `inet4`, `inet6` | the same of the text that is read |
//! | spatial | two hexadecimal digits for each byte, and a comma |
//! | NULL | a minus sign alone, which begins no length and is no number |
//!
//! So two rows with the same string hold the same values. No collation, character set, `sql_mode` or format setting
//! has a part in it; a `timestamp` is its local time in the session's zone, which is what is copied of it.
//!
//! `MD5` and `CRC32` are not used: MySQL 9 has no `MD5`, where a stored function could take its name, and 32 bits are
//! too few.

use std::fmt;

use bicuspid_model::{Column, SourceType};

use crate::builder::{self, ChunkQuery, SELECT};
use crate::flavour::Flavour;
use crate::refusal::Refusal;
use crate::statement::ReadStatement;

/// Name and version of the expression: a change of what is written above changes it, and no sum that was recorded by
/// another one is used.
pub const ALGORITHM: &str = "sha2-256/2x64/1";

/// Whether every expression was compared with the rows themselves, value by value, on a server of this kind.
#[must_use]
pub fn is_verified(flavour: Flavour) -> bool {
    flavour.mariadb && (flavour.major, flavour.minor) == (10, 11)
}

/// An expression that hashes a row of one table on the server. Only this crate can make one.
#[derive(Clone, PartialEq, Eq)]
pub struct RowHash(String);

impl RowHash {
    /// The expression over all columns that are copied; `None` if none is.
    #[must_use]
    pub fn of(columns: &[Column]) -> Option<Self> {
        let parts: Vec<String> = columns.iter().filter(|c| !c.withheld).map(part).collect();
        (!parts.is_empty()).then(|| Self(format!("SHA2(CONCAT({}), 256)", parts.join(", "))))
    }

    /// What is put in its place in a select list: sixteen bytes, or NULL for a row longer than the server joins.
    pub(crate) fn item(&self) -> String {
        format!("UNHEX(LEFT({}, 32))", self.0)
    }

    /// The text, of which records keep a digest.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowHash").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

/// One value, ended.
fn part(column: &Column) -> String {
    let name = column.name.mysql().to_string();
    let plain = |value: String| {
        if column.nullable { format!("COALESCE({value}, '-'), ','") } else { format!("{value}, ','") }
    };
    let counted = |bytes: String, value: String| {
        if column.nullable {
            format!("COALESCE(CONCAT(LENGTH({bytes}), ':', {value}), '-')")
        } else {
            format!("LENGTH({bytes}), ':', {value}")
        }
    };
    match &column.source {
        SourceType::TinyInt { .. }
        | SourceType::SmallInt { .. }
        | SourceType::MediumInt { .. }
        | SourceType::Int { .. }
        | SourceType::BigInt { .. }
        | SourceType::Year
        | SourceType::Decimal { .. }
        | SourceType::Date
        | SourceType::DateTime
        | SourceType::Timestamp
        | SourceType::Time => plain(name),
        // A column with a number of decimals, `float(7,2)`, would be rounded to it by itself.
        SourceType::Float | SourceType::Double => plain(format!("{name} * 1e0")),
        SourceType::Bit { .. } => plain(format!("CAST({name} AS UNSIGNED)")),
        SourceType::Spatial => plain(format!("HEX({name})")),
        SourceType::Text(_) | SourceType::Choice(_) | SourceType::Binary => {
            let value = format!("CAST({name} AS BINARY)");
            counted(name, value)
        }
        SourceType::Json | SourceType::TextLike => {
            let text = format!("CAST({name} AS CHAR)");
            counted(text.clone(), format!("CAST({text} AS BINARY)"))
        }
    }
}

/// Four numbers about the rows of a chunk, of which at most `limit` are looked at: how many there are, how many of
/// them have a hash, and the sums of both halves of the hashes, which are NULL where there is none. What `query`
/// selects is not asked for.
pub fn chunk_sums(query: &ChunkQuery<'_>, hash: &RowHash) -> Result<ReadStatement, Refusal> {
    let (rows, params) =
        builder::range(query, query.filter, &format!("{} AS h", hash.0), &format!("LIMIT {}", query.limit))?;
    let half = |part: &str| format!("SUM(CAST(CONV({part}, 16, 10) AS UNSIGNED))");
    let sql = format!(
        "{SELECT}COUNT(*), COUNT(r.h), {}, {} FROM (SELECT {rows}) AS r",
        half("LEFT(r.h, 16)"),
        half("SUBSTRING(r.h, 17, 16)"),
    );
    ReadStatement::seal(sql, params, Some(query.database))
}

/// Bytes of the answer to [`generated_text`].
pub const GENERATED_BYTES: u32 = 64 * 1024;

/// One row of columns of 1,024 characters each that no compression makes much of, from no table: an answer of a known
/// size, by which a link can be measured.
pub fn generated_text() -> Result<ReadStatement, Refusal> {
    let item = |i: u32| {
        let digests: Vec<String> = (0..8).map(|k| format!("SHA2({}, 512)", i * 8 + k)).collect();
        format!("CONCAT({})", digests.join(", "))
    };
    let items: Vec<String> = (0..GENERATED_BYTES / 1024).map(item).collect();
    ReadStatement::seal(format!("{SELECT}{}", items.join(", ")), Vec::new(), None)
}

/// The shortest question, from no table.
pub fn nothing() -> Result<ReadStatement, Refusal> {
    ReadStatement::seal(format!("{SELECT}1"), Vec::new(), None)
}

#[cfg(test)]
mod tests {
    use bicuspid_model::{ColumnName, DatabaseName, TableName, TargetType, Value};

    use super::*;
    use crate::builder::{KeyCast, KeyPart};

    fn column(name: &str, source: SourceType, nullable: bool) -> Column {
        let target = TargetType::of(&source);
        Column { name: ColumnName::new(name).unwrap(), source, target, nullable, withheld: false }
    }

    fn text(columns: &[Column]) -> String {
        RowHash::of(columns).unwrap().text().to_owned()
    }

    #[test]
    fn every_value_ends_by_itself_and_null_is_no_value() {
        let int = SourceType::Int { unsigned: false };
        let varchar = SourceType::Text(bicuspid_model::Charset::Latin1);
        assert_eq!(
            text(&[column("a", int.clone(), false), column("b`", int, true)]),
            "SHA2(CONCAT(`a`, ',', COALESCE(`b```, '-'), ','), 256)"
        );
        assert_eq!(
            text(&[column("a", varchar.clone(), false), column("b", varchar, true)]),
            "SHA2(CONCAT(LENGTH(`a`), ':', CAST(`a` AS BINARY), \
             COALESCE(CONCAT(LENGTH(`b`), ':', CAST(`b` AS BINARY)), '-')), 256)"
        );
        assert_eq!(
            text(&[column("f", SourceType::Float, true), column("b", SourceType::Bit { width: 3 }, false)]),
            "SHA2(CONCAT(COALESCE(`f` * 1e0, '-'), ',', CAST(`b` AS UNSIGNED), ','), 256)"
        );
    }

    #[test]
    fn what_is_withheld_is_not_hashed() {
        let secret = Column { withheld: true, ..column("s", SourceType::Binary, true) };
        assert_eq!(RowHash::of(std::slice::from_ref(&secret)), None);
        assert_eq!(text(&[secret, column("y", SourceType::Year, false)]), "SHA2(CONCAT(`y`, ','), 256)");
    }

    #[test]
    fn sums_are_asked_of_the_rows_that_a_chunk_would_bring() {
        let (database, table) = (DatabaseName::new("od").unwrap(), TableName::new("patient").unwrap());
        let key = column("PatNum", SourceType::BigInt { unsigned: false }, false);
        let hash = RowHash::of(std::slice::from_ref(&key)).unwrap();
        let (low, high) = ([Value::Int(7)], [Value::Int(90)]);
        let query = ChunkQuery {
            database: &database,
            table: &table,
            select: &[],
            key: &[KeyPart { column: &key.name, cast: KeyCast::None }],
            index: None,
            after: Some(&low),
            up_to: Some(&high),
            limit: 500,
            filter: None,
        };
        let sums = chunk_sums(&query, &hash).unwrap();
        assert_eq!(
            sums.sql(),
            "SELECT /* bicuspid */ COUNT(*), COUNT(r.h), SUM(CAST(CONV(LEFT(r.h, 16), 16, 10) AS UNSIGNED)), \
             SUM(CAST(CONV(SUBSTRING(r.h, 17, 16), 16, 10) AS UNSIGNED)) FROM (SELECT \
             SHA2(CONCAT(`PatNum`, ','), 256) AS h FROM `od`.`patient` WHERE (`PatNum` > ?) AND (`PatNum` <= ?) \
             ORDER BY `PatNum` LIMIT 500) AS r"
        );
        assert_eq!(sums.params(), [Value::Int(7), Value::Int(90)]);
        let select = [builder::Selected::Column(&key.name), builder::Selected::Hash(&hash)];
        let read = builder::chunk(&ChunkQuery { select: &select, ..query }).unwrap();
        assert!(read.sql().starts_with(
            "SELECT /* bicuspid */ `PatNum`, UNHEX(LEFT(SHA2(CONCAT(`PatNum`, ','), 256), 32)) FROM"
        ));
        assert!(chunk_sums(&ChunkQuery { limit: 0, ..query }, &hash).is_err());
    }

    #[test]
    fn the_widest_table_can_be_hashed() {
        let (database, table) = (DatabaseName::new("od").unwrap(), TableName::new("t".repeat(64)).unwrap());
        let columns: Vec<Column> = (0..1599)
            .map(|i| column(&format!("{i:x>64}"), SourceType::Text(bicuspid_model::Charset::Utf8), true))
            .collect();
        let hash = RowHash::of(&columns).unwrap();
        let key: Vec<KeyPart<'_>> =
            columns.iter().take(16).map(|c| KeyPart { column: &c.name, cast: KeyCast::Char }).collect();
        let bound: Vec<Value> = (0..16).map(Value::Int).collect();
        let query = ChunkQuery {
            database: &database,
            table: &table,
            select: &[],
            key: &key,
            index: None,
            after: Some(&bound),
            up_to: Some(&bound),
            limit: u64::MAX,
            filter: None,
        };
        assert!(chunk_sums(&query, &hash).is_ok());
    }

    #[test]
    fn a_link_is_measured_without_a_table() {
        let text = generated_text().unwrap();
        assert!(!text.sql().contains("FROM") && text.params().is_empty());
        assert_eq!(text.sql().matches("SHA2(").count() * 128, 64 * 1024);
        assert!(nothing().is_ok());
    }

    #[test]
    fn only_what_was_measured_counts_as_verified() {
        let is = |version: &str| is_verified(Flavour::parse(version).unwrap());
        assert!(is("10.11.19-MariaDB-0+deb12u1"));
        for other in ["10.6.1-MariaDB", "11.8.6-MariaDB", "8.0.36", "10.11.0"] {
            assert!(!is(other), "{other}");
        }
    }
}

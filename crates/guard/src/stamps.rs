//! Statements about edit stamps: what the server's clock says, and which rows were edited since a moment.

use bicuspid_model::{ColumnName, DatabaseName, IndexName, TableName, Value};

use crate::builder::SELECT;
use crate::refusal::{BuildFault, Refusal};
use crate::statement::ReadStatement;

/// An edit stamp that an index leads to.
#[derive(Debug, Clone, Copy)]
pub struct StampQuery<'a> {
    /// Database of the table.
    pub database: &'a DatabaseName,
    /// The table.
    pub table: &'a TableName,
    /// The stamp.
    pub stamp: &'a ColumnName,
    /// An index that begins with the stamp. It is named in the statement: without it a server may prefer to read the
    /// whole table under its lock.
    pub index: &'a IndexName,
}

impl StampQuery<'_> {
    fn from(&self) -> String {
        format!("FROM {}.{} FORCE INDEX ({})", self.database.mysql(), self.table.mysql(), self.index.mysql())
    }
}

/// The server's clock: one row of two texts, the session's local time and UTC.
pub fn clock() -> Result<ReadStatement, Refusal> {
    ReadStatement::seal(
        format!("{SELECT}CAST(NOW() AS CHAR) AS here, CAST(UTC_TIMESTAMP() AS CHAR) AS utc"),
        Vec::new(),
        None,
    )
}

/// The latest stamp of a table, a text in the session's time zone; NULL if it has no rows. The server looks at one end
/// of the index.
pub fn latest(query: &StampQuery<'_>) -> Result<ReadStatement, Refusal> {
    let sql = format!("{SELECT}CAST(MAX({}) AS CHAR) {}", query.stamp.mysql(), query.from());
    ReadStatement::seal(sql, Vec::new(), Some(query.database))
}

/// The keys of the rows stamped at or after `since` (local time, `2026-03-02 21:14:00`), oldest first, at most `limit`
/// of them.
pub fn edited_since(
    query: &StampQuery<'_>,
    key: &ColumnName,
    since: &str,
    limit: u64,
) -> Result<ReadStatement, Refusal> {
    if limit == 0 {
        return Err(BuildFault::NoRows.into());
    }
    let sql = format!(
        "{SELECT}{} {} WHERE {stamp} >= CAST(? AS DATETIME) ORDER BY {stamp} LIMIT {limit}",
        key.mysql(),
        query.from(),
        stamp = query.stamp.mysql(),
    );
    ReadStatement::seal(sql, vec![Value::text(since.to_owned())], Some(query.database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_asked_for_by_their_index() {
        let (database, table) = (DatabaseName::new("od").unwrap(), TableName::new("pat`ient").unwrap());
        let (stamp, index) = (ColumnName::new("DateTStamp").unwrap(), IndexName::new("by stamp").unwrap());
        let query = StampQuery { database: &database, table: &table, stamp: &stamp, index: &index };
        assert_eq!(
            latest(&query).unwrap().sql(),
            "SELECT /* bicuspid */ CAST(MAX(`DateTStamp`) AS CHAR) FROM `od`.`pat``ient` FORCE INDEX (`by stamp`)"
        );
        let key = ColumnName::new("PatNum").unwrap();
        let edited = edited_since(&query, &key, "2026-03-02 21:14:00", 7).unwrap();
        assert_eq!(
            edited.sql(),
            "SELECT /* bicuspid */ `PatNum` FROM `od`.`pat``ient` FORCE INDEX (`by stamp`) \
             WHERE `DateTStamp` >= CAST(? AS DATETIME) ORDER BY `DateTStamp` LIMIT 7"
        );
        assert_eq!(edited.params(), [Value::text("2026-03-02 21:14:00".to_owned())]);
        assert_eq!(edited_since(&query, &key, "", 0).unwrap_err(), BuildFault::NoRows.into());
        assert!(clock().is_ok());
    }
}

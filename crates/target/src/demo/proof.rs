//! The proof that the server holds the rows of a generation as they were sent.
//!
//! Each table is proved as a first load is. A practice has hundreds of tables with a few rows each, and to ask about
//! them one by one would cost more than the answers: many are asked about together.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bicuspid_model::{Fingerprint, FingerprintKey, Table};

use super::writer::differs;
use super::{inspect, place};
use crate::error::TargetError;
use crate::first_load::{agrees, is_of_statement};
use crate::link::Link;
use crate::row_hash::{Found, RowHashes};

/// Tables asked about by one statement.
const TOGETHER: usize = 25;
/// Rows up to which a table is asked about with others; a larger one is worth a plan of its own.
const TOGETHER_ROWS_MAX: u64 = 5000;

/// A table and what was sent to it.
#[derive(Clone, Copy)]
pub(super) struct Filled<'t> {
    pub(super) table: &'t Table,
    pub(super) sent: Fingerprint,
    /// The same as the server can tell it by itself, where it can.
    pub(super) hashes: Option<&'t RowHashes>,
}

impl<'t> Filled<'t> {
    /// The hashes that the server must find; none if they are not of the rows that were sent.
    fn expected(&self) -> Option<&'t RowHashes> {
        self.hashes.filter(|hashes| hashes.rows() == self.sent.rows)
    }
}

/// Compares every table with what was sent: by the server's own hashes, and where they disagree or cannot be had, row by
/// row as the server returns them.
pub(super) async fn prove(
    link: &Link,
    tables: &[Filled<'_>],
    key: &FingerprintKey,
) -> Result<(), TargetError> {
    let mut proved = BTreeSet::new();
    let small: Vec<(&Table, &RowHashes)> = tables
        .iter()
        .filter(|of| of.sent.rows <= TOGETHER_ROWS_MAX)
        .filter_map(|of| Some((of.table, of.expected()?)))
        .collect();
    for part in small.chunks(TOGETHER) {
        proved.extend(agreeing(link, part).await?);
    }
    for of in tables {
        if proved.contains(of.table.name.as_str()) {
            continue;
        }
        let agreed = match of.expected() {
            Some(expected) => agrees(link, of.table, expected, &[""]).await?,
            None => false,
        };
        if !agreed && inspect::fingerprint(link, of.table, key).await? != of.sent {
            return Err(differs(of.table, "the rows on the server are not those that were sent"));
        }
    }
    Ok(())
}

/// The names of those tables whose hashes agree. If the server cannot answer for one of them, none has agreed: each is
/// then asked about by itself.
async fn agreeing<'t>(link: &Link, tables: &[(&'t Table, &RowHashes)]) -> Result<Vec<&'t str>, TargetError> {
    let Some((_, first)) = tables.first() else { return Ok(Vec::new()) };
    let mut sql = String::new();
    for (i, (table, expected)) in tables.iter().enumerate() {
        let union = if i == 0 { "" } else { " UNION ALL " };
        let _ =
            write!(sql, "{union}SELECT {i}::bigint, t.* FROM ({} FROM {}) t", expected.sql(), place(table));
    }
    link.run("SAVEPOINT row_hashes", "begin to prove tables").await?;
    // The seed hangs on the key alone: it is the same for all.
    let answer = match link.client.query(&sql, &[&first.seed()]).await {
        Ok(rows) => rows,
        Err(error) if error.code().is_some_and(|state| is_of_statement(state.code())) => {
            link.run("ROLLBACK TO SAVEPOINT row_hashes", "prove tables").await?;
            return Ok(Vec::new());
        }
        Err(error) => return Err(crate::error::of_driver(&error, "prove the tables of raw")),
    };
    let unreadable = |_| TargetError::Protocol { what: "the hashes of rows" };
    let mut agreed = Vec::new();
    for row in &answer {
        let place: i64 = row.try_get(0).map_err(unreadable)?;
        let rows: i64 = row.try_get(1).map_err(unreadable)?;
        let sum: Option<&str> = row.try_get(2).map_err(unreadable)?;
        let asked = usize::try_from(place).ok().and_then(|place| tables.get(place));
        agreed.extend(
            asked
                .filter(|(_, expected)| expected.are(&Found::of(rows, sum)))
                .map(|(table, _)| table.name.as_str()),
        );
    }
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::CopyIn;
    use crate::ddl;
    use crate::schemas::Schemas;
    use bicuspid_model::{Batch, Charset, Column, ColumnName, SourceType, TableName, TargetType};
    use bicuspid_sandbox::testing;

    const KEY: FingerprintKey = FingerprintKey::new([7; 16]);

    fn table(name: &str) -> Table {
        let column = |name: &str, source: SourceType| Column {
            name: ColumnName::new(name).unwrap(),
            target: TargetType::of(&source),
            source,
            nullable: false,
            withheld: false,
        };
        let number = column("Num", SourceType::BigInt { unsigned: false });
        let note = column("Note", SourceType::Text(Charset::Utf8));
        Table { name: TableName::new(name).unwrap(), columns: vec![number, note], primary_key: vec![0] }
    }

    fn rows(note: &str) -> Batch {
        let mut rows = Batch::new();
        for number in 0..3 {
            rows.begin_row(2);
            rows.int8(number);
            assert!(rows.raw(note.as_bytes()) && rows.end_row());
        }
        rows
    }

    fn hashes(table: &Table, rows: &Batch) -> RowHashes {
        let mut hashes = RowHashes::of_narrow(table, |_| true, &KEY).unwrap();
        hashes.add(rows);
        hashes
    }

    async fn filled(link: &Link, table: &Table) -> (Fingerprint, RowHashes) {
        let rows = rows(table.name.as_str());
        link.run(&ddl::create(&Schemas::alone(), table), "make a table").await.unwrap();
        let mut copy = CopyIn::begin(&link.client, &place(table), table).await.unwrap();
        copy.send(rows.bytes()).await.unwrap();
        assert_eq!(copy.finish().await.unwrap(), 3);
        let mut sent = Fingerprint::default();
        for row in rows.rows() {
            sent.add(KEY.hash(row));
        }
        (sent, hashes(table, &rows))
    }

    #[test]
    fn a_change_in_any_one_of_many_tables_is_noticed() {
        let target = testing::servers().postgres_database("proof");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let link = Link::connect(&target.endpoint).await.unwrap();
            link.run("BEGIN; CREATE SCHEMA IF NOT EXISTS raw", "begin").await.unwrap();
            let tables: Vec<Table> = (0..TOGETHER + 2).map(|i| table(&format!("table{i}"))).collect();
            let mut made = Vec::new();
            for table in &tables {
                made.push(filled(&link, table).await);
            }
            let all = tables.iter().zip(&made);
            let mut sent: Vec<Filled<'_>> = all
                .map(|(table, (sent, hashes))| Filled { table, sent: *sent, hashes: Some(hashes) })
                .collect();
            prove(&link, &sent, &KEY).await.unwrap();
            // Without hashes the rows are read back, and agree as well.
            sent[1].hashes = None;
            prove(&link, &sent, &KEY).await.unwrap();
            let last = TOGETHER + 1;
            for changed in [0, 1, last] {
                link.run("SAVEPOINT clean", "mark").await.unwrap();
                let change = format!("UPDATE raw.table{changed} SET \"Note\" = 'x' WHERE \"Num\" = 2");
                link.run(&change, "change a row").await.unwrap();
                let error = prove(&link, &sent, &KEY).await.unwrap_err();
                let name = format!("table{changed}");
                assert!(
                    matches!(&error, TargetError::DemoUnproved { table, .. } if *table == name),
                    "{error:?}"
                );
                link.run("ROLLBACK TO SAVEPOINT clean", "go back").await.unwrap();
            }
            // A number that the server cannot narrow is a change as well.
            link.run("SAVEPOINT clean", "mark").await.unwrap();
            let change = format!("UPDATE raw.table{last} SET \"Num\" = 4294967297 WHERE \"Num\" = 1");
            link.run(&change, "change a row").await.unwrap();
            assert!(prove(&link, &sent, &KEY).await.is_err());
            link.run("ROLLBACK TO SAVEPOINT clean", "go back").await.unwrap();
            // Hashes of other rows than were sent prove nothing; the rows themselves do.
            for other in [hashes(&tables[0], &Batch::new()), hashes(&tables[0], &rows("other"))] {
                assert!(agreeing(&link, &[(&tables[0], &other)]).await.unwrap().is_empty());
                let of_table = Filled { hashes: Some(&other), ..sent[0] };
                prove(&link, &[of_table, sent[2]], &KEY).await.unwrap();
            }
            // A server that cannot answer for one table has not agreed for any: each is asked by itself.
            let odd = table("missing");
            let of_odd = hashes(&odd, &Batch::new());
            assert!(agreeing(&link, &[(&tables[0], &made[0].1), (&odd, &of_odd)]).await.unwrap().is_empty());
            prove(&link, &sent, &KEY).await.unwrap();
        });
    }
}

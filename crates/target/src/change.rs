//! The rows of a table that changed, on their way into `raw`: staged, merged range by range, and looked at afterwards.

use bicuspid_model::{ColumnName, Fingerprint, FingerprintKey, KeyBound, Table, TableName};
use tokio_postgres::error::SqlState;

use crate::adoption::{self, Adoption};
use crate::analytics::KeyRange;
use crate::copy::{CopyIn, load_fault};
use crate::ddl;
use crate::error::TargetError;
use crate::first_load::{Intake, agrees, read_back};
use crate::link::Link;
use crate::row_hash::RowHashes;
use crate::state::{HeldState, TableRecord};

/// Staged rows from which on the server is asked for hashes of them instead of for the rows.
const HASHED_ROWS_MIN: u64 = 5000;

/// Rows of a changed table, staged in the session where nobody else can see them.
#[derive(Debug)]
pub struct Staged {
    /// Name of the temporary table.
    pub(crate) name: String,
    pub(crate) rows: u64,
}

impl Staged {
    /// Rows that were staged.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}

/// Rows on their way into a staging table. It borrows nothing, so that another task can feed it; dropping it unfinished
/// makes the server undo the whole stream.
pub struct Staging {
    pub(crate) copy: CopyIn,
    pub(crate) name: String,
}

impl std::fmt::Debug for Staging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staging").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Intake for Staging {
    async fn send(&mut self, rows: &[u8]) -> Result<(), TargetError> {
        self.copy.send(rows).await
    }
}

/// A range of keys whose rows changed, and what they must be afterwards.
#[derive(Debug, Clone)]
pub struct ChangedRange {
    /// Lower end, not included.
    pub after: Option<KeyBound>,
    /// Upper end, included.
    pub up_to: Option<KeyBound>,
    /// Fingerprint of the rows read from the source.
    pub expected: Fingerprint,
}

impl ChangedRange {
    /// The same ranges, in their order, those that follow each other made one: what a statement costs beside its rows is
    /// then paid once.
    fn joined(ranges: &[Self]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for range in ranges {
            match all.last_mut() {
                Some(last) if last.up_to.is_some() && last.up_to == range.after => {
                    last.up_to.clone_from(&range.up_to);
                    last.expected.merge(range.expected);
                }
                _ => all.push(range.clone()),
            }
        }
        all
    }
}

/// Which rows of a table the staged ones replace.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Those in these ranges of the walk.
    Ranges {
        /// Positions of the walk's columns.
        walk: Vec<usize>,
        /// Ranges.
        ranges: Vec<ChangedRange>,
    },
    /// All of them.
    Whole,
}

/// A table whose staged rows are to become visible.
#[derive(Debug)]
pub struct Change<'a> {
    /// Table.
    pub table: &'a Table,
    /// Staged rows.
    pub staged: Staged,
    /// Hashes of them, made before they were sent.
    pub hashes: Option<RowHashes>,
    /// What they replace.
    pub scope: Scope,
    /// Columns to add first, which the source has gained.
    pub added: Vec<ColumnName>,
    /// Columns that may hold NULL from now on: the source lets them, or has lost them.
    pub relaxed: Vec<ColumnName>,
    /// Columns whose type the source has widened.
    pub widened: Vec<ColumnName>,
    /// What it lacks, if another tool made it and it is taken over.
    pub adoption: Option<Adoption>,
    /// Its edit stamp, if it has one: edits that did not move it are counted.
    pub stamp: Option<ColumnName>,
    /// What is remembered afterwards; its fingerprint is what the whole table must have.
    pub record: TableRecord,
}

/// What became of one changed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Name on the source.
    pub table: TableName,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Of the rows updated, those whose edit stamp had not moved forward; none in a table without one.
    pub unstamped: u64,
    /// Why it was held after all: its rows on the target were not what was read from the source.
    pub held: Option<HeldState>,
}

/// A part of a table that is merged by itself.
#[derive(Debug)]
struct Part {
    /// Which rows it has, of the table as `t` and of the staged ones as `s`.
    of_target: String,
    of_staged: String,
    /// The same of the table alone, empty for all.
    alone: String,
    /// Fingerprint of the rows read from the source.
    expected: Fingerprint,
}

impl Change<'_> {
    /// Makes the table what was read from the source, and looks at it afterwards.
    pub(crate) async fn apply(&self, link: &Link, key: &FingerprintKey) -> Result<Applied, TargetError> {
        let table = self.table;
        if let Some(sql) = self.adoption.as_ref().and_then(|a| adoption::before(link.schemas(), table, a)) {
            alter(link, &sql, table).await?;
        }
        for name in &self.widened {
            if let Some(column) = table.columns.iter().find(|c| c.name == *name) {
                let (raw, target) = (link.schemas().table(table), column.target);
                let sql = format!("ALTER TABLE {raw} ALTER COLUMN {} TYPE {target}", name.postgres());
                alter(link, &sql, table).await?;
            }
        }
        for name in &self.added {
            if let Some(column) = table.columns.iter().find(|c| c.name == *name) {
                let sql = format!(
                    "ALTER TABLE {} ADD COLUMN {} {}",
                    link.schemas().table(table),
                    name.postgres(),
                    column.target
                );
                alter(link, &sql, table).await?;
            }
        }
        for name in &self.relaxed {
            let sql = format!(
                "ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL",
                link.schemas().table(table),
                name.postgres()
            );
            alter(link, &sql, table).await?;
        }
        let mut applied = Applied {
            table: table.name.clone(),
            inserted: 0,
            updated: 0,
            deleted: 0,
            unstamped: 0,
            held: None,
        };
        let parts = self.parts()?;
        for part in &parts {
            self.merge(link, &part.of_target, &part.of_staged, &mut applied).await?;
        }
        if !self.are_as_staged(link, &parts).await? {
            for part in &parts {
                expect(table, part.expected, read_back(link, table, &part.alone, key).await?)?;
            }
        }
        if let Some(adopted) = &self.adoption {
            if let Some(sql) = adoption::after(link.schemas(), table, adopted) {
                alter(link, &sql, table).await?;
            }
            adoption::record(link, table, adopted).await?;
        }
        Ok(applied)
    }

    /// What of the table the staged rows replace, as conditions.
    fn parts(&self) -> Result<Vec<Part>, TargetError> {
        let Scope::Ranges { walk, ranges } = &self.scope else {
            return Ok(vec![Part {
                of_target: "true".to_owned(),
                of_staged: "true".to_owned(),
                alone: String::new(),
                expected: self.record.fingerprint(),
            }]);
        };
        let part = |range: &ChangedRange| {
            let bounds = KeyRange { walk, after: range.after.as_ref(), up_to: range.up_to.as_ref() };
            let condition = |prefix: &str| bounds.condition(self.table, prefix);
            let named =
                |prefix: &str| condition(prefix).map(|c| if c.is_empty() { "true".to_owned() } else { c });
            let expected = range.expected;
            Some(Part { of_target: named("t.")?, of_staged: named("s.")?, alone: condition("")?, expected })
        };
        let parts: Option<Vec<Part>> = ChangedRange::joined(ranges).iter().map(part).collect();
        parts.ok_or(TargetError::Protocol { what: "a recorded chunk border" })
    }

    /// Whether the server shows by its own hashes that it holds what was staged. It is asked where many rows changed;
    /// few come back as quickly, and show it by themselves.
    async fn are_as_staged(&self, link: &Link, parts: &[Part]) -> Result<bool, TargetError> {
        match &self.hashes {
            Some(hashes) if hashes.rows() == self.staged.rows && hashes.rows() >= HASHED_ROWS_MIN => {
                let conditions: Vec<&str> = parts.iter().map(|part| part.alone.as_str()).collect();
                agrees(link, self.table, hashes, &conditions).await
            }
            _ => Ok(false),
        }
    }

    /// Inserts, updates what really differs, and deletes, in the part of the table that the conditions pick. Both are
    /// named for both sides: rows with the same key lie in the same part, and the server would otherwise look through
    /// a whole table for each part.
    async fn merge(
        &self,
        link: &Link,
        of_target: &str,
        of_staged: &str,
        applied: &mut Applied,
    ) -> Result<(), TargetError> {
        let table = self.table;
        let (raw, staged) = (link.schemas().table(table), format!("pg_temp.{}", self.staged.name));
        let columns = ddl::columns(table, "");
        if table.primary_key.is_empty() {
            return self.merge_bag(link, of_target, of_staged, applied).await;
        }
        let same_key: Vec<String> =
            table.key_columns().map(|c| format!("s.{0} = t.{0}", c.name.postgres())).collect();
        let same_key = same_key.join(" AND ");
        let delete = format!(
            "DELETE FROM {raw} AS t WHERE {of_target} \
             AND NOT EXISTS (SELECT 1 FROM {staged} AS s WHERE {of_staged} AND {same_key})"
        );
        applied.deleted += statement(link, &delete, table).await?;
        // The key's columns too: keys that are equal may still differ in their bytes, as 0 and -0 do.
        let set: Vec<String> =
            table.columns.iter().map(|c| format!("{0} = s.{0}", c.name.postgres())).collect();
        // Compared by image: equality of values would take -0 for 0, and json has none.
        let update = format!(
            "UPDATE {raw} AS t SET {}, {} = now() FROM {staged} AS s WHERE {same_key} AND {of_target} AND {of_staged} \
             AND record_image_ne(ROW({}), ROW({}))",
            set.join(", "),
            ddl::LOADED_AT,
            ddl::images(table, "t."),
            ddl::images(table, "s."),
        );
        if let Some(stamp) = &self.stamp {
            let count = format!(
                "SELECT count(*) FROM {raw} AS t JOIN {staged} AS s ON {same_key} WHERE {of_target} AND {of_staged} \
                 AND record_image_ne(ROW({}), ROW({})) AND NOT coalesce(s.{stamp} > t.{stamp}, false)",
                ddl::images(table, "t."),
                ddl::images(table, "s."),
                stamp = stamp.postgres(),
            );
            let counted = link.client.query_one(&count, &[]).await.and_then(|row| row.try_get(0));
            let counted: i64 = counted.map_err(|e| load_fault(&e, table.name.as_str()))?;
            applied.unstamped += u64::try_from(counted).unwrap_or_default();
        }
        applied.updated += statement(link, &update, table).await?;
        let insert = format!(
            "INSERT INTO {raw} ({columns}) SELECT {columns} FROM {staged} AS s WHERE {of_staged} \
             AND NOT EXISTS (SELECT 1 FROM {raw} AS t WHERE {of_target} AND {same_key})"
        );
        applied.inserted += statement(link, &insert, table).await?;
        Ok(())
    }

    /// The same without a key, where nothing says which row became which: of each row as many copies are deleted or
    /// inserted as there are too many or too few. Rows are alike if their binary form is, as `COPY` would send it.
    async fn merge_bag(
        &self,
        link: &Link,
        of_target: &str,
        of_staged: &str,
        applied: &mut Applied,
    ) -> Result<(), TargetError> {
        let table = self.table;
        let (raw, staged) = (link.schemas().table(table), format!("pg_temp.{}", self.staged.name));
        let image = |prefix: &str| format!("record_send(ROW({}))", ddl::images(table, prefix));
        let numbered = |from: &str, name: &str, condition: &str| {
            let image = image(&format!("{name}."));
            format!(
                "(SELECT {name}.ctid AS place, {image} AS image, row_number() OVER (PARTITION BY {image}) AS nth \
                 FROM {from} AS {name} WHERE {condition}) AS numbered"
            )
        };
        let counted = |from: &str, name: &str, condition: &str| {
            let image = image(&format!("{name}."));
            format!(
                "(SELECT {image} AS image, count(*) AS copies FROM {from} AS {name} WHERE {condition} GROUP BY 1) \
                 AS counted"
            )
        };
        let surplus = "counted.image = numbered.image WHERE numbered.nth > coalesce(counted.copies, 0)";
        let delete = format!(
            "DELETE FROM {raw} AS d USING {} LEFT JOIN {} ON {surplus} AND d.ctid = numbered.place",
            numbered(&raw, "t", of_target),
            counted(&staged, "s", of_staged),
        );
        applied.deleted += statement(link, &delete, table).await?;
        let insert = format!(
            "INSERT INTO {raw} ({}) SELECT {} FROM {staged} AS i JOIN {} ON i.ctid = numbered.place LEFT JOIN {} ON {surplus}",
            ddl::columns(table, ""),
            ddl::columns(table, "i."),
            numbered(&staged, "s", of_staged),
            counted(&raw, "t", of_target),
        );
        applied.inserted += statement(link, &insert, table).await?;
        Ok(())
    }
}

/// Runs a statement about a table; the rows that it was about.
pub(crate) async fn statement(link: &Link, sql: &str, table: &Table) -> Result<u64, TargetError> {
    link.client.execute(sql, &[]).await.map_err(|e| load_fault(&e, table.name.as_str()))
}

/// Alters a table. What the server does not let be done to it, because somebody made it another than it was, is trouble of
/// this table: no other is to wait for it.
async fn alter(link: &Link, sql: &str, table: &Table) -> Result<u64, TargetError> {
    link.client.execute(sql, &[]).await.map_err(|e| match e.code().map(SqlState::code) {
        // Syntax and access (a name that is taken, an identity column, another owner), not supported, and what hangs on it.
        Some(code)
            if code != SqlState::DUPLICATE_TABLE.code()
                && ["42", "0A", "2B"].iter().any(|class| code.starts_with(class)) =>
        {
            TargetError::Held {
                table: table.name.to_string(),
                rule: "alter_refused",
                detail: format!("PostgreSQL refuses to alter the table (SQLSTATE {code})"),
            }
        }
        _ => load_fault(&e, table.name.as_str()),
    })
}

/// Refuses rows that are not those that were read from the source.
pub(crate) fn expect(table: &Table, expected: Fingerprint, found: Fingerprint) -> Result<(), TargetError> {
    if expected == found {
        return Ok(());
    }
    let detail = if expected.rows == found.rows {
        format!("{} rows arrived, and some of them are not what was read from the source", found.rows)
    } else {
        format!("the target holds {} rows where {} were read from the source", found.rows, expected.rows)
    };
    Err(TargetError::Held { table: table.name.to_string(), rule: "fingerprint", detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::Batch;

    fn bound(key: i64) -> Option<KeyBound> {
        let mut batch = Batch::new();
        batch.begin_row(1);
        batch.int8(key);
        assert!(batch.end_row());
        KeyBound::of_row(batch.bytes(), &[0])
    }

    fn range(after: Option<i64>, up_to: Option<i64>, rows: u64, sum: u128) -> ChangedRange {
        let expected = Fingerprint { rows, sum };
        ChangedRange { after: after.and_then(bound), up_to: up_to.and_then(bound), expected }
    }

    #[test]
    fn only_ranges_that_follow_each_other_become_one() {
        let ranges = [
            range(None, Some(10), 1, 5),
            range(Some(10), Some(20), 2, 6),
            range(Some(30), Some(40), 3, 7),
            range(Some(40), None, 4, 8),
        ];
        let joined = ChangedRange::joined(&ranges);
        let told: Vec<_> =
            joined.iter().map(|r| (r.after.clone(), r.up_to.clone(), r.expected.rows)).collect();
        assert_eq!(told, [(None, bound(20), 3), (bound(30), None, 7)]);
        assert_eq!(joined[0].expected.sum, 11);
        assert_eq!(joined[1].expected.sum, 15);
    }

    #[test]
    fn a_whole_table_follows_nothing() {
        let joined = ChangedRange::joined(&[range(None, None, 1, 5), range(None, Some(3), 1, 1)]);
        assert_eq!(joined.len(), 2);
    }
}

//! What the source holds, asked of its catalog.

use std::collections::BTreeMap;

use bicuspid_guard::{Catalog, KeyCast, NextNumbers, builder};
use bicuspid_model::{ColumnName, IndexName, SourceType, TableName};

use crate::connect::Wire;
use crate::error::SourceError;

/// How a table stores its rows, which decides how it may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// MyISAM or Aria: a read holds a lock on the whole table until its last row is sent.
    TableLock(String),
    /// InnoDB: readers see a snapshot and lock nothing.
    Snapshot,
}

/// A column as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundColumn {
    /// Name.
    pub name: ColumnName,
    /// Type as the server writes it.
    pub type_text: String,
    /// Type, `None` if Bicuspid does not know it.
    pub source: Option<SourceType>,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Whether the server stamps it at every change of the row.
    pub stamped: bool,
}

/// An edit stamp that an index begins with, so that asking for recent ones reads little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Position of its column.
    pub column: usize,
    /// The index.
    pub index: IndexName,
}

/// A base table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTable {
    /// Name.
    pub name: TableName,
    /// Engine.
    pub engine: Engine,
    /// Rows, as the server estimates them (exact on MyISAM).
    pub rows_estimate: u64,
    /// Average bytes of a row, as the server estimates them.
    pub row_bytes_estimate: u64,
    /// Bytes of the table without its indexes.
    pub bytes_estimate: u64,
    /// Columns, in order.
    pub columns: Vec<FoundColumn>,
    /// Positions of the primary key's columns, in key order; empty if there is none.
    pub primary_key: Vec<usize>,
    /// Whether the primary key's index holds but the beginnings of some values. It then gives no order of whole values: a
    /// server that is asked for one sorts the table.
    pub primary_is_prefix: bool,
    /// The number that the next new row takes, if the table gives numbers out and the server tells.
    pub next_number: Option<u64>,
    /// Each other unique index without prefixes or NULLs, and the positions of its columns.
    pub unique_keys: Vec<(IndexName, Vec<usize>)>,
    /// Its edit stamp, if it has one that an index begins with.
    pub stamp: Option<Stamp>,
    /// When it was made, as the server says it: another table that took its name was made at another time.
    pub made_at: String,
}

impl FoundTable {
    /// The unique index over these columns.
    pub(crate) fn index_of(&self, positions: &[usize]) -> Option<IndexName> {
        if positions.is_empty() {
            return None;
        }
        if self.primary_key == positions {
            // Every server calls it so.
            return IndexName::new("PRIMARY").ok();
        }
        self.unique_keys.iter().find(|(_, key)| key == positions).map(|(name, _)| name.clone())
    }
}

/// Something in the database that is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What the database holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discovered {
    /// Base tables, by name.
    pub tables: Vec<FoundTable>,
    /// Everything else.
    pub skipped: Vec<Skipped>,
}

impl Discovered {
    /// The next number of each table that gives numbers out.
    #[must_use]
    pub fn next_numbers(&self) -> NextNumbers {
        self.tables.iter().filter_map(|t| Some((t.name.to_string(), t.next_number?))).collect()
    }
}

pub(crate) async fn discover(wire: &mut Wire) -> Result<Discovered, SourceError> {
    let tables = wire.catalog(Catalog::Tables).await?;
    let columns = by_table(wire.catalog(Catalog::Columns).await?);
    let statistics = by_table(wire.catalog(Catalog::Statistics).await?);
    let mut found = Discovered::default();
    for row in tables {
        let name = text(&row, 0);
        match table(&row, columns.get(&name), statistics.get(&name)) {
            Ok(table) => found.tables.push(table),
            Err(why) => found.skipped.push(Skipped { name, why }),
        }
    }
    Ok(found)
}

/// The columns of one table as they are now.
pub(crate) async fn columns(wire: &mut Wire, table: &TableName) -> Result<Vec<FoundColumn>, SourceError> {
    let statement = builder::catalog_of(Catalog::Columns, &wire.database.clone(), table)?;
    let rows = wire.texts(&statement, "the catalog").await?;
    let of_table = rows.iter().filter(|row| text(row, 0) == table.as_str());
    // A column that cannot be described any more is not what it was.
    Ok(of_table.map_while(|row| column(row).ok()).collect())
}

/// When a table was made ([`FoundTable::made_at`]); `None` if it is gone.
pub(crate) async fn made_at(wire: &mut Wire, table: &TableName) -> Result<Option<String>, SourceError> {
    let statement = builder::catalog_of(Catalog::Tables, &wire.database.clone(), table)?;
    let rows = wire.texts(&statement, "the catalog").await?;
    Ok(rows.iter().find(|row| text(row, 0) == table.as_str()).map(|row| text(row, 8)))
}

type CatalogRow = Vec<Option<String>>;

fn by_table(rows: Vec<CatalogRow>) -> BTreeMap<String, Vec<CatalogRow>> {
    let mut map: BTreeMap<String, Vec<CatalogRow>> = BTreeMap::new();
    for row in rows {
        map.entry(text(&row, 0)).or_default().push(row);
    }
    map
}

fn text(row: &CatalogRow, i: usize) -> String {
    row.get(i).cloned().flatten().unwrap_or_default()
}

fn number(row: &CatalogRow, i: usize) -> u64 {
    text(row, i).parse().unwrap_or(0)
}

fn table(
    row: &CatalogRow,
    columns: Option<&Vec<CatalogRow>>,
    statistics: Option<&Vec<CatalogRow>>,
) -> Result<FoundTable, String> {
    let name = TableName::new(text(row, 0)).map_err(|e| e.to_string())?;
    match text(row, 1).as_str() {
        "BASE TABLE" => {}
        // A view can hide any function or table behind its name.
        "VIEW" | "SYSTEM VIEW" => return Err("a view: only tables are copied".into()),
        other => return Err(format!("a {}: only base tables are copied", other.to_lowercase())),
    }
    let engine = match text(row, 2).as_str() {
        "InnoDB" => Engine::Snapshot,
        engine @ ("MyISAM" | "Aria") => Engine::TableLock(engine.to_owned()),
        "" => return Err("the server cannot open it".into()),
        // FEDERATED, CONNECT, SPIDER and their kin reach other servers when they are read.
        engine => return Err(format!("its engine {engine} is not one that is read")),
    };
    let columns: Vec<FoundColumn> = columns
        .map(|rows| rows.iter().map(column).collect::<Result<_, _>>())
        .transpose()?
        .filter(|columns: &Vec<FoundColumn>| !columns.is_empty())
        .ok_or("no column of it is visible to the account")?;
    let position = |name: &str| columns.iter().position(|c| c.name.as_str() == name);
    let mut indexes: BTreeMap<String, Vec<&CatalogRow>> = BTreeMap::new();
    for row in statistics.into_iter().flatten() {
        if text(row, 2) == "0" {
            indexes.entry(text(row, 1)).or_default().push(row);
        }
    }
    let (mut primary_key, mut primary_is_prefix) = (Vec::new(), false);
    let mut unique_keys = Vec::new();
    for (index, parts) in indexes {
        let is_primary = index == "PRIMARY";
        // An index over prefixes does not say that whole values are unique, but for the primary key's rows they are.
        let is_prefix = parts.iter().any(|p| !text(p, 5).is_empty());
        let usable = !is_prefix && parts.iter().all(|p| text(p, 6) != "YES");
        let Some(positions) = parts.iter().map(|p| position(&text(p, 4))).collect::<Option<Vec<_>>>() else {
            continue;
        };
        match (is_primary, usable) {
            (true, _) => (primary_key, primary_is_prefix) = (positions, is_prefix),
            (false, true) => unique_keys.extend(IndexName::new(index).ok().map(|name| (name, positions))),
            (false, false) => {}
        }
    }
    let stamp = statistics.into_iter().flatten().find_map(|row| {
        let column = position(&text(row, 4))?;
        let leads = text(row, 3) == "1" && text(row, 5).is_empty() && columns.get(column)?.stamped;
        leads.then(|| IndexName::new(text(row, 1)).ok().map(|index| Stamp { column, index }))?
    });
    Ok(FoundTable {
        name,
        engine,
        rows_estimate: number(row, 3),
        row_bytes_estimate: number(row, 4),
        bytes_estimate: number(row, 5),
        // Beyond that only a table that gave out every number that PostgreSQL can keep.
        next_number: text(row, 7).parse().ok().filter(|next| i64::try_from(*next).is_ok()),
        columns,
        primary_key,
        primary_is_prefix,
        unique_keys,
        stamp,
        made_at: text(row, 8),
    })
}

fn column(row: &CatalogRow) -> Result<FoundColumn, String> {
    let type_text = text(row, 3);
    Ok(FoundColumn {
        name: ColumnName::new(text(row, 1)).map_err(|e| e.to_string())?,
        source: SourceType::parse(&type_text, &text(row, 5)),
        type_text,
        nullable: text(row, 4) != "NO",
        stamped: text(row, 7).to_ascii_lowercase().contains("on update current_timestamp"),
    })
}

/// How bounds for a key column are cast, `None` if its order in the index is not that of any comparison with a bound.
pub(crate) fn key_cast(source: &SourceType) -> Option<KeyCast> {
    match source {
        SourceType::TinyInt { .. }
        | SourceType::SmallInt { .. }
        | SourceType::MediumInt { .. }
        | SourceType::Int { .. }
        | SourceType::BigInt { .. }
        | SourceType::Year
        | SourceType::Double
        | SourceType::Bit { .. }
        | SourceType::Text(_) => Some(KeyCast::None),
        SourceType::Binary => Some(KeyCast::Binary),
        SourceType::Decimal { precision, scale } => {
            Some(KeyCast::Decimal { precision: *precision, scale: *scale })
        }
        SourceType::Date => Some(KeyCast::Date),
        SourceType::DateTime => Some(KeyCast::DateTime),
        SourceType::Time => Some(KeyCast::Time),
        // A float does not compare equal to itself once it was a double; enum and set sort by number and compare as
        // text; a timestamp's local time occurs twice in autumn; the others have no order that all servers share.
        SourceType::Float
        | SourceType::Choice(_)
        | SourceType::Timestamp
        | SourceType::Json
        | SourceType::Spatial
        | SourceType::TextLike => None,
    }
}

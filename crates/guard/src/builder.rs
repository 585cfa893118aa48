//! The only ways to make a statement: over discovered names, with every value bound.

use std::fmt::Write as _;

use bicuspid_model::{ColumnName, DatabaseName, IndexName, TableName, Value};

use crate::filter::Filter;
use crate::flavour::Flavour;
use crate::refusal::{BuildFault, Refusal};
use crate::server_hash::RowHash;
use crate::statement::ReadStatement;

/// Begins every statement, so that an administrator who looks at the server's process list sees who asks.
pub(crate) const SELECT: &str = "SELECT /* bicuspid */ ";

/// One item of a select list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected<'a> {
    /// The column as it is.
    Column(&'a ColumnName),
    /// The stored bytes of a column.
    Raw(&'a ColumnName),
    /// The text of a column as the server turns it into UTF-8; beside it the column itself brings the stored bytes.
    Utf8(&'a ColumnName),
    /// The server's hash of the whole row.
    Hash(&'a RowHash),
}

/// How a bound value is cast before it is compared with a key column. The column itself is never cast: it would lose
/// its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCast {
    /// As the driver binds it.
    None,
    /// `CAST(? AS BINARY)`: bytes.
    Binary,
    /// `CAST(? AS CHAR)`: text in the session's character set.
    Char,
    /// `CAST(? AS SIGNED)`.
    Signed,
    /// `CAST(? AS UNSIGNED)`.
    Unsigned,
    /// `CAST(? AS DECIMAL(precision, scale))`.
    Decimal {
        /// Digits in all, 1 to 65.
        precision: u16,
        /// Digits after the point, 0 to 38.
        scale: u16,
    },
    /// `CAST(? AS DATE)`.
    Date,
    /// `CAST(? AS DATETIME(6))`; servers before MySQL 5.6.4 know no fraction and take [`KeyCast::DateTimeSeconds`].
    DateTime,
    /// `CAST(? AS DATETIME)`.
    DateTimeSeconds,
    /// `CAST(? AS TIME(6))`; likewise.
    Time,
    /// `CAST(? AS TIME)`.
    TimeSeconds,
}

impl KeyCast {
    /// The cast as a server of this version takes it.
    #[must_use]
    pub fn for_server(self, flavour: Flavour) -> Self {
        match self {
            Self::DateTime if !flavour.has_fractions() => Self::DateTimeSeconds,
            Self::Time if !flavour.has_fractions() => Self::TimeSeconds,
            cast => cast,
        }
    }

    /// The placeholder in its cast.
    fn placeholder(self) -> Result<String, BuildFault> {
        Ok(match self {
            Self::None => "?".to_owned(),
            Self::Binary => "CAST(? AS BINARY)".to_owned(),
            Self::Char => "CAST(? AS CHAR)".to_owned(),
            Self::Signed => "CAST(? AS SIGNED)".to_owned(),
            Self::Unsigned => "CAST(? AS UNSIGNED)".to_owned(),
            Self::Decimal { precision, scale } => {
                // MariaDB keeps 38 digits after the point, MySQL 30.
                if !(1..=65).contains(&precision) || scale > 38 || scale > precision {
                    return Err(BuildFault::DecimalType);
                }
                format!("CAST(? AS DECIMAL({precision},{scale}))")
            }
            Self::Date => "CAST(? AS DATE)".to_owned(),
            Self::DateTime => "CAST(? AS DATETIME(6))".to_owned(),
            Self::DateTimeSeconds => "CAST(? AS DATETIME)".to_owned(),
            Self::Time => "CAST(? AS TIME(6))".to_owned(),
            Self::TimeSeconds => "CAST(? AS TIME)".to_owned(),
        })
    }
}

/// A column of the key by which a table is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPart<'a> {
    /// The column.
    pub column: &'a ColumnName,
    /// How bounds for it are cast.
    pub cast: KeyCast,
}

/// The rows of one chunk: `after` < key <= `up_to`, in key order, at most `limit` of them.
#[derive(Debug, Clone, Copy)]
pub struct ChunkQuery<'a> {
    /// Database of the table.
    pub database: &'a DatabaseName,
    /// The table.
    pub table: &'a TableName,
    /// What is read of each row.
    pub select: &'a [Selected<'a>],
    /// The key, in key order.
    pub key: &'a [KeyPart<'a>],
    /// The index of that key. It is forced on the server: MyISAM would rather scan a small table, or a large part of any,
    /// and sort what it found, and keep it locked for as long.
    pub index: Option<&'a IndexName>,
    /// Exclusive lower bound, one value per key column; `None` begins with the first row.
    pub after: Option<&'a [Value]>,
    /// Inclusive upper bound, one value per key column; `None` ends with the last row.
    pub up_to: Option<&'a [Value]>,
    /// Most rows that may come back.
    pub limit: u64,
    /// A row filter of the configuration.
    pub filter: Option<&'a Filter>,
}

/// A chunk of a table by its key.
///
/// A composite bound is written out, because row comparisons `(a, b) > (?, ?)` use no index range on older servers;
/// the comparison of the first column that precedes it is redundant and lets every server begin at the right place.
pub fn chunk(query: &ChunkQuery<'_>) -> Result<ReadStatement, Refusal> {
    walk(query, query.filter, &format!("LIMIT {}", query.limit))
}

/// The last row of a chunk without its filter, or none if fewer than `limit` rows are left. Where few rows pass the
/// filter, a chunk of rows that do would make the server look at many; between two keys it looks at no more than these.
pub fn chunk_end(query: &ChunkQuery<'_>) -> Result<ReadStatement, Refusal> {
    walk(query, None, &format!("LIMIT 1 OFFSET {}", query.limit.saturating_sub(1)))
}

fn walk(query: &ChunkQuery<'_>, filter: Option<&Filter>, limit: &str) -> Result<ReadStatement, Refusal> {
    let (sql, params) = range(query, filter, &items(query.select)?, limit)?;
    ReadStatement::seal(format!("{SELECT}{sql}"), params, Some(query.database))
}

/// `items` of the rows of a chunk, without the word that begins a statement, and the values that it binds.
pub(crate) fn range(
    query: &ChunkQuery<'_>,
    filter: Option<&Filter>,
    items: &str,
    limit: &str,
) -> Result<(String, Vec<Value>), Refusal> {
    if query.limit == 0 {
        return Err(BuildFault::NoRows.into());
    }
    if query.key.is_empty() {
        return Err(BuildFault::NoKey.into());
    }
    let forced = query.index.map_or(String::new(), |index| format!(" FORCE INDEX ({})", index.mysql()));
    let mut sql = format!("{items} FROM {}.{}{forced}", query.database.mysql(), query.table.mysql());
    let mut params = Vec::new();
    let mut conditions = Vec::new();
    if let Some(bound) = query.after {
        conditions.push(bound_condition(query.key, bound, &Side::AFTER, &mut params)?);
    }
    if let Some(bound) = query.up_to {
        conditions.push(bound_condition(query.key, bound, &Side::UP_TO, &mut params)?);
    }
    if let Some(filter) = filter {
        conditions.push(format!("({})", filter.sql()));
    }
    if !conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&conditions.join(" AND "));
    }
    sql.push_str(" ORDER BY ");
    let order: Vec<String> = query.key.iter().map(|part| part.column.mysql().to_string()).collect();
    sql.push_str(&order.join(", "));
    sql.push(' ');
    sql.push_str(limit);
    Ok((sql, params))
}

/// A whole table in the server's own order, for a table without a key.
pub fn whole(
    database: &DatabaseName,
    table: &TableName,
    select: &[Selected<'_>],
    filter: Option<&Filter>,
) -> Result<ReadStatement, Refusal> {
    let mut sql = format!("{SELECT}{} FROM {}.{}", items(select)?, database.mysql(), table.mysql());
    if let Some(filter) = filter {
        let _ = write!(sql, " WHERE ({})", filter.sql());
    }
    ReadStatement::seal(sql, Vec::new(), Some(database))
}

/// The exact number of rows of a table. MyISAM knows it; InnoDB reads an index to the end.
pub fn count(
    database: &DatabaseName,
    table: &TableName,
    filter: Option<&Filter>,
) -> Result<ReadStatement, Refusal> {
    let mut sql = format!("{SELECT}COUNT(*) FROM {}.{}", database.mysql(), table.mysql());
    if let Some(filter) = filter {
        let _ = write!(sql, " WHERE ({})", filter.sql());
    }
    ReadStatement::seal(sql, Vec::new(), Some(database))
}

fn items(select: &[Selected<'_>]) -> Result<String, Refusal> {
    if select.is_empty() {
        return Err(BuildFault::NoColumn.into());
    }
    let items: Vec<String> = select
        .iter()
        .map(|item| match item {
            Selected::Column(column) => column.mysql().to_string(),
            Selected::Raw(column) => format!("CAST({} AS BINARY)", column.mysql()),
            Selected::Utf8(column) => format!("CAST({} AS CHAR)", column.mysql()),
            Selected::Hash(hash) => hash.item(),
        })
        .collect();
    Ok(items.join(", "))
}

/// The operators of one end of a key range.
struct Side {
    /// For the redundant comparison of the first column.
    range: &'static str,
    /// For the column in which the keys first differ.
    beyond: &'static str,
    /// For the last column, where all before it are equal.
    last: &'static str,
}

impl Side {
    const AFTER: Self = Self { range: ">=", beyond: ">", last: ">" };
    const UP_TO: Self = Self { range: "<=", beyond: "<", last: "<=" };
}

/// One end of a key range, written out column by column.
fn bound_condition(
    key: &[KeyPart<'_>],
    bound: &[Value],
    side: &Side,
    params: &mut Vec<Value>,
) -> Result<String, Refusal> {
    if bound.len() != key.len() {
        return Err(BuildFault::BoundLength.into());
    }
    if bound.iter().any(|v| matches!(v, Value::Null) || matches!(v, Value::Float(f) if !f.is_finite())) {
        return Err(BuildFault::BoundValue.into());
    }
    let parts: Vec<(String, String, &Value)> = key
        .iter()
        .zip(bound)
        .map(|(part, value)| Ok((part.column.mysql().to_string(), part.cast.placeholder()?, value)))
        .collect::<Result<_, BuildFault>>()?;
    let mut compare = |(column, placeholder, value): &(String, String, &Value), operator: &str| {
        params.push((*value).clone());
        format!("{column} {operator} {placeholder}")
    };
    if let [only] = parts.as_slice() {
        return Ok(format!("({})", compare(only, side.last)));
    }
    let mut condition = String::from("(");
    if let Some(first) = parts.first() {
        condition.push_str(&compare(first, side.range));
    }
    condition.push_str(" AND (");
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            condition.push_str(" OR ");
        }
        let mut terms: Vec<String> = parts.iter().take(i).map(|equal| compare(equal, "=")).collect();
        let operator = if i + 1 == parts.len() { side.last } else { side.beyond };
        terms.push(compare(part, operator));
        condition.push('(');
        condition.push_str(&terms.join(" AND "));
        condition.push(')');
    }
    condition.push_str("))");
    Ok(condition)
}

/// What the catalog is asked for. Every column comes back as text, so that decoding is the same on every server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catalog {
    /// `TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, AVG_ROW_LENGTH, DATA_LENGTH, TABLE_COLLATION,
    /// AUTO_INCREMENT`
    Tables,
    /// `TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME,
    /// EXTRA, COLUMN_KEY`, in the order of tables and columns
    Columns,
    /// `TABLE_NAME, INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NULLABLE`, in the order of tables,
    /// indexes and their columns
    Statistics,
}

impl Catalog {
    const fn parts(self) -> (&'static str, &'static [&'static str], &'static str) {
        match self {
            Self::Tables => (
                "TABLES",
                &[
                    "TABLE_NAME",
                    "TABLE_TYPE",
                    "ENGINE",
                    "TABLE_ROWS",
                    "AVG_ROW_LENGTH",
                    "DATA_LENGTH",
                    "TABLE_COLLATION",
                    "AUTO_INCREMENT",
                    "CREATE_TIME",
                ],
                "TABLE_NAME",
            ),
            Self::Columns => (
                "COLUMNS",
                &[
                    "TABLE_NAME",
                    "COLUMN_NAME",
                    "ORDINAL_POSITION",
                    "COLUMN_TYPE",
                    "IS_NULLABLE",
                    "CHARACTER_SET_NAME",
                    "COLLATION_NAME",
                    "EXTRA",
                    "COLUMN_KEY",
                ],
                "TABLE_NAME, c.ORDINAL_POSITION",
            ),
            Self::Statistics => (
                "STATISTICS",
                &[
                    "TABLE_NAME",
                    "INDEX_NAME",
                    "NON_UNIQUE",
                    "SEQ_IN_INDEX",
                    "COLUMN_NAME",
                    "SUB_PART",
                    "NULLABLE",
                ],
                "TABLE_NAME, c.INDEX_NAME, c.SEQ_IN_INDEX",
            ),
        }
    }
}

/// What the catalog knows about a database.
pub fn catalog(catalog: Catalog, database: &DatabaseName) -> Result<ReadStatement, Refusal> {
    ask_catalog(catalog, database, None)
}

/// What it knows about one table. A server that does not tell names apart by case may answer for others too.
pub fn catalog_of(
    catalog: Catalog,
    database: &DatabaseName,
    table: &TableName,
) -> Result<ReadStatement, Refusal> {
    ask_catalog(catalog, database, Some(table))
}

fn ask_catalog(
    catalog: Catalog,
    database: &DatabaseName,
    table: Option<&TableName>,
) -> Result<ReadStatement, Refusal> {
    let (view, columns, order) = catalog.parts();
    let items: Vec<String> = columns.iter().map(|c| format!("CAST(c.{c} AS CHAR) AS {c}")).collect();
    let of_table = if table.is_some() { " AND c.TABLE_NAME = ?" } else { "" };
    let sql = format!(
        "{SELECT}{} FROM information_schema.{view} AS c WHERE c.TABLE_SCHEMA = ?{of_table} ORDER BY c.{order}",
        items.join(", ")
    );
    let names = std::iter::once(database.as_str()).chain(table.map(TableName::as_str));
    ReadStatement::seal(sql, names.map(|name| Value::text(name.to_owned())).collect(), None)
}

/// The first statement of a session: one row, one text, for [`Flavour::parse`].
pub fn version() -> Result<ReadStatement, Refusal> {
    ReadStatement::seal(format!("{SELECT}CAST(@@version AS CHAR) AS version"), Vec::new(), None)
}

/// The columns of [`session_facts`], in order, each a text.
#[must_use]
pub fn session_fact_names(flavour: Flavour) -> Vec<&'static str> {
    facts(flavour).into_iter().map(|(name, _)| name).collect()
}

/// One row about the server and the session; the columns are [`session_fact_names`], each a text or NULL.
pub fn session_facts(flavour: Flavour) -> Result<ReadStatement, Refusal> {
    let items: Vec<String> =
        facts(flavour).into_iter().map(|(name, item)| format!("CAST({item} AS CHAR) AS {name}")).collect();
    ReadStatement::seal(format!("{SELECT}{}", items.join(", ")), Vec::new(), None)
}

fn facts(flavour: Flavour) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = [
        ("version", "@@version"),
        ("version_comment", "@@version_comment"),
        ("hostname", "@@hostname"),
        ("port", "@@port"),
        ("server_id", "@@server_id"),
        ("datadir", "@@datadir"),
        ("sql_mode", "@@session.sql_mode"),
        ("global_time_zone", "@@global.time_zone"),
        ("system_time_zone", "@@system_time_zone"),
        ("global_read_only", "@@global.read_only"),
        ("lower_case_table_names", "@@lower_case_table_names"),
        ("max_allowed_packet", "@@session.max_allowed_packet"),
        ("connection_database", "DATABASE()"),
        ("connection_account", "CURRENT_USER()"),
        ("connection_user", "USER()"),
        ("connection_number", "CONNECTION_ID()"),
    ]
    .into_iter()
    .map(|(name, item)| (name, item.to_owned()))
    .collect();
    if flavour.has_read_only() {
        facts.push(("session_read_only", format!("@@session.{}", flavour.read_only_variable())));
    }
    if !flavour.mariadb && flavour.at_least(5, 6, 0) {
        facts.push(("server_uuid", "@@server_uuid".to_owned()));
    }
    facts
}

/// What the account may do, in the server's own words.
pub fn show_grants() -> Result<ReadStatement, Refusal> {
    ReadStatement::seal("SHOW GRANTS".to_owned(), Vec::new(), None)
}

/// How the connection is encrypted: rows of `Variable_name` and `Value`, both text, empty where it is not.
pub fn cipher() -> Result<ReadStatement, Refusal> {
    let sql = "SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher')";
    ReadStatement::seal(sql.to_owned(), Vec::new(), None)
}

/// How busy the server is: rows of `Variable_name` and `Value`, both text. None of it needs a privilege.
pub fn status() -> Result<ReadStatement, Refusal> {
    let sql = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running', 'Threads_connected', \
               'Innodb_row_lock_current_waits', 'Innodb_row_lock_waits', 'Table_locks_waited', \
               'Table_locks_immediate', 'Slow_queries', 'Questions', 'Uptime')";
    ReadStatement::seal(sql.to_owned(), Vec::new(), None)
}

/// How many sessions the server holds at most: one row, one text. It needs no privilege.
pub fn sessions_max() -> Result<ReadStatement, Refusal> {
    let sql = format!("{SELECT}CAST(@@max_connections AS CHAR) AS max_connections");
    ReadStatement::seal(sql, Vec::new(), None)
}

#[cfg(test)]
mod tests;

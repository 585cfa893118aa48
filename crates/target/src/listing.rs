//! What a target really has in `raw`, as its catalog describes it, for those who describe it to others.

use crate::error::{TargetError, of_state};
use crate::identity::has_state_table;
use crate::link::Link;

/// A table of `raw` as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTable {
    /// Name.
    pub name: String,
    /// Columns in the order of the server, `_loaded_at` among them.
    pub columns: Vec<ListedColumn>,
    /// Names of the primary key's columns, in key order; empty if there is none.
    pub primary_key: Vec<String>,
}

/// A column of such a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedColumn {
    /// Name.
    pub name: String,
    /// Type as `format_type` prints it.
    pub type_text: String,
}

/// The tables that we keep and those of the load status, in the order of their names. What others put into `raw` is not
/// listed: nothing is known of it. Empty before the first enrolment.
pub(crate) async fn tables(link: &Link) -> Result<Vec<ListedTable>, TargetError> {
    if !has_state_table(link, "table_state").await? {
        return Ok(Vec::new());
    }
    let rows = link
        .client
        .query(
            link.sql(
                "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
             array_position(k.conkey, a.attnum) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' \
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') \
             AND (c.relname IN ('etl_load_status', 'etl_transform_status') \
             OR c.relname IN (SELECT table_name FROM {state}.table_state)) \
             ORDER BY c.relname, a.attnum",
            )
            .as_str(),
            &[&link.schemas().raw_name()],
        )
        .await
        .map_err(|e| of_state(&e, "list the tables of raw"))?;
    let unreadable = |_| TargetError::Protocol { what: "the list of tables" };
    let mut tables: Vec<(ListedTable, Vec<(i32, String)>)> = Vec::new();
    for row in &rows {
        let name: String = row.try_get(0).map_err(unreadable)?;
        let column: String = row.try_get(1).map_err(unreadable)?;
        let type_text: String = row.try_get(2).map_err(unreadable)?;
        let place: Option<i32> = row.try_get(3).map_err(unreadable)?;
        if tables.last().is_none_or(|(table, _)| table.name != name) {
            tables.push((ListedTable { name, columns: Vec::new(), primary_key: Vec::new() }, Vec::new()));
        }
        if let Some((table, key)) = tables.last_mut() {
            key.extend(place.map(|place| (place, column.clone())));
            table.columns.push(ListedColumn { name: column, type_text });
        }
    }
    let with_key = |(mut table, mut key): (ListedTable, Vec<(i32, String)>)| {
        key.sort_unstable();
        table.primary_key = key.into_iter().map(|(_, column)| column).collect();
        table
    };
    Ok(tables.into_iter().map(with_key).collect())
}

//! Taking over a table of `raw` that another tool made: it stays as it is, views and types and all, and gets what a copy
//! needs.

use std::collections::BTreeMap;

use bicuspid_model::{ColumnName, Table, TargetType};

use crate::ddl;
use crate::error::{TargetError, of_state};
use crate::identity::has_state_table;
use crate::link::Link;
use crate::schemas::Schemas;

/// What a table lacks that is taken over, and what is remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// It has no column that says when a row was written.
    pub needs_loaded_at: bool,
    /// It has no primary key.
    pub needs_key: bool,
    /// Columns whose type is not the one that a first load would give them.
    pub kept: Vec<(ColumnName, TargetType)>,
}

/// Before the rows are merged.
pub(crate) fn before(schemas: &Schemas, table: &Table, adoption: &Adoption) -> Option<String> {
    adoption.needs_loaded_at.then(|| {
        let raw = schemas.table(table);
        format!("ALTER TABLE {raw} ADD COLUMN {} timestamptz NOT NULL DEFAULT now()", ddl::LOADED_AT)
    })
}

/// When the rows are those of the source.
pub(crate) fn after(schemas: &Schemas, table: &Table, adoption: &Adoption) -> Option<String> {
    if adoption.needs_key { ddl::primary_key(schemas, table) } else { None }
}

/// Remembers the types that were kept.
pub(crate) async fn record(link: &Link, table: &Table, adoption: &Adoption) -> Result<(), TargetError> {
    if adoption.kept.is_empty() {
        return Ok(());
    }
    let action = "write which types were kept";
    link.run_on_state(&link.sql(ddl::KEPT_TYPE), action).await?;
    for (column, kept) in &adoption.kept {
        link.client
            .execute(
                link.sql(
                    "INSERT INTO {state}.kept_type (table_name, column_name, type) VALUES ($1, $2, $3) \
                 ON CONFLICT (table_name, column_name) DO UPDATE SET type = excluded.type",
                )
                .as_str(),
                &[&table.name.in_target().as_str(), &column.as_str(), &kept.to_string()],
            )
            .await
            .map_err(|e| of_state(&e, action))?;
    }
    Ok(())
}

pub(crate) async fn kept_types(link: &Link) -> Result<BTreeMap<String, TargetType>, TargetError> {
    if !has_state_table(link, "kept_type").await? {
        return Ok(BTreeMap::new());
    }
    let unreadable = || TargetError::Protocol { what: "the types that were kept" };
    let rows = link
        .client
        .query(link.sql("SELECT table_name || '.' || column_name, type FROM {state}.kept_type").as_str(), &[])
        .await
        .map_err(|e| of_state(&e, "read which types were kept"))?;
    rows.iter()
        .map(|row| {
            let name: String = row.try_get(0).map_err(|_| unreadable())?;
            let kept: String = row.try_get(1).map_err(|_| unreadable())?;
            Ok((name, TargetType::parse(&kept).ok_or_else(unreadable)?))
        })
        .collect()
}

//! From a discovered table to the table that is copied: types, withheld columns, the walk, and what holds it.

use bicuspid_guard::RowHash;
use bicuspid_model::{Column, FingerprintKey, KeyBound, SourceType, Table, TargetType, Value};
use bicuspid_opendental as opendental;
use bicuspid_source::{Engine, FORM, FoundColumn, FoundTable, SourceFacts, Walk};
use bicuspid_target::HeldState;

use crate::settings::{SyncSettings, names};
use crate::thin::Thin;

/// A column of the target that a column of the source may not be named like.
const LOADED_AT: &str = "_loaded_at";
/// Columns that every PostgreSQL table has already (manual, "System Columns").
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
/// Most columns of a PostgreSQL table, less one for `_loaded_at`.
const COLUMNS_MAX: usize = 1599;

/// A table as it will be copied.
#[derive(Debug, Clone)]
pub(crate) struct Shaped {
    pub(crate) found: FoundTable,
    pub(crate) table: Table,
    pub(crate) walk: Walk,
    /// Rows at which a chunk is cut.
    pub(crate) chunk_rows: u64,
    /// Columns that are not copied, with the reason.
    pub(crate) withheld: Vec<(String, &'static str)>,
    /// How the server hashes its rows, if it is asked to.
    pub(crate) thin: Option<Thin>,
}

impl Shaped {
    /// Columns, types and keys in one text: two copies of a table have the same shape exactly if this is the same.
    pub(crate) fn signature(&self) -> String {
        let mut lines: Vec<String> = self
            .table
            .columns
            .iter()
            .zip(&self.found.columns)
            .map(|(c, f)| {
                let null = if c.nullable { "" } else { " not null" };
                let withheld = if c.withheld { " withheld" } else { "" };
                format!("{:?} {} -> {}{null}{withheld}", c.name.as_str(), f.type_text, c.target)
            })
            .collect();
        // Quoted, so that no name can pass for two, or for a line of its own.
        let key: Vec<String> = self.table.key_columns().map(|c| format!("{:?}", c.name.as_str())).collect();
        lines.push(format!("key {}", key.join(", ")));
        lines.join("\n")
    }

    /// The key by which rows are hashed as they came: of the target's own, and of everything on which the canonical form
    /// of a cell depends, so that hashes of two forms never agree.
    pub(crate) fn cell_key(&self, key: &FingerprintKey, facts: &SourceFacts) -> FingerprintKey {
        // Quoted, so that no two lists of parts make one text.
        let form = format!("{:?}", (FORM, self.signature(), self.forms(), &facts.version));
        FingerprintKey::new(key.hash(form.as_bytes()).to_be_bytes())
    }

    /// What the bytes of each column mean. Its type as the catalog writes it does not tell the character set, and a
    /// column whose set was exchanged keeps its bytes and changes its letters.
    pub(crate) fn forms(&self) -> String {
        let forms: Vec<&SourceType> = self.table.columns.iter().map(|c| &c.source).collect();
        format!("{forms:?}")
    }

    /// Whether a range of the walk means the same rows on both sides, and a row that changed stays in its range: then
    /// ranges can be compared and replaced one by one.
    pub(crate) fn goes_by_ranges(&self) -> bool {
        let key = &self.table.primary_key;
        self.walk.orders_alike(&self.table) && (key.is_empty() || key.as_slice() == self.walk.positions())
    }

    /// The server's hash of a row, if it is asked for.
    pub(crate) fn row_hash(&self) -> Option<&RowHash> {
        self.thin.as_ref().map(|thin| &thin.hash)
    }

    /// A bound of this one column, if it is a whole number.
    pub(crate) fn whole_number(&self, column: usize, bound: &KeyBound) -> Option<i128> {
        match bound.values(self.table.columns.get(column).into_iter())?.into_iter().next()? {
            Value::Int(v) => Some(v.into()),
            Value::UInt(v) => Some(v.into()),
            // An unsigned 64-bit number is a decimal on the target.
            Value::Decimal(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Names of the walk's columns.
    pub(crate) fn walk_names(&self) -> Vec<bicuspid_model::ColumnName> {
        self.walk
            .positions()
            .iter()
            .filter_map(|&i| self.table.columns.get(i).map(|c| c.name.clone()))
            .collect()
    }
}

/// Gives every column its type, or says why the table cannot be copied as it is.
pub(crate) fn shape(found: FoundTable, settings: &SyncSettings) -> Result<Shaped, HeldState> {
    let held = |rule: &str, detail: String, remedy: &str| HeldState {
        rule: format!("plan::{rule}"),
        detail,
        remedy: remedy.to_owned(),
    };
    let exclude = "exclude the table or the column in bicuspid.toml";
    if found.columns.len() > COLUMNS_MAX {
        return Err(held("too_many_columns", format!("it has {} columns", found.columns.len()), exclude));
    }
    if !found.name.in_target().fits_postgres() {
        return Err(held(
            "name_too_long",
            "its name does not fit into PostgreSQL's 63 bytes".into(),
            exclude,
        ));
    }
    let names = std::iter::once(found.name.as_str()).chain(found.columns.iter().map(|c| c.name.as_str()));
    if names.flat_map(str::chars).any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        let detail = "its name or the name of a column holds a control character".to_owned();
        return Err(held("name_unsafe", detail, exclude));
    }
    let mut withheld = Vec::new();
    let mut columns = Vec::with_capacity(found.columns.len());
    for (i, from) in found.columns.iter().enumerate() {
        if !from.name.fits_postgres() {
            let detail = format!("the name of column {} does not fit into PostgreSQL's 63 bytes", i + 1);
            return Err(held("name_too_long", detail, exclude));
        }
        if from.name.as_str() == LOADED_AT {
            return Err(held("name_taken", format!("it has a column `{LOADED_AT}`, which is ours"), exclude));
        }
        if SYSTEM_COLUMNS.contains(&from.name.as_str()) {
            let detail = format!("it has a column `{}`, and so has every table of PostgreSQL", from.name);
            return Err(held("name_taken", detail, exclude));
        }
        let Some(source) = &from.source else {
            let detail = format!("column `{}` has the type `{}`", from.name, from.type_text);
            return Err(held("type_unknown", detail, exclude));
        };
        let column = column(&found, from, source, settings, &mut withheld)?;
        columns.push(column);
    }
    let table = Table { name: found.name.clone(), columns, primary_key: found.primary_key.clone() };
    if table.key_columns().any(|c| c.withheld) {
        return Err(held(
            "key_withheld",
            "a column of its key is excluded".into(),
            "copy the column, or exclude the table",
        ));
    }
    if table.columns.iter().all(|c| c.withheld) {
        return Err(held(
            "nothing_left",
            "all of its columns are excluded".into(),
            "exclude the table in bicuspid.toml",
        ));
    }
    let walk = Walk::of(&found, &table);
    if walk == Walk::Whole
        && let Engine::TableLock(engine) = &found.engine
        && found.bytes_estimate > settings.keyless_bytes_max
    {
        let detail = format!(
            "it has no key to walk by, and reading its {} bytes at once would lock it for the clinic ({engine})",
            found.bytes_estimate
        );
        return Err(held(
            "keyless_too_large",
            detail,
            "give it a key, exclude it, or raise keyless_bytes_max in bicuspid.toml",
        ));
    }
    Ok(Shaped { found, table, walk, chunk_rows: settings.chunk_rows, withheld, thin: None })
}

fn column(
    table: &FoundTable,
    from: &FoundColumn,
    source: &SourceType,
    settings: &SyncSettings,
    withheld: &mut Vec<(String, &'static str)>,
) -> Result<Column, HeldState> {
    let (table_name, name) = (table.name.as_str(), from.name.as_str());
    let full_name = format!("{table_name}.{name}");
    let chosen =
        settings.column_types.iter().find(|(k, _)| k.eq_ignore_ascii_case(&full_name)).map(|(_, t)| *t);
    let target =
        chosen.unwrap_or_else(|| opendental::target_type(table_name, name, source, settings.type_policy));
    if !target.takes(source) {
        return Err(HeldState {
            rule: "plan::type_unfit".into(),
            detail: format!("column `{name}` of type `{}` cannot become {target}", from.type_text),
            remedy: "choose another type for the column in bicuspid.toml".into(),
        });
    }
    let excluded = names(&settings.columns_excluded, &full_name);
    let secret = opendental::is_secret(table_name, name) && !names(&settings.secrets_included, &full_name);
    if excluded {
        withheld.push((name.to_owned(), "excluded"));
    } else if secret {
        withheld.push((name.to_owned(), "secret"));
    }
    let is_withheld = excluded || secret;
    // A date may not exist, whatever the column says about NULL.
    let may_vanish = matches!(target, TargetType::Date | TargetType::Timestamp);
    Ok(Column {
        name: from.name.clone(),
        source: source.clone(),
        target,
        nullable: from.nullable || may_vanish || is_withheld,
        withheld: is_withheld,
    })
}

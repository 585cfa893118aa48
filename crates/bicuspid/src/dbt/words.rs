//! What a person reads about tables and columns, as far as it follows from the facts.

use std::fmt::Write as _;

use bicuspid_opendental::{description, facts, is_secret};

use super::{LOAD_STATUS, LOADED_AT, TRANSFORM_STATUS};
use crate::groups;

/// About all of them.
pub(super) const SOURCE: &str = "Open Dental's tables as Bicuspid copies them: one way, proved equal to the clinic's \
    server. Names of columns keep their case. In a column that points elsewhere 0 means none; the server enforces none of \
    that. A date that does not exist, such as 0000-00-00, is NULL.";

/// An enumeration with more members than this is named, not told.
const MEMBERS_MAX: usize = 30;

/// About a table.
pub(super) fn table(name: &str) -> String {
    match name {
        LOAD_STATUS => {
            "One row a table: when it was last checked and last changed. Freshness is read from here."
                .to_owned()
        }
        TRANSFORM_STATUS => {
            "What dbt's own hooks note about their runs; Bicuspid only makes the table.".to_owned()
        }
        _ => match (description(name), facts().table(name).is_some_and(|table| table.stock)) {
            (Some(text), _) => text.to_owned(),
            (None, true) => format!("A table of Open Dental; it belongs to: {}.", groups::group(name)),
            (None, false) => "A table that is not of a stock Open Dental.".to_owned(),
        },
    }
}

/// About a column; empty where nothing is known.
pub(super) fn column(table: &str, name: &str, type_text: &str) -> String {
    if let Some(text) = ours(table, name) {
        return text.to_owned();
    }
    if is_secret(table, name) {
        return "Holds a secret: not copied unless it was asked for, and NULL otherwise.".to_owned();
    }
    let Some(column) = facts().table(table).and_then(|table| table.column(name)) else {
        return String::new();
    };
    let mut text = String::new();
    let mut say = |words: &str| {
        let gap = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{gap}{words}");
    };
    if column.primary_key {
        say("Primary key.");
    }
    match (column.references, column.definition_category) {
        (_, Some(list)) => {
            say(&format!("Points to an entry of the list {list} in definition; 0 means none."));
        }
        (Some(to), None) => say(&format!("Points to {}.{}; 0 means none.", to.table, to.column)),
        (None, None) => {}
    }
    if let Some((name, values)) = column.enumeration.and_then(|name| Some((name, facts().enumeration(name)?)))
    {
        let members: Vec<String> =
            values.members().map(|(stored, member)| format!("{stored} {member}")).collect();
        if members.len() <= MEMBERS_MAX {
            say(&format!("One of: {}.", members.join(", ")));
        } else {
            say(&format!("One of the {} values of {name}.", members.len()));
        }
    } else if column.flag {
        say(if type_text == "boolean" { "Yes or no." } else { "Yes or no, as 1 or 0." });
    }
    if column.on_update {
        say(
            "When the row was last edited, as the server stamps it; bulk tools and restores may leave it as it was.",
        );
    }
    text
}

/// Columns that Bicuspid makes itself.
fn ours(table: &str, name: &str) -> Option<&'static str> {
    Some(match (table, name) {
        (LOAD_STATUS, LOADED_AT) => "When the table was last compared with the source (UTC).",
        (LOAD_STATUS, "last_loaded") => "When a row of the table last changed (UTC).",
        (LOAD_STATUS, "load_status") => {
            "`success`, or `failed` while the table is held and keeps its old rows."
        }
        (LOAD_STATUS, "rows_loaded") => "Rows that the table has.",
        (LOAD_STATUS | TRANSFORM_STATUS, "table_name") => "Name of the table.",
        (LOAD_STATUS | TRANSFORM_STATUS, _) => return None,
        (_, LOADED_AT) => "When Bicuspid last wrote this row.",
        _ => return None,
    })
}

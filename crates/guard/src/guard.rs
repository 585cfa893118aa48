//! The statement guard: the lexical gate, then the parsed tree, all by allow-list.

use bicuspid_model::DatabaseName;

use crate::lexical::{self, Origin};
use crate::refusal::Refusal;

/// Judges a statement of the builder and counts its placeholders.
pub(crate) fn judge_built(sql: &str, _database: Option<&DatabaseName>) -> Result<usize, Refusal> {
    let tokens = lexical::gate(sql, Origin::Builder)?;
    Ok(tokens.placeholders)
}

/// Judges a condition on rows.
pub(crate) fn judge_condition(condition: &str) -> Result<(), Refusal> {
    lexical::gate(condition, Origin::Outside)?;
    Err(Refusal::rule(crate::refusal::Rule::Expression))
}

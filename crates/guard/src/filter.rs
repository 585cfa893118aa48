//! Row filters that a person writes in the configuration.

use std::fmt;

use crate::guard;
use crate::refusal::Refusal;

/// A condition on the rows of one table: one expression, judged by the same rules as a whole statement, without
/// subqueries and placeholders.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter {
    sql: String,
}

impl Filter {
    /// Judges a condition such as `ClinicNum = 3 AND DateEntry >= '2020-01-01'`.
    pub fn parse(condition: &str) -> Result<Self, Refusal> {
        guard::judge_condition(condition)?;
        Ok(Self { sql: condition.to_owned() })
    }

    /// The condition, byte for byte as it was judged.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("bytes", &self.sql.len()).finish()
    }
}

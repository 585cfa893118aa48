//! The only statements that may reach a source.

use std::fmt;

use bicuspid_model::{DatabaseName, Value};

use crate::guard;
use crate::refusal::{Refusal, Rule};

/// A statement that reads and does nothing else. Its text is, byte for byte, what the guard judged.
///
/// **Invariant:** nobody outside this crate can make one; there is no constructor from text, no default and no
/// deserialiser. Statements come from [`crate::builder`], over discovered names and bound values:
///
/// ```
/// use bicuspid_guard::{ReadStatement, builder};
/// use bicuspid_model::{DatabaseName, TableName};
///
/// let (database, table) = (DatabaseName::new("opendental").unwrap(), TableName::new("patient").unwrap());
/// let statement: ReadStatement = builder::count(&database, &table, None).unwrap();
/// assert_eq!(statement.sql(), "SELECT /* bicuspid */ COUNT(*) FROM `opendental`.`patient`");
/// ```
///
/// The same with a text of one's own does not compile:
///
/// ```compile_fail,E0451
/// use bicuspid_guard::{ReadStatement, builder};
/// use bicuspid_model::{DatabaseName, TableName};
///
/// let (database, table) = (DatabaseName::new("opendental").unwrap(), TableName::new("patient").unwrap());
/// let statement: ReadStatement = ReadStatement { sql: "DELETE FROM patient".to_owned(), params: Vec::new() };
/// assert_eq!(statement.sql(), "SELECT /* bicuspid */ COUNT(*) FROM `opendental`.`patient`");
/// ```
///
/// nor does asking the crate to seal one:
///
/// ```compile_fail,E0624
/// use bicuspid_guard::{ReadStatement, builder};
/// use bicuspid_model::{DatabaseName, TableName};
///
/// let (database, table) = (DatabaseName::new("opendental").unwrap(), TableName::new("patient").unwrap());
/// let statement: ReadStatement = ReadStatement::seal("SELECT 1".to_owned(), Vec::new(), Some(&database)).unwrap();
/// assert_eq!(statement.sql(), "SELECT /* bicuspid */ COUNT(*) FROM `opendental`.`patient`");
/// ```
///
/// nor does changing the text of one that exists:
///
/// ```compile_fail,E0616
/// use bicuspid_guard::{ReadStatement, builder};
/// use bicuspid_model::{DatabaseName, TableName};
///
/// let (database, table) = (DatabaseName::new("opendental").unwrap(), TableName::new("patient").unwrap());
/// let mut statement: ReadStatement = builder::count(&database, &table, None).unwrap(); statement.sql.clear();
/// assert_eq!(statement.sql(), "SELECT /* bicuspid */ COUNT(*) FROM `opendental`.`patient`");
/// ```
#[derive(Clone, PartialEq)]
pub struct ReadStatement {
    sql: String,
    params: Vec<Value>,
}

impl ReadStatement {
    /// The text, for the prepared protocol alone: that one never runs several statements.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The values to bind to its placeholders, in order.
    #[must_use]
    pub fn params(&self) -> &[Value] {
        &self.params
    }

    /// Judges a text of the builder and makes it a statement: the second belt, should the builder ever be wrong.
    pub(crate) fn seal(
        sql: String,
        params: Vec<Value>,
        database: Option<&DatabaseName>,
    ) -> Result<Self, Refusal> {
        let placeholders = guard::judge_built(&sql, database)?;
        if placeholders != params.len() {
            return Err(Refusal::rule(Rule::Placeholders));
        }
        Ok(Self { sql, params })
    }
}

impl fmt::Debug for ReadStatement {
    /// Shows that there is a statement, not what it says: bounds are values of the clinic.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadStatement")
            .field("bytes", &self.sql.len())
            .field("params", &self.params.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_printed_without_its_text_and_its_values() {
        let sealed =
            ReadStatement::seal("SELECT ?".to_owned(), vec![Value::Bytes(b"Canary".to_vec())], None).unwrap();
        assert_eq!(format!("{sealed:?}"), "ReadStatement { bytes: 8, params: 1, .. }");
        assert!(ReadStatement::seal("SELECT ?".to_owned(), Vec::new(), None).is_err());
    }
}

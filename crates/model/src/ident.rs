//! Identifiers, one type for each kind of name, so that a schema cannot be passed where a table is meant.

use std::fmt;

/// Longest identifier of MySQL and MariaDB, in characters (MySQL 8.0 manual, "Identifier Length Limits").
pub const MYSQL_IDENT_CHARS_MAX: usize = 64;
/// Longest identifier of PostgreSQL, in bytes (`NAMEDATALEN - 1`); longer ones are cut silently by the server.
pub const POSTGRES_IDENT_BYTES_MAX: usize = 63;

/// Why a name cannot be an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// The name is empty.
    #[error("an identifier may not be empty")]
    Empty,
    /// The name is longer than [`MYSQL_IDENT_CHARS_MAX`].
    #[error("an identifier has at most {MYSQL_IDENT_CHARS_MAX} characters")]
    TooLong,
    /// The name holds a NUL character, which neither server can store in a name.
    #[error("an identifier may not hold a NUL character")]
    Nul,
}

fn checked(name: String) -> Result<String, IdentError> {
    if name.is_empty() {
        return Err(IdentError::Empty);
    }
    if name.chars().count() > MYSQL_IDENT_CHARS_MAX {
        return Err(IdentError::TooLong);
    }
    if name.contains('\0') {
        return Err(IdentError::Nul);
    }
    Ok(name)
}

/// A name quoted with one kind of quote, doubled inside.
struct Quoted<'a>(&'a str, char);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        f.write_char(self.1)?;
        for c in self.0.chars() {
            if c == self.1 {
                f.write_char(c)?;
            }
            f.write_char(c)?;
        }
        f.write_char(self.1)
    }
}

macro_rules! ident {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a name.
            pub fn new(name: impl Into<String>) -> Result<Self, IdentError> {
                checked(name.into()).map(Self)
            }

            /// The bare name, unquoted.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name in back-ticks, as MySQL and MariaDB read it under every `sql_mode`.
            #[must_use]
            pub fn mysql(&self) -> impl fmt::Display + '_ {
                Quoted(&self.0, '`')
            }

            /// The name in double quotes, as PostgreSQL reads it.
            #[must_use]
            pub fn postgres(&self) -> impl fmt::Display + '_ {
                Quoted(&self.0, '"')
            }

            /// Whether PostgreSQL can hold the name without cutting it.
            #[must_use]
            pub fn fits_postgres(&self) -> bool {
                self.0.len() <= POSTGRES_IDENT_BYTES_MAX
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

ident! {
    /// Name of a table, as its server spells it.
    TableName
}
ident! {
    /// Name of a column, in its exact case.
    ColumnName
}
ident! {
    /// Name of an index of a table, as its server spells it.
    IndexName
}
ident! {
    /// Name of a PostgreSQL schema.
    SchemaName
}
ident! {
    /// Name of a database (MySQL calls the same thing a schema).
    DatabaseName
}

impl TableName {
    /// The table's name in the target: lower case, as dbt projects over Open Dental expect.
    #[must_use]
    pub fn in_target(&self) -> Self {
        Self(self.0.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_doubles_the_quote_and_nothing_else() {
        let name = ColumnName::new("we`ird \"name\\ %").unwrap();
        assert_eq!(name.mysql().to_string(), "`we``ird \"name\\ %`");
        assert_eq!(name.postgres().to_string(), "\"we`ird \"\"name\\ %\"");
    }

    #[test]
    fn limits_are_those_of_the_servers() {
        assert_eq!(TableName::new(""), Err(IdentError::Empty));
        assert_eq!(TableName::new("a\0b"), Err(IdentError::Nul));
        assert_eq!(TableName::new("é".repeat(65)), Err(IdentError::TooLong));
        let long = TableName::new("é".repeat(64)).unwrap();
        assert!(!long.fits_postgres());
        assert!(TableName::new("a".repeat(63)).unwrap().fits_postgres());
    }

    #[test]
    fn target_tables_are_lower_case() {
        assert_eq!(TableName::new("Patient").unwrap().in_target().as_str(), "patient");
    }
}

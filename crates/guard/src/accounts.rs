//! The least accounts that Bicuspid needs on both sides, as statements for an administrator to run.
//!
//! Nothing here reaches a source through Bicuspid: `grants` prints the texts, and the sandbox runs them on servers of
//! its own.

use bicuspid_model::site::{raw_schema, state_schema};
use bicuspid_model::{DatabaseName, SchemaName, SiteName};

use crate::refusal::{BuildFault, Refusal};

/// Stands where a person puts the password.
pub const PASSWORD_PLACEHOLDER: &str = "<password>";

/// The database that stands for the whole server.
const SERVER: &str = "postgres";

/// A statement for PostgreSQL and the database in which it is run.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountStatement {
    /// Database to be connected to; `postgres` for what belongs to the whole server.
    pub database: String,
    /// The statement.
    pub sql: String,
}

/// A literal in apostrophes that every `sql_mode` reads alike: a backslash would not be.
fn mysql_literal(text: &str) -> Result<String, Refusal> {
    if text.chars().any(|c| c == '\\' || c.is_control()) {
        return Err(BuildFault::Unquotable.into());
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// A literal that PostgreSQL reads alike with and without `standard_conforming_strings`.
fn postgres_literal(text: &str) -> Result<String, Refusal> {
    if text.chars().any(char::is_control) {
        return Err(BuildFault::Unquotable.into());
    }
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        Ok(format!("E'{}'", quoted.replace('\\', "\\\\")))
    } else {
        Ok(format!("'{quoted}'"))
    }
}

/// A name in double quotes.
fn postgres_name(name: &str) -> Result<String, Refusal> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(BuildFault::Unquotable.into());
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A database in a GRANT, where `_` and `%` are wildcards unless a backslash stands before them.
#[must_use]
pub fn grant_pattern(database: &DatabaseName) -> String {
    let mut pattern = String::from("`");
    for c in database.as_str().chars() {
        match c {
            '_' | '%' | '\\' => pattern.extend(['\\', c]),
            '`' => pattern.push_str("``"),
            _ => pattern.push(c),
        }
    }
    pattern.push('`');
    pattern
}

/// Whether a database belongs to the server itself; none of them is anybody's source.
#[must_use]
pub fn is_system_database(name: &str) -> bool {
    ["mysql", "information_schema", "performance_schema", "sys"].iter().any(|s| name.eq_ignore_ascii_case(s))
}

/// Whether a server or its installer makes an account of this name for itself.
pub(crate) fn is_reserved(user: &str) -> bool {
    let names =
        ["mysql", "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "debian-sys-maint"];
    names.iter().any(|name| user.eq_ignore_ascii_case(name))
}

/// Creates the account that reads the source.
pub fn source_account(user: &str, host: &str, password: &str) -> Result<String, Refusal> {
    Ok(format!(
        "CREATE USER {}@{} IDENTIFIED BY {}",
        mysql_literal(user)?,
        mysql_literal(host)?,
        mysql_literal(password)?
    ))
}

/// Lets the account read one database, and nothing else.
pub fn source_grant(database: &DatabaseName, user: &str, host: &str) -> Result<String, Refusal> {
    Ok(format!(
        "GRANT SELECT, SHOW VIEW ON {}.* TO {}@{}",
        grant_pattern(database),
        mysql_literal(user)?,
        mysql_literal(host)?
    ))
}

/// Everything the source needs for one database, in order. Both MySQL and MariaDB understand it.
pub fn source_statements(
    database: &DatabaseName,
    user: &str,
    host: &str,
    password: &str,
) -> Result<Vec<String>, Refusal> {
    Ok(vec![source_account(user, host, password)?, source_grant(database, user, host)?])
}

/// Limits the account to a few connections at once; a belt that both servers know, in their own syntax.
pub fn source_connection_limit(
    mariadb: bool,
    user: &str,
    host: &str,
    connections: u16,
) -> Result<String, Refusal> {
    let account = format!("{}@{}", mysql_literal(user)?, mysql_literal(host)?);
    Ok(if mariadb {
        format!("GRANT USAGE ON *.* TO {account} WITH MAX_USER_CONNECTIONS {connections}")
    } else {
        format!("ALTER USER {account} WITH MAX_USER_CONNECTIONS {connections}")
    })
}

/// Creates the role that writes a target or the demo database. It is nobody's administrator.
pub fn target_role(user: &str, password: &str) -> Result<AccountStatement, Refusal> {
    Ok(AccountStatement {
        database: SERVER.to_owned(),
        sql: format!(
            "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}",
            postgres_name(user)?,
            postgres_literal(password)?
        ),
    })
}

/// Creates a database with its two schemas for the role: `raw` for the rows, `bicuspid` for the tool's own state.
pub fn target_database(
    database: &DatabaseName,
    user: &str,
    placement: Placement,
) -> Result<Vec<AccountStatement>, Refusal> {
    let mut list = empty_database(database)?;
    list.extend(target_access(database, user)?);
    list.extend(target_schemas(database, None, user, placement)?);
    server_first(&mut list);
    Ok(list)
}

/// Puts what belongs to the whole server before what is run inside a database, so that nobody goes back and forth.
pub fn server_first(statements: &mut [AccountStatement]) {
    statements.sort_by_key(|statement| statement.database != SERVER);
}

/// Creates a database that nobody but its administrators may enter yet.
pub fn empty_database(database: &DatabaseName) -> Result<Vec<AccountStatement>, Refusal> {
    let name = postgres_name(database.as_str())?;
    let server = |sql: String| AccountStatement { database: SERVER.to_owned(), sql };
    Ok(vec![
        // template0: the default template may hold what somebody put there, and may not be UTF-8.
        server(format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")),
        server(format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC")),
        AccountStatement {
            database: database.as_str().to_owned(),
            sql: "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        },
    ])
}

/// Lets a role into a database.
pub fn target_access(database: &DatabaseName, user: &str) -> Result<Vec<AccountStatement>, Refusal> {
    let (name, role) = (postgres_name(database.as_str())?, postgres_name(user)?);
    let sql = format!("GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {name} TO {role}");
    Ok(vec![AccountStatement { database: SERVER.to_owned(), sql }])
}

/// Where the rows of a copy are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// In the database that is connected to.
    #[default]
    Here,
    /// On one server of a Citus cluster, all of a schema together.
    Distributed,
}

/// Creates the two schemas of a site, or of a copy that is alone in its database, for the role that writes it.
pub fn target_schemas(
    database: &DatabaseName,
    site: Option<&SiteName>,
    user: &str,
    placement: Placement,
) -> Result<Vec<AccountStatement>, Refusal> {
    let role = postgres_name(user)?;
    let inside = |sql: String| AccountStatement { database: database.as_str().to_owned(), sql };
    let raw = raw_schema(site);
    let mut list = vec![inside(format!("CREATE SCHEMA {raw} AUTHORIZATION {role}"))];
    if placement == Placement::Distributed {
        list.push(inside(format!("SELECT citus_schema_distribute('{raw}')")));
    }
    list.push(inside(format!("CREATE SCHEMA {} AUTHORIZATION {role}", state_schema(site))));
    Ok(list)
}

/// Everything a target needs, in order: the role, the database, its schemas.
pub fn target_statements(
    database: &DatabaseName,
    user: &str,
    password: &str,
    placement: Placement,
) -> Result<Vec<AccountStatement>, Refusal> {
    let mut list = vec![target_role(user, password)?];
    list.extend(target_database(database, user, placement)?);
    Ok(list)
}

/// Lets another role, such as the one of dbt, read a schema now and later.
pub fn reader_statements(
    database: &DatabaseName,
    schema: &SchemaName,
    owner: &str,
    reader: &str,
) -> Result<Vec<AccountStatement>, Refusal> {
    let (owner, reader) = (postgres_name(owner)?, postgres_name(reader)?);
    let (name, schema) = (postgres_name(database.as_str())?, postgres_name(schema.as_str())?);
    let inside = |sql: String| AccountStatement { database: database.as_str().to_owned(), sql };
    Ok(vec![
        inside(format!("GRANT CONNECT ON DATABASE {name} TO {reader}")),
        inside(format!("GRANT USAGE ON SCHEMA {schema} TO {reader}")),
        inside(format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}")),
        inside(format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader}"
        )),
    ])
}

impl std::fmt::Debug for AccountStatement {
    /// Leaves the text out: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountStatement").field("database", &self.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_grant_are_escaped() {
        let database = DatabaseName::new("open_dental%`x").unwrap();
        assert_eq!(
            source_grant(&database, "readonly_user", "10.0.0.%").unwrap(),
            "GRANT SELECT, SHOW VIEW ON `open\\_dental\\%``x`.* TO 'readonly_user'@'10.0.0.%'"
        );
    }

    #[test]
    fn a_password_stays_one_literal() {
        assert_eq!(
            source_account("u", "%", "a'b\"c; --").unwrap(),
            "CREATE USER 'u'@'%' IDENTIFIED BY 'a''b\"c; --'"
        );
        assert!(source_account("u", "%", "a\\").is_err());
        assert!(source_account("u\n", "%", "a").is_err());
        let role = target_role("ana\"lytics", "it's \\ here").unwrap();
        assert!(role.sql.starts_with("CREATE ROLE \"ana\"\"lytics\" LOGIN NOSUPERUSER"));
        assert!(role.sql.ends_with("PASSWORD E'it''s \\\\ here'"));
        assert!(!format!("{role:?}").contains("here"));
    }

    #[test]
    fn a_target_is_made_in_order() {
        let database = DatabaseName::new("opendental_analytics").unwrap();
        let list =
            target_statements(&database, "analytics_user", PASSWORD_PLACEHOLDER, Placement::Here).unwrap();
        let texts: Vec<&str> = list.iter().map(|s| s.sql.as_str()).collect();
        assert!(texts[0].ends_with("PASSWORD '<password>'"));
        assert_eq!(texts[1], "CREATE DATABASE \"opendental_analytics\" TEMPLATE template0 ENCODING 'UTF8'");
        assert_eq!(
            texts[3],
            "GRANT CONNECT, TEMPORARY, CREATE ON DATABASE \"opendental_analytics\" TO \"analytics_user\""
        );
        assert_eq!(texts[5], "CREATE SCHEMA raw AUTHORIZATION \"analytics_user\"");
        assert_eq!(list[5].database, "opendental_analytics");
        let north = SiteName::new("north").unwrap();
        let of_site = |placement| -> Vec<String> {
            let list = target_schemas(&database, Some(&north), "u", placement).unwrap();
            list.into_iter().map(|s| s.sql).collect()
        };
        let (raw, state) = (
            "CREATE SCHEMA raw_north AUTHORIZATION \"u\"",
            "CREATE SCHEMA bicuspid_north AUTHORIZATION \"u\"",
        );
        assert_eq!(of_site(Placement::Here), [raw, state]);
        let distribute = "SELECT citus_schema_distribute('raw_north')";
        assert_eq!(of_site(Placement::Distributed), [raw, distribute, state]);
    }

    #[test]
    fn limits_and_readers_are_written_out() {
        assert_eq!(
            source_connection_limit(true, "u", "%", 4).unwrap(),
            "GRANT USAGE ON *.* TO 'u'@'%' WITH MAX_USER_CONNECTIONS 4"
        );
        assert_eq!(
            source_connection_limit(false, "u", "%", 4).unwrap(),
            "ALTER USER 'u'@'%' WITH MAX_USER_CONNECTIONS 4"
        );
        let (database, raw) = (DatabaseName::new("d").unwrap(), SchemaName::new("raw").unwrap());
        let list = reader_statements(&database, &raw, "owner", "reader").unwrap();
        assert!(list.iter().all(|s| s.database == "d" && s.sql.contains("\"reader\"")));
        assert_eq!(list.len(), 4);
        assert!(format!("{:?}", list[0]).contains("\"d\""));
        assert!(postgres_name("").is_err() && postgres_name("a\nb").is_err());
        let own = ["mysql", "SYS", "information_schema", "performance_schema"];
        assert!(own.into_iter().all(is_system_database) && !is_system_database("opendental"));
    }
}

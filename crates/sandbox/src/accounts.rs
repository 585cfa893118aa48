//! The least-privilege accounts of both servers: the very statements that `bicuspid grants` prints.

use bicuspid_guard::accounts::{AccountStatement, Placement, source_statements, target_statements};
use bicuspid_model::DatabaseName;

use crate::error::{SandboxError, Server};

/// Statements that make the account that reads the source.
pub(crate) fn source(
    database: &DatabaseName,
    user: &str,
    host: &str,
    password: &str,
) -> Result<Vec<String>, SandboxError> {
    source_statements(database, user, host, password).map_err(|_| unquotable(Server::MariaDb))
}

/// Statements that make a target, its schemas and the role that writes it.
pub(crate) fn target(
    database: &DatabaseName,
    user: &str,
    password: &str,
) -> Result<Vec<AccountStatement>, SandboxError> {
    target_statements(database, user, password, Placement::Here).map_err(|_| unquotable(Server::Postgres))
}

fn unquotable(server: Server) -> SandboxError {
    SandboxError::Statement { server, action: "name an account".to_owned(), code: "unquotable".to_owned() }
}

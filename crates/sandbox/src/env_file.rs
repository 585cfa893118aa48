//! The environment files of a sandbox.

use std::path::Path;

use crate::error::SandboxError;
use crate::process::write_private;

/// What one account needs to log in.
pub(crate) struct Login<'a> {
    pub(crate) port: u16,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

/// Writes the file of an environment that has a source and a target; `prefix` is empty or `TEST_`.
pub(crate) fn write_pair(
    path: &Path,
    state: &Path,
    prefix: &str,
    source: &Login<'_>,
    target: &Login<'_>,
) -> Result<(), SandboxError> {
    let mut text = head(state);
    text.push_str(&variables(prefix, "SOURCE_DB", ["NAME", "READONLY_USER", "READONLY_PASSWORD"], source));
    text.push_str(&variables(prefix, "TARGET_DB", ["NAME", "USER", "PASSWORD"], target));
    write_private(path, &text)
}

/// Writes the file of the demo environment, which has no source.
pub(crate) fn write_demo(path: &Path, state: &Path, target: &Login<'_>) -> Result<(), SandboxError> {
    let text = head(state) + &variables("", "DEMO_POSTGRES", ["DB", "USER", "PASSWORD"], target);
    write_private(path, &text)
}

fn head(state: &Path) -> String {
    format!(
        "# Servers of a sandbox: throw-away, on this machine only.\nENVIRONMENT=development\nBICUSPID_STATE_DIR={}\n",
        quoted(&state.to_string_lossy())
    )
}

fn variables(prefix: &str, family: &str, [name, user, password]: [&str; 3], login: &Login<'_>) -> String {
    let Login { port, database, user: account, password: secret } = login;
    format!(
        "{prefix}{family}_HOST=127.0.0.1\n{prefix}{family}_PORT={port}\n{prefix}{family}_{name}={database}\n\
         {prefix}{family}_{user}={account}\n{prefix}{family}_{password}={secret}\n"
    )
}

/// A value in quotes where it needs them.
fn quoted(value: &str) -> String {
    if value.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@".contains(c)) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{value}\"")
    } else {
        format!("'{value}'")
    }
}

//! A program of the user's that is given the message.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::settings::variables;

/// Runs the program with the message on its standard input. It is ended if nobody waits for it any more.
pub(super) async fn run(command: &[String], body: &[u8]) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Passwords of databases are none of its business.
    for name in variables() {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(|error| format!("it could not be started: {}", error.kind()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read has its own idea of what it needs to know.
        let _ = stdin.write_all(body).await;
    }
    let status = child.wait().await.map_err(|error| format!("it was lost: {}", error.kind()))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(format!("it ended with exit code {code}")),
        None => Err("it was ended by a signal".to_owned()),
    }
}

//! Takes a sandbox down: ends the servers that it started, and only those, and removes what it made.

use std::path::Path;

use crate::error::{SandboxError, Server};
use crate::folder::{Folder, Record};
use crate::launch::end;
use crate::{mariadb, postgres};

/// Takes down the sandbox in a folder, whole or half-made, living or dead.
///
/// Files that no sandbox made stay; without any the folder goes too.
pub fn down(dir: &Path) -> Result<(), SandboxError> {
    let folder = Folder::open(dir)?;
    if let Some(record) = folder.record()? {
        end_servers(&record)?;
    }
    folder.clear()?;
    folder.vanish()
}

/// Ends both servers, each after making sure that the process is the one that was started, and removes their homes.
pub(crate) fn end_servers(record: &Record) -> Result<(), SandboxError> {
    let servers = [
        (Server::MariaDb, &record.mariadb, mariadb::END),
        (Server::Postgres, &record.postgres, postgres::END),
    ];
    for (server, entry, signal) in servers {
        if let Some(process) = entry.home.living(entry.process.as_ref())? {
            end(server, &process, signal)?;
        }
        entry.home.remove()?;
    }
    Ok(())
}

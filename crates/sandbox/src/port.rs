//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::SandboxError;

/// A port of 127.0.0.1 that nobody listens on just now. Another process may take it before the server does; the
/// server then ends at once, and [`was_taken`] tells.
pub(crate) fn free() -> Result<u16, SandboxError> {
    let found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    found.map(|address| address.port()).map_err(SandboxError::file("find", "a free port"))
}

/// Whether a server's log says that its port was somebody else's.
pub(crate) fn was_taken(log: &str) -> bool {
    log.contains("Address already in use") || log.contains("could not bind")
}

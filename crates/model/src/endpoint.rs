//! Where a server is and how to log in, with nothing in it that may be printed by accident.

use std::fmt;
use std::path::PathBuf;

use crate::ident::DatabaseName;

/// A text that must never be shown. `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the driver's eyes only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where a password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// None: the server lets the account in without one.
    None,
    /// Given in the settings.
    Given(Secret),
    /// A file that holds it, read anew for each connection.
    File(PathBuf),
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// TLS with certificate and name verified against the system's authorities.
    Require,
    /// TLS with certificate and name verified against the authorities in this PEM file.
    Ca(PathBuf),
    /// Plain text: loopback or unix socket, or a person allowed it in so many words.
    Off,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name or address and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A unix socket: for MariaDB the socket file, for PostgreSQL the directory that holds it.
    Socket {
        /// Path, which begins with `/`.
        path: PathBuf,
        /// Port, which names the PostgreSQL socket file.
        port: u16,
    },
}

impl Host {
    /// A host as written in the settings; one that begins with `/` is a unix socket.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        if host.starts_with('/') {
            Self::Socket { path: PathBuf::from(host), port }
        } else {
            Self::Tcp { host: host.to_owned(), port }
        }
    }

    /// Whether the connection cannot leave this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Socket { .. } => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// A database on a server, and the account that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where the server is.
    pub host: Host,
    /// Name of the database.
    pub database: DatabaseName,
    /// Account.
    pub user: String,
    /// Password of the account.
    pub password: Password,
    /// Protection of the connection.
    pub tls: Tls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let endpoint = Endpoint {
            host: Host::new("db.example.com", 3306),
            database: DatabaseName::new("opendental").unwrap(),
            user: "readonly_user".into(),
            password: Password::Given(Secret::new("hunter2")),
            tls: Tls::Require,
        };
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }

    #[test]
    fn local_means_this_machine() {
        for (host, local) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("/run/mysqld/mysqld.sock", true),
            ("127.0.0.1.example.com", false),
            ("10.0.0.5", false),
            ("clinic-server", false),
        ] {
            assert_eq!(Host::new(host, 3306).is_local(), local, "{host}");
        }
    }
}

//! What `sandbox up` reports: where everything is. Nothing in it is secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A sandbox that is up. Field names are part of the interface contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxInfo {
    /// Folder of the sandbox.
    pub dir: PathBuf,
    /// The MariaDB server.
    pub clinic: ClinicInfo,
    /// The PostgreSQL server.
    pub postgres: PostgresInfo,
    /// Environment files, ready to use.
    pub env_files: EnvFiles,
    /// Practices beside the clinic, listed in `bicuspid.toml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<SiteInfo>,
}

/// A practice beside the clinic, on the same server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    /// Name of the site.
    pub site: String,
    /// Its database.
    pub database: String,
    /// Its environment file.
    pub env_file: PathBuf,
}

/// The private MariaDB server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicInfo {
    /// Address for TCP.
    pub host: String,
    /// Port for TCP.
    pub port: u16,
    /// Socket file; administrators log in here without a password.
    pub socket: PathBuf,
    /// Process id.
    pub pid: u32,
    /// Administrator.
    pub admin_user: String,
    /// Databases by environment.
    pub databases: ClinicDatabases,
}

/// Databases of the private MariaDB server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicDatabases {
    /// The clinic's.
    pub clinic: String,
    /// The test server's.
    pub test: String,
}

/// The private PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresInfo {
    /// Address for TCP.
    pub host: String,
    /// Port for TCP, which also names the socket.
    pub port: u16,
    /// Folder of the socket; administrators log in here without a password.
    pub socket_dir: PathBuf,
    /// Process id.
    pub pid: u32,
    /// Administrator.
    pub admin_user: String,
    /// Databases by environment.
    pub databases: PostgresDatabases,
}

/// Databases of the private PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresDatabases {
    /// Target of the clinic.
    pub clinic: String,
    /// Target of the test server.
    pub test: String,
    /// The demo database.
    pub demo: String,
}

/// Environment files, readable by their owner only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvFiles {
    /// For `--env clinic`.
    pub clinic: PathBuf,
    /// For `--env test`.
    pub test: PathBuf,
    /// For `--env demo`.
    pub demo: PathBuf,
}

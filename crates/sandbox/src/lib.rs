//! Private throw-away MariaDB and PostgreSQL servers for the demo and the tests.
//!
//! This is the only code of Bicuspid that can write to a MySQL or MariaDB server, and only to one that it started
//! itself, over a socket in a folder that it made. Both servers live in that folder under an unprivileged account,
//! listen on 127.0.0.1 and on their sockets, and let administrators in over the sockets alone.

mod account;
mod accounts;
mod blocking;
mod down;
mod env_file;
mod error;
mod folder;
mod home;
mod info;
mod launch;
mod live;
mod load;
mod mariadb;
mod port;
mod postgres;
mod process;
mod program;
mod schema;
mod secret;
pub mod testing;
mod up;

pub use bicuspid_opendental::Engine;
pub use bicuspid_practice::Settings as PracticeSettings;
pub use down::down;
pub use error::{SandboxError, Server};
pub use info::{
    ClinicDatabases, ClinicInfo, EnvFiles, PostgresDatabases, PostgresInfo, SandboxInfo, SiteInfo,
};
pub use live::{Counts, Kind, Live, Played, Progress, live};
pub use mariadb::MariaDbOptions;
pub use postgres::PostgresOptions;
pub use up::{Step, UpOptions, up};

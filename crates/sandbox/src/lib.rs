//! Private throw-away MariaDB and PostgreSQL servers for the demo and the tests.
//!
//! This is the only code of Bicuspid that can write to a MySQL or MariaDB server, and only to one that it started
//! itself, over a socket in a folder that it made. Both servers live in that folder under an unprivileged account,
//! listen on 127.0.0.1 and on their sockets, and let administrators in over the sockets alone.

mod account;
mod accounts;
mod blocking;
mod error;
mod home;
mod mariadb;
mod port;
mod postgres;
mod process;
mod program;
mod secret;
pub mod testing;

pub use error::{SandboxError, Server};
pub use mariadb::{Engine, MariaDbOptions};
pub use postgres::PostgresOptions;

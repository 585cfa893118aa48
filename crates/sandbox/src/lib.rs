//! Private throw-away MariaDB and PostgreSQL servers for the demo and the tests.

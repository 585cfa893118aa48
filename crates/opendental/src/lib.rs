//! What is known about Open Dental: tables, columns, keys, enumerations, flags, secrets.
//!
//! The facts describe version 25.3. A real server may be older or newer and may hold tables of its own: nothing here
//! says what a server *has*, only what a table or column that it has *means*. Whatever is not known here follows the
//! general rules of [`bicuspid_model`].

mod ddl;
mod descriptions;
pub mod enums;
mod event_dates;
mod facts;
mod leftovers;
mod secrets;
mod tables;
mod tombstones;
mod types;

pub use ddl::{Engine, mysql_ddl};
pub use descriptions::description;
pub use event_dates::event_date;
pub use facts::{
    ColumnFacts, DefaultValue, Enumeration, Facts, IndexFacts, IndexPart, Reference, TableFacts, facts,
};
pub use leftovers::skip_reason;
pub use secrets::{is_secret, secrets};
pub use tables::{model_table, stamp_column};
pub use tombstones::{TOMBSTONES, deleted_from, deleted_table};
pub use types::{TypePolicy, target_type};

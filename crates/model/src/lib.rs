//! Shared vocabulary of Bicuspid: identifiers, column types, calendar, canonical rows, fingerprints.
//!
//! Everything here is pure: no I/O, no clock, no environment. The canonical row is PostgreSQL's binary `COPY`
//! row; two rows are equal exactly when their canonical bytes are equal.

pub mod calendar;
pub mod codec;
pub mod column;
pub mod endpoint;
pub mod environment;
pub mod fingerprint;
pub mod ident;
pub mod key;
pub mod quiet_hours;
pub mod row;
pub mod server_sum;
pub mod site;
pub mod source_type;
pub mod target_type;
pub mod trouble;
pub mod value;

pub use calendar::{Date, DateTime};
pub use column::{Column, Table};
pub use endpoint::{Endpoint, Host, Password, Secret, Tls};
pub use environment::Environment;
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use key::KeyBound;
pub use quiet_hours::{HoursAt, QuietHours, QuietHoursError};
pub use row::Batch;
pub use server_sum::{ServerHash, ServerSum};
pub use site::{SiteName, SiteNameError};

pub use ident::{ColumnName, DatabaseName, IdentError, IndexName, SchemaName, TableName};

pub use source_type::{Charset, SourceType};
pub use target_type::TargetType;
pub use trouble::{Class, Side, Trouble};
pub use value::Value;

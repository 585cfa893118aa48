//! The clinic side: the only library that names the MySQL driver, and it can only read.
//!
//! A [`Source`] can discover and extract. It has no method that takes the text of a statement and none that writes;
//! what it sends was sealed by the guard, byte for byte.
//!
//! ```no_run
//! # async fn read(source: &mut bicuspid_source::Source) -> Result<(), bicuspid_source::SourceError> {
//! let table = bicuspid_model::TableName::new("patient").unwrap();
//! let rows: Option<u64> = source.count(&table).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A text is no table:
//!
//! ```compile_fail,E0308
//! # async fn read(source: &mut bicuspid_source::Source) -> Result<(), bicuspid_source::SourceError> {
//! let table = "patient; DELETE FROM patient";
//! let rows: Option<u64> = source.count(table).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Not even what the guard sealed can be sent by somebody else, and nothing is there that writes:
//!
//! ```compile_fail,E0616
//! # async fn read(source: &mut bicuspid_source::Source) -> Result<(), bicuspid_source::SourceError> {
//! let table = bicuspid_model::TableName::new("patient").unwrap();
//! let rows: Option<u64> = source.wire.count(&table).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```compile_fail,E0599
//! # async fn read(source: &mut bicuspid_source::Source) -> Result<(), bicuspid_source::SourceError> {
//! let table = bicuspid_model::TableName::new("patient").unwrap();
//! let rows: Option<u64> = source.delete(&table).await?;
//! # Ok(())
//! # }
//! ```

mod connect;
mod decode;
mod decoder;
mod discover;
mod error;
mod extract;
mod hours;
mod load;
mod meter;
mod pace;
mod raw;
mod renewal;
mod row;
mod stamps;
mod thin;
mod tls;
mod walk;

pub use connect::SourceFacts;
pub use decode::Conversions;
pub use discover::{Discovered, Engine, FoundColumn, FoundTable, Skipped, Stamp};
pub use error::SourceError;
pub use extract::{Piece, RawPiece, Reader, Source, SourceOptions};
pub use load::{Headroom, LoadLimits, Looks};
pub use meter::Meter;
pub use pace::{Pace, TRICKLE_SLOWDOWN};
pub use raw::{DecodedRows, FORM, RawRows};
pub use renewal::Renewal;
pub use stamps::{Edited, SourceClock};
pub use thin::{LinkSpeed, RangeSum};
pub use walk::Walk;

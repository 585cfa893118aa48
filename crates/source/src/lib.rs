//! The clinic side: the only library that names the MySQL driver, and it can only read.
//!
//! A [`Source`] can discover and extract. It has no method that takes the text of a statement and none that writes;
//! what it sends was sealed by the guard, byte for byte.

mod connect;
mod decode;
mod discover;
mod error;
mod extract;
mod meter;
mod pace;
mod tls;

pub use connect::SourceFacts;
pub use decode::Conversions;
pub use discover::{Discovered, Engine, FoundColumn, FoundTable, Skipped};
pub use error::SourceError;
pub use extract::{Piece, Reader, Source, SourceOptions, Walk};
pub use meter::Meter;
pub use pace::Pace;

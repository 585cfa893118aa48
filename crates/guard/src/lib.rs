//! The safety kernel of Bicuspid: pure decisions, no I/O.
//!
//! Four questions are answered here and nowhere else: may this statement reach the source ([`ReadStatement`] and the
//! [`builder`] that makes it), are these grants harmless, is this the database it claims to be, is consent needed
//! and given. Everything is decided by allow-list: what is not known is refused.

pub mod accounts;
pub mod builder;
pub mod consent;
pub mod flavour;
pub mod grants;
pub mod identity;
pub mod numbers;
pub mod server;
pub mod server_hash;
pub mod session;
pub mod stamps;

mod burden;
mod expression;
mod filter;
mod functions;
mod grant_line;
mod guard;
mod joins;
mod lexical;
mod refusal;
mod show;
mod statement;
mod walk;

pub use builder::{Catalog, ChunkQuery, KeyCast, KeyPart, Selected};
pub use consent::Consent;
pub use filter::Filter;
pub use flavour::Flavour;
pub use grants::{Finding, GrantVerdict, judge_grants};
pub use guard::{Context, Verdict, judge};
pub use identity::{DEMO_DATABASE, Identity};
pub use numbers::NextNumbers;
pub use refusal::{BuildFault, Refusal, Rule};
pub use server::{OtherServer, SharedServer, SourceServer, unshared};
pub use server_hash::RowHash;
pub use session::{SessionLimits, SessionStatement};
pub use statement::ReadStatement;

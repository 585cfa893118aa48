//! The PostgreSQL side: enrolment and identity, staging, publish, state.
//!
//! No public method takes SQL text. Every text is made in [`ddl`](self) from identifiers, types and key literals.

mod adoption;
mod analytics;
mod change;
mod citus;
mod copy;
mod ddl;
mod demo;
mod error;
mod expected;
mod first_load;
mod identity;
mod link;
mod listing;
mod passes;
mod row_hash;
mod schemas;
mod script;
mod session;
mod state;
mod surroundings;
mod tls;
mod writer;

pub use adoption::Adoption;
pub use analytics::{Analytics, ForeignTable, KeyRange, TargetColumn};
pub use change::{Applied, Change, ChangedRange, Scope, Staged, Staging};
pub use copy::CopyOut;
pub use demo::{
    Asked, Demo, DemoEndpoint, DemoState, DemoWriter, GeneratedTable, Generation, Life, LifeEvent, Measured,
    Part, Published, Reference,
};
pub use error::TargetError;
pub use first_load::{FirstLoad, Intake};
pub use identity::{Headroom, Identity, ServerFacts};
pub use listing::{ListedColumn, ListedTable};
pub use passes::{PassRecord, PassState, StampMark};
pub use row_hash::RowHashes;
pub use schemas::Schemas;
pub use script::{Spread, tables_script};
pub use state::{
    AuditHead, ChunkState, Converted, HeldState, Marks, ProofSettings, RunRecord, TableRecord, TableState,
};
pub use writer::{FilledLoad, HeldBack, Proof, ProvedLoad, Publication, Unchanged, Writer};

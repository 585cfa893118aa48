//! Local pages over run records, state and what databases say; no route writes anything.
//!
//! The pages are made on the server and work without a script. What they show is given to them: this crate reads the
//! files of the ledger, and everything else comes through a [`Feed`], which the program provides. It names no driver
//! and holds no connection to any database. Nothing in [`view`] has a place for a value of a row.

mod body;
mod charts;
mod error;
mod figures;
mod gate;
mod html;
pub mod live;
mod metrics;
mod pages;
mod query;
mod record;
mod report;
mod routes;
mod server;
pub mod view;

pub use error::DashboardError;
pub use figures::{counted, grouped};
pub use gate::{Gate, Token};
pub use metrics::{MEDIA_TYPE as METRICS_MEDIA_TYPE, exposition as metrics};
pub use report::page as report_page;
pub use routes::Site;
pub use server::{Server, Tls};
pub use view::Feed;

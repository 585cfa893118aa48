//! What a run says while it goes on. A listener may show it, count it or keep it; it cannot change it.

use crate::report::{HoursReport, Mode, TableOutcome};

/// A border between two stages: what was done before it holds whatever happens after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Border {
    /// The source is connected and its tables are planned; nothing is written.
    Planned,
    /// A first load was begun: its table exists inside a transaction.
    LoadBegun,
    /// All rows of a first load have arrived; they are not proved yet.
    LoadFilled,
    /// A first load was proved; it is committed at once or with the next ones.
    LoadPublished,
    /// The changed rows of a table are staged.
    Staged,
    /// The publishing transaction is about to begin.
    BeforePublish,
    /// The publishing transaction is committed.
    Published,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The plan is made.
    Planned {
        /// Tables that will be read.
        tables: usize,
        /// Rows that they hold, as estimated.
        rows: u64,
    },
    /// The clinic has business hours.
    Hours(HoursReport),
    /// A table is begun.
    TableBegun {
        /// Name.
        name: String,
        /// How it is read.
        mode: Mode,
        /// Rows, as estimated.
        rows_estimate: u64,
    },
    /// Rows of it arrived.
    Rows {
        /// Rows since the last event of this kind.
        rows: u64,
        /// Bytes of canonical rows since then.
        bytes: u64,
    },
    /// The source's own hash showed that rows of it did not change; they did not travel.
    Hashed {
        /// Rows since the last event of this kind.
        rows: u64,
    },
    /// A table is done or held.
    TableDone {
        /// Name.
        name: String,
        /// Outcome so far; a changed table becomes visible with the run.
        outcome: TableOutcome,
    },
    /// The run becomes visible.
    Publishing {
        /// Tables with differences.
        changed: usize,
    },
    /// A border was reached.
    Border(Border),
}

/// Listens to events. It is called from within the run and should be quick.
pub type Listener<'a> = &'a (dyn Fn(Event) + Send + Sync);

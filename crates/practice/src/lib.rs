//! The synthetic practice: a simulation that yields rows. No driver, no I/O, no clock.
//!
//! Families arrive, book, come or do not come, are treated, billed and insured; claims are sent, decided and paid;
//! debts age; people leave. An event loop moves all of it through time, and every row is what that history left behind,
//! so references resolve, dates are in order, and the books balance to the cent.
//!
//! The same [`Settings`] give the same rows, on every machine: all decisions are integer arithmetic on streams of chance
//! that belong to one family, payer or day each. Nobody in it is real: see the rules in the module of names.
//!
//! ```
//! use bicuspid_model::{Date, Value};
//! use bicuspid_practice::{Practice, Settings, SinkError};
//!
//! let as_of = Date::from_ymd(2026, 3, 2).ok_or("no such day")?;
//! let mut patients = 0;
//! let mut count = |table: &'static str, _row: &[Value]| -> Result<(), SinkError> {
//!     patients += u32::from(table == "patient");
//!     Ok(())
//! };
//! let summary = Practice::new(Settings::new(20, 7, as_of))?.run(&mut count)?;
//! assert_eq!(patients, 20);
//! assert!(summary.rows() > 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arena;
mod billing;
mod calendar;
mod claims;
mod codes;
mod coverage;
mod definitions;
mod diary;
mod draw;
mod emit;
mod error;
mod events;
mod extras;
mod families;
mod fees;
mod installments;
mod insured;
mod kept;
mod ledger;
mod lists;
mod losses;
mod messages;
mod money;
mod mouth;
mod names;
mod office;
mod office_life;
mod payers;
mod people;
mod procedures;
mod recall;
mod records;
mod settings;
mod sink;
mod statements;
mod terms;
mod treatment;
mod visits;
mod world;

pub use emit::{TableSummary, row_digest, tables};
pub use error::PracticeError;
pub use settings::{LOCATIONS_MAX, PATIENTS_MAX, Preset, Receivables, Settings, YEARS_MAX};
pub use sink::{RowSink, SinkError};

/// A practice that has not begun.
#[derive(Debug, Clone, Copy)]
pub struct Practice {
    settings: Settings,
}

/// What a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows and digest of each table, in the order of their names.
    pub tables: Vec<TableSummary>,
}

impl Summary {
    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|t| t.rows).sum()
    }
}

impl Practice {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`PracticeError::Patients`], [`PracticeError::Locations`] and [`PracticeError::Span`] for settings out of bounds.
    pub fn new(settings: Settings) -> Result<Self, PracticeError> {
        settings.check()?;
        Ok(Self { settings })
    }

    /// Runs the history and hands every row to the sink as soon as it is final.
    ///
    /// # Errors
    /// [`PracticeError::Sink`] when the sink does not take a row; nothing else in practice.
    pub fn run(self, sink: &mut dyn RowSink) -> Result<Summary, PracticeError> {
        let mut world = world::World::new(self.settings, sink)?;
        world.run()?;
        Ok(Summary { tables: world.out.summary() })
    }
}

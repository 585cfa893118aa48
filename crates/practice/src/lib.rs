//! The synthetic practice: a simulation that yields rows. No driver, no I/O, no clock.
//!
//! A group of locations is a history for each of them, which share lists and a database and nothing else.
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
mod compact;
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
mod group;
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

use std::ops::Range;

use bicuspid_model::Date;

pub use emit::{TableSummary, living_tables, row_digest, tables};
pub use error::PracticeError;
pub use settings::{
    GROUP_PATIENTS_MAX, LOCATIONS_MAX, PATIENTS_MAX, Preset, Receivables, Settings, YEARS_MAX,
};
pub use sink::{RowSink, SinkError};

/// A practice that has not begun.
#[derive(Debug, Clone, Copy)]
pub struct Practice {
    settings: Settings,
    /// Day on which it is shown; the history goes on as settled for the as-of date until then.
    shown: Date,
    /// The first of its locations that happens, counted from 0, and the one after the last.
    locations: (u32, u32),
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

    /// Adds what another run made, of other locations of the same practice.
    pub fn add(&mut self, other: Self) {
        if self.tables.is_empty() {
            *self = other;
            return;
        }
        for (table, more) in self.tables.iter_mut().zip(other.tables) {
            table.rows += more.rows;
            table.digest = table.digest.wrapping_add(more.digest);
        }
    }
}

impl Practice {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`PracticeError::Patients`], [`PracticeError::Locations`], [`PracticeError::Sparse`] and [`PracticeError::Span`] for
    /// settings out of bounds.
    pub fn new(settings: Settings) -> Result<Self, PracticeError> {
        settings.check()?;
        Ok(Self { settings, shown: settings.end_date, locations: (0, settings.locations) })
    }

    /// The locations that happen, counted from 0: all of them, unless some were chosen.
    #[must_use]
    pub const fn locations(&self) -> Range<u32> {
        self.locations.0..self.locations.1
    }

    /// These locations of the practice and no others. Each is the same as among all of them: the rows of the practice are
    /// those of its locations, one location after the other, and the first also writes the lists that they share.
    #[must_use]
    pub fn of_locations(self, locations: &Range<u32>) -> Self {
        let (first, end) = self.locations;
        let start = locations.start.clamp(first, end);
        Self { locations: (start, locations.end.clamp(start, end)), ..self }
    }

    /// The same practice some days later: the history of the settings up to their as-of date, and what happened since.
    ///
    /// Rows of one key are about the same thing on both days only in the tables that [`living_tables`] names; in others,
    /// lists and files that are written up at the end, keys may be given anew.
    ///
    /// # Errors
    /// [`PracticeError::Span`] if the history becomes too long.
    pub fn days_later(self, days: i32) -> Result<Self, PracticeError> {
        let shown = self.settings.end_date.plus_days(days.max(0));
        Settings { end_date: shown, ..self.settings }.check()?;
        Ok(Self { shown, ..self })
    }

    /// Runs the history of each location, one after the other, and hands every row to the sink as soon as it is final.
    ///
    /// # Errors
    /// [`PracticeError::Sink`] when the sink does not take a row; nothing else in practice.
    pub fn run(self, sink: &mut dyn RowSink) -> Result<Summary, PracticeError> {
        let settings = Settings { end_date: self.shown, ..self.settings };
        let mut made = Summary { tables: Vec::new() };
        for number in self.locations() {
            let location = group::Location::new(settings, number);
            let mut world = world::World::new(location, self.settings.end_date, sink)?;
            world.run()?;
            made.add(Summary { tables: world.out.summary() });
        }
        Ok(made)
    }
}

//! What can go wrong while the practice runs.

use bicuspid_model::{Class, Side, Trouble};

use crate::sink::SinkError;

/// Why a practice could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum PracticeError {
    /// The number of patients is zero, above [`crate::GROUP_PATIENTS_MAX`], or above [`crate::PATIENTS_MAX`] for each
    /// location.
    #[error(
        "a location has between 1 and {one} patients, and a group at most {all}; not {patients} in {locations}",
        one = crate::PATIENTS_MAX,
        all = crate::GROUP_PATIENTS_MAX
    )]
    Patients {
        /// Number asked for.
        patients: u32,
        /// In so many locations.
        locations: u32,
    },
    /// There are fewer patients than locations.
    #[error("{patients} patients are too few for {locations} locations")]
    Sparse {
        /// Number of patients asked for.
        patients: u32,
        /// In so many locations.
        locations: u32,
    },
    /// The number of locations is zero or above [`crate::LOCATIONS_MAX`].
    #[error("a practice has between 1 and {max} locations, not {locations}", max = crate::LOCATIONS_MAX)]
    Locations {
        /// Number asked for.
        locations: u32,
    },
    /// The history would be shorter than a month or longer than [`crate::YEARS_MAX`] years, or lie outside the years that
    /// its stamps can tell.
    #[error(
        "the history must be a month to {max} years long and lie between 1990 and 2100; this one has {days} days",
        max = crate::YEARS_MAX
    )]
    Span {
        /// Days between the two dates.
        days: i32,
    },
    /// Whoever takes the rows refused one.
    #[error("a row of table `{table}` was not taken")]
    Sink {
        /// Table of the row.
        table: &'static str,
        /// Why.
        #[source]
        source: SinkError,
    },
    /// A fault of the simulation itself.
    #[error("the simulation lost track of a {0}; this is a fault of Bicuspid")]
    Fault(&'static str),
}

impl PracticeError {
    /// The trouble as a person should read it.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let (code, side, class, why, hint) = match self {
            Self::Patients { .. } => (
                "practice::patients",
                Side::Local,
                Class::Usage,
                "the simulation follows each patient by itself".to_owned(),
                "set --patients to another number, or --locations to a higher one",
            ),
            Self::Sparse { .. } => (
                "practice::sparse",
                Side::Local,
                Class::Usage,
                "each location has patients of its own".to_owned(),
                "choose more patients or fewer locations",
            ),
            Self::Locations { .. } => (
                "practice::locations",
                Side::Local,
                Class::Usage,
                "each location has staff, chairs and patients of its own".to_owned(),
                "choose another number of locations",
            ),
            Self::Span { .. } => (
                "practice::span",
                Side::Local,
                Class::Usage,
                "recalls, claims and balances need time, and memory has an end".to_owned(),
                "choose other days with --start-date and --end-date",
            ),
            Self::Sink { source, .. } => (
                "practice::sink",
                Side::Demo,
                Class::Failed,
                source.to_string(),
                "see the cause above and run it again",
            ),
            Self::Fault(_) => (
                "practice::fault",
                Side::Local,
                Class::Local,
                "its own books do not agree".to_owned(),
                "report it with the settings: the same seed shows it again",
            ),
        };
        Trouble {
            code: code.to_owned(),
            side,
            class,
            what: self.to_string(),
            why,
            state: "the practice is not complete".to_owned(),
            hint: hint.to_owned(),
        }
    }
}

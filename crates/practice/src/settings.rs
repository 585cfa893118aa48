//! What a practice is made from.

use bicuspid_model::Date;

use crate::calendar::plus_months;
use crate::error::PracticeError;

/// Most patients of one practice.
pub const PATIENTS_MAX: u32 = 5_000_000;
/// Longest history, in years.
pub const YEARS_MAX: i32 = 25;

/// Most locations of one practice.
pub const LOCATIONS_MAX: u32 = 50;

/// How old the money is that patients and insurers owe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Receivables {
    /// Asked for at the desk and followed up each month.
    Healthy,
    /// As most offices do it.
    #[default]
    Typical,
    /// Nobody follows up.
    Neglected,
}

/// Whose lists the practice keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// Lists and numbers as a public dbt project over such a database expects them.
    #[default]
    Dbt,
    /// Open Dental's ordinary lists.
    Stock,
}

/// Everything that decides what the practice looks like: the same settings give the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Patients on file at the end, whatever their standing.
    pub patients: u32,
    /// Seed of all chance.
    pub seed: u64,
    /// First day of the history: the day the practice began to use the program.
    pub start_date: Date,
    /// The as-of date: the practice is shown as it stands that morning, before it opens. Nothing has happened on that
    /// day or later; appointments and recalls may lie ahead.
    pub end_date: Date,
    /// Places that belong to the practice. One is run as most offices are, with Open Dental's clinics switched off; with
    /// more each is a clinic.
    pub locations: u32,
    /// How old its receivables are.
    pub receivables: Receivables,
    /// Whose lists it keeps.
    pub preset: Preset,
}

impl Settings {
    /// One location with three years of history up to the as-of date.
    #[must_use]
    pub fn new(patients: u32, seed: u64, as_of: Date) -> Self {
        Self {
            patients,
            seed,
            start_date: plus_months(as_of, -36),
            end_date: as_of,
            locations: 1,
            receivables: Receivables::default(),
            preset: Preset::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), PracticeError> {
        if self.patients == 0 || self.patients > PATIENTS_MAX {
            return Err(PracticeError::Patients { patients: self.patients });
        }
        if self.locations == 0 || self.locations > LOCATIONS_MAX {
            return Err(PracticeError::Locations { locations: self.locations });
        }
        let days = self.end_date.days().saturating_sub(self.start_date.days());
        // Families arrive up to a dozen years before the start, and stamps must not come before 1970 nor after 2106.
        if !(28..=YEARS_MAX * 366).contains(&days)
            || self.start_date.ymd().0 < 1990
            || self.end_date.ymd().0 >= 2100
        {
            return Err(PracticeError::Span { days });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let as_of = Date::from_ymd(2026, 3, 1).unwrap();
        let settings = Settings::new(300, 1, as_of);
        assert_eq!(settings.start_date, Date::from_ymd(2023, 3, 1).unwrap());
        assert!(settings.check().is_ok());
        assert!(Settings { patients: 0, ..settings }.check().is_err());
        assert!(Settings { patients: PATIENTS_MAX + 1, ..settings }.check().is_err());
        assert!(Settings { locations: 0, ..settings }.check().is_err());
        assert!(Settings { locations: LOCATIONS_MAX + 1, ..settings }.check().is_err());
        assert!(Settings { start_date: as_of, ..settings }.check().is_err());
        assert!(Settings { start_date: as_of.plus_days(1), ..settings }.check().is_err());
        assert!(Settings { start_date: Date::from_ymd(1989, 1, 1).unwrap(), ..settings }.check().is_err());
        let late = Date::from_ymd(2100, 1, 1).unwrap();
        assert!(Settings::new(300, 1, late).check().is_err());
        let trouble = Settings { patients: 0, ..settings }.check().unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("practice::patients", 2));
    }
}

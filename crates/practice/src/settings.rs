//! What a practice is made from.

use bicuspid_model::Date;

use crate::calendar::plus_months;
use crate::error::PracticeError;
use crate::group::Numbering;

/// Most patients of one location.
pub const PATIENTS_MAX: u32 = 5_000_000;
/// Most patients of a group of locations.
pub const GROUP_PATIENTS_MAX: u32 = 500_000_000;
/// Longest history, in years.
pub const YEARS_MAX: i32 = 25;

/// Most locations of one practice.
pub const LOCATIONS_MAX: u32 = 100_000;

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
    /// Patients on file at the end, whatever their standing, in all locations together.
    pub patients: u32,
    /// Seed of all chance.
    pub seed: u64,
    /// First day of the history: the day the practice began to use the program.
    pub start_date: Date,
    /// The as-of date: the practice is shown as it stands that morning, before it opens. Nothing has happened on that
    /// day or later; appointments and recalls may lie ahead.
    pub end_date: Date,
    /// Places that belong to the practice. One is run as most offices are, with Open Dental's clinics switched off; with
    /// more each is a clinic, with a history of its own.
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

    /// Patients of the location with that number, counted from 0: as many as of the others, or one more.
    #[must_use]
    pub fn patients_at(&self, location: u32) -> u32 {
        let locations = self.locations.max(1);
        self.patients / locations + u32::from(location < self.patients % locations)
    }

    /// The key in the database of the row of a location that is the row of that number in its table there, counted from 1.
    #[must_use]
    pub fn key_at(&self, location: u32, number: i64) -> i64 {
        Numbering::new(location, self.locations).key(number)
    }

    pub(crate) fn check(&self) -> Result<(), PracticeError> {
        let Self { patients, locations, .. } = *self;
        if locations == 0 || locations > LOCATIONS_MAX {
            return Err(PracticeError::Locations { locations });
        }
        if patients == 0 || patients > GROUP_PATIENTS_MAX || self.patients_at(0) > PATIENTS_MAX {
            return Err(PracticeError::Patients { patients, locations });
        }
        if patients < locations {
            return Err(PracticeError::Sparse { patients, locations });
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
    fn patients_are_split_as_evenly_as_can_be() {
        let settings = Settings::new(1003, 1, Date::from_ymd(2026, 3, 1).unwrap());
        let group = Settings { locations: 4, ..settings };
        let shares: Vec<u32> = (0..4).map(|location| group.patients_at(location)).collect();
        assert_eq!(shares, [251, 251, 251, 250]);
        assert_eq!(settings.patients_at(0), 1003);
        assert_eq!((settings.key_at(0, 7), group.key_at(0, 7), group.key_at(3, 7)), (7, 25, 28));
    }

    #[test]
    fn limits() {
        let as_of = Date::from_ymd(2026, 3, 1).unwrap();
        let settings = Settings::new(300, 1, as_of);
        assert_eq!(settings.start_date, Date::from_ymd(2023, 3, 1).unwrap());
        assert!(settings.check().is_ok());
        assert!(Settings { patients: 0, ..settings }.check().is_err());
        assert!(Settings { patients: PATIENTS_MAX, ..settings }.check().is_ok());
        assert!(Settings { patients: PATIENTS_MAX + 1, ..settings }.check().is_err());
        let group = Settings { locations: 100, ..settings };
        assert!(Settings { patients: GROUP_PATIENTS_MAX, ..group }.check().is_ok());
        assert!(Settings { patients: GROUP_PATIENTS_MAX + 1, ..group }.check().is_err());
        // One of them would have more than a location may have.
        assert!(Settings { patients: GROUP_PATIENTS_MAX - 99, locations: 99, ..group }.check().is_err());
        assert!(Settings { locations: 0, ..settings }.check().is_err());
        let most = Settings { patients: LOCATIONS_MAX, locations: LOCATIONS_MAX, ..settings };
        assert!(most.check().is_ok());
        assert!(
            Settings { patients: LOCATIONS_MAX + 1, locations: LOCATIONS_MAX + 1, ..most }.check().is_err()
        );
        let trouble = Settings { patients: 19, locations: 20, ..settings }.check().unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("practice::sparse", 2));
        assert!(Settings { start_date: as_of, ..settings }.check().is_err());
        assert!(Settings { start_date: as_of.plus_days(1), ..settings }.check().is_err());
        assert!(Settings { start_date: Date::from_ymd(1989, 1, 1).unwrap(), ..settings }.check().is_err());
        let late = Date::from_ymd(2100, 1, 1).unwrap();
        assert!(Settings::new(300, 1, late).check().is_err());
        let trouble = Settings { patients: 0, ..settings }.check().unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("practice::patients", 2));
    }
}

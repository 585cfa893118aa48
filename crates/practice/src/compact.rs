//! Days, moments and words in the least space: a practice keeps millions of each.

use bicuspid_model::{Date, DateTime, Value};

/// 1970-01-01, before which nothing is stamped.
const EPOCH_SECONDS: i64 = -946_684_800;

/// A moment in whole seconds, from 1970 to 2106.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u32);

impl From<DateTime> for Moment {
    fn from(at: DateTime) -> Self {
        let seconds = at.micros().div_euclid(1_000_000) - EPOCH_SECONDS;
        Self(u32::try_from(seconds).unwrap_or_default())
    }
}

impl From<Moment> for DateTime {
    fn from(moment: Moment) -> Self {
        moment.time()
    }
}

impl Moment {
    /// The moment as the rest of the program knows it.
    pub(crate) fn time(self) -> DateTime {
        DateTime::from_micros((i64::from(self.0) + EPOCH_SECONDS) * 1_000_000)
    }

    /// The day it falls on.
    pub(crate) fn date(self) -> Date {
        self.time().date()
    }
}

/// A day, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day(i32);

impl Default for Day {
    fn default() -> Self {
        Self(i32::MIN)
    }
}

impl From<Option<Date>> for Day {
    fn from(day: Option<Date>) -> Self {
        day.map_or(Self::default(), Self::from)
    }
}

impl From<Date> for Day {
    fn from(day: Date) -> Self {
        Self(day.days())
    }
}

impl Day {
    /// The day, if there is one.
    pub(crate) fn get(self) -> Option<Date> {
        (self.0 != i32::MIN).then(|| Date::from_days(self.0))
    }
}

/// Number of a row that others point to; 0 for none. No table has billions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RowNum(u32);

impl From<i64> for RowNum {
    fn from(number: i64) -> Self {
        Self(u32::try_from(number).unwrap_or_default())
    }
}

impl RowNum {
    /// The number.
    pub(crate) fn get(self) -> i64 {
        i64::from(self.0)
    }
}

impl From<RowNum> for Value {
    fn from(number: RowNum) -> Self {
        Self::Int(number.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_in_little_space_comes_back_whole() {
        for text in
            ["1970-01-01 00:00:00", "1999-12-31 23:59:59", "2026-03-02 08:10:00", "2105-12-31 17:00:01"]
        {
            let at = DateTime::parse(text).unwrap();
            assert_eq!(Moment::from(at).time(), at);
            assert_eq!(Moment::from(at).date(), at.date());
            assert_eq!(Day::from(Some(at.date())).get(), Some(at.date()));
        }
        let moment = |text| Moment::from(DateTime::parse(text).unwrap());
        assert!(moment("2025-01-01 00:00:00") < moment("2025-01-01 00:00:01"));
        assert_eq!((Day::default().get(), Day::from(None).get()), (None, None));
        assert_eq!(RowNum::from(4_000_000_000).get(), 4_000_000_000);
    }
}

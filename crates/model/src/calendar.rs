//! Dates and times as PostgreSQL counts them: days and microseconds from 2000-01-01, proleptic Gregorian.
//!
//! MySQL knows dates that do not exist (`2024-02-31`) or have a zero part (`0000-00-00`, `2024-00-00`). They have
//! no value here: [`Date::from_ymd`] returns `None`, and the caller counts them.

use std::fmt;

/// Microseconds in a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// Days of a month, or `None` when there is no such month.
#[must_use]
pub const fn days_in_month(year: i32, month: u8) -> Option<u8> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// A day, counted from 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Date {
    /// The day with this number (0 is 2000-01-01).
    #[must_use]
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 2000-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The day of that name, `None` if it does not exist or has a zero part (the year 0 is one: MySQL's calendar
    /// has no year before 1 in which dates are meant).
    #[must_use]
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=9999).contains(&year) || day == 0 || day > days_in_month(year, month)? {
            return None;
        }
        // Days of the years and months before, in a year that begins in March, so that the leap day comes last.
        let shifted = if month <= 2 { year - 1 } else { year };
        let month_from_march = (i32::from(month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i32::from(day) - 1;
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year;
        // 2000-01-01 is day 306 of the March year 1999.
        Some(Self(days - 730_425))
    }

    /// Year, month and day.
    #[must_use]
    pub fn ymd(self) -> (i32, u8, u8) {
        let days = i64::from(self.0) + 730_425;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (
            i32::try_from(year).unwrap_or_default(),
            u8::try_from(month).unwrap_or_default(),
            u8::try_from(day).unwrap_or_default(),
        )
    }

    /// Day of the week, 0 for Monday to 6 for Sunday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 2000-01-01 was a Saturday.
        u8::try_from((i64::from(self.0) + 5).rem_euclid(7)).unwrap_or_default()
    }

    /// The day `days` later (earlier when negative), saturating at the ends of the count.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Midnight at which the day begins.
    #[must_use]
    pub fn midnight(self) -> DateTime {
        DateTime(i64::from(self.0) * DAY_MICROS)
    }

    /// The time of day `seconds` after midnight.
    #[must_use]
    pub fn at_seconds(self, seconds: i64) -> DateTime {
        self.midnight().plus_seconds(seconds)
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
        if y.len() != 4 || m.len() != 2 || d.len() != 2 {
            return None;
        }
        Self::from_ymd(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

/// A moment on a clock without a zone, in microseconds from 2000-01-01 00:00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// The moment with this number of microseconds since 2000-01-01 00:00:00.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 2000-01-01 00:00:00.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The day it falls on.
    #[must_use]
    pub fn date(self) -> Date {
        Date(i32::try_from(self.0.div_euclid(DAY_MICROS)).unwrap_or(i32::MAX))
    }

    /// Microseconds since midnight.
    #[must_use]
    pub const fn time_micros(self) -> i64 {
        self.0.rem_euclid(DAY_MICROS)
    }

    /// The moment `seconds` later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Whole seconds from `earlier` to this moment, negative if it is the later one.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }

    /// Reads `YYYY-MM-DD HH:MM:SS`, with up to six digits after the second.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, clock) = text.split_once(' ')?;
        let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let mut parts = whole.splitn(3, ':').map(|part| {
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<i64>().ok()).flatten()
        });
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        if hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 {
            return None;
        }
        let micros: i64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().ok()? };
        let at = Date::parse(day)?.at_seconds((hour * 60 + minute) * 60 + second);
        Some(Self(at.0 + micros))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.time_micros();
        let seconds = micros / 1_000_000;
        write!(f, "{} {:02}:{:02}:{:02}", self.date(), seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match micros % 1_000_000 {
            0 => Ok(()),
            fraction => write!(f, ".{fraction:06}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for text in ["2026-03-02 21:14:09", "1999-12-31 23:59:59.000120", "0001-01-01 00:00:00"] {
            assert_eq!(DateTime::parse(text).unwrap().to_string(), text);
        }
        let (early, late) =
            (DateTime::parse("2026-03-02 21:14:09.5"), DateTime::parse("2026-03-03 00:00:00"));
        assert_eq!(late.unwrap().seconds_since(early.unwrap()), 9950);
        for text in [
            "2026-03-02",
            "2026-02-30 00:00:00",
            "2026-03-02 24:00:00",
            "2026-03-02 1:00:00",
            "2026-03-02 10:00",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn known_days() {
        for (ymd, days) in [
            ((2000, 1, 1), 0),
            ((1970, 1, 1), -10_957),
            ((1, 1, 1), -730_119),
            ((9999, 12, 31), 2_921_939),
            ((2000, 2, 29), 59),
            ((1900, 3, 1), -36_465),
        ] {
            let date = Date::from_ymd(ymd.0, ymd.1, ymd.2).unwrap();
            assert_eq!(date.days(), days, "{ymd:?}");
            assert_eq!(date.ymd(), ymd);
        }
    }

    #[test]
    fn every_day_from_the_first_to_the_last_round_trips() {
        let first = Date::from_ymd(1, 1, 1).unwrap().days();
        let last = Date::from_ymd(9999, 12, 31).unwrap().days();
        for days in first..=last {
            let (y, m, d) = Date::from_days(days).ymd();
            assert_eq!(Date::from_ymd(y, m, d), Some(Date::from_days(days)));
        }
    }

    #[test]
    fn days_that_do_not_exist_have_no_value() {
        for (y, m, d) in
            [(0, 0, 0), (0, 1, 1), (2024, 0, 0), (2024, 2, 30), (2023, 2, 29), (1900, 2, 29), (2024, 13, 1)]
        {
            assert_eq!(Date::from_ymd(y, m, d), None, "{y}-{m}-{d}");
        }
    }

    #[test]
    fn weekday_and_text() {
        let date = Date::parse("2026-11-20").unwrap();
        assert_eq!(date.weekday(), 4);
        assert_eq!(date.to_string(), "2026-11-20");
        assert_eq!(date.at_seconds(34_205).to_string(), "2026-11-20 09:30:05");
        assert_eq!(Date::from_ymd(1, 1, 1).unwrap().midnight().to_string(), "0001-01-01 00:00:00");
        assert_eq!(DateTime::from_micros(-1).to_string(), "1999-12-31 23:59:59.999999");
    }
}

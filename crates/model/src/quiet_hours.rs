//! Hours of the week in which the clinic works and heavy reading keeps quiet.
//!
//! They are hours of the clinic's own clock: whoever asks brings its local time. Where that clock is put forward or
//! back, the hours move with it.

use std::sync::Arc;

use crate::calendar::DateTime;

/// Minutes of a day.
const DAY_MINUTES: usize = 24 * 60;
/// Minutes of a week, from Monday 00:00.
const WEEK_MINUTES: usize = 7 * DAY_MINUTES;
/// Names of days, as they are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The hours of a week, such as `mon-fri 07:30-18:00` and `sat 08:00-12:00`.
#[derive(Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// As they were written.
    lines: Vec<String>,
    /// One mark for each minute of the week, Monday 00:00 first.
    minutes: Arc<[bool]>,
}

impl std::fmt::Debug for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("QuietHours").field(&self.lines).finish()
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines.join(", "))
    }
}

/// Why a line does not say hours of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuietHoursError {
    /// It is not days, a blank, and a span.
    #[error("write days and hours, such as \"mon-fri 07:30-18:00\"")]
    Form,
    /// A day has another name.
    #[error("days are mon, tue, wed, thu, fri, sat, sun, ranges of them such as mon-fri, or daily")]
    Day,
    /// A time is none.
    #[error("times are written 07:30, from 00:00 to 24:00")]
    Time,
    /// The span begins and ends at one time.
    #[error("the hours begin and end at one time; a whole day is 00:00-24:00")]
    Empty,
}

/// Whether a moment lies within the hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoursAt {
    /// Whether it does.
    pub is_inside: bool,
    /// The next moment at which that changes, on the same clock; `None` if it never does.
    pub changes_at: Option<DateTime>,
}

impl QuietHours {
    /// Reads the lines of the setting. A line is one or more days (`mon`, `mon-fri`, `fri-mon`, `mon,wed`, `daily`) and
    /// a span of the day; a span that ends before it begins ends on the next day. Lines may overlap.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, QuietHoursError> {
        let mut minutes = vec![false; WEEK_MINUTES];
        let mut kept = Vec::new();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            let (Some(days), Some(span), None) = (words.next(), words.next(), words.next()) else {
                return Err(QuietHoursError::Form);
            };
            let (from, to) = span.split_once('-').ok_or(QuietHoursError::Form)?;
            let (from, to) = (minute(from)?, minute(to)?);
            if from == to {
                return Err(QuietHoursError::Empty);
            }
            // Nothing begins at the end of a day.
            if from == DAY_MINUTES {
                return Err(QuietHoursError::Time);
            }
            let length = if to > from { to - from } else { to + DAY_MINUTES - from };
            for day in weekdays(days)? {
                let begin = day * DAY_MINUTES + from;
                for at in begin..begin + length {
                    if let Some(mark) = minutes.get_mut(at % WEEK_MINUTES) {
                        *mark = true;
                    }
                }
            }
            kept.push(format!("{days} {span}").to_ascii_lowercase());
        }
        Ok(Self { lines: kept, minutes: minutes.into() })
    }

    /// Whether the clinic's local time `here` lies within the hours, and until when that stays so.
    #[must_use]
    pub fn at(&self, here: DateTime) -> HoursAt {
        let of_day = usize::try_from(here.time_micros() / 60_000_000).unwrap_or_default();
        let now = usize::from(here.date().weekday()) * DAY_MINUTES + of_day;
        let is_inside = self.minutes.get(now).copied().unwrap_or_default();
        let same = |ahead: &usize| {
            self.minutes.get((now + ahead) % WEEK_MINUTES).copied().unwrap_or_default() == is_inside
        };
        let ahead = (1..WEEK_MINUTES).take_while(same).count() + 1;
        let seconds = i64::try_from(ahead * 60).unwrap_or_default() - here.time_micros() / 1_000_000 % 60;
        let begin_of_second = DateTime::from_micros(here.micros() - here.micros().rem_euclid(1_000_000));
        let changes_at = (ahead < WEEK_MINUTES).then(|| begin_of_second.plus_seconds(seconds));
        HoursAt { is_inside, changes_at }
    }
}

/// Minute of the day.
fn minute(text: &str) -> Result<usize, QuietHoursError> {
    let (hour, minute) = text.split_once(':').ok_or(QuietHoursError::Time)?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let is_number = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if is_number { text.parse::<usize>().ok() } else { None }
    };
    let (hour, minute) = number(hour, 1..=2).zip(number(minute, 2..=2)).ok_or(QuietHoursError::Time)?;
    let of_day = hour * 60 + minute;
    if minute < 60 && of_day <= DAY_MINUTES { Ok(of_day) } else { Err(QuietHoursError::Time) }
}

/// Numbers of the days, 0 for Monday.
fn weekdays(text: &str) -> Result<Vec<usize>, QuietHoursError> {
    let text = text.to_ascii_lowercase();
    if text == "daily" {
        return Ok((0..DAYS.len()).collect());
    }
    let day = |name: &str| DAYS.iter().position(|day| *day == name).ok_or(QuietHoursError::Day);
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + DAYS.len() - first) % DAYS.len() + 1;
        days.extend((first..first + count).map(|day| day % DAYS.len()));
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(lines: &[&str]) -> QuietHours {
        QuietHours::parse(lines.iter().copied()).unwrap()
    }

    fn at(hours: &QuietHours, here: &str) -> (bool, Option<String>) {
        let found = hours.at(DateTime::parse(here).unwrap());
        (found.is_inside, found.changes_at.map(|at| at.to_string()))
    }

    fn until(is_inside: bool, at: &str) -> (bool, Option<String>) {
        (is_inside, Some(at.to_owned()))
    }

    #[test]
    fn a_working_week_has_begins_and_ends() {
        // 2026-03-02 is a Monday.
        let week = hours(&["mon-fri 07:30-18:00", "Sat 8:00-12:00"]);
        assert_eq!(at(&week, "2026-03-02 07:29:59.999999"), until(false, "2026-03-02 07:30:00"));
        assert_eq!(at(&week, "2026-03-02 07:30:00"), until(true, "2026-03-02 18:00:00"));
        assert_eq!(at(&week, "2026-03-02 17:59:59"), until(true, "2026-03-02 18:00:00"));
        assert_eq!(at(&week, "2026-03-02 18:00:00"), until(false, "2026-03-03 07:30:00"));
        assert_eq!(at(&week, "2026-03-07 11:59:30"), until(true, "2026-03-07 12:00:00"));
        assert_eq!(at(&week, "2026-03-07 12:00:00"), until(false, "2026-03-09 07:30:00"));
        assert_eq!(at(&week, "2026-03-08 09:00:00"), until(false, "2026-03-09 07:30:00"));
        assert_eq!(week.to_string(), "mon-fri 07:30-18:00, sat 8:00-12:00");
    }

    #[test]
    fn a_night_shift_ends_on_the_next_day_and_the_week_is_round() {
        let nights = hours(&["fri-sun 22:00-06:00"]);
        assert_eq!(at(&nights, "2026-03-06 21:59:00"), until(false, "2026-03-06 22:00:00"));
        assert_eq!(at(&nights, "2026-03-07 05:59:00"), until(true, "2026-03-07 06:00:00"));
        // Sunday's shift ends on Monday, which has none of its own.
        assert_eq!(at(&nights, "2026-03-09 05:00:00"), until(true, "2026-03-09 06:00:00"));
        assert_eq!(at(&nights, "2026-03-09 23:00:00"), until(false, "2026-03-13 22:00:00"));
        let round = hours(&["sun-mon 20:00-24:00", "mon 00:00-8:00"]);
        assert_eq!(at(&round, "2026-03-08 23:00:00"), until(true, "2026-03-09 08:00:00"));
    }

    #[test]
    fn always_and_never_do_not_change() {
        for always in [hours(&["daily 00:00-24:00"]), hours(&["mon-sun 12:00-11:59", "daily 11:00-13:00"])] {
            assert_eq!(at(&always, "2026-03-02 00:00:00"), (true, None));
            assert_eq!(at(&always, "2026-03-08 23:59:59"), (true, None));
        }
        assert_eq!(at(&hours(&[]), "2026-03-02 12:00:00"), (false, None));
    }

    #[test]
    fn once_a_week_is_told_a_week_ahead() {
        let once = hours(&["mon,mon 08:00-09:00"]);
        assert_eq!(at(&once, "2026-03-02 08:30:15"), until(true, "2026-03-02 09:00:00"));
        assert_eq!(at(&once, "2026-03-02 09:00:00"), until(false, "2026-03-09 08:00:00"));
    }

    /// The marks agree with a reading of the lines that looks at one moment alone.
    #[test]
    fn every_minute_of_the_week_is_where_it_belongs() {
        let week = hours(&["tue-thu 07:30-18:00", "sat 23:00-01:30"]);
        let monday = DateTime::parse("2026-03-02 00:00:00").unwrap();
        for minute in 0..7 * 24 * 60_i64 {
            let (day, of_day) = (minute / 1440, minute % 1440);
            let expected = ((1..=3).contains(&day) && (450..1080).contains(&of_day))
                || (day == 5 && of_day >= 23 * 60)
                || (day == 6 && of_day < 90);
            let found = week.at(monday.plus_seconds(minute * 60 + 59));
            assert_eq!(found.is_inside, expected, "minute {minute}");
            let change = found.changes_at.unwrap();
            assert_ne!(week.at(change).is_inside, expected, "minute {minute}");
            assert_eq!(week.at(change.plus_seconds(-1)).is_inside, expected, "minute {minute}");
        }
    }

    #[test]
    fn what_says_no_hours_is_told_why() {
        for (line, why) in [
            ("", QuietHoursError::Form),
            ("mon", QuietHoursError::Form),
            ("07:30-18:00", QuietHoursError::Form),
            ("mon - fri 07:30-18:00", QuietHoursError::Form),
            ("mon-fri 07:30", QuietHoursError::Form),
            ("mon-fri 07:30-18:00 America/Chicago", QuietHoursError::Form),
            ("monday 07:30-18:00", QuietHoursError::Day),
            ("mon-fri-sat 07:30-18:00", QuietHoursError::Day),
            ("mon, 07:30-18:00", QuietHoursError::Day),
            ("mon-fri 7.30-18:00", QuietHoursError::Time),
            ("mon-fri 07:30-24:01", QuietHoursError::Time),
            ("mon-fri 07:60-18:00", QuietHoursError::Time),
            ("mon-fri 24:00-06:00", QuietHoursError::Time),
            ("mon-fri 07:3-18:00", QuietHoursError::Time),
            ("mon-fri 7:30am-6:00pm", QuietHoursError::Time),
            ("mon-fri +7:30-18:00", QuietHoursError::Time),
            ("mon-fri 08:00-08:00", QuietHoursError::Empty),
        ] {
            assert_eq!(QuietHours::parse([line]), Err(why), "{line:?}");
        }
        assert!(QuietHours::parse(["mon-fri 18:00-00:00"]).is_ok(), "to midnight");
    }
}

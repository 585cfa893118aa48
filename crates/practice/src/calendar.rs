//! Months, ages, weekdays and the days on which the practice is closed.

use bicuspid_model::{Date, DateTime};

/// The first day of which the public analytics project keeps rows.
pub(crate) fn analysed_from() -> Date {
    // 2023-01-01, counted from 2000-01-01.
    Date::from_days(8_401)
}

/// The date of "none" in Open Dental's database.
pub(crate) fn unset_date() -> Date {
    // 0001-01-01, counted from 2000-01-01.
    Date::from_days(-730_119)
}

/// The moment of "none" in Open Dental's database.
pub(crate) fn unset_time() -> DateTime {
    unset_date().midnight()
}

/// The same day `months` later, or the last day of that month.
pub(crate) fn plus_months(date: Date, months: i32) -> Date {
    let (year, month, day) = date.ymd();
    let count = year * 12 + i32::from(month) - 1 + months;
    let month = u8::try_from(count.rem_euclid(12) + 1).unwrap_or(1);
    let year = count.div_euclid(12);
    (0..4).find_map(|back| Date::from_ymd(year, month, day.checked_sub(back)?)).unwrap_or(date)
}

/// Whole years from `birth` to `on`.
pub(crate) fn age(birth: Date, on: Date) -> i32 {
    let ((birth_year, birth_month, birth_day), (year, month, day)) = (birth.ymd(), on.ymd());
    year - birth_year - i32::from((month, day) < (birth_month, birth_day))
}

/// Name of the holiday on which the practice is closed, if the day is one.
pub(crate) fn holiday(date: Date) -> Option<&'static str> {
    let (_, month, day) = date.ymd();
    let weekday = date.weekday();
    match (month, day, weekday) {
        (1, 1, _) => Some("New Year's Day"),
        (5, 25..=31, 0) => Some("Memorial Day"),
        (7, 4, _) => Some("Independence Day"),
        (9, 1..=7, 0) => Some("Labor Day"),
        (11, 22..=28, 3) => Some("Thanksgiving"),
        (11, 23..=29, 4) => Some("Day after Thanksgiving"),
        (12, 24 | 25 | 31, _) => Some("Year end"),
        _ => None,
    }
}

/// Whether the practice is open: Monday to Friday, holidays apart.
pub(crate) fn is_open(date: Date) -> bool {
    date.weekday() < 5 && holiday(date).is_none()
}

/// Whether only who is in pain is seen on that day: dentists were asked for that in the spring of 2020.
pub(crate) fn urgent_only(date: Date) -> bool {
    matches!(date.ymd(), (2020, 3, 18..) | (2020, 4, _) | (2020, 5, ..11))
}

/// Whether it is known on `today` that only who is in pain is seen on that day. Who booked before did not know.
pub(crate) fn is_called_off(date: Date, today: Date) -> bool {
    urgent_only(date) && urgent_only(today.plus_days(2))
}

/// The first open day from `date` on.
pub(crate) fn open_from(date: Date) -> Date {
    (0..14).map(|days| date.plus_days(days)).find(|day| is_open(*day)).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: i32, m: u8, d: u8) -> Date {
        Date::from_ymd(y, m, d).unwrap()
    }

    #[test]
    fn months() {
        assert_eq!(plus_months(day(2024, 1, 31), 1), day(2024, 2, 29));
        assert_eq!(plus_months(day(2024, 2, 29), 12), day(2025, 2, 28));
        assert_eq!(plus_months(day(2024, 3, 15), -15), day(2022, 12, 15));
        assert_eq!(unset_date(), day(1, 1, 1));
    }

    #[test]
    fn ages() {
        assert_eq!(age(day(2000, 2, 29), day(2018, 2, 28)), 17);
        assert_eq!(age(day(2000, 2, 29), day(2018, 3, 1)), 18);
    }

    #[test]
    fn who_is_in_pain_is_seen_in_the_spring_of_2020() {
        let day = |month, day| Date::from_ymd(2020, month, day).unwrap();
        let closed = [(3, 17), (3, 18), (4, 15), (5, 10), (5, 11)].map(|(m, d)| urgent_only(day(m, d)));
        assert_eq!(closed, [false, true, true, true, false]);
        assert!(!urgent_only(Date::from_ymd(2021, 4, 15).unwrap()));
        // Nobody knew at the beginning of March.
        assert!(is_called_off(day(4, 15), day(3, 16)) && !is_called_off(day(4, 15), day(3, 9)));
    }

    #[test]
    fn closed_days() {
        assert_eq!(holiday(day(2025, 11, 27)), Some("Thanksgiving"));
        assert!(is_open(day(2025, 11, 26)) && !is_open(day(2025, 11, 28)) && !is_open(day(2025, 11, 29)));
        assert_eq!(open_from(day(2025, 11, 27)), day(2025, 12, 1));
        assert!(!is_open(day(2024, 5, 27)) && is_open(day(2024, 5, 20)));
    }
}

//! The time of day, for records; nothing is decided by it.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Now, UTC.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// `2026-03-02T21:14:05Z`.
pub(crate) fn rfc3339(at: OffsetDateTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.format(FORMAT).unwrap_or_default()
}

/// `20260302T211405Z`, which sorts by time and may stand in a file's name.
pub(crate) fn compact(at: OffsetDateTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year][month][day]T[hour][minute][second]Z");
    at.format(FORMAT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_written_in_utc() {
        let at = datetime!(2026-03-02 21:14:05.9 UTC);
        assert_eq!(rfc3339(at), "2026-03-02T21:14:05Z");
        assert_eq!(compact(at), "20260302T211405Z");
    }
}

//! Numbers and times as people read them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Digits in groups of three.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 table`, `2 tables`.
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    let things = match (number, thing.strip_suffix('y')) {
        (1, _) => thing.to_owned(),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{thing}s"),
    };
    format!("{} {things}", grouped(number))
}

/// How many there are, as a number of rows or tables.
pub(crate) fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// A number as a chart takes it: beyond four thousand million nobody sees the difference.
pub(crate) fn real(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Seconds: `0.4 s`, `2 min 5 s`, `3 h 2 min`, `5 d 1 h`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 0.1 {
        return format!("{:.0} ms", (seconds * 1000.0).max(0.0));
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match whole {
        0..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// Milliseconds of a statement.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// A figure with as many digits as are of use.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A moment, if the text is one.
pub(crate) fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// Seconds from one moment to another, never below nothing.
pub(crate) fn between(from: &str, to: &str) -> Option<f64> {
    Some((moment(to)? - moment(from)?).as_seconds_f64().max(0.0))
}

/// `2026-03-02 21:14` of an RFC 3339 time.
pub(crate) fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

/// `2026-03-02 21:14:05` of an RFC 3339 time.
pub(crate) fn second(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// How long ago: `5 min ago`.
pub(crate) fn ago(time: &str, now: OffsetDateTime) -> String {
    let Some(at) = moment(time) else { return String::new() };
    let past = (now - at).whole_seconds().max(0);
    match past {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", past / 60),
        3600..172_800 => format!("{} h ago", past / 3600),
        _ => format!("{} days ago", past / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "entry"), "1 entry");
        assert_eq!(counted(2, "entry"), "2 entries");
        assert_eq!(
            [0.04, 0.4, 125.0, 10_920.0, 435_600.0].map(seconds),
            ["40 ms", "0.4 s", "2 min 5 s", "3 h 2 min", "5 d 1 h"]
        );
        assert_eq!([1.234, 45.6, 2500.0].map(milliseconds), ["1.23 ms", "46 ms", "2.5 s"]);
        assert_eq!([3.0, 0.251, 12.34, 123.4].map(figure), ["3", "0.25", "12.3", "123"]);
    }

    #[test]
    fn times_are_told_from_now() {
        let now = datetime!(2026-03-02 12:00 UTC);
        let told =
            ["2026-03-02T11:59:30Z", "2026-03-02T11:30:00Z", "2026-03-01T13:00:00Z", "2026-02-01T12:00:00Z"];
        assert_eq!(told.map(|at| ago(at, now)), ["just now", "30 min ago", "23 h ago", "29 days ago"]);
        assert_eq!(ago("x", now), "");
        assert_eq!(between("2026-03-02T12:00:00Z", "2026-03-02T12:00:01.5Z"), Some(1.5));
        assert_eq!(minute("2026-03-02T21:14:05Z"), "2026-03-02 21:14");
    }
}

//! When the next of many runs begins: on the beat, never two at once, later and later while a server cannot be reached.

use std::time::Duration;

/// Longest wait after failures, unless the beat itself is longer.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// A beat that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// Time from beat to beat.
    pub(crate) every: Duration,
    /// Most that a run may begin after its beat.
    pub(crate) jitter: Duration,
}

impl Rhythm {
    /// When the next run begins, as time since the first one began.
    ///
    /// Beats that passed during a run are not made up for. After `failures` runs in a row that reached no server, beats
    /// are left out: none after the first, then one, three, seven, for as long as that is no more than an hour.
    /// `share` of the jitter (0 to 255 of 256 parts) comes on top.
    pub(crate) fn next(&self, elapsed: Duration, failures: u32, share: u8) -> Duration {
        let every = self.every.as_millis().max(1);
        let passed = elapsed.as_millis() / every;
        let wished = 1_u128 << failures.saturating_sub(1).min(16);
        let beats = wished.min((WAIT_MAX.as_millis() / every).max(1));
        let at = (passed + beats).saturating_mul(every);
        let jitter = self.jitter.as_millis() * u128::from(share) / 256;
        Duration::from_millis(u64::try_from(at + jitter).unwrap_or(u64::MAX))
    }
}

/// Reads `90s`, `15m`, `6h` or `1d`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as 90s, 15m, 6h or 1d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    // Signs are no digits.
    let number: u32 = number.parse().ok().filter(|_| !number.starts_with('+')).ok_or_else(wrong)?;
    let span = Duration::from_secs(u64::from(number) * seconds);
    if span > Duration::from_hours(24 * 30) { Err("a month is the most".to_owned()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    #[test]
    fn spans_have_one_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("6h", 21_600), ("1d", 86_400), ("0s", 0)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "15", "15 m", "-1m", "+1m", "1.5h", "1h30m", "99999999999s", "31d", "15µ", "é"]
        {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn beats_that_passed_are_not_made_up_for() {
        let rhythm = Rhythm { every: minutes(15), jitter: Duration::ZERO };
        for (elapsed, next) in [(0, 15), (1, 15), (14, 15), (15, 30), (16, 30), (44, 45), (100, 105)] {
            assert_eq!(rhythm.next(minutes(elapsed), 0, 255), minutes(next), "after {elapsed}");
        }
    }

    #[test]
    fn waits_grow_while_no_server_can_be_reached_but_not_beyond_an_hour() {
        let rhythm = Rhythm { every: minutes(15), jitter: Duration::ZERO };
        let waits: Vec<u64> =
            (0..8).map(|failures| rhythm.next(minutes(1), failures, 0).as_secs() / 60).collect();
        assert_eq!(waits, [15, 15, 30, 60, 60, 60, 60, 60]);
        let daily = Rhythm { every: minutes(24 * 60), jitter: Duration::ZERO };
        assert_eq!(daily.next(minutes(1), 9, 0), minutes(24 * 60), "a long beat is long enough");
        let quick = Rhythm { every: Duration::from_secs(1), jitter: Duration::ZERO };
        assert_eq!(quick.next(Duration::ZERO, u32::MAX, 0), minutes(60));
    }

    #[test]
    fn jitter_comes_on_top_and_is_never_the_whole() {
        let rhythm = Rhythm { every: minutes(15), jitter: Duration::from_secs(256) };
        assert_eq!(rhythm.next(Duration::ZERO, 0, 0), minutes(15));
        assert_eq!(rhythm.next(Duration::ZERO, 0, 128), minutes(15) + Duration::from_secs(128));
        assert_eq!(rhythm.next(Duration::ZERO, 0, 255), minutes(15) + Duration::from_secs(255));
    }
}

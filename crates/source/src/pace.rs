//! How fast the source is read: short statements, pauses between them, and room for the people who work there.

use std::time::Duration;

/// How much of the server's time a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Short statements with pauses as long as they took: the clinic is at work.
    #[default]
    Kind,
    /// No pauses, and statements five times as long. A person asked for it.
    Full,
}

impl Pace {
    /// The name used in flags and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Full => "full",
        }
    }
}

/// Most rows of one statement, whatever the server's speed.
const ROWS_MAX: u64 = 50_000;
/// Bytes of rows that one statement should bring at most; fewer if a single row is wider.
const BYTES_AIM_FULL: u64 = 4 * 1024 * 1024;
/// The same at the kind pace: what a server can send at once, whatever the link. A sender begins with ten segments
/// (RFC 6928) and then waits for an acknowledgement, which Linux may hold back for 40 ms where few and large segments
/// come, as on loopback; measured there, answers of 300 KiB took 80 ms now and then, those of 128 KiB never over 8 ms.
const BYTES_AIM_KIND: u64 = 128 * 1024;
/// How many times as many bytes of rows one statement may be about that brings none of them: what it holds is the
/// server's time alone, and MariaDB hashes half a megabyte in about ten milliseconds.
const SUMS_FACTOR: u64 = 4;
/// Most bytes of rows that such a statement is about.
const SUMS_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Rows of the first such statement of a table: each costs a round trip, and none is sent.
const SUMS_FIRST: u64 = 512;
/// Rows of the first statement of a table: enough to measure, too few to be felt.
const ROWS_FIRST: u64 = 64;

/// Work of the server on one table inside business hours that is done at the kind pace: what takes no longer is small.
const QUIET_ALLOWANCE: Duration = Duration::from_millis(250);
/// How many times as long as it worked the server is left alone after that.
const TRICKLE_REST: u32 = 9;
/// Longest pause, but for the one after a single slow statement inside business hours.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// The same inside business hours.
const TRICKLE_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How many times as long as at the kind pace a large table takes to read inside business hours.
pub const TRICKLE_SLOWDOWN: u32 = TRICKLE_REST.div_ceil(2);

/// Chooses the number of rows of the next statement from the time and bytes of the ones before.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    asked: Pace,
    lock_aim: Duration,
    rows: u64,
    row_bytes: u64,
    /// How often somebody ended a statement of the run.
    kills: u32,
    /// Whether the clinic is at work, so that the kind pace is the quickest there is.
    is_quiet: bool,
    /// How many doublings of the pauses the server's load asks for. Under any the kind pace is the quickest too: where
    /// somebody waits for our statements it is their length that is felt.
    strain: u32,
    /// How long the server was at work on the table meanwhile.
    quiet_work: Duration,
    /// Whether statements ask for sums of row hashes.
    asks_for_sums: bool,
}

impl Pacer {
    /// `lock_aim` is how long one statement should take.
    pub(crate) fn new(asked: Pace, lock_aim: Duration, row_bytes_estimate: u64) -> Self {
        let mut pacer = Self {
            asked,
            lock_aim,
            rows: ROWS_FIRST,
            row_bytes: row_bytes_estimate.max(1),
            kills: 0,
            is_quiet: false,
            strain: 0,
            quiet_work: Duration::ZERO,
            asks_for_sums: false,
        };
        pacer.rows = pacer.within(pacer.rows);
        pacer
    }

    /// The same in a run in which somebody ended so many statements of ours: they felt us, whatever the server's counters
    /// say. There are pauses from now on, and shorter statements.
    #[must_use]
    pub(crate) fn after(mut self, kills: u32) -> Self {
        self.kills = kills;
        self.rows = self.within(self.rows);
        self
    }

    /// The same for statements that ask for sums of row hashes.
    pub(crate) fn for_sums(&self) -> Self {
        let mut pacer = Self { asks_for_sums: true, ..self.clone() };
        pacer.rows = pacer.within(SUMS_FIRST);
        pacer
    }

    /// The pace that is kept, whatever was asked for.
    const fn pace(&self) -> Pace {
        if self.kills > 0 || self.is_quiet || self.strain > 0 { Pace::Kind } else { self.asked }
    }

    /// Bytes that so many rows are likely to be, with some to spare, and never more than a statement may bring.
    pub(crate) fn room(&self, rows: u64) -> usize {
        let likely = rows.saturating_mul(self.row_bytes);
        usize::try_from((likely + likely / 16).min(BYTES_AIM_FULL)).unwrap_or_default()
    }

    /// How long a statement should take.
    fn aim(&self) -> Duration {
        let aim = match self.pace() {
            // Half the aim on average keeps the slow ones of a busy minute under it.
            Pace::Kind => self.lock_aim / 2,
            Pace::Full => self.lock_aim * 5,
        };
        aim / (1 << self.kills.min(4))
    }

    /// Bytes of rows that one statement is about, at most.
    fn bytes_max(&self) -> u64 {
        let bytes = match self.pace() {
            Pace::Kind => BYTES_AIM_KIND,
            Pace::Full => BYTES_AIM_FULL,
        };
        if self.asks_for_sums { (bytes * SUMS_FACTOR).min(SUMS_BYTES_MAX) } else { bytes }
    }

    /// Takes into account whether the clinic is at work, how its server fares, and how long it just worked for us.
    pub(crate) fn mind(&mut self, is_quiet: bool, strain: u32, worked: Duration) {
        let before = self.pace();
        self.is_quiet = is_quiet;
        self.strain = strain;
        if before == Pace::Full && self.pace() == Pace::Kind {
            // What was aimed at was ten times as much.
            self.rows = (self.rows / 10).max(1);
        }
        self.rows = self.within(self.rows);
        if is_quiet {
            self.quiet_work += worked;
        }
    }

    /// Learns from a statement that asked for the sum of at most `limit` rows and found `rows`.
    pub(crate) fn learn_sums(&mut self, limit: u64, rows: u64, elapsed: Duration) {
        let share = u32::try_from(limit / rows.max(1)).unwrap_or(u32::MAX);
        // Ranges seldom hold as many rows as a statement may look at; a good part of them tells how long all would take.
        let (rows, elapsed) = if share <= 4 { (limit, elapsed * share.max(1)) } else { (rows, elapsed) };
        self.learn(rows, rows.saturating_mul(self.row_bytes), elapsed);
    }

    /// Rows that the next statement asks for.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that the next statement asks for, where `expected` are left: a step more, if they would just fill it.
    pub(crate) const fn rows_past(&self, expected: u64) -> u64 {
        if self.rows == expected { step_above(expected) } else { self.rows }
    }

    /// Learns from a statement that brought `rows` rows of `bytes` bytes in `elapsed`.
    pub(crate) fn learn(&mut self, rows: u64, bytes: u64, elapsed: Duration) {
        if let Some(mean) = bytes.checked_div(rows) {
            // Wide rows count at once, narrow ones slowly: one image must not be followed by a thousand.
            self.row_bytes = mean.max((self.row_bytes * 7 + mean) / 8).max(1);
        }
        let (aim, took) = (self.aim().as_micros().max(1), elapsed.as_micros().max(1));
        let next = if took > aim {
            u128::from(self.rows) * aim / took
        } else if rows == self.rows {
            // A full statement that was quick: up to twice as many.
            (u128::from(self.rows) * aim / took).min(u128::from(self.rows) * 2)
        } else {
            u128::from(self.rows)
        };
        self.rows = self.within(u64::try_from(next).unwrap_or(ROWS_MAX));
    }

    fn within(&self, rows: u64) -> u64 {
        round(rows.min(self.bytes_max() / self.row_bytes).min(ROWS_MAX))
    }

    /// How long to leave the server alone after a statement for which it worked so long.
    pub(crate) fn pause(&self, worked: Duration) -> Option<Duration> {
        let strain = self.strain.max(self.kills).min(6);
        let worked = worked.max(Duration::from_millis(1));
        match self.pace() {
            Pace::Full => None,
            Pace::Kind => {
                let rest = (worked * (1 << strain)).min(PAUSE_MAX);
                let is_small = !self.is_quiet || self.quiet_work <= QUIET_ALLOWANCE;
                let trickle = (worked * TRICKLE_REST).min(TRICKLE_PAUSE_MAX);
                Some(if is_small { rest } else { rest.max(trickle) })
            }
        }
    }
}

/// Rounds down to 1, 1.5, 2, 3, 4, 6, 8, 12, ...: statements that differ only in their limit are then few, and each is
/// prepared once.
fn round(rows: u64) -> u64 {
    let Some(power) = rows.checked_ilog2() else { return 1 };
    let step = 1_u64 << power;
    if rows >= step + step / 2 { step + step / 2 } else { step }
}

/// The next of these numbers.
const fn step_above(rows: u64) -> u64 {
    match rows {
        0 => 1,
        1 => 2,
        _ if rows.is_power_of_two() => rows + rows / 2,
        _ => rows + rows / 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(pacer: &mut Pacer, micros_per_row: u64, bytes_per_row: u64) -> u64 {
        for _ in 0..60 {
            let rows = pacer.rows;
            pacer.learn(rows, rows * bytes_per_row, Duration::from_micros(100 + rows * micros_per_row));
        }
        pacer.rows
    }

    #[test]
    fn rows_follow_the_time_they_take() {
        let kind = || Pacer::new(Pace::Kind, Duration::from_millis(10), 100);
        let rows = steady(&mut kind(), 5, 100);
        assert!((512..=1024).contains(&rows), "{rows}");
        assert!(steady(&mut kind(), 500, 100) <= 10);
        let full = steady(&mut Pacer::new(Pace::Full, Duration::from_millis(10), 100), 5, 100);
        assert!(full >= 8 * rows, "{full}");
    }

    #[test]
    fn a_killed_statement_makes_the_next_ones_shorter_and_rarer() {
        let aim = Duration::from_millis(10);
        let after = |pace, kills| Pacer::new(pace, aim, 100).after(kills);
        let took = Duration::from_millis(5);
        assert_eq!(after(Pace::Full, 0).pause(took), None);
        for pace in [Pace::Kind, Pace::Full] {
            assert_eq!(after(pace, 1).pause(took), Some(took * 2), "{pace:?}");
            assert_eq!(after(pace, 2).pause(took), Some(took * 4), "{pace:?}");
            let calm = steady(&mut after(Pace::Kind, 0), 5, 100);
            assert!(steady(&mut after(pace, 1), 5, 100) <= calm / 2 + 64, "{pace:?}");
            assert!(steady(&mut after(pace, 2), 5, 100) <= calm / 4 + 64, "{pace:?}");
        }
    }

    #[test]
    fn wide_rows_are_bounded_by_bytes() {
        let mut pacer = Pacer::new(Pace::Kind, Duration::from_millis(10), 100);
        assert!(steady(&mut pacer, 1, 1_000_000) <= 2);
        let wide = Pacer::new(Pace::Kind, Duration::from_millis(10), 50_000_000);
        assert_eq!(wide.rows, 1);
    }

    #[test]
    fn limits_are_few_however_the_width_of_rows_varies() {
        let mut pacer = Pacer::new(Pace::Full, Duration::from_millis(10), 100);
        let mut limits = std::collections::BTreeSet::new();
        for width in (0..2000).map(|i| 1000 + i * 7 % 1500) {
            let rows = pacer.rows;
            limits.insert(rows);
            pacer.learn(rows, rows * width, Duration::from_millis(1));
        }
        assert!(limits.len() <= 12, "{limits:?}");
    }

    #[test]
    fn a_range_that_just_fills_a_statement_is_asked_for_some_more() {
        let steps: Vec<u64> =
            std::iter::successors(Some(1), |rows| Some(step_above(*rows))).take(10).collect();
        assert_eq!(steps, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]);
        assert!(steps.iter().all(|rows| round(*rows) == *rows), "no statement more to prepare");
        let pacer = Pacer::new(Pace::Kind, Duration::from_millis(10), 100);
        assert_eq!(pacer.rows, 64);
        assert_eq!([0, 63, 64, 65].map(|expected| pacer.rows_past(expected)), [64, 64, 96, 64]);
    }

    #[test]
    fn strain_lengthens_the_pauses() {
        let under = |pace, strain| {
            let mut pacer = Pacer::new(pace, Duration::from_millis(10), 100);
            pacer.mind(false, strain, Duration::ZERO);
            pacer
        };
        let took = Duration::from_millis(5);
        let pauses = |pace| [0, 1, 2, 3, 60].map(|strain| under(pace, strain).pause(took));
        assert_eq!(pauses(Pace::Kind), [1, 2, 4, 8, 64].map(|n| Some(took * n)));
        assert_eq!(pauses(Pace::Full), [0, 2, 4, 8, 64].map(|n| (n > 0).then_some(took * n)));
        assert_eq!(under(Pace::Kind, 6).pause(took * 20), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_full_pace_is_kind_while_somebody_feels_it() {
        let new = |pace| Pacer::new(pace, Duration::from_millis(10), 100);
        let (mut pacer, kind) = (new(Pace::Full), steady(&mut new(Pace::Kind), 5, 100));
        let full = steady(&mut pacer, 5, 100);
        pacer.mind(false, 1, Duration::ZERO);
        assert!(pacer.rows <= full / 10, "{} of {full}", pacer.rows);
        assert_eq!(steady(&mut pacer, 5, 100), kind);
        pacer.mind(false, 0, Duration::ZERO);
        assert_eq!(steady(&mut pacer, 5, 100), full);
    }

    #[test]
    fn inside_business_hours_small_tables_are_read_kindly_and_large_ones_trickle() {
        let took = Duration::from_millis(5);
        for pace in [Pace::Kind, Pace::Full] {
            let mut pacer = Pacer::new(pace, Duration::from_millis(10), 100);
            for _ in 0..50 {
                pacer.mind(true, 0, took);
                assert_eq!(pacer.pause(took), Some(took), "{pace:?}");
            }
            pacer.mind(true, 4, took);
            assert_eq!(pacer.pause(took), Some(took * 16), "strain asks for more, {pace:?}");
            pacer.mind(true, 0, Duration::ZERO);
            assert_eq!(pacer.pause(took), Some(took * 9), "{pace:?}");
            assert_eq!(pacer.pause(took * 400), Some(Duration::from_secs(10)), "{pace:?}");
            pacer.mind(false, 0, took);
            assert_eq!(pacer.pause(took), (pace == Pace::Kind).then_some(took), "{pace:?}");
        }
    }

    #[test]
    fn a_full_pace_ends_where_business_hours_begin() {
        let mut pacer = Pacer::new(Pace::Full, Duration::from_millis(10), 100);
        let full = steady(&mut pacer, 5, 100);
        pacer.mind(true, 0, Duration::ZERO);
        assert!(pacer.rows <= full / 10, "{} of {full}", pacer.rows);
        let kind = steady(&mut Pacer::new(Pace::Kind, Duration::from_millis(10), 100), 5, 100);
        assert_eq!(steady(&mut pacer, 5, 100), kind);
        let mut wide = Pacer::new(Pace::Full, Duration::from_millis(10), 1_000_000);
        assert_eq!(wide.rows, 4);
        wide.mind(true, 0, Duration::ZERO);
        assert_eq!(wide.rows, 1);
    }
}

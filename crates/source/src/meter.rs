//! What the source was asked, and how long it took.

use std::time::Duration;

use crate::load::Looks;

/// Buckets per factor of two.
const FINE: u32 = 16;
/// The same, to count buckets with.
const FINE_BUCKETS: usize = 16;
/// Longest time told apart, about 2^36 microseconds.
const BUCKETS: usize = 36 * FINE_BUCKETS;

/// Counts of statements, rows and bytes, and a histogram of statement times in bounded memory (a bucket is 1/16 of a
/// factor of two wide, so a percentile is right within 7 %; the maximum is exact).
#[derive(Debug, Clone)]
pub struct Meter {
    /// Statements that read rows of tables.
    pub statements: u64,
    /// Rows that arrived.
    pub rows: u64,
    /// Bytes of canonical rows made of them.
    pub bytes: u64,
    /// Rows that the server hashed instead of sending them.
    pub rows_asked: u64,
    /// Time that all statements took together.
    pub busy: Duration,
    /// Time in which the server was left alone on purpose.
    pub rested: Duration,
    /// Looks at the server's load.
    pub looks: Looks,
    buckets: Vec<u64>,
    max: Duration,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            statements: 0,
            rows: 0,
            bytes: 0,
            rows_asked: 0,
            busy: Duration::ZERO,
            rested: Duration::ZERO,
            looks: Looks::default(),
            buckets: vec![0; BUCKETS],
            max: Duration::ZERO,
        }
    }
}

impl Meter {
    pub(crate) fn add(&mut self, rows: u64, bytes: u64, elapsed: Duration) {
        self.statements += 1;
        self.rows += rows;
        self.bytes += bytes;
        self.busy += elapsed;
        self.max = self.max.max(elapsed);
        if let Some(bucket) = self.buckets.get_mut(bucket(elapsed)) {
            *bucket += 1;
        }
    }

    pub(crate) fn asked(&mut self, rows: u64, elapsed: Duration) {
        self.add(0, 0, elapsed);
        self.rows_asked += rows;
    }

    /// The time within which this share (0 to 1000 per mille) of the statements ended, in milliseconds.
    #[must_use]
    pub fn per_mille_ms(&self, share: u64) -> f64 {
        let wanted = (self.statements * share).div_ceil(1000).max(1);
        let mut seen = 0;
        for (i, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_ms(i).min(self.max_ms());
            }
        }
        self.max_ms()
    }

    /// How many statements took how long, by steps of which each ends at twice the time of the one before: its end in
    /// milliseconds and the statements in it, from the first step with a statement to the last.
    pub fn doublings(&self) -> impl Iterator<Item = (f64, u64)> {
        let steps: Vec<u64> = self.buckets.chunks(FINE_BUCKETS).map(|step| step.iter().sum()).collect();
        let first = steps.iter().position(|count| *count > 0).unwrap_or(steps.len());
        let last = steps.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let end_ms = |step: usize| upper_ms(step * FINE_BUCKETS + FINE_BUCKETS - 1);
        let kept = steps.into_iter().enumerate().take(last).skip(first);
        kept.map(move |(step, count)| (end_ms(step), count))
    }

    /// The longest time of a statement, in milliseconds.
    #[must_use]
    pub fn max_ms(&self) -> f64 {
        self.max.as_secs_f64() * 1000.0
    }
}

fn bucket(elapsed: Duration) -> usize {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
    let power = micros.ilog2();
    let fraction = ((u128::from(micros) << 4 >> power) & u128::from(FINE - 1)).try_into().unwrap_or(0_usize);
    let base = usize::try_from(power * FINE).unwrap_or(BUCKETS);
    (base + fraction).min(BUCKETS - 1)
}

fn upper_ms(bucket: usize) -> f64 {
    let power = i32::try_from(bucket / 16).unwrap_or(0);
    let fraction = f64::from(u32::try_from(bucket % 16).unwrap_or(0) + 1) / 16.0;
    2_f64.powi(power) * (1.0 + fraction) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_within_a_bucket() {
        let mut meter = Meter::default();
        for ms in 1..=1000_u64 {
            meter.add(1, 10, Duration::from_millis(ms));
        }
        for (share, exact) in [(500, 500.0), (990, 990.0), (10, 10.0)] {
            let found = meter.per_mille_ms(share);
            assert!(found >= exact * 0.999 && found <= exact * 1.07, "{share}: {found}");
        }
        assert!((meter.max_ms() - 1000.0).abs() < 1e-9);
        assert_eq!((meter.statements, meter.rows, meter.bytes), (1000, 1000, 10_000));
        assert_eq!(meter.busy, Duration::from_millis(500_500));
        assert!(Meter::default().per_mille_ms(500).abs() < f64::EPSILON);
    }

    #[test]
    fn doublings_hold_every_statement_once() {
        let mut meter = Meter::default();
        for micros in [1500, 1600, 2100, 17_000, 17_001, 17_002] {
            meter.add(1, 10, Duration::from_micros(micros));
        }
        let steps: Vec<(f64, u64)> = meter.doublings().collect();
        assert_eq!(steps, [(2.048, 2), (4.096, 1), (8.192, 0), (16.384, 0), (32.768, 3)]);
        assert_eq!(Meter::default().doublings().count(), 0);
    }
}

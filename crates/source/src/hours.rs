//! The clinic's own clock between two questions for the time, and what its business hours say.

use std::time::{Duration, Instant};

use bicuspid_model::{DateTime, HoursAt, QuietHours};

use crate::error::SourceError;
use crate::extract::Source;

/// Age at which the time is asked for again: the clinic's clock may be put forward or back meanwhile.
const CLOCK_AGE_MAX: Duration = Duration::from_mins(10);

/// Business hours, and the clinic's local time at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    quiet: QuietHours,
    here: DateTime,
    asked_at: Instant,
    is_inside: bool,
    /// When that changes.
    changes_at: Option<Instant>,
}

impl Hours {
    /// The clinic's clock said `here` at the moment `asked_at`.
    pub(crate) fn new(quiet: QuietHours, here: DateTime, asked_at: Instant) -> Self {
        let mut new = Self { quiet, here, asked_at, is_inside: false, changes_at: None };
        new.look(asked_at);
        new
    }

    fn here(&self, now: Instant) -> DateTime {
        let passed = now.saturating_duration_since(self.asked_at).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        DateTime::from_micros(self.here.micros().saturating_add(passed))
    }

    fn look(&mut self, now: Instant) {
        let here = self.here(now);
        let HoursAt { is_inside, changes_at } = self.quiet.at(here);
        self.is_inside = is_inside;
        self.changes_at = changes_at.and_then(|at| {
            let micros = u64::try_from(at.micros().saturating_sub(here.micros())).unwrap_or_default();
            now.checked_add(Duration::from_micros(micros))
        });
    }

    /// Whether the clinic is at work.
    pub(crate) fn is_inside(&mut self, now: Instant) -> bool {
        if self.changes_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        self.is_inside
    }

    /// Whether the clock should be asked again.
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.asked_at) >= CLOCK_AGE_MAX
    }
}

impl Source {
    /// Whether the clinic is at work, by its own clock.
    ///
    /// # Errors
    /// If the clock has to be asked and does not answer.
    pub(crate) async fn is_quiet(&mut self) -> Result<bool, SourceError> {
        if self.options.quiet_hours.is_none() {
            return Ok(false);
        }
        let now = Instant::now();
        if self.hours.as_ref().is_none_or(|hours| hours.is_old(now)) {
            match self.clock().await {
                Ok(_) => {}
                // The connection is mended; until the next question the old time is good enough.
                Err(error) => self.recover(error, &mut 0).await?,
            }
        }
        Ok(self.hours.as_mut().is_none_or(|hours| hours.is_inside(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_begin_and_end_while_a_run_goes_on() {
        let week = QuietHours::parse(["mon-fri 07:30-18:00"]).unwrap();
        let began = Instant::now();
        // 2026-03-06 is a Friday.
        let at = DateTime::parse("2026-03-06 07:29:59.5").unwrap();
        let mut hours = Hours::new(week, at, began);
        let after = |ms| began + Duration::from_millis(ms);
        assert!(!hours.is_inside(began));
        assert!(!hours.is_inside(after(499)));
        assert!(hours.is_inside(after(500)));
        assert!(hours.is_inside(after(500 + 37_800_000 - 1)));
        assert!(!hours.is_inside(after(500 + 37_800_000)));
        assert!(!hours.is_old(after(599_999)));
        assert!(hours.is_old(after(600_000)));
    }
}

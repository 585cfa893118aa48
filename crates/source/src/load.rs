//! How the server fares, from what its status shows to everybody: calm, busy, or in such trouble that we had better go.
//!
//! PROCESS is never asked for, so nothing here knows who waits for whom. Replication lag shows to nobody who may only
//! SELECT, on no server that is known; it is not looked at.

use std::time::{Duration, Instant};

use bicuspid_guard::builder;

use crate::error::SourceError;
use crate::extract::Source;

/// Time between two looks while the server is in such trouble that nothing is read.
const LOOK_EVERY_CRITICAL: Duration = Duration::from_secs(1);
/// Most that a pause may make up for of the ones before: the lateness of a timer. A computer that stood still for longer
/// says nothing of how the server fares now.
const OVERSLEPT_MAX: Duration = Duration::from_millis(3);
/// Most doublings of the pauses.
const STRAIN_MAX: u32 = 6;
/// How many times as long as the quickest answer of the run an answer may take before it counts as late, however quick
/// the limit: a link of its own length is no strain.
const BUSY_FACTOR: u32 = 4;
/// The same for an answer that counts as critical.
const CRITICAL_FACTOR: u32 = 20;

/// When a server counts as busy, and when as in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadLimits {
    /// Time between two looks.
    pub look_every: Duration,
    /// Threads at work (ours is one) above which the pauses grow.
    pub threads_busy: u64,
    /// Threads at work above which nothing more is read: sessions that wait for a table count among them.
    pub threads_critical: u64,
    /// InnoDB row locks that are waited for at one moment, above which nothing more is read. A single one makes the
    /// pauses grow.
    pub lock_waits_critical: u64,
    /// Time of a status answer above which the pauses grow.
    pub answer_busy: Duration,
    /// Time of a status answer above which nothing more is read.
    pub answer_critical: Duration,
    /// How long a server may stay critical, while nothing is read, before the run ends.
    pub critical_wait: Duration,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self {
            look_every: Duration::from_millis(250),
            threads_busy: 8,
            threads_critical: 32,
            lock_waits_critical: 16,
            answer_busy: Duration::from_millis(50),
            answer_critical: Duration::from_secs(2),
            critical_wait: Duration::from_secs(30),
        }
    }
}

/// What one look at the server's status found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    pub(crate) threads_running: Option<u64>,
    /// Row locks that are waited for at this moment.
    pub(crate) row_waits_now: Option<u64>,
    /// Row locks that ever were waited for.
    pub(crate) row_waits: Option<u64>,
    /// Table locks that ever were waited for.
    pub(crate) table_waits: Option<u64>,
    /// How long the answer took.
    pub(crate) took: Duration,
}

impl Look {
    /// Reads name and value of each row of the status.
    pub(crate) fn of(rows: &[Vec<Option<String>>], took: Duration) -> Self {
        let value = |name: &str| {
            let row = rows.iter().find(|row| row.first().and_then(Option::as_deref) == Some(name))?;
            row.get(1)?.as_deref()?.parse().ok()
        };
        Self {
            threads_running: value("Threads_running"),
            row_waits_now: value("Innodb_row_lock_current_waits"),
            row_waits: value("Innodb_row_lock_waits"),
            table_waits: value("Table_locks_waited"),
            took,
        }
    }
}

/// How many sessions the server holds, and how many it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    /// Sessions that are open now, this one among them.
    pub used: u64,
    /// Most that can be.
    pub most: u64,
}

/// How the server fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Load {
    Calm,
    Busy,
    /// With the reason, for people.
    Critical(String),
}

/// Counts of looks, for the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looks {
    /// Looks at the server's status.
    pub all: u64,
    /// Those that found it busy.
    pub busy: u64,
    /// Those that found it in trouble.
    pub critical: u64,
}

/// Judges one look after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    before: Option<Look>,
    /// The quickest answer so far.
    quickest: Option<Duration>,
    strain: u32,
    looks: Looks,
}

impl Watch {
    /// Takes a look in. Each busy one doubles the pauses, up to 64 times; each calm one takes one doubling back.
    pub(crate) fn judge(&mut self, look: Look, limits: &LoadLimits) -> Load {
        let quickest = self.quickest.map_or(look.took, |before| before.min(look.took));
        self.quickest = Some(quickest);
        let before = self.before.replace(look);
        let more = |of: fn(&Look) -> Option<u64>| matches!((before.as_ref().and_then(of), of(&look)), (Some(before), Some(now)) if now > before);
        let above = |value: Option<u64>, limit: u64| value.filter(|value| *value > limit);
        self.looks.all += 1;
        let critical = if let Some(threads) = above(look.threads_running, limits.threads_critical) {
            Some(format!("{threads} threads are at work, more than {}", limits.threads_critical))
        } else if let Some(waits) = above(look.row_waits_now, limits.lock_waits_critical) {
            Some(format!("{waits} row locks are waited for, more than {}", limits.lock_waits_critical))
        } else if look.took > limits.answer_critical.max(quickest * CRITICAL_FACTOR) {
            Some(format!("it took {} ms to answer a question about its status", look.took.as_millis()))
        } else {
            None
        };
        let busy = above(look.threads_running, limits.threads_busy).is_some()
            || above(look.row_waits_now, 0).is_some()
            || more(|look| look.row_waits)
            || more(|look| look.table_waits)
            || look.took > limits.answer_busy.max(quickest * BUSY_FACTOR);
        if let Some(why) = critical {
            self.looks.critical += 1;
            self.strain = STRAIN_MAX;
            Load::Critical(why)
        } else if busy {
            self.looks.busy += 1;
            self.strain = (self.strain + 1).min(STRAIN_MAX);
            Load::Busy
        } else {
            self.strain = self.strain.saturating_sub(1);
            Load::Calm
        }
    }

    /// How often the pauses are to be doubled.
    pub(crate) const fn strain(&self) -> u32 {
        self.strain
    }

    pub(crate) const fn looks(&self) -> Looks {
        self.looks
    }
}

impl Source {
    /// Looks at the server's status if it is time to. While the server is in trouble nothing is read.
    ///
    /// # Errors
    /// [`SourceError::Overloaded`] if it does not come out of that, and what the connection met.
    pub(crate) async fn look_around(&mut self) -> Result<(), SourceError> {
        if self.looked_at.is_some_and(|at| at.elapsed() < self.options.load.look_every) {
            return Ok(());
        }
        let mut critical_since = None;
        loop {
            let began = Instant::now();
            let rows = self.wire.texts(&builder::status()?, "the status").await?;
            let look = Look::of(&rows, self.at_work(began.elapsed()));
            self.looked_at = Some(Instant::now());
            let load = self.watch.judge(look, &self.options.load);
            self.meter.looks = self.watch.looks();
            let Load::Critical(why) = load else { return Ok(()) };
            let since = *critical_since.get_or_insert(began);
            let wait = self.options.load.critical_wait;
            let left = wait.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(SourceError::Overloaded { why, waited: wait });
            }
            self.sleep(left.min(LOOK_EVERY_CRITICAL)).await;
        }
    }

    /// How many sessions the server holds, and how many it can; `None` if it does not say. Whoever comes when there is no
    /// room is turned away, also a person at the front desk.
    pub async fn headroom(&mut self) -> Result<Option<Headroom>, SourceError> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let rows = self.wire.texts(&builder::status()?, "the status").await?;
        let row = rows.iter().find(|row| row.first().and_then(Option::as_deref) == Some("Threads_connected"));
        let used = number(row.and_then(|row| row.get(1)?.as_deref()));
        let rows = self.wire.texts(&builder::sessions_max()?, "the limit of sessions").await?;
        let most = number(rows.first().and_then(|row| row.first()?.as_deref()));
        Ok(used.zip(most).map(|(used, most)| Headroom { used, most }))
    }

    /// Leaves the server alone.
    pub(crate) async fn sleep(&mut self, pause: Duration) {
        self.meter.rested += pause;
        let due = self.overslept.due(pause);
        if !due.is_zero() {
            let began = Instant::now();
            tokio::time::sleep(due).await;
            self.overslept.learn(due, began.elapsed());
        }
    }
}

/// How much longer than they should have been the pauses so far were. A timer is a millisecond or two late, which is as long
/// as many a statement takes: at the kind pace the server would be left alone for twice as long as it worked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Overslept(Duration);

impl Overslept {
    /// How long to sleep now for a pause of that length.
    fn due(&mut self, pause: Duration) -> Duration {
        let due = pause.saturating_sub(self.0);
        self.0 = self.0.saturating_sub(pause);
        due
    }

    /// Takes into account how long a sleep took.
    fn learn(&mut self, due: Duration, took: Duration) {
        self.0 = (self.0 + took.saturating_sub(due)).min(OVERSLEPT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LoadLimits = LoadLimits {
        look_every: Duration::ZERO,
        threads_busy: 8,
        threads_critical: 32,
        lock_waits_critical: 16,
        answer_busy: Duration::from_millis(50),
        answer_critical: Duration::from_secs(2),
        critical_wait: Duration::ZERO,
    };

    #[test]
    fn a_late_timer_shortens_the_next_pauses() {
        let ms = Duration::from_millis;
        let mut overslept = Overslept::default();
        assert_eq!(overslept.due(ms(2)), ms(2));
        overslept.learn(ms(2), ms(4));
        assert_eq!([overslept.due(ms(1)), overslept.due(ms(3)), overslept.due(ms(1))], [ms(0), ms(2), ms(1)]);
        overslept.learn(ms(1), ms(1));
        assert_eq!(overslept.due(ms(1)), ms(1), "a timer in time owes nothing");
        // A computer that was asleep for a minute does not read for a minute without a pause.
        overslept.learn(ms(1), ms(60_000));
        assert_eq!(overslept.due(ms(10)), ms(7));
        assert_eq!(overslept.due(ms(10)), ms(10));
    }

    #[test]
    fn pauses_add_up_to_what_was_asked() {
        let mut overslept = Overslept::default();
        let late = Duration::from_micros(1_400);
        let pauses: Vec<_> = (0..1_000).map(|n| Duration::from_micros(1_000 + n % 7 * 300)).collect();
        let slept: Duration = pauses
            .iter()
            .map(|&pause| {
                let due = overslept.due(pause);
                let took = if due.is_zero() { due } else { due + late };
                overslept.learn(due, took);
                took
            })
            .sum();
        let asked: Duration = pauses.iter().sum();
        assert!(slept >= asked && slept <= asked + late, "{slept:?} of {asked:?}");
    }

    fn calm() -> Look {
        Look {
            threads_running: Some(3),
            row_waits_now: Some(0),
            row_waits: Some(7),
            table_waits: Some(40),
            took: Duration::from_millis(2),
        }
    }

    fn judged(look: Look) -> Load {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(calm(), &LIMITS), Load::Calm);
        watch.judge(look, &LIMITS)
    }

    #[test]
    fn each_sign_counts_from_its_limit_on() {
        let ms = Duration::from_millis;
        assert_eq!(judged(calm()), Load::Calm);
        assert_eq!(judged(Look { threads_running: Some(8), ..calm() }), Load::Calm);
        assert_eq!(judged(Look { threads_running: Some(9), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { threads_running: Some(32), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { table_waits: Some(41), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { row_waits: Some(8), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { row_waits_now: Some(1), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { row_waits_now: Some(16), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { took: ms(50), ..calm() }), Load::Calm);
        assert_eq!(judged(Look { took: ms(51), ..calm() }), Load::Busy);
        assert_eq!(judged(Look { took: ms(2000), ..calm() }), Load::Busy);
        for (look, why) in [
            (Look { threads_running: Some(33), ..calm() }, "33 threads"),
            (Look { row_waits_now: Some(17), ..calm() }, "17 row locks"),
            (Look { took: ms(2001), ..calm() }, "2001 ms"),
        ] {
            assert!(matches!(judged(look), Load::Critical(text) if text.contains(why)), "{why}");
        }
        assert_eq!(judged(Look::default()), Load::Calm, "a server that tells nothing");
    }

    #[test]
    fn a_long_link_is_no_strain() {
        let mut watch = Watch::default();
        let far = |ms| Look { took: Duration::from_millis(ms), ..calm() };
        for ms in [300, 310, 900, 1200] {
            assert_eq!(watch.judge(far(ms), &LIMITS), Load::Calm, "{ms}");
        }
        assert_eq!(watch.judge(far(1201), &LIMITS), Load::Busy);
        assert_eq!(watch.judge(far(5999), &LIMITS), Load::Busy);
        assert!(matches!(watch.judge(far(6001), &LIMITS), Load::Critical(_)));
    }

    #[test]
    fn strain_grows_and_passes() {
        let mut watch = Watch::default();
        let busy = Look { threads_running: Some(20), ..calm() };
        for strain in [1, 2, 3, 4, 5, 6, 6] {
            watch.judge(busy, &LIMITS);
            assert_eq!(watch.strain(), strain);
        }
        for strain in [5, 4, 3, 2, 1, 0, 0] {
            watch.judge(calm(), &LIMITS);
            assert_eq!(watch.strain(), strain);
        }
        watch.judge(Look { threads_running: Some(99), ..calm() }, &LIMITS);
        assert_eq!(watch.strain(), 6);
        assert_eq!(watch.looks(), Looks { all: 15, busy: 7, critical: 1 });
    }
}

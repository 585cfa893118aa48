//! Which tables are proved whole in a run, and how the others are looked through.
//!
//! A table is small, or its proof is old, or there is time for it: then every chunk is read. Of the others only the part
//! is read where something new is likely: the chunks of rows whose stamp moved, and the end of the table.

use std::time::Duration;

use bicuspid_model::{Column, DateTime, SourceType};
use bicuspid_source::{Pace, SourceClock, TRICKLE_SLOWDOWN};
use bicuspid_target::{PassState, StampMark, TableState};

use crate::planner::Planned;
use crate::report::Mode;
use crate::settings::{ProofWish, SyncSettings};
use crate::shape::Shaped;

/// Bytes of a table that are read in a second, for estimates: measured on two cores, kind pace pauses as long as it
/// reads.
const BYTES_PER_SECOND_KIND: f64 = 25e6;
const BYTES_PER_SECOND_FULL: f64 = 60e6;
/// Seconds of a proof up to which a table is proved in every run.
const SMALL_SECONDS: f64 = 0.25;
/// Runs a day for which the proofs are spread, when the settings' budget is too small for it.
const RUNS_A_DAY: f64 = 24.0;
/// How many times older than it may be a proof is before it does not wait for the end of business hours any more.
const PUT_OFF_AGES: i64 = 7;
/// Seconds of a pass that reads one part of a table, for estimates.
const PART_SECONDS: f64 = 0.05;
/// Seconds before the recorded stamp at which a pass over edited rows begins: a transaction may have been open for as
/// long after its rows were stamped.
const OVERLAP_SECONDS: i64 = 600;
/// Seconds that stamps may be behind the source's clock, as on a replica that lags.
const LAG_SECONDS: i64 = 3600;
/// Seconds that the source's clock may be behind its own time of the last run, before stamps are not believed.
const CLOCK_SLACK_SECONDS: i64 = 5;

/// Business hours in which a run begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet {
    /// When they end, by the clinic's clock; `None` if never.
    pub(crate) ends_at: Option<DateTime>,
}

/// A proof that waits.
#[derive(Debug, Clone)]
pub(crate) struct Later {
    /// When it may begin, by the clinic's clock.
    pub(crate) from: DateTime,
    /// Seconds that it will take.
    pub(crate) seconds: f64,
}

/// Whether a table of which so many seconds are read is read slowly inside business hours.
pub(crate) fn is_large(seconds: f64) -> bool {
    seconds > SMALL_SECONDS
}

/// Seconds that reading the whole table takes.
pub(crate) fn proof_seconds(shaped: &Shaped, state: Option<&TableState>, pace: Pace) -> f64 {
    if let Some(ms) = state.and_then(|s| s.pass.proof_ms) {
        return Duration::from_millis(ms).as_secs_f64();
    }
    let speed = match pace {
        Pace::Kind => BYTES_PER_SECOND_KIND,
        Pace::Full => BYTES_PER_SECOND_FULL,
    };
    let mega = f64::from(u32::try_from(shaped.found.bytes_estimate / 1024).unwrap_or(u32::MAX)) * 1024.0;
    (mega / speed * 100.0).ceil() / 100.0 + 0.01
}

/// Seconds that reading a table in this way takes.
pub(crate) fn seconds(planned: &Planned, pace: Pace, quiet: Option<Quiet>) -> f64 {
    let pace = if quiet.is_some() { Pace::Kind } else { pace };
    let whole = proof_seconds(&planned.shaped, planned.state.as_ref(), pace);
    match planned.mode {
        Mode::Tail | Mode::Stamp => whole.min(PART_SECONDS),
        Mode::First | Mode::Proof | Mode::Full if quiet.is_some() && is_large(whole) => {
            SMALL_SECONDS + (whole - SMALL_SECONDS) * f64::from(TRICKLE_SLOWDOWN)
        }
        Mode::First | Mode::Proof | Mode::Full => whole,
    }
}

/// A lighter way to look through a table, with the moment from which edited rows are asked for.
struct Lighter {
    mode: Mode,
    since: Option<DateTime>,
}

/// Chooses the mode of every table that is to be proved. Those that are not due and can only be read whole are taken
/// out and returned with the reason.
pub(crate) fn choose(
    tables: &mut Vec<Planned>,
    clock: SourceClock,
    quiet: Option<Quiet>,
    settings: &SyncSettings,
) -> Vec<(String, String)> {
    if settings.proof == ProofWish::Full {
        return Vec::new();
    }
    let cost = |p: &Planned| proof_seconds(&p.shaped, p.state.as_ref(), settings.pace);
    let age = |p: &Planned| p.state.as_ref().map_or(i64::MAX, |s| s.proof_age_seconds);
    let mut proofs: Vec<usize> = Vec::new();
    for (i, planned) in tables.iter().enumerate() {
        if planned.mode == Mode::Proof {
            proofs.push(i);
        }
    }
    let of = |i: &usize| tables.get(*i);
    let total: f64 = proofs.iter().filter_map(of).map(cost).sum();
    let budget = settings.proof_budget.as_secs_f64().max(total / RUNS_A_DAY);
    let oldest = i64::try_from(settings.proof_age_max.as_secs()).unwrap_or(i64::MAX);
    // The small ones first, then the oldest proofs.
    proofs.sort_by_key(|i| of(i).map(|p| (cost(p) > SMALL_SECONDS, std::cmp::Reverse(age(p)))));
    let mut spent = 0.0;
    let mut left_out = Vec::new();
    for i in proofs {
        let Some(planned) = tables.get_mut(i) else { continue };
        let cost = cost(planned);
        let proved_at = planned.state.as_ref().map(|s| s.proved_at.clone()).unwrap_or_default();
        let due = settings.proof == ProofWish::Due;
        let why = if due && cost <= SMALL_SECONDS {
            Some(format!("small enough to be proved in every run; last proved {proved_at}"))
        } else if due && age(planned) >= oldest {
            Some(format!("its proof of {proved_at} is older than it may be"))
        } else if due && spent + cost <= budget {
            Some(format!("its proof of {proved_at} is the oldest for which the budget has time"))
        } else {
            None
        };
        // A proof that is long overdue is not put off from one working day to the next for ever.
        let may_wait = age(planned) < oldest.saturating_mul(PUT_OFF_AGES);
        let later = quiet
            .and_then(|quiet| quiet.ends_at)
            .filter(|_| why.is_some() && is_large(cost) && may_wait)
            .map(|from| Later { from, seconds: cost });
        if let (Some(why), None) = (&why, &later) {
            spent += cost;
            planned.why.clone_from(why);
            continue;
        }
        match lighter(planned, clock) {
            Ok(Lighter { mode, since }) => {
                planned.later = later;
                planned.mode = mode;
                planned.since = since;
                planned.why = match mode {
                    Mode::Stamp => {
                        format!("rows stamped since the last run, and new ones; last proved {proved_at}")
                    }
                    _ => format!("new rows behind the last key; last proved {proved_at}"),
                };
                if planned.later.is_some() {
                    planned.why.push_str("; its whole proof waits for the end of business hours");
                }
            }
            Err(why) if due => {
                planned.why = format!("{why}; last proved {proved_at}");
            }
            Err(why) => {
                let why = format!("no proof was asked for, and {why}; last proved {proved_at}");
                left_out.push((planned.shaped.found.name.to_string(), why));
            }
        }
    }
    tables.retain(|p| !left_out.iter().any(|(name, _)| name == p.shaped.found.name.as_str()));
    left_out
}

/// How a table can be looked through without reading all of it, or why it cannot.
fn lighter(planned: &Planned, clock: SourceClock) -> Result<Lighter, &'static str> {
    let whole = "it can only be read whole";
    if !planned.shaped.goes_by_ranges() {
        return Err(whole);
    }
    let state = planned.state.as_ref().ok_or(whole)?;
    if state.pass.stamp.as_ref().is_some_and(|mark| is_back(mark, clock)) {
        // Stamps of new edits look old then, and nothing but a proof finds them.
        return Err("the source's clock went back");
    }
    let since = stamp_key(&planned.shaped).and_then(|_| since(&planned.shaped, &state.pass, clock));
    let mode = if since.is_some() { Mode::Stamp } else { Mode::Tail };
    Ok(Lighter { mode, since })
}

/// Position of the key by which edited rows are found: one column of a whole-number type.
pub(crate) fn stamp_key(shaped: &Shaped) -> Option<usize> {
    let [key] = shaped.walk.positions() else { return None };
    let column: &Column = shaped.table.columns.get(*key)?;
    matches!(
        column.source,
        SourceType::TinyInt { .. }
            | SourceType::SmallInt { .. }
            | SourceType::MediumInt { .. }
            | SourceType::Int { .. }
            | SourceType::BigInt { .. }
    )
    .then_some(*key)
}

/// Name of the table's edit stamp, if it is copied.
pub(crate) fn stamp_name(shaped: &Shaped) -> Option<&bicuspid_model::ColumnName> {
    let stamp = shaped.found.stamp.as_ref()?;
    let column = shaped.table.columns.get(stamp.column)?;
    (!column.withheld).then_some(&column.name)
}

fn is_back(mark: &StampMark, clock: SourceClock) -> bool {
    clock.utc.seconds_since(mark.clock_utc) < -CLOCK_SLACK_SECONDS
}

/// The stamp from which a pass over edited rows begins; `None` if there is none that can be believed.
fn since(shaped: &Shaped, pass: &PassState, clock: SourceClock) -> Option<DateTime> {
    let mark = pass.stamp.as_ref()?;
    let stamp = shaped.found.stamp.as_ref()?;
    if shaped.table.columns.get(stamp.column)?.name.as_str() != mark.column {
        return None;
    }
    // In autumn an hour of local time comes twice: what is stamped in it the second time lies before what was seen.
    let before = mark.clock_here.seconds_since(mark.clock_utc);
    let set_back = (before - clock.offset_seconds()).max(0);
    Some(mark.seen.plus_seconds(-OVERLAP_SECONDS - set_back))
}

/// Where the next pass over edited rows begins, given the latest stamp and the clock from before this one: at the latest
/// stamp, because a replica shows edits after their time. A stamp in the future counts as now, so that it does not hide
/// what is edited until then.
pub(crate) fn mark(shaped: &Shaped, latest: Option<DateTime>, clock: SourceClock) -> Option<StampMark> {
    let stamp = shaped.found.stamp.as_ref()?;
    let column = shaped.table.columns.get(stamp.column)?;
    let seen = latest.map_or(clock.here, |latest| latest.min(clock.here));
    // Of a table at rest the latest stamp is old, and may be that of thousands of rows.
    let seen = seen.max(clock.here.plus_seconds(-LAG_SECONDS));
    Some(StampMark { column: column.name.to_string(), seen, clock_here: clock.here, clock_utc: clock.utc })
}

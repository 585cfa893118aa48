//! Recalls: when somebody should come again.

use bicuspid_model::{Date, DateTime};

use crate::arena::{Counter, PatientKey};
use crate::calendar::{plus_months, unset_date};
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::mouth::Gums;

/// Kinds of recall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Check-up and cleaning of an adult.
    Adult,
    /// Check-up and cleaning of a child.
    Child,
    /// Gum upkeep.
    Gums,
    /// Bitewings.
    Bitewings,
    /// All teeth on X-rays.
    FullXrays,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Adult, Self::Child, Self::Gums, Self::Bitewings, Self::FullXrays];

    const fn num(self) -> i64 {
        match self {
            Self::Adult => 1,
            Self::Child => 2,
            Self::Gums => 3,
            Self::Bitewings => 4,
            Self::FullXrays => 5,
        }
    }

    /// Name, minutes as a pattern, codes that are planned, and the code that triggers it.
    const fn facts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Adult => ("Adult check-up", "//XXXXXXXX//", "D0120,D1110", "D1110"),
            Self::Child => ("Child check-up", "/XXXXXX/", "D0120,D1120", "D1120"),
            Self::Gums => ("Gum upkeep", "//XXXXXXXX//", "D4910", "D4910"),
            Self::Bitewings => ("Bitewings", "//", "D0274", "D0274"),
            Self::FullXrays => ("Full X-rays", "////", "D0210", "D0210"),
        }
    }

    /// Months and days until the next visit, as usual.
    const fn usual(self) -> (i32, i32) {
        match self {
            Self::Adult | Self::Child => (6, 1),
            Self::Gums => (4, 1),
            Self::Bitewings => (12, 0),
            Self::FullXrays => (60, 1),
        }
    }

    /// Months and days until the next visit of somebody whose gums are looked after every so many months.
    fn interval(self, upkeep_months: u8) -> (i32, i32) {
        match self {
            Self::Gums => (i32::from(upkeep_months), 1),
            _ => self.usual(),
        }
    }

    /// The day on which the next visit is due.
    pub(crate) fn due(self, previous: Date, upkeep_months: u8) -> Date {
        let (months, days) = self.interval(upkeep_months);
        plus_months(previous, months).plus_days(days)
    }

    /// The kind of recall for somebody of that age with such gums.
    pub(crate) fn of(age: i32, gums: Gums) -> Self {
        match (age, gums) {
            (..14, _) => Self::Child,
            (_, Gums::Treated) => Self::Gums,
            _ => Self::Adult,
        }
    }
}

/// An interval as Open Dental packs it: years, months, weeks and days, a byte each.
fn packed((months, days): (i32, i32)) -> i64 {
    i64::from((months / 12) << 24 | (months % 12) << 16 | days)
}

/// The recall of a patient.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recall {
    pub(crate) kind: Kind,
    /// Visit from which the next one counts.
    pub(crate) previous: Date,
    /// Day of the next appointment.
    pub(crate) scheduled: Option<Date>,
    /// When the row last changed.
    pub(crate) stamp: DateTime,
    /// Months between visits for the upkeep of gums.
    pub(crate) months: u8,
}

/// Hands out the kinds of recall and what triggers each.
pub(crate) fn emit_kinds(out: &mut Emitter<'_>, stamp: DateTime) -> Result<(), PracticeError> {
    for kind in Kind::ALL {
        let (name, pattern, codes, trigger) = kind.facts();
        out.row(Rows::RecallType, stamp, |r| {
            r.set("RecallTypeNum", kind.num())
                .set("Description", name)
                .set("DefaultInterval", packed(kind.usual()))
                .set("TimePattern", pattern)
                .set("Procedures", codes);
        })?;
        out.row(Rows::RecallTrigger, stamp, |r| {
            r.set("RecallTriggerNum", kind.num())
                .set("RecallTypeNum", kind.num())
                .set("CodeNum", crate::codes::find(trigger).0);
        })?;
    }
    Ok(())
}

/// X-rays for which somebody is called in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Xrays {
    /// When bitewings were taken last.
    pub(crate) bitewings: Option<Date>,
    /// The same of a full set, which shows what bitewings show.
    pub(crate) full: Option<Date>,
    /// The as-of date: a full set goes on the list when its day has come, years after the last one.
    pub(crate) today: Date,
}

/// Hands out the recalls of a patient: the check-up, and X-rays.
pub(crate) fn emit(
    out: &mut Emitter<'_>,
    keys: &mut Counter,
    patient: PatientKey,
    recall: &Recall,
    xrays: Option<Xrays>,
    disabled: bool,
) -> Result<(), PracticeError> {
    let mut row = |kind: Kind, previous: Date, scheduled: Option<Date>| {
        let due = kind.due(previous, recall.months);
        out.row(Rows::Recall, recall.stamp, |r| {
            r.set("RecallNum", keys.next())
                .set("PatNum", patient)
                .set("DateDueCalc", due)
                .set("DateDue", due)
                .set("DatePrevious", previous)
                .set("RecallInterval", packed(kind.interval(recall.months)))
                .set("IsDisabled", disabled)
                .set("RecallTypeNum", kind.num())
                .set("DateScheduled", scheduled.unwrap_or(unset_date()));
        })
    };
    row(recall.kind, recall.previous, recall.scheduled)?;
    let Some(Xrays { bitewings, full, today }) = xrays else { return Ok(()) };
    if let Some(last) = bitewings.max(full) {
        row(Kind::Bitewings, last, None)?;
    }
    match full.filter(|full| Kind::FullXrays.due(*full, recall.months) <= today) {
        Some(full) => row(Kind::FullXrays, full, None),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_packed_as_open_dental_packs_them() {
        assert_eq!(packed(Kind::Adult.usual()), 393_217);
        assert_eq!(packed(Kind::Bitewings.usual()), 16_777_216);
        assert_eq!(packed(Kind::FullXrays.usual()), 83_886_081);
        assert_eq!(packed(Kind::Gums.interval(3)), 196_609);
    }

    #[test]
    fn due_dates() {
        let day = |y, m, d| Date::from_ymd(y, m, d).unwrap();
        assert_eq!(Kind::Adult.due(day(2025, 3, 14), 4), day(2025, 9, 15));
        assert_eq!(Kind::Gums.due(day(2025, 3, 14), 3), day(2025, 6, 15));
        assert_eq!(Kind::of(13, Gums::Treated), Kind::Child);
        assert_eq!(Kind::of(14, Gums::Treated), Kind::Gums);
        assert_eq!(Kind::of(30, Gums::Diseased), Kind::Adult);
    }
}

//! To-do items of the front desk.

use bicuspid_model::DateTime;

use crate::arena::{Key, PatientKey, VisitKey};
use crate::calendar::{open_from, unset_time};
use crate::draw::Stream;
use crate::emit::{Row, Rows};
use crate::error::PracticeError;
use crate::visits::Visit;
use crate::world::{World, in_hours};

/// Why something has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A visit was broken.
    Broken,
    /// Records go to another office.
    Records,
    /// A bill stays unpaid.
    Collect,
    /// A claim was refused.
    Refused,
    /// Benefits of a new patient are not known.
    Benefits,
}

impl Errand {
    /// Keys of the list and of the one above it, what is to be done, category, and priority.
    const fn facts(self) -> (i64, i64, &'static str, i64, i64) {
        match self {
            Self::Broken => (2, 1, "Call back: the visit was broken, find a new time.", 790, 263),
            Self::Records => (4, 1, "Send the records to the new office.", 790, 263),
            Self::Collect => (8, 0, "Call about the balance that is owed; offer a payment plan.", 790, 290),
            Self::Refused => (10, 9, "Insurance refused the claim; follow up.", 791, 290),
            Self::Benefits => (12, 9, "Insurance of a new patient: ask for the benefits.", 791, 263),
        }
    }
}

/// An item as it stands at a moment.
struct Item {
    errand: Errand,
    patient: PatientKey,
    user: i64,
    made: DateTime,
    finished: DateTime,
    status: i64,
}

impl Item {
    fn fill(&self, row: &mut Row<'_>) {
        let (folder, _, text, category, priority) = self.errand.facts();
        row.set("TaskListNum", folder)
            .set("DateTask", self.made.date())
            .set("KeyNum", self.patient)
            .set("Descript", text)
            .set("TaskStatus", self.status)
            .set("ObjectType", 1_i64)
            .set("DateTimeEntry", self.made)
            .set("UserNum", self.user)
            .set("DateTimeFinished", self.finished)
            .set("PriorityDefNum", priority)
            .set("DateTimeOriginal", self.made)
            .set("Category", category);
    }
}

/// Numbers of `TaskStatusEnum`.
const NEW: i64 = 0;
const VIEWED: i64 = 1;
const DONE: i64 = 2;

impl World<'_> {
    /// Writes something down that has to be done, and what became of it until the as-of date.
    pub(crate) fn remember(
        &mut self,
        errand: Errand,
        patient: PatientKey,
        user: i64,
    ) -> Result<(), PracticeError> {
        let made = self.now;
        let end = self.as_of().midnight();
        let key = self.out.next_key(Rows::Task);
        let mut draw = self.paper(Stream::Tasks, key, 0);
        let other = self.desk(&mut draw);
        let opened = made.plus_seconds(i64::from(draw.between(300, 20_000)));
        let day = open_from(made.date().plus_days(draw.along(&[1, 1, 2, 4, 9, 40])));
        let ended = in_hours(day, &mut draw);
        let (folder, above, ..) = errand.facts();
        let new = Item { errand, patient, user, made, finished: unset_time(), status: NEW };
        let held = Item { status: VIEWED, ..new };
        let done = Item { status: DONE, finished: ended, ..new };
        let mut last = (&new, made);
        for (before, after, at) in [(&new, &held, opened), (&held, &done, ended)] {
            if at >= end || at < last.1 {
                break;
            }
            // The history keeps the item as it was before each change.
            self.out.add(Rows::TaskHist, last.1, |r| {
                before.fill(r);
                r.set("UserNumHist", other).set("DateTStamp", at).set("TaskNum", key);
            })?;
            last = (after, at);
        }
        let (item, at) = last;
        self.out.add(Rows::Task, at, |r| item.fill(r))?;
        for ancestor in [folder, above].into_iter().filter(|n| *n > 0) {
            self.out.add(Rows::TaskAncestor, made, |r| {
                r.set("TaskNum", key).set("TaskListNum", ancestor);
            })?;
        }
        if item.status == DONE && draw.chance(700) {
            let note = draw.pick(&["Reached; all clear.", "Left a message.", "Done.", "Answered by e-mail."]);
            self.out.add(Rows::TaskNote, at, |r| {
                r.set("TaskNum", key).set("UserNum", other).set("DateTimeNote", at).set("Note", note);
            })?;
        }
        // Somebody else who has the list open has not looked yet, or never will.
        if item.status != DONE || draw.chance(130) {
            self.out.add(Rows::TaskUnread, at, |r| {
                r.set("TaskNum", key).set("UserNum", other);
            })?;
        }
        if draw.chance(120) {
            self.out.add(Rows::TaskSubscription, made, |r| {
                r.set("UserNum", user).set("TaskListNum", folder).set("TaskNum", key);
            })?;
        }
        Ok(())
    }

    /// A visit was broken: often somebody is to find a new time.
    pub(crate) fn call_back(&mut self, key: VisitKey, visit: &Visit) -> Result<(), PracticeError> {
        let broken = visit.status == bicuspid_opendental::enums::ApptStatus::Broken;
        if broken && self.paper(Stream::Tasks, key.num(), 2).chance(350) {
            self.remember(Errand::Broken, visit.patient, visit.user)?;
        }
        Ok(())
    }

    /// Whether a new patient's benefits have to be asked for; the answer is the patient's own.
    pub(crate) fn ask_for_benefits(&mut self, patient: PatientKey, user: i64) -> Result<(), PracticeError> {
        let covered = !self.patients.get(patient)?.coverage.is_empty();
        if covered && self.paper(Stream::Tasks, patient.num(), 1).chance(400) {
            self.remember(Errand::Benefits, patient, user)?;
        }
        Ok(())
    }
}

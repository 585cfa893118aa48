//! What the program keeps of every change of an appointment.

use bicuspid_model::DateTime;
use bicuspid_opendental::enums::ApptStatus;

use crate::arena::{Key, ProviderKey, VisitKey};
use crate::calendar::{age, unset_time};
use crate::definitions::Definition;
use crate::draw::Stream;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::office::Office;
use crate::people::Patient;
use crate::treatment::Reason;
use crate::visits::{Presence, Visit, pattern};
use crate::world::World;

/// What happened to an appointment, by its number in `HistAppointmentAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was made.
    Created,
    /// Something about it changed.
    Changed,
    /// Nobody came.
    Missed,
    /// It was called off.
    Cancelled,
}

impl Change {
    const fn number(self) -> i64 {
        match self {
            Self::Created => 0,
            Self::Changed => 1,
            Self::Missed => 2,
            Self::Cancelled => 3,
        }
    }
}

/// Key of the kind of appointment for a reason: its place in the list of kinds.
pub(crate) fn kind_of(visit: &Visit, person: &Patient) -> i64 {
    let child = age(person.birth, visit.slot.start.date()) < 14;
    match (visit.reason, child) {
        (Reason::Recall, false) | (Reason::Hygiene, _) => 1,
        (Reason::Recall, true) => 2,
        (Reason::First, false) => 3,
        (Reason::First, true) => 4,
        (Reason::Treatment, _) => 5,
        (Reason::Emergency, _) => 6,
    }
}

/// One version of an appointment.
struct Version<'v> {
    key: VisitKey,
    visit: &'v Visit,
    change: Change,
    at: DateTime,
    user: i64,
    presence: Option<Presence>,
}

impl Version<'_> {
    fn emit(&self, out: &mut Emitter<'_>, office: &Office, person: &Patient) -> Result<(), PracticeError> {
        let Self { key, visit, change, at, user, presence } = *self;
        let hygiene = visit.reason.is_hygiene();
        let day = visit.slot.start.date();
        let dentist = if hygiene { office.dentist_on(day, person.dentist) } else { visit.slot.provider };
        let plan = |rank: usize| {
            let done = visit.status == ApptStatus::Complete;
            person.coverage.get(rank).filter(|_| done).map_or(0, |c| c.plan_row.get())
        };
        let midnight = day.midnight();
        let Presence { arrived, seated, dismissed } =
            presence.unwrap_or(Presence { arrived: midnight, seated: midnight, dismissed: midnight });
        out.add(Rows::HistAppointment, at, |r| {
            r.set("HistUserNum", user)
                .set("HistDateTStamp", at)
                .set("HistApptAction", change.number())
                .set("AptNum", key)
                .set("PatNum", visit.patient)
                .set("AptStatus", visit.status.stored())
                .set("Pattern", pattern(visit.slot.minutes))
                .set("Confirmed", visit.confirmed)
                .set("Op", visit.slot.chair)
                .set("ProvNum", dentist)
                .set("ProvHyg", if hygiene { visit.slot.provider } else { ProviderKey::default() })
                .set("AptDateTime", visit.slot.start)
                .set("IsNewPatient", visit.first)
                .set("ProcDescript", visit.described())
                .set("IsHygiene", hygiene)
                .set("DateTimeArrived", arrived)
                .set("DateTimeSeated", seated)
                .set("DateTimeDismissed", dismissed)
                .set("InsPlan1", plan(0))
                .set("InsPlan2", plan(1))
                .set("DateTimeAskedToArrive", unset_time())
                .set("AppointmentTypeNum", kind_of(visit, person))
                .set("SecUserNumEntry", visit.user)
                .set("SecDateTEntry", visit.booked);
        })?;
        Ok(())
    }
}

impl World<'_> {
    /// Keeps an appointment that has left the book as it is after a change at that moment.
    pub(crate) fn keep_history(
        &mut self,
        key: VisitKey,
        visit: &Visit,
        change: Change,
        at: DateTime,
        user: i64,
        presence: Option<Presence>,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get(visit.patient)?;
        Version { key, visit, change, at, user, presence }.emit(&mut self.out, &self.office, person)
    }

    /// Keeps an appointment that is still in the book.
    pub(crate) fn note_change(
        &mut self,
        key: VisitKey,
        change: Change,
        at: DateTime,
        user: i64,
    ) -> Result<(), PracticeError> {
        let visit = self.visits.get(key)?;
        let person = self.patients.get(visit.patient)?;
        Version { key, visit, change, at, user, presence: None }.emit(&mut self.out, &self.office, person)
    }

    /// An appointment was made: the first version, who made it and how, and now and then a field of the office's own.
    pub(crate) fn note_booking(&mut self, key: VisitKey, user: i64) -> Result<(), PracticeError> {
        let now = self.now;
        self.note_change(key, Change::Created, now, user)?;
        if self.visits.get(key)?.reason == Reason::First {
            self.welcome(key)?;
        }
        let mut draw = self.paper(Stream::Book, key.num(), 0);
        // Some book on the website: 7 and 19 in `LogSources`, for new and for known patients.
        let online = if self.visits.get(key)?.first { 7_i64 } else { 19 };
        let source = if draw.chance(90) { online } else { 0 };
        self.out.add(Rows::EntryLog, now, |r| {
            r.set("UserNum", user).set("FKey", key).set("LogSource", source).set("EntryDateTime", now);
        })?;
        // The length, the note or the work is corrected while the patient is still on the telephone.
        if draw.chance(450) {
            let later = now.plus_seconds(i64::from(draw.between(20, 240)));
            self.note_change(key, Change::Changed, later, user)?;
        }
        if draw.chance(70) {
            let (field, value) = draw.pick(&[
                ("Transport", "Driven"),
                ("Transport", "Taxi"),
                ("Escort", "Daughter"),
                ("Interpreter", "Spanish"),
            ]);
            self.out.add(Rows::ApptField, now, |r| {
                r.set("AptNum", key).set("FieldName", field).set("FieldValue", value);
            })?;
        }
        Ok(())
    }

    /// The patient came: arrived, seated, dismissed, and the visit done.
    pub(crate) fn note_presence(
        &mut self,
        key: VisitKey,
        visit: &mut Visit,
        presence: Presence,
        user: i64,
    ) -> Result<(), PracticeError> {
        let unset = visit.slot.start.date().midnight();
        let Presence { arrived, seated, dismissed } = presence;
        let steps = [
            (arrived, Definition::WAITING, Presence { arrived, seated: unset, dismissed: unset }),
            (seated, Definition::SEATED, Presence { arrived, seated, dismissed: unset }),
            (dismissed, Definition::CHECKING_OUT, presence),
        ];
        for (at, confirmed, presence) in steps {
            visit.confirmed = confirmed;
            self.keep_history(key, visit, Change::Changed, at, user, Some(presence))?;
        }
        Ok(())
    }
}

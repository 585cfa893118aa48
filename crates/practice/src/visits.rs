//! Appointments: booked, reminded of, moved, missed, kept.

use std::borrow::Cow;

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::{ApptStatus, CommItemMode, CommSentOrReceived, Permission};

use crate::arena::{Key, PatientKey, ProcedureKey, ProviderKey, VisitKey, add_to, shrink};
use crate::calendar::{age, unset_time, urgent_only};
use crate::codes;
use crate::definitions::Definition;
use crate::diary::{Caller, Slot};
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::Event;
use crate::losses;
use crate::messages::{Log, Talk};
use crate::office_life::{Answer, Change, kind_of};
use crate::people::Waiting;
use crate::treatment::{self, Item, Reason};
use crate::world::World;

/// Days after which a new patient is offered somebody else of the office.
const NEW_WAITS_DAYS: i32 = 8;

/// Chance in a thousand that a day of the month suits, January first, set so that visits follow the claims of 869 practices
/// (2018 to 2024): school and harvest in May and September, cold in January, money and holidays in November and December.
const SEASON: [u32; 12] = [560, 722, 828, 812, 654, 850, 846, 1000, 746, 930, 800, 718];

/// An appointment.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) patient: PatientKey,
    pub(crate) reason: Reason,
    /// Whether a hygienist is the one who is booked.
    pub(crate) hygiene: bool,
    pub(crate) slot: Slot,
    pub(crate) status: ApptStatus,
    pub(crate) confirmed: Definition,
    pub(crate) procedures: Vec<ProcedureKey>,
    /// Whether nobody had seen the patient before.
    pub(crate) first: bool,
    pub(crate) booked: DateTime,
    pub(crate) user: i64,
    pub(crate) stamp: DateTime,
}

impl Visit {
    /// What the appointment is for, as the schedule shows it.
    pub(crate) const fn described(&self) -> &'static str {
        match self.reason {
            Reason::First => "First exam",
            Reason::Recall => "Check-up",
            Reason::Emergency => "Pain",
            Reason::Treatment => "Treatment",
            Reason::Hygiene => "Hygiene treatment",
        }
    }
}

/// When somebody came, was seated and left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presence {
    pub(crate) arrived: DateTime,
    pub(crate) seated: DateTime,
    pub(crate) dismissed: DateTime,
}

impl World<'_> {
    /// Somebody calls, or is called, for an appointment.
    pub(crate) fn seek(&mut self, patient: PatientKey, reason: Reason) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        if !person.is_active() {
            return Ok(());
        }
        if person.lapsed {
            // The office does not know, and writes once more.
            return self.automatic(patient, Definition::TALK_RECALL, "We have not seen you for a while.");
        }
        let mut draw = self.draw(person.family)?;
        let user = self.desk(&mut draw);
        match reason {
            Reason::Recall => self.recall(patient, user, &mut draw),
            Reason::Treatment | Reason::Hygiene => {
                self.book_waiting(patient, reason == Reason::Hygiene, user, &mut draw)
            }
            Reason::First | Reason::Emergency => {
                let from = self.now.date().plus_days(draw.between(1, 12));
                self.book_routine(patient, reason, from, user, &mut draw)
            }
        }
    }

    /// A check-up is due: the patient is reminded, and books or not.
    fn recall(&mut self, patient: PatientKey, user: i64, draw: &mut Draw) -> Result<(), PracticeError> {
        if self.has_visit(patient, &[Reason::Recall, Reason::First])? {
            return Ok(());
        }
        self.automatic(patient, Definition::TALK_RECALL, "Reminder: a check-up is due.")?;
        if draw.chance(700) {
            self.now = self.now.plus_seconds(i64::from(draw.between(600, 9000)));
            let from = self.now.date().plus_days(draw.along(&[1, 6, 12, 20, 40]));
            self.talk(Talk {
                patient,
                about: Definition::TALK_RECALL,
                mode: if draw.chance(600) { CommItemMode::Phone } else { CommItemMode::Text },
                direction: CommSentOrReceived::Received,
                user,
                note: Cow::Borrowed("Books the check-up."),
            })?;
            self.book_routine(patient, Reason::Recall, from, user, draw)
        } else {
            // Some never answer any more.
            if draw.chance(860) {
                let days = draw.between(20, 60);
                self.later(days, draw, Event::Seek(patient, Reason::Recall));
            }
            Ok(())
        }
    }

    /// Something begins to hurt.
    pub(crate) fn ache(&mut self, patient: PatientKey) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        if !person.is_active() || person.lapsed {
            return Ok(());
        }
        let mut draw = self.draw(person.family)?;
        let user = self.desk(&mut draw);
        let from = self.now.date().plus_days(draw.along(&[0, 0, 1, 2, 3, 6]));
        self.talk(Talk {
            patient,
            about: Definition::TALK_APPOINTMENT,
            mode: CommItemMode::Phone,
            direction: CommSentOrReceived::Received,
            user,
            note: Cow::Borrowed("Calls with pain; given an early appointment."),
        })?;
        self.book_routine(patient, Reason::Emergency, from, user, &mut draw)?;
        self.next_ache(patient, &mut draw);
        Ok(())
    }

    /// Whether an appointment for one of these reasons is booked already.
    fn has_visit(&self, patient: PatientKey, reasons: &[Reason]) -> Result<bool, PracticeError> {
        let visits = &self.patients.get(patient)?.visits;
        Ok(visits.iter().filter_map(|v| self.visits.find(*v)).any(|v| reasons.contains(&v.reason)))
    }

    fn find_slot(
        &self,
        patient: PatientKey,
        wanted: ProviderKey,
        from: Date,
        (minutes, caller): (u32, Caller),
        draw: &mut Draw,
    ) -> Result<Option<Slot>, PracticeError> {
        let person = self.patients.get(patient)?;
        let days: Vec<Date> =
            person.visits.iter().filter_map(|v| self.visits.find(*v)).map(|v| v.slot.start.date()).collect();
        let urgent = from <= self.now.date();
        let mut from = from.max(self.now.date());
        // People do not all want the first day that there is, least of all after a weekend, nor every month alike.
        if !urgent {
            from = in_season(from, draw);
            from = from.max(self.now.date().plus_days(1)).plus_days(if from.weekday() < 5 {
                draw.weighted(&[(0, 4), (1, 3), (2, 2), (3, 1)])
            } else {
                draw.between(2, 6)
            });
        }
        self.diary.find(&self.office, wanted, (from, self.now), (minutes, caller), &days, draw)
    }

    /// Books a visit whose work follows from its reason.
    pub(crate) fn book_routine(
        &mut self,
        patient: PatientKey,
        reason: Reason,
        from: Date,
        user: i64,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        if self.has_visit(patient, &[reason])? {
            return Ok(());
        }
        let person = self.patients.get(patient)?;
        let years = age(person.birth, from);
        let minutes = treatment::minutes(reason, years);
        // A dentist sees many new patients himself.
        // Nor does he leave every cleaning to others.
        let mut hygiene = match reason {
            Reason::First => draw.chance(650),
            Reason::Recall => draw.chance(925),
            _ => reason.is_hygiene(),
        };
        let (dentist, hygienist) = (person.dentist, person.hygienist);
        let wanted = |hygiene: bool| if hygiene { hygienist } else { dentist };
        // Pain does not wait for a particular dentist.
        let caller = match reason {
            Reason::Emergency => Caller::InPain,
            Reason::First => Caller::New(2),
            _ => Caller::Known(10),
        };
        let mut slot = self.find_slot(patient, wanted(hygiene), from, (minutes, caller), draw)?;
        // Somebody new is not kept waiting if another of the office has time before.
        let soon = from.plus_days(NEW_WAITS_DAYS);
        if reason == Reason::First && slot.is_none_or(|s| s.start.date() > soon) {
            let other = self.find_slot(patient, wanted(!hygiene), from, (minutes, caller), draw)?;
            if other.is_some_and(|o| slot.is_none_or(|s| o.start < s.start)) {
                (slot, hygiene) = (other, !hygiene);
            }
        }
        let Some(slot) = slot else { return Ok(()) };
        let day = slot.start.date();
        let person = self.patients.get(patient)?;
        let items = treatment::routine(reason, &person.mouth, age(person.birth, day), day, draw);
        let dentist = self.office.dentist_on(day, person.dentist);
        let mut procedures = Vec::new();
        for item in items {
            let own = hygiene && codes::of(item.code).work == codes::Work::Exam;
            let provider = if own { dentist } else { slot.provider };
            procedures.extend(self.plan(patient, &[item], provider, Definition::default(), user)?);
        }
        self.book(patient, (reason, hygiene), slot, procedures, user, draw)
    }

    /// Books the work that has waited longest.
    fn book_waiting(
        &mut self,
        patient: PatientKey,
        hygiene: bool,
        user: i64,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get_mut(patient)?;
        let Some(position) = person.waiting.iter().position(|w| w.hygiene == hygiene) else { return Ok(()) };
        let waiting = person.waiting.remove(position);
        shrink(&mut person.waiting);
        let from = self.now.date().plus_days(draw.along(&[2, 7, 12, 18, 30]));
        match self.find_slot(patient, waiting.provider, from, (waiting.minutes, Caller::Known(10)), draw)? {
            Some(slot) => {
                let reason = if hygiene { Reason::Hygiene } else { Reason::Treatment };
                for procedure in &waiting.procedures {
                    self.procedures.get_mut(*procedure)?.provider = slot.provider;
                }
                self.book(patient, (reason, hygiene), slot, waiting.procedures, user, draw)
            }
            None => Ok(()),
        }
    }

    /// Enters an appointment in the book.
    fn book(
        &mut self,
        patient: PatientKey,
        (reason, hygiene): (Reason, bool),
        slot: Slot,
        procedures: Vec<ProcedureKey>,
        user: i64,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let now = self.now;
        self.diary.mark(slot, true)?;
        let first = self.patients.get(patient)?.first_visit.get().is_none();
        let key = self.visits.next_key();
        for procedure in &procedures {
            let procedure = self.procedures.get_mut(*procedure)?;
            procedure.visit = key;
            procedure.stamp = now.into();
        }
        self.visits.add(Visit {
            patient,
            reason,
            hygiene,
            slot,
            status: ApptStatus::Scheduled,
            confirmed: Definition::UNCONFIRMED,
            procedures,
            first,
            booked: now,
            user,
            stamp: now,
        });
        let person = self.patients.get_mut(patient)?;
        add_to(&mut person.visits, key);
        if let (Reason::Recall, Some(recall)) = (reason, &mut person.recall) {
            recall.scheduled = Some(slot.start.date());
            recall.stamp = now;
        }
        self.expect_visit(key, slot, draw);
        self.note_booking(key, user)?;
        let text = format!("Appointment {} made", self.number(key));
        self.log(Log { permission: Permission::AppointmentCreate, patient, key: key.num(), user, text })
    }

    /// Lets the reminder and the appointment itself happen.
    fn expect_visit(&mut self, key: VisitKey, slot: Slot, draw: &mut Draw) {
        let reminder = slot.start.date().plus_days(-2).at_seconds(9 * 3600 + i64::from(draw.below(3600)));
        if reminder > self.now {
            self.queue.push(reminder, Event::Remind(key, slot.start.into()));
        }
        self.queue.push(slot.start, Event::Visit(key, slot.start.into()));
    }

    /// A reminder goes out two days ahead, and another one the day before.
    pub(crate) fn remind(&mut self, key: VisitKey, start: DateTime) -> Result<(), PracticeError> {
        let Some(visit) = self.visits.find(key).filter(|v| v.slot.start == start) else { return Ok(()) };
        let patient = visit.patient;
        if self.now.date() == start.date().plus_days(-1) {
            return self.remind_again(key, patient);
        }
        let mut draw = self.draw(self.patients.get(patient)?.family)?;
        let sent = self.now;
        let answer = sent.plus_seconds(i64::from(draw.between(120, 20_000)));
        self.queue.push(answer, Event::Answer(key, start.into(), sent.into()));
        self.automatic(patient, Definition::TALK_TEXT, "Reminder of the appointment the day after tomorrow.")
    }

    /// The day before, somebody at the desk calls, or the program writes.
    fn remind_again(&mut self, key: VisitKey, patient: PatientKey) -> Result<(), PracticeError> {
        let mut draw = self.paper(Stream::Post, key.num(), 8);
        if !draw.chance(500) {
            return self.automatic(patient, Definition::TALK_TEXT, "Reminder of the appointment tomorrow.");
        }
        let user = self.desk(&mut draw);
        self.talk(Talk {
            patient,
            about: Definition::TALK_APPOINTMENT,
            mode: CommItemMode::Phone,
            direction: CommSentOrReceived::Sent,
            user,
            note: Cow::Borrowed("Called about the appointment tomorrow."),
        })
    }

    /// The patient confirms, says nothing, or cancels.
    pub(crate) fn answer(
        &mut self,
        key: VisitKey,
        start: DateTime,
        sent: DateTime,
    ) -> Result<(), PracticeError> {
        let Some(visit) = self.visits.find(key).filter(|v| v.slot.start == start) else { return Ok(()) };
        let (patient, minutes) = (visit.patient, visit.slot.minutes);
        let called_off = urgent_only(start.date()) && visit.reason != Reason::Emergency;
        let person = self.patients.get(patient)?;
        let chance = match losses::cancels(start, minutes, age(person.birth, start.date()), person.lapsed) {
            _ if called_off => 970,
            chance => chance,
        };
        let mut draw = self.draw(person.family)?;
        let user = self.desk(&mut draw);
        if draw.chance(chance) {
            self.asked_to_confirm(key, start, sent, Answer::No)?;
            self.talk(Talk {
                patient,
                about: Definition::TALK_APPOINTMENT,
                mode: CommItemMode::Phone,
                direction: if called_off { CommSentOrReceived::Sent } else { CommSentOrReceived::Received },
                user,
                note: Cow::Borrowed(if called_off {
                    "Called off: the office sees nobody but who is in pain."
                } else {
                    "Cannot come."
                }),
            })?;
            return self.cancel(key, user, &mut draw);
        }
        let answers = draw.chance(500);
        let visit = self.visits.get_mut(key)?;
        visit.confirmed = if answers { Definition::CONFIRMED } else { Definition::REMINDED };
        visit.stamp = self.now;
        self.note_change(key, Change::Changed, self.now, 0)?;
        self.asked_to_confirm(key, start, sent, if answers { Answer::Yes } else { Answer::None })?;
        if answers {
            self.talk(Talk {
                patient,
                about: Definition::TALK_TEXT,
                mode: CommItemMode::Text,
                direction: CommSentOrReceived::Received,
                user: 0,
                note: Cow::Borrowed("C"),
            })?;
        }
        // The day before, once more.
        let again = start.date().plus_days(-1).at_seconds(9 * 3600 + i64::from(draw.below(3600)));
        self.queue.push(again, Event::Remind(key, start.into()));
        Ok(())
    }

    /// An appointment that the patient cannot keep is moved, put on the list, or broken.
    fn cancel(&mut self, key: VisitKey, user: i64, draw: &mut Draw) -> Result<(), PracticeError> {
        let now = self.now;
        let visit = self.visits.get(key)?;
        let (patient, reason, old, hygiene) = (visit.patient, visit.reason, visit.slot, visit.hygiene);
        let lapsed = self.patients.get(patient)?.lapsed;
        if !lapsed && draw.chance(260) {
            let from = old.start.date().plus_days(draw.between(2, 25));
            if let Some(slot) =
                self.find_slot(patient, old.provider, from, (old.minutes, Caller::Known(10)), draw)?
            {
                self.diary.mark(old, false)?;
                self.diary.mark(slot, true)?;
                let dentist = self.office.dentist_on(slot.start.date(), self.patients.get(patient)?.dentist);
                for procedure in self.visits.get(key)?.procedures.clone() {
                    let procedure = self.procedures.get_mut(procedure)?;
                    let exam = codes::of(procedure.item.code).work == codes::Work::Exam;
                    procedure.provider = if hygiene && exam { dentist } else { slot.provider };
                    procedure.stamp = now.into();
                }
                let visit = self.visits.get_mut(key)?;
                visit.slot = slot;
                visit.confirmed = Definition::UNCONFIRMED;
                visit.stamp = now;
                let recall = &mut self.patients.get_mut(patient)?.recall;
                if let (Reason::Recall, Some(recall)) = (reason, recall) {
                    recall.scheduled = Some(slot.start.date());
                    recall.stamp = now;
                }
                self.expect_visit(key, slot, draw);
                self.note_change(key, Change::Changed, now, user)?;
                let text = format!("Appointment {} moved", self.number(key));
                return self.log(Log {
                    permission: Permission::AppointmentMove,
                    patient,
                    key: key.num(),
                    user,
                    text,
                });
            }
        }
        let listed = !lapsed && draw.chance(300);
        if !listed && draw.chance(820) && !urgent_only(old.start.date()) {
            self.mark_record(key, "D9987")?;
        }
        self.patients.get_mut(patient)?.forget(key);
        self.drop_visit(key, if listed { ApptStatus::UnschedList } else { ApptStatus::Broken })?;
        let again = if listed { 880 } else { 800 };
        if draw.chance(again) {
            let days = draw.between(5, 40);
            self.later(days, draw, Event::Seek(patient, reason));
        }
        let text = format!("Appointment {} changed", self.number(key));
        self.log(Log { permission: Permission::AppointmentEdit, patient, key: key.num(), user, text })
    }

    /// The time of an appointment has come.
    pub(crate) fn visit(&mut self, key: VisitKey, start: DateTime) -> Result<(), PracticeError> {
        let Some(visit) = self.visits.find(key).filter(|v| v.slot.start == start) else { return Ok(()) };
        let (patient, reason) = (visit.patient, visit.reason);
        let person = self.patients.get(patient)?;
        let facts = losses::Expected {
            start,
            minutes: visit.slot.minutes,
            waited_seconds: (start.micros() - visit.booked.micros()) / 1_000_000,
            public: person.coverage.first().is_some_and(|c| c.plan == crate::payers::public_plan()),
            missed: person.missed,
            female: person.female,
            age: age(person.birth, start.date()),
            lapsed: person.lapsed,
        };
        let mut draw = self.draw(person.family)?;
        if !draw.chance(losses::misses(facts)) {
            return self.keep(key, &mut draw);
        }
        self.now = start.plus_seconds(i64::from(draw.between(1200, 2400)));
        let user = self.desk(&mut draw);
        self.patients.get_mut(patient)?.missed = true;
        self.visits.get_mut(key)?.confirmed = Definition::FAILED;
        self.talk(Talk {
            patient,
            about: Definition::TALK_APPOINTMENT,
            mode: CommItemMode::Phone,
            direction: CommSentOrReceived::Sent,
            user,
            note: Cow::Borrowed("Did not come; message left."),
        })?;
        if draw.chance(850) {
            self.mark_record(key, "D9986")?;
        }
        self.patients.get_mut(patient)?.forget(key);
        self.drop_visit(key, ApptStatus::Broken)?;
        if draw.chance(760) {
            let days = draw.between(1, 25);
            self.later(days, &mut draw, Event::Seek(patient, reason));
        }
        let text = format!("Appointment {} broken", self.number(key));
        self.log(Log { permission: Permission::AppointmentEdit, patient, key: key.num(), user, text })
    }

    /// Charts a mark for an appointment that was not kept.
    fn mark_record(&mut self, key: VisitKey, code: &str) -> Result<(), PracticeError> {
        let visit = self.visits.get(key)?;
        let (patient, provider, user) = (visit.patient, visit.slot.provider, visit.user);
        let now = self.now;
        for mark in self.plan(patient, &[Item::new(code)], provider, Definition::default(), user)? {
            let mut procedure = self.procedures.take(mark)?;
            procedure.visit = key;
            self.emit_procedure(mark, &procedure, bicuspid_opendental::enums::ProcStat::C, Some(now))?;
        }
        Ok(())
    }

    /// Ends an appointment that was not kept: its time is free again, check-up work is given up, planned work waits.
    pub(crate) fn drop_visit(&mut self, key: VisitKey, status: ApptStatus) -> Result<(), PracticeError> {
        let mut visit = self.visits.take(key)?;
        self.diary.mark(visit.slot, false)?;
        visit.status = status;
        visit.stamp = self.now;
        let procedures = std::mem::take(&mut visit.procedures);
        if matches!(visit.reason, Reason::Treatment | Reason::Hygiene) {
            for procedure in &procedures {
                let procedure = self.procedures.get_mut(*procedure)?;
                procedure.visit = VisitKey::default();
                procedure.stamp = self.now.into();
            }
            let hygiene = visit.reason == Reason::Hygiene;
            let provider = visit.slot.provider;
            let waiting = Waiting { procedures, minutes: visit.slot.minutes, hygiene, provider };
            add_to(&mut self.patients.get_mut(visit.patient)?.waiting, waiting);
        } else {
            for procedure in procedures {
                self.give_up(procedure)?;
            }
        }
        let person = self.patients.get_mut(visit.patient)?;
        if let (Reason::Recall, Some(recall)) = (visit.reason, &mut person.recall) {
            recall.scheduled = None;
            recall.stamp = self.now;
        }
        let change = if visit.confirmed == Definition::FAILED { Change::Missed } else { Change::Cancelled };
        self.keep_history(key, &visit, change, self.now, visit.user, None)?;
        self.call_back(key, &visit)?;
        self.emit_visit(key, &visit, None)
    }

    /// Hands out an appointment.
    pub(crate) fn emit_visit(
        &mut self,
        key: VisitKey,
        visit: &Visit,
        presence: Option<Presence>,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get(visit.patient)?;
        let midnight = visit.slot.start.date().midnight();
        let Presence { arrived, seated, dismissed } =
            presence.unwrap_or(Presence { arrived: midnight, seated: midnight, dismissed: midnight });
        let done = visit.status == ApptStatus::Complete;
        let plan = |rank: usize| person.coverage.get(rank).filter(|_| done).map_or(0, |c| c.plan_row.get());
        let hygiene = visit.hygiene;
        let day = visit.slot.start.date();
        let dentist = if hygiene { self.office.dentist_on(day, person.dentist) } else { visit.slot.provider };
        let listed = visit.status == ApptStatus::UnschedList;
        let pattern = pattern(visit.slot.minutes);
        let kind = kind_of(visit, person);
        self.out.row(Rows::Appointment, visit.stamp, |r| {
            r.set("AptNum", key)
                .set("PatNum", visit.patient)
                .set("AptStatus", visit.status.stored())
                .set("Pattern", pattern)
                .set("Confirmed", visit.confirmed)
                .set("Op", visit.slot.chair)
                .set("ProvNum", dentist)
                .set("ProvHyg", if hygiene { visit.slot.provider } else { ProviderKey::default() })
                .set("AptDateTime", visit.slot.start)
                .set(
                    "UnschedStatus",
                    if listed { Definition::UNSCHEDULED_CALL } else { Definition::default() },
                )
                .set("IsNewPatient", visit.first)
                .set("ProcDescript", visit.described())
                .set("IsHygiene", hygiene)
                .set("DateTimeArrived", arrived)
                .set("DateTimeSeated", seated)
                .set("DateTimeDismissed", dismissed)
                .set("InsPlan1", plan(0))
                .set("InsPlan2", plan(1))
                .set("DateTimeAskedToArrive", unset_time())
                .set("AppointmentTypeNum", kind)
                .set("SecUserNumEntry", visit.user)
                .set("SecDateTEntry", visit.booked);
        })
    }
}

/// The day on or after `from` from which somebody wants to come, by the season.
fn in_season(mut from: Date, draw: &mut Draw) -> Date {
    for _ in 0..2 {
        let (_, month, _) = from.ymd();
        let wanted = SEASON.get(usize::from(month) - 1).copied().unwrap_or(1000);
        if draw.chance(wanted) {
            break;
        }
        from = from.plus_days(draw.between(8, 40));
    }
    from
}

/// Provider time in the middle, ten minutes of assistant time at both ends: one character for five minutes.
pub(crate) fn pattern(minutes: u32) -> String {
    let length = usize::try_from(minutes / 5).unwrap_or_default();
    let ends = "/".repeat(2.min(length / 2));
    format!("{ends}{}{ends}", "X".repeat(length - 2 * ends.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_as_long_as_the_appointment() {
        assert_eq!(pattern(30), "//XX//");
        assert_eq!(pattern(10), "//");
        assert_eq!(pattern(0), "");
        assert_eq!(pattern(90).len(), 18);
    }
}

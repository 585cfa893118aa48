//! A visit that takes place: work is completed, charged and claimed, the mouth is examined, the next visit agreed.

use std::borrow::Cow;

use bicuspid_model::Date;
use bicuspid_opendental::enums::{ApptStatus, CommItemMode, CommSentOrReceived, Permission, ProcStat};

use crate::arena::{FamilyKey, Key, PatientKey, ProcedureKey, VisitKey, add_to};
use crate::calendar::{age, plus_months};
use crate::claims::LineState;
use crate::codes::{self, Work};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::error::PracticeError;
use crate::events::{Departure, Event};
use crate::extras;
use crate::fees::Schedule;
use crate::ledger::{About, Open};
use crate::messages::{Log, Talk};
use crate::money::Cents;
use crate::mouth::{Gums, Mouth};
use crate::office_life::Change;
use crate::people::{Habit, Waiting};
use crate::recall::{Kind, Recall};
use crate::treatment::{self, Finding, Item, Reason};
use crate::visits::{Presence, Visit};
use crate::world::World;

impl World<'_> {
    /// A visit takes place.
    pub(crate) fn keep(&mut self, key: VisitKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let mut visit = self.visits.take(key)?;
        let patient = visit.patient;
        let start = visit.slot.start;
        let day = start.date();
        let arrived = start.plus_seconds(i64::from(draw.between(-14, 3)) * 60);
        let waits = draw.along(&[1, 3, 5, 6, 8, 11, 18, 35]);
        let seated = arrived.plus_seconds(i64::from(waits) * 60);
        let dismissed = seated
            .max(start)
            .plus_seconds(i64::from(visit.slot.minutes) * 60 - i64::from(draw.between(-5, 8)) * 60);
        self.now = dismissed;
        let person = self.patients.get_mut(patient)?;
        person.forget(key);
        let family = person.family;
        person.last_visit = day.into();
        visit.first = person.first_visit.get().is_none();
        if visit.first {
            person.first_visit = day.into();
            person.stamp = dismissed;
        }
        let mut procedures = std::mem::take(&mut visit.procedures);
        let person = self.patients.get(patient)?;
        if let Some(item) = extras::extra(visit.reason, &person.mouth, age(person.birth, day), draw) {
            let user = visit.user;
            self.now = seated;
            procedures.extend(self.plan(
                patient,
                &[item],
                visit.slot.provider,
                Definition::default(),
                user,
            )?);
            self.now = dismissed;
            if let Some(extra) = procedures.last() {
                self.procedures.get_mut(*extra)?.visit = key;
            }
        }
        let done = self.complete(&visit, procedures)?;
        let user = self.desk(draw);
        let presence = Presence { arrived, seated, dismissed };
        self.note_presence(key, &mut visit, presence, user)?;
        visit.status = ApptStatus::Complete;
        visit.confirmed = Definition::SHOWED;
        visit.stamp = dismissed;
        let closed = dismissed.plus_seconds(45);
        self.keep_history(key, &visit, Change::Changed, closed, user, Some(presence))?;
        self.emit_visit(key, &visit, Some(presence))?;
        self.talk_at_desk(patient, presence, user, draw)?;
        self.chart(key, &visit, &done, seated)?;
        let text = format!("Appointment {} completed", self.number(key));
        self.log(Log { permission: Permission::AppointmentEdit, patient, key: key.num(), user, text })?;
        self.claim(patient, &done, &visit, draw)?;
        self.discount(patient, family, &done, draw)?;
        self.use_prepayments(patient, family, draw)?;
        self.pay_at_visit(patient, family, draw)?;
        self.follow_up(&visit, &done, user, draw)?;
        self.examine(&visit, draw)?;
        self.next_check_up(&visit, user, draw)?;
        self.settle_up(family, draw)
    }

    /// What is said at the desk when somebody comes and goes.
    fn talk_at_desk(
        &mut self,
        patient: PatientKey,
        presence: Presence,
        user: i64,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let left = self.now;
        let mut say = |at, chance, note| {
            if !draw.chance(chance) {
                return Ok(());
            }
            self.now = at;
            self.talk(Talk {
                patient,
                about: Definition::TALK_OTHER,
                mode: CommItemMode::InPerson,
                direction: CommSentOrReceived::Neither,
                user,
                note: Cow::Borrowed(note),
            })
        };
        say(presence.arrived, 450, "Address, telephone and insurance looked through at the desk.")?;
        say(left, 900, "Told what was done today and what comes next.")?;
        self.now = left;
        Ok(())
    }

    /// Completes the work of a visit: each procedure is charged at today's fee.
    fn complete(
        &mut self,
        visit: &Visit,
        procedures: Vec<ProcedureKey>,
    ) -> Result<Vec<LineState>, PracticeError> {
        let (day, patient, now) = (visit.slot.start.date(), visit.patient, self.now);
        let as_of = self.as_of();
        let mut taken = Vec::new();
        for key in procedures {
            let person = self.patients.get(patient)?;
            let item = self.procedures.get(key)?.item;
            let item = Item { code: on_the_day(item, age(person.birth, day), &person.mouth, day), ..item };
            if has_passed(item, &person.mouth, age(person.birth, day), day) {
                self.give_up(key)?;
                continue;
            }
            let mut procedure = self.procedures.take(key)?;
            procedure.item = item;
            procedure.fee = self.fees.amount(Schedule::Office, procedure.item.code, day);
            procedure.stamp = now.into();
            taken.push((key, procedure));
        }
        let items = taken.iter().map(|(_, p)| (p.item, p.fee));
        let estimates = self.estimates(patient, items, day)?;
        let mut done = Vec::new();
        for ((key, procedure), estimate) in taken.into_iter().zip(estimates) {
            self.emit_procedure(key, &procedure, ProcStat::C, Some(visit.slot.start))?;
            let person = self.patients.get_mut(patient)?;
            person.treated = true;
            person.mouth.plan(procedure.item.tooth, false);
            person.mouth.treat(codes::of(procedure.item.code).code, procedure.item.tooth, day);
            let item = Open {
                about: About::Procedure(key.num()),
                patient,
                provider: procedure.provider,
                day,
                left: procedure.fee,
                expected: Cents::ZERO,
            };
            let family = person.family;
            if procedure.fee.is_positive() {
                self.families.get_mut(family)?.ledger.charge(item, as_of);
            }
            self.owe(patient, procedure.fee)?;
            let user = self.office.provider(procedure.provider)?.user;
            let text = format!("Procedure {} completed", self.number(key));
            self.log(Log { permission: Permission::ProcComplCreate, patient, key: key.num(), user, text })?;
            done.push(LineState::planned(key.num(), &procedure, estimate));
        }
        Ok(done)
    }

    /// Claims what was done, if there is anybody to claim from.
    fn claim(
        &mut self,
        patient: PatientKey,
        done: &[LineState],
        visit: &Visit,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let day = visit.slot.start.date();
        let covered = !self.patients.get(patient)?.coverage.is_empty();
        let lines: Vec<LineState> = done.iter().filter(|l| l.fee.is_positive()).copied().collect();
        if !covered || lines.is_empty() {
            return Ok(());
        }
        let mut lines = lines;
        for line in lines.iter_mut().filter(|l| l.key == 0) {
            line.key = self.keys.claim_line.next();
        }
        // Now and then nobody writes the claim; the estimates stay.
        if !draw.chance(982) {
            for line in &lines {
                self.emit_estimate(patient, line, day, self.now)?;
            }
            return Ok(());
        }
        let provider = self.office.dentist_on(day, self.patients.get(patient)?.dentist);
        let policy = self.patients.get(patient)?.coverage.first().map_or(0, |c| c.number.get());
        self.write_claim(patient, (0, policy), lines, day, provider, draw)
    }

    /// What one procedure brings with it: a crown after a root canal, an implant after an extraction.
    fn follow_up(
        &mut self,
        visit: &Visit,
        done: &[LineState],
        user: i64,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let patient = visit.patient;
        if visit.reason == Reason::Treatment && draw.chance(250) {
            self.talk(Talk {
                patient,
                about: Definition::TALK_OTHER,
                mode: CommItemMode::Phone,
                direction: CommSentOrReceived::Sent,
                user,
                note: Cow::Borrowed("Asked how it went; all well."),
            })?;
        }
        let years = age(self.patients.get(patient)?.birth, visit.slot.start.date());
        for line in done {
            let tooth = line.tooth;
            let finding = match codes::of(line.code).code {
                "D3310" | "D3320" | "D3330" if draw.chance(820) => {
                    Some(Finding { appeal: 900, ..treatment::crown_on(tooth, draw) })
                }
                "D7140" | "D7210" if years >= 22 && !tooth.is_baby() && draw.chance(247) => {
                    Some(treatment::implant("D6010", tooth, 400))
                }
                "D6010" => Some(treatment::implant("D6058", tooth, 1000)),
                // A bridge is fitted as a whole.
                "D2740" | "D2750" | "D2751" | "D2790" | "D6058" | "D6240" => {
                    Some(treatment::fitting("N0001", tooth))
                }
                "D5110" | "D5120" | "D5213" | "D5214" | "D9944" => {
                    Some(treatment::fitting("N0002", crate::mouth::Tooth::NONE))
                }
                _ => None,
            };
            if let Some(finding) = finding {
                self.patients.get_mut(patient)?.mouth.plan(tooth, true);
                let wait = if codes::of(line.code).code == "D6010" { 75 } else { draw.between(8, 15) };
                self.propose(visit.patient, &finding, wait, draw)?;
            }
        }
        Ok(())
    }

    /// The dentist examines; what is found is proposed.
    fn examine(&mut self, visit: &Visit, draw: &mut Draw) -> Result<(), PracticeError> {
        if matches!(visit.reason, Reason::Treatment | Reason::Hygiene) {
            return Ok(());
        }
        let day = visit.slot.start.date();
        let person = self.patients.get_mut(visit.patient)?;
        if person.mouth.last_exam.get() != Some(day) {
            return Ok(());
        }
        let years = age(person.birth, day);
        let found = treatment::findings(visit.reason, &mut person.mouth, years, draw);
        for (wait, finding) in (0..).step_by(9).zip(found) {
            self.propose(visit.patient, &finding, wait + draw.between(4, 16), draw)?;
        }
        Ok(())
    }

    /// Work is planned and proposed; whoever agrees gets an appointment.
    pub(crate) fn propose(
        &mut self,
        patient: PatientKey,
        finding: &Finding,
        wait: i32,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        let surgery = |i: &Item| codes::of(i.code).work == Work::Surgery || codes::of(i.code).code == "D6010";
        let surgeon = self.office.specialist(person.dentist).filter(|_| finding.items.iter().any(surgery));
        let provider = match surgeon {
            Some(surgeon) if draw.chance(450) => surgeon,
            _ if finding.hygiene => person.hygienist,
            _ => person.dentist,
        };
        let user = self.office.provider(person.dentist)?.user;
        let procedures = self.plan(patient, &finding.items, provider, finding.diagnosis, user)?;
        let share = self.share(patient, &procedures)?;
        let person = self.patients.get(patient)?;
        // Two crowns on neighbouring days are one visit to fit them.
        if let Some(first) = finding.items.first().filter(|i| codes::of(i.code).code.starts_with('N')) {
            let same = |w: &&Waiting| {
                let mut codes = w.procedures.iter().filter_map(|p| self.procedures.find(*p));
                codes.any(|p| p.item.code == first.code)
            };
            if let Some(position) = person.waiting.iter().position(|w| same(&w)) {
                let person = self.patients.get_mut(patient)?;
                if let Some(waiting) = person.waiting.get_mut(position) {
                    waiting.procedures.extend(procedures);
                }
                return Ok(());
            }
        }
        let agrees = draw.chance(finding.appeal);
        self.save_plan(patient, &procedures, agrees)?;
        // Some come back to it after months.
        let later = !agrees && draw.chance(120);
        if !agrees && !later {
            // It stays in the chart as planned, and nothing happens to it any more.
            for key in procedures {
                self.emit_plan_of(key)?;
            }
            return Ok(());
        }
        let waiting = Waiting { procedures, minutes: finding.minutes, hygiene: finding.hygiene, provider };
        let reason = if finding.hygiene { Reason::Hygiene } else { Reason::Treatment };
        add_to(&mut self.patients.get_mut(patient)?.waiting, waiting);
        let days = if agrees { wait } else { draw.between(60, 240) };
        self.later(days, draw, Event::Seek(patient, reason));
        if agrees { self.prepay(patient, provider, share, draw) } else { Ok(()) }
    }

    /// What planned work is expected to cost the patient.
    fn share(&self, patient: PatientKey, procedures: &[ProcedureKey]) -> Result<Cents, PracticeError> {
        let mut items = Vec::new();
        for key in procedures {
            let procedure = self.procedures.get(*key)?;
            items.push((procedure.item, procedure.fee));
        }
        let fees: Cents = items.iter().map(|(_, fee)| *fee).sum();
        let estimates = self.estimates(patient, items.into_iter(), self.now.date())?;
        Ok(fees - estimates.iter().map(|e| e.pays + e.write_off).sum())
    }

    /// After a check-up: when should the next one be, and is it booked at once?
    fn next_check_up(&mut self, visit: &Visit, user: i64, draw: &mut Draw) -> Result<(), PracticeError> {
        let patient = visit.patient;
        let day = visit.slot.start.date();
        let person = self.patients.get(patient)?;
        let years = age(person.birth, day);
        match visit.reason {
            Reason::First | Reason::Recall => {}
            Reason::Hygiene if person.mouth.gums == Gums::Treated => {}
            _ => return Ok(()),
        }
        // Without teeth there are no gums to look after.
        let kind = Kind::of(years, if person.mouth.toothless() { Gums::Healthy } else { person.mouth.gums });
        let habit = person.habit;
        let scheduled = person.recall.and_then(|r| r.scheduled).filter(|_| visit.reason == Reason::Hygiene);
        let stamp = self.now;
        let person = self.patients.get_mut(patient)?;
        let months = person.upkeep_months;
        person.recall = Some(Recall { kind, previous: day, scheduled, stamp, months });
        if visit.reason == Reason::Hygiene && scheduled.is_some() {
            return Ok(());
        }
        if self.departs(patient, years, draw) {
            return Ok(());
        }
        let due = kind.due(day, months);
        let (booked, gap) = match habit {
            Habit::HalfYearly => (940, 0),
            Habit::Yearly => (450, 6),
            Habit::Rarely => (60, 20),
            Habit::InPain => (0, 0),
        };
        let from = plus_months(due, gap);
        if draw.chance(booked) {
            self.book_routine(patient, Reason::Recall, from, user, draw)?;
            self.talk(Talk {
                patient,
                about: Definition::TALK_APPOINTMENT,
                mode: CommItemMode::InPerson,
                direction: CommSentOrReceived::Sent,
                user,
                note: Cow::Borrowed("Next check-up agreed at the desk."),
            })
        } else {
            if habit != Habit::InPain || draw.chance(150) {
                let days = from.days() - day.days() + draw.along(&[-5, 5, 20, 45, 110]);
                self.later(days, draw, Event::Seek(patient, Reason::Recall));
            }
            Ok(())
        }
    }

    /// Draws whether somebody will leave before the next check-up.
    fn departs(&mut self, patient: PatientKey, years: i32, draw: &mut Draw) -> bool {
        let covered = self.patients.find(patient).is_some_and(|p| !p.coverage.is_empty());
        let dying = match years {
            ..70 => 0,
            70..80 => 9,
            80..88 => 28,
            _ => 65,
        };
        let departure = if draw.chance(dying) {
            Departure::Death
        } else if draw.chance(22) {
            Departure::Away
        } else if draw.chance(if covered { 57 } else { 114 }) {
            Departure::Silent
        } else {
            return false;
        };
        let days = draw.between(20, 170);
        self.later(days, draw, Event::Leave(patient, departure));
        // Who leaves soon still books now and then.
        draw.chance(500)
    }

    /// Takes something off for the old, for whoever pays at once, for families, for the staff.
    fn discount(
        &mut self,
        patient: PatientKey,
        family: FamilyKey,
        done: &[LineState],
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        let total: Cents = done.iter().map(|l| l.fee).sum();
        let Some(largest) = done.iter().max_by_key(|l| l.fee).copied() else { return Ok(()) };
        if total < Cents::dollars(60) {
            return Ok(());
        }
        let covered = !person.coverage.is_empty();
        let years = age(person.birth, self.now.date());
        let members = self.families.get(family)?.members.len();
        let (kind, percent, note) = if !covered && years >= 65 && draw.chance(450) {
            (Definition::SENIOR_DISCOUNT, 10, "Senior discount")
        } else if !covered && draw.chance(600) {
            (Definition::CASH_DISCOUNT, 8, "Cash discount")
        } else if !covered && members >= 3 && draw.chance(250) {
            (Definition::FAMILY_DISCOUNT, 5, "Family discount")
        } else if draw.chance(16) {
            (Definition::STAFF_DISCOUNT, 25, "Staff discount")
        } else if draw.chance(150) {
            (Definition::CORRECTION, 4, "Courtesy")
        } else {
            return Ok(());
        };
        // No more than the family will owe of the largest item.
        let owed = self
            .families
            .get(family)?
            .ledger
            .open
            .iter()
            .find(|o| o.about == About::Procedure(largest.procedure));
        let amount = total.percent(percent).min(owed.map_or(Cents::ZERO, Open::due));
        if amount.is_positive() {
            self.adjust(
                patient,
                About::Procedure(largest.procedure),
                largest.provider,
                kind,
                -amount,
                note,
                draw,
            )?;
        }
        Ok(())
    }
}

/// Whether planned work makes no sense any more: the tooth has gone, or the gums were treated meanwhile.
fn has_passed(item: Item, mouth: &Mouth, age: i32, day: Date) -> bool {
    let code = codes::of(item.code);
    match code.code {
        "D4341" | "D4342" => mouth.last_deep.get().is_some_and(|last| last < day),
        "D5110" => !mouth.bare(true),
        "D5120" => !mouth.bare(false),
        "D0120" => mouth.last_exam.get().is_none() || mouth.too_soon(code.code, day),
        "D0210" | "D0330" | "D0272" | "D0274" | "D1110" | "D1120" | "D4346" | "D4355" | "D4910" => {
            mouth.too_soon(code.code, day)
        }
        "D2740" | "D2750" | "D2751" | "D2790" | "D2930" | "D3310" | "D3320" | "D3330"
            if mouth.is_crowned(item.tooth) =>
        {
            true
        }
        // These stand for a tooth that is missing.
        "N0001" | "D6010" | "D6057" | "D6058" | "D6240" | "D7953" | "D7250" | "D5640" | "D6930" | "D9120" => {
            false
        }
        _ => code.names_tooth() && (!mouth.has(item.tooth) || (item.tooth.is_baby() && age >= 14)),
    }
}

/// The code that fits on the day itself: who was a child when the appointment was made may have grown up, whose gums
/// were treated since needs upkeep, and where no tooth is left to be examined again so soon, dentures are looked at.
fn on_the_day(item: Item, age: i32, mouth: &Mouth, day: Date) -> crate::arena::CodeKey {
    let gums = mouth.gums;
    let code = codes::of(item.code);
    match (code.code, code.work) {
        ("D1110" | "D1120", Work::Prevent) if age < 14 => codes::find("D1120").0,
        ("D1110" | "D1120", Work::Prevent) if gums == Gums::Treated => codes::find("D4910").0,
        ("D1110" | "D1120", Work::Prevent) => codes::find("D1110").0,
        ("D0145", _) if age >= 3 => codes::find("D0150").0,
        ("D0120", _) if mouth.toothless() && mouth.too_soon("D0120", day) => codes::find("D0170").0,
        _ => item.code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_the_day() {
        let day = Date::from_days(9000);
        let code = |code: &str, age, gums| {
            let mut mouth = Mouth::default();
            mouth.gums = gums;
            codes::of(on_the_day(Item::new(code), age, &mouth, day)).code
        };
        assert_eq!(code("D1120", 14, Gums::Healthy), "D1110");
        assert_eq!(code("D1110", 13, Gums::Healthy), "D1120");
        assert_eq!(code("D1110", 50, Gums::Treated), "D4910");
        assert_eq!(code("D0145", 3, Gums::Healthy), "D0150");
        assert_eq!(code("D0120", 3, Gums::Healthy), "D0120");
    }
}

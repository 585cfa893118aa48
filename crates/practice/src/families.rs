//! Families come, grow and leave.

use std::borrow::Cow;

use bicuspid_model::Date;
use bicuspid_opendental::enums::{
    ApptStatus, CommItemMode, CommSentOrReceived, PatientPosition, PatientStatus, Permission,
};

use crate::arena::{FamilyKey, Key, PatientKey, add_to};
use crate::calendar::age;
use crate::compact::Day;
use crate::definitions::Definition;
use crate::draw::{Draw, Stream};
use crate::error::PracticeError;
use crate::events::{Departure, Event};
use crate::messages::{Log, Talk};
use crate::money::Cents;
use crate::mouth::Mouth;
use crate::names::{self, Street, Word};
use crate::office_life::Errand;
use crate::people::{self, Arrival, Habit, Newcomer, Patient};
use crate::treatment::Reason;
use crate::world::{World, in_hours};

/// After so many days without a visit somebody is no active patient any more when the office next looks.
const FORGOTTEN_DAYS: i32 = 840;
/// Days after which new patients want their first visit: few can come at once, and many want a day that suits them.
pub(crate) const FIRST_VISIT_DAYS: &[i32] = &[1, 7, 14, 23, 33, 47, 74];
/// Days from one ache to the next.
const ACHES: &[i32] = &[40, 420, 850, 1400, 2000, 2900, 4200, 6500];

impl World<'_> {
    /// Makes the families that were there before the first day; they bring their records along. The others call when their
    /// day comes.
    pub(crate) fn settle_families(&mut self, draw: &mut Draw) -> Result<(), PracticeError> {
        let crate::settings::Settings { patients, seed, start_date, end_date, .. } = self.settings;
        let mut arrivals = people::arrivals(patients, start_date, self.counted, draw);
        people::later_arrivals(&mut arrivals, seed, (start_date, self.counted, end_date));
        for ((number, stream), arrival) in (0_u32..).zip(1_u64..).zip(&arrivals) {
            if arrival.before {
                self.settle_family(stream, *arrival)?;
            } else {
                let called = in_hours(arrival.day, &mut Draw::new(seed, Stream::Family, stream, 1));
                self.queue.push(called, Event::Arrive(number));
            }
        }
        self.arrivals = arrivals;
        Ok(())
    }

    fn settle_family(&mut self, stream: u64, arrival: Arrival) -> Result<FamilyKey, PracticeError> {
        let mut draw = Draw::new(self.settings.seed, Stream::Family, stream, 0);
        let start = self.settings.start_date;
        // Ages are those of the day on which they are first looked at.
        let seen = if arrival.before { start } else { arrival.day };
        // A draw that nothing hangs on any more: without it, every family ever made would be another.
        draw.word();
        let family = self.families.add(people::family(stream, &mut draw));
        let (household, couple) = people::household(arrival.people, &mut draw);
        let parents = if couple { 2 } else { 1 };
        let last = household.len().saturating_sub(1);
        for (number, (years, female)) in household.iter().enumerate() {
            let adult = *years >= 19;
            let position = match (adult, couple && number < 2) {
                (false, _) => PatientPosition::Child,
                (true, true) => PatientPosition::Married,
                (true, false) if number > 0 => PatientPosition::Single,
                (true, false) if *years > 70 && draw.chance(450) => PatientPosition::Widowed,
                _ => PatientPosition::Single,
            };
            let mut newcomer = Newcomer { years: *years, female: *female, position };
            // Now and then somebody joins later: a child that is not born yet, or the partner.
            let join = seen.max(self.now.date()).plus_days(draw.between(90, 900));
            let until = if arrival.day < self.counted { self.counted } else { self.settings.end_date };
            let joins = draw.chance(if adult { 180 } else { 400 });
            if number > 0 && number == last && join.plus_days(14) < until && joins {
                // A child that is yet to come has parents who are young enough.
                let parents = household.iter().take(parents);
                if adult || parents.map(|(age, _)| *age).max().is_some_and(|oldest| oldest <= 42) {
                    if !adult {
                        newcomer.years = 2 + i32::from(draw.chance(850));
                    }
                    self.families.get_mut(family)?.to_come.push(newcomer);
                    self.later(join.days() - self.now.date().days(), &mut draw, Event::Join(family));
                    continue;
                }
            }
            // Children born after the family came were entered when they were a year old.
            let birth = people::birthday(newcomer.years, seen, &mut draw);
            let entered = arrival.day.max(birth.plus_days(366).min(seen));
            self.enter(family, newcomer, birth, entered, &mut draw)?;
        }
        self.cover(family, &mut draw)?;
        for key in self.families.get(family)?.members.clone() {
            self.choose_habit(key, seen, &mut draw)?;
            if arrival.before {
                self.bring_along(key, &mut draw)?;
            }
        }
        Ok(family)
    }

    /// Enters a member of a family.
    fn enter(
        &mut self,
        family: FamilyKey,
        newcomer: Newcomer,
        birth: Date,
        entered: Date,
        draw: &mut Draw,
    ) -> Result<PatientKey, PracticeError> {
        let Newcomer { years, female, position } = newcomer;
        let account = self.families.get(family)?;
        let number = account.members.len();
        let surname = match account.members.first() {
            Some(head) => self.patients.get(*head)?.last,
            None => Word::of(names::surname(draw)),
        };
        let dentist = self.office.any(draw, false);
        let hygienist = self.office.any(draw, true);
        let own_name = position == PatientPosition::Married && number == 1 && draw.chance(180);
        let called = if self.now.date() == entered {
            self.now
        } else {
            entered.at_seconds(9 * 3600 + i64::from(draw.below(7 * 3600)))
        };
        let key = self.patients.add(Patient {
            family,
            last: if own_name { Word::of(names::surname(draw)) } else { surname },
            first: Word::of(names::first_name(draw, female, years < 25)),
            initial: Word::of(names::initial(draw)),
            female,
            birth,
            position,
            entered,
            status: PatientStatus::Patient,
            dentist,
            hygienist,
            coverage: Vec::new(),
            former: Vec::new(),
            // Some live elsewhere: with the other parent, at college, on their own.
            street: (number > 0 && draw.chance(50)).then(|| Street::any(draw)),
            upkeep_months: draw.weighted(&[(3, 12), (4, 40), (6, 48)]),
            habit: Habit::InPain,
            mouth: Mouth::new(years, draw),
            phone: names::phone(draw),
            texts: draw.chance(if years < 70 { 820 } else { 420 }),
            first_visit: Day::default(),
            last_visit: Day::default(),
            missed: false,
            lapsed: false,
            treated: false,
            balance: Cents::ZERO,
            recall: None,
            visits: Vec::new(),
            waiting: Vec::new(),
            died: None,
            stamp: called,
        });
        add_to(&mut self.families.get_mut(family)?.members, key);
        Ok(key)
    }

    /// Draws how somebody keeps to check-ups from now on.
    pub(crate) fn choose_habit(
        &mut self,
        key: PatientKey,
        seen: Date,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get_mut(key)?;
        let covered = !person.coverage.is_empty();
        person.habit = people::habit(age(person.birth, seen), person.female, covered, draw);
        Ok(())
    }

    /// A new family calls: it is entered and gets its first appointments.
    pub(crate) fn arrive(&mut self, number: u32) -> Result<(), PracticeError> {
        let arrival = usize::try_from(number).ok().and_then(|number| self.arrivals.get(number));
        let arrival = *arrival.ok_or(PracticeError::Fault("arrival"))?;
        let family = self.settle_family(u64::from(number) + 1, arrival)?;
        let mut draw = self.draw(family)?;
        for patient in self.families.get(family)?.members.clone() {
            self.now = self.now.plus_seconds(i64::from(draw.between(60, 200)));
            self.receive_newcomer(patient, &mut draw)?;
        }
        Ok(())
    }

    /// Somebody joins a family that comes already: a child that has grown its teeth, or a partner.
    pub(crate) fn join(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let account = self.families.get_mut(family)?;
        let Some(newcomer) = account.to_come.pop() else { return Ok(()) };
        let today = self.now.date();
        let birth = people::birthday(newcomer.years, today, &mut draw);
        let key = self.enter(family, newcomer, birth, today, &mut draw)?;
        self.cover_newcomer(family, key)?;
        self.choose_habit(key, today, &mut draw)?;
        self.receive_newcomer(key, &mut draw)
    }

    /// Somebody new is entered and gets a first appointment.
    fn receive_newcomer(&mut self, patient: PatientKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let user = self.desk(draw);
        self.patients.get_mut(patient)?.stamp = self.now;
        let text = "Patient entered".to_owned();
        self.log(Log { permission: Permission::PatientCreate, patient, key: patient.num(), user, text })?;
        self.ask_for_benefits(patient, user)?;
        self.talk(Talk {
            patient,
            about: Definition::TALK_APPOINTMENT,
            mode: if draw.chance(650) { CommItemMode::Phone } else { CommItemMode::Email },
            direction: CommSentOrReceived::Received,
            user,
            note: Cow::Borrowed("New patient asks for a first appointment."),
        })?;
        if draw.chance(110) {
            let from = self.now.date().plus_days(draw.along(&[0, 1, 3, 8]));
            self.book_routine(patient, Reason::Emergency, from, user, draw)?;
            let days = draw.between(15, 40);
            self.later(days, draw, Event::Seek(patient, Reason::First));
        } else {
            let from = self.now.date().plus_days(draw.along(FIRST_VISIT_DAYS));
            self.book_routine(patient, Reason::First, from, user, draw)?;
        }
        self.next_ache(patient, draw);
        Ok(())
    }

    /// Draws when something will hurt next.
    pub(crate) fn next_ache(&mut self, patient: PatientKey, draw: &mut Draw) {
        let days = draw.along(ACHES);
        self.later(days, draw, Event::Ache(patient));
    }

    /// Draws when something will hurt that somebody has not been looked at for, today as likely as any day.
    pub(crate) fn first_ache(&mut self, patient: PatientKey, draw: &mut Draw) {
        let days = draw.along(ACHES) - ACHES.first().copied().unwrap_or_default();
        self.later(days, draw, Event::Ache(patient));
    }

    /// Somebody leaves, alone or with the family: appointments to come are taken out of the book.
    pub(crate) fn leave(&mut self, patient: PatientKey, departure: Departure) -> Result<(), PracticeError> {
        if !self.patients.get(patient)?.is_active() {
            return Ok(());
        }
        let family = self.patients.get(patient)?.family;
        let mut draw = self.draw(family)?;
        let together = departure != Departure::Death && draw.chance(450);
        let leaving = if together { self.families.get(family)?.members.clone() } else { vec![patient] };
        for member in leaving {
            self.depart(member, departure)?;
        }
        let note = match departure {
            Departure::Silent => return Ok(()),
            Departure::Away => "Goes to another practice; records sent.",
            Departure::Death => "Family tells of the patient's death.",
        };
        let user = self.desk(&mut draw);
        if departure == Departure::Away {
            self.remember(Errand::Records, patient, user)?;
        }
        self.talk(Talk {
            patient,
            about: Definition::TALK_OTHER,
            mode: CommItemMode::Phone,
            direction: CommSentOrReceived::Received,
            user,
            note: Cow::Borrowed(note),
        })
    }

    fn depart(&mut self, patient: PatientKey, departure: Departure) -> Result<(), PracticeError> {
        let now = self.now;
        let person = self.patients.get_mut(patient)?;
        if !person.is_active() {
            return Ok(());
        }
        person.lapsed = true;
        match departure {
            Departure::Silent => {}
            Departure::Away => person.status = PatientStatus::Inactive,
            Departure::Death => {
                person.status = PatientStatus::Deceased;
                person.died = Some(now.into());
            }
        }
        let visits = if departure == Departure::Silent {
            // Nobody knows yet; what is booked will be missed or cancelled.
            Vec::new()
        } else {
            person.stamp = now;
            person.waiting = Vec::new();
            std::mem::take(&mut person.visits)
        };
        if let (true, Some(recall)) = (departure != Departure::Silent, &mut person.recall) {
            recall.scheduled = None;
            recall.stamp = now;
        }
        for visit in visits {
            self.drop_visit(visit, ApptStatus::Broken)?;
        }
        Ok(())
    }

    /// Once a month the office goes through its list: whoever has not come for two years is no active patient any more.
    pub(crate) fn sweep(&mut self) -> Result<(), PracticeError> {
        let now = self.now;
        for key in self.patients.keys() {
            let person = self.patients.get(key)?;
            let since = person.last_visit.get().unwrap_or(person.entered);
            let forgotten = now.date().days() - since.days() > FORGOTTEN_DAYS;
            if !forgotten || !person.is_active() || !person.visits.is_empty() {
                continue;
            }
            let user = self.office.bookkeeper();
            let person = self.patients.get_mut(key)?;
            person.status = PatientStatus::Inactive;
            person.lapsed = true;
            person.waiting = Vec::new();
            person.stamp = now;
            let text = "Status changed to inactive".to_owned();
            self.log(Log { permission: Permission::PatientEdit, patient: key, key: key.num(), user, text })?;
        }
        Ok(())
    }
}

//! Families come, are covered, and leave; at the end their rows are written.

use std::borrow::Cow;

use bicuspid_model::{Date, Value};
use bicuspid_opendental::enums::{
    ApptStatus, CommItemMode, CommSentOrReceived, ContactMethod, PatientPosition, PatientStatus, Permission,
    ProcStat, Relat, YN,
};

use crate::arena::{FamilyKey, Key, PatientKey, PlanKey};
use crate::calendar::{age, unset_date, unset_time};
use crate::definitions::Definition;
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::{Departure, Event};
use crate::ledger::Aging;
use crate::messages::{Log, Talk};
use crate::money::Cents;
use crate::mouth::{Gums, Mouth};
use crate::names;
use crate::payers::public_plan;
use crate::people::{self, Arrival, Coverage, Habit, Patient, Purse};
use crate::procedures::Procedure;
use crate::recall::{self, Kind, Recall};
use crate::treatment::{Item, Reason};
use crate::world::{World, in_hours};

/// Cover of a household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cover {
    /// None.
    #[default]
    None,
    /// Public, mostly for children.
    Public,
    /// A plan through an employer.
    Private,
}

impl World<'_> {
    /// Makes every family of the history. Those that were there before bring their records along; the others call when
    /// their day comes.
    pub(crate) fn settle_families(&mut self, draw: &mut Draw) -> Result<(), PracticeError> {
        let crate::settings::Settings { patients, seed, start_date, end_date, .. } = self.settings;
        for arrival in people::arrivals(patients, start_date, end_date, draw) {
            let id = u64::try_from(self.families.next_key().num()).unwrap_or_default();
            let mut draw = Draw::new(seed, Stream::Family, id, 0);
            let family = self.families.add(people::family(&mut draw));
            self.settle_family(family, arrival, &mut draw)?;
        }
        Ok(())
    }

    fn settle_family(
        &mut self,
        family: FamilyKey,
        arrival: Arrival,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let start = self.settings.start_date;
        // Ages are those of the day on which they are first looked at.
        let seen = if arrival.before { start } else { arrival.day };
        let household = people::household(arrival.people, draw);
        let surname = names::surname(draw);
        let dentist = self.office.any(draw, false);
        let hygienist = self.office.any(draw, true);
        let called =
            if arrival.before { arrival.day.at_seconds(10 * 3600) } else { in_hours(arrival.day, draw) };
        let couple = household.get(1).is_some_and(|(age, _)| *age >= 19);
        for (number, (years, female)) in household.iter().enumerate() {
            let adult = *years >= 19;
            let birth = people::birthday(*years, seen, draw);
            // Children born after the family came were entered when they were a year old.
            let entered = arrival.day.max(birth.plus_days(366).min(seen));
            let own_name = adult && number == 1 && draw.chance(180);
            let patient = Patient {
                family,
                last: if own_name { names::surname(draw) } else { surname },
                first: names::first_name(draw, *female, *years < 25),
                initial: draw.pick(&["A", "B", "C", "D", "E", "J", "K", "L", "M", "R", "S", ""]),
                female: *female,
                birth,
                position: match (adult, couple && number < 2) {
                    (false, _) => PatientPosition::Child,
                    (true, true) => PatientPosition::Married,
                    (true, false) if *years > 70 && draw.chance(450) => PatientPosition::Widowed,
                    _ => PatientPosition::Single,
                },
                entered,
                status: PatientStatus::Patient,
                dentist,
                hygienist,
                coverage: Vec::new(),
                habit: Habit::InPain,
                mouth: Mouth::new(*years, draw),
                phone: names::phone(draw),
                texts: draw.chance(if *years < 70 { 820 } else { 420 }),
                first_visit: None,
                missed: false,
                balance: Cents::ZERO,
                recall: None,
                visits: Vec::new(),
                waiting: Vec::new(),
                died: None,
                stamp: entered.at_seconds(called.time_micros() / 1_000_000),
            };
            let key = self.patients.add(patient);
            self.families.get_mut(family)?.members.push(key);
        }
        self.cover(family, draw)?;
        for key in self.families.get(family)?.members.clone() {
            let covered = !self.patients.get(key)?.coverage.is_empty();
            let person = self.patients.get_mut(key)?;
            person.habit = people::habit(age(person.birth, seen), covered, draw);
            if arrival.before {
                self.bring_along(key, draw)?;
            }
        }
        if !arrival.before {
            self.queue.push(called, Event::Arrive(family));
        }
        Ok(())
    }

    /// Gives a family its insurance: one plan for all, and sometimes a second through the other parent.
    fn cover(&mut self, family: FamilyKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let members = self.families.get(family)?.members.clone();
        let Some(head) = members.first().copied() else { return Ok(()) };
        let seen = self.patients.get(head)?.entered.max(self.settings.start_date);
        let retired = age(self.patients.get(head)?.birth, seen) >= 66;
        let cover = draw.weighted(if retired {
            &[(Cover::Private, 46), (Cover::Public, 5), (Cover::None, 49)]
        } else {
            &[(Cover::Private, 64), (Cover::Public, 11), (Cover::None, 25)]
        });
        if cover == Cover::None {
            return Ok(());
        }
        let plan = if cover == Cover::Public { public_plan() } else { self.payers.any(draw) };
        let second = members.get(1).copied();
        let partner = match second {
            Some(key) if self.patients.get(key)?.position == PatientPosition::Married => Some(key),
            _ => None,
        };
        let other = match partner {
            Some(partner) if cover == Cover::Private && draw.chance(330) => {
                Some((partner, self.payers.any(draw)))
            }
            _ => None,
        };
        self.subscribe(head, plan, &members, partner)?;
        if let Some((partner, plan)) = other {
            self.subscribe(partner, plan, &members, Some(head))?;
        }
        Ok(())
    }

    /// Writes a subscription and the cover of each member by it.
    fn subscribe(
        &mut self,
        subscriber: PatientKey,
        plan: PlanKey,
        members: &[PatientKey],
        partner: Option<PatientKey>,
    ) -> Result<(), PracticeError> {
        let subscription = self.keys.subscription.next();
        let (entered, stamp) = {
            let person = self.patients.get(subscriber)?;
            (person.entered, person.stamp)
        };
        self.out.row(Rows::InsSub, stamp, |r| {
            r.set("InsSubNum", subscription)
                .set("PlanNum", plan)
                .set("Subscriber", subscriber)
                .set("DateEffective", entered.plus_days(-entered.days().rem_euclid(28)))
                .set("ReleaseInfo", true)
                .set("AssignBen", true)
                .set("SubscriberID", format!("ZZ{subscription:08}"))
                .set("SecUserNumEntry", 1_i64)
                .set("SecDateEntry", entered);
        })?;
        for member in members {
            let person = self.patients.get_mut(*member)?;
            let relation = match *member {
                key if key == subscriber => Relat::Own,
                key if Some(key) == partner => Relat::Spouse,
                _ => Relat::Child,
            };
            let coverage = Coverage { plan, subscription, relation, used: Vec::new() };
            // One's own plan pays first.
            if relation == Relat::Own {
                person.coverage.insert(0, coverage);
            } else {
                person.coverage.push(coverage);
            }
        }
        Ok(())
    }

    /// Writes who is covered by which plan, in which order.
    fn emit_coverage(&mut self, key: PatientKey) -> Result<(), PracticeError> {
        let person = self.patients.get(key)?;
        let since = person.entered.at_seconds(10 * 3600 + 1800);
        for (ordinal, coverage) in (1_i64..).zip(&person.coverage) {
            let num = self.keys.patient_plan.next();
            self.out.row(Rows::PatPlan, since, |r| {
                r.set("PatPlanNum", num)
                    .set("PatNum", key)
                    .set("Ordinal", ordinal)
                    .set("Relationship", coverage.relation.stored())
                    .set("InsSubNum", coverage.subscription)
                    .set("SecDateTEntry", since);
            })?;
        }
        Ok(())
    }

    /// Records of somebody who was a patient before the history began: what was done stands in the chart as existing.
    fn bring_along(&mut self, key: PatientKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let start = self.settings.start_date;
        let person = self.patients.get(key)?;
        let (entered, habit) = (person.entered, person.habit);
        let first = entered.plus_days(draw.between(3, 50)).min(start.plus_days(-2));
        let back = match habit {
            Habit::HalfYearly => draw.between(3, 230),
            Habit::Yearly => draw.between(10, 450),
            Habit::Rarely => draw.between(60, 900),
            Habit::InPain => draw.between(200, 1500),
        };
        let last = start.plus_days(-back).max(first);
        let mut done = vec![(first, if age(person.birth, first) < 3 { "D0145" } else { "D0150" })];
        if last > first && age(person.birth, last) >= 3 {
            done.push((last, "D0120"));
        }
        let xrays = last.plus_days(-draw.between(0, 330)).max(first);
        if age(person.birth, xrays) >= 5 {
            done.push((xrays, if age(person.birth, xrays) >= 13 { "D0274" } else { "D0272" }));
        }
        if age(person.birth, first) >= 18 {
            let day = start.plus_days(-draw.between(10, 1600)).max(first);
            done.push((day, "D0210"));
        }
        let mut items: Vec<(Date, Item)> =
            done.into_iter().map(|(day, code)| (day, Item::new(code))).collect();
        if person.mouth.gums == Gums::Diseased && draw.chance(720) {
            let quarters = ["UR", "LR", "UL", "LL"];
            items.extend(quarters.map(|quarter| (first, Item { surfaces: quarter, ..Item::new("D4341") })));
        }
        items.sort_by_key(|(day, item)| (*day, item.code));
        for (day, item) in items {
            let at = day.at_seconds(11 * 3600);
            let person = self.patients.get_mut(key)?;
            person.mouth.treat(crate::codes::of(item.code).code, item.tooth, day);
            let provider =
                if crate::codes::of(item.code).is_hygiene() { person.hygienist } else { person.dentist };
            let procedure = Procedure {
                patient: key,
                item,
                provider,
                planned: at,
                user: 1,
                visit: None,
                fee: Cents::ZERO,
                diagnosis: Definition::default(),
                priority: Definition::default(),
                line: None,
                stamp: at,
            };
            // The key is used up at once: nothing happens to the row any more.
            let num = self.procedures.add(procedure.clone());
            self.procedures.take(num)?;
            self.emit_procedure(num, &procedure, ProcStat::EC, None)?;
        }
        self.chart_teeth(key, first.at_seconds(11 * 3600 + 300))?;
        self.take_history(key, first.at_seconds(11 * 3600))?;
        let person = self.patients.get_mut(key)?;
        person.first_visit = Some(first);
        person.stamp = last.at_seconds(15 * 3600);
        let kind = Kind::of(age(person.birth, start), person.mouth.gums);
        person.recall = Some(Recall { kind, previous: last, scheduled: None, stamp: person.stamp });
        let due = kind.due(last);
        let (gap, chance) = match habit {
            Habit::HalfYearly => (0, 1000),
            Habit::Yearly => (180, 1000),
            Habit::Rarely => (500, 900),
            Habit::InPain => (0, 0),
        };
        if draw.chance(chance) {
            let wait = (due.days() + gap - start.days()).max(draw.between(0, 120)) + draw.between(0, 30);
            let day = crate::calendar::open_from(start.plus_days(wait));
            self.queue.push(in_hours(day, draw), Event::Seek(key, Reason::Recall));
        }
        self.now = start.midnight();
        self.next_ache(key, draw);
        Ok(())
    }

    /// A new family calls: it is entered and gets its first appointments.
    pub(crate) fn arrive(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let user = self.desk(&mut draw);
        for patient in self.families.get(family)?.members.clone() {
            self.now = self.now.plus_seconds(i64::from(draw.between(60, 200)));
            self.patients.get_mut(patient)?.stamp = self.now;
            let text = "Patient entered".to_owned();
            self.log(Log { permission: Permission::PatientCreate, patient, key: patient.num(), user, text })?;
            self.talk(Talk {
                patient,
                about: Definition::TALK_APPOINTMENT,
                mode: if draw.chance(650) { CommItemMode::Phone } else { CommItemMode::Email },
                direction: CommSentOrReceived::Received,
                user,
                note: Cow::Borrowed("New patient asks for a first appointment."),
            })?;
            if draw.chance(110) {
                let from = self.now.date().plus_days(draw.between(1, 6));
                self.book_routine(patient, Reason::Emergency, from, user, &mut draw)?;
                let days = draw.between(15, 40);
                self.later(days, &mut draw, Event::Seek(patient, Reason::First));
            } else {
                let from = self.now.date().plus_days(draw.along(&[2, 8, 14, 22, 32, 48, 85]));
                self.book_routine(patient, Reason::First, from, user, &mut draw)?;
            }
            self.next_ache(patient, &mut draw);
        }
        Ok(())
    }

    /// Draws when something will hurt next.
    pub(crate) fn next_ache(&mut self, patient: PatientKey, draw: &mut Draw) {
        let days = draw.along(&[40, 420, 850, 1400, 2000, 2900, 4200, 6500]);
        self.later(days, draw, Event::Ache(patient));
    }

    /// Somebody leaves: appointments to come are taken out of the book.
    pub(crate) fn leave(&mut self, patient: PatientKey, departure: Departure) -> Result<(), PracticeError> {
        let now = self.now;
        let person = self.patients.get_mut(patient)?;
        if !person.is_active() {
            return Ok(());
        }
        person.stamp = now;
        person.waiting.clear();
        match departure {
            Departure::Away => person.status = PatientStatus::Inactive,
            Departure::Death => {
                person.status = PatientStatus::Deceased;
                person.died = Some(now);
            }
        }
        if let Some(recall) = &mut person.recall {
            recall.scheduled = None;
            recall.stamp = now;
        }
        let family = person.family;
        for visit in std::mem::take(&mut person.visits) {
            self.drop_visit(visit, ApptStatus::Broken)?;
        }
        let mut draw = self.draw(family)?;
        let user = self.desk(&mut draw);
        let note = match departure {
            Departure::Away => "Goes to another practice; records sent.",
            Departure::Death => "Family tells of the patient's death.",
        };
        self.talk(Talk {
            patient,
            about: Definition::TALK_OTHER,
            mode: CommItemMode::Phone,
            direction: CommSentOrReceived::Received,
            user,
            note: Cow::Borrowed(note),
        })
    }

    /// Writes what is only final at the end: open work, open claims, and the people with their balances.
    pub(crate) fn close(&mut self) -> Result<(), PracticeError> {
        for key in self.visits.keys() {
            let visit = self.visits.take(key)?;
            self.emit_visit(key, &visit, None)?;
        }
        self.emit_planned()?;
        self.emit_open_claims()?;
        for family in self.families.keys() {
            for patient in self.families.get(family)?.members.clone() {
                self.emit_coverage(patient)?;
                self.emit_patient(family, patient)?;
            }
        }
        Ok(())
    }

    fn emit_patient(&mut self, family: FamilyKey, key: PatientKey) -> Result<(), PracticeError> {
        let account = self.families.get(family)?;
        let head = account.members.first().copied().unwrap_or(key);
        let person = self.patients.get(key)?;
        let aging = if head == key { account.ledger.aging() } else { Aging::default() };
        let insurance = if head == key { account.insurance } else { Cents::ZERO };
        let contact = if person.texts { ContactMethod::TextMessage } else { ContactMethod::HmPhone };
        let billing =
            if account.collection { Definition::COLLECTION_BILLING } else { Definition::STANDARD_BILLING };
        let slow = if account.purse == Purse::Never { "D" } else { "" };
        let email = names::mailbox(person.first, person.last, key.num());
        // Children have no telephone of their own.
        let mobile = if person.position == PatientPosition::Child { "" } else { person.phone.as_str() };
        self.out.row(Rows::Patient, person.stamp, |r| {
            r.set("PatNum", key)
                .set("LName", person.last)
                .set("FName", person.first)
                .set("MiddleI", person.initial)
                .set("PatStatus", person.status.stored())
                .set("Gender", person.gender().stored())
                .set("Position", person.position.stored())
                .set("Birthdate", person.birth)
                .set("Address", account.street.clone())
                .set("City", account.town.0)
                .set("State", names::STATE)
                .set("Zip", account.town.1)
                .set("HmPhone", account.phone.clone())
                .set("WirelessPhone", Value::text(mobile.to_owned()))
                .set("Guarantor", head)
                .set("CreditType", slow)
                .set("Email", email)
                .set("EstBalance", person.balance)
                .set("PriProv", person.dentist)
                .set("SecProv", person.hygienist)
                .set("BillingType", billing)
                .set("ChartNumber", format!("ZZ{:06}", key.num()))
                .set("Bal_0_30", aging.to_30)
                .set("Bal_31_60", aging.to_60)
                .set("Bal_61_90", aging.to_90)
                .set("BalOver90", aging.over_90)
                .set("InsEst", insurance)
                .set("BalTotal", aging.total)
                .set("DateFirstVisit", person.first_visit.unwrap_or(unset_date()))
                .set("HasIns", if person.coverage.is_empty() { "" } else { "I" })
                .set("PreferConfirmMethod", contact.stored())
                .set("PreferContactMethod", contact.stored())
                .set("PreferRecallMethod", contact.stored())
                .set("Language", "eng")
                .set("TxtMsgOk", if person.texts { YN::Yes } else { YN::No }.stored())
                .set("DateTimeDeceased", person.died.unwrap_or(unset_time()))
                .set("BillingCycleDay", 1_i64)
                .set("SecUserNumEntry", self.office.desk.first().copied().unwrap_or(1))
                .set("SecDateEntry", person.entered);
        })?;
        let entered = person.entered.at_seconds(10 * 3600 + 900);
        self.out.row(Rows::PatientNote, entered, |r| {
            r.set("PatNum", key).set("SecDateTEntry", entered);
        })?;
        match &person.recall {
            Some(found) => {
                let bitewings = person.mouth.last_bitewings;
                recall::emit(&mut self.out, &mut self.keys.recall, key, found, bitewings, !person.is_active())
            }
            None => Ok(()),
        }
    }
}

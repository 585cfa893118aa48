//! The records of patients: what they bring along, and what stands in their rows at the end.

use bicuspid_model::{Date, Value};
use bicuspid_opendental::enums::{ContactMethod, PatientPosition, PatientStatus, ProcStat, Relat, YN};

use crate::arena::{FamilyKey, PatientKey, VisitKey};
use crate::calendar::{age, open_from, unset_date, unset_time};
use crate::compact::{Moment, RowNum};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::Event;
use crate::families::FIRST_VISIT_DAYS;
use crate::ledger::Aging;
use crate::money::Cents;
use crate::mouth::Gums;
use crate::names;
use crate::people::{Habit, Purse};
use crate::procedures::Procedure;
use crate::recall::{self, Kind, Recall, Xrays};
use crate::settings::Preset;
use crate::treatment::{self, Item, Reason};
use crate::world::{World, in_hours};

/// Days that a new patient waits beyond the day that was wanted, on average.
const WAIT_DAYS: i32 = 7;
/// Days for which a check-up may be overdue and have its appointment all the same.
const OVERDUE_DAYS: i32 = 60;

impl World<'_> {
    /// Records of somebody who was a patient before the history began: what was done stands in the chart as existing.
    pub(crate) fn bring_along(&mut self, key: PatientKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let start = self.settings.start_date;
        let person = self.patients.get(key)?;
        let (entered, habit) = (person.entered, person.habit);
        // Who has called but not come yet is in the book and nothing more.
        let seen = entered.plus_days(draw.along(FIRST_VISIT_DAYS) + WAIT_DAYS);
        if seen >= start {
            self.now = person.stamp;
            let user = self.desk(draw);
            self.book_routine(key, Reason::First, seen, user, draw)?;
            self.now = start.midnight();
            self.first_ache(key, draw);
            return Ok(());
        }
        let first = entered.plus_days(draw.between(3, 50)).min(start.plus_days(-2));
        // Some were gone before the program came; their records were brought along all the same.
        let gone = draw.chance(100);
        let back = match habit {
            _ if gone => draw.between(740, 2300),
            Habit::HalfYearly => draw.between(3, 230),
            Habit::Yearly => draw.between(10, 450),
            Habit::Rarely => draw.between(60, 900),
            Habit::InPain => draw.between(200, 1500),
        };
        let last = start.plus_days(-back).max(first);
        self.chart_existing(key, first, last, draw)?;
        self.chart_teeth(key, first.at_seconds(11 * 3600 + 300))?;
        self.take_history(key, first.at_seconds(11 * 3600))?;
        let person = self.patients.get_mut(key)?;
        person.first_visit = first.into();
        person.last_visit = last.into();
        person.stamp = last.at_seconds(15 * 3600);
        let kind = Kind::of(age(person.birth, start), person.mouth.gums);
        let months = person.upkeep_months;
        person.recall = Some(Recall { kind, previous: last, scheduled: None, stamp: person.stamp, months });
        let due = kind.due(last, months);
        self.now = start.midnight();
        if gone {
            let person = self.patients.get_mut(key)?;
            person.lapsed = true;
            person.status = PatientStatus::Inactive;
            return Ok(());
        }
        self.first_ache(key, draw);
        // What was found at the last visit and still waits.
        if draw.chance(280) {
            let person = self.patients.get_mut(key)?;
            let years = age(person.birth, start);
            let found = treatment::findings(Reason::Recall, &mut person.mouth, years, draw);
            self.now = last.at_seconds(14 * 3600);
            for finding in found {
                let wait = start.days() - last.days() + draw.between(-25, 40).max(0);
                self.propose(key, &finding, wait, draw)?;
            }
            self.now = start.midnight();
        }
        let (gap, chance, booked) = match habit {
            Habit::HalfYearly => (0, 1000, 940),
            Habit::Yearly => (180, 1000, 450),
            Habit::Rarely => (500, 900, 0),
            Habit::InPain => (0, 0, 0),
        };
        let wanted = due.plus_days(gap);
        if wanted.plus_days(OVERDUE_DAYS) >= start && draw.chance(booked) {
            // Booked at the last visit, or when it was due, and entered with everything else.
            let wanted = wanted.max(start.plus_days(draw.between(0, 42)));
            let user = self.desk(draw);
            self.now = last.max(self.patients.get(key)?.entered).at_seconds(16 * 3600);
            self.book_routine(key, Reason::Recall, wanted, user, draw)?;
            self.now = start.midnight();
        } else if draw.chance(chance) {
            let overdue = (start.days() - wanted.days()).max(0);
            let wait = (wanted.days() - start.days()).max(0) + draw.between(0, 10 + overdue.min(45));
            let day = open_from(start.plus_days(wait));
            self.queue.push(in_hours(day, draw), Event::Seek(key, Reason::Recall));
        }
        Ok(())
    }

    /// Charts what was done before, by the dates of the first and the last visit.
    fn chart_existing(
        &mut self,
        key: PatientKey,
        first: Date,
        last: Date,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let start = self.settings.start_date;
        let person = self.patients.get(key)?;
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
        if person.mouth.gums == Gums::Diseased && draw.chance(640) {
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
                planned: at.into(),
                user: RowNum::from(1),
                visit: VisitKey::default(),
                fee: Cents::ZERO,
                diagnosis: Definition::default(),
                priority: Definition::default(),
                line: RowNum::default(),
                stamp: at.into(),
            };
            // The key is used up at once: nothing happens to the row any more.
            let num = self.procedures.skip();
            // Of older X-rays often only the films came along, and nobody charts those; nor every check-up of old.
            let code = crate::codes::of(item.code);
            if code.work == crate::codes::Work::Xray && draw.chance(850)
                || code.code == "D0120" && draw.chance(900)
            {
                continue;
            }
            self.emit_procedure(num, &procedure, ProcStat::EC, None)?;
        }
        Ok(())
    }

    /// Writes what is only final at the end: open work, open claims, and the people with their balances.
    pub(crate) fn close(&mut self) -> Result<(), PracticeError> {
        for key in self.visits.keys() {
            let visit = self.visits.take(key)?;
            self.emit_visit(key, &visit, None)?;
        }
        self.emit_planned()?;
        self.emit_open_claims()?;
        self.verify_plans()?;
        for family in self.families.keys() {
            self.emit_subscriptions(family)?;
            self.close_plan(family, false)?;
            for patient in self.families.get(family)?.members.clone() {
                self.emit_coverage(patient)?;
                self.file_covers(patient)?;
                self.emit_patient(family, patient)?;
                self.file_patient(family, patient)?;
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
        // What the preset's readers take for "insured" is a one, and they want to see work done for whoever has it.
        let insured = match (person.coverage.is_empty(), self.settings.preset) {
            (true, _) => "",
            (false, Preset::Dbt) if person.treated => "1",
            (false, _) => "I",
        };
        let employer = person.coverage.first().filter(|c| c.relation == Relat::Own);
        let employer = employer.map_or(0, |c| self.payers.employer(c.plan));
        let contact = if person.texts { ContactMethod::TextMessage } else { ContactMethod::HmPhone };
        let billing =
            if account.collection { Definition::COLLECTION_BILLING } else { Definition::STANDARD_BILLING };
        let slow = if account.purse == Purse::Never { "D" } else { "" };
        let (email, number) = (self.address_of(key)?, self.number(key));
        let (town, zip) = account.town.named();
        // Children have no telephone of their own.
        let mobile =
            if person.position == PatientPosition::Child { "".into() } else { Value::from(person.phone) };
        self.out.row(Rows::Patient, person.stamp, |r| {
            r.set("PatNum", key)
                .set("LName", person.last)
                .set("FName", person.first)
                .set("MiddleI", person.initial)
                .set("PatStatus", person.status.stored())
                .set("Gender", person.gender().stored())
                .set("Position", person.position.stored())
                .set("Birthdate", person.birth)
                .set("Address", person.street.unwrap_or(account.street))
                .set("City", town)
                .set("State", names::STATE)
                .set("Zip", zip)
                .set("HmPhone", account.phone)
                .set("WirelessPhone", mobile)
                .set("Guarantor", head)
                .set("CreditType", slow)
                .set("Email", email)
                .set("EstBalance", person.balance)
                .set("PriProv", person.dentist)
                .set("SecProv", person.hygienist)
                .set("BillingType", billing)
                .set("ChartNumber", format!("ZZ{number:06}"))
                .set("Bal_0_30", aging.to_30)
                .set("Bal_31_60", aging.to_60)
                .set("Bal_61_90", aging.to_90)
                .set("BalOver90", aging.over_90)
                .set("InsEst", insurance)
                .set("BalTotal", aging.total)
                .set("EmployerNum", employer)
                .set("DateFirstVisit", person.first_visit.get().unwrap_or(unset_date()))
                .set("HasIns", insured)
                .set("PreferConfirmMethod", contact.stored())
                .set("PreferContactMethod", contact.stored())
                .set("PreferRecallMethod", contact.stored())
                .set("Language", "eng")
                .set("TxtMsgOk", if person.texts { YN::Yes } else { YN::No }.stored())
                .set("DateTimeDeceased", person.died.map_or(unset_time(), Moment::time))
                .set("BillingCycleDay", 1_i64)
                .set("SecUserNumEntry", self.office.desk.first().copied().unwrap_or(1))
                .set("SecDateEntry", person.entered);
        })?;
        let entered = person.entered.at_seconds(10 * 3600 + 900);
        let dbt = self.settings.preset == Preset::Dbt;
        // Whom to call: somebody of the family, or a friend.
        let other = account.members.iter().copied().find(|m| *m != key).unwrap_or(key);
        let near = match self.patients.get(other)? {
            relative if other != key => format!("{} {}", relative.first, relative.last),
            alone => format!("Friend of {}", alone.first),
        };
        let near_phone = account.phone;
        self.out.row(Rows::PatientNote, entered, |r| {
            r.set("PatNum", key)
                .set("SecDateTEntry", entered)
                .set("ICEName", near)
                .set("ICEPhone", near_phone);
            // The analytics project takes neither "none" nor "the usual" here.
            if dbt {
                r.set("OrthoMonthsTreatOverride", 24_i64).set("UserNumOrthoLocked", 1_i64);
            }
        })?;
        match &person.recall {
            Some(found) => {
                let mouth = &person.mouth;
                // Who comes only in pain is not called in for X-rays. The list of those who come no more is not tidied.
                let called = person.habit != Habit::InPain || !person.is_active();
                let xrays = called.then(|| Xrays {
                    bitewings: mouth.last_bitewings.get(),
                    full: mouth.last_full_xrays.get(),
                    today: self.settings.end_date,
                });
                recall::emit(&mut self.out, &mut self.keys.recall, key, found, xrays, !person.is_active())
            }
            None => Ok(()),
        }
    }
}

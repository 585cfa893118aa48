//! Families and the people in them.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::{PatientGender, PatientPosition, PatientStatus, Relat};

use crate::arena::{FamilyKey, PatientKey, PlanKey, ProcedureKey, ProviderKey, VisitKey};
use crate::calendar::{is_open, plus_months};
use crate::draw::Draw;
use crate::ledger::Ledger;
use crate::money::Cents;
use crate::mouth::Mouth;
use crate::names;
use crate::recall::Recall;

/// How somebody keeps to check-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Habit {
    /// Every six months.
    #[default]
    HalfYearly,
    /// Once a year.
    Yearly,
    /// Every two or three years.
    Rarely,
    /// Only when something hurts.
    InPain,
}

/// How a family pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Purse {
    /// At once, or at the first bill.
    #[default]
    Prompt,
    /// After a bill or two.
    Usual,
    /// After many.
    Slow,
    /// Hardly ever.
    Never,
}

/// Coverage of a person by a plan.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    pub(crate) plan: PlanKey,
    /// Key of the subscriber's row.
    pub(crate) subscription: i64,
    pub(crate) relation: Relat,
    /// For each benefit year: paid or promised, and deductible met.
    pub(crate) used: Vec<(i32, Cents, Cents)>,
}

impl Coverage {
    /// What is used of a benefit year: paid or promised, and deductible met.
    pub(crate) fn used_in(&self, year: i32) -> (Cents, Cents) {
        self.used
            .iter()
            .find(|(y, ..)| *y == year)
            .map_or((Cents::ZERO, Cents::ZERO), |(_, paid, met)| (*paid, *met))
    }

    /// Uses, or with negative amounts gives back, benefits of a year.
    pub(crate) fn consume(&mut self, year: i32, paid: Cents, met: Cents) {
        match self.used.iter_mut().find(|(y, ..)| *y == year) {
            Some((_, p, m)) => {
                *p += paid;
                *m += met;
            }
            None => self.used.push((year, paid, met)),
        }
    }
}

/// Work that waits for an appointment.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) procedures: Vec<ProcedureKey>,
    pub(crate) minutes: u32,
    /// Whether a hygienist does it.
    pub(crate) hygiene: bool,
}

/// A patient.
#[derive(Debug)]
pub(crate) struct Patient {
    pub(crate) family: FamilyKey,
    pub(crate) last: &'static str,
    pub(crate) first: &'static str,
    pub(crate) initial: &'static str,
    pub(crate) female: bool,
    pub(crate) birth: Date,
    pub(crate) position: PatientPosition,
    /// Day on which the row was made.
    pub(crate) entered: Date,
    pub(crate) status: PatientStatus,
    pub(crate) dentist: ProviderKey,
    pub(crate) hygienist: ProviderKey,
    /// Primary coverage first.
    pub(crate) coverage: Vec<Coverage>,
    pub(crate) habit: Habit,
    pub(crate) mouth: Mouth,
    pub(crate) phone: String,
    pub(crate) texts: bool,
    pub(crate) first_visit: Option<Date>,
    /// Whether an appointment was ever missed.
    pub(crate) missed: bool,
    /// What is owed for this patient.
    pub(crate) balance: Cents,
    pub(crate) recall: Option<Recall>,
    /// Appointments to come.
    pub(crate) visits: Vec<VisitKey>,
    /// Work that was agreed to and has no appointment.
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) died: Option<DateTime>,
    /// When the row last changed.
    pub(crate) stamp: DateTime,
}

impl Patient {
    /// Gender as the database keeps it.
    pub(crate) const fn gender(&self) -> PatientGender {
        if self.female { PatientGender::Female } else { PatientGender::Male }
    }

    /// Whether the patient still comes.
    pub(crate) fn is_active(&self) -> bool {
        self.status == PatientStatus::Patient
    }
}

/// A family: whoever is on one account.
#[derive(Debug)]
pub(crate) struct Family {
    /// The first one is the guarantor.
    pub(crate) members: Vec<PatientKey>,
    pub(crate) street: String,
    pub(crate) town: (&'static str, &'static str),
    pub(crate) phone: String,
    pub(crate) purse: Purse,
    /// How often chance was asked about the family: each answer comes from a stream of its own.
    pub(crate) draws: u64,
    pub(crate) ledger: Ledger,
    /// What insurers are expected to cover of open claims, counted up at the end.
    pub(crate) insurance: Cents,
    /// Whether a bill is on its way to be written.
    pub(crate) billed: bool,
    /// Bills in a row that brought nothing.
    pub(crate) unanswered: u32,
    /// Whether the account was given up.
    pub(crate) collection: bool,
}

/// When a family came to the practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) day: Date,
    /// Whether that was before the history began.
    pub(crate) before: bool,
    /// People on the account.
    pub(crate) people: u32,
}

/// Families for so many patients, in the order of their arrival. A little more than half were there before the start.
pub(crate) fn arrivals(patients: u32, start: Date, end: Date, draw: &mut Draw) -> Vec<Arrival> {
    let mut left = patients;
    let mut arrivals = Vec::new();
    while left > 0 {
        let people = draw.weighted(&[(1, 52), (2, 28), (3, 10), (4, 7), (5, 2), (6, 1)]).min(left);
        left -= people;
        let before = draw.chance(560);
        let day = if before {
            start.plus_days(-draw.along(&[40, 500, 1200, 2200, 3600]))
        } else {
            start.plus_days(draw.between(0, end.days() - start.days() - 1))
        };
        arrivals.push(Arrival { day, before, people });
    }
    // People call on working days.
    for arrival in &mut arrivals {
        let called = (0..14).map(|back| arrival.day.plus_days(-back)).find(|day| is_open(*day));
        arrival.day = called.unwrap_or(arrival.day);
        arrival.before = arrival.day < start;
    }
    arrivals.sort_by_key(|a| a.day);
    arrivals
}

/// Age and sex of the people on an account.
pub(crate) fn household(people: u32, draw: &mut Draw) -> Vec<(i32, bool)> {
    let female = draw.chance(650);
    if people == 1 {
        let age = draw.along(&[19, 26, 32, 38, 44, 51, 57, 62, 67, 74, 91]);
        return vec![(age, female)];
    }
    let couple = if people == 2 { draw.chance(770) } else { draw.chance(800) };
    let oldest_parent = if couple && people == 2 {
        draw.along(&[22, 34, 48, 60, 68, 86])
    } else {
        draw.along(&[26, 34, 40, 46, 56])
    };
    let mut members = vec![(oldest_parent, female)];
    let mut youngest_parent = oldest_parent;
    if couple {
        let age = (oldest_parent + draw.along(&[-9, -3, -1, 1, 3, 8])).max(19);
        youngest_parent = age.min(oldest_parent);
        members.push((age, !female));
    }
    while members.len() < usize::try_from(people).unwrap_or_default() {
        let eldest = (youngest_parent - 19).clamp(1, 22);
        members.push((draw.between(1, eldest), draw.chance(520)));
    }
    members
}

/// A new family without members.
pub(crate) fn family(draw: &mut Draw) -> Family {
    Family {
        members: Vec::new(),
        street: names::street(draw),
        town: names::town(draw),
        phone: names::phone(draw),
        purse: draw.weighted(&[
            (Purse::Prompt, 46),
            (Purse::Usual, 37),
            (Purse::Slow, 13),
            (Purse::Never, 3),
        ]),
        draws: 1,
        ledger: Ledger::default(),
        insurance: Cents::ZERO,
        billed: false,
        unanswered: 0,
        collection: false,
    }
}

/// The habit of somebody of that age.
pub(crate) fn habit(age: i32, covered: bool, draw: &mut Draw) -> Habit {
    match (age < 18, covered) {
        (true, _) => draw.weighted(&[
            (Habit::HalfYearly, 65),
            (Habit::Yearly, 20),
            (Habit::Rarely, 4),
            (Habit::InPain, 11),
        ]),
        (false, true) => draw.weighted(&[
            (Habit::HalfYearly, 60),
            (Habit::Yearly, 15),
            (Habit::Rarely, 10),
            (Habit::InPain, 15),
        ]),
        (false, false) => draw.weighted(&[
            (Habit::HalfYearly, 38),
            (Habit::Yearly, 18),
            (Habit::Rarely, 15),
            (Habit::InPain, 29),
        ]),
    }
}

/// A birthday of somebody who is that old on a day.
pub(crate) fn birthday(age: i32, on: Date, draw: &mut Draw) -> Date {
    plus_months(on, -12 * age).plus_days(-draw.between(1, 360))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::age;
    use crate::draw::Stream;

    #[test]
    fn arrivals_add_up_and_come_in_order() {
        let day = |y| Date::from_ymd(y, 1, 1).unwrap();
        let arrivals = arrivals(1000, day(2023), day(2026), &mut Draw::new(1, Stream::Office, 0, 0));
        assert_eq!(arrivals.iter().map(|a| a.people).sum::<u32>(), 1000);
        assert!(arrivals.is_sorted_by_key(|a| a.day));
        assert!(arrivals.iter().all(|a| a.before == (a.day < day(2023)) && a.day < day(2026)));
        assert!((450..620).contains(&arrivals.len()), "{}", arrivals.len());
    }

    #[test]
    fn parents_are_old_enough() {
        let mut draw = Draw::new(1, Stream::Office, 0, 1);
        for _ in 0..2000 {
            let people = u32::try_from(draw.between(1, 6)).unwrap();
            let members = household(people, &mut draw);
            assert_eq!(members.len(), usize::try_from(people).unwrap());
            assert!(members[0].0 >= 19);
            let children = members.iter().filter(|(age, _)| *age < 19);
            assert!(children.clone().all(|(age, _)| members[0].0 - age >= 15), "{members:?}");
        }
    }

    #[test]
    fn birthdays() {
        let mut draw = Draw::new(1, Stream::Office, 0, 2);
        let on = Date::from_ymd(2024, 2, 29).unwrap();
        for years in 0..90 {
            assert_eq!(age(birthday(years, on, &mut draw), on), years);
        }
    }

    #[test]
    fn benefits_are_used_by_year() {
        let mut coverage =
            Coverage { plan: PlanKey::default(), subscription: 1, relation: Relat::Own, used: Vec::new() };
        coverage.consume(2024, Cents::dollars(100), Cents::dollars(50));
        coverage.consume(2024, -Cents::dollars(30), Cents::ZERO);
        coverage.consume(2025, Cents::dollars(1), Cents::ZERO);
        assert_eq!(coverage.used_in(2024), (Cents::dollars(70), Cents::dollars(50)));
        assert_eq!(coverage.used_in(2023), (Cents::ZERO, Cents::ZERO));
    }
}

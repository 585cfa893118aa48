//! Families and the people in them.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::{PatientGender, PatientPosition, PatientStatus, Relat};

use crate::arena::{FamilyKey, PatientKey, PlanKey, ProcedureKey, ProviderKey, VisitKey, add_to, shrink};
use crate::calendar::{is_open, plus_months};
use crate::compact::{Day, Moment, RowNum};
use crate::draw::{Draw, Stream};
use crate::error::PracticeError;
use crate::installments::PayPlan;
use crate::ledger::{Ledger, Open};
use crate::money::{Cents, SmallCents};
use crate::mouth::Mouth;
use crate::names::{self, Phone, Street, Town, Word};
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
    /// Key of its row, by which claims find it for good.
    pub(crate) number: RowNum,
    /// What the plan pays; the plan's own row may be another one.
    pub(crate) plan: PlanKey,
    /// Key of the plan's row.
    pub(crate) plan_row: RowNum,
    /// Key of the subscriber's row.
    pub(crate) subscription: RowNum,
    pub(crate) relation: Relat,
    /// When it was entered.
    pub(crate) since: Moment,
    /// For the latest benefit years: paid or promised, and deductible met.
    pub(crate) used: Vec<(i32, SmallCents, SmallCents)>,
}

impl Coverage {
    /// What is used of a benefit year: paid or promised, and deductible met.
    pub(crate) fn used_in(&self, year: i32) -> (Cents, Cents) {
        self.used
            .iter()
            .find(|(y, ..)| *y == year)
            .map_or((Cents::ZERO, Cents::ZERO), |(_, paid, met)| ((*paid).into(), (*met).into()))
    }

    /// Uses, or with negative amounts gives back, benefits of a year.
    pub(crate) fn consume(&mut self, year: i32, paid: Cents, met: Cents) {
        if let Some((_, p, m)) = self.used.iter_mut().find(|(y, ..)| *y == year) {
            *p = (Cents::from(*p) + paid).into();
            *m = (Cents::from(*m) + met).into();
        } else {
            // No claim is decided two years late.
            self.used.retain(|(y, ..)| *y >= year - 2);
            add_to(&mut self.used, (year, paid.into(), met.into()));
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
    /// Who is to do it.
    pub(crate) provider: ProviderKey,
}

/// A patient.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub(crate) struct Patient {
    pub(crate) family: FamilyKey,
    pub(crate) last: Word,
    pub(crate) first: Word,
    pub(crate) initial: Word,
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
    /// Coverage that has ended; claims may still be open.
    pub(crate) former: Vec<Coverage>,
    /// Street, where it is not the family's.
    pub(crate) street: Option<Street>,
    /// Months between visits for the upkeep of gums.
    pub(crate) upkeep_months: u8,
    pub(crate) habit: Habit,
    pub(crate) mouth: Mouth,
    pub(crate) phone: Phone,
    pub(crate) texts: bool,
    pub(crate) first_visit: Day,
    pub(crate) last_visit: Day,
    /// Whether any work was done here.
    pub(crate) treated: bool,
    /// Whether the patient has stopped coming, known to the office or not.
    pub(crate) lapsed: bool,
    /// Whether an appointment was ever missed.
    pub(crate) missed: bool,
    /// What is owed for this patient.
    pub(crate) balance: Cents,
    pub(crate) recall: Option<Recall>,
    /// Appointments to come.
    pub(crate) visits: Vec<VisitKey>,
    /// Work that was agreed to and has no appointment.
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) died: Option<Moment>,
    /// When the row last changed.
    pub(crate) stamp: DateTime,
}

impl Patient {
    /// Gender as the database keeps it.
    pub(crate) const fn gender(&self) -> PatientGender {
        if self.female { PatientGender::Female } else { PatientGender::Male }
    }

    /// A coverage, in force or ended.
    pub(crate) fn policy(&self, number: i64) -> Result<&Coverage, PracticeError> {
        let mut all = self.coverage.iter().chain(&self.former);
        all.find(|c| c.number.get() == number).ok_or(PracticeError::Fault("coverage"))
    }

    /// A coverage, in force or ended, whose benefits are used.
    pub(crate) fn policy_mut(&mut self, number: i64) -> Result<&mut Coverage, PracticeError> {
        let mut all = self.coverage.iter_mut().chain(&mut self.former);
        all.find(|c| c.number.get() == number).ok_or(PracticeError::Fault("coverage"))
    }

    /// Takes an appointment off the list of those to come.
    pub(crate) fn forget(&mut self, visit: VisitKey) {
        self.visits.retain(|known| *known != visit);
        shrink(&mut self.visits);
    }

    /// Whether the patient still comes.
    pub(crate) fn is_active(&self) -> bool {
        self.status == PatientStatus::Patient
    }
}

/// Somebody who is about to be entered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer {
    pub(crate) years: i32,
    pub(crate) female: bool,
    pub(crate) position: PatientPosition,
}

/// A subscription to a plan, by which a family, or in one preset a single member, is covered.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) number: RowNum,
    pub(crate) plan_row: RowNum,
    /// What the plan pays.
    pub(crate) plan: PlanKey,
    pub(crate) subscriber: PatientKey,
    pub(crate) partner: Option<PatientKey>,
    /// Number by which the carrier knows the subscriber.
    pub(crate) identifier: RowNum,
    pub(crate) effective: Date,
    pub(crate) entered: Moment,
    pub(crate) ended: Day,
    pub(crate) stamp: Moment,
}

/// A family: whoever is on one account.
#[derive(Debug)]
pub(crate) struct Family {
    /// The first one is the guarantor.
    pub(crate) members: Vec<PatientKey>,
    /// Number of its stream of chance.
    pub(crate) stream: u64,
    /// Members who are not there yet.
    pub(crate) to_come: Vec<Newcomer>,
    /// Subscriptions that its members have or had.
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) street: Street,
    pub(crate) town: Town,
    pub(crate) phone: Phone,
    pub(crate) purse: Purse,
    /// How often chance was asked about the family: each answer comes from a stream of its own.
    pub(crate) draws: u64,
    pub(crate) ledger: Ledger,
    /// What insurers are expected to cover of open claims, counted up at the end.
    pub(crate) insurance: Cents,
    /// The payment plan that is being paid.
    pub(crate) plan: Option<Box<PayPlan>>,
    /// Whether a bill is on its way to be written.
    pub(crate) billed: bool,
    /// Bills in a row that brought nothing.
    pub(crate) unanswered: u32,
    /// Whether the account was given up.
    pub(crate) collection: bool,
}

impl Family {
    /// What the family owes now, apart from what a payment plan covers; never more than it owes in all.
    pub(crate) fn asked(&self) -> Cents {
        let all = self.ledger.due();
        match &self.plan {
            None => all,
            Some(plan) => {
                let apart = self.ledger.open.iter().filter(|i| !plan.covers(i.about));
                apart.map(Open::due).sum::<Cents>().min(all)
            }
        }
    }
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

/// Families for so many patients, in the order of their arrival. Seven in ten were there before the start.
pub(crate) fn arrivals(patients: u32, start: Date, end: Date, draw: &mut Draw) -> Vec<Arrival> {
    let mut left = patients;
    let mut arrivals = Vec::new();
    while left > 0 {
        let people = size(draw).min(left);
        left -= people;
        let before = draw.chance(775);
        let day = if before {
            start.plus_days(-draw.along(&[2, 500, 1200, 2200, 3600]))
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

/// Families that come from the day `counted` to `end`, each open day as many as before on average.
pub(crate) fn later_arrivals(
    arrivals: &mut Vec<Arrival>,
    seed: u64,
    (start, counted, end): (Date, Date, Date),
) {
    let came = u32::try_from(arrivals.iter().filter(|a| !a.before).count()).unwrap_or(u32::MAX);
    let days = u32::try_from(counted.days() - start.days()).unwrap_or(1).max(1);
    let mut day = counted;
    while day < end {
        let mut draw = Draw::new(seed, Stream::Arrivals, u64::from(day.days().unsigned_abs()), 0);
        let calls = (came + draw.below(days)) / days;
        for _ in 0..calls {
            let people = size(&mut draw);
            if is_open(day) {
                arrivals.push(Arrival { day, before: false, people });
            }
        }
        day = day.plus_days(1);
    }
}

/// How many people are on an account.
fn size(draw: &mut Draw) -> u32 {
    draw.weighted(&[(1, 533), (2, 329), (3, 74), (4, 45), (5, 13), (6, 6)])
}

/// Age and sex of the people on an account, and whether the first two are a couple.
pub(crate) fn household(people: u32, draw: &mut Draw) -> (Vec<(i32, bool)>, bool) {
    let female = draw.chance(552);
    if people == 1 {
        let age = draw.along(&[19, 22, 28, 36, 45, 52, 57, 61, 66, 73, 88]);
        return (vec![(age, female)], false);
    }
    let couple = if people == 2 { draw.chance(895) } else { draw.chance(800) };
    let head = if couple && people == 2 {
        draw.along(&[20, 34, 50, 59, 66, 84])
    } else {
        draw.along(&[26, 34, 40, 46, 56])
    };
    let mut members = vec![(head, female)];
    let (mut youngest_parent, mut oldest_parent) = (head, head);
    if couple {
        let age = (head + draw.along(&[-9, -3, -1, 1, 3, 8])).max(19);
        (youngest_parent, oldest_parent) = (age.min(head), age.max(head));
        members.push((age, !female));
    }
    while members.len() < usize::try_from(people).unwrap_or_default() {
        // Nobody has a child before nineteen or after forty-seven.
        let eldest = (youngest_parent - 19).clamp(1, 20);
        let youngest = (oldest_parent - 47).clamp(2.min(eldest), eldest);
        // The smallest are not all brought along yet.
        let (age, other) = (draw.between(youngest, eldest), draw.between(youngest, eldest));
        let age = if draw.chance(350) { age.max(other) } else { age };
        members.push((age, draw.chance(510)));
    }
    (members, couple)
}

/// A new family without members.
pub(crate) fn family(stream: u64, draw: &mut Draw) -> Family {
    Family {
        members: Vec::new(),
        stream,
        to_come: Vec::new(),
        subscriptions: Vec::new(),
        street: Street::any(draw),
        town: Town::any(draw),
        phone: names::phone(draw),
        purse: draw.weighted(&[
            (Purse::Prompt, 47),
            (Purse::Usual, 36),
            (Purse::Slow, 10),
            (Purse::Never, 7),
        ]),
        draws: 1,
        ledger: Ledger::default(),
        insurance: Cents::ZERO,
        plan: None,
        billed: false,
        unanswered: 0,
        collection: false,
    }
}

/// The habit of somebody of that age. Women keep to check-ups a little more than men, and whoever is covered much more.
pub(crate) fn habit(age: i32, female: bool, covered: bool, draw: &mut Draw) -> Habit {
    let (often, yearly, rarely, in_pain) = match (age, covered) {
        (..18, _) => (76, 17, 3, 4),
        (_, true) => (68, 10, 6, 16),
        (_, false) => (9, 11, 25, 57),
    };
    let (often, in_pain) = match (age, female) {
        // Children come as their parents bring them.
        (..18, _) => (often, in_pain),
        (_, true) => (often + 14, in_pain - 11),
        (_, false) => (often - 9, in_pain + 20),
    };
    draw.weighted(&[
        (Habit::HalfYearly, often),
        (Habit::Yearly, yearly),
        (Habit::Rarely, rarely),
        (Habit::InPain, in_pain),
    ])
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
            let (members, couple) = household(people, &mut draw);
            assert_eq!(members.len(), usize::try_from(people).unwrap());
            assert!(members[0].0 >= 19);
            let parents = if couple { 2 } else { 1 };
            let children = members.iter().skip(parents);
            for (parent, _) in &members[..parents] {
                assert!(children.clone().all(|(age, _)| (16..49).contains(&(parent - age))), "{members:?}");
            }
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
        let mut coverage = Coverage {
            number: RowNum::from(1),
            plan: PlanKey::default(),
            plan_row: RowNum::from(1),
            subscription: RowNum::from(1),
            relation: Relat::Own,
            since: DateTime::from_micros(0).into(),
            used: Vec::new(),
        };
        coverage.consume(2024, Cents::dollars(100), Cents::dollars(50));
        coverage.consume(2024, -Cents::dollars(30), Cents::ZERO);
        coverage.consume(2025, Cents::dollars(1), Cents::ZERO);
        assert_eq!(coverage.used_in(2024), (Cents::dollars(70), Cents::dollars(50)));
        assert_eq!(coverage.used_in(2023), (Cents::ZERO, Cents::ZERO));
    }
}

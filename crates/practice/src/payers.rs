//! Carriers, plans and what the plans pay.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::{
    BenefitCoverageLevel, BenefitTimePeriod, EbenefitCategory, InsBenefitType, InsPlanType,
};

use crate::arena::{Arena, CarrierKey, ClaimKey, Counter, Key, PlanKey};
use crate::codes::Work;
use crate::draw::{Draw, Spread, Stream};
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::fees::Schedule;
use crate::money::Cents;
use crate::names;
use crate::settings::Preset;

/// A carrier. It pays on one weekday, all claims of a week in one check.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) name: String,
    /// Weekday of its checks, 0 for Monday.
    pub(crate) payday: u8,
    /// Whether it transfers instead of sending a check.
    pub(crate) transfers: bool,
    /// Claims that it has decided and not yet paid.
    pub(crate) decided: Vec<ClaimKey>,
}

/// A plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) carrier: CarrierKey,
    /// What it allows; `None` outside any network.
    pub(crate) network: Option<Schedule>,
    /// Whether it pays the office for each member instead of for what is done, and the member a fixed amount.
    pub(crate) by_head: bool,
    /// Percentages for prevention and finding out, for basic work, and for major work.
    percents: [i64; 3],
    /// Whether roots, gums and surgery count as basic work.
    basic_roots: bool,
    pub(crate) deductible: Cents,
    /// Whether prevention and finding out are free of the deductible.
    waived: bool,
    /// Most that it pays for a person in a benefit year; `None` without limit.
    pub(crate) maximum: Option<Cents>,
    /// Month in which the benefit year begins, 0 for the calendar year.
    renews: u8,
    /// Number of the employer that offers it, counted from 1; 0 for public coverage.
    employer: i64,
}

impl Plan {
    /// What it pays of such work, in percent of what it allows.
    pub(crate) fn percent(&self, work: Work) -> i64 {
        let [preventive, basic, major] = self.percents;
        match work {
            Work::Exam | Work::Xray | Work::Prevent => preventive,
            Work::Filling | Work::Other => basic,
            Work::Root | Work::Gum | Work::Surgery if self.basic_roots => basic,
            Work::Root | Work::Gum | Work::Surgery | Work::Crown | Work::Denture => major,
            Work::Admin => 0,
        }
    }

    /// Whether the deductible comes off such work.
    pub(crate) fn deducts(&self, work: Work) -> bool {
        !(self.waived && matches!(work, Work::Exam | Work::Xray | Work::Prevent))
    }

    /// The benefit year of a day, named by the calendar year in which it begins.
    pub(crate) fn benefit_year(&self, day: Date) -> i32 {
        let (year, month, _) = day.ymd();
        if month < self.renews { year - 1 } else { year }
    }
}

/// The carriers and their plans.
#[derive(Debug)]
pub(crate) struct Payers {
    pub(crate) carriers: Arena<CarrierKey, Carrier>,
    pub(crate) plans: Arena<PlanKey, Plan>,
    /// Employers that are known; some offer several plans.
    employers: i64,
    benefits: Counter,
    preset: Preset,
}

/// One plan in so many pays by head.
const BY_HEAD_OF: u32 = 17;

/// The plan of public coverage.
pub(crate) fn public_plan() -> PlanKey {
    PlanKey::from_num(1)
}

impl Payers {
    /// Carriers and plans for so many patients.
    pub(crate) fn new(patients: u32, seed: u64, preset: Preset) -> Self {
        let employers = usize::try_from(patients / 9).unwrap_or_default().clamp(9, names::EMPLOYER_COUNT);
        let mut payers = Self {
            carriers: Arena::default(),
            plans: Arena::default(),
            employers: i64::try_from(employers).unwrap_or(1),
            benefits: Counter::default(),
            preset,
        };
        let public = payers.carriers.add(Carrier {
            name: "Rosehip County Public Dental Plan".to_owned(),
            payday: 2,
            transfers: true,
            decided: Vec::new(),
        });
        payers.plans.add(Plan {
            carrier: public,
            network: Some(Schedule::Public),
            by_head: false,
            percents: [100, 100, 100],
            basic_roots: true,
            deductible: Cents::ZERO,
            waived: true,
            maximum: None,
            renews: 0,
            employer: 0,
        });
        let most = u32::try_from(names::CARRIER_COUNT).unwrap_or(u32::MAX);
        // Most carriers in the list have no plan that anybody here is covered by any more.
        let carriers = (patients / 90).clamp(7, most);
        for number in 0..(patients / 15).clamp(carriers, most) {
            let mut draw = Draw::new(seed, Stream::Payer, u64::from(number), 0);
            payers.carriers.add(Carrier {
                name: names::carrier(usize::try_from(number).unwrap_or_default()),
                payday: u8::try_from(draw.below(5)).unwrap_or_default(),
                transfers: Spread::new(number, seed, 8).chance(445),
                decided: Vec::new(),
            });
        }
        for number in 0..(patients / 9).max(9) {
            let mut draw = Draw::new(seed, Stream::Payer, u64::from(number), 1);
            // A few carriers hold most plans.
            let spread = draw.below(carriers).min(draw.below(carriers));
            let carrier = CarrierKey::from_num(2 + i64::from(spread));
            let by_head = number % BY_HEAD_OF == BY_HEAD_OF / 2;
            let mut plan =
                if by_head { Plan::by_head(carrier, &mut draw) } else { Plan::new(carrier, number, seed) };
            plan.employer = 1 + i64::from(number) % payers.employers;
            payers.plans.add(plan);
        }
        payers
    }

    /// A plan that employers buy.
    pub(crate) fn any(&self, draw: &mut Draw) -> PlanKey {
        let plans = u32::try_from(self.plans.added()).unwrap_or(1);
        PlanKey::from_num(2 + i64::from(draw.below(plans.saturating_sub(1))))
    }

    /// Hands out the rows of carriers, plans and benefits.
    pub(crate) fn emit(
        &mut self,
        out: &mut Emitter<'_>,
        stamp: DateTime,
        seed: u64,
    ) -> Result<(), PracticeError> {
        for num in 1..=self.employers {
            let mut draw = Draw::new(seed, Stream::Payer, u64::try_from(num).unwrap_or_default(), 3);
            let (city, zip) = names::town(&mut draw);
            out.row(Rows::Employer, stamp, |r| {
                r.set("EmployerNum", num)
                    .set("EmpName", employer_name(num))
                    .set("Address", names::street(&mut draw))
                    .set("City", city)
                    .set("State", names::STATE)
                    .set("Zip", zip)
                    .set("Phone", names::phone(&mut draw));
            })?;
        }
        for (key, carrier) in self.carriers.iter() {
            let mut draw = Draw::new(seed, Stream::Payer, u64::try_from(key.num()).unwrap_or_default(), 2);
            let (city, zip) = names::town(&mut draw);
            out.row(Rows::Carrier, stamp, |r| {
                r.set("CarrierNum", key)
                    .set("CarrierName", carrier.name.clone())
                    .set("Address", names::street(&mut draw))
                    .set("City", city)
                    .set("State", names::STATE)
                    .set("Zip", zip)
                    .set("Phone", names::phone(&mut draw))
                    .set("ElectID", format!("ZZ{:03}", key.num()))
                    .set("SecUserNumEntry", 1_i64)
                    .set("SecDateEntry", stamp.date());
            })?;
        }
        for (num, (name, percent, category, from, to)) in (1_i64..).zip(COVERAGE) {
            out.row(Rows::CovCat, stamp, |r| {
                r.set("CovCatNum", num)
                    .set("Description", *name)
                    .set("DefaultPercent", *percent)
                    .set("CovOrder", num - 1)
                    .set("EbenefitCat", category.stored());
            })?;
            out.row(Rows::CovSpan, stamp, |r| {
                r.set("CovSpanNum", num).set("CovCatNum", num).set("FromCode", *from).set("ToCode", *to);
            })?;
        }
        if self.preset == Preset::Stock {
            for (key, plan) in self.plans.iter() {
                plan.emit(out, stamp, (key.num(), key), self.preset)?;
                plan.emit_benefits(out, stamp, key.num(), &mut self.benefits)?;
            }
        }
        Ok(())
    }

    /// Hands out a row of its own for a plan, with its benefits.
    pub(crate) fn emit_plan(
        &mut self,
        out: &mut Emitter<'_>,
        row: i64,
        key: PlanKey,
        stamp: DateTime,
    ) -> Result<(), PracticeError> {
        let plan = self.plans.get(key)?;
        plan.emit(out, stamp, (row, key), self.preset)?;
        plan.emit_benefits(out, stamp, row, &mut self.benefits)
    }

    /// Number of the employer behind a plan, 0 for none.
    pub(crate) fn employer(&self, plan: PlanKey) -> i64 {
        self.plans.find(plan).map_or(0, |p| p.employer)
    }
}

fn employer_name(num: i64) -> String {
    names::employer(usize::try_from(num - 1).unwrap_or_default())
}

/// Coverage categories: name, usual percentage (-1 for none), kind of service, first and last code.
const COVERAGE: &[(&str, i64, EbenefitCategory, &str, &str)] = &[
    ("Everything", -1, EbenefitCategory::General, "D0000", "D9999"),
    ("Finding out", 100, EbenefitCategory::Diagnostic, "D0000", "D0999"),
    ("X-rays", 100, EbenefitCategory::DiagnosticXRay, "D0200", "D0399"),
    ("Prevention", 100, EbenefitCategory::RoutinePreventive, "D1000", "D1999"),
    ("Fillings", 80, EbenefitCategory::Restorative, "D2000", "D2699"),
    ("Roots", 80, EbenefitCategory::Endodontics, "D3000", "D3999"),
    ("Gums", 80, EbenefitCategory::Periodontics, "D4000", "D4999"),
    ("Surgery", 80, EbenefitCategory::OralSurgery, "D7000", "D7999"),
    ("Crowns", 50, EbenefitCategory::Crowns, "D2700", "D2999"),
    ("Dentures", 50, EbenefitCategory::Prosthodontics, "D5000", "D6999"),
    ("Other", 80, EbenefitCategory::Adjunctive, "D9000", "D9999"),
];

/// The coverage category of such work: its position in [`COVERAGE`], counted from 1.
const fn coverage(work: Work) -> Option<i64> {
    Some(match work {
        Work::Exam => 2,
        Work::Xray => 3,
        Work::Prevent => 4,
        Work::Filling => 5,
        Work::Root => 6,
        Work::Gum => 7,
        Work::Surgery => 8,
        Work::Crown => 9,
        Work::Denture => 10,
        Work::Other => 11,
        Work::Admin => return None,
    })
}

impl Plan {
    /// The plan with this number. Every few hundred plans hold all terms as often as employers buy them: which plans a
    /// practice meets is chance, but not how many of each kind.
    fn new(carrier: CarrierKey, number: u32, seed: u64) -> Self {
        let spread = |terms: usize| Spread::new(number, seed, terms);
        let network = spread(0).weighted(&[
            (Some(Schedule::NetworkHigh), 37),
            (Some(Schedule::NetworkMiddle), 38),
            (Some(Schedule::NetworkLow), 18),
            (None, 7),
        ]);
        Self {
            carrier,
            network,
            by_head: false,
            percents: spread(1).weighted(&[
                ([100, 80, 50], 67),
                ([100, 90, 60], 10),
                ([100, 70, 50], 7),
                ([80, 80, 50], 7),
                ([100, 50, 50], 5),
                ([90, 60, 40], 4),
            ]),
            basic_roots: spread(2).chance(650),
            deductible: Cents::dollars(spread(3).weighted(&[
                (0, 14),
                (25, 8),
                (50, 58),
                (75, 6),
                (100, 8),
                (150, 6),
            ])),
            waived: spread(4).chance(880),
            maximum: Some(Cents::dollars(spread(5).weighted(&[
                (750, 4),
                (1000, 31),
                (1250, 5),
                (1500, 29),
                (2000, 19),
                (2500, 7),
                (3000, 5),
            ]))),
            renews: if spread(6).chance(880) { 0 } else { spread(7).pick(&[4, 6, 7, 9, 10]) },
            employer: 0,
        }
    }

    /// A plan that pays the office for each member: no deductible, no maximum, fixed amounts at the desk.
    fn by_head(carrier: CarrierKey, draw: &mut Draw) -> Self {
        Self {
            carrier,
            network: Some(Schedule::NetworkLow),
            by_head: true,
            percents: [100, 55, 40],
            basic_roots: true,
            deductible: Cents::ZERO,
            waived: true,
            maximum: None,
            renews: if draw.chance(880) { 0 } else { draw.pick(&[4, 6, 7, 9, 10]) },
            employer: 0,
        }
    }

    fn emit(
        &self,
        out: &mut Emitter<'_>,
        stamp: DateTime,
        (row, key): (i64, PlanKey),
        preset: Preset,
    ) -> Result<(), PracticeError> {
        let group = match preset {
            Preset::Stock => format!("DEMO-{:05}", key.num()),
            // Copies of a plan keep their numbers apart.
            Preset::Dbt => format!("DEMO-{:05}-{}", key.num(), out.numbering().key(row)),
        };
        let name = if self.employer > 0 { employer_name(self.employer) } else { String::new() };
        let kind = match (self.network, self.by_head) {
            (_, true) => InsPlanType::Capitation,
            (Some(_), false) => InsPlanType::PpoPercentage,
            (None, false) => InsPlanType::Percentage,
        };
        let copays = if self.by_head { Schedule::CoPay.num() } else { 0 };
        out.row(Rows::InsPlan, stamp, |r| {
            r.set("PlanNum", row)
                .set("GroupName", name)
                .set("GroupNum", group)
                .set("FeeSched", self.network.map_or(0, Schedule::num))
                .set("PlanType", kind.stored())
                .set("ClaimsUseUCR", true)
                .set("CopayFeeSched", copays)
                .set("EmployerNum", self.employer)
                .set("CarrierNum", self.carrier)
                .set("MonthRenew", i64::from(self.renews))
                .set("SecUserNumEntry", 1_i64)
                .set("SecDateEntry", stamp.date())
                .set("IsBlueBookEnabled", false);
        })
    }

    fn emit_benefits(
        &self,
        out: &mut Emitter<'_>,
        stamp: DateTime,
        row: i64,
        keys: &mut Counter,
    ) -> Result<(), PracticeError> {
        let period =
            if self.renews == 0 { BenefitTimePeriod::CalendarYear } else { BenefitTimePeriod::ServiceYear };
        let mut benefit = |kind: InsBenefitType, category: i64, percent: i64, amount: Cents| {
            let level = match kind {
                InsBenefitType::CoInsurance => BenefitCoverageLevel::None,
                _ => BenefitCoverageLevel::Individual,
            };
            out.row(Rows::Benefit, stamp, |r| {
                r.set("BenefitNum", keys.next())
                    .set("PlanNum", row)
                    .set("CovCatNum", category)
                    .set("BenefitType", kind.stored())
                    .set("Percent", percent)
                    .set("MonetaryAmt", amount)
                    .set("TimePeriod", period.stored())
                    .set("CoverageLevel", level.stored())
                    .set("SecDateTEntry", stamp);
            })
        };
        for work in Work::ALL {
            if let Some(category) = coverage(work) {
                benefit(InsBenefitType::CoInsurance, category, self.percent(work), Cents::BLANK)?;
            }
        }
        if self.deductible.is_positive() {
            benefit(InsBenefitType::Deductible, 1, -1, self.deductible)?;
            for work in [Work::Exam, Work::Xray, Work::Prevent].into_iter().filter(|w| !self.deducts(*w)) {
                benefit(InsBenefitType::Deductible, coverage(work).unwrap_or_default(), -1, Cents::ZERO)?;
            }
        }
        if let Some(maximum) = self.maximum {
            benefit(InsBenefitType::Limitations, 1, -1, maximum)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_pay_by_kind_of_work() {
        let payers = Payers::new(300, 1, Preset::Stock);
        let public = payers.plans.get(public_plan()).unwrap();
        assert_eq!(public.percent(Work::Crown), 100);
        for (_, plan) in payers.plans.iter().skip(1) {
            assert!(plan.percent(Work::Prevent) >= plan.percent(Work::Filling));
            assert!(plan.percent(Work::Filling) >= plan.percent(Work::Crown));
            assert_eq!(plan.percent(Work::Admin), 0);
            assert!(plan.deducts(Work::Crown));
        }
    }

    #[test]
    fn benefit_years() {
        let payers = Payers::new(300, 1, Preset::Stock);
        let mut plan = Plan::new(CarrierKey::from_num(2), 0, 1);
        let day = |m| Date::from_ymd(2025, m, 1).unwrap();
        plan.renews = 0;
        assert_eq!((plan.benefit_year(day(1)), plan.benefit_year(day(12))), (2025, 2025));
        plan.renews = 7;
        assert_eq!((plan.benefit_year(day(6)), plan.benefit_year(day(7))), (2024, 2025));
        assert!(payers.plans.added() > 20);
    }
}

//! Payment plans: a large debt paid month by month.
//!
//! A plan changes no balance. It names what is to be paid, a charge falls due each month, and the payment settles the
//! work itself.

use crate::arena::{FamilyKey, PatientKey};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::Event;
use crate::ledger::{About, Open};
use crate::money::Cents;
use crate::people::Purse;
use crate::world::World;

/// `payplancharge.ChargeType`: what falls due, and what the plan is made of.
const DEBIT: i64 = 0;
const CREDIT: i64 = 1;
/// `payplan.PaySchedule` and `payplan.ChargeFrequency` of a plan that is paid each month.
const MONTHLY: i64 = 0;
const EVERY_MONTH: i64 = 3;

/// A payment plan of a family.
#[derive(Debug)]
pub(crate) struct PayPlan {
    number: i64,
    /// What it is made of.
    items: Vec<About>,
    /// What has not fallen due.
    left: Cents,
    monthly: Cents,
    total: Cents,
    payments: i64,
    made: bicuspid_model::DateTime,
    stamp: bicuspid_model::DateTime,
}

impl PayPlan {
    /// Whether an item is paid by the plan.
    pub(crate) fn covers(&self, about: About) -> bool {
        self.items.contains(&about)
    }
}

impl World<'_> {
    /// Offers a payment plan for a large debt; some take it. Returns whether they did.
    pub(crate) fn offer_plan(
        &mut self,
        family: FamilyKey,
        head: PatientKey,
        draw: &mut Draw,
    ) -> Result<bool, PracticeError> {
        let account = self.families.get(family)?;
        let takes = match account.purse {
            Purse::Prompt | Purse::Never => 60,
            Purse::Usual => 260,
            Purse::Slow => 420,
        };
        let owed = |i: &&Open| i.due().is_positive() && matches!(i.about, About::Procedure(_));
        let items: Vec<Open> = account.ledger.open.iter().filter(owed).copied().collect();
        let total: Cents = items.iter().map(Open::due).sum();
        if account.plan.is_some() || total < Cents::dollars(700) || !draw.chance(takes) {
            return Ok(false);
        }
        let payments = draw.weighted(&[(3, 40), (6, 60)]);
        let monthly = total.parts(payments);
        let number = self.keys.pay_plan.next();
        let now = self.now;
        for item in &items {
            let charge = self.keys.pay_plan_charge.next();
            let procedure = if let About::Procedure(num) = item.about { num } else { 0 };
            self.out.row(Rows::PayPlanCharge, now, |r| {
                r.set("PayPlanChargeNum", charge)
                    .set("PayPlanNum", number)
                    .set("Guarantor", head)
                    .set("PatNum", item.patient)
                    .set("ChargeDate", now.date())
                    .set("Principal", item.due())
                    .set("ProvNum", item.provider)
                    .set("ChargeType", CREDIT)
                    .set("ProcNum", procedure)
                    .set("SecDateTEntry", now);
            })?;
        }
        let items = items.iter().map(|i| i.about).collect();
        self.families.get_mut(family)?.plan = Some(Box::new(PayPlan {
            number,
            items,
            left: total,
            monthly,
            total,
            payments,
            made: now,
            stamp: now,
        }));
        self.later(30, draw, Event::Installment(family));
        Ok(true)
    }

    /// A month of a plan has passed: a charge falls due, and mostly it is paid.
    pub(crate) fn installment(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let now = self.now;
        let account = self.families.get_mut(family)?;
        let (Some(plan), Some(head)) = (&mut account.plan, account.members.first().copied()) else {
            return Ok(());
        };
        let paid =
            |about: About| !account.ledger.open.iter().any(|i| i.about == about && i.due().is_positive());
        if plan.left == Cents::ZERO || plan.items.iter().all(|about| paid(*about)) {
            return self.close_plan(family, true);
        }
        let amount = plan.monthly.min(plan.left);
        let open =
            account.ledger.open.iter().find(|i| plan.items.contains(&i.about) && i.due().is_positive());
        let Some(first) = open.copied() else { return Ok(()) };
        plan.left -= amount;
        plan.stamp = now;
        let number = plan.number;
        let charge = self.keys.pay_plan_charge.next();
        self.out.row(Rows::PayPlanCharge, now, |r| {
            r.set("PayPlanChargeNum", charge)
                .set("PayPlanNum", number)
                .set("Guarantor", head)
                .set("PatNum", first.patient)
                .set("ChargeDate", now.date())
                .set("Principal", amount)
                .set("ProvNum", first.provider)
                .set("ChargeType", DEBIT)
                .set("SecDateTEntry", now);
        })?;
        if draw.chance(920) {
            self.pay_plan(family, head, amount, (number, charge), &mut draw)?;
        }
        self.later(30, &mut draw, Event::Installment(family));
        Ok(())
    }

    /// Writes the plan that a family has or had.
    pub(crate) fn close_plan(&mut self, family: FamilyKey, ended: bool) -> Result<(), PracticeError> {
        let account = self.families.get_mut(family)?;
        let (Some(plan), Some(head)) = (account.plan.take(), account.members.first().copied()) else {
            return Ok(());
        };
        let stamp = if ended { self.now } else { plan.stamp };
        self.out.row(Rows::PayPlan, stamp, |r| {
            r.set("PayPlanNum", plan.number)
                .set("PatNum", head)
                .set("Guarantor", head)
                .set("PayPlanDate", plan.made.date())
                .set("Note", "Monthly payments agreed at the desk")
                .set("CompletedAmt", plan.total)
                .set("PaySchedule", MONTHLY)
                .set("NumberOfPayments", plan.payments)
                .set("PayAmt", plan.monthly)
                .set("IsClosed", ended)
                .set("PlanCategory", Definition::default())
                .set("ChargeFrequency", EVERY_MONTH)
                .set(
                    "DatePayPlanStart",
                    plan.made.date().plus_days(30).min(self.settings.end_date.plus_days(-1)),
                );
        })
    }

    /// The part of a plan that is paid now, for the work that it is made of.
    fn pay_plan(
        &mut self,
        family: FamilyKey,
        head: PatientKey,
        amount: Cents,
        charge: (i64, i64),
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let account = self.families.get(family)?;
        // What is owed to the family elsewhere is set against it.
        let amount = amount.min(account.ledger.due());
        let items: Vec<Open> = match &account.plan {
            Some(plan) => account.ledger.open.iter().filter(|i| plan.covers(i.about)).copied().collect(),
            None => Vec::new(),
        };
        self.pay_items(head, family, (amount, Some(charge)), &items, draw)
    }
}

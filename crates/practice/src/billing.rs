//! Patients pay: at the visit, after a bill, late, or never.

use bicuspid_opendental::enums::Permission;

use crate::arena::{FamilyKey, PatientKey, ProviderKey};
use crate::calendar::open_from;
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::Event;
use crate::ledger::{About, Open};
use crate::messages::Log;
use crate::money::Cents;
use crate::office_life::Errand;
use crate::people::Purse;
use crate::settings::Preset;
use crate::terms::Terms;
use crate::world::World;

/// When bills are written: the last minutes before the day begins at eight.
const BILLS_SECONDS: i64 = 7 * 3600 + 56 * 60;

/// A part of a payment, for one item.
#[derive(Debug, Clone, Copy)]
struct Part {
    item: Open,
    amount: Cents,
}

impl World<'_> {
    /// The patient's share of today's work is asked for at the desk.
    pub(crate) fn pay_at_visit(
        &mut self,
        patient: PatientKey,
        family: FamilyKey,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let account = self.families.get(family)?;
        let due = account.asked();
        // Whoever has not answered bills for long pays for today at most.
        let due = if account.unanswered >= 2 { account.ledger.due_of(self.now.date()).min(due) } else { due };
        let chance = Terms::of(self.settings.receivables).at_desk(account.purse, due);
        if !due.is_positive() || !draw.chance(chance) {
            return Ok(());
        }
        // Small change is left for the bill.
        if due < Cents::dollars(175) {
            return Ok(());
        }
        self.now = self.now.plus_seconds(i64::from(draw.between(60, 600)));
        self.pay(patient, family, due, draw)
    }

    /// Changes what is owed for a patient; the program keeps balances in the rows of patient and guarantor, so both are
    /// stamped.
    pub(crate) fn owe(&mut self, patient: PatientKey, change: Cents) -> Result<(), PracticeError> {
        let now = self.now;
        let person = self.patients.get_mut(patient)?;
        person.balance += change;
        person.stamp = now.max(person.stamp);
        if let Some(head) = self.families.get(person.family)?.members.first() {
            let head = self.patients.get_mut(*head)?;
            head.stamp = now.max(head.stamp);
        }
        Ok(())
    }

    /// After something was charged or settled: whoever owes gets a bill, whoever is owed gets money back.
    pub(crate) fn settle_up(&mut self, family: FamilyKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let account = self.families.get_mut(family)?;
        let due = account.asked();
        if due.is_positive() && !account.billed {
            account.billed = true;
            let days = draw.between(2, 12);
            self.bill_in(days, family, draw);
        } else if account.ledger.overpaid() > Cents::dollars(25) && draw.chance(75) {
            let days = draw.between(15, 45);
            self.later(days, draw, Event::Refund(family));
        }
        self.return_credit(family, draw)
    }

    /// A bill is written. It is paid, or another one follows, until the account is given up.
    pub(crate) fn bill(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let terms = Terms::of(self.settings.receivables);
        let account = self.families.get_mut(family)?;
        let due = account.asked();
        let Some(head) = account.members.first().copied() else { return Ok(()) };
        if !due.is_positive() {
            account.billed = false;
            account.unanswered = 0;
            return Ok(());
        }
        if account.unanswered >= terms.bills_max {
            return self.give_up_account(family, head, &mut draw);
        }
        if self.offer_plan(family, head, &mut draw)? {
            let account = self.families.get_mut(family)?;
            account.billed = false;
            account.unanswered = 0;
            return Ok(());
        }
        let account = self.families.get_mut(family)?;
        let chance = terms.by_bill(account.purse, account.unanswered);
        let pays = draw.chance(chance);
        account.unanswered = if pays { 0 } else { account.unanswered + 1 };
        let late = account.unanswered >= 3 && draw.chance(140);
        let charge = if late { self.charge_late(family, head, &mut draw)? } else { None };
        self.state(family, head, charge, &mut draw)?;
        if self.families.get(family)?.unanswered == 3 {
            let user = self.desk(&mut draw);
            self.remember(Errand::Collect, head, user)?;
        }
        if pays {
            let days = draw.along(&[2, 6, 11, 18, 27]);
            self.later(days, &mut draw, Event::Pay(family));
        }
        self.bill_in(terms.bill_days, family, &mut draw);
        Ok(())
    }

    /// Bills are written first thing in the morning, before anybody is seen or pays: each says what the books said at the
    /// end of the day before.
    fn bill_in(&mut self, days: i32, family: FamilyKey, draw: &mut Draw) {
        let day = open_from(self.now.date().plus_days(days.max(1)));
        let moment = day.at_seconds(BILLS_SECONDS + i64::from(draw.below(4 * 60)));
        self.queue.push(moment, Event::Bill(family));
    }

    /// A bill is paid, in full or in half.
    pub(crate) fn pay_bill(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let account = self.families.get(family)?;
        let due = account.asked();
        let Some(head) = account.members.first().copied() else { return Ok(()) };
        if !due.is_positive() {
            return Ok(());
        }
        let part = due > Cents::dollars(300) && draw.chance(130);
        let amount = if part { due.percent(50).floor_dollars() } else { due };
        self.pay(head, family, amount, &mut draw)
    }

    /// A family pays: the amount goes to its open items, oldest first.
    fn pay(
        &mut self,
        payer: PatientKey,
        family: FamilyKey,
        amount: Cents,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let account = self.families.get(family)?;
        let planned = |i: &Open| account.plan.as_ref().is_some_and(|plan| plan.covers(i.about));
        let items: Vec<Open> = account.ledger.open.iter().filter(|i| !planned(i)).copied().collect();
        self.pay_items(payer, family, (amount, None), &items, draw)
    }

    /// An amount is paid for some items, the first ones first; a charge of a payment plan may be what it is paid for.
    pub(crate) fn pay_items(
        &mut self,
        payer: PatientKey,
        family: FamilyKey,
        (amount, charge): (Cents, Option<(i64, i64)>),
        items: &[Open],
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let mut left = amount;
        let mut parts = Vec::new();
        for item in items {
            let part = item.due().min(left);
            if part.is_positive() {
                parts.push(Part { item: *item, amount: part });
                left -= part;
            }
        }
        let kind = draw.weighted(&[
            (Definition::CARD, 66),
            (Definition::CHECK, 16),
            (Definition::CASH, 9),
            (Definition::FINANCING, if amount > Cents::dollars(400) { 30 } else { 3 }),
        ]);
        if parts.is_empty() {
            return Ok(());
        }
        self.enter_payment(payer, family, (kind, charge), &parts, draw)
    }

    /// Part of what planned work will cost the patient is paid ahead; it belongs to no procedure yet.
    pub(crate) fn prepay(
        &mut self,
        patient: PatientKey,
        provider: ProviderKey,
        share: Cents,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let family = self.patients.get(patient)?.family;
        // Where no account may be in credit there is less to be paid ahead.
        let (least, patience) = match (self.families.get(family)?.purse, self.settings.preset) {
            (Purse::Prompt, Preset::Dbt) => (250, 480),
            (Purse::Usual, Preset::Dbt) => (250, 260),
            (Purse::Prompt, Preset::Stock) => (150, 700),
            (Purse::Usual, Preset::Stock) => (150, 450),
            (Purse::Slow | Purse::Never, _) => (0, 0),
        };
        if share < Cents::dollars(least) || !draw.chance(patience) {
            return Ok(());
        }
        let amount = share.percent(50).floor_dollars();
        if self.settings.preset == Preset::Dbt && self.families.get(family)?.ledger.balance() < amount {
            return Ok(());
        }
        let (about, day) = (About::Prepaid(0), self.now.date());
        let item = Open { about, patient, provider, day, left: Cents::ZERO, expected: Cents::ZERO };
        let kind =
            draw.weighted(&[(Definition::CARD, 70), (Definition::CHECK, 20), (Definition::FINANCING, 10)]);
        self.enter_payment(patient, family, (kind, None), &[Part { item, amount }], draw)
    }

    /// What a patient paid ahead goes to the work that is done now: a transfer that moves no money.
    pub(crate) fn use_prepayments(
        &mut self,
        patient: PatientKey,
        family: FamilyKey,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let open = &self.families.get(family)?.ledger.open;
        let is_ahead = |i: &&Open| i.patient == patient && matches!(i.about, About::Prepaid(_));
        let Some(ahead) = open.iter().find(is_ahead).copied() else { return Ok(()) };
        let mut left = -ahead.left;
        let mut parts = Vec::new();
        for item in open.iter().filter(|i| i.patient == patient && matches!(i.about, About::Procedure(_))) {
            let amount = item.due().min(left);
            if amount.is_positive() {
                // Two parts for each piece of work, one against the other.
                parts.push(Part { item: *item, amount });
                parts.push(Part { item: ahead, amount: -amount });
                left -= amount;
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        self.enter_payment(patient, family, (Definition::default(), None), &parts, draw)
    }

    /// One preset's readers do not know of accounts in credit: there, whatever is too much goes back at once.
    fn return_credit(&mut self, family: FamilyKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let account = self.families.get(family)?;
        let mut left = -account.ledger.balance();
        let Some(head) = account.members.first().copied() else { return Ok(()) };
        if self.settings.preset != Preset::Dbt || !left.is_positive() {
            return Ok(());
        }
        let ahead = |i: &Open| matches!(i.about, About::Prepaid(_));
        let mut items = account.ledger.open.clone();
        items.sort_by_key(ahead);
        let mut parts = Vec::new();
        for item in items {
            let part = (-item.left).min(left);
            if part.is_positive() {
                parts.push(Part { item, amount: -part });
                left -= part;
            }
        }
        self.enter_payment(head, family, (Definition::REFUND, None), &parts, draw)
    }

    /// Money that was paid too much goes back.
    pub(crate) fn refund(&mut self, family: FamilyKey) -> Result<(), PracticeError> {
        let mut draw = self.draw(family)?;
        let account = self.families.get(family)?;
        let mut left = account.ledger.overpaid();
        let Some(head) = account.members.first().copied() else { return Ok(()) };
        let mut parts = Vec::new();
        for item in account.ledger.open.iter().filter(|i| !matches!(i.about, About::Prepaid(_))) {
            let part = (-item.left).min(left);
            if part.is_positive() {
                parts.push(Part { item: *item, amount: -part });
                left -= part;
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        self.enter_payment(head, family, (Definition::REFUND, None), &parts, &mut draw)
    }

    /// Writes a payment and its parts, and settles the items.
    fn enter_payment(
        &mut self,
        payer: PatientKey,
        family: FamilyKey,
        (kind, charge): (Definition, Option<(i64, i64)>),
        parts: &[Part],
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let (now, today, as_of) = (self.now, self.now.date(), self.as_of());
        let total: Cents = parts.iter().map(|p| p.amount).sum();
        let payment = self.keys.payment.next();
        let note = if kind == Definition::default() { "INCOME TRANSFER" } else { "" };
        let user = self.desk(draw);
        let banked = kind == Definition::CHECK || kind == Definition::CASH;
        let deposit = if banked { self.bank_with(total, false) } else { 0 };
        let check = if kind == Definition::CHECK {
            format!("DEMO-{}", 1000 + draw.below(9000))
        } else {
            String::new()
        };
        self.out.row(Rows::Payment, now, |r| {
            r.set("PayNum", payment)
                .set("PayType", kind)
                .set("PayDate", today)
                .set("PayAmt", total)
                .set("CheckNum", check)
                .set("PayNote", note)
                .set("PatNum", payer)
                .set("DateEntry", today)
                .set("DepositNum", deposit)
                .set("SecUserNumEntry", user);
        })?;
        for part in parts {
            let split = self.keys.split.next();
            let (procedure, adjustment, unearned) = match part.item.about {
                About::Procedure(num) => (num, 0, Definition::default()),
                About::Adjustment(num) => (0, num, Definition::default()),
                About::Prepaid(_) => (0, 0, Definition::UNEARNED),
            };
            self.out.row(Rows::PaySplit, now, |r| {
                r.set("SplitNum", split)
                    .set("SplitAmt", part.amount)
                    .set("PatNum", part.item.patient)
                    .set("PayNum", payment)
                    .set("ProvNum", part.item.provider)
                    .set("DatePay", today)
                    .set("PayPlanNum", charge.map_or(0, |(plan, _)| plan))
                    .set("ProcNum", procedure)
                    .set("DateEntry", today)
                    .set("UnearnedType", unearned)
                    .set("SecUserNumEntry", user)
                    .set("AdjNum", adjustment)
                    .set("PayPlanChargeNum", charge.map_or(0, |(_, charge)| charge));
            })?;
            self.owe(part.item.patient, -part.amount)?;
            let ledger = &mut self.families.get_mut(family)?.ledger;
            if part.item.about == About::Prepaid(0) {
                ledger.prepay(Open { about: About::Prepaid(payment), left: -part.amount, ..part.item });
            } else if part.amount.is_positive() {
                ledger.credit(part.item, part.amount);
            } else {
                ledger.refund(part.item, -part.amount, today, as_of);
            }
        }
        let text = format!("Payment {} entered", self.out.numbering().key(payment));
        self.log(Log { permission: Permission::PaymentCreate, patient: payer, key: payment, user, text })
    }

    /// Writes an adjustment of an item: negative amounts take off the debt.
    #[expect(clippy::too_many_arguments, reason = "each is one column of the row")]
    pub(crate) fn adjust(
        &mut self,
        patient: PatientKey,
        about: About,
        provider: ProviderKey,
        kind: Definition,
        amount: Cents,
        note: &'static str,
        draw: &mut Draw,
    ) -> Result<i64, PracticeError> {
        let (now, today, as_of) = (self.now, self.now.date(), self.as_of());
        let key = self.keys.adjustment.next();
        let user = self.desk(draw);
        let procedure = match about {
            About::Procedure(num) => num,
            About::Adjustment(_) | About::Prepaid(_) => 0,
        };
        self.out.row(Rows::Adjustment, now, |r| {
            r.set("AdjNum", key)
                .set("AdjDate", today)
                .set("AdjAmt", amount)
                .set("PatNum", patient)
                .set("AdjType", kind)
                .set("ProvNum", provider)
                .set("AdjNote", note)
                .set("ProcDate", today)
                .set("ProcNum", procedure)
                .set("DateEntry", today)
                .set("SecUserNumEntry", user);
        })?;
        self.owe(patient, amount)?;
        let family = self.patients.get(patient)?.family;
        let ledger = &mut self.families.get_mut(family)?.ledger;
        let about = if amount.is_positive() { About::Adjustment(key) } else { about };
        let item = Open { about, patient, provider, day: today, left: amount, expected: Cents::ZERO };
        if amount.is_positive() {
            ledger.charge(item, as_of);
        } else {
            ledger.credit(item, -amount);
        }
        let text = format!("Adjustment {} entered", self.out.numbering().key(key));
        self.log(Log { permission: Permission::AdjustmentCreate, patient, key, user, text })?;
        Ok(key)
    }

    /// A charge for a debt that stays.
    fn charge_late(
        &mut self,
        family: FamilyKey,
        head: PatientKey,
        draw: &mut Draw,
    ) -> Result<Option<i64>, PracticeError> {
        let provider = self.patients.get(head)?.dentist;
        if self.families.get(family)?.ledger.due() < Cents::dollars(40) {
            return Ok(None);
        }
        let amount = Cents::dollars(15);
        self.adjust(
            head,
            About::Adjustment(0),
            provider,
            Definition::BILLING_CHARGE,
            amount,
            "Late payment",
            draw,
        )
        .map(Some)
    }

    /// Nobody has paid for months: most of such debts are written off, and the account is closed to credit.
    fn give_up_account(
        &mut self,
        family: FamilyKey,
        head: PatientKey,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let account = self.families.get_mut(family)?;
        account.collection = true;
        account.billed = false;
        // New debts of the account are followed up less long.
        account.unanswered = 2;
        let items: Vec<Open> =
            account.ledger.open.iter().filter(|i| i.due().is_positive()).copied().collect();
        let mut credit = items.iter().map(Open::due).sum::<Cents>() - account.ledger.due();
        self.patients.get_mut(head)?.stamp = self.now;
        if !draw.chance(Terms::of(self.settings.receivables).written_off) {
            return Ok(());
        }
        for item in items {
            // What the family is owed elsewhere is not written off twice.
            let amount = (item.due() - credit).or_zero();
            credit -= item.due() - amount;
            if amount.is_positive() {
                let note = "Given up after several statements";
                self.adjust(
                    item.patient,
                    item.about,
                    item.provider,
                    Definition::BAD_DEBT,
                    -amount,
                    note,
                    draw,
                )?;
            }
        }
        Ok(())
    }
}

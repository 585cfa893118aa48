//! What a family owes, item by item, and how old the debt is.

use bicuspid_model::Date;

use crate::arena::{PatientKey, ProviderKey, add_to, shrink};
use crate::money::Cents;

/// What an open item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A completed procedure.
    Procedure(i64),
    /// A charge that was added.
    Adjustment(i64),
    /// Money paid ahead for work to come, by the key of its payment.
    Prepaid(i64),
}

/// A charge that is not settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) about: About,
    pub(crate) patient: PatientKey,
    pub(crate) provider: ProviderKey,
    pub(crate) day: Date,
    /// What is left of the charge; negative when more was paid than charged.
    pub(crate) left: Cents,
    /// What insurers are expected to pay or to have written off.
    pub(crate) expected: Cents,
}

impl Open {
    /// What the family owes of it now.
    pub(crate) fn due(&self) -> Cents {
        self.left - self.expected
    }
}

/// A family's debt by age in days at the as-of date. It is all the guarantor's row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Aging {
    pub(crate) to_30: Cents,
    pub(crate) to_60: Cents,
    pub(crate) to_90: Cents,
    pub(crate) over_90: Cents,
    pub(crate) total: Cents,
}

/// The account of a family.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) open: Vec<Open>,
    /// Charges by age at the as-of date: up to 30 days, up to 60, up to 90, older.
    charges: [Cents; 4],
    credits: Cents,
}

impl Ledger {
    /// Enters a charge.
    pub(crate) fn charge(&mut self, item: Open, as_of: Date) {
        self.age_charge(item.day, as_of, item.left);
        add_to(&mut self.open, item);
    }

    fn age_charge(&mut self, day: Date, as_of: Date, amount: Cents) {
        let [to_30, to_60, to_90, older] = &mut self.charges;
        let bucket = match as_of.days() - day.days() {
            ..=30 => to_30,
            31..=60 => to_60,
            61..=90 => to_90,
            _ => older,
        };
        *bucket += amount;
    }

    /// Enters a credit for an item: a payment, a write-off, a discount.
    pub(crate) fn credit(&mut self, item: Open, amount: Cents) {
        self.credits += amount;
        self.change(item, -amount, Cents::ZERO);
    }

    /// Changes an open item. One that was settled opens again: what an insurer pays on top is owed to the family.
    fn change(&mut self, item: Open, left: Cents, expected: Cents) {
        match self.open.iter_mut().find(|i| i.about == item.about) {
            Some(open) => {
                open.left += left;
                open.expected += expected;
            }
            None => add_to(&mut self.open, Open { left, expected, ..item }),
        }
        self.settle();
    }

    /// Enters money paid ahead.
    pub(crate) fn prepay(&mut self, item: Open) {
        self.credits -= item.left;
        add_to(&mut self.open, item);
    }

    /// What was paid too much, as a positive amount; what was paid ahead is not part of it.
    pub(crate) fn overpaid(&self) -> Cents {
        let ahead: Cents =
            self.open.iter().filter(|i| matches!(i.about, About::Prepaid(_))).map(|i| i.left).sum();
        (ahead - self.due()).or_zero()
    }

    /// Enters money given back or moved to another item, which counts as a charge of that day.
    pub(crate) fn refund(&mut self, item: Open, amount: Cents, day: Date, as_of: Date) {
        self.age_charge(day, as_of, amount);
        self.change(item, amount, Cents::ZERO);
    }

    /// Changes what insurers are expected to cover of an item.
    pub(crate) fn expect(&mut self, item: Open, change: Cents) {
        self.change(item, Cents::ZERO, change);
    }

    fn settle(&mut self) {
        self.open.retain(|i| i.left != Cents::ZERO || i.expected != Cents::ZERO);
        // Most accounts are settled for most of the time.
        shrink(&mut self.open);
    }

    /// What the family owes now, credits of one item set against the others.
    pub(crate) fn due(&self) -> Cents {
        self.open.iter().map(Open::due).sum()
    }

    /// What stands on the account, whoever will settle it.
    pub(crate) fn balance(&self) -> Cents {
        self.open.iter().map(|i| i.left).sum()
    }

    /// What the family owes of the charges of a day.
    pub(crate) fn due_of(&self, day: Date) -> Cents {
        self.open.iter().filter(|i| i.day == day).map(Open::due).sum()
    }

    /// How old the debt is: credits pay the oldest charges first, and what is left of them stands in the youngest part.
    pub(crate) fn aging(&self) -> Aging {
        let mut credits = self.credits;
        let mut pay = |charged: Cents| {
            let paid = credits.min(charged);
            credits -= paid;
            charged - paid
        };
        let [to_30, to_60, to_90, older] = self.charges;
        let (over_90, to_90, to_60) = (pay(older), pay(to_90), pay(to_60));
        let to_30 = to_30 - credits;
        Aging { to_30, to_60, to_90, over_90, total: to_30 + to_60 + to_90 + over_90 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(num: i64, day: Date, dollars: i64) -> Open {
        Open {
            about: About::Procedure(num),
            patient: PatientKey::default(),
            provider: ProviderKey::default(),
            day,
            left: Cents::dollars(dollars),
            expected: Cents::ZERO,
        }
    }

    #[test]
    fn credits_pay_the_oldest_first() {
        let as_of = Date::from_days(9500);
        let mut ledger = Ledger::default();
        for (num, age, dollars) in [(1, 120, 100), (2, 61, 50), (3, 60, 40), (4, 30, 30)] {
            ledger.charge(item(num, as_of.plus_days(-age), dollars), as_of);
        }
        ledger.credit(item(4, as_of, 0), Cents::dollars(30));
        let aging = ledger.aging();
        assert_eq!(aging.over_90, Cents::dollars(70));
        assert_eq!(
            (aging.to_90, aging.to_60, aging.to_30),
            (Cents::dollars(50), Cents::dollars(40), Cents::dollars(30))
        );
        assert_eq!(aging.total, ledger.due());
        assert_eq!(ledger.open.len(), 3);
    }

    #[test]
    fn a_credit_balance_stands_in_the_youngest_part() {
        let as_of = Date::from_days(9500);
        let mut ledger = Ledger::default();
        ledger.charge(item(1, as_of.plus_days(-100), 100), as_of);
        ledger.credit(item(1, as_of, 0), Cents::dollars(120));
        let aging = ledger.aging();
        assert_eq!(
            (aging.over_90, aging.to_30, aging.total),
            (Cents::ZERO, -Cents::dollars(20), -Cents::dollars(20))
        );
        ledger.refund(item(1, as_of, 0), Cents::dollars(20), as_of.plus_days(-1), as_of);
        assert_eq!(ledger.aging().total, Cents::ZERO);
        assert!(ledger.open.is_empty());
    }

    #[test]
    fn what_is_paid_ahead_is_not_paid_too_much() {
        let as_of = Date::from_days(9500);
        let mut ledger = Ledger::default();
        ledger.prepay(Open { about: About::Prepaid(1), left: -Cents::dollars(50), ..item(1, as_of, 0) });
        assert_eq!((ledger.due(), ledger.overpaid()), (-Cents::dollars(50), Cents::ZERO));
        assert_eq!(ledger.aging().total, -Cents::dollars(50));
        ledger.charge(item(2, as_of, 30), as_of);
        ledger.credit(item(2, as_of, 0), Cents::dollars(45));
        assert_eq!(ledger.overpaid(), Cents::dollars(15));
        let ahead = Open { about: About::Prepaid(1), ..item(1, as_of, 0) };
        ledger.refund(ahead, Cents::dollars(50), as_of, as_of);
        assert_eq!(ledger.aging().total, -Cents::dollars(15));
    }

    #[test]
    fn what_comes_for_a_settled_item_stays_on_the_account() {
        let as_of = Date::from_days(9500);
        let mut ledger = Ledger::default();
        ledger.charge(item(1, as_of, 100), as_of);
        ledger.credit(item(1, as_of, 0), Cents::dollars(100));
        assert!(ledger.open.is_empty());
        ledger.expect(item(1, as_of, 0), Cents::dollars(30));
        ledger.credit(item(1, as_of, 0), Cents::dollars(30));
        ledger.expect(item(1, as_of, 0), -Cents::dollars(30));
        assert_eq!((ledger.balance(), ledger.aging().total), (-Cents::dollars(30), -Cents::dollars(30)));
        assert_eq!(ledger.overpaid(), Cents::dollars(30));
    }

    #[test]
    fn what_insurers_owe_is_not_due() {
        let as_of = Date::from_days(9500);
        let mut ledger = Ledger::default();
        ledger.charge(item(1, as_of, 100), as_of);
        ledger.expect(item(1, as_of, 0), Cents::dollars(80));
        assert_eq!((ledger.due(), ledger.aging().total), (Cents::dollars(20), Cents::dollars(100)));
    }
}

//! How an office asks for its money, by how old it lets its receivables become.

use crate::money::Cents;
use crate::people::Purse;
use crate::settings::Receivables;

/// How an office asks for its money.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Chance in a thousand that somebody pays at the desk: the prompt, the usual, the slow, and those who never do.
    at_desk: [u32; 4],
    /// The same, whoever it is, for a debt that has grown large: an office goes on treating against payment then, often
    /// by a lender.
    large: u32,
    /// The same for a bill.
    by_bill: [u32; 4],
    /// Bills without an answer after which a debt is given up.
    pub(crate) bills_max: u32,
    /// Days between bills.
    pub(crate) bill_days: i32,
    /// What is left of the chance, as one part in so many, after three bills without an answer.
    old: u32,
    /// Chance in a thousand that a debt that is given up is written off.
    pub(crate) written_off: u32,
}

/// Whether a debt is more than an office lets run on.
fn is_large(due: Cents) -> bool {
    due > Cents::dollars(1200)
}

impl Terms {
    /// The terms of an office.
    pub(crate) const fn of(receivables: Receivables) -> Self {
        match receivables {
            Receivables::Healthy => Self {
                at_desk: [955, 810, 430, 120],
                large: 800,
                by_bill: [920, 790, 540, 60],
                bills_max: 8,
                old: 7,
                bill_days: 18,
                written_off: 970,
            },
            Receivables::Typical => Self {
                at_desk: [935, 772, 310, 40],
                large: 750,
                by_bill: [880, 700, 350, 30],
                bills_max: 14,
                old: 11,
                bill_days: 30,
                written_off: 870,
            },
            Receivables::Neglected => Self {
                at_desk: [830, 450, 170, 30],
                large: 250,
                by_bill: [620, 360, 190, 20],
                bills_max: 16,
                old: 25,
                bill_days: 38,
                written_off: 560,
            },
        }
    }

    const fn by_purse([prompt, usual, slow, never]: [u32; 4], purse: Purse) -> u32 {
        match purse {
            Purse::Prompt => prompt,
            Purse::Usual => usual,
            Purse::Slow => slow,
            Purse::Never => never,
        }
    }

    /// The chance in a thousand that somebody who owes that much pays at the desk.
    pub(crate) fn at_desk(&self, purse: Purse, due: Cents) -> u32 {
        let chance = Self::by_purse(self.at_desk, purse);
        if is_large(due) { chance.max(self.large) } else { chance }
    }

    /// The chance in a thousand that a bill is paid after so many that were not; what is old is hardly ever paid.
    pub(crate) const fn by_bill(&self, purse: Purse, unanswered: u32) -> u32 {
        let chance = Self::by_purse(self.by_bill, purse);
        if unanswered >= 3 { chance / self.old } else { chance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthier_office_is_paid_sooner() {
        let [healthy, typical, neglected] =
            [Receivables::Healthy, Receivables::Typical, Receivables::Neglected].map(Terms::of);
        for purse in [Purse::Prompt, Purse::Usual, Purse::Slow, Purse::Never] {
            for due in [Cents::dollars(100), Cents::dollars(3000)] {
                assert!(healthy.at_desk(purse, due) > typical.at_desk(purse, due));
                assert!(typical.at_desk(purse, due) > neglected.at_desk(purse, due));
            }
            assert!(typical.by_bill(purse, 3) < typical.by_bill(purse, 2));
        }
        assert!(healthy.bills_max < neglected.bills_max);
    }
}

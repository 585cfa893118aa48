//! How an office asks for its money, by how old it lets its receivables become.

use crate::people::Purse;
use crate::settings::Receivables;

/// How an office asks for its money.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Chance in a thousand that somebody pays at the desk: the prompt, the usual, the slow, and those who never do.
    at_desk: [u32; 4],
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

impl Terms {
    /// The terms of an office.
    pub(crate) const fn of(receivables: Receivables) -> Self {
        match receivables {
            Receivables::Healthy => Self {
                at_desk: [955, 810, 430, 120],
                by_bill: [890, 700, 480, 60],
                bills_max: 6,
                old: 5,
                bill_days: 20,
                written_off: 970,
            },
            Receivables::Typical => Self {
                at_desk: [940, 790, 320, 40],
                by_bill: [860, 650, 330, 30],
                bills_max: 13,
                old: 17,
                bill_days: 30,
                written_off: 870,
            },
            Receivables::Neglected => Self {
                at_desk: [850, 520, 190, 30],
                by_bill: [620, 360, 190, 20],
                bills_max: 18,
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

    /// The chance in a thousand that somebody pays at the desk.
    pub(crate) const fn at_desk(&self, purse: Purse) -> u32 {
        Self::by_purse(self.at_desk, purse)
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
            assert!(healthy.at_desk(purse) > typical.at_desk(purse));
            assert!(typical.at_desk(purse) > neglected.at_desk(purse));
            assert!(typical.by_bill(purse, 3) < typical.by_bill(purse, 2));
        }
        assert!(healthy.bills_max < neglected.bills_max);
    }
}

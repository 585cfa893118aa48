//! What a plan is expected to pay for a piece of work.

use bicuspid_model::Date;

use crate::arena::CodeKey;
use crate::codes;
use crate::fees::{Fees, Schedule};
use crate::money::Cents;
use crate::payers::Plan;
use crate::people::Coverage;

/// What a plan is expected to pay for one procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Estimate {
    /// What the plan allows, never more than the fee.
    pub(crate) allowed: Cents,
    /// What the office forgoes inside a network.
    pub(crate) write_off: Cents,
    pub(crate) percent: i64,
    /// Share of the allowed amount before deductible and maximum.
    pub(crate) base: Cents,
    pub(crate) deductible: Cents,
    /// What the plan pays.
    pub(crate) pays: Cents,
}

/// Benefits of a year that are used up while a list of procedures is estimated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    paid: Cents,
    deductible: Cents,
}

impl Used {
    /// What is used at the moment.
    pub(crate) fn of(coverage: &Coverage, plan: &Plan, day: Date) -> Self {
        let (paid, deductible) = coverage.used_in(plan.benefit_year(day));
        Self { paid, deductible }
    }

    /// Uses up what an estimate takes.
    pub(crate) fn take(&mut self, estimate: &Estimate) {
        self.paid += estimate.pays;
        self.deductible += estimate.deductible;
    }
}

/// Estimates one procedure and uses up its benefits.
pub(crate) fn estimate(
    plan: &Plan,
    fees: &Fees,
    code: CodeKey,
    fee: Cents,
    day: Date,
    used: &mut Used,
) -> Estimate {
    let work = codes::of(code).work;
    if plan.by_head {
        // The office is paid for the member already: all but the member's own part is forgone.
        let copay = fees.amount(Schedule::CoPay, code, day).min(fee);
        return Estimate { allowed: copay, write_off: fee - copay, ..Estimate::default() };
    }
    let allowed = match plan.network {
        Some(network) => fees.amount(network, code, day),
        // Outside a network a plan allows what offices usually charge, which is a little less than this one does.
        None => fees.amount(Schedule::Office, code, day).percent(95),
    }
    .min(fee);
    let percent = plan.percent(work);
    let write_off = if plan.network.is_some() { fee - allowed } else { Cents::ZERO };
    let open = if plan.deducts(work) && percent > 0 {
        (plan.deductible - used.deductible).or_zero()
    } else {
        Cents::ZERO
    };
    let deductible = open.min(allowed);
    let before_maximum = (allowed - deductible).percent(percent);
    let pays = match plan.maximum {
        Some(maximum) => before_maximum.min((maximum - used.paid).or_zero()),
        None => before_maximum,
    };
    let estimate = Estimate { allowed, write_off, percent, base: allowed.percent(percent), deductible, pays };
    used.take(&estimate);
    estimate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Key;
    use crate::draw::{Draw, Stream};
    use crate::payers::Payers;

    #[test]
    fn deductible_and_maximum_are_never_exceeded() {
        let day = Date::from_ymd(2025, 5, 5).unwrap();
        let fees = Fees::new(day, day, &mut Draw::new(1, Stream::Office, 0, 0));
        let payers = Payers::new(2000, 1, crate::settings::Preset::Stock);
        for (_, plan) in payers.plans.iter() {
            let mut used = Used { paid: Cents::ZERO, deductible: Cents::ZERO };
            let (mut paid, mut deducted) = (Cents::ZERO, Cents::ZERO);
            for (num, code) in (1_i64..).zip(codes::CODES) {
                let key = CodeKey::from_num(num);
                let fee = fees.amount(Schedule::Office, key, day);
                let estimate = estimate(plan, &fees, key, fee, day, &mut used);
                assert!(estimate.pays + estimate.write_off + estimate.deductible <= fee, "{}", code.code);
                assert!(estimate.pays >= Cents::ZERO && estimate.write_off >= Cents::ZERO);
                assert!(estimate.pays <= estimate.base);
                paid += estimate.pays;
                deducted += estimate.deductible;
            }
            assert!(plan.maximum.is_none_or(|m| paid <= m));
            assert!(deducted <= plan.deductible);
        }
    }
}

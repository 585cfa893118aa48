//! Fee schedules: what the office charges, and what the payers allow.

use bicuspid_model::{Date, DateTime};

use crate::arena::{CodeKey, Counter, Key};
use crate::codes::{CODES, Work};
use crate::draw::Draw;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::money::Cents;

/// A fee schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Schedule {
    /// What the office charges everybody.
    #[default]
    Office,
    /// A network that allows much.
    NetworkHigh,
    /// A network in the middle.
    NetworkMiddle,
    /// A network that allows little.
    NetworkLow,
    /// Public coverage.
    Public,
}

impl Schedule {
    /// Every schedule.
    pub(crate) const ALL: [Self; 5] =
        [Self::Office, Self::NetworkHigh, Self::NetworkMiddle, Self::NetworkLow, Self::Public];

    /// Key in the database.
    pub(crate) const fn num(self) -> i64 {
        match self {
            Self::Office => 1,
            Self::NetworkHigh => 2,
            Self::NetworkMiddle => 3,
            Self::NetworkLow => 4,
            Self::Public => 5,
        }
    }

    /// Name in the program.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Office => "Office fees",
            Self::NetworkHigh => "Network A",
            Self::NetworkMiddle => "Network B",
            Self::NetworkLow => "Network C",
            Self::Public => "Public plan",
        }
    }

    /// Share of the office's fee, in thousandths (networks allow about 68 %, public coverage about 40 %).
    const fn permille(self) -> i64 {
        match self {
            Self::Office => 1000,
            Self::NetworkHigh => 820,
            Self::NetworkMiddle => 760,
            Self::NetworkLow => 710,
            Self::Public => 400,
        }
    }
}

/// The office's fees of each year of the history. They rise by about 3.5 % each January, in whole dollars.
#[derive(Debug)]
pub(crate) struct Fees {
    first_year: i32,
    /// For each year, the office's fee of each code.
    years: Vec<Vec<Cents>>,
}

impl Fees {
    /// The fees from the year of `start` to the year of `end` and two more, for work that is planned.
    pub(crate) fn new(start: Date, end: Date, draw: &mut Draw) -> Self {
        let first_year = start.ymd().0;
        // The catalogue is of 2024 and 2025, the fees of an earlier year were lower.
        let years = i64::from((2024 - first_year).clamp(-10, 20));
        let level = i64::from(draw.between(835, 895)) - 33 * years;
        let level = level.max(400);
        let charged = |amount: Cents, permille: i64| {
            if amount.is_positive() { amount.permille_in_dollars(permille) } else { Cents::ZERO }
        };
        let mut current: Vec<Cents> = CODES.iter().map(|c| charged(c.fee, level)).collect();
        let mut years = Vec::new();
        for _ in first_year..=end.ymd().0 + 2 {
            years.push(current.clone());
            current = current.iter().map(|amount| charged(*amount, 1035)).collect();
        }
        Self { first_year, years }
    }

    /// The amount of a code on a day.
    pub(crate) fn amount(&self, schedule: Schedule, code: CodeKey, day: Date) -> Cents {
        let year = usize::try_from(day.ymd().0 - self.first_year).unwrap_or_default();
        let year = self.years.get(year).or(self.years.last());
        let code = usize::try_from(code.num() - 1).unwrap_or(usize::MAX);
        let fee = year.and_then(|fees| fees.get(code)).copied().unwrap_or_default();
        match schedule {
            Schedule::Office => fee,
            _ if fee.is_positive() => fee.permille_in_dollars(schedule.permille()).min(fee),
            _ => Cents::ZERO,
        }
    }

    /// Hands out the rows of table `fee`: the amounts as they stand at the end, stamped at the last rise.
    pub(crate) fn emit(&self, out: &mut Emitter<'_>, stamp: DateTime) -> Result<(), PracticeError> {
        let mut keys = Counter::default();
        let last = self.years.len().saturating_sub(3);
        let year = self.first_year + i32::try_from(last).unwrap_or_default();
        let risen = Date::from_ymd(year, 1, 1)
            .map(|day| day.at_seconds(6 * 3600))
            .filter(|at| last > 0 && *at > stamp);
        let day = Date::from_ymd(year, 1, 1).unwrap_or(stamp.date());
        for schedule in Schedule::ALL {
            for (num, code) in (1_i64..).zip(CODES).filter(|(_, c)| c.work != Work::Admin) {
                let amount = self.amount(schedule, CodeKey::from_num(num), day);
                debug_assert!(amount.is_positive(), "{}", code.code);
                out.row(Rows::Fee, risen.unwrap_or(stamp), |r| {
                    r.set("FeeNum", keys.next())
                        .set("Amount", amount)
                        .set("FeeSched", schedule.num())
                        .set("CodeNum", num)
                        .set("SecUserNumEntry", 1_i64)
                        .set("SecDateEntry", stamp.date());
                })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use crate::draw::Stream;

    #[test]
    fn fees_rise_and_networks_allow_less() {
        let day = |y| Date::from_ymd(y, 6, 1).unwrap();
        let fees = Fees::new(day(2023), day(2026), &mut Draw::new(1, Stream::Office, 0, 0));
        let crown = codes::find("D2740").0;
        let amount = |schedule, year| fees.amount(schedule, crown, day(year));
        let (first, later) = (amount(Schedule::Office, 2023), amount(Schedule::Office, 2026));
        assert!(later > first.percent(109) && later < first.percent(113));
        let mut last = later;
        for schedule in Schedule::ALL.into_iter().skip(1) {
            assert!(amount(schedule, 2026) < last);
            last = amount(schedule, 2026);
        }
        assert_eq!(last.floor_dollars(), last);
        assert_eq!(fees.amount(Schedule::Office, codes::find("D9986").0, day(2024)), Cents::ZERO);
        assert_eq!(amount(Schedule::Office, 2040), amount(Schedule::Office, 2028));
    }
}

//! Fee schedules: what the office charges, and what the payers allow.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::FeeScheduleType;

use crate::arena::{CodeKey, Counter, Key};
use crate::calendar::analysed_from;
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
    /// What members of plans that pay by head pay themselves.
    CoPay,
}

/// What members of plans that pay by head pay for fillings and the like, and for crowns and dentures, in per cent of what
/// the cheapest network allows; finding out and prevention are free.
const COPAY_BASIC: i64 = 45;
const COPAY_MAJOR: i64 = 60;
/// Key of the first schedule of a past year.
const PAST_FROM: i64 = 7;

impl Schedule {
    /// Every schedule.
    pub(crate) const ALL: [Self; 6] =
        [Self::Office, Self::NetworkHigh, Self::NetworkMiddle, Self::NetworkLow, Self::Public, Self::CoPay];

    /// Key in the database.
    pub(crate) const fn num(self) -> i64 {
        match self {
            Self::Office => 1,
            Self::NetworkHigh => 2,
            Self::NetworkMiddle => 3,
            Self::NetworkLow => 4,
            Self::Public => 5,
            Self::CoPay => 6,
        }
    }

    /// What kind of amounts it holds.
    pub(crate) const fn kind(self) -> FeeScheduleType {
        match self {
            Self::CoPay => FeeScheduleType::CoPay,
            _ => FeeScheduleType::Normal,
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
            Self::CoPay => "Member copays",
        }
    }

    /// Share of the office's fee, in thousandths (networks allow about 68 %, public coverage about 40 %).
    const fn permille(self) -> i64 {
        match self {
            Self::Office => 1000,
            Self::NetworkHigh => 835,
            Self::NetworkMiddle => 780,
            Self::NetworkLow | Self::CoPay => 730,
            Self::Public => 440,
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
        let level = i64::from(draw.between(803, 838)) - 33 * years;
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
        let allowed = match schedule {
            Schedule::Office => return fee,
            _ if fee.is_positive() => fee.permille_in_dollars(schedule.permille()).min(fee),
            _ => return Cents::ZERO,
        };
        match (schedule, CODES.get(code).map(|c| c.work)) {
            (Schedule::CoPay, Some(Work::Exam | Work::Xray | Work::Prevent) | None) => Cents::ZERO,
            (Schedule::CoPay, Some(Work::Crown | Work::Denture)) => {
                allowed.permille_in_dollars(10 * COPAY_MAJOR)
            }
            (Schedule::CoPay, _) => allowed.permille_in_dollars(10 * COPAY_BASIC),
            _ => allowed,
        }
    }

    /// Hands out the schedules with their amounts as they stand at the end, stamped at the last rise, and those of the
    /// years before, which nobody uses any more.
    pub(crate) fn emit(&self, out: &mut Emitter<'_>, stamp: DateTime) -> Result<(), PracticeError> {
        let mut keys = Counter::default();
        let last = i32::try_from(self.years.len().saturating_sub(3)).unwrap_or_default();
        for schedule in Schedule::ALL {
            let key = schedule.num();
            let year = self.first_year + last;
            self.emit_schedule(
                out,
                (schedule, key, schedule.name().to_owned()),
                (year, false),
                stamp,
                &mut keys,
            )?;
        }
        let mut key = PAST_FROM;
        for year in self.first_year..self.first_year + last {
            for schedule in Schedule::ALL {
                let name = format!("{} {year}", schedule.name());
                self.emit_schedule(out, (schedule, key, name), (year, true), stamp, &mut keys)?;
                key += 1;
            }
        }
        Ok(())
    }

    fn emit_schedule(
        &self,
        out: &mut Emitter<'_>,
        (schedule, key, name): (Schedule, i64, String),
        (year, past): (i32, bool),
        stamp: DateTime,
        keys: &mut Counter,
    ) -> Result<(), PracticeError> {
        let first_day = Date::from_ymd(year, 1, 1).unwrap_or(stamp.date());
        // The first year's amounts were entered with everything else, the others when they rose.
        let risen = first_day.at_seconds(6 * 3600).max(stamp);
        let made = if past { risen } else { stamp };
        // Whoever looks for what the office charges takes the latest list: it was entered the day after the others.
        let entered = match schedule {
            Schedule::Office if !past => {
                let others = Date::from_ymd(year - 1, 1, 1).map_or(stamp, |day| day.at_seconds(6 * 3600));
                others.max(stamp).date().plus_days(1).at_seconds(9 * 3600)
            }
            _ => made,
        };
        // A schedule is put away when the next year's amounts come.
        let put_away = Date::from_ymd(year + 1, 1, 1).map_or(made, |day| day.at_seconds(6 * 3600 + 600));
        // The analytics project leaves out schedules that were entered earlier, and not the amounts in them.
        let day = if first_day < analysed_from() { made.date() } else { made.date().max(analysed_from()) };
        let changed = if past { put_away } else { stamp }.max(day.at_seconds(9 * 3600));
        out.row(Rows::FeeSched, changed, |r| {
            r.set("FeeSchedNum", key)
                .set("Description", name)
                .set("FeeSchedType", schedule.kind().stored())
                .set("ItemOrder", key - 1)
                .set("IsHidden", past)
                .set("IsGlobal", true)
                .set("SecUserNumEntry", 1_i64)
                .set("SecDateEntry", day);
        })?;
        for (num, code) in (1_i64..).zip(CODES).filter(|(_, c)| c.work != Work::Admin) {
            let amount = self.amount(schedule, CodeKey::from_num(num), first_day);
            debug_assert!(amount.is_positive() || schedule == Schedule::CoPay, "{}", code.code);
            // What costs a member nothing is in no list of copays.
            if !amount.is_positive() {
                continue;
            }
            out.row(Rows::Fee, risen.max(entered), |r| {
                r.set("FeeNum", keys.next())
                    .set("Amount", amount)
                    .set("FeeSched", key)
                    .set("CodeNum", num)
                    .set("SecUserNumEntry", 1_i64)
                    .set("SecDateEntry", entered.date());
            })?;
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
        for schedule in Schedule::ALL.into_iter().skip(1).filter(|s| *s != Schedule::CoPay) {
            assert!(amount(schedule, 2026) < last);
            last = amount(schedule, 2026);
        }
        let copay = amount(Schedule::CoPay, 2026);
        assert!(copay.is_positive() && copay < amount(Schedule::NetworkLow, 2026).percent(65));
        assert_eq!(fees.amount(Schedule::CoPay, codes::find("D1110").0, day(2026)), Cents::ZERO);
        assert_eq!(last.floor_dollars(), last);
        assert_eq!(fees.amount(Schedule::Office, codes::find("D9986").0, day(2024)), Cents::ZERO);
        assert_eq!(amount(Schedule::Office, 2040), amount(Schedule::Office, 2028));
    }
}

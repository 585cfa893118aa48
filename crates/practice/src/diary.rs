//! The appointment book: who and which chair is taken when.

use bicuspid_model::{Date, DateTime};

use crate::arena::{ChairKey, Counter, Key, ProviderKey};
use crate::calendar::{holiday, is_called_off, is_open};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::office::{Office, Provider};
use bicuspid_opendental::enums::{SchedStatus, ScheduleType};

/// Length of a slot in minutes.
const SLOT_MINUTES: u32 = 10;
/// The day begins at eight.
const OPENS_SECONDS: i64 = 8 * 3600;
/// Slots from eight to five.
const SLOTS: u32 = 54;
/// The slots of a day.
const WHOLE_DAY: u64 = (1 << SLOTS) - 1;
/// Lunch, from twelve to one.
const LUNCH: u64 = 0b11_1111 << 24;
/// Half hours before lunch and before closing, which dentists keep free for pain until the day before.
const KEPT_FREE: u64 = 0b111 << 21 | 0b111 << 51;
/// The hour and twenty minutes after lunch, which a hygienist keeps free on every other day for new patients, until so
/// many days before.
const KEPT_FOR_NEW: u64 = 0xff << 30;
const KEPT_FOR_NEW_DAYS: i32 = 10;
/// Days that can be booked after the as-of date.
const AHEAD_DAYS: i32 = 420;

/// Days after the as-of date for which working hours are written up.
const HOURS_AHEAD_DAYS: i32 = 190;

/// Whom a place in the book is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody in pain, who takes any provider and time that is kept free.
    InPain,
    /// Somebody new, who takes time that is kept free for that, and after so many days any provider.
    New(i32),
    /// Anybody else, who takes any provider after so many days.
    Known(i32),
}

impl Caller {
    /// Days of looking after which another provider will do.
    const fn patience(self) -> i32 {
        match self {
            Self::InPain => -1,
            Self::New(days) | Self::Known(days) => days,
        }
    }
}

/// A place in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) provider: ProviderKey,
    pub(crate) chair: ChairKey,
    pub(crate) start: DateTime,
    /// Length in minutes.
    pub(crate) minutes: u32,
}

/// The appointment book. For each provider and chair it keeps one bit per slot, set when the slot is taken or closed;
/// so nobody and no chair can be booked twice.
#[derive(Debug)]
pub(crate) struct Diary {
    first: Date,
    days: usize,
    providers: Vec<Vec<u64>>,
    chairs: Vec<Vec<u64>>,
}

impl Diary {
    /// An empty book from `start` until long after `end`.
    pub(crate) fn new(office: &Office, start: Date, end: Date) -> Self {
        let days = usize::try_from(end.days() - start.days() + AHEAD_DAYS).unwrap_or_default();
        let dates = || (0..).map(|d| start.plus_days(d)).take(days);
        let hours = |p: &Provider| dates().map(|day| if p.works(day) { LUNCH } else { WHOLE_DAY }).collect();
        Self {
            first: start,
            days,
            providers: office.providers.iter().map(hours).collect(),
            chairs: (0..office.chairs).map(|_| vec![0; days]).collect(),
        }
    }

    fn day(&self, date: Date) -> Option<usize> {
        usize::try_from(date.days() - self.first.days()).ok().filter(|d| *d < self.days)
    }

    fn taken(resource: &[Vec<u64>], num: i64, day: usize) -> u64 {
        let days = usize::try_from(num - 1).ok().and_then(|p| resource.get(p));
        days.and_then(|d| d.get(day)).copied().unwrap_or(WHOLE_DAY)
    }

    /// Finds a free place of that length after a moment, on or after a day: with the wanted provider, or after so many days of looking with
    /// any other of the same kind; never on one of the days to avoid. `None` if the book is full or ends.
    pub(crate) fn find(
        &self,
        office: &Office,
        wanted: ProviderKey,
        (from, after): (Date, DateTime),
        (minutes, caller): (u32, Caller),
        avoid: &[Date],
        draw: &mut Draw,
    ) -> Result<Option<Slot>, PracticeError> {
        let wanted = office.provider(wanted)?;
        let length = minutes.div_ceil(SLOT_MINUTES);
        let patience = caller.patience();
        for later in 0..150 {
            let date = from.plus_days(later);
            let Some(day) = self.day(date) else { return Ok(None) };
            let in_pain = caller == Caller::InPain;
            if !is_open(date) || avoid.contains(&date) || !in_pain && is_called_off(date, after.date()) {
                continue;
            }
            let like = |p: &&Provider| {
                later > patience && p.hygienist == wanted.hygienist && p.specialist == wanted.specialist
            };
            let others = office.providers.iter().filter(like);
            for provider in std::iter::once(wanted).chain(others) {
                for chair in &provider.chairs {
                    let busy = Self::taken(&self.providers, provider.key.num(), day)
                        | Self::taken(&self.chairs, chair.num(), day)
                        | if date == after.date() { until(after) } else { 0 }
                        | kept_free(caller, provider, (date, after.date()));
                    if let Some(slot) = free_start(!busy & WHOLE_DAY, length, draw) {
                        let start = date.at_seconds(OPENS_SECONDS + i64::from(slot * SLOT_MINUTES) * 60);
                        return Ok(Some(Slot {
                            provider: provider.key,
                            chair: *chair,
                            start,
                            minutes: length * SLOT_MINUTES,
                        }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Takes a place, or gives it back.
    pub(crate) fn mark(&mut self, slot: Slot, taken: bool) -> Result<(), PracticeError> {
        let day = self.day(slot.start.date()).ok_or(PracticeError::Fault("day"))?;
        let seconds = slot.start.time_micros() / 1_000_000 - OPENS_SECONDS;
        let first = u32::try_from(seconds / 60).unwrap_or_default() / SLOT_MINUTES;
        let bits = ((1_u64 << (slot.minutes / SLOT_MINUTES)) - 1) << first;
        for (resource, num) in
            [(&mut self.providers, slot.provider.num()), (&mut self.chairs, slot.chair.num())]
        {
            let days = usize::try_from(num - 1).ok().and_then(|p| resource.get_mut(p));
            let busy = days.and_then(|d| d.get_mut(day)).ok_or(PracticeError::Fault("chair"))?;
            if taken && *busy & bits != 0 {
                return Err(PracticeError::Fault("free slot"));
            }
            *busy = if taken { *busy | bits } else { *busy & !bits };
        }
        Ok(())
    }

    /// Hands out the working hours: for each provider and day two rows, before and after lunch; and the holidays.
    pub(crate) fn emit_hours(
        &self,
        out: &mut Emitter<'_>,
        office: &Office,
        end: Date,
    ) -> Result<(), PracticeError> {
        let until = end.plus_days(HOURS_AHEAD_DAYS);
        let (mut schedules, mut chairs) = (Counter::default(), Counter::default());
        let hour = |h: i64| bicuspid_model::Value::Time(h * 3_600_000_000);
        let mut date = self.first;
        while date < until {
            // Hours are written up half a year ahead, so that a check-up can be booked.
            let written = date.plus_days(-HOURS_AHEAD_DAYS - 10).at_seconds(17 * 3600);
            if let Some(name) = holiday(date) {
                out.row(Rows::Schedule, written, |r| {
                    r.set("ScheduleNum", schedules.next())
                        .set("SchedDate", date)
                        .set("SchedType", ScheduleType::Practice.stored())
                        .set("Note", name)
                        .set("Status", SchedStatus::Holiday.stored());
                })?;
            }
            for provider in office.providers.iter().filter(|p| p.works(date)) {
                for (start, stop) in [(8, 12), (13, 17)] {
                    let schedule = schedules.next();
                    out.row(Rows::Schedule, written, |r| {
                        r.set("ScheduleNum", schedule)
                            .set("SchedDate", date)
                            .set("StartTime", hour(start))
                            .set("StopTime", hour(stop))
                            .set("SchedType", ScheduleType::Provider.stored())
                            .set("ProvNum", provider.key)
                            .set("BlockoutType", Definition::default());
                    })?;
                    for chair in &provider.chairs {
                        out.row(Rows::ScheduleOp, written, |r| {
                            r.set("ScheduleOpNum", chairs.next())
                                .set("ScheduleNum", schedule)
                                .set("OperatoryNum", *chair);
                        })?;
                    }
                }
            }
            date = date.plus_days(1);
        }
        Ok(())
    }
}

/// Slots of a day that are kept free for others than the caller.
fn kept_free(caller: Caller, provider: &Provider, (date, today): (Date, Date)) -> u64 {
    let turn = (i64::from(date.days()) + provider.key.num()).rem_euclid(2) == 0;
    match caller {
        Caller::InPain => 0,
        Caller::New(_) if provider.hygienist => 0,
        _ if provider.hygienist && turn && date > today.plus_days(KEPT_FOR_NEW_DAYS) => KEPT_FOR_NEW,
        _ if provider.hygienist || date <= today.plus_days(1) => 0,
        _ => KEPT_FREE,
    }
}

/// The slots of a day that have begun an hour after a moment.
fn until(moment: DateTime) -> u64 {
    let seconds = moment.time_micros() / 1_000_000 + 3600 - OPENS_SECONDS;
    let slots = u32::try_from(seconds / 60).unwrap_or_default() / SLOT_MINUTES + 1;
    if slots >= SLOTS { WHOLE_DAY } else { (1 << slots) - 1 }
}

/// A slot at which so many free ones begin. Mostly one beside time that is taken, so that no holes are left; otherwise any.
fn free_start(free: u64, length: u32, draw: &mut Draw) -> Option<u32> {
    let mut starts = free;
    for ahead in 1..length {
        starts &= free >> ahead;
    }
    if starts == 0 {
        return None;
    }
    let busy = !free;
    let beside = starts & (busy << 1 | 1 | busy >> length);
    if beside != 0 && draw.chance(880) {
        starts = beside;
    }
    for _ in 0..draw.below(starts.count_ones()) {
        starts &= starts - 1;
    }
    Some(starts.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn a_day_fills_up_without_overlap() {
        let mut draw = Draw::new(1, Stream::Office, 0, 0);
        let office = Office::new(&crate::group::tests::only(), &mut draw);
        let monday = Date::from_ymd(2025, 3, 3).unwrap();
        let mut diary = Diary::new(&office, monday, monday.plus_days(30));
        let hygienist = office.providers.iter().find(|p| p.hygienist).unwrap().key;
        let mut times = Vec::new();
        for _ in 0..40 {
            let slot = diary
                .find(
                    &office,
                    hygienist,
                    (monday, monday.plus_days(-1).midnight()),
                    (60, Caller::Known(10)),
                    &[],
                    &mut draw,
                )
                .unwrap()
                .unwrap();
            let seconds = slot.start.time_micros() / 1_000_000;
            assert!((8 * 3600..=16 * 3600).contains(&seconds));
            assert!(!(11 * 3600 < seconds && seconds < 13 * 3600), "lunch");
            diary.mark(slot, true).unwrap();
            assert!(diary.mark(slot, true).is_err());
            times.push(slot.start);
        }
        times.sort_unstable();
        assert!(times.windows(2).all(|w| w[1].micros() - w[0].micros() >= 3_600_000_000));
        assert!(times.last().unwrap().date() > monday);
    }

    #[test]
    fn what_is_given_back_can_be_taken() {
        let mut draw = Draw::new(1, Stream::Office, 0, 0);
        let office = Office::new(&crate::group::tests::only(), &mut draw);
        let monday = Date::from_ymd(2025, 3, 3).unwrap();
        let mut diary = Diary::new(&office, monday, monday.plus_days(30));
        let slot = diary
            .find(
                &office,
                ProviderKey::from_num(1),
                (monday, monday.plus_days(-1).midnight()),
                (90, Caller::Known(10)),
                &[],
                &mut draw,
            )
            .unwrap()
            .unwrap();
        diary.mark(slot, true).unwrap();
        diary.mark(slot, false).unwrap();
        diary.mark(slot, true).unwrap();
        assert!(
            diary
                .find(
                    &office,
                    ProviderKey::from_num(1),
                    (monday.plus_days(4000), monday.midnight()),
                    (90, Caller::Known(10)),
                    &[],
                    &mut draw
                )
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn nobody_is_given_an_hour_that_has_passed() {
        let mut draw = Draw::new(1, Stream::Office, 0, 0);
        let office = Office::new(&crate::group::tests::only(), &mut draw);
        let monday = Date::from_ymd(2025, 3, 3).unwrap();
        let diary = Diary::new(&office, monday, monday.plus_days(30));
        for hour in 7..18 {
            let now = monday.at_seconds(hour * 3600 + 17);
            let dentist = ProviderKey::from_num(1);
            let slot = diary
                .find(&office, dentist, (monday, now), (30, Caller::Known(10)), &[], &mut draw)
                .unwrap()
                .unwrap();
            assert!(slot.start > now.plus_seconds(3600));
            assert_eq!(slot.start.date() == monday, hour < 16);
        }
        assert_eq!(until(monday.at_seconds(7 * 3600)), 1);
        assert_eq!(until(monday.at_seconds(17 * 3600)), WHOLE_DAY);
    }

    #[test]
    fn runs_of_free_slots() {
        let mut draw = Draw::new(1, Stream::Office, 0, 0);
        assert_eq!(free_start(0b1110, 3, &mut draw), Some(1));
        assert_eq!(free_start(0b1010, 2, &mut draw), None);
    }
}

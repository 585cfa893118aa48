//! The practice as it stands at a moment, and the loop that moves it on.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::Permission;

use crate::arena::{Arena, ClaimKey, Counter, FamilyKey, Key, Passing, PatientKey, ProcedureKey, VisitKey};
use crate::calendar::{is_open, open_from};
use crate::claims::Claim;
use crate::diary::Diary;
use crate::draw::{Draw, Stream};
use crate::emit::Emitter;
use crate::error::PracticeError;
use crate::events::{Event, Queue};
use crate::fees::Fees;
use crate::group::Location;
use crate::messages::Log;
use crate::office::Office;
use crate::office_life::OfficeLife;
use crate::payers::Payers;
use crate::people::{Arrival, Family, Patient};
use crate::procedures::Procedure;
use crate::settings::Settings;
use crate::sink::RowSink;
use crate::visits::Visit;

/// Keys of rows that nobody looks back at.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) claim_line: Counter,
    pub(crate) check: Counter,
    pub(crate) payment: Counter,
    pub(crate) split: Counter,
    pub(crate) adjustment: Counter,
    pub(crate) recall: Counter,
    pub(crate) talk: Counter,
    pub(crate) log: Counter,
    pub(crate) subscription: Counter,
    pub(crate) patient_plan: Counter,
    pub(crate) identifier: Counter,
    pub(crate) statement: Counter,
    pub(crate) statement_item: Counter,
    pub(crate) pay_plan: Counter,
    pub(crate) pay_plan_charge: Counter,
}

/// The practice at a moment.
pub(crate) struct World<'s> {
    /// What the location is made from.
    pub(crate) settings: Settings,
    pub(crate) location: Location,
    /// The day until which the families were counted that come; afterwards they come as before.
    pub(crate) counted: Date,
    pub(crate) now: DateTime,
    pub(crate) out: Emitter<'s>,
    pub(crate) queue: Queue,
    pub(crate) office: Office,
    pub(crate) fees: Fees,
    pub(crate) payers: Payers,
    pub(crate) diary: Diary,
    /// Families that call on their day, by number.
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) families: Arena<FamilyKey, Family>,
    pub(crate) patients: Arena<PatientKey, Patient>,
    pub(crate) visits: Passing<VisitKey, Visit>,
    pub(crate) procedures: Passing<ProcedureKey, Procedure>,
    pub(crate) claims: Passing<ClaimKey, Claim>,
    pub(crate) keys: Keys,
    pub(crate) life: OfficeLife,
}

impl<'s> World<'s> {
    /// The practice on the morning of its first day, with the families that it has brought along. The patients of the
    /// location are those who come until the day `counted`.
    pub(crate) fn new(
        location: Location,
        counted: Date,
        sink: &'s mut dyn RowSink,
    ) -> Result<Self, PracticeError> {
        let settings = location.settings;
        let Settings { seed, start_date, end_date, .. } = settings;
        let mut draw = Draw::new(seed, Stream::Office, 0, 0);
        let office = Office::new(&location, &mut draw);
        let fees = if location.is_one_of_many() {
            Fees::new(start_date, end_date, &mut location.group_draw(Location::FEES))
        } else {
            Fees::new(start_date, end_date, &mut draw)
        };
        let diary = Diary::new(&office, start_date, end_date);
        let mut world = Self {
            settings,
            location,
            counted,
            now: start_date.midnight(),
            out: Emitter::new(location, sink)?,
            queue: Queue::new(end_date.midnight()),
            office,
            fees,
            payers: Payers::new(location.patients_most, location.group_seed, settings.preset),
            diary,
            arrivals: Vec::new(),
            families: Arena::default(),
            patients: Arena::default(),
            visits: Passing::default(),
            procedures: Passing::default(),
            claims: Passing::default(),
            keys: Keys::default(),
            life: OfficeLife::default(),
        };
        world.set_up()?;
        world.settle_families(&mut draw)?;
        Ok(world)
    }

    /// Writes what is there before the first day: staff, chairs, codes, fees, payers, hours.
    fn set_up(&mut self) -> Result<(), PracticeError> {
        let Settings { start_date, end_date, .. } = self.settings;
        let stamp = start_date.plus_days(-90).at_seconds(9 * 3600);
        self.office.emit(&mut self.out, &self.fees, stamp, &self.location)?;
        self.payers.emit(&mut self.out, stamp, self.location.group_seed)?;
        crate::recall::emit_kinds(&mut self.out, stamp)?;
        self.diary.emit_hours(&mut self.out, &self.office, end_date)?;
        self.furnish()?;
        let mut day = start_date;
        while day < end_date {
            if is_open(day) {
                self.queue.push(day.at_seconds(7 * 3600 + 30 * 60), Event::Open);
            }
            if (8..15).contains(&day.ymd().2) && day.weekday() == 0 {
                self.queue.push(day.at_seconds(17 * 3600 + 60), Event::Sweep);
            }
            day = day.plus_days(1);
        }
        Ok(())
    }

    /// Lets everything happen until the as-of date, then writes what is still open.
    pub(crate) fn run(&mut self) -> Result<(), PracticeError> {
        while let Some((at, event)) = self.queue.pop() {
            self.now = at;
            self.happen(event)?;
        }
        self.close()
    }

    fn happen(&mut self, event: Event) -> Result<(), PracticeError> {
        match event {
            Event::Open => self.log_on(),
            Event::Arrive(number) => self.arrive(number),
            Event::Join(family) => self.join(family),
            Event::Insure(family) => self.insure(family),
            Event::Sweep => self.sweep(),
            Event::Seek(patient, reason) => self.seek(patient, reason),
            Event::Ache(patient) => self.ache(patient),
            Event::Remind(visit, start) => self.remind(visit, start.time()),
            Event::Answer(visit, start, sent) => self.answer(visit, start.time(), sent.time()),
            Event::Visit(visit, start) => self.visit(visit, start.time()),
            Event::Send(claim) => self.send(claim),
            Event::Decide(claim) => self.decide(claim),
            Event::Check(carrier) => self.check(carrier),
            Event::Bill(family) => self.bill(family),
            Event::Installment(family) => self.installment(family),
            Event::Pay(family) => self.pay_bill(family),
            Event::Refund(family) => self.refund(family),
            Event::Leave(patient, departure) => self.leave(patient, departure),
        }
    }

    /// The next stream of chance of a family.
    pub(crate) fn draw(&mut self, family: FamilyKey) -> Result<Draw, PracticeError> {
        let account = self.families.get_mut(family)?;
        account.draws += 1;
        Ok(Draw::new(self.settings.seed, Stream::Family, account.stream, account.draws))
    }

    /// The number of a thing in the database, for texts that tell it.
    pub(crate) fn number(&self, key: impl Key) -> i64 {
        self.out.numbering().key(key.num())
    }

    /// The as-of date.
    pub(crate) fn as_of(&self) -> Date {
        self.settings.end_date
    }

    /// Adds an event for a moment in working hours, `days` from now or on the next open day after that.
    pub(crate) fn later(&mut self, days: i32, draw: &mut Draw, event: Event) {
        let day = open_from(self.now.date().plus_days(days.max(1)));
        self.queue.push(in_hours(day, draw), event);
    }

    /// Everybody logs on.
    fn log_on(&mut self) -> Result<(), PracticeError> {
        let day = self.now.date();
        self.begin_day(day)?;
        let mut draw = Draw::new(self.settings.seed, Stream::Day, u64::from(day.days().unsigned_abs()), 0);
        let providers = self.office.providers.iter().filter(|p| p.works(day)).map(|p| p.user);
        let users: Vec<i64> = self.office.desk.iter().copied().chain(providers).collect();
        for user in users {
            self.now = day.at_seconds(7 * 3600 + 30 * 60 + i64::from(draw.below(1500)));
            self.log(Log {
                permission: Permission::UserLogOnOff,
                patient: PatientKey::default(),
                key: 0,
                user,
                text: "Logged on".to_owned(),
            })?;
        }
        Ok(())
    }
}

/// A moment in working hours of a day.
pub(crate) fn in_hours(day: Date, draw: &mut Draw) -> DateTime {
    day.at_seconds(8 * 3600 + i64::from(draw.below(9 * 3600 - 60)))
}

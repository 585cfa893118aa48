//! A day of the office: who clocks in, what is ordered and brought to the bank, and what the program notes of itself.

use bicuspid_model::{Date, DateTime, Value};

use crate::calendar::open_from;
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::money::Cents;
use crate::world::World;

/// An hour of a duration as rows keep it.
const HOUR: i64 = 3_600_000_000;
/// Numbers of `TimeClockStatus`.
const HOME: i64 = 0;
const LUNCH: i64 = 1;
/// Kinds of leave in the list.
const SICK: i64 = 793;
/// Supplies in the list.
const SUPPLIES: u32 = 64;

/// What waits to be brought to the bank.
#[derive(Debug, Default)]
pub(crate) struct Bank {
    patients: Cents,
    insurers: Cents,
}

impl World<'_> {
    /// A day begins.
    pub(crate) fn begin_day(&mut self, day: Date) -> Result<(), PracticeError> {
        let mut draw = self.paper(Stream::Hours, i64::from(day.days()), 0);
        self.clock(day, &mut draw)?;
        if day == open_from(monday(day)) {
            self.go_to_bank(day, &mut draw)?;
        }
        let (year, month, _) = day.ymd();
        if Date::from_ymd(year, month, 1).map(open_from) == Some(day) {
            self.order_supplies(day, &mut draw)?;
            self.look_after_program(day, &mut draw)?;
        }
        self.out.add(Rows::EServiceSignal, day.at_seconds(7 * 3600), |r| {
            r.set("ServiceCode", 1_i64)
                .set("Severity", 2_i64)
                .set("Description", "Heartbeat")
                .set("SigDateTime", day.at_seconds(7 * 3600))
                .set("IsProcessed", true);
        })?;
        if self.as_of().days() - day.days() <= 3 {
            self.signal(day, &mut draw)?;
        }
        Ok(())
    }

    /// In, to lunch, back, home; or ill.
    fn clock(&mut self, day: Date, draw: &mut Draw) -> Result<(), PracticeError> {
        for employee in self.life.staff.employees.clone() {
            if draw.chance(18) {
                self.out.add(Rows::TimeAdjust, day.at_seconds(8 * 3600), |r| {
                    r.set("EmployeeNum", employee)
                        .set("TimeEntry", day.at_seconds(8 * 3600))
                        .set("Note", "Ill")
                        .set("PtoDefNum", SICK)
                        .set("PtoHours", Value::Time(8 * HOUR))
                        .set("SecuUserNumEntry", 1_i64);
                })?;
                continue;
            }
            if draw.chance(6) {
                self.out.add(Rows::TimeAdjust, day.at_seconds(18 * 3600), |r| {
                    r.set("EmployeeNum", employee)
                        .set("TimeEntry", day.at_seconds(18 * 3600))
                        .set("RegHours", Value::Time(HOUR / 2))
                        .set("Note", "Forgot to clock in")
                        .set("SecuUserNumEntry", 1_i64);
                })?;
            }
            let minute =
                |from: i64, spread: u32, draw: &mut Draw| from * 60 + i64::from(draw.below(spread * 60));
            let halves = [
                (minute(7 * 60 + 35, 22, draw), minute(12 * 60, 12, draw), LUNCH),
                (minute(12 * 60 + 48, 12, draw), minute(17 * 60, 25, draw), HOME),
            ];
            for (from, to, standing) in halves {
                let (from, to) = (day.at_seconds(from), day.at_seconds(to));
                self.out.add(Rows::ClockEvent, to, |r| {
                    r.set("EmployeeNum", employee)
                        .set("TimeEntered1", from)
                        .set("TimeDisplayed1", from)
                        .set("ClockStatus", standing)
                        .set("TimeEntered2", to)
                        .set("TimeDisplayed2", to)
                        .set("OTimeHours", Value::Time(-HOUR))
                        .set("Rate2Hours", Value::Time(-HOUR))
                        .set("Rate3Hours", Value::Time(-HOUR));
                })?;
            }
        }
        Ok(())
    }

    /// Key of the deposit that an amount of this moment will be part of; 0 if it is not brought to the bank before the
    /// as-of date.
    pub(crate) fn bank_with(&mut self, amount: Cents, insurer: bool) -> i64 {
        let next = open_from(monday(self.now.date()).plus_days(7));
        if next >= self.as_of() || !amount.is_positive() {
            return 0;
        }
        if insurer {
            self.life.bank.insurers += amount;
        } else {
            self.life.bank.patients += amount;
        }
        self.out.next_key(Rows::Deposit)
    }

    /// Checks and cash of last week go to the bank and into the books.
    fn go_to_bank(&mut self, day: Date, draw: &mut Draw) -> Result<(), PracticeError> {
        let bank = std::mem::take(&mut self.life.bank);
        let total = bank.patients + bank.insurers;
        if !total.is_positive() {
            return Ok(());
        }
        let at = day.at_seconds(9 * 3600 + i64::from(draw.below(3600)));
        let user = self.desk(draw);
        let deposit = self.out.add(Rows::Deposit, at, |r| {
            r.set("DateDeposit", day)
                .set("BankAccountInfo", "DEMO-0001")
                .set("Amount", total)
                .set("DepositAccountNum", 718_i64);
        })?;
        let transaction = self.out.add(Rows::Transaction, at, |r| {
            r.set("DateTimeEntry", at)
                .set("UserNum", user)
                .set("DepositNum", deposit)
                .set("SecUserNumEdit", user);
        })?;
        // Accounts of the list: the office account; patient income; insurance income.
        for (account, debit, credit) in
            [(1_i64, total, Cents::ZERO), (6, Cents::ZERO, bank.patients), (7, Cents::ZERO, bank.insurers)]
        {
            if debit.is_positive() || credit.is_positive() {
                self.out.add(Rows::JournalEntry, at, |r| {
                    r.set("TransactionNum", transaction)
                        .set("AccountNum", account)
                        .set("DateDisplayed", day)
                        .set("DebitAmt", debit)
                        .set("CreditAmt", credit)
                        .set("Memo", "Deposit")
                        .set("SecUserNumEntry", user)
                        .set("SecDateTEntry", at)
                        .set("SecUserNumEdit", user);
                })?;
            }
        }
        Ok(())
    }

    /// Each month something is ordered from each supplier.
    fn order_supplies(&mut self, day: Date, draw: &mut Draw) -> Result<(), PracticeError> {
        let end = self.as_of();
        for supplier in 1..=3_i64 {
            let user = self.desk(draw);
            let due = day.plus_days(draw.between(3, 9));
            let arrived = if due < end { due } else { crate::calendar::unset_date() };
            let order = self.out.next_key(Rows::SupplyOrder);
            let mut total = Cents::ZERO;
            for _ in 0..draw.between(3, 9) {
                let supply = i64::from(draw.below(SUPPLIES)) + 1;
                let count = i64::from(draw.between(1, 6));
                let price = Cents::dollars(i64::from(draw.between(8, 95)));
                total += (0..count).map(|_| price).sum();
                self.out.add(Rows::SupplyOrderItem, day.at_seconds(15 * 3600), |r| {
                    r.set("SupplyOrderNum", order)
                        .set("SupplyNum", supply)
                        .set("Qty", count)
                        .set("Price", price)
                        .set("DateReceived", arrived);
                })?;
            }
            self.out.add(Rows::SupplyOrder, day.at_seconds(15 * 3600), |r| {
                r.set("SupplierNum", supplier)
                    .set("DatePlaced", day)
                    .set("AmountTotal", total)
                    .set("UserNum", user)
                    .set("DateReceived", arrived);
            })?;
        }
        if end.days() - day.days() < 400 {
            let text =
                draw.pick(&["Gloves, small", "Composite, shade A2", "Printer paper", "Gauze", "Floss"]);
            self.out.add(Rows::SupplyNeeded, day.midnight(), |r| {
                r.set("Description", text).set("DateAdded", day);
            })?;
        }
        Ok(())
    }

    /// Each month somebody lets the program look after its database; now and then a newer version is put in.
    fn look_after_program(&mut self, day: Date, draw: &mut Draw) -> Result<(), PracticeError> {
        const CHECKS: &[(&str, i64)] = &[
            ("AppointmentsEndingOnDifferentDay", 1),
            ("ClaimProcDateNotMatchPayment", 8),
            ("PaySplitWithInvalidPayNum", 22),
            ("PatientsNoClinicSet", 18),
        ];
        let at = day.at_seconds(18 * 3600 + 600);
        for (check, kind) in CHECKS {
            if draw.chance(600) {
                self.out.add(Rows::DbmLog, at, |r| {
                    r.set("UserNum", 1_i64)
                        .set("FKeyType", *kind)
                        .set("ActionType", 1_i64)
                        .set("DateTimeEntry", at)
                        .set("MethodName", *check)
                        .set("LogText", "Looked through; nothing to repair.");
                })?;
            }
        }
        let (_, month, _) = day.ymd();
        if month % 4 == 1 {
            let number = self.out.next_key(Rows::UpdateHistory);
            self.out.add(Rows::UpdateHistory, at, |r| {
                r.set("DateTimeUpdated", at)
                    .set("ProgramVersion", format!("25.3.{number}.0"))
                    .set("Signature", "DEMO");
            })?;
        }
        Ok(())
    }

    /// Signals between workstations, which the program forgets after a few days.
    fn signal(&mut self, day: Date, draw: &mut Draw) -> Result<(), PracticeError> {
        /// Numbers of `InvalidType`: appointments, schedules, tasks, account.
        const KINDS: &[i64] = &[68, 85, 92, 102, 35];
        let mut second = 8 * 3600;
        while second < 17 * 3600 {
            second += i64::from(draw.between(120, 1500));
            let at: DateTime = day.at_seconds(second);
            let kind = draw.pick(KINDS);
            self.out.add(Rows::SignalOd, at, |r| {
                r.set("DateViewing", day)
                    .set("SigDateTime", at)
                    .set("FKeyType", "Undefined")
                    .set("IType", kind);
            })?;
        }
        Ok(())
    }
}

/// The Monday of the day's week.
fn monday(day: Date) -> Date {
    day.plus_days(-i32::from(day.weekday()))
}

//! Claims: written after a visit, sent, decided by the carrier, paid by check.

use std::borrow::Cow;

use bicuspid_model::{Date, DateTime, Value};
use bicuspid_opendental::enums::{
    ClaimProcStatus, ClaimStatus, ClaimType, CommItemMode, CommSentOrReceived, Permission,
};

use crate::arena::{CarrierKey, ClaimKey, CodeKey, Key, PatientKey, ProviderKey};
use crate::calendar::{open_from, unset_date};
use crate::codes;
use crate::coverage::{Estimate, Used, estimate};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::events::Event;
use crate::ledger::{About, Open};
use crate::messages::{Log, Talk};
use crate::money::Cents;
use crate::mouth::Tooth;
use crate::procedures::Procedure;
use crate::world::{World, in_hours};

/// Days from sending to decision: log-normal with a median of 14 days and a sigma of 0.85, in steps of 5 %, less the days
/// that a decided claim waits for the carrier's weekly check.
const DECISION_DAYS: &[i32] = &[1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 17, 20, 24, 29, 36, 50, 92];

/// A claim.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) patient: PatientKey,
    /// Position in the patient's coverage: 0 for primary.
    pub(crate) rank: usize,
    /// Number of the coverage, and of the other one if there was one when the claim was written.
    pub(crate) policy: i64,
    pub(crate) other: Option<i64>,
    pub(crate) lines: Vec<LineState>,
    pub(crate) service: Date,
    pub(crate) provider: ProviderKey,
    pub(crate) written: DateTime,
    pub(crate) user: i64,
    pub(crate) sent: Option<Date>,
    pub(crate) resent: Option<Date>,
    pub(crate) received: Option<Date>,
    pub(crate) stamp: DateTime,
}

/// A line of a claim, or an estimate that is not on a claim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineState {
    /// Key of its row.
    pub(crate) key: i64,
    /// Key of its procedure.
    pub(crate) procedure: i64,
    pub(crate) code: CodeKey,
    pub(crate) tooth: Tooth,
    pub(crate) provider: ProviderKey,
    pub(crate) fee: Cents,
    pub(crate) estimate: Estimate,
    /// What the primary plan paid and wrote off, for a secondary claim.
    pub(crate) other: Option<Cents>,
    /// What a second plan is expected to pay once the first one has decided.
    pub(crate) second: Cents,
    /// What the plan paid.
    pub(crate) paid: Cents,
    /// What came off as deductible.
    pub(crate) deductible: Cents,
    /// Why less was paid than estimated.
    pub(crate) remark: &'static str,
}

impl LineState {
    /// The estimate of a procedure that is planned.
    pub(crate) fn planned(num: i64, procedure: &Procedure, estimate: Estimate) -> Self {
        Self {
            key: procedure.line.get(),
            procedure: num,
            code: procedure.item.code,
            tooth: procedure.item.tooth,
            provider: procedure.provider,
            fee: procedure.fee,
            estimate,
            other: None,
            second: Cents::ZERO,
            paid: Cents::ZERO,
            deductible: Cents::ZERO,
            remark: "",
        }
    }

    /// What it is about on the account.
    fn item(&self, patient: PatientKey, day: Date) -> Open {
        let about = About::Procedure(self.procedure);
        Open { about, patient, provider: self.provider, day, left: Cents::ZERO, expected: Cents::ZERO }
    }

    /// What the line is expected to take off the patient's debt.
    pub(crate) fn expected(&self) -> Cents {
        self.estimate.pays + self.estimate.write_off
    }
}

impl World<'_> {
    /// Writes a claim for the lines of a visit; benefits are reserved and the family owes less.
    pub(crate) fn write_claim(
        &mut self,
        patient: PatientKey,
        (rank, policy): (usize, i64),
        mut lines: Vec<LineState>,
        service: Date,
        provider: ProviderKey,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let user = self.desk(draw);
        if rank == 0 {
            let other = self.patients.get(patient)?.coverage.get(1).map(|c| c.number.get());
            let seconds = self.second_estimates(patient, other, &lines, service, LineState::expected)?;
            for (line, second) in lines.iter_mut().zip(seconds) {
                line.second = second.pays;
            }
        }
        let person = self.patients.get_mut(patient)?;
        let family = person.family;
        let other = person.coverage.iter().map(|c| c.number.get()).find(|number| *number != policy);
        let coverage = person.policy_mut(policy)?;
        let year = self.payers.plans.get(coverage.plan)?.benefit_year(service);
        for line in &lines {
            coverage.consume(year, line.estimate.pays, line.estimate.deductible);
        }
        let ledger = &mut self.families.get_mut(family)?.ledger;
        for line in &lines {
            ledger.expect(line.item(patient, service), line.expected() + line.second);
        }
        let now = self.now;
        let claim = self.claims.add(Claim {
            patient,
            rank,
            policy,
            other,
            lines,
            service,
            provider,
            written: now,
            user,
            sent: None,
            resent: None,
            received: None,
            stamp: now,
        });
        self.snapshot_claim(claim)?;
        let wait = draw.weighted(&[(0, 60), (1, 26), (3, 8), (6, 4), (15, 2)]);
        let day = if wait == 0 { now.date() } else { open_from(now.date().plus_days(wait)) };
        self.queue.push(day.at_seconds(17 * 3600 + 1800 + i64::from(draw.below(1800))), Event::Send(claim));
        Ok(())
    }

    /// A claim is sent.
    pub(crate) fn send(&mut self, key: ClaimKey) -> Result<(), PracticeError> {
        let now = self.now;
        let claim = self.claims.get_mut(key)?;
        claim.sent = Some(now.date());
        claim.stamp = now;
        let (patient, user) = (claim.patient, claim.user);
        let mut draw = self.draw(self.patients.get(patient)?.family)?;
        let days = draw.along(DECISION_DAYS);
        self.later(days, &mut draw, Event::Decide(key));
        self.claim_travels(key)?;
        let text = format!("Claim {} sent", self.number(key));
        self.log(Log { permission: Permission::ClaimSend, patient, key: key.num(), user, text })
    }

    /// The carrier decides: it pays as expected, pays less, or refuses.
    pub(crate) fn decide(&mut self, key: ClaimKey) -> Result<(), PracticeError> {
        let claim = self.claims.get(key)?;
        let (patient, rank, refused_before) = (claim.patient, claim.rank, claim.resent.is_some());
        let policy = claim.policy;
        let family = self.patients.get(patient)?.family;
        let mut draw = self.draw(family)?;
        let plan = self.payers.plans.get(self.patients.get(patient)?.policy(policy)?.plan)?;
        // A plan that pays by head only takes note of what was done.
        let refused = !plan.by_head && !refused_before && draw.chance(100);
        if refused && draw.chance(600) {
            return self.send_again(key, &mut draw);
        }
        let person = self.patients.get_mut(patient)?;
        let coverage = person.policy_mut(policy)?;
        let plan = self.payers.plans.get(coverage.plan)?;
        let claim = self.claims.get_mut(key)?;
        let (carrier_key, year) = (plan.carrier, plan.benefit_year(claim.service));
        let exact = plan.by_head || draw.chance(830);
        for line in &mut claim.lines {
            line.paid = line.estimate.pays;
            line.deductible = line.estimate.deductible;
            if refused {
                line.paid = Cents::ZERO;
                line.deductible = Cents::ZERO;
                line.remark = "Not covered";
                continue;
            }
            match if exact { 0 } else { draw.weighted(&[(0, 25), (1, 55), (2, 20)]) } {
                1 => {
                    let percent = i64::from(draw.weighted(&[(0_u8, 2), (60, 3), (75, 3), (90, 3)]));
                    line.paid = line.paid.percent(percent);
                    line.remark = "Paid as the cheaper alternative";
                }
                // Only a first plan: a second one pays what is left and no more.
                2 if rank == 0 => {
                    // More than expected, as far as the fee and the benefits of the year go: taken at once, so that
                    // nothing else is promised from them.
                    let settled = line.deductible + line.paid;
                    let room = (line.estimate.allowed - settled).or_zero().percent(60);
                    let used = coverage.used_in(year).0;
                    let more = plan.maximum.map_or(room, |maximum| room.min((maximum - used).or_zero()));
                    line.paid += more;
                    coverage.consume(year, more, Cents::ZERO);
                    line.remark = "Paid at a higher share";
                }
                _ => {}
            }
        }
        let payday = {
            let carrier = self.payers.carriers.get_mut(carrier_key)?;
            carrier.decided.push(key);
            let today = self.now.date();
            let days = (i32::from(carrier.payday) - i32::from(today.weekday())).rem_euclid(7);
            (carrier.decided.len() == 1).then(|| open_from(today.plus_days(days.max(1))))
        };
        if let Some(day) = payday {
            self.queue.push(in_hours(day, &mut draw), Event::Check(carrier_key));
        }
        Ok(())
    }

    /// A refused claim is corrected and sent again.
    fn send_again(&mut self, key: ClaimKey, draw: &mut Draw) -> Result<(), PracticeError> {
        let now = self.now;
        let user = self.desk(draw);
        let claim = self.claims.get_mut(key)?;
        claim.resent = Some(now.date());
        claim.stamp = now;
        let patient = claim.patient;
        let days = draw.between(9, 40);
        self.later(days, draw, Event::Decide(key));
        self.claim_refused(key, user)?;
        self.talk(Talk {
            patient,
            about: Definition::TALK_MONEY,
            mode: CommItemMode::Phone,
            direction: CommSentOrReceived::Sent,
            user,
            note: Cow::Borrowed("Carrier refused the claim; corrected and sent again."),
        })
    }

    /// A carrier's check comes and is entered, claim by claim.
    pub(crate) fn check(&mut self, key: CarrierKey) -> Result<(), PracticeError> {
        let now = self.now;
        let carrier = self.payers.carriers.get_mut(key)?;
        let decided = std::mem::take(&mut carrier.decided);
        let (name, transfers) = (carrier.name.clone(), carrier.transfers);
        let mut total = Cents::ZERO;
        for claim in &decided {
            total += self.claims.get(*claim)?.lines.iter().map(|l| l.paid).sum();
        }
        let user = self.office.bookkeeper();
        let mut payment = 0;
        if total.is_positive() {
            payment = self.keys.check.next();
            let kind = if transfers { Definition::INSURANCE_TRANSFER } else { Definition::INSURANCE_CHECK };
            let deposit = if transfers { 0 } else { self.bank_with(total, true) };
            let number = self.out.numbering().key(payment);
            self.out.row(Rows::ClaimPayment, now, |r| {
                r.set("ClaimPaymentNum", payment)
                    .set("CheckDate", now.date())
                    .set("CheckAmt", total)
                    .set("CheckNum", format!("DEMO-{number:07}"))
                    .set("BankBranch", "DEMO-1")
                    .set("DepositNum", deposit)
                    .set("CarrierName", name)
                    .set("DateIssued", now.date().plus_days(-2))
                    .set("PayType", kind)
                    .set("SecUserNumEntry", user)
                    .set("SecDateEntry", now.date());
            })?;
            self.check_came(payment, key, transfers, user)?;
            let patient = PatientKey::default();
            let text = format!("Insurance payment {number} entered");
            self.log(Log { permission: Permission::InsPayCreate, patient, key: payment, user, text })?;
        }
        for claim in decided {
            self.receive(claim, payment)?;
        }
        Ok(())
    }

    /// Enters a decided claim.
    fn receive(&mut self, key: ClaimKey, payment: i64) -> Result<(), PracticeError> {
        let now = self.now;
        let mut claim = self.claims.take(key)?;
        claim.received = Some(now.date());
        claim.stamp = now;
        let patient = claim.patient;
        let person = self.patients.get_mut(patient)?;
        let family = person.family;
        let coverage = person.policy_mut(claim.policy)?;
        let year = self.payers.plans.get(coverage.plan)?.benefit_year(claim.service);
        let ledger = &mut self.families.get_mut(family)?.ledger;
        let mut total = Cents::ZERO;
        for line in &claim.lines {
            // What is paid beyond the estimate was taken when the carrier decided.
            let less = (line.paid - line.estimate.pays).min(Cents::ZERO);
            coverage.consume(year, less, line.deductible - line.estimate.deductible);
            let settled = line.paid + line.estimate.write_off;
            total += settled;
            // First the credit, so that the item is not settled away while it is still open.
            let item = line.item(patient, claim.service);
            ledger.credit(item, settled);
            ledger.expect(item, -line.expected() - line.second);
        }
        self.owe(patient, -total)?;
        self.emit_claim(key, &claim, ClaimStatus::Received)?;
        for (number, line) in (1_i64..).zip(&claim.lines) {
            self.emit_line(key, &claim, (number, line), payment)?;
        }
        let user = self.office.bookkeeper();
        self.claim_received(key, &claim, user)?;
        let text = format!("Claim {} received", self.number(key));
        self.log(Log { permission: Permission::ClaimProcReceivedEdit, patient, key: key.num(), user, text })?;
        let mut draw = self.draw(family)?;
        if claim.rank == 0 {
            self.write_secondary(&claim, &mut draw)?;
        }
        self.settle_up(family, &mut draw)
    }

    /// What the second plan is expected to pay of each line, beyond what the first one settles; nothing without one.
    fn second_estimates(
        &self,
        patient: PatientKey,
        other: Option<i64>,
        lines: &[LineState],
        service: Date,
        settled: impl Fn(&LineState) -> Cents,
    ) -> Result<Vec<Estimate>, PracticeError> {
        let Some(other) = other else { return Ok(Vec::new()) };
        let coverage = self.patients.get(patient)?.policy(other)?;
        let plan = self.payers.plans.get(coverage.plan)?;
        let mut used = Used::of(coverage, plan, service);
        let second = |line: &LineState| {
            let mut alone = used;
            let mut estimate = estimate(plan, &self.fees, line.code, line.fee, service, &mut alone);
            estimate.pays = estimate.pays.min((line.fee - settled(line)).or_zero());
            estimate.write_off = Cents::ZERO;
            used.take(&estimate);
            estimate
        };
        Ok(lines.iter().map(second).collect())
    }

    /// Writes the claim to the second plan for what the first one left.
    fn write_secondary(&mut self, primary: &Claim, draw: &mut Draw) -> Result<(), PracticeError> {
        let settled = |line: &LineState| line.paid + line.estimate.write_off;
        let Some(other) = primary.other else { return Ok(()) };
        let estimates =
            self.second_estimates(primary.patient, Some(other), &primary.lines, primary.service, settled)?;
        if !estimates.iter().any(|e| e.pays.is_positive()) {
            return Ok(());
        }
        let mut lines = Vec::new();
        for (line, estimate) in primary.lines.iter().zip(estimates) {
            lines.push(LineState {
                key: self.keys.claim_line.next(),
                other: Some(line.paid),
                second: Cents::ZERO,
                estimate,
                paid: Cents::ZERO,
                deductible: Cents::ZERO,
                remark: "",
                ..*line
            });
        }
        self.write_claim(primary.patient, (1, other), lines, primary.service, primary.provider, draw)
    }

    /// Hands out the claims that are still open.
    pub(crate) fn emit_open_claims(&mut self) -> Result<(), PracticeError> {
        for key in self.claims.keys() {
            let claim = self.claims.take(key)?;
            let status = if claim.sent.is_some() { ClaimStatus::Sent } else { ClaimStatus::Waiting };
            let person = self.patients.get(claim.patient)?;
            let expected = claim.lines.iter().map(LineState::expected).sum();
            self.families.get_mut(person.family)?.insurance += expected;
            self.emit_claim(key, &claim, status)?;
            for (number, line) in (1_i64..).zip(&claim.lines) {
                self.emit_line(key, &claim, (number, line), 0)?;
            }
        }
        Ok(())
    }

    fn emit_claim(&mut self, key: ClaimKey, claim: &Claim, status: ClaimStatus) -> Result<(), PracticeError> {
        let person = self.patients.get(claim.patient)?;
        let coverage = person.policy(claim.policy)?;
        let other = claim.other.and_then(|number| person.policy(number).ok());
        let sum = |amount: fn(&LineState) -> Cents| claim.lines.iter().map(amount).sum::<Cents>();
        let received = claim.received.is_some();
        let deductible = if received { sum(|l| l.deductible) } else { sum(|l| l.estimate.deductible) };
        let kind = if claim.rank == 0 { ClaimType::Primary } else { ClaimType::Secondary };
        let identifier = format!("DEMO-{}/{}", self.number(claim.patient), self.number(key));
        self.out.row(Rows::Claim, claim.stamp, |r| {
            r.set("ClaimNum", key)
                .set("PatNum", claim.patient)
                .set("DateService", claim.service)
                .set("DateSent", claim.resent.or(claim.sent).unwrap_or(unset_date()))
                .set("ClaimStatus", status.stored())
                .set("DateReceived", claim.received.unwrap_or(unset_date()))
                .set("PlanNum", coverage.plan_row)
                .set("ProvTreat", claim.provider)
                .set("ClaimFee", sum(|l| l.fee))
                .set("InsPayEst", sum(|l| l.estimate.pays))
                .set("InsPayAmt", if received { sum(|l| l.paid) } else { Cents::ZERO })
                .set("DedApplied", deductible)
                .set("IsProsthesis", "N")
                .set("ClaimType", kind.stored())
                .set("ProvBill", 1_i64)
                .set("PatRelat", coverage.relation.stored())
                .set("PlanNum2", other.map_or(0, |c| c.plan_row.get()))
                .set("PatRelat2", other.map_or(0, |c| c.relation.stored()))
                .set("WriteOff", sum(|l| l.estimate.write_off))
                .set("InsSubNum", coverage.subscription)
                .set("InsSubNum2", other.map_or(0, |c| c.subscription.get()))
                .set("DateResent", claim.resent.unwrap_or(unset_date()))
                .set("ClaimIdentifier", identifier)
                .set("SecUserNumEntry", claim.user)
                .set("SecDateEntry", claim.written.date())
                .set("DateSentOrig", claim.sent.unwrap_or(unset_date()));
        })
    }

    fn emit_line(
        &mut self,
        key: ClaimKey,
        claim: &Claim,
        (number, line): (i64, &LineState),
        payment: i64,
    ) -> Result<(), PracticeError> {
        let coverage = self.patients.get(claim.patient)?.policy(claim.policy)?;
        let (plan, subscription) = (coverage.plan_row, coverage.subscription);
        let status =
            if claim.received.is_some() { ClaimProcStatus::Received } else { ClaimProcStatus::NotReceived };
        let received = claim.received;
        let Estimate { write_off, percent, base, pays, deductible, .. } = line.estimate;
        self.out.row(Rows::ClaimProc, claim.stamp, |r| {
            r.set("ClaimProcNum", line.key)
                .set("ProcNum", line.procedure)
                .set("ClaimNum", key)
                .set("PatNum", claim.patient)
                .set("ProvNum", line.provider)
                .set("FeeBilled", line.fee)
                .set("InsPayEst", pays)
                .set("DedApplied", if received.is_some() { line.deductible } else { deductible })
                .set("Status", status.stored())
                .set("InsPayAmt", if received.is_some() { line.paid } else { Cents::ZERO })
                .set("Remarks", if received.is_some() { line.remark } else { "" })
                .set("ClaimPaymentNum", payment)
                .set("PlanNum", plan)
                .set("DateCP", received.unwrap_or(claim.service))
                .set("WriteOff", write_off)
                .set("CodeSent", codes::of(line.code).code)
                .set("AllowedOverride", Cents::BLANK)
                .set("Percentage", percent)
                .set("CopayAmt", Cents::ZERO)
                .set("PaidOtherIns", line.other.unwrap_or(Cents::ZERO))
                .set("BaseEst", base)
                .set("CopayOverride", Cents::BLANK)
                .set("ProcDate", claim.service)
                .set("DateEntry", received.unwrap_or(unset_date()))
                .set("LineNumber", number)
                .set("DedEst", deductible)
                .set("DedEstOverride", Cents::BLANK)
                .set("InsEstTotal", pays)
                .set("InsEstTotalOverride", Cents::BLANK)
                .set("PaidOtherInsOverride", Cents::BLANK)
                .set("WriteOffEst", write_off)
                .set("WriteOffEstOverride", Cents::BLANK)
                .set("InsSubNum", subscription)
                .set("SecUserNumEntry", claim.user)
                .set("SecDateEntry", claim.written.date())
                .set("DateSuppReceived", received.unwrap_or(unset_date()))
                .set("DateInsFinalized", received.filter(|_| payment != 0).unwrap_or(unset_date()));
        })
    }

    /// Hands out an estimate that is on no claim.
    pub(crate) fn emit_estimate(
        &mut self,
        patient: PatientKey,
        line: &LineState,
        day: Date,
        stamp: DateTime,
    ) -> Result<(), PracticeError> {
        let coverage = self.patients.get(patient)?.coverage.first();
        let (plan, subscription) =
            coverage.map(|c| (c.plan_row, c.subscription)).ok_or(PracticeError::Fault("coverage"))?;
        let Estimate { write_off, percent, base, pays, deductible, .. } = line.estimate;
        self.out.row(Rows::ClaimProc, stamp, |r| {
            r.set("ClaimProcNum", line.key)
                .set("ProcNum", line.procedure)
                .set("PatNum", patient)
                .set("ProvNum", line.provider)
                .set("Status", ClaimProcStatus::Estimate.stored())
                .set("PlanNum", plan)
                .set("DateCP", day)
                .set("AllowedOverride", Cents::BLANK)
                .set("Percentage", percent)
                .set("CopayAmt", Cents::ZERO)
                .set("PaidOtherIns", Cents::ZERO)
                .set("BaseEst", base)
                .set("CopayOverride", Cents::BLANK)
                .set("ProcDate", day)
                .set("DedEst", deductible)
                .set("DedEstOverride", Cents::BLANK)
                .set("InsEstTotal", pays)
                .set("InsEstTotalOverride", Cents::BLANK)
                .set("PaidOtherInsOverride", Cents::BLANK)
                .set("EstimateNote", Value::from(""))
                .set("WriteOffEst", write_off)
                .set("WriteOffEstOverride", Cents::BLANK)
                .set("InsSubNum", subscription)
                .set("SecDateEntry", day);
        })
    }
}

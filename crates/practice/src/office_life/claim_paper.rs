//! Paper of claims: what was expected when they were written, how they travelled, what was asked and answered.

use crate::arena::{CarrierKey, ClaimKey, Key};
use crate::claims::Claim;
use crate::codes::{self, Work};
use crate::draw::Stream;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::world::World;

/// Numbers of `EtransType`.
const CLAIM_SENT: i64 = 0;
const CLAIM_PRINTED: i64 = 1;
const ACKNOWLEDGED: i64 = 28;
const REMITTANCE: i64 = 27;

/// Entries of the list of claim tracking.
const RECEIVED: i64 = 730;
const ASKED: i64 = 731;
const REFUSED: i64 = 733;
const SENT_AGAIN: i64 = 734;
/// Entries of the list of claim errors.
const NOTHING_WRONG: i64 = 740;
const NOT_COVERED: i64 = 743;

const fn kind(rank: usize) -> &'static str {
    if rank == 0 { "P" } else { "S" }
}

impl World<'_> {
    /// A claim was written: each line as it was expected then.
    pub(crate) fn snapshot_claim(&mut self, key: ClaimKey) -> Result<(), PracticeError> {
        let now = self.now;
        let claim = self.claims.get(key)?;
        let plan = self.patients.get(claim.patient)?.policy(claim.policy)?.plan;
        let outside = self.payers.plans.get(plan)?.network.is_none();
        for line in &claim.lines {
            self.out.add(Rows::ClaimSnapshot, now, |r| {
                r.set("ProcNum", line.procedure)
                    .set("ClaimType", kind(claim.rank))
                    .set("Writeoff", line.estimate.write_off)
                    .set("InsPayEst", line.estimate.pays)
                    .set("Fee", line.fee)
                    .set("DateTEntry", now)
                    .set("ClaimProcNum", line.key);
            })?;
            if outside {
                self.out.add(Rows::InsBlueBookLog, now, |r| {
                    r.set("ClaimProcNum", line.key)
                        .set("AllowedFee", line.estimate.allowed)
                        .set("DateTEntry", now)
                        .set("Description", "Estimated from the usual fee.");
                })?;
            }
        }
        Ok(())
    }

    /// A claim was sent: on paper, or electronically with an answer that it arrived.
    pub(crate) fn claim_travels(&mut self, key: ClaimKey) -> Result<(), PracticeError> {
        let now = self.now;
        let mut draw = self.paper(Stream::Claims, key.num(), 0);
        let claim = self.claims.get(key)?;
        let (patient, user) = (claim.patient, claim.user);
        let pictured = claim
            .lines
            .iter()
            .any(|l| matches!(codes::of(l.code).work, Work::Crown | Work::Gum | Work::Denture));
        let coverage = self.patients.get(patient)?.policy(claim.policy)?;
        let (plan, subscription) = (coverage.plan_row, coverage.subscription);
        let carrier = self.payers.plans.get(coverage.plan)?.carrier;
        let electronic = draw.chance(860);
        let mut messages = Vec::new();
        let sent: &[(i64, &str)] =
            if electronic { &[(CLAIM_SENT, "A"), (ACKNOWLEDGED, "A")] } else { &[(CLAIM_PRINTED, "")] };
        for (step, (kind, answer)) in (0_i64..).zip(sent) {
            let at = now.plus_seconds(step * 900);
            let text = if electronic {
                let number = self.out.next_number(Rows::EtransMessageText);
                self.out.add(Rows::EtransMessageText, at, |r| {
                    r.set("MessageText", format!("ST*DEMO*{number:09}~SE*1*{number:09}~"));
                })?
            } else {
                0
            };
            let message = self.out.add(Rows::Etrans, at, |r| {
                r.set("DateTimeTrans", at)
                    .set("ClearingHouseNum", i64::from(electronic))
                    .set("Etype", *kind)
                    .set("ClaimNum", key)
                    .set("OfficeSequenceNumber", key.num())
                    .set("CarrierNum", carrier)
                    .set("PatNum", patient)
                    .set("AckCode", *answer)
                    .set("EtransMessageTextNum", text)
                    .set("AckEtransNum", messages.first().copied().unwrap_or_default())
                    .set("PlanNum", plan)
                    .set("InsSubNum", subscription)
                    .set("UserNum", user);
            })?;
            messages.push(message);
        }
        if pictured && draw.chance(620) {
            let number = self.number(key);
            self.out.add(Rows::ClaimAttach, now, |r| {
                r.set("ClaimNum", key)
                    .set("DisplayedFileName", "X-ray.jpg")
                    .set("ActualFileName", format!("demo-attach-{number}.jpg"));
            })?;
        }
        Ok(())
    }

    /// A claim was refused, and goes out again.
    pub(crate) fn claim_refused(&mut self, key: ClaimKey, user: i64) -> Result<(), PracticeError> {
        self.track(key, user, "StatusHistory", (REFUSED, NOT_COVERED), "Refused; papers looked through.")?;
        self.track(key, user, "StatusHistory", (SENT_AGAIN, NOTHING_WRONG), "Corrected and sent again.")?;
        let patient = self.claims.get(key)?.patient;
        self.remember(super::tasks::Errand::Refused, patient, user)
    }

    /// A claim was received: it is tracked, and what was paid outside networks is remembered.
    pub(crate) fn claim_received(
        &mut self,
        key: ClaimKey,
        claim: &Claim,
        user: i64,
    ) -> Result<(), PracticeError> {
        let now = self.now;
        let slow = claim.sent.is_some_and(|sent| now.date().days() - sent.days() > 40);
        if slow {
            self.track(
                key,
                user,
                "StatusHistory",
                (ASKED, NOTHING_WRONG),
                "Carrier asked; it is being decided.",
            )?;
        }
        self.track(key, user, "ClaimProcReceived", (RECEIVED, NOTHING_WRONG), "Received.")?;
        let coverage = self.patients.get(claim.patient)?.policy(claim.policy)?;
        let terms = self.payers.plans.get(coverage.plan)?;
        if terms.network.is_some() {
            return Ok(());
        }
        for line in claim.lines.iter().filter(|l| l.paid.is_positive()) {
            self.out.add(Rows::InsBlueBook, now, |r| {
                r.set("ProcCodeNum", line.code)
                    .set("CarrierNum", terms.carrier)
                    .set("PlanNum", coverage.plan_row)
                    .set("GroupNum", format!("DEMO-{:05}", coverage.plan.num()))
                    .set("InsPayAmt", line.paid)
                    .set("AllowedOverride", line.estimate.allowed)
                    .set("DateTEntry", now)
                    .set("ProcNum", line.procedure)
                    .set("ProcDate", claim.service)
                    .set("ClaimType", kind(claim.rank))
                    .set("ClaimNum", key);
            })?;
        }
        Ok(())
    }

    fn track(
        &mut self,
        claim: ClaimKey,
        user: i64,
        kind: &'static str,
        (standing, error): (i64, i64),
        note: &'static str,
    ) -> Result<(), PracticeError> {
        self.out.add(Rows::ClaimTracking, self.now, |r| {
            r.set("ClaimNum", claim)
                .set("TrackingType", kind)
                .set("UserNum", user)
                .set("Note", note)
                .set("TrackingDefNum", standing)
                .set("TrackingErrorDefNum", error);
        })?;
        Ok(())
    }

    /// An insurer's payment came with its explanation: scanned from paper, or as an electronic remittance.
    pub(crate) fn check_came(
        &mut self,
        payment: i64,
        carrier: CarrierKey,
        transfers: bool,
        user: i64,
    ) -> Result<(), PracticeError> {
        let now = self.now;
        let number = self.out.numbering().key(payment);
        if !transfers {
            self.out.add(Rows::EobAttach, now, |r| {
                r.set("ClaimPaymentNum", payment)
                    .set("DateTCreated", now)
                    .set("FileName", format!("eob-demo-{number:07}.pdf"))
                    .set("RawBase64", "ZGVtbw==");
            })?;
            return Ok(());
        }
        let text = self.out.add(Rows::EtransMessageText, now, |r| {
            r.set("MessageText", format!("ST*835*{number:09}~SE*1*{number:09}~"));
        })?;
        self.out.add(Rows::Etrans, now, |r| {
            r.set("DateTimeTrans", now)
                .set("ClearingHouseNum", 1_i64)
                .set("Etype", REMITTANCE)
                .set("CarrierNum", carrier)
                .set("AckCode", "Recd")
                .set("EtransMessageTextNum", text)
                .set("TranSetId835", format!("{number:09}"))
                .set("UserNum", user);
        })?;
        Ok(())
    }
}

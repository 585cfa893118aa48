//! Procedures: planned, completed, given up.

use bicuspid_model::{Date, DateTime, Value};
use bicuspid_opendental::enums::ProcStat;

use crate::arena::{Key, PatientKey, ProcedureKey, ProviderKey, VisitKey};
use crate::calendar::unset_date;
use crate::claims::LineState;
use crate::codes;
use crate::compact::{Moment, RowNum};
use crate::coverage::{Estimate, Used, estimate};
use crate::definitions::Definition;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::fees::Schedule;
use crate::money::Cents;
use crate::treatment::Item;
use crate::world::World;

/// A procedure that is planned.
#[derive(Debug, Clone)]
pub(crate) struct Procedure {
    pub(crate) patient: PatientKey,
    pub(crate) item: Item,
    pub(crate) provider: ProviderKey,
    pub(crate) planned: Moment,
    /// Account of whoever planned it.
    pub(crate) user: RowNum,
    /// Its appointment; the key of none if it has none.
    pub(crate) visit: VisitKey,
    pub(crate) fee: Cents,
    pub(crate) diagnosis: Definition,
    pub(crate) priority: Definition,
    /// Key of its estimate; 0 if the patient is not covered.
    pub(crate) line: RowNum,
    pub(crate) stamp: Moment,
}

impl World<'_> {
    /// Plans work at this moment.
    pub(crate) fn plan(
        &mut self,
        patient: PatientKey,
        items: &[Item],
        provider: ProviderKey,
        diagnosis: Definition,
        user: i64,
    ) -> Result<Vec<ProcedureKey>, PracticeError> {
        let now = self.now;
        let covered = !self.patients.get(patient)?.coverage.is_empty();
        let mut planned = Vec::new();
        for item in items {
            let fee = self.fees.amount(Schedule::Office, item.code, now.date());
            let line = if covered && fee.is_positive() { self.keys.claim_line.next() } else { 0 };
            let priority =
                if diagnosis == Definition::default() { diagnosis } else { Definition::PRIORITY_NEXT };
            planned.push(self.procedures.add(Procedure {
                patient,
                item: *item,
                provider,
                planned: now.into(),
                user: user.into(),
                visit: VisitKey::default(),
                fee,
                diagnosis,
                priority,
                line: line.into(),
                stamp: now.into(),
            }));
        }
        Ok(planned)
    }

    /// The estimates of a list of procedures on a day, by the primary plan; nothing where there is no cover.
    pub(crate) fn estimates(
        &self,
        patient: PatientKey,
        items: impl Iterator<Item = (Item, Cents)>,
        day: Date,
    ) -> Result<Vec<Estimate>, PracticeError> {
        let Some(coverage) = self.patients.get(patient)?.coverage.first() else {
            return Ok(items.map(|_| Estimate::default()).collect());
        };
        let plan = self.payers.plans.get(coverage.plan)?;
        let mut used = Used::of(coverage, plan, day);
        Ok(items.map(|(item, fee)| estimate(plan, &self.fees, item.code, fee, day, &mut used)).collect())
    }

    /// Gives up planned work: the row stays, marked as deleted.
    pub(crate) fn give_up(&mut self, key: ProcedureKey) -> Result<(), PracticeError> {
        let mut procedure = self.procedures.take(key)?;
        procedure.visit = VisitKey::default();
        procedure.stamp = self.now.into();
        let patient = self.patients.get_mut(procedure.patient)?;
        patient.mouth.plan(procedure.item.tooth, false);
        self.emit_procedure(key, &procedure, ProcStat::D, None)
    }

    /// Hands out a procedure; `done` is the moment of its completion.
    pub(crate) fn emit_procedure(
        &mut self,
        key: ProcedureKey,
        procedure: &Procedure,
        status: ProcStat,
        done: Option<DateTime>,
    ) -> Result<(), PracticeError> {
        let complete = done.map_or(unset_date(), DateTime::date);
        let day = done.unwrap_or(procedure.planned.time()).date();
        let names_tooth = codes::of(procedure.item.code).names_tooth();
        let tooth = if names_tooth { procedure.item.tooth.label() } else { String::new() };
        self.out.row(Rows::ProcedureLog, procedure.stamp.time(), |r| {
            r.set("ProcNum", key)
                .set("PatNum", procedure.patient)
                .set("AptNum", procedure.visit)
                .set("ProcDate", day)
                .set("ProcFee", procedure.fee)
                .set("Surf", procedure.item.surfaces)
                .set("ToothNum", tooth)
                .set("Priority", procedure.priority)
                .set("ProcStatus", status.stored())
                .set("ProvNum", procedure.provider)
                .set("Dx", procedure.diagnosis)
                .set("DateEntryC", done.unwrap_or(procedure.planned.time()).date())
                .set("CodeNum", procedure.item.code)
                .set("UnitQty", 1_i64)
                .set("DateTP", procedure.planned.date())
                .set("ProcTime", Value::Time(done.map_or(0, DateTime::time_micros)))
                .set("IcdVersion", 10_i64)
                .set("SecUserNumEntry", procedure.user)
                .set("SecDateEntry", procedure.planned.time())
                .set("DateComplete", complete);
        })
    }

    /// Hands out what is still planned, with its estimates.
    pub(crate) fn emit_planned(&mut self) -> Result<(), PracticeError> {
        for key in self.procedures.keys() {
            self.emit_plan_of(key)?;
        }
        Ok(())
    }

    /// Hands out a procedure that stays planned, with its estimate.
    pub(crate) fn emit_plan_of(&mut self, key: ProcedureKey) -> Result<(), PracticeError> {
        let procedure = self.procedures.take(key)?;
        // Cover may have ended since.
        let covered = !self.patients.get(procedure.patient)?.coverage.is_empty();
        if covered && procedure.line != RowNum::default() {
            let day = procedure.planned.date();
            let item = std::iter::once((procedure.item, procedure.fee));
            let estimate = self.estimates(procedure.patient, item, day)?.pop().unwrap_or_default();
            let line = LineState::planned(key.num(), &procedure, estimate);
            self.emit_estimate(procedure.patient, &line, day, procedure.stamp.time())?;
        }
        self.emit_procedure(key, &procedure, ProcStat::TP, None)
    }
}

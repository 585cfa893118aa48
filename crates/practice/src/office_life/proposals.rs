//! Treatment plans as they are printed and signed: copies that keep the amounts of their day.

use bicuspid_model::DateTime;

use crate::arena::{Key, PatientKey, ProcedureKey};
use crate::calendar::{analysed_from, unset_time};
use crate::codes;
use crate::coverage::Estimate;
use crate::draw::Stream;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::procedures::Procedure;
use crate::settings::Preset;
use crate::world::World;

impl World<'_> {
    /// Saves a plan for work that is proposed at this moment.
    pub(crate) fn save_plan(
        &mut self,
        patient: PatientKey,
        procedures: &[ProcedureKey],
        agreed: bool,
    ) -> Result<(), PracticeError> {
        let Some(first) = procedures.first() else { return Ok(()) };
        let (now, day) = (self.now, self.now.date());
        // The analytics project leaves out plans that are older, and not the rows that hang on them.
        if self.settings.preset == Preset::Dbt && day < analysed_from() {
            return Ok(());
        }
        let user = self.procedures.get(*first)?.user.get();
        let items: Vec<(ProcedureKey, Procedure)> = procedures
            .iter()
            .map(|key| Ok((*key, self.procedures.get(*key)?.clone())))
            .collect::<Result<_, PracticeError>>()?;
        let estimates = self.estimates(patient, items.iter().map(|(_, p)| (p.item, p.fee)), day)?;
        let covered = !self.patients.get(patient)?.coverage.is_empty();
        let signed: DateTime = if agreed { now.plus_seconds(240) } else { unset_time() };
        let number = self.out.next_key(Rows::TreatPlan);
        let mut draw = self.paper(Stream::Chart, number, 7);
        let plan = self.out.add(Rows::TreatPlan, now, |r| {
            r.set("PatNum", patient)
                .set("DateTP", day)
                .set("Heading", "Proposed treatment")
                .set("Note", "This is an estimate.")
                .set("Signature", if agreed { "signed" } else { "" })
                .set("SecUserNumEntry", user)
                .set("SecDateEntry", day)
                .set("UserNumPresenter", user)
                .set("DateTSigned", signed)
                .set("SignatureText", if agreed { "Signed at the office" } else { "" });
        })?;
        for (order, ((key, procedure), estimate)) in (0_i64..).zip(items.iter().zip(&estimates)) {
            let service = codes::of(procedure.item.code);
            let Estimate { pays, write_off, allowed, .. } = *estimate;
            let share = (procedure.fee - pays - write_off).or_zero();
            self.out.add(Rows::ProcTp, now, |r| {
                r.set("TreatPlanNum", plan)
                    .set("PatNum", patient)
                    .set("ProcNumOrig", *key)
                    .set("ItemOrder", order)
                    .set("Priority", procedure.priority)
                    .set("ToothNumTP", procedure.item.tooth.label())
                    .set("Surf", procedure.item.surfaces)
                    .set("ProcCode", service.code)
                    .set("Descript", service.wording)
                    .set("FeeAmt", procedure.fee)
                    .set("PriInsAmt", pays)
                    .set("PatAmt", share)
                    .set("Discount", write_off)
                    .set("ProcAbbr", service.short)
                    .set("SecUserNumEntry", user)
                    .set("SecDateEntry", day)
                    .set("FeeAllowed", if covered { allowed } else { procedure.fee })
                    .set("ProvNum", procedure.provider)
                    .set("DateTP", day);
            })?;
            self.out.add(Rows::TreatPlanAttach, now, |r| {
                r.set("TreatPlanNum", plan).set("ProcNum", *key).set("Priority", procedure.priority);
            })?;
        }
        if draw.chance(200) {
            self.out.add(Rows::TreatPlanParam, now, |r| {
                r.set("PatNum", patient)
                    .set("TreatPlanNum", plan)
                    .set("ShowMaxDed", true)
                    .set("ShowTotals", true)
                    .set("ShowFees", true)
                    .set("ShowIns", covered);
            })?;
        }
        if let Some((key, procedure)) = items.first()
            && !agreed
            && draw.chance(90)
        {
            let specialist = match codes::of(procedure.item.code).work {
                codes::Work::Surgery => 1,
                codes::Work::Root => 2,
                codes::Work::Gum => 3,
                _ => return Ok(()),
            };
            self.refer_out(patient, key.num(), specialist)?;
        }
        Ok(())
    }
}

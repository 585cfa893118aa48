//! Health of a patient as the office knows it, and what it prescribes.

use bicuspid_model::DateTime;

use crate::arena::{Key, PatientKey};
use crate::calendar::{age, unset_date};
use crate::claims::LineState;
use crate::codes;
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::world::World;

/// Illnesses of the list, by key: from what age, in how many of a thousand then and of a thousand at 75, and the medicine
/// that goes with it by its key.
const ILLNESSES: &[(i64, i32, u32, u32, &[i64])] = &[
    (1, 25, 60, 560, &[1, 3, 4, 5, 6]),
    (2, 30, 20, 210, &[7]),
    (3, 8, 10, 10, &[8]),
    (4, 4, 80, 70, &[9, 10]),
    (7, 45, 10, 90, &[22]),
    (8, 45, 8, 70, &[21]),
    (9, 55, 6, 60, &[20]),
    (10, 50, 15, 160, &[]),
    (11, 55, 20, 180, &[23, 24]),
    (12, 25, 30, 150, &[11]),
    (13, 25, 40, 160, &[12, 13]),
    (14, 35, 30, 260, &[29]),
    (15, 18, 90, 100, &[14, 15, 16]),
    (16, 14, 110, 80, &[15, 17]),
    (17, 5, 8, 10, &[36, 37]),
    (22, 25, 70, 70, &[]),
    (23, 35, 40, 110, &[]),
    (24, 20, 110, 70, &[]),
];

/// Allergies of the list, by key, with how many of a thousand have it.
const ALLERGIES: &[(i64, u32, &str)] = &[
    (1, 78, "Rash"),
    (3, 34, "Rash"),
    (4, 26, "Nausea"),
    (5, 12, "Hives"),
    (6, 10, "Stomach pain"),
    (8, 9, "Nausea"),
    (9, 22, "Itching"),
    (12, 8, "Hives"),
    (13, 14, "Rash"),
    (15, 13, "Swelling"),
    (16, 11, "Swelling"),
    (18, 15, "Swelling"),
];

impl World<'_> {
    /// Takes the medical history: illnesses, medicines, allergies.
    pub(crate) fn take_history(&mut self, patient: PatientKey, at: DateTime) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        let (years, birth, dentist) = (age(person.birth, at.date()), person.birth, person.dentist);
        let mut draw = self.paper(Stream::Health, patient.num(), 0);
        // Each question takes one number from the stream, whatever the answer, so that answers do not hang together.
        for (illness, from, young, old, medicines) in ILLNESSES {
            let past = u32::try_from((years - from).clamp(0, 75 - from)).unwrap_or_default();
            let span = u32::try_from(75 - from).unwrap_or(1);
            let has = draw.chance((young * (span - past) + old * past) / span) && years >= *from;
            let since =
                birth.plus_days(draw.between(from * 365, years.max(*from) * 365 + 364)).min(at.date());
            let medicine = draw.pick(medicines);
            let over = draw.chance(90);
            let until = since.plus_days(draw.between(60, 2000)).min(at.date());
            if !has {
                continue;
            }
            self.out.add(Rows::Disease, at, |r| {
                r.set("PatNum", patient)
                    .set("DiseaseDefNum", *illness)
                    .set("PatNote", if over { "Over, says the patient." } else { "Said by the patient." })
                    .set("ProbStatus", i64::from(over))
                    .set("DateStart", since)
                    .set("DateStop", if over { until } else { unset_date() });
            })?;
            if medicine > 0 && !over && draw.chance(820) {
                self.out.add(Rows::MedicationPat, at, |r| {
                    r.set("PatNum", patient)
                        .set("MedicationNum", medicine)
                        .set("DateStart", since)
                        .set("ProvNum", dentist)
                        .set("RxCui", 9_000_000 + medicine);
                })?;
            }
        }
        for (allergy, permille, reaction) in ALLERGIES {
            let (has, known, active) = (draw.chance(*permille), draw.chance(400), draw.chance(950));
            let happened = at.date().plus_days(-draw.between(30, 6000)).max(birth);
            if has {
                self.out.add(Rows::Allergy, at, |r| {
                    r.set("AllergyDefNum", *allergy)
                        .set("PatNum", patient)
                        .set("Reaction", *reaction)
                        .set("StatusIsActive", active)
                        .set("DateAdverseReaction", if known { happened } else { unset_date() });
                })?;
                self.life.file(patient).allergic |= *allergy == 1;
            }
        }
        Ok(())
    }

    /// Prescribes what goes with a piece of work.
    pub(crate) fn prescribe(
        &mut self,
        patient: PatientKey,
        line: &LineState,
        years: i32,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        /// Prescriptions of the list, by key: drug, how to take it, how much.
        const DRUGS: &[(i64, &str, &str, &str, &str)] = &[
            (1, "Ibuprofen 600 mg", "One tablet every six hours with food when it hurts", "20", "0"),
            (3, "Amoxicillin 500 mg", "One capsule three times a day until gone", "21", "0"),
            (4, "Clindamycin 300 mg", "One capsule four times a day until gone", "28", "0"),
            (
                6,
                "Chlorhexidine rinse 0.12 %",
                "Rinse with half an ounce twice a day for two weeks",
                "473",
                "1",
            ),
            (7, "Fluoride toothpaste 1.1 %", "Brush with it once a day at bedtime", "51", "3"),
        ];
        let code = codes::of(line.code).code;
        let (chance, wanted) = match code {
            "D7210" | "D7230" | "D7240" | "D6010" | "D7953" if draw.chance(550) => (900, 3),
            "D7140" | "D7210" | "D7230" | "D7240" => (520, 1),
            "D3310" | "D3320" | "D3330" => (420, 3),
            "D4341" | "D4342" => (180, 6),
            "D2740" | "D2750" => (35, 7),
            "D0140" => (170, 3),
            _ => return Ok(()),
        };
        if years < 12 || !draw.chance(chance) {
            return Ok(());
        }
        let wanted = if wanted == 3 && self.life.file(patient).allergic { 4 } else { wanted };
        let Some((_, drug, how, much, refills)) = DRUGS.iter().find(|(key, ..)| *key == wanted) else {
            return Ok(());
        };
        let now = self.now;
        let dentist = self.patients.get(patient)?.dentist;
        let user = self.office.provider(dentist)?.user;
        let electronic = draw.chance(640);
        let pharmacy = i64::from(draw.between(1, 6));
        let number = self.out.next_number(Rows::RxPat);
        self.out.add(Rows::RxPat, now, |r| {
            r.set("PatNum", patient)
                .set("RxDate", now.date())
                .set("Drug", *drug)
                .set("Sig", *how)
                .set("Disp", *much)
                .set("Refills", *refills)
                .set("ProvNum", dentist)
                .set("PharmacyNum", pharmacy)
                .set("SendStatus", if electronic { 2_i64 } else { 3 })
                .set("ErxGuid", if electronic { format!("demo-rx-{number:07}") } else { String::new() })
                .set("ProcNum", line.procedure)
                .set("UserNum", user);
        })?;
        if electronic {
            self.out.add(Rows::ErxLog, now, |r| {
                r.set("PatNum", patient)
                    .set("MsgText", format!("demo-rx-{number:07} sent"))
                    .set("ProvNum", dentist)
                    .set("UserNum", user);
            })?;
        }
        Ok(())
    }
}

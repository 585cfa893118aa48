//! What is on file of a patient beside treatment and money: numbers, fields of the office's own, guardians, who sent the
//! patient, how the cover was checked.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::{PatientPosition, PatientStatus};

use crate::arena::{FamilyKey, Key, PatientKey};
use crate::calendar::open_from;
use crate::definitions::Definition;
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::office_life::chart::Document;
use crate::office_life::rooms::SOURCES;
use crate::settings::Preset;
use crate::world::World;

/// Numbers of `PhoneType`.
const HOME: i64 = 1;
const MOBILE: i64 = 3;
/// Numbers of `GuardianRelationship`.
const FATHER: i64 = 0;
const MOTHER: i64 = 1;
/// Numbers of `VerifyTypes`: benefits of a plan, cover of a patient.
const BENEFITS: i64 = 1;
const COVER: i64 = 2;
/// Reminders, as a bit of `CommOptOutType`.
const NO_REMINDERS: i64 = 4;

impl World<'_> {
    /// Files a patient: what stands there on the as-of date.
    pub(crate) fn file_patient(&mut self, family: FamilyKey, key: PatientKey) -> Result<(), PracticeError> {
        let mut draw = self.paper(Stream::File, key.num(), 0);
        let person = self.patients.get(key)?;
        let head = self.families.get(family)?.members.first().copied().unwrap_or(key);
        let child = person.position == PatientPosition::Child;
        let (entered, texts, mother) = (person.entered, person.texts, self.patients.get(head)?.female);
        let stamp = entered.at_seconds(10 * 3600 + 1200);
        self.out.row(Rows::EhrPatient, stamp, |r| _ = r.set("PatNum", key))?;
        let home = (head == key).then(|| self.families.get(family).map(|f| f.phone)).transpose()?;
        let mobile = if child { None } else { Some(person.phone) };
        for (number, kind) in [(home, HOME), (mobile, MOBILE)] {
            let Some(number) = number else { continue };
            let digits: String = number.to_string().chars().filter(char::is_ascii_digit).collect();
            self.out.add(Rows::PhoneNumber, stamp, |r| {
                r.set("PatNum", key)
                    .set("PhoneNumberVal", number)
                    .set("PhoneNumberDigits", digits)
                    .set("PhoneType", kind);
            })?;
        }
        if child {
            self.out.add(Rows::Guardian, stamp, |r| {
                r.set("PatNumChild", key)
                    .set("PatNumGuardian", head)
                    .set("Relationship", if mother { MOTHER } else { FATHER })
                    .set("IsGuardian", true);
            })?;
        }
        if !texts && !child && draw.chance(450) {
            self.out.add(Rows::CommOptOut, stamp, |r| {
                r.set("PatNum", key).set("OptOutSms", NO_REMINDERS);
            })?;
        }
        self.file_fields(key, entered, stamp, &mut draw)?;
        self.file_source(key, entered, stamp, &mut draw)?;
        self.file_notes(key, stamp, &mut draw)
    }

    fn file_fields(
        &mut self,
        key: PatientKey,
        entered: Date,
        stamp: DateTime,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let user = self.desk(draw);
        let source = draw.pick(&[
            "Family or friends",
            "Website",
            "Insurance list",
            "Sign at the road",
            "Another dentist",
        ]);
        let time = draw.pick(&["Mornings", "Afternoons", "Any time"]);
        let fields = [
            ("Heard of us through", source, draw.chance(700)),
            ("Prefers", time, draw.chance(220)),
            ("Anxious", "1", draw.chance(70)),
        ];
        for (name, value, known) in fields {
            if known {
                self.out.add(Rows::PatField, stamp, |r| {
                    r.set("PatNum", key)
                        .set("FieldName", name)
                        .set("FieldValue", value)
                        .set("SecUserNumEntry", user)
                        .set("SecDateEntry", entered);
                })?;
            }
        }
        Ok(())
    }

    /// Who sent the patient.
    fn file_source(
        &mut self,
        key: PatientKey,
        entered: Date,
        stamp: DateTime,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let (first, last) = SOURCES;
        let count = u32::try_from(last - first).unwrap_or_default() + 1;
        // Most come through family and friends, the last of the list.
        let referral = if draw.chance(640) { last } else { first + i64::from(draw.below(count)) };
        let dentist = self.patients.get(key)?.dentist;
        if draw.chance(620) {
            self.out.add(Rows::RefAttach, stamp, |r| {
                r.set("ReferralNum", referral)
                    .set("PatNum", key)
                    .set("ItemOrder", 1_i64)
                    .set("RefDate", entered)
                    .set("RefType", 1_i64)
                    .set("ProvNum", dentist);
            })?;
        }
        Ok(())
    }

    /// What pops up when the patient is opened; who has not been seen for long; the card of the insurance.
    fn file_notes(&mut self, key: PatientKey, stamp: DateTime, draw: &mut Draw) -> Result<(), PracticeError> {
        let end = self.as_of();
        let person = self.patients.get(key)?;
        let (covered, active, missed) =
            (!person.coverage.is_empty(), person.status == PatientStatus::Patient, person.missed);
        let overdue = person.recall.is_some_and(|r| end.days() - r.previous.days() > 545);
        let at = person.stamp.max(stamp);
        let user = self.desk(draw);
        if missed && draw.chance(350) || draw.chance(25) {
            let text = if missed { "Missed visits: ask for a deposit." } else { "Needs more time." };
            self.out.add(Rows::Popup, at, |r| {
                r.set("PatNum", key).set("Description", text).set("UserNum", user).set("DateTimeEntry", at);
            })?;
        }
        if active && overdue {
            let asked = draw.chance(600);
            self.out.add(Rows::Reactivation, stamp, |r| {
                r.set("PatNum", key).set(
                    "ReactivationStatus",
                    if asked { Definition::UNSCHEDULED_MESSAGE } else { Definition::default() },
                );
            })?;
        }
        if covered && draw.chance(800) {
            let card = Document {
                patient: key,
                list: Definition::IMAGES_CARD,
                kind: 0,
                about: "Insurance card",
                ending: "pdf",
            };
            self.file_document(&card, stamp.plus_seconds(600), |_| {})?;
        }
        Ok(())
    }

    /// Covers of a patient were entered and are checked again and again.
    pub(crate) fn file_covers(&mut self, patient: PatientKey) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        let covers: Vec<(i64, i64, DateTime)> =
            person.coverage.iter().map(|c| (c.number.get(), c.plan_row.get(), c.since.time())).collect();
        // Nobody asks any more once the patient is gone.
        let gone = person.status != PatientStatus::Patient;
        let until = if gone { person.stamp.date().min(self.as_of()) } else { self.as_of() };
        for (cover, plan, since) in covers {
            let mut draw = self.paper(Stream::File, cover, 1);
            let user = self.desk(&mut draw);
            let numbers = [("PatNum", self.number(patient)), ("PlanNum", self.out.numbering().key(plan))];
            for (field, value) in numbers {
                self.out.add(Rows::InsEditPatLog, since, |r| {
                    r.set("FKey", cover)
                        .set("FieldName", field)
                        .set("OldValue", "NEW")
                        .set("NewValue", value.to_string())
                        .set("UserNum", user)
                        .set("ParentKey", patient)
                        .set("Description", "Entered");
                })?;
            }
            let first = since.date().max(self.settings.start_date);
            self.verify((COVER, cover), (first, until), user, &mut draw)?;
            if self.settings.preset == Preset::Dbt {
                self.verify((BENEFITS, plan), (first, until), user, &mut draw)?;
            }
        }
        Ok(())
    }

    /// Benefits of every plan are asked for again each year; plans that are kept once for each cover, with the covers.
    pub(crate) fn verify_plans(&mut self) -> Result<(), PracticeError> {
        if self.settings.preset == Preset::Dbt {
            return Ok(());
        }
        let plans: Vec<i64> = self.payers.plans.iter().map(|(key, _)| key.num()).collect();
        for plan in plans {
            let mut draw = self.paper(Stream::File, plan, 2);
            let user = self.desk(&mut draw);
            let first =
                self.settings.start_date.plus_days(draw.between(0, 300)).min(self.as_of().plus_days(-2));
            let until = self.as_of();
            self.verify((BENEFITS, plan), (first, until), user, &mut draw)?;
        }
        Ok(())
    }

    /// Checks from the first day until another: a row of history each time, and where it stands now. What is entered is
    /// checked once at least, on its first day.
    fn verify(
        &mut self,
        (kind, about): (i64, i64),
        (first, until): (Date, Date),
        user: i64,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let key = self.out.next_key(Rows::InsVerify);
        let mut day = first.min(self.as_of().plus_days(-1));
        let mut last = None;
        while last.is_none() || day < until {
            let at = day.at_seconds(17 * 3600 + i64::from(draw.below(3600)));
            let standing = draw.weighted(&[(748_i64, 90), (749, 8), (750, 2)]);
            self.out.add(Rows::InsVerifyHist, at, |r| {
                r.set("InsVerifyNum", key)
                    .set("DateLastVerified", day)
                    .set("UserNum", user)
                    .set("VerifyType", kind)
                    .set("FKey", about)
                    .set("DefNum", standing)
                    .set("DateLastAssigned", day)
                    .set("DateTimeEntry", at)
                    .set("VerifyUserNum", user);
            })?;
            last = Some((day, at));
            day = open_from(day.plus_days(draw.between(200, 420)));
        }
        let Some((day, at)) = last else { return Ok(()) };
        self.out.add(Rows::InsVerify, at, |r| {
            r.set("DateLastVerified", day)
                .set("VerifyType", kind)
                .set("FKey", about)
                .set("DefNum", 748_i64)
                .set("DateLastAssigned", day)
                .set("DateTimeEntry", at);
        })?;
        Ok(())
    }

    /// Somebody who does not want the work done here is sent to a specialist.
    pub(crate) fn refer_out(
        &mut self,
        patient: PatientKey,
        procedure: i64,
        specialist: i64,
    ) -> Result<(), PracticeError> {
        let now = self.now;
        let dentist = self.patients.get(patient)?.dentist;
        let mut draw = self.paper(Stream::File, procedure, 3);
        let standing = draw.weighted(&[(0_i64, 30), (1, 10), (3, 25), (5, 35)]);
        self.out.add(Rows::RefAttach, now, |r| {
            r.set("ReferralNum", specialist)
                .set("PatNum", patient)
                .set("ItemOrder", 2_i64)
                .set("RefDate", now.date())
                .set("RefType", 0_i64)
                .set("RefToStatus", standing)
                .set("Note", "Please see and treat.")
                .set("ProcNum", procedure)
                .set("ProvNum", dentist);
        })?;
        let letter =
            Document { patient, list: Definition::IMAGES_LETTER, kind: 0, about: "Referral", ending: "pdf" };
        self.file_document(&letter, now.plus_seconds(900), |_| {}).map(|_| ())
    }
}

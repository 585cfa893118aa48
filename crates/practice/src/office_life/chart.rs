//! The chart of a visit: notes, gum measurements, pictures, the state of teeth, laboratory work.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::ProcStat;

use crate::arena::{Key, PatientKey, VisitKey};
use crate::calendar::{age, unset_time};
use crate::claims::LineState;
use crate::codes::{self, Work};
use crate::compact::RowNum;
use crate::definitions::Definition;
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::money::Cents;
use crate::mouth::{Gums, Tooth};
use crate::office_life::forms;
use crate::procedures::Procedure;
use crate::treatment::{Item, Reason};
use crate::visits::Visit;
use crate::world::World;

/// Numbers of `PerioSequenceType`.
const MARGIN: i64 = 2;
const PROBING: i64 = 4;
const BLEEDING: i64 = 6;
/// Numbers of `ToothInitialType`.
const MISSING: i64 = 0;
const PRIMARY: i64 = 2;
/// Layouts of X-ray sets, by key: four bitewings, two bitewings, full set.
const FOUR: i64 = 1;
const TWO: i64 = 2;
const FULL: i64 = 3;

/// What the chart says of such work.
const fn wording(work: Work, step: u32) -> &'static str {
    match (work, step % 3) {
        (Work::Exam, 0) => "Looked at teeth, gums and soft tissue. Findings explained.",
        (Work::Exam, _) => "Examined. Soft tissue without findings.",
        (Work::Xray, 0) => "Pictures taken and read.",
        (Work::Xray, _) => "Pictures taken, quality good.",
        (Work::Prevent, 0) => "Cleaned and polished. Home care shown.",
        (Work::Prevent, 1) => "Light plaque, little bleeding. Cleaned and polished.",
        (Work::Prevent, _) => "Cleaned. Small brushes advised.",
        (Work::Filling, 0) => "Numbed, decay removed, filled, bite checked.",
        (Work::Filling, _) => "Numbed, filled without trouble, bite checked.",
        (Work::Crown, 0) => "Prepared, impression taken, temporary crown placed.",
        (Work::Crown, _) => "Built up and prepared. Shade taken.",
        (Work::Root, _) => "Numbed, under dam, canals cleaned and filled.",
        (Work::Gum, 0) => "Numbed, roots cleaned. Told how to care for it.",
        (Work::Gum, _) => "Cleaned below the gums. Less bleeding than last time.",
        (Work::Denture, _) => "Placed without trouble. To be looked at in two weeks.",
        (Work::Surgery, 0) => "Numbed, tooth removed, bleeding under control.",
        (Work::Surgery, _) => "Tooth removed in pieces, stitches placed.",
        (Work::Other, _) => "Done. Patient left well.",
        (Work::Admin, _) => "Noted.",
    }
}

impl World<'_> {
    /// Charts a visit that has just ended.
    pub(crate) fn chart(
        &mut self,
        key: VisitKey,
        visit: &Visit,
        done: &[LineState],
        seated: DateTime,
    ) -> Result<(), PracticeError> {
        let mut draw = self.paper(Stream::Chart, key.num(), 0);
        let patient = visit.patient;
        let years = age(self.patients.get(patient)?.birth, visit.slot.start.date());
        self.note_work(patient, done, &mut draw)?;
        self.measure_gums(visit, years, &mut draw)?;
        self.note_condition(visit, years, seated, &mut draw)?;
        for line in done {
            self.picture(patient, line, seated, &mut draw)?;
            self.tie_visits(patient, line)?;
            self.order_lab_work(key, patient, line, &mut draw)?;
            self.prescribe(patient, line, years, &mut draw)?;
            if codes::of(line.code).work == Work::Surgery
                && !self.patients.get(patient)?.mouth.has(line.tooth)
            {
                self.mark_tooth(patient, &line.tooth.label(), MISSING, self.now)?;
            }
        }
        self.fill_in_forms(visit, done, years, seated, &mut draw)
    }

    /// What was done, in words; now and then put right the same evening. Longer visits get one note for all of it.
    fn note_work(
        &mut self,
        patient: PatientKey,
        done: &[LineState],
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        for line in done {
            let user = self.office.provider(line.provider)?.user;
            let text = wording(codes::of(line.code).work, draw.below(3));
            let versions: &[&'static str] =
                if draw.chance(90) { &["", " Asked to rinse with salt water."] } else { &[""] };
            for (number, more) in (0_i64..).zip(versions) {
                let at = self.now.plus_seconds(i64::from(draw.between(20, 400)) + number * 600);
                self.out.add(Rows::ProcNote, at, |r| {
                    r.set("PatNum", patient)
                        .set("ProcNum", line.procedure)
                        .set("EntryDateTime", at)
                        .set("UserNum", user)
                        .set("Note", format!("{text}{more}"));
                })?;
            }
        }
        let worked: Vec<&LineState> = done.iter().filter(|l| l.fee.is_positive()).collect();
        let [first, _, _, ..] = worked.as_slice() else { return Ok(()) };
        if !draw.chance(350) {
            return Ok(());
        }
        // One note for all of it: a procedure of its own that charges nothing.
        let now = self.now;
        let user = self.office.provider(first.provider)?.user;
        let note = Procedure {
            patient,
            item: Item::new("~GRP~"),
            provider: first.provider,
            planned: now.into(),
            user: user.into(),
            visit: VisitKey::default(),
            fee: Cents::ZERO,
            diagnosis: Definition::default(),
            priority: Definition::default(),
            line: RowNum::default(),
            stamp: now.into(),
        };
        let key = self.procedures.add(note.clone());
        self.procedures.take(key)?;
        self.emit_procedure(key, &note, ProcStat::EC, None)?;
        for line in &worked {
            self.out.add(Rows::ProcGroupItem, now, |r| {
                r.set("ProcNum", line.procedure).set("GroupNum", key);
            })?;
        }
        self.out.add(Rows::ProcNote, now, |r| {
            r.set("PatNum", patient)
                .set("ProcNum", key)
                .set("EntryDateTime", now)
                .set("UserNum", user)
                .set("Note", "All of it went as planned. Next visit agreed.");
        })?;
        Ok(())
    }

    /// What an exam sees and leaves alone stands in the chart as a condition.
    fn note_condition(
        &mut self,
        visit: &Visit,
        years: i32,
        seated: DateTime,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let person = self.patients.get(visit.patient)?;
        if matches!(visit.reason, Reason::Treatment | Reason::Hygiene) || years < 14 || !draw.chance(340) {
            return Ok(());
        }
        let tooth = person.mouth.any(draw, years);
        if tooth == Tooth::NONE {
            return Ok(());
        }
        let code = draw.weighted(&[("N0003", 60), ("N0004", 22), ("N0005", 18)]);
        let provider = person.dentist;
        let user = self.office.provider(provider)?.user;
        let condition = Procedure {
            patient: visit.patient,
            item: Item::on(code, tooth),
            provider,
            planned: seated.into(),
            user: user.into(),
            visit: VisitKey::default(),
            fee: Cents::ZERO,
            diagnosis: Definition::default(),
            priority: Definition::default(),
            line: RowNum::default(),
            stamp: seated.into(),
        };
        let key = self.procedures.skip();
        self.emit_procedure(key, &condition, ProcStat::Cn, None)
    }

    /// The hygienist measures the gums: once a year, twice where they are ill.
    fn measure_gums(&mut self, visit: &Visit, years: i32, draw: &mut Draw) -> Result<(), PracticeError> {
        if years < 18 || !matches!(visit.reason, Reason::First | Reason::Recall) {
            return Ok(());
        }
        let day = visit.slot.start.date();
        let gums = self.patients.get(visit.patient)?.mouth.gums;
        let wait = if gums == Gums::Healthy { 330 } else { 150 };
        let file = self.life.file(visit.patient);
        if file.measured.is_some_and(|last| day.days() - last.days() < wait) {
            return Ok(());
        }
        file.measured = Some(day);
        let at = self.now;
        let exam = self.out.add(Rows::PerioExam, at, |r| {
            r.set("PatNum", visit.patient)
                .set("ExamDate", day)
                .set("ProvNum", visit.slot.provider)
                .set("DateTMeasureEdit", at);
        })?;
        let teeth: Vec<i64> = {
            let mouth = &self.patients.get(visit.patient)?.mouth;
            Tooth::permanent().filter(|t| mouth.has(*t)).map(Tooth::number).collect()
        };
        for tooth in teeth {
            let pocket = match gums {
                Gums::Healthy => 0,
                Gums::Treated => i32::from(draw.chance(350)) + i32::from(draw.chance(120)),
                Gums::Diseased => i32::from(draw.chance(650)) * 2 + i32::from(draw.chance(300)),
            };
            self.measure(exam, PROBING, tooth, at, || i64::from(draw.between(1, 3) + pocket))?;
            if pocket >= 2 || draw.chance(280) {
                self.measure(exam, MARGIN, tooth, at, || i64::from(draw.below(3)))?;
            }
            if draw.chance(if gums == Gums::Healthy { 240 } else { 520 }) {
                self.measure(exam, BLEEDING, tooth, at, || i64::from(draw.chance(400)))?;
            }
        }
        Ok(())
    }

    fn measure(
        &mut self,
        exam: i64,
        kind: i64,
        tooth: i64,
        at: DateTime,
        mut value: impl FnMut() -> i64,
    ) -> Result<(), PracticeError> {
        self.out.add(Rows::PerioMeasure, at, |r| {
            r.set("PerioExamNum", exam)
                .set("SequenceType", kind)
                .set("IntTooth", tooth)
                .set("ToothValue", -1_i64)
                .set("MBvalue", value())
                .set("Bvalue", value())
                .set("DBvalue", value())
                .set("MLvalue", value())
                .set("Lvalue", value())
                .set("DLvalue", value())
                .set("SecDateTEntry", at);
        })?;
        Ok(())
    }

    /// Pictures that a piece of work makes: one, or a set on its layout.
    fn picture(
        &mut self,
        patient: PatientKey,
        line: &LineState,
        seated: DateTime,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let at = seated.plus_seconds(i64::from(draw.between(120, 600)));
        let service = codes::of(line.code);
        let (layout, rows, columns, name) = match service.code {
            "D0210" => (FULL, 3, 6, "Full set"),
            "D0274" => (FOUR, 1, 4, "Bitewings, four"),
            "D0272" => (TWO, 1, 2, "Bitewings, two"),
            "D0220" | "D0230" => {
                return self.file_picture(patient, line, Definition::IMAGES_SINGLE, 0, at, 1).map(|_| ());
            }
            "D0330" => {
                return self.file_picture(patient, line, Definition::IMAGES_FULL, 0, at, 1).map(|_| ());
            }
            "D0350" => {
                return self.file_picture(patient, line, Definition::IMAGES_PHOTO, 0, at, 2).map(|_| ());
            }
            _ => return Ok(()),
        };
        let list = if layout == FULL { Definition::IMAGES_FULL } else { Definition::IMAGES_BITEWINGS };
        let mount = self.out.add(Rows::Mount, at, |r| {
            r.set("PatNum", patient)
                .set("DocCategory", list)
                .set("DateCreated", at)
                .set("Description", name)
                .set("Width", columns * 400)
                .set("Height", rows * 300)
                .set("ColorBack", -16_777_216_i64)
                .set("ProvNum", line.provider)
                .set("ColorFore", -1_i64);
        })?;
        for place in 0..rows * columns {
            let item = self.out.add(Rows::MountItem, at, |r| {
                r.set("MountNum", mount)
                    .set("Xpos", place % columns * 400)
                    .set("Ypos", place / columns * 300)
                    .set("ItemOrder", place + 1)
                    .set("Width", 400_i64)
                    .set("Height", 300_i64);
            })?;
            self.file_picture(patient, line, list, item, at.plus_seconds(place * 20), 1)?;
        }
        Ok(())
    }

    /// Files a picture or paper under a category; only its name and place are kept in the database.
    fn file_picture(
        &mut self,
        patient: PatientKey,
        line: &LineState,
        list: Definition,
        mount_item: i64,
        at: DateTime,
        kind: i64,
    ) -> Result<i64, PracticeError> {
        let tooth = line.tooth.label();
        let document = Document { patient, list, kind, about: codes::of(line.code).short, ending: "jpg" };
        self.file_document(&document, at, |r| {
            r.set("ToothNumbers", tooth).set("MountItemNum", mount_item).set("ProvNum", line.provider);
        })
    }

    /// Files a document at that moment.
    pub(crate) fn file_document(
        &mut self,
        document: &Document,
        at: DateTime,
        more: impl FnOnce(&mut crate::emit::Row<'_>),
    ) -> Result<i64, PracticeError> {
        let person = self.patients.get(document.patient)?;
        let number = self.out.next_number(Rows::Document);
        self.out.add(Rows::Document, at, |r| {
            r.set("Description", document.about)
                .set("DateCreated", at)
                .set("DocCategory", document.list)
                .set("PatNum", document.patient)
                .set("FileName", format!("{}{}{number}.{}", person.last, person.first, document.ending))
                .set("ImgType", document.kind)
                .set("UserNum", 1_i64);
            more(r);
        })
    }

    /// Work for the laboratory: crowns, dentures, guards.
    fn order_lab_work(
        &mut self,
        key: VisitKey,
        patient: PatientKey,
        line: &LineState,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let (laboratory, days, fee, text) = match codes::of(line.code).code {
            "D2740" => (1_i64, 10, 145.0, "Ceramic crown, shade as noted."),
            "D2750" | "D2790" | "D6240" | "D6750" => (1, 12, 165.0, "Metal crown, contacts light."),
            "D6058" => (1, 15, 265.0, "Crown on an implant."),
            "D5110" | "D5120" | "D5213" | "D5214" => (2, 12, 310.0, "Denture, try-in first."),
            "D9944" => (3, 7, 85.0, "Night guard, upper, hard."),
            _ => return Ok(()),
        };
        let created = self.now;
        let end = self.as_of().midnight();
        let known = |at: DateTime| if at < end { at } else { unset_time() };
        let sent = created.plus_seconds(i64::from(draw.between(1, 20)) * 3600);
        let received = created.date().plus_days(days + draw.between(-2, 3)).at_seconds(10 * 3600);
        let checked = received.plus_seconds(i64::from(draw.between(1, 24)) * 3600);
        let due = created.date().plus_days(days + 1).midnight();
        let stamp = [checked, received, sent].into_iter().find(|at| *at < end).unwrap_or(created);
        let invoice = self.out.numbering().key(line.procedure);
        self.out.add(Rows::LabCase, stamp, |r| {
            r.set("PatNum", patient)
                .set("LaboratoryNum", laboratory)
                .set("AptNum", key)
                .set("DateTimeDue", due)
                .set("DateTimeCreated", created)
                .set("DateTimeSent", known(sent))
                .set("DateTimeRecd", known(received))
                .set("DateTimeChecked", known(checked))
                .set("ProvNum", line.provider)
                .set("Instructions", text)
                .set("LabFee", fee)
                .set("InvoiceNum", format!("DEMO-L{invoice}"));
        })?;
        Ok(())
    }

    /// Marks a tooth in the chart.
    pub(crate) fn mark_tooth(
        &mut self,
        patient: PatientKey,
        tooth: &str,
        kind: i64,
        at: DateTime,
    ) -> Result<(), PracticeError> {
        if tooth.is_empty() {
            return Ok(());
        }
        self.out.add(Rows::ToothInitial, at, |r| {
            r.set("PatNum", patient)
                .set("ToothNum", tooth.to_owned())
                .set("InitialType", kind)
                .set("SecDateTEntry", at);
        })?;
        Ok(())
    }

    /// Charts the teeth of somebody who is seen for the first time.
    pub(crate) fn chart_teeth(&mut self, patient: PatientKey, at: DateTime) -> Result<(), PracticeError> {
        let person = self.patients.get(patient)?;
        let years = age(person.birth, at.date());
        let missing: Vec<String> =
            Tooth::permanent().filter(|t| !person.mouth.has(*t)).map(Tooth::label).collect();
        if years >= 14 {
            for tooth in missing {
                self.mark_tooth(patient, &tooth, MISSING, at)?;
            }
            return Ok(());
        }
        let baby: Vec<String> = Tooth::baby(years).map(Tooth::label).collect();
        for tooth in baby {
            self.mark_tooth(patient, &tooth, PRIMARY, at)?;
        }
        Ok(())
    }

    /// Forms of a visit: all of them from new patients, the medical history once a year, consent before surgery.
    fn fill_in_forms(
        &mut self,
        visit: &Visit,
        done: &[LineState],
        years: i32,
        seated: DateTime,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let patient = visit.patient;
        let day = visit.slot.start.date();
        let before = seated.plus_seconds(-i64::from(draw.between(60, 240)));
        if visit.first {
            for form in [forms::PATIENT, forms::HISTORY, forms::PRIVACY] {
                self.sign_form(patient, form, before)?;
            }
            self.life.file(patient).history = Some(day);
            self.chart_teeth(patient, seated.plus_seconds(300))?;
            self.take_history(patient, seated)?;
        } else if visit.reason == Reason::Recall && self.history_is_old(patient, day) {
            self.life.file(patient).history = Some(day);
            self.sign_form(patient, forms::HISTORY, before)?;
        }
        let surgery = done.iter().any(|l| codes::of(l.code).work == Work::Surgery);
        if surgery && years >= 5 {
            self.sign_form(patient, forms::CONSENT, before)?;
            let (upper, lower, pulse) = (draw.between(105, 148), draw.between(62, 92), draw.between(58, 96));
            self.out.add(Rows::VitalSign, seated, |r| {
                r.set("PatNum", patient)
                    .set("BpSystolic", i64::from(upper))
                    .set("BpDiastolic", i64::from(lower))
                    .set("DateTaken", day)
                    .set("Pulse", i64::from(pulse));
            })?;
        }
        Ok(())
    }

    fn history_is_old(&mut self, patient: PatientKey, day: Date) -> bool {
        self.life.file(patient).history.is_none_or(|last| day.days() - last.days() > 330)
    }

    /// Ties together what belongs together and was done at two visits: the crown after the root canal, the crown on the
    /// implant.
    fn tie_visits(&mut self, patient: PatientKey, line: &LineState) -> Result<(), PracticeError> {
        let place = (patient, line.tooth.number());
        match codes::of(line.code).code {
            "D3310" | "D3320" | "D3330" | "D6010" => {
                self.life.begun.insert(place, line.procedure);
            }
            "D2740" | "D2750" | "D2790" | "D6058" => {
                let Some(first) = self.life.begun.remove(&place) else { return Ok(()) };
                let now = self.now;
                let group = self.out.next_key(Rows::ProcMultiVisit);
                for procedure in [first, line.procedure] {
                    self.out.add(Rows::ProcMultiVisit, now, |r| {
                        r.set("GroupProcMultiVisitNum", group)
                            .set("ProcNum", procedure)
                            .set("ProcStatus", ProcStat::C.stored())
                            .set("SecDateTEntry", now)
                            .set("PatNum", patient);
                    })?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A document to be filed: category, number of its kind in `ImageType`, what it shows, ending of the file's name.
pub(crate) struct Document {
    pub(crate) patient: PatientKey,
    pub(crate) list: Definition,
    pub(crate) kind: i64,
    pub(crate) about: &'static str,
    pub(crate) ending: &'static str,
}

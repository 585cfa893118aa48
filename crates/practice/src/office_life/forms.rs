//! Forms: what new patients fill in, what is signed before surgery, and the layouts of all of them.

use bicuspid_model::DateTime;
use bicuspid_opendental::enums::PatientPosition;

use crate::arena::PatientKey;
use crate::calendar::unset_time;
use crate::draw::Stream;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::world::World;

/// Kind of a field, by its number in `SheetFieldType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Printed = 0,
    Input = 1,
    Fixed = 2,
    Box = 8,
    Signature = 9,
}

impl Field {
    const fn number(self) -> i64 {
        match self {
            Self::Printed => 0,
            Self::Input => 1,
            Self::Fixed => 2,
            Self::Box => 8,
            Self::Signature => 9,
        }
    }
}

/// A form: name, number of its kind in `SheetTypeEnum`, fields by name.
struct Form {
    name: &'static str,
    kind: i64,
    fields: &'static [(&'static str, Field)],
}

use Field::{Box as B, Fixed as F, Input as I, Printed as P, Signature as S};

/// Keys of the forms that are handed out, by their place in [`FORMS`].
pub(crate) const PATIENT: usize = 0;
pub(crate) const HISTORY: usize = 1;
pub(crate) const CONSENT: usize = 2;
pub(crate) const PRIVACY: usize = 9;

#[rustfmt::skip]
const FORMS: &[Form] = &[
    Form { name: "Patient", kind: 9, fields: &[
        ("title", F), ("FName", I), ("LName", I), ("Birthdate", I), ("Address", I), ("City", I), ("State", I),
        ("Zip", I), ("WirelessPhone", I), ("Email", I), ("textsAllowed", B), ("sig", S),
    ] },
    Form { name: "Medical history", kind: 11, fields: &[
        ("title", F), ("underCare", B), ("hospital", B), ("inputMed1", I), ("inputMed2", I),
        ("allergy:Penicillin", B), ("allergy:Latex", B), ("problem:High blood pressure", B), ("problem:Diabetes, type 2", B),
        ("problem:Asthma", B), ("smokes", B), ("sig", S),
    ] },
    Form { name: "Consent to surgery", kind: 6, fields: &[
        ("title", F), ("dateTime.Today", P), ("nameFL", P), ("risks", F), ("questions", I), ("agrees", B), ("sig", S),
    ] },
    Form { name: "Letter to new patients", kind: 7, fields: &[
        ("title", F), ("dateTime.Today", P), ("nameFL", P), ("address", P), ("cityStateZip", P), ("greeting", F),
    ] },
    Form { name: "Referral slip", kind: 3, fields: &[
        ("title", F), ("referral.nameFL", P), ("patient.nameFL", P), ("toothNum", I), ("notes", I),
    ] },
    Form { name: "Laboratory slip", kind: 12, fields: &[
        ("title", F), ("lab.Description", P), ("patient.nameFL", P), ("dateDue", P), ("shade", I), ("instructions", I),
        ("sig", S),
    ] },
    Form { name: "Exam", kind: 13, fields: &[
        ("title", F), ("patient.nameFL", P), ("bite", I), ("joints", I), ("softTissue", I), ("gums", I), ("hygiene", I),
    ] },
    Form { name: "Routing slip", kind: 10, fields: &[
        ("title", F), ("appt.timeDate", P), ("patient.nameFL", P), ("appt.procedures", P), ("balance", P), ("notes", I),
    ] },
    Form { name: "Prescription", kind: 5, fields: &[
        ("title", F), ("Drug", P), ("Disp", P), ("Sig", P), ("Refills", P), ("prov.nameFL", P), ("sig", S),
    ] },
    Form { name: "Privacy notice", kind: 6, fields: &[
        ("title", F), ("dateTime.Today", P), ("nameFL", P), ("notice", F), ("received", B), ("sig", S),
    ] },
];

/// Writes the layouts.
pub(super) fn emit_layouts(out: &mut Emitter<'_>, stamp: DateTime) -> Result<(), PracticeError> {
    for form in FORMS {
        let key = out.add(Rows::SheetDef, stamp, |r| {
            r.set("Description", form.name)
                .set("SheetType", form.kind)
                .set("FontSize", 9.0)
                .set("FontName", "Arial")
                .set("Width", 850_i64)
                .set("Height", 1100_i64)
                .set("PageCount", 1_i64)
                .set("DateTCreated", stamp)
                .set("RevID", 1_i64)
                .set("AutoCheckSaveImage", true)
                .set("AutoCheckSaveImageDocCategory", 137_i64);
        })?;
        for (row, (name, kind)) in (0_i64..).zip(form.fields) {
            let text = if *kind == F { form.name } else { "" };
            out.add(Rows::SheetFieldDef, stamp, |r| {
                r.set("SheetDefNum", key)
                    .set("FieldType", kind.number())
                    .set("FieldName", *name)
                    .set("FieldValue", text)
                    .set("FontSize", 9.0)
                    .set("FontName", "Arial")
                    .set("FontIsBold", *kind == F)
                    .set("XPos", 60_i64)
                    .set("YPos", 50 + row * 40)
                    .set("Width", if *kind == B { 12_i64 } else { 300 })
                    .set("Height", if *kind == S { 80_i64 } else { 16 })
                    .set("IsRequired", *kind == S)
                    .set("TabOrder", row)
                    .set("ItemColor", -16_777_216_i64)
                    .set("CanElectronicallySign", *kind == S);
            })?;
        }
    }
    Ok(())
}

/// Key of the first field of a form in its layout.
fn first_field(form: usize) -> i64 {
    let before: usize = FORMS.iter().take(form).map(|f| f.fields.len()).sum();
    i64::try_from(before).unwrap_or_default() + 1
}

impl World<'_> {
    /// A patient fills in a form, or signs it, at that moment.
    pub(crate) fn sign_form(
        &mut self,
        patient: PatientKey,
        form: usize,
        at: DateTime,
    ) -> Result<(), PracticeError> {
        let Some(Form { name, kind, fields }) = FORMS.get(form) else { return Ok(()) };
        let definition = i64::try_from(form).unwrap_or_default() + 1;
        // New patients fill some in at home.
        let number = self.out.next_key(Rows::Sheet);
        let home = form != CONSENT && self.paper(Stream::Forms, number, 1).chance(350);
        let sheet = self.out.add(Rows::Sheet, at, |r| {
            r.set("SheetType", *kind)
                .set("IsWebForm", home)
                .set("PatNum", patient)
                .set("DateTimeSheet", at)
                .set("FontSize", 9.0)
                .set("FontName", "Arial")
                .set("Width", 850_i64)
                .set("Height", 1100_i64)
                .set("Description", *name)
                .set("SheetDefNum", definition)
                .set("DateTSheetEdited", at)
                .set("RevID", 1_i64);
        })?;
        let mut draw = self.paper(Stream::Forms, sheet, 0);
        let person = self.patients.get(patient)?;
        let family = self.families.get(person.family)?;
        for (row, (place, (field, kind))) in (0_i64..).zip((first_field(form)..).zip(*fields)) {
            let value: String = match (*kind, *field) {
                (F, _) => (*name).to_owned(),
                (S, _) => "Signed".to_owned(),
                (B, "textsAllowed") if person.texts => "X".to_owned(),
                (B, "agrees" | "received") => "X".to_owned(),
                (B, "textsAllowed") => String::new(),
                (B, _) => if draw.chance(120) { "X" } else { "" }.to_owned(),
                (P, "dateTime.Today") => at.date().to_string(),
                (P, "nameFL") => format!("{} {}", person.first, person.last),
                (I, "FName") => person.first.to_string(),
                (I, "LName") => person.last.to_string(),
                (I, "Birthdate") => person.birth.to_string(),
                (I, "Address") => family.street.to_string(),
                (I, "City") => family.town.named().0.to_owned(),
                (I, "Zip") => family.town.named().1.to_owned(),
                (I, "State") => crate::names::STATE.to_owned(),
                (I, "WirelessPhone") if person.position != PatientPosition::Child => person.phone.to_string(),
                _ => String::new(),
            };
            self.out.add(Rows::SheetField, at, |r| {
                r.set("SheetNum", sheet)
                    .set("FieldType", kind.number())
                    .set("FieldName", *field)
                    .set("FieldValue", value)
                    .set("FontSize", 9.0)
                    .set("FontName", "Arial")
                    .set("XPos", 60_i64)
                    .set("YPos", 50 + row * 40)
                    .set("Width", if *kind == B { 12_i64 } else { 300 })
                    .set("Height", if *kind == S { 80_i64 } else { 16 })
                    .set("IsRequired", *kind == S)
                    .set("TabOrder", row)
                    .set("ItemColor", -16_777_216_i64)
                    .set("DateTimeSig", if *kind == S { at } else { unset_time() })
                    .set("CanElectronicallySign", *kind == S)
                    .set("SheetFieldDefNum", place);
            })?;
        }
        Ok(())
    }
}

//! Rooms and machines: workstations, printers, views of the schedule, layouts of forms and of X-ray sets; and the office's
//! neighbours: who sends and receives patients, and how carriers are reached.

use bicuspid_model::DateTime;

use crate::arena::{Key, PlanKey};
use crate::draw::Stream;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::names;
use crate::settings::Preset;
use crate::world::World;

/// Fields of a printed dental claim, as the program names them.
#[rustfmt::skip]
const CLAIM_FIELDS: &[&str] = &[
    "IsPreAuth", "IsStandardClaim", "PriInsCarrierName", "PriInsAddress", "PriInsAddress2", "PriInsCity", "PriInsST",
    "PriInsZip", "OtherInsExists", "OtherInsSubscrLastFirst", "OtherInsSubscrDOB", "OtherInsSubscrID",
    "OtherInsGroupNum", "OtherInsCarrierName", "SubscrLastFirst", "SubscrAddress", "SubscrCity", "SubscrST", "SubscrZip",
    "SubscrDOB", "SubscrIsMale", "SubscrIsFemale", "SubscrID", "GroupNum", "EmployerName", "RelatIsSelf",
    "RelatIsSpouse", "RelatIsChild", "RelatIsOther", "PatientLastFirst", "PatientAddress", "PatientCity", "PatientST",
    "PatientZip", "PatientDOB", "PatientIsMale", "PatientIsFemale", "PatientID-MedicaidOrSSN", "P1Date", "P1Area",
    "P1ToothNumber", "P1Surface", "P1Code", "P1Description", "P1Fee", "P2Date", "P2ToothNumber", "P2Surface", "P2Code",
    "P2Description", "P2Fee", "P3Date", "P3ToothNumber", "P3Surface", "P3Code", "P3Description", "P3Fee", "TotalFee",
    "Remarks", "PatientRelease", "PatientReleaseDate", "PatientAssignment", "PatientAssignmentDate", "PlaceIsOffice",
    "IsNotOrtho", "IsOrtho", "IsReplacementProsth", "BillingDentist", "BillingDentistAddress", "BillingDentistCity",
    "BillingDentistST", "BillingDentistZip", "BillingDentistNPI", "BillingDentistLicenseNum", "TreatingDentistSignature",
    "TreatingDentistNPI",
];

/// Who sends and receives patients: name, first name, specialty (0 for none), whether a person, whether a dentist.
const REFERRALS: &[(&str, &str, i64, bool, bool)] = &[
    ("Saltmarrow Oral Surgery", "", 312, false, true),
    ("Duskwater Root Canal Practice", "", 313, false, true),
    ("Kestrelmoor Gum Practice", "", 314, false, true),
    ("Juniperfall Braces", "", 315, false, true),
    ("Peppercorn Family Dentistry", "", 310, false, true),
    ("Quarry", "Dana", 310, true, true),
    ("Thistle", "Robin", 310, true, true),
    ("Sorrel", "Lee", 314, true, true),
    ("Website", "", 0, false, false),
    ("Sign at the road", "", 0, false, false),
    ("Insurance list", "", 0, false, false),
    ("School day", "", 0, false, false),
    ("Newcomers' letter", "", 0, false, false),
    ("Family or friends", "", 0, false, false),
];

/// The first referral that is a specialist, and the number of them.
pub(super) const SPECIALISTS: i64 = 4;
/// The first and the last referral that sends patients.
pub(super) const SOURCES: (i64, i64) = (5, 14);

/// Layouts of X-ray sets: name, rows, columns.
const MOUNTS: &[(&str, i64, i64)] =
    &[("Bitewings, four", 1, 4), ("Bitewings, two", 1, 2), ("Full set", 3, 6)];

impl World<'_> {
    /// Writes rooms and machines.
    pub(crate) fn fit_rooms(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        self.emit_computers(stamp)?;
        self.emit_views(stamp)?;
        super::forms::emit_layouts(&mut self.out, stamp)?;
        self.emit_layouts(stamp)?;
        self.emit_neighbours(stamp)?;
        if self.settings.preset == Preset::Stock {
            for key in self.payers.plans.keys() {
                self.note_plan(key.num(), key, stamp)?;
            }
        }
        self.emit_pay_periods(stamp)
    }

    fn emit_computers(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        let desks = i64::try_from(self.office.desk.len()).unwrap_or_default();
        let numbering = self.out.numbering();
        let computers = (1..=desks)
            .map(|n| format!("DESK-{}", numbering.key(n)))
            .chain((1..=self.office.chairs).map(|n| format!("CHAIR-{}", numbering.key(n))))
            .chain(["SERVER", "XRAY"].map(|name| self.location.named(name)));
        let beat = self.as_of().midnight().plus_seconds(-180);
        for name in computers.collect::<Vec<String>>() {
            let printers: &[i64] =
                if name.starts_with("DESK") { &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } else { &[0, 4, 5] };
            let computer = self.out.add(Rows::Computer, stamp, |r| {
                r.set("CompName", name.clone()).set("LastHeartBeat", beat);
            })?;
            for situation in printers {
                let (printer, label) = match situation {
                    2 | 6 => ("LABELS", true),
                    _ => ("OFFICE", false),
                };
                self.out.add(Rows::Printer, stamp, |r| {
                    r.set("ComputerNum", computer)
                        .set("PrintSit", *situation)
                        .set("PrinterName", printer)
                        .set("DisplayPrompt", label);
                })?;
            }
            self.out.add(Rows::ComputerPref, stamp, |r| {
                r.set("ComputerName", name)
                    .set("SensorType", "D")
                    .set("TaskX", 900_i64)
                    .set("TaskY", 625_i64)
                    .set("ScanDocResolution", 150_i64)
                    .set("ScanDocQuality", 40_i64)
                    .set("ApptViewNum", 1_i64)
                    .set("ComputerOS", "Win32NT");
            })?;
        }
        Ok(())
    }

    /// What each view of the schedule shows: its chairs, its providers, and the lines of an appointment.
    fn emit_views(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        const LINES: &[&str] = &["PatientName", "Procs", "Note", "Production", "ConfirmedColor", "Age"];
        let shown = |view: i64, hygienist: bool| view != if hygienist { 2 } else { 3 };
        for view in 1..=4_i64 {
            for provider in self.office.providers.iter().filter(|p| shown(view, p.hygienist)) {
                for chair in &provider.chairs {
                    self.out.add(Rows::ApptViewItem, stamp, |r| {
                        r.set("ApptViewNum", view).set("OpNum", *chair);
                    })?;
                }
                self.out.add(Rows::ApptViewItem, stamp, |r| {
                    r.set("ApptViewNum", view).set("ProvNum", provider.key);
                })?;
            }
            for (order, line) in (0_i64..).zip(LINES) {
                self.out.add(Rows::ApptViewItem, stamp, |r| {
                    r.set("ApptViewNum", view)
                        .set("ElementDesc", *line)
                        .set("ElementOrder", order)
                        .set("ElementColor", -16_777_216_i64);
                })?;
            }
        }
        Ok(())
    }

    fn emit_layouts(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        for form in 1..=3_i64 {
            for (number, field) in (0_u32..).zip(CLAIM_FIELDS) {
                let (column, row) = (f64::from(number % 4), f64::from(number / 4));
                self.out.add(Rows::ClaimFormItem, stamp, |r| {
                    r.set("ClaimFormNum", form)
                        .set("FieldName", *field)
                        .set("XPos", 40.0 + column * 195.0)
                        .set("YPos", 60.0 + row * 50.0)
                        .set("Width", 180.0)
                        .set("Height", 16.0);
                })?;
            }
        }
        for (order, (name, rows, columns)) in (0_i64..).zip(MOUNTS) {
            let mount = self.out.add(Rows::MountDef, stamp, |r| {
                r.set("Description", *name)
                    .set("ItemOrder", order)
                    .set("Width", columns * 400)
                    .set("Height", rows * 300)
                    .set("ColorBack", -16_777_216_i64)
                    .set("ColorFore", -1_i64)
                    .set("DefaultCat", if *rows == 1 { 133_i64 } else { 134 });
            })?;
            for place in 0..rows * columns {
                self.out.add(Rows::MountItemDef, stamp, |r| {
                    r.set("MountDefNum", mount)
                        .set("Xpos", place % columns * 400)
                        .set("Ypos", place / columns * 300)
                        .set("Width", 400_i64)
                        .set("Height", 300_i64)
                        .set("ItemOrder", place + 1);
                })?;
            }
        }
        Ok(())
    }

    fn emit_neighbours(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        for (number, (name, first, specialty, person, dentist)) in (1_i64..).zip(REFERRALS) {
            let mut draw = self.paper(Stream::Staff, number, 100);
            let (city, zip) = names::town(&mut draw);
            self.out.add(Rows::Referral, stamp, |r| {
                r.set("LName", *name)
                    .set("FName", *first)
                    .set("Specialty", *specialty)
                    .set("ST", names::STATE)
                    .set("NotPerson", !person)
                    .set("IsDoctor", *dentist)
                    .set("IsPreferred", number <= SPECIALISTS);
                if *dentist {
                    r.set("Telephone", format!("50355501{:02}", draw.below(100)))
                        .set("Address", names::street(&mut draw))
                        .set("City", city)
                        .set("Zip", zip)
                        .set("EMail", format!("office{number}@example.com"))
                        .set("Title", if *person { "DMD" } else { "" })
                        .set("BusinessName", *name);
                }
            })?;
        }
        let carriers: Vec<(i64, String)> =
            self.payers.carriers.iter().map(|(key, carrier)| (key.num(), carrier.name.clone())).collect();
        for (key, name) in carriers {
            self.out.add(Rows::ElectId, stamp, |r| {
                r.set("PayorID", format!("ZZ{key:03}")).set("CarrierName", name).set("IsMedicaid", key == 1);
            })?;
        }
        Ok(())
    }

    /// How a plan was entered, field by field; and now and then what it pays instead of dearer work.
    pub(crate) fn note_plan(
        &mut self,
        row: i64,
        plan: PlanKey,
        stamp: DateTime,
    ) -> Result<(), PracticeError> {
        let carrier = self.payers.plans.get(plan)?.carrier;
        for (field, value) in [
            ("CarrierNum", carrier.num().to_string()),
            ("GroupNum", format!("DEMO-{:05}", plan.num())),
            ("PlanNum", self.out.numbering().key(row).to_string()),
        ] {
            self.out.add(Rows::InsEditLog, stamp, |r| {
                r.set("FKey", row)
                    .set("FieldName", field)
                    .set("OldValue", "NEW")
                    .set("NewValue", value)
                    .set("UserNum", 1_i64)
                    .set("Description", "Entered");
            })?;
        }
        if self.paper(Stream::File, row, 4).chance(60) {
            for (code, instead) in [("D2391", "D2140"), ("D2392", "D2150"), ("D2393", "D2160")] {
                self.out.add(Rows::SubstitutionLink, stamp, |r| {
                    r.set("PlanNum", row)
                        .set("CodeNum", crate::codes::find(code).0)
                        .set("SubstitutionCode", instead)
                        .set("SubstOnlyIf", 1_i64);
                })?;
            }
        }
        Ok(())
    }

    /// Two weeks each, paid on the Friday after.
    fn emit_pay_periods(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        let start = self.settings.start_date;
        let mut day = start.plus_days(-i32::from(start.weekday()));
        while day < self.as_of().plus_days(60) {
            self.out.add(Rows::PayPeriod, stamp, |r| {
                r.set("DateStart", day)
                    .set("DateStop", day.plus_days(13))
                    .set("DatePaycheck", day.plus_days(18));
            })?;
            day = day.plus_days(14);
        }
        Ok(())
    }
}

//! The office's lists of definitions. Numbers are the office's own; they are kept apart by list.

use bicuspid_model::DateTime;
use bicuspid_opendental::enums::DefCat;

use crate::codes::Work;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::settings::Preset;

/// A definition that rows point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Definition(u16);

impl From<Definition> for bicuspid_model::Value {
    fn from(definition: Definition) -> Self {
        Self::Int(i64::from(definition.0))
    }
}

macro_rules! definitions {
    ($($(#[$doc:meta])* $name:ident = $num:literal, $category:ident, $text:literal, $value:literal;)+) => {
        #[expect(dead_code, reason = "some definitions are only there to be chosen by hand")]
        impl Definition {
            $($(#[$doc])* pub(crate) const $name: Self = Self($num);)+
        }

        /// Number, list, name and value of each definition.
        const ALL: &[(i64, DefCat, &str, &str)] = &[$(($num, DefCat::$category, $text, $value)),+];
    };
}

definitions! {
    /// Discount for paying at once without insurance.
    CASH_DISCOUNT = 9, AdjTypes, "Cash discount", "-";
    /// Discount for the elderly.
    SENIOR_DISCOUNT = 186, AdjTypes, "Senior discount", "-";
    /// Courtesy to staff and their families.
    STAFF_DISCOUNT = 472, AdjTypes, "Staff discount", "-";
    /// Discount for a family that comes together.
    FAMILY_DISCOUNT = 486, AdjTypes, "Family discount", "-";
    /// A balance that nobody will pay.
    BAD_DEBT = 185, AdjTypes, "Bad debt", "-";
    /// Charge on a balance that stays unpaid.
    BILLING_CHARGE = 550, AdjTypes, "Billing charge", "+";
    /// Small correction.
    CORRECTION = 549, AdjTypes, "Correction", "-";
    /// Nobody has asked yet.
    UNCONFIRMED = 19, ApptConfirmed, "Not asked", "";
    /// A reminder went out.
    REMINDED = 20, ApptConfirmed, "Reminded", "";
    /// The patient said yes.
    CONFIRMED = 21, ApptConfirmed, "Confirmed", "";
    /// The patient waits.
    WAITING = 25, ApptConfirmed, "In the waiting room", "";
    /// The patient sits in the chair.
    SEATED = 26, ApptConfirmed, "In the chair", "";
    /// The patient is at the desk again.
    CHECKING_OUT = 28, ApptConfirmed, "At check-out", "";
    /// The patient came.
    SHOWED = 22, ApptConfirmed, "Came", "";
    /// The patient did not come.
    FAILED = 23, ApptConfirmed, "Did not come", "";
    /// Ordinary account.
    STANDARD_BILLING = 40, BillingTypes, "Standard", "";
    /// Account that was handed on or given up.
    COLLECTION_BILLING = 43, BillingTypes, "Collection", "C";
    /// Check of a patient.
    CHECK = 69, PaymentTypes, "Check", "";
    /// Cash.
    CASH = 70, PaymentTypes, "Cash", "";
    /// Card.
    CARD = 71, PaymentTypes, "Credit Card", "";
    /// Money given back.
    REFUND = 72, PaymentTypes, "Patient Refund", "";
    /// A lender pays for the patient.
    FINANCING = 391, PaymentTypes, "Financing", "";
    /// Exams.
    CODES_EXAM = 73, ProcCodeCats, "Exams", "";
    /// X-rays.
    CODES_XRAY = 74, ProcCodeCats, "X-rays", "";
    /// Cleaning and prevention.
    CODES_PREVENT = 75, ProcCodeCats, "Cleaning and prevention", "";
    /// Fillings.
    CODES_FILLING = 76, ProcCodeCats, "Fillings", "";
    /// Crowns.
    CODES_CROWN = 77, ProcCodeCats, "Crowns", "";
    /// Roots.
    CODES_ROOT = 78, ProcCodeCats, "Roots", "";
    /// Gums.
    CODES_GUM = 79, ProcCodeCats, "Gums", "";
    /// Dentures, bridges, implants.
    CODES_DENTURE = 80, ProcCodeCats, "Dentures, bridges, implants", "";
    /// Surgery.
    CODES_SURGERY = 81, ProcCodeCats, "Surgery", "";
    /// Everything beside.
    CODES_OTHER = 82, ProcCodeCats, "Other", "";
    /// Marks in the record.
    CODES_ADMIN = 83, ProcCodeCats, "Record marks", "";
    /// To be called.
    UNSCHEDULED_CALL = 95, RecallUnschedStatus, "To be called", "";
    /// Left a message.
    UNSCHEDULED_MESSAGE = 96, RecallUnschedStatus, "Message left", "";
    /// Decay.
    DIAGNOSIS_DECAY = 110, Diagnosis, "Decay", "C";
    /// Broken tooth.
    DIAGNOSIS_BROKEN = 111, Diagnosis, "Broken tooth", "B";
    /// Inflamed root.
    DIAGNOSIS_ROOT = 112, Diagnosis, "Inflamed root", "R";
    /// Gum disease.
    DIAGNOSIS_GUM = 113, Diagnosis, "Gum disease", "G";
    /// Tooth that cannot be kept.
    DIAGNOSIS_LOST = 114, Diagnosis, "Tooth beyond repair", "L";
    /// Bitewings.
    IMAGES_BITEWINGS = 133, ImageCats, "Bitewings", "X";
    /// Full X-ray sets and whole-jaw pictures.
    IMAGES_FULL = 134, ImageCats, "Full X-ray sets", "X";
    /// Single X-rays.
    IMAGES_SINGLE = 135, ImageCats, "Single X-rays", "X";
    /// Photos.
    IMAGES_PHOTO = 136, ImageCats, "Photos", "P";
    /// Insurance cards.
    IMAGES_CARD = 138, ImageCats, "Insurance cards", "";
    /// Letters.
    IMAGES_LETTER = 139, ImageCats, "Letters", "";
    /// First things first.
    PRIORITY_URGENT = 120, TxPriorities, "Urgent", "";
    /// Soon.
    PRIORITY_NEXT = 121, TxPriorities, "Next", "";
    /// When there is time.
    PRIORITY_LATER = 122, TxPriorities, "Later", "";
    /// Lunch.
    BLOCK_LUNCH = 241, BlockoutTypes, "Lunch", "";
    /// Meeting.
    BLOCK_MEETING = 257, BlockoutTypes, "Meeting", "";
    /// About an appointment.
    TALK_APPOINTMENT = 224, CommLogTypes, "Appointment", "APPT";
    /// About a recall.
    TALK_RECALL = 225, CommLogTypes, "Recall", "RECALL";
    /// About money.
    TALK_MONEY = 226, CommLogTypes, "Account", "FIN";
    /// About anything else.
    TALK_OTHER = 228, CommLogTypes, "Other", "MISC";
    /// A text message.
    TALK_TEXT = 603, CommLogTypes, "Text message", "TEXT";
    /// Money that belongs to no procedure yet.
    UNEARNED = 288, PaySplitUnearnedType, "Unearned", "";
    /// Check of an insurer.
    INSURANCE_CHECK = 261, InsurancePaymentType, "Check", "";
    /// Transfer of an insurer.
    INSURANCE_TRANSFER = 303, InsurancePaymentType, "Transfer", "";
    /// General dentist.
    GENERAL = 310, ProviderSpecialties, "General", "";
    /// Hygienist.
    HYGIENE = 311, ProviderSpecialties, "Hygiene", "";
    /// Surgeon.
    SURGERY = 312, ProviderSpecialties, "Oral Surgery", "";
}

impl Definition {
    /// The list entry under which codes of this kind are shown.
    pub(crate) const fn of_work(work: Work) -> Self {
        match work {
            Work::Exam => Self::CODES_EXAM,
            Work::Xray => Self::CODES_XRAY,
            Work::Prevent => Self::CODES_PREVENT,
            Work::Filling => Self::CODES_FILLING,
            Work::Crown => Self::CODES_CROWN,
            Work::Root => Self::CODES_ROOT,
            Work::Gum => Self::CODES_GUM,
            Work::Denture => Self::CODES_DENTURE,
            Work::Surgery => Self::CODES_SURGERY,
            Work::Other => Self::CODES_OTHER,
            Work::Admin => Self::CODES_ADMIN,
        }
    }
}

/// Hands out the rows of table `definition`.
pub(crate) fn emit(out: &mut Emitter<'_>, stamp: DateTime, preset: Preset) -> Result<(), PracticeError> {
    let mut order = 0_i64;
    let mut list = None;
    for (num, category, name, value) in ALL {
        order = if list == Some(*category) { order + 1 } else { 0 };
        list = Some(*category);
        // One real office's name, which the analytics project asks for.
        let renamed = preset == Preset::Dbt && *num == i64::from(Definition::FINANCING.0);
        let name = if renamed { "Care Credit" } else { name };
        out.row(Rows::Definition, stamp, |r| {
            r.set("DefNum", *num)
                .set("Category", category.stored())
                .set("ItemOrder", order)
                .set("ItemName", name)
                .set("ItemValue", *value)
                .set("ItemColor", -1_i64);
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_unique_and_lists_stand_together() {
        let numbers: HashSet<i64> = ALL.iter().map(|(num, ..)| *num).collect();
        assert_eq!(numbers.len(), ALL.len());
        let mut done = HashSet::new();
        let mut last = None;
        for (_, category, ..) in ALL {
            if last != Some(*category) {
                assert!(done.insert(*category), "{category:?}");
                last = Some(*category);
            }
        }
    }

    #[test]
    fn adjustments_have_a_sign() {
        for (_, category, _, value) in ALL {
            assert_eq!(*category == DefCat::AdjTypes, matches!(*value, "+" | "-"));
        }
    }
}

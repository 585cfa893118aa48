//! Statements: what a family owes, as it is told.

use std::borrow::Cow;

use bicuspid_opendental::enums::{CommItemMode, CommSentOrReceived};

use crate::arena::{FamilyKey, PatientKey};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::ledger::About;
use crate::messages::Talk;
use crate::money::Cents;
use crate::world::World;

/// `statement.Mode_`: by letter, and by e-mail.
const BY_MAIL: i64 = 0;
const BY_EMAIL: i64 = 2;

impl World<'_> {
    /// A statement goes out: the row, what is billed on it, and the note of it.
    pub(crate) fn state(
        &mut self,
        family: FamilyKey,
        head: PatientKey,
        late_charge: Option<i64>,
        draw: &mut Draw,
    ) -> Result<(), PracticeError> {
        let now = self.now;
        let statement = self.keys.statement.next();
        // Of the dead, the family gets it.
        let dead = self.patients.get(head)?.died.is_some();
        let letter = draw.chance(550) || dead;
        let account = self.families.get(family)?;
        let balance: Cents = account.ledger.open.iter().map(|i| i.left).sum();
        let insurers: Cents = account.ledger.open.iter().map(|i| i.expected).sum();
        let billed: Vec<About> =
            account.ledger.open.iter().filter(|i| i.due().is_positive()).map(|i| i.about).collect();
        let note = if account.unanswered > 2 { "Your account is overdue. Please call us." } else { "" };
        self.out.row(Rows::Statement, now, |r| {
            r.set("StatementNum", statement)
                .set("PatNum", head)
                .set("DateSent", now.date())
                .set("DateRangeFrom", now.date().plus_days(-45))
                .set("DateRangeTo", now.date())
                .set("Note", note)
                .set("Mode_", if letter { BY_MAIL } else { BY_EMAIL })
                .set("Intermingled", true)
                .set("IsSent", true)
                .set("IsBalValid", true)
                .set("InsEst", insurers)
                .set("BalTotal", balance)
                .set("StatementType", "NotSet");
        })?;
        for about in billed {
            let (kind, key) = match about {
                About::Procedure(num) => (0_i64, num),
                About::Adjustment(num) => (1, num),
                About::Prepaid(_) => continue,
            };
            let num = self.keys.statement_item.next();
            let late = late_charge.unwrap_or_default();
            self.out.row(Rows::StatementProd, now, |r| {
                r.set("StatementProdNum", num)
                    .set("StatementNum", statement)
                    .set("FKey", key)
                    .set("ProdType", kind)
                    .set("LateChargeAdjNum", late);
            })?;
        }
        let user = self.desk(draw);
        self.talk(Talk {
            patient: head,
            about: Definition::TALK_MONEY,
            mode: if letter { CommItemMode::Mail } else { CommItemMode::Email },
            direction: CommSentOrReceived::Sent,
            user,
            note: Cow::Borrowed(if dead { "Statement sent to the family." } else { "Statement sent." }),
        })
    }
}

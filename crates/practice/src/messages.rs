//! What is said and what is noted: the communication log and the security log.

use std::borrow::Cow;

use bicuspid_model::Value;
use bicuspid_opendental::enums::{CommItemMode, CommItemSource, CommSentOrReceived, Permission};

use crate::arena::PatientKey;
use crate::definitions::Definition;
use crate::draw::{Draw, Stream};
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::world::World;

/// A message to, from or about a patient.
pub(crate) struct Talk {
    pub(crate) patient: PatientKey,
    pub(crate) about: Definition,
    pub(crate) mode: CommItemMode,
    pub(crate) direction: CommSentOrReceived,
    /// Account of the person who noted it, 0 for the program itself.
    pub(crate) user: i64,
    pub(crate) note: Cow<'static, str>,
}

/// Something that the program notes about its users.
pub(crate) struct Log {
    pub(crate) permission: Permission,
    pub(crate) patient: PatientKey,
    /// Key of the row that it is about.
    pub(crate) key: i64,
    pub(crate) user: i64,
    pub(crate) text: String,
}

impl World<'_> {
    /// Somebody at the front desk.
    pub(crate) fn desk(&self, draw: &mut Draw) -> i64 {
        draw.pick(&self.office.desk)
    }

    /// Notes a message of this moment.
    pub(crate) fn talk(&mut self, talk: Talk) -> Result<(), PracticeError> {
        let now = self.now;
        let key = self.keys.talk.next();
        self.carry(&talk, key)?;
        let Talk { patient, about, mode, direction, user, note } = talk;
        let source = if user == 0 { CommItemSource::ApptReminder } else { CommItemSource::User };
        self.out.row(Rows::CommLog, now, |r| {
            r.set("CommlogNum", key)
                .set("PatNum", patient)
                .set("CommDateTime", now)
                .set("CommType", about)
                .set("Note", Value::Text(note))
                .set("Mode_", mode.stored())
                .set("SentOrReceived", direction.stored())
                .set("UserNum", user)
                .set("CommSource", source.stored())
                .set("DateTEntry", now);
        })
    }

    /// A text message, an e-mail or a letter of the program itself.
    pub(crate) fn automatic(
        &mut self,
        patient: PatientKey,
        about: Definition,
        note: &'static str,
    ) -> Result<(), PracticeError> {
        // Some who take text messages want mail all the same.
        let texts = self.patients.get(patient)?.texts
            && self.paper(Stream::Post, self.keys.talk.latest(), 9).chance(620);
        let mode = if texts { CommItemMode::Text } else { CommItemMode::Email };
        let direction = CommSentOrReceived::Sent;
        self.talk(Talk { patient, about, mode, direction, user: 0, note: Cow::Borrowed(note) })
    }

    /// Notes in the security log what a user did at this moment.
    pub(crate) fn log(&mut self, log: Log) -> Result<(), PracticeError> {
        let Log { permission, patient, key: about, user, text } = log;
        let now = self.now;
        let key = self.keys.log.next();
        self.out.row(Rows::SecurityLog, now, |r| {
            r.set("SecurityLogNum", key)
                .set("PermType", permission.stored())
                .set("UserNum", user)
                .set("LogDateTime", now)
                .set("LogText", text)
                .set("PatNum", patient)
                .set("CompName", if user == 0 { "SERVER" } else { "DESK" })
                .set("FKey", about);
        })?;
        // Shows if the entry is changed outside the program. Not the program's own hash: nothing here is worth signing.
        let number = self.out.numbering().key(key);
        self.out.add(Rows::SecurityLogHash, now, |r| {
            r.set("SecurityLogNum", key)
                .set("LogHash", format!("demo{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A)));
        })?;
        Ok(())
    }
}

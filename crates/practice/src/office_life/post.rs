//! Messages on their way: texts, e-mails, and what the reminders brought.

use bicuspid_model::{DateTime, Value};
use bicuspid_opendental::enums::{CommItemMode, CommSentOrReceived};

use crate::arena::{PatientKey, VisitKey};
use crate::calendar::unset_time;
use crate::draw::Stream;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::messages::Talk;
use crate::names;
use crate::world::World;

/// What a request to confirm brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The patient comes.
    Yes,
    /// The patient cannot come.
    No,
    /// Nothing.
    None,
}

/// The office's number for texts.
const OFFICE_NUMBER: &str = "15035550100";
/// Two days in the ticks of the program, a tenth of a microsecond each.
const TWO_DAYS: i64 = 1_728_000_000_000;
/// Numbers of `CommType`.
const TEXT: i64 = 1;
const EMAIL: i64 = 2;

impl World<'_> {
    /// Writes the text or e-mail behind a note of the communication log.
    pub(crate) fn carry(&mut self, talk: &Talk, note: i64) -> Result<(), PracticeError> {
        let now = self.now;
        match (talk.mode, talk.direction) {
            (CommItemMode::Text, CommSentOrReceived::Sent) => {
                let person = self.patients.get(talk.patient)?;
                let mut draw = self.paper(Stream::Post, note, 0);
                let failed = draw.chance(15);
                let kind = if talk.about == crate::definitions::Definition::TALK_RECALL { 7_i64 } else { 3 };
                let key = self.out.next_number(Rows::SmsToMobile);
                self.out.add(Rows::SmsToMobile, now, |r| {
                    r.set("PatNum", talk.patient)
                        .set("GuidMessage", format!("demo-message-{key:09}"))
                        .set("GuidBatch", format!("demo-batch-{key:09}"))
                        .set("SmsPhoneNumber", OFFICE_NUMBER)
                        .set("MobilePhoneNumber", person.phone)
                        .set("IsTimeSensitive", kind == 3)
                        .set("MsgType", kind)
                        .set("MsgText", Value::Text(talk.note.clone()))
                        .set("SmsStatus", if failed { 4_i64 } else { 2 })
                        .set("MsgParts", 1_i64)
                        .set("MsgChargeUSD", 0.04)
                        .set("CustErrorText", if failed { "Could not be delivered." } else { "" })
                        .set("DateTimeSent", now)
                        .set("DateTimeTerminated", now.plus_seconds(i64::from(draw.between(2, 90))));
                })?;
            }
            (CommItemMode::Text, CommSentOrReceived::Received) => {
                let person = self.patients.get(talk.patient)?;
                let key = self.out.next_number(Rows::SmsFromMobile);
                self.out.add(Rows::SmsFromMobile, now, |r| {
                    r.set("PatNum", talk.patient)
                        .set("CommlogNum", note)
                        .set("MsgText", Value::Text(talk.note.clone()))
                        .set("DateTimeReceived", now)
                        .set("SmsPhoneNumber", OFFICE_NUMBER)
                        .set("MobilePhoneNumber", person.phone)
                        .set("MsgPart", 1_i64)
                        .set("MsgTotal", 1_i64)
                        .set("MsgRefID", format!("demo-{key:09}"))
                        .set("SmsStatus", 1_i64)
                        .set("MatchCount", 1_i64)
                        .set("GuidMessage", format!("demo-answer-{key:09}"));
                })?;
            }
            (CommItemMode::Email, direction) => {
                let sent = direction == CommSentOrReceived::Sent;
                let address = self.address_of(talk.patient)?;
                let (from, to) = if sent {
                    ("desk@example.com".to_owned(), address)
                } else {
                    (address, "desk@example.com".to_owned())
                };
                let kind = match (sent, talk.user) {
                    (true, 0) => "EReminder",
                    (true, _) => "Statement",
                    (false, _) => "Undefined",
                };
                self.out.add(Rows::EmailMessage, now, |r| {
                    r.set("PatNum", talk.patient)
                        .set("ToAddress", to)
                        .set("FromAddress", from)
                        .set("Subject", if sent { "From your dental office" } else { "Appointment" })
                        .set("BodyText", Value::Text(talk.note.clone()))
                        .set("MsgDateTime", now)
                        .set("SentOrReceived", if sent { 1_i64 } else { 3 })
                        .set("PatNumSubj", talk.patient)
                        .set("UserNum", talk.user)
                        .set("SecDateTEntry", now)
                        .set("MsgType", kind);
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The mailbox of a patient.
    pub(crate) fn address_of(&self, patient: PatientKey) -> Result<String, PracticeError> {
        let person = self.patients.get(patient)?;
        Ok(names::mailbox(person.first.text(), person.last.text(), self.number(patient)))
    }

    /// The reminder before a visit, and the request to confirm it, with what came of it at this moment.
    pub(crate) fn asked_to_confirm(
        &mut self,
        key: VisitKey,
        start: DateTime,
        sent: DateTime,
        answer: Answer,
    ) -> Result<(), PracticeError> {
        let patient = self.visits.get(key)?.patient;
        let (kind, message) = if self.patients.get(patient)?.texts {
            (TEXT, self.out.next_key(Rows::SmsToMobile) - 1)
        } else {
            (EMAIL, self.out.next_key(Rows::EmailMessage) - 1)
        };
        let (status, answered, words) = match answer {
            Answer::Yes => (2_i64, self.now, "Confirmed"),
            Answer::No => (3, self.now, "Cannot come"),
            Answer::None => (5, unset_time(), ""),
        };
        self.out.add(Rows::ApptReminderSent, sent, |r| {
            r.set("ApptNum", key)
                .set("ApptDateTime", start)
                .set("DateTimeSent", sent)
                .set("TSPrior", TWO_DAYS)
                .set("ApptReminderRuleNum", 1_i64)
                .set("PatNum", patient)
                .set("SendStatus", 3_i64)
                .set("MessageType", kind)
                .set("MessageFk", message)
                .set("DateTimeEntry", sent);
        })?;
        let request = self.out.next_number(Rows::ConfirmationRequest);
        self.out.add(Rows::ConfirmationRequest, sent, |r| {
            r.set("PatNum", patient)
                .set("ApptNum", key)
                .set("DateTimeConfirmExpire", start)
                .set("ShortGUID", format!("demo{request:08}"))
                .set("ConfirmCode", "C")
                .set("DateTimeEntry", sent)
                .set("DateTimeConfirmTransmit", sent)
                .set("DateTimeRSVP", answered)
                .set("RSVPStatus", status)
                .set("ResponseDescript", words)
                .set("ApptDateTime", start)
                .set("TSPrior", TWO_DAYS)
                .set("SendStatus", 3_i64)
                .set("ApptReminderRuleNum", 1_i64)
                .set("MessageType", kind)
                .set("MessageFk", message)
                .set("DateTimeSent", sent);
        })?;
        if answer == Answer::Yes {
            let at = self.now;
            self.out.add(Rows::EServiceLog, at, |r| {
                r.set("LogDateTime", at)
                    .set("PatNum", patient)
                    .set("EServiceType", 7_i64)
                    .set("EServiceAction", 14_i64)
                    .set("KeyType", 1_i64)
                    .set("LogGuid", format!("demo-log-{request:08}"))
                    .set("FKey", key)
                    .set("DateTimeUploaded", at);
            })?;
        }
        Ok(())
    }

    /// A new patient is welcomed by text or e-mail once the first visit is booked.
    pub(crate) fn welcome(&mut self, key: VisitKey) -> Result<(), PracticeError> {
        let now = self.now;
        let visit = self.visits.get(key)?;
        let (patient, start) = (visit.patient, visit.slot.start);
        let texts = self.patients.get(patient)?.texts;
        let number = self.out.next_number(Rows::ApptNewPatThankYouSent);
        self.out.add(Rows::ApptNewPatThankYouSent, now, |r| {
            r.set("ApptNum", key)
                .set("ApptDateTime", start)
                .set("ApptSecDateTEntry", now)
                .set("ApptReminderRuleNum", 5_i64)
                .set("PatNum", patient)
                .set("DateTimeNewPatThankYouTransmit", now.plus_seconds(60))
                .set("ShortGUID", format!("demow{number:07}"))
                .set("SendStatus", 3_i64)
                .set("MessageType", if texts { TEXT } else { EMAIL })
                .set("DateTimeEntry", now)
                .set("DateTimeSent", now.plus_seconds(60));
        })?;
        Ok(())
    }
}

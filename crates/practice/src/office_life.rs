//! What a running office leaves behind besides treatment and money: its equipment and lists, its people and their hours,
//! and the paper that visits, claims and calls make.
//!
//! Everything here follows from something that happens in the history, and changes nothing in it: chance comes from
//! streams of its own.

mod book;
mod chart;
mod claim_paper;
mod file;
mod forms;
mod health;
mod hours;
mod post;
mod proposals;
mod rooms;
mod staff;
mod tasks;

use std::collections::BTreeMap;

use bicuspid_model::{Date, DateTime};

use crate::arena::{Key, PatientKey};
use crate::draw::{Draw, Stream};
use crate::error::PracticeError;
use crate::world::World;

pub(crate) use book::{Change, kind_of};
pub(crate) use post::Answer;
pub(crate) use staff::Staff;
pub(crate) use tasks::Errand;

/// What the office remembers of it.
#[derive(Debug, Default)]
pub(crate) struct OfficeLife {
    /// Everybody who works here.
    pub(crate) staff: Staff,
    /// The file of each patient, by number.
    files: Vec<File>,
    /// What was begun at a tooth and waits for a crown: the key of the procedure.
    begun: BTreeMap<(PatientKey, i64), i64>,
    /// What waits to be brought to the bank.
    bank: hours::Bank,
    /// A file that belongs to nobody.
    nobody: File,
}

/// What the office looks up about a patient before it makes paper again.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct File {
    /// When the gums were last measured.
    measured: Option<Date>,
    /// When the medical history was last signed.
    history: Option<Date>,
    /// Whether penicillin is out of the question.
    allergic: bool,
}

impl OfficeLife {
    /// The file of a patient.
    fn file(&mut self, patient: PatientKey) -> &mut File {
        let Ok(position) = usize::try_from(patient.num()) else { return &mut self.nobody };
        if self.files.len() <= position {
            self.files.resize(position + 1, File::default());
        }
        self.files.get_mut(position).unwrap_or(&mut self.nobody)
    }
}

impl World<'_> {
    /// Writes what stands in the rooms and in the lists before the first day.
    pub(crate) fn furnish(&mut self) -> Result<(), PracticeError> {
        let stamp = self.furnished();
        crate::lists::emit(&mut self.out, stamp, self.settings.preset)?;
        self.hire(stamp)?;
        self.fit_rooms(stamp)
    }

    /// When the program was set up: the morning of the first day.
    fn furnished(&self) -> DateTime {
        self.settings.start_date.at_seconds(6 * 3600)
    }

    /// A stream of chance for paper about the thing with this number.
    pub(crate) fn paper(&self, stream: Stream, number: i64, step: u64) -> Draw {
        Draw::new(self.settings.seed, stream, u64::try_from(number).unwrap_or_default(), step)
    }
}

//! The state as a file of metrics, for a collector that reads files.

use std::path::{Path, PathBuf};

use bicuspid_dashboard::view::Copy;
use bicuspid_ledger::{RunRecord, RunStore};
use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};

use super::{Looked, copy_of};
use crate::cli::VERSION;
use crate::clock;
use crate::journal::RUNS;
use crate::report::{Report, Stop};
use crate::settings::Settings;

/// What will be written.
pub(super) struct Metrics {
    path: PathBuf,
    copies: Vec<Copy>,
    folders: Vec<PathBuf>,
    places: Vec<(&'static str, Option<String>)>,
}

impl Metrics {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), copies: Vec::new(), folders: Vec::new(), places: Vec::new() }
    }

    /// Takes in what was found of an environment; one that could not be asked is told as such.
    pub(super) fn add(&mut self, settings: &Settings, looked: &Result<Option<Looked>, Stop>) {
        self.copies.push(copy_of(settings, looked));
        self.folders.push(settings.state_dir.path().to_owned());
        self.places.push((settings.environment.name(), settings.site.as_ref().map(ToString::to_string)));
    }

    /// Writes the file as a whole: a collector reads the old one or the new one. It holds counts and times, so that it
    /// has the rights that any new file has.
    pub(super) fn write(mut self, mut report: Report) -> Report {
        self.folders.sort();
        self.folders.dedup();
        let mut runs: Vec<RunRecord> = Vec::new();
        for folder in &self.folders {
            // There is no folder before the first run.
            runs.extend(RunStore::at(folder.join(RUNS)).list().map(|(runs, _)| runs).unwrap_or_default());
        }
        runs.retain(|run| self.places.iter().any(|(env, site)| run.environment == *env && run.site == *site));
        runs.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
        let text = bicuspid_dashboard::metrics(VERSION, clock::now(), &self.copies, &runs);
        let mut beside = self.path.clone().into_os_string();
        // Collectors take every file of a folder that ends in their own suffix.
        beside.push(".new");
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.path));
        if let Err(error) = written {
            report.add(Trouble {
                code: "files::metrics".to_owned(),
                side: Side::Local,
                class: Class::Local,
                what: format!("{} could not be written", self.path.display()),
                why: reason_of_io(&error),
                state: "the copies are as they were told above; a collector may read an older file"
                    .to_owned(),
                hint: "name a file in a folder that this user may write".to_owned(),
            });
            return report;
        }
        report.with("metrics", &self.path)
    }
}

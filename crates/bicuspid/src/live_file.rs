//! Tells in a small file how far a run is, for the pages of `bicuspid serve`.
//!
//! It is information and nothing else: what cannot be written is left out, and no run waits for it.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bicuspid_dashboard::live::{FOLDER, LiveRun};
use bicuspid_ledger::private;

use crate::clock;
use crate::run_id::RunId;
use crate::settings::{Existing, Settings, create_private};

/// How often the file is written at most.
const EVERY: Duration = Duration::from_secs(1);
/// How long the file of a run that was killed is kept.
const LEFT_BEHIND_MAX: Duration = Duration::from_hours(24);

/// The file of one run; it goes with the run.
#[derive(Debug)]
pub(crate) struct LiveFile {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    run: LiveRun,
    told: Option<Instant>,
}

impl LiveFile {
    /// Begins to tell of a run.
    pub(crate) fn begin(command: &str, run: &RunId, settings: &Settings) -> Self {
        let folder = settings.state_dir.path().join(FOLDER);
        let _ = private::create_dir(&folder);
        sweep(&folder);
        let began = clock::rfc3339(run.began);
        let file = Self {
            path: folder.join(format!("{}.json", run.text)),
            inner: Mutex::new(Inner {
                run: LiveRun {
                    run_id: run.text.clone(),
                    command: command.to_owned(),
                    environment: settings.environment.name().to_owned(),
                    site: settings.site.as_ref().map(ToString::to_string),
                    started_at: began.clone(),
                    updated_at: began,
                    tables: 0,
                    tables_done: 0,
                    rows: 0,
                    rows_estimate: 0,
                    bytes: 0,
                    table: String::new(),
                    step: "planning".to_owned(),
                },
                told: None,
            }),
        };
        file.tell(|_| {});
        file
    }

    /// Notes how far the run is, and writes it if that is due.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut LiveRun)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner.run);
        if inner.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        inner.told = Some(Instant::now());
        inner.run.updated_at = clock::rfc3339(clock::now());
        let Ok(text) = serde_json::to_vec(&inner.run) else { return };
        let next = self.path.with_extension("next");
        let written = create_private(&next, Existing::Replace).and_then(|mut file| file.write_all(&text));
        let _ = written.and_then(|()| std::fs::rename(&next, &self.path));
    }
}

impl Drop for LiveFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the files of runs that were killed long ago.
fn sweep(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|file| file.modified());
        let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_some_and(|age| age > LEFT_BEHIND_MAX) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

//! Runs that are at work now: each tells in a small file of its own how far it is, and the pages read it.
//!
//! The file is information and nothing else: a run that cannot write it goes on, and one that was killed leaves it
//! behind, which shows by its age.

use std::fs;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::figures::moment;
pub use crate::view::LiveRun;
use crate::view::Place;

/// Name of the folder in the state folder.
pub const FOLDER: &str = "live";
/// How long a run that says nothing counts as being at work, seconds: longer than the longest statement may take.
const SILENT_SECONDS_MAX: i64 = 600;
/// Largest file that is read.
const BYTES_MAX: u64 = 16 * 1024;
/// Most files that are looked at in a folder.
const FILES_MAX: usize = 64;
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how long a comment keeps a silent connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The runs that are at work in the places that are shown, by the time that they began.
#[must_use]
pub fn runs(places: &[Place], now: OffsetDateTime) -> Vec<LiveRun> {
    let mut folders: Vec<&PathBuf> = places.iter().map(|place| &place.folder).collect();
    folders.sort();
    folders.dedup();
    let mut list: Vec<LiveRun> = folders.iter().flat_map(|folder| in_folder(&folder.join(FOLDER))).collect();
    list.retain(|run| places.iter().any(|place| place.shows_live(run)));
    list.retain(|run| {
        moment(&run.updated_at).is_some_and(|at| (now - at).whole_seconds() <= SILENT_SECONDS_MAX)
    });
    list.sort_by(|a, b| (&a.started_at, &a.run_id).cmp(&(&b.started_at, &b.run_id)));
    list
}

fn in_folder(folder: &Path) -> Vec<LiveRun> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().take(FILES_MAX).map(|entry| entry.path());
    let small = paths.filter(|path| {
        path.extension().is_some_and(|extension| extension == "json")
            && path.metadata().is_ok_and(|file| file.is_file() && file.len() <= BYTES_MAX)
    });
    small.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
}

/// What goes to a browser that listens: an event whenever something moved.
#[derive(Debug)]
pub(crate) struct Stream {
    places: Vec<Place>,
    ticks: Interval,
    last: Option<String>,
    said: Instant,
    /// Bounds how many may listen.
    _seat: OwnedSemaphorePermit,
}

impl Stream {
    pub(crate) fn new(places: Vec<Place>, seat: OwnedSemaphorePermit) -> Self {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { places, ticks, last: None, said: Instant::now(), _seat: seat }
    }

    /// The next text of the stream, in the form of server-sent events. It never ends by itself.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<String> {
        loop {
            std::task::ready!(self.ticks.poll_tick(context));
            let runs = runs(&self.places, OffsetDateTime::now_utc());
            // Plain texts and numbers: there is nothing that could not be written, and no line break in it.
            let text = serde_json::to_string(&runs).unwrap_or_default();
            if self.last.as_ref() != Some(&text) {
                self.last = Some(text.clone());
                self.said = Instant::now();
                return Poll::Ready(format!("event: runs\ndata: {text}\n\n"));
            }
            if self.said.elapsed() >= KEEP_ALIVE {
                self.said = Instant::now();
                return Poll::Ready(":\n\n".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn runs_are_read_and_silent_ones_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let live = dir.path().join(FOLDER);
        fs::create_dir(&live).unwrap();
        let run = |id: &str, updated_at: &str| LiveRun {
            run_id: id.into(),
            command: "sync".into(),
            environment: "clinic".into(),
            site: None,
            started_at: "2026-03-02T12:00:00Z".into(),
            updated_at: updated_at.into(),
            tables: 3,
            tables_done: 1,
            rows: 10,
            rows_estimate: 30,
            bytes: 1000,
            table: "patient".into(),
            step: "reading".into(),
        };
        let (now, old) = (run("a", "2026-03-02T12:01:00Z"), run("b", "2026-03-02T11:00:00Z"));
        for one in [&now, &old] {
            fs::write(live.join(format!("{}.json", one.run_id)), serde_json::to_string(one).unwrap())
                .unwrap();
        }
        fs::write(live.join("torn.json"), "{\"run_id\":").unwrap();
        fs::write(live.join("large.json"), vec![b' '; 20_000]).unwrap();
        let place = |folder: PathBuf, site: Option<&str>| Place {
            environment: bicuspid_model::Environment::Clinic,
            site: site.map(str::to_owned),
            folder,
        };
        let at = datetime!(2026-03-02 12:01:30 UTC);
        let places = [place(dir.path().to_owned(), None), place(dir.path().join("none"), None)];
        assert_eq!(runs(&places, at), [now]);
        assert!(runs(&[place(dir.path().to_owned(), Some("north"))], at).is_empty(), "it is of no site");
    }
}

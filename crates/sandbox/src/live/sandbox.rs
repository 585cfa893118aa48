//! Front-desk work in a sandbox that is up.

use std::num::NonZeroU32;
use std::path::Path;

use bicuspid_model::DatabaseName;

use super::{Counts, Live, Progress};
use crate::error::SandboxError;
use crate::folder::Folder;
use crate::up::CLINIC;

/// Plays front-desk work in the clinic's database of a sandbox until `stop` is over, and says what was done; a later call
/// takes it up where this one ends.
///
/// The server is the one that the sandbox started: its process and its token are compared before anything is sent, and
/// it is reached over the socket in its own folder.
///
/// # Errors
/// [`SandboxError::NotUp`] and [`SandboxError::NoPractice`] if there is nothing to play with, [`SandboxError::Busy`] if
/// somebody plays already, and those of [`Live::step`]. What was done by then is done.
pub async fn live(
    dir: &Path,
    steps_a_second: NonZeroU32,
    stop: impl Future<Output = ()>,
) -> Result<Counts, SandboxError> {
    let folder = Folder::open(dir)?;
    let record = folder.record()?.ok_or_else(|| SandboxError::NoSandbox { dir: folder.path.clone() })?;
    let not_up = || SandboxError::NotUp { dir: folder.path.clone() };
    let home = record.mariadb.home;
    if !folder.info_file().exists() || home.living(record.mariadb.process.as_ref())?.is_none() {
        return Err(not_up());
    }
    let settings = record.practice.and_then(|practice| practice.settings());
    let settings = settings.ok_or_else(|| SandboxError::NoPractice { dir: folder.path.clone() })?;
    let desk = folder.into_desk()?;
    let name = DatabaseName::new(CLINIC).map_err(|_| SandboxError::Record { path: CLINIC.into() })?;
    let mut live = Live::open(&home, &name, settings, desk.progress()?).await?;
    let mut day = live.progress().days;
    let played = live.keep_on(steps_a_second, |progress: &Progress| {
        // Once a day is enough: what is done a second time does no harm.
        if progress.days == day {
            return Ok(());
        }
        day = progress.days;
        desk.remember(progress)
    });
    let outcome = tokio::select! {
        biased;
        () = stop => Ok(()),
        outcome = played => outcome,
    };
    match outcome {
        Ok(()) => {
            desk.remember(live.progress())?;
            Ok(live.counts())
        }
        // Somebody took the sandbox down meanwhile; nothing of it is to be made anew.
        Err(_) if home.living(record.mariadb.process.as_ref())?.is_none() => {
            Err(SandboxError::NotUp { dir: dir.to_owned() })
        }
        Err(error) => Err(error),
    }
}

//! A source and its target, the target judged, as `sync` and `verify` begin.

use bicuspid_guard::identity::{self, Standing};
use bicuspid_model::Endpoint;
use bicuspid_target::Analytics;

use crate::banner;
use crate::journal::Journal;
use crate::known::KnownDatabases;
use crate::report::Stop;
use crate::settings::Settings;

/// Both ends of an environment. Nothing was written, and the source is not opened yet.
pub(super) struct Pair {
    pub(super) source_at: Endpoint,
    pub(super) target_at: Endpoint,
    pub(super) look: Analytics,
    pub(super) known: KnownDatabases,
    pub(super) standing: Standing,
}

impl Pair {
    /// Connects to the target and refuses one that is not what it should be.
    pub(super) async fn open(settings: &Settings, journal: &mut Journal) -> Result<Self, Stop> {
        let (source_at, target_at) = settings.both()?;
        journal.source(&source_at);
        journal.target(&target_at);
        identity::distinct(&source_at, &target_at)?;
        banner::environment(settings);
        let look = Analytics::connect(&target_at, &settings.schemas()).await?;
        banner::target(look.facts());
        journal.found(look.facts());
        let known = KnownDatabases::read(&settings.state_dir)?;
        let standing = known.judge(settings.environment, &target_at, &look).await?;
        Ok(Self { source_at, target_at, look, known, standing })
    }
}

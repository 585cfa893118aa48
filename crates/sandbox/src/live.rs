//! Front-desk work against the clinic's database: the history of its practice goes on.
//!
//! The practice is simulated to the evening of the next day and compared with the morning ([`day`]); what differs is
//! sent statement by statement in the order in which it happens. Between these come slips that no history explains
//! ([`desk`]): remarks without a stamp, rows deleted for good, many rows edited in one second, patients merged.

mod chance;
mod day;
mod desk;
mod sandbox;
mod statement;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use bicuspid_model::DatabaseName;
use bicuspid_practice::{PracticeError, Settings};
use serde::{Deserialize, Serialize};
use sqlx::mysql::MySqlConnection;
use tokio::task::JoinHandle;

use crate::error::SandboxError;
use crate::home::Home;
use crate::mariadb;
use chance::Chance;
use day::{Change, Days, What};
use desk::Slip;
pub use sandbox::live;
use statement::Merged;

/// Of so many steps one is a slip of the kind, on average.
const REMARK_STEPS: u64 = 12;
const DELETE_STEPS: u64 = 30;
const BULK_STEPS: u64 = 90;
const MERGE_STEPS: u64 = 250;
/// Of so many patients one is merged into another, at most.
const PATIENTS_A_MERGE: u32 = 20;
/// Days looked through for a kind of change before it is given up.
const DAYS_WITHOUT_MAX: u32 = 40;
/// Slips of a kind that are tried before it is given up.
const SLIPS_TRIED_MAX: u32 = 12;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A row is made.
    Insert,
    /// A row is edited, and its stamp moves.
    EditStamped,
    /// A row is edited, and no stamp says so.
    EditUnstamped,
    /// A row is deleted for good.
    Delete,
    /// A patient is merged into another: the key is rewritten over many tables.
    Merge,
    /// Many rows are edited by one statement, in one second.
    BulkEdit,
}

/// What was done by one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// What it was.
    pub kind: Kind,
    /// The table; that of the patients for a merge.
    pub table: &'static str,
    /// Rows that it changed, over all tables.
    pub rows: u64,
}

/// What was done by all steps. Names of fields are part of the interface contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Rows made.
    pub inserts: u64,
    /// Rows edited whose stamp moved.
    pub edits_stamped: u64,
    /// Rows edited without a stamp that says so.
    pub edits_unstamped: u64,
    /// Rows deleted.
    pub deletes: u64,
    /// Patients merged into others.
    pub merges: u64,
    /// Statements that edited many rows at once.
    pub bulk_edits: u64,
    /// Rows changed by all of them.
    pub rows: u64,
}

impl Counts {
    fn add(&mut self, played: Played) {
        let count = match played.kind {
            Kind::Insert => &mut self.inserts,
            Kind::EditStamped => &mut self.edits_stamped,
            Kind::EditUnstamped => &mut self.edits_unstamped,
            Kind::Delete => &mut self.deletes,
            Kind::Merge => &mut self.merges,
            Kind::BulkEdit => &mut self.bulk_edits,
        };
        *count += 1;
        self.rows += played.rows;
    }
}

/// How far the history has gone on; what is needed to take it up again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Whole days played since the as-of date.
    pub days: i32,
    /// Changes of the next day that were made already.
    pub changes: usize,
    /// Steps of all kinds.
    pub steps: u64,
    /// Patients merged into others.
    pub merged: Vec<(i64, i64)>,
}

/// The day that is computed while the one before is played.
type Ahead = JoinHandle<(Days, Result<Vec<Change>, PracticeError>)>;

/// Front-desk work, one statement after the other.
///
/// It may be stopped between two steps, and in the middle of one by dropping it: what was not yet counted is done again
/// when it goes on, and does no harm the second time.
#[derive(Debug)]
pub struct Live {
    connection: MySqlConnection,
    seed: u64,
    patients: u32,
    progress: Progress,
    merged: Merged,
    queue: VecDeque<Change>,
    ahead: Option<Ahead>,
    counts: Counts,
}

impl Live {
    /// Opens the desk of a database that was filled with the practice of these settings.
    pub(crate) async fn open(
        home: &Home,
        database: &DatabaseName,
        settings: Settings,
        progress: Progress,
    ) -> Result<Self, SandboxError> {
        let connection = mariadb::open(home, database).await?;
        let merged = Merged::new(progress.merged.iter().copied());
        let days = Days::new(settings, progress.days).map_err(SandboxError::Practice)?;
        let mut live = Self {
            connection,
            seed: settings.seed,
            patients: settings.patients,
            progress,
            merged,
            queue: VecDeque::new(),
            ahead: Some(look_ahead(days)),
            counts: Counts::default(),
        };
        let done = live.progress.changes;
        live.next_day().await?;
        live.progress.changes = done.min(live.queue.len());
        live.queue.drain(..live.progress.changes);
        Ok(live)
    }

    /// What was done so far, by this value.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How far the history has gone.
    #[must_use]
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Does the next thing: mostly what happens next in the practice, now and then a slip.
    ///
    /// # Errors
    /// [`SandboxError::Statement`] if the server does not take it, [`SandboxError::Practice`] when the history has
    /// become too long.
    pub async fn step(&mut self) -> Result<Played, SandboxError> {
        loop {
            self.progress.steps += 1;
            let mut chance = Chance::new(self.seed, self.progress.steps);
            let merges = u32::try_from(self.progress.merged.len()).unwrap_or(u32::MAX);
            let slip = if chance.below(MERGE_STEPS) == 0 && merges < self.patients / PATIENTS_A_MERGE {
                Some(Slip::Merge)
            } else if chance.below(BULK_STEPS) == 0 {
                Some(Slip::bulk(&mut chance))
            } else if chance.below(DELETE_STEPS) == 0 {
                Some(Slip::delete(&mut chance))
            } else if chance.below(REMARK_STEPS) == 0 {
                Some(Slip::remark(&mut chance))
            } else {
                None
            };
            let played = match slip {
                Some(slip) => self.slip(&slip, &mut chance).await?,
                None => self.go_on().await?,
            };
            if let Some(played) = played {
                return Ok(played);
            }
        }
    }

    /// Does something of one kind, as soon as there is something to do it with; `None` if there is nothing.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn play(&mut self, kind: Kind) -> Result<Option<Played>, SandboxError> {
        if matches!(kind, Kind::Insert | Kind::EditStamped) {
            let until = self.progress.days.saturating_add_unsigned(DAYS_WITHOUT_MAX);
            while self.progress.days < until {
                match self.go_on().await? {
                    Some(played) if played.kind == kind => return Ok(Some(played)),
                    _ => {}
                }
            }
            return Ok(None);
        }
        // A table may be empty; then there is another one.
        for _ in 0..SLIPS_TRIED_MAX {
            self.progress.steps += 1;
            let mut chance = Chance::new(self.seed, self.progress.steps);
            let slip = match kind {
                Kind::Merge => Slip::Merge,
                Kind::BulkEdit => Slip::bulk(&mut chance),
                Kind::Delete => Slip::delete(&mut chance),
                Kind::Insert | Kind::EditStamped | Kind::EditUnstamped => Slip::remark(&mut chance),
            };
            let played = self.slip(&slip, &mut chance).await?;
            if played.is_some() {
                return Ok(played);
            }
        }
        Ok(None)
    }

    /// Plays on to the end of the day, without slips.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn finish_day(&mut self) -> Result<(), SandboxError> {
        while !self.queue.is_empty() {
            self.go_on().await?;
        }
        Ok(())
    }

    /// Plays so many steps a second, until something fails; `after` is called after each. To stop it, drop what it returns.
    ///
    /// # Errors
    /// As [`Self::step`], and whatever `after` ends with.
    pub async fn keep_on(
        &mut self,
        steps_a_second: NonZeroU32,
        mut after: impl FnMut(&Progress) -> Result<(), SandboxError> + Send,
    ) -> Result<(), SandboxError> {
        let mut beat = tokio::time::interval(Duration::from_secs(1) / steps_a_second.get());
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.step().await?;
            after(&self.progress)?;
        }
    }

    /// What happens next in the practice; `None` if that leaves nothing to do.
    async fn go_on(&mut self) -> Result<Option<Played>, SandboxError> {
        while self.queue.is_empty() {
            self.progress.days += 1;
            self.progress.changes = 0;
            self.next_day().await?;
        }
        let Some(change) = self.queue.front() else { return Ok(None) };
        let kind = match &change.what {
            What::Insert(_) => Kind::Insert,
            What::Edit { stamped: true, .. } => Kind::EditStamped,
            What::Edit { stamped: false, .. } => Kind::EditUnstamped,
            What::Delete => Kind::Delete,
        };
        let table = change.table.name;
        let rows = match statement::text(change, &self.merged) {
            Some(text) => match mariadb::change(&mut self.connection, &text).await {
                // It was made before this was interrupted.
                Err(error) if kind == Kind::Insert && mariadb::is_duplicate(&error) => 0,
                outcome => outcome.map_err(|error| failed(kind, table, &error))?,
            },
            None => 0,
        };
        self.queue.pop_front();
        self.progress.changes += 1;
        Ok(self.count(Played { kind, table, rows }))
    }

    /// Does something that no history explains; `None` if there is nothing to do it with.
    async fn slip(&mut self, slip: &Slip, chance: &mut Chance) -> Result<Option<Played>, SandboxError> {
        let (kind, table) = (kind(slip), slip.table());
        let trouble = |error: sqlx::Error| failed(kind, table, &error);
        let key = bicuspid_opendental::facts().table(table).and_then(|t| t.key()).map_or("", |k| k.name);
        let most = format!("SELECT COALESCE(MAX(`{key}`), 0) FROM `{table}`");
        let most = mariadb::numbers(&mut self.connection, &most).await.map_err(trouble)?;
        let most = most.first().and_then(|most| u64::try_from(*most).ok()).unwrap_or_default();
        let keys = match slip.question(most, chance) {
            Some(question) => mariadb::numbers(&mut self.connection, &question).await.map_err(trouble)?,
            None => Vec::new(),
        };
        let Some(statements) = slip.statements(&keys, self.progress.steps, chance) else { return Ok(None) };
        if let (Slip::Merge, [from, into]) = (slip, keys.as_slice()) {
            // Known before it is done: whatever comes for the one is about the other from now on.
            self.merged.merge(*from, *into);
            self.progress.merged = self.merged.pairs();
        }
        let mut rows = 0;
        for statement in statements {
            rows += mariadb::change(&mut self.connection, &statement).await.map_err(trouble)?;
        }
        Ok(self.count(Played { kind, table, rows }))
    }

    fn count(&mut self, played: Played) -> Option<Played> {
        (played.rows > 0).then(|| {
            self.counts.add(played);
            played
        })
    }

    /// Takes the day that was computed, and has the one after it computed meanwhile.
    async fn next_day(&mut self) -> Result<(), SandboxError> {
        let ahead = self.ahead.as_mut().ok_or(SandboxError::Thread)?;
        let (days, changes) = ahead.await.map_err(|_| SandboxError::Thread)?;
        let changes = changes.map_err(SandboxError::Practice);
        self.ahead = changes.is_ok().then(|| look_ahead(days));
        self.queue = changes?.into();
        Ok(())
    }
}

const fn kind(slip: &Slip) -> Kind {
    match slip {
        Slip::Remark { .. } => Kind::EditUnstamped,
        Slip::Delete { .. } => Kind::Delete,
        Slip::Bulk { .. } => Kind::BulkEdit,
        Slip::Merge => Kind::Merge,
    }
}

fn look_ahead(mut days: Days) -> Ahead {
    tokio::task::spawn_blocking(move || {
        let changes = days.pass();
        (days, changes)
    })
}

fn failed(kind: Kind, table: &str, error: &sqlx::Error) -> SandboxError {
    let action = match kind {
        Kind::Insert => "make a row of",
        Kind::EditStamped | Kind::EditUnstamped => "edit a row of",
        Kind::Delete => "delete a row of",
        Kind::Merge => "merge two rows of",
        Kind::BulkEdit => "edit many rows of",
    };
    mariadb::failed(&format!("{action} `{table}`"), error)
}

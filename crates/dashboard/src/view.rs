//! What the pages show, as it is given to them: names, counts, times and verdicts. There is no place for a value of a
//! row, a key or a secret.

use std::path::PathBuf;
use std::pin::Pin;

use bicuspid_ledger::RunRecord;
use bicuspid_model::{Environment, Trouble};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What is still being asked for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the pages get what is not in the files of the ledger. Every method only reads, and may answer with what it
/// learned a moment ago.
pub trait Feed: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> OffsetDateTime;
    /// The environments that are shown, and the folders of their records.
    fn places(&self) -> Vec<Place>;
    /// The tables of every environment.
    fn copies(&self) -> Pending<'_, Vec<Copy>>;
    /// What is known of every database.
    fn safety(&self) -> Pending<'_, Vec<Safety>>;
    /// The synthetic practice, `None` where the demo is not among the environments.
    fn practice(&self) -> Pending<'_, Option<Practice>>;
    /// Whether the audit logs are whole, each with its entries.
    fn logs(&self) -> Pending<'_, Vec<Log>>;
}

/// An environment and the folder of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which one.
    pub environment: Environment,
    /// The site, if one of several is shown.
    pub site: Option<String>,
    /// Where its state is.
    pub folder: PathBuf,
}

impl Place {
    /// Whether a run belongs here: several environments and sites may keep their records in one folder.
    pub(crate) fn shows(&self, record: &RunRecord) -> bool {
        self.environment.name() == record.environment && self.site == record.site
    }

    /// The same of one that is at work.
    pub(crate) fn shows_live(&self, run: &LiveRun) -> bool {
        self.site.is_none() || self.environment.name() == run.environment && self.site == run.site
    }
}

/// The copy of one environment.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Which one.
    pub environment: Environment,
    /// The site, if it is one of several.
    pub site: Option<String>,
    /// When this was asked for, RFC 3339 UTC.
    pub asked_at: String,
    /// Its tables, or why they could not be asked for.
    pub tables: Result<Vec<TableView>, Trouble>,
}

/// Whether a table is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableStanding {
    /// A rule keeps it back.
    Held,
    /// Its proof is due.
    Due,
    /// It was proved not long ago.
    Fresh,
}

impl TableStanding {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Due => "due",
            Self::Fresh => "fresh",
        }
    }
}

/// One table of a copy.
#[derive(Debug, Clone)]
pub struct TableView {
    /// Name.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// When it was last compared with the source, RFC 3339 UTC, as are all times.
    pub checked_at: String,
    /// When a row was last written.
    pub changed_at: String,
    /// When all of it was last proved equal.
    pub proved_at: String,
    /// Whether the source's own hashes stood for some rows of that proof.
    pub by_hash: bool,
    /// When the next proof is due at the latest.
    pub due_at: Option<String>,
    /// Whether it is as it should be.
    pub standing: TableStanding,
    /// Why it is held.
    pub held: Option<HeldView>,
}

/// Why a table is held, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    /// Rule.
    pub rule: String,
    /// Why, in counts.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// How a thing was found that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckVerdict {
    /// As it should be.
    Ok,
    /// Safe, and could be better.
    Warn,
    /// Not safe: nothing is copied.
    Refused,
    /// It could not be looked at.
    Unreachable,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct CheckView {
    /// Name, such as `privileges`.
    pub name: String,
    /// How it was found.
    pub verdict: CheckVerdict,
    /// In words.
    pub detail: String,
    /// What to do, if anything.
    pub remedy: String,
}

/// What a database is to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is read, and never written.
    Source,
    /// It holds the copy.
    Target,
    /// It holds synthetic patients.
    Demo,
}

/// One database.
#[derive(Debug, Clone)]
pub struct DatabaseView {
    /// What it is to this program.
    pub role: Role,
    /// Server, place, database and account, as it says itself; `None` if it did not answer.
    pub title: Option<String>,
    /// What this machine knows it by, if it was enrolled.
    pub identity: Option<String>,
    /// What was looked at.
    pub checks: Vec<CheckView>,
}

/// The databases of one environment.
#[derive(Debug, Clone)]
pub struct Safety {
    /// Which one.
    pub environment: Environment,
    /// When they were looked at.
    pub looked_at: String,
    /// Each of them.
    pub databases: Vec<DatabaseView>,
    /// What stood in the way of looking.
    pub troubles: Vec<Trouble>,
}

/// An audit log.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its file.
    pub path: PathBuf,
    /// Its entries, oldest first.
    pub entries: Vec<bicuspid_ledger::Record>,
    /// What is wrong with it, in words; empty: it is whole.
    pub faults: Vec<String>,
    /// Heads kept elsewhere that it was compared with.
    pub anchors: usize,
    /// Why it could not be read.
    pub trouble: Option<Trouble>,
}

/// The synthetic practice and what was measured of it.
#[derive(Debug, Clone)]
pub struct Practice {
    /// The practice, or why it could not be measured; `Ok(None)`: nothing was generated yet.
    pub measured: Result<Option<MeasuredPractice>, Trouble>,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct MeasuredPractice {
    /// The run that wrote it.
    pub run_id: String,
    /// Patients on file.
    pub patients: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// First day of the history.
    pub start_date: String,
    /// The day on which it is shown.
    pub end_date: String,
    /// Seed of all chance.
    pub seed: u64,
    /// `clean` or `messy`.
    pub condition: String,
    /// When it was measured.
    pub measured_at: String,
    /// Rows of each table that holds any.
    pub tables: Vec<(String, u64)>,
    /// What was measured.
    pub facts: Vec<FactView>,
}

/// How a fact was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactVerdict {
    /// As it ought to be.
    Holds,
    /// Further off than its tolerance.
    Deviates,
    /// Exactly the rows that were planted break the rule.
    Planted,
    /// Rows break the rule.
    Broken,
    /// Too few rows to say.
    TooFew,
    /// A figure for context.
    Context,
}

/// A fact of the practice beside what it ought to be.
#[derive(Debug, Clone)]
pub struct FactView {
    /// Its short name.
    pub id: String,
    /// Heading that it stands under.
    pub section: String,
    /// What is measured.
    pub what: String,
    /// What it ought to be, in words.
    pub target: String,
    /// How far off it may be, in words.
    pub tolerance: String,
    /// What was found, in words.
    pub measured: String,
    /// Rows behind it.
    pub of: u64,
    /// Whether it is well.
    pub verdict: FactVerdict,
    /// The same as numbers, for charts.
    pub figures: Vec<FigureView>,
}

/// One number of a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureView {
    /// Its name, such as an age band.
    pub name: String,
    /// What was found.
    pub measured: Option<f64>,
    /// What it ought to be.
    pub target: Option<f64>,
}

/// How far a run is, as it tells itself while it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRun {
    /// The run.
    pub run_id: String,
    /// The command.
    pub command: String,
    /// Name of the environment.
    pub environment: String,
    /// Name of the site, if it is one of several.
    #[serde(default)]
    pub site: Option<String>,
    /// When it began.
    pub started_at: String,
    /// When it said this.
    pub updated_at: String,
    /// Tables that will be read or written.
    pub tables: u64,
    /// Those that are done.
    pub tables_done: u64,
    /// Rows so far.
    pub rows: u64,
    /// Rows in all, as estimated.
    pub rows_estimate: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// The table that it is at.
    pub table: String,
    /// What it is doing, in a word.
    pub step: String,
}

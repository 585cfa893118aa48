//! What a run is told. Nothing here is read from files or the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use bicuspid_model::{Environment, QuietHours, TargetType};
use bicuspid_opendental::TypePolicy;
use bicuspid_source::Pace;

use crate::link::LinkWish;

/// Which tables a run proves, beside those that it loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProofWish {
    /// All of them.
    Full,
    /// Small ones, those whose last proof is old, and others as long as the budget lasts.
    #[default]
    Due,
    /// None that can be looked through in any other way.
    None,
}

/// Who chose the tables of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChoice {
    /// The settings: no other table is to be in the copy.
    Settings,
    /// A person, for this run alone: others that were never loaded are still awaited.
    ThisRun,
}

/// Settings of `plan`, `sync` and `verify`.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// Environment, for records.
    pub environment: Environment,
    /// Only these tables (names compare without case); `None` for all.
    pub tables: Option<BTreeSet<String>>,
    /// Who chose those tables.
    pub choice: TableChoice,
    /// Not these tables.
    pub tables_excluded: BTreeSet<String>,
    /// Columns that are not copied, as `table.column`.
    pub columns_excluded: BTreeSet<String>,
    /// Columns with a type of their own, as `table.column`.
    pub column_types: BTreeMap<String, TargetType>,
    /// Columns that hold secrets and are copied all the same, as `table.column`.
    pub secrets_included: BTreeSet<String>,
    /// Policy for flags and times of day, fixed at the first load.
    pub type_policy: TypePolicy,
    /// Compare every row with the target instead of chunk fingerprints.
    pub full: bool,
    /// Which tables are proved.
    pub proof: ProofWish,
    /// Time that one run may spend on proofs that are not overdue.
    pub proof_budget: Duration,
    /// Age of a proof at which it is made anew whatever it costs.
    pub proof_age_max: Duration,
    /// Take over tables of the target that another tool made.
    pub adopt: bool,
    /// Publish all first loads in one transaction.
    pub atomic: bool,
    /// Share of its rows that a table may lose before it is held, from 0 to 1.
    pub shrink_share: f64,
    /// Tables that may shrink this time.
    pub accept_shrink: BTreeSet<String>,
    /// Largest table without a key that is read where reading locks it, in bytes.
    pub keyless_bytes_max: u64,
    /// Memory for rows between source and target, in bytes; more goes to disk, compressed and encrypted.
    pub staging_memory_bytes: usize,
    /// Runs of this process that share its memory, this one among them.
    pub runs_beside: usize,
    /// Folder for what does not fit in memory.
    pub staging_dir: PathBuf,
    /// Role that may read `raw`.
    pub reader_role: Option<String>,
    /// Version of the program, for records.
    pub tool_version: String,
    /// Pace, for estimates and records.
    pub pace: Pace,
    /// Time that one statement on the source should take at most.
    pub lock_aim: Duration,
    /// The clinic's business hours, which the source knows as well; `None` if they are to be disregarded.
    pub quiet_hours: Option<QuietHours>,
    /// Rows at which a chunk is cut.
    pub chunk_rows: u64,
    /// Whether chunks are asked for by the server's own hash before their rows travel.
    pub link: LinkWish,
}

impl SyncSettings {
    /// The defaults of every setting.
    #[must_use]
    pub fn new(environment: Environment, staging_dir: PathBuf, tool_version: &str) -> Self {
        Self {
            environment,
            tables: None,
            choice: TableChoice::Settings,
            tables_excluded: BTreeSet::new(),
            columns_excluded: BTreeSet::new(),
            column_types: BTreeMap::new(),
            secrets_included: BTreeSet::new(),
            type_policy: TypePolicy::Dbt,
            full: false,
            proof: ProofWish::Due,
            proof_budget: Duration::from_mins(2),
            // A little less than a day: a run that begins at the same minute every day proves everything.
            proof_age_max: Duration::from_hours(23),
            adopt: false,
            atomic: false,
            shrink_share: 0.1,
            accept_shrink: BTreeSet::new(),
            keyless_bytes_max: 10 * 1024 * 1024,
            staging_memory_bytes: 4 * 1024 * 1024,
            runs_beside: 1,
            staging_dir,
            reader_role: None,
            tool_version: tool_version.to_owned(),
            pace: Pace::Kind,
            lock_aim: Duration::from_millis(10),
            quiet_hours: None,
            chunk_rows: 8192,
            link: LinkWish::Fat,
        }
    }
}

/// Whether a set of `table` or `table.column` names holds a name, whatever its case.
pub(crate) fn names(set: &BTreeSet<String>, name: &str) -> bool {
    set.iter().any(|n| n.eq_ignore_ascii_case(name))
}

//! What a plan, a run and a proof say, in the names of the interface contract.

use bicuspid_model::Trouble;
use bicuspid_source::Meter;
use bicuspid_target::{Converted, HeldState};
use serde::Serialize;

use crate::link::LinkReport;

/// How a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is not in the target yet.
    First,
    /// Only its last chunk is read, where new keys come.
    Tail,
    /// Only chunks of rows whose stamp moved are read, and the last one.
    Stamp,
    /// Every chunk is read and compared with its fingerprint.
    Proof,
    /// Every row is read and compared with the target's.
    Full,
}

impl Mode {
    /// The name used in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Tail => "tail",
            Self::Stamp => "stamp",
            Self::Proof => "proof",
            Self::Full => "full",
        }
    }
}

/// A table that would be read.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedReport {
    /// Name on the source.
    pub name: String,
    /// How.
    pub mode: Mode,
    /// Why so.
    pub why: String,
    /// Rows, as estimated.
    pub rows_estimate: u64,
    /// Seconds, as estimated.
    pub seconds_estimate: f64,
    /// Whether it is read at a tenth of the time, because the clinic is at work.
    pub slowly: bool,
    /// The whole proof that would be due and waits for the end of business hours.
    pub later: Option<LaterReport>,
    /// Columns that are not copied, with the reason.
    pub withheld: Vec<String>,
}

/// A pass that waits.
#[derive(Debug, Clone, Serialize)]
pub struct LaterReport {
    /// How the table will be read.
    pub mode: Mode,
    /// From when on, by the clinic's clock: `2026-03-02 18:00`.
    pub from: String,
    /// Seconds, as estimated.
    pub seconds_estimate: f64,
}

/// The clinic's business hours and what they mean for a run that begins now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoursReport {
    /// As they are set.
    pub hours: String,
    /// The clinic's time, `2026-03-02 09:15`.
    pub here: String,
    /// Whether the clinic is at work.
    pub inside: bool,
    /// When that changes, in the same form; null if never.
    pub changes_at: Option<String>,
    /// Whether the run is expected to go on beyond that moment.
    pub overruns: bool,
}

impl HoursReport {
    /// The same for people, in one line.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { hours, here, changes_at, .. } = self;
        let clock = format!("business hours ({hours}); it is {here} at the clinic");
        match (self.inside, changes_at) {
            (true, Some(end)) => format!("inside {clock}: large tables are read slowly until {end}"),
            (true, None) => format!("inside {clock}: large tables are read slowly"),
            (false, Some(begin)) if self.overruns => {
                format!("outside {clock}: they begin at {begin}, and what is left then is read slowly")
            }
            (false, Some(begin)) => format!("outside {clock}: they begin at {begin}"),
            (false, None) => format!("outside {clock}"),
        }
    }
}

/// Something that is not copied.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedReport {
    /// Name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// A table that cannot be copied as it is.
#[derive(Debug, Clone, Serialize)]
pub struct HeldReport {
    /// Name.
    pub name: String,
    /// Why.
    pub held: HeldState,
}

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// Whether rows travel to be compared, and why.
    pub link: LinkReport,
    /// The clinic's business hours, if there are any.
    pub quiet_hours: Option<HoursReport>,
    /// Tables, in the order in which they would be read.
    pub tables: Vec<PlannedReport>,
    /// What is left out by rule or setting.
    pub skipped: Vec<SkippedReport>,
    /// What would be held.
    pub held: Vec<HeldReport>,
}

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableOutcome {
    /// Rows were written and are visible.
    Published,
    /// It was compared and nothing differs.
    Unchanged,
    /// A rule kept it back; its old data stays.
    Held,
}

/// One table of a run.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// Name on the source.
    pub name: String,
    /// How it was read.
    pub mode: Mode,
    /// What became of it.
    pub outcome: TableOutcome,
    /// Rows on the source, as read.
    pub rows_source: u64,
    /// Rows on the target, as proved.
    pub rows_target: u64,
    /// Rows that were read, which is more than it has if it was read twice.
    pub rows_read: u64,
    /// Chunks that the server was asked about by its own hash.
    pub chunks_asked: u64,
    /// Those of them that it showed unchanged, so that their rows were not read.
    pub chunks_equal: u64,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Why it was held, if it was.
    pub held: Option<HeldState>,
    /// Values that were replaced.
    pub converted: Vec<Converted>,
    /// Seconds after the begin of the run at which it was begun; none of a table that the plan held.
    pub began_seconds: Option<f64>,
    /// Seconds that it took until its changes were staged or, in a first load, published.
    pub seconds: Option<f64>,
}

/// What the source was asked.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceReport {
    /// Statements that read rows.
    pub statements: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of canonical rows.
    pub bytes: u64,
    /// Rows that it hashed itself instead of sending them.
    pub rows_hashed: u64,
    /// Seconds that its statements took together.
    pub busy_seconds: f64,
    /// Seconds in which it was left alone on purpose.
    pub rested_seconds: f64,
    /// Looks at its load.
    pub looks: LooksReport,
    /// Times of the statements, in milliseconds.
    pub statement_ms: StatementTimes,
}

/// Looks at the source's load.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LooksReport {
    /// All of them.
    pub all: u64,
    /// Those that found the server busy.
    pub busy: u64,
    /// Those that found it in trouble.
    pub critical: u64,
}

/// Times of statements, in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StatementTimes {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: f64,
    /// How they are spread, by steps of twice the time; steps without a statement before the first and after the last are
    /// left out.
    pub histogram: Vec<StatementBucket>,
}

/// Statements whose time lies in one step.
#[derive(Debug, Clone, Serialize)]
pub struct StatementBucket {
    /// The end of the step, in milliseconds; it begins where the one before ends.
    pub up_to_ms: f64,
    /// Statements.
    pub statements: u64,
}

impl From<&Meter> for SourceReport {
    fn from(meter: &Meter) -> Self {
        let hundredth = |number: f64| (number * 100.0).round() / 100.0;
        Self {
            statements: meter.statements,
            rows: meter.rows,
            bytes: meter.bytes,
            rows_hashed: meter.rows_asked,
            busy_seconds: hundredth(meter.busy.as_secs_f64()),
            rested_seconds: hundredth(meter.rested.as_secs_f64()),
            looks: LooksReport {
                all: meter.looks.all,
                busy: meter.looks.busy,
                critical: meter.looks.critical,
            },
            statement_ms: StatementTimes {
                p50: hundredth(meter.per_mille_ms(500)),
                p99: hundredth(meter.per_mille_ms(990)),
                max: hundredth(meter.max_ms()),
                histogram: meter
                    .doublings()
                    .map(|(up_to_ms, statements)| StatementBucket { up_to_ms, statements })
                    .collect(),
            },
        }
    }
}

/// A finished run.
#[derive(Debug, Clone, Serialize)]
pub struct SyncReport {
    /// Identifier of the run.
    pub run_id: String,
    /// Tables.
    pub tables: Vec<TableReport>,
    /// What is left out by rule or setting.
    pub skipped: Vec<SkippedReport>,
    /// Whether rows travelled to be compared, and why.
    pub link: LinkReport,
    /// The clinic's business hours, if there are any.
    pub quiet_hours: Option<HoursReport>,
    /// Tables whose whole proof waits for the end of business hours.
    pub put_off: Vec<String>,
    /// What the source was asked.
    pub source: SourceReport,
    /// Seconds from begin to end.
    pub seconds: f64,
    /// Troubles of single tables.
    #[serde(skip)]
    pub troubles: Vec<Trouble>,
}

impl SyncReport {
    /// Whether a table was held.
    #[must_use]
    pub fn any_held(&self) -> bool {
        self.tables.iter().any(|t| t.outcome == TableOutcome::Held)
    }
}

/// One table of a proof.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedTable {
    /// Name on the source.
    pub name: String,
    /// Whether both sides hold the same rows.
    pub equal: bool,
    /// Rows on the source.
    pub rows_source: u64,
    /// Rows on the target.
    pub rows_target: u64,
    /// Rows that only the source has.
    pub missing: u64,
    /// Rows that only the target has.
    pub extra: u64,
    /// Rows of one key that differ.
    pub different: u64,
    /// When the comparison ended, RFC 3339 UTC.
    pub proved_at: String,
    /// Columns that are not copied and so were not compared.
    pub withheld: Vec<String>,
    /// Why it could not be compared, if it could not.
    pub held: Option<HeldState>,
}

/// A proof of the whole copy.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// Whether every table is equal.
    pub equal: bool,
    /// Tables.
    pub tables: Vec<VerifiedTable>,
    /// What the source was asked.
    pub source: SourceReport,
    /// Seconds from begin to end.
    pub seconds: f64,
    /// Troubles of single tables.
    #[serde(skip)]
    pub troubles: Vec<Trouble>,
}

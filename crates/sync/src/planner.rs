//! What a run would do, and why.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_guard::{NextNumbers, numbers};
use bicuspid_model::{ColumnName, DateTime, HoursAt, QuietHours, TableName, TargetType, fingerprint};
use bicuspid_opendental as opendental;
use bicuspid_source::{Discovered, Engine, Pace, Source, SourceClock, SourceError, SourceFacts};
use bicuspid_target::{Adoption, Analytics, HeldState, TableState, TargetColumn};

use crate::adopt;
use crate::error::SyncError;
use crate::link::{self, LinkMode, LinkReport};
use crate::report::{HeldReport, HoursReport, LaterReport, Mode, PlanReport, PlannedReport, SkippedReport};
use crate::schedule::{self, Later, Quiet};
use crate::settings::{SyncSettings, names};
use crate::shape::{Shaped, shape};
use crate::thin::Thin;

/// A table that will be read.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) shaped: Shaped,
    pub(crate) mode: Mode,
    pub(crate) why: String,
    /// The proof that would have been due, if it waits for the end of business hours.
    pub(crate) later: Option<Later>,
    /// The stamp from which edited rows are asked for, in [`Mode::Stamp`].
    pub(crate) since: Option<DateTime>,
    /// Columns that the target lacks.
    pub(crate) added: Vec<ColumnName>,
    /// Columns of the target that must learn to hold NULL.
    pub(crate) relaxed: Vec<ColumnName>,
    /// Columns of the target whose type must hold more.
    pub(crate) widened: Vec<ColumnName>,
    /// What a table lacks that is taken over, and the rows that it has.
    pub(crate) adoption: Option<(Adoption, u64)>,
    /// The table as it was last published.
    pub(crate) state: Option<TableState>,
}

impl Planned {
    /// A table of which nothing is known but how it is read.
    pub(crate) const fn new(shaped: Shaped, mode: Mode, why: String) -> Self {
        Self {
            shaped,
            mode,
            why,
            later: None,
            since: None,
            added: Vec::new(),
            relaxed: Vec::new(),
            widened: Vec::new(),
            adoption: None,
            state: None,
        }
    }

    /// Lets the server hash the rows, where it can, and says so.
    fn hash_by_server(&mut self, facts: &SourceFacts) {
        match Thin::of(&self.shaped, facts) {
            Ok(thin) => {
                self.shaped.thin = Some(thin);
                if matches!(self.mode, Mode::Proof | Mode::Stamp | Mode::Tail) {
                    self.why = format!("{}; by the server's own hashes first", self.why);
                }
            }
            Err(why) => self.why = format!("{}; without the server's hashes: {why}", self.why),
        }
    }
}

/// Everything that a run will do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The source's clock from before anything was read.
    pub(crate) clock: SourceClock,
    /// The business hours, and whether the run begins inside them.
    pub(crate) hours: Option<(QuietHours, HoursAt)>,
    pub(crate) tables: Vec<Planned>,
    pub(crate) skipped: Vec<SkippedReport>,
    pub(crate) held: Vec<PlannedHeld>,
    /// The next numbers of the source's tables, to be remembered with the run.
    pub(crate) numbers: NextNumbers,
    /// Those that are remembered of the last run.
    pub(crate) numbers_known: NextNumbers,
    /// Whether rows travel to be compared.
    pub(crate) link: LinkReport,
}

/// A table that is held before anything of it is read.
#[derive(Debug)]
pub(crate) struct PlannedHeld {
    pub(crate) name: TableName,
    pub(crate) mode: Mode,
    pub(crate) held: HeldState,
    /// The table as it was last published.
    pub(crate) state: Option<TableState>,
}

impl Plan {
    /// Makes the plan: reads catalogs, writes nothing.
    pub(crate) async fn make(
        source: &mut Source,
        look: &Analytics,
        settings: &SyncSettings,
    ) -> Result<Self, SyncError> {
        let is_enrolled = look.enrolled().await?.is_some();
        if is_enrolled && let Some(known) = look.source_server().await? {
            source.must_be(&known)?;
        }
        let clock = source.clock().await?;
        let hours = settings.quiet_hours.clone().map(|hours| {
            let at = hours.at(clock.here);
            (hours, at)
        });
        let link = link::choose(source, settings.link).await?;
        let discovered = source.discover().await?;
        let numbers = discovered.next_numbers();
        let numbers_known = if is_enrolled { look.next_numbers().await? } else { NextNumbers::new() };
        numbers::compare(&numbers_known, &numbers).map_err(SourceError::from)?;
        let named = settings.tables.iter().flatten().map(String::as_str);
        check_names(&discovered, named.chain(source.filtered()))?;
        let states: BTreeMap<String, TableState> = if is_enrolled {
            let proof = look.proof_settings().await?;
            if proof.algorithm != fingerprint::ALGORITHM {
                return Err(SyncError::Algorithm {
                    found: proof.algorithm,
                    known: fingerprint::ALGORITHM.to_owned(),
                });
            }
            if proof.type_policy != settings.type_policy.name() {
                return Err(SyncError::Policy {
                    found: proof.type_policy,
                    wanted: settings.type_policy.name().to_owned(),
                });
            }
            look.tables().await?.into_iter().map(|t| (t.name.clone(), t)).collect()
        } else {
            BTreeMap::new()
        };
        let settings = &with_kept_types(settings, look).await?;
        let mut plan = Self {
            clock,
            hours,
            tables: Vec::new(),
            skipped: Vec::new(),
            held: Vec::new(),
            numbers,
            numbers_known,
            link,
        };
        let (mut columns, emptied) = on_target(&discovered, &states, look, settings).await?;
        let gone = gone(&discovered, &states, &columns, settings);
        plan.skipped
            .extend(discovered.skipped.into_iter().map(|s| SkippedReport { name: s.name, why: s.why }));
        let mut found_tables = Vec::with_capacity(discovered.tables.len());
        let mut names_taken: BTreeMap<TableName, u32> = BTreeMap::new();
        for found in discovered.tables {
            if let Some(why) = skipped(found.name.as_str(), settings) {
                plan.skipped.push(SkippedReport { name: found.name.to_string(), why });
            } else {
                *names_taken.entry(found.name.in_target()).or_default() += 1;
                found_tables.push(found);
            }
        }
        for found in found_tables {
            let name = found.name.clone();
            let state = states.get(name.in_target().as_str()).cloned();
            let mode = if state.is_some() { Mode::Proof } else { Mode::First };
            let outcome = if names_taken.get(&name.in_target()).is_some_and(|n| *n > 1) {
                // Which of them the target's table was is not to be guessed.
                Err(HeldState {
                    rule: "plan::name_taken".into(),
                    detail: format!("`{name}` and another table have one name in lower case"),
                    remedy: "exclude all but one of them in bicuspid.toml".into(),
                })
            } else {
                match shape(found, settings) {
                    Err(held) => Err(held),
                    Ok(shaped) => {
                        let columns = columns.remove(name.in_target().as_str());
                        against_target(shaped, state.clone(), columns, &emptied, look, settings).await?
                    }
                }
            };
            match outcome {
                Ok(planned) => plan.tables.push(planned),
                Err(held) => plan.held.push(PlannedHeld { name, mode, held, state }),
            }
        }
        plan.held.extend(gone);
        let quiet = plan.quiet();
        let left_out = schedule::choose(&mut plan.tables, clock, quiet, settings);
        if plan.link.mode == LinkMode::Thin {
            plan.tables.iter_mut().for_each(|planned| planned.hash_by_server(source.facts()));
        }
        plan.skipped.extend(left_out.into_iter().map(|(name, why)| SkippedReport { name, why }));
        // InnoDB tables share a snapshot; beside that small tables first, so that much is there soon.
        plan.tables.sort_by_key(|p| {
            (
                p.shaped.found.engine == Engine::Snapshot,
                p.shaped.found.bytes_estimate,
                p.shaped.found.name.clone(),
            )
        });
        Ok(plan)
    }

    /// Tables that are to be in the copy and were never published there; also those that a rule holds.
    pub(crate) fn never_loaded(&self) -> Vec<TableName> {
        let planned = self.tables.iter().filter(|p| p.state.is_none()).map(|p| &p.shaped.found.name);
        let held = self.held.iter().filter(|h| h.state.is_none()).map(|h| &h.name);
        planned.chain(held).cloned().collect()
    }

    /// The business hours in which the run begins.
    pub(crate) fn quiet(&self) -> Option<Quiet> {
        let (_, at) = self.hours.as_ref()?;
        at.is_inside.then_some(Quiet { ends_at: at.changes_at })
    }

    /// What the business hours mean for the run.
    pub(crate) fn hours_report(&self, pace: Pace) -> Option<HoursReport> {
        let (hours, at) = self.hours.as_ref()?;
        let minutes = |at: DateTime| at.to_string().chars().take(16).collect::<String>();
        let seconds: f64 = self.tables.iter().map(|p| schedule::seconds(p, pace, self.quiet())).sum();
        let left = at.changes_at.and_then(|to| i32::try_from(to.seconds_since(self.clock.here)).ok());
        Some(HoursReport {
            hours: hours.to_string(),
            here: minutes(self.clock.here),
            inside: at.is_inside,
            changes_at: at.changes_at.map(minutes),
            overruns: left.is_some_and(|left| seconds > f64::from(left)),
        })
    }

    pub(crate) fn report(&self, pace: Pace) -> PlanReport {
        let quiet = self.quiet();
        let tables = self.tables.iter().map(|p| {
            let seconds = schedule::seconds(p, pace, quiet);
            let whole = matches!(p.mode, Mode::First | Mode::Proof | Mode::Full);
            PlannedReport {
                name: p.shaped.found.name.to_string(),
                mode: p.mode,
                why: p.why.clone(),
                rows_estimate: p.shaped.found.rows_estimate,
                seconds_estimate: seconds,
                slowly: quiet.is_some() && whole && schedule::is_large(seconds),
                later: p.later.as_ref().map(|later| LaterReport {
                    mode: Mode::Proof,
                    from: later.from.to_string().chars().take(16).collect(),
                    seconds_estimate: later.seconds,
                }),
                withheld: p.shaped.withheld.iter().map(|(c, why)| format!("{c} ({why})")).collect(),
            }
        });
        PlanReport {
            link: self.link.clone(),
            quiet_hours: self.hours_report(pace),
            tables: tables.collect(),
            skipped: self.skipped.clone(),
            held: self
                .held
                .iter()
                .map(|h| HeldReport { name: h.name.to_string(), held: h.held.clone() })
                .collect(),
        }
    }
}

/// Tables that were published and that the source does not show any more: dropped, replaced by something that is not
/// copied, or no longer granted. Their rows would grow old unseen.
fn gone(
    discovered: &Discovered,
    states: &BTreeMap<String, TableState>,
    columns: &BTreeMap<String, Vec<TargetColumn>>,
    settings: &SyncSettings,
) -> Vec<PlannedHeld> {
    let found: BTreeSet<TableName> = discovered.tables.iter().map(|t| t.name.in_target()).collect();
    let mut gone = Vec::new();
    for (name, state) in states {
        let Ok(name) = TableName::new(name.as_str()) else { continue };
        if found.contains(&name) || skipped(name.as_str(), settings).is_some() {
            continue;
        }
        if !columns.contains_key(name.as_str()) {
            // Somebody dropped it on both sides.
            continue;
        }
        let now = discovered.skipped.iter().find(|s| s.name.to_lowercase() == name.as_str());
        let detail = now.map_or_else(
            || {
                "the source does not show the table any more: it was dropped, or the account may not read it"
                    .to_owned()
            },
            |s| format!("it is not copied any more: {}", s.why),
        );
        let held = HeldState {
            rule: "drift::table_gone".into(),
            detail,
            remedy: format!(
                "grant it again, exclude it in bicuspid.toml, or drop `raw.{name}` on the target"
            ),
        };
        gone.push(PlannedHeld { name, mode: Mode::Proof, held, state: Some(state.clone()) });
    }
    gone
}

/// The columns of everything on the target, and the tables that had rows when they were published and have none now.
async fn on_target(
    discovered: &Discovered,
    states: &BTreeMap<String, TableState>,
    look: &Analytics,
    settings: &SyncSettings,
) -> Result<(BTreeMap<String, Vec<TargetColumn>>, BTreeSet<TableName>), SyncError> {
    let columns = look.columns().await?;
    let had_rows = |name: &TableName| {
        let name = name.in_target();
        columns.contains_key(name.as_str())
            && states.get(name.as_str()).is_some_and(|state| state.fingerprint.rows > 0)
    };
    let names = discovered.tables.iter().map(|t| &t.name).filter(|name| had_rows(name));
    let names: Vec<TableName> =
        names.filter(|name| skipped(name.as_str(), settings).is_none()).cloned().collect();
    let emptied = look.emptied(&names).await?;
    Ok((columns, emptied))
}

/// The settings with the types of columns that were kept when their tables were taken over.
async fn with_kept_types(settings: &SyncSettings, look: &Analytics) -> Result<SyncSettings, SyncError> {
    let mut settings = settings.clone();
    for (name, kept) in look.kept_types().await? {
        if !settings.column_types.keys().any(|chosen| chosen.eq_ignore_ascii_case(&name)) {
            settings.column_types.insert(name, kept);
        }
    }
    Ok(settings)
}

fn check_names<'a>(discovered: &Discovered, wanted: impl Iterator<Item = &'a str>) -> Result<(), SyncError> {
    for wanted in wanted {
        let exists = discovered.tables.iter().any(|t| t.name.as_str().eq_ignore_ascii_case(wanted));
        if !exists {
            let nearest = discovered
                .tables
                .iter()
                .map(|t| (distance(wanted, t.name.as_str()), t.name.to_string()))
                .min()
                .filter(|(d, _)| *d <= wanted.chars().count().div_ceil(4))
                .map(|(_, name)| name);
            return Err(SyncError::NoSuchTable { name: wanted.to_owned(), nearest });
        }
    }
    Ok(())
}

/// Letters to change to come from one name to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let change = at(&row, j) + usize::from(from != *to);
            next.push(change.min(at(&row, j + 1) + 1).min(at(&next, j) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

fn skipped(name: &str, settings: &SyncSettings) -> Option<String> {
    if let Some(only) = &settings.tables {
        return (!names(only, name)).then(|| "not among the tables asked for".to_owned());
    }
    if names(&settings.tables_excluded, name) {
        return Some("excluded in bicuspid.toml".to_owned());
    }
    opendental::skip_reason(name).map(str::to_owned)
}

/// Compares the shape with what the target has.
async fn against_target(
    shaped: Shaped,
    state: Option<TableState>,
    columns: Option<Vec<TargetColumn>>,
    emptied: &BTreeSet<TableName>,
    look: &Analytics,
    settings: &SyncSettings,
) -> Result<Result<Planned, HeldState>, SyncError> {
    let held = |rule: &str, detail: String, remedy: &str| {
        Ok(Err(HeldState { rule: rule.to_owned(), detail, remedy: remedy.to_owned() }))
    };
    let first = |shaped: Shaped, why: &str| Planned::new(shaped, Mode::First, why.to_owned());
    let (columns, state) = match (columns, state) {
        (None, None) => return Ok(Ok(first(shaped, "the target does not have it yet"))),
        (None, Some(_)) => return Ok(Ok(first(shaped, "it is gone from the target"))),
        (Some(columns), None) if settings.adopt => {
            return adopt::take_over(shaped, &columns, look, settings).await;
        }
        (Some(_), None) => {
            return held(
                "plan::not_ours",
                format!("`raw.{}` exists and was not made by Bicuspid", shaped.table.name.in_target()),
                "take it over with --adopt, rename or drop it on the target, or exclude the table",
            );
        }
        (Some(columns), Some(state)) => (columns, state),
    };
    let mut added = Vec::new();
    let mut relaxed = Vec::new();
    let mut widened = Vec::new();
    for column in &shaped.table.columns {
        match columns.iter().find(|c| c.name == column.name) {
            None => added.push(column.name.clone()),
            Some(there) if column.target.is_held_by(&there.type_text) => {
                // A date of the key may be NULL by its type alone, but not by its key.
                let in_key = shaped.table.key_columns().any(|key| key.name == column.name);
                if there.not_null && column.nullable && !in_key {
                    relaxed.push(column.name.clone());
                }
            }
            Some(there)
                if TargetType::parse(&there.type_text).is_some_and(|old| column.target.widens(old))
                    && !there.viewed =>
            {
                widened.push(column.name.clone());
            }
            Some(there) => {
                return held(
                    "drift::type",
                    format!(
                        "column `{}` is {} on the target and would be {}",
                        column.name, there.type_text, column.target
                    ),
                    "choose its old type in bicuspid.toml, or change the column on the target together with the views on it",
                );
            }
        }
    }
    // What the server fills by itself is in nobody's way; that an identity column is NOT NULL cannot even be changed.
    for there in columns.iter().filter(|c| c.not_null && !c.filled) {
        if !shaped.table.columns.iter().any(|c| c.name == there.name) {
            relaxed.push(there.name.clone());
        }
    }
    let key_line = |signature: &str| signature.lines().last().map(str::to_owned);
    let signature = shaped.signature();
    if key_line(&signature) != key_line(&state.shape) {
        return held(
            "drift::key",
            "its primary key is not the one it was loaded with".into(),
            "drop the table on the target and load it anew, or exclude it",
        );
    }
    let same_walk =
        shaped.walk_names().iter().map(ColumnName::as_str).eq(state.walk.iter().map(String::as_str));
    let (mode, why) = if settings.full {
        (Mode::Full, "asked for".to_owned())
    } else if emptied.contains(&shaped.table.name) {
        // Somebody emptied it, perhaps to have it loaded anew: its fingerprints speak of rows that are gone.
        (Mode::Full, "it was emptied on the target".to_owned())
    } else if state.shape != signature {
        (Mode::Full, "its columns changed".to_owned())
    } else if !added.is_empty() || !widened.is_empty() {
        // The source is as it was: somebody dropped, renamed or narrowed a column on the target. The fingerprints tell
        // what was published, not that values are gone from every row since.
        (Mode::Full, "a column of it was dropped or narrowed on the target".to_owned())
    } else if !same_walk {
        (Mode::Full, "its keys changed".to_owned())
    } else {
        (Mode::Proof, format!("every chunk is compared with its fingerprint of {}", state.proved_at))
    };
    let planned = Planned::new(shaped, mode, why);
    Ok(Ok(Planned { added, relaxed, widened, state: Some(state), ..planned }))
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn near_names_are_found() {
        assert_eq!(distance("patiant", "patient"), 1);
        assert_eq!(distance("Procedurelog", "procedurelog"), 0);
        assert_eq!(distance("claim", "claimproc"), 4);
    }
}

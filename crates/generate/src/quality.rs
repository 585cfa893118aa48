//! The quality report: what is measured in the demo database, beside what it ought to be.
//!
//! The figures come from statements that know nothing of the simulation; what they ought to be stands in the table of
//! facts here. A rule is broken by a single row. A share or mean may be as far from its figure as the tolerance says or
//! four standard errors, whichever is more, and is not judged on fewer than 2,000 rows.

mod facts;
mod judge;
mod page;

use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use bicuspid_guard::Identity;
use bicuspid_model::{ColumnName, Table, TableName, TargetType};
use bicuspid_opendental::facts as opendental;
use bicuspid_target::{Asked, Demo, DemoEndpoint, Generation, Measured, Reference, ServerFacts};
use serde::Serialize;

use crate::anomalies::{Condition, Kind};
use crate::error::GenerateError;
use crate::plan::stock_tables;
use facts::{FACTS, Fact, Goal, SECTIONS};

pub use judge::Verdict;

/// Connections that measure at the same time.
const CONNECTIONS: usize = 2;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The rules that no row may break.
    Rules,
    /// Rules and statistics.
    Everything,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityRow {
    /// Name of the fact or rule.
    pub id: &'static str,
    /// Heading that it stands under.
    pub section: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// What it ought to be.
    pub target: String,
    /// How far off it may be.
    pub tolerance: String,
    /// What was found.
    pub measured: String,
    /// Rows behind it.
    pub of: u64,
    /// Whether it is a rule, which no row may break but those that were planted.
    pub is_rule: bool,
    /// Whether it is well.
    pub verdict: Verdict,
    /// The same as numbers, for charts; none of a rule.
    #[serde(skip)]
    pub figures: Vec<Figure>,
}

/// One number of a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name, such as an age band; empty where a fact has one number only.
    pub name: String,
    /// What was found, `None` where there was nothing to measure.
    pub measured: Option<f64>,
    /// What it ought to be.
    pub target: Option<f64>,
}

/// What was measured of a generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityReport {
    /// The run that wrote the rows.
    pub run_id: String,
    /// Patients on file.
    pub patients: u32,
    /// Seed.
    pub seed: u64,
    /// First day of the history.
    pub start_date: String,
    /// The as-of date.
    pub end_date: String,
    /// `clean`, or `messy` with planted anomalies.
    pub condition: String,
    /// Version of the program that wrote them.
    pub tool_version: String,
    /// Rows of all tables.
    pub rows_generated: u64,
    /// The lines, by section.
    pub quality: Vec<QualityRow>,
    /// Seconds that measuring took.
    pub seconds_measuring: f64,
}

impl QualityReport {
    /// Lines with a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.quality.iter().filter(|row| row.verdict == verdict).count()
    }

    /// The report as one page of HTML that needs nothing else.
    #[must_use]
    pub fn page(&self) -> String {
        page::page(self)
    }
}

/// Connects to the demo database, judges it as a writer would, and measures the generation in it. Reads only.
///
/// `seen` is told what the server says of itself before anything is measured.
pub async fn measure(
    endpoint: &DemoEndpoint,
    known: Option<&Identity>,
    extent: Extent,
    seen: impl FnOnce(&ServerFacts),
) -> Result<QualityReport, GenerateError> {
    let began = Instant::now();
    let demo = Demo::connect_to_read(endpoint).await?;
    demo.judge(&endpoint.user, known).await?;
    seen(demo.facts());
    let generation = demo.generation().await?.ok_or(GenerateError::NothingThere)?;
    let mut demos = vec![demo];
    while demos.len() < CONNECTIONS {
        let demo = Demo::connect_to_read(endpoint).await?;
        demo.judge(&endpoint.user, known).await?;
        demos.push(demo);
    }
    let every = stock_tables()?;
    let holds_rows = |name: &str| generation.table(name).is_some_and(|table| table.rows > 0);
    let tables: Vec<Table> = every.into_iter().filter(|table| holds_rows(table.name.as_str())).collect();
    let references = references(&tables);
    let wanted = |id: &str| match FACTS.iter().find(|fact| fact.id == id) {
        Some(fact) => extent == Extent::Everything || matches!(fact.goal, Goal::Never),
        None => false,
    };
    let next = AtomicUsize::new(0);
    let jobs = demos.iter().map(|demo| {
        let asked = Asked {
            as_of: generation.end_date,
            start: generation.start_date,
            tables: &tables,
            references: &references,
            next: &next,
        };
        async move { demo.measure(&asked, &wanted).await }
    });
    let mut found: Vec<Measured> = Vec::new();
    for measured in futures_util::future::try_join_all(jobs).await?.into_iter().flatten() {
        merge(&mut found, measured);
    }
    // Rows that were replaced in between would make one report of two practices.
    for demo in &demos {
        if demo.generation().await?.map(|now| now.run_id).as_ref() != Some(&generation.run_id) {
            return Err(GenerateError::Replaced);
        }
    }
    Ok(report(&generation, &found, extent, began))
}

fn merge(found: &mut Vec<Measured>, more: Measured) {
    match found.iter_mut().find(|known| known.id == more.id) {
        Some(known) => known.parts.extend(more.parts),
        None => found.push(more),
    }
}

fn report(generation: &Generation, found: &[Measured], extent: Extent, began: Instant) -> QualityReport {
    let condition = generation.settings.get("condition").map_or(Condition::Clean.name(), String::as_str);
    let profile = generation.settings.get("receivables").map_or("typical", String::as_str);
    let preset = generation.settings.get("preset").map_or("dbt", String::as_str);
    let mut quality: Vec<QualityRow> = Vec::new();
    for fact in FACTS.iter().filter(|f| extent == Extent::Everything || matches!(f.goal, Goal::Never)) {
        let parts = found.iter().find(|m| m.id == fact.id).map_or(&[][..], |m| m.parts.as_slice());
        let fact = for_condition(for_preset(for_profile(*fact, profile), preset), condition);
        quality.push(judge::row(&fact, section(fact.id), parts, planted(generation, fact.id)));
    }
    QualityReport {
        run_id: generation.run_id.clone(),
        patients: generation.patients,
        seed: generation.seed,
        start_date: generation.start_date.to_string(),
        end_date: generation.end_date.to_string(),
        condition: condition.to_owned(),
        tool_version: generation.tool_version.clone(),
        rows_generated: generation.rows(),
        quality,
        seconds_measuring: began.elapsed().as_secs_f64(),
    }
}

/// The ages of receivables are those of the profile that was asked for.
fn for_profile(fact: Fact, profile: &str) -> Fact {
    match facts::RECEIVABLES.iter().find(|(name, ..)| *name == profile) {
        Some((_, ages, tolerance)) if fact.id == "M4" => Fact { goal: Goal::Each(ages, *tolerance), ..fact },
        _ => fact,
    }
}

/// Two figures of the field are ruled out by what readers of the default preset ask for, and are judged by that.
fn for_preset(fact: Fact, preset: &str) -> Fact {
    match fact.id {
        _ if preset != "dbt" => fact,
        "M15" => Fact {
            what: "Accounts in credit, % (3 to 12 in the field; no part of a balance may be negative in this preset)",
            goal: Goal::Between(0.0, 0.0),
            ..fact
        },
        "T6" => Fact {
            what: "Carriers (a third to 3 times; in this preset each cover has a plan of its own)",
            goal: Goal::Times(facts::CARRIERS, 3.0),
            ..fact
        },
        _ => fact,
    }
}

/// Figures that a clean practice has at nothing are no figures of a messy one.
fn for_condition(fact: Fact, condition: &str) -> Fact {
    if condition == Condition::Messy.name() && matches!(fact.id, "P17" | "A23") {
        return Fact { goal: Goal::Context, ..fact };
    }
    fact
}

/// How many rows that break a rule the ledger says were planted.
fn planted(generation: &Generation, rule: &str) -> u64 {
    let of_rule = Kind::ALL.into_iter().filter(|kind| kind.rule() == rule);
    of_rule.filter_map(|kind| generation.settings.get(&kind.in_ledger())?.parse::<u64>().ok()).sum()
}

fn section(id: &str) -> &'static str {
    let start = match id {
        "keys" => "X",
        id if id.starts_with('T') => "B",
        id => id.get(..1).unwrap_or_default(),
    };
    SECTIONS.iter().find(|(letter, _)| *letter == start).map_or("", |(_, name)| name)
}

/// Every column of a filled table that holds keys of another. A few hold them as text, among words; these are not keys.
pub(crate) fn references(tables: &[Table]) -> Vec<Reference> {
    let mut list = Vec::new();
    for table in tables {
        let Some(facts) = opendental().table(table.name.as_str()) else { continue };
        for column in &table.columns {
            let whole = matches!(column.target, TargetType::Int2 | TargetType::Int4 | TargetType::Int8);
            let to = facts.column(column.name.as_str()).and_then(|column| column.references);
            let Some(to) = to.filter(|_| whole) else { continue };
            if let (Ok(to_table), Ok(to_column)) = (TableName::new(to.table), ColumnName::new(to.column)) {
                let (table, column) = (table.name.clone(), column.name.clone());
                list.push(Reference { table, column, to_table, to_column });
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_changes_what_its_readers_rule_out_and_nothing_else() {
        for fact in FACTS {
            let same = |preset| {
                let judged = for_preset(*fact, preset);
                judged.what == fact.what && format!("{:?}", judged.goal) == format!("{:?}", fact.goal)
            };
            assert!(same("stock"), "{}", fact.id);
            assert_eq!(same("dbt"), !matches!(fact.id, "M15" | "T6"), "{}", fact.id);
        }
    }

    #[test]
    fn every_fact_has_a_section_and_one_name() {
        let mut names = std::collections::BTreeSet::new();
        for fact in FACTS {
            assert!(names.insert(fact.id), "{} twice", fact.id);
            assert!(!section(fact.id).is_empty(), "{}", fact.id);
        }
    }
}

//! The guard from outside: what it lets through, what it does not, and what real servers make of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests, where a panic is a failed test"
)]

mod corpus;
mod live;
mod properties;

use bicuspid_guard::{Context, Refusal, judge};
use bicuspid_model::DatabaseName;

/// Judges a text against the database `opendental`.
fn verdict(sql: &str) -> Result<(), Refusal> {
    judge(sql, &Context::new(DatabaseName::new("opendental").unwrap()))
}

/// A line of `accepted.jsonl` or `refused.jsonl`.
#[derive(serde::Deserialize)]
struct Case {
    sql: String,
    #[serde(default)]
    code: String,
}

/// A line of `grants.jsonl`: what a server may say of an account, and the gravest finding.
#[derive(serde::Deserialize)]
struct GrantCase {
    grants: Vec<String>,
    source: Option<String>,
    code: String,
}

fn cases<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn grants() -> Vec<GrantCase> {
    cases(include_str!("grants.jsonl"))
}

/// Statements that read in the ways in which extraction reads.
fn accepted() -> Vec<String> {
    cases::<Case>(include_str!("accepted.jsonl")).into_iter().map(|case| case.sql).collect()
}

/// Statements that do not, each with the rule that it breaks.
fn refused() -> Vec<Case> {
    cases(include_str!("refused.jsonl"))
}

//! One patient's life, told from the rows of the demo database.

use bicuspid_guard::Identity;
use bicuspid_target::{Demo, DemoEndpoint, ServerFacts};
use serde::Serialize;

use crate::error::GenerateError;
use crate::plan::stock_tables;

/// Something that happened, or will, and the row that tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifeRow {
    /// When, `YYYY-MM-DD HH:MM`, or a day alone.
    pub at: String,
    /// Table of the row.
    pub table: String,
    /// Its key.
    pub key: i64,
    /// What happened.
    pub text: String,
}

/// Rows of one table that name the patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableCount {
    /// Table.
    pub name: String,
    /// Rows.
    pub rows: u64,
}

/// A life and what it left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The patient's number.
    pub patient: i64,
    /// The as-of date; what is dated later lies ahead.
    pub end_date: String,
    /// Events in the order of time.
    pub events: Vec<LifeRow>,
    /// Rows of each table.
    pub tables: Vec<TableCount>,
}

/// Connects to the demo database, judges it as a writer would, and tells the life of a patient. Reads only.
///
/// `seen` is told what the server says of itself before anything is read.
pub async fn explain(
    endpoint: &DemoEndpoint,
    known: Option<&Identity>,
    patient: i64,
    seen: impl FnOnce(&ServerFacts),
) -> Result<Explained, GenerateError> {
    let demo = Demo::connect_to_read(endpoint).await?;
    demo.judge(&endpoint.user, known).await?;
    seen(demo.facts());
    let generation = demo.generation().await?.ok_or(GenerateError::NothingThere)?;
    let tables = stock_tables()?;
    let life = demo.life(patient, &tables).await?.ok_or(GenerateError::Nobody)?;
    let row = |event: bicuspid_target::LifeEvent| LifeRow {
        at: event.at,
        table: event.table,
        key: event.key,
        text: event.text,
    };
    Ok(Explained {
        patient,
        end_date: generation.end_date.to_string(),
        events: life.events.into_iter().map(row).collect(),
        tables: life.rows.into_iter().map(|(name, rows)| TableCount { name, rows }).collect(),
    })
}

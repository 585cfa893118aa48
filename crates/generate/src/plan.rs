//! What would be written, and why it may be: decided once, for the dry run and the run alike.

use std::time::Instant;

use bicuspid_guard::Identity;
use bicuspid_guard::identity::Standing;
use bicuspid_model::{Host, Table};
use bicuspid_opendental::{TypePolicy, facts, model_table};
use bicuspid_practice::Settings;
use bicuspid_target::{AuditHead, Demo, DemoEndpoint, DemoState, ServerFacts, Spread, tables_script};

use crate::anomalies::{Condition, Source};
use crate::error::GenerateError;
use crate::report::{DemoTarget, GenerateReport, Place};

/// Everything that a generation is made from.
#[derive(Debug, Clone)]
pub struct GenerateSettings {
    /// The practice.
    pub practice: Settings,
    /// Whether its database is tidy.
    pub condition: Condition,
    /// Where the demo database is.
    pub endpoint: DemoEndpoint,
    /// What this machine remembers of the demo database at that place, if anything.
    pub known: Option<Identity>,
}

/// A generation that may begin: connected, judged, and not yet written.
#[derive(Debug)]
pub struct Plan {
    pub(crate) demo: Demo,
    pub(crate) source: Source,
    pub(crate) condition: Condition,
    pub(crate) settings: Settings,
    pub(crate) user: String,
    /// Every table that a stock Open Dental has, in the order of their names.
    pub(crate) tables: Vec<Table>,
    host: Host,
    standing: Standing,
    state: DemoState,
}

/// Checks the settings, connects, and refuses a database that is not the demo or holds what no generation wrote. Reads
/// only.
pub async fn plan(settings: GenerateSettings) -> Result<Plan, GenerateError> {
    let source = Source::new(settings.practice, settings.condition)?;
    let tables = stock_tables()?;
    let demo = Demo::connect(&settings.endpoint).await?;
    let standing = demo.judge(&settings.endpoint.user, settings.known.as_ref()).await?;
    let state = demo.inspect(&tables).await?;
    Ok(Plan {
        demo,
        source,
        condition: settings.condition,
        settings: settings.practice,
        user: settings.endpoint.user,
        tables,
        host: settings.endpoint.host,
        standing,
        state,
    })
}

impl Plan {
    /// What the server says of itself.
    #[must_use]
    pub const fn facts(&self) -> &ServerFacts {
        self.demo.facts()
    }

    /// Anchors this head of the audit log in the transaction that publishes the generation.
    pub fn anchor(&mut self, head: AuditHead) {
        self.demo.anchor(head);
    }

    /// How well the database is known.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// The identity that the database has once it is enrolled.
    pub fn identity(&self) -> Result<Identity, GenerateError> {
        Ok(self.demo.identity())
    }

    /// What is there now, and would be replaced.
    #[must_use]
    pub const fn state(&self) -> &DemoState {
        &self.state
    }

    /// Lets the practice happen without keeping a row: the very tables, counts and digests that [`Plan::run`] writes.
    pub async fn rehearse(&self) -> Result<GenerateReport, GenerateError> {
        let began = Instant::now();
        let source = self.source;
        let made = tokio::task::spawn_blocking(move || source.summarise())
            .await
            .map_err(|_| GenerateError::Stopped)??;
        let mut report =
            GenerateReport::new(Place::Target(self.target()), &self.settings, &made.summary, began.elapsed())
                .with_anomalies(self.condition, made.anomalies);
        let filled = report.tables.iter().filter(|table| table.rows > 0).count();
        report.tables_empty = u64::try_from(self.tables.len().saturating_sub(filled)).unwrap_or(u64::MAX);
        Ok(report)
    }

    pub(crate) fn target(&self) -> DemoTarget {
        let facts = self.demo.facts();
        let (host, port) = match &self.host {
            Host::Tcp { host, port } => (host.clone(), *port),
            Host::Socket { path, port } => (path.display().to_string(), *port),
        };
        DemoTarget {
            database: facts.database.clone(),
            host,
            port,
            system_identifier: facts.system_identifier.to_string(),
        }
    }
}

/// A script for psql that makes every table of a stock Open Dental, empty, as generated CSV files fill them.
pub fn tables_sql(spread: Spread) -> Result<String, GenerateError> {
    Ok(tables_script(&stock_tables()?, spread))
}

/// The tables of a stock Open Dental with the types that `sync` gives them.
pub(crate) fn stock_tables() -> Result<Vec<Table>, GenerateError> {
    facts()
        .tables()
        .iter()
        .filter(|table| table.stock)
        .map(|table| {
            model_table(table.name, TypePolicy::Dbt).ok_or_else(|| GenerateError::Unfit {
                table: table.name.to_owned(),
                what: "its description".to_owned(),
            })
        })
        .collect()
}

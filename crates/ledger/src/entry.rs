//! One event of the audit log, and its hash.

use bicuspid_model::{Environment, SiteName};
use ring::digest::{Context, Digest, SHA256};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Version of the entry's fields and of the way they are hashed.
pub(crate) const VERSION: u32 = 1;

/// Where an event stands in an act: intent comes before it, the result after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// About to act.
    Intent,
    /// Acted, well or not.
    Result,
    /// Refused to act.
    Refusal,
    /// The log went on after a torn line.
    Recovered,
}

/// Which database, as its server reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Host and port, or socket.
    pub place: String,
    /// Name.
    pub name: String,
    /// Account.
    pub account: String,
    /// System identifier of the cluster, where there is one.
    pub system_identifier: Option<u64>,
    /// Oid of the database, where there is one.
    pub oid: Option<u32>,
}

/// What was done to a table, in rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableCounts {
    /// Name of the table.
    pub table: String,
    /// Rows read from the source.
    pub read: u64,
    /// Rows inserted into the target.
    pub inserted: u64,
    /// Rows updated in the target.
    pub updated: u64,
    /// Rows deleted from the target.
    pub deleted: u64,
}

/// An event, as the caller tells it: who, when, what, where, how much. No value of a row and no secret has a place in
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When; the order of the log counts, the clock is information.
    pub at: OffsetDateTime,
    /// The run that it belongs to.
    pub run_id: String,
    /// Before or after the act.
    pub phase: Phase,
    /// User of the operating system.
    pub user: String,
    /// Name of the machine.
    pub machine: String,
    /// The environment.
    pub environment: Environment,
    /// The site, if it is one of several.
    pub site: Option<SiteName>,
    /// The database that is read, if there is one.
    pub source: Option<Database>,
    /// The database that is written, if there is one.
    pub target: Option<Database>,
    /// The command or step, such as `sync` or `publish`.
    pub action: String,
    /// Outcome in a word, and the code of the trouble if there was one.
    pub outcome: Option<String>,
    /// What was done to each table.
    pub tables: Vec<TableCounts>,
}

/// An entry as it stands in the file, one JSON object on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of these fields.
    pub version: u32,
    /// Name of the log, random, the same in every entry.
    pub log: String,
    /// Place in the log, from 1.
    pub sequence: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The run that it belongs to.
    pub run_id: String,
    /// Before or after the act.
    pub phase: Phase,
    /// User of the operating system.
    pub user: String,
    /// Name of the machine.
    pub machine: String,
    /// Name of the environment.
    pub environment: String,
    /// Name of the site, if it is one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The database that is read.
    pub source: Option<Database>,
    /// The database that is written.
    pub target: Option<Database>,
    /// The command or step.
    pub action: String,
    /// Outcome.
    pub outcome: Option<String>,
    /// What was done to each table.
    pub tables: Vec<TableCounts>,
    /// Hash of the entry before, in hexadecimal; zeros for the first.
    pub previous: String,
    /// Hash of this entry, in hexadecimal.
    pub hash: String,
}

/// The hash before the first entry.
pub(crate) const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Record {
    /// Puts an entry in its place in a chain.
    pub(crate) fn new(entry: &Entry, log: &str, sequence: u64, previous: &str) -> Self {
        let utc = entry.at.to_offset(time::UtcOffset::UTC);
        let mut record = Self {
            version: VERSION,
            log: log.to_owned(),
            sequence,
            // Formatting fails for years beyond 9999 alone.
            at: utc.format(&Rfc3339).unwrap_or_default(),
            run_id: entry.run_id.clone(),
            phase: entry.phase,
            user: entry.user.clone(),
            machine: entry.machine.clone(),
            environment: entry.environment.name().to_owned(),
            site: entry.site.as_ref().map(ToString::to_string),
            source: entry.source.clone(),
            target: entry.target.clone(),
            action: entry.action.clone(),
            outcome: entry.outcome.clone(),
            tables: entry.tables.clone(),
            previous: previous.to_owned(),
            hash: String::new(),
        };
        record.hash = record.compute_hash();
        record
    }

    /// The hash that the fields should have: SHA-256 over each field behind its length, so that no two entries share
    /// their bytes.
    pub(crate) fn compute_hash(&self) -> String {
        // Every field has its line: one that is added must be hashed before this compiles.
        let Self {
            version,
            log,
            sequence,
            at,
            run_id,
            phase,
            user,
            machine,
            environment,
            site,
            source,
            target,
            action,
            outcome,
            tables,
            previous,
            hash: _,
        } = self;
        let mut fields = Fields(Context::new(&SHA256));
        fields.text("bicuspid audit log");
        fields.number(u64::from(*version));
        fields.text(log);
        fields.number(*sequence);
        fields.text(at);
        fields.text(run_id);
        fields.number(match phase {
            Phase::Intent => 1,
            Phase::Result => 2,
            Phase::Refusal => 3,
            Phase::Recovered => 4,
        });
        fields.text(user);
        fields.text(machine);
        fields.text(environment);
        fields.database(source.as_ref());
        fields.database(target.as_ref());
        fields.text(action);
        fields.optional(outcome.as_deref());
        fields.number(u64::try_from(tables.len()).unwrap_or(u64::MAX));
        for TableCounts { table, read, inserted, updated, deleted } in tables {
            fields.text(table);
            for count in [read, inserted, updated, deleted] {
                fields.number(*count);
            }
        }
        // Entries without a site are hashed as they were before there were sites. The word keeps the two apart: it stands
        // where another entry has the 64 digits of a hash.
        if let Some(site) = site {
            fields.text("site");
            fields.text(site);
        }
        fields.text(previous);
        hex(&fields.0.finish())
    }
}

/// Bytes for a hash, each field behind its length.
struct Fields(Context);

impl Fields {
    fn bytes(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    /// A field that may be missing: missing and empty differ.
    fn optional(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn database(&mut self, database: Option<&Database>) {
        self.number(u64::from(database.is_some()));
        let Some(Database { place, name, account, system_identifier, oid }) = database else { return };
        self.text(place);
        self.text(name);
        self.text(account);
        self.optional(system_identifier.map(|n| n.to_string()).as_deref());
        self.optional(oid.map(|n| n.to_string()).as_deref());
    }
}

fn hex(digest: &Digest) -> String {
    use std::fmt::Write as _;
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

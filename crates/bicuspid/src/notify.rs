//! Tells others when a person should look: a table is held, a proof is overdue, a run was refused or failed, rows differ.
//! It comes after each command that keeps a record: `sync`, `verify`, `enroll` and `generate`.
//!
//! A message holds names of tables, codes and counts, never a value of a row. What it cannot reach is told and changes
//! nothing else: a run is not worse for a lost message.

mod hook;
mod webhook;

use std::collections::BTreeMap;
use std::time::Duration;

use bicuspid_model::{Class, Environment, SiteName};
use bicuspid_target::{Analytics, TableState};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::VERSION;
use crate::clock;
use crate::printer::Printer;
use crate::report::{Ended, Outcome, Report, Stop};
use crate::settings::{Notify, Settings};

/// Longest that one message may take on its way.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Longest that is waited for the ages of proofs.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// After this time the same thing is told again, if it is still so.
const AGAIN_AFTER: time::Duration = time::Duration::hours(24);
/// Hours that a proof may be old, where the settings do not say it.
const PROOF_HOURS: u32 = 23;

/// Name of the file in the state folder that remembers what was told. Each site has one of its own: they may run at the
/// same time.
fn told_file(settings: &Settings) -> String {
    settings.site.as_ref().map_or_else(|| "notified.json".to_owned(), |site| format!("notified_{site}.json"))
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Event {
    /// `held`, `overdue`, `refused`, `failed` or `differs`.
    #[serde(rename = "event")]
    kind: &'static str,
    /// Rules or codes, each once.
    rules: Vec<String>,
    /// Tables, each with its rule; empty where it is not about tables.
    tables: Vec<Concerned>,
}

/// A table and the rule that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Concerned {
    name: String,
    rule: String,
}

impl Event {
    fn of_tables(kind: &'static str, tables: Vec<Concerned>) -> Option<Self> {
        let mut rules: Vec<String> = tables.iter().map(|table| table.rule.clone()).collect();
        rules.sort_unstable();
        rules.dedup();
        (!tables.is_empty()).then_some(Self { kind, rules, tables })
    }

    /// What is remembered of it: one line for each table, or for each code.
    fn lines(&self, environment: Environment) -> Vec<String> {
        if self.tables.is_empty() {
            return self.rules.iter().map(|rule| format!("{environment} {} {rule}", self.kind)).collect();
        }
        let line = |table: &Concerned| format!("{environment} {} {} {}", self.kind, table.rule, table.name);
        self.tables.iter().map(line).collect()
    }
}

/// Tells what a run should be told for, if the settings name somebody, and adds to the report how that went.
pub(crate) async fn after(command: &str, run_id: &str, settings: &Settings, ended: Ended) -> Ended {
    let notify = &settings.config.notify;
    if *notify == Notify::default() {
        return ended;
    }
    let (report, is_stop) = match ended {
        Ok(report) => (report, false),
        Err(Stop(report)) => (*report, true),
    };
    let mut events = events(&report);
    if !is_stop && report.outcome() != Outcome::Interrupted && looks_at_tables(command) {
        events.extend(overdue(settings).await);
    }
    let told = tell(command, run_id, settings, &report, &events).await;
    let report = report.with("notifications", told);
    if is_stop { Err(Stop(Box::new(report))) } else { Ok(report) }
}

/// Whether a command that came to its end knows how every table of a copy stands; the others know only how they ended.
fn looks_at_tables(command: &str) -> bool {
    matches!(command, "sync" | "verify")
}

/// What the report itself says.
fn events(report: &Report) -> Vec<Event> {
    let codes = |classes: &[Class]| {
        let troubles = report.troubles().iter().filter(|trouble| classes.contains(&trouble.class));
        let mut codes: Vec<String> = troubles.map(|trouble| trouble.code.clone()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    let of_codes = |kind, classes: &[Class]| {
        let rules = codes(classes);
        (!rules.is_empty()).then_some(Event { kind, rules, tables: Vec::new() })
    };
    let json = report.json("", None);
    let tables: Vec<&Value> = json.get("tables").and_then(Value::as_array).into_iter().flatten().collect();
    let name = |table: &Value| table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let held = tables.iter().filter_map(|table| {
        let rule = table.get("held")?.get("rule")?.as_str()?.to_owned();
        Some(Concerned { name: name(table), rule })
    });
    let differing = tables.iter().filter(|table| {
        table.get("equal").and_then(Value::as_bool) == Some(false)
            && table.get("held").is_none_or(Value::is_null)
    });
    let differing =
        differing.map(|table| Concerned { name: name(table), rule: crate::report::DIFFERENCES.to_owned() });
    [
        of_codes("refused", &[Class::Refused]),
        of_codes("failed", &[Class::Failed, Class::Local]),
        Event::of_tables("held", held.collect()),
        Event::of_tables("differs", differing.collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Tables whose proof is older than it may be, although a run has just ended. A target that cannot be asked now has
/// been told of by the run, or will be by the next.
async fn overdue(settings: &Settings) -> Option<Event> {
    let look = async {
        let look = Analytics::connect(&settings.target().ok()?, &settings.schemas()).await.ok()?;
        look.tables().await.ok()
    };
    let tables = tokio::time::timeout(LOOK_MAX, look).await.ok().flatten()?;
    overdue_of(&tables, settings.config.proof_hours.unwrap_or(PROOF_HOURS))
}

fn overdue_of(tables: &[TableState], hours: u32) -> Option<Event> {
    let late = tables
        .iter()
        .filter(|table| table.held.is_none() && table.proof_age_seconds > i64::from(hours) * 3600);
    let concerned =
        late.map(|table| Concerned { name: table.name.clone(), rule: "proof::overdue".to_owned() });
    Event::of_tables("overdue", concerned.collect())
}

/// Sends the events that are new, and remembers them. How that went, for the report.
async fn tell(
    command: &str,
    run_id: &str,
    settings: &Settings,
    report: &Report,
    events: &[Event],
) -> Vec<Value> {
    let now = clock::now();
    let old = remembered(settings);
    let fresh: Vec<&Event> =
        events.iter().filter(|event| is_new(event, settings.environment, &old, now)).collect();
    let mut told = Vec::new();
    let mut unreached = Vec::new();
    for event in &fresh {
        let body = body(command, run_id, (settings.environment, settings.site.as_ref()), report, event, now);
        let mut is_sent = false;
        for (way, sent) in send(&settings.config.notify, body.as_bytes()).await {
            is_sent |= sent.is_ok();
            if let Err(why) = &sent {
                Printer::note(&format!("not notified of `{}` by {way}: {why}", event.kind));
            }
            told.push(json!({"event": event.kind, "way": way, "sent": sent.is_ok(), "why": sent.err()}));
        }
        if !is_sent {
            unreached.extend(event.lines(settings.environment));
        }
    }
    let mut memory = next_memory(command, settings.environment, report.outcome(), events, &old, now);
    // What nobody heard is told again by the next run.
    memory.retain(|line, _| !unreached.contains(line));
    if memory != old {
        let text = serde_json::to_string_pretty(&memory).unwrap_or_default();
        if settings.state_dir.replace(&told_file(settings), &text).is_err() {
            Printer::note("what was notified could not be remembered: it will be told again");
        }
    }
    told
}

async fn send(notify: &Notify, body: &[u8]) -> Vec<(&'static str, Result<(), String>)> {
    let late = |_| Err(format!("it took longer than {} s", SEND_MAX.as_secs()));
    let mut ways = Vec::new();
    if let Some(command) = &notify.command {
        let sent = tokio::time::timeout(SEND_MAX, hook::run(command, body)).await;
        ways.push(("command", sent.unwrap_or_else(late)));
    }
    if let Some(webhook) = &notify.webhook {
        let sent = tokio::time::timeout(SEND_MAX, webhook::send(webhook, body)).await;
        ways.push(("webhook", sent.unwrap_or_else(late)));
    }
    ways
}

/// The message: names, codes and counts.
fn body(
    command: &str,
    run_id: &str,
    (environment, site): (Environment, Option<&SiteName>),
    report: &Report,
    event: &Event,
    now: OffsetDateTime,
) -> String {
    let outcome = report.outcome();
    json!({
        "event": event.kind,
        "env": environment.name(),
        "site": site.map(SiteName::as_str),
        "command": command,
        "run_id": run_id,
        "at": clock::rfc3339(now),
        "outcome": outcome.name(),
        "exit_code": outcome.exit_code(),
        "rules": event.rules,
        "tables": event.tables,
        "count": event.tables.len(),
        "version": VERSION,
    })
    .to_string()
}

/// What was told, and when. A file that cannot be read is none: then it is told again.
type Memory = BTreeMap<String, String>;

fn remembered(settings: &Settings) -> Memory {
    let text = settings.state_dir.read(&told_file(settings)).ok().flatten().unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn is_new(event: &Event, environment: Environment, old: &Memory, now: OffsetDateTime) -> bool {
    let is_recent = |line: &String| {
        let at = old.get(line).and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
        at.is_some_and(|at| now - at < AGAIN_AFTER && at <= now)
    };
    !event.lines(environment).iter().all(is_recent)
}

/// What is to be remembered: what is so now, and what a run that came to no end could not know.
fn next_memory(
    command: &str,
    environment: Environment,
    outcome: Outcome,
    events: &[Event],
    old: &Memory,
    now: OffsetDateTime,
) -> Memory {
    let came_to_an_end = matches!(outcome, Outcome::Done | Outcome::Held | Outcome::Differences);
    let is_settled = |line: &String| {
        let Some(what) = line.strip_prefix(&format!("{environment} ")) else { return false };
        looks_at_tables(command) || what.starts_with("refused ") || what.starts_with("failed ")
    };
    let mut memory: Memory = old.clone();
    memory.retain(|line, _| !came_to_an_end || !is_settled(line));
    for event in events {
        let when = if is_new(event, environment, old, now) { Some(clock::rfc3339(now)) } else { None };
        for line in event.lines(environment) {
            let at = when.clone().or_else(|| old.get(&line).cloned()).unwrap_or_default();
            memory.insert(line, at);
        }
    }
    memory
}

#[cfg(test)]
mod tests;

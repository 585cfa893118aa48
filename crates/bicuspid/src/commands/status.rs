//! `bicuspid status`: what the copy shows, per table.

mod metrics;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use bicuspid_dashboard::live::{self, LiveRun};
use bicuspid_dashboard::view::{Copy, HeldView, Place, TableStanding, TableView};
use bicuspid_model::Environment;
use bicuspid_target::{Analytics, Demo, HeldState, ServerFacts, TableState};
use serde::Serialize;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use metrics::Metrics;

use super::ends;
use crate::App;
use crate::cli::OneOrAll;
use crate::known::KnownDatabases;
use crate::printer::{Align, Printer, Table, counted, grouped, plain};
use crate::report::{Ended, Report, Stop, fault};
use crate::settings::Settings;
use crate::sites::{self, SiteArg};
use crate::{banner, clock};

/// How a proof is called in which the source's own hashes stood for some rows.
const BY_HASH: &str = "server_hash";

/// Missing tables that are named at most.
const NAMED_MAX: usize = 3;

/// How long a run may say nothing before that is told.
const SILENCE_TOLD: Duration = Duration::minutes(1);

/// How long a table counts as fresh after it was proved, where the settings do not say it.
const FRESH_FOR: Duration = Duration::hours(23);

/// Show per table when it was last checked and changed, how many rows it has, and what is due; reads only
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Environment, or all three
    #[arg(long)]
    pub(crate) env: OneOrAll,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    /// Write the same, and how the last runs went, into this file as OpenMetrics text
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Fresh,
    Due,
    Held,
}

/// One table, in the names of the interface contract.
#[derive(Debug, Serialize)]
struct Shown {
    env: &'static str,
    name: String,
    rows: u64,
    last_checked_at: String,
    last_changed_at: String,
    proved_at: String,
    /// Whether all rows were read for that, or the source's own hashes stood for some of them.
    proved_by: &'static str,
    /// When all rows were last read, where it was kept.
    rows_read_at: Option<String>,
    /// When its next proof is due at the latest; a run may make it sooner.
    next_due_at: Option<String>,
    /// The share of edits that moved the edit stamp forward, as seen so far; null before the first edit, and in a table
    /// without a stamp that an index leads to.
    stamp_trust: Option<f64>,
    edits: u64,
    edits_unstamped: u64,
    state: State,
    held: Option<HeldState>,
}

impl Shown {
    /// As pages and metrics show it.
    fn view(&self) -> TableView {
        let held = self.held.as_ref().map(|held| HeldView {
            rule: held.rule.clone(),
            detail: held.detail.clone(),
            remedy: held.remedy.clone(),
        });
        TableView {
            name: self.name.clone(),
            rows: self.rows,
            checked_at: self.last_checked_at.clone(),
            changed_at: self.last_changed_at.clone(),
            proved_at: self.proved_at.clone(),
            by_hash: self.proved_by == BY_HASH,
            due_at: self.next_due_at.clone(),
            standing: match self.state {
                State::Held => TableStanding::Held,
                State::Due => TableStanding::Due,
                State::Fresh => TableStanding::Fresh,
            },
            held,
        }
    }
}

/// What was found of an environment.
#[derive(Debug, Default)]
struct Looked {
    tables: Vec<Shown>,
    /// Tables that are to be in the copy and were never published.
    missing: BTreeSet<String>,
}

impl Looked {
    /// How far the first load is, if it is not finished.
    fn first_load(&self, environment: Environment) -> Option<FirstLoad> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let (loaded, missing) = (count(self.tables.len()), count(self.missing.len()));
        (missing > 0).then(|| FirstLoad { env: environment.name(), tables: loaded + missing, loaded })
    }
}

/// A first load that is not finished, in the names of the interface contract.
#[derive(Debug, Serialize)]
struct FirstLoad {
    env: &'static str,
    /// Tables that are to be in the copy.
    tables: u64,
    /// Those that are there.
    loaded: u64,
}

pub(crate) async fn run(args: &StatusArgs, app: &App) -> Ended {
    if args.site.is_given() {
        return of_sites(args, app).await;
    }
    let (mut shown, mut first_loads, mut at_work) = (Vec::new(), Vec::new(), Vec::new());
    let mut report = Report::new();
    let mut metrics = args.metrics.as_deref().map(Metrics::new);
    for (environment, loaded) in ends::environments(args.env, app, "no copy was looked at")? {
        let settings = match loaded {
            Ok(settings) => settings,
            Err(error) => {
                report.add(error.trouble());
                continue;
            }
        };
        if args.env == OneOrAll::All && settings.is_empty() {
            Printer::note(&format!("Environment {environment} is not set up here; it was left out"));
            continue;
        }
        banner::environment(&settings);
        let looked = Box::pin(tables(&settings, banner::target)).await;
        let looked = looked.map_err(|stop| ends::stop_in_environment(stop, &settings));
        if let Some(metrics) = &mut metrics {
            metrics.add(&settings, &looked);
        }
        match looked {
            Ok(looked) => {
                if looked.is_none() {
                    Printer::note(match environment {
                        Environment::Demo => "  nothing was generated into the database yet",
                        _ => "  the database is not enrolled: nothing was copied into it yet",
                    });
                }
                let looked = looked.unwrap_or_default();
                first_loads.extend(show(app.printer, &settings, &looked));
                shown.extend(looked.tables);
            }
            Err(Stop(stopped)) => {
                for trouble in stopped.troubles() {
                    report.add(trouble.clone());
                }
            }
        }
        at_work.extend(show_running(app.printer, &settings));
    }
    let report = report.with("tables", shown).with("first_load", first_loads).with("running", at_work);
    Ok(match metrics {
        Some(metrics) => metrics.write(report),
        None => report,
    })
}

/// Each of several sites.
async fn of_sites(args: &StatusArgs, app: &App) -> Ended {
    let (_, members) = args.site.members_of(args.env, app)?;
    let metrics = RefCell::new(args.metrics.as_deref().map(Metrics::new));
    let of_site = |settings: Settings| {
        let metrics = &metrics;
        async move {
            banner::environment(&settings);
            let looked = Box::pin(tables(&settings, banner::target)).await;
            let looked = looked.map_err(|stop| ends::stop_in_environment(stop, &settings));
            if let Some(metrics) = &mut *metrics.borrow_mut() {
                metrics.add(&settings, &looked);
            }
            match looked {
                Ok(looked) => {
                    let looked = looked.unwrap_or_default();
                    let first_load = Vec::from_iter(show(app.printer, &settings, &looked));
                    let at_work = show_running(app.printer, &settings);
                    let report = Report::new().with("tables", looked.tables);
                    Ok(report.with("first_load", first_load).with("running", at_work))
                }
                Err(Stop(stopped)) => {
                    let at_work = show_running(app.printer, &settings);
                    Err(Stop(Box::new(stopped.with("running", at_work))))
                }
            }
        }
    };
    let ended = sites::in_turn(members, of_site).await;
    let whole = sites::combined(ended);
    Ok(match metrics.into_inner() {
        Some(metrics) => metrics.write(whole),
        None => whole,
    })
}

/// The copy of an environment as pages show it.
pub(super) async fn copy(settings: &Settings) -> Copy {
    let looked = tables(settings, |_| {}).await;
    copy_of(settings, &looked.map_err(|stop| ends::stop_in_environment(stop, settings)))
}

fn copy_of(settings: &Settings, looked: &Result<Option<Looked>, Stop>) -> Copy {
    let tables = match looked {
        Ok(looked) => Ok(looked.iter().flat_map(|looked| &looked.tables).map(Shown::view).collect()),
        Err(Stop(stopped)) => {
            Err(stopped.troubles().first().cloned().unwrap_or_else(|| fault("a stop without a reason")))
        }
    };
    Copy {
        environment: settings.environment,
        site: settings.site.as_ref().map(ToString::to_string),
        asked_at: clock::rfc3339(clock::now()),
        tables,
    }
}

/// The tables of an environment, `None` before there are any; `seen` is told which server answered.
async fn tables(settings: &Settings, seen: impl FnOnce(&ServerFacts)) -> Result<Option<Looked>, Stop> {
    match settings.environment {
        Environment::Demo => demo_tables(settings, seen).await,
        Environment::Clinic | Environment::Test => copied_tables(settings, seen).await,
    }
}

async fn copied_tables(settings: &Settings, seen: impl FnOnce(&ServerFacts)) -> Result<Option<Looked>, Stop> {
    let at = settings.target()?;
    let look = Analytics::connect_to_read(&at, &settings.schemas()).await?;
    seen(look.facts());
    let known = KnownDatabases::read(&settings.state_dir)?;
    known.judge(settings.environment, &at, &look).await?;
    if look.enrolled().await?.is_none() {
        return Ok(None);
    }
    let now = clock::now();
    let fresh_for = settings.config.proof_hours.map_or(FRESH_FOR, |hours| Duration::hours(hours.into()));
    // First: a table that is published in between counts as there, not as missing too.
    let mut missing = look.expected().await?;
    let tables = look.tables().await?.into_iter();
    let tables: Vec<Shown> = tables.map(|table| shown(settings.environment, table, now, fresh_for)).collect();
    for table in &tables {
        missing.remove(&table.name);
    }
    Ok(Some(Looked { tables, missing }))
}

/// The demo's tables: what the last generation wrote, counted now.
async fn demo_tables(settings: &Settings, seen: impl FnOnce(&ServerFacts)) -> Result<Option<Looked>, Stop> {
    let at = settings.target()?;
    let demo = Demo::connect_to_read(&ends::demo_endpoint(&at)).await?;
    seen(demo.facts());
    let known = KnownDatabases::read(&settings.state_dir)?.find(settings.environment, None, &at);
    demo.judge(&at.user, known.as_ref()).await?;
    let state = demo.inspect(&ends::demo_tables()).await?;
    let Some(generation) = state.generation else { return Ok(None) };
    let at = generation.started_at;
    let shown = |(name, rows)| Shown {
        env: settings.environment.name(),
        name,
        rows,
        last_checked_at: at.clone(),
        last_changed_at: at.clone(),
        proved_at: at.clone(),
        proved_by: "rows",
        rows_read_at: None,
        // There is no source that could move on.
        next_due_at: None,
        stamp_trust: None,
        edits: 0,
        edits_unstamped: 0,
        state: State::Fresh,
        held: None,
    };
    let tables = state.tables.into_iter().map(shown).collect();
    Ok(Some(Looked { tables, missing: BTreeSet::new() }))
}

fn shown(environment: Environment, table: TableState, now: OffsetDateTime, fresh_for: Duration) -> Shown {
    let due = OffsetDateTime::parse(&table.proved_at, &Rfc3339).ok().map(|proved| proved + fresh_for);
    let state = match (&table.held, due) {
        (Some(_), _) => State::Held,
        (None, Some(due)) if due > now => State::Fresh,
        (None, _) => State::Due,
    };
    Shown {
        env: environment.name(),
        name: table.name,
        rows: table.fingerprint.rows,
        last_checked_at: table.last_checked_at,
        last_changed_at: table.last_changed_at,
        proved_at: table.proved_at,
        proved_by: if table.pass.by_hash { BY_HASH } else { "rows" },
        rows_read_at: table.pass.rows_read_at,
        next_due_at: due.map(clock::rfc3339),
        stamp_trust: trust(table.pass.edits, table.pass.edits_unstamped),
        edits: table.pass.edits,
        edits_unstamped: table.pass.edits_unstamped,
        state,
        held: table.held,
    }
}

/// The share of edits that moved their stamp forward.
fn trust(edits: u64, unstamped: u64) -> Option<f64> {
    let number = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    (edits > 0).then(|| 1.0 - number(unstamped) / number(edits))
}

/// Prints the tables; how far the first load is, if it is not finished.
fn show(printer: Printer, settings: &Settings, looked: &Looked) -> Option<FirstLoad> {
    let (place, tables) = (settings.place(), &looked.tables);
    let columns = [
        ("table", Align::Left),
        ("rows", Align::Right),
        ("checked (UTC)", Align::Left),
        ("changed (UTC)", Align::Left),
        ("proved (UTC)", Align::Left),
        ("state", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for row in tables {
        let state = match (&row.held, row.state) {
            (Some(held), _) => format!("held: {}", held.rule),
            (None, State::Due) => "due".to_owned(),
            (None, _) => row
                .next_due_at
                .as_ref()
                .map_or_else(|| "fresh".to_owned(), |at| format!("fresh until {}", minute(at))),
        };
        table.row([
            row.name.clone(),
            grouped(row.rows),
            minute(&row.last_checked_at),
            minute(&row.last_changed_at),
            minute(&row.proved_at),
            state,
        ]);
    }
    if !table.is_empty() {
        printer.data(&table.to_string());
    }
    for row in tables.iter().filter(|row| row.edits_unstamped > 0) {
        printer.data(&format!(
            "stamps of {}: {} of {} did not move it",
            plain(&row.name),
            grouped(row.edits_unstamped),
            counted(row.edits, "edit")
        ));
    }
    let by_hash: Vec<&Shown> = tables.iter().filter(|row| row.proved_by == BY_HASH).collect();
    if !by_hash.is_empty() {
        let oldest = by_hash.iter().filter_map(|row| row.rows_read_at.as_deref()).min();
        printer.data(&format!(
            "{} last proved by the source's own hashes{}",
            counted(u64::try_from(by_hash.len()).unwrap_or(u64::MAX), "table"),
            oldest
                .map_or_else(String::new, |at| format!("; all rows were last read {} or later", minute(at)))
        ));
    }
    let rows = tables.iter().map(|row| row.rows).sum();
    let count = u64::try_from(tables.len()).unwrap_or(u64::MAX);
    printer.data(&format!("{place}: {} with {}", counted(count, "table"), counted(rows, "row")));
    let first_load = looked.first_load(settings.environment)?;
    // A few names are worth a look: a rule may hold those tables each time.
    let named = if looked.missing.len() <= NAMED_MAX {
        let names: Vec<&str> = looked.missing.iter().map(String::as_str).collect();
        format!(" (missing: {})", plain(&names.join(", ")))
    } else {
        String::new()
    };
    printer.data(&format!(
        "{place}: first load unfinished: {} of {} are there{named}; the next sync goes on",
        grouped(first_load.loaded),
        counted(first_load.tables, "table")
    ));
    Some(first_load)
}

/// Prints the runs that are at work on this machine in an environment, and gives them back.
fn show_running(printer: Printer, settings: &Settings) -> Vec<LiveRun> {
    let site = settings.site.as_ref().map(ToString::to_string);
    let folder = settings.state_dir.path().to_owned();
    let place = Place { environment: settings.environment, site: site.clone(), folder };
    let now = clock::now();
    let mut at_work = live::runs(&[place], now);
    // Environments may keep their state in one folder.
    at_work.retain(|run| run.environment == settings.environment.name() && run.site == site);
    for run in &at_work {
        printer.data(&format!("{}: {}", settings.place(), running_text(run, now)));
    }
    at_work
}

/// How far a run is, in a line. One that was killed cannot say so: a silence is told.
fn running_text(run: &LiveRun, now: OffsetDateTime) -> String {
    let heard = OffsetDateTime::parse(&run.updated_at, &Rfc3339);
    let silent = match heard {
        Ok(heard) if now - heard > SILENCE_TOLD => {
            format!("; last heard of {} UTC", plain(&minute(&run.updated_at)))
        }
        _ => String::new(),
    };
    let doing = if run.table.is_empty() { &run.step } else { &run.table };
    format!(
        "a {} is at work since {} UTC: {} of {}, {}, now {}{silent}",
        plain(&run.command),
        plain(&minute(&run.started_at)),
        grouped(run.tables_done),
        counted(run.tables, "table"),
        counted(run.rows, "row"),
        plain(doing)
    )
}

/// `2026-03-02 21:14` of an RFC 3339 time.
fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::Fingerprint;
    use bicuspid_target::PassState;
    use time::macros::datetime;

    fn table(checked: &str, held: Option<HeldState>) -> TableState {
        TableState {
            name: "patient".into(),
            shape: String::new(),
            walk: Vec::new(),
            fingerprint: Fingerprint { rows: 3, sum: 1 },
            last_checked_at: checked.into(),
            last_changed_at: checked.into(),
            proved_at: checked.into(),
            proof_age_seconds: 0,
            pass: PassState { edits: 8, edits_unstamped: 2, ..PassState::default() },
            converted: Vec::new(),
            held,
        }
    }

    #[test]
    fn a_run_at_work_is_told_in_a_line() {
        let mut run = LiveRun {
            run_id: "r".into(),
            command: "sync".into(),
            environment: "clinic".into(),
            site: None,
            started_at: "2026-03-02T21:14:09Z".into(),
            updated_at: "2026-03-02T21:15:00Z".into(),
            tables: 436,
            tables_done: 12,
            rows: 1234,
            rows_estimate: 5000,
            bytes: 99,
            table: "procedurelog".into(),
            step: "reading".into(),
        };
        let now = datetime!(2026-03-02 21:15:30 UTC);
        assert_eq!(
            running_text(&run, now),
            "a sync is at work since 2026-03-02 21:14 UTC: 12 of 436 tables, 1,234 rows, now procedurelog"
        );
        (run.tables, run.tables_done, run.rows, run.table) = (0, 0, 0, String::new());
        run.step = "planning".into();
        assert_eq!(
            running_text(&run, now + Duration::minutes(2)),
            "a sync is at work since 2026-03-02 21:14 UTC: 0 of 0 tables, 0 rows, now planning; \
             last heard of 2026-03-02 21:15 UTC"
        );
    }

    #[test]
    fn a_table_is_due_when_its_proof_is_old() {
        let now = datetime!(2026-03-03 12:00 UTC);
        let of = |proved, held| shown(Environment::Clinic, table(proved, held), now, Duration::DAY);
        let state = |proved, held| of(proved, held).state;
        assert_eq!(state("2026-03-02T12:00:01Z", None), State::Fresh);
        assert_eq!(state("2026-03-02T12:00:00Z", None), State::Due);
        assert_eq!(state("not a time", None), State::Due);
        let held = HeldState { rule: "r".into(), detail: String::new(), remedy: String::new() };
        assert_eq!(state("2026-03-03T11:00:00Z", Some(held)), State::Held);
        assert_eq!(of("2026-03-02T12:00:01.5Z", None).next_due_at.as_deref(), Some("2026-03-03T12:00:01Z"));
        assert_eq!(of("2026-03-02T12:00:01Z", None).stamp_trust, Some(0.75));
        assert_eq!(trust(0, 0), None);
    }
}

//! `bicuspid sync`: brings the copy up to date.

use std::sync::Arc;

use bicuspid_guard::consent::Action;
use bicuspid_guard::identity::Standing;
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_sync::{LinkMode, RunInfo, SyncReport, TableOutcome, TableReport};

use super::pair::Pair;
use super::{ends, enroll};
use crate::App;
use crate::cli::{Copied, Haste, LinkArg, ProofArg};
use crate::journal::Journal;
use crate::live_file::LiveFile;
use crate::printer::{Align, Printer, Table, bytes, counted, grouped, plain, seconds};
use crate::progress::{Act, Progress};
use crate::report::{Ended, Report, Stop};
use crate::run_id::RunId;
use crate::settings::Settings;
use crate::sites::{self, Answers, Claims, ParallelArg, SiteArg};
use crate::{banner, clock, consent, memory, notify};

/// Bring the copy up to date: extract read-only, stage, validate, publish in one transaction
///
/// A table that breaks a rule is held: it keeps its old rows, and the others go on.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SyncArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Copied,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    #[command(flatten)]
    pub(crate) parallel: ParallelArg,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    pub(crate) tables: Option<Vec<String>>,
    /// Compare every row with the target's instead of chunk fingerprints
    #[arg(long)]
    pub(crate) full: bool,
    /// Which tables are proved whole; the others are looked through where something new is likely
    #[arg(long, value_enum, default_value_t, conflicts_with = "full")]
    pub(crate) proof: ProofArg,
    #[command(flatten)]
    pub(crate) haste: Haste,
    /// How chunks are compared that were copied before
    #[arg(long, value_enum, default_value_t)]
    pub(crate) link: LinkArg,
    /// Take over tables of `raw` that another tool made, keeping the types of their columns
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Publish all first loads in one transaction instead of table by table
    #[arg(long)]
    pub(crate) atomic: bool,
    /// Let these tables shrink this time, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    pub(crate) accept_shrink: Vec<String>,
    /// Name of the target database, as consent without a terminal
    #[arg(long, value_name = "DBNAME")]
    pub(crate) confirm: Option<String>,
}

pub(crate) async fn run(args: &SyncArgs, app: &App) -> Ended {
    if !args.site.is_given() {
        return once(args, app, app.printer).await;
    }
    let answers = consented(args, app).await?;
    of_sites(args, app, app.printer, &answers).await
}

/// One run, told by this printer.
pub(super) async fn once(args: &SyncArgs, app: &App, printer: Printer) -> Ended {
    let settings = Settings::load(Environment::from(args.env), &app.globals, &app.process)?;
    let around = Around { confirm: args.confirm.clone(), attended: true, claims: Arc::default() };
    of_one(args, app, printer, &settings, &around).await
}

/// Asks once for all sites, unless a flag answers.
pub(super) async fn consented(args: &SyncArgs, app: &App) -> Result<Answers, Stop> {
    let environment = Environment::from(args.env);
    if args.confirm.is_some() {
        return Ok(Answers::new());
    }
    let members = args.site.members(environment, app)?;
    sites::ask(&members, environment, |settings, standing| actions(args, standing, settings)).await
}

/// One run of each site, some at a time, told by this printer.
pub(super) async fn of_sites(args: &SyncArgs, app: &App, printer: Printer, answers: &Answers) -> Ended {
    let environment = Environment::from(args.env);
    let members = args.site.members(environment, app)?;
    let each_printer = if members.len() == 1 { printer } else { printer.beside_others() };
    let claims = Arc::new(Claims::default());
    let ended = sites::each(members, args.parallel.parallel, |site, settings| {
        let (args, app) = (args.clone(), app.clone());
        let confirm = args.confirm.clone().or_else(|| answers.get(&site).cloned());
        let around = Around { confirm, attended: false, claims: Arc::clone(&claims) };
        async move { of_one(&args, &app, each_printer, &settings, &around).await }
    });
    let ended = ended.await;
    sites::show(printer, environment, &ended);
    Ok(sites::combined(ended))
}

/// What a run has to know of others beside it.
struct Around {
    /// What was answered for it.
    confirm: Option<String>,
    /// Whether a person can be asked about this run by itself.
    attended: bool,
    /// The sources of other sites in this call.
    claims: Arc<Claims>,
}

async fn of_one(args: &SyncArgs, app: &App, printer: Printer, settings: &Settings, around: &Around) -> Ended {
    let run = RunId::draw()?;
    let mut journal = Journal::open("sync", &run, settings, &app.process)?;
    let ended = Box::pin(sync(args, printer, settings, around, &run, &mut journal)).await;
    let ended = journal.close(ended.map_err(|stop| ends::stop_in_environment(stop, settings)));
    notify::after("sync", &run.text, settings, ended).await
}

async fn sync(
    args: &SyncArgs,
    printer: Printer,
    settings: &Settings,
    around: &Around,
    run: &RunId,
    journal: &mut Journal,
) -> Ended {
    let Pair { source_at, target_at, mut look, mut known, standing } = Pair::open(settings, journal).await?;
    let actions = actions(args, standing, settings);
    let confirm = around.confirm.as_deref();
    if around.attended {
        consent::obtain(settings, &actions, &look.facts().database, confirm).await?;
    } else {
        consent::obtain_unattended(settings, &actions, &look.facts().database, confirm)?;
    }

    let source = ends::open_source(&source_at, settings, args.haste).await?;
    banner::source(source.facts());
    around.claims.judge(settings, &look, &source.facts().server).await?;
    let mut told = ends::sync_settings(settings, args.tables.as_deref(), args.haste);
    told.full = args.full;
    told.proof = args.proof.into();
    told.link = args.link.into();
    told.adopt = args.adopt;
    told.atomic = args.atomic;
    told.accept_shrink = args.accept_shrink.iter().cloned().collect();
    look.anchor(journal.intend()?);
    let identity = enroll::make_known(settings, &look, &target_at, &mut known).await?;
    let writer = look.into_writer(identity).await?;
    let info = RunInfo { run_id: run.text.clone(), started_at: clock::rfc3339(run.began) };
    let progress = Progress::new(printer, Act::Copy, LiveFile::begin("sync", run, settings));
    let synced = bicuspid_sync::sync(source, writer, &told, &info, &|event| progress.hear(event)).await;
    progress.finish();
    match synced {
        Ok(report) => {
            show(printer, &report, &settings.place());
            Ok(ended(report))
        }
        Err(error) => {
            let Stop(stopped) = Stop::from(error);
            Err(Stop(Box::new(stopped.with("run_id", &run.text))))
        }
    }
}

/// What is about to happen, for consent.
fn actions(args: &SyncArgs, standing: Standing, settings: &Settings) -> Vec<Action> {
    let mut actions = vec![Action::Sync];
    if standing == Standing::New {
        actions.push(Action::Enroll);
    }
    if args.haste.now && settings.config.quiet_hours.is_some() {
        actions.push(Action::BusinessHours);
    }
    if args.full {
        actions.push(Action::FullReload);
    }
    if args.adopt {
        actions.push(Action::Adoption);
    }
    if !args.accept_shrink.is_empty() {
        actions.push(Action::Shrink);
    }
    actions
}

fn ended(synced: SyncReport) -> Report {
    let mut report = Report::new();
    for table in &synced.tables {
        // Tables that were held by the plan have no trouble of their own yet.
        if let Some(held) = &table.held
            && !synced.troubles.iter().any(|told| told.code == held.rule && told.what.contains(&table.name))
        {
            report.add(held_trouble(table, held));
        }
    }
    for trouble in &synced.troubles {
        report.add(trouble.clone());
    }
    report.with_all(synced).with("peak_memory_bytes", memory::peak_bytes())
}

fn held_trouble(table: &TableReport, held: &bicuspid_target::HeldState) -> Trouble {
    Trouble {
        code: held.rule.clone(),
        side: Side::Source,
        class: Class::Held,
        what: format!("table `{}` was not published", table.name),
        why: held.detail.clone(),
        state: "its old rows stay as they were; the other tables were published".to_owned(),
        hint: held.remedy.clone(),
    }
}

/// Prints the tables that changed or were held, and the sum of all.
fn show(printer: Printer, synced: &SyncReport, place: &str) {
    let columns = [
        ("table", Align::Left),
        ("mode", Align::Left),
        ("rows", Align::Right),
        ("inserted", Align::Right),
        ("updated", Align::Right),
        ("deleted", Align::Right),
        ("outcome", Align::Left),
    ];
    let mut table = Table::new(&columns);
    let mut empty = 0;
    for row in synced.tables.iter().filter(|table| table.outcome != TableOutcome::Unchanged) {
        if row.held.is_none() && row.rows_target == 0 && row.deleted == 0 {
            empty += 1;
            continue;
        }
        let outcome = match &row.held {
            Some(held) => format!("held: {}", held.rule),
            None => "published".to_owned(),
        };
        table.row([
            row.name.clone(),
            row.mode.name().to_owned(),
            grouped(row.rows_target),
            grouped(row.inserted),
            grouped(row.updated),
            grouped(row.deleted),
            outcome,
        ]);
    }
    if !table.is_empty() {
        printer.data(&table.to_string());
    }
    if empty > 0 {
        printer.data(&format!("and {} without rows", counted(empty, "new table")));
    }
    for row in &synced.tables {
        for converted in &row.converted {
            printer.data(&format!(
                "replaced: {}.{}: {} ({})",
                plain(&row.name),
                plain(&converted.column),
                counted(converted.count, "value"),
                converted.rule
            ));
        }
    }
    let count = |outcome| {
        u64::try_from(synced.tables.iter().filter(|table| table.outcome == outcome).count())
            .unwrap_or(u64::MAX)
    };
    let rows: u64 = synced.tables.iter().map(|table| table.rows_target).sum();
    printer.data(&format!(
        "{place}: {} published, {} unchanged, {} held; {} in the copy",
        counted(count(TableOutcome::Published), "table"),
        grouped(count(TableOutcome::Unchanged)),
        grouped(count(TableOutcome::Held)),
        counted(rows, "row")
    ));
    let source = &synced.source;
    printer.data(&format!(
        "source: {} ({}) in {} of {} ms at the median, {} ms at the 99th percentile, {} ms at most",
        counted(source.rows, "row"),
        bytes(source.bytes),
        counted(source.statements, "statement"),
        source.statement_ms.p50,
        source.statement_ms.p99,
        source.statement_ms.max
    ));
    if source.looks.busy + source.looks.critical > 0 {
        printer.data(&format!(
            "load: the server was busy at {} of {}, and was left alone for {} in all",
            grouped(source.looks.busy + source.looks.critical),
            counted(source.looks.all, "look"),
            seconds(source.rested_seconds)
        ));
    }
    if !synced.put_off.is_empty() {
        printer.data(&format!(
            "whole proofs that wait for the end of business hours: {}",
            plain(&synced.put_off.join(", "))
        ));
    }
    if synced.link.mode == LinkMode::Thin {
        let sum = |of: fn(&TableReport) -> u64| synced.tables.iter().map(of).sum();
        let link = plain(&synced.link.text());
        printer.data(&match sum(|table| table.chunks_asked) {
            0 => format!("link {link}: the rows were read with the source's hashes, for later runs to ask about"),
            asked => format!(
                "link {link}: asked about {} ({} hashed by the source), of which {} did not change and were not read",
                counted(asked, "chunk"),
                counted(source.rows_hashed, "row"),
                grouped(sum(|table| table.chunks_equal))
            ),
        });
    }
    printer.data(&format!("run {}: {}", synced.run_id, seconds(synced.seconds)));
}

//! `bicuspid verify`: reads both sides again and proves the copy equal.

use bicuspid_guard::consent::Action;
use bicuspid_guard::identity::Standing;
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_sync::{RunInfo, TableReport, VerifiedTable, VerifyReport};
use bicuspid_target::TargetError;

use super::ends;
use super::pair::Pair;
use crate::App;
use crate::cli::{Copied, Haste};
use crate::journal::Journal;
use crate::live_file::LiveFile;
use crate::printer::{Align, Printer, Table, counted, grouped, seconds};
use crate::progress::{Act, Progress};
use crate::report::{DIFFERENCES, Ended, Report, Stop};
use crate::run_id::RunId;
use crate::settings::Settings;
use crate::sites::{self, Answers, ParallelArg, SiteArg};
use crate::{banner, clock, consent, groups, notify};

/// Read both sides again and compare every row; reads only, unless --repair is given
///
/// Says equal, or which tables differ by how many rows; never values or keys.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct VerifyArgs {
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
    #[command(flatten)]
    pub(crate) haste: Haste,
    /// Bring the tables that differ in line with the source, then compare them again
    #[arg(long)]
    pub(crate) repair: bool,
    /// Name of the target database, as consent to --repair or --now without a terminal
    #[arg(long, value_name = "DBNAME")]
    pub(crate) confirm: Option<String>,
}

pub(crate) async fn run(args: &VerifyArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env);
    if args.site.is_given() {
        return of_sites(args, app, environment).await;
    }
    let settings = Settings::load(environment, &app.globals, &app.process)?;
    let around = Around { confirm: args.confirm.clone(), attended: true };
    of_one(args, app, &settings, &around).await
}

/// A proof of each site, some at a time.
async fn of_sites(args: &VerifyArgs, app: &App, environment: Environment) -> Ended {
    let members = args.site.members(environment, app)?;
    let answers = match args.confirm {
        Some(_) => Answers::new(),
        None => sites::ask(&members, environment, |settings, _| actions(args, settings)).await?,
    };
    let mut each_app = app.clone();
    if members.len() > 1 {
        each_app.printer = app.printer.beside_others();
    }
    let ended = sites::each(members, args.parallel.parallel, |site, settings| {
        let (args, app) = (args.clone(), each_app.clone());
        let confirm = args.confirm.clone().or_else(|| answers.get(&site).cloned());
        let around = Around { confirm, attended: false };
        async move { of_one(&args, &app, &settings, &around).await }
    });
    let ended = ended.await;
    sites::show(app.printer, environment, &ended);
    Ok(sites::combined(ended))
}

/// How a proof that may write gets its consent.
struct Around {
    /// What was answered for it.
    confirm: Option<String>,
    /// Whether a person can be asked about this proof by itself.
    attended: bool,
}

async fn of_one(args: &VerifyArgs, app: &App, settings: &Settings, around: &Around) -> Ended {
    let run = RunId::draw()?;
    let mut journal = Journal::open("verify", &run, settings, &app.process)?;
    if args.repair {
        journal.may_repair();
    }
    let ended = Box::pin(verify(args, app, settings, around, &mut journal, &run)).await;
    let ended = journal.close(ended.map_err(|stop| ends::stop_in_environment(stop, settings)));
    notify::after("verify", &run.text, settings, ended).await
}

/// What is about to happen, for consent.
fn actions(args: &VerifyArgs, settings: &Settings) -> Vec<Action> {
    let mut actions = Vec::new();
    if args.repair {
        actions.push(Action::Repair);
    }
    if args.haste.now && settings.config.quiet_hours.is_some() {
        actions.push(Action::BusinessHours);
    }
    actions
}

async fn verify(
    args: &VerifyArgs,
    app: &App,
    settings: &Settings,
    around: &Around,
    journal: &mut Journal,
    run: &RunId,
) -> Ended {
    let mut pair = Pair::open(settings, journal).await?;
    if pair.standing == Standing::New {
        return Err(TargetError::NotEnrolled { database: pair.look.facts().database.clone() }.into());
    }
    let (actions, confirm) = (actions(args, settings), around.confirm.as_deref());
    if around.attended {
        consent::obtain(settings, &actions, &pair.look.facts().database, confirm).await?;
    } else {
        consent::obtain_unattended(settings, &actions, &pair.look.facts().database, confirm)?;
    }
    pair.look.anchor(journal.intend()?);
    let proof = prove(args, app, settings, &pair, run, args.tables.as_deref()).await?;
    show(app.printer, &proof);
    let differing: Vec<String> = differing(&proof).map(|table| table.name.clone()).collect();
    if !args.repair || differing.is_empty() {
        return Ok(ended(proof, settings.environment));
    }
    let repaired = Box::pin(repair(args, app, settings, pair, run, &differing)).await?;
    let pair = Pair::open(settings, journal).await?;
    let again = prove(args, app, settings, &pair, run, Some(&differing)).await?;
    show(app.printer, &again);
    Ok(ended(merged(proof, again), settings.environment).with("repaired", repaired))
}

/// Reads both sides and compares them.
async fn prove(
    args: &VerifyArgs,
    app: &App,
    settings: &Settings,
    pair: &Pair,
    run: &RunId,
    tables: Option<&[String]>,
) -> Result<VerifyReport, Stop> {
    let source = ends::open_source(&pair.source_at, settings, args.haste).await?;
    banner::source(source.facts());
    let told = ends::sync_settings(settings, tables, args.haste);
    let progress = Progress::new(app.printer, Act::Proof, LiveFile::begin("verify", run, settings));
    let proof = bicuspid_sync::verify(source, &pair.look, &told, &|event| progress.hear(event)).await;
    progress.finish();
    Ok(proof?)
}

/// Brings the tables that differ in line with the source: a full comparison that writes the differences, in one
/// transaction. What it did, table by table.
async fn repair(
    args: &VerifyArgs,
    app: &App,
    settings: &Settings,
    pair: Pair,
    run: &RunId,
    differing: &[String],
) -> Result<Vec<TableReport>, Stop> {
    let tables = u64::try_from(differing.len()).unwrap_or(u64::MAX);
    Printer::note(&format!("  repairing {}", counted(tables, "table")));
    let source = ends::open_source(&pair.source_at, settings, args.haste).await?;
    let mut told = ends::sync_settings(settings, Some(differing), args.haste);
    told.full = true;
    let identity = pair.look.facts().identity(settings.environment, settings.site.as_ref());
    let writer = pair.look.into_writer(identity).await?;
    let info = RunInfo { run_id: run.text.clone(), started_at: clock::rfc3339(run.began) };
    let progress = Progress::new(app.printer, Act::Copy, LiveFile::begin("verify --repair", run, settings));
    let synced = bicuspid_sync::sync(source, writer, &told, &info, &|event| progress.hear(event)).await;
    progress.finish();
    Ok(synced?.tables)
}

/// The first proof with what the second one says of the tables that were repaired.
fn merged(mut proof: VerifyReport, again: VerifyReport) -> VerifyReport {
    for table in again.tables {
        if let Some(before) = proof.tables.iter_mut().find(|before| before.name == table.name) {
            *before = table;
        }
    }
    proof.equal = proof.tables.iter().all(|table| table.equal);
    proof.seconds += again.seconds;
    proof
}

fn differing(proof: &VerifyReport) -> impl Iterator<Item = &VerifiedTable> {
    proof.tables.iter().filter(|table| !table.equal && table.held.is_none())
}

fn ended(proof: VerifyReport, environment: Environment) -> Report {
    let mut report = Report::new();
    let tables: Vec<&VerifiedTable> = differing(&proof).collect();
    if !tables.is_empty() {
        report.differ(differences(&tables, environment));
    }
    for table in &proof.tables {
        if let Some(held) = &table.held {
            report.add(Trouble {
                code: held.rule.clone(),
                side: Side::Source,
                class: Class::Held,
                what: format!("table `{}` could not be compared", table.name),
                why: held.detail.clone(),
                state: "nothing was written".to_owned(),
                hint: held.remedy.clone(),
            });
        }
    }
    report.with_all(proof)
}

fn differences(tables: &[&VerifiedTable], environment: Environment) -> Trouble {
    let sum = |count: fn(&VerifiedTable) -> u64| tables.iter().map(|table| count(table)).sum::<u64>();
    let tables_count = u64::try_from(tables.len()).unwrap_or(u64::MAX);
    Trouble {
        code: DIFFERENCES.to_owned(),
        side: Side::Target,
        class: Class::Held,
        what: format!(
            "{} {} from the source",
            counted(tables_count, "table"),
            if tables.len() == 1 { "differs" } else { "differ" }
        ),
        why: format!(
            "{} missing, {} too many, {} different",
            counted(sum(|table| table.missing), "row"),
            grouped(sum(|table| table.extra)),
            grouped(sum(|table| table.different))
        ),
        state: "nothing was written; edits since the last sync count as differences too".to_owned(),
        hint: format!(
            "run `bicuspid verify --env {environment} --repair`, which writes the differences and compares again"
        ),
    }
}

/// Most tables that are listed one by one; more are told group by group.
const TABLES_LISTED_MAX: usize = 40;

fn show(printer: Printer, proof: &VerifyReport) {
    if proof.tables.len() > TABLES_LISTED_MAX {
        show_groups(printer, &proof.tables);
        let rest: Vec<&VerifiedTable> = proof.tables.iter().filter(|table| !table.equal).collect();
        show_tables(printer, &rest);
    } else {
        show_tables(printer, &proof.tables.iter().collect::<Vec<_>>());
    }
    let withheld: usize = proof.tables.iter().map(|table| table.withheld.len()).sum();
    if withheld > 0 {
        let columns = counted(u64::try_from(withheld).unwrap_or(u64::MAX), "column");
        printer.data(&format!("not copied, so not compared: {columns}; `bicuspid plan` names them"));
    }
    let equal = u64::try_from(proof.tables.iter().filter(|table| table.equal).count()).unwrap_or(u64::MAX);
    let all = u64::try_from(proof.tables.len()).unwrap_or(u64::MAX);
    let rows = proof.tables.iter().map(|table| table.rows_source).sum();
    printer.data(&format!(
        "{}: {} of {} proved equal, {} on the source, {}",
        if proof.equal { "EQUAL" } else { "NOT EQUAL" },
        grouped(equal),
        counted(all, "table"),
        counted(rows, "row"),
        seconds(proof.seconds)
    ));
}

fn show_groups(printer: Printer, tables: &[VerifiedTable]) {
    let columns = [
        ("tables of", Align::Left),
        ("tables", Align::Right),
        ("source rows", Align::Right),
        ("target rows", Align::Right),
        ("verdict", Align::Left),
    ];
    let mut shown = Table::new(&columns);
    for group in groups::all() {
        let members: Vec<&VerifiedTable> =
            tables.iter().filter(|table| groups::group(&table.name) == group).collect();
        if members.is_empty() {
            continue;
        }
        let unequal = members.iter().filter(|table| !table.equal).count();
        shown.row([
            group.to_owned(),
            grouped(u64::try_from(members.len()).unwrap_or(u64::MAX)),
            grouped(members.iter().map(|table| table.rows_source).sum()),
            grouped(members.iter().map(|table| table.rows_target).sum()),
            if unequal == 0 { "equal".to_owned() } else { format!("NOT EQUAL in {unequal}") },
        ]);
    }
    printer.data(&shown.to_string());
}

fn show_tables(printer: Printer, tables: &[&VerifiedTable]) {
    let columns = [
        ("table", Align::Left),
        ("source rows", Align::Right),
        ("target rows", Align::Right),
        ("missing", Align::Right),
        ("extra", Align::Right),
        ("different", Align::Right),
        ("verdict", Align::Left),
    ];
    let mut shown = Table::new(&columns);
    for row in tables {
        let verdict = match (&row.held, row.equal) {
            (Some(held), _) => format!("held: {}", held.rule),
            (None, true) => "equal".to_owned(),
            (None, false) => "DIFFERS".to_owned(),
        };
        shown.row([
            row.name.clone(),
            grouped(row.rows_source),
            grouped(row.rows_target),
            grouped(row.missing),
            grouped(row.extra),
            grouped(row.different),
            verdict,
        ]);
    }
    if !shown.is_empty() {
        printer.data(&shown.to_string());
    }
}

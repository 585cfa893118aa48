//! `bicuspid verify`: reads both sides again and proves the copy equal.

use bicuspid_guard::identity::{self, Standing};
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_sync::{VerifiedTable, VerifyReport};
use bicuspid_target::{Analytics, TargetError};

use super::ends;
use crate::App;
use crate::cli::{Copied, PaceArg};
use crate::journal::Journal;
use crate::known::{self, KnownDatabases};
use crate::printer::{Align, Printer, Table, counted, grouped, seconds};
use crate::progress::{Act, Progress};
use crate::report::{DIFFERENCES, Ended, Report};
use crate::run_id::RunId;
use crate::settings::Settings;
use crate::{banner, groups};

/// Read both sides again and compare every row; reads only
///
/// Says equal, or which tables differ by how many rows; never values or keys.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Copied,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    pub(crate) tables: Option<Vec<String>>,
    /// How fast the source is read
    #[arg(long, value_enum, default_value_t)]
    pub(crate) pace: PaceArg,
}

pub(crate) async fn run(args: &VerifyArgs, app: &App) -> Ended {
    let settings = Settings::load(Environment::from(args.env), &app.globals, &app.process)?;
    let mut journal = Journal::open("verify", &RunId::draw()?, &settings, &app.process)?;
    let ended = Box::pin(verify(args, app, &settings, &mut journal)).await;
    journal.close(ended.map_err(|stop| ends::stop_in_environment(stop, &settings)))
}

async fn verify(args: &VerifyArgs, app: &App, settings: &Settings, journal: &mut Journal) -> Ended {
    let (source_at, target_at) = settings.both()?;
    journal.source(&source_at);
    journal.target(&target_at);
    identity::distinct(&source_at, &target_at)?;
    banner::environment(settings);
    let look = Analytics::connect(&target_at).await?;
    banner::target(look.facts());
    journal.found(look.facts());
    let known = KnownDatabases::read(&settings.state_dir)?.find(settings.environment, &target_at);
    let standing = known::judge(settings.environment, &target_at, &look, known.as_ref()).await?;
    if standing == Standing::New {
        return Err(TargetError::NotEnrolled { database: look.facts().database.clone() }.into());
    }
    let source = ends::open_source(&source_at, settings, args.pace.into()).await?;
    banner::source(source.facts());
    let told = ends::sync_settings(settings, args.tables.as_deref(), args.pace.into());
    journal.intend()?;
    let progress = Progress::new(app.printer, Act::Proof);
    let proof = bicuspid_sync::verify(source, &look, &told, &|event| progress.hear(event)).await;
    progress.finish();
    let proof = proof?;
    show(app.printer, &proof);
    Ok(ended(proof, settings.environment))
}

fn ended(proof: VerifyReport, environment: Environment) -> Report {
    let mut report = Report::new();
    let differing: Vec<&VerifiedTable> =
        proof.tables.iter().filter(|table| !table.equal && table.held.is_none()).collect();
    if !differing.is_empty() {
        report.differ(differences(&differing, environment));
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
        hint: format!("run `bicuspid sync --env {environment}`, then verify again"),
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

//! `bicuspid verify`: reads both sides again and proves the copy equal.

use bicuspid_guard::identity::{self, Standing};
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_sync::{VerifiedTable, VerifyReport};
use bicuspid_target::{Analytics, TargetError};

use super::ends;
use crate::App;
use crate::banner;
use crate::cli::{Copied, PaceArg};
use crate::known::{self, KnownDatabases};
use crate::printer::{Align, Printer, Table, counted, grouped, plain, seconds};
use crate::progress::Progress;
use crate::report::{Ended, Report};
use crate::settings::Settings;

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
    verify(args, app, &settings).await.map_err(|stop| ends::stop_in_environment(stop, &settings))
}

async fn verify(args: &VerifyArgs, app: &App, settings: &Settings) -> Ended {
    let (source_at, target_at) = settings.both()?;
    identity::distinct(&source_at, &target_at)?;
    banner::environment(settings);
    let look = Analytics::connect(&target_at).await?;
    banner::target(look.facts());
    let known = KnownDatabases::read(&settings.state_dir)?.find(settings.environment, &target_at);
    let standing = known::judge(settings.environment, &target_at, &look, known.as_ref()).await?;
    if standing == Standing::New {
        return Err(TargetError::NotEnrolled { database: look.facts().database.clone() }.into());
    }
    let source = ends::open_source(&source_at, settings, args.pace.into()).await?;
    banner::source(source.facts());
    let told = ends::sync_settings(settings, args.tables.as_deref(), args.pace.into());
    let progress = Progress::new(app.printer);
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
        code: "verify::differences".to_owned(),
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

fn show(printer: Printer, proof: &VerifyReport) {
    let columns = [
        ("table", Align::Left),
        ("source rows", Align::Right),
        ("target rows", Align::Right),
        ("missing", Align::Right),
        ("extra", Align::Right),
        ("different", Align::Right),
        ("verdict", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for row in &proof.tables {
        let verdict = match (&row.held, row.equal) {
            (Some(held), _) => format!("held: {}", held.rule),
            (None, true) => "equal".to_owned(),
            (None, false) => "DIFFERS".to_owned(),
        };
        table.row([
            row.name.clone(),
            grouped(row.rows_source),
            grouped(row.rows_target),
            grouped(row.missing),
            grouped(row.extra),
            grouped(row.different),
            verdict,
        ]);
    }
    if !table.is_empty() {
        printer.data(&table.to_string());
        printer.data("");
    }
    for row in &proof.tables {
        for column in &row.withheld {
            printer.data(&format!("not compared: {}.{}", plain(&row.name), plain(column)));
        }
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

//! `bicuspid export`: the copy as Parquet files.

use std::path::PathBuf;

use bicuspid_export::{Event, ExportPlan, ExportReport, ExportSettings};
use bicuspid_guard::consent::Action;
use bicuspid_guard::identity::Standing;
use bicuspid_model::Environment;
use bicuspid_target::{Analytics, TargetError};

use super::ends;
use crate::App;
use crate::cli::{Copied, VERSION};
use crate::journal::Journal;
use crate::known::KnownDatabases;
use crate::printer::{Align, Printer, Table, counted, grouped, seconds};
use crate::report::{Ended, Report};
use crate::run_id::RunId;
use crate::settings::Settings;
use crate::sites::SiteArg;
use crate::{banner, consent, notify};

/// Write the copy into Parquet files, proved on the way; reads only the target
///
/// The files hold patients and are not encrypted; only their owner may read them. They show one moment, and every
/// table is compared with the fingerprint that was committed with it: all files are written, or none. Tables of events
/// are parted by year, in folders whose names other tools read (`procedurelog/year=2024/part-0.parquet`).
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Environment whose target is read
    #[arg(long)]
    pub(crate) env: Copied,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    /// Form of the files
    #[arg(long)]
    pub(crate) output: Output,
    /// Folder for the files; what an earlier export wrote there is replaced, anything else is left alone
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    pub(crate) tables: Option<Vec<String>>,
    /// One file for each table, not one for each of its years
    #[arg(long)]
    pub(crate) flat: bool,
    /// Name of the database, as consent without a terminal
    #[arg(long, value_name = "DBNAME")]
    pub(crate) confirm: Option<String>,
}

/// Form of the files.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Output {
    /// Parquet, compressed with Snappy
    Parquet,
}

pub(crate) async fn run(args: &ExportArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env);
    let settings = if args.site.is_given() {
        args.site.one(environment, app)?
    } else {
        Settings::load(environment, &app.globals, &app.process)?
    };
    let run = RunId::draw()?;
    let mut journal = Journal::open("export", &run, &settings, &app.process)?;
    let ended = Box::pin(export(args, app, &settings, &mut journal)).await;
    let ended = journal.close(ended.map_err(|stop| ends::stop_in_environment(stop, &settings)));
    notify::after("export", &run.text, &settings, ended).await
}

async fn export(args: &ExportArgs, app: &App, settings: &Settings, journal: &mut Journal) -> Ended {
    let Output::Parquet = args.output;
    let target_at = settings.target()?;
    journal.target(&target_at);
    banner::environment(settings);
    let look = Analytics::connect_to_read(&target_at, &settings.schemas()).await?;
    banner::target(look.facts());
    journal.found(look.facts());
    let known = KnownDatabases::read(&settings.state_dir)?;
    if known.judge(settings.environment, &target_at, &look).await? == Standing::New {
        return Err(TargetError::NotEnrolled { database: look.facts().database.clone() }.into());
    }
    look.inspect().await?;
    let lower = |names: &Vec<String>| names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let plan = ExportPlan::make(ExportSettings {
        environment: settings.environment.name().to_owned(),
        site: settings.site.as_ref().map(ToString::to_string),
        dir: args.dir.clone(),
        tables: args.tables.as_ref().map(lower),
        by_year: !args.flat,
        version: VERSION.to_owned(),
    })?;
    let present = plan.rows_present();
    if present > 0 {
        Printer::note(&format!("  {} of an earlier export will be replaced", counted(present, "row")));
    }
    let database = &look.facts().database;
    consent::obtain(settings, &[Action::Export], database, args.confirm.as_deref()).await?;
    journal.intend()?;
    let heard = |event| {
        if let Event::Begun { tables, rows } = event {
            let tables = u64::try_from(tables).unwrap_or(u64::MAX);
            let what = format!("{} with {}", counted(tables, "table"), counted(rows, "row"));
            Printer::note(&format!("Writing {what} into {}", args.dir.display()));
        }
    };
    let report = plan.run(&look, &heard).await?;
    show(app.printer, &report);
    Ok(Report::new().with_all(report))
}

/// Most tables that are listed: those with the most rows.
const TABLES_LISTED_MAX: usize = 20;

fn show(printer: Printer, report: &ExportReport) {
    let columns = [
        ("table", Align::Left),
        ("rows", Align::Right),
        ("bytes", Align::Right),
        ("files", Align::Right),
        ("parted by the year of", Align::Left),
    ];
    let mut shown = Table::new(&columns);
    let mut largest: Vec<_> = report.tables.iter().collect();
    largest.sort_by(|a, b| b.rows_read.cmp(&a.rows_read).then_with(|| a.name.cmp(&b.name)));
    for table in largest.iter().take(TABLES_LISTED_MAX) {
        shown.row([
            table.name.clone(),
            grouped(table.rows_read),
            grouped(table.bytes),
            grouped(table.files),
            table.parted_by.clone().unwrap_or_default(),
        ]);
    }
    printer.data(&shown.to_string());
    let others = largest.len().saturating_sub(TABLES_LISTED_MAX);
    if others > 0 {
        printer.data(&format!("and {}", counted(u64::try_from(others).unwrap_or(u64::MAX), "smaller table")));
    }
    for table in report.tables.iter().filter(|table| !table.left_out.is_empty()) {
        let columns = counted(u64::try_from(table.left_out.len()).unwrap_or(u64::MAX), "column");
        Printer::note(&format!("  {}: {columns} that the source does not have left out", table.name));
    }
    printer.data(&format!(
        "{} in {}, as of {}, each table as it was proved; {}",
        counted(report.rows, "row"),
        report.dir,
        report.as_of,
        seconds(report.seconds)
    ));
    printer.data("These files hold patients and are not encrypted: keep them as you keep the database");
}

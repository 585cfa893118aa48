//! `bicuspid generate`: puts a synthetic practice into the demo database, and nowhere else.

mod anomalies;
mod explain;
mod files;
mod quality;

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use bicuspid_generate::{
    Condition, Event, Form, GenerateReport, GenerateSettings, Place, Plan, RunInfo, Shard, Spread,
};
use bicuspid_guard::{DEMO_DATABASE, identity};
use bicuspid_model::{Class, Date, Environment, FingerprintKey, Secret, Side, Trouble};
use bicuspid_practice::{Preset, Receivables};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::ends;
use crate::App;
use crate::cli::VERSION;
use crate::journal::Journal;
use crate::known::KnownDatabases;
use crate::live_file::LiveFile;
use crate::printer::{Align, Printer, Table, bytes, counted, grouped, seconds};
use crate::report::{Ended, Report, Stop, fault};
use crate::run_id::RunId;
use crate::settings::{Overrides, Settings};
use crate::{banner, clock, consent, memory, notify};

/// Longest password that is read from standard input, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Write a synthetic practice into the demo database `opendental_demo` or into files, and nowhere else
///
/// Families arrive, book, are treated, billed and insured; nobody in it is real. The same seed and dates give the same
/// rows. What an earlier generation wrote is replaced in one transaction. Where there is a row that no generation wrote,
/// nothing is written at all. Settings come from `./.env_demo`; flags override them, but for the database's name, which
/// is fixed. Variables of the clinic have no say. Files need no settings and reach no server.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct GenerateArgs {
    /// Patients on file at the end of the history, in all locations together
    #[arg(long, value_name = "N", required_unless_present_any = ["check", "explain", "tables_sql"])]
    pub(crate) patients: Option<u32>,
    /// Seed of all chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// First day of the history (default: three years before the end)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) start_date: Option<Date>,
    /// The morning on which the practice is shown, before it opens (default: today, UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) end_date: Option<Date>,
    /// Places that belong to the practice; with more than one, each is a clinic with a history of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) locations: u32,
    /// Whose lists the practice keeps
    #[arg(long, value_enum, default_value_t)]
    pub(crate) preset: PresetArg,
    /// How old the money is that patients and insurers owe
    #[arg(long, value_enum, default_value_t)]
    pub(crate) receivables: ReceivablesArg,
    /// Keep the database tidy (the default)
    #[arg(long, conflicts_with = "messy")]
    pub(crate) clean: bool,
    /// Plant known dirt of the kinds that real databases hold: zero dates, orphans, patients entered twice and more
    #[arg(long)]
    pub(crate) messy: bool,
    /// List every planted anomaly in this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) anomalies: Option<PathBuf>,
    /// Where the rows go
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// Folder of the files: not there yet, or one whose manifest accounts for what would be replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Write share I of N, of the locations if there are enough and else of every table's rows; all shares, in order, are
    /// the whole
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<Shard>,
    /// Threads that simulate, encode and write; the bytes do not depend on it (default: one for each processor)
    #[arg(long, value_name = "T")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Write the quality report of the demo database into this file, as one page of HTML
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Measure the practice that is in the demo database, and write nothing
    #[arg(long, conflicts_with_all = WRITING)]
    pub(crate) check: bool,
    /// Tell the life of one patient in the demo database, with the rows it left: `--explain patient 12`
    #[arg(long, num_args = 2, value_names = ["WHAT", "ID"], conflicts_with_all = WRITING, conflicts_with = "check")]
    pub(crate) explain: Option<Vec<String>>,
    /// Print a script for psql that makes every table, empty, as the files of `--output csv` fill them
    #[arg(long, conflicts_with_all = WRITING, conflicts_with_all = ["check", "explain", "report"])]
    pub(crate) tables_sql: bool,
    /// With `--tables-sql`: for Citus, the rows of a patient on one server and lists on all
    #[arg(long, value_enum)]
    pub(crate) distribute_by: Option<DistributeByArg>,
    /// Host of the demo's server, or the folder of its unix socket
    #[arg(long, value_name = "H")]
    pub(crate) db_host: Option<String>,
    /// Port of the demo's server
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) db_port: Option<u16>,
    /// Account
    #[arg(long, value_name = "U")]
    pub(crate) db_user: Option<String>,
    /// Accepts `opendental_demo` alone; anything else is refused
    #[arg(long, value_name = "opendental_demo")]
    pub(crate) db_name: Option<String>,
    /// Read the account's password from standard input, one line
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Answer the question with yes
    #[arg(long)]
    pub(crate) yes: bool,
    /// Check everything, let the practice happen, show what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Flags that describe what would be written: what only reads takes none of them.
const WRITING: [&str; 15] = [
    "patients",
    "seed",
    "start_date",
    "end_date",
    "locations",
    "preset",
    "receivables",
    "clean",
    "messy",
    "anomalies",
    "output",
    "dir",
    "shard",
    "threads",
    "dry_run",
];

/// Where the rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Output {
    /// Into the demo database, in one transaction
    #[default]
    Postgres,
    /// Into CSV files, one for each table
    Csv,
    /// Into Parquet files, one for each table
    Parquet,
}

impl Output {
    /// The form of the files, if there are any.
    const fn form(self) -> Option<Form> {
        match self {
            Self::Postgres => None,
            Self::Csv => Some(Form::Csv),
            Self::Parquet => Some(Form::Parquet),
        }
    }
}

/// How tables are spread over a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DistributeByArg {
    /// By the column `PatNum`
    Patient,
}

/// Whose lists the practice keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum PresetArg {
    /// As a public dbt project over such a database expects them
    #[default]
    Dbt,
    /// Open Dental's ordinary lists
    Stock,
}

/// How old the money is that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ReceivablesArg {
    /// Asked for at the desk and followed up each month
    Healthy,
    /// As most offices do it
    #[default]
    Typical,
    /// Nobody follows up
    Neglected,
}

pub(crate) async fn run(args: &GenerateArgs, app: &App) -> Ended {
    if let Some(name) = &args.db_name {
        identity::demo_database(name)?;
    }
    if args.tables_sql {
        return tables_sql(args, app.printer);
    }
    if let Some(form) = goes_together(args)? {
        return files::run(args, app, form).await;
    }
    let settings = Settings::load_demo(&app.globals, &app.process, &overrides(args)?)?;
    let complete = |ended: Ended| ended.map_err(|stop| ends::stop_in_environment(stop, &settings));
    if args.check {
        return complete(Box::pin(quality::check(args, app, &settings)).await);
    }
    if let Some(what) = &args.explain {
        return complete(Box::pin(explain::run(what, app, &settings)).await);
    }
    if args.dry_run {
        return complete(Box::pin(rehearse(args, app, &settings)).await);
    }
    let run = RunId::draw()?;
    let mut journal = Journal::open("generate", &run, &settings, &app.process)?;
    let ended = Box::pin(generate(args, app, &settings, &run, &mut journal)).await;
    notify::after("generate", &run.text, &settings, journal.close(complete(ended))).await
}

/// Prints the statements that make the tables; reaches nothing.
fn tables_sql(args: &GenerateArgs, printer: Printer) -> Ended {
    let spread = match args.distribute_by {
        Some(DistributeByArg::Patient) => Spread::ByPatient,
        None => Spread::None,
    };
    let script = bicuspid_generate::tables_sql(spread)?;
    printer.data(script.trim_end());
    Ok(Report::new().with("sql", script))
}

/// The form of the files, if files are asked for; refuses flags of one kind of output beside the other.
fn goes_together(args: &GenerateArgs) -> Result<Option<Form>, Stop> {
    let form = args.output.form();
    let conflict = |flag: &str, why: &str| {
        Err(Stop::from(Trouble {
            code: "usage::conflict".to_owned(),
            side: Side::Local,
            class: Class::Usage,
            what: format!("{flag} does not go with this output"),
            why: why.to_owned(),
            state: "no server was asked for anything".to_owned(),
            hint: "`bicuspid generate --help` lists what there is".to_owned(),
        }))
    };
    let server = args.db_host.is_some()
        || args.db_port.is_some()
        || args.db_user.is_some()
        || args.db_name.is_some()
        || args.password_stdin;
    match form {
        _ if args.distribute_by.is_some() => {
            conflict("--distribute-by", "it is about the script of --tables-sql")
        }
        None if args.dir.is_some() => conflict("--dir", "rows go into the demo database, not into files"),
        None if args.shard.is_some() => {
            conflict("--shard", "the demo database takes a whole practice or none; shards are for files")
        }
        Some(_) if args.dir.is_none() => Err(Stop::from(Trouble {
            code: "usage::missing".to_owned(),
            side: Side::Local,
            class: Class::Usage,
            what: "--dir is missing".to_owned(),
            why: "files need a folder".to_owned(),
            state: "nothing was written".to_owned(),
            hint: "add `--dir FOLDER`".to_owned(),
        })),
        Some(_) if server => conflict("a flag of the server", "files reach no server"),
        Some(_) if args.report.is_some() => conflict("--report", "it measures the demo database"),
        form => Ok(form),
    }
}

/// Connects, judges, and says what would be written.
async fn planned(args: &GenerateArgs, settings: &Settings) -> Result<Plan, Stop> {
    let at = settings.target()?;
    let practice = practice(args)?;
    banner::environment(settings);
    announce(&practice);
    let known = KnownDatabases::read(&settings.state_dir)?.find(Environment::Demo, None, &at);
    let endpoint = ends::demo_endpoint(&at);
    let condition = condition(args);
    let plan = bicuspid_generate::plan(GenerateSettings { practice, condition, endpoint, known }).await?;
    banner::demo(&at.host, plan.facts());
    let rows = plan.state().rows();
    if rows > 0 {
        Printer::note(&format!("  {} of an earlier generation will be replaced", counted(rows, "row")));
    }
    Ok(plan)
}

async fn rehearse(args: &GenerateArgs, app: &App, settings: &Settings) -> Ended {
    let plan = planned(args, settings).await?;
    let report = plan.rehearse().await?;
    show(app.printer, &report);
    app.printer.data(&format!(
        "Dry run: {} would be written into {DEMO_DATABASE}; nothing was written",
        counted(report.rows, "row")
    ));
    Ok(ended(&report).with("rows_present", plan.state().rows()).with("dry_run", true))
}

async fn generate(
    args: &GenerateArgs,
    app: &App,
    settings: &Settings,
    run: &RunId,
    journal: &mut Journal,
) -> Ended {
    let list = anomalies::place(args)?;
    let at = settings.target()?;
    journal.target(&at);
    let mut plan = planned(args, settings).await?;
    journal.found(plan.facts());
    consent::obtain_for_demo(settings, &plan.facts().database, args.yes).await?;
    plan.anchor(journal.intend()?);
    let mut key = [0_u8; 16];
    SystemRandom::new().fill(&mut key).map_err(|_| Stop::from(fault("the system gave no random bytes")))?;
    let info = RunInfo {
        run_id: run.text.clone(),
        started_at: clock::rfc3339(run.began),
        tool_version: VERSION.to_owned(),
        key: FingerprintKey::new(key),
    };
    let identity = plan.identity()?;
    let bar = bar(app.printer);
    let live = LiveFile::begin("generate", run, settings);
    let hear = |event| {
        tell(&live, event);
        hear(&bar, app.printer, event);
    };
    let result = plan.run(info, &hear).await;
    bar.finish_and_clear();
    drop(live);
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            let Stop(stopped) = Stop::from(error);
            return Err(Stop(Box::new(stopped.with("run_id", &run.text))));
        }
    };
    KnownDatabases::read(&settings.state_dir)?.remember(&settings.state_dir, &at, &identity)?;
    show(app.printer, &report);
    app.printer.data(&format!(
        "demo: {} and {} in {}, counted by the server; {} replaced, {} empty",
        counted(u64::from(report.patients), "patient"),
        counted(report.rows, "row"),
        place(&report),
        counted(report.rows_replaced, "row"),
        counted(report.tables_empty, "table"),
    ));
    app.printer.data("No other database was connected to");
    app.printer.data(&format!("run {}: {}", run.text, seconds(report.seconds)));
    let told = anomalies::write(list.as_ref(), app.printer, &report, ended(&report));
    quality::after_run(args, app, &at, told.with("run_id", &run.text)).await
}

fn ended(report: &GenerateReport) -> Report {
    Report::new().with_all(report).with("peak_memory_bytes", memory::peak_bytes())
}

/// Host and port as people write them.
fn place(report: &GenerateReport) -> String {
    match &report.place {
        Place::Target(target) => {
            format!("{} at {}", target.database, bicuspid_model::Host::new(&target.host, target.port))
        }
        Place::Dir(dir) => dir.display().to_string(),
    }
}

/// Prints the tables that hold rows.
fn show(printer: Printer, report: &GenerateReport) {
    let mut table = Table::new(&[("table", Align::Left), ("rows", Align::Right), ("digest", Align::Left)]);
    for row in report.tables.iter().filter(|table| table.rows > 0) {
        table.row([row.name.clone(), grouped(row.rows), row.digest.clone()]);
    }
    table.row(["total".to_owned(), grouped(report.rows), String::new()]);
    printer.data(&table.to_string());
    printer.data("");
    anomalies::show(printer, report);
}

/// The practice that the flags describe.
fn practice(args: &GenerateArgs) -> Result<bicuspid_practice::Settings, Stop> {
    let today = clock::now().date();
    let end = match args.end_date {
        Some(date) => date,
        None => Date::from_ymd(today.year(), u8::from(today.month()), today.day())
            .ok_or_else(|| Stop::from(fault("today is no day of the calendar")))?,
    };
    let usual = bicuspid_practice::Settings::new(args.patients.unwrap_or_default(), args.seed, end);
    Ok(bicuspid_practice::Settings {
        start_date: args.start_date.unwrap_or(usual.start_date),
        locations: args.locations,
        preset: match args.preset {
            PresetArg::Dbt => Preset::Dbt,
            PresetArg::Stock => Preset::Stock,
        },
        receivables: match args.receivables {
            ReceivablesArg::Healthy => Receivables::Healthy,
            ReceivablesArg::Typical => Receivables::Typical,
            ReceivablesArg::Neglected => Receivables::Neglected,
        },
        ..usual
    })
}

/// Whether its database is tidy.
const fn condition(args: &GenerateArgs) -> Condition {
    if args.messy { Condition::Messy } else { Condition::Clean }
}

/// Says what will happen, and from when to when: the one setting that may come from the clock is among it.
fn announce(practice: &bicuspid_practice::Settings) {
    Printer::note(&format!(
        "Practice: {}, {} to {}, seed {}",
        counted(u64::from(practice.patients), "patient"),
        practice.start_date,
        practice.end_date,
        practice.seed
    ));
}

fn overrides(args: &GenerateArgs) -> Result<Overrides, Stop> {
    Ok(Overrides {
        host: args.db_host.clone(),
        port: args.db_port,
        user: args.db_user.clone(),
        password: if args.password_stdin { Some(password_from_stdin()?) } else { None },
    })
}

fn password_from_stdin() -> Result<Secret, Stop> {
    let unusable = |why: &str| {
        Stop::from(Trouble {
            code: "usage::password_stdin".to_owned(),
            side: Side::Local,
            class: Class::Usage,
            what: "no password could be read from standard input".to_owned(),
            why: why.to_owned(),
            state: "no server was asked for anything".to_owned(),
            hint: "pass it through a pipe or a file: `bicuspid generate … --password-stdin < FILE`"
                .to_owned(),
        })
    };
    if std::io::stdin().is_terminal() {
        return Err(unusable("it is a terminal, which would show the password"));
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().take(PASSWORD_BYTES_MAX).read_line(&mut line);
    let password = line.trim_end_matches(['\r', '\n']);
    match read {
        Ok(_) if !password.is_empty() => Ok(Secret::new(password)),
        Ok(_) => Err(unusable("its first line is empty")),
        Err(_) => Err(unusable("it is not text")),
    }
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "not a date of the form YYYY-MM-DD".to_owned())
}

/// A spinner: how many rows there will be is known when they are there.
fn bar(printer: Printer) -> ProgressBar {
    let target =
        if printer.is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{elapsed} {human_pos} rows, {per_sec}  {wide_msg}");
    ProgressBar::with_draw_target(None, target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn shard(text: &str) -> Result<Shard, String> {
    let wrong = || "not a share of the form 2/4".to_owned();
    let (index, of) = text.split_once('/').ok_or_else(wrong)?;
    Shard::new(index.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?).ok_or_else(wrong)
}

/// Tells pages how far the run is.
fn tell(live: &LiveFile, event: Event) {
    live.tell(|run| match event {
        Event::Counting => "counting".clone_into(&mut run.step),
        Event::Begun => "writing".clone_into(&mut run.step),
        Event::Rows { rows, bytes } => {
            run.rows += rows;
            run.bytes += bytes;
        }
        Event::Keys => "giving the tables their keys".clone_into(&mut run.step),
        Event::Proving => "reading every row back".clone_into(&mut run.step),
        Event::Publishing => "publishing".clone_into(&mut run.step),
    });
}

fn hear(bar: &ProgressBar, printer: Printer, event: Event) {
    let line = |text: &str| {
        bar.set_message(text.to_owned());
        if !printer.is_watched() {
            Printer::note(text);
        }
    };
    match event {
        Event::Counting => line("Counting the rows of all shards"),
        Event::Begun => line("Writing in one transaction"),
        Event::Rows { rows, bytes: size } => {
            bar.inc(rows);
            bar.set_message(format!("writing {} at a time", bytes(size)));
        }
        Event::Keys => line("Giving the tables their keys"),
        Event::Proving => line("Reading every row back before the commit"),
        Event::Publishing => line("Putting the files in their place"),
    }
}

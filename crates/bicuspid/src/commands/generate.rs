//! `bicuspid generate`: puts a synthetic practice into the demo database, and nowhere else.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use bicuspid_generate::{Event, GenerateReport, GenerateSettings, Plan, RunInfo};
use bicuspid_guard::{DEMO_DATABASE, identity};
use bicuspid_model::{Class, Date, Environment, FingerprintKey, Secret, Side, Trouble};
use bicuspid_target::DemoEndpoint;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::ends;
use crate::App;
use crate::cli::VERSION;
use crate::journal::Journal;
use crate::known::KnownDatabases;
use crate::printer::{Align, Printer, Table, bytes, counted, grouped, seconds};
use crate::report::{Ended, Report, Stop, fault};
use crate::run_id::RunId;
use crate::settings::{Overrides, Settings};
use crate::{banner, clock, consent, memory};

/// Longest password that is read from standard input, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Write a synthetic practice into the demo database `opendental_demo`, and nowhere else
///
/// Families arrive, book, are treated, billed and insured; nobody in it is real. The same seed and dates give the same
/// rows. What an earlier generation wrote is replaced in one transaction. Where there is a row that no generation wrote,
/// nothing is written at all. Settings come from `./.env_demo`; flags override them, but for the database's name, which
/// is fixed. Variables of the clinic have no say.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// Patients on file at the end of the history
    #[arg(long, value_name = "N")]
    pub(crate) patients: u32,
    /// Seed of all chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// First day of the history (default: three years before the end)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) start_date: Option<Date>,
    /// The morning on which the practice is shown, before it opens (default: today, UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) end_date: Option<Date>,
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

pub(crate) async fn run(args: &GenerateArgs, app: &App) -> Ended {
    if let Some(name) = &args.db_name {
        identity::demo_database(name)?;
    }
    let settings = Settings::load_demo(&app.globals, &app.process, &overrides(args)?)?;
    let complete = |ended: Ended| ended.map_err(|stop| ends::stop_in_environment(stop, &settings));
    if args.dry_run {
        return complete(Box::pin(rehearse(args, app, &settings)).await);
    }
    let run = RunId::draw()?;
    let mut journal = Journal::open("generate", &run, &settings, &app.process)?;
    let ended = Box::pin(generate(args, app, &settings, &run, &mut journal)).await;
    journal.close(complete(ended))
}

/// Connects, judges, and says what would be written.
async fn planned(args: &GenerateArgs, settings: &Settings) -> Result<Plan, Stop> {
    let at = settings.target()?;
    banner::environment(settings);
    let known = KnownDatabases::read(&settings.state_dir)?.find(Environment::Demo, &at);
    // The name that the settings carry is left behind: the demo's role knows its own.
    let endpoint = DemoEndpoint { host: at.host, user: at.user, password: at.password, tls: at.tls };
    let plan =
        bicuspid_generate::plan(GenerateSettings { practice: practice(args)?, endpoint, known }).await?;
    banner::target(plan.facts());
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
    let at = settings.target()?;
    journal.target(&at);
    let plan = planned(args, settings).await?;
    journal.found(plan.facts());
    consent::obtain_for_demo(settings, &plan.facts().database, args.yes).await?;
    journal.intend()?;
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
    let result = plan.run(info, &|event| hear(&bar, app.printer, event)).await;
    bar.finish_and_clear();
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
        "demo: {} and {} in {} at {}, counted by the server; {} replaced, {} empty",
        counted(u64::from(report.patients), "patient"),
        counted(report.rows, "row"),
        report.target.database,
        place(&report),
        counted(report.rows_replaced, "row"),
        counted(report.tables_empty, "table"),
    ));
    app.printer.data("No other database was connected to");
    app.printer.data(&format!("run {}: {}", run.text, seconds(report.seconds)));
    Ok(ended(&report).with("run_id", &run.text))
}

fn ended(report: &GenerateReport) -> Report {
    Report::new().with_all(report).with("peak_memory_bytes", memory::peak_bytes())
}

/// Host and port as people write them.
fn place(report: &GenerateReport) -> String {
    bicuspid_model::Host::new(&report.target.host, report.target.port).to_string()
}

/// Prints the tables that hold rows.
fn show(printer: Printer, report: &GenerateReport) {
    let mut table = Table::new(&[("table", Align::Left), ("rows", Align::Right), ("digest", Align::Left)]);
    for row in report.tables.iter().filter(|table| table.rows > 0) {
        table.row([row.name.clone(), grouped(row.rows), row.digest.clone()]);
    }
    printer.data(&table.to_string());
    printer.data("");
}

/// The practice that the flags describe.
fn practice(args: &GenerateArgs) -> Result<bicuspid_practice::Settings, Stop> {
    let today = clock::now().date();
    let end = match args.end_date {
        Some(date) => date,
        None => Date::from_ymd(today.year(), u8::from(today.month()), today.day())
            .ok_or_else(|| Stop::from(fault("today is no day of the calendar")))?,
    };
    let usual = bicuspid_practice::Settings::new(args.patients, args.seed, end);
    Ok(bicuspid_practice::Settings { start_date: args.start_date.unwrap_or(usual.start_date), ..usual })
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

fn hear(bar: &ProgressBar, printer: Printer, event: Event) {
    let line = |text: &str| {
        bar.set_message(text.to_owned());
        if !printer.is_watched() {
            Printer::note(text);
        }
    };
    match event {
        Event::Begun => line("Writing in one transaction"),
        Event::Rows { rows, bytes: size } => {
            bar.inc(rows);
            bar.set_message(format!("writing {} at a time", bytes(size)));
        }
        Event::Proving => line("Reading every row back before the commit"),
    }
}

//! `bicuspid report`: where the report of the last run is.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bicuspid_ledger::{RunRecord, RunStore};
use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};

use crate::App;
use crate::cli::OneOrAll;
use crate::journal::RUNS;
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop};
use crate::reports;
use crate::settings::{ProcessEnvironment, Settings, StateDir};

/// Say where the report of the last run is, and open it where a person watches
///
/// Every run leaves a page that needs nothing but itself and the same as JSON in the state folder, for their owner alone.
/// They hold tables, columns, counts and times, no value of a row.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Environment, or all three
    #[arg(long, value_enum, default_value_t = OneOrAll::All)]
    pub(crate) env: OneOrAll,
    /// Open nothing
    #[arg(long)]
    pub(crate) no_open: bool,
}

pub(crate) fn run(args: &ReportArgs, app: &App) -> Ended {
    let mut report = Report::new();
    let mut last: Option<(PathBuf, RunRecord)> = None;
    for folder in folders(args, app, &mut report)? {
        let runs =
            if folder.join(RUNS).is_dir() { RunStore::at(folder.join(RUNS)).list()?.0 } else { Vec::new() };
        let fits = |run: &RunRecord| {
            run.finished_at.is_some() && (args.env == OneOrAll::All || run.environment == args.env.name())
        };
        let newest = runs.into_iter().find(fits);
        let is_newer =
            |run: &RunRecord| last.as_ref().is_none_or(|(_, known)| run.started_at > known.started_at);
        if let Some(run) = newest.filter(is_newer) {
            last = Some((folder, run));
        }
    }
    let Some((folder, run)) = last else {
        app.printer.data("Nothing was run yet that is recorded here.");
        return Ok(report.with("report", None::<PathBuf>));
    };
    let page = folder.join(reports::FOLDER).join(format!("{}.html", run.run_id));
    if !page.exists() {
        // Runs of older versions left none, and old reports are removed.
        reports::write(&folder, &run).map_err(|error| unwritten(&page, &error))?;
    }
    app.printer.data(&page.display().to_string());
    let is_watched = app.printer.is_watched() && std::io::stdout().is_terminal() && !app.printer.is_json();
    if is_watched && !args.no_open && !open(&page, &app.process) {
        Printer::note("It could not be opened from here; a browser can.");
    }
    let json = page.with_extension("json");
    Ok(report.with("run_id", run.run_id).with("report", page).with("report_json", json))
}

/// The state folders of the environments that are meant, each once.
fn folders(args: &ReportArgs, app: &App, report: &mut Report) -> Result<Vec<PathBuf>, Stop> {
    let mut folders = Vec::new();
    for environment in args.env.environments() {
        match Settings::load(*environment, &app.globals, &app.process) {
            Ok(settings) => folders.push(settings.state_dir.path().to_owned()),
            Err(error) => report.add(error.trouble()),
        }
    }
    if folders.is_empty() {
        folders.push(StateDir::locate(app.globals.state_dir.as_deref())?.path().to_owned());
    }
    folders.sort();
    folders.dedup();
    Ok(folders)
}

fn unwritten(page: &Path, error: &std::io::Error) -> Stop {
    Stop::from(Trouble {
        code: "files::report".to_owned(),
        side: Side::Local,
        class: Class::Local,
        what: format!("{} could not be written", page.display()),
        why: reason_of_io(error),
        state: "the run itself is as it was told".to_owned(),
        hint: "make room, or see the run in `bicuspid serve`".to_owned(),
    })
}

/// Gives the page to the program that this system opens pages with; false where there is none to give it to.
fn open(page: &Path, process: &ProcessEnvironment) -> bool {
    let program = if cfg!(windows) {
        "explorer.exe"
    } else if cfg!(target_os = "macos") {
        "open"
    } else if process.has_display() {
        "xdg-open"
    } else {
        return false;
    };
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // What a browser is told is inherited by what it starts: passwords stay here.
    for name in ProcessEnvironment::names() {
        command.env_remove(name);
    }
    command.spawn().is_ok()
}

//! Bicuspid: a one-way valve for dental data.

mod banner;
mod cli;
mod clock;
mod commands;
mod consent;
mod core_dump;
mod dbt;
mod groups;
mod interrupt;
mod journal;
mod known;
mod live_file;
mod memory;
mod notify;
mod panics;
mod printer;
mod progress;
mod report;
mod reports;
mod rhythm;
mod run_id;
mod settings;
mod sites;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cli::{Cli, Parsed};
use printer::Printer;
use report::{Ended, Outcome, Report, Stop};
use settings::ProcessEnvironment;

/// How long goodbyes to servers may take once the work is over.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

/// After how many steps of its tasks a thread of the runtime listens to the sockets. The default of 61 is meant for short
/// steps; ours hash or compress a quarter of a megabyte, and a statement on the source would seem to take as long as 61
/// of them.
const STEPS_BETWEEN_EVENTS: u32 = 1;

/// What every command is given.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Flags of every command.
    pub(crate) globals: cli::Globals,
    /// The known variables of the process environment.
    pub(crate) process: Arc<ProcessEnvironment>,
    /// Where to print.
    pub(crate) printer: Printer,
}

fn main() -> ExitCode {
    // Before anything secret is read.
    core_dump::prevent();
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let process = ProcessEnvironment::read();
    match cli::parse(&args) {
        Parsed::Text(text) => {
            Printer::raw(text.trim_end());
            ExitCode::SUCCESS
        }
        Parsed::Wrong { trouble, command, json } => {
            let printer = Printer::new(json, process.allows_colour());
            finish(printer, &command, None, Err(Stop::from(*trouble)))
        }
        Parsed::Command(cli) => run(*cli, process),
    }
}

fn run(cli: Cli, process: ProcessEnvironment) -> ExitCode {
    let printer = Printer::new(cli.globals.json, process.allows_colour());
    let (command, env) = (cli.command.name(), cli.command.env());
    let app = App { globals: cli.globals, process: Arc::new(process), printer };
    // A message of a panic may hold a value; its place cannot.
    panics::remember_places();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .event_interval(STEPS_BETWEEN_EVENTS)
            .enable_all()
            .build();
        let Ok(runtime) = runtime else {
            return Err(Stop::from(report::fault("the runtime could not be started")));
        };
        let ended = runtime.block_on(async {
            let ends_by_interrupt = cli.command.ends_by_interrupt();
            let command = Box::pin(commands::run(cli.command, &app));
            if ends_by_interrupt {
                return command.await;
            }
            interrupt::unless_interrupted(printer, command).await
        });
        runtime.shutdown_timeout(GOODBYE_MAX);
        ended
    }));
    let ended = ended.unwrap_or_else(|_| Err(panics::first()));
    finish(printer, command, env, ended)
}

/// Tells the troubles, prints the JSON object, and turns the outcome into the exit code.
fn finish(printer: Printer, command: &str, env: Option<&str>, ended: Ended) -> ExitCode {
    let report: Report = match ended {
        Ok(report) => report,
        Err(Stop(report)) => *report,
    };
    for trouble in report.troubles() {
        printer.trouble(trouble);
    }
    if printer.is_json() {
        Printer::raw(&report.text(command, env));
    }
    let outcome: Outcome = report.outcome();
    ExitCode::from(outcome.exit_code())
}

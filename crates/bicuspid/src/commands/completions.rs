//! `bicuspid completions`: a script that completes commands and flags in a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::App;
use crate::cli::Cli;
use crate::report::Report;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    pub(crate) shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, app: &App) -> Report {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bicuspid", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    app.printer.data(&script);
    Report::new().with("script", script)
}

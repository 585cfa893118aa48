//! The commands: one file each, its arguments on top and one function below.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod dbt;
pub(crate) mod ends;
pub(crate) mod enroll;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod grants;
pub(crate) mod guard;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod verify;
pub(crate) mod watch;

mod pair;

use crate::App;
use crate::cli::Command;
use crate::report::Ended;

/// Carries out a command.
pub(crate) async fn run(command: Command, app: &App) -> Ended {
    match command {
        Command::Init(args) => init::run(&args, app).await,
        Command::Grants(args) => grants::run(&args, app),
        Command::Check(args) => check::run(&args, app).await,
        Command::Enroll(args) => Box::pin(enroll::run(&args, app)).await,
        Command::Plan(args) => plan::run(&args, app).await,
        Command::Sync(args) => Box::pin(sync::run(&args, app)).await,
        Command::Watch(args) => Box::pin(watch::run(&args, app)).await,
        Command::Verify(args) => Box::pin(verify::run(&args, app)).await,
        Command::Status(args) => status::run(&args, app).await,
        Command::Serve(args) => Box::pin(serve::run(&args, app)).await,
        Command::Report(args) => report::run(&args, app),
        Command::Export(args) => Box::pin(export::run(&args, app)).await,
        Command::Generate(args) => Box::pin(generate::run(&args, app)).await,
        Command::Audit(args) => audit::run(&args, app).await,
        Command::Dbt(args) => dbt::run(&args, app).await,
        Command::Guard(args) => guard::run(&args, app),
        Command::Sandbox(args) => sandbox::run(&args, app).await,
        Command::Completions(args) => Ok(completions::run(&args, app)),
        Command::Man(args) => man::run(&args, app),
    }
}

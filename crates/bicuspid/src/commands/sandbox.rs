//! `bicuspid sandbox`: private, throw-away servers, for trying things out.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bicuspid_model::Date;
use bicuspid_sandbox::{Engine, Server, Step, UpOptions};

use crate::App;
use crate::clock;
use crate::interrupt::interrupted;
use crate::printer::{Printer, counted, grouped};
use crate::report::{Ended, Report, Stop, fault};

/// Run private, throw-away MariaDB and PostgreSQL servers with a synthetic clinic in them
#[derive(Debug, clap::Args)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Up(UpArgs),
    Live(LiveArgs),
    Down(DownArgs),
}

/// Statements that front-desk work sends in a second.
const STATEMENTS_A_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();

impl SandboxArgs {
    pub(crate) const fn name(&self) -> &'static str {
        match self.action {
            Action::Up(_) => "sandbox up",
            Action::Live(_) => "sandbox live",
            Action::Down(_) => "sandbox down",
        }
    }

    /// Whether Ctrl-C is how it is meant to end.
    pub(crate) const fn ends_by_interrupt(&self) -> bool {
        matches!(self.action, Action::Live(_))
    }
}

/// Start both servers and leave them running, with environment files ready to use from the folder
#[derive(Debug, clap::Args)]
struct UpArgs {
    /// Folder: empty, not there yet, or that of a sandbox that is down
    #[arg(long)]
    dir: PathBuf,
    /// Patients of the clinic; 0 makes the tables and no rows
    #[arg(long, default_value_t = 300)]
    patients: u32,
    /// Seed of the synthetic practice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many practices beside the clinic, each with a seed of its own, listed as sites in DIR/bicuspid.toml
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    sites: u32,
    /// Storage engine of the clinic's tables
    #[arg(long, value_enum, default_value_t)]
    engine: EngineArg,
}

/// Play front-desk work in the clinic's database of a sandbox that is up: its practice lives on
#[derive(Debug, clap::Args)]
struct LiveArgs {
    /// Folder of the sandbox
    #[arg(long)]
    dir: PathBuf,
    /// For so many seconds, instead of until Ctrl-C
    #[arg(long)]
    seconds: Option<u64>,
}

/// Stop both servers and remove what the sandbox made
#[derive(Debug, clap::Args)]
struct DownArgs {
    /// Folder of the sandbox
    #[arg(long)]
    dir: PathBuf,
}

/// Storage engine of the clinic's tables.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum EngineArg {
    /// Tables are locked while they are read, as on most real servers
    #[default]
    Myisam,
    /// Readers see a snapshot
    Innodb,
}

pub(crate) async fn run(args: &SandboxArgs, app: &App) -> Ended {
    match &args.action {
        Action::Up(args) => up(args, app).await,
        Action::Live(args) => live(args, app).await,
        Action::Down(args) => down(args, app).await,
    }
}

async fn up(args: &UpArgs, app: &App) -> Ended {
    let today = clock::now().date();
    let options = UpOptions {
        dir: args.dir.clone(),
        patients: args.patients,
        seed: args.seed,
        sites: args.sites,
        as_of: Date::from_ymd(today.year(), today.month().into(), today.day())
            .ok_or_else(|| Stop::from(fault("the clock")))?,
        engine: match args.engine {
            EngineArg::Myisam => Engine::MyIsam,
            EngineArg::Innodb => Engine::InnoDb,
        },
        durable: true,
    };
    let printer = app.printer;
    Printer::note(&format!("Bringing a sandbox up in {}", args.dir.display()));
    let made = tokio::task::spawn_blocking(move || {
        bicuspid_sandbox::up(&options, &|step| Printer::note(&format!("  {}", step_text(&step))))
    });
    let info = made.await.map_err(|_| Stop::from(fault("src/commands/sandbox.rs")))??;
    let dir = info.dir.display();
    printer.data(&format!("clinic:    MariaDB on 127.0.0.1 port {}", info.clinic.port));
    printer.data(&format!("analytics: PostgreSQL on 127.0.0.1 port {}", info.postgres.port));
    printer.data(&format!("try:       cd {dir} && bicuspid sync --env clinic"));
    if !info.sites.is_empty() {
        let sites = counted(u64::try_from(info.sites.len()).unwrap_or(u64::MAX), "site");
        printer.data(&format!("{sites}:   cd {dir} && bicuspid sync --env clinic --site all --parallel 4"));
    }
    printer.data(&format!("end it:    bicuspid sandbox down --dir {dir}"));
    Ok(Report::new().with_all(info))
}

async fn live(args: &LiveArgs, app: &App) -> Ended {
    let stop = async {
        match args.seconds {
            Some(seconds) => tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                () = interrupted() => {}
            },
            None => interrupted().await,
        }
    };
    let until = if args.seconds.is_some() { "" } else { "; Ctrl-C ends it" };
    Printer::note(&format!("The clinic in {} is at work{until}", args.dir.display()));
    let done = bicuspid_sandbox::live(&args.dir, STATEMENTS_A_SECOND, stop).await?;
    for (count, what) in [
        (done.inserts, "rows made"),
        (done.edits_stamped, "rows edited"),
        (done.edits_unstamped, "rows edited without a stamp"),
        (done.deletes, "rows deleted"),
        (done.merges, "patients merged into others"),
        (done.bulk_edits, "edits of many rows at once"),
    ] {
        app.printer.data(&format!("{:>9} {what}", grouped(count)));
    }
    Ok(Report::new().with("dir", &args.dir).with_all(done))
}

async fn down(args: &DownArgs, app: &App) -> Ended {
    let dir = args.dir.clone();
    let ended = tokio::task::spawn_blocking(move || bicuspid_sandbox::down(&dir));
    ended.await.map_err(|_| Stop::from(fault("src/commands/sandbox.rs")))??;
    app.printer.data(&format!("the sandbox in {} is gone", args.dir.display()));
    Ok(Report::new().with("dir", &args.dir))
}

fn step_text(step: &Step) -> String {
    match step {
        Step::Started(server) => format!("{} is up", name(*server)),
        Step::Tables { database, tables } => {
            format!("{} made in `{database}`", counted(u64::try_from(*tables).unwrap_or(u64::MAX), "table"))
        }
        Step::Rows { database, rows } => format!("{} rows put into `{database}`", grouped(*rows)),
        Step::Accounts(server) => format!("accounts made on {}", name(*server)),
    }
}

const fn name(server: Server) -> &'static str {
    server.name()
}

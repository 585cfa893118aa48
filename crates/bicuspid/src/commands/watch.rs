//! `bicuspid watch`: brings the copy up to date again and again, for those who have no scheduler.

use std::pin::Pin;
use std::time::Duration;

use bicuspid_guard::consent::{Action, Stage};
use bicuspid_guard::identity::Standing;
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_target::Analytics;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::ends;
use super::sync::{self, SyncArgs};
use crate::App;
use crate::cli::{Copied, Haste, LinkArg, PaceArg, ProofArg};
use crate::interrupt::{self, interrupted};
use crate::known::KnownDatabases;
use crate::printer::{Printer, counted, grouped};
use crate::report::{Ended, Outcome, Report, Stop};
use crate::rhythm::{Rhythm, span};
use crate::settings::Settings;
use crate::sites::{Answers, ParallelArg, SiteArg};
use crate::{clock, consent};

/// Run `sync` again and again, in one process: at once, then by the interval
///
/// A run that takes longer than the interval is not caught up with. A held table, a lost server, another run that holds
/// the lock: each is told, and the next run tries again; waits grow up to an hour while a server cannot be reached. The
/// first run ends the watch if settings are wrong or it is refused for safety. Ctrl-C and SIGTERM end it, at once while it
/// waits; the exit code is that of the last run. With --json each run is one line, and the last line is of the watch.
#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// Environment
    #[arg(long)]
    env: Copied,
    #[command(flatten)]
    site: SiteArg,
    #[command(flatten)]
    parallel: ParallelArg,
    /// Time from the beginning of a run to the next, such as 90s, 15m, 6h or 1d
    #[arg(long, value_name = "SPAN", value_parser = interval)]
    every: Duration,
    /// Begin each run but the first by a random time later, up to this
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = span)]
    jitter: Duration,
    /// End after so many runs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    tables: Option<Vec<String>>,
    /// Which tables are proved whole in each run
    #[arg(long, value_enum, default_value_t)]
    proof: ProofArg,
    /// How fast the source is read
    #[arg(long, value_enum, default_value_t)]
    pace: PaceArg,
    /// How chunks are compared that were copied before
    #[arg(long, value_enum, default_value_t)]
    link: LinkArg,
    /// Name of the target database, as consent to all runs without a terminal
    #[arg(long, value_name = "DBNAME")]
    confirm: Option<String>,
}

impl WatchArgs {
    /// The environment in JSON.
    pub(crate) fn env(&self) -> &'static str {
        Environment::from(self.env).name()
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    span(text)
        .and_then(|span| if span.is_zero() { Err("a second is the least".to_owned()) } else { Ok(span) })
}

/// What has been so far.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    done: u64,
    /// Runs in a row that reached no server.
    failures: u32,
    last: Report,
}

impl Tally {
    fn add(&mut self, report: Report) {
        let outcome = report.outcome();
        self.runs += 1;
        self.done += u64::from(outcome == Outcome::Done);
        self.failures = if outcome == Outcome::Failed { self.failures.saturating_add(1) } else { 0 };
        self.last = report;
    }

    /// Whether nothing gets better by waiting: a person has just started this, and can see to it.
    fn is_hopeless(&self) -> bool {
        self.runs == 1 && matches!(self.last.outcome(), Outcome::Usage | Outcome::Refused)
    }

    /// The end: with the troubles of the last run, and so with its exit code.
    fn report(&self) -> Report {
        let mut report = Report::new().with("runs", self.runs).with("runs_done", self.done);
        self.last.troubles().iter().for_each(|trouble| report.add(trouble.clone()));
        report
    }
}

pub(crate) async fn run(args: &WatchArgs, app: &App) -> Ended {
    if args.jitter > args.every {
        return Err(too_much_jitter().into());
    }
    // One listener from here to the end: a signal between a run and a wait must not be lost.
    let mut stop: Pin<Box<dyn Future<Output = ()>>> = Box::pin(interrupted());
    let confirm = tokio::select! {
        biased;
        confirm = consented(args, app) => confirm?,
        () = &mut stop => return Err(interrupt::trouble().into()),
    };
    let (confirm, answers) = confirm;
    let sync = each(args, confirm);
    let rhythm = Rhythm { every: args.every, jitter: args.jitter };
    let began = Instant::now();
    let mut tally = Tally::default();
    loop {
        let ended = tokio::select! {
            biased;
            ended = Box::pin(round(&sync, app, &answers)) => ended,
            () = &mut stop => {
                let mut report = tally.report();
                report.add(interrupt::trouble());
                return Err(Stop(Box::new(report)));
            }
        };
        tally.add(ended.unwrap_or_else(|Stop(report)| *report));
        let is_last = args.runs == Some(tally.runs) || tally.is_hopeless();
        let next = rhythm.next(began.elapsed(), tally.failures, chance());
        tell(app.printer, args, &tally, (!is_last).then(|| next.saturating_sub(began.elapsed())));
        if is_last {
            break;
        }
        tokio::select! {
            biased;
            () = &mut stop => {
                Printer::note("stopped on request, between two runs");
                break;
            }
            () = sleep_until(began + next) => {}
        }
    }
    Ok(tally.report())
}

/// One run, or one of each site.
async fn round(sync: &SyncArgs, app: &App, answers: &Answers) -> Ended {
    let printer = app.printer.without_data();
    if sync.site.is_given() {
        sync::of_sites(sync, app, printer, answers).await
    } else {
        sync::once(sync, app, printer).await
    }
}

/// What each run is told.
fn each(args: &WatchArgs, confirm: Option<String>) -> SyncArgs {
    SyncArgs {
        env: args.env,
        site: args.site.clone(),
        parallel: args.parallel,
        tables: args.tables.clone(),
        full: false,
        proof: args.proof,
        // The hours that a clinic set for every day are kept every day.
        haste: Haste { pace: args.pace, now: false },
        link: args.link,
        adopt: false,
        atomic: false,
        accept_shrink: Vec::new(),
        confirm,
    }
}

/// Asks once, for all runs, and returns what the runs give as their consent: the name of the database that was asked
/// about. Where a flag answers, or nobody needs to be asked, each run sees to that itself.
async fn consented(args: &WatchArgs, app: &App) -> Result<(Option<String>, Answers), Stop> {
    if args.site.is_given() {
        let answers = sync::consented(&each(args, args.confirm.clone()), app).await?;
        return Ok((args.confirm.clone(), answers));
    }
    let settings = Settings::load(Environment::from(args.env), &app.globals, &app.process)?;
    if args.confirm.is_some() || settings.stage == Stage::Development {
        return Ok((args.confirm.clone(), Answers::new()));
    }
    let asked = async {
        let (_, at) = settings.both()?;
        let look = Analytics::connect(&at, &settings.schemas()).await?;
        let known = KnownDatabases::read(&settings.state_dir)?;
        let standing = known.judge(settings.environment, &at, &look).await?;
        let actions: &[Action] =
            if standing == Standing::New { &[Action::Sync, Action::Enroll] } else { &[Action::Sync] };
        let database = look.facts().database.clone();
        consent::obtain(&settings, actions, &database, None).await?;
        Ok((Some(database), Answers::new()))
    };
    asked.await.map_err(|stop| ends::stop_in_environment(stop, &settings))
}

/// Tells how a run ended: its troubles, and one line.
fn tell(printer: Printer, args: &WatchArgs, tally: &Tally, wait: Option<Duration>) {
    let report = &tally.last;
    // Those of the last run are told with the end of the watch.
    if let Some(wait) = wait {
        for trouble in report.troubles() {
            printer.trouble(trouble);
        }
        Printer::note(&format!("next run in {}", crate::printer::seconds(wait.as_secs_f64())));
    }
    let json = report.json("sync", Some(args.env()));
    if printer.is_json() {
        Printer::raw(&report.text("sync", Some(args.env())));
    } else {
        printer.data(&line(&json, report.outcome()));
    }
}

/// `2026-03-02T21:14:05Z run …: done; 3 tables published, 433 unchanged, 0 held; 12 inserted, 4 updated, 1 deleted`.
fn line(json: &Value, outcome: Outcome) -> String {
    let at = clock::rfc3339(clock::now());
    let run =
        json.get("run_id").and_then(Value::as_str).map_or_else(String::new, |run| format!(" run {run}"));
    let told = format!("{at}{run}: {}, exit code {}", outcome.name(), outcome.exit_code());
    let number_of = |field: &str| json.get(field).and_then(Value::as_u64);
    if let (Some(done), Some(all)) = (number_of("sites_done"), number_of("sites_chosen")) {
        return format!("{told}; {} of {} done", grouped(done), counted(all, "site"));
    }
    let Some(tables) = json.get("tables").and_then(Value::as_array) else {
        let codes: Vec<&str> = json
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("code")?.as_str())
            .collect();
        return format!("{told}; {}", codes.join(", "));
    };
    let number = |outcome: &str| {
        let is = |table: &&Value| table.get("outcome").and_then(Value::as_str) == Some(outcome);
        u64::try_from(tables.iter().filter(is).count()).unwrap_or(u64::MAX)
    };
    let sum = |field: &str| tables.iter().filter_map(|table| table.get(field)?.as_u64()).sum();
    format!(
        "{told}; {} published, {} unchanged, {} held; {} inserted, {} updated, {} deleted",
        counted(number("published"), "table"),
        grouped(number("unchanged")),
        grouped(number("held")),
        counted(sum("inserted"), "row"),
        grouped(sum("updated")),
        grouped(sum("deleted"))
    )
}

/// A share of the jitter. A system without chance gives none, and the run begins on the beat.
fn chance() -> u8 {
    let mut byte = [0];
    match SystemRandom::new().fill(&mut byte) {
        Ok(()) => byte[0],
        Err(_) => 0,
    }
}

fn too_much_jitter() -> Trouble {
    Trouble {
        code: "usage::value".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: "the value of --jitter is not right".to_owned(),
        why: "it is longer than the interval".to_owned(),
        state: "nothing was run".to_owned(),
        hint: "give --jitter at most what --every gives".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fault;

    fn report(class: Option<Class>) -> Report {
        let mut report = Report::new();
        if let Some(class) = class {
            report.add(Trouble { class, ..fault("") });
        }
        report
    }

    #[test]
    fn the_exit_code_is_that_of_the_last_run() {
        let mut tally = Tally::default();
        for (class, code, failures) in [
            (None, 0, 0),
            (Some(Class::Failed), 4, 1),
            (Some(Class::Failed), 4, 2),
            (Some(Class::Locked), 6, 0),
            (Some(Class::Held), 1, 0),
            (None, 0, 0),
        ] {
            tally.add(report(class));
            assert_eq!((tally.report().outcome().exit_code(), tally.failures), (code, failures));
        }
        assert_eq!((tally.runs, tally.done), (6, 2));
    }

    #[test]
    fn only_the_first_run_can_be_hopeless() {
        let of = |classes: &[Option<Class>]| {
            let mut tally = Tally::default();
            for class in classes {
                tally.add(report(*class));
            }
            tally.is_hopeless()
        };
        assert!(of(&[Some(Class::Refused)]) && of(&[Some(Class::Usage)]));
        assert!(!of(&[Some(Class::Failed)]) && !of(&[Some(Class::Locked)]) && !of(&[None]));
        assert!(!of(&[None, Some(Class::Refused)]));
    }

    #[test]
    fn a_run_is_one_line() {
        let json = serde_json::json!({"run_id": "r", "tables": [
            {"outcome": "published", "inserted": 1200, "updated": 2, "deleted": 3},
            {"outcome": "unchanged", "inserted": 0, "updated": 0, "deleted": 0},
        ]});
        let told = line(&json, Outcome::Done);
        assert_eq!(
            told.split_once(' ').unwrap().1,
            "run r: done, exit code 0; 1 table published, 1 unchanged, 0 held; 1,200 rows inserted, 2 updated, 3 deleted"
        );
        let json = serde_json::json!({"errors": [{"code": "a::b"}, {"code": "c::d"}]});
        assert!(line(&json, Outcome::Failed).ends_with("Z: failed, exit code 4; a::b, c::d"));
    }
}

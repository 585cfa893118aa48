//! `bicuspid audit`: what was done where, by whom, whether the record of it is whole, and whether anything went to the
//! wrong place.

mod answer;

use std::path::{Path, PathBuf};

use answer::Answer;
use bicuspid_guard::Identity;
use bicuspid_ledger::{Anchor, AuditLog, Database, Phase, Record, RunStore};
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_target::{Analytics, AuditHead, Demo};
use serde_json::json;

use super::ends;
use crate::App;
use crate::cli::OneOrAll;
use crate::journal::{self, LOG, RUNS};
use crate::known::KnownDatabases;
use crate::printer::{Align, Printer, Table, counted, grouped, plain};
use crate::report::{Ended, Report, Stop};
use crate::settings::{Settings, StateDir};
use crate::sites::SiteArg;

/// Show what was read and written where, whether the hash-chained record of it is whole, and whether anything went to the
/// wrong place
///
/// Needs no server: the answer comes from the record on this machine, and so do the steps to take. --verify compares the
/// record with what is kept of it elsewhere.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// Only say whether the chain is whole
    #[arg(long)]
    pub(crate) verify: bool,
    /// Environment, or all three
    #[arg(long, value_enum, default_value_t = OneOrAll::All)]
    pub(crate) env: OneOrAll,
    #[command(flatten)]
    pub(crate) site: SiteArg,
}

pub(crate) async fn run(args: &AuditArgs, app: &App) -> Ended {
    let mut report = Report::new();
    let mut records: Vec<Record> = Vec::new();
    let mut known: Vec<Identity> = Vec::new();
    let mut logs = Vec::new();
    let settings = settings(args, app, &mut report)?;
    for folder in folders(&settings, app)? {
        // An environment that was never used has no log; one whose log is gone has the records of its runs, or at least
        // the heads in its database.
        let is_known = AuditLog::is_known(&folder.join(LOG)) || folder.join(RUNS).is_dir();
        if !is_known && !args.verify {
            continue;
        }
        let mut anchors = own_anchors(&folder)?;
        if args.verify {
            let keeper = journal::keeper(&folder, &app.process);
            for settings in settings.iter().filter(|settings| settings.state_dir.path() == folder) {
                anchors.extend(anchors_of_target(settings, &folder, &keeper, app).await?);
            }
        }
        if !is_known && anchors.is_empty() {
            continue;
        }
        known.extend(KnownDatabases::read(&StateDir::locate(Some(&folder))?)?.all());
        let verdict = AuditLog::verify(&folder.join(LOG), &anchors)?;
        for fault in &verdict.faults {
            report.add(damaged(&folder, &fault.to_string(), fault.kind.code()));
        }
        let entries = u64::try_from(verdict.records.len()).unwrap_or(u64::MAX);
        let state = if verdict.is_whole() { "whole" } else { "DAMAGED" };
        app.printer.data(&format!("{}: {}, {state}", folder.join(LOG).display(), counted(entries, "entry")));
        for line in &verdict.torn_lines {
            app.printer.data(&format!("  line {line} was torn by a crash; the log accounts for it"));
        }
        logs.push(json!({
            "path": folder.join(LOG),
            "entries": entries,
            "whole": verdict.is_whole(),
            "head": verdict.head(),
            "anchors": anchors.len(),
            "faults": verdict.faults.iter().map(|f| json!({ "line": f.line, "code": f.kind.code() })).collect::<Vec<_>>(),
        }));
        records.extend(verdict.records);
    }
    let is_whole = report.troubles().iter().all(|trouble| !trouble.code.starts_with("audit::"));
    let report = report.with("logs", logs);
    if args.verify {
        return Ok(report);
    }
    // The answer is about everything that was done from here; the list may be about one environment.
    let answer = answer::answer(&records, &known, is_whole);
    records.retain(|record| args.env == OneOrAll::All || record.environment == args.env.name());
    if args.site.is_given() {
        let is_meant =
            |name: &String| settings.iter().any(|one| one.site.as_ref().is_some_and(|s| s.as_str() == name));
        records.retain(|record| record.site.as_ref().is_some_and(is_meant));
    }
    show(app.printer, &records);
    tell(app.printer, &answer);
    Ok(report.with("entries", &records).with("answer", &answer))
}

/// The settings of the environments that are meant, as far as they can be read.
fn settings(args: &AuditArgs, app: &App, report: &mut Report) -> Result<Vec<Settings>, Stop> {
    let mut list = Vec::new();
    if args.site.is_given() {
        for member in args.site.members_of(args.env, app)?.1 {
            match member.settings {
                Ok(settings) => list.push(settings),
                Err(Stop(stopped)) => {
                    stopped.troubles().iter().for_each(|trouble| report.add(trouble.clone()));
                }
            }
        }
        return Ok(list);
    }
    for environment in args.env.environments() {
        match Settings::load(*environment, &app.globals, &app.process) {
            Ok(settings) => list.push(settings),
            Err(error) => report.add(error.trouble()),
        }
    }
    Ok(list)
}

/// Their state folders, each once.
fn folders(settings: &[Settings], app: &App) -> Result<Vec<PathBuf>, Stop> {
    let mut folders: Vec<PathBuf> =
        settings.iter().map(|settings| settings.state_dir.path().to_owned()).collect();
    if folders.is_empty() {
        folders.push(StateDir::locate(app.globals.state_dir.as_deref())?.path().to_owned());
    }
    folders.sort();
    folders.dedup();
    Ok(folders)
}

/// The heads that the run records of a folder keep.
fn own_anchors(folder: &Path) -> Result<Vec<Anchor>, Stop> {
    if !folder.join(RUNS).is_dir() {
        return Ok(Vec::new());
    }
    let (runs, _) = RunStore::open(folder.join(RUNS))?.list()?;
    Ok(runs.into_iter().filter_map(|run| run.audit_head).collect())
}

/// The heads of this folder's log that a target keeps, committed there with each run. A target that cannot be asked is
/// told of, and vouches for nothing.
async fn anchors_of_target(
    settings: &Settings,
    folder: &Path,
    keeper: &str,
    app: &App,
) -> Result<Vec<Anchor>, Stop> {
    let environment = settings.environment;
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    let heads = async {
        let at = settings.target()?;
        let known = KnownDatabases::read(&settings.state_dir)?;
        if environment == Environment::Demo {
            let demo = Demo::connect_to_read(&ends::demo_endpoint(&at)).await?;
            demo.judge(&at.user, known.find(environment, None, &at).as_ref()).await?;
            return Ok(demo.audit_heads().await?);
        }
        let look = Analytics::connect_to_read(&at, &settings.schemas()).await?;
        known.judge(environment, &at, &look).await?;
        Ok::<_, Stop>(look.audit_heads().await?)
    };
    let heads = match heads.await {
        Ok(heads) => heads,
        Err(Stop(stopped)) => {
            for trouble in stopped.troubles() {
                Printer::note(&format!(
                    "The log was not compared with the {environment} database: {}",
                    plain(&trouble.what)
                ));
            }
            return Ok(Vec::new());
        }
    };
    let log = AuditLog::verify(&folder.join(LOG), &[])?.head().map(|head| head.log);
    // Other machines anchor their own logs there.
    let ours = heads.into_iter().filter(|head| head.keeper == keeper || log.as_ref() == Some(&head.log));
    let ours: Vec<Anchor> =
        ours.map(|AuditHead { log, sequence, hash, .. }| Anchor { log, sequence, hash }).collect();
    let count = u64::try_from(ours.len()).unwrap_or(u64::MAX);
    app.printer.data(&format!("compared with {} in the {environment} database", counted(count, "head")));
    Ok(ours)
}

fn show(printer: Printer, records: &[Record]) {
    let columns = [
        ("time (UTC)", Align::Left),
        ("env", Align::Left),
        ("command", Align::Left),
        ("step", Align::Left),
        ("target", Align::Left),
        ("read", Align::Right),
        ("written", Align::Right),
        ("outcome", Align::Left),
        ("who", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for record in records {
        let step = match record.phase {
            Phase::Intent => "intent",
            Phase::Result => "result",
            Phase::Refusal => "refusal",
            Phase::Recovered => "recovered",
        };
        let read: u64 = record.tables.iter().map(|table| table.read).sum();
        let written: u64 = record.tables.iter().map(|t| t.inserted + t.updated + t.deleted).sum();
        table.row([
            record.at.get(..19).unwrap_or(&record.at).replace('T', " "),
            match &record.site {
                Some(site) => format!("{}/{site}", record.environment),
                None => record.environment.clone(),
            },
            record.action.clone(),
            step.to_owned(),
            record.target.as_ref().map(place).unwrap_or_default(),
            grouped(read),
            grouped(written),
            record.outcome.clone().unwrap_or_default(),
            format!("{} on {}", record.user, record.machine),
        ]);
    }
    if table.is_empty() {
        printer.data("Nothing was done yet that is recorded here.");
        return;
    }
    printer.data(&table.to_string());
}

/// The question of an emergency and its answer.
fn tell(printer: Printer, answer: &Answer) {
    printer.data("");
    printer.data("Did anything go to the wrong place?");
    let count = u64::try_from(answer.databases.len()).unwrap_or(u64::MAX);
    printer.data(&match answer.wrong_place {
        "no" if count == 0 => "No: nothing was written from here.".to_owned(),
        "no" if count == 1 => {
            "No: one database was written, and it is the one that is enrolled for its environment.".to_owned()
        }
        "no" => {
            format!("No: {count} databases were written, each the one that is enrolled for its environment.")
        }
        "damaged" => "THE RECORD IS DAMAGED and cannot acquit anybody; what it says:".to_owned(),
        _ => "PERHAPS: look at each database below that is not the enrolled one.".to_owned(),
    });
    for written in &answer.databases {
        printer.data(&plain(&format!(
            "  {}: {} at {}, cluster {}, oid {}: {}",
            written.environment,
            written.database,
            written.place,
            written.system_identifier,
            written.oid,
            written.standing.words()
        )));
        let time = |at: &str| at.get(..19).unwrap_or(at).replace('T', " ");
        printer.data(&format!(
            "    {}, {} written, from {} to {} UTC",
            counted(written.runs, "run"),
            counted(written.rows_written, "row"),
            time(&written.first_at),
            time(&written.last_at)
        ));
    }
    if answer.refused > 0 {
        printer.data(&format!(
            "  {} refused and wrote nothing",
            if answer.refused == 1 {
                "1 run was".to_owned()
            } else {
                format!("{} runs were", answer.refused)
            }
        ));
    }
    if !answer.steps.is_empty() {
        printer.data("What to do now:");
        for (step, number) in answer.steps.iter().zip(1..) {
            printer.data(&format!("  {number}. {step}"));
        }
    }
}

fn place(database: &Database) -> String {
    format!("{} at {}", database.name, database.place)
}

fn damaged(folder: &Path, fault: &str, code: &str) -> Trouble {
    Trouble {
        code: code.to_owned(),
        side: Side::Local,
        class: Class::Held,
        what: format!("the audit log {} is damaged", folder.join(LOG).display()),
        why: fault.to_owned(),
        state: "the copies themselves are not touched by this; `bicuspid verify` proves them anew".to_owned(),
        hint: "keep the file as it is, find out who changed it, and compare with a backup".to_owned(),
    }
}

//! `bicuspid audit`: what was done where, by whom, and whether the record of it is whole.

use std::path::{Path, PathBuf};

use bicuspid_ledger::{AuditLog, ChainVerdict, Database, Phase, Record, RunStore};
use bicuspid_model::{Class, Side, Trouble};
use serde_json::json;

use crate::App;
use crate::cli::OneOrAll;
use crate::journal::{LOG, RUNS};
use crate::printer::{Align, Printer, Table, counted, grouped};
use crate::report::{Ended, Report, Stop};
use crate::settings::{Settings, StateDir};

/// Show what was read and written where, and whether the hash-chained record of it is whole
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// Only say whether the chain is whole
    #[arg(long)]
    pub(crate) verify: bool,
    /// Environment, or all three
    #[arg(long, value_enum, default_value_t = OneOrAll::All)]
    pub(crate) env: OneOrAll,
}

pub(crate) fn run(args: &AuditArgs, app: &App) -> Ended {
    let mut report = Report::new();
    let mut shown: Vec<Record> = Vec::new();
    let mut logs = Vec::new();
    let folders = folders(args, app, &mut report)?;
    for folder in folders {
        // An environment that was never used has no log.
        if !folder.join(LOG).exists() {
            continue;
        }
        let verdict = read(&folder)?;
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
            "faults": verdict.faults.iter().map(|f| json!({ "line": f.line, "code": f.kind.code() })).collect::<Vec<_>>(),
        }));
        shown.extend(verdict.records);
    }
    shown.retain(|record| args.env == OneOrAll::All || record.environment == args.env.name());
    let report = report.with("logs", logs);
    if args.verify {
        return Ok(report);
    }
    show(app.printer, &shown);
    Ok(report.with("entries", &shown))
}

/// The state folders of the environments that are meant, each once.
fn folders(args: &AuditArgs, app: &App, report: &mut Report) -> Result<Vec<PathBuf>, Stop> {
    let mut folders: Vec<PathBuf> = Vec::new();
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

/// Reads a log and compares it with the heads that run records keep.
fn read(folder: &Path) -> Result<ChainVerdict, Stop> {
    let anchors = if folder.join(RUNS).is_dir() {
        let (runs, _) = RunStore::open(folder.join(RUNS))?.list()?;
        runs.into_iter().filter_map(|run| run.audit_head).collect()
    } else {
        Vec::new()
    };
    Ok(AuditLog::verify(&folder.join(LOG), &anchors)?)
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
            record.environment.clone(),
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
    let mut written: Vec<String> = records
        .iter()
        .filter(|record| record.phase == Phase::Result && record.action != "verify")
        .filter_map(|record| {
            let target = record.target.as_ref()?;
            Some(format!("{}: {}, cluster {}", record.environment, place(target), target.system_identifier?))
        })
        .collect();
    written.sort();
    written.dedup();
    if !written.is_empty() {
        printer.data("");
        printer.data("Every database that these runs wrote to:");
        for line in written {
            printer.data(&format!("  {line}"));
        }
        printer.data(
            "If one of them is not yours to write: stop, change its password, and look at schema raw there.",
        );
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

//! `generate --output csv|parquet`: the practice as files. No settings are read and no server is reached.

use std::num::NonZeroUsize;

use bicuspid_generate::{Event, FileSettings, Form, Shard, plan_files};

use super::{GenerateArgs, announce, anomalies, bar, condition, ended, hear, place, practice, show};
use crate::App;
use crate::cli::VERSION;
use crate::printer::{Printer, counted, seconds};
use crate::report::Ended;

pub(super) async fn run(args: &GenerateArgs, app: &App, form: Form) -> Ended {
    let practice = practice(args)?;
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok());
    let list = anomalies::place(args)?;
    let settings = FileSettings {
        practice,
        condition: condition(args),
        dir: args.dir.clone().unwrap_or_default(),
        form,
        shard: args.shard.unwrap_or(Shard::WHOLE),
        threads: threads.unwrap_or(NonZeroUsize::MIN),
    };
    announce(&practice);
    let plan = plan_files(settings)?;
    let present = plan.rows_present();
    if present > 0 {
        Printer::note(&format!("  {} of an earlier generation will be replaced", counted(present, "row")));
    }
    if args.dry_run {
        let report = plan.rehearse().await?;
        show(app.printer, &report);
        app.printer.data(&format!(
            "Dry run: {} would be written into {}; nothing was written",
            counted(report.rows, "row"),
            place(&report)
        ));
        return Ok(ended(&report).with("rows_present", present).with("dry_run", true));
    }
    let bar = bar(app.printer);
    let heard = |event| match event {
        Event::Begun if !app.printer.is_watched() => Printer::note("Writing files"),
        event => hear(&bar, app.printer, event),
    };
    let result = plan.run(VERSION, &heard).await;
    bar.finish_and_clear();
    let report = result?;
    show(app.printer, &report);
    app.printer.data(&format!(
        "{} and {} in {} and its manifest; {} replaced",
        counted(u64::from(report.patients), "patient"),
        counted(report.rows, "row"),
        place(&report),
        counted(report.rows_replaced, "row"),
    ));
    app.printer.data(&format!("No database was connected to; {}", seconds(report.seconds)));
    Ok(anomalies::write(list.as_ref(), app.printer, &report, ended(&report)))
}

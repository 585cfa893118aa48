//! The quality report: measured after a run, or by `generate --check` at any time.

use std::path::Path;

use bicuspid_generate::{Extent, QualityReport, Verdict, measure};
use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Endpoint, Environment, Side, Trouble};

use super::GenerateArgs;
use crate::App;
use crate::banner;
use crate::commands::ends;
use crate::known::KnownDatabases;
use crate::printer::{Align, Printer, Table, counted, grouped, seconds};
use crate::report::{Ended, RULES_BROKEN, Report, Stop};
use crate::settings::Settings;

/// `generate --check`: everything is measured, and nothing written but the report.
pub(super) async fn check(args: &GenerateArgs, app: &App, settings: &Settings) -> Ended {
    let at = settings.target()?;
    banner::environment(settings);
    let known = KnownDatabases::read(&settings.state_dir)?.find(Environment::Demo, None, &at);
    let measured =
        measure(&ends::demo_endpoint(&at), known.as_ref(), Extent::Everything, banner::target).await?;
    let mut table = Table::new(&[
        ("fact", Align::Left),
        ("what", Align::Left),
        ("measured", Align::Left),
        ("target", Align::Left),
        ("verdict", Align::Left),
    ]);
    for row in &measured.quality {
        table.row([
            row.id.to_owned(),
            row.what.to_owned(),
            short(&row.measured),
            short(&row.target),
            row.verdict.name().to_owned(),
        ]);
    }
    app.printer.data(&table.to_string());
    app.printer.data("");
    tell(app.printer, &measured);
    let report = save(args.report.as_deref(), &measured)?;
    Ok(judged(report.with_all(&measured), &measured))
}

/// Measures what a run wrote: the rules always, everything if a report was asked for.
pub(super) async fn after_run(args: &GenerateArgs, app: &App, at: &Endpoint, report: Report) -> Ended {
    let extent = if args.report.is_some() { Extent::Everything } else { Extent::Rules };
    if !app.printer.is_watched() {
        Printer::note("Measuring what was written");
    }
    let measured = match measure(&ends::demo_endpoint(at), None, extent, |_| {}).await {
        Ok(measured) => measured,
        Err(error) => {
            // The rows are committed, whatever becomes of the measuring.
            let mut trouble = error.trouble();
            "the rows are written and committed; they were not measured".clone_into(&mut trouble.state);
            "run `bicuspid generate --check`".clone_into(&mut trouble.hint);
            let mut report = report;
            report.add(trouble);
            return Ok(report);
        }
    };
    tell(app.printer, &measured);
    let saved = save(args.report.as_deref(), &measured)?;
    let report =
        report.with("quality", &measured.quality).with("seconds_measuring", measured.seconds_measuring);
    let report = match args.report {
        Some(_) => report.with("report", saved.json("generate", None).get("report").cloned()),
        None => report,
    };
    // What was asked for is done; whoever wants to act on broken rules asks with `--check`.
    Ok(report)
}

fn count(measured: &QualityReport, verdict: Verdict) -> u64 {
    u64::try_from(measured.count(verdict)).unwrap_or(u64::MAX)
}

/// The short text.
fn tell(printer: Printer, measured: &QualityReport) {
    for row in &measured.quality {
        if row.verdict == Verdict::Broken {
            printer.data(&format!("  {} {}: {} of {} rows", row.id, row.what, row.measured, grouped(row.of)));
        }
    }
    let rules = measured.quality.iter().filter(|row| row.is_rule).count();
    let broken = count(measured, Verdict::Broken);
    let figures = measured.quality.len().saturating_sub(rules);
    let mut text =
        format!("Quality: {}, {broken} broken", counted(u64::try_from(rules).unwrap_or(u64::MAX), "rule"));
    let planted = count(measured, Verdict::Planted);
    if planted > 0 {
        text = format!("{text}, {planted} as planted");
    }
    if figures > 0 {
        text = format!(
            "{text}; {}, {} off their targets, {} with too few rows to say",
            counted(u64::try_from(figures).unwrap_or(u64::MAX), "figure"),
            count(measured, Verdict::Deviates),
            count(measured, Verdict::TooFew)
        );
    }
    printer.data(&format!("{text}; measured in {}", seconds(measured.seconds_measuring)));
}

/// A rule that rows break makes the outcome "differences": they were written, and are not what they ought to be.
fn judged(mut report: Report, measured: &QualityReport) -> Report {
    let broken = count(measured, Verdict::Broken);
    if broken > 0 {
        let names: Vec<&str> =
            measured.quality.iter().filter(|r| r.verdict == Verdict::Broken).map(|r| r.id).collect();
        report.differ(Trouble {
            code: RULES_BROKEN.to_owned(),
            side: Side::Demo,
            class: Class::Held,
            what: format!("{} of the practice {} broken", counted(broken, "rule"), if broken == 1 { "is" } else { "are" }),
            why: names.join(", "),
            state: "the rows are in the demo database as they were generated".to_owned(),
            hint: "if nobody changed them by hand, this is a fault in Bicuspid; please report it with the settings"
                .to_owned(),
        });
    }
    report
}

/// Writes the page, if it was asked for. A file that is not such a page is not overwritten.
fn save(path: Option<&Path>, measured: &QualityReport) -> Result<Report, Stop> {
    let Some(path) = path else { return Ok(Report::new()) };
    let page = measured.page();
    let trouble = |why: String, class| {
        Stop::from(Trouble {
            code: "files::report".to_owned(),
            side: Side::Local,
            class,
            what: "the report could not be written".to_owned(),
            why,
            state: "the demo database is as it was told above".to_owned(),
            hint: "name another file, then `bicuspid generate --check --report FILE.html`".to_owned(),
        })
    };
    let first_line = page.lines().take(2).collect::<Vec<_>>().join("\n");
    let title = first_line.split("<style>").next().unwrap_or_default();
    match std::fs::read(path) {
        Ok(found) if !found.starts_with(title.as_bytes()) => {
            return Err(trouble(
                "a file of that name is there, and it is no such report".to_owned(),
                Class::Refused,
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(trouble(reason_of_io(&error), Class::Local)),
    }
    bicuspid_ledger::private::replace(path, page.as_bytes())
        .map_err(|error| trouble(reason_of_io(&error), Class::Local))?;
    Ok(Report::new().with("report", path.display().to_string()))
}

/// As much of a long list as a line of a table takes.
fn short(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    let cut: String = text.chars().take(CHARS_MAX - 3).collect();
    format!("{cut}...")
}

//! `generate --explain patient ID`: a life as a story, with the rows that tell it. The patient is fake; values are shown.

use bicuspid_generate::explain;
use bicuspid_model::{Class, Environment, Side, Trouble};

use crate::App;
use crate::banner;
use crate::commands::ends;
use crate::known::KnownDatabases;
use crate::printer::{Align, Table, counted};
use crate::report::{Ended, Report, Stop};
use crate::settings::Settings;

pub(super) async fn run(what: &[String], app: &App, settings: &Settings) -> Ended {
    let patient = number(what)?;
    let at = settings.target()?;
    banner::environment(settings);
    let known = KnownDatabases::read(&settings.state_dir)?.find(Environment::Demo, None, &at);
    let told = explain(&ends::demo_endpoint(&at), known.as_ref(), patient, banner::target).await?;
    let mut story = Table::new(&[("when", Align::Left), ("what", Align::Left), ("row", Align::Left)]);
    let mut ahead = false;
    for event in &told.events {
        if !ahead && event.at.as_str() >= told.end_date.as_str() {
            ahead = true;
            story.row([
                told.end_date.clone(),
                "--- as of this morning; what follows lies ahead ---".to_owned(),
            ]);
        }
        story.row([event.at.clone(), event.text.clone(), format!("{} {}", event.table, event.key)]);
    }
    app.printer.data(&story.to_string());
    app.printer.data("");
    let rows: u64 = told.tables.iter().map(|table| table.rows).sum();
    let each: Vec<String> =
        told.tables.iter().map(|table| format!("{} {}", table.name, table.rows)).collect();
    app.printer.data(&format!(
        "Patient {patient} (nobody real) left {} in {}: {}",
        counted(rows, "row"),
        counted(u64::try_from(told.tables.len()).unwrap_or(u64::MAX), "table"),
        each.join(", ")
    ));
    Ok(Report::new().with_all(&told))
}

fn number(what: &[String]) -> Result<i64, Stop> {
    match what {
        [kind, number] if kind == "patient" => number.parse().ok().filter(|number| *number > 0),
        _ => None,
    }
    .ok_or_else(|| {
        Stop::from(Trouble {
            code: "usage::value".to_owned(),
            side: Side::Local,
            class: Class::Usage,
            what: "the value of --explain is not right".to_owned(),
            why: "it takes the word `patient` and a number from 1".to_owned(),
            state: "no server was asked for anything".to_owned(),
            hint: "for example `bicuspid generate --explain patient 12`".to_owned(),
        })
    })
}

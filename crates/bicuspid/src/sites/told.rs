//! What came of all sites, in one object and in one table.

use bicuspid_model::{Environment, SiteName, Trouble};
use serde_json::{Map, Value, json};

use crate::memory;
use crate::printer::{Align, Printer, Table, counted, grouped, plain, seconds};
use crate::report::{Ended, Outcome, Report, Stop};

/// Fields that stand in the object of the whole, and are the same for every site.
const OF_THE_WHOLE: [&str; 4] = ["command", "env", "version", "peak_memory_bytes"];

/// One report of all: the sites in a list, each with what the command says of one environment, and their troubles, so that
/// the gravest gives the exit code.
pub(crate) fn combined(command: &str, environment: Environment, ended: Vec<(SiteName, Ended)>) -> Report {
    let mut whole = Report::new();
    let mut sites = Vec::new();
    for (site, ended) in ended {
        let report = ended.unwrap_or_else(|Stop(report)| *report);
        let mut object = Map::new();
        object.insert("site".to_owned(), json!(site.as_str()));
        if let Value::Object(fields) = report.json(command, Some(environment.name())) {
            object.extend(fields.into_iter().filter(|(name, _)| !OF_THE_WHOLE.contains(&name.as_str())));
        }
        sites.push(Value::Object(object));
        let differs = report.differs();
        for trouble in report.troubles() {
            let told = Trouble { what: format!("site {site}: {}", trouble.what), ..trouble.clone() };
            if differs { whole.differ(told) } else { whole.add(told) }
        }
    }
    whole.with("sites", sites).with("peak_memory_bytes", memory::peak_bytes())
}

/// Prints the table of the sites, and the sum of all.
pub(crate) fn show(printer: Printer, environment: Environment, whole: &Report) {
    let sites = whole.field("sites").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let columns = [
        ("site", Align::Left),
        ("outcome", Align::Left),
        ("tables", Align::Right),
        ("held", Align::Right),
        ("rows", Align::Right),
        ("inserted", Align::Right),
        ("updated", Align::Right),
        ("deleted", Align::Right),
        ("time", Align::Right),
        ("why", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for site in sites {
        let tables = site.get("tables").and_then(Value::as_array);
        let sum = |field: &str| {
            let of = |table: &Value| table.get(field).and_then(Value::as_u64).unwrap_or(0);
            tables.map_or_else(String::new, |tables| grouped(tables.iter().map(of).sum()))
        };
        let count = |counts: &dyn Fn(&Value) -> bool| {
            let of = |tables: &Vec<Value>| tables.iter().filter(|table| counts(table)).count();
            tables.map_or_else(String::new, |tables| grouped(u64::try_from(of(tables)).unwrap_or(u64::MAX)))
        };
        let text = |field: &str| site.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut codes: Vec<&str> = site
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("code")?.as_str())
            .collect();
        codes.dedup();
        table.row([
            text("site"),
            text("outcome"),
            count(&|_| true),
            count(&|table| table.get("held").is_some_and(|held| !held.is_null())),
            sum(if tables.is_some_and(|t| t.iter().any(|t| t.get("rows_target").is_some())) {
                "rows_target"
            } else {
                "rows"
            }),
            sum("inserted"),
            sum("updated"),
            sum("deleted"),
            site.get("seconds").and_then(Value::as_f64).map(seconds).unwrap_or_default(),
            codes.join(", "),
        ]);
    }
    printer.data(&table.to_string());
    let outcomes = [
        (Outcome::Done, "done"),
        (Outcome::Held, "with held tables"),
        (Outcome::Differences, "with differences"),
        (Outcome::Refused, "refused"),
        (Outcome::Usage, "with wrong settings"),
        (Outcome::Failed, "failed"),
        (Outcome::Local, "with local trouble"),
        (Outcome::Locked, "locked by another run"),
        (Outcome::Interrupted, "interrupted"),
    ];
    let told: Vec<String> = outcomes
        .iter()
        .filter_map(|(outcome, words)| {
            let is = |site: &&Value| {
                site.get("outcome").and_then(Value::as_str) == Some(outcome.name())
                    && site.get("exit_code").and_then(Value::as_u64) == Some(outcome.exit_code().into())
            };
            let count = u64::try_from(sites.iter().filter(is).count()).unwrap_or(u64::MAX);
            (count > 0).then(|| format!("{} {words}", grouped(count)))
        })
        .collect();
    let all = counted(u64::try_from(sites.len()).unwrap_or(u64::MAX), "site");
    printer.data(&plain(&format!("{environment}: {all}: {}", told.join(", "))));
}

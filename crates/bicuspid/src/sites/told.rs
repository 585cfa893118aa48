//! What came of all sites, in one object and in one table.

use bicuspid_model::{Environment, SiteName, Trouble};
use serde_json::{Map, Value, json};

use crate::memory;
use crate::printer::{Align, Printer, Table, counted, grouped, plain, seconds};
use crate::report::{Ended, Outcome, Report, Stop};

/// Fields that stand in the object of the whole, and are the same for every site.
const OF_THE_WHOLE: [&str; 4] = ["command", "env", "version", "peak_memory_bytes"];

/// How one site ended: what is told of it, as texts. As values the tables of many sites would take more memory than their
/// runs do.
pub(crate) struct SiteEnd {
    pub(crate) site: SiteName,
    outcome: Outcome,
    differs: bool,
    troubles: Vec<Trouble>,
    /// What the command says of it, an object.
    text: String,
    /// Its line in the table.
    line: Vec<String>,
}

impl SiteEnd {
    pub(crate) fn of(site: SiteName, ended: Ended) -> Self {
        let report = ended.unwrap_or_else(|Stop(report)| *report);
        let mut object = Map::new();
        object.insert("site".to_owned(), json!(site.as_str()));
        if let Value::Object(fields) = report.json("", None) {
            object.extend(fields.into_iter().filter(|(name, _)| !OF_THE_WHOLE.contains(&name.as_str())));
        }
        let line = line(&site, &object, report.outcome(), report.troubles());
        Self {
            site,
            outcome: report.outcome(),
            differs: report.differs(),
            troubles: report.troubles().to_vec(),
            text: Value::Object(object).to_string(),
            line,
        }
    }

    /// How it ended.
    #[cfg(test)]
    pub(crate) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Its troubles.
    #[cfg(test)]
    pub(crate) fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }
}

/// One report of all: the sites in a list, each with what the command says of one environment, and their troubles, so that
/// the gravest gives the exit code.
pub(crate) fn combined(ended: Vec<SiteEnd>) -> Report {
    let (chosen, mut done) = (ended.len(), 0_u64);
    let mut whole = Report::new();
    let mut sites = Vec::with_capacity(chosen);
    for SiteEnd { site, outcome, differs, troubles, text, .. } in ended {
        done += u64::from(outcome == Outcome::Done);
        sites.push(text);
        for trouble in troubles {
            let told = Trouble { what: format!("site {site}: {}", trouble.what), ..trouble };
            if differs {
                whole.differ(told);
            } else {
                whole.add(told);
            }
        }
    }
    whole
        .with("sites_chosen", chosen)
        .with("sites_done", done)
        .with("peak_memory_bytes", memory::peak_bytes())
        .with_sites(sites)
}

const COLUMNS: [(&str, Align); 10] = [
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

/// The line of a site, from what the command says of it.
fn line(site: &SiteName, told: &Map<String, Value>, outcome: Outcome, troubles: &[Trouble]) -> Vec<String> {
    let tables = told.get("tables").and_then(Value::as_array);
    let sum = |fields: &[&str]| {
        let of = |table: &Value| fields.iter().find_map(|field| table.get(field)?.as_u64()).unwrap_or(0);
        tables.map_or_else(String::new, |tables| grouped(tables.iter().map(of).sum()))
    };
    let count = |counts: &dyn Fn(&Value) -> bool| {
        let of = |tables: &Vec<Value>| tables.iter().filter(|table| counts(table)).count();
        tables.map_or_else(String::new, |tables| grouped(u64::try_from(of(tables)).unwrap_or(u64::MAX)))
    };
    let mut codes: Vec<&str> = troubles.iter().map(|trouble| trouble.code.as_str()).collect();
    codes.dedup();
    vec![
        site.to_string(),
        outcome.name().to_owned(),
        count(&|_| true),
        count(&|table| table.get("held").is_some_and(|held| !held.is_null())),
        sum(&["rows_target", "rows"]),
        sum(&["inserted"]),
        sum(&["updated"]),
        sum(&["deleted"]),
        told.get("seconds").and_then(Value::as_f64).map(seconds).unwrap_or_default(),
        codes.join(", "),
    ]
}

/// Prints the table of the sites, and the sum of all.
pub(crate) fn show(printer: Printer, environment: Environment, ended: &[SiteEnd]) {
    let mut table = Table::new(&COLUMNS);
    for one in ended {
        table.row(one.line.iter().cloned());
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
            let count = ended.iter().filter(|one| one.outcome == *outcome).count();
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            (count > 0).then(|| format!("{} {words}", grouped(count)))
        })
        .collect();
    let all = counted(u64::try_from(ended.len()).unwrap_or(u64::MAX), "site");
    printer.data(&plain(&format!("{environment}: {all}: {}", told.join(", "))));
}

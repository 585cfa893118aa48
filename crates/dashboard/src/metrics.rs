//! The state of the copies and of the last runs as OpenMetrics text, for Prometheus and what reads its form.
//!
//! Only gauges and one summary are used, in a form that readers of the older Prometheus text take as well. Every sample
//! is a count or a time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bicuspid_ledger::RunRecord;
use time::OffsetDateTime;

use crate::figures::{length, moment};
use crate::record::Run;
use crate::view::{Copy, TableStanding, TableView};

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Name, unit, help and value of what is told of each `T`.
type Each<'a, T> = (&'a str, &'a str, &'a str, &'a dyn Fn(&T) -> Option<f64>);

/// The metrics in their order.
#[derive(Default)]
struct Text(String);

/// Writes the text: the copies as they were asked for, and the last run of every command in every environment. `runs` are
/// the newest first.
#[must_use]
pub fn exposition(version: &str, now: OffsetDateTime, copies: &[Copy], runs: &[RunRecord]) -> String {
    let mut text = Text::default();
    text.family("bicuspid_build_info", "gauge", "", "The version that says this.");
    text.sample("bicuspid_build_info", &[("version", version)], 1.0);
    tables(&mut text, now, copies);
    last_runs(&mut text, runs);
    text.0.push_str("# EOF\n");
    text.0
}

fn tables(text: &mut Text, now: OffsetDateTime, copies: &[Copy]) {
    text.family(
        "bicuspid_copy_up",
        "gauge",
        "",
        "Whether the copy of an environment could be asked for its tables.",
    );
    for copy in copies {
        let is_up = if copy.tables.is_ok() { 1.0 } else { 0.0 };
        text.sample("bicuspid_copy_up", &labels_of(copy, &[]), is_up);
    }
    text.family("bicuspid_tables", "gauge", "", "Tables of a copy by their state.");
    for (copy, tables) in known(copies) {
        for standing in [TableStanding::Fresh, TableStanding::Due, TableStanding::Held] {
            let count = tables.iter().filter(|table| table.standing == standing).collect::<Vec<_>>();
            let labels = labels_of(copy, &[("state", standing.name())]);
            text.sample("bicuspid_tables", &labels, number(length(&count)));
        }
    }
    let since = |at: &str| Some(seconds_of(moment(at)?));
    let flag = |is: bool| Some(if is { 1.0 } else { 0.0 });
    let age = |table: &TableView| Some((now - moment(&table.proved_at)?).as_seconds_f64().max(0.0));
    let held = |table: &TableView| flag(table.held.is_some());
    let due = |table: &TableView| flag(table.standing == TableStanding::Due);
    let each: [Each<'_, TableView>; 7] = [
        ("bicuspid_table_rows", "", "Rows of a table.", &|table| Some(number(table.rows))),
        (
            "bicuspid_table_checked_timestamp_seconds",
            "seconds",
            "When a table was last compared with its source.",
            &|table| since(&table.checked_at),
        ),
        (
            "bicuspid_table_changed_timestamp_seconds",
            "seconds",
            "When a row of a table was last written.",
            &|table| since(&table.changed_at),
        ),
        (
            "bicuspid_table_proved_timestamp_seconds",
            "seconds",
            "When all of a table was last proved equal to its source.",
            &|table| since(&table.proved_at),
        ),
        ("bicuspid_table_proof_age_seconds", "seconds", "How old that proof is.", &age),
        ("bicuspid_table_due", "", "Whether the next proof of a table is due.", &due),
        ("bicuspid_table_held", "", "Whether a rule keeps a table back.", &held),
    ];
    for (name, unit, help, value) in each {
        text.family(name, "gauge", unit, help);
        for (copy, tables) in known(copies) {
            for table in tables {
                if let Some(value) = value(table) {
                    text.sample(name, &labels_of(copy, &[("table", &table.name)]), value);
                }
            }
        }
    }
}

fn known(copies: &[Copy]) -> impl Iterator<Item = (&Copy, &Vec<TableView>)> {
    copies.iter().filter_map(|copy| Some((copy, copy.tables.as_ref().ok()?)))
}

/// The environment, the site where there is one, and more.
fn labels_of<'a>(copy: &'a Copy, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut labels = vec![("env", copy.environment.name())];
    labels.extend(copy.site.as_deref().map(|site| ("site", site)));
    labels.extend(more);
    labels
}

/// Environment, site and command.
type Kind<'a> = (&'a str, Option<&'a str>, &'a str);

fn labels_of_run(kind: &Kind<'_>) -> Vec<(&'static str, String)> {
    let (environment, site, command) = kind;
    let mut labels = vec![("env", (*environment).to_owned())];
    labels.extend(site.map(|site| ("site", site.to_owned())));
    labels.push(("command", (*command).to_owned()));
    labels
}

fn last_runs(text: &mut Text, records: &[RunRecord]) {
    let mut last: BTreeMap<Kind<'_>, Run> = BTreeMap::new();
    let mut good: BTreeMap<Kind<'_>, &RunRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.finished_at.is_some()) {
        let key = (record.environment.as_str(), record.site.as_deref(), record.command.as_str());
        last.entry(key).or_insert_with(|| Run::new(record.clone()));
        if record.exit_code == Some(0) {
            good.entry(key).or_insert(record);
        }
    }
    let end = |run: &RunRecord| Some(seconds_of(moment(run.finished_at.as_deref()?)?));
    let each: [Each<'_, Run>; 3] = [
        (
            "bicuspid_last_run_finished_timestamp_seconds",
            "seconds",
            "When the last run of a command ended.",
            &|run| end(&run.record),
        ),
        ("bicuspid_last_run_duration_seconds", "seconds", "How long it took.", &|run| run.seconds()),
        (
            "bicuspid_last_run_exit_code",
            "",
            "Its exit code: 0 done, 1 differences or held tables, 3 refused, others failed.",
            &|run| run.record.exit_code.map(f64::from),
        ),
    ];
    for (name, unit, help, value) in each {
        text.family(name, "gauge", unit, help);
        for (key, run) in &last {
            if let Some(value) = value(run) {
                text.sample_of(name, &labels_of_run(key), value);
            }
        }
    }
    let name = "bicuspid_last_success_timestamp_seconds";
    text.family(name, "gauge", "seconds", "When a run of a command last ended with everything done.");
    for (key, record) in &good {
        if let Some(value) = end(record) {
            text.sample_of(name, &labels_of_run(key), value);
        }
    }
    let name = "bicuspid_last_run_rows";
    text.family(name, "gauge", "", "Rows that the last run of a command read and wrote.");
    for (key, run) in &last {
        let counts = [
            ("read", run.rows_read()),
            ("inserted", run.inserted()),
            ("updated", run.updated()),
            ("deleted", run.deleted()),
        ];
        for (kind, rows) in counts {
            let mut labels = labels_of_run(key);
            labels.push(("kind", kind.to_owned()));
            text.sample_of(name, &labels, number(rows));
        }
    }
    let name = "bicuspid_last_run_statement_seconds";
    text.family(
        name,
        "summary",
        "seconds",
        "Times of the statements on the source; quantile 1 is the longest.",
    );
    for (key, run) in &last {
        let Some(source) = &run.told.source else { continue };
        let times = &source.statement_ms;
        for (quantile, ms) in [("0.5", times.p50), ("0.99", times.p99), ("1", times.max)] {
            let mut labels = labels_of_run(key);
            labels.push(("quantile", quantile.to_owned()));
            text.sample_of(name, &labels, ms / 1000.0);
        }
        text.sample_of(&format!("{name}_count"), &labels_of_run(key), number(source.statements));
        text.sample_of(&format!("{name}_sum"), &labels_of_run(key), source.busy_seconds);
    }
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<(&str, String)> =
            labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.sample_of(name, &labels, value);
    }

    fn sample_of(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        let list: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(self.0, "{name}{{{}}} {value}", list.join(","));
    }
}

/// A label's value: the form knows three escapes, and other control characters have no place in a name.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn seconds_of(at: OffsetDateTime) -> f64 {
    (at - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
}

/// A count. Above 2^53 a gauge cannot tell one more from one less.
fn number(count: u64) -> f64 {
    count.to_string().parse().unwrap_or(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::Environment;
    use serde_json::json;
    use time::macros::datetime;

    /// Reads the text as strictly as the standard says, and returns the samples.
    fn parsed(text: &str) -> BTreeMap<String, f64> {
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap().split('\n').collect();
        assert_eq!(lines.last(), Some(&"# EOF"));
        let (mut samples, mut family, mut seen) = (BTreeMap::new(), String::new(), Vec::new());
        for line in &lines[..lines.len() - 1] {
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                let (keyword, name, value) =
                    (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
                match keyword {
                    "TYPE" => {
                        assert!(["gauge", "summary"].contains(&value), "{line}");
                        assert!(!seen.contains(&name.to_owned()), "{name} comes twice");
                        name.clone_into(&mut family);
                        seen.push(name.to_owned());
                    }
                    "UNIT" => assert!(name == family && name.ends_with(&format!("_{value}")), "{line}"),
                    "HELP" => assert_eq!(name, family),
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (key, value) = line.rsplit_once(' ').unwrap();
            let name = key.split('{').next().unwrap();
            assert!(
                name == family
                    || [format!("{family}_count"), format!("{family}_sum")].contains(&name.to_owned()),
                "{line}"
            );
            assert!(key.ends_with('}') && !key.contains("{,") && !key.contains(",}"), "{line}");
            assert!(samples.insert(key.to_owned(), value.parse().unwrap()).is_none(), "{key} comes twice");
        }
        samples
    }

    #[test]
    fn the_text_says_what_is_known() {
        let table = TableView {
            name: "odd\"name\\\n".into(),
            rows: 48_211,
            checked_at: "2026-03-02T12:00:00Z".into(),
            changed_at: "2026-03-02T11:00:00Z".into(),
            proved_at: "2026-03-02T10:00:00Z".into(),
            by_hash: false,
            due_at: None,
            standing: TableStanding::Due,
            held: None,
        };
        let copy = Copy {
            environment: Environment::Clinic,
            site: None,
            asked_at: "2026-03-02T12:00:00Z".into(),
            tables: Ok(vec![table]),
        };
        let newer = crate::record::tests::run(
            json!({"seconds": 2.5, "tables": [{"name": "a", "inserted": 3}],
            "source": {"statements": 9, "rows": 7, "busy_seconds": 0.5, "statement_ms": {"p50": 1.0, "p99": 2.0, "max": 4.0}}}),
        );
        let mut older = newer.record.clone();
        older.run_id = "older".into();
        older.finished_at = Some("2026-03-01T00:00:00Z".into());
        let mut failed = newer.record.clone();
        (failed.exit_code, failed.finished_at) = (Some(4), Some("2026-03-02T22:00:00Z".into()));
        let text =
            exposition("0.1.0", datetime!(2026-03-02 12:00 UTC), &[copy], &[failed, newer.record, older]);
        let samples = parsed(&text);
        for (key, value) in [
            ("bicuspid_build_info{version=\"0.1.0\"}", 1.0),
            ("bicuspid_copy_up{env=\"clinic\"}", 1.0),
            ("bicuspid_tables{env=\"clinic\",state=\"due\"}", 1.0),
            ("bicuspid_tables{env=\"clinic\",state=\"held\"}", 0.0),
            ("bicuspid_table_rows{env=\"clinic\",table=\"odd\\\"name\\\\\\n\"}", 48_211.0),
            ("bicuspid_table_proof_age_seconds{env=\"clinic\",table=\"odd\\\"name\\\\\\n\"}", 7200.0),
            (
                "bicuspid_table_checked_timestamp_seconds{env=\"clinic\",table=\"odd\\\"name\\\\\\n\"}",
                1_772_452_800.0,
            ),
            ("bicuspid_last_run_exit_code{env=\"clinic\",command=\"sync\"}", 4.0),
            ("bicuspid_last_success_timestamp_seconds{env=\"clinic\",command=\"sync\"}", 1_772_486_105.0),
            ("bicuspid_last_run_rows{env=\"clinic\",command=\"sync\",kind=\"inserted\"}", 3.0),
            ("bicuspid_last_run_statement_seconds{env=\"clinic\",command=\"sync\",quantile=\"0.99\"}", 0.002),
            ("bicuspid_last_run_statement_seconds_count{env=\"clinic\",command=\"sync\"}", 9.0),
        ] {
            assert_eq!(samples.get(key), Some(&value), "{key} in\n{text}");
        }
    }

    #[test]
    fn a_copy_that_cannot_be_asked_is_down() {
        let trouble = crate::DashboardError::WeakToken.trouble();
        let copy = Copy {
            environment: Environment::Test,
            site: Some("north".into()),
            asked_at: String::new(),
            tables: Err(trouble),
        };
        let samples = parsed(&exposition("0", datetime!(2026-03-02 12:00 UTC), &[copy], &[]));
        assert_eq!(samples.get("bicuspid_copy_up{env=\"test\",site=\"north\"}"), Some(&0.0));
        assert_eq!(samples.len(), 2);
    }
}

//! One run: what it did, how its statements were, and what happened when. The report of a run shows the same.

use crate::charts::{Caption, Stretch, columns, spread, timeline};
use crate::figures::{counted, grouped, length, milliseconds, second, seconds};
use crate::html::Html;
use crate::pages::{BAD, GOOD, PLAIN, Shell, badge, head, outcome_class, told, wide_table};
use crate::record::{Run, RunTable};

/// Most tables that the timeline shows; the longest of them.
const STRETCHES_MAX: usize = 20;

pub(crate) fn page(shell: &Shell, run: &Run) -> String {
    let title = format!("{} of {}", run.record.command, run.place());
    shell.page(&title, |h| {
        h.el("p", &[], |h| h.link("/runs", "All runs"));
        body(h, run);
    })
}

/// What there is to say of a run.
pub(crate) fn body(h: &mut Html, run: &Run) {
    facts(h, run);
    for error in &run.told.errors {
        told(
            h,
            &error.code,
            &error.what,
            &[("why", &error.why), ("state", &error.state), ("hint", &error.hint)],
        );
    }
    for (table, held) in run.held() {
        // What was told as an error names the table; the rest is told here.
        if run.told.errors.iter().any(|error| error.code == held.rule && error.what.contains(&table.name)) {
            continue;
        }
        let what = format!("table {} was held", table.name);
        told(h, &held.rule, &what, &[("why", &held.detail), ("hint", &held.remedy)]);
    }
    h.el("div", &[("class", "charts")], |h| {
        statements(h, run);
        stretches(h, run);
    });
    tables(h, run);
    converted(h, run);
}

fn facts(h: &mut Html, run: &Run) {
    let record = &run.record;
    h.el("dl", &[("class", "card facts")], |h| {
        let mut pair = |name: &str, text: &str| {
            h.leaf("dt", &[], name);
            h.leaf("dd", &[], text);
        };
        pair(
            "outcome",
            &match record.exit_code {
                Some(code) => format!("{} (exit code {code})", run.outcome()),
                None => "no end known: it is at work, or it was killed".to_owned(),
            },
        );
        pair("run", &record.run_id);
        pair("begun", &format!("{} UTC", second(&record.started_at)));
        if let Some(finished) = &record.finished_at {
            pair("ended", &format!("{} UTC", second(finished)));
        }
        if let Some(took) = run.seconds() {
            pair("took", &seconds(took));
        }
        if let (Some(patients), Some(start), Some(end)) =
            (run.told.patients, &run.told.start_date, &run.told.end_date)
        {
            let seed = run.told.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
            pair(
                "practice",
                &format!(
                    "{} from {start} to {end}{seed}; nobody in it is real",
                    counted(patients, "patient")
                ),
            );
        }
        if let Some(equal) = run.told.equal {
            pair("equal", if equal { "both sides hold the same rows" } else { "NOT EQUAL, see the tables" });
        }
        if let Some(source) = &run.told.source {
            let bytes = crate::figures::real(source.bytes) / 1e6;
            pair(
                "read",
                &format!(
                    "{} ({bytes:.1} MB) in {}, {} of the server's time",
                    counted(source.rows, "row"),
                    counted(source.statements, "statement"),
                    seconds(source.busy_seconds)
                ),
            );
            let times = &source.statement_ms;
            pair(
                "statements",
                &format!(
                    "{} at the median, {} at the 99th percentile, {} at most",
                    milliseconds(times.p50),
                    milliseconds(times.p99),
                    milliseconds(times.max)
                ),
            );
        }
        pair(
            "written",
            &format!(
                "{} inserted, {} changed, {} deleted",
                counted(run.inserted(), "row"),
                grouped(run.updated()),
                grouped(run.deleted())
            ),
        );
        if let Some(bytes) = run.told.peak_memory_bytes {
            pair("memory", &format!("{:.0} MB at most", crate::figures::real(bytes) / 1e6));
        }
        if let Some(anchor) = &record.audit_head {
            pair("audit", &format!("entry {} of log {}, hash {}", anchor.sequence, anchor.log, anchor.hash));
        }
        pair("version", &record.version);
    });
}

fn statements(h: &mut Html, run: &Run) {
    let Some(source) = &run.told.source else { return };
    let buckets: Vec<(f64, u64)> =
        source.statement_ms.histogram.iter().map(|bucket| (bucket.up_to_ms, bucket.statements)).collect();
    if buckets.is_empty() {
        return;
    }
    let caption = Caption {
        title: "Times of statements on the source",
        description: "How many statements took how long; each column stands for twice the time of the one before.",
        unit: "",
    };
    columns(h, caption, &spread(&buckets));
}

fn stretches(h: &mut Html, run: &Run) {
    let timed = |table: &RunTable| {
        Some(Stretch { name: table.name.clone(), began: table.began_seconds?, took: table.seconds? })
    };
    let mut list: Vec<Stretch> = run.told.tables.iter().filter_map(timed).collect();
    if list.is_empty() {
        return;
    }
    let all = list.len();
    let end = list.iter().map(|one| one.began + one.took).fold(0.0, f64::max);
    let total = run.seconds().unwrap_or_default().max(end);
    list.sort_by(|a, b| b.took.total_cmp(&a.took));
    list.truncate(STRETCHES_MAX);
    list.sort_by(|a, b| a.began.total_cmp(&b.began));
    let description = if list.len() < all {
        format!("When the {} longest of {} tables were worked on, in the order of the run.", list.len(), all)
    } else {
        "When each table was worked on, in the order of the run.".to_owned()
    };
    let caption = Caption { title: "What happened when", description: &description, unit: "" };
    timeline(h, caption, &list, total);
}

fn tables(h: &mut Html, run: &Run) {
    if run.told.tables.is_empty() {
        return;
    }
    h.leaf("h2", &[], "Tables");
    let count = counted(length(&run.told.tables), "table");
    let summary = match run.record.command.as_str() {
        "sync" => format!(
            "{count}: {} published, {} unchanged, {} held",
            grouped(run.tables_with("published")),
            grouped(run.tables_with("unchanged")),
            grouped(run.tables_with("held"))
        ),
        _ => count,
    };
    h.leaf("p", &[("class", "note")], &format!("{summary}."));
    let is_proof = run.told.tables.iter().any(|table| table.equal.is_some());
    let is_generation = run.told.tables.iter().any(|table| table.rows.is_some());
    wide_table(h, "Tables of the run", |h| {
        if is_generation {
            head(h, &[("Table", false), ("Rows", true)]);
        } else if is_proof {
            head(
                h,
                &[
                    ("Table", false),
                    ("Outcome", false),
                    ("Rows at the source", true),
                    ("Rows in the copy", true),
                    ("Missing", true),
                    ("Extra", true),
                    ("Different", true),
                ],
            );
        } else {
            head(
                h,
                &[
                    ("Table", false),
                    ("How", false),
                    ("Outcome", false),
                    ("Rows", true),
                    ("Read", true),
                    ("Inserted", true),
                    ("Changed", true),
                    ("Deleted", true),
                    ("Took", true),
                ],
            );
        }
        h.el("tbody", &[], |h| {
            for table in &run.told.tables {
                h.el("tr", &[], |h| {
                    h.leaf("th", &[("scope", "row")], &table.name);
                    if let (true, Some(rows)) = (is_generation, table.rows) {
                        h.leaf("td", &[("class", "n")], &grouped(rows));
                    } else if is_proof {
                        proof(h, table);
                    } else {
                        copy(h, table);
                    }
                });
            }
        });
    });
}

fn proof(h: &mut Html, table: &RunTable) {
    h.el("td", &[], |h| match table.equal {
        Some(true) => badge(h, GOOD, "equal"),
        _ => badge(h, BAD, "not equal"),
    });
    for count in [table.rows_source, table.rows_target, table.missing, table.extra, table.different] {
        h.leaf("td", &[("class", "n")], &grouped(count));
    }
}

fn copy(h: &mut Html, table: &RunTable) {
    h.leaf("td", &[], table.mode.as_deref().unwrap_or_default());
    h.el("td", &[], |h| match table.outcome.as_deref().unwrap_or_default() {
        "held" => badge(h, outcome_class("failed"), "held"),
        "published" => badge(h, GOOD, "published"),
        other => badge(h, PLAIN, other),
    });
    for count in [table.rows_target, table.rows_read, table.inserted, table.updated, table.deleted] {
        h.leaf("td", &[("class", "n")], &grouped(count));
    }
    h.leaf("td", &[("class", "n")], &table.seconds.map(seconds).unwrap_or_default());
}

fn converted(h: &mut Html, run: &Run) {
    let list: Vec<_> = run
        .told
        .tables
        .iter()
        .flat_map(|table| table.converted.iter().map(move |one| (table, one)))
        .collect();
    if list.is_empty() {
        return;
    }
    h.leaf("h2", &[], "Values that were replaced by rule");
    wide_table(h, "Values that were replaced", |h| {
        head(h, &[("Column", false), ("Rule", false), ("Values", true)]);
        h.el("tbody", &[], |h| {
            for (table, one) in list {
                h.el("tr", &[], |h| {
                    h.leaf("th", &[("scope", "row")], &format!("{}.{}", table.name, one.column));
                    h.leaf("td", &[], &one.rule);
                    h.leaf("td", &[("class", "n")], &grouped(one.count));
                });
            }
        });
    });
}

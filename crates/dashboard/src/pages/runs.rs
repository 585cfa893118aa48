//! The history of runs.

use crate::charts::{Bar, Caption, columns};
use crate::figures::{counted, grouped, length, minute, seconds};
use crate::html::Html;
use crate::pages::{Shell, badge, head, outcome_class, outcome_word, wide_table};
use crate::query::Query;
use crate::record::Run;

/// Most runs that a chart shows.
const BARS_MAX: usize = 40;

pub(crate) fn page(shell: &Shell, runs: &[Run], unreadable: usize, query: &Query) -> String {
    let wish = query.get("command");
    let shown: Vec<&Run> = runs.iter().filter(|run| wish.is_empty() || run.record.command == wish).collect();
    shell.page("Runs", |h| {
        commands(h, runs, wish);
        h.leaf("p", &[("class", "note")], &format!("{}, newest first.", counted(length(&shown), "run")));
        if unreadable > 0 {
            let count = counted(u64::try_from(unreadable).unwrap_or(u64::MAX), "record");
            h.leaf("p", &[("class", "note")], &format!("{count} could not be read and were left out."));
        }
        if shown.is_empty() {
            h.leaf("p", &[], "Nothing was run yet from here.");
            return;
        }
        charts(h, &shown);
        wide_table(h, "Runs", |h| {
            head(
                h,
                &[
                    ("Begun (UTC)", false),
                    // What one looks for stands on the first screen of a phone.
                    ("Outcome", false),
                    ("Command", false),
                    ("Environment", false),
                    ("Took", true),
                    ("Rows read", true),
                    ("Inserted", true),
                    ("Changed", true),
                    ("Deleted", true),
                    ("Held", true),
                ],
            );
            h.el("tbody", &[], |h| shown.iter().for_each(|run| row(h, run)));
        });
    })
}

fn commands(h: &mut Html, runs: &[Run], wish: &str) {
    let mut names: Vec<&str> = runs.iter().map(|run| run.record.command.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 {
        return;
    }
    h.el("p", &[("class", "choices")], |h| {
        h.text("Show: ");
        for name in std::iter::once("").chain(names) {
            let to = if name.is_empty() {
                "/runs".to_owned()
            } else {
                format!("/runs?command={}", crate::query::encoded(name))
            };
            let text = if name.is_empty() { "all" } else { name };
            if name == wish {
                h.leaf("a", &[("href", &to), ("aria-current", "true")], text);
            } else {
                h.link(&to, text);
            }
            h.text(" ");
        }
    });
}

fn charts(h: &mut Html, runs: &[&Run]) {
    // Oldest first, as time goes.
    let last: Vec<&&Run> = runs.iter().take(BARS_MAX).rev().collect();
    let of = |value: &dyn Fn(&Run) -> Option<f64>| -> Vec<Bar> {
        let bar = |run: &Run| Bar { name: minute(&run.record.started_at), value: value(run), target: None };
        last.iter().map(|run| bar(run)).collect()
    };
    h.el("div", &[("class", "charts")], |h| {
        let caption = Caption {
            title: "Seconds that runs took",
            description: "One column for each run, the oldest on the left.",
            unit: " s",
        };
        columns(h, caption, &of(&|run| run.seconds()));
        let caption = Caption {
            title: "Longest statement on the source",
            description: "How long a writer at the clinic may have waited at most, in each run that read it.",
            unit: " ms",
        };
        columns(h, caption, &of(&|run| Some(run.told.source.as_ref()?.statement_ms.max)));
    });
}

fn row(h: &mut Html, run: &Run) {
    h.el("tr", &[], |h| {
        h.el("th", &[("scope", "row"), ("class", "t")], |h| {
            h.link(&format!("/runs/{}", run.record.run_id), &minute(&run.record.started_at));
        });
        h.el("td", &[], |h| badge(h, outcome_class(run.outcome()), outcome_word(run.outcome())));
        h.leaf("td", &[], &run.record.command);
        h.leaf("td", &[], &run.place());
        h.leaf("td", &[("class", "n")], &run.seconds().map(seconds).unwrap_or_default());
        for count in [
            run.rows_read(),
            run.inserted(),
            run.updated(),
            run.deleted(),
            length(&run.held().collect::<Vec<_>>()),
        ] {
            h.leaf("td", &[("class", "n")], &grouped(count));
        }
    });
}

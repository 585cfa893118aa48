//! The synthetic practice: what was generated, and its statistics beside what they ought to be.

use crate::charts::{Bar, Caption, bars};
use crate::figures::{counted, grouped, length, minute};
use crate::html::Html;
use crate::pages::{BAD, FAIR, GOOD, PLAIN, Shell, badge, head, trouble, wide_table};
use crate::view::{FactVerdict, FactView, MeasuredPractice, Practice};

/// The facts that are drawn, with what a reader should see in them.
const DRAWN: [(&str, &str); 7] = [
    ("P5", "How old active patients are. A mark stands where each bar ought to end."),
    (
        "R5",
        "Completed work by category of procedure codes: D0 is diagnostic, D1 preventive, D2 fillings and crowns.",
    ),
    ("A14", "On which days of the week people come."),
    ("A15", "Visits per working day in each month, against the year's mean."),
    ("C7", "Days from sending a claim until it is paid."),
    ("C5", "How soon after the visit claims are sent."),
    ("M4", "How old the money is that patients and insurers owe, in days."),
];

pub(crate) fn page(shell: &Shell, practice: Option<&Practice>) -> String {
    shell.page("Demo practice", |h| match practice.map(|practice| &practice.measured) {
        None => h.leaf(
            "p",
            &[],
            "The demo is not among the environments that are shown: `bicuspid serve --env demo`.",
        ),
        Some(Err(stopped)) => trouble(h, stopped),
        Some(Ok(None)) => {
            h.leaf(
                "p",
                &[],
                "Nothing was generated yet: `bicuspid generate --patients 5000` makes a practice.",
            );
        }
        Some(Ok(Some(measured))) => body(h, measured),
    })
}

fn body(h: &mut Html, practice: &MeasuredPractice) {
    h.leaf(
        "p",
        &[],
        &format!(
            "{} with {}, from {} to {}, seed {}, {}. Nobody in it is real.",
            counted(practice.patients, "patient"),
            counted(practice.rows, "row"),
            practice.start_date,
            practice.end_date,
            practice.seed,
            practice.condition
        ),
    );
    let count =
        |verdict| length(&practice.facts.iter().filter(|fact| fact.verdict == verdict).collect::<Vec<_>>());
    h.el("p", &[], |h| {
        for (verdict, text) in [
            (FactVerdict::Holds, "hold"),
            (FactVerdict::Planted, "as planted"),
            (FactVerdict::Deviates, "deviate"),
            (FactVerdict::Broken, "broken"),
            (FactVerdict::TooFew, "with too few rows to say"),
        ] {
            if count(verdict) > 0 || verdict == FactVerdict::Holds {
                badge(h, class(verdict).0, &format!("{} {text}", grouped(count(verdict))));
                h.text(" ");
            }
        }
    });
    h.leaf(
        "p",
        &[("class", "note")],
        &format!(
            "Measured in the database at {} UTC by statements that know nothing of how the rows were made. Shares of a small \
             practice scatter: a figure is judged on 2,000 rows or more.",
            minute(&practice.measured_at)
        ),
    );
    h.el("div", &[("class", "charts")], |h| {
        for (id, description) in DRAWN {
            if let Some(fact) = practice.facts.iter().find(|fact| fact.id == id && !fact.figures.is_empty()) {
                draw(h, fact, description);
            }
        }
    });
    sections(h, practice);
    tables(h, practice);
}

fn draw(h: &mut Html, fact: &FactView, description: &str) {
    let (title, unit) = match fact.what.strip_suffix(", %") {
        Some(title) => (title, " %"),
        None => (fact.what.as_str(), ""),
    };
    let list: Vec<Bar> = fact
        .figures
        .iter()
        .map(|figure| Bar { name: figure.name.clone(), value: figure.measured, target: figure.target })
        .collect();
    bars(h, Caption { title, description, unit }, &list);
}

fn sections(h: &mut Html, practice: &MeasuredPractice) {
    let mut names: Vec<&str> = Vec::new();
    for fact in &practice.facts {
        if !names.contains(&fact.section.as_str()) {
            names.push(&fact.section);
        }
    }
    h.leaf("h2", &[], "Everything that was measured");
    for name in names {
        h.el("details", &[], |h| {
            let facts: Vec<&FactView> = practice.facts.iter().filter(|fact| fact.section == name).collect();
            let bad = facts
                .iter()
                .filter(|f| matches!(f.verdict, FactVerdict::Broken | FactVerdict::Deviates))
                .count();
            let note = if bad > 0 { format!(", {bad} off") } else { String::new() };
            h.leaf("summary", &[], &format!("{name} ({}{note})", facts.len()));
            wide_table(h, name, |h| {
                head(
                    h,
                    &[
                        ("Id", false),
                        ("What", false),
                        ("Target", false),
                        ("Tolerance", false),
                        ("Found", false),
                        ("Rows", true),
                        ("Verdict", false),
                    ],
                );
                h.el("tbody", &[], |h| {
                    for fact in facts {
                        h.el("tr", &[], |h| {
                            h.leaf("th", &[("scope", "row")], &fact.id);
                            for text in [&fact.what, &fact.target, &fact.tolerance, &fact.measured] {
                                h.leaf("td", &[], text);
                            }
                            h.leaf("td", &[("class", "n")], &grouped(fact.of));
                            h.el("td", &[], |h| {
                                let (class, word) = class(fact.verdict);
                                badge(h, class, word);
                            });
                        });
                    }
                });
            });
        });
    }
}

fn tables(h: &mut Html, practice: &MeasuredPractice) {
    h.leaf("h2", &[], "What was generated");
    h.el("details", &[], |h| {
        h.leaf("summary", &[], &format!("{} with rows", counted(length(&practice.tables), "table")));
        wide_table(h, "Generated tables", |h| {
            head(h, &[("Table", false), ("Rows", true)]);
            h.el("tbody", &[], |h| {
                for (name, rows) in &practice.tables {
                    h.el("tr", &[], |h| {
                        h.leaf("th", &[("scope", "row")], name);
                        h.leaf("td", &[("class", "n")], &grouped(*rows));
                    });
                }
            });
        });
    });
}

const fn class(verdict: FactVerdict) -> (&'static str, &'static str) {
    match verdict {
        FactVerdict::Holds => (GOOD, "holds"),
        FactVerdict::Deviates => (FAIR, "deviates"),
        FactVerdict::Planted => (PLAIN, "as planted"),
        FactVerdict::Broken => (BAD, "broken"),
        FactVerdict::TooFew => (PLAIN, "too few rows"),
        FactVerdict::Context => (PLAIN, "context"),
    }
}

//! The pages, one file each: functions from what is known to text.

pub(crate) mod audit;
pub(crate) mod freshness;
pub(crate) mod overview;
pub(crate) mod practice;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod safety;

use bicuspid_model::{Environment, Trouble};
use time::OffsetDateTime;

use crate::figures::grouped;
use crate::html::Html;
use crate::view::{CheckVerdict, LiveRun, Log, Safety};

/// What surrounds every page.
#[derive(Debug)]
pub(crate) struct Shell {
    /// The page's place in the navigation.
    pub(crate) path: &'static str,
    /// Version of the program.
    pub(crate) version: &'static str,
    /// When it is made.
    pub(crate) now: OffsetDateTime,
    /// Environments that are shown.
    pub(crate) environments: Vec<Environment>,
    /// Runs at work now.
    pub(crate) live: Vec<LiveRun>,
}

/// The pages that can be gone to.
const NAVIGATION: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/safety", "Safety"),
    ("/freshness", "Freshness"),
    ("/runs", "Runs"),
    ("/practice", "Demo practice"),
    ("/audit", "Audit"),
];

impl Shell {
    /// A whole page.
    pub(crate) fn page(&self, title: &str, inside: impl FnOnce(&mut Html)) -> String {
        let mut h = Html::new();
        h.el("html", &[("lang", "en")], |h| {
            h.el("head", &[], |h| {
                h.empty("meta", &[("charset", "utf-8")]);
                h.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
                h.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
                h.leaf("title", &[], &format!("{title} - Bicuspid"));
                h.empty("link", &[("rel", "icon"), ("href", "/favicon.svg"), ("type", "image/svg+xml")]);
                h.empty("link", &[("rel", "stylesheet"), ("href", "/style.css")]);
                if !self.live.is_empty() {
                    // Without a script the page comes again by itself while something is at work.
                    h.el("noscript", &[], |h| {
                        h.empty("meta", &[("http-equiv", "refresh"), ("content", "10")]);
                    });
                }
                h.empty("script", &[("src", "/live.js"), ("defer", "")]);
            });
            h.el("body", &[], |h| {
                h.leaf("a", &[("class", "skip"), ("href", "#main")], "Skip to the content");
                self.header(h);
                h.el("main", &[("id", "main")], |h| {
                    h.leaf("h1", &[], title);
                    self.live(h);
                    inside(h);
                });
                self.footer(h);
            });
        });
        h.into_page()
    }

    fn header(&self, h: &mut Html) {
        h.el("header", &[], |h| {
            h.leaf("p", &[("class", "name")], "Bicuspid");
            h.el("nav", &[("aria-label", "Pages")], |h| {
                h.el("ul", &[], |h| {
                    for (path, name) in NAVIGATION {
                        // The practice belongs to the demo alone.
                        if path == "/practice" && !self.environments.contains(&Environment::Demo) {
                            continue;
                        }
                        h.el("li", &[], |h| {
                            if path == self.path {
                                h.leaf("a", &[("href", path), ("aria-current", "page")], name);
                            } else {
                                h.link(path, name);
                            }
                        });
                    }
                });
            });
        });
    }

    /// Runs that are at work; a script keeps it up to date.
    fn live(&self, h: &mut Html) {
        let count = self.live.len().to_string();
        let mut attributes = vec![("id", "live"), ("class", "card live"), ("data-runs", count.as_str())];
        if self.live.is_empty() {
            attributes.push(("hidden", ""));
        }
        h.el("section", &attributes, |h| {
            h.leaf("h2", &[], "At work now");
            for run in &self.live {
                h.el("p", &[], |h| {
                    h.link(
                        &format!("/runs/{}", run.run_id),
                        &format!("{} of {}", run.command, run.environment),
                    );
                    h.text(" ");
                    let (most, rows) =
                        (run.rows_estimate.max(run.rows).max(1).to_string(), run.rows.to_string());
                    h.empty("progress", &[("max", &most), ("value", &rows), ("aria-label", "rows so far")]);
                    let at = if run.table.is_empty() { String::new() } else { format!(" {}", run.table) };
                    h.text(&format!(
                        " {}{at}: {} of {} tables, {} rows",
                        run.step,
                        grouped(run.tables_done),
                        grouped(run.tables),
                        grouped(run.rows)
                    ));
                });
            }
        });
    }

    fn footer(&self, h: &mut Html) {
        let time = self.now.to_offset(time::UtcOffset::UTC);
        let at = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second()
        );
        h.el("footer", &[], |h| {
            h.leaf("p", &[], &format!("Bicuspid {}, page made at {at}; all times are UTC.", self.version));
            h.leaf(
                "p",
                &[],
                "These pages only read. They show tables, columns, counts and times, never a value of a patient.",
            );
        });
    }
}

/// The page of an address that leads nowhere.
pub(crate) fn missing(shell: &Shell) -> String {
    shell.page("Not found", |h| {
        h.el("p", &[], |h| {
            h.text("There is no such page. ");
            h.link("/", "The overview");
            h.text(" leads everywhere.");
        });
    })
}

/// A mark whose meaning is in its word; the colour only repeats it.
pub(crate) fn badge(h: &mut Html, kind: &'static str, text: &str) {
    h.leaf("span", &[("class", kind)], text);
}

/// Classes of [`badge`].
pub(crate) const GOOD: &str = "badge good";
/// See [`GOOD`].
pub(crate) const FAIR: &str = "badge fair";
/// See [`GOOD`].
pub(crate) const BAD: &str = "badge bad";
/// See [`GOOD`].
pub(crate) const PLAIN: &str = "badge";

/// The class of an outcome.
pub(crate) fn outcome_class(outcome: &str) -> &'static str {
    match outcome {
        "done" => GOOD,
        "held" | "differences" | "interrupted" => FAIR,
        "failed" | "refused" | "usage" => BAD,
        _ => PLAIN,
    }
}

/// An outcome in the words of a person.
pub(crate) fn outcome_word(outcome: &str) -> &str {
    match outcome {
        "usage" => "wrong settings",
        other => other,
    }
}

/// A trouble as it is told to a person.
pub(crate) fn trouble(h: &mut Html, trouble: &Trouble) {
    told(
        h,
        &trouble.code,
        &trouble.what,
        &[("why", &trouble.why), ("state", &trouble.state), ("hint", &trouble.hint)],
    );
}

/// What went wrong, with its details.
pub(crate) fn told(h: &mut Html, code: &str, what: &str, details: &[(&str, &String)]) {
    h.el("div", &[("class", "card trouble")], |h| {
        h.el("p", &[], |h| {
            h.leaf("code", &[], code);
            h.text(" ");
            h.leaf("strong", &[], what);
        });
        h.el("dl", &[], |h| {
            for (name, text) in details.iter().filter(|(_, text)| !text.is_empty()) {
                h.leaf("dt", &[], name);
                h.leaf("dd", &[], text);
            }
        });
    });
}

/// The head of a table; those that hold numbers stand to the right.
pub(crate) fn head(h: &mut Html, columns: &[(&str, bool)]) {
    h.el("thead", &[], |h| {
        h.el("tr", &[], |h| {
            for (name, is_number) in columns {
                let class = if *is_number { "n" } else { "" };
                h.leaf("th", &[("scope", "col"), ("class", class)], name);
            }
        });
    });
}

/// A table that may be wider than a phone: it scrolls by itself, also by keyboard.
pub(crate) fn wide_table(h: &mut Html, label: &str, inside: impl FnOnce(&mut Html)) {
    h.el("div", &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", label)], |h| {
        h.el("table", &[("aria-label", label)], inside);
    });
}

/// Whether an environment is safe, in one word.
pub(crate) fn safety_word(safety: &Safety) -> (&'static str, &'static str) {
    let checks = || safety.databases.iter().flat_map(|database| &database.checks);
    let any = |verdict: CheckVerdict| checks().any(|check| check.verdict == verdict);
    if any(CheckVerdict::Refused) {
        (BAD, "not safe")
    } else if any(CheckVerdict::Unreachable) || !safety.troubles.is_empty() || checks().next().is_none() {
        (FAIR, "not all could be looked at")
    } else if any(CheckVerdict::Warn) {
        (FAIR, "safe, with warnings")
    } else {
        (GOOD, "safe")
    }
}

/// Whether the audit logs are whole, in one word.
pub(crate) fn audit_word(logs: &[Log]) -> (&'static str, &'static str) {
    if logs.iter().any(|log| !log.faults.is_empty()) {
        (BAD, "damaged")
    } else if logs.iter().any(|log| log.trouble.is_some()) {
        (FAIR, "not readable")
    } else if logs.iter().all(|log| log.entries.is_empty()) {
        (PLAIN, "empty")
    } else {
        (GOOD, "whole")
    }
}

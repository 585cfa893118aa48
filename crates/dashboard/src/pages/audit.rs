//! What was done where and by whom, and whether the record of it is whole.

use bicuspid_ledger::{Phase, Record};

use crate::figures::{counted, grouped, length, second};
use crate::html::Html;
use crate::pages::{BAD, FAIR, GOOD, PLAIN, Shell, badge, head, outcome_class, trouble, wide_table};
use crate::query::Query;
use crate::view::Log;

/// Entries on one page.
const ENTRIES_MAX: usize = 200;

pub(crate) fn page(shell: &Shell, logs: &[Log], query: &Query) -> String {
    shell.page("Audit", |h| {
        h.leaf(
            "p",
            &[],
            "Every run writes down what it is about to do before it opens anything for writing, and afterwards what it did. \
             Each entry holds the hash of the one before, so that none can be altered, removed or put in unnoticed.",
        );
        if logs.is_empty() {
            h.leaf("p", &[], "Nothing was recorded yet.");
        }
        for log in logs {
            one(h, log, query);
        }
    })
}

fn one(h: &mut Html, log: &Log, query: &Query) {
    h.el("section", &[], |h| {
        h.el("h2", &[], |h| {
            h.text("log ");
            if log.trouble.is_some() {
                badge(h, FAIR, "not readable");
            } else if log.faults.is_empty() {
                badge(h, GOOD, "whole");
            } else {
                badge(h, BAD, "damaged");
            }
        });
        h.el("p", &[], |h| h.leaf("code", &[], &log.path.display().to_string()));
        if let Some(stopped) = &log.trouble {
            trouble(h, stopped);
            return;
        }
        for fault in &log.faults {
            h.el("p", &[("class", "card trouble")], |h| h.text(&format!("{fault}.")));
        }
        let anchors = counted(u64::try_from(log.anchors).unwrap_or(u64::MAX), "head");
        h.leaf(
            "p",
            &[("class", "note")],
            &format!(
                "{}, compared with {anchors} kept in the records of runs; `bicuspid audit --verify` also asks the databases.",
                counted(length(&log.entries), "entry")
            ),
        );
        let end = query.get("before").parse().unwrap_or(u64::MAX);
        let earlier: Vec<&Record> = log.entries.iter().rev().filter(|entry| entry.sequence < end).collect();
        let shown = earlier.get(..ENTRIES_MAX.min(earlier.len())).unwrap_or_default();
        entries(h, shown);
        if let (true, Some(last)) = (earlier.len() > shown.len(), shown.last()) {
            h.el("p", &[], |h| h.link(&format!("/audit?before={}", last.sequence), "Earlier entries"));
        }
    });
}

fn entries(h: &mut Html, entries: &[&Record]) {
    if entries.is_empty() {
        return;
    }
    wide_table(h, "Entries of the log", |h| {
        head(
            h,
            &[
                ("No.", true),
                ("Time (UTC)", false),
                ("Step", false),
                ("Command", false),
                ("Outcome", false),
                ("Read", true),
                ("Written", true),
                ("Database", false),
                ("Who", false),
                ("Hash", false),
            ],
        );
        h.el("tbody", &[], |h| entries.iter().for_each(|entry| row(h, entry)));
    });
}

fn row(h: &mut Html, entry: &Record) {
    let (class, step) = match entry.phase {
        Phase::Intent => (PLAIN, "intent"),
        Phase::Result => {
            let outcome = entry.outcome.as_deref().unwrap_or_default();
            (outcome_class(outcome.split(':').next().unwrap_or_default()), "result")
        }
        Phase::Refusal => (BAD, "refusal"),
        Phase::Recovered => (FAIR, "recovered"),
    };
    let read: u64 = entry.tables.iter().map(|table| table.read).sum();
    let written: u64 = entry.tables.iter().map(|t| t.inserted + t.updated + t.deleted).sum();
    h.el("tr", &[], |h| {
        h.leaf("th", &[("scope", "row"), ("class", "n")], &grouped(entry.sequence));
        h.leaf("td", &[("class", "t")], &second(&entry.at));
        h.el("td", &[], |h| badge(h, class, step));
        h.leaf("td", &[], &format!("{} of {}", entry.action, entry.environment));
        h.leaf("td", &[], entry.outcome.as_deref().unwrap_or_default());
        h.leaf("td", &[("class", "n")], &grouped(read));
        h.leaf("td", &[("class", "n")], &grouped(written));
        let place = entry.target.as_ref().map(|target| format!("{} at {}", target.name, target.place));
        h.leaf("td", &[], &place.unwrap_or_default());
        h.leaf("td", &[], &format!("{} on {}", entry.user, entry.machine));
        h.el("td", &[], |h| {
            h.leaf("code", &[("title", &entry.hash)], entry.hash.get(..12).unwrap_or(&entry.hash));
        });
    });
}

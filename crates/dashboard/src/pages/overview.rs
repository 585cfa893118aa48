//! Is it safe, fresh and right? One card for each environment.

use crate::figures::{ago, counted, length};
use crate::html::Html;
use crate::pages::{
    BAD, FAIR, GOOD, PLAIN, Shell, audit_word, badge, outcome_class, outcome_word, safety_word,
};
use crate::record::Run;
use crate::view::{Copy, Log, Safety, TableStanding, TableView};

pub(crate) fn page(shell: &Shell, copies: &[Copy], safety: &[Safety], logs: &[Log], runs: &[Run]) -> String {
    shell.page("Overview", |h| {
        h.el("div", &[("class", "cards")], |h| {
            for environment in &shell.environments {
                let name = environment.name();
                h.el("section", &[("class", "card"), ("aria-label", name)], |h| {
                    h.leaf("h2", &[], name);
                    h.leaf("p", &[("class", "note")], &sentence(environment.risk()));
                    h.el("dl", &[("class", "facts")], |h| {
                        let safety = safety.iter().find(|one| one.environment == *environment);
                        line(h, "/safety", "Safe?", |h| match safety {
                            Some(safety) => {
                                let (class, word) = safety_word(safety);
                                badge(h, class, word);
                                h.text(&format!(" looked at {}", ago(&safety.looked_at, shell.now)));
                            }
                            None => badge(h, PLAIN, "not known"),
                        });
                        let copy = copies.iter().find(|one| one.environment == *environment);
                        line(h, "/freshness", "Fresh?", |h| fresh(h, copy, shell));
                        let last = runs.iter().find(|run| run.record.environment == name);
                        line(h, "/runs", "Last run", |h| match last {
                            Some(run) => {
                                badge(h, outcome_class(run.outcome()), outcome_word(run.outcome()));
                                let when = ago(&run.record.started_at, shell.now);
                                h.text(&format!(" {}, {when}", run.record.command));
                            }
                            None => h.text("none yet"),
                        });
                    });
                });
            }
            h.el("section", &[("class", "card"), ("aria-label", "audit")], |h| {
                h.leaf("h2", &[], "audit log");
                h.leaf("p", &[("class", "note")], "What was read and written where, as a chain of hashes.");
                h.el("dl", &[("class", "facts")], |h| {
                    line(h, "/audit", "Whole?", |h| {
                        let (class, word) = audit_word(logs);
                        badge(h, class, word);
                        let entries = logs.iter().map(|log| length(&log.entries)).sum();
                        h.text(&format!(" {}", counted(entries, "entry")));
                    });
                });
            });
        });
    })
}

fn line(h: &mut Html, to: &str, name: &str, inside: impl FnOnce(&mut Html)) {
    h.el("dt", &[], |h| h.link(to, name));
    h.el("dd", &[], inside);
}

fn fresh(h: &mut Html, copy: Option<&Copy>, shell: &Shell) {
    match copy.map(|copy| &copy.tables) {
        Some(Ok(tables)) if tables.is_empty() => badge(h, PLAIN, "nothing copied yet"),
        Some(Ok(tables)) => {
            let count = |standing: TableStanding| {
                length(&tables.iter().filter(|table| table.standing == standing).collect::<Vec<_>>())
            };
            let (held, due) = (count(TableStanding::Held), count(TableStanding::Due));
            match (held, due) {
                (0, 0) => badge(h, GOOD, "all fresh"),
                (0, due) => badge(h, FAIR, &format!("{} due", counted(due, "table"))),
                (held, _) => badge(h, BAD, &format!("{} held", counted(held, "table"))),
            }
            let checked =
                tables.iter().map(|table: &TableView| table.checked_at.as_str()).max().unwrap_or_default();
            h.text(&format!(" {}, checked {}", counted(length(tables), "table"), ago(checked, shell.now)));
        }
        Some(Err(trouble)) => {
            badge(h, FAIR, "not known");
            h.text(&format!(" {}", trouble.what));
        }
        None => badge(h, PLAIN, "not known"),
    }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

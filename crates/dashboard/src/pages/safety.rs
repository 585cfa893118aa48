//! Each database: what it is, who may do what, when it was last proved read-only, and the record of what was done.

use bicuspid_model::Environment;

use crate::figures::{ago, counted, length, second};
use crate::html::Html;
use crate::pages::{
    BAD, FAIR, GOOD, PLAIN, Shell, audit_word, badge, head, safety_word, trouble, wide_table,
};
use crate::record::Run;
use crate::view::{CheckVerdict, DatabaseView, Log, Role, Safety};

pub(crate) fn page(shell: &Shell, safety: &[Safety], logs: &[Log], runs: &[Run]) -> String {
    shell.page("Safety", |h| {
        h.leaf(
            "p",
            &[],
            "Data goes from the clinic's server into the copy, never back; made-up patients go into the demo database and \
             nowhere else. Every line below was asked of the servers themselves.",
        );
        for environment in safety {
            one(h, shell, environment, runs);
        }
        audit(h, logs);
    })
}

fn one(h: &mut Html, shell: &Shell, safety: &Safety, runs: &[Run]) {
    h.el("section", &[], |h| {
        h.el("h2", &[], |h| {
            h.text(safety.environment.name());
            h.text(" ");
            let (class, word) = safety_word(safety);
            badge(h, class, word);
        });
        h.leaf(
            "p",
            &[("class", "note")],
            &format!("Looked at {} UTC, {}.", second(&safety.looked_at), ago(&safety.looked_at, shell.now)),
        );
        for stopped in &safety.troubles {
            trouble(h, stopped);
        }
        for database in &safety.databases {
            card(h, shell, safety, database, runs);
        }
    });
}

fn card(h: &mut Html, shell: &Shell, safety: &Safety, database: &DatabaseView, runs: &[Run]) {
    let (name, may, never) = match database.role {
        Role::Source => {
            let name = match safety.environment {
                Environment::Clinic => "The clinic's server",
                Environment::Test | Environment::Demo => "The source",
            };
            (name, "read tables, in short statements", "write anything, or hold a lock for long")
        }
        Role::Target => (
            "The copy",
            "write the tables of schema raw that it made, and its own records in schema bicuspid",
            "drop, rename or empty a table, or write before the database proved to be the known one",
        ),
        Role::Demo => (
            "The demo database",
            "replace the rows that an earlier generation made",
            "write where there is a row that no generation made, or into a database of another name",
        ),
    };
    h.el("section", &[("class", "card"), ("aria-label", name)], |h| {
        h.leaf("h3", &[], name);
        h.el("dl", &[], |h| {
            pair(h, "which", database.title.as_deref().unwrap_or("it did not answer"));
            if let Some(identity) = &database.identity {
                pair(h, "known as", identity);
            }
            pair(h, "Bicuspid may", may);
            pair(h, "it never may", never);
            if database.role == Role::Source {
                pair(h, "proved read-only", &proved(shell, safety, database, runs));
            }
        });
        wide_table(h, &format!("What was looked at: {name}"), |h| {
            head(h, &[("Looked at", false), ("Verdict", false), ("Found", false)]);
            h.el("tbody", &[], |h| {
                for check in &database.checks {
                    h.el("tr", &[], |h| {
                        h.leaf("th", &[("scope", "row")], &check.name.replace('_', " "));
                        h.el("td", &[], |h| {
                            let (class, word) = match check.verdict {
                                CheckVerdict::Ok => (GOOD, "ok"),
                                CheckVerdict::Warn => (FAIR, "warning"),
                                CheckVerdict::Refused => (BAD, "refused"),
                                CheckVerdict::Unreachable => (FAIR, "unreachable"),
                            };
                            badge(h, class, word);
                        });
                        h.el("td", &[], |h| {
                            h.text(&check.detail);
                            if !check.remedy.is_empty() && check.verdict != CheckVerdict::Ok {
                                h.leaf("p", &[("class", "note")], &format!("What to do: {}", check.remedy));
                            }
                        });
                    });
                }
            });
        });
    });
}

/// When the source was last proved to be read-only: by this look, and by a run.
fn proved(shell: &Shell, safety: &Safety, database: &DatabaseView, runs: &[Run]) -> String {
    let is_ok = |name: &str| {
        database.checks.iter().any(|check| check.name == name && check.verdict == CheckVerdict::Ok)
    };
    let now = if is_ok("privileges") && is_ok("read_only") {
        format!(
            "{} UTC by this page: the account holds nothing but reading, and the session refuses to write",
            second(&safety.looked_at)
        )
    } else {
        "not by this page: see below".to_owned()
    };
    let last = runs.iter().find(|run| {
        run.record.environment == safety.environment.name()
            && run.read_the_source()
            && run.record.finished_at.is_some()
    });
    match last {
        Some(run) => format!(
            "{now}; before that by the {} of {} UTC ({})",
            run.record.command,
            second(&run.record.started_at),
            ago(&run.record.started_at, shell.now)
        ),
        None => now,
    }
}

fn pair(h: &mut Html, name: &str, text: &str) {
    h.leaf("dt", &[], name);
    h.leaf("dd", &[], text);
}

fn audit(h: &mut Html, logs: &[Log]) {
    h.el("section", &[], |h| {
        h.el("h2", &[], |h| {
            h.text("audit log ");
            let (class, word) = audit_word(logs);
            badge(h, class, word);
        });
        for log in logs {
            h.el("p", &[], |h| {
                h.leaf("code", &[], &log.path.display().to_string());
                h.text(&format!(
                    ": {}, compared with {} kept elsewhere",
                    counted(length(&log.entries), "entry"),
                    counted(u64::try_from(log.anchors).unwrap_or(u64::MAX), "head")
                ));
            });
        }
        if logs.is_empty() {
            badge(h, PLAIN, "nothing was recorded yet");
        }
        h.el("p", &[], |h| h.link("/audit", "What was done, entry by entry"));
    });
}

//! Every table: when it was checked, changed and proved, how many rows it has, and why it is held.

use std::cmp::Reverse;

use bicuspid_model::Environment;

use crate::figures::{ago, counted, grouped, length, minute};
use crate::html::Html;
use crate::pages::{BAD, FAIR, GOOD, Shell, badge, trouble, wide_table};
use crate::query::{Query, encoded};
use crate::view::{Copy, TableStanding, TableView};

/// What can be sorted by: the name in the address, and the heading.
const SORTS: [(&str, &str); 6] = [
    ("name", "Table"),
    ("rows", "Rows"),
    ("state", "State"),
    ("checked", "Checked"),
    ("changed", "Changed"),
    ("proved", "Proved"),
];
/// Longest text that is searched for.
const SEARCH_CHARS_MAX: usize = 100;

/// What is asked of the list.
struct Wish {
    search: String,
    sort: &'static str,
    state: &'static str,
    /// Name of an environment, or nothing for all.
    env: &'static str,
}

impl Wish {
    fn of(query: &Query) -> Self {
        let known = |names: &[&'static str], wish: &str| names.iter().copied().find(|name| *name == wish);
        let sorts = SORTS.map(|(name, _)| name);
        Self {
            search: query.get("q").chars().take(SEARCH_CHARS_MAX).collect(),
            sort: known(&sorts, query.get("sort")).unwrap_or("state"),
            state: known(&["held", "due", "fresh"], query.get("state")).unwrap_or(""),
            env: Environment::named(query.get("env")).map_or("", Environment::name),
        }
    }

    fn fits(&self, table: &TableView) -> bool {
        table.name.to_lowercase().contains(&self.search.trim().to_lowercase())
            && (self.state.is_empty() || self.state == table.standing.name())
    }

    /// The address of the same list in another order.
    fn sorted_by(&self, sort: &str) -> String {
        format!("/freshness?q={}&env={}&state={}&sort={sort}", encoded(&self.search), self.env, self.state)
    }

    fn sort(&self, tables: &mut [&TableView]) {
        // Names last: whatever is equal stays in a known order.
        tables.sort_by_key(|table| table.name.as_str());
        match self.sort {
            "rows" => tables.sort_by_key(|table| Reverse(table.rows)),
            "checked" => tables.sort_by_key(|table| Reverse(table.checked_at.as_str())),
            "changed" => tables.sort_by_key(|table| Reverse(table.changed_at.as_str())),
            // The oldest proof is what one looks for.
            "proved" => tables.sort_by_key(|table| table.proved_at.as_str()),
            "state" => tables.sort_by_key(|table| table.standing),
            _ => {}
        }
    }
}

pub(crate) fn page(shell: &Shell, copies: &[Copy], query: &Query) -> String {
    let wish = Wish::of(query);
    shell.page("Freshness", |h| {
        form(h, &wish, copies);
        for copy in copies.iter().filter(|copy| wish.env.is_empty() || wish.env == copy.environment.name()) {
            h.el("section", &[], |h| {
                h.leaf("h2", &[], copy.environment.name());
                match &copy.tables {
                    Ok(tables) => list(h, shell, copy, tables, &wish),
                    Err(stopped) => trouble(h, stopped),
                }
            });
        }
    })
}

fn form(h: &mut Html, wish: &Wish, copies: &[Copy]) {
    h.el("form", &[("method", "get"), ("action", "/freshness"), ("role", "search")], |h| {
        h.el("label", &[], |h| {
            h.text("Table ");
            h.empty(
                "input",
                &[("type", "search"), ("name", "q"), ("value", &wish.search), ("autocomplete", "off")],
            );
        });
        if copies.len() > 1 {
            let names = copies.iter().map(|copy| (copy.environment.name(), copy.environment.name()));
            let options: Vec<(&str, &str)> = std::iter::once(("", "all")).chain(names).collect();
            select(h, "Environment", "env", wish.env, &options);
        }
        select(
            h,
            "State",
            "state",
            wish.state,
            &[("", "all"), ("held", "held"), ("due", "due"), ("fresh", "fresh")],
        );
        select(h, "Sort by", "sort", wish.sort, &SORTS);
        h.leaf("button", &[("type", "submit")], "Show");
    });
}

fn select(h: &mut Html, label: &str, name: &str, chosen: &str, options: &[(&str, &str)]) {
    h.el("label", &[], |h| {
        h.text(&format!("{label} "));
        h.el("select", &[("name", name)], |h| {
            for (value, text) in options {
                let mut attributes = vec![("value", *value)];
                if *value == chosen {
                    attributes.push(("selected", ""));
                }
                h.leaf("option", &attributes, &text.to_lowercase());
            }
        });
    });
}

fn list(h: &mut Html, shell: &Shell, copy: &Copy, tables: &[TableView], wish: &Wish) {
    if tables.is_empty() {
        h.leaf("p", &[], "Nothing was copied yet.");
        return;
    }
    let mut shown: Vec<&TableView> = tables.iter().filter(|table| wish.fits(table)).collect();
    wish.sort(&mut shown);
    let rows = shown.iter().map(|table| table.rows).sum();
    h.leaf(
        "p",
        &[("class", "note")],
        &format!(
            "{} of {} with {}; asked at {} UTC.",
            grouped(length(&shown)),
            counted(length(tables), "table"),
            counted(rows, "row"),
            minute(&copy.asked_at)
        ),
    );
    if shown.is_empty() {
        return;
    }
    for table in shown.iter().filter(|table| table.held.is_some()) {
        held(h, table);
    }
    wide_table(h, &format!("Tables of {}", copy.environment), |h| {
        h.el("thead", &[], |h| {
            h.el("tr", &[], |h| {
                for (name, title) in SORTS {
                    let class = if name == "rows" { "n" } else { "" };
                    let sorted = if name != wish.sort {
                        "none"
                    } else if ["rows", "checked", "changed"].contains(&name) {
                        "descending"
                    } else {
                        "ascending"
                    };
                    h.el("th", &[("scope", "col"), ("class", class), ("aria-sort", sorted)], |h| {
                        h.link(&wish.sorted_by(name), title);
                    });
                }
            });
        });
        h.el("tbody", &[], |h| shown.iter().for_each(|table| row(h, shell, table)));
    });
}

fn row(h: &mut Html, shell: &Shell, table: &TableView) {
    h.el("tr", &[], |h| {
        h.leaf("th", &[("scope", "row")], &table.name);
        h.leaf("td", &[("class", "n")], &grouped(table.rows));
        h.el("td", &[], |h| {
            let class = match table.standing {
                TableStanding::Held => BAD,
                TableStanding::Due => FAIR,
                TableStanding::Fresh => GOOD,
            };
            badge(h, class, table.standing.name());
            if table.by_hash {
                h.leaf("span", &[("class", "note")], " proved by the source's own hashes");
            }
        });
        for at in [&table.checked_at, &table.changed_at, &table.proved_at] {
            h.el("td", &[("class", "t")], |h| {
                h.leaf("time", &[("datetime", at), ("title", &ago(at, shell.now))], &minute(at));
            });
        }
    });
}

fn held(h: &mut Html, table: &TableView) {
    let Some(held) = &table.held else { return };
    h.el("div", &[("class", "card trouble")], |h| {
        h.el("p", &[], |h| {
            badge(h, BAD, "held");
            h.text(" ");
            h.leaf("strong", &[], &table.name);
            h.text(" ");
            h.leaf("code", &[], &held.rule);
        });
        h.el("dl", &[], |h| {
            for (name, text) in [("why", &held.detail), ("what to do", &held.remedy)] {
                h.leaf("dt", &[], name);
                h.leaf("dd", &[], text);
            }
        });
        h.leaf("p", &[("class", "note")], "Its old rows stay as they were; the other tables went on.");
    });
}

//! The report of a run: one file that needs nothing but itself.

use bicuspid_ledger::RunRecord;

use crate::html::Html;
use crate::pages::run;
use crate::record::Run;

/// The style of the pages, within the file.
const STYLE: &str = include_str!("../assets/style.css");

/// Nothing may be loaded from anywhere, and nothing may run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A run as a page that can be kept, sent and printed. It holds what the record of the run holds: tables, columns, counts
/// and times, no value and no secret.
#[must_use]
pub fn page(record: &RunRecord) -> String {
    let run = Run::new(record.clone());
    let title =
        format!("{} of {}, {}", record.command, run.place(), crate::figures::minute(&record.started_at));
    let mut h = Html::new();
    h.el("html", &[("lang", "en")], |h| {
        h.el("head", &[], |h| {
            h.empty("meta", &[("charset", "utf-8")]);
            h.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
            h.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            h.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            h.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
            h.leaf("title", &[], &format!("{title} - Bicuspid"));
            h.style(STYLE);
        });
        h.el("body", &[], |h| {
            h.el("main", &[], |h| {
                h.leaf("h1", &[], &title);
                run::body(h, &run);
            });
            h.el("footer", &[], |h| {
                h.leaf(
                    "p",
                    &[],
                    "Made by Bicuspid from the record of the run; all times are UTC. It shows tables, columns, counts and \
                     times, never a value of a patient.",
                );
            });
        });
    });
    h.into_page()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_stands_alone_and_escapes_what_it_shows() {
        let run = crate::record::tests::run(
            json!({"tables": [{"name": "<script>x</script>", "mode": "first",
            "outcome": "held", "held": {"rule": "validate::row_count", "detail": "3 of 4", "remedy": "again"}}]}),
        );
        let page = page(&run.record);
        assert!(
            page.contains("table &lt;script&gt;x&lt;/script&gt; was held") && page.contains("3 of 4"),
            "{page}"
        );
        for absent in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(absent), "{absent}");
        }
        assert!(page.contains("default-src &#39;none&#39;"));
    }
}

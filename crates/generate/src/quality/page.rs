//! The report as a page that needs nothing but itself: no script, no font, no picture from anywhere.

use std::fmt::Write as _;

use super::facts::SECTIONS;
use super::{QualityReport, QualityRow, Verdict};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1d2733}\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d9dfe6}th{font-weight:600}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.v{white-space:nowrap;font-weight:600}\
.holds{color:#17643a}.deviates{color:#8a5a00}.broken{color:#a11;background:#fdecec}.planted{color:#3b4fa0}.few,.context{color:#5b6672;font-weight:400}\
p.sum span{margin-right:1.5rem}@media(prefers-color-scheme:dark){body{background:#14181d;color:#d8dee6}\
th,td{border-color:#333b45}.holds{color:#6fd19b}.deviates{color:#e3b25a}.broken{color:#ff9b9b;background:#3a1a1a}}";

pub(super) fn page(report: &QualityReport) -> String {
    let mut html = String::new();
    // Writing to a text cannot fail.
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Quality of the synthetic practice</title><style>{STYLE}</style></head>\n<body>\n\
         <h1>Quality of the synthetic practice</h1>\n<p>{} patients, {} rows, {} to {}, seed {}; run {} by Bicuspid {}. \
         Nobody in it is real. Measured in the database by statements that know nothing of how the rows were made.</p>\n\
         <p class=\"sum\"><span class=\"holds\">{} hold</span><span class=\"deviates\">{} deviate</span>\
         <span class=\"broken\">{} broken</span><span class=\"few\">{} with too few rows</span></p>\n",
        report.patients,
        report.rows_generated,
        escaped(&report.start_date),
        escaped(&report.end_date),
        report.seed,
        escaped(&report.run_id),
        escaped(&report.tool_version),
        report.count(Verdict::Holds),
        report.count(Verdict::Deviates),
        report.count(Verdict::Broken),
        report.count(Verdict::TooFew),
    );
    for (_, name) in SECTIONS {
        let rows: Vec<&QualityRow> = report.quality.iter().filter(|row| row.section == name).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(
            html,
            "<h2>{}</h2>\n<table><thead><tr><th>Id</th><th>What</th><th>Target</th><th>Tolerance</th><th>Measured</th>\
             <th>Rows</th><th>Verdict</th></tr></thead><tbody>\n",
            escaped(name)
        );
        for row in rows {
            let class = match row.verdict {
                Verdict::Holds => "holds",
                Verdict::Deviates => "deviates",
                Verdict::Planted => "planted",
                Verdict::Broken => "broken",
                Verdict::TooFew => "few",
                Verdict::Context => "context",
            };
            let _ = writeln!(
                html,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>\
                 <td class=\"v {class}\">{}</td></tr>",
                escaped(row.id),
                escaped(row.what),
                escaped(&row.target),
                escaped(&row.tolerance),
                escaped(&row.measured),
                row.of,
                row.verdict.name(),
            );
        }
        html.push_str("</tbody></table>\n");
    }
    html.push_str("</body></html>\n");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

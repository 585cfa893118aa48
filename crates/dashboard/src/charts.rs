//! Charts drawn by the server as SVG. Each has a title, a description and the same figures as a table, so that nothing
//! is told by a picture alone; colours are classes of the style sheet, which knows dark and light.

use crate::figures::{figure, milliseconds, seconds};
use crate::html::Html;

/// Width of every chart in its own units: that of a narrow phone, so that letters keep their size there.
const WIDTH: f64 = 360.0;

/// One bar of a chart: its name, what was found, and what it ought to be.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: Option<f64>,
    pub(crate) target: Option<f64>,
}

/// What a chart is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caption<'a> {
    /// Its heading.
    pub(crate) title: &'a str,
    /// What it shows, in a sentence.
    pub(crate) description: &'a str,
    /// What stands behind each figure, such as ` %`.
    pub(crate) unit: &'a str,
}

/// Bars from left to right, one below the other; a mark stands where a bar ought to end.
pub(crate) fn bars(h: &mut Html, caption: Caption<'_>, bars: &[Bar]) {
    const ROW: f64 = 26.0;
    const LABEL: f64 = 104.0;
    const FIGURE: f64 = 56.0;
    let most = most(bars);
    let space = WIDTH - LABEL - FIGURE;
    let height = ROW * count(bars.len());
    figure_of(h, caption, height, bars, |h| {
        for (i, bar) in bars.iter().enumerate() {
            let top = ROW * count(i);
            let length = bar.value.unwrap_or_default().max(0.0) / most * space;
            text(h, (LABEL - 6.0, top + 17.0), "end", "label", &bar.name);
            rect(h, "bar", (LABEL, top + 5.0), (length, ROW - 10.0));
            let shown = bar
                .value
                .map_or_else(|| "none".to_owned(), |value| format!("{}{}", figure(value), caption.unit));
            let mut end = length;
            if let Some(target) = bar.target {
                let at = LABEL + target.max(0.0) / most * space;
                rect(h, "target", (at - 1.0, top + 2.0), (2.5, ROW - 4.0));
                end = end.max(at - LABEL);
            }
            text(h, (LABEL + end + 6.0, top + 17.0), "start", "figure", &shown);
        }
    });
}

/// Columns side by side; the names stand below the first, the middle and the last.
pub(crate) fn columns(h: &mut Html, caption: Caption<'_>, bars: &[Bar]) {
    const HEIGHT: f64 = 132.0;
    const TOP: f64 = 16.0;
    let most = most(bars);
    let step = WIDTH / count(bars.len().max(1));
    let width = (step * 0.8).min(36.0);
    figure_of(h, caption, HEIGHT + 20.0, bars, |h| {
        text(h, (0.0, 11.0), "start", "label", &format!("{}{}", figure(most), caption.unit));
        rect(h, "axis", (0.0, HEIGHT), (WIDTH, 1.0));
        for (i, bar) in bars.iter().enumerate() {
            let value = bar.value.unwrap_or_default().max(0.0);
            let tall = value / most * (HEIGHT - TOP);
            // A column of something is never as flat as one of nothing.
            let tall = if value > 0.0 { tall.max(1.5) } else { 0.0 };
            rect(h, "bar", (step * count(i) + (step - width) / 2.0, HEIGHT - tall), (width, tall));
        }
        let places = [
            (0, 0.0, "start"),
            (bars.len() / 2, WIDTH / 2.0, "middle"),
            (bars.len().saturating_sub(1), WIDTH, "end"),
        ];
        let shown = if bars.len() < 3 { &places[..1] } else { &places[..] };
        for (i, at, anchor) in shown {
            if let Some(bar) = bars.get(*i) {
                text(h, (*at, HEIGHT + 15.0), anchor, "label", &bar.name);
            }
        }
    });
}

/// A stretch of time that something took.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub(crate) name: String,
    pub(crate) began: f64,
    pub(crate) took: f64,
}

/// What happened when, from left to right, each below the one before.
pub(crate) fn timeline(h: &mut Html, caption: Caption<'_>, stretches: &[Stretch], total: f64) {
    const ROW: f64 = 30.0;
    let total = total.max(1e-6);
    let height = ROW * count(stretches.len()) + 22.0;
    let rows: Vec<Vec<String>> =
        stretches.iter().map(|one| vec![one.name.clone(), seconds(one.began), seconds(one.took)]).collect();
    chart(h, caption, height, &["Table", "Begun after", "Took"], &rows, |h| {
        for (i, one) in stretches.iter().enumerate() {
            let top = ROW * count(i);
            let left = (one.began / total).clamp(0.0, 1.0) * WIDTH;
            let wide = (one.took / total * WIDTH).clamp(1.5, (WIDTH - left).max(1.5));
            rect(h, "rail", (0.0, top + 17.0), (WIDTH, 9.0));
            rect(h, "bar", (left.min(WIDTH - 1.5), top + 17.0), (wide, 9.0));
            text(h, (0.0, top + 12.0), "start", "label", &one.name);
            text(h, (WIDTH, top + 12.0), "end", "figure", &seconds(one.took));
        }
        let bottom = height - 6.0;
        text(h, (0.0, bottom), "start", "label", "0 s");
        text(h, (WIDTH, bottom), "end", "label", &seconds(total));
    });
}

/// How the times of statements are spread: each bar takes twice the time of the one before.
pub(crate) fn spread(buckets: &[(f64, u64)]) -> Vec<Bar> {
    let bar = |(up_to, statements): &(f64, u64)| Bar {
        name: format!("to {}", milliseconds(*up_to)),
        value: Some(crate::figures::real(*statements)),
        target: None,
    };
    buckets.iter().map(bar).collect()
}

fn most(bars: &[Bar]) -> f64 {
    let values = bars.iter().flat_map(|bar| [bar.value, bar.target]).flatten();
    let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    if most > 0.0 { most } else { 1.0 }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn figure_of(h: &mut Html, caption: Caption<'_>, height: f64, bars: &[Bar], draw: impl FnOnce(&mut Html)) {
    let has_targets = bars.iter().any(|bar| bar.target.is_some());
    let shown = |value: Option<f64>| {
        value.map_or_else(|| "none".to_owned(), |v| format!("{}{}", figure(v), caption.unit))
    };
    let rows: Vec<Vec<String>> = bars
        .iter()
        .map(|bar| {
            let mut row = vec![bar.name.clone(), shown(bar.value)];
            if has_targets {
                row.push(shown(bar.target));
            }
            row
        })
        .collect();
    let head: &[&str] = if has_targets { &["What", "Found", "Target"] } else { &["What", "Found"] };
    chart(h, caption, height, head, &rows, draw);
}

fn chart(
    h: &mut Html,
    caption: Caption<'_>,
    height: f64,
    head: &[&str],
    rows: &[Vec<String>],
    draw: impl FnOnce(&mut Html),
) {
    h.el("figure", &[], |h| {
        h.leaf("figcaption", &[], caption.title);
        let view = format!("0 0 {WIDTH} {}", round(height));
        h.el("svg", &[("viewBox", &view), ("role", "img"), ("aria-label", caption.title)], |h| {
            h.leaf("title", &[], caption.title);
            h.leaf("desc", &[], caption.description);
            draw(h);
        });
        h.leaf("p", &[("class", "note")], caption.description);
        h.el("details", &[], |h| {
            h.leaf("summary", &[], "The same as a table");
            h.el("table", &[("aria-label", caption.title)], |h| {
                h.el("thead", &[], |h| {
                    h.el("tr", &[], |h| head.iter().for_each(|name| h.leaf("th", &[("scope", "col")], name)));
                });
                h.el("tbody", &[], |h| {
                    for row in rows {
                        h.el("tr", &[], |h| {
                            for (i, cell) in row.iter().enumerate() {
                                if i == 0 {
                                    h.leaf("th", &[("scope", "row")], cell);
                                } else {
                                    h.leaf("td", &[("class", "n")], cell);
                                }
                            }
                        });
                    }
                });
            });
        });
    });
}

fn rect(h: &mut Html, class: &'static str, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let [x, y, width, height] = [x, y, width, height].map(round);
    h.empty("rect", &[("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
}

fn text(h: &mut Html, (x, y): (f64, f64), anchor: &str, class: &'static str, text: &str) {
    let [x, y] = [x, y].map(round);
    h.leaf("text", &[("class", class), ("x", &x), ("y", &y), ("text-anchor", anchor)], text);
}

/// A coordinate: tenths are finer than any screen.
fn round(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caption() -> Caption<'static> {
        Caption { title: "Ages", description: "Shares of <all>", unit: " %" }
    }

    #[test]
    fn a_chart_says_in_words_what_it_draws() {
        let mut h = Html::new();
        let list = [
            Bar { name: "0-4".into(), value: Some(3.0), target: Some(6.0) },
            Bar { name: "5+".into(), value: None, target: None },
        ];
        bars(&mut h, caption(), &list);
        let page = h.into_page();
        for part in [
            "<title>Ages</title><desc>Shares of &lt;all&gt;</desc>",
            // Half of the 200 units that bars have, and the mark at their end.
            "<rect class=\"bar\" x=\"104.0\" y=\"5.0\" width=\"100.0\" height=\"16.0\"></rect>",
            "<rect class=\"target\" x=\"303.0\"",
            "<th scope=\"row\">0-4</th><td class=\"n\">3 %</td><td class=\"n\">6 %</td>",
            "<td class=\"n\">none</td>",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("style="), "the policy of the pages forbids it");
    }

    #[test]
    fn strange_figures_draw_something() {
        for list in
            [vec![], vec![Bar { name: String::new(), value: Some(f64::NAN), target: Some(f64::INFINITY) }]]
        {
            let mut h = Html::new();
            bars(&mut h, caption(), &list);
            columns(&mut h, caption(), &list);
            timeline(&mut h, caption(), &[Stretch { name: "t".into(), began: 9.0, took: 9.0 }], 0.0);
            assert!(!h.into_page().replace("NaN %", "").contains("NaN"));
        }
    }
}

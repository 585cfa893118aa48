//! From figures to verdicts.

use bicuspid_target::Part;
use serde::Serialize;

use super::facts::{Fact, Goal};
use super::{Figure, QualityRow};

/// Rows below which a share or mean is not judged.
const ROWS_MIN: u64 = 2000;
/// Parts of a rule that are named; more would hide the first.
const NAMED_MAX: usize = 6;

/// Whether a line of the report is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it ought to be.
    Holds,
    /// A figure is further off than its tolerance.
    Deviates,
    /// Rows break a rule, exactly those that were planted.
    Planted,
    /// Rows break a rule.
    Broken,
    /// Too few rows to say.
    TooFew,
    /// A figure for context.
    Context,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Deviates => "deviates",
            Self::Planted => "as planted",
            Self::Broken => "BROKEN",
            Self::TooFew => "too few rows",
            Self::Context => "-",
        }
    }
}

/// Judges a fact by what was measured of it. `planted` rows break a rule on purpose.
pub(super) fn row(fact: &Fact, section: &'static str, parts: &[Part], planted: u64) -> QualityRow {
    let (target, tolerance) = goal(&fact.goal);
    let of = parts.iter().map(|p| p.of).max().unwrap_or_default();
    let (measured, verdict) = match fact.goal {
        Goal::Never => {
            let of: u64 = parts.iter().map(|p| p.of).sum();
            let (measured, verdict) = rule(parts, planted);
            let target = if planted > 0 { format!("{planted}, planted") } else { target };
            let (id, what) = (fact.id, fact.what);
            return QualityRow {
                id,
                section,
                what,
                target,
                tolerance,
                measured,
                of,
                is_rule: true,
                verdict,
                figures: Vec::new(),
            };
        }
        _ if parts.iter().all(|p| p.value.is_none()) => ("nothing to measure".to_owned(), Verdict::TooFew),
        Goal::Percent(aim, allowed) => {
            one(parts, |value, of| (value - aim).abs() <= allowed.max(error(aim, of)))
        }
        Goal::Between(low, high) => one(parts, |value, _| (low..=high).contains(&value)),
        Goal::Distribution(aims, allowed) => distribution(aims, allowed, parts),
        Goal::Each(aims, allowed) => each(aims, parts, |value, aim, of| {
            // A tolerance of whole points belongs to shares in percent.
            let error = if allowed >= 1.0 { error(aim, of) } else { 0.0 };
            (value - aim).abs() <= allowed.max(error)
        }),
        Goal::Relative(aims, allowed) => each(aims, parts, |value, aim, of| {
            let part = if aim < 1.0 { allowed * 5.0 / 3.0 } else { allowed };
            (value - aim).abs() <= (aim * part).max(error(aim, of))
        }),
        Goal::Times(aims, factor) => {
            each(aims, parts, |value, aim, _| (aim / factor..=aim * factor).contains(&value))
        }
        Goal::Falling => {
            let falls = parts.windows(2).all(|pair| match pair {
                [a, b] => b.value.unwrap_or_default() <= a.value.unwrap_or_default() + error(50.0, b.of),
                _ => true,
            });
            (listed(parts.iter()), if falls { Verdict::Holds } else { Verdict::Deviates })
        }
        Goal::Odds(low, high) => odds(parts, low, high),
        Goal::Above => {
            let above = parts.iter().all(|p| p.value.is_none_or(|value| value > 0.0));
            (listed(parts.iter()), if above { Verdict::Holds } else { Verdict::Deviates })
        }
        Goal::Context => (listed(parts.iter()), Verdict::Context),
    };
    let few = of < ROWS_MIN && matches!(verdict, Verdict::Holds | Verdict::Deviates);
    let verdict = if few { Verdict::TooFew } else { verdict };
    let (id, what) = (fact.id, fact.what);
    let figures = figures(&fact.goal, parts);
    QualityRow { id, section, what, target, tolerance, measured, of, is_rule: false, verdict, figures }
}

/// What was found of each part beside what it ought to be; what ought to be there and is not was found at nothing.
fn figures(goal: &Goal, parts: &[Part]) -> Vec<Figure> {
    let aims = match goal {
        Goal::Distribution(aims, _)
        | Goal::Each(aims, _)
        | Goal::Relative(aims, _)
        | Goal::Times(aims, _) => *aims,
        Goal::Percent(aim, _) => &[("", *aim)],
        Goal::Never | Goal::Between(..) | Goal::Odds(..) | Goal::Above | Goal::Falling | Goal::Context => &[],
    };
    // Shares of a distribution are told in percent, however its aims are told.
    let total: f64 = match goal {
        Goal::Distribution(aims, _) => aims.iter().map(|(_, aim)| aim).sum::<f64>() / 100.0,
        _ => 1.0,
    };
    let of_aim = |(name, aim): &(&str, f64)| {
        let found = parts.iter().find(|part| part.name == *name);
        let measured = found.map_or(Some(0.0), |part| part.value);
        Figure { name: (*name).to_owned(), measured, target: Some(aim / total) }
    };
    let strange = parts.iter().filter(|part| aims.iter().all(|(name, _)| *name != part.name));
    let strange = strange.map(|part| Figure { name: part.name.clone(), measured: part.value, target: None });
    aims.iter().map(of_aim).chain(strange).collect()
}

/// Four standard errors of a share in percent.
fn error(percent: f64, of: u64) -> f64 {
    let share = (percent / 100.0).clamp(0.0, 1.0);
    let rows = f64::from(u32::try_from(of.max(1)).unwrap_or(u32::MAX));
    400.0 * (share * (1.0 - share) / rows).sqrt()
}

fn rule(parts: &[Part], planted: u64) -> (String, Verdict) {
    let broken: Vec<&Part> = parts.iter().filter(|p| p.value.is_some_and(|v| v > 0.0)).collect();
    if broken.is_empty() {
        let verdict = if planted == 0 { Verdict::Holds } else { Verdict::Broken };
        return ("0".to_owned(), verdict);
    }
    let named = listed(broken.iter().take(NAMED_MAX).copied());
    let more = broken.len().saturating_sub(NAMED_MAX);
    let text = if more > 0 { format!("{named} and {more} more") } else { named };
    let rows: f64 = broken.iter().filter_map(|part| part.value).sum();
    let expected = f64::from(u32::try_from(planted).unwrap_or(u32::MAX));
    let as_planted = planted > 0 && (rows - expected).abs() < 0.5;
    (text, if as_planted { Verdict::Planted } else { Verdict::Broken })
}

fn one(parts: &[Part], well: impl Fn(f64, u64) -> bool) -> (String, Verdict) {
    match parts.first().and_then(|p| Some((p.value?, p.of))) {
        Some((value, of)) => {
            (figure(value), if well(value, of) { Verdict::Holds } else { Verdict::Deviates })
        }
        None => ("nothing to measure".to_owned(), Verdict::TooFew),
    }
}

fn distribution(aims: &[(&str, f64)], allowed: f64, parts: &[Part]) -> (String, Verdict) {
    let value = |name: &str| parts.iter().find(|p| p.name == name).and_then(|p| p.value).unwrap_or_default();
    let total: f64 = aims.iter().map(|(_, aim)| aim).sum();
    let known: f64 = aims.iter().map(|(name, aim)| (value(name) - aim * 100.0 / total).abs()).sum();
    let strange: f64 = parts
        .iter()
        .filter(|p| aims.iter().all(|(name, _)| *name != p.name))
        .map(|p| p.value.unwrap_or_default())
        .sum();
    let distance = (known + strange) / 200.0;
    let verdict = if distance <= allowed { Verdict::Holds } else { Verdict::Deviates };
    (format!("distance {distance:.3}; {}", listed(parts.iter())), verdict)
}

/// Odds with the error of their logarithm: as far from the middle of the bounds as these are, or four errors.
fn odds(parts: &[Part], low: f64, high: f64) -> (String, Verdict) {
    let value = |place: usize| parts.get(place).and_then(|part| part.value);
    let Some(measured) = value(0) else { return ("nothing to measure".to_owned(), Verdict::TooFew) };
    let middle = (low * high).sqrt();
    let error = (4.0 * value(1).unwrap_or_default()).exp();
    let well = (low.min(middle / error)..=high.max(middle * error)).contains(&measured);
    (figure(measured), if well { Verdict::Holds } else { Verdict::Deviates })
}

/// Each figure against its own; those that are off are named. A figure with too few rows behind it is not judged.
fn each(aims: &[(&str, f64)], parts: &[Part], well: impl Fn(f64, f64, u64) -> bool) -> (String, Verdict) {
    let of = parts.iter().map(|p| p.of).max().unwrap_or_default();
    let mut off = Vec::new();
    let mut shown = Vec::new();
    for (name, aim) in aims {
        let part = parts.iter().find(|p| p.name == *name);
        let (value, of) = part.map_or((0.0, of), |p| (p.value.unwrap_or_default(), p.of));
        shown.push(format!("{name} {}", figure(value)));
        let judged = part.is_none() || of >= ROWS_MIN;
        if judged && !well(value, *aim, of) {
            off.push(format!("{name} {} for {}", figure(value), figure(*aim)));
        }
    }
    if off.is_empty() {
        (shown.join(", "), Verdict::Holds)
    } else {
        (format!("{} of {} off: {}", off.len(), aims.len(), off.join(", ")), Verdict::Deviates)
    }
}

fn listed<'a>(parts: impl Iterator<Item = &'a Part>) -> String {
    let each = parts.map(|p| {
        let value = p.value.map_or_else(|| "none".to_owned(), figure);
        if p.name.is_empty() { value } else { format!("{} {value}", p.name) }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// A figure with as many digits as are of use.
fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn goal(goal: &Goal) -> (String, String) {
    let list = |aims: &[(&str, f64)]| {
        let each = aims.iter().map(|(name, aim)| format!("{name} {}", figure(*aim)));
        each.collect::<Vec<_>>().join(", ")
    };
    match goal {
        Goal::Never => ("0".to_owned(), "none".to_owned()),
        Goal::Percent(aim, allowed) => (figure(*aim), format!("{} points", figure(*allowed))),
        Goal::Between(low, high) => (format!("{} to {}", figure(*low), figure(*high)), String::new()),
        Goal::Distribution(aims, allowed) => (list(aims), format!("distance {allowed}")),
        Goal::Each(aims, allowed) => (list(aims), format!("{} each", figure(*allowed))),
        Goal::Relative(aims, allowed) => (list(aims), format!("{:.0} % of each", allowed * 100.0)),
        Goal::Times(aims, factor) => (list(aims), format!("{} times either way", figure(*factor))),
        Goal::Odds(low, high) => {
            (format!("{} to {}", figure(*low), figure(*high)), "4 standard errors".to_owned())
        }
        Goal::Above => ("each above 0".to_owned(), String::new()),
        Goal::Falling => ("each at most the one before".to_owned(), String::new()),
        Goal::Context => (String::new(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, value: f64, of: u64) -> Part {
        Part { name: name.to_owned(), value: Some(value), of }
    }

    fn judged(goal: Goal, parts: &[Part]) -> Verdict {
        row(&Fact { id: "P1", what: "", goal }, "", parts, 0).verdict
    }

    #[test]
    fn one_row_breaks_a_rule_however_few_there_are() {
        assert_eq!(judged(Goal::Never, &[part("", 0.0, 10)]), Verdict::Holds);
        assert_eq!(judged(Goal::Never, &[part("a", 0.0, 10), part("b", 1.0, 10)]), Verdict::Broken);
        let told = row(
            &Fact { id: "P1", what: "", goal: Goal::Never },
            "",
            &[part("a", 2.0, 10), part("b", 0.0, 5)],
            0,
        );
        assert_eq!((told.measured.as_str(), told.of), ("a 2", 15));
    }

    #[test]
    fn planted_rows_are_told_from_others_by_their_number() {
        let of = |found: f64, planted| {
            let fact = Fact { id: "P1", what: "", goal: Goal::Never };
            row(&fact, "", &[part("a", found, 10), part("b", 1.0, 10)], planted).verdict
        };
        assert_eq!(
            (of(2.0, 3), of(2.0, 2), of(2.0, 4)),
            (Verdict::Planted, Verdict::Broken, Verdict::Broken)
        );
        let fact = Fact { id: "P1", what: "", goal: Goal::Never };
        assert_eq!(row(&fact, "", &[part("", 0.0, 10)], 1).verdict, Verdict::Broken, "planted and gone");
    }

    #[test]
    fn a_share_is_judged_by_its_tolerance_and_its_rows() {
        let goal = Goal::Percent(50.0, 2.0);
        assert_eq!(judged(goal, &[part("", 51.9, 1_000_000)]), Verdict::Holds);
        assert_eq!(judged(goal, &[part("", 52.1, 1_000_000)]), Verdict::Deviates);
        // Four standard errors of 2,500 rows are 4 points.
        assert_eq!(judged(goal, &[part("", 53.9, 2500)]), Verdict::Holds);
        assert_eq!(judged(goal, &[part("", 54.1, 2500)]), Verdict::Deviates);
        assert_eq!(judged(goal, &[part("", 90.0, 1999)]), Verdict::TooFew);
    }

    #[test]
    fn distributions_count_what_is_missing_and_what_is_strange() {
        let goal = Goal::Distribution(&[("a", 60.0), ("b", 40.0)], 0.05);
        assert_eq!(judged(goal, &[part("a", 64.0, 5000), part("b", 36.0, 5000)]), Verdict::Holds);
        assert_eq!(judged(goal, &[part("a", 66.0, 5000), part("b", 34.0, 5000)]), Verdict::Deviates);
        assert_eq!(judged(goal, &[part("a", 60.0, 5000), part("c", 40.0, 5000)]), Verdict::Deviates);
    }

    #[test]
    fn odds_are_judged_by_their_error() {
        let of =
            |value, error| judged(Goal::Odds(1.0, 4.0), &[part("", value, 5000), part("error", error, 5000)]);
        assert_eq!(
            (of(3.9, 0.01), of(4.1, 0.01), of(0.9, 0.01)),
            (Verdict::Holds, Verdict::Deviates, Verdict::Deviates)
        );
        // The middle is 2; four errors of 0.25 reach from 0.74 to 5.4.
        assert_eq!(
            (of(5.3, 0.25), of(0.8, 0.25), of(5.6, 0.25)),
            (Verdict::Holds, Verdict::Holds, Verdict::Deviates)
        );
        assert_eq!(judged(Goal::Above, &[part("a", 1.0, 5000), part("b", -0.1, 5000)]), Verdict::Deviates);
    }

    #[test]
    fn figures_stand_beside_what_they_ought_to_be() {
        let fact = Fact { id: "P5", what: "", goal: Goal::Distribution(&[("a", 30.0), ("b", 20.0)], 0.05) };
        let found = row(&fact, "", &[part("a", 64.0, 5000), part("c", 36.0, 5000)], 0).figures;
        let shown: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.measured, f.target)).collect();
        assert_eq!(
            shown,
            [("a", Some(64.0), Some(60.0)), ("b", Some(0.0), Some(40.0)), ("c", Some(36.0), None)]
        );
    }

    #[test]
    fn orders_and_factors() {
        let falling = |b| judged(Goal::Falling, &[part("x", 60.0, 100_000), part("y", b, 100_000)]);
        assert_eq!((falling(59.0), falling(70.0)), (Verdict::Holds, Verdict::Deviates));
        let times = |v| judged(Goal::Times(&[("x", 100.0)], 2.0), &[part("x", v, 5000)]);
        assert_eq!(
            (times(51.0), times(49.0), times(201.0)),
            (Verdict::Holds, Verdict::Deviates, Verdict::Deviates)
        );
    }
}

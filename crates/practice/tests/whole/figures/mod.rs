//! The figures of the field, taken from the rows alone.

use std::collections::HashMap;

use bicuspid_model::Date;
use bicuspid_practice::{Preset, Receivables, Settings};

use self::columns::Columns;
use self::figure::Figure;
use super::long;

pub(crate) mod columns;
pub(crate) mod figure;
mod known;
mod money;
mod people;
mod visits;
mod work;

/// Codes by their number.
pub(crate) fn codes(columns: &Columns) -> HashMap<i64, &str> {
    columns.rows("procedurecode", ["CodeNum", "ProcCode"]).map(|[n, c]| (n, columns.text(c))).collect()
}

pub(crate) fn all(columns: &Columns) -> Vec<Figure> {
    let mut figures = people::figures(columns);
    figures.extend(visits::figures(columns));
    figures.extend(work::figures(columns));
    figures.extend(work::fees(columns));
    figures.extend(money::figures(columns));
    figures
}

/// Measures a practice and says which figures break their bounds and are not known to. `keep` names the beginnings of
/// those that are looked at, none for all.
fn compare(settings: Settings, keep: &str) -> Vec<String> {
    let Settings { patients, seed, .. } = settings;
    let columns = Columns::new(settings);
    let mut wrong = Vec::new();
    let kept = |f: &&Figure| keep.is_empty() || keep.split(' ').any(|id| f.id.starts_with(id));
    for figure in all(&columns).iter().filter(kept) {
        let known = known::reason(&figure.id, &settings);
        println!("{patients} {seed} {figure} {}", known.unwrap_or_default());
        if figure.counts() && !figure.holds() && known.is_none() {
            wrong.push(format!("{patients} patients, seed {seed}: {figure}"));
        }
    }
    wrong
}

/// The day on which the history of a seed ends: what is asked once a quarter or a year must not show.
fn as_of(seed: u64) -> Date {
    let (year, month, day) = [(2026, 3, 2), (2026, 7, 6), (2026, 11, 23)][usize::try_from(seed % 3).unwrap()];
    Date::from_ymd(year, month, day).unwrap()
}

/// The simulation was tuned with seeds 1 to 8.
#[test]
fn figures_of_the_field_hold() {
    if !long() {
        return;
    }
    let mut wrong = Vec::new();
    let ordinary = (1..=8).map(|seed| (5000, seed));
    for (patients, seed) in ordinary.chain([(50_000, 1), (50_000, 2)]) {
        wrong.extend(compare(Settings::new(patients, seed, as_of(seed)), ""));
    }
    for receivables in [Receivables::Healthy, Receivables::Neglected] {
        wrong.extend(compare(Settings { receivables, ..Settings::new(5000, 2, as_of(2)) }, "M4-6"));
    }
    // A group of that size has places of a size that was counted.
    let group = Settings { locations: 10, ..Settings::new(50_000, 2, as_of(2)) };
    wrong.extend(compare(group, "U11 B11"));
    // Nobody hands money back at once there.
    wrong.extend(compare(Settings { preset: Preset::Stock, ..Settings::new(5000, 2, as_of(2)) }, "M15"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

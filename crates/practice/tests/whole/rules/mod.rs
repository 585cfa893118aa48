//! What must never be, looked for in whole practices of several seeds and sizes: each rule with what was looked at and
//! what broke it.

mod books;
mod time;
mod treatment;

use std::collections::BTreeMap;

use bicuspid_model::Date;
use bicuspid_practice::{Preset, Settings};

use super::figures::columns::Columns;
use super::long;

/// How often each rule was looked at, and how often it was broken.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(BTreeMap<&'static str, (usize, usize)>);

impl Verdicts {
    /// One more thing that a rule is about.
    fn look(&mut self, rule: &'static str, holds: bool) {
        let (looked, broken) = self.0.entry(rule).or_default();
        *looked += 1;
        *broken += usize::from(!holds);
    }

    /// Rules that are broken, with how often.
    fn broken(&self) -> Vec<String> {
        let broken = self.0.iter().filter(|(_, (_, broken))| *broken > 0);
        broken.map(|(rule, (looked, broken))| format!("{rule}: {broken} of {looked}")).collect()
    }
}

/// Looks for everything that must never be.
pub(crate) fn verdicts(columns: &Columns) -> Verdicts {
    let mut verdicts = Verdicts::default();
    treatment::look(columns, &mut verdicts);
    time::look(columns, &mut verdicts);
    books::look(columns, &mut verdicts);
    verdicts
}

/// Whole years from birth to a day.
fn age(born: i64, on: i64) -> i32 {
    let date = |day: i64| Date::from_days(i32::try_from(day).unwrap()).ymd();
    let (birth, day) = (date(born), date(on));
    day.0 - birth.0 - i32::from((day.1, day.2) < (birth.1, birth.2))
}

/// Looks at practices of one size, of some seeds and both presets, and fails if a rule is broken or was never looked at.
fn hold(patients: u32, seeds: impl Iterator<Item = u64>) {
    let as_of = Date::from_ymd(2026, 3, 2).unwrap();
    let mut broken = Vec::new();
    let mut looked: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in seeds {
        let preset = if seed % 4 == 0 { Preset::Stock } else { Preset::Dbt };
        let columns = Columns::new(Settings { preset, ..Settings::new(patients, seed, as_of) });
        let verdicts = verdicts(&columns);
        for (rule, (times, _)) in &verdicts.0 {
            *looked.entry(rule).or_default() += times;
        }
        broken.extend(
            verdicts.broken().into_iter().map(|rule| format!("{patients} patients, seed {seed}: {rule}")),
        );
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(looked.len() > 40 && looked.values().all(|n| *n > 0), "{looked:?}");
}

#[test]
fn nothing_that_must_never_be_is_found_in_three_practices() {
    hold(1000, [2, 3, 4].into_iter());
}

#[test]
fn nothing_that_must_never_be_is_found_in_many_and_large_practices() {
    if long() {
        hold(1000, 1..=20);
        hold(5000, [1, 2, 4].into_iter());
        hold(50_000, [2].into_iter());
    }
}

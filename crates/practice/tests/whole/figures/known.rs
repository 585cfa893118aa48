//! Figures that are known to be off, and why.

use bicuspid_practice::{Preset, Settings};

/// Where a figure is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// In every practice of the default preset.
    Dbt,
    /// Where one place has tens of thousands of patients.
    LargePlace,
}

const ONE_PLACE: &str = "one place of this size is no practice that the figure was taken from";

const OFF: &[(&str, Where, &str)] = &[
    ("U11", Where::LargePlace, ONE_PLACE),
    ("B11", Where::LargePlace, ONE_PLACE),
    (
        "M15",
        Where::Dbt,
        "no age of a balance may be negative under the dbt preset, and the ages are the balance: what is too much goes back",
    ),
];

/// Whether a figure is known to be off in such a practice, and why.
pub(super) fn reason(id: &str, settings: &Settings) -> Option<&'static str> {
    let applies = |at: Where| match at {
        Where::Dbt => settings.preset == Preset::Dbt,
        Where::LargePlace => settings.patients / settings.locations >= 20_000,
    };
    OFF.iter().find(|(known, at, _)| *known == id && applies(*at)).map(|(.., reason)| *reason)
}

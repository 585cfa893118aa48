//! Figures that are known to be off, and why.

/// Sizes at which a figure is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At every size.
    Any,
    /// Only where there are a few thousand patients.
    Small,
    /// Only where one place has tens of thousands of patients.
    Large,
}

const RARE: &str = "a few mouths with much of it decide about a rare code";
const CHILDREN: &str = "every seventh patient is a child: a dozen large families more or less decide";
const ONE_PLACE: &str = "one place of this size is no practice that the figure was taken from";

const OFF: &[(&str, At, &str)] = &[
    ("U11", At::Large, ONE_PLACE),
    ("B11", At::Large, ONE_PLACE),
    ("A6", At::Small, "few appointments are booked on the day before, and a handful of them missed"),
    ("A7", At::Small, "by a hair: some nine hundred appointments were missed, by men or by women"),
    ("R19", At::Small, "by a hair: more is charted as done before than in the practice that was counted"),
    ("4.2 D1120", At::Small, CHILDREN),
    ("4.2 D1354", At::Small, RARE),
    ("4.2 D4381", At::Small, RARE),
    ("4.2 D6010", At::Small, RARE),
    ("M15", At::Any, "under the dbt preset no account may be in credit; what is too much goes back at once"),
];

/// Whether a figure is known to be off in a practice of that size, and why.
pub(super) fn reason(id: &str, patients: u32) -> Option<&'static str> {
    let applies = |at: At| match at {
        At::Any => true,
        At::Small => patients < 20_000,
        At::Large => patients >= 20_000,
    };
    OFF.iter().find(|(known, at, _)| *known == id && applies(*at)).map(|(.., reason)| *reason)
}

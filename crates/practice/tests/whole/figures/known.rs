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

const SEASONS: &str = "demand has no seasons of its own, and the first month holds few visits";
const CAPITATION: &str =
    "plans that pay by head are not simulated, nor flat copayments; networks hold their share";
const RARE: &str = "a few mouths with much of it decide about a rare code";
const ONE_PLACE: &str = "one place of this size is no practice that the figure was taken from";

const OFF: &[(&str, At, &str)] = &[
    (
        "P11",
        At::Small,
        "three hundred surnames; among a few thousand patients the ten most common are partly chance",
    ),
    ("U11", At::Large, ONE_PLACE),
    ("B11", At::Large, ONE_PLACE),
    ("C12", At::Large, "sixty-four carriers, whatever the size: each pays many claims at a time"),
    ("A15 01", At::Any, SEASONS),
    ("A15 03", At::Any, SEASONS),
    ("A15 05", At::Any, SEASONS),
    ("A15 08", At::Any, SEASONS),
    ("A15 10", At::Any, SEASONS),
    ("A15 11", At::Any, SEASONS),
    ("F11 network", At::Any, CAPITATION),
    ("F11 HMO", At::Any, CAPITATION),
    ("A9", At::Small, "new patients are offered whoever has time first, and get it a few days too soon"),
    ("A13", At::Large, "by a hair: many moved and missed appointments are long"),
    ("R19", At::Any, "by a hair: more is charted as done before than in the practice that was counted"),
    ("U2 women/men", At::Large, "by a hair: families come together"),
    ("U5 not", At::Large, "by a hair: who stays away for long is taken off the list each January"),
    ("4.2 D2140", At::Small, RARE),
    ("4.2 D2335", At::Small, RARE),
    ("M4-6 90+", At::Small, "few accounts hold the old debts of a few thousand patients"),
    ("M4-6 31-60", At::Small, "in a healthy office bills that are not paid at once wait for the next one"),
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

//! Figures that are known to be off, and why.

/// Sizes at which a figure is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At every size.
    Any,
    /// Only where one place has tens of thousands of patients.
    Large,
}

const ONE_PLACE: &str = "one place of this size is no practice that the figure was taken from";

const OFF: &[(&str, At, &str)] = &[
    ("U11", At::Large, ONE_PLACE),
    ("B11", At::Large, ONE_PLACE),
    ("M15", At::Any, "under the dbt preset no account may be in credit; what is too much goes back at once"),
];

/// Whether a figure is known to be off in a practice of that size, and why.
pub(super) fn reason(id: &str, patients: u32) -> Option<&'static str> {
    let applies = |at: At| match at {
        At::Any => true,
        At::Large => patients >= 20_000,
    };
    OFF.iter().find(|(known, at, _)| *known == id && applies(*at)).map(|(.., reason)| *reason)
}

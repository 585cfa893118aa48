//! What is not as the rules ask, and why.

/// Tables that stay empty.
pub(super) const EMPTY: &[(&str, &str)] = &[
    (
        "clinic",
        "clinics are switched off in an office with one location, and the rules ask for an empty table",
    ),
    ("patientlink", "no patient was entered twice"),
];

/// Rules that are errors there and cannot hold.
pub(super) const ERRORS: &[(&str, &str)] = &[];

/// Warnings that cannot be avoided.
pub(super) const WARNINGS: &[(&str, &str)] = &[
    (
        "procnote: refers UserNum provider.ProvNum",
        "notes are written by accounts, which are numbered apart from providers",
    ),
    ("recall: within RecallInterval 0 60", "Open Dental packs years, months, weeks and days into the number"),
    ("recalltype: within DefaultInterval 1 730", "packed likewise"),
];

/// Warnings about the size of a table at 5,000 patients.
pub(super) const SIZES: &[(&str, &str)] = &[(
    "adjustment: rows 4410 10000",
    "an office makes one adjustment for five to seven appointments, and these are fewer",
)];

/// Tables with fewer than ten rows at 5,000 patients.
pub(super) const SMALL: &[(&[&str], &str)] = &[
    (
        &["smsphone", "emailaddress", "emailautograph", "clearinghouse"],
        "an office has one or two lines to the world",
    ),
    (&["mobileappdevice", "payterminal", "imagingdevice"], "machines that stand in the office, each once"),
    (
        &["provider", "providererx", "operatory", "employee", "timecardrule"],
        "people and rooms of an office of this size",
    ),
    (&["alertcategory", "alertitem", "alertread"], "alerts are read and gone; a few stand at any time"),
    (
        &["usergroup", "apptview", "chartview", "patfielddef", "patfieldpickitem", "apptfielddef"],
        "set up once",
    ),
    (
        &["appointmentrule", "apptreminderrule", "automation", "requiredfield", "scheduledprocess"],
        "rules of the program",
    ),
    (
        &["claimform", "mountdef", "eclipboardsheetdef", "emailtemplate", "letter", "autonote"],
        "layouts and templates in use",
    ),
    (
        &["sigbutdef", "sigelementdef", "procapptcolor", "proccodenote", "quickpastecat"],
        "buttons and colours of the screen",
    ),
    (
        &["laboratory", "supplier", "pharmacy", "pharmclinic", "providerident"],
        "neighbours that an office works with",
    ),
    (
        &["feesched", "recalltype", "recalltrigger", "insbluebookrule", "rxalert"],
        "short lists by their nature",
    ),
    (&["cert", "wikipage"], "what a small team has written down for itself"),
];

/// Why a broken rule is accepted.
pub(super) fn reason(rule: &str) -> Option<&'static str> {
    let known = ERRORS.iter().chain(WARNINGS).chain(SIZES).find(|(known, _)| *known == rule);
    known.map(|(_, reason)| *reason)
}

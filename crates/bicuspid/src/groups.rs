//! Groups of tables, for summaries that a person can take in. Nothing is decided by them.

/// Beginnings of Open Dental's table names, and the group of each; the first that fits counts.
const GROUPS: [(&str, &[&str]); 9] = [
    (
        "appointments and recall",
        &[
            "appointment",
            "appt",
            "histappointment",
            "schedule",
            "recall",
            "operatory",
            "asapcomm",
            "confirmation",
        ],
    ),
    (
        "insurance and claims",
        &[
            "claim",
            "ins",
            "carrier",
            "benefit",
            "patplan",
            "etrans",
            "eob",
            "covcat",
            "covspan",
            "electid",
            "clearinghouse",
            "substitution",
            "discountplan",
            "canadian",
        ],
    ),
    (
        "payments and ledger",
        &[
            "pay",
            "adjustment",
            "account",
            "deposit",
            "statement",
            "stmt",
            "journalentry",
            "transaction",
            "creditcard",
            "famaging",
            "dunning",
            "installment",
            "recurring",
            "repeatcharge",
            "tsi",
            "xcharge",
            "xweb",
            "carecredit",
        ],
    ),
    (
        "fees and codes",
        &["fee", "procedurecode", "codegroup", "autocode", "cpt", "cdcrec", "hcpcs", "icd", "snomed"],
    ),
    (
        "treatment",
        &[
            "procedurelog",
            "proc",
            "treatplan",
            "perio",
            "tooth",
            "ortho",
            "labcase",
            "labturn",
            "laboratory",
            "chart",
        ],
    ),
    (
        "clinical records",
        &[
            "allergy",
            "disease",
            "medication",
            "medlab",
            "medical",
            "rx",
            "ehr",
            "vaccine",
            "vitalsign",
            "screen",
            "familyhealth",
            "anesth",
            "encounter",
            "intervention",
            "labpanel",
            "labresult",
            "loinc",
            "cvx",
            "erx",
        ],
    ),
    (
        "patients and families",
        &[
            "patient",
            "pat",
            "guardian",
            "popup",
            "phonenumber",
            "referral",
            "refattach",
            "custref",
            "question",
        ],
    ),
    (
        "documents and messages",
        &[
            "document",
            "mount",
            "image",
            "sheet",
            "eform",
            "email",
            "sms",
            "commlog",
            "letter",
            "task",
            "chat",
            "wiki",
            "autonote",
            "quickpaste",
        ],
    ),
    (
        "staff and security",
        &[
            "provider",
            "user",
            "employee",
            "clock",
            "timecard",
            "timeadjust",
            "security",
            "entrylog",
            "login",
            "grouppermission",
            "cert",
            "schoolc",
            "evaluation",
        ],
    ),
];

/// The group of what fits nowhere else.
const OTHER: &str = "everything else";

/// The group of a table.
pub(crate) fn group(table: &str) -> &'static str {
    let table = table.to_lowercase();
    let fits = |beginnings: &[&str]| beginnings.iter().any(|beginning| table.starts_with(beginning));
    GROUPS.iter().find(|(_, beginnings)| fits(beginnings)).map_or(OTHER, |(group, _)| group)
}

/// Every group, in the order of summaries.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(group, _)| *group).chain([OTHER])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_known_tables_are_where_one_looks_for_them() {
        for (table, wanted) in [
            ("patient", "patients and families"),
            ("patplan", "insurance and claims"),
            ("PayPlan", "payments and ledger"),
            ("paysplit", "payments and ledger"),
            ("procedurelog", "treatment"),
            ("procedurecode", "fees and codes"),
            ("claimproc", "insurance and claims"),
            ("securitylog", "staff and security"),
            ("definition", OTHER),
            ("not_of_open_dental", OTHER),
        ] {
            assert_eq!(group(table), wanted, "{table}");
            assert!(all().any(|group| group == wanted));
        }
    }
}

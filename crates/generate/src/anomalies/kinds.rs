//! Which dirt there is, where it lies, and how often.

use bicuspid_model::{Date, Value};
use serde::{Serialize, Serializer};

use super::Row;

/// Whether the practice keeps its database tidy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// Every row as the history made it.
    #[default]
    Clean,
    /// With known dirt.
    Messy,
}

impl Condition {
    /// The name in ledgers and manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Messy => "messy",
        }
    }
}

/// A kind of dirt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A patient whose birth date nobody asked for: 0001-01-01.
    BirthDateMissing,
    /// A date that MySQL holds as `0000-00-00`, and a copy therefore as NULL.
    ZeroDate,
    /// A row of a patient whose file is gone.
    Orphan,
    /// An appointment that was kept and never set complete.
    LeftScheduled,
    /// A patient who was entered a second time.
    DuplicatePatient,
    /// A blank after a name.
    TrailingBlank,
    /// A mail address that was typed with the wrong case.
    MailCase,
    /// A claim that was answered with nothing and never closed.
    ClaimNotClosed,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::BirthDateMissing,
        Self::ZeroDate,
        Self::Orphan,
        Self::LeftScheduled,
        Self::DuplicatePatient,
        Self::TrailingBlank,
        Self::MailCase,
        Self::ClaimNotClosed,
    ];

    /// The name in lists, ledgers and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BirthDateMissing => "birth_date_missing",
            Self::ZeroDate => "zero_date",
            Self::Orphan => "orphan",
            Self::LeftScheduled => "left_scheduled",
            Self::DuplicatePatient => "duplicate_patient",
            Self::TrailingBlank => "trailing_blank",
            Self::MailCase => "mail_case",
            Self::ClaimNotClosed => "claim_not_closed",
        }
    }

    /// The rule of the quality report that its rows break.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::BirthDateMissing => "D-birth",
            Self::ZeroDate => "D-zero",
            Self::Orphan => "keys",
            Self::LeftScheduled => "D-scheduled",
            Self::DuplicatePatient => "D-twice",
            Self::TrailingBlank => "D-blank",
            Self::MailCase => "D-case",
            Self::ClaimNotClosed => "D-claim",
        }
    }

    /// The name under which the generation ledger keeps how many were planted.
    pub(crate) fn in_ledger(self) -> String {
        format!("planted_{}", self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What becomes of a row.
pub(super) enum Change {
    /// The rule's column holds this instead.
    Cell(Value),
    /// The patient is there once more, with a number and an account of its own and these cells.
    Twice(Vec<(&'static str, Value)>),
}

/// Where dirt of one kind lies.
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) table: &'static str,
    /// The column that changes.
    pub(super) column: &'static str,
    /// How many of 10,000 rows are hit, if they can be.
    pub(super) per_10_000: u16,
    /// What becomes of a row that is hit; `None` if it is none that could have this dirt.
    pub(super) plant: fn(&Row<'_>) -> Option<Change>,
}

/// Added to the key of a patient to get one that nobody has or will have.
const GONE: i64 = 1_000_000_000;

/// Open Dental's number for an appointment that is to come.
const SCHEDULED: i64 = 1;
/// Its number for one that was kept.
const COMPLETE: i64 = 2;

/// The rules, in the order in which they are tried. A rule's place in the list is part of its chance: new ones go to the
/// end.
pub(super) const RULES: &[Rule] = &[
    Rule {
        kind: Kind::BirthDateMissing,
        table: "patient",
        column: "Birthdate",
        per_10_000: 100,
        plant: |row| is_set(row, "Birthdate").then_some(Change::Cell(Value::Date(unset()))),
    },
    Rule {
        kind: Kind::DuplicatePatient,
        table: "patient",
        column: "PatNum",
        per_10_000: 100,
        plant: |row| is_set(row, "Birthdate").then(|| Change::Twice(second_file(row))),
    },
    Rule {
        kind: Kind::TrailingBlank,
        table: "patient",
        column: "LName",
        per_10_000: 120,
        plant: |row| blank_after(row, "LName"),
    },
    Rule {
        kind: Kind::TrailingBlank,
        table: "patient",
        column: "FName",
        per_10_000: 80,
        plant: |row| blank_after(row, "FName"),
    },
    Rule { kind: Kind::MailCase, table: "patient", column: "Email", per_10_000: 250, plant: shouted_mail },
    Rule {
        kind: Kind::ZeroDate,
        table: "patient",
        column: "DateFirstVisit",
        per_10_000: 80,
        plant: |row| zero_date(row, "DateFirstVisit"),
    },
    Rule {
        kind: Kind::ZeroDate,
        table: "procedurelog",
        column: "DateEntryC",
        per_10_000: 10,
        plant: |row| zero_date(row, "DateEntryC"),
    },
    Rule {
        kind: Kind::ZeroDate,
        table: "claimproc",
        column: "DateEntry",
        per_10_000: 10,
        plant: |row| zero_date(row, "DateEntry"),
    },
    Rule { kind: Kind::Orphan, table: "commlog", column: "PatNum", per_10_000: 30, plant: orphan },
    Rule { kind: Kind::Orphan, table: "document", column: "PatNum", per_10_000: 50, plant: orphan },
    Rule { kind: Kind::Orphan, table: "sheet", column: "PatNum", per_10_000: 50, plant: orphan },
    Rule {
        kind: Kind::LeftScheduled,
        table: "appointment",
        column: "AptStatus",
        per_10_000: 50,
        plant: |row| {
            let kept = int(row, "AptStatus") == Some(COMPLETE);
            kept.then_some(Change::Cell(Value::Int(SCHEDULED)))
        },
    },
    Rule {
        kind: Kind::ClaimNotClosed,
        table: "claim",
        column: "ClaimStatus",
        per_10_000: 2_000,
        plant: |row| {
            let received = text(row, "ClaimStatus") == Some("R");
            // A claim that brought money is closed with its check.
            let nothing = matches!(row.value("InsPayAmt"), Some(Value::Float(paid)) if paid.abs() < 0.005);
            (received && nothing && is_set(row, "DateReceived")).then_some(Change::Cell(Value::from("S")))
        },
    },
];

/// The date of "none" in Open Dental's database.
fn unset() -> Date {
    Date::from_ymd(1, 1, 1).unwrap_or(Date::from_days(-730_119))
}

fn is_set(row: &Row<'_>, column: &str) -> bool {
    matches!(row.value(column), Some(Value::Date(date)) if *date > unset())
}

fn int(row: &Row<'_>, column: &str) -> Option<i64> {
    match row.value(column) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

fn text<'r>(row: &'r Row<'_>, column: &str) -> Option<&'r str> {
    match row.value(column) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn blank_after(row: &Row<'_>, column: &str) -> Option<Change> {
    let name = text(row, column).filter(|name| !name.is_empty())?;
    Some(Change::Cell(Value::text(format!("{name} "))))
}

fn shouted_mail(row: &Row<'_>) -> Option<Change> {
    let (name, domain) = text(row, "Email")?.split_once('@')?;
    let shouted = name.to_uppercase();
    (shouted != name).then(|| Change::Cell(Value::text(format!("{shouted}@{domain}"))))
}

fn zero_date(row: &Row<'_>, column: &str) -> Option<Change> {
    is_set(row, column).then_some(Change::Cell(Value::Null))
}

fn orphan(row: &Row<'_>) -> Option<Change> {
    let patient = int(row, "PatNum").filter(|patient| *patient > 0)?;
    Some(Change::Cell(Value::Int(GONE + patient)))
}

/// What the second file of a patient has of its own: no history, no money, no insurance, and the day on which somebody
/// did not look for the first.
fn second_file(row: &Row<'_>) -> Vec<(&'static str, Value)> {
    let first = match row.value("SecDateEntry") {
        Some(Value::Date(day)) if *day > unset() => *day,
        _ => row.end_date.plus_days(-1),
    };
    let later = i32::try_from(row.number % 400).unwrap_or_default() + 1;
    let entered = first.plus_days(later).min(row.end_date.plus_days(-1)).max(first);
    let money =
        ["EstBalance", "Bal_0_30", "Bal_31_60", "Bal_61_90", "BalOver90", "InsEst", "BalTotal", "PayPlanDue"];
    let blank = ["HasIns", "ChartNumber", "MedicaidID"];
    let money = money.into_iter().map(|column| (column, Value::Float(0.0)));
    let blank = blank.into_iter().map(|column| (column, Value::from("")));
    let dates = [
        ("DateFirstVisit", Value::Date(unset())),
        ("SecDateEntry", Value::Date(entered)),
        ("DateTStamp", Value::DateTime(entered.at_seconds(11 * 3600))),
    ];
    let numbers = ["ResponsParty", "SuperFamily", "PatNumCloneFrom"].map(|column| (column, Value::Int(0)));
    money.chain(blank).chain(dates).chain(numbers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_opendental::facts;

    #[test]
    fn rules_name_columns_that_exist_and_kinds_that_are_told() {
        for rule in RULES {
            let table = facts().table(rule.table).unwrap();
            assert!(table.column(rule.column).is_some(), "{}.{}", rule.table, rule.column);
        }
        for kind in Kind::ALL {
            assert!(RULES.iter().any(|rule| rule.kind == kind), "{}", kind.name());
        }
        let patient = facts().table("patient").unwrap();
        let row =
            Row { facts: patient, values: &[], end_date: Date::from_ymd(2026, 3, 2).unwrap(), number: 399 };
        for (column, _) in second_file(&row) {
            assert!(patient.column(column).is_some(), "{column}");
        }
    }
}

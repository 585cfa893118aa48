//! Births, deaths, appointments and claims: what cannot come before what, and who cannot be in two places.

use std::collections::{BTreeMap, HashMap};

use super::super::figures::columns::{Columns, NONE, day};
use super::{Verdicts, age};

/// Tables with a patient and the day of something that happens to that patient.
const EVENTS: &[(&str, &str, bool)] = &[
    ("procedurelog", "ProcDate", false),
    ("procedurelog", "DateTP", false),
    ("payment", "PayDate", false),
    ("paysplit", "DatePay", false),
    ("adjustment", "AdjDate", false),
    ("claim", "DateService", false),
    ("claim", "DateSent", false),
    ("claim", "DateReceived", false),
    ("claimproc", "ProcDate", false),
    ("claimproc", "DateCP", false),
    ("statement", "DateSent", false),
    ("commlog", "CommDateTime", true),
    ("appointment", "SecDateTEntry", true),
    ("toothinitial", "SecDateTEntry", true),
];

/// What happens to a patient and not to the account: nothing of it after a death.
const OF_THE_LIVING: &[(&str, &str, bool)] = &[
    ("procedurelog", "ProcDate", false),
    ("procedurelog", "DateTP", false),
    ("claim", "DateService", false),
    ("appointment", "SecDateTEntry", true),
    ("toothinitial", "SecDateTEntry", true),
];

/// Messages about an account after a death: to the family, and to insurers.
const ABOUT_ACCOUNTS: &[&str] =
    &["Statement sent to the family.", "Carrier refused the claim; corrected and sent again."];

pub(super) fn look(columns: &Columns, verdicts: &mut Verdicts) {
    lives(columns, verdicts);
    appointments(columns, verdicts);
    families(columns, verdicts);
    claims(columns, verdicts);
}

fn lives(columns: &Columns, verdicts: &mut Verdicts) {
    let end = columns.end();
    let people: HashMap<i64, [i64; 3]> = columns
        .rows("patient", ["PatNum", "Birthdate", "SecDateEntry", "DateTimeDeceased"])
        .map(|[key, born, entered, died]| (key, [born, entered, died]))
        .collect();
    for (table, column, moment) in EVENTS {
        for [patient, at] in columns.rows(table, ["PatNum", column]).filter(|[p, at]| *p != 0 && *at != NONE)
        {
            let on = if *moment { day(at) } else { at };
            let [born, entered, _] = people[&patient];
            verdicts.look("V9 before birth", on >= born);
            // Appointments of an earlier program are entered with the file.
            verdicts.look("V9 before the file was made", on >= entered);
            verdicts.look("V9 on or after the as-of date", on < end);
        }
    }
    for (table, column, moment) in OF_THE_LIVING {
        for [patient, at] in columns.rows(table, ["PatNum", column]).filter(|[_, at]| *at != NONE) {
            let died = people[&patient][2];
            if died != NONE {
                let on = if *moment { day(at) } else { at };
                verdicts.look("V9 after death", on <= day(died));
            }
        }
    }
    for [patient, status, at] in columns.rows("appointment", ["PatNum", "AptStatus", "AptDateTime"]) {
        let died = people[&patient][2];
        if died != NONE && matches!(status, 1..=3) {
            verdicts.look("V9 an appointment of the dead", day(at) <= day(died));
        }
    }
    for [patient, disabled, due] in columns.rows("recall", ["PatNum", "IsDisabled", "DateDue"]) {
        let died = people[&patient][2];
        if died != NONE {
            verdicts.look("V9 a recall of the dead", disabled == 1 || due <= day(died));
        }
    }
    for [patient, at, direction, note] in
        columns.rows("commlog", ["PatNum", "CommDateTime", "SentOrReceived", "Note"])
    {
        let of_account = ABOUT_ACCOUNTS.contains(&columns.text(note));
        if let Some([_, _, died]) =
            people.get(&patient).filter(|p| p[2] != NONE && direction != 2 && !of_account)
        {
            verdicts.look("V9 a message to the dead", day(at) <= day(*died));
        }
    }
}

fn appointments(columns: &Columns, verdicts: &mut Verdicts) {
    let mut taken: BTreeMap<(u8, i64), Vec<(i64, i64)>> = BTreeMap::new();
    for [status, at, pattern, chair, dentist, hygienist, hygiene, patient, arrived, seated, dismissed] in
        columns.rows(
            "appointment",
            [
                "AptStatus",
                "AptDateTime",
                "Pattern",
                "Op",
                "ProvNum",
                "ProvHyg",
                "IsHygiene",
                "PatNum",
                "DateTimeArrived",
                "DateTimeSeated",
                "DateTimeDismissed",
            ],
        )
    {
        if status == 2 {
            verdicts.look("V9 on or after the as-of date", day(dismissed) < columns.end());
            verdicts.look(
                "A19 arrived, seated, dismissed in another order",
                arrived <= seated && seated <= dismissed && day(at) == day(arrived),
            );
        }
        if matches!(status, 1 | 2) {
            verdicts.look("A23 left in the book", status == 2 || day(at) >= columns.end());
            let span = (at, at + i64::try_from(columns.text(pattern).len()).unwrap() * 300);
            let provider = if hygiene == 1 { hygienist } else { dentist };
            for key in [(0, chair), (1, provider), (2, patient)] {
                taken.entry(key).or_default().push(span);
            }
        }
    }
    for (key, mut times) in taken {
        verdicts.look("A20 nobody's time", key.1 != 0);
        times.sort_unstable();
        for pair in times.windows(2) {
            verdicts.look("A20 booked twice", pair[0].1 <= pair[1].0);
        }
    }
}

fn families(columns: &Columns, verdicts: &mut Verdicts) {
    let mut of: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for [guarantor, position, born] in columns.rows("patient", ["Guarantor", "Position", "Birthdate"]) {
        of.entry(guarantor).or_default().push((position, born));
    }
    for members in of.values() {
        for (_, born) in members.iter().filter(|(position, _)| *position == 2) {
            // The head of the account, and whoever is married.
            let parents = members.iter().enumerate().filter(|(n, (position, _))| *n == 0 || *position == 1);
            for (_, (_, parent)) in parents {
                verdicts.look("P13 a parent too young or too old", (15..50).contains(&age(*parent, *born)));
            }
        }
    }
}

fn claims(columns: &Columns, verdicts: &mut Verdicts) {
    let mut claims: HashMap<i64, [i64; 3]> = HashMap::new();
    for [key, service, first, sent, received, kind] in columns
        .rows("claim", ["ClaimNum", "DateService", "DateSentOrig", "DateSent", "DateReceived", "ClaimType"])
    {
        if sent != NONE {
            verdicts.look("C13 sent before the visit", service <= first && first <= sent);
        }
        if received != NONE {
            verdicts.look("C13 received before sent", sent != NONE && sent <= received);
        }
        claims.insert(key, [i64::from(columns.text(kind) == "S"), first, received]);
    }
    let mut of: HashMap<i64, Vec<i64>> = HashMap::new();
    for [procedure, claim] in columns.rows("claimproc", ["ProcNum", "ClaimNum"]).filter(|[_, c]| *c != 0) {
        of.entry(procedure).or_default().push(claim);
    }
    for of_one in of.values().filter(|c| c.len() > 1) {
        let primary = of_one.iter().map(|c| claims[c]).find(|c| c[0] == 0);
        for [_, sent, _] in of_one.iter().map(|c| claims[c]).filter(|c| c[0] == 1) {
            let received = primary.map_or(NONE, |p| p[2]);
            verdicts.look("C14 a second claim before the first is received", {
                received != NONE && (sent == NONE || sent >= received)
            });
        }
    }
}

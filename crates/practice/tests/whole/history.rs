//! Time: dates in order, nobody in two places, nothing after the as-of date but what is planned.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_model::{Date, DateTime, Value};
use bicuspid_opendental::facts;
use bicuspid_practice::Settings;

use super::{Made, made};

#[test]
fn nothing_is_stamped_on_or_after_the_as_of_date() {
    let made = made();
    let end = made.settings.end_date.midnight();
    for (table, rows) in &made.tables {
        for (position, column) in facts().table(table).unwrap().columns.iter().enumerate() {
            let ahead = [
                "AptDateTime",
                "DateTimeArrived",
                "DateTimeSeated",
                "DateTimeDismissed",
                "SchedDate",
                "DateDue",
                "DateDueCalc",
                "DateTimeDue",
                "DateScheduled",
                // Of requests to confirm, and of reminders.
                "DateTimeConfirmExpire",
                "ApptDateTime",
            ];
            // Pay periods are set up ahead.
            if ahead.contains(&column.name) || *table == "payperiod" {
                continue;
            }
            for row in rows {
                let at = match &row[position] {
                    Value::Date(date) => date.midnight(),
                    Value::DateTime(at) => *at,
                    _ => break,
                };
                assert!(at < end, "{table}.{} {at}", column.name);
            }
        }
    }
}

#[test]
fn the_future_holds_appointments_and_recalls() {
    let made = made();
    let end = made.settings.end_date;
    let ahead = |status: i64| {
        made.rows("appointment")
            .filter(|r| r.int("AptStatus") == status && r.date("AptDateTime") >= Some(end))
            .count()
    };
    assert!(ahead(1) > 100, "{}", ahead(1));
    assert_eq!(ahead(2), 0);
    let past: Vec<_> = made.rows("appointment").filter(|r| r.date("AptDateTime") < Some(end)).collect();
    assert!(past.iter().all(|r| r.int("AptStatus") != 1));
    assert!(past.len() > 2000, "{}", past.len());
    assert!(made.rows("recall").filter(|r| r.date("DateDue") >= Some(end)).count() > 100);
}

/// Length of an appointment by its pattern, in seconds.
fn seconds(pattern: &str) -> i64 {
    i64::try_from(pattern.len()).unwrap() * 300
}

#[test]
fn no_chair_no_provider_and_no_patient_is_booked_twice() {
    let made = made();
    let mut taken: BTreeMap<(&str, i64), Vec<(DateTime, DateTime)>> = BTreeMap::new();
    for row in made.rows("appointment").filter(|r| matches!(r.int("AptStatus"), 1 | 2)) {
        let start = row.time("AptDateTime");
        let end = start.plus_seconds(seconds(row.text("Pattern")));
        assert!(end > start);
        // The hygienist is the one who is booked in a hygiene visit.
        let provider = if row.int("IsHygiene") == 1 { row.int("ProvHyg") } else { row.int("ProvNum") };
        for key in [("chair", row.int("Op")), ("provider", provider), ("patient", row.int("PatNum"))] {
            assert_ne!(key.1, 0);
            taken.entry(key).or_default().push((start, end));
        }
    }
    for (key, mut times) in taken {
        times.sort_unstable();
        assert!(times.windows(2).all(|w| w[0].1 <= w[1].0), "{key:?}");
    }
}

#[test]
fn appointments_lie_in_working_hours() {
    let made = made();
    let mut hours: BTreeMap<(i64, i32), Vec<(i64, i64)>> = BTreeMap::new();
    for row in made.rows("schedule").filter(|r| r.int("SchedType") == 1) {
        let (Value::Time(start), Value::Time(stop)) = (row.cell("StartTime"), row.cell("StopTime")) else {
            panic!()
        };
        hours
            .entry((row.int("ProvNum"), row.date("SchedDate").unwrap().days()))
            .or_default()
            .push((*start, *stop));
    }
    let end = made.settings.end_date.plus_days(180);
    let mut dentist_there = 0;
    for row in made.rows("appointment").filter(|r| r.date("AptDateTime") < Some(end)) {
        let start = row.time("AptDateTime");
        let stop = start.time_micros() + seconds(row.text("Pattern")) * 1_000_000;
        let provider = if row.int("IsHygiene") == 1 { row.int("ProvHyg") } else { row.int("ProvNum") };
        let works =
            hours.get(&(provider, start.date().days())).unwrap_or_else(|| panic!("{provider} {start}"));
        assert!(works.iter().any(|(a, b)| *a <= start.time_micros() && stop <= *b), "{provider} {start}");
        assert!(hours.contains_key(&(row.int("ProvNum"), start.date().days())));
        dentist_there += 1;
    }
    assert!(dentist_there > 2000);
}

#[test]
fn the_dates_of_a_visit_are_in_order() {
    let made = made();
    let patients = made.by_key("patient");
    let mut new = BTreeSet::new();
    for row in made.rows("appointment") {
        let patient = &patients[&row.int("PatNum")];
        if row.int("AptStatus") == 2 && row.int("IsNewPatient") == 1 {
            assert!(new.insert(row.int("PatNum")));
            assert_eq!(row.date("AptDateTime"), patient.date("DateFirstVisit"));
        }
        assert!(row.time("SecDateTEntry") <= row.time("DateTStamp"));
        assert!(patient.date("SecDateEntry") <= row.date("SecDateTEntry"));
        if row.int("AptStatus") == 2 {
            let times =
                ["SecDateTEntry", "DateTimeArrived", "DateTimeSeated", "DateTimeDismissed", "DateTStamp"];
            assert!(times.windows(2).all(|w| row.time(w[0]) <= row.time(w[1])), "{}", row.int("AptNum"));
            assert_eq!(row.date("DateTimeArrived"), row.date("AptDateTime"));
        }
    }
    for row in made.rows("procedurelog") {
        let patient = &patients[&row.int("PatNum")];
        assert!(row.date("DateTP") <= row.date("ProcDate"));
        assert!(patient.date("Birthdate") < row.date("ProcDate"));
        assert!(patient.date("SecDateEntry") <= row.date("DateTP"));
        assert_eq!(row.date("DateComplete").is_some(), row.int("ProcStatus") == 2);
        if row.int("ProcStatus") == 2 {
            assert!(patient.date("DateFirstVisit") <= row.date("ProcDate") || row.cents("ProcFee") == 0);
        }
    }
}

#[test]
fn nothing_was_changed_before_it_was_entered() {
    let made = made();
    let entries = ["SecDateTEntry", "SecDateEntry", "DateEntry", "DateTEntry"];
    let mut checked = 0;
    for table in made.tables.keys() {
        let facts = facts().table(table).unwrap();
        let Some(stamp) = facts.columns.iter().find(|c| c.on_update) else { continue };
        for entry in facts.columns.iter().filter(|c| entries.contains(&c.name)) {
            for row in made.rows(table).filter(|r| r.date(entry.name).is_some()) {
                assert!(row.date(entry.name) <= row.date(stamp.name), "{table}");
                checked += 1;
            }
        }
    }
    assert!(checked > 20_000, "{checked}");
}

#[test]
fn the_last_change_of_a_patient_is_not_before_the_last_change_of_the_balance() {
    let made = made();
    let mut last: BTreeMap<i64, DateTime> = BTreeMap::new();
    for row in made.rows("paysplit").chain(made.rows("adjustment")) {
        let at = last.entry(row.int("PatNum")).or_insert(row.time("SecDateTEdit"));
        *at = row.time("SecDateTEdit").max(*at);
    }
    for row in made.rows("patient") {
        assert!(last.get(&row.int("PatNum")).is_none_or(|at| *at <= row.time("DateTStamp")));
    }
}

#[test]
fn scheduled_recalls_have_their_appointment() {
    let made = made();
    let days: BTreeSet<(i64, i32)> = made
        .rows("appointment")
        .filter(|r| r.int("AptStatus") == 1)
        .map(|r| (r.int("PatNum"), r.date("AptDateTime").unwrap().days()))
        .collect();
    let mut scheduled = 0;
    for row in made.rows("recall") {
        assert!(row.date("DatePrevious") < row.date("DateDue"));
        if let Some(day) = row.date("DateScheduled") {
            assert!(days.contains(&(row.int("PatNum"), day.days())));
            scheduled += 1;
        }
    }
    assert!(scheduled > 100, "{scheduled}");
}

#[test]
fn completed_work_belongs_to_a_completed_visit() {
    let made = made();
    let visits = made.by_key("appointment");
    let codes = made.by_key("procedurecode");
    let mut first_exam: BTreeMap<i64, i32> = BTreeMap::new();
    for row in made.rows("procedurelog").filter(|r| matches!(r.int("ProcStatus"), 2 | 3)) {
        let code = codes[&row.int("CodeNum")].text("ProcCode");
        if ["D0120", "D0140", "D0145", "D0150"].contains(&code) {
            let day = row.date("ProcDate").unwrap().days();
            let first = first_exam.entry(row.int("PatNum")).or_insert(day);
            *first = day.min(*first);
        }
    }
    for row in made.rows("procedurelog") {
        let code = codes[&row.int("CodeNum")].text("ProcCode");
        let visit = visits.get(&row.int("AptNum"));
        match row.int("ProcStatus") {
            2 if matches!(code, "D9986" | "D9987") => {
                let visit = visit.unwrap();
                assert_eq!(visit.int("AptStatus"), 5);
                assert_eq!(row.cents("ProcFee"), 0);
            }
            2 => {
                let visit = visit.unwrap();
                assert_eq!(visit.int("AptStatus"), 2);
                assert_eq!(visit.date("AptDateTime"), row.date("ProcDate"));
                assert_eq!(visit.int("PatNum"), row.int("PatNum"));
                // Fitting what was charged before costs nothing.
                assert_eq!(row.cents("ProcFee") > 0, code.starts_with('D'));
                if code == "D0120" {
                    assert!(first_exam[&row.int("PatNum")] < row.date("ProcDate").unwrap().days());
                }
            }
            1 => assert!(visit.is_none_or(|v| v.int("AptStatus") == 1)),
            _ => assert!(visit.is_none()),
        }
    }
}

#[test]
fn claims_are_sent_and_received_in_order() {
    let made = made();
    let mut primary: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    let mut received = BTreeMap::new();
    for row in made.rows("claimproc").filter(|r| r.int("ClaimNum") != 0) {
        primary.entry(row.int("ProcNum")).or_default().insert(row.int("ClaimNum"));
    }
    for row in made.rows("claim") {
        let (sent, got) = (row.date("DateSent"), row.date("DateReceived"));
        assert!(sent.is_none() || row.date("DateService") <= sent);
        assert!(got.is_none() || (sent.is_some() && sent <= got));
        assert!(row.date("DateSentOrig") <= sent);
        received.insert(row.int("ClaimNum"), (row.text("ClaimType"), got, row.date("SecDateEntry")));
    }
    let mut secondary = 0;
    for claims in primary.values().filter(|c| c.len() == 2) {
        let of = |kind: &str| claims.iter().map(|c| received[c]).find(|c| c.0 == kind).unwrap();
        assert!(of("P").1.unwrap() <= of("S").2.unwrap());
        secondary += 1;
    }
    assert!(secondary > 20, "{secondary}");
}

#[test]
fn teeth_and_surfaces_follow_the_code() {
    let made = made();
    let codes = made.by_key("procedurecode");
    let patients = made.by_key("patient");
    let mut gone: BTreeMap<(i64, &str), i32> = BTreeMap::new();
    let mut rows: Vec<_> = made.rows("procedurelog").filter(|r| r.int("ProcStatus") == 2).collect();
    rows.sort_by_key(|r| (r.date("ProcDate"), r.int("ProcNum")));
    for row in rows {
        let code = codes[&row.int("CodeNum")];
        let area = code.int("TreatArea");
        let tooth = row.text("ToothNum");
        assert_eq!(!tooth.is_empty(), matches!(area, 1 | 2), "{}", code.text("ProcCode"));
        assert_eq!(!row.text("Surf").is_empty(), matches!(area, 1 | 4 | 6), "{}", code.text("ProcCode"));
        let day = row.date("ProcDate").unwrap();
        let years =
            (day.days() - patients[&row.int("PatNum")].date("Birthdate").unwrap().days()) * 100 / 36_525;
        match code.text("ProcCode") {
            "D1120" => assert!(years <= 14),
            "D1110" => assert!(years >= 13),
            // These stand for a tooth that is missing.
            "N0001" | "D6010" | "D6058" | "D6240" | "D7953" | "D7250" => continue,
            _ => {}
        }
        if tooth.is_empty() {
            continue;
        }
        if tooth.parse::<u8>().is_err() {
            assert!(years < 14, "baby tooth at {years}");
        }
        let key = (row.int("PatNum"), tooth);
        assert!(gone.get(&key).is_none_or(|d| *d >= day.days()), "{key:?}");
        if matches!(code.text("ProcCode"), "D7140" | "D7210" | "D7230" | "D7240") {
            gone.insert(key, day.days());
        }
    }
    assert!(gone.len() > 20);
}

#[test]
fn nothing_happens_to_anybody_before_birth() {
    let made = made();
    let born: BTreeMap<i64, bicuspid_model::Date> =
        made.rows("patient").map(|r| (r.int("PatNum"), r.date("Birthdate").unwrap())).collect();
    let mut looked_at = 0;
    for (table, rows) in &made.tables {
        let facts = facts().table(table).unwrap();
        let Some(patient) = facts.position("PatNum") else { continue };
        for (position, column) in facts.columns.iter().enumerate() {
            for row in rows {
                let day = match &row[position] {
                    Value::Date(date) => *date,
                    Value::DateTime(at) => at.date(),
                    _ => break,
                };
                let Value::Int(patient) = row[patient] else { continue };
                if day.ymd().0 > 1 && patient != 0 {
                    assert!(day >= born[&patient], "{table}.{} {day}", column.name);
                    looked_at += 1;
                }
            }
        }
    }
    assert!(looked_at > 100_000, "{looked_at}");
}

/// Stamps, as rows change once more for the account; days that were planned before a death and stay in the row, and tables of an account that outlives its patient.
const PLANNED: &[&str] =
    &["DateTStamp", "AptDateTime", "DateDue", "DateDueCalc", "ApptDateTime", "DateTimeConfirmExpire"];
const OF_ACCOUNTS: &[&str] = &[
    "claim",
    "claimproc",
    "payment",
    "paysplit",
    "adjustment",
    "statement",
    "payplan",
    "payplancharge",
    "commlog",
    "securitylog",
    // A laboratory finishes what it has begun.
    "labcase",
];

#[test]
fn nothing_happens_to_anybody_after_death() {
    let made = Made::new(Settings::new(1500, 5, made().settings.end_date));
    let died: BTreeMap<i64, Date> =
        made.rows("patient").filter_map(|r| Some((r.int("PatNum"), r.date("DateTimeDeceased")?))).collect();
    assert!(died.len() >= 3, "{}", died.len());
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (table, rows) in &made.tables {
        let facts = facts().table(table).unwrap();
        let Some(patient) = facts.position("PatNum") else { continue };
        for (position, column) in facts.columns.iter().enumerate() {
            // An appointment that did not take place holds the midnight of its day.
            let presence = table.ends_with("appointment") && column.name.starts_with("DateTime");
            if PLANNED.contains(&column.name) || OF_ACCOUNTS.contains(table) || presence {
                continue;
            }
            for row in rows {
                let day = match &row[position] {
                    Value::Date(date) => *date,
                    Value::DateTime(at) => at.date(),
                    _ => break,
                };
                let Value::Int(patient) = row[patient] else { continue };
                if died.get(&patient).is_some_and(|d| *d < day) {
                    *found.entry(format!("{table}.{}", column.name)).or_default() += 1;
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

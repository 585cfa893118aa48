//! Numbers of the field, as far as a small practice can show them. Tolerances are wide.

use std::collections::{BTreeMap, BTreeSet};

use bicuspid_model::Date;
use bicuspid_practice::Settings;

use super::{Made, made};

/// Per cent.
fn share(part: usize, whole: usize) -> usize {
    part * 100 / whole.max(1)
}

#[test]
fn most_work_is_finding_out_and_prevention() {
    let made = made();
    let codes = made.by_key("procedurecode");
    let done: Vec<&str> = made
        .rows("procedurelog")
        .filter(|r| r.int("ProcStatus") == 2 && r.cents("ProcFee") > 0)
        .map(|r| codes[&r.int("CodeNum")].text("ProcCode"))
        .collect();
    let light = done.iter().filter(|c| c.starts_with("D0") || c.starts_with("D1")).count();
    assert!((66..84).contains(&share(light, done.len())), "{}", share(light, done.len()));
    let visits: BTreeSet<i64> =
        made.rows("appointment").filter(|r| r.int("AptStatus") == 2).map(|r| r.int("AptNum")).collect();
    let per_ten_visits = done.len() * 10 / visits.len();
    assert!((19..31).contains(&per_ten_visits), "{per_ten_visits}");
}

#[test]
fn a_few_appointments_are_missed_and_some_cancelled() {
    let made = made();
    let end = made.settings.end_date;
    let past: Vec<i64> = made
        .rows("appointment")
        .filter(|r| r.date("AptDateTime") < Some(end))
        .map(|r| r.int("AptStatus"))
        .collect();
    let broken = share(past.iter().filter(|s| **s == 5).count(), past.len());
    assert!((4..14).contains(&broken), "{broken}");
    assert!(past.contains(&3));
}

#[test]
fn cover_age_and_sex() {
    let made = made();
    let patients = made.rows("patient").count();
    let covered = made.rows("patplan").filter(|r| r.int("Ordinal") == 1).count();
    assert!((60..84).contains(&share(covered, patients)), "{}", share(covered, patients));
    let women = made.rows("patient").filter(|r| r.int("Gender") == 1).count();
    assert!((48..61).contains(&share(women, patients)), "{}", share(women, patients));
    let born_after = |years: i32| {
        let day = made.settings.end_date.plus_days(-years * 36_525 / 100);
        made.rows("patient").filter(|r| r.date("Birthdate") > Some(day)).count()
    };
    let (children, old) = (share(born_after(18), patients), share(patients - born_after(65), patients));
    assert!((8..26).contains(&children) && (10..26).contains(&old), "{children} {old}");
}

#[test]
fn the_office_collects_most_of_what_it_earns() {
    let made = made();
    let sum = |table, column, filter: &dyn Fn(&super::Cells<'_>) -> bool| -> i64 {
        made.rows(table).filter(|r| filter(r)).map(|r| r.cents(column)).sum()
    };
    let gross = sum("procedurelog", "ProcFee", &|r| r.int("ProcStatus") == 2);
    let received = |r: &super::Cells<'_>| r.int("Status") == 1;
    let collected = sum("paysplit", "SplitAmt", &|_| true) + sum("claimproc", "InsPayAmt", &received);
    let written_off = sum("claimproc", "WriteOff", &received);
    let adjusted = sum("adjustment", "AdjAmt", &|_| true);
    let receivable = sum("patient", "EstBalance", &|_| true);
    assert_eq!(receivable, gross + adjusted - collected - written_off);
    let net = gross - written_off + adjusted;
    assert!((90..100).contains(&(collected * 100 / net)), "{}", collected * 100 / net);
    assert!((60..90).contains(&(collected * 100 / gross)), "{}", collected * 100 / gross);
    let months = receivable * 360 / gross;
    assert!((3..15).contains(&months), "{months} tenths of a month");
}

#[test]
fn visits_per_patient_and_year() {
    let made = made();
    let end = made.settings.end_date;
    let mut visits: BTreeMap<i64, usize> = BTreeMap::new();
    for row in made.rows("appointment").filter(|r| r.int("AptStatus") == 2) {
        if row.date("AptDateTime") >= Some(end.plus_days(-365)) {
            *visits.entry(row.int("PatNum")).or_default() += 1;
        }
    }
    let tenths = visits.values().sum::<usize>() * 10 / visits.len();
    assert!((19..34).contains(&tenths), "{tenths}");
}

#[test]
fn in_april_2020_hardly_anybody_is_seen_but_in_pain() {
    let day = |y, m, d| Date::from_ymd(y, m, d).unwrap();
    let made = Made::new(Settings { start_date: day(2019, 7, 1), ..Settings::new(400, 4, day(2021, 1, 1)) });
    let mut months = [0_usize; 12];
    for row in made.rows("appointment").filter(|r| r.int("AptStatus") == 2) {
        if let Some((2020, month, _)) = row.date("AptDateTime").map(Date::ymd) {
            months[usize::from(month) - 1] += 1;
        }
    }
    let april = months[3] * 12 * 100 / months.iter().sum::<usize>();
    assert!((2..21).contains(&april), "{april} % of the mean month, {months:?}");
    assert!(months[1] > 8 * months[3] && months[6] > 5 * months[3], "{months:?}");
}

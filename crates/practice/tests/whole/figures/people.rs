//! Patients and families, and who comes how often.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::columns::{Columns, NONE, day};
use super::figure::{Figure, float, quantile, ratio};

const YEAR: i64 = 365;
const BANDS: [i64; 11] = [5, 13, 18, 25, 35, 45, 55, 65, 75, 85, 200];

struct Person {
    born: i64,
    female: bool,
    active_status: bool,
    entered: i64,
    guarantor: i64,
    position: i64,
    insured: bool,
}

/// Days of the completed visits of each patient, in order.
pub(crate) fn kept(columns: &Columns) -> HashMap<i64, Vec<i64>> {
    let mut visits: HashMap<i64, Vec<i64>> = HashMap::new();
    for [patient, status, at] in columns.rows("appointment", ["PatNum", "AptStatus", "AptDateTime"]) {
        if status == 2 {
            visits.entry(patient).or_default().push(day(at));
        }
    }
    for days in visits.values_mut() {
        days.sort_unstable();
    }
    visits
}

fn age(born: i64, on: i64) -> i64 {
    (on - born) * 100 / 36_525
}

pub(crate) fn figures(columns: &Columns) -> Vec<Figure> {
    let end = columns.end();
    let mut people: BTreeMap<i64, Person> = BTreeMap::new();
    let mut surnames: HashMap<i64, usize> = HashMap::new();
    let mut addresses = HashMap::new();
    for [key, last, status, gender, position, born, address, guarantor, entered, ins] in columns.rows(
        "patient",
        [
            "PatNum",
            "LName",
            "PatStatus",
            "Gender",
            "Position",
            "Birthdate",
            "Address",
            "Guarantor",
            "SecDateEntry",
            "HasIns",
        ],
    ) {
        *surnames.entry(last).or_default() += 1;
        addresses.insert(key, address);
        people.insert(
            key,
            Person {
                born,
                female: gender == 1,
                active_status: status == 0,
                entered,
                guarantor,
                position,
                insured: !columns.text(ins).is_empty(),
            },
        );
    }
    let visits = kept(columns);
    let none = Vec::new();
    let seen = |key: &i64, from: i64, to: i64| {
        visits.get(key).unwrap_or(&none).iter().any(|d| (from..to).contains(d))
    };
    let active: Vec<(&i64, &Person)> =
        people.iter().filter(|(key, p)| p.active_status && seen(key, end - 2 * YEAR, end)).collect();
    let count = active.len();
    let of = |keep: &dyn Fn(&Person) -> bool| active.iter().filter(|(_, p)| keep(p)).count();
    let mut out = vec![
        Figure::share("P1", of(&|p| (18..65).contains(&age(p.born, end))), count, 67.0, 6.0),
        Figure::share("P2", of(&|p| age(p.born, end) < 18), count, 15.0, 5.0),
        Figure::share("P3", of(&|p| age(p.born, end) >= 65), count, 18.0, 5.0),
        Figure::share("P4", of(&|p| p.female), count, 55.5, 2.0),
    ];
    let bands: Vec<usize> = (0..BANDS.len())
        .map(|i| {
            let low = if i == 0 { 0 } else { BANDS[i - 1] };
            of(&|p| (low..BANDS[i]).contains(&age(p.born, end)))
        })
        .collect();
    out.push(Figure::distance(
        "P5",
        &bands,
        &[3.0, 7.0, 5.0, 8.0, 13.5, 14.0, 14.5, 17.0, 11.0, 5.5, 1.5],
        0.06,
    ));
    // The sheet gives no tolerance: between a long-running practice and a young one.
    out.push(Figure::value("P16", ratio(active.len(), people.len()) * 100.0, people.len(), 14.0, 75.0));
    // By how often they are found here, whatever they are.
    let mut named: Vec<usize> = surnames.values().copied().collect();
    named.sort_unstable_by(|a, b| b.cmp(a));
    out.push(Figure::share("P10", named[0], people.len(), 0.83, 0.15));
    out.push(Figure::share("P11", named.iter().take(10).sum(), people.len(), 4.9, 0.6));
    out.extend(families(&people, &addresses));
    out.extend(attendance(columns, &people, &visits));
    out
}

fn families(people: &BTreeMap<i64, Person>, addresses: &HashMap<i64, i64>) -> Vec<Figure> {
    let mut out = Vec::new();
    let mut accounts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (key, person) in people {
        accounts.entry(person.guarantor).or_default().push(*key);
    }
    out.push(Figure::value("P8", ratio(people.len(), accounts.len()), people.len(), 1.6, 2.3));
    let single = accounts.values().filter(|m| m.len() == 1).count();
    out.push(Figure::share("P9", single, accounts.len(), 50.0, 8.0));
    let (mut parents_wrong, mut gaps, mut with, mut beside) = (0, Vec::new(), 0, 0);
    for (guarantor, members) in &accounts {
        let head = &people[guarantor];
        for member in members.iter().filter(|m| *m != guarantor) {
            let person = &people[member];
            if person.position == 2 {
                parents_wrong += usize::from(!(15 * 365..=50 * 366).contains(&(person.born - head.born)));
            }
            with += usize::from(addresses[member] == addresses[guarantor]);
            beside += 1;
        }
        let couple: Vec<&Person> = members.iter().map(|m| &people[m]).filter(|p| p.position == 1).collect();
        if let [a, b] = couple[..] {
            gaps.push((a.born - b.born).abs());
        }
    }
    out.push(Figure::value("P13 wrong", float(parents_wrong), people.len(), 0.0, 0.0));
    let count = gaps.len();
    out.push(Figure::value("P14", float(quantile(&mut gaps, 500)) / 365.25, count, 1.5, 4.0).needing(300));
    out.push(Figure::share("P15", with, beside, 95.0, 4.0));
    out
}

fn attendance(
    columns: &Columns,
    people: &BTreeMap<i64, Person>,
    visits: &HashMap<i64, Vec<i64>>,
) -> Vec<Figure> {
    let end = columns.end();
    let none = Vec::new();
    let seen = |key: &i64, from: i64, to: i64| {
        visits.get(key).unwrap_or(&none).iter().any(|d| (from..to).contains(d))
    };
    let mut out = Vec::new();
    let rate = |keep: &dyn Fn(&Person) -> bool| {
        let there: Vec<_> = people
            .iter()
            .filter(|(_, p)| p.active_status && p.entered < end - YEAR && keep(p))
            .map(|(k, _)| seen(k, end - YEAR, end))
            .collect();
        (ratio(there.iter().filter(|s| **s).count(), there.len()), there.len())
    };
    let grown = |p: &Person| (18..65).contains(&age(p.born, end));
    let (women, men) = (rate(&|p| grown(p) && p.female), rate(&|p| grown(p) && !p.female));
    out.push(Figure::value("U2 women/men", women.0 / men.0, women.1 + men.1, 1.05, 1.20));
    let (with, without) = (rate(&|p| grown(p) && p.insured), rate(&|p| grown(p) && !p.insured));
    out.push(Figure::value("U3 covered/not", with.0 / without.0, with.1 + without.1, 1.3, 1.8));
    let old = |low: i64, high: i64| rate(&move |p: &Person| (low..high).contains(&age(p.born, end)));
    let (a, b, c) = (old(65, 75), old(75, 85), old(85, 120));
    let order = usize::from(a.0 < b.0 - 0.03) + usize::from(b.0 < c.0 - 0.05);
    out.push(Figure::value("U4 order wrong", float(order), a.1 + b.1 + c.1, 0.0, 0.0).needing(800));
    // Check-ups of whoever was on file all the time and is an active patient, seen or not.
    let exams = exam_days(columns);
    for (id, child, target) in
        [("U5", false, [52.0, 15.0, 11.0, 21.0]), ("U6", true, [65.0, 20.0, 4.0, 11.0])]
    {
        let mut classes = [0; 4];
        for (key, person) in people.iter().filter(|(_, p)| p.active_status && p.entered < columns.start()) {
            if (age(person.born, end) < 18) != child || (child && age(person.born, columns.start()) < 1) {
                continue;
            }
            // Days between one check-up and the next.
            let days: Vec<i64> = exams.get(key).into_iter().flatten().copied().collect();
            let class = match &days[..] {
                [] => 3,
                [.., last] if *last < end - 2 * YEAR => 3,
                [_] => 2,
                [first, .., last] => match (last - first) / (i64::try_from(days.len()).unwrap() - 1) {
                    ..275 => 0,
                    275..550 => 1,
                    _ => 2,
                },
            };
            classes[class] += 1;
        }
        let whole = classes.iter().sum();
        for ((name, n), target) in ["half-yearly", "yearly", "rarely", "not"].iter().zip(classes).zip(target)
        {
            out.push(Figure::share(format!("{id} {name}"), n, whole, target, 6.0));
        }
    }
    let recent: Vec<&i64> = people.keys().filter(|k| seen(k, end - YEAR, end)).collect();
    let visit_count: usize =
        recent.iter().map(|k| visits[*k].iter().filter(|d| **d >= end - YEAR).count()).sum();
    out.push(Figure::value("U9", ratio(visit_count, recent.len()), recent.len(), 2.1, 3.3).needing(300));
    let three: Vec<&i64> =
        people.iter().filter(|(k, _)| seen(k, end - 3 * YEAR, end)).map(|(k, _)| k).collect();
    let dentists: HashSet<i64> = columns
        .rows("provider", ["ProvNum", "IsSecondary", "Specialty"])
        .filter(|[_, hygienist, specialty]| *hygienist == 0 && *specialty == 310)
        .map(|[n, ..]| n)
        .collect();
    let all: usize = visits.values().map(|v| v.iter().filter(|d| **d >= end - YEAR).count()).sum();
    let dentist_count = dentists.len();
    out.push(Figure::value("U10", ratio(all, dentist_count), all, 3570.0 * 0.75, 3570.0 * 1.25));
    let months = float(end - columns.start()) / 30.4;
    let new = columns.rows("appointment", ["IsNewPatient", "AptStatus"]).filter(|r| *r == [1, 2]).count();
    out.push(Figure::value("U11", float(new) / months / float(columns.settings.locations), new, 20.0, 45.0));
    let examined =
        three.iter().filter(|k| exams.get(k).is_some_and(|e| e.iter().any(|d| *d >= end - 548))).count();
    out.push(Figure::share("U13", examined, three.len(), 57.0, 10.0));
    let before: Vec<&i64> = people.keys().filter(|k| seen(k, end - YEAR - 548, end - YEAR)).collect();
    let lost = before.iter().filter(|k| !seen(k, end - 548, end)).count();
    out.push(Figure::share("U14", lost, before.len(), 27.0, 7.0));
    out.push(Figure::value("U16", ratio(three.len(), dentist_count), three.len(), 1600.0, 2300.0));
    out
}

/// Days of the check-ups of each patient.
fn exam_days(columns: &Columns) -> HashMap<i64, BTreeSet<i64>> {
    let codes = super::codes(columns);
    let mut exams: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for [patient, status, on, code] in
        columns.rows("procedurelog", ["PatNum", "ProcStatus", "ProcDate", "CodeNum"])
    {
        if status == 2 && on != NONE && matches!(codes[&code], "D0120" | "D0145" | "D0150" | "D0180") {
            exams.entry(patient).or_default().insert(on);
        }
    }
    exams
}

//! Procedures: how often each is done, and in which proportion.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::columns::Columns;
use super::figure::{Figure, float, ratio};

const YEAR: i64 = 365;

/// Share of the completed lines and typical fee in dollars.
#[rustfmt::skip]
const CODES: &[(&str, f64, i64)] = &[
    ("D0120", 18.23, 60), ("D1110", 13.34, 115), ("D0274", 8.05, 78), ("D1206", 5.70, 48), ("D0220", 5.39, 35),
    ("D0230", 3.81, 30), ("D4910", 3.70, 165), ("D0140", 3.16, 90), ("D2392", 2.91, 265), ("D2391", 2.58, 210),
    ("D0150", 2.33, 105), ("D1208", 2.29, 42), ("D1120", 2.24, 85), ("D0330", 1.87, 140), ("D0210", 1.54, 160),
    ("D2740", 1.54, 1350), ("D4341", 1.36, 290), ("D2393", 1.28, 325), ("D0272", 1.25, 55), ("D7140", 1.11, 210),
    ("D1351", 1.08, 65), ("D2330", 1.00, 195), ("D2950", 0.84, 310), ("D7210", 0.74, 330), ("D2331", 0.71, 240),
    ("D4342", 0.63, 215), ("D2332", 0.43, 290), ("D9230", 0.42, 80), ("D4381", 0.41, 95), ("D2335", 0.36, 360),
    ("D3330", 0.32, 1200), ("D1330", 0.30, 45), ("D0350", 0.29, 55), ("D2394", 0.28, 385), ("D4346", 0.28, 170),
    ("D0270", 0.26, 32), ("D2920", 0.26, 130), ("D2150", 0.26, 205), ("D9110", 0.22, 140), ("D2750", 0.19, 1300),
    ("D4355", 0.19, 190), ("D2140", 0.18, 165), ("D3320", 0.17, 980), ("D9944", 0.16, 600), ("D9310", 0.15, 130),
    ("D3310", 0.15, 850), ("D6010", 0.15, 2200), ("D6058", 0.15, 1600), ("D1354", 0.15, 50), ("D0145", 0.14, 85),
    ("D0364", 0.14, 330), ("D2160", 0.13, 245), ("D0180", 0.13, 115), ("D7953", 0.13, 650), ("D6750", 0.13, 1250),
    ("D2954", 0.10, 380), ("D7240", 0.08, 540), ("D2751", 0.08, 1200), ("D7230", 0.07, 450), ("D2930", 0.07, 300),
    ("D6240", 0.07, 1250), ("D5110", 0.05, 1900), ("D2790", 0.04, 1300), ("D5213", 0.04, 2000),
    ("D5214", 0.04, 2000), ("D5120", 0.03, 1900),
];

struct Line<'a> {
    patient: i64,
    visit: i64,
    on: i64,
    fee: i64,
    tooth: &'a str,
    status: i64,
    code: &'a str,
}

pub(crate) fn figures(columns: &Columns) -> Vec<Figure> {
    let codes = super::codes(columns);
    let end = columns.end();
    let lines: Vec<Line<'_>> = columns
        .rows(
            "procedurelog",
            ["PatNum", "AptNum", "ProcDate", "ProcFee", "ToothNum", "ProcStatus", "CodeNum"],
        )
        .map(|[patient, visit, on, fee, tooth, status, code]| Line {
            patient,
            visit,
            on,
            fee,
            tooth: columns.text(tooth),
            status,
            code: codes[&code],
        })
        .collect();
    let done: Vec<&Line<'_>> = lines.iter().filter(|l| l.status == 2 && l.fee > 0).collect();
    let count = |keep: &dyn Fn(&Line<'_>) -> bool| done.iter().filter(|l| keep(l)).count();
    let is = |codes: &'static [&'static str]| move |l: &Line<'_>| codes.contains(&l.code);
    let light = count(&|l| l.code.starts_with("D0") || l.code.starts_with("D1"));
    let mut out = vec![Figure::share("R1", light, done.len(), 75.0, 5.0)];
    let mut often: HashMap<&str, usize> = HashMap::new();
    for line in &done {
        *often.entry(line.code).or_default() += 1;
    }
    let mut by_use: Vec<usize> = often.values().copied().collect();
    by_use.sort_unstable_by(|a, b| b.cmp(a));
    out.push(Figure::share("R2", by_use.iter().take(50).sum(), done.len(), 95.0, 2.0));
    let recent: HashSet<i64> = done.iter().filter(|l| l.on >= end - YEAR).map(|l| l.patient).collect();
    let lines_of_year = count(&|l| l.on >= end - YEAR);
    out.push(Figure::value("R3", ratio(lines_of_year, recent.len()), lines_of_year, 5.2, 8.5));
    let visits: HashSet<i64> = done.iter().map(|l| l.visit).collect();
    out.push(Figure::value("R4", ratio(done.len(), visits.len()), visits.len(), 2.0, 3.0));
    let category = |l: &Line<'_>| l.code.as_bytes()[1] - b'0';
    let lines_of: Vec<usize> = (0..10).map(|c| count(&|l| category(l) == c)).collect();
    out.push(Figure::distance(
        "R5",
        &lines_of,
        &[48.6, 26.2, 13.8, 0.7, 6.8, 0.2, 0.5, 2.2, 0.05, 1.0],
        0.06,
    ));
    let fees_of: Vec<usize> = (0..10)
        .map(|c| done.iter().filter(|l| category(l) == c).map(|l| usize::try_from(l.fee).unwrap()).sum())
        .collect();
    out.push(Figure::distance("R6", &fees_of, &[21.6, 14.6, 36.0, 4.6, 8.4, 2.2, 5.4, 4.3, 1.7, 1.2], 0.08));
    let hygiene = is(&["D1110", "D1120", "D4910", "D4341", "D4342", "D4346", "D4355"]);
    let days = |keep: &dyn Fn(&Line<'_>) -> bool| -> HashSet<(i64, i64)> {
        done.iter().filter(|l| keep(l)).map(|l| (l.patient, l.on)).collect()
    };
    let cleaned = days(&hygiene);
    let gums = days(&is(&["D4341", "D4342", "D4910"]));
    out.push(Figure::share("R8", gums.len(), cleaned.len(), 24.0, 6.0));
    let adult = days(&is(&["D1110", "D4910"]));
    let fluoride = days(&is(&["D1206", "D1208"]));
    out.push(Figure::share("R9", adult.intersection(&fluoride).count(), adult.len(), 33.0, 10.0));
    out.push(Figure::value("R10", ratio(count(&is(&["D0120"])), cleaned.len()), cleaned.len(), 0.81, 0.97));
    let silver = count(&is(&["D2140", "D2150", "D2160"]));
    let back: Vec<usize> =
        ["D2391", "D2392", "D2393", "D2394"].iter().map(|c| count(&|l| l.code == *c)).collect();
    let resin: usize = back.iter().sum();
    out.push(Figure::share("R11", resin, resin + silver, 92.0, 6.0));
    for (i, target) in [37.0, 41.0, 18.0, 4.0].into_iter().enumerate() {
        out.push(Figure::share(format!("R12 size {}", i + 1), back[i], resin, target, 8.0).needing(800));
    }
    let front: Vec<usize> =
        ["D2330", "D2331", "D2332", "D2335"].iter().map(|c| count(&|l| l.code == *c)).collect();
    for (i, target) in [40.0, 18.0, 23.0, 19.0].into_iter().enumerate() {
        let whole = front.iter().sum();
        out.push(Figure::share(format!("R13 size {}", i + 1), front[i], whole, target, 8.0).needing(500));
    }
    let roots: Vec<usize> = ["D3310", "D3320", "D3330"].iter().map(|c| count(&|l| l.code == *c)).collect();
    for ((i, target), name) in [23.0, 26.0, 51.0].into_iter().enumerate().zip(["front", "premolar", "molar"])
    {
        let whole = roots.iter().sum();
        out.push(Figure::share(format!("R14 {name}"), roots[i], whole, target, 8.0).needing(200));
    }
    let crowns = count(&is(&["D2740", "D2750", "D2751", "D2790"]));
    let foundations = count(&is(&["D2950", "D2954"]));
    out.push(Figure::value("R15", ratio(foundations, crowns), crowns, 0.30, 0.60).needing(300));
    out.push(crowned_roots(&done, end));
    let (surgical, simple) = (count(&is(&["D7210"])), count(&is(&["D7140"])));
    out.push(Figure::value("R17", ratio(surgical, simple), surgical + simple, 0.45, 0.85).needing(200));
    // Every status, in the order of its number.
    let statuses: Vec<usize> = (1..=8).map(|s| lines.iter().filter(|l| l.status == s).count()).collect();
    out.push(Figure::distance("R19", &statuses, &[19.5, 55.6, 4.6, 0.6, 1.4, 14.4, 3.9, 0.1], 0.15));
    out.push(accepted(columns, &lines, end));
    out.push(by_hygienists(columns, &codes));
    out.extend(shares(&done, &often));
    out.extend(yearly_shares(&done, &recent, end));
    out
}

/// The share of each code, and what chance may make of it.
fn shares(done: &[&Line<'_>], often: &HashMap<&str, usize>) -> Vec<Figure> {
    let mut out = Vec::new();
    let mut together: HashMap<&str, HashMap<i64, usize>> = HashMap::new();
    for line in done {
        *together.entry(line.code).or_default().entry(line.patient).or_default() += 1;
    }
    for (code, share, _) in CODES {
        let n = often.get(code).copied().unwrap_or_default();
        let room = if *share >= 1.0 { 0.30 } else { 0.50 };
        // Lines of one patient come together: as many patients are behind them as would vary as much.
        let together = together.get(code).map_or(1.0, |patients| {
            let square = |n: &usize| n * n;
            ratio(patients.values().map(square).sum::<usize>(), patients.values().sum::<usize>())
        });
        let error = 4.0 * (share / 100.0 / float(done.len()) * together).sqrt() * 100.0;
        let room = (share * room).max(error);
        let measured = ratio(n, done.len()) * 100.0;
        out.push(Figure::value(format!("4.2 {code}"), measured, done.len(), share - room, share + room));
    }
    out
}

/// Patients of the last year by what they had done.
fn yearly_shares(done: &[&Line<'_>], recent: &HashSet<i64>, end: i64) -> Vec<Figure> {
    let had = |keep: &dyn Fn(&str) -> bool| {
        let patients: HashSet<i64> =
            done.iter().filter(|l| l.on >= end - YEAR && keep(l.code)).map(|l| l.patient).collect();
        patients.len()
    };
    let cleaned = had(&|c| matches!(c, "D1110" | "D1120" | "D4910" | "D4341" | "D4342" | "D4346" | "D4355"));
    let restored = had(&|c| c.starts_with("D2"));
    let prevented = had(&|c| matches!(c, "D1206" | "D1208" | "D1351" | "D1354"));
    let roots = had(&|c| c.starts_with("D3"));
    [
        ("cleaning", cleaned, 85.0),
        ("restored", restored, 49.0),
        ("decay kept off", prevented, 34.0),
        ("root", roots, 10.0),
    ]
    .into_iter()
    .map(|(name, n, target)| Figure::share(format!("U7 {name}"), n, recent.len(), target, 8.0))
    .collect()
}

/// Cleanings, fluoride, seals and gum care by whoever is a hygienist.
fn by_hygienists(columns: &Columns, codes: &HashMap<i64, &str>) -> Figure {
    let hygienists: HashSet<i64> = columns
        .rows("provider", ["ProvNum", "IsSecondary"])
        .filter(|[_, hygienist]| *hygienist == 1)
        .map(|[provider, _]| provider)
        .collect();
    let hygiene = ["D1110", "D1120", "D1206", "D1208", "D1351", "D4341", "D4342", "D4346", "D4355", "D4910"];
    let done: Vec<bool> = columns
        .rows("procedurelog", ["ProcStatus", "CodeNum", "ProvNum"])
        .filter(|[status, code, _]| *status == 2 && hygiene.contains(&codes[code]))
        .map(|[.., provider]| hygienists.contains(&provider))
        .collect();
    Figure::share("V10", done.iter().filter(|own| **own).count(), done.len(), 90.0, 5.0)
}

fn crowned_roots(done: &[&Line<'_>], end: i64) -> Figure {
    let mut crowns: HashMap<(i64, &str), Vec<i64>> = HashMap::new();
    for line in done.iter().filter(|l| matches!(l.code, "D2740" | "D2750" | "D2751" | "D2790")) {
        crowns.entry((line.patient, line.tooth)).or_default().push(line.on);
    }
    let roots: Vec<_> =
        done.iter().filter(|l| matches!(l.code, "D3320" | "D3330") && l.on < end - YEAR).collect();
    let crowned = roots
        .iter()
        .filter(|l| {
            crowns
                .get(&(l.patient, l.tooth))
                .is_some_and(|c| c.iter().any(|d| (l.on..l.on + YEAR).contains(d)))
        })
        .count();
    Figure::share("R16", crowned, roots.len(), 70.0, 15.0).needing(60)
}

/// Value of the treatment that was proposed and then done or booked.
fn accepted(columns: &Columns, lines: &[Line<'_>], end: i64) -> Figure {
    let ahead: HashSet<i64> = columns
        .rows("appointment", ["AptNum", "AptStatus"])
        .filter(|[_, status]| *status == 1)
        .map(|[n, _]| n)
        .collect();
    let treatment =
        |l: &&Line<'_>| matches!(l.code.as_bytes()[1], b'2'..=b'8') && l.code != "D4910" && l.fee > 0;
    let (mut taken, mut whole, mut n) = (0, 0, 0);
    for line in lines.iter().filter(treatment).filter(|l| l.on < end - 30 && matches!(l.status, 1 | 2)) {
        n += 1;
        whole += line.fee;
        if line.status == 2 || ahead.contains(&line.visit) {
            taken += line.fee;
        }
    }
    Figure::value("R20", ratio(taken, whole) * 100.0, n, 36.0, 56.0)
}

/// Fees of one office, and what networks allow of them.
pub(crate) fn fees(columns: &Columns) -> Vec<Figure> {
    let codes = super::codes(columns);
    let mut amounts: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for [schedule, code, amount] in columns.rows("fee", ["FeeSched", "CodeNum", "Amount"]) {
        amounts.insert((schedule, codes[&code]), amount);
    }
    let mut off = 0;
    let known = |code: &str| CODES.iter().find(|(c, ..)| *c == code).map(|(.., dollars)| dollars * 100);
    for ((schedule, code), amount) in &amounts {
        if *schedule == 1 && known(code).is_some_and(|k| (amount - k).abs() * 100 > k * 25) {
            off += 1;
        }
    }
    let one = |schedule: i64| -> f64 {
        let both: Vec<(i64, i64)> = amounts
            .iter()
            .filter(|((s, _), a)| *s == 1 && **a > 0)
            .filter_map(|((_, code), a)| Some((*a, *amounts.get(&(schedule, *code))?)))
            .collect();
        ratio(both.iter().map(|(_, n)| n).sum::<i64>(), both.iter().map(|(a, _)| a).sum::<i64>())
    };
    let schedules: BTreeSet<i64> = amounts.keys().map(|(s, _)| *s).collect();
    let network = [2, 3, 4].map(one).iter().sum::<f64>() / 3.0;
    vec![
        Figure::value("F1 codes off", float(off), amounts.len(), 0.0, 3.0).needing(1),
        Figure::value(
            "F3 broken dollars",
            float(amounts.values().filter(|a| **a % 100 != 0).count()),
            amounts.len(),
            0.0,
            0.0,
        )
        .needing(1),
        Figure::value("F5", network, schedules.len(), 0.58, 0.80).needing(1),
        Figure::value("F6", one(5), schedules.len(), 0.28, 0.52).needing(1),
    ]
}

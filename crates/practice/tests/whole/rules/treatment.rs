//! What is done to teeth and gums, when, how often and by whom.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::figures::codes;
use super::super::figures::columns::{Columns, NONE, day};
use super::{Verdicts, age};

/// Work on the whole mouth, or on a part of it that is no tooth.
const NO_TOOTH: &[&str] = &[
    "D0120", "D0140", "D0145", "D0150", "D0160", "D0170", "D0180", "D0210", "D0272", "D0274", "D0330",
    "D1110", "D1120", "D1206", "D1208", "D4341", "D4342", "D4910", "D5110", "D5120",
];
/// Work on one tooth.
const TOOTH: &[&str] = &[
    "D0220", "D0230", "D1351", "D1354", "D2140", "D2150", "D2160", "D2330", "D2331", "D2332", "D2335",
    "D2391", "D2392", "D2393", "D2394", "D2740", "D2750", "D2751", "D2790", "D2920", "D2930", "D2950",
    "D2954", "D3310", "D3320", "D3330", "D4381", "D6010", "D6058", "D6240", "D6750", "D7140", "D7210",
    "D7230", "D7240",
];
const REMOVAL: &[&str] = &["D7140", "D7210", "D7230", "D7240"];
const CROWN: &[&str] = &["D2740", "D2750", "D2751", "D2790"];
const CLEANING: &[&str] = &["D1110", "D1120", "D4910", "D4346"];
/// `procedurelog.ProcStatus`.
const PLANNED: i64 = 1;
const COMPLETE: i64 = 2;
const EXISTING: [i64; 2] = [3, 4];

struct Line<'a> {
    patient: i64,
    on: i64,
    code: &'a str,
    tooth: &'a str,
    surfaces: &'a str,
    status: i64,
    provider: i64,
    visit: i64,
    fee: i64,
}

/// What is known of a patient.
struct Person {
    born: i64,
    entered: i64,
}

pub(super) fn look(columns: &Columns, verdicts: &mut Verdicts) {
    let codes = codes(columns);
    let people: HashMap<i64, Person> = columns
        .rows("patient", ["PatNum", "Birthdate", "SecDateEntry"])
        .map(|[key, born, entered]| (key, Person { born, entered }))
        .collect();
    let mut of: BTreeMap<i64, Vec<Line<'_>>> = BTreeMap::new();
    for [patient, on, code, tooth, surf, status, provider, visit, fee] in columns.rows(
        "procedurelog",
        ["PatNum", "ProcDate", "CodeNum", "ToothNum", "Surf", "ProcStatus", "ProvNum", "AptNum", "ProcFee"],
    ) {
        of.entry(patient).or_default().push(Line {
            patient,
            on,
            code: codes[&code],
            tooth: columns.text(tooth),
            surfaces: columns.text(surf),
            status,
            provider,
            visit,
            fee,
        });
    }
    let mut lost: HashMap<i64, HashMap<&str, i64>> = HashMap::new();
    for [patient, tooth, kind, at] in
        columns.rows("toothinitial", ["PatNum", "ToothNum", "InitialType", "SecDateTEntry"])
    {
        if kind == 0 {
            let tooth = columns.text(tooth);
            let since = lost.entry(patient).or_default().entry(tooth).or_insert(i64::MAX);
            *since = day(at).min(*since);
        }
    }
    let none = HashMap::new();
    for (patient, lines) in &mut of {
        lines.sort_by_key(|l| l.on);
        let person = &people[patient];
        for line in lines.iter().filter(|l| l.status != 6) {
            shape(line, verdicts);
        }
        let done: Vec<&Line<'_>> = lines.iter().filter(|l| l.status == COMPLETE).collect();
        ages(&done, person, verdicts);
        gone(&done, lost.get(patient).unwrap_or(&none), verdicts);
        order(lines, &done, person, columns, verdicts);
        let known = lines.iter().filter(|l| l.status == COMPLETE || EXISTING.contains(&l.status));
        often(&done, known, verdicts);
    }
    who(columns, of.values().flatten(), verdicts);
}

/// Teeth, surfaces and quarters as the code wants them.
fn shape(line: &Line<'_>, verdicts: &mut Verdicts) {
    let Line { code, tooth, surfaces, .. } = line;
    if NO_TOOTH.contains(code) {
        verdicts.look("V1 a tooth where none belongs", tooth.is_empty());
    }
    if TOOTH.contains(code) {
        verdicts.look("V1 no tooth where one belongs", !tooth.is_empty());
    }
    if !tooth.is_empty() {
        let permanent = tooth.parse::<u8>().is_ok_and(|n| (1..=32).contains(&n));
        let baby = matches!(tooth.as_bytes(), [b'A'..=b'T']);
        verdicts.look("V2 a tooth that there is not", permanent || baby);
    }
    let size = match *code {
        "D2330" | "D2391" | "D2140" => Some(1),
        "D2331" | "D2392" | "D2150" => Some(2),
        "D2332" | "D2393" | "D2160" => Some(3),
        "D2335" | "D2394" => Some(4),
        _ => None,
    };
    match (size, *code) {
        (Some(size), _) => {
            verdicts.look("V3 another number of surfaces", surfaces.len() == size);
            let front = code.starts_with("D233");
            let letters = if front { "MIDFL" } else { "MODBL" };
            verdicts
                .look("V3 a surface that the tooth has not", surfaces.chars().all(|c| letters.contains(c)));
            let number = tooth.parse::<u8>().unwrap_or(0);
            let is_front =
                matches!(number, 6..=11 | 22..=27) || matches!(tooth.as_bytes(), [b'C'..=b'H' | b'M'..=b'R']);
            verdicts.look("V3 a filling of the other kind of tooth", is_front == front);
        }
        (None, "D4341" | "D4342") => {
            verdicts.look("V4 a quarter that there is not", ["UR", "UL", "LR", "LL"].contains(surfaces));
        }
        (None, "D5110" | "D5120") => {
            verdicts
                .look("V4 a denture without its jaw", *surfaces == if *code == "D5110" { "U" } else { "L" });
        }
        (None, "D5213" | "D5214") => {}
        (None, _) => verdicts.look("V3 surfaces without a filling", surfaces.is_empty()),
    }
}

fn ages(done: &[&Line<'_>], person: &Person, verdicts: &mut Verdicts) {
    for line in done {
        let years = age(person.born, line.on);
        match line.code {
            "D1120" => verdicts.look("V5 a child's cleaning at that age", years < 14),
            "D1110" => verdicts.look("V5 an adult's cleaning at that age", years >= 14),
            "D0145" => verdicts.look("V5 a small child's exam at that age", years < 3),
            "D1351" => {
                let molar =
                    line.tooth.parse::<u8>().is_ok_and(|n| matches!(n, 2..=5 | 12..=15 | 18..=21 | 28..=31));
                verdicts.look("V5 a seal on another tooth", molar);
            }
            _ => {}
        }
        if matches!(line.tooth.as_bytes(), [b'A'..=b'T']) {
            verdicts.look("V2 a baby tooth at that age", years < 14);
        }
    }
}

/// Work on teeth that are no longer there.
fn gone(done: &[&Line<'_>], lost: &HashMap<&str, i64>, verdicts: &mut Verdicts) {
    let mut removed: HashMap<&str, i64> = lost.clone();
    for line in done.iter().filter(|l| REMOVAL.contains(&l.code)) {
        let since = removed.entry(line.tooth).or_insert(i64::MAX);
        verdicts.look("V2 a tooth that is taken out twice", line.on <= *since);
        *since = line.on.min(*since);
    }
    let replaces = |code: &str| {
        ["D60", "D62", "D67", "D69", "D79", "D5", "D912"].iter().any(|begin| code.starts_with(begin))
            || matches!(code, "D7250" | "N0001")
    };
    for line in done.iter().filter(|l| !l.tooth.is_empty() && !replaces(l.code)) {
        let there = removed.get(line.tooth).is_none_or(|since| *since >= line.on);
        verdicts.look("V2 work on a tooth that is gone", there);
    }
    for line in done.iter().filter(|l| matches!(l.code, "D5110" | "D5120")) {
        // Wisdom teeth included.
        let jaw = if line.code == "D5110" { 1..=16 } else { 17..=32_u8 };
        let bare = |n: u8| removed.get(n.to_string().as_str()).is_some_and(|since| *since <= line.on);
        verdicts.look("V5 a full denture over teeth", jaw.clone().all(bare));
    }
}

/// What must come before what.
fn order(
    lines: &[Line<'_>],
    done: &[&Line<'_>],
    person: &Person,
    columns: &Columns,
    verdicts: &mut Verdicts,
) {
    let known = |l: &&Line<'_>| l.status == COMPLETE || EXISTING.contains(&l.status);
    let deep = lines.iter().filter(known).filter(|l| matches!(l.code, "D4341" | "D4342")).map(|l| l.on).min();
    let exam = lines
        .iter()
        .filter(known)
        .filter(|l| matches!(l.code, "D0120" | "D0140" | "D0145" | "D0150" | "D0160" | "D0180"))
        .map(|l| l.on)
        .min();
    for line in done {
        if line.code == "D4910" {
            verdicts.look("V8 gum upkeep before deep cleaning", deep.is_some_and(|first| first < line.on));
        }
        if line.code == "D0120" {
            verdicts.look("V6 a recall exam before any other", exam.is_some_and(|first| first < line.on));
        }
        if CROWN.contains(&line.code) {
            let root_after = done.iter().any(|r| {
                matches!(r.code, "D3310" | "D3320" | "D3330")
                    && r.tooth == line.tooth
                    && (line.on + 1..line.on + 180).contains(&r.on)
            });
            verdicts.look("V8 a crown before the root canal", !root_after);
        }
    }
    let first = done.iter().find(|l| l.visit != 0 && l.code.starts_with('D') && l.fee > 0).map(|l| l.on);
    if let Some(first) = first.filter(|_| person.entered >= columns.start()) {
        let begun = done.iter().any(|l| l.on == first && matches!(l.code, "D0150" | "D0140" | "D0145"));
        verdicts.look("V6 a first visit without a first exam", begun);
    }
}

/// How often something may be done.
fn often<'a>(done: &[&Line<'_>], known: impl Iterator<Item = &'a Line<'a>>, verdicts: &mut Verdicts) {
    let days = |keep: &dyn Fn(&Line<'_>) -> bool| -> Vec<i64> {
        let mut days: Vec<i64> = done.iter().filter(|l| keep(l)).map(|l| l.on).collect();
        days.dedup();
        days
    };
    for (rule, codes, more, least) in [
        ("V7 a third recall exam in a year", &["D0120"][..], 2, 365),
        ("V7 a fifth cleaning in a year", CLEANING, 4, 365),
        ("V7 bitewings twice in ten months", &["D0272", "D0274"], 1, 300),
        ("V7 pictures of all teeth twice in three years", &["D0210", "D0330"], 1, 1095),
    ] {
        for few in days(&|l| codes.contains(&l.code)).windows(more + 1) {
            verdicts.look(rule, few[more] - few[0] >= least);
        }
    }
    let deep: Vec<&Line<'_>> = known.filter(|l| matches!(l.code, "D4341" | "D4342")).collect();
    for (number, line) in deep.iter().enumerate() {
        let again = deep[..number].iter().any(|l| l.surfaces == line.surfaces && line.on - l.on < 730);
        verdicts.look("V7 a quarter deeply cleaned twice in two years", !again);
    }
}

/// Whose work it is.
fn who<'a>(columns: &Columns, lines: impl Iterator<Item = &'a Line<'a>>, verdicts: &mut Verdicts) {
    let works: HashSet<(i64, i64)> = columns
        .rows("schedule", ["ProvNum", "SchedDate", "SchedType"])
        .filter(|[.., kind]| *kind == 1)
        .map(|[provider, on, _]| (provider, on))
        .collect();
    let on_visit: HashMap<i64, i64> = columns
        .rows("appointment", ["AptNum", "AptDateTime"])
        .filter(|[_, at]| *at != NONE)
        .map(|[n, at]| (n, day(at)))
        .collect();
    for line in lines {
        match line.status {
            // The mark of an appointment that was not kept is no work.
            COMPLETE if matches!(line.code, "D9986" | "D9987") => {}
            COMPLETE => verdicts
                .look("V10 work of somebody who was not there", works.contains(&(line.provider, line.on))),
            PLANNED if line.visit != 0 => {
                verdicts.look("V10 planned work without its appointment", on_visit.contains_key(&line.visit));
            }
            _ => {}
        }
        verdicts.look("R work of nobody", line.provider != 0 && line.patient != 0);
    }
}

//! What is done at a visit, and what an exam finds.

use bicuspid_model::Date;

use crate::arena::CodeKey;
use crate::codes;
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::mouth::{Gums, Mouth, Tooth};

/// Why somebody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// For the first time, to be examined from the ground up.
    First,
    /// Check-up and cleaning.
    Recall,
    /// Something hurts.
    Emergency,
    /// Planned work by the dentist.
    Treatment,
    /// Planned work by the hygienist.
    Hygiene,
}

impl Reason {
    /// Whether a hygienist is the one who is booked.
    pub(crate) const fn is_hygiene(self) -> bool {
        matches!(self, Self::First | Self::Recall | Self::Hygiene)
    }
}

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) code: CodeKey,
    pub(crate) tooth: Tooth,
    /// Surfaces of a filling, quarter or jaw.
    pub(crate) surfaces: &'static str,
}

impl Item {
    pub(crate) fn new(code: &str) -> Self {
        Self { code: codes::find(code).0, tooth: Tooth::NONE, surfaces: "" }
    }

    fn on(code: &str, tooth: Tooth) -> Self {
        Self { tooth, ..Self::new(code) }
    }

    fn area(code: &str, surfaces: &'static str) -> Self {
        Self { surfaces, ..Self::new(code) }
    }
}

/// Work that belongs into one visit.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) items: Vec<Item>,
    pub(crate) diagnosis: Definition,
    /// Whether a hygienist does it.
    pub(crate) hygiene: bool,
    /// Chance in a thousand that the patient agrees.
    pub(crate) appeal: u32,
    pub(crate) minutes: u32,
}

/// Minutes that a visit takes whose work follows from its reason.
pub(crate) const fn minutes(reason: Reason, age: i32) -> u32 {
    match (reason, age) {
        (Reason::Emergency, _) | (_, ..3) => 30,
        (Reason::First, ..14) => 50,
        (Reason::First, _) => 80,
        (_, ..14) => 40,
        _ => 60,
    }
}

/// The work of a visit that is not planned treatment.
pub(crate) fn routine(reason: Reason, mouth: &Mouth, age: i32, day: Date, draw: &mut Draw) -> Vec<Item> {
    match reason {
        Reason::First => first(mouth, age, draw),
        Reason::Emergency => {
            let mut items = vec![Item::new("D0140")];
            let tooth = mouth.any(draw, age);
            if draw.chance(850) {
                items.push(Item::on("D0220", tooth));
                if draw.chance(550) {
                    items.push(Item::on("D0230", tooth));
                }
            }
            if draw.chance(80) {
                items.push(Item::new("D9110"));
            }
            items
        }
        _ => recall(mouth, age, day, draw),
    }
}

fn first(mouth: &Mouth, age: i32, draw: &mut Draw) -> Vec<Item> {
    if age < 3 {
        return vec![Item::new("D0145"), Item::new("D1206")];
    }
    let mut items = vec![Item::new("D0150")];
    if age < 14 {
        if age >= 5 {
            items.push(Item::new("D0272"));
        }
        if age >= 7 && draw.chance(350) {
            items.push(Item::new("D0330"));
        }
        items.push(Item::new("D1120"));
        items.push(Item::new(if draw.chance(700) { "D1206" } else { "D1208" }));
        return items;
    }
    match draw.weighted(&[(0, 42), (1, 42), (2, 16)]) {
        0 => items.push(Item::new("D0210")),
        1 => items.extend([Item::new("D0330"), Item::new("D0274")]),
        _ => items.push(Item::new("D0274")),
    }
    if mouth.gums == Gums::Diseased {
        if draw.chance(120) {
            items.push(Item::new("D4355"));
        }
    } else if draw.chance(800) {
        items.push(Item::new("D1110"));
    }
    items
}

fn recall(mouth: &Mouth, age: i32, day: Date, draw: &mut Draw) -> Vec<Item> {
    let since = |last: Option<Date>| last.map_or(i32::MAX, |last| day.days().saturating_sub(last.days()));
    let mut items = Vec::new();
    if age < 3 {
        items.extend([Item::new("D0145"), Item::new("D1206")]);
        return items;
    }
    if since(mouth.last_exam) >= 150 && draw.chance(960) {
        items.push(Item::new("D0120"));
    }
    if since(mouth.last_full_xrays) >= 1640 && age >= 14 {
        items.push(Item::new(if draw.chance(600) { "D0210" } else { "D0330" }));
    } else if since(mouth.last_bitewings) >= 355 && age >= 5 && draw.chance(900) {
        items.push(Item::new(if age >= 13 { "D0274" } else { "D0272" }));
    }
    if draw.chance(70) {
        let tooth = mouth.any(draw, age);
        items.extend([Item::on("D0220", tooth), Item::on("D0230", tooth)]);
    }
    if age < 14 {
        items.push(Item::new("D1120"));
        if draw.chance(920) {
            items.push(Item::new(if draw.chance(650) { "D1206" } else { "D1208" }));
        }
        if draw.chance(100) {
            items.push(Item::new("D1330"));
        }
        return items;
    }
    items.push(match mouth.gums {
        Gums::Treated => Item::new("D4910"),
        _ if draw.chance(20) => Item::new("D4346"),
        _ => Item::new("D1110"),
    });
    if draw.chance(if age < 18 { 800 } else { 310 }) {
        items.push(Item::new(if draw.chance(740) { "D1206" } else { "D1208" }));
    }
    items
}

/// What the exam of a visit finds.
pub(crate) fn findings(reason: Reason, mouth: &mut Mouth, age: i32, draw: &mut Draw) -> Vec<Finding> {
    let mut found = Vec::new();
    // A first visit and a sore tooth find more than a check-up.
    let (decay, crown, root, loss) = match reason {
        Reason::First => (660, 300, 30, 90),
        Reason::Emergency => (240, 190, 210, 300),
        _ => (400, 120, 12, 42),
    };
    if draw.chance(if age < 4 { decay / 4 } else { decay }) {
        found.extend(fillings(mouth, age, draw));
    }
    if age >= 18
        && draw.chance(crown)
        && let Some(tooth) = mouth.failing(draw, false)
    {
        mouth.plan(tooth, true);
        found.push(crown_on(tooth, draw));
    }
    if age >= 14
        && draw.chance(root)
        && let Some(tooth) = mouth.failing(draw, true)
    {
        mouth.plan(tooth, true);
        found.push(root_canal(tooth));
    }
    if age >= 5
        && draw.chance(loss)
        && let Some(tooth) = mouth.lost(draw, age)
    {
        mouth.plan(tooth, true);
        found.push(extraction(tooth, draw));
    }
    if (6..16).contains(&age) && draw.chance(170) {
        let teeth = mouth.to_seal(age);
        if !teeth.is_empty() {
            let items = teeth.iter().map(|tooth| Item::on("D1351", *tooth)).collect();
            for tooth in teeth {
                mouth.plan(tooth, true);
            }
            found.push(Finding {
                items,
                diagnosis: Definition::default(),
                hygiene: true,
                appeal: 620,
                minutes: 40,
            });
        }
    }
    if age >= 20 && mouth.gums == Gums::Diseased && reason != Reason::Emergency {
        found.push(deep_cleaning(draw));
    }
    if age >= 25 && draw.chance(22) {
        found.push(Finding {
            items: vec![Item::new("D9944")],
            diagnosis: Definition::default(),
            hygiene: false,
            appeal: 450,
            minutes: 30,
        });
    }
    found
}

fn fillings(mouth: &mut Mouth, age: i32, draw: &mut Draw) -> Option<Finding> {
    let count = draw.weighted(&[(1, 52), (2, 30), (3, 13), (4, 5)]);
    let mut items = Vec::new();
    for _ in 0..count {
        let Some(tooth) = mouth.decaying(draw, age) else { break };
        mouth.plan(tooth, true);
        items.push(filling(tooth, age, draw));
    }
    let minutes = 30 + 20 * u32::try_from(items.len()).unwrap_or_default();
    let finding = Finding {
        items,
        diagnosis: Definition::DIAGNOSIS_DECAY,
        hygiene: false,
        appeal: 720,
        minutes: minutes.min(90),
    };
    (!finding.items.is_empty()).then_some(finding)
}

fn filling(tooth: Tooth, age: i32, draw: &mut Draw) -> Item {
    if tooth.is_baby() && age < 9 && draw.chance(150) {
        return Item::on("D2930", tooth);
    }
    let (code, surfaces) = if tooth.is_front() {
        match draw.weighted(&[(1, 40), (2, 28), (3, 18), (4, 14)]) {
            1 => ("D2330", draw.pick(&["F", "L", "M", "D"])),
            2 => ("D2331", draw.pick(&["MF", "DF", "ML", "DL"])),
            3 => ("D2332", draw.pick(&["MFL", "DFL", "MIF"])),
            _ => ("D2335", draw.pick(&["MIFL", "DIFL"])),
        }
    } else {
        let size = draw.weighted(&[(1, 37), (2, 41), (3, 18), (4, 4)]);
        let silver = draw.chance(80);
        match size {
            1 => (if silver { "D2140" } else { "D2391" }, draw.pick(&["O", "O", "O", "B", "L"])),
            2 => (if silver { "D2150" } else { "D2392" }, draw.pick(&["MO", "DO", "OB", "OL"])),
            3 => (if silver { "D2160" } else { "D2393" }, draw.pick(&["MOD", "MOB", "DOL"])),
            _ => ("D2394", draw.pick(&["MODB", "MODL"])),
        }
    };
    Item { surfaces, ..Item::on(code, tooth) }
}

/// A crown, mostly ceramic, often with a foundation under it.
pub(crate) fn crown_on(tooth: Tooth, draw: &mut Draw) -> Finding {
    let mut items = Vec::new();
    if draw.chance(450) {
        items.push(Item::on("D2950", tooth));
    }
    items.push(Item::on(draw.weighted(&[("D2740", 86), ("D2750", 11), ("D2790", 3)]), tooth));
    Finding { items, diagnosis: Definition::DIAGNOSIS_BROKEN, hygiene: false, appeal: 430, minutes: 90 }
}

/// An implant, or the crown on it.
pub(crate) fn implant(code: &str, tooth: Tooth, appeal: u32) -> Finding {
    let items = vec![Item::on(code, tooth)];
    Finding { items, diagnosis: Definition::DIAGNOSIS_LOST, hygiene: false, appeal, minutes: 60 }
}

fn root_canal(tooth: Tooth) -> Finding {
    let code = match tooth {
        _ if tooth.is_front() => "D3310",
        _ if tooth.is_premolar() => "D3320",
        _ => "D3330",
    };
    let items = vec![Item::on(code, tooth)];
    Finding { items, diagnosis: Definition::DIAGNOSIS_ROOT, hygiene: false, appeal: 620, minutes: 90 }
}

fn extraction(tooth: Tooth, draw: &mut Draw) -> Finding {
    let surgical = !tooth.is_baby() && draw.chance(500);
    let mut items = vec![Item::on(if surgical { "D7210" } else { "D7140" }, tooth)];
    if surgical && draw.chance(200) {
        items.push(Item::on("D7953", tooth));
    }
    if draw.chance(150) {
        items.push(Item::new("D9230"));
    }
    let minutes = if surgical { 60 } else { 40 };
    Finding { items, diagnosis: Definition::DIAGNOSIS_LOST, hygiene: false, appeal: 720, minutes }
}

fn deep_cleaning(draw: &mut Draw) -> Finding {
    let whole = draw.chance(680);
    let code = if whole { "D4341" } else { "D4342" };
    let quarters: &[&'static str] = if draw.chance(600) { &["UR", "LR", "UL", "LL"] } else { &["UR", "LR"] };
    let items: Vec<Item> = quarters.iter().map(|quarter| Item::area(code, quarter)).collect();
    let minutes = if items.len() > 2 { 120 } else { 60 };
    Finding { items, diagnosis: Definition::DIAGNOSIS_GUM, hygiene: true, appeal: 520, minutes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn surfaces_match_code_and_tooth() {
        let mut draw = Draw::new(5, Stream::Family, 0, 0);
        for _ in 0..3000 {
            let mut mouth = Mouth::default();
            let age = draw.between(4, 80);
            for item in fillings(&mut mouth, age, &mut draw).into_iter().flat_map(|f| f.items) {
                let code = codes::of(item.code).code;
                let size = match code {
                    "D2330" | "D2391" | "D2140" => 1,
                    "D2331" | "D2392" | "D2150" => 2,
                    "D2332" | "D2393" | "D2160" => 3,
                    "D2335" | "D2394" => 4,
                    _ => 0,
                };
                assert_eq!(item.surfaces.len(), size, "{code}");
                let letters = if item.tooth.is_front() { "MIDFL" } else { "MODBL" };
                assert!(item.surfaces.chars().all(|c| letters.contains(c)));
                assert!(!item.tooth.is_baby() || age < 14);
                assert_eq!(item.tooth.is_front(), code.starts_with("D233"));
            }
        }
    }

    #[test]
    fn age_decides_the_cleaning() {
        let mut draw = Draw::new(5, Stream::Family, 0, 1);
        let day = Date::from_days(9000);
        for (age, wanted) in [(8, "D1120"), (13, "D1120"), (14, "D1110"), (40, "D1110")] {
            for _ in 0..50 {
                let items = routine(Reason::Recall, &Mouth::default(), age, day, &mut draw);
                let has = |code| items.contains(&Item::new(code));
                assert!(has(wanted) || has("D4346"), "{age}");
                assert!(!(has("D1110") && has("D1120")));
            }
        }
        let mut treated = Mouth::default();
        treated.gums = Gums::Treated;
        let items = routine(Reason::Recall, &treated, 50, day, &mut draw);
        assert!(items.contains(&Item::new("D4910")));
    }

    #[test]
    fn an_exam_is_not_repeated_within_five_months() {
        let mut draw = Draw::new(5, Stream::Family, 0, 2);
        let day = Date::from_days(9000);
        let mut mouth = Mouth::default();
        mouth.last_exam = Some(day.plus_days(-149));
        for _ in 0..50 {
            assert!(!routine(Reason::Recall, &mouth, 50, day, &mut draw).contains(&Item::new("D0120")));
        }
    }
}

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

    pub(crate) fn on(code: &str, tooth: Tooth) -> Self {
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
            if tooth != Tooth::NONE && draw.chance(900) {
                items.push(Item::on("D0220", tooth));
                for _ in 0..draw.weighted(&[(0, 62), (1, 14), (2, 14), (3, 10)]) {
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
        if age >= 7 && draw.chance(250) {
            items.push(Item::new("D0330"));
        }
        // Some are only looked at, and cleaned at the next visit.
        if draw.chance(800) {
            items.push(Item::new("D1120"));
            items.push(Item::new(if draw.chance(700) { "D1206" } else { "D1208" }));
        }
        return items;
    }
    match draw.weighted(&[(0, 34), (1, 46), (2, 20)]) {
        0 => items.push(Item::new("D0210")),
        1 => items.extend([Item::new("D0330"), Item::new("D0274")]),
        _ => items.push(Item::new("D0274")),
    }
    if mouth.toothless() {
        return vec![Item::new("D0150"), Item::new("D0330")];
    }
    if mouth.gums == Gums::Diseased {
        if draw.chance(290) {
            items.push(Item::new("D4355"));
        }
    } else if draw.chance(650) {
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
    if mouth.toothless() {
        return vec![Item::new("D0120")];
    }
    if !mouth.too_soon("D0120", day) && draw.chance(995) {
        items.push(Item::new("D0120"));
    }
    if since(mouth.last_full_xrays.get()) >= 1830 && age >= 14 && draw.chance(700) {
        items.push(Item::new(if draw.chance(550) { "D0210" } else { "D0330" }));
    } else if since(mouth.last_bitewings.get()) >= 355 && age >= 5 && draw.chance(900) {
        items.push(Item::new(if age >= 13 { "D0274" } else { "D0272" }));
    }
    if draw.chance(110) {
        let tooth = mouth.any(draw, age);
        if tooth != Tooth::NONE {
            items.push(Item::on("D0220", tooth));
            for _ in 0..draw.weighted(&[(0, 64), (1, 13), (2, 13), (3, 10)]) {
                items.push(Item::on("D0230", tooth));
            }
        }
    }
    if age < 14 {
        // With the smallest it often stays at a look and fluoride.
        if age >= 6 || draw.chance(400) {
            items.push(Item::new("D1120"));
        }
        if draw.chance(850) {
            items.push(Item::new(if draw.chance(690) { "D1206" } else { "D1208" }));
        }
        if draw.chance(100) {
            items.push(Item::new("D1330"));
        }
        return items;
    }
    let cleaning = match mouth.gums {
        Gums::Treated => {
            if draw.chance(15) {
                let teeth: Vec<Tooth> =
                    (0..6).map(|_| mouth.any(draw, age)).filter(|t| *t != Tooth::NONE).collect();
                items.extend(teeth.into_iter().map(|tooth| Item::on("D4381", tooth)));
            }
            Item::new("D4910")
        }
        _ if draw.chance(20) => Item::new("D4346"),
        _ => Item::new("D1110"),
    };
    items.push(cleaning);
    if draw.chance(if age < 18 { 700 } else { 268 }) {
        items.push(Item::new(if draw.chance(720) { "D1206" } else { "D1208" }));
    }
    items
}

/// What the exam of a visit finds.
pub(crate) fn findings(reason: Reason, mouth: &mut Mouth, age: i32, draw: &mut Draw) -> Vec<Finding> {
    let mut found = Vec::new();
    // A first visit and a sore tooth find more than a check-up.
    let (decay, crown, root, loss) = match reason {
        Reason::First => (570, 315, 44, 95),
        Reason::Emergency => (295, 200, 280, 262),
        _ => (415, 122, 26, 36),
    };
    if draw.chance(if age < 4 { decay / 4 } else { decay }) {
        found.extend(fillings(mouth, age, draw));
    }
    if age >= 18
        && draw.chance(crown)
        && let Some(tooth) = mouth.failing(draw, false)
    {
        mouth.plan(tooth, true);
        let mut finding = crown_on(tooth, draw);
        if draw.chance(260)
            && let Some(second) = mouth.failing(draw, false)
        {
            mouth.plan(second, true);
            finding.items.extend(crown_on(second, draw).items);
            finding.minutes = 120;
        }
        found.push(finding);
    }
    found.extend(replacements(mouth, age, draw));
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
        let mut finding = extraction(tooth, draw);
        let code = finding.items.first().map_or("", |i| codes::of(i.code).code);
        for _ in 0..draw.weighted(&[(0, 60), (1, 18), (2, 12), (4, 10)]) {
            if let Some(next) = mouth.lost(draw, age) {
                // A child's tooth and a grown one are not taken out alike.
                if next.is_baby() == tooth.is_baby() {
                    mouth.plan(next, true);
                    finding.items.push(Item::on(code, next));
                }
            }
        }
        found.push(finding);
    }
    if age < 12 && draw.chance(29) {
        let teeth: Vec<Tooth> = (0..3).filter_map(|_| mouth.decaying(draw, age)).collect();
        let mut items: Vec<Item> = Vec::new();
        for tooth in teeth {
            if !items.iter().any(|i| i.tooth == tooth) {
                mouth.plan(tooth, true);
                items.push(Item::on("D1354", tooth));
            }
        }
        if !items.is_empty() {
            let diagnosis = Definition::DIAGNOSIS_DECAY;
            found.push(Finding { items, diagnosis, hygiene: true, appeal: 700, minutes: 30 });
        }
    }
    if (6..16).contains(&age) && draw.chance(155) {
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
    if age >= 20
        && mouth.gums == Gums::Diseased
        && reason != Reason::Emergency
        && mouth.last_deep.get().is_none()
    {
        found.push(deep_cleaning(draw));
    }
    if age >= 25 && draw.chance(19) {
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

/// Bridges, dentures, and wisdom teeth that have to go.
fn replacements(mouth: &mut Mouth, age: i32, draw: &mut Draw) -> Vec<Finding> {
    let mut found = Vec::new();
    let denture = |code: &str, arch, appeal| Finding {
        items: vec![Item::area(code, arch)],
        diagnosis: Definition::DIAGNOSIS_LOST,
        hygiene: false,
        appeal,
        minutes: 60,
    };
    if age >= 25
        && draw.chance(24)
        && let Some([before, gap, after]) = mouth.gap(draw)
    {
        let items = vec![Item::on("D6750", before), Item::on("D6240", gap), Item::on("D6750", after)];
        for tooth in [before, gap, after] {
            mouth.plan(tooth, true);
        }
        found.push(Finding {
            items,
            diagnosis: Definition::DIAGNOSIS_LOST,
            hygiene: false,
            appeal: 330,
            minutes: 120,
        });
    }
    // A surgeon elsewhere has placed the implant.
    if age >= 30
        && draw.chance(6)
        && let Some([_, gap, _]) = mouth.gap(draw)
    {
        mouth.plan(gap, true);
        found.push(implant("D6058", gap, 700));
    }
    for (upper, full, part, arch) in [(true, "D5110", "D5213", "U"), (false, "D5120", "D5214", "L")] {
        let worn = if upper { mouth.upper_denture } else { mouth.lower_denture };
        if mouth.bare(upper) && draw.chance(if worn { 60 } else { 600 }) {
            found.push(denture(full, arch, 650));
        } else if age >= 45 && !worn && !mouth.bare(upper) && mouth.gaps(upper) >= 4 && draw.chance(70) {
            found.push(denture(part, arch, 420));
        }
    }
    if (17..30).contains(&age) && draw.chance(85) {
        let teeth = mouth.wisdom();
        if !teeth.is_empty() {
            let code = draw.weighted(&[("D7230", 45), ("D7240", 55)]);
            for tooth in &teeth {
                mouth.plan(*tooth, true);
            }
            let items = teeth.into_iter().map(|tooth| Item::on(code, tooth)).collect();
            let diagnosis = Definition::DIAGNOSIS_LOST;
            found.push(Finding { items, diagnosis, hygiene: false, appeal: 500, minutes: 90 });
        }
    }
    found
}

fn fillings(mouth: &mut Mouth, age: i32, draw: &mut Draw) -> Vec<Finding> {
    let count = draw.weighted(&[(1, 56), (2, 28), (3, 11), (4, 5)]);
    let mut items: Vec<Item> = Vec::new();
    let mut size = 0;
    for _ in 0..count {
        let Some(tooth) = mouth.decaying(draw, age) else { break };
        // Neighbours decay in the same way.
        let front = tooth.is_front();
        if size == 0 || items.last().is_some_and(|i| i.tooth.is_front() != front) || draw.chance(250) {
            size = size_of(front, draw);
        }
        mouth.plan(tooth, true);
        items.push(filling(tooth, age, size, draw));
    }
    // Two at a time.
    let visits = items.chunks(2).map(|items| Finding {
        items: items.to_vec(),
        diagnosis: Definition::DIAGNOSIS_DECAY,
        hygiene: false,
        appeal: 650,
        minutes: 20 + 20 * u32::try_from(items.len()).unwrap_or_default(),
    });
    visits.collect()
}

/// How many surfaces a filling covers.
fn size_of(front: bool, draw: &mut Draw) -> u32 {
    if front {
        draw.weighted(&[(1, 41), (2, 20), (3, 21), (4, 16)])
    } else {
        draw.weighted(&[(1, 37), (2, 42), (3, 17), (4, 3)])
    }
}

fn filling(tooth: Tooth, age: i32, size: u32, draw: &mut Draw) -> Item {
    if tooth.is_baby() && age < 9 && draw.chance(95) {
        return Item::on("D2930", tooth);
    }
    let (code, surfaces) = if tooth.is_front() {
        match size {
            1 => ("D2330", draw.pick(&["F", "L", "M", "D"])),
            2 => ("D2331", draw.pick(&["MF", "DF", "ML", "DL"])),
            3 => ("D2332", draw.pick(&["MFL", "DFL", "MIF"])),
            _ => ("D2335", draw.pick(&["MIFL", "DIFL"])),
        }
    } else {
        // Silver is kept for the larger ones.
        let silver = draw.chance(if size == 1 { 56 } else { 84 });
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
    if draw.chance(480) {
        items.push(Item::on(if draw.chance(890) { "D2950" } else { "D2954" }, tooth));
    }
    let kinds = [("D2740", 833), ("D2750", 103), ("D2751", 45), ("D2790", 19)];
    items.push(Item::on(draw.weighted(&kinds), tooth));
    Finding { items, diagnosis: Definition::DIAGNOSIS_BROKEN, hygiene: false, appeal: 352, minutes: 90 }
}

/// An implant, or the crown on it.
pub(crate) fn implant(code: &str, tooth: Tooth, appeal: u32) -> Finding {
    let items = vec![Item::on(code, tooth)];
    Finding { items, diagnosis: Definition::DIAGNOSIS_LOST, hygiene: false, appeal, minutes: 60 }
}

/// The visit at which a laboratory's work is fitted; it was charged when the tooth was prepared.
pub(crate) fn fitting(code: &str, tooth: Tooth) -> Finding {
    let items = vec![Item::on(code, tooth)];
    Finding { items, diagnosis: Definition::default(), hygiene: false, appeal: 1000, minutes: 40 }
}

fn root_canal(tooth: Tooth) -> Finding {
    let code = match tooth {
        _ if tooth.is_front() => "D3310",
        _ if tooth.is_premolar() => "D3320",
        _ => "D3330",
    };
    let items = vec![Item::on(code, tooth)];
    Finding { items, diagnosis: Definition::DIAGNOSIS_ROOT, hygiene: false, appeal: 600, minutes: 90 }
}

fn extraction(tooth: Tooth, draw: &mut Draw) -> Finding {
    let surgical = !tooth.is_baby() && draw.chance(424);
    let mut items = vec![Item::on(if surgical { "D7210" } else { "D7140" }, tooth)];
    if surgical && draw.chance(270) {
        items.push(Item::on("D7953", tooth));
    }
    if draw.chance(160) {
        items.push(Item::new("D9230"));
    }
    let minutes = if surgical { 60 } else { 40 };
    Finding { items, diagnosis: Definition::DIAGNOSIS_LOST, hygiene: false, appeal: 720, minutes }
}

fn deep_cleaning(draw: &mut Draw) -> Finding {
    let whole = draw.chance(680);
    let code = if whole { "D4341" } else { "D4342" };
    let all = draw.chance(if whole { 520 } else { 300 });
    let quarters: &[&'static str] = if all { &["UR", "LR", "UL", "LL"] } else { &["UR", "LR"] };
    let items: Vec<Item> = quarters.iter().map(|quarter| Item::area(code, quarter)).collect();
    let minutes = if items.len() > 2 { 120 } else { 60 };
    Finding { items, diagnosis: Definition::DIAGNOSIS_GUM, hygiene: true, appeal: 355, minutes }
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
    fn an_exam_is_not_repeated_within_three_months_nor_made_thrice_a_year() {
        let mut draw = Draw::new(5, Stream::Family, 0, 2);
        let day = Date::from_days(9000);
        let mut mouth = Mouth::default();
        mouth.last_exam = day.plus_days(-99).into();
        for _ in 0..50 {
            assert!(!routine(Reason::Recall, &mouth, 50, day, &mut draw).contains(&Item::new("D0120")));
        }
        let mut mouth = Mouth::default();
        mouth.treat("D0120", Tooth::NONE, day.plus_days(-360));
        mouth.treat("D0120", Tooth::NONE, day.plus_days(-180));
        for _ in 0..50 {
            assert!(!routine(Reason::Recall, &mouth, 50, day, &mut draw).contains(&Item::new("D0120")));
        }
    }
}

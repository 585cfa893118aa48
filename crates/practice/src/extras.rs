//! Small work that comes with a visit now and then: the hundred codes that together make a few per cent of all lines.

use crate::codes;
use crate::draw::Draw;
use crate::mouth::{Mouth, Tooth};
use crate::treatment::{Item, Reason};
use bicuspid_opendental::enums::TreatmentArea;

/// What comes with a check-up or a first visit.
const CHECK_UP: &[(&str, u32)] = &[
    ("D0350", 80),
    ("D0270", 118),
    ("D0180", 54),
    ("D1330", 30),
    ("D0601", 34),
    ("D0602", 40),
    ("D0603", 22),
    ("D0431", 44),
    ("D0470", 30),
    ("D0277", 46),
    ("D0190", 12),
    ("D0340", 12),
    ("D1310", 36),
    ("D1320", 36),
    ("D9910", 52),
    ("D9630", 44),
    ("D9975", 28),
    ("D9310", 24),
];

/// What comes with a visit because of pain.
const PAIN: &[(&str, u32)] = &[
    ("D2920", 960),
    ("D9310", 50),
    ("D0364", 44),
    ("D0160", 44),
    ("D0460", 150),
    ("D2940", 100),
    ("D2910", 26),
    ("D2980", 30),
    ("D3221", 44),
    ("D7510", 34),
    ("D9440", 30),
    ("D6930", 20),
    ("D9951", 44),
    ("D9930", 24),
    ("D9120", 8),
    ("D0240", 24),
];

/// What comes with treatment.
const TREATMENT: &[(&str, u32)] = &[
    ("D0350", 46),
    ("D0364", 38),
    ("D9310", 24),
    ("D0170", 90),
    ("D0171", 44),
    ("D9215", 60),
    ("D9230", 120),
    ("D2951", 60),
    ("D3110", 44),
    ("D3120", 60),
    ("D2940", 54),
    ("D9910", 54),
    ("D9951", 44),
    ("D9630", 36),
    ("D0460", 40),
    ("D1353", 20),
    ("D0367", 12),
];

/// What comes with the work of a visit, if anything.
pub(crate) fn extra(reason: Reason, mouth: &Mouth, age: i32, draw: &mut Draw) -> Option<Item> {
    let (list, chance) = match reason {
        Reason::First | Reason::Recall => (CHECK_UP, 95),
        Reason::Emergency => (PAIN, 340),
        Reason::Treatment => (TREATMENT, 185),
        Reason::Hygiene => return None,
    };
    if age < 14 || !draw.chance(chance) {
        return None;
    }
    let code = draw.weighted(list);
    let tooth = codes::find(code).1.area == TreatmentArea::Tooth;
    if tooth && code == "D2920" && !mouth.has_crown() {
        return None;
    }
    if !tooth {
        return Some(Item::new(code));
    }
    // Some have no tooth left.
    let found = mouth.any(draw, age);
    (found != Tooth::NONE).then(|| Item::on(code, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn every_extra_is_a_code_and_names_a_tooth_only_where_the_code_does() {
        let mut draw = Draw::new(5, Stream::Family, 0, 0);
        let mut seen = std::collections::HashSet::new();
        for list in [CHECK_UP, PAIN, TREATMENT] {
            assert!(list.iter().all(|(code, _)| !codes::find(code).1.code.is_empty()));
        }
        for reason in [Reason::First, Reason::Recall, Reason::Emergency, Reason::Treatment] {
            for _ in 0..2000 {
                if let Some(item) = extra(reason, &Mouth::new(50, &mut draw), 50, &mut draw) {
                    let code = codes::of(item.code);
                    assert_eq!(code.names_tooth(), !item.tooth.label().is_empty(), "{}", code.code);
                    seen.insert(code.code);
                }
            }
        }
        assert!(seen.len() > 30);
        assert!(extra(Reason::Recall, &Mouth::default(), 9, &mut draw).is_none());
        let mut bare = Mouth::default();
        for tooth in Tooth::permanent() {
            bare.treat("D7140", tooth, bicuspid_model::Date::from_days(9000));
        }
        for _ in 0..2000 {
            let item = extra(Reason::Emergency, &bare, 80, &mut draw);
            assert!(item.is_none_or(|item| !codes::of(item.code).names_tooth()));
        }
    }
}

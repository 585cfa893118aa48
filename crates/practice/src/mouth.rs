//! Teeth and gums of one person, as far as treatment depends on them.

use bicuspid_model::Date;

use crate::compact::Day;
use crate::draw::Draw;

/// A tooth: 1 to 32 for the permanent ones, 33 to 52 for the baby teeth A to T, 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tooth(u8);

/// Back teeth behind the premolars, wisdom teeth left out.
const MOLARS: [u8; 8] = [2, 3, 14, 15, 18, 19, 30, 31];
const PREMOLARS: [u8; 8] = [4, 5, 12, 13, 20, 21, 28, 29];
const FRONTS: [u8; 12] = [6, 7, 8, 9, 10, 11, 22, 23, 24, 25, 26, 27];
/// First molars, which come at about six; the second ones come at about twelve.
const FIRST_MOLARS: [u8; 4] = [3, 14, 19, 30];
/// Baby molars A, B, I, J, K, L, S, T.
const BABY_MOLARS: [u8; 8] = [33, 34, 41, 42, 43, 44, 51, 52];

impl Tooth {
    /// No tooth.
    pub(crate) const NONE: Self = Self(0);

    /// The permanent teeth.
    pub(crate) fn permanent() -> impl Iterator<Item = Self> {
        (1..=32).map(Self)
    }

    /// The baby teeth that a child of that age has.
    pub(crate) fn baby(years: i32) -> impl Iterator<Item = Self> {
        // The four middle ones of each jaw are changed first, at six to eight; the others at nine to twelve.
        let gone: fn(u8) -> bool = match years {
            ..2 => |_| true,
            2..7 => |_| false,
            7..10 => |n| matches!(n, 36..=39 | 46..=49),
            10..12 => |n| matches!(n, 34..=41 | 44..=51),
            _ => |_| true,
        };
        (33..=52).filter(move |n| !gone(*n)).map(Self)
    }

    /// Its number: 1 to 32 for a permanent tooth, above for a baby tooth, 0 for none.
    pub(crate) fn number(self) -> i64 {
        i64::from(self.0)
    }

    fn bit(self) -> u64 {
        1_u64.checked_shl(u32::from(self.0)).unwrap_or_default()
    }

    /// Whether it is a front tooth (6 to 11 and 22 to 27, C to H and M to R).
    pub(crate) fn is_front(self) -> bool {
        matches!(self.0, 6..=11 | 22..=27 | 35..=40 | 45..=50)
    }

    /// Whether it is a premolar.
    pub(crate) fn is_premolar(self) -> bool {
        PREMOLARS.contains(&self.0)
    }

    /// Whether it is a baby tooth.
    pub(crate) fn is_baby(self) -> bool {
        self.0 > 32
    }

    /// The name in the chart: a number, a letter, or nothing.
    pub(crate) fn label(self) -> String {
        match self.0 {
            0 => String::new(),
            number @ 1..=32 => number.to_string(),
            baby => char::from(b'A' + (baby - 33) % 20).to_string(),
        }
    }
}

/// State of the gums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Gums {
    /// Healthy enough for ordinary cleanings.
    #[default]
    Healthy,
    /// Diseased and not treated here.
    Diseased,
    /// Treated by deep cleaning; needs upkeep.
    Treated,
}

/// The mouth of one person.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mouth {
    missing: u64,
    crowned: u64,
    rooted: u64,
    sealed: u64,
    /// Missing teeth that a bridge or an implant stands for.
    replaced: u64,
    pub(crate) upper_denture: bool,
    pub(crate) lower_denture: bool,
    /// Teeth with work that is planned and not done.
    planned: u64,
    pub(crate) gums: Gums,
    pub(crate) last_exam: Day,
    pub(crate) last_bitewings: Day,
    pub(crate) last_full_xrays: Day,
    /// The two latest check-ups, the latest first.
    pub(crate) check_ups: [Day; 2],
    /// The four latest cleanings, the latest first.
    cleanings: [Day; 4],
    /// When gums were last cleaned deeply.
    pub(crate) last_deep: Day,
}

impl Mouth {
    /// A mouth of somebody of that age, with the losses that people of that age have.
    pub(crate) fn new(age: i32, draw: &mut Draw) -> Self {
        let mut mouth = Self::default();
        for wisdom in [1, 16, 17, 32] {
            if age < 18 || draw.chance(700) {
                mouth.missing |= Tooth(wisdom).bit();
            }
        }
        let lost = match age {
            ..20 => 0,
            20..35 => draw.along(&[0, 0, 0, 1, 3]),
            35..50 => draw.along(&[0, 0, 1, 2, 6]),
            50..65 => draw.along(&[0, 1, 3, 5, 11]),
            65..75 => draw.along(&[0, 2, 5, 9, 16]),
            _ => draw.along(&[0, 3, 7, 12, 20]),
        };
        // A few of the old have no teeth left, in one jaw or in both.
        if age >= 60 && draw.chance(if age < 75 { 40 } else { 90 }) {
            mouth.missing |= 0x1_fffe;
            if draw.chance(600) {
                mouth.missing |= 0x1_fffe << 16;
            }
            mouth.upper_denture = draw.chance(500);
            mouth.lower_denture = draw.chance(500);
        }
        for _ in 0..lost {
            let tooth = draw.weighted(&[(0, 6), (1, 2), (2, 1)]);
            let tooth = Tooth(draw.pick(match tooth {
                0 => &MOLARS,
                1 => &PREMOLARS,
                _ => &FRONTS[..],
            }));
            mouth.missing |= tooth.bit();
        }
        let crowns = match age {
            ..30 => 0,
            30..50 => draw.along(&[0, 0, 1, 3]),
            _ => draw.along(&[0, 1, 3, 7]),
        };
        for _ in 0..crowns {
            let teeth = if draw.chance(700) { &MOLARS } else { &PREMOLARS };
            let tooth = Tooth(draw.pick(teeth));
            if mouth.has(tooth) {
                mouth.crowned |= tooth.bit();
            }
        }
        let diseased = match age {
            ..30 => 30,
            30..45 => 270,
            45..65 => 400,
            _ => 470,
        };
        if draw.chance(diseased) {
            mouth.gums = Gums::Diseased;
        }
        mouth
    }

    fn free(&self, tooth: u8) -> bool {
        (self.missing | self.planned) & Tooth(tooth).bit() == 0
    }

    fn choose(&self, draw: &mut Draw, teeth: &[u8], barred: u64) -> Option<Tooth> {
        let free: Vec<u8> =
            teeth.iter().copied().filter(|t| self.free(*t) && Tooth(*t).bit() & barred == 0).collect();
        (!free.is_empty()).then(|| Tooth(draw.pick(&free)))
    }

    /// A tooth that may need a filling: for small children baby molars, later the permanent ones that are there.
    pub(crate) fn decaying(&self, draw: &mut Draw, age: i32) -> Option<Tooth> {
        let teeth: &[u8] = match age {
            ..6 => &BABY_MOLARS,
            6..12 if draw.chance(700) => &BABY_MOLARS,
            6..12 => &FIRST_MOLARS,
            _ => match draw.weighted(&[(0, 52), (1, 22), (2, 26)]) {
                0 => &MOLARS,
                1 => &PREMOLARS,
                _ => &FRONTS,
            },
        };
        self.choose(draw, teeth, self.crowned)
    }

    /// A tooth that may need a crown or a root canal.
    pub(crate) fn failing(&self, draw: &mut Draw, needs_root: bool) -> Option<Tooth> {
        let barred = self.crowned | if needs_root { self.rooted } else { 0 };
        let teeth: &[u8] = match draw.weighted(&[(0, 53), (1, 26), (2, 21)]) {
            0 => &MOLARS,
            1 => &PREMOLARS,
            _ => &FRONTS,
        };
        self.choose(draw, teeth, barred)
    }

    /// A tooth that may have to come out.
    pub(crate) fn lost(&self, draw: &mut Draw, age: i32) -> Option<Tooth> {
        match age {
            ..12 => self.choose(draw, &BABY_MOLARS, 0),
            16..30 if draw.chance(500) => self.choose(draw, &[1, 16, 17, 32], 0),
            _ => {
                let teeth = if draw.chance(700) { &MOLARS } else { &PREMOLARS };
                self.choose(draw, teeth, 0)
            }
        }
    }

    /// Molars that can be sealed: grown, there, and not sealed yet.
    pub(crate) fn to_seal(&self, age: i32) -> Vec<Tooth> {
        let teeth: &[u8] = match age {
            ..6 => &[],
            6..12 => &FIRST_MOLARS,
            _ => &MOLARS,
        };
        let done = self.sealed | self.crowned;
        teeth.iter().filter(|t| self.free(**t) && Tooth(**t).bit() & done == 0).map(|t| Tooth(*t)).collect()
    }

    /// A tooth that an X-ray of one root may show.
    pub(crate) fn any(&self, draw: &mut Draw, age: i32) -> Tooth {
        let teeth: &[u8] = if age < 8 { &BABY_MOLARS } else { &MOLARS };
        let all: Vec<u8> = (1..=32).collect();
        let found = self.choose(draw, teeth, 0).or_else(|| self.choose(draw, &all, 0));
        found.or_else(|| all.iter().map(|t| Tooth(*t)).find(|t| self.has(*t))).unwrap_or(Tooth::NONE)
    }

    /// Whether the tooth wears a crown.
    pub(crate) fn is_crowned(&self, tooth: Tooth) -> bool {
        self.crowned & tooth.bit() != 0
    }

    /// Whether any tooth wears a crown.
    pub(crate) fn has_crown(&self) -> bool {
        self.crowned & !self.missing != 0
    }

    /// Whether no tooth of the upper or the lower jaw is left.
    pub(crate) fn bare(&self, upper: bool) -> bool {
        let jaw: u64 = if upper { 0x1_fffe } else { 0x1_fffe << 16 };
        self.missing & jaw == jaw
    }

    /// Whether no tooth is left at all.
    pub(crate) fn toothless(&self) -> bool {
        self.bare(true) && self.bare(false)
    }

    /// Whether such work was done so shortly before that nobody does it again, and no plan pays for it: two check-ups a
    /// year, four cleanings, bitewings once, all teeth on X-rays every three years.
    pub(crate) fn too_soon(&self, code: &str, day: Date) -> bool {
        let since = |last: Option<Date>| last.map_or(i32::MAX, |last| day.days().saturating_sub(last.days()));
        let [latest, before] = self.check_ups.map(Day::get);
        let [.., fourth] = self.cleanings.map(Day::get);
        match code {
            "D1110" | "D1120" | "D4346" | "D4355" | "D4910" => since(fourth) < 366,
            "D0120" => since(self.last_exam.get()) < 100 || since(latest) < 100 || since(before) < 366,
            "D0272" | "D0274" => since(self.last_bitewings.get()) < 330,
            "D0210" | "D0330" => since(self.last_full_xrays.get()) < 1096,
            _ => false,
        }
    }

    /// How many teeth of the upper or the lower jaw are missing, wisdom teeth left out.
    pub(crate) fn gaps(&self, upper: bool) -> u32 {
        let jaw: u64 = if upper { 0x0_fffc } else { 0x0_fffc << 16 };
        (self.missing & jaw).count_ones()
    }

    /// A gap with a tooth on both sides, for a bridge: the tooth before, the gap, the tooth after.
    pub(crate) fn gap(&self, draw: &mut Draw) -> Option<[Tooth; 3]> {
        let there = |t: u8| self.free(t);
        let fits = |t: &u8| {
            self.missing & Tooth(*t).bit() != 0
                && (self.replaced | self.planned) & Tooth(*t).bit() == 0
                && there(t - 1)
                && there(t + 1)
        };
        let gaps: Vec<u8> = (3..15).chain(19..31).filter(fits).collect();
        (!gaps.is_empty()).then(|| {
            let gap = draw.pick(&gaps);
            [gap - 1, gap, gap + 1].map(Tooth)
        })
    }

    /// A wisdom tooth that has not come out.
    pub(crate) fn wisdom(&self) -> Vec<Tooth> {
        [1, 16, 17, 32].into_iter().filter(|t| self.free(*t)).map(Tooth).collect()
    }

    /// Whether the tooth is still there.
    pub(crate) fn has(&self, tooth: Tooth) -> bool {
        self.missing & tooth.bit() == 0
    }

    /// Notes that work on a tooth is planned, or no longer.
    pub(crate) fn plan(&mut self, tooth: Tooth, planned: bool) {
        if planned {
            self.planned |= tooth.bit();
        } else {
            self.planned &= !tooth.bit();
        }
    }

    /// Notes what was done to a tooth or to the gums.
    pub(crate) fn treat(&mut self, code: &str, tooth: Tooth, day: Date) {
        match code {
            "D0120" => {
                self.last_exam = day.into();
                let [latest, _] = self.check_ups;
                self.check_ups = [day.into(), latest];
            }
            "D0140" | "D0145" | "D0150" | "D0180" => self.last_exam = day.into(),
            "D1110" | "D1120" | "D4346" | "D4355" | "D4910" => {
                let [a, b, c, _] = self.cleanings;
                if a.get() != Some(day) {
                    self.cleanings = [day.into(), a, b, c];
                }
            }
            "D0272" | "D0274" => self.last_bitewings = day.into(),
            "D0210" => {
                self.last_full_xrays = day.into();
                self.last_bitewings = day.into();
            }
            "D0330" => self.last_full_xrays = day.into(),
            "D1351" => self.sealed |= tooth.bit(),
            "D2740" | "D2750" | "D2751" | "D2790" | "D2930" | "D6750" => self.crowned |= tooth.bit(),
            "D6240" | "D6010" | "D6058" => self.replaced |= tooth.bit(),
            "D5110" | "D5213" => self.upper_denture = true,
            "D5120" | "D5214" => self.lower_denture = true,
            "D3310" | "D3320" | "D3330" => self.rooted |= tooth.bit(),
            "D4341" | "D4342" => {
                self.gums = Gums::Treated;
                self.last_deep = day.into();
            }
            "D7140" | "D7210" | "D7230" | "D7240" => self.missing |= tooth.bit(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn labels() {
        assert_eq!(Tooth(1).label(), "1");
        assert_eq!(Tooth(32).label(), "32");
        assert_eq!((Tooth(33).label(), Tooth(52).label()), ("A".to_owned(), "T".to_owned()));
        assert_eq!(Tooth::NONE.label(), "");
        assert!(Tooth(6).is_front() && Tooth(35).is_front() && !Tooth(5).is_front() && !Tooth(41).is_front());
    }

    #[test]
    fn nobody_is_cleaned_five_times_a_year() {
        let first = Date::from_days(9000);
        let mut mouth = Mouth::default();
        for (weeks, code) in [(0, "D4910"), (13, "D1110"), (26, "D4910"), (39, "D4346")] {
            assert!(!mouth.too_soon("D4910", first.plus_days(weeks * 7)));
            mouth.treat(code, Tooth::NONE, first.plus_days(weeks * 7));
        }
        assert!(
            mouth.too_soon("D1110", first.plus_days(365)) && !mouth.too_soon("D1110", first.plus_days(366))
        );
    }

    #[test]
    fn a_tooth_that_is_gone_is_never_chosen_again() {
        let mut draw = Draw::new(1, Stream::Family, 0, 0);
        let mut mouth = Mouth::default();
        let day = Date::from_days(9000);
        let mut pulled = Vec::new();
        while let Some(tooth) = mouth.lost(&mut draw, 50) {
            assert!(mouth.has(tooth) && !pulled.contains(&tooth));
            mouth.treat("D7140", tooth, day);
            pulled.push(tooth);
            assert!(pulled.len() <= 32);
        }
        for _ in 0..500 {
            for tooth in [mouth.decaying(&mut draw, 50), mouth.failing(&mut draw, true)].into_iter().flatten()
            {
                assert!(!pulled.contains(&tooth));
            }
        }
    }

    #[test]
    fn planned_teeth_wait() {
        let mut mouth = Mouth::default();
        assert_eq!(mouth.to_seal(8).len(), 4);
        mouth.plan(Tooth(3), true);
        assert_eq!(mouth.to_seal(8).len(), 3);
        mouth.plan(Tooth(3), false);
        mouth.treat("D1351", Tooth(3), Date::from_days(9000));
        assert_eq!(mouth.to_seal(8).len(), 3);
    }
}

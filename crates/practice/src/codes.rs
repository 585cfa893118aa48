//! Procedure codes: the numbers are identifiers of the field, the wording and the fees are our own.

use bicuspid_opendental::enums::TreatmentArea;

use crate::arena::{CodeKey, Key};
use crate::money::Cents;

/// Kind of work. It decides the list that a code is shown in and what share a plan pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// Finding out, without X-rays.
    Exam,
    /// X-rays.
    Xray,
    /// Cleaning and prevention.
    Prevent,
    /// Fillings.
    Filling,
    /// Crowns.
    Crown,
    /// Roots.
    Root,
    /// Gums.
    Gum,
    /// Dentures, bridges and implants.
    Denture,
    /// Surgery.
    Surgery,
    /// Everything beside.
    Other,
    /// Marks in the record that nobody pays for.
    Admin,
}

impl Work {
    /// Every kind.
    pub(crate) const ALL: [Self; 11] = [
        Self::Exam,
        Self::Xray,
        Self::Prevent,
        Self::Filling,
        Self::Crown,
        Self::Root,
        Self::Gum,
        Self::Denture,
        Self::Surgery,
        Self::Other,
        Self::Admin,
    ];
}

/// A service that has a procedure code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The code.
    pub(crate) code: &'static str,
    /// What it is, in our own words.
    pub(crate) wording: &'static str,
    /// The same in a few letters.
    pub(crate) short: &'static str,
    /// The office's fee in the first year of the history.
    pub(crate) fee: Cents,
    /// Kind of work.
    pub(crate) work: Work,
    /// What part of the mouth it names.
    pub(crate) area: TreatmentArea,
}

impl Service {
    /// Whether a hygienist does it.
    pub(crate) fn is_hygiene(&self) -> bool {
        matches!(self.work, Work::Prevent | Work::Gum) && self.code != "D1354"
    }

    /// Whether a row of it names a tooth.
    pub(crate) fn names_tooth(&self) -> bool {
        matches!(self.area, TreatmentArea::Tooth | TreatmentArea::Surf)
    }
}

const fn code(
    code: &'static str,
    wording: &'static str,
    short: &'static str,
    dollars: i64,
    work: Work,
    area: TreatmentArea,
) -> Service {
    Service { code, wording, short, fee: Cents::dollars(dollars), work, area }
}

/// Every code, in order. Fees are typical undiscounted fees of 2024 and 2025.
#[rustfmt::skip]
pub(crate) const CODES: &[Service] = &[
    code("D0120", "recall exam", "RecExam", 60, Work::Exam, TreatmentArea::Mouth),
    code("D0140", "short exam for one problem", "ProbExam", 90, Work::Exam, TreatmentArea::Mouth),
    code("D0145", "exam, under three", "BabyExam", 85, Work::Exam, TreatmentArea::Mouth),
    code("D0150", "full exam, new or long-absent patient", "FullExam", 105, Work::Exam, TreatmentArea::Mouth),
    code("D0160", "problem-focused full exam", "ProbFull", 150, Work::Exam, TreatmentArea::Mouth),
    code("D0170", "look again at a known problem", "Recheck", 70, Work::Exam, TreatmentArea::Mouth),
    code("D0171", "look after surgery", "PostOp", 60, Work::Exam, TreatmentArea::Mouth),
    code("D0180", "gum-focused full exam", "GumExam", 115, Work::Exam, TreatmentArea::Mouth),
    code("D0190", "screening of a patient", "Screen", 45, Work::Exam, TreatmentArea::Mouth),
    code("D0210", "full-mouth X-ray set", "FMX", 160, Work::Xray, TreatmentArea::Mouth),
    code("D0220", "single root X-ray, first", "PA1", 35, Work::Xray, TreatmentArea::Tooth),
    code("D0230", "single root X-ray, further", "PA+", 30, Work::Xray, TreatmentArea::Tooth),
    code("D0240", "X-ray of biting surfaces", "Occl", 45, Work::Xray, TreatmentArea::Mouth),
    code("D0270", "one bitewing", "1BW", 32, Work::Xray, TreatmentArea::Mouth),
    code("D0272", "two bitewings", "2BW", 55, Work::Xray, TreatmentArea::Mouth),
    code("D0274", "four bitewings", "4BW", 78, Work::Xray, TreatmentArea::Mouth),
    code("D0277", "upright bitewing series", "VBW", 110, Work::Xray, TreatmentArea::Mouth),
    code("D0330", "whole-jaw X-ray", "Pano", 140, Work::Xray, TreatmentArea::Mouth),
    code("D0340", "side X-ray of the head", "Ceph", 140, Work::Xray, TreatmentArea::Mouth),
    code("D0350", "mouth photo", "Photo", 55, Work::Xray, TreatmentArea::Mouth),
    code("D0364", "3-D scan, small field", "Scan", 330, Work::Xray, TreatmentArea::Mouth),
    code("D0367", "3-D scan, both jaws", "Scan2", 420, Work::Xray, TreatmentArea::Mouth),
    code("D0431", "screening of soft tissue", "Tissue", 65, Work::Exam, TreatmentArea::Mouth),
    code("D0460", "nerve test of teeth", "Pulp", 65, Work::Exam, TreatmentArea::Mouth),
    code("D0470", "study models", "Models", 130, Work::Exam, TreatmentArea::Mouth),
    code("D0601", "decay risk low", "RiskL", 20, Work::Exam, TreatmentArea::Mouth),
    code("D0602", "decay risk middling", "RiskM", 20, Work::Exam, TreatmentArea::Mouth),
    code("D0603", "decay risk high", "RiskH", 20, Work::Exam, TreatmentArea::Mouth),
    code("D1110", "adult cleaning", "Clean", 115, Work::Prevent, TreatmentArea::Mouth),
    code("D1120", "child cleaning", "ChClean", 85, Work::Prevent, TreatmentArea::Mouth),
    code("D1206", "brush-on fluoride", "FlVarn", 48, Work::Prevent, TreatmentArea::Mouth),
    code("D1208", "fluoride, other way", "Fl", 42, Work::Prevent, TreatmentArea::Mouth),
    code("D1310", "food advice for teeth", "Diet", 50, Work::Prevent, TreatmentArea::Mouth),
    code("D1320", "advice on giving up tobacco", "Tobac", 55, Work::Prevent, TreatmentArea::Mouth),
    code("D1330", "brushing lesson", "OHI", 45, Work::Prevent, TreatmentArea::Mouth),
    code("D1351", "chewing-groove seal, each tooth", "Seal", 65, Work::Prevent, TreatmentArea::Tooth),
    code("D1353", "groove seal mended", "SealFix", 45, Work::Prevent, TreatmentArea::Tooth),
    code("D1354", "decay-stop paint, each tooth", "Arrest", 50, Work::Prevent, TreatmentArea::Tooth),
    code("D1510", "space keeper, one side", "SpaceK", 330, Work::Prevent, TreatmentArea::Quad),
    code("D2140", "silver filling, 1 surface", "Am1", 165, Work::Filling, TreatmentArea::Surf),
    code("D2150", "silver filling, 2 surfaces", "Am2", 205, Work::Filling, TreatmentArea::Surf),
    code("D2160", "silver filling, 3 surfaces", "Am3", 245, Work::Filling, TreatmentArea::Surf),
    code("D2330", "front tooth filling, 1 surface", "FrC1", 195, Work::Filling, TreatmentArea::Surf),
    code("D2331", "front tooth filling, 2 surfaces", "FrC2", 240, Work::Filling, TreatmentArea::Surf),
    code("D2332", "front tooth filling, 3 surfaces", "FrC3", 290, Work::Filling, TreatmentArea::Surf),
    code("D2335", "front tooth filling, 4+ surfaces", "FrC4", 360, Work::Filling, TreatmentArea::Surf),
    code("D2391", "back tooth filling, 1 surface", "BkC1", 210, Work::Filling, TreatmentArea::Surf),
    code("D2392", "back tooth filling, 2 surfaces", "BkC2", 265, Work::Filling, TreatmentArea::Surf),
    code("D2393", "back tooth filling, 3 surfaces", "BkC3", 325, Work::Filling, TreatmentArea::Surf),
    code("D2394", "back tooth filling, 4+ surfaces", "BkC4", 385, Work::Filling, TreatmentArea::Surf),
    code("D2740", "all-ceramic crown", "CerCrn", 1350, Work::Crown, TreatmentArea::Tooth),
    code("D2750", "metal-ceramic crown, precious", "PFMCrn", 1300, Work::Crown, TreatmentArea::Tooth),
    code("D2751", "metal-ceramic crown, plain", "PFMBase", 1200, Work::Crown, TreatmentArea::Tooth),
    code("D2752", "metal-ceramic crown, noble", "PFMNob", 1280, Work::Crown, TreatmentArea::Tooth),
    code("D2790", "all-metal crown, precious", "GldCrn", 1300, Work::Crown, TreatmentArea::Tooth),
    code("D2910", "loose inlay put back", "InlayCm", 125, Work::Crown, TreatmentArea::Tooth),
    code("D2920", "loose crown put back", "Recem", 130, Work::Crown, TreatmentArea::Tooth),
    code("D2930", "steel crown, baby tooth", "SSC", 300, Work::Crown, TreatmentArea::Tooth),
    code("D2940", "soothing filling", "Sedat", 130, Work::Filling, TreatmentArea::Tooth),
    code("D2950", "foundation under a crown", "BU", 310, Work::Crown, TreatmentArea::Tooth),
    code("D2951", "pin in a tooth", "Pin", 80, Work::Filling, TreatmentArea::Tooth),
    code("D2954", "root post with foundation", "Post", 380, Work::Crown, TreatmentArea::Tooth),
    code("D2962", "porcelain facing", "Veneer", 1350, Work::Crown, TreatmentArea::Tooth),
    code("D2980", "crown mended", "CrnFix", 290, Work::Crown, TreatmentArea::Tooth),
    code("D3110", "nerve capped, direct", "CapDir", 95, Work::Root, TreatmentArea::Tooth),
    code("D3120", "nerve capped, indirect", "CapInd", 90, Work::Root, TreatmentArea::Tooth),
    code("D3220", "top of nerve taken out", "Pulpot", 230, Work::Root, TreatmentArea::Tooth),
    code("D3221", "nerve opened for relief", "Open", 240, Work::Root, TreatmentArea::Tooth),
    code("D3310", "root canal, front", "RCAnt", 850, Work::Root, TreatmentArea::Tooth),
    code("D3320", "root canal, premolar", "RCPre", 980, Work::Root, TreatmentArea::Tooth),
    code("D3330", "root canal, molar", "RCMol", 1200, Work::Root, TreatmentArea::Tooth),
    code("D3346", "root canal again, front", "ReAnt", 1050, Work::Root, TreatmentArea::Tooth),
    code("D3348", "root canal again, molar", "ReMol", 1450, Work::Root, TreatmentArea::Tooth),
    code("D4249", "more tooth laid bare", "CrnLen", 900, Work::Gum, TreatmentArea::Tooth),
    code("D4266", "barrier for new bone", "GTR", 720, Work::Gum, TreatmentArea::Tooth),
    code("D4273", "gum graft, own tissue", "Graft1", 1250, Work::Gum, TreatmentArea::Tooth),
    code("D4341", "deep cleaning, quarter mouth", "DeepQ", 290, Work::Gum, TreatmentArea::Quad),
    code("D4342", "deep cleaning, a few teeth", "DeepF", 215, Work::Gum, TreatmentArea::Quad),
    code("D4346", "cleaning of inflamed gums", "GingCl", 170, Work::Gum, TreatmentArea::Mouth),
    code("D4355", "heavy first clean-out", "Debri", 190, Work::Gum, TreatmentArea::Mouth),
    code("D4381", "gum pocket drug, each tooth", "GumDrg", 95, Work::Gum, TreatmentArea::Tooth),
    code("D4910", "gum upkeep visit", "GumUp", 165, Work::Gum, TreatmentArea::Mouth),
    code("D5110", "full upper denture", "UDent", 1900, Work::Denture, TreatmentArea::Arch),
    code("D5120", "full lower denture", "LDent", 1900, Work::Denture, TreatmentArea::Arch),
    code("D5211", "upper part-denture, resin", "UPartR", 1450, Work::Denture, TreatmentArea::Arch),
    code("D5212", "lower part-denture, resin", "LPartR", 1450, Work::Denture, TreatmentArea::Arch),
    code("D5213", "upper part-denture, metal", "UPart", 2000, Work::Denture, TreatmentArea::Arch),
    code("D5214", "lower part-denture, metal", "LPart", 2000, Work::Denture, TreatmentArea::Arch),
    code("D5410", "upper denture adjusted", "UAdj", 90, Work::Denture, TreatmentArea::Arch),
    code("D5411", "lower denture adjusted", "LAdj", 90, Work::Denture, TreatmentArea::Arch),
    code("D5640", "denture tooth replaced", "DToo", 230, Work::Denture, TreatmentArea::Tooth),
    code("D5730", "upper denture relined", "URel", 430, Work::Denture, TreatmentArea::Arch),
    code("D6010", "implant, surgery", "Impl", 2200, Work::Denture, TreatmentArea::Tooth),
    code("D6057", "post for implant crown", "Abut", 900, Work::Denture, TreatmentArea::Tooth),
    code("D6058", "implant, crown on it", "ImpCrn", 1600, Work::Denture, TreatmentArea::Tooth),
    code("D6240", "bridge, false tooth", "Pontic", 1250, Work::Denture, TreatmentArea::Tooth),
    code("D6750", "bridge, anchor crown", "Anchor", 1250, Work::Denture, TreatmentArea::Tooth),
    code("D6930", "loose bridge put back", "BrCem", 190, Work::Denture, TreatmentArea::Tooth),
    code("D7111", "rest of a baby tooth out", "BabyExt", 150, Work::Surgery, TreatmentArea::Tooth),
    code("D7140", "simple extraction", "Ext", 210, Work::Surgery, TreatmentArea::Tooth),
    code("D7210", "surgical extraction", "SurgExt", 330, Work::Surgery, TreatmentArea::Tooth),
    code("D7220", "impacted tooth, soft tissue", "ImpSoft", 390, Work::Surgery, TreatmentArea::Tooth),
    code("D7230", "impacted tooth, partly bony", "ImpPB", 450, Work::Surgery, TreatmentArea::Tooth),
    code("D7240", "impacted tooth, fully bony", "ImpFB", 540, Work::Surgery, TreatmentArea::Tooth),
    code("D7250", "root left behind taken out", "RootRem", 370, Work::Surgery, TreatmentArea::Tooth),
    code("D7310", "jaw smoothed with extractions", "Alveo", 420, Work::Surgery, TreatmentArea::Quad),
    code("D7510", "abscess opened", "I&D", 290, Work::Surgery, TreatmentArea::Tooth),
    code("D7953", "bone fill after extraction", "Graft", 650, Work::Surgery, TreatmentArea::Tooth),
    code("D9110", "emergency pain visit", "Pall", 140, Work::Other, TreatmentArea::Mouth),
    code("D9120", "bridge cut apart", "BrCut", 180, Work::Other, TreatmentArea::Tooth),
    code("D9215", "numbing", "Anes", 50, Work::Other, TreatmentArea::Mouth),
    code("D9230", "laughing gas", "N2O", 80, Work::Other, TreatmentArea::Mouth),
    code("D9310", "second-opinion visit", "Consult", 130, Work::Other, TreatmentArea::Mouth),
    code("D9440", "visit after hours", "After", 160, Work::Other, TreatmentArea::Mouth),
    code("D9630", "drugs for home use", "Drugs", 45, Work::Other, TreatmentArea::Mouth),
    code("D9910", "sensitive teeth treated", "Desens", 65, Work::Other, TreatmentArea::Mouth),
    code("D9930", "trouble after surgery", "Compl", 110, Work::Other, TreatmentArea::Mouth),
    code("D9944", "night guard", "Guard", 600, Work::Other, TreatmentArea::Mouth),
    code("D9951", "bite adjusted, a little", "OccAdj", 150, Work::Other, TreatmentArea::Mouth),
    code("D9975", "whitening trays", "Whiten", 320, Work::Other, TreatmentArea::Mouth),
    code("D9986", "missed visit", "Missed", 0, Work::Admin, TreatmentArea::Mouth),
    code("D9987", "visit cancelled late", "LateCx", 0, Work::Admin, TreatmentArea::Mouth),
    code("N0001", "finished work fitted", "Fit", 0, Work::Admin, TreatmentArea::Tooth),
    code("N0002", "denture or guard fitted", "FitDent", 0, Work::Admin, TreatmentArea::Mouth),
    code("N0003", "tooth to be watched", "Watch", 0, Work::Admin, TreatmentArea::Tooth),
    code("N0004", "worn edge", "Wear", 0, Work::Admin, TreatmentArea::Tooth),
    code("N0005", "gum drawn back", "Recess", 0, Work::Admin, TreatmentArea::Tooth),
    code("~GRP~", "note for several procedures", "Group", 0, Work::Admin, TreatmentArea::None),
];

/// Stands in for a code that does not exist; none of ours does.
const NONE: Service = code("", "", "", 0, Work::Admin, TreatmentArea::None);

/// The key and the facts of a code.
pub(crate) fn find(code: &str) -> (CodeKey, &'static Service) {
    let found = (1_i64..).zip(CODES).find(|(_, c)| c.code == code);
    found.map_or((CodeKey::default(), &NONE), |(num, code)| (CodeKey::from_num(num), code))
}

/// The facts of the code with this key.
pub(crate) fn of(key: CodeKey) -> &'static Service {
    usize::try_from(key.num() - 1).ok().and_then(|i| CODES.get(i)).unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_short_enough() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        for entry in CODES {
            let (key, found) = find(entry.code);
            assert_eq!((found.code, of(key).code), (entry.code, entry.code));
            assert!(entry.short.len() <= 8 && entry.wording.len() <= 50, "{}", entry.code);
        }
    }

    #[test]
    fn what_names_a_tooth() {
        for bare in ["D0120", "D0150", "D0272", "D0274", "D0330", "D1110", "D1120", "D1206", "D1208", "D4341"]
        {
            assert!(!find(bare).1.names_tooth(), "{bare}");
        }
        for tooth in ["D0220", "D1351", "D2392", "D3330", "D7140"] {
            assert!(find(tooth).1.names_tooth(), "{tooth}");
        }
        assert!(find("D4910").1.is_hygiene() && !find("D2740").1.is_hygiene());
    }
}

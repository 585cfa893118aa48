//! The practice itself: staff, chairs, working days, catalogue.

use bicuspid_model::{Date, DateTime};

use crate::arena::{ChairKey, Key, ProviderKey};
use crate::calendar::is_open;
use crate::codes::{CODES, Work};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::fees::{Fees, Schedule};
use crate::group::Location;
use crate::names;

/// A dentist or hygienist.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) key: ProviderKey,
    pub(crate) hygienist: bool,
    /// Whether it is a surgeon who comes in now and then.
    pub(crate) specialist: bool,
    pub(crate) chairs: Vec<ChairKey>,
    /// Account in the program.
    pub(crate) user: i64,
    /// Weekdays off, as bits from Monday, in even and in odd weeks.
    off: [u8; 2],
    first: &'static str,
    last: &'static str,
    pub(crate) npi: String,
}

impl Provider {
    /// Whether the provider works on that day.
    pub(crate) fn works(&self, day: Date) -> bool {
        let [even, odd] = self.off;
        let off = if day.days().div_euclid(7).rem_euclid(2) == 0 { even } else { odd };
        is_open(day) && off & (1 << day.weekday()) == 0
    }
}

/// Staff and chairs.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) providers: Vec<Provider>,
    /// Accounts of the front desk.
    pub(crate) desk: Vec<i64>,
    staff: Vec<(&'static str, &'static str)>,
    /// Number of chairs.
    pub(crate) chairs: i64,
}

/// Weekdays off of the dentists of a place that has several, in even and in odd weeks: never all on the same day, most on
/// Fridays.
const DENTISTS_OFF: [[u8; 2]; 4] = [[4, 0], [2, 4], [4, 1], [3, 4]];
/// The same for hygienists.
const HYGIENISTS_OFF: [[u8; 2]; 4] = [[4, 2], [0, 4], [1, 3], [4, 0]];

impl Office {
    /// Staffs a location: a dentist for 2,500 patients on file, a hygienist for 1,670, and for every two to four dentists
    /// a surgeon on one day in two weeks.
    pub(crate) fn new(location: &Location, draw: &mut Draw) -> Self {
        let patients = location.settings.patients;
        let dentists = patients.div_ceil(2500).max(1);
        let hygienists = patients.div_ceil(1670).max(1);
        let specialists = if dentists > 1 { dentists.div_ceil(4) } else { 0 };
        let desk_count = i64::from(dentists) + 1;
        let desk: Vec<i64> = (2..2 + desk_count).collect();
        let mut providers = Vec::new();
        let mut chairs = 0;
        for number in 0..dentists + hygienists + specialists {
            let hygienist = (dentists..dentists + hygienists).contains(&number);
            let specialist = number >= dentists + hygienists;
            let own = if hygienist { 1 } else { 2 };
            let key = ProviderKey::from_num(i64::try_from(providers.len()).unwrap_or_default() + 1);
            let female = draw.chance(if hygienist { 950 } else { 380 });
            let chairs_here: Vec<ChairKey> = if specialist {
                // A visiting surgeon takes the chairs of the first of four dentists, who leaves them free that day.
                let host = usize::try_from((number - dentists - hygienists) * 4).unwrap_or_default();
                providers.get(host).map(|p: &Provider| p.chairs.clone()).unwrap_or_default()
            } else {
                chairs += own;
                (chairs - own + 1..=chairs).map(ChairKey::from_num).collect()
            };
            providers.push(Provider {
                key,
                hygienist,
                specialist,
                chairs: chairs_here,
                user: 1 + desk_count + key.num(),
                off: days_off(number, dentists, hygienist, specialist),
                first: names::first_name(draw, female, false),
                last: names::surname(draw),
                npi: npi(draw, location, key),
            });
        }
        let staff =
            desk.iter().map(|_| (names::first_name(draw, true, false), names::surname(draw))).collect();
        Self { providers, desk, staff, chairs }
    }

    /// The provider with this key.
    pub(crate) fn provider(&self, key: ProviderKey) -> Result<&Provider, PracticeError> {
        let position = usize::try_from(key.num() - 1).ok();
        position.and_then(|p| self.providers.get(p)).ok_or(PracticeError::Fault("provider"))
    }

    /// A dentist, or a hygienist, chosen for a new patient.
    pub(crate) fn any(&self, draw: &mut Draw, hygienist: bool) -> ProviderKey {
        let fits = |p: &&Provider| p.hygienist == hygienist && !p.specialist;
        let keys: Vec<_> = self.providers.iter().filter(fits).map(|p| p.key).collect();
        draw.pick(&keys)
    }

    /// The surgeon to whom a provider sends patients, if any comes.
    pub(crate) fn specialist(&self, beside: ProviderKey) -> Option<ProviderKey> {
        let keys: Vec<ProviderKey> = self.providers.iter().filter(|p| p.specialist).map(|p| p.key).collect();
        // Each dentist sends patients to one of them.
        let number = usize::try_from(beside.num()).unwrap_or_default().checked_rem(keys.len())?;
        keys.get(number).copied()
    }

    /// The dentist who makes the exams on that day: the patient's own, or another one who works.
    pub(crate) fn dentist_on(&self, day: Date, own: ProviderKey) -> ProviderKey {
        let works = |p: &&Provider| !p.hygienist && !p.specialist && p.works(day);
        let mut there = self.providers.iter().filter(works);
        if there.clone().any(|p| p.key == own) { own } else { there.next().map_or(own, |p| p.key) }
    }

    /// Somebody of the office who is not at the desk: whoever enters what insurers pay.
    pub(crate) fn bookkeeper(&self) -> i64 {
        self.desk.first().copied().unwrap_or(1)
    }

    /// Hands out the rows of the setup tables.
    pub(crate) fn emit(
        &self,
        out: &mut Emitter<'_>,
        fees: &Fees,
        stamp: DateTime,
        location: &Location,
    ) -> Result<(), PracticeError> {
        crate::definitions::emit(out, stamp, location.settings.preset)?;
        self.emit_clinic(out, stamp, location)?;
        self.emit_staff(out, stamp, location)?;
        for provider in self.providers.iter().filter(|p| !p.specialist) {
            for chair in &provider.chairs {
                let (dentist, hygienist) = if provider.hygienist {
                    (self.providers.first().map_or(provider.key, |p| p.key), provider.key)
                } else {
                    (provider.key, ProviderKey::default())
                };
                out.row(Rows::Operatory, stamp, |r| {
                    r.set("OperatoryNum", *chair)
                        .set("OpName", format!("Chair {}", chair.num()))
                        .set("Abbrev", format!("C{}", chair.num()))
                        .set("ItemOrder", chair.num() - 1)
                        .set("ProvDentist", dentist)
                        .set("ProvHygienist", hygienist)
                        .set("IsHygiene", provider.hygienist);
                })?;
            }
        }
        for (num, code) in (1_i64..).zip(CODES) {
            out.row(Rows::ProcedureCode, stamp, |r| {
                r.set("CodeNum", num)
                    .set("ProcCode", code.code)
                    .set("Descript", code.wording)
                    .set("AbbrDesc", code.short)
                    .set("ProcTime", "/X/")
                    .set("ProcCat", Definition::of_work(code.work))
                    .set("TreatArea", code.area.stored())
                    .set("NoBillIns", code.work == Work::Admin)
                    .set("IsProsth", matches!(code.work, Work::Crown | Work::Denture))
                    .set("IsHygiene", code.is_hygiene())
                    .set("LaymanTerm", code.wording)
                    .set("IsRadiology", code.work == Work::Xray);
            })?;
        }
        fees.emit(out, stamp)
    }

    /// Clinics exist in the database only where there are several.
    fn emit_clinic(
        &self,
        out: &mut Emitter<'_>,
        stamp: DateTime,
        location: &Location,
    ) -> Result<(), PracticeError> {
        if !location.is_one_of_many() {
            return Ok(());
        }
        let own = location.clinic();
        let num = location.numbering.key(own);
        let place = usize::try_from(num - 1).unwrap_or_default();
        let (town, zip) = names::town_of(place);
        let dentist = self.providers.first().map(|p| p.key).unwrap_or_default();
        out.row(Rows::Clinic, stamp, |r| {
            r.set("ClinicNum", own)
                .set("Description", format!("{town} {num}"))
                .set("Address", format!("{} {}", 100 + num, names::street_of(place)))
                .set("City", town)
                .set("State", names::STATE)
                .set("Zip", zip)
                .set("Phone", format!("(503)555-01{:02}", num % 100))
                .set("DefaultProv", dentist)
                .set("InsBillingProv", dentist)
                .set("ItemOrder", num - 1)
                .set("Abbr", format!("L{num}"));
        })
    }

    fn emit_staff(
        &self,
        out: &mut Emitter<'_>,
        stamp: DateTime,
        location: &Location,
    ) -> Result<(), PracticeError> {
        let numbering = location.numbering;
        let user = |out: &mut Emitter<'_>, num: i64, name: String, employee: i64, provider: ProviderKey| {
            out.row(Rows::UserOd, stamp, |r| {
                // The password stays empty: nobody can log in to a demo with it.
                r.set("UserNum", num)
                    .set("UserName", name)
                    .set("EmployeeNum", employee)
                    .set("ProvNum", provider);
            })
        };
        user(out, 1, location.named("admin"), 0, ProviderKey::default())?;
        for (employee, (num, (first, last))) in (1_i64..).zip(self.desk.iter().zip(&self.staff)) {
            out.row(Rows::Employee, stamp, |r| {
                r.set("EmployeeNum", employee).set("LName", *last).set("FName", *first);
            })?;
            user(out, *num, format!("desk{}", numbering.key(employee)), employee, ProviderKey::default())?;
        }
        for provider in &self.providers {
            let kind = match provider {
                Provider { hygienist: true, .. } => "HYG",
                Provider { specialist: true, .. } => "SUR",
                _ => "DOC",
            };
            let number = numbering.key(provider.key.num());
            out.row(Rows::Provider, stamp, |r| {
                r.set("ProvNum", provider.key)
                    .set("Abbr", format!("{kind}{number}"))
                    .set("ItemOrder", provider.key.num() - 1)
                    .set("LName", provider.last)
                    .set("FName", provider.first)
                    .set("Suffix", if provider.hygienist { "RDH" } else { "DMD" })
                    .set("FeeSched", Schedule::Office.num())
                    .set(
                        "Specialty",
                        match provider {
                            Provider { hygienist: true, .. } => Definition::HYGIENE,
                            Provider { specialist: true, .. } => Definition::SURGERY,
                            _ => Definition::GENERAL,
                        },
                    )
                    .set("SSN", format!("00{:07}", 1_000_000 + number))
                    .set("StateLicense", format!("ZZ{number:06}"))
                    .set("IsSecondary", provider.hygienist)
                    .set("ProvColor", -1_i64)
                    .set("UsingTIN", true)
                    .set("SigOnFile", true)
                    .set("OutlineColor", -16_777_216_i64)
                    .set("NationalProvID", provider.npi.clone());
            })?;
            let name = format!("{}{number}", kind.to_lowercase());
            user(out, provider.user, name, 0, provider.key)?;
        }
        Ok(())
    }
}

/// Weekdays off, as bits from Monday, in even and in odd weeks.
fn days_off(number: u32, dentists: u32, hygienist: bool, specialist: bool) -> [u8; 2] {
    if specialist {
        // Comes on every other Friday, when the first dentist is off.
        return [0b1111, 0b1_1111];
    }
    // One dentist: closed on every other Friday, and hygienists keep the same days, so that an exam can always be made.
    if dentists == 1 {
        return [0b1_0000, 0];
    }
    let (pattern, number) =
        if hygienist { (HYGIENISTS_OFF, number - dentists) } else { (DENTISTS_OFF, number) };
    let position = usize::try_from(number).unwrap_or_default() % pattern.len();
    pattern.get(position).map_or([0, 0], |days| days.map(|day| 1 << day))
}

/// Provider identifiers that there are to choose from, and the step from one provider of a group to the next: it has no
/// factor in common with them, so all are used before one comes again.
const NPIS: u32 = 100_000_000;
const NPI_STEP: u64 = 61_803_399;

/// A provider identifier that was never issued: it begins with 2 (all that exist begin with 1) and has a valid check
/// digit (Luhn's, over the prefix 80840 and the first nine digits). In a group, whose providers are many, no two share one.
fn npi(draw: &mut Draw, location: &Location, key: ProviderKey) -> String {
    let mut digits = vec![2_u32];
    digits.extend((0..8).map(|_| draw.below(10)));
    if location.is_one_of_many() {
        let first = location.group_draw(Location::PROVIDERS).below(NPIS);
        let number = u64::try_from(location.numbering.key(key.num())).unwrap_or_default();
        let mut rest = (u64::from(first) + number.wrapping_mul(NPI_STEP)) % u64::from(NPIS);
        for digit in digits.iter_mut().skip(1) {
            *digit = u32::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
    }
    // 24 is what the prefix adds.
    let sum = digits.iter().rev().enumerate().fold(24, |sum, (i, digit)| {
        let doubled = if i % 2 == 0 { digit * 2 } else { *digit };
        sum + doubled / 10 + doubled % 10
    });
    digits.push((10 - sum % 10) % 10);
    digits.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    fn office(patients: u32) -> Office {
        let mut only = crate::group::tests::only();
        only.settings.patients = patients;
        Office::new(&only, &mut Draw::new(1, Stream::Office, 0, 0))
    }

    #[test]
    fn staff_grows_with_patients() {
        for (patients, providers, chairs) in [(1, 2, 3), (300, 2, 3), (5000, 6, 7), (50_000, 55, 70)] {
            let office = office(patients);
            assert_eq!((office.providers.len(), office.chairs), (providers, chairs), "{patients}");
        }
    }

    #[test]
    fn a_dentist_works_whenever_a_hygienist_does() {
        for patients in [300, 3000, 5000, 20_000] {
            let office = office(patients);
            for days in 9000..9400 {
                let day = Date::from_days(days);
                let works =
                    |hygienist| office.providers.iter().any(|p| p.hygienist == hygienist && p.works(day));
                assert!(!works(true) || works(false), "{patients} {day}");
                if works(true) {
                    let dentist = office.dentist_on(day, ProviderKey::from_num(1));
                    assert!(office.provider(dentist).unwrap().works(day));
                }
            }
        }
    }

    #[test]
    fn nobody_takes_a_chair_while_its_dentist_works() {
        for (patients, expected) in [(15_000, 2), (5_000, 1)] {
            let office = office(patients);
            for surgeon in office.providers.iter().filter(|p| p.specialist) {
                let mut days = 0;
                for day in (9000..9400).map(Date::from_days).filter(|day| surgeon.works(*day)) {
                    days += 1;
                    let chairs =
                        |p: &&Provider| !p.specialist && p.chairs.iter().any(|c| surgeon.chairs.contains(c));
                    assert!(office.providers.iter().filter(chairs).all(|p| !p.works(day)));
                }
                assert!(days > 20);
            }
            // Two for six dentists, one for two.
            assert_eq!(office.providers.iter().filter(|p| p.specialist).count(), expected);
        }
    }

    #[test]
    fn identifiers_check_out_and_were_never_issued() {
        let mut draw = Draw::new(1, Stream::Office, 0, 9);
        let only = crate::group::tests::only();
        let group = crate::settings::Settings { locations: 30, ..only.settings };
        let mut seen = std::collections::BTreeSet::new();
        let places = (0..30).map(|number| Location::new(group, number));
        let of_group = places.flat_map(|place| (1..=40).map(move |number| (place, number)));
        for (place, number) in (1..=200).map(|number| (only, number)).chain(of_group) {
            let npi = npi(&mut draw, &place, ProviderKey::from_num(number));
            assert!(!place.is_one_of_many() || seen.insert(npi.clone()), "{npi} is another's");
            assert!(npi.len() == 10 && npi.starts_with('2'));
            let sum: u32 = format!("80840{npi}")
                .bytes()
                .rev()
                .enumerate()
                .map(|(i, b)| {
                    let n = u32::from(b - b'0') * if i % 2 == 1 { 2 } else { 1 };
                    n / 10 + n % 10
                })
                .sum();
            assert_eq!(sum % 10, 0, "{npi}");
        }
    }
}

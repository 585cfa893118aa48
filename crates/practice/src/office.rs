//! The practice itself: staff, chairs, working days, catalogue.

use bicuspid_model::{Date, DateTime};
use bicuspid_opendental::enums::FeeScheduleType;

use crate::arena::{ChairKey, Key, ProviderKey};
use crate::calendar::is_open;
use crate::codes::{CODES, Work};
use crate::definitions::Definition;
use crate::draw::Draw;
use crate::emit::{Emitter, Rows};
use crate::error::PracticeError;
use crate::fees::{Fees, Schedule};
use crate::names;

/// A dentist or hygienist.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) key: ProviderKey,
    pub(crate) hygienist: bool,
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

impl Office {
    /// Staffs an office for so many patients: a dentist for 1,700, a hygienist for 1,100.
    pub(crate) fn new(patients: u32, draw: &mut Draw) -> Self {
        let dentists = patients.div_ceil(1700).max(1);
        let hygienists = patients.div_ceil(1100).max(1);
        let desk_count = i64::from(dentists) + 1;
        let desk: Vec<i64> = (2..2 + desk_count).collect();
        let mut providers = Vec::new();
        let mut chairs = 0;
        for number in 0..dentists + hygienists {
            let hygienist = number >= dentists;
            let own = if hygienist { 1 } else { 2 };
            let key = ProviderKey::from_num(i64::from(number) + 1);
            // One dentist: closed on every other Friday, and hygienists keep the same days, so that an exam can always
            // be made. Several: each has a day off, never all of them the same.
            let off = if dentists == 1 {
                [0b1_0000, 0]
            } else {
                let day = 1 << ((number * 2 + u32::from(hygienist)) % 5);
                [day, day]
            };
            let female = draw.chance(if hygienist { 950 } else { 380 });
            providers.push(Provider {
                key,
                hygienist,
                chairs: (chairs + 1..=chairs + own).map(ChairKey::from_num).collect(),
                user: 1 + desk_count + key.num(),
                off,
                first: names::first_name(draw, female, false),
                last: names::surname(draw),
                npi: npi(draw),
            });
            chairs += own;
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
        let keys: Vec<_> =
            self.providers.iter().filter(|p| p.hygienist == hygienist).map(|p| p.key).collect();
        draw.pick(&keys)
    }

    /// The dentist who makes the exams on that day: the patient's own, or another one who works.
    pub(crate) fn dentist_on(&self, day: Date, own: ProviderKey) -> ProviderKey {
        let works = |p: &&Provider| !p.hygienist && p.works(day);
        let mut there = self.providers.iter().filter(works);
        if there.clone().any(|p| p.key == own) { own } else { there.next().map_or(own, |p| p.key) }
    }

    /// Hands out the rows of the setup tables.
    pub(crate) fn emit(
        &self,
        out: &mut Emitter<'_>,
        fees: &Fees,
        stamp: DateTime,
    ) -> Result<(), PracticeError> {
        crate::definitions::emit(out, stamp)?;
        self.emit_staff(out, stamp)?;
        for provider in &self.providers {
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
        for schedule in Schedule::ALL {
            out.row(Rows::FeeSched, stamp, |r| {
                r.set("FeeSchedNum", schedule.num())
                    .set("Description", schedule.name())
                    .set("FeeSchedType", FeeScheduleType::Normal.stored())
                    .set("ItemOrder", schedule.num() - 1)
                    .set("IsGlobal", true)
                    .set("SecUserNumEntry", 1_i64)
                    .set("SecDateEntry", stamp.date());
            })?;
        }
        fees.emit(out, stamp)
    }

    fn emit_staff(&self, out: &mut Emitter<'_>, stamp: DateTime) -> Result<(), PracticeError> {
        let user = |out: &mut Emitter<'_>, num: i64, name: String, employee: i64, provider: ProviderKey| {
            out.row(Rows::UserOd, stamp, |r| {
                // The password stays empty: nobody can log in to a demo with it.
                r.set("UserNum", num)
                    .set("UserName", name)
                    .set("EmployeeNum", employee)
                    .set("ProvNum", provider);
            })
        };
        user(out, 1, "admin".to_owned(), 0, ProviderKey::default())?;
        for (employee, (num, (first, last))) in (1_i64..).zip(self.desk.iter().zip(&self.staff)) {
            out.row(Rows::Employee, stamp, |r| {
                r.set("EmployeeNum", employee).set("LName", *last).set("FName", *first);
            })?;
            user(out, *num, format!("desk{employee}"), employee, ProviderKey::default())?;
        }
        for provider in &self.providers {
            let kind = if provider.hygienist { "HYG" } else { "DOC" };
            out.row(Rows::Provider, stamp, |r| {
                r.set("ProvNum", provider.key)
                    .set("Abbr", format!("{kind}{}", provider.key.num()))
                    .set("ItemOrder", provider.key.num() - 1)
                    .set("LName", provider.last)
                    .set("FName", provider.first)
                    .set("Suffix", if provider.hygienist { "RDH" } else { "DMD" })
                    .set("FeeSched", Schedule::Office.num())
                    .set(
                        "Specialty",
                        if provider.hygienist { Definition::HYGIENE } else { Definition::GENERAL },
                    )
                    .set("SSN", format!("00{:07}", 1_000_000 + provider.key.num()))
                    .set("StateLicense", format!("ZZ{:06}", provider.key.num()))
                    .set("IsSecondary", provider.hygienist)
                    .set("ProvColor", -1_i64)
                    .set("UsingTIN", true)
                    .set("SigOnFile", true)
                    .set("OutlineColor", -16_777_216_i64)
                    .set("NationalProvID", provider.npi.clone());
            })?;
            let name = format!("{}{}", kind.to_lowercase(), provider.key.num());
            user(out, provider.user, name, 0, provider.key)?;
        }
        Ok(())
    }
}

/// A provider identifier that was never issued: it begins with 2 (all that exist begin with 1) and has a valid check
/// digit (Luhn's, over the prefix 80840 and the first nine digits).
fn npi(draw: &mut Draw) -> String {
    let mut digits = vec![2_u32];
    digits.extend((0..8).map(|_| draw.below(10)));
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
        Office::new(patients, &mut Draw::new(1, Stream::Office, 0, 0))
    }

    #[test]
    fn staff_grows_with_patients() {
        for (patients, providers, chairs) in [(1, 2, 3), (300, 2, 3), (5000, 8, 11)] {
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
    fn identifiers_check_out_and_were_never_issued() {
        let mut draw = Draw::new(1, Stream::Office, 0, 9);
        for _ in 0..200 {
            let npi = npi(&mut draw);
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

//! The people who work here: assistants, accounts, groups and what each group may do.

use bicuspid_model::{DateTime, Value};
use bicuspid_opendental::facts;

use crate::arena::Key;
use crate::draw::Stream;
use crate::emit::Rows;
use crate::error::PracticeError;
use crate::names;
use crate::world::World;

/// Groups of accounts, in the order of the list.
const ADMINISTRATORS: i64 = 1;
const DENTISTS: i64 = 2;
const HYGIENISTS: i64 = 3;
const DESK: i64 = 4;
const ASSISTANTS: i64 = 5;

/// Permissions of everybody: the modules, and everyday notes. Numbers of `EnumPermType`.
const EVERYBODY: &[i64] = &[1, 2, 3, 4, 5, 6, 7, 22, 43, 62, 66, 70, 80, 84, 85, 105, 133, 193, 217, 218];
/// Permissions of whoever treats, besides.
const CLINICAL: &[i64] = &[9, 10, 23, 38, 45, 53, 71, 72, 73, 76, 100, 146, 162, 185, 188, 202];
/// Permissions of the front desk, besides.
const FRONT: &[i64] = &[
    12, 13, 15, 17, 25, 26, 27, 30, 36, 54, 56, 58, 104, 106, 108, 109, 112, 113, 120, 128, 130, 131, 156,
    169,
];

/// Kinds of preference of a user, numbers of `UserOdFkeyType`, with the key and the value that they hold.
const TASTES: &[(i64, i64, &str)] = &[
    (0, 133, "1"),
    (3, 775, "1"),
    (8, 0, "1"),
    (9, 0, "0"),
    (17, 0, "Original"),
    (21, 0, "0"),
    (23, 0, "1"),
];

/// Everybody who works here.
#[derive(Debug, Default)]
pub(crate) struct Staff {
    /// Employees who clock in, by key.
    pub(crate) employees: Vec<i64>,
    /// Accounts of assistants.
    pub(crate) assistants: Vec<i64>,
    /// Every account.
    pub(crate) users: Vec<i64>,
}

impl World<'_> {
    /// Writes the assistants, and accounts with their groups, permissions and habits.
    pub(crate) fn hire(&mut self, stamp: DateTime) -> Result<(), PracticeError> {
        let desk = self.office.desk.clone();
        let providers: Vec<(i64, bool)> =
            self.office.providers.iter().map(|p| (p.user, p.hygienist)).collect();
        let dentists = providers.iter().filter(|(_, hygienist)| !hygienist).count();
        let mut staff = Staff { users: vec![1], ..Staff::default() };
        staff.users.extend(&desk);
        staff.users.extend(providers.iter().map(|(user, _)| user));
        let mut employee = i64::try_from(desk.len()).unwrap_or_default();
        staff.employees = (1..=employee).collect();
        let mut user = staff.users.iter().copied().max().unwrap_or_default();
        let mut draw = self.paper(Stream::Staff, 0, 0);
        let numbering = self.out.numbering();
        for number in 1..=i64::try_from(dentists * 9 / 5).unwrap_or(1).max(1) {
            employee += 1;
            user += 1;
            let female = draw.chance(900);
            let (first, last) = (names::first_name(&mut draw, female, false), names::surname(&mut draw));
            self.out.row(Rows::Employee, stamp, |r| {
                r.set("EmployeeNum", employee).set("LName", last).set("FName", first);
            })?;
            self.out.row(Rows::UserOd, stamp, |r| {
                r.set("UserNum", user)
                    .set("UserName", format!("assist{}", numbering.key(number)))
                    .set("EmployeeNum", employee);
            })?;
            staff.employees.push(employee);
            staff.assistants.push(user);
            staff.users.push(user);
        }
        let mut groups = vec![(1, ADMINISTRATORS)];
        groups.extend(desk.iter().map(|user| (*user, DESK)));
        groups.extend(
            providers.iter().map(|(user, hygienist)| (*user, if *hygienist { HYGIENISTS } else { DENTISTS })),
        );
        groups.extend(staff.assistants.iter().map(|user| (*user, ASSISTANTS)));
        self.emit_groups(stamp, &groups)?;
        self.emit_habits(stamp, &groups)?;
        self.emit_certificates(stamp, &staff.employees)?;
        self.life.staff = staff;
        Ok(())
    }

    fn emit_groups(&mut self, stamp: DateTime, groups: &[(i64, i64)]) -> Result<(), PracticeError> {
        for (user, group) in groups {
            self.out.add(Rows::UserGroupAttach, stamp, |r| {
                r.set("UserNum", *user).set("UserGroupNum", *group);
            })?;
        }
        let all: Vec<i64> = facts()
            .enumeration("EnumPermType")
            .map(|e| e.members().filter_map(|(stored, _)| stored.parse().ok()).filter(|n| *n != 0).collect())
            .unwrap_or_default();
        let of = |group: i64| -> Vec<i64> {
            match group {
                ADMINISTRATORS => all.clone(),
                DESK => [EVERYBODY, FRONT].concat(),
                _ => [EVERYBODY, CLINICAL].concat(),
            }
        };
        for group in [ADMINISTRATORS, DENTISTS, HYGIENISTS, DESK, ASSISTANTS] {
            for permission in of(group) {
                self.out.add(Rows::GroupPermission, stamp, |r| {
                    r.set("UserGroupNum", group).set("PermType", permission);
                })?;
            }
        }
        Ok(())
    }

    /// What each account was last looking at and how it likes the program, and which alerts it is shown.
    fn emit_habits(&mut self, stamp: DateTime, groups: &[(i64, i64)]) -> Result<(), PracticeError> {
        for (user, group) in groups {
            let view = match *group {
                DENTISTS => 2_i64,
                HYGIENISTS => 3,
                _ => 1,
            };
            self.out.add(Rows::UserOdApptView, stamp, |r| {
                r.set("UserNum", *user).set("ApptViewNum", view);
            })?;
            for (kind, key, value) in TASTES {
                self.out.add(Rows::UserOdPref, stamp, |r| {
                    r.set("UserNum", *user)
                        .set("Fkey", *key)
                        .set("FkeyType", *kind)
                        .set("ValueString", *value);
                })?;
            }
            for category in if *group == ADMINISTRATORS { 1..=3_i64 } else { 3..=3 } {
                self.out.add(Rows::AlertSub, stamp, |r| {
                    r.set("UserNum", *user).set("AlertCategoryNum", category);
                })?;
            }
            if *group == DESK {
                for alert in 1..=2_i64 {
                    self.out.add(Rows::AlertRead, stamp, |r| {
                        r.set("AlertItemNum", alert).set("UserNum", *user);
                    })?;
                }
            }
        }
        for rule in [0_i64, 1] {
            self.out.add(Rows::TimeCardRule, stamp, |r| {
                r.set("EmployeeNum", rule).set("OverHoursPerDay", Value::Time(8 * 3_600_000_000));
            })?;
        }
        for provider in &self.office.providers {
            let number = self.out.numbering().key(provider.key.num());
            self.out.add(Rows::ProviderErx, stamp, |r| {
                r.set("NationalProviderID", provider.npi.clone())
                    .set("IsEnabled", i64::from(!provider.hygienist))
                    .set("IsIdentifyProofed", !provider.hygienist)
                    .set("UserId", format!("ZZ{number}"));
            })?;
        }
        Ok(())
    }

    /// What employees have learnt and when.
    fn emit_certificates(&mut self, stamp: DateTime, employees: &[i64]) -> Result<(), PracticeError> {
        const CERTIFICATES: &[&str] = &[
            "Resuscitation",
            "Infection control",
            "Radiation safety",
            "Privacy",
            "Fire safety",
            "Sterile room",
        ];
        for (order, name) in (0_i64..).zip(CERTIFICATES) {
            let certificate = self.out.add(Rows::Cert, stamp, |r| {
                r.set("Description", *name).set("ItemOrder", order).set("CertCategoryNum", 794_i64);
            })?;
            for employee in employees {
                let mut draw =
                    self.paper(Stream::Staff, *employee, u64::try_from(certificate).unwrap_or_default());
                if draw.chance(850) {
                    let day = stamp.date().plus_days(-draw.between(20, 700));
                    self.out.add(Rows::CertEmployee, stamp, |r| {
                        r.set("CertNum", certificate)
                            .set("EmployeeNum", *employee)
                            .set("DateCompleted", day)
                            .set("UserNum", 1_i64);
                    })?;
                }
            }
        }
        Ok(())
    }
}

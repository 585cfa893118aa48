//! A group of locations: each has a history of its own, a pure function of the settings and of its number.
//!
//! The locations share a database and the lists that a group sets up once. Everything else is a location's own, chance
//! included, so any of them can be made without the others.
//!
//! Rows are numbered in each location from 1. In the database the numbers of `n` locations lie between each other, as on
//! `n` servers of which each adds `n` to its last number and begins at its own: they are unique, and the same whichever
//! locations are made together.

use crate::draw::{Draw, Stream};
use crate::settings::Settings;

/// How the rows of a location are numbered in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// Locations of the group.
    of: u32,
    /// Number of the location, counted from 0.
    location: u32,
}

impl Numbering {
    /// The numbering of a location.
    pub(crate) const fn new(location: u32, of: u32) -> Self {
        Self { of, location }
    }

    /// Whether numbers stay what they are.
    pub(crate) const fn is_plain(self) -> bool {
        self.of <= 1
    }

    /// The key in the database of the row with that number; what is no number of a row, 0 and below, stays.
    pub(crate) fn key(self, number: i64) -> i64 {
        if self.is_plain() || number <= 0 {
            return number;
        }
        (number - 1).saturating_mul(i64::from(self.of)).saturating_add(i64::from(self.location) + 1)
    }
}

/// One location as its history sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location {
    /// What the location is made from: its share of the patients, and its own seed.
    pub(crate) settings: Settings,
    /// How its rows are numbered.
    pub(crate) numbering: Numbering,
    /// Seed of what is the same everywhere in the group.
    pub(crate) group_seed: u64,
    /// Patients of the largest location: the payers that a location knows are the same everywhere.
    pub(crate) patients_most: u32,
}

impl Location {
    /// What [`Self::group_draw`] is asked about.
    pub(crate) const FEES: u64 = 2;
    pub(crate) const PROVIDERS: u64 = 3;

    /// The location with that number, counted from 0.
    pub(crate) fn new(settings: Settings, number: u32) -> Self {
        let Settings { seed, locations, .. } = settings;
        let own = Settings {
            patients: settings.patients_at(number),
            // One location is the practice itself.
            seed: if locations > 1 {
                Draw::new(seed, Stream::Group, u64::from(number), 1).word()
            } else {
                seed
            },
            ..settings
        };
        Self {
            settings: own,
            numbering: Numbering::new(number, locations),
            group_seed: seed,
            patients_most: settings.patients_at(0),
        }
    }

    /// Whether it belongs to a group.
    pub(crate) const fn is_one_of_many(&self) -> bool {
        !self.numbering.is_plain()
    }

    /// Whether it writes the lists of the group.
    pub(crate) const fn is_first(&self) -> bool {
        self.numbering.location == 0
    }

    /// Its number in the database as a row of its own names it, before it is numbered; 0 where there is only one.
    pub(crate) fn clinic(&self) -> i64 {
        i64::from(self.is_one_of_many())
    }

    /// A name that each location gives once, made its own: the first location's is the plain one.
    pub(crate) fn named(&self, name: &str) -> String {
        if self.is_first() { name.to_owned() } else { format!("{name}{}", self.numbering.location + 1) }
    }

    /// Chance about what is the same everywhere in the group.
    pub(crate) fn group_draw(&self, question: u64) -> Draw {
        Draw::new(self.group_seed, Stream::Group, 0, question)
    }
}

/// Tables that hold the lists of a group: the first location writes them, under their own numbers, and every location
/// refers to them. Sorted.
#[rustfmt::skip]
const LISTS: &[&str] = &[
    "account", "alertcategory", "alertcategorylink", "alertitem", "allergydef", "appointmentrule", "appointmenttype",
    "apptfielddef", "apptreminderrule", "apptview", "autocode", "autocodecond", "autocodeitem", "automation", "autonote",
    "autonotecontrol", "carrier", "cert", "chartview", "claimform", "claimformitem", "clearinghouse", "codegroup",
    "contact", "covcat", "covspan", "definition", "diseasedef", "displayfield", "displayreport", "eclipboardsheetdef",
    "electid", "emailaddress", "emailautograph", "emailtemplate", "employer", "equipment", "fee", "feesched",
    "grouppermission", "imagingdevice", "insbluebookrule", "insfilingcode", "laboratory", "labturnaround", "language",
    "letter", "medication", "mobileappdevice", "mountdef", "mountitemdef", "patfielddef", "patfieldpickitem",
    "payperiod", "payterminal", "pharmacy", "pharmclinic", "preference", "procapptcolor", "procbutton",
    "procbuttonitem", "procbuttonquick", "proccodenote", "procedurecode", "program", "programproperty",
    "providerident", "quickpastecat", "quickpastenote", "recalltrigger", "recalltype", "referral", "requiredfield",
    "rxalert", "rxdef", "rxnorm", "scheduledprocess", "sheetdef", "sheetfielddef", "sigbutdef", "sigelementdef",
    "smsphone", "stateabbr", "supplier", "supply", "tasklist", "timecardrule", "toolbutitem", "updatehistory",
    "usergroup", "userquery", "wikipage", "zipcode",
];

/// Whether the table holds a list of the group.
pub(crate) fn is_list(table: &str) -> bool {
    LISTS.binary_search(&table).is_ok()
}

/// Columns that hold the number of a location's own row, though no table is named that they point to: what they are
/// about depends on the row. Sorted.
const ABOUT_OWN_ROWS: &[(&str, &str)] = &[
    ("apptremindersent", "MessageFk"),
    ("confirmationrequest", "MessageFk"),
    ("entrylog", "FKey"),
    ("eservicelog", "FKey"),
    ("inseditlog", "FKey"),
    ("inseditpatlog", "FKey"),
    ("inseditpatlog", "ParentKey"),
    ("insverify", "FKey"),
    ("insverifyhist", "FKey"),
    ("securitylog", "FKey"),
    ("statementprod", "FKey"),
    ("task", "KeyNum"),
];

/// Whether the column holds the number of a location's own row, for a column of which no reference is known.
pub(crate) fn is_about_own_rows(table: &str, column: &str) -> bool {
    ABOUT_OWN_ROWS.binary_search(&(table, column)).is_ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use bicuspid_model::Date;

    use super::*;

    /// The only location of a practice.
    pub(crate) fn only() -> Location {
        let as_of = Date::from_ymd(2026, 3, 2).unwrap();
        Location::new(Settings::new(300, 1, as_of), 0)
    }

    #[test]
    fn numbers_lie_between_each_other() {
        let numbers = |location| (1..=3).map(move |number| Numbering::new(location, 3).key(number));
        let mut all: Vec<i64> = (0..3).flat_map(numbers).collect();
        assert_eq!(all, [1, 4, 7, 2, 5, 8, 3, 6, 9]);
        all.sort_unstable();
        assert_eq!(all, (1..=9).collect::<Vec<i64>>());
        assert_eq!(Numbering::new(2, 3).key(0), 0);
        assert_eq!(Numbering::new(2, 3).key(-1), -1);
        assert_eq!(Numbering::new(0, 1).key(17), 17);
        // Four thousand million rows of one table in each of as many locations as there may be.
        let last = Numbering::new(crate::LOCATIONS_MAX - 1, crate::LOCATIONS_MAX).key(i64::from(u32::MAX));
        assert_eq!(last, i64::from(u32::MAX) * i64::from(crate::LOCATIONS_MAX));
    }

    #[test]
    fn what_is_looked_up_is_sorted_and_exists() {
        assert!(LISTS.is_sorted() && ABOUT_OWN_ROWS.is_sorted());
        let tables: Vec<&str> = crate::tables().collect();
        for table in LISTS.iter().chain(ABOUT_OWN_ROWS.iter().map(|(table, _)| table)) {
            assert!(tables.contains(table), "{table}");
        }
        for (table, column) in ABOUT_OWN_ROWS {
            let facts = bicuspid_opendental::facts().table(table).unwrap().column(column).unwrap();
            assert!(facts.references.is_none(), "{table}.{column}");
        }
    }
}

//! A group of locations: each by itself, and all of them together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use bicuspid_model::{Date, SourceType, Value};
use bicuspid_opendental::facts;
use bicuspid_practice::{Practice, Preset, Settings, Summary};

use super::{Made, books, references};

const LOCATIONS: u32 = 4;

fn settings() -> Settings {
    let as_of = Date::from_ymd(2026, 3, 2).unwrap();
    Settings { locations: LOCATIONS, ..Settings::new(362, 20, as_of) }
}

/// The group, made in one run.
fn group() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| Made::new(settings()))
}

/// Tables that hold rows, and none of any location but the first.
fn lists() -> BTreeSet<&'static str> {
    let others = Made::of(settings(), Practice::new(settings()).unwrap().of_locations(&(1..LOCATIONS)));
    group().tables.keys().copied().filter(|table| !others.tables.contains_key(table)).collect()
}

fn location(settings: Settings, number: u32) -> Made {
    Made::of(settings, Practice::new(settings).unwrap().of_locations(&(number..number + 1)))
}

#[test]
fn the_group_is_its_locations_one_after_the_other() {
    let whole = group();
    let mut summary = Summary { tables: Vec::new() };
    let mut rows: BTreeMap<&str, Vec<Vec<Value>>> = BTreeMap::new();
    for (first, end) in [(0, 1), (1, 1), (1, 3), (3, LOCATIONS + 9)] {
        let practice = Practice::new(settings()).unwrap().of_locations(&(first..end));
        let made = Made::of(settings(), practice);
        for (table, more) in made.tables {
            rows.entry(table).or_default().extend(more);
        }
        summary.add(made.summary);
    }
    assert_eq!(summary, whole.summary);
    for (table, all) in &whole.tables {
        assert!(rows[table] == *all, "{table}");
    }
    assert_eq!(whole.rows("clinic").map(|r| r.int("ClinicNum")).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let patients: Vec<usize> = (1..=4)
        .map(|clinic| whole.rows("patient").filter(|r| r.int("ClinicNum") == clinic).count())
        .collect();
    assert_eq!(patients, [91, 91, 90, 90]);
}

#[test]
fn locations_have_nothing_in_common_but_lists() {
    let (first, second) = (location(settings(), 0), location(settings(), 1));
    let lists = lists();
    for table in ["definition", "procedurecode", "fee", "preference", "carrier", "employer", "sheetdef"] {
        assert!(lists.contains(&table), "{table}");
    }
    assert_eq!(lists.len(), 93, "{lists:?}");
    assert!(second.tables.keys().all(|table| !lists.contains(table)));
    // What the first location writes of them is the same whatever the number of its patients and its chance: the others
    // refer to it.
    let alone = Made::new(Settings { locations: 1, patients: 91, ..settings() });
    for table in &lists {
        let facts = facts().table(table).unwrap();
        assert_eq!(alone.tables[table].len(), first.tables[table].len(), "{table}");
        let key = facts.key().unwrap().name;
        let keys = |made: &Made| made.rows(facts.name).map(|r| r.int(key)).collect::<Vec<_>>();
        assert_eq!(keys(&first), keys(&alone), "{table}");
        if let Some(clinic) = facts.column("ClinicNum") {
            assert!(first.rows(facts.name).all(|r| r.int(clinic.name) == 0), "{table}");
        }
    }
    for (table, rows) in &second.tables {
        let facts = facts().table(table).unwrap();
        let key = facts.key().unwrap().name;
        let keys: Vec<i64> = second.rows(table).map(|r| r.int(key)).collect();
        assert!(keys.iter().all(|k| k % i64::from(LOCATIONS) == 2), "{table}");
        assert!(
            facts.column("ClinicNum").is_none() || second.rows(table).all(|r| r.int("ClinicNum") == 2),
            "{table}"
        );
        // As many rows as there are in the table, or nearly: no number is far from the others.
        let most = keys.iter().max().unwrap() / i64::from(LOCATIONS);
        assert!(most < 20 + 4 * i64::try_from(rows.len()).unwrap(), "{table} {most} {}", rows.len());
    }
    let names = |made: &Made| made.rows("patient").map(|r| r.text("LName").to_owned()).collect::<Vec<_>>();
    assert_ne!(names(&first), names(&second));
}

#[test]
fn keys_are_unique_and_lead_somewhere() {
    let whole = group();
    let followed = references::resolve(whole);
    assert!(followed > 50_000, "{followed}");
    references::are_unique(whole);
    let stock = Settings { preset: Preset::Stock, patients: 90, locations: 3, ..settings() };
    let stock = Made::new(stock);
    references::resolve(&stock);
    references::are_unique(&stock);
}

/// Columns of whole numbers as wide as a key that hold no key, or the key of a list's row whatever the location.
const NO_KEYS: &[&str] = &[
    "apptreminderrule.TSPrior",
    "apptremindersent.TSPrior",
    "confirmationrequest.TSPrior",
    "medication.RxCui",
    "medicationpat.RxCui",
    "procbuttonitem.ItemOrder",
    "rxdef.RxCui",
    "userodpref.Fkey",
];

#[test]
fn every_column_that_may_hold_a_key_is_numbered_with_its_rows() {
    let whole = group();
    let mut looked = BTreeSet::new();
    for (table, rows) in &whole.tables {
        let facts = facts().table(table).unwrap();
        let clinic = facts.position("ClinicNum");
        let key = facts.columns.iter().position(|c| c.primary_key).unwrap();
        for (position, column) in facts.columns.iter().enumerate() {
            let wide = matches!(column.source, SourceType::BigInt { .. });
            if !wide || column.references.is_some() || position == key || column.enumeration.is_some() {
                continue;
            }
            let name = format!("{table}.{}", column.name);
            let mut numbers = rows.iter().filter_map(|row| match (&row[position], &row[key]) {
                (Value::Int(number), Value::Int(key)) if *number > 0 => Some((*number, *key, row)),
                _ => None,
            });
            if NO_KEYS.contains(&name.as_str()) {
                assert!(numbers.next().is_some(), "{name} holds nothing any more");
                continue;
            }
            for (number, key, row) in numbers {
                // A row and what it is about belong to the same location.
                assert_eq!(number % i64::from(LOCATIONS), key % i64::from(LOCATIONS), "{name}");
                assert!(
                    clinic.is_none_or(|at| matches!(row[at], Value::Int(at) if (at - number) % 4 == 0)),
                    "{name}"
                );
                looked.insert(name.clone());
            }
        }
    }
    for column in
        ["securitylog.FKey", "task.KeyNum", "insverify.FKey", "statementprod.FKey", "eservicelog.FKey"]
    {
        assert!(looked.contains(column), "{column}");
    }
    assert_eq!(looked.len(), 12, "{looked:?}");
}

#[test]
fn rows_of_a_location_stay_in_it() {
    let whole = group();
    let lists = lists();
    let mut looked = 0;
    for table in whole.tables.keys().filter(|table| !lists.contains(*table)) {
        let facts = facts().table(table).unwrap();
        let key = facts.key().unwrap().name;
        for column in &facts.columns {
            let Some(to) = column.references.filter(|to| whole.tables.contains_key(to.table)) else {
                continue;
            };
            if lists.contains(to.table) || !matches!(column.source, SourceType::BigInt { .. }) {
                continue;
            }
            for row in whole.rows(facts.name).filter(|row| row.int(column.name) > 0) {
                assert_eq!((row.int(column.name) - row.int(key)) % 4, 0, "{table}.{}", column.name);
                looked += 1;
            }
        }
    }
    assert!(looked > 100_000, "{looked}");
}

#[test]
fn what_every_location_knows_is_what_the_lists_say() {
    let whole = group();
    let employers = whole.by_key("employer");
    for row in whole.rows("insplan").filter(|row| row.int("EmployerNum") > 0) {
        assert_eq!(row.text("GroupName"), employers[&row.int("EmployerNum")].text("EmpName"));
    }
    let carriers: BTreeSet<&str> = whole.rows("carrier").map(|row| row.text("CarrierName")).collect();
    assert!(whole.rows("claimpayment").all(|row| carriers.contains(row.text("CarrierName"))));
    // The office's schedule, and what it was in the years before.
    let office: BTreeSet<i64> = (whole.rows("feesched"))
        .filter(|row| row.text("Description").starts_with("Office fees"))
        .map(|row| row.int("FeeSchedNum"))
        .collect();
    let fees: BTreeSet<(i64, i64)> = (whole.rows("fee"))
        .filter(|row| office.contains(&row.int("FeeSched")))
        .map(|row| (row.int("CodeNum"), row.cents("Amount")))
        .collect();
    let mut charged = 0;
    for row in whole.rows("procedurelog").filter(|row| row.int("ProcStatus") == 2 && row.cents("ProcFee") > 0)
    {
        assert!(fees.contains(&(row.int("CodeNum"), row.cents("ProcFee"))), "{}", row.int("ClinicNum"));
        charged += 1;
    }
    assert!(charged > 3_000, "{charged}");
}

#[test]
fn the_books_of_each_location_balance_and_so_do_all_together() {
    let mut owing = 0;
    for number in 0..LOCATIONS {
        let made = location(settings(), number);
        owing += books::balances(&made);
        books::payments(&made);
        books::claims(&made);
    }
    let whole = group();
    assert!(owing > 20, "{owing}");
    assert_eq!(books::balances(whole), owing);
    books::payments(whole);
    books::claims(whole);
}

#[test]
fn nobody_is_there_twice() {
    let whole = group();
    for (table, column) in [
        ("userod", "UserName"),
        ("provider", "NationalProvID"),
        ("provider", "Abbr"),
        ("provider", "SSN"),
        ("provider", "StateLicense"),
        ("computer", "CompName"),
        ("clinic", "Description"),
        ("clinic", "Abbr"),
        ("patient", "ChartNumber"),
        ("patient", "Email"),
        ("claim", "ClaimIdentifier"),
        ("claimpayment", "CheckNum"),
        ("inssub", "SubscriberID"),
        ("insplan", "GroupNum"),
        ("smstomobile", "GuidMessage"),
        ("document", "FileName"),
        ("confirmationrequest", "ShortGUID"),
        ("securityloghash", "LogHash"),
        ("carrier", "CarrierName"),
        ("employer", "EmpName"),
    ] {
        let mut seen = BTreeMap::new();
        for row in whole.rows(table) {
            *seen.entry(row.text(column)).or_insert(0) += 1;
        }
        // A subscription is kept once for each cover.
        let once = seen.values().all(|n| *n == 1) || column == "SubscriberID";
        assert!(once && seen.len() >= 4, "{table}.{column}");
    }
    let mut subscribers: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for row in whole.rows("inssub") {
        subscribers.entry(row.text("SubscriberID")).or_default().insert(row.int("Subscriber"));
    }
    assert!(subscribers.values().all(|who| who.len() == 1));
}

#[test]
fn a_group_goes_on_as_it_was() {
    let practice = Practice::new(settings()).unwrap();
    let later = Made::of(settings(), practice.days_later(20).unwrap());
    let (mut kept, mut new) = (0, 0);
    for table in ["patient", "appointment", "procedurelog", "claim", "payment", "securitylog"] {
        let after = later.by_key(table);
        let before = group().by_key(table);
        for (key, row) in &before {
            assert_eq!(row.int("PatNum"), after[key].int("PatNum"), "{table}");
            kept += 1;
        }
        new += after.len() - before.len();
    }
    assert!(kept > 10_000 && new > 100, "{kept} {new}");
    references::resolve(&later);
}

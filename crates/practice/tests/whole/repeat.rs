//! The same settings give the same rows.

use std::collections::BTreeMap;

use bicuspid_model::{Date, Value};
use bicuspid_practice::{Practice, PracticeError, Settings, SinkError};

use super::Made;

fn settings(patients: u32, seed: u64) -> Settings {
    Settings::new(patients, seed, Date::from_ymd(2026, 3, 2).unwrap())
}

/// Lists, and what follows from dates and from the size of the office alone.
#[rustfmt::skip]
const SAME_FOR_EVERY_SEED: &[&str] = &[
    "account", "alertcategory", "alertcategorylink", "alertitem", "alertread", "alertsub", "allergydef",
    "appointmentrule", "appointmenttype", "apptfielddef", "apptreminderrule", "apptview", "apptviewitem",
    "autocode", "autocodecond", "autocodeitem", "automation", "autonote", "autonotecontrol", "cert",
    "chartview", "claimform", "claimformitem", "clearinghouse", "clinic", "codegroup", "computer",
    "computerpref", "contact", "covcat", "covspan", "definition", "diseasedef", "displayfield",
    "displayreport", "eclipboardsheetdef", "ehrpatient", "electid", "emailaddress", "emailautograph",
    "emailtemplate", "equipment", "eservicesignal", "feesched", "grouppermission", "imagingdevice",
    "insbluebookrule", "insfilingcode", "laboratory", "labturnaround",
    "language", "letter", "medication", "mobileappdevice", "mountdef", "mountitemdef", "operatory",
    "patfielddef", "patfieldpickitem", "payperiod", "payterminal", "pharmacy", "pharmclinic", "preference",
    "printer", "procapptcolor", "procbutton", "procbuttonitem", "procbuttonquick", "proccodenote",
    "procedurecode", "program", "programproperty", "providerident", "quickpastecat", "quickpastenote",
    "recalltrigger", "recalltype", "requiredfield", "rxalert", "rxdef", "rxnorm", "schedule",
    "scheduledprocess", "scheduleop", "sheetdef", "sheetfielddef", "sigbutdef", "sigelementdef", "smsphone",
    "stateabbr", "supplier", "supply", "tasklist", "timecardrule", "toolbutitem", "updatehistory",
    "usergroup", "usergroupattach", "userod", "userodapptview", "userodpref", "userquery", "wikipage",
    "zipcode",
];

#[test]
fn a_seed_repeats_itself_and_another_does_not() {
    let (first, again, other) =
        (Made::new(settings(60, 1)), Made::new(settings(60, 1)), Made::new(settings(60, 3)));
    assert_eq!(first.summary, again.summary);
    assert_eq!(first.tables, again.tables);
    for table in &first.summary.tables {
        let changed = other.summary.tables.iter().find(|t| t.table == table.table).unwrap();
        let fixed = SAME_FOR_EVERY_SEED.contains(&table.table);
        assert_eq!(changed.digest == table.digest, fixed, "{}", table.table);
    }
}

#[test]
fn a_practice_goes_on_as_it_was() {
    let settings = settings(120, 4);
    let shown = |days| Made::of(settings, Practice::new(settings).unwrap().days_later(days).unwrap());
    let (today, later) = (shown(0), shown(30));
    assert_eq!(
        today.summary,
        Practice::new(settings).unwrap().run(&mut |_: &'static str, _: &[Value]| Ok(())).unwrap()
    );
    let (mut kept, mut new, mut lost) = (0, 0, BTreeMap::new());
    for table in bicuspid_practice::living_tables() {
        let facts = bicuspid_opendental::facts().table(table).unwrap();
        let mine = facts.columns.iter().filter(|c| c.name == "PatNum" && !c.primary_key).collect::<Vec<_>>();
        let after = later.by_key(table);
        new += after.len();
        for (key, row) in today.by_key(table) {
            new -= 1;
            let Some(then) = after.get(&key) else {
                *lost.entry(table).or_insert(0) += 1;
                continue;
            };
            kept += 1;
            for column in &mine {
                assert_eq!(row.int(column.name), then.int(column.name), "{table} {key}");
            }
        }
    }
    assert!(kept > 10_000 && new > 500, "{kept} {new}");
    // Estimates and coverage end, and with them their rows; nothing else goes.
    assert!(lost.keys().all(|table| matches!(*table, "claimproc" | "patplan")), "{lost:?}");
    assert!(matches!(Practice::new(settings).unwrap().days_later(40 * 366), Err(PracticeError::Span { .. })));
}

/// Digests of a small practice, one table a line. They change with every change of the simulation, and with nothing
/// else: not with the machine, the time or the number of threads.
const GOLDEN: &str = include_str!("../golden/sixty-patients.txt");

#[test]
fn sixty_patients_are_the_same_everywhere() {
    let made = Made::new(settings(60, 1));
    let line = |t: &bicuspid_practice::TableSummary| format!("{} {} {:032x}\n", t.table, t.rows, t.digest);
    let digests: String = made.summary.tables.iter().map(line).collect();
    // To accept a change of the simulation, put what this prints into the file.
    assert!(digests == GOLDEN, "the simulation has changed:\n{digests}");
}

#[test]
fn any_size_and_span_runs() {
    let day = |y, m, d| Date::from_ymd(y, m, d).unwrap();
    for (patients, start, end) in [
        (1, day(2026, 1, 1), day(2026, 2, 1)),
        (7, day(2020, 2, 29), day(2024, 2, 29)),
        (150, day(1995, 6, 1), day(1999, 12, 31)),
    ] {
        let settings = Settings { start_date: start, ..Settings::new(patients, 9, end) };
        let made = Made::new(settings);
        assert_eq!(made.rows("patient").count(), usize::try_from(patients).unwrap());
        assert!(made.rows("patient").all(|r| r.date("SecDateEntry") < Some(end)));
    }
}

#[test]
fn a_sink_that_refuses_ends_the_run() {
    let mut rows = 0;
    let mut sink = |_: &'static str, _: &[Value]| -> Result<(), SinkError> {
        rows += 1;
        if rows == 500 { Err(SinkError::new("the disk is full")) } else { Ok(()) }
    };
    let error = Practice::new(settings(60, 1)).unwrap().run(&mut sink).unwrap_err();
    assert!(matches!(error, PracticeError::Sink { .. }));
    assert_eq!(error.trouble().why, "the disk is full");
    assert_eq!(rows, 500);
}

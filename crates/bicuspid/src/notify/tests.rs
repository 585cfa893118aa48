use bicuspid_model::{Fingerprint, Trouble};
use bicuspid_target::PassState;
use time::macros::datetime;

use super::*;
use crate::report::fault;

fn held(names: &[&str]) -> Event {
    let table = |name: &&str| Concerned { name: (*name).to_owned(), rule: "validate::shrink".to_owned() };
    Event::of_tables("held", names.iter().map(table).collect()).unwrap()
}

fn trouble(class: Class, code: &str) -> Trouble {
    Trouble { class, code: code.to_owned(), ..fault("") }
}

#[test]
fn a_report_says_what_a_person_should_know() {
    let mut report = Report::new().with(
        "tables",
        json!([
            {"name": "a", "held": {"rule": "validate::shrink", "detail": "hunter2", "remedy": "hunter2"}},
            {"name": "b", "held": null},
            {"name": "c", "equal": false, "held": null},
            {"name": "d", "equal": true},
        ]),
    );
    report.add(trouble(Class::Refused, "identity::oid"));
    report.add(trouble(Class::Held, "validate::shrink"));
    let events = events(&report);
    let names: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(names, ["refused", "held", "differs"]);
    assert_eq!(events[0].rules, ["identity::oid"]);
    assert_eq!(events[1].tables, [Concerned { name: "a".to_owned(), rule: "validate::shrink".to_owned() }]);
    assert_eq!(events[2].tables[0].name, "c");
    let at = datetime!(2026-03-02 21:14:05 UTC);
    let body = body("sync", "r", (Environment::Clinic, None), &report, &events[1], at);
    assert!(!body.contains("hunter2"));
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&json["event"], &json["env"], &json["count"]), (&json!("held"), &json!("clinic"), &json!(1)));
    assert_eq!((&json["at"], &json["run_id"]), (&json!("2026-03-02T21:14:05Z"), &json!("r")));
    assert!(super::events(&Report::new()).is_empty());
}

#[test]
fn an_ordinary_end_is_no_event() {
    for class in [Class::Usage, Class::Locked, Class::Interrupted] {
        let mut report = Report::new();
        report.add(trouble(class, "x"));
        assert!(events(&report).is_empty(), "{class:?}");
    }
}

#[test]
fn a_proof_is_overdue_when_it_is_older_than_it_may_be() {
    let table = |name: &str, age, held| TableState {
        name: name.into(),
        shape: String::new(),
        walk: Vec::new(),
        fingerprint: Fingerprint { rows: 0, sum: 0 },
        last_checked_at: String::new(),
        last_changed_at: String::new(),
        proved_at: String::new(),
        proof_age_seconds: age,
        pass: PassState::default(),
        converted: Vec::new(),
        held,
    };
    let reason =
        bicuspid_target::HeldState { rule: "r".into(), detail: String::new(), remedy: String::new() };
    let tables = [table("young", 3600, None), table("old", 3601, None), table("held", 9999, Some(reason))];
    let event = overdue_of(&tables, 1).unwrap();
    assert_eq!(event.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["old"]);
    assert_eq!(overdue_of(&tables[..1], 1), None);
}

#[test]
fn the_same_is_told_once_a_day_and_anew_when_it_comes_back() {
    let monday = datetime!(2026-03-02 08:00 UTC);
    let hours = time::Duration::hours;
    let here = Environment::Clinic;
    let first = next_memory("sync", here, Outcome::Held, &[held(&["a"])], &Memory::new(), monday);
    assert!(is_new(&held(&["a"]), here, &Memory::new(), monday));
    assert!(!is_new(&held(&["a"]), here, &first, monday + hours(23)));
    assert!(is_new(&held(&["a"]), here, &first, monday + hours(24)));
    assert!(is_new(&held(&["a", "b"]), here, &first, monday + hours(1)), "one more table is news");
    assert!(is_new(&held(&["a"]), Environment::Test, &first, monday), "another environment is another thing");
    // Later runs do not move the time, and a run without an end forgets nothing.
    let later = next_memory("sync", here, Outcome::Held, &[held(&["a"])], &first, monday + hours(5));
    assert_eq!(later, first);
    assert_eq!(next_memory("sync", here, Outcome::Failed, &[], &first, monday + hours(6)), first);
    // A command that looks at no table settles its own refusals, and nothing of the tables.
    let refused = Event { kind: "refused", rules: vec!["identity::database".into()], tables: Vec::new() };
    let both = next_memory("enroll", here, Outcome::Refused, &[refused], &first, monday + hours(6));
    assert_eq!(both.len(), 2);
    assert_eq!(next_memory("enroll", here, Outcome::Done, &[], &both, monday + hours(7)), first);
    // Once it is well, it is news again when it is not.
    let well = next_memory("sync", here, Outcome::Done, &[], &first, monday + hours(7));
    assert!(well.is_empty());
    // A clock that went back does not silence anything.
    assert!(is_new(&held(&["a"]), here, &first, monday - hours(1)));
}

use super::*;

fn all() -> Sources {
    describe(&stock_tables(&Config::default()), "opendental", "raw", "of a test")
}

/// The lines of a column's entry in a table's entry.
fn entry<'a>(text: &'a str, table: &str, column: &str) -> &'a str {
    let table = text.split(&format!("\n      - name: \"{table}\"\n")).nth(1).unwrap();
    let table = table.split("\n      - name: ").next().unwrap();
    let column = table.split(&format!("\n          - name: \"{column}\"\n")).nth(1).unwrap();
    column.split("\n          - name: ").next().unwrap().trim_end()
}

#[test]
fn every_stock_table_is_there_with_key_and_load_time() {
    let sources = all();
    assert_eq!(sources.tables, 438, "436 of Open Dental and two of the load");
    assert!(sources.left_out.is_empty());
    let count = |test: &str| sources.text.matches(&format!("              - {test}")).count();
    assert_eq!(count("unique\n"), 436 + 2 + 2, "keys, and the names in the status tables");
    assert_eq!(count("not_null\n"), 436 * 2 + 2 + 2);
    assert_eq!(count("accepted_values"), 1);
    assert_eq!(count("relationships"), sources.tests - 440 - 876 - 1);
    assert!(count("relationships") > 800, "{}", count("relationships"));
    assert!(sources.text.starts_with(MARK));
}

#[test]
fn a_key_is_tested_hard_and_a_reference_softly() {
    let text = all().text;
    assert_eq!(
        entry(&text, "patient", "PatNum"),
        "            quote: true\n            data_type: \"bigint\"\n            description: \"Primary key.\"\n            \
         data_tests:\n              - unique\n              - not_null"
    );
    let guarantor = entry(&text, "patient", "Guarantor");
    assert!(
        guarantor.ends_with(
            "- relationships: {arguments: {to: \"source('opendental', 'patient')\", field: \"\\\"PatNum\\\"\"}, \
             config: {severity: warn, where: \"\\\"Guarantor\\\" <> 0\"}}"
        ),
        "{guarantor}"
    );
    assert!(entry(&text, "patient", "_loaded_at").ends_with("- not_null"));
    assert!(entry(&text, "appointment", "AptStatus").contains("5 Broken"));
    assert!(entry(&text, "userod", "Password").contains("not copied"));
    assert!(!entry(&text, "patient", "LName").contains("data_tests"));
}

#[test]
fn what_is_not_described_is_not_pointed_to() {
    let tables = stock_tables(&Config::default());
    let some: Vec<ListedTable> = tables
        .into_iter()
        .filter(|table| ["appointment", "patient"].contains(&table.name.as_str()))
        .collect();
    let text = describe(&some, "x", "raw", "of a test").text;
    assert!(entry(&text, "appointment", "PatNum").contains("source('x', 'patient')"));
    assert!(!entry(&text, "appointment", "ProvNum").contains("relationships"));
}

#[test]
fn a_key_of_several_columns_is_unique_as_a_row() {
    let table = |name: &str, key: &[&str]| ListedTable {
        name: name.to_owned(),
        columns: ["a", "B"]
            .map(|name| ListedColumn { name: name.to_owned(), type_text: "integer".to_owned() })
            .into(),
        primary_key: key.iter().map(|&name| name.to_owned()).collect(),
    };
    let sources = describe(&[table("two", &["a", "B"]), table("none", &[])], "x", "raw", "of a test");
    assert_eq!(sources.tests, 3, "unique, and not null twice");
    assert!(sources.text.contains("arguments: {column_name: \"row(\\\"a\\\", \\\"B\\\")\"}"));
    assert!(entry(&sources.text, "two", "B").ends_with("- not_null"));
    assert!(!entry(&sources.text, "none", "B").contains("data_tests"));
}

#[test]
fn names_that_dbt_would_misread_are_left_out_and_told() {
    let column = |name: &str| ListedColumn { name: name.to_owned(), type_text: "text".to_owned() };
    let table = |name: &str| ListedTable {
        name: name.to_owned(),
        columns: vec![column("a\"b"), column("ä b\u{7f}"), column("{{ x }}")],
        primary_key: vec!["a\"b".to_owned()],
    };
    let sources = describe(&[table("fine"), table("it's")], "x", "raw", "of a test");
    assert_eq!(sources.left_out, ["fine.a\"b", "fine.{{ x }}", "it's"]);
    assert!(sources.text.contains("- name: \"ä b\\u007f\"\n"));
    assert_eq!(sources.tests, 0);
}

#[test]
fn settings_choose_tables_and_types() {
    let config = Config {
        tables_included: Some(["PATIENT", "claim"].map(str::to_owned).into()),
        tables_excluded: ["Claim".to_owned()].into(),
        column_types: [("patient.gender".to_owned(), bicuspid_model::TargetType::Text)].into(),
        type_policy: TypePolicy::Numeric,
        ..Config::default()
    };
    let tables = stock_tables(&config);
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["etl_load_status", "etl_transform_status", "patient"]);
    let text = describe(&tables, "x", "raw", "of a test").text;
    assert!(entry(&text, "patient", "Gender").contains("data_type: \"text\""));
    assert!(entry(&text, "patient", "Premed").contains("data_type: \"smallint\""));
    assert!(entry(&text, "patient", "Premed").contains("Yes or no, as 1 or 0."));
}

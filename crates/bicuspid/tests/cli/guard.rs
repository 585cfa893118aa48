//! `bicuspid guard` from outside.

use serde_json::Value;

use crate::bench::Bench;

fn lines(args: &[&str], input: &str) -> Vec<Value> {
    let ran = Bench::new().run_with_input(args, input);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_statement() {
    let bench = Bench::new();
    bench.snapshot(
        "guard_accept",
        &bench.run(&["guard", "SELECT `PatNum` FROM `patient` WHERE `PatNum` > 5 LIMIT 10"]),
    );
    bench.snapshot("guard_reject", &bench.run(&["guard", "SELECT * FROM patient FOR UPDATE"]));
    let piped = bench.run_with_input(&["guard", "--json"], "DELETE FROM patient");
    assert_eq!(piped.code, 3);
    let json: Value = serde_json::from_str(&piped.stdout).unwrap();
    assert_eq!((json["verdict"].as_str(), json["outcome"].as_str()), (Some("reject"), Some("refused")));
}

#[test]
fn many_statements_in_order() {
    let long = "x".repeat(5 * 1024 * 1024);
    let input = format!(
        "{{\"id\":1,\"sql\":\"SELECT 1\"}}\n\
         not json {long}\n\
         \n\
         {{\"id\":\"b\",\"sql\":\"DROP TABLE patient\",\"note\":1}}\n\
         {{\"id\":3,\"sql\":\"SELECT PatNum FROM patient\",\"sql_mode\":\"ANSI_QUOTES\",\"charset\":\"latin1\"}}\n\
         {{\"id\":4}}"
    );
    let verdicts = lines(&["guard", "--jsonl"], &input);
    let told: Vec<(Value, &str)> =
        verdicts.iter().map(|line| (line["id"].clone(), line["verdict"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            (Value::from(1), "accept"),
            (Value::Null, "reject"),
            (Value::from("b"), "reject"),
            (Value::from(3), "accept"),
            (Value::from(4), "reject"),
        ]
    );
}

#[test]
fn grants_in_order() {
    let verdicts = lines(
        &["guard", "--grants", "--jsonl"],
        "{\"id\":1,\"grants\":[\"GRANT SELECT ON `opendental`.* TO `r`@`%`\"]}\n\
         {\"id\":2,\"grants\":[\"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION\"]}\n\
         {\"id\":3,\"grants\":[\"GRANT SELECT ON `other`.* TO `r`@`%`\"],\"source_db\":\"other\"}\n",
    );
    let told: Vec<&str> = verdicts.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(told, ["safe", "unsafe", "safe"]);
}

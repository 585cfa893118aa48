//! `generate` into files: no settings, no server, and nothing of others replaced.

use crate::bench::Bench;

const CSV: [&str; 9] =
    ["generate", "--patients", "20", "--seed", "3", "--end-date", "2026-01-05", "--output", "csv"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&CSV[..], more].concat()
}

#[test]
fn files_need_no_settings_and_say_what_they_are() {
    let bench = Bench::new();
    let dry = bench.json(&with(&["--dir", "out", "--dry-run"]));
    assert!(!bench.path("out").exists(), "a dry run makes nothing");
    let done = bench.json(&with(&["--dir", "out", "--threads", "2"]));
    for field in ["patients", "seed", "start_date", "end_date", "tables", "rows"] {
        assert_eq!(done[field], dry[field], "{field}");
    }
    assert_eq!(
        (&done["outcome"], &done["dir"], &done["env"]),
        (&"done".into(), &"out".into(), &"demo".into())
    );
    assert!(done.get("target").is_none());
    let manifest: serde_json::Value = serde_json::from_str(&bench.read("out/manifest.json")).unwrap();
    for (field, expected) in
        [("output", "csv"), ("shard", "1/1"), ("start_date", "2023-01-05"), ("end_date", "2026-01-05")]
    {
        assert_eq!(manifest[field], expected, "{field}");
    }
    assert_eq!(manifest["rows"], done["rows"]);
    let filled = done["tables"].as_array().unwrap().iter().filter(|table| table["rows"] != 0);
    let listed = manifest["tables"].as_array().unwrap();
    assert_eq!(listed.len(), filled.clone().count());
    for (listed, told) in listed.iter().zip(filled) {
        let name = told["name"].as_str().unwrap();
        for field in ["name", "rows", "digest"] {
            assert_eq!(listed[field], told[field], "{name}");
        }
        let text = bench.read(&format!("out/{name}.csv"));
        assert_eq!(listed["bytes"], text.len(), "{name}");
    }
    assert_eq!(bench.read("out/patient.csv").matches("\r\n").count(), 21);
    // The same again replaces the same, and says so.
    let again = bench.run(&with(&["--dir", "out"]));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("of an earlier generation will be replaced"), "{}", again.stderr);
    assert!(
        again.stderr.contains("Practice: 20 patients, 2023-01-05 to 2026-01-05, seed 3"),
        "{}",
        again.stderr
    );
    assert!(again.stdout.contains("No database was connected to"), "{}", again.stdout);
    assert!(!bench.path("state").exists());
}

#[test]
fn parquet_and_shards() {
    let bench = Bench::new();
    let parquet =
        ["generate", "--patients", "20", "--end-date", "2026-01-05", "--output", "parquet", "--dir", "p"];
    let done = bench.json(&parquet);
    assert_eq!(done["exit_code"], 0, "{done}");
    assert!(std::fs::read(bench.path("p/patient.parquet")).unwrap().starts_with(b"PAR1"));
    let mut rows = 0;
    for shard in ["1/2", "2/2"] {
        let part = bench.json(&with(&["--dir", "out", "--shard", shard]));
        assert_eq!(part["exit_code"], 0, "{part}");
        rows += part["rows"].as_u64().unwrap();
    }
    assert_eq!(bench.json(&with(&["--dir", "whole"]))["rows"], rows);
    assert!(bench.path("out/manifest-2-of-2.json").exists() && bench.path("out/patient-1-of-2.csv").exists());
}

#[test]
fn dirt_is_counted_and_listed() {
    let bench = Bench::new();
    let plant = |dir: &'static str, more: &[&'static str]| {
        let csv =
            ["generate", "--patients", "150", "--end-date", "2026-01-05", "--output", "csv", "--dir", dir];
        bench.json(&[&csv[..], more].concat())
    };
    let planned = plant("out", &["--messy", "--dry-run", "--anomalies", "list.jsonl"]);
    assert!(!bench.path("list.jsonl").exists(), "a dry run lists nothing");
    let done = plant("out", &["--messy", "--anomalies", "list.jsonl"]);
    assert_eq!((&done["condition"], &done["exit_code"]), (&"messy".into(), &0.into()), "{done}");
    assert_eq!(done["anomalies"], planned["anomalies"]);
    let counts = done["anomalies"].as_array().unwrap();
    assert_eq!(counts.len(), 8);
    let list = bench.read("list.jsonl");
    for count in counts {
        let word = format!("\"kind\":{}", count["kind"]);
        let listed = list.lines().filter(|line| line.contains(&word)).count();
        assert_eq!(count["count"].as_u64(), u64::try_from(listed).ok(), "{word}");
    }
    assert!(list.lines().count() > 5);
    let clean = plant("clean", &["--anomalies", "none.jsonl"]);
    assert_eq!((&clean["condition"], &clean["anomalies"]), (&"clean".into(), &serde_json::json!([])));
    assert_eq!(bench.read("none.jsonl").lines().count(), 1);
    bench.write("mine", "mine");
    assert_eq!(plant("other", &["--messy", "--anomalies", "mine"])["errors"][0]["code"], "files::not_ours");
    assert!(bench.read("mine") == "mine" && !bench.path("other").exists());
}

#[test]
fn what_does_not_go_together_is_said() {
    let bench = Bench::new();
    bench.snapshot("generate_no_dir", &bench.run(&CSV));
    bench.snapshot(
        "generate_shard_of_a_database",
        &bench.run(&["generate", "--patients", "20", "--shard", "1/2"]),
    );
    for args in [
        &with(&["--dir", "out", "--shard", "3/2"])[..],
        &with(&["--dir", "out", "--shard", "x"]),
        &with(&["--dir", "out", "--db-host", "localhost"]),
        &with(&["--dir", "out", "--report", "r.html"]),
        &with(&["--dir", "out", "--threads", "0"]),
        &["generate", "--patients", "20", "--dir", "out"],
        &with(&["--dir", "out", "--clean", "--messy"]),
        &["generate", "--check", "--patients", "20"],
        &["generate", "--check", "--messy"],
        &["generate", "--explain", "patient", "1", "--anomalies", "list"],
        &["generate", "--explain", "patient", "1", "--check"],
        &["generate"],
        &with(&["--dir", "out", "--locations", "0"]),
    ] {
        let refused = bench.run(args);
        assert_eq!(refused.code, 2, "{args:?}: {}", refused.stderr);
    }
    assert!(!bench.path("out").exists());
    std::fs::create_dir(bench.path("out")).unwrap();
    bench.write("out/patient.csv", "mine");
    bench.snapshot("generate_not_ours", &bench.run(&with(&["--dir", "out"])));
    assert_eq!(bench.read("out/patient.csv"), "mine");
    bench.write("file", "");
    assert_eq!(bench.run(&with(&["--dir", "file"])).code, 2);
}

#[cfg(unix)]
#[test]
fn the_wrapper_hands_everything_on() {
    let bench = Bench::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../generate.sh");
    let run = |args: &[&str]| {
        let mut command = bench.command(args);
        let told: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        let mut shell = std::process::Command::new("bash");
        shell.arg(script).args(told).current_dir(bench.path("")).env_clear();
        shell.env("PATH", "/usr/bin:/bin").env("BICUSPID", command.get_program());
        command.env_clear();
        shell.output().unwrap()
    };
    let done = run(&["20", "--end-date", "2026-01-05", "--output", "csv", "--dir", "out"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(bench.read("out/patient.csv").matches("\r\n").count(), 21);
    assert_eq!(run(&["--patients", "20", "--shard", "1/2"]).status.code(), Some(2));
}

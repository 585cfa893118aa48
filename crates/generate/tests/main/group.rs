//! A group of locations: shards that let their own locations happen, and the demo database that holds them all.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;

use bicuspid_generate::{
    Condition, Extent, FileSettings, Form, GenerateReport, GenerateSettings, Shard, Verdict, explain,
    measure, plan_files,
};
use bicuspid_practice::Settings;

use crate::demo::{DemoDatabase, practice};

fn group(patients: u32, locations: u32) -> Settings {
    Settings { locations, ..practice(patients, 5) }
}

fn settings(dir: &Path, form: Form, condition: Condition, shard: Shard) -> FileSettings {
    FileSettings {
        practice: group(122, 4),
        condition,
        dir: dir.to_owned(),
        form,
        shard,
        threads: NonZeroUsize::new(2).unwrap(),
    }
}

fn write(settings: FileSettings) -> GenerateReport {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(plan_files(settings).unwrap().run("0.0.0-test", &|_| {})).unwrap()
}

fn rehearse(settings: FileSettings) -> GenerateReport {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(plan_files(settings).unwrap().rehearse()).unwrap()
}

fn manifest(dir: &Path, name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap()
}

#[test]
fn shards_of_a_group_in_their_order_are_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    for condition in [Condition::Clean, Condition::Messy] {
        let at = |name: &str| dir.path().join(format!("{}-{name}", condition.name()));
        let whole = write(settings(&at("whole"), Form::Csv, condition, Shard::WHOLE));
        // More shards than locations share the rows.
        let numbers: &[u32] = if condition == Condition::Clean { &[1, 2, 4, 5] } else { &[4] };
        for of in numbers.iter().copied() {
            let parts_dir = at(&of.to_string());
            let shard = |index| settings(&parts_dir, Form::Csv, condition, Shard::new(index, of).unwrap());
            let parts: Vec<GenerateReport> = (1..=of).map(|index| write(shard(index))).collect();
            let body = |text: Vec<u8>| {
                let head = text.iter().position(|b| *b == b'\n').unwrap() + 1;
                text[head..].to_vec()
            };
            for table in whole.tables.iter().filter(|table| table.rows > 0) {
                let mut together = Vec::new();
                for index in 1..=of {
                    let suffix = if of == 1 { String::new() } else { format!("-{index}-of-{of}") };
                    // A location that has no such rows has no such file.
                    let part = std::fs::read(parts_dir.join(format!("{}{suffix}.csv", table.name)));
                    together.extend(part.map(body).unwrap_or_default());
                }
                let expected = body(std::fs::read(at("whole").join(format!("{}.csv", table.name))).unwrap());
                assert!(together == expected, "{} of {of}", table.name);
                let shares: Vec<_> =
                    parts.iter().map(|p| p.tables.iter().find(|t| t.name == table.name).unwrap()).collect();
                assert_eq!(shares.iter().map(|t| t.rows).sum::<u64>(), table.rows);
                let digest = shares
                    .iter()
                    .filter_map(|t| u128::from_str_radix(&t.digest, 16).ok())
                    .fold(0_u128, u128::wrapping_add);
                assert_eq!(format!("{digest:032x}"), table.digest, "{} of {of}", table.name);
            }
            let listed: BTreeSet<String> = parts
                .iter()
                .flat_map(|part| part.listed.iter().map(|a| serde_json::to_string(a).unwrap()))
                .collect();
            let of_whole: BTreeSet<String> =
                whole.listed.iter().map(|a| serde_json::to_string(a).unwrap()).collect();
            assert_eq!(listed, of_whole);
            assert_eq!(listed.is_empty(), condition == Condition::Clean);
            let told = manifest(
                &parts_dir,
                &if of == 1 { "manifest.json".to_owned() } else { format!("manifest-1-of-{of}.json") },
            );
            assert_eq!(told["locations"], 4);
            let clinics = match of {
                1 => serde_json::json!([1, 4]),
                2 => serde_json::json!([1, 2]),
                4 => serde_json::json!([1, 1]),
                _ => serde_json::Value::Null,
            };
            assert_eq!(told["clinics"], clinics);
            // Whoever lets only some locations happen knows nothing of the others.
            let knows = told["tables"][0].get("rows_of_all_shards").is_some();
            assert_eq!(knows, matches!(of, 1 | 5));
        }
    }
}

#[test]
fn a_rehearsal_of_a_shard_is_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let shard = || settings(dir.path(), Form::Parquet, Condition::Messy, Shard::new(3, 4).unwrap());
    let rehearsed = rehearse(shard());
    assert!(!dir.path().join("patient-3-of-4.parquet").exists());
    let written = write(shard());
    assert_eq!(rehearsed.tables, written.tables);
    assert_eq!((rehearsed.rows, rehearsed.listed.len()), (written.rows, written.listed.len()));
    assert_eq!(rehearsed.tables.iter().find(|t| t.name == "definition").map(|t| t.rows), Some(0));
    assert!(dir.path().join("patient-3-of-4.parquet").exists());
    assert!(!dir.path().join("definition-3-of-4.parquet").exists());
    // The same shard again takes the place of the first.
    let again = write(shard());
    assert_eq!((again.rows_replaced, again.rows), (written.rows, written.rows));
}

/// What one file of a practice with one location tells has not changed since there were groups.
#[test]
fn a_manifest_of_one_location_names_no_locations() {
    let dir = tempfile::tempdir().unwrap();
    write(FileSettings {
        practice: practice(30, 5),
        ..settings(dir.path(), Form::Csv, Condition::Clean, Shard::WHOLE)
    });
    let told = manifest(dir.path(), "manifest.json");
    assert!(told.get("locations").is_none() && told.get("clinics").is_none());
    assert_eq!(told["tables"][0]["rows_of_all_shards"], told["tables"][0]["rows"]);
}

#[test]
fn a_group_in_the_demo_database_keeps_every_rule() {
    let demo = DemoDatabase::new();
    for (condition, preset) in [
        (Condition::Clean, bicuspid_practice::Preset::Dbt),
        (Condition::Messy, bicuspid_practice::Preset::Stock),
    ] {
        let practice = Settings { preset, ..group(240, 3) };
        let plan = demo.plan(GenerateSettings { practice, condition, ..demo.settings(1, 1) }).unwrap();
        let written = demo.run(plan).unwrap();
        let counted =
            demo.database.query("SELECT \"ClinicNum\", count(*) FROM raw.patient GROUP BY 1 ORDER BY 1");
        let counted: BTreeMap<String, u32> = counted
            .into_iter()
            .map(|row| (row[0].clone().unwrap(), row[1].as_ref().unwrap().parse().unwrap()))
            .collect();
        let twice = counted.values().sum::<u32>() - 240;
        assert_eq!(counted.len(), 3);
        assert!(twice == 0 || condition == Condition::Messy, "{twice}");
        let endpoint = demo.settings(1, 1).endpoint;
        let report = demo.block_on(measure(&endpoint, None, Extent::Everything, |_| {})).unwrap();
        let rules: Vec<_> = report.quality.iter().filter(|row| row.is_rule).collect();
        let broken: Vec<&str> =
            rules.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.id).collect();
        assert!(broken.is_empty() && rules.len() > 40, "{broken:?} of {}", rules.len());
        assert!(written.rows > 50_000);
        // Nobody sits in two chairs, and nobody treats two at once.
        for who in ["\"Op\"", "CASE WHEN \"IsHygiene\" THEN \"ProvHyg\" ELSE \"ProvNum\" END"] {
            let overlaps = format!(
                "SELECT count(*) FROM (SELECT \"AptDateTime\" < max(\"AptDateTime\" + length(\"Pattern\") * INTERVAL '5 minutes') OVER \
                 (PARTITION BY {who} ORDER BY \"AptDateTime\", \"AptNum\" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken \
                 FROM raw.appointment WHERE \"AptStatus\" IN (1, 2)) t WHERE taken"
            );
            if condition == Condition::Clean {
                assert_eq!(demo.cell(&overlaps).as_deref(), Some("0"), "{who}");
            }
        }
        // Money stays where it was earned.
        for strange in [
            "SELECT count(*) FROM raw.paysplit s JOIN raw.procedurelog p USING (\"ProcNum\") WHERE s.\"ClinicNum\" <> p.\"ClinicNum\"",
            "SELECT count(*) FROM raw.claimproc l JOIN raw.claimpayment c USING (\"ClaimPaymentNum\") WHERE l.\"ClinicNum\" <> c.\"ClinicNum\"",
            "SELECT count(*) FROM raw.appointment a JOIN raw.operatory o ON o.\"OperatoryNum\" = a.\"Op\" WHERE a.\"ClinicNum\" <> o.\"ClinicNum\"",
        ] {
            assert_eq!(demo.cell(strange).as_deref(), Some("0"), "{strange}");
        }
        let patient: i64 = demo
            .cell("SELECT \"PatNum\" FROM raw.procedurelog WHERE \"ClinicNum\" = 3 AND \"ProcStatus\" = 2 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(patient % 3, 0);
        let life = demo.block_on(explain(&endpoint, None, patient, |_| {})).unwrap();
        assert!(life.events.iter().any(|event| event.text.starts_with("Done: ")));
        for table in &life.tables {
            let rows =
                demo.cell(&format!("SELECT count(*) FROM raw.{} WHERE \"PatNum\" = {patient}", table.name));
            assert_eq!(rows, Some(table.rows.to_string()), "{}", table.name);
        }
    }
}

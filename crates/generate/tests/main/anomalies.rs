//! A messy practice differs from the clean one of the same seed in what is listed, and in nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;

use bicuspid_generate::{
    Anomaly, Condition, Extent, FileSettings, Form, GenerateReport, GenerateSettings, ListFile, Shard,
    Verdict, measure, plan_files,
};
use bicuspid_opendental::facts;

use crate::demo::{DemoDatabase, practice};

/// Enough for some of every kind.
const PATIENTS: u32 = 600;
/// Enough for some.
const FEW: u32 = 150;

/// Rows of a CSV file by their key, each cell as it stands there.
type Rows = BTreeMap<i64, Vec<String>>;

fn write(dir: &Path, patients: u32, condition: Condition, shard: Shard, threads: usize) -> GenerateReport {
    let settings = FileSettings {
        practice: practice(patients, 5),
        condition,
        dir: dir.to_owned(),
        form: Form::Csv,
        shard,
        threads: NonZeroUsize::new(threads).unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(plan_files(settings).unwrap().run("0.0.0-test", &|_| {})).unwrap()
}

/// The records of a CSV text; line ends inside of quotes belong to the cell.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut record, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                cell.push(c);
            }
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell).trim_end_matches('\r').to_owned());
                all.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    all
}

fn rows(dir: &Path, table: &str) -> (Vec<String>, Rows) {
    let text = std::fs::read_to_string(dir.join(format!("{table}.csv"))).unwrap();
    let mut records = records(&text).into_iter();
    let header = records.next().unwrap().iter().map(|name| name.trim_matches('"').to_owned()).collect();
    let key = facts().table(table).unwrap().columns.iter().position(|c| c.primary_key).unwrap();
    let rows: Rows = records.map(|record| (record[key].parse().unwrap(), record)).collect();
    (header, rows)
}

/// A listed value as it stands in a CSV file: texts in quotes, days not.
fn in_csv(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) if bicuspid_model::Date::parse(text).is_some() => text.clone(),
        serde_json::Value::String(text) => format!("\"{text}\""),
        number => number.to_string(),
    }
}

fn set(anomalies: &[Anomaly]) -> BTreeSet<String> {
    anomalies.iter().map(|anomaly| serde_json::to_string(anomaly).unwrap()).collect()
}

#[test]
fn every_listed_anomaly_is_in_the_rows_and_nothing_else_differs() {
    let dir = tempfile::tempdir().unwrap();
    let (clean, messy) = (dir.path().join("clean"), dir.path().join("messy"));
    let tidy = write(&clean, PATIENTS, Condition::Clean, Shard::WHOLE, 2);
    let dirty = write(&messy, PATIENTS, Condition::Messy, Shard::WHOLE, 2);
    assert!(tidy.anomalies.is_empty() && tidy.listed.is_empty());
    for planted in &dirty.anomalies {
        let listed = dirty.listed.iter().filter(|anomaly| anomaly.kind == planted.kind).count();
        assert_eq!(u64::try_from(listed).unwrap(), planted.count);
        assert!(planted.count > 0, "none of {}", planted.kind.name());
    }
    let mut listed: BTreeMap<(&str, i64), &Anomaly> = BTreeMap::new();
    for anomaly in &dirty.listed {
        assert!(listed.insert((anomaly.table, anomaly.key), anomaly).is_none(), "two anomalies in one row");
    }
    let mut found = 0;
    for (before, after) in tidy.tables.iter().zip(&dirty.tables).filter(|(table, _)| table.rows > 0) {
        assert_eq!(before.name, after.name);
        let touched = dirty.listed.iter().any(|anomaly| anomaly.table == before.name);
        assert_eq!(before.digest != after.digest, touched, "{}", before.name);
        if !touched {
            let file = format!("{}.csv", before.name);
            assert!(
                std::fs::read(clean.join(&file)).unwrap() == std::fs::read(messy.join(&file)).unwrap(),
                "{file}"
            );
            continue;
        }
        let (header, tidy_rows) = rows(&clean, &before.name);
        let (_, mut dirty_rows) = rows(&messy, &before.name);
        for (key, row) in &tidy_rows {
            let now = dirty_rows.remove(key).unwrap();
            let Some(anomaly) = listed.get(&(before.name.as_str(), *key)) else {
                assert_eq!(*row, now, "{} {key} is not listed", before.name);
                continue;
            };
            let column = header.iter().position(|name| Some(name.as_str()) == anomaly.column).unwrap();
            for (at, (was, is)) in row.iter().zip(&now).enumerate() {
                if at == column {
                    assert_ne!(was, is);
                    assert_eq!(*was, in_csv(&anomaly.clean), "{anomaly:?}");
                    assert_eq!(*is, in_csv(&anomaly.planted), "{anomaly:?}");
                } else {
                    assert_eq!(was, is, "{anomaly:?}");
                }
            }
            found += 1;
        }
        // What is left are rows too many.
        for (key, row) in dirty_rows {
            let anomaly = listed[&(before.name.as_str(), key)];
            assert_eq!((anomaly.column, &anomaly.clean), (None, &serde_json::Value::Null));
            let first = &tidy_rows[&anomaly.planted.as_i64().unwrap()];
            for name in ["LName", "FName", "Birthdate", "Address", "HmPhone"] {
                let at = header.iter().position(|column| column == name).unwrap();
                assert_eq!(row[at], first[at], "{anomaly:?}");
            }
            found += 1;
        }
    }
    assert_eq!(found, dirty.listed.len());
}

#[test]
fn shards_and_threads_plant_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let whole = write(&dir.path().join("whole"), FEW, Condition::Messy, Shard::WHOLE, 1);
    let parts: Vec<GenerateReport> = (1..=3)
        .map(|index| {
            write(&dir.path().join("parts"), FEW, Condition::Messy, Shard::new(index, 3).unwrap(), 2)
        })
        .collect();
    let of_parts: Vec<Anomaly> = parts.iter().flat_map(|part| part.listed.clone()).collect();
    assert_eq!(of_parts.len(), whole.listed.len());
    assert_eq!(set(&of_parts), set(&whole.listed));
    for table in &whole.tables {
        let of = |part: &GenerateReport| part.tables.iter().find(|t| t.name == table.name).unwrap().clone();
        assert_eq!(parts.iter().map(|part| of(part).rows).sum::<u64>(), table.rows, "{}", table.name);
        let sum = parts
            .iter()
            .fold(0_u128, |sum, part| sum.wrapping_add(u128::from_str_radix(&of(part).digest, 16).unwrap()));
        assert_eq!(format!("{sum:032x}"), table.digest, "{}", table.name);
    }
    let manifest = std::fs::read_to_string(dir.path().join("whole/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["condition"], "messy");
    assert_eq!(manifest["planted"]["orphan"].as_u64(), of_kind(&whole, "orphan"));
}

fn of_kind(report: &GenerateReport, kind: &str) -> Option<u64> {
    report.anomalies.iter().find(|planted| planted.kind.name() == kind).map(|planted| planted.count)
}

#[test]
fn the_list_is_written_once_and_over_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let report = write(&dir.path().join("rows"), FEW, Condition::Messy, Shard::WHOLE, 1);
    let path = dir.path().join("anomalies.jsonl");
    for _ in 0..2 {
        ListFile::inspect(&path).unwrap().write(&report, "0.0.0-test").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["anomalies"].as_u64(), Some(u64::try_from(report.listed.len()).unwrap()));
    assert_eq!((&lines[0]["seed"], &lines[0]["condition"]), (&5.into(), &"messy".into()));
    assert_eq!(lines.len(), report.listed.len() + 1);
    for (line, anomaly) in lines[1..].iter().zip(&report.listed) {
        assert_eq!(*line, serde_json::to_value(anomaly).unwrap());
        assert!(line["key_column"].is_string() && line["key"].is_i64(), "{line}");
    }
    let other = dir.path().join("letter.txt");
    std::fs::write(&other, "Dear colleague,\n").unwrap();
    let trouble = ListFile::inspect(&other).unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("files::not_ours", 3));
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "Dear colleague,\n");
}

/// What the files say, the database says; and the rules find what was planted, to the row.
#[test]
fn rules_report_what_was_planted_and_no_more() {
    let demo = DemoDatabase::new();
    let settings = GenerateSettings { condition: Condition::Messy, ..demo.settings(PATIENTS, 5) };
    let plan = demo.plan(settings.clone()).unwrap();
    let rehearsed = demo.rehearse(&plan);
    let report = demo.run(plan).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = write(dir.path(), PATIENTS, Condition::Messy, Shard::WHOLE, 1);
    assert_eq!(report.listed, files.listed);
    assert_eq!(rehearsed.listed, files.listed);
    assert_eq!(report.tables, files.tables);
    for anomaly in report.listed.iter().filter(|anomaly| anomaly.column.is_some()) {
        let held = demo.cell(&format!(
            "SELECT \"{}\"::text FROM raw.{} WHERE \"{}\" = {}",
            anomaly.column.unwrap(),
            anomaly.table,
            anomaly.key_column,
            anomaly.key
        ));
        let planted = match &anomaly.planted {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone()),
            number => Some(number.to_string()),
        };
        assert_eq!(held, planted, "{anomaly:?}");
    }
    let found = |extent| demo.block_on(measure(&settings.endpoint, None, extent, |_| {})).unwrap();
    let quality = found(Extent::Everything);
    assert_eq!(quality.condition, "messy");
    let verdict = |id: &str| quality.quality.iter().find(|row| row.id == id).unwrap();
    for (rule, kind) in [
        ("D-birth", "birth_date_missing"),
        ("D-zero", "zero_date"),
        ("keys", "orphan"),
        ("D-scheduled", "left_scheduled"),
        ("D-twice", "duplicate_patient"),
        ("D-blank", "trailing_blank"),
        ("D-case", "mail_case"),
        ("D-claim", "claim_not_closed"),
    ] {
        let row = verdict(rule);
        assert_eq!(row.verdict, Verdict::Planted, "{row:?}");
        assert_eq!(row.target, format!("{}, planted", of_kind(&report, kind).unwrap()), "{rule}");
    }
    let broken: Vec<&str> =
        quality.quality.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.id).collect();
    assert_eq!(broken, Vec::<&str>::new());
    // One more is no longer what was planted.
    demo.admin("UPDATE raw.patient SET \"LName\" = \"LName\" || ' ' WHERE \"PatNum\" = (SELECT min(\"PatNum\") FROM raw.patient WHERE \"LName\" = rtrim(\"LName\") AND \"FName\" = rtrim(\"FName\"))");
    let rules = found(Extent::Rules);
    let broken: Vec<&str> =
        rules.quality.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.id).collect();
    assert_eq!(broken, ["D-blank"]);
}

//! `export`: the copy as Parquet files, as it was proved or not at all.

use std::collections::BTreeMap;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use crate::bench::Bench;

/// One table of Open Dental that is parted by year, one that is not, one with everything that has its own form.
pub(crate) const TABLES: &str = "CREATE TABLE procedurelog (ProcNum BIGINT PRIMARY KEY, PatNum BIGINT NOT NULL, ProcDate DATE, ProcFee DOUBLE NOT NULL) ENGINE=MyISAM;
    INSERT INTO procedurelog VALUES (1, 1, '2023-12-31', 10.5), (2, 1, '2024-01-01', -0.25), (3, 2, '2024-06-30', 1e300), (4, 2, '0000-00-00', 0);
    CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(50) NOT NULL, Birthdate DATE) ENGINE=MyISAM;
    INSERT INTO patient VALUES (1, 'Canary-Ånd', '1980-02-29'), (2, '', NULL);
    CREATE TABLE ownthings (Num INT PRIMARY KEY, Amount DECIMAL(20,4), At DATETIME(6), Span TIME(6), Bytes VARBINARY(9), Flags BIT(5), Small TINYINT UNSIGNED, Huge BIGINT UNSIGNED) ENGINE=MyISAM;
    INSERT INTO ownthings VALUES (1, -1234567890123456.7890, '2024-02-29 23:59:59.999999', '-838:59:59.000001', X'00FF27', b'10110', 255, 18446744073709551615), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    CREATE TABLE empty (Num INT PRIMARY KEY) ENGINE=MyISAM";

const EXPORT: [&str; 6] = ["export", "--env", "test", "--output", "parquet", "--dir"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&EXPORT[..], more].concat()
}

/// The rows of a file, each with its columns by name.
fn rows(bench: &Bench, file: &str) -> Vec<BTreeMap<String, Field>> {
    let reader = SerializedFileReader::new(std::fs::File::open(bench.path(file)).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(|(n, f)| (n.clone(), f.clone())).collect()).collect()
}

#[test]
fn every_value_is_in_the_files_and_events_are_parted_by_year() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLES);
    assert_eq!(bench.json(&["sync", "--env", "test"])["exit_code"], 0);
    // A column that came later stands first on the source and last in the target.
    source.admin("ALTER TABLE patient ADD COLUMN Early INT NOT NULL DEFAULT 7 FIRST");
    assert_eq!(bench.json(&["sync", "--env", "test", "--proof", "full"])["exit_code"], 0);
    target.admin("ALTER TABLE raw.patient ADD COLUMN theirs int");
    let done = bench.json(&with(&["out"]));
    assert_eq!((&done["exit_code"], &done["rows"]), (&0.into(), &8.into()), "{done}");
    let files: Vec<String> =
        done["tables"].as_array().unwrap().iter().map(|t| t["name"].to_string()).collect();
    assert_eq!(files, ["\"empty\"", "\"ownthings\"", "\"patient\"", "\"procedurelog\""]);
    assert_eq!(done["tables"][2]["left_out"], serde_json::json!(["theirs"]));
    assert_eq!(
        (&done["tables"][3]["parted_by"], &done["tables"][3]["files"]),
        (&"ProcDate".into(), &3.into())
    );
    let year = |year: &str| rows(&bench, &format!("out/procedurelog/year={year}/part-0.parquet"));
    let fees = |year: Vec<BTreeMap<String, Field>>| {
        year.iter().map(|row| row["ProcFee"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(fees(year("2023")), [Field::Double(10.5)]);
    assert_eq!(fees(year("2024")), [Field::Double(-0.25), Field::Double(1e300)]);
    assert_eq!(fees(year("__HIVE_DEFAULT_PARTITION__")), [Field::Double(0.0)]);
    let patients = rows(&bench, "out/patient/part-0.parquet");
    assert_eq!(patients[0]["LName"], Field::Str("Canary-Ånd".to_owned()));
    assert_eq!((&patients[1]["LName"], &patients[1]["Early"]), (&Field::Str(String::new()), &Field::Int(7)));
    assert_eq!(patients[0]["Birthdate"], Field::Date(3711), "days from 1970");
    let things = rows(&bench, "out/ownthings/part-0.parquet");
    assert_eq!(things[0]["Amount"].to_string(), "-1234567890123456.7890");
    assert_eq!(things[0]["At"], Field::TimestampMicros(1_709_251_199_999_999));
    assert_eq!(things[0]["Span"], Field::Long(-3_020_399_000_001));
    assert_eq!(things[0]["Bytes"], Field::Bytes(vec![0, 255, 39].into()));
    assert_eq!(things[0]["Flags"], Field::Str("10110".to_owned()));
    assert_eq!(things[0]["Huge"].to_string().trim_end_matches('.'), "18446744073709551615");
    assert_eq!(things[1].values().filter(|field| **field == Field::Null).count(), 7);
    assert_eq!(rows(&bench, "out/empty/part-0.parquet").len(), 0);
    let manifest: Value = serde_json::from_str(&bench.read("out/manifest.json")).unwrap();
    assert_eq!(
        (&manifest["made_by"], &manifest["environment"], &manifest["rows"]),
        (&"bicuspid export: these files hold patients".into(), &"test".into(), &8.into())
    );
    #[cfg(unix)]
    for file in manifest["tables"].as_array().unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = bench.path("out").join(file["file"].as_str().unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o077, 0);
    }
    // Nothing of it is told anywhere, and the log knows of it.
    let told = bench.run(&with(&["out", "--flat"]));
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("These files hold patients"), "{}", told.stdout);
    assert!(!(told.stdout + &told.stderr + &bench.read("state/audit.jsonl")).contains("Canary"));
    assert!(bench.read("state/audit.jsonl").contains("\"export\""));
    // What the earlier export parted is gone with its folders.
    assert!(
        bench.path("out/procedurelog/part-0.parquet").is_file()
            && !bench.path("out/procedurelog/year=2024").exists()
    );
    assert_eq!(bench.json(&["audit", "--verify", "--env", "all"])["exit_code"], 0);
}

#[test]
fn what_is_not_as_it_was_proved_is_not_exported() {
    let (bench, source, target) = Bench::fresh();
    let nothing = bench.json(&with(&["out"]));
    assert_eq!(nothing["exit_code"], 3, "a database that was never enrolled: {nothing}");
    source.admin(TABLES);
    assert_eq!(bench.json(&["sync", "--env", "test"])["exit_code"], 0);
    assert_eq!(bench.json(&with(&["out"]))["exit_code"], 0);
    for change in [
        "UPDATE raw.patient SET \"LName\" = 'Other' WHERE \"PatNum\" = 2",
        "DELETE FROM raw.patient WHERE \"PatNum\" = 2",
        "INSERT INTO raw.patient SELECT 3, \"LName\", \"Birthdate\" FROM raw.patient WHERE \"PatNum\" = 1",
    ] {
        let before = bench.read("out/manifest.json");
        target.admin(change);
        let refused = bench.json(&with(&["out"]));
        assert_eq!(
            (&refused["exit_code"], &refused["errors"][0]["code"]),
            (&1.into(), &"export::not_as_proved".into())
        );
        assert_eq!(bench.read("out/manifest.json"), before, "the earlier export stays");
        assert_eq!(
            bench.json(&with(&["some", "--tables", "Ownthings"]))["rows"],
            2,
            "others can be exported"
        );
        assert_eq!(bench.json(&["verify", "--env", "test", "--repair"])["exit_code"], 0);
        assert_eq!(bench.json(&with(&["out"]))["exit_code"], 0);
    }
    target.admin("ALTER TABLE raw.patient ALTER COLUMN \"LName\" TYPE varchar(60)");
    assert_eq!(bench.json(&with(&["out"]))["errors"][0]["code"], "export::type");
    target.admin("ALTER TABLE raw.patient DROP COLUMN \"LName\"");
    assert_eq!(bench.json(&with(&["out"]))["errors"][0]["code"], "export::columns");
    assert_eq!(
        bench.json(&with(&["out", "--tables", "patiend"]))["errors"][0]["code"],
        "export::no_such_table"
    );
}

#[test]
fn patients_leave_the_database_with_consent_alone_and_nothing_of_others_is_replaced() {
    let (mut bench, source, target) = Bench::fresh();
    source.admin(TABLES);
    bench.env_file(".env_clinic", "", &source.endpoint, &target.endpoint, "ENVIRONMENT=production\n");
    let name = target.name().to_owned();
    let clinic = ["export", "--env", "clinic", "--output", "parquet", "--dir", "out"];
    assert_eq!(bench.json(&["sync", "--env", "clinic", "--confirm", &name])["exit_code"], 0);
    let asked = bench.json(&clinic);
    assert_eq!(
        (&asked["exit_code"], &asked["errors"][0]["code"]),
        (&3.into(), &"consent::unattended".into())
    );
    let other = bench.json(&[&clinic[..], &["--confirm", "postgres"]].concat());
    assert_eq!(other["errors"][0]["code"], "consent::other_database");
    assert!(!bench.path("out").exists());
    assert_eq!(bench.json(&[&clinic[..], &["--confirm", &name]].concat())["exit_code"], 0);
    bench.write("out/patient/part-0.parquet", "mine");
    let kept = bench.json(&[&clinic[..], &["--confirm", &name]].concat());
    assert_eq!((&kept["exit_code"], &kept["errors"][0]["code"]), (&3.into(), &"files::not_ours".into()));
    assert_eq!(bench.read("out/patient/part-0.parquet"), "mine");
    let demo = bench.run(&["export", "--env", "demo", "--output", "parquet", "--dir", "out"]);
    assert_eq!(demo.code, 2, "{}", demo.stderr);
    let form = bench.run(&["export", "--env", "test", "--output", "csv", "--dir", "out"]);
    assert_eq!(form.code, 2, "{}", form.stderr);
}

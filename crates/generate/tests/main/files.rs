//! Files: their bytes, their manifest, what they replace and what they do not.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use bicuspid_generate::{
    Condition, FileSettings, Form, GenerateError, GenerateReport, Shard, Spread, plan_files, tables_sql,
};
use bicuspid_model::{TargetType, Value};
use bicuspid_opendental::{TypePolicy, model_table};
use bicuspid_practice::Practice;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

#[cfg(unix)]
use crate::demo::DemoDatabase;
use crate::demo::practice;

fn settings(dir: &Path, form: Form, shard: Shard, threads: usize) -> FileSettings {
    FileSettings {
        practice: practice(60, 5),
        condition: Condition::Clean,
        dir: dir.to_owned(),
        form,
        shard,
        threads: NonZeroUsize::new(threads).unwrap(),
    }
}

fn write(settings: FileSettings) -> Result<GenerateReport, GenerateError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = plan_files(settings)?;
    runtime.block_on(plan.run("0.0.0-test", &|_| {}))
}

/// Every file of a folder with its bytes.
fn bytes(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    for form in [Form::Csv, Form::Parquet] {
        let dir = tempfile::tempdir().unwrap();
        let at = |threads: usize| dir.path().join(threads.to_string());
        let digests: Vec<_> = [1, 2, 8]
            .map(|threads| write(settings(&at(threads), form, Shard::WHOLE, threads)).unwrap().tables)
            .into();
        assert_eq!(digests[0], digests[1]);
        let one = bytes(&at(1));
        assert!(one.len() > 20 && one.contains_key("manifest.json"), "{}", one.len());
        assert!(one == bytes(&at(2)) && one == bytes(&at(8)), "{}", form.name());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            for entry in std::fs::read_dir(at(2)).unwrap() {
                assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
            }
            assert_eq!(std::fs::metadata(at(2)).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}

#[test]
fn shards_in_their_order_are_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let whole = write(settings(&dir.path().join("whole"), Form::Csv, Shard::WHOLE, 2)).unwrap();
    let parts: Vec<GenerateReport> = (1..=3)
        .map(|index| {
            write(settings(&dir.path().join("parts"), Form::Csv, Shard::new(index, 3).unwrap(), 1)).unwrap()
        })
        .collect();
    let files = bytes(&dir.path().join("parts"));
    let head = |text: &[u8]| text.iter().position(|b| *b == b'\n').unwrap() + 1;
    for (name, content) in &bytes(&dir.path().join("whole")) {
        let Some(stem) = name.strip_suffix(".csv") else { continue };
        let mut together = content[..head(content)].to_vec();
        for index in 1..=3 {
            let part = &files[&format!("{stem}-{index}-of-3.csv")];
            assert_eq!(part[..head(part)], content[..head(content)], "every file has its names: {name}");
            together.extend_from_slice(&part[head(part)..]);
        }
        assert!(together == *content, "{name}");
    }
    for table in &whole.tables {
        let shares = parts.iter().map(|p| p.tables.iter().find(|t| t.name == table.name).unwrap());
        let (mut rows, mut digest) = (0, 0_u128);
        for share in shares {
            rows += share.rows;
            digest = digest.wrapping_add(u128::from_str_radix(&share.digest, 16).unwrap());
        }
        assert_eq!((rows, format!("{digest:032x}")), (table.rows, table.digest.clone()), "{}", table.name);
    }
    assert_eq!((Shard::new(0, 3), Shard::new(4, 3), Shard::new(1, 0)), (None, None, None));
}

#[test]
fn only_what_a_manifest_accounts_for_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let at = |seed| {
        let mut settings = settings(dir.path(), Form::Csv, Shard::WHOLE, 1);
        settings.practice = practice(30, seed);
        settings
    };
    let refused = |what: &str| {
        let trouble = write(at(2)).unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("files::not_ours", 3), "{what}");
        assert!(trouble.what.contains(what), "{}", trouble.what);
    };
    // A stranger in the place of a table.
    std::fs::write(dir.path().join("patient.csv"), "mine").unwrap();
    refused("patient.csv");
    assert_eq!(std::fs::read(dir.path().join("patient.csv")).unwrap(), b"mine");
    std::fs::remove_file(dir.path().join("patient.csv")).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "mine too").unwrap();
    let first = write(at(1)).unwrap();
    assert_eq!(first.rows_replaced, 0);
    let before = bytes(dir.path());
    // Its own earlier files are replaced, and others left alone.
    let second = write(at(2)).unwrap();
    assert_eq!(second.rows_replaced, first.rows);
    assert_ne!(before["patient.csv"], bytes(dir.path())["patient.csv"]);
    assert_eq!(bytes(dir.path())["notes.txt"], b"mine too");
    // One that was edited since is somebody's work.
    let edited = [&bytes(dir.path())["patient.csv"][..], b"x"].concat();
    std::fs::write(dir.path().join("patient.csv"), &edited).unwrap();
    refused("patient.csv");
    assert_eq!(bytes(dir.path())["patient.csv"], edited);
    std::fs::remove_file(dir.path().join("patient.csv")).unwrap();
    std::fs::write(dir.path().join("manifest.json"), "{}").unwrap();
    refused("manifest.json");
    // A folder that is a file.
    let mut wrong = at(1);
    wrong.dir = dir.path().join("notes.txt");
    assert_eq!(plan_files(wrong).unwrap_err().trouble().class.exit_code(), 2);
}

#[test]
fn parquet_holds_the_rows_with_their_types() {
    let dir = tempfile::tempdir().unwrap();
    let report = write(settings(dir.path(), Form::Parquet, Shard::WHOLE, 2)).unwrap();
    let mut made: BTreeMap<&str, Vec<Vec<Value>>> = BTreeMap::new();
    let mut keep = |table: &'static str, row: &[Value]| {
        made.entry(table).or_default().push(row.to_vec());
        Ok(())
    };
    Practice::new(practice(60, 5)).unwrap().run(&mut keep).unwrap();
    let mut compared = 0;
    for table in report.tables.iter().filter(|table| table.rows > 0) {
        let file = std::fs::File::open(dir.path().join(format!("{}.parquet", table.name))).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        assert_eq!(u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap(), table.rows);
        let model = model_table(&table.name, TypePolicy::Dbt).unwrap();
        for (read, row) in reader.get_row_iter(None).unwrap().zip(&made[table.name.as_str()]) {
            let read = read.unwrap();
            for (((name, field), value), column) in read.get_column_iter().zip(row).zip(&model.columns) {
                assert_eq!(name, column.name.as_str());
                let same = match (field, value) {
                    (Field::Null, _) => column.withheld || *value == Value::Null,
                    (Field::Bool(a), Value::Int(b)) => i64::from(*a) == *b,
                    (Field::Short(a), Value::Int(b)) => i64::from(*a) == *b,
                    (Field::Int(a), Value::Int(b)) => i64::from(*a) == *b,
                    (Field::Long(a), Value::Int(b)) => a == b,
                    (Field::Long(a), Value::Time(b)) => {
                        a == b && matches!(column.target, TargetType::Interval | TargetType::Time)
                    }
                    (Field::Float(a), Value::Float(b)) => (f64::from(*a) - b).abs() < 1e-6,
                    (Field::Double(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
                    (Field::Str(a), Value::Text(b)) => a == b,
                    (Field::Bytes(a), Value::Bytes(b)) => a.data() == b,
                    (Field::Date(a), Value::Date(b)) => *a == b.days() + 10_957,
                    (Field::TimestampMicros(a), Value::DateTime(b)) => *a == b.micros() + 946_684_800_000_000,
                    _ => false,
                };
                assert!(same, "{}.{name}: {field:?} for {value:?}", table.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// A folder whose files the server may read: it may be another account of this machine.
#[cfg(unix)]
struct Readable(tempfile::TempDir);

#[cfg(unix)]
impl Readable {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// The statement by which the server reads this text into a table.
    fn copy(&self, table: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.0.path().join("table.csv");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        format!("COPY {table} FROM '{}' (FORMAT csv, HEADER)", file.display())
    }
}

/// The oracle: PostgreSQL reads the files and finds in them what it was given by `COPY`.
#[cfg(unix)]
#[test]
fn postgres_reads_the_csv_and_finds_the_same_rows() {
    let demo = DemoDatabase::new();
    demo.generate(60, 5).unwrap();
    let (dir, readable) = (tempfile::tempdir().unwrap(), Readable::new());
    let report = write(settings(dir.path(), Form::Csv, Shard::WHOLE, 2)).unwrap();
    for table in report.tables.iter().filter(|table| table.rows > 0) {
        let text = std::fs::read_to_string(dir.path().join(format!("{}.csv", table.name))).unwrap();
        let columns: Vec<String> =
            text.lines().next().unwrap().split(',').map(|name| name.trim().to_owned()).collect();
        demo.admin(&format!(
            "CREATE TABLE public.{0} AS SELECT {1} FROM raw.{0} WHERE false",
            table.name,
            columns.join(", ")
        ));
        demo.admin(&readable.copy(&format!("public.{}", table.name), &text));
        let differ = demo.cell(&format!(
            "SELECT count(*) FROM (SELECT md5(t::text) FROM public.{0} t EXCEPT ALL SELECT md5(r::text) FROM \
             (SELECT {1} FROM raw.{0}) r) d",
            table.name,
            columns.join(", ")
        ));
        assert_eq!(differ.as_deref(), Some("0"), "{}", table.name);
        let rows = demo.cell(&format!("SELECT count(*) FROM public.{}", table.name));
        assert_eq!(rows, Some(table.rows.to_string()), "{}", table.name);
    }
}

/// What Citus asks of a distributed table, in place of Citus, which is not there: its functions note what they were told.
#[cfg(unix)]
const IN_PLACE_OF_CITUS: &str = "
CREATE TABLE public.told (relation regclass PRIMARY KEY, by_column text, beside regclass);
CREATE FUNCTION public.create_distributed_table(relation regclass, by_column text, colocate_with regclass DEFAULT NULL)
RETURNS void LANGUAGE sql AS 'INSERT INTO public.told VALUES (relation, by_column, colocate_with)';
CREATE FUNCTION public.create_reference_table(relation regclass)
RETURNS void LANGUAGE sql AS 'INSERT INTO public.told VALUES (relation, NULL, NULL)'";

#[cfg(unix)]
#[test]
fn the_script_makes_the_tables_that_the_files_fill() {
    let (dir, readable) = (tempfile::tempdir().unwrap(), Readable::new());
    let report = write(settings(dir.path(), Form::Csv, Shard::WHOLE, 2)).unwrap();
    for spread in [Spread::None, Spread::ByPatient] {
        let database = bicuspid_sandbox::testing::servers().postgres_database("script");
        if spread == Spread::ByPatient {
            database.admin(IN_PLACE_OF_CITUS);
        }
        database.admin(&tables_sql(spread).unwrap());
        for table in report.tables.iter().filter(|table| table.rows > 0) {
            let text = std::fs::read_to_string(dir.path().join(format!("{}.csv", table.name))).unwrap();
            let name = format!("raw.\"{}\"", table.name);
            database.admin(&readable.copy(&name, &text));
            let rows = &database.query(&format!("SELECT count(*) FROM {name}"))[0][0];
            assert_eq!(*rows, Some(table.rows.to_string()), "{name}");
        }
        if spread == Spread::None {
            continue;
        }
        // Every table once; whatever is spread has the column, of one type, in every unique key.
        let answer = |sql: &str| database.query(sql)[0][0].clone().unwrap();
        assert_eq!(
            answer("SELECT count(*) FROM public.told"),
            answer(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'r'"
            )
        );
        let spread_tables = answer("SELECT count(*) FROM public.told WHERE by_column = 'PatNum'");
        assert!(spread_tables.parse::<u32>().unwrap() > 80, "{spread_tables}");
        let unfit = "SELECT count(*) FROM public.told t WHERE by_column IS NOT NULL AND (\
             NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = relation AND attname = by_column \
             AND atttypid = 'bigint'::regtype) OR EXISTS (SELECT 1 FROM pg_index i WHERE indrelid = relation \
             AND indisunique AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = relation \
             AND attname = by_column AND a.attnum = ANY (i.indkey))))";
        assert_eq!(answer(unfit), "0");
        assert_eq!(
            answer("SELECT count(*) FROM public.told WHERE by_column IS NOT NULL AND beside IS NULL"),
            "1",
            "all but the patients are beside them"
        );
    }
}

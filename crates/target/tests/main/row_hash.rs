//! The proof of a first load against a real server: it holds for rows of every type, and for nothing but those rows.

use bicuspid_model::{
    Batch, Column, ColumnName, Environment, Fingerprint, FingerprintKey, SourceType, Table, TableName,
    TargetType,
};
use bicuspid_sandbox::testing::{self, PostgresDatabase};
use bicuspid_target::{
    Analytics, ChunkState, Intake as _, Marks, PassRecord, Proof, RowHashes, Schemas, TableRecord,
    TargetError, Writer,
};

use crate::between::clinic;

const KEY: FingerprintKey = FingerprintKey::new([3; 16]);

struct Run {
    database: PostgresDatabase,
    runtime: tokio::runtime::Runtime,
    writer: Writer,
}

impl Run {
    fn begin(prefix: &str) -> Self {
        Self::on(prefix, "")
    }

    /// On a database with a setting.
    fn on(prefix: &str, setting: &str) -> Self {
        let database = testing::servers().postgres_database(prefix);
        if !setting.is_empty() {
            database.admin(&format!("ALTER DATABASE {} {setting}", database.name()));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let writer = runtime.block_on(async {
            let look = Analytics::connect(&database.endpoint, &Schemas::alone()).await.unwrap();
            let identity = look.enrol(Environment::Test, KEY, "dbt", "0").await.unwrap();
            look.into_writer(identity).await.unwrap()
        });
        Self { database, runtime, writer }
    }

    /// Loads some rows and proves them against others: as the source's fingerprint and as its row hashes.
    fn load(
        &mut self,
        table: &Table,
        sent: &Batch,
        read: &Batch,
        summed: &Batch,
    ) -> Result<Proof, TargetError> {
        let mut hashes = RowHashes::of(table, &KEY);
        if let Some(hashes) = &mut hashes {
            hashes.add(summed);
        }
        let mut expected = Fingerprint::default();
        read.rows().for_each(|row| expected.add(KEY.hash(row)));
        let writer = &mut self.writer;
        let outcome = self.runtime.block_on(async {
            let mut load = writer.first_load(table).await?;
            load.send(sent.bytes()).await?;
            let proved = writer.filled(load, table).await?.prove(expected, hashes.as_ref(), &KEY).await?;
            let proof = proved.proof();
            let record = TableRecord {
                source_name: table.name.clone(),
                shape: String::new(),
                walk: Vec::new(),
                chunks: vec![ChunkState { upper: None, fingerprint: expected, marks: Marks::default() }],
                converted: Vec::new(),
                pass: PassRecord { whole: true, ..PassRecord::default() },
            };
            proved.publish(&record, "r-1", &clinic()).await?;
            Ok(proof)
        });
        if outcome.is_err() {
            self.runtime.block_on(self.writer.abandon()).unwrap();
        }
        outcome
    }
}

fn table(name: &str, columns: &[(String, TargetType, bool)], keyed: bool) -> Table {
    let column = |(name, target, nullable): &(String, TargetType, bool)| Column {
        name: ColumnName::new(name.as_str()).unwrap(),
        source: SourceType::Double,
        target: *target,
        nullable: *nullable,
        withheld: false,
    };
    Table {
        name: TableName::new(name).unwrap(),
        columns: columns.iter().map(column).collect(),
        primary_key: if keyed { vec![0] } else { Vec::new() },
    }
}

const TYPES: [TargetType; 18] = [
    TargetType::Bool,
    TargetType::Int2,
    TargetType::Int4,
    TargetType::Int8,
    TargetType::Numeric { precision: 20, scale: 0 },
    TargetType::Numeric { precision: 65, scale: 30 },
    TargetType::Float4,
    TargetType::Float8,
    TargetType::Date,
    TargetType::Timestamp,
    TargetType::Interval,
    TargetType::Time,
    TargetType::Text,
    TargetType::Bytea,
    TargetType::Json,
    TargetType::VarBit { width: 2 },
    TargetType::VarBit { width: 9 },
    TargetType::VarBit { width: 64 },
];

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// As often small or at a limit as any other.
    fn integer(&mut self) -> i64 {
        let any = self.next().cast_signed();
        match self.below(6) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => 0,
            3 => any >> 33,
            4 => any >> 56,
            _ => any,
        }
    }

    fn digits(&mut self, most: u64) -> String {
        (0..self.below(most + 1)).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap())).collect()
    }

    fn length(&mut self) -> u64 {
        match self.below(200) {
            0 => 100_000 + self.below(24),
            _ => self.below(50),
        }
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 10] = ['a', 'Z', ' ', '\n', '\\', '"', 'é', 'ß', '漢', '🦷'];
        (0..self.length()).map(|_| LETTERS[usize::try_from(self.below(10)).unwrap()]).collect()
    }

    fn double(&mut self) -> f64 {
        const ODD: [f64; 8] =
            [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, 5e-324, f64::MAX];
        if self.below(2) == 0 {
            ODD[usize::try_from(self.below(8)).unwrap()]
        } else {
            f64::from_bits(self.next())
        }
    }

    fn real(&mut self) -> f32 {
        const ODD: [f32; 6] = [0.0, -0.0, f32::INFINITY, f32::NAN, f32::MIN_POSITIVE, 1e-45];
        let any = f32::from_bits(u32::try_from(self.next() >> 32).unwrap());
        if self.below(2) == 0 { ODD[usize::try_from(self.below(6)).unwrap()] } else { any }
    }

    fn value(&mut self, target: TargetType, row: &mut Batch) {
        let any = self.integer();
        let within = |low: i64, high: i64| low + any.rem_euclid(high - low + 1);
        match target {
            TargetType::Bool => row.bool(any & 1 == 1),
            TargetType::Int2 => row.int2(i16::try_from(within(-0x8000, 0x7fff)).unwrap()),
            TargetType::Int4 => row.int4(i32::try_from(any >> 32).unwrap()),
            TargetType::Int8 | TargetType::Timestamp if any == i64::MIN || any == i64::MAX => row.int8(any),
            TargetType::Int8 => row.int8(any),
            TargetType::Numeric { precision, scale } => {
                let sign = if self.below(2) == 0 { "-" } else { "" };
                let whole = self.digits(u64::from(precision - scale));
                let fraction = self.digits(u64::from(scale));
                assert!(row.numeric(format!("{sign}0{whole}.{fraction}").as_bytes(), scale));
            }
            TargetType::Float4 => row.float4(self.real()),
            TargetType::Float8 => row.float8(self.double()),
            TargetType::Date => row.int4(i32::try_from(within(-2_451_545, 2_921_939)).unwrap()),
            TargetType::Timestamp => row.int8(within(-211_813_488_000_000_000, 252_455_615_999_999_999)),
            TargetType::Interval => row.interval(any),
            TargetType::Time => row.int8(within(0, 86_400_000_000)),
            TargetType::Text => assert!(row.raw(self.text().as_bytes())),
            TargetType::Bytea => {
                let bytes: Vec<u8> = (0..self.length()).map(|_| self.next().to_le_bytes()[0]).collect();
                assert!(row.raw(&bytes));
            }
            TargetType::Json => {
                let text = format!("{{\"a\" :  \"{}é\", \"a\":{any}}}", "x".repeat(any.to_string().len()));
                assert!(row.raw(text.as_bytes()));
            }
            TargetType::VarBit { width } => row.varbit(self.next() >> (64 - width), width),
        }
    }

    fn rows(&mut self, table: &Table, count: i32) -> Batch {
        let mut batch = Batch::new();
        for i in 0..count {
            batch.begin_row(u16::try_from(table.columns.len()).unwrap());
            batch.int4(i);
            for column in &table.columns[1..] {
                if column.nullable && self.below(3) == 0 {
                    batch.null();
                } else {
                    self.value(column.target, &mut batch);
                }
            }
            assert!(batch.end_row());
        }
        batch
    }
}

/// Columns of these types, a NOT NULL one and one that may be NULL of each, after a key.
fn both(types: &[TargetType]) -> Vec<(String, TargetType, bool)> {
    let mut columns = vec![("Id".to_owned(), TargetType::Int4, false)];
    for (i, target) in types.iter().enumerate() {
        columns.push((format!("v\"{i}"), *target, false));
        columns.push((format!("N{i}"), *target, true));
    }
    columns
}

#[test]
fn the_server_hashes_every_row_as_we_do() {
    let mut run = Run::begin("hashes");
    let (seed, rows) = (0x00b1_c059, if testing::long() { 20_000 } else { 400 });
    let mut dice = Dice(seed);
    for (i, target) in TYPES.iter().enumerate() {
        let table = table(&format!("one{i}"), &both(&[*target]), true);
        let batch = dice.rows(&table, rows);
        let proof = run.load(&table, &batch, &batch, &batch).unwrap();
        assert_eq!(proof, Proof::RowHashes, "{target} of seed {seed}");
    }
    for (name, keyed) in [("all", true), ("all_in_a_bag", false)] {
        let table = table(name, &both(&TYPES), keyed);
        let batch = dice.rows(&table, rows);
        assert_eq!(run.load(&table, &batch, &batch, &batch).unwrap(), Proof::RowHashes, "seed {seed}");
    }
    let empty = table("empty", &both(&TYPES), true);
    let none = Batch::new();
    assert_eq!(run.load(&empty, &none, &none, &none).unwrap(), Proof::RowHashes);
}

#[test]
fn a_table_of_a_thousand_columns_is_proved_too() {
    let mut run = Run::begin("columns");
    for (name, columns, proof) in
        [("many", 490, Proof::RowHashes), ("too_many_for_a_chain", 1000, Proof::ReadBack)]
    {
        let columns: Vec<_> = (0..columns).map(|i| (format!("c{i}"), TargetType::Int2, false)).collect();
        let table = table(name, &columns, false);
        let batch = pairs_of(columns.len());
        assert_eq!(run.load(&table, &batch, &batch, &batch).unwrap(), proof, "{name}");
    }
}

#[test]
fn a_server_that_cannot_answer_lets_the_rows_be_read_back() {
    // As small as a stack may be: too small for a chain of this length, large enough for everything else.
    let mut run = Run::on("shallow", "SET max_stack_depth = '100kB'");
    let columns: Vec<_> = (0..400).map(|i| (format!("c{i}"), TargetType::Int2, false)).collect();
    let table = table("long", &columns, false);
    let batch = pairs_of(columns.len());
    assert_eq!(run.load(&table, &batch, &batch, &batch).unwrap(), Proof::ReadBack);
}

/// Two rows of small integers.
fn pairs_of(columns: usize) -> Batch {
    let mut batch = Batch::new();
    for row in 0..2 {
        batch.begin_row(u16::try_from(columns).unwrap());
        (0..columns).for_each(|i| batch.int2(row * i16::try_from(i).unwrap()));
        assert!(batch.end_row());
    }
    batch
}

#[test]
fn hashes_that_disagree_lead_to_the_rows_themselves() {
    let mut run = Run::begin("disagree");
    let columns = both(&[TargetType::Int8]);
    let mut dice = Dice(1);
    let (rows, others) = {
        let table = table("any", &columns, true);
        (dice.rows(&table, 20), dice.rows(&table, 20))
    };
    // A fault of the hashes alone costs time, and holds no table.
    let proof = run.load(&table("false_alarm", &columns, true), &rows, &rows, &others).unwrap();
    assert_eq!(proof, Proof::ReadBack);
    // What was read was one thing, what arrived another: whatever the rows in between said.
    for (name, read) in [("other_rows", &others), ("no_rows", &Batch::new())] {
        let held = run.load(&table(name, &columns, true), &rows, read, read).unwrap_err();
        assert!(matches!(held, TargetError::Held { rule: "fingerprint", .. }), "{name}: {held}");
    }
    // A table without a key takes a row twice.
    let mut twice = rows.clone();
    assert!(twice.append(&rows));
    let held = run.load(&table("twice", &columns, false), &twice, &rows, &rows).unwrap_err();
    assert!(matches!(held, TargetError::Held { rule: "fingerprint", .. }), "{held}");
}

/// The columns of the table that is tampered with.
fn tampered() -> Vec<(String, TargetType, bool)> {
    let kinds = [
        ("flag", TargetType::Bool),
        ("i2", TargetType::Int2),
        ("i4", TargetType::Int4),
        ("i8", TargetType::Int8),
        ("n", TargetType::Numeric { precision: 20, scale: 2 }),
        ("r", TargetType::Float4),
        ("d", TargetType::Float8),
        ("e", TargetType::Float8),
        ("day", TargetType::Date),
        ("moment", TargetType::Timestamp),
        ("clock", TargetType::Time),
        ("span", TargetType::Interval),
        ("t", TargetType::Text),
        ("u", TargetType::Text),
        ("j", TargetType::Json),
        ("b", TargetType::Bytea),
        ("bits", TargetType::VarBit { width: 9 }),
    ];
    let mut columns = vec![("id".to_owned(), TargetType::Int4, false)];
    columns.extend(kinds.iter().map(|(name, target)| ((*name).to_owned(), *target, false)));
    columns.extend(kinds.iter().map(|(name, target)| (format!("{name}_n"), *target, true)));
    columns
}

/// Row 1 holds what NULL is hashed as, row 2 anything, row 3 NULL wherever it may, row 4 other things.
fn to_tamper_with(columns: &[(String, TargetType, bool)]) -> Batch {
    let mut batch = Batch::new();
    for id in 1..=4_i32 {
        batch.begin_row(u16::try_from(columns.len()).unwrap());
        batch.int4(id);
        for (name, target, nullable) in &columns[1..] {
            let (wide, other) = if id == 1 { (0, 0) } else { (i64::from(id) << 40 | 7, id) };
            match target {
                _ if id == 3 && *nullable => batch.null(),
                TargetType::Bool => batch.bool(id == 2),
                TargetType::Int2 => batch.int2(i16::try_from(other).unwrap()),
                TargetType::Int4 | TargetType::Date => batch.int4(other * 70_000 % 3_000_000),
                TargetType::Int8 | TargetType::Timestamp | TargetType::Interval | TargetType::Time => {
                    let wide = if *target == TargetType::Time { wide % 86_400_000_000 } else { wide };
                    if *target == TargetType::Interval { batch.interval(wide) } else { batch.int8(wide) }
                }
                TargetType::Numeric { .. } => assert!(batch.numeric(format!("{wide}.25").as_bytes(), 2)),
                TargetType::Float4 => batch.float4(f32::from(u8::try_from(other).unwrap()) * 1.25),
                // Of the two columns of this type one is zero where the other is not.
                TargetType::Float8 if id == 2 && name.starts_with('e') => batch.float8(0.0),
                TargetType::Float8 => batch.float8(f64::from(other) * 1.25),
                TargetType::Json => assert!(batch.raw(format!("[{other}]").as_bytes())),
                TargetType::VarBit { .. } => batch.varbit(u64::try_from(other).unwrap(), 9),
                TargetType::Text | TargetType::Bytea if id == 1 => assert!(batch.raw(b"")),
                TargetType::Text | TargetType::Bytea => assert!(batch.raw(format!("{name} {id}").as_bytes())),
            }
        }
        assert!(batch.end_row());
    }
    batch
}

#[test]
fn what_happens_to_the_rows_on_the_server_is_found() {
    let mut run = Run::begin("tamper");
    let columns = tampered();
    let rows = to_tamper_with(&columns);
    let mut deeds: Vec<String> = [
        "flag = NOT flag WHERE id = 2",
        "i2 = i2 # 1::smallint WHERE id = 2",
        "i2 = i2 # (-32768)::smallint WHERE id = 2",
        "i4 = i4 # 65536 WHERE id = 2",
        "i4 = -i4 WHERE id = 2",
        "i8 = i8 # 1 WHERE id = 2",
        "i8 = i8 # (1::bigint << 62) WHERE id = 2",
        "i8 = -i8 WHERE id = 2",
        "i8 = ~i8 WHERE id = 2",
        // Both halves changed alike, which their fold does not show.
        "i8 = i8 # 77309411346 WHERE id = 2",
        "n = -n WHERE id = 2",
        "n = n + 0.01 WHERE id = 2",
        "n = n * 10 WHERE id = 2",
        "r = '-0' WHERE id = 1",
        "r = r * 1.0000002 WHERE id = 2",
        "r = -r WHERE id = 2",
        "r = 'NaN' WHERE id = 2",
        "d = '-0' WHERE id = 1",
        "d = '5e-324' WHERE id = 1",
        "d = d + 1e-15 WHERE id = 2",
        "d = 0 WHERE id = 2",
        "d = 'Infinity' WHERE id = 2",
        "d = e, e = d WHERE id = 2",
        "d_n = e_n, e_n = d_n WHERE id = 2",
        "e = d WHERE id = 2",
        "day = day + 1 WHERE id = 2",
        "day = day - 1 WHERE id = 1",
        "day = 'infinity' WHERE id = 2",
        "moment = moment + interval '1 microsecond' WHERE id = 2",
        "moment = moment - interval '5 hours' WHERE id = 2",
        "moment = date_trunc('second', moment) WHERE id = 2",
        "moment = 'infinity' WHERE id = 2",
        "clock = clock + interval '1 microsecond' WHERE id = 2",
        "clock = '24:00' WHERE id = 1",
        "span = -span WHERE id = 2",
        "span = justify_hours(span) WHERE id = 2",
        "t = t || ' ' WHERE id = 2",
        "t = upper(t) WHERE id = 2",
        "t = normalize(t || U&'e\\0301', NFC) WHERE id = 2",
        "t = left(t, 2), u = substr(t, 3) || u WHERE id = 2",
        "t = u, u = t WHERE id = 2",
        "j = '[2 ]' WHERE id = 2",
        "b = set_byte(b, 0, get_byte(b, 0) # 1) WHERE id = 2",
        "b = b || '\\x00'::bytea WHERE id = 2",
        "bits = set_bit(bits::bit(9), 0, 1) WHERE id = 2",
        "bits = B'00000000' WHERE id = 1",
        "t_n = u_n, u_n = t_n WHERE id = 2",
        "(t, u, day, d) = (SELECT t, u, day, d FROM raw.THIS AS o WHERE o.id = 4) WHERE id = 2",
        "t = CASE id WHEN 2 THEN 't 4' ELSE 't 2' END WHERE id IN (2, 4)",
        "i8_n = CASE id WHEN 1 THEN NULL ELSE 0 END WHERE id IN (1, 3)",
    ]
    .map(|set| format!("UPDATE raw.THIS SET {set}"))
    .into();
    deeds.extend([
        "DELETE FROM raw.THIS WHERE id = 1".to_owned(),
        "DELETE FROM raw.THIS".to_owned(),
        "UPDATE raw.THIS SET id = 5 WHERE id = 4".to_owned(),
        "CREATE TEMPORARY TABLE o AS SELECT * FROM raw.THIS WHERE id = 2; UPDATE o SET id = 9;
         INSERT INTO raw.THIS SELECT * FROM o; DROP TABLE o"
            .to_owned(),
        "CREATE TEMPORARY TABLE o AS SELECT * FROM raw.THIS WHERE id = 2; UPDATE o SET id = 4;
         DELETE FROM raw.THIS WHERE id = 4; INSERT INTO raw.THIS SELECT * FROM o; DROP TABLE o"
            .to_owned(),
    ]);
    for (name, _, _) in columns.iter().filter(|(_, _, nullable)| *nullable) {
        let of = name.trim_end_matches("_n");
        deeds.push(format!("UPDATE raw.THIS SET {name} = NULL WHERE id = 1"));
        deeds.push(format!("UPDATE raw.THIS SET {name} = NULL WHERE id = 2"));
        deeds.push(format!(
            "UPDATE raw.THIS SET {name} = (SELECT o.{of} FROM raw.THIS AS o WHERE o.id = 1) WHERE id = 3"
        ));
        deeds.push(format!(
            "UPDATE raw.THIS SET {name} = (SELECT o.{of} FROM raw.THIS AS o WHERE o.id = 4) WHERE id = 3"
        ));
    }
    // What only looks like a change: the proof speaks of what the rows are, not of how often they were written.
    let harmless = ["UPDATE raw.THIS SET t = t", "UPDATE raw.THIS SET d = d + 0 WHERE id <> 1"];
    let deeds =
        harmless.iter().map(|deed| ((*deed).to_owned(), true)).chain(deeds.into_iter().map(|d| (d, false)));
    run.database.admin("CREATE FUNCTION public.deed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
    run.database.admin(
        "CREATE EVENT TRIGGER deed ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION public.deed()",
    );
    for (i, (deed, is_harmless)) in deeds.enumerate() {
        let table = table(&format!("t{i}"), &columns, true);
        let deed = deed.replace("THIS", &format!("t{i}"));
        run.database.admin(&format!(
            "CREATE OR REPLACE FUNCTION public.deed() RETURNS event_trigger LANGUAGE plpgsql AS $deed$BEGIN {deed}; END$deed$"
        ));
        let outcome = run.load(&table, &rows, &rows, &rows);
        if is_harmless {
            assert_eq!(outcome.unwrap(), Proof::RowHashes, "{deed}");
        } else {
            let held = outcome.unwrap_err();
            assert!(matches!(held, TargetError::Held { rule: "fingerprint", .. }), "{deed}: {held}");
        }
    }
}

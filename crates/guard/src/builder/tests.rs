//! The statements that are made, letter by letter.

use super::*;
use crate::refusal::Rule;

fn database() -> DatabaseName {
    DatabaseName::new("opendental").unwrap()
}

fn table(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

fn column(name: &str) -> ColumnName {
    ColumnName::new(name).unwrap()
}

fn sql(query: &ChunkQuery<'_>) -> (String, Vec<Value>) {
    let statement = chunk(query).unwrap();
    (statement.sql().to_owned(), statement.params().to_vec())
}

#[test]
fn a_chunk_is_read_by_the_index_of_its_key() {
    let (db, t, a) = (database(), table("patient"), column("PatNum"));
    let index = IndexName::new("PRIMARY").unwrap();
    let query = ChunkQuery {
        database: &db,
        table: &t,
        select: &[Selected::Column(&a)],
        key: &[KeyPart { column: &a, cast: KeyCast::None }],
        index: Some(&index),
        after: Some(&[Value::Int(7)]),
        up_to: None,
        limit: 500,
        filter: None,
    };
    let from = "SELECT /* bicuspid */ `PatNum` FROM `opendental`.`patient` FORCE INDEX (`PRIMARY`) \
                WHERE (`PatNum` > ?) ORDER BY `PatNum` LIMIT";
    assert_eq!(chunk(&query).unwrap().sql(), format!("{from} 500"));
    assert_eq!(chunk_end(&query).unwrap().sql(), format!("{from} 1 OFFSET 499"));
}

#[test]
fn a_chunk_by_one_column() {
    let (db, t, a, b) = (database(), table("patient"), column("PatNum"), column("LName"));
    let select = [Selected::Column(&a), Selected::Column(&b), Selected::Raw(&b)];
    let key = [KeyPart { column: &a, cast: KeyCast::None }];
    let query = ChunkQuery {
        database: &db,
        table: &t,
        select: &select,
        key: &key,
        index: None,
        after: None,
        up_to: None,
        limit: 500,
        filter: None,
    };
    assert_eq!(
        sql(&query),
        (
            "SELECT /* bicuspid */ `PatNum`, `LName`, CAST(`LName` AS BINARY) FROM `opendental`.`patient` \
             ORDER BY `PatNum` LIMIT 500"
                .to_owned(),
            vec![]
        )
    );
    let (low, high) = ([Value::Int(7)], [Value::Int(90)]);
    let bounded = ChunkQuery { after: Some(&low), up_to: Some(&high), ..query };
    assert_eq!(
        sql(&bounded),
        (
            "SELECT /* bicuspid */ `PatNum`, `LName`, CAST(`LName` AS BINARY) FROM `opendental`.`patient` \
             WHERE (`PatNum` > ?) AND (`PatNum` <= ?) ORDER BY `PatNum` LIMIT 500"
                .to_owned(),
            vec![Value::Int(7), Value::Int(90)]
        )
    );
}

#[test]
fn a_filter_stays_one_condition_and_a_chunks_end_does_not_ask_for_it() {
    let (db, t, a) = (database(), table("patient"), column("PatNum"));
    let select = [Selected::Column(&a)];
    let key = [KeyPart { column: &a, cast: KeyCast::None }];
    let filter = Filter::parse("ClinicNum = 3 OR ClinicNum = 4").unwrap();
    let low = [Value::Int(7)];
    let query = ChunkQuery {
        database: &db,
        table: &t,
        select: &select,
        key: &key,
        index: None,
        after: Some(&low),
        up_to: None,
        limit: 500,
        filter: Some(&filter),
    };
    let start = "SELECT /* bicuspid */ `PatNum` FROM `opendental`.`patient` WHERE (`PatNum` > ?)";
    assert_eq!(
        sql(&query).0,
        format!("{start} AND (ClinicNum = 3 OR ClinicNum = 4) ORDER BY `PatNum` LIMIT 500")
    );
    let end = chunk_end(&query).unwrap();
    assert_eq!(end.sql(), format!("{start} ORDER BY `PatNum` LIMIT 1 OFFSET 499"));
    assert_eq!(end.params(), low);
    let filtered = "WHERE (ClinicNum = 3 OR ClinicNum = 4)";
    assert!(count(&db, &t, Some(&filter)).unwrap().sql().ends_with(filtered));
    assert!(whole(&db, &t, &select, Some(&filter)).unwrap().sql().ends_with(filtered));
}

#[test]
fn a_composite_bound_is_written_out_and_its_values_follow_the_text() {
    let (db, t, a, b) = (database(), table("t"), column("a"), column("b"));
    let select = [Selected::Column(&a)];
    let key = [
        KeyPart { column: &a, cast: KeyCast::Decimal { precision: 20, scale: 4 } },
        KeyPart { column: &b, cast: KeyCast::Binary },
    ];
    let (low, high) = ([Value::Int(1), Value::Bytes(vec![2])], [Value::Int(3), Value::Bytes(vec![4])]);
    let query = ChunkQuery {
        database: &db,
        table: &t,
        select: &select,
        key: &key,
        index: None,
        after: Some(&low),
        up_to: Some(&high),
        limit: 1,
        filter: None,
    };
    let (text, params) = sql(&query);
    let (decimal, bytes) = ("CAST(? AS DECIMAL(20,4))", "CAST(? AS BINARY)");
    assert_eq!(
        text,
        format!(
            "SELECT /* bicuspid */ `a` FROM `opendental`.`t` \
             WHERE (`a` >= {decimal} AND ((`a` > {decimal}) OR (`a` = {decimal} AND `b` > {bytes}))) \
             AND (`a` <= {decimal} AND ((`a` < {decimal}) OR (`a` = {decimal} AND `b` <= {bytes}))) ORDER BY `a`, `b` LIMIT 1"
        )
    );
    let (one, two) = (Value::Int(1), Value::Bytes(vec![2]));
    let (three, four) = (Value::Int(3), Value::Bytes(vec![4]));
    assert_eq!(params, vec![one.clone(), one.clone(), one, two, three.clone(), three.clone(), three, four]);
}

#[test]
fn the_widest_key_and_the_widest_table_pass() {
    let (db, t) = (database(), table(&"t".repeat(64)));
    let columns: Vec<ColumnName> = (0..4096).map(|i| column(&format!("{i:x>64}"))).collect();
    let select: Vec<Selected<'_>> = columns.iter().map(Selected::Raw).collect();
    let key: Vec<KeyPart<'_>> =
        columns.iter().take(32).map(|column| KeyPart { column, cast: KeyCast::Time }).collect();
    let bound: Vec<Value> = (0..32).map(Value::Int).collect();
    let query = ChunkQuery {
        database: &db,
        table: &t,
        select: &select,
        key: &key,
        index: None,
        after: Some(&bound),
        up_to: Some(&bound),
        limit: u64::MAX,
        filter: None,
    };
    assert_eq!(chunk(&query).unwrap().params().len(), 2 * (1 + 32 * 33 / 2));
}

#[test]
fn names_cannot_leave_their_quotes() {
    let db = database();
    for name in [
        "a`; DROP TABLE patient; -- ",
        "`",
        "``",
        "a` FROM b INTO OUTFILE 'x' -- ",
        "it's",
        "say \"x\"",
        "back\\slash",
        "# hash",
        "/*! x */",
        "größe",
        "表",
        "select",
        "tab\there",
    ] {
        let statement = count(&db, &table(name), None).unwrap();
        assert_eq!(
            statement.sql(),
            format!("SELECT /* bicuspid */ COUNT(*) FROM `opendental`.`{}`", name.replace('`', "``"))
        );
    }
    assert_eq!(count(&db, &table("a\u{1}b"), None).unwrap_err().code(), Rule::ControlCharacter.code());
}

#[test]
fn what_cannot_be_a_chunk_is_a_fault() {
    let (db, t, a) = (database(), table("t"), column("a"));
    let select = [Selected::Column(&a)];
    let key = [KeyPart { column: &a, cast: KeyCast::None }];
    let good = ChunkQuery {
        database: &db,
        table: &t,
        select: &select,
        key: &key,
        index: None,
        after: None,
        up_to: None,
        limit: 1,
        filter: None,
    };
    assert!(chunk(&good).is_ok());
    let fault = |query: &ChunkQuery<'_>| chunk(query).unwrap_err();
    let (none, two): ([Value; 1], [Value; 2]) = ([Value::Null], [Value::Int(1), Value::Int(2)]);
    assert_eq!(fault(&ChunkQuery { limit: 0, ..good }), BuildFault::NoRows.into());
    assert_eq!(fault(&ChunkQuery { limit: 0, ..good }).code(), "build::no_rows");
    assert_eq!(fault(&ChunkQuery { key: &[], ..good }), BuildFault::NoKey.into());
    assert_eq!(fault(&ChunkQuery { select: &[], ..good }), BuildFault::NoColumn.into());
    assert_eq!(fault(&ChunkQuery { after: Some(&two), ..good }), BuildFault::BoundLength.into());
    assert_eq!(fault(&ChunkQuery { up_to: Some(&none), ..good }), BuildFault::BoundValue.into());
    let bound = [Value::Int(1)];
    for (precision, scale, is_type) in [
        (1, 0, true),
        (65, 38, true),
        (38, 38, true),
        (10, 10, true),
        (0, 0, false),
        (66, 0, false),
        (65, 39, false),
        (65, 40, false),
        (10, 11, false),
        (10, 12, false),
    ] {
        let key = [KeyPart { column: &a, cast: KeyCast::Decimal { precision, scale } }];
        let made = chunk(&ChunkQuery { key: &key, after: Some(&bound), ..good }).map(|_| ());
        let expected = if is_type { Ok(()) } else { Err(BuildFault::DecimalType.into()) };
        assert_eq!(made, expected, "{precision}, {scale}");
    }
}

#[test]
fn old_servers_are_asked_for_no_fractions() {
    let (database, table, a) = (database(), TableName::new("t").unwrap(), ColumnName::new("a").unwrap());
    for (version, cast, text) in [
        ("5.5.62", KeyCast::DateTime, "CAST(? AS DATETIME)"),
        ("5.6.3", KeyCast::Time, "CAST(? AS TIME)"),
        ("5.6.4", KeyCast::DateTime, "CAST(? AS DATETIME(6))"),
        ("5.5.68-MariaDB", KeyCast::Time, "CAST(? AS TIME(6))"),
        ("5.5.62", KeyCast::Date, "CAST(? AS DATE)"),
    ] {
        let key = [KeyPart { column: &a, cast: cast.for_server(Flavour::parse(version).unwrap()) }];
        let bound = [Value::text("2024-02-29".to_owned())];
        let made = chunk(&ChunkQuery {
            database: &database,
            table: &table,
            select: &[Selected::Column(&a)],
            key: &key,
            index: None,
            after: Some(&bound),
            up_to: None,
            limit: 9,
            filter: None,
        });
        let sql = made.unwrap().sql().to_owned();
        assert!(sql.contains(&format!("> {text}")), "{version}: {sql}");
    }
}

#[test]
fn fixed_statements_pass_the_guard() {
    let db = database();
    for version in ["5.5.62", "5.6.51", "8.4.0", "10.11.19-MariaDB", "11.8.6-MariaDB"] {
        let flavour = Flavour::parse(version).unwrap();
        assert!(session_facts(flavour).is_ok(), "{version}");
        let names = session_fact_names(flavour);
        assert!(names.contains(&"sql_mode"));
        assert_eq!(names.contains(&"server_uuid"), ["5.6.51", "8.4.0"].contains(&version), "{version}");
    }
    for kind in [Catalog::Tables, Catalog::Columns, Catalog::Statistics] {
        let statement = catalog(kind, &db).unwrap();
        assert_eq!(statement.params(), [Value::text("opendental")]);
    }
    assert!(version().is_ok() && show_grants().is_ok() && status().is_ok() && cipher().is_ok());
    assert!(sessions_max().is_ok());
    assert_eq!(
        whole(&db, &table("t"), &[Selected::Column(&column("a"))], None).unwrap().sql(),
        "SELECT /* bicuspid */ `a` FROM `opendental`.`t`"
    );
}

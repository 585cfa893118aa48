//! What a real server makes of it.

use bicuspid_guard::session::{self, SessionLimits};
use bicuspid_guard::{
    Catalog, ChunkQuery, Flavour, KeyCast, KeyPart, RowHash, Selected, builder, judge_grants, server_hash,
};
use bicuspid_model::{Charset, Column, ColumnName, DatabaseName, SourceType, TableName, TargetType, Value};
use bicuspid_sandbox::testing::{self, MariaDbServer};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::properties::{grafted, soup, spliced};
use crate::{accepted, verdict};

fn server() -> &'static MariaDbServer {
    testing::servers().mariadb()
}

/// A server with a database `opendental` in which much can be broken: functions that write, some of them with the
/// names of built-in ones, a sequence, tables of both engines. Nobody else changes anything on it.
fn breakable() -> MariaDbServer {
    let server = MariaDbServer::start(testing::test_options());
    let names = ["f_write", "COUNT", "MAX", "SUM", "NOW", "CAST", "SUBSTRING", "TRIM", "RANK", "VARIANCE"];
    let functions: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "CREATE FUNCTION opendental.`{name}`(x INT) RETURNS INT DETERMINISTIC \
                 BEGIN INSERT INTO opendental.audit_t VALUES (x); RETURN 1; END;"
            )
        })
        .collect();
    server.admin(&format!(
        "CREATE DATABASE opendental; USE opendental;
         CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(50), Guarantor BIGINT, PatStatus INT)
             ENGINE=InnoDB;
         CREATE TABLE appointment (AptNum BIGINT PRIMARY KEY, PatNum BIGINT, AptDateTime DATETIME) ENGINE=MyISAM;
         CREATE TABLE audit_t (v BIGINT) ENGINE=MyISAM;
         CREATE SEQUENCE s;
         INSERT INTO patient VALUES (1, 'a', 1, 0), (2, 'b', 1, 0);
         INSERT INTO appointment VALUES (1, 1, '2024-01-01 10:00:00');
         {}",
        functions.concat()
    ));
    server
}

/// Runs texts as the administrator, one after the other, and swallows their errors: it is the effect that counts.
fn run<'a>(server: &MariaDbServer, database: &str, texts: impl IntoIterator<Item = &'a str>) {
    let blocks: Vec<String> = texts
        .into_iter()
        .map(|sql| {
            let hex: Vec<String> = sql.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!(
                "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; \
                 EXECUTE IMMEDIATE CONVERT(x'{}' USING utf8mb4); END;",
                hex.concat()
            )
        })
        .collect();
    for some in blocks.chunks(50) {
        server.admin(&format!("USE {database}; SET SESSION max_statement_time = 5; {}", some.concat()));
    }
}

/// Everything that a write could have changed.
fn state(server: &MariaDbServer) -> String {
    let rows = server.query(
        "CHECKSUM TABLE opendental.patient, opendental.appointment, opendental.audit_t;
         SELECT next_not_cached_value FROM opendental.s;
         SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES ORDER BY 1, 2;
         SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES ORDER BY 1, 2;
         SELECT User, Host, Priv FROM mysql.global_priv ORDER BY 1, 2;
         SELECT * FROM information_schema.GLOBAL_VARIABLES
             WHERE VARIABLE_NAME NOT IN ('TIMESTAMP', 'GTID_BINLOG_STATE') ORDER BY 1",
    );
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().map(|cell| cell.clone().unwrap_or_default());
            cells.map(|cell| String::from_utf8_lossy(&cell).into_owned()).collect::<Vec<_>>().join("\t")
        })
        .collect();
    lines.join("\n")
}

/// The lines that differ.
fn difference(before: &str, after: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    lines(before).symmetric_difference(&lines(after)).cloned().collect()
}

#[test]
fn nothing_that_is_accepted_writes_on_a_real_server() {
    let server = breakable();
    // The state does show a write, also one behind the name of a built-in function.
    for hostile in [
        "SELECT COUNT (1)",
        "SELECT VARIANCE (1)",
        "SELECT f_write(1)",
        "SELECT NEXT VALUE FOR s",
        "SET GLOBAL net_retry_count = 11",
        "DELETE FROM appointment",
    ] {
        assert!(verdict(hostile).is_err());
        let earlier = state(&server);
        run(&server, "opendental", [hostile]);
        assert_ne!(state(&server), earlier, "{hostile}");
    }
    let before = state(&server);
    let corpus = accepted();
    run(&server, "opendental", corpus.iter().map(String::as_str));
    assert_eq!(difference(&before, &state(&server)), Vec::<String>::new(), "of the corpus");
    // Random ones, a few at a time.
    let mut runner = TestRunner::default();
    let wanted = if testing::long() { 5_000 } else { 300 };
    let (mut tried, mut passed) = (0, Vec::new());
    while passed.len() < wanted && tried < 100 * wanted {
        tried += 1;
        let sql = match tried % 3 {
            0 => soup().new_tree(&mut runner).unwrap().current(),
            1 => grafted().new_tree(&mut runner).unwrap().current(),
            _ => spliced().new_tree(&mut runner).unwrap().current(),
        };
        if verdict(&sql).is_ok() {
            passed.push(sql);
        }
    }
    assert!(passed.len() >= wanted / 2, "only {} of {tried} random texts were accepted", passed.len());
    for some in passed.chunks(25) {
        run(&server, "opendental", some.iter().map(String::as_str));
        assert_eq!(difference(&before, &state(&server)), Vec::<String>::new(), "{some:#?}");
    }
}

/// Stored functions with the names of all built-in ones: where a server takes one of them for the built-in one that
/// was meant, the guard must have refused the spelling.
#[test]
fn no_stored_function_takes_the_place_of_a_function_on_the_list() {
    let names = server().query(
        "SELECT FUNCTION FROM information_schema.SQL_FUNCTIONS UNION SELECT WORD FROM information_schema.KEYWORDS",
    );
    let names: Vec<String> =
        names.into_iter().flatten().flatten().map(|name| String::from_utf8(name).unwrap()).collect();
    let (mut accepted, mut refused, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    for name in names.iter().filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) {
        let calls = ["()", "(1)", "(1, 2)", "(1) OVER ()", " FROM DUAL"];
        let gaps = ["", " ", "/**/", "\n"];
        let spellings = gaps.iter().flat_map(|gap| calls.map(|call| format!("SELECT {name}{gap}{call}")));
        let (good, bad): (Vec<_>, Vec<_>) =
            spellings.chain([format!("SELECT `{name}`(1)")]).partition(|sql| verdict(sql).is_ok());
        if good.is_empty() {
            continue;
        }
        accepted.extend(good);
        refused.extend(bad);
        functions.push(format!(
            "CREATE FUNCTION shadows.`{name}`(x INT) RETURNS INT DETERMINISTIC \
             BEGIN INSERT INTO shadows.called VALUES ('{name}'); RETURN 1; END;"
        ));
    }
    server().admin(&format!(
        "CREATE DATABASE shadows; CREATE TABLE shadows.called (name VARCHAR(64)) ENGINE=MyISAM; {}",
        functions.concat()
    ));
    let called = || server().query("SELECT DISTINCT CONVERT(name USING latin1) FROM shadows.called");
    run(server(), "shadows", accepted.iter().map(String::as_str));
    assert_eq!(called(), Vec::<Vec<Option<Vec<u8>>>>::new());
    // The test would see a call.
    run(server(), "shadows", refused.iter().map(String::as_str));
    assert!(called().len() > 40 && functions.len() > 150, "{} {}", called().len(), functions.len());
}

#[test]
fn session_statements_hold_on_a_real_server() {
    let version = String::from_utf8(server().query("SELECT @@version")[0][0].clone().unwrap()).unwrap();
    let flavour = Flavour::parse(&version).unwrap();
    let limits = SessionLimits { statement_ms: 2_500, ..SessionLimits::default() };
    let statements = session::session_statements(flavour, &limits);
    let texts: Vec<&str> = statements.iter().map(session::SessionStatement::sql).collect();
    let read_back = session::read_back(&statements).unwrap();
    let rows = server().query(&format!("{}; {}", texts.join("; "), read_back.sql()));
    let found: Vec<Option<String>> = rows
        .last()
        .unwrap()
        .iter()
        .map(|cell| cell.clone().map(|bytes| String::from_utf8(bytes).unwrap()))
        .collect();
    assert_eq!(session::compare(&statements, &found), Ok(()));
    // The same row with the belt off is seen.
    let fresh = server().query(read_back.sql());
    let fresh: Vec<Option<String>> =
        fresh[0].iter().map(|cell| cell.clone().map(|bytes| String::from_utf8(bytes).unwrap())).collect();
    let refusal = session::compare(&statements, &fresh).unwrap_err();
    assert!(refusal.to_string().contains("read_only"), "{refusal}");
    let snapshot = [
        session::begin_snapshot(flavour),
        session::savepoint(),
        session::rollback_to_savepoint(),
        session::end(),
    ];
    let texts: Vec<&str> = snapshot.iter().map(session::SessionStatement::sql).collect();
    server().admin(&texts.join("; "));
    let facts = server().query(builder::session_facts(flavour).unwrap().sql());
    assert_eq!(facts[0].len(), builder::session_fact_names(flavour).len());
    let status = server().query(builder::status().unwrap().sql());
    assert!(status.iter().any(|row| row[0].as_deref() == Some(b"Threads_running")));
    let most = server().query(builder::sessions_max().unwrap().sql());
    let most = std::str::from_utf8(most[0][0].as_deref().unwrap()).unwrap();
    assert!(most.parse::<u32>().unwrap() > 0, "{most}");
}

#[test]
fn chunks_read_the_rows_between_their_bounds() {
    let database = server().database("chunks");
    let name = database.endpoint.database.clone();
    let pairs: Vec<String> = (1..=5).flat_map(|a| (1..=5).map(move |b| format!("({a}, {b})"))).collect();
    database.admin(&format!(
        "CREATE TABLE `odd ``name` (a BIGINT, b BIGINT, PRIMARY KEY (a, b)); INSERT INTO `odd ``name` VALUES {}",
        pairs.join(", ")
    ));
    let (a, b) = (ColumnName::new("a").unwrap(), ColumnName::new("b").unwrap());
    let table = TableName::new("odd `name").unwrap();
    let select = [Selected::Column(&a), Selected::Column(&b)];
    let key = [
        KeyPart { column: &a, cast: KeyCast::Signed },
        KeyPart { column: &b, cast: KeyCast::Decimal { precision: 20, scale: 0 } },
    ];
    let (after, up_to) = ([Value::Int(2), Value::Int(4)], [Value::Int(4), Value::Int(2)]);
    let query = ChunkQuery {
        database: &name,
        table: &table,
        select: &select,
        key: &key,
        index: None,
        after: Some(&after),
        up_to: Some(&up_to),
        limit: 6,
        filter: None,
    };
    let rows = read(&builder::chunk(&query).unwrap());
    assert_eq!(rows, ["2 5", "3 1", "3 2", "3 3", "3 4", "3 5"]);
    let rest = ChunkQuery { limit: 100, ..query };
    assert_eq!(read(&builder::chunk(&rest).unwrap()).len(), 8);
    assert_eq!(read(&builder::count(&name, &table, None).unwrap()), ["25"]);
    let columns = read(&builder::catalog(Catalog::Columns, &name).unwrap());
    assert!(columns[0].starts_with("odd `name a 1 bigint(20) NO"), "{columns:?}");
    let keys = read(&builder::catalog(Catalog::Statistics, &name).unwrap());
    assert!(keys[0].starts_with("odd `name PRIMARY 0 1 a"), "{keys:?}");
    assert_eq!(read(&builder::catalog(Catalog::Tables, &name).unwrap()).len(), 1);
}

#[test]
fn sums_look_at_no_more_rows_than_a_chunk_and_sort_nothing() {
    for engine in ["MyISAM", "InnoDB"] {
        let database = server().database("sums");
        let name = database.endpoint.database.clone();
        database.admin(&format!(
            "CREATE TABLE t (a BIGINT, b BIGINT, c VARCHAR(200), PRIMARY KEY (a, b)) ENGINE={engine};
             INSERT INTO t SELECT seq DIV 10, seq, REPEAT('c', 200) FROM seq_1_to_5000; ANALYZE TABLE t"
        ));
        let column = |name: &str, source: SourceType| Column {
            name: ColumnName::new(name).unwrap(),
            target: TargetType::of(&source),
            source,
            nullable: true,
            withheld: false,
        };
        let big = || SourceType::BigInt { unsigned: false };
        let columns =
            [column("a", big()), column("b", big()), column("c", SourceType::Text(Charset::Latin1))];
        let hash = RowHash::of(&columns).unwrap();
        let table = TableName::new("t").unwrap();
        let key = [&columns[0], &columns[1]].map(|c| KeyPart { column: &c.name, cast: KeyCast::None });
        let (after, up_to) = ([Value::Int(200), Value::Int(2005)], [Value::Int(400), Value::Int(4001)]);
        let query = ChunkQuery {
            database: &name,
            table: &table,
            select: &[],
            key: &key,
            index: None,
            after: Some(&after),
            up_to: Some(&up_to),
            limit: 100,
            filter: None,
        };
        let statement = server_hash::chunk_sums(&query, &hash).unwrap();
        let counters = server().query(&format!(
            "FLUSH STATUS; {}; SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_next', 'Sort_rows', \
             'Created_tmp_disk_tables')",
            immediate(&statement)
        ));
        let text = |row: &Vec<Option<Vec<u8>>>, i: usize| String::from_utf8(row[i].clone().unwrap()).unwrap();
        assert_eq!((text(&counters[0], 0), text(&counters[0], 1)), ("100".into(), "100".into()), "{engine}");
        let counter = |name: &str| -> u64 {
            let row = counters.iter().find(|row| text(row, 0) == name).unwrap();
            text(row, 1).parse().unwrap()
        };
        assert!(counter("Handler_read_next") <= 100, "{engine}: {}", counter("Handler_read_next"));
        assert_eq!((counter("Sort_rows"), counter("Created_tmp_disk_tables")), (0, 0), "{engine}");
        let all = server_hash::chunk_sums(&ChunkQuery { limit: 10_000, ..query }, &hash).unwrap();
        assert_eq!(read(&all)[0].split(' ').next(), Some("1996"), "{engine}");
    }
}

/// A statement with its values bound, as a text.
fn immediate(statement: &bicuspid_guard::ReadStatement) -> String {
    let values: Vec<String> = statement
        .params()
        .iter()
        .map(|value| match value {
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("'{text}'"),
            other => panic!("{other:?}"),
        })
        .collect();
    let using = if values.is_empty() { String::new() } else { format!(" USING {}", values.join(", ")) };
    let text = statement.sql().replace('\'', "''");
    format!("EXECUTE IMMEDIATE '{text}'{using}")
}

/// Runs a statement with its values bound, and joins the cells of each row.
fn read(statement: &bicuspid_guard::ReadStatement) -> Vec<String> {
    let rows = server().query(&immediate(statement));
    rows.iter()
        .map(|row| {
            let cells: Vec<String> =
                row.iter().map(|cell| String::from_utf8(cell.clone().unwrap_or_default()).unwrap()).collect();
            cells.join(" ")
        })
        .collect()
}

#[test]
fn grants_of_a_real_server_are_understood() {
    let source = DatabaseName::new("gr_source").unwrap();
    let judge = |user: &str, grants: &str| {
        server().admin(&format!("CREATE USER {user} IDENTIFIED BY 'pw'; {grants}"));
        let rows = server().query(&format!("SHOW GRANTS FOR {user}"));
        let lines: Vec<String> =
            rows.into_iter().map(|row| String::from_utf8(row[0].clone().unwrap()).unwrap()).collect();
        judge_grants(&lines, &source)
    };
    server().admin(
        "CREATE DATABASE gr_source; CREATE TABLE gr_source.t (a INT, b INT); \
         CREATE PROCEDURE gr_source.p() BEGIN END; CREATE ROLE gr_role",
    );
    let least = bicuspid_guard::accounts::source_grant(&source, "gr1", "%").unwrap();
    assert!(judge("'gr1'@'%'", &least).is_safe());
    assert!(judge("'gr2'@'%'", "GRANT SELECT (a), SHOW VIEW ON gr_source.t TO 'gr2'@'%'").is_safe());
    for (user, grants) in [
        ("'gr3'@'%'", "GRANT INSERT ON gr_source.t TO 'gr3'@'%'"),
        ("'gr4'@'%'", "GRANT SELECT ON gr_source.* TO 'gr4'@'%'"), // the underscore is a wildcard
        ("'gr5'@'%'", "GRANT gr_role TO 'gr5'@'%'"),
        ("'gr6'@'%'", "GRANT USAGE ON *.* TO 'gr6'@'%' WITH GRANT OPTION"),
        ("'gr7'@'%'", "GRANT BINLOG MONITOR ON *.* TO 'gr7'@'%'"),
        ("'gr9'@'%'", "GRANT SELECT (a), INSERT (a, b), UPDATE (`b`) ON gr_source.t TO 'gr9'@'%'"),
        ("'gr10'@'%'", "GRANT SELECT ON *.* TO 'gr10'@'%' WITH GRANT OPTION"),
        ("'gr11'@'%'", "GRANT ALL ON `gr\\_source`.* TO 'gr11'@'%'"),
        ("'gr12'@'%'", "GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE gr_source.p TO 'gr12'@'%'"),
        ("'gr13'@'%'", "GRANT PROXY ON 'gr1'@'%' TO 'gr13'@'%'"),
        ("'gr14'@'%'", "GRANT gr_role TO 'gr14'@'%'; SET DEFAULT ROLE gr_role FOR 'gr14'@'%'"),
        ("'gr15'@'%'", "GRANT SELECT ON `gr\\_%`.* TO 'gr15'@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 2"),
        ("'gr16'@'%'", "GRANT SELECT, LOCK TABLES, DELETE HISTORY ON gr_source.* TO 'gr16'@'%'"),
        ("'gr17'@'%'", "DO 0"), // nothing at all
    ] {
        let verdict = judge(user, grants);
        assert!(!verdict.is_safe(), "{grants}");
        // The statements that mend it do mend it, on the server.
        server().admin(&verdict.mend.join("; "));
        let rows = server().query(&format!("SHOW GRANTS FOR {user}"));
        let lines: Vec<String> =
            rows.into_iter().map(|row| String::from_utf8(row[0].clone().unwrap()).unwrap()).collect();
        assert!(judge_grants(&lines, &source).is_safe(), "{:?} after {:?}", lines.len(), verdict.mend);
    }
    assert!(!judge("'gr8'@'%'", "GRANT ALL ON *.* TO 'gr8'@'%' WITH GRANT OPTION").is_safe());
}

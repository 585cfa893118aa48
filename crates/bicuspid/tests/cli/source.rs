//! The clinic's side as a worried owner meets it: accounts, certificates, row filters.

use bicuspid_model::{Endpoint, Host};
use bicuspid_sandbox::testing::{self, Authority, MariaDbServer};
use serde_json::Value;

use crate::bench::Bench;

const TABLE: &str = "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, ClinicNum BIGINT) ENGINE=MyISAM; \
     INSERT INTO patient VALUES (1, 1), (2, 2), (3, 1), (4, 2), (5, 2)";

#[test]
fn an_administrator_is_refused_whoever_asks() {
    let (mut bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    // The name as a grant writes it.
    bench.filter(r"clinic\\_\d+", "[source database]");
    let user = &source.endpoint.user;
    testing::servers().mariadb_admin(&format!("GRANT ALL ON *.* TO '{user}'@'127.0.0.1' WITH GRANT OPTION"));
    bench.snapshot("check_privileged", &bench.run(&["check", "--env", "test"]));
    for args in [&["sync", "--env", "test", "--confirm", target.name()][..], &["plan", "--env", "test"]] {
        let json = bench.json(args);
        assert_eq!(json["exit_code"], 3, "{args:?}");
        assert_eq!(json["errors"][0]["code"], "grants::everything", "{args:?}");
    }
    assert!(target.query("SELECT 1 FROM pg_class WHERE relnamespace = 'raw'::regnamespace").is_empty());
    testing::servers().mariadb_admin(&format!(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM '{user}'@'127.0.0.1'; \
         GRANT SELECT ON `{}`.* TO '{user}'@'127.0.0.1'",
        source.name().replace('_', "\\_")
    ));
    assert_eq!(bench.run(&["check", "--env", "test"]).code, 0);
}

#[test]
fn encryption_is_checked_by_certificate_and_name() {
    let authority = Authority::new();
    let server =
        MariaDbServer::start_encrypted(testing::test_options(), &authority.issue(&["clinic.example"]));
    let source = server.database("clinic");
    let target = testing::servers().postgres_database("analytics");
    source.admin(TABLE);
    let mut bench = Bench::new();
    let file = authority.file();
    let tls = format!("TEST_SOURCE_DB_TLS=ca:{}\n", file.display());
    bench.env_file(".env_test", "TEST_", &source.endpoint, &target.endpoint, &tls);
    bench.snapshot("check_wrong_server", &bench.run(&["check", "--env", "test"]));
    assert_eq!(bench.json(&["sync", "--env", "test"])["errors"][0]["code"], "source::tls");
    server.present(&authority.issue(&["127.0.0.1"]));
    bench.filter(r"\(TLSv1\.[23] [A-Z0-9_-]+\)", "([cipher])");
    bench.snapshot("check_encrypted", &bench.run(&["check", "--env", "test"]));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
}

#[test]
fn a_server_without_encryption_is_not_spoken_to_across_a_network() {
    let (mut bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    // The same server under a spelling of its address that is not recognised as this machine's.
    let Host::Tcp { port, .. } = source.endpoint.host else { panic!("TCP") };
    let far = Endpoint { host: Host::Tcp { host: "127.1".to_owned(), port }, ..source.endpoint.clone() };
    bench.env_file(".env_test", "TEST_", &far, &target.endpoint, "");
    bench.snapshot("check_plain_text", &bench.run(&["check", "--env", "test"]));
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 3);
    // A person may allow it in so many words, and is told what that means.
    bench.env_file(".env_test", "TEST_", &far, &target.endpoint, "TEST_SOURCE_DB_TLS=off\n");
    assert_eq!(bench.run(&["check", "--env", "test"]).code, 3);
    let allowed = bench.run(&["check", "--env", "test", "--allow-plaintext"]);
    assert!(allowed.stdout.contains("PLAIN TEXT over the network"), "{}", allowed.stdout);
}

#[test]
fn a_row_filter_is_judged_shown_and_used_by_both() {
    let (bench, source, target) = Bench::fresh();
    source.admin(TABLE);
    for (filter, code) in [
        ("1 = 1; DELETE FROM patient", "guard::several_statements"),
        ("SLEEP(5)", "guard::function"),
        ("PatNum = (SELECT 1)", "guard::expression"),
        ("1 = 1 INTO OUTFILE 'x'", "guard::into"),
        ("ClinicNum = 1 -- x", "guard::comment"),
    ] {
        bench.write("bicuspid.toml", &format!("[row_filters]\npatient = \"{filter}\"\n"));
        let json = bench.json(&["plan", "--env", "test"]);
        assert_eq!((&json["exit_code"], &json["errors"][0]["code"]), (&3.into(), &code.into()), "{filter}");
    }
    bench.write("bicuspid.toml", "[row_filters]\nPatient = \"ClinicNum = 1 OR PatNum = 4\"\n");
    let plan = bench.run(&["plan", "--env", "test"]);
    assert!(
        plan.stdout.contains("only rows of patient where: ClinicNum = 1 OR PatNum = 4"),
        "{}",
        plan.stdout
    );
    let rows = || {
        let rows = target.query(r#"SELECT "PatNum" FROM raw.patient ORDER BY 1"#);
        rows.into_iter().flatten().flatten().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(rows(), "1 3 4");
    let verified: Value = bench.json(&["verify", "--env", "test"]);
    assert_eq!((&verified["equal"], &verified["tables"][0]["rows_source"]), (&true.into(), &3.into()));
    // A row that begins to fit arrives, one that stops leaves, the others are not looked for.
    source.admin(
        "UPDATE patient SET ClinicNum = 1 WHERE PatNum = 2; INSERT INTO patient VALUES (6, 2), (7, 1)",
    );
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 0);
    assert_eq!(rows(), "1 2 3 4 7");
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
    bench.write("bicuspid.toml", "[row_filters]\npatients = \"ClinicNum = 1\"\n");
    assert_eq!(bench.json(&["plan", "--env", "test"])["errors"][0]["code"], "plan::no_such_table");
}

#[test]
fn a_filter_that_few_rows_pass_is_read_in_short_statements() {
    let (bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE log (LogNum BIGINT PRIMARY KEY, Kind INT) ENGINE=MyISAM; \
         INSERT INTO log SELECT seq, seq MOD 5000 = 0 FROM seq_1_to_50000",
    );
    bench.write("bicuspid.toml", "[row_filters]\nlog = \"Kind = 1\"\n");
    let json = bench.json(&["sync", "--env", "test"]);
    assert_eq!((&json["exit_code"], &json["tables"][0]["rows_target"]), (&0.into(), &10.into()), "{json}");
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
    source.admin("DELETE FROM log WHERE LogNum = 45000; UPDATE log SET Kind = 1 WHERE LogNum IN (7, 49999)");
    assert_eq!(bench.json(&["sync", "--env", "test"])["tables"][0]["rows_target"], 11);
    assert_eq!(bench.json(&["verify", "--env", "test"])["equal"], true);
    let rows = target.query(r#"SELECT string_agg("LogNum"::text, ' ' ORDER BY "LogNum") FROM raw.log"#);
    assert_eq!(rows[0][0].as_deref(), Some("7 5000 10000 15000 20000 25000 30000 35000 40000 49999 50000"));
}

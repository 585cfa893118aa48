//! Parquet files as other readers find them beside PostgreSQL, each in its own words; and a practice that
//! a Spark cluster makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use bicuspid_model::{Endpoint, Host, Password};

use crate::bench::Bench;
use crate::export::TABLES;

/// Names a Python with duckdb, polars, pyspark and psycopg, such as that of a virtual environment; Java 17 is needed too.
const PYTHON: &str = "BICUSPID_TEST_PYTHON";

/// `None`, and loudly, where no Python is named.
fn python() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "a test that needs a program finds it by the environment, and says so if it does not"
    )]
    let Some(python) = std::env::var_os(PYTHON).filter(|program| !program.is_empty()) else {
        eprintln!("NOT RUN: {PYTHON} names no Python; what other readers find in the files was not asked");
        return None;
    };
    Some(python.into())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations/spark").join(name)
}

/// What a script says; it must end well.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The comparison of files with a database by an engine.
fn comparison(python: &Path, engine: &str, files: &Path, with: &Endpoint) -> Command {
    let (Host::Tcp { host, port }, Password::Given(secret)) = (&with.host, &with.password) else {
        panic!("a test over TCP with a password")
    };
    let mut command = Command::new(python);
    command.arg(script("compare.py")).args(["--engine", engine, "--parquet"]).arg(files);
    command.env("PGHOST", host).env("PGPORT", port.to_string()).env("PGDATABASE", with.database.as_str());
    command.env("PGUSER", &with.user).env("PGPASSWORD", secret.reveal()).env("SPARK_LOCAL_IP", "127.0.0.1");
    command
}

#[test]
fn other_readers_find_in_an_export_what_postgresql_holds() {
    let Some(python) = python() else { return };
    let (bench, source, target) = Bench::fresh();
    // The comparison counts in ten-thousandths, and 64 bits of them.
    source.admin(&TABLES.replace("1e300", "100000000000.5"));
    assert_eq!(bench.json(&["sync", "--env", "test"])["exit_code"], 0);
    let export = ["export", "--env", "test", "--output", "parquet", "--dir", "out"];
    assert_eq!(bench.json(&export)["exit_code"], 0);
    for engine in ["duckdb", "polars", "spark"] {
        let text = said(&mut comparison(&python, engine, &bench.path("out"), &target.endpoint));
        assert!(text.contains("4 of 4 tables agree; 8 rows"), "{text}");
    }
    // Two cents less in the database: whoever adds up finds out.
    target.admin("UPDATE raw.procedurelog SET \"ProcFee\" = 10.48 WHERE \"ProcNum\" = 1");
    let wrong = comparison(&python, "duckdb", &bench.path("out"), &target.endpoint).output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("DIFFERS: procedurelog\nduckdb: 3 of 4"));
    // A year, and a range of dates, are looked for where they are.
    let mut pruned = Command::new(&python);
    pruned.current_dir(bench.path("out")).arg("-c").arg(
        "import duckdb\n\
         def asked(condition):\n\
         \x20   plan = duckdb.sql(f\"\"\"EXPLAIN ANALYZE SELECT sum(\"ProcFee\") FROM read_parquet('procedurelog/*/*.parquet', \
         hive_partitioning = true) WHERE {condition}\"\"\").fetchall()\n\
         \x20   return plan[0][1]\n\
         assert 'Total Files Read: 1 ' in asked('year = 2023'), asked('year = 2023')\n\
         print('pruned')\n",
    );
    assert!(said(&mut pruned).contains("pruned"));
}

#[test]
fn a_spark_cluster_makes_and_proves_a_practice_and_loses_a_worker() {
    let Some(python) = python() else { return };
    let long = bicuspid_sandbox::testing::long();
    let (patients, locations, shards) = if long { ("200000", "40", "40") } else { ("80", "4", "4") };
    let mut command = Command::new(python);
    command.arg(script("check.py")).args(["--binary", env!("CARGO_BIN_EXE_bicuspid")]);
    command.args(["--patients", patients, "--locations", locations, "--shards", shards]);
    if long {
        command.arg("--kill");
    }
    let text = said(&mut command);
    assert!(text.contains("\nPROVED: 10 of 10 hold\n"), "{text}");
    assert!(text.contains("the same to the byte"), "{text}");
}

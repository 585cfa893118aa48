//! What a run takes by the number of tables, where the tables hold next to nothing: flat for each, if nothing is quadratic.

use std::fmt::Write as _;

use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbDatabase, MariaDbServer, PostgresServer};

use crate::memory::{self, Measured};
use crate::pairs::{self, Fault};

/// Tables made by one statement of the client.
const TOGETHER: u64 = 500;

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let sizes: &[u64] = if long { &[1000, 10_000] } else { &[200, 1000] };
    println!("many tables of two rows, MyISAM, pace full");
    println!("{:>8} {:<18} {:>9} {:>12} {:>10}", "tables", "run", "seconds", "ms a table", "peak MiB");
    for &tables in sizes {
        let mariadb = MariaDbServer::start(testing::test_options());
        let postgres = PostgresServer::start(PostgresOptions { durable: true, settings: Vec::new() });
        let (clinic, target) = (mariadb.database("many"), postgres.database("many"));
        fill(&clinic, tables)?;
        let runs = [
            ("plan, none there", memory::PLAN),
            ("first copy", memory::ALL),
            ("plan, all there", memory::PLAN),
            ("nothing changed", memory::ALL),
            ("nothing changed", memory::ALL),
        ];
        for (run, what) in runs {
            let Measured { peak_mib, seconds } = memory::measured(&clinic.endpoint, &target.endpoint, what)?;
            let each = 1000.0 * seconds / pairs::number(tables);
            println!("{tables:>8} {run:<18} {seconds:>9.2} {each:>12.2} {peak_mib:>10.1}");
        }
    }
    Ok(())
}

fn fill(clinic: &MariaDbDatabase, tables: u64) -> Result<(), Fault> {
    for first in (0..tables).step_by(usize::try_from(TOGETHER)?) {
        let mut sql = String::new();
        for n in first..tables.min(first + TOGETHER) {
            write!(
                sql,
                "CREATE TABLE many_{n:05} (id BIGINT PRIMARY KEY, a INT, b VARCHAR(40), c DATETIME) ENGINE=MyISAM;
                 INSERT INTO many_{n:05} VALUES (1, {n}, 'one', '2026-01-05 10:00:00'), (2, {n}, 'two', NULL);"
            )?;
        }
        clinic.admin(&sql);
    }
    Ok(())
}

//! The tables that are measured: one as wide as a procedure log, one as narrow as a security log.

use bicuspid_sandbox::testing::MariaDbDatabase;

/// Columns of the wide table beside its key, repeated until there are 59.
const KINDS: [&str; 10] = [
    "bigint(20) NOT NULL",
    "date NOT NULL",
    "double NOT NULL",
    "tinyint(3) unsigned NOT NULL",
    "varchar(255) NOT NULL",
    "datetime NOT NULL",
    "int(11) NOT NULL",
    "varchar(15) DEFAULT NULL",
    "timestamp NOT NULL DEFAULT '2020-01-01 00:00:00'",
    "smallint(6) NOT NULL",
];

fn value(kind: usize, n: usize) -> String {
    match kind {
        0 => format!("seq * {}", n + 3),
        1 => format!("'2015-01-01' + INTERVAL (seq + {n}) MOD 3000 DAY"),
        2 => format!("((seq * 7 + {n}) MOD 100000) / 100"),
        3 => "seq MOD 2".to_owned(),
        4 => format!("CONCAT('note ', seq MOD 977, ' of {n}')"),
        5 => format!("'2015-01-01 08:00:00' + INTERVAL (seq * 37 + {n}) MOD 90000000 SECOND"),
        6 => format!("(seq * 13 + {n}) MOD 65536"),
        7 => "IF(seq MOD 3 = 0, NULL, CONCAT('D', seq MOD 9999))".to_owned(),
        8 => "'2024-03-04 05:06:07'".to_owned(),
        _ => format!("(seq + {n}) MOD 100"),
    }
}

/// Fills `wide` with 60 columns.
pub(crate) fn wide(clinic: &MariaDbDatabase, rows: u64, engine: &str) {
    let columns: Vec<String> =
        (0..59).map(|n| format!("c{n} {}", KINDS.get(n % 10).copied().unwrap_or_default())).collect();
    let values: Vec<String> = (0..59).map(|n| value(n % 10, n)).collect();
    clinic.admin(&format!(
        "DROP TABLE IF EXISTS wide;
         CREATE TABLE wide (id bigint NOT NULL PRIMARY KEY, {}) ENGINE={engine};
         INSERT INTO wide SELECT seq, {} FROM seq_1_to_{rows}",
        columns.join(", "),
        values.join(", ")
    ));
}

/// Fills `narrow` with 10 columns.
pub(crate) fn narrow(clinic: &MariaDbDatabase, rows: u64, engine: &str) {
    clinic.admin(&format!(
        "DROP TABLE IF EXISTS narrow;
         CREATE TABLE narrow (id bigint NOT NULL PRIMARY KEY, PermType tinyint(3) unsigned NOT NULL,
             UserNum bigint NOT NULL, LogDateTime datetime NOT NULL, LogText varchar(255), PatNum bigint NOT NULL,
             CompName varchar(255) NOT NULL, FKey bigint NOT NULL, LogSource tinyint NOT NULL, DefNum bigint NOT NULL)
             ENGINE={engine};
         INSERT INTO narrow SELECT seq, seq MOD 120, seq MOD 31, '2015-01-01' + INTERVAL seq MOD 90000000 SECOND,
             CONCAT('moved ', seq MOD 1009), seq MOD 20011, CONCAT('PC', seq MOD 17), seq * 3, 0, 0
             FROM seq_1_to_{rows}"
    ));
}

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

/// Fills `odd` with what a clinic's tables hold and copies stumble over: days that nobody set, hours below nothing, times of
/// 24 hours and more, the largest numbers, small numbers that look like a yes, text with every sign that formats of files
/// use for themselves, signs beyond three bytes, nothing beside an empty text, bytes.
pub(crate) fn odd(clinic: &MariaDbDatabase) {
    clinic.admin(
        r#"DROP TABLE IF EXISTS odd;
         CREATE TABLE odd (id bigint NOT NULL PRIMARY KEY, birthdate date NOT NULL, arrived datetime NOT NULL,
             adjusted time NOT NULL, is_hidden tinyint(1) NOT NULL, color int NOT NULL, fee double NOT NULL,
             share float NOT NULL, unread bigint unsigned NOT NULL, price decimal(20,6) NOT NULL, note text,
             sign varchar(255) CHARACTER SET utf8mb4 NOT NULL, stamped datetime(6) NOT NULL, image blob,
             flag bit(1) NOT NULL, state enum('', 'new', 'done') NOT NULL)
             ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4;
         INSERT INTO odd SELECT seq, IF(seq MOD 3 = 0, '0001-01-01', '1984-02-29' + INTERVAL seq DAY),
             IF(seq MOD 5 = 0, '0001-01-01 00:00:00', '2024-03-10 02:30:00' + INTERVAL seq MINUTE),
             ELT(1 + seq MOD 4, '-01:30:00', '26:15:00', '08:00:00', '-838:59:59'), seq MOD 4, -seq * 1000003,
             seq / 7, seq / 3, IF(seq MOD 2, 18446744073709551615, seq), seq / 1000000 + 10000000000000,
             ELT(1 + seq MOD 5, NULL, '', 'a\\b\tc\nd\r\ne', 'say \'yes\', \'\'no\'\' or ""?', 'NULL'),
             ELT(1 + seq MOD 4, '🦷 ok', '  both  ', 'Zoë', '\\N'), '2024-03-10 02:30:00.000001' + INTERVAL seq MICROSECOND,
             ELT(1 + seq MOD 3, NULL, x'00ff5c0a', ''), seq MOD 2, 1 + seq MOD 3
             FROM seq_1_to_1000"#,
    );
}

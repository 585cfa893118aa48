//! `CREATE TABLE` texts for private servers of the demo and the tests.

use std::fmt::Write as _;

use crate::facts::{ColumnFacts, DefaultValue, TableFacts};

/// Storage engine of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// What Open Dental creates: table locks, no transactions.
    MyIsam,
    /// What some clinics convert to.
    InnoDb,
}

impl Engine {
    /// The name in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MyIsam => "MyISAM",
            Self::InnoDb => "InnoDB",
        }
    }
}

/// The statement that makes the table as a real server has it, for MariaDB 10 or MySQL 5.7 with `sql_mode` empty (some
/// defaults are zero dates).
///
/// Names come from the facts alone, and none of them holds a quote.
#[must_use]
pub fn mysql_ddl(table: &TableFacts, engine: Engine) -> String {
    let mut lines: Vec<String> = table.columns.iter().map(column).collect();
    if let Some(key) = table.key() {
        lines.push(format!("PRIMARY KEY (`{}`)", key.name));
    }
    for index in &table.indexes {
        let mut parts = String::new();
        for (i, part) in index.parts.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            _ = write!(parts, "{comma}`{}`", part.column);
            if let Some(chars) = part.prefix_chars {
                _ = write!(parts, "({chars})");
            }
        }
        let unique = if index.unique { "UNIQUE " } else { "" };
        lines.push(format!("{unique}KEY `{}` ({parts})", index.name));
    }
    format!(
        "CREATE TABLE `{}` (\n  {}\n) ENGINE={} DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci",
        table.name,
        lines.join(",\n  "),
        engine.name()
    )
}

fn column(column: &ColumnFacts) -> String {
    let mut text = format!("`{}` {}", column.name, column.column_type);
    if let Some(collation) = column.collation {
        _ = write!(text, " CHARACTER SET utf8mb3 COLLATE {collation}");
    }
    // A timestamp without NULL or NOT NULL gets the server's own idea of both.
    text.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
    match column.default {
        None => {}
        Some(DefaultValue::Now) => text.push_str(" DEFAULT current_timestamp()"),
        Some(DefaultValue::Literal(literal)) => _ = write!(text, " DEFAULT '{literal}'"),
    }
    if column.on_update {
        text.push_str(" ON UPDATE current_timestamp()");
    }
    if column.auto_increment {
        text.push_str(" AUTO_INCREMENT");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::facts;

    #[test]
    fn a_table_with_everything() {
        let text = mysql_ddl(facts().table("feesched").unwrap(), Engine::MyIsam);
        assert!(
            text.starts_with(
                "CREATE TABLE `feesched` (\n  `FeeSchedNum` bigint(20) NOT NULL AUTO_INCREMENT,\n"
            )
        );
        assert!(text.contains("`SecDateEntry` date NOT NULL DEFAULT '0001-01-01',"));
        assert!(text.contains(
            "`SecDateTEdit` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),"
        ));
        assert!(text.contains("PRIMARY KEY (`FeeSchedNum`)"));
        assert!(text.ends_with("ENGINE=MyISAM DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci"));
    }

    #[test]
    fn collations_prefixes_and_engine() {
        let code = mysql_ddl(facts().table("procedurecode").unwrap(), Engine::InnoDb);
        assert!(code.contains(
            "`ProcCode` varchar(15) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL DEFAULT ''"
        ));
        assert!(code.contains("ENGINE=InnoDB"));
        let mail = mysql_ddl(facts().table("emailmessage").unwrap(), Engine::MyIsam);
        assert!(mail.contains(
            "KEY `MsgHistoricAddresses` (`SentOrReceived`,`RecipientAddress`(50),`FromAddress`(50))"
        ));
    }

    #[test]
    fn no_name_or_default_can_leave_its_quotes() {
        for table in facts().tables() {
            let names = table.columns.iter().map(|c| c.name).chain(table.indexes.iter().map(|i| i.name));
            for name in names.chain([table.name]) {
                assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
            }
            for column in &table.columns {
                if let Some(DefaultValue::Literal(text)) = column.default {
                    assert!(!text.contains(['\'', '\\']), "{}", column.name);
                }
            }
        }
    }
}

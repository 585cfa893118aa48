//! The fixed statements that make a session read-only, bounded and known, and how each is read back.
//!
//! These are the only texts beside [`crate::ReadStatement`] that a source sends. They are constants but for numbers
//! and a checked time zone; nobody outside this crate can make one:
//!
//! ```
//! use bicuspid_guard::session::{self, SessionStatement};
//! let end: SessionStatement = session::end();
//! assert_eq!(end.sql(), "COMMIT");
//! ```
//!
//! ```compile_fail,E0451
//! use bicuspid_guard::session::{self, SessionStatement};
//! let end: SessionStatement = SessionStatement { sql: "DROP TABLE patient".to_owned(), ..session::end() };
//! assert_eq!(end.sql(), "COMMIT");
//! ```

use crate::flavour::{Flavour, TimeLimit};
use crate::refusal::Refusal;
use crate::statement::ReadStatement;

/// The `sql_mode` of every session: nothing that moves the end of a literal or changes what a value looks like
/// (`ANSI_QUOTES`, `NO_BACKSLASH_ESCAPES`, `PIPES_AS_CONCAT`, `IGNORE_SPACE`, `PAD_CHAR_TO_FULL_LENGTH` are off), and
/// dates that do not exist compare as they are stored.
pub const SQL_MODE: &str = "ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";

/// Limits that a session sets upon itself: the dead man's switch should Bicuspid stall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLimits {
    /// Longest time of a statement, in milliseconds, where the server can limit it. On MariaDB it includes the time
    /// in which the rows are drained.
    pub statement_ms: u32,
    /// Longest wait for a metadata or row lock, in seconds, at least 1.
    pub lock_wait_s: u32,
    /// Longest time in which the server waits for a stalled reader, in seconds, at least 1.
    pub net_write_s: u32,
    /// Longest idle time before the server closes the session, in seconds, at least 1.
    pub idle_s: u32,
    /// A time zone for the session; `None` keeps the server's global one.
    pub time_zone: Option<TimeZone>,
}

impl Default for SessionLimits {
    /// 30 s for a statement, 1 s for a lock, 5 s for a stalled reader, 10 minutes idle, the server's time zone.
    fn default() -> Self {
        Self { statement_ms: 30_000, lock_wait_s: 1, net_write_s: 5, idle_s: 600, time_zone: None }
    }
}

/// A time zone that may stand in a session statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

impl TimeZone {
    /// Checks an offset such as `+00:00` or `-08:00`, or a name such as `America/Los_Angeles` or `SYSTEM`.
    pub fn new(zone: &str) -> Result<Self, Refusal> {
        let refused = Refusal::Setting { setting: "source_time_zone" };
        let bytes = zone.as_bytes();
        let fits = match bytes {
            [b'+' | b'-', h1 @ b'0'..=b'1', h2 @ b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9'] => {
                (*h1, *h2) <= (b'1', b'4')
            }
            [first, ..] => {
                bytes.len() <= 64
                    && first.is_ascii_alphabetic()
                    && bytes
                        .iter()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'/' | b'+' | b'-'))
            }
            [] => false,
        };
        if fits { Ok(Self(zone.to_owned())) } else { Err(refused) }
    }

    /// The zone as servers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a variable must be after a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    variable: &'static str,
    value: Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    /// The same text.
    Text(String),
    /// The same number, however many zeros the server prints after the point.
    Number(u64),
    /// The same number of thousandths.
    Thousandths(u64),
    /// On or off.
    Switch(bool),
    /// The same set of words, in the server's order.
    Set(&'static str),
    /// The same as the server's global value.
    Global,
    /// NULL.
    Null,
}

impl Expect {
    const fn new(variable: &'static str, value: Expected) -> Self {
        Self { variable, value }
    }

    /// The session variable.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    fn item(&self) -> String {
        match self.value {
            Expected::Global => format!("CAST(@@session.{0} = @@global.{0} AS CHAR) AS {0}", self.variable),
            _ => format!("CAST(@@session.{0} AS CHAR) AS {0}", self.variable),
        }
    }

    fn holds(&self, found: &str) -> bool {
        match &self.value {
            Expected::Text(text) => found.eq_ignore_ascii_case(text),
            Expected::Number(number) => {
                found.parse() == Ok(*number)
                    || decimal_thousandths(found).is_some_and(|t| Some(t) == number.checked_mul(1000))
            }
            Expected::Thousandths(number) => decimal_thousandths(found) == Some(*number),
            Expected::Switch(on) => match found.to_ascii_uppercase().as_str() {
                "1" | "ON" => *on,
                "0" | "OFF" => !*on,
                _ => false,
            },
            Expected::Set(words) => {
                let sorted = |text: &str| {
                    let mut words: Vec<String> =
                        text.split(',').map(|w| w.trim().to_ascii_uppercase()).collect();
                    words.sort();
                    words
                };
                sorted(found) == sorted(words)
            }
            Expected::Global => found == "1",
            Expected::Null => false,
        }
    }
}

/// Reads `30`, `30.5` or `30.500000`; anything finer than a thousandth is no number here.
fn decimal_thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<3}").parse().ok()?;
    whole.checked_mul(1000)?.checked_add(fraction)
}

/// One fixed statement that is not a SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStatement {
    sql: String,
    expects: Vec<Expect>,
    optional: bool,
}

impl SessionStatement {
    fn new(sql: impl Into<String>, expects: Vec<Expect>) -> Self {
        Self { sql: sql.into(), expects, optional: false }
    }

    /// The text. Some of these are unknown to the prepared protocol of old servers; they go by the text protocol,
    /// which is safe for constants.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// What must hold afterwards.
    #[must_use]
    pub fn expects(&self) -> &[Expect] {
        &self.expects
    }

    /// Whether the server may refuse it (a variable of a storage engine or cache that is switched off). A refused one
    /// is left out of the reading back.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.optional
    }
}

/// The statements that prepare a session, in the order in which they are sent.
#[must_use]
pub fn session_statements(flavour: Flavour, limits: &SessionLimits) -> Vec<SessionStatement> {
    let number = |variable: &'static str, value: u32| {
        let value = value.max(1);
        SessionStatement::new(
            format!("SET SESSION {variable} = {value}"),
            vec![Expect::new(variable, Expected::Number(u64::from(value)))],
        )
    };
    let utf8 = |variable| Expect::new(variable, Expected::Text("utf8mb4".to_owned()));
    let mut list = vec![
        SessionStatement::new(
            "SET NAMES utf8mb4",
            vec![utf8("character_set_client"), utf8("character_set_connection")],
        ),
        // Texts come as they are stored: a server that turned them into UTF-8 would write `?` for every byte that is
        // invalid in the column's character set, and nobody could tell it from a real question mark.
        SessionStatement::new(
            "SET SESSION character_set_results = NULL",
            vec![Expect::new("character_set_results", Expected::Null)],
        ),
        SessionStatement::new(
            format!("SET SESSION sql_mode = '{SQL_MODE}'"),
            vec![Expect::new("sql_mode", Expected::Set(SQL_MODE))],
        ),
        SessionStatement::new(
            "SET SESSION autocommit = 1",
            vec![Expect::new("autocommit", Expected::Switch(true))],
        ),
    ];
    if flavour.has_read_only() {
        list.push(SessionStatement::new(
            "SET SESSION TRANSACTION READ ONLY",
            vec![Expect::new(flavour.read_only_variable(), Expected::Switch(true))],
        ));
    }
    list.push(SessionStatement::new(
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        vec![Expect::new(flavour.isolation_variable(), Expected::Text("REPEATABLE-READ".to_owned()))],
    ));
    let statement_ms = limits.statement_ms.max(1);
    match flavour.time_limit() {
        Some(TimeLimit::Seconds) => list.push(SessionStatement::new(
            format!("SET SESSION max_statement_time = {}.{:03}", statement_ms / 1000, statement_ms % 1000),
            vec![Expect::new("max_statement_time", Expected::Thousandths(u64::from(statement_ms)))],
        )),
        Some(TimeLimit::Milliseconds) => list.push(number("max_execution_time", statement_ms)),
        None => {}
    }
    list.push(number("lock_wait_timeout", limits.lock_wait_s));
    list.push(SessionStatement {
        // Unknown to a server that was started without InnoDB.
        optional: true,
        ..number("innodb_lock_wait_timeout", limits.lock_wait_s)
    });
    list.push(number("net_write_timeout", limits.net_write_s));
    list.push(number("wait_timeout", limits.idle_s));
    // A server-wide limit would cut a table short without a word.
    list.push(SessionStatement::new(
        format!("SET SESSION sql_select_limit = {}", u64::MAX),
        vec![Expect::new("sql_select_limit", Expected::Number(u64::MAX))],
    ));
    if flavour.has_query_cache() {
        // Rows that are read once must not push the clinic's own results out of the cache.
        list.push(SessionStatement {
            optional: true,
            ..SessionStatement::new(
                "SET SESSION query_cache_type = OFF",
                vec![Expect::new("query_cache_type", Expected::Switch(false))],
            )
        });
    }
    if flavour.has_old_numbers() {
        // Rows, sizes and next numbers of tables as they are, not as they were yesterday.
        list.push(SessionStatement {
            optional: true,
            ..SessionStatement::new(
                "SET SESSION information_schema_stats_expiry = 0",
                vec![Expect::new("information_schema_stats_expiry", Expected::Number(0))],
            )
        });
    }
    list.push(match &limits.time_zone {
        None => SessionStatement::new(
            "SET SESSION time_zone = DEFAULT",
            vec![Expect::new("time_zone", Expected::Global)],
        ),
        Some(zone) => SessionStatement::new(
            format!("SET SESSION time_zone = '{}'", zone.as_str()),
            vec![Expect::new("time_zone", Expected::Text(zone.as_str().to_owned()))],
        ),
    });
    list
}

/// One row with one text for each expectation of the statements, in their order.
pub fn read_back<'a>(
    statements: impl IntoIterator<Item = &'a SessionStatement>,
) -> Result<ReadStatement, Refusal> {
    let items: Vec<String> = statements.into_iter().flat_map(|s| &s.expects).map(Expect::item).collect();
    ReadStatement::seal(format!("SELECT /* bicuspid */ {}", items.join(", ")), Vec::new(), None)
}

/// Compares the row of [`read_back`] with what the same statements expect.
///
/// # Errors
/// [`Refusal::ReadBack`] names every variable that differs, also when the row has another length.
pub fn compare<'a>(
    statements: impl IntoIterator<Item = &'a SessionStatement>,
    found: &[Option<String>],
) -> Result<(), Refusal> {
    let expects: Vec<&Expect> = statements.into_iter().flat_map(|s| &s.expects).collect();
    let mut variables: Vec<String> = expects
        .iter()
        .enumerate()
        .filter(|(i, expect)| match found.get(*i) {
            Some(None) => expect.value != Expected::Null,
            Some(Some(value)) => !expect.holds(value),
            None => true,
        })
        .map(|(_, expect)| expect.variable.to_owned())
        .collect();
    if found.len() > expects.len() {
        variables.push("the number of settings".to_owned());
    }
    if variables.is_empty() { Ok(()) } else { Err(Refusal::ReadBack { variables }) }
}

/// Begins a consistent snapshot of the InnoDB tables; read-only where the server knows such transactions.
#[must_use]
pub fn begin_snapshot(flavour: Flavour) -> SessionStatement {
    let sql = if flavour.has_read_only() {
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    } else {
        "START TRANSACTION WITH CONSISTENT SNAPSHOT"
    };
    SessionStatement::new(sql, Vec::new())
}

/// Marks the point to which a snapshot returns after each statement.
#[must_use]
pub fn savepoint() -> SessionStatement {
    SessionStatement::new("SAVEPOINT bicuspid", Vec::new())
}

/// Returns to the mark, which gives the metadata locks of the table back and keeps the snapshot.
#[must_use]
pub fn rollback_to_savepoint() -> SessionStatement {
    SessionStatement::new("ROLLBACK TO SAVEPOINT bicuspid", Vec::new())
}

/// Ends the snapshot.
#[must_use]
pub fn end() -> SessionStatement {
    SessionStatement::new("COMMIT", Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(version: &str, limits: &SessionLimits) -> Vec<String> {
        let flavour = Flavour::parse(version).unwrap();
        session_statements(flavour, limits).iter().map(|s| s.sql().to_owned()).collect()
    }

    #[test]
    fn each_flavour_gets_the_variables_that_it_has() {
        let limits = SessionLimits { statement_ms: 1500, ..SessionLimits::default() };
        let maria = texts("10.11.19-MariaDB", &limits);
        assert!(maria.contains(&"SET SESSION max_statement_time = 1.500".to_owned()));
        assert!(maria.contains(&"SET SESSION TRANSACTION READ ONLY".to_owned()));
        let mysql = texts("8.0.36", &limits);
        assert!(mysql.contains(&"SET SESSION max_execution_time = 1500".to_owned()));
        assert!(!mysql.iter().any(|s| s.contains("query_cache")));
        assert!(mysql.contains(&"SET SESSION information_schema_stats_expiry = 0".to_owned()));
        assert!(!maria.iter().any(|s| s.contains("stats_expiry")));
        let old = texts("5.5.62", &limits);
        assert!(!old.iter().any(|s| s.contains("READ ONLY") || s.contains("_time =")));
    }

    #[test]
    fn reading_back_names_every_setting_that_did_not_hold() {
        let flavour = Flavour::parse("10.11.19-MariaDB").unwrap();
        let statements = session_statements(flavour, &SessionLimits::default());
        let good: Vec<Option<String>> = [
            "utf8mb4",
            "utf8mb4",
            "NULL",
            "NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES",
            "1",
            "1",
            "REPEATABLE-READ",
            "30.000000",
            "1",
            "1",
            "5",
            "600",
            "18446744073709551615",
            "OFF",
            "1",
        ]
        .map(|v| (v != "NULL").then(|| v.to_owned()))
        .to_vec();
        assert_eq!(compare(&statements, &good), Ok(()));
        for (i, wrong) in [
            (0, "latin1"),
            (2, "latin1"),
            (3, "ANSI_QUOTES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"),
            (5, "0"),
            (7, "0.000000"),
            (8, "86400"),
            (12, "1000"),
            (14, "0"),
        ] {
            let mut found = good.clone();
            found[i] = Some(wrong.to_owned());
            assert!(compare(&statements, &found).is_err(), "{i}");
            found[i] = if i == 2 { Some("utf8mb4".to_owned()) } else { None };
            assert!(compare(&statements, &found).is_err(), "{i}");
        }
        let mut found = good.clone();
        found[5] = Some("0".into());
        found[8] = None;
        assert_eq!(
            compare(&statements, &found),
            Err(Refusal::ReadBack { variables: vec!["tx_read_only".into(), "lock_wait_timeout".into()] })
        );
        assert!(compare(&statements, &good[..14]).is_err());
        let sql = read_back(&statements).unwrap();
        assert!(sql.sql().contains("CAST(@@session.tx_read_only AS CHAR) AS tx_read_only"));
        assert!(sql.sql().contains("CAST(@@session.time_zone = @@global.time_zone AS CHAR) AS time_zone"));
    }

    #[test]
    fn time_zones_cannot_carry_a_statement() {
        for zone in ["+00:00", "-08:00", "+14:00", "America/Los_Angeles", "SYSTEM", "Etc/GMT+8"] {
            assert_eq!(TimeZone::new(zone).unwrap().as_str(), zone);
        }
        for zone in ["", "'", "+00:00'", "+15:00", "a b", "UTC;DROP", "é", "+1:00", "-", "UTC\0"] {
            assert!(TimeZone::new(zone).is_err(), "{zone}");
        }
    }

    #[test]
    fn only_what_a_server_may_lack_is_optional() {
        let flavour = Flavour::parse("10.11.19-MariaDB").unwrap();
        let statements = session_statements(flavour, &SessionLimits::default());
        let optional: Vec<&str> = statements
            .iter()
            .filter(|statement| statement.is_optional())
            .flat_map(|statement| statement.expects().iter().map(Expect::variable))
            .collect();
        assert_eq!(optional, ["innodb_lock_wait_timeout", "query_cache_type"]);
        assert!(statements.iter().all(|statement| !statement.expects().is_empty()));
    }

    #[test]
    fn numbers_are_read_as_servers_print_them() {
        for (text, thousandths) in [
            ("30", Some(30_000)),
            ("30.5", Some(30_500)),
            ("30.005000", Some(30_005)),
            ("30.0005", None),
            ("30.x", None),
            ("x", None),
        ] {
            assert_eq!(decimal_thousandths(text), thousandths, "{text}");
        }
        let one = [SessionStatement::new("SET SESSION a = 1", vec![Expect::new("a", Expected::Number(1))])];
        let found = |cells: &[&str]| cells.iter().map(|cell| Some((*cell).to_owned())).collect::<Vec<_>>();
        assert_eq!(compare(&one, &found(&["1"])), Ok(()));
        assert!(compare(&one, &found(&["1", "1"])).is_err());
        assert!(compare(&one, &found(&[])).is_err());
    }
}

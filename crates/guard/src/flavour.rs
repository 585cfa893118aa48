//! Which server answers, and what its version can do.

use std::fmt;

use crate::refusal::Refusal;

/// MySQL or MariaDB, with its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flavour {
    /// MariaDB; otherwise MySQL or one of its builds (Percona, Aurora).
    pub mariadb: bool,
    /// First number of the version.
    pub major: u16,
    /// Second number of the version.
    pub minor: u16,
    /// Third number of the version; 0 where the server does not tell.
    pub patch: u16,
}

impl Flavour {
    /// Reads `@@version`, such as `10.11.19-MariaDB-0+deb12u1`, `5.5.62-log`, `8.0.36` or `5.5.5-10.11.2-MariaDB`
    /// (the prefix that MariaDB 10 sends in its greeting to old replicas).
    pub fn parse(version: &str) -> Result<Self, Refusal> {
        let mariadb = version.to_ascii_lowercase().contains("mariadb");
        let version = match version.strip_prefix("5.5.5-") {
            Some(rest) if mariadb && rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
            _ => version,
        };
        let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse().ok());
        let major = numbers.next().flatten().ok_or(Refusal::Flavour)?;
        let minor = numbers.next().flatten().ok_or(Refusal::Flavour)?;
        let patch = numbers.next().flatten().unwrap_or(0);
        let flavour = Self { mariadb, major, minor, patch };
        // utf8mb4 came with 5.5.3, and nothing older was ever seen under Open Dental.
        if flavour.at_least(5, 5, 3) { Ok(flavour) } else { Err(Refusal::Flavour) }
    }

    /// Whether the version is this one or a later one.
    #[must_use]
    pub fn at_least(self, major: u16, minor: u16, patch: u16) -> bool {
        (self.major, self.minor, self.patch) >= (major, minor, patch)
    }

    /// Whether the server can make a session read-only: MySQL from 5.6.5, MariaDB from 10.0.
    #[must_use]
    pub fn has_read_only(self) -> bool {
        if self.mariadb { self.at_least(10, 0, 0) } else { self.at_least(5, 6, 5) }
    }

    /// The variable that limits the time of a statement, and its unit in milliseconds (MariaDB from 10.1.1 counts
    /// seconds, MySQL from 5.7.8 milliseconds and only for SELECT); older servers have none.
    #[must_use]
    pub fn time_limit(self) -> Option<TimeLimit> {
        if self.mariadb {
            self.at_least(10, 1, 1).then_some(TimeLimit::Seconds)
        } else {
            self.at_least(5, 7, 8).then_some(TimeLimit::Milliseconds)
        }
    }

    /// The variable that says whether the session is read-only; MySQL renamed it in 5.7.20, MariaDB in 11.1.
    #[must_use]
    pub(crate) fn read_only_variable(self) -> &'static str {
        if self.has_transaction_names() { "transaction_read_only" } else { "tx_read_only" }
    }

    /// The variable that holds the isolation level.
    #[must_use]
    pub(crate) fn isolation_variable(self) -> &'static str {
        if self.has_transaction_names() { "transaction_isolation" } else { "tx_isolation" }
    }

    fn has_transaction_names(self) -> bool {
        if self.mariadb { self.at_least(11, 1, 1) } else { self.at_least(5, 7, 20) }
    }

    /// Whether the server may keep results of SELECTs in a query cache.
    #[must_use]
    pub(crate) fn has_query_cache(self) -> bool {
        self.mariadb || !self.at_least(8, 0, 0)
    }

    /// Whether times have fractions of a second: MySQL from 5.6.4, every MariaDB that is read.
    #[must_use]
    pub(crate) fn has_fractions(self) -> bool {
        self.mariadb || self.at_least(5, 6, 4)
    }

    /// Whether the catalog may answer with numbers of tables that are up to a day old: MySQL from 8.0.3.
    #[must_use]
    pub(crate) fn has_old_numbers(self) -> bool {
        !self.mariadb && self.at_least(8, 0, 3)
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.mariadb { "MariaDB" } else { "MySQL" };
        write!(f, "{name} {}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How a server counts the time limit of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// `max_statement_time`, in seconds with a fraction; every kind of statement.
    Seconds,
    /// `max_execution_time`, in milliseconds; SELECT only.
    Milliseconds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_servers_print() {
        for (text, shown, read_only, name) in [
            ("10.11.19-MariaDB-0+deb12u1", "MariaDB 10.11.19", true, "tx_read_only"),
            ("5.5.5-10.11.6-MariaDB-log", "MariaDB 10.11.6", true, "tx_read_only"),
            ("11.8.6-MariaDB-ubu2404", "MariaDB 11.8.6", true, "transaction_read_only"),
            ("5.5.62-log", "MySQL 5.5.62", false, "tx_read_only"),
            ("5.5.5-m3-log", "MySQL 5.5.5", false, "tx_read_only"),
            ("5.5.5-MariaDB", "MariaDB 5.5.5", false, "tx_read_only"),
            ("5.5.68-MariaDB", "MariaDB 5.5.68", false, "tx_read_only"),
            ("5.6.51", "MySQL 5.6.51", true, "tx_read_only"),
            ("5.7.44-48-log", "MySQL 5.7.44", true, "transaction_read_only"),
            ("8.0.36-0ubuntu0.22.04.1", "MySQL 8.0.36", true, "transaction_read_only"),
            ("8.0.mysql_aurora.3.04.0", "MySQL 8.0.0", true, "transaction_read_only"),
        ] {
            let flavour = Flavour::parse(text).unwrap();
            assert_eq!(flavour.to_string(), shown, "{text}");
            assert_eq!(flavour.has_read_only(), read_only, "{text}");
            assert_eq!(flavour.read_only_variable(), name, "{text}");
        }
    }

    #[test]
    fn unknown_or_ancient_versions_are_refused() {
        for text in ["", "MariaDB", "5", "5.1.73", "4.1.22-standard", "x.y.z", "-5.7.1"] {
            assert_eq!(Flavour::parse(text), Err(Refusal::Flavour), "{text}");
        }
    }

    #[test]
    fn time_limits_follow_the_manuals() {
        let limit = |text: &str| Flavour::parse(text).unwrap().time_limit();
        assert_eq!(limit("10.0.38-MariaDB"), None);
        assert_eq!(limit("10.1.1-MariaDB"), Some(TimeLimit::Seconds));
        assert_eq!(limit("5.7.7"), None);
        assert_eq!(limit("5.7.8"), Some(TimeLimit::Milliseconds));
        assert_eq!(limit("8.4.0"), Some(TimeLimit::Milliseconds));
    }
}

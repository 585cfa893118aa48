//! Whether an account of the source can do no more than read one database.
//!
//! `SHOW GRANTS` is judged by allow-list: `USAGE`, `SELECT` (also of tables and columns) and `SHOW VIEW`, on the one
//! database, for the account itself or for everybody. Any other word, any role, any other database, a pattern that
//! fits more than one, a line that is not understood and an empty answer are findings. All findings are told at once,
//! with the statements that mend them. No line is ever repeated: MariaDB prints the password's hash in it.

use std::fmt;

use bicuspid_model::{Class, DatabaseName, Side, Trouble};

use crate::accounts;
use crate::grant_line::{Account, Grant, GrantLine, Grantee, Object, Privilege};
use crate::refusal::Refusal;

/// One thing that an account must not hold. Names are shown, passwords and their hashes never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The server told nothing.
    Empty,
    /// A line (counted from 1) that is not understood.
    Unreadable {
        /// Which line.
        line: usize,
    },
    /// The administrator's own account.
    Root,
    /// An account that the server or its installer made for itself.
    Reserved {
        /// Its name.
        user: String,
    },
    /// The account without a name, which anybody may be given at log-in.
    Anonymous,
    /// The source is one of the server's own databases.
    SystemDatabase,
    /// The account may not read anything of the source.
    CannotRead,
    /// Every privilege.
    Everything {
        /// On what.
        on: String,
    },
    /// Privileges beyond reading.
    Beyond {
        /// The privileges, as the server names them.
        privileges: Vec<String>,
        /// On what.
        on: String,
    },
    /// Reading of everything, the server's own accounts included.
    ReadsEverything,
    /// Reading of another database.
    OtherDatabase {
        /// On what.
        on: String,
    },
    /// Reading of all databases whose names fit a pattern.
    Pattern {
        /// The pattern.
        on: String,
    },
    /// Rights may be handed on.
    GrantOption {
        /// On what.
        on: String,
    },
    /// A role: what it holds can change, and on some servers cannot be seen.
    Role {
        /// The role.
        role: String,
    },
    /// The account may act as another.
    Proxy,
    /// A partial revocation: the rest of a wider grant stays.
    PartialRevoke,
}

impl Finding {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "grants::empty",
            Self::Unreadable { .. } => "grants::unreadable",
            Self::Root => "grants::root",
            Self::Reserved { .. } => "grants::reserved",
            Self::SystemDatabase => "grants::system_database",
            Self::CannotRead => "grants::cannot_read",
            Self::Anonymous => "grants::anonymous",
            Self::Everything { .. } => "grants::everything",
            Self::Beyond { .. } => "grants::beyond_reading",
            Self::ReadsEverything => "grants::reads_everything",
            Self::OtherDatabase { .. } => "grants::other_database",
            Self::Pattern { .. } => "grants::pattern",
            Self::GrantOption { .. } => "grants::grant_option",
            Self::Role { .. } => "grants::role",
            Self::Proxy => "grants::proxy",
            Self::PartialRevoke => "grants::partial_revoke",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the server did not say what the account may do"),
            Self::Unreadable { line } => write!(f, "line {line} of its grants is not understood"),
            Self::Root => f.write_str("it is the administrator's account `root`"),
            Self::Reserved { user } => write!(f, "`{user}` is an account of the server's own"),
            Self::Anonymous => f.write_str("it is the anonymous account"),
            Self::SystemDatabase => {
                f.write_str("the source that was named is a database of the server's own, which holds accounts and passwords")
            }
            Self::CannotRead => f.write_str("it may not read anything of the source"),
            Self::Everything { on } => write!(f, "it holds ALL PRIVILEGES on {on}"),
            Self::Beyond { privileges, on } => write!(f, "it holds {} on {on}", privileges.join(", ")),
            Self::ReadsEverything => {
                f.write_str("it may read every database, accounts and passwords included")
            }
            Self::OtherDatabase { on } => write!(f, "it may read {on}, which is not the source"),
            Self::Pattern { on } => write!(f, "it may read every database that fits the pattern {on}"),
            Self::GrantOption { on } => write!(f, "it may hand on rights on {on}"),
            Self::Role { role } => write!(f, "it is a member of the role {role}"),
            Self::Proxy => f.write_str("it may act as another account"),
            Self::PartialRevoke => f.write_str("it holds a wide grant from which parts were revoked"),
        }
    }
}

/// The judgement about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantVerdict {
    /// The account as the server calls it, if it could be read.
    pub account: Option<String>,
    /// Everything that speaks against it. Empty: the account can only read the source.
    pub findings: Vec<Finding>,
    /// The statements that mend it, for an administrator to run; empty when there is nothing to mend.
    pub mend: Vec<String>,
}

impl GrantVerdict {
    /// Whether the account can read the source and do no more.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether the account can do no more than read the source. One that cannot even do that is of no use, and no
    /// danger.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.findings.iter().all(|finding| *finding == Finding::CannotRead)
    }

    /// The stable code of the gravest finding.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let gravest = self.findings.iter().max_by_key(|finding| match finding {
            Finding::Root | Finding::Reserved { .. } | Finding::Everything { .. } => 4,
            Finding::SystemDatabase => 3,
            Finding::Empty | Finding::Unreadable { .. } | Finding::Anonymous => 2,
            Finding::Beyond { .. } | Finding::GrantOption { .. } => 1,
            _ => 0,
        });
        gravest.map_or("grants::safe", Finding::code)
    }

    /// The verdict as it is told to a person, all findings at once.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let account = self.account.as_deref().unwrap_or("the account");
        let findings: Vec<String> = self.findings.iter().map(ToString::to_string).collect();
        let hint = if self.findings.contains(&Finding::SystemDatabase) {
            "set SOURCE_DB_NAME to the practice's own database".to_owned()
        } else if self.mend.is_empty() {
            "`bicuspid grants` prints the account to ask the administrator for".to_owned()
        } else {
            format!("ask the administrator to run: {}", self.mend.join("; "))
        };
        let what = match self.findings.as_slice() {
            [Finding::CannotRead] => format!("{account} may not read the source"),
            [Finding::Empty] => format!("nobody knows what {account} may do on the clinic server"),
            _ => format!("{account} may do more on the clinic server than read the source"),
        };
        Trouble {
            code: self.code().to_owned(),
            side: Side::Source,
            class: Class::Refused,
            what,
            why: format!(
                "{}; a source account holds SELECT on its database and nothing else",
                findings.join("; ")
            ),
            state: "no row was read".to_owned(),
            hint,
        }
    }

    /// The verdict as a refusal.
    pub fn into_result(self) -> Result<(), Refusal> {
        if self.is_safe() { Ok(()) } else { Err(Refusal::Grants(self)) }
    }
}

/// Judges the lines of `SHOW GRANTS` (the plain form: `FOR CURRENT_USER()` hides what everybody holds on MariaDB).
#[must_use]
pub fn judge_grants<S: AsRef<str>>(lines: &[S], source: &DatabaseName) -> GrantVerdict {
    let mut judge = Judge { source, account: None, reads: false, findings: Vec::new(), mend: Vec::new() };
    if lines.is_empty() {
        judge.findings.push(Finding::Empty);
    }
    for (number, line) in (1..).zip(lines) {
        judge.line(number, line.as_ref());
    }
    judge.verdict()
}

struct Judge<'a> {
    source: &'a DatabaseName,
    account: Option<Account>,
    /// Whether the account may read something of the source already, by itself or with everybody.
    reads: bool,
    findings: Vec<Finding>,
    mend: Vec<String>,
}

impl Judge<'_> {
    fn line(&mut self, number: usize, line: &str) {
        match GrantLine::parse(line) {
            Some(GrantLine::Grant(grant)) => self.grant(&grant),
            Some(GrantLine::Roles { roles, grantee }) => {
                let known = self.grantee(&grantee);
                for role in roles {
                    if let Some(account) = &known {
                        self.mend.push(format!("REVOKE {role} FROM {account}"));
                    }
                    self.findings.push(Finding::Role { role: role.to_string() });
                }
            }
            Some(GrantLine::DefaultRole { role, grantee }) => {
                if let Some(account) = self.grantee(&grantee) {
                    self.mend.push(format!("SET DEFAULT ROLE NONE FOR {account}"));
                }
                self.findings.push(Finding::Role { role: role.to_string() });
            }
            Some(GrantLine::Proxy { on, grantee }) => {
                if let Some(account) = self.grantee(&grantee) {
                    self.mend.push(format!("REVOKE PROXY ON {on} FROM {account}"));
                }
                self.findings.push(Finding::Proxy);
            }
            Some(GrantLine::Revoke) => self.findings.push(Finding::PartialRevoke),
            None => self.findings.push(Finding::Unreadable { line: number }),
        }
    }

    /// Notes whose grant it is. Lines about another name show what an active role holds.
    fn grantee(&mut self, grantee: &Grantee) -> Option<String> {
        let account = match grantee {
            Grantee::Public => return Some("PUBLIC".to_owned()),
            Grantee::Role(role) => {
                self.findings.push(Finding::Role { role: role.to_string() });
                return None;
            }
            Grantee::Account(account) => account,
        };
        match &self.account {
            Some(known) if known != account => {
                self.findings.push(Finding::Role { role: account.to_string() });
                return None;
            }
            Some(_) => {}
            None => {
                if account.user.eq_ignore_ascii_case("root") {
                    self.findings.push(Finding::Root);
                }
                if accounts::is_reserved(&account.user) {
                    self.findings.push(Finding::Reserved { user: account.user.clone() });
                }
                if account.user.is_empty() {
                    self.findings.push(Finding::Anonymous);
                }
                self.account = Some(account.clone());
            }
        }
        Some(account.to_string())
    }

    fn grant(&mut self, grant: &Grant) {
        let grantee = self.grantee(&grant.grantee);
        let on = grant.object.to_string();
        let is_reading = |p: &&Privilege| matches!(p.name.as_str(), "SELECT" | "SHOW VIEW");
        let everything = grant.privileges.iter().any(|p| p.name == "ALL PRIVILEGES" || p.name == "ALL");
        let beyond = grant.privileges.iter().filter(|p| !is_reading(p) && p.name != "USAGE");
        let beyond: Vec<String> = beyond.map(ToString::to_string).collect();
        let reading: Vec<&Privilege> = grant.privileges.iter().filter(is_reading).collect();
        let mut revoke = Vec::new();
        if everything {
            self.findings.push(Finding::Everything { on: on.clone() });
            revoke.push("ALL PRIVILEGES".to_owned());
        } else if !beyond.is_empty() {
            self.findings.push(Finding::Beyond { privileges: beyond.clone(), on: on.clone() });
            revoke.extend(beyond);
        }
        if !reading.is_empty() {
            if let Some(finding) = self.elsewhere(&grant.object, &reading) {
                self.findings.push(finding);
                revoke.extend(reading.iter().map(ToString::to_string));
            } else {
                self.reads |= reading.iter().any(|p| p.name == "SELECT");
            }
        }
        if grant.with_option {
            self.findings.push(Finding::GrantOption { on: on.clone() });
            revoke.push("GRANT OPTION".to_owned());
        }
        if let Some(account) = grantee {
            // `ALL PRIVILEGES` leaves the grant option; each has a statement of its own where the grammar asks for it.
            if everything && grant.with_option {
                self.mend.push(format!("REVOKE ALL PRIVILEGES ON {on} FROM {account}"));
                self.mend.push(format!("REVOKE GRANT OPTION ON {on} FROM {account}"));
            } else if !revoke.is_empty() {
                self.mend.push(format!("REVOKE {} ON {on} FROM {account}", revoke.join(", ")));
            }
        }
    }

    /// What is wrong with reading this object, if anything.
    fn elsewhere(&self, object: &Object, reading: &[&Privilege]) -> Option<Finding> {
        let beyond = || Finding::Beyond {
            privileges: reading.iter().map(ToString::to_string).collect(),
            on: object.to_string(),
        };
        match object {
            Object::Server if reading.iter().any(|p| p.name == "SELECT") => Some(Finding::ReadsEverything),
            Object::Database { pattern } => match literal(pattern) {
                None => Some(Finding::Pattern { on: object.to_string() }),
                Some(name) if name == self.source.as_str() => None,
                Some(_) => Some(Finding::OtherDatabase { on: object.to_string() }),
            },
            // Names of tables and their databases are not patterns.
            Object::Table { database, .. } if database == self.source.as_str() => None,
            Object::Table { .. } => Some(Finding::OtherDatabase { on: object.to_string() }),
            // Reading is not a privilege on the others, and definitions of all views are not needed.
            Object::Server | Object::Other { .. } => Some(beyond()),
        }
    }

    fn verdict(mut self) -> GrantVerdict {
        if self.account.is_none() && !self.findings.contains(&Finding::Empty) {
            // Grants of everybody alone do not say who the account is.
            self.findings.push(Finding::Empty);
        }
        if accounts::is_system_database(self.source.as_str()) {
            self.findings.push(Finding::SystemDatabase);
        }
        if self.findings.is_empty() && !self.reads {
            self.findings.push(Finding::CannotRead);
        }
        let mut findings = Vec::new();
        for finding in self.findings {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        let administrator = findings.iter().any(|finding| match finding {
            Finding::Root | Finding::Reserved { .. } | Finding::Anonymous | Finding::Empty => true,
            Finding::Everything { on } => on == "*.*",
            Finding::Beyond { privileges, .. } => {
                privileges.iter().any(|p| matches!(p.as_str(), "SUPER" | "CREATE USER"))
            }
            _ => false,
        });
        let mend = match (&self.account, findings.is_empty()) {
            (_, true) => Vec::new(),
            // No grant makes that a source.
            _ if findings.contains(&Finding::SystemDatabase) => Vec::new(),
            // An administrator's rights are not taken away: another account is made.
            (Some(account), false) if !administrator => {
                let missing = !self.reads;
                let grant = accounts::source_grant(self.source, &account.user, &account.host);
                self.mend.into_iter().chain(grant.ok().filter(|_| missing)).collect()
            }
            (account, false) => {
                let host = account.as_ref().map_or("%", |account| account.host.as_str());
                let placeholder = accounts::PASSWORD_PLACEHOLDER;
                accounts::source_statements(self.source, "readonly_user", host, placeholder)
                    .unwrap_or_default()
            }
        };
        GrantVerdict { account: self.account.map(|account| account.to_string()), findings, mend }
    }
}

/// The one name that a database pattern fits, `None` if it fits several.
fn literal(pattern: &str) -> Option<String> {
    let mut name = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' | '_' => return None,
            '\\' => name.push(chars.next()?),
            _ => name.push(c),
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(lines: &[&str], source: &str) -> GrantVerdict {
        judge_grants(lines, &DatabaseName::new(source).unwrap())
    }

    fn codes(lines: &[&str]) -> Vec<&'static str> {
        judge(lines, "opendental").findings.iter().map(Finding::code).collect()
    }

    const USAGE: &str = "GRANT USAGE ON *.* TO `r`@`%`";

    #[test]
    fn an_account_that_may_nothing_is_harmless_and_of_no_use() {
        let nothing = judge(&[USAGE], "opendental");
        assert!(nothing.is_harmless() && !nothing.is_safe());
        assert!(nothing.into_result().is_err());
        let more = judge(&[USAGE, "GRANT EXECUTE ON `opendental`.* TO `r`@`%`"], "opendental");
        assert!(!more.is_harmless() && !judge(&[], "opendental").is_harmless());
    }

    #[test]
    fn reading_of_the_source_is_safe_in_every_spelling() {
        for lines in [
            vec![USAGE, "GRANT SELECT ON `opendental`.* TO `r`@`%`"],
            vec![USAGE, "GRANT SELECT, SHOW VIEW ON `opendental`.* TO `r`@`%`"],
            vec![USAGE, "GRANT SELECT (`LName`, `Pat)Num`), SHOW VIEW ON `opendental`.`patient` TO `r`@`%`"],
            vec![USAGE, "GRANT SELECT ON TABLE `opendental`.`update` TO `r`@`%`"],
            vec![
                "GRANT USAGE ON *.* TO 'r'@'%' IDENTIFIED BY PASSWORD '*AB' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3",
                "GRANT SELECT ON `opendental`.* TO 'r'@'%'",
            ],
            vec![
                "GRANT USAGE ON *.* TO \"r\"@\"%\" IDENTIFIED BY PASSWORD <secret>",
                "GRANT SELECT ON \"opendental\".* TO \"r\"@\"%\"",
            ],
            vec![
                "GRANT USAGE ON *.* TO r@`%` IDENTIFIED VIA ed25519 USING 'x' OR unix_socket",
                "GRANT SELECT ON opendental.* TO r@`%`",
                "GRANT SELECT ON `opendental`.* TO PUBLIC",
            ],
            vec!["GRANT SELECT ON opendental.* TO _r@`%`"],
            vec!["GRANT SELECT ON opendental.* TO $r@`%`"],
            vec![
                "GRANT USAGE ON *.* TO 'r'@'%' REQUIRE SUBJECT '/CN=GRANT ALL' AND ISSUER 'x' AND CIPHER 'y'",
                "GRANT SELECT ON `opendental`.* TO 'r'@'%'",
            ],
        ] {
            let verdict = judge(&lines, "opendental");
            assert_eq!((verdict.findings, verdict.mend), (vec![], vec![]), "{lines:?}");
        }
    }

    #[test]
    fn wildcards_count_in_databases_and_not_in_tables() {
        let database = |pattern: &str| {
            let line = format!("GRANT SELECT ON `{pattern}`.* TO `r`@`%`");
            judge(&[USAGE, &line], "open_dental").findings
        };
        assert_eq!(database("open\\_dental"), vec![]);
        assert_eq!(database("open_dental"), vec![Finding::Pattern { on: "`open_dental`.*".into() }]);
        assert_eq!(database("open\\_dental%")[0].code(), "grants::pattern");
        assert_eq!(database("%")[0].code(), "grants::pattern");
        assert_eq!(database("opendental")[0].code(), "grants::other_database");
        assert_eq!(database("OPEN\\_DENTAL")[0].code(), "grants::other_database");
        let table = "GRANT SELECT ON `open_dental`.`a_b` TO `r`@`%`";
        assert!(judge(&[USAGE, table], "open_dental").is_safe());
        assert!(!judge(&[USAGE, table], "openxdental").is_safe());
    }

    #[test]
    fn everything_else_is_a_finding() {
        for (line, code) in [
            ("GRANT INSERT ON `opendental`.* TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT SELECT, INSERT (`a`) ON `opendental`.`t` TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT PROCESS ON *.* TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT REPLICATION CLIENT ON *.* TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT BINLOG MONITOR ON *.* TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT SOME_NEW_ADMIN ON *.* TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT EXECUTE ON PROCEDURE `opendental`.`p` TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT EXECUTE ON PACKAGE BODY `opendental`.`p` TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT SELECT ON SEQUENCE `opendental`.`s` TO `r`@`%`", "grants::beyond_reading"),
            ("GRANT SELECT ON *.* TO `r`@`%`", "grants::reads_everything"),
            ("GRANT SELECT ON `mysql`.* TO `r`@`%`", "grants::other_database"),
            ("GRANT USAGE ON *.* TO `r`@`%` WITH GRANT OPTION", "grants::grant_option"),
            ("GRANT ALL PRIVILEGES ON `opendental`.* TO `r`@`%`", "grants::everything"),
            ("GRANT `boss` TO `r`@`%`", "grants::role"),
            ("GRANT boss TO `r`@`%` WITH ADMIN OPTION", "grants::role"),
            ("GRANT `a`@`%`,`b`@`%` TO `r`@`%`", "grants::role"),
            ("GRANT SELECT ON `opendental`.* TO `boss`", "grants::role"),
            ("GRANT SELECT ON `opendental`.* TO `other`@`%`", "grants::role"),
            ("SET DEFAULT ROLE `boss` FOR `r`@`%`", "grants::role"),
            ("GRANT PROXY ON ''@'' TO 'r'@'%'", "grants::proxy"),
            ("REVOKE SELECT ON `mysql`.* FROM `r`@`%`", "grants::partial_revoke"),
            ("GRANT INSERT ON `test\\_%`.* TO PUBLIC", "grants::beyond_reading"),
            ("GRANT SELECT ON `opendental`.* TO `r`@`%` WITH SOMETHING NEW", "grants::unreadable"),
            ("GRANT SELECT ON `opendental`.* TO `r`@`%`; DROP", "grants::unreadable"),
            ("GRANT `SELECT` ON `opendental`.* TO `r`@`%`", "grants::unreadable"),
            ("GRANT SELECT ON `opendental`.* TO `r`@`%", "grants::unreadable"),
            ("GRANT SELECT ON opendental TO `r`@`%`", "grants::unreadable"),
            ("GRANT boss TO r ON `opendental`.* TO `r`@`%`", "grants::unreadable"),
            // Where the literal ends depends on whether backslashes escape.
            (
                "GRANT USAGE ON *.* TO 'r'@'%' IDENTIFIED VIA x USING '\\' OR y USING 'z'",
                "grants::unreadable",
            ),
            ("grant select", "grants::unreadable"),
            ("", "grants::unreadable"),
            ("\u{0}", "grants::unreadable"),
        ] {
            let found = codes(&[USAGE, line]);
            assert!(found.contains(&code), "{line}: {found:?}");
        }
        let padded = |bytes: usize| {
            let line = "GRANT SELECT ON `opendental`.* TO `r`@`%`";
            format!("{line}{}", " ".repeat(bytes - line.len()))
        };
        assert!(judge(&[&padded(64 * 1024)], "opendental").is_safe());
        for bytes in [64 * 1024 + 1, 64 * 1024 + 2] {
            assert!(codes(&[USAGE, &padded(bytes)]).contains(&"grants::unreadable"), "{bytes}");
        }
        assert_eq!(codes(&[]), ["grants::empty"]);
        assert_eq!(codes(&["GRANT SELECT ON `opendental`.* TO PUBLIC"]), ["grants::empty"]);
        assert_eq!(codes(&["GRANT USAGE ON *.* TO ''@'%'"]), ["grants::anonymous"]);
        assert_eq!(codes(&["GRANT USAGE ON *.* TO 'root'@'localhost'"]), ["grants::root"]);
    }

    #[test]
    fn all_findings_come_at_once_with_the_statements_that_mend() {
        let verdict = judge(
            &[
                "GRANT RELOAD, PROCESS ON *.* TO `r`@`10.0.0.%` IDENTIFIED BY PASSWORD '*SECRETHASH'",
                "GRANT `boss` TO `r`@`10.0.0.%`",
                "GRANT SELECT, INSERT, DELETE ON `opendental`.* TO `r`@`10.0.0.%` WITH GRANT OPTION",
                "GRANT SELECT ON `my``sql`.* TO `r`@`10.0.0.%`",
            ],
            "opendental",
        );
        let found: Vec<&str> = verdict.findings.iter().map(Finding::code).collect();
        assert_eq!(
            found,
            [
                "grants::beyond_reading",
                "grants::role",
                "grants::beyond_reading",
                "grants::grant_option",
                "grants::other_database"
            ]
        );
        assert_eq!(
            verdict.mend,
            [
                "REVOKE RELOAD, PROCESS ON *.* FROM 'r'@'10.0.0.%'",
                "REVOKE `boss` FROM 'r'@'10.0.0.%'",
                "REVOKE INSERT, DELETE, GRANT OPTION ON `opendental`.* FROM 'r'@'10.0.0.%'",
                "REVOKE SELECT ON `my``sql`.* FROM 'r'@'10.0.0.%'",
            ]
        );
        let columns = judge(
            &[USAGE, "GRANT SELECT (a), UPDATE (`b`, `c``d`), INSERT (a) ON `opendental`.`t` TO `r`@`%`"],
            "opendental",
        );
        assert_eq!(
            columns.mend,
            ["REVOKE UPDATE (`b`, `c``d`), INSERT (`a`) ON `opendental`.`t` FROM 'r'@'%'"]
        );
        let nothing = judge(&[USAGE], "open_dental");
        assert_eq!(nothing.mend, ["GRANT SELECT, SHOW VIEW ON `open\\_dental`.* TO 'r'@'%'"]);
        assert!(judge(&[USAGE, "GRANT SELECT ON `mysql`.* TO `r`@`%`"], "mysql").mend.is_empty());
        let without = judge(&["GRANT SELECT ON *.* TO `r`@`%`"], "open_dental");
        assert_eq!(
            without.mend,
            ["REVOKE SELECT ON *.* FROM 'r'@'%'", "GRANT SELECT, SHOW VIEW ON `open\\_dental`.* TO 'r'@'%'"]
        );
        assert!(
            !format!("{verdict:?} {}", verdict.clone().into_result().unwrap_err()).contains("SECRETHASH")
        );
    }

    #[test]
    fn an_administrator_is_not_mended_but_replaced() {
        let verdict =
            judge(&["GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION"], "opendental");
        assert_eq!(
            verdict.mend,
            [
                "CREATE USER 'readonly_user'@'localhost' IDENTIFIED BY '<password>'",
                "GRANT SELECT, SHOW VIEW ON `opendental`.* TO 'readonly_user'@'localhost'",
            ]
        );
    }

    #[test]
    fn the_gravest_finding_gives_its_name_and_each_says_something() {
        for (lines, code) in [
            (&["GRANT PROCESS ON *.* TO `root`@`%`", "?"][..], "grants::root"),
            (&["GRANT PROCESS ON *.* TO `mysql.sys`@`%`"], "grants::reserved"),
            (&["GRANT ALL ON `opendental`.* TO `r`@`%`", "?"], "grants::everything"),
            (&["GRANT PROCESS ON *.* TO `r`@`%`", "?"], "grants::unreadable"),
            (&["GRANT PROCESS ON *.* TO ``@`%`"], "grants::anonymous"),
            (&["GRANT `a` TO `r`@`%`", "GRANT PROCESS ON *.* TO `r`@`%`"], "grants::beyond_reading"),
            (&["GRANT PROCESS ON *.* TO `r`@`%`", "GRANT `a` TO `r`@`%`"], "grants::beyond_reading"),
            (
                &["GRANT `a` TO `r`@`%`", "GRANT USAGE ON *.* TO `r`@`%` WITH GRANT OPTION"],
                "grants::grant_option",
            ),
        ] {
            let verdict = judge(lines, "opendental");
            assert_eq!(verdict.code(), code, "{lines:?}");
            assert!(verdict.findings.iter().all(|f| f.to_string().len() > 20), "{:?}", verdict.findings);
        }
        let own = judge(&[USAGE, "GRANT PROCESS ON *.* TO `r`@`%`"], "mysql");
        assert_eq!(own.code(), "grants::system_database");
        assert!(own.trouble().hint.contains("SOURCE_DB_NAME"));
        assert!(own.mend.is_empty(), "no grant makes that a source");
        assert_eq!(judge(&[USAGE], "opendental").trouble().what, "'r'@'%' may not read the source");
        assert!(judge(&[], "opendental").trouble().what.starts_with("nobody knows what"));
    }

    #[test]
    fn who_administers_the_server_is_replaced_and_who_reads_too_much_is_mended() {
        let is_replaced = |line: &str| judge(&[USAGE, line], "opendental").mend[0].starts_with("CREATE USER");
        for line in [
            "GRANT SUPER ON *.* TO `r`@`%`",
            "GRANT CREATE USER ON *.* TO `r`@`%`",
            "GRANT ALL PRIVILEGES ON *.* TO `r`@`%`",
        ] {
            assert!(is_replaced(line), "{line}");
        }
        for lines in
            [&["GRANT SELECT ON `opendental`.* TO `root`@`%`"][..], &["GRANT USAGE ON *.* TO ``@`%`"], &[]]
        {
            assert!(judge(lines, "opendental").mend[0].starts_with("CREATE USER"), "{lines:?}");
        }
        for line in [
            "GRANT PROCESS ON *.* TO `r`@`%`",
            "GRANT ALL PRIVILEGES ON `opendental`.* TO `r`@`%`",
            "GRANT SELECT ON *.* TO `r`@`%`",
        ] {
            assert!(!is_replaced(line), "{line}");
        }
    }
}

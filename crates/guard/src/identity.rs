//! Known databases: is this the database that it claims to be, and may it be written?
//!
//! A name and an address say little: a tunnel can be swapped, a backup restored under the same name, a database
//! dropped and made anew. What cannot be copied along is the pair of the cluster's system identifier and the
//! database's oid. It is written into the database when it is enrolled, remembered on this machine, and compared with
//! what the server reports before any write and again inside the writing transaction.

use std::fmt;

use bicuspid_model::{Class, DatabaseName, Endpoint, Environment, Host, Side, SiteName, Trouble};

use crate::refusal::Refusal;

/// The one database that synthetic data may go to. Nothing overrides it.
pub const DEMO_DATABASE: &str = "opendental_demo";

/// A database that was enrolled: as its own one-row table says, or as this machine remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it was enrolled for.
    pub environment: Environment,
    /// Its name then.
    pub database: String,
    /// System identifier of its cluster, made by `initdb` and kept by physical copies.
    pub system_identifier: u64,
    /// Its object identifier in the cluster; a database made anew has another.
    pub oid: u32,
    /// The site whose copy is meant, where a database holds those of several.
    pub site: Option<SiteName>,
}

/// What the server reports over the very connection that is to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// `current_database()`.
    pub database: String,
    /// System identifier of the cluster.
    pub system_identifier: u64,
    /// The database's oid.
    pub oid: u32,
    /// `session_user`.
    pub session_user: String,
    /// `current_user`: another one means that a role was assumed on the way.
    pub current_user: String,
    /// The marker in the database, if it was ever enrolled.
    pub marker: Option<Identity>,
}

/// What the settings ask for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The environment of the command.
    pub environment: Environment,
    /// The site whose copy is meant, if it is one of several.
    pub site: Option<&'a SiteName>,
    /// The configured name.
    pub database: &'a DatabaseName,
    /// The configured account.
    pub user: &'a str,
    /// What this machine remembers of the database of that environment at that place, if anything.
    pub known: Option<&'a Identity>,
    /// What this machine remembers of the databases of the other environments, wherever they are.
    pub elsewhere: &'a [Identity],
}

/// How well a database is known. All of them passed every comparison that could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Enrolled, and remembered here.
    Known,
    /// Enrolled, but this machine does not remember it: it may be enrolled here, with consent.
    NewHere,
    /// Never enrolled: it may be enrolled, with consent.
    New,
}

/// One way in which a database is not the one that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What was compared.
    pub what: Compared,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// What is compared of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The name that the server reports.
    Name,
    /// The environment for which it was enrolled.
    Environment,
    /// The cluster.
    Cluster,
    /// The database's oid.
    Oid,
    /// The account that logged in.
    SessionUser,
    /// The account whose rights count.
    CurrentUser,
    /// The marker inside it.
    Marker,
    /// The site that the marker names.
    Site,
}

impl Compared {
    const fn name(self) -> &'static str {
        match self {
            Self::Name => "database name",
            Self::Environment => "environment",
            Self::Cluster => "cluster identifier",
            Self::Oid => "database oid",
            Self::SessionUser => "session user",
            Self::CurrentUser => "current user",
            Self::Marker => "identity row",
            Self::Site => "site",
        }
    }

    /// The stable code of a refusal in which this differs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Name => "identity::name",
            Self::Environment => "identity::environment",
            Self::Cluster => "identity::cluster",
            Self::Oid => "identity::oid",
            Self::SessionUser | Self::CurrentUser => "identity::user",
            Self::Marker => "identity::marker",
            Self::Site => "identity::site",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names from a server may hold anything; control characters would forge a screen.
        write!(
            f,
            "{}: expected {}, found {}",
            self.what.name(),
            self.expected.escape_debug(),
            self.found.escape_debug()
        )
    }
}

/// Differences that stop every write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The environment of the command.
    pub environment: Environment,
    /// At least one.
    pub differences: Vec<Difference>,
}

impl Mismatch {
    /// The stable code of the first difference.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.differences.first().map_or("identity::unknown", |difference| difference.what.code())
    }

    /// The mismatch as it is told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let differences: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        Trouble {
            code: self.code().to_owned(),
            side: if self.environment == Environment::Demo { Side::Demo } else { Side::Target },
            class: Class::Refused,
            what: format!("this is not the {} database that Bicuspid knows", self.environment),
            why: differences.join("; "),
            state: "nothing was written".to_owned(),
            hint: format!(
                "check host and port; if the database was replaced on purpose, run `bicuspid enroll --env {}`",
                self.environment
            ),
        }
    }
}

/// Compares an enrolled identity with another: every field must be the same.
pub fn compare(expected: &Identity, found: &Identity) -> Result<(), Refusal> {
    let mut list = Differences(Vec::new());
    list.identity(expected, found);
    list.verdict(expected.environment)
}

/// Judges the database behind a connection. Called before a write, and again inside the writing transaction with the
/// identity that the first call passed as `known`.
pub fn judge_target(wanted: &Wanted<'_>, reported: &Reported) -> Result<Standing, Refusal> {
    let mut list = Differences(Vec::new());
    let environment = wanted.environment;
    list.same(Compared::Name, wanted.database.as_str(), &reported.database);
    // The demo's name belongs to the demo, and to nothing else.
    if environment == Environment::Demo {
        list.same(Compared::Name, DEMO_DATABASE, &reported.database);
    } else if reported.database.eq_ignore_ascii_case(DEMO_DATABASE) {
        list.push(Compared::Environment, "a database for real or test data", "the demo database");
    }
    list.same(Compared::SessionUser, wanted.user, &reported.session_user);
    list.same(Compared::CurrentUser, wanted.user, &reported.current_user);
    if reported.session_user != reported.current_user {
        // Whatever else was found was looked for with somebody else's eyes.
        return list.verdict(environment).map(|()| Standing::New);
    }
    let actual = Identity {
        environment,
        database: reported.database.clone(),
        system_identifier: reported.system_identifier,
        oid: reported.oid,
        site: wanted.site.cloned(),
    };
    if let Some(marker) = &reported.marker {
        // A marker that disagrees with its own server came with a copy of another database.
        list.identity(&actual, marker);
    }
    // A database that lost its marker is still known by what cannot be taken from it.
    for other in wanted.elsewhere {
        if (other.system_identifier, other.oid) == (actual.system_identifier, actual.oid) {
            list.same(Compared::Environment, environment.name(), other.environment.name());
        }
    }
    if let Some(known) = wanted.known {
        list.identity(known, &actual);
        if reported.marker.is_none() {
            list.push(Compared::Marker, "the one that was written when it was enrolled", "none");
        }
    }
    list.verdict(environment)?;
    Ok(match (&reported.marker, wanted.known) {
        (Some(_), Some(_)) => Standing::Known,
        (Some(_), None) => Standing::NewHere,
        (None, _) => Standing::New,
    })
}

/// Accepts the name of the demo database, exactly.
pub fn demo_database(name: &str) -> Result<DatabaseName, Refusal> {
    match DatabaseName::new(name) {
        Ok(database) if name == DEMO_DATABASE => Ok(database),
        _ => Err(Refusal::DemoName),
    }
}

/// Refuses a target at the place of the source: one port speaks one protocol, so one of the two is a mistake.
pub fn distinct(source: &Endpoint, target: &Endpoint) -> Result<(), Refusal> {
    let same = match (&source.host, &target.host) {
        (Host::Tcp { host: a, port: p }, Host::Tcp { host: b, port: q }) => {
            let bare = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
            p == q && (bare(a) == bare(b) || (source.host.is_local() && target.host.is_local()))
        }
        (Host::Socket { path: a, port: _ }, Host::Socket { path: b, port: _ }) => a == b,
        _ => false,
    };
    if same { Err(Refusal::SameServer) } else { Ok(()) }
}

fn site_text(site: Option<&SiteName>) -> &str {
    site.map_or("none", SiteName::as_str)
}

struct Differences(Vec<Difference>);

impl Differences {
    fn push(&mut self, what: Compared, expected: &str, found: &str) {
        let difference = Difference { what, expected: expected.to_owned(), found: found.to_owned() };
        if !self.0.contains(&difference) {
            self.0.push(difference);
        }
    }

    fn same(&mut self, what: Compared, expected: &str, found: &str) {
        if expected != found {
            self.push(what, expected, found);
        }
    }

    fn identity(&mut self, expected: &Identity, found: &Identity) {
        let Identity { environment, database, system_identifier, oid, site } = expected;
        self.same(Compared::Environment, environment.name(), found.environment.name());
        self.same(Compared::Name, database, &found.database);
        self.same(Compared::Cluster, &system_identifier.to_string(), &found.system_identifier.to_string());
        self.same(Compared::Oid, &oid.to_string(), &found.oid.to_string());
        self.same(Compared::Site, site_text(site.as_ref()), site_text(found.site.as_ref()));
    }

    fn verdict(self, environment: Environment) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Identity(Mismatch { environment, differences: self.0 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::{Password, Tls};

    fn analytics() -> DatabaseName {
        DatabaseName::new("opendental_analytics").unwrap()
    }

    fn identity() -> Identity {
        Identity {
            environment: Environment::Clinic,
            database: "opendental_analytics".into(),
            system_identifier: 7_301_234_567_890_123_456,
            oid: 16_388,
            site: None,
        }
    }

    fn reported() -> Reported {
        Reported {
            database: "opendental_analytics".into(),
            system_identifier: identity().system_identifier,
            oid: identity().oid,
            session_user: "analytics_user".into(),
            current_user: "analytics_user".into(),
            marker: Some(identity()),
        }
    }

    fn judge(reported: &Reported, known: Option<&Identity>) -> Result<Standing, Refusal> {
        let database = analytics();
        let wanted = Wanted {
            environment: Environment::Clinic,
            site: None,
            database: &database,
            user: "analytics_user",
            known,
            elsewhere: &[],
        };
        judge_target(&wanted, reported)
    }

    #[test]
    fn a_database_is_known_by_its_marker_and_by_this_machine() {
        assert_eq!(judge(&reported(), Some(&identity())), Ok(Standing::Known));
        assert_eq!(judge(&reported(), None), Ok(Standing::NewHere));
        assert_eq!(judge(&Reported { marker: None, ..reported() }, None), Ok(Standing::New));
    }

    #[test]
    fn every_difference_is_refused_by_its_own_code() {
        let other = |change: fn(&mut Identity)| {
            let mut identity = identity();
            change(&mut identity);
            identity
        };
        let with_marker = |change| Reported { marker: Some(other(change)), ..reported() };
        let known = identity();
        for (found, code) in [
            (Reported { database: "Opendental_analytics".into(), ..reported() }, "identity::name"),
            (Reported { database: "opendental_analytics ".into(), ..reported() }, "identity::name"),
            (Reported { session_user: "postgres".into(), ..reported() }, "identity::user"),
            (Reported { current_user: "boss".into(), ..reported() }, "identity::user"),
            // Another server answers at the same place, without and with a marker of its own.
            (Reported { system_identifier: 1, marker: None, ..reported() }, "identity::cluster"),
            (Reported { system_identifier: 1, ..reported() }, "identity::cluster"),
            // Dropped and made anew, or restored from a copy.
            (Reported { oid: 1, ..reported() }, "identity::oid"),
            (Reported { marker: None, ..reported() }, "identity::marker"),
            (with_marker(|i| i.environment = Environment::Test), "identity::environment"),
            (with_marker(|i| i.database = "opendental_old".into()), "identity::name"),
            (with_marker(|i| i.oid = 2), "identity::oid"),
            (with_marker(|i| i.system_identifier = 2), "identity::cluster"),
        ] {
            let refusal = judge(&found, Some(&known)).unwrap_err();
            assert_eq!(refusal.code(), code, "{found:?}");
            assert_eq!(refusal.trouble().class, Class::Refused);
        }
        // Without memory, the marker alone must give a copy away.
        assert_eq!(judge(&with_marker(|i| i.oid = 2), None).unwrap_err().code(), "identity::oid");
        assert_eq!(
            judge(&with_marker(|i| i.environment = Environment::Demo), None).unwrap_err().code(),
            "identity::environment"
        );
    }

    #[test]
    fn a_database_of_another_environment_is_known_without_its_marker() {
        let database = analytics();
        let clean = Reported { marker: None, ..reported() };
        let judge = |elsewhere: &[Identity]| {
            let user = "analytics_user";
            let environment = Environment::Test;
            judge_target(
                &Wanted { environment, site: None, database: &database, user, known: None, elsewhere },
                &clean,
            )
        };
        assert_eq!(judge(&[identity()]).unwrap_err().code(), "identity::environment");
        // Under whatever name it was known.
        let renamed = Identity { database: "before".into(), ..identity() };
        assert_eq!(judge(&[renamed]).unwrap_err().code(), "identity::environment");
        // Another database of the same server, or one with the same oid on another server, is not it.
        let neighbours = [Identity { oid: 1, ..identity() }, Identity { system_identifier: 1, ..identity() }];
        assert_eq!(judge(&neighbours), Ok(Standing::New));
    }

    #[test]
    fn a_name_is_compared_where_nothing_else_is_known() {
        let other = Reported { database: "postgres".into(), marker: None, ..reported() };
        assert_eq!(judge(&other, None).unwrap_err().code(), "identity::name");
    }

    #[test]
    fn another_role_is_refused_before_anything_it_sees() {
        let other = Reported { current_user: "boss".into(), marker: None, oid: 1, ..reported() };
        let Err(Refusal::Identity(mismatch)) = judge(&other, Some(&identity())) else { panic!() };
        let what: Vec<Compared> = mismatch.differences.iter().map(|d| d.what).collect();
        assert_eq!(what, [Compared::CurrentUser]);
    }

    #[test]
    fn a_refusal_says_what_was_expected_and_what_was_found() {
        let found = Reported { oid: 99, ..reported() };
        let trouble = judge(&found, Some(&identity())).unwrap_err().trouble();
        assert!(trouble.why.contains("database oid: expected 16388, found 99"), "{}", trouble.why);
        assert_eq!(trouble.side, Side::Target);
        let mut of_demo = Differences(Vec::new());
        of_demo.same(Compared::Oid, "1", "2");
        assert_eq!(of_demo.verdict(Environment::Demo).unwrap_err().trouble().side, Side::Demo);
        let forged = Reported { database: "x\u{1b}[2J".into(), ..reported() };
        assert!(!judge(&forged, None).unwrap_err().trouble().why.contains('\u{1b}'));
    }

    #[test]
    fn the_demo_name_is_exact_and_its_own() {
        assert_eq!(demo_database("opendental_demo").unwrap().as_str(), DEMO_DATABASE);
        for name in [
            "",
            "opendental_analytics",
            "Opendental_demo",
            "opendental_demo ",
            " opendental_demo",
            "opendental%5fdemo",
            "opendental_demo\0",
            "dbname=opendental_demo",
            "postgres://x/opendental_demo",
            "opendental_demo;opendental_analytics",
        ] {
            assert_eq!(demo_database(name), Err(Refusal::DemoName), "{name}");
        }
        let demo = DatabaseName::new(DEMO_DATABASE).unwrap();
        let reported = Reported { database: DEMO_DATABASE.into(), marker: None, ..reported() };
        let wanted = |environment| Wanted {
            site: None,
            environment,
            database: &demo,
            user: "analytics_user",
            known: None,
            elsewhere: &[],
        };
        assert_eq!(judge_target(&wanted(Environment::Demo), &reported), Ok(Standing::New));
        assert_eq!(
            judge_target(&wanted(Environment::Clinic), &reported).unwrap_err().code(),
            "identity::environment"
        );
        // Even settings that name another database cannot make it the demo.
        let other = analytics();
        let misnamed = Wanted { database: &other, ..wanted(Environment::Demo) };
        let found = Reported { database: "opendental_analytics".into(), ..reported };
        assert_eq!(judge_target(&misnamed, &found).unwrap_err().code(), "identity::name");
    }

    #[test]
    fn source_and_target_differ() {
        let endpoint = |host: &str, port| Endpoint {
            host: Host::new(host, port),
            database: analytics(),
            user: "u".into(),
            password: Password::None,
            tls: Tls::Off,
        };
        for (a, b, same) in [
            (("db.example.com", 3306), ("DB.example.com.", 3306), true),
            (("localhost", 3306), ("127.0.0.1", 3306), true),
            (("/run/x", 3306), ("/run/x", 5432), true),
            (("db.example.com", 3306), ("db.example.com", 5432), false),
            (("a.example.com", 3306), ("b.example.com", 3306), false),
            (("localhost", 3306), ("db.example.com", 3306), false),
            (("db.example.com", 3306), ("127.0.0.1", 3306), false),
            (("/run/x", 1), ("/run/y", 1), false),
        ] {
            let verdict = distinct(&endpoint(a.0, a.1), &endpoint(b.0, b.1));
            assert_eq!(verdict.is_err(), same, "{a:?} {b:?}");
        }
    }

    #[test]
    fn identities_compare_field_by_field() {
        assert_eq!(compare(&identity(), &identity()), Ok(()));
        let other = Identity { environment: Environment::Test, oid: 1, ..identity() };
        let Err(Refusal::Identity(mismatch)) = compare(&identity(), &other) else { panic!() };
        let what: Vec<Compared> = mismatch.differences.iter().map(|d| d.what).collect();
        assert_eq!(what, [Compared::Environment, Compared::Oid]);
    }
}

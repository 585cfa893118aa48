//! Names of variables: two families for the same things, a prefix for the test environment, a family for the demo.

use bicuspid_model::Environment;

/// What a variable says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Meaning {
    /// Name or address of a server, or the path of its socket.
    Host,
    /// Port.
    Port,
    /// Database.
    Database,
    /// Account.
    User,
    /// Password.
    Password,
    /// File that holds the password.
    PasswordFile,
    /// Protection of the connection.
    Tls,
}

impl Meaning {
    /// Every meaning.
    pub(crate) const ALL: [Self; 7] =
        [Self::Host, Self::Port, Self::Database, Self::User, Self::Password, Self::PasswordFile, Self::Tls];
}

/// Which end of the valve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// MySQL or MariaDB.
    Source,
    /// PostgreSQL.
    Target,
}

/// Says whether an environment is production.
pub(crate) const ENVIRONMENT: &str = "ENVIRONMENT";
/// Names the environment, for pipelines that run several.
pub(crate) const ETL_ENVIRONMENT: &str = "ETL_ENVIRONMENT";
/// Folder of the local state.
pub(crate) const STATE_DIR: &str = "BICUSPID_STATE_DIR";

/// Names that belong to neighbouring tools which share such files. They mean nothing here and are reported as ignored.
const NEIGHBOURS: [&str; 14] = [
    "POSTGRES_ANALYTICS_SCHEMA",
    "POSTGRES_ANALYTICS_SSLMODE",
    "DEMO_POSTGRES_SCHEMA",
    "DEMO_START_DATE",
    "PGSSLMODE",
    "ENABLE_METRICS",
    "METRICS_PORT",
    "METRICS_PATH",
    "ETL_PROFILE",
    "ETL_BATCH_SIZE",
    "ETL_MAX_RETRIES",
    "ETL_RETRY_DELAY",
    "ETL_CONFIG_PATH",
    "MDC_CLINIC_WAREHOUSE",
];
const NEIGHBOUR_FAMILIES: [&str; 5] = ["MYSQL_REPLICATION_", "MYSQL_ROOT_", "GLIC_", "DEMO_NUM_", "ETL_LOG_"];

/// The spellings of a variable in an environment, the first one preferred. Empty if the environment has no such thing.
pub(crate) fn spellings(environment: Environment, end: End, meaning: Meaning) -> Vec<String> {
    let (preferred, accepted) = match (environment, end) {
        (Environment::Demo, End::Source) => return Vec::new(),
        (Environment::Demo, End::Target) => (
            match meaning {
                Meaning::Host => "DEMO_POSTGRES_HOST",
                Meaning::Port => "DEMO_POSTGRES_PORT",
                Meaning::Database => "DEMO_POSTGRES_DB",
                Meaning::User => "DEMO_POSTGRES_USER",
                Meaning::Password => "DEMO_POSTGRES_PASSWORD",
                Meaning::PasswordFile => "DEMO_POSTGRES_PASSWORD_FILE",
                Meaning::Tls => "DEMO_POSTGRES_TLS",
            },
            None,
        ),
        (_, End::Source) => match meaning {
            Meaning::Host => ("SOURCE_DB_HOST", Some("OPENDENTAL_SOURCE_HOST")),
            Meaning::Port => ("SOURCE_DB_PORT", Some("OPENDENTAL_SOURCE_PORT")),
            Meaning::Database => ("SOURCE_DB_NAME", Some("OPENDENTAL_SOURCE_DB")),
            Meaning::User => ("SOURCE_DB_READONLY_USER", Some("OPENDENTAL_SOURCE_USER")),
            Meaning::Password => ("SOURCE_DB_READONLY_PASSWORD", Some("OPENDENTAL_SOURCE_PASSWORD")),
            Meaning::PasswordFile => {
                ("SOURCE_DB_READONLY_PASSWORD_FILE", Some("OPENDENTAL_SOURCE_PASSWORD_FILE"))
            }
            Meaning::Tls => ("SOURCE_DB_TLS", None),
        },
        (_, End::Target) => match meaning {
            Meaning::Host => ("TARGET_DB_HOST", Some("POSTGRES_ANALYTICS_HOST")),
            Meaning::Port => ("TARGET_DB_PORT", Some("POSTGRES_ANALYTICS_PORT")),
            Meaning::Database => ("TARGET_DB_NAME", Some("POSTGRES_ANALYTICS_DB")),
            Meaning::User => ("TARGET_DB_USER", Some("POSTGRES_ANALYTICS_USER")),
            Meaning::Password => ("TARGET_DB_PASSWORD", Some("POSTGRES_ANALYTICS_PASSWORD")),
            Meaning::PasswordFile => ("TARGET_DB_PASSWORD_FILE", Some("POSTGRES_ANALYTICS_PASSWORD_FILE")),
            Meaning::Tls => ("TARGET_DB_TLS", None),
        },
    };
    let prefix = if environment == Environment::Test { "TEST_" } else { "" };
    [Some(preferred), accepted].into_iter().flatten().map(|name| format!("{prefix}{name}")).collect()
}

/// Every name that an environment's file may use, but for those of neighbours.
pub(crate) fn of_environment(environment: Environment) -> Vec<String> {
    let mut names: Vec<String> = [End::Source, End::Target]
        .into_iter()
        .flat_map(|end| {
            Meaning::ALL.into_iter().flat_map(move |meaning| spellings(environment, end, meaning))
        })
        .collect();
    names.extend([ENVIRONMENT, ETL_ENVIRONMENT, STATE_DIR].map(str::to_owned));
    names
}

/// Every name that means something in some environment.
pub(crate) fn all() -> Vec<String> {
    let mut names: Vec<String> = Environment::ALL.into_iter().flat_map(of_environment).collect();
    names.sort();
    names.dedup();
    names
}

/// The environment to which a name belongs that this environment does not know.
pub(crate) fn owner(name: &str) -> Option<Environment> {
    Environment::ALL
        .into_iter()
        .find(|environment| of_environment(*environment).iter().any(|known| known == name))
}

/// Whether a name is one of a neighbouring tool's.
pub(crate) fn is_neighbour(name: &str) -> bool {
    let name = name.strip_prefix("TEST_").unwrap_or(name);
    NEIGHBOURS.contains(&name) || NEIGHBOUR_FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_carry_the_prefix_of_the_test_environment() {
        assert_eq!(
            spellings(Environment::Clinic, End::Source, Meaning::User),
            ["SOURCE_DB_READONLY_USER", "OPENDENTAL_SOURCE_USER"]
        );
        assert_eq!(
            spellings(Environment::Test, End::Target, Meaning::Database),
            ["TEST_TARGET_DB_NAME", "TEST_POSTGRES_ANALYTICS_DB"]
        );
        assert!(spellings(Environment::Demo, End::Source, Meaning::Host).is_empty());
    }

    #[test]
    fn a_name_belongs_to_one_environment() {
        assert_eq!(owner("SOURCE_DB_HOST"), Some(Environment::Clinic));
        assert_eq!(owner("TEST_SOURCE_DB_HOST"), Some(Environment::Test));
        assert_eq!(owner("DEMO_POSTGRES_HOST"), Some(Environment::Demo));
        assert_eq!(owner("SOURCE_DB_HSOT"), None);
    }

    #[test]
    fn neighbours_are_known_by_family() {
        for name in ["MYSQL_REPLICATION_HOST", "TEST_MYSQL_REPLICATION_DB", "GLIC_OPENDENTAL_SOURCE_HOST"] {
            assert!(is_neighbour(name), "{name}");
        }
        assert!(!is_neighbour("SOURCE_DB_HOST"));
        assert!(!is_neighbour("MYSQL_HOST"));
    }
}

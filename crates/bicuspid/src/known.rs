//! Databases that this machine knows, like the known hosts of SSH.
//!
//! What a database says of itself travels with a copy of it, and an address says nothing of who answers. So the
//! identity is kept on both sides, in the database and here, and both are compared before anything is written.

use bicuspid_guard::identity::{self, Identity, Reported, Standing, Wanted};
use bicuspid_model::{Class, Endpoint, Environment, Side, Trouble};
use bicuspid_target::Analytics;
use serde::{Deserialize, Serialize};

use crate::report::Stop;
use crate::settings::{SettingsError, StateDir};

/// Name of the file in the state folder.
const FILE: &str = "known_databases.json";

/// The known databases, by environment, place and name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KnownDatabases {
    databases: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    environment: String,
    host: String,
    database: String,
    system_identifier: u64,
    oid: u32,
}

impl KnownDatabases {
    /// Reads what is remembered. Nothing is remembered before the first enrolment.
    pub(crate) fn read(state: &StateDir) -> Result<Self, Stop> {
        match state.read(FILE)? {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(&text).map_err(|_| Stop::from(damaged(state))),
        }
    }

    /// What is remembered of the database at an endpoint.
    pub(crate) fn find(&self, environment: Environment, at: &Endpoint) -> Option<Identity> {
        self.databases.iter().find(|entry| entry.is_at(environment, at)).map(|entry| Identity {
            environment,
            database: entry.database.clone(),
            system_identifier: entry.system_identifier,
            oid: entry.oid,
        })
    }

    /// Remembers the database at an endpoint in place of what was remembered of it before.
    pub(crate) fn remember(
        &mut self,
        state: &StateDir,
        at: &Endpoint,
        identity: &Identity,
    ) -> Result<(), SettingsError> {
        let entry = Entry {
            environment: identity.environment.name().to_owned(),
            host: at.host.to_string(),
            database: identity.database.clone(),
            system_identifier: identity.system_identifier,
            oid: identity.oid,
        };
        if self.databases.contains(&entry) {
            return Ok(());
        }
        self.databases.retain(|old| !old.is_at(identity.environment, at));
        self.databases.push(entry);
        // Plain texts and numbers: there is nothing that could not be written.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        state.replace(FILE, &text)
    }
}

impl Entry {
    fn is_at(&self, environment: Environment, at: &Endpoint) -> bool {
        self.environment == environment.name()
            && self.host == at.host.to_string()
            && self.database == at.database.as_str()
    }
}

/// What a connected database reports of itself.
pub(crate) async fn reported(look: &Analytics) -> Result<Reported, Stop> {
    let facts = look.facts();
    let marker = match look.enrolled().await? {
        None => None,
        Some(found) => Some(Identity {
            environment: found.environment,
            database: found.database,
            system_identifier: number(&found.system_identifier)?,
            oid: found.oid,
        }),
    };
    Ok(Reported {
        database: facts.database.clone(),
        system_identifier: number(&facts.system_identifier)?,
        oid: facts.oid,
        // The connection itself refuses a session that plays another role than it logged in as.
        session_user: facts.user.clone(),
        current_user: facts.user.clone(),
        marker,
    })
}

/// Judges a connected database against the settings, its own marker, and what is remembered here.
pub(crate) async fn judge(
    environment: Environment,
    at: &Endpoint,
    look: &Analytics,
    known: Option<&Identity>,
) -> Result<Standing, Stop> {
    let reported = reported(look).await?;
    let wanted = Wanted { environment, database: &at.database, user: &at.user, known };
    Ok(identity::judge_target(&wanted, &reported)?)
}

/// The identity that a connected database has if it is enrolled for an environment.
pub(crate) fn actual(environment: Environment, look: &Analytics) -> Result<Identity, Stop> {
    let facts = look.facts();
    Ok(Identity {
        environment,
        database: facts.database.clone(),
        system_identifier: number(&facts.system_identifier)?,
        oid: facts.oid,
    })
}

fn number(text: &str) -> Result<u64, Stop> {
    text.parse().map_err(|_| {
        Stop::from(Trouble {
            code: "identity::unreadable".to_owned(),
            side: Side::Target,
            class: Class::Failed,
            what: "the cluster identifier of the target could not be read".to_owned(),
            why: "it is not a number".to_owned(),
            state: "nothing was written".to_owned(),
            hint: "connect to PostgreSQL itself and not to something that speaks like it".to_owned(),
        })
    })
}

fn damaged(state: &StateDir) -> Trouble {
    let path = state.path().join(FILE);
    Trouble {
        code: "identity::memory_damaged".to_owned(),
        side: Side::Local,
        class: Class::Refused,
        what: "what this machine knows of its databases could not be read".to_owned(),
        why: format!("{} is damaged", path.display()),
        state: "nothing was written".to_owned(),
        hint: format!("look at it; if it is lost, remove {} and enrol the databases anew", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::{DatabaseName, Host, Password, Tls};

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Endpoint {
            host: Host::new(host, port),
            database: DatabaseName::new("opendental_analytics").unwrap(),
            user: "u".into(),
            password: Password::None,
            tls: Tls::Off,
        }
    }

    fn identity(environment: Environment, oid: u32) -> Identity {
        Identity { environment, database: "opendental_analytics".into(), system_identifier: u64::MAX, oid }
    }

    #[test]
    fn a_database_is_remembered_by_environment_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::locate(Some(dir.path())).unwrap();
        let here = endpoint("db", 5432);
        let mut known = KnownDatabases::read(&state).unwrap();
        assert_eq!(known.find(Environment::Clinic, &here), None);
        known.remember(&state, &here, &identity(Environment::Clinic, 1)).unwrap();
        known.remember(&state, &here, &identity(Environment::Test, 2)).unwrap();
        known.remember(&state, &here, &identity(Environment::Clinic, 3)).unwrap();
        let again = KnownDatabases::read(&state).unwrap();
        assert_eq!(again.find(Environment::Clinic, &here), Some(identity(Environment::Clinic, 3)));
        assert_eq!(again.find(Environment::Test, &here), Some(identity(Environment::Test, 2)));
        assert_eq!(again.find(Environment::Clinic, &endpoint("db", 5433)), None);
        assert_eq!(again.databases.len(), 2);
    }

    #[test]
    fn a_damaged_memory_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::locate(Some(dir.path())).unwrap();
        state.replace(FILE, "{").unwrap();
        assert_eq!(KnownDatabases::read(&state).unwrap_err().0.outcome().exit_code(), 3);
    }
}

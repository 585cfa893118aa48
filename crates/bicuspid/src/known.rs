//! Databases that this machine knows, like the known hosts of SSH.
//!
//! What a database says of itself travels with a copy of it, and an address says nothing of who answers. So the
//! identity is kept on both sides, in the database and here, and both are compared before anything is written.

use bicuspid_guard::identity::{self, Identity, Standing, Wanted};
use bicuspid_model::{Class, Endpoint, Environment, Side, SiteName, Trouble};
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
    /// Whose copy in that database, where it holds those of several sites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
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

    /// What is remembered of the database at an endpoint, or of a site's copy in it.
    pub(crate) fn find(
        &self,
        environment: Environment,
        site: Option<&SiteName>,
        at: &Endpoint,
    ) -> Option<Identity> {
        self.databases.iter().find(|entry| entry.is_at(environment, site, at)).and_then(Entry::identity)
    }

    /// Everything that is remembered, wherever it was.
    pub(crate) fn all(&self) -> Vec<Identity> {
        self.databases.iter().filter_map(Entry::identity).collect()
    }

    /// Judges a connected database against the settings, its own marker, and what is remembered: of the database in this
    /// place, and of those that belong to other environments.
    pub(crate) async fn judge(
        &self,
        environment: Environment,
        at: &Endpoint,
        look: &Analytics,
    ) -> Result<Standing, Stop> {
        let known = self.find(environment, look.schemas().site(), at);
        self.judge_as(environment, at, look, known.as_ref()).await
    }

    /// The same for a person who says that another database may have taken this place.
    pub(crate) async fn judge_anew(
        &self,
        environment: Environment,
        at: &Endpoint,
        look: &Analytics,
    ) -> Result<Standing, Stop> {
        self.judge_as(environment, at, look, None).await
    }

    async fn judge_as(
        &self,
        environment: Environment,
        at: &Endpoint,
        look: &Analytics,
        known: Option<&Identity>,
    ) -> Result<Standing, Stop> {
        let elsewhere = self.of_others(environment);
        let wanted = Wanted {
            environment,
            site: look.schemas().site(),
            database: &at.database,
            user: &at.user,
            known,
            elsewhere: &elsewhere,
        };
        Ok(identity::judge_target(&wanted, &look.reported().await?)?)
    }

    /// The databases of the other environments.
    fn of_others(&self, environment: Environment) -> Vec<Identity> {
        self.all().into_iter().filter(|identity| identity.environment != environment).collect()
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
            site: identity.site.as_ref().map(ToString::to_string),
            host: at.host.to_string(),
            database: identity.database.clone(),
            system_identifier: identity.system_identifier,
            oid: identity.oid,
        };
        if self.databases.contains(&entry) {
            return Ok(());
        }
        // Runs of other sites or environments may have learned of theirs since this was read.
        let _lock = state.lock(FILE)?;
        if let Some(Ok(now)) = state.read(FILE)?.map(|text| serde_json::from_str::<Self>(&text)) {
            *self = now;
        }
        self.databases.retain(|old| !old.is_at(identity.environment, identity.site.as_ref(), at));
        self.databases.push(entry);
        // Plain texts and numbers: there is nothing that could not be written.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        state.replace(FILE, &text)
    }
}

impl Entry {
    fn identity(&self) -> Option<Identity> {
        Some(Identity {
            environment: Environment::named(&self.environment)?,
            database: self.database.clone(),
            system_identifier: self.system_identifier,
            oid: self.oid,
            // A name that is none was written by nobody here: an entry that matches nothing.
            site: self.site.as_deref().map(SiteName::new).transpose().ok()?,
        })
    }

    fn is_at(&self, environment: Environment, site: Option<&SiteName>, at: &Endpoint) -> bool {
        self.environment == environment.name()
            && self.site.as_deref() == site.map(SiteName::as_str)
            && self.host == at.host.to_string()
            && self.database == at.database.as_str()
    }
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
        Identity {
            environment,
            database: "opendental_analytics".into(),
            system_identifier: u64::MAX,
            oid,
            site: None,
        }
    }

    #[test]
    fn a_database_is_remembered_by_environment_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::locate(Some(dir.path())).unwrap();
        let here = endpoint("db", 5432);
        let mut known = KnownDatabases::read(&state).unwrap();
        assert_eq!(known.find(Environment::Clinic, None, &here), None);
        known.remember(&state, &here, &identity(Environment::Clinic, 1)).unwrap();
        known.remember(&state, &here, &identity(Environment::Test, 2)).unwrap();
        known.remember(&state, &here, &identity(Environment::Clinic, 3)).unwrap();
        let again = KnownDatabases::read(&state).unwrap();
        let of = |environment, at| again.find(environment, None, at);
        assert_eq!(of(Environment::Clinic, &here), Some(identity(Environment::Clinic, 3)));
        assert_eq!(of(Environment::Test, &here), Some(identity(Environment::Test, 2)));
        assert_eq!(of(Environment::Clinic, &endpoint("db", 5433)), None);
        assert_eq!(again.databases.len(), 2);
    }

    #[test]
    fn sites_that_learn_at_the_same_time_forget_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::locate(Some(dir.path())).unwrap();
        let here = endpoint("db", 5432);
        let site = |n: u32| SiteName::new(&format!("s{n}")).unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (state, here) = (&state, &here);
                scope.spawn(move || {
                    let mut known = KnownDatabases::read(state).unwrap();
                    let identity = Identity { site: Some(site(n)), ..identity(Environment::Clinic, 7) };
                    known.remember(state, here, &identity).unwrap();
                });
            }
        });
        let known = KnownDatabases::read(&state).unwrap();
        assert_eq!(known.all().len(), 8);
        for n in 0..8 {
            let found = known.find(Environment::Clinic, Some(&site(n)), &here).unwrap();
            assert_eq!(found.site, Some(site(n)));
        }
        assert_eq!(known.find(Environment::Clinic, None, &here), None);
    }

    #[test]
    fn a_damaged_memory_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::locate(Some(dir.path())).unwrap();
        state.replace(FILE, "{").unwrap();
        assert_eq!(KnownDatabases::read(&state).unwrap_err().0.outcome().exit_code(), 3);
    }
}

//! One end of the valve, from its variables: host, database, account, password, protection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bicuspid_guard::DEMO_DATABASE;
use bicuspid_model::{DatabaseName, Endpoint, Environment, Host, Password, Secret, Tls};

use super::env_file::{EnvFile, refuse_readable_by_others};
use super::error::SettingsError;
use super::names::{End, Meaning, spellings};
use super::process::ProcessEnvironment;

/// Ports that the servers listen on unless told otherwise.
const MYSQL_PORT: u16 = 3306;
const POSTGRES_PORT: u16 = 5432;

/// The variables of one environment.
pub(super) struct Variables<'a> {
    pub(super) environment: Environment,
    pub(super) file: Option<&'a EnvFile>,
    pub(super) process: &'a ProcessEnvironment,
    pub(super) allow_plaintext: bool,
    /// What the command line says instead.
    pub(super) flags: Option<&'a Overrides>,
}

/// What flags say of the demo's server. There is no flag here for its database.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// `--db-host`
    pub(crate) host: Option<String>,
    /// `--db-port`
    pub(crate) port: Option<u16>,
    /// `--db-user`
    pub(crate) user: Option<String>,
    /// What `--password-stdin` read.
    pub(crate) password: Option<Secret>,
}

impl Overrides {
    fn say(&self, meaning: Meaning) -> Option<Said> {
        let (name, value) = match meaning {
            Meaning::Host => ("--db-host", self.host.clone()),
            Meaning::Port => ("--db-port", self.port.map(|port| port.to_string())),
            Meaning::User => ("--db-user", self.user.clone()),
            Meaning::Password => ("--password-stdin", self.password.as_ref().map(|p| p.reveal().to_owned())),
            Meaning::Database | Meaning::PasswordFile | Meaning::Tls => return None,
        };
        value.map(|value| Said { name: name.to_owned(), value })
    }
}

/// One end as far as its variables say; checked, but perhaps not complete.
#[derive(Debug)]
pub(super) struct Draft {
    host: Option<Host>,
    database: Option<DatabaseName>,
    user: Option<String>,
    password: Option<Password>,
    tls: Tls,
    /// What is missing, by the name to set.
    missing: Vec<String>,
}

impl Draft {
    pub(super) fn is_empty(&self) -> bool {
        self.host.is_none() && self.user.is_none() && self.password.is_none()
    }

    pub(super) fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    pub(super) fn named(&self) -> (Option<&str>, Option<&str>) {
        (self.database.as_ref().map(DatabaseName::as_str), self.user.as_deref())
    }

    /// The endpoint, if nothing is missing. An account without a password is allowed on a unix socket alone.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        let host = self.host.clone()?;
        let password = match (&self.password, &host) {
            (Some(password), _) => password.clone(),
            (None, Host::Socket { .. }) => Password::None,
            (None, Host::Tcp { .. }) => return None,
        };
        Some(Endpoint {
            host,
            database: self.database.clone()?,
            user: self.user.clone()?,
            password,
            tls: self.tls.clone(),
        })
    }
}

/// A value and the name that set it.
struct Said {
    name: String,
    value: String,
}

impl Variables<'_> {
    /// Reads one end.
    pub(super) fn draft(&self, end: End, notes: &mut Vec<String>) -> Result<Draft, SettingsError> {
        let mut said = BTreeMap::new();
        for meaning in Meaning::ALL {
            let flag = self.flags.and_then(|flags| flags.say(meaning));
            // A password on standard input takes the place of both ways in which a variable could give one.
            let is_replaced =
                meaning == Meaning::PasswordFile && self.flags.is_some_and(|flags| flags.password.is_some());
            if is_replaced {
                continue;
            }
            let found = match flag {
                Some(flag) => Some(flag),
                None => self.say(end, meaning, notes)?,
            };
            if let Some(found) = found {
                said.insert(meaning, found);
            }
        }
        let port = match said.get(&Meaning::Port) {
            None if end == End::Source => MYSQL_PORT,
            None => POSTGRES_PORT,
            Some(Said { name, value }) => {
                value.trim().parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                    SettingsError::UnknownValue { name: name.clone(), allowed: "a port from 1 to 65535" }
                })?
            }
        };
        let host = said.get(&Meaning::Host).map(|said| host(said, port)).transpose()?;
        let tls = self.tls(said.get(&Meaning::Tls), host.as_ref(), notes)?;
        let password = self.password(&said)?;
        let database = self.database(end, said.get(&Meaning::Database))?;
        let user = said.get(&Meaning::User).map(|user| user.value.clone());
        let mut missing = Vec::new();
        let no_password_needed = matches!(host, Some(Host::Socket { .. }));
        for (meaning, is_missing) in [
            (Meaning::Host, host.is_none()),
            (Meaning::Database, database.is_none()),
            (Meaning::User, user.is_none()),
            (Meaning::Password, password.is_none() && !no_password_needed),
        ] {
            if is_missing {
                missing.extend(spellings(self.environment, end, meaning).into_iter().next());
            }
        }
        Ok(Draft { host, database, user, password, tls, missing })
    }

    /// What the variables of one meaning say, all spellings and both places together.
    fn say(
        &self,
        end: End,
        meaning: Meaning,
        notes: &mut Vec<String>,
    ) -> Result<Option<Said>, SettingsError> {
        let names = spellings(self.environment, end, meaning);
        let mut inside: Option<Said> = None;
        let mut outside: Option<Said> = None;
        for name in &names {
            if let Some(value) = self.file.and_then(|file| file.get(name)) {
                one_value(&mut inside, name, value)?;
            }
            if let Some(value) = self.process.get(name) {
                one_value(&mut outside, name, value)?;
            }
        }
        let Some(file) = self.file else { return Ok(outside) };
        match (&inside, &outside) {
            (Some(inside), Some(outside)) if inside.value != outside.value => Err(SettingsError::Conflict {
                first: format!("{} in {}", inside.name, file.path().display()),
                second: format!("{} in the process environment", outside.name),
                places: "both are set, to different values",
            }),
            (None, Some(outside)) => {
                notes.push(format!(
                    "{} in the process environment is ignored: {} is used, and does not set it",
                    outside.name,
                    file.path().display()
                ));
                Ok(None)
            }
            _ => Ok(inside),
        }
    }

    fn database(&self, end: End, said: Option<&Said>) -> Result<Option<DatabaseName>, SettingsError> {
        if self.environment == Environment::Demo && end == End::Target {
            if let Some(said) = said
                && said.value != DEMO_DATABASE
            {
                return Err(SettingsError::DemoDatabase { name: said.name.clone() });
            }
            return Ok(DatabaseName::new(DEMO_DATABASE).ok());
        }
        // Real rows must not land among synthetic ones: neither the guard nor a person could tell them apart there.
        if end == End::Target
            && let Some(said) = said
            && said.value.trim().eq_ignore_ascii_case(DEMO_DATABASE)
        {
            return Err(SettingsError::SyntheticOnly { name: said.name.clone() });
        }
        said.map(|said| {
            DatabaseName::new(said.value.as_str())
                .map_err(|_| SettingsError::DatabaseName { name: said.name.clone() })
        })
        .transpose()
    }

    fn password(&self, said: &BTreeMap<Meaning, Said>) -> Result<Option<Password>, SettingsError> {
        match (said.get(&Meaning::Password), said.get(&Meaning::PasswordFile)) {
            (Some(password), Some(file)) => Err(SettingsError::Conflict {
                first: password.name.clone(),
                second: file.name.clone(),
                places: "a password and a file that holds one are both set",
            }),
            (Some(password), None) => Ok(Some(Password::Given(Secret::new(password.value.as_str())))),
            (None, Some(file)) => {
                let path = self.path(&file.value);
                refuse_readable_by_others(&path)?;
                Ok(Some(Password::File(path)))
            }
            (None, None) => Ok(None),
        }
    }

    fn tls(
        &self,
        said: Option<&Said>,
        host: Option<&Host>,
        notes: &mut Vec<String>,
    ) -> Result<Tls, SettingsError> {
        let is_local = host.is_none_or(Host::is_local);
        let Some(Said { name, value }) = said else {
            return Ok(if is_local { Tls::Off } else { Tls::Require });
        };
        let value = value.trim();
        if let Some(path) = value.strip_prefix("ca:") {
            return Ok(Tls::Ca(self.path(path.trim())));
        }
        match value.to_ascii_lowercase().as_str() {
            "require" => Ok(Tls::Require),
            "off" if is_local => Ok(Tls::Off),
            "off" if self.allow_plaintext => {
                notes.push(format!(
                    "{name} is off and --allow-plaintext was given: the wire is not protected"
                ));
                Ok(Tls::Off)
            }
            "off" => Err(SettingsError::PlainText { name: name.clone() }),
            _ => Err(SettingsError::UnknownValue { name: name.clone(), allowed: "require, ca:FILE, off" }),
        }
    }

    /// A path in a variable; a relative one counts from the folder of the environment file.
    fn path(&self, value: &str) -> PathBuf {
        self.file.map_or(Path::new(""), EnvFile::folder).join(value)
    }
}

fn host(said: &Said, port: u16) -> Result<Host, SettingsError> {
    let host = said.value.trim();
    // One host, as a plain name or address: drivers read lists and connection strings out of less.
    let is_socket = host.starts_with('/');
    if is_socket && cfg!(windows)
        || !is_socket && host.chars().any(|c| c.is_whitespace() || ",/@?=%".contains(c))
    {
        return Err(SettingsError::UnknownValue {
            name: said.name.clone(),
            allowed: "one host name or address, or the path of a unix socket",
        });
    }
    if is_socket {
        return Ok(Host::Socket { path: PathBuf::from(host), port });
    }
    Ok(Host::new(host.trim_start_matches('[').trim_end_matches(']'), port))
}

/// Keeps the first spelling that is set; another one must say the same.
fn one_value(slot: &mut Option<Said>, name: &str, value: &str) -> Result<(), SettingsError> {
    match slot {
        None => {
            *slot = Some(Said { name: name.to_owned(), value: value.to_owned() });
            Ok(())
        }
        Some(first) if first.value == value => Ok(()),
        Some(first) => Err(SettingsError::Conflict {
            first: first.name.clone(),
            second: name.to_owned(),
            places: "they are two names for one thing, and are set to different values",
        }),
    }
}

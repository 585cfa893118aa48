//! Settings in layers: an environment file (or the process environment where there is none), bicuspid.toml, flags.

mod config;
mod endpoint;
mod env_file;
mod error;
mod names;
mod process;
#[cfg(test)]
mod reference;
mod state_dir;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bicuspid_guard::accounts::Placement;
use bicuspid_guard::consent::Stage;
use bicuspid_model::{Endpoint, Environment, SiteName};
use bicuspid_target::Schemas;

pub(crate) use config::{Config, FILE as CONFIG_FILE, Notify, Site, Url, Webhook};
pub(crate) use endpoint::Overrides;
pub(crate) use env_file::refuse_readable_by_others;
pub(crate) use error::SettingsError;
pub(crate) use names::{End, all as variables};
pub(crate) use process::ProcessEnvironment;
pub(crate) use state_dir::{Existing, StateDir, create_private};

use endpoint::Draft;
use env_file::EnvFile;

use crate::cli::Globals;

/// The settings of one environment.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Which one.
    pub(crate) environment: Environment,
    /// Whether it is production.
    pub(crate) stage: Stage,
    /// What bicuspid.toml says.
    pub(crate) config: Config,
    /// The site, if it is one of several.
    pub(crate) site: Option<SiteName>,
    /// How many runs share this machine's memory.
    pub(crate) runs_beside: usize,
    /// The folder of the local state.
    pub(crate) state_dir: StateDir,
    /// Where the settings came from, and what was ignored: for people, without values.
    pub(crate) notes: Vec<String>,
    source: Option<Draft>,
    target: Draft,
    origin: Origin,
}

/// Where variables come from.
#[derive(Debug)]
struct Origin {
    path: PathBuf,
    file: Option<EnvFile>,
}

impl Settings {
    /// Reads the settings of an environment. Nothing may be missing yet: that is asked by [`Settings::source`] and
    /// [`Settings::target`].
    pub(crate) fn load(
        environment: Environment,
        globals: &Globals,
        process: &ProcessEnvironment,
    ) -> Result<Self, SettingsError> {
        Self::load_under(environment, globals, process, None, None)
    }

    /// The settings of one site of bicuspid.toml: its environment file, and what it says otherwise than the others.
    pub(crate) fn load_site(
        environment: Environment,
        globals: &Globals,
        process: &ProcessEnvironment,
        name: &SiteName,
        site: &Site,
    ) -> Result<Self, SettingsError> {
        Self::load_under(environment, globals, process, None, Some((name, site)))
    }

    /// The settings of the demo, with what flags say above what the variables say.
    pub(crate) fn load_demo(
        globals: &Globals,
        process: &ProcessEnvironment,
        flags: &Overrides,
    ) -> Result<Self, SettingsError> {
        Self::load_under(Environment::Demo, globals, process, Some(flags), None)
    }

    fn load_under(
        environment: Environment,
        globals: &Globals,
        process: &ProcessEnvironment,
        flags: Option<&Overrides>,
        site: Option<(&SiteName, &Site)>,
    ) -> Result<Self, SettingsError> {
        let named = site.map(|(_, site)| &site.env_file).or(globals.env_file.as_ref());
        let path = named.cloned().unwrap_or_else(|| PathBuf::from(format!(".env_{environment}")));
        let file = EnvFile::read(&path)?;
        if file.is_none() && named.is_some() {
            return Err(SettingsError::FileUnreadable { path, cause: std::io::ErrorKind::NotFound.into() });
        }
        let mut notes = Vec::new();
        if let Some(file) = &file {
            let heading = if flags.is_some() { "Loading configuration from" } else { "settings from" };
            notes.push(format!("{heading} {}", file.path().display()));
            judge_names(environment, file, &mut notes)?;
            if !env_file::RIGHTS_ARE_CHECKED {
                notes.push(format!(
                    "who else may read {} is not checked on this system",
                    file.path().display()
                ));
            }
        } else if flags.is_some() {
            notes.push(format!(
                "Loading configuration from the process environment: there is no {}",
                path.display()
            ));
        }
        let origin = Origin { path, file };
        let stage = origin.stage(environment, process)?;
        let variables = endpoint::Variables {
            environment,
            file: origin.file.as_ref(),
            process,
            allow_plaintext: globals.allow_plaintext,
            flags,
        };
        let source = match environment {
            Environment::Demo => None,
            Environment::Clinic | Environment::Test => Some(variables.draft(End::Source, &mut notes)?),
        };
        let target = variables.draft(End::Target, &mut notes)?;
        if environment == Environment::Demo {
            note_foreign_variables(process, &mut notes);
        }
        let state_dir = origin.state_dir(globals, process)?;
        let config = match site {
            Some((_, site)) => site.config.clone(),
            None => Config::read(globals.config.as_deref())?,
        };
        let site = site.map(|(name, _)| name.clone());
        Ok(Self {
            environment,
            stage,
            config,
            site,
            runs_beside: 1,
            state_dir,
            notes,
            source,
            target,
            origin,
        })
    }

    /// Where the copy is in its database.
    pub(crate) fn schemas(&self) -> Schemas {
        Schemas::of(self.site.as_ref()).distributed(self.config.placement == Placement::Distributed)
    }

    /// `clinic`, or `clinic/north` of a site: what is remembered of each is kept apart.
    pub(crate) fn place(&self) -> String {
        match &self.site {
            Some(site) => format!("{}/{site}", self.environment),
            None => self.environment.to_string(),
        }
    }

    /// Whether nothing at all says where the servers are.
    pub(crate) fn is_empty(&self) -> bool {
        self.origin.file.is_none()
            && self.target.is_empty()
            && self.source.as_ref().is_none_or(Draft::is_empty)
    }

    /// Source and target. Everything that is missing is told at once.
    pub(crate) fn both(&self) -> Result<(Endpoint, Endpoint), SettingsError> {
        let mut missing = self.source.as_ref().map(Draft::missing).unwrap_or_default();
        missing.extend(self.target.missing());
        match (self.source.as_ref().and_then(Draft::endpoint), self.target.endpoint()) {
            (Some(source), Some(target)) => Ok((source, target)),
            _ => Err(self.lacking(missing)),
        }
    }

    /// The target alone.
    pub(crate) fn target(&self) -> Result<Endpoint, SettingsError> {
        self.target.endpoint().ok_or_else(|| self.lacking(self.target.missing()))
    }

    /// Database and account of one end as far as they are set, for those who are about to make them.
    pub(crate) fn named(&self, end: End) -> (Option<&str>, Option<&str>) {
        match end {
            End::Source => self.source.as_ref().map_or((None, None), Draft::named),
            End::Target => self.target.named(),
        }
    }

    fn lacking(&self, names: Vec<String>) -> SettingsError {
        SettingsError::Missing {
            environment: self.environment,
            names,
            file: self.origin.path.clone(),
            file_found: self.origin.file.is_some(),
        }
    }
}

impl Origin {
    /// A variable that is spelled alike in every environment.
    fn common<'a>(
        &'a self,
        name: &str,
        process: &'a ProcessEnvironment,
    ) -> Result<Option<&'a str>, SettingsError> {
        let outside = process.get(name);
        let Some(file) = &self.file else { return Ok(outside) };
        match (file.get(name), outside) {
            (Some(inside), Some(outside)) if inside != outside => Err(SettingsError::Conflict {
                first: format!("{name} in {}", file.path().display()),
                second: format!("{name} in the process environment"),
                places: "both are set, to different values",
            }),
            (inside, _) => Ok(inside),
        }
    }

    /// Whether the environment is production, and whether what is said about it fits.
    fn stage(&self, environment: Environment, process: &ProcessEnvironment) -> Result<Stage, SettingsError> {
        if environment == Environment::Demo {
            // The pipelines' switch has no say over the demo; only its own file is looked at.
            let said = self.file.as_ref().and_then(|file| file.get(names::ENVIRONMENT));
            return match said.map(str::to_ascii_lowercase).as_deref() {
                None | Some("demo" | "development") => Ok(Stage::Development),
                Some("clinic" | "test" | "production") => {
                    Err(self.contradicts(names::ENVIRONMENT, environment))
                }
                Some(_) => Err(unknown_stage(environment)),
            };
        }
        let mut stage = match environment {
            Environment::Clinic => Stage::Production,
            Environment::Test | Environment::Demo => Stage::Development,
        };
        for (name, is_stage) in [(names::ENVIRONMENT, true), (names::ETL_ENVIRONMENT, false)] {
            // A switch in the process environment that names another environment is a warning even where a file is
            // used: somebody believes to be elsewhere.
            let said = match self.common(name, process)? {
                Some(said) => said,
                None => match process.get(name) {
                    Some(said) if names_other(said, environment) => said,
                    _ => continue,
                },
            };
            match (environment, said.to_ascii_lowercase().as_str()) {
                (Environment::Clinic, "development") if is_stage => stage = Stage::Development,
                (Environment::Clinic, "clinic" | "production") | (Environment::Test, "test") => {}
                (Environment::Test, "development") if is_stage => {}
                (_, "clinic" | "production" | "test" | "demo" | "local" | "development") => {
                    return Err(self.contradicts(name, environment));
                }
                _ => return Err(unknown_stage(environment)),
            }
        }
        Ok(stage)
    }

    fn contradicts(&self, name: &'static str, environment: Environment) -> SettingsError {
        let place = match &self.file {
            Some(file) if file.get(name).is_some() => format!("{name} in {}", file.path().display()),
            _ => format!("{name} in the process environment"),
        };
        SettingsError::OtherEnvironment { name, environment, place }
    }

    fn state_dir(&self, globals: &Globals, process: &ProcessEnvironment) -> Result<StateDir, SettingsError> {
        if let Some(named) = &globals.state_dir {
            return StateDir::locate(Some(named));
        }
        let named = self.common(names::STATE_DIR, process)?.map(Path::new);
        let folder = self.file.as_ref().map_or(Path::new(""), EnvFile::folder);
        StateDir::locate(named.map(|named| folder.join(named)).as_deref())
    }
}

fn names_other(said: &str, environment: Environment) -> bool {
    ["clinic", "test", "demo"]
        .iter()
        .any(|name| said.eq_ignore_ascii_case(name) && *name != environment.name())
}

fn unknown_stage(environment: Environment) -> SettingsError {
    SettingsError::UnknownValue {
        name: names::ENVIRONMENT.to_owned(),
        allowed: match environment {
            Environment::Clinic => "production, development",
            Environment::Test => "test, development",
            Environment::Demo => "demo, development",
        },
    }
}

/// Judges the names of a file: each must be known, but for those of neighbouring tools, which are told.
fn judge_names(
    environment: Environment,
    file: &EnvFile,
    notes: &mut Vec<String>,
) -> Result<(), SettingsError> {
    let known = names::of_environment(environment);
    let mut ignored = Vec::new();
    for (name, line) in file.names() {
        if known.iter().any(|known| known == name) {
            continue;
        }
        if names::is_neighbour(name) {
            ignored.push(name);
            continue;
        }
        let (path, name) = (file.path().to_owned(), name.to_owned());
        return Err(match names::owner(&name) {
            Some(owner) => SettingsError::ForeignName { path, line, name, owner, environment },
            None => SettingsError::UnknownName {
                nearest: nearest(&name, known.iter().map(String::as_str)),
                path,
                line,
                name,
                environment: Some(environment),
            },
        });
    }
    if !ignored.is_empty() {
        notes.push(format!("ignored, for they belong to other tools: {}", ignored.join(", ")));
    }
    Ok(())
}

/// Says that variables of the clinic are there and have no say over the demo.
fn note_foreign_variables(process: &ProcessEnvironment, notes: &mut Vec<String>) {
    // Some are spelled alike in both environments, and are told once.
    let mut told = BTreeSet::new();
    let foreign: Vec<String> = [Environment::Clinic, Environment::Test]
        .into_iter()
        .flat_map(names::of_environment)
        .filter(|name| name != names::STATE_DIR && process.get(name).is_some())
        .filter(|name| told.insert(name.clone()))
        .collect();
    if !foreign.is_empty() {
        notes.push(format!("ignored, for they have no say over the demo: {}", foreign.join(", ")));
    }
}

/// The known name that is nearest to one that is not known, if it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    // `SOURCE_DB_PASSWORD` is what people write who mean `SOURCE_DB_READONLY_PASSWORD`.
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let short = candidate.replace("readonly_", "");
        strsim::jaro_winkler(&name, &candidate).max(strsim::jaro_winkler(&name, &short))
    };
    known
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests;

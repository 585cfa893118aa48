//! What can be wrong with settings. No value is ever shown: it may be a password that slipped a line.

use std::path::PathBuf;

use bicuspid_guard::Refusal;
use bicuspid_model::{Class, Environment, Side, Trouble};

/// An error in an environment file, in bicuspid.toml or in the process environment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{} could not be read", path.display())]
    FileUnreadable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("{} could not be written", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("line {line} of {} could not be read", path.display())]
    LineMalformed { path: PathBuf, line: usize, why: &'static str },
    #[error("{name} is defined twice in {}", path.display())]
    DefinedTwice { path: PathBuf, name: String, lines: [usize; 2] },
    #[error("{} holds a password and others may read it", path.display())]
    #[cfg_attr(not(unix), expect(dead_code, reason = "rights of files are looked at on Unix alone"))]
    ReadableByOthers { path: PathBuf },
    #[error("`{name}` in {}, line {line}, is not a setting{}", path.display(), of(*environment))]
    UnknownName {
        path: PathBuf,
        line: usize,
        name: String,
        environment: Option<Environment>,
        nearest: Option<String>,
    },
    #[error("`{name}` in {}, line {line}, belongs to another environment", path.display())]
    ForeignName { path: PathBuf, line: usize, name: String, owner: Environment, environment: Environment },
    #[error("{} are missing", list(names))]
    Missing { environment: Environment, names: Vec<String>, file: PathBuf, file_found: bool },
    #[error("{first} and {second} say different things")]
    Conflict { first: String, second: String, places: &'static str },
    #[error("{name} does not fit --env {environment}")]
    OtherEnvironment { name: &'static str, environment: Environment, place: String },
    #[error("{name} is not a value that is known")]
    UnknownValue { name: String, allowed: &'static str },
    #[error("{name} is not a name that a database can have")]
    DatabaseName { name: String },
    #[error("{name} must be opendental_demo, and nothing else")]
    DemoDatabase { name: String },
    #[error("{name} names the demo's database")]
    SyntheticOnly { name: String },
    #[error("{name} would send passwords and patient data in plain text")]
    PlainText { name: String },
    #[error("`{key}` in {}, line {line}, is not right", path.display())]
    Config { path: PathBuf, line: usize, key: String, why: String },
    #[error("the row filter of {table} in {}, line {line}, is refused", path.display())]
    Filter { path: PathBuf, line: usize, table: String, refusal: Box<Refusal> },
    #[error("{} could not be read as TOML", path.display())]
    Toml { path: PathBuf, line: usize, why: String },
    #[error("the folder for Bicuspid's state could not be used")]
    StateDir {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("there is no place for Bicuspid's state")]
    NoStateDir,
}

/// ` of environment test`, or nothing for bicuspid.toml.
fn of(environment: Option<Environment>) -> String {
    environment.map_or_else(String::new, |environment| format!(" of environment {environment}"))
}

/// `A`, `A and B`, `A, B and C`.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl SettingsError {
    fn code(&self) -> &'static str {
        match self {
            Self::FileUnreadable { .. } => "settings::unreadable",
            Self::Unwritable { .. } => "settings::unwritable",
            Self::LineMalformed { .. } => "settings::malformed_line",
            Self::DefinedTwice { .. } => "settings::defined_twice",
            Self::ReadableByOthers { .. } => "settings::readable_by_others",
            Self::UnknownName { .. } => "settings::unknown_key",
            Self::ForeignName { .. } => "settings::foreign_key",
            Self::Missing { .. } => "settings::missing",
            Self::Conflict { .. } => "settings::conflict",
            Self::OtherEnvironment { .. } => "settings::environment",
            Self::UnknownValue { .. } | Self::DatabaseName { .. } | Self::Config { .. } => "settings::value",
            Self::DemoDatabase { .. } | Self::SyntheticOnly { .. } => "settings::demo_database",
            Self::PlainText { .. } => "settings::plain_text",
            Self::Filter { refusal, .. } => refusal.code(),
            Self::Toml { .. } => "settings::toml",
            Self::StateDir { .. } => "state::folder",
            Self::NoStateDir => "state::no_folder",
        }
    }

    const fn class(&self) -> Class {
        match self {
            // Each of these could lead to the wrong database, or show a secret: refused, whatever else is right.
            Self::ReadableByOthers { .. }
            | Self::ForeignName { environment: Environment::Demo, .. }
            | Self::Conflict { .. }
            | Self::OtherEnvironment { .. }
            | Self::DemoDatabase { .. }
            | Self::SyntheticOnly { .. }
            | Self::PlainText { .. }
            | Self::Filter { .. } => Class::Refused,
            Self::StateDir { .. } | Self::Unwritable { .. } => Class::Local,
            _ => Class::Usage,
        }
    }

    /// The error as told to a person.
    pub(crate) fn trouble(&self) -> Trouble {
        let (why, hint) = self.why_and_hint();
        let what = match self {
            Self::Missing { names, .. } if names.len() == 1 => format!("{} is missing", list(names)),
            other => other.to_string(),
        };
        let state = if self.class() == Class::Refused { "no server was asked for anything" } else { "" };
        Trouble {
            code: self.code().to_owned(),
            side: Side::Local,
            class: self.class(),
            what,
            why,
            state: state.to_owned(),
            hint,
        }
    }

    fn why_and_hint(&self) -> (String, String) {
        match self {
            Self::FileUnreadable { cause, path } => {
                let hint = if cause.kind() == std::io::ErrorKind::NotFound {
                    "check the path; `bicuspid init` writes templates".to_owned()
                } else {
                    format!("see that {} is a text file that you may read", path.display())
                };
                (reason(cause), hint)
            }
            Self::Unwritable { cause, .. } => {
                (reason(cause), "run it in a folder in which you may make files".to_owned())
            }
            Self::LineMalformed { why, .. } => ((*why).to_owned(), "write NAME=value, or NAME='value'".to_owned()),
            Self::DefinedTwice { lines: [first, second], .. } => (
                format!("it stands in line {first} and in line {second}"),
                "keep one of the two lines".to_owned(),
            ),
            Self::ReadableByOthers { path } => (
                "its permissions let other accounts of this machine in".to_owned(),
                format!("run `chmod 600 {}`", path.display()),
            ),
            Self::UnknownName { nearest, .. } => (
                String::new(),
                nearest.as_ref().map_or_else(
                    || "docs/configuration.md lists every setting".to_owned(),
                    |nearest| format!("did you mean `{nearest}`?"),
                ),
            ),
            Self::ForeignName { owner, environment, .. } => (
                match environment {
                    Environment::Demo => "the demo environment has no source, and nothing of the others".to_owned(),
                    _ => format!("it is a setting of environment {owner}; this is a file of {environment}"),
                },
                format!("remove the line, or move it to .env_{owner}"),
            ),
            Self::Missing { environment, file, file_found: true, .. } => (
                format!("{} does not set them, or leaves them blank", file.display()),
                format!("fill in {}; `bicuspid grants --env {environment}` prints the accounts", file.display()),
            ),
            Self::Missing { environment, file, file_found: false, .. } => (
                format!("there is no {}, and the process environment does not set them", file.display()),
                format!("`bicuspid init --env {environment}` writes a template to fill in"),
            ),
            Self::Conflict { places, .. } => (
                (*places).to_owned(),
                "keep one of the two, or make them equal; Bicuspid does not guess which server is meant".to_owned(),
            ),
            Self::OtherEnvironment { environment, place, .. } => (
                format!("{place} names another environment"),
                format!("choose the file that belongs to `--env {environment}`, or correct the variable"),
            ),
            Self::UnknownValue { allowed, .. } => (String::new(), format!("write one of: {allowed}")),
            Self::DatabaseName { .. } => {
                ("it is empty, too long, or holds a control character".to_owned(), "write the bare name".to_owned())
            }
            Self::DemoDatabase { .. } => (
                "the demo database's name is fixed, so that synthetic rows cannot land among real ones".to_owned(),
                "remove the line".to_owned(),
            ),
            Self::SyntheticOnly { .. } => (
                "this database is for synthetic data only, so that real rows cannot land among generated ones".to_owned(),
                "name the analytics database".to_owned(),
            ),
            Self::PlainText { .. } => (
                "it says `off`, and the server is not on this machine".to_owned(),
                "write `require`, or `ca:FILE` for an authority of your own; --allow-plaintext overrides where \
                 something else protects the wire"
                    .to_owned(),
            ),
            Self::Config { why, .. } => (why.clone(), "docs/configuration.md shows every setting".to_owned()),
            Self::Filter { refusal, .. } => (
                refusal.trouble().why,
                "write one condition on the columns of the table, without subqueries; texts in '…'".to_owned(),
            ),
            Self::Toml { line, why, .. } => {
                (format!("line {line}: {why}"), "docs/configuration.md shows every setting".to_owned())
            }
            Self::StateDir { path, cause } => (
                format!("{}: {}", path.display(), reason(cause)),
                "name another one with --state-dir or BICUSPID_STATE_DIR".to_owned(),
            ),
            Self::NoStateDir => (
                "this account has no home folder".to_owned(),
                "name a folder with --state-dir or BICUSPID_STATE_DIR".to_owned(),
            ),
        }
    }
}

/// The kind of an error in a few words; the operating system's own text may differ from machine to machine.
fn reason(cause: &std::io::Error) -> String {
    match cause.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => kind.to_string(),
    }
}

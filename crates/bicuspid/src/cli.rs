//! What can be asked on the command line. The doc comments here are the help texts.

use std::ffi::OsString;
use std::path::PathBuf;

use bicuspid_model::{Class, Environment, Side, Trouble};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// Version of the program, for people and records.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Day of the commit that this was built from.
pub(crate) const BUILD_DATE: &str = env!("BICUSPID_BUILD_DATE");
/// The version with what is known of the build. Records hold [`VERSION`] alone.
const VERSION_AND_BUILD: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit:   ",
    env!("BICUSPID_BUILD_COMMIT"),
    "\ndated:    ",
    env!("BICUSPID_BUILD_DATE"),
    "\ntarget:   ",
    env!("BICUSPID_BUILD_TARGET"),
    "\nprofile:  ",
    env!("BICUSPID_BUILD_PROFILE"),
    "\ncompiler: ",
    env!("BICUSPID_BUILD_RUSTC"),
);

/// Copy an Open Dental clinic database into PostgreSQL, one way only, and prove the copy equal
///
/// The clinic's MySQL or MariaDB server is only ever read; nothing in this program can write to it.
/// Settings come from ./.env_<env> and ./bicuspid.toml; `bicuspid init` writes both.
///
/// Exit codes: 0 done; 1 done, but differences or held tables; 2 usage or configuration; 3 refused for safety;
/// 4 a server could not be reached or failed; 5 local trouble or a fault of Bicuspid; 6 another run holds the lock;
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "bicuspid", version, long_version = VERSION_AND_BUILD, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Globals {
    /// Print one JSON object on standard output, whatever the exit
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Read variables from this file instead of ./.env_<env>
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Read this file instead of ./bicuspid.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep local state in this folder instead of `BICUSPID_STATE_DIR` or the platform's place
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Let a variable say `off` for TLS to a server on another machine
    #[arg(long, global = true)]
    pub(crate) allow_plaintext: bool,
}

/// The commands, one file each.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::InitArgs),
    Grants(commands::grants::GrantsArgs),
    Check(commands::check::CheckArgs),
    Enroll(commands::enroll::EnrollArgs),
    Plan(commands::plan::PlanArgs),
    Sync(commands::sync::SyncArgs),
    Watch(commands::watch::WatchArgs),
    Verify(commands::verify::VerifyArgs),
    Status(commands::status::StatusArgs),
    Serve(commands::serve::ServeArgs),
    Report(commands::report::ReportArgs),
    Export(commands::export::ExportArgs),
    Generate(commands::generate::GenerateArgs),
    Audit(commands::audit::AuditArgs),
    Dbt(commands::dbt::DbtArgs),
    Guard(commands::guard::GuardArgs),
    Sandbox(commands::sandbox::SandboxArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
}

impl Command {
    /// The name in JSON and messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Grants(_) => "grants",
            Self::Check(_) => "check",
            Self::Enroll(_) => "enroll",
            Self::Plan(_) => "plan",
            Self::Sync(_) => "sync",
            Self::Watch(_) => "watch",
            Self::Verify(_) => "verify",
            Self::Status(_) => "status",
            Self::Serve(_) => "serve",
            Self::Report(_) => "report",
            Self::Export(_) => "export",
            Self::Generate(_) => "generate",
            Self::Audit(_) => "audit",
            Self::Dbt(args) => args.name(),
            Self::Guard(_) => "guard",
            Self::Sandbox(args) => args.name(),
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// Whether Ctrl-C is how it is meant to end, so that it sees to that itself.
    pub(crate) const fn ends_by_interrupt(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Watch(_) => true,
            // Each site is ended by itself, and tells so.
            Self::Sync(args) => args.site.is_given(),
            Self::Verify(args) => args.site.is_given(),
            Self::Sandbox(args) => args.ends_by_interrupt(),
            _ => false,
        }
    }

    /// The environment in JSON.
    pub(crate) fn env(&self) -> Option<&'static str> {
        match self {
            Self::Init(args) => args.env.map(|env| Environment::from(env).name()),
            Self::Grants(args) => Some(Environment::from(args.env).name()),
            Self::Check(args) => Some(args.env.name()),
            Self::Enroll(args) => Some(Environment::from(args.env).name()),
            Self::Plan(args) => Some(Environment::from(args.env).name()),
            Self::Sync(args) => Some(Environment::from(args.env).name()),
            Self::Watch(args) => Some(args.env()),
            Self::Verify(args) => Some(Environment::from(args.env).name()),
            Self::Status(args) => Some(args.env.name()),
            Self::Serve(args) => Some(args.env.name()),
            Self::Report(args) => Some(args.env.name()),
            Self::Export(args) => Some(Environment::from(args.env).name()),
            Self::Generate(_) => Some(Environment::Demo.name()),
            Self::Audit(args) => Some(args.env.name()),
            Self::Dbt(args) => args.env(),
            Self::Guard(_) | Self::Sandbox(_) | Self::Completions(_) | Self::Man(_) => None,
        }
    }
}

/// An environment with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Copied {
    /// Real patients
    Clinic,
    /// A test server and its copy
    Test,
}

impl From<Copied> for Environment {
    fn from(env: Copied) -> Self {
        match env {
            Copied::Clinic => Self::Clinic,
            Copied::Test => Self::Test,
        }
    }
}

/// Any environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Any {
    /// Real patients
    Clinic,
    /// A test server and its copy
    Test,
    /// Synthetic patients only; there is no source
    Demo,
}

impl From<Any> for Environment {
    fn from(env: Any) -> Self {
        match env {
            Any::Clinic => Self::Clinic,
            Any::Test => Self::Test,
            Any::Demo => Self::Demo,
        }
    }
}

/// One environment, or all three side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OneOrAll {
    /// Real patients
    Clinic,
    /// A test server and its copy
    Test,
    /// Synthetic patients only; there is no source
    Demo,
    /// All three side by side
    All,
}

impl OneOrAll {
    /// The name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Clinic => Environment::Clinic.name(),
            Self::Test => Environment::Test.name(),
            Self::Demo => Environment::Demo.name(),
            Self::All => "all",
        }
    }

    /// The environments that are meant.
    pub(crate) fn environments(self) -> &'static [Environment] {
        match self {
            Self::Clinic => &[Environment::Clinic],
            Self::Test => &[Environment::Test],
            Self::Demo => &[Environment::Demo],
            Self::All => &Environment::ALL,
        }
    }
}

/// How fast the source is read, and when.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Haste {
    /// How fast the source is read
    #[arg(long, value_enum, default_value_t)]
    pub(crate) pace: PaceArg,
    /// Disregard the clinic's business hours (`quiet_hours` in bicuspid.toml), in which large tables are read slowly
    #[arg(long)]
    pub(crate) now: bool,
}

impl Haste {
    /// For a few questions.
    pub(crate) const KIND: Self = Self { pace: PaceArg::Kind, now: false };
}

/// How fast the source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PaceArg {
    /// Short statements with pauses: the clinic is at work
    #[default]
    Kind,
    /// No pauses and longer statements: nobody is waiting
    Full,
}

impl From<PaceArg> for bicuspid_source::Pace {
    fn from(pace: PaceArg) -> Self {
        match pace {
            PaceArg::Kind => Self::Kind,
            PaceArg::Full => Self::Full,
        }
    }
}

/// Which tables are proved in a run, beside those that are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProofArg {
    /// All of them
    Full,
    /// Small ones, those whose last proof is old, and others as long as the budget lasts
    #[default]
    Due,
    /// None that can be looked through by their stamps or their end
    None,
}

impl From<ProofArg> for bicuspid_sync::ProofWish {
    fn from(proof: ProofArg) -> Self {
        match proof {
            ProofArg::Full => Self::Full,
            ProofArg::Due => Self::Due,
            ProofArg::None => Self::None,
        }
    }
}

/// Whether rows travel to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LinkArg {
    /// The link is measured: thin where rows travel more slowly than the server can hash them
    #[default]
    Auto,
    /// The source hashes its rows, and only those of chunks whose hash differs travel
    Thin,
    /// Rows are read, which burdens the source least
    Fat,
}

impl From<LinkArg> for bicuspid_sync::LinkWish {
    fn from(link: LinkArg) -> Self {
        match link {
            LinkArg::Auto => Self::Auto,
            LinkArg::Thin => Self::Thin,
            LinkArg::Fat => Self::Fat,
        }
    }
}

/// What comes of reading the command line.
pub(crate) enum Parsed {
    /// A command.
    Command(Box<Cli>),
    /// A text that was asked for: help or the version.
    Text(String),
    /// It was wrong.
    Wrong {
        /// Why.
        trouble: Box<Trouble>,
        /// The command that was meant, as far as it can be told.
        command: String,
        /// Whether JSON was asked for.
        json: bool,
    },
}

/// Reads the command line. No argument's value is ever repeated in a message.
pub(crate) fn parse(args: &[OsString]) -> Parsed {
    let json = args.iter().any(|arg| arg == "--json");
    let texts = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let command = meant(texts.clone());
    let wrong = |trouble| Parsed::Wrong { trouble: Box::new(trouble), command: command.clone(), json };
    for text in texts {
        let flag = text.split('=').next().unwrap_or_default();
        if matches!(flag, "--db-password" | "--password" | "--source-password" | "--target-password") {
            return wrong(password_on_the_command_line(flag));
        }
    }
    match Cli::try_parse_from(args) {
        Ok(cli) if cli.globals.env_file.is_some() && cli.command.env() == Some(OneOrAll::All.name()) => {
            wrong(one_file_for_all())
        }
        Ok(cli) => Parsed::Command(Box::new(cli)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Text(error.render().to_string()),
            _ => wrong(usage(&error, &command)),
        },
    }
}

/// The command that is meant with the ones below it, such as `sandbox up`, as far as it can be told.
fn meant<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut at = <Cli as clap::CommandFactory>::command();
    let mut path: Vec<&str> = Vec::new();
    let mut may_be_value = false;
    for text in texts {
        if text.starts_with('-') {
            may_be_value = true;
            continue;
        }
        match at.find_subcommand(text).cloned() {
            Some(below) => {
                path.push(text);
                at = below;
                may_be_value = false;
            }
            // The value of a flag says nothing; anything else in the place of a command is none.
            None if may_be_value => may_be_value = false,
            None => break,
        }
    }
    path.join(" ")
}

fn one_file_for_all() -> Trouble {
    Trouble {
        code: "usage::conflict".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: "--env-file does not go with --env all".to_owned(),
        why: "one file belongs to one environment".to_owned(),
        state: String::new(),
        hint: "name that environment with --env, or leave out --env-file".to_owned(),
    }
}

fn password_on_the_command_line(flag: &str) -> Trouble {
    Trouble {
        code: "usage::password_argument".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: format!("{flag} is not taken"),
        why: "everybody on this machine can read the arguments of a running program, and shells keep them"
            .to_owned(),
        state: "no server was asked for anything; change the password if it was a real one".to_owned(),
        hint: "set the password variable in the .env file, or its _FILE twin to a file that holds it"
            .to_owned(),
    }
}

/// A mistake on the command line, in clap's words but without values of arguments.
fn usage(error: &clap::Error, command: &str) -> Trouble {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    // Clap names a flag as `--env <ENV>`; its own name is enough.
    let flag = argument.split([' ', '=']).next().unwrap_or_default().to_owned();
    let help =
        if command.is_empty() { "bicuspid --help".to_owned() } else { format!("bicuspid {command} --help") };
    let (code, what, why) = match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            let is_number = flag.chars().nth(1).is_some_and(|c| c.is_ascii_digit() || c == '.');
            let why = if is_number { "a value that begins with - was taken for a flag" } else { "" };
            ("usage::unknown_flag", format!("{flag} is not a flag of this command"), why.to_owned())
        }
        ErrorKind::UnknownArgument => {
            ("usage::unexpected", "there is an argument too many".to_owned(), String::new())
        }
        ErrorKind::InvalidSubcommand => {
            ("usage::unknown_command", "there is no such command".to_owned(), String::new())
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ("usage::no_command", "no command was given".to_owned(), String::new())
        }
        ErrorKind::MissingRequiredArgument => {
            ("usage::missing", format!("{argument} is missing"), String::new())
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let choices = context(ContextKind::ValidValue).map(|values| format!("it is one of: {values}"));
            // `--shard <I/N>` tells the form, `--patients <PATIENTS>` tells nothing.
            let form = argument.split_once('<').and_then(|(_, rest)| rest.split('>').next());
            let form = form.filter(|form| form.contains(['/', '-', ':'])).map(|form| format!("it is {form}"));
            let why = choices.or(form).or_else(|| parsers_word(error)).unwrap_or_default();
            ("usage::value", format!("the value of {flag} is not right"), why)
        }
        ErrorKind::ArgumentConflict => {
            // All of them are told; of each its own name is enough.
            let name = |text: &String| text.split([' ', '=']).next().unwrap_or_default().to_owned();
            let others: Vec<String> = match error.get(ContextKind::PriorArg) {
                Some(ContextValue::String(text)) => vec![name(text)],
                Some(ContextValue::Strings(texts)) => texts.iter().map(name).collect(),
                _ => Vec::new(),
            };
            let what = match others.join(", ") {
                _ if others.contains(&flag) => format!("{flag} was given more than once"),
                others if others.is_empty() => format!("{flag} does not go with another flag"),
                others => format!("{flag} does not go with {others}"),
            };
            ("usage::conflict", what, String::new())
        }
        _ => ("usage::arguments", "the command line could not be read".to_owned(), String::new()),
    };
    let suggestion = context(ContextKind::SuggestedArg).or_else(|| context(ContextKind::SuggestedSubcommand));
    let hint = match suggestion {
        Some(near) => format!("did you mean `{near}`? `{help}` lists what there is"),
        None => format!("`{help}` lists what there is"),
    };
    Trouble {
        code: code.to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what,
        why,
        state: String::new(),
        hint,
    }
}

/// What the parser of a value says of its form. Clap's parsers of numbers repeat the value, so that only the bounds are
/// taken from them; of any other that does nothing is told.
fn parsers_word(error: &clap::Error) -> Option<String> {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    let said = std::error::Error::source(error)?.to_string();
    if let Some((_, bounds)) = said.split_once(" is not in ") {
        return Some(format!("it is a whole number from {}", bounds.replace("..=", " to ")));
    }
    let is_number =
        ["invalid digit", "cannot parse integer", "number too"].iter().any(|of| said.starts_with(of));
    if is_number {
        Some("it is a whole number".to_owned())
    } else if said.starts_with("number would be zero") {
        Some("it is a whole number from 1 on".to_owned())
    } else {
        (value.is_empty() || !said.contains(value)).then_some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(args: &[&str]) -> Trouble {
        let args: Vec<OsString> = std::iter::once(&"bicuspid").chain(args).map(OsString::from).collect();
        match parse(&args) {
            Parsed::Wrong { trouble, .. } => *trouble,
            _ => panic!("accepted"),
        }
    }

    #[test]
    fn a_wrong_value_is_told_its_form_and_not_repeated() {
        let shard = trouble(&["generate", "--shard", "5/4"]);
        assert_eq!(
            (shard.what.as_str(), shard.why.as_str()),
            ("the value of --shard is not right", "it is I/N")
        );
        assert_eq!(trouble(&["generate", "--end-date", "2026-02-30"]).why, "it is YYYY-MM-DD");
        for (args, why) in [
            (&["generate", "--patients", "x"][..], "it is a whole number"),
            (&["generate", "--patients", "99999999999"], "it is a whole number from 0 to 4294967295"),
            (&["generate", "--threads", "0"], "it is a whole number from 1 on"),
            (&["generate", "--db-port", "70000"], "it is a whole number from 1 to 65535"),
            (
                &["sync", "--env", "test", "--site", "a", "--parallel", "99"],
                "it is a whole number from 1 to 64",
            ),
            (&["watch", "--env", "test", "--every", "5x"], "write it as 90s, 15m, 6h or 1d"),
            (&["watch", "--env", "test", "--every", "0s"], "a second is the least"),
            (&["serve", "--env", "all", "--listen", "x"], "it is ADDRESS:PORT"),
            (&["dbt", "sources", "--name", "a b"], "it is made of letters, digits and _"),
        ] {
            let trouble = trouble(args);
            assert_eq!((trouble.code.as_str(), trouble.why.as_str()), ("usage::value", why), "{args:?}");
        }
    }

    #[test]
    fn help_is_that_of_the_command_that_was_meant() {
        for (args, help) in [
            (&["sandbox", "up"][..], "bicuspid sandbox up --help"),
            (&["--config", "x.toml", "sandbox", "up", "--json"], "bicuspid sandbox up --help"),
            (&["dbt", "sources", "--env", "nowhere"], "bicuspid dbt sources --help"),
            (&["dbt", "sorces"], "bicuspid dbt --help"),
            (&["sync", "--env", "clinic", "--site", "status", "--x"], "bicuspid sync --help"),
            (&["snyc", "sync"], "bicuspid --help"),
        ] {
            let hint = trouble(args).hint;
            assert!(hint.contains(&format!("`{help}`")), "{args:?}: {hint}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let conflict = trouble(&["generate", "--patients", "5", "--clean", "--messy"]);
        assert_eq!(conflict.what, "--clean does not go with --messy");
        let twice = trouble(&["sync", "--env", "test", "--pace", "kind", "--pace", "full"]);
        assert_eq!(twice.what, "--pace was given more than once");
        let negative = trouble(&["generate", "--patients", "-5"]);
        assert_eq!(negative.why, "a value that begins with - was taken for a flag");
        for command in ["check", "status", "serve"] {
            let trouble = trouble(&[command, "--env", "all", "--env-file", "x"]);
            assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("usage::conflict", 2));
            assert_eq!(trouble.why, "one file belongs to one environment", "{command}");
        }
    }

    #[test]
    fn clap_finds_no_fault_with_the_commands() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn no_value_of_an_argument_is_repeated() {
        for args in [
            &["sync", "--env", "hunter2"][..],
            &["sync", "--env", "clinic", "--paswd=hunter2"],
            &["sync", "--env", "clinic", "hunter2"],
            &["hunter2"],
            &["check", "--db-password=hunter2"],
            &["check", "--env", "clinic", "--db-password", "hunter2"],
        ] {
            let trouble = trouble(args);
            assert!(!format!("{trouble:?}").contains("hunter2"), "{trouble:?}");
            assert_eq!(trouble.class.exit_code(), 2);
        }
    }

    #[test]
    fn there_is_no_default_environment() {
        for command in ["grants", "check", "enroll", "plan", "sync", "watch", "verify", "status"] {
            let trouble = trouble(&[command]);
            assert_eq!(trouble.code, "usage::missing", "{command}");
            assert!(trouble.what.contains("--env"), "{command}");
        }
        assert_eq!(trouble(&["sync", "--env", "demo"]).code, "usage::value");
    }
}

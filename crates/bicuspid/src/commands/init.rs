//! `bicuspid init`: writes templates to fill in.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use bicuspid_model::{Class, Environment, Side, Trouble};

use crate::App;
use crate::cli::Any;
use crate::consent;
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop};
use crate::settings::{CONFIG_FILE, Existing, SettingsError, create_private};

/// Set up an environment: write templates of `.env_clinic`, `.env_test`, `.env_demo` and `bicuspid.toml` into the current
/// folder
///
/// On a terminal it asks which environment is meant, unless --env says so; elsewhere it writes all three. The .env files
/// are readable by their owner alone and are added to .gitignore. A file that is there already is never overwritten.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// Write the template of one environment only
    #[arg(long)]
    pub(crate) env: Option<Any>,
}

pub(crate) async fn run(args: &InitArgs, app: &App) -> Ended {
    let environments: Vec<Environment> = match args.env {
        Some(env) => vec![env.into()],
        None if consent::has_terminal() && !app.globals.json => chosen().await?,
        None => Environment::ALL.to_vec(),
    };
    let next = next_steps(&environments);
    let mut files: Vec<(String, &str)> = environments
        .iter()
        .map(|environment| (format!(".env_{environment}"), env_template(*environment)))
        .collect();
    files.push((CONFIG_FILE.to_owned(), include_str!("init/bicuspid.toml")));
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, text) in files {
        match create_private(Path::new(&name), Existing::Keep) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(|cause| unwritable(&name, cause))?;
                app.printer.data(&format!("wrote  {name}"));
                written.push(name);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                app.printer.data(&format!("kept   {name}, which was there already"));
                kept.push(name);
            }
            Err(cause) => return Err(unwritable(&name, cause).into()),
        }
    }
    let ignored = ignore_env_files().map_err(|cause| unwritable(".gitignore", cause))?;
    if ignored {
        app.printer.data("wrote  .gitignore: `.env_*` stays out of git");
    }
    Printer::note("What comes next:");
    for (step, number) in next.iter().zip(1..) {
        Printer::note(&format!("  {number}. {step}"));
    }
    Ok(Report::new()
        .with("written", written)
        .with("kept", kept)
        .with("gitignore_changed", ignored)
        .with("next", next))
}

/// Asks which environment is meant.
async fn chosen() -> Result<Vec<Environment>, Stop> {
    let mut question = "Which of the databases do you set up?\n".to_owned();
    for (environment, number) in Environment::ALL.iter().zip(1..) {
        let _ = writeln!(question, "  {number}  {:<8}{}", environment.name(), environment.risk());
    }
    let _ = write!(question, "  {}  all of them\nNumber or name: ", Environment::ALL.len() + 1);
    let answer = consent::typed(&question).await.unwrap_or_default();
    choice(answer.trim()).ok_or_else(|| {
        Stop::from(Trouble {
            code: "usage::choice".to_owned(),
            side: Side::Local,
            class: Class::Usage,
            what: "that is none of the choices".to_owned(),
            why: String::new(),
            state: "nothing was written".to_owned(),
            hint: "run it again, or say it at once: `bicuspid init --env clinic`".to_owned(),
        })
    })
}

fn choice(answer: &str) -> Option<Vec<Environment>> {
    if answer.eq_ignore_ascii_case("all") || answer.parse() == Ok(Environment::ALL.len() + 1) {
        return Some(Environment::ALL.to_vec());
    }
    let by_number = || Environment::ALL.get(answer.parse::<usize>().ok()?.checked_sub(1)?).copied();
    let by_name = Environment::named(&answer.to_ascii_lowercase());
    by_name.or_else(by_number).map(|environment| vec![environment])
}

/// What a person does after this.
fn next_steps(environments: &[Environment]) -> Vec<String> {
    let each = |command: &str| {
        let list: Vec<String> = environments
            .iter()
            .map(|environment| format!("`bicuspid {command} --env {environment}`"))
            .collect();
        list.join(", ")
    };
    let files: Vec<String> = environments.iter().map(|environment| format!(".env_{environment}")).collect();
    let mut first_runs: Vec<&str> = Vec::new();
    for environment in environments {
        first_runs.push(match environment {
            Environment::Clinic => "`bicuspid plan --env clinic`, then `bicuspid sync --env clinic`",
            Environment::Test => "`bicuspid sync --env test`",
            Environment::Demo => "`bicuspid generate --patients 100`",
        });
    }
    vec![
        format!("fill in {}: hosts, accounts, and passwords or the files that hold them", files.join(", ")),
        format!("have the accounts made: {} prints the SQL for the administrators", each("grants")),
        format!("see whether both sides are safe to use: {}", each("check")),
        format!("begin: {}", first_runs.join("; ")),
    ]
}

const fn env_template(environment: Environment) -> &'static str {
    match environment {
        Environment::Clinic => include_str!("init/env_clinic"),
        Environment::Test => include_str!("init/env_test"),
        Environment::Demo => include_str!("init/env_demo"),
    }
}

/// Adds the pattern of the environment files to .gitignore, unless it is there.
fn ignore_env_files() -> std::io::Result<bool> {
    const PATTERN: &str = ".env_*";
    let path = Path::new(".gitignore");
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if text.lines().any(|line| matches!(line.trim(), PATTERN | "/.env_*" | ".env*" | "**/.env_*")) {
        return Ok(false);
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{gap}{PATTERN}\n").as_bytes())?;
    Ok(true)
}

fn unwritable(name: &str, cause: std::io::Error) -> SettingsError {
    SettingsError::Unwritable { path: name.into(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Globals;
    use crate::settings::{Config, ProcessEnvironment, Settings};

    #[test]
    fn the_templates_are_settings_themselves() {
        let dir = tempfile::tempdir().unwrap();
        for environment in Environment::ALL {
            let path = dir.path().join(format!(".env_{environment}"));
            std::fs::write(&path, env_template(environment)).unwrap();
            let globals = Globals {
                env_file: Some(path),
                state_dir: Some(dir.path().to_owned()),
                ..Globals::default()
            };
            let settings = Settings::load(environment, &globals, &ProcessEnvironment::default()).unwrap();
            assert!(settings.target().is_err(), "a template names no server");
        }
        let path = dir.path().join(CONFIG_FILE);
        std::fs::write(&path, include_str!("init/bicuspid.toml")).unwrap();
        let config = Config::read(Some(&path)).unwrap();
        assert!(
            config.tables_included.is_none() && config.lock_aim_ms.is_none(),
            "a template changes nothing"
        );
    }

    #[test]
    fn a_choice_is_a_number_or_a_name() {
        assert_eq!(choice("1"), Some(vec![Environment::Clinic]));
        assert_eq!(choice("Demo"), Some(vec![Environment::Demo]));
        assert_eq!(choice("4"), Some(Environment::ALL.to_vec()));
        assert_eq!(choice("all"), choice("4"));
        for nonsense in ["", "0", "5", "-1", "clinic test", "prod"] {
            assert_eq!(choice(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn every_commented_setting_of_the_template_is_known() {
        let text: String = include_str!("init/bicuspid.toml")
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") || setting.starts_with('[') => {
                    format!("{setting}\n")
                }
                _ => "\n".to_owned(),
            })
            .collect();
        let config = Config::parse(Path::new("bicuspid.toml"), &text).unwrap();
        assert!(config.lock_aim_ms.is_some() && !config.column_types.is_empty());
    }
}

//! `bicuspid dbt sources`: describes the copy to dbt.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bicuspid_model::site::raw_schema;
use bicuspid_model::{Class, Environment, Side, Trouble};
use bicuspid_target::{Analytics, Demo, ListedTable};

use super::ends;
use crate::App;
use crate::banner;
use crate::cli::Any;
use crate::dbt::{self, MARK, OfSite};
use crate::known::KnownDatabases;
use crate::printer::{Printer, counted, for_site, plain};
use crate::report::{Ended, Report, Stop};
use crate::settings::{Config, Settings, SettingsError};
use crate::sites::{Member, SiteArg};

/// Describe the copy to dbt
#[derive(Debug, clap::Args)]
pub(crate) struct DbtArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Sources(SourcesArgs),
}

impl DbtArgs {
    pub(crate) const fn name(&self) -> &'static str {
        match self.action {
            Action::Sources(_) => "dbt sources",
        }
    }

    /// The environment in JSON.
    pub(crate) fn env(&self) -> Option<&'static str> {
        match &self.action {
            Action::Sources(args) => args.env.map(|env| Environment::from(env).name()),
        }
    }
}

/// Write a sources.yml for `raw`: descriptions, freshness, and tests that hold; reads only
///
/// With --env it lists what that target really has. Without, Open Dental's tables as bicuspid.toml would copy them. With
/// --site it describes these sites: a source for each, and views over all of them.
#[derive(Debug, clap::Args)]
struct SourcesArgs {
    /// Environment whose target is looked at
    #[arg(long)]
    env: Option<Any>,
    #[command(flatten)]
    site: SiteArg,
    /// With several sites: write a model into this folder for every table, a view over all of them with a column `site`
    #[arg(long, value_name = "DIR", requires = "site")]
    models: Option<PathBuf>,
    /// With several sites: write SQL that makes these views in this schema, for those without dbt
    #[arg(long, value_name = "SCHEMA", requires = "site", conflicts_with = "models", value_parser = source_name)]
    views: Option<String>,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    tables: Option<Vec<String>>,
    /// Name of the source in dbt
    #[arg(long, default_value = "opendental", value_parser = source_name)]
    name: String,
    /// Write this file instead of standard output; one that was not written by this command is left alone
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn source_name(text: &str) -> Result<String, String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.is_empty() && text.len() <= 60 && text.chars().all(is_word) {
        Ok(text.to_owned())
    } else {
        Err("it is made of letters, digits and _".to_owned())
    }
}

pub(crate) async fn run(args: &DbtArgs, app: &App) -> Ended {
    match &args.action {
        Action::Sources(args) => sources(args, app).await,
    }
}

async fn sources(args: &SourcesArgs, app: &App) -> Ended {
    if args.site.is_given() {
        return group(args, app).await;
    }
    let (mut tables, of) = if let Some(env) = args.env {
        let environment = Environment::from(env);
        let settings = Settings::load(environment, &app.globals, &app.process)?;
        banner::environment(&settings);
        let listed = listed(&settings).await.map_err(|stop| ends::stop_in_environment(stop, &settings))?;
        (listed, format!("of what the target of environment {environment} has"))
    } else {
        let config = Config::read(app.globals.config.as_deref())?;
        (dbt::stock_tables(&config), dbt::policy_words(config.type_policy))
    };
    pick(args, [&mut tables])?;
    let sources = dbt::describe(&tables, &args.name, "raw", &of);
    told(args, app, &sources)
}

/// Leaves the tables that were named, each of which somebody must have.
fn pick<'a>(
    args: &SourcesArgs,
    lists: impl IntoIterator<Item = &'a mut Vec<ListedTable>>,
) -> Result<(), Stop> {
    let Some(wanted) = &args.tables else { return Ok(()) };
    let mut missing: Vec<&String> = wanted.iter().collect();
    for tables in lists {
        missing.retain(|name| !tables.iter().any(|table| table.name.eq_ignore_ascii_case(name)));
        tables.retain(|table| wanted.iter().any(|name| name.eq_ignore_ascii_case(&table.name)));
    }
    missing.first().map_or(Ok(()), |name| Err(unknown_table(name).into()))
}

/// The sites as sources, and what they have together. A site that cannot be asked would be missing in the views without
/// anybody noticing: then nothing is written.
async fn group(args: &SourcesArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env.ok_or_else(|| Stop::from(no_env()))?);
    let mut sites: Vec<OfSite> = Vec::new();
    for Member { site, settings } in args.site.members(environment, app)? {
        let settings = settings?;
        let listed = for_site(site.clone(), listed(&settings)).await;
        sites.push((site, listed.map_err(|stop| ends::stop_in_environment(stop, &settings))?));
    }
    pick(args, sites.iter_mut().map(|(_, tables)| tables))?;
    let of = format!("of {} of environment {environment}", counted(as_u64(sites.len()), "site"));
    if let Some(schema) = &args.views {
        let (sql, views) = dbt::views(&sites, schema);
        let report = Report::new().with("views", as_u64(views));
        Printer::note(&counted(as_u64(views), "view"));
        return output(args, app, report, &sql);
    }
    if let [(site, tables)] = &sites[..]
        && args.models.is_none()
    {
        let sources = dbt::describe(tables, &args.name, &raw_schema(Some(site)), &of);
        return told(args, app, &sources);
    }
    let group = dbt::describe_sites(&sites, &args.name, &of);
    let Some(folder) = &args.models else { return told(args, app, &group.sources) };
    std::fs::create_dir_all(folder)
        .map_err(|cause| SettingsError::Unwritable { path: folder.clone(), cause })?;
    let files = group.models.iter().map(|(name, text)| (folder.join(name), text));
    let files: Vec<(PathBuf, &String)> =
        files.chain([(folder.join("sources.yml"), &group.sources.text)]).collect();
    // All are ours, or none is touched.
    for (path, _) in &files {
        judge(path)?;
    }
    for (path, text) in &files {
        write(path, text)?;
    }
    let models = as_u64(group.models.len());
    app.printer.data(&format!(
        "wrote {} and sources.yml into {}",
        counted(models, "model"),
        folder.display()
    ));
    Ok(Report::new()
        .with("tables", as_u64(group.sources.tables))
        .with("tests", as_u64(group.sources.tests))
        .with("left_out", &group.sources.left_out)
        .with("models", models)
        .with("output", folder.display().to_string()))
}

fn no_env() -> Trouble {
    Trouble {
        code: "usage::missing".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: "--env is missing".to_owned(),
        why: "what several sites have in common is asked of their targets".to_owned(),
        state: "no file was written".to_owned(),
        hint: "give --env clinic or --env test".to_owned(),
    }
}

fn told(args: &SourcesArgs, app: &App, sources: &dbt::Sources) -> Ended {
    for name in &sources.left_out {
        Printer::note(&format!("left out: {}, a name that dbt cannot carry", plain(name)));
    }
    let (described, tests) = (as_u64(sources.tables), as_u64(sources.tests));
    let report =
        Report::new().with("tables", described).with("tests", tests).with("left_out", &sources.left_out);
    Printer::note(&format!("{} with {}", counted(described, "table"), counted(tests, "test")));
    output(args, app, report, &sources.text)
}

fn output(args: &SourcesArgs, app: &App, report: Report, text: &str) -> Ended {
    if let Some(path) = &args.output {
        write(path, text)?;
        app.printer.data(&format!("wrote {}", path.display()));
        Ok(report.with("output", path.display().to_string()))
    } else {
        app.printer.data(text.trim_end());
        Ok(report.with("text", text))
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The tables of a target, once it is known to be the right one.
async fn listed(settings: &Settings) -> Result<Vec<ListedTable>, Stop> {
    let at = settings.target()?;
    let known = KnownDatabases::read(&settings.state_dir)?;
    let tables = match settings.environment {
        Environment::Demo => {
            let demo = Demo::connect(&ends::demo_endpoint(&at)).await?;
            banner::target(demo.facts());
            demo.judge(&at.user, known.find(settings.environment, None, &at).as_ref()).await?;
            demo.listing().await?
        }
        Environment::Clinic | Environment::Test => {
            let look = Analytics::connect(&at, &settings.schemas()).await?;
            banner::target(look.facts());
            known.judge(settings.environment, &at, &look).await?;
            look.listing().await?
        }
    };
    if tables.is_empty() { Err(nothing_there(settings.environment).into()) } else { Ok(tables) }
}

fn nothing_there(environment: Environment) -> Trouble {
    let hint = match environment {
        Environment::Demo => "run `bicuspid generate` first, or leave out --env",
        Environment::Clinic | Environment::Test => "run `bicuspid sync` first, or leave out --env",
    };
    Trouble {
        code: "dbt::nothing_there".to_owned(),
        side: Side::Target,
        class: Class::Usage,
        what: "there is nothing to describe".to_owned(),
        why: "nothing was written into the database yet".to_owned(),
        state: "no file was written".to_owned(),
        hint: hint.to_owned(),
    }
}

fn unknown_table(name: &str) -> Trouble {
    Trouble {
        code: "dbt::unknown_table".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: format!("there is no table `{}`", plain(name)),
        why: String::new(),
        state: "no file was written".to_owned(),
        hint: "leave out --tables to see all of them".to_owned(),
    }
}

/// Refuses a file that somebody else wrote.
fn judge(path: &Path) -> Result<(), Stop> {
    let sql = MARK.replacen('#', "--", 1);
    match std::fs::read(path) {
        Ok(old) if !old.starts_with(MARK.as_bytes()) && !old.starts_with(sql.as_bytes()) => {
            Err(not_ours(path).into())
        }
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(SettingsError::Unwritable { path: path.to_owned(), cause }.into())
        }
        _ => Ok(()),
    }
}

/// Replaces the file as a whole, unless somebody else wrote it.
fn write(path: &Path, text: &str) -> Result<(), Stop> {
    let unwritable = |cause| SettingsError::Unwritable { path: path.to_owned(), cause };
    judge(path)?;
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    let next = PathBuf::from(next);
    let written = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&next, path)
    };
    Ok(written().map_err(unwritable)?)
}

fn not_ours(path: &Path) -> Trouble {
    Trouble {
        code: "dbt::not_ours".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: format!("{} is kept", path.display()),
        why: "it is there already and was not written by this command".to_owned(),
        state: "no file was written".to_owned(),
        hint: "name another file; dbt reads every .yml below its models".to_owned(),
    }
}

//! `bicuspid grants`: the SQL that makes the least accounts, for administrators to run.

use bicuspid_guard::DEMO_DATABASE;
use bicuspid_guard::accounts::{self, AccountStatement, PASSWORD_PLACEHOLDER, Placement};
use bicuspid_model::{DatabaseName, Environment, SchemaName};
use serde_json::{Value, json};

use crate::App;
use crate::cli::Any;
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop};
use crate::settings::{End, Settings, SettingsError};
use crate::sites::{self, Member, SiteArg, SiteEnd};

/// Print the SQL that makes the least-privilege accounts and databases, both sides
///
/// Nothing is connected to. Names come from the .env file where it sets them.
#[derive(Debug, clap::Args)]
pub(crate) struct GrantsArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Any,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    /// Address from which Bicuspid connects, as the clinic's server sees it; % stands for any
    #[arg(long, value_name = "HOST", default_value = "%")]
    pub(crate) from: String,
}

pub(crate) fn run(args: &GrantsArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env);
    if args.site.is_given() {
        return of_sites(args, app, environment);
    }
    let settings = Settings::load(environment, &app.globals, &app.process)?;
    let prefix = if environment == Environment::Test { "test_" } else { "" };
    let mut report = Report::new();
    if environment != Environment::Demo {
        let (database, user) = settings.named(End::Source);
        let database = name(database, &format!("{prefix}opendental"))?;
        let user = user.map_or_else(|| format!("{prefix}readonly_user"), str::to_owned);
        let mut statements = accounts::source_statements(&database, &user, &args.from, PASSWORD_PLACEHOLDER)?;
        statements.push(accounts::source_connection_limit(true, &user, &args.from, 4)?);
        let mysql = accounts::source_connection_limit(false, &user, &args.from, 4)?;
        app.printer
            .data("-- On the clinic's server, as an administrator (the last line is for MariaDB; on MySQL:");
        app.printer.data(&format!("-- {mysql};)"));
        for statement in &statements {
            app.printer.data(&format!("{statement};"));
        }
        app.printer.data("");
        report = report.with("source", &statements);
    }
    let (database, user) = settings.named(End::Target);
    let (database, user) = match environment {
        Environment::Demo => (name(None, DEMO_DATABASE)?, user.unwrap_or("demo_user").to_owned()),
        _ => (
            name(database, &format!("{prefix}opendental_analytics"))?,
            user.map_or_else(|| format!("{prefix}analytics_user"), str::to_owned),
        ),
    };
    // The demo has no settings of its own, and is never distributed.
    let placement = match environment {
        Environment::Demo => Placement::Here,
        Environment::Clinic | Environment::Test => settings.config.placement,
    };
    let mut statements = accounts::target_statements(&database, &user, PASSWORD_PLACEHOLDER, placement)?;
    if let Some(reader) = &settings.config.reader_role {
        let raw = SchemaName::new("raw").map_err(|_| bad_name())?;
        statements.extend(accounts::reader_statements(&database, &raw, &user, reader)?);
    }
    show_target(app.printer, &statements);
    Ok(report.with("target", target(&statements)))
}

/// The same for sites: an account on each practice's server, and on PostgreSQL every database and every role once, with the
/// two schemas of each site.
fn of_sites(args: &GrantsArgs, app: &App, environment: Environment) -> Ended {
    let prefix = if environment == Environment::Test { "test_" } else { "" };
    let (mut ended, mut list) = (Vec::new(), Vec::new());
    for Member { site, settings } in args.site.members(environment, app)? {
        let told = settings.and_then(|settings| {
            let (source, target) = of_site(args, &settings, prefix)?;
            app.printer.data(&format!("-- On the server of site {site}, as an administrator"));
            for statement in &source {
                app.printer.data(&format!("{statement};"));
            }
            app.printer.data("");
            // What several sites share is made once.
            list.extend(target.into_iter().filter(|one| !list.contains(one)).collect::<Vec<_>>());
            Ok(Report::new().with("source", source))
        });
        ended.push(SiteEnd::of(site, told));
    }
    accounts::server_first(&mut list);
    show_target(app.printer, &list);
    Ok(sites::combined(ended).with("target", target(&list)))
}

fn of_site(
    args: &GrantsArgs,
    settings: &Settings,
    prefix: &str,
) -> Result<(Vec<String>, Vec<AccountStatement>), Stop> {
    let (database, user) = settings.named(End::Source);
    let database = name(database, &format!("{prefix}opendental"))?;
    let user = user.map_or_else(|| format!("{prefix}readonly_user"), str::to_owned);
    let mut source = accounts::source_statements(&database, &user, &args.from, PASSWORD_PLACEHOLDER)?;
    source.push(accounts::source_connection_limit(true, &user, &args.from, 4)?);
    let (database, user) = settings.named(End::Target);
    let database = name(database, &format!("{prefix}opendental_analytics"))?;
    let user = user.map_or_else(|| format!("{prefix}analytics_user"), str::to_owned);
    let mut target = vec![accounts::target_role(&user, PASSWORD_PLACEHOLDER)?];
    target.extend(accounts::empty_database(&database)?);
    target.extend(accounts::target_access(&database, &user)?);
    let placement = settings.config.placement;
    target.extend(accounts::target_schemas(&database, settings.site.as_ref(), &user, placement)?);
    if let Some(reader) = &settings.config.reader_role {
        let raw = SchemaName::new(settings.schemas().raw_name()).map_err(|_| bad_name())?;
        target.extend(accounts::reader_statements(&database, &raw, &user, reader)?);
    }
    Ok((source, target))
}

fn show_target(printer: Printer, statements: &[AccountStatement]) {
    printer.data("-- On the PostgreSQL server, as an administrator, with psql");
    let mut connected = "";
    for statement in statements {
        if statement.database != connected {
            connected = &statement.database;
            printer.data(&format!("\\connect \"{}\"", connected.replace('"', "\"\"")));
        }
        printer.data(&format!("{};", statement.sql));
    }
    Printer::note(&format!(
        "Put a password of your own where {PASSWORD_PLACEHOLDER} stands; Bicuspid ran nothing."
    ));
}

fn target(statements: &[AccountStatement]) -> Vec<Value> {
    statements.iter().map(|s| json!({ "database": s.database, "sql": s.sql })).collect()
}

fn name(set: Option<&str>, usual: &str) -> Result<DatabaseName, SettingsError> {
    DatabaseName::new(set.unwrap_or(usual)).map_err(|_| bad_name())
}

fn bad_name() -> SettingsError {
    SettingsError::DatabaseName { name: "the database's name".to_owned() }
}

//! `bicuspid grants`: the SQL that makes the least accounts, for administrators to run.

use bicuspid_guard::DEMO_DATABASE;
use bicuspid_guard::accounts::{self, PASSWORD_PLACEHOLDER};
use bicuspid_model::{DatabaseName, Environment, SchemaName};
use serde_json::json;

use crate::App;
use crate::cli::Any;
use crate::printer::Printer;
use crate::report::{Ended, Report};
use crate::settings::{End, Settings, SettingsError};

/// Print the SQL that makes the least-privilege accounts and databases, both sides
///
/// Nothing is connected to. Names come from the .env file where it sets them.
#[derive(Debug, clap::Args)]
pub(crate) struct GrantsArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Any,
    /// Address from which Bicuspid connects, as the clinic's server sees it; % stands for any
    #[arg(long, value_name = "HOST", default_value = "%")]
    pub(crate) from: String,
}

pub(crate) fn run(args: &GrantsArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env);
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
    let mut statements = accounts::target_statements(&database, &user, PASSWORD_PLACEHOLDER)?;
    if let Some(reader) = &settings.config.reader_role {
        let raw = SchemaName::new("raw").map_err(|_| bad_name())?;
        statements.extend(accounts::reader_statements(&database, &raw, &user, reader)?);
    }
    app.printer.data("-- On the PostgreSQL server, as an administrator, with psql");
    let mut connected = "";
    for statement in &statements {
        if statement.database != connected {
            connected = &statement.database;
            app.printer.data(&format!("\\connect \"{}\"", connected.replace('"', "\"\"")));
        }
        app.printer.data(&format!("{};", statement.sql));
    }
    Printer::note(&format!(
        "Put a password of your own where {PASSWORD_PLACEHOLDER} stands; Bicuspid ran nothing."
    ));
    let target: Vec<_> = statements.iter().map(|s| json!({ "database": s.database, "sql": s.sql })).collect();
    Ok(report.with("target", target))
}

fn name(set: Option<&str>, usual: &str) -> Result<DatabaseName, SettingsError> {
    DatabaseName::new(set.unwrap_or(usual)).map_err(|_| bad_name())
}

fn bad_name() -> SettingsError {
    SettingsError::DatabaseName { name: "the database's name".to_owned() }
}

//! `bicuspid enroll`: makes a database known, inside it and on this machine.

use bicuspid_guard::consent::Action;
use bicuspid_guard::identity::{self, Identity, Standing};
use bicuspid_model::{Endpoint, Environment, FingerprintKey};
use bicuspid_target::Analytics;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;

use super::ends;
use crate::App;
use crate::cli::{Copied, VERSION};
use crate::journal::Journal;
use crate::known::{self, KnownDatabases};
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop, fault};
use crate::run_id::RunId;
use crate::settings::Settings;
use crate::{banner, consent};

/// Write the identity row into the target database and remember it here
///
/// The first sync offers the same. Afterwards no other database can be written in its place: not one of the same name
/// on another server, not a restored copy, not one behind a swapped tunnel.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Copied,
    /// Name of the database, as consent without a terminal
    #[arg(long, value_name = "DBNAME")]
    pub(crate) confirm: Option<String>,
}

pub(crate) async fn run(args: &EnrollArgs, app: &App) -> Ended {
    let settings = Settings::load(Environment::from(args.env), &app.globals, &app.process)?;
    let mut journal = Journal::open("enroll", &RunId::draw()?, &settings, &app.process)?;
    let ended = Box::pin(enroll(args, app, &settings, &mut journal)).await;
    journal.close(ended.map_err(|stop| ends::stop_in_environment(stop, &settings)))
}

async fn enroll(args: &EnrollArgs, app: &App, settings: &Settings, journal: &mut Journal) -> Ended {
    let environment = settings.environment;
    let (source, target) = settings.both()?;
    journal.target(&target);
    identity::distinct(&source, &target)?;
    banner::environment(settings);
    let look = Analytics::connect(&target).await?;
    banner::target(look.facts());
    journal.found(look.facts());
    let mut known = KnownDatabases::read(&settings.state_dir)?;
    let remembered = known.find(environment, &target);
    let actual = known::actual(environment, &look)?;
    // What is remembered has no say here: this command is how a person says that it has changed. The marker has.
    let standing = known::judge(environment, &target, &look, None).await.map_err(|stop| {
        Stop(Box::new(stop.0.map_troubles(|mut trouble| {
            if trouble.code.starts_with("identity::") {
                "it is a copy of another database, or was enrolled for another environment; if that is meant, an \
                 administrator drops schema bicuspid in it first"
                    .clone_into(&mut trouble.hint);
            }
            trouble
        })))
    })?;
    let replaces = remembered.as_ref().is_some_and(|old| *old != actual);
    if standing != Standing::New && !replaces {
        known.remember(&settings.state_dir, &target, &actual)?;
        app.printer.data(&format!("database {} is enrolled as {environment} already", look.facts().database));
        return Ok(told(Report::new(), &actual, false));
    }
    let mut actions = vec![Action::Enroll];
    if replaces {
        Printer::note("  another database was known at this place before; it will be forgotten");
        actions.push(Action::Adoption);
    }
    consent::obtain(settings, &actions, &look.facts().database, args.confirm.as_deref()).await?;
    journal.intend()?;
    let identity = make_known(settings, &look, &target, &mut known).await?;
    app.printer.data(&format!("database {} is enrolled as {environment}", identity.database));
    Ok(told(Report::new(), &identity, true))
}

/// Writes the identity row if there is none, and remembers the database.
pub(crate) async fn make_known(
    settings: &Settings,
    look: &Analytics,
    at: &Endpoint,
    known: &mut KnownDatabases,
) -> Result<Identity, Stop> {
    let mut key = [0_u8; 16];
    SystemRandom::new().fill(&mut key).map_err(|_| Stop::from(fault("the system gave no random bytes")))?;
    let policy = settings.config.type_policy.name();
    look.enrol(settings.environment, FingerprintKey::new(key), policy, VERSION).await?;
    let identity = known::actual(settings.environment, look)?;
    known.remember(&settings.state_dir, at, &identity)?;
    Ok(identity)
}

fn told(report: Report, identity: &Identity, written: bool) -> Report {
    report.with("written", written).with(
        "identity",
        json!({
            "environment": identity.environment.name(),
            "database": identity.database,
            "system_identifier": identity.system_identifier.to_string(),
            "oid": identity.oid,
        }),
    )
}

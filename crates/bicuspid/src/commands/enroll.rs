//! `bicuspid enroll`: makes a database known, inside it and on this machine.

use bicuspid_guard::consent::Action;
use bicuspid_guard::identity::{self, Identity, Standing};
use bicuspid_guard::{SourceServer, numbers, unshared};
use bicuspid_model::{Endpoint, Environment, FingerprintKey, SiteName};
use bicuspid_target::{Analytics, Demo, ServerFacts};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;

use super::ends;
use crate::App;
use crate::cli::{Any, Haste, VERSION};
use crate::journal::Journal;
use crate::known::KnownDatabases;
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop, fault};
use crate::run_id::RunId;
use crate::settings::Settings;
use crate::sites::{self, SiteArg};
use crate::{banner, consent, notify};

/// Write the identity row into the target database and remember it here
///
/// The first sync and the first generate offer the same. Afterwards no other database can be written in its place: not
/// one of the same name on another server, not a restored copy, not one behind a swapped tunnel. Where a database was
/// replaced on purpose, or the clinic moved to another server, this is how a person says so.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Any,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    /// Name of the database, as consent without a terminal
    #[arg(long, value_name = "DBNAME")]
    pub(crate) confirm: Option<String>,
}

pub(crate) async fn run(args: &EnrollArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env);
    if args.site.is_given() {
        let members = args.site.members(environment, app)?;
        let of_site = |settings| Box::pin(of_one(args, app, settings));
        let ended = sites::in_turn(members, of_site).await;
        return Ok(sites::combined(ended));
    }
    of_one(args, app, Settings::load(environment, &app.globals, &app.process)?).await
}

async fn of_one(args: &EnrollArgs, app: &App, settings: Settings) -> Ended {
    let run = RunId::draw()?;
    let mut journal = Journal::open("enroll", &run, &settings, &app.process)?;
    let ended = Box::pin(enroll(args, app, &settings, &mut journal)).await;
    let ended = journal.close(ended.map_err(|stop| ends::stop_in_environment(stop, &settings)));
    notify::after("enroll", &run.text, &settings, ended).await
}

/// A connected database that may be enrolled.
enum Candidate {
    Copy(Analytics),
    Demo(Demo),
}

impl Candidate {
    async fn connect(settings: &Settings, at: &Endpoint) -> Result<Self, Stop> {
        Ok(match settings.environment {
            Environment::Demo => Self::Demo(Demo::connect(&ends::demo_endpoint(at)).await?),
            Environment::Clinic | Environment::Test => {
                Self::Copy(Analytics::connect(at, &settings.schemas()).await?)
            }
        })
    }

    const fn facts(&self) -> &ServerFacts {
        match self {
            Self::Copy(look) => look.facts(),
            Self::Demo(demo) => demo.facts(),
        }
    }

    /// Judges the database without what is remembered of this place: this command is how a person says that it has
    /// changed. The marker has its say, and so has what is in the demo.
    async fn judge(
        &self,
        environment: Environment,
        at: &Endpoint,
        known: &KnownDatabases,
    ) -> Result<Standing, Stop> {
        match self {
            Self::Copy(look) => known.judge_anew(environment, at, look).await,
            Self::Demo(demo) => {
                let standing = demo.judge(&at.user, None).await?;
                demo.inspect(&ends::demo_tables()).await?;
                Ok(standing)
            }
        }
    }

    async fn enrol(&self, settings: &Settings, at: &Endpoint) -> Result<Identity, Stop> {
        match self {
            Self::Copy(look) => enrol(settings, look).await,
            Self::Demo(demo) => {
                Ok(demo.enrol(&ends::demo_tables(), &at.user, &random_key()?, VERSION).await?)
            }
        }
    }
}

async fn enroll(args: &EnrollArgs, app: &App, settings: &Settings, journal: &mut Journal) -> Ended {
    let environment = settings.environment;
    let (source_at, at) = if environment == Environment::Demo {
        (None, settings.target()?)
    } else {
        let (source, target) = settings.both()?;
        identity::distinct(&source, &target)?;
        (Some(source), target)
    };
    journal.target(&at);
    banner::environment(settings);
    let candidate = Candidate::connect(settings, &at).await?;
    let facts = candidate.facts();
    banner::target(facts);
    journal.found(facts);
    let mut known = KnownDatabases::read(&settings.state_dir)?;
    let actual = facts.identity(environment, settings.site.as_ref());
    let standing = candidate.judge(environment, &at, &known).await.map_err(foreign)?;
    let replaces = known.find(environment, settings.site.as_ref(), &at).is_some_and(|old| old != actual);
    let new_source = match (&candidate, source_at) {
        (Candidate::Copy(look), Some(source_at)) if standing != Standing::New => {
            other_source(look, &source_at, settings).await?.map(|server| (server, Action::NewSource))
        }
        (Candidate::Copy(look), Some(source_at)) => {
            alike_source(look, &source_at, settings).await?.map(|server| (server, Action::AlikeSource))
        }
        _ => None,
    };
    if standing != Standing::New && !replaces && new_source.is_none() {
        known.remember(&settings.state_dir, &at, &actual)?;
        app.printer.data(&format!("database {} is enrolled as {} already", facts.database, settings.place()));
        return Ok(told(Report::new(), &actual, false));
    }
    let mut actions = vec![Action::Enroll];
    actions.extend(new_source.as_ref().map(|(_, action)| *action));
    if replaces {
        Printer::note("  another database was known in this place before; it will be forgotten");
        actions.push(Action::Replace);
    }
    consent::obtain(settings, &actions, &facts.database, args.confirm.as_deref()).await?;
    journal.intend()?;
    let identity = candidate.enrol(settings, &at).await?;
    known.remember(&settings.state_dir, &at, &identity)?;
    if let (Candidate::Copy(look), Some((server, _))) = (&candidate, new_source) {
        look.accept_source(&identity, &server).await?;
        app.printer.data("the next run copies from the server that answers now, as it is now");
    }
    app.printer.data(&format!("database {} is enrolled as {}", identity.database, settings.place()));
    Ok(told(Report::new(), &identity, true))
}

/// The server that answers as the source, if the copy was made from another one, or from a newer state of it. A copy that
/// was never made knows none.
async fn other_source(
    look: &Analytics,
    at: &Endpoint,
    settings: &Settings,
) -> Result<Option<SourceServer>, Stop> {
    let Some(known) = look.source_server().await? else { return Ok(None) };
    let mut source = ends::open_source(at, settings, Haste::KIND).await?;
    let found = source.facts().server.clone();
    banner::source(source.facts());
    let discovered = source.discover().await?;
    source.close().await;
    if let Err(refusal) = known.compare(&found) {
        Printer::note(&format!("  the copy was made from another source: {}", refusal.trouble().why));
        return Ok(Some(found));
    }
    match numbers::compare(&look.next_numbers().await?, &discovered.next_numbers()) {
        Ok(()) => Ok(None),
        Err(refusal) => {
            Printer::note(&format!(
                "  the copy was made from a newer state of the source: {}",
                refusal.trouble().why
            ));
            Ok(Some(found))
        }
    }
}

/// The server that answers as the source of a site that was never copied, if that of another site calls itself the same.
async fn alike_source(
    look: &Analytics,
    at: &Endpoint,
    settings: &Settings,
) -> Result<Option<SourceServer>, Stop> {
    if settings.site.is_none() {
        return Ok(None);
    }
    let others = look.sources_of_other_sites().await?;
    if others.is_empty() {
        return Ok(None);
    }
    let source = ends::open_source(at, settings, Haste::KIND).await?;
    let found = source.facts().server.clone();
    banner::source(source.facts());
    source.close().await;
    Ok(unshared(&found, &others).err().map(|refusal| {
        Printer::note(&format!("  {}", refusal.trouble().why));
        found
    }))
}

/// Writes the identity row if there is none, and remembers the database.
pub(crate) async fn make_known(
    settings: &Settings,
    look: &Analytics,
    at: &Endpoint,
    known: &mut KnownDatabases,
) -> Result<Identity, Stop> {
    let identity = enrol(settings, look).await?;
    known.remember(&settings.state_dir, at, &identity)?;
    Ok(identity)
}

async fn enrol(settings: &Settings, look: &Analytics) -> Result<Identity, Stop> {
    let policy = settings.config.type_policy.name();
    Ok(look.enrol(settings.environment, random_key()?, policy, VERSION).await?)
}

fn random_key() -> Result<FingerprintKey, Stop> {
    let mut key = [0_u8; 16];
    SystemRandom::new().fill(&mut key).map_err(|_| Stop::from(fault("the system gave no random bytes")))?;
    Ok(FingerprintKey::new(key))
}

/// Running this very command again would not help.
fn foreign(stop: Stop) -> Stop {
    Stop(Box::new(stop.0.map_troubles(|mut trouble| {
        if trouble.code.starts_with("identity::") {
            "it is a copy of another database, or belongs to another environment; look at it first. If it is meant all \
             the same, an administrator drops schema bicuspid in it, or another environment is to give it up"
                .clone_into(&mut trouble.hint);
        }
        trouble
    })))
}

fn told(report: Report, identity: &Identity, written: bool) -> Report {
    report.with("written", written).with(
        "identity",
        json!({
            "environment": identity.environment.name(),
            "database": identity.database,
            "system_identifier": identity.system_identifier.to_string(),
            "oid": identity.oid,
            "site": identity.site.as_ref().map(SiteName::as_str),
        }),
    )
}

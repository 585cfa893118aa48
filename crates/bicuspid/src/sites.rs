//! Several practices at a time: which ones, each wholly by itself, and what comes of all of them.
//!
//! **Invariant:** nothing of one site reaches another. Each has its own settings, sessions, schemas, lock, journal and
//! staging; what they share is this process and its memory, which is divided among those that run at a time. A site that
//! fails, is refused or panics ends alone.

mod source;
mod told;

use std::collections::{BTreeMap, VecDeque};

use bicuspid_guard::consent::{Action, AskedSite, NoConsent, question_for_sites};
use bicuspid_guard::identity::Standing;
use bicuspid_guard::{Consent, Refusal};
use bicuspid_model::{Class, Environment, Side, SiteName, Trouble};
use bicuspid_target::Analytics;
use clap::Args;
use tokio::task::JoinSet;

use crate::App;
use crate::cli::OneOrAll;
use crate::known::KnownDatabases;
use crate::printer::for_site;
use crate::report::{Ended, Outcome, Stop};
use crate::settings::{Config, Settings, nearest};
use crate::{consent, interrupt, panics};

pub(crate) use source::Claims;
pub(crate) use told::{SiteEnd, combined, show};

/// The word for every site.
const EVERY: &str = bicuspid_model::site::EVERY_SITE;

/// Which sites are meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SiteArg {
    /// These sites of bicuspid.toml, separated by commas, or `all` of them; each has its own schemas
    #[arg(long, alias = "sites", value_name = "A,B", value_delimiter = ',', value_parser = crate::commands::ends::list)]
    pub(crate) site: Option<Vec<String>>,
}

/// How many at a time.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ParallelArg {
    /// So many sites at a time; they share the memory for rows on their way
    #[arg(long, value_name = "N", default_value_t = 1, requires = "site",
          value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) parallel: u8,
}

/// A site that was chosen, and its settings as far as they could be read.
pub(crate) struct Member {
    pub(crate) site: SiteName,
    pub(crate) settings: Result<Settings, Stop>,
}

/// A name for an answer that was given for several sites at once.
pub(crate) type Answers = BTreeMap<SiteName, String>;

impl SiteArg {
    /// Whether sites are meant at all.
    pub(crate) const fn is_given(&self) -> bool {
        self.site.is_some()
    }

    /// The sites that are meant, in the order in which they were named, each with its settings. What is wrong with one is
    /// its own affair; what is wrong with the list is everybody's.
    pub(crate) fn members(&self, environment: Environment, app: &App) -> Result<Vec<Member>, Stop> {
        if app.globals.env_file.is_some() {
            return Err(two_files().into());
        }
        if environment == Environment::Demo {
            return Err(not_of_all().into());
        }
        let config = Config::read(app.globals.config.as_deref())?;
        let chosen = chosen(self.site.as_deref().unwrap_or_default(), &config)?;
        let member = |site: SiteName| {
            let of = config.sites.get(&site).ok_or_else(|| Stop::from(unknown(site.as_str(), &config)));
            let settings = of
                .and_then(|of| Ok(Settings::load_site(environment, &app.globals, &app.process, &site, of)?));
            Member { site, settings }
        };
        let mut members: Vec<Member> = chosen.into_iter().map(member).collect();
        source::refuse_shared(&mut members);
        Ok(members)
    }

    /// The same for commands that may be about all environments, which sites are not.
    pub(crate) fn members_of(&self, env: OneOrAll, app: &App) -> Result<(Environment, Vec<Member>), Stop> {
        let [environment] = env.environments() else { return Err(not_of_all().into()) };
        Ok((*environment, self.members(*environment, app)?))
    }

    /// The one site that is meant, for commands that show one.
    pub(crate) fn one(&self, environment: Environment, app: &App) -> Result<Settings, Stop> {
        let members = self.members(environment, app)?;
        let [member] = <[Member; 1]>::try_from(members).map_err(|_| Stop::from(not_one()))?;
        member.settings
    }
}

/// The names of the sites that are meant.
fn chosen(named: &[String], config: &Config) -> Result<Vec<SiteName>, Stop> {
    if config.sites.is_empty() {
        return Err(none_listed().into());
    }
    if named.iter().any(|name| name == EVERY) {
        return match named {
            [_] => Ok(config.sites.keys().cloned().collect()),
            _ => Err(all_and_more().into()),
        };
    }
    let mut sites: Vec<SiteName> = Vec::new();
    for name in named {
        let site = config.sites.keys().find(|site| site.as_str() == name);
        let site = site.ok_or_else(|| Stop::from(unknown(name, config)))?;
        if sites.contains(site) {
            return Err(twice(site).into());
        }
        sites.push(site.clone());
    }
    Ok(sites)
}

/// Lets so many sites work at a time, each on a task of its own, and gathers how each ended, in the order in which they
/// were chosen. Ctrl-C ends those that work; what they did not commit is rolled back, and the others are not begun.
pub(crate) async fn each<W>(
    members: Vec<Member>,
    at_a_time: u8,
    work: impl Fn(SiteName, Settings) -> W,
) -> Vec<SiteEnd>
where
    W: Future<Output = Ended> + Send + 'static,
{
    let order: Vec<SiteName> = members.iter().map(|member| member.site.clone()).collect();
    let runs_beside = usize::from(at_a_time).min(members.len());
    let mut ended: BTreeMap<SiteName, SiteEnd> = BTreeMap::new();
    let mut waiting = VecDeque::new();
    for Member { site, settings } in members {
        match settings {
            Ok(mut settings) => {
                settings.runs_beside = runs_beside;
                waiting.push_back((site, settings));
            }
            Err(stop) => drop(ended.insert(site.clone(), SiteEnd::of(site, Err(stop)))),
        }
    }
    let mut working = JoinSet::new();
    let mut stop = std::pin::pin!(interrupt::interrupted());
    let mut is_stopped = false;
    loop {
        while working.len() < runs_beside
            && !is_stopped
            && let Some((site, settings)) = waiting.pop_front()
        {
            let task = panics::contained(work(site.clone(), settings));
            working.spawn(for_site(site.clone(), async move { SiteEnd::of(site, task.await) }));
        }
        if working.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            // A task that was ended says nothing of itself; it is told below.
            Some(joined) = working.join_next() => {
                ended.extend(joined.ok().map(|one| (one.site.clone(), one)));
            }
            () = &mut stop, if !is_stopped => {
                is_stopped = true;
                working.abort_all();
            }
        }
    }
    let of = |site: SiteName| {
        let told = ended.remove(&site);
        told.unwrap_or_else(|| SiteEnd::of(site, Err(interrupt::trouble().into())))
    };
    order.into_iter().map(of).collect()
}

/// Lets the sites work one after the other, each told as the one it is.
pub(crate) async fn in_turn<W>(members: Vec<Member>, work: impl Fn(Settings) -> W) -> Vec<SiteEnd>
where
    W: Future<Output = Ended>,
{
    let mut ended = Vec::new();
    for Member { site, settings } in members {
        let told = match settings {
            Ok(settings) => for_site(site.clone(), panics::contained(work(settings))).await,
            Err(stop) => Err(stop),
        };
        ended.push(SiteEnd::of(site, told));
    }
    ended
}

/// Asks once for all sites that need an answer, where a person can be asked. What each site is then told as its consent
/// is the name of the database that the person saw; one that could not be looked at now has no answer, and is refused
/// should it come back.
pub(crate) async fn ask(
    members: &[Member],
    environment: Environment,
    actions: impl Fn(&Settings, Standing) -> Vec<Action>,
) -> Result<Answers, Stop> {
    if !consent::has_terminal() {
        return Ok(Answers::new());
    }
    tokio::select! {
        biased;
        answers = asked(members, environment, actions) => answers,
        () = interrupt::interrupted() => Err(interrupt::trouble().into()),
    }
}

async fn asked(
    members: &[Member],
    environment: Environment,
    actions: impl Fn(&Settings, Standing) -> Vec<Action>,
) -> Result<Answers, Stop> {
    let mut asked = Vec::new();
    let mut silent = Vec::new();
    for member in members {
        let Ok(settings) = &member.settings else { continue };
        let Ok((_, at)) = settings.both() else { continue };
        if silent.contains(&at.host) {
            continue;
        }
        // A trouble is told by the run itself. A server that does not answer is not waited for once more.
        let (database, standing) = match looked_at(settings).await {
            Ok(found) => found,
            Err(Stop(stopped)) => {
                if stopped.outcome() == Outcome::Failed {
                    silent.push(at.host);
                }
                continue;
            }
        };
        asked.push(AskedSite {
            site: member.site.clone(),
            database,
            actions: actions(settings, standing),
            stage: settings.stage,
        });
    }
    let answered: Answers = asked.iter().map(|one| (one.site.clone(), one.database.clone())).collect();
    let Some(question) = question_for_sites(environment, &asked) else { return Ok(answered) };
    let line = consent::typed(question.text()).await;
    match line
        .map_or(Consent::Refused(Refusal::Consent(NoConsent::Unattended)), |line| question.answer(&line))
    {
        Consent::Refused(refusal) => Err(refusal.into()),
        _ => Ok(answered),
    }
}

/// The database that a site's target reports, and how well it is known.
async fn looked_at(settings: &Settings) -> Result<(String, Standing), Stop> {
    let (_, at) = settings.both()?;
    let look = Analytics::connect_to_read(&at, &settings.schemas()).await?;
    let standing = KnownDatabases::read(&settings.state_dir)?.judge(settings.environment, &at, &look).await?;
    Ok((look.facts().database.clone(), standing))
}

fn usage(code: &str, what: String, why: impl Into<String>, hint: impl Into<String>) -> Trouble {
    Trouble {
        code: code.to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what,
        why: why.into(),
        state: "no server was asked for anything".to_owned(),
        hint: hint.into(),
    }
}

fn none_listed() -> Trouble {
    usage(
        "sites::none",
        "there are no sites".to_owned(),
        "bicuspid.toml lists none",
        "write [sites.NAME] with env_file = \"...\" into it for each practice, or leave out --site",
    )
}

fn unknown(name: &str, config: &Config) -> Trouble {
    let names: Vec<&str> = config.sites.keys().map(SiteName::as_str).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.len() <= 10 => format!("there are: {}", names.join(", ")),
        None => format!("there are {}, the first of which is {}", names.len(), names.first().unwrap_or(&"")),
    };
    // A name that is none may be anything, even a password that slipped.
    let shown = SiteName::new(name).map_or_else(|_| "a name".to_owned(), |site| format!("`{site}`"));
    usage(
        "sites::unknown",
        format!("{shown} of --site is not a site"),
        "bicuspid.toml does not list it",
        hint,
    )
}

fn twice(site: &SiteName) -> Trouble {
    usage(
        "sites::twice",
        format!("--site names {site} twice"),
        "a site is done once in a run",
        "name it once",
    )
}

fn all_and_more() -> Trouble {
    usage(
        "sites::twice",
        "--site names `all` and more".to_owned(),
        "`all` has every site in it",
        "write one of the two",
    )
}

fn not_one() -> Trouble {
    usage(
        "sites::one",
        "--site names more than one".to_owned(),
        "this command is about one site",
        "name one of them",
    )
}

fn two_files() -> Trouble {
    usage(
        "usage::conflict",
        "--env-file does not go with --site".to_owned(),
        "each site has the environment file that bicuspid.toml names",
        "leave out one of the two",
    )
}

/// A site belongs to one environment, and not to the demo.
pub(crate) fn not_of_all() -> Trouble {
    usage(
        "usage::conflict",
        "--site does not go with this --env".to_owned(),
        "sites are practices of one environment that are copied; the demo has no source",
        "give --env clinic or --env test",
    )
}

#[cfg(test)]
mod tests;

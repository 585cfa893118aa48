//! `bicuspid check`: are both sides safe to use? Each connection is tested by itself; nothing is written anywhere.

use bicuspid_guard::identity::{self, Standing};
use bicuspid_guard::{NextNumbers, SourceServer, numbers};
use bicuspid_model::{Class, Endpoint, Environment, Side, Trouble};
use bicuspid_source::{Source, SourceError};
use bicuspid_target::{Analytics, Demo, ServerFacts, TargetError};
use serde::Serialize;

use super::ends;
use crate::App;
use crate::banner;
use crate::cli::{Haste, OneOrAll};
use crate::known::KnownDatabases;
use crate::printer::{Printer, counted, plain};
use crate::report::{Ended, Report, Stop};
use crate::settings::Settings;
use crate::sites::{self, SiteArg};

/// Test each connection by itself: reachability, TLS, privileges, read-only proof, identity; reads only
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Environment, or all three
    #[arg(long)]
    pub(crate) env: OneOrAll,
    #[command(flatten)]
    pub(crate) site: SiteArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Refused,
    Unreachable,
}

/// The name of the check of an environment that is not set up.
const LEFT_OUT: &str = "settings";

/// Fewest free sessions of a source at which nothing is said.
const SOURCE_FREE_MIN: u64 = 10;
/// The same of a target, where no front desk is at work.
const TARGET_FREE_MIN: u64 = 5;

/// What a source says of itself and of its tables' numbers.
struct Origin {
    server: SourceServer,
    numbers: NextNumbers,
}

/// One thing that was looked at, in the names of the interface contract.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    env: &'static str,
    pub(super) name: &'static str,
    pub(super) side: &'static str,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    pub(super) remedy: String,
}

/// How much is asked of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Everything; rows travel to measure the link.
    Link,
    /// Grants, session and catalog.
    Catalog,
}

/// Looks at an environment without printing: what was looked at, and what stood in the way.
pub(super) async fn look(settings: &Settings) -> (Vec<Check>, Vec<Trouble>) {
    let mut found = Found {
        printer: Printer::silent(),
        several: false,
        depth: Depth::Catalog,
        environment: settings.environment,
        checks: Vec::new(),
        report: Report::new(),
    };
    let stopped = match found.environment(settings).await {
        Ok(()) => Vec::new(),
        // What a check refused is among the checks.
        Err(Stop(stopped)) => stopped.troubles().to_vec(),
    };
    (found.checks, stopped)
}

pub(crate) async fn run(args: &CheckArgs, app: &App) -> Ended {
    if args.site.is_given() {
        let (_, members) = args.site.members_of(args.env, app)?;
        let ended = sites::in_turn(members, |settings| of_site(settings, app.printer)).await;
        return Ok(sites::combined(ended));
    }
    let mut found = Found {
        printer: app.printer,
        several: args.env == OneOrAll::All,
        depth: Depth::Link,
        environment: Environment::Clinic,
        checks: Vec::new(),
        report: Report::new(),
    };
    for (environment, loaded) in ends::environments(args.env, app, "nothing was looked at")? {
        found.environment = environment;
        let settings = match loaded {
            Ok(settings) => settings,
            Err(error) => {
                found.report.add(error.trouble());
                continue;
            }
        };
        if args.env == OneOrAll::All && settings.is_empty() {
            Printer::note(&format!("Environment {environment} is not set up here; it was left out"));
            found.left_out();
            continue;
        }
        banner::environment(&settings);
        if let Err(Stop(stopped)) = found.environment(&settings).await {
            for trouble in stopped.troubles() {
                found.report.add(trouble.clone());
            }
        }
    }
    let Found { checks, report, .. } = found;
    if let Some(conclusion) = conclusion(&checks, report.troubles().len()) {
        app.printer.data(&conclusion);
    }
    Ok(report.with("checks", checks))
}

/// Looks at one site of several.
async fn of_site(settings: Settings, printer: Printer) -> Ended {
    let mut found = Found {
        printer,
        several: false,
        depth: Depth::Link,
        environment: settings.environment,
        checks: Vec::new(),
        report: Report::new(),
    };
    printer.data(&format!("{}:", settings.place()));
    banner::environment(&settings);
    if let Err(Stop(stopped)) = Box::pin(found.environment(&settings)).await {
        for trouble in stopped.troubles() {
            found.report.add(trouble.clone());
        }
    }
    let Found { checks, report, .. } = found;
    if let Some(conclusion) = conclusion(&checks, report.troubles().len()) {
        printer.data(&conclusion);
    }
    Ok(report.with("checks", checks))
}

/// What all of it comes to, in a sentence for somebody who reads no other. `troubles` are all that were met, also where
/// there was nothing to look at. What is not set up was not looked at either: it says nothing about safety.
fn conclusion(checks: &[Check], troubles: usize) -> Option<String> {
    let checks: Vec<&Check> = checks.iter().filter(|check| check.name != LEFT_OUT).collect();
    let count = |verdict: Verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let few = |count: usize, one: &str| counted(u64::try_from(count).unwrap_or(u64::MAX), one);
    let (refused, warned) = (count(Verdict::Refused), count(Verdict::Warn));
    Some(if checks.is_empty() {
        return None;
    } else if refused > 0 {
        format!(
            "NOT SAFE: {} refused; Bicuspid copies nothing until it is mended. This check changed nothing.",
            if refused == 1 { "1 check was".to_owned() } else { format!("{refused} checks were") }
        )
    } else if troubles > 0 {
        "NOT READY: not everything could be looked at; what can be done is said below. This check changed nothing."
            .to_owned()
    } else if warned > 0 {
        format!(
            "SAFE, with {}: read what is marked warn. This check changed nothing.",
            few(warned, "warning")
        )
    } else {
        format!("SAFE: {} passed. This check changed nothing.", few(checks.len(), "check"))
    })
}

/// What is told of the session's own mode. `None` is a server too old to know such sessions, whose privileges must do.
const fn read_only(session: Option<bool>, account_is_safe: bool) -> (Verdict, &'static str, &'static str) {
    match (session, account_is_safe) {
        (Some(true), _) => (
            Verdict::Ok,
            "the session itself refuses to write, whatever the account may do (set, read back, still set)",
            "",
        ),
        (Some(false), _) => (
            Verdict::Refused,
            "the server did not keep the session read-only",
            "connect to the server itself, not through a proxy that shares its sessions",
        ),
        (None, true) => (
            Verdict::Warn,
            "the server is too old for sessions that refuse to write; the account's privileges, which were found clean, \
             protect it alone",
            "update the server when the clinic can",
        ),
        (None, false) => (
            Verdict::Refused,
            "the server is too old for sessions that refuse to write, and the account's privileges do not protect it",
            "mend the account, or update the server",
        ),
    }
}

/// What is told of the sessions of a source. A clinic's front desk needs some that are free.
fn source_headroom(headroom: Option<bicuspid_source::Headroom>) -> (Verdict, String, &'static str) {
    let Some(bicuspid_source::Headroom { used, most }) = headroom else {
        return (Verdict::Warn, "the server does not say how many sessions it can have".to_owned(), "");
    };
    let detail = format!("{used} of {most} sessions are in use");
    if most.saturating_sub(used) < SOURCE_FREE_MIN {
        (
            Verdict::Warn,
            detail,
            "copy while fewer people are at work, or let the administrator raise max_connections",
        )
    } else {
        (Verdict::Ok, detail, "")
    }
}

/// What is told of the sessions of a target.
fn target_headroom(headroom: bicuspid_target::Headroom) -> (Verdict, String, &'static str) {
    let mut detail = format!("{} of {} sessions are in use", headroom.used, headroom.most);
    if let Some(most) = headroom.most_of_account {
        detail = format!("{detail}, and {} of {most} sessions of the account", headroom.used_by_account);
    }
    if headroom.free() < TARGET_FREE_MIN {
        let remedy = "end sessions that nobody needs, or let the administrator raise max_connections or the account's \
                      CONNECTION LIMIT";
        (Verdict::Warn, detail, remedy)
    } else {
        (Verdict::Ok, detail, "")
    }
}

struct Found {
    printer: Printer,
    several: bool,
    depth: Depth,
    environment: Environment,
    checks: Vec<Check>,
    report: Report,
}

impl Found {
    async fn environment(&mut self, settings: &Settings) -> Result<(), Stop> {
        if settings.environment == Environment::Demo {
            let target = settings.target()?;
            return self.demo(settings, &target).await;
        }
        let (source, target) = settings.both()?;
        if let Err(refusal) = identity::distinct(&source, &target) {
            self.refuse("identity", Side::Target, refusal.trouble());
            return Ok(());
        }
        let server = self.source(settings, &source).await;
        self.target(settings, &target, server.as_ref()).await
    }

    /// What the source says of itself, if it could be asked.
    async fn source(&mut self, settings: &Settings, at: &Endpoint) -> Option<Origin> {
        let options = ends::source_options(settings, Haste::KIND);
        let facts = match Source::inspect(at, &options).await {
            Ok(facts) => facts,
            Err(error) => {
                let trouble = ends::in_environment(error.trouble(), settings);
                self.refuse("connection", Side::Source, trouble);
                return None;
            }
        };
        self.tell("connection", Side::Source, Verdict::Ok, banner::source_text(&facts), "");
        self.tls(Side::Source, facts.tls, &facts.cipher, at);
        let verdict = facts.judge(&at.database);
        if verdict.is_safe() {
            let detail = format!(
                "the account can read {} and do nothing else: nothing can be changed or deleted with it ({})",
                facts.database,
                counted(u64::try_from(facts.grants.len()).unwrap_or(u64::MAX), "grant")
            );
            self.tell("privileges", Side::Source, Verdict::Ok, detail, "");
        } else {
            self.refuse("privileges", Side::Source, ends::in_environment(verdict.trouble(), settings));
        }
        let (told, detail, remedy) = read_only(facts.read_only, verdict.is_harmless());
        self.tell("read_only", Side::Source, told, detail.to_owned(), remedy);
        let zone = if facts.time_zone == "SYSTEM" {
            format!("the clinic's local time is that of the server's machine ({})", facts.system_time_zone)
        } else {
            format!("the clinic's local time is {}", facts.time_zone)
        };
        self.tell("time_zone", Side::Source, Verdict::Ok, zone, "");
        let mut origin = Origin { server: facts.server.clone(), numbers: NextNumbers::new() };
        if !verdict.is_safe() {
            return Some(origin);
        }
        let depth = self.depth;
        let discovered = async {
            let mut source = Source::connect(at, options).await?;
            let discovered = source.discover().await?;
            let headroom = source.headroom().await;
            let link = match depth {
                Depth::Link => Some(bicuspid_sync::measure_link(&mut source).await),
                Depth::Catalog => None,
            };
            source.close().await;
            Ok::<_, SourceError>((discovered, headroom, link))
        };
        match discovered.await {
            Ok((discovered, headroom, link)) => {
                match headroom {
                    Ok(headroom) => {
                        let (verdict, detail, remedy) = source_headroom(headroom);
                        self.tell("headroom", Side::Source, verdict, detail, remedy);
                    }
                    Err(error) => {
                        self.refuse(
                            "headroom",
                            Side::Source,
                            ends::in_environment(error.trouble(), settings),
                        );
                    }
                }
                match link {
                    None => {}
                    Some(Ok(link)) => self.tell("link", Side::Source, Verdict::Ok, link.text(), ""),
                    Some(Err(error)) => {
                        self.refuse("link", Side::Source, ends::in_environment(error.trouble(), settings));
                    }
                }
                origin.numbers = discovered.next_numbers();
                let tables = u64::try_from(discovered.tables.len()).unwrap_or(u64::MAX);
                let rows: u64 = discovered.tables.iter().map(|table| table.rows_estimate).sum();
                let skipped = u64::try_from(discovered.skipped.len()).unwrap_or(u64::MAX);
                let mut detail = format!("{} with about {}", counted(tables, "table"), counted(rows, "row"));
                if skipped > 0 {
                    detail = format!("{detail}; {} of other kinds", counted(skipped, "object"));
                }
                let (verdict, remedy) =
                    if tables > 0 { (Verdict::Ok, "") } else { (Verdict::Warn, "check the database's name") };
                self.tell("tables", Side::Source, verdict, detail, remedy);
            }
            Err(error) => {
                self.refuse("tables", Side::Source, ends::in_environment(error.trouble(), settings));
            }
        }
        Some(origin)
    }

    async fn target(
        &mut self,
        settings: &Settings,
        at: &Endpoint,
        server: Option<&Origin>,
    ) -> Result<(), Stop> {
        let look = match Analytics::connect_to_read(at, &settings.schemas()).await {
            Ok(look) => look,
            Err(error) => {
                self.refuse("connection", Side::Target, ends::in_environment(error.trouble(), settings));
                return Ok(());
            }
        };
        let known = KnownDatabases::read(&settings.state_dir)?;
        let standing = known.judge(settings.environment, at, &look).await;
        let is_ours = matches!(standing, Ok(Standing::Known | Standing::NewHere));
        // A database that was never enrolled holds no tables of ours yet; whether it can hold them as asked shows already.
        let is_looked_at = is_ours || (standing.is_ok() && look.schemas().is_distributed());
        let is_fit = standing.is_ok();
        self.database(settings, at, look.facts(), standing);
        if is_fit {
            match look.headroom().await {
                Ok(headroom) => {
                    let (verdict, detail, remedy) = target_headroom(headroom);
                    self.tell("headroom", Side::Target, verdict, detail, remedy);
                }
                Err(error) => {
                    let trouble = ends::in_environment(error.trouble(), settings);
                    self.refuse("headroom", Side::Target, trouble);
                }
            }
        }
        if is_ours {
            self.origin(settings, &look, server).await;
        }
        if is_looked_at {
            self.surroundings(settings, &look).await;
        }
        Ok(())
    }

    /// Tells whether the source is the one that the copy was made from, and no older.
    async fn origin(&mut self, settings: &Settings, look: &Analytics, origin: Option<&Origin>) {
        let known = async { Ok((look.source_server().await?, look.next_numbers().await?)) };
        let (known, known_numbers) = match known.await {
            Ok(known) => known,
            Err(error) => {
                let trouble = ends::in_environment(TargetError::trouble(&error), settings);
                return self.refuse("server", Side::Target, trouble);
            }
        };
        match (known, origin) {
            (Some(known), Some(origin)) => match known
                .compare(&origin.server)
                .and_then(|()| numbers::compare(&known_numbers, &origin.numbers))
            {
                Ok(()) => {
                    let detail = "it is the server that the copy was made from".to_owned();
                    self.tell("server", Side::Source, Verdict::Ok, detail, "");
                }
                Err(refusal) => {
                    let trouble = ends::in_environment(refusal.trouble(), settings);
                    self.refuse("server", Side::Source, trouble);
                }
            },
            (None, _) => {
                let detail =
                    "nothing was copied yet; the first run remembers which server it read".to_owned();
                self.tell("server", Side::Source, Verdict::Ok, detail, "");
            }
            // That it did not answer was told.
            (Some(_), None) => {}
        }
    }

    async fn demo(&mut self, settings: &Settings, at: &Endpoint) -> Result<(), Stop> {
        let demo = match Demo::connect_to_read(&ends::demo_endpoint(at)).await {
            Ok(demo) => demo,
            Err(error) => {
                self.refuse("connection", Side::Demo, ends::in_environment(error.trouble(), settings));
                return Ok(());
            }
        };
        let known = KnownDatabases::read(&settings.state_dir)?.find(Environment::Demo, None, at);
        let standing = demo.judge(&at.user, known.as_ref()).await.map_err(Stop::from);
        self.database(settings, at, demo.facts(), standing);
        match demo.inspect(&ends::demo_tables()).await {
            Ok(state) => {
                let detail = match &state.generation {
                    Some(generation) => format!(
                        "{} of a practice of {}, generated",
                        counted(state.rows(), "row"),
                        counted(u64::from(generation.patients), "patient")
                    ),
                    None => "nothing was generated yet, and nothing else is in it".to_owned(),
                };
                self.tell("contents", Side::Demo, Verdict::Ok, detail, "");
            }
            Err(error) => {
                self.refuse("contents", Side::Demo, ends::in_environment(error.trouble(), settings));
            }
        }
        Ok(())
    }

    /// Tells of what hangs on the tables of the copy.
    async fn surroundings(&mut self, settings: &Settings, look: &Analytics) {
        let looked = async {
            look.inspect().await?;
            look.publications().await
        };
        match looked.await {
            Ok(publications) if publications.is_empty() => {
                let detail = "nothing hangs on the tables that could take rows elsewhere".to_owned();
                self.tell("objects", Side::Target, Verdict::Ok, detail, "");
            }
            Ok(publications) => {
                let detail =
                    format!("rows may be sent to other servers: publication {}", publications.join(", "));
                let remedy = "make sure that whoever subscribes may see patient data";
                self.tell("objects", Side::Target, Verdict::Warn, detail, remedy);
            }
            Err(error) => {
                let trouble = ends::in_environment(error.trouble(), settings);
                self.refuse("objects", Side::Target, trouble);
            }
        }
    }

    /// Tells of a PostgreSQL database: the connection, its protection, the account, and whether it is known.
    fn database(
        &mut self,
        settings: &Settings,
        at: &Endpoint,
        facts: &ServerFacts,
        standing: Result<Standing, Stop>,
    ) {
        let environment = settings.environment;
        let side = if environment == Environment::Demo { Side::Demo } else { Side::Target };
        self.tell("connection", side, Verdict::Ok, banner::target_text(facts), "");
        self.tls(side, facts.tls, "", at);
        let is_new = matches!(standing, Ok(Standing::New));
        if facts.superuser {
            let detail = "the account is a superuser: no right of the server holds it back".to_owned();
            let remedy = format!("`bicuspid grants --env {environment}` prints a lesser one");
            self.tell("privileges", side, Verdict::Warn, detail, &remedy);
        } else if !facts.powers.is_empty() {
            let detail = format!("the account may do what no copy needs: {}", facts.powers.join(", "));
            let remedy = format!("`bicuspid grants --env {environment}` prints a lesser one");
            self.tell("privileges", side, Verdict::Warn, detail, &remedy);
        } else if is_new && !facts.may_create {
            let detail =
                "the account may not create schemas in the database, and it was never enrolled".to_owned();
            let remedy = format!("`bicuspid grants --env {environment}` prints what it needs");
            self.tell("privileges", side, Verdict::Warn, detail, &remedy);
        } else {
            self.tell(
                "privileges",
                side,
                Verdict::Ok,
                "the account is nobody's administrator".to_owned(),
                "",
            );
        }
        let detail = match standing {
            Ok(Standing::Known) => "the database is the one that was enrolled from this machine",
            Ok(Standing::NewHere) => "the database is enrolled; this machine meets it for the first time",
            Ok(Standing::New) => "the database was never enrolled; the first write will offer to",
            Err(Stop(stopped)) => {
                for trouble in stopped.troubles() {
                    self.refuse("identity", side, ends::in_environment(trouble.clone(), settings));
                }
                return;
            }
        };
        self.tell("identity", side, Verdict::Ok, detail.to_owned(), "");
    }

    fn tls(&mut self, side: Side, encrypted: bool, cipher: &str, at: &Endpoint) {
        let (verdict, detail, remedy) = if encrypted {
            let cipher = if cipher.is_empty() { String::new() } else { format!(" ({cipher})") };
            let detail = format!("encrypted{cipher}; the server's certificate and name were verified");
            (Verdict::Ok, detail, "")
        } else if at.host.is_local() {
            (Verdict::Ok, "plain text, which does not leave this machine".to_owned(), "")
        } else {
            let detail = "PLAIN TEXT over the network: passwords and patient data can be read on the way";
            (Verdict::Warn, detail.to_owned(), "set TLS to `require` or `ca:FILE`")
        };
        self.tell("tls", side, verdict, detail, remedy);
    }

    fn left_out(&mut self) {
        let side = if self.environment == Environment::Demo { Side::Demo } else { Side::Target };
        let remedy = format!("`bicuspid init --env {}` writes a template", self.environment);
        self.push(LEFT_OUT, side, Verdict::Warn, "not set up here; left out".to_owned(), &remedy);
    }

    /// Notes a thing that was looked at, and prints it.
    fn tell(&mut self, name: &'static str, side: Side, verdict: Verdict, detail: String, remedy: &str) {
        let word = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Refused => "REFUSED",
            Verdict::Unreachable => "UNREACHABLE",
        };
        let printer = self.printer;
        printer.data(&self.line(word, name, side, &detail));
        if !remedy.is_empty() && verdict == Verdict::Warn {
            printer.data(&format!("{:<32}{}", "", plain(remedy)));
        }
        if verdict == Verdict::Refused {
            self.report.add(Trouble {
                code: format!("check::{name}"),
                side,
                class: Class::Refused,
                what: detail.clone(),
                why: String::new(),
                state: "nothing was read or written".to_owned(),
                hint: remedy.to_owned(),
            });
        }
        self.push(name, side, verdict, detail, remedy);
    }

    /// Notes a trouble as a verdict, and keeps it for the end.
    fn refuse(&mut self, name: &'static str, side: Side, trouble: Trouble) {
        let (verdict, word) = match trouble.class {
            Class::Refused => (Verdict::Refused, "REFUSED"),
            _ => (Verdict::Unreachable, "UNREACHABLE"),
        };
        let detail = if trouble.why.is_empty() {
            trouble.what.clone()
        } else {
            format!("{}: {}", trouble.what, trouble.why)
        };
        self.printer.data(&self.line(word, name, side, &detail));
        self.push(name, side, verdict, detail, &trouble.hint);
        self.report.add(trouble);
    }

    /// A thing that was looked at, in one line; with its environment where several are looked at.
    fn line(&self, word: &str, name: &str, side: Side, detail: &str) -> String {
        let environment =
            if self.several { format!("{:<8}", self.environment.name()) } else { String::new() };
        format!("{environment}{word:<12}{:<7} {name:<11} {}", side.name(), plain(detail))
    }

    fn push(&mut self, name: &'static str, side: Side, verdict: Verdict, detail: String, remedy: &str) {
        let env = self.environment.name();
        self.checks.push(Check { env, name, side: side.name(), verdict, detail, remedy: remedy.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conclusion_is_that_of_the_gravest_check() {
        use Verdict::{Ok, Refused, Unreachable, Warn};
        let told = |verdicts: &[Verdict], troubles: usize| {
            let check = |verdict: &Verdict| Check {
                env: "clinic",
                name: "privileges",
                side: "source",
                verdict: *verdict,
                detail: String::new(),
                remedy: String::new(),
            };
            let text = conclusion(&verdicts.iter().map(check).collect::<Vec<_>>(), troubles);
            text.map(|text| text.split([',', ':']).next().unwrap().to_owned())
        };
        assert_eq!(told(&[], 1), None);
        assert_eq!(told(&[Ok, Ok], 0).as_deref(), Some("SAFE"));
        assert_eq!(told(&[Ok, Warn], 0).as_deref(), Some("SAFE"));
        assert_eq!(told(&[Ok, Unreachable], 1).as_deref(), Some("NOT READY"));
        assert_eq!(told(&[Ok], 1).as_deref(), Some("NOT READY"), "an end that could not even be named");
        assert_eq!(told(&[Unreachable, Refused, Warn], 2).as_deref(), Some("NOT SAFE"));
    }

    #[test]
    fn an_environment_that_is_left_out_is_no_warning_about_safety() {
        let check = |env, name, verdict| Check {
            env,
            name,
            side: "target",
            verdict,
            detail: String::new(),
            remedy: String::new(),
        };
        let left_out = check("test", LEFT_OUT, Verdict::Warn);
        let looked_at = check("clinic", "tls", Verdict::Ok);
        let text = conclusion(&[left_out, looked_at], 0);
        assert_eq!(text.as_deref(), Some("SAFE: 1 check passed. This check changed nothing."));
        assert_eq!(conclusion(&[check("test", LEFT_OUT, Verdict::Warn)], 1), None, "nothing was looked at");
    }

    #[test]
    fn little_room_for_sessions_is_a_warning() {
        let of_source = |used| source_headroom(Some(bicuspid_source::Headroom { used, most: 151 }));
        assert_eq!(of_source(141), (Verdict::Ok, "141 of 151 sessions are in use".to_owned(), ""));
        assert_eq!((of_source(142).0, of_source(200).0), (Verdict::Warn, Verdict::Warn));
        assert_eq!(source_headroom(None).0, Verdict::Warn);
        let of_target = |used, most_of_account| {
            let headroom = bicuspid_target::Headroom { used, most: 97, used_by_account: 1, most_of_account };
            target_headroom(headroom)
        };
        assert_eq!(of_target(92, None), (Verdict::Ok, "92 of 97 sessions are in use".to_owned(), ""));
        assert_eq!(of_target(93, None).0, Verdict::Warn);
        let limited = of_target(3, Some(5));
        assert_eq!(limited.1, "3 of 97 sessions are in use, and 1 of 5 sessions of the account");
        assert_eq!((limited.0, of_target(3, Some(6)).0), (Verdict::Warn, Verdict::Ok));
    }

    #[test]
    fn an_old_server_is_read_only_by_its_account_or_not_at_all() {
        assert_eq!(read_only(None, true).0, Verdict::Warn);
        assert_eq!(read_only(None, false).0, Verdict::Refused);
        assert_eq!(read_only(Some(false), true).0, Verdict::Refused);
        assert_eq!(read_only(Some(true), true).0, Verdict::Ok);
    }
}

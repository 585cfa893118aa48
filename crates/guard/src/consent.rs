//! Whether a person must be asked, and whether the answer counts.
//!
//! Consent never replaces a check: it is decided after all of them have passed.

use std::fmt::Write as _;

use bicuspid_model::{Class, Environment, Side, SiteName, Trouble};

use crate::refusal::Refusal;

/// Whether real consequences are at stake. `clinic` is production unless its settings say otherwise in so many words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Real data.
    Production,
    /// `ENVIRONMENT=development` was written out.
    Development,
}

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An ordinary synchronisation.
    Sync,
    /// Every table read and compared anew because `--full` was given.
    FullReload,
    /// Rows removed from tables that lost more than their share.
    Shrink,
    /// An existing schema taken over.
    Adoption,
    /// Differences found by `verify` written to the target.
    Repair,
    /// The identity row written into a database.
    Enroll,
    /// Another database known in the place of the one that was known there.
    Replace,
    /// Another server trusted as the one that the copy is made from.
    NewSource,
    /// A server trusted as a site's own although that of another site calls itself the same.
    AlikeSource,
    /// The clinic's business hours disregarded.
    BusinessHours,
    /// Synthetic rows written into the demo database.
    Generate,
    /// The copy written into files.
    Export,
}

impl Action {
    /// What will happen, in words that continue "This will".
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Sync => "bring the copy up to date",
            Self::FullReload => "read every table anew and write all differences",
            Self::Shrink => "remove rows from tables that lost more than the allowed share",
            Self::Adoption => "take over the tables that are already there",
            Self::Repair => "write the differences that verify finds",
            Self::Enroll => "write the identity row into the database",
            Self::Replace => "forget the database that was known in this place, and trust this one instead",
            Self::NewSource => "go on with this copy from another source than the one it was made from",
            Self::AlikeSource => {
                "copy this site from a server that calls itself just as that of another site does"
            }
            Self::BusinessHours => {
                "read the clinic's server at the usual pace even while the clinic is at work"
            }
            Self::Generate => "write synthetic patients into the demo database",
            Self::Export => "write what is known of patients into files that are not encrypted",
        }
    }

    /// Whether it is asked about.
    const fn asks(self, environment: Environment, stage: Stage) -> bool {
        match self {
            Self::FullReload
            | Self::Shrink
            | Self::Adoption
            | Self::Replace
            | Self::NewSource
            | Self::AlikeSource
            | Self::Generate => true,
            Self::Sync | Self::Repair | Self::Enroll | Self::BusinessHours | Self::Export => {
                matches!((environment, stage), (Environment::Clinic, Stage::Production))
            }
        }
    }
}

/// Everything that the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The environment of the command.
    pub environment: Environment,
    /// Whether it is production; only `clinic` can be.
    pub stage: Stage,
    /// What is about to happen, all of it.
    pub actions: &'a [Action],
    /// Whether questions can be asked: standard input and standard error are a terminal, so that `yes |` is no
    /// answer.
    pub terminal: bool,
    /// The value of `--confirm`.
    pub confirm: Option<&'a str>,
    /// Whether `--yes` was given, which answers for the demo database alone.
    pub yes: bool,
    /// The name that the target's server reports.
    pub database: &'a str,
}

impl Request<'_> {
    /// The actions about which a person must be asked.
    fn asked(&self) -> Vec<Action> {
        let asks = |action: &Action| action.asks(self.environment, self.stage);
        self.actions.iter().copied().filter(asks).collect()
    }
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nobody needs to be asked.
    NotNeeded,
    /// A person must answer on the terminal.
    Ask(Question),
    /// The answer was given.
    Given,
    /// There is no answer, or it is no.
    Refused(Refusal),
}

/// A question for the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    text: String,
}

impl Question {
    /// The question, one line per effect, ending in `Continue? (yes/no) `.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Judges the line that was typed: `yes` in full is the only yes.
    #[must_use]
    pub fn answer(&self, line: &str) -> Consent {
        if line.trim() == "yes" {
            Consent::Given
        } else {
            Consent::Refused(Refusal::Consent(NoConsent::Declined))
        }
    }
}

/// Why there is no consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoConsent {
    /// No terminal, and no flag that answers.
    Unattended,
    /// `--confirm` names another database than the server reports.
    OtherDatabase,
    /// The person did not type `yes`.
    Declined,
}

impl NoConsent {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unattended => "consent::unattended",
            Self::OtherDatabase => "consent::other_database",
            Self::Declined => "consent::declined",
        }
    }

    /// The missing consent as it is told to a person.
    #[must_use]
    pub fn trouble(self) -> Trouble {
        let (why, hint) = match self {
            Self::Unattended => (
                "it needs a person's consent, and there is no terminal to ask on",
                "unattended runs give `--confirm DBNAME` (`generate`: `--yes`)",
            ),
            Self::OtherDatabase => (
                "`--confirm` names another database than the server reports",
                "check which server the settings point to; then give the name of its database",
            ),
            Self::Declined => ("the answer was not `yes`", "nothing needs to be done"),
        };
        Trouble {
            code: self.code().to_owned(),
            side: Side::Local,
            class: Class::Refused,
            what: "the command was not carried out".to_owned(),
            why: why.to_owned(),
            state: "nothing was opened for writing".to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// The same with what would have happened, where nobody could be told by a question.
    #[must_use]
    pub fn trouble_of(self, request: &Request<'_>) -> Trouble {
        let mut trouble = self.trouble();
        let effects: Vec<&str> = request.asked().into_iter().map(Action::effect).collect();
        if self == Self::Unattended && !effects.is_empty() {
            trouble.why = format!(
                "this will {}: that needs a person's consent, and there is no terminal to ask on",
                effects.join(", and ")
            );
        }
        trouble
    }
}

/// Decides.
#[must_use]
pub fn decide(request: &Request<'_>) -> Consent {
    // A wrong name is a person who means another database, even where nobody would have asked.
    if request.confirm.is_some_and(|name| name != request.database) {
        return Consent::Refused(Refusal::Consent(NoConsent::OtherDatabase));
    }
    let asked = request.asked();
    if asked.is_empty() {
        return Consent::NotNeeded;
    }
    let is_demo = request.environment == Environment::Demo && asked == [Action::Generate];
    if request.confirm.is_some() || (request.yes && is_demo) {
        return Consent::Given;
    }
    if !request.terminal {
        return Consent::Refused(Refusal::Consent(NoConsent::Unattended));
    }
    let mut text = format!(
        "Environment {} ({}), database {}. This will\n",
        request.environment,
        request.environment.risk(),
        request.database.escape_debug()
    );
    for action in asked {
        text.push_str("  - ");
        text.push_str(action.effect());
        text.push('\n');
    }
    text.push_str("Continue? (yes/no) ");
    Consent::Ask(Question { text })
}

/// A site about which a person is to be asked together with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedSite {
    /// The site.
    pub site: SiteName,
    /// The name that its target's server reports.
    pub database: String,
    /// What is about to happen to it, all of it.
    pub actions: Vec<Action>,
    /// Whether it is production.
    pub stage: Stage,
}

/// One question for all sites that need an answer, `None` if none does. Each site is decided about by itself afterwards,
/// with the name of the database that the person saw here.
#[must_use]
pub fn question_for_sites(environment: Environment, sites: &[AskedSite]) -> Option<Question> {
    let asks = |site: &AskedSite, action: &Action| action.asks(environment, site.stage);
    let asked: Vec<&AskedSite> =
        sites.iter().filter(|site| site.actions.iter().any(|action| asks(site, action))).collect();
    if asked.is_empty() {
        return None;
    }
    let mut text = format!("Environment {environment} ({}), {} sites:\n", environment.risk(), asked.len());
    let mut effects: Vec<(Action, Vec<&str>)> = Vec::new();
    for site in &asked {
        let _ = writeln!(text, "  {}: database {}", site.site, site.database.escape_debug());
        for action in site.actions.iter().filter(|action| asks(site, action)) {
            match effects.iter_mut().find(|(known, _)| known == action) {
                Some((_, names)) => names.push(site.site.as_str()),
                None => effects.push((*action, vec![site.site.as_str()])),
            }
        }
    }
    text.push_str("This will\n");
    for (action, names) in effects {
        text.push_str("  - ");
        text.push_str(action.effect());
        if names.len() < asked.len() {
            let _ = write!(text, " ({})", names.join(", "));
        }
        text.push('\n');
    }
    text.push_str("Continue? (yes/no) ");
    Some(Question { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_names_every_site_and_its_database() {
        let site = |name: &str, actions: &[Action], stage| AskedSite {
            site: SiteName::new(name).unwrap(),
            database: format!("db_{name}"),
            actions: actions.to_vec(),
            stage,
        };
        let sites = [
            site("a", &[Action::Sync], Stage::Production),
            site("b", &[Action::Sync, Action::Enroll], Stage::Production),
            site("c", &[Action::Sync], Stage::Development),
        ];
        let question = question_for_sites(Environment::Clinic, &sites).unwrap();
        assert_eq!(
            question.text(),
            "Environment clinic (real patients), 2 sites:\n  a: database db_a\n  b: database db_b\nThis will\n  \
             - bring the copy up to date\n  - write the identity row into the database (b)\nContinue? (yes/no) "
        );
        assert_eq!(question_for_sites(Environment::Clinic, &sites[2..]), None);
        assert_eq!(question_for_sites(Environment::Test, &sites), None);
    }

    const CLINIC: Request<'static> = Request {
        environment: Environment::Clinic,
        stage: Stage::Production,
        actions: &[Action::Sync],
        terminal: false,
        confirm: None,
        yes: false,
        database: "opendental_analytics",
    };

    fn refused(reason: NoConsent) -> Consent {
        Consent::Refused(Refusal::Consent(reason))
    }

    #[test]
    fn production_asks_and_elsewhere_only_what_destroys() {
        for action in [Action::Sync, Action::Repair, Action::Enroll, Action::BusinessHours, Action::Export] {
            let request = Request { actions: &[action], terminal: true, ..CLINIC };
            assert!(matches!(decide(&request), Consent::Ask(_)), "{action:?}");
            let development = Request { stage: Stage::Development, ..request };
            assert_eq!(decide(&development), Consent::NotNeeded, "{action:?}");
            let test = Request { environment: Environment::Test, ..request };
            assert_eq!(decide(&test), Consent::NotNeeded, "{action:?}");
        }
        for action in [Action::FullReload, Action::Shrink, Action::Adoption, Action::Replace] {
            let request =
                Request { environment: Environment::Test, actions: &[Action::Sync, action], ..CLINIC };
            assert_eq!(decide(&request), refused(NoConsent::Unattended), "{action:?}");
            assert!(matches!(decide(&Request { terminal: true, ..request }), Consent::Ask(_)));
        }
    }

    #[test]
    fn only_the_name_that_the_server_reports_confirms() {
        assert_eq!(decide(&CLINIC), refused(NoConsent::Unattended));
        assert_eq!(decide(&Request { confirm: Some("opendental_analytics"), ..CLINIC }), Consent::Given);
        for name in ["", "opendental", "Opendental_analytics", "opendental_analytics ", "yes"] {
            for terminal in [false, true] {
                let request = Request { confirm: Some(name), terminal, ..CLINIC };
                assert_eq!(decide(&request), refused(NoConsent::OtherDatabase), "{name}");
            }
        }
        // Also where nobody would have asked.
        let request =
            Request { environment: Environment::Test, confirm: Some("opendental_analytics_2"), ..CLINIC };
        assert_eq!(decide(&request), refused(NoConsent::OtherDatabase));
    }

    #[test]
    fn who_cannot_be_asked_is_told_what_would_have_happened() {
        let request = Request { actions: &[Action::Sync, Action::FullReload], ..CLINIC };
        assert_eq!(
            NoConsent::Unattended.trouble_of(&request).why,
            "this will bring the copy up to date, and read every table anew and write all differences: that needs a \
             person's consent, and there is no terminal to ask on"
        );
        let test = Request { environment: Environment::Test, ..request };
        assert_eq!(
            NoConsent::Unattended.trouble_of(&test).why,
            "this will read every table anew and write all differences: that needs a person's consent, and there is no \
             terminal to ask on",
            "an ordinary run asks nobody there"
        );
        assert_eq!(NoConsent::Declined.trouble_of(&request), NoConsent::Declined.trouble());
    }

    #[test]
    fn yes_answers_for_the_demo_alone() {
        let demo = Request {
            environment: Environment::Demo,
            actions: &[Action::Generate],
            database: "opendental_demo",
            ..CLINIC
        };
        assert_eq!(decide(&demo), refused(NoConsent::Unattended));
        assert_eq!(decide(&Request { yes: true, ..demo }), Consent::Given);
        assert_eq!(decide(&Request { yes: true, ..CLINIC }), refused(NoConsent::Unattended));
        // For what it generates, not for another database in its place.
        let replaced = Request { yes: true, actions: &[Action::Enroll, Action::Replace], ..demo };
        assert_eq!(decide(&replaced), refused(NoConsent::Unattended));
        let full =
            Request { yes: true, environment: Environment::Test, actions: &[Action::FullReload], ..CLINIC };
        assert_eq!(decide(&full), refused(NoConsent::Unattended));
    }

    #[test]
    fn each_refusal_has_its_code() {
        let codes =
            [NoConsent::Unattended, NoConsent::OtherDatabase, NoConsent::Declined].map(NoConsent::code);
        assert_eq!(codes, ["consent::unattended", "consent::other_database", "consent::declined"]);
    }

    #[test]
    fn yes_in_full_is_the_only_yes() {
        let Consent::Ask(question) = decide(&Request { terminal: true, ..CLINIC }) else { panic!() };
        assert!(question.text().contains("opendental_analytics"));
        assert!(
            question.text().contains("This will\n  - bring the copy up to date\n"),
            "{}",
            question.text()
        );
        assert!(question.text().ends_with("Continue? (yes/no) "));
        assert_eq!(question.answer("yes\r\n"), Consent::Given);
        for line in ["", "y", "Yes", "YES", "yes please", "no", "ye s"] {
            assert_eq!(question.answer(line), refused(NoConsent::Declined), "{line}");
        }
    }
}

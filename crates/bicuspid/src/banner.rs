//! Says which of the three databases is about to be touched, and what is at stake.

use bicuspid_guard::consent::Stage;
use bicuspid_model::Host;
use bicuspid_source::SourceFacts;
use bicuspid_target::ServerFacts;

use crate::printer::{Printer, plain};
use crate::settings::Settings;

/// Prints the environment and where its settings come from.
pub(crate) fn environment(settings: &Settings) {
    let stage = match settings.stage {
        Stage::Production => "production",
        Stage::Development => "development",
    };
    let environment = settings.environment;
    Printer::note(&format!("Environment {environment}: {}, {stage}", environment.risk()));
    for note in &settings.notes {
        Printer::note(&format!("  {note}"));
    }
}

/// Prints the source that answered.
pub(crate) fn source(facts: &SourceFacts) {
    Printer::note(&format!("  source: {}", plain(&source_text(facts))));
}

/// Prints the target that answered.
pub(crate) fn target(facts: &ServerFacts) {
    Printer::note(&format!("  target: {}", plain(&target_text(facts))));
    superuser(facts);
}

/// Prints the demo's database at length: whoever is about to fill it should see that it is the right one.
pub(crate) fn demo(host: &Host, facts: &ServerFacts) {
    let (host, port) = match host {
        Host::Tcp { host, port } => (host.clone(), *port),
        Host::Socket { path, port } => (path.display().to_string(), *port),
    };
    Printer::note(&format!("Target database: {}", plain(&facts.database)));
    Printer::note(&format!("  host {}, port {port}, user {}", plain(&host), plain(&facts.user)));
    let server = format!(
        "PostgreSQL {}, cluster {}, database oid {}",
        facts.version, facts.system_identifier, facts.oid
    );
    Printer::note(&format!("  server {}", plain(&server)));
    superuser(facts);
}

/// Warns of an account that nothing holds back.
fn superuser(facts: &ServerFacts) {
    if facts.superuser {
        Printer::note(
            "  warning: the account is a superuser; `bicuspid grants` prints a lesser one that is enough",
        );
    }
}

/// The source in one line.
pub(crate) fn source_text(facts: &SourceFacts) -> String {
    format!(
        "{} {} at {}, database {}, account {}",
        if facts.flavour.mariadb { "MariaDB" } else { "MySQL" },
        facts.version,
        facts.host,
        facts.database,
        facts.account
    )
}

/// The target in one line.
pub(crate) fn target_text(facts: &ServerFacts) -> String {
    format!(
        "PostgreSQL {} at {}, database {}, account {}",
        facts.version, facts.host, facts.database, facts.user
    )
}

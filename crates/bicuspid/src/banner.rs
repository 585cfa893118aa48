//! Says which of the three databases is about to be touched, and what is at stake.

use bicuspid_guard::consent::Stage;
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

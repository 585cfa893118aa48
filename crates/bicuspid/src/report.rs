//! What a command ends with: fields for JSON, troubles, and from them the outcome and the exit code.

use bicuspid_model::{Class, Side, Trouble};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::VERSION;

/// The code of rows that differ: exit 1 like a held table, and yet something else.
pub(crate) const DIFFERENCES: &str = "verify::differences";
/// The code of rules that rows of the synthetic practice break: they differ from what they ought to be.
pub(crate) const RULES_BROKEN: &str = "generate::rules_broken";

/// How a command ended. Each outcome has one name and one exit code, and they are written down here and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything that was asked for is done.
    Done,
    /// A proof found differences.
    Differences,
    /// Tables were held by a rule.
    Held,
    /// Usage or configuration.
    Usage,
    /// Refused for safety.
    Refused,
    /// A server could not be reached, or failed.
    Failed,
    /// Local trouble, or a fault of Bicuspid.
    Local,
    /// Another run holds the lock.
    Locked,
    /// Interrupted by a person.
    Interrupted,
}

impl Outcome {
    /// The documented exit code.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differences | Self::Held => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::Local => 5,
            Self::Locked => 6,
            Self::Interrupted => 130,
        }
    }

    /// The name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Differences => "differences",
            Self::Held => "held",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Failed | Self::Local | Self::Locked => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The word before the code of a trouble.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Done | Self::Usage | Self::Failed | Self::Local | Self::Locked => "error",
            Self::Differences => "differs",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        }
    }

    /// Which of several outcomes is the one to tell: 3, then 5, 4, 6, 2 and 1.
    const fn weight(self) -> u8 {
        match self {
            Self::Done => 0,
            // Both end with 1; that rows differ is the graver news.
            Self::Held => 1,
            Self::Differences => 2,
            Self::Usage => 3,
            Self::Locked => 4,
            Self::Failed => 5,
            Self::Local => 6,
            Self::Refused => 7,
            Self::Interrupted => 8,
        }
    }
}

impl From<Class> for Outcome {
    fn from(class: Class) -> Self {
        match class {
            Class::Held => Self::Held,
            Class::Usage => Self::Usage,
            Class::Refused => Self::Refused,
            Class::Failed => Self::Failed,
            Class::Local => Self::Local,
            Class::Locked => Self::Locked,
            Class::Interrupted => Self::Interrupted,
        }
    }
}

/// What a command has to say at its end.
#[derive(Debug, Default)]
pub(crate) struct Report {
    fields: Map<String, Value>,
    /// What each of several sites said, as the text of an object: as values, those of many sites would take more memory
    /// than their runs.
    sites: Option<Vec<String>>,
    troubles: Vec<Trouble>,
    differs: bool,
}

impl Report {
    /// Nothing to say yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a field of the JSON object.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        // Our own values: maps have text keys, so none of them can be refused.
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Adds every field of a value that is an object.
    #[must_use]
    pub(crate) fn with_all(mut self, value: impl Serialize) -> Self {
        if let Ok(Value::Object(fields)) = serde_json::to_value(value) {
            self.fields.extend(fields);
        }
        self
    }

    /// Adds what each of several sites said, as the text of an object each.
    #[must_use]
    pub(crate) fn with_sites(mut self, sites: Vec<String>) -> Self {
        self.sites = Some(sites);
        self
    }

    /// Adds a trouble.
    pub(crate) fn add(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }

    /// Rewrites the troubles.
    #[must_use]
    pub(crate) fn map_troubles(mut self, change: impl FnMut(Trouble) -> Trouble) -> Self {
        self.troubles = self.troubles.into_iter().map(change).collect();
        self
    }

    /// Adds the differences that a proof found.
    pub(crate) fn differ(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
        self.differs = true;
    }

    /// Whether a proof found differences.
    pub(crate) const fn differs(&self) -> bool {
        self.differs
    }

    /// The troubles, in the order in which they came.
    pub(crate) fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    /// The outcome that weighs most.
    pub(crate) fn outcome(&self) -> Outcome {
        let found = if self.differs { Outcome::Differences } else { Outcome::Done };
        self.troubles
            .iter()
            .map(|trouble| Outcome::from(trouble.class))
            .chain([found])
            .max_by_key(|outcome| outcome.weight())
            .unwrap_or(found)
    }

    /// The JSON object of the interface contract as a text, the sites in it.
    pub(crate) fn text(&self, command: &str, env: Option<&str>) -> String {
        let mut text = self.json(command, env).to_string();
        if let Some(sites) = &self.sites {
            // The object is never empty: others stand before the sites.
            text.pop();
            text.push_str(",\"sites\":[");
            text.push_str(&sites.join(","));
            text.push_str("]}");
        }
        text
    }

    /// The JSON object of the interface contract, without what several sites said.
    pub(crate) fn json(&self, command: &str, env: Option<&str>) -> Value {
        let outcome = self.outcome();
        let errors: Vec<Value> = self.troubles.iter().map(error).collect();
        let mut object = Map::new();
        object.insert("command".to_owned(), json!(command));
        object.insert("env".to_owned(), json!(env));
        object.insert("version".to_owned(), json!(VERSION));
        object.insert("outcome".to_owned(), json!(outcome.name()));
        object.insert("exit_code".to_owned(), json!(outcome.exit_code()));
        object.insert("errors".to_owned(), Value::Array(errors));
        for (name, value) in &self.fields {
            object.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(object)
    }
}

fn error(trouble: &Trouble) -> Value {
    json!({
        "code": trouble.code,
        "side": trouble.side.name(),
        "what": trouble.what,
        "why": trouble.why,
        "state": trouble.state,
        "hint": trouble.hint,
    })
}

/// An end before the work was done. What is known by then goes along.
#[derive(Debug)]
pub(crate) struct Stop(pub(crate) Box<Report>);

/// How commands end.
pub(crate) type Ended = Result<Report, Stop>;

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        let mut report = Report::new();
        report.add(trouble);
        Self(Box::new(report))
    }
}

macro_rules! stops {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                error.trouble().into()
            }
        })*
    };
}
stops!(
    crate::settings::SettingsError,
    bicuspid_source::SourceError,
    bicuspid_target::TargetError,
    bicuspid_sync::SyncError,
    bicuspid_export::ExportError,
    bicuspid_generate::GenerateError,
    bicuspid_sandbox::SandboxError,
    bicuspid_guard::Refusal,
    bicuspid_ledger::LedgerError,
    bicuspid_dashboard::DashboardError,
);

/// A fault of Bicuspid itself. `place` is a place in the source, such as `src/report.rs:12`.
pub(crate) fn fault(place: &str) -> Trouble {
    Trouble {
        code: "bicuspid::fault".to_owned(),
        side: Side::Local,
        class: Class::Local,
        what: "Bicuspid came into a state that it was not made for".to_owned(),
        why: place.to_owned(),
        state: "what was not committed was rolled back; the source cannot have been changed".to_owned(),
        hint: "this is a fault in Bicuspid; please report it with the code and the place above".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class: Class) -> Trouble {
        Trouble { class, ..fault("") }
    }

    #[test]
    fn the_gravest_outcome_is_told() {
        for (classes, code) in [
            (&[][..], 0),
            (&[Class::Held], 1),
            (&[Class::Held, Class::Failed], 4),
            (&[Class::Failed, Class::Local], 5),
            (&[Class::Local, Class::Refused, Class::Failed], 3),
            (&[Class::Locked], 6),
            (&[Class::Refused, Class::Interrupted], 130),
        ] {
            let mut report = Report::new();
            for class in classes {
                report.add(of(*class));
            }
            assert_eq!(report.outcome().exit_code(), code, "{classes:?}");
        }
    }

    #[test]
    fn every_class_keeps_its_exit_code() {
        for class in [
            Class::Held,
            Class::Usage,
            Class::Refused,
            Class::Failed,
            Class::Local,
            Class::Locked,
            Class::Interrupted,
        ] {
            assert_eq!(Outcome::from(class).exit_code(), class.exit_code());
        }
    }

    #[test]
    fn common_fields_come_first_and_cannot_be_replaced() {
        let json = Report::new().with("command", "x").with("rows", 3).json("sync", Some("clinic"));
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(names, ["command", "env", "version", "outcome", "exit_code", "errors", "rows"]);
        assert_eq!(json["command"], "sync");
    }
}

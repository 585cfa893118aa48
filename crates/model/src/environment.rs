//! The three databases and the risk of each.

use std::fmt;

/// Which of the three databases a command touches. There is no default: see the design's section on environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// Real patients. The source is never modified.
    Clinic,
    /// A test Open Dental server and its copy.
    Test,
    /// Synthetic patients only. It has no source.
    Demo,
}

impl Environment {
    /// Every environment, in the order in which people list them.
    pub const ALL: [Self; 3] = [Self::Clinic, Self::Test, Self::Demo];

    /// The name used in flags, files, banners and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clinic => "clinic",
            Self::Test => "test",
            Self::Demo => "demo",
        }
    }

    /// What is at stake, for banners.
    #[must_use]
    pub const fn risk(self) -> &'static str {
        match self {
            Self::Clinic => "real patients",
            Self::Test => "development data",
            Self::Demo => "fake patients only",
        }
    }

    /// The environment of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

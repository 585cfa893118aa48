//! The process environment, read once, for the names that Bicuspid knows.

use std::collections::BTreeMap;

use super::names;

/// Values of the known variables that are set and not blank.
///
/// **Invariant:** nothing else in the program reads the process environment, and nothing at all writes it: what is in
/// it is inherited by every child process and shown by the operating system.
#[derive(Default)]
pub(crate) struct ProcessEnvironment {
    values: BTreeMap<String, String>,
}

impl ProcessEnvironment {
    /// Reads the variables that Bicuspid knows. A value that is not text counts as not set.
    pub(crate) fn read() -> Self {
        let mut values = BTreeMap::new();
        let plain =
            ["NO_COLOR", "TERM", "USER", "LOGNAME", "USERNAME", "COMPUTERNAME", "DISPLAY", "WAYLAND_DISPLAY"]
                .map(str::to_owned);
        for name in names::all().into_iter().chain(plain) {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the environment; everything else gets values"
            )]
            let value = std::env::var(&name);
            if let Ok(value) = value
                && !value.trim().is_empty()
            {
                values.insert(name, value);
            }
        }
        Self { values }
    }

    /// The value of a variable, if it is set and not blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether output may be coloured, as far as the environment has a say.
    pub(crate) fn allows_colour(&self) -> bool {
        self.get("NO_COLOR").is_none() && self.get("TERM") != Some("dumb")
    }

    /// Whether this is a session with windows, as far as X11 and Wayland say it.
    pub(crate) fn has_display(&self) -> bool {
        self.get("DISPLAY").is_some() || self.get("WAYLAND_DISPLAY").is_some()
    }

    /// The names of the variables that are Bicuspid's own, some of which hold passwords.
    pub(crate) fn names() -> Vec<String> {
        names::all()
    }

    /// The name of the user, as far as the environment knows it.
    pub(crate) fn user(&self) -> Option<&str> {
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| self.get(name))
    }

    /// The name of the machine, where systems put it into the environment.
    #[cfg(not(unix))]
    pub(crate) fn machine(&self) -> Option<&str> {
        self.get("COMPUTERNAME")
    }

    /// An environment with these values.
    #[cfg(test)]
    pub(crate) fn of(values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { values: values.collect() }
    }
}

impl std::fmt::Debug for ProcessEnvironment {
    /// Shows names only: values may be passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

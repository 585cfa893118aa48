//! The name of a site: one practice among several that are copied into the same place.

use std::fmt;

/// Longest name of a site, in characters. `bicuspid_<name>` must fit into an identifier of PostgreSQL, and so must what
/// people make of it.
pub const SITE_CHARS_MAX: usize = 40;

/// The word that stands for every site and is therefore none's name.
pub const EVERY_SITE: &str = "all";

/// Name of a site: a small letter, then small letters, digits and `_`. It is part of the names of schemas, so that
/// nothing in it ever needs a quote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteName(String);

/// Why a text is not the name of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SiteNameError {
    /// It is empty, too long, or has characters that no name of a site has.
    #[error("a site is named by a small letter, then small letters, digits and _, {SITE_CHARS_MAX} at most")]
    Form,
    /// It is the word for all of them.
    #[error("`{EVERY_SITE}` stands for every site, and names none")]
    Every,
}

impl SiteName {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// See [`SiteNameError`].
    pub fn new(name: &str) -> Result<Self, SiteNameError> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if !begins_well || name.len() > SITE_CHARS_MAX || !name.bytes().all(is_word) {
            return Err(SiteNameError::Form);
        }
        if name == EVERY_SITE {
            return Err(SiteNameError::Every);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of the schema with a site's rows, or with those of a copy that is alone in its database.
#[must_use]
pub fn raw_schema(site: Option<&SiteName>) -> String {
    site.map_or_else(|| "raw".to_owned(), |site| format!("raw_{site}"))
}

/// Name of the schema with the state of the same.
#[must_use]
pub fn state_schema(site: Option<&SiteName>) -> String {
    site.map_or_else(|| "bicuspid".to_owned(), |site| format!("bicuspid_{site}"))
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sites_never_need_a_quote() {
        for name in ["a", "north", "north_2", "n2", &"a".repeat(SITE_CHARS_MAX)] {
            assert_eq!(SiteName::new(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(SITE_CHARS_MAX + 1);
        for name in ["", "2n", "_n", "North", "nörd", "a b", "a-b", "a\"b", "a.b", "a\0", &too_long] {
            assert_eq!(SiteName::new(name), Err(SiteNameError::Form), "{name}");
        }
        assert_eq!(SiteName::new("all"), Err(SiteNameError::Every));
    }
}

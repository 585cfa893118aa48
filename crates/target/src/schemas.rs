//! The two schemas of a copy: one for the rows, one for what is known of them.

use bicuspid_model::site::{raw_schema, state_schema};
use bicuspid_model::{SiteName, Table};

/// Where a copy is in its database: `raw` and `bicuspid`, or those of a site beside others. There are no other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemas {
    site: Option<SiteName>,
    raw: String,
    state: String,
    distributed: bool,
}

impl Schemas {
    /// Those of a database with one copy.
    #[must_use]
    pub fn alone() -> Self {
        Self::of(None)
    }

    /// Those of this site, or of the one copy.
    #[must_use]
    pub fn of(site: Option<&SiteName>) -> Self {
        Self { site: site.cloned(), raw: raw_schema(site), state: state_schema(site), distributed: false }
    }

    /// The same; the schema of the rows must be one that Citus keeps whole on one server, if `distributed`.
    #[must_use]
    pub fn distributed(self, distributed: bool) -> Self {
        Self { distributed, ..self }
    }

    /// Whether the schema of the rows must be one that Citus keeps whole on one server.
    #[must_use]
    pub const fn is_distributed(&self) -> bool {
        self.distributed
    }

    /// The site, if it is one of several.
    #[must_use]
    pub const fn site(&self) -> Option<&SiteName> {
        self.site.as_ref()
    }

    /// The bare name of the schema with the rows.
    #[must_use]
    pub fn raw_name(&self) -> &str {
        &self.raw
    }

    /// The bare name of the schema with the state.
    #[must_use]
    pub fn state_name(&self) -> &str {
        &self.state
    }

    /// `"raw"."table"`.
    pub(crate) fn table(&self, table: &Table) -> String {
        format!("\"{}\".{}", self.raw, table.name.in_target().postgres())
    }

    /// A statement with `{raw}` and `{state}` in the places of the two schemas. It takes constants alone, so that no name
    /// and no value can hold such a place.
    pub(crate) fn fill(&self, constant: &'static str) -> String {
        constant
            .replace("{raw}", &format!("\"{}\"", self.raw))
            .replace("{state}", &format!("\"{}\"", self.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_schemas_of_its_own() {
        let site = SiteName::new("north_2").unwrap();
        let (alone, north) = (Schemas::alone(), Schemas::of(Some(&site)));
        assert_eq!((alone.raw_name(), alone.state_name(), alone.site()), ("raw", "bicuspid", None));
        assert_eq!((north.raw_name(), north.state_name()), ("raw_north_2", "bicuspid_north_2"));
        assert_eq!(north.site(), Some(&site));
        assert_eq!(Schemas::of(None), alone);
        assert_eq!(
            north.fill("SELECT '{}' FROM {state}.run, {raw}.patient"),
            "SELECT '{}' FROM \"bicuspid_north_2\".run, \"raw_north_2\".patient"
        );
    }
}

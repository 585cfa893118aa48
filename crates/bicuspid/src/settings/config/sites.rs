//! `[sites.<name>]` of bicuspid.toml: the practices that are copied beside one another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bicuspid_model::SiteName;
use toml::Spanned;
use toml::de::DeValue;

use super::{Config, Entry, KEYS, SettingsError, nearest};

/// The key of a site that names its environment file.
pub(crate) const ENV_FILE: &str = "env_file";

/// What a site may say otherwise than all of them: what belongs to one practice, its hours and its server. Types, names of
/// tables and what is kept on this machine are the same for all, so that their copies can be looked at together.
pub(crate) const SITE_KEYS: [&str; 18] = [
    "tables_excluded",
    "columns_excluded",
    "row_filters",
    "source_time_zone",
    "quiet_hours",
    "lock_aim_ms",
    "threads_busy",
    "threads_critical",
    "lock_waits_critical",
    "answer_busy_ms",
    "answer_critical_ms",
    "critical_wait_seconds",
    "keyless_bytes_max",
    "shrink_share",
    "proof_budget_seconds",
    "proof_hours",
    "reader_role",
    "distribute_by",
];

/// One practice among several.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Its environment file.
    pub(crate) env_file: PathBuf,
    /// Every setting as it holds for this site.
    pub(crate) config: Config,
}

impl Entry<'_> {
    /// The sites, each with the settings of all (`base`) and its own above them.
    pub(super) fn sites(
        &self,
        value: &Spanned<DeValue<'_>>,
        base: &Config,
    ) -> Result<BTreeMap<SiteName, Site>, SettingsError> {
        let form = "write [sites.NAME], and below it env_file = \"...\"";
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong(form))?;
        let mut sites: BTreeMap<SiteName, Site> = BTreeMap::new();
        for (name, value) in table {
            let entry = Entry { key: name.get_ref(), at: name.span().start, ..*self };
            let name = SiteName::new(entry.key).map_err(|why| entry.wrong(why.to_string()))?;
            let site = entry.site(value, base)?;
            if let Some((other, _)) = sites.iter().find(|(_, other)| other.env_file == site.env_file) {
                return Err(entry.wrong(format!(
                    "its env_file is that of site {other}: each practice has its own servers"
                )));
            }
            sites.insert(name, site);
        }
        Ok(sites)
    }

    fn site(&self, value: &Spanned<DeValue<'_>>, base: &Config) -> Result<Site, SettingsError> {
        let wrong = || self.wrong("a table is wanted, with env_file = \"...\"");
        let table = value.get_ref().as_table().ok_or_else(wrong)?;
        let mut config = base.clone();
        let mut env_file = None;
        for (key, value) in table {
            let entry = Entry { key: key.get_ref(), at: key.span().start, ..*self };
            match entry.key {
                ENV_FILE => {
                    let folder = self.path.parent().unwrap_or(Path::new(""));
                    env_file = Some(folder.join(entry.text(value)?));
                }
                known if SITE_KEYS.contains(&known) => config.set(&entry, value)?,
                known if KEYS.contains(&known) => {
                    return Err(entry.wrong("it is the same for all sites: write it above them"));
                }
                unknown => {
                    return Err(SettingsError::UnknownName {
                        path: entry.path.to_owned(),
                        line: entry.line(),
                        name: unknown.to_owned(),
                        environment: None,
                        nearest: nearest(unknown, SITE_KEYS.into_iter().chain([ENV_FILE])),
                    });
                }
            }
        }
        config.judge_load(self, table)?;
        let env_file = env_file.ok_or_else(|| self.wrong("env_file = \"...\" is missing"))?;
        Ok(Site { env_file, config })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, SettingsError> {
        Config::parse(Path::new("etc/bicuspid.toml"), text)
    }

    fn site(name: &str) -> SiteName {
        SiteName::new(name).unwrap()
    }

    #[test]
    fn a_site_has_the_settings_of_all_and_its_own_above_them() {
        let config = parse(
            "[sites.north]\nenv_file = \"north.env\"\nlock_aim_ms = 5\nquiet_hours = []\n\
             [sites.south_2]\nenv_file = \"/etc/south.env\"\n",
        );
        let config = config.unwrap();
        assert_eq!(config.sites.len(), 2);
        let north = &config.sites[&site("north")];
        assert_eq!(north.env_file, Path::new("etc/north.env"));
        assert_eq!(north.config.lock_aim_ms, Some(5));
        assert_eq!(config.sites[&site("south_2")].env_file, Path::new("/etc/south.env"));
        let both = parse(
            "lock_aim_ms = 7\nshrink_share = 0.3\nquiet_hours = [\"mon 08:00-17:00\"]\ntype_policy = \"numeric\"\n\
             [sites.a]\nenv_file = \"a\"\nlock_aim_ms = 9\nquiet_hours = []\n[sites.b]\nenv_file = \"b\"\n",
        );
        let both = both.unwrap();
        let (a, b) = (&both.sites[&site("a")].config, &both.sites[&site("b")].config);
        assert_eq!((a.lock_aim_ms, b.lock_aim_ms, both.lock_aim_ms), (Some(9), Some(7), Some(7)));
        assert_eq!((a.shrink_share, b.shrink_share), (Some(0.3), Some(0.3)));
        assert!(a.quiet_hours.is_none() && b.quiet_hours.is_some());
        assert_eq!(a.type_policy, both.type_policy);
        assert!(a.sites.is_empty(), "a site has no sites");
    }

    #[test]
    fn what_is_wrong_with_a_site_is_told_with_its_line() {
        for (text, line, why) in [
            ("[sites.North]\nenv_file = \"a\"", 1, "small letter"),
            ("[sites.\"\"]\nenv_file = \"a\"", 1, "small letter"),
            ("[sites.all]\nenv_file = \"a\"", 1, "stands for every site"),
            ("[sites.a]\n", 1, "env_file = \"...\" is missing"),
            ("[sites.a]\nenv_file = \"\"", 2, "a text is wanted"),
            ("[sites]\na = \"x.env\"", 2, "a table is wanted"),
            ("sites = 3", 1, "write [sites.NAME]"),
            ("[sites.a]\nenv_file = \"a\"\ntype_policy = \"dbt\"", 3, "the same for all sites"),
            ("[sites.a]\nenv_file = \"a\"\nstaging_dir = \"x\"", 3, "the same for all sites"),
            ("[sites.a]\nenv_file = \"a\"\nthreads_busy = 99", 3, "more than threads_busy"),
            ("[sites.a]\nenv_file = \"x\"\n[sites.b]\nenv_file = \"x\"", 3, "that of site a"),
        ] {
            match parse(text).unwrap_err() {
                SettingsError::Config { line: found, why: told, .. } => {
                    assert_eq!(found, line, "{text}");
                    assert!(told.contains(why), "{text}: {told}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let unknown = parse("[sites.a]\nenv_fil = \"a\"").unwrap_err().trouble();
        assert_eq!(unknown.what, "`env_fil` in etc/bicuspid.toml, line 2, is not a setting");
        assert_eq!(unknown.hint, "did you mean `env_file`?");
    }
}

//! bicuspid.toml: what to copy and how gently. Every key is optional; a key that is not known is an error.

mod notify;
mod sites;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bicuspid_guard::Filter;
use bicuspid_guard::accounts::Placement;
use bicuspid_guard::session::TimeZone;
use bicuspid_model::{QuietHours, SiteName, TargetType};
use bicuspid_opendental::TypePolicy;
use bicuspid_source::LoadLimits;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use notify::{Notify, Url, Webhook};
pub(crate) use sites::Site;
#[cfg(test)]
pub(crate) use sites::{ENV_FILE, SITE_KEYS};

use super::error::SettingsError;
use super::nearest;

/// Name of the file in the current folder.
pub(crate) const FILE: &str = "bicuspid.toml";

/// Every key, in the order of the documentation.
pub(super) const KEYS: [&str; 26] = [
    "tables_included",
    "tables_excluded",
    "columns_excluded",
    "secrets_included",
    "column_types",
    "row_filters",
    "type_policy",
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
    "staging_memory_mb",
    "staging_dir",
    "reader_role",
    "distribute_by",
    "notify",
    "sites",
];

/// What bicuspid.toml says; `None` and empty where it says nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) tables_included: Option<BTreeSet<String>>,
    pub(crate) tables_excluded: BTreeSet<String>,
    pub(crate) columns_excluded: BTreeSet<String>,
    pub(crate) secrets_included: BTreeSet<String>,
    pub(crate) column_types: BTreeMap<String, TargetType>,
    /// By the table's name in small letters.
    pub(crate) row_filters: BTreeMap<String, Filter>,
    pub(crate) type_policy: TypePolicy,
    pub(crate) source_time_zone: Option<TimeZone>,
    pub(crate) quiet_hours: Option<QuietHours>,
    pub(crate) lock_aim_ms: Option<u32>,
    pub(crate) load: LoadLimits,
    pub(crate) keyless_bytes_max: Option<u64>,
    pub(crate) shrink_share: Option<f64>,
    pub(crate) proof_budget_seconds: Option<u32>,
    pub(crate) proof_hours: Option<u32>,
    pub(crate) staging_memory_mb: Option<u32>,
    pub(crate) staging_dir: Option<PathBuf>,
    pub(crate) reader_role: Option<String>,
    /// Where the rows of a copy are kept.
    pub(crate) placement: Placement,
    pub(crate) notify: Notify,
    /// Practices that are copied beside one another.
    pub(crate) sites: BTreeMap<SiteName, Site>,
}

impl Config {
    /// Reads `named`, which must be there, or else `./bicuspid.toml` if it is.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = named.unwrap_or(Path::new(FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(cause) => Err(SettingsError::FileUnreadable { path: path.to_owned(), cause }),
        }
    }

    /// Parses a text; `path` is for messages and for the folder of relative paths.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let table = DeTable::parse(text).map_err(|error| SettingsError::Toml {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            why: error.message().to_owned(),
        })?;
        let mut config = Self::default();
        for (key, value) in table.get_ref() {
            let entry = Entry { path, text, key: key.get_ref(), at: key.span().start };
            // The sites have all the others as their ground.
            if entry.key != "sites" {
                config.set(&entry, value)?;
            }
        }
        let whole = Entry { path, text, key: "", at: 0 };
        config.judge_load(&whole, table.get_ref())?;
        if let Some((key, value)) = table.get_ref().get_key_value("sites") {
            let entry = Entry { key: "sites", at: key.span().start, ..whole };
            config.sites = entry.sites(value, &config)?;
        }
        Ok(config)
    }

    /// Refuses limits of which the graver is not above the lesser, where `table` has one of the two.
    fn judge_load(&self, near: &Entry<'_>, table: &DeTable<'_>) -> Result<(), SettingsError> {
        for (key, is_wrong) in [
            ("threads_critical", self.load.threads_critical <= self.load.threads_busy),
            ("answer_critical_ms", self.load.answer_critical <= self.load.answer_busy),
        ] {
            if is_wrong {
                // Whichever of the two was written; the other is a default.
                let busy = key.replace("critical", "busy");
                let at =
                    [key, &busy].iter().find_map(|name| Some(table.get_key_value(*name)?.0.span().start));
                let entry = Entry { key, at: at.unwrap_or(near.at), ..*near };
                return Err(entry.wrong(format!("it must be more than {busy}")));
            }
        }
        Ok(())
    }

    fn set(&mut self, entry: &Entry<'_>, value: &Spanned<DeValue<'_>>) -> Result<(), SettingsError> {
        match entry.key {
            "tables_included" => self.tables_included = Some(entry.names(value)?),
            "tables_excluded" => self.tables_excluded = entry.names(value)?,
            "columns_excluded" => self.columns_excluded = entry.columns(value)?,
            "secrets_included" => self.secrets_included = entry.columns(value)?,
            "column_types" => self.column_types = entry.column_types(value)?,
            "row_filters" => self.row_filters = entry.row_filters(value)?,
            "type_policy" => {
                let name = entry.text(value)?;
                self.type_policy =
                    TypePolicy::named(&name).ok_or_else(|| entry.wrong("it is `dbt` or `numeric`"))?;
            }
            "source_time_zone" => {
                let zone = TimeZone::new(&entry.text(value)?).map_err(|_| {
                    entry.wrong("write a name such as `America/Chicago`, or an offset such as `-06:00`")
                })?;
                self.source_time_zone = Some(zone);
            }
            "quiet_hours" => {
                let lines = entry.list(value)?;
                let hours = QuietHours::parse(lines.iter().map(String::as_str));
                self.quiet_hours =
                    Some(hours.map_err(|why| entry.wrong(why.to_string()))?).filter(|_| !lines.is_empty());
            }
            "threads_busy" => self.load.threads_busy = entry.number(value, 1, 100_000)?,
            "threads_critical" => self.load.threads_critical = entry.number(value, 2, 100_000)?,
            "lock_waits_critical" => self.load.lock_waits_critical = entry.number(value, 1, 100_000)?,
            "answer_busy_ms" => self.load.answer_busy = entry.milliseconds(value, 1, 60_000)?,
            "answer_critical_ms" => self.load.answer_critical = entry.milliseconds(value, 2, 60_000)?,
            "critical_wait_seconds" => {
                self.load.critical_wait = Duration::from_secs(entry.number(value, 0, 3600)?);
            }
            "lock_aim_ms" => self.lock_aim_ms = Some(entry.number(value, 1, 1000)?),
            "keyless_bytes_max" => self.keyless_bytes_max = Some(entry.number(value, 0, 1 << 40)?),
            "shrink_share" => self.shrink_share = Some(entry.share(value)?),
            "proof_budget_seconds" => {
                self.proof_budget_seconds = Some(entry.number(value, 0, 86_400)?);
            }
            "proof_hours" => self.proof_hours = Some(entry.number(value, 1, 8760)?),
            "staging_memory_mb" => self.staging_memory_mb = Some(entry.number(value, 1, 65_536)?),
            "staging_dir" => {
                let dir = entry.text(value)?;
                self.staging_dir = Some(entry.path.parent().unwrap_or(Path::new("")).join(dir));
            }
            "reader_role" => self.reader_role = Some(entry.text(value)?),
            "distribute_by" => self.placement = entry.distribute_by(value)?,
            "notify" => self.notify = entry.notify(value)?,
            // `sites` is read after all others.
            unknown => {
                return Err(SettingsError::UnknownName {
                    path: entry.path.to_owned(),
                    line: entry.line(),
                    name: unknown.to_owned(),
                    environment: None,
                    nearest: nearest(unknown, KEYS),
                });
            }
        }
        Ok(())
    }
}

/// A key and where it stands.
#[derive(Clone, Copy)]
struct Entry<'a> {
    path: &'a Path,
    text: &'a str,
    key: &'a str,
    at: usize,
}

impl Entry<'_> {
    fn line(&self) -> usize {
        line_of(self.text, self.at)
    }

    fn wrong(&self, why: impl Into<String>) -> SettingsError {
        SettingsError::Config {
            path: self.path.to_owned(),
            line: self.line(),
            key: self.key.to_owned(),
            why: why.into(),
        }
    }

    fn text(&self, value: &Spanned<DeValue<'_>>) -> Result<String, SettingsError> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(self.wrong("a text is wanted")),
        }
    }

    fn number<N>(&self, value: &Spanned<DeValue<'_>>, min: u64, max: u64) -> Result<N, SettingsError>
    where
        N: TryFrom<u64>,
    {
        value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok())
            .filter(|number| (min..=max).contains(number))
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| self.wrong(format!("a whole number from {min} to {max} is wanted")))
    }

    fn share(&self, value: &Spanned<DeValue<'_>>) -> Result<f64, SettingsError> {
        let text = match value.get_ref() {
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            _ => String::new(),
        };
        text.parse::<f64>()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .ok_or_else(|| self.wrong("a number from 0 to 1 is wanted"))
    }

    fn distribute_by(&self, value: &Spanned<DeValue<'_>>) -> Result<Placement, SettingsError> {
        match self.text(value)?.as_str() {
            "site" => Ok(Placement::Distributed),
            "patient" => Err(self.wrong(
                "a copy that changes cannot be parted by patient: two patients who are merged change theirs in dozens of \
                 tables. Write `site`; what is loaded once can be parted with \
                 `bicuspid generate --tables-sql --distribute-by patient`",
            )),
            _ => Err(self.wrong("it is `site`")),
        }
    }

    fn milliseconds(
        &self,
        value: &Spanned<DeValue<'_>>,
        min: u64,
        max: u64,
    ) -> Result<Duration, SettingsError> {
        Ok(Duration::from_millis(self.number(value, min, max)?))
    }

    fn names(&self, value: &Spanned<DeValue<'_>>) -> Result<BTreeSet<String>, SettingsError> {
        Ok(self.list(value)?.into_iter().collect())
    }

    fn list(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, SettingsError> {
        let wrong = || self.wrong("a list of texts is wanted");
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        list.iter()
            .map(|item| {
                item.get_ref().as_str().filter(|s| !s.is_empty()).map(str::to_owned).ok_or_else(wrong)
            })
            .collect()
    }

    fn columns(&self, value: &Spanned<DeValue<'_>>) -> Result<BTreeSet<String>, SettingsError> {
        let names = self.names(value)?;
        if names.iter().all(|name| is_column(name)) { Ok(names) } else { Err(self.not_a_column()) }
    }

    fn column_types(
        &self,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<BTreeMap<String, TargetType>, SettingsError> {
        let table = value.get_ref().as_table().ok_or_else(|| {
            self.wrong("a table is wanted, with lines such as \"patient.Gender\" = \"smallint\"")
        })?;
        let mut types = BTreeMap::new();
        for (name, value) in table {
            let entry = Entry { key: name.get_ref(), at: name.span().start, ..*self };
            if !is_column(entry.key) {
                return Err(entry.not_a_column());
            }
            let text = entry.text(value)?;
            let target = TargetType::parse(&text).ok_or_else(|| {
                entry.wrong(
                    "write one of: boolean, smallint, integer, bigint, numeric(p,s), real, double precision, date, \
                     timestamp, interval, time, text, bytea, json, bit varying(n)",
                )
            })?;
            types.insert(entry.key.to_owned(), target);
        }
        Ok(types)
    }

    /// Conditions on the rows of tables, each judged by the guard.
    fn row_filters(&self, value: &Spanned<DeValue<'_>>) -> Result<BTreeMap<String, Filter>, SettingsError> {
        let table = value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.wrong("a table is wanted, with lines such as patient = \"ClinicNum = 3\""))?;
        let mut filters = BTreeMap::new();
        for (name, value) in table {
            let entry = Entry { key: name.get_ref(), at: name.span().start, ..*self };
            let filter = Filter::parse(&entry.text(value)?).map_err(|refusal| SettingsError::Filter {
                path: entry.path.to_owned(),
                line: entry.line(),
                table: entry.key.to_owned(),
                refusal: Box::new(refusal),
            })?;
            if filters.insert(entry.key.to_lowercase(), filter).is_some() {
                return Err(entry.wrong("the table has two filters"));
            }
        }
        Ok(filters)
    }

    fn not_a_column(&self) -> SettingsError {
        self.wrong("a column is written \"table.column\"")
    }
}

fn is_column(name: &str) -> bool {
    name.split_once('.').is_some_and(|(table, column)| !table.is_empty() && !column.is_empty())
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, SettingsError> {
        Config::parse(Path::new("bicuspid.toml"), text)
    }

    #[test]
    fn every_key_is_understood() {
        let config = parse(
            r#"
            tables_included = ["patient", "appointment"]
            tables_excluded = ["eobattach"]
            columns_excluded = ["patient.SSN"]
            secrets_included = ["userod.Password"]
            type_policy = "numeric"
            source_time_zone = "America/Chicago"
            quiet_hours = ["mon-fri 07:30-18:00", "sat 08:00-12:00"]
            lock_aim_ms = 5
            threads_busy = 6
            threads_critical = 24
            lock_waits_critical = 10
            answer_busy_ms = 80
            answer_critical_ms = 4000
            critical_wait_seconds = 0
            keyless_bytes_max = 100_000_000
            shrink_share = 0.25
            proof_budget_seconds = 600
            proof_hours = 12
            staging_memory_mb = 128
            staging_dir = "/var/tmp/bicuspid"
            reader_role = "dbt"
            distribute_by = "site"
            [column_types]
            "patient.Gender" = "integer"
            "x.y" = "numeric(12, 2)"
            "#,
        )
        .unwrap();
        assert_eq!(config.placement, Placement::Distributed);
        assert_eq!(Config::default().placement, Placement::Here);
        assert_eq!(config.tables_included.unwrap().len(), 2);
        assert_eq!(config.type_policy, TypePolicy::Numeric);
        assert_eq!(config.lock_aim_ms, Some(5));
        assert_eq!(config.quiet_hours.unwrap().to_string(), "mon-fri 07:30-18:00, sat 08:00-12:00");
        let load = LoadLimits {
            threads_busy: 6,
            threads_critical: 24,
            lock_waits_critical: 10,
            answer_busy: Duration::from_millis(80),
            answer_critical: Duration::from_secs(4),
            critical_wait: Duration::ZERO,
            ..LoadLimits::default()
        };
        assert_eq!(config.load, load);
        assert_eq!(config.shrink_share, Some(0.25));
        assert_eq!((config.proof_budget_seconds, config.proof_hours), (Some(600), Some(12)));
        assert_eq!(config.column_types["patient.Gender"], TargetType::Int4);
        assert_eq!(config.column_types["x.y"], TargetType::Numeric { precision: 12, scale: 2 });
        assert_eq!(config.staging_dir.unwrap(), Path::new("/var/tmp/bicuspid"));
    }

    #[test]
    fn an_unknown_key_names_its_line_and_its_neighbour() {
        let trouble = parse("tables_excluded = []\n\nlock_aim = 5\n").unwrap_err().trouble();
        assert_eq!(trouble.what, "`lock_aim` in bicuspid.toml, line 3, is not a setting");
        assert_eq!(trouble.hint, "did you mean `lock_aim_ms`?");
        assert_eq!(trouble.class.exit_code(), 2);
    }

    #[test]
    fn values_out_of_bounds_are_errors_with_a_line() {
        for (text, line) in [
            ("lock_aim_ms = 0", 1),
            ("lock_aim_ms = \"5\"", 1),
            ("\nshrink_share = 1.5", 2),
            ("shrink_share = nan", 1),
            ("columns_excluded = [\"SSN\"]", 1),
            ("[column_types]\n\"a.b\" = \"jsonb\"", 2),
            ("type_policy = \"mysql\"", 1),
            ("source_time_zone = \"'; DROP\"", 1),
            ("quiet_hours = \"mon-fri 07:30-18:00\"", 1),
            ("\nquiet_hours = [\"mon-fri 07:30-18:00\",\n\"sun\"]", 2),
            ("threads_busy = 0", 1),
            ("\nthreads_critical = 8", 2),
            ("\nthreads_busy = 32", 2),
            ("answer_busy_ms = 300\nanswer_critical_ms = 300", 2),
            ("critical_wait_seconds = -1", 1),
            ("distribute_by = \"patient\"", 1),
            ("\ndistribute_by = \"table\"", 2),
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, SettingsError::Config { line: l, .. } if l == line), "{text}: {error:?}");
        }
        assert!(matches!(parse("a = \n").unwrap_err(), SettingsError::Toml { line: 1, .. }));
    }

    #[test]
    fn every_type_of_the_target_can_be_written() {
        for target in [
            TargetType::Bool,
            TargetType::Int8,
            TargetType::Numeric { precision: 20, scale: 0 },
            TargetType::Float8,
            TargetType::Timestamp,
            TargetType::Time,
            TargetType::Json,
            TargetType::VarBit { width: 8 },
        ] {
            assert_eq!(TargetType::parse(&target.to_string()), Some(target));
        }
        assert_eq!(TargetType::parse("text(5)"), None);
    }
}

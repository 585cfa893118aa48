//! Both ends of the valve, opened the same way by every command.

use std::time::Duration;

use bicuspid_guard::session::SessionLimits;
use bicuspid_model::{Class, Endpoint, Environment, Side, Table, Trouble};
use bicuspid_opendental::{TypePolicy, facts, model_table};
use bicuspid_source::{Pace, Source, SourceOptions};
use bicuspid_sync::{SyncSettings, TableChoice};
use bicuspid_target::DemoEndpoint;

use crate::App;
use crate::cli::{Haste, OneOrAll, VERSION};
use crate::report::Stop;
use crate::settings::{Settings, SettingsError};

/// Environments and their settings, or what is wrong with those.
type Loaded = Vec<(Environment, Result<Settings, SettingsError>)>;

/// The settings of each environment that is asked for. Where all are asked for and none is set up here, an answer that
/// all is well would be about nothing: that stops, and `state` says what was not done.
pub(crate) fn environments(asked: OneOrAll, app: &App, state: &str) -> Result<Loaded, Stop> {
    let load =
        |environment: &Environment| (*environment, Settings::load(*environment, &app.globals, &app.process));
    let loaded: Loaded = asked.environments().iter().map(load).collect();
    let is_nothing =
        |settings: &Result<Settings, SettingsError>| settings.as_ref().is_ok_and(Settings::is_empty);
    if asked == OneOrAll::All && loaded.iter().all(|(_, settings)| is_nothing(settings)) {
        return Err(nothing_set_up(state));
    }
    Ok(loaded)
}

/// No environment is set up where all were asked for.
pub(crate) fn nothing_set_up(state: &str) -> Stop {
    Stop::from(Trouble {
        code: "settings::nothing".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: "no environment is set up here".to_owned(),
        why: "there is neither an environment file in this folder nor a variable that names a server"
            .to_owned(),
        state: state.to_owned(),
        hint: "`bicuspid init` writes templates".to_owned(),
    })
}

/// How the source is to be read under these settings.
pub(crate) fn source_options(settings: &Settings, haste: Haste) -> SourceOptions {
    let (pace, now) = (Pace::from(haste.pace), haste.now);
    let mut options = SourceOptions { pace, lock_aim: lock_aim(settings), ..SourceOptions::default() };
    let limits = SessionLimits { time_zone: settings.config.source_time_zone.clone(), ..options.limits };
    options.limits = limits;
    options.quiet_hours = settings.config.quiet_hours.clone().filter(|_| !now);
    options.load = settings.config.load;
    options.filters.clone_from(&settings.config.row_filters);
    options
}

/// Connects to the source, which refuses an account that may do more than read it.
pub(crate) async fn open_source(at: &Endpoint, settings: &Settings, haste: Haste) -> Result<Source, Stop> {
    Ok(Source::connect(at, source_options(settings, haste)).await?)
}

/// The demo's endpoint without the name of its database, which is not a setting.
pub(crate) fn demo_endpoint(at: &Endpoint) -> DemoEndpoint {
    DemoEndpoint {
        host: at.host.clone(),
        user: at.user.clone(),
        password: at.password.clone(),
        tls: at.tls.clone(),
    }
}

/// The tables that the demo database may hold: those of a stock Open Dental.
pub(crate) fn demo_tables() -> Vec<Table> {
    let stock = facts().tables().iter().filter(|table| table.stock);
    stock.filter_map(|table| model_table(table.name, TypePolicy::Dbt)).collect()
}

/// What a run is told, from bicuspid.toml.
pub(crate) fn sync_settings(settings: &Settings, tables: Option<&[String]>, haste: Haste) -> SyncSettings {
    let config = &settings.config;
    let mut staging = config.staging_dir.clone().unwrap_or_else(|| settings.state_dir.path().join("staging"));
    if let Some(site) = &settings.site {
        // A run begins by clearing away what earlier ones left in its folder.
        staging.push(site.as_str());
    }
    let mut told = SyncSettings::new(settings.environment, staging, VERSION);
    told.tables =
        tables.map(|names| names.iter().cloned().collect()).or_else(|| config.tables_included.clone());
    told.choice = if tables.is_some() { TableChoice::ThisRun } else { TableChoice::Settings };
    told.tables_excluded.clone_from(&config.tables_excluded);
    told.columns_excluded.clone_from(&config.columns_excluded);
    told.secrets_included.clone_from(&config.secrets_included);
    told.column_types.clone_from(&config.column_types);
    told.type_policy = config.type_policy;
    told.reader_role.clone_from(&config.reader_role);
    told.pace = haste.pace.into();
    told.quiet_hours = config.quiet_hours.clone().filter(|_| !haste.now);
    told.lock_aim = lock_aim(settings);
    if let Some(share) = config.shrink_share {
        told.shrink_share = share;
    }
    if let Some(seconds) = config.proof_budget_seconds {
        told.proof_budget = Duration::from_secs(seconds.into());
    }
    if let Some(hours) = config.proof_hours {
        told.proof_age_max = Duration::from_hours(hours.into());
    }
    if let Some(bytes) = config.keyless_bytes_max {
        told.keyless_bytes_max = bytes;
    }
    if let Some(megabytes) = config.staging_memory_mb {
        told.staging_memory_bytes =
            usize::try_from(megabytes).unwrap_or(usize::MAX).saturating_mul(1024 * 1024);
    }
    told.staging_memory_bytes /= settings.runs_beside;
    told.runs_beside = settings.runs_beside;
    told
}

/// A hint that names `bicuspid grants`, `enroll` or `status` is completed with the environment, so that it can be run
/// as it stands; names of variables get the prefix of the test environment.
pub(crate) fn in_environment(mut trouble: Trouble, settings: &Settings) -> Trouble {
    let environment = settings.environment;
    for command in ["grants", "enroll", "status", "plan", "sync", "check", "verify"] {
        let bare = format!("`bicuspid {command}`");
        if trouble.hint.contains(&bare) {
            trouble.hint = trouble.hint.replace(&bare, &format!("`bicuspid {command} --env {environment}`"));
        }
    }
    if let Some(site) = &settings.site {
        let (one, of_site) = (format!("--env {environment}"), format!("--env {environment} --site {site}"));
        if !trouble.hint.contains(&of_site) {
            trouble.hint = trouble.hint.replace(&one, &of_site);
        }
    }
    let prefixed: &[(&str, &str)] = match environment {
        Environment::Clinic => &[],
        Environment::Test => &[("SOURCE_DB_", "TEST_SOURCE_DB_"), ("TARGET_DB_", "TEST_TARGET_DB_")],
        Environment::Demo => {
            if trouble.side == Side::Target {
                trouble.side = Side::Demo;
            }
            &[("TARGET_DB_", "DEMO_POSTGRES_")]
        }
    };
    for (name, full) in prefixed {
        trouble.hint = trouble.hint.replace(name, full);
    }
    trouble
}

fn lock_aim(settings: &Settings) -> Duration {
    settings.config.lock_aim_ms.map_or(Duration::from_millis(10), |ms| Duration::from_millis(u64::from(ms)))
}

/// Splits `a,b` lists of flags.
pub(crate) fn list(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() { Err("a name is empty".to_owned()) } else { Ok(name.to_owned()) }
}

/// The troubles of a stop, completed for the environment.
pub(crate) fn stop_in_environment(stop: Stop, settings: &Settings) -> Stop {
    Stop(Box::new(stop.0.map_troubles(|trouble| in_environment(trouble, settings))))
}

//! A clinic database and a target database of one test, and the flow between them.

use std::path::PathBuf;
use std::sync::Mutex;

use bicuspid_model::{Environment, FingerprintKey};
use bicuspid_sandbox::testing::{self, MariaDbDatabase, PostgresDatabase};
use bicuspid_source::{Pace, Source, SourceOptions};
use bicuspid_sync::{
    Event, PlanReport, RunInfo, SyncError, SyncReport, SyncSettings, TableReport, VerifiedTable, VerifyReport,
};
use bicuspid_target::{Analytics, Schemas};

pub(crate) type Watch = Box<dyn Fn(&Event) + Send + Sync>;

pub(crate) struct Pair {
    pub(crate) clinic: MariaDbDatabase,
    pub(crate) target: PostgresDatabase,
    pub(crate) settings: SyncSettings,
    pub(crate) options: SourceOptions,
    pub(crate) events: Mutex<Vec<Event>>,
    /// Called with every event, from within the run.
    pub(crate) watch: Option<Watch>,
    /// Silence after which the target is asked whether it is at work, if not the usual one.
    pub(crate) quiet: Option<std::time::Duration>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
    runs: Mutex<u32>,
}

impl Pair {
    pub(crate) fn new(prefix: &str) -> Self {
        Self::over(testing::servers().mariadb_database(prefix), prefix)
    }

    pub(crate) fn over(clinic: MariaDbDatabase, prefix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let staging: PathBuf = folder.path().join("staging");
        let settings = SyncSettings::new(Environment::Test, staging, "0.0.0-test");
        Self {
            clinic,
            target: testing::servers().postgres_database(prefix),
            settings,
            options: SourceOptions { pace: Pace::Full, ..SourceOptions::default() },
            events: Mutex::default(),
            watch: None,
            quiet: None,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
            _folder: folder,
            runs: Mutex::new(0),
        }
    }

    pub(crate) fn try_sync(&self) -> Result<SyncReport, SyncError> {
        self.runtime.block_on(self.syncing())
    }

    /// A run that has not begun.
    pub(crate) async fn syncing(&self) -> Result<SyncReport, SyncError> {
        let run_id = {
            let mut runs = self.runs.lock().unwrap();
            *runs += 1;
            format!("run-{runs}")
        };
        let look = match self.quiet {
            Some(quiet) => Analytics::connect_with(&self.target.endpoint, &Schemas::alone(), quiet).await?,
            None => Analytics::connect(&self.target.endpoint, &Schemas::alone()).await?,
        };
        let key = FingerprintKey::new([42; 16]);
        let policy = self.settings.type_policy.name();
        let identity = look.enrol(Environment::Test, key, policy, "0.0.0-test").await?;
        let writer = look.into_writer(identity).await?;
        let source = Source::connect(&self.clinic.endpoint, self.options.clone()).await?;
        let run = RunInfo { run_id, started_at: "2026-01-01T00:00:00Z".into() };
        let listener = |event| {
            if let Some(watch) = &self.watch {
                watch(&event);
            }
            self.events.lock().unwrap().push(event);
        };
        bicuspid_sync::sync(source, writer, &self.settings, &run, &listener).await
    }

    pub(crate) fn sync(&self) -> SyncReport {
        self.try_sync().unwrap()
    }

    pub(crate) fn plan(&self) -> PlanReport {
        self.runtime
            .block_on(async {
                let look = Analytics::connect(&self.target.endpoint, &Schemas::alone()).await?;
                let mut source = Source::connect(&self.clinic.endpoint, self.options.clone()).await?;
                bicuspid_sync::plan(&mut source, &look, &self.settings).await
            })
            .unwrap()
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        self.verify_heard(&|_| {})
    }

    /// The same, with its events told to whoever watches runs.
    pub(crate) fn verify_watched(&self) -> VerifyReport {
        self.verify_heard(&|event| {
            if let Some(watch) = &self.watch {
                watch(&event);
            }
        })
    }

    fn verify_heard(&self, listener: &(dyn Fn(Event) + Send + Sync)) -> VerifyReport {
        self.runtime
            .block_on(async {
                let look = Analytics::connect(&self.target.endpoint, &Schemas::alone()).await?;
                let source = Source::connect(&self.clinic.endpoint, self.options.clone()).await?;
                bicuspid_sync::verify(source, &look, &self.settings, listener).await
            })
            .unwrap()
    }

    /// Runs what a test does with the crates themselves.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// One cell of the target, as text.
    pub(crate) fn cell(&self, sql: &str) -> Option<String> {
        self.target.query(sql).into_iter().next().and_then(|row| row.into_iter().next()).flatten()
    }

    /// Transaction, place and time of writing of every row of a table: they move if a row is written.
    pub(crate) fn marks(&self, table: &str) -> Vec<Vec<Option<String>>> {
        self.target.query(&format!(
            "SELECT xmin::text, ctid::text, _loaded_at::text FROM raw.\"{table}\" ORDER BY ctid"
        ))
    }
}

pub(crate) fn table<'a>(report: &'a SyncReport, name: &str) -> &'a TableReport {
    report.tables.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("no table {name} in the report"))
}

pub(crate) fn verified<'a>(report: &'a VerifyReport, name: &str) -> &'a VerifiedTable {
    report.tables.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("no table {name} in the report"))
}

/// Missing, extra and different rows of a table.
pub(crate) fn difference(report: &VerifyReport, name: &str) -> (u64, u64, u64) {
    let table = verified(report, name);
    (table.missing, table.extra, table.different)
}

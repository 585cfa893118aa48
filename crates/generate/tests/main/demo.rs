//! The demo database of one test. Its name is a constant, so tests take turns on the one server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bicuspid_generate::{
    Condition, GenerateError, GenerateReport, GenerateSettings, Listener, Plan, RunInfo, plan,
};
use bicuspid_guard::Identity;
use bicuspid_model::{Date, FingerprintKey};
use bicuspid_practice::Settings;
use bicuspid_sandbox::testing::{self, PostgresDatabase};
use bicuspid_target::DemoEndpoint;

static TURN: Mutex<u32> = Mutex::new(0);

pub(crate) struct DemoDatabase {
    pub(crate) database: PostgresDatabase,
    runtime: tokio::runtime::Runtime,
    runs: AtomicU32,
    turn: MutexGuard<'static, u32>,
}

impl DemoDatabase {
    /// Waits for its turn, and makes the database anew.
    pub(crate) fn new() -> Self {
        let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        *turn += 1;
        let servers = testing::servers();
        servers.postgres_admin("postgres", "DROP DATABASE IF EXISTS opendental_demo WITH (FORCE)");
        let database = servers.postgres().named_database("opendental_demo", &format!("demo_user_{turn}"));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { database, runtime, runs: AtomicU32::new(0), turn }
    }

    pub(crate) fn settings(&self, patients: u32, seed: u64) -> GenerateSettings {
        let at = &self.database.endpoint;
        GenerateSettings {
            practice: practice(patients, seed),
            condition: Condition::Clean,
            endpoint: DemoEndpoint {
                host: at.host.clone(),
                user: at.user.clone(),
                password: at.password.clone(),
                tls: at.tls.clone(),
            },
            known: None,
        }
    }

    pub(crate) fn plan(&self, settings: GenerateSettings) -> Result<Plan, GenerateError> {
        self.runtime.block_on(plan(settings))
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn rehearse(&self, plan: &Plan) -> GenerateReport {
        self.runtime.block_on(plan.rehearse()).unwrap()
    }

    pub(crate) fn run(&self, plan: Plan) -> Result<GenerateReport, GenerateError> {
        self.run_heard(plan, &|_| {})
    }

    pub(crate) fn run_heard(
        &self,
        plan: Plan,
        listener: &Listener<'_>,
    ) -> Result<GenerateReport, GenerateError> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let info = RunInfo {
            run_id: format!("run-{run}"),
            started_at: "2026-01-01T00:00:00Z".into(),
            tool_version: "0.0.0-test".into(),
            key: FingerprintKey::new([7; 16]),
        };
        self.runtime.block_on(plan.run(info, listener))
    }

    pub(crate) fn generate(&self, patients: u32, seed: u64) -> Result<GenerateReport, GenerateError> {
        let plan = self.plan(self.settings(patients, seed))?;
        self.run(plan)
    }

    /// The identity that the database has if it is the one that is expected.
    pub(crate) fn identity(&self) -> Identity {
        self.plan(self.settings(60, 1)).unwrap().identity().unwrap()
    }

    /// The code of the refusal and its whole text, after making sure that it is one.
    pub(crate) fn refusal(&self, settings: GenerateSettings) -> (String, String) {
        let trouble = self.plan(settings).map(|_| ()).unwrap_err().trouble();
        assert_eq!(trouble.class.exit_code(), 3, "{trouble:?}");
        assert_eq!(trouble.side.name(), "demo", "{trouble:?}");
        (trouble.code, trouble.why)
    }

    pub(crate) fn admin(&self, statements: &str) {
        self.database.admin(statements);
    }

    /// One cell, as text.
    pub(crate) fn cell(&self, sql: &str) -> Option<String> {
        self.database.query(sql).into_iter().next().and_then(|row| row.into_iter().next()).flatten()
    }

    /// A number for names that no other test of the server has.
    pub(crate) fn number(&self) -> u32 {
        *self.turn
    }
}

pub(crate) fn practice(patients: u32, seed: u64) -> Settings {
    Settings::new(patients, seed, Date::from_ymd(2026, 3, 2).unwrap())
}

//! Where the pages get what they show: asked of the databases in sessions that refuse to write, and kept for a moment,
//! so that a page that is loaded again and again burdens nobody.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bicuspid_dashboard::view::{
    CheckVerdict, CheckView, Copy, DatabaseView, FactVerdict, FactView, Feed, FigureView, Log,
    MeasuredPractice, Pending, Place, Practice, Role, Safety,
};
use bicuspid_generate::{Extent, QualityReport, QualityRow, Verdict, measure};
use bicuspid_ledger::{Anchor, AuditLog, LedgerError, RunStore};
use bicuspid_model::{Environment, Side};
use bicuspid_target::{Demo, Generation};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::clock;
use crate::commands::{check, ends, status};
use crate::journal::{LOG, RUNS};
use crate::known::KnownDatabases;
use crate::report::{Stop, fault};
use crate::settings::Settings;

/// How long what the copies say is shown before they are asked again.
const COPIES_FOR: Duration = Duration::from_secs(5);
/// The same for what is asked of the clinic's server itself, in a session of its own.
const SAFETY_FOR: Duration = Duration::from_mins(1);
/// The same for the audit log, which is read as a whole.
const LOGS_FOR: Duration = Duration::from_secs(5);

/// Something that was learned, and when.
struct Kept<T>(Mutex<Option<(Instant, T)>>);

impl<T: Clone> Kept<T> {
    const fn new() -> Self {
        Self(Mutex::const_new(None))
    }

    /// What is known, learned anew if that was long ago. Several who ask at a time wait for one answer.
    async fn get(&self, good_for: Duration, learn: impl Future<Output = T>) -> T {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = kept.as_ref()
            && at.elapsed() < good_for
        {
            return value.clone();
        }
        let value = learn.await;
        *kept = Some((Instant::now(), value.clone()));
        value
    }
}

/// The environments that are watched.
pub(super) struct Watch {
    settings: Vec<Settings>,
    copies: Kept<Vec<Copy>>,
    safety: Kept<Vec<Safety>>,
    logs: Kept<Vec<Log>>,
    /// Measured once for each generation.
    practice: Mutex<Option<MeasuredPractice>>,
}

impl Watch {
    pub(super) fn new(settings: Vec<Settings>) -> Self {
        Self {
            settings,
            copies: Kept::new(),
            safety: Kept::new(),
            logs: Kept::new(),
            practice: Mutex::new(None),
        }
    }

    async fn ask_copies(&self) -> Vec<Copy> {
        let mut list = Vec::new();
        for settings in &self.settings {
            list.push(Box::pin(status::copy(settings)).await);
        }
        list
    }

    async fn ask_safety(&self) -> Vec<Safety> {
        let mut list = Vec::new();
        for settings in &self.settings {
            list.push(Box::pin(safety(settings)).await);
        }
        list
    }

    async fn ask_logs(&self) -> Vec<Log> {
        let mut folders: Vec<PathBuf> =
            self.settings.iter().map(|settings| settings.state_dir.path().to_owned()).collect();
        folders.sort();
        folders.dedup();
        // A long log takes a while; other pages need not wait for it.
        let read =
            tokio::task::spawn_blocking(move || folders.iter().filter_map(|folder| log(folder)).collect());
        read.await.unwrap_or_default()
    }

    async fn ask_practice(&self, settings: &Settings) -> Result<Option<MeasuredPractice>, Stop> {
        let at = settings.target()?;
        let endpoint = ends::demo_endpoint(&at);
        let known = KnownDatabases::read(&settings.state_dir)?.find(Environment::Demo, None, &at);
        let demo = Demo::connect_to_read(&endpoint).await?;
        demo.judge(&at.user, known.as_ref()).await?;
        let Some(generation) = demo.generation().await? else { return Ok(None) };
        let mut kept = self.practice.lock().await;
        if let Some(measured) = kept.as_ref()
            && measured.run_id == generation.run_id
        {
            return Ok(Some(measured.clone()));
        }
        let report = Box::pin(measure(&endpoint, known.as_ref(), Extent::Everything, |_| {})).await?;
        let measured = practice(&generation, report);
        *kept = Some(measured.clone());
        Ok(Some(measured))
    }
}

impl Feed for Watch {
    fn now(&self) -> OffsetDateTime {
        clock::now()
    }

    fn places(&self) -> Vec<Place> {
        let place = |settings: &Settings| Place {
            environment: settings.environment,
            site: settings.site.as_ref().map(ToString::to_string),
            folder: settings.state_dir.path().to_owned(),
        };
        self.settings.iter().map(place).collect()
    }

    fn copies(&self) -> Pending<'_, Vec<Copy>> {
        Box::pin(self.copies.get(COPIES_FOR, self.ask_copies()))
    }

    fn safety(&self) -> Pending<'_, Vec<Safety>> {
        Box::pin(self.safety.get(SAFETY_FOR, self.ask_safety()))
    }

    fn practice(&self) -> Pending<'_, Option<Practice>> {
        Box::pin(async {
            let settings = self.settings.iter().find(|s| s.environment == Environment::Demo)?;
            let measured = Box::pin(self.ask_practice(settings)).await;
            let measured = measured.map_err(|stop| {
                let Stop(stopped) = ends::stop_in_environment(stop, settings);
                stopped.troubles().first().cloned().unwrap_or_else(|| fault("a stop without a reason"))
            });
            Some(Practice { measured })
        })
    }

    fn logs(&self) -> Pending<'_, Vec<Log>> {
        Box::pin(self.logs.get(LOGS_FOR, self.ask_logs()))
    }
}

/// Looks at the databases of an environment as `bicuspid check` does.
async fn safety(settings: &Settings) -> Safety {
    let (checks, troubles) = Box::pin(check::look(settings)).await;
    let roles: &[(Role, Side)] = match settings.environment {
        Environment::Demo => &[(Role::Demo, Side::Demo)],
        Environment::Clinic | Environment::Test => {
            &[(Role::Source, Side::Source), (Role::Target, Side::Target)]
        }
    };
    let databases = roles.iter().map(|(role, side)| {
        let of_side = checks.iter().filter(|check| check.side == side.name());
        let connection =
            of_side.clone().find(|check| check.name == "connection" && check.verdict == check::Verdict::Ok);
        DatabaseView {
            role: *role,
            title: connection.map(|check| check.detail.clone()),
            identity: if *role == Role::Source { None } else { known_as(settings) },
            checks: of_side
                .filter(|check| check.name != "connection" || connection.is_none())
                .map(view)
                .collect(),
        }
    });
    Safety {
        environment: settings.environment,
        looked_at: clock::rfc3339(clock::now()),
        databases: databases.collect(),
        troubles,
    }
}

fn view(check: &check::Check) -> CheckView {
    CheckView {
        name: check.name.to_owned(),
        verdict: match check.verdict {
            check::Verdict::Ok => CheckVerdict::Ok,
            check::Verdict::Warn => CheckVerdict::Warn,
            check::Verdict::Refused => CheckVerdict::Refused,
            check::Verdict::Unreachable => CheckVerdict::Unreachable,
        },
        detail: check.detail.clone(),
        remedy: check.remedy.clone(),
    }
}

/// What this machine remembers of the database that is written.
fn known_as(settings: &Settings) -> Option<String> {
    let at = settings.target().ok()?;
    let identity = KnownDatabases::read(&settings.state_dir).ok()?.find(
        settings.environment,
        settings.site.as_ref(),
        &at,
    )?;
    Some(format!(
        "{}, enrolled as {}: cluster {}, database oid {}",
        identity.database, identity.environment, identity.system_identifier, identity.oid
    ))
}

/// The audit log of a state folder, compared with the heads that the records of runs keep; `None` if nothing was done.
fn log(folder: &Path) -> Option<Log> {
    let path = folder.join(LOG);
    // A log that is gone shows by what was kept of it elsewhere.
    if !AuditLog::is_known(&path) && !folder.join(RUNS).is_dir() {
        return None;
    }
    let read = || -> Result<Log, LedgerError> {
        let runs =
            if folder.join(RUNS).is_dir() { RunStore::at(folder.join(RUNS)).list()?.0 } else { Vec::new() };
        let anchors: Vec<Anchor> = runs.into_iter().filter_map(|run| run.audit_head).collect();
        let verdict = AuditLog::verify(&path, &anchors)?;
        Ok(Log {
            path: path.clone(),
            faults: verdict.faults.iter().map(ToString::to_string).collect(),
            entries: verdict.records,
            anchors: anchors.len(),
            trouble: None,
        })
    };
    Some(read().unwrap_or_else(|error| Log {
        path: path.clone(),
        entries: Vec::new(),
        faults: Vec::new(),
        anchors: 0,
        trouble: Some(error.trouble()),
    }))
}

fn practice(generation: &Generation, report: QualityReport) -> MeasuredPractice {
    MeasuredPractice {
        run_id: report.run_id,
        patients: report.patients.into(),
        rows: report.rows_generated,
        start_date: report.start_date,
        end_date: report.end_date,
        seed: report.seed,
        condition: report.condition,
        measured_at: clock::rfc3339(clock::now()),
        tables: generation
            .tables
            .iter()
            .filter(|table| table.rows > 0)
            .map(|table| (table.name.clone(), table.rows))
            .collect(),
        facts: report.quality.into_iter().map(fact).collect(),
    }
}

fn fact(row: QualityRow) -> FactView {
    let figures = row.figures.into_iter();
    FactView {
        id: row.id.to_owned(),
        section: row.section.to_owned(),
        what: row.what.to_owned(),
        target: row.target,
        tolerance: row.tolerance,
        measured: row.measured,
        of: row.of,
        verdict: match row.verdict {
            Verdict::Holds => FactVerdict::Holds,
            Verdict::Deviates => FactVerdict::Deviates,
            Verdict::Planted => FactVerdict::Planted,
            Verdict::Broken => FactVerdict::Broken,
            Verdict::TooFew => FactVerdict::TooFew,
            Verdict::Context => FactVerdict::Context,
        },
        figures: figures
            .map(|figure| FigureView { name: figure.name, measured: figure.measured, target: figure.target })
            .collect(),
    }
}

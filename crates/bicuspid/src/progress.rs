//! Shows how far a run is: a bar on a terminal, plain lines elsewhere. Broken output never breaks a run.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bicuspid_sync::{Event, Mode, TableOutcome};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::live_file::LiveFile;
use crate::printer::{Printer, bytes, counted, grouped, plain, seconds};

/// How often a long table says that it is still being read, where nobody watches a bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Rows are copied.
    Copy,
    /// Both sides are compared.
    Proof,
}

/// Listens to a run and shows it.
pub(crate) struct Progress {
    printer: Printer,
    act: Act,
    bar: ProgressBar,
    live: LiveFile,
    inner: Mutex<Inner>,
}

struct Inner {
    began: Instant,
    tables: usize,
    tables_done: usize,
    rows: u64,
    rows_estimate: u64,
    bytes: u64,
    table: String,
    mode: Mode,
    table_began: Instant,
    table_rows: u64,
    table_bytes: u64,
    /// Rows of the table that the source's own hashes stood for.
    table_hashed: u64,
    told: Instant,
}

impl Progress {
    /// A listener that shows a bar if a person watches, and tells pages of the run.
    pub(crate) fn new(printer: Printer, act: Act, live: LiveFile) -> Self {
        let target =
            if printer.is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let now = Instant::now();
        let inner = Inner {
            began: now,
            tables: 0,
            tables_done: 0,
            rows: 0,
            rows_estimate: 0,
            bytes: 0,
            table: String::new(),
            mode: Mode::First,
            table_began: now,
            table_rows: 0,
            table_bytes: 0,
            table_hashed: 0,
            told: now,
        };
        Self { printer, act, bar, live, inner: Mutex::new(inner) }
    }

    /// Takes an event in.
    pub(crate) fn hear(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { tables, rows } => {
                inner.tables = tables;
                inner.rows_estimate = rows;
                self.bar.set_style(style());
                self.bar.set_length(rows);
                self.bar.enable_steady_tick(Duration::from_millis(200));
                let rows = counted(rows, "row");
                self.line(&format!("Reading {} with about {rows}", counted(inner.tables_u64(), "table")));
            }
            Event::Hours(hours) => {
                if hours.inside || hours.overruns {
                    self.bar.suspend(|| Printer::note(&format!("{} (--now overrides)", hours.text())));
                }
            }
            Event::TableBegun { name, mode, rows_estimate: _ } => {
                let now = Instant::now();
                (inner.table, inner.mode, inner.table_began, inner.told) = (plain(&name), mode, now, now);
                (inner.table_rows, inner.table_bytes, inner.table_hashed) = (0, 0, 0);
                self.show(&inner);
            }
            Event::Rows { rows, bytes } => {
                inner.rows += rows;
                inner.bytes += bytes;
                inner.table_rows += rows;
                inner.table_bytes += bytes;
                self.show(&inner);
                if inner.told.elapsed() >= LINE_EVERY {
                    inner.told = Instant::now();
                    self.line(&format!("  {}: {} so far", inner.table, counted(inner.table_rows, "row")));
                }
            }
            Event::Hashed { rows } => {
                inner.rows += rows;
                inner.table_hashed += rows;
                self.show(&inner);
            }
            Event::TableDone { name, outcome } => {
                inner.tables_done += 1;
                self.show(&inner);
                if inner.table_rows + inner.table_hashed == 0 && outcome != TableOutcome::Held {
                    return;
                }
                let hashed = match inner.table_hashed {
                    0 => String::new(),
                    rows => format!(", {} compared by hash", grouped(rows)),
                };
                self.line(&format!(
                    "  {}: {} read ({}){hashed}, {}, {}",
                    plain(&name),
                    counted(inner.table_rows, "row"),
                    bytes(inner.table_bytes),
                    seconds(inner.table_began.elapsed().as_secs_f64()),
                    outcome_text(self.act, outcome)
                ));
            }
            Event::Border(_) => {}
            Event::Publishing { changed: 0 } => self.tell(&inner, "publishing"),
            Event::Publishing { changed } => {
                self.tell(&inner, "publishing");
                let tables = counted(u64::try_from(changed).unwrap_or(u64::MAX), "changed table");
                self.bar.set_message(format!("publishing {tables}"));
                self.line(&format!("Publishing {tables} in one transaction"));
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Tells pages how far the run is.
    fn tell(&self, inner: &Inner, step: &str) {
        self.live.tell(|run| {
            (run.tables, run.tables_done) =
                (inner.tables_u64(), u64::try_from(inner.tables_done).unwrap_or(u64::MAX));
            (run.rows, run.rows_estimate, run.bytes) = (inner.rows, inner.rows_estimate, inner.bytes);
            run.table.clone_from(&inner.table);
            step.clone_into(&mut run.step);
        });
    }

    fn show(&self, inner: &Inner) {
        self.tell(inner, if self.act == Act::Copy { "reading" } else { "comparing" });
        // Estimates of InnoDB may be low; a bar that runs past its end would only irritate.
        self.bar.set_length(inner.rows_estimate.max(inner.rows));
        self.bar.set_position(inner.rows);
        let elapsed = inner.began.elapsed().as_secs().max(1);
        self.bar.set_message(format!(
            "{}/{} tables, {}, {}/s  {} ({})",
            grouped(u64::try_from(inner.tables_done).unwrap_or(u64::MAX)),
            grouped(inner.tables_u64()),
            bytes(inner.bytes),
            bytes(inner.bytes / elapsed),
            inner.table,
            inner.mode.name()
        ));
    }

    /// Says something in a line of its own where there is no bar.
    fn line(&self, text: &str) {
        if !self.printer.is_watched() {
            Printer::note(text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Inner {
    fn tables_u64(&self) -> u64 {
        u64::try_from(self.tables).unwrap_or(u64::MAX)
    }
}

fn style() -> ProgressStyle {
    // Characters that every console has.
    ProgressStyle::with_template(
        "{elapsed} [{bar:24}] {human_pos}/{human_len} rows, {per_sec}, {eta} left  {wide_msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("#>-")
}

const fn outcome_text(act: Act, outcome: TableOutcome) -> &'static str {
    match (act, outcome) {
        (_, TableOutcome::Published) => "changed",
        (_, TableOutcome::Unchanged) => "equal",
        (Act::Copy, TableOutcome::Held) => "held",
        (Act::Proof, TableOutcome::Held) => "NOT EQUAL",
    }
}

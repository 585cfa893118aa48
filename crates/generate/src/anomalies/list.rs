//! The list of planted anomalies as a file: JSON, one object a line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bicuspid_ledger::private;
use bicuspid_model::Value;
use serde_json::json;

use super::{Anomaly, Kind};
use crate::error::GenerateError;
use crate::report::GenerateReport;

/// Version of the list's own form.
const FORMAT: u32 = 1;
/// Longest first line of a file that is looked at.
const LINE_BYTES_MAX: u64 = 4096;

/// A place where a list may be written: nothing is there, or an earlier list.
#[derive(Debug, Clone)]
pub struct ListFile {
    path: PathBuf,
}

impl ListFile {
    /// Looks at the place; writes nothing.
    ///
    /// # Errors
    /// [`GenerateError::NotAList`] if something else is there, [`GenerateError::List`] if it could not be read.
    pub fn inspect(path: &Path) -> Result<Self, GenerateError> {
        match File::open(path) {
            Ok(file) => {
                let mut line = Vec::new();
                let read = BufReader::new(file.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line);
                let ours = read.is_ok()
                    && serde_json::from_slice::<serde_json::Value>(&line)
                        .is_ok_and(|head| head.get("bicuspid_anomalies").is_some());
                if !ours {
                    return Err(GenerateError::NotAList);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(GenerateError::List { cause }),
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Writes the list of a generation: a line that says which, and one for each anomaly.
    ///
    /// # Errors
    /// [`GenerateError::List`].
    pub fn write(&self, report: &GenerateReport, version: &str) -> Result<(), GenerateError> {
        let text = text(report, version).map_err(|cause| GenerateError::List { cause })?;
        private::replace(&self.path, &text).map_err(|cause| GenerateError::List { cause })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn text(report: &GenerateReport, version: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let head = json!({
        "bicuspid_anomalies": FORMAT,
        "version": version,
        "patients": report.patients,
        "seed": report.seed,
        "start_date": report.start_date,
        "end_date": report.end_date,
        "condition": report.condition,
        "anomalies": report.listed.len(),
    });
    serde_json::to_writer(&mut text, &head)?;
    text.write_all(b"\n")?;
    for anomaly in &report.listed {
        serde_json::to_writer(&mut text, anomaly)?;
        text.write_all(b"\n")?;
    }
    Ok(text)
}

/// How many there are of each kind; a kind of which there is none is told with 0.
pub(crate) fn counts_by_kind(anomalies: &[Anomaly]) -> Vec<(Kind, u64)> {
    let count = |kind| anomalies.iter().filter(|anomaly| anomaly.kind == kind).count();
    Kind::ALL.map(|kind| (kind, u64::try_from(count(kind)).unwrap_or(u64::MAX))).to_vec()
}

/// A value as JSON: dates and times as text, in the notation of PostgreSQL.
pub(super) fn shown(value: &Value) -> serde_json::Value {
    match value {
        Value::Null | Value::Bytes(_) => serde_json::Value::Null,
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Decimal(text) => text.as_str().into(),
        Value::Text(text) => text.as_ref().into(),
        Value::Date(date) => date.to_string().into(),
        Value::DateTime(moment) => moment.to_string().into(),
        Value::Time(micros) => (*micros).into(),
    }
}

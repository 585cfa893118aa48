//! The reports of runs in the state folder: a page for people, and the same as JSON.

use std::io;
use std::path::{Path, PathBuf};

use bicuspid_ledger::{RunRecord, private};

/// Name of the folder in the state folder.
pub(crate) const FOLDER: &str = "reports";
/// How many runs keep their report. What is older can be made again from the record of the run.
const KEPT_MAX: usize = 100;

/// Writes the report of a run, for its owner alone, and returns the page's path.
pub(crate) fn write(state: &Path, record: &RunRecord) -> io::Result<PathBuf> {
    let folder = state.join(FOLDER);
    private::create_dir(&folder)?;
    let page = folder.join(format!("{}.html", record.run_id));
    let mut json = serde_json::to_vec_pretty(record)?;
    json.push(b'\n');
    private::replace(&page.with_extension("json"), &json)?;
    private::replace(&page, bicuspid_dashboard::report_page(record).as_bytes())?;
    prune(&folder);
    Ok(page)
}

/// Removes the oldest reports; names of runs sort by time.
fn prune(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "html")).collect();
    pages.sort();
    let old = pages.len().saturating_sub(KEPT_MAX);
    for page in pages.iter().take(old) {
        let _ = std::fs::remove_file(page.with_extension("json"));
        let _ = std::fs::remove_file(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_reports_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let record = |n: usize| RunRecord {
            run_id: format!("20260302T21140{n:03}Z-0"),
            version: "0.1.0".into(),
            command: "sync".into(),
            environment: "test".into(),
            site: None,
            started_at: "2026-03-02T21:14:05Z".into(),
            finished_at: None,
            outcome: Some("done".into()),
            exit_code: Some(0),
            audit_head: None,
            report: json!({"tables": [{"name": "patient", "rows_target": 7}]}),
        };
        for n in 0..=KEPT_MAX {
            let page = write(dir.path(), &record(n)).unwrap();
            assert_ne!(private::is_private(&page).unwrap(), Some(false));
        }
        let page = |n: usize| dir.path().join(FOLDER).join(format!("{}.html", record(n).run_id));
        assert!(!page(0).exists() && !page(0).with_extension("json").exists());
        assert!(std::fs::read_to_string(page(1)).unwrap().contains("patient"));
        let json = std::fs::read(page(KEPT_MAX).with_extension("json")).unwrap();
        assert_eq!(serde_json::from_slice::<RunRecord>(&json).unwrap(), record(KEPT_MAX));
    }
}

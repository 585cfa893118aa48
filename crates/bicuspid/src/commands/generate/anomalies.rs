//! `generate --messy` and `--anomalies FILE`: what was planted, told by kind and listed one by one.

use bicuspid_generate::{GenerateReport, ListFile};

use super::GenerateArgs;
use crate::cli::VERSION;
use crate::printer::{Align, Printer, Table, counted, grouped};
use crate::report::{Report, Stop};

/// Where the list goes, if one was asked for; refuses to write over anything that is none.
pub(super) fn place(args: &GenerateArgs) -> Result<Option<ListFile>, Stop> {
    Ok(args.anomalies.as_deref().map(ListFile::inspect).transpose()?)
}

/// Prints how many there are of each kind.
pub(super) fn show(printer: Printer, report: &GenerateReport) {
    if report.anomalies.is_empty() {
        return;
    }
    let mut table = Table::new(&[("planted", Align::Left), ("rows", Align::Right)]);
    for planted in &report.anomalies {
        table.row([planted.kind.name().to_owned(), grouped(planted.count)]);
    }
    table.row(["total".to_owned(), grouped(report.anomalies.iter().map(|planted| planted.count).sum())]);
    printer.data(&table.to_string());
    printer.data("");
}

/// Writes the list. The rows are there already, whatever becomes of it.
pub(super) fn write(
    list: Option<&ListFile>,
    printer: Printer,
    generated: &GenerateReport,
    mut report: Report,
) -> Report {
    let Some(list) = list else { return report };
    match list.write(generated, VERSION) {
        Ok(()) => {
            let listed = u64::try_from(generated.listed.len()).unwrap_or(u64::MAX);
            printer.data(&format!("{} listed in {}", counted(listed, "anomaly"), list.path().display()));
            report.with("anomalies_file", list.path().display().to_string())
        }
        Err(error) => {
            let mut trouble = error.trouble();
            "the rows are written; their anomalies are not listed".clone_into(&mut trouble.state);
            report.add(trouble);
            report
        }
    }
}

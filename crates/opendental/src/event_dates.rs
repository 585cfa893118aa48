//! When the events of a table happened, as reports ask for them.

/// Tables of events, each with the column that holds the date by which reports choose its rows; sorted.
///
/// Lists and master files (patients, plans, fees) have no such date.
const EVENT_DATES: &[(&str, &str)] = &[
    ("adjustment", "AdjDate"),
    ("appointment", "AptDateTime"),
    ("apptremindersent", "ApptDateTime"),
    ("claim", "DateService"),
    ("claimpayment", "CheckDate"),
    ("claimproc", "ProcDate"),
    ("claimsnapshot", "DateTEntry"),
    ("claimtracking", "DateTimeEntry"),
    ("clockevent", "TimeDisplayed1"),
    ("commlog", "CommDateTime"),
    ("confirmationrequest", "ApptDateTime"),
    ("deposit", "DateDeposit"),
    ("document", "DateCreated"),
    ("emailmessage", "MsgDateTime"),
    ("entrylog", "EntryDateTime"),
    ("erxlog", "DateTStamp"),
    ("eservicelog", "LogDateTime"),
    ("etrans", "DateTimeTrans"),
    ("histappointment", "AptDateTime"),
    ("insbluebook", "ProcDate"),
    ("insbluebooklog", "DateTEntry"),
    ("inseditlog", "DateTStamp"),
    ("insverifyhist", "DateTimeEntry"),
    ("journalentry", "DateDisplayed"),
    ("labcase", "DateTimeCreated"),
    ("payment", "PayDate"),
    ("payplancharge", "ChargeDate"),
    ("paysplit", "DatePay"),
    ("perioexam", "ExamDate"),
    ("procedurelog", "ProcDate"),
    ("procnote", "EntryDateTime"),
    ("rxpat", "RxDate"),
    ("schedule", "SchedDate"),
    ("securitylog", "LogDateTime"),
    ("sheet", "DateTimeSheet"),
    ("signalod", "SigDateTime"),
    ("smsfrommobile", "DateTimeReceived"),
    ("smstomobile", "DateTimeSent"),
    ("statement", "DateSent"),
    ("taskhist", "DateTimeEntry"),
    ("tasknote", "DateTimeNote"),
    ("transaction", "DateTimeEntry"),
    ("treatplan", "DateTP"),
];

/// The column that says when a row of the table happened, `None` if its rows are no events.
#[must_use]
pub fn event_date(table: &str) -> Option<&'static str> {
    let place = EVENT_DATES.binary_search_by_key(&table, |(name, _)| name).ok()?;
    EVENT_DATES.get(place).map(|(_, column)| *column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts;
    use bicuspid_model::SourceType;

    #[test]
    fn every_date_is_one() {
        assert!(EVENT_DATES.is_sorted());
        for (table, column) in EVENT_DATES {
            let facts = facts().table(table).unwrap().column(column).unwrap();
            let dated =
                matches!(facts.source, SourceType::Date | SourceType::DateTime | SourceType::Timestamp);
            assert!(dated, "{table}.{column}");
        }
        assert_eq!(event_date("claimproc"), Some("ProcDate"));
        assert_eq!(event_date("patient"), None);
    }
}

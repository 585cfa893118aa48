//! What is measured, and that a wrong row is found by it.

use bicuspid_generate::{Explained, Extent, GenerateError, QualityReport, Verdict, explain, measure};
use bicuspid_target::DemoEndpoint;

use crate::demo::DemoDatabase;

fn endpoint(demo: &DemoDatabase) -> DemoEndpoint {
    demo.settings(30, 1).endpoint
}

fn measured(demo: &DemoDatabase, extent: Extent) -> Result<QualityReport, GenerateError> {
    demo.block_on(measure(&endpoint(demo), None, extent, |facts| {
        assert_eq!(facts.database, "opendental_demo");
    }))
}

fn told(demo: &DemoDatabase, patient: i64) -> Result<Explained, GenerateError> {
    demo.block_on(explain(&endpoint(demo), None, patient, |_| {}))
}

/// The rules that rows break.
fn broken(demo: &DemoDatabase) -> Vec<&'static str> {
    let report = measured(demo, Extent::Rules).unwrap();
    report.quality.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.id).collect()
}

#[test]
fn a_wrong_row_breaks_the_rule_that_it_is_against() {
    let demo = DemoDatabase::new();
    let nothing = measured(&demo, Extent::Rules).unwrap_err().trouble();
    assert_eq!((nothing.code.as_str(), nothing.class.exit_code()), ("generate::nothing_there", 2));
    demo.generate(300, 4).unwrap();
    let report = measured(&demo, Extent::Everything).unwrap();
    let empty: Vec<&str> =
        report.quality.iter().filter(|row| row.is_rule && row.of == 0).map(|row| row.id).collect();
    // A rule that looks at nothing proves nothing. Those are of patients who died, of whom there are few.
    assert!(empty.iter().all(|id| *id == "V9-death"), "{empty:?}");
    assert_eq!(report.seed, 4);
    let page = report.page();
    assert!(page.contains("<!DOCTYPE html>") && page.contains("300 patients") && !page.contains("http"));
    let already = broken(&demo);
    // Each against another rule, all at once: what is found must be those rules and no more.
    let changes = [
        ("UPDATE raw.patient SET \"EstBalance\" = \"EstBalance\" + 0.01 WHERE \"PatNum\" = 7", "M16-patient"),
        ("UPDATE raw.payment SET \"PayAmt\" = \"PayAmt\" + 0.01 WHERE \"PayNum\" = 1", "M17-splits"),
        (
            "UPDATE raw.claimpayment SET \"CheckDate\" = \"CheckDate\" + 40 WHERE \"ClaimPaymentNum\" = 1",
            "M16-months",
        ),
        (
            "UPDATE raw.paysplit SET \"PatNum\" = \"PatNum\" + 1 WHERE \"ProcNum\" <> 0 AND \"SplitNum\" < 20",
            "M16-procedure",
        ),
        ("UPDATE raw.procedurelog SET \"ProvNum\" = 999 WHERE \"ProcNum\" = 3", "keys"),
        ("UPDATE raw.patient SET \"HmPhone\" = '(503)222-1234' WHERE \"PatNum\" = 7", "X1"),
        ("UPDATE raw.commlog SET \"Note\" = 'Call 503-223-9999 back' WHERE \"CommlogNum\" = 1", "X1"),
        ("UPDATE raw.patient SET \"Email\" = 'somebody@gmail.com' WHERE \"PatNum\" = 7", "X2"),
        ("UPDATE raw.patient SET \"SSN\" = '123456789' WHERE \"PatNum\" = 7", "X3"),
        ("UPDATE raw.provider SET \"NationalProvID\" = '1234567893' WHERE \"ProvNum\" = 1", "X4"),
        ("UPDATE raw.patient SET \"Zip\" = '97201' WHERE \"PatNum\" = 7", "X6"),
        ("UPDATE raw.carrier SET \"CarrierName\" = 'MetLife' WHERE \"CarrierNum\" = 1", "X7"),
        ("UPDATE raw.patient SET \"ChartNumber\" = '4711' WHERE \"PatNum\" = 7", "X9"),
        ("UPDATE raw.commlog SET \"Note\" = 'from 84.17.3.9' WHERE \"CommlogNum\" = 2", "X11"),
        ("UPDATE raw.commlog SET \"Note\" = 'card 4111 1111 1111 1111' WHERE \"CommlogNum\" = 3", "X12"),
        ("UPDATE raw.patient SET \"EmployerNum\" = 5035551234 WHERE \"PatNum\" = 7", "X-numbers"),
        (
            "UPDATE raw.appointment SET \"DateTimeSeated\" = \"DateTimeArrived\" - INTERVAL '1 minute' WHERE \"AptStatus\" = 2",
            "A19",
        ),
        (
            "UPDATE raw.appointment SET \"AptDateTime\" = date_trunc('day', \"AptDateTime\") + INTERVAL '10 hours' WHERE \"AptStatus\" = 2",
            "A20",
        ),
        ("UPDATE raw.procedurelog SET \"ToothNum\" = '33' WHERE \"ToothNum\" <> ''", "V2"),
        (
            "UPDATE raw.procedurelog SET \"ProcDate\" = \"ProcDate\" - 36500 WHERE \"ProcStatus\" = 2 AND \"ProcNum\" % 10 = 0",
            "V9",
        ),
        ("UPDATE raw.claim SET \"DateReceived\" = \"DateSent\" - 1 WHERE \"ClaimStatus\" = 'R'", "C13"),
        ("UPDATE raw.claimproc SET \"InsPayAmt\" = \"FeeBilled\" + 1 WHERE \"Status\" = 1", "C15"),
    ];
    for (change, _) in &changes {
        demo.admin(change);
    }
    let found = broken(&demo);
    for (change, rule) in &changes {
        assert!(found.contains(rule) && !already.contains(rule), "{change}: {found:?}, before {already:?}");
    }
}

#[test]
fn a_life_is_told_in_order_with_the_rows_that_tell_it() {
    let demo = DemoDatabase::new();
    demo.generate(60, 5).unwrap();
    let patient: i64 = demo
        .cell("SELECT \"PatNum\" FROM raw.procedurelog WHERE \"ProcStatus\" = 2 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        .unwrap()
        .parse()
        .unwrap();
    let life = told(&demo, patient).unwrap();
    assert!(life.events.windows(2).all(|pair| pair[0].at.get(..10) <= pair[1].at.get(..10)));
    let done = life.events.iter().filter(|e| e.text.starts_with("Done: ")).count();
    let in_chart = demo.cell(&format!(
        "SELECT count(*) FROM raw.procedurelog JOIN raw.procedurecode USING (\"CodeNum\") \
         WHERE \"ProcStatus\" = 2 AND \"ProcCode\" ~ '^D' AND \"PatNum\" = {patient}"
    ));
    assert_eq!(Some(done.to_string()), in_chart);
    for table in &life.tables {
        let rows =
            demo.cell(&format!("SELECT count(*) FROM raw.{} WHERE \"PatNum\" = {patient}", table.name));
        assert_eq!(Some(table.rows.to_string()), rows, "{}", table.name);
    }
    for event in &life.events {
        assert!(event.key > 0 && !event.text.is_empty(), "{event:?}");
    }
    assert!(
        life.events.iter().any(|e| e.text.starts_with("Born: "))
            && life.tables.iter().any(|t| t.name == "appointment")
    );
    let nobody = told(&demo, 1_000_000).unwrap_err().trouble();
    assert_eq!((nobody.code.as_str(), nobody.class.exit_code()), ("generate::nobody", 2));
}

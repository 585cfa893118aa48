//! Rules that look at several columns or rows at once.

use std::collections::BTreeMap;

use bicuspid_model::Value;

use super::super::{Cells, made};

/// Rows of a table that do not hold to something.
fn against(table: &'static str, holds: impl Fn(&Cells<'_>) -> bool) -> usize {
    made().rows(table).filter(|row| !holds(row)).count()
}

#[test]
fn visits() {
    let end = made().settings.end_date;
    assert_eq!(against("appointment", |r| r.int("AptStatus") != 2 || r.date("AptDateTime") < Some(end)), 0);
    assert_eq!(against("appointment", |r| r.int("AptStatus") != 1 || r.date("AptDateTime").is_some()), 0);
    // Versions of an appointment follow each other, and the last one is what the appointment is.
    let mut last: BTreeMap<i64, (bicuspid_model::DateTime, i64)> = BTreeMap::new();
    for row in made().rows("histappointment") {
        let at = row.time("HistDateTStamp");
        let visit = row.int("AptNum");
        assert!(last.get(&visit).is_none_or(|(before, _)| *before <= at), "{visit}");
        assert!(row.int("AptStatus") != 2 || row.time("AptDateTime") <= at, "{visit}");
        last.insert(visit, (at, row.int("AptStatus")));
    }
    for row in made().rows("appointment") {
        assert_eq!(last[&row.int("AptNum")].1, row.int("AptStatus"));
    }
    // Rows of hours belong to a provider, and to no employee.
    assert_eq!(against("schedule", |r| r.int("SchedType") == 3 || r.int("EmployeeNum") == 0), 0);
    assert_eq!(against("schedule", |r| r.int("SchedType") == 1 || r.int("ProvNum") == 0), 0);
}

#[test]
fn claims() {
    let holds = |r: &Cells<'_>| match r.text("ClaimStatus") {
        "R" => r.date("DateReceived").is_some(),
        "S" => r.date("DateSent").is_some(),
        _ => true,
    };
    assert_eq!(against("claim", holds), 0);
    assert_eq!(against("claim", |r| r.cents("InsPayAmt") <= r.cents("ClaimFee")), 0);
    let taken = |r: &Cells<'_>| r.cents("DedApplied") + r.cents("InsPayAmt") + r.cents("WriteOff");
    assert_eq!(against("claim", |r| taken(r) <= r.cents("ClaimFee")), 0);
    assert_eq!(against("claim", |r| r.int("OrthoRemainM") <= r.int("OrthoTotalM")), 0);
    assert_eq!(against("claimpayment", |r| r.cents("CheckAmt") != 0 || r.int("PayType") == 0), 0);
    assert_eq!(against("claimpayment", |r| r.int("PayType") != 463 || r.cents("CheckAmt") == 0), 0);
    assert_eq!(against("insbluebook", |r| r.cents("AllowedOverride") >= -100), 0);
    assert_eq!(
        against("disease", |r| r.date("DateStop").is_none() || r.date("DateStart") <= r.date("DateStop")),
        0
    );
}

#[test]
fn money() {
    assert_eq!(against("payment", |r| r.int("PayType") != 0 || r.cents("PayAmt") == 0), 0);
    assert_eq!(against("payment", |r| r.cents("PayAmt") >= 0 || [69, 70, 72].contains(&r.int("PayType"))), 0);
    let set = |r: &Cells<'_>, column| r.int(column) != 0;
    assert_eq!(against("paysplit", |r| !(set(r, "AdjNum") && set(r, "PayPlanChargeNum"))), 0);
    assert_eq!(against("paysplit", |r| !set(r, "PayPlanNum") || set(r, "PayPlanChargeNum")), 0);
    assert_eq!(against("paysplit", |r| !(set(r, "ProcNum") && set(r, "AdjNum"))), 0);
    let placed = |r: &Cells<'_>| {
        [0, 288, 439, 598, 641].contains(&r.int("UnearnedType"))
            || set(r, "ProcNum")
            || set(r, "AdjNum")
            || set(r, "PayPlanChargeNum")
    };
    assert_eq!(against("paysplit", placed), 0);
    assert_eq!(against("paysplit", |r| r.int("UnearnedType") != 439 || set(r, "ProvNum")), 0);
    // A transfer moves no money: each part of an amount against another of the same amount and person.
    let transfers: std::collections::BTreeSet<i64> =
        made().rows("payment").filter(|r| r.int("PayType") == 0).map(|r| r.int("PayNum")).collect();
    let mut pairs: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
    for row in made().rows("paysplit").filter(|r| transfers.contains(&r.int("PayNum"))) {
        let amount = row.cents("SplitAmt");
        assert_eq!(row.int("UnearnedType"), if amount < 0 { 288 } else { 0 });
        *pairs.entry((row.int("PayNum"), row.int("PatNum"), amount.abs())).or_default() += amount.signum();
    }
    assert!(!pairs.is_empty() && pairs.values().all(|rest| *rest == 0));
    let deposits = made().by_key("deposit");
    let mut banked: BTreeMap<i64, i64> = BTreeMap::new();
    for (table, amount) in [("payment", "PayAmt"), ("claimpayment", "CheckAmt")] {
        for row in made().rows(table).filter(|r| r.int("DepositNum") != 0) {
            *banked.entry(row.int("DepositNum")).or_default() += row.cents(amount);
        }
    }
    assert_eq!(banked.len(), deposits.len());
    for (deposit, amount) in banked {
        assert_eq!(deposits[&deposit].cents("Amount"), amount, "{deposit}");
    }
    let mut books: BTreeMap<i64, i64> = BTreeMap::new();
    for row in made().rows("journalentry") {
        *books.entry(row.int("TransactionNum")).or_default() +=
            row.cents("DebitAmt") - row.cents("CreditAmt");
    }
    assert!(!books.is_empty() && books.values().all(|rest| *rest == 0));
}

#[test]
fn lists() {
    let codes = |r: &Cells<'_>| {
        let code = r.text("ProcCode");
        code.strip_prefix(['D', 'N']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            || (code.starts_with('~') && code.ends_with('~'))
    };
    assert_eq!(against("procedurecode", codes), 0);
    assert_eq!(against("recalltrigger", |r| r.int("RecallTypeNum") != 0 && r.int("CodeNum") != 0), 0);
    assert_eq!(against("sheetfielddef", |r| r.int("Height") > 0 && r.int("Width") >= 0), 0);
    assert_eq!(against("program", |r| r.int("Enabled") == 0 || r.int("IsDisabledByHq") == 0), 0);
    let hours = |r: &Cells<'_>, column| match r.cell(column) {
        Value::Time(v) => *v,
        _ => -1,
    };
    let parts = ["RegHours", "OTimeHours", "PtoHours"];
    assert_eq!(against("timeadjust", |r| parts.iter().all(|c| hours(r, c) >= 0)), 0);
    assert_eq!(against("timeadjust", |r| parts.iter().map(|c| hours(r, c)).sum::<i64>() > 0), 0);
    assert_eq!(against("patient", |r| hours(r, "SchedBeforeTime") <= hours(r, "SchedAfterTime")), 0);
    assert_eq!(against("patient", |r| r.int("PriProv") != r.int("SecProv")), 0);
}

/// Of the fees of a code, the one that was entered last is the office's.
#[test]
fn fees() {
    let mut latest: BTreeMap<i64, (Option<bicuspid_model::Date>, Vec<i64>)> = BTreeMap::new();
    for row in made().rows("fee") {
        assert_eq!(row.int("ClinicNum"), 0);
        let (on, schedules) = latest.entry(row.int("CodeNum")).or_default();
        let entered = row.date("SecDateEntry");
        if entered > *on {
            (*on, *schedules) = (entered, Vec::new());
        }
        if entered == *on {
            schedules.push(row.int("FeeSched"));
        }
    }
    assert!(latest.len() > 100 && latest.values().all(|(on, schedules)| on.is_some() && *schedules == [1]));
}

/// Definitions that are looked up by value.
#[test]
fn definitions() {
    let under = |category: i64, value: &str| {
        made()
            .rows("definition")
            .filter(|r| r.int("Category") == category && r.text("ItemValue") == value)
            .map(|r| r.text("ItemName"))
            .collect::<Vec<_>>()
    };
    assert_eq!(under(2, "0"), ["0"]);
    let specialties = ["General", "Hygiene", "Orthodontics", "Periodontics", "Endodontics", "Oral Surgery"];
    for row in made().rows("provider") {
        let names = under(3, &row.int("Specialty").to_string());
        assert!(names.len() == 1 && specialties.contains(&names[0]), "{names:?}");
    }
    let labels = [
        "Check",
        "Cash",
        "Credit Card",
        "Care Credit",
        "Stripe",
        "Patient Refund",
        "Cherry",
        "Lending Club",
        "ProceedFinance",
        "Insurance Interest",
        "Sunbit",
        "Administrative",
    ];
    let by_key = made().by_key("definition");
    for row in made().rows("payment").filter(|r| r.int("PayType") != 0) {
        let kind = by_key[&row.int("PayType")];
        assert_eq!(kind.int("Category"), 10);
        assert!(labels.contains(&kind.text("ItemName")), "{}", kind.text("ItemName"));
    }
    for row in made().rows("adjustment") {
        assert_eq!(by_key[&row.int("AdjType")].int("Category"), 1);
    }
    assert!(by_key.len() >= 100);
}

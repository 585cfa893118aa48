//! The books, added up again from the rows alone, in cents.

use std::collections::BTreeMap;

use super::{Cells, Made, made};

const COMPLETE: i64 = 2;
const ESTIMATE: i64 = 6;
const RECEIVED: i64 = 1;

/// Debts of each patient: day and amount of each charge, and the sum of all credits.
fn accounts(made: &Made) -> BTreeMap<i64, (Vec<(i32, i64)>, i64)> {
    let mut accounts: BTreeMap<i64, (Vec<(i32, i64)>, i64)> = BTreeMap::new();
    let mut enter = |patient: i64, day: i32, amount: i64| {
        let account = accounts.entry(patient).or_default();
        if amount > 0 {
            account.0.push((day, amount));
        } else {
            account.1 -= amount;
        }
    };
    let day = |row: &Cells<'_>, column: &str| row.date(column).unwrap().days();
    for row in made.rows("procedurelog").filter(|r| r.int("ProcStatus") == COMPLETE) {
        enter(row.int("PatNum"), day(&row, "ProcDate"), row.cents("ProcFee"));
    }
    for row in made.rows("adjustment") {
        enter(row.int("PatNum"), day(&row, "AdjDate"), row.cents("AdjAmt"));
    }
    for row in made.rows("paysplit") {
        enter(row.int("PatNum"), day(&row, "DatePay"), -row.cents("SplitAmt"));
    }
    for row in made.rows("claimproc").filter(|r| r.int("Status") == RECEIVED) {
        enter(row.int("PatNum"), day(&row, "DateCP"), -row.cents("InsPayAmt") - row.cents("WriteOff"));
    }
    accounts
}

#[test]
fn balances_are_what_the_ledger_says() {
    let owing = balances(made());
    assert!(owing > 50, "{owing}");
}

/// Checks the balances of every patient and account; how many are not nothing.
pub(super) fn balances(made: &Made) -> i64 {
    let accounts = accounts(made);
    let mut families: BTreeMap<i64, (Vec<(i32, i64)>, i64)> = BTreeMap::new();
    let mut owing = 0;
    for row in made.rows("patient") {
        let (charges, credits) = accounts.get(&row.int("PatNum")).cloned().unwrap_or_default();
        let balance = charges.iter().map(|c| c.1).sum::<i64>() - credits;
        assert_eq!(row.cents("EstBalance"), balance);
        owing += i64::from(balance != 0);
        let family = families.entry(row.int("Guarantor")).or_default();
        family.0.extend(charges);
        family.1 += credits;
    }
    let as_of = made.settings.end_date.days();
    for row in made.rows("patient") {
        let parts = ["BalOver90", "Bal_61_90", "Bal_31_60", "Bal_0_30"].map(|c| row.cents(c));
        if row.int("Guarantor") != row.int("PatNum") {
            assert!(parts.iter().all(|p| *p == 0) && row.cents("BalTotal") == 0 && row.cents("InsEst") == 0);
            continue;
        }
        let (charges, mut credits) = families[&row.int("PatNum")].clone();
        let aged = |from: i32, to: i32| -> i64 {
            charges.iter().filter(|(day, _)| (from..=to).contains(&(as_of - day))).map(|c| c.1).sum()
        };
        let mut expected = [aged(91, i32::MAX), aged(61, 90), aged(31, 60), aged(0, 30)];
        for part in &mut expected {
            let paid = credits.min(*part);
            *part -= paid;
            credits -= paid;
        }
        expected[3] -= credits;
        assert_eq!(parts, expected, "patient {}", row.int("PatNum"));
        assert_eq!(row.cents("BalTotal"), parts.iter().sum::<i64>());
    }
    owing
}

#[test]
fn insurance_estimates_are_those_of_open_claims() {
    let made = made();
    let heads: BTreeMap<i64, i64> =
        made.rows("patient").map(|r| (r.int("PatNum"), r.int("Guarantor"))).collect();
    let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
    for row in made.rows("claimproc").filter(|r| r.int("Status") == 0) {
        *expected.entry(heads[&row.int("PatNum")]).or_default() +=
            row.cents("InsPayEst") + row.cents("WriteOff");
    }
    assert!(!expected.is_empty());
    for row in made.rows("patient") {
        assert_eq!(row.cents("InsEst"), expected.get(&row.int("PatNum")).copied().unwrap_or_default());
    }
}

#[test]
fn payments_are_the_sum_of_their_splits() {
    payments(made());
}

/// Checks every payment of a patient beside its splits.
pub(super) fn payments(made: &Made) {
    let mut splits: BTreeMap<i64, i64> = BTreeMap::new();
    let procedures = made.by_key("procedurelog");
    for row in made.rows("paysplit") {
        *splits.entry(row.int("PayNum")).or_default() += row.cents("SplitAmt");
        let about = ["ProcNum", "AdjNum", "UnearnedType"].map(|c| row.int(c));
        assert_eq!(about.iter().filter(|a| **a != 0).count(), 1);
        if let Some(procedure) = procedures.get(&row.int("ProcNum")) {
            assert_eq!(procedure.int("ProcStatus"), COMPLETE);
            assert_eq!(procedure.int("PatNum"), row.int("PatNum"));
            assert_eq!(procedure.int("ProvNum"), row.int("ProvNum"));
            assert!(procedure.date("ProcDate") <= row.date("DatePay"));
        }
    }
    let payments = made.by_key("payment");
    assert_eq!(payments.len(), splits.len());
    for (num, payment) in payments {
        assert_eq!(payment.cents("PayAmt"), splits[&num]);
        assert_eq!(payment.cents("PayAmt") == 0, payment.int("PayType") == 0);
        assert_eq!(payment.cents("PayAmt") < 0, payment.int("PayType") == 72);
    }
}

#[test]
fn what_is_paid_ahead_is_moved_and_never_more_than_that() {
    let made = made();
    let mut ahead: BTreeMap<i64, i64> = BTreeMap::new();
    let (mut paid, mut moved) = (0, 0);
    for row in made.rows("paysplit").filter(|r| r.int("UnearnedType") != 0) {
        *ahead.entry(row.int("PatNum")).or_default() += row.cents("SplitAmt");
        if row.cents("SplitAmt") > 0 { paid += 1 } else { moved += 1 }
    }
    assert!(ahead.values().all(|left| *left >= 0));
    assert!(moved > 10 && paid > 10, "{paid} {moved}");
}

#[test]
fn claims_and_checks_are_the_sum_of_their_lines() {
    claims(made());
}

/// Checks every claim and every payment of an insurer beside its lines.
pub(super) fn claims(made: &Made) {
    let mut lines: BTreeMap<i64, Vec<Cells<'_>>> = BTreeMap::new();
    let mut checks: BTreeMap<i64, i64> = BTreeMap::new();
    for row in made.rows("claimproc") {
        if row.int("Status") == ESTIMATE {
            assert!(row.int("ClaimNum") == 0 && row.cents("InsPayAmt") == 0 && row.cents("WriteOff") == 0);
            continue;
        }
        lines.entry(row.int("ClaimNum")).or_default().push(row);
        if row.int("ClaimPaymentNum") != 0 {
            *checks.entry(row.int("ClaimPaymentNum")).or_default() += row.cents("InsPayAmt");
        } else {
            assert_eq!(row.cents("InsPayAmt"), 0);
        }
    }
    let claims = made.by_key("claim");
    assert_eq!(claims.len(), lines.len());
    for (num, claim) in &claims {
        let lines = &lines[num];
        let sum = |column: &str| lines.iter().map(|l| l.cents(column)).sum::<i64>();
        for (column, of_lines) in [
            ("ClaimFee", "FeeBilled"),
            ("InsPayEst", "InsPayEst"),
            ("InsPayAmt", "InsPayAmt"),
            ("WriteOff", "WriteOff"),
            ("DedApplied", "DedApplied"),
        ] {
            assert_eq!(claim.cents(column), sum(of_lines), "claim {num} {column}");
        }
        let received = claim.text("ClaimStatus") == "R";
        for line in lines {
            assert_eq!(line.int("Status") == RECEIVED, received);
            assert_eq!(line.int("PatNum"), claim.int("PatNum"));
            assert_eq!(line.int("PlanNum"), claim.int("PlanNum"));
            assert_eq!(line.date("ProcDate"), claim.date("DateService"));
        }
        assert_eq!(claim.date("DateReceived").is_some(), received);
    }
    for row in made.rows("claimpayment") {
        assert_eq!(row.cents("CheckAmt"), checks[&row.int("ClaimPaymentNum")]);
    }
    assert_eq!(checks.len(), made.rows("claimpayment").count());
}

#[test]
fn nobody_pays_more_than_was_charged_and_plans_keep_their_limits() {
    let made = made();
    let procedures = made.by_key("procedurelog");
    let mut settled: BTreeMap<i64, i64> = BTreeMap::new();
    let mut years: BTreeMap<(i64, i64, i32), (i64, i64)> = BTreeMap::new();
    let plans = made.by_key("insplan");
    for row in made.rows("claimproc").filter(|r| r.int("Status") != ESTIMATE) {
        let procedure = &procedures[&row.int("ProcNum")];
        assert_eq!(procedure.int("ProcStatus"), COMPLETE);
        assert_eq!(procedure.cents("ProcFee"), row.cents("FeeBilled"));
        assert!(row.cents("InsPayAmt") >= 0 && row.cents("WriteOff") >= 0);
        let paid =
            if row.int("Status") == RECEIVED { row.cents("InsPayAmt") } else { row.cents("InsPayEst") };
        *settled.entry(row.int("ProcNum")).or_default() += paid + row.cents("WriteOff");
        let (year, month, _) = row.date("ProcDate").unwrap().ymd();
        let renews = plans[&row.int("PlanNum")].int("MonthRenew");
        let year = if i64::from(month) < renews { year - 1 } else { year };
        let used = years.entry((row.int("PatNum"), row.int("InsSubNum"), year)).or_default();
        used.0 += paid;
        used.1 += row.cents("DedApplied");
    }
    for (num, amount) in settled {
        assert!(amount <= procedures[&num].cents("ProcFee"), "procedure {num}");
    }
    let mut limits: BTreeMap<i64, (Option<i64>, i64)> = BTreeMap::new();
    for row in made.rows("benefit").filter(|r| r.int("CovCatNum") == 1) {
        let limit = limits.entry(row.int("PlanNum")).or_default();
        match row.int("BenefitType") {
            2 => limit.1 = row.cents("MonetaryAmt"),
            5 => limit.0 = Some(row.cents("MonetaryAmt")),
            _ => {}
        }
    }
    let subscriptions: BTreeMap<i64, i64> =
        made.rows("inssub").map(|r| (r.int("InsSubNum"), r.int("PlanNum"))).collect();
    let mut at_limit = 0;
    for ((_, subscription, _), (paid, deductible)) in years {
        let (maximum, most) = limits.get(&subscriptions[&subscription]).copied().unwrap_or_default();
        assert!(maximum.is_none_or(|m| paid <= m));
        assert!(deductible <= most);
        at_limit += usize::from(maximum == Some(paid));
    }
    assert!(at_limit > 0);
}

//! The books, added up again from single entries, in cents.

use std::collections::{BTreeMap, HashMap, HashSet};

use bicuspid_model::Date;
use bicuspid_practice::Preset;

use super::super::figures::columns::{Columns, NONE};
use super::Verdicts;

const COMPLETE: i64 = 2;
const RECEIVED: i64 = 1;
const ESTIMATE: i64 = 6;

/// One entry in the books: what it adds to the debt of a patient.
struct Entry {
    patient: i64,
    provider: i64,
    on: i64,
    /// When it was written.
    at: i64,
    amount: i64,
}

pub(super) fn look(columns: &Columns, verdicts: &mut Verdicts) {
    let entries = entries(columns);
    balances(columns, &entries, verdicts);
    statements(columns, &entries, verdicts);
    months(columns, &entries, verdicts);
    payments(columns, verdicts);
    limits(columns, verdicts);
    fees(columns, verdicts);
}

fn entries(columns: &Columns) -> Vec<Entry> {
    let mut entries = Vec::new();
    for [patient, provider, on, at, fee, status] in
        columns.rows("procedurelog", ["PatNum", "ProvNum", "ProcDate", "DateTStamp", "ProcFee", "ProcStatus"])
    {
        if status == COMPLETE {
            entries.push(Entry { patient, provider, on, at, amount: fee });
        }
    }
    for [patient, provider, on, at, amount] in
        columns.rows("adjustment", ["PatNum", "ProvNum", "AdjDate", "SecDateTEdit", "AdjAmt"])
    {
        entries.push(Entry { patient, provider, on, at, amount });
    }
    for [patient, provider, on, at, amount] in
        columns.rows("paysplit", ["PatNum", "ProvNum", "DatePay", "SecDateTEdit", "SplitAmt"])
    {
        entries.push(Entry { patient, provider, on, at, amount: -amount });
    }
    for [patient, provider, on, at, paid, off, status] in columns
        .rows("claimproc", ["PatNum", "ProvNum", "DateCP", "SecDateTEdit", "InsPayAmt", "WriteOff", "Status"])
    {
        if status == RECEIVED {
            entries.push(Entry { patient, provider, on, at, amount: -paid - off });
        }
    }
    entries
}

fn balances(columns: &Columns, entries: &[Entry], verdicts: &mut Verdicts) {
    let heads: HashMap<i64, i64> =
        columns.rows("patient", ["PatNum", "Guarantor"]).map(|[p, g]| (p, g)).collect();
    let mut of: HashMap<i64, i64> = HashMap::new();
    let mut families: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for entry in entries {
        *of.entry(entry.patient).or_default() += entry.amount;
        families.entry(heads[&entry.patient]).or_default().push((entry.on, entry.amount));
    }
    let none = Vec::new();
    for [key, guarantor, own, total, to_30, to_60, to_90, over_90] in columns.rows(
        "patient",
        ["PatNum", "Guarantor", "EstBalance", "BalTotal", "Bal_0_30", "Bal_31_60", "Bal_61_90", "BalOver90"],
    ) {
        verdicts.look("M16 a patient's balance", of.get(&key).copied().unwrap_or_default() == own);
        verdicts.look("M17 ages that are not the balance", to_30 + to_60 + to_90 + over_90 == total);
        if columns.settings.preset == Preset::Dbt {
            verdicts.look("a negative age of debt", to_30 >= 0 && to_60 >= 0 && to_90 >= 0 && over_90 >= 0);
        }
        let account = if key == guarantor { families.get(&key).unwrap_or(&none) } else { &none };
        verdicts.look("M16 an account's balance", account.iter().map(|(_, a)| a).sum::<i64>() == total);
        // Credits pay the oldest charges first.
        let mut credits: i64 = -account.iter().map(|(_, a)| a.min(&0)).sum::<i64>();
        let aged = |from: i64, to: i64| -> i64 {
            let age = |on: i64| columns.end() - on;
            account.iter().filter(|(on, a)| *a > 0 && (from..=to).contains(&age(*on))).map(|(_, a)| a).sum()
        };
        let mut parts = [aged(91, i64::MAX), aged(61, 90), aged(31, 60), aged(0, 30)];
        for part in &mut parts {
            let paid = credits.min(*part);
            *part -= paid;
            credits -= paid;
        }
        parts[3] -= credits;
        verdicts.look("M17 the age of a debt", parts == [over_90, to_90, to_60, to_30]);
    }
}

/// What a statement says is what the account showed at that moment.
fn statements(columns: &Columns, entries: &[Entry], verdicts: &mut Verdicts) {
    let heads: HashMap<i64, i64> =
        columns.rows("patient", ["PatNum", "Guarantor"]).map(|[p, g]| (p, g)).collect();
    let mut accounts: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for entry in entries {
        accounts.entry(heads[&entry.patient]).or_default().push((entry.at, entry.amount));
    }
    for [head, at, total] in columns.rows("statement", ["PatNum", "DateTStamp", "BalTotal"]) {
        let before = |limit: &dyn Fn(i64) -> bool| -> i64 {
            accounts[&head].iter().filter(|(when, _)| limit(*when)).map(|(_, a)| a).sum()
        };
        verdicts
            .look("M16 a statement's balance", before(&|w| w <= at) == total || before(&|w| w < at) == total);
    }
}

/// At the end of every month, by patient and account, by provider and for the practice, by documents and by their lines.
fn months(columns: &Columns, entries: &[Entry], verdicts: &mut Verdicts) {
    let month = |on: i64| {
        let (year, month, _) = Date::from_days(i32::try_from(on).unwrap()).ymd();
        (year, month)
    };
    let people: HashSet<i64> = columns.rows("patient", ["PatNum"]).map(|[p]| p).collect();
    let providers: HashSet<i64> = columns.rows("provider", ["ProvNum"]).map(|[p]| p).collect();
    // Of the month: all entries, those of known patients, those of known providers.
    let mut sums: BTreeMap<(i32, u8), [i64; 3]> = BTreeMap::new();
    for entry in entries {
        let [all, patients, by_provider] = sums.entry(month(entry.on)).or_default();
        *all += entry.amount;
        *patients += if people.contains(&entry.patient) { entry.amount } else { 0 };
        *by_provider += if providers.contains(&entry.provider) { entry.amount } else { 0 };
    }
    let mut documents: BTreeMap<(i32, u8), [i64; 6]> = BTreeMap::new();
    for (table, on, amount, place) in [
        ("payment", "PayDate", "PayAmt", 0),
        ("paysplit", "DatePay", "SplitAmt", 1),
        ("claimpayment", "CheckDate", "CheckAmt", 2),
    ] {
        for [on, amount] in columns.rows(table, [on, amount]) {
            documents.entry(month(on)).or_default()[place] += amount;
        }
    }
    for [on, paid, status] in columns.rows("claimproc", ["DateCP", "InsPayAmt", "Status"]) {
        if status == RECEIVED {
            documents.entry(month(on)).or_default()[3] += paid;
        }
    }
    for [on, paid, status] in columns.rows("claim", ["DateReceived", "InsPayAmt", "ClaimStatus"]) {
        if columns.text(status) == "R" {
            documents.entry(month(on)).or_default()[4] += paid;
        }
    }
    let mut running = [0; 3];
    for of_month in sums.values() {
        for (sum, own) in running.iter_mut().zip(of_month) {
            *sum += own;
        }
        verdicts.look("M16 patients and practice at the end of a month", running[0] == running[1]);
        verdicts.look("M16 providers and practice at the end of a month", running[0] == running[2]);
    }
    for [paid, split, checks, lines, claims, _] in documents.values() {
        verdicts.look("M16 payments and their parts in a month", paid == split);
        verdicts.look("M16 checks, claims and their lines in a month", checks == lines && checks == claims);
    }
    // What is settled of a procedure at the end of a month is never more than was charged for it.
    let mut charged: HashMap<i64, (i64, i64)> = HashMap::new();
    for [key, fee, on, status] in
        columns.rows("procedurelog", ["ProcNum", "ProcFee", "ProcDate", "ProcStatus"])
    {
        if status == COMPLETE {
            charged.insert(key, (fee, on));
        }
    }
    for [key, on, amount] in columns.rows("paysplit", ["ProcNum", "DatePay", "SplitAmt"]) {
        if key != 0 {
            let done = charged.get(&key);
            verdicts.look("M18 a payment for what was not done", done.is_some_and(|(_, day)| *day <= on));
            verdicts.look("M16 a part of nothing", amount != 0);
        }
    }
    for [key, claim, status, on] in columns.rows("claimproc", ["ProcNum", "ClaimNum", "Status", "DateCP"]) {
        if claim != 0 || status != ESTIMATE {
            let done = charged.get(&key);
            verdicts.look("M18 a claim for what was not done", done.is_some_and(|(_, day)| *day <= on));
        }
    }
}

fn payments(columns: &Columns, verdicts: &mut Verdicts) {
    let mut splits: HashMap<i64, i64> = HashMap::new();
    let mut ahead: HashMap<i64, i64> = HashMap::new();
    for [payment, amount, unearned, patient] in
        columns.rows("paysplit", ["PayNum", "SplitAmt", "UnearnedType", "PatNum"])
    {
        *splits.entry(payment).or_default() += amount;
        if unearned != 0 {
            *ahead.entry(patient).or_default() += amount;
        }
    }
    for left in ahead.values() {
        verdicts.look("M18 more used than was paid ahead", *left >= 0);
    }
    for [key, amount] in columns.rows("payment", ["PayNum", "PayAmt"]) {
        verdicts.look("M17 a payment and its parts", splits.get(&key) == Some(&amount));
    }
    let mut of_check: HashMap<i64, i64> = HashMap::new();
    let mut of_claim: HashMap<i64, [i64; 3]> = HashMap::new();
    for [check, claim, fee, paid, off] in
        columns.rows("claimproc", ["ClaimPaymentNum", "ClaimNum", "FeeBilled", "InsPayAmt", "WriteOff"])
    {
        *of_check.entry(check).or_default() += paid;
        for (sum, own) in of_claim.entry(claim).or_default().iter_mut().zip([fee, paid, off]) {
            *sum += own;
        }
    }
    verdicts.look("M17 money of no check", of_check.remove(&0).unwrap_or_default() == 0);
    for [key, amount] in columns.rows("claimpayment", ["ClaimPaymentNum", "CheckAmt"]) {
        verdicts.look("M17 a check and its lines", of_check.get(&key) == Some(&amount));
    }
    for [key, fee, paid, off] in columns.rows("claim", ["ClaimNum", "ClaimFee", "InsPayAmt", "WriteOff"]) {
        verdicts.look("M17 a claim and its lines", of_claim.get(&key) == Some(&[fee, paid, off]));
    }
}

/// What plans pay at most.
fn limits(columns: &Columns, verdicts: &mut Verdicts) {
    let plans: HashMap<i64, (i64, i64)> =
        columns.rows("insplan", ["PlanNum", "MonthRenew", "FeeSched"]).map(|[p, m, f]| (p, (m, f))).collect();
    let fees: HashMap<i64, (i64, i64)> =
        columns.rows("procedurelog", ["ProcNum", "ProcFee", "PatNum"]).map(|[p, f, n]| (p, (f, n))).collect();
    let mut limits: HashMap<i64, (Option<i64>, i64)> = HashMap::new();
    for [plan, category, kind, amount] in
        columns.rows("benefit", ["PlanNum", "CovCatNum", "BenefitType", "MonetaryAmt"])
    {
        let limit = limits.entry(plan).or_default();
        match (kind, category) {
            (2, 1) => limit.1 = amount,
            (5, 1) => limit.0 = Some(amount),
            _ => {}
        }
    }
    let mut settled: HashMap<i64, i64> = HashMap::new();
    let mut years: HashMap<(i64, i64, i64, i32), [i64; 2]> = HashMap::new();
    for [procedure, patient, plan, status, billed, paid, estimate, off, deductible, on, subscription] in
        columns.rows(
            "claimproc",
            [
                "ProcNum",
                "PatNum",
                "PlanNum",
                "Status",
                "FeeBilled",
                "InsPayAmt",
                "InsPayEst",
                "WriteOff",
                "DedApplied",
                "ProcDate",
                "InsSubNum",
            ],
        )
    {
        if status == ESTIMATE {
            continue;
        }
        let paid = if status == RECEIVED { paid } else { estimate };
        let (renews, network) = plans[&plan];
        verdicts.look("F7 a write-off outside a network", off == 0 || network != 0);
        verdicts.look("C15 a line above its fee", paid >= 0 && off >= 0 && paid + off <= billed);
        verdicts
            .look("C15 a line of another patient or fee", fees.get(&procedure) == Some(&(billed, patient)));
        *settled.entry(procedure).or_default() += paid + off;
        let (year, month, _) = Date::from_days(i32::try_from(on).unwrap()).ymd();
        let year = if i64::from(month) < renews { year - 1 } else { year };
        let [used, met] = years.entry((patient, subscription, plan, year)).or_default();
        *used += paid;
        *met += deductible;
    }
    for (procedure, amount) in settled {
        verdicts.look("C15 more than was charged", amount <= fees[&procedure].0);
    }
    for ((_, _, plan, _), [used, met]) in years {
        let (maximum, deductible) = limits.get(&plan).copied().unwrap_or_default();
        verdicts.look("C15 the yearly maximum", maximum.is_none_or(|m| used <= m));
        verdicts.look("C15 the yearly deductible", met <= deductible);
    }
}

fn fees(columns: &Columns, verdicts: &mut Verdicts) {
    let mut seen = HashSet::new();
    for [schedule, code, amount] in columns.rows("fee", ["FeeSched", "CodeNum", "Amount"]) {
        verdicts.look("F3 two fees for one code", seen.insert((schedule, code)));
        verdicts.look("F3 broken dollars", amount % 100 == 0 && amount != NONE);
    }
}

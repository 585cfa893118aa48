//! Plans, claims, payments and debts.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::columns::{Columns, NONE, day};
use super::figure::{Figure, float, ratio};

const YEAR: i64 = 365;

pub(crate) fn figures(columns: &Columns) -> Vec<Figure> {
    let mut out = plans(columns);
    out.extend(claims(columns));
    out.extend(books(columns));
    out.extend(office(columns));
    out
}

fn plans(columns: &Columns) -> Vec<Figure> {
    let end = columns.end();
    let visits = super::people::kept(columns);
    let seen: HashSet<i64> =
        visits.iter().filter(|(_, v)| v.iter().any(|d| *d >= end - 2 * YEAR)).map(|(k, _)| *k).collect();
    let plan_facts: HashMap<i64, (i64, i64)> =
        columns.rows("insplan", ["PlanNum", "FeeSched", "MonthRenew"]).map(|[p, f, r]| (p, (f, r))).collect();
    let kinds: HashMap<i64, i64> =
        columns.rows("insplan", ["PlanNum", "PlanType"]).map(|[p, k]| (p, k)).collect();
    let plans: HashMap<i64, i64> =
        columns.rows("inssub", ["InsSubNum", "PlanNum"]).map(|[s, p]| (s, p)).collect();
    let mut first: HashMap<i64, i64> = HashMap::new();
    let mut held: BTreeMap<i64, i64> = BTreeMap::new();
    for [patient, sub, ordinal] in columns.rows("patplan", ["PatNum", "InsSubNum", "Ordinal"]) {
        if ordinal == 1 {
            first.insert(patient, plans[&sub]);
        }
        *held.entry(plans[&sub]).or_default() += 1;
    }
    let public = |p: &i64| first.get(p).is_some_and(|plan| plan_facts[plan].0 == 5);
    let private = |p: &i64| first.get(p).is_some_and(|plan| plan_facts[plan].0 != 5);
    let of = |keep: &dyn Fn(&i64) -> bool| seen.iter().filter(|p| keep(p)).count();
    let mut out = vec![
        Figure::share("F8 private", of(&private), seen.len(), 60.0, 8.0),
        Figure::share("F8 public", of(&public), seen.len(), 12.0, 8.0),
        Figure::share("F8 none", of(&|p| !first.contains_key(p)), seen.len(), 28.0, 8.0),
    ];
    // Plans count by the patients that they cover.
    let mut maxima: HashMap<i64, i64> = HashMap::new();
    let mut deductibles: HashMap<i64, i64> = HashMap::new();
    let mut percents: HashMap<(i64, i64), i64> = HashMap::new();
    let mut waived: HashSet<i64> = HashSet::new();
    for [plan, category, kind, percent, amount] in
        columns.rows("benefit", ["PlanNum", "CovCatNum", "BenefitType", "Percent", "MonetaryAmt"])
    {
        match (kind, category) {
            (5, 1) => _ = maxima.insert(plan, amount),
            (2, 1) => _ = deductibles.insert(plan, amount),
            (2, _) if amount == 0 => _ = waived.insert(plan),
            (1, c) => _ = percents.insert((plan, c), percent),
            _ => {}
        }
    }
    let commercial: Vec<(i64, usize)> = held
        .iter()
        .filter(|(p, _)| plan_facts[p].0 != 5)
        .map(|(p, n)| (*p, usize::try_from(*n).unwrap()))
        .collect();
    let whole: usize = commercial.iter().map(|(_, n)| n).sum();
    let weigh = |keep: &dyn Fn(i64) -> bool| {
        commercial.iter().filter(|(p, _)| keep(*p)).map(|(_, n)| n).sum::<usize>()
    };
    let maximum = |p: i64| maxima.get(&p).copied().unwrap_or(i64::MAX) / 100;
    for (name, kind, target) in
        [("network", "p", 87.0), ("HMO", "c", 6.0), ("indemnity", "", 5.0), ("other", "f", 2.0)]
    {
        let n = weigh(&|p| columns.text(kinds[&p]) == kind);
        out.push(Figure::share(format!("F11 {name}"), n, whole, target, 4.0));
    }
    out.push(Figure::share("F13 to 1,000", weigh(&|p| maximum(p) <= 1000), whole, 34.0, 6.0));
    out.push(Figure::share("F13 from 2,500", weigh(&|p| maximum(p) >= 2500), whole, 15.0, 6.0));
    let amounts = [750, 1000, 1250, 1500, 2000, 2500].map(|a| weigh(&|p| maximum(p) == a));
    out.push(Figure::distance(
        "F14",
        &[&amounts[..], &[weigh(&|p| maximum(p) >= 3000)]].concat(),
        &[4.0, 30.0, 5.0, 28.0, 18.0, 8.0, 7.0],
        0.10,
    ));
    let deductible = |p: i64| deductibles.get(&p).copied().unwrap_or_default() / 100;
    let network = |p: i64| columns.text(kinds[&p]) == "p";
    let deducted = weigh(&|p| network(p) && (50..=100).contains(&deductible(p)));
    out.push(Figure::share("F16", deducted, weigh(&network), 72.0, 8.0));
    let percent = |p: i64, c: i64| percents.get(&(p, c)).copied().unwrap_or_default();
    let core = weigh(&|p| percent(p, 2) == 100 && percent(p, 5) == 80 && percent(p, 9) == 50);
    out.push(Figure::share("F18", core, whole, 65.0, 15.0));
    let with: usize = weigh(&|p| deductible(p) > 0);
    out.push(Figure::share("F19", weigh(&|p| deductible(p) > 0 && waived.contains(&p)), with, 88.0, 8.0));
    let split: usize = weigh(&|p| percent(p, 5) != percent(p, 9));
    out.push(Figure::share(
        "F20",
        weigh(&|p| percent(p, 5) != percent(p, 9) && percent(p, 6) == percent(p, 5)),
        split,
        65.0,
        15.0,
    ));
    out.push(Figure::share("F21", weigh(&|p| plan_facts[&p].1 == 0), whole, 88.0, 8.0));
    out.push(at_maximum(columns, &maxima));
    out
}

/// Members that used up a benefit year.
fn at_maximum(columns: &Columns, maxima: &HashMap<i64, i64>) -> Figure {
    let year = i64::from(columns.settings.end_date.ymd().0) - 1;
    let mut used: HashMap<(i64, i64), i64> = HashMap::new();
    for [patient, plan, status, paid, on] in
        columns.rows("claimproc", ["PatNum", "PlanNum", "Status", "InsPayAmt", "ProcDate"])
    {
        let on = bicuspid_model::Date::from_days(i32::try_from(on).unwrap());
        if matches!(status, 1 | 4) && i64::from(on.ymd().0) == year {
            *used.entry((patient, plan)).or_default() += paid;
        }
    }
    let limited: Vec<_> = used.iter().filter(|((_, plan), _)| maxima.contains_key(plan)).collect();
    let reached = limited.iter().filter(|((_, plan), paid)| **paid >= maxima[plan]).count();
    Figure::value("F15", ratio(reached, limited.len()) * 100.0, limited.len(), 2.0, 6.0).needing(1000)
}

struct Claim {
    patient: i64,
    service: i64,
    sent: i64,
    status: char,
    received: i64,
    estimate: i64,
    paid: i64,
    primary: bool,
    resent: i64,
}

fn claims(columns: &Columns) -> Vec<Figure> {
    let end = columns.end();
    let claims: Vec<Claim> = columns
        .rows(
            "claim",
            [
                "PatNum",
                "DateService",
                "DateSentOrig",
                "ClaimStatus",
                "DateReceived",
                "InsPayEst",
                "InsPayAmt",
                "ClaimType",
                "DateResent",
            ],
        )
        .map(|[patient, service, sent, status, received, estimate, paid, kind, resent]| Claim {
            patient,
            service,
            sent,
            status: columns.text(status).chars().next().unwrap(),
            received,
            estimate,
            paid,
            primary: columns.text(kind) == "P",
            resent,
        })
        .collect();
    let mut out = Vec::new();
    let second = claims.iter().filter(|c| !c.primary).count();
    out.push(Figure::share("F12", second, claims.len(), 8.1, 3.0));
    let insured: HashSet<i64> = columns.rows("patplan", ["PatNum"]).map(|[p]| p).collect();
    let visits = super::people::kept(columns);
    let seen: HashSet<&i64> = visits
        .iter()
        .filter(|(p, v)| insured.contains(p) && v.iter().any(|d| *d >= end - YEAR))
        .map(|(p, _)| p)
        .collect();
    let of_year = claims.iter().filter(|c| c.service >= end - YEAR && seen.contains(&c.patient)).count();
    out.push(Figure::value("C2", ratio(of_year, seen.len()), of_year, 2.0, 3.0));
    let lines = columns.rows("claimproc", ["ClaimNum"]).filter(|[c]| *c != 0).count();
    out.push(Figure::value("C3", ratio(lines, claims.len()), claims.len(), 2.0, 2.9));
    let sent: Vec<&Claim> =
        claims.iter().filter(|c| c.primary && c.sent != NONE && c.service < end - 20).collect();
    let within = |days: i64| sent.iter().filter(|c| c.sent - c.service <= days).count();
    out.push(Figure::share("C5 a day", within(1), sent.len(), 85.0, 8.0));
    out.push(Figure::share("C5 a week", within(7), sent.len(), 97.0, 3.0));
    let closed: Vec<&Claim> = claims.iter().filter(|c| c.received != NONE && c.service < end - 150).collect();
    let wait: i64 = closed.iter().map(|c| c.received - c.sent).sum();
    out.push(Figure::value("C6", ratio(wait, closed.len()), closed.len(), 15.0, 26.0));
    let mut waits: Vec<i64> = closed.iter().map(|c| c.received - c.sent).collect();
    waits.sort_unstable();
    // Largest distance from the log-normal curve, at the middle of each day.
    let apart = (0_i32..200)
        .map(|days| {
            let share = ratio(waits.partition_point(|w| *w <= i64::from(days)), waits.len());
            (share - normal((f64::from(days) + 0.5).ln() - 14_f64.ln(), 0.85)).abs()
        })
        .fold(0.0, f64::max);
    out.push(Figure::value("C7", apart, waits.len(), 0.0, 0.06));
    let refused = |c: &&Claim| c.primary && (c.resent != NONE || (c.paid == 0 && c.estimate > 0));
    let decided: Vec<&Claim> = closed.iter().copied().filter(|c| c.primary && c.estimate > 0).collect();
    let denied: Vec<&Claim> = decided.iter().copied().filter(refused).collect();
    out.push(Figure::value("C8", ratio(denied.len(), decided.len()) * 100.0, decided.len(), 6.0, 15.0));
    let paid_later = denied.iter().filter(|c| c.paid > 0).count();
    out.push(Figure::share("C9", paid_later, denied.len(), 60.0, 15.0).needing(150));
    let near = decided.iter().filter(|c| (c.paid - c.estimate).abs() <= 100).count();
    out.push(Figure::share("C10", near, decided.len(), 80.0, 10.0));
    let checks: Vec<i64> = columns.rows("claimpayment", ["PayType"]).map(|[t]| t).collect();
    let moved = checks.iter().filter(|t| **t == 303).count();
    // Since 2021 between 30 and 60 per cent; before, less than a quarter.
    out.push(Figure::value("C11", ratio(moved, checks.len()) * 100.0, checks.len(), 30.0, 60.0));
    let paid: HashSet<(i64, i64)> = columns
        .rows("claimproc", ["ClaimNum", "ClaimPaymentNum"])
        .filter(|[_, p]| *p != 0)
        .map(|[c, p]| (c, p))
        .collect();
    out.push(Figure::value("C12", ratio(paid.len(), checks.len()), checks.len(), 1.5, 5.0));
    let open = claims.iter().filter(|c| c.status == 'S').count();
    let monthly = float(claims.len()) / (float(end - columns.start()) / 30.4);
    out.push(Figure::value("C16", float(open) / monthly, open, 0.4, 1.0).needing(200));
    out
}

/// Of the last year. What was given up as lost was earned all the same.
fn books(columns: &Columns) -> Vec<Figure> {
    let since = columns.end() - YEAR;
    let gross: i64 = columns
        .rows("procedurelog", ["ProcFee", "ProcStatus", "ProcDate"])
        .filter(|[_, s, on]| *s == 2 && *on >= since)
        .map(|[f, ..]| f)
        .sum();
    let (mut insured, mut written) = (0, 0);
    for [status, paid, off, on] in columns.rows("claimproc", ["Status", "InsPayAmt", "WriteOff", "DateCP"]) {
        if matches!(status, 1 | 4 | 5 | 7) && on >= since {
            insured += paid;
            written += off;
        }
    }
    let paid: i64 = columns
        .rows("paysplit", ["SplitAmt", "DatePay"])
        .filter(|[_, on]| *on >= since)
        .map(|[a, _]| a)
        .sum();
    let adjusted: i64 = columns
        .rows("adjustment", ["AdjAmt", "AdjType", "AdjDate"])
        .filter(|[_, kind, on]| *kind != 185 && *on >= since)
        .map(|[a, ..]| a)
        .sum();
    let n = columns.count("procedurelog");
    let collected = insured + paid;
    let mut out = vec![
        Figure::value("M1", ratio(collected, gross) * 100.0, n, 66.0, 90.0),
        Figure::value("M2", ratio(collected, gross - written + adjusted) * 100.0, n, 91.0, 99.0),
    ];
    let (mut total, mut credit, mut accounts) = (0, 0, 0);
    let mut parts = [0_i64; 4];
    for [key, guarantor, sum, a, b, c, d] in columns.rows(
        "patient",
        ["PatNum", "Guarantor", "BalTotal", "Bal_0_30", "Bal_31_60", "Bal_61_90", "BalOver90"],
    ) {
        if key == guarantor {
            accounts += 1;
            total += sum.max(0);
            credit += usize::from(sum < 0);
            if sum > 0 {
                for (part, amount) in parts.iter_mut().zip([a, b, c, d]) {
                    *part += amount;
                }
            }
        }
    }
    out.push(Figure::value("M3", float(total) / (float(gross) / 12.0), n, 0.5, 1.1));
    let whole: i64 = parts.iter().sum();
    let (target, room) = match columns.settings.receivables {
        bicuspid_practice::Receivables::Healthy => ([70.0, 15.0, 6.0, 9.0], 7.0),
        bicuspid_practice::Receivables::Typical => ([52.0, 15.0, 8.0, 25.0], 8.0),
        bicuspid_practice::Receivables::Neglected => ([35.0, 12.0, 8.0, 45.0], 8.0),
    };
    for ((name, part), target) in ["0-30", "31-60", "61-90", "90+"].iter().zip(parts).zip(target) {
        let share = ratio(part, whole) * 100.0;
        out.push(
            Figure::value(format!("M4-6 {name}"), share, accounts, target - room, target + room)
                .needing(1000),
        );
    }
    out.push(Figure::value("M7 days", float(total) / (float(gross) / float(YEAR)), n, 25.0, 55.0));
    out.push(Figure::value("M15", ratio(credit, accounts) * 100.0, accounts, 3.0, 12.0).needing(1000));
    let mut splits: HashMap<i64, i64> = HashMap::new();
    columns.rows("paysplit", ["PayNum"]).for_each(|[p]| *splits.entry(p).or_default() += 1);
    let payments: Vec<[i64; 4]> = columns
        .rows("payment", ["PayNum", "PayType", "PayAmt", "PayDate"])
        .filter(|[_, kind, amount, _]| *kind != 0 && *amount > 0)
        .collect();
    let mut counts: Vec<i64> = payments.iter().map(|[p, ..]| splits[p]).collect();
    let n = payments.len();
    out.push(Figure::value("M10", float(super::figure::quantile(&mut counts, 500)), n, 1.0, 2.0));
    let sum: i64 = payments.iter().map(|[_, _, a, _]| a).sum();
    out.push(Figure::value("M11", ratio(sum, n) / 100.0, n, 200.0, 350.0));
    let means = |kinds: &[i64]| payments.iter().filter(|[_, k, ..]| kinds.contains(k)).count();
    let known = [means(&[71]), means(&[69]), means(&[70]), means(&[391, 417, 574, 634])];
    let other = n - known.iter().sum::<usize>();
    out.push(Figure::distance("M12", &[&known[..], &[other]].concat(), &[66.0, 16.0, 8.0, 7.0, 3.0], 0.12));
    out.push(Figure::value(
        "M13",
        ratio(columns.count("adjustment"), columns.count("appointment")),
        n,
        0.08,
        0.35,
    ));
    let discount: i64 = columns
        .rows("adjustment", ["AdjType", "AdjAmt"])
        .filter(|[k, a]| !matches!(k, 185 | 550) && *a < 0)
        .map(|[_, a]| -a)
        .sum();
    let ever: i64 = columns
        .rows("procedurelog", ["ProcFee", "ProcStatus"])
        .filter(|[_, s]| *s == 2)
        .map(|[f, _]| f)
        .sum();
    out.push(Figure::value("M14", ratio(discount, ever) * 100.0, n, 1.0, 4.0));
    out.push(at_visit(columns));
    out.push(old_balances(columns));
    out
}

/// Payments on the day of a visit among all that patients pay.
fn at_visit(columns: &Columns) -> Figure {
    let visits = super::people::kept(columns);
    let (mut same, mut whole, mut n) = (0, 0, 0);
    for [patient, on, amount, _] in columns
        .rows("paysplit", ["PatNum", "DatePay", "SplitAmt", "UnearnedType"])
        .filter(|[_, _, amount, unearned]| *amount > 0 && *unearned == 0)
    {
        n += 1;
        whole += amount;
        if visits.get(&patient).is_some_and(|v| v.binary_search(&on).is_ok()) {
            same += amount;
        }
    }
    Figure::value("M9", ratio(same, whole) * 100.0, n, 40.0, 90.0)
}

/// What patients paid within a year of charges that were more than ninety days old.
fn old_balances(columns: &Columns) -> Figure {
    let (end, mark) = (columns.end(), columns.end() - YEAR);
    let mut open: HashMap<i64, i64> = HashMap::new();
    for [key, status, on, fee] in
        columns.rows("procedurelog", ["ProcNum", "ProcStatus", "ProcDate", "ProcFee"])
    {
        if status == 2 && on < mark - 90 {
            open.insert(key, fee);
        }
    }
    // A debt is the patient's once the insurer has decided.
    for [key, on] in columns.rows("claimproc", ["ProcNum", "DateCP"]) {
        if on >= mark - 90 {
            open.remove(&key);
        }
    }
    // What is paid by agreed instalments is not overdue.
    for [key, _] in columns.rows("payplancharge", ["ProcNum", "ChargeType"]).filter(|[_, kind]| *kind == 1) {
        open.remove(&key);
    }
    let mut cash: HashMap<i64, i64> = HashMap::new();
    let mut pay = |key: i64, on: i64, amount: i64, patient: bool| {
        if let Some(left) = open.get_mut(&key) {
            if on < mark {
                *left -= amount;
            } else if on < end && patient {
                *cash.entry(key).or_default() += amount;
            } else {
                *left -= amount;
            }
        }
    };
    for [key, on, amount] in columns.rows("paysplit", ["ProcNum", "DatePay", "SplitAmt"]) {
        pay(key, on, amount, true);
    }
    for [key, on, paid, off, status] in
        columns.rows("claimproc", ["ProcNum", "DateCP", "InsPayAmt", "WriteOff", "Status"])
    {
        if matches!(status, 1 | 4) {
            pay(key, on, paid + off, false);
        }
    }
    for [key, on, amount, kind] in columns.rows("adjustment", ["ProcNum", "AdjDate", "AdjAmt", "AdjType"]) {
        if kind != 185 || on < mark {
            pay(key, on, -amount, false);
        }
    }
    let owing: Vec<(i64, i64)> = open.into_iter().filter(|(_, left)| *left > 100).collect();
    let due: i64 = owing.iter().map(|(_, left)| left).sum();
    let got: i64 =
        owing.iter().map(|(key, left)| cash.get(key).copied().unwrap_or_default().min(*left)).sum();
    Figure::value("M8", ratio(got, due) * 100.0, owing.len(), 5.0, 25.0).needing(300)
}

fn office(columns: &Columns) -> Vec<Figure> {
    let end = columns.end();
    let hygienists: HashSet<i64> = columns
        .rows("provider", ["ProvNum", "IsSecondary"])
        .filter(|[_, h]| *h == 1)
        .map(|[p, _]| p)
        .collect();
    let dentists: HashSet<i64> = columns
        .rows("provider", ["ProvNum", "IsSecondary", "Specialty"])
        .filter(|[_, h, s]| *h == 0 && *s == 310)
        .map(|[p, ..]| p)
        .collect();
    let (mut dental, mut hygiene, mut year, mut n) = (0, 0, 0, 0);
    for [status, fee, provider, on] in
        columns.rows("procedurelog", ["ProcStatus", "ProcFee", "ProvNum", "ProcDate"])
    {
        if status == 2 {
            n += 1;
            *(if hygienists.contains(&provider) { &mut hygiene } else { &mut dental }) += fee;
            year += if on >= end - YEAR { fee } else { 0 };
        }
    }
    let mut days: HashSet<(i64, i64)> = HashSet::new();
    for [on, kind, provider] in columns.rows("schedule", ["SchedDate", "SchedType", "ProvNum"]) {
        if kind == 1 && (columns.start()..end).contains(&on) {
            days.insert((provider, on));
        }
    }
    let worked = |who: &HashSet<i64>| days.iter().filter(|(p, _)| who.contains(p)).count();
    let visits = columns.rows("appointment", ["AptStatus"]).filter(|[s]| *s == 2).count();
    let dentist_days = worked(&dentists);
    let weeks = float(end - columns.start()) / 7.0;
    let open: HashSet<i64> = days.iter().map(|(_, d)| *d).collect();
    let past = columns
        .rows("appointment", ["AptDateTime", "AptStatus"])
        .filter(|[at, s]| day(*at) < end && matches!(s, 2 | 5))
        .count();
    vec![
        Figure::value("B1 thousands", float(year) / 100_000.0 / float(dentists.len()), n, 649.0, 1081.0),
        Figure::value("B2", ratio(dental, dentist_days) / 100.0, n, 2400.0, 4600.0),
        Figure::value("B3", ratio(hygiene, worked(&hygienists)) / 100.0, n, 900.0, 1500.0),
        Figure::value("B4", ratio(hygiene, hygiene + dental) * 100.0, n, 25.0, 37.0),
        Figure::value("B5", ratio(hygiene + dental, visits) / 100.0, visits, 200.0, 400.0),
        Figure::value("B7 hygienists", ratio(hygienists.len(), dentists.len()), n, 0.97, 1.63),
        Figure::value("B8", float(dentist_days) / weeks / float(dentists.len()), n, 3.5, 4.5),
        Figure::value("B11", ratio(past, open.len()) / float(columns.settings.locations), past, 20.0, 50.0),
    ]
}

/// The share of a normal distribution around zero that lies below a value (Abramowitz and Stegun 26.2.17).
fn normal(value: f64, sigma: f64) -> f64 {
    let z = value.abs() / sigma;
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [0.319_381_53, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum: f64 = series.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let above = sum * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if value < 0.0 { above } else { 1.0 - above }
}

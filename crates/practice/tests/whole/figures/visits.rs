//! Appointments.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::columns::{Columns, NONE, day};
use super::figure::{Figure, float, quantile, ratio};

struct Booking {
    patient: i64,
    status: i64,
    minutes: i64,
    confirmed: i64,
    at: i64,
    arrived: i64,
    seated: i64,
    made: i64,
    changed: i64,
    why: i64,
}

/// The definition of an appointment that the patient has confirmed.
const CONFIRMED: i64 = 21;

/// Ten most used starts of the curve of losses, in seconds of the day, with their share.
const CURVE: [(i64, f64); 18] = [
    (480, 25.0),
    (510, 16.0),
    (540, 13.0),
    (570, 12.0),
    (600, 11.0),
    (630, 12.0),
    (660, 10.0),
    (690, 11.0),
    (720, 9.0),
    (750, 10.0),
    (780, 12.0),
    (810, 11.0),
    (840, 11.0),
    (870, 10.0),
    (900, 11.0),
    (930, 9.0),
    (960, 11.0),
    (990, 9.0),
];

pub(crate) fn figures(columns: &Columns) -> Vec<Figure> {
    let end = columns.end();
    let bookings: Vec<Booking> = columns
        .rows(
            "appointment",
            [
                "PatNum",
                "AptStatus",
                "Pattern",
                "Confirmed",
                "AptDateTime",
                "DateTimeArrived",
                "DateTimeSeated",
                "SecDateTEntry",
                "DateTStamp",
                "ProcDescript",
            ],
        )
        .map(|[patient, status, pattern, confirmed, at, arrived, seated, made, changed, why]| Booking {
            patient,
            status,
            minutes: i64::try_from(columns.text(pattern).len()).unwrap() * 5,
            confirmed,
            at,
            arrived,
            seated,
            made,
            changed,
            why,
        })
        .collect();
    let past: Vec<&Booking> = bookings.iter().filter(|b| day(b.at) < end && b.at != NONE).collect();
    let failed = |b: &Booking| b.status == 5 && b.confirmed == 23;
    let lost = |b: &Booking| matches!(b.status, 3 | 5);
    let of = |keep: &dyn Fn(&Booking) -> bool| past.iter().filter(|b| keep(b)).count();
    let mut out = vec![
        Figure::share("A1", of(&failed), past.len(), 4.0, 2.0),
        Figure::share("A2", of(&|b| lost(b) && !failed(b)), past.len(), 12.0, 4.0),
    ];
    let mean: f64 = {
        let weights: Vec<(f64, f64)> =
            CURVE.iter().map(|(slot, share)| (float(of(&|b| half_hour(b) == *slot)), *share)).collect();
        weights.iter().map(|(n, s)| n * s).sum::<f64>() / weights.iter().map(|(n, _)| n).sum::<f64>()
    };
    let all_lost = ratio(of(&lost), past.len()) * 100.0;
    for (slot, share) in CURVE {
        let there = of(&|b| half_hour(b) == slot);
        if there > 100 {
            let target = share * all_lost / mean;
            let name = format!("A3 {:02}:{:02}", slot / 60, slot % 60);
            let points = if slot == 480 { 8.0 } else { 3.0 };
            let gone = of(&|b| half_hour(b) == slot && lost(b));
            out.push(Figure::share(name, gone, there, target, points).needing(1000));
        }
    }
    out.extend(odds(columns, &past, &failed));
    out.extend(directions(columns, &past, &failed));
    out.extend(lead_times(columns, &past));
    out.push(Figure::share("A12", confirmed(columns), past.len(), 44.0, 15.0));
    let minutes =
        |keep: &dyn Fn(&Booking) -> bool| -> i64 { past.iter().filter(|b| keep(b)).map(|b| b.minutes).sum() };
    let fullness = ratio(minutes(&|b| b.status == 2), minutes(&|_| true)) * 100.0;
    out.push(Figure::value("A13", fullness, past.len(), 83.0, 93.0));
    let done: Vec<&&Booking> = past.iter().filter(|b| b.status == 2).collect();
    let weekday = |b: &Booking| usize::try_from((day(b.at) + 5).rem_euclid(7)).unwrap();
    let mut days = [0; 7];
    let mut months = [0; 12];
    for booking in &done {
        days[weekday(booking)] += 1;
        months[usize::from(date(day(booking.at)).ymd().1) - 1] += 1;
    }
    out.push(Figure::distance("A14", &days, &[20.5, 21.5, 21.0, 21.0, 14.0, 2.0, 0.0], 0.06));
    out.extend(seasons(columns, &months));
    let mut waits: Vec<i64> = done.iter().map(|b| (b.seated - b.arrived) / 60).collect();
    let count = waits.len();
    out.push(Figure::value("A18 median", float(quantile(&mut waits, 500)), count, 3.0, 9.0));
    out.push(Figure::value("A18 90th", float(quantile(&mut waits, 900)), count, 9.0, 27.0));
    let marks: HashSet<i64> = {
        let codes = super::codes(columns);
        let rows = columns.rows("procedurelog", ["AptNum", "CodeNum"]);
        rows.filter(|[_, c]| matches!(codes[c], "D9986" | "D9987")).map(|[a, _]| a).collect()
    };
    let broken: Vec<i64> = columns
        .rows("appointment", ["AptNum", "AptStatus", "AptDateTime"])
        .filter(|[_, status, at]| *status == 5 && day(*at) < end)
        .map(|[n, ..]| n)
        .collect();
    let coded = broken.iter().filter(|n| marks.contains(n)).count();
    out.push(Figure::share("A21", coded, broken.len(), 80.0, 20.0).needing(500));
    out.push(next_booked(&bookings, end));
    let came: Vec<&Booking> = past.iter().filter(|b| b.status == 2).copied().collect();
    let routine = came.iter().filter(|b| matches!(columns.text(b.why), "First exam" | "Check-up")).count();
    out.push(Figure::share("U8", routine, came.len(), 52.0, 8.0));
    out
}

/// Past appointments that were ever marked as confirmed: the mark is replaced when the patient comes.
fn confirmed(columns: &Columns) -> usize {
    let marks = columns.rows("histappointment", ["AptNum", "Confirmed"]);
    let confirmed: HashSet<i64> = marks.filter(|[_, c]| *c == CONFIRMED).map(|[n, _]| n).collect();
    let past = |[n, at]: &[i64; 2]| day(*at) < columns.end() && confirmed.contains(n);
    columns.rows("appointment", ["AptNum", "AptDateTime"]).filter(past).count()
}

fn date(day: i64) -> bicuspid_model::Date {
    bicuspid_model::Date::from_days(i32::try_from(day).unwrap())
}

fn half_hour(b: &Booking) -> i64 {
    b.at.rem_euclid(86_400) / 1800 * 30
}

fn odds(columns: &Columns, past: &[&Booking], failed: &dyn Fn(&Booking) -> bool) -> Vec<Figure> {
    let public: HashSet<i64> = {
        let networks: HashMap<i64, i64> =
            columns.rows("insplan", ["PlanNum", "FeeSched"]).map(|[p, f]| (p, f)).collect();
        let plans: HashMap<i64, i64> =
            columns.rows("inssub", ["InsSubNum", "PlanNum"]).map(|[s, p]| (s, p)).collect();
        columns
            .rows("patplan", ["PatNum", "InsSubNum", "Ordinal"])
            .filter(|[_, sub, ordinal]| *ordinal == 1 && networks[&plans[sub]] == 5)
            .map(|[p, ..]| p)
            .collect()
    };
    let men: HashSet<i64> =
        columns.rows("patient", ["PatNum", "Gender"]).filter(|[_, g]| *g == 0).map(|[p, _]| p).collect();
    let mut first_miss: HashMap<i64, i64> = HashMap::new();
    for booking in past.iter().filter(|b| failed(b)) {
        let at = first_miss.entry(booking.patient).or_insert(i64::MAX);
        *at = booking.at.min(*at);
    }
    let came_or_not: Vec<&&Booking> = past.iter().filter(|b| b.status == 2 || failed(b)).collect();
    let table = |one: &dyn Fn(&Booking) -> bool, other: &dyn Fn(&Booking) -> bool| {
        let count = |which: &dyn Fn(&Booking) -> bool, miss: bool| {
            came_or_not.iter().filter(|b| which(b) && failed(b) == miss).count()
        };
        [count(one, true), count(one, false), count(other, true), count(other, false)]
    };
    let lead = |b: &Booking| (day(b.at) - day(b.made), b.at - b.made);
    let earlier = |b: &Booking| first_miss.get(&b.patient).is_some_and(|first| *first < b.at);
    vec![
        Figure::odds(
            "A4",
            table(&|b| public.contains(&b.patient), &|b| !public.contains(&b.patient)),
            1.2,
            2.0,
        ),
        Figure::odds("A5", table(&earlier, &|b| !earlier(b)), 2.5, 6.0),
        Figure::odds("A6", table(&|b| lead(b).0 > 28, &|b| lead(b).1 < 86_400), 3.0, 7.0),
        Figure::odds("A7", table(&|b| men.contains(&b.patient), &|b| !men.contains(&b.patient)), 1.0, 1.3),
    ]
}

fn directions(columns: &Columns, past: &[&Booking], failed: &dyn Fn(&Booking) -> bool) -> Vec<Figure> {
    let born: HashMap<i64, i64> =
        columns.rows("patient", ["PatNum", "Birthdate"]).map(|[p, b]| (p, b)).collect();
    let rate = |keep: &dyn Fn(&Booking) -> bool, bad: &dyn Fn(&Booking) -> bool| {
        let there: Vec<_> = past.iter().filter(|b| keep(b)).collect();
        ratio(there.iter().filter(|b| bad(b)).count(), there.len())
    };
    let cancelled = |b: &Booking| matches!(b.status, 3 | 5) && !failed(b);
    let lost = |b: &Booking| matches!(b.status, 3 | 5);
    let old = |b: &Booking| (day(b.at) - born[&b.patient]) / 365;
    let month = |b: &Booking| date(day(b.at)).ymd().1;
    let signs = [
        ("A8 long cancelled", rate(&|b| b.minutes > 60, &cancelled) - rate(&|b| b.minutes <= 60, &cancelled)),
        ("A8 short missed", rate(&|b| b.minutes < 60, failed) - rate(&|b| b.minutes >= 60, failed)),
        (
            "A8 young miss",
            rate(&|b| (18..30).contains(&old(b)), failed) - rate(&|b| !(18..30).contains(&old(b)), failed),
        ),
        (
            "A8 loss falls with age",
            rate(&|b| (18..40).contains(&old(b)), &lost) - rate(&|b| old(b) >= 60, &lost),
        ),
        (
            "A8 summer loses",
            rate(&|b| (6..=8).contains(&month(b)), &lost) - rate(&|b| !(6..=8).contains(&month(b)), &lost),
        ),
    ];
    signs
        .into_iter()
        .map(|(id, v)| Figure::value(id, v * 100.0, past.len(), 0.0, 50.0).needing(8000))
        .collect()
}

fn lead_times(columns: &Columns, past: &[&Booking]) -> Vec<Figure> {
    let leads = |why: &str| -> Vec<i64> {
        past.iter()
            .filter(|b| columns.text(b.why) == why && b.status == 2)
            .map(|b| day(b.at) - day(b.made))
            .collect()
    };
    let mean = |v: &[i64]| ratio(v.iter().sum::<i64>(), v.len());
    let (new, pain) = (leads("First exam"), leads("Pain"));
    let mut recall = leads("Check-up");
    let count = recall.len();
    let mut lengths: BTreeMap<&str, BTreeMap<i64, usize>> = BTreeMap::new();
    for booking in past {
        *lengths.entry(columns.text(booking.why)).or_default().entry(booking.minutes).or_default() += 1;
    }
    let mode = |why: &str| {
        lengths.get(why).and_then(|l| l.iter().max_by_key(|(_, n)| **n)).map_or(0, |(minutes, _)| *minutes)
    };
    vec![
        Figure::value("A9", mean(&new), new.len(), 25.0, 42.0).needing(500),
        Figure::value("A10", mean(&pain), pain.len(), 2.0, 8.0).needing(500),
        Figure::value("A11", float(quantile(&mut recall, 500)), count, 150.0, 190.0),
        Figure::value("A17 recall", float(mode("Check-up")), count, 45.0, 60.0),
        Figure::value("A17 new", float(mode("First exam")), new.len(), 60.0, 90.0).needing(500),
        Figure::value("A17 pain", float(mode("Pain")), pain.len(), 20.0, 40.0).needing(500),
    ]
}

/// Visits per working day of each month beside the mean.
fn seasons(columns: &Columns, months: &[usize; 12]) -> Vec<Figure> {
    const FACTORS: [f64; 12] = [0.95, 1.01, 1.06, 1.05, 0.95, 0.99, 0.99, 1.06, 0.99, 1.08, 0.97, 1.00];
    const NAMES: [&str; 12] = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"];
    let mut open = [0_usize; 12];
    let days: HashSet<i64> = columns
        .rows("schedule", ["SchedDate", "SchedType"])
        .filter(|[d, kind]| *kind == 1 && (columns.start()..columns.end()).contains(d))
        .map(|[d, _]| d)
        .collect();
    for on in days {
        open[usize::from(date(on).ymd().1) - 1] += 1;
    }
    let mean = ratio(months.iter().sum::<usize>(), open.iter().sum::<usize>());
    (0..12)
        .map(|m| {
            let factor = ratio(months[m], open[m]) / mean;
            let tolerance = if m == 11 { 0.08_f64 } else { 0.05 }.max(4.0 / float(months[m].max(1)).sqrt());
            let (low, high) = (FACTORS[m] - tolerance, FACTORS[m] + tolerance);
            Figure::value(format!("A15 {}", NAMES[m]), factor, months[m], low, high).needing(1000)
        })
        .collect()
}

/// Visits after which a later appointment stands in the book.
fn next_booked(bookings: &[Booking], end: i64) -> Figure {
    let mut of: HashMap<i64, Vec<&Booking>> = HashMap::new();
    for booking in bookings {
        of.entry(booking.patient).or_default().push(booking);
    }
    let (mut with, mut whole) = (0, 0);
    for booking in bookings.iter().filter(|b| b.status == 2 && day(b.at) < end - 2) {
        whole += 1;
        let leaves = day(booking.at);
        with += usize::from(of[&booking.patient].iter().any(|next| {
            next.at > booking.at
                && day(next.made) <= leaves + 1
                // Cancelled before this visit: not in the book any more.
                && (!matches!(next.status, 3 | 5) || day(next.changed) >= leaves)
        }));
    }
    Figure::share("U15", with, whole, 77.0, 8.0)
}

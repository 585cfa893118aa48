//! Appointments: booked, kept, missed, and how long they take.

use super::Query;
use super::people::share;

/// How much likelier something is for some than for others, with the standard error of its logarithm. The counts are
/// those whom it befell and did not befall, of the ones (a, b) and of the others (c, d).
macro_rules! odds {
    ($id:literal, $counts:literal) => {
        Query {
            id: $id,
            sql: concat!(
                "SELECT k.name, k.value, a + b + c + d FROM (",
                $counts,
                ") u CROSS JOIN LATERAL (VALUES ('', (a * d)::float8 / nullif(b * c, 0)), ('error of the logarithm', \
                 sqrt(1.0 / nullif(a, 0) + 1.0 / nullif(b, 0) + 1.0 / nullif(c, 0) + 1.0 / nullif(d, 0)))) AS k (name, value)"
            ),
        }
    };
}

pub(super) const ALL: &[Query] = &[
    share!("A1", "booked", "past", "missed"),
    share!("A2", "booked", "past", "cancelled"),
    Query {
        id: "A3",
        sql: "SELECT to_char(start, 'HH24:MI'), 100.0 * count(*) FILTER (WHERE missed OR cancelled) / count(*), count(*) \
              FROM booked WHERE past GROUP BY 1 ORDER BY 1",
    },
    odds!(
        "A4",
        "SELECT count(*) FILTER (WHERE missed AND public) AS a, count(*) FILTER (WHERE NOT missed AND public) AS b, \
         count(*) FILTER (WHERE missed AND NOT public) AS c, count(*) FILTER (WHERE NOT missed AND NOT public) AS d \
         FROM (SELECT b.missed, b.pat IN (SELECT q.\"PatNum\" FROM raw.patplan q JOIN raw.inssub s USING (\"InsSubNum\") \
         JOIN raw.insplan i ON i.\"PlanNum\" = s.\"PlanNum\" JOIN raw.carrier k USING (\"CarrierNum\") \
         WHERE k.\"CarrierName\" ~* 'public' AND q.\"Ordinal\" = 1) AS public FROM booked b WHERE past AND NOT cancelled) t"
    ),
    odds!(
        "A5",
        "SELECT \
              count(*) FILTER (WHERE missed AND before) AS a, count(*) FILTER (WHERE NOT missed AND before) AS b, \
              count(*) FILTER (WHERE missed AND NOT before) AS c, count(*) FILTER (WHERE NOT missed AND NOT before) AS d \
              FROM (SELECT missed, coalesce(bool_or(missed) OVER (PARTITION BY pat ORDER BY start \
              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS before FROM booked WHERE past AND NOT cancelled) t"
    ),
    odds!(
        "A6",
        "SELECT \
              count(*) FILTER (WHERE missed AND lead > 28) AS a, count(*) FILTER (WHERE NOT missed AND lead > 28) AS b, \
              count(*) FILTER (WHERE missed AND lead < 2) AS c, count(*) FILTER (WHERE NOT missed AND lead < 2) AS d \
              FROM booked WHERE past AND NOT cancelled"
    ),
    odds!(
        "A7",
        "SELECT \
              count(*) FILTER (WHERE missed AND sex = 0) AS a, count(*) FILTER (WHERE NOT missed AND sex = 0) AS b, \
              count(*) FILTER (WHERE missed AND sex = 1) AS c, count(*) FILTER (WHERE NOT missed AND sex = 1) AS d \
              FROM booked JOIN person p ON p.num = pat WHERE past AND NOT cancelled"
    ),
    Query {
        id: "A9",
        sql: "SELECT '', avg(lead), count(*) FROM booked WHERE past AND is_new AND NOT urgent",
    },
    // Points between one kind of appointment and the others, in the direction that was found.
    Query {
        id: "A8",
        sql: "SELECT k.name, 100 * k.value, n FROM (SELECT \
              avg(cancelled::int) FILTER (WHERE minutes > 60) - avg(cancelled::int) FILTER (WHERE minutes <= 60) AS a, \
              avg(missed::int) FILTER (WHERE minutes < 60) - avg(missed::int) FILTER (WHERE minutes >= 60) AS b, \
              avg(missed::int) FILTER (WHERE p.age BETWEEN 18 AND 29) - avg(missed::int) FILTER (WHERE p.age NOT BETWEEN 18 AND 29) AS c, \
              avg((missed OR cancelled)::int) FILTER (WHERE p.age BETWEEN 18 AND 39) - avg((missed OR cancelled)::int) FILTER (WHERE p.age >= 60) AS d, \
              avg((missed OR cancelled)::int) FILTER (WHERE extract(month FROM start) BETWEEN 6 AND 8) - \
              avg((missed OR cancelled)::int) FILTER (WHERE extract(month FROM start) NOT BETWEEN 6 AND 8) AS e, count(*) AS n \
              FROM booked JOIN person p ON p.num = pat WHERE past) t CROSS JOIN LATERAL (VALUES ('over an hour, cancelled', a), \
              ('under an hour, missed', b), ('young, missed', c), ('young against old, lost', d), ('summer, lost', e)) AS k (name, value)",
    },
    Query { id: "A10", sql: "SELECT '', avg(lead), count(*) FROM booked WHERE past AND urgent" },
    Query {
        id: "A11",
        sql: "SELECT '', percentile_cont(0.5) WITHIN GROUP (ORDER BY lead), count(*) FROM booked WHERE past AND routine AND NOT is_new",
    },
    // The mark is replaced when the patient comes; the history of the appointment keeps it.
    Query {
        id: "A12",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE h.num IS NOT NULL) / nullif(count(*), 0), count(*) FROM booked b LEFT JOIN \
              (SELECT DISTINCT h.\"AptNum\" AS num FROM raw.histappointment h JOIN raw.definition d ON d.\"DefNum\" = h.\"Confirmed\" \
              WHERE d.\"Category\" = 2 AND d.\"ItemName\" ~* 'confirmed' AND d.\"ItemName\" !~* '^(not|un)') h USING (num) WHERE past",
    },
    Query {
        id: "A13",
        sql: "SELECT '', 100.0 * sum(minutes) FILTER (WHERE NOT missed AND NOT cancelled) / nullif(sum(minutes), 0), count(*) \
              FROM booked WHERE past",
    },
    Query {
        id: "A14",
        sql: "SELECT n.name, 100.0 * count(v.num) / nullif(sum(count(v.num)) OVER (), 0), (sum(count(v.num)) OVER ())::bigint \
              FROM (VALUES (1, 'Mon'), (2, 'Tue'), (3, 'Wed'), (4, 'Thu'), (5, 'Fri'), (6, 'Sat'), (7, 'Sun')) AS n (day, name) \
              LEFT JOIN visit v ON extract(isodow FROM v.day) = n.day GROUP BY 1, n.day ORDER BY n.day",
    },
    // Visits per working day of each month, against the mean of whole years.
    Query {
        id: "A15",
        sql: "SELECT trim(to_char(make_date(2000, m, 1), 'Mon')), visits::float8 / days / nullif(avg(visits::float8 / days) OVER (), 0), \
              (sum(visits) OVER ())::bigint FROM (SELECT extract(month FROM day)::int AS m, count(*) AS visits, \
              count(DISTINCT day) AS days FROM visit WHERE day >= :as_of - 365 * \
              greatest(1, (extract(year FROM age(:as_of, :start)))::int) GROUP BY 1) t ORDER BY m",
    },
    // April 2020 against the mean of that year's months.
    Query {
        id: "A16",
        sql: "SELECT '', 12.0 * count(*) FILTER (WHERE extract(month FROM day) = 4) / nullif(count(*), 0), \
              CASE WHEN :start <= DATE '2020-01-01' AND :as_of >= DATE '2021-01-01' THEN count(*) ELSE 0 END \
              FROM visit WHERE extract(year FROM day) = 2020",
    },
    Query {
        id: "A17",
        sql: "SELECT k.name, mode() WITHIN GROUP (ORDER BY b.minutes), count(*) FROM \
              (VALUES (1, 'adult check-up', '^D1110$'), (2, 'child check-up', '^D1120$'), (3, 'gum upkeep', '^D4910$'), \
              (4, 'crown', '^D27'), (5, 'root canal', '^D33'), (6, 'filling', '^D2[13]')) AS k (place, name, codes) \
              JOIN done d ON d.code ~ k.codes JOIN booked b ON b.num = d.apt AND NOT b.is_new \
              GROUP BY 1, k.place ORDER BY k.place",
    },
    Query {
        id: "A18",
        sql: "SELECT n.name, percentile_cont(n.at) WITHIN GROUP (ORDER BY extract(epoch FROM a.\"DateTimeSeated\" - \
              a.\"DateTimeArrived\") / 60), count(*) FROM (VALUES ('median', 0.5), ('90 %', 0.9)) AS n (name, at), raw.appointment a \
              WHERE a.\"AptStatus\" = 2 AND a.\"DateTimeArrived\" > DATE '1900-01-01' GROUP BY 1, n.at ORDER BY n.at",
    },
    Query {
        id: "A19",
        sql: "SELECT '', count(*) FILTER (WHERE NOT (\"DateTimeArrived\" <= \"DateTimeSeated\" AND \"DateTimeSeated\" <= \
              \"DateTimeDismissed\"))::float8, count(*) FROM raw.appointment WHERE \"AptStatus\" = 2",
    },
    // No chair, no provider and no patient twice at a time. The other provider of a visit may look into several.
    Query {
        id: "A20",
        sql: "SELECT kind, count(*) FILTER (WHERE begins < busy_until)::float8, count(*) FROM (SELECT kind, begins, \
              max(ends) OVER (PARTITION BY kind, who ORDER BY begins, num ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until \
              FROM (SELECT b.num, k.kind, k.who, b.start AS begins, b.start + b.minutes * INTERVAL '1 minute' AS ends \
              FROM booked b CROSS JOIN LATERAL (VALUES ('chair', b.chair), \
              ('provider', CASE WHEN b.is_hygiene AND b.hygienist <> 0 THEN b.hygienist ELSE b.provider END), ('patient', b.pat)) \
              AS k (kind, who) WHERE NOT b.missed AND NOT b.cancelled AND k.who <> 0) t) u GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "A21",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE marked) / nullif(count(*), 0), count(*) FROM booked WHERE past AND broken",
    },
    Query {
        id: "A22",
        sql: "SELECT '', (SELECT count(*) FROM raw.histappointment)::float8 / nullif(count(*), 0), \
              CASE WHEN EXISTS (SELECT FROM raw.histappointment) THEN count(*) ELSE 0 END FROM raw.appointment",
    },
    share!("A23", "raw.appointment", "\"AptDateTime\" < :as_of", "\"AptStatus\" = 1"),
];

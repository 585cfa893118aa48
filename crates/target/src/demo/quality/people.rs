//! Who is on file, who comes, and how often.

use super::Query;

/// A share in percent: `matching` of `all`, as one part.
macro_rules! share {
    ($id:literal, $from:literal, $of:literal, $matching:literal) => {
        Query {
            id: $id,
            sql: concat!(
                "SELECT ''::text, 100.0 * count(*) FILTER (WHERE ",
                $matching,
                ") / nullif(count(*), 0), count(*) FROM ",
                $from,
                " WHERE ",
                $of
            ),
        }
    };
}
pub(super) use share;

/// How often people of some age come to check-ups: from their days in the history.
macro_rules! habits {
    ($id:literal, $of:literal) => {
        Query {
            id: $id,
            sql: concat!(
                "SELECT k.name, 100.0 * count(h.num) / nullif(sum(count(h.num)) OVER (), 0), (sum(count(h.num)) OVER ())::bigint \
                 FROM (VALUES (1, 'half-yearly'), (2, 'yearly'), (3, 'rarely'), (4, 'not')) AS k (class, name) LEFT JOIN \
                 (SELECT p.num, CASE WHEN max(e.day) IS NULL OR max(e.day) < :as_of - 730 THEN 4 WHEN count(*) = 1 THEN 3 \
                 WHEN (max(e.day) - min(e.day)) / (count(*) - 1) < 275 THEN 1 \
                 WHEN (max(e.day) - min(e.day)) / (count(*) - 1) < 550 THEN 2 ELSE 3 END AS class FROM person p \
                 LEFT JOIN (SELECT DISTINCT pat, day FROM done WHERE code ~ '^D0(120|145|150|180)$') e ON e.pat = p.num \
                 WHERE p.status = 0 AND p.entered < :start AND ",
                $of,
                " GROUP BY p.num) h USING (class) GROUP BY 1, k.class ORDER BY k.class"
            ),
        }
    };
}

pub(super) const ALL: &[Query] = &[
    share!("P1", "person", "active", "age BETWEEN 18 AND 64"),
    share!("P2", "person", "active", "age < 18"),
    share!("P3", "person", "active", "age >= 65"),
    share!("P4", "person", "active", "sex = 1"),
    Query {
        id: "P5",
        sql: "SELECT b.name, 100.0 * count(p.num) / nullif(sum(count(p.num)) OVER (), 0), (sum(count(p.num)) OVER ())::bigint \
              FROM (VALUES ('0-4', 0, 4), ('5-12', 5, 12), ('13-17', 13, 17), ('18-24', 18, 24), ('25-34', 25, 34), \
              ('35-44', 35, 44), ('45-54', 45, 54), ('55-64', 55, 64), ('65-74', 65, 74), ('75-84', 75, 84), \
              ('85+', 85, 200)) AS b (name, low, high) \
              LEFT JOIN (SELECT * FROM person WHERE active) p ON p.age BETWEEN b.low AND b.high GROUP BY 1, b.low ORDER BY b.low",
    },
    Query {
        id: "P8",
        sql: "SELECT '', count(*)::float8 / nullif(count(DISTINCT head), 0), count(DISTINCT head) FROM person",
    },
    share!("P9", "(SELECT count(*) AS members FROM person GROUP BY head) f", "true", "members = 1"),
    Query {
        id: "P10",
        sql: "SELECT '', 100.0 * max(n) / nullif(sum(n), 0), sum(n)::bigint FROM \
              (SELECT count(DISTINCT head) AS n FROM person GROUP BY surname) s",
    },
    Query {
        id: "P11",
        sql: "SELECT '', 100.0 * sum(n) FILTER (WHERE place <= 10) / nullif(sum(n), 0), sum(n)::bigint FROM \
              (SELECT n, row_number() OVER (ORDER BY n DESC) AS place FROM \
              (SELECT count(DISTINCT head) AS n FROM person GROUP BY surname) s) t",
    },
    // The eldest of an account and its children; who is old enough to be a grandparent has none there. A birth date that
    // is not known speaks against nobody.
    Query {
        id: "P13",
        sql: "SELECT '', count(*) FILTER (WHERE NOT fits)::float8, count(*) FROM (SELECT c.num, \
              bool_or(coalesce(c.birth - g.birth BETWEEN 15 * 365 AND 50 * 366 + 1, true)) AS fits FROM person c JOIN person g ON g.head = c.head AND g.position <> 2 \
              WHERE c.position = 2 GROUP BY c.num) t",
    },
    Query {
        id: "P14",
        sql: "SELECT '', percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(a.birth - b.birth) / 365.25), count(*) \
              FROM person a JOIN person b ON a.head = b.head AND a.num < b.num WHERE a.position = 1 AND b.position = 1",
    },
    share!(
        "P15",
        "person p JOIN raw.patient m ON m.\"PatNum\" = p.num JOIN raw.patient g ON g.\"PatNum\" = p.head",
        "p.num <> p.head",
        "m.\"Address\" = g.\"Address\" AND m.\"Zip\" = g.\"Zip\""
    ),
    share!("P16", "person", "true", "active"),
    share!("P17", "person", "active", "birth IS NULL"),
    // Who came on file within the year was seen, or would not be on file.
    Query {
        id: "U2",
        sql: "SELECT '', (count(*) FILTER (WHERE sex = 1 AND seen_in_year))::float8 / nullif(count(*) FILTER (WHERE sex = 1), 0) \
              / nullif((count(*) FILTER (WHERE sex = 0 AND seen_in_year))::float8 / nullif(count(*) FILTER (WHERE sex = 0), 0), 0), \
              count(*) FROM person WHERE status = 0 AND entered < :as_of - 365 AND age BETWEEN 18 AND 64",
    },
    Query {
        id: "U3",
        sql: "SELECT '', (count(*) FILTER (WHERE covered AND seen_in_year))::float8 / nullif(count(*) FILTER (WHERE covered), 0) \
              / nullif((count(*) FILTER (WHERE NOT covered AND seen_in_year))::float8 / nullif(count(*) FILTER (WHERE NOT covered), 0), 0), \
              count(*) FROM person WHERE status = 0 AND entered < :as_of - 365 AND age BETWEEN 18 AND 64",
    },
    Query {
        id: "U4",
        sql: "SELECT b.name, 100.0 * count(*) FILTER (WHERE p.seen_in_year) / nullif(count(*), 0), count(*) \
              FROM (VALUES ('65-74', 65, 74), ('75-84', 75, 84), ('85+', 85, 200)) AS b (name, low, high) \
              JOIN person p ON p.status = 0 AND p.entered < :as_of - 365 AND p.age BETWEEN b.low AND b.high GROUP BY 1, b.low ORDER BY b.low",
    },
    Query {
        id: "U7",
        sql: "SELECT k.name, 100.0 * count(DISTINCT d.pat) / nullif((SELECT count(*) FROM person WHERE seen_in_year), 0), \
              (SELECT count(*) FROM person WHERE seen_in_year) \
              FROM (VALUES (1, 'cleaning', '^D(1110|1120|4910|4346|4355|4341|4342)$'), (2, 'restorative', '^D2'), \
              (3, 'prevention of decay', '^D(1206|1208|1351|1354|1330)$'), (4, 'root canal', '^D3')) AS k (place, name, codes) \
              LEFT JOIN done d ON d.code ~ k.codes AND d.day >= :as_of - 365 GROUP BY 1, k.place ORDER BY k.place",
    },
    Query {
        id: "U8",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE routine) / nullif(count(*), 0), count(*) FROM \
              (SELECT bool_or(d.code ~ '^D(0120|0145|0150|0180|1110|1120|4910|4346|4355)$') AS routine \
              FROM visit v JOIN done d ON d.apt = v.num GROUP BY v.num) t",
    },
    Query {
        id: "U9",
        sql: "SELECT '', count(*)::float8 / nullif(count(DISTINCT pat), 0), count(DISTINCT pat) FROM visit WHERE day >= :as_of - 365",
    },
    Query {
        id: "U10",
        sql: "SELECT '', count(*)::float8 / nullif((SELECT sum(share) FROM dentist), 0), count(*) FROM visit WHERE day >= :as_of - 365",
    },
    Query {
        id: "U11",
        sql: "SELECT '', count(*) FILTER (WHERE is_new AND a.\"AptStatus\" = 2)::float8 / nullif((:as_of - :start) / 30.4, 0) \
              / (SELECT greatest(1, count(*)) FROM raw.clinic), count(*) FROM booked b JOIN raw.appointment a ON a.\"AptNum\" = b.num",
    },
    // Habits of whoever was on file all the time: the mean of days between check-ups.
    habits!("U5", "p.age >= 18"),
    habits!("U6", "p.age < 18 AND p.birth < :start - 365"),
    // By a patient with a name, or by family and friends without.
    Query {
        id: "U12",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE f.\"PatNum\" <> 0 OR f.\"LName\" ~* 'family') / nullif(count(*), 0), count(*) FROM raw.refattach a \
              JOIN raw.referral f USING (\"ReferralNum\") WHERE a.\"RefType\"",
    },
    Query {
        id: "U13",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE e.latest >= :as_of - 548) / nullif(count(*), 0), count(*) FROM person p \
              LEFT JOIN (SELECT pat, max(day) AS latest FROM done WHERE code ~ '^D0(120|145|150|180)$' GROUP BY pat) e ON e.pat = p.num \
              WHERE seen_in_three",
    },
    Query {
        id: "U14",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE latest < :as_of - 548) / nullif(count(*), 0), count(*) FROM \
              (SELECT pat, max(day) AS latest, bool_or(day BETWEEN :as_of - 913 AND :as_of - 366) AS was FROM visit GROUP BY pat) t \
              WHERE was",
    },
    Query {
        id: "U15",
        sql: "SELECT '', 100.0 * count(next) / nullif(count(*), 0), count(*) FROM (SELECT v.num, min(n.\"AptNum\") AS next FROM visit v \
              LEFT JOIN raw.appointment n ON n.\"PatNum\" = v.pat AND n.\"AptDateTime\" > v.start AND n.\"SecDateTEntry\" < v.day + 1 \
              WHERE v.day >= :as_of - 365 GROUP BY v.num) t",
    },
    Query {
        id: "U16",
        sql: "SELECT '', count(*)::float8 / nullif((SELECT sum(share) FROM dentist), 0), count(*) FROM person WHERE seen_in_three",
    },
];

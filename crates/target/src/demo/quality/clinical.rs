//! Procedures: what is done, how often, and what must never be.

use super::Query;
use super::people::share;

pub(super) const ALL: &[Query] = &[
    share!("R1", "done", "true", "code ~ '^D[01]'"),
    Query {
        id: "R2",
        sql: "SELECT '', 100.0 * sum(n) FILTER (WHERE place <= 50) / nullif(sum(n), 0), sum(n)::bigint FROM (SELECT n, \
              row_number() OVER (ORDER BY n DESC) AS place FROM (SELECT count(*) AS n FROM done GROUP BY code) s) t",
    },
    Query {
        id: "R3",
        sql: "SELECT '', count(*)::float8 / nullif(count(DISTINCT pat), 0), count(DISTINCT pat) FROM done WHERE day >= :as_of - 365",
    },
    Query {
        id: "R4",
        sql: "SELECT '', (SELECT count(*) FROM done WHERE apt <> 0)::float8 / nullif(count(*), 0), count(*) FROM visit",
    },
    Query {
        id: "R5",
        sql: "SELECT k.name, 100.0 * count(d.num) / nullif(sum(count(d.num)) OVER (), 0), (sum(count(d.num)) OVER ())::bigint \
              FROM (SELECT 'D' || n AS name FROM generate_series(0, 9) n) k LEFT JOIN done d ON left(d.code, 2) = k.name \
              GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "R6",
        sql: "SELECT k.name, 100.0 * coalesce(sum(d.cents), 0) / nullif(sum(sum(d.cents)) OVER (), 0), (sum(count(d.num)) OVER ())::bigint \
              FROM (SELECT 'D' || n AS name FROM generate_series(0, 9) n) k LEFT JOIN done d ON left(d.code, 2) = k.name \
              GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "R8",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE gums) / nullif(count(*), 0), count(*) FROM (SELECT \
              bool_or(code ~ '^D4(341|342|910)$') AS gums FROM done WHERE code ~ '^D(1110|1120|4341|4342|4910|4346|4355)$' \
              GROUP BY pat, day) t",
    },
    Query {
        id: "R9",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE fluoride) / nullif(count(*), 0), count(*) FROM (SELECT \
              bool_or(d.code IN ('D1206', 'D1208')) AS fluoride, bool_or(d.code IN ('D1110', 'D4910', 'D4346', 'D4355')) AS hygiene \
              FROM done d JOIN person p ON p.num = d.pat WHERE d.day >= p.birth + 18 * 365.25::int GROUP BY d.pat, d.day) t WHERE hygiene",
    },
    Query {
        id: "R10",
        sql: "SELECT '', count(*) FILTER (WHERE code = 'D0120')::float8 / nullif(count(*) FILTER (WHERE \
              code IN ('D1110', 'D1120', 'D4910', 'D4346')), 0), count(*) FILTER (WHERE code IN ('D1110', 'D1120', 'D4910', 'D4346')) \
              FROM done",
    },
    share!(
        "R11",
        "done",
        "code IN ('D2391', 'D2392', 'D2393', 'D2394', 'D2140', 'D2150', 'D2160', 'D2161')",
        "code LIKE 'D239%'"
    ),
    Query {
        id: "R12",
        sql: "SELECT code, 100.0 * count(*) / sum(count(*)) OVER (), (sum(count(*)) OVER ())::bigint FROM done \
              WHERE code LIKE 'D239%' GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "R13",
        sql: "SELECT code, 100.0 * count(*) / sum(count(*)) OVER (), (sum(count(*)) OVER ())::bigint FROM done \
              WHERE code LIKE 'D233%' GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "R14",
        sql: "SELECT code, 100.0 * count(*) / sum(count(*)) OVER (), (sum(count(*)) OVER ())::bigint FROM done \
              WHERE code IN ('D3310', 'D3320', 'D3330') GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "R15",
        sql: "SELECT '', count(*) FILTER (WHERE code = 'D2950')::float8 / nullif(count(*) FILTER (WHERE code ~ '^D27'), 0), \
              count(*) FILTER (WHERE code ~ '^D27') FROM done",
    },
    Query {
        id: "R16",
        sql: "SELECT '', 100.0 * count(crown) / nullif(count(*), 0), count(*) FROM (SELECT d.num, min(c.num) AS crown FROM done d \
              LEFT JOIN done c ON c.pat = d.pat AND c.tooth = d.tooth AND c.code ~ '^D27' AND c.day BETWEEN d.day AND d.day + 365 \
              WHERE d.code IN ('D3320', 'D3330') AND d.day < :as_of - 365 GROUP BY d.num) t",
    },
    Query {
        id: "R17",
        sql: "SELECT '', count(*) FILTER (WHERE code = 'D7210')::float8 / nullif(count(*) FILTER (WHERE code = 'D7140'), 0), \
              count(*) FROM done WHERE code IN ('D7140', 'D7210')",
    },
    Query {
        id: "R19",
        sql: "SELECT k.name, 100.0 * count(p.\"ProcNum\") / nullif(sum(count(p.\"ProcNum\")) OVER (), 0), \
              (sum(count(p.\"ProcNum\")) OVER ())::bigint FROM (VALUES (1, 'planned'), (2, 'complete'), (3, 'existing, here'), \
              (4, 'existing, elsewhere'), (5, 'referred'), (6, 'given up'), (7, 'condition'), (8, 'plan inactive')) AS k (status, name) \
              LEFT JOIN raw.procedurelog p ON p.\"ProcStatus\" = k.status GROUP BY 1, k.status ORDER BY k.status",
    },
    // Proposed on another day than done, at least a quarter ago.
    Query {
        id: "R20",
        sql: "SELECT '', 100.0 * sum(fee) FILTER (WHERE taken) / nullif(sum(fee), 0), count(*) FROM (SELECT p.\"ProcFee\" AS fee, \
              p.\"ProcStatus\" = 2 OR p.\"AptNum\" <> 0 AS taken FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\") \
              WHERE p.\"ProcStatus\" IN (1, 2) AND c.\"ProcCode\" ~ '^D[2-8]' AND c.\"ProcCode\" <> 'D4910' \
              AND p.\"DateTP\" BETWEEN :start AND :as_of - 92 AND (p.\"ProcStatus\" = 1 OR p.\"ProcDate\" > p.\"DateTP\")) t",
    },
    // Every code of the table of frequencies, as a share of completed lines. Lines of one patient come together, so that
    // fewer rows are behind a share than there are lines.
    Query {
        id: "R-4.2",
        sql: "SELECT code, 100.0 * sum(n) / sum(sum(n)) OVER (), (sum(sum(n)) OVER () * sum(n) / sum(n * n))::bigint FROM \
              (SELECT code, count(*) AS n FROM done GROUP BY code, pat) t GROUP BY 1 ORDER BY 1",
    },
    // Lines of one patient in a month in which there is any.
    Query {
        id: "R18",
        sql: "SELECT code, avg(n), count(*) FROM (SELECT code, count(*) AS n FROM done GROUP BY code, pat, date_trunc('month', day)) t \
              GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "V1",
        sql: "SELECT '', count(*) FILTER (WHERE (code ~ '^D(0120|0140|0145|0150|0180|0272|0274|0330|0210|1110|1120|1206|1208)$' \
              AND tooth <> '') OR (code ~ '^D(0220|0230|1351|1354|2...|3310|3320|3330|6010|6058|6240|6750|7140|7210|7230|7240|7953)$' \
              AND tooth = ''))::float8, count(*) FROM charted",
    },
    Query {
        id: "V2",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT \
              count(*) FILTER (WHERE tooth !~ '^([1-9]|[12][0-9]|3[0-2]|[A-T])$') AS unknown, \
              count(*) FILTER (WHERE tooth ~ '^[A-T]$' AND day > DATE '0001-01-01' AND day >= (birth + INTERVAL '14 years')) AS baby, \
              count(*) FILTER (WHERE gone AND code !~ '^D(60|62|67|79|5)') AS gone, count(*) AS all_rows FROM \
              (SELECT d.*, p.birth, coalesce(bool_or(d.code ~ '^D7(140|210|230|240)$') OVER (PARTITION BY d.pat, d.tooth \
              ORDER BY d.day RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING), false) AS gone \
              FROM done d JOIN person p ON p.num = d.pat WHERE d.tooth <> '') t) u CROSS JOIN LATERAL (VALUES \
              ('no tooth of that name', unknown, all_rows), ('baby tooth at 14 or later', baby, all_rows), \
              ('work on a tooth that is gone', gone, all_rows)) AS n (name, found, looked)",
    },
    Query {
        id: "V3",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT \
              count(*) FILTER (WHERE code !~ '^D2(140|150|160|161|330|331|332|335|391|392|393|394)$' AND surf <> '' AND tooth <> '') AS stray, \
              count(*) FILTER (WHERE code ~ '^D2(140|330|391)$' AND length(surf) <> 1 OR code ~ '^D2(150|331|392)$' AND length(surf) <> 2 \
              OR code ~ '^D2(160|332|393)$' AND length(surf) <> 3 OR code ~ '^D2(161|335|394)$' AND length(surf) < 4) AS number, \
              count(*) FILTER (WHERE code ~ '^D233' AND surf !~ '^[MIDFL]+$' OR code ~ '^D2(1|39)' AND surf !~ '^[MODBL]+$') AS letters, \
              count(*) FILTER (WHERE code ~ '^D2(1|3)') AS fillings FROM charted) t CROSS JOIN LATERAL (VALUES \
              ('surfaces without a filling', stray, fillings), ('another number of surfaces', number, fillings), \
              ('a surface that the tooth has not', letters, fillings)) AS n (name, found, looked)",
    },
    Query {
        id: "V4",
        sql: "SELECT '', (count(*) FILTER (WHERE code IN ('D4341', 'D4342') AND surf NOT IN ('UR', 'UL', 'LR', 'LL')) + \
              count(*) FILTER (WHERE code = 'D5110' AND surf <> 'U' OR code = 'D5120' AND surf <> 'L'))::float8, \
              count(*) FROM charted WHERE code IN ('D4341', 'D4342', 'D5110', 'D5120')",
    },
    Query {
        id: "V5",
        sql: "SELECT '', count(*) FILTER (WHERE code = 'D1120' AND day >= birth + INTERVAL '14 years' OR code = 'D1110' AND \
              day < birth + INTERVAL '14 years' OR code = 'D0145' AND day >= birth + INTERVAL '3 years' OR code LIKE 'D8080' AND \
              (day < birth + INTERVAL '10 years' OR day >= birth + INTERVAL '19 years'))::float8, count(*) \
              FROM done d JOIN person p ON p.num = d.pat WHERE code IN ('D1110', 'D1120', 'D0145', 'D8080')",
    },
    // A patient whose file is older than the history may have been examined before it.
    Query {
        id: "V6",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT \
              count(*) FILTER (WHERE is_first AND is_new AND NOT codes ~ 'D0(150|140|145|180)') AS first, \
              count(*) FILTER (WHERE is_first AND is_new AND codes ~ 'D0120') AS recall, count(*) FILTER (WHERE is_first AND is_new) AS all_rows \
              FROM (SELECT string_agg(d.code, ' ') AS codes, row_number() OVER (PARTITION BY d.pat ORDER BY d.day) = 1 AS is_first, \
              min(p.entered) >= :start AS is_new FROM done d JOIN person p ON p.num = d.pat WHERE d.apt <> 0 GROUP BY d.pat, d.day) t) u \
              CROSS JOIN LATERAL (VALUES ('first visit without a first exam', first, all_rows), \
              ('recall exam at the first visit', recall, all_rows)) AS n (name, found, looked)",
    },
    Query {
        id: "V7",
        sql: "SELECT kind, count(*) FILTER (WHERE too_soon)::float8, count(*) FROM (SELECT \
              CASE WHEN code = 'D0120' THEN 'a third recall exam within eleven months' WHEN code ~ '^D(1110|1120|4910)$' THEN \
              'a fifth cleaning within eleven months' ELSE 'full set of X-rays within 30 months' END AS kind, \
              CASE WHEN code = 'D0120' THEN day - lag(day, 2) OVER w < 335 WHEN code ~ '^D(1110|1120|4910)$' THEN day - lag(day, 4) OVER w < 335 \
              ELSE day - lag(day) OVER w < 913 END AS too_soon FROM done WHERE code IN ('D0120', 'D1110', 'D1120', 'D4910', 'D0210', 'D0330') \
              WINDOW w AS (PARTITION BY pat, CASE WHEN code = 'D0120' THEN 1 WHEN code ~ '^D(1110|1120|4910)$' THEN 2 ELSE 3 END ORDER BY day)) t \
              GROUP BY 1 UNION ALL SELECT 'a quadrant twice in 24 months', count(*) FILTER (WHERE gap < 730)::float8, count(*) FROM \
              (SELECT day - lag(day) OVER (PARTITION BY pat, surf ORDER BY day) AS gap FROM done WHERE code IN ('D4341', 'D4342')) t",
    },
    Query {
        id: "V8",
        sql: "SELECT 'gum upkeep without deep cleaning', count(*) FILTER (WHERE deep IS NULL OR deep > day)::float8, count(*) FROM done d \
              LEFT JOIN (SELECT pat, min(day) AS deep FROM charted WHERE code IN ('D4341', 'D4342') AND status IN (2, 3, 4) GROUP BY pat) c \
              ON c.pat = d.pat WHERE d.code = 'D4910' UNION ALL \
              SELECT 'crown before root canal', count(DISTINCT d.num) FILTER (WHERE r.day > d.day AND r.day < d.day + 180)::float8, count(DISTINCT d.num) \
              FROM done d LEFT JOIN done r ON r.pat = d.pat AND r.tooth = d.tooth AND r.code ~ '^D33' WHERE d.code ~ '^D27'",
    },
    Query {
        id: "V9",
        sql: "SELECT kind, count(*) FILTER (WHERE day >= :as_of OR day < birth OR day < entered)::float8, count(*) FROM (\
              SELECT 'procedure' AS kind, pat, day FROM done UNION ALL \
              SELECT 'payment', \"PatNum\", \"PayDate\" FROM raw.payment UNION ALL \
              SELECT 'split', \"PatNum\", \"DatePay\" FROM raw.paysplit UNION ALL \
              SELECT 'adjustment', \"PatNum\", \"AdjDate\" FROM raw.adjustment UNION ALL \
              SELECT 'claim', \"PatNum\", \"DateService\" FROM raw.claim UNION ALL \
              SELECT 'claim line', \"PatNum\", \"DateCP\" FROM raw.claimproc WHERE \"Status\" = 1 UNION ALL \
              SELECT 'message', \"PatNum\", \"CommDateTime\"::date FROM raw.commlog) e JOIN person p ON p.num = e.pat GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "V9-death",
        sql: "SELECT '', count(*) FILTER (WHERE d.day > m.\"DateTimeDeceased\"::date)::float8, count(*) FROM done d \
              JOIN raw.patient m ON m.\"PatNum\" = d.pat WHERE m.\"DateTimeDeceased\" > DATE '1900-01-01'",
    },
    Query {
        id: "V10",
        sql: "SELECT '', count(*) FILTER (WHERE s.day IS NULL)::float8, count(*) FROM done d LEFT JOIN \
              (SELECT DISTINCT \"ProvNum\" AS prov, \"SchedDate\" AS day FROM raw.schedule WHERE \"SchedType\" = 1) s ON s.prov = d.prov AND s.day = d.day \
              WHERE d.apt <> 0",
    },
    Query {
        id: "V10-share",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE v.\"IsSecondary\") / nullif(count(*), 0), count(*) FROM done d \
              JOIN raw.provider v ON v.\"ProvNum\" = d.prov WHERE d.code ~ '^D(1110|1120|1206|1208|1351|4341|4342|4346|4355|4910)$'",
    },
];

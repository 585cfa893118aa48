//! Plans, claims and money, in cents.

use super::Query;
use super::people::share;

pub(super) const ALL: &[Query] = &[
    Query {
        id: "F3",
        sql: "SELECT '', (count(*) - count(DISTINCT (\"FeeSched\", \"CodeNum\", \"ClinicNum\", \"ProvNum\")) + \
              count(*) FILTER (WHERE \"Amount\" <> floor(\"Amount\")))::float8, count(*) FROM raw.fee",
    },
    // What the networks allow of a line that is billed at the office's fee.
    Query {
        id: "F5",
        sql: "SELECT '', avg(1 - \"WriteOff\" / \"FeeBilled\"), count(*) FROM line JOIN raw.insplan i ON i.\"PlanNum\" = plan \
              WHERE status = 1 AND i.\"PlanType\" = 'p' AND \"WriteOff\" > 0 AND \"FeeBilled\" > 0 AND sequence = 'P'",
    },
    Query {
        id: "F7",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT count(*) FILTER (WHERE \"WriteOff\" > 0 AND i.\"PlanType\" = '' ) \
              AS outside, count(*) FILTER (WHERE \"WriteOff\" > \"FeeBilled\" OR \"WriteOff\" < 0) AS more, count(*) AS lines \
              FROM line JOIN raw.insplan i ON i.\"PlanNum\" = plan WHERE status = 1) t CROSS JOIN LATERAL (VALUES \
              ('write-off out of network', outside, lines), ('write-off above the fee', more, lines)) AS n (name, found, looked)",
    },
    share!("F8", "person", "active", "covered"),
    Query {
        id: "F12",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE \"ClaimType\" = 'S') / nullif(count(*), 0), count(*) FROM raw.claim \
              WHERE \"ClaimType\" IN ('P', 'S')",
    },
    Query {
        id: "F13",
        sql: "SELECT k.name, 100.0 * count(*) FILTER (WHERE amount BETWEEN k.low AND k.high) / nullif(count(*), 0), count(*) FROM \
              (SELECT max(\"MonetaryAmt\") AS amount FROM raw.benefit WHERE \"BenefitType\" = 5 AND \"CoverageLevel\" = 1 GROUP BY \"PlanNum\") b, \
              (VALUES (1, 'to 1,000', 1, 1000), (2, 'between', 1001, 2499), (3, 'from 2,500', 2500, 1000000)) AS k (place, name, low, high) \
              GROUP BY 1, k.place ORDER BY k.place",
    },
    // The office's fees of one January beside those of the one before.
    Query {
        id: "F4",
        sql: "SELECT '', 100.0 * (avg(b.cents::float8 / a.cents) - 1), count(*) FROM standard a JOIN standard b ON b.code = a.code AND b.year = a.year + 1 \
              WHERE a.cents > 0",
    },
    Query {
        id: "F6",
        sql: "SELECT '', sum(\"InsPayAmt\") / nullif(sum(\"FeeBilled\"), 0), count(*) FROM line JOIN raw.insplan i ON i.\"PlanNum\" = plan \
              JOIN raw.carrier k USING (\"CarrierNum\") WHERE status = 1 AND sequence = 'P' AND \"InsPayAmt\" > 0 AND k.\"CarrierName\" ~* 'public'",
    },
    Query {
        id: "F15",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE paid >= ceiling) / nullif(count(*), 0), count(*) FROM (SELECT sum(pay_cents) AS paid, \
              max(b.cents) AS ceiling FROM line l JOIN yearly b ON b.plan = l.plan AND b.kind = 5 WHERE l.status = 1 \
              AND extract(year FROM l.day) BETWEEN extract(year FROM :start) + 1 AND extract(year FROM :as_of) - 1 \
              GROUP BY l.pat, l.subscription, l.plan, extract(year FROM l.day)) t",
    },
    // A plan without a deductible has no row that says so; public cover is no plan of an employer.
    share!(
        "F16",
        "(SELECT max(\"MonetaryAmt\") AS amount FROM raw.insplan i JOIN raw.carrier k USING (\"CarrierNum\") LEFT JOIN raw.benefit b \
         ON b.\"PlanNum\" = i.\"PlanNum\" AND \"BenefitType\" = 2 AND \"CovCatNum\" IN (0, 1) AND \"CoverageLevel\" = 1 \
         WHERE i.\"PlanType\" = 'p' AND k.\"CarrierName\" !~* 'public' GROUP BY i.\"PlanNum\") b",
        "true",
        "coalesce(amount, 0) BETWEEN 50 AND 100"
    ),
    share!(
        "F21",
        "(SELECT min(\"TimePeriod\") AS period FROM raw.benefit WHERE \"BenefitType\" = 5 GROUP BY \"PlanNum\") b",
        "true",
        "period = 2"
    ),
    Query {
        id: "C2",
        sql: "SELECT '', count(*)::float8 / nullif((SELECT count(DISTINCT v.pat) FROM visit v JOIN person p ON p.num = v.pat \
              WHERE p.covered AND v.day >= :as_of - 365), 0), count(*) FROM raw.claim WHERE \"ClaimType\" = 'P' AND \"DateService\" >= :as_of - 365",
    },
    Query {
        id: "C3",
        sql: "SELECT '', count(*)::float8 / nullif(count(DISTINCT claim), 0), count(DISTINCT claim) FROM line WHERE claim <> 0 AND sequence = 'P'",
    },
    // Visits of the last year with work that has a fee, of whoever was covered before, and claims for them.
    Query {
        id: "C4",
        sql: "SELECT '', 100.0 * count(c.pat) / nullif(count(*), 0), count(*) FROM (SELECT DISTINCT d.pat, d.day FROM done d \
              JOIN raw.patplan q ON q.\"PatNum\" = d.pat AND q.\"Ordinal\" = 1 JOIN raw.inssub s ON s.\"InsSubNum\" = q.\"InsSubNum\" \
              AND s.\"SecDateEntry\" < d.day WHERE d.apt <> 0 AND d.cents > 0 AND d.day >= :as_of - 365) v LEFT JOIN (SELECT DISTINCT \"PatNum\" AS pat, \
              \"DateService\" AS day FROM raw.claim) c ON c.pat = v.pat AND c.day = v.day",
    },
    Query {
        id: "C5",
        sql: "SELECT k.name, 100.0 * count(*) FILTER (WHERE \"DateSentOrig\" - \"DateService\" <= k.days) / nullif(count(*), 0), count(*) \
              FROM raw.claim, (VALUES ('within 1 day', 1), ('within 7 days', 7)) AS k (name, days) WHERE \"ClaimType\" = 'P' AND \
              \"ClaimStatus\" IN ('S', 'R') AND \"DateSentOrig\" > DATE '1900-01-01' GROUP BY 1, k.days ORDER BY k.days",
    },
    Query {
        id: "C6",
        sql: "SELECT '', avg(\"DateReceived\" - \"DateSent\"), count(*) FROM raw.claim WHERE \"ClaimStatus\" = 'R' AND \"ClaimType\" = 'P' \
              AND \"DateSent\" < :as_of - 120",
    },
    Query {
        id: "C7",
        sql: "SELECT k.name, percentile_cont(k.at) WITHIN GROUP (ORDER BY \"DateReceived\" - \"DateSent\"), count(*) FROM raw.claim, \
              (VALUES ('median', 0.5), ('90 %', 0.9)) AS k (name, at) WHERE \"ClaimStatus\" = 'R' AND \"ClaimType\" = 'P' \
              AND \"DateSent\" < :as_of - 120 GROUP BY 1, k.at ORDER BY k.at",
    },
    Query {
        id: "C8",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE \"DateResent\" > DATE '1900-01-01' OR (\"InsPayAmt\" = 0 AND \"InsPayEst\" > 0)) \
              / nullif(count(*), 0), count(*) FROM raw.claim WHERE \"ClaimStatus\" = 'R' AND \"ClaimType\" = 'P' AND \"DateService\" < :as_of - 120",
    },
    share!(
        "C10",
        "line",
        "status = 1 AND \"InsPayEst\" > 0 AND sequence = 'P'",
        "abs(\"InsPayAmt\" - \"InsPayEst\") <= 1"
    ),
    Query {
        id: "C9",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE \"InsPayAmt\" > 0) / nullif(count(*), 0), count(*) FROM raw.claim WHERE \"ClaimStatus\" = 'R' \
              AND \"ClaimType\" = 'P' AND \"DateService\" < :as_of - 120 AND (\"DateResent\" > DATE '1900-01-01' OR (\"InsPayAmt\" = 0 AND \"InsPayEst\" > 0))",
    },
    Query {
        id: "C11",
        sql: "SELECT '', 100.0 * count(*) FILTER (WHERE NOT d.\"ItemName\" ~* 'check') / nullif(count(*), 0), count(*) \
              FROM raw.claimpayment p JOIN raw.definition d ON d.\"DefNum\" = p.\"PayType\"",
    },
    Query {
        id: "C12",
        sql: "SELECT '', count(DISTINCT (claim, payment))::float8 / nullif(count(DISTINCT payment), 0), count(DISTINCT payment) \
              FROM line WHERE payment <> 0",
    },
    Query {
        id: "C13",
        sql: "SELECT '', count(*) FILTER (WHERE \"ClaimStatus\" = 'R' AND \"DateReceived\" < \"DateSent\" OR \"ClaimStatus\" IN ('R', 'S') AND \
              \"DateSent\" < \"DateService\")::float8, count(*) FROM raw.claim",
    },
    Query {
        id: "C14",
        sql: "SELECT '', count(*) FILTER (WHERE NOT coalesce(fits, false))::float8, count(*) FROM raw.claim s LEFT JOIN \
              (SELECT a.claim, bool_or(p.\"DateReceived\" > DATE '0001-01-01' AND p.\"DateReceived\" <= c.\"DateSent\") AS fits FROM line a JOIN raw.claim c ON c.\"ClaimNum\" = a.claim \
              JOIN line b ON a.procedure = b.procedure AND b.sequence = 'P' JOIN raw.claim p ON p.\"ClaimNum\" = b.claim WHERE a.sequence = 'S' GROUP BY 1) t \
              ON t.claim = s.\"ClaimNum\" WHERE s.\"ClaimType\" = 'S' AND s.\"ClaimStatus\" IN ('R', 'S')",
    },
    Query {
        id: "C15",
        sql: "SELECT 'paid and written off above the fee', count(*) FILTER (WHERE paid > fee)::float8, count(*) FROM \
              (SELECT sum(pay_cents + off_cents) AS paid, max(d.cents) AS fee FROM line l JOIN done d ON d.num = l.procedure \
              WHERE l.status = 1 GROUP BY l.procedure) t UNION ALL \
              SELECT 'yearly maximum exceeded', count(*) FILTER (WHERE paid > ceiling)::float8, count(*) FROM (SELECT sum(pay_cents) AS paid, \
              max(b.cents) AS ceiling FROM line l JOIN yearly b ON b.plan = l.plan AND b.kind = 5 WHERE l.status = 1 \
              GROUP BY l.pat, l.subscription, l.plan, extract(year FROM l.day)) t UNION ALL \
              SELECT 'deductible exceeded', count(*) FILTER (WHERE paid > ceiling)::float8, count(*) FROM (SELECT sum(round(\"DedApplied\" * 100)) \
              AS paid, max(b.cents) AS ceiling FROM line l JOIN yearly b ON b.plan = l.plan AND b.kind = 2 WHERE l.status = 1 \
              GROUP BY l.pat, l.subscription, l.plan, extract(year FROM l.day)) t",
    },
    Query {
        id: "C16",
        sql: "SELECT '', count(*) FILTER (WHERE \"ClaimStatus\" = 'S')::float8 / nullif(count(*) FILTER (WHERE \"DateSentOrig\" >= :as_of - 182) / 6.0, 0), \
              count(*) FROM raw.claim WHERE \"ClaimStatus\" IN ('S', 'R')",
    },
    Query {
        id: "M1",
        sql: "SELECT '', 100.0 * (SELECT sum(cents) FROM income) / nullif(sum(cents), 0), count(*) FROM done WHERE day >= :as_of - 365",
    },
    // What was given up as lost was earned all the same.
    Query {
        id: "M2",
        sql: "SELECT '', 100.0 * (SELECT sum(cents) FROM income) / nullif(sum(cents) - (SELECT sum(off_cents) FROM line WHERE status = 1 \
              AND paid_on >= :as_of - 365) + (SELECT sum(round(\"AdjAmt\" * 100)) FROM raw.adjustment a JOIN raw.definition d \
              ON d.\"DefNum\" = a.\"AdjType\" WHERE \"AdjDate\" >= :as_of - 365 AND NOT d.\"ItemName\" ~* 'bad debt'), 0), count(*) \
              FROM done WHERE day >= :as_of - 365",
    },
    Query {
        id: "M3",
        sql: "SELECT '', (SELECT sum(round(\"BalTotal\" * 100)) FROM raw.patient WHERE \"BalTotal\" > 0) / nullif(sum(cents) / 12.0, 0), count(*) \
              FROM done WHERE day >= :as_of - 365",
    },
    Query {
        id: "M4",
        sql: "SELECT n.name, 100.0 * n.part / nullif(n.total, 0), accounts FROM (SELECT sum(\"Bal_0_30\") AS a, sum(\"Bal_31_60\") AS b, \
              sum(\"Bal_61_90\") AS c, sum(\"BalOver90\") AS d, sum(\"BalTotal\") AS e, count(*) AS accounts FROM raw.patient WHERE \"BalTotal\" > 0) t \
              CROSS JOIN LATERAL (VALUES ('0-30', a, e), ('31-60', b, e), ('61-90', c, e), ('over 90', d, e)) AS n (name, part, total)",
    },
    Query {
        id: "M7",
        sql: "SELECT '', (SELECT sum(round(\"BalTotal\" * 100)) FROM raw.patient WHERE \"BalTotal\" > 0) / nullif(sum(cents) / 365.0, 0), count(*) \
              FROM done WHERE day >= :as_of - 365",
    },
    Query {
        id: "M9",
        sql: "SELECT '', 100.0 * sum(\"SplitAmt\") FILTER (WHERE s.\"DatePay\" = d.day) / nullif(sum(\"SplitAmt\"), 0), count(*) \
              FROM raw.paysplit s JOIN done d ON d.num = s.\"ProcNum\"",
    },
    Query {
        id: "M10",
        sql: "SELECT '', percentile_cont(0.5) WITHIN GROUP (ORDER BY n), count(*) FROM (SELECT count(*)::float8 AS n FROM raw.paysplit s \
              JOIN raw.payment p USING (\"PayNum\") WHERE p.\"PayAmt\" > 0 GROUP BY \"PayNum\") t",
    },
    Query { id: "M11", sql: "SELECT '', avg(\"PayAmt\"), count(*) FROM raw.payment WHERE \"PayAmt\" > 0" },
    Query {
        id: "M12",
        sql: "SELECT k.name, 100.0 * count(*) FILTER (WHERE kind = k.name) / nullif(count(*), 0), count(*) FROM (SELECT CASE WHEN \
              \"ItemName\" ~* 'card' THEN 'card' WHEN \"ItemName\" ~* 'check' THEN 'check' WHEN \"ItemName\" ~* 'cash' THEN 'cash' \
              WHEN \"ItemName\" ~* 'financ|care' THEN 'financing' ELSE 'other' END AS kind FROM raw.payment p JOIN raw.definition d \
              ON d.\"DefNum\" = p.\"PayType\" WHERE \"PayAmt\" > 0) t, (VALUES (1, 'card'), (2, 'check'), (3, 'cash'), (4, 'financing'), \
              (5, 'other')) AS k (place, name) GROUP BY 1, k.place ORDER BY k.place",
    },
    Query {
        id: "M13",
        sql: "SELECT '', (SELECT count(*) FROM raw.adjustment)::float8 / nullif(count(*), 0), count(*) FROM raw.appointment",
    },
    Query {
        id: "M14",
        sql: "SELECT '', -100.0 * (SELECT sum(\"AdjAmt\") FROM raw.adjustment a JOIN raw.definition d ON d.\"DefNum\" = a.\"AdjType\" \
              WHERE \"AdjAmt\" < 0 AND d.\"ItemName\" ~* 'discount|courtesy') / nullif(sum(cents) / 100.0, 0), count(*) FROM done",
    },
    share!("M15", "raw.patient", "\"PatNum\" = \"Guarantor\"", "\"BalTotal\" < 0"),
    share!(
        "R21",
        "done d JOIN standard s ON s.code = d.code AND s.year = extract(year FROM d.day)",
        "true",
        "d.cents = s.cents"
    ),
    Query {
        id: "B1",
        sql: "SELECT '', sum(cents) / 100.0 / nullif((SELECT sum(share) FROM dentist), 0), count(*) FROM done WHERE day >= :as_of - 365",
    },
    Query {
        id: "B2",
        sql: "SELECT '', sum(cents) / 100.0 / nullif(count(DISTINCT (prov, day)), 0), count(DISTINCT (prov, day)) FROM done d \
              JOIN raw.provider v ON v.\"ProvNum\" = prov WHERE day >= :as_of - 365 AND NOT v.\"IsSecondary\"",
    },
    Query {
        id: "B3",
        sql: "SELECT '', sum(cents) / 100.0 / nullif(count(DISTINCT (prov, day)), 0), count(DISTINCT (prov, day)) FROM done d \
              JOIN raw.provider v ON v.\"ProvNum\" = prov WHERE day >= :as_of - 365 AND v.\"IsSecondary\"",
    },
    Query {
        id: "B4",
        sql: "SELECT '', 100.0 * sum(cents) FILTER (WHERE v.\"IsSecondary\") / nullif(sum(cents), 0), count(*) FROM done d \
              JOIN raw.provider v ON v.\"ProvNum\" = prov",
    },
    Query {
        id: "B5",
        sql: "SELECT '', (SELECT sum(cents) FROM done WHERE apt <> 0) / 100.0 / nullif(count(*), 0), count(*) FROM visit",
    },
    Query {
        id: "B8",
        sql: "SELECT '', avg(days), count(*) FROM (SELECT count(DISTINCT s.\"SchedDate\")::float8 AS days FROM raw.schedule s \
              JOIN general g ON g.num = s.\"ProvNum\" WHERE s.\"SchedType\" = 1 AND s.\"SchedDate\" >= :start AND s.\"SchedDate\" < :as_of \
              GROUP BY s.\"ProvNum\", date_trunc('week', s.\"SchedDate\")) t",
    },
    // Who is there for each general dentist.
    Query {
        id: "B7",
        sql: "SELECT k.name, k.n / nullif(d.n, 0), (SELECT count(*) FROM visit) FROM (SELECT count(*)::float8 AS n FROM general) d, LATERAL (VALUES \
              ('hygienists', (SELECT count(*) FROM raw.provider WHERE \"IsSecondary\")::float8), \
              ('chairs', (SELECT count(*) FROM raw.operatory WHERE NOT \"IsHidden\")::float8)) AS k (name, n)",
    },
    Query {
        id: "B11",
        sql: "SELECT '', count(*)::float8 / nullif(count(DISTINCT start::date), 0) / (SELECT greatest(1, count(*)) FROM raw.clinic), count(*) \
              FROM booked b JOIN raw.appointment a ON a.\"AptNum\" = b.num WHERE past AND a.\"AptStatus\" IN (2, 5)",
    },
    Query {
        id: "T2",
        sql: "SELECT k.name, 100.0 * count(c.\"Mode_\") / nullif(sum(count(c.\"Mode_\")) OVER (), 0), (sum(count(c.\"Mode_\")) OVER ())::bigint \
              FROM (VALUES (0, 'none'), (1, 'e-mail'), (2, 'letter'), (3, 'telephone'), (4, 'in person'), (5, 'text')) AS k (mode, name) \
              LEFT JOIN raw.commlog c ON c.\"Mode_\" = k.mode GROUP BY 1, k.mode ORDER BY k.mode",
    },
    Query {
        id: "T1",
        sql: "SELECT '', (SELECT count(*) FROM raw.commlog)::float8 / nullif(count(*), 0), count(*) FROM raw.appointment",
    },
    share!("T3", "raw.commlog", "true", "\"UserNum\" = 0"),
    Query {
        id: "T5",
        sql: "SELECT k.name, 1000.0 * k.n / nullif(a.n, 0), CASE WHEN k.n = 0 THEN 0 ELSE a.n END FROM (SELECT count(*) AS n FROM raw.appointment) a, \
              LATERAL (VALUES ('procedures', (SELECT count(*) FROM raw.procedurelog)), ('history', (SELECT count(*) FROM raw.histappointment)), \
              ('messages', (SELECT count(*) FROM raw.commlog)), ('claims', (SELECT count(*) FROM raw.claim)), \
              ('insurer checks', (SELECT count(*) FROM raw.claimpayment)), ('documents', (SELECT count(*) FROM raw.document)), \
              ('statements', (SELECT count(*) FROM raw.statement)), ('gum measurements', (SELECT count(*) FROM raw.periomeasure))) AS k (name, n)",
    },
    Query {
        id: "T6",
        sql: "SELECT k.name, k.value, k.looked FROM (SELECT (SELECT count(*)::float8 FROM raw.insplan) * 1000 / nullif(count(*), 0) AS plans, \
              (SELECT count(*)::float8 FROM raw.carrier) AS carriers, count(*) AS n FROM raw.patient) t CROSS JOIN LATERAL \
              (VALUES ('plans per 1,000 patients', plans, n), ('carriers', carriers, n)) AS k (name, value, looked)",
    },
    Query {
        id: "T7",
        sql: "SELECT '', (SELECT count(*) FROM raw.recall r JOIN person p ON p.num = r.\"PatNum\" AND p.active)::float8 / nullif(count(*), 0), \
              count(*) FROM person WHERE active",
    },
];

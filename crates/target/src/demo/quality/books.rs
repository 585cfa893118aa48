//! The books, added up again from their single entries, in cents.

use super::Query;

pub(super) const ALL: &[Query] = &[
    Query {
        id: "M16-patient",
        sql: "SELECT '', count(*) FILTER (WHERE round(m.\"EstBalance\" * 100) <> coalesce(e.cents, 0))::float8, count(*) FROM raw.patient m \
              LEFT JOIN (SELECT pat, sum(cents) AS cents FROM entry GROUP BY pat) e ON e.pat = m.\"PatNum\"",
    },
    Query {
        id: "M16-account",
        sql: "SELECT '', count(*) FILTER (WHERE round(m.\"BalTotal\" * 100) <> coalesce(e.cents, 0))::float8, count(*) FROM raw.patient m \
              LEFT JOIN (SELECT p.head, sum(cents) AS cents FROM entry JOIN person p ON p.num = pat GROUP BY 1) e ON e.head = m.\"PatNum\" \
              WHERE m.\"PatNum\" = m.\"Guarantor\"",
    },
    // What the practice is owed, by patients, is what it is owed by providers: no entry belongs to nobody.
    Query {
        id: "M16-provider",
        sql: "SELECT '', count(*) FILTER (WHERE v.\"ProvNum\" IS NULL)::float8, count(*) FROM entry LEFT JOIN raw.provider v ON v.\"ProvNum\" = prov",
    },
    // At the end of every month, what came in by documents is what was entered on the accounts.
    Query {
        id: "M16-months",
        sql: "SELECT kind, count(*) FILTER (WHERE documents <> entries)::float8, count(*) FROM (SELECT kind, month, \
              sum(sum(document)) OVER w AS documents, sum(sum(item)) OVER w AS entries FROM (\
              SELECT 'patients' AS kind, date_trunc('month', \"PayDate\") AS month, round(\"PayAmt\" * 100) AS document, 0 AS item FROM raw.payment UNION ALL \
              SELECT 'patients', date_trunc('month', \"DatePay\"), 0, round(\"SplitAmt\" * 100) FROM raw.paysplit UNION ALL \
              SELECT 'insurers', date_trunc('month', \"CheckDate\"), round(\"CheckAmt\" * 100), 0 FROM raw.claimpayment UNION ALL \
              SELECT 'insurers', date_trunc('month', paid_on), 0, pay_cents FROM line WHERE payment <> 0 UNION ALL \
              SELECT 'claims', date_trunc('month', \"DateReceived\"), round(\"InsPayAmt\" * 100), 0 FROM raw.claim WHERE \"ClaimStatus\" = 'R' UNION ALL \
              SELECT 'claims', date_trunc('month', paid_on), 0, pay_cents FROM line WHERE status = 1 AND claim <> 0) t \
              GROUP BY kind, month WINDOW w AS (PARTITION BY kind ORDER BY month)) u GROUP BY 1 ORDER BY 1",
    },
    // An account's entries of a month, by guarantor, add up to those of its patients and of their procedures: a split or
    // an insurer's line belongs to the patient of its procedure.
    Query {
        id: "M16-procedure",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT \
              (SELECT count(*) FILTER (WHERE d.\"PatNum\" <> s.\"PatNum\") FROM raw.paysplit s JOIN raw.procedurelog d USING (\"ProcNum\") WHERE \"ProcNum\" <> 0) AS a, \
              (SELECT count(*) FROM raw.paysplit WHERE \"ProcNum\" <> 0) AS an, \
              (SELECT count(*) FILTER (WHERE d.\"PatNum\" <> l.pat) FROM line l JOIN raw.procedurelog d ON d.\"ProcNum\" = l.procedure) AS b, \
              (SELECT count(*) FROM line) AS bn, \
              (SELECT count(*) FILTER (WHERE c.\"PatNum\" <> l.pat) FROM line l JOIN raw.claim c ON c.\"ClaimNum\" = l.claim) AS c, \
              (SELECT count(*) FROM line WHERE claim <> 0) AS cn) t CROSS JOIN LATERAL (VALUES ('split of another patient', a, an), \
              ('line of another patient', b, bn), ('line on the claim of another patient', c, cn)) AS n (name, found, looked)",
    },
    Query {
        id: "M16-claim",
        sql: "SELECT '', count(*) FILTER (WHERE round(c.\"InsPayAmt\" * 100) <> coalesce(l.paid, 0) OR round(c.\"WriteOff\" * 100) <> coalesce(l.off, 0) \
              OR round(c.\"ClaimFee\" * 100) <> coalesce(l.fee, 0))::float8, count(*) FROM raw.claim c LEFT JOIN (SELECT claim, sum(pay_cents) AS paid, \
              sum(off_cents) AS off, sum(round(\"FeeBilled\" * 100)) AS fee FROM line WHERE status <> 6 GROUP BY claim) l ON l.claim = c.\"ClaimNum\" \
              WHERE c.\"ClaimStatus\" = 'R'",
    },
    Query {
        id: "M17-splits",
        sql: "SELECT '', count(*) FILTER (WHERE round(p.\"PayAmt\" * 100) <> coalesce(s.cents, 0))::float8, count(*) FROM raw.payment p \
              LEFT JOIN (SELECT \"PayNum\", sum(round(\"SplitAmt\" * 100)) AS cents FROM raw.paysplit GROUP BY 1) s USING (\"PayNum\")",
    },
    Query {
        id: "M17-checks",
        sql: "SELECT '', count(*) FILTER (WHERE round(p.\"CheckAmt\" * 100) <> coalesce(l.cents, 0))::float8, count(*) FROM raw.claimpayment p \
              LEFT JOIN (SELECT payment, sum(pay_cents) AS cents FROM line GROUP BY 1) l ON l.payment = p.\"ClaimPaymentNum\"",
    },
    Query {
        id: "M17-ageing",
        sql: "SELECT '', count(*) FILTER (WHERE round(\"Bal_0_30\" * 100) + round(\"Bal_31_60\" * 100) + round(\"Bal_61_90\" * 100) + \
              round(\"BalOver90\" * 100) <> round(\"BalTotal\" * 100))::float8, count(*) FROM raw.patient",
    },
    Query {
        id: "M18",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT (SELECT count(*) FILTER (WHERE d.\"ProcStatus\" <> 2) FROM raw.paysplit s \
              JOIN raw.procedurelog d USING (\"ProcNum\")) AS a, (SELECT count(*) FROM raw.paysplit) AS an, \
              (SELECT count(*) FILTER (WHERE d.\"ProcStatus\" <> 2) FROM line l JOIN raw.procedurelog d ON d.\"ProcNum\" = l.procedure \
              JOIN raw.claim c ON c.\"ClaimNum\" = l.claim AND c.\"ClaimType\" <> 'PreAuth' WHERE l.status IN (0, 1)) AS b, \
              (SELECT count(*) FROM line WHERE claim <> 0) AS bn) t CROSS JOIN LATERAL (VALUES ('payment on planned work', a, an), \
              ('claim on planned work', b, bn)) AS n (name, found, looked)",
    },
];

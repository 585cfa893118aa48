//! The life of one patient, as the rows of the demo database tell it. Nobody in that database is real, so values may be
//! told.

use bicuspid_model::{Table, TargetType};

use super::Demo;
use crate::error::{TargetError, of_driver};

/// Something that happened, or will, and the row that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeEvent {
    /// When, `YYYY-MM-DD HH:MM`, or a day alone.
    pub at: String,
    /// Table of the row.
    pub table: String,
    /// Its key.
    pub key: i64,
    /// What happened.
    pub text: String,
}

/// A life and what it left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Events in the order of time.
    pub events: Vec<LifeEvent>,
    /// Rows of each table that name the patient.
    pub rows: Vec<(String, u64)>,
}

/// Every part returns a moment, whether its time of day means something, a place among those of the same moment, a
/// table, a key and a text.
const EVENTS: &str = "
WITH me AS (SELECT * FROM raw.patient WHERE \"PatNum\" = $1),
money AS (SELECT 'FM999G999G990D00' AS form),
event AS (
    SELECT \"Birthdate\"::timestamp AS at, false AS timed, 0 AS place, 'patient' AS tab, \"PatNum\" AS key,
        'Born: ' || concat_ws(' ', \"FName\", nullif(\"MiddleI\", ''), \"LName\") ||
        CASE \"Gender\" WHEN 0 THEN ', male' WHEN 1 THEN ', female' ELSE '' END AS text
    FROM me WHERE \"Birthdate\" > DATE '1800-01-01'
    UNION ALL
    SELECT \"SecDateEntry\"::timestamp, false, 1, 'patient', \"PatNum\",
        'File opened: ' || concat_ws(', ', nullif(\"Address\", ''), nullif(\"City\", ''), nullif(\"State\", '')) ||
        CASE WHEN \"Guarantor\" = \"PatNum\" THEN '; head of the account' ELSE '; on the account of patient ' || \"Guarantor\" END
    FROM me
    UNION ALL
    SELECT g.\"SecDateEntry\"::timestamp, false, 2, 'patient', g.\"PatNum\",
        'Of the family: ' || g.\"FName\" || ' ' || g.\"LName\" || ', born ' || g.\"Birthdate\"
    FROM raw.patient g JOIN me ON me.\"Guarantor\" = g.\"Guarantor\" WHERE g.\"PatNum\" <> me.\"PatNum\"
    UNION ALL
    SELECT me.\"DateTimeDeceased\", false, 9, 'patient', me.\"PatNum\", 'Died' FROM me
    WHERE me.\"DateTimeDeceased\" > DATE '1800-01-01'
    UNION ALL
    SELECT s.\"DateEffective\"::timestamp, false, 3, 'patplan', p.\"PatPlanNum\",
        'Insured with ' || c.\"CarrierName\" || CASE p.\"Ordinal\" WHEN 1 THEN '' ELSE ', in second place' END ||
        CASE WHEN s.\"Subscriber\" = $1 THEN '' ELSE ', through patient ' || s.\"Subscriber\" END ||
        CASE WHEN s.\"DateTerm\" > DATE '1800-01-01' THEN ', until ' || s.\"DateTerm\" ELSE '' END
    FROM raw.patplan p JOIN raw.inssub s USING (\"InsSubNum\") JOIN raw.insplan i USING (\"PlanNum\")
        JOIN raw.carrier c USING (\"CarrierNum\") WHERE p.\"PatNum\" = $1
    UNION ALL
    SELECT a.\"SecDateTEntry\", true, 7, 'appointment', a.\"AptNum\",
        'Booked for ' || to_char(a.\"AptDateTime\", 'YYYY-MM-DD HH24:MI') || CASE WHEN a.\"IsNewPatient\" THEN ' as a new patient' ELSE '' END ||
        CASE WHEN a.\"ProcDescript\" <> '' THEN ': ' || a.\"ProcDescript\" ELSE '' END
    FROM raw.appointment a WHERE a.\"PatNum\" = $1 AND a.\"SecDateTEntry\" > DATE '1800-01-01'
    UNION ALL
    SELECT a.\"AptDateTime\", true, 4, 'appointment', a.\"AptNum\",
        CASE a.\"AptStatus\" WHEN 2 THEN 'Came: in the chair at ' || to_char(a.\"DateTimeSeated\", 'HH24:MI') || ', gone at ' ||
            to_char(a.\"DateTimeDismissed\", 'HH24:MI') WHEN 5 THEN 'Appointment broken' WHEN 3 THEN 'Appointment given up, to be booked anew'
            ELSE 'Appointment' END || ', ' || length(a.\"Pattern\") * 5 || ' minutes with ' ||
        coalesce(v.\"Abbr\", 'nobody yet') || coalesce(' in ' || o.\"OpName\", '')
    FROM raw.appointment a LEFT JOIN raw.provider v ON v.\"ProvNum\" = CASE WHEN a.\"IsHygiene\" AND a.\"ProvHyg\" <> 0 THEN a.\"ProvHyg\" ELSE a.\"ProvNum\" END
        LEFT JOIN raw.operatory o ON o.\"OperatoryNum\" = a.\"Op\" WHERE a.\"PatNum\" = $1 AND a.\"AptDateTime\" > DATE '1800-01-01'
    UNION ALL
    SELECT p.\"DateTP\"::timestamp, false, 8, 'procedurelog', p.\"ProcNum\", 'Proposed: ' || c.\"ProcCode\" || ' ' || c.\"Descript\" ||
        CASE WHEN p.\"ToothNum\" <> '' THEN ', tooth ' || p.\"ToothNum\" ELSE '' END || CASE WHEN p.\"Surf\" <> '' THEN ' ' || p.\"Surf\" ELSE '' END
    FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\") WHERE p.\"PatNum\" = $1 AND p.\"DateTP\" > DATE '1800-01-01'
        AND (p.\"ProcStatus\" IN (1, 6, 8) OR p.\"DateTP\" < p.\"ProcDate\")
    UNION ALL
    SELECT p.\"ProcDate\"::timestamp + coalesce(nullif(a.\"AptDateTime\"::time, TIME '00:00') - TIME '00:00', INTERVAL '0'), false, 5,
        'procedurelog', p.\"ProcNum\",
        CASE WHEN c.\"ProcCode\" !~ '^D' THEN 'Noted: ' WHEN p.\"ProcStatus\" = 2 THEN 'Done: ' || c.\"ProcCode\" || ' ' \
        ELSE 'Noted as existing: ' || c.\"ProcCode\" || ' ' END || c.\"Descript\" ||
        CASE WHEN p.\"ToothNum\" <> '' THEN ', tooth ' || p.\"ToothNum\" ELSE '' END || CASE WHEN p.\"Surf\" <> '' THEN ' ' || p.\"Surf\" ELSE '' END ||
        CASE WHEN p.\"ProcStatus\" = 2 AND p.\"ProcFee\" <> 0 THEN ', fee ' || to_char(p.\"ProcFee\", money.form) ELSE '' END
    FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\") CROSS JOIN money LEFT JOIN raw.appointment a ON a.\"AptNum\" = p.\"AptNum\"
    WHERE p.\"PatNum\" = $1 AND p.\"ProcStatus\" IN (2, 3, 4)
    UNION ALL
    SELECT c.\"DateSent\"::timestamp, false, 6, 'claim', c.\"ClaimNum\", 'Claim sent to ' || r.\"CarrierName\" || ': ' || to_char(c.\"ClaimFee\", money.form) ||
        ', expected ' || to_char(c.\"InsPayEst\", money.form)
    FROM raw.claim c JOIN raw.insplan i USING (\"PlanNum\") JOIN raw.carrier r USING (\"CarrierNum\") CROSS JOIN money
    WHERE c.\"PatNum\" = $1 AND c.\"DateSent\" > DATE '1800-01-01'
    UNION ALL
    SELECT c.\"DateReceived\"::timestamp, false, 6, 'claim', c.\"ClaimNum\", 'Claim answered: paid ' || to_char(c.\"InsPayAmt\", money.form) ||
        ', written off ' || to_char(c.\"WriteOff\", money.form)
    FROM raw.claim c CROSS JOIN money WHERE c.\"PatNum\" = $1 AND c.\"ClaimStatus\" = 'R'
    UNION ALL
    SELECT y.\"PayDate\"::timestamp, false, 7, 'payment', y.\"PayNum\", CASE WHEN y.\"PayAmt\" < 0 THEN 'Paid back: ' ELSE 'Paid: ' END ||
        to_char(abs(s.amount), money.form) || coalesce(' by ' || lower(d.\"ItemName\"), '') || CASE WHEN y.\"PatNum\" <> $1 THEN ' by patient ' || y.\"PatNum\" ELSE '' END
    FROM (SELECT \"PayNum\", sum(\"SplitAmt\") AS amount FROM raw.paysplit WHERE \"PatNum\" = $1 GROUP BY 1) s JOIN raw.payment y USING (\"PayNum\")
        CROSS JOIN money LEFT JOIN raw.definition d ON d.\"DefNum\" = y.\"PayType\"
    UNION ALL
    SELECT j.\"AdjDate\"::timestamp, false, 7, 'adjustment', j.\"AdjNum\", coalesce(d.\"ItemName\", 'Adjustment') || ': ' || to_char(j.\"AdjAmt\", money.form)
    FROM raw.adjustment j CROSS JOIN money LEFT JOIN raw.definition d ON d.\"DefNum\" = j.\"AdjType\" WHERE j.\"PatNum\" = $1
    UNION ALL
    SELECT r.\"DateDue\"::timestamp, false, 9, 'recall', r.\"RecallNum\", 'Due: ' || t.\"Description\" ||
        CASE WHEN r.\"DateScheduled\" > DATE '1800-01-01' THEN ', booked for ' || r.\"DateScheduled\" ELSE '' END
    FROM raw.recall r JOIN raw.recalltype t USING (\"RecallTypeNum\") WHERE r.\"PatNum\" = $1 AND r.\"DateDue\" > DATE '1800-01-01'
    UNION ALL
    SELECT m.\"CommDateTime\", true, 8, 'commlog', m.\"CommlogNum\", CASE m.\"SentOrReceived\" WHEN 2 THEN 'Heard: ' ELSE 'Told: ' END || m.\"Note\"
    FROM raw.commlog m WHERE m.\"PatNum\" = $1
)
SELECT to_char(at, CASE WHEN timed THEN 'YYYY-MM-DD HH24:MI' ELSE 'YYYY-MM-DD' END), tab, key::bigint, text FROM event
WHERE text IS NOT NULL ORDER BY at, place, tab, key";

impl Demo {
    /// The life of a patient, `None` if nobody has that number. Rows are counted in those of `tables` that are there and
    /// have a column `PatNum`. Reads only.
    pub async fn life(&self, patient: i64, tables: &[Table]) -> Result<Option<Life>, TargetError> {
        let fault = |e: tokio_postgres::Error| of_driver(&e, "read a life");
        let unreadable = || TargetError::Protocol { what: "a life" };
        self.link.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "begin to read a life").await?;
        let found = self.link.client.query(EVENTS, &[&patient]).await.map_err(fault)?;
        let mut events = Vec::with_capacity(found.len());
        for row in &found {
            let text = |i: usize| row.try_get::<_, String>(i).map_err(|_| unreadable());
            let key = row.try_get(2).map_err(|_| unreadable())?;
            events.push(LifeEvent { at: text(0)?, table: text(1)?, key, text: text(3)? });
        }
        let naming = tables.iter().filter(|t| {
            t.columns.iter().any(|c| c.name.as_str() == "PatNum" && c.target == TargetType::Int8)
        });
        let mut rows = Vec::new();
        for table in naming {
            let name = table.name.in_target();
            let sql = format!("SELECT count(*) FROM raw.{} WHERE \"PatNum\" = $1", name.postgres());
            let count: i64 = self
                .link
                .client
                .query_one(&sql, &[&patient])
                .await
                .and_then(|row| row.try_get(0))
                .map_err(fault)?;
            if count > 0 {
                rows.push((name.to_string(), u64::try_from(count).map_err(|_| unreadable())?));
            }
        }
        self.link.run("COMMIT", "end reading a life").await?;
        Ok((!events.is_empty()).then_some(Life { events, rows }))
    }
}

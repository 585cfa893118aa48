//! The demo database measured by statements of its own, which know nothing of how the rows were made.
//!
//! Every statement is a constant of this module and returns, for each part of what it measures, a name, a figure and the
//! number of rows behind it. For a rule the figure is the number of rows that break it. What the figures ought to be is
//! not known here.

mod books;
mod clinical;
mod dirt;
mod identity;
mod money;
mod people;
mod visits;

use std::sync::atomic::{AtomicUsize, Ordering};

use bicuspid_model::{ColumnName, Date, Table, TableName};

use super::Demo;
use crate::error::{TargetError, of_driver};
use crate::link::Link;

/// A statement that measures one thing.
struct Query {
    /// What it measures, by the name of the fact or rule.
    id: &'static str,
    sql: &'static str,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What was measured.
    pub id: String,
    /// Its figures; a single one has no name.
    pub parts: Vec<Part>,
}

/// A figure of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name, empty if there is but one figure.
    pub name: String,
    /// The figure, `None` where there was nothing to measure.
    pub value: Option<f64>,
    /// Rows behind it.
    pub of: u64,
}

/// A column that holds keys of another table, or 0 for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Table of the column.
    pub table: TableName,
    /// The column.
    pub column: ColumnName,
    /// Table whose keys it holds.
    pub to_table: TableName,
    /// Their column.
    pub to_column: ColumnName,
}

/// What the statements read, in words of their own. A part that no statement reads costs nothing.
const WORDS: &str = "WITH done AS (
    SELECT p.\"ProcNum\" AS num, p.\"PatNum\" AS pat, p.\"AptNum\" AS apt, p.\"ProcDate\" AS day,
        round(p.\"ProcFee\" * 100)::bigint AS cents, p.\"ToothNum\" AS tooth, p.\"Surf\" AS surf, p.\"ProvNum\" AS prov,
        c.\"ProcCode\" AS code
    FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\")
    WHERE p.\"ProcStatus\" = 2 AND c.\"ProcCode\" ~ '^D[0-9]{4}$' AND c.\"ProcCode\" NOT IN ('D9986', 'D9987')
), charted AS (
    SELECT p.\"PatNum\" AS pat, p.\"ProcDate\" AS day, p.\"ProcStatus\" AS status, p.\"ToothNum\" AS tooth, p.\"Surf\" AS surf,
        c.\"ProcCode\" AS code
    FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\")
    WHERE p.\"ProcStatus\" IN (1, 2, 3, 4) AND c.\"ProcCode\" ~ '^D[0-9]{4}$'
), visit AS (
    SELECT \"AptNum\" AS num, \"PatNum\" AS pat, \"AptDateTime\" AS start, \"AptDateTime\"::date AS day
    FROM raw.appointment WHERE \"AptStatus\" = 2
), seen AS (
    SELECT \"PatNum\" AS pat, max(\"AptDateTime\")::date AS latest FROM raw.appointment WHERE \"AptStatus\" = 2 GROUP BY 1
), person AS (
    SELECT m.\"PatNum\" AS num, m.\"Guarantor\" AS head, m.\"LName\" AS surname, m.\"Gender\" AS sex, m.\"Position\" AS position,
        m.\"PatStatus\" AS status, nullif(m.\"Birthdate\", DATE '0001-01-01') AS birth,
        extract(year FROM age(:as_of, nullif(m.\"Birthdate\", DATE '0001-01-01')))::int AS age,
        m.\"SecDateEntry\" AS entered, m.\"HasIns\" <> '' AS covered,
        m.\"PatStatus\" = 0 AND coalesce(s.latest >= :as_of - 1096, false) AS active,
        coalesce(s.latest >= :as_of - 1096, false) AS seen_in_three,
        coalesce(s.latest >= :as_of - 365, false) AS seen_in_year
    FROM raw.patient m LEFT JOIN seen s ON s.pat = m.\"PatNum\"
), appointment_codes AS (
    SELECT p.\"AptNum\" AS num, bool_or(c.\"ProcCode\" IN ('D0140', 'D9110')) AS urgent,
        bool_or(c.\"ProcCode\" ~ '^D(0120|1110|1120|4910)$') AS routine
    FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\") WHERE p.\"AptNum\" <> 0 GROUP BY 1
), broken_codes AS (
    SELECT p.\"AptNum\" AS num, bool_or(c.\"ProcCode\" = 'D9986') AS missed
    FROM raw.procedurelog p JOIN raw.procedurecode c USING (\"CodeNum\") WHERE c.\"ProcCode\" IN ('D9986', 'D9987') GROUP BY 1
), booked AS (
    SELECT a.\"AptNum\" AS num, a.\"PatNum\" AS pat, a.\"AptDateTime\" AS start, length(a.\"Pattern\") * 5 AS minutes,
        a.\"Op\" AS chair, a.\"ProvNum\" AS provider, a.\"ProvHyg\" AS hygienist, a.\"IsHygiene\" AS is_hygiene,
        a.\"IsNewPatient\" AS is_new, a.\"AptDateTime\"::date - a.\"SecDateTEntry\"::date AS lead, a.\"AptDateTime\" < :as_of AS past,
        a.\"AptStatus\" = 5 AS broken, b.num IS NOT NULL AS marked,
        a.\"AptStatus\" = 5 AND coalesce(b.missed, d.\"ItemName\" ~* 'not come|no.?show|missed', false) AS missed,
        a.\"AptStatus\" = 3 OR a.\"AptStatus\" = 5 AND NOT coalesce(b.missed, d.\"ItemName\" ~* 'not come|no.?show|missed', false)
            AS cancelled,
        coalesce(k.urgent, false) AS urgent, coalesce(k.routine, false) AS routine
    FROM raw.appointment a LEFT JOIN broken_codes b ON b.num = a.\"AptNum\" LEFT JOIN appointment_codes k ON k.num = a.\"AptNum\"
        LEFT JOIN raw.definition d ON d.\"DefNum\" = a.\"Confirmed\"
    WHERE a.\"AptStatus\" IN (1, 2, 3, 4, 5)
), general AS (
    SELECT v.\"ProvNum\" AS num FROM raw.provider v JOIN raw.definition d ON d.\"DefNum\" = v.\"Specialty\"
    WHERE NOT v.\"IsSecondary\" AND d.\"ItemName\" ~* 'general'
), dentist AS (
    SELECT g.num, least(1, count(DISTINCT s.\"SchedDate\") / 190.0) AS share FROM general g
        JOIN raw.schedule s ON s.\"ProvNum\" = g.num
    WHERE s.\"SchedType\" = 1 AND s.\"SchedDate\" >= :as_of - 365 AND s.\"SchedDate\" < :as_of GROUP BY 1
), line AS (
    SELECT l.\"ProcNum\" AS procedure, l.\"ClaimNum\" AS claim, l.\"PatNum\" AS pat, l.\"PlanNum\" AS plan, l.\"InsSubNum\" AS subscription,
        l.\"ClaimPaymentNum\" AS payment, l.\"Status\" AS status, l.\"ProcDate\" AS day, l.\"DateCP\" AS paid_on,
        round(l.\"InsPayAmt\" * 100)::bigint AS pay_cents, round(l.\"WriteOff\" * 100)::bigint AS off_cents, l.\"FeeBilled\",
        l.\"InsPayAmt\", l.\"InsPayEst\", l.\"WriteOff\", l.\"DedApplied\", coalesce(c.\"ClaimType\", '') AS sequence
    FROM raw.claimproc l LEFT JOIN raw.claim c ON c.\"ClaimNum\" = l.\"ClaimNum\"
), yearly AS (
    SELECT \"PlanNum\" AS plan, \"BenefitType\" AS kind, max(round(\"MonetaryAmt\" * 100)) AS cents FROM raw.benefit
    WHERE \"BenefitType\" IN (2, 5) AND \"CoverageLevel\" = 1 AND \"TimePeriod\" = 2 AND \"MonetaryAmt\" >= 0 GROUP BY 1, 2
), standard AS (
    SELECT code, extract(year FROM day) AS year, mode() WITHIN GROUP (ORDER BY cents) AS cents FROM done GROUP BY 1, 2
), income AS (
    SELECT round(\"SplitAmt\" * 100)::bigint AS cents FROM raw.paysplit WHERE \"DatePay\" >= :as_of - 365
    UNION ALL SELECT pay_cents FROM line WHERE status IN (1, 4, 5, 7) AND paid_on >= :as_of - 365
), entry AS (
    SELECT \"PatNum\" AS pat, \"ProvNum\" AS prov, \"ProcDate\" AS day, round(\"ProcFee\" * 100)::bigint AS cents
        FROM raw.procedurelog WHERE \"ProcStatus\" = 2
    UNION ALL SELECT \"PatNum\", \"ProvNum\", \"AdjDate\", round(\"AdjAmt\" * 100)::bigint FROM raw.adjustment
    UNION ALL SELECT \"PatNum\", \"ProvNum\", \"DatePay\", -round(\"SplitAmt\" * 100)::bigint FROM raw.paysplit
    UNION ALL SELECT \"PatNum\", \"ProvNum\", \"DateCP\", -round((\"InsPayAmt\" + \"WriteOff\") * 100)::bigint FROM raw.claimproc
        WHERE \"Status\" IN (1, 4, 5, 7)
)
";

/// References that one statement looks at.
const REFERENCES_TOGETHER: usize = 24;

/// What is asked of the database.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The as-of date of the practice.
    pub as_of: Date,
    /// First day of its history.
    pub start: Date,
    /// The tables that hold rows.
    pub tables: &'a [Table],
    /// Columns that hold keys of others.
    pub references: &'a [Reference],
    /// What of the work was taken. Several connections may share one and take each what comes next.
    pub next: &'a AtomicUsize,
}

impl Demo {
    /// Measures what is in the database, within one snapshot of it that cannot write. `wanted` says of each measurement
    /// whether it is to be taken.
    pub async fn measure(
        &self,
        asked: &Asked<'_>,
        wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Measured>, TargetError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_nestloop = off; SET LOCAL jit = off; \
                     SET LOCAL work_mem = '64MB'; SET LOCAL statement_timeout = 0";
        self.link.run(begin, "begin to measure").await?;
        let mut found = Vec::new();
        let all = statements(asked, wanted);
        while let Some((from, sql)) = all.get(asked.next.fetch_add(1, Ordering::Relaxed)) {
            measure_one(&self.link, from, sql, &mut found).await?;
        }
        self.link.run("COMMIT", "end measuring").await?;
        Ok(found)
    }
}

/// What the first column of a statement's rows names.
enum Names {
    /// A part of this measurement.
    PartsOf(&'static str),
    /// The measurement; its part is this table.
    MeasurementsOf(String),
}

fn statements(asked: &Asked<'_>, wanted: &dyn Fn(&str) -> bool) -> Vec<(Names, String)> {
    let mut list = Vec::new();
    for table in asked.tables.iter().filter(|_| wanted("X1")) {
        let each = [identity::texts(table), identity::numbers(table)].into_iter().flatten();
        list.extend(each.map(|sql| (Names::MeasurementsOf(table.name.to_string()), sql)));
    }
    if wanted("keys") {
        let chunks = asked.references.chunks(REFERENCES_TOGETHER);
        list.extend(chunks.map(|references| (Names::PartsOf("keys"), identity::keys(references))));
    }
    let parts = [people::ALL, visits::ALL, clinical::ALL, money::ALL, books::ALL, identity::ALL, dirt::ALL];
    for query in parts.into_iter().flatten().filter(|query| wanted(query.id)) {
        // Figures come in several types; they are read in one.
        let sql = format!(
            "{WORDS} SELECT name::text, figure::float8, looked::bigint FROM ({}) AS m (name, figure, looked)",
            query.sql
        );
        let dated = |word: &str, date: Date, sql: String| sql.replace(word, &format!("DATE '{date}'"));
        list.push((
            Names::PartsOf(query.id),
            dated(":start", asked.start, dated(":as_of", asked.as_of, sql)),
        ));
    }
    list
}

/// Takes one measurement in.
async fn measure_one(
    link: &Link,
    names: &Names,
    sql: &str,
    found: &mut Vec<Measured>,
) -> Result<(), TargetError> {
    let action = match names {
        Names::PartsOf(id) => format!("measure {id}"),
        Names::MeasurementsOf(table) => format!("look through table {table}"),
    };
    let rows = link.client.query(sql, &[]).await.map_err(|e| of_driver(&e, &action))?;
    let unreadable = || TargetError::Protocol { what: "a measurement" };
    for row in &rows {
        let name: String = row.try_get(0).map_err(|_| unreadable())?;
        let value: Option<f64> = row.try_get(1).map_err(|_| unreadable())?;
        let of: i64 = row.try_get(2).map_err(|_| unreadable())?;
        let of = u64::try_from(of).map_err(|_| unreadable())?;
        let (id, name) = match names {
            Names::PartsOf(id) => ((*id).to_owned(), name),
            Names::MeasurementsOf(table) => (name, table.clone()),
        };
        let part = Part { name, value, of };
        match found.iter_mut().find(|measured| measured.id == id) {
            Some(measured) => measured.parts.push(part),
            None => found.push(Measured { id, parts: vec![part] }),
        }
    }
    Ok(())
}

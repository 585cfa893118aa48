//! The untidiness of real databases. A clean practice has none of it, a messy one what was planted.

use super::Query;

pub(super) const ALL: &[Query] = &[
    Query {
        id: "D-birth",
        sql: "SELECT '', count(*) FILTER (WHERE \"Birthdate\" IS NULL OR \"Birthdate\" <= DATE '0001-01-01')::float8, count(*) FROM raw.patient",
    },
    Query {
        id: "D-zero",
        sql: "SELECT 'first visit', count(*) FILTER (WHERE \"DateFirstVisit\" IS NULL)::float8, count(*) FROM raw.patient UNION ALL \
              SELECT 'entry of a procedure', count(*) FILTER (WHERE \"DateEntryC\" IS NULL)::float8, count(*) FROM raw.procedurelog UNION ALL \
              SELECT 'entry of a claim line', count(*) FILTER (WHERE \"DateEntry\" IS NULL)::float8, count(*) FROM raw.claimproc",
    },
    Query {
        id: "D-scheduled",
        sql: "SELECT '', count(*) FILTER (WHERE \"AptStatus\" = 1 AND \"AptDateTime\" < :as_of)::float8, count(*) FROM raw.appointment",
    },
    Query {
        id: "D-twice",
        sql: "SELECT '', coalesce(sum(n - 1), 0)::float8, coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM raw.patient \
              GROUP BY \"LName\", \"FName\", \"MiddleI\", \"Birthdate\", \"Address\", \"HmPhone\", \"WirelessPhone\") t",
    },
    Query {
        id: "D-blank",
        sql: "SELECT '', count(*) FILTER (WHERE \"LName\" <> rtrim(\"LName\") OR \"FName\" <> rtrim(\"FName\"))::float8, count(*) \
              FROM raw.patient",
    },
    Query {
        id: "D-case",
        sql: "SELECT '', count(*) FILTER (WHERE \"Email\" <> lower(\"Email\"))::float8, count(*) FROM raw.patient WHERE \"Email\" <> ''",
    },
    Query {
        id: "D-claim",
        sql: "SELECT '', count(*) FILTER (WHERE \"ClaimStatus\" <> 'R' AND \"DateReceived\" > DATE '0001-01-01')::float8, count(*) FROM raw.claim",
    },
];

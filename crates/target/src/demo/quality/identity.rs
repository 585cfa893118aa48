//! Nothing in the rows is real, and nothing they point at is missing.

use bicuspid_model::{Table, TargetType};

use super::{Query, Reference};

pub(super) const ALL: &[Query] = &[
    Query {
        id: "X4",
        sql: "SELECT '', count(*) FILTER (WHERE npi !~ '^[29][0-9]{9}$' OR (SELECT sum(CASE WHEN place % 2 = 1 THEN digit ELSE \
              digit * 2 - CASE WHEN digit > 4 THEN 9 ELSE 0 END END) FROM (SELECT place, substr('80840' || npi, 16 - place, 1)::int AS digit \
              FROM generate_series(1, 15) place) t) % 10 <> 0)::float8, count(*) FROM (SELECT \"NationalProvID\" AS npi FROM raw.provider \
              WHERE \"NationalProvID\" <> '') p",
    },
    Query {
        id: "X5",
        sql: "SELECT n.name, n.found::float8, n.looked FROM (SELECT count(*) FILTER (WHERE regexp_replace(\"SSN\", '[^0-9]', '', 'g') !~ '^00') AS tax, \
              count(*) FILTER (WHERE \"StateLicense\" !~ '^(ZZ[0-9]*)?$') AS licence, count(*) FILTER (WHERE \"DEANum\" <> '') AS dea, \
              count(*) AS providers FROM raw.provider WHERE \"SSN\" <> '' OR \"StateLicense\" <> '' OR \"DEANum\" <> '') t CROSS JOIN LATERAL (VALUES \
              ('tax number', tax, providers), ('licence', licence, providers), ('permit for drugs', dea, providers)) AS n (name, found, looked)",
    },
    Query {
        id: "X6",
        sql: "SELECT kind, count(*) FILTER (WHERE zip <> '' AND zip !~ '^00[0-4]')::float8, count(*) FROM (\
              SELECT 'patient' AS kind, \"Zip\" AS zip FROM raw.patient UNION ALL SELECT 'carrier', \"Zip\" FROM raw.carrier UNION ALL \
              SELECT 'clinic', \"Zip\" FROM raw.clinic UNION ALL SELECT 'employer', \"Zip\" FROM raw.employer UNION ALL \
              SELECT 'referral', \"Zip\" FROM raw.referral UNION ALL SELECT 'pharmacy', \"Zip\" FROM raw.pharmacy) t GROUP BY 1 ORDER BY 1",
    },
    Query {
        id: "X7",
        sql: concat!(
            "SELECT kind, count(*) FILTER (WHERE name ~* '\\m(",
            "aetna|aflac|albertsons|allstate|amazon|ameritas|anthem|apple|aspen dental|",
            "assurant|at&t|bank of america|best buy|blue cross|blue shield|boeing|careington|caterpillar|chevron|chubb|cigna|cisco|citibank|",
            "coca-cola|comcast|costco|cvs|delta dental|dentaquest|dentegra|disney|exxon|facebook|fedex|ford motor|general electric|",
            "general motors|google|guardian|heartland dental|henry schein|home depot|honeywell|humana|ibm|intel|jpmorgan|kaiser|kroger|",
            "liberty dental|liberty mutual|lincoln financial|lockheed|lowe.?s|macy.?s|managed health network|mcdonald.?s|metlife|metropolitan life|",
            "microsoft|mutual of omaha|nike|northrop|oracle|pacific dental|patterson dental|pepsi|pepsico|pfizer|premera|principal financial|",
            "procter|providence health|prudential|raytheon|regence|reliance standard|renaissance dental|safeway|solstice|starbucks|state farm|",
            "sun life|target|tesla|travelers|tricare|unitedhealth|unitedhealthcare|united concordia|united healthcare|unum|ups|verizon|walgreens|walmart|wells fargo|",
            "willamette dental|zurich",
            ")\\M')::float8, count(*) FROM (\
              SELECT 'carrier' AS kind, \"CarrierName\" AS name FROM raw.carrier UNION ALL SELECT 'employer', \"EmpName\" FROM raw.employer UNION ALL \
              SELECT 'clinic', \"Description\" FROM raw.clinic UNION ALL SELECT 'plan', \"GroupName\" FROM raw.insplan UNION ALL \
              SELECT 'insurer check', \"CarrierName\" FROM raw.claimpayment UNION ALL SELECT 'laboratory', \"Description\" FROM raw.laboratory UNION ALL \
              SELECT 'pharmacy', \"StoreName\" FROM raw.pharmacy UNION ALL SELECT 'referral', \"LName\" FROM raw.referral) t GROUP BY 1 ORDER BY 1"
        ),
    },
    Query {
        id: "X9",
        sql: "SELECT kind, count(*) FILTER (WHERE number !~ '^(ZZ|DEMO-)')::float8, count(*) FROM (\
              SELECT 'chart' AS kind, \"ChartNumber\" AS number FROM raw.patient UNION ALL SELECT 'member', \"SubscriberID\" FROM raw.inssub UNION ALL \
              SELECT 'group', \"GroupNum\" FROM raw.insplan UNION ALL SELECT 'patient check', \"CheckNum\" FROM raw.payment UNION ALL \
              SELECT 'insurer check', \"CheckNum\" FROM raw.claimpayment UNION ALL SELECT 'claim', \"ClaimIdentifier\" FROM raw.claim UNION ALL \
              SELECT 'payer', \"ElectID\" FROM raw.carrier UNION ALL SELECT 'public plan', \"MedicaidID\" FROM raw.patient) t \
              WHERE number <> '' GROUP BY 1 ORDER BY 1",
    },
];

/// A telephone number that nobody can have, in the ways of writing it.
const FICTION_PHONE: &str = r"(\+?1[-. ]?)?\(?([2-9][0-9]{2})?\)?[-. ]?555[-. ]?01[0-9]{2}";
/// Anything that is written like a telephone number.
const PHONE: &str = r"(^|[^0-9-])(\(?[2-9][0-9]{2}\)?[-. ]?)?[2-9][0-9]{2}[-. ][0-9]{4}([^0-9-]|$)";
/// An address in a domain that nobody can have.
const FICTION_MAIL: &str =
    r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)*(example\.(com|org|net)|[A-Za-z0-9-]+\.(example|test|invalid))";
const MAIL: &str = "[A-Za-z0-9]@[A-Za-z0-9]";
/// A social security number that could have been issued: not 000, 666 or 900 to 999.
const SOCIAL: &str = r"(^|[^0-9-])(?!000|666|9)[0-9]{3}-[0-9]{2}-[0-9]{4}([^0-9-]|$)";
/// A full card number.
const CARD: &str = r"(^|[^0-9A-Za-z.])[3-6][0-9]{3}[- ]?[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{1,7}([^0-9]|$)";
/// A network address, and those that are for documents.
const NETWORK: &str = r"(^|[^0-9.])([0-9]{1,3}\.){3}[0-9]{1,3}([^0-9.]|$)";
const FICTION_NETWORK: &str = r"(192\.0\.2|198\.51\.100|203\.0\.113|127\.0\.0)\.[0-9]{1,3}";
/// Tables whose texts hold versions of programs, which read like network addresses.
const WITH_VERSIONS: [&str; 3] = ["preference", "updatehistory", "computer"];

/// What every telephone number, security number, card number and network address above has somewhere. One search for it
/// spares most rows the others.
const DIGITS: &str = r"[0-9]{3}[-. ][0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}|[0-9]\.[0-9]{1,3}\.[0-9]";

/// Looks through every text column of a table; `None` if it has none.
pub(super) fn texts(table: &Table) -> Option<String> {
    let named = |is_meant: &dyn Fn(&str) -> bool| -> Vec<String> {
        let found = table
            .columns
            .iter()
            .filter(|c| c.target == TargetType::Text && is_meant(&c.name.as_str().to_ascii_lowercase()));
        found.map(|c| c.name.postgres().to_string()).collect()
    };
    let columns: Vec<String> = table
        .columns
        .iter()
        .filter(|c| matches!(c.target, TargetType::Text | TargetType::Json))
        .map(|c| c.name.postgres().to_string())
        .collect();
    if columns.is_empty() {
        return None;
    }
    // Columns that hold nothing but a number of a kind are looked at once more, each by itself.
    let phones: Vec<String> = named(&|name| ["phone", "fax", "wireless"].iter().any(|word| name.contains(word)))
        .iter()
        .map(|c| {
            format!(
                " OR {c} ~ '[0-9]{{7}}' AND regexp_replace({c}, '[^0-9]', '', 'g') !~ '^1?([2-9][0-9]{{2}})?55501[0-9]{{2}}$'"
            )
        })
        .collect();
    let socials: Vec<String> = named(&|name| name == "ssn")
        .iter()
        .map(|c| format!(" OR {c} <> '' AND {c} !~ '^(000|00|666|9)'"))
        .collect();
    let network = if WITH_VERSIONS.contains(&table.name.as_str()) { "false" } else { "digits" };
    // Each level is a fence: what it computes is computed once for a row.
    let sql = format!(
        "SELECT k.id, k.found::float8, a.looked FROM (SELECT count(*) AS looked, \
         count(*) FILTER (WHERE phone OR digits AND t ~ '{PHONE}' AND regexp_replace(t, '{FICTION_PHONE}', '', 'g') ~ '{PHONE}') AS x1, \
         count(*) FILTER (WHERE strpos(t, '@') > 0 AND regexp_replace(t, '{FICTION_MAIL}', '', 'g') ~ '{MAIL}') AS x2, \
         count(*) FILTER (WHERE social OR digits AND t ~ '{SOCIAL}') AS x3, \
         count(*) FILTER (WHERE {network} AND t ~ '{NETWORK}' AND regexp_replace(t, '{FICTION_NETWORK}', '', 'g') ~ '{NETWORK}') AS x11, \
         count(*) FILTER (WHERE digits AND t ~ '{CARD}') AS x12 \
         FROM (SELECT t, phone, social, t ~ '{DIGITS}' AS digits \
         FROM (SELECT concat_ws(' | ', {}) AS t, false{} AS phone, false{} AS social FROM raw.{} OFFSET 0) r OFFSET 0) r) a \
         CROSS JOIN LATERAL (VALUES ('X1', x1), ('X2', x2), ('X3', x3), ('X11', x11), ('X12', x12)) AS k (id, found) \
         WHERE looked > 0",
        columns.join(", "),
        phones.concat(),
        socials.concat(),
        table.name.in_target().postgres(),
    );
    Some(sql)
}

/// Looks through every whole-number column for what reads like a telephone number, a provider's number or a card's; `None`
/// if the table has no column that is wide enough.
pub(super) fn numbers(table: &Table) -> Option<String> {
    let wide = table.columns.iter().filter(|c| c.target == TargetType::Int8);
    let tests: Vec<String> = wide
        .map(|c| {
            format!("{0} BETWEEN 2000000000 AND 9999999999 OR {0} >= 300000000000000", c.name.postgres())
        })
        .collect();
    (!tests.is_empty()).then(|| {
        format!(
            "SELECT 'X-numbers', count(*) FILTER (WHERE {})::float8, count(*) FROM raw.{}",
            tests.join(" OR "),
            table.name.in_target().postgres()
        )
    })
}

/// Looks for keys that lead nowhere; 0 and NULL mean none.
pub(super) fn keys(references: &[Reference]) -> String {
    let each = references.iter().map(|r| {
        format!(
            "SELECT '{}.{}', count(*) FILTER (WHERE t.{to_column} IS NULL)::float8, count(*) FROM raw.{} f \
             LEFT JOIN raw.{} t ON t.{to_column} = f.{} WHERE f.{} <> 0",
            r.table.as_str().replace('\'', "''"),
            r.column.as_str().replace('\'', "''"),
            r.table.in_target().postgres(),
            r.to_table.in_target().postgres(),
            r.column.postgres(),
            r.column.postgres(),
            to_column = r.to_column.postgres(),
        )
    });
    each.collect::<Vec<_>>().join(" UNION ALL ")
}

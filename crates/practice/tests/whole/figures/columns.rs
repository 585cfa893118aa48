//! The rows of a practice by column, in whole numbers, so that many patients fit into memory.

use std::collections::{BTreeMap, HashMap};

use bicuspid_model::Value;
use bicuspid_opendental::facts;
use bicuspid_practice::{Practice, Settings, SinkError};

/// Stands for a date that is not set.
pub(crate) const NONE: i64 = i64::MIN;

/// Columns that the checks look at.
const WANTED: &[(&str, &[&str])] = &[
    (
        "adjustment",
        &["AdjNum", "AdjDate", "AdjAmt", "PatNum", "AdjType", "ProvNum", "ProcNum", "SecDateTEdit"],
    ),
    (
        "appointment",
        &[
            "AptNum",
            "PatNum",
            "AptStatus",
            "Pattern",
            "Confirmed",
            "Op",
            "ProvNum",
            "ProvHyg",
            "AptDateTime",
            "IsNewPatient",
            "IsHygiene",
            "DateTimeArrived",
            "DateTimeSeated",
            "DateTimeDismissed",
            "SecDateTEntry",
            "DateTStamp",
            "ProcDescript",
            "ClinicNum",
        ],
    ),
    ("benefit", &["PlanNum", "CovCatNum", "BenefitType", "Percent", "MonetaryAmt"]),
    ("carrier", &["CarrierNum"]),
    (
        "claim",
        &[
            "ClaimNum",
            "PatNum",
            "DateService",
            "DateSent",
            "DateSentOrig",
            "DateResent",
            "ClaimStatus",
            "DateReceived",
            "PlanNum",
            "ClaimFee",
            "InsPayEst",
            "InsPayAmt",
            "ClaimType",
            "WriteOff",
            "InsSubNum",
        ],
    ),
    ("claimpayment", &["ClaimPaymentNum", "CheckDate", "CheckAmt", "PayType"]),
    (
        "claimproc",
        &[
            "ClaimProcNum",
            "ProcNum",
            "ClaimNum",
            "PatNum",
            "ProvNum",
            "FeeBilled",
            "InsPayEst",
            "DedApplied",
            "Status",
            "InsPayAmt",
            "ClaimPaymentNum",
            "PlanNum",
            "DateCP",
            "WriteOff",
            "ProcDate",
            "InsSubNum",
            "SecDateTEdit",
        ],
    ),
    ("commlog", &["PatNum", "CommDateTime", "Mode_", "SentOrReceived", "UserNum", "Note"]),
    ("fee", &["FeeSched", "CodeNum", "Amount"]),
    ("histappointment", &["AptNum", "Confirmed"]),
    ("inssub", &["InsSubNum", "PlanNum", "Subscriber", "DateEffective", "DateTerm"]),
    ("insplan", &["PlanNum", "CarrierNum", "PlanType", "FeeSched", "MonthRenew", "GroupNum"]),
    ("patplan", &["PatPlanNum", "PatNum", "Ordinal", "InsSubNum", "Relationship"]),
    (
        "patient",
        &[
            "PatNum",
            "LName",
            "FName",
            "PatStatus",
            "Gender",
            "Position",
            "Birthdate",
            "Address",
            "Guarantor",
            "EstBalance",
            "Bal_0_30",
            "Bal_31_60",
            "Bal_61_90",
            "BalOver90",
            "BalTotal",
            "InsEst",
            "DateFirstVisit",
            "DateTimeDeceased",
            "SecDateEntry",
            "HasIns",
        ],
    ),
    ("payment", &["PayNum", "PayType", "PayDate", "PayAmt", "PatNum"]),
    ("payplan", &["PayPlanNum", "PatNum"]),
    ("payplancharge", &["PayPlanNum", "ChargeDate", "Principal", "ChargeType", "ProcNum"]),
    (
        "paysplit",
        &[
            "SplitNum",
            "SplitAmt",
            "PatNum",
            "PayNum",
            "ProvNum",
            "DatePay",
            "ProcNum",
            "AdjNum",
            "UnearnedType",
            "SecDateTEdit",
        ],
    ),
    ("procedurecode", &["CodeNum", "ProcCode"]),
    (
        "procedurelog",
        &[
            "ProcNum",
            "PatNum",
            "AptNum",
            "ProcDate",
            "ProcFee",
            "Surf",
            "ToothNum",
            "ProcStatus",
            "ProvNum",
            "CodeNum",
            "DateTP",
            "DateTStamp",
        ],
    ),
    ("provider", &["ProvNum", "Specialty", "IsSecondary"]),
    ("recall", &["PatNum", "DateDue", "RecallTypeNum", "IsDisabled"]),
    ("schedule", &["SchedDate", "SchedType", "ProvNum", "StartTime", "StopTime"]),
    ("securitylog", &["PermType", "LogDateTime"]),
    ("statement", &["StatementNum", "PatNum", "DateSent", "BalTotal", "DateTStamp"]),
    ("toothinitial", &["PatNum", "ToothNum", "InitialType", "SecDateTEntry"]),
];

/// The rows of a practice by column.
pub(crate) struct Columns {
    pub(crate) settings: Settings,
    cells: BTreeMap<(&'static str, &'static str), Vec<i64>>,
    counts: BTreeMap<&'static str, usize>,
    texts: Vec<String>,
}

impl Columns {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut taken: HashMap<&'static str, Vec<(usize, Vec<i64>)>> = HashMap::new();
        let mut names: BTreeMap<&'static str, &'static [&'static str]> = BTreeMap::new();
        for (table, columns) in WANTED {
            let facts = facts().table(table).unwrap();
            let positions = columns.iter().map(|c| (facts.position(c).unwrap(), Vec::new()));
            taken.insert(table, positions.collect());
            names.insert(table, columns);
        }
        let (mut texts, mut known) = (Vec::new(), HashMap::<String, i64>::new());
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut sink = |table: &'static str, row: &[Value]| -> Result<(), SinkError> {
            *counts.entry(table).or_default() += 1;
            for (position, cells) in taken.get_mut(table).into_iter().flatten() {
                cells.push(match &row[*position] {
                    Value::Int(v) => *v,
                    Value::Float(v) => format!("{v:.2}").replace('.', "").parse().unwrap(),
                    Value::Date(v) if v.ymd().0 > 1 => i64::from(v.days()),
                    Value::DateTime(v) if v.date().ymd().0 > 1 => v.micros().div_euclid(1_000_000),
                    Value::Time(v) => v / 1_000_000,
                    Value::Text(v) => *known.entry(v.to_string()).or_insert_with(|| {
                        texts.push(v.to_string());
                        i64::try_from(texts.len()).unwrap() - 1
                    }),
                    _ => NONE,
                });
            }
            Ok(())
        };
        Practice::new(settings).unwrap().run(&mut sink).unwrap();
        let mut cells = BTreeMap::new();
        for (table, columns) in taken {
            for (name, (_, column)) in names[table].iter().zip(columns) {
                cells.insert((table, *name), column);
            }
        }
        Self { settings, cells, counts, texts }
    }

    /// The cells of some columns of a table, row by row.
    pub(crate) fn rows<const N: usize>(
        &self,
        table: &'static str,
        columns: [&'static str; N],
    ) -> impl Iterator<Item = [i64; N]> + '_ {
        let columns =
            columns.map(|c| self.cells.get(&(table, c)).unwrap_or_else(|| panic!("{table}.{c}")).as_slice());
        (0..columns[0].len()).map(move |row| columns.map(|c| c[row]))
    }

    pub(crate) fn count(&self, table: &str) -> usize {
        self.counts.get(table).copied().unwrap_or_default()
    }

    pub(crate) fn text(&self, number: i64) -> &str {
        &self.texts[usize::try_from(number).unwrap()]
    }

    /// Day of the as-of date.
    pub(crate) fn end(&self) -> i64 {
        i64::from(self.settings.end_date.days())
    }

    pub(crate) fn start(&self) -> i64 {
        i64::from(self.settings.start_date.days())
    }
}

/// The day of a moment.
pub(crate) fn day(moment: i64) -> i64 {
    moment.div_euclid(86_400)
}

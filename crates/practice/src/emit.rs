//! Rows on their way out: whole-width, with Open Dental's own idea of "empty" in every column that nobody fills.

use std::hash::Hasher;

use bicuspid_model::{DateTime, SourceType, Value};
use bicuspid_opendental::{ColumnFacts, DefaultValue, TableFacts, facts};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::calendar::{unset_date, unset_time};
use crate::error::PracticeError;
use crate::group::{self, Location, Numbering};
use crate::sink::RowSink;

macro_rules! tables {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A table that the practice fills.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Rows {
            $($variant),+
        }

        impl Rows {
            /// In the order of declaration, which is that of the names.
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $name)),+];

            /// Position in [`Self::ALL`].
            #[expect(clippy::as_conversions, reason = "members of an enumeration are numbered from 0")]
            const fn position(self) -> usize {
                self as usize
            }

            /// The table of that name, if the practice fills it.
            pub(crate) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known)| *known == name).map(|(rows, _)| *rows)
            }
        }
    };
}

tables! {
    Account = "account",
    Adjustment = "adjustment",
    AlertCategory = "alertcategory",
    AlertCategoryLink = "alertcategorylink",
    AlertItem = "alertitem",
    AlertRead = "alertread",
    AlertSub = "alertsub",
    Allergy = "allergy",
    AllergyDef = "allergydef",
    Appointment = "appointment",
    AppointmentRule = "appointmentrule",
    AppointmentType = "appointmenttype",
    ApptField = "apptfield",
    ApptFieldDef = "apptfielddef",
    ApptNewPatThankYouSent = "apptnewpatthankyousent",
    ApptReminderRule = "apptreminderrule",
    ApptReminderSent = "apptremindersent",
    ApptView = "apptview",
    ApptViewItem = "apptviewitem",
    AutoCode = "autocode",
    AutoCodeCond = "autocodecond",
    AutoCodeItem = "autocodeitem",
    Automation = "automation",
    AutoNote = "autonote",
    AutoNoteControl = "autonotecontrol",
    Benefit = "benefit",
    Carrier = "carrier",
    Cert = "cert",
    CertEmployee = "certemployee",
    ChartView = "chartview",
    Claim = "claim",
    ClaimAttach = "claimattach",
    ClaimForm = "claimform",
    ClaimFormItem = "claimformitem",
    ClaimPayment = "claimpayment",
    ClaimProc = "claimproc",
    ClaimSnapshot = "claimsnapshot",
    ClaimTracking = "claimtracking",
    Clearinghouse = "clearinghouse",
    Clinic = "clinic",
    ClockEvent = "clockevent",
    CodeGroup = "codegroup",
    CommLog = "commlog",
    CommOptOut = "commoptout",
    Computer = "computer",
    ComputerPref = "computerpref",
    ConfirmationRequest = "confirmationrequest",
    Contact = "contact",
    CovCat = "covcat",
    CovSpan = "covspan",
    DbmLog = "dbmlog",
    Definition = "definition",
    Deposit = "deposit",
    Disease = "disease",
    DiseaseDef = "diseasedef",
    DisplayField = "displayfield",
    DisplayReport = "displayreport",
    Document = "document",
    EClipboardSheetDef = "eclipboardsheetdef",
    EhrPatient = "ehrpatient",
    ElectId = "electid",
    EmailAddress = "emailaddress",
    EmailAutograph = "emailautograph",
    EmailMessage = "emailmessage",
    EmailTemplate = "emailtemplate",
    Employee = "employee",
    Employer = "employer",
    EntryLog = "entrylog",
    EobAttach = "eobattach",
    Equipment = "equipment",
    ErxLog = "erxlog",
    EServiceLog = "eservicelog",
    EServiceSignal = "eservicesignal",
    Etrans = "etrans",
    EtransMessageText = "etransmessagetext",
    Fee = "fee",
    FeeSched = "feesched",
    GroupPermission = "grouppermission",
    Guardian = "guardian",
    HistAppointment = "histappointment",
    ImagingDevice = "imagingdevice",
    InsBlueBook = "insbluebook",
    InsBlueBookLog = "insbluebooklog",
    InsBlueBookRule = "insbluebookrule",
    InsEditLog = "inseditlog",
    InsEditPatLog = "inseditpatlog",
    InsFilingCode = "insfilingcode",
    InsPlan = "insplan",
    InsSub = "inssub",
    InsVerify = "insverify",
    InsVerifyHist = "insverifyhist",
    JournalEntry = "journalentry",
    LabCase = "labcase",
    Laboratory = "laboratory",
    LabTurnaround = "labturnaround",
    Language = "language",
    Letter = "letter",
    Medication = "medication",
    MedicationPat = "medicationpat",
    MobileAppDevice = "mobileappdevice",
    Mount = "mount",
    MountDef = "mountdef",
    MountItem = "mountitem",
    MountItemDef = "mountitemdef",
    Operatory = "operatory",
    PatField = "patfield",
    PatFieldDef = "patfielddef",
    PatFieldPickItem = "patfieldpickitem",
    Patient = "patient",
    PatientNote = "patientnote",
    PatPlan = "patplan",
    Payment = "payment",
    PayPeriod = "payperiod",
    PayPlan = "payplan",
    PayPlanCharge = "payplancharge",
    PaySplit = "paysplit",
    PayTerminal = "payterminal",
    PerioExam = "perioexam",
    PerioMeasure = "periomeasure",
    Pharmacy = "pharmacy",
    PharmClinic = "pharmclinic",
    PhoneNumber = "phonenumber",
    Popup = "popup",
    Preference = "preference",
    Printer = "printer",
    ProcApptColor = "procapptcolor",
    ProcButton = "procbutton",
    ProcButtonItem = "procbuttonitem",
    ProcButtonQuick = "procbuttonquick",
    ProcCodeNote = "proccodenote",
    ProcedureCode = "procedurecode",
    ProcedureLog = "procedurelog",
    ProcGroupItem = "procgroupitem",
    ProcMultiVisit = "procmultivisit",
    ProcNote = "procnote",
    ProcTp = "proctp",
    Program = "program",
    ProgramProperty = "programproperty",
    Provider = "provider",
    ProviderErx = "providererx",
    ProviderIdent = "providerident",
    QuickPasteCat = "quickpastecat",
    QuickPasteNote = "quickpastenote",
    Reactivation = "reactivation",
    Recall = "recall",
    RecallTrigger = "recalltrigger",
    RecallType = "recalltype",
    RefAttach = "refattach",
    Referral = "referral",
    RequiredField = "requiredfield",
    RxAlert = "rxalert",
    RxDef = "rxdef",
    RxNorm = "rxnorm",
    RxPat = "rxpat",
    Schedule = "schedule",
    ScheduledProcess = "scheduledprocess",
    ScheduleOp = "scheduleop",
    SecurityLog = "securitylog",
    SecurityLogHash = "securityloghash",
    Sheet = "sheet",
    SheetDef = "sheetdef",
    SheetField = "sheetfield",
    SheetFieldDef = "sheetfielddef",
    SigButDef = "sigbutdef",
    SigElementDef = "sigelementdef",
    SignalOd = "signalod",
    SmsFromMobile = "smsfrommobile",
    SmsPhone = "smsphone",
    SmsToMobile = "smstomobile",
    StateAbbr = "stateabbr",
    Statement = "statement",
    StatementProd = "statementprod",
    SubstitutionLink = "substitutionlink",
    Supplier = "supplier",
    Supply = "supply",
    SupplyNeeded = "supplyneeded",
    SupplyOrder = "supplyorder",
    SupplyOrderItem = "supplyorderitem",
    Task = "task",
    TaskAncestor = "taskancestor",
    TaskHist = "taskhist",
    TaskList = "tasklist",
    TaskNote = "tasknote",
    TaskSubscription = "tasksubscription",
    TaskUnread = "taskunread",
    TimeAdjust = "timeadjust",
    TimeCardRule = "timecardrule",
    ToolButItem = "toolbutitem",
    ToothInitial = "toothinitial",
    Transaction = "transaction",
    TreatPlan = "treatplan",
    TreatPlanAttach = "treatplanattach",
    TreatPlanParam = "treatplanparam",
    UpdateHistory = "updatehistory",
    UserGroup = "usergroup",
    UserGroupAttach = "usergroupattach",
    UserOd = "userod",
    UserOdApptView = "userodapptview",
    UserOdPref = "userodpref",
    UserQuery = "userquery",
    VitalSign = "vitalsign",
    WikiPage = "wikipage",
    ZipCode = "zipcode",
}

/// Names of the tables that the practice fills, sorted.
pub fn tables() -> impl Iterator<Item = &'static str> {
    Rows::ALL.iter().map(|(_, name)| *name)
}

/// Tables that are written up when the history is over: a later as-of date gives their rows other keys.
const WRITTEN_UP: &[&str] = &[
    "computer",
    "dbmlog",
    "document",
    "inseditpatlog",
    "insverify",
    "insverifyhist",
    "popup",
    "reactivation",
    "recall",
    "signalod",
    "supplyneeded",
    "taskhist",
    "tasknote",
    "taskunread",
];

/// Names of the tables in which a row keeps its key for good, however the history goes on; sorted.
pub fn living_tables() -> impl Iterator<Item = &'static str> {
    tables().filter(|name| !WRITTEN_UP.contains(name))
}

/// Rows of one table that a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// Name of the table.
    pub table: &'static str,
    /// Rows.
    pub rows: u64,
    /// Digest of the rows, whatever their order: the wrapping sum of a 128-bit hash of each.
    pub digest: u128,
}

/// What one row adds to the digest of its table, modulo 2^128.
#[must_use]
pub fn row_digest(row: &[Value]) -> u128 {
    let mut encoded = Vec::new();
    for value in row {
        encode(value, &mut encoded);
    }
    let mut hasher = SipHasher13::new();
    hasher.write(&encoded);
    hasher.finish128().as_u128()
}

/// A table's empty row, and the row that is being filled.
struct Form {
    table: &'static str,
    columns: Vec<&'static str>,
    /// Position of the key.
    key: usize,
    /// Whether it holds a list of the group.
    list: bool,
    /// For each column, whether it holds the number of a location's own row.
    own: Vec<bool>,
    /// Positions of the columns that the server would stamp.
    stamps: Vec<usize>,
    /// Position of the column that says at which place it happened.
    clinic: Option<usize>,
    empty: Vec<Value>,
    /// The empty row as it is hashed, and where each of its cells begins and ends.
    encoded: Vec<u8>,
    starts: Vec<usize>,
    /// Empty but while it is being filled.
    row: Vec<Value>,
    /// Positions that were filled.
    filled: Vec<usize>,
    /// For each column in the order of filling, its name as the latest row gave it, and its position.
    places: Vec<(&'static str, usize)>,
    /// Rows that were numbered.
    numbered: i64,
    /// Rows that were handed out.
    rows: u64,
    digest: u128,
}

/// Hands rows to the sink, numbered as in the database.
pub(crate) struct Emitter<'s> {
    sink: &'s mut dyn RowSink,
    forms: Vec<Form>,
    encoded: Vec<u8>,
    location: Location,
}

/// The row that is being filled.
pub(crate) struct Row<'f> {
    columns: &'f [&'static str],
    values: &'f mut [Value],
    filled: &'f mut Vec<usize>,
    places: &'f mut Vec<(&'static str, usize)>,
    /// Columns filled by name so far.
    named: usize,
    unknown: Option<&'static str>,
}

impl Row<'_> {
    /// Fills a column. A name is looked up once for all rows that one piece of the program makes, which fill the same
    /// columns in the same order from the same literals.
    pub(crate) fn set(&mut self, column: &'static str, value: impl Into<Value>) -> &mut Self {
        let place = self.places.get(self.named).filter(|(name, _)| std::ptr::eq(*name, column));
        let position = match place {
            Some((_, position)) => Some(*position),
            None => self.look_up(column),
        };
        self.named += 1;
        match position {
            Some(position) => self.put(position, value.into()),
            None => self.unknown = Some(column),
        }
        self
    }

    /// Looks for a column, first behind the one that was filled last, and remembers its place.
    #[cold]
    fn look_up(&mut self, column: &'static str) -> Option<usize> {
        let behind = self.filled.last().map_or(0, |last| last + 1);
        let ahead = self.columns.iter().enumerate().skip(behind);
        let mut all = ahead.chain(self.columns.iter().enumerate().take(behind));
        let (position, _) = all.find(|(_, name)| **name == column)?;
        match self.places.get_mut(self.named) {
            Some(place) => *place = (column, position),
            None => self.places.push((column, position)),
        }
        Some(position)
    }

    fn put(&mut self, position: usize, value: Value) {
        if let Some(cell) = self.values.get_mut(position) {
            *cell = value;
            self.filled.push(position);
        }
    }
}

impl<'s> Emitter<'s> {
    pub(crate) fn new(location: Location, sink: &'s mut dyn RowSink) -> Result<Self, PracticeError> {
        let forms = Rows::ALL
            .iter()
            .map(|(_, name)| facts().table(name).map(Form::new).ok_or(PracticeError::Fault("table")))
            .collect::<Result<_, _>>()?;
        Ok(Self { sink, forms, encoded: Vec::new(), location })
    }

    /// How rows are numbered in the database, for texts that tell a number. Cells that hold the number of a row need no
    /// thought: they are numbered on their way out.
    pub(crate) const fn numbering(&self) -> Numbering {
        self.location.numbering
    }

    /// Hands out one row that was last changed at `stamp`.
    pub(crate) fn row(
        &mut self,
        rows: Rows,
        stamp: DateTime,
        fill: impl FnOnce(&mut Row<'_>),
    ) -> Result<(), PracticeError> {
        self.fill(rows, stamp, |_, row| fill(row)).map(|_| ())
    }

    /// Hands out one row under the next key of its table, and returns the key. Only for tables whose rows are all numbered
    /// here.
    pub(crate) fn add(
        &mut self,
        rows: Rows,
        stamp: DateTime,
        fill: impl FnOnce(&mut Row<'_>),
    ) -> Result<i64, PracticeError> {
        self.fill(rows, stamp, |key, row| {
            row.put(key.0, Value::Int(key.1));
            fill(row);
        })
    }

    /// The key that [`Self::add`] will give next.
    pub(crate) fn next_key(&self, rows: Rows) -> i64 {
        self.forms.get(rows.position()).map_or(1, Form::next_key)
    }

    /// The number in the database of the row that [`Self::add`] will make next, for texts that tell it.
    pub(crate) fn next_number(&self, rows: Rows) -> i64 {
        self.numbering().key(self.next_key(rows))
    }

    fn fill(
        &mut self,
        rows: Rows,
        stamp: DateTime,
        fill: impl FnOnce((usize, i64), &mut Row<'_>),
    ) -> Result<i64, PracticeError> {
        let form = self.forms.get_mut(rows.position()).ok_or(PracticeError::Fault("table"))?;
        let number = form.next_key();
        let mut row = Row {
            columns: &form.columns,
            values: &mut form.row,
            filled: &mut form.filled,
            places: &mut form.places,
            named: 0,
            unknown: None,
        };
        for position in &form.stamps {
            row.put(*position, stamp.into());
        }
        if let Some(position) = form.clinic {
            row.put(position, if form.list { 0 } else { self.location.clinic() }.into());
        }
        fill((form.key, number), &mut row);
        if let Some(column) = row.unknown {
            return Err(PracticeError::Fault(column));
        }
        form.numbered += 1;
        if form.list && !self.location.is_first() {
            form.clear();
            return Ok(number);
        }
        form.settle(self.location.numbering);
        self.encoded.clear();
        form.encode(&mut self.encoded);
        let mut hasher = SipHasher13::new();
        hasher.write(&self.encoded);
        form.digest = form.digest.wrapping_add(hasher.finish128().as_u128());
        form.rows += 1;
        let table = form.table;
        self.sink.row(table, &form.row).map_err(|source| PracticeError::Sink { table, source })?;
        form.clear();
        Ok(number)
    }

    /// What was handed out, by table.
    pub(crate) fn summary(&self) -> Vec<TableSummary> {
        let summary = |form: &Form| TableSummary { table: form.table, rows: form.rows, digest: form.digest };
        self.forms.iter().map(summary).collect()
    }
}

impl Form {
    fn new(table: &'static TableFacts) -> Self {
        let empty: Vec<Value> = table.columns.iter().map(|c| empty(&c.source, c.default)).collect();
        let (mut encoded, mut starts) = (Vec::new(), vec![0]);
        for value in &empty {
            encode(value, &mut encoded);
            starts.push(encoded.len());
        }
        Self {
            table: table.name,
            columns: table.columns.iter().map(|c| c.name).collect(),
            key: table.columns.iter().position(|c| c.primary_key).unwrap_or_default(),
            list: group::is_list(table.name),
            own: table.columns.iter().map(|c| is_own(table.name, c)).collect(),
            clinic: table
                .columns
                .iter()
                .position(|c| c.name == "ClinicNum")
                .filter(|_| table.name != "clinic"),
            stamps: table.columns.iter().enumerate().filter(|(_, c)| c.on_update).map(|(i, _)| i).collect(),
            row: empty.clone(),
            empty,
            encoded,
            starts,
            filled: Vec::new(),
            places: Vec::new(),
            numbered: 0,
            rows: 0,
            digest: 0,
        }
    }

    fn next_key(&self) -> i64 {
        self.numbered.saturating_add(1)
    }

    /// Puts the positions that were filled in order, and numbers the row and what it refers to as in the database.
    fn settle(&mut self, numbering: Numbering) {
        self.filled.sort_unstable();
        self.filled.dedup();
        if numbering.is_plain() {
            return;
        }
        for position in &self.filled {
            let own = self.own.get(*position).copied().unwrap_or_default();
            if let (true, Some(Value::Int(number))) = (own, self.row.get_mut(*position)) {
                *number = numbering.key(*number);
            }
        }
    }

    /// Appends the row as it is hashed. What lies between the cells that were filled is as in the empty row.
    fn encode(&self, bytes: &mut Vec<u8>) {
        let start = |position: usize| self.starts.get(position).copied().unwrap_or_default();
        let mut done = 0;
        for position in &self.filled {
            bytes.extend_from_slice(self.encoded.get(done..start(*position)).unwrap_or_default());
            if let Some(value) = self.row.get(*position) {
                encode(value, bytes);
            }
            done = start(position + 1);
        }
        bytes.extend_from_slice(self.encoded.get(done..).unwrap_or_default());
    }

    /// Empties the cells that were filled.
    fn clear(&mut self) {
        for position in self.filled.drain(..) {
            if let (Some(cell), Some(empty)) = (self.row.get_mut(position), self.empty.get(position)) {
                cell.clone_from(empty);
            }
        }
    }
}

/// Whether a column holds the number of a location's own row: not one of a list of the group, and not a number of
/// anything else.
fn is_own(table: &str, column: &ColumnFacts) -> bool {
    match column.references {
        _ if column.primary_key => !group::is_list(table),
        Some(to) => Rows::named(to.table).is_some() && !group::is_list(to.table),
        None => group::is_about_own_rows(table, column.name),
    }
}

/// What the program writes into a column that has nothing to say: zero, empty text, the first day of year one, or the
/// column's default where that is a number (-1 means blank in many). Never NULL.
fn empty(source: &SourceType, default: Option<DefaultValue>) -> Value {
    let literal = match default {
        Some(DefaultValue::Literal(text)) => text,
        _ => "",
    };
    match source {
        SourceType::Float | SourceType::Double | SourceType::Decimal { .. } => {
            Value::Float(literal.parse().unwrap_or_default())
        }
        SourceType::Date => Value::Date(unset_date()),
        SourceType::DateTime | SourceType::Timestamp => Value::DateTime(unset_time()),
        SourceType::Time => Value::Time(0),
        SourceType::Text(_) | SourceType::Choice(_) | SourceType::Json | SourceType::TextLike => {
            Value::from("")
        }
        SourceType::Binary | SourceType::Spatial | SourceType::Bit { .. } => Value::Bytes(Vec::new()),
        _ => Value::Int(literal.parse().unwrap_or_default()),
    }
}

/// Appends a value in a form in which different rows have different bytes.
fn encode(value: &Value, bytes: &mut Vec<u8>) {
    // The tag tells the length of everything but text and bytes.
    fn fixed(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
        bytes.push(tag);
        bytes.extend_from_slice(content);
    }
    fn sized(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        fixed(bytes, tag, &length.to_le_bytes());
        bytes.extend_from_slice(content);
    }
    match value {
        Value::Null => fixed(bytes, 0, &[]),
        Value::Int(v) => fixed(bytes, 1, &v.to_le_bytes()),
        Value::UInt(v) => fixed(bytes, 2, &v.to_le_bytes()),
        Value::Float(v) => fixed(bytes, 3, &v.to_bits().to_le_bytes()),
        Value::Decimal(v) => sized(bytes, 4, v.as_bytes()),
        Value::Text(v) => sized(bytes, 5, v.as_bytes()),
        Value::Bytes(v) => sized(bytes, 6, v),
        Value::Date(v) => fixed(bytes, 7, &v.days().to_le_bytes()),
        Value::DateTime(v) => fixed(bytes, 8, &v.micros().to_le_bytes()),
        Value::Time(v) => fixed(bytes, 9, &v.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SinkError;

    #[test]
    fn empty_cells_are_open_dentals() {
        let mut seen = Vec::new();
        let mut sink = |table: &'static str, row: &[Value]| -> Result<(), SinkError> {
            seen.push((table, row.to_vec()));
            Ok(())
        };
        let mut out = Emitter::new(crate::group::tests::only(), &mut sink).unwrap();
        let stamp = DateTime::from_micros(1_000_000);
        // What one row fills is empty again in the next, whatever the order of filling.
        for late in ["Remarks", "Percentage"] {
            out.row(Rows::ClaimProc, stamp, |r| _ = r.set(late, 5_i64).set("ClaimProcNum", 6_i64)).unwrap();
        }
        out.row(Rows::ClaimProc, stamp, |r| {
            r.set("ClaimProcNum", 7_i64).set("PatNum", 3_i64).set("ProcNum", 2_i64);
        })
        .unwrap();
        let summary = out.summary();
        let summary = summary.iter().find(|t| t.table == "claimproc").unwrap();
        assert_eq!(summary.rows, 3);
        let digest = summary.digest;
        assert!(matches!(
            out.row(Rows::Claim, stamp, |r| _ = r.set("Nothing", 1_i64)),
            Err(PracticeError::Fault("Nothing"))
        ));
        let facts = facts().table("claimproc").unwrap();
        let sum = seen.iter().fold(0_u128, |sum, (_, row)| sum.wrapping_add(row_digest(row)));
        assert_eq!(digest, sum, "the digest is that of the rows as they were handed out");
        let (table, row) = &seen[2];
        assert_eq!((*table, row.len()), ("claimproc", facts.columns.len()));
        assert_eq!(seen[0].1[facts.position("Remarks").unwrap()], Value::Int(5));
        assert_eq!(seen[1].1[facts.position("Remarks").unwrap()], Value::from(""));
        let cell = |name: &str| &row[facts.position(name).unwrap()];
        assert_eq!(*cell("ProcNum"), Value::Int(2));
        assert_eq!(*cell("PatNum"), Value::Int(3));
        assert_eq!(*cell("Percentage"), Value::Int(-1));
        assert_eq!(*cell("PaidOtherIns"), Value::Float(-1.0));
        assert_eq!(*cell("DateCP"), Value::Date(unset_date()));
        assert_eq!(*cell("SecDateTEdit"), Value::DateTime(stamp));
        assert_eq!(*cell("Remarks"), Value::from(""));
    }

    #[test]
    fn different_rows_have_different_bytes() {
        let bytes = |row: &[Value]| {
            let mut out = Vec::new();
            for value in row {
                encode(value, &mut out);
            }
            out
        };
        assert_ne!(bytes(&["ab".into(), "c".into()]), bytes(&["a".into(), "bc".into()]));
        assert_ne!(bytes(&[Value::Null]), bytes(&["".into()]));
        assert_ne!(bytes(&[Value::Int(1)]), bytes(&[Value::UInt(1)]));
    }
}

//! A hash of rows that the server and this program compute alike, so that a first load is proved without its rows
//! travelling back.
//!
//! The hash of a row is a chain: the hash of each column is the seed of the next one's, and the first seed is secret.
//! Links are PostgreSQL's own `hash*extended` functions (`src/backend/access/hash/hashfunc.c`, and the same in
//! `utils/adt` for dates and times), which hash partitioning has kept unchanged since version 11. The table's proof is
//! the number of rows and the exact sum of their hashes as signed 64-bit numbers. One statement asks for it.
//!
//! # What it tells apart
//! Two values of a column that differ make two links that differ by chance alone, with these forms:
//! - integers, flags, dates, texts, and by the bytes that `COPY` would send, in hexadecimal digits: all of the value.
//!   PostgreSQL folds a `bigint` into 32 bits before it hashes it; its upper half is hashed once more.
//! - where it is known beforehand that every value of a `bigint` is one of 32 bits, one link takes the place of two. Of any other
//!   value the server makes an error, and the rows are then compared one by one.
//! - `timestamp` and `time` are folded the same way, and nothing cheap gives their upper half: a wrong value passes for
//!   the right one once in 2^32 (one that differs in a single bit never does).
//! - floats: all of the value; what their hash leaves out (whether a zero is 0 or -0) is in the marks.
//! - marks: whether a column is NULL, and of which sign a zero is, up to thirty bits a link.
//!
//! A wrong row, a row missing or a row too many then leaves the sum as it was once in 2^64. The hash is not
//! cryptographic; the seed, drawn at random for each target, keeps anyone from preparing rows that collide. `verify`
//! does not use it: it compares row by row, byte for byte.

pub(crate) mod lookup3;

use std::fmt::Write as _;

use bicuspid_model::row::fields;
use bicuspid_model::{Batch, Column, FingerprintKey, Table, TargetType};

/// What the seed is derived for. No canonical row begins like this.
const PURPOSE: &[u8] = b"row hash of a first load/1";

/// Bits of marks that one link takes.
const MARKS_MAX: u32 = 30;

/// Links of the longest chain: as deep as the server's parser has to go. Its usual stack is enough for three times as
/// many, and no table of Open Dental has a third of them.
const LINKS_MAX: usize = 500;

/// Rows whose chains grow side by side.
const LANES: usize = 4;

/// The sum of the hashes of a table's rows, growing.
pub struct RowHashes {
    groups: Vec<Group>,
    sql: String,
    seed: u64,
    rows: u64,
    sum: i128,
    /// A row came that is not one of this table.
    is_odd: bool,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for RowHashes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowHashes").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Columns whose marks share a link, which comes after theirs.
#[derive(Debug, Default)]
struct Group {
    columns: Vec<Hashed>,
    marks: u32,
}

/// How one column goes into the chain.
#[derive(Debug, Clone, Copy)]
struct Hashed {
    form: Form,
    nullable: bool,
    /// Place of its marks in those of the group.
    shift: u32,
}

/// What is hashed of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `boolean`, as 0 or 1
    Flag,
    Int2,
    Int4,
    Int8,
    /// `bigint` whose values are those of `integer`
    Narrow,
    /// `date`, as days since 2000
    Day,
    /// `timestamp`, in microseconds since 2000
    Moment,
    /// `time`, in microseconds since midnight
    Clock,
    Real,
    Double,
    Text,
    Json,
    Bytes,
    /// The bytes that `COPY` sends, by the type's own function
    Sent(&'static str),
}

impl Form {
    const fn of(target: TargetType) -> Self {
        match target {
            TargetType::Bool => Self::Flag,
            TargetType::Int2 => Self::Int2,
            TargetType::Int4 => Self::Int4,
            TargetType::Int8 => Self::Int8,
            TargetType::Numeric { .. } => Self::Sent("numeric_send"),
            TargetType::Float4 => Self::Real,
            TargetType::Float8 => Self::Double,
            TargetType::Date => Self::Day,
            TargetType::Timestamp => Self::Moment,
            // Its own hash takes a day for 24 hours.
            TargetType::Interval => Self::Sent("interval_send"),
            TargetType::Time => Self::Clock,
            TargetType::Text => Self::Text,
            TargetType::Bytea => Self::Bytes,
            TargetType::Json => Self::Json,
            TargetType::VarBit { .. } => Self::Sent("varbit_send"),
        }
    }

    const fn is_float(self) -> bool {
        matches!(self, Self::Real | Self::Double)
    }

    /// The field that stands for NULL, whose mark tells that it does.
    const fn of_null(self) -> &'static [u8] {
        match self {
            Self::Flag => &[0],
            Self::Int2 => &[0; 2],
            Self::Int4 | Self::Day | Self::Real => &[0; 4],
            Self::Int8 | Self::Narrow | Self::Moment | Self::Clock | Self::Double => &[0; 8],
            Self::Text | Self::Json | Self::Bytes | Self::Sent(_) => &[],
        }
    }

    /// The links of a column, inner first, each without the seed that it takes and its closing bracket.
    fn links(self, name: &str, nullable: bool) -> Vec<String> {
        let or = |value: &str, of_null: &str| {
            if nullable { format!("coalesce({value}, {of_null})") } else { value.to_owned() }
        };
        let text = |value: &str| vec![format!("hashtextextended({} COLLATE \"C\", ", or(value, "''"))];
        let one = |function: &str, value: &str| vec![format!("{function}({value}, ")];
        match self {
            Self::Flag => one("hashint4extended", &format!("{}::integer", or(name, "false"))),
            Self::Int2 => one("hashint2extended", &or(name, "'0'")),
            Self::Int4 => one("hashint4extended", &or(name, "'0'")),
            Self::Int8 => {
                let value = or(name, "'0'");
                vec![format!("hashint8extended({value}, "), format!("hashint8extended({value} >> 32, ")]
            }
            Self::Narrow => one("hashint4extended", &format!("{}::integer", or(name, "'0'::bigint"))),
            Self::Day => {
                one("hashint4extended", &format!("{} - '2000-01-01'::date", or(name, "'2000-01-01'")))
            }
            Self::Moment => one("timestamp_hash_extended", &or(name, "'2000-01-01'")),
            Self::Clock => one("time_hash_extended", &or(name, "'00:00'")),
            Self::Real => one("hashfloat4extended", &or(name, "'0'")),
            Self::Double => one("hashfloat8extended", &or(name, "'0'")),
            Self::Text => text(name),
            Self::Json => text(&format!("{name}::text")),
            Self::Bytes => text(&format!("encode({name}, 'hex')")),
            Self::Sent(function) => text(&format!("encode({function}({name}), 'hex')")),
        }
    }

    /// The chains of some rows, each with its value added; `None` if a field is not of this form.
    fn add<const N: usize>(
        self,
        fields: [Option<&[u8]>; N],
        chains: [u64; N],
        scratch: &mut Vec<u8>,
    ) -> Option<[u64; N]> {
        let word = |of: fn(&[u8]) -> Option<u32>| Some(lookup3::words(self.each(fields, of)?, chains));
        let int4 = |field: &[u8]| Some(i32::from_be_bytes(field.try_into().ok()?).cast_unsigned());
        match self {
            Self::Flag => word(|field| Some(u32::from(<[u8; 1]>::try_from(field).ok()?[0]))),
            Self::Int2 => {
                word(|field| Some(i32::from(i16::from_be_bytes(field.try_into().ok()?)).cast_unsigned()))
            }
            Self::Int4 | Self::Day => word(int4),
            Self::Int8 => {
                let values: [i64; N] = self.each(fields, int8)?;
                let lower = lookup3::words(values.map(lookup3::fold), chains);
                Some(lookup3::words(values.map(|value| lookup3::fold(value >> 32)), lower))
            }
            Self::Narrow => word(|field| Some(i32::try_from(int8(field)?).ok()?.cast_unsigned())),
            Self::Moment | Self::Clock => word(|field| Some(lookup3::fold(int8(field)?))),
            Self::Real | Self::Double => {
                Some(lookup3::floats(self.each(fields, |field| self.float(field))?, chains))
            }
            Self::Text | Self::Json | Self::Bytes | Self::Sent(_) => {
                let mut chains = chains;
                for (field, chain) in fields.into_iter().zip(&mut chains) {
                    *chain = self.add_bytes(field.unwrap_or_default(), *chain, scratch);
                }
                Some(chains)
            }
        }
    }

    /// The value of each field.
    fn each<T: Copy + Default, const N: usize>(
        self,
        fields: [Option<&[u8]>; N],
        of: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<[T; N]> {
        let mut values = [T::default(); N];
        for (field, value) in fields.into_iter().zip(&mut values) {
            *value = of(field.unwrap_or(self.of_null()))?;
        }
        Some(values)
    }

    fn add_bytes(self, field: &[u8], seed: u64, scratch: &mut Vec<u8>) -> u64 {
        if matches!(self, Self::Text | Self::Json) {
            return lookup3::bytes(field, seed);
        }
        let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' - 10 + half };
        scratch.clear();
        scratch.extend(field.iter().flat_map(|byte| [byte >> 4, byte & 15].map(digit)));
        lookup3::bytes(scratch, seed)
    }

    fn float(self, field: &[u8]) -> Option<f64> {
        if self == Self::Real {
            Some(f64::from(f32::from_be_bytes(field.try_into().ok()?)))
        } else {
            Some(f64::from_be_bytes(field.try_into().ok()?))
        }
    }
}

fn int8(field: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(field.try_into().ok()?))
}

impl Hashed {
    const fn marks(form: Form, nullable: bool) -> u32 {
        if form.is_float() {
            2
        } else if nullable {
            1
        } else {
            0
        }
    }

    /// The marks of a value: of a float 0 if it is neither NULL nor a zero, 1 for 0, 2 for -0, 3 for NULL.
    fn mark(self, field: Option<&[u8]>) -> Option<u32> {
        let mark = match field {
            None if self.form.is_float() => 3,
            None => 1,
            Some(field) if self.form.is_float() => {
                let value = self.form.float(field)?;
                match (lookup3::is_zero(value), value.is_sign_negative()) {
                    (false, _) => 0,
                    (true, false) => 1,
                    (true, true) => 2,
                }
            }
            Some(_) => 0,
        };
        Some(mark << self.shift)
    }

    /// The same in SQL, empty if there is nothing to mark.
    fn mark_sql(self, name: &str) -> String {
        let null = |mark: u32| {
            let mark = mark << self.shift;
            if self.nullable { format!("WHEN {name} IS NULL THEN {mark} ") } else { String::new() }
        };
        if self.form.is_float() {
            // IEEE 754 (and C, annex F) gives -pi for atan2(-0, -1), and pi for atan2(0, -1).
            format!(
                "CASE {}WHEN {name} <> '0' THEN 0 WHEN atan2({name}, -1) < 0 THEN {} ELSE {} END",
                null(3),
                2_u32 << self.shift,
                1_u32 << self.shift
            )
        } else if self.nullable {
            format!("CASE {}ELSE 0 END", null(1))
        } else {
            String::new()
        }
    }
}

impl RowHashes {
    /// Of no row yet; `None` for a table that has no columns or more than a chain can be long.
    #[must_use]
    pub fn of(table: &Table, key: &FingerprintKey) -> Option<Self> {
        Self::made(table, groups(&table.columns), key)
    }

    /// The same where the whole numbers of some columns are known to be of 32 bits: they cost the server a third less. A
    /// row for which that is wrong proves nothing.
    #[must_use]
    pub(crate) fn of_narrow(
        table: &Table,
        is_narrow: impl Fn(&Column) -> bool,
        key: &FingerprintKey,
    ) -> Option<Self> {
        let mut groups = groups(&table.columns);
        let hashed = groups.iter_mut().flat_map(|group| &mut group.columns);
        for (hashed, column) in hashed.zip(&table.columns) {
            if hashed.form == Form::Int8 && is_narrow(column) {
                hashed.form = Form::Narrow;
            }
        }
        Self::made(table, groups, key)
    }

    fn made(table: &Table, groups: Vec<Group>, key: &FingerprintKey) -> Option<Self> {
        let sql = statement(table, &groups)?;
        let seed = key.seed(PURPOSE);
        Some(Self { groups, sql, seed, rows: 0, sum: 0, is_odd: false, scratch: Vec::new() })
    }

    /// Adds canonical rows of the table.
    ///
    /// Each link of a chain waits for the one before it, and a row's chain is longer than a processor looks ahead: side
    /// by side the chains of some rows take less time than one after the other.
    pub fn add(&mut self, batch: &Batch) {
        self.rows = self.rows.wrapping_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        let mut rows = batch.rows();
        while let (Some(a), Some(b), Some(c), Some(d)) = (rows.next(), rows.next(), rows.next(), rows.next())
        {
            self.add_lanes([a, b, c, d]);
        }
        let whole = batch.len() / LANES * LANES;
        batch.rows().skip(whole).for_each(|row| self.add_lanes([row]));
    }

    fn add_lanes<const N: usize>(&mut self, rows: [&[u8]; N]) {
        if let Some(hashes) = self.hash(rows) {
            self.sum += hashes.iter().map(|hash| i128::from(hash.cast_signed())).sum::<i128>();
        } else {
            self.is_odd = true;
        }
    }

    fn hash<const N: usize>(&mut self, rows: [&[u8]; N]) -> Option<[u64; N]> {
        let mut lanes = rows.map(fields);
        let mut chains = [self.seed; N];
        for group in &self.groups {
            let mut marks = [0; N];
            for column in &group.columns {
                let mut fields = [None; N];
                for (lane, field) in lanes.iter_mut().zip(&mut fields) {
                    *field = lane.next()?;
                }
                if !column.nullable && fields.contains(&None) {
                    return None;
                }
                if column.nullable || column.form.is_float() {
                    for (field, marks) in fields.into_iter().zip(&mut marks) {
                        *marks |= column.mark(field)?;
                    }
                }
                chains = column.form.add(fields, chains, &mut self.scratch)?;
            }
            if group.marks > 0 {
                chains = lookup3::words(marks, chains);
            }
        }
        let is_whole = lanes.iter_mut().all(|lane| lane.next().is_none());
        is_whole.then_some(chains)
    }

    /// Rows that were added.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The statement that asks the server for rows and sum, as far as `FROM`; its parameter is the seed, which is in no text.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The seed as the server takes it.
    pub(crate) const fn seed(&self) -> i64 {
        self.seed.cast_signed()
    }

    /// Whether the server found as many rows with the same sum.
    pub(crate) fn are(&self, found: &Found) -> bool {
        !self.is_odd && !found.is_odd && found.rows == self.rows && found.sum == self.sum
    }
}

/// What the server found, in one answer or in more.
#[derive(Debug, Default)]
pub(crate) struct Found {
    rows: u64,
    sum: i128,
    is_odd: bool,
}

impl Found {
    /// What one answer says.
    pub(crate) fn of(rows: i64, sum: Option<&str>) -> Self {
        let mut found = Self::default();
        found.add(rows, sum);
        found
    }

    /// Adds an answer: rows, and the sum of their hashes in decimal, which no row has none of.
    pub(crate) fn add(&mut self, rows: i64, sum: Option<&str>) {
        let sum = sum.map_or(Some(0), |text| text.parse().ok());
        match (u64::try_from(rows), sum.and_then(|sum: i128| self.sum.checked_add(sum))) {
            (Ok(rows), Some(sum)) => (self.rows, self.sum) = (self.rows + rows, sum),
            _ => self.is_odd = true,
        }
    }
}

fn groups(columns: &[Column]) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    for column in columns {
        let (form, nullable) = (Form::of(column.target), column.nullable);
        let marks = Hashed::marks(form, nullable);
        if groups.last().is_some_and(|group| group.marks + marks > MARKS_MAX) {
            groups.push(Group::default());
        }
        if let Some(group) = groups.last_mut() {
            group.columns.push(Hashed { form, nullable, shift: group.marks });
            group.marks += marks;
        }
    }
    groups
}

fn statement(table: &Table, groups: &[Group]) -> Option<String> {
    let mut links = Vec::new();
    let mut columns = table.columns.iter();
    for group in groups {
        let mut marks = Vec::new();
        for (hashed, column) in group.columns.iter().zip(columns.by_ref()) {
            let name = column.name.postgres().to_string();
            links.extend(hashed.form.links(&name, hashed.nullable));
            marks.push(hashed.mark_sql(&name));
        }
        if group.marks > 0 {
            marks.retain(|mark| !mark.is_empty());
            links.push(format!("hashint4extended({}, ", marks.join(" | ")));
        }
    }
    if links.is_empty() || links.len() > LINKS_MAX {
        return None;
    }
    let mut sql = String::from("SELECT count(*), sum(");
    links.iter().rev().for_each(|link| sql.push_str(link));
    let _ = write!(sql, "$1{})::text", ")".repeat(links.len()));
    Some(sql)
}

#[cfg(test)]
mod tests;

//! The canonical row: PostgreSQL's binary `COPY` row.
//!
//! Layout (PostgreSQL manual, "COPY, Binary Format"): a 16-bit field count, then for each field a 32-bit length
//! (-1 for NULL) and that many bytes, all big-endian. What is hashed, staged, sent and compared are these bytes.

use crate::calendar::{Date, DateTime};

/// What a `COPY ... (FORMAT binary)` stream begins with: signature, flags, length of the header extension.
pub const COPY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with: a field count of -1.
pub const COPY_TRAILER: [u8; 2] = [0xff, 0xff];

const NULL: [u8; 4] = [0xff; 4];

/// Canonical rows in one buffer, with the end of each.
///
/// **Invariant:** `bytes` up to the last end is a sequence of whole canonical rows. A row being written that fails is
/// taken back with [`Batch::abandon_row`].
#[derive(Clone, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl std::fmt::Debug for Batch {
    /// Counts alone: the bytes are rows of patients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("rows", &self.ends.len()).finish_non_exhaustive()
    }
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for about so many bytes of rows, so that it does not move while it fills.
    #[must_use]
    pub fn with_room(bytes: usize, rows: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(rows) }
    }

    /// A batch made of whole canonical rows, `None` if the bytes are not that.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let mut ends = Vec::new();
        let mut at = 0_usize;
        while at < bytes.len() {
            at = at.checked_add(row_length(bytes.get(at..)?)?)?;
            ends.push(u32::try_from(at).ok()?);
        }
        Some(Self { bytes, ends })
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows, back to back.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end()).unwrap_or_default()
    }

    /// Takes the buffer out.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        let end = self.end();
        self.bytes.truncate(end);
        self.bytes
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The rows, one by one.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        (0..self.ends.len()).map(|i| self.row(i))
    }

    /// The last row.
    #[must_use]
    pub fn last(&self) -> Option<&[u8]> {
        self.ends.len().checked_sub(1).map(|i| self.row(i))
    }

    /// Appends the rows of another batch; `false`, with nothing done, if the buffer would pass 4 GiB.
    #[must_use]
    pub fn append(&mut self, other: &Self) -> bool {
        let base = self.end();
        if u32::try_from(base + other.end()).is_err() {
            return false;
        }
        self.bytes.truncate(base);
        self.bytes.extend_from_slice(other.bytes());
        let base = u32::try_from(base).unwrap_or_default();
        self.ends.extend(other.ends.iter().map(|end| end + base));
        true
    }

    fn row(&self, i: usize) -> &[u8] {
        let index = |i: usize| self.ends.get(i).and_then(|&e| usize::try_from(e).ok()).unwrap_or_default();
        let start = i.checked_sub(1).map_or(0, index);
        self.bytes.get(start..index(i)).unwrap_or_default()
    }

    fn end(&self) -> usize {
        self.ends.last().and_then(|&e| usize::try_from(e).ok()).unwrap_or_default()
    }

    /// Begins a row of this many fields (at most 1,600 in PostgreSQL, 4,096 in MySQL).
    #[inline]
    pub fn begin_row(&mut self, fields: u16) {
        let end = self.end();
        self.bytes.truncate(end);
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    /// Ends the row; `false`, with the row taken back, if the buffer would pass 4 GiB.
    #[must_use]
    #[inline]
    pub fn end_row(&mut self) -> bool {
        if let Ok(end) = u32::try_from(self.bytes.len()) {
            self.ends.push(end);
            true
        } else {
            self.abandon_row();
            false
        }
    }

    /// Takes back the row that was begun.
    pub fn abandon_row(&mut self) {
        let end = self.end();
        self.bytes.truncate(end);
    }

    fn fixed<const N: usize>(&mut self, length: [u8; 4], bytes: [u8; N]) {
        self.bytes.extend_from_slice(&length);
        self.bytes.extend_from_slice(&bytes);
    }

    /// Writes NULL.
    #[inline]
    pub fn null(&mut self) {
        self.bytes.extend_from_slice(&NULL);
    }

    /// Writes a `boolean`.
    #[inline]
    pub fn bool(&mut self, v: bool) {
        self.bytes.extend_from_slice(&[0, 0, 0, 1, u8::from(v)]);
    }

    // Most fields of a clinic are whole numbers: length and value are written at once, as one large number.

    /// Writes a `smallint`.
    #[inline]
    pub fn int2(&mut self, v: i16) {
        let both = (2_u64 << 16 | u64::from(v.cast_unsigned())).to_be_bytes();
        self.bytes.extend_from_slice(&both[2..]);
    }

    /// Writes an `integer`.
    #[inline]
    pub fn int4(&mut self, v: i32) {
        let both = (4_u64 << 32 | u64::from(v.cast_unsigned())).to_be_bytes();
        self.bytes.extend_from_slice(&both);
    }

    /// Writes a `bigint`.
    #[inline]
    pub fn int8(&mut self, v: i64) {
        let both = (8_u128 << 64 | u128::from(v.cast_unsigned())).to_be_bytes();
        self.bytes.extend_from_slice(&both[4..]);
    }

    /// Writes a `real`, bit for bit.
    pub fn float4(&mut self, v: f32) {
        self.fixed([0, 0, 0, 4], v.to_be_bytes());
    }

    /// Writes a `double precision`, bit for bit.
    pub fn float8(&mut self, v: f64) {
        self.fixed([0, 0, 0, 8], v.to_be_bytes());
    }

    /// Writes a `date`.
    #[inline]
    pub fn date(&mut self, v: Date) {
        self.int4(v.days());
    }

    /// Writes a `timestamp`.
    #[inline]
    pub fn timestamp(&mut self, v: DateTime) {
        self.int8(v.micros());
    }

    /// Writes a `time`, in microseconds since midnight.
    pub fn time(&mut self, micros: i64) {
        self.int8(micros);
    }

    /// Writes an `interval` of microseconds alone, without days or months, so that no length of a day is assumed.
    pub fn interval(&mut self, micros: i64) {
        let mut bytes = [0_u8; 16];
        bytes[..8].copy_from_slice(&micros.to_be_bytes());
        self.fixed([0, 0, 0, 16], bytes);
    }

    /// Writes bytes as they are: `text` (UTF-8 without NUL), `json` or `bytea`. `false` if they are 2 GiB or more.
    #[must_use]
    #[inline]
    pub fn raw(&mut self, v: &[u8]) -> bool {
        let Ok(length) = i32::try_from(v.len()) else { return false };
        self.bytes.reserve(4 + v.len());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(v);
        true
    }

    /// Writes a `bit varying` of `width` bits (1 to 64), the low bits of `v`.
    pub fn varbit(&mut self, v: u64, width: u8) {
        let width = width.clamp(1, 64);
        let left = (v << (64 - u32::from(width))).to_be_bytes();
        let count = usize::from(width.div_ceil(8));
        let length = 4 + u32::from(width.div_ceil(8));
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&u32::from(width).to_be_bytes());
        self.bytes.extend_from_slice(left.get(..count).unwrap_or_default());
    }

    /// Writes a `numeric(_, scale)` from plain decimal notation such as `-12.500`, as the server sends it. `false`,
    /// with nothing written, if it is anything else or has more digits after the point than `scale`.
    #[must_use]
    pub fn numeric(&mut self, text: &[u8], scale: u16) -> bool {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        let mut halves = digits.splitn(2, |b| *b == b'.');
        let (whole, fraction) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let plain = |d: &[u8]| d.iter().all(u8::is_ascii_digit);
        if (whole.is_empty() && fraction.is_empty())
            || !plain(whole)
            || !plain(fraction)
            || fraction.len() > usize::from(scale)
            || whole.len() > 4096
        {
            return false;
        }
        self.numeric_digits(negative, whole, fraction, scale);
        true
    }

    /// PostgreSQL keeps groups of four decimal digits, those before the point counted from it, and drops groups of
    /// zeros at both ends; `weight` is the number of the first group before the point.
    fn numeric_digits(&mut self, negative: bool, whole: &[u8], fraction: &[u8], scale: u16) {
        let before = whole.len().div_ceil(4);
        let after = fraction.len().div_ceil(4);
        let lead = before * 4 - whole.len();
        let digit = |i: usize| -> u16 {
            let at = |d: &[u8], i: usize| d.get(i).map_or(0, |b| u16::from(b - b'0'));
            match i.checked_sub(lead) {
                None => 0,
                Some(i) if i < whole.len() => at(whole, i),
                Some(i) => at(fraction, i - whole.len()),
            }
        };
        let group = |g: usize| {
            digit(g * 4) * 1000 + digit(g * 4 + 1) * 100 + digit(g * 4 + 2) * 10 + digit(g * 4 + 3)
        };
        let count = before + after;
        let first = (0..count).find(|&g| group(g) != 0);
        let (first, last) = match first {
            None => (0, 0),
            Some(first) => (first, (0..count).rfind(|&g| group(g) != 0).map_or(0, |g| g + 1)),
        };
        let groups = last - first;
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let weight: i16 = if groups == 0 {
            0
        } else {
            i16::try_from(before).unwrap_or(i16::MAX) - 1 - i16::try_from(first).unwrap_or(i16::MAX)
        };
        let sign: u16 = if negative && groups > 0 { 0x4000 } else { 0 };
        let length = 8 + 2 * u32::from(small(groups));
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(&small(groups).to_be_bytes());
        self.bytes.extend_from_slice(&weight.to_be_bytes());
        self.bytes.extend_from_slice(&sign.to_be_bytes());
        self.bytes.extend_from_slice(&scale.to_be_bytes());
        for g in first..last {
            self.bytes.extend_from_slice(&group(g).to_be_bytes());
        }
    }
}

/// Length in bytes of the first canonical row of `bytes`, `None` if it is not whole or not a row.
#[must_use]
pub fn row_length(bytes: &[u8]) -> Option<usize> {
    let count = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    if count > 4096 {
        return None;
    }
    let mut at = 2_usize;
    for _ in 0..count {
        at = at.checked_add(4 + field_length(bytes, at)?.length())?;
    }
    (at <= bytes.len()).then_some(at)
}

/// What the length word of a field says.
enum FieldLength {
    Null,
    Bytes(usize),
}

impl FieldLength {
    const fn length(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Bytes(length) => *length,
        }
    }
}

/// Reads the length word at `at`; `None` if it is cut short or not a length.
#[inline]
fn field_length(bytes: &[u8], at: usize) -> Option<FieldLength> {
    let header = bytes.get(at..at.checked_add(4)?)?;
    match i32::from_be_bytes(header.try_into().ok()?) {
        -1 => Some(FieldLength::Null),
        length => usize::try_from(length).ok().map(FieldLength::Bytes),
    }
}

/// The fields of one canonical row: `None` for NULL. Ends early if the row is cut short.
#[inline]
pub fn fields(row: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut at = 2_usize;
    std::iter::from_fn(move || {
        let length = field_length(row, at)?;
        let start = at + 4;
        at = start.checked_add(length.length())?;
        match length {
            FieldLength::Null => Some(None),
            FieldLength::Bytes(_) => Some(Some(row.get(start..at)?)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(write: impl FnOnce(&mut Batch)) -> Vec<u8> {
        let mut batch = Batch::new();
        batch.begin_row(1);
        write(&mut batch);
        assert!(batch.end_row());
        fields(batch.bytes()).next().unwrap().unwrap().to_vec()
    }

    fn numeric(text: &str, scale: u16) -> Vec<i16> {
        one(|b| assert!(b.numeric(text.as_bytes(), scale)))
            .chunks(2)
            .map(|c| i16::from_be_bytes([c[0], c[1]]))
            .collect()
    }

    #[test]
    fn a_batch_is_printed_without_its_rows() {
        let mut batch = Batch::new();
        batch.begin_row(1);
        assert!(batch.raw(b"secret") && batch.end_row());
        assert_eq!(format!("{batch:?}"), "Batch { rows: 1, .. }");
    }

    #[test]
    fn numerics_are_as_postgres_keeps_them() {
        // groups, weight, sign, scale, digits
        assert_eq!(numeric("0", 0), [0, 0, 0, 0]);
        assert_eq!(numeric("-0.00", 2), [0, 0, 0, 2]);
        assert_eq!(numeric("1", 0), [1, 0, 0, 0, 1]);
        assert_eq!(numeric("-12.50", 2), [2, 0, 0x4000, 2, 12, 5000]);
        assert_eq!(numeric("10000", 0), [1, 1, 0, 0, 1]);
        assert_eq!(numeric("0.0001", 4), [1, -1, 0, 4, 1]);
        assert_eq!(numeric("0.00001", 5), [1, -2, 0, 5, 1000]);
        assert_eq!(numeric("18446744073709551615", 0), [5, 4, 0, 0, 1844, 6744, 737, 955, 1615]);
        assert_eq!(numeric("123456789.5", 3), [4, 2, 0, 3, 1, 2345, 6789, 5000]);
    }

    #[test]
    fn numerics_refuse_what_is_not_plain() {
        let mut batch = Batch::new();
        batch.begin_row(1);
        for bad in ["", ".", "-", "1e5", "1.2.3", "NaN", "1.234", " 1"] {
            assert!(!batch.numeric(bad.as_bytes(), 2), "{bad}");
        }
    }

    #[test]
    fn bits_are_left_justified() {
        assert_eq!(one(|b| b.varbit(0b1_0000_0001, 9)), [0, 0, 0, 9, 0b1000_0000, 0b1000_0000]);
        assert_eq!(one(|b| b.varbit(u64::MAX, 64)), [0, 0, 0, 64, 255, 255, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn a_batch_reads_back_its_rows() {
        let mut batch = Batch::new();
        for i in 0..3_i16 {
            batch.begin_row(3);
            batch.int2(i);
            batch.null();
            assert!(batch.raw(b"text"));
            assert!(batch.end_row());
        }
        batch.begin_row(2);
        batch.bool(true);
        batch.abandon_row();
        assert_eq!(batch.len(), 3);
        let again = Batch::from_bytes(batch.bytes().to_vec()).unwrap();
        assert_eq!(again.rows().collect::<Vec<_>>(), batch.rows().collect::<Vec<_>>());
        let last: Vec<_> = fields(again.last().unwrap()).collect();
        assert_eq!(last, [Some(&[0, 2][..]), None, Some(b"text")]);
        let mut cut = batch.bytes().to_vec();
        cut.pop();
        assert!(Batch::from_bytes(cut).is_none());
        let mut double = again.clone();
        assert!(double.append(&again));
        assert_eq!(double.len(), 6);
        assert_eq!(double.rows().nth(4).unwrap(), again.rows().nth(1).unwrap());
    }
}

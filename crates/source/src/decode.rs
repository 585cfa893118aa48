//! From the driver's bytes to canonical rows, without a value in between.
//!
//! The bytes are those of the binary result protocol (MySQL internals, "Binary Protocol Value"): little-endian
//! numbers, and dates as plain year, month and day, so that a date that does not exist can be told from NULL and
//! nothing has to be parsed. No calendar type of a driver is touched.

use std::borrow::Cow;

use bicuspid_model::calendar::DAY_MICROS;
use bicuspid_model::source_type::Charset;
use bicuspid_model::{Batch, Column, Date, SourceType, TargetType};

/// Longest interval that a `time` can hold, in microseconds.
const TIME_MICROS_MAX: i64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000 + 999_999;

/// How often values of a column were replaced, and by which rule. Rows that were read twice count twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conversions {
    /// Dates that do not exist or have a zero part, which became NULL.
    pub invalid_dates: u64,
    /// Texts in which NUL characters became U+FFFD.
    pub nul_characters: u64,
    /// Texts in which bytes invalid in the column's character set became U+FFFD.
    pub invalid_characters: u64,
}

impl Conversions {
    /// Whether nothing was replaced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rules by name, with their counts.
    #[must_use]
    pub const fn rules(&self) -> [(&'static str, u64); 3] {
        [
            ("invalid_date", self.invalid_dates),
            ("nul_character", self.nul_characters),
            ("invalid_character", self.invalid_characters),
        ]
    }

    /// Adds the counts of another part of the same column.
    pub const fn merge(&mut self, other: Self) {
        self.invalid_dates += other.invalid_dates;
        self.nul_characters += other.nul_characters;
        self.invalid_characters += other.invalid_characters;
    }
}

/// A value that has no exact form in its target column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The server sent bytes that are not of the column's type.
    Malformed,
    /// A flag that is neither 0 nor 1.
    NotBoolean,
    /// A time of day that is negative or beyond 24 hours.
    NotTimeOfDay,
    /// A number outside the target's type.
    OutOfRange,
    /// A text in a multi-byte character set whose undefined codes cannot be told from question marks.
    Undecidable,
    /// A value of 2 GiB or more.
    TooLong,
}

impl Misfit {
    /// The name of the rule, as in `validate::not_boolean`.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Malformed => "malformed_value",
            Self::NotBoolean => "not_boolean",
            Self::NotTimeOfDay => "not_time_of_day",
            Self::OutOfRange => "out_of_range",
            Self::Undecidable => "undecidable_text",
            Self::TooLong => "value_too_long",
        }
    }
}

/// Writes one value of `column` as the next field of the row begun in `batch`. `stored` holds the stored bytes of a
/// text that the server turned into UTF-8 ([`Charset::needs_server`]).
pub(crate) fn field(
    batch: &mut Batch,
    column: &Column,
    bytes: &[u8],
    stored: Option<&[u8]>,
    counts: &mut Conversions,
) -> Result<(), Misfit> {
    match &column.source {
        SourceType::TinyInt { unsigned }
        | SourceType::SmallInt { unsigned }
        | SourceType::MediumInt { unsigned }
        | SourceType::Int { unsigned } => signed(batch, column.target, small_int(bytes, *unsigned)?),
        SourceType::BigInt { unsigned: false } => {
            signed(batch, column.target, i64::from_le_bytes(array(bytes)?))
        }
        SourceType::BigInt { unsigned: true } => {
            unsigned_big(batch, column.target, u64::from_le_bytes(array(bytes)?))
        }
        SourceType::Year => signed(batch, column.target, small_int(bytes, true)?),
        SourceType::Float => {
            batch.float4(f32::from_le_bytes(array(bytes)?));
            Ok(())
        }
        SourceType::Double => {
            batch.float8(f64::from_le_bytes(array(bytes)?));
            Ok(())
        }
        SourceType::Decimal { .. } => match column.target {
            TargetType::Numeric { scale, .. } if batch.numeric(bytes, scale) => Ok(()),
            _ => Err(Misfit::Malformed),
        },
        SourceType::Date | SourceType::DateTime | SourceType::Timestamp => {
            moment(batch, column.target, bytes, counts)
        }
        SourceType::Time => time(batch, column.target, bytes),
        SourceType::Text(charset) | SourceType::Choice(charset) => {
            text(batch, *charset, bytes, stored, counts)
        }
        SourceType::Json | SourceType::TextLike => text(batch, Charset::Utf8, bytes, None, counts),
        SourceType::Binary | SourceType::Spatial => raw(batch, bytes),
        SourceType::Bit { width } => bit(batch, column.target, *width, bytes),
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Misfit> {
    bytes.try_into().map_err(|_| Misfit::Malformed)
}

fn raw(batch: &mut Batch, bytes: &[u8]) -> Result<(), Misfit> {
    if batch.raw(bytes) { Ok(()) } else { Err(Misfit::TooLong) }
}

/// An integer of up to four bytes; its width on the wire follows the type of the result, not of our column.
fn small_int(bytes: &[u8], unsigned: bool) -> Result<i64, Misfit> {
    Ok(match (bytes, unsigned) {
        ([b], false) => i64::from(i8::from_le_bytes([*b])),
        ([b], true) => i64::from(*b),
        ([a, b], false) => i64::from(i16::from_le_bytes([*a, *b])),
        ([a, b], true) => i64::from(u16::from_le_bytes([*a, *b])),
        ([a, b, c, d], false) => i64::from(i32::from_le_bytes([*a, *b, *c, *d])),
        ([a, b, c, d], true) => i64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => return Err(Misfit::Malformed),
    })
}

fn signed(batch: &mut Batch, target: TargetType, v: i64) -> Result<(), Misfit> {
    match target {
        TargetType::Bool => match v {
            0 => batch.bool(false),
            1 => batch.bool(true),
            _ => return Err(Misfit::NotBoolean),
        },
        TargetType::Int2 => batch.int2(i16::try_from(v).map_err(|_| Misfit::OutOfRange)?),
        TargetType::Int4 => batch.int4(i32::try_from(v).map_err(|_| Misfit::OutOfRange)?),
        TargetType::Int8 => batch.int8(v),
        _ => return Err(Misfit::OutOfRange),
    }
    Ok(())
}

fn unsigned_big(batch: &mut Batch, target: TargetType, v: u64) -> Result<(), Misfit> {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = v;
    loop {
        at -= 1;
        let digit = u8::try_from(rest % 10).unwrap_or_default();
        if let Some(slot) = digits.get_mut(at) {
            *slot = b'0' + digit;
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    match target {
        TargetType::Numeric { scale, .. } if batch.numeric(digits.get(at..).unwrap_or_default(), scale) => {
            Ok(())
        }
        _ => Err(Misfit::OutOfRange),
    }
}

/// `[length][year:2][month][day][hour][minute][second][microsecond:4]`, cut after the last part that is not zero.
fn moment(
    batch: &mut Batch,
    target: TargetType,
    bytes: &[u8],
    counts: &mut Conversions,
) -> Result<(), Misfit> {
    let (&length, parts) = bytes.split_first().ok_or(Misfit::Malformed)?;
    if usize::from(length) != parts.len() || !matches!(length, 0 | 4 | 7 | 11) {
        return Err(Misfit::Malformed);
    }
    let part = |i: usize| parts.get(i).copied().unwrap_or(0);
    let year = i32::from(u16::from_le_bytes([part(0), part(1)]));
    let Some(date) = Date::from_ymd(year, part(2), part(3)) else {
        counts.invalid_dates += 1;
        batch.null();
        return Ok(());
    };
    let (hour, minute, second) = (part(4), part(5), part(6));
    let fraction = u32::from_le_bytes([part(7), part(8), part(9), part(10)]);
    if hour > 23 || minute > 59 || second > 59 || fraction > 999_999 {
        return Err(Misfit::Malformed);
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    match target {
        TargetType::Date => batch.date(date),
        TargetType::Timestamp => {
            let micros = date.midnight().micros() + seconds * 1_000_000 + i64::from(fraction);
            batch.timestamp(bicuspid_model::DateTime::from_micros(micros));
        }
        _ => return Err(Misfit::OutOfRange),
    }
    Ok(())
}

/// `[length][negative][days:4][hour][minute][second][microsecond:4]`.
fn time(batch: &mut Batch, target: TargetType, bytes: &[u8]) -> Result<(), Misfit> {
    let (&length, parts) = bytes.split_first().ok_or(Misfit::Malformed)?;
    if usize::from(length) != parts.len() || !matches!(length, 0 | 8 | 12) {
        return Err(Misfit::Malformed);
    }
    let part = |i: usize| parts.get(i).copied().unwrap_or(0);
    let days = u32::from_le_bytes([part(1), part(2), part(3), part(4)]);
    let fraction = u32::from_le_bytes([part(8), part(9), part(10), part(11)]);
    let hours = i64::from(days) * 24 + i64::from(part(5));
    let seconds = hours * 3600 + i64::from(part(6)) * 60 + i64::from(part(7));
    let micros = seconds * 1_000_000 + i64::from(fraction);
    if micros > TIME_MICROS_MAX {
        return Err(Misfit::Malformed);
    }
    let micros = if part(0) == 0 { micros } else { -micros };
    match target {
        TargetType::Interval => batch.interval(micros),
        TargetType::Time if (0..=DAY_MICROS).contains(&micros) => batch.time(micros),
        _ => return Err(Misfit::NotTimeOfDay),
    }
    Ok(())
}

/// Big-endian bytes of a bit field, as many as its width needs.
fn bit(batch: &mut Batch, target: TargetType, width: u8, bytes: &[u8]) -> Result<(), Misfit> {
    if bytes.len() > 8 {
        return Err(Misfit::Malformed);
    }
    let v = bytes.iter().fold(0_u64, |v, b| (v << 8) | u64::from(*b));
    match target {
        TargetType::Bool => batch.bool(v != 0),
        TargetType::VarBit { .. } => batch.varbit(v, width),
        _ => return Err(Misfit::OutOfRange),
    }
    Ok(())
}

fn text(
    batch: &mut Batch,
    charset: Charset,
    bytes: &[u8],
    stored: Option<&[u8]>,
    counts: &mut Conversions,
) -> Result<(), Misfit> {
    // Nearly every value of a clinic is plain ASCII or valid UTF-8 without NUL: sent as it is.
    let simple = match charset {
        Charset::Utf8 => str::from_utf8(bytes).is_ok(),
        Charset::Latin1 | Charset::Ascii => bytes.is_ascii(),
        Charset::SingleByte
        | Charset::MultiByte
        | Charset::Ucs2
        | Charset::Utf16
        | Charset::Utf16Le
        | Charset::Utf32 => false,
    };
    if simple && !bytes.contains(&0) {
        return raw(batch, bytes);
    }
    let (mut text, invalid) = match charset {
        Charset::Utf8 => utf8(bytes),
        Charset::Latin1 => (Cow::Owned(bytes.iter().map(|b| windows_1252(*b)).collect()), false),
        Charset::Ascii => (
            bytes
                .iter()
                .map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER })
                .collect(),
            !bytes.is_ascii(),
        ),
        Charset::SingleByte => single_byte(bytes, stored.ok_or(Misfit::Malformed)?)?,
        Charset::MultiByte => multi_byte(bytes, stored.ok_or(Misfit::Malformed)?)?,
        Charset::Ucs2 => units_of_two(bytes, u16::from_be_bytes, false),
        Charset::Utf16 => units_of_two(bytes, u16::from_be_bytes, true),
        Charset::Utf16Le => units_of_two(bytes, u16::from_le_bytes, true),
        Charset::Utf32 => units_of_four(bytes),
    };
    counts.invalid_characters += u64::from(invalid);
    if text.contains('\0') {
        counts.nul_characters += 1;
        text = Cow::Owned(text.replace('\0', "\u{fffd}"));
    }
    raw(batch, text.as_bytes())
}

fn utf8(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let text = String::from_utf8_lossy(bytes);
    let invalid = matches!(text, Cow::Owned(_));
    (text, invalid)
}

/// The server's text and the stored bytes go side by side, one character for one byte: a `?` that was not stored as
/// one is an undefined code.
fn single_byte<'a>(text: &'a [u8], stored: &[u8]) -> Result<(Cow<'a, str>, bool), Misfit> {
    let text = str::from_utf8(text).map_err(|_| Misfit::Malformed)?;
    if text.chars().count() != stored.len() {
        return Err(Misfit::Undecidable);
    }
    let undefined = |(c, b): (char, u8)| c == '?' && b != b'?';
    if !text.chars().zip(stored.iter().copied()).any(undefined) {
        return Ok((Cow::Borrowed(text), false));
    }
    let mended = text
        .chars()
        .zip(stored.iter().copied())
        .map(|pair| if undefined(pair) { char::REPLACEMENT_CHARACTER } else { pair.0 })
        .collect();
    Ok((Cow::Owned(mended), true))
}

/// With another number of question marks in the text than were stored, some of them stand for undefined codes, and it
/// cannot be said which. In none of these character sets is the byte 0x3F a part of a wider code (the second bytes of
/// Big5, GBK, Shift-JIS and their kin begin at 0x40, those of GB 18030 are digits or begin there too), so every such
/// byte is a question mark.
fn multi_byte<'a>(text: &'a [u8], stored: &[u8]) -> Result<(Cow<'a, str>, bool), Misfit> {
    let text = str::from_utf8(text).map_err(|_| Misfit::Malformed)?;
    let marks = |bytes: &[u8]| bytes.split(|b| *b == b'?').count();
    if marks(text.as_bytes()) != marks(stored) {
        return Err(Misfit::Undecidable);
    }
    Ok((Cow::Borrowed(text), false))
}

/// Units of two bytes, with or without pairs; a half of a pair alone, and a byte left over, is invalid.
fn units_of_two(bytes: &[u8], unit: fn([u8; 2]) -> u16, pairs: bool) -> (Cow<'static, str>, bool) {
    let (whole, rest) = bytes.as_chunks::<2>();
    let units = whole.iter().map(|b| unit(*b));
    let mut decoded: Vec<Result<char, ()>> = if pairs {
        char::decode_utf16(units).map(|c| c.map_err(|_| ())).collect()
    } else {
        units.map(|u| char::from_u32(u32::from(u)).ok_or(())).collect()
    };
    if !rest.is_empty() {
        decoded.push(Err(()));
    }
    mended(&decoded)
}

fn units_of_four(bytes: &[u8]) -> (Cow<'static, str>, bool) {
    let (whole, rest) = bytes.as_chunks::<4>();
    let mut decoded: Vec<Result<char, ()>> =
        whole.iter().map(|b| char::from_u32(u32::from_be_bytes(*b)).ok_or(())).collect();
    if !rest.is_empty() {
        decoded.push(Err(()));
    }
    mended(&decoded)
}

fn mended(decoded: &[Result<char, ()>]) -> (Cow<'static, str>, bool) {
    let text = decoded.iter().map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (Cow::Owned(text), decoded.contains(&Err(())))
}

/// Windows-1252 as MySQL's `latin1` has it: the five codes that Windows leaves unused are control characters.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}',
        '\u{2C6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}', '\u{90}',
        '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2DC}',
        '\u{2122}', '\u{161}', '\u{203A}', '\u{153}', '\u{9D}', '\u{17E}', '\u{178}',
    ];
    match byte.checked_sub(0x80) {
        Some(i) => HIGH.get(usize::from(i)).copied().unwrap_or(char::from(byte)),
        None => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::ColumnName;
    use bicuspid_model::row::fields;

    fn column(source: SourceType, target: TargetType) -> Column {
        Column { name: ColumnName::new("c").unwrap(), source, target, nullable: true, withheld: false }
    }

    fn run(
        source: SourceType,
        target: TargetType,
        bytes: &[u8],
        stored: Option<&[u8]>,
    ) -> Result<(Option<Vec<u8>>, Conversions), Misfit> {
        let mut batch = Batch::new();
        let mut counts = Conversions::default();
        batch.begin_row(1);
        field(&mut batch, &column(source, target), bytes, stored, &mut counts)?;
        assert!(batch.end_row());
        Ok((fields(batch.bytes()).next().unwrap().map(<[u8]>::to_vec), counts))
    }

    #[test]
    fn dates_that_do_not_exist_become_null_and_are_counted() {
        for bytes in [&[0][..], &[4, 0xe8, 7, 0, 0], &[4, 0xe8, 7, 2, 31], &[4, 0, 0, 1, 1]] {
            let (field, counts) = run(SourceType::Date, TargetType::Date, bytes, None).unwrap();
            assert_eq!((field, counts.invalid_dates), (None, 1), "{bytes:?}");
        }
        let (field, counts) = run(SourceType::Date, TargetType::Date, &[4, 1, 0, 1, 1], None).unwrap();
        assert_eq!(field.unwrap(), (-730_119_i32).to_be_bytes());
        assert!(counts.is_empty());
    }

    #[test]
    fn times_keep_sign_and_length() {
        let longest = [12, 1, 34, 0, 0, 0, 22, 59, 59, 0x3f, 0x42, 0x0f, 0];
        let (field, _) = run(SourceType::Time, TargetType::Interval, &longest, None).unwrap();
        assert_eq!(field.unwrap()[..8], (-TIME_MICROS_MAX).to_be_bytes());
        assert_eq!(run(SourceType::Time, TargetType::Time, &longest, None), Err(Misfit::NotTimeOfDay));
        let (field, _) = run(SourceType::Time, TargetType::Time, &[0], None).unwrap();
        assert_eq!(field.unwrap(), 0_i64.to_be_bytes());
    }

    #[test]
    fn flags_other_than_0_and_1_are_not_booleans() {
        let tiny = || SourceType::TinyInt { unsigned: false };
        assert_eq!(run(tiny(), TargetType::Bool, &[1], None).unwrap().0.unwrap(), [1]);
        assert_eq!(run(tiny(), TargetType::Bool, &[2], None), Err(Misfit::NotBoolean));
        assert_eq!(run(tiny(), TargetType::Int2, &[0xff], None).unwrap().0.unwrap(), (-1_i16).to_be_bytes());
    }

    #[test]
    fn texts_replace_only_what_cannot_be_kept() {
        let utf8 = || SourceType::Text(Charset::Utf8);
        let read = |source, bytes: &[u8], stored: Option<&[u8]>| {
            let (field, counts) = run(source, TargetType::Text, bytes, stored).unwrap();
            (String::from_utf8(field.unwrap()).unwrap(), counts.nul_characters, counts.invalid_characters)
        };
        assert_eq!(read(utf8(), "tab\t'\\é😀".as_bytes(), None), ("tab\t'\\é😀".into(), 0, 0));
        assert_eq!(read(utf8(), b"a\0b\0", None), ("a\u{fffd}b\u{fffd}".into(), 1, 0));
        assert_eq!(read(utf8(), b"a\xffb", None), ("a\u{fffd}b".into(), 0, 1));
        assert_eq!(
            read(SourceType::Text(Charset::Latin1), b"\x80 \xe9 \x81", None),
            ("€ é \u{81}".into(), 0, 0)
        );
        assert_eq!(read(SourceType::Text(Charset::Ascii), b"a\x80", None), ("a\u{fffd}".into(), 0, 1));
        let cyrillic = || SourceType::Text(Charset::SingleByte);
        assert_eq!(read(cyrillic(), "?Я?".as_bytes(), Some(b"?\xdf\x98")), ("?Я\u{fffd}".into(), 0, 1));
    }

    #[test]
    fn undecidable_text_is_refused() {
        let gbk = SourceType::Text(Charset::MultiByte);
        assert_eq!(run(gbk.clone(), TargetType::Text, b"a?", Some(b"a\xff\xff")), Err(Misfit::Undecidable));
        assert!(run(gbk, TargetType::Text, b"a?", Some(b"a?")).is_ok());
    }

    #[test]
    fn units_are_characters_or_replaced() {
        let read = |charset, bytes: &[u8]| {
            let (field, counts) = run(SourceType::Text(charset), TargetType::Text, bytes, None).unwrap();
            (String::from_utf8(field.unwrap()).unwrap(), counts.invalid_characters)
        };
        let pair = [0xd8, 0x3d, 0xde, 0x00];
        assert_eq!(read(Charset::Utf16, &pair), ("😀".into(), 0));
        assert_eq!(read(Charset::Utf16Le, &[0x3d, 0xd8, 0x00, 0xde]), ("😀".into(), 0));
        assert_eq!(read(Charset::Ucs2, &pair), ("\u{fffd}\u{fffd}".into(), 1));
        assert_eq!(
            read(Charset::Utf16, &[0x3f, 0x41, 0xdc, 0, 0, 0x3f, 0]),
            ("㽁\u{fffd}?\u{fffd}".into(), 1)
        );
        assert_eq!(read(Charset::Utf32, &[0, 1, 0xf6, 0, 0, 0x11, 0, 0]), ("😀\u{fffd}".into(), 1));
    }

    #[test]
    fn malformed_bytes_never_panic() {
        let sources = [
            (SourceType::BigInt { unsigned: true }, TargetType::Numeric { precision: 20, scale: 0 }),
            (SourceType::Date, TargetType::Date),
            (SourceType::Time, TargetType::Interval),
            (SourceType::Bit { width: 9 }, TargetType::VarBit { width: 9 }),
            (SourceType::Float, TargetType::Float4),
        ];
        for (source, target) in sources {
            for bytes in [&[][..], &[255], &[4, 1], &[0; 20]] {
                if let Ok((field, _)) = run(source.clone(), target, bytes, None) {
                    assert!(field.is_none_or(|f| f.len() <= 16));
                }
            }
        }
    }
}

//! A single value outside the bulk path: generated cells and key bounds.

use std::borrow::Cow;

use crate::calendar::{Date, DateTime};

/// One value. The bulk path never builds these; it goes from the driver's bytes to canonical bytes at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A signed integer, or a flag as 0 or 1.
    Int(i64),
    /// An unsigned integer above `i64::MAX`, or any value of an unsigned column.
    UInt(u64),
    /// A floating-point number; money in Open Dental is a double.
    Float(f64),
    /// An exact decimal number in plain notation, such as `-12.50`.
    Decimal(String),
    /// Text.
    Text(Cow<'static, str>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A day.
    Date(Date),
    /// A clock time on a day, without a zone.
    DateTime(DateTime),
    /// A duration or time of day, in microseconds; may be negative or longer than a day.
    Time(i64),
}

impl Value {
    /// A text value from a literal or an owned string.
    #[must_use]
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Int(i64::from(v))
    }
}

impl From<Date> for Value {
    fn from(v: Date) -> Self {
        Self::Date(v)
    }
}

impl From<DateTime> for Value {
    fn from(v: DateTime) -> Self {
        Self::DateTime(v)
    }
}

impl From<&'static str> for Value {
    fn from(v: &'static str) -> Self {
        Self::Text(Cow::Borrowed(v))
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Text(Cow::Owned(v))
    }
}

//! Column types of the target and the general rule from source types to them.

use std::fmt;

use crate::source_type::SourceType;

/// A column type of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `numeric(precision, scale)`
    Numeric {
        /// Digits in all.
        precision: u16,
        /// Digits after the point.
        scale: u16,
    },
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `date`
    Date,
    /// `timestamp without time zone`
    Timestamp,
    /// `interval`
    Interval,
    /// `time without time zone`
    Time,
    /// `text`
    Text,
    /// `bytea`
    Bytea,
    /// `json`, which keeps the bytes
    Json,
    /// `bit varying(width)`
    VarBit {
        /// Bits, 2 to 64.
        width: u8,
    },
}

impl fmt::Display for TargetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("boolean"),
            Self::Int2 => f.write_str("smallint"),
            Self::Int4 => f.write_str("integer"),
            Self::Int8 => f.write_str("bigint"),
            Self::Numeric { precision, scale } => write!(f, "numeric({precision},{scale})"),
            Self::Float4 => f.write_str("real"),
            Self::Float8 => f.write_str("double precision"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp without time zone"),
            Self::Interval => f.write_str("interval"),
            Self::Time => f.write_str("time without time zone"),
            Self::Text => f.write_str("text"),
            Self::Bytea => f.write_str("bytea"),
            Self::Json => f.write_str("json"),
            Self::VarBit { width } => write!(f, "bit varying({width})"),
        }
    }
}

impl TargetType {
    /// The type of the target for a type of the source: fixed, whatever the data. A `tinyint` is a `smallint` here;
    /// flags become `boolean` by the policy that knows which columns are flags.
    #[must_use]
    pub const fn of(source: &SourceType) -> Self {
        match source {
            SourceType::TinyInt { .. } | SourceType::SmallInt { unsigned: false } | SourceType::Year => {
                Self::Int2
            }
            SourceType::SmallInt { unsigned: true }
            | SourceType::MediumInt { .. }
            | SourceType::Int { unsigned: false } => Self::Int4,
            SourceType::Int { unsigned: true } | SourceType::BigInt { unsigned: false } => Self::Int8,
            SourceType::BigInt { unsigned: true } => Self::Numeric { precision: 20, scale: 0 },
            SourceType::Float => Self::Float4,
            SourceType::Double => Self::Float8,
            SourceType::Decimal { precision, scale } => {
                Self::Numeric { precision: *precision, scale: *scale }
            }
            SourceType::Date => Self::Date,
            SourceType::DateTime | SourceType::Timestamp => Self::Timestamp,
            SourceType::Time => Self::Interval,
            SourceType::Text(_) | SourceType::Choice(_) | SourceType::TextLike => Self::Text,
            SourceType::Json => Self::Json,
            SourceType::Binary | SourceType::Spatial => Self::Bytea,
            SourceType::Bit { width } if *width == 1 => Self::Bool,
            SourceType::Bit { width } => Self::VarBit { width: *width },
        }
    }

    /// Whether a value of the source type can become this type: the general rule, or one of the choices that a
    /// policy may make.
    #[must_use]
    pub fn takes(self, source: &SourceType) -> bool {
        self == Self::of(source)
            || matches!(
                (self, source),
                (Self::Bool, SourceType::TinyInt { .. })
                    | (Self::Time, SourceType::Time)
                    | (
                        Self::Int4 | Self::Int8,
                        SourceType::TinyInt { .. } | SourceType::SmallInt { .. } | SourceType::Year
                    )
                    | (Self::Int8, SourceType::MediumInt { .. } | SourceType::Int { .. })
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_goes_to_the_next_wider() {
        let of = |t: &str| TargetType::of(&SourceType::parse(t, "").unwrap()).to_string();
        assert_eq!(of("tinyint(3) unsigned"), "smallint");
        assert_eq!(of("smallint(5) unsigned"), "integer");
        assert_eq!(of("mediumint(8) unsigned"), "integer");
        assert_eq!(of("int(10) unsigned"), "bigint");
        assert_eq!(of("bigint(20) unsigned"), "numeric(20,0)");
        assert_eq!(of("bit(1)"), "boolean");
        assert_eq!(of("bit(9)"), "bit varying(9)");
        assert_eq!(of("time(6)"), "interval");
    }
}

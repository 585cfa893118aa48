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

    /// Reads a type as PostgreSQL or a person writes it, such as `integer` or `numeric(10, 2)`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (name, arguments) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, arguments)) => {
                let numbers: Result<Vec<u16>, _> =
                    arguments.split(',').map(|argument| argument.trim().parse()).collect();
                (name.trim().to_owned(), numbers.ok()?)
            }
            None => (text, Vec::new()),
        };
        let plain = match name.as_str() {
            "boolean" | "bool" => Self::Bool,
            "smallint" => Self::Int2,
            "integer" | "int" => Self::Int4,
            "bigint" => Self::Int8,
            "real" => Self::Float4,
            "double precision" => Self::Float8,
            "date" => Self::Date,
            "timestamp" | "timestamp without time zone" => Self::Timestamp,
            "interval" => Self::Interval,
            "time" | "time without time zone" => Self::Time,
            "text" => Self::Text,
            "bytea" => Self::Bytea,
            "json" => Self::Json,
            "numeric" => {
                return match *arguments.as_slice() {
                    [precision @ 1..=1000, scale] if scale <= precision => {
                        Some(Self::Numeric { precision, scale })
                    }
                    [precision @ 1..=1000] => Some(Self::Numeric { precision, scale: 0 }),
                    _ => None,
                };
            }
            "bit varying" => {
                return match *arguments.as_slice() {
                    [width @ 2..=64] => u8::try_from(width).ok().map(|width| Self::VarBit { width }),
                    _ => None,
                };
            }
            _ => return None,
        };
        arguments.is_empty().then_some(plain)
    }

    /// Whether a column that the target shows as `there` holds this type's values exactly: it is the type itself, or a
    /// text or number whose limits are the server's affair, as other tools make them.
    #[must_use]
    pub fn is_held_by(self, there: &str) -> bool {
        there == self.to_string()
            || match self {
                Self::Text => there == "character varying" || there.starts_with("character varying("),
                Self::Numeric { .. } => there == "numeric",
                _ => false,
            }
    }

    /// Whether every value of the other type is a value of this one, so that a column can be widened where it stands.
    #[must_use]
    pub fn widens(self, from: Self) -> bool {
        match (from, self) {
            (Self::Int2, Self::Int4 | Self::Int8)
            | (Self::Int4, Self::Int8)
            | (Self::Float4, Self::Float8)
            | (Self::Date, Self::Timestamp) => true,
            (Self::Int2 | Self::Int4 | Self::Int8, Self::Numeric { precision, scale: 0 }) => precision >= 19,
            (Self::Numeric { precision: p, scale: s }, Self::Numeric { precision, scale }) => {
                scale >= s && precision.saturating_sub(scale) >= p.saturating_sub(s)
            }
            (Self::VarBit { width: narrow }, Self::VarBit { width }) => width >= narrow,
            _ => false,
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
    fn wider_types_hold_every_value() {
        let numeric = |precision, scale| TargetType::Numeric { precision, scale };
        for (from, to, wider) in [
            (TargetType::Int2, TargetType::Int8, true),
            (TargetType::Int8, TargetType::Int4, false),
            (TargetType::Int8, numeric(20, 0), true),
            (TargetType::Int8, numeric(20, 2), false),
            (numeric(10, 2), numeric(12, 4), true),
            (numeric(10, 2), numeric(10, 4), false),
            (TargetType::Int4, TargetType::Text, false),
            (TargetType::Bool, TargetType::Int2, false),
        ] {
            assert_eq!(to.widens(from), wider, "{from} to {to}");
        }
        assert!(
            TargetType::Text.is_held_by("character varying(255)") && numeric(10, 2).is_held_by("numeric")
        );
        assert!(!TargetType::Text.is_held_by("character(3)") && !TargetType::Int4.is_held_by("bigint"));
    }

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

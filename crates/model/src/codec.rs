//! Between single values and the fields of canonical rows, for generated rows and key bounds.

use std::fmt::Write as _;

use crate::calendar::{DAY_MICROS, Date, DateTime};
use crate::row::Batch;
use crate::target_type::TargetType;
use crate::value::Value;

/// A value that does not fit its column. The value itself is never in the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value does not fit the type {0}")]
pub struct Unfit(pub TargetType);

/// Writes a value as a field of the row that was begun in `batch`.
pub fn encode(batch: &mut Batch, target: TargetType, value: &Value) -> Result<(), Unfit> {
    let unfit = Unfit(target);
    match (target, value) {
        (_, Value::Null) => batch.null(),
        (TargetType::Bool, Value::Int(v)) => match v {
            0 => batch.bool(false),
            1 => batch.bool(true),
            _ => return Err(unfit),
        },
        (TargetType::Int2, Value::Int(v)) => batch.int2(i16::try_from(*v).map_err(|_| unfit)?),
        (TargetType::Int4, Value::Int(v)) => batch.int4(i32::try_from(*v).map_err(|_| unfit)?),
        (TargetType::Int8, Value::Int(v)) => batch.int8(*v),
        (TargetType::Numeric { scale, .. }, Value::Int(v)) => {
            whole(batch.numeric(v.to_string().as_bytes(), scale), unfit)?;
        }
        (TargetType::Numeric { scale, .. }, Value::UInt(v)) => {
            whole(batch.numeric(v.to_string().as_bytes(), scale), unfit)?;
        }
        (TargetType::Numeric { scale, .. }, Value::Decimal(v)) => {
            whole(batch.numeric(v.as_bytes(), scale), unfit)?;
        }
        (TargetType::Float8, Value::Float(v)) => batch.float8(*v),
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            reason = "`real` has this precision"
        )]
        (TargetType::Float4, Value::Float(v)) => batch.float4(*v as f32),
        (TargetType::Date, Value::Date(v)) => batch.date(*v),
        (TargetType::Timestamp, Value::DateTime(v)) => batch.timestamp(*v),
        (TargetType::Interval, Value::Time(v)) => batch.interval(*v),
        (TargetType::Time, Value::Time(v)) if (0..=DAY_MICROS).contains(v) => batch.time(*v),
        (TargetType::Text | TargetType::Json, Value::Text(v)) if !v.contains('\0') => {
            whole(batch.raw(v.as_bytes()), unfit)?;
        }
        (TargetType::Bytea, Value::Bytes(v)) => whole(batch.raw(v), unfit)?,
        (TargetType::VarBit { width }, Value::UInt(v)) => batch.varbit(*v, width),
        _ => return Err(unfit),
    }
    Ok(())
}

fn whole(written: bool, unfit: Unfit) -> Result<(), Unfit> {
    if written { Ok(()) } else { Err(unfit) }
}

/// Reads a field of a canonical row, `None` if its bytes are not of that type.
#[must_use]
pub fn decode(target: TargetType, field: &[u8]) -> Option<Value> {
    Some(match target {
        TargetType::Bool => Value::Int(i64::from(*field.first()?)),
        TargetType::Int2 => Value::Int(i64::from(i16::from_be_bytes(field.try_into().ok()?))),
        TargetType::Int4 => Value::Int(i64::from(i32::from_be_bytes(field.try_into().ok()?))),
        TargetType::Int8 => Value::Int(i64::from_be_bytes(field.try_into().ok()?)),
        TargetType::Numeric { .. } => Value::Decimal(decimal(field)?),
        TargetType::Float4 => Value::Float(f64::from(f32::from_be_bytes(field.try_into().ok()?))),
        TargetType::Float8 => Value::Float(f64::from_be_bytes(field.try_into().ok()?)),
        TargetType::Date => Value::Date(Date::from_days(i32::from_be_bytes(field.try_into().ok()?))),
        TargetType::Timestamp => {
            Value::DateTime(DateTime::from_micros(i64::from_be_bytes(field.try_into().ok()?)))
        }
        TargetType::Time => Value::Time(i64::from_be_bytes(field.try_into().ok()?)),
        TargetType::Interval => Value::Time(i64::from_be_bytes(field.get(..8)?.try_into().ok()?)),
        TargetType::Text | TargetType::Json => Value::text(String::from_utf8(field.to_vec()).ok()?),
        TargetType::Bytea => Value::Bytes(field.to_vec()),
        TargetType::VarBit { width } => {
            let mut bytes = [0_u8; 8];
            let bits = field.get(4..)?;
            bytes.get_mut(..bits.len())?.copy_from_slice(bits);
            Value::UInt(u64::from_be_bytes(bytes) >> (64 - u32::from(width.clamp(1, 64))))
        }
    })
}

/// The plain notation of a `numeric` field.
fn decimal(field: &[u8]) -> Option<String> {
    let word = |i: usize| Some(u16::from_be_bytes([*field.get(2 * i)?, *field.get(2 * i + 1)?]));
    let (groups, sign, scale) = (word(0)?, word(2)?, usize::from(word(3)?));
    let weight = i16::from_be_bytes(word(1)?.to_be_bytes());
    let group = |weight_of: i16| -> Option<u16> {
        match usize::try_from(weight - weight_of) {
            Ok(i) if i < usize::from(groups) => word(4 + i),
            _ => Some(0),
        }
    };
    let mut text = String::new();
    if sign == 0x4000 {
        text.push('-');
    }
    let mut whole = String::new();
    for w in (0..=weight.max(0)).rev() {
        write!(whole, "{:04}", group(w)?).ok()?;
    }
    let trimmed = whole.trim_start_matches('0');
    text.push_str(if trimmed.is_empty() { "0" } else { trimmed });
    if scale > 0 {
        let mut fraction = String::new();
        let mut w = -1;
        while fraction.len() < scale {
            write!(fraction, "{:04}", group(w)?).ok()?;
            w -= 1;
        }
        fraction.truncate(scale);
        text.push('.');
        text.push_str(&fraction);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::fields;
    use proptest::prelude::*;

    fn round(target: TargetType, value: &Value) -> Option<Value> {
        let mut batch = Batch::new();
        batch.begin_row(1);
        encode(&mut batch, target, value).ok()?;
        assert!(batch.end_row());
        assert_eq!(crate::row::row_length(batch.bytes()), Some(batch.bytes().len()));
        match fields(batch.bytes()).next().unwrap() {
            None => Some(Value::Null),
            Some(field) => decode(target, field),
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(round(TargetType::Bool, &Value::Int(2)), None);
        assert_eq!(round(TargetType::Int2, &Value::Int(40_000)), None);
        assert_eq!(round(TargetType::Text, &Value::text("a\0b")), None);
        assert_eq!(round(TargetType::Time, &Value::Time(-1)), None);
        assert_eq!(round(TargetType::Int4, &Value::text("1")), None);
    }

    proptest! {
        #[test]
        fn integers(v: i64) {
            prop_assert_eq!(round(TargetType::Int8, &Value::Int(v)), Some(Value::Int(v)));
        }

        #[test]
        fn decimals(negative: bool, whole in "[1-9][0-9]{0,34}|0", fraction in "[0-9]{30}") {
            let zero = whole == "0" && fraction.bytes().all(|b| b == b'0');
            let text = format!("{}{whole}.{fraction}", if negative && !zero { "-" } else { "" });
            let target = TargetType::Numeric { precision: 65, scale: 30 };
            prop_assert_eq!(round(target, &Value::Decimal(text.clone())), Some(Value::Decimal(text)));
        }

        #[test]
        fn bits(v: u64, width in 2_u8..=64) {
            let v = v >> (64 - u32::from(width));
            prop_assert_eq!(round(TargetType::VarBit { width }, &Value::UInt(v)), Some(Value::UInt(v)));
        }

        #[test]
        fn texts(v in "[^\0]*") {
            prop_assert_eq!(round(TargetType::Text, &Value::text(v.clone())), Some(Value::text(v)));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            for target in [
                TargetType::Bool, TargetType::Int8, TargetType::Numeric { precision: 5, scale: 2 },
                TargetType::Interval, TargetType::Text, TargetType::VarBit { width: 9 },
            ] {
                let _ = decode(target, &bytes);
            }
            let _ = Batch::from_bytes(bytes.clone());
            prop_assert!(fields(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}

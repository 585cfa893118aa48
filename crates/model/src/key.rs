//! Key bounds: the canonical row of a row's key fields, which says where a chunk ends and where the next begins.

use crate::codec;
use crate::column::Column;
use crate::row::{Batch, fields};
use crate::value::Value;

/// The key of one row, as the canonical row of its key fields. It is data of a patient's row: never print it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyBound(Vec<u8>);

impl std::fmt::Debug for KeyBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyBound(..)")
    }
}

impl KeyBound {
    /// Takes the fields at `positions` out of a canonical row. `None` if one is missing or NULL.
    #[must_use]
    pub fn of_row(row: &[u8], positions: &[usize]) -> Option<Self> {
        let mut batch = Batch::new();
        batch.begin_row(u16::try_from(positions.len()).ok()?);
        for &position in positions {
            let field = fields(row).nth(position)??;
            if !batch.raw(field) {
                return None;
            }
        }
        batch.end_row().then(|| Self(batch.into_bytes()))
    }

    /// Reads back what [`KeyBound::as_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (crate::row::row_length(&bytes) == Some(bytes.len())).then_some(Self(bytes))
    }

    /// The bytes, for storing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key fields.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        fields(&self.0).flatten()
    }

    /// The key as values, given its columns in key order. `None` if it does not fit them.
    #[must_use]
    pub fn values<'a>(&self, columns: impl Iterator<Item = &'a Column>) -> Option<Vec<Value>> {
        let mut at = self.fields();
        let values = columns.map(|c| codec::decode(c.target, at.next()?)).collect::<Option<Vec<_>>>()?;
        at.next().is_none().then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ident::ColumnName;
    use crate::source_type::SourceType;
    use crate::target_type::TargetType;

    #[test]
    fn a_bound_is_the_key_of_its_row() {
        let mut batch = Batch::new();
        batch.begin_row(3);
        batch.int8(-5);
        batch.null();
        batch.int2(7);
        assert!(batch.end_row());
        let column = |target| Column {
            name: ColumnName::new("k").unwrap(),
            source: SourceType::Double,
            target,
            nullable: false,
            withheld: false,
        };
        let bound = KeyBound::of_row(batch.bytes(), &[2, 0]).unwrap();
        let again = KeyBound::from_bytes(bound.as_bytes().to_vec()).unwrap();
        let columns = [column(TargetType::Int2), column(TargetType::Int8)];
        assert_eq!(again.values(columns.iter()), Some(vec![Value::Int(7), Value::Int(-5)]));
        assert_eq!(again.values(columns[..1].iter()), None);
        assert_eq!(KeyBound::of_row(batch.bytes(), &[1]), None, "a key is never NULL");
        assert!(!format!("{bound:?}").contains('7'));
    }
}

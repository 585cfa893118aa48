//! CSV as RFC 4180 has it: commas, CRLF, quotes doubled inside quotes, a line of names first.
//!
//! Texts stand in quotes, always, and nothing else does: a field of no bytes at all is NULL and `""` is the empty text,
//! as PostgreSQL's `COPY ... (FORMAT csv, HEADER)` reads it. Flags are `true` and `false`, times have no zone, durations
//! are `-HH:MM:SS` with as many hours as they have, bytes are `\x` and hexadecimal digits.

use std::io::{self, Write};

use bicuspid_model::row::fields;
use bicuspid_model::{Batch, Table, TargetType, Value, codec};

/// Writes the line of names.
pub(crate) fn head(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for (i, column) in table.columns.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        text(column.name.as_str().as_bytes(), out)?;
    }
    out.write_all(b"\r\n")
}

/// Writes canonical rows of the table.
pub(crate) fn rows(table: &Table, batch: &Batch, out: &mut impl Write) -> io::Result<()> {
    for row in batch.rows() {
        for (i, (column, field)) in table.columns.iter().zip(fields(row)).enumerate() {
            if i > 0 {
                out.write_all(b",")?;
            }
            if let Some(field) = field {
                cell(column.target, field, out)?;
            }
        }
        out.write_all(b"\r\n")?;
    }
    Ok(())
}

fn cell(target: TargetType, field: &[u8], out: &mut impl Write) -> io::Result<()> {
    if matches!(target, TargetType::Text | TargetType::Json) {
        return text(field, out);
    }
    let value = codec::decode(target, field).ok_or(io::ErrorKind::InvalidData)?;
    match (target, value) {
        (TargetType::Bool, Value::Int(v)) => out.write_all(if v == 0 { b"false" } else { b"true" }),
        (TargetType::VarBit { width }, Value::UInt(v)) => {
            write!(out, "{v:0width$b}", width = usize::from(width))
        }
        (_, Value::Int(v)) => write!(out, "{v}"),
        (_, Value::Float(v)) => write!(out, "{v}"),
        (_, Value::Decimal(v)) => out.write_all(v.as_bytes()),
        (_, Value::Date(v)) => write!(out, "{v}"),
        (_, Value::DateTime(v)) => write!(out, "{v}"),
        (_, Value::Time(v)) => duration(v, out),
        (_, Value::Bytes(v)) => {
            out.write_all(b"\\x")?;
            v.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn text(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for (i, part) in bytes.split(|byte| *byte == b'"').enumerate() {
        if i > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part)?;
    }
    out.write_all(b"\"")
}

fn duration(micros: i64, out: &mut impl Write) -> io::Result<()> {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let seconds = micros / 1_000_000;
    write!(out, "{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    match micros % 1_000_000 {
        0 => Ok(()),
        fraction => write!(out, ".{fraction:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::{Column, ColumnName, Date, DateTime, SourceType, TableName};

    const TYPES: [TargetType; 10] = [
        TargetType::Text,
        TargetType::Bool,
        TargetType::Int8,
        TargetType::Float8,
        TargetType::Numeric { precision: 9, scale: 2 },
        TargetType::Date,
        TargetType::Timestamp,
        TargetType::Interval,
        TargetType::Bytea,
        TargetType::VarBit { width: 4 },
    ];

    fn table() -> Table {
        let column = |(i, target): (usize, &TargetType)| Column {
            name: ColumnName::new(format!("c{i}")).unwrap(),
            source: SourceType::Date,
            target: *target,
            nullable: true,
            withheld: false,
        };
        let columns = TYPES.iter().enumerate().map(column).collect();
        Table { name: TableName::new("t").unwrap(), columns, primary_key: vec![] }
    }

    #[test]
    fn null_is_nothing_and_the_empty_text_is_two_quotes() {
        let table = table();
        let mut batch = Batch::new();
        let moment = DateTime::from_micros(90_061_000_007);
        let rows_in: [Vec<Value>; 2] = [
            vec![Value::Null; TYPES.len()],
            vec![
                Value::text("a \"b\",\r\nc"),
                Value::Int(1),
                Value::Int(-5),
                Value::Float(0.1),
                Value::Decimal("-0.50".into()),
                Value::Date(Date::from_ymd(1, 1, 1).unwrap()),
                Value::DateTime(moment),
                Value::Time(-3_723_000_000),
                Value::Bytes(vec![0, 255]),
                Value::UInt(5),
            ],
        ];
        for row in &rows_in {
            batch.begin_row(10);
            for (target, value) in TYPES.iter().zip(row) {
                codec::encode(&mut batch, *target, value).unwrap();
            }
            assert!(batch.end_row());
        }
        batch.begin_row(10);
        assert!(batch.raw(b""));
        for _ in 1..10 {
            batch.null();
        }
        assert!(batch.end_row());
        let mut out = Vec::new();
        head(&table, &mut out).unwrap();
        rows(&table, &batch, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"c0\",\"c1\",\"c2\",\"c3\",\"c4\",\"c5\",\"c6\",\"c7\",\"c8\",\"c9\"\r\n,,,,,,,,,\r\n\
             \"a \"\"b\"\",\r\nc\",true,-5,0.1,-0.50,0001-01-01,2000-01-02 01:01:01.000007,-01:02:03,\\x00ff,0101\r\n\
             \"\",,,,,,,,,\r\n"
        );
    }
}

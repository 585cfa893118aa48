//! Parquet with the types of `raw`: decimals are decimals, times have no zone.
//!
//! A duration is a signed number of microseconds: Parquet's own interval cannot be negative, and its time of day ends
//! at midnight. A time of day is one too, from midnight: Spark cannot open a file in which Parquet's own type stands unless
//! it is told to (4.3, `UNSUPPORTED_TIME_TYPE`). A JSON or bit text is a text.

use std::io::Write;
use std::sync::Arc;

use bicuspid_model::row::fields;
use bicuspid_model::{Batch, Table, TargetType, Value, codec};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

/// Bytes of canonical rows that make a row group: large enough to compress well, small enough to hold one for each
/// table.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Days from 1970, where Parquet begins to count, to 2000, where the rows do.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Bytes of a decimal that does not fit 64 bits: enough for 38 digits.
const DECIMAL_BYTES: usize = 16;

/// A table's file. Rows wait until there are enough for a row group.
pub(crate) struct ParquetFile<W: Write + Send> {
    table: Table,
    writer: SerializedFileWriter<W>,
    waiting: Batch,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(crate) fn begin(table: &Table, out: W) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by("Bicuspid".to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, schema(table)?, Arc::new(properties))?;
        Ok(Self { table: table.clone(), writer, waiting: Batch::new() })
    }

    pub(crate) fn rows(&mut self, batch: &Batch) -> Result<()> {
        if !self.waiting.append(batch) {
            return Err(ParquetError::General("a batch too large".to_owned()));
        }
        if self.waiting.bytes().len() >= GROUP_BYTES { self.write_group() } else { Ok(()) }
    }

    /// Bytes of rows that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.bytes().len()
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.write_group() }
    }

    /// Writes what waits and the end of the file; gives back what it was written to.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.flush()?;
        self.writer.into_inner()
    }

    fn write_group(&mut self) -> Result<()> {
        let rows: Vec<Vec<Option<&[u8]>>> = self.waiting.rows().map(|row| fields(row).collect()).collect();
        let mut group = self.writer.next_row_group()?;
        for (position, column) in self.table.columns.iter().enumerate() {
            let mut writer =
                group.next_column()?.ok_or_else(|| ParquetError::General("a column too few".to_owned()))?;
            let cells = rows.iter().map(|row| row.get(position).copied().flatten());
            let optional = is_optional(&self.table, position);
            write_column(writer.untyped(), column.target, optional, cells)?;
            writer.close()?;
        }
        group.close()?;
        drop(rows);
        self.waiting.clear();
        Ok(())
    }
}

fn is_optional(table: &Table, position: usize) -> bool {
    table.columns.get(position).is_none_or(|c| c.nullable) && !table.primary_key.contains(&position)
}

fn schema(table: &Table) -> Result<TypePtr> {
    let mut columns = Vec::with_capacity(table.columns.len());
    for (position, column) in table.columns.iter().enumerate() {
        let (physical, logical) = types(column.target);
        let repetition =
            if is_optional(table, position) { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let mut builder = Type::primitive_type_builder(column.name.as_str(), physical)
            .with_repetition(repetition)
            .with_logical_type(logical);
        if let TargetType::Numeric { precision, scale } = column.target {
            builder = builder.with_precision(i32::from(precision)).with_scale(i32::from(scale));
        }
        if physical == Physical::FIXED_LEN_BYTE_ARRAY {
            builder = builder.with_length(i32::try_from(DECIMAL_BYTES).unwrap_or_default());
        }
        columns.push(Arc::new(builder.build()?));
    }
    Ok(Arc::new(Type::group_type_builder(table.name.as_str()).with_fields(columns).build()?))
}

fn types(target: TargetType) -> (Physical, Option<LogicalType>) {
    match target {
        TargetType::Bool => (Physical::BOOLEAN, None),
        TargetType::Int2 => (Physical::INT32, Some(LogicalType::integer(16, true))),
        TargetType::Int4 => (Physical::INT32, Some(LogicalType::integer(32, true))),
        TargetType::Int8 | TargetType::Interval | TargetType::Time => {
            (Physical::INT64, Some(LogicalType::integer(64, true)))
        }
        TargetType::Numeric { precision, scale } => {
            let physical = match precision {
                ..=9 => Physical::INT32,
                10..=18 => Physical::INT64,
                _ => Physical::FIXED_LEN_BYTE_ARRAY,
            };
            (physical, Some(LogicalType::decimal(i32::from(scale), i32::from(precision))))
        }
        TargetType::Float4 => (Physical::FLOAT, None),
        TargetType::Float8 => (Physical::DOUBLE, None),
        TargetType::Date => (Physical::INT32, Some(LogicalType::Date)),
        TargetType::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(false, TimeUnit::MICROS))),
        TargetType::Text | TargetType::VarBit { .. } => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        TargetType::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        TargetType::Bytea => (Physical::BYTE_ARRAY, None),
    }
}

/// Writes one column of a row group.
fn write_column<'a>(
    writer: &mut ColumnWriter<'_>,
    target: TargetType,
    optional: bool,
    cells: impl Iterator<Item = Option<&'a [u8]>>,
) -> Result<()> {
    let mut levels: Vec<i16> = Vec::new();
    let mut present: Vec<&[u8]> = Vec::new();
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        present.extend(cell);
    }
    if !optional && present.len() != levels.len() {
        return Err(unfit());
    }
    let levels = optional.then_some(levels.as_slice());
    let whole = |field: &&[u8]| whole_number(target, field).ok_or_else(unfit);
    let each = |field: &&[u8]| codec::decode(target, field).ok_or_else(unfit);
    match writer {
        ColumnWriter::BoolColumnWriter(writer) => {
            let values = collect(&present, |f| whole(f).map(|v| v != 0))?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::Int32ColumnWriter(writer) => {
            let values = collect(&present, |f| i32::try_from(whole(f)?).map_err(|_| unfit()))?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            let values = collect(&present, |f| i64::try_from(whole(f)?).map_err(|_| unfit()))?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::FloatColumnWriter(writer) => {
            let values =
                collect(&present, |f| Ok(f32::from_be_bytes((*f).try_into().map_err(|_| unfit())?)))?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            let values =
                collect(&present, |f| Ok(f64::from_be_bytes((*f).try_into().map_err(|_| unfit())?)))?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            let values =
                collect(&present, |f| Ok(FixedLenByteArray::from(whole(f)?.to_be_bytes().to_vec())))?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let values = collect(&present, |f| match target {
                TargetType::VarBit { width } => match each(f)? {
                    Value::UInt(v) => {
                        Ok(format!("{v:0width$b}", width = usize::from(width)).into_bytes().into())
                    }
                    _ => Err(unfit()),
                },
                _ => Ok(ByteArray::from(f.to_vec())),
            })?;
            writer.write_batch(&values, levels, None)?;
        }
        ColumnWriter::Int96ColumnWriter(_) => return Err(unfit()),
    }
    Ok(())
}

fn collect<T>(fields: &[&[u8]], read: impl FnMut(&&[u8]) -> Result<T>) -> Result<Vec<T>> {
    fields.iter().map(read).collect()
}

/// The number that stands in the file for a value of a type that Parquet keeps as a whole number.
fn whole_number(target: TargetType, field: &[u8]) -> Option<i128> {
    Some(match codec::decode(target, field)? {
        Value::Int(v) | Value::Time(v) => i128::from(v),
        Value::Date(v) => i128::from(v.days()) + i128::from(EPOCH_DAYS),
        Value::DateTime(v) => i128::from(v.micros()) + i128::from(EPOCH_MICROS),
        Value::Decimal(v) => v.replace('.', "").parse().ok()?,
        _ => return None,
    })
}

fn unfit() -> ParquetError {
    ParquetError::General("a value that its column cannot hold".to_owned())
}

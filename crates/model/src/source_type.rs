//! Column types of MySQL and MariaDB, as `information_schema.columns` tells them.

/// How the bytes of a text column become UTF-8. The session asks for results in the column's own character set, so
/// that nothing is lost on the way; see each variant for who turns them into UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// `utf8mb3` and `utf8mb4`: the bytes are UTF-8 already, and checked.
    Utf8,
    /// `latin1`, which is Windows-1252 with its five unused codes kept as control characters: turned by us.
    Latin1,
    /// `ascii`: bytes above 127 are invalid.
    Ascii,
    /// A single-byte character set with undefined codes, which the server turns into `?`: the server's text is read
    /// beside the stored bytes, which tell an undefined code from a real question mark.
    SingleByte,
    /// A multi-byte character set other than Unicode's: likewise read beside the stored bytes.
    MultiByte,
    /// `ucs2`: big-endian units of two bytes, in which halves of pairs are invalid: turned by us.
    Ucs2,
    /// `utf16`: the same with pairs.
    Utf16,
    /// `utf16le`: the same in the other order of bytes.
    Utf16Le,
    /// `utf32`: big-endian units of four bytes.
    Utf32,
}

impl Charset {
    /// Classifies a character set by the name that the server gives it; "" is what columns without one have.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf8mb3" | "utf8mb4" | "" => Self::Utf8,
            "latin1" => Self::Latin1,
            "ascii" => Self::Ascii,
            "ucs2" => Self::Ucs2,
            "utf16" => Self::Utf16,
            "utf16le" => Self::Utf16Le,
            "utf32" => Self::Utf32,
            "big5" | "cp932" | "eucjpms" | "euckr" | "gb18030" | "gb2312" | "gbk" | "sjis" | "ujis" => {
                Self::MultiByte
            }
            _ => Self::SingleByte,
        }
    }

    /// Whether the server has to turn the text into UTF-8, so that both its text and the stored bytes are read.
    #[must_use]
    pub const fn needs_server(self) -> bool {
        matches!(self, Self::SingleByte | Self::MultiByte)
    }
}

/// A column type of the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourceType {
    /// `tinyint`; the display width says nothing.
    TinyInt {
        /// Whether it is unsigned.
        unsigned: bool,
    },
    /// `smallint`.
    SmallInt {
        /// Whether it is unsigned.
        unsigned: bool,
    },
    /// `mediumint`.
    MediumInt {
        /// Whether it is unsigned.
        unsigned: bool,
    },
    /// `int`.
    Int {
        /// Whether it is unsigned.
        unsigned: bool,
    },
    /// `bigint`.
    BigInt {
        /// Whether it is unsigned.
        unsigned: bool,
    },
    /// `year`.
    Year,
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `decimal(precision, scale)`.
    Decimal {
        /// Digits in all, 1 to 65.
        precision: u16,
        /// Digits after the point, 0 to 38.
        scale: u16,
    },
    /// `date`.
    Date,
    /// `datetime`.
    DateTime,
    /// `timestamp`.
    Timestamp,
    /// `time`, from -838:59:59 to 838:59:59.
    Time,
    /// `char`, `varchar` and the text family.
    Text(Charset),
    /// `enum` or `set`: text to every reader, numbers in comparisons.
    Choice(Charset),
    /// `json` of MySQL (MariaDB's is `longtext`).
    Json,
    /// `binary`, `varbinary` and the blob family.
    Binary,
    /// `bit(width)`.
    Bit {
        /// Bits, 1 to 64.
        width: u8,
    },
    /// `geometry` and its kin: four bytes of reference system, then well-known binary.
    Spatial,
    /// MariaDB's `uuid`, `inet4` and `inet6`, which travel as text.
    TextLike,
}

impl SourceType {
    /// Reads a type from `COLUMN_TYPE` (such as `bigint(20) unsigned`) and the column's character set ("" if none).
    /// `None` means a type unknown to Bicuspid; its table is held.
    #[must_use]
    pub fn parse(column_type: &str, charset: &str) -> Option<Self> {
        let lower = column_type.trim().to_ascii_lowercase();
        let end = lower.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(lower.len());
        let (base, rest) = lower.split_at(end);
        let unsigned = rest.contains("unsigned") || rest.contains("zerofill");
        let numbers = || -> Vec<u16> {
            let inside = rest.trim_start().strip_prefix('(').and_then(|r| r.split(')').next()).unwrap_or("");
            inside.split(',').filter_map(|n| n.trim().parse().ok()).collect()
        };
        Some(match base {
            "tinyint" | "boolean" | "bool" => Self::TinyInt { unsigned },
            "smallint" => Self::SmallInt { unsigned },
            "mediumint" => Self::MediumInt { unsigned },
            "int" | "integer" => Self::Int { unsigned },
            "bigint" => Self::BigInt { unsigned },
            "year" => Self::Year,
            "float" => Self::Float,
            "double" | "real" => Self::Double,
            "decimal" | "numeric" | "dec" | "fixed" => {
                let numbers = numbers();
                Self::Decimal {
                    precision: numbers.first().copied().unwrap_or(10),
                    scale: numbers.get(1).copied().unwrap_or(0),
                }
            }
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "timestamp" => Self::Timestamp,
            "time" => Self::Time,
            "char" | "varchar" | "nchar" | "nvarchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                Self::Text(Charset::named(charset))
            }
            "enum" | "set" => Self::Choice(Charset::named(charset)),
            "json" => Self::Json,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Binary,
            "bit" => Self::Bit { width: numbers().first().and_then(|n| u8::try_from(*n).ok()).unwrap_or(1) },
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => Self::Spatial,
            "uuid" | "inet4" | "inet6" => Self::TextLike,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_servers() {
        let parse = |t: &str| SourceType::parse(t, "utf8mb3");
        assert_eq!(parse("bigint(20) unsigned"), Some(SourceType::BigInt { unsigned: true }));
        assert_eq!(parse("bigint"), Some(SourceType::BigInt { unsigned: false }));
        assert_eq!(parse("int(5) unsigned zerofill"), Some(SourceType::Int { unsigned: true }));
        assert_eq!(parse("decimal(65,30)"), Some(SourceType::Decimal { precision: 65, scale: 30 }));
        assert_eq!(parse("decimal(8)"), Some(SourceType::Decimal { precision: 8, scale: 0 }));
        assert_eq!(parse("datetime(6)"), Some(SourceType::DateTime));
        assert_eq!(parse("bit(64)"), Some(SourceType::Bit { width: 64 }));
        assert_eq!(parse("enum('a','b(unsigned)')"), Some(SourceType::Choice(Charset::Utf8)));
        assert_eq!(SourceType::parse("varchar(10)", "cp1251"), Some(SourceType::Text(Charset::SingleByte)));
        assert_eq!(SourceType::parse("text", "gbk"), Some(SourceType::Text(Charset::MultiByte)));
        assert_eq!(SourceType::parse("text", "utf16le"), Some(SourceType::Text(Charset::Utf16Le)));
        assert_eq!(parse("vector(3)"), None);
    }
}

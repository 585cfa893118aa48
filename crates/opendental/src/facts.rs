//! The facts themselves, read once from the data files of this crate.
//!
//! The data files hold names, types, numbers and relations, no prose and no rows of anybody. They were put together from
//! public sources: Open Dental's published schema documentation of versions 24.3 and 25, its open-source table classes
//! and upgrade scripts up to 24.3.10 (which give defaults, nullability and indexes exactly), and the column list that the
//! public dbt project over Open Dental reads (which gives the marks `B` and `T`).

use std::collections::HashMap;
use std::sync::OnceLock;

use bicuspid_model::SourceType;

const SCHEMA: &str = include_str!("../data/schema.tsv");
const ENUMERATIONS: &str = include_str!("../data/enums.tsv");

/// What is known about Open Dental's database.
#[derive(Debug, Default)]
pub struct Facts {
    tables: Vec<TableFacts>,
    table_by_name: HashMap<String, usize>,
    enumerations: HashMap<&'static str, Enumeration>,
}

/// A table of Open Dental, or a leftover that clinics were seen to keep beside them.
#[derive(Debug)]
pub struct TableFacts {
    /// Name, in lower case as Open Dental creates it.
    pub name: &'static str,
    /// Whether Open Dental itself makes the table; `false` for leftovers of a clinic.
    pub stock: bool,
    /// Whether the dbt project over Open Dental reads the table.
    pub dbt: bool,
    /// Columns in the order of the server.
    pub columns: Vec<ColumnFacts>,
    /// Indexes besides the primary key.
    pub indexes: Vec<IndexFacts>,
}

/// A column of a table.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent mark of the data file")]
pub struct ColumnFacts {
    /// Name, in its exact case.
    pub name: &'static str,
    /// Type in the spelling of MariaDB's `COLUMN_TYPE`, such as `tinyint(3) unsigned`.
    pub column_type: &'static str,
    /// The same type as Bicuspid reads it.
    pub source: SourceType,
    /// Whether the server allows NULL.
    pub nullable: bool,
    /// Default of the server; `None` for none, which is NULL where the column is nullable.
    pub default: Option<DefaultValue>,
    /// Whether it is the primary key; no table of Open Dental has a key of two columns.
    pub primary_key: bool,
    /// Whether the server numbers it.
    pub auto_increment: bool,
    /// Whether the server stamps it at every change of the row.
    pub on_update: bool,
    /// Collation where it differs from the table's `utf8mb3_general_ci`.
    pub collation: Option<&'static str>,
    /// Whether Open Dental keeps a yes or no in it, as 1 or 0.
    pub flag: bool,
    /// The column it points to; the server knows nothing of it, and 0 means none.
    pub references: Option<Reference>,
    /// Name of the enumeration that it stores a member of.
    pub enumeration: Option<&'static str>,
    /// Member of `DefCat` that says which list of definitions it points into.
    pub definition_category: Option<&'static str>,
    /// Whether the dbt project over Open Dental expects a boolean.
    pub dbt_boolean: bool,
    /// Whether the dbt project over Open Dental expects a time of day.
    pub dbt_time: bool,
}

/// Default value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// A literal, without quotes.
    Literal(&'static str),
    /// The time of the statement.
    Now,
}

/// Column that a key points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Table.
    pub table: &'static str,
    /// Column of that table.
    pub column: &'static str,
}

/// An index of a table.
#[derive(Debug)]
pub struct IndexFacts {
    /// Name.
    pub name: &'static str,
    /// Whether values are unique.
    pub unique: bool,
    /// Columns in order.
    pub parts: Vec<IndexPart>,
}

/// One column of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexPart {
    /// Name of the column.
    pub column: &'static str,
    /// Characters of the value that are indexed, `None` for all.
    pub prefix_chars: Option<u16>,
}

/// An enumeration: stored values with the names of their members.
#[derive(Debug, Default)]
pub struct Enumeration {
    members: Vec<(&'static str, &'static str)>,
}

impl Enumeration {
    /// Stored value and name of each member, in the order of the data file.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.members.iter().copied()
    }

    /// Name of the member with this stored value.
    #[must_use]
    pub fn member(&self, stored: &str) -> Option<&'static str> {
        self.members.iter().find(|(value, _)| *value == stored).map(|(_, name)| *name)
    }

    /// Stored value of the member with this name.
    #[must_use]
    pub fn stored(&self, member: &str) -> Option<&'static str> {
        self.members.iter().find(|(_, name)| *name == member).map(|(value, _)| *value)
    }
}

impl Facts {
    /// Every table, in the order of their names.
    #[must_use]
    pub fn tables(&self) -> &[TableFacts] {
        &self.tables
    }

    /// The table of that name, in any case.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableFacts> {
        let position = match self.table_by_name.get(name) {
            Some(position) => position,
            None => self.table_by_name.get(&name.to_ascii_lowercase())?,
        };
        self.tables.get(*position)
    }

    /// The enumeration of that name, as Open Dental calls its type.
    #[must_use]
    pub fn enumeration(&self, name: &str) -> Option<&Enumeration> {
        self.enumerations.get(name)
    }
}

impl TableFacts {
    /// The column of that name, in any case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnFacts> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// Position of the column of that name, in any case.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The primary key; leftovers of a clinic have none.
    #[must_use]
    pub fn key(&self) -> Option<&ColumnFacts> {
        self.columns.iter().find(|c| c.primary_key)
    }
}

/// What is known about Open Dental, read at the first call.
#[must_use]
pub fn facts() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    // The data is part of the program, and the tests of this crate read all of it; so there is no error to return.
    FACTS.get_or_init(|| Facts::parse(SCHEMA, ENUMERATIONS).unwrap_or_default())
}

/// A line of the data files that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the {file} facts cannot be read")]
struct DataError {
    file: &'static str,
    line: usize,
}

impl Facts {
    /// Reads both data files; their form is described in their first lines.
    fn parse(schema: &'static str, enumerations: &'static str) -> Result<Self, DataError> {
        let mut facts = Self::default();
        for (number, line) in lines(schema) {
            facts.schema_line(line).ok_or(DataError { file: "schema", line: number })?;
        }
        let mut current = None;
        for (number, line) in lines(enumerations) {
            let wrong = || DataError { file: "enumeration", line: number };
            if let Some(name) = line.strip_prefix('@') {
                current = Some(name);
                facts.enumerations.insert(name, Enumeration::default());
            } else {
                let enumeration =
                    current.and_then(|name| facts.enumerations.get_mut(name)).ok_or_else(wrong)?;
                enumeration.members.push(line.split_once('\t').ok_or_else(wrong)?);
            }
        }
        Ok(facts)
    }

    fn schema_line(&mut self, line: &'static str) -> Option<()> {
        let mut fields = line.split('\t');
        match fields.next()? {
            "T" => {
                let name = fields.next()?;
                let stock = fields.next()? == "stock";
                let dbt = fields.next() == Some("dbt");
                self.table_by_name.insert(name.to_owned(), self.tables.len());
                self.tables.push(TableFacts { name, stock, dbt, columns: Vec::new(), indexes: Vec::new() });
            }
            "C" => self.tables.last_mut()?.columns.push(ColumnFacts::parse(fields)?),
            "I" => self.tables.last_mut()?.indexes.push(IndexFacts::parse(fields)?),
            _ => return None,
        }
        Some(())
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = (usize, &'static str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, line)| !line.starts_with('#'))
}

fn some(field: Option<&'static str>) -> Option<&'static str> {
    field.filter(|f| !f.is_empty())
}

impl ColumnFacts {
    fn parse(mut fields: impl Iterator<Item = &'static str>) -> Option<Self> {
        let name = fields.next()?;
        let column_type = fields.next()?;
        let marks = fields.next().unwrap_or_default();
        let default = match some(fields.next()) {
            None => None,
            Some("now") => Some(DefaultValue::Now),
            Some(literal) => Some(DefaultValue::Literal(literal.strip_prefix('=')?)),
        };
        let references = match some(fields.next()) {
            None => None,
            Some(path) => path.split_once('.').map(|(table, column)| Reference { table, column }),
        };
        let enumeration = some(fields.next());
        let definition_category = some(fields.next());
        let marked = |mark| marks.contains(mark);
        Some(Self {
            name,
            column_type,
            source: SourceType::parse(column_type, "utf8mb3")?,
            nullable: marked('n'),
            default,
            primary_key: marked('k'),
            auto_increment: marked('a'),
            on_update: marked('u'),
            collation: marked('b').then_some("utf8mb3_bin"),
            flag: marked('f'),
            references,
            enumeration,
            definition_category,
            dbt_boolean: marked('B'),
            dbt_time: marked('T'),
        })
    }
}

impl IndexFacts {
    fn parse(mut fields: impl Iterator<Item = &'static str>) -> Option<Self> {
        let name = fields.next()?;
        let unique = fields.next()? == "unique";
        let parts = fields.next()?.split(',').map(IndexPart::parse).collect::<Option<_>>()?;
        Some(Self { name, unique, parts })
    }
}

impl IndexPart {
    fn parse(text: &'static str) -> Option<Self> {
        match text.split_once('(') {
            None => Some(Self { column: text, prefix_chars: None }),
            Some((column, rest)) => {
                Some(Self { column, prefix_chars: Some(rest.strip_suffix(')')?.parse().ok()?) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_whole() {
        let facts = Facts::parse(SCHEMA, ENUMERATIONS).unwrap();
        assert_eq!(facts.tables.len(), 446);
        assert_eq!(facts.tables.iter().map(|t| t.columns.len()).sum::<usize>(), 4733);
        assert_eq!(facts.tables.iter().map(|t| t.indexes.len()).sum::<usize>(), 944);
        assert_eq!(facts.tables.iter().filter(|t| t.stock).count(), 436);
        assert_eq!(facts.tables.iter().filter(|t| t.dbt).count(), 91);
        let columns = || facts.tables.iter().flat_map(|t| &t.columns);
        assert_eq!(columns().filter(|c| c.on_update).count(), 69);
        assert_eq!(columns().filter(|c| c.references.is_some()).count(), 857);
        assert_eq!(columns().filter(|c| c.collation.is_some()).count(), 9);
        assert_eq!(columns().filter(|c| c.dbt_boolean).count(), 217);
        assert_eq!(columns().filter(|c| c.dbt_time).count(), 12);
    }

    #[test]
    fn what_the_facts_name_exists() {
        let facts = facts();
        for table in facts.tables() {
            assert_eq!(table.columns.iter().filter(|c| c.primary_key).count(), usize::from(table.stock));
            for column in &table.columns {
                if let Some(to) = column.references {
                    assert!(facts.table(to.table).unwrap().column(to.column).is_some(), "{}", column.name);
                }
                if let Some(name) = column.enumeration {
                    assert!(facts.enumeration(name).unwrap().members().count() > 0, "{name}");
                }
                if let Some(category) = column.definition_category {
                    assert!(facts.enumeration("DefCat").unwrap().stored(category).is_some(), "{category}");
                }
            }
            for part in table.indexes.iter().flat_map(|i| &i.parts) {
                assert!(table.column(part.column).is_some(), "{}.{}", table.name, part.column);
            }
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let patient = facts().table("PATIENT").unwrap();
        assert_eq!(patient.name, "patient");
        assert_eq!(patient.column("patnum").unwrap().name, "PatNum");
        assert_eq!(patient.key().unwrap().name, "PatNum");
        assert_eq!(patient.position("PATNUM"), Some(0));
        assert!(facts().table("patients").is_none());
    }

    #[test]
    fn one_column_of_each_kind() {
        let code = facts().table("procedurecode").unwrap().column("ProcCode").unwrap();
        assert_eq!(code.collation, Some("utf8mb3_bin"));
        assert_eq!(code.default, Some(DefaultValue::Literal("")));
        let stamp = facts().table("patient").unwrap().column("DateTStamp").unwrap();
        assert_eq!((stamp.default, stamp.on_update), (Some(DefaultValue::Now), true));
        let guarantor = facts().table("patient").unwrap().column("Guarantor").unwrap();
        assert_eq!(guarantor.references, Some(Reference { table: "patient", column: "PatNum" }));
        let index =
            facts().table("emailmessage").unwrap().indexes.iter().find(|i| i.parts.len() == 3).unwrap();
        assert_eq!(index.parts[1], IndexPart { column: "RecipientAddress", prefix_chars: Some(50) });
        assert_eq!(facts().enumeration("ApptStatus").unwrap().member("5"), Some("Broken"));
        assert_eq!(facts().enumeration("AccidentRelatedCode").unwrap().member("E"), Some("Employment"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_an_error() {
        for text in
            ["C\tPatNum\tbigint(20)", "T\tx\tstock\nC\tA\tvector(3)", "X\ty", "T\tx\tstock\nI\tA\tplain\tB("]
        {
            assert!(Facts::parse(text, "").is_err(), "{text}");
        }
        assert!(Facts::parse("", "0\tNone").is_err());
        assert_eq!(
            Facts::parse("T\tx\tstock\nX", "").unwrap_err().to_string(),
            "line 2 of the schema facts cannot be read"
        );
    }
}

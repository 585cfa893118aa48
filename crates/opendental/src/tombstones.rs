//! Tombstones: what the program writes down when it deletes a row.

/// The table that holds them: `ObjectType` says of which kind the deleted row was, `ObjectNum` its key.
pub const TOMBSTONES: &str = "deletedobject";

/// Kinds (`DeletedObjectType`) whose `ObjectNum` is the key of a row. Kind 2 is left out: it names the patient of a
/// recall, not the recall.
const KINDS: [(i128, &str); 18] = [
    (0, "appointment"),
    (1, "schedule"),
    (3, "rxpat"),
    (4, "labpanel"),
    (5, "labresult"),
    (6, "drugunit"),
    (7, "medication"),
    (8, "medicationpat"),
    (9, "allergy"),
    (10, "allergydef"),
    (11, "disease"),
    (12, "diseasedef"),
    (13, "icd9"),
    (14, "provider"),
    (15, "pharmacy"),
    (16, "statement"),
    (17, "document"),
    (18, "recall"),
];

/// The table from which a row of this kind was deleted.
#[must_use]
pub fn deleted_table(kind: i128) -> Option<&'static str> {
    KINDS.iter().find(|(number, _)| *number == kind).map(|(_, table)| *table)
}

/// The tables of which some deletions leave a tombstone.
pub fn deleted_from() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(_, table)| *table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts;

    #[test]
    fn kinds_are_those_of_the_facts() {
        let kinds = facts().enumeration("DeletedObjectType").unwrap();
        for (number, table) in KINDS {
            assert!(facts().table(table).is_some_and(|t| t.name == table), "{table}");
            let name = kinds.member(&number.to_string()).unwrap().to_lowercase();
            assert!(name == table || name == format!("{table}prov"), "{name} {table}");
        }
        assert_eq!(deleted_table(2), None);
    }
}

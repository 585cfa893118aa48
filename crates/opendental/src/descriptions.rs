//! What the rows of a table are, for people who meet them in another place.

use std::collections::HashMap;
use std::sync::OnceLock;

const DESCRIPTIONS: &str = include_str!("../data/descriptions.tsv");

/// What one row of a table is, in a sentence; `None` where nothing was written about it.
#[must_use]
pub fn description(table: &str) -> Option<&'static str> {
    static TEXTS: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        let lines = DESCRIPTIONS.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('\t')).collect()
    });
    texts.get(table.to_ascii_lowercase().as_str()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::facts;

    #[test]
    fn what_is_described_exists_and_is_one_sentence_or_two() {
        let lines: Vec<&str> = DESCRIPTIONS.lines().filter(|line| !line.starts_with('#')).collect();
        for line in &lines {
            let (table, text) = line.split_once('\t').unwrap();
            assert!(facts().table(table).is_some_and(|table| table.stock), "{table}");
            assert!(text.ends_with('.') && text.len() < 160 && text.is_ascii(), "{table}");
            assert_eq!(description(&table.to_uppercase()), Some(text), "{table}: described twice?");
        }
        assert_eq!(description("not_of_open_dental"), None);
    }

    #[test]
    fn what_the_dbt_project_reads_is_described() {
        for table in facts().tables().iter().filter(|table| table.stock && table.dbt) {
            assert!(description(table.name).is_some(), "{}", table.name);
        }
    }
}

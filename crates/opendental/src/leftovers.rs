//! Tables that somebody left in the database: copies made before a repair, work tables of a conversion.

use crate::facts::facts;

/// Why a table is not worth copying, `None` if it is.
///
/// Open Dental's own tables are never skipped, whatever their name. Of the others these are: names that begin with
/// `tmp` or `temp` (but for words such as *template* and *temperature*), and names with a part `bak`, `backup` or a
/// date (`_20240617`) at the end.
#[must_use]
pub fn skip_reason(table: &str) -> Option<&'static str> {
    if facts().table(table).is_some_and(|t| t.stock) {
        return None;
    }
    let name = table.to_ascii_lowercase();
    if name.split('_').any(|part| matches!(part, "bak" | "backup")) {
        return Some("a backup of a table, by its name");
    }
    if name.rsplit_once('_').is_some_and(|(_, last)| is_date(last)) {
        return Some("a copy of a table from one day, by its name");
    }
    let word = name.trim_start_matches('_');
    let temporary = word.starts_with("tmp")
        || word.strip_prefix("temp").is_some_and(|rest| {
            rest.starts_with("orary")
                || !["late", "erature", "erament", "o"].iter().any(|w| rest.starts_with(w))
        });
    temporary.then_some("a temporary table, by its name")
}

/// Whether the text is a day of this century as `YYYYMMDD`.
fn is_date(text: &str) -> bool {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let (Some(year), Some(month), Some(day)) = (text.get(..4), text.get(4..6), text.get(6..)) else {
        return false;
    };
    digits
        && year.starts_with("20")
        && year
            .parse()
            .ok()
            .zip(month.parse().ok())
            .zip(day.parse().ok())
            .is_some_and(|((y, m), d)| bicuspid_model::Date::from_ymd(y, m, d).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_leftovers_are_skipped() {
        for table in facts().tables() {
            assert_eq!(skip_reason(table.name).is_some(), !table.stock, "{}", table.name);
        }
    }

    #[test]
    fn other_names() {
        for name in
            ["TMP_x", "temp", "temp2", "temporary_notes", "_temp", "claim_bak", "bak_claim", "backup_2024"]
        {
            assert!(skip_reason(name).is_some(), "{name}");
        }
        assert!(skip_reason("patient_20240617").is_some());
        for name in [
            "template",
            "temperature_log",
            "tempo",
            "contempt",
            "patient_20241399",
            "patient_12345678",
            "bakery",
        ] {
            assert_eq!(skip_reason(name), None, "{name}");
        }
    }
}

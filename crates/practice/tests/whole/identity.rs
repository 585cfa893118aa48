//! Nobody is real.

use bicuspid_model::Value;

use super::made;

fn is_fiction(phone: &str) -> bool {
    // (AAA)555-01NN
    phone.len() == 13 && phone.get(5..11) == Some("555-01") && phone[11..].bytes().all(|b| b.is_ascii_digit())
}

#[test]
fn telephones_mail_and_places_are_made_up() {
    let made = made();
    let mut phones = 0;
    for row in made.rows("patient") {
        for column in ["HmPhone", "WkPhone", "WirelessPhone"] {
            let phone = row.text(column);
            assert!(phone.is_empty() || is_fiction(phone), "{column}");
            phones += usize::from(!phone.is_empty());
        }
        assert!(row.text("Email").ends_with("@example.com"));
        assert!(row.text("SSN").is_empty() && row.text("MedicaidID").is_empty());
        assert!(row.text("Zip").starts_with("001") || row.text("Zip").starts_with("002"));
        assert!(row.text("ChartNumber").starts_with("ZZ"));
    }
    assert!(phones > 600);
    for row in made.rows("carrier") {
        assert!(is_fiction(row.text("Phone")) && row.text("ElectID").starts_with("ZZ"));
        assert!(row.text("Zip").starts_with("00"));
    }
    for row in made.rows("inssub") {
        assert!(row.text("SubscriberID").starts_with("ZZ"));
    }
    for row in made.rows("insplan") {
        assert!(row.text("GroupNum").starts_with("DEMO-"));
    }
    for row in made.rows("provider") {
        assert!(row.text("NationalProvID").starts_with('2'));
        assert!(row.text("SSN").starts_with("00") && row.text("StateLicense").starts_with("ZZ"));
    }
    for (table, column) in
        [("payment", "CheckNum"), ("claimpayment", "CheckNum"), ("claim", "ClaimIdentifier")]
    {
        for row in made.rows(table) {
            assert!(row.text(column).is_empty() || row.text(column).starts_with("DEMO-"), "{table}");
        }
    }
}

#[test]
fn no_text_anywhere_looks_like_a_telephone_or_a_mailbox_of_somebody() {
    let made = made();
    for (table, rows) in &made.tables {
        for value in rows.iter().flatten() {
            let Value::Text(text) = value else { continue };
            assert!(!text.chars().any(char::is_control), "{table}: {text:?}");
            if let Some((_, domain)) = text.split_once('@') {
                assert_eq!(domain, "example.com", "{table}");
            }
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let number = text.contains('(') && text.contains(')') && digits >= 10;
            assert!(!number || is_fiction(text), "{table}");
        }
    }
    for row in made.rows("userod") {
        assert!(row.text("Password").is_empty());
    }
}

#[test]
fn families_hang_together() {
    let made = made();
    let patients = made.by_key("patient");
    let mut together = 0;
    for patient in patients.values() {
        let head = patients[&patient.int("Guarantor")];
        assert_eq!(head.int("Guarantor"), head.int("PatNum"));
        together += usize::from(head.text("Address") == patient.text("Address"));
        if patient.int("Position") == 2 {
            let years =
                (patient.date("Birthdate").unwrap().days() - head.date("Birthdate").unwrap().days()) / 365;
            assert!((15..=50).contains(&years), "{years}");
        }
    }
    assert!(together * 100 / patients.len() >= 94, "{together}");
    for row in made.rows("patplan") {
        assert!(matches!(row.int("Ordinal"), 1 | 2));
    }
}

//! Columns that hold secrets.

use std::collections::HashSet;
use std::sync::OnceLock;

/// Columns that hold secrets, in lower case.
///
/// The rule: whatever lets its holder log in, sign, call a service or charge a card. So: passwords and PINs, whether
/// plain or hashed (a hash can be attacked off line), reset codes, session and access tokens, API, licence and
/// registration keys, badge ids, card and payment tokens, card numbers. Two tables of settings are withheld whole,
/// because the secret is in a row among harmless ones and rows change with each version: `preference` and
/// `programproperty`.
///
/// Not secrets: `SecurityHash` (it shows that a row was changed outside the program and opens nothing), masked card
/// numbers, account and user names, and health information, which is protected by who may read the copy.
const SECRETS: &[(&str, &str)] = &[
    ("apikey", "custapikey"),
    ("apisubscription", "customerkey"),
    ("carecreditwebresponse", "webtoken"),
    // The whole answer of the service, tokens included.
    ("carecreditwebresponse", "lastresponsestr"),
    ("centralconnection", "mysqlpassword"),
    ("centralconnection", "odpassword"),
    ("clearinghouse", "password"),
    // Authorisation and security fields of the interchange header (X12 ISA02 and ISA04), where some payers want the
    // password.
    ("clearinghouse", "isa02"),
    ("clearinghouse", "isa04"),
    ("clinicerx", "clinickey"),
    ("creditcard", "paysimpletoken"),
    ("creditcard", "payconnecttoken"),
    ("creditcard", "xchargetoken"),
    ("ebill", "electpassword"),
    ("ehrprovkey", "provkey"),
    ("ehrquarterlykey", "keyvalue"),
    ("emailaddress", "accesstoken"),
    ("emailaddress", "emailpassword"),
    ("emailaddress", "refreshtoken"),
    ("fhirsubscription", "apikeyhash"),
    // HTTP headers of a call, which carry its authorisation.
    ("fhirsubscription", "channelheader"),
    ("hl7def", "sftppassword"),
    ("payconnectresponseweb", "accounttoken"),
    ("payconnectresponseweb", "expdatetoken"),
    ("payconnectresponseweb", "lastresponsestr"),
    ("payconnectresponseweb", "paymenttoken"),
    ("payconnectresponseweb", "paytoken"),
    ("preference", "valuestring"),
    ("programproperty", "propertyvalue"),
    ("registrationkey", "backuppasscode"),
    ("registrationkey", "regkey"),
    ("reseller", "resellerpassword"),
    ("sessiontoken", "sessiontokenhash"),
    ("supplier", "password"),
    ("userod", "badgeid"),
    ("userod", "eclipboardclinicalpin"),
    ("userod", "mobilewebpin"),
    ("userod", "password"),
    ("userweb", "password"),
    ("userweb", "passwordresetcode"),
    ("xchargetransaction", "creditcardnum"),
    // The card's stand-in at the processor, and the one-time key of a hosted payment form with its address.
    ("xwebresponse", "alias"),
    ("xwebresponse", "hpfurl"),
    ("xwebresponse", "otk"),
];

/// Columns of older versions, gone or renamed in the one that the facts describe.
const FORMER_SECRETS: &[(&str, &str)] = &[
    ("creditcard", "ccnumber"),
    ("emailaddress", "smtppassword"),
    ("payconnectresponse", "paytoken"),
    ("preferenceclinic", "valuestring"),
    ("clinicpref", "valuestring"),
    ("userod", "passwordhash"),
    ("userod", "passwordsalt"),
    ("userod", "salt"),
];

/// Whether a column holds a secret; it is not copied unless the configuration asks for it.
#[must_use]
pub fn is_secret(table: &str, column: &str) -> bool {
    static SET: OnceLock<HashSet<(&str, &str)>> = OnceLock::new();
    let set = SET.get_or_init(|| SECRETS.iter().chain(FORMER_SECRETS).copied().collect());
    set.contains(&(table.to_ascii_lowercase().as_str(), column.to_ascii_lowercase().as_str()))
}

/// Table and column of every secret that the current version holds, in lower case.
pub fn secrets() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECRETS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::facts;

    #[test]
    fn every_secret_exists() {
        for (table, column) in secrets() {
            assert!(facts().table(table).unwrap().column(column).is_some(), "{table}.{column}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert!(is_secret("UserOD", "PASSWORD"));
        assert!(is_secret("userod", "Password"));
        assert!(!is_secret("patient", "Password"));
    }

    #[test]
    fn every_column_that_sounds_like_a_secret_was_judged() {
        // Names that tell of no secret although they hold one of the words.
        let judged = [
            "PasswordIsStrong",
            "IsPasswordResetRequired",
            "RequirePasswordChange",
            "MobileWebPinFailedAttempts",
            "SecurityHash",
            "ChartLetterHash",
            "LogHash",
            "PayConnectTokenExp",
            "IsTokenSaved",
            "TokenType",
        ];
        for table in facts().tables() {
            for column in table.columns.iter().filter(|c| !c.primary_key && c.references.is_none()) {
                let name = column.name.to_ascii_lowercase();
                let sounds = [
                    "passw",
                    "passcode",
                    "token",
                    "hash",
                    "apikey",
                    "secret",
                    "credential",
                    "salt",
                    "webpin",
                ];
                if sounds.iter().any(|s| name.contains(s)) && !judged.contains(&column.name) {
                    assert!(is_secret(table.name, column.name), "{}.{}", table.name, column.name);
                }
            }
        }
    }

    #[test]
    fn tamper_hashes_and_keys_are_no_secrets() {
        for table in facts().tables() {
            assert!(!is_secret(table.name, "SecurityHash"));
            for column in table.columns.iter().filter(|c| c.primary_key || c.references.is_some()) {
                assert!(!is_secret(table.name, column.name), "{}.{}", table.name, column.name);
            }
        }
    }
}

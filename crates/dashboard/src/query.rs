//! What follows the question mark of an address.

use std::fmt::Write as _;

/// The pairs of a query, decoded; more of them than a page knows are left out.
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

/// Most pairs that are looked at.
const PAIRS_MAX: usize = 16;

impl Query {
    /// Reads a query. What is no text counts as not said.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').take(PAIRS_MAX).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        Self(pairs.filter(|(name, _)| !name.is_empty()).collect())
    }

    /// The value of a name, or nothing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// A value as it stands in an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A value as it was meant.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) =
                    (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_once() {
        let query = Query::parse("q=a%20b+c%26&sort=rows&bad=%zz&=x&utf=%C3%A9&cut=%4");
        assert_eq!([query.get("q"), query.get("sort"), query.get("utf")], ["a b c&", "rows", "é"]);
        assert_eq!([query.get("bad"), query.get("cut"), query.get("none")], ["", "", ""]);
        let odd = "ä &=+/\"<";
        assert_eq!(Query::parse(&format!("q={}", encoded(odd))).get("q"), odd);
        assert_eq!(Query::parse(&"a=1&".repeat(99)).0.len(), PAIRS_MAX);
    }
}

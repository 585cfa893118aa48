//! Who may ask for a page: the method, the name that was asked for, and the token.

use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};
use ring::hmac;
use ring::rand::SystemRandom;

use crate::error::DashboardError;

/// Fewest characters of a token: 32 hexadecimal digits are 128 bits.
pub(crate) const TOKEN_CHARS_MIN: usize = 32;

/// A token that must come with every request. It is kept as a keyed digest alone.
pub struct Token {
    key: hmac::Key,
    digest: hmac::Tag,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Takes a token in.
    ///
    /// # Errors
    /// [`DashboardError::WeakToken`] if it could be guessed.
    pub fn new(token: &str) -> Result<Self, DashboardError> {
        let token = token.trim();
        if token.chars().count() < TOKEN_CHARS_MIN {
            return Err(DashboardError::WeakToken);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| DashboardError::WeakToken)?;
        let digest = hmac::sign(&key, token.as_bytes());
        Ok(Self { key, digest })
    }

    /// Compares in a time that does not tell how much is right.
    fn is(&self, presented: &[u8]) -> bool {
        hmac::verify(&self.key, presented, self.digest.as_ref()).is_ok()
    }
}

/// Who is let in.
#[derive(Debug)]
pub struct Gate {
    hosts: Vec<String>,
    token: Option<Token>,
}

impl Gate {
    /// A gate for pages on an address: the names that it may be asked for by, beside its own.
    #[must_use]
    pub fn new(address: SocketAddr, names: &[String], token: Option<Token>) -> Self {
        let port = address.port();
        let mut bare = names.to_vec();
        bare.push(match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        });
        if address.ip().is_loopback() {
            bare.push("localhost".to_owned());
        }
        let bare: Vec<String> = bare.iter().map(|name| name.to_ascii_lowercase()).collect();
        let mut hosts: Vec<String> = bare.iter().map(|name| format!("{name}:{port}")).collect();
        // Browsers leave out the port that their scheme means.
        if port == 80 || port == 443 {
            hosts.extend(bare);
        }
        Self { hosts, token }
    }

    /// Judges a request by its head alone.
    ///
    /// A page of a stranger can make a browser ask for a name of its own that leads to this machine; so a request must
    /// name this server, in its only `Host` line and, if it names one twice, in both places.
    pub(crate) fn judge(&self, head: &Parts) -> Result<(), StatusCode> {
        if head.method != Method::GET && head.method != Method::HEAD {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        if head.version < Version::HTTP_10 {
            return Err(StatusCode::HTTP_VERSION_NOT_SUPPORTED);
        }
        let mut named = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (named.next(), named.next()) else { return Err(StatusCode::BAD_REQUEST) };
        let is_known = |name: &str| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        let is_asked = host.to_str().is_ok_and(is_known)
            && head.uri.authority().is_none_or(|authority| is_known(authority.as_str()));
        if !is_asked {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        match &self.token {
            Some(token) if !presents(token, head) => Err(StatusCode::UNAUTHORIZED),
            _ => Ok(()),
        }
    }
}

/// Whether a request shows the token: as a bearer, or as the password that a browser asks for.
fn presents(token: &Token, head: &Parts) -> bool {
    let mut shown = head.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (shown.next(), shown.next()) else { return false };
    let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return false;
    };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return token.is(rest.as_bytes());
    }
    let Some(decoded) = scheme.eq_ignore_ascii_case("basic").then(|| base64(rest)).flatten() else {
        return false;
    };
    let password = decoded.iter().position(|byte| *byte == b':').and_then(|at| decoded.get(at + 1..));
    password.is_some_and(|password| token.is(password))
}

/// Reads base64; `None` if it is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 & 0xff_ffff | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn judged(gate: &Gate, method: &str, uri: &str, headers: &[(&str, &str)]) -> u16 {
        gate.judge(&head(method, uri, headers)).map_or_else(|status| status.as_u16(), |()| 200)
    }

    #[test]
    fn only_reading_and_only_by_its_own_name() {
        let gate = Gate::new("127.0.0.1:8750".parse().unwrap(), &["Dental.example".into()], None);
        for (method, uri, hosts, expected) in [
            ("GET", "/", &["127.0.0.1:8750"][..], 200),
            ("HEAD", "/", &["localhost:8750"], 200),
            ("GET", "/", &["LOCALHOST:8750"], 200),
            ("GET", "/", &["dental.example:8750"], 200),
            ("GET", "http://localhost:8750/", &["localhost:8750"], 200),
            ("GET", "http://evil.example/", &["localhost:8750"], 421),
            ("GET", "/", &["evil.example:8750"], 421),
            ("GET", "/", &["evil.example"], 421),
            ("GET", "/", &["127.0.0.1"], 421),
            ("GET", "/", &["127.0.0.1:8751"], 421),
            ("GET", "/", &["127.0.0.1:8750.evil.example"], 421),
            ("GET", "/", &[], 400),
            ("GET", "/", &["localhost:8750", "localhost:8750"], 400),
            ("POST", "/", &["localhost:8750"], 405),
            ("PUT", "/", &["localhost:8750"], 405),
            ("DELETE", "/", &["localhost:8750"], 405),
            ("OPTIONS", "/", &["localhost:8750"], 405),
            ("TRACE", "/", &["localhost:8750"], 405),
        ] {
            let headers: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(judged(&gate, method, uri, &headers), expected, "{method} {uri} {hosts:?}");
        }
        let six = Gate::new("[::1]:443".parse().unwrap(), &[], None);
        assert_eq!(judged(&six, "GET", "/", &[("host", "[::1]")]), 200);
        assert_eq!(judged(&six, "GET", "/", &[("host", "[::1]:443")]), 200);
    }

    #[test]
    fn a_token_opens_as_bearer_and_as_password() {
        let gate = Gate::new("127.0.0.1:8750".parse().unwrap(), &[], Some(Token::new(TOKEN).unwrap()));
        // `any:` and `:` before the token, as browsers write them.
        let with_user = "Basic YW55OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm";
        let without = "Basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm";
        for (shown, expected) in [
            (format!("Bearer {TOKEN}"), 200),
            (with_user.to_owned(), 200),
            (without.to_owned(), 200),
            (format!("Bearer {TOKEN}x"), 401),
            ("Bearer ".to_owned(), 401),
            (format!("Basic {TOKEN}"), 401),
            ("Basic ####".to_owned(), 401),
            (TOKEN.to_owned(), 401),
        ] {
            let headers = [("host", "127.0.0.1:8750"), ("authorization", shown.as_str())];
            assert_eq!(judged(&gate, "GET", "/", &headers), expected, "{shown}");
        }
        assert_eq!(judged(&gate, "GET", "/", &[("host", "127.0.0.1:8750")]), 401);
        assert!(Token::new("short").is_err());
        assert!(!format!("{gate:?}").contains("0123456789"));
    }
}

//! `[notify]` of bicuspid.toml: who is told when a person should look.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeValue;

use super::{Entry, SettingsError, nearest};

/// The keys of the table.
const KEYS: [&str; 3] = ["command", "webhook", "webhook_secret_file"];

/// Who is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notify {
    /// A program and its arguments; the message comes on its standard input.
    pub(crate) command: Option<Vec<String>>,
    /// A server that takes the message.
    pub(crate) webhook: Option<Webhook>,
}

/// A server that takes messages, and the file of the secret by which it knows that they are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// Where.
    pub(crate) url: Url,
    /// The file of the secret.
    pub(crate) secret_file: PathBuf,
}

/// An address for messages: https, or http to this machine alone. Its path may be a secret and is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// Whether the connection is encrypted.
    pub(crate) is_encrypted: bool,
    /// Name or address of the host, without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// What is written as `Host`.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url").field("host", &self.authority).finish_non_exhaustive()
    }
}

impl Url {
    /// Reads an address; the reason why it cannot be one is told without repeating it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("an address is written in ASCII without blanks");
        }
        let (is_encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("it begins with https://"),
        };
        if rest.contains('#') {
            return Err("an address of a webhook has no part behind `#`");
        }
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.contains('@') {
            return Err("it holds no account: the secret's file shows who speaks");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or("its host cannot be read")?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or("its port cannot be read")?,
            None if port.is_empty() => {
                if is_encrypted {
                    443
                } else {
                    80
                }
            }
            None => return Err("its host cannot be read"),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err("its host cannot be read");
        }
        let is_here = host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if !is_encrypted && !is_here {
            return Err("http:// is for this machine alone; write https://");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { is_encrypted, host: host.to_owned(), port, authority: authority.to_owned(), path })
    }
}

impl Entry<'_> {
    /// The table `[notify]`.
    pub(super) fn notify(&self, value: &Spanned<DeValue<'_>>) -> Result<Notify, SettingsError> {
        let table = value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.wrong("a table is wanted, with lines such as webhook = \"https://…\""))?;
        let mut notify = Notify::default();
        let mut secret_file = None;
        let mut url = None;
        for (name, value) in table {
            let entry = Entry { key: name.get_ref(), at: name.span().start, ..*self };
            match entry.key {
                "command" => notify.command = Some(entry.program(value)?),
                "webhook" => {
                    url = Some(Url::parse(&entry.text(value)?).map_err(|why| entry.wrong(why))?);
                }
                "webhook_secret_file" => {
                    let file = entry.text(value)?;
                    secret_file = Some(self.path.parent().unwrap_or(Path::new("")).join(file));
                }
                unknown => {
                    return Err(SettingsError::UnknownName {
                        path: entry.path.to_owned(),
                        line: entry.line(),
                        name: format!("notify.{unknown}"),
                        environment: None,
                        nearest: nearest(unknown, KEYS),
                    });
                }
            }
        }
        notify.webhook = match (url, secret_file) {
            (Some(url), Some(secret_file)) => Some(Webhook { url, secret_file }),
            (None, None) => None,
            _ => return Err(self.wrong("webhook and webhook_secret_file go together: messages are signed")),
        };
        Ok(notify)
    }

    fn program(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, SettingsError> {
        let wrong = || self.wrong("a list of texts is wanted: a program and its arguments");
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        let words: Option<Vec<String>> =
            list.iter().map(|item| Some(item.get_ref().as_str()?.to_owned())).collect();
        words.filter(|words| words.first().is_some_and(|program| !program.is_empty())).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Notify, SettingsError> {
        Config::parse(Path::new("etc/bicuspid.toml"), text).map(|config| config.notify)
    }

    #[test]
    fn both_ways_are_understood() {
        let notify = parse(
            "[notify]\ncommand = [\"tell\", \"--now\", \"\"]\nwebhook = \"https://hooks.example.com/a?b\"\n\
             webhook_secret_file = \"hook.secret\"\n",
        )
        .unwrap();
        assert_eq!(notify.command.unwrap(), ["tell", "--now", ""]);
        let webhook = notify.webhook.unwrap();
        assert_eq!(webhook.secret_file, Path::new("etc/hook.secret"));
        assert_eq!((webhook.url.host.as_str(), webhook.url.port), ("hooks.example.com", 443));
        assert!(!format!("{:?}", webhook.url).contains("a?b"), "the path may be a secret");
        assert_eq!(parse("").unwrap(), Notify::default());
    }

    #[test]
    fn what_is_wrong_names_its_line_and_no_value() {
        for (text, line) in [
            ("[notify]\nwebhook = \"https://hunter2.example.com/\"", 1),
            ("[notify]\n\nwebhook = \"http://hunter2.example.com/\"\nwebhook_secret_file = \"s\"", 3),
            ("[notify]\nwebhook_secret_file = \"hunter2\"", 1),
            ("[notify]\ncommand = []", 2),
            ("[notify]\ncommand = \"hunter2\"", 2),
            ("notify = \"hunter2\"", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, SettingsError::Config { line: l, .. } if l == line), "{text}: {error:?}");
            assert!(!format!("{:?} {error}", error.trouble()).contains("hunter2"), "{text}");
        }
        let trouble = parse("[notify]\nwebhok = \"x\"").unwrap_err().trouble();
        assert_eq!(trouble.hint, "did you mean `webhook`?");
    }

    #[test]
    fn addresses_are_https_or_of_this_machine() {
        for (text, host, port, path) in [
            ("https://example.com", "example.com", 443, "/"),
            ("https://example.com:8443/x/y?z=1", "example.com", 8443, "/x/y?z=1"),
            ("https://example.com?z", "example.com", 443, "/?z"),
            ("http://127.0.0.1:99/", "127.0.0.1", 99, "/"),
            ("http://localhost/x", "localhost", 80, "/x"),
            ("http://[::1]:8080/x", "::1", 8080, "/x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.path.as_str()), (host, port, path), "{text}");
        }
        for text in [
            "example.com",
            "ftp://example.com",
            "https://",
            "https:///x",
            "https://a b/",
            "https://a\r\nX: y/",
            "https://user:pw@example.com/",
            "https://example.com/#x",
            "https://example.com:0/",
            "https://example.com:x/",
            "https://[::1/",
            "https://[::1]x/",
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "http://10.0.0.1/",
            "https://ex%61mple.com/",
            "https://exämple.com/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}

//! Environment files, parsed into a map and never into the process environment.
//!
//! The grammar is small on purpose: `NAME=value`, the value bare or in one pair of quotes, nothing expanded. Dotenv
//! libraries expand `$` (which eats passwords), keep the first of two lines, and quote the value in their errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::SettingsError;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A parsed file: names in the order of the alphabet, values with the line they stand in.
#[derive(Default)]
pub(crate) struct EnvFile {
    path: PathBuf,
    values: BTreeMap<String, (usize, String)>,
}

impl EnvFile {
    /// Reads a file; `Ok(None)` if there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, SettingsError> {
        let unreadable = |cause| SettingsError::FileUnreadable { path: path.to_owned(), cause };
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if metadata.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable(std::io::ErrorKind::InvalidData.into()))?;
        let file = Self::parse(path, &text)?;
        if file.holds_password() {
            refuse_readable_by_others(path)?;
        }
        Ok(Some(file))
    }

    /// Parses a text; `path` is for messages.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let mut file = Self { path: path.to_owned(), values: BTreeMap::new() };
        for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = i + 1;
            let malformed = |why| SettingsError::LineMalformed { path: path.to_owned(), line: number, why };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            let (name, value) = line.split_once('=').ok_or_else(|| malformed("it is not NAME=value"))?;
            let name = name.trim_end();
            if !is_name(name) {
                return Err(malformed("what stands before `=` is not a name"));
            }
            let value = parse_value(value.trim()).map_err(malformed)?;
            if let Some((first, _)) = file.values.insert(name.to_owned(), (number, value)) {
                return Err(SettingsError::DefinedTwice {
                    path: path.to_owned(),
                    name: name.to_owned(),
                    lines: [first, number],
                });
            }
        }
        Ok(file)
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the file, from which paths in it count.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The value of a name, if it is there and not blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(_, value)| value.as_str()).filter(|value| !value.trim().is_empty())
    }

    /// Names with the lines they stand in, blank ones too.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.values.iter().map(|(name, (line, _))| (name.as_str(), *line))
    }

    fn holds_password(&self) -> bool {
        self.values.keys().any(|name| name.ends_with("PASSWORD") && self.get(name).is_some())
    }
}

impl std::fmt::Debug for EnvFile {
    /// Shows names only: values may be passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvFile").field("path", &self.path).field("names", &self.values.keys()).finish()
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn parse_value(text: &str) -> Result<String, &'static str> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err("it holds a control character");
    }
    for quote in ['\'', '"'] {
        let Some(rest) = text.strip_prefix(quote) else { continue };
        let (value, after) = rest.split_once(quote).ok_or("its quote is not closed")?;
        let after = after.trim_start();
        return if after.is_empty() || after.starts_with('#') {
            Ok(value.to_owned())
        } else {
            Err("something follows the closing quote")
        };
    }
    if text.starts_with('#') {
        return Ok(String::new());
    }
    // Some readers would end the value here and some would not; a password may hold it.
    if text.contains(" #") || text.contains("\t#") {
        return Err("a `#` after a blank may be a comment or part of the value; put the value in quotes");
    }
    Ok(text.to_owned())
}

/// Whether a file that others may read is noticed here.
pub(super) const RIGHTS_ARE_CHECKED: bool = cfg!(unix);

/// Refuses a file with a password that others than its owner may read. One that is not there holds none.
#[cfg(unix)]
pub(crate) fn refuse_readable_by_others(path: &Path) -> Result<(), SettingsError> {
    use std::os::unix::fs::PermissionsExt as _;
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        return Err(SettingsError::ReadableByOthers { path: path.to_owned() });
    }
    Ok(())
}

/// Windows keeps no such bits; a file takes the access list of its folder, which is not judged here.
#[cfg(not(unix))]
pub(crate) fn refuse_readable_by_others(_path: &Path) -> Result<(), SettingsError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EnvFile, SettingsError> {
        EnvFile::parse(Path::new(".env_clinic"), text)
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        let file = parse(
            "\u{feff}# comment\r\n\r\nA=plain\r\n B = spaced \nC='single # quoted'\nD=\"double $HOME\"  # note\n\
             E=pa$$word\nexport F=x\nG=\nH= # only a comment\nI=a#b\nJ='it\"s'",
        )
        .unwrap();
        for (name, value) in [
            ("A", Some("plain")),
            ("B", Some("spaced")),
            ("C", Some("single # quoted")),
            ("D", Some("double $HOME")),
            ("E", Some("pa$$word")),
            ("F", Some("x")),
            ("G", None),
            ("H", None),
            ("I", Some("a#b")),
            ("J", Some("it\"s")),
        ] {
            assert_eq!(file.get(name), value, "{name}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_an_error_that_shows_no_value() {
        for (text, line) in [
            ("A=1\njust words hunter2", 2),
            ("A='hunter2", 1),
            ("A='hunter2' x", 1),
            ("A=hunter2 # secret?", 1),
            ("1A=hunter2", 1),
            ("A=hunter2\u{7}", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, SettingsError::LineMalformed { line: l, .. } if l == line), "{text}");
            assert!(!format!("{:?}", error.trouble()).contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_name_stands_once() {
        let error = parse("A=1\nB=2\nA=1").unwrap_err();
        assert!(matches!(error, SettingsError::DefinedTwice { lines: [1, 3], .. }));
    }

    #[test]
    fn debug_shows_names_only() {
        assert!(!format!("{:?}", parse("P_PASSWORD=hunter2").unwrap()).contains("hunter2"));
    }
}

//! Known sources: is this the server that the copy was made from?
//!
//! A swapped tunnel, a changed name in DNS or a restored machine puts another server at the same host and port. Its
//! rows would look like a clinic that was edited and deleted overnight, and the copy would follow. So what the server
//! says of itself is kept beside the copy, and compared before anything is read.

use std::fmt;

use bicuspid_model::{Class, Side, SiteName, Trouble};

use crate::refusal::Refusal;

/// What a MySQL or MariaDB server says of itself.
///
/// `server_uuid` is drawn by MySQL 5.6 and later and kept in the data folder; MariaDB and older servers have none and
/// are told apart by their machine and their data folder. A copy of the whole data folder on a machine of the same name
/// cannot be told from the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceServer {
    /// `@@server_uuid`, if the server has one.
    pub uuid: Option<String>,
    /// `@@hostname`.
    pub machine: String,
    /// `@@datadir`.
    pub data_folder: String,
    /// `DATABASE()`, in small letters if the server does not tell names of databases apart by case.
    pub database: String,
}

/// In what a server differs from the one that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherServer {
    /// What was compared: `server uuid`, `machine`, `data folder` or `database`.
    pub what: &'static str,
    /// What is known.
    pub expected: String,
    /// What the server says.
    pub found: String,
}

impl SourceServer {
    /// Compares the server that is known with the one that answers.
    ///
    /// # Errors
    /// The first thing in which they differ. Where both have a uuid, it decides alone: a machine may be renamed and a
    /// data folder moved.
    pub fn compare(&self, found: &Self) -> Result<(), Refusal> {
        let differ = |what, expected: &str, found: &str| {
            Err(OtherServer { what, expected: expected.to_owned(), found: found.to_owned() }.into())
        };
        if self.database != found.database {
            return differ("database", &self.database, &found.database);
        }
        if let (Some(known), Some(uuid)) = (&self.uuid, &found.uuid) {
            if known.eq_ignore_ascii_case(uuid) {
                return Ok(());
            }
            return differ("server uuid", known, uuid);
        }
        if !self.machine.eq_ignore_ascii_case(&found.machine) {
            return differ("machine", &self.machine, &found.machine);
        }
        if folder(&self.data_folder) != folder(&found.data_folder) {
            return differ("data folder", &self.data_folder, &found.data_folder);
        }
        Ok(())
    }
}

/// A server that the copy of another site is made from already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedServer {
    /// That other site.
    pub site: SiteName,
}

/// Judges the source of a site that has no copy yet against those of the other sites: each practice has its own.
///
/// # Errors
/// The first site whose source calls itself just as this one does. Two practices may well have installed the same
/// server in the same place on machines of the same name; then a person has to say that these are two.
pub fn unshared<'a>(
    found: &SourceServer,
    others: impl IntoIterator<Item = &'a (SiteName, SourceServer)>,
) -> Result<(), Refusal> {
    match others.into_iter().find(|(_, other)| other.compare(found).is_ok()) {
        Some((site, _)) => Err(SharedServer { site: site.clone() }.into()),
        None => Ok(()),
    }
}

impl From<SharedServer> for Refusal {
    fn from(shared: SharedServer) -> Self {
        Self::SharedServer(shared)
    }
}

impl fmt::Display for SharedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the copy of site {} is made from a server that calls itself the same", self.site)
    }
}

impl SharedServer {
    /// The stable code.
    pub(crate) const CODE: &str = "identity::shared_source";

    /// The refusal as told to a person.
    pub(crate) fn trouble(&self) -> Trouble {
        Trouble {
            code: Self::CODE.to_owned(),
            side: Side::Source,
            class: Class::Refused,
            what: "the source is that of another site".to_owned(),
            why: format!("{self}, and has a database of the same name"),
            state: "nothing of it was read, and nothing was written".to_owned(),
            hint: "look at the environment file of this site; if these are two servers that only call themselves alike, \
                   `bicuspid enroll` accepts this one"
                .to_owned(),
        }
    }
}

/// Servers end the folder with a separator or do not, as their version likes.
fn folder(path: &str) -> &str {
    path.trim_end_matches(['/', '\\'])
}

impl fmt::Display for OtherServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names from a server may hold anything; control characters would forge a screen.
        write!(
            f,
            "{}: expected {}, found {}",
            self.what,
            self.expected.escape_debug(),
            self.found.escape_debug()
        )
    }
}

impl From<OtherServer> for Refusal {
    fn from(other: OtherServer) -> Self {
        Self::SourceServer(other)
    }
}

impl OtherServer {
    /// The stable code.
    pub(crate) const CODE: &str = "identity::source_server";

    /// The refusal as told to a person.
    pub(crate) fn trouble(&self) -> Trouble {
        Trouble {
            code: Self::CODE.to_owned(),
            side: Side::Source,
            class: Class::Refused,
            what: "the source is not the server that the copy was made from".to_owned(),
            why: self.to_string(),
            state: "nothing of it was read; the copy is as it was".to_owned(),
            hint: "look at SOURCE_DB_HOST and any tunnel in between; if the clinic moved to this server on purpose, \
                   `bicuspid enroll` accepts it"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(uuid: Option<&str>, machine: &str, folder: &str) -> SourceServer {
        SourceServer {
            uuid: uuid.map(str::to_owned),
            machine: machine.to_owned(),
            data_folder: folder.to_owned(),
            database: "opendental".to_owned(),
        }
    }

    fn differs(known: &SourceServer, found: &SourceServer) -> Option<&'static str> {
        known.compare(found).err().map(|refusal| match refusal {
            Refusal::SourceServer(other) => other.what,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn a_uuid_decides_alone() {
        let known = server(Some("ab-1"), "front", "/data/");
        assert_eq!(differs(&known, &server(Some("AB-1"), "renamed", "/moved")), None);
        assert_eq!(differs(&known, &server(Some("ab-2"), "front", "/data/")), Some("server uuid"));
    }

    #[test]
    fn without_a_uuid_machine_and_folder_decide() {
        let known = server(None, "FRONT", "C:\\mysql\\data\\");
        assert_eq!(differs(&known, &server(None, "front", "C:\\mysql\\data")), None);
        assert_eq!(differs(&known, &server(None, "back", "C:\\mysql\\data\\")), Some("machine"));
        assert_eq!(differs(&known, &server(None, "front", "C:\\other\\")), Some("data folder"));
        assert_eq!(differs(&known, &server(Some("ab"), "front", "C:\\mysql\\data\\")), None, "an upgrade");
        assert_eq!(differs(&known, &server(Some("ab"), "back", "C:\\mysql\\data\\")), Some("machine"));
    }

    #[test]
    fn another_database_of_the_same_server_is_another_source() {
        let known = server(Some("ab"), "front", "/data");
        let found = SourceServer { database: "opendental_old".to_owned(), ..known.clone() };
        assert_eq!(differs(&known, &found), Some("database"));
        let other_case = SourceServer { database: "OpenDental".to_owned(), ..known.clone() };
        assert_eq!(differs(&known, &other_case), Some("database"));
    }

    #[test]
    fn the_source_of_another_site_is_refused() {
        let site = |name| SiteName::new(name).unwrap();
        let others = [
            (site("a"), server(Some("ab-1"), "front", "/data/")),
            (site("b"), server(None, "front", "/data/")),
            (site("c"), SourceServer { database: "other".into(), ..server(None, "x", "/y") }),
        ];
        let of = |found: &SourceServer| match unshared(found, &others) {
            Err(Refusal::SharedServer(shared)) => Some(shared.site.to_string()),
            _ => None,
        };
        assert_eq!(of(&server(Some("AB-1"), "renamed", "/x")).as_deref(), Some("a"));
        assert_eq!(of(&server(None, "FRONT", "/data")).as_deref(), Some("a"), "a server that lost its uuid");
        assert_eq!(of(&server(Some("cd"), "front", "/data")).as_deref(), Some("b"));
        assert_eq!(of(&server(None, "front", "/data2")), None);
        assert_eq!(of(&server(None, "x", "/y")), None, "another database of that server");
        assert_eq!(unshared(&server(None, "x", "/y"), &[]), Ok(()));
        assert_eq!(unshared(&others[0].1, &others).unwrap_err().trouble().class.exit_code(), 3);
    }

    #[test]
    fn the_refusal_names_both_and_forges_no_screen() {
        let refusal = server(None, "front", "/d").compare(&server(None, "b\u{1b}[2Jack", "/d")).unwrap_err();
        let trouble = refusal.trouble();
        assert_eq!(trouble.class.exit_code(), 3);
        assert_eq!(trouble.why, "machine: expected front, found b\\u{1b}[2Jack");
    }
}

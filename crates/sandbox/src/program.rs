//! Finds the server programs that are installed.

use std::path::{Path, PathBuf};

use crate::error::{SandboxError, Server};

/// Folders in which package managers put MariaDB's programs, besides those of `PATH`.
const MARIADB_FOLDERS: &[&str] = &[
    "/usr/sbin",
    "/usr/bin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/usr/local/mariadb/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
    "/opt/local/lib/mariadb/bin",
    "/usr/lib/mysql",
];

/// Folders that hold one folder per PostgreSQL version, and what follows the version.
const POSTGRES_VERSIONS: &[(&str, &str)] =
    &[("/usr/lib/postgresql", "bin"), ("/Library/PostgreSQL", "bin"), ("/usr/local/pgsql", "bin")];

/// Folders in which package managers put PostgreSQL's programs, besides those above and those of `PATH`.
const POSTGRES_FOLDERS: &[&str] = &[
    "/usr/bin",
    "/usr/local/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/bin",
    "/usr/libexec/postgresql",
    "/Applications/Postgres.app/Contents/Versions/latest/bin",
];

/// Homebrew keeps versioned formulas here.
const HOMEBREW_OPT: &[&str] = &["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"];

/// The programs of one MariaDB or MySQL server.
#[derive(Debug, Clone)]
pub(crate) struct MariaDbPrograms {
    /// `mariadbd` or `mysqld`.
    pub(crate) server: PathBuf,
    /// The script that fills a data directory; none means that the server does it itself (MySQL).
    pub(crate) install: Option<PathBuf>,
    /// The installation's root, in which the server finds its messages and character sets.
    pub(crate) base: Option<PathBuf>,
}

/// The programs of one PostgreSQL server, all of the same version.
#[derive(Debug, Clone)]
pub(crate) struct PostgresPrograms {
    /// `initdb`.
    pub(crate) initdb: PathBuf,
    /// `postgres`.
    pub(crate) server: PathBuf,
}

impl MariaDbPrograms {
    /// Finds MariaDB, or takes the server program given and finds what belongs to it.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, SandboxError> {
        let missing = |program| SandboxError::ProgramMissing { server: Server::MariaDb, program };
        let folders = || search_path().into_iter().chain(MARIADB_FOLDERS.iter().map(PathBuf::from));
        let server = match given {
            Some(path) => path.is_file().then(|| path.to_owned()),
            None => folders().find_map(|folder| program_in(&folder, "mariadbd")),
        };
        let server = server.ok_or(missing("mariadbd"))?;
        let server = server.canonicalize().unwrap_or(server);
        let base = server.parent().and_then(Path::parent).map(Path::to_owned);
        if !is_mariadb(&server) {
            return Ok(Self { server, install: None, base });
        }
        let beside = base.iter().flat_map(|base| ["bin", "scripts", "sbin"].map(|folder| base.join(folder)));
        let install = beside
            .chain(given.is_none().then(folders).into_iter().flatten())
            .find_map(|folder| {
                program_in(&folder, "mariadb-install-db").or_else(|| program_in(&folder, "mysql_install_db"))
            })
            .ok_or(missing("mariadb-install-db"))?;
        Ok(Self { server, install: Some(install), base })
    }
}

impl PostgresPrograms {
    /// Finds the newest PostgreSQL whose `initdb` and `postgres` lie side by side.
    pub(crate) fn find() -> Result<Self, SandboxError> {
        let versioned = POSTGRES_VERSIONS.iter().flat_map(|(root, tail)| {
            newest_first(Path::new(root), |_| true).into_iter().map(move |v| v.join(tail))
        });
        let brewed = HOMEBREW_OPT.iter().flat_map(|root| {
            newest_first(Path::new(root), |name| name.starts_with("postgresql"))
                .into_iter()
                .map(|v| v.join("bin"))
        });
        versioned
            .chain(brewed)
            .chain(search_path())
            .chain(POSTGRES_FOLDERS.iter().map(PathBuf::from))
            .find_map(|folder| {
                Some(Self {
                    initdb: program_in(&folder, "initdb")?,
                    server: program_in(&folder, "postgres")?,
                })
            })
            .ok_or(SandboxError::ProgramMissing { server: Server::Postgres, program: "initdb" })
    }
}

/// The folders of `PATH`.
#[expect(
    clippy::disallowed_methods,
    reason = "`PATH` says where programs are; no setting of ours is read here"
)]
fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

fn program_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    path.is_file().then_some(path)
}

/// Folders below `root`, those with the highest version number first.
fn newest_first(root: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version: String =
                name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
            wanted(&name).then(|| (version.parse().unwrap_or(0), entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether the server calls itself MariaDB; MySQL prepares its data directory in another way.
fn is_mariadb(server: &Path) -> bool {
    std::process::Command::new(server)
        .args(["--no-defaults", "--version"])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("MariaDB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "17", "16"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let names: Vec<_> = newest_first(root.path(), |_| true)
            .into_iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["17", "16", "15", "9.6"]);
    }

    #[test]
    fn a_named_server_that_is_not_there_is_missing() {
        let error = MariaDbPrograms::find(Some(Path::new("/no/such/mysqld"))).unwrap_err();
        assert!(matches!(error, SandboxError::ProgramMissing { server: Server::MariaDb, .. }));
    }
}

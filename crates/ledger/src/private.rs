//! Files and folders that belong to one person.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Options for a file that only its owner may read and write.
///
/// On Windows a new file takes the rights of its folder, which in a user's profile are the user's own.
fn owner_only() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is set on Unix alone"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Makes a folder, and those above it that are missing, for its owner alone.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Opens a file for reading and appending; a new one is its owner's alone.
pub fn open_append(path: &Path) -> io::Result<File> {
    owner_only().read(true).append(true).create(true).open(path)
}

/// Writes a new file; one that exists is left alone and is an error.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = owner_only().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file as a whole: after a crash there is the old one or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(beside, bytes)?;
    fs::rename(beside, path)?;
    sync_dir(path)
}

/// Makes a new name in a folder survive a crash.
#[cfg(unix)]
fn sync_dir(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Makes a new name in a folder survive a crash: Windows needs nothing, and cannot open a folder as a file.
#[cfg(not(unix))]
fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether nobody but the owner may read a file; `None` where this system's rights are not checked.
#[cfg(unix)]
pub fn is_private(path: &Path) -> io::Result<Option<bool>> {
    use std::os::unix::fs::PermissionsExt as _;
    const OTHERS: u32 = 0o077;
    let mode = fs::metadata(path)?.permissions().mode();
    Ok(Some(mode & OTHERS == 0))
}

/// Whether nobody but the owner may read a file; `None` where this system's rights are not checked.
#[cfg(not(unix))]
pub fn is_private(path: &Path) -> io::Result<Option<bool>> {
    fs::metadata(path).map(|_| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_their_owners_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_dir(&inner).unwrap();
        let path = inner.join("file");
        write_new(&path, b"one").unwrap();
        assert_eq!(write_new(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_ne!(is_private(&path).unwrap(), Some(false));
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_ne!(is_private(&path).unwrap(), Some(false));
        let log = inner.join("log");
        drop(open_append(&log).unwrap());
        assert_ne!(is_private(&log).unwrap(), Some(false));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert_eq!(is_private(&path).unwrap(), Some(false));
        }
    }
}

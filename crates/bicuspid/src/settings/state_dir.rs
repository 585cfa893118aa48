//! The folder of the local state: known databases, records, staging. Readable by its owner alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use etcetera::AppStrategy as _;

use super::error::SettingsError;

/// Where the state is. The folder is made when something is first put there.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// The folder that was named, or else the platform's place for state.
    pub(crate) fn locate(named: Option<&Path>) -> Result<Self, SettingsError> {
        if let Some(path) = named {
            return Ok(Self { path: path.to_owned() });
        }
        let strategy = etcetera::app_strategy::choose_native_strategy(etcetera::AppStrategyArgs {
            top_level_domain: String::new(),
            author: String::new(),
            app_name: "bicuspid".to_owned(),
        })
        .map_err(|_| SettingsError::NoStateDir)?;
        let path = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        Ok(Self { path })
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder if it is missing, and closes it to others.
    pub(crate) fn ensure(&self) -> Result<(), SettingsError> {
        make_private(&self.path).map_err(|cause| SettingsError::StateDir { path: self.path.clone(), cause })
    }

    /// Reads a file of the state; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let path = self.path.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(SettingsError::StateDir { path, cause }),
        }
    }

    /// Waits for the lock of a file of the state, which another run may be about to replace. It is held until what is
    /// returned is dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<std::fs::File, SettingsError> {
        self.ensure()?;
        let path = self.path.join(format!("{name}.lock"));
        let locked = || -> std::io::Result<std::fs::File> {
            let file = create_private(&path, Existing::Replace)?;
            file.lock()?;
            Ok(file)
        };
        locked().map_err(|cause| SettingsError::StateDir { path: path.clone(), cause })
    }

    /// Replaces a file of the state as a whole: a crash leaves the old one or the new one.
    pub(crate) fn replace(&self, name: &str, text: &str) -> Result<(), SettingsError> {
        self.ensure()?;
        let path = self.path.join(name);
        let written = || -> std::io::Result<()> {
            let next = self.path.join(format!("{name}.next"));
            let mut file = create_private(&next, Existing::Replace)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&next, &path)
        };
        written().map_err(|cause| SettingsError::StateDir { path: path.clone(), cause })
    }
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Its content is lost.
    Replace,
    /// It stays, and the call is an error.
    Keep,
}

/// Creates a file that only its owner can read.
pub(crate) fn create_private(path: &Path, existing: Existing) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    match existing {
        Existing::Replace => options.create(true).truncate(true),
        Existing::Keep => options.create_new(true),
    };
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// The profile's folders of Windows are closed to others by the access list that they hand down.
#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_made_when_it_is_needed_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::locate(Some(&dir.path().join("a/b"))).unwrap();
        assert_eq!(state.read("x.json").unwrap(), None);
        assert!(!state.path().exists(), "looking makes nothing");
        state.replace("x.json", "1").unwrap();
        state.replace("x.json", "2").unwrap();
        assert_eq!(state.read("x.json").unwrap().as_deref(), Some("2"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(state.path()), 0o700);
            assert_eq!(mode(&state.path().join("x.json")), 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_open_to_others_is_closed() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        StateDir::locate(Some(dir.path())).unwrap().ensure().unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

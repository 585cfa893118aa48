//! A crash leaves no image of the memory behind: passwords and rows are in it.

/// Asks the system not to write the memory of this process to disk if it crashes. Where that cannot be asked for, what
/// the system does by itself is its administrator's choice.
#[cfg(unix)]
pub(crate) fn prevent() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    // The limit does not hold where the kernel pipes images into a program.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Windows writes images of crashed programs where its error reporting is told to, and nowhere by itself.
#[cfg(not(unix))]
pub(crate) const fn prevent() {}

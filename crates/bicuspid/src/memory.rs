//! How much memory the process took at most.

/// Peak resident memory of this process in bytes; `None` where the system does not tell without special code.
#[cfg(target_os = "linux")]
pub(crate) fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    // Linux prints kibibytes, whatever it calls them (proc(5)).
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Peak resident memory of this process in bytes; `None` where the system does not tell without special code.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn peak_bytes() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn linux_tells_more_than_a_megabyte() {
        assert!(super::peak_bytes().unwrap() > 1 << 20);
    }
}

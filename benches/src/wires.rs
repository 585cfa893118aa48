//! Bytes on the way from the source and to the target.

use crate::rates::Bench;

/// Counters as they stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wires {
    /// Bytes that the source sent and took, by its own count.
    source: u64,
    /// Bytes that went over the loopback, headers too.
    loopback: u64,
}

impl Wires {
    /// `None` where the system or the server does not say.
    pub(crate) fn now(bench: &Bench) -> Option<Self> {
        let counted = bench.clinic.query(
            "SELECT SUM(variable_value) FROM information_schema.global_status
             WHERE variable_name IN ('bytes_sent', 'bytes_received')",
        );
        let source = counted.into_iter().flatten().flatten().next()?;
        // The server writes it as a number with a fraction.
        let source = std::str::from_utf8(&source).ok()?.split('.').next()?.parse().ok()?;
        let devices = std::fs::read_to_string("/proc/net/dev").ok()?;
        let received = devices.lines().find_map(|line| line.trim_start().strip_prefix("lo:"))?;
        Some(Self { source, loopback: received.split_ascii_whitespace().next()?.parse().ok()? })
    }

    /// Megabytes on either side since then, of work that reached both servers over the loopback while nothing else did.
    /// What is not the source's is the target's.
    pub(crate) fn since(self, before: Self) -> (f64, f64) {
        let source = self.source.saturating_sub(before.source);
        let both = self.loopback.saturating_sub(before.loopback);
        let megabytes = |bytes: u64| crate::pairs::number(bytes) / 1e6;
        (megabytes(source), megabytes(both.saturating_sub(source)))
    }
}

//! Whether rows travel to be compared, or the server is asked for its own hashes of them first.

use bicuspid_guard::server_hash;
use bicuspid_source::{LinkSpeed, Source};
use serde::Serialize;

use crate::error::SyncError;

/// Bytes a second below which asking for hashes is worth what it costs the clinic's server. Measured on MariaDB 10.11:
/// it hashes 40 to 50 MB of wide rows a second, at two to three times the processor time of sending them. Below a tenth
/// of that the link is what a pass waits for.
const THIN_BELOW: u64 = 5_000_000;

/// What a person wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkWish {
    /// The link is measured, and the better way taken.
    Auto,
    /// Chunks are asked for by the server's hash first.
    Thin,
    /// Rows are read.
    #[default]
    Fat,
}

/// How chunks are compared in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkMode {
    /// A chunk is asked for by the server's hash first; its rows travel if that differs.
    Thin,
    /// The rows of every chunk that is looked at travel.
    Fat,
}

impl LinkMode {
    /// The name used in flags and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thin => "thin",
            Self::Fat => "fat",
        }
    }
}

/// Which way was chosen, and why.
#[derive(Debug, Clone, Serialize)]
pub struct LinkReport {
    /// The way.
    pub mode: LinkMode,
    /// Why.
    pub why: String,
    /// Milliseconds of a short question and its answer, where it was measured.
    pub round_trip_ms: Option<f64>,
    /// Bytes that arrive in a second, where it was measured.
    pub bytes_per_second: Option<u64>,
}

impl LinkReport {
    /// The way, why, and what was measured, in one line.
    #[must_use]
    pub fn text(&self) -> String {
        let (mode, why) = (self.mode.name(), &self.why);
        match (self.bytes_per_second, self.round_trip_ms) {
            (Some(bytes), Some(ms)) => {
                let tenths = bytes / 100_000;
                format!(
                    "{mode}: {why} (about {}.{} MB a second, {ms} ms there and back)",
                    tenths / 10,
                    tenths % 10
                )
            }
            _ => format!("{mode}: {why}"),
        }
    }
}

/// Measures the link, and says what a run would make of it. No table is touched.
///
/// # Errors
/// If the source does not answer.
pub async fn measure_link(source: &mut Source) -> Result<LinkReport, SyncError> {
    choose(source, LinkWish::Auto).await
}

/// Chooses the way. Nothing is measured where a person chose [`LinkWish::Fat`].
pub(crate) async fn choose(source: &mut Source, wish: LinkWish) -> Result<LinkReport, SyncError> {
    if wish == LinkWish::Fat {
        let why = "asked for".to_owned();
        return Ok(LinkReport { mode: LinkMode::Fat, why, round_trip_ms: None, bytes_per_second: None });
    }
    let speed = source.measure_link().await?;
    let flavour = source.facts().flavour;
    let unverified = (!server_hash::is_verified(flavour)).then(|| flavour.to_string());
    let (mode, why) = judge(wish, speed, unverified.as_deref());
    Ok(LinkReport {
        mode,
        why,
        round_trip_ms: Some((speed.round_trip.as_secs_f64() * 100_000.0).round() / 100.0),
        bytes_per_second: Some(speed.bytes_per_second),
    })
}

fn judge(wish: LinkWish, speed: LinkSpeed, unverified: Option<&str>) -> (LinkMode, String) {
    let slow = speed.bytes_per_second < THIN_BELOW;
    match (wish, unverified) {
        (LinkWish::Thin, None) => (LinkMode::Thin, "asked for".to_owned()),
        (LinkWish::Thin, Some(server)) => {
            (LinkMode::Thin, format!("asked for, though its hashes were never checked on {server}"))
        }
        (_, None) if slow => (
            LinkMode::Thin,
            format!(
                "the link carries less than {} MB a second: the server hashes rows faster than they travel",
                THIN_BELOW / 1_000_000
            ),
        ),
        (_, Some(server)) if slow => (
            LinkMode::Fat,
            format!(
                "the link is thin, but the server's hashes were never checked on {server}: rows are read"
            ),
        ),
        _ => (LinkMode::Fat, "reading rows burdens the server less than hashing them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_server_is_asked_to_hash_only_where_rows_travel_slowly() {
        let judged = |wish, bytes_per_second, unverified| {
            judge(wish, LinkSpeed { round_trip: Duration::from_millis(1), bytes_per_second }, unverified)
        };
        assert_eq!(judged(LinkWish::Auto, THIN_BELOW, None).0, LinkMode::Fat);
        assert_eq!(judged(LinkWish::Auto, THIN_BELOW - 1, None).0, LinkMode::Thin);
        let (mode, why) = judged(LinkWish::Auto, 1, Some("MySQL 8.0.36"));
        assert_eq!(mode, LinkMode::Fat);
        assert!(why.contains("never checked on MySQL 8.0.36"), "{why}");
        let (mode, why) = judged(LinkWish::Thin, u64::MAX, Some("MySQL 8.0.36"));
        assert_eq!(mode, LinkMode::Thin);
        assert!(why.contains("never checked on MySQL 8.0.36"), "{why}");
    }
}

//! Shards: what of a practice belongs to one, and what was kept for it.

use std::num::NonZeroU32;
use std::ops::Range;

use bicuspid_model::{Table, Value};
use bicuspid_practice::row_digest;

/// A share of the practice: number `index` of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: NonZeroU32,
    of: NonZeroU32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: NonZeroU32::MIN, of: NonZeroU32::MIN };

    /// Shard `index` of `of`, counted from 1; `None` if there is no such.
    #[must_use]
    pub fn new(index: u32, of: u32) -> Option<Self> {
        let (index, of) = (NonZeroU32::new(index)?, NonZeroU32::new(of)?);
        (index <= of).then_some(Self { index, of })
    }

    /// Whether it is all of it.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// The locations that belong to it, of so many, counted from 0; `None` if there are fewer than shards, which then
    /// share the rows of every table.
    #[must_use]
    pub fn locations(self, locations: u32) -> Option<Range<u32>> {
        if locations < self.of.get() {
            return None;
        }
        let (first, end) = self.range(u64::from(locations));
        let number = |at: u64| u32::try_from(at).unwrap_or(locations);
        Some(number(first)..number(end))
    }

    /// What the names of its files have in addition.
    pub(super) fn suffix(self) -> String {
        if self.is_whole() { String::new() } else { format!("-{}-of-{}", self.index, self.of) }
    }

    /// How it is named in a manifest.
    pub(super) fn named(self) -> String {
        format!("{}/{}", self.index, self.of)
    }

    /// The rows of a table with that many that belong to it: from the first up to the second, exclusive.
    pub(super) fn range(self, rows: u64) -> (u64, u64) {
        let at = |part: u32| {
            let at = u128::from(rows) * u128::from(part) / u128::from(self.of.get());
            u64::try_from(at).unwrap_or(rows)
        };
        (at(self.index.get() - 1), at(self.index.get()))
    }
}

/// Which rows of each table are kept of those that happen, and what was kept of them.
pub(super) struct Share {
    /// `None` for all of them.
    ranges: Option<Vec<(u64, u64)>>,
    seen: Vec<u64>,
    kept: Vec<(u64, u128)>,
}

impl Share {
    pub(super) fn new(ranges: Option<Vec<(u64, u64)>>, tables: &[Table]) -> Self {
        Self { ranges, seen: vec![0; tables.len()], kept: vec![(0, 0); tables.len()] }
    }

    pub(super) fn keeps(&mut self, position: usize, row: &[Value]) -> bool {
        let Some(ranges) = &self.ranges else { return true };
        let (Some((from, to)), Some(seen), Some(kept)) =
            (ranges.get(position), self.seen.get_mut(position), self.kept.get_mut(position))
        else {
            return false;
        };
        let keeps = (from..to).contains(&&*seen);
        *seen += 1;
        if keeps {
            *kept = (kept.0 + 1, kept.1.wrapping_add(row_digest(row)));
        }
        keeps
    }

    /// Whether the row at that place of its table belongs to the share.
    pub(super) fn holds(&self, position: usize, ordinal: u64) -> bool {
        let Some(ranges) = &self.ranges else { return true };
        ranges.get(position).is_some_and(|(from, to)| (from..to).contains(&&ordinal))
    }

    /// Rows and digest of what was kept; `None` where everything was.
    pub(super) fn kept(&self, position: usize) -> Option<(u64, u128)> {
        self.ranges.as_ref().and(self.kept.get(position).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_location_belongs_to_one_shard() {
        for (locations, shards) in [(1, 1), (4, 1), (4, 2), (4, 4), (7, 3), (40, 40), (100_000, 333)] {
            let shares =
                (1..=shards).map(|index| Shard::new(index, shards).unwrap().locations(locations).unwrap());
            let mut next = 0;
            for share in shares {
                assert_eq!(share.start, next);
                let even = locations / shards;
                assert!((even..=even + 1).contains(&(share.end - share.start)), "{share:?}");
                next = share.end;
            }
            assert_eq!(next, locations);
        }
        assert_eq!(Shard::new(2, 4).unwrap().locations(3), None);
        assert_eq!(Shard::new(1, 2).unwrap().locations(1), None);
    }
}

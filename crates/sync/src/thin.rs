//! Comparing chunks by the server's own hashes, so that rows which did not change need not travel.

use bicuspid_guard::{RowHash, server_hash};
use bicuspid_model::{FingerprintKey, KeyBound, ServerSum};
use bicuspid_source::{RangeSum, Reader, SourceFacts, Walk};
use bicuspid_target::ChunkState;

use crate::error::SyncError;
use crate::shape::Shaped;

/// How the server hashes the rows of a table.
#[derive(Debug, Clone)]
pub(crate) struct Thin {
    pub(crate) hash: RowHash,
    /// See [`bicuspid_model::ServerHash::recipe`].
    pub(crate) recipe: u64,
}

impl Thin {
    /// The hash of a table's rows, or why it is not asked for.
    pub(crate) fn of(shaped: &Shaped, facts: &SourceFacts) -> Result<Self, &'static str> {
        if shaped.walk == Walk::Whole {
            return Err("it has no key to walk by");
        }
        let hash = RowHash::of(&shaped.table.columns).ok_or("it has no column to hash")?;
        let parts =
            [server_hash::ALGORITHM, hash.text(), &shaped.signature(), &shaped.forms(), &facts.version];
        // Quoted, so that no two lists of parts make one text.
        let text = format!("{parts:?}");
        // No secret: it says which of two recipes was used, and proves nothing.
        let digest = FingerprintKey::new([0; 16]).hash(text.as_bytes());
        let recipe = u64::try_from(digest >> 64).unwrap_or_default();
        Ok(Self { hash, recipe })
    }
}

/// Chunks that the server was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    /// How many.
    pub(crate) chunks: u64,
    /// Those of them that it showed unchanged, so that their rows were not read.
    pub(crate) equal: u64,
}

/// Asks about chunks, some at a time while they are unchanged.
#[derive(Debug)]
pub(crate) struct Asker {
    recipe: u64,
    /// Chunks that one question is about, at most.
    width: usize,
    /// Chunks from the next one on that are known to be unchanged.
    ahead: usize,
    asked: Asked,
}

impl Asker {
    pub(crate) const fn new(thin: &Thin) -> Self {
        Self { recipe: thin.recipe, width: usize::MAX, ahead: 0, asked: Asked { chunks: 0, equal: 0 } }
    }

    /// What was asked.
    pub(crate) const fn asked(&self) -> Asked {
        self.asked
    }

    /// Whether the server shows the first of these chunks unchanged. They follow each other, the first one begins behind
    /// `lower`, and the last one is open if `is_end`.
    pub(crate) async fn is_unchanged(
        &mut self,
        reader: &mut Reader<'_>,
        chunks: &[ChunkState],
        lower: Option<KeyBound>,
        is_end: bool,
    ) -> Result<bool, SyncError> {
        while self.ahead == 0 {
            let (count, expected) = group(chunks, self.recipe, self.width, reader.rows_asked_at_once());
            let Some(last) = count.checked_sub(1).and_then(|last| chunks.get(last)) else { return Ok(false) };
            let up_to = if is_end && count == chunks.len() { None } else { last.upper.as_ref() };
            self.asked.chunks += u64::try_from(count).unwrap_or(u64::MAX);
            let found = reader.sum(lower.clone(), up_to, expected.rows).await?;
            if found == Some(expected) {
                self.width = self.width.saturating_mul(2);
                self.ahead = count;
                self.asked.equal += u64::try_from(count).unwrap_or(u64::MAX);
            } else {
                self.width = (count / 2).max(1);
                if count == 1 {
                    return Ok(false);
                }
                // Asked again with fewer others beside it.
                self.asked.chunks -= u64::try_from(count).unwrap_or(u64::MAX);
            }
        }
        self.ahead -= 1;
        Ok(true)
    }
}

/// How many of the chunks, of one recipe, a question may be about, and what they hold together if nothing changed.
fn group(chunks: &[ChunkState], recipe: u64, width: usize, rows_max: u64) -> (usize, RangeSum) {
    let mut all = RangeSum { rows: 0, sum: ServerSum::default() };
    let mut count = 0;
    for chunk in chunks.iter().take(width) {
        let Some(server) = chunk.marks.server.filter(|server| server.recipe == recipe) else { break };
        if count > 0 && all.rows + chunk.fingerprint.rows > rows_max {
            break;
        }
        all.rows += chunk.fingerprint.rows;
        all.sum.merge(server.sum);
        count += 1;
    }
    (count, all)
}

#[cfg(test)]
mod tests {
    use bicuspid_model::{Fingerprint, ServerHash};
    use bicuspid_target::Marks;

    use super::*;

    fn chunk(rows: u64, recipe: u64) -> ChunkState {
        let server = Some(ServerHash { recipe, sum: ServerSum { high: rows, low: 1 } });
        ChunkState {
            upper: None,
            fingerprint: Fingerprint { rows, sum: 0 },
            marks: Marks { server, cells: None },
        }
    }

    #[test]
    fn a_question_is_about_chunks_of_one_recipe_and_as_many_rows_as_fit() {
        let chunks = [chunk(10, 7), chunk(20, 7), chunk(30, 7), chunk(1, 8)];
        let of = |width, rows_max| {
            let (count, all) = group(&chunks, 7, width, rows_max);
            (count, all.rows, all.sum.low)
        };
        assert_eq!(of(usize::MAX, 1000), (3, 60, 3), "what another recipe made says nothing");
        assert_eq!(of(2, 1000), (2, 30, 2));
        assert_eq!(of(usize::MAX, 59), (2, 30, 2));
        assert_eq!(of(usize::MAX, 5), (1, 10, 1), "one chunk is asked about whatever its size");
        assert_eq!(group(&chunks, 8, 9, 9).0, 0);
    }
}

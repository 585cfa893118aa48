//! Sums of row hashes that a server made itself.
//!
//! They stand beside a [`crate::Fingerprint`], never in its place: the server's functions are trusted for them. Over a
//! thin link they tell which chunks need not be read again.

/// The wrapping sums of both halves of the hashes of a set of rows. Because they are sums and not exclusive ors, two
/// equal rows do not cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerSum {
    /// Sum of the first halves.
    pub high: u64,
    /// Sum of the second halves.
    pub low: u64,
}

impl ServerSum {
    /// The hash of one row, as it came from the server.
    #[must_use]
    pub fn of_row(hash: [u8; 16]) -> Self {
        let whole = u128::from_be_bytes(hash);
        let half = |v: u128| u64::try_from(v & u128::from(u64::MAX)).unwrap_or_default();
        Self { high: half(whole >> 64), low: half(whole) }
    }

    /// Adds other rows.
    pub const fn merge(&mut self, other: Self) {
        self.high = self.high.wrapping_add(other.high);
        self.low = self.low.wrapping_add(other.low);
    }

    /// The sum with other rows.
    #[must_use]
    pub const fn with(mut self, other: Self) -> Self {
        self.merge(other);
        self
    }

    /// Both sums, big-endian, as they are stored.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.high) << 64) | u128::from(self.low)).to_be_bytes()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        // The sums of one row are its halves.
        Self::of_row(bytes)
    }
}

/// A sum, and by which recipe the rows were hashed. Sums of two recipes say nothing about each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHash {
    /// Digest of everything that a row's hash depends on beside the row: the expression, the columns' types, the
    /// server's version.
    pub recipe: u64,
    /// The sum.
    pub sum: ServerSum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_add_up_apart_and_come_back() {
        let mut hash = [0xff; 16];
        let mut sum = ServerSum::of_row(hash);
        assert_eq!(sum, ServerSum { high: u64::MAX, low: u64::MAX });
        hash = [0; 16];
        hash[7] = 3;
        hash[15] = 1;
        sum.merge(ServerSum::of_row(hash));
        assert_eq!(sum, ServerSum { high: 2, low: 0 }, "a half that overflows does not touch the other");
        assert_eq!(ServerSum::from_bytes(sum.to_bytes()), sum);
        let twice = |row: [u8; 16]| {
            let mut sum = ServerSum::of_row(row);
            sum.merge(ServerSum::of_row(row));
            sum
        };
        assert_ne!(twice(hash), ServerSum::default(), "equal rows must not cancel");
    }
}

//! Fingerprints of sets of canonical rows.
//!
//! A fingerprint is the number of rows and the wrapping sum of a keyed 128-bit hash of each. The sum does not care
//! about order, so rows may be read in pieces and in any order; because it is a sum and not an exclusive or, two
//! equal rows do not cancel. The key is drawn at random for each target, so nobody can prepare rows that collide.

use siphasher::sip128::SipHasher24;

/// Name and version of the algorithm, kept beside every stored fingerprint; a change means proving again.
pub const ALGORITHM: &str = "siphash-2-4-128/sum128/1";

/// The secret key of the row hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FingerprintKey([u8; 16]);

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

impl FingerprintKey {
    /// Wraps sixteen random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept beside the fingerprints.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The hash of one canonical row, or of any other bytes.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> u128 {
        SipHasher24::new_with_key(&self.0).hash(bytes).as_u128()
    }

    /// A secret number for another hash, one for each purpose. A purpose that begins with letters is no canonical row:
    /// rows begin with the number of their fields, which is never that large.
    #[must_use]
    pub fn seed(&self, purpose: &[u8]) -> u64 {
        u64::try_from(self.hash(purpose) >> 64).unwrap_or_default()
    }
}

/// Row count and sum of row hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// Rows.
    pub rows: u64,
    /// Sum of their hashes, mod 2^128.
    pub sum: u128,
}

impl Fingerprint {
    /// Adds one row by its hash.
    pub const fn add(&mut self, row_hash: u128) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(row_hash);
    }

    /// Adds all rows of another fingerprint.
    pub const fn merge(&mut self, other: Self) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Takes the rows of another fingerprint out again.
    pub const fn remove(&mut self, other: Self) {
        self.rows = self.rows.wrapping_sub(other.rows);
        self.sum = self.sum.wrapping_sub(other.sum);
    }

    /// The sum as big-endian bytes, as it is stored.
    #[must_use]
    pub const fn sum_bytes(&self) -> [u8; 16] {
        self.sum.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use siphasher::sip128::Hasher128 as _;

    use super::*;

    const KEY: FingerprintKey = FingerprintKey::new([7; 16]);

    fn of(rows: &[&[u8]]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for row in rows {
            fingerprint.add(KEY.hash(row));
        }
        fingerprint
    }

    #[test]
    fn order_does_not_matter_but_number_does() {
        assert_eq!(of(&[b"a", b"b", b"c"]), of(&[b"c", b"a", b"b"]));
        assert_ne!(of(&[b"a", b"a"]), of(&[b"b", b"b"]), "equal rows must not cancel");
        assert_ne!(of(&[b"a", b"a"]).sum, of(&[]).sum);
    }

    #[test]
    fn hashes_are_those_of_the_algorithm_that_is_recorded() {
        // The first of the vectors that its authors publish: this key, no message.
        let key = FingerprintKey::new(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(key.hash(b""), 0x9302_55c7_1472_f66d_e6a8_25ba_047f_81a3);
        // However the bytes are handed over.
        let bytes: Vec<u8> = (0..64).collect();
        for length in 0..bytes.len() {
            let mut hasher = SipHasher24::new_with_key(key.bytes());
            bytes[..length].iter().for_each(|byte| hasher.write_u8(*byte));
            assert_eq!(key.hash(&bytes[..length]), hasher.finish128().as_u128(), "{length}");
        }
    }

    #[test]
    fn one_bit_and_the_key_matter() {
        assert_ne!(of(&[b"\x00"]), of(&[b"\x01"]));
        assert_ne!(KEY.hash(b"a"), FingerprintKey::new([8; 16]).hash(b"a"));
    }

    #[test]
    fn seeds_depend_on_the_key_and_on_the_purpose() {
        assert_eq!(KEY.seed(b"a"), KEY.seed(b"a"));
        assert_ne!(KEY.seed(b"a"), KEY.seed(b"b"));
        assert_ne!(KEY.seed(b"a"), FingerprintKey::new([8; 16]).seed(b"a"));
    }

    #[test]
    fn merge_and_remove_are_inverse() {
        let mut sum = of(&[b"a", b"b"]);
        sum.merge(of(&[b"c"]));
        assert_eq!(sum, of(&[b"a", b"b", b"c"]));
        sum.remove(of(&[b"a"]));
        assert_eq!(sum, of(&[b"b", b"c"]));
    }
}

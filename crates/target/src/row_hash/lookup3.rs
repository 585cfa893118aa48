//! The hash that PostgreSQL's `hash*extended` functions are made of.
//!
//! It is Bob Jenkins's public-domain lookup3 (2006), started from a constant that holds the length, with a 64-bit seed
//! taken in as if it were one more block before the first; the last two of its three words are the result. Taken from
//! PostgreSQL's `src/common/hashfn.c` (`hash_bytes_extended`, `hash_bytes_uint32_extended`), the same in versions 11 to
//! 17, for servers whose processors keep the low byte first. Hash partitions on disk depend on it, so it does not
//! change. Vectors that a server gave are in the tests.

/// What the three words start from, without the length.
const START: u32 = 0x9e37_79b9_u32.wrapping_add(3_923_095);

/// A number of each of some hashes that are computed side by side: the compiler makes one instruction of a step of all.
type Each<T, const N: usize> = [T; N];

/// The state between two blocks, of `N` hashes.
struct Words<const N: usize>(Each<u32, N>, Each<u32, N>, Each<u32, N>);

fn both<const N: usize>(
    mut left: Each<u32, N>,
    right: Each<u32, N>,
    step: impl Fn(u32, u32) -> u32,
) -> Each<u32, N> {
    left.iter_mut().zip(right).for_each(|(left, right)| *left = step(*left, right));
    left
}

fn add<const N: usize>(left: Each<u32, N>, right: Each<u32, N>) -> Each<u32, N> {
    both(left, right, u32::wrapping_add)
}

/// `(left - right) ^ (by turned to the left by so many bits)`
fn mixed<const N: usize>(
    left: Each<u32, N>,
    right: Each<u32, N>,
    by: Each<u32, N>,
    bits: u32,
) -> Each<u32, N> {
    both(both(left, right, u32::wrapping_sub), by, |left, by| left ^ by.rotate_left(bits))
}

/// `(left ^ by) - (by turned to the left by so many bits)`
fn finished<const N: usize>(left: Each<u32, N>, by: Each<u32, N>, bits: u32) -> Each<u32, N> {
    both(left, by, |left, by| (left ^ by).wrapping_sub(by.rotate_left(bits)))
}

impl<const N: usize> Words<N> {
    #[inline]
    fn begin(length: u32, seeds: Each<u64, N>) -> Self {
        let start = START.wrapping_add(length);
        let same = [start; N];
        let mut words = Self(add(same, seeds.map(high)), add(same, seeds.map(low)), same).mix();
        // A seed of zero is none.
        let Self(a, b, c) = &mut words;
        for (((a, b), c), seed) in a.iter_mut().zip(b).zip(c).zip(seeds) {
            if seed == 0 {
                (*a, *b, *c) = (start, start, start);
            }
        }
        words
    }

    #[inline]
    fn add(self, words: [Each<u32, N>; 3]) -> Self {
        let [first, second, third] = words;
        Self(add(self.0, first), add(self.1, second), add(self.2, third))
    }

    /// Mixes so that nothing is lost: another block may follow.
    #[inline]
    fn mix(self) -> Self {
        let Self(mut a, mut b, mut c) = self;
        a = mixed(a, c, c, 4);
        c = add(c, b);
        b = mixed(b, a, a, 6);
        a = add(a, c);
        c = mixed(c, b, b, 8);
        b = add(b, a);
        a = mixed(a, c, c, 16);
        c = add(c, b);
        b = mixed(b, a, a, 19);
        a = add(a, c);
        c = mixed(c, b, b, 4);
        b = add(b, a);
        Self(a, b, c)
    }

    /// Mixes for the last time.
    #[inline]
    fn finish(self) -> Each<u64, N> {
        let Self(mut a, mut b, mut c) = self;
        c = finished(c, b, 14);
        a = finished(a, c, 11);
        b = finished(b, a, 25);
        c = finished(c, b, 16);
        a = finished(a, c, 4);
        b = finished(b, a, 14);
        c = finished(c, b, 24);
        let mut hashes = b.map(|high| u64::from(high) << 32);
        hashes.iter_mut().zip(c).for_each(|(hash, low)| *hash |= u64::from(low));
        hashes
    }
}

fn high(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or_default()
}

fn low(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default()
}

/// `hash_bytes_extended`. PostgreSQL has no value longer than 1 GiB.
pub(crate) fn bytes(value: &[u8], seed: u64) -> u64 {
    let mut words = Words::begin(u32::try_from(value.len()).unwrap_or(u32::MAX), [seed]);
    let (blocks, rest) = value.as_chunks::<12>();
    for block in blocks {
        words = words.add(words_of(block).map(|word| [word])).mix();
    }
    let mut last = [0_u8; 12];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let [first, second, third] = words_of(&last);
    // The lowest byte of the third word is left to the length.
    let [hash] = words.add([first, second, third << 8].map(|word| [word])).finish();
    hash
}

fn words_of(block: &[u8; 12]) -> [u32; 3] {
    let (words, _) = block.as_chunks::<4>();
    let word = |i: usize| words.get(i).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    [word(0), word(1), word(2)]
}

/// `hash_bytes_uint32_extended`, of some values with a seed each.
#[inline]
pub(super) fn words<const N: usize>(values: Each<u32, N>, seeds: Each<u64, N>) -> Each<u64, N> {
    let words = Words::begin(4, seeds);
    Words(add(words.0, values), words.1, words.2).finish()
}

/// What `hashint8extended` hashes as if it were an `integer`: both halves in one word, so that an integer hashes alike
/// whatever its width.
pub(super) fn fold(value: i64) -> u32 {
    let bits = value.cast_unsigned();
    low(bits) ^ if value >= 0 { high(bits) } else { !high(bits) }
}

/// `hashfloat8extended`, of some values with a seed each: a zero of either sign leaves the seed as it is, and every NaN is
/// the standard one.
#[inline]
pub(super) fn floats<const N: usize>(values: Each<f64, N>, seeds: Each<u64, N>) -> Each<u64, N> {
    let bits = values.map(|value| if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() });
    let words = Words::begin(8, seeds);
    let mut hashes = Words(add(words.0, bits.map(low)), add(words.1, bits.map(high)), words.2).finish();
    for ((hash, value), seed) in hashes.iter_mut().zip(values).zip(seeds) {
        if is_zero(value) {
            *hash = seed;
        }
    }
    hashes
}

/// Whether it is 0 or -0.
pub(super) const fn is_zero(value: f64) -> bool {
    value.to_bits() << 1 == 0
}

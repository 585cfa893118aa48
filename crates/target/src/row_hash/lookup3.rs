//! The hash that PostgreSQL's `hash*extended` functions are made of.
//!
//! It is Bob Jenkins's public-domain lookup3 (2006), started from a constant that holds the length, with a 64-bit seed
//! taken in as if it were one more block before the first; the last two of its three words are the result. Taken from
//! PostgreSQL's `src/common/hashfn.c` (`hash_bytes_extended`, `hash_bytes_uint32_extended`), the same in versions 11 to
//! 17, for servers whose processors keep the low byte first. Hash partitions on disk depend on it, so it does not
//! change. Vectors that a server gave are in the tests.

/// What the three words start from, without the length.
const START: u32 = 0x9e37_79b9_u32.wrapping_add(3_923_095);

/// The state between two blocks.
struct Words(u32, u32, u32);

impl Words {
    fn begin(length: u32, seed: u64) -> Self {
        let start = START.wrapping_add(length);
        let mut words = Self(start, start, start);
        if seed != 0 {
            words.0 = words.0.wrapping_add(high(seed));
            words.1 = words.1.wrapping_add(low(seed));
            words.mix();
        }
        words
    }

    const fn add(&mut self, words: [u32; 3]) {
        let [first, second, third] = words;
        self.0 = self.0.wrapping_add(first);
        self.1 = self.1.wrapping_add(second);
        self.2 = self.2.wrapping_add(third);
    }

    /// Mixes so that nothing is lost: another block may follow.
    const fn mix(&mut self) {
        let Self(mut a, mut b, mut c) = *self;
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        *self = Self(a, b, c);
    }

    /// Mixes for the last time.
    fn finish(self) -> u64 {
        let Self(mut a, mut b, mut c) = self;
        c = (c ^ b).wrapping_sub(b.rotate_left(14));
        a = (a ^ c).wrapping_sub(c.rotate_left(11));
        b = (b ^ a).wrapping_sub(a.rotate_left(25));
        c = (c ^ b).wrapping_sub(b.rotate_left(16));
        a = (a ^ c).wrapping_sub(c.rotate_left(4));
        b = (b ^ a).wrapping_sub(a.rotate_left(14));
        c = (c ^ b).wrapping_sub(b.rotate_left(24));
        u64::from(b) << 32 | u64::from(c)
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
    let mut words = Words::begin(u32::try_from(value.len()).unwrap_or(u32::MAX), seed);
    let (blocks, rest) = value.as_chunks::<12>();
    for block in blocks {
        words.add(words_of(block));
        words.mix();
    }
    let mut last = [0_u8; 12];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let [first, second, third] = words_of(&last);
    // The lowest byte of the third word is left to the length.
    words.add([first, second, third << 8]);
    words.finish()
}

fn words_of(block: &[u8; 12]) -> [u32; 3] {
    let (words, _) = block.as_chunks::<4>();
    let word = |i: usize| words.get(i).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    [word(0), word(1), word(2)]
}

/// `hash_bytes_uint32_extended`.
pub(super) fn word(value: u32, seed: u64) -> u64 {
    let mut words = Words::begin(4, seed);
    words.0 = words.0.wrapping_add(value);
    words.finish()
}

/// `hashint8extended`: both halves in one word, so that an integer hashes alike whatever its width.
pub(super) fn wide(value: i64, seed: u64) -> u64 {
    let bits = value.cast_unsigned();
    let fold = low(bits) ^ if value >= 0 { high(bits) } else { !high(bits) };
    word(fold, seed)
}

/// `hashfloat8extended`: a zero of either sign leaves the seed as it is, and every NaN is the standard one.
pub(super) fn float(value: f64, seed: u64) -> u64 {
    if is_zero(value) {
        return seed;
    }
    let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
    bytes(&bits.to_le_bytes(), seed)
}

/// Whether it is 0 or -0.
pub(super) const fn is_zero(value: f64) -> bool {
    value.to_bits() << 1 == 0
}

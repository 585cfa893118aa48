//! Chance: the same everywhere, and independent for each stream.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// What a stream of chance is about. The number is part of the stream and must never change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// A family: its people, its decisions.
    Family = 1,
    /// The practice itself: staff and catalogue.
    Office = 2,
    /// A payer and its plans.
    Payer = 3,
    /// A day at the front desk.
    Day = 4,
    /// Families that come on a day after the as-of date.
    Arrivals = 5,
    /// The people who work here.
    Staff = 20,
    /// What the program keeps of appointments.
    Book = 21,
    /// A form that somebody filled in.
    Forms = 22,
    /// A message on its way.
    Post = 23,
    /// The chart of a visit.
    Chart = 24,
    /// Health of a patient.
    Health = 25,
    /// What is on file of a patient.
    File = 26,
    /// A claim's paper.
    Claims = 27,
    /// To-do items and stores.
    Tasks = 28,
    /// A day of the staff.
    Hours = 29,
    /// A group of locations.
    Group = 30,
}

impl Stream {
    const fn number(self) -> u64 {
        match self {
            Self::Family => 1,
            Self::Office => 2,
            Self::Payer => 3,
            Self::Day => 4,
            Self::Arrivals => 5,
            Self::Staff => 20,
            Self::Book => 21,
            Self::Forms => 22,
            Self::Post => 23,
            Self::Chart => 24,
            Self::Health => 25,
            Self::File => 26,
            Self::Claims => 27,
            Self::Tasks => 28,
            Self::Hours => 29,
            Self::Group => 30,
        }
    }
}

/// A stream of random numbers (xoshiro256**, Blackman and Vigna 2018), all integer arithmetic.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    state: [u64; 4],
}

impl Draw {
    /// The stream for step `step` of the thing `id`. Streams of different things or steps share nothing, so the order in
    /// which they are used does not matter.
    pub(crate) fn new(seed: u64, stream: Stream, id: u64, step: u64) -> Self {
        let mut state = [0; 4];
        for (word, value) in (0_u64..).zip(&mut state) {
            let mut hasher = SipHasher24::new_with_keys(seed, 0x6269_6375_7370_6964);
            hasher.write(&stream.number().to_le_bytes());
            hasher.write(&id.to_le_bytes());
            hasher.write(&step.to_le_bytes());
            hasher.write(&word.to_le_bytes());
            *value = hasher.finish();
        }
        Self { state }
    }

    /// Sixty-four bits, for a seed.
    pub(crate) fn word(&mut self) -> u64 {
        self.next()
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `limit`; 0 if the limit is 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let scaled = ((self.next() >> 32) * u64::from(limit)) >> 32;
        u32::try_from(scaled).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included; `low` if they are the wrong way round.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        let width = u32::try_from(high.saturating_sub(low)).unwrap_or_default();
        low.saturating_add_unsigned(self.below(width.saturating_add(1)))
    }

    /// Whether something with a chance of `permille` in a thousand happens.
    pub(crate) fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < permille
    }

    /// One of the items, each as likely as the others; the type's default if there is none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let position = self.position(items.len());
        items.get(position).copied().unwrap_or_default()
    }

    /// A position in a list of that length; 0 if it is empty.
    pub(crate) fn position(&mut self, length: usize) -> usize {
        let position = self.below(u32::try_from(length).unwrap_or(u32::MAX));
        usize::try_from(position).unwrap_or_default()
    }

    /// One of the items, as likely as its weight says.
    pub(crate) fn weighted<T: Copy + Default>(&mut self, items: &[(T, u32)]) -> T {
        chosen(items, self.below(items.iter().map(|(_, weight)| weight).sum()))
    }

    /// A value along a curve given by its quantiles at equal steps from 0 to 100 %, straight in between.
    pub(crate) fn along(&mut self, quantiles: &[i32]) -> i32 {
        let steps = u32::try_from(quantiles.len().saturating_sub(1)).unwrap_or_default();
        let at = self.below(steps.saturating_mul(1024));
        let position = usize::try_from(at / 1024).unwrap_or_default();
        let (Some(low), Some(high)) = (quantiles.get(position), quantiles.get(position + 1)) else {
            return 0;
        };
        low + (high - low) * i32::try_from(at % 1024).unwrap_or_default() / 1024
    }
}

/// Chance that is dealt out: over many things that are counted, whatever is asked of it happens almost exactly as often
/// as its share says. The steps are those of additive recurrences; no two questions go along together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread(u32);

/// Steps in 2^32: fractional parts of pi and of square roots of primes.
const STEPS: [u32; 9] = [
    608_135_816,
    1_779_033_703,
    3_144_134_277,
    1_013_904_242,
    2_773_480_762,
    1_359_893_119,
    2_600_822_924,
    528_734_635,
    1_541_459_225,
];

impl Spread {
    /// The share of chance that falls to the thing with this number, for the question at a position below nine.
    pub(crate) fn new(number: u32, seed: u64, question: usize) -> Self {
        let step = STEPS.get(question).copied().unwrap_or(1);
        let id = u64::try_from(question).unwrap_or_default();
        let first = Draw::new(seed, Stream::Payer, id, 4).below(u32::MAX);
        Self(first.wrapping_add(number.wrapping_mul(step)))
    }

    fn below(self, limit: u32) -> u32 {
        u32::try_from((u64::from(self.0) * u64::from(limit)) >> 32).unwrap_or_default()
    }

    /// Whether something with a chance of `permille` in a thousand happens.
    pub(crate) fn chance(self, permille: u32) -> bool {
        self.below(1000) < permille
    }

    /// One of the items, each as often as the others; the type's default if there is none.
    pub(crate) fn pick<T: Copy + Default>(self, items: &[T]) -> T {
        let position = self.below(u32::try_from(items.len()).unwrap_or(u32::MAX));
        usize::try_from(position).ok().and_then(|p| items.get(p)).copied().unwrap_or_default()
    }

    /// One of the items, as often as its weight says.
    pub(crate) fn weighted<T: Copy + Default>(self, items: &[(T, u32)]) -> T {
        chosen(items, self.below(items.iter().map(|(_, weight)| weight).sum()))
    }
}

/// The item at a place among the weights.
fn chosen<T: Copy + Default>(items: &[(T, u32)], mut place: u32) -> T {
    for (item, weight) in items {
        match place.checked_sub(*weight) {
            Some(rest) => place = rest,
            None => return *item,
        }
    }
    T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_every_time_and_differ_from_each_other() {
        let first = |seed, stream, id, step| Draw::new(seed, stream, id, step).next();
        let a = first(1, Stream::Family, 1, 0);
        assert_eq!(a, first(1, Stream::Family, 1, 0));
        for other in [
            first(2, Stream::Family, 1, 0),
            first(1, Stream::Office, 1, 0),
            first(1, Stream::Family, 2, 0),
            first(1, Stream::Family, 1, 1),
        ] {
            assert_ne!(a, other);
        }
        // Pinned: a change here changes every practice ever made.
        assert_eq!(Draw::new(0, Stream::Family, 0, 0).below(1_000_000), 506_454);
    }

    #[test]
    fn draws_stay_in_their_bounds_and_reach_them() {
        let mut draw = Draw::new(7, Stream::Day, 0, 0);
        let mut seen = [0_u32; 5];
        for _ in 0..5000 {
            let n = draw.between(-2, 2);
            seen[usize::try_from(n + 2).unwrap()] += 1;
            let along = draw.along(&[0, 10, 100]);
            assert!((0..100).contains(&along));
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        assert_eq!(draw.between(3, 1), 3);
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.pick::<u8>(&[]), 0);
        assert!(!draw.chance(0) && draw.chance(1000));
    }

    #[test]
    fn weights_count() {
        let mut draw = Draw::new(7, Stream::Day, 0, 1);
        let heavy = (0..10_000).filter(|_| draw.weighted(&[('a', 1), ('b', 3)]) == 'b').count();
        assert!((7300..7700).contains(&heavy), "{heavy}");
    }
}

//! Things by number. The number doubles as the key in the database, counted from 1.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::marker::PhantomData;

use crate::error::PracticeError;

/// The number of a thing of one kind: 0 for none. Millions of things name others, so it takes four bytes; no kind has
/// billions.
pub(crate) trait Key: Copy + Ord + Hash {
    /// What the things are called in an error.
    const KIND: &'static str;
    /// The key with this number in the database.
    fn from_num(num: i64) -> Self;
    /// The number in the database.
    fn num(self) -> i64;
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub(crate) struct $name(u32);

        impl Key for $name {
            const KIND: &'static str = $kind;
            fn from_num(num: i64) -> Self {
                Self(u32::try_from(num).unwrap_or_default())
            }
            fn num(self) -> i64 {
                i64::from(self.0)
            }
        }

        impl From<$name> for bicuspid_model::Value {
            fn from(key: $name) -> Self {
                Self::Int(key.num())
            }
        }
    };
}

key!(
    /// A patient.
    PatientKey, "patient"
);
key!(
    /// A family.
    FamilyKey, "family"
);
key!(
    /// An appointment.
    VisitKey, "appointment"
);
key!(
    /// A procedure.
    ProcedureKey, "procedure"
);
key!(
    /// A claim.
    ClaimKey, "claim"
);
key!(
    /// A provider.
    ProviderKey, "provider"
);
key!(
    /// A chair.
    ChairKey, "chair"
);
key!(
    /// A carrier.
    CarrierKey, "carrier"
);
key!(
    /// A plan.
    PlanKey, "plan"
);
key!(
    /// A procedure code.
    CodeKey, "code"
);

/// Things in one piece of an arena: what is unused of the last piece is little, and no piece ever moves.
const PIECE: usize = 1024;

/// Things of one kind that stay. Each has its key for good.
#[derive(Debug)]
pub(crate) struct Arena<K, T> {
    pieces: Vec<Vec<T>>,
    key: PhantomData<K>,
}

impl<K: Key, T> Default for Arena<K, T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), key: PhantomData }
    }
}

impl<K: Key, T> Arena<K, T> {
    fn position(key: K) -> usize {
        usize::try_from(key.num() - 1).unwrap_or(usize::MAX)
    }

    /// Adds a thing.
    pub(crate) fn add(&mut self, thing: T) -> K {
        if let Some(piece) = self.pieces.last_mut().filter(|piece| piece.len() < PIECE) {
            piece.push(thing);
        } else {
            // The first piece of a kind of which there are few takes no room for many.
            let mut piece = Vec::with_capacity(if self.pieces.is_empty() { 0 } else { PIECE });
            piece.push(thing);
            self.pieces.push(piece);
        }
        K::from_num(i64::try_from(self.added()).unwrap_or(i64::MAX))
    }

    /// The thing with this key.
    pub(crate) fn get(&self, key: K) -> Result<&T, PracticeError> {
        self.find(key).ok_or(PracticeError::Fault(K::KIND))
    }

    /// The thing with this key, if there is one.
    pub(crate) fn find(&self, key: K) -> Option<&T> {
        let position = Self::position(key);
        self.pieces.get(position / PIECE)?.get(position % PIECE)
    }

    /// The thing with this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: K) -> Result<&mut T, PracticeError> {
        let position = Self::position(key);
        let piece = self.pieces.get_mut(position / PIECE);
        piece.and_then(|piece| piece.get_mut(position % PIECE)).ok_or(PracticeError::Fault(K::KIND))
    }

    /// The keys of all things, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = K> + use<K, T> {
        (1..=i64::try_from(self.added()).unwrap_or(i64::MAX)).map(K::from_num)
    }

    /// All things, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.keys().zip(self.pieces.iter().flatten())
    }

    /// How many were added.
    pub(crate) fn added(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }
}

/// Things of one kind that come in great number and are soon over. Each has its key for good; what was taken out leaves
/// nothing behind.
#[derive(Debug)]
pub(crate) struct Passing<K, T> {
    things: HashMap<K, Box<T>, BuildHasherDefault<KeyHasher>>,
    added: i64,
}

impl<K, T> Default for Passing<K, T> {
    fn default() -> Self {
        Self { things: HashMap::default(), added: 0 }
    }
}

impl<K: Key, T> Passing<K, T> {
    /// The key that the next thing will get.
    pub(crate) fn next_key(&self) -> K {
        K::from_num(self.added + 1)
    }

    /// Adds a thing.
    pub(crate) fn add(&mut self, thing: T) -> K {
        let key = self.next_key();
        self.added += 1;
        self.things.insert(key, Box::new(thing));
        key
    }

    /// Uses up a key for a thing that is over at once.
    pub(crate) fn skip(&mut self) -> K {
        let key = self.next_key();
        self.added += 1;
        key
    }

    /// The thing with this key.
    pub(crate) fn get(&self, key: K) -> Result<&T, PracticeError> {
        self.find(key).ok_or(PracticeError::Fault(K::KIND))
    }

    /// The thing with this key, if it is still there.
    pub(crate) fn find(&self, key: K) -> Option<&T> {
        self.things.get(&key).map(|thing| &**thing)
    }

    /// The thing with this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: K) -> Result<&mut T, PracticeError> {
        self.things.get_mut(&key).map(|thing| &mut **thing).ok_or(PracticeError::Fault(K::KIND))
    }

    /// Takes the thing out; its key is not used again.
    pub(crate) fn take(&mut self, key: K) -> Result<T, PracticeError> {
        self.things.remove(&key).map(|thing| *thing).ok_or(PracticeError::Fault(K::KIND))
    }

    /// The keys of the things that are there, in order.
    pub(crate) fn keys(&self) -> Vec<K> {
        let mut keys: Vec<K> = self.things.keys().copied().collect();
        keys.sort_unstable();
        keys
    }
}

/// Spreads keys, which are counted, over a table. Nobody outside chooses them.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The table looks at the lowest bits and at the highest.
        let product = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }
}

/// Adds to a list that stays short and of which there are many: it makes room for little more than it holds.
pub(crate) fn add_to<T>(list: &mut Vec<T>, thing: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 2).max(1));
    }
    list.push(thing);
}

/// Gives room back after things were taken from such a list.
pub(crate) fn shrink<T>(list: &mut Vec<T>) {
    if list.is_empty() || list.capacity() > 2 * list.len() + 2 {
        list.shrink_to_fit();
    }
}

/// Hands out the keys of a table whose rows nobody looks back at.
#[derive(Debug, Default)]
pub(crate) struct Counter(i64);

impl Counter {
    /// The key that was handed out last, 0 before the first.
    pub(crate) fn latest(&self) -> i64 {
        self.0
    }

    /// The next key.
    pub(crate) fn next(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_count_from_one() {
        let mut arena: Arena<VisitKey, char> = Arena::default();
        let (a, b) = (arena.add('a'), arena.add('b'));
        assert_eq!((a.num(), b.num(), arena.added()), (1, 2, 2));
        assert!(arena.get(VisitKey::default()).is_err() && arena.get(VisitKey::from_num(3)).is_err());
        assert_eq!(arena.keys().collect::<Vec<_>>(), [a, b]);
        *arena.get_mut(b).unwrap() = 'B';
        assert_eq!(arena.iter().map(|(_, c)| *c).collect::<String>(), "aB");
        for _ in 0..3 * PIECE {
            let key = arena.add('z');
            assert_eq!(*arena.get(key).unwrap(), 'z');
        }
        assert_eq!((arena.added(), arena.keys().count(), arena.iter().count()), (3074, 3074, 3074));
        assert!(arena.get(VisitKey::from_num(3075)).is_err());
    }

    #[test]
    fn what_passes_keeps_its_key_and_leaves_nothing_behind() {
        let mut passing: Passing<VisitKey, i64> = Passing::default();
        for number in 1..=1000 {
            assert_eq!(passing.next_key().num(), number);
            let key = passing.add(number);
            assert_eq!(key.num(), number);
            if number % 10 != 0 {
                assert_eq!(passing.take(key).unwrap(), number);
                assert!(passing.take(key).is_err() && passing.find(key).is_none());
            }
        }
        assert_eq!(passing.skip().num(), 1001);
        assert_eq!(passing.add(7).num(), 1002);
        *passing.get_mut(VisitKey::from_num(10)).unwrap() = -10;
        assert_eq!(*passing.get(VisitKey::from_num(10)).unwrap(), -10);
        let keys: Vec<i64> = passing.keys().into_iter().map(Key::num).collect();
        assert_eq!(keys[..3], [10, 20, 30]);
        assert_eq!((keys.len(), keys.last()), (101, Some(&1002)));
        assert!(passing.things.capacity() < 300);
    }

    #[test]
    fn short_lists_have_little_room_to_spare() {
        let mut list = Vec::new();
        for length in 1..=20 {
            add_to(&mut list, length);
            assert!(list.capacity() <= length + length / 2, "{} for {length}", list.capacity());
        }
        assert_eq!(list.iter().sum::<usize>(), 210);
    }
}

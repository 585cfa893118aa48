//! Things by number. The number doubles as the key in the database, counted from 1.

use std::marker::PhantomData;

use crate::error::PracticeError;

/// The number of a thing of one kind.
pub(crate) trait Key: Copy {
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
        pub(crate) struct $name(i64);

        impl Key for $name {
            const KIND: &'static str = $kind;
            fn from_num(num: i64) -> Self {
                Self(num)
            }
            fn num(self) -> i64 {
                self.0
            }
        }

        impl From<$name> for bicuspid_model::Value {
            fn from(key: $name) -> Self {
                Self::Int(key.0)
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

/// Things of one kind. Each has its key for good; it can be taken out when its story is over.
#[derive(Debug)]
pub(crate) struct Arena<K, T> {
    things: Vec<Option<Box<T>>>,
    key: PhantomData<K>,
}

impl<K: Key, T> Default for Arena<K, T> {
    fn default() -> Self {
        Self { things: Vec::new(), key: PhantomData }
    }
}

impl<K: Key, T> Arena<K, T> {
    fn position(key: K) -> usize {
        usize::try_from(key.num() - 1).unwrap_or(usize::MAX)
    }

    /// The key that the next thing will get.
    pub(crate) fn next_key(&self) -> K {
        K::from_num(i64::try_from(self.things.len()).unwrap_or(i64::MAX).saturating_add(1))
    }

    /// Adds a thing.
    pub(crate) fn add(&mut self, thing: T) -> K {
        let key = self.next_key();
        self.things.push(Some(Box::new(thing)));
        key
    }

    /// The thing with this key.
    pub(crate) fn get(&self, key: K) -> Result<&T, PracticeError> {
        self.find(key).ok_or(PracticeError::Fault(K::KIND))
    }

    /// The thing with this key, if it is still there.
    pub(crate) fn find(&self, key: K) -> Option<&T> {
        self.things.get(Self::position(key)).and_then(Option::as_deref)
    }

    /// The thing with this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: K) -> Result<&mut T, PracticeError> {
        self.things
            .get_mut(Self::position(key))
            .and_then(Option::as_deref_mut)
            .ok_or(PracticeError::Fault(K::KIND))
    }

    /// Takes the thing out; its key is not used again.
    pub(crate) fn take(&mut self, key: K) -> Result<T, PracticeError> {
        let thing = self.things.get_mut(Self::position(key)).and_then(Option::take);
        thing.map(|thing| *thing).ok_or(PracticeError::Fault(K::KIND))
    }

    /// The keys of the things that are there, in order.
    pub(crate) fn keys(&self) -> Vec<K> {
        (1_i64..)
            .zip(&self.things)
            .filter(|(_, thing)| thing.is_some())
            .map(|(num, _)| K::from_num(num))
            .collect()
    }

    /// The things that are there, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        (1_i64..).zip(&self.things).filter_map(|(num, thing)| Some((K::from_num(num), thing.as_deref()?)))
    }

    /// How many were ever added.
    pub(crate) fn added(&self) -> usize {
        self.things.len()
    }
}

/// Hands out the keys of a table whose rows nobody looks back at.
#[derive(Debug, Default)]
pub(crate) struct Counter(i64);

impl Counter {
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
    fn keys_count_from_one_and_are_never_used_again() {
        let mut arena: Arena<VisitKey, char> = Arena::default();
        let (a, b) = (arena.add('a'), arena.add('b'));
        assert_eq!((a.num(), b.num()), (1, 2));
        assert_eq!(arena.take(a).unwrap(), 'a');
        assert!(arena.get(a).is_err() && arena.find(VisitKey::default()).is_none());
        assert_eq!(arena.add('c').num(), 3);
        assert_eq!(arena.keys().len(), 2);
        *arena.get_mut(b).unwrap() = 'B';
        assert_eq!(arena.iter().map(|(_, c)| *c).collect::<String>(), "Bc");
    }
}

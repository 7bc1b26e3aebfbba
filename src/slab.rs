//! Values in numbered places, and tables that find their numbers by keys inside of them. What a newsroom has a million of is kept
//! so: beside the values a table takes ten bytes for each, where a map of keys takes several dozen.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// The number of a place. It stays while the value does.
pub type SlotId = u32;

/// Values in numbered places.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    /// In parts, so that growing copies nothing and never takes twice the memory.
    parts: Vec<Vec<Option<T>>>,
    vacant: Vec<SlotId>,
    count: usize,
}

/// How many places a part has.
const PART: usize = 4_096;

impl<T> Slab<T> {
    /// Puts a value in a vacant place.
    pub fn insert(&mut self, value: T) -> SlotId {
        self.count += 1;
        if let Some(number) = self.vacant.pop()
            && let Some(place) = self.place(number)
        {
            *place = Some(value);
            return number;
        }
        if self.parts.last().is_none_or(|part| part.len() == PART) {
            self.parts.push(Vec::with_capacity(if self.parts.is_empty() { 0 } else { PART }));
        }
        let before = (self.parts.len() - 1) * PART;
        let last = self.parts.last_mut();
        let within = last.map_or(0, |part| {
            part.push(Some(value));
            part.len() - 1
        });
        // Four thousand million values do not fit into any memory.
        SlotId::try_from(before + within).unwrap_or(SlotId::MAX)
    }

    /// Takes a value out.
    pub fn remove(&mut self, number: SlotId) -> Option<T> {
        let value = self.place(number)?.take()?;
        self.vacant.push(number);
        self.count -= 1;
        Some(value)
    }

    /// The value in a place.
    pub fn get(&self, number: SlotId) -> Option<&T> {
        let number = number as usize;
        self.parts.get(number / PART)?.get(number % PART)?.as_ref()
    }

    /// The value in a place, to be changed.
    pub fn get_mut(&mut self, number: SlotId) -> Option<&mut T> {
        self.place(number)?.as_mut()
    }

    /// All values, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        let values = self.parts.iter().flatten();
        (0..).zip(values).filter_map(|(number, value)| Some((number, value.as_ref()?)))
    }

    /// All values, by their numbers, each part gone when its values are taken.
    pub fn into_values(self) -> impl Iterator<Item = (SlotId, T)> {
        (0..).zip(self.parts.into_iter().flatten()).filter_map(|(number, value)| Some((number, value?)))
    }

    /// How many places are vacant.
    pub fn vacant(&self) -> usize {
        self.vacant.len()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn place(&mut self, number: SlotId) -> Option<&mut Option<T>> {
        let number = number as usize;
        self.parts.get_mut(number / PART)?.get_mut(number % PART)
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { parts: Vec::new(), vacant: Vec::new(), count: 0 }
    }
}

/// Finds numbers by keys that are in the values. Several values may have the same key.
#[derive(Clone, Debug, Default)]
pub struct SlotIndex {
    numbers: HashTable<SlotId>,
    hasher: DefaultHashBuilder,
}

impl SlotIndex {
    /// The numbers whose keys may be this one: the caller compares.
    pub fn candidates<K: Hash + ?Sized>(&self, key: &K) -> impl Iterator<Item = SlotId> {
        self.numbers.iter_hash(self.hasher.hash_one(key)).copied()
    }

    /// Notes a number under its key; `key_of` gives those of the numbers that are here already.
    pub fn insert<'k, K: Hash + ?Sized + 'k>(
        &mut self,
        key: &K,
        number: SlotId,
        key_of: impl Fn(SlotId) -> Option<&'k K>,
    ) {
        let SlotIndex { numbers, hasher } = self;
        let hash = |number: &SlotId| key_of(*number).map_or(0, |key| hasher.hash_one(key));
        numbers.insert_unique(hasher.hash_one(key), number, hash);
    }

    /// Makes room for so many more numbers, which costs less at once than by and by.
    pub fn reserve<'k, K: Hash + ?Sized + 'k>(&mut self, count: usize, key_of: impl Fn(SlotId) -> Option<&'k K>) {
        let SlotIndex { numbers, hasher } = self;
        numbers.reserve(count, |number| key_of(*number).map_or(0, |key| hasher.hash_one(key)));
    }

    /// Forgets a number under its key.
    pub fn remove<K: Hash + ?Sized>(&mut self, key: &K, number: SlotId) {
        if let Ok(entry) = self.numbers.find_entry(self.hasher.hash_one(key), |other| *other == number) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Beside a map of lists, with few keys, so that several values have the same.
        #[test]
        fn numbers_find_their_values(steps in prop::collection::vec((0_u8..8, any::<bool>()), 0..200)) {
            let (mut slab, mut table) = (Slab::default(), SlotIndex::default());
            let mut model: BTreeMap<u8, Vec<SlotId>> = BTreeMap::new();
            for (key, put) in steps {
                let numbers = model.entry(key).or_default();
                if put {
                    let number = slab.insert(key);
                    table.insert(&key, number, |number| slab.get(number));
                    numbers.push(number);
                } else if let Some(number) = numbers.pop() {
                    prop_assert_eq!(slab.remove(number), Some(key));
                    table.remove(&key, number);
                    prop_assert!(slab.get(number).is_none());
                }
                for (key, numbers) in &model {
                    let mut found: Vec<SlotId> =
                        table.candidates(key).filter(|&number| slab.get(number) == Some(key)).collect();
                    let mut numbers = numbers.clone();
                    found.sort_unstable();
                    numbers.sort_unstable();
                    prop_assert_eq!(found, numbers);
                }
                prop_assert_eq!(slab.len(), slab.iter().count());
            }
        }
    }

    #[test]
    fn places_are_in_parts() {
        let mut slab = Slab::default();
        let numbers: Vec<SlotId> = (0..PART * 2 + 3).map(|value| slab.insert(value)).collect();
        assert!(numbers.iter().all(|&number| slab.get(number) == Some(&(number as usize))));
        assert_eq!((slab.len(), slab.parts.len()), (PART * 2 + 3, 3));
        assert!(slab.get(SlotId::MAX).is_none() && slab.remove(SlotId::MAX).is_none());
    }
}

//! A slab, and indices that find its slots by keys inside the values.
//!
//! # Why not a map?
//!
//! A newsroom has a million of these values. An index takes ten bytes for each in addition to the value; a map with its own copy of the
//! keys takes several dozen.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// The number of a slot. Valid while the slot has a value.
pub type SlotId = u32;

/// Values in numbered slots. Slots are reused.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    /// Blocks, so that growing neither copies values nor doubles memory.
    blocks: Vec<Vec<Option<T>>>,
    free: Vec<SlotId>,
    count: usize,
}

/// The number of slots in a block.
const SLOTS_PER_BLOCK: usize = 4_096;

impl<T> Slab<T> {
    /// Stores a value in a free slot.
    pub fn insert(&mut self, value: T) -> SlotId {
        self.count += 1;
        if let Some(slot) = self.free.pop()
            && let Some(free) = self.slot_mut(slot)
        {
            *free = Some(value);
            return slot;
        }
        if self.blocks.last().is_none_or(|block| block.len() == SLOTS_PER_BLOCK) {
            self.blocks.push(Vec::with_capacity(if self.blocks.is_empty() { 0 } else { SLOTS_PER_BLOCK }));
        }
        let before = (self.blocks.len() - 1) * SLOTS_PER_BLOCK;
        let last = self.blocks.last_mut();
        let within = last.map_or(0, |block| {
            block.push(Some(value));
            block.len() - 1
        });
        // More slots than any memory can hold.
        SlotId::try_from(before + within).unwrap_or(SlotId::MAX)
    }

    /// Removes a value.
    pub fn remove(&mut self, slot: SlotId) -> Option<T> {
        let value = self.slot_mut(slot)?.take()?;
        self.free.push(slot);
        self.count -= 1;
        Some(value)
    }

    /// The value in a slot.
    pub fn get(&self, slot: SlotId) -> Option<&T> {
        let index = slot as usize;
        self.blocks.get(index / SLOTS_PER_BLOCK)?.get(index % SLOTS_PER_BLOCK)?.as_ref()
    }

    /// The value in a slot, mutable.
    pub fn get_mut(&mut self, slot: SlotId) -> Option<&mut T> {
        self.slot_mut(slot)?.as_mut()
    }

    /// All values with their slots, in order of slots.
    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        let values = self.blocks.iter().flatten();
        (0..).zip(values).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }

    /// All values with their slots, in order of slots. Each block is freed once its values are taken.
    pub fn into_values(self) -> impl Iterator<Item = (SlotId, T)> {
        (0..).zip(self.blocks.into_iter().flatten()).filter_map(|(slot, value)| Some((slot, value?)))
    }

    /// The number of free slots.
    pub fn free_slots(&self) -> usize {
        self.free.len()
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn slot_mut(&mut self, slot: SlotId) -> Option<&mut Option<T>> {
        let index = slot as usize;
        self.blocks.get_mut(index / SLOTS_PER_BLOCK)?.get_mut(index % SLOTS_PER_BLOCK)
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { blocks: Vec::new(), free: Vec::new(), count: 0 }
    }
}

/// Finds slots by keys inside their values. Several values may have the same key.
#[derive(Clone, Debug, Default)]
pub struct SlotIndex {
    slots: HashTable<SlotId>,
    hasher: DefaultHashBuilder,
}

impl SlotIndex {
    /// The slots whose keys have the same hash. The caller compares the keys.
    pub fn candidates<K: Hash + ?Sized>(&self, key: &K) -> impl Iterator<Item = SlotId> {
        self.slots.iter_hash(self.hasher.hash_one(key)).copied()
    }

    /// Adds a slot under its key. `key_of` returns the keys of slots that are already in the index.
    pub fn insert<'k, K: Hash + ?Sized + 'k>(
        &mut self,
        key: &K,
        slot: SlotId,
        key_of: impl Fn(SlotId) -> Option<&'k K>,
    ) {
        let SlotIndex { slots, hasher } = self;
        let hash = |slot: &SlotId| key_of(*slot).map_or(0, |key| hasher.hash_one(key));
        slots.insert_unique(hasher.hash_one(key), slot, hash);
    }

    /// Reserves capacity for `count` more slots, which is cheaper than growing step by step.
    pub fn reserve<'k, K: Hash + ?Sized + 'k>(&mut self, count: usize, key_of: impl Fn(SlotId) -> Option<&'k K>) {
        let SlotIndex { slots, hasher } = self;
        slots.reserve(count, |slot| key_of(*slot).map_or(0, |key| hasher.hash_one(key)));
    }

    /// Removes a slot from under its key.
    pub fn remove<K: Hash + ?Sized>(&mut self, key: &K, slot: SlotId) {
        if let Ok(entry) = self.slots.find_entry(self.hasher.hash_one(key), |other| *other == slot) {
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
        /// Compares with a map of lists. Few distinct keys, so that several values share one.
        #[test]
        fn slots_are_found_by_key(steps in prop::collection::vec((0_u8..8, any::<bool>()), 0..200)) {
            let (mut slab, mut table) = (Slab::default(), SlotIndex::default());
            let mut model: BTreeMap<u8, Vec<SlotId>> = BTreeMap::new();
            for (key, inserts) in steps {
                let slots = model.entry(key).or_default();
                if inserts {
                    let slot = slab.insert(key);
                    table.insert(&key, slot, |slot| slab.get(slot));
                    slots.push(slot);
                } else if let Some(slot) = slots.pop() {
                    prop_assert_eq!(slab.remove(slot), Some(key));
                    table.remove(&key, slot);
                    prop_assert!(slab.get(slot).is_none());
                }
                for (key, slots) in &model {
                    let mut found: Vec<SlotId> =
                        table.candidates(key).filter(|&slot| slab.get(slot) == Some(key)).collect();
                    let mut slots = slots.clone();
                    found.sort_unstable();
                    slots.sort_unstable();
                    prop_assert_eq!(found, slots);
                }
                prop_assert_eq!(slab.len(), slab.iter().count());
            }
        }
    }

    #[test]
    fn values_are_stored_in_blocks() {
        let mut slab = Slab::default();
        let slots: Vec<SlotId> = (0..SLOTS_PER_BLOCK * 2 + 3).map(|value| slab.insert(value)).collect();
        assert!(slots.iter().all(|&slot| slab.get(slot) == Some(&(slot as usize))));
        assert_eq!((slab.len(), slab.blocks.len()), (SLOTS_PER_BLOCK * 2 + 3, 3));
        assert!(slab.get(SlotId::MAX).is_none() && slab.remove(SlotId::MAX).is_none());
    }
}

//! A feed's articles in order: newest first by first publication, ties by id.
//!
//! # Why a hand-written structure?
//!
//! An archive has a million articles, each in several feeds. An article takes nine bytes here, and a change costs O(log n).

use std::cmp::Ordering;

use crate::slab::SlotId;
use crate::types::{EntryId, Moment};

/// An article's sort key: its age (so that newer sorts first), then its slot. Both big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OrderKey([u8; 9]);

impl OrderKey {
    /// Publication dates are within this many seconds of 1970.
    const MAX_SECOND: i64 = 1 << 39;

    pub(super) fn new(published: Moment, slot: SlotId) -> OrderKey {
        let [_, _, _, a, b, c, d, e] = (OrderKey::MAX_SECOND - published.second()).to_be_bytes();
        let [v, w, x, y] = slot.to_be_bytes();
        OrderKey([a, b, c, d, e, v, w, x, y])
    }

    fn decode(self) -> (i64, SlotId) {
        let [a, b, c, d, e, v, w, x, y] = self.0;
        (i64::from_be_bytes([0, 0, 0, a, b, c, d, e]), SlotId::from_be_bytes([v, w, x, y]))
    }

    pub(super) fn slot(self) -> SlotId {
        self.decode().1
    }

    /// The publication date in Unix seconds.
    pub(super) fn second(self) -> i64 {
        OrderKey::MAX_SECOND - self.decode().0
    }

    fn compare<'i>(self, other: OrderKey, id: &impl Fn(SlotId) -> Option<&'i EntryId>) -> Ordering {
        let ((age, slot), (other_age, other)) = (self.decode(), other.decode());
        age.cmp(&other_age).then_with(|| match slot == other {
            true => Ordering::Equal,
            // Two articles published in the same second.
            false => id(slot).cmp(&id(other)).then(slot.cmp(&other)),
        })
    }
}

/// A feed's articles in order. The `id` parameters map a slot to the id readers see; ids are unique.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Sorted runs, none of them empty.
    runs: Vec<Vec<OrderKey>>,
}

/// The maximum length of a run. Short enough that splitting one is cheap.
const MAX_RUN_LEN: usize = 512;

impl Order {
    /// Inserts an article.
    pub(super) fn insert<'i>(&mut self, key: OrderKey, id: &impl Fn(SlotId) -> Option<&'i EntryId>) {
        let end = || (self.runs.len().saturating_sub(1), self.runs.last().map_or(0, Vec::len));
        let (mut at, mut within) = self.find(key, id).unwrap_or_else(end);
        if self.runs.is_empty() {
            self.runs.push(Vec::new());
        }
        let Some(run) = self.runs.get_mut(at).filter(|run| run.get(within) != Some(&key)) else { return };
        if run.len() == MAX_RUN_LEN {
            // If articles are inserted in order, such as an archive sorted by date, full runs aren't split.
            let kept_len = if within == MAX_RUN_LEN { MAX_RUN_LEN } else { MAX_RUN_LEN / 2 };
            let mut newer = Vec::with_capacity(MAX_RUN_LEN);
            newer.extend(run.drain(kept_len..));
            self.runs.insert(at + 1, newer);
            if within >= kept_len {
                (at, within) = (at + 1, within - kept_len);
            }
        }
        self.runs.get_mut(at).into_iter().for_each(|run| run.insert(within, key));
    }

    /// How many articles there are.
    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(Vec::len).sum()
    }

    /// Merges the runs into fuller ones. Random insertion leaves them about two thirds full.
    pub(super) fn compact(&mut self) {
        /// Leaves room in each run, so that the next insertions split none.
        const COMPACTED_RUN_LEN: usize = MAX_RUN_LEN / 8 * 7;
        if self.runs.len() < 2 {
            return;
        }
        let mut runs = std::mem::take(&mut self.runs).into_iter().flatten().peekable();
        while runs.peek().is_some() {
            let mut run = Vec::with_capacity(MAX_RUN_LEN);
            run.extend(runs.by_ref().take(COMPACTED_RUN_LEN));
            self.runs.push(run);
        }
    }

    /// Removes an article.
    pub(super) fn remove<'i>(&mut self, key: OrderKey, id: &impl Fn(SlotId) -> Option<&'i EntryId>) {
        let Some((at, within)) = self.find(key, id) else { return };
        let Some(run) = self.runs.get_mut(at).filter(|run| run.get(within) == Some(&key)) else { return };
        run.remove(within);
        if run.is_empty() {
            self.runs.remove(at);
        }
    }

    /// How many articles precede a key, up to `limit`.
    pub(super) fn count_newer<'i>(
        &self,
        key: OrderKey,
        limit: usize,
        id: &impl Fn(SlotId) -> Option<&'i EntryId>,
    ) -> usize {
        let (at, within) = self.find(key, id).unwrap_or((self.runs.len(), 0));
        let mut newer = 0;
        for run in self.runs.iter().take(at) {
            newer += run.len();
            if newer >= limit {
                return limit;
            }
        }
        (newer + within).min(limit)
    }

    /// All articles, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = OrderKey> {
        self.runs.iter().flatten().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The run and the position in it of the first key that isn't before this one. `None` if all are.
    fn find<'i>(&self, key: OrderKey, id: &impl Fn(SlotId) -> Option<&'i EntryId>) -> Option<(usize, usize)> {
        let before = |other: &OrderKey| other.compare(key, id) == Ordering::Less;
        let at = self.runs.partition_point(|run| run.last().is_some_and(before));
        let within = self.runs.get(at)?.partition_point(before);
        Some((at, within))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use jiff::Timestamp;
    use jiff::tz::Offset;

    fn moment(second: i64) -> Moment {
        Moment::new(Timestamp::from_second(second).expect("in range"), Offset::UTC).expect("in range")
    }

    proptest! {
        /// Compares with a sorted vector. Few distinct seconds, so that ids decide.
        #[test]
        fn articles_are_sorted_newest_first_then_by_id(steps in prop::collection::vec((0_u32..40, 0_i64..6, any::<bool>()), 0..300)) {
            let ids: Vec<EntryId> =
                (0..40_u32).map(|slot| EntryId::minted(format!("tag:{}", (slot * 7) % 40))).collect();
            let id = |slot: SlotId| ids.get(slot as usize);
            let mut order = Order::default();
            let mut model: Vec<(i64, EntryId, SlotId)> = Vec::new();
            for (slot, second, put) in steps {
                let known = model.iter().position(|(_, _, other)| *other == slot);
                match known {
                    Some(at) if !put => {
                        let (second, ..) = model.remove(at);
                        order.remove(OrderKey::new(moment(-second), slot), &id);
                    }
                    None if put => {
                        model.push((-second, ids[slot as usize].clone(), slot));
                        order.insert(OrderKey::new(moment(second), slot), &id);
                    }
                    _ => order.compact(),
                }
                model.sort();
                let found: Vec<SlotId> = order.iter().map(OrderKey::slot).collect();
                prop_assert_eq!(found, model.iter().map(|(_, _, slot)| *slot).collect::<Vec<_>>());
                for (at, (second, _, slot)) in model.iter().enumerate() {
                    let key = OrderKey::new(moment(-second), *slot);
                    prop_assert_eq!(key.second(), -second);
                    prop_assert_eq!(order.count_newer(key, 5, &id), at.min(5));
                }
            }
        }
    }

    #[test]
    fn large_order_is_split_into_runs() {
        const COUNT: u32 = 10_007;
        let orders: [fn(u32) -> u32; 3] = [|at| at, |at| COUNT - 1 - at, |at| at * 4_999 % COUNT];
        for key in orders {
            let mut order = Order::default();
            let id = |_: SlotId| None;
            let places = |at: u32| OrderKey::new(moment(-12_000_000_000 + i64::from(at)), at);
            for at in 0..COUNT {
                order.insert(places(key(at)), &id);
                order.insert(places(key(at)), &id);
            }
            let is_whole = |order: &Order| {
                order.iter().map(OrderKey::slot).eq((0..COUNT).rev())
                    && order
                        .runs
                        .iter()
                        .all(|run| (1..=MAX_RUN_LEN).contains(&run.len()) && run.capacity() <= MAX_RUN_LEN)
            };
            assert!(is_whole(&order));
            order.compact();
            let runs = order.runs.len();
            assert!(is_whole(&order) && runs <= COUNT as usize / (MAX_RUN_LEN / 8 * 7) + 1, "{runs} runs");
            (0..COUNT).for_each(|at| order.remove(places(key(at)), &id));
            assert!(order.is_empty());
        }
    }
}

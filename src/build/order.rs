//! The order of a feed: newest first by first publication, ties by id. Nine bytes for each article, since an archive has a million
//! and each is in several feeds; a change costs O(log n).

use std::cmp::Ordering;

use crate::slab::SlotId;
use crate::types::{EntryId, Moment};

/// Where an article is in the order, as far as its date says: the second, from the newest to the oldest, and then its number, both
/// with the high byte first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place([u8; 9]);

impl Place {
    /// Seconds of moments are within this of 1970.
    const FARTHEST: i64 = 1 << 39;

    pub(super) fn new(published: Moment, number: SlotId) -> Place {
        let [_, _, _, a, b, c, d, e] = (Place::FARTHEST - published.second()).to_be_bytes();
        let [v, w, x, y] = number.to_be_bytes();
        Place([a, b, c, d, e, v, w, x, y])
    }

    fn parts(self) -> (i64, SlotId) {
        let [a, b, c, d, e, v, w, x, y] = self.0;
        (i64::from_be_bytes([0, 0, 0, a, b, c, d, e]), SlotId::from_be_bytes([v, w, x, y]))
    }

    pub(super) fn number(self) -> SlotId {
        self.parts().1
    }

    /// When it was published, in seconds since 1970.
    pub(super) fn second(self) -> i64 {
        Place::FARTHEST - self.parts().0
    }

    fn compare<'i>(self, other: Place, id: &impl Fn(SlotId) -> Option<&'i EntryId>) -> Ordering {
        let ((age, number), (other_age, other)) = (self.parts(), other.parts());
        age.cmp(&other_age).then_with(|| match number == other {
            true => Ordering::Equal,
            // Two articles of one second.
            false => id(number).cmp(&id(other)).then(number.cmp(&other)),
        })
    }
}

/// The articles of a feed in their order. `id` gives the id under which readers see an article; no two have the same.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// None is empty.
    parts: Vec<Vec<Place>>,
}

/// The most of a part: short enough that moving its half costs nothing.
const PART: usize = 512;

impl Order {
    /// Puts an article in its place.
    pub(super) fn insert<'i>(&mut self, place: Place, id: &impl Fn(SlotId) -> Option<&'i EntryId>) {
        let end = || (self.parts.len().saturating_sub(1), self.parts.last().map_or(0, Vec::len));
        let (mut at, mut within) = self.find(place, id).unwrap_or_else(end);
        if self.parts.is_empty() {
            self.parts.push(Vec::new());
        }
        let Some(part) = self.parts.get_mut(at).filter(|part| part.get(within) != Some(&place)) else { return };
        if part.len() == PART {
            // What comes in order, as from an archive that is sorted by date, leaves full parts behind.
            let stays = if within == PART { PART } else { PART / 2 };
            let mut newer = Vec::with_capacity(PART);
            newer.extend(part.drain(stays..));
            self.parts.insert(at + 1, newer);
            if within >= stays {
                (at, within) = (at + 1, within - stays);
            }
        }
        self.parts.get_mut(at).into_iter().for_each(|part| part.insert(within, place));
    }

    /// How many articles there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// Fills its parts again, since an archive that came in no order leaves them two thirds full.
    pub(super) fn compact(&mut self) {
        /// Room for some more, so that the next articles split none.
        const FILLED: usize = PART / 8 * 7;
        if self.parts.len() < 2 {
            return;
        }
        let mut parts = std::mem::take(&mut self.parts).into_iter().flatten().peekable();
        while parts.peek().is_some() {
            let mut part = Vec::with_capacity(PART);
            part.extend(parts.by_ref().take(FILLED));
            self.parts.push(part);
        }
    }

    /// Takes an article out.
    pub(super) fn remove<'i>(&mut self, place: Place, id: &impl Fn(SlotId) -> Option<&'i EntryId>) {
        let Some((at, within)) = self.find(place, id) else { return };
        let Some(part) = self.parts.get_mut(at).filter(|part| part.get(within) == Some(&place)) else { return };
        part.remove(within);
        if part.is_empty() {
            self.parts.remove(at);
        }
    }

    /// How many articles are before a place; no more than `most` are counted.
    pub(super) fn newer<'i>(&self, place: Place, most: usize, id: &impl Fn(SlotId) -> Option<&'i EntryId>) -> usize {
        let (at, within) = self.find(place, id).unwrap_or((self.parts.len(), 0));
        let mut newer = 0;
        for part in self.parts.iter().take(at) {
            newer += part.len();
            if newer >= most {
                return most;
            }
        }
        (newer + within).min(most)
    }

    /// All articles, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Place> {
        self.parts.iter().flatten().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The part and the place in it of the first that is not before this one; `None`: all are.
    fn find<'i>(&self, place: Place, id: &impl Fn(SlotId) -> Option<&'i EntryId>) -> Option<(usize, usize)> {
        let before = |other: &Place| other.compare(place, id) == Ordering::Less;
        let at = self.parts.partition_point(|part| part.last().is_some_and(before));
        let within = self.parts.get(at)?.partition_point(before);
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
        /// Beside a sorted list, with few seconds, so that ids decide.
        #[test]
        fn newest_first_then_by_id(steps in prop::collection::vec((0_u32..40, 0_i64..6, any::<bool>()), 0..300)) {
            let ids: Vec<EntryId> =
                (0..40_u32).map(|number| EntryId::minted(format!("tag:{}", (number * 7) % 40))).collect();
            let id = |number: SlotId| ids.get(number as usize);
            let mut order = Order::default();
            let mut model: Vec<(i64, EntryId, SlotId)> = Vec::new();
            for (number, second, put) in steps {
                let known = model.iter().position(|(_, _, other)| *other == number);
                match known {
                    Some(at) if !put => {
                        let (second, ..) = model.remove(at);
                        order.remove(Place::new(moment(-second), number), &id);
                    }
                    None if put => {
                        model.push((-second, ids[number as usize].clone(), number));
                        order.insert(Place::new(moment(second), number), &id);
                    }
                    _ => order.compact(),
                }
                model.sort();
                let found: Vec<SlotId> = order.iter().map(Place::number).collect();
                prop_assert_eq!(found, model.iter().map(|(_, _, number)| *number).collect::<Vec<_>>());
                for (at, (second, _, number)) in model.iter().enumerate() {
                    let place = Place::new(moment(-second), *number);
                    prop_assert_eq!(place.second(), -second);
                    prop_assert_eq!(order.newer(place, 5, &id), at.min(5));
                }
            }
        }
    }

    #[test]
    fn an_archive_is_in_parts() {
        const COUNT: u32 = 10_007;
        let orders: [fn(u32) -> u32; 3] = [|at| at, |at| COUNT - 1 - at, |at| at * 4_999 % COUNT];
        for place in orders {
            let mut order = Order::default();
            let id = |_: SlotId| None;
            let places = |at: u32| Place::new(moment(-12_000_000_000 + i64::from(at)), at);
            for at in 0..COUNT {
                order.insert(places(place(at)), &id);
                order.insert(places(place(at)), &id);
            }
            let is_whole = |order: &Order| {
                order.iter().map(Place::number).eq((0..COUNT).rev())
                    && order.parts.iter().all(|part| (1..=PART).contains(&part.len()) && part.capacity() <= PART)
            };
            assert!(is_whole(&order));
            order.compact();
            let parts = order.parts.len();
            assert!(is_whole(&order) && parts <= COUNT as usize / (PART / 8 * 7) + 1, "{parts} parts");
            (0..COUNT).for_each(|at| order.remove(places(place(at)), &id));
            assert!(order.is_empty());
        }
    }
}

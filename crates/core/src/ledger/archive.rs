//! An archive of a feed (RFC 5005, section 4): which entries it has, and under which names readers know it.
//!
//! # Why are members numbers and not ids?
//!
//! A newsroom's feeds have millions of members in total. An entry's sequence number takes one or two bytes here, because each is stored as
//! its distance from the one before it.

use crate::types::{ContentHash, EntryId};

/// The sequence number of an entry: its place in the order in which entries were first published. Zero: none.
pub type Number = u32;

/// An archive. It gains members only under a new name, and loses those that leave the feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archive {
    /// The names, oldest first. All but the last are from when it had fewer members.
    names: Box<[ArchiveName]>,
    /// The distance of each member from the one before, in seven bits per byte (LEB128).
    members: Box<[u8]>,
}

/// The name of an archive while it had certain members.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ArchiveName {
    /// The highest number that it had then.
    pub last: Number,
    /// A hash of the ids that it had then, so that no other members ever get the same name.
    pub hash: u64,
}

impl ArchiveName {
    /// The name for members with these ids, the highest of which has the number `last`.
    pub fn new<'i>(last: Number, ids: impl IntoIterator<Item = &'i EntryId>) -> ArchiveName {
        let hash = ContentHash::of_parts(ids.into_iter().map(|id| id.as_str().as_bytes()));
        let hash = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        ArchiveName { last, hash }
    }

    /// Parses what [`ArchiveName`] displays as.
    pub fn parse(text: &str) -> Option<ArchiveName> {
        let (last, hash) = text.split_once('-')?;
        let name = ArchiveName { last: last.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? };
        // Each name has one spelling.
        (name.to_string() == text).then_some(name)
    }
}

impl std::fmt::Display for ArchiveName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:016x}", self.last, self.hash)
    }
}

impl Archive {
    /// An archive of these members, in order.
    pub fn new(members: &[Number], name: ArchiveName) -> Archive {
        Archive { names: Box::new([name]), members: pack(members) }
    }

    /// The archive with more members, which have higher numbers, and a new name.
    #[must_use]
    pub fn extended(&self, more: &[Number], name: ArchiveName) -> Archive {
        let members: Vec<Number> = self.members().chain(more.iter().copied()).collect();
        let names = self.names.iter().copied().chain([name]).collect();
        Archive { names, members: pack(&members) }
    }

    /// The archive without members that left the feed. Its names stay.
    #[must_use]
    pub fn without(&self, left: &[Number]) -> Archive {
        let members: Vec<Number> = self.members().filter(|number| !left.contains(number)).collect();
        Archive { names: self.names.clone(), members: pack(&members) }
    }

    /// An archive from the store. `None` if the parts are damaged.
    pub fn from_parts(names: Vec<ArchiveName>, members: Vec<u8>) -> Option<Archive> {
        let archive = Archive { names: names.into(), members: members.into() };
        let is_sorted = archive.names.is_sorted_by(|one, other| one.last < other.last);
        let numbers: Vec<Number> = archive.members().collect();
        let is_within = numbers.last().is_none_or(|last| *last <= archive.last());
        (!archive.names.is_empty() && is_sorted && is_within && pack(&numbers) == archive.members).then_some(archive)
    }

    /// The packed members, for the store.
    pub fn packed_members(&self) -> &[u8] {
        &self.members
    }

    /// The members, in order.
    pub fn members(&self) -> impl Iterator<Item = Number> {
        let mut bytes = self.members.iter();
        let mut last: Number = 0;
        std::iter::from_fn(move || {
            let (mut gap, mut shift) = (0, 0);
            loop {
                let byte = *bytes.next()?;
                gap |= Number::from(byte & 0x7f).checked_shl(shift)?;
                if byte & 0x80 == 0 {
                    break;
                }
                shift += 7;
            }
            last = last.checked_add(gap)?;
            Some(last)
        })
    }

    /// Whether an entry with this number is a member.
    pub fn contains(&self, number: Number) -> bool {
        self.members().any(|member| member == number)
    }

    /// Every name, oldest first. Under each, the archive has the members up to the name's number.
    pub fn names(&self) -> &[ArchiveName] {
        &self.names
    }

    /// The current name.
    pub fn name(&self) -> ArchiveName {
        self.names.last().copied().unwrap_or(ArchiveName { last: 0, hash: 0 })
    }

    /// The highest number that it ever had.
    pub fn last(&self) -> Number {
        self.name().last
    }
}

fn pack(members: &[Number]) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(members.len());
    let mut last = 0;
    for member in members {
        let mut gap = member.saturating_sub(last);
        last = *member;
        while gap >= 0x80 {
            bytes.extend(u8::try_from(gap & 0x7f).map(|low| low | 0x80));
            gap >>= 7;
        }
        bytes.extend(u8::try_from(gap));
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(last: Number) -> ArchiveName {
        ArchiveName::new(last, [&EntryId::minted(format!("tag:c.example,2026:{last}"))])
    }

    proptest! {
        #[test]
        fn members_survive_packing(members in prop::collection::btree_set(1..Number::MAX, 1..80), left in any::<usize>()) {
            let members: Vec<Number> = members.into_iter().collect();
            let (first, more) = members.split_at(members.len() / 2 + 1);
            let archive = Archive::new(first, name(first[first.len() - 1]));
            let archive = if more.is_empty() { archive } else { archive.extended(more, name(more[more.len() - 1])) };
            prop_assert!(archive.members().eq(members.iter().copied()));
            let left = members[left % members.len()];
            let rest = archive.without(&[left]);
            prop_assert!(!rest.contains(left) && rest.members().count() == members.len() - 1);
            prop_assert_eq!(rest.names(), archive.names());
            let parts = (rest.names().to_vec(), rest.packed_members().to_vec());
            prop_assert_eq!(Archive::from_parts(parts.0, parts.1), Some(rest));
        }
    }

    #[test]
    fn damaged_archives_are_refused() {
        for (names, members, expected) in [
            (vec![name(3)], vec![1, 2], true),
            (vec![name(2)], vec![1, 2], false),
            (vec![], vec![1], false),
            (vec![name(9), name(3)], vec![1], false),
            (vec![name(9)], vec![0x81], false),
            (vec![name(9)], vec![0x81, 0x00], false),
            (vec![name(9)], vec![], true),
        ] {
            assert_eq!(
                Archive::from_parts(names.clone(), members.clone()).is_some(),
                expected,
                "{names:?} {members:?}"
            );
        }
    }

    #[test]
    fn name_has_one_spelling() {
        let name = name(50);
        let text = name.to_string();
        assert_eq!(ArchiveName::parse(&text), Some(name));
        for other in [format!("0{text}"), text.to_uppercase(), format!("{text}0"), "50".to_owned(), String::new()] {
            assert!(other == text || ArchiveName::parse(&other).is_none(), "{other}");
        }
    }
}

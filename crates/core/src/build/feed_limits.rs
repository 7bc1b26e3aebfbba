//! Limits how many tags, and how many authors, have feeds: `taxonomies.max_tags` each.
//!
//! A feed that readers know stays, whatever the limit. The remaining places go to the tags and authors with the most articles, ties by
//! name. The result depends on the articles and the ledger, not on the order of changes.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::placement::FeedKey;

/// Whether a feed with articles exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// The decision is made at the next publication.
    Undecided,
    /// The feed exists.
    Admitted,
    /// The feed doesn't exist, because the limit was reached.
    Refused,
    /// The feed never exists, because a section has its address.
    Displaced,
}

/// The feeds of one taxonomy that have articles.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    admitted: usize,
    undecided: BTreeSet<FeedKey>,
    refused: BTreeSet<FeedKey>,
}

impl Admissions {
    /// Adds a feed with its first article.
    pub(super) fn add(&mut self, key: &FeedKey) {
        self.undecided.insert(key.clone());
    }

    /// Removes a feed with its last article.
    pub(super) fn remove(&mut self, key: &FeedKey, admission: Admission) {
        match admission {
            Admission::Undecided => drop(self.undecided.remove(key)),
            Admission::Refused => drop(self.refused.remove(key)),
            Admission::Displaced => {}
            Admission::Admitted => self.admitted = self.admitted.saturating_sub(1),
        }
    }

    /// Decides about new feeds, and about refused ones while the limit isn't reached. Returns the feeds whose admission changed.
    pub(super) fn decide(
        &mut self,
        max_feeds: usize,
        is_known: impl Fn(&FeedKey) -> bool,
        articles: impl Fn(&FeedKey) -> usize,
    ) -> Vec<(FeedKey, Admission)> {
        let (known, new): (Vec<_>, Vec<_>) = std::mem::take(&mut self.undecided).into_iter().partition(is_known);
        let mut decided: Vec<_> = known.into_iter().map(|key| (key, Admission::Admitted)).collect();
        let free_places = max_feeds.saturating_sub(self.admitted.saturating_add(decided.len()));
        let mut refused = new;
        if free_places > 0 {
            let mut candidates: Vec<FeedKey> = std::mem::take(&mut self.refused).into_iter().chain(refused).collect();
            if candidates.len() > free_places {
                candidates.sort_by_cached_key(|key| (Reverse(articles(key)), key.clone()));
            }
            refused = candidates.split_off(free_places.min(candidates.len()));
            decided.extend(candidates.into_iter().map(|key| (key, Admission::Admitted)));
        }
        self.admitted = self.admitted.saturating_add(decided.len());
        decided.extend(refused.iter().map(|key| (key.clone(), Admission::Refused)));
        self.refused.extend(refused);
        decided
    }

    /// The refused feeds, in order.
    pub(super) fn refused(&self) -> &BTreeSet<FeedKey> {
        &self.refused
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::Text;

    /// Two feeds fit. Each row: changes (`+a3` adds a tag with three articles, `-a` removes it, `!` marks it as known), and the tags that
    /// have feeds afterwards.
    #[test]
    fn feeds_beyond_the_limit_wait_for_room() {
        for (happens, expected) in [
            ("+a1 +b1", "a b"),
            ("+a1 +b2 +c3", "b c"),
            ("+c1 +b1 +a1", "a b"),
            ("+a1 +b1 . +c9", "a b"),
            ("+a1 +b1 . +c9 . -a", "b c"),
            ("+a1 +b1 . +d3 . +c3 . -a . -b", "c d"),
            ("+a1 +b1 . +c9! +d1!", "a b c d"),
            ("+a1! +b1! +c1! +d9", "a b c"),
            ("+a1! +b1! +c1! . -c . +d9", "a b"),
            ("+a1! +b1! +c1! . -c . -b . +d9", "a d"),
        ] {
            let key = |name: &str| FeedKey::Tag(Text::new(name.get(..1).unwrap()));
            let (mut admissions, mut feeds) = (Admissions::default(), BTreeMap::new());
            let mut articles: BTreeMap<FeedKey, usize> = BTreeMap::new();
            let mut known = BTreeSet::new();
            for what in happens.split(' ').chain(["."]) {
                if let Some(name) = what.strip_prefix('+') {
                    known.extend(name.ends_with('!').then(|| key(name)));
                    articles.insert(key(name), name.get(1..2).unwrap().parse().unwrap());
                    admissions.add(&key(name));
                    feeds.insert(key(name), Admission::Undecided);
                } else if let Some(name) = what.strip_prefix('-') {
                    admissions.remove(&key(name), feeds.remove(&key(name)).unwrap());
                } else {
                    feeds.extend(admissions.decide(2, |key| known.contains(key), |key| articles[key]));
                }
            }
            feeds.retain(|_, admission| *admission == Admission::Admitted);
            let names: Vec<&str> =
                feeds.keys().map(|key| if let FeedKey::Tag(tag) = key { tag.as_str() } else { "" }).collect();
            assert_eq!(names.join(" "), expected, "{happens}");
        }
    }
}

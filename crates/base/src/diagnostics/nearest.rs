//! Suggests known names for misspelt ones, by Damerau-Levenshtein distance.

/// The most similar known name, if it is similar enough.
pub fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    MisspeltName::new(written).nearest(known.into_iter().map(|name| (name, LetterSet::of(name))))
}

/// Known names, indexed for many lookups.
#[derive(Debug, Default)]
pub struct Names(Vec<(String, LetterSet)>);

impl Names {
    /// Indexes names.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Names {
        Names(names.into_iter().map(|name| (name.to_owned(), LetterSet::of(name))).collect())
    }

    /// The most similar name, if it is similar enough.
    pub fn nearest(&self, written: &str) -> Option<&str> {
        MisspeltName::new(written).nearest(self.0.iter().map(|(name, letters)| (name.as_str(), *letters)))
    }
}

/// A name's length and the set of its letters. A bit of the set stands for several letters.
#[derive(Clone, Copy, Debug)]
struct LetterSet {
    length: usize,
    set: u64,
}

impl LetterSet {
    fn of(name: &str) -> LetterSet {
        let letters = name.to_lowercase();
        letters.chars().fold(LetterSet { length: 0, set: 0 }, |LetterSet { length, set }, letter| LetterSet {
            length: length + 1,
            set: set | 1 << (u32::from(letter) % 64),
        })
    }

    /// A lower bound of the distance between two names.
    fn min_distance(self, other: LetterSet) -> usize {
        let missing_letters = |one: u64, other: u64| usize::try_from((one & !other).count_ones()).unwrap_or(0);
        self.length
            .abs_diff(other.length)
            .max(missing_letters(self.set, other.set))
            .max(missing_letters(other.set, self.set))
    }
}

/// A name to look up, with the distance up to which known names are similar.
struct MisspeltName {
    name: String,
    letters: LetterSet,
    max_distance: usize,
}

impl MisspeltName {
    fn new(written: &str) -> MisspeltName {
        let (name, letters) = (written.to_lowercase(), LetterSet::of(written));
        let max_distance = match letters.length {
            0..=3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        MisspeltName { name, letters, max_distance }
    }

    fn nearest<'n>(&self, known: impl Iterator<Item = (&'n str, LetterSet)>) -> Option<&'n str> {
        let candidates = known.filter(|(_, letters)| letters.min_distance(self.letters) <= self.max_distance);
        let distances =
            candidates.map(|(name, _)| (strsim::damerau_levenshtein(&self.name, &name.to_lowercase()), name));
        distances.filter(|(distance, _)| *distance <= self.max_distance).min().map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LetterSet, Names, nearest};

    #[test]
    fn similar_names_are_suggested() {
        for (written, expected) in
            [("tilte", Some("title")), ("LANGUAGE", Some("language")), ("x", None), ("weather", None)]
        {
            assert_eq!(nearest(written, ["title", "language", "timezone"]), expected, "{written}");
        }
    }

    #[test]
    fn nearest_of_equals_is_first_in_byte_order() {
        for names in [["sport", "spurt"], ["spurt", "sport"]] {
            assert_eq!(Names::new(names).nearest("sprt"), Some("sport"));
        }
    }

    proptest! {
        #[test]
        fn lower_bound_never_exceeds_distance(one in "[a-cA-Cä]{0,8}", other in "[a-cA-Cä]{0,8}") {
            let distance = strsim::damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase());
            prop_assert!(LetterSet::of(&one).min_distance(LetterSet::of(&other)) <= distance);
        }
    }
}

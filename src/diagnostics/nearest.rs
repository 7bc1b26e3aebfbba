//! The known name that a misspelt one most likely meant.

/// The nearest of the known names, if any is near enough to be meant.
pub fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    Written::new(written).nearest(known.into_iter().map(|name| (name, Letters::of(name))))
}

/// Known names, prepared for so many look-ups that most names must be told apart without a comparison.
#[derive(Debug, Default)]
pub struct Names(Vec<(String, Letters)>);

impl Names {
    /// Prepares names.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Names {
        Names(names.into_iter().map(|name| (name.to_owned(), Letters::of(name))).collect())
    }

    /// The nearest of them, if any is near enough to be meant.
    pub fn nearest(&self, written: &str) -> Option<&str> {
        Written::new(written).nearest(self.0.iter().map(|(name, letters)| (name.as_str(), *letters)))
    }
}

/// How many letters a name has, and which: a bit for each, which some share.
#[derive(Clone, Copy, Debug)]
struct Letters {
    length: usize,
    set: u64,
}

impl Letters {
    fn of(name: &str) -> Letters {
        let letters = name.to_lowercase();
        letters.chars().fold(Letters { length: 0, set: 0 }, |Letters { length, set }, letter| Letters {
            length: length + 1,
            set: set | 1 << (u32::from(letter) % 64),
        })
    }

    /// At least so many slips are between two names.
    fn least_distance(self, other: Letters) -> usize {
        let only = |one: u64, other: u64| usize::try_from((one & !other).count_ones()).unwrap_or(0);
        self.length.abs_diff(other.length).max(only(self.set, other.set)).max(only(other.set, self.set))
    }
}

struct Written {
    name: String,
    letters: Letters,
    allowed: usize,
}

impl Written {
    fn new(written: &str) -> Written {
        let (name, letters) = (written.to_lowercase(), Letters::of(written));
        let allowed = match letters.length {
            0..=3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        Written { name, letters, allowed }
    }

    fn nearest<'n>(&self, known: impl Iterator<Item = (&'n str, Letters)>) -> Option<&'n str> {
        let near = known.filter(|(_, letters)| letters.least_distance(self.letters) <= self.allowed);
        let distances = near.map(|(name, _)| (strsim::damerau_levenshtein(&self.name, &name.to_lowercase()), name));
        distances.filter(|(distance, _)| *distance <= self.allowed).min().map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Letters, Names, nearest};

    #[test]
    fn names_that_were_meant() {
        for (written, meant) in
            [("tilte", Some("title")), ("LANGUAGE", Some("language")), ("x", None), ("weather", None)]
        {
            assert_eq!(nearest(written, ["title", "language", "timezone"]), meant, "{written}");
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
        fn letters_never_rule_out_a_near_name(one in "[a-cA-Cä]{0,8}", other in "[a-cA-Cä]{0,8}") {
            let distance = strsim::damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase());
            prop_assert!(Letters::of(&one).least_distance(Letters::of(&other)) <= distance);
        }
    }
}

//! The order of the versions of an agency's item.

use std::cmp::Ordering;

use crate::article::card::Card;
use crate::types::Text;

/// A version's place in the order of its item's versions: by number, then by time, then by the modification time of its file. A version
/// with a number is higher than one without. The same holds for times.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct VersionRank {
    number: Option<VersionNumber>,
    /// When the version was made (Unix seconds).
    second: Option<i64>,
    /// When its file was last modified (nanoseconds since 1970).
    modified: Option<i64>,
}

impl VersionRank {
    /// A rank from what a file states, or from the ledger.
    pub fn new(number: Option<&str>, second: Option<i64>, modified: Option<i64>) -> VersionRank {
        VersionRank { number: number.map(VersionNumber::new), second, modified }
    }

    /// The rank of the version in a file. `None` if it isn't a version of an item.
    pub fn of(card: &Card) -> Option<VersionRank> {
        let item = card.item.as_ref()?;
        let (number, second) = (item.number.as_ref().map(Text::as_str), item.time.map(|time| time.second()));
        Some(VersionRank::new(number, second, card.modified))
    }

    /// Whether this version is newer than another by what both state.
    pub fn is_newer(&self, other: &VersionRank) -> bool {
        (&self.number, self.second) > (&other.number, other.second)
    }

    /// Whether the version states the same place as another one.
    pub fn is_same(&self, other: &VersionRank) -> bool {
        (&self.number, self.second) == (&other.number, other.second)
    }

    /// Why this version is higher than another one, as the end of a sentence.
    pub fn reason_over(&self, other: &VersionRank) -> &'static str {
        if self.number != other.number {
            "the higher version"
        } else if self.second != other.second {
            "the later version"
        } else if self.modified != other.modified {
            "the same version, and the file that was modified last or that readers know"
        } else {
            "the same version, and its path sorts last"
        }
    }

    /// Adds the modification time that the ledger knows, if the version is the same and its file is gone.
    pub fn recall(&mut self, recorded: &VersionRank) {
        if self.is_same(recorded) {
            self.modified = self.modified.or(recorded.modified);
        }
    }

    /// The number of the version, as stated.
    pub fn number(&self) -> Option<&str> {
        self.number.as_ref().map(|number| &*number.0)
    }

    /// When the version was made (Unix seconds).
    pub fn second(&self) -> Option<i64> {
        self.second
    }

    /// When the version's file was last modified (nanoseconds since 1970).
    pub fn modified(&self) -> Option<i64> {
        self.modified
    }
}

/// The number of a version, such as `6` or `2.1`. Numeric parts are compared as numbers, and come before other parts: `2.9`, `2.10`, `2.a`.
#[derive(Clone, Debug)]
struct VersionNumber(Box<str>);

impl VersionNumber {
    fn new(stated: &str) -> VersionNumber {
        VersionNumber(stated.trim().into())
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.0.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let digits = part.trim_start_matches('0');
            if is_number { Part::Number(digits.len(), digits) } else { Part::Word(part) }
        })
    }
}

/// A part of a version's number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'n> {
    /// A number of any size: how many digits it has without leading zeros, and these digits.
    Number(usize, &'n str),
    Word(&'n str),
}

impl PartialEq for VersionNumber {
    fn eq(&self, other: &VersionNumber) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for VersionNumber {}

impl PartialOrd for VersionNumber {
    fn partial_cmp(&self, other: &VersionNumber) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VersionNumber {
    fn cmp(&self, other: &VersionNumber) -> Ordering {
        self.parts().cmp(other.parts())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number_then_time() {
        // Each version is higher than the one before it.
        let ascending = [
            (None, None),
            (None, Some(5)),
            (None, Some(6)),
            (Some("0"), None),
            (Some("1"), None),
            (Some("1"), Some(-3)),
            (Some("01"), Some(4)),
            (Some("1.0"), Some(1)),
            (Some("1.9"), Some(1)),
            (Some("1.10"), Some(1)),
            (Some("1.10.1"), Some(1)),
            (Some("2"), Some(1)),
            (Some("9"), Some(1)),
            (Some("10"), Some(1)),
            (Some("18446744073709551616"), Some(1)),
            (Some("99999999999999999999999"), Some(1)),
            (Some("1a"), Some(1)),
            (Some("9a"), Some(1)),
            (Some("b"), Some(1)),
        ];
        let ranks: Vec<VersionRank> =
            ascending.iter().map(|(number, second)| VersionRank::new(*number, *second, None)).collect();
        for (low, one) in ranks.iter().enumerate() {
            for (high, other) in ranks.iter().enumerate() {
                assert_eq!(one.cmp(other), low.cmp(&high), "{one:?} {other:?}");
            }
        }
        assert_eq!(VersionRank::new(Some("007"), None, None), VersionRank::new(Some("7"), None, None));
    }
}

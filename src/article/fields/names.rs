//! The names of front matter keys: dateline's own, and those of other tools that look like them.

use crate::article::access;
use crate::article::keys;
use crate::article::lifecycle::{self, Certainty, Meaning};

/// Every key that means something, with the other names it goes by.
const KEYS: &[&str] = &[
    "title",
    "date",
    "updated",
    "author",
    "authors",
    "section",
    "sections",
    "tags",
    "summary",
    "language",
    "id",
    "slug",
    "link",
    "image",
    "media",
    "source",
    "editor",
    "editors",
    "copyright",
    "draft",
    "feeds",
    "expires",
    "embargo",
    "status",
    "reason",
    "corrections",
];

/// Names of other tools under which dateline reads a key of its own.
const ALIASES: &[&str] = &["lastmod", "modified", "description", "lang", "taxonomies"];

/// Keys of other tools that look like ours and aren't, without `_` and `-`.
const FOREIGN: &[&str] = &[
    "type",
    "layout",
    "weight",
    "aliases",
    "url",
    "category",
    "categories",
    "keywords",
    "subtitle",
    "images",
    "name",
    "lead",
    "links",
    "page",
    "template",
    "path",
    "extra",
    "order",
    "toc",
    "math",
    "menu",
    "series",
    "params",
    "build",
    "cascade",
    "headless",
    "outputs",
    "resources",
    "theme",
    "video",
    "videos",
    "audio",
    "format",
    "feed",
    "rights",
    "place",
    "rating",
    "sitemap",
    "state",
    "meta",
    "data",
    "edition",
    "ed",
    "iso",
    "stage",
    "tagline",
    "day",
    "rate",
    "late",
    "gate",
    "debate",
    "donate",
    "express",
    "expert",
    "experts",
    "publisher",
    "craft",
    "drift",
    "graft",
    "stats",
    "states",
    "statue",
    "statues",
    "needs",
    "seeds",
    "fees",
    "permalink",
    "slugs",
    "cover",
    "banner",
    "thumbnail",
    "excerpt",
    "comments",
    "pagination",
];

/// Keys of dateline that decide by their value whether the article is public, besides those of [`lifecycle`].
const SWITCHES: &[&str] = &["feeds"];

/// Whether dateline reads a key of this name, [normalised](keys::normalised).
pub(in crate::article) fn is_known(name: &str) -> bool {
    KEYS.contains(&name) || ALIASES.contains(&name) || lifecycle::lookup(name).is_some() || access::is_key(name)
}

/// Whether other tools have a key of this name.
pub(in crate::article) fn is_foreign(name: &str) -> bool {
    FOREIGN.contains(&name)
}

/// The names that were meant may be dateline's own only.
pub(super) fn own() -> impl Iterator<Item = &'static str> {
    KEYS.iter().copied()
}

/// The key that can withhold an article and that an unknown name misses by one slip of the pen. Shorter names than five letters have too
/// many neighbours that are words.
pub(in crate::article) fn nearest_withholding_key(name: &str) -> Option<&'static str> {
    if is_known(name) || is_foreign(name) {
        return None;
    }
    let withholds = |meaning: &Meaning| !matches!(meaning, Meaning::Date | Meaning::Reason | Meaning::Corrections);
    let names = lifecycle::typo_checked_keys().filter(|(_, meaning)| withholds(meaning)).map(|(name, _)| name);
    let length = name.chars().count();
    names
        .chain(SWITCHES.iter().copied())
        .chain(access::unmistakable_keys())
        .filter(|known| known.len() >= 5 && known.len().abs_diff(length) <= 1)
        .find(|known| is_one_edit_apart(known, name))
}

/// Whether words differ by one letter that is missing, one too many or another one, or by two neighbours that changed places. Damaged
/// files may have many thousands of words to compare, so this is faster than a distance.
fn is_one_edit_apart(one: &str, other: &str) -> bool {
    let common = one.chars().zip(other.chars()).take_while(|(one, other)| one == other);
    let start: usize = common.map(|(c, _)| c.len_utf8()).sum();
    let (one, other) = (one.get(start..).unwrap_or_default(), other.get(start..).unwrap_or_default());
    let common = one.chars().rev().zip(other.chars().rev()).take_while(|(one, other)| one == other);
    let end: usize = common.map(|(c, _)| c.len_utf8()).sum();
    let middle = |word: &str| word.get(..word.len() - end).unwrap_or_default().chars().take(3).collect::<Vec<_>>();
    match (middle(one).as_slice(), middle(other).as_slice()) {
        ([_], []) | ([], [_]) | ([_], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

/// What a key says about whether the article is public.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::article) enum Verdict {
    /// Nothing, or that it is.
    Public,
    /// Something that can't be read.
    Doubtful,
    /// That it is not, or not always.
    Withheld,
}

/// What a key with this value says. `name` is [normalised](keys::normalised), or nearly right; a value of `None` is a list or a table.
pub(in crate::article) fn verdict(name: &str, value: Option<&str>) -> Verdict {
    let name = nearest_withholding_key(name).unwrap_or(name);
    if access::is_key(name) {
        return match value {
            Some(value) if access::withholds(name, value) => Verdict::Withheld,
            _ if access::may_restrict(name, value) => Verdict::Doubtful,
            _ => Verdict::Public,
        };
    }
    let has_digits = value.is_some_and(|value| value.contains(|c: char| c.is_ascii_digit()));
    let truth = value.and_then(keys::parse_bool);
    let switch = |public: bool| match truth {
        Some(truth) if truth == public => Verdict::Public,
        Some(_) => Verdict::Withheld,
        None => Verdict::Doubtful,
    };
    let status = value.and_then(lifecycle::parse_status).map(|status| match status {
        lifecycle::Status::Published => Verdict::Public,
        _ => Verdict::Withheld,
    });
    match (lifecycle::lookup(name), name) {
        (Some((Meaning::Embargo, Certainty::Certain)), _) if value.is_some_and(lifecycle::lifts_embargo) => {
            Verdict::Public
        }
        // `Hold: the line` is the beginning of a sentence, too.
        (Some((Meaning::Embargo, Certainty::Certain)), _) if has_digits || name.starts_with("embargo") => {
            Verdict::Withheld
        }
        (Some((Meaning::Embargo, Certainty::Certain)), _) => Verdict::Doubtful,
        (Some((Meaning::Embargo, Certainty::WithDate)), _) if has_digits => Verdict::Doubtful,
        (Some((Meaning::Expires, _)), _) if value.is_some_and(lifecycle::never_expires) => Verdict::Public,
        (Some((Meaning::Expires, _)), _) if has_digits => Verdict::Withheld,
        (Some((Meaning::Expires, _)), _) => Verdict::Doubtful,
        (Some((Meaning::Status, Certainty::Certain)), _) => status.unwrap_or(Verdict::Doubtful),
        (Some((Meaning::Status, Certainty::WithDate)), _) => status.unwrap_or(Verdict::Public),
        // Unless it is a date.
        (Some((Meaning::Public, _)), _) if !has_digits || truth.is_some() => status.unwrap_or_else(|| switch(true)),
        (Some((Meaning::Draft, _)), _) => switch(false),
        (_, "feeds") => switch(true).min(Verdict::Doubtful),
        _ => Verdict::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::is_one_edit_apart;

    #[test]
    fn slips_are_single_edits() {
        for (one, other, expected) in [
            ("draft", "drafts", true),
            ("draft", "raft", true),
            ("draft", "drfat", true),
            ("draft", "dräft", true),
            ("draft", "draft", false),
            ("draft", "drfta", false),
            ("draft", "drat", true),
            ("draft", "dt", false),
            ("draft", "", false),
            ("aa", "aaa", true),
            ("status", "states", true),
            ("published", "pubilshde", false),
        ] {
            assert_eq!(is_one_edit_apart(one, other), expected, "{one} {other}");
            assert_eq!(is_one_edit_apart(other, one), expected, "{other} {one}");
        }
    }
}

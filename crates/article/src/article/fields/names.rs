//! The names of front matter keys: dateline's own, and similar keys of other tools.

use crate::article::access;
use crate::article::keys;
use crate::article::lifecycle;
use crate::article::meaning::{Certainty, Meaning, Status};

/// All of dateline's keys. [`lifecycle`] and [`access`] know further names for some of them.
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

/// Keys of other tools that dateline treats as its own.
const ALIASES: &[&str] = &["description", "excerpt", "lang", "taxonomies", "categories", "category"];

/// Keys for the time of the last change.
pub(super) const UPDATED: &[&str] = &[
    "updated",
    "lastmod",
    "modified",
    "lastmodified",
    "lastmodifiedat",
    "lastupdated",
    "updatedat",
    "updateddate",
    "updatedon",
    "dateupdated",
    "datemodified",
    "modifieddate",
];

/// Keys for the lead picture besides `image`, the best first: `coverImage`, `featured_image`, Jekyll's `header`.
pub(super) const IMAGES: &[&str] = &[
    "images",
    "cover",
    "coverimage",
    "heroimage",
    "hero",
    "featuredimage",
    "featureimage",
    "socialimage",
    "ogimage",
    "header",
    "banner",
    "thumbnail",
];

/// Keys of other tools that resemble dateline's keys, and words that are one edit away from one. They aren't reported as typos.
const FOREIGN_KEYS: &[&str] = &[
    "type",
    "layout",
    "weight",
    "aliases",
    "url",
    "keywords",
    "subtitle",
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
    "comments",
    "pagination",
    "paginate",
    "lastupdate",
    "excerptseparator",
    "transparent",
    "imports",
];

/// Boolean keys that can withhold the article, besides those of [`lifecycle`].
const BOOLEAN_KEYS: &[&str] = &["feeds"];

/// Whether dateline has a key of this name, [normalised](keys::normalised).
pub(in crate::article) fn is_known(name: &str) -> bool {
    KEYS.contains(&name) || ALIASES.contains(&name) || lifecycle::lookup(name).is_some() || access::is_key(name)
}

/// Whether a key of this name belongs to another tool.
pub(in crate::article) fn is_foreign(name: &str) -> bool {
    FOREIGN_KEYS.contains(&name) || UPDATED.contains(&name) || IMAGES.contains(&name)
}

/// All of dateline's keys, as candidates for misspelt ones.
pub(super) fn own_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().copied()
}

/// The key that can withhold an article and differs from an unknown name by one edit. Keys of fewer than five letters are too similar to
/// other words.
pub(in crate::article) fn nearest_withholding_key(name: &str) -> Option<&'static str> {
    if is_known(name) || is_foreign(name) {
        return None;
    }
    let withholds = |meaning: &Meaning| !matches!(meaning, Meaning::Date | Meaning::Reason | Meaning::Corrections);
    let names = lifecycle::typo_checked_keys().filter(|(_, meaning)| withholds(meaning)).map(|(name, _)| name);
    let length = name.chars().count();
    names
        .chain(BOOLEAN_KEYS.iter().copied())
        .chain(access::unmistakable_keys())
        .filter(|known| known.len() >= 5 && known.len().abs_diff(length) <= 1)
        .find(|known| is_one_edit_apart(known, name))
}

/// Whether words differ by one inserted, deleted or replaced letter, or by two swapped neighbours. Faster than an edit distance, because
/// damaged files may have many thousands of words to compare.
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

/// A key's statement about whether the article is public.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::article) enum Verdict {
    /// Nothing, or that the article is public.
    Public,
    /// The value is unknown.
    Unclear,
    /// The article isn't public, or only for some time.
    Withheld,
}

/// The statement of a key with this value. `name` is [normalised](keys::normalised) and may be misspelt. `None` stands for a list or a
/// table.
pub(in crate::article) fn verdict(name: &str, value: Option<&str>) -> Verdict {
    let name = nearest_withholding_key(name).unwrap_or(name);
    if access::is_key(name) {
        return match value {
            Some(value) if access::withholds(name, value) => Verdict::Withheld,
            _ if access::may_restrict(name, value) => Verdict::Unclear,
            _ => Verdict::Public,
        };
    }
    let has_digits = value.is_some_and(|value| value.contains(|c: char| c.is_ascii_digit()));
    let truth = value.and_then(keys::parse_bool);
    let switch = |public: bool| match truth {
        Some(truth) if truth == public => Verdict::Public,
        Some(_) => Verdict::Withheld,
        None => Verdict::Unclear,
    };
    let status = value.and_then(lifecycle::parse_status).map(|status| match status {
        Status::Published => Verdict::Public,
        _ => Verdict::Withheld,
    });
    match (lifecycle::lookup(name), name) {
        (Some((Meaning::Embargo, Certainty::Certain)), _) if value.is_some_and(lifecycle::lifts_embargo) => {
            Verdict::Public
        }
        // A sentence may begin with the key: `Hold: the line`.
        (Some((Meaning::Embargo, Certainty::Certain)), _) if has_digits || name.starts_with("embargo") => {
            Verdict::Withheld
        }
        (Some((Meaning::Embargo, Certainty::Certain)), _) => Verdict::Unclear,
        (Some((Meaning::Embargo, Certainty::WithDate)), _) if has_digits => Verdict::Unclear,
        (Some((Meaning::Expires, _)), _) if value.is_some_and(lifecycle::never_expires) => Verdict::Public,
        (Some((Meaning::Expires, _)), _) if has_digits => Verdict::Withheld,
        (Some((Meaning::Expires, _)), _) => Verdict::Unclear,
        (Some((Meaning::Status, Certainty::Certain)), _) => status.unwrap_or(Verdict::Unclear),
        (Some((Meaning::Status, Certainty::WithDate)), _) => status.unwrap_or(Verdict::Public),
        // A date isn't a statement about access: it is the date of the first publication.
        (Some((Meaning::Public, _)), _) if !has_digits || truth.is_some() => status.unwrap_or_else(|| switch(true)),
        (Some((Meaning::Draft, _)), _) => switch(false),
        (_, "feeds") => switch(true).min(Verdict::Unclear),
        _ => Verdict::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::is_one_edit_apart;

    #[test]
    fn single_edits_are_detected() {
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

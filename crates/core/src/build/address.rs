//! The request paths of feeds, and feeds that a file system would write into one folder.
//!
//! # Why aren't tags and authors just percent-encoded?
//!
//! Their names may contain any text. Many proxies decode `%2F` and `%5C`, clients remove `.` and `..` when they resolve a URL, and nginx
//! refuses a response whose Link field is longer than a page of memory. In names with a slash or a backslash, and in `.` and `..`, these
//! characters and `~` are written as `~2F` and the like, which nobody decodes. Very long names are shortened. All other names stay as they
//! are.
//!
//! A plain name never equals an escaped one: names are in lower case ([`super::placement::taxonomy_key`]), and every escape has a capital
//! letter.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::placement::{FeedKey, taxonomy_key};
use crate::encoding::{decode_segment, encode_segment};
use crate::types::{ContentHash, Text, nfc};

/// The longest percent-encoded segment that isn't shortened. A page's header fields contain its feed's address, and proxies allow
/// 4 kB for them.
const MAX_SEGMENT_BYTES: usize = 3_200;
/// The longest segment with escapes, so that it can be a file name.
const MAX_ESCAPED_BYTES: usize = 255;
/// How much of a shortened name stays readable.
const MAX_READABLE_BYTES: usize = 160;

/// The canonical request path of a feed's page, below the prefix. The feed's documents are below it.
pub fn route(key: &FeedKey) -> String {
    let segments: &mut dyn Iterator<Item = Cow<'_, str>> = match key {
        FeedKey::Section(path) => &mut path.segments().map(Cow::Borrowed),
        FeedKey::Tag(tag) => &mut [Cow::Borrowed("tags"), term_segment(tag)].into_iter(),
        FeedKey::Author(author) => &mut [Cow::Borrowed("authors"), term_segment(author)].into_iter(),
    };
    segments.fold("/".to_owned(), |route, segment| route + &encode_segment(&segment) + "/")
}

/// The path segment of a tag or an author, not percent-encoded. Different names have different segments.
fn term_segment(name: &Text) -> Cow<'_, str> {
    let name = name.as_str();
    let is_dots = matches!(name, "." | "..");
    let is_escaped = is_dots || name.contains(['/', '\\']);
    let mut segment = Cow::Borrowed(name);
    if is_escaped {
        let escape = |character: char| match character {
            '/' => Cow::Borrowed("~2F"),
            '\\' => Cow::Borrowed("~5C"),
            '~' => Cow::Borrowed("~7E"),
            '.' if is_dots => Cow::Borrowed("~2E"),
            other => Cow::Owned(other.to_string()),
        };
        segment = Cow::Owned(name.chars().map(escape).collect());
    }
    let is_long = is_escaped && segment.len() > MAX_ESCAPED_BYTES;
    if is_long || encode_segment(&segment).len() > MAX_SEGMENT_BYTES {
        let readable = segment.get(..segment.floor_char_boundary(MAX_READABLE_BYTES)).unwrap_or_default();
        segment = Cow::Owned(format!("{readable}~CUT{}", ContentHash::of(name.as_bytes())));
    }
    segment
}

/// The feed of a tag or an author with this request path. `None` for any other path, and for a name that was shortened.
pub fn term_feed(route: &str) -> Option<FeedKey> {
    let (kind, segment) = route.strip_prefix('/')?.strip_suffix('/')?.split_once('/')?;
    let segment = String::from_utf8(decode_segment(segment).into_owned()).ok()?;
    let plain = Text::line(&segment);
    let unescaped = ["/ ~2F", "\\ ~5C", ". ~2E", "~ ~7E"].into_iter().filter_map(|pair| pair.split_once(' '));
    let unescaped = Text::line(&unescaped.fold(segment, |name, (character, escape)| name.replace(escape, character)));
    let feed = |name: Text| match kind {
        "tags" => Some(FeedKey::Tag(name)),
        "authors" => Some(FeedKey::Author(name)),
        _ => None,
    };
    // No name in lower case has capital letters like those of escapes, so only one of the two is a name with this path.
    let names = [plain, unescaped].into_iter().filter(|name| taxonomy_key(name) == *name);
    names.filter_map(feed).find(|key| self::route(key) == route)
}

/// Finds feeds that some file system would write into the folder of another feed. Returns each with that other feed, which is the first in
/// order. Such file systems ignore case, compose decomposed characters, or drop dots and spaces at the end of a name.
pub fn shared_folders<'k>(keys: impl Iterator<Item = &'k FeedKey>) -> BTreeMap<&'k FeedKey, &'k FeedKey> {
    let mut first: HashMap<String, &FeedKey> = HashMap::new();
    let mut shared = BTreeMap::new();
    for key in keys {
        let owner = *first.entry(folder(key)).or_insert(key);
        if owner != key {
            shared.insert(key, owner);
        }
    }
    shared
}

/// A feed's folder as such a file system compares it.
fn folder(key: &FeedKey) -> String {
    let folded = |name: &str| -> String {
        let lower: String = nfc(name).chars().map(lower_case).collect();
        nfc(lower.trim_end_matches(['.', ' '])).into_owned()
    };
    match key {
        FeedKey::Section(path) => path.segments().map(folded).collect::<Vec<_>>().join("/"),
        FeedKey::Tag(tag) => format!("tags/{}", folded(&term_segment(tag))),
        FeedKey::Author(author) => format!("authors/{}", folded(&term_segment(author))),
    }
}

/// A character in lower case if that is a single character. File systems compare character by character.
fn lower_case(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::SectionPath;

    fn tag(name: &str) -> FeedKey {
        FeedKey::Tag(taxonomy_key(&Text::line(name)))
    }

    #[test]
    fn awkward_names_avoid_what_proxies_decode() {
        for (name, expected) in [
            ("tide", "/tags/tide/"),
            ("AC/DC", "/tags/ac~2Fdc/"),
            ("/", "/tags/~2F/"),
            ("//", "/tags/~2F~2F/"),
            ("a\\b", "/tags/a~5Cb/"),
            ("a~/b", "/tags/a~7E~2Fb/"),
            (".", "/tags/~2E/"),
            ("..", "/tags/~2E~2E/"),
            ("../../etc", "/tags/..~2F..~2Fetc/"),
            // Plain names stay.
            ("...", "/tags/.../"),
            (".net", "/tags/.net/"),
            ("inc.", "/tags/inc./"),
            ("<b>", "/tags/%3Cb%3E/"),
            ("C#", "/tags/c%23/"),
            ("50%", "/tags/50%25/"),
            ("a?b", "/tags/a%3Fb/"),
            ("%2F", "/tags/%252f/"),
            ("a~b", "/tags/a~b/"),
            ("ac~2Fdc", "/tags/ac~2fdc/"),
            ("~7e", "/tags/~7e/"),
            ("\u{1F600}", "/tags/%F0%9F%98%80/"),
        ] {
            assert_eq!(term_feed(expected), Some(tag(name)).filter(|_| !expected.contains("~CUT")), "{name}");
            assert_eq!(route(&tag(name)), expected, "{name}");
        }
        let long = |letter: &str, count: usize| route(&tag(&letter.repeat(count)));
        assert_eq!(long("x", 3_000).len(), 3_000 + "/tags//".len(), "nothing is wrong with it");
        let (one, other) = (long("\u{65B0}", 400), long("\u{65B0}", 401));
        assert!(one != other && one.len() < 700, "{one}");
        assert!(long("/", 2_000).starts_with("/tags/~2F~2F"));
    }

    #[test]
    fn feeds_with_equal_folders_are_found() {
        let section = |path: &str| FeedKey::Section(SectionPath::parse(path).unwrap());
        for (one, other, is_shared) in [
            (section("News"), section("news"), true),
            (section("News/local"), section("news/Local"), true),
            (section("\u{C9}t\u{E9}"), section("\u{E9}t\u{E9}"), true),
            (section("news"), section("news/local"), false),
            (tag("inc"), tag("inc."), true),
            (tag("J\u{30C}"), tag("\u{1F0}"), true),
            (tag("ac/dc"), tag("ac~2fdc"), true),
            (tag("strasse"), tag("stra\u{DF}e"), false),
            (tag("news"), section("news"), false),
        ] {
            let (keys, expected) = ([&one, &other], is_shared.then_some((&other, &one)));
            assert_eq!(shared_folders(keys.into_iter()).into_iter().collect::<Vec<_>>(), Vec::from_iter(expected));
        }
    }

    proptest! {
        #[test]
        fn different_names_have_different_routes(one in "[/\\\\.~%a2fe5cA2FE5C ]{0,5}", other in "[/\\\\.~%a2fe5cA2FE5C ]{0,5}") {
            let (one, other) = (tag(&one), tag(&other));
            prop_assert_eq!(route(&one) == route(&other), one == other);
        }

        #[test]
        fn routes_hold_only_safe_characters(name in "\\PC{1,8}|[/\\\\.~ ]{1,4}|.{1,8}") {
            let route = route(&tag(&name));
            let segment = route.strip_prefix("/tags/").and_then(|rest| rest.strip_suffix('/')).unwrap();
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
            prop_assert!(segment.bytes().all(is_safe) && !matches!(segment, "." | ".."), "{}", segment);
            for tampered in ["%2F", "%5C", "%00", "%2E", "%7F"] {
                prop_assert!(!segment.contains(tampered), "{}", segment);
            }
        }
    }
}

//! How names of files become the last part of an address, as each generator of static sites does it.

use unicode_normalization::char::is_combining_mark;

use crate::types::{Text, is_bidi_control, is_publishable, nfc};

const MAX_SLUG_BYTES: usize = 200;

/// `content.slugs`: the generator whose spelling addresses follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SlugStyle {
    /// The stated slug, else the file's name without its date, both as written.
    #[default]
    AsWritten,
    /// The stated slug, else the file's name with its date: lower case, with hyphens for blanks.
    Hugo,
    /// Like [`SlugStyle::Hugo`], but from the title if no slug is stated. Hugo's `:slug` and `:title`.
    HugoTitle,
    /// The stated slug, else the file's name without its date: ASCII letters, digits and hyphens.
    Zola,
    /// The stated slug, else the file's name without its date, with hyphens for characters that aren't plain in URLs.
    Jekyll,
    /// The stated slug as written, else made from the title in ASCII.
    Pelican,
    /// The stated slug as written, else made from the file's name. Pelican's `SLUGIFY_SOURCE = "basename"`.
    PelicanName,
}

/// The texts that a slug can be made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlugSources<'s> {
    /// The file's name without extension.
    pub(super) file_name: &'s str,
    /// The file's name without extension and date.
    pub(super) undated_name: &'s str,
    pub(super) title: Option<&'s str>,
}

impl SlugStyle {
    /// The styles with their names in the configuration.
    pub const NAMES: [(&'static str, SlugStyle); 7] = [
        ("as-written", SlugStyle::AsWritten),
        ("hugo", SlugStyle::Hugo),
        ("hugo-title", SlugStyle::HugoTitle),
        ("zola", SlugStyle::Zola),
        ("jekyll", SlugStyle::Jekyll),
        ("pelican", SlugStyle::Pelican),
        ("pelican-name", SlugStyle::PelicanName),
    ];

    /// The slug of an article that states none.
    pub(super) fn default_slug(self, sources: SlugSources<'_>) -> Result<Text, String> {
        let spelt = match self {
            SlugStyle::AsWritten | SlugStyle::Zola | SlugStyle::Jekyll => self.spell(sources.undated_name),
            SlugStyle::Hugo => self.folder(sources.file_name),
            SlugStyle::PelicanName => self.spell(sources.file_name),
            SlugStyle::HugoTitle | SlugStyle::Pelican => self.spell(sources.title.unwrap_or(sources.file_name)),
        };
        // A title of punctuation has no slug.
        parse_slug(&spelt).or_else(|_| parse_slug(sources.undated_name))
    }

    /// The spelling of a slug that front matter states.
    pub(super) fn stated_slug(self, stated: &Text) -> Text {
        match self {
            SlugStyle::Pelican | SlugStyle::PelicanName => stated.clone(),
            _ => parse_slug(&self.spell(stated.as_str())).unwrap_or_else(|_| stated.clone()),
        }
    }

    /// The spelling of a folder or a file's name in an address.
    pub(super) fn folder(self, name: &str) -> String {
        match self {
            SlugStyle::Hugo | SlugStyle::HugoTitle => hugo_path(name),
            SlugStyle::Zola => self.spell(name),
            SlugStyle::AsWritten | SlugStyle::Jekyll | SlugStyle::Pelican | SlugStyle::PelicanName => name.to_owned(),
        }
    }

    /// The spelling of a category in an address.
    pub(super) fn category(self, name: &str) -> String {
        match self {
            SlugStyle::AsWritten => name.to_owned(),
            SlugStyle::Jekyll => name.to_lowercase(),
            _ => self.spell(name),
        }
    }

    fn spell(self, text: &str) -> String {
        match self {
            SlugStyle::AsWritten => text.to_owned(),
            SlugStyle::Hugo | SlugStyle::HugoTitle => hugo_slug(text),
            SlugStyle::Zola => slug::slugify(text),
            SlugStyle::Jekyll => jekyll(text),
            SlugStyle::Pelican | SlugStyle::PelicanName => pelican(text),
        }
    }
}

/// Parses a slug: one NFC path segment.
pub(super) fn parse_slug(raw: &str) -> Result<Text, String> {
    let slug = nfc(raw.trim());
    if slug.is_empty() {
        return Err("a slug cannot be empty".into());
    }
    if slug == "." || slug == ".." {
        return Err(format!("a slug cannot be `{slug}`"));
    }
    if let Some(bad) =
        slug.chars().find(|&c| matches!(c, '/' | '\\') || c.is_control() || !is_publishable(c) || is_bidi_control(c))
    {
        return Err(format!("a slug cannot contain `{}`", bad.escape_debug()));
    }
    if slug.len() > MAX_SLUG_BYTES {
        return Err(format!("a slug is at most {MAX_SLUG_BYTES} bytes long; this one has {}", slug.len()));
    }
    Ok(Text::line(&slug))
}

/// Hugo's spelling of slugs and titles: drops most punctuation, and writes one hyphen for blanks.
fn hugo_slug(text: &str) -> String {
    let mut slug = String::new();
    let mut is_blank_pending = false;
    for c in text.trim().chars() {
        if is_hugo_letter(c) {
            if is_blank_pending && c != '-' && !slug.ends_with('-') {
                slug.push('-');
            }
            is_blank_pending = false;
            slug.extend(c.to_lowercase());
        } else {
            is_blank_pending |= c.is_whitespace() && !slug.is_empty();
        }
    }
    slug
}

/// Hugo's spelling of files and folders: like its slugs, but with a hyphen for each blank.
fn hugo_path(name: &str) -> String {
    let letters = name.chars().map(|c| if c == ' ' { '-' } else { c }).filter(|c| is_hugo_letter(*c));
    letters.flat_map(char::to_lowercase).collect()
}

fn is_hugo_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || "._#+~-@".contains(c)
}

/// Jekyll's `slugify` in its mode `pretty`, which keeps upper case.
fn jekyll(text: &str) -> String {
    hyphenated(text, |c| c.is_alphanumeric() || is_combining_mark(c) || "._~!$&'()+,;=@".contains(c))
}

/// Pelican's `slugify`: ASCII letters in lower case, digits, `_`, and hyphens for blanks.
fn pelican(text: &str) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-' || c.is_whitespace();
    let kept: String = deunicode::deunicode(text).trim().chars().filter(is_kept).collect();
    let mut slug = String::new();
    for c in kept.trim().chars() {
        match c {
            '-' => push_hyphen(&mut slug),
            blank if blank.is_whitespace() => push_hyphen(&mut slug),
            c => slug.push(c.to_ascii_lowercase()),
        }
    }
    slug
}

fn push_hyphen(slug: &mut String) {
    if !slug.ends_with('-') {
        slug.push('-');
    }
}

/// Replaces each run of other characters with a hyphen. None are at the ends.
fn hyphenated(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let words: Vec<&str> = text.split(|c| !is_kept(c)).filter(|word| !word.is_empty()).collect();
    words.join("-").trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_spelt_as_generators_do() {
        let names: [(&str, [&str; 5]); 7] = [
            ("Night Ferry", ["Night Ferry", "night-ferry", "night-ferry", "Night-Ferry", "night-ferry"]),
            ("C++ & C#!", ["C++ & C#!", "c++--c#", "c-c", "C++-&-C-!", "c-c"]),
            (
                "Überfahrt nach Łódź",
                [
                    "Überfahrt nach Łódź",
                    "überfahrt-nach-łódź",
                    "uberfahrt-nach-lodz",
                    "Überfahrt-nach-Łódź",
                    "uberfahrt-nach-lodz",
                ],
            ),
            ("node.js_v1", ["node.js_v1", "node.js_v1", "node-js-v1", "node.js_v1", "nodejs_v1"]),
            ("a  -  b", ["a - b", "a-----b", "a-b", "a-b", "a-b"]),
            ("What's new?", ["What's new?", "whats-new", "what-s-new", "What's-new", "whats-new"]),
            ("科技", ["科技", "科技", "ke-ji", "科技", "ke-ji"]),
        ];
        let styles =
            [SlugStyle::AsWritten, SlugStyle::Hugo, SlugStyle::Zola, SlugStyle::Jekyll, SlugStyle::PelicanName];
        for (name, expected) in names {
            for (style, expected) in styles.into_iter().zip(expected) {
                let sources = SlugSources { file_name: name, undated_name: name, title: None };
                assert_eq!(style.default_slug(sources).as_ref().map(Text::as_str), Ok(expected), "{name} {style:?}");
            }
        }
    }

    #[test]
    fn slugs_are_made_from_names_or_titles() {
        let sources = SlugSources { file_name: "2026-11-03-x", undated_name: "x", title: Some("A Title") };
        for (style, expected) in [
            (SlugStyle::AsWritten, "x"),
            (SlugStyle::Hugo, "2026-11-03-x"),
            (SlugStyle::HugoTitle, "a-title"),
            (SlugStyle::Zola, "x"),
            (SlugStyle::Jekyll, "x"),
            (SlugStyle::Pelican, "a-title"),
            (SlugStyle::PelicanName, "2026-11-03-x"),
        ] {
            assert_eq!(style.default_slug(sources).as_ref().map(Text::as_str), Ok(expected), "{style:?}");
        }
        let sources = SlugSources { title: Some("???"), ..sources };
        assert_eq!(SlugStyle::Pelican.default_slug(sources).as_ref().map(Text::as_str), Ok("x"));
        for (style, expected) in [(SlugStyle::Hugo, "my-slug+c-d"), (SlugStyle::Pelican, "My Slug+C & D")] {
            assert_eq!(style.stated_slug(&Text::new("My Slug+C & D")).as_str(), expected, "{style:?}");
        }
    }
}

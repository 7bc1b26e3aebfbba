//! Makes untrusted HTML safe to publish, in three steps:
//!
//! 1. The HTML is parsed and rewritten. `convert` replaces elements that feed readers can't show: frames by links, lazy pictures by
//!    pictures, AMP by HTML. It removes hidden elements. `writer` writes the rest with absolute addresses, and only elements and attributes
//!    in `lists`.
//! 2. Ammonia parses what was written and removes everything that isn't in `lists`. Safety depends on this step alone.
//! 3. Characters that XML forbids are removed, because a character reference may have become one. Ammonia escapes all text and all values
//!    of attributes, so nothing can become markup by that. Addresses have no such characters.
//!
//! Nothing changes the HTML after that: what is published is ammonia's output.
//!
//! # Why does the writer use the same lists as ammonia?
//!
//! Ammonia isn't idempotent: removing an element can leave markup that browsers parse differently, such as a paragraph in a paragraph. If
//! ammonia changes nothing, its output is stable, and no further pass is needed to find out. Otherwise the steps are repeated with its
//! output. If it doesn't become stable, only its text is published.
//!
//! # Why isn't the tree passed to ammonia?
//!
//! Ammonia's interface takes only text. Parsing once more also shows it the same tree as browsers, whatever the tree that was
//! rewritten looked like.
//!
//! # What does ammonia not see?
//!
//! The plain text and the list of local files. They are collected while the HTML is written, because they depend on what ammonia
//! removes: classes of footnotes, and comments that end the summary.
//!
//! # Why do ids have suffixes in feeds?
//!
//! A reader shows many articles on one page, where two targets named `setup` would collide. Feeds keep only ids that a link in the
//! article leads to, with a hash of the article's address appended. Footnotes have the same ids in feeds and on pages, because readers
//! with footnote pop-ups look for the link's fragment in the feed.

mod addresses;
mod amp;
mod anchors;
pub(super) mod base;
mod code;
mod convert;
mod embeds;
mod escape;
mod formula;
mod hidden;
mod lists;
mod long_text;
mod math;
mod parse;
mod pictures;
mod plain;
mod prose;
mod style_sheets;
mod tangled;
#[cfg(test)]
mod tests;
mod trackers;
mod writer;

use std::borrow::Cow;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use url::Url;

pub(super) use convert::{Loss, losses};
pub use escape::escape_lines;
pub(super) use hidden::{is_hidden, visible_inside};
use lists::{ATTRIBUTES, BLOCKS, COMMON_ATTRIBUTES, DROPPED, ELEMENTS, FORMULA_ATTRIBUTES, FORMULA_ELEMENTS};
pub(super) use long_text::divide as divide_long_texts;
pub(super) use parse::{has_tag, parse_document};
pub(super) use pictures::{Picture, is_image, picture};
pub(super) use style_sheets::apply as hide_by_style_sheets;
pub(crate) use tangled::{Excess, excess, may_exceed_attributes, too_tangled};
use writer::Written;

use super::rendered::{LinkBase, Rendered};
use super::summary::ends_summary;
use crate::types::Text;

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(ELEMENTS.iter().chain(FORMULA_ELEMENTS).copied().collect())
        .clean_content_tags(DROPPED.iter().copied().collect())
        .tag_attributes(
            ATTRIBUTES
                .iter()
                .copied()
                .chain(FORMULA_ELEMENTS.iter().map(|element| (*element, FORMULA_ATTRIBUTES)))
                .map(|(element, names)| (element, names.iter().copied().collect()))
                .collect(),
        )
        .generic_attributes(COMMON_ATTRIBUTES.iter().copied().collect())
        .url_schemes(["http", "https"].iter().chain(addresses::SCHEMES).copied().collect())
        .url_relative(UrlRelative::Deny)
        .attribute_filter(|_, attribute, value| is_attribute_safe(attribute, value).then_some(Cow::Borrowed(value)))
        .link_rel(None)
        .strip_comments(true);
    builder
});

/// Checks addresses in attributes that ammonia doesn't know to have any, and classes.
fn is_attribute_safe(attribute: &str, value: &str) -> bool {
    let is_web = |address: &str| Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    match attribute {
        "class" => code::is_language_class(value),
        "srcset" => pictures::candidates(value).all(|(address, _)| is_web(address)),
        "cite" => {
            let scheme = Url::parse(value).map(|url| url.scheme().to_owned());
            scheme.is_ok_and(|scheme| ["http", "https"].iter().chain(addresses::SCHEMES).any(|known| *known == scheme))
        }
        _ => true,
    }
}

/// How often the result is sanitised again until it is stable.
const MAX_REPETITIONS: usize = 3;

/// Sanitises HTML. Sanitising the result again doesn't change it. HTML that would take too long to parse is reduced to its text.
pub(super) fn sanitise(html: &str, links: &LinkBase) -> Rendered {
    if too_tangled(html) {
        return text_of_tangled(html);
    }
    let Written { html: mut rewritten, text, lead, local_media } = convert::rewrite(html, links);
    if too_tangled(&rewritten) {
        // The documents of `srcdoc` frames may nest deeper than the source.
        return Rendered { lead, ..text_of_tangled(&rewritten) };
    }
    for _ in 0..=MAX_REPETITIONS {
        let clean = Text::new(&remove_unsafe(&rewritten));
        if clean.as_str() == rewritten {
            let local_media = local_media.into_iter().collect();
            return Rendered { html: clean, text, lead, local_media };
        }
        if too_tangled(clean.as_str()) {
            break;
        }
        rewritten = convert::rewrite(clean.as_str(), links).html;
    }
    Rendered { lead, ..as_text(text.split("\n\n")) }
}

/// Runs ammonia. The result is safe, whatever the HTML.
fn remove_unsafe(html: &str) -> String {
    crate::article::steps::add(html.len());
    SANITISER.clean(&long_text::divided(html)).to_string()
}

/// The text of HTML that would take too long to parse. Empty if an element may be hidden, because its extent is unknown.
fn text_of_tangled(html: &str) -> Rendered {
    let mut text = String::new();
    let mut lead = None;
    let mut rest = html;
    while let Some((before, markup)) = rest.split_once('<') {
        text.push_str(&escape::unescape(before));
        rest = markup;
        if let Some(comment) = markup.strip_prefix("!--") {
            let (comment, after) = comment.split_once("-->").unwrap_or((comment, ""));
            if ends_summary(comment) {
                lead.get_or_insert_with(|| text.trim().to_owned());
            }
            rest = after;
        } else if markup.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            let (tag, after) = markup.split_once('>').unwrap_or((markup, ""));
            let name = tag.trim_start_matches('/');
            let name = name.split(|c: char| c.is_ascii_whitespace() || c == '/').next().unwrap_or_default();
            if may_hide(name, tag) {
                return Rendered::empty();
            }
            if BLOCKS.contains(&name) {
                text.push_str("\n\n");
            }
            rest = after;
        } else {
            text.push('<');
        }
    }
    text.push_str(&escape::unescape(rest));
    Rendered { lead, ..as_text(text.split("\n\n")) }
}

/// Whether a tag's element isn't shown, or has an attribute that may hide it.
fn may_hide(name: &str, tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    DROPPED.iter().any(|dropped| dropped.eq_ignore_ascii_case(name))
        || ["style", "hidden", "dialog"].iter().any(|word| tag.contains(word))
}

/// Renders paragraphs of plain text.
fn as_text<'a>(paragraphs: impl Iterator<Item = &'a str>) -> Rendered {
    let mut html = String::new();
    let mut text = Vec::new();
    for paragraph in paragraphs.map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        html.push_str("<p>");
        escape_lines(paragraph, &mut html);
        html.push_str("</p>");
        text.push(paragraph);
    }
    Rendered { html: Text::new(&html), text: text.join("\n\n"), lead: None, local_media: Vec::new() }
}

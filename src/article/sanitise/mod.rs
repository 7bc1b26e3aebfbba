//! Makes untrusted HTML safe to publish, in three steps:
//!
//! 1. `convert` replaces elements that feed readers can't show: frames by links, lazy pictures by pictures, AMP by HTML. It removes
//!    hidden elements. Safety doesn't depend on it.
//! 2. Ammonia keeps the elements and attributes in `lists` and writes regular markup: every `<` begins a tag, every `>` ends one, every
//!    attribute is `name="value"`, and every element that isn't void is closed.
//! 3. The second pass relies on that regularity. It makes URLs absolute and drops those whose scheme isn't listed in `addresses`.
//!
//! Ammonia isn't idempotent, so steps 2 and 3 repeat until the result is stable. If it doesn't become stable, only its text is
//! published. Characters that XML forbids are dropped last, because ammonia decodes references to them.
//!
//! # Why is HTML parsed before it is sanitised?
//!
//! Converting what feed readers can't show needs parents and siblings: a `noscript` replaces the picture beside it. Ammonia then makes
//! the result safe, so no conversion has to be right for that. Markdown without raw HTML skips the conversion.
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
mod second_pass;
mod style_sheets;
mod tangled;
#[cfg(test)]
mod tests;
mod trackers;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

pub(super) use addresses::percent_decoded;
use anchors::Anchors;
pub(super) use convert::{Loss, losses};
pub(crate) use escape::escape_lines;
pub(super) use hidden::{is_hidden, visible_inside};
use lists::{ATTRIBUTES, BLOCKS, DROPPED, ELEMENTS};
pub(super) use long_text::divide as divide_long_texts;
pub(super) use parse::{has_tag, parse_document};
pub(super) use pictures::{Picture, is_image, picture};
use second_pass::SecondPass;
pub(super) use style_sheets::apply as hide_by_style_sheets;
pub(crate) use tangled::{Excess, excess, may_exceed_attributes, too_tangled};

use super::rendered::{LinkBase, Rendered};
use super::summary::ends_summary;
use crate::types::{ArticlePath, Text};

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(ELEMENTS.iter().chain(math::ELEMENTS).copied().collect())
        .clean_content_tags(DROPPED.iter().copied().collect())
        .tag_attributes(
            ATTRIBUTES
                .iter()
                .copied()
                .chain(math::ELEMENTS.iter().map(|element| (*element, math::ATTRIBUTES)))
                .map(|(element, names)| (element, names.iter().copied().collect()))
                .collect(),
        )
        .generic_attributes(["lang", "dir", "title", "id"].into())
        .allowed_classes(
            [
                ("sup", ["footnote-reference"].into()),
                ("section", ["footnotes"].into()),
                ("a", [convert::EMBED_CLASS].into()),
            ]
            .into(),
        )
        // pulldown-cmark writes the alignment of table cells as `style`. The second pass replaces it by `align`.
        .filter_style_properties(["text-align"].into())
        .url_schemes(["http", "https"].iter().chain(addresses::SCHEMES).copied().collect())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None)
        // The second pass looks for the end of the summary in comments, and drops them.
        .strip_comments(false);
    builder
});

/// How often the result is sanitised again until it is stable.
const MAX_REPETITIONS: usize = 3;

/// Sanitises HTML. Sanitising the result again doesn't change it. HTML that would take too long to parse is reduced to its text.
pub(super) fn sanitise(html: &str, links: &LinkBase) -> Rendered {
    if too_tangled(html) {
        return text_of_tangled(html);
    }
    let converted = convert::convert(html);
    if matches!(converted, Cow::Owned(_)) && too_tangled(&converted) {
        // The documents of `srcdoc` frames may nest deeper than the source.
        return text_of_tangled(&converted);
    }
    let mut rendered = sanitise_once(&converted, links);
    for _ in 0..MAX_REPETITIONS {
        if too_tangled(rendered.html.as_str()) {
            break;
        }
        let again = sanitise_once(rendered.html.as_str(), links);
        if again.html == rendered.html {
            return rendered;
        }
        rendered.html = again.html;
    }
    Rendered { lead: rendered.lead.take(), ..as_text(rendered.text.split("\n\n")) }
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

/// Runs ammonia and the second pass once.
fn sanitise_once(html: &str, links: &LinkBase) -> Rendered {
    crate::article::steps::add(html.len());
    let clean = SANITISER.clean(&long_text::divided(html)).to_string();
    let mut pass = SecondPass {
        links,
        html: String::with_capacity(clean.len() + clean.len() / 8),
        local_media: BTreeSet::new(),
        prose: second_pass::Paragraphs::default(),
        aside: second_pass::Paragraphs::default(),
        aside_depth: 0,
        formula: formula::Formula::default(),
        lead: None,
        anchors: Anchors::new(links, &clean),
    };
    pass.run(&clean);
    let text = pass.text_so_far();
    Rendered {
        html: Text::new(&pass.html),
        text,
        lead: pass.lead,
        local_media: pass.local_media.into_iter().map(|path| ArticlePath::new(&path)).collect(),
    }
}

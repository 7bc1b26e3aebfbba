//! Applies a page's statements about its publication and access. They may be in `meta` elements, microdata, `data-` attributes, comments,
//! and the lines at its top and end. All of them count.
//!
//! `expires` without a prefix doesn't count, because servers and old pages use it for caching.

use std::collections::VecDeque;
use std::ops::Range;

use scraper::{ElementRef, Node};

use super::super::access;
use super::super::draft::Draft;
use super::super::draft::lines::{Line, MAX_LAST_LINES, MAX_TOP_LINES};
use super::super::fields::names;
use super::super::lifecycle;
use super::super::meaning::{Certainty, Meaning};
use super::chrome;
use super::finding::META_FIELDS;
use super::page::Page;
use super::places::Places;
use crate::article::date;
use crate::article::keys;

/// Elements that are part of a line of text.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr", "audio", "button", "canvas", "embed", "iframe", "img", "input", "label", "map", "meter", "object", "output",
    "picture", "progress", "ruby", "rb", "rp", "rt", "source", "svg", "track", "video",
];

/// Applies all statements of the page about its publication. `markup` is the page's, which `places` may contain in another notation.
pub(super) fn read(draft: &mut Draft<'_>, page: &Page, markup: &str, places: &Places<'_>) {
    for element in page.elements() {
        if element.value().name() == "meta" {
            apply_meta(draft, element, places);
        } else {
            apply_microdata(draft, element, places);
        }
    }
    apply_lines(draft, page, markup, places);
}

/// A name and its value, as written.
struct Statement<'p> {
    name: &'p str,
    value: &'p str,
    span: Range<usize>,
    origin: &'static str,
    /// Whether the name has a prefix such as `article:`. Then an unreadable value withholds the article.
    has_prefix: bool,
}

fn apply_meta(draft: &mut Draft<'_>, meta: ElementRef<'_>, places: &Places<'_>) {
    const ORIGIN: &str = "meta";
    let content = meta.attr("content").or_else(|| meta.attr("value")).unwrap_or_default().trim();
    let mut names = ["name", "property", "itemprop", "http-equiv"]
        .iter()
        .filter_map(|attribute| Some((*attribute, meta.attr(attribute)?.trim().to_lowercase())))
        .collect::<Vec<_>>();
    names.dedup_by(|one, other| one.1 == other.1);
    for (attribute, name) in names {
        let span =
            places.in_tag("<meta", &name, content).or_else(|| places.in_tag("<meta", &name, &name)).unwrap_or(0..0);
        // `dateline-embargo`, like `dateline-id`.
        let own = name.strip_prefix("dateline").and_then(|rest| rest.strip_prefix([':', '-', '.', '_']));
        let bare = keys::without_prefix(&name);
        match (own, name.as_str()) {
            (Some(key), _) if access::is_key(key) => draft.set_access(key, content, span, ORIGIN),
            (None, name) if let Some(key) = access::meta_key(name) => draft.set_access(key, content, span, ORIGIN),
            (Some("feeds"), _) => match keys::parse_bool(content) {
                Some(true) => {}
                Some(false) => draft.set_in_feeds(false, span, ORIGIN),
                None => {
                    let message = format!("`{}` is `true` or `false`", name.escape_debug());
                    let help = "write `true` or `false`; until then nothing of the article is public";
                    draft.refuse_key(Meaning::Embargo, span, message, help);
                }
            },
            (Some("reason"), _) => draft.set_reason(content, span, ORIGIN),
            (Some("correction" | "corrections"), _) => draft.add_correction_line(content, span, ORIGIN),
            (None, "robots" | "googlebot" | "googlebot-news" | "bingbot") => {
                if let Some(date) = unavailable_after(content) {
                    draft.set_expires(last_date(date, draft.source().options), span, "robots");
                }
            }
            // `expires` is about caching, and the page's dates are read elsewhere.
            (None, "expires" | "expire") if attribute != "itemprop" => {}
            (None, name) if META_FIELDS.iter().any(|(known, ..)| known.eq_ignore_ascii_case(name)) => {}
            _ if attribute == "http-equiv" && matches!(lifecycle::lookup(&name), Some((Meaning::Expires, _))) => {}
            _ if lifecycle::lookup(&name).is_some() => {
                let has_prefix = bare != name || attribute == "itemprop";
                apply(draft, Statement { name: &name, value: content, span, origin: ORIGIN, has_prefix });
            }
            _ if lifecycle::resembles_embargo(bare) => refuse_name(draft, &name, "embargo", span),
            (Some(own), _) => {
                let meant = names::nearest_withholding_key(&keys::normalised(own));
                meant.into_iter().for_each(|meant| refuse_name(draft, &name, meant, span.clone()));
            }
            _ => {}
        }
    }
}

fn refuse_name(draft: &mut Draft<'_>, name: &str, meant: &str, span: Range<usize>) {
    let message = format!("`{}` is not a name that dateline knows", name.escape_debug());
    draft.refuse_key(Meaning::Embargo, span, message, format!("did you mean `{meant}`?"));
}

/// Applies microdata and data attributes: `<time itemprop="embargo" datetime="...">`, `<article data-draft="true">`.
fn apply_microdata(draft: &mut Draft<'_>, element: ElementRef<'_>, places: &Places<'_>) {
    let tag = element.value().name();
    if let Some(name) = element.attr("itemprop")
        && matches!(lifecycle::lookup(name), Some((Meaning::Embargo | Meaning::Expires | Meaning::Status, _)))
    {
        let text = chrome::text_of(element);
        let attributes = ["content", "datetime", "href", "value"];
        let value = attributes.iter().find_map(|attribute| element.attr(attribute)).unwrap_or(&text);
        let span = places.in_tag(&format!("<{tag}"), name, name).unwrap_or(0..0);
        apply(draft, Statement { name, value, span, origin: "microdata", has_prefix: true });
    }
    if let Some(name) = element.attr("itemprop")
        && let Some(key) = access::meta_key(&name.trim().to_lowercase())
    {
        let text = chrome::text_of(element);
        let value = ["content", "href", "value"].iter().find_map(|attribute| element.attr(attribute)).unwrap_or(&text);
        let span = places.in_tag(&format!("<{tag}"), name, name).unwrap_or(0..0);
        draft.set_access(key, value, span, "microdata");
    }
    if ["html", "body", "main", "article"].contains(&tag) {
        for (attribute, value) in element.value().attrs() {
            let Some(name) = attribute.strip_prefix("data-") else { continue };
            let span = places.in_tag(&format!("<{tag}"), attribute, value).unwrap_or(0..0);
            let has_prefix = keys::normalised(name).starts_with("embargo");
            apply(draft, Statement { name, value, span, origin: "data attribute", has_prefix });
        }
    }
}

fn apply(draft: &mut Draft<'_>, statement: Statement<'_>) {
    let Some((meaning, certainty)) = lifecycle::lookup(statement.name) else { return };
    let Statement { name, value, span, origin, has_prefix } = statement;
    let is_certain = certainty == Certainty::Certain && (has_prefix || meaning == Meaning::Embargo);
    match meaning {
        Meaning::Embargo if is_certain || draft.is_labelled_instant(name, value) => {
            draft.set_labelled_embargo(name, value, span, origin);
        }
        Meaning::Expires if is_certain || draft.is_labelled_instant(name, value) => {
            draft.set_labelled_expires(name, value, span, origin);
        }
        Meaning::Status if is_certain || lifecycle::parse_status(value).is_some() => {
            draft.set_status(value, span, origin)
        }
        Meaning::Draft if is_certain || keys::parse_bool(value).is_some() => draft.set_draft_word(value, span, origin),
        Meaning::Public if let Some(public) = keys::parse_bool(value) => draft.set_draft(!public, span, origin),
        Meaning::Public if lifecycle::parse_status(value).is_some() => draft.set_status(value, span, origin),
        Meaning::Public | Meaning::Published if draft.is_instant(value) => draft.set_embargo(value, span, origin),
        _ => {}
    }
}

/// Applies a value of JSON-LD.
pub(super) fn apply_value(
    draft: &mut Draft<'_>,
    meaning: Meaning,
    value: &str,
    span: Range<usize>,
    origin: &'static str,
) {
    match meaning {
        Meaning::Embargo => draft.set_embargo(value, span, origin),
        Meaning::Status => draft.set_status(value, span, origin),
        Meaning::Draft => draft.set_draft_word(value, span, origin),
        Meaning::Public if let Some(public) = keys::parse_bool(value) => draft.set_draft(!public, span, origin),
        _ => {}
    }
}

/// Applies comments, and the first and last lines of the page and of its article.
fn apply_lines(draft: &mut Draft<'_>, page: &Page, markup: &str, places: &Places<'_>) {
    let mut text = Lines::default();
    if let Some(body) = page.elements().find(|element| element.value().name() == "body") {
        text.walk(body, page.article());
    }
    let place = |line: &str| {
        let begin = line.char_indices().nth(24).map_or(line, |(at, _)| line.get(..at).unwrap_or(line));
        places.find(begin).unwrap_or(0..0)
    };
    let line = |found: &FoundLine| Line {
        text: found.text.clone(),
        span: place(&found.text),
        is_heading: found.is_heading,
        begins_paragraph: found.begins_paragraph,
    };
    draft.apply_top_lines(&text.above.iter().map(line).collect::<Vec<_>>(), "embargo line");
    draft.apply_top_lines(&text.top.iter().map(line).collect::<Vec<_>>(), "embargo line");
    draft.apply_last_lines(&text.last.iter().map(line).collect::<Vec<_>>(), "embargo line");
    let comments = markup.split("<!--").skip(1).filter_map(|rest| rest.split("-->").next());
    let comments = comments.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty()).take(200);
    let comments = comments.map(|text| Line {
        text: text.to_owned(),
        span: place(text),
        is_heading: false,
        begins_paragraph: true,
    });
    draft.apply_last_lines(&comments.collect::<Vec<_>>(), "comment");
}

/// The lines of a page that are examined.
#[derive(Default)]
struct Lines {
    line: String,
    is_heading: bool,
    /// Whether a `br` precedes the line.
    is_continued: bool,
    /// The first lines above the article, the first of the article, and the last ones.
    above: Vec<FoundLine>,
    top: Vec<FoundLine>,
    last: VecDeque<FoundLine>,
}

#[derive(Clone)]
struct FoundLine {
    text: String,
    is_heading: bool,
    begins_paragraph: bool,
}

impl Lines {
    /// Collects the lines of an element. Recursion is bounded, because pages that nest too deeply are refused.
    fn walk(&mut self, element: ElementRef<'_>, article: Option<ElementRef<'_>>) {
        let name = element.value().name();
        if matches!(name, "script" | "style" | "template" | "title" | "textarea" | "select") {
            return;
        }
        if name == "br" {
            self.end();
            self.is_continued = true;
            return;
        }
        // Formulas and drawings are inside lines.
        let is_html = &*element.value().name.ns == "http://www.w3.org/1999/xhtml";
        let is_block = is_html && !INLINE.contains(&name);
        let outer_heading = self.is_heading;
        if is_block {
            self.end();
            self.is_continued = false;
            self.is_heading |= matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
        }
        if article.is_some_and(|article| article.id() == element.id()) {
            // Text above the article isn't part of it.
            self.above = std::mem::take(&mut self.top);
            self.last.clear();
        }
        for child in element.children() {
            match child.value() {
                Node::Text(part) => self.line.push_str(part),
                _ => ElementRef::wrap(child).into_iter().for_each(|child| self.walk(child, article)),
            }
        }
        if is_block {
            self.end();
            self.is_continued = false;
            self.is_heading = outer_heading;
        }
    }

    fn end(&mut self) {
        let line = self.line.split_whitespace().collect::<Vec<_>>().join(" ");
        self.line.clear();
        if line.is_empty() {
            return;
        }
        let line = FoundLine {
            text: line,
            is_heading: self.is_heading,
            begins_paragraph: !std::mem::take(&mut self.is_continued),
        };
        if self.top.len() < MAX_TOP_LINES {
            self.top.push(line.clone());
        }
        if self.last.len() == MAX_LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

/// The value of `unavailable_after:` among the directives for search engines.
fn unavailable_after(directives: &str) -> Option<&str> {
    const NAME: &str = "unavailable_after";
    let at = directives.to_ascii_lowercase().find(NAME)?;
    let after = directives.get(at + NAME.len()..)?.trim_start();
    Some(after.strip_prefix(':').unwrap_or(after).trim())
}

/// The longest prefix that is a date, because both dates and lists of directives contain commas. The whole text if there is none.
fn last_date<'t>(text: &'t str, options: &crate::article::options::ParseOptions) -> &'t str {
    const MAX_DATE_CHARACTERS: usize = 200;
    let commas = text.char_indices().take(MAX_DATE_CHARACTERS).filter(|(_, c)| *c == ',');
    let ends = commas.map(|(at, _)| at).chain([text.len()]);
    let readable = |date: &&str| date::parse(date, &options.timezone).is_ok();
    ends.filter_map(|end| text.get(..end)).filter(readable).last().unwrap_or(text)
}

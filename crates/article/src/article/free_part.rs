//! The free part of a paid article: the text above its paywall mark, which is an HTML comment such as `<!--members-only-->`.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::extensions::Extensions;
use super::gates;
use super::model::Body;
use crate::types::Text;

/// Comments that begin the paid part, in lower case with `-` between words. Ghost writes `members-only`, Jetpack the WordPress blocks.
/// `more` isn't one: it ends the summary, and by default membership plug-ins don't show the text above it.
const MARKS: &[&str] = &[
    "members-only",
    "member-only",
    "membersonly",
    "paid-members-only",
    "subscribers-only",
    "subscriber-only",
    "paywall",
    "wp:jetpack/paywall",
    "wp:premium-content/container",
    "paid",
    "paid-only",
    "premium",
];

/// Marks that count only if the file states that the article is paid.
const AMBIGUOUS_MARKS: &[&str] = &["paid", "paid-only", "premium"];

/// Whether a comment begins the paid part.
pub(super) fn is_mark(comment: &str) -> bool {
    MARKS.contains(&mark_name(comment).as_str())
}

/// Whether a comment alone makes the article paid.
pub(super) fn is_unambiguous_mark(comment: &str) -> bool {
    is_mark(comment) && !AMBIGUOUS_MARKS.contains(&mark_name(comment).as_str())
}

/// The comment in the form of [`MARKS`].
fn mark_name(comment: &str) -> String {
    let comment = comment.trim().trim_end_matches('/').to_lowercase();
    // WordPress blocks have JSON attributes.
    let name = comment.split('{').next().unwrap_or_default();
    let name = name.split(|c: char| c.is_whitespace() || c == '_' || c == '-').filter(|word| !word.is_empty());
    name.collect::<Vec<_>>().join("-")
}

/// Whether a body contains a mark that alone makes it paid. Marks in code don't count.
pub(super) fn has_unambiguous_mark(body: &Body) -> bool {
    let has_mark = |text: &str| find_mark(text, is_unambiguous_mark).is_some();
    match body {
        Body::Markdown(text) => {
            has_mark(text)
                && Parser::new_ext(text, Extensions::DEFAULT.options())
                    .any(|event| matches!(event, Event::Html(html) | Event::InlineHtml(html) if has_mark(&html)))
        }
        Body::Html(html) => has_mark(html),
        Body::Paragraphs(paragraphs) => paragraphs.iter().any(|paragraph| has_mark(paragraph.as_str())),
        Body::Paid { .. } => false,
    }
}

/// The byte offset of the first mark in Markdown outside code.
fn first_mark_in_markdown(text: &str) -> Option<usize> {
    let mut from = first_mark(text)?;
    for (event, span) in Parser::new_ext(text, Extensions::DEFAULT.options()).into_offset_iter() {
        if span.end <= from || !matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))) {
            continue;
        }
        if from < span.start {
            break;
        }
        from = span.end + first_mark(text.get(span.end..)?)?;
    }
    Some(from)
}

/// The byte offset of the first mark.
pub(super) fn first_mark(text: &str) -> Option<usize> {
    find_mark(text, is_mark)
}

fn find_mark(text: &str, is_mark: fn(&str) -> bool) -> Option<usize> {
    comments(text).find(|(_, comment)| is_mark(comment)).map(|(span, _)| span.start)
}

/// The comments of a text that are short enough to be marks: their byte ranges and their texts.
pub(super) fn comments(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    const OPEN: &str = "<!--";
    const CLOSE: &str = "-->";
    const MAX_COMMENT_CHARACTERS: usize = 400;
    // Most texts have no `<`, and a character is found faster than a string.
    text.match_indices('<').filter_map(move |(at, _)| {
        let start = at + OPEN.len();
        let rest = text.get(at..)?.strip_prefix(OPEN)?;
        let rest = rest.char_indices().nth(MAX_COMMENT_CHARACTERS).map_or(Some(rest), |(end, _)| rest.get(..end))?;
        let (comment, _) = rest.split_once(CLOSE)?;
        Some((at..start + comment.len() + CLOSE.len(), comment))
    })
}

/// The free part of a body: the text above the mark, without gated parts. Empty if the body has neither a mark nor a gated part.
pub(super) fn free_part(body: &Body) -> Body {
    if !gates::has_gate(body) {
        return above_mark(body);
    }
    let open = gates::without_gated(body);
    if has_mark(&open) { above_mark(&open) } else { open }
}

fn has_mark(body: &Body) -> bool {
    match body {
        Body::Markdown(text) => first_mark_in_markdown(text).is_some(),
        Body::Html(html) => first_mark(html).is_some(),
        Body::Paragraphs(paragraphs) => paragraphs.iter().any(|paragraph| first_mark(paragraph.as_str()).is_some()),
        Body::Paid { .. } => true,
    }
}

fn above_mark(body: &Body) -> Body {
    let until =
        |text: &str, at: Option<usize>| at.and_then(|at| text.get(..at)).unwrap_or_default().trim_end().to_owned();
    let above = |text: &str| until(text, first_mark(text));
    match body {
        Body::Markdown(text) => Body::Markdown(until(text, first_mark_in_markdown(text))),
        Body::Html(html) => Body::Html(above(html)),
        Body::Paragraphs(paragraphs) => {
            let Some(at) = paragraphs.iter().position(|paragraph| first_mark(paragraph.as_str()).is_some()) else {
                return Body::Paragraphs(Vec::new());
            };
            let last = paragraphs.get(at).map(|paragraph| Text::new(&above(paragraph.as_str())));
            let whole = paragraphs.iter().take(at).cloned();
            Body::Paragraphs(whole.chain(last.filter(|last| !last.is_empty())).collect())
        }
        Body::Paid { free, .. } => (**free).clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_part_ends_at_paywall() {
        for (text, expected) in [
            ("Free.\n\n<!--members-only-->\n\nPaid.", "Free."),
            ("Free.\n<!-- MEMBERS ONLY -->\nPaid.", "Free."),
            ("Free. <!-- paywall -->Paid.<!-- paywall -->", "Free."),
            ("Free.\n<!-- wp:jetpack/paywall /-->\nPaid.", "Free."),
            ("Free.\n<!-- wp:premium-content/container {\"planId\":1} -->\nPaid.", "Free."),
            ("Free. <!-- note -->Too.<!--paid-->No.", "Free. <!-- note -->Too."),
            ("<!--members-only-->Paid.", ""),
            ("Paid.", ""),
            ("Paid.<!--more-->Paid.", ""),
            ("Paid.<!--members-only", ""),
            ("Paid.<!-- not members-only -->", ""),
        ] {
            assert_eq!(free_part(&Body::Markdown(text.to_owned())), Body::Markdown(expected.to_owned()), "{text}");
            assert_eq!(free_part(&Body::Html(text.to_owned())), Body::Html(expected.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("Write `<!--members-only-->` here.", ""),
            ("    <!--members-only-->\n\nPaid.", ""),
            ("```\n<!--members-only-->\n```\nFree.\n\n<!--paywall-->\nPaid.", "```\n<!--members-only-->\n```\nFree."),
            ("Free.\n<!--paywall-->\n`<!--paywall-->`", "Free."),
        ] {
            assert_eq!(free_part(&Body::Markdown(text.to_owned())), Body::Markdown(expected.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("Free. [paywall]Paid.[/paywall] Too.", "Free.  Too."),
            ("Free. [paywall]Paid.<!--paywall-->Paid.[/paywall]\nToo.", "Free. \nToo."),
            ("Free. [paywall]Paid.[/paywall] Too.<!--paywall-->Paid.", "Free.  Too."),
        ] {
            assert_eq!(free_part(&Body::Markdown(text.to_owned())), Body::Markdown(expected.to_owned()), "{text}");
        }
        let paragraphs = |lines: &[&str]| Body::Paragraphs(lines.iter().map(|line| Text::new(line)).collect());
        assert_eq!(free_part(&paragraphs(&["A", "B <!--paywall--> C", "D"])), paragraphs(&["A", "B"]));
        assert_eq!(free_part(&paragraphs(&["A", "B"])), paragraphs(&[]));
        assert_eq!(free_part(&Body::Html("<!--".repeat(100_000))), Body::Html(String::new()));
    }
}

//! Markdown, below front matter or without any: then the first heading is the title, and the file's name may carry the date.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::draft::Draft;
use super::{Body, Parsed};

/// CommonMark with what newsrooms use of its extensions.
pub(super) const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_FOOTNOTES).union(Options::ENABLE_STRIKETHROUGH);

/// Reads what stands below the front matter, from `body` on.
pub(super) fn read(mut draft: Draft<'_>, body: usize) -> Parsed {
    let text = draft.source().text;
    let mut body = body..text.len();
    if !draft.has_title()
        && let Some((title, heading)) = first_heading(text, body.clone())
    {
        draft.set_title(&title, heading.clone(), "first heading");
        // Readers show the title above the content: it need not stand there twice.
        body.start = heading.end;
    }
    draft.set_body(Body::Markdown(text.get(body).unwrap_or_default().trim_start_matches(['\r', '\n']).to_owned()));
    draft.finish()
}

/// The heading that the text begins with: its words without markup, and where it stands.
fn first_heading(text: &str, body: Range<usize>) -> Option<(String, Range<usize>)> {
    let mut words = String::new();
    let mut heading = None;
    for (event, span) in Parser::new_ext(text.get(body.clone())?, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(body.start + span.start..body.start + span.end),
            Event::End(TagEnd::Heading(_)) => return Some((words, heading?)),
            Event::Text(part) | Event::Code(part) if heading.is_some() => words.push_str(&part),
            Event::SoftBreak | Event::HardBreak => words.push(' '),
            // A thematic break above it is no text.
            Event::Rule => {}
            // Text before any heading: the heading further down is not the article's.
            _ if heading.is_none() => return None,
            _ => {}
        }
    }
    None
}

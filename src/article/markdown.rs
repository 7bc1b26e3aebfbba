//! Markdown, below front matter or without any: then the first heading is the title, and the file's name may carry the date.

use std::collections::VecDeque;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::draft::Draft;
use super::draft::lines::{Line, MOST_LAST, MOST_TOP};
use super::{Body, Parsed, lifecycle};

/// CommonMark with what newsrooms use of its extensions.
pub(super) const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_FOOTNOTES).union(Options::ENABLE_STRIKETHROUGH);

/// Reads what stands below the front matter, from `body` on.
pub(super) fn read(mut draft: Draft<'_>, body: usize) -> Parsed {
    let text = draft.source().text;
    take_lines(&mut draft, text, body);
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

/// Takes what the first and the last lines say about publication.
fn take_lines(draft: &mut Draft<'_>, text: &str, body: usize) {
    let lines = text.get(body..).unwrap_or_default().split_inclusive('\n').scan(body, |at, line| {
        *at += line.len();
        Some((*at - line.len(), line.trim()))
    });
    let lines = lines.filter(|(_, line)| !line.is_empty()).map(|(at, line)| Line {
        text: line.to_owned(),
        span: at..at + line.len(),
        is_heading: line.starts_with('#'),
    });
    let mut lines = lines.peekable();
    let is_code = |line: &Line| line.text.starts_with("```") || line.text.starts_with("~~~");
    let mut top = Vec::new();
    while top.len() < MOST_TOP
        && let Some(line) = lines.next_if(|line| !is_code(line))
    {
        top.push(line);
    }
    draft.take_top_lines(&top, "embargo line");
    let mut last = VecDeque::new();
    for line in lines {
        if last.len() == MOST_LAST {
            last.pop_front();
        }
        last.push_back(line);
    }
    draft.take_last_lines(last.make_contiguous(), "embargo line");
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
            // Neither a thematic break above it nor a line about an embargo is text.
            Event::Rule => {}
            Event::Start(Tag::Paragraph | Tag::BlockQuote(_) | Tag::Strong | Tag::Emphasis)
            | Event::End(TagEnd::Paragraph | TagEnd::BlockQuote(_) | TagEnd::Strong | TagEnd::Emphasis) => {}
            Event::Text(part) if lifecycle::line::embargo(&part).is_some_and(|found| found.whole) => {}
            // Text before any heading: the heading further down is not the article's.
            _ if heading.is_none() => return None,
            _ => {}
        }
    }
    None
}

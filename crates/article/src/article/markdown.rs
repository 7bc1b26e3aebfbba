//! Parses Markdown articles. Without a title in front matter, the first heading is the title.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::draft::Draft;
use super::draft::lines::{Line, MAX_LAST_LINES, MAX_TOP_LINES, untagged};
use super::lifecycle;
use super::model::Body;
use super::parsed::Parsed;
use super::render::attributes::{protect_brace, restore_braces, without_trailing_list};
use super::render::{self, Expanded, Syntax};
use crate::diagnostics::Code;
use crate::encoding::encode_segment;

/// Parses the article below the front matter. `body` is the byte at which it begins.
pub(super) fn read(mut draft: Draft<'_>, body: usize) -> Parsed {
    let text = draft.source().text;
    apply_lines(&mut draft, text, body);
    let mut body = body..text.len();
    let mut target = None;
    let options = draft.source().options.markdown.options();
    if let Some(Heading { words, id, span, is_top }) = first_heading(text, body.clone(), options) {
        let is_title = !draft.has_title();
        if is_title {
            draft.set_title(&words, span.clone(), "first heading");
        }
        // Feed readers show the title themselves, so the body doesn't repeat it. An anchor replaces it for links.
        if is_title || (is_top && draft.title().is_some_and(|title| is_same_title(title, &words))) {
            body.start = span.end;
            target = id.or_else(|| Some(render::slug(&words)));
        }
    }
    report_footnotes(&mut draft, body.clone(), options);
    let text = text.get(body.clone()).unwrap_or_default();
    let text = &*mark_excerpt(text, draft.excerpt_separator());
    let is_mdx = draft.source().path.extension().eq_ignore_ascii_case("mdx");
    let text = if is_mdx { shown(&mut draft, body.start, render::without_program(text)) } else { Cow::Borrowed(text) };
    let text = shown(&mut draft, body.start, render::expand(&text, Syntax::Markdown));
    let text = text.trim_start_matches(['\r', '\n']);
    if let Some(excess) = render::excess(text) {
        draft.report(Code::HtmlTangled, body, excess.message("the HTML in the text"), excess.help());
    }
    let target = target.filter(|id| is_linked(text, id)).map(|id| format!("<div id=\"{id}\"></div>\n\n"));
    draft.set_body(Body::Markdown(target.unwrap_or_default() + text));
    draft.finish()
}

/// The expanded text. Reports the kinds of shortcodes that were removed. `start` is the byte offset of the text.
fn shown<'t>(draft: &mut Draft<'_>, start: usize, expanded: Expanded<'t>) -> Cow<'t, str> {
    draft.report_removed(start, &expanded.removed);
    expanded.text
}

/// Whether a heading repeats the title.
fn is_same_title(title: &str, heading: &str) -> bool {
    let words =
        |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    words(title) == words(heading)
}

/// Replaces the article's own mark for the end of the summary by the usual one.
fn mark_excerpt<'t>(text: &'t str, separator: Option<&str>) -> Cow<'t, str> {
    match separator.and_then(|separator| text.split_once(separator)) {
        Some((before, after)) => Cow::Owned(format!("{before}<!--more-->{after}")),
        None => Cow::Borrowed(text),
    }
}

/// Whether the text contains a link to this id.
fn is_linked(text: &str, id: &str) -> bool {
    !id.is_empty() && [id, &encode_segment(id)].iter().any(|id| text.contains(&format!("#{id}")))
}

/// The heading that is the title.
struct Heading {
    /// Its text without markup.
    words: String,
    /// Its id, if an attribute list states one.
    id: Option<String>,
    span: Range<usize>,
    /// Whether it's a heading of the first level.
    is_top: bool,
}

/// Applies what the first and the last lines state about publication.
fn apply_lines(draft: &mut Draft<'_>, text: &str, body: usize) {
    let lines = text.get(body..).unwrap_or_default().split_inclusive('\n');
    let lines = lines.scan((body, true), |(at, begins_paragraph), line| {
        let words = untagged(line);
        let begins = std::mem::replace(begins_paragraph, words.is_empty() || line.starts_with('#'));
        *at += line.len();
        Some((*at - line.len(), line.trim(), words, begins))
    });
    let mut lines = lines.filter(|(_, _, words, _)| !words.is_empty()).peekable();
    let as_line = |(at, line, words, begins_paragraph): (usize, &str, Cow<'_, str>, bool)| Line {
        text: words.into_owned(),
        span: at..at + line.len(),
        is_heading: line.starts_with('#'),
        begins_paragraph,
    };
    let mut top = Vec::new();
    while top.len() < MAX_TOP_LINES
        && let Some(line) = lines.next_if(|(_, _, words, _)| !words.starts_with("```") && !words.starts_with("~~~"))
    {
        top.push(as_line(line));
    }
    draft.apply_top_lines(&top, "embargo line");
    let mut last = VecDeque::new();
    for line in lines {
        if last.len() == MAX_LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    let last: Vec<Line> = last.into_iter().map(as_line).collect();
    draft.apply_last_lines(&last, "embargo line");
}

/// The heading that the text begins with.
fn first_heading(text: &str, body: Range<usize>, options: Options) -> Option<Heading> {
    let mut words = String::new();
    let mut heading = None;
    let mut is_top = false;
    let source = text.get(body.clone())?;
    for (event, span) in Parser::new_ext(source, options).into_offset_iter().map(|event| protect_brace(source, event)) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                is_top = level == HeadingLevel::H1;
                heading = Some(body.start + span.start..body.start + span.end);
            }
            Event::End(TagEnd::Heading(_)) => {
                let (title, id) = without_trailing_list(&words).unwrap_or((&words, None));
                return Some(Heading {
                    words: restore_braces(title),
                    id: id.map(str::to_owned),
                    span: heading?,
                    is_top,
                });
            }
            Event::Text(part) | Event::Code(part) if heading.is_some() => words.push_str(&part),
            Event::SoftBreak | Event::HardBreak => words.push(' '),
            // A thematic break or a line about an embargo above the heading isn't text.
            Event::Rule => {}
            Event::Start(Tag::Paragraph | Tag::BlockQuote(_) | Tag::Strong | Tag::Emphasis)
            | Event::End(TagEnd::Paragraph | TagEnd::BlockQuote(_) | TagEnd::Strong | TagEnd::Emphasis) => {}
            Event::Text(part) if lifecycle::line::parse_embargo(&part).is_some_and(|found| found.is_complete) => {}
            // A heading below text isn't the title.
            _ if heading.is_none() => return None,
            _ => {}
        }
    }
    None
}

/// Reports references without a footnote, and footnotes without a reference.
fn report_footnotes(draft: &mut Draft<'_>, body: Range<usize>, options: Options) {
    let (start, text) = (body.start, draft.source().text.get(body).unwrap_or_default());
    if !text.contains("[^") {
        return;
    }
    let at = |span: Range<usize>| start + span.start..start + span.end;
    // By label: the definition, and whether there is a reference.
    let mut notes: BTreeMap<String, (Option<Range<usize>>, bool)> = BTreeMap::new();
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut in_code = false;
    for (event, span) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::FootnoteReference(label) => notes.entry(label.to_lowercase()).or_default().1 = true,
            Event::Start(Tag::FootnoteDefinition(label)) => {
                notes.entry(label.to_lowercase()).or_default().0.get_or_insert(span);
            }
            Event::Text(_) if !in_code => match runs.last_mut() {
                Some(run) if run.end == span.start => run.end = span.end,
                _ => runs.push(span),
            },
            _ => {}
        }
    }
    // The parser returns references without a footnote as text.
    for run in runs {
        let mut from = run.start;
        while let Some(found) = text.get(from..run.end).and_then(|rest| rest.find("[^")) {
            let open = from + found;
            from = open + 2;
            let Some(label) = text.get(from..run.end).and_then(|rest| rest.split_once(']')).map(|(label, _)| label)
            else {
                break;
            };
            let is_escaped = open > 0 && text.as_bytes().get(open - 1) == Some(&b'\\');
            let is_label = !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
            if is_label && !is_escaped {
                let (message, help) = (
                    format!("there is no footnote `{}`", label.escape_debug()),
                    format!("write it on a line of its own, `[^{label}]: ...`, or put a backslash before the bracket"),
                );
                draft.report(Code::ArticleFootnote, at(open..from + label.len() + 1), message, help);
            }
        }
    }
    for (label, (definition, is_referenced)) in notes {
        if let Some(definition) = definition.filter(|_| !is_referenced) {
            let message = format!("nothing refers to the footnote `{}`", label.escape_debug());
            let help = format!("write `[^{label}]` where it belongs; it is published below the others");
            draft.report(Code::ArticleFootnote, at(definition), message, help);
        }
    }
}

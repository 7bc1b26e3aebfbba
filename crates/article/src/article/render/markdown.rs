//! Renders Markdown as HTML for the sanitiser. Headings get ids, footnotes become an ordered list at the end, and attribute lists of
//! other tools are removed.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, TextMergeStream, html};

use super::attributes::{protect_brace, without_attribute_lists};
use super::{containers, extensions};
use crate::article::extensions::{Extension, Extensions};

/// Renders Markdown. Ids of footnotes end in `suffix`, so they differ from those of other articles.
pub(super) fn to_html(markdown: &str, suffix: &str, extensions: Extensions) -> String {
    crate::article::steps::add(markdown.len());
    let markdown = match extensions.has(Extension::Containers) {
        true => &*containers::as_quotes(markdown),
        false => markdown,
    };
    let parser = Parser::new_ext(markdown, extensions.options());
    let mut events: Vec<Event<'_>> = if markdown.contains('{') {
        let events = parser.into_offset_iter().map(|event| protect_brace(markdown, event).0);
        without_attribute_lists(TextMergeStream::new(events).collect())
    } else {
        TextMergeStream::new(parser).collect()
    };
    add_heading_ids(&mut events);
    events = extensions::apply(events, extensions);
    if events.iter().any(|event| matches!(event, Event::Start(Tag::FootnoteDefinition(_)))) {
        events = Footnotes::of(events, suffix).into_events();
    }
    let mut written = String::with_capacity(markdown.len() + markdown.len() / 4);
    html::push_html(&mut written, events.into_iter());
    written
}

/// Gives headings the same ids as GitHub, unless they have one from an attribute list.
fn add_heading_ids(events: &mut [Event<'_>]) {
    let mut taken: HashSet<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Start(Tag::Heading { id: Some(id), .. }) => Some(id.to_string()),
            _ => None,
        })
        .collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut words: Option<String> = None;
    let mut slugs = Vec::new();
    for event in events.iter() {
        match (event, &mut words) {
            (Event::Start(Tag::Heading { id: None, .. }), _) => words = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(words)) => words.push_str(text),
            (Event::SoftBreak | Event::HardBreak, Some(words)) => words.push(' '),
            (Event::End(TagEnd::Heading(_)), _) => {
                slugs.extend(words.take().map(|words| unique(slug(&words), &mut taken, &mut counts)));
            }
            _ => {}
        }
    }
    let mut slugs = slugs.into_iter();
    for event in events {
        if let Event::Start(Tag::Heading { id: id @ None, .. }) = event {
            *id = slugs.next().flatten().map(CowStr::from);
        }
    }
}

/// The heading's text in lower case with only letters, digits, `_` and `-`. Blanks become hyphens.
pub(in crate::article) fn slug(words: &str) -> String {
    let lower = words.trim().to_lowercase();
    let kept = lower.chars().map(|character| if character.is_whitespace() { '-' } else { character });
    kept.filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).collect()
}

/// The slug, with a number if it is taken. `None` if it is empty.
fn unique(slug: String, taken: &mut HashSet<String>, counts: &mut HashMap<String, usize>) -> Option<String> {
    if slug.is_empty() {
        return None;
    }
    let mut id = slug.clone();
    let count = counts.entry(slug.clone()).or_default();
    while !taken.insert(id.clone()) {
        *count += 1;
        id = format!("{slug}-{count}");
    }
    Some(id)
}

/// The footnotes of a text, and the text without them.
struct Footnotes<'a> {
    suffix: &'a str,
    text: Vec<Event<'a>>,
    notes: Vec<Note<'a>>,
    /// The first note of each label. Labels are in lower case.
    by_label: HashMap<String, usize>,
    /// Notes in the order of their first references.
    order: Vec<usize>,
}

#[derive(Default)]
struct Note<'a> {
    events: Vec<Event<'a>>,
    number: Option<usize>,
    references: usize,
}

impl<'a> Footnotes<'a> {
    fn of(events: Vec<Event<'a>>, suffix: &'a str) -> Footnotes<'a> {
        let mut footnotes =
            Footnotes { suffix, text: Vec::new(), notes: Vec::new(), by_label: HashMap::new(), order: Vec::new() };
        let mut open: Vec<usize> = Vec::new();
        for event in events {
            match event {
                Event::Start(Tag::FootnoteDefinition(label)) => {
                    footnotes.by_label.entry(label.to_lowercase()).or_insert(footnotes.notes.len());
                    open.push(footnotes.notes.len());
                    footnotes.notes.push(Note::default());
                }
                Event::End(TagEnd::FootnoteDefinition) => drop(open.pop()),
                event => match open.last().and_then(|note| footnotes.notes.get_mut(*note)) {
                    Some(note) => note.events.push(event),
                    None => footnotes.text.push(event),
                },
            }
        }
        footnotes
    }

    fn into_events(mut self) -> Vec<Event<'a>> {
        let text = std::mem::take(&mut self.text);
        let mut events = self.with_links(text);
        let mut next = 0;
        // Notes may refer to notes. Notes without a reference come last.
        for unreferenced in 0..=self.notes.len() {
            while let Some(&note) = self.order.get(next) {
                next += 1;
                let note_events = self.notes.get_mut(note).map(|note| std::mem::take(&mut note.events));
                let linked = self.with_links(note_events.unwrap_or_default());
                if let Some(note) = self.notes.get_mut(note) {
                    note.events = linked;
                }
            }
            self.assign_number(unreferenced);
        }
        events.push(Event::Html("<section class=\"footnotes\">\n<ol>\n".into()));
        for note in std::mem::take(&mut self.order) {
            let Some(note) = self.notes.get_mut(note).map(std::mem::take) else { continue };
            self.write(note, &mut events);
        }
        events.push(Event::Html("</ol>\n</section>\n".into()));
        events
    }

    /// The number of a note. Assigns the next one at the first reference.
    fn assign_number(&mut self, note: usize) -> Option<usize> {
        let next = self.order.len() + 1;
        let found = self.notes.get_mut(note)?;
        if found.number.is_none() {
            found.number = Some(next);
            self.order.push(note);
        }
        found.number
    }

    /// Replaces references by links.
    fn with_links(&mut self, mut events: Vec<Event<'a>>) -> Vec<Event<'a>> {
        for event in &mut events {
            let Event::FootnoteReference(label) = event else { continue };
            let note = self.by_label.get(&label.to_lowercase()).copied();
            let Some((note, number)) = note.and_then(|note| Some((note, self.assign_number(note)?))) else {
                *event = Event::Text(format!("[^{label}]").into());
                continue;
            };
            let Some(note) = self.notes.get_mut(note) else { continue };
            note.references += 1;
            let (id, suffix) = (reference_id(number, note.references, self.suffix), self.suffix);
            *event = Event::InlineHtml(
                format!(
                    "<sup class=\"footnote-reference\" id=\"{id}\"><a href=\"#fn{number}{suffix}\">{number}</a></sup>"
                )
                .into(),
            );
        }
        events
    }

    /// Writes a note as a list item, with a link back to each of its references.
    fn write(&self, note: Note<'a>, events: &mut Vec<Event<'a>>) {
        let Some(number) = note.number else { return };
        let mut back = String::new();
        for reference in 1..=note.references {
            let id = reference_id(number, reference, self.suffix);
            // Without the variation selector, some systems show an emoji.
            back.push_str(&format!(" <a href=\"#{id}\">↩\u{fe0e}"));
            if reference > 1 {
                back.push_str(&format!("<sup>{reference}</sup>"));
            }
            back.push_str("</a>");
        }
        events.push(Event::Html(format!("<li id=\"fn{number}{}\">\n", self.suffix).into()));
        let mut content = note.events;
        match content.pop() {
            Some(end @ Event::End(TagEnd::Paragraph)) => content.extend([Event::InlineHtml(back.into()), end]),
            last => {
                content.extend(last);
                if !back.is_empty() {
                    content.push(Event::Html(format!("<p>{}</p>\n", back.trim_start()).into()));
                }
            }
        }
        events.extend(content);
        events.push(Event::Html("</li>\n".into()));
    }
}

fn reference_id(number: usize, reference: usize, suffix: &str) -> String {
    match reference {
        1 => format!("fnref{number}{suffix}"),
        _ => format!("fnref{number}-{reference}{suffix}"),
    }
}

#[cfg(test)]
mod tests;

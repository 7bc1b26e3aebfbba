//! Subscripts within words: `H~2~O`. The parser accepts `~` only at the edges of words.

use pulldown_cmark::{Event, Tag, TagEnd};

/// Replaces subscripts within words by markup.
pub(super) fn subscripts(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut written = Vec::with_capacity(events.len());
    // The parser divides text at signs that might be markup.
    let mut text = String::new();
    let mut in_code = false;
    for event in events {
        match event {
            Event::Text(piece) if !in_code => text.push_str(&piece),
            other => {
                write(&std::mem::take(&mut text), &mut written);
                match other {
                    Event::Start(Tag::CodeBlock(_)) => in_code = true,
                    Event::End(TagEnd::CodeBlock) => in_code = false,
                    _ => {}
                }
                written.push(other);
            }
        }
    }
    write(&text, &mut written);
    written
}

fn write(text: &str, written: &mut Vec<Event<'_>>) {
    let mut rest = text;
    let mut checked = 0;
    while let Some(open) = rest.get(checked..).and_then(|after| Some(checked + after.find('~')?)) {
        let (before, after) = (rest.get(..open).unwrap_or_default(), rest.get(open + 1..).unwrap_or_default());
        let inner = after.split_once('~').map(|(inner, _)| inner);
        let is_within_word = before.ends_with(char::is_alphanumeric);
        match inner.filter(|inner| is_within_word && !inner.is_empty() && !inner.contains(char::is_whitespace)) {
            Some(inner) => {
                push(before, written);
                written.push(Event::InlineHtml("<sub>".into()));
                push(inner, written);
                written.push(Event::InlineHtml("</sub>".into()));
                rest = after.get(inner.len() + 1..).unwrap_or_default();
                checked = 0;
            }
            None => checked = open + 1,
        }
    }
    push(rest, written);
}

fn push(text: &str, written: &mut Vec<Event<'_>>) {
    if !text.is_empty() {
        written.push(Event::Text(text.to_owned().into()));
    }
}

//! Extensions of Markdown that the parser doesn't know, or whose HTML feeds can't show: boxes of task lists, headings of alerts, highlighted
//! text, and addresses in the text.

use pulldown_cmark::{BlockQuoteKind, CowStr, Event, Tag, TagEnd};

use super::autolinks::autolinks;
use super::subscripts::subscripts;
use crate::article::extensions::{Extension, Extensions};

/// Applies the extensions to the events of the parser.
pub(super) fn apply<'a>(events: Vec<Event<'a>>, extensions: Extensions) -> Vec<Event<'a>> {
    let events = if extensions.has(Extension::Subscript) { subscripts(events) } else { events };
    let has_marks = extensions.has(Extension::Mark);
    let has_autolinks = extensions.has(Extension::Autolinks);
    let mut written = Vec::with_capacity(events.len());
    // Addresses in links and code are no links of their own.
    let (mut links, mut in_code) = (0_usize, false);
    let mut marks = Marks::default();
    for event in events {
        match &event {
            Event::Start(Tag::Link { .. }) => links += 1,
            Event::End(TagEnd::Link) => links = links.saturating_sub(1),
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::InlineHtml(html) => {
                let lower = html.to_ascii_lowercase();
                if lower.starts_with("<a ") {
                    links += 1;
                } else if lower.starts_with("</a") {
                    links = links.saturating_sub(1);
                }
            }
            _ => {}
        }
        if is_block(&event) {
            marks.begin_block();
        }
        match event {
            Event::TaskListMarker(is_done) => {
                written.push(Event::Text(if is_done { "☑ " } else { "☐ " }.into()));
            }
            Event::Start(Tag::BlockQuote(Some(kind))) => {
                written.push(Event::Start(Tag::BlockQuote(None)));
                written.push(Event::Html(format!("<p><strong>{}</strong></p>\n", heading(kind)).into()));
            }
            Event::Text(text) if !in_code => {
                let pieces = if has_autolinks && links == 0 { autolinks(text) } else { vec![Event::Text(text)] };
                let mut in_link = false;
                for piece in pieces {
                    match piece {
                        Event::Text(text) if has_marks && !in_link => marks.text(text, &mut written),
                        piece => {
                            in_link = matches!(piece, Event::Start(Tag::Link { .. }) | Event::Text(_)) && in_link
                                || matches!(piece, Event::Start(Tag::Link { .. }));
                            written.push(piece);
                        }
                    }
                }
            }
            event => written.push(event),
        }
    }
    written
}

fn heading(kind: BlockQuoteKind) -> &'static str {
    match kind {
        BlockQuoteKind::Note => "Note",
        BlockQuoteKind::Tip => "Tip",
        BlockQuoteKind::Important => "Important",
        BlockQuoteKind::Warning => "Warning",
        BlockQuoteKind::Caution => "Caution",
    }
}

fn is_block(event: &Event<'_>) -> bool {
    match event {
        Event::Start(tag) => !matches!(
            tag,
            Tag::Link { .. }
                | Tag::Image { .. }
                | Tag::Emphasis
                | Tag::Strong
                | Tag::Strikethrough
                | Tag::Superscript
                | Tag::Subscript
        ),
        _ => false,
    }
}

/// Pairs the signs `==` of highlighted text.
#[derive(Default)]
struct Marks {
    /// The event of the sign that may begin highlighted text in this block.
    open: Option<usize>,
}

impl Marks {
    const SIGN: &str = "==";

    fn begin_block(&mut self) {
        self.open = None;
    }

    fn text<'a>(&mut self, text: CowStr<'a>, written: &mut Vec<Event<'a>>) {
        if !text.contains(Marks::SIGN) {
            return written.push(Event::Text(text));
        }
        let mut from = 0;
        let push = |range: std::ops::Range<usize>, written: &mut Vec<Event<'a>>| {
            let piece = text.get(range).unwrap_or_default();
            if !piece.is_empty() {
                written.push(Event::Text(piece.to_owned().into()));
            }
        };
        for (at, _) in text.match_indices(Marks::SIGN) {
            let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 2..).unwrap_or_default());
            if before.ends_with('=') || after.starts_with('=') {
                continue;
            }
            // At the end of a text event, markup follows.
            let may_open = !after.starts_with(char::is_whitespace);
            let may_close = !before.ends_with(char::is_whitespace);
            match self.open {
                Some(open) if may_close => {
                    push(from..at, written);
                    if let Some(event) = written.get_mut(open) {
                        *event = Event::InlineHtml("<mark>".into());
                    }
                    written.push(Event::InlineHtml("</mark>".into()));
                    self.open = None;
                    from = at + 2;
                }
                None if may_open => {
                    push(from..at, written);
                    self.open = Some(written.len());
                    // Stays text unless a second sign follows.
                    written.push(Event::Text(Marks::SIGN.into()));
                    from = at + 2;
                }
                _ => {}
            }
        }
        push(from..text.len(), written);
    }
}

//! Divides long texts, because html5ever's serialiser takes quadratic time for some of them. From each `&`, and from each character whose
//! first UTF-8 byte is C2, it searches the rest of the text for the next bracket (`HtmlSerializer::write_escaped`, 0.40).

use std::borrow::Cow;

use ego_tree::NodeId;
use scraper::node::Text;
use scraper::{Html, Node};

/// Longer texts are divided.
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// Whether a text has a character that makes serialising slow.
fn is_costly(text: &str) -> bool {
    text.len() > MAX_TEXT_BYTES && text.bytes().any(|byte| matches!(byte, b'&' | 0xC2))
}

/// Whether the serialiser would need too long for the value of an attribute. It escapes more characters in values than in text.
pub(super) fn is_costly_attribute(value: &str) -> bool {
    value.len() > MAX_TEXT_BYTES && value.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xC2))
}

/// Divides long texts of a document into several nodes, which are serialised separately.
pub(in crate::article) fn divide(document: &mut Html) {
    let long = document.tree.nodes().filter(|node| matches!(node.value(), Node::Text(text) if is_costly(text)));
    let long: Vec<NodeId> = long.map(|node| node.id()).collect();
    for id in long {
        let Some(mut node) = document.tree.get_mut(id) else { continue };
        let Node::Text(text) = node.value() else { continue };
        let whole = text.text.to_string();
        let mut rest = whole.as_str();
        while let Some((part, after)) =
            rest.split_at_checked(floor_char_boundary(rest, MAX_TEXT_BYTES)).filter(|(part, _)| !part.is_empty())
        {
            node.insert_before(Node::Text(Text { text: part.into() }));
            rest = after;
        }
        node.detach();
    }
}

/// Divides long texts of markup with comments, which ammonia removes. Long attribute values are dropped.
pub(super) fn divided(html: &str) -> Cow<'_, str> {
    if !html.split(['<', '>']).any(is_costly) {
        return Cow::Borrowed(html);
    }
    let mut divided = String::with_capacity(html.len() + html.len() / 64);
    let mut rest = html;
    while !rest.is_empty() {
        let (text, tag) = rest.split_at_checked(rest.find('<').unwrap_or(rest.len())).unwrap_or((rest, ""));
        divide_text(text, &mut divided);
        rest = write_tag(tag, &mut divided);
    }
    Cow::Owned(divided)
}

fn divide_text(text: &str, divided: &mut String) {
    let mut rest = text;
    while rest.len() > MAX_TEXT_BYTES {
        // A character reference isn't divided.
        let part = rest.get(..floor_char_boundary(rest, MAX_TEXT_BYTES)).unwrap_or_default();
        let end = part.rfind('&').filter(|at| *at > 0 && part.len() - at < 40).unwrap_or(part.len());
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        divided.push_str(part);
        divided.push_str("<!---->");
        rest = after;
    }
    divided.push_str(rest);
}

/// Writes the tag or the comment at the start of markup, and returns the rest.
fn write_tag<'h>(markup: &'h str, written: &mut String) -> &'h str {
    let mut rest = markup;
    if let Some(end) = markup.strip_prefix("<!--").and_then(|comment| comment.find("-->")) {
        let (comment, after) = markup.split_at_checked("<!--".len() + end + "-->".len()).unwrap_or((markup, ""));
        written.push_str(comment);
        return after;
    }
    while let Some((before, quoted)) = rest.find(['>', '"']).and_then(|at| rest.split_at_checked(at)) {
        written.push_str(before);
        let Some(value) = quoted.strip_prefix('"') else {
            written.push('>');
            return quoted.get(1..).unwrap_or_default();
        };
        let (value, after) = value.split_once('"').unwrap_or((value, ""));
        written.push('"');
        written.push_str(if is_costly(value) { "" } else { value });
        written.push('"');
        rest = after;
    }
    written.push_str(rest);
    ""
}

/// The last character boundary up to a byte offset.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dividing_long_texts_preserves_them() {
        let text = "£ &amp; \u{a0}word ".repeat(10_000);
        let html = format!("<p title=\"a &amp; b\">{text}</p><!-- {text} --><p title=\"{text}\">x &amp; y</p>");
        let divided = divided(&html);
        assert!(
            divided.split(['<', '>']).filter(|part| !part.starts_with("!-- ")).all(|part| part.len() <= MAX_TEXT_BYTES)
        );
        let expected = html.replacen(&format!("title=\"{text}\""), "title=\"\"", 1);
        assert_eq!(divided.replace("<!---->", ""), expected);
        let mut document = Html::parse_document(&html);
        let before = document.root_element().text().collect::<String>();
        divide(&mut document);
        assert!(document.root_element().text().all(|text| text.len() <= MAX_TEXT_BYTES));
        assert_eq!(document.root_element().text().collect::<String>(), before);
        assert!(matches!(super::divided("<p>a &amp; b</p>"), Cow::Borrowed(_)));
    }
}

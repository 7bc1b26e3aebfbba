//! Texts that html5ever's serialiser would take quadratic time for: from each `&`, and from each character whose first byte in UTF-8 is
//! C2, it searches for the next bracket, as far as the text goes (`HtmlSerializer::write_escaped`, 0.40).

use std::borrow::Cow;

use ego_tree::NodeId;
use scraper::node::Text;
use scraper::{Html, Node};

/// Shorter texts are serialised as they are (bytes).
const LONG: usize = 8 * 1024;

/// Whether such a text has something to escape.
fn is_costly(text: &str) -> bool {
    text.len() > LONG && text.bytes().any(|byte| matches!(byte, b'&' | 0xC2))
}

/// Divides long texts of a document into several nodes, which are serialised one by one.
pub(in crate::article) fn divide(document: &mut Html) {
    let long = document.tree.nodes().filter(|node| matches!(node.value(), Node::Text(text) if is_costly(text)));
    let long: Vec<NodeId> = long.map(|node| node.id()).collect();
    for id in long {
        let Some(mut node) = document.tree.get_mut(id) else { continue };
        let Node::Text(text) = node.value() else { continue };
        let whole = text.text.to_string();
        let mut rest = whole.as_str();
        while let Some((part, after)) = rest.split_at_checked(floor(rest, LONG)).filter(|(part, _)| !part.is_empty()) {
            node.insert_before(Node::Text(Text { text: part.into() }));
            rest = after;
        }
        node.detach();
    }
}

/// Divides long texts of markup by comments, which the second pass leaves out. Of a long value of an attribute nothing is left.
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
    while rest.len() > LONG {
        // Not inside a character reference.
        let part = rest.get(..floor(rest, LONG)).unwrap_or_default();
        let end = part.rfind('&').filter(|at| *at > 0 && part.len() - at < 40).unwrap_or(part.len());
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        divided.push_str(part);
        divided.push_str("<!---->");
        rest = after;
    }
    divided.push_str(rest);
}

/// Writes the tag or the comment that markup begins with, and gives what stands behind it.
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

/// The last boundary of characters up to a byte.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_divided_and_stay_as_they_are() {
        let text = "£ &amp; \u{a0}word ".repeat(10_000);
        let html = format!("<p title=\"a &amp; b\">{text}</p><!-- {text} --><p title=\"{text}\">x &amp; y</p>");
        let divided = divided(&html);
        assert!(divided.split(['<', '>']).filter(|part| !part.starts_with("!-- ")).all(|part| part.len() <= LONG));
        let expected = html.replacen(&format!("title=\"{text}\""), "title=\"\"", 1);
        assert_eq!(divided.replace("<!---->", ""), expected);
        let mut document = Html::parse_document(&html);
        let before = document.root_element().text().collect::<String>();
        divide(&mut document);
        assert!(document.root_element().text().all(|text| text.len() <= LONG));
        assert_eq!(document.root_element().text().collect::<String>(), before);
        assert!(matches!(super::divided("<p>a &amp; b</p>"), Cow::Borrowed(_)));
    }
}

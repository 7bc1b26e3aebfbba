//! Reads fields that should be plain text but contain markup: removes hidden elements, or all tags.

use std::borrow::Cow;

use ego_tree::iter::Edge;
use scraper::{Html, Node};

use super::sanitise::{is_hidden, too_tangled};

/// The text without hidden elements. If it contains any, the tags of all other elements are removed too.
pub(super) fn without_hidden(raw: &str) -> Cow<'_, str> {
    super::steps::add(raw.len());
    const HIDING: &[&str] = &["hidden", "display", "visibility", "dialog", "nodisplay"];
    let mentions_hiding = || {
        let lower = raw.to_ascii_lowercase();
        HIDING.iter().any(|word| lower.contains(word))
    };
    if !raw.contains('<') || !mentions_hiding() || too_tangled(raw) {
        return Cow::Borrowed(raw);
    }
    let fragment = Html::parse_fragment(raw);
    let is_hidden_node = |node: &Node| node.as_element().is_some_and(is_hidden);
    if !fragment.root_element().descendants().any(|node| is_hidden_node(node.value())) {
        return Cow::Borrowed(raw);
    }
    let mut shown = String::with_capacity(raw.len());
    for node in fragment.root_element().descendants() {
        if let Node::Text(text) = node.value()
            && !node.ancestors().any(|ancestor| is_hidden_node(ancestor.value()))
        {
            shown.push_str(text);
        }
    }
    Cow::Owned(shown)
}

/// The visible text of HTML, without tags. Elements that aren't part of a line become blanks.
pub(super) fn visible_text(html: &str) -> String {
    /// Elements inside a line.
    const INLINE: &[&str] =
        &["a", "abbr", "b", "cite", "code", "em", "i", "q", "small", "span", "strong", "sub", "sup", "u"];
    super::steps::add(html.len());
    if !html.contains(['<', '&']) || too_tangled(html) {
        return html.to_owned();
    }
    let mut shown = String::with_capacity(html.len());
    let fragment = Html::parse_fragment(html);
    let is_hidden_node = |node: &Node| {
        node.as_element().is_some_and(|element| is_hidden(element) || matches!(element.name(), "script" | "style"))
    };
    for edge in fragment.root_element().traverse() {
        let (Edge::Open(node) | Edge::Close(node)) = edge;
        match (node.value(), edge) {
            (Node::Text(text), Edge::Open(_)) if !node.ancestors().any(|ancestor| is_hidden_node(ancestor.value())) => {
                shown.push_str(text);
            }
            (Node::Element(element), _) if !INLINE.contains(&element.name()) => shown.push(' '),
            _ => {}
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_removed() {
        for (html, expected) in [
            ("<p>Ships <b>ret</b>urn</p><p>at 9 &amp; 10</p>", "Ships return at 9 & 10"),
            ("Seen <i hidden>secret </i>words<script>x</script>", "Seen words"),
            ("1 < 2", "1 < 2"),
            ("plain", "plain"),
        ] {
            assert_eq!(visible_text(html).split_whitespace().collect::<Vec<_>>().join(" "), expected);
        }
    }

    #[test]
    fn hidden_elements_are_removed() {
        for (raw, expected) in [
            ("Seen <span style=\"display:none\">S</span>words.", "Seen words."),
            ("Seen <b hidden>S <i>S</i></b><em>words</em>.", "Seen words."),
            ("Seen <i aria-hidden='true'>S</i>words.", "Seen words."),
            ("<span style='display:none'>S", ""),
            ("The <hidden> tag", "The <hidden> tag"),
            ("a < b, hidden > c", "a < b, hidden > c"),
            ("<b>hidden</b> words", "<b>hidden</b> words"),
        ] {
            assert_eq!(without_hidden(raw), expected);
        }
    }
}

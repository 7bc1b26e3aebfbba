//! Sanitises MathML: keeps presentation markup, without anything that could become HTML when it is parsed again.
//!
//! The elements and attributes are those of the W3C's safe list for MathML Core. HTML inside token elements, annotations and `mglyph` are
//! common means of mutation attacks. HTML is reduced to its text. Annotations are removed, because feed readers that drop MathML but keep
//! its text would show a formula twice. A formula without presentation markup is replaced by its `alttext`, its TeX or its text.

use ego_tree::NodeRef;
use ego_tree::iter::Edge;
use scraper::node::Element;
use scraper::{ElementRef, Node};

use super::hidden::is_hidden;
use super::lists::{FORMULA_ATTRIBUTES, FORMULA_ELEMENTS, FORMULA_TOKENS};
use super::writer::Writer;

/// Elements that are replaced, with their replacements.
const RENAMED: &[(&str, &str)] =
    &[("menclose", "mrow"), ("mfenced", "mrow"), ("mlabeledtr", "mtr"), ("mlongdiv", "mrow")];

/// Elements whose text isn't part of the formula.
const DROPPED: &[&str] = &["annotation", "annotation-xml", "mglyph", "malignmark", "script", "style", "template"];

/// The name of an element without a prefix: `mml:mi` is `mi`.
pub(super) fn local_name(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Writes a formula.
pub(super) fn write(math: ElementRef<'_>, writer: &mut Writer<'_>) {
    let is_shown = |node: NodeRef<'_, Node>| {
        let is_inside = |inner: &NodeRef<'_, Node>| inner.id() != math.id();
        !std::iter::once(node).chain(node.ancestors()).take_while(is_inside).any(is_left_out)
    };
    let shows_text = math.descendants().skip(1).any(|node| match node.value() {
        Node::Element(element) => FORMULA_TOKENS.contains(&local_name(element.name())) && is_shown(node),
        Node::Text(text) => node.parent().is_some_and(|parent| parent.id() == math.id()) && !text.trim().is_empty(),
        _ => false,
    });
    if shows_text {
        write_presentation(math, writer);
        return;
    }
    let alternative = math.attr("alttext").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let text = alternative.or_else(|| tex(math)).unwrap_or_else(|| shown_text(math));
    writer.text(&text);
}

/// The text of a formula without presentation markup.
fn shown_text(math: ElementRef<'_>) -> String {
    let mut words = Vec::new();
    let mut left_out = 0_usize;
    for edge in math.traverse() {
        match (edge, left_out) {
            (Edge::Open(node), 0) => match node.value() {
                Node::Text(text) => words.extend(text.split_whitespace()),
                Node::Element(element) if node.id() != math.id() => left_out = usize::from(is_removed(element)),
                _ => {}
            },
            (Edge::Open(node), _) => left_out += usize::from(node.value().is_element()),
            (Edge::Close(node), 1..) => left_out -= usize::from(node.value().is_element()),
            (Edge::Close(_), 0) => {}
        }
    }
    words.join(" ")
}

/// The TeX source of a formula.
fn tex(math: ElementRef<'_>) -> Option<String> {
    let annotation = math.descendent_elements().find(|inner| {
        local_name(inner.value().name()) == "annotation"
            && inner.attr("encoding").is_some_and(|encoding| encoding.to_ascii_lowercase().contains("tex"))
            && !is_hidden(inner.value())
            && !inner.ancestors().take_while(|outer| outer.id() != math.id()).any(hides)
    })?;
    let text = annotation.text().collect::<String>();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn hides(node: NodeRef<'_, Node>) -> bool {
    node.value().as_element().is_some_and(is_hidden)
}

/// Whether an element inside a formula is removed with its content.
fn is_removed(element: &Element) -> bool {
    DROPPED.contains(&local_name(element.name())) || is_hidden(element)
}

fn is_left_out(node: NodeRef<'_, Node>) -> bool {
    node.value().as_element().is_some_and(is_removed) || is_second_action(node)
}

fn write_presentation(math: ElementRef<'_>, writer: &mut Writer<'_>) {
    // The number of open elements whose content is removed.
    let mut dropped = 0_usize;
    let mut in_token = 0_usize;
    for edge in math.traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(text) if dropped == 0 => writer.text(text),
                Node::Element(element) => {
                    let name = local_name(element.name());
                    let is_root = node.id() == math.id();
                    if dropped > 0 || (!is_root && is_left_out(node)) {
                        dropped += 1;
                    } else if in_token == 0
                        && let Some(output_name) = output_name(name)
                    {
                        let kept = element.attrs().filter(|(attribute, _)| FORMULA_ATTRIBUTES.contains(attribute));
                        writer.start(output_name, &kept.collect::<Vec<_>>());
                        write_fence(name, element.attr("open"), "(", writer);
                    }
                    in_token += usize::from(FORMULA_TOKENS.contains(&name));
                }
                _ => {}
            },
            Edge::Close(node) => {
                let Node::Element(element) = node.value() else { continue };
                let name = local_name(element.name());
                in_token = in_token.saturating_sub(usize::from(FORMULA_TOKENS.contains(&name)));
                if dropped > 0 {
                    dropped -= 1;
                } else if in_token == 0
                    && let Some(output_name) = output_name(name)
                {
                    write_fence(name, element.attr("close"), ")", writer);
                    writer.end(output_name);
                    write_separator(node, writer);
                }
            }
        }
    }
}

fn output_name(name: &str) -> Option<&'static str> {
    let renamed = RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new);
    renamed.or_else(|| FORMULA_ELEMENTS.iter().find(|known| **known == name).copied())
}

/// Whether a node is a further child of `maction`, of which only the first is shown.
fn is_second_action(node: NodeRef<'_, Node>) -> bool {
    let in_action =
        node.parent().and_then(ElementRef::wrap).is_some_and(|parent| local_name(parent.value().name()) == "maction");
    in_action && node.prev_siblings().any(|sibling| sibling.value().is_element())
}

/// The parentheses of `mfenced`, which MathML Core doesn't have.
fn write_fence(name: &str, written: Option<&str>, otherwise: &str, writer: &mut Writer<'_>) {
    if name == "mfenced" {
        write_operator(written.unwrap_or(otherwise).trim(), writer);
    }
}

/// Writes the separator between children of `mfenced`.
fn write_separator(child: NodeRef<'_, Node>, writer: &mut Writer<'_>) {
    let Some(parent) = child.parent().and_then(ElementRef::wrap) else { return };
    if local_name(parent.value().name()) == "mfenced"
        && child.next_siblings().any(|sibling| sibling.value().is_element())
    {
        let separator = parent.attr("separators").unwrap_or(",").trim().chars().next();
        if let Some(separator) = separator {
            write_operator(separator.encode_utf8(&mut [0; 4]), writer);
        }
    }
}

fn write_operator(text: &str, writer: &mut Writer<'_>) {
    writer.start("mo", &[]);
    writer.text(text);
    writer.end("mo");
}

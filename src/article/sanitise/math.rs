//! Sanitises MathML: keeps presentation markup, without anything that could become HTML when it is parsed again.
//!
//! The elements and attributes are those of the W3C's safe list for MathML Core. HTML inside token elements, annotations and `mglyph` are
//! common means of mutation attacks. HTML is reduced to its text. Annotations are removed, because feed readers that drop MathML but keep
//! its text would show a formula twice. A formula without presentation markup is replaced by its `alttext`, its TeX or its text.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Node};

use super::hidden::is_hidden;
use crate::encoding::{escape_attribute, escape_text};

/// Elements of MathML Core that are kept. `semantics` is not, because it has no effect without annotations.
pub(super) const ELEMENTS: &[&str] = &[
    "math",
    "merror",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "ms",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
];

/// Attributes that all these elements keep. None contains an address or executes anything.
pub(super) const ATTRIBUTES: &[&str] = &[
    "accent",
    "accentunder",
    "alttext",
    "arg",
    "columnalign",
    "columnspan",
    "depth",
    "dir",
    "display",
    "displaystyle",
    "fence",
    "form",
    "height",
    "intent",
    "largeop",
    "linethickness",
    "lspace",
    "mathbackground",
    "mathcolor",
    "mathsize",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "rowspan",
    "rspace",
    "scriptlevel",
    "separator",
    "stretchy",
    "symmetric",
    "voffset",
    "width",
];

/// Elements that are replaced, with their replacements.
const RENAMED: &[(&str, &str)] =
    &[("menclose", "mrow"), ("mfenced", "mrow"), ("mlabeledtr", "mtr"), ("mlongdiv", "mrow")];

/// Elements whose text isn't part of the formula.
const DROPPED: &[&str] = &["annotation", "annotation-xml", "mglyph", "malignmark", "script", "style", "template"];

/// Elements that contain a formula's text.
pub(super) const TOKENS: &[&str] = &["mi", "mn", "mo", "ms", "mtext"];

/// The name of an element without a prefix: `mml:mi` is `mi`.
pub(super) fn local_name(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Writes a formula.
pub(super) fn write(math: ElementRef<'_>, html: &mut String) {
    let mut presentation = String::new();
    write_presentation(math, &mut presentation);
    let shows_text = math.descendent_elements().skip(1).any(|inner| TOKENS.contains(&local_name(inner.value().name())))
        || math.children().any(|child| child.value().as_text().is_some_and(|text| !text.trim().is_empty()));
    if shows_text {
        html.push_str(&presentation);
        return;
    }
    let alternative = math.attr("alttext").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let text = alternative.or_else(|| tex(math)).unwrap_or_else(|| shown_text(math));
    escape_text(&text, html);
}

/// The text of a formula without presentation markup.
fn shown_text(math: ElementRef<'_>) -> String {
    let mut words = Vec::new();
    let mut left_out = 0_usize;
    for edge in math.traverse() {
        match (edge, left_out) {
            (Edge::Open(node), 0) => match node.value() {
                Node::Text(text) => words.extend(text.split_whitespace()),
                Node::Element(element) if node.id() != math.id() => {
                    left_out = usize::from(is_hidden(element) || DROPPED.contains(&local_name(element.name())));
                }
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

fn hides(node: ego_tree::NodeRef<'_, Node>) -> bool {
    node.value().as_element().is_some_and(is_hidden)
}

fn write_presentation(math: ElementRef<'_>, html: &mut String) {
    // The number of open elements whose content is removed.
    let mut dropped = 0_usize;
    let mut in_token = 0_usize;
    for edge in math.traverse() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(text) if dropped == 0 => escape_text(text, html),
                Node::Element(element) => {
                    let name = local_name(element.name());
                    let is_root = node.id() == math.id();
                    if dropped > 0
                        || DROPPED.contains(&name)
                        || (!is_root && is_hidden(element))
                        || is_second_action(node)
                    {
                        dropped += 1;
                    } else if in_token == 0
                        && let Some(output_name) = output_name(name)
                    {
                        write_start(element, output_name, html);
                        write_fence(name, element.attr("open"), "(", html);
                    }
                    in_token += usize::from(TOKENS.contains(&name));
                }
                _ => {}
            },
            Edge::Close(node) => {
                let Node::Element(element) = node.value() else { continue };
                let name = local_name(element.name());
                in_token = in_token.saturating_sub(usize::from(TOKENS.contains(&name)));
                if dropped > 0 {
                    dropped -= 1;
                } else if in_token == 0
                    && let Some(output_name) = output_name(name)
                {
                    write_fence(name, element.attr("close"), ")", html);
                    html.push_str("</");
                    html.push_str(output_name);
                    html.push('>');
                    write_separator(node, html);
                }
            }
        }
    }
}

fn output_name(name: &str) -> Option<&'static str> {
    let renamed = RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new);
    renamed.or_else(|| ELEMENTS.iter().find(|known| **known == name).copied())
}

fn write_start(element: &scraper::node::Element, name: &str, html: &mut String) {
    html.push('<');
    html.push_str(name);
    for (attribute, value) in element.attrs() {
        if ATTRIBUTES.contains(&attribute) {
            html.push(' ');
            html.push_str(attribute);
            html.push_str("=\"");
            escape_attribute(value, html);
            html.push('"');
        }
    }
    html.push('>');
}

/// Whether a node is a further child of `maction`, of which only the first is shown.
fn is_second_action(node: ego_tree::NodeRef<'_, Node>) -> bool {
    let in_action =
        node.parent().and_then(ElementRef::wrap).is_some_and(|parent| local_name(parent.value().name()) == "maction");
    in_action && node.prev_siblings().any(|sibling| sibling.value().is_element())
}

/// The parentheses of `mfenced`, which MathML Core doesn't have.
fn write_fence(name: &str, written: Option<&str>, otherwise: &str, html: &mut String) {
    if name == "mfenced" {
        html.push_str("<mo>");
        escape_text(written.unwrap_or(otherwise).trim(), html);
        html.push_str("</mo>");
    }
}

/// Writes the separator between children of `mfenced`.
fn write_separator(child: ego_tree::NodeRef<'_, Node>, html: &mut String) {
    let Some(parent) = child.parent().and_then(ElementRef::wrap) else { return };
    if local_name(parent.value().name()) == "mfenced"
        && child.next_siblings().any(|sibling| sibling.value().is_element())
    {
        let separator = parent.attr("separators").unwrap_or(",").trim().chars().next();
        if let Some(separator) = separator {
            html.push_str("<mo>");
            escape_text(separator.encode_utf8(&mut [0; 4]), html);
            html.push_str("</mo>");
        }
    }
}

//! Writes XHTML inside an item as HTML: without prefixes and declarations, with end tags where HTML needs them.

use super::xml::{Element, Malformed, Namespace, Reader, Token};
use crate::encoding::{escape_attribute, escape_text};

/// Elements without an end tag in HTML.
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements whose content HTML reads as text up to an end tag, or that run programs.
const OPAQUE: &[&str] = &["noembed", "noframes", "plaintext", "script", "textarea", "title", "xmp"];

/// Reads a whole page. Writes its body, and style sheets that may hide parts of it.
pub(super) fn page(reader: &mut Reader<'_>, page: &Element<'_>, html: &mut String) -> Result<(), Malformed> {
    let namespace = page.namespace;
    reader.children(|reader, child| match child.name {
        _ if child.namespace != namespace => Ok(()),
        "head" => reader.children(|reader, child| match child.name {
            "style" => element(reader, &child, namespace, html),
            _ => Ok(()),
        }),
        "body" => content(reader, namespace, html),
        _ => element(reader, &child, namespace, html),
    })
}

/// Reads the rest of the innermost open element. Skips elements of other vocabularies.
fn content(reader: &mut Reader<'_>, namespace: Namespace, html: &mut String) -> Result<(), Malformed> {
    loop {
        match reader.next()? {
            Some(Token::Start(child)) if child.namespace == namespace => element(reader, &child, namespace, html)?,
            Some(Token::Start(_)) => reader.skip()?,
            Some(Token::Text(text, _)) => escape_text(&text, html),
            Some(Token::End) | None => return Ok(()),
        }
    }
}

/// Reads an element whose start tag was read.
pub(super) fn element(
    reader: &mut Reader<'_>,
    element: &Element<'_>,
    namespace: Namespace,
    html: &mut String,
) -> Result<(), Malformed> {
    let name = element.name.to_ascii_lowercase();
    if OPAQUE.contains(&name.as_str()) {
        return reader.skip();
    }
    html.push('<');
    html.push_str(&name);
    for attribute in &element.attributes {
        let attribute_name = match attribute.name {
            "xml:lang" if element.attribute("lang").is_none() => "lang",
            prefixed if prefixed.contains(':') => continue,
            plain => plain,
        };
        html.push(' ');
        html.push_str(attribute_name);
        html.push_str("=\"");
        escape_attribute(&attribute.value, html);
        html.push('"');
    }
    html.push('>');
    if VOID.contains(&name.as_str()) {
        return reader.skip();
    }
    if name == "style" {
        // HTML reads style sheets verbatim.
        let rules = reader.lines("style")?.text;
        html.push_str(&rules.replace('<', " "));
    } else if name == "iframe" {
        // HTML reads the content as text.
        reader.skip()?;
    } else {
        content(reader, namespace, html)?;
    }
    html.push_str("</");
    html.push_str(&name);
    html.push('>');
    Ok(())
}

//! Reads `contentSet`: texts in the item, and renditions elsewhere.

use std::ops::Range;
use std::rc::Rc;

use super::draft::{Body, Draft};
use super::languages::last_part;
use crate::article::agency::item::{Field, ItemBody, Limits, Markup, Rendition};
use crate::article::agency::xml::{Element, Malformed, Namespace, Reader};
use crate::article::agency::{nitf, xhtml};

impl Draft {
    pub(super) fn content_set(&mut self, reader: &mut Reader<'_>, namespace: Namespace) -> Result<(), Malformed> {
        reader.children(|reader, child| match child.name {
            _ if child.namespace != namespace => Ok(()),
            "inlineXML" => self.inline_xml(reader, &child),
            "inlineData" => self.inline_data(reader, &child),
            "remoteContent" => {
                self.renditions.extend(rendition(&child, "remoteContent"));
                Ok(())
            }
            _ => Ok(()),
        })
    }

    fn inline_xml(&mut self, reader: &mut Reader<'_>, inline: &Element<'_>) -> Result<(), Malformed> {
        let is_html = inline.value("contenttype").is_some_and(|kind| kind.contains("html"));
        let mut html = String::new();
        let mut span: Option<Range<usize>> = None;
        reader.children(|reader, child| {
            if child.name == "nitf" {
                let mut document = nitf::read_inline(reader, &child)?;
                for body in std::mem::take(&mut document.bodies) {
                    let language = document.language.as_ref().map(|language| Rc::from(language.text.as_str()));
                    self.bodies.push(Body { language: language.or_else(|| child.language.clone()), body });
                }
                self.documents.push(document);
                return Ok(());
            }
            match child.name {
                "html" => xhtml::page(reader, &child, &mut html)?,
                _ if is_html || child.namespace == Namespace::Xhtml => {
                    xhtml::element(reader, &child, child.namespace, &mut html)?;
                }
                _ => return Ok(()),
            }
            span = Some(span.as_ref().map_or(child.span.start, |span| span.start)..reader.position());
            Ok(())
        })?;
        if let Some(span) = span {
            let field = Field { text: html.trim().to_owned(), span, origin: "inlineXML" };
            self.bodies
                .push(Body { language: inline.language.clone(), body: ItemBody { markup: Markup::Html, field } });
        }
        Ok(())
    }

    fn inline_data(&mut self, reader: &mut Reader<'_>, inline: &Element<'_>) -> Result<(), Malformed> {
        let kind = inline.value("contenttype").unwrap_or("text/plain").to_ascii_lowercase();
        let is_encoded = inline.value("encoding").or_else(|| inline.value("encodinguri")).is_some();
        let markup = match kind.split(';').next().unwrap_or_default().trim() {
            "text/html" | "application/xhtml+xml" => Markup::Html,
            "text/plain" => Markup::Plain,
            _ => return Ok(()),
        };
        if !is_encoded {
            let field = reader.lines("inlineData")?;
            self.bodies.push(Body { language: inline.language.clone(), body: ItemBody { markup, field } });
        }
        Ok(())
    }
}

pub(super) fn rendition(element: &Element<'_>, origin: &'static str) -> Option<Rendition> {
    // The period of validity of later versions of the standard.
    let limits = Limits {
        embargoes: element.field("validfrom", origin).into_iter().collect(),
        expiries: element.field("validto", origin).into_iter().collect(),
        ..Limits::default()
    };
    Some(Rendition {
        limits,
        address: element.first_field(&["href", "residref"], origin)?,
        id: element.field("residref", origin),
        media_type: element.field("contenttype", origin),
        role: element.first_field(&["rendition", "renditionuri"], origin),
        width: element.field("width", origin),
        height: element.field("height", origin),
        size: element.field("size", origin),
        // Other units are too rare to be converted.
        duration: element.field("duration", origin).filter(|_| {
            element.value("durationunit").is_none_or(|unit| matches!(last_part(unit), "seconds" | "second" | "s"))
        }),
    })
}

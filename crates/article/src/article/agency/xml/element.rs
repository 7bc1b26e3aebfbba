//! The start of an element: its name, namespace and attributes.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::words::Words;
use crate::article::agency::item::Field;

/// The vocabulary of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Namespace {
    None,
    /// NewsML-G2
    NewsMl,
    Nitf,
    Xhtml,
    /// `xml:`
    Xml,
    /// Another namespace, by its number within the file.
    Other(usize),
}

impl Namespace {
    pub(super) fn known(uri: &str) -> Option<Namespace> {
        match uri {
            "" => Some(Namespace::None),
            "http://iptc.org/std/nar/2006-10-01/" => Some(Namespace::NewsMl),
            "http://iptc.org/std/NITF/2006-10-18/" => Some(Namespace::Nitf),
            "http://www.w3.org/1999/xhtml" => Some(Namespace::Xhtml),
            _ => None,
        }
    }
}

/// An attribute that doesn't declare a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attribute<'t> {
    /// The name as written: `xml:lang`.
    pub(crate) name: &'t str,
    /// The value with references resolved.
    pub(crate) value: Cow<'t, str>,
    /// The place of the value.
    pub(crate) span: Range<usize>,
}

/// The start of an element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Element<'t> {
    /// The name without prefix.
    pub(crate) name: &'t str,
    pub(crate) namespace: Namespace,
    pub(crate) attributes: Vec<Attribute<'t>>,
    /// The place of the start tag.
    pub(crate) span: Range<usize>,
    /// `xml:lang` of the element, or of the nearest element around it.
    pub(crate) language: Option<Rc<str>>,
}

impl<'t> Element<'t> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute<'t>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The value of an attribute that isn't blank.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| attribute.value.trim()).filter(|value| !value.is_empty())
    }

    /// An attribute that isn't blank, as a field.
    pub(crate) fn field(&self, name: &str, origin: &'static str) -> Option<Field> {
        let attribute = self.attribute(name)?;
        let mut words = Words::default();
        words.push(&attribute.value);
        let text = words.finish();
        (!text.is_empty()).then(|| Field { text, span: attribute.span.clone(), origin })
    }

    /// The first of some attributes that isn't blank, as a field.
    pub(crate) fn first_field(&self, names: &[&str], origin: &'static str) -> Option<Field> {
        names.iter().find_map(|name| self.field(name, origin))
    }
}

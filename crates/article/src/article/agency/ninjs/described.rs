//! Reads headlines, descriptions and bodies: texts with roles and formats.

use super::values::{field, find, items, scalar};
use crate::article::agency::item::{Field, ItemBody, Markup};
use crate::article::hidden_text::visible_text;
use crate::article::values::{Node, Value};

/// A text with its role and format.
pub(super) struct Described {
    /// `main`, `caption`; in version 1 the suffix of the key.
    pub(super) role: String,
    /// `text/html`; in version 1 the suffix of the key.
    pub(super) format: String,
    pub(super) field: Field,
}

impl Described {
    fn is_html(&self) -> bool {
        self.format.contains("html")
    }

    pub(super) fn has_role(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.role.contains(word))
    }

    /// The text without markup.
    pub(super) fn plain(&self) -> Field {
        match self.is_html() {
            true => Field { text: visible_text(&self.field.text), ..self.field.clone() },
            false => self.field.clone(),
        }
    }
}

/// Roles of texts that replace the whole text elsewhere.
pub(super) const SHORT_VERSIONS: &[&str] =
    &["teaser", "short", "summary", "social", "push", "sms", "brief", "abstract"];

/// How well a body suits, best first.
pub(super) fn rank(body: &Described) -> u8 {
    match (&*body.format, body.is_html()) {
        (_, true) => 0,
        ("text" | "text/plain" | "plain" | "", _) => 1,
        _ => 2,
    }
}

impl From<Described> for ItemBody {
    fn from(body: Described) -> ItemBody {
        // Other formats, such as NITF, are tags around text too.
        let is_markup = body.is_html() || (rank(&body) == 2 && body.field.text.trim_start().starts_with('<'));
        ItemBody { markup: if is_markup { Markup::Html } else { Markup::Plain }, field: body.field }
    }
}

/// A text whose key ends in its role or format: `body_xhtml`.
pub(super) fn described(node: &Node<'_>, suffix: &str, origin: &'static str) -> Option<Described> {
    Some(Described { role: suffix.to_owned(), format: suffix.to_owned(), field: field(node, origin)? })
}

/// The texts of a list with roles, or a single text.
pub(super) fn described_list(node: &Node<'_>, origin: &'static str) -> Vec<Described> {
    let described = |node: &Node<'_>| {
        let Value::Map(entries) = &node.value else { return described(node, "", origin) };
        let get = |name: &str| find(entries, &[name]).and_then(scalar).unwrap_or_default().trim().to_ascii_lowercase();
        let (role, content_type) = (get("role"), get("contenttype"));
        let format = if content_type.is_empty() { role.clone() } else { content_type };
        Some(Described { role, format, field: field(find(entries, &["value"])?, origin)? })
    };
    items(node).iter().filter_map(described).collect()
}

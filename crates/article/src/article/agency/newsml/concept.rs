//! Parties, places and subjects, which have codes and names.

use std::collections::HashMap;

use super::languages::{Candidates, Languages, last_part};
use crate::article::agency::item::Field;
use crate::article::agency::xml::{Element, Malformed, Reader};
use crate::article::steps;

/// Roles of contributors who write or take pictures. The others edit, translate or describe.
const AUTHOR_ROLES: &[&str] = &["author", "correspondent", "journalist", "photographer", "reporter", "writer"];

/// A party, place or subject: a code, a name, or both.
#[derive(Debug, Default)]
pub(super) struct Concept {
    pub(super) code: Option<Field>,
    pub(super) literal: Option<Field>,
    pub(super) role: Option<String>,
    pub(super) names: Candidates,
    /// The codes of broader concepts.
    pub(super) broader: Vec<Field>,
}

impl Concept {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        origin: &'static str,
    ) -> Result<Concept, Malformed> {
        let mut concept = Concept {
            code: element.first_field(&["qcode", "uri"], origin),
            literal: element.field("literal", origin),
            role: element.value("role").or_else(|| element.value("roleuri")).map(last_part).map(str::to_owned),
            names: Candidates::default(),
            broader: Vec::new(),
        };
        let namespace = element.namespace;
        reader.children(|reader, child| {
            match child.name {
                _ if child.namespace != namespace => {}
                "name" => concept.names.read(reader, &child, origin)?,
                "broader" => concept.broader.extend(child.first_field(&["qcode", "uri"], origin)),
                "hierarchyInfo" => {
                    let path = reader.line(origin)?;
                    let codes = path.text.split_whitespace().rev();
                    concept.broader.extend(codes.map(|code| Field { text: code.to_owned(), ..path.clone() }));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(concept)
    }

    /// The name in the best language: of the concept itself, else of what the item asserts about it.
    pub(super) fn name(&mut self, context: &Context) -> Option<Field> {
        if let Some(name) = std::mem::take(&mut self.names).first(&context.languages) {
            return Some(name);
        }
        let key = self.code.as_ref().or(self.literal.as_ref())?;
        steps::add(key.text.len());
        // The place of the code, since the field is stated there.
        let asserted = context.names.get(&key.text).map(|name| Field { text: name.clone(), ..key.clone() });
        asserted.or_else(|| self.literal.clone())
    }

    pub(super) fn is_author(&self) -> bool {
        let is_author = |role: &String| AUTHOR_ROLES.iter().any(|author| role.eq_ignore_ascii_case(author));
        self.role.as_ref().is_none_or(is_author)
    }

    /// The name, else the code. Providers are often stated by their code only.
    pub(super) fn name_or_code(mut self, context: &Context) -> Option<Field> {
        self.name(context).or(self.code)
    }
}

/// The languages and names of an item, which are known when the whole item has been read.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) languages: Languages,
    /// Names by code or literal, from `assert` and `inlineRef`.
    pub(super) names: HashMap<String, String>,
}

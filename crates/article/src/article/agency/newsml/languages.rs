//! Texts in several languages, and the choice among them.

use std::rc::Rc;

use crate::article::agency::item::Field;
use crate::article::agency::xml::{Element, Malformed, Reader};
use crate::article::steps;

/// How many languages of an item are compared.
const MAX_LANGUAGES: usize = 8;

/// A text in one language.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) language: Option<Rc<str>>,
    pub(super) role: Option<String>,
    pub(super) field: Field,
}

/// The same property in several languages or roles.
#[derive(Debug, Default)]
pub(super) struct Candidates(pub(super) Vec<Candidate>);

impl Candidates {
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        origin: &'static str,
    ) -> Result<(), Malformed> {
        let field = reader.line(origin)?;
        if !field.text.is_empty() {
            let role = element.value("role").or_else(|| element.value("roleuri")).map(last_part).map(str::to_owned);
            self.0.push(Candidate { language: element.language.clone(), role, field });
        }
        Ok(())
    }

    /// Keeps the best language only.
    pub(super) fn keep_best(&mut self, languages: &Languages) {
        steps::add(self.0.len());
        if let Some(best) = self.0.iter().map(|candidate| languages.rank(candidate.language.as_deref())).min() {
            self.0.retain(|candidate| languages.rank(candidate.language.as_deref()) == best);
        }
    }

    /// All texts in the best language.
    pub(super) fn all(mut self, languages: &Languages) -> Vec<Field> {
        self.keep_best(languages);
        self.0.into_iter().map(|candidate| candidate.field).collect()
    }

    /// The first text in the best language.
    pub(super) fn first(self, languages: &Languages) -> Option<Field> {
        self.all(languages).into_iter().next()
    }

    /// All texts in the best language, as one.
    pub(super) fn joined(self, languages: &Languages) -> Option<Field> {
        let mut fields = self.all(languages).into_iter();
        let mut joined = fields.next()?;
        for field in fields {
            joined.text.push(' ');
            joined.text.push_str(&field.text);
            joined.span.end = field.span.end;
        }
        Some(joined)
    }
}

/// The languages of an item, best first.
#[derive(Debug, Default)]
pub(super) struct Languages(Vec<Rc<str>>);

impl Languages {
    pub(super) fn new(best_first: impl Iterator<Item = Rc<str>>) -> Languages {
        Languages(best_first.take(MAX_LANGUAGES).collect())
    }

    /// How well a language fits: 0 is best.
    pub(super) fn rank(&self, language: Option<&str>) -> usize {
        let Some(language) = language else { return 0 };
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let exact = self.0.iter().position(|own| own.eq_ignore_ascii_case(language)).map(|at| at * 2);
        let similar = || self.0.iter().position(|own| primary(own) == primary(language)).map(|at| at * 2 + 1);
        exact.or_else(similar).unwrap_or(usize::MAX)
    }
}

/// The part of a code or URI that names the value: `text` of `ninat:text`.
pub(super) fn last_part(code: &str) -> &str {
    code.rsplit([':', '/', '#']).next().unwrap_or(code)
}

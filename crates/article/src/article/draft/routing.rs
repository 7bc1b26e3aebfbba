//! Setters of what the configuration's rules can choose a section by.

use std::ops::Range;

use super::Draft;
use crate::article::model::Routing;
use crate::types::{Text, nfc};

/// More codes than this are left out. The rules look at the first ones anyway.
const MAX_CODES: usize = 200;
/// No code, name of an agency or slugline is longer.
const MAX_BYTES: usize = 500;

impl Draft<'_> {
    /// Adds the code of a subject.
    pub(crate) fn add_subject_code(&mut self, code: &str, span: Range<usize>, origin: &'static str) {
        let Some(code) = usable(code) else { return };
        let codes = &self.routing().codes;
        if codes.len() < MAX_CODES && !codes.contains(&code) {
            self.record_origin("subject code", code.as_str(), &span, origin);
            self.routing().codes.push(code);
        }
    }

    /// Adds a name or a code of the agency.
    pub(crate) fn add_provider(&mut self, provider: &str) {
        if let Some(provider) = usable(provider)
            && !self.routing().providers.contains(&provider)
        {
            self.routing().providers.push(provider);
        }
    }

    /// Adds the provider of the source to an article that states none.
    pub(crate) fn add_default_provider(&mut self) {
        let states_provider = self.routing.as_ref().is_some_and(|routing| !routing.providers.is_empty());
        if let Some(provider) = self.source().options.source.provider.as_ref().filter(|_| !states_provider) {
            self.add_provider(provider.as_str());
        }
    }

    /// Sets the slugline.
    pub(crate) fn set_slugline(&mut self, slugline: &str, span: Range<usize>, origin: &'static str) {
        if let Some(slugline) = usable(slugline)
            && self.routing().slugline.is_none()
        {
            self.record_origin("slugline", slugline.as_str(), &span, origin);
            self.routing().slugline = Some(slugline);
        }
    }

    /// Marks the article as an agency's, even if it states nothing that rules could look at but tags.
    pub(crate) fn routing(&mut self) -> &mut Routing {
        self.routing.get_or_insert_default()
    }
}

fn usable(raw: &str) -> Option<Text> {
    let text = Text::line(&nfc(raw));
    (!text.is_empty() && text.as_str().len() <= MAX_BYTES).then_some(text)
}

//! Collects what a section's page states about the articles below it.

use super::Draft;
use crate::article::cascade::Cascade;
use crate::types::Text;

impl Draft<'_> {
    /// Adds a statement. `apply` applies its keys as if they were an article's.
    pub(crate) fn add_cascade(&mut self, path: Option<&str>, apply: impl FnOnce(&mut Self)) {
        let mut below = Draft::new(self.source, self.hash, false);
        apply(&mut below);
        let lifecycle = below.finish_lifecycle(None);
        self.diagnostics.append(&mut below.diagnostics);
        self.cascades.push(Cascade {
            path: path.map(Text::line).filter(|path| !path.is_empty()),
            is_withheld: below.draft || !below.in_feeds || below.lifecycle.withhold || lifecycle.retracted.is_some(),
            access: below.access,
            embargo: lifecycle.embargo,
            expires: lifecycle.expires,
        });
    }
}

//! Versions of articles that dateline fails over: a panic while one is rendered, or a feed that cannot be encoded with it, costs this
//! version and nothing else. The version before it stays published, if there is one, and the file is told of. A version is tried
//! again under another configuration and by another run, never by the same.

use std::collections::BTreeMap;

use super::entry_cache::{CachedEntry, EntryText};
use super::{Engine, Source};
use crate::article::card::Packed;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{ArticlePath, ContentHash};

/// Versions that are left out.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    versions: BTreeMap<ArticlePath, ContentHash>,
    /// The entries of the versions before, until what follows is encoded.
    replaced: BTreeMap<ArticlePath, CachedEntry>,
}

impl Engine {
    /// Whether this version of an article is left out.
    pub(super) fn is_quarantined(&self, path: &ArticlePath, version: ContentHash) -> bool {
        self.quarantine.versions.get(path) == Some(&version)
    }

    /// Whether the last good version of an article is left out, so that nothing waits for its entry.
    pub(super) fn is_failing(&self, path: &ArticlePath) -> bool {
        let version = || self.catalog.get(path).map(Packed::hash);
        self.quarantine.versions.contains_key(path)
            && version().is_some_and(|version| self.is_quarantined(path, version))
    }

    /// Leaves a version out, and tells of it. Says whether that is news.
    pub(super) fn quarantine(&mut self, path: &ArticlePath, version: ContentHash) -> bool {
        if self.quarantine.versions.insert(path.clone(), version) == Some(version) {
            return false;
        }
        let root = self.config().map(|config| config.parsing.root.to_string()).unwrap_or_default();
        let message = "dateline failed over this file, which is a mistake of dateline's; this version is left out";
        let diagnostic = Diagnostic::new(Code::ArticleUnreadable, message)
            .at(Place::file(&format!("{root}/{path}")))
            .help("please report this with the file; any change of it is tried again");
        self.problems.set(Source::Failure(path.clone()), vec![diagnostic]);
        true
    }

    /// Leaves out the version that an entry is of, and puts the entry of the version before in its place.
    pub(super) fn quarantine_entry(&mut self, path: &ArticlePath) -> bool {
        let Some(version) = self.cached_entries.get(path).map(|cached| cached.article.hash) else { return false };
        let is_news = self.quarantine(path, version);
        if let Some(mut before) = self.quarantine.replaced.remove(path) {
            before.windows = self.cached_entries.get(path).map_or(0, |cached| cached.windows);
            before.epoch = CachedEntry::STALE;
            self.source_retention.retain(path, before.article.hash);
            if let EntryText::Whole(rendered, _) = &before.text {
                self.unpacked.note(path, rendered);
            }
            if let Some(failed) = self.cached_entries.insert(path.clone(), before) {
                self.unpacked.forget(&failed);
                self.source_retention.release(path, failed.article.hash, self.now);
            }
        }
        is_news
    }

    /// Notes the entry that another version takes the place of.
    pub(super) fn note_replaced_entry(&mut self, path: &ArticlePath, before: CachedEntry) {
        self.quarantine.replaced.insert(path.clone(), before);
    }

    /// What is published now was encoded.
    pub(super) fn forget_replaced_entries(&mut self) {
        self.quarantine.replaced.clear();
    }

    /// Versions that no file has any more are of no interest.
    pub(super) fn forget_replaced_failures(&mut self) {
        let catalog = &self.catalog;
        let is_over = |path: &ArticlePath, version| catalog.get(path).map(Packed::hash) != Some(version);
        let over = self.quarantine.versions.iter().filter(|(path, version)| is_over(path, **version));
        let over: Vec<ArticlePath> = over.map(|(path, _)| path.clone()).collect();
        for path in over {
            self.quarantine.versions.remove(&path);
            self.problems.set(Source::Failure(path), Vec::new());
        }
    }

    /// Under another configuration everything is tried again.
    pub(super) fn reset_quarantine(&mut self) {
        for path in std::mem::take(&mut self.quarantine.versions).into_keys() {
            self.problems.set(Source::Failure(path), Vec::new());
        }
    }
}

#[cfg(test)]
mod tests;

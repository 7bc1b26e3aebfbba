//! The current diagnostics, by source, and what changed since they were last reported.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::{Code, Diagnostic};
use crate::event::ReportChange;
use crate::types::ArticlePath;

/// Who says that something is wrong. A new word of the same source replaces its last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// The configuration file.
    Config,
    /// What a reload could not change.
    Reload,
    /// The watcher as a whole.
    Watch,
    /// The listing of a folder.
    Folder(String),
    /// The text of an article.
    Article(ArticlePath),
    /// The body of an article, which could not be had.
    Body(ArticlePath),
    /// The version of an article that dateline fails over.
    Failure(ArticlePath),
    /// Where an article belongs.
    Placement(ArticlePath),
    /// Two files with one id, of which one withholds what the other publishes.
    Contradiction(ArticlePath),
    /// A document that could not be made, by its route.
    Document(String),
    /// Tags and authors without feeds.
    Taxonomies,
    /// Feeds whose folders are those of others.
    Folders,
    /// Folders of articles with old names of sections.
    OldNames,
    /// A target of deliveries.
    Target(&'static str),
    /// Files that vanished in a mass.
    Removals,
    /// Records that cannot be read.
    Ledger,
    /// What the store has of dormant articles, which cannot be read.
    Dormant,
}

/// All problems.
#[derive(Debug, Default)]
pub struct Problems {
    by_source: BTreeMap<Source, Vec<Diagnostic>>,
    appeared: BTreeSet<(Source, Diagnostic)>,
    cleared: BTreeSet<(Source, Diagnostic)>,
    changed: bool,
}

impl Problems {
    /// Whether a source says anything.
    pub fn has(&self, source: &Source) -> bool {
        self.by_source.contains_key(source)
    }

    /// What a source says now; nothing clears it.
    pub fn set(&mut self, source: Source, mut diagnostics: Vec<Diagnostic>) {
        if diagnostics.is_empty() && !self.by_source.contains_key(&source) {
            return;
        }
        diagnostics.sort();
        diagnostics.dedup();
        let before = if diagnostics.is_empty() {
            self.by_source.remove(&source).unwrap_or_default()
        } else {
            self.by_source.insert(source.clone(), diagnostics.clone()).unwrap_or_default()
        };
        for gone in before.iter().filter(|known| diagnostics.binary_search(known).is_err()) {
            let gone = (source.clone(), gone.clone());
            if !self.appeared.remove(&gone) {
                self.cleared.insert(gone);
            }
            self.changed = true;
        }
        for new in diagnostics.into_iter().filter(|known| before.binary_search(known).is_err()) {
            let new = (source.clone(), new);
            if !self.cleared.remove(&new) {
                self.appeared.insert(new);
            }
            self.changed = true;
        }
    }

    /// Leaves one kind out of what a source says.
    pub fn drop(&mut self, source: &Source, code: Code) {
        let Some(diagnostics) = self.by_source.get(source) else { return };
        if diagnostics.iter().any(|diagnostic| diagnostic.code == code) {
            let rest = diagnostics.iter().filter(|diagnostic| diagnostic.code != code).cloned().collect();
            self.set(source.clone(), rest);
        }
    }

    /// Forgets what folders in this scope said that are not named any more.
    pub fn keep_folders(&mut self, scope: &str, named: impl Fn(&str) -> bool) {
        let in_scope = |folder: &str| {
            scope.is_empty() || folder == scope || folder.strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'))
        };
        let stale: Vec<Source> = self
            .by_source
            .keys()
            .filter(|source| matches!(source, Source::Folder(folder) if in_scope(folder) && !named(folder)))
            .cloned()
            .collect();
        for source in stale {
            self.set(source, Vec::new());
        }
    }

    /// Every problem, by source.
    pub fn iter(&self) -> impl Iterator<Item = (&Source, &Diagnostic)> {
        self.by_source
            .iter()
            .flat_map(|(source, diagnostics)| diagnostics.iter().map(move |diagnostic| (source, diagnostic)))
    }

    /// Whether anything changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What appeared and what was mended since the last call, for the log; `in_full` says of which sources it may tell all.
    pub fn take_changes(&mut self, in_full: impl Fn(&Source) -> bool) -> Vec<ReportChange> {
        let told = |(source, diagnostic): (Source, Diagnostic)| diagnostic.redact_unless(in_full(&source));
        let cleared = std::mem::take(&mut self.cleared).into_iter().map(|gone| ReportChange::Cleared(told(gone)));
        let appeared = std::mem::take(&mut self.appeared).into_iter().map(|new| ReportChange::Appeared(told(new)));
        cleared.chain(appeared).collect()
    }
}

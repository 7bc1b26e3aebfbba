//! Collects the current diagnostics by source, and the changes since the last report.

use std::collections::{BTreeMap, BTreeSet};

use crate::article::IgnoredKind;
use crate::build::index::Index;
use crate::diagnostics::{Code, Diagnostic};
use crate::event::ReportChange;
use crate::types::{ArticlePath, folder};

/// The source of diagnostics. New diagnostics of a source replace its previous ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Source {
    /// The configuration file.
    Config,
    /// Changes that a reload couldn't make.
    Reload,
    /// The watcher of a source. `None`: the content directory's.
    Watch(Option<String>),
    /// The listing of a folder.
    Folder(String),
    /// Files of a folder that aren't articles, by their kind.
    Ignored(String, IgnoredKind),
    /// The file of an article.
    Article(ArticlePath),
    /// The body of an article, which couldn't be read.
    Body(ArticlePath),
    /// The caption of an article whose picture isn't there.
    Caption(ArticlePath),
    /// The version of an article over which dateline panics.
    Failure(ArticlePath),
    /// The placement of an article in sections and feeds.
    Placement(ArticlePath),
    /// Two files with the same id, one of which withholds what the other publishes.
    Contradiction(ArticlePath),
    /// A document that couldn't be built, by its route.
    Document(String),
    /// Tags and authors without feeds.
    Taxonomies,
    /// Feeds whose folder in the output directory belongs to another feed.
    Folders,
    /// Pages and feeds that lost their addresses to a section.
    Claims,
    /// Folders named after former section names.
    OldNames,
    /// A delivery target.
    Target(&'static str),
    /// A mass removal that waits for an operator.
    Removals,
    /// Articles without a date that aren't published.
    Undated,
    /// The dates that articles got from their files.
    Modified,
    /// Ledger records that can't be read.
    Ledger,
    /// Stored facts about dormant articles that can't be read.
    Dormant,
}

impl Source {
    /// Whether diagnostics may quote their source. Articles that aren't public may not be quoted.
    pub(crate) fn is_quotable(&self, index: Option<&Index>) -> bool {
        match self {
            Source::Article(path) | Source::Placement(path) => {
                index.and_then(|index| index.get(path)).is_some_and(|indexed| indexed.id().is_some())
            }
            _ => true,
        }
    }
}

/// The current diagnostics by source, and the changes since the last report.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    by_source: BTreeMap<Source, Vec<Diagnostic>>,
    appeared: BTreeSet<(Source, Diagnostic)>,
    cleared: BTreeSet<(Source, Diagnostic)>,
    changed: bool,
}

impl Problems {
    /// Whether a source has any diagnostics.
    pub(crate) fn has(&self, source: &Source) -> bool {
        self.by_source.contains_key(source)
    }

    /// Whether an article has a problem with its placement or id.
    pub(crate) fn has_placement_problem(&self, path: &ArticlePath) -> bool {
        let sources = [Source::Placement(path.clone()), Source::Contradiction(path.clone())];
        sources.iter().any(|source| self.has(source))
    }

    /// Replaces a source's diagnostics. An empty list clears them.
    pub(crate) fn set(&mut self, source: Source, mut diagnostics: Vec<Diagnostic>) {
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

    /// Removes the diagnostics with one code from a source.
    pub(crate) fn drop(&mut self, source: &Source, code: Code) {
        let Some(diagnostics) = self.by_source.get(source) else { return };
        if diagnostics.iter().any(|diagnostic| diagnostic.code == code) {
            let rest = diagnostics.iter().filter(|diagnostic| diagnostic.code != code).cloned().collect();
            self.set(source.clone(), rest);
        }
    }

    /// Clears the diagnostics of named sources for which `is_kept` is false.
    pub(crate) fn keep_sources(&mut self, is_kept: impl Fn(&str) -> bool) {
        let name = |source: &Source| match source {
            Source::Watch(name) => name.clone(),
            Source::Folder(folder) | Source::Ignored(folder, _) => folder::source(folder).map(str::to_owned),
            Source::Article(path)
            | Source::Body(path)
            | Source::Failure(path)
            | Source::Placement(path)
            | Source::Contradiction(path) => path.source().map(str::to_owned),
            _ => None,
        };
        let is_gone = |source: &&Source| name(source).is_some_and(|name| !is_kept(&name));
        let gone: Vec<Source> = self.by_source.keys().filter(is_gone).cloned().collect();
        gone.into_iter().for_each(|source| self.set(source, Vec::new()));
    }

    /// Clears the diagnostics of folders in this scope for which `named` is false.
    pub(crate) fn keep_folders(&mut self, scope: &str, named: impl Fn(&str) -> bool) {
        let in_scope = |folder: &str| folder == scope || folder::contains(scope, folder);
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

    /// Every diagnostic, ordered by source.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Source, &Diagnostic)> {
        self.by_source
            .iter()
            .flat_map(|(source, diagnostics)| diagnostics.iter().map(move |diagnostic| (source, diagnostic)))
    }

    /// Whether anything changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The diagnostics that appeared or were resolved since the last call, for the log. They are redacted unless `in_full` is
    /// true for their source. New ones for which `is_undecided` is true wait for a later call, because they may be dropped until then.
    pub(crate) fn take_changes(
        &mut self,
        in_full: impl Fn(&Source) -> bool,
        is_undecided: impl Fn(&Diagnostic) -> bool,
    ) -> Vec<ReportChange> {
        let redact = |(source, diagnostic): (Source, Diagnostic)| diagnostic.redact_unless(in_full(&source));
        let cleared = std::mem::take(&mut self.cleared).into_iter().map(|gone| ReportChange::Cleared(redact(gone)));
        let appeared = std::mem::take(&mut self.appeared);
        let (undecided, appeared) = appeared.into_iter().partition(|(_, diagnostic)| is_undecided(diagnostic));
        self.appeared = undecided;
        let appeared = BTreeSet::into_iter(appeared).map(|new| ReportChange::Appeared(redact(new)));
        cleared.chain(appeared).collect()
    }
}

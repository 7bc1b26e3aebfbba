//! Decides whether a new configuration would break something for readers.

use super::parts::publisher::Publisher;
use super::state::State;
use crate::build::assemble;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::ArticlePath;

/// The objections to a configuration that would break something for readers. They apply to changed ids, and to feeds that
/// lose all or many articles, unless `reload.allow` allows that.
pub(super) fn find(state: &State, running: &Config, index: &Index, config: &Config) -> Option<Diagnostic> {
    let Some(before) = &state.index else { return None };
    let mut objections = Objections::default();
    let mut moved_help = None;
    if !config.reload.ids {
        objections.add("it would give other ids to", "ids", changed_ids(before, running, index, config));
    }
    if !config.reload.empty {
        let emptied = emptied_feeds(&state.publisher, index, config);
        let is_retired = |key: &&FeedKey| matches!(key, FeedKey::Section(_)) && !index.has_feed(key);
        moved_help = emptied.iter().copied().find(is_retired).map(|key| describe_moved_key(key, before, index));
        let emptied = emptied.into_iter().map(|key| format!("`{}`", assemble::route(key))).collect();
        objections.add("it would take all entries out of", "empty", emptied);
    }
    if !config.reload.shrink {
        objections.add(
            "it would take more than a third of the articles out of",
            "shrink",
            shrunken_feeds(before, index),
        );
    }
    if objections.texts.is_empty() {
        return None;
    }
    let allow = objections.allow.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ");
    let message = format!("this configuration is refused: {}", objections.texts.join("; "));
    let help = format!(
        "{}`dateline reload --force` applies it once; `allow = [{allow}]` in [reload] permits such changes for good",
        moved_help.unwrap_or_default()
    );
    Some(Diagnostic::new(Code::ReloadRefused, message).at(Place::file(&config.file.display().to_string())).help(help))
}

/// The feeds that lose their last entry to a new configuration. Feeds that the operator declared as moved or ended aren't
/// included, because their readers are redirected or told.
fn emptied_feeds<'p>(publisher: &'p Publisher, index: &Index, config: &Config) -> Vec<&'p FeedKey> {
    let is_declared = |key: &FeedKey| {
        let route = assemble::route(key);
        !index.has_feed(key) && config.addresses.iter().any(|address| address.rest(&route).is_some())
    };
    let published = publisher.windows.iter().filter(|(_, window)| !window.is_empty()).map(|(key, _)| key);
    published.filter(|key| index.window(key).next().is_none() && !is_declared(key)).collect()
}

/// The objections to a configuration, and the values of `reload.allow` that would overrule them.
#[derive(Default)]
struct Objections {
    texts: Vec<String>,
    allow: Vec<&'static str>,
}

impl Objections {
    /// The maximum number of articles or feeds that an objection names.
    const MAX_NAMED: usize = 10;

    /// Adds an objection, unless it applies to nothing.
    fn add(&mut self, fault: &str, allow: &'static str, mut names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        let unnamed = names.len().saturating_sub(Objections::MAX_NAMED);
        names.truncate(Objections::MAX_NAMED);
        let more = if unnamed > 0 { format!(" and {unnamed} more") } else { String::new() };
        self.texts.push(format!("{fault} {}{more}", names.join(", ")));
        self.allow.push(allow);
    }
}

/// The feeds and articles whose ids a new configuration changes.
fn changed_ids(before: &Index, running: &Config, after: &Index, config: &Config) -> Vec<String> {
    let mut names = Vec::new();
    if running.site.tag_authority != config.site.tag_authority {
        names.extend(before.feeds().map(|key| format!("the feed `{}`", assemble::route(key))));
    }
    let articles = before.articles().filter_map(|(path, indexed)| {
        let (old, new) = (indexed.id()?, after.get(path)?.id()?);
        (old != new).then(|| format!("`{path}`"))
    });
    let mut articles: Vec<String> = articles.collect();
    articles.sort_unstable();
    names.append(&mut articles);
    names
}

/// How to declare that a section was renamed. Suggests the first new section.
fn describe_moved_key(retired: &FeedKey, before: &Index, after: &Index) -> String {
    let from = assemble::route(retired);
    let new = after.feeds().find(|key| matches!(key, FeedKey::Section(_)) && !before.has_feed(key));
    let to = new.map_or_else(|| "/the/new/path/".to_owned(), assemble::route);
    format!("if a section was renamed, say so: `[[moved]]` with `from = \"{from}\"` and `to = \"{to}\"`; ")
}

/// Feeds that lose more than a third of their articles to a new configuration, with the numbers. Articles count even if no
/// window shows them; articles that the configuration withholds aren't counted as lost. Feeds that lose all articles are
/// reported separately.
fn shrunken_feeds(before: &Index, after: &Index) -> Vec<String> {
    let report = |key: &FeedKey| {
        let successor = match key {
            _ if after.has_feed(key) => key.clone(),
            FeedKey::Section(path) => FeedKey::Section(after.rules().successor(path)?),
            FeedKey::Tag(_) | FeedKey::Author(_) => return None,
        };
        let is_third_lost = |all: usize| after.article_count(&successor) * 3 < all * 2;
        let is_emptied = *key == successor && after.article_count(key) == 0 && before.window(key).next().is_some();
        if is_emptied || !is_third_lost(before.article_count(key)) {
            return None;
        }
        let is_public = |path: &&ArticlePath| after.get(path).is_some_and(|indexed| indexed.id().is_some());
        let all = before.articles_of(key).filter(is_public).count();
        let (old, new) = (assemble::route(key), assemble::route(&successor));
        let to = if old == new { String::new() } else { format!(" in `{new}`") };
        is_third_lost(all).then(|| format!("`{old}` ({all} before, {} after{to})", after.article_count(&successor)))
    };
    before.feeds().filter_map(report).collect()
}

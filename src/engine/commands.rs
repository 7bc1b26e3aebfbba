//! Handles operators' commands: retract, restore, accept removals, reload.

use std::sync::Arc;

use super::parts::problems::Source;
use super::state::Engine;
use crate::article::bundle;
use crate::build::assemble;
use crate::build::index::Index;
use crate::build::placement::{FeedKey, SectionRules};
use crate::config::{Checked, Config};
use crate::diagnostics::{Code, Diagnostic, Place, Severity};
use crate::event::{Command, Effect};
use crate::ledger::{Record, Retraction, Routes, Withdrawal};
use crate::types::{ArticlePath, EntryId, Text, rfc3339};

impl Engine {
    /// Executes an operator's command. Returns what was done, or why nothing was.
    pub(super) fn execute_command(&mut self, command: Command, effects: &mut Vec<Effect>) -> Result<String, String> {
        match command {
            Command::Retract { article, reason } => self.retract(&article, reason),
            Command::Restore { article } => self.restore(&article),
            Command::AcceptRemovals => match self.accept_removals() {
                (0, _) => Err("no mass removal is pending, so there is nothing to accept".to_owned()),
                (count, ignored) => {
                    self.resolve_removals();
                    Ok(describe_removals(count - ignored, ignored))
                }
            },
            Command::Configuration { hash } => self.compare_configuration(&hash),
            Command::Reload { checked, force } => self.reload(checked, force, effects),
        }
    }

    /// The article with this path or id.
    fn find_article(&self, article: &str) -> Result<ArticlePath, String> {
        let path = ArticlePath::new(article);
        if self.catalog.contains(&path) || self.recorder.ledger.article(&path).is_some() {
            return Ok(path);
        }
        EntryId::parse(article)
            .ok()
            .and_then(|id| {
                let public = self.index.as_ref().and_then(|index| index.public_article(&id));
                public.or_else(|| self.recorder.ledger.holder(&id)).cloned()
            })
            .ok_or_else(|| {
                format!("no article `{article}` is known: give its path below the content directory, or its id")
            })
    }

    /// Retracts an article. Feeds that had it list the retraction.
    fn retract(&mut self, article: &str, reason: Option<Text>) -> Result<String, String> {
        let path = self.find_article(article)?;
        let known = self.recorder.ledger.article(&path).and_then(|article| article.retraction().cloned());
        // A command without a reason keeps the known one.
        let reason = reason.or_else(|| known.as_ref()?.reason.clone());
        let is_repeated = |known: &&Retraction| known.by == Withdrawal::Command && known.reason == reason;
        if let Some(known) = known.as_ref().filter(is_repeated).filter(|_| !self.recorder.ledger.is_unreadable(&path)) {
            return Err(format!("`{path}` was retracted at {} already", rfc3339(known.at)));
        }
        // A file that has just moved may still be public under its old path, too.
        let others = self.same_article_paths(&path);
        self.withholding.is_urgent = true;
        let feeds = others.iter().chain([&path]).map(|path| self.retract_file(path, reason.clone())).max().unwrap_or(0);
        let others: String = others.iter().map(|other| format!(" and `{other}`, which is the same article,")).collect();
        let notice = match feeds {
            0 => "no feed had it".to_owned(),
            1 => "1 feed tells its readers".to_owned(),
            count => format!("{count} feeds tell their readers"),
        };
        Ok(format!("`{path}`{others} is retracted; {notice}. `dateline restore {path}` brings it back"))
    }

    /// The other paths under which readers may see the same article.
    fn same_article_paths(&self, path: &ArticlePath) -> Vec<ArticlePath> {
        let id_holder = self.index.as_ref().and_then(|index| index.id_holder(path)).cloned();
        let undecided = self.catalog.get(path).filter(|_| self.missing.may_be_moved(path));
        let old = undecided.map(|card| self.possible_old_paths(path, card.hash())).unwrap_or_default();
        id_holder.into_iter().chain(old).collect()
    }

    /// Retracts the article of one file. Returns the number of feeds that list the retraction.
    fn retract_file(&mut self, path: &ArticlePath, reason: Option<Text>) -> usize {
        let remembered = self.recorder.ledger.article(path);
        let known = remembered.and_then(|article| article.retraction().cloned());
        let was_published = remembered.is_some_and(|article| article.id.is_some());
        let withdrawn = remembered.and_then(|article| article.withdrawn().cloned());
        // A retraction from an unreadable record lacks the feeds that had the article.
        let complete =
            known.as_ref().filter(|known| !known.feeds.is_empty() || !self.recorder.ledger.is_unreadable(path));
        let feeds = match (complete, withdrawn, self.index.as_ref().and_then(|index| index.get(path))) {
            (Some(known), ..) => known.feeds.clone(),
            (None, Some(feeds), _) => feeds,
            (None, None, Some(indexed)) if was_published => self.routes_of(indexed),
            // Readers never saw the article, or its file hasn't been read yet. In the second case, `record_retractions` adds the
            // feeds later.
            (None, None, _) => Routes::default(),
        };
        // Feeds already list the date of the first retraction.
        let at = known.map_or(self.now_in_seconds(), |known| known.at);
        let feed_count = feeds.len();
        let retraction = Retraction { at, reason, by: Withdrawal::Command, feeds };
        self.record(Record::Retracted { path: path.clone(), retraction });
        self.missing.note_retracted(path);
        self.note_ledger_change(path);
        feed_count
    }

    /// Takes back a retraction. The article is published again under its id.
    fn restore(&mut self, article: &str) -> Result<String, String> {
        let mut path = self.find_article(article)?;
        // If the file took its id from another one, the article may have been retracted under the path of that one.
        if self.recorder.ledger.article(&path).is_none_or(|article| article.retraction().is_none())
            && let Some(holder) =
                self.index.as_ref().and_then(|index| self.recorder.ledger.holder(index.preferred_id(&path)?))
        {
            path = holder.clone();
        }
        let Some(retraction) = self.recorder.ledger.article(&path).and_then(|article| article.retraction().cloned())
        else {
            return Err(format!("`{path}` is not retracted"));
        };
        // The article may be in another file by now, which states its id.
        let id = self.recorder.ledger.article(&path).and_then(|article| article.id.clone());
        let claimants = id.as_ref().zip(self.index.as_ref()).map(|(id, index)| index.claimants(id).cloned().collect());
        let claimants: Vec<ArticlePath> = claimants.unwrap_or_default();
        let mut files = std::iter::once(&path).chain(&claimants);
        let Some(card) = files.find_map(|path| self.catalog.get(path).map(|card| card.open(path))) else {
            let remedy = match retraction.by {
                Withdrawal::Command => "put it back and restore it again",
                _ => "put it back, and it is published again under its id",
            };
            return Err(format!("the file of `{path}` is gone: {remedy}"));
        };
        if card.retracted.is_some() {
            return Err(format!("the file of `{path}` itself says that it is retracted: remove its `status`"));
        }
        self.record(Record::Restored { path: path.clone() });
        self.missing.note_restored(&path);
        claimants.iter().chain([&path]).for_each(|path| self.note_ledger_change(path));
        Ok(format!("`{path}`, retracted at {}, is public again under its id", rfc3339(retraction.at)))
    }

    /// Indexes an article again after an operator's command changed its facts in the ledger.
    fn note_ledger_change(&mut self, path: &ArticlePath) {
        self.reindex_article(path);
        self.recorder.changed_articles.insert(path.clone());
    }

    /// Applies a configuration. Returns a message that names the keys that wait for a restart, or the errors.
    pub(super) fn reload(
        &mut self,
        checked: Checked,
        force: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<String, String> {
        let Checked { config, diagnostics } = checked;
        let errors = diagnostics.iter().map(Diagnostic::to_log_line).collect::<Vec<_>>().join("; ");
        self.problems.set(Source::Config, diagnostics);
        let Some(config) = config else { return Err(errors) };
        effects.extend(self.configure(&config, force)?);
        let waiting = self.waiting_for_restart();
        Ok(match waiting.is_empty() {
            true => "the configuration is in force".to_owned(),
            false => format!("the configuration is in force, except for what waits for a restart: {waiting}"),
        })
    }

    /// The changed configuration keys that need a restart.
    fn waiting_for_restart(&self) -> String {
        let frozen = self.problems.iter().filter(|(_, problem)| problem.code == Code::ConfigFrozen);
        let keys: Vec<String> =
            frozen.filter_map(|(_, problem)| Some(format!("`{}`", problem.message.split('`').nth(1)?))).collect();
        keys.join(", ")
    }

    /// If the configuration with this hash is in force, returns which keys wait for a restart. Otherwise returns why it isn't.
    fn compare_configuration(&self, hash: &str) -> Result<String, String> {
        let explains_refusal = |(source, problem): &(&Source, &Diagnostic)| match source {
            Source::Config => problem.severity == Severity::Error,
            source => **source == Source::Reload,
        };
        let reasons: Vec<String> =
            self.problems.iter().filter(explains_refusal).map(|(_, problem)| problem.to_log_line()).collect();
        let reason = reasons.join("; ");
        match self.config().is_some_and(|config| config.hash.to_string() == hash) {
            true => Ok(self.waiting_for_restart()),
            false if reason.is_empty() => Err("the running daemon uses another configuration".to_owned()),
            false => {
                Err(format!("the running daemon uses another configuration, since it did not take this one: {reason}"))
            }
        }
    }

    /// The objections to a configuration that would break something for readers. They apply to changed ids, and to feeds that
    /// lose all or many articles, unless `reload.allow` allows that.
    pub(super) fn find_objections(&self, running: &Config, index: &Index, config: &Config) -> Option<Diagnostic> {
        let Some(before) = &self.index else { return None };
        let mut objections = Objections::default();
        let mut moved_help = None;
        if !config.reload.ids {
            objections.add("it gives other ids to", "ids", changed_ids(before, running, index, config));
        }
        if !config.reload.empty {
            let emptied = self.emptied_feeds(index, config);
            let is_retired = |key: &&FeedKey| matches!(key, FeedKey::Section(_)) && !index.has_feed(key);
            moved_help = emptied.iter().copied().find(is_retired).map(|key| describe_moved_key(key, before, index));
            let emptied = emptied.into_iter().map(|key| format!("`{}`", assemble::route(key))).collect();
            objections.add("it takes away all entries of", "empty", emptied);
        }
        if !config.reload.shrink {
            objections.add(
                "it takes more than a third of the articles out of",
                "shrink",
                shrunken_feeds(before, index),
            );
        }
        if objections.texts.is_empty() {
            return None;
        }
        let allow = objections.allow.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ");
        let message = format!("this configuration is not taken: {}", objections.texts.join("; "));
        let help = format!(
            "{}`dateline reload --force` takes it all the same; with `allow = [{allow}]` in [reload] such changes need no asking",
            moved_help.unwrap_or_default()
        );
        Some(
            Diagnostic::new(Code::ReloadRefused, message)
                .at(Place::file(&config.file.display().to_string()))
                .help(help),
        )
    }

    /// The feeds that lose their last entry to a new configuration. Feeds that the operator declared as moved or ended aren't
    /// included, because their readers are redirected or told.
    fn emptied_feeds(&self, index: &Index, config: &Config) -> Vec<&FeedKey> {
        let is_declared = |key: &FeedKey| {
            let route = assemble::route(key);
            !index.has_feed(key) && config.addresses.iter().any(|address| address.rest(&route).is_some())
        };
        let published = self.publisher.windows.iter().filter(|(_, window)| !window.is_empty()).map(|(key, _)| key);
        published.filter(|key| index.window(key).next().is_none() && !is_declared(key)).collect()
    }

    /// Builds the index of all good articles for a configuration.
    pub(super) fn build_index(&self, config: &Arc<Config>) -> Index {
        let mut index = Index::new(
            Arc::new(SectionRules::new(Arc::clone(config))),
            self.catalog.len().max(self.recorder.ledger.len()),
        );
        let rules = Arc::clone(index.rules());
        let is_waiting = |path: &ArticlePath| {
            self.missing.may_be_moved(path)
                || self.withholding.postponed.contains(path)
                || self.awaits_store(&rules, path)
        };
        for (path, card) in self.catalog.iter().filter(|(path, _)| !is_waiting(path)) {
            let card = card.open(path);
            if bundle::is_index(path) {
                let is_listing = self.is_listing(index.rules(), path, &card) && !self.is_live(path);
                index.set_listing(path, is_listing);
            }
            index.put(path, &card, &self.recorder.ledger, self.now);
        }
        self.catalog.withheld_files().for_each(|(path, id)| index.withhold(path, id));
        index.compact();
        self.admit_feeds(&mut index);
        index
    }
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

/// Describes the effect of `accept-removals`.
fn describe_removals(deleted: usize, ignored: usize) -> String {
    let describe = |count: usize, outcome: &str| match count {
        0 => None,
        1 => Some(format!("1 article is {outcome}")),
        _ => Some(format!("{count} articles are {outcome}")),
    };
    let deleted = describe(deleted, "deleted, and readers are told so");
    let ignored = describe(ignored, "gone without a notice, since their files are none any more");
    deleted.into_iter().chain(ignored).collect::<Vec<_>>().join("; ")
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

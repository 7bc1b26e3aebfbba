//! Applies configurations: the first one, and reloads.

use std::sync::Arc;

use super::parts::problems::Source;
use super::state::Engine;
use crate::build::gone_feeds;
use crate::build::index::Index;
use crate::config::Config;
use crate::event::{Effect, WatchPlan};
use crate::types::ArticlePath;

impl Engine {
    /// Applies a configuration. Returns an effect if the watcher has to change. The error says why the configuration is refused.
    pub(super) fn configure(&mut self, config: &Arc<Config>, force: bool) -> Result<Option<Effect>, String> {
        let before = self.config().cloned();
        let (config, frozen) = match &before {
            None => (Arc::clone(config), Vec::new()),
            Some(running) => {
                let (config, frozen) = (**config).clone().after(running);
                (Arc::new(config), frozen)
            }
        };
        let config = self.section_pages.describe(&config, self.now);
        let index = self.build_index(&config);
        let objection =
            before.as_ref().filter(|_| !force).and_then(|before| self.find_objections(before, &index, &config));
        if let Some(objection) = objection {
            let reason = objection.to_log_line();
            self.problems.set(Source::Reload, vec![objection]);
            return Err(reason);
        }
        self.problems.set(Source::Reload, frozen);
        // Removals don't wait for the bodies of other articles.
        self.withholding.is_urgent |= before.as_ref().is_some_and(|before| before.content.paid < config.content.paid);
        if let Some(before) = &before {
            self.activities.note_reload(config.difference(before));
        }
        self.entries.epoch += 1;
        self.publisher.is_relocated = config.is_relocated;
        self.reset_quarantine();
        self.publisher.pages.frames.clear();
        self.replace_index(index);
        self.publisher.changed_routes = None;
        if let Some(index) = &self.index {
            self.publisher.snapshot.retired_addresses = gone_feeds::retired_addresses(index.rules());
        }
        self.publisher.snapshot.prefix = prefix(&config);
        self.report_unreadable_records();
        self.recorder.changed_articles.extend(
            self.recorder
                .ledger
                .articles()
                .filter(|(_, article)| article.retraction().is_some())
                .map(|(path, _)| path.clone()),
        );
        let plan = |config: &Config| WatchPlan {
            content: config.content.directory.clone(),
            parsing: Arc::clone(&config.parsing),
            ignore: Arc::clone(&config.content.ignore),
            grace: config.content.removals.grace,
            hold: config.content.removals.hold,
            settle: config.content.settle,
        };
        Ok((before.as_deref().map(plan) != Some(plan(&config))).then(|| Effect::Watch(plan(&config))))
    }

    /// Rebuilds the index of all good articles.
    pub(super) fn rebuild_index(&mut self, config: &Arc<Config>) {
        let index = self.build_index(config);
        self.replace_index(index);
    }

    /// Replaces the index. All feeds are rebuilt.
    pub(super) fn replace_index(&mut self, index: Index) {
        self.publisher.feeds_to_rebuild =
            index.feeds().cloned().chain(self.publisher.windows.keys().cloned()).collect();
        self.index = Some(index);
        self.bodies.unavailable.clear();
        let pages: Vec<ArticlePath> = self.catalog.pages().filter(|path| self.is_live(path)).cloned().collect();
        pages.iter().for_each(|path| self.note_listing(path));
    }
}

/// The path of `site.url` without a trailing slash. Requests are matched against it.
pub fn prefix(config: &Config) -> Arc<str> {
    config.site.url.path().trim_end_matches('/').into()
}

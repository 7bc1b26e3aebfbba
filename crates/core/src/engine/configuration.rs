//! Applies configurations: the first one, and reloads.

use std::sync::Arc;

use super::parts::problems::{Problems, Source};
use super::state::State;
use super::{holding, indexing, kept_stories, mass_undated, objections, quarantine, releases, sources};
use crate::build::gone_feeds;
use crate::config::{self, Checked, Config};
use crate::diagnostics::{Code, Diagnostic, Severity};
use crate::event::{Effect, WatchPlan};
use crate::snapshot::Fallbacks;

/// Applies a configuration. Returns a message that names the keys that wait for a restart, or the errors.
pub(super) fn apply(
    state: &mut State,
    checked: Checked,
    force: bool,
    effects: &mut Vec<Effect>,
) -> Result<String, String> {
    let Checked { config, diagnostics } = checked;
    let errors = diagnostics.iter().map(Diagnostic::to_log_line).collect::<Vec<_>>().join("; ");
    state.problems.set(Source::Config, diagnostics);
    let Some(config) = config else { return Err(errors) };
    effects.extend(replace(state, &config, force)?);
    let waiting = waiting_for_restart(&state.problems).join(", ");
    Ok(match waiting.is_empty() {
        true => "the configuration is in force".to_owned(),
        false => format!("the configuration is in force, except for what waits for a restart: {waiting}"),
    })
}

/// The changed configuration keys that need a restart.
fn waiting_for_restart(problems: &Problems) -> Vec<String> {
    let frozen = problems.iter().filter(|(_, problem)| problem.code == Code::ConfigFrozen);
    frozen.filter_map(|(_, problem)| Some(format!("`{}`", problem.message.split('`').nth(1)?))).collect()
}

/// If the configuration with this hash is in force, returns which keys wait for a restart. Otherwise returns why it isn't.
pub(super) fn compare(state: &State, hash: &str) -> Result<Vec<String>, String> {
    let explains_refusal = |(source, problem): &(&Source, &Diagnostic)| match source {
        Source::Config => problem.severity == Severity::Error,
        source => **source == Source::Reload,
    };
    let reasons: Vec<String> =
        state.problems.iter().filter(explains_refusal).map(|(_, problem)| problem.to_log_line()).collect();
    let reason = reasons.join("; ");
    match state.config().is_some_and(|config| config.hash.to_string() == hash) {
        true => Ok(waiting_for_restart(&state.problems)),
        false if reason.is_empty() => Err("the running daemon uses another configuration".to_owned()),
        false => Err(format!("the running daemon uses another configuration, because it refused this one: {reason}")),
    }
}

/// Replaces the configuration. Returns an effect if the watcher has to change. The error says why the configuration is refused.
fn replace(state: &mut State, config: &Arc<Config>, force: bool) -> Result<Option<Effect>, String> {
    let before = state.config().cloned();
    let (config, frozen) = match &before {
        None => (Arc::clone(config), Vec::new()),
        Some(running) => {
            let (config, frozen) = (**config).clone().after(running);
            (Arc::new(config), frozen)
        }
    };
    let config = state.section_pages.describe(&config, state.now);
    let index = indexing::build(state, &config);
    let objection =
        before.as_ref().filter(|_| !force).and_then(|before| objections::find(state, before, &index, &config));
    if let Some(objection) = objection {
        let reason = objection.to_log_line();
        state.problems.set(Source::Reload, vec![objection]);
        return Err(reason);
    }
    state.problems.set(Source::Reload, frozen);
    // Removals don't wait for the bodies of other articles.
    state.withholding.is_urgent |= before.as_ref().is_some_and(|before| before.content.paid < config.content.paid);
    if let Some(before) = &before {
        state.activities.note_reload(config.difference(before));
    }
    state.entries.epoch += 1;
    state.publisher.is_relocated = config.is_relocated;
    quarantine::clear(&mut state.entries, &mut state.problems);
    state.publisher.pages.frames.clear();
    sources::forget_removed(state, &config);
    indexing::replace(state, index);
    kept_stories::apply_configuration(state);
    for (path, story) in holding::apply_configuration(state) {
        releases::publish(state, &path, story);
    }
    mass_undated::apply_configuration(state);
    state.publisher.changed_routes = None;
    if let Some(index) = &state.index {
        state.publisher.snapshot.retired_addresses = gone_feeds::retired_addresses(index.rules());
    }
    state.publisher.snapshot.fallbacks = Arc::new(Fallbacks {
        base: Some(config.site.url.clone()),
        feed_aliases: config.site.feed_aliases.clone(),
        icon: config.site.icon.clone(),
    });
    state.publisher.snapshot.prefix = prefix(&config);
    state.report_unreadable_records();
    state.recorder.changed_articles.extend(
        state
            .recorder
            .ledger
            .articles()
            .filter(|(_, article)| article.retraction().is_some())
            .map(|(path, _)| path.clone()),
    );
    sources::complete(state);
    let (content, named) = watch_plans(&config);
    let is_same = before.is_some_and(|before| watch_plans(&before) == (content.clone(), named.clone()));
    Ok((!is_same).then(|| Effect::Watch(Box::new(content), named)))
}

/// The instructions for the watchers of the content directory and of the other sources.
pub fn watch_plans(config: &Config) -> (WatchPlan, Vec<WatchPlan>) {
    let plan = |source: &config::Source| {
        let others = config.sources.iter().filter(|other| other.name != source.name);
        WatchPlan {
            source: source.name.clone(),
            directory: source.directory.clone(),
            others: others.map(|other| other.directory.clone()).collect(),
            parsing: Arc::clone(&source.parsing),
            ignore: Arc::clone(&config.content.ignore),
            grace: config.content.removals.grace,
            hold: config.content.removals.hold,
            settle: source.settle,
        }
    };
    (plan(&config.sources.content), config.sources.named.iter().map(plan).collect())
}

/// The path of `site.url` without a trailing slash. Requests are matched against it.
pub fn prefix(config: &Config) -> Arc<str> {
    config.site.url.path().trim_end_matches('/').into()
}

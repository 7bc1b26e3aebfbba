//! The events in the lives of articles since the last log effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::recorder::routes;
use crate::build::index::{Changes, Index, Visibility};
use crate::event::{Activity, ActivityKind, Command, Effect, LoggedActivity};
use crate::ledger::{ArticleFacts, Ledger, Record, Routes, Withdrawal};
use crate::types::{ArticlePath, Text};

/// The maximum number of articles whose activity is logged one by one. Further articles are only counted.
const MAX_LOGGED_ARTICLES: usize = 32_768;

/// The activity since the last effect.
#[derive(Debug, Default)]
pub(crate) struct Activities {
    /// The command being executed.
    actor: Option<&'static str>,
    articles: BTreeMap<ArticlePath, ArticleActivity>,
    /// The counts of articles above the maximum.
    overflow: BTreeMap<(ActivityKind, Option<&'static str>), usize>,
    /// Articles whose new version has more corrections than the previous one.
    corrected: BTreeSet<ArticlePath>,
    /// Reloads, each with the event number, the difference, and the command.
    reloads: Vec<(u64, String, Option<&'static str>)>,
    /// The number of the latest event. Numbers order the log.
    last_number: u64,
}

/// The most important event of one article.
#[derive(Debug)]
struct ArticleActivity {
    number: u64,
    kind: ActivityKind,
    actor: Option<&'static str>,
    /// The path before a move.
    from: Option<ArticlePath>,
    /// The feeds that had the article.
    feeds: Routes,
}

impl Activities {
    /// Sets the command that causes what happens next. `None` if no command does.
    pub(crate) fn set_command(&mut self, command: Option<&Command>) {
        self.actor = command.map(actor);
    }

    pub(crate) fn note_corrected(&mut self, path: &ArticlePath) {
        self.corrected.insert(path.clone());
    }

    pub(crate) fn note_reload(&mut self, difference: String) {
        self.last_number += 1;
        self.reloads.push((self.last_number, difference, self.actor));
    }

    /// Notes an event. If two happen to the same article at once, the more important one is logged.
    pub(crate) fn note(&mut self, path: &ArticlePath, kind: ActivityKind, from: Option<ArticlePath>, feeds: Routes) {
        let actor = self.actor;
        self.last_number += 1;
        let number = self.last_number;
        if let Some(known) = self.articles.get_mut(path) {
            let actor = actor.or(known.actor);
            match kind > known.kind {
                true => *known = ArticleActivity { number, kind, actor, from: from.or(known.from.take()), feeds },
                false => (known.actor, known.from) = (actor, known.from.take().or(from)),
            }
        } else if self.articles.len() < MAX_LOGGED_ARTICLES {
            self.articles.insert(path.clone(), ArticleActivity { number, kind, actor, from, feeds });
        } else {
            *self.overflow.entry((kind, actor)).or_default() += 1;
        }
    }

    /// Derives an event from a record. Must be called before the ledger applies the record.
    pub(crate) fn note_record(&mut self, record: &Record, ledger: &Ledger) {
        let none = Routes::default;
        match record {
            Record::Published { path, hash, .. } => {
                let known = ledger.article(path);
                let is_live = known.is_some_and(ArticleFacts::is_live);
                match (is_live, self.corrected.remove(path)) {
                    (false, _) => self.note(path, ActivityKind::Published, None, none()),
                    (true, true) => self.note(path, ActivityKind::Corrected, None, none()),
                    (true, false) if known.and_then(ArticleFacts::hash) != Some(*hash) => {
                        self.note(path, ActivityKind::Updated, None, none());
                    }
                    (true, false) => {}
                }
            }
            Record::Retracted { path, retraction } => {
                let kind = match retraction.by {
                    Withdrawal::Deleted => ActivityKind::Removed,
                    Withdrawal::Status | Withdrawal::Command => ActivityKind::Retracted,
                };
                // A record that only completes an earlier retraction is no event.
                if self.actor.is_some() || ledger.article(path).is_none_or(|known| known.retraction().is_none()) {
                    self.note(path, kind, None, Arc::clone(&retraction.feeds));
                }
            }
            Record::Restored { path } => self.note(path, ActivityKind::Restored, None, none()),
            Record::Released { path, .. } => self.note(path, ActivityKind::Released, None, none()),
            Record::Withdrawn { path, feeds } => self.note(path, ActivityKind::Withheld, None, Arc::clone(feeds)),
            Record::Moved { from, to } => self.note(to, ActivityKind::Moved, Some(from.clone()), none()),
            Record::Lost { path, version: None } => self.note(path, ActivityKind::HeldBack, None, none()),
            Record::Found { path } => self.note(path, ActivityKind::Returned, None, none()),
            _ => {}
        }
    }

    /// The activity that readers can see by now. An article whose body `is_awaited` waits until the body arrives. `describe` returns
    /// the feeds and the title of an article, given the feeds that had it. The first listing is only counted.
    pub(crate) fn take_visible(
        &mut self,
        is_first: bool,
        is_awaited: impl Fn(&ArticlePath) -> bool,
        describe: impl Fn(&ArticlePath, ActivityKind, Routes) -> (Routes, Option<Text>),
    ) -> Option<Effect> {
        // A correction of an article that isn't public must not mark a later version.
        self.corrected.clear();
        let mut groups = LoggedActivity::new();
        for (path, activity) in std::mem::take(&mut self.articles) {
            if activity.kind.is_public() && !is_first && is_awaited(&path) {
                self.articles.insert(path, activity);
                continue;
            }
            let ArticleActivity { number, kind, actor, from, feeds } = activity;
            let (feeds, title) = describe(&path, kind, feeds);
            let activity = Activity { number, path, from, feeds, title };
            groups.entry((kind, actor)).or_default().add(activity, !is_first);
        }
        for (key, count) in std::mem::take(&mut self.overflow) {
            groups.entry(key).or_default().count += count;
        }
        for (number, difference, actor) in std::mem::take(&mut self.reloads) {
            groups.entry((ActivityKind::Reloaded, actor)).or_default().differences.push((number, difference));
        }
        (!groups.is_empty()).then_some(Effect::Log(groups))
    }

    /// Notes articles that left their feeds because they expired.
    pub(crate) fn note_expired(&mut self, index: &Index, changes: &Changes) {
        for (path, feeds) in &changes.left {
            if matches!(index.get(path).map(|indexed| &indexed.visibility), Some(Visibility::Expired(_))) {
                self.note(path, ActivityKind::Expired, None, routes(feeds));
            }
        }
    }
}

/// The name of a command, as it is logged.
fn actor(command: &Command) -> &'static str {
    match command {
        Command::Retract { .. } => "dateline retract",
        Command::Restore { .. } => "dateline restore",
        Command::Release { .. } => "dateline release",
        Command::AcceptRemovals => "dateline accept-removals",
        Command::Reload { force: true, .. } => "dateline reload --force",
        Command::Reload { force: false, .. } => "dateline reload",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_important_of_two_events_is_logged() {
        let path = ArticlePath::new("news/a.md");
        let mut activities = Activities::default();
        activities.note(&path, ActivityKind::Updated, None, Routes::default());
        activities.note(&path, ActivityKind::Moved, Some(ArticlePath::new("b.md")), Routes::default());
        activities.note(&path, ActivityKind::Restored, None, Routes::default());
        activities.note(&path, ActivityKind::Published, None, Routes::default());
        let activity = activities.articles.get(&path).map(|activity| (activity.kind, activity.from.is_some()));
        assert_eq!(activity, Some((ActivityKind::Restored, true)));
    }

    #[test]
    fn logged_articles_are_bounded() {
        let mut activities = Activities::default();
        for number in 0..MAX_LOGGED_ARTICLES + 5 {
            activities.note(
                &ArticlePath::new(&format!("{number}.md")),
                ActivityKind::Published,
                None,
                Routes::default(),
            );
        }
        assert_eq!(activities.articles.len(), MAX_LOGGED_ARTICLES);
        assert_eq!(activities.overflow.get(&(ActivityKind::Published, None)), Some(&5));
    }
}

//! The lines of the log that say what happened to articles. Few are a line each; a burst is one line that says how many.

use std::time::{Duration, Instant};

use crate::event::{ActivityGroup, ActivityKind, LoggedActivity};
use crate::ledger::Routes;

/// A burst is over when nothing more of it came for so long.
const QUIET: Duration = Duration::from_millis(300);
/// What goes on for longer is told meanwhile.
const LONGEST: Duration = Duration::from_secs(30);
/// So many feeds are named.
const NAMED_FEEDS: usize = 8;

/// What is not in the log yet.
#[derive(Default)]
pub(super) struct ActivityLog {
    groups: LoggedActivity,
    /// When the first and the last of it came.
    since: Option<(Instant, Instant)>,
    /// Whether what comes next is that of the first listing, which is told apart from what follows.
    pub(super) is_first: bool,
}

impl ActivityLog {
    pub(super) fn add(&mut self, groups: LoggedActivity, root: &str) {
        let now = Instant::now();
        self.since = Some((self.since.map_or(now, |(first, _)| first), now));
        for (key, group) in groups {
            self.groups.entry(key).or_default().merge(group);
        }
        if std::mem::take(&mut self.is_first) {
            self.write(root);
        }
    }

    /// How long until it is to be written.
    pub(super) fn until_due(&self) -> Option<Duration> {
        let (first, last) = self.since?;
        Some(QUIET.saturating_sub(last.elapsed()).min(LONGEST.saturating_sub(first.elapsed())))
    }

    /// Writes what is due. While files wait, a burst is not over.
    pub(super) fn write_when_due(&mut self, is_idle: bool, root: &str) {
        let is_long = self.since.is_some_and(|(first, _)| first.elapsed() >= LONGEST);
        if self.until_due().is_some_and(|rest| rest.is_zero()) && (is_idle || is_long) {
            self.write(root);
        }
    }

    /// Writes all of it. `root`: what comes before the paths of articles.
    pub(super) fn write(&mut self, root: &str) {
        self.since = None;
        for ((kind, actor), group) in std::mem::take(&mut self.groups) {
            for difference in &group.differences {
                tracing::info!(by = actor.map(tracing::field::display), "reloaded the configuration: {difference}");
            }
            let ActivityGroup { count, articles, feeds, .. } = group;
            let by = actor.map(tracing::field::display);
            if kind == ActivityKind::Reloaded || count == 0 {
                continue;
            }
            if count > articles.len() {
                tracing::info!(articles = count, feeds = feeds.len(), by, "{kind}");
                continue;
            }
            for article in articles {
                let path = format!("{root}/{}", article.path);
                let from = article.from.map(|from| tracing::field::display(format!("{root}/{from}")));
                let title = article.title.as_ref().map(|title| title.as_str());
                let feeds = named(&article.feeds);
                tracing::info!(from, feeds = feeds.map(tracing::field::display), title, by, "{kind} {path}");
            }
        }
    }
}

/// The first of some feeds.
fn named(feeds: &Routes) -> Option<String> {
    let names: Vec<&str> = feeds.iter().take(NAMED_FEEDS).map(|route| &**route).collect();
    let more = feeds.len().checked_sub(NAMED_FEEDS).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    (!names.is_empty()).then(|| format!("{}{more}", names.join(" ")))
}

//! Logs what happened to articles: a line for each of a few articles, or one line with counts for many.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::event::{Activity, ActivityGroup, ActivityKind, LoggedActivity};
use crate::ledger::Routes;

/// A burst is over after this time without new activity.
const BURST_GAP: Duration = Duration::from_millis(300);
/// A burst that lasts longer than this is logged in parts.
const MAX_BURST_DURATION: Duration = Duration::from_secs(30);
/// The most feeds that a line names.
const MAX_NAMED_FEEDS: usize = 8;

/// Activity that isn't in the log yet.
#[derive(Default)]
pub(super) struct ActivityLog {
    groups: LoggedActivity,
    /// When the first and the last activity arrived.
    period: Option<(Instant, Instant)>,
    /// Whether the next activity is that of the first scan, which is logged separately.
    pub(super) is_first_scan: bool,
}

impl ActivityLog {
    pub(super) fn add(&mut self, groups: LoggedActivity, config: &Config) {
        let now = Instant::now();
        self.period = Some((self.period.map_or(now, |(first, _)| first), now));
        for (key, group) in groups {
            self.groups.entry(key).or_default().merge(group);
        }
        if std::mem::take(&mut self.is_first_scan) {
            self.write(config);
        }
    }

    /// Returns the time until the activity has to be logged. `None` if there is none.
    pub(super) fn until_due(&self) -> Option<Duration> {
        let (first, last) = self.period?;
        Some(BURST_GAP.saturating_sub(last.elapsed()).min(MAX_BURST_DURATION.saturating_sub(first.elapsed())))
    }

    /// Logs the activity if its burst is over or long. While files wait (`is_idle` is false), a burst isn't over.
    pub(super) fn write_when_due(&mut self, is_idle: bool, config: &Config) {
        let is_long = self.period.is_some_and(|(first, _)| first.elapsed() >= MAX_BURST_DURATION);
        if self.until_due().is_some_and(|rest| rest.is_zero()) && (is_idle || is_long) {
            self.write(config);
        }
    }

    /// Logs all activity in order of time.
    pub(super) fn write(&mut self, config: &Config) {
        self.period = None;
        for (_, line) in lines(std::mem::take(&mut self.groups)) {
            line.write(config);
        }
    }
}

/// A line of the log.
enum Line {
    Reload { difference: String, actor: Option<&'static str> },
    Burst { kind: ActivityKind, actor: Option<&'static str>, articles: usize, feeds: usize },
    Article { kind: ActivityKind, actor: Option<&'static str>, article: Activity },
}

/// Converts activity to lines in order of time. A burst's time is that of its first article.
fn lines(groups: LoggedActivity) -> Vec<(u64, Line)> {
    let mut lines = Vec::new();
    for ((kind, actor), ActivityGroup { count, articles, feeds, differences }) in groups {
        lines.extend(differences.into_iter().map(|(number, difference)| (number, Line::Reload { difference, actor })));
        if count > articles.len() {
            let began = articles.first().map_or(0, |first| first.number);
            lines.push((began, Line::Burst { kind, actor, articles: count, feeds: feeds.len() }));
        } else {
            let article = |article: Activity| (article.number, Line::Article { kind, actor, article });
            lines.extend(articles.into_iter().map(article));
        }
    }
    lines.sort_by_key(|(number, _)| *number);
    lines
}

impl Line {
    fn write(self, config: &Config) {
        match self {
            Line::Reload { difference, actor } => {
                tracing::info!(difference, by = actor.map(tracing::field::display), "configuration reloaded");
            }
            Line::Burst { kind, actor, articles, feeds } => {
                tracing::info!(articles, feeds, by = actor.map(tracing::field::display), "{kind}");
            }
            Line::Article { kind, actor, article } => {
                let path = config.file_name(&article.path);
                let from = article.from.map(|from| tracing::field::display(config.file_name(&from)));
                let title = article.title.as_ref().map(|title| title.as_str());
                let feeds = feed_names(&article.feeds);
                let by = actor.map(tracing::field::display);
                tracing::info!(article = %path, from, feeds = feeds.map(tracing::field::display), title, by, "{kind}");
            }
        }
    }
}

/// Names the first feeds and counts the others. `None` if there are none.
fn feed_names(feeds: &Routes) -> Option<String> {
    let names: Vec<&str> = feeds.iter().take(MAX_NAMED_FEEDS).map(|route| &**route).collect();
    let more = feeds.len().checked_sub(MAX_NAMED_FEEDS).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    (!names.is_empty()).then(|| format!("{}{more}", names.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ArticlePath;

    #[test]
    fn lines_come_in_order_of_time() {
        let mut groups = LoggedActivity::new();
        let mut add = |number, kind| {
            let path = ArticlePath::new("news/a.md");
            let activity = Activity { number, path, from: None, feeds: Routes::default(), title: None };
            groups.entry((kind, None)).or_default().add(activity, true);
        };
        let kinds = [ActivityKind::Removed, ActivityKind::Published, ActivityKind::Retracted, ActivityKind::Restored];
        kinds.into_iter().zip(1..).for_each(|(kind, number)| add(number, kind));
        add(5, ActivityKind::Removed);
        groups.entry((ActivityKind::Reloaded, None)).or_default().differences.push((3, String::new()));
        let written = lines(groups).into_iter().map(|(number, line)| match line {
            Line::Article { kind, .. } => (number, kind),
            Line::Reload { .. } => (number, ActivityKind::Reloaded),
            Line::Burst { .. } => panic!("unexpected burst"),
        });
        let expected = [
            (1, ActivityKind::Removed),
            (2, ActivityKind::Published),
            (3, ActivityKind::Retracted),
            (3, ActivityKind::Reloaded),
            (4, ActivityKind::Restored),
            (5, ActivityKind::Removed),
        ];
        assert_eq!(written.collect::<Vec<_>>(), expected);
    }
}

//! Articles that state no date.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::types::ArticlePath;

/// Articles that state no date.
#[derive(Debug, Default)]
pub(crate) struct UndatedArticles {
    /// Articles that the ledger doesn't know, until it is decided whether they are published.
    arrived: BTreeSet<ArticlePath>,
    /// Articles that were dated when they arrived, oldest first, as long as they count towards the next decision.
    recent: VecDeque<(Timestamp, ArticlePath)>,
    /// Articles that wait for a date, and some that don't any more.
    waiting: BTreeSet<ArticlePath>,
    /// Whether it was decided about the articles of the first listing.
    is_started: bool,
    /// The dates of articles that are dated by their files.
    by_file: BTreeMap<ArticlePath, Timestamp>,
}

impl UndatedArticles {
    /// Notes an article that the ledger doesn't know.
    pub(crate) fn note_arrived(&mut self, path: &ArticlePath) {
        self.arrived.insert(path.clone());
    }

    /// The articles that arrived since the last call.
    pub(crate) fn take_arrived(&mut self) -> BTreeSet<ArticlePath> {
        std::mem::take(&mut self.arrived)
    }

    /// Whether this is the first call since the start.
    pub(crate) fn starts(&mut self) -> bool {
        !std::mem::replace(&mut self.is_started, true)
    }

    /// Notes that an article was dated when it arrived.
    pub(crate) fn note_dated(&mut self, path: ArticlePath, now: Timestamp) {
        self.recent.push_back((now, path));
    }

    /// Forgets articles that arrived outside of a time span.
    pub(crate) fn keep_recent(&mut self, since: Timestamp, now: Timestamp) {
        self.recent.retain(|(at, _)| (since..=now).contains(at));
    }

    /// The articles that were dated when they arrived, as far as they aren't forgotten.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &ArticlePath> {
        self.recent.iter().map(|(_, path)| path)
    }

    /// Forgets all articles that were dated when they arrived.
    pub(crate) fn forget_recent(&mut self) {
        self.recent.clear();
    }

    /// Notes an article that waits for a date.
    pub(crate) fn note_waiting(&mut self, path: &ArticlePath) {
        self.waiting.insert(path.clone());
    }

    /// The first article that waits. Forgets those before it for which `is_waiting` is false.
    pub(crate) fn first_waiting(&mut self, is_waiting: impl Fn(&ArticlePath) -> bool) -> Option<&ArticlePath> {
        while self.waiting.first().is_some_and(|path| !is_waiting(path)) {
            self.waiting.pop_first();
        }
        self.waiting.first()
    }

    /// Notes the date that an article has from its file. `None`: it has a date of another kind.
    pub(crate) fn set_date_of_file(&mut self, path: &ArticlePath, date: Option<Timestamp>) {
        match date {
            Some(date) => self.by_file.insert(path.clone(), date),
            None => self.by_file.remove(path),
        };
    }

    /// Forgets the dates that articles have from their files.
    pub(crate) fn forget_dates_of_files(&mut self) {
        self.by_file.clear();
    }

    /// The number of the articles that are dated by their files, and the first of these dates, if they differ by at most `span`. `None` for
    /// a single article. Only articles for which `is_there` is true count.
    pub(crate) fn common_date(
        &self,
        span: SignedDuration,
        is_there: impl Fn(&ArticlePath) -> bool,
    ) -> Option<(usize, Timestamp)> {
        let mut found: Option<(usize, Timestamp, Timestamp)> = None;
        for (_, date) in self.by_file.iter().filter(|(path, _)| is_there(path)) {
            let (count, first, last) = found.unwrap_or((0, *date, *date));
            let (first, last) = (first.min(*date), last.max(*date));
            if last.duration_since(first) > span {
                return None;
            }
            found = Some((count + 1, first, last));
        }
        found.filter(|(count, ..)| *count > 1).map(|(count, first, _)| (count, first))
    }
}

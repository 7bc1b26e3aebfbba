//! Agencies' items that are pictures, sounds or films themselves. They withhold their files from the stories that show them.
//!
//! # Which version of a picture counts?
//!
//! The highest one, as for stories. A version that kills the picture counts whatever its place in the order. The ledger records it, because
//! its file may be cleaned up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::article::{Availability, ItemVersion, MediaTerms, WithheldMedia};
use crate::ledger::VersionRank;
use crate::types::{ArticlePath, Text};

/// The items, by file.
#[derive(Debug, Default)]
pub(crate) struct MediaItems {
    items: BTreeMap<ArticlePath, MediaItem>,
    changed: bool,
    /// Whether the files in the ledger were taken into account.
    is_started: bool,
    /// When the withheld files change next.
    next: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct MediaItem {
    version: Option<ItemVersion>,
    terms: Vec<MediaTerms>,
}

impl MediaItem {
    fn is_killed(&self) -> bool {
        self.terms.iter().any(|terms| terms.availability == Availability::Killed)
    }

    fn order(&self) -> Option<VersionRank> {
        let version = self.version.as_ref()?;
        let number = version.number.as_ref().map(Text::as_str);
        Some(VersionRank::new(number, version.time.map(|time| time.second()), None))
    }
}

impl MediaItems {
    /// Sets what a file states about its files. Without terms, the file is no such item.
    pub(crate) fn set(&mut self, path: &ArticlePath, version: Option<&ItemVersion>, terms: &[MediaTerms]) {
        if terms.is_empty() && !self.items.contains_key(path) {
            return;
        }
        let item = MediaItem { version: version.cloned(), terms: terms.to_vec() };
        let before = match terms {
            [] => self.items.remove(path),
            _ => self.items.insert(path.clone(), item.clone()),
        };
        self.changed |= before != Some(item);
    }

    /// Notes that a file is gone.
    pub(crate) fn remove(&mut self, path: &ArticlePath) {
        self.set(path, None, &[]);
    }

    /// The withheld files, if they may have changed since the last call, and those that are killed, each with a file that says so.
    pub(crate) fn take_changed(
        &mut self,
        now: Timestamp,
    ) -> Option<(WithheldMedia, Vec<(ArticlePath, WithheldMedia)>)> {
        let is_due = self.next.is_some_and(|next| next <= now);
        let is_first = !std::mem::replace(&mut self.is_started, true);
        (std::mem::take(&mut self.changed) || is_due || is_first).then(|| self.withheld(now))
    }

    /// When files are withheld or released next.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.next
    }

    /// Makes the next call of [`MediaItems::take_changed`] decide again, because the clock was set.
    pub(crate) fn clock_was_set(&mut self) {
        self.changed |= !self.items.is_empty();
    }

    fn withheld(&mut self, now: Timestamp) -> (WithheldMedia, Vec<(ArticlePath, WithheldMedia)>) {
        let terms = self.items.values().flat_map(|item| &item.terms);
        let instants = terms.flat_map(|terms| terms.availability.instants()).map(|moment| moment.timestamp());
        self.next = instants.filter(|instant| *instant > now).min();
        let (mut withheld, mut killed) = (WithheldMedia::default(), Vec::new());
        let mut pictures: BTreeMap<&Text, Vec<(&ArticlePath, &MediaItem)>> = BTreeMap::new();
        for (path, item) in &self.items {
            match &item.version {
                Some(version) => pictures.entry(&version.key).or_default().push((path, item)),
                None => withhold(&mut withheld, &item.terms, now),
            }
        }
        for versions in pictures.into_values() {
            let highest = versions.iter().max_by_key(|(path, item)| (item.order(), *path));
            let is_over = |item: &MediaItem| item.terms.iter().all(|terms| !terms.availability.includes(now));
            let all = || {
                let terms = versions.iter().flat_map(|(_, item)| &item.terms);
                let files = terms.clone().filter_map(|terms| terms.url.clone()).collect();
                WithheldMedia { files, ids: terms.filter_map(|terms| terms.id.clone()).collect() }
            };
            let kill = versions.iter().find(|(_, item)| item.is_killed());
            killed.extend(kill.map(|(path, _)| ((*path).clone(), all())));
            let is_withheld = kill.is_some() || highest.is_some_and(|(_, highest)| is_over(highest));
            if is_withheld {
                let all = all();
                withheld.files.extend(all.files);
                withheld.ids.extend(all.ids);
            } else if let Some((_, highest)) = highest {
                withhold(&mut withheld, &highest.terms, now);
            }
        }
        (withheld, killed)
    }
}

/// Withholds the files that readers may not see at this time.
fn withhold(withheld: &mut WithheldMedia, terms: &[MediaTerms], now: Timestamp) {
    let hidden = terms.iter().filter(|terms| !terms.availability.includes(now));
    let shown: BTreeSet<_> =
        terms.iter().filter(|terms| terms.availability.includes(now)).map(|terms| &terms.url).collect();
    withheld.files.extend(hidden.filter(|terms| !shown.contains(&terms.url)).filter_map(|terms| terms.url.clone()));
}

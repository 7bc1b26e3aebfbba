//! Invariants that hold after every step of every script: public ids and dates are recorded, no document contains withheld text, all
//! formats have the same entries, and the documents equal those of a new process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dateline::article::{self, Parsed};
use dateline::build::assemble;
use dateline::config::Deleted;
use dateline::engine::Engine;
use dateline::ledger::Record;
use dateline::ledger::journal::{JournalChange, JournalRow};
use dateline::snapshot::Snapshot;
use dateline::types::{ArticlePath, ContentHash, EntryId};
use serde_json::Value;

use super::simulated_daemon::SimulatedDaemon;

impl SimulatedDaemon {
    /// Publishes a snapshot, and checks the invariants of snapshots.
    pub(super) fn show(&mut self, snapshot: Arc<Snapshot>) {
        assert!(snapshot.generation > self.shown.generation, "generations grow");
        let ledger = self.ledger();
        let sources = snapshot.shown_articles.iter().flat_map(|(_, sources)| sources.iter());
        for article in sources.chain(snapshot.articles.values()) {
            let is_known = ledger.holder(&article.id).and_then(|path| ledger.article(path));
            assert!(
                is_known.is_some_and(|known| known.is_live()),
                "{} is published before its id is recorded",
                article.path
            );
        }
        for (route, document) in &snapshot.documents {
            let dated = document.last_modified.map(|at| (document.hash, at));
            let is_known = dated.is_none() || !self.unwritten.is_empty() || ledger.document(route) == dated;
            assert!(is_known, "the Last-Modified of {route} is served before it is recorded");
            let text = self.text(&snapshot, route);
            assert!(!self.is_secret(&text), "{route} contains withheld text:\n{text}");
        }
        for (route, sources) in &snapshot.shown_articles {
            let ids: Vec<&str> = sources.iter().map(|article| article.id.as_str()).collect();
            let json = self.text(&snapshot, &format!("{route}feed.json"));
            if !json.is_empty() {
                let feed: Value = serde_json::from_str(&json).expect("JSON");
                // Notices have the ids of retracted articles.
                let ids_in = |list: &Value| -> Vec<String> {
                    let ids = list.as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
                    ids.map(str::to_owned).collect()
                };
                let deleted = ids_in(&feed["_dateline"]["deleted"]);
                let mut items = ids_in(&feed["items"]);
                items.retain(|id| !deleted.contains(id));
                assert_eq!(items, ids, "{route}feed.json");
            }
            for name in ["rss.xml", "atom.xml"].map(|name| format!("{route}{name}")) {
                let is_there = |id: &&&str| {
                    snapshot.documents.contains_key(&*name) && !self.text(&snapshot, &name).contains(&format!(">{id}<"))
                };
                assert_eq!(ids.iter().find(is_there), None, "{name}");
            }
        }
        self.observed.shown += 1;
        self.follow_journal(&snapshot);
        self.shown = snapshot;
    }

    /// Whether the removal of a file may wait for an operator. Sources that keep stories need none.
    pub(super) fn waits_for_operator(&self, path: &ArticlePath) -> bool {
        let config = self.engine.as_ref().and_then(Engine::config);
        config.is_some_and(|config| config.source_of(path).deleted == Deleted::Retract)
    }

    /// Applies the journal's new rows to what a subscriber knows, and compares that with the articles of every feed.
    fn follow_journal(&mut self, snapshot: &Snapshot) {
        let engine = self.engine.as_ref().expect("an engine that published");
        let (index, ledger) = (engine.index().expect("a configuration"), engine.ledger());
        let actual: BTreeMap<String, BTreeMap<EntryId, Option<ContentHash>>> = index
            .feeds()
            .map(|key| {
                let entry = |path: &ArticlePath| {
                    let facts = ledger.article(path).expect("recorded");
                    (facts.id.clone().expect("an id"), facts.hash())
                };
                (assemble::route(key), index.articles_of(key).map(entry).collect())
            })
            .collect();
        let looks: BTreeMap<EntryId, String> = index
            .feeds()
            .flat_map(|key| index.articles_of(key))
            .filter_map(|path| {
                let indexed = index.get(path)?;
                let hash = ledger.article(path)?.hash();
                Some((indexed.id()?.clone(), format!("{path} {hash:?} {:?} {:?}", indexed.dates, indexed.corrections)))
            })
            .collect();
        let (version, before) = std::mem::take(&mut self.looks);
        let is_changed = before.iter().any(|(id, look)| looks.get(id).is_some_and(|now| now != look));
        assert!(!is_changed || snapshot.entries_version > version, "entries differ in the same version");
        self.looks = (snapshot.entries_version, looks);
        let rows = self.written.iter().chain(&self.unwritten).filter_map(|record| match record {
            Record::Journal { rows, .. } => Some(rows),
            _ => None,
        });
        let (mut known, mut last) = (self.followed.clone(), 0);
        for JournalRow { number, change, .. } in rows.flatten() {
            assert!(*number > last, "row {number} comes after row {last}");
            last = *number;
            if *number <= self.followed_to || *number > snapshot.journaled {
                continue;
            }
            match change {
                JournalChange::Reset { .. } => known = actual.clone(),
                JournalChange::Entry(change) => {
                    for route in change.before.iter().filter(|route| !change.is_in(route)) {
                        known.entry(route.to_string()).or_default().remove(&change.id);
                    }
                    for route in change.after.iter() {
                        known.entry(route.to_string()).or_default().insert(change.id.clone(), change.hash);
                    }
                }
            }
        }
        assert!(snapshot.journaled <= last, "row {} isn't recorded", snapshot.journaled);
        if snapshot.journaled == ledger.journal().last {
            for (route, entries) in &actual {
                let mut known = known.get(route).cloned().unwrap_or_default();
                // Entries whose files vanished in a mass removal, and whose texts can't be read.
                let is_lost =
                    |path: &&ArticlePath| ledger.article(path).is_some_and(|facts| facts.is_lost() && facts.is_known());
                let is_held =
                    |id: &EntryId| ledger.holder(id).filter(is_lost).is_some_and(|path| self.waits_for_operator(path));
                known.retain(|id, _| entries.contains_key(id) || !is_held(id));
                assert_eq!(known, *entries, "the journal up to row {} doesn't lead to {route}", snapshot.journaled);
            }
        }
        (self.followed, self.followed_to) = (known, snapshot.journaled);
    }

    /// Whether a text has words of an article that mustn't be public now. Decided from the files alone, without the engine.
    pub(super) fn is_secret(&self, text: &str) -> bool {
        let is_withheld = |(path, parsed): &(&String, &Parsed)| {
            let metadata = parsed.article.as_ref().map(|article| &article.metadata);
            // An article that was public before the clock was set back stays public.
            let is_early = |metadata: &article::Metadata| {
                let times = [metadata.published, metadata.embargo].into_iter().flatten();
                self.now >= self.latest && times.into_iter().any(|moment| moment.timestamp() > self.now)
            };
            let is_over =
                |metadata: &article::Metadata| metadata.expires.is_some_and(|end| end.timestamp() <= self.now);
            parsed.withhold
                || parsed.access.is_private()
                || self.retracted.contains(*path)
                || metadata.is_some_and(|it| it.draft || it.retracted.is_some() || is_early(it) || is_over(it))
        };
        let withheld: BTreeSet<&String> = self.seen.iter().filter(is_withheld).map(|(path, _)| path).collect();
        let public = self.files.iter().filter(|(path, _)| !withheld.contains(path)).map(|(_, text)| text);
        let public: Vec<&String> = public.chain(&self.kept).collect();
        let words = withheld.iter().filter_map(|path| self.history.get(*path)).flatten().flat_map(|text| text.lines());
        let is_public = |line: &str, public: &[&String]| public.iter().any(|text| text.contains(line));
        let mut withheld_lines = words.filter_map(canary);
        withheld_lines.any(|line| text.contains(line) && !is_public(line, &public)) || self.has_held_text(text)
    }

    /// Whether a text has words of a story that nobody has released.
    fn has_held_text(&self, text: &str) -> bool {
        let is_held = |path: &str, text: &String| self.is_held_source(path) && !self.trusted.contains(text);
        let public = self.files.iter().filter(|(path, text)| !is_held(path, text)).map(|(_, text)| text);
        let public: Vec<&String> = public.chain(&self.trusted).collect();
        let all = self.history.iter().flat_map(|(path, texts)| texts.iter().map(move |text| (path, text)));
        let mut lines =
            all.filter(|(path, text)| is_held(path, text)).flat_map(|(_, text)| text.lines()).filter_map(canary);
        lines.any(|line| text.contains(line) && !public.iter().any(|text| text.contains(line)))
    }

    /// Compares all documents and pages with those of a new engine that has the same files and ledger.
    pub(super) fn compare_with_fresh_start(&self) -> Result<(), String> {
        let is_settled = self.asked.is_empty() && self.failed.is_empty() && self.unwritten.is_empty() && !self.is_full;
        if self.shown.generation == 0 || !self.is_like_fresh || !is_settled || self.engine.is_none() {
            return Ok(());
        }
        let mut fresh = SimulatedDaemon::new(&self.config, self.now);
        (fresh.files, fresh.unreadable, fresh.refused) =
            (self.files.clone(), self.unreadable.clone(), self.refused.clone());
        fresh.modified = self.modified.clone();
        fresh.written = self.written.clone();
        fresh.start(&[]);
        let routes: BTreeSet<&Arc<str>> = self.shown.documents.keys().chain(fresh.shown.documents.keys()).collect();
        let facts = |snapshot: &Snapshot, route| snapshot.documents.get(route).map(|it| (it.hash, it.last_modified));
        for route in routes {
            if facts(&self.shown, &**route) != facts(&fresh.shown, &**route) {
                let describe = |daemon: &SimulatedDaemon| {
                    let document = daemon.shown.documents.get(route);
                    let modified = document.map(|document| document.last_modified);
                    format!("{modified:?} {}", daemon.text(&daemon.shown, route))
                };
                let (shown, new) = (describe(self), describe(&fresh));
                let same = shown.chars().zip(new.chars()).take_while(|(one, other)| one == other).count();
                let part = |text: &str| text.chars().skip(same.saturating_sub(80)).take(240).collect::<String>();
                return Err(format!("{route} of a fresh start is\n{}\nand not\n{}", part(&new), part(&shown)));
            }
        }
        let pages = |snapshot: &Snapshot| -> BTreeSet<(bool, Arc<str>)> {
            let public = snapshot.articles.keys().map(|id| (true, Arc::clone(id)));
            public.chain(snapshot.gone.keys().map(|id| (false, Arc::clone(id)))).collect()
        };
        let (shown, new) = (pages(&self.shown), pages(&fresh.shown));
        if shown == new { Ok(()) } else { Err(format!("a fresh start would have the pages {new:?} and not {shown:?}")) }
    }
}

/// The words in a line that no other file has.
fn canary(line: &str) -> Option<&str> {
    let words = line.strip_prefix("title: ").unwrap_or(line);
    (words.starts_with("The text of ") || (words.starts_with("The ") && words.len() < line.len())).then_some(words)
}

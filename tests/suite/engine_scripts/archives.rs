//! Archives: after any history, readers that stop at the first archive that they know have every entry of a feed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dateline::build::{address, assemble, encode};
use dateline::engine::Engine;
use dateline::event::{Answer, ArchiveContents, BodyRequest, Effect, Event, Query, Ticket};
use dateline::feed::Format;
use dateline::ledger::archive::{Archive, ArchiveName};
use dateline::snapshot::ArchiveAddress;
use dateline::types::ArticlePath;
use proptest::prelude::*;
use serde_json::Value;

use super::simulated_daemon::SimulatedDaemon;
use super::{Line, Player};

/// A reader that polls all feeds and follows the chain of archives until it finds one that it knows.
pub(super) struct Reader {
    /// The number of actions between two polls.
    every: usize,
    actions: usize,
    /// The archives that it knows, by URL.
    known: BTreeSet<String>,
    /// The entries that it has of each feed.
    entries: BTreeMap<String, BTreeSet<String>>,
}

impl Reader {
    pub(super) fn every(every: usize) -> Reader {
        Reader { every, actions: 0, known: BTreeSet::new(), entries: BTreeMap::new() }
    }

    fn polls(&mut self) -> bool {
        self.actions += 1;
        self.actions.is_multiple_of(self.every)
    }

    /// Reads a feed. Returns which of `expected` it lacks afterwards.
    fn poll(
        &mut self,
        daemon: &mut SimulatedDaemon,
        route: &str,
        expected: &BTreeSet<String>,
        held: &BTreeSet<String>,
    ) -> Result<(), String> {
        let entries = self.entries.entry(route.to_owned()).or_default();
        // Withdrawn entries are removed, so that the reader has to find them again.
        entries.retain(|id| expected.contains(id));
        entries.extend(held.iter().cloned());
        let mut document: Value =
            serde_json::from_str(&daemon.text(&daemon.shown, &format!("{route}feed.json"))).unwrap_or_default();
        let mut read: Vec<String> = Vec::new();
        loop {
            let items = document["items"].as_array().cloned().unwrap_or_default();
            entries.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
            let Some(url) = document["next_url"].as_str().map(str::to_owned) else { break };
            if self.known.contains(&url) {
                break;
            }
            if read.contains(&url) {
                return Err(format!("the chain of {route} is a circle: {read:?}"));
            }
            document = daemon.archive(&url)?;
            read.push(url);
        }
        self.known.extend(read);
        match expected.difference(entries).next() {
            Some(missing) => {
                Err(format!("a reader of {route} that polls every {} actions lacks {missing}", self.every))
            }
            None => Ok(()),
        }
    }
}

impl SimulatedDaemon {
    /// Checks that readers have all entries of all feeds, and that each archive has at most the entries that it had before.
    pub(super) fn check_archives(&mut self) -> Result<(), String> {
        let is_settled = self.asked.is_empty() && self.failed.is_empty() && self.unwritten.is_empty() && !self.is_full;
        let is_public = self.shown.generation > 0 && is_settled;
        let Some(engine) = self.engine.as_ref().filter(|_| is_public) else { return Ok(()) };
        let Some(index) = engine.index() else { return Ok(()) };
        // Held removals leave articles whose text can't be read. The window shows them, and archives leave them out.
        let is_readable = |path: &ArticlePath| {
            let hash = engine.card(path).map(|card| card.hash);
            let request = hash.map(|hash| BodyRequest { path: path.clone(), hash, shown: true, links: None });
            request.is_some_and(|request| self.body(request).article.is_some())
        };
        let ids = |key| -> BTreeSet<String> {
            let readable = index.articles_of(key).filter(|path| is_readable(path));
            readable.filter_map(|path| index.get(path)?.id()).map(ToString::to_string).collect()
        };
        let feeds = index.feeds().filter(|key| index.rules().has_archives(key));
        let feeds: Vec<(String, BTreeSet<String>)> = feeds.map(|key| (address::route(key), ids(key))).collect();
        // Entries whose files vanished in a mass removal come back in the archives that had them. Readers that came meanwhile lack them.
        let lost = engine.ledger().articles().filter(|(path, it)| {
            index.get(path).is_none() && it.is_lost() && it.is_known() && self.waits_for_operator(path)
        });
        let held: BTreeSet<String> = lost.filter_map(|(_, it)| Some(it.id.as_ref()?.to_string())).collect();
        let mut readers = std::mem::take(&mut self.readers);
        for reader in &mut readers {
            if reader.polls() {
                feeds.iter().try_for_each(|(route, expected)| reader.poll(self, route, expected, &held))?;
            }
        }
        self.readers = readers;
        self.check_names()
    }

    /// Checks that no archive has gained entries under a name, and that documents under former names are still there.
    fn check_names(&mut self) -> Result<(), String> {
        let shown: Vec<(String, Arc<Archive>)> = (self.shown.archives.iter())
            .flat_map(|(route, feed)| feed.archives.iter().map(|it| (route.to_string(), Arc::clone(&it.archive))))
            .collect();
        for (route, archive) in shown {
            for name in archive.names() {
                let url = format!("http://feeds.courier.example{route}archive-{name}.feed.json");
                let document = self.archive(&url)?;
                let items = document["items"].as_array().cloned().unwrap_or_default();
                let entries: BTreeSet<String> =
                    items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
                if entries.len() != items.len() {
                    return Err(format!("{url} has an entry twice"));
                }
                // Members whose text can't be read at the moment.
                let ledger = self.engine.as_ref().map(Engine::ledger).expect("an engine");
                let members = archive.members().take_while(|number| *number <= name.last);
                let live =
                    members.filter_map(|number| ledger.article_with_number(number)).filter(|(_, it)| it.is_known());
                let mut known: BTreeSet<String> =
                    live.filter_map(|(_, it)| it.id.as_ref()).map(ToString::to_string).collect();
                known.extend(entries.iter().cloned());
                self.readable_entries.insert(url.clone(), entries.clone());
                let before = self.archive_entries.insert(url.clone(), known);
                if let Some(gained) = before.iter().find_map(|before| entries.difference(before).next()) {
                    return Err(format!("{url} gained {gained}"));
                }
            }
        }
        Ok(())
    }

    /// Builds the document of an archive in JSON, as requests do.
    fn archive(&mut self, url: &str) -> Result<Value, String> {
        let path = url.strip_prefix("http://feeds.courier.example").expect("a URL of the site");
        let (feed, name) = path.split_at(path.rfind('/').expect("a slash") + 1);
        let name = Format::of_archive(name).and_then(|(name, _)| ArchiveName::parse(name)).expect("an archive");
        let known = self.shown.archives.get(feed).and_then(|archives| archives.find(name));
        let version = known.ok_or_else(|| format!("{url} isn't published"))?.version;
        let address = ArchiveAddress { feed: feed.into(), name, version };
        let engine = self.engine.as_mut().expect("an engine");
        let effects = engine.handle(Event::Query(Query::Archive(address), Ticket(3)), self.now);
        let contents = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer(_, Answer::Archive(contents)) => contents,
            _ => None,
        });
        let ArchiveContents { feed, articles, max_bytes } =
            *contents.ok_or_else(|| format!("{url} has no contents"))?;
        let entries = articles.iter().filter_map(|article| {
            let request = BodyRequest { path: article.path.clone(), hash: article.hash, shown: true, links: None };
            let found = self.body(request).article?;
            let rendered = dateline::article::render::render(found.body.as_ref()?, &assemble::link_base(article));
            Some(Arc::new(assemble::entry(article, &found.metadata, &rendered)))
        });
        let built = encode::archive(feed, entries.collect(), Format::Json, max_bytes).expect("encodes");
        let text = String::from_utf8(built.bytes.to_vec()).expect("UTF-8");
        if self.is_secret(&text) {
            return Err(format!("{url} contains withheld text:\n{text}"));
        }
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["feed_url"], url);
        Ok(document)
    }
}

/// A step of a newsroom's history.
#[derive(Clone, Debug)]
enum Step {
    Write { path: usize, day: u8, traits: u8 },
    Remove(usize),
    Retract(usize),
    Restore(usize),
    Rename(usize, usize),
    Wait(u8),
    Restart,
    Reload(usize),
}

const PATHS: [&str; 10] = [
    "news/a.md",
    "news/b.md",
    "news/c.md",
    "news/d.md",
    "news/e.md",
    "news/f.md",
    "sport/g.md",
    "sport/h.md",
    "sport/i.md",
    "top.md",
];

/// The keys of `[feeds]`, and the sections.
const CONFIGURATIONS: [(&str, &str); 6] = [
    ("max_items = 3 min_items = 0", "news sport"),
    ("max_items = 2 min_items = 0", "news sport"),
    ("max_items = 4 min_items = 1 max_age = \"3 days\"", "news sport"),
    ("max_items = 3 min_items = 0 max_bytes = 10000", "news"),
    ("max_items = 3 min_items = 0 archives = \"on\"", "news sport"),
    ("max_items = 3 min_items = 0 archives = \"off\"", "news sport"),
];

fn configuration(which: usize) -> Vec<String> {
    let (feeds, sections) = CONFIGURATIONS[which];
    let feeds = feeds.replace(" max", "\nmax").replace(" min", "\nmin").replace(" archives", "\narchives");
    let mut lines = vec!["[feeds]".to_owned(), "min_residency = \"0 minutes\"".to_owned()];
    lines.extend(feeds.lines().map(str::to_owned));
    lines.extend(["[taxonomies]".to_owned(), "tags = true".to_owned()]);
    lines.extend(sections.split(' ').flat_map(|path| ["[[section]]".to_owned(), format!("path = \"{path}\"")]));
    lines
}

fn step() -> impl Strategy<Value = Step> {
    let path = 0..PATHS.len();
    prop_oneof![
        8 => (path.clone(), 1..24u8, any::<u8>()).prop_map(|(path, day, traits)| Step::Write { path, day, traits }),
        2 => path.clone().prop_map(Step::Remove),
        2 => path.clone().prop_map(Step::Retract),
        2 => path.clone().prop_map(Step::Restore),
        2 => (path.clone(), path).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (1..90u8).prop_map(Step::Wait),
        1 => Just(Step::Restart),
        1 => (0..CONFIGURATIONS.len()).prop_map(Step::Reload),
    ]
}

/// The lines of a script. Impossible steps have none.
fn script(step: &Step, player: &Player) -> Vec<(String, Vec<String>)> {
    let has = |path: usize| player.daemon.files.contains_key(PATHS[path]);
    // Whether another text at a retracted path is the retracted story isn't what this test is about.
    let is_retracted = |path: usize| player.daemon.retracted.contains(PATHS[path]);
    // A rename to the path of a deleted file leaves a page that a fresh start doesn't have.
    let is_new = |path: usize| !player.daemon.history.contains_key(PATHS[path]);
    let line = |words: String| vec![(words, Vec::new())];
    match step {
        Step::Write { path, .. } | Step::Remove(path) | Step::Rename(path, _) if is_retracted(*path) => Vec::new(),
        Step::Rename(_, path) if is_retracted(*path) => Vec::new(),
        Step::Write { path, day, traits } => {
            let mut below = vec![format!("date: 2026-11-{day:02}T10:00:00Z")];
            let chosen = |bit: u8| traits & bit > 0;
            below.extend(chosen(1).then(|| "sections: [sport]".to_owned()));
            below.extend(chosen(2).then(|| "tags: [tide]".to_owned()));
            below.extend((traits & 12 == 12).then(|| "draft: true".to_owned()));
            below.extend((traits & 48 == 48).then(|| "expires: 2026-11-26T10:00:00Z".to_owned()));
            if chosen(64) {
                let version = player.daemon.history.get(PATHS[*path]).map_or(1, |texts| texts.len() + 1);
                below.push(format!("> The text of {}, version {version}. {}", PATHS[*path], "Long. ".repeat(900)));
            }
            vec![(format!("write {}", PATHS[*path]), below)]
        }
        Step::Remove(path) if has(*path) => line(format!("remove {}", PATHS[*path])),
        Step::Retract(path) if has(*path) => line(format!("retract {}", PATHS[*path])),
        Step::Restore(path) => line(format!("restore {}", PATHS[*path])),
        Step::Rename(from, to) if has(*from) && is_new(*to) => {
            line(format!("rename {} to {}", PATHS[*from], PATHS[*to]))
        }
        Step::Wait(hours) => line(format!("wait {hours}h")),
        Step::Restart => vec![("stop".to_owned(), Vec::new()), ("start".to_owned(), Vec::new())],
        Step::Reload(which) => vec![("force reload".to_owned(), configuration(*which))],
        _ => Vec::new(),
    }
}

/// Few by default, since each step starts an engine.
fn cases() -> u32 {
    std::env::var("ARCHIVE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn readers_have_all_entries_after_any_history(first in 0..CONFIGURATIONS.len(), steps in prop::collection::vec(step(), 1..60)) {
        let mut player = Player::new();
        let play = |player: &mut Player, words: &str, below: Vec<String>| {
            let line = Line { number: 0, words: words.to_owned(), below };
            player.play(&line).map_err(|why| TestCaseError::fail(format!("{words}: {why}")))
        };
        play(&mut player, "config", configuration(first))?;
        play(&mut player, "start", Vec::new())?;
        // Restarts are steps of the history.
        play(&mut player, "unlike a fresh start", Vec::new())?;
        for step in &steps {
            for (words, below) in script(step, &player) {
                play(&mut player, &words, below)?;
            }
        }
    }
}

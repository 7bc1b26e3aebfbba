//! Files that an engine ended over. The engine itself leaves out versions that it cannot render or encode; whatever else it fails over is
//! found here: the files of the batch are tried one by one, and the version that it fails over alone is refused from then on, with a
//! diagnostic. Failures of which nobody knows the cause end the process after a few.
//!
//! # Why doesn't a panic end the process?
//!
//! A newsroom wants its other stories published. A panic while an article is rendered or encoded costs that version only
//! (`engine::quarantine`). After any other panic the engine is rebuilt, and the files of the batch are tried one by one. Only repeated
//! panics without a known cause end the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::article::Parsed;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Event, FileState, ParsedFile};
use crate::types::{ArticlePath, ContentHash, EntryId};

/// So many failures without a known cause within this time end the process.
const MAX_UNEXPLAINED: usize = 3;
const UNEXPLAINED_WITHIN: Duration = Duration::from_secs(600);

/// A version of a file; `None`: one that was refused.
pub(super) type Version = (ArticlePath, Option<ContentHash>);

/// What follows from a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Everything is built again, and the files of the batch are tried one by one.
    TryAgain,
    /// This file is the cause.
    Culprit(ArticlePath),
    /// Nobody knows why it happens again and again.
    GiveUp,
}

#[derive(Debug, Default)]
pub(super) struct Quarantine {
    /// They were in the batch: each is tried alone.
    suspects: BTreeSet<ArticlePath>,
    culprits: BTreeMap<ArticlePath, Culprit>,
    unexplained: VecDeque<Instant>,
}

#[derive(Debug)]
struct Culprit {
    version: Option<ContentHash>,
    /// The engine fails even over its refusal.
    is_left_out: bool,
}

/// The versions that an event is about.
pub(super) fn versions(event: &Event) -> Vec<Version> {
    match event {
        Event::Files(files) => files.iter().map(|file| (file.path.clone(), version(&file.state))).collect(),
        Event::Fetched(bodies) => {
            bodies.iter().map(|body| (body.request.path.clone(), Some(body.request.hash))).collect()
        }
        _ => Vec::new(),
    }
}

fn version(state: &FileState) -> Option<ContentHash> {
    match state {
        FileState::Present(parsed) => parsed.article.as_ref().map(|article| article.card.hash()),
        FileState::Known(card, _) => Some(card.hash()),
        FileState::Absent { .. } | FileState::Unreadable(_) => None,
    }
}

impl Quarantine {
    /// An engine ended while it dealt with these.
    pub(super) fn failed(&mut self, mut versions: Vec<Version>, now: Instant) -> Verdict {
        if versions.len() == 1
            && let Some((path, version)) = versions.pop()
        {
            let known = self.culprits.get_mut(&path).filter(|culprit| culprit.version == version);
            let is_news = known.is_none();
            match known {
                Some(culprit) => culprit.is_left_out = true,
                None => drop(self.culprits.insert(path.clone(), Culprit { version, is_left_out: false })),
            }
            if is_news {
                self.unexplained.pop_back();
                return Verdict::Culprit(path);
            }
        }
        self.suspects.extend(versions.into_iter().map(|(path, _)| path));
        self.unexplained.push_back(now);
        while self.unexplained.front().is_some_and(|then| now.duration_since(*then) > UNEXPLAINED_WITHIN) {
            self.unexplained.pop_front();
        }
        if self.unexplained.len() > MAX_UNEXPLAINED { Verdict::GiveUp } else { Verdict::TryAgain }
    }

    /// The engine took these versions: they are under suspicion no longer.
    pub(super) fn passed(&mut self, versions: &[Version]) {
        if !self.suspects.is_empty() {
            self.suspects.retain(|suspect| versions.iter().all(|(path, _)| path != suspect));
        }
    }

    /// The events that take the place of one: suspects go alone, culprits are refused. `root` is the name of the content directory.
    pub(super) fn divide(&mut self, event: Event, root: &str) -> Vec<Event> {
        if self.suspects.is_empty() && self.culprits.is_empty() {
            return vec![event];
        }
        match event {
            Event::Files(files) => {
                let files = files.into_iter().filter_map(|file| self.checked(file, root)).collect();
                self.alone(files, |file: &ParsedFile| &file.path, Event::Files)
            }
            Event::Fetched(bodies) => self.alone(bodies, |body| &body.request.path, Event::Fetched),
            event => vec![event],
        }
    }

    fn alone<T>(&self, things: Vec<T>, path: impl Fn(&T) -> &ArticlePath, event: fn(Vec<T>) -> Event) -> Vec<Event> {
        let (alone, together): (Vec<T>, Vec<T>) =
            things.into_iter().partition(|thing| self.suspects.contains(path(thing)));
        let alone = alone.into_iter().map(|thing| event(vec![thing]));
        alone.chain((!together.is_empty()).then(|| event(together))).collect()
    }

    /// A file as the engine is told of it.
    fn checked(&mut self, mut file: ParsedFile, root: &str) -> Option<ParsedFile> {
        let Some(culprit) = self.culprits.get(&file.path) else { return Some(file) };
        if matches!(file.state, FileState::Absent { .. } | FileState::Unreadable(_)) {
            return Some(file);
        }
        if culprit.version != version(&file.state) {
            self.culprits.remove(&file.path);
            return Some(file);
        }
        let message = "dateline failed over this file, which is a mistake of dateline's; this version is left out";
        let diagnostic = Diagnostic::new(Code::ArticleUnreadable, message)
            .at(Place::file(&format!("{root}/{}", file.path)))
            .help("please report this with the file; any change of it is tried again");
        let (withhold, id) = (withholds(&file), stated_id(&file));
        file.state = FileState::Present(Parsed { withhold, id, ..Parsed::refused(vec![diagnostic]) });
        (!culprit.is_left_out).then_some(file)
    }
}

/// Which item a file is about, where it says so.
fn stated_id(file: &ParsedFile) -> Option<EntryId> {
    match &file.state {
        FileState::Present(parsed) => parsed.id.clone(),
        FileState::Known(card, _) => card.open(&file.path).id,
        FileState::Absent { .. } | FileState::Unreadable(_) => None,
    }
}

/// Whether a version says anything by which an earlier one may have to go.
fn withholds(file: &ParsedFile) -> bool {
    let card = match &file.state {
        FileState::Present(parsed) if parsed.withhold || parsed.embargoed || parsed.embargo.is_some() => return true,
        FileState::Present(parsed) => parsed.article.as_ref().map(|article| &article.card),
        FileState::Known(card, _) => Some(card),
        FileState::Absent { .. } | FileState::Unreadable(_) => None,
    };
    card.map(|card| card.open(&file.path)).is_some_and(|card| {
        let is_timed = card.embargo.is_some() || card.expires.is_some() || card.retracted.is_some();
        is_timed || card.draft || !card.in_feeds || card.access.is_private() || card.access.is_paid()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> crate::article::ParseOptions {
        let toml = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n";
        let config = crate::config::parse(std::path::Path::new("c.toml"), toml.as_bytes()).config.unwrap();
        crate::article::ParseOptions::clone(&config.parsing)
    }

    fn file(path: &str, more: &str) -> ParsedFile {
        let path = ArticlePath::new(path);
        let text = format!("---\ntitle: T\ndate: 2026-11-20\n{more}---\n\nText.\n");
        let state = FileState::Present(crate::article::parse(&path, text.as_bytes(), &options()));
        ParsedFile { path, state, renamed_from: None }
    }

    /// What the engine is told: by event, each file with `-` where its version is refused and `!` where it withholds.
    fn told(events: &[Event]) -> String {
        let file = |file: &ParsedFile| {
            let mark = match &file.state {
                FileState::Present(parsed) if parsed.withhold => "!",
                FileState::Present(Parsed { article: None, .. }) => "-",
                _ => "",
            };
            format!("{}{mark}", file.path)
        };
        let event = |event: &Event| match event {
            Event::Files(files) => files.iter().map(file).collect::<Vec<_>>().join("+"),
            other => format!("{other:?}"),
        };
        events.iter().map(event).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn culprit_is_found_and_refused_until_it_changes() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        let batch = || Event::Files(vec![file("a.md", ""), file("b.md", ""), file("c.md", "")]);
        assert_eq!(told(&quarantine.divide(batch(), "content")), "a.md+b.md+c.md");
        assert_eq!(quarantine.failed(versions(&batch()), now), Verdict::TryAgain);
        assert_eq!(told(&quarantine.divide(batch(), "content")), "a.md b.md c.md");
        let culprit = Event::Files(vec![file("b.md", "")]);
        assert_eq!(quarantine.failed(versions(&culprit), now), Verdict::Culprit(ArticlePath::new("b.md")));
        assert_eq!(told(&quarantine.divide(batch(), "content")), "a.md b.md- c.md");
        for (more, expected) in [("draft: true\n", "!"), ("embargo: 2030-01-01\n", "!"), ("tags: [x]\n", "-")] {
            let changed = || Event::Files(vec![file("b.md", more)]);
            assert_eq!(told(&quarantine.divide(changed(), "content")), "b.md", "another version is tried");
            assert!(matches!(quarantine.failed(versions(&changed()), now), Verdict::Culprit(_)));
            assert_eq!(told(&quarantine.divide(changed(), "content")), format!("b.md{expected}"));
        }
        let gone = ParsedFile { state: FileState::Absent { doubtful: false }, ..file("b.md", "") };
        assert_eq!(told(&quarantine.divide(Event::Files(vec![gone]), "content")), "b.md");
    }

    #[test]
    fn only_unexplained_failures_end_the_process() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        for number in 0..20 {
            let batch = |paths: &[String]| -> Vec<Version> {
                paths.iter().map(|path| (ArticlePath::new(path), Some(ContentHash::of(b"1")))).collect()
            };
            let paths = [format!("{number}.md"), format!("{number}b.md")];
            assert_eq!(quarantine.failed(batch(&paths), now), Verdict::TryAgain);
            assert!(matches!(quarantine.failed(batch(&paths[..1]), now), Verdict::Culprit(_)));
        }
        // Long ago, and then again and again.
        assert_eq!(quarantine.failed(Vec::new(), now), Verdict::TryAgain);
        let later = now + UNEXPLAINED_WITHIN * 2;
        let verdicts: Vec<Verdict> = (0..4).map(|_| quarantine.failed(Vec::new(), later)).collect();
        assert_eq!(verdicts, [Verdict::TryAgain, Verdict::TryAgain, Verdict::TryAgain, Verdict::GiveUp]);
        // A file whose refusal fails, too, is no explanation any more.
        let mut quarantine = Quarantine::default();
        let verdicts: Vec<Verdict> =
            (0..5).map(|_| quarantine.failed(vec![(ArticlePath::new("a.md"), None)], now)).collect();
        assert_eq!(verdicts[1..], [Verdict::TryAgain, Verdict::TryAgain, Verdict::TryAgain, Verdict::GiveUp]);
    }
}

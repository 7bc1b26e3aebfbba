//! Finds files that make the engine panic, and refuses them with a diagnostic.
//!
//! # Why doesn't a panic end the process?
//!
//! A bad file mustn't keep other articles from being published. The engine itself leaves out a version that it can't render or encode
//! (`engine::quarantine`). After any other panic the engine is rebuilt, and the files of the batch are tried one by one. The version that
//! makes it panic alone is refused from then on. Only repeated panics without a known cause end the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::article::{ItemVersion, Parsed};
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Event, FileState, ParsedFile};
use crate::types::{ArticlePath, ContentHash, EntryId};

/// More panics without a known cause than this within [`UNEXPLAINED_WINDOW`] end the process.
const MAX_UNEXPLAINED_PANICS: usize = 3;
const UNEXPLAINED_WINDOW: Duration = Duration::from_secs(600);

/// A version of a file. The hash is `None` if the file has no article, for example because it was refused.
pub(super) type Version = (ArticlePath, Option<ContentHash>);

/// The consequence of a panic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The engine is rebuilt, and the files of the batch are tried one by one.
    TryAgain,
    /// The engine panics because of this file.
    Culprit(ArticlePath),
    /// The engine panicked repeatedly without a known cause.
    GiveUp,
}

/// The files that the engine panicked over.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    /// The files of a batch that failed. Each is tried alone.
    suspects: BTreeSet<ArticlePath>,
    culprits: BTreeMap<ArticlePath, Culprit>,
    unexplained: VecDeque<Instant>,
}

#[derive(Debug)]
struct Culprit {
    version: Option<ContentHash>,
    /// Whether the engine panics even over the file's refusal, so that the file is hidden from it.
    is_hidden: bool,
}

/// Returns the versions of the files that an event contains.
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
        FileState::Items { hash, .. } => Some(*hash),
        FileState::Absent { .. } | FileState::Unreadable(_) => None,
    }
}

impl Quarantine {
    /// Records that the engine panicked while it handled these versions.
    pub(super) fn record_failure(&mut self, mut versions: Vec<Version>, now: Instant) -> Verdict {
        if versions.len() == 1
            && let Some((path, version)) = versions.pop()
        {
            let known = self.culprits.get_mut(&path).filter(|culprit| culprit.version == version);
            let is_new = known.is_none();
            match known {
                Some(culprit) => culprit.is_hidden = true,
                None => drop(self.culprits.insert(path.clone(), Culprit { version, is_hidden: false })),
            }
            if is_new {
                self.unexplained.pop_back();
                return Verdict::Culprit(path);
            }
        }
        self.suspects.extend(versions.into_iter().map(|(path, _)| path));
        self.unexplained.push_back(now);
        while self.unexplained.front().is_some_and(|then| now.duration_since(*then) > UNEXPLAINED_WINDOW) {
            self.unexplained.pop_front();
        }
        if self.unexplained.len() > MAX_UNEXPLAINED_PANICS { Verdict::GiveUp } else { Verdict::TryAgain }
    }

    /// Removes files from the suspects after the engine handled them.
    pub(super) fn clear_suspects(&mut self, versions: &[Version]) {
        if !self.suspects.is_empty() {
            self.suspects.retain(|suspect| versions.iter().all(|(path, _)| path != suspect));
        }
    }

    /// Divides an event: each suspect gets an event of its own, and culprits are refused.
    pub(super) fn divide(&mut self, event: Event, config: &Config) -> Vec<Event> {
        if self.suspects.is_empty() && self.culprits.is_empty() {
            return vec![event];
        }
        match event {
            Event::Files(files) => {
                let files = files.into_iter().filter_map(|file| self.refuse_culprit(file, config)).collect();
                self.isolate(files, |file: &ParsedFile| &file.path, Event::Files)
            }
            Event::Fetched(bodies) => self.isolate(bodies, |body| &body.request.path, Event::Fetched),
            event => vec![event],
        }
    }

    fn isolate<T>(&self, items: Vec<T>, path: impl Fn(&T) -> &ArticlePath, event: fn(Vec<T>) -> Event) -> Vec<Event> {
        let (suspects, others): (Vec<T>, Vec<T>) =
            items.into_iter().partition(|item| self.suspects.contains(path(item)));
        let suspects = suspects.into_iter().map(|item| event(vec![item]));
        suspects.chain((!others.is_empty()).then(|| event(others))).collect()
    }

    /// Replaces the version of a culprit by its refusal. A changed culprit is tried again.
    fn refuse_culprit(&mut self, mut file: ParsedFile, config: &Config) -> Option<ParsedFile> {
        let Some(culprit) = self.culprits.get(&file.path) else { return Some(file) };
        if matches!(file.state, FileState::Absent { .. } | FileState::Unreadable(_)) {
            return Some(file);
        }
        if culprit.version != version(&file.state) {
            self.culprits.remove(&file.path);
            return Some(file);
        }
        let message = "dateline failed to process this file, which is a bug in dateline; this version is left out";
        let diagnostic = Diagnostic::new(Code::ArticleUnreadable, message)
            .at(Place::file(&config.file_name(&file.path)))
            .help("please report this with the file; dateline tries again when the file changes");
        let (withhold, id, item) = (withholds(&file), stated_id(&file), stated_item(&file));
        file.state = FileState::Present(Parsed { withhold, id, item, ..Parsed::refused(vec![diagnostic]) });
        (!culprit.is_hidden).then_some(file)
    }
}

/// Returns the id that a file states.
fn stated_id(file: &ParsedFile) -> Option<EntryId> {
    match &file.state {
        FileState::Present(parsed) => parsed.id.clone(),
        FileState::Known(card, _) => card.open(&file.path).id,
        FileState::Absent { .. } | FileState::Unreadable(_) | FileState::Items { .. } => None,
    }
}

/// The version of an agency's item that the file has.
fn stated_item(file: &ParsedFile) -> Option<Box<ItemVersion>> {
    match &file.state {
        FileState::Present(parsed) => parsed.item.clone(),
        FileState::Known(card, _) => card.open(&file.path).item.map(Box::new),
        FileState::Absent { .. } | FileState::Unreadable(_) | FileState::Items { .. } => None,
    }
}

/// Whether a version may withhold the one that is published.
fn withholds(file: &ParsedFile) -> bool {
    let card = match &file.state {
        FileState::Present(parsed) if parsed.withhold || parsed.embargoed || parsed.embargo.is_some() => return true,
        FileState::Present(parsed) => parsed.article.as_ref().map(|article| &article.card),
        FileState::Known(card, _) => Some(card),
        FileState::Items { items, .. } => return items.iter().any(withholds),
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

    fn config() -> std::sync::Arc<Config> {
        let toml = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n";
        crate::config::parse(std::path::Path::new("c.toml"), toml.as_bytes()).config.unwrap()
    }

    fn file(path: &str, more: &str) -> ParsedFile {
        let path = ArticlePath::new(path);
        let text = format!("---\ntitle: T\ndate: 2026-11-20\n{more}---\n\nText.\n");
        let state = FileState::Present(crate::article::parse(&path, text.as_bytes(), &config().parsing));
        ParsedFile { path, state, renamed_from: None }
    }

    /// Describes events: each file is followed by `-` if its version is refused, and by `!` if it withholds.
    fn describe(events: &[Event]) -> String {
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
        assert_eq!(describe(&quarantine.divide(batch(), &config())), "a.md+b.md+c.md");
        assert_eq!(quarantine.record_failure(versions(&batch()), now), Verdict::TryAgain);
        assert_eq!(describe(&quarantine.divide(batch(), &config())), "a.md b.md c.md");
        let culprit = Event::Files(vec![file("b.md", "")]);
        assert_eq!(quarantine.record_failure(versions(&culprit), now), Verdict::Culprit(ArticlePath::new("b.md")));
        assert_eq!(describe(&quarantine.divide(batch(), &config())), "a.md b.md- c.md");
        for (more, expected) in [("draft: true\n", "!"), ("embargo: 2030-01-01\n", "!"), ("tags: [x]\n", "-")] {
            let changed = || Event::Files(vec![file("b.md", more)]);
            assert_eq!(describe(&quarantine.divide(changed(), &config())), "b.md", "another version is tried");
            assert!(matches!(quarantine.record_failure(versions(&changed()), now), Verdict::Culprit(_)));
            assert_eq!(describe(&quarantine.divide(changed(), &config())), format!("b.md{expected}"));
        }
        let gone = ParsedFile { state: FileState::Absent { doubtful: false }, ..file("b.md", "") };
        assert_eq!(describe(&quarantine.divide(Event::Files(vec![gone]), &config())), "b.md");
    }

    #[test]
    fn only_unexplained_failures_end_the_process() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        for number in 0..20 {
            let batch = |paths: &[String]| -> Vec<Version> {
                paths.iter().map(|path| (ArticlePath::new(path), Some(ContentHash::of(b"1")))).collect()
            };
            let paths = [format!("{number}.md"), format!("{number}b.md")];
            assert_eq!(quarantine.record_failure(batch(&paths), now), Verdict::TryAgain);
            assert!(matches!(quarantine.record_failure(batch(&paths[..1]), now), Verdict::Culprit(_)));
        }
        // An old panic doesn't count.
        assert_eq!(quarantine.record_failure(Vec::new(), now), Verdict::TryAgain);
        let later = now + UNEXPLAINED_WINDOW * 2;
        let verdicts: Vec<Verdict> = (0..4).map(|_| quarantine.record_failure(Vec::new(), later)).collect();
        assert_eq!(verdicts, [Verdict::TryAgain, Verdict::TryAgain, Verdict::TryAgain, Verdict::GiveUp]);
        // A file that panics even over its refusal doesn't explain the panics.
        let mut quarantine = Quarantine::default();
        let verdicts: Vec<Verdict> =
            (0..5).map(|_| quarantine.record_failure(vec![(ArticlePath::new("a.md"), None)], now)).collect();
        assert_eq!(verdicts[1..], [Verdict::TryAgain, Verdict::TryAgain, Verdict::TryAgain, Verdict::GiveUp]);
    }
}

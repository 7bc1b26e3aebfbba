//! A daemon without disk, network and clock: executes the engine's effects in memory, as `daemon` does, and checks the crate's invariants
//! at every step.
//!
//! Long because it executes every kind of effect.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dateline::article::{self, Article, Parsed};
use dateline::config::{self, Checked, Deleted, Trust};
use dateline::diagnostics::{Code, Diagnostic, Place};
use dateline::engine::Engine;
use dateline::event::{
    Answer, BodyRequest, Command, Effect, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile, Query,
    ReportChange, StoredVersion, Ticket, UnfetchedBody,
};
use dateline::ledger::{Ledger, Record, UnreadableRecord};
use dateline::snapshot::Snapshot;
use dateline::types::{ArticlePath, ContentHash, EntryId, folder};
use jiff::Timestamp;

use super::archives::Reader;
use super::expect::{logged, record};

/// The effects of the script's last action.
#[derive(Default)]
pub(super) struct Observed {
    /// The kinds of effects, in order.
    pub(super) effects: Vec<&'static str>,
    pub(super) records: Vec<String>,
    pub(super) reports: Vec<String>,
    pub(super) log: Vec<String>,
    /// Everything that operators can read.
    pub(super) words: String,
    pub(super) asked: BTreeSet<String>,
    /// The number of bodies in each request.
    pub(super) slices: Vec<String>,
    pub(super) loaded: BTreeSet<String>,
    pub(super) delivered: BTreeSet<String>,
    pub(super) answer: Option<Result<String, String>>,
    /// The number of snapshots that were published.
    pub(super) shown: usize,
}

pub(super) struct SimulatedDaemon {
    pub(super) config: String,
    pub(super) now: Timestamp,
    pub(super) engine: Option<Engine>,
    /// The published snapshot.
    pub(super) shown: Arc<Snapshot>,
    /// The bytes of all documents that were built.
    pub(super) documents: HashMap<ContentHash, Bytes>,
    pub(super) observed: Observed,
    /// The files on the disk, and those that can't be read.
    pub(super) files: BTreeMap<String, String>,
    pub(super) unreadable: BTreeSet<String>,
    /// When each file was modified.
    pub(super) modified: BTreeMap<String, (String, Timestamp)>,
    /// All texts of each path, the oldest first.
    pub(super) history: BTreeMap<String, Vec<String>>,
    /// Versions that make the engine panic.
    pub(super) refused: BTreeSet<(String, String)>,
    /// Whether files are read as metadata only.
    pub(super) reads_cards: bool,
    /// Whether requested bodies wait for the script, the requests that wait, and the files whose bodies couldn't be read.
    pub(super) holds_bodies: bool,
    pub(super) asked: Vec<BodyRequest>,
    pub(super) failed: BTreeSet<String>,
    /// The records in the ledger, and those that can't be written because the disk is full.
    pub(super) written: Vec<Record>,
    pub(super) unwritten: Vec<Record>,
    pub(super) is_full: bool,
    is_reported_full: bool,
    /// The simulated readers.
    pub(super) readers: Vec<Reader>,
    /// The entries of each archive, by URL.
    pub(super) archive_entries: BTreeMap<String, BTreeSet<String>>,
    /// Those whose texts can be read, by URL.
    pub(super) readable_entries: BTreeMap<String, BTreeSet<String>>,
    /// The snapshot that waits for unwritten records, and whether it withholds something.
    waiting: Option<Arc<Snapshot>>,
    withholds: bool,
    /// The last version of each file that was sent to the engine, and the articles that operators retracted.
    pub(super) seen: BTreeMap<String, Parsed>,
    pub(super) retracted: BTreeSet<String>,
    /// Texts that came from sources that publish at once, or that an editor released.
    pub(super) trusted: BTreeSet<String>,
    /// Texts of removed files whose source keeps what was published.
    pub(super) kept: BTreeSet<String>,
    pub(super) latest: Timestamp,
    /// Whether the documents must equal those of a new engine with the same files and ledger.
    pub(super) is_like_fresh: bool,
    /// The entries of each feed according to the journal up to a row.
    pub(super) followed: BTreeMap<String, BTreeMap<EntryId, Option<ContentHash>>>,
    pub(super) followed_to: u64,
    /// The version of entries in the last snapshot, and what may change how each looks.
    pub(super) looks: (u64, BTreeMap<EntryId, String>),
}

impl SimulatedDaemon {
    pub(super) fn new(config: &str, now: Timestamp) -> SimulatedDaemon {
        SimulatedDaemon {
            config: config.to_owned(),
            now,
            engine: None,
            shown: Arc::default(),
            documents: HashMap::new(),
            observed: Observed::default(),
            files: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            modified: BTreeMap::new(),
            history: BTreeMap::new(),
            refused: BTreeSet::new(),
            reads_cards: false,
            holds_bodies: false,
            asked: Vec::new(),
            failed: BTreeSet::new(),
            written: Vec::new(),
            unwritten: Vec::new(),
            is_full: false,
            is_reported_full: false,
            archive_entries: BTreeMap::new(),
            readable_entries: BTreeMap::new(),
            readers: vec![Reader::every(1), Reader::every(4)],
            waiting: None,
            withholds: false,
            seen: BTreeMap::new(),
            retracted: BTreeSet::new(),
            trusted: BTreeSet::new(),
            kept: BTreeSet::new(),
            latest: Timestamp::MIN,
            is_like_fresh: true,
            followed: BTreeMap::new(),
            followed_to: 0,
            looks: Default::default(),
        }
    }

    pub(super) fn checked(&self) -> Checked {
        config::parse(Path::new("config/dateline.toml"), self.config.as_bytes())
    }

    /// The ledger of the written records.
    pub(super) fn ledger(&self) -> Ledger {
        Ledger::replay(self.written.iter().cloned())
    }

    /// Starts a new engine: sends the configuration, all files, and a complete listing.
    pub(super) fn start(&mut self, unlisted: &[&str]) {
        self.begin();
        let tops = self.tops();
        let is_listed = |path: &String| {
            !self.is_ignored(path)
                && !unlisted.iter().any(|folder| path.starts_with(&format!("{folder}/")))
                && tops.iter().any(|top| folder::contains(top, path))
        };
        let files: Vec<String> = self.files.keys().filter(|path| is_listed(path)).cloned().collect();
        let files = files.iter().map(|path| self.file(path, None)).collect();
        self.send(Event::Files(files));
        self.list("", unlisted);
    }

    /// Starts a new engine while a file is renamed: it is read and listed at both paths.
    pub(super) fn start_during_rename(&mut self, from: &str, to: &str) {
        self.begin();
        let mut files: Vec<ParsedFile> =
            self.files.keys().cloned().collect::<Vec<_>>().iter().map(|path| self.file(path, None)).collect();
        let mut listed = self.files.clone();
        let text = self.files.remove(from).expect("a file");
        self.history.entry(to.to_owned()).or_default().push(text.clone());
        self.files.insert(to.to_owned(), text.clone());
        listed.insert(to.to_owned(), text);
        files.push(self.file(to, Some(from)));
        self.seen.remove(from);
        self.send(Event::Files(files));
        self.send(Event::Rescan(listing(&listed, "", &[])));
    }

    fn begin(&mut self) {
        self.engine = Some(Engine::with_ledger(self.ledger()));
        (self.is_reported_full, self.waiting, self.shown) = (false, None, Arc::default());
        self.unwritten.clear();
        self.asked.clear();
        self.looks = Default::default();
        self.send(Event::Config(self.checked()));
    }

    pub(super) fn stop(&mut self) {
        self.engine = None;
        self.seen.clear();
    }

    /// Makes the last record with this description undecodable.
    pub(super) fn damage_record(&mut self, description: &str) {
        let number = self.written.iter().rposition(|known| record(known).starts_with(description)).expect("a record");
        let (Record::Retracted { path, .. } | Record::Withdrawn { path, .. }) = &self.written[number] else {
            panic!("it withholds nothing")
        };
        let kind = description.split(' ').next().unwrap_or_default().into();
        let record = UnreadableRecord { number: i64::try_from(number).expect("few"), kind };
        self.written[number] = Record::Unreadable { path: path.clone(), record, at: self.now };
    }

    pub(super) fn lose_ledger(&mut self) {
        self.written.clear();
        self.followed_to = 0;
    }

    /// Sends the listing of a folder, or those of all sources. The folders `unlisted` can't be read.
    pub(super) fn list(&mut self, scope: &str, unlisted: &[&str]) {
        let scopes = if scope.is_empty() { self.tops() } else { vec![scope.to_owned()] };
        for scope in scopes {
            let files = self.files.iter().filter(|(path, _)| !self.is_ignored(path));
            let files = files.filter(|(path, _)| folder::source(path) == folder::source(&scope));
            let listing = listing(&files.map(|(path, text)| (path.clone(), text.clone())).collect(), &scope, unlisted);
            self.send(Event::Rescan(listing));
        }
    }

    /// The directories of the configured sources, the content directory last.
    fn tops(&self) -> Vec<String> {
        let config = self.engine.as_ref().and_then(Engine::config).cloned().or_else(|| self.checked().config);
        let tops =
            config.iter().flat_map(|config| config.sources.iter()).map(|source| folder::top(source.name.as_deref()));
        let mut tops: Vec<String> = tops.collect();
        tops.reverse();
        tops
    }

    /// A file as the watcher reports it.
    pub(super) fn file(&mut self, path: &str, renamed_from: Option<&str>) -> ParsedFile {
        let state = match self.files.get(path).cloned() {
            _ if self.is_ignored(path) => FileState::Absent { doubtful: false },
            _ if self.unreadable.contains(path) => FileState::Unreadable(unreadable(path)),
            Some(text) => {
                // A copy that is read again keeps its time.
                let known = self.modified.get(path).filter(|(known, _)| *known == text);
                let at = known.map_or(self.now, |(_, at)| *at);
                self.modified.insert(path.to_owned(), (text.clone(), at));
                self.read(path, &text, at)
            }
            None => FileState::Absent { doubtful: self.files.is_empty() },
        };
        match &state {
            FileState::Present(parsed) => drop(self.seen.insert(path.to_owned(), parsed.clone())),
            FileState::Known(..) => drop(self.seen.insert(path.to_owned(), self.parsed(path))),
            _ => {}
        }
        if let (Some(text), false) = (self.files.get(path), self.is_held_source(path)) {
            self.trusted.insert(text.clone());
        }
        ParsedFile { path: ArticlePath::new(path), state, renamed_from: renamed_from.map(ArticlePath::new) }
    }

    /// Parses a file. Refuses a version that makes the engine panic, as `daemon::quarantine` does.
    fn read(&self, path: &str, text: &str, modified: Timestamp) -> FileState {
        let mut parsed = parse(path, text, &self.options(path));
        let nanoseconds = i64::try_from(modified.as_nanosecond()).expect("in range");
        parsed.set_modified(nanoseconds);
        if self.refused.contains(&(path.to_owned(), text.to_owned())) {
            let diagnostic = Diagnostic::new(Code::ArticleUnreadable, "dateline failed to process this file");
            let diagnostic = diagnostic.at(Place::file(&format!("content/{path}")));
            let metadata = parsed.article.as_ref().map(|article| &article.metadata);
            let is_timed = metadata.is_some_and(|it| it.embargo.or(it.expires).is_some() || it.retracted.is_some());
            let is_hidden = metadata.is_some_and(|it| it.draft || !it.in_feeds);
            let is_restricted = parsed.access.is_private() || parsed.access.is_paid();
            let is_embargoed = parsed.embargoed || parsed.embargo.is_some();
            let withhold = parsed.withhold || is_embargoed || is_timed || is_hidden || is_restricted;
            return FileState::Present(Parsed { withhold, id: parsed.id, ..Parsed::refused(vec![diagnostic]) });
        }
        match parsed.article {
            Some(article) if self.reads_cards => FileState::Known(article.card, parsed.diagnostics),
            _ => FileState::Present(parsed),
        }
    }

    /// Whether the configuration ignores a file.
    fn is_ignored(&self, path: &str) -> bool {
        let config = self.engine.as_ref().and_then(Engine::config);
        config.is_some_and(|config| config.content.ignore.matching(folder::relative(path)).is_some())
    }

    /// Whether the source of a file holds stories back.
    pub(super) fn is_held_source(&self, path: &str) -> bool {
        let config = self.engine.as_ref().and_then(Engine::config);
        config.is_some_and(|config| config.source_of(&ArticlePath::new(path)).trust == Trust::Hold)
    }

    /// Notes that a file is removed.
    pub(super) fn note_removed(&mut self, path: &str, text: String) {
        let config = self.engine.as_ref().and_then(Engine::config);
        if config.is_some_and(|config| config.source_of(&ArticlePath::new(path)).deleted == Deleted::Keep) {
            self.kept.insert(text);
        }
    }

    fn options(&self, path: &str) -> Arc<article::ParseOptions> {
        let config = self.engine.as_ref().and_then(Engine::config).cloned().or_else(|| self.checked().config);
        let config = config.unwrap_or_else(|| panic!("{:?}", self.checked().diagnostics));
        Arc::clone(config.parsing_of(&ArticlePath::new(path)))
    }

    fn parsed(&self, path: &str) -> Parsed {
        parse(path, &self.files[path], &self.options(path))
    }

    /// Advances the time, and sends a tick at each time that the engine asked for.
    pub(super) fn wait_until(&mut self, until: Timestamp) {
        for _ in 0..1_000 {
            let Some(due) = self.engine.as_ref().and_then(Engine::wake_at).filter(|due| *due <= until) else { break };
            assert!(due > self.now, "it is awake at {due} already, and asks for that again");
            self.now = due;
            self.send(Event::Tick);
        }
        self.now = until;
    }

    /// The output of `dateline explain` for an article.
    pub(super) fn explain(&mut self, path: &str) -> Vec<String> {
        let query = Query::Article(ArticlePath::new(path));
        let engine = self.engine.as_mut().expect("the script starts it before");
        let effects = engine.handle(Event::Query(query, Ticket(2)), self.now);
        effects
            .into_iter()
            .flat_map(|effect| match effect {
                Effect::Answer(_, Answer::Article(Some(explanation))) => explanation.remarks,
                _ => Vec::new(),
            })
            .collect()
    }

    /// The key of a path that a person writes.
    fn key(&self, article: &str) -> String {
        let config = self.engine.as_ref().and_then(Engine::config);
        config.map_or(article.to_owned(), |config| config.sources.article_path(article).as_str().to_owned())
    }

    pub(super) fn command(&mut self, command: Command) {
        let article = match &command {
            Command::Retract { article, .. } | Command::Restore { article } => {
                let ledger = self.ledger();
                let holder = EntryId::parse(article).ok().and_then(|id| ledger.holder(&id).map(ToString::to_string));
                holder.unwrap_or_else(|| self.key(article))
            }
            _ => String::new(),
        };
        let (before, trusted) = (self.retracted.clone(), self.trusted.clone());
        match &command {
            Command::Release { articles } => {
                let texts = articles.iter().filter_map(|article| self.files.get(&self.key(article)));
                self.trusted.extend(texts.cloned().collect::<Vec<_>>());
            }
            Command::Retract { .. } => drop(self.retracted.insert(article)),
            _ => drop(self.retracted.remove(&article)),
        }
        self.send(Event::Command(command, Ticket(1)));
        if matches!(self.observed.answer, Some(Err(_))) {
            let is_released =
                |path: &String| self.observed.records.contains(&format!("released {}", ArticlePath::new(path)));
            let released = self.files.iter().filter(|(path, _)| is_released(path)).map(|(_, text)| text.clone());
            (self.retracted, self.trusted) = (before, trusted.into_iter().chain(released).collect());
        }
    }

    /// Sends an event to the engine and executes the effects, as the daemon does.
    pub(super) fn send(&mut self, event: Event) {
        self.dispatch(event);
        while self.is_reported_full == self.unwritten.is_empty() {
            self.is_reported_full = !self.is_reported_full;
            self.dispatch(if self.is_reported_full { Event::Unwritable } else { Event::Writable });
        }
        if std::mem::take(&mut self.withholds)
            && let Some(snapshot) = self.waiting.take()
        {
            self.show(snapshot);
        }
    }

    fn dispatch(&mut self, event: Event) {
        self.latest = self.latest.max(self.now);
        let mut engine = self.engine.take().expect("the script starts it before");
        let effects = engine.handle(event, self.now);
        self.engine = Some(engine);
        self.execute(effects);
    }

    fn execute(&mut self, effects: Vec<Effect>) {
        let withholds = effects.iter().any(|effect| matches!(effect, Effect::Withhold));
        let (mut is_swapped, mut next) = (false, Vec::new());
        for effect in effects {
            let kind = match &effect {
                Effect::Fetch(_) => "fetch",
                Effect::LoadStored(_) => "load-stored",
                Effect::FindDormant(_) => "find-dormant",
                Effect::Persist(_) => "persist",
                Effect::Store(_) => "store",
                Effect::Resume => "resume",
                Effect::Withhold => "withhold",
                Effect::Swap(_) => "swap",
                Effect::Deliver(_) => "deliver",
                Effect::Watch(..) => "watch",
                Effect::Report(_) => "report",
                Effect::Log(_) => "log",
                Effect::Answer(..) => "answer",
            };
            self.observed.effects.push(kind);
            match effect {
                Effect::Persist(records) => {
                    self.observed.records.extend(records.iter().map(record));
                    if self.is_full { &mut self.unwritten } else { &mut self.written }.extend(records);
                }
                Effect::Withhold => assert!(!is_swapped, "`Withhold` comes before the snapshot"),
                Effect::Swap(snapshot) => {
                    is_swapped = true;
                    match self.unwritten.is_empty() {
                        true => self.show(snapshot),
                        false => (self.waiting, self.withholds) = (Some(snapshot), self.withholds || withholds),
                    }
                }
                Effect::Deliver(delivery) => {
                    assert!(is_swapped, "documents are delivered after they are published");
                    self.observed.delivered.extend(delivery.documents.iter().map(|(path, document)| {
                        if document.is_some() { path.to_string() } else { format!("-{path}") }
                    }));
                }
                Effect::Report(changes) => {
                    let lines: Vec<String> = changes.iter().map(|change| self.report(change)).collect();
                    self.observed.reports.extend(lines);
                    self.observed.words += &format!("{changes:?}");
                }
                Effect::Log(activity) => self.observed.log.extend(logged(activity)),
                Effect::Answer(_, Answer::Command(answer)) => self.observed.answer = Some(answer),
                Effect::Answer(..) => {}
                Effect::Fetch(requests) => {
                    self.observed.slices.push(requests.len().to_string());
                    self.observed.asked.extend(requests.iter().map(|request| request.path.to_string()));
                    match self.holds_bodies {
                        true => self.asked.extend(requests),
                        false => {
                            next.push(Event::Fetched(requests.into_iter().map(|request| self.body(request)).collect()))
                        }
                    }
                }
                Effect::LoadStored(requests) => {
                    self.observed.loaded.extend(requests.iter().map(|request| request.path.to_string()));
                    next.push(Event::StoredVersion(
                        requests.into_iter().map(|request| self.load_stored(request)).collect(),
                    ));
                }
                Effect::Store(built) => {
                    assert!(!is_swapped, "documents are stored before they are published");
                    self.documents.extend(built.into_iter().map(|document| (document.resource.hash, document.bytes)));
                }
                Effect::Resume => next.push(Event::Resume),
                Effect::FindDormant(query) => panic!("this engine keeps all articles in memory: {query:?}"),
                // Changed parsing options make the watcher read all files again.
                Effect::Watch(..) if self.shown.generation > 0 => {
                    let paths: Vec<String> = self.files.keys().cloned().collect();
                    next.push(Event::Files(paths.iter().map(|path| self.file(path, None)).collect()));
                }
                Effect::Watch(..) => {}
            }
        }
        for line in &self.observed.log {
            assert!(!self.is_secret(line), "{line}");
        }
        next.into_iter().for_each(|event| self.dispatch(event));
    }

    fn report(&self, change: &ReportChange) -> String {
        let (mark, problem) = match change {
            ReportChange::Appeared(problem) => ("", problem),
            ReportChange::Cleared(problem) => ("resolved ", problem),
        };
        assert!(!self.is_secret(&problem.to_text(false)), "{}", problem.to_text(false));
        let place = problem.place.as_ref().map_or("", |place| &place.file);
        format!("{mark}{} {}", problem.code, place.trim_start_matches("content/"))
    }

    /// Frees the disk: writes the waiting records and publishes the waiting snapshot.
    pub(super) fn write_again(&mut self) {
        self.is_full = false;
        let unwritten = std::mem::take(&mut self.unwritten);
        self.written.extend(unwritten);
        if let Some(snapshot) = self.waiting.take() {
            self.show(snapshot);
        }
        self.is_reported_full = false;
        self.send(Event::Writable);
    }

    /// The body of a version, from its file or, if the file has another version, from the store.
    pub(super) fn body(&self, request: BodyRequest) -> FetchedBody {
        let path = request.path.as_str();
        let read = self.files.contains_key(path).then(|| self.parsed(path)).and_then(|parsed| parsed.article);
        let article =
            read.filter(|article| article.card.hash() == request.hash).or_else(|| self.stored_article(&request));
        let source = article.as_ref().and_then(|article| article.source.clone());
        FetchedBody { request, article, rendered: None, source }
    }

    fn load_stored(&self, request: BodyRequest) -> StoredVersion {
        let article = self.stored_article(&request);
        StoredVersion { request, article }
    }

    fn stored_article(&self, request: &BodyRequest) -> Option<Article> {
        let is_it = |hash: &ContentHash| *hash == request.hash;
        let text = self.written.iter().rev().find_map(|record| match record {
            Record::Kept { hash, bytes, .. } if is_it(hash) => Some(Some(bytes)),
            Record::Dropped { hash } | Record::Erased { hash } if is_it(hash) => Some(None),
            _ => None,
        })??;
        parse(request.path.as_str(), std::str::from_utf8(text).expect("UTF-8"), &self.options(request.path.as_str()))
            .article
    }

    /// Answers the requests for these bodies. `problem`: `None` if they are read, `Some(true)` if they can't be, `Some(false)` if the
    /// files have other bytes by now.
    pub(super) fn answer(&mut self, paths: &[String], problem: Option<bool>) {
        let (answered, rest): (Vec<_>, Vec<_>) =
            self.asked.drain(..).partition(|request| paths.iter().any(|path| path == request.path.as_str()));
        assert!(!answered.is_empty(), "none of {paths:?} was asked for, but {rest:?}");
        self.asked = rest;
        let unfetched = |request: BodyRequest| {
            let problem = problem.filter(|is_unreadable| *is_unreadable).map(|_| unreadable(request.path.as_str()));
            UnfetchedBody { request, problem }
        };
        let event = match problem {
            None => Event::Fetched(answered.into_iter().map(|request| self.body(request)).collect()),
            Some(_) => Event::Unfetched(answered.into_iter().map(unfetched).collect()),
        };
        match problem {
            None => self.failed.retain(|path| !paths.contains(path)),
            Some(_) => self.failed.extend(paths.iter().cloned()),
        }
        self.send(event);
    }

    /// The text of a document.
    pub(super) fn text(&self, snapshot: &Snapshot, route: &str) -> String {
        let bytes = snapshot.documents.get(route).map(|document| &self.documents[&document.hash]);
        bytes.map(|bytes| String::from_utf8(bytes.to_vec()).expect("UTF-8")).unwrap_or_default()
    }
}

fn parse(path: &str, text: &str, options: &article::ParseOptions) -> Parsed {
    let mut parsed = article::parse(&ArticlePath::new(path), text.as_bytes(), options);
    if let Some(article) = &mut parsed.article {
        article.source = Some(text.as_bytes().into());
    }
    parsed
}

fn unreadable(path: &str) -> Diagnostic {
    Diagnostic::new(Code::ArticleUnreadable, "permission denied").at(Place::file(&format!("content/{path}")))
}

fn listing(files: &BTreeMap<String, String>, scope: &str, unlisted: &[&str]) -> Listing {
    let is_inside = |path: &str| path == scope || folder::contains(scope, path);
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for path in files.keys() {
        folders.extend(path.match_indices('/').map(|(at, _)| &path[..at]).filter(|above| !above.ends_with(':')));
    }
    folders.extend(unlisted.iter().copied().chain([scope]));
    let directory = |path: &str| ListedDirectory {
        path: path.into(),
        unreadable: unlisted.contains(&path).then(|| {
            Diagnostic::new(Code::FolderUnreadable, "permission denied").at(Place::file(&format!("content/{path}")))
        }),
    };
    let is_hidden = |path: &str| unlisted.iter().any(|folder| path.starts_with(&format!("{folder}/")));
    Listing {
        scope: scope.to_owned(),
        directories: folders.into_iter().filter(|path| is_inside(path) && !is_hidden(path)).map(directory).collect(),
        files: files
            .keys()
            .filter(|path| is_inside(path) && !is_hidden(path))
            .map(|path| ArticlePath::new(path))
            .collect(),
        links: Vec::new(),
        is_whole: true,
        doubtful: files.is_empty(),
        limited: None,
    }
}

//! Every message between the engine and the rest of the program: events go in, effects come out.
//!
//! The file is long because it is the engine's whole interface.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::article::card::Packed;
use crate::article::render::{LinkBase, Rendered};
use crate::article::{Article, ParseOptions, Parsed};
use crate::config::{Checked, Ignore};
use crate::diagnostics::Diagnostic;
use crate::feed::Feed;
use crate::ledger::dormant::{Fingerprint, Fingerprints};
use crate::ledger::{ArticleFacts, Record, Routes};
use crate::snapshot::{ArchiveAddress, BuiltDocument, FeedArchives, PublishedArticle, Resource, Snapshot};
use crate::types::{ArticlePath, ContentHash, EntryId, SectionPath, Text, WebUrl, folder};

/// An input of the engine.
#[derive(Debug)]
pub enum Event {
    /// Files that changed or may have changed, already read and parsed.
    Files(Vec<ParsedFile>),
    /// The result of a scan of a folder and everything below it.
    Rescan(Listing),
    /// Bodies requested with [`Effect::Fetch`].
    Fetched(Vec<FetchedBody>),
    /// Requested bodies that could not be read. Bodies that are only late follow in [`Event::Fetched`].
    Unfetched(Vec<UnfetchedBody>),
    /// Versions requested with [`Effect::LoadStored`].
    StoredVersion(Vec<StoredVersion>),
    /// Dormant articles requested with [`Effect::FindDormant`], or why the store cannot be read.
    DormantFound(DormantQuery, Result<Vec<(ArticlePath, ArticleFacts)>, String>),
    /// The configuration, at the start and whenever it changed.
    Config(Checked),
    /// An operator's command. Its answer carries the same ticket.
    Command(Command, Ticket),
    /// An operator's question. It changes nothing: the only effect is the answer, which carries the same ticket.
    Query(Query, Ticket),
    /// The result of a delivery.
    Delivered(Outcome),
    /// Which hubs deliver changes to dateline itself.
    Hubs(HubStates),
    /// The bytes of the document with this request path are lost. The engine builds it again.
    DocumentMissing(Arc<str>),
    /// Records cannot be written. Until [`Event::Writable`], nothing new becomes public, but withholding still takes effect.
    Unwritable,
    /// All records have been written.
    Writable,
    /// Continue the publication that [`Effect::Resume`] interrupted. The time is ignored: the publication keeps the time at which it began.
    Resume,
    /// The instant that `Engine::wake_at` returned has come.
    Tick,
}

/// An output of the engine. Effects are performed strictly in order.
#[derive(Debug)]
pub enum Effect {
    /// Read the bodies of these articles, which windows need. The engine continues when they arrive.
    Fetch(Vec<BodyRequest>),
    /// Load public versions from the store. Their files are gone or have changed.
    LoadStored(Vec<BodyRequest>),
    /// Find dormant articles that may have come back, and dormant articles that had the same ids. The most recent are listed first.
    FindDormant(DormantQuery),
    /// Write these records. They must be durable before readers see any later effect.
    Persist(Vec<Record>),
    /// Keep the bytes of these new documents. Comes before the snapshot that has them.
    Store(Vec<BuiltDocument>),
    /// Send [`Event::Resume`]: a large publication continues. It may continue while the effects before this one are carried out.
    Resume,
    /// The effects that follow withhold something. They wait for nothing, not even for records.
    Withhold,
    /// Show readers this snapshot.
    Swap(Arc<Snapshot>),
    /// Deliver documents to the targets.
    Deliver(Delivery),
    /// Watch the content directory, and the directories of these other sources and no others.
    Watch(Box<WatchPlan>, Vec<WatchPlan>),
    /// Report diagnostics that appeared or were resolved.
    Report(Vec<ReportChange>),
    /// Log what happened to articles. Sent after readers see it.
    Log(LoggedActivity),
    /// Answer a command or a query, after the effects before this one.
    Answer(Ticket, Answer),
}

/// A query for dormant articles ([`crate::ledger::dormant`]) by fingerprint. An article matches if any of its fingerprints does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DormantQuery {
    /// Fingerprints of paths.
    pub paths: BTreeSet<Fingerprint>,
    /// Fingerprints of ids.
    pub ids: BTreeSet<Fingerprint>,
    /// Fingerprints of content hashes.
    pub versions: BTreeSet<Fingerprint>,
}

impl DormantQuery {
    /// Whether no article can match.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.ids.is_empty() && self.versions.is_empty()
    }

    /// Whether an article with these fingerprints matches.
    pub fn matches(&self, of: &Fingerprints) -> bool {
        self.paths.contains(&of.path)
            || of.version.is_some_and(|version| self.versions.contains(&version))
            || of.id.is_some_and(|id| self.ids.contains(&id))
    }

    /// Adds another query's fingerprints.
    pub fn extend(&mut self, other: DormantQuery) {
        self.paths.extend(other.paths);
        self.ids.extend(other.ids);
        self.versions.extend(other.versions);
    }
}

/// An operator's command to a running daemon.
#[derive(Clone, Debug)]
pub enum Command {
    /// Retract an article, whatever its file says.
    Retract {
        /// Its path below the content directory, or its id.
        article: String,
        /// The reason that readers see.
        reason: Option<Text>,
    },
    /// Publish a retracted article again.
    Restore {
        /// Its path below the content directory, or its id.
        article: String,
    },
    /// Publish stories that wait for an editor.
    Release {
        /// Their paths, or ids of agencies' items.
        articles: Vec<String>,
    },
    /// Confirm that the files of a held mass removal were deleted on purpose.
    AcceptRemovals,
    /// Apply a configuration.
    Reload {
        /// The configuration.
        checked: Checked,
        /// Apply it even if it changes ids, or empties or shrinks feeds.
        force: bool,
    },
}

/// A question about the engine's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// Is a version of the configuration file in force?
    Configuration {
        /// The hash of that version.
        hash: String,
    },
    /// Asks for the current problems. Unlike the report, the answer quotes articles that aren't public. Show it only in the operator's own
    /// terminal.
    Problems,
    /// Asks where this article belongs, and which feeds have it. The answer tells of articles that aren't public, too.
    Article(ArticlePath),
    /// Asks which articles would get another id or date if the state were lost.
    StateDependents,
    /// Asks for the contents of an archive.
    Archive(ArchiveAddress),
    /// Asks for entries of a feed, whether or not its window shows them. The answer is as for an archive.
    Entries {
        /// The feed's path.
        feed: Arc<str>,
        /// The ids of the entries.
        ids: Vec<EntryId>,
        /// The last row of the journal that readers know of. There is no answer if the engine has later ones.
        journaled: u64,
        /// The version of entries that readers see. There is no answer if the engine has another one.
        version: u64,
    },
}

/// The answer to a command or a query.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// The result of a command, or the reason why it did nothing.
    Command(Result<String, String>),
    /// The keys of the configuration that wait for a restart, or why the configuration isn't in force.
    Configuration(Result<Vec<String>, String>),
    /// Every problem, ordered by source.
    Problems(Vec<Diagnostic>),
    /// `None` if no article is known at this path.
    Article(Option<Box<Explanation>>),
    /// The articles, each with `"id"` or `"date"`.
    StateDependents(Vec<(ArticlePath, &'static str)>),
    /// `None` if readers don't see this version of the archive, or not yet.
    Archive(Option<Box<ArchiveContents>>),
}

/// The contents of an archive.
#[derive(Clone, PartialEq, Debug)]
pub struct ArchiveContents {
    /// The feed, without its entries.
    pub feed: Feed,
    /// The articles of the entries, newest first.
    pub articles: Vec<Arc<PublishedArticle>>,
    /// The size of a document in bytes. An entry that takes more than half of it is reduced to its summary.
    pub max_bytes: usize,
}

/// Where an article belongs, and which feeds have it and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The section that the article belongs to.
    pub section: SectionPath,
    /// The section that the file names, if `[[moved]]` renamed it.
    pub old_section: Option<SectionPath>,
    /// The id under which readers see the article.
    pub id: Option<EntryId>,
    /// The address that entries link to.
    pub link: Option<WebUrl>,
    /// Whether the file isn't an article, but the page of a section or of a folder with other articles.
    pub is_listing: bool,
    /// Sentences that say why readers don't see the article, or only a part of it.
    pub remarks: Vec<String>,
    /// The versions of an agency's item, the current one first. Empty for other articles.
    pub versions: Vec<ExplainedVersion>,
    /// The problems with the article's placement and id.
    pub diagnostics: Vec<Diagnostic>,
    /// The decision of each feed that may have the article.
    pub decisions: Vec<FeedDecision>,
}

/// A version of an agency's item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedVersion {
    /// The file, with the item if the file contains several.
    pub path: ArticlePath,
    /// The number, as stated.
    pub number: Option<String>,
    /// When the version was made.
    pub made: Option<Timestamp>,
    /// When the file was last modified.
    pub modified: Option<Timestamp>,
    /// The version's effect on the story, and the reason why it's the current one or not.
    pub effect: String,
}

/// Whether a feed has an article, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedDecision {
    /// The feed: a section, or `tags/` or `authors/` and a name.
    pub feed: String,
    /// Whether the feed has the article.
    pub is_included: bool,
    /// The rule that decided.
    pub reason: String,
}

/// Matches an answer to its command or query.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// A file that was read and parsed.
#[derive(Clone, Debug)]
pub struct ParsedFile {
    /// Its path below the content directory.
    pub path: ArticlePath,
    /// The result of reading it.
    pub state: FileState,
    /// Its previous path, if the system reported a rename.
    pub renamed_from: Option<ArticlePath>,
}

/// The result of reading a file.
#[derive(Clone, Debug)]
pub enum FileState {
    /// The file was read and parsed.
    Present(Parsed),
    /// Unchanged since an earlier run parsed it, or too old for every window. Only metadata and warnings are loaded; the body is read on
    /// demand.
    Known(Packed, Vec<Diagnostic>),
    /// The file contains several items of an agency. The watcher read each of them.
    Items {
        /// The hash of the whole file.
        hash: ContentHash,
        /// The items, each with a path of its own ([`ArticlePath::item_of`]). They are present or known.
        items: Vec<ParsedFile>,
    },
    /// The file is gone. Confirmed after the grace period.
    Absent {
        /// Whether the content directory looks unmounted: it is empty, or on another device.
        doubtful: bool,
    },
    /// The file could not be read. It may still exist.
    Unreadable(Diagnostic),
}

impl FileState {
    /// Reduces an article published before `horizon` (Unix seconds) to its card, because no window shows it.
    #[must_use]
    pub fn as_seen_from(self, horizon: i64) -> FileState {
        match self {
            FileState::Present(Parsed {
                article: Some(article),
                diagnostics,
                embargoed: false,
                withhold: false,
                ..
            }) if article.metadata.published.is_some_and(|published| published.second() < horizon) => {
                FileState::Known(article.card, diagnostics)
            }
            FileState::Items { hash, items } => {
                let seen = |item: ParsedFile| ParsedFile { state: item.state.as_seen_from(horizon), ..item };
                FileState::Items { hash, items: items.into_iter().map(seen).collect() }
            }
            other => other,
        }
    }
}

/// The result of scanning a folder.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The folder, as the functions of [`folder`] take it. `""` is the content directory itself, `wire:/` the directory of another source.
    pub scope: String,
    /// Every folder in scope, the scope included. If the listing isn't whole, only folders that could not be listed.
    pub directories: Vec<ListedDirectory>,
    /// Links that are not followed, relative to the content directory, each with the reason. Also patterns of files that aren't articles.
    pub links: Vec<(String, Diagnostic)>,
    /// Every article file in scope, in no particular order. A file may be listed twice, and may still be incomplete.
    pub files: Vec<ArticlePath>,
    /// Whether all folders and files are listed. If not, the watcher reports each removed file on its own.
    pub is_whole: bool,
    /// Whether the source's directory looks unmounted: it is empty, or on another device.
    pub doubtful: bool,
    /// Why changes are found by scans instead of events, if they are.
    pub limited: Option<Diagnostic>,
}

impl Listing {
    /// Returns a predicate for a whole listing: whether a file is proved to be gone. Such a file isn't listed, and its nearest listed
    /// folder is complete.
    pub fn absence(&self) -> impl Fn(&ArticlePath) -> bool {
        let is_complete = self.completeness();
        let listed: HashSet<&str> = self.files.iter().map(ArticlePath::as_str).collect();
        move |path| !listed.contains(path.as_str()) && is_complete(path)
    }

    /// Like [`Listing::absence`], for files that the caller knows aren't listed.
    pub fn completeness(&self) -> impl Fn(&ArticlePath) -> bool {
        let complete: HashMap<&str, bool> =
            self.directories.iter().map(|folder| (folder.path.as_str(), folder.unreadable.is_none())).collect();
        move |path| {
            let mut folder = path.folder();
            loop {
                if let Some(&complete) = complete.get(folder) {
                    return complete;
                }
                match folder::parent(folder) {
                    Some(parent) => folder = parent,
                    None => return false,
                }
            }
        }
    }
}

/// A folder of a [`Listing`].
#[derive(Clone, Debug)]
pub struct ListedDirectory {
    /// As the functions of [`folder`] take it.
    pub path: String,
    /// Why the folder could not be listed completely. `None` if it was.
    pub unreadable: Option<Diagnostic>,
}

/// A request for the body of an article.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BodyRequest {
    /// The file.
    pub path: ArticlePath,
    /// The version, by the hash of its file.
    pub hash: ContentHash,
    /// Whether readers will see the text. If not, only the bytes of the file are kept.
    pub shown: bool,
    /// The addresses to render the body with, if readers will see it.
    pub links: Option<LinkBase>,
}

/// The answer to a [`BodyRequest`].
#[derive(Clone, Debug)]
pub struct FetchedBody {
    /// The request.
    pub request: BodyRequest,
    /// The article. `None` if only the file was requested, or the file has no article.
    pub article: Option<Article>,
    /// The rendered body.
    pub rendered: Option<Arc<Rendered>>,
    /// The bytes of the file. `None` if the file is gone, changed or unreadable.
    pub source: Option<Arc<[u8]>>,
}

impl FetchedBody {
    /// Whether everything that was requested is present.
    pub fn is_complete(&self) -> bool {
        self.source.is_some() && (self.article.is_some() || !self.request.shown)
    }
}

/// A request that could not be answered, or not yet.
#[derive(Clone, Debug)]
pub struct UnfetchedBody {
    /// The request.
    pub request: BodyRequest,
    /// Why the file cannot be read. `None` if it is gone or changed, which the watcher reports.
    pub problem: Option<Diagnostic>,
}

/// A version of an article from the store.
#[derive(Clone, Debug)]
pub struct StoredVersion {
    /// The request.
    pub request: BodyRequest,
    /// The article. `None` if the store lost it or it no longer parses.
    pub article: Option<Article>,
}

/// Documents for the delivery targets.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The snapshot they belong to.
    pub generation: u64,
    /// The path below the output directory, and the document. `None`: no longer published.
    pub documents: Vec<(Arc<str>, Option<Arc<Resource>>)>,
    /// Whether these are all documents. If so, any other delivered document is stale.
    pub complete: bool,
    /// Documents from which something was withheld. If the new version cannot be written, the old one must be removed.
    pub withheld: BTreeSet<Arc<str>>,
    /// The versions that the ledger knew at the start, by path. A file with these bytes was written by dateline.
    pub recorded: BTreeMap<Arc<str>, ContentHash>,
    /// The archives that exist. Files of any other archives are stale, even if the delivery isn't complete.
    pub archives: imbl::HashMap<Arc<str>, Arc<FeedArchives>>,
}

/// The result of a delivery.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the target.
    pub target: &'static str,
    /// The number of documents written.
    pub written: usize,
    /// The number of documents that were up to date.
    pub unchanged: usize,
    /// The number of stale documents removed.
    pub removed: usize,
    /// The failures. The delivery is retried until this is empty.
    pub problems: Vec<Diagnostic>,
}

/// Which hubs deliver changes to dateline itself. Of others, nothing is known at the moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HubStates {
    /// The URLs of hubs that haven't delivered in time.
    pub silent: BTreeSet<Arc<str>>,
    /// The URLs of hubs that have delivered and aren't silent.
    pub working: BTreeSet<Arc<str>>,
}

/// The instructions for the watcher of a source.
#[derive(Clone, PartialEq, Debug)]
pub struct WatchPlan {
    /// The name of the source. `None` for the content directory.
    pub source: Option<Arc<str>>,
    /// The source's directory.
    pub directory: PathBuf,
    /// The directories of all other sources. Their files aren't this one's.
    pub others: Arc<[PathBuf]>,
    /// How articles are parsed. A change reads every article again.
    pub parsing: Arc<ParseOptions>,
    /// Patterns of files and folders that are not articles.
    pub ignore: Arc<Ignore>,
    /// How long a file has to stay gone before it counts as removed.
    pub grace: SignedDuration,
    /// How much longer a removal waits at most while another tool is changing files.
    pub hold: SignedDuration,
    /// How long a file has to stay unchanged before it counts as complete, if no event says so.
    pub settle: SignedDuration,
}

/// A diagnostic that appeared or was resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportChange {
    /// The diagnostic is new.
    Appeared(Diagnostic),
    /// The diagnostic is resolved.
    Cleared(Diagnostic),
}

/// Activity to log, by kind and by the command that caused it.
pub type LoggedActivity = BTreeMap<(ActivityKind, Option<&'static str>), ActivityGroup>;

/// A kind of change to an article. If several apply at once, the last of these is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ActivityKind {
    /// Its file has an older version of an agency's item. Nothing changes for readers.
    OlderVersion,
    /// Its source holds stories back, and it waits for an editor.
    Waiting,
    /// An editor released it.
    Released,
    /// Its file had vanished with many others and is back.
    Returned,
    /// Readers see it for the first time, or again.
    Published,
    /// Readers see another version.
    Updated,
    /// Readers see another version with one more correction.
    Corrected,
    /// Its file was moved.
    Moved,
    /// The article became a draft, private or embargoed. Readers get no notice.
    Withheld,
    /// The article was retracted and is public again.
    Restored,
    /// Its file vanished with many others. It stays public.
    HeldBack,
    /// The article expired.
    Expired,
    /// The article was retracted, by its file or by command.
    Retracted,
    /// Its file was deleted.
    Removed,
    /// The configuration was reloaded. Not about an article.
    Reloaded,
}

impl ActivityKind {
    /// Whether the title may be logged, if readers see it.
    pub fn is_public(self) -> bool {
        use ActivityKind::{Corrected, Moved, Published, Restored, Returned, Updated};
        matches!(self, Returned | Published | Updated | Corrected | Moved | Restored)
    }
}

impl std::fmt::Display for ActivityKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ActivityKind::OlderVersion => "older version",
            ActivityKind::Waiting => "waits for an editor",
            ActivityKind::Released => "released",
            ActivityKind::Returned => "returned",
            ActivityKind::Published => "published",
            ActivityKind::Updated => "updated",
            ActivityKind::Corrected => "corrected",
            ActivityKind::Moved => "moved",
            ActivityKind::Withheld => "withheld",
            ActivityKind::Restored => "restored",
            ActivityKind::HeldBack => "held back",
            ActivityKind::Expired => "expired",
            ActivityKind::Retracted => "retracted",
            ActivityKind::Removed => "removed",
            ActivityKind::Reloaded => "reloaded",
        })
    }
}

/// Articles with the same kind of change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ActivityGroup {
    /// The number of articles.
    pub count: usize,
    /// The articles, or the first of them if there are many.
    pub articles: Vec<Activity>,
    /// The feeds that contain or contained any of them.
    pub feeds: BTreeSet<Arc<str>>,
    /// The differences of reloads, each with its sequence number.
    pub differences: Vec<(u64, String)>,
}

impl ActivityGroup {
    /// More articles than this are logged as one line with counts.
    const MAX_NAMED_ARTICLES: usize = 10;

    /// Adds an article, to be named or only counted.
    pub fn add(&mut self, activity: Activity, is_named: bool) {
        self.count += 1;
        self.feeds.extend(activity.feeds.iter().cloned());
        if is_named && self.articles.len() < ActivityGroup::MAX_NAMED_ARTICLES {
            self.articles.push(activity);
        }
    }

    /// Adds a later group.
    pub fn merge(&mut self, later: ActivityGroup) {
        self.count += later.count;
        self.feeds.extend(later.feeds);
        self.articles.extend(later.articles);
        self.articles.truncate(ActivityGroup::MAX_NAMED_ARTICLES);
        self.differences.extend(later.differences);
    }
}

/// A change to one article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// The sequence number. Higher numbers happened later.
    pub number: u64,
    /// The file.
    pub path: ArticlePath,
    /// The file's previous path, if it moved.
    pub from: Option<ArticlePath>,
    /// The feeds that contain or contained the article.
    pub feeds: Routes,
    /// The title, if feeds show it.
    pub title: Option<Text>,
}

/// The time of an event. The engine has no clock of its own.
pub type Now = Timestamp;

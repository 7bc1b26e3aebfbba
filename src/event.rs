//! Every message in the program, on one page: all that can happen to the engine, and all that it does about it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::article::card::Packed;
use crate::article::render::{LinkBase, Rendered};
use crate::article::{Article, ParseOptions, Parsed};
use crate::config::{Checked, Ignore};
use crate::diagnostics::Diagnostic;
use crate::ledger::dormant::Fingerprint;
use crate::ledger::{Record, Remembered, Routes};
use crate::snapshot::{Resource, Snapshot};
use crate::types::{ArticlePath, ContentHash, Text};

/// What can happen.
#[derive(Debug)]
pub enum Event {
    /// Files that changed or may have: hints of the watcher, already read and parsed.
    Files(Vec<ParsedFile>),
    /// The truth about a folder and all below it.
    Rescan(Listing),
    /// Bodies that were asked for.
    Fetched(Vec<FetchedBody>),
    /// Bodies that were asked for and could not be had. Those that are merely late follow.
    Unfetched(Vec<UnfetchedBody>),
    /// Versions that were asked for, out of the store.
    StoredVersion(Vec<StoredVersion>),
    /// What the store has of dormant articles that were asked for, or why it cannot be read.
    Recollected(Question, Result<Vec<(ArticlePath, Remembered)>, String>),
    /// The configuration, first or changed.
    Config(Checked),
    /// An operator's command; the ticket goes back with the answer.
    Command(Command, Ticket),
    /// How a delivery ended.
    Delivered(Outcome),
    /// The bytes of a document, by its canonical request path, are nowhere any more.
    DocumentMissing(Arc<str>),
    /// Records cannot be written, the last ones included: from now on nothing becomes public that readers have not seen. What is taken
    /// from them goes all the same.
    Unwritable,
    /// All records are written.
    Writable,
    /// The instant asked for by `wake_at` has come.
    Tick,
}

/// What is done about it, strictly in order.
#[derive(Debug)]
pub enum Effect {
    /// Bodies that windows need; the engine goes on when they arrive.
    Fetch(Vec<BodyRequest>),
    /// Versions that are public and that no file has (any more): the store has them.
    LoadStored(Vec<BodyRequest>),
    /// Dormant articles that may be back. Those that had the same ids come with them, and of these the last that fell asleep comes first.
    Recollect(Question),
    /// What must be durable before anything that follows is performed.
    Persist(Vec<Record>),
    /// What follows takes something from readers. It waits for nothing, not even for records.
    Withhold,
    /// What readers see from now on.
    Swap(Arc<Snapshot>),
    /// Documents to carry elsewhere.
    Deliver(Delivery),
    /// What to watch from now on.
    Watch(WatchPlan),
    /// Mistakes that appeared or were mended.
    Report(Vec<ReportChange>),
    /// What happened to articles, once readers see it.
    Log(LoggedActivity),
    /// What came of a command, once all before it was performed; what was done, or why nothing was.
    Answer(Ticket, Result<String, String>),
}

/// Which dormant articles are asked for, by their fingerprints.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Of their paths.
    pub paths: BTreeSet<Fingerprint>,
    /// Of their ids.
    pub ids: BTreeSet<Fingerprint>,
    /// Of their versions.
    pub versions: BTreeSet<Fingerprint>,
}

impl Question {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.ids.is_empty() && self.versions.is_empty()
    }

    /// Asks for what another one asks for, too.
    pub fn extend(&mut self, other: Question) {
        self.paths.extend(other.paths);
        self.ids.extend(other.ids);
        self.versions.extend(other.versions);
    }

    /// Whether all is asked for that another one asks for.
    pub fn covers(&self, other: &Question) -> bool {
        other.paths.is_subset(&self.paths) && other.ids.is_subset(&self.ids) && other.versions.is_subset(&self.versions)
    }
}

/// What an operator can ask of a running daemon.
#[derive(Clone, Debug)]
pub enum Command {
    /// Takes an article from its readers, whatever its file says.
    Retract {
        /// Its path below the content directory, or its id.
        article: String,
        /// What readers are told.
        reason: Option<Text>,
    },
    /// Gives a retracted article back to its readers.
    Restore {
        /// Its path below the content directory, or its id.
        article: String,
    },
    /// Files that vanished in a mass are deleted, not lost.
    AcceptRemovals,
    /// Asks whether the configuration in force is a version of its file. Nothing is done; the answer is empty where it is.
    Configuration {
        /// The hash of that version.
        hash: String,
    },
    /// Takes a configuration, on request (`force`) even one that gives other ids or empties feeds.
    Reload {
        /// The configuration.
        checked: Checked,
        /// Whatever it does to readers.
        force: bool,
    },
}

/// Tells the answers of commands apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// One file, read and parsed.
#[derive(Clone, Debug)]
pub struct ParsedFile {
    /// Which.
    pub path: ArticlePath,
    /// What was found.
    pub state: FileState,
    /// The path that it had before, where the system told that it was renamed.
    pub renamed_from: Option<ArticlePath>,
}

/// What a look at a file gave.
#[derive(Clone, Debug)]
pub enum FileState {
    /// It was read.
    Present(Parsed),
    /// Unchanged since an earlier run read it, or too old for every window: only the metadata is loaded, and the warnings about it.
    Known(Packed, Vec<Diagnostic>),
    /// It is gone: confirmed, after the grace.
    Absent {
        /// The content directory as a whole looks like another one: nothing is in it, or it is on another device.
        doubtful: bool,
    },
    /// It could not be read, which says nothing about whether it is there.
    Unreadable(Diagnostic),
}

impl FileState {
    /// Of an article from before a second there is only the card: no window shows it.
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
            other => other,
        }
    }
}

/// What a scan of a folder found.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The folder, relative to the content directory; `""` for all of it.
    pub scope: String,
    /// Every folder in scope that the scan met, the scope itself included; where the listing is not whole, those that could not be
    /// listed.
    pub directories: Vec<ListedDirectory>,
    /// Links that are not followed, relative to the content directory, and why.
    pub links: Vec<(String, Diagnostic)>,
    /// Every article file in scope, in no order, some perhaps twice; those that still wait to be complete included.
    pub files: Vec<ArticlePath>,
    /// Whether all folders and files are named. Else the watcher knew what was there before, and tells of every file that is gone.
    pub is_whole: bool,
    /// The content directory as a whole looks like another one: nothing is in it, or it is on another device.
    pub doubtful: bool,
    /// Why changes are found by looking and not by being told, where that is so.
    pub limited: Option<Diagnostic>,
}

impl Listing {
    /// What tells whether a whole listing proves that a file is gone: it is not listed, and the nearest folder that was listed
    /// is complete.
    pub fn absence(&self) -> impl Fn(&ArticlePath) -> bool {
        let is_complete = self.completeness();
        let listed: HashSet<&str> = self.files.iter().map(ArticlePath::as_str).collect();
        move |path| !listed.contains(path.as_str()) && is_complete(path)
    }

    /// The same of files that are known not to be listed.
    pub fn completeness(&self) -> impl Fn(&ArticlePath) -> bool {
        let complete: HashMap<&str, bool> =
            self.directories.iter().map(|folder| (folder.path.as_str(), folder.unreadable.is_none())).collect();
        move |path| {
            let mut folder = path.folder();
            loop {
                if let Some(&complete) = complete.get(folder) {
                    return complete;
                }
                match folder.rsplit_once('/') {
                    Some((parent, _)) => folder = parent,
                    None if folder.is_empty() => return false,
                    None => folder = "",
                }
            }
        }
    }
}

/// One folder of a [`Listing`]. Absence of a file counts only where its nearest listed folder is complete.
#[derive(Clone, Debug)]
pub struct ListedDirectory {
    /// Relative to the content directory, `""` for itself.
    pub path: String,
    /// `None`: listed completely. Else why its listing proves nothing.
    pub unreadable: Option<Diagnostic>,
}

/// A body that a window needs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BodyRequest {
    /// The file.
    pub path: ArticlePath,
    /// The version that is needed.
    pub hash: ContentHash,
    /// Whether its text is to be shown, or only the file to be kept.
    pub shown: bool,
    /// What its body is to be rendered against, where it is shown.
    pub links: Option<LinkBase>,
}

/// The answer to a [`BodyRequest`].
#[derive(Clone, Debug)]
pub struct FetchedBody {
    /// What was asked for.
    pub request: BodyRequest,
    /// The article; `None` where only the file was asked for, or there is none.
    pub article: Option<Article>,
    /// Its body, rendered against what was asked for.
    pub rendered: Option<Arc<Rendered>>,
    /// The file that it is in; `None` where that is gone, changed or unreadable by now.
    pub source: Option<Arc<[u8]>>,
}

impl FetchedBody {
    /// Whether all that was asked for is there.
    pub fn is_complete(&self) -> bool {
        self.source.is_some() && (self.article.is_some() || !self.request.shown)
    }
}

/// A body that could not be had, or not yet.
#[derive(Clone, Debug)]
pub struct UnfetchedBody {
    /// What was asked for.
    pub request: BodyRequest,
    /// Why the file cannot be read. One that is gone or has other bytes by now is the watcher's to tell of.
    pub problem: Option<Diagnostic>,
}

/// What the store has of a version.
#[derive(Clone, Debug)]
pub struct StoredVersion {
    /// What was asked for.
    pub request: BodyRequest,
    /// The article; `None` where the store lost it or it does not parse any more.
    pub article: Option<Article>,
}

/// Documents for the targets.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The snapshot they belong to.
    pub generation: u64,
    /// Path below the output directory, and the document; `None`: no longer published.
    pub documents: Vec<(Arc<str>, Option<Arc<Resource>>)>,
    /// Whether these are all documents, so that whatever else was delivered before is stale.
    pub complete: bool,
    /// Those that lost something which readers must not see any more: where they cannot be written, what is there must not stay.
    pub withheld: BTreeSet<Arc<str>>,
    /// The versions that the ledger knew of at the start, by their paths: a file with these bytes was written by dateline.
    pub recorded: BTreeMap<Arc<str>, ContentHash>,
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The target, for the report.
    pub target: &'static str,
    /// Documents written.
    pub written: usize,
    /// Documents whose bytes were there already.
    pub unchanged: usize,
    /// Stale documents removed.
    pub removed: usize,
    /// What stands in the way, empty when all went well. Deliveries are retried until it is.
    pub problems: Vec<Diagnostic>,
}

/// What to watch.
#[derive(Clone, PartialEq, Debug)]
pub struct WatchPlan {
    /// The content directory.
    pub content: PathBuf,
    /// How articles are parsed; a change of it re-reads every article.
    pub parsing: Arc<ParseOptions>,
    /// Files and folders that are no articles.
    pub ignore: Arc<Ignore>,
    /// How long a file has to stay gone.
    pub grace: SignedDuration,
    /// How much longer at most while tools are changing files.
    pub hold: SignedDuration,
    /// How long a file has to stay as it is before it counts as complete, where nobody said that it is.
    pub settle: SignedDuration,
}

/// A mistake that appeared or was mended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportChange {
    /// It was not there before.
    Appeared(Diagnostic),
    /// It is no longer there.
    Cleared(Diagnostic),
}

/// What happened, by kind and by the command that did it.
pub type LoggedActivity = BTreeMap<(ActivityKind, Option<&'static str>), ActivityGroup>;

/// What can happen to an article. Of several at once, the last of these is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ActivityKind {
    /// Its file was lost and is there again.
    Returned,
    /// Readers see it for the first time, or again.
    Published,
    /// Readers see another version.
    Updated,
    /// Readers see another version, which has a correction more.
    Corrected,
    /// Its file has another path.
    Moved,
    /// It is a draft again, private, or under an embargo: readers are told nothing.
    Withheld,
    /// It was retracted, and readers see it again.
    Restored,
    /// Its file vanished with many others: readers keep it.
    HeldBack,
    /// Its time is over.
    Expired,
    /// It was withdrawn, by its file or by command.
    Retracted,
    /// Its file was deleted.
    Removed,
    /// Not an article: the configuration.
    Reloaded,
}

impl ActivityKind {
    /// Whether its title may be told, where readers see that.
    pub fn is_public(self) -> bool {
        use ActivityKind::{Corrected, Moved, Published, Restored, Returned, Updated};
        matches!(self, Returned | Published | Updated | Corrected | Moved | Restored)
    }
}

impl std::fmt::Display for ActivityKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
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

/// The same that happened to several articles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ActivityGroup {
    /// How many articles.
    pub count: usize,
    /// Each of them, where there are few; else the first.
    pub articles: Vec<Activity>,
    /// The feeds that had or have any of them.
    pub feeds: BTreeSet<Arc<str>>,
    /// What new configurations change, each with its number.
    pub differences: Vec<(u64, String)>,
}

impl ActivityGroup {
    /// More than so many articles are a burst.
    const FEW: usize = 10;

    /// One more article, to be told apart or only counted.
    pub fn add(&mut self, activity: Activity, is_apart: bool) {
        self.count += 1;
        self.feeds.extend(activity.feeds.iter().cloned());
        if is_apart && self.articles.len() < ActivityGroup::FEW {
            self.articles.push(activity);
        }
    }

    /// The same that happened later.
    pub fn merge(&mut self, later: ActivityGroup) {
        self.count += later.count;
        self.feeds.extend(later.feeds);
        self.articles.extend(later.articles);
        self.articles.truncate(ActivityGroup::FEW);
        self.differences.extend(later.differences);
    }
}

/// What happened to one article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// Events with higher numbers happened later.
    pub number: u64,
    /// Its file.
    pub path: ArticlePath,
    /// Where that was before.
    pub from: Option<ArticlePath>,
    /// The feeds that have it, or had it.
    pub feeds: Routes,
    /// Its title, where feeds show it.
    pub title: Option<Text>,
}

/// What the engine's clock reads, given to it with each event.
pub type Now = Timestamp;

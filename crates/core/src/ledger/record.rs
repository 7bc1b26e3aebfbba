//! Ledger records: one variant for each kind of durable fact.

use std::sync::Arc;

use jiff::Timestamp;

use super::archive::{Archive, Number};
use super::journal::JournalRow;
use super::{ArticleFacts, Retraction, Routes, TextPrint, VersionRank};
use crate::article::{AgencyNotice, WithheldMedia};
use crate::types::{ArticlePath, ContentHash, EntryId};

/// A durable fact, written before readers see anything that depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// An article without a date was seen for the first time. That time becomes its date.
    Seen {
        /// The path of its file.
        path: ArticlePath,
        /// When it was first seen.
        at: Timestamp,
    },
    /// An article without a date arrived with many others. It waits until `content.undated` says which date they get.
    Undated {
        /// The path of its file.
        path: ArticlePath,
        /// The hash of the file, which identifies the article if the file is moved.
        hash: ContentHash,
    },
    /// A version of an article was published under this id.
    Published {
        /// The path of its file.
        path: ArticlePath,
        /// The permanent id.
        id: EntryId,
        /// The hash of the file, which identifies the article if the file is moved.
        hash: ContentHash,
        /// The date of first publication that readers see.
        date: Timestamp,
    },
    /// The text that readers see of an article changed, or was fingerprinted for the first time.
    Text {
        /// The path of its file.
        path: ArticlePath,
        /// The fingerprint of the text.
        print: TextPrint,
        /// When the text last changed. `None`: not since it was first fingerprinted.
        changed: Option<Timestamp>,
        /// When the text was first fingerprinted, which is when it was first published. `None`: an older record.
        first: Option<Timestamp>,
    },
    /// Readers know an article under this id from a feed that dateline replaced.
    Imported {
        /// The path of its file.
        path: ArticlePath,
        /// The permanent id.
        id: EntryId,
    },
    /// An article's file was moved.
    Moved {
        /// The old path.
        from: ArticlePath,
        /// The new path.
        to: ArticlePath,
    },
    /// A public article became a draft, private or embargoed. Feeds announce nothing.
    Withdrawn {
        /// The path of its file.
        path: ArticlePath,
        /// The feeds that contained it.
        feeds: Routes,
    },
    /// An article's file is missing as part of a mass removal, and the article stays public until an operator decides. Or the file of an
    /// item's highest version is missing while files of older versions exist, and the story stays as it is.
    Lost {
        /// The path that the file had.
        path: ArticlePath,
        /// The place of its version in the order of the item's versions. `None`: not a version of an item.
        version: Option<VersionRank>,
    },
    /// An item has this version by now: readers see it, or it withholds or retracts the item. Older versions never take its place.
    Version {
        /// The item's id.
        id: EntryId,
        /// The place of the version in the order of the item's versions.
        version: VersionRank,
    },
    /// A lost file is back, or its removal was accepted.
    Found {
        /// The path of its file.
        path: ArticlePath,
    },
    /// Another article replaced the one in the same file. No article has this id any more.
    Replaced {
        /// The id under which readers know it.
        id: EntryId,
        /// When the id was lost, and the feeds that contained the article.
        retraction: Retraction,
    },
    /// An editor released a version of a story whose source holds its stories back ([`crate::config::Trust::Hold`]).
    Released {
        /// The path of its file.
        path: ArticlePath,
        /// The hash of the file.
        hash: ContentHash,
    },
    /// An article was retracted.
    Retracted {
        /// The path of its file, which may be gone.
        path: ArticlePath,
        /// How, when and why.
        retraction: Retraction,
    },
    /// A retracted article was restored.
    Restored {
        /// The path of its file.
        path: ArticlePath,
    },
    /// The version of a retracted article's file. The hash identifies the article if the file is moved. Otherwise the article would become
    /// public under the new path.
    Hidden {
        /// The path of its file.
        path: ArticlePath,
        /// The hash of the file.
        hash: ContentHash,
    },
    /// A record that can't be decoded or is of an unknown kind, and may withhold an article. The article stays withheld until an operator
    /// decides. Created when records are read, never written.
    Unreadable {
        /// The path that the record is about. For a `replaced` record, the id.
        path: ArticlePath,
        /// The record.
        record: UnreadableRecord,
        /// When it was written.
        at: Timestamp,
    },
    /// An article's file is gone and its notices have ended. Its facts stay in the store and leave memory.
    Dormant {
        /// The path that the file had.
        path: ArticlePath,
        /// Its facts.
        article: Box<ArticleFacts>,
    },
    /// A dormant article may be back. Its facts are loaded into memory again.
    Reactivated {
        /// The path that the file had.
        path: ArticlePath,
        /// Its facts.
        article: Box<ArticleFacts>,
    },
    /// An agency killed a picture, sound or film. Stories never show it again.
    MediaKilled {
        /// The path of the file with the kill.
        path: ArticlePath,
        /// The files and the ids.
        media: WithheldMedia,
    },
    /// An agency killed an item that hadn't arrived yet, and the file of the kill is gone. The kill holds until the item is restored.
    KillKept {
        /// The path of the kill, as that of a displaced file.
        path: ArticlePath,
        /// The kill.
        kill: Box<AgencyNotice>,
    },
    /// A kept kill was lifted.
    KillDropped {
        /// The path of the kill.
        path: ArticlePath,
    },
    /// The bytes of the file of a public entry are in the store, so that a rejected edit or a lost file does not lose the entry.
    Kept {
        /// The hash of the bytes.
        hash: ContentHash,
        /// The path of its file.
        path: ArticlePath,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
    /// No window shows a version any more, so its bytes are removed from the store.
    Dropped {
        /// The hash of the bytes.
        hash: ContentHash,
    },
    /// An agency killed a version. Nothing of its bytes may stay in the state directory.
    Erased {
        /// The hash of the bytes.
        hash: ContentHash,
    },
    /// Entries joined feeds that have archives. They have consecutive sequence numbers.
    Sequenced {
        /// The number of the first.
        first: Number,
        /// Their ids, in order.
        ids: Vec<EntryId>,
    },
    /// An archive of a feed was closed, extended or lost a member.
    Archive {
        /// The feed's request path.
        route: Arc<str>,
        /// Its place among the feed's archives. Zero: the oldest.
        place: usize,
        /// The archive.
        archive: Arc<Archive>,
    },
    /// Entries of feeds changed.
    Journal {
        /// The rows, in order.
        rows: Vec<JournalRow>,
        /// Rows from before this time are removed.
        keep_since: Timestamp,
    },
    /// Feeds name a hub no longer, or again.
    Hub {
        /// Its URL.
        url: Arc<str>,
        /// Whether it is withdrawn.
        is_withdrawn: bool,
        /// Since when.
        at: Timestamp,
    },
    /// A feed changed, and with it the feed's `updated`.
    Feed {
        /// Its request path.
        route: Arc<str>,
        /// The new value of `updated`.
        updated: Timestamp,
    },
    /// A document changed.
    Document {
        /// Its request path.
        route: Arc<str>,
        /// The hash of its bytes.
        hash: ContentHash,
        /// The new Last-Modified.
        last_modified: Timestamp,
    },
}

impl Record {
    /// The paths of the articles that this record changes.
    pub fn paths(&self) -> impl Iterator<Item = &ArticlePath> {
        let (path, other) = match self {
            Record::Moved { from, to } => (Some(from), Some(to)),
            Record::Seen { path, .. }
            | Record::Undated { path, .. }
            | Record::Published { path, .. }
            | Record::Text { path, .. }
            | Record::Imported { path, .. }
            | Record::Withdrawn { path, .. }
            | Record::Lost { path, .. }
            | Record::Found { path }
            | Record::Released { path, .. }
            | Record::Retracted { path, .. }
            | Record::Restored { path }
            | Record::Hidden { path, .. }
            | Record::Unreadable { path, .. } => (Some(path), None),
            Record::Replaced { .. }
            | Record::Version { .. }
            | Record::Dormant { .. }
            | Record::Reactivated { .. }
            | Record::MediaKilled { .. }
            | Record::KillKept { .. }
            | Record::KillDropped { .. }
            | Record::Kept { .. }
            | Record::Dropped { .. }
            | Record::Erased { .. }
            | Record::Sequenced { .. }
            | Record::Archive { .. }
            | Record::Journal { .. }
            | Record::Hub { .. }
            | Record::Feed { .. }
            | Record::Document { .. } => (None, None),
        };
        path.into_iter().chain(other)
    }
}

/// A record that cannot be decoded, as it is in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnreadableRecord {
    /// The row number.
    pub number: i64,
    /// The kind, as written.
    pub kind: Arc<str>,
}

impl UnreadableRecord {
    /// The kind of [`Record::Replaced`].
    pub const REPLACED: &str = "replaced";
    /// The kind of [`Record::Withdrawn`].
    pub const WITHDRAWN: &str = "withdrawn";
}

//! The list of published documents. A daemon serves them from its start until its first scan completes.
//!
//! The list contains each document's validators and when something in it expires. The bytes are read on demand. A document is served
//! only if the ledger has the same validators. No document is served if an article was withdrawn after the list was written, or if the
//! configuration or the version of the parser or renderer changed.
//!
//! After a blank line follow the versions of the files that each document shows ([`SavedSources`]), which are verified before a document
//! is served. This part is decoded on the first request, so that it doesn't delay the start.
//!
//! ```text
//! {"dateline":"0.1.0","rules":"1.2","config":"...","record":7,"device":66305,"seal":"..."}
//! {"route":"/news/rss.xml","kind":"rss","hash":"...", ...}                                       one line per document
//!
//! {"folder":"news","files":[["ships.md","<hash>"],["fab.txt","<hash>","urn:x:fab"]]}             numbered in this order, from 0
//! {"feed":"/news/","files":[1,0]}
//! ```
//!
//! `seal` is the hash of everything after the first line. In a damaged list, numbers might refer to other files.
//!
//! # Why are saved documents served before all articles are read?
//!
//! A restart with a large content directory takes a minute, and readers that get a 503 may not come back for an hour. A saved document is
//! served only if it was the last version under the same configuration, nothing in it has expired or was withdrawn, and the files of its
//! entries still have the versions that it shows (`daemon::saved_documents`).
//!
//! # Why are files compared by content and not by timestamps?
//!
//! The metadata cache says which version a file's stamp belongs to, even if the file changed between the last publication and the end
//! of the process. So the list needs versions only, and a file that was touched but not changed withholds nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directory::PUBLISHED_LIST;
use super::error::ReadError;
use super::rows::instant;
use crate::article::PARSER_VERSION;
use crate::article::render::RENDERER_VERSION;
use crate::encoding::decode_segment;
use crate::feed::Format;
use crate::ledger::Ledger;
use crate::snapshot::{PublishedArticle, Resource, ResourceKind, ShownArticles, Snapshot};
use crate::types::{ArticlePath, ContentHash, EntryId, Text, folder};

/// The inputs that a list depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The configuration in force.
    pub config: ContentHash,
    /// The number of the last record that it takes into account.
    pub record: i64,
    /// The device that the content directory is on. If it differs at the next start, the directory may not be mounted.
    pub device: Option<u64>,
    /// The prefix of ids that dateline mints. Agencies don't know these ids, so no agency file can withdraw such an item.
    pub minted: String,
}

/// The documents that were published last, if they may be served again.
#[derive(Debug)]
pub struct Saved {
    /// The documents. Their bytes aren't in memory.
    pub snapshot: Snapshot,
    /// The files that they depend on.
    pub sources: SavedSources,
}

/// The files that the documents of the previous run depend on.
#[derive(Debug, Default)]
pub struct SavedSources {
    /// The device that the content directory was on.
    pub device: Option<u64>,
    list: String,
    table: OnceLock<SourceTable>,
}

#[derive(Debug, Default)]
struct SourceTable {
    files: Vec<SavedFile>,
    feeds: HashMap<Box<str>, Box<[usize]>>,
}

/// A file in the version that readers saw last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedFile {
    /// The path of the file.
    pub path: ArticlePath,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// The agency's key of the item, for agencies' files and wire texts that state one. Another file with this key may withdraw the item.
    pub key: Option<ItemKey>,
}

/// An agency's key of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemKey {
    /// The key.
    Known(String),
    /// The article has an id from which the key doesn't follow.
    Unknown,
}

impl ItemKey {
    /// The key of the item in an article's file. `minted` is the prefix of ids that dateline mints.
    fn of(path: &ArticlePath, id: &EntryId, minted: &str) -> Option<ItemKey> {
        let is_one_of = |names: &[&str]| names.iter().any(|name| path.extension().eq_ignore_ascii_case(name));
        let minted = id.as_str().strip_prefix(minted);
        let key = minted.and_then(|rest| rest.strip_prefix("item/"));
        let key = key.map(|key| String::from_utf8_lossy(&decode_segment(key)).into_owned());
        match key {
            Some(key) => Some(ItemKey::Known(key)),
            None if is_one_of(&["txt"]) => minted.is_none().then(|| ItemKey::Known(id.to_string())),
            None => is_one_of(&["json", "xml"]).then_some(ItemKey::Unknown),
        }
    }
}

impl SavedSources {
    /// Returns the files that a document depends on. `None` if the list doesn't say.
    pub fn of(&self, route: &str, kind: ResourceKind) -> Option<Vec<&SavedFile>> {
        let table = self.table();
        let file = |number: &usize| table.files.get(*number);
        match kind {
            ResourceKind::Style => Some(Vec::new()),
            // The OPML document depends on the articles that give tags and authors their feeds and names.
            ResourceKind::Opml => {
                let mut numbers = Vec::new();
                for (_, shown) in table.feeds.iter().filter(|(feed, _)| is_named_by_articles(feed)) {
                    numbers.extend((!shown.is_empty()).then_some(shown)?.iter().copied());
                }
                numbers.sort_unstable();
                numbers.dedup();
                numbers.iter().map(file).collect()
            }
            ResourceKind::Feed(_) | ResourceKind::ShownFeed(_) | ResourceKind::Page => {
                let feed = feed_of(route);
                let shown = table.feeds.get(feed)?;
                // An empty feed of a tag or author shows no article that proves that the feed exists.
                let is_proven = !shown.is_empty() || !is_named_by_articles(feed);
                is_proven.then(|| shown.iter().map(file).collect()).flatten()
            }
        }
    }

    /// Returns the folders directly below the directory of a source that contain files.
    pub fn top_folders(&self, source: Option<&str>) -> BTreeSet<String> {
        let files = self.table().files.iter().filter(|file| file.path.source() == source);
        let folders = files.filter_map(|file| folder::relative(file.path.folder()).split('/').next());
        let folders = folders.filter(|folder| !folder.is_empty());
        folders.map(|name| folder::join(&folder::top(source), name)).collect()
    }

    /// Returns `count` files at most, spread evenly over the list.
    pub fn sample(&self, count: usize) -> impl Iterator<Item = &SavedFile> {
        let files = self.table().files.as_slice();
        files.iter().step_by((files.len() / count.max(1)).max(1)).take(count)
    }

    fn table(&self) -> &SourceTable {
        self.table.get_or_init(|| SourceTable::parse(&self.list).unwrap_or_default())
    }
}

fn is_named_by_articles(feed: &str) -> bool {
    feed.starts_with("/tags/") || feed.starts_with("/authors/")
}

/// Returns the canonical request path of a document's feed.
pub fn feed_of(route: &str) -> &str {
    route.rfind('/').and_then(|slash| route.get(..=slash)).unwrap_or_default()
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    dateline: String,
    rules: String,
    config: String,
    record: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
    #[serde(rename = "seal")]
    checksum: String,
}

/// Returns the versions of the parser and the renderer. Other versions may publish other documents from the same files.
fn rules() -> String {
    format!("{PARSER_VERSION}.{RENDERER_VERSION}")
}

/// The line of a document.
#[derive(Serialize, Deserialize)]
struct DocumentLine {
    route: String,
    kind: String,
    hash: String,
    length: usize,
    max_age: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    links: Option<String>,
}

/// The names of document kinds in the list.
const KINDS: [(&str, ResourceKind); 9] = [
    ("rss", ResourceKind::Feed(Format::Rss)),
    ("atom", ResourceKind::Feed(Format::Atom)),
    ("json", ResourceKind::Feed(Format::Json)),
    ("shown-rss", ResourceKind::ShownFeed(Format::Rss)),
    ("shown-atom", ResourceKind::ShownFeed(Format::Atom)),
    ("shown-json", ResourceKind::ShownFeed(Format::Json)),
    ("style", ResourceKind::Style),
    ("opml", ResourceKind::Opml),
    ("page", ResourceKind::Page),
];

/// The line of a folder. Each file has a name, a hash, and the key of its item if it has one; "" if the key isn't known.
#[derive(Serialize, Deserialize)]
struct FolderLine {
    folder: String,
    files: Vec<Vec<String>>,
}

/// The line of a feed, with the numbers of its files.
#[derive(Serialize, Deserialize)]
struct FeedLine {
    feed: String,
    files: Vec<usize>,
}

/// Encodes the list. The program's version is part of it, because other versions may encode documents differently.
fn encode(snapshot: &Snapshot, origin: &Origin) -> String {
    let documents = snapshot.documents.iter().filter_map(|(route, resource)| line(route, resource));
    let mut lines: Vec<String> = documents.collect();
    lines.sort_unstable();
    lines.push(String::new());
    encode_sources(snapshot, &origin.minted, &mut lines);
    lines.push(String::new());
    let rest = lines.join("\n");
    let head = Head {
        dateline: env!("CARGO_PKG_VERSION").to_owned(),
        rules: rules(),
        config: origin.config.to_string(),
        record: origin.record,
        device: origin.device,
        checksum: ContentHash::of(rest.as_bytes()).to_string(),
    };
    format!("{}\n{rest}", serde_json::to_string(&head).unwrap_or_default())
}

/// Encodes the versions of the files that the documents show. A file occurs twice if a feed still shows its older version.
fn encode_sources(snapshot: &Snapshot, minted: &str, lines: &mut Vec<String>) {
    type Version<'a> = (&'a str, &'a str, ContentHash);
    fn version(article: &PublishedArticle) -> Version<'_> {
        (article.path.folder(), article.path.name(), article.hash)
    }
    let mut versions: BTreeMap<Version<'_>, (&PublishedArticle, usize)> = BTreeMap::new();
    for article in snapshot.shown_articles.values().flat_map(|sources| sources.iter()) {
        versions.entry(version(article)).or_insert((article, 0));
    }
    versions.values_mut().enumerate().for_each(|(number, (_, slot))| *slot = number);
    let mut folder: Option<FolderLine> = None;
    for (article, _) in versions.values() {
        if folder.as_ref().is_none_or(|folder| folder.folder != article.path.folder()) {
            lines.extend(folder.take().and_then(|folder| serde_json::to_string(&folder).ok()));
        }
        let folder =
            folder.get_or_insert_with(|| FolderLine { folder: article.path.folder().to_owned(), files: Vec::new() });
        let key = ItemKey::of(&article.path, &article.id, minted).map(|key| match key {
            ItemKey::Known(key) => key,
            ItemKey::Unknown => String::new(),
        });
        folder.files.push([article.path.name().to_owned(), article.hash.to_string()].into_iter().chain(key).collect());
    }
    lines.extend(folder.and_then(|folder| serde_json::to_string(&folder).ok()));
    let number = |article: &Arc<PublishedArticle>| versions.get(&version(article)).map(|(_, number)| *number);
    let feed = |(feed, sources): (&Arc<str>, &ShownArticles)| {
        let files = sources.iter().map(number).collect::<Option<_>>()?;
        serde_json::to_string(&FeedLine { feed: feed.to_string(), files }).ok()
    };
    let mut feeds: Vec<String> = snapshot.shown_articles.iter().filter_map(feed).collect();
    feeds.sort_unstable();
    lines.append(&mut feeds);
}

impl SourceTable {
    fn parse(list: &str) -> Option<SourceTable> {
        let mut table = SourceTable::default();
        for line in list.lines() {
            if line.starts_with("{\"folder\"") {
                let FolderLine { folder, files } = serde_json::from_str(line).ok()?;
                for file in files {
                    let [name, hash, key @ ..] = file.as_slice() else { return None };
                    let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                    let key = key.first().map(|key| match key.as_str() {
                        "" => ItemKey::Unknown,
                        key => ItemKey::Known(key.to_owned()),
                    });
                    let (path, hash) = (ArticlePath::new(&path), ContentHash::parse(hash)?);
                    table.files.push(SavedFile { path, hash, key });
                }
            } else {
                let FeedLine { feed, files } = serde_json::from_str(line).ok()?;
                table.feeds.insert(feed.into(), files.into());
            }
        }
        Some(table)
    }
}

fn line(route: &str, resource: &Resource) -> Option<String> {
    let (kind, _) = KINDS.iter().find(|(_, kind)| *kind == resource.kind)?;
    let line = DocumentLine {
        route: route.to_owned(),
        kind: (*kind).to_owned(),
        hash: resource.hash.to_string(),
        length: resource.length,
        max_age: resource.max_age,
        last_modified: resource.last_modified.map(Timestamp::as_millisecond),
        newest: resource.newest.map(Timestamp::as_millisecond),
        until: resource.expires.map(Timestamp::as_millisecond),
        links: resource.links.as_ref().map(ToString::to_string),
    };
    serde_json::to_string(&line).ok()
}

/// Decodes a list and returns the documents that may be served under this configuration and ledger. `has_withdrawal_after` says whether an
/// article was withdrawn after a record.
pub(super) fn read(
    list: &str,
    config: ContentHash,
    ledger: &Ledger,
    has_withdrawal_after: impl FnOnce(i64) -> bool,
) -> Option<Saved> {
    let (head, rest) = list.split_once('\n')?;
    let head: Head = serde_json::from_str(head).ok()?;
    let is_current = head.dateline == env!("CARGO_PKG_VERSION")
        && head.rules == rules()
        && ContentHash::parse(&head.config) == Some(config)
        && ContentHash::parse(&head.checksum) == Some(ContentHash::of(rest.as_bytes()));
    if !is_current || has_withdrawal_after(head.record) {
        return None;
    }
    let (documents, sources) = rest.split_once("\n\n").unwrap_or_default();
    let mut snapshot = Snapshot::default();
    let lines: Vec<DocumentLine> = documents.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let first_expiry = lines.iter().filter_map(|line| line.until).min();
    for line in lines {
        let route: Arc<str> = line.route.as_str().into();
        if let Some(mut resource) = resource(line, ledger) {
            // The OPML document depends on all articles.
            if resource.kind == ResourceKind::Opml {
                resource.expires = first_expiry.and_then(instant);
            }
            snapshot.documents.insert(route, Arc::new(resource));
        }
    }
    let sources = SavedSources { device: head.device, list: sources.to_owned(), table: OnceLock::new() };
    (!snapshot.documents.is_empty()).then_some(Saved { snapshot, sources })
}

/// Decodes a document. `None` if the ledger has other validators.
fn resource(line: DocumentLine, ledger: &Ledger) -> Option<Resource> {
    let hash = ContentHash::parse(&line.hash)?;
    let (_, kind) = KINDS.iter().find(|(name, _)| *name == line.kind)?;
    let recorded = ledger.document(&line.route).map(|(hash, modified)| (hash, modified.as_millisecond()));
    if recorded != line.last_modified.map(|modified| (hash, modified)) {
        return None;
    }
    let last_modified = line.last_modified.and_then(instant);
    let mut resource = Resource::new(*kind, hash, line.length, last_modified, line.max_age);
    resource.newest = line.newest.and_then(instant);
    resource.expires = line.until.and_then(instant);
    resource.links = line.links.map(|links| Text::line(&links));
    Some(resource)
}

/// Saves the list of published documents for the next start.
///
/// # Errors
/// If the file can't be written.
pub fn save_published_list(directory: &Path, snapshot: &Snapshot, origin: &Origin) -> io::Result<()> {
    let list = directory.join(PUBLISHED_LIST);
    let new = list.with_extension("new");
    let written = fs::write(&new, encode(snapshot, origin)).and_then(|()| fs::rename(&new, list));
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Removes the list of published documents, so that the next start serves nothing before its first publication.
///
/// # Errors
/// If the file can't be removed.
pub fn remove_published_list(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(PUBLISHED_LIST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the number of the last record that the list of published documents takes into account.
pub(super) fn last_listed_record(directory: &Path) -> Option<i64> {
    let mut head = String::new();
    BufReader::new(File::open(directory.join(PUBLISHED_LIST)).ok()?).read_line(&mut head).ok()?;
    let head: serde_json::Value = serde_json::from_str(&head).ok()?;
    head.get("record")?.as_i64()
}

/// Returns an error if the database has fewer records than the list of published documents. The last records are lost together with
/// a write-ahead log, which SQLite doesn't notice.
pub(super) fn missing_records(last_listed: Option<i64>, last: i64) -> Option<ReadError> {
    let last_listed = last_listed.filter(|last_listed| *last_listed > last)?;
    Some(ReadError::missing(last.saturating_add(1), last_listed))
}

#[cfg(test)]
mod tests;

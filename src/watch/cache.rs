//! The metadata and warnings of files that earlier runs read, so that a start needn't read all files.
//!
//! # When is a row valid?
//!
//! When its checksum matches the file as it is now: path, stamp, the stamps of its media files and of the pictures with its name, and the
//! rules by which files are parsed.
//! Stale and damaged rows are ignored.
//!
//! # Can a row be wrong?
//!
//! Only if a file has other bytes but the same size, inode and times. Programs can't set ctime, so this takes a clock that was set back, or
//! a disk that was written without its file system. A file that changed less than a second before it was read isn't cached, because it may
//! change again without a new ctime.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::stat::stat_file;
use crate::article::card::Packed;
use crate::article::{PARSER_VERSION, ParseOptions, Parsed, bundle};
use crate::beneath::{Root, Stamp};
use crate::diagnostics::{Diagnostic, packed};
use crate::event::{FileState, ParsedFile};
use crate::types::{ArticlePath, ContentHash};

/// A file whose packed warnings are longer isn't cached.
const MAX_WARNING_BYTES: usize = 16 << 10;
/// Stands for the warnings in the row of a file with several items.
const ITEMS_MARK: &[u8] = b"items";
/// A file whose items take more isn't cached.
const MAX_ITEM_BYTES: usize = 4 << 20;
/// A file that changed later than this before it was read isn't cached. File systems' clocks tick in milliseconds.
const MIN_CACHED_AGE: Duration = Duration::from_secs(1);

/// A row of the cache: metadata of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedRow {
    /// The checksum: a hash of the parsing rules, of path and stamp, of the stamps of the media files, and of the other fields.
    pub checksum: ContentHash,
    /// The article's packed metadata.
    pub card: Box<[u8]>,
    /// The file's diagnostics, packed ([`packed`]).
    pub warnings: Box<[u8]>,
}

/// The contents of a valid row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CachedFile {
    /// A file with one article.
    Article(CachedArticle),
    /// A file with several items: the hash of the file, and the items with their paths.
    Items(ContentHash, Vec<(ArticlePath, CachedArticle)>),
}

/// An article without its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedArticle {
    /// The article's metadata.
    pub card: Packed,
    /// Its diagnostics.
    pub warnings: Vec<Diagnostic>,
}

impl CachedFile {
    /// The file as the watcher reports it.
    pub(super) fn into_state(self) -> FileState {
        let known = |CachedArticle { card, warnings }| FileState::Known(card, warnings);
        match self {
            CachedFile::Article(article) => known(article),
            CachedFile::Items(hash, items) => {
                let item = |(path, article)| ParsedFile { path, state: known(article), renamed_from: None };
                FileState::Items { hash, items: items.into_iter().map(item).collect() }
            }
        }
    }

    /// The version of the article at a path: the file's, or that of an item in it. `None`: the file has no such item.
    pub(super) fn hash_of(&self, path: &ArticlePath) -> Option<ContentHash> {
        match self {
            CachedFile::Article(article) => Some(article.card.hash()),
            CachedFile::Items(_, items) => {
                items.iter().find(|(item, _)| item == path).map(|(_, article)| article.card.hash())
            }
        }
    }

    /// The hash of the file's bytes.
    pub(super) fn hash(&self) -> ContentHash {
        match self {
            CachedFile::Article(article) => article.card.hash(),
            CachedFile::Items(hash, _) => *hash,
        }
    }

    /// The metadata of its articles.
    pub(super) fn cards(&self) -> impl Iterator<Item = &Packed> {
        let (article, items) = match self {
            CachedFile::Article(article) => (Some(article), None),
            CachedFile::Items(_, items) => (None, Some(items)),
        };
        article.into_iter().chain(items.into_iter().flatten().map(|(_, article)| article)).map(|article| &article.card)
    }
}

/// The items of a file in a row: the hash of the file, and the key, the card and the packed warnings of each.
#[derive(Serialize, Deserialize)]
struct StoredItems {
    hash: [u8; 16],
    items: Vec<(String, Vec<u8>, Vec<u8>)>,
}

/// Stores rows from one run to the next. Rows are validated when they are used, so an implementation may lose or damage any of them.
pub trait MetadataCache: Send {
    /// The rows of the files in a folder, by file name.
    fn load_folder(&mut self, folder: &str) -> HashMap<String, CachedRow>;
    /// Replaces the rows of files. `None` removes a row.
    fn save(&mut self, rows: Vec<(ArticlePath, Option<CachedRow>)>);
    /// Removes the rows of folders that weren't loaded. Called after every folder has been loaded.
    fn finish_listing(&mut self);
}

/// Stores nothing.
impl MetadataCache for () {
    fn load_folder(&mut self, _: &str) -> HashMap<String, CachedRow> {
        HashMap::new()
    }
    fn save(&mut self, _: Vec<(ArticlePath, Option<CachedRow>)>) {}
    fn finish_listing(&mut self) {}
}

/// Encodes and validates rows, for one content directory and one set of parsing rules.
pub(super) struct RowCodec<'r> {
    root: &'r Root,
    rules: ContentHash,
}

impl<'r> RowCodec<'r> {
    /// Creates a codec for files that are parsed with these options.
    pub(super) fn new(root: &'r Root, options: &ParseOptions) -> RowCodec<'r> {
        RowCodec::with_rules(root, rules(options))
    }

    /// Creates a codec for files that are parsed by these [`rules`].
    pub(super) fn with_rules(root: &'r Root, rules: ContentHash) -> RowCodec<'r> {
        RowCodec { root, rules }
    }

    /// The row of a file that was read. `None` if it has no article, has too many diagnostics, is embargoed or withheld, or changed too
    /// recently. `pictures` are those with the file's name.
    pub(super) fn encode(
        &self,
        file: &ParsedFile,
        pictures: &[ArticlePath],
        stamp: Option<Stamp>,
        now: SystemTime,
    ) -> Option<CachedRow> {
        // The engine needs the body of a section's page.
        if bundle::is_section_page(&file.path) {
            return None;
        }
        let stamp = stamp.filter(|stamp| !is_recent(*stamp, now))?;
        let (card, warnings, cards) = match &file.state {
            FileState::Items { hash, items } => {
                let stored = items.iter().map(|item| {
                    let (card, warnings) = article_of(&item.state)?;
                    Some((item.path.item()?.to_owned(), card.as_bytes().to_vec(), warnings.into_vec()))
                });
                let stored = StoredItems { hash: *hash.as_bytes(), items: stored.collect::<Option<_>>()? };
                let bytes = postcard::to_allocvec(&stored).ok().filter(|bytes| bytes.len() <= MAX_ITEM_BYTES)?;
                let cards = items.iter().filter_map(|item| article_of(&item.state)).map(|(card, _)| card);
                (bytes.into_boxed_slice(), ITEMS_MARK.into(), cards.cloned().collect())
            }
            state => {
                let (card, warnings) = article_of(state)?;
                (card.as_bytes().into(), warnings, vec![card.clone()])
            }
        };
        let checksum = self.checksum(&file.path, pictures, stamp, (&cards, &card), &warnings, now)?;
        Some(CachedRow { checksum, card, warnings })
    }

    /// The contents of a row if it is valid for the file with this stamp.
    pub(super) fn decode(
        &self,
        path: &ArticlePath,
        pictures: &[ArticlePath],
        stamp: Stamp,
        row: CachedRow,
        now: SystemTime,
    ) -> Option<CachedFile> {
        let CachedRow { checksum, card, warnings } = row;
        let file = match &*warnings == ITEMS_MARK {
            true => decode_items(path, &card)?,
            false => {
                let (card, warnings) = (Packed::from_bytes(path, card.clone())?, packed::unpack(&warnings)?);
                CachedFile::Article(CachedArticle { card, warnings })
            }
        };
        let cards: Vec<Packed> = file.cards().cloned().collect();
        (self.checksum(path, pictures, stamp, (&cards, &card), &warnings, now)? == checksum).then_some(file)
    }

    /// Computes the checksum of a row. `None` if a media file changed too recently.
    fn checksum(
        &self,
        path: &ArticlePath,
        pictures: &[ArticlePath],
        stamp: Stamp,
        (cards, stored): (&[Packed], &[u8]),
        warnings: &[u8],
        now: SystemTime,
    ) -> Option<ContentHash> {
        let mut stamps = stamp_bytes(stamp).to_vec();
        let with_files = cards.iter().filter(|card| card.has_files());
        let named: Vec<ArticlePath> = with_files.flat_map(|card| card.open(path).files).map(|(file, _)| file).collect();
        let others = pictures.iter().filter(|picture| !named.contains(picture));
        for file in named.iter().chain(others) {
            match stat_file(self.root, file).unwrap_or_default() {
                Some(stamp) if is_recent(stamp, now) => return None,
                Some(stamp) => stamps.extend(stamp_bytes(stamp)),
                None => stamps.push(0),
            }
        }
        let parts = [self.rules.as_bytes(), path.as_str().as_bytes(), &stamps, stored, warnings];
        Some(ContentHash::of_parts(parts))
    }
}

/// The card and the packed warnings of an article that can be cached.
fn article_of(state: &FileState) -> Option<(&Packed, Box<[u8]>)> {
    let FileState::Present(Parsed { article: Some(article), diagnostics, embargoed: false, withhold: false, .. }) =
        state
    else {
        return None;
    };
    Some((&article.card, packed::pack(diagnostics, MAX_WARNING_BYTES)?))
}

fn decode_items(path: &ArticlePath, bytes: &[u8]) -> Option<CachedFile> {
    let StoredItems { hash, items } = postcard::from_bytes(bytes).ok()?;
    let items = items.into_iter().map(|(key, card, warnings)| {
        let path = ArticlePath::new(&format!("{path}#{key}"));
        let card = Packed::from_bytes(&path, card.into())?;
        Some((path, CachedArticle { card, warnings: packed::unpack(&warnings)? }))
    });
    Some(CachedFile::Items(ContentHash::from_bytes(hash), items.collect::<Option<_>>()?))
}

/// The hash of everything that decides how a file is parsed.
pub(super) fn rules(options: &ParseOptions) -> ContentHash {
    ContentHash::of(format!("{PARSER_VERSION} {} {options:?}", env!("CARGO_PKG_VERSION")).as_bytes())
}

/// Whether a file changed so recently that it may change again without a new stamp.
pub(super) fn is_recent(stamp: Stamp, now: SystemTime) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let limit =
        i128::try_from(now).unwrap_or(i128::MAX) - i128::try_from(MIN_CACHED_AGE.as_nanos()).unwrap_or_default();
    stamp.changed_ns > limit || stamp.modified_ns > limit
}

/// All fields of a stamp.
fn stamp_bytes(stamp: Stamp) -> [u8; 56] {
    let mut bytes = [0; 56];
    let numbers = [
        stamp.size.to_le_bytes().as_slice(),
        &stamp.modified_ns.to_le_bytes(),
        &stamp.changed_ns.to_le_bytes(),
        &stamp.inode.to_le_bytes(),
        &stamp.device.to_le_bytes(),
    ]
    .concat();
    bytes.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
    bytes
}

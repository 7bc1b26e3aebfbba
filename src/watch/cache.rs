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

use super::stat::stat_file;
use crate::article::card::Packed;
use crate::article::{PARSER_VERSION, ParseOptions, Parsed, bundle};
use crate::beneath::{Root, Stamp};
use crate::diagnostics::{Diagnostic, packed};
use crate::event::{FileState, ParsedFile};
use crate::types::{ArticlePath, ContentHash};

/// A file whose packed warnings are longer isn't cached.
const MAX_WARNING_BYTES: usize = 16 << 10;
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
pub struct CachedFile {
    /// The article's metadata.
    pub card: Packed,
    /// The file's diagnostics.
    pub warnings: Vec<Diagnostic>,
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
        let FileState::Present(Parsed {
            article: Some(article), diagnostics, embargoed: false, withhold: false, ..
        }) = &file.state
        else {
            return None;
        };
        let stamp = stamp.filter(|stamp| !is_recent(*stamp, now))?;
        let card: Box<[u8]> = article.card.as_bytes().into();
        let warnings = packed::pack(diagnostics, MAX_WARNING_BYTES)?;
        let checksum = self.checksum(&file.path, pictures, stamp, &article.card, &warnings, now)?;
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
        let card = Packed::from_bytes(path, card)?;
        let is_valid = self.checksum(path, pictures, stamp, &card, &warnings, now)? == checksum;
        let warnings = packed::unpack(&warnings).filter(|_| is_valid)?;
        Some(CachedFile { card, warnings })
    }

    /// Computes the checksum of a row. `None` if a media file changed too recently.
    fn checksum(
        &self,
        path: &ArticlePath,
        pictures: &[ArticlePath],
        stamp: Stamp,
        card: &Packed,
        warnings: &[u8],
        now: SystemTime,
    ) -> Option<ContentHash> {
        let mut stamps = stamp_bytes(stamp).to_vec();
        let named = if card.has_files() { card.open(path).files } else { Vec::new() };
        let others = pictures.iter().filter(|picture| !named.iter().any(|(file, _)| file == *picture));
        for file in named.iter().map(|(file, _)| file).chain(others) {
            match stat_file(self.root, file).unwrap_or_default() {
                Some(stamp) if is_recent(stamp, now) => return None,
                Some(stamp) => stamps.extend(stamp_bytes(stamp)),
                None => stamps.push(0),
            }
        }
        let parts = [self.rules.as_bytes(), path.as_str().as_bytes(), &stamps, card.as_bytes(), warnings];
        Some(ContentHash::of_parts(parts))
    }
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

//! What earlier runs read, warnings included, so that a start need not read an archive again. A row is taken only where its seal fits what
//! the file looks like now: stale and spoilt rows are as good as none.
//!
//! What a seal cannot tell: a file of the same size, number and times whose bytes are others. No program can set the time of the
//! last change of a file (ctime), so that takes a clock that was set back, or a disk that was written past its file system.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::scan::look;
use crate::article::card::Packed;
use crate::article::{PARSER_VERSION, ParseOptions, Parsed, bundle};
use crate::beneath::{Root, Stamp};
use crate::diagnostics::{Diagnostic, packed};
use crate::event::{FileState, ParsedFile};
use crate::types::{ArticlePath, ContentHash};

/// What warnings of one file may take (bytes). One with more is read again at every start.
const MAX_WARNING_BYTES: usize = 16 << 10;
/// A file that changed so shortly before it was read may change again without looking different: clocks of file systems tick in
/// milliseconds.
const YOUNG: Duration = Duration::from_secs(1);

/// What is kept of a file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cached {
    /// Hash of the rules by which the file was read, of its path and stamp, of the stamps of the files that it names, and of what follows.
    pub seal: ContentHash,
    /// The bytes of its card.
    pub card: Box<[u8]>,
    /// What was odd about it ([`packed`]).
    pub warnings: Box<[u8]>,
}

/// What is kept of a file, and fits it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedFile {
    /// The card of its article.
    pub card: Packed,
    /// What was odd about it.
    pub warnings: Vec<Diagnostic>,
}

/// Keeps what was read from one run to the next. What it gives is checked, so it may lose or spoil anything.
pub trait MetadataCache: Send {
    /// What is kept of the files of a folder, by their names.
    fn of_folder(&mut self, folder: &str) -> HashMap<String, Cached>;
    /// Keeps what was read of files; `None`: nothing.
    fn keep(&mut self, rows: Vec<(ArticlePath, Option<Cached>)>);
    /// All folders were asked for: what is kept of others is forgotten.
    fn finish_listing(&mut self);
}

/// Nothing is kept.
impl MetadataCache for () {
    fn of_folder(&mut self, _: &str) -> HashMap<String, Cached> {
        HashMap::new()
    }
    fn keep(&mut self, _: Vec<(ArticlePath, Option<Cached>)>) {}
    fn finish_listing(&mut self) {}
}

/// Seals and proves what is kept, for files of one content directory that are read by one set of rules.
pub(super) struct Seals<'r> {
    root: &'r Root,
    rules: ContentHash,
}

impl<'r> Seals<'r> {
    /// Of files that are read so. Another version of this program may read them otherwise.
    pub(super) fn new(root: &'r Root, options: &ParseOptions) -> Seals<'r> {
        Seals::by_rules(root, rules(options))
    }

    /// Of files that are read by these [`rules`].
    pub(super) fn by_rules(root: &'r Root, rules: ContentHash) -> Seals<'r> {
        Seals { root, rules }
    }

    /// What is kept of a file that was read; `None` where it was refused, where too much about it was odd, where readers must not see it
    /// yet, or where it is too young.
    pub(super) fn row(&self, file: &ParsedFile, stamp: Option<Stamp>, now: SystemTime) -> Option<Cached> {
        // Of the page of a section more is needed than its card.
        if bundle::is_section_page(&file.path) {
            return None;
        }
        let FileState::Present(Parsed {
            article: Some(article), diagnostics, embargoed: false, withhold: false, ..
        }) = &file.state
        else {
            return None;
        };
        let stamp = stamp.filter(|stamp| !is_young(*stamp, now))?;
        let card: Box<[u8]> = article.card.as_bytes().into();
        let warnings = packed::pack(diagnostics, MAX_WARNING_BYTES)?;
        let seal = self.seal(&file.path, stamp, &article.card, &warnings, now)?;
        Some(Cached { seal, card, warnings })
    }

    /// What is kept of a file that looks as it did when it was read.
    pub(super) fn recall(&self, path: &ArticlePath, stamp: Stamp, row: Cached, now: SystemTime) -> Option<CachedFile> {
        let Cached { seal, card, warnings } = row;
        let card = Packed::from_bytes(path, card)?;
        let fits = self.seal(path, stamp, &card, &warnings, now)? == seal;
        let warnings = packed::unpack(&warnings).filter(|_| fits)?;
        Some(CachedFile { card, warnings })
    }

    fn seal(
        &self,
        path: &ArticlePath,
        stamp: Stamp,
        card: &Packed,
        warnings: &[u8],
        now: SystemTime,
    ) -> Option<ContentHash> {
        let mut stamps = bytes(stamp).to_vec();
        if card.has_files() {
            for (file, _) in card.open(path).files {
                match look(self.root, &file).unwrap_or_default() {
                    Some(stamp) if is_young(stamp, now) => return None,
                    Some(stamp) => stamps.extend(bytes(stamp)),
                    None => stamps.push(0),
                }
            }
        }
        let parts = [self.rules.as_bytes(), path.as_str().as_bytes(), &stamps, card.as_bytes(), warnings];
        Some(ContentHash::of_parts(parts))
    }
}

/// The hash of all that decides how a file is read.
pub(super) fn rules(options: &ParseOptions) -> ContentHash {
    ContentHash::of(format!("{PARSER_VERSION} {} {options:?}", env!("CARGO_PKG_VERSION")).as_bytes())
}

/// Whether a file may have changed since it was read without looking different.
pub(super) fn is_young(stamp: Stamp, now: SystemTime) -> bool {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let since = i128::try_from(now).unwrap_or(i128::MAX) - i128::try_from(YOUNG.as_nanos()).unwrap_or_default();
    stamp.changed_ns > since || stamp.modified_ns > since
}

/// All of a stamp.
fn bytes(stamp: Stamp) -> [u8; 56] {
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

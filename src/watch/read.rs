//! Reads and parses files on all cores.
//!
//! # Why doesn't every file come with its body?
//!
//! Files that are read together stay in memory until they are sent. `Reader` keeps bodies only up to a budget. Windows fetch the bodies
//! that they need later.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::cache::{CachedRow, RowCodec};
use super::clock::clock;
use super::listing::FileKind;
use super::media_files::{add_files, pictures_of};
use super::stat::{OpenFolder, stat_file, unusable};
use crate::article::{self, ItemSource, ParseOptions, Parsed, bundle};
use crate::beneath::{Root, Stamp, is_missing};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{FileState, ParsedFile};
use crate::parallel::{catch_panic, on_all_cores};
use crate::types::{ArticlePath, ContentHash};

/// How many bytes of sources and bodies stay in memory until they are sent.
const MAX_BUFFERED_BYTES: usize = 8 << 20;

/// A parser: [`article::parse`] or [`article::parse_with_origins`].
type Parse = fn(&ArticlePath, &[u8], &ParseOptions) -> Parsed;

/// Reads and parses a file.
pub fn read(root: &Root, path: &ArticlePath, options: &ParseOptions, parse: Parse) -> ParsedFile {
    let state = match stat_file(root, path) {
        Err(diagnostic) => return refuse(path.clone(), diagnostic),
        Ok(None) => FileState::Absent { doubtful: false },
        Ok(Some(stamp)) => note_modified(read_existing(root, path, options, parse), stamp),
    };
    ParsedFile { path: path.clone(), state, renamed_from: None }
}

/// The result for a file that can't be used.
pub(super) fn refuse(path: ArticlePath, diagnostic: Diagnostic) -> ParsedFile {
    ParsedFile { path, state: FileState::Present(Parsed::refused(vec![diagnostic])), renamed_from: None }
}

/// Reads and parses a file that `stat` found.
pub(super) fn read_existing(root: &Root, path: &ArticlePath, options: &ParseOptions, parse: Parse) -> FileState {
    match bytes_of(root, path, options) {
        Ok(Content::Whole(bytes)) => match divided(path, &bytes, options) {
            Some(items) => read_items(root, &bytes, items, options),
            None => FileState::Present(parse_with_source(root, path, &bytes, options, parse)),
        },
        Ok(Content::Item(item)) => FileState::Present(parse_item(root, &item, options, parse)),
        Ok(Content::Head(head)) => FileState::Present(article::too_large(path, &head, options)),
        Err(error) if is_missing(&error) => FileState::Absent { doubtful: false },
        Err(error) => FileState::Unreadable(unusable(root, path, &error)),
    }
}

/// Notes when the file of agencies' items was modified, which decides between equal versions.
fn note_modified(mut state: FileState, stamp: Stamp) -> FileState {
    let modified = i64::try_from(stamp.modified_ns).unwrap_or_default();
    match &mut state {
        FileState::Present(parsed) => parsed.set_modified(modified),
        FileState::Items { items, .. } => {
            for item in items {
                if let FileState::Present(parsed) = &mut item.state {
                    parsed.set_modified(modified);
                }
            }
        }
        _ => {}
    }
    state
}

/// The bytes of a file.
pub(super) enum Content {
    Whole(Vec<u8>),
    /// An item of a file that contains several.
    Item(ItemSource),
    /// The beginning of a file above the size limit. It may say that the article isn't public.
    Head(Vec<u8>),
}

pub(super) fn bytes_of(root: &Root, path: &ArticlePath, options: &ParseOptions) -> io::Result<Content> {
    let limit = options.max_size;
    let (file, metadata) = root.open_file(path)?;
    if metadata.len() <= limit {
        let bytes = read_bytes(file, metadata.len(), limit)?;
        if path.item().is_none() {
            return Ok(Content::Whole(bytes));
        }
        let items = divided(&ArticlePath::new(path.file()), &bytes, options);
        let item = items.into_iter().flatten().find(|item| item.path == *path);
        return item.map(Content::Item).ok_or_else(|| io::ErrorKind::NotFound.into());
    }
    let mut head = Vec::new();
    file.take(article::MAX_HEAD_BYTES).read_to_end(&mut head)?;
    Ok(Content::Head(head))
}

/// The items of a file that contains several.
fn divided(path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Option<Vec<ItemSource>> {
    catch_panic(|| article::items(path, bytes, options)).flatten()
}

/// Parses all items of a file.
fn read_items(root: &Root, bytes: &[u8], items: Vec<ItemSource>, options: &ParseOptions) -> FileState {
    let items = items.into_iter().map(|item| {
        let state = FileState::Present(parse_item(root, &item, options, article::parse));
        ParsedFile { path: item.path, state, renamed_from: None }
    });
    FileState::Items { hash: ContentHash::of(bytes), items: items.collect() }
}

fn parse_item(root: &Root, item: &ItemSource, options: &ParseOptions, parse: Parse) -> Parsed {
    let mut parsed = parse_catching_panics(root, &item.path, item.text.as_bytes(), options, parse);
    // A picture with the name of a file belongs to none of several items.
    parsed.gets_pictures &= item.is_only;
    add_files(root, &item.path, &mut parsed);
    keep_source(&mut parsed, item.text.as_bytes());
    parsed.move_down(item.lines_above);
    parsed
}

fn parse_whole(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions, parse: Parse) -> Parsed {
    let mut parsed = parse_catching_panics(root, path, bytes, options, parse);
    add_files(root, path, &mut parsed);
    parsed
}

/// Like [`parse_whole`]; the article keeps the bytes.
fn parse_with_source(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions, parse: Parse) -> Parsed {
    let mut parsed = parse_whole(root, path, bytes, options, parse);
    keep_source(&mut parsed, bytes);
    parsed
}

pub(super) fn keep_source(parsed: &mut Parsed, bytes: &[u8]) {
    if let Some(article) = &mut parsed.article {
        article.source = Some(bytes.into());
    }
}

/// The bytes of a file that had this size when it was opened. Reads at most one byte above the limit.
fn read_bytes(file: File, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size.min(limit)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(size.saturating_add(1));
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)))?;
    // The file has grown or shrunk, or the read was short.
    if length != size {
        let rest = limit.saturating_add(1).saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
        file.take(rest).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Turns a panic of the parser into a diagnostic, so that other files are still read. The public version is withheld if the file may ask
/// for that.
pub(super) fn parse_catching_panics(
    root: &Root,
    path: &ArticlePath,
    bytes: &[u8],
    options: &ParseOptions,
    parse: Parse,
) -> Parsed {
    catch_panic(|| parse(path, bytes, options)).unwrap_or_else(|| {
        let message = "dateline failed to process this file, which is a bug in dateline";
        let diagnostic = Diagnostic::new(Code::ArticleUnreadable, message)
            .at(Place::file(&root.display(path.as_str())))
            .help("please report this with the file");
        let withhold = catch_panic(|| article::may_withhold(path, bytes)).unwrap_or(true);
        Parsed { withhold, embargoed: withhold, ..Parsed::refused(vec![diagnostic]) }
    })
}

/// Whether an article with this content is known already.
type IsKnown<'a> = dyn Fn(&ArticlePath, ContentHash) -> bool + Sync + 'a;

/// Reads files on all cores, each with its stamp (`None`: `stat` failed and is repeated). Returns them with their rows for the cache.
/// Leaves out files that `is_known` recognises by their bytes, as in a tree that has replaced another.
pub(super) fn read_all(
    root: &Root,
    files: &[(ArticlePath, Option<Stamp>)],
    options: &ParseOptions,
    is_known: Option<&IsKnown>,
) -> (Vec<ParsedFile>, Vec<(ArticlePath, Option<CachedRow>)>) {
    let reader = Reader::new(root, options);
    let read = on_all_cores(files, |(path, stamp)| {
        if stamp.is_some()
            && let Some(is_known) = is_known
            && let Ok(Content::Whole(bytes)) = bytes_of(root, path, options)
            && is_known(path, ContentHash::of(&bytes))
        {
            return None;
        }
        let file = reader.read(path, *stamp);
        let row = reader.rows.encode(&file, &pictures_of(root, path), *stamp, clock());
        Some((file, row))
    });
    let (files, rows): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    let rows = files.iter().zip(rows).filter_map(|(file, row)| Some((file.path.clone(), Some(row?))));
    let rows = rows.collect();
    (files, rows)
}

/// Reads many files. Limits the memory that their bodies take until they are sent.
pub(super) struct Reader<'a> {
    root: &'a Root,
    options: &'a ParseOptions,
    pub(super) rows: RowCodec<'a>,
    buffered_bytes: AtomicUsize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(root: &'a Root, options: &'a ParseOptions) -> Reader<'a> {
        Reader { root, options, rows: RowCodec::new(root, options), buffered_bytes: AtomicUsize::new(0) }
    }

    pub(super) fn read(&self, path: &ArticlePath, stamp: Option<Stamp>) -> ParsedFile {
        let mut file = match stamp {
            Some(stamp) => {
                let state = note_modified(read_existing(self.root, path, self.options, article::parse), stamp);
                ParsedFile { path: path.clone(), state, renamed_from: None }
            }
            None => read(self.root, path, self.options, article::parse),
        };
        self.limit_memory(&mut file);
        file
    }

    /// Drops source and body of a file if the budget is used up.
    pub(super) fn limit_memory(&self, file: &mut ParsedFile) {
        let bytes = memory_of(file);
        if self.buffered_bytes.fetch_add(bytes, Ordering::Relaxed) <= MAX_BUFFERED_BYTES {
            return;
        }
        self.buffered_bytes.fetch_sub(bytes, Ordering::Relaxed);
        drop_texts(file);
    }

    /// Returns a file's memory to the budget, once it is sent.
    pub(super) fn release(&self, file: &ParsedFile) {
        self.buffered_bytes.fetch_sub(memory_of(file), Ordering::Relaxed);
    }

    /// Loads a file from its row, or reads it. Returns a new row if it was read. An article published before the second `horizon` comes as
    /// metadata only.
    pub(super) fn read_or_load(
        &self,
        folder: &OpenFolder<'_>,
        path: &ArticlePath,
        kind: FileKind,
        row: Option<CachedRow>,
        now: SystemTime,
        horizon: i64,
    ) -> (ParsedFile, Option<CachedRow>) {
        let horizon = if bundle::is_section_page(path) { i64::MIN } else { horizon };
        if let Some(row) = row
            && let Ok(Some(stamp)) = folder.stat(path)
            && let Some(known) = self.rows.decode(path, &folder.pictures_of(path), stamp, row, now)
        {
            return (ParsedFile { path: path.clone(), state: known.into_state(), renamed_from: None }, None);
        }
        (kind == FileKind::Regular).then(|| self.read_regular(folder, path, now, horizon)).flatten().unwrap_or_else(
            || {
                let ParsedFile { path, state, renamed_from } = self.read(path, None);
                (ParsedFile { path, state: state.as_seen_from(horizon), renamed_from }, None)
            },
        )
    }

    /// Reads a file that is a regular one according to its folder, without `stat` by path. `None` if anything is unusual, so that the file
    /// has to be read by path.
    pub(super) fn read_regular(
        &self,
        folder: &OpenFolder<'_>,
        path: &ArticlePath,
        now: SystemTime,
        horizon: i64,
    ) -> Option<(ParsedFile, Option<CachedRow>)> {
        let open_and_read = || -> io::Result<Option<(Stamp, Vec<u8>)>> {
            let file = folder.file(path)?;
            let metadata = file.metadata()?;
            let is_usable = metadata.is_file() && metadata.len() <= self.options.max_size;
            let bytes = is_usable.then(|| read_bytes(file, metadata.len(), self.options.max_size)).transpose()?;
            Ok(bytes.map(|bytes| (Stamp::from(&metadata), bytes)))
        };
        let (stamp, bytes) = open_and_read().ok()??;
        let horizon = if bundle::is_section_page(path) { i64::MIN } else { horizon };
        if let Some(items) = divided(path, &bytes, self.options) {
            let state = note_modified(read_items(self.root, &bytes, items, self.options), stamp);
            let mut file = ParsedFile { path: path.clone(), state, renamed_from: None };
            let row = self.rows.encode(&file, &folder.pictures_of(path), Some(stamp), now);
            file.state = file.state.as_seen_from(horizon);
            return Some((file, row));
        }
        let parsed = parse_whole(self.root, path, &bytes, self.options, article::parse);
        let state = note_modified(FileState::Present(parsed), stamp);
        let mut file = ParsedFile { path: path.clone(), state, renamed_from: None };
        let row = self.rows.encode(&file, &folder.pictures_of(path), Some(stamp), now);
        file.state = file.state.as_seen_from(horizon);
        if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
            article.source = Some(bytes.into());
        }
        Some((file, row))
    }
}

/// How many bytes a file's source and body take.
fn memory_of(file: &ParsedFile) -> usize {
    let article = match &file.state {
        FileState::Present(Parsed { article: Some(article), .. }) => article,
        FileState::Items { items, .. } => return items.iter().map(memory_of).sum(),
        _ => return 0,
    };
    article.source.as_ref().map_or(0, |source| source.len()) + article.body.as_ref().map_or(0, |body| body.len())
}

/// Drops sources and bodies of a file. Windows fetch those that they need.
pub(super) fn drop_texts(file: &mut ParsedFile) {
    match &mut file.state {
        FileState::Present(Parsed { article: Some(article), .. }) => (article.body, article.source) = (None, None),
        FileState::Items { items, .. } => items.iter_mut().for_each(drop_texts),
        _ => {}
    }
}

/// Whether a file is in a format that shows where it ends, and is complete.
pub(super) fn is_whole(root: &Root, path: &ArticlePath, options: &ParseOptions) -> bool {
    if !["json", "xml"].iter().any(|extension| path.extension().eq_ignore_ascii_case(extension)) {
        return false;
    }
    let Ok(Content::Whole(bytes)) = bytes_of(root, path, options) else { return false };
    let is_article = || catch_panic(|| article::parse(path, &bytes, options).article.is_some()).unwrap_or(false);
    divided(path, &bytes, options).is_some() || is_article()
}

/// Whether a file has these bytes.
pub(super) fn has_version(root: &Root, path: &ArticlePath, version: ContentHash, options: &ParseOptions) -> bool {
    match bytes_of(root, path, options) {
        Ok(Content::Whole(bytes)) => ContentHash::of(&bytes) == version,
        Ok(Content::Item(item)) => ContentHash::of(item.text.as_bytes()) == version,
        Ok(Content::Head(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests;

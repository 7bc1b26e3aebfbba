//! Reading and parsing of files, on all cores.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::cache::{Cached, CachedFile, Seals};
use super::scan::{FileKind, OpenFolder, look, unusable};
use crate::article::{self, Article, MediaFacts, ParseOptions, Parsed, bundle};
use crate::beneath::{Root, Stamp, is_link, is_missing, is_outside};
use crate::diagnostics::{Code, Diagnostic, MAX_OF_ARTICLE, Place};
use crate::event::{BodyRequest, FetchedBody, FileState, ParsedFile, UnfetchedBody};
use crate::parallel::{catch_panic, on_all_cores};
use crate::types::{ArticlePath, ContentHash, media_type};

/// Files read together keep their bytes and bodies up to this many bytes; windows ask for those that they need.
const BYTES_BUDGET: usize = 8 << 20;

/// How a file becomes an article: [`article::parse`], or [`article::parse_with_origins`] where somebody wants to know.
type Parse = fn(&ArticlePath, &[u8], &ParseOptions) -> Parsed;

/// Looks at, reads and parses one file.
pub fn read(root: &Root, path: &ArticlePath, options: &ParseOptions, parse: Parse) -> ParsedFile {
    let state = match look(root, path) {
        Err(diagnostic) => return refused(path.clone(), diagnostic),
        Ok(None) => FileState::Absent { doubtful: false },
        Ok(Some(_)) => read_known(root, path, options, parse),
    };
    ParsedFile { path: path.clone(), state, renamed_from: None }
}

/// A file that cannot be used whatever is in it.
pub(super) fn refused(path: ArticlePath, diagnostic: Diagnostic) -> ParsedFile {
    ParsedFile { path, state: FileState::Present(Parsed::refused(vec![diagnostic])), renamed_from: None }
}

/// Reads and parses a file that was looked at.
pub(super) fn read_known(root: &Root, path: &ArticlePath, options: &ParseOptions, parse: Parse) -> FileState {
    match bytes_of(root, path, options.max_size) {
        Ok(Content::Whole(bytes)) => FileState::Present(parse_and_keep(root, path, &bytes, options, parse)),
        Ok(Content::Head(head)) => FileState::Present(article::too_large(path, &head, options)),
        Err(error) if is_missing(&error) => FileState::Absent { doubtful: false },
        Err(error) => FileState::Unreadable(unusable(root, path, &error)),
    }
}

/// The bytes of a file.
enum Content {
    Whole(Vec<u8>),
    /// The beginning of one above the limit, which may say that the article is not public.
    Head(Vec<u8>),
}

fn bytes_of(root: &Root, path: &ArticlePath, limit: u64) -> io::Result<Content> {
    let (file, metadata) = root.open_file(path)?;
    if metadata.len() <= limit {
        return bytes(file, metadata.len(), limit).map(Content::Whole);
    }
    let mut head = Vec::new();
    file.take(article::MAX_HEAD_BYTES).read_to_end(&mut head)?;
    Ok(Content::Head(head))
}

fn parse_whole(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions, parse: Parse) -> Parsed {
    let mut parsed = parse_safely(root, path, bytes, options, parse);
    measure_files(root, path, &mut parsed);
    parsed
}

/// With the file itself.
fn parse_and_keep(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions, parse: Parse) -> Parsed {
    let mut parsed = parse_whole(root, path, bytes, options, parse);
    if let Some(article) = &mut parsed.article {
        article.source = Some(bytes.into());
    }
    parsed
}

/// Measures the files that an article names, and says which are not there.
fn measure_files(root: &Root, path: &ArticlePath, parsed: &mut Parsed) {
    let Some(article) = &mut parsed.article else { return };
    if article.metadata.local_files().next().is_none() {
        return;
    }
    let (mut missing, mut unlisted) = (Vec::new(), 0);
    article.measure_files(path, |file| {
        let facts = measure(root, file);
        if facts.is_none() && missing.len() == MAX_OF_ARTICLE {
            unlisted += 1;
        } else if facts.is_none() {
            missing.push(
                Diagnostic::new(Code::MediaMissing, format!("`{}` is not there", root.display(file.as_str())))
                    .at(Place::file(&root.display(path.as_str())))
                    .help("the article is published without it; it is added as soon as the file is there"),
            );
        }
        facts
    });
    if unlisted > 0 {
        missing.push(Diagnostic::unlisted(&root.display(path.as_str()), unlisted));
    }
    // Of what is not public nobody misses a picture yet.
    if !article.metadata.draft && article.metadata.retracted.is_none() {
        parsed.diagnostics.append(&mut missing);
    }
}

/// The size of a file, and for pictures how wide and high they are: read from the first bytes, nothing is decoded.
pub(super) fn measure(root: &Root, path: &ArticlePath) -> Option<MediaFacts> {
    let (file, metadata) = open_media(root, path).ok()?;
    let size = media_type(path.extension())
        .filter(|kind| kind.starts_with("image/"))
        .and_then(|_| catch_panic(|| imagesize::reader_size(BufReader::new(file)).ok()).flatten());
    let pixels = |pixels: usize| u32::try_from(pixels).ok().filter(|pixels| *pixels > 0);
    Some(MediaFacts {
        length: metadata.len(),
        width: size.and_then(|size| pixels(size.width)),
        height: size.and_then(|size| pixels(size.height)),
    })
}

/// The bytes of a file that had this size a moment ago, or of what took its place since. One byte more than the limit is enough to see
/// that it is exceeded.
fn bytes(file: File, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size.min(limit)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(size.saturating_add(1));
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)))?;
    // One that has grown or shrunk meanwhile, or comes in pieces, is read to its end.
    if length != size {
        let rest = limit.saturating_add(1).saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
        file.take(rest).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// No input is known to make a parser panic; one that does must not take the others with it. Where the file may ask to be withheld, so is the
/// version that is public.
fn parse_safely(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions, parse: Parse) -> Parsed {
    catch_panic(|| parse(path, bytes, options)).unwrap_or_else(|| {
        let message = "dateline failed over this file, which is a mistake of dateline's";
        let diagnostic = Diagnostic::new(Code::ArticleUnreadable, message)
            .at(Place::file(&root.display(path.as_str())))
            .help("please report this with the file");
        let withhold = catch_panic(|| article::may_withhold(path, bytes)).unwrap_or(true);
        Parsed { withhold, embargoed: withhold, ..Parsed::refused(vec![diagnostic]) }
    })
}

/// Whether all is known of an article with this content.
type IsKnown<'a> = dyn Fn(&ArticlePath, ContentHash) -> bool + Sync + 'a;

/// Reads files on all cores, each with what a look at it showed (`None`: nothing good, so it is looked at again); and what is to be
/// kept of them. In a tree that took the place of another, a file of which all is known by its hash is left out.
pub(super) fn read_all(
    root: &Root,
    files: &[(ArticlePath, Option<Stamp>)],
    options: &ParseOptions,
    is_known: Option<&IsKnown>,
) -> (Vec<ParsedFile>, Vec<(ArticlePath, Option<Cached>)>) {
    let reader = Reader::new(root, options);
    let read = on_all_cores(files, |(path, stamp)| {
        if stamp.is_some()
            && let Some(is_known) = is_known
            && let Ok(Content::Whole(bytes)) = bytes_of(root, path, options.max_size)
            && is_known(path, ContentHash::of(&bytes))
        {
            return None;
        }
        let file = reader.read(path, *stamp);
        let row = reader.seals.row(&file, *stamp, super::clock());
        Some((file, row))
    });
    let (files, rows): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    let rows = files.iter().zip(rows).filter_map(|(file, row)| Some((file.path.clone(), Some(row?))));
    let rows = rows.collect();
    (files, rows)
}

/// Reads many files that are in memory at once, until they are told, and so keeps the bodies of some only.
pub(super) struct Reader<'a> {
    root: &'a Root,
    options: &'a ParseOptions,
    pub(super) seals: Seals<'a>,
    bytes: AtomicUsize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(root: &'a Root, options: &'a ParseOptions) -> Reader<'a> {
        Reader { root, options, seals: Seals::new(root, options), bytes: AtomicUsize::new(0) }
    }

    pub(super) fn read(&self, path: &ArticlePath, stamp: Option<Stamp>) -> ParsedFile {
        let mut file = match stamp {
            Some(_) => {
                let state = read_known(self.root, path, self.options, article::parse);
                ParsedFile { path: path.clone(), state, renamed_from: None }
            }
            None => read(self.root, path, self.options, article::parse),
        };
        self.fit(&mut file);
        file
    }

    /// Takes the bytes and the body from a file for which there is no room beside the others.
    pub(super) fn fit(&self, file: &mut ParsedFile) {
        let weight = weight(file);
        if self.bytes.fetch_add(weight, Ordering::Relaxed) <= BYTES_BUDGET {
            return;
        }
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
        if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
            (article.body, article.source) = (None, None);
        }
    }

    /// A file that had to fit is handed on: there is room for others.
    pub(super) fn told(&self, file: &ParsedFile) {
        self.bytes.fetch_sub(weight(file), Ordering::Relaxed);
    }

    /// What is kept of a file, or what reading it gives, and what is to be kept of that. Of an article from before the second `horizon`
    /// there is only the card, where nothing is odd about it.
    pub(super) fn read_or_recall(
        &self,
        folder: &OpenFolder<'_>,
        path: &ArticlePath,
        kind: FileKind,
        row: Option<Cached>,
        now: SystemTime,
        horizon: i64,
    ) -> (ParsedFile, Option<Cached>) {
        let horizon = if bundle::is_section_page(path) { i64::MIN } else { horizon };
        if let Some(row) = row
            && let Ok(Some(stamp)) = folder.look(path)
            && let Some(CachedFile { card, warnings }) = self.seals.recall(path, stamp, row, now)
        {
            let state = FileState::Known(card, warnings);
            return (ParsedFile { path: path.clone(), state, renamed_from: None }, None);
        }
        (kind == FileKind::Regular).then(|| self.read_regular(folder, path, now, horizon)).flatten().unwrap_or_else(
            || {
                let ParsedFile { path, state, renamed_from } = self.read(path, None);
                (ParsedFile { path, state: state.as_seen_from(horizon), renamed_from }, None)
            },
        )
    }

    /// Reads what its folder says is a regular file, which saves looking at it; `None` where anything is odd about it, so that it has
    /// to be looked at after all.
    pub(super) fn read_regular(
        &self,
        folder: &OpenFolder<'_>,
        path: &ArticlePath,
        now: SystemTime,
        horizon: i64,
    ) -> Option<(ParsedFile, Option<Cached>)> {
        let regular = || -> io::Result<Option<(Stamp, Vec<u8>)>> {
            let file = folder.file(path)?;
            let metadata = file.metadata()?;
            let usable = metadata.is_file() && metadata.len() <= self.options.max_size;
            let bytes = usable.then(|| bytes(file, metadata.len(), self.options.max_size)).transpose()?;
            Ok(bytes.map(|bytes| (Stamp::from(&metadata), bytes)))
        };
        let (stamp, bytes) = regular().ok()??;
        let horizon = if bundle::is_section_page(path) { i64::MIN } else { horizon };
        let parsed = parse_whole(self.root, path, &bytes, self.options, article::parse);
        let mut file = ParsedFile { path: path.clone(), state: FileState::Present(parsed), renamed_from: None };
        let row = self.seals.row(&file, Some(stamp), now);
        file.state = file.state.as_seen_from(horizon);
        if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
            article.source = Some(bytes.into());
        }
        Some((file, row))
    }
}

/// How many bytes the file and the body take that are kept of it.
fn weight(file: &ParsedFile) -> usize {
    let FileState::Present(Parsed { article: Some(article), .. }) = &file.state else { return 0 };
    article.source.as_ref().map_or(0, |source| source.len()) + article.body.as_ref().map_or(0, |body| body.len())
}

/// The bodies that the engine asked for, in the order of the requests.
pub fn fetch(
    root: &Root,
    requests: &[BodyRequest],
    options: &ParseOptions,
) -> Vec<Result<FetchedBody, Box<UnfetchedBody>>> {
    on_all_cores(requests, |request| fetch_one(root, request, options))
}

/// A body that the engine asked for, if its file still is the version that it knows.
///
/// # Errors
/// Where it is not, or cannot be read.
pub fn fetch_one(
    root: &Root,
    request: &BodyRequest,
    options: &ParseOptions,
) -> Result<FetchedBody, Box<UnfetchedBody>> {
    let unfetched = |problem| Box::new(UnfetchedBody { request: request.clone(), problem });
    if !request.shown {
        let source = version(root, request, options).map_err(|diagnostic| unfetched(Some(diagnostic)))?;
        let source = Some(Arc::from(source.ok_or_else(|| unfetched(None))?));
        return Ok(FetchedBody { request: request.clone(), article: None, rendered: None, source });
    }
    let article = match read(root, &request.path, options, article::parse).state {
        FileState::Present(Parsed { article, .. }) => article,
        FileState::Unreadable(diagnostic) => return Err(unfetched(Some(diagnostic))),
        FileState::Absent { .. } | FileState::Known(..) => None,
    };
    let article = article.filter(|article| article.metadata.hash == request.hash).ok_or_else(|| unfetched(None))?;
    let source = article.source.clone();
    Ok(FetchedBody { request: request.clone(), article: Some(article), rendered: None, source })
}

/// The bytes of a version, if its file still has them.
fn version(root: &Root, request: &BodyRequest, options: &ParseOptions) -> Result<Option<Vec<u8>>, Diagnostic> {
    match bytes_of(root, &request.path, options.max_size) {
        Ok(Content::Whole(bytes)) => Ok(Some(bytes).filter(|bytes| ContentHash::of(bytes) == request.hash)),
        Ok(Content::Head(_)) => Ok(None),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unusable(root, &request.path, &error)),
    }
}

/// Whether a file has the bytes of this version.
pub(super) fn has_version(root: &Root, path: &ArticlePath, version: ContentHash, options: &ParseOptions) -> bool {
    let bytes = bytes_of(root, path, options.max_size);
    matches!(bytes, Ok(Content::Whole(bytes)) if ContentHash::of(&bytes) == version)
}

/// Reads a version of an article out of its bytes, which came from elsewhere than its file.
///
/// Where its file is gone, so may be its pictures, and both are held: what they measured nobody knows any more, but they stay.
pub fn recall(root: &Root, request: &BodyRequest, bytes: Vec<u8>, options: &ParseOptions) -> Option<Article> {
    let is_gone = root.open_file(&request.path).is_err_and(|error| is_missing(&error));
    let mut parsed = parse_and_keep(root, &request.path, &bytes, options, article::parse);
    if is_gone && let Some(article) = &mut parsed.article {
        article.measure_files(&request.path, |file| Some(measure(root, file).unwrap_or_default()));
    }
    parsed.article
}

/// Opens a file that an article refers to, if it is a regular file inside the content directory.
///
/// # Errors
/// `NotFound` for all that must not be opened, else what the system says.
pub fn open_media(root: &Root, path: &ArticlePath) -> io::Result<(File, Metadata)> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotFound};
    root.open_file(path).map_err(|error| {
        let is_no_file = matches!(error.kind(), InvalidInput | InvalidFilename);
        let is_hidden = is_no_file || is_missing(&error) || is_outside(&error) || is_link(&error);
        if is_hidden { NotFound.into() } else { error }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file may have grown or shrunk since it was looked at.
    #[test]
    fn a_file_is_read_to_its_end_whatever_size_it_had() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.md");
        for length in [0, 1, 5, 100] {
            let text = vec![b'x'; length];
            std::fs::write(&path, &text).expect("written");
            for (size, limit) in [(0, 100), (1, 100), (5, 100), (6, 100), (100, 100), (1_000, 1_000), (0, 3), (100, 3)]
            {
                let read = bytes(File::open(&path).expect("there"), size, limit).expect("readable");
                // Of what is above the limit there is enough to see that.
                let whole = length <= usize::try_from(limit).expect("small");
                assert!(read == text || (!whole && read.len() > 3), "{length} bytes, {size} before: {}", read.len());
            }
        }
    }

    fn newsroom(text: &str) -> (tempfile::TempDir, Root, ParseOptions) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.md"), text).expect("written");
        let root = Root::new(folder.path(), "content");
        let toml = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n";
        let config = crate::config::parse(std::path::Path::new("c.toml"), toml.as_bytes()).config.expect("valid");
        let options = ParseOptions::clone(&config.parsing);
        (folder, root, options)
    }

    const TEXT: &str = "---\ntitle: T\ndate: 2026-11-20\n---\n\nText.\n";

    #[test]
    fn version_that_parser_fails_over_withholds_if_it_may_ask_for_that() {
        for (more, withhold) in [("", false), ("embargo: 2030-01-01\n", true), ("draft: true\n", true)] {
            let text = TEXT.replace("title: T\n", &format!("title: T\n{more}"));
            let (_folder, root, options) = newsroom(&text);
            let path = ArticlePath::new("a.md");
            let parsed = parse_safely(&root, &path, text.as_bytes(), &options, |_, _, _| panic!("on purpose"));
            assert_eq!((parsed.article.is_none(), parsed.withhold), (true, withhold), "{more}");
            assert!(parsed.diagnostics.iter().all(|diagnostic| diagnostic.code == Code::ArticleUnreadable));
        }
    }

    #[test]
    fn bodies_are_kept_of_as_many_as_fit_until_they_are_told() {
        let (_folder, root, options) = newsroom(&format!("{TEXT}{}", "Long. ".repeat(300_000)));
        let reader = Reader::new(&root, &options);
        let read = || reader.read(&ArticlePath::new("a.md"), None);
        let files: Vec<ParsedFile> = (0..5).map(|_| read()).collect();
        let kept = |file: &ParsedFile| weight(file) > 0;
        assert_eq!(files.iter().map(kept).collect::<Vec<_>>(), [true, true, true, false, false]);
        reader.told(&files[0]);
        assert_eq!([read(), read()].map(|file| kept(&file)), [true, false]);
    }
}

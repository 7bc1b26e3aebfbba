//! Reading and parsing of files, on all cores.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::coalesce::Stamp;
use super::cores::on_all_cores;
use super::scan::{Root, look};
use crate::article::{self, Article, MediaFacts, ParseOptions, Parsed};
use crate::diag::{Code, Diagnostic, Place};
use crate::event::{BodyRequest, FetchedBody, FileState, ParsedFile};
use crate::types::{ArticlePath, media_type};

/// Open without waiting: a fifo that took the place of a file would hang the newsroom.
const O_NONBLOCK: i32 = 0o4000;
/// Files read together keep their bodies up to this many bytes; windows ask for those that they need.
const BODIES_BUDGET: usize = 8 << 20;

/// How a file becomes an article: [`article::parse`], or [`article::parse_with_origins`] where somebody wants to know.
type Parse = fn(&ArticlePath, &[u8], &ParseOptions) -> Parsed;

/// Looks at, reads and parses one file.
pub fn read(root: &Root, path: &ArticlePath, options: &ParseOptions, parse: Parse) -> ParsedFile {
    let state = match look(root, path) {
        Err(diagnostic) => unusable(diagnostic),
        Ok(None) => FileState::Absent { doubtful: false },
        Ok(Some(stamp)) => read_known(root, path, stamp, options, parse),
    };
    ParsedFile { path: path.clone(), state, renamed_from: None }
}

fn unusable(diagnostic: Diagnostic) -> FileState {
    FileState::Present(Parsed {
        article: None,
        diagnostics: vec![diagnostic],
        withhold: false,
        embargoed: false,
        origins: Vec::new(),
    })
}

/// Reads and parses a file that was looked at.
fn read_known(root: &Root, path: &ArticlePath, stamp: Stamp, options: &ParseOptions, parse: Parse) -> FileState {
    if stamp.size > options.max_size {
        return FileState::Present(article::too_large(path, options));
    }
    match bytes(&root.file(path), stamp.size, options.max_size) {
        Ok(bytes) => {
            let mut parsed = parse_safely(root, path, &bytes, options, parse);
            measure_files(root, path, &mut parsed);
            if let Some(article) = &mut parsed.article {
                article.source = Some(bytes.into());
            }
            FileState::Present(parsed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Absent { doubtful: false },
        Err(error) => FileState::Unreadable(
            Diagnostic::new(Code::ArticleUnreadable, format!("the file cannot be read: {error}"))
                .at(Place::file(&root.display(path.as_str())))
                .help("give dateline the right to read it"),
        ),
    }
}

/// Measures the files that an article names, and says which are not there.
fn measure_files(root: &Root, path: &ArticlePath, parsed: &mut Parsed) {
    let Some(article) = &mut parsed.article else { return };
    if article.metadata.local_files().next().is_none() {
        return;
    }
    let mut missing = Vec::new();
    Arc::make_mut(&mut article.metadata).measure_files(|file| {
        let facts = measure(root, file);
        if facts.is_none() {
            missing.push(
                Diagnostic::new(Code::MediaMissing, format!("`{}` is not there", root.display(file.as_str())))
                    .at(Place::file(&root.display(path.as_str())))
                    .help("the article is published without it; it is added as soon as the file is there"),
            );
        }
        facts
    });
    parsed.diagnostics.append(&mut missing);
}

/// The size of a file, and for pictures how wide and high they are: read from the first bytes, nothing is decoded.
fn measure(root: &Root, path: &ArticlePath) -> Option<MediaFacts> {
    let (file, metadata) = open_media(root, path).ok()?;
    let size = media_type(path.extension())
        .filter(|kind| kind.starts_with("image/"))
        .and_then(|_| imagesize::reader_size(BufReader::new(file)).ok());
    let pixels = |pixels: usize| u32::try_from(pixels).ok().filter(|pixels| *pixels > 0);
    Some(MediaFacts {
        length: metadata.len(),
        width: size.and_then(|size| pixels(size.width)),
        height: size.and_then(|size| pixels(size.height)),
    })
}

/// One byte more than the limit is enough to see that it is exceeded.
fn bytes(file: &Path, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(file)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// No input is known to make a parser panic; one that does must not take the others with it.
fn parse_safely(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions, parse: Parse) -> Parsed {
    catch_unwind(AssertUnwindSafe(|| parse(path, bytes, options))).unwrap_or_else(|_| {
        let diagnostic = Diagnostic::new(
            Code::ArticleUnreadable,
            "dateline failed over this file, which is a mistake of dateline's",
        )
        .at(Place::file(&root.display(path.as_str())))
        .help("please report this with the file");
        Parsed { article: None, diagnostics: vec![diagnostic], withhold: false, embargoed: false, origins: Vec::new() }
    })
}

/// Reads files on all cores, each with what a look at it showed (`None`: nothing good, so it is looked at again); `progress`
/// hears how many are done.
pub fn read_all(
    root: &Root,
    files: &[(ArticlePath, Option<Stamp>)],
    options: &ParseOptions,
    progress: &(impl Fn(usize) + Sync),
) -> Vec<ParsedFile> {
    let bodies = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    on_all_cores(files, |(path, stamp)| {
        let mut file = match stamp {
            Some(stamp) => ParsedFile {
                path: path.clone(),
                state: read_known(root, path, *stamp, options, article::parse),
                renamed_from: None,
            },
            None => read(root, path, options, article::parse),
        };
        limit_bodies(&mut file, &bodies);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        file
    })
}

fn limit_bodies(file: &mut ParsedFile, bodies: &AtomicUsize) {
    let FileState::Present(parsed) = &mut file.state else { return };
    let Some(article) = &mut parsed.article else { return };
    let length = article.body.as_ref().map_or(0, |body| body.len());
    if bodies.fetch_add(length, Ordering::Relaxed) > BODIES_BUDGET {
        article.body = None;
        article.source = None;
    }
}

/// The bodies that the engine asked for, each only if the file still is the version that it knows.
pub fn fetch(root: &Root, requests: &[BodyRequest], options: &ParseOptions) -> Vec<FetchedBody> {
    requests
        .iter()
        .map(|request| {
            let (body, source) = match read(root, &request.path, options, article::parse).state {
                FileState::Present(Parsed { article: Some(article), .. }) if article.metadata.hash == request.hash => {
                    (article.body, article.source)
                }
                _ => (None, None),
            };
            FetchedBody { request: request.clone(), body, source }
        })
        .collect()
}

/// Reads a version of an article out of its bytes, which came from elsewhere than its file.
pub fn recall(root: &Root, request: &BodyRequest, bytes: Vec<u8>, options: &ParseOptions) -> Option<Article> {
    let mut parsed = parse_safely(root, &request.path, &bytes, options, article::parse);
    measure_files(root, &request.path, &mut parsed);
    parsed.article.map(|article| Article { source: Some(bytes.into()), ..article })
}

/// Opens a file that an article refers to, if it is a regular file inside the content directory.
///
/// # Errors
/// `NotFound` for all that must not be opened, else what the system says.
pub fn open_media(root: &Root, path: &ArticlePath) -> io::Result<(File, std::fs::Metadata)> {
    look(root, path).map_err(|_| io::ErrorKind::NotFound)?.ok_or(io::ErrorKind::NotFound)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(root.file(path))?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::NotFound.into()) }
}

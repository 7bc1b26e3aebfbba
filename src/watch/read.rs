//! Reading and parsing of files, on all cores.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::scan::{Root, look};
use crate::article::{self, ParseOptions, Parsed};
use crate::diag::{Code, Diagnostic, Place};
use crate::event::{BodyRequest, FetchedBody, FileState, ParsedFile};
use crate::types::ArticlePath;

/// Open without waiting: a fifo that took the place of a file would hang the newsroom.
const O_NONBLOCK: i32 = 0o4000;
/// Files read together keep their bodies up to this many bytes; windows ask for those that they need.
const BODIES_BUDGET: usize = 8 << 20;

/// Reads and parses one file.
pub fn read(root: &Root, path: &ArticlePath, options: &ParseOptions) -> ParsedFile {
    let refused =
        |diagnostic| FileState::Present(Parsed { article: None, diagnostics: vec![diagnostic], origins: Vec::new() });
    let state = match look(root, path) {
        Err(diagnostic) => refused(diagnostic),
        Ok(None) => FileState::Absent,
        Ok(Some(stamp)) if stamp.size > options.max_size => FileState::Present(article::too_large(path, options)),
        Ok(Some(_)) => match bytes(&root.file(path), options.max_size) {
            Ok(bytes) => FileState::Present(parse(root, path, &bytes, options)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Absent,
            Err(error) => FileState::Unreadable(
                Diagnostic::new(Code::ArticleUnreadable, format!("the file cannot be read: {error}"))
                    .at(Place::file(&root.display(path.as_str())))
                    .help("give dateline the right to read it"),
            ),
        },
    };
    ParsedFile { path: path.clone(), state }
}

/// One byte more than the limit is enough to see that it is exceeded.
fn bytes(file: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(file)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// No input is known to make a parser panic; one that does must not take the others with it.
fn parse(root: &Root, path: &ArticlePath, bytes: &[u8], options: &ParseOptions) -> Parsed {
    catch_unwind(AssertUnwindSafe(|| article::parse(path, bytes, options))).unwrap_or_else(|_| {
        let diagnostic = Diagnostic::new(
            Code::ArticleUnreadable,
            "dateline failed over this file, which is a mistake of dateline's",
        )
        .at(Place::file(&root.display(path.as_str())))
        .help("please report this with the file");
        Parsed { article: None, diagnostics: vec![diagnostic], origins: Vec::new() }
    })
}

/// Reads files on all cores; `progress` hears how many are done.
pub fn read_all(
    root: &Root,
    paths: &[ArticlePath],
    options: &ParseOptions,
    progress: &(impl Fn(usize) + Sync),
) -> Vec<ParsedFile> {
    let next = AtomicUsize::new(0);
    let bodies = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(paths.len()));
    let work = || {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(at) else { break };
            let mut file = read(root, path, options);
            limit_bodies(&mut file, &bodies);
            mine.push(file);
            progress(at + 1);
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len().div_ceil(4));
    if threads > 1 {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    } else {
        work();
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by(|left, right| left.path.cmp(&right.path));
    done
}

fn limit_bodies(file: &mut ParsedFile, bodies: &AtomicUsize) {
    let FileState::Present(parsed) = &mut file.state else { return };
    let Some(article) = &mut parsed.article else { return };
    let length = article.body.as_ref().map_or(0, |body| body.len());
    if bodies.fetch_add(length, Ordering::Relaxed) > BODIES_BUDGET {
        article.body = None;
    }
}

/// The bodies that the engine asked for, each only if the file still is the version that it knows.
pub fn fetch(root: &Root, requests: &[BodyRequest], options: &ParseOptions) -> Vec<FetchedBody> {
    requests
        .iter()
        .map(|request| {
            let body = match read(root, &request.path, options).state {
                FileState::Present(Parsed { article: Some(article), .. }) if article.metadata.hash == request.hash => {
                    article.body
                }
                _ => None,
            };
            FetchedBody { request: request.clone(), body }
        })
        .collect()
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

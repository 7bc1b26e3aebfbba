//! Reads the articles that the engine requests: bodies that windows and pages need, and versions whose bytes come from the store.

use std::sync::Arc;

use super::media_files::{add_files, measure, pictures_of};
use super::read::{Content, bytes_of, keep_source, parse_catching_panics, read_existing};
use super::stat::unusable;
use crate::article::{self, Article, ParseOptions, Parsed};
use crate::beneath::{Root, Roots, is_missing};
use crate::config::Config;
use crate::diagnostics::Diagnostic;
use crate::event::{BodyRequest, FetchedBody, FileState, UnfetchedBody};
use crate::parallel::on_all_cores;
use crate::types::{ArticlePath, ContentHash};

/// Reads the bodies that the engine requested, in the order of the requests.
pub fn fetch(roots: &Roots, requests: &[BodyRequest], config: &Config) -> Vec<Result<FetchedBody, Box<UnfetchedBody>>> {
    on_all_cores(requests, |request| fetch_from(roots, request, config))
}

/// Reads a body that the engine requested, in the directory of its source.
///
/// # Errors
/// If the file can't be read or has another version than the requested one.
pub fn fetch_from(roots: &Roots, request: &BodyRequest, config: &Config) -> Result<FetchedBody, Box<UnfetchedBody>> {
    match roots.of(&request.path) {
        Ok(root) => fetch_one(root, request, config.parsing_of(&request.path)),
        Err(_) => Err(Box::new(UnfetchedBody { request: request.clone(), problem: None })),
    }
}

/// Reads a body that the engine requested.
///
/// # Errors
/// If the file can't be read or has another version than the requested one.
pub fn fetch_one(
    root: &Root,
    request: &BodyRequest,
    options: &ParseOptions,
) -> Result<FetchedBody, Box<UnfetchedBody>> {
    let unfetched = |problem| Box::new(UnfetchedBody { request: request.clone(), problem });
    if !request.shown {
        let source = read_version(root, request, options).map_err(|diagnostic| unfetched(Some(diagnostic)))?;
        let source = Some(Arc::from(source.ok_or_else(|| unfetched(None))?));
        return Ok(FetchedBody { request: request.clone(), article: None, rendered: None, source });
    }
    let article = match read_existing(root, &request.path, options, article::parse) {
        FileState::Present(Parsed { article, .. }) => article,
        FileState::Unreadable(diagnostic) => return Err(unfetched(Some(diagnostic))),
        FileState::Absent { .. } | FileState::Known(..) | FileState::Items { .. } => None,
    };
    let article = article.filter(|article| article.metadata.hash == request.hash).ok_or_else(|| unfetched(None))?;
    let source = article.source.clone();
    Ok(FetchedBody { request: request.clone(), article: Some(article), rendered: None, source })
}

/// The bytes of the requested version. `None` if the file has others.
fn read_version(root: &Root, request: &BodyRequest, options: &ParseOptions) -> Result<Option<Vec<u8>>, Diagnostic> {
    match bytes_of(root, &request.path, options) {
        Ok(Content::Item(item)) => {
            Ok(Some(item.text.into_bytes()).filter(|bytes| ContentHash::of(bytes) == request.hash))
        }
        Ok(Content::Whole(bytes)) => Ok(Some(bytes).filter(|bytes| ContentHash::of(bytes) == request.hash)),
        Ok(Content::Head(_)) => Ok(None),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unusable(root, &request.path, &error)),
    }
}

/// Parses a version of an article whose bytes come from the store.
///
/// If its file is missing, its pictures may be missing, too. Both stay published until the removal is confirmed, so missing pictures are
/// measured in `kept`, the copies in the state directory, or kept without measurements.
pub fn parse_stored(
    root: &Root,
    kept: &Root,
    request: &BodyRequest,
    bytes: Vec<u8>,
    options: &ParseOptions,
) -> Option<Article> {
    let path = &request.path;
    // A kept story has no file.
    let is_missing_file = root.open_file(path).is_err_and(|error| is_missing(&error)) || path.is_displaced();
    let mut parsed = parse_catching_panics(root, path, &bytes, options, article::parse);
    if is_missing_file && parsed.gets_pictures {
        let pictures = pictures_of(root, path);
        let pictures = if pictures.is_empty() { pictures_of(kept, path) } else { pictures };
        parsed.add_pictures(&pictures);
        parsed.gets_pictures = false;
    }
    add_files(root, path, &mut parsed);
    keep_source(&mut parsed, &bytes);
    if is_missing_file && let Some(article) = &mut parsed.article {
        let measure = |file: &ArticlePath| measure(root, file).or_else(|| measure(kept, file)).unwrap_or_default();
        article.measure_files(path, |file| Some(measure(file)));
    }
    parsed.article
}

//! Supplies data that isn't in memory to requests: documents, article pages, archives and media.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::bodies::complete;
use super::document_store::DocumentStore;
use crate::article::render::{LinkBase, render};
use crate::beneath::Roots;
use crate::build::{assemble, encode};
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{ArchiveContents, BodyRequest};
use crate::feed::{Entry, Format};
use crate::parallel;
use crate::serve::{CancellationToken, DiskRequest, DiskResponse, Freshness};
use crate::snapshot::{PublishedArticle, Snapshot};
use crate::store::{StoreHandle, kept_media};
use crate::watch;
use crate::watch::page_sources::PageSources;

/// Returns the function that answers requests. `content` and `config` are those of the published articles. The function fails if a file
/// can't be read, or the request was cancelled.
pub(super) fn responder(
    content: Arc<ArcSwap<Roots>>,
    config: Arc<ArcSwap<Config>>,
    store: StoreHandle,
    document_store: DocumentStore,
    snapshot: Arc<ArcSwap<Snapshot>>,
) -> Arc<impl Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse>> {
    Arc::new(move |request: DiskRequest, cancellation: &CancellationToken| match request {
        DiskRequest::Document(route, resource) => document_store.read(&route, &resource).map(DiskResponse::Document),
        DiskRequest::SaveEvicted => {
            document_store.limit_evicted();
            Ok(DiskResponse::Saved)
        }
        DiskRequest::Article(article) => article_page(&content, &config, &store, &article, cancellation),
        DiskRequest::Archive(contents, format) => archive(&content, &config, &store, &contents, format, cancellation),
        DiskRequest::Media(path) => {
            let is_mass_removal = |problem: &Diagnostic| problem.code == Code::MassRemoval;
            let opened = content.load().of(&path).and_then(|root| watch::media_files::open_media(root, &path));
            let kept = || watch::media_files::open_media(&kept_media(&config.load().state, path.source()), &path);
            match opened.or_else(|error| kept().map_err(|_| error)) {
                Ok((file, metadata)) => {
                    let modified = metadata.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
                    Ok(DiskResponse::File { file, length: metadata.len(), modified })
                }
                // While a mass removal is pending, the file may come back. A 404 would make readers drop it.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && snapshot.load().report.problems.iter().any(is_mass_removal) =>
                {
                    Err(io::ErrorKind::ResourceBusy.into())
                }
                Err(error) => Err(error),
            }
        }
    })
}

/// Builds the page of an article from its file, or from the published version in the store if the file has another version or is missing.
///
/// # Errors
/// If neither has the published version, or the request was cancelled.
fn article_page(
    live_roots: &Arc<ArcSwap<Roots>>,
    live_config: &Arc<ArcSwap<Config>>,
    store: &StoreHandle,
    article: &Arc<PublishedArticle>,
    cancellation: &CancellationToken,
) -> io::Result<DiskResponse> {
    let config = live_config.load_full();
    let roots = live_roots.load_full();
    let content = roots.of(&article.path)?;
    let stop_if_cancelled = || if cancellation.is_cancelled() { Err(io::ErrorKind::Interrupted) } else { Ok(()) };
    let sources = PageSources::of(content, &article.path);
    let request = BodyRequest { path: article.path.clone(), hash: article.hash, shown: true, links: None };
    let read = watch::fetch::fetch_from(&roots, &request, &config);
    let version = read.is_ok().then_some(article.hash);
    stop_if_cancelled()?;
    let (found, _) = complete(&roots, &config, store, vec![read], false);
    let found = found.into_iter().find_map(|found| found.article);
    let body = found.and_then(|article| Some((article.metadata, article.body?)));
    let (metadata, body) = body.ok_or(io::ErrorKind::NotFound)?;
    stop_if_cancelled()?;
    // Anchors, for example of footnotes, stay on an article's own page. In a feed they would clash with those of other articles.
    let links = LinkBase { anchors: true, ..assemble::link_base(article) };
    let rendered = render(&body, &links);
    stop_if_cancelled()?;
    let entry = assemble::entry(article, &metadata, &rendered);
    let page = encode::article_page(article, &entry);
    let sources = sources.with_files(content, version, &metadata);
    let (live_roots, live_config, hash) = (Arc::clone(live_roots), Arc::clone(live_config), config.hash);
    let path = article.path.clone();
    let freshness = Freshness::new(move || {
        let (roots, config) = (live_roots.load(), live_config.load());
        let is_unchanged = |root| sources.are_unchanged(root, config.parsing_of(&path));
        config.hash == hash && roots.of(&path).is_ok_and(is_unchanged)
    });
    Ok(DiskResponse::Page(page, freshness))
}

/// Builds an archive. The document isn't kept while the text of an entry can't be read.
fn archive(
    live_roots: &Arc<ArcSwap<Roots>>,
    live_config: &Arc<ArcSwap<Config>>,
    store: &StoreHandle,
    contents: &ArchiveContents,
    format: Format,
    cancellation: &CancellationToken,
) -> io::Result<DiskResponse> {
    let (config, roots) = (live_config.load_full(), live_roots.load_full());
    let entries = archive_entries(&roots, &config, store, contents, || cancellation.is_cancelled());
    let entries = entries.ok_or(io::ErrorKind::Interrupted)?;
    let is_complete = entries.len() == contents.articles.len();
    let document = encode::archive(contents.feed.clone(), entries, format, contents.max_bytes);
    let document = document.map_err(|refusal| io::Error::other(refusal.message))?;
    // The version in the snapshot changes with the articles.
    Ok(DiskResponse::Page(document, Freshness::new(move || is_complete)))
}

/// Builds the entries of an archive from the files of its articles, without those whose text can't be read. `None` if it was cancelled.
pub(super) fn archive_entries(
    roots: &Roots,
    config: &Config,
    store: &StoreHandle,
    contents: &ArchiveContents,
    is_cancelled: impl Fn() -> bool,
) -> Option<Vec<Arc<Entry>>> {
    let mut entries = Vec::with_capacity(contents.articles.len());
    for article in &contents.articles {
        if is_cancelled() {
            return None;
        }
        let build = || entry(roots, config, store, article);
        entries.extend(parallel::catch_panic(build).flatten().map(Arc::new));
    }
    Some(entries)
}

/// The entry of an article. `None` if neither its file nor the store has the published version.
fn entry(roots: &Roots, config: &Config, store: &StoreHandle, article: &PublishedArticle) -> Option<Entry> {
    let request = BodyRequest { path: article.path.clone(), hash: article.hash, shown: true, links: None };
    let read = watch::fetch::fetch_from(roots, &request, config);
    let (found, _) = complete(roots, config, store, vec![read], false);
    let found = found.into_iter().find_map(|found| found.article)?;
    let rendered = render(found.body.as_ref()?, &assemble::link_base(article));
    Some(assemble::entry(article, &found.metadata, &rendered))
}

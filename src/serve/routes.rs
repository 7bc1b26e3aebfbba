//! The route table: a pure function of the snapshot, the request and the time.
//!
//! Slow work is requested with [`Reply::NeedsBytes`] and [`Reply::NeedsDisk`]. The `responses` module builds the responses.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use jiff::Timestamp;

use super::archives::ArchiveDocument;
use super::change_source::ChangesRequest;
use super::disk::DiskRequest;
use super::reply::Reply;
use super::request::{RequestHead, has_valid_host};
use super::responses;
use super::target::{self, PathError};
use crate::config::{FeedAlias, Retirement};
use crate::encoding::encode_segment;
use crate::feed::Format;
use crate::ledger::archive::ArchiveName;
use crate::snapshot::{ArchiveAddress, Fallbacks, GoneArticle, Resource, RetiredAddress, Snapshot};
use crate::types::{Text, WebUrl};

/// Routes a request. `now` becomes Date and decides whether saved documents have expired.
pub fn respond(snapshot: &Snapshot, head: &RequestHead<'_>, now: Timestamp) -> Reply {
    let refuse = |status| Reply::Ready(responses::error(head, status, now));
    if !has_valid_host(head) {
        return refuse(StatusCode::BAD_REQUEST);
    }
    match *head.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Reply::Ready(responses::options(now)),
        _ => return refuse(StatusCode::METHOD_NOT_ALLOWED),
    }
    let path = match target::canonical(head.uri.path()) {
        Ok(path) => path,
        Err(PathError::Malformed) => return refuse(StatusCode::BAD_REQUEST),
        Err(PathError::NotFound) if snapshot.generation > 0 => return refuse(StatusCode::NOT_FOUND),
        Err(PathError::NotFound) => return refuse(StatusCode::SERVICE_UNAVAILABLE),
    };
    match route(snapshot, &path) {
        Route::Health => Reply::Ready(responses::text(head, "ok\n", now)),
        // Saved by the previous run: served until the first publication unless it expires. The handler verifies it first.
        Route::Document(route, resource)
            if snapshot.generation == 0 && resource.expires.is_none_or(|expires| now < expires) =>
        {
            responses::document(head, route, resource, now)
        }
        // Crawlers take an error for a prohibition.
        Route::Robots => Reply::Ready(responses::robots(head, now)),
        Route::Readiness if snapshot.generation == 0 => Reply::Ready(responses::starting(head, &snapshot.report, now)),
        _ if snapshot.generation == 0 => refuse(StatusCode::SERVICE_UNAVAILABLE),
        Route::Readiness => Reply::Ready(responses::readiness(head, &snapshot.report, now)),
        Route::GoneArticle(gone) => Reply::Ready(responses::gone_article(head, &gone, now)),
        Route::Document(route, resource) => responses::document(head, route, resource, now),
        Route::Disk(request) => Reply::NeedsDisk(request),
        Route::Archive(archive) => Reply::NeedsArchive(archive),
        Route::Changes(request) => Reply::NeedsChanges(request),
        Route::Redirect(reference) => Reply::Ready(responses::redirect(head, &reference, now)),
        Route::MovedPermanently(url) => Reply::Ready(responses::moved_permanently(head, &url, now)),
        Route::GoneFeed(retired, reason) => Reply::Ready(responses::gone_feed(head, retired, reason, now)),
        Route::Icon(icon) => Reply::Ready(responses::icon(head, icon, now)),
        Route::NotFound => refuse(StatusCode::NOT_FOUND),
    }
}

/// The target of a path.
#[derive(Debug)]
enum Route<'s> {
    Health,
    Readiness,
    Document(&'s Arc<str>, &'s Arc<Resource>),
    Disk(DiskRequest),
    /// An archive of a feed.
    Archive(ArchiveDocument),
    Changes(ChangesRequest),
    /// A retracted or expired article.
    GoneArticle(GoneArticle),
    /// A redirect relative to the request's own path, which works whether or not a proxy strips the prefix.
    Redirect(String),
    /// A retired address that moved.
    MovedPermanently(String),
    /// A retired address that is gone, with the operator's reason.
    GoneFeed(&'s RetiredAddress, Option<&'s Text>),
    /// The rules for crawlers.
    Robots,
    /// The site's icon, if it has one.
    Icon(Option<&'s WebUrl>),
    NotFound,
}

/// Routes a canonical path with or without the prefix. A path that matches both ways is read with its prefix, as the public URL.
fn route<'s>(snapshot: &'s Snapshot, path: &str) -> Route<'s> {
    let prefix = target::canonical(&snapshot.prefix).unwrap_or(Cow::Borrowed(""));
    if !prefix.is_empty()
        && let Some(below) = path.strip_prefix(&*prefix)
    {
        let route = match below {
            "" => redirect_to_slash(path),
            below if below.starts_with('/') => below_prefix(snapshot, below),
            _ => Route::NotFound,
        };
        if !matches!(route, Route::NotFound) {
            return route;
        }
    }
    match below_prefix(snapshot, path) {
        Route::NotFound => {
            let below = path.strip_prefix(&*prefix).filter(|below| below.starts_with('/')).unwrap_or(path);
            match retired_route(snapshot, below) {
                Route::NotFound => fallback_route(snapshot, below),
                route => route,
            }
        }
        route => route,
    }
}

/// Looks a path up among the addresses that lead somewhere where nothing else is.
fn fallback_route<'s>(snapshot: &'s Snapshot, path: &str) -> Route<'s> {
    let Fallbacks { base, feed_aliases, icon } = &*snapshot.fallbacks;
    match path {
        "/robots.txt" => return Route::Robots,
        "/favicon.ico" => return Route::Icon(icon.as_ref()),
        _ => {}
    }
    let aliases = feed_aliases.iter().flat_map(|tool| tool.feeds_at(path));
    let feed = aliases.into_iter().find_map(|alias| feed_document(snapshot, &alias));
    let url = feed.zip(base.as_ref()).map(|(feed, base)| format!("{base}{}", feed.trim_start_matches('/')));
    url.map_or(Route::NotFound, Route::MovedPermanently)
}

/// The document of a feed: in the format that the other tool serves, or else in the first one that the feed has.
fn feed_document(snapshot: &Snapshot, alias: &FeedAlias) -> Option<String> {
    let formats = [alias.format].into_iter().chain(Format::ALL);
    let documents = formats.map(|format| format!("{}{}", alias.folder, format.file_name()));
    documents.into_iter().find(|document| snapshot.documents.contains_key(document.as_str()))
}

/// Looks a path up among the retired addresses.
fn retired_route<'s>(snapshot: &'s Snapshot, path: &str) -> Route<'s> {
    let found = snapshot.retired_addresses.iter().find_map(|retired| Some((retired, retired.address.rest(path)?)));
    found.map_or(Route::NotFound, |(retired, rest)| match &retired.address.retirement {
        Retirement::Moved(url) => Route::MovedPermanently(format!("{url}{rest}")),
        Retirement::Gone(reason) => Route::GoneFeed(retired, reason.as_ref()),
    })
}

/// Routes a path below the prefix.
fn below_prefix<'s>(snapshot: &'s Snapshot, path: &str) -> Route<'s> {
    match path {
        "/healthz" => return Route::Health,
        "/readyz" => return Route::Readiness,
        _ => {}
    }
    // Sections may be called `articles` or `media`, and come first.
    if let Some((route, resource)) = snapshot.documents.get_key_value(path) {
        return Route::Document(route, resource);
    }
    if snapshot.documents.contains_key(&*format!("{path}/")) {
        return redirect_to_slash(path);
    }
    if let Some(archive) = archive(snapshot, path) {
        return Route::Archive(archive);
    }
    if let Some(request) = ChangesRequest::of(snapshot, path) {
        return Route::Changes(request);
    }
    if let Some(file) = path.strip_prefix("/media/").and_then(|path| snapshot.media.get(path)) {
        return Route::Disk(DiskRequest::Media(file.clone()));
    }
    if let Some(name) = path.strip_prefix("/articles/") {
        match article_route(snapshot, name) {
            Route::NotFound => {}
            route => return route,
        }
    }
    // Some systems send decomposed Unicode; section paths are composed (NFC).
    let Some(composed) = target::composed(path) else { return Route::NotFound };
    match snapshot.documents.get_key_value(&*composed) {
        Some((route, resource)) => Route::Document(route, resource),
        None => match archive(snapshot, &composed) {
            Some(archive) => Route::Archive(archive),
            None => ChangesRequest::of(snapshot, &composed).map_or(Route::NotFound, Route::Changes),
        },
    }
}

/// The archive of a feed with this path.
fn archive(snapshot: &Snapshot, path: &str) -> Option<ArchiveDocument> {
    let (folder, name) = path.split_at_checked(path.rfind('/')? + 1)?;
    let (name, format) = Format::of_archive(name)?;
    let name = ArchiveName::parse(name)?;
    let (feed, archives) = snapshot.archives.get_key_value(folder)?;
    let version = archives.find(name).filter(|_| archives.formats.contains(&format))?.version;
    Some(ArchiveDocument { address: ArchiveAddress { feed: Arc::clone(feed), name, version }, format })
}

/// Routes `<slug>-<short id>`. The short id decides; a different slug redirects to the current one.
fn article_route<'s>(snapshot: &'s Snapshot, name: &str) -> Route<'s> {
    let (name, folder) = match name.strip_suffix('/') {
        Some(name) => (name, ".."),
        None => (name, "."),
    };
    let short_id = name.rsplit_once('-').map_or(name, |(_, short_id)| short_id);
    let Some(article) = snapshot.articles.get(short_id) else {
        let known = snapshot.gone.get(short_id).map(|gone| GoneArticle::clone(gone));
        let gone = known.or_else(|| {
            let retracted = snapshot.retired.by_short_id(short_id)?;
            Some(GoneArticle { retracted: Some(retracted), reason: None })
        });
        return gone.map_or(Route::NotFound, Route::GoneArticle);
    };
    let right_name = encode_segment(article.name.as_str());
    if right_name == name && folder == "." {
        Route::Disk(DiskRequest::Article(Arc::clone(article)))
    } else {
        Route::Redirect(format!("{folder}/{right_name}"))
    }
}

/// Redirects to the same path with a trailing slash.
fn redirect_to_slash(path: &str) -> Route<'static> {
    Route::Redirect(format!("./{}/", path.rsplit_once('/').map_or(path, |(_, last)| last)))
}

#[cfg(test)]
mod tests;

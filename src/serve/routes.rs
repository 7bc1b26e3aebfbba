//! Where a request leads: the route table. Pure, a function of the snapshot, the request and the instant, without clock,
//! disk or sockets. What takes time is asked for, as [`Reply::NeedsBytes`] and [`Reply::NeedsDisk`]; the header fields of
//! every answer are made in [`super::responses`]. Long for its tests: tables of requests and what they get.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use jiff::Timestamp;

use super::disk::DiskRequest;
use super::reply::Reply;
use super::request::{RequestHead, has_valid_host};
use super::responses;
use super::target::{self, PathError};
use crate::config::Retirement;
use crate::encoding::encode_segment;
use crate::snapshot::{Gone, Resource, RetiredAddress, Snapshot};
use crate::types::Text;

/// Answers a request from the snapshot. `now` becomes Date, so that no answer contradicts itself about time.
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
        // Of the last run: shown until the articles are read, but nothing that expires meanwhile, and only once it is verified
        // (`connection::reply_to`).
        Route::Document(route, resource)
            if snapshot.generation == 0 && resource.until.is_none_or(|until| now < until) =>
        {
            responses::document(head, route, resource, now)
        }
        Route::Readiness if snapshot.generation == 0 => Reply::Ready(responses::starting(head, &snapshot.report, now)),
        _ if snapshot.generation == 0 => refuse(StatusCode::SERVICE_UNAVAILABLE),
        Route::Readiness => Reply::Ready(responses::readiness(head, &snapshot.report, now)),
        Route::GoneArticle(gone) => Reply::Ready(responses::gone_article(head, gone, now)),
        Route::Document(route, resource) => responses::document(head, route, resource, now),
        Route::Disk(request) => Reply::NeedsDisk(request),
        Route::Redirect(reference) => Reply::Ready(responses::redirect(head, &reference, now)),
        Route::MovedPermanently(url) => Reply::Ready(responses::moved_permanently(head, &url, now)),
        Route::GoneFeed(former, reason) => Reply::Ready(responses::gone_feed(head, former, reason, now)),
        Route::NotFound => refuse(StatusCode::NOT_FOUND),
    }
}

/// Where a path leads.
#[derive(Debug)]
enum Route<'s> {
    Health,
    Readiness,
    Document(&'s Arc<str>, &'s Arc<Resource>),
    Disk(DiskRequest),
    /// Nowhere any more.
    GoneArticle(&'s Gone),
    /// To a reference relative to the request's own path: right whether or not a proxy took the prefix away.
    Redirect(String),
    /// To an address of its own, for good.
    MovedPermanently(String),
    /// Nowhere any more, as the operator says.
    GoneFeed(&'s RetiredAddress, Option<&'s Text>),
    NotFound,
}

/// Routes a canonical path. The prefix may be there or not; where a path means something both ways, it is read as the
/// public URL, with its prefix.
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
            let below = path.strip_prefix(&*prefix).filter(|below| below.starts_with('/'));
            retired_route(snapshot, below.unwrap_or(path))
        }
        route => route,
    }
}

/// Where nothing is published, something may have been.
fn retired_route<'s>(snapshot: &'s Snapshot, path: &str) -> Route<'s> {
    let found = snapshot.former.iter().find_map(|former| Some((former, former.address.rest(path)?)));
    found.map_or(Route::NotFound, |(former, rest)| match &former.address.fate {
        Retirement::Moved(url) => Route::MovedPermanently(format!("{url}{rest}")),
        Retirement::Gone(reason) => Route::GoneFeed(former, reason.as_ref()),
    })
}

/// The route table.
fn below_prefix<'s>(snapshot: &'s Snapshot, path: &str) -> Route<'s> {
    match path {
        "/healthz" => return Route::Health,
        "/readyz" => return Route::Readiness,
        _ => {}
    }
    if let Some(name) = path.strip_prefix("/articles/") {
        return article_route(snapshot, name);
    }
    if let Some(path) = path.strip_prefix("/media/") {
        return snapshot.media.get(path).map_or(Route::NotFound, |file| Route::Disk(DiskRequest::Media(file.clone())));
    }
    if let Some((route, resource)) = snapshot.documents.get_key_value(path) {
        return Route::Document(route, resource);
    }
    if snapshot.documents.contains_key(&*format!("{path}/")) {
        return redirect_to_slash(path);
    }
    // Some systems decompose what people type; sections are composed (NFC).
    let composed = target::composed(path).and_then(|path| snapshot.documents.get_key_value(&*path));
    composed.map_or(Route::NotFound, |(route, resource)| Route::Document(route, resource))
}

/// `<slug>-<short id>`: the short id decides, and any other slug is led to the right one.
fn article_route<'s>(snapshot: &'s Snapshot, name: &str) -> Route<'s> {
    let (name, folder) = match name.strip_suffix('/') {
        Some(name) => (name, ".."),
        None => (name, "."),
    };
    let short_id = name.rsplit_once('-').map_or(name, |(_, short_id)| short_id);
    let Some(article) = snapshot.articles.get(short_id) else {
        return snapshot.gone.get(short_id).map_or(Route::NotFound, |gone| Route::GoneArticle(gone));
    };
    let right_name = encode_segment(article.name.as_str());
    if right_name == name && folder == "." {
        Route::Disk(DiskRequest::Article(Arc::clone(article)))
    } else {
        Route::Redirect(format!("{folder}/{right_name}"))
    }
}

fn redirect_to_slash(path: &str) -> Route<'static> {
    Route::Redirect(format!("./{}/", path.rsplit_once('/').map_or(path, |(_, last)| last)))
}

#[cfg(test)]
mod tests;
